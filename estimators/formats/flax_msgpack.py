"""Count parameters in MessagePack files: Flax checkpoints, and the models of spaCy and thinc.

Spec: flax/serialization.py (`msgpack_serialize`; arrays of more than 1 GiB come in chunks); thinc/model.py
(`Model.to_bytes`: nodes, attrs, params, shims) and thinc 7's `weights`; the walk is msgpack_walk.py's.

Reads keys, shapes and types, and never the elements. Shims of thinc hold whole PyTorch checkpoints as bytes: those are
estimated as files of their own. Of a training state (`TrainState`, `flax.optim`) the optimizer is left out. Arrays lie
between their keys, so that large ones cost a range each: where a bound is enough, the walk stops there.
"""

from __future__ import annotations

import re

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, ZERO, Interval
from estimators.formats.nested import Nested
from estimators.formats.pickled.model_words import name_of
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.packing import Tensor
from estimators.reading import npy
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.msgpack_walk import Blob, StoppedError, Walker

# thinc 8 begins with its nodes; thinc 7, and so spaCy 2, with its weights.
_THINC = re.compile(rb"\x84\xa5nodes[\x90-\x9f\xdc\xdd]|\x81(?:\xc4\x07|\xa7)weights[\x90-\x9f\xdc\xdd]")
# An array of Flax's: an extension of type 1, and in it a list of three that begins with a list of dimensions.
_FLAX = re.compile(rb"(?:\xc7.|\xc8..|\xc9....)\x01\x93[\x90-\x9f\xdc]", re.DOTALL)
_MAPS = frozenset({*range(0x80, 0x90), 0xDE, 0xDF})
_ATTRIBUTES = "attrs"  # settings of thinc's layers, which training does not change
_ELSEWHERE = "PLACEHOLDER://"  # Orbax writes this where an array lies in a file of its own
UNREMARKABLE_BYTES = 64 * 1024  # bytes that hold something other than an array; smaller ones are settings


def matches_flax(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as a map that holds one of Flax's arrays."""
    return front[:1] != b"" and front[0] in _MAPS and bool(_FLAX.search(front))


def matches_thinc(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as a model of thinc's."""
    return bool(_THINC.match(front))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one MessagePack file.

    Args:
        reader: the file.
        hints: how many parameters are enough.

    Raises:
        MalformedFile: the bytes are no such document, or contradict themselves or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    sink = _Sink(source, hints)
    unseen, partial, note = ZERO, False, ""
    try:
        sink.walker.walk()
    except StoppedError:
        partial = sink.has_enough
        left = None if source.size is None else source.size - sink.walker.position
        unseen = Interval(0, None if left is None else left * PARAMETERS_PER_BYTE_AT_MOST)
        note = "" if partial else "more values than are walked"
    if sink.elsewhere:
        unseen, note = Interval(0, None), "arrays lie in files of their own"
    return sink.found.estimate(Basis.MSGPACK_KEYS, unseen=unseen, partial=partial, note=note)


class _Sink:
    """Adds up what a walk tells of."""

    def __init__(self, source: FrontReader, hints: Hints) -> None:
        self.found = Nested(source, hints)
        self.elsewhere = False
        self.walker = Walker(source, self)
        self.has_enough = False

    def array(self, path: list[str], field: npy.Field | None, shape: tuple[int, ...], length: int) -> None:
        """See msgpack_walk.Sink."""
        if path[:1] == [_ATTRIBUTES]:
            return
        if field is None or field.dtype in (npy.OBJECT, npy.OPAQUE):
            self.found.unseen += Interval(0, length * PARAMETERS_PER_BYTE_AT_MOST)
            return
        self.found.add(Tensor(name_of(path), field.dtype, shape, npy.product(shape)))
        self._stop_where_enough()

    def blob(self, path: list[str], blob: Blob) -> None:
        """See msgpack_walk.Sink."""
        if path[:1] == [_ATTRIBUTES]:
            return
        is_file = self.found.add_file(".".join(path), blob.offset, blob.length)
        if not is_file and blob.length > UNREMARKABLE_BYTES:
            self.found.unseen += Interval(0, blob.length * PARAMETERS_PER_BYTE_AT_MOST)
        self._stop_where_enough()

    def _stop_where_enough(self) -> None:
        if not self.has_enough and self.found.has_enough():
            self.has_enough = True
            self.walker.finish()

    def text(self, path: list[str], text: str) -> None:  # noqa: ARG002 -- the text suffices
        """See msgpack_walk.Sink."""
        self.elsewhere = self.elsewhere or text.startswith(_ELSEWHERE)
