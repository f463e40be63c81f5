"""The tensors of a safetensors header beside each other and beside the file: shapes, types and extents that fit."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import msgspec

from estimators import packing
from estimators.dtypes import bits_of
from estimators.errors import MalformedFile
from estimators.interface import Finding

MAX_ELEMENTS = 2**63  # elements of one tensor; torch and numpy index with signed 64-bit numbers
MAX_TENSORS = 400_000  # in one file: the largest models have 100,000 over all their shards


class Entry(msgspec.Struct, gc=False):
    """One tensor as the header describes it."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


class Layout:
    """Checks every tensor by itself, then all of them together against the file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._begins = array("Q")
        self._ends = array("Q")
        self._in_order = True  # by offset, as writers leave them: then nothing needs sorting
        self._last = (0, 0)
        self._unknown: dict[str, None] = {}
        self.spare = 0  # bytes of no tensor, once finished

    def check(self, name: str, entry: Entry) -> packing.Tensor:
        """One tensor's shape, type and extent.

        Raises:
            MalformedFile: they contradict each other.
        """
        if len(self._ends) >= MAX_TENSORS:
            raise self._fault(name, f"is one of more than {MAX_TENSORS} tensors")
        elements = 1
        for dimension in entry.shape:
            if dimension < 0:
                raise self._fault(name, f"shape has the dimension {dimension}; 0 or more is allowed")
            elements *= dimension
            if elements >= MAX_ELEMENTS:
                raise self._fault(name, f"shape {_shape(entry.shape)} has 2^63 elements or more")
        begin, end = entry.data_offsets
        if not 0 <= begin <= end < MAX_ELEMENTS:
            raise self._fault(
                name, f"data_offsets are [{_digits(begin)}, {_digits(end)}]; 0 <= begin <= end is allowed"
            )
        bits = bits_of(entry.dtype)
        if bits is None:
            self._unknown.setdefault(entry.dtype[:40])
        elif elements * bits != 8 * (end - begin):
            raise self._fault(
                name, f"{entry.dtype} of shape {_shape(entry.shape)} is {elements * bits} bits, not {end - begin} bytes"
            )
        self._in_order = self._in_order and self._last <= (begin, end)
        self._last = (begin, end)
        self._begins.append(begin)
        self._ends.append(end)
        return packing.Tensor(name, entry.dtype, entry.shape, elements)

    def finish(self, data_bytes: int | None) -> list[Finding]:
        """Overlaps, holes, and the end of the file.

        Args:
            data_bytes: bytes after the header; None where the file's size is unknown.

        Raises:
            MalformedFile: tensors overlap, or the file ends before them.
        """
        covered = holes = 0
        order: Sequence[int] = range(len(self._ends))
        if not self._in_order:  # two stable sorts need no tuple for each tensor
            order = sorted(sorted(order, key=self._ends.__getitem__), key=self._begins.__getitem__)
        for number in order:
            begin, end = self._begins[number], self._ends[number]
            if begin < covered:
                raise MalformedFile(self._file, f"tensors overlap at byte {begin} of the data")
            holes += begin - covered
            covered = end
        findings = []
        if self._unknown:
            names = ", ".join(sorted(self._unknown)[:5])
            findings.append(Finding("unknown-dtype", f"{self._file}: element types not in the specification: {names}"))
        if data_bytes is not None and covered > data_bytes:
            raise MalformedFile(
                self._file, f"tensors end at byte {covered} of the data, but the file holds {data_bytes}"
            )
        self.spare = spare = holes + (data_bytes - covered if data_bytes is not None else 0)
        if spare:
            findings.append(Finding("bytes-without-tensor", f"{self._file}: {spare} bytes belong to no tensor"))
        return findings

    def _fault(self, name: str, what: str) -> MalformedFile:
        return MalformedFile(self._file, f"tensor {quoted(name)}: {what}")


def quoted(name: str) -> str:
    """A name for a message."""
    return repr(name if len(name) <= 80 else name[:77] + "...")


def _digits(number: int) -> str:
    return str(number) if -(2**64) < number < 2**64 else "a number past 2^64"


def _shape(shape: list[int]) -> str:
    shown = ", ".join(_digits(dimension) for dimension in shape[:8])
    return f"[{shown}{', ...' if len(shape) > 8 else ''}]"
