"""What the header messages of an HDF5 dataset say: its shape, its element type, where its data lies.

Spec: HDF5 File Format Specification 3.0, IV.A.2.b (dataspace), IV.A.2.d (datatype), IV.A.2.i (data layout), IV.A.2.l
(filter pipeline), IV.A.1 (shared messages).

Not pyfive's own decoding of these three messages: it refuses array, bit-field and time types and every committed
datatype, and a count has to tell a refused type from a float.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from estimators.formats.hdf5.headers import DATASPACE, DATATYPE, EXTERNAL_FILES, FILTERS, LAYOUT, Message, MessageFault
from estimators.results import MAX_ELEMENTS

SHARED = 0x02  # message flag: the message lies elsewhere
UNDEFINED = 0xFFFFFFFFFFFFFFFF  # an address of nothing
MAX_RANK = 32  # of the reference library
MAX_NESTED_TYPES = 8  # types in types; real files have two levels
MAX_FIELDS = 256  # of a compound type that are looked at

FIXED, FLOAT, STRING, OPAQUE, COMPOUND, SEQUENCE, ARRAY, COMPLEX = 0, 1, 3, 5, 6, 9, 10, 11
NEVER_WEIGHTS = (2, 3, 4, 7, 8)  # times, strings, bit fields, references, enumerations (h5py's booleans)
COMPACT, CONTIGUOUS, CHUNKED, VIRTUAL = 0, 1, 2, 3
NO_WEIGHTS = "BOOL"  # the name of a type that never counts


class ElementType(NamedTuple):
    """What one element of a dataset is.

    Attributes:
        dtype: in the names of `dtypes.py`; empty where it may hold several numbers, or any.
        numbers: numbers in one element at most: 1, or the product of an array type; None where there is no limit.
        size: bytes.
    """

    dtype: str
    numbers: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset's header.

    Attributes:
        shape: its dimensions.
        elements: their product.
        type: of an element.
        layout: compact, contiguous, chunked or virtual.
        address: of contiguous data; None where nothing was written.
        size: bytes of contiguous data.
        filtered: whether chunks may be compressed.
        external: whether the data lies in other files.
    """

    shape: tuple[int, ...]
    elements: int
    type: ElementType
    layout: int
    address: int | None
    size: int
    filtered: bool
    external: bool


def dataset_of(messages: Sequence[Message], committed: Callable[[int], ElementType]) -> Dataset:
    """The dataset that an object header describes.

    Args:
        messages: of the header.
        committed: reads the datatype object at an address.

    Raises:
        MessageFault, struct.error: the messages are broken.
    """
    first: dict[int, Message] = {}
    for message in messages:
        first.setdefault(message.kind, message)
    if DATATYPE not in first or LAYOUT not in first:
        raise MessageFault(f"a dataset has messages {sorted(first)}; a datatype and a layout are needed")
    shape = _shape(first[DATASPACE].body)
    elements = 0 if shape is None else math.prod(shape)
    if elements >= MAX_ELEMENTS:
        raise MessageFault(f"shape {shape} has 2^63 elements or more")
    kind = type_of(first[DATATYPE], committed)
    layout, address, size = _layout(first[LAYOUT].body, elements * kind.size)
    return Dataset(shape or (), elements, kind, layout, address, size, FILTERS in first, EXTERNAL_FILES in first)


def _shape(data: bytes) -> tuple[int, ...] | None:
    """Dimensions; None for a null dataspace, which has no element."""
    version, rank, _, kind = struct.unpack_from("<4B", data)
    if version not in (1, 2) or rank > MAX_RANK:
        raise MessageFault(f"dataspace has version {version} and {rank} dimensions; 1 or 2 and at most {MAX_RANK}")
    if version == 2 and kind == 2:
        return None
    return struct.unpack_from(f"<{rank}Q", data, 8 if version == 1 else 4)


def type_of(message: Message, committed: Callable[[int], ElementType]) -> ElementType:
    """The element type of a datatype message, which may only name where the type lies."""
    if not message.flags & SHARED:
        return _Types(message.body).read(0, 0)[0]
    version, kind = struct.unpack_from("<BB", message.body)
    if version == 3 and kind == 1:
        return ElementType("", None, 1)  # in the heap of shared messages, which nobody's model uses
    (address,) = struct.unpack_from("<Q", message.body, 8 if version == 1 else 2)
    return committed(address)


