"""NumPy arrays inside pickles, by their shape and type; the numbers are never read.

Spec: numpy, `ndarray.__reduce__` and `__reduce_ex__` (methods.c), `numpy._core.multiarray._reconstruct`,
`numpy._core.numeric._frombuffer` (protocol 5), `dtype.__reduce__` (descriptor.c). numpy 2 renamed `numpy.core` to
`numpy._core`.
"""

from __future__ import annotations

from typing import NamedTuple

from estimators.errors import MalformedFile
from estimators.reading.pickle_nodes import Call, Dict, Global, Node, Payload, pairs_of
from estimators.results import MAX_ELEMENTS

# Kind letter and bytes of a numpy type to its name in dtypes.py.
DTYPES = {
    "f2": "F16", "f4": "F32", "f8": "F64", "f12": "F96", "f16": "F128", "c8": "C64", "c16": "C128", "c32": "C256",
    "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8", "u2": "U16", "u4": "U32", "u8": "U64", "b1": "BOOL",
}  # fmt: skip
# Types by the name of their class: what `numpy.dtype(numpy.float32)` gives, and the ml_dtypes package's.
CLASSES = {
    "float16": "F16", "float32": "F32", "float64": "F64", "float": "F64", "longdouble": "F128", "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3", "float8_e4m3": "F8_E4M3", "float8_e5m2": "F8_E5M2", "complex64": "C64",
    "complex128": "C128", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "int": "I64", "uint8": "U8",
    "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool_": "BOOL", "bool": "BOOL", "int4": "I4", "uint4": "U4",
}  # fmt: skip
OBJECTS, RECORDS, TEXTS, OTHER = "objects", "records", "texts", "other"
MAX_DIMENSIONS = 64
MAX_NESTED_TYPES = 8

_RECONSTRUCT = frozenset({
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "numpy.ma.core._mareconstruct",
})  # fmt: skip
_FROM_BUFFER = frozenset({"numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"})


class Array(NamedTuple):
    """One array.

    Attributes:
        dtype: as in dtypes.py, or one of `OBJECTS`, `RECORDS` (structured), `TEXTS` and `OTHER`, which are no numbers.
        shape: dimensions.
        elements: their product.
        items: elements of an array of objects, as nodes; empty for every other.
        fields: of a structured type, name to type; empty for every other.
    """

    dtype: str
    shape: tuple[int, ...]
    elements: int
    items: list[Node]
    fields: dict[str, str]


def array_of(file: str, node: Node) -> Array | None:
    """The array that a node stands for; None where it is none.

    Raises:
        MalformedFile: it is one, but its shape is impossible.
    """
    if not isinstance(node, Call):
        return None
    if node.path in _RECONSTRUCT:
        state = node.state
        if not isinstance(state, tuple) or len(state) < 5:
            return None
        if isinstance(state[0], tuple):  # without a version in front, before numpy 1.0
            shape, kind, data = state[0], state[1], state[3]
        else:
            shape, kind, data = state[1], state[2], state[4]
        return _array(file, shape, kind, data)
    if node.path in _FROM_BUFFER and isinstance(node.arguments, tuple) and len(node.arguments) >= 3:
        data, kind, shape = node.arguments[:3]
        return _array(file, shape, kind, data)
    return None


def _array(file: str, shape: Node, kind: Node, data: Node) -> Array:
    dtype, fields = dtype_of(kind)
    elements = elements_of(file, shape)
    items = data if dtype == OBJECTS and isinstance(data, list) else []
    _check_extent(file, dtype, elements, data)
    return Array(dtype, tuple(shape), elements, items, fields)


def elements_of(file: str, shape: Node) -> int:
    """Product of a shape's dimensions.

    Raises:
        MalformedFile: it is no tuple of sizes, or the product passes 2^63.
    """
    elements = 1
    if not isinstance(shape, tuple | list) or len(shape) > MAX_DIMENSIONS:
        raise MalformedFile(file, f"shape of an array is {type(shape).__name__}, not up to {MAX_DIMENSIONS} sizes")
    for dimension in shape:
        if not isinstance(dimension, int) or dimension < 0:
            raise MalformedFile(file, "shape of an array has a dimension that is no size")
        elements *= dimension
        if elements >= MAX_ELEMENTS:
            raise MalformedFile(file, "shape of an array has 2^63 elements or more")
    return elements


def dtype_of(node: Node, depth: int = 0) -> tuple[str, dict[str, str]]:
    """Name of a numpy type, and the fields of a structured one; `depth` counts types inside types."""
    if isinstance(node, Global):  # numpy.float32 itself
        return CLASSES.get(node.name, OTHER), {}
    if not isinstance(node, Call) or not isinstance(node.arguments, tuple) or not node.arguments:
        return OTHER, {}
    kind = node.arguments[0]
    if isinstance(kind, Global):
        return CLASSES.get(kind.name, OTHER), {}
    if not isinstance(kind, str):
        return OTHER, {}
    if kind[:1] == "O":
        return OBJECTS, {}
    if kind[:1] in ("S", "U", "a", "T"):
        return TEXTS, {}
    if kind[:1] == "V":
        return RECORDS, _fields(node.state, depth + 1)
    return DTYPES.get(kind.lstrip("<>|=")) or CLASSES.get(kind, OTHER), {}


def _fields(state: Node, depth: int) -> dict[str, str]:
    """Fields of a structured type: the fifth part of its state, a dictionary of name to (type, offset, ...)."""
    if not isinstance(state, tuple) or len(state) < 5 or not isinstance(state[4], Dict) or depth > MAX_NESTED_TYPES:
        return {}
    return {
        name: dtype_of(value[0], depth)[0]
        for name, value in pairs_of(state[4])
        if isinstance(name, str) and isinstance(value, tuple) and value
    }


def _check_extent(file: str, dtype: str, elements: int, data: Node) -> None:
    """Raise if the numbers are in the pickle and too few for the shape."""
    if isinstance(data, Call) and isinstance(data.arguments, tuple) and data.arguments:
        data = data.arguments[0]  # `_codecs.encode(text, "latin1")`, as protocols 0 to 2 write bytes
    # A text that was stepped over has at least a byte for each of the array's.
    held = data.length if isinstance(data, Payload) else len(data) if isinstance(data, bytes | str) else None
    if data is None and elements:
        held = 0
    digits = dtype.lstrip("FCBIU")
    if held is None or held < 0 or not digits.isdigit():
        return
    if elements * int(digits) > 8 * held:
        raise MalformedFile(file, f"array of {elements} {dtype} has {held} bytes of data")
