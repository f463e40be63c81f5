"""Count parameters in pickles that are no PyTorch checkpoint: scikit-learn, joblib, Q-tables, gensim, JAX, anything.

Spec: Python's pickle protocols 0 to 5, as pickles.py reads them; numpy's and joblib's ways to pickle arrays
(arrays.py, joblib_arrays.py); unpacked.py for joblib's compressed files.

The opcodes are interpreted symbolically and the arrays stepped over: nothing is imported, called or built, whatever a
file asks for. What an array is for follows from the classes and attributes around it (model_words.py): weights count;
trees, stored training data and scores widen the interval, since "parameter" has no settled meaning there; optimizers
and random states are left out. A pickle without arrays (a tokenizer, an encoder of labels, settings) has 0 parameters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, ZERO, Interval
from estimators.dtypes import Kind, kind_of
from estimators.errors import BudgetExceeded, MalformedFile
from estimators.formats.nested import Nested
from estimators.formats.pickled.arrays import array_of
from estimators.formats.pickled.joblib_arrays import Wrapped
from estimators.formats.pickled.models import Models
from estimators.formats.pickled.pruning import PruningInterpreter
from estimators.formats.pytorch.checkpoints import Count
from estimators.interface import Basis, Estimate, Hints
from estimators.reading import pickles
from estimators.reading.front import front_reader
from estimators.reading.pickle_nodes import Call, Dict, Node, pairs_of, walk
from estimators.reading.pickle_stream import PickleStream
from estimators.reading.unpacked import LZ4, Unpacked, is_compressed
from estimators.reading.views import WHOLE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from estimators.interface import ByteReader
    from estimators.reading.front import FrontReader

MEMORY_TAKEN_BYTES = 14 * 1024 * 1024  # of what pickles may take: visiting what they hold takes some, too
MAX_PICKLES = 200  # one after the other in a file
LZ4_RATIO = 255  # bytes unpacked from one, at most
_NAMES = re.compile(
    r".*\.(?:pkl|pickle|joblib|jbl|sav|dill|model|p)(?:\.(?:gz|gzip|z|bz2|xz|lzma|lz4))?\Z|.*\.pkl\.\w+\Z"
)
# Protocols 0 and 1 have no magic: a container, or the name of a class, begins them.
_OLD = re.compile(rb"\((?:d|l|i[\w.]+\n|c[\w.]+\n|t)|c[\w.]+\n[\w.]+\n|[\]}](?:q|\()")
_TORCH = re.compile(r"torch\._(?:utils|tensor)\._rebuild|torch\.storage\._load_from_bytes\Z|torch\.nn\.")
# Modules whose objects mean nothing but their contents.
_PLAIN = re.compile(r"(?:numpy|collections|builtins|__builtin__|_codecs|copyreg|jax|jaxlib|ml_dtypes|joblib)\b|\Z")
# Names of what may be no weights, or the same weights again.
_DOUBTFUL = re.compile(r"(?i)opt|state|moment|ema|averag|grad|buffer|history|memory|data|train|test|sample|obs|target")


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as a pickle; a compressed or an old one also has to be named as one."""
    if pickles.begins_pickle(front):
        return True
    return bool(_NAMES.match(name)) and (is_compressed(front) or bool(_OLD.match(front)))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one pickle, or of several in one file.

    Args:
        reader: the file.
        hints: for what the pickle holds.

    Raises:
        MalformedFile: the bytes are no pickle, or contradict themselves or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    front = source.front()
    if front.startswith(LZ4) and source.size is not None:
        found = Nested(source, hints)
        found.unseen = Interval(0, source.size * LZ4_RATIO * PARAMETERS_PER_BYTE_AT_MOST)
        return found.estimate(Basis.PICKLE, note="compressed by LZ4, which is not unpacked")
    compressed = is_compressed(front)
    content: ByteReader = Unpacked(source, front) if compressed else source
    document = _Document(content, hints.enough)
    document.read()
    calls = document.calls
    if any(_TORCH.match(path) for path in calls):
        return _of_tensors(source, hints, document)
    certain = not document.cut or _is_plain(calls)  # else what lies around a part of it is unknown
    return _of_models(source, hints, document, certain=certain, compressed=compressed)


class _EnoughError(Exception):
    """More numbers are certain than are asked for."""