class _Types:
    """Reads datatypes out of the bytes of a header."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, at: int, depth: int) -> tuple[ElementType, int]:
        """A type, and where its description ends (the same place where that is not needed)."""
        head, bits, _, _, size = struct.unpack_from("<4BI", self._data, at)
        version, kind = head >> 4, head & 15
        if depth > MAX_NESTED_TYPES or not size or not 1 <= version <= 5:
            raise MessageFault(f"a datatype of version {version} nests {depth} deep and has {size} bytes")
        body = at + 8
        if kind == FIXED:
            return ElementType(f"{'I' if bits & 8 else 'U'}{8 * size}", 1, size), body + 4
        if kind == FLOAT:
            return ElementType(f"F{8 * size}" if size > 1 else "F8_E4M3", 1, size), body + 12
        if kind == OPAQUE:
            # Keras and h5py store bfloat16, which numpy does not know, as two opaque bytes.
            return ElementType("BF16" if size == 2 else "", 1 if size < 3 else size, size), body
        if kind == COMPOUND:
            count = struct.unpack_from("<H", self._data, at + 1)[0]
            return self._compound(body, version, count, size, depth), body
        if kind == ARRAY:
            return self._array(body, version, size, depth)
        if kind == SEQUENCE:
            if bits & 15 == 1:
                return ElementType(NO_WEIGHTS, 1, size), body
            inner, _ = self.read(body, depth + 1)
            known = inner.dtype[:1] in ("I", "U", "B") and inner.dtype != "BF16"
            return (ElementType(inner.dtype, 1, size) if known else ElementType("", None, size)), body
        if kind == COMPLEX:
            return ElementType(f"C{8 * size}", 1, size), body
        if kind in NEVER_WEIGHTS:
            return ElementType(NO_WEIGHTS, 1, size), body
        raise MessageFault(f"datatype class is {kind}; 0 to 11 are known")

    def _array(self, body: int, version: int, size: int, depth: int) -> tuple[ElementType, int]:
        rank = self._data[body]
        at = body + (4 if version < 3 else 1)
        if rank > MAX_RANK:
            raise MessageFault(f"an array type has {rank} dimensions; at most {MAX_RANK} are allowed")
        count = math.prod(struct.unpack_from(f"<{rank}I", self._data, at))
        inner, end = self.read(at + 4 * rank * (2 if version < 3 else 1), depth + 1)
        numbers = None if inner.numbers is None else count * inner.numbers
        return ElementType(inner.dtype, numbers, size), end

    def _compound(self, body: int, version: int, count: int, size: int, depth: int) -> ElementType:
        """Two floats are a complex number; anything else is a record, whose columns may be weights or not."""
        fields: list[tuple[bytes, ElementType]] = []
        at = body
        for _ in range(min(count, MAX_FIELDS)):
            end = self._data.index(b"\0", at)
            name = self._data[at:end]
            at = end + 1 if version >= 3 else at + (end - at + 8) // 8 * 8
            at += 32 if version == 1 else max(1, ((size - 1).bit_length() + 7) // 8) if version >= 3 else 4
            kind, after = self.read(at, depth + 1)
            fields.append((name, kind))
            if len(fields) == 2 == count and _is_complex(fields):
                return ElementType(f"C{8 * size}", 1, size)
            if after == at + 8:  # its length is not known, nor where the next field begins
                break
            at = after
        if len(fields) == count and all(kind.dtype[:1] in ("I", "U") for _, kind in fields):
            return ElementType("I64", 1, size)
        return ElementType("", size, size)


def _is_complex(fields: Sequence[tuple[bytes, ElementType]]) -> bool:
    names = b"".join(name[:1].lower() for name, _ in fields)
    return names == b"ri" and fields[0][1] == fields[1][1] and fields[0][1].dtype.startswith("F")


def _layout(data: bytes, wanted: int) -> tuple[int, int | None, int]:
    """Class, address and bytes of a dataset's data; address and bytes only where it is contiguous.

    Args:
        data: the message.
        wanted: bytes that the shape asks for.
    """
    version, first, second = struct.unpack_from("<3B", data)
    if version in (1, 2):
        kind, address = second, struct.unpack_from("<Q", data, 8)[0]
        return kind, None if address == UNDEFINED else address, wanted
    if version not in (3, 4, 5):
        raise MessageFault(f"layout message has version {version}; 1 to 5 are known")
    if first == CONTIGUOUS:
        address, size = struct.unpack_from("<QQ", data, 2)
        return first, None if address == UNDEFINED else address, size
    if first == COMPACT and struct.unpack_from("<H", data, 2)[0] < wanted:
        raise MessageFault(f"compact data has {struct.unpack_from('<H', data, 2)[0]} bytes, not {wanted}")
    return first, None, 0
