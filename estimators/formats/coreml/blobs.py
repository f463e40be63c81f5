"""Bound the parameters of the weight files of Core ML programs (`weights/weight.bin`), where no program lies beside.

Spec: apple/coremltools, mlmodel/src/MILBlob/Blob/StorageFormat.hpp and BlobDataType.hpp: a header of 64 bytes, then for
each value a record of 64 bytes (sentinel, type, size, offset) and its bytes, all at multiples of 64.

Reads the records and never the values. Floats count where nothing is packed; beside packed values they may be scales or
lookup tables. Values of up to ten elements stand in the program and not here, so that no count is exact.
"""

from __future__ import annotations

import struct

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import front_reader
from estimators.reading.protobuf import LARGEST_RANGE_BYTES
from estimators.reading.views import BLOCK_BYTES, Pages

VERSION = 2
ALIGNMENT = 64
SENTINEL = 0xDEADBEEF
MAX_RECORDS = 200_000  # large language models have 2,000
# Elements that a program's own text may hold at most: ten thousand values of ten.
MAX_INLINE = 100_000

HEADER, RECORD = struct.Struct("<II"), struct.Struct("<IIQQ")
# Bytes of an element by its type; all other types are integers, or floats with a scale.
FLOATS = {1: 2, 2: 4, 5: 2}
INTEGERS = frozenset({6, 7, 14, 15})  # of 16 and 32 bits: shapes and indices, or lookup indices of more than 8 bits


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the header and the first record."""
    if len(front) < ALIGNMENT + RECORD.size or HEADER.unpack_from(front)[1] != VERSION:
        return False
    return not any(front[HEADER.size : ALIGNMENT]) and RECORD.unpack_from(front, ALIGNMENT)[0] == SENTINEL


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Bound the parameters of one weight file.

    Args:
        reader: the file.
        hints: `enough` ends the walk where the rest would cost more ranges.

    Raises:
        MalformedFile: a record is not where it should be, or its value passes the end of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    pages = Pages(source, ahead=BLOCK_BYTES, most=LARGEST_RANGE_BYTES // 4)
    floats = packed = integers = 0
    count = HEADER.unpack(source.read_exactly(0, HEADER.size, "the header"))[0]
    if count > MAX_RECORDS:
        raise MalformedFile(source.name, f"header says {count} values; at most {MAX_RECORDS} are allowed")
    at, partial = ALIGNMENT, False
    for number in range(count):
        if hints.enough is not None and not packed and floats > hints.enough and number:
            partial = True
            break
        kind, size, offset = _record(pages, at, number)
        if kind in FLOATS:
            floats += size // FLOATS[kind]
        elif kind in INTEGERS:
            integers += size
        else:
            packed += size
        at = offset + size + -(offset + size) % ALIGNMENT
    unread = max((source.size or at) - at, 0) if partial else 0
    # Scales and lookup tables have a weight of as many elements or more; a mask lies beside a sparse one.
    high = floats + 8 * (packed + unread) + (8 * integers if packed else 0) + MAX_INLINE
    interval = Interval(max(floats, packed // 2), high)
    note = "the program that names these values was not read"
    return results.of_interval(source, Basis.COREML_GRAPH, interval, note=note, partial=partial)


def _record(pages: Pages, at: int, number: int) -> tuple[int, int, int]:
    """Type, bytes and offset of one value."""
    raw = pages.read(at, RECORD.size)
    if len(raw) < RECORD.size:
        raise MalformedFile(pages.name, f"record {number} at {at} passes the end of the file")
    sentinel, kind, size, offset = RECORD.unpack(raw)
    if sentinel != SENTINEL or offset < at + RECORD.size:
        raise MalformedFile(pages.name, f"no record begins at {at}, where value {number} should")
    if pages.size is not None and offset + size > pages.size:
        raise MalformedFile(pages.name, f"value {number} of {size} bytes at {offset} passes the end of the file")
    return kind, size, offset
