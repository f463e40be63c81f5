"""Bound the parameters of Kaldi's binary models (`final.mdl` of Vosk and kin).

Spec: kaldi-asr/kaldi, src/base/io-funcs.h, src/matrix/kaldi-matrix.cc, packed-matrix.cc and compressed-matrix.cc:
after a zero and "B" a stream of tokens and numbers, in which every matrix and vector states its kind and sizes before
its data.

The tokens between them differ by the kind of model, and are searched for the next matrix instead of being parsed, so
that the count is an interval: matrices at least, and at most everything else, too, among it vectors of statistics and
one number for each byte that belongs to neither.
"""

from __future__ import annotations

import re
import struct

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading import front_reader
from estimators.views import BLOCK_BYTES, Pages

STARTS = tuple(
    b"\0B" + start
    for start in (b"<Transition", b"<Nnet", b"<DiagGMM", b"<FullGMM", b"<IvectorEx", b"<Plda", b"FM \4", b"DM \4")
)
HEADER = re.compile(rb"([FD][MVP]) \x04(.{4})(?:\x04(.{4}))?|(CM[23]?) .{8}(.{4})(.{4})", re.DOTALL)
LONGEST_HEADER_BYTES = 20
ELEMENT_BYTES = {b"F": 4, b"D": 8}
COMPRESSED_BYTES = {b"CM": 1, b"CM2": 2, b"CM3": 1}  # of an element
COLUMN_BYTES = 8  # of a header for each column of the first kind
MAX_MATRICES = 200_000


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with Kaldi's binary mark and a model or a matrix."""
    return front.startswith(STARTS)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Bound the parameters of one Kaldi model.

    Args:
        reader: the file; what lies between matrices, in growing ranges.
        hints: `enough` ends the reading early.

    Raises:
        MalformedFile: the file does not begin as one of Kaldi's, or its size is unknown.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    size = source.size
    if not matches(source.read(0, BLOCK_BYTES), source.name) or size is None:
        raise MalformedFile(source.name, "does not begin as a binary model of Kaldi, or has no known size")
    pages = Pages(source, ahead=2 * BLOCK_BYTES)
    low = high = at = 0
    for _ in range(MAX_MATRICES):
        found = _next_matrix(pages, at, size)
        if found is None:
            break
        begin, end, elements, is_matrix = found
        high += begin - at + elements
        low += elements if is_matrix else 0
        at = end
        if hints.enough is not None and low > hints.enough:
            break
    partial = hints.enough is not None and low > hints.enough
    return results.of_interval(
        source,
        Basis.RAW_VALUES,
        Interval(low, high + size - at),
        note="from the matrices of a Kaldi model to every number in it",
        partial=partial,
    )


def _next_matrix(pages: Pages, at: int, size: int) -> tuple[int, int, int, bool] | None:
    """Where the next matrix or vector begins and ends, its elements and whether it is a matrix; None at the end."""
    while at < size:
        piece = pages.read(at, BLOCK_BYTES)
        for match in HEADER.finditer(piece):
            elements, data_bytes = _extent(match)
            begin = at + match.start()
            end = at + _header_end(match) + data_bytes
            if elements >= 0 and end <= size:
                return begin, end, elements, match[1] is None or match[1][1:] != b"V"
        if len(piece) <= LONGEST_HEADER_BYTES:
            return None
        at += len(piece) - LONGEST_HEADER_BYTES if at + len(piece) < size else len(piece)
    return None


def _header_end(match: re.Match[bytes]) -> int:
    """Offset behind a header; one size is enough for vectors and packed matrices."""
    return match.end() if match[4] or match[1][1:] == b"M" else match.end(2)


def _extent(match: re.Match[bytes]) -> tuple[int, int]:
    """Elements and bytes of the data behind a header; -1 elements where it is none."""
    if match[4]:
        rows, columns = _number(match[5]), _number(match[6])
        if rows < 0 or columns < 0:
            return -1, 0
        heads = COLUMN_BYTES * columns if match[4] == b"CM" else 0
        return rows * columns, rows * columns * COMPRESSED_BYTES[match[4]] + heads
    rows = _number(match[2])
    kind = match[1][1:]
    if rows < 0 or (kind == b"M" and not match[3]):
        return -1, 0
    columns = _number(match[3]) if kind == b"M" else 1
    elements = rows * (rows + 1) // 2 if kind == b"P" else rows * columns
    return (elements, elements * ELEMENT_BYTES[match[1][:1]]) if columns >= 0 else (-1, 0)


def _number(raw: bytes) -> int:
    return int(struct.unpack("<i", raw)[0])
