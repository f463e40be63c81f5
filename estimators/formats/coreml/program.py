"""Constants of Core ML's ML programs.

Spec: apple/coremltools, mlmodel/format/MIL.proto; operations `const` and `constexpr_*` in
coremltools/converters/mil/mil/ops/defs.

A constant's type gives its shape; its value stands here, or in the package's weight file at an offset. A compressed
weight (lookup table, scale and shift, sparse) is the result of a `constexpr_` operation: its stated shape counts, and
what it is made of does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimators.formats.coreml.operations import TYPES, Constants, Operation, Value
from estimators.reading.protobuf import LENGTH, VARINT, tag

if TYPE_CHECKING:
    from estimators.formats.graph_ledger import Ledger
    from estimators.reading.protobuf import Walker

FIRST, SECOND, THIRD, FOURTH, FIFTH = (tag(number, LENGTH) for number in range(1, 6))
DATA_TYPE, RANK, SIZE, OFFSET = tag(1, VARINT), tag(2, VARINT), tag(1, VARINT), tag(2, VARINT)


class ProgramReader:
    """Adds the constants of programs to a ledger."""

    def __init__(self, walker: Walker, ledger: Ledger) -> None:
        self._walker = walker
        self._constants = Constants(walker.source.name, ledger)
        self._scope = b""  # names are a function's own

    @property
    def blobs(self) -> int:
        """Constants whose values lie in another file."""
        return self._constants.blobs

    def read(self, start: int, end: int) -> None:
        """One Program: its functions, and all blocks of them."""
        functions = (entry for entry in self._entries(start, end, SECOND))
        for number, (_, at, length) in enumerate(functions):
            self._scope = b"%d/" % number
            for _, place, size in self._entries(at, at + length, THIRD):
                self._block(place, place + size)

    def _entries(self, start: int, end: int, wanted: int) -> list[tuple[bytes, int, int]]:
        """Entries of a map field: key, and place and size of the value."""
        found = []
        for key, at, length in self._walker.fields(start, end):
            if key == wanted:
                found.append(self._entry(at, at + length))
        return found

    def _entry(self, start: int, end: int) -> tuple[bytes, int, int]:
        name, value = b"", (start, 0)
        for key, at, length in self._walker.fields(start, end):
            if key == FIRST:
                name = self._walker.bytes_of(at, length, "key of a map")
            elif key == SECOND:
                value = (at, length)
        return name, *value

    def _block(self, start: int, end: int) -> None:
        for key, at, length in self._walker.fields(start, end):
            if key == THIRD:
                self._operation(at, at + length)

    def _operation(self, start: int, end: int) -> None:
        walker, found = self._walker, Operation()
        for key, at, length in walker.fields(start, end):
            if key == FIRST:
                found.kind = walker.text(at, length, "operation")
            elif key == SECOND:
                name, place, size = self._entry(at, at + length)
                found.inputs[name] = self._argument(place, place + size, found.values)
            elif key == THIRD:
                found.outputs.append(self._named_type(at, at + length))
            elif key == FOURTH:
                self._block(at, at + length)
            elif key == FIFTH:
                name, place, size = self._entry(at, at + length)
                found.attributes[name] = self._value(place, place + size)
        self._constants.record(found)

    def _argument(self, start: int, end: int, values: list[Value]) -> list[int]:
        """Names that an input is bound to; values that stand in their place are collected."""
        names = []
        for key, at, length in self._walker.fields(start, end):
            if key != FIRST:
                continue
            for field_key, place, size in self._walker.fields(at, at + length):
                if field_key == FIRST:
                    names.append(self._key(place, size))
                elif field_key == SECOND:
                    values.append(self._value(place, place + size))
        return names

    def _key(self, at: int, length: int) -> int:
        return hash(self._scope + self._walker.bytes_of(at, length, "name")) or 1

    def _named_type(self, start: int, end: int) -> tuple[int, Value]:
        name, value = 0, Value()
        for key, at, length in self._walker.fields(start, end):
            if key == FIRST:
                name = self._key(at, length)
            elif key == SECOND:
                self._type(at, at + length, value)
        return name, value

    def _value(self, start: int, end: int) -> Value:
        found = Value()
        for key, at, length in self._walker.fields(start, end):
            if key == SECOND:
                self._type(at, at + length, found)
            elif key == THIRD:
                found.immediate = True
            elif key == FIFTH:
                found.place = self._blob(at, at + length)
        return found

    def _blob(self, start: int, end: int) -> tuple[bytes, int]:
        name, offset = b"", 0
        for key, at, length in self._walker.fields(start, end):
            if key == FIRST:
                name = self._walker.bytes_of(at, length, "file of a value")
            elif key == OFFSET:
                offset = at
        return name, offset

    def _type(self, start: int, end: int, value: Value) -> None:
        """A ValueType; only tensors are of interest."""
        for key, at, length in self._walker.fields(start, end):
            if key != FIRST:
                continue
            for field_key, place, size in self._walker.fields(at, at + length):
                if field_key == DATA_TYPE:
                    value.dtype = TYPES.get(place, "" if place < 10 else f"type {place}")
                elif field_key == THIRD:
                    value.dimensions.append(self._dimension(place, place + size, value))

    def _dimension(self, start: int, end: int, value: Value) -> int:
        for key, at, length in self._walker.fields(start, end):
            if key == FIRST:
                return next((size for inner, size, _ in self._walker.fields(at, at + length) if inner == SIZE), 0)
        value.known = False
        return 1
