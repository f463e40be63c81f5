"""Arrays that joblib writes behind their wrappers, in the middle of a pickle.

Spec: joblib/numpy_pickle.py (`NumpyArrayWrapper`: shape, order, type, then padding and the raw elements, or a pickle of
its own for objects) and joblib/numpy_pickle_compat.py (before 0.10: the elements lie in files of their own).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.formats.pickled.arrays import OBJECTS, Array, dtype_of, elements_of
from estimators.reading import pickles
from estimators.reading.pickle_nodes import Call, Dict, Global, Node, get

if TYPE_CHECKING:
    from estimators.reading.pickles import PickleStream

# scikit-learn shipped its own copy of joblib until 0.23.
_WRAPPER = re.compile(r"(?:sklearn\.externals\.)?joblib\.numpy_pickle\.NumpyArrayWrapper\Z")
_APART = re.compile(r"(?:sklearn\.externals\.)?joblib\.numpy_pickle(?:_compat)?\.Z?NDArrayWrapper\Z")
MAX_STATE = 40  # keys and values of a wrapper; joblib writes six of each
MAX_NESTED = 20_000  # pickles in a pickle: one for each array of objects
MEMORY_TAKEN_BYTES = 20 * 1024 * 1024  # of what one pickle may take: the pickle around them has its own
_SIZED = re.compile(r"[<>|=]?([a-zA-Z])(\d+)", re.ASCII)
_CLASS_BYTES = {
    "float16": 2, "float32": 4, "float64": 8, "float": 8, "longdouble": 16, "complex64": 8, "complex128": 16,
    "bfloat16": 2, "int8": 1, "uint8": 1, "bool": 1, "bool_": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4,
    "int64": 8, "uint64": 8, "int": 8,
}  # fmt: skip


class Wrapped:
    """Reads what lies behind wrappers, as the hook `after_build` of a pickle.

    Attributes:
        apart: whether an array lies in a file of its own.
    """

    def __init__(self) -> None:
        self.apart = False
        self._arrays: dict[int, Array] = {}
        self._kept: list[Node] = []  # so that no identity is given twice
        self._nested = 0
        self._memory = MEMORY_TAKEN_BYTES

    def array(self, node: Node) -> Array | None:
        """The array that a wrapper stands for; None for everything else."""
        return self._arrays.get(id(node))

    def __call__(self, node: Node, stream: PickleStream) -> None:
        """Step over what lies behind a wrapper.

        Raises:
            MalformedFile: the wrapper describes no array, or the file ends inside its elements.
            BudgetExceeded: it holds too many arrays of objects.
        """
        if not isinstance(node, Call):
            return
        if not _WRAPPER.match(node.path):
            self.apart = self.apart or bool(_APART.match(node.path))
            return
        if not isinstance(node.state, Dict) or len(node.state.flat) > MAX_STATE:
            raise MalformedFile(stream.file, "an array of joblib has no description")
        shape, kind = get(node.state, "shape"), get(node.state, "dtype")
        dtype, fields = dtype_of(kind)
        elements = elements_of(stream.file, shape)
        items: list[Node] = []
        if dtype == OBJECTS:
            items = [self._pickle(stream)]
        else:
            alignment = get(node.state, "numpy_array_alignment_bytes")
            if isinstance(alignment, int) and not isinstance(alignment, bool):
                stream.skip(stream.take(1)[0])
            stream.skip(elements * _itemsize(stream.file, kind))
        self._kept.append(node)
        self._arrays[id(node)] = Array(dtype, tuple(shape), elements, items, fields)

    def _pickle(self, stream: PickleStream) -> Node:
        self._nested += 1
        if self._nested > MAX_NESTED:
            raise BudgetExceeded(stream.file, f"has more than {MAX_NESTED} arrays of objects")
        interpreter = pickles.Interpreter(stream)
        interpreter.memory = self._memory
        pickle = interpreter.run()
        self._memory = interpreter.memory + pickle.end - pickle.start  # so that opcodes without a result end, too
        return pickle.value


def _itemsize(file: str, kind: Node) -> int:
    """Bytes of an element.

    Raises:
        MalformedFile: the type does not tell them, so that nothing behind the array could be found.
    """
    named = (
        kind.arguments[0] if isinstance(kind, Call) and isinstance(kind.arguments, tuple) and kind.arguments else kind
    )
    if isinstance(named, Global) and named.name in _CLASS_BYTES:
        return _CLASS_BYTES[named.name]
    sized = _SIZED.match(named) if isinstance(named, str) else None
    if sized is not None and len(sized[2]) < 10:
        return int(sized[2]) * (4 if sized[1] == "U" else 1)
    if isinstance(named, str) and named in _CLASS_BYTES:
        return _CLASS_BYTES[named]
    raise MalformedFile(file, "an array of joblib has an element type whose size is unknown")