class _Document:
    """The pickles of a file.

    Attributes:
        roots: what they describe.
        cut: why reading ended before the file did; empty where it did not.
        stopped: it ended on purpose, since enough is certain.
        stream: stands where reading ended.
        wrapped: the arrays of joblib.
        calls: the names of all that it would call.
    """

    def __init__(self, content: ByteReader, enough: int | None) -> None:
        self.roots: list[Node] = []
        self.cut = ""
        self.stopped = False
        self.wrapped = Wrapped()
        self.calls: set[str] = set()
        self.stream = PickleStream(content)
        self._enough = enough
        self._interpreter = PruningInterpreter(self.stream)
        self._interpreter.memory = MEMORY_TAKEN_BYTES
        self._numbers = 0

    def read(self) -> None:
        """Read them all, as far as the caps allow, or until plain arrays are enough."""
        for _ in range(MAX_PICKLES):
            memory = self._interpreter.memory
            self._interpreter = PruningInterpreter(
                self.stream, after_build=self._built, after_call=lambda call: self.calls.add(call.path)
            )
            self._interpreter.memory = memory
            try:
                self.roots.append(self._interpreter.run().value)
            except _EnoughError:
                self.cut = "enough is certain"
                self.stopped = True
            except BudgetExceeded as exc:
                self.cut = exc.message
            if self.cut:
                self.roots.extend(self._interpreter.roots())
                return
            if not self._another():
                return
        self.cut = f"more than {MAX_PICKLES} pickles"

    def _built(self, node: Node, stream: PickleStream) -> None:
        """Hear of every object that got its state: step over what joblib writes behind, and stop where that is sound.

        It is where the file holds arrays in plain containers only, none of which is named as anything but weights.
        """
        self.wrapped(node, stream)
        if self._enough is None or stream.size is None or stream.size < WHOLE_BYTES:
            return
        array = self.wrapped.array(node) or array_of(stream.file, node)
        if array is None or kind_of(array.dtype) is not Kind.FLOAT:
            return
        self._numbers += array.elements
        if self._numbers <= self._enough:
            return
        self._numbers = 0  # so that the look at everything is taken rarely
        roots = self._interpreter.roots()
        if _is_plain(self.calls) and not any(map(_DOUBTFUL.search, _texts(roots))):
            raise _EnoughError

    def _another(self) -> bool:
        """Whether another pickle follows."""
        size = self.stream.size
        if size is not None and self.stream.position >= size:
            return False
        try:
            self.stream.fill(3)
        except MalformedFile:
            return False  # the end
        return pickles.begins_pickle(self.stream.window[self.stream.at : self.stream.at + 3])

    def unread(self, *, compressed: bool) -> Interval:
        """What lies behind the end of reading may hold."""
        size = self.stream.size
        if not self.cut:
            return ZERO
        if compressed or size is None:
            return Interval(0, None)
        return Interval(0, max(size - self.stream.position, 0) * PARAMETERS_PER_BYTE_AT_MOST)


def _is_plain(calls: set[str]) -> bool:
    """Whether nothing but containers and arrays is in a file, so that even a part of it can be told."""
    return all(_PLAIN.match(path) for path in calls)


def _has_state(node: Node) -> bool:
    return isinstance(node, Call) and node.state is not None


def _texts(roots: list[Node]) -> Iterator[str]:
    """The texts that may be names: on the machine's stack, and keys of dictionaries."""
    yield from (node for node in roots if isinstance(node, str))
    for node in walk(roots):
        yield from (key for key, _ in pairs_of(node) if isinstance(key, str))


def _of_tensors(source: FrontReader, hints: Hints, document: _Document) -> Estimate:
    if document.cut:
        raise BudgetExceeded(source.name, document.cut)
    count = Count(source.name, hints)
    for root in document.roots:
        count.add(root)
    return count.estimate(source)


def _of_models(source: FrontReader, hints: Hints, document: _Document, *, certain: bool, compressed: bool) -> Estimate:
    found = Nested(source, hints)
    models = Models(source.name, found, document.wrapped.array, compressed)
    # Of a part of a pickle, arrays come before their elements, which lie beside them.
    for root in sorted(document.roots, key=lambda root: not (isinstance(root, Dict) or _has_state(root))):
        models.add(root, certain=certain)
    models.finish()
    note = "" if document.stopped else document.cut
    if document.wrapped.apart:
        found.unseen += Interval(0, None)
        note = "arrays lie in files of their own"
    unread = document.unread(compressed=compressed)
    return models.estimate(Basis.PICKLE, unseen=unread, note=note, partial=document.stopped)
