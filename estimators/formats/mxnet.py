"""Count parameters in MXNet `.params` files.

Spec: apache/mxnet, src/ndarray/ndarray.cc (`NDArray::Save` of lists, `Load`, `LegacyLoad`): a magic number, the arrays
one after the other (each with its shape, device and element type before its data), then their names. Zips that MXNet 2
writes under the same ending are NumPy's.

Walks the headers and steps over the data unread: a block for each array that is not small, or until `Hints.enough` is
certain. Names come last; they tell weights that were quantised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from estimators import packing, results
from estimators.bounds import Interval
from estimators.dtypes import Kind, bits_of, kind_of
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import front_reader
from estimators.reading.records import RecordCursor

MAGIC = (0x112).to_bytes(8, "little")
HEAD_BYTES = 16  # the magic and a reserved number
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA  # arrays with 64-bit sizes, with storage types, with NumPy's shapes
DTYPES = {
    0: "F32", 1: "F64", 2: "F16", 3: "U8", 4: "I32", 5: "I8", 6: "I64", 7: "BOOL", 8: "I16", 9: "U16", 10: "U32",
    11: "U64", 12: "BF16",
}  # fmt: skip
AUXILIARY = {0: 0, 1: 1, 2: 2}  # index arrays of dense, row-sparse and compressed arrays
MAX_ARRAYS = 20_000  # networks in use have fewer than 5,000
MAX_DIMENSIONS = 32
MAX_NAME_BYTES = 4_096
MAX_NAMES_BYTES = 16 * 1024 * 1024  # of all, which are kept
QUANTISED_ENDING = "_quantize"
RANGE_ENDINGS = ("_quantize_min", "_quantize_max")


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the magic number and a reserved zero."""
    return front[:HEAD_BYTES] == MAGIC + bytes(8)


@dataclass(frozen=True, slots=True)
class _Array:
    dtype: str
    shape: tuple[int, ...]
    elements: int


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one MXNet file.

    Args:
        reader: the file; its front, then a block at each large array.
        hints: `enough` ends the walk early.

    Raises:
        MalformedFile: a header contradicts the format or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    if not matches(source.read(0, HEAD_BYTES), source.name):
        raise MalformedFile(source.name, "does not begin with MXNet's magic number")
    cursor = RecordCursor(source, HEAD_BYTES, wide_lengths=True)
    count = cursor.length("number of arrays", MAX_ARRAYS)
    arrays, floats = [], 0
    for number in range(count):
        if hints.enough is not None and floats > hints.enough and number + 1 < count and source.size is not None:
            return _partial(source, floats, number, source.size - cursor.position)
        array = _read_array(cursor, number)
        arrays.append(array)
        floats += array.elements if kind_of(array.dtype) is Kind.FLOAT else 0
    tally = results.tally_for(source.name, hints)
    for array, name in zip(arrays, _names(cursor, count), strict=True):
        dtype = array.dtype
        if name.endswith(RANGE_ENDINGS):
            continue
        if name.endswith(QUANTISED_ENDING) and kind_of(dtype) is Kind.INTEGER:
            dtype = "F32"  # a quantised array counts by its shape, as floats do
        tally.add(packing.Tensor(name, dtype, array.shape, array.elements))
    return results.of_tally(source, Basis.MXNET_HEADER, tally)


def _partial(source: ByteReader, floats: int, seen: int, left: int) -> Estimate:
    note = f"{seen} arrays were seen, the rest is bounded by its size"
    interval = Interval(floats, floats + left)  # no element type has less than a byte
    return results.of_interval(source, Basis.MXNET_HEADER, interval, note=note, partial=True)


def _read_array(cursor: RecordCursor, number: int) -> _Array:
    """One array's header; its data is stepped over."""
    what = f"array {number}"
    magic = cursor.uint32(f"{what}: version")
    auxiliary, stored = 0, None
    if magic in (V2, V3):
        storage = cursor.int32(f"{what}: storage type")
        if storage not in AUXILIARY:
            raise MalformedFile(cursor.file, f"{what} has storage type {storage}; 0, 1 and 2 are known")
        auxiliary = AUXILIARY[storage]
        stored = _shape(cursor, what, cursor.int32(f"{what}: dimensions"), wide=True) if auxiliary else None
    wide = magic in (V1, V2, V3)
    dimensions = cursor.int32(f"{what}: dimensions") if wide else magic
    if dimensions < 0 or (dimensions == 0 and magic != V3):
        return _Array("F32", (), 0)  # declared and never given a shape: nothing follows
    shape = _shape(cursor, what, dimensions, wide=wide)
    cursor.skip(8, f"{what}: device")
    dtype = _dtype(cursor, what)
    aux = [(_dtype(cursor, what), _shape(cursor, what, cursor.int32(what), wide=True)) for _ in range(auxiliary)]
    for kind, sizes in [(dtype, shape if stored is None else stored), *aux]:
        cursor.skip_data((bits_of(kind) or 8) // 8 * math.prod(sizes), f"{what}: data")
    return _Array(dtype, shape, math.prod(shape))


def _dtype(cursor: RecordCursor, what: str) -> str:
    code = cursor.int32(f"{what}: element type")
    if code not in DTYPES:
        raise MalformedFile(cursor.file, f"{what} has element type {code}; 0 to {max(DTYPES)} are known")
    return DTYPES[code]


def _shape(cursor: RecordCursor, what: str, dimensions: int, *, wide: bool) -> tuple[int, ...]:
    if not 0 <= dimensions <= MAX_DIMENSIONS:
        raise MalformedFile(cursor.file, f"{what} has {dimensions} dimensions; at most {MAX_DIMENSIONS} are allowed")
    read = cursor.int64 if wide else cursor.uint32
    shape = tuple(read(f"{what}: size") for _ in range(dimensions))
    if min(shape, default=0) < 0 or math.prod(shape) >= results.MAX_ELEMENTS:
        raise MalformedFile(cursor.file, f"{what} has shape {list(shape)}")
    return shape


def _names(cursor: RecordCursor, count: int) -> list[str]:
    """The names of all arrays; lists may have none."""
    stated = cursor.length("number of names", MAX_ARRAYS)
    if stated not in (0, count):
        raise MalformedFile(cursor.file, f"states {stated} names for {count} arrays")
    names: list[str] = []
    left = MAX_NAMES_BYTES
    for _ in range(stated):
        length = cursor.length("length of a name", min(MAX_NAME_BYTES, left))
        left -= length
        name = cursor.take(length, "a name").decode("utf-8", "replace")
        names.append(name.partition(":")[2] if name.startswith(("arg:", "aux:")) else name)
    return names or [f"array {number}" for number in range(count)]
