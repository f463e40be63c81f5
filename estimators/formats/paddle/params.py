"""Count parameters in PaddlePaddle's `.pdparams` files.

Spec: PaddlePaddle/Paddle, python/paddle/framework/io.py: a pickled dictionary of NumPy arrays, or of pairs of a name
and an array, of protocols 2 to 4. bfloat16 is stored as uint16, which Paddle has no tensors of. Arrays above 1 GiB are
cut into several.

The opcodes are interpreted by pickles.py, which runs nothing and steps over the bytes of arrays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.pickled.arrays import Array, array_of
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.packing import Tally, Tensor
from estimators.reading import pickles
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.pickle_nodes import Call, Dict, Node, pairs_of
from estimators.reading.pickle_stream import PickleStream

MAX_DEPTH = 8  # dictionaries in dictionaries
MAX_ARRAYS = 400_000
# Keys of what a training run keeps beside the weights.
_STATE_KEYS = re.compile(r"(?:.*[._-])?(?:opt|optim|optimi[sz]ers?|lr_?sched\w*|scaler|schedulers?)(?:[._-].*)?")


class _EnoughError(Exception):
    """Reading may stop: certainly more parameters than asked were seen."""


def matches(front: bytes, name: str) -> bool:
    """Whether a file is a pickle named as Paddle's parameters; an optimizer's `.pdopt` is none."""
    return pickles.begins_pickle(front) and name.endswith(".pdparams")


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the arrays of a `.pdparams` file.

    Args:
        reader: the file; opcodes are read, the bytes of arrays stepped over.
        hints: the model's quantisation settings; `enough` ends the walk.

    Raises:
        MalformedFile: it is no pickle, or an array's shape is impossible.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    if hints.enough is not None and source.size is not None and source.size > 4 * hints.enough:
        partial = _first_part(source, hints, hints.enough, source.size)
        if partial is not None:
            return partial
    root = pickles.load(PickleStream(source)).value
    return results.of_tally(source, Basis.PADDLE_HEADER, _tally(source.name, [root], hints))


def _first_part(source: FrontReader, hints: Hints, enough: int, size: int) -> Estimate | None:
    """An interval by as many arrays as are enough; None where the whole file has to be read."""
    seen = 0

    def count(node: Node, _: PickleStream) -> None:
        nonlocal seen
        array = array_of(source.name, node) if isinstance(node, Call) else None
        if array is not None and array.dtype.startswith(("F", "B", "U16")):
            seen += array.elements
            if seen > enough:
                raise _EnoughError

    interpreter = pickles.Interpreter(PickleStream(source), after_build=count)
    try:
        interpreter.run()
    except _EnoughError:
        low = _tally(source.name, interpreter.stack, hints).finish().interval.low
    else:
        return None
    if low <= enough:
        return None
    position = interpreter.stream.position
    interval = Interval(low, max(8 * size, low))
    note = f"reading stopped at byte {position}, once more than {enough} parameters were certain"
    return results.of_interval(source, Basis.PADDLE_HEADER, interval, note=note, partial=True)


def _tally(file: str, nodes: Sequence[Node], hints: Hints) -> Tally:
    """All arrays that the nodes hold; on an open stack, values follow their keys."""
    tally = results.tally_for(file, hints)
    seen: set[int] = set()
    number, key = 0, ""
    for node in nodes:
        if isinstance(node, str):
            key = node
            continue
        arrays = () if _STATE_KEYS.fullmatch(key.lower()) else _arrays(file, node, key, 0, seen)
        for name, array in arrays:
            number += 1
            if number > MAX_ARRAYS:
                raise MalformedFile(file, f"holds more than {MAX_ARRAYS} arrays")
            dtype = "BF16" if array.dtype == "U16" else array.dtype
            tally.add(Tensor(name, dtype, array.shape, array.elements))
        key = ""
    return tally


def _is_tensor(file: str, node: Node) -> bool:
    """Whether a value under a trainer's key is a tensor itself: a layer may be called so."""
    return isinstance(node, Call) and array_of(file, node) is not None


def _arrays(file: str, node: Node, path: str, depth: int, seen: set[int]) -> Iterator[tuple[str, Array]]:
    """Every array of a dictionary with the keys that lead to it, each once; an optimizer's are left out."""
    if depth > MAX_DEPTH or id(node) in seen:
        return
    if isinstance(node, Call | Dict | list | tuple):
        seen.add(id(node))
    array = array_of(file, node) if isinstance(node, Call) else None
    if array is not None:
        yield path, array
    elif isinstance(node, Dict | Call):
        for key, value in pairs_of(node):
            name = key if isinstance(key, str) else ""
            if not _STATE_KEYS.fullmatch(name.lower()) or _is_tensor(file, value):
                yield from _arrays(file, value, f"{path}.{name}" if path else name, depth + 1, seen)
        if isinstance(node, Call):  # a tensor is pickled as a call that makes its pair
            yield from _arrays(file, node.arguments, path, depth + 1, seen)
    elif isinstance(node, list | tuple):
        for value in node:  # a pair of a name and an array, or a list of parameters
            yield from _arrays(file, value, path, depth + 1, seen)
