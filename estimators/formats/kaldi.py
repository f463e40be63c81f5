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
from dataclasses import dataclass

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import front_reader
from estimators.reading.views import BLOCK_BYTES, Pages

STARTS = tuple(
    b"\0B" + start
    for start in (b"<Transition", b"<Nnet", b"<DiagGMM", b"<FullGMM", b"<IvectorEx", b"<Plda", b"FM \4", b"DM \4")
)
HEADER = re.compile(rb"([FD][MVP]) \x04(.{4})(?:\x04(.{4}))?|(CM[23]?) .{8}(.{4})(.{4})", re.DOTALL)
LONGEST_HEADER_BYTES = 20
ELEMENT_BYTES = {b"F": 4, b"D": 8}
COMPRESSED_BYTES = {b"CM": 1, b"CM2": 2, b"CM3": 1}  # of an element
COLUMN_BYTES = 8  # of a header for each column of the first kind
MAX_HEADERS = 50_000  # or what looks like one; models have a few hundred
MAX_SEARCHED_BYTES = 64 * 1024 * 1024  # between matrices: transitions and pruned graphs have a few


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
    search = _Search(Pages(source, ahead=2 * BLOCK_BYTES), size)
    low = high = at = 0
    while hints.enough is None or low <= hints.enough:
        found = search.next(at)
        if found is None:
            break
        high += found.begin - at + found.elements
        low += found.elements if found.is_matrix else 0
        at = found.end
    return results.of_interval(
        source,
        Basis.RAW_VALUES,
        Interval(low, high + size - at),
        note="from the matrices of a Kaldi model to every number in it",
        partial=hints.enough is not None and low > hints.enough,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A matrix or vector: where its header begins and its data ends."""

    begin: int
    end: int
    elements: int
    is_matrix: bool


class _Search:
    """Finds one matrix after the other, as long as not too many headers were looked at."""

    def __init__(self, pages: Pages, size: int) -> None:
        self._pages = pages
        self._size = size
        self._looked_at = 0
        self._searched = 0

    def next(self, at: int) -> _Found | None:
        """The next matrix or vector from an offset on; None at the end."""
        while at < self._size and self._searched < MAX_SEARCHED_BYTES:
            piece = self._pages.read(at, BLOCK_BYTES)
            for match in HEADER.finditer(piece):
                self._looked_at += 1
                if self._looked_at > MAX_HEADERS:
                    return None
                elements, data_bytes = _extent(match)
                end = at + _header_end(match) + data_bytes
                if elements >= 0 and end <= self._size:
                    is_matrix = match[1] is None or match[1][1:] != b"V"
                    self._searched += match.start()
                    return _Found(at + match.start(), end, elements, is_matrix)
            self._searched += len(piece)
            if at + len(piece) >= self._size or len(piece) <= LONGEST_HEADER_BYTES:
                return None
            at += len(piece) - LONGEST_HEADER_BYTES
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
