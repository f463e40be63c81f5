"""Constants of Core ML's ML programs.

Spec: apple/coremltools, mlmodel/format/MIL.proto; operations `const` and `constexpr_*` in
coremltools/converters/mil/mil/ops/defs.

A constant's type gives its shape; its value stands here, or in the package's weight file at an offset. A compressed
weight (lookup table, scale and shift, sparse) is the result of a `constexpr_` operation: its stated shape counts, and
what it is made of does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.graph_ledger import Ledger, Packing, Stored
from estimators.protobuf import LENGTH, VARINT, tag
from estimators.results import MAX_ELEMENTS

if TYPE_CHECKING:
    from estimators.protobuf import Walker

TYPES = {
    1: "BOOL", 10: "F16", 11: "F32", 12: "F64", 13: "BF16", 21: "I8", 22: "I16", 23: "I32", 24: "I64", 25: "I4",
    31: "U8", 32: "U16", 33: "U32", 34: "U64", 35: "U4", 36: "U2", 37: "U1", 38: "U6", 39: "U3", 40: "F8_E4M3",
    41: "F8_E5M2",
}  # fmt: skip
CONSTANT, COMPRESSED = "const", "constexpr_"
# Operations that use stored integers with a scale: the input that is the weight; all others are bookkeeping.
QUANTISED = {"dequantize": b"input", "quantize": b""}
# Operations whose result holds values of this input.
MOVES = {"transpose": b"x", "reshape": b"x", "cast": b"x", "gather": b"x", "expand_dims": b"x", "squeeze": b"x",
         "identity": b"x", "slice_by_index": b"x"}  # fmt: skip

FIRST, SECOND, THIRD, FOURTH, FIFTH = (tag(number, LENGTH) for number in range(1, 6))
DATA_TYPE, RANK, SIZE, OFFSET = tag(1, VARINT), tag(2, VARINT), tag(1, VARINT), tag(2, VARINT)


@dataclass(slots=True)
class _Value:
    """One Value: its type, and where its elements are."""

    dtype: str = ""
    dimensions: list[int] = field(default_factory=list)
    known: bool = True  # every dimension is a number
    place: tuple[bytes, int] | None = None
    immediate: bool = False

    @property
    def stored(self) -> bool:
        """Whether there is a stored tensor: scalars are settings of an operation."""
        return bool(self.dtype) and bool(self.dimensions) and (self.immediate or self.place is not None)


@dataclass(slots=True)
class _Operation:
    """One Operation; names are hashes."""

    kind: str = ""
    inputs: dict[bytes, list[int]] = field(default_factory=dict)
    values: list[_Value] = field(default_factory=list)  # that stand in the inputs themselves
    outputs: list[tuple[int, _Value]] = field(default_factory=list)
    attributes: dict[bytes, _Value] = field(default_factory=dict)


class ProgramReader:
    """Adds the constants of programs to a ledger.

    Attributes:
        blobs: constants whose values lie in another file.
    """

    def __init__(self, walker: Walker, ledger: Ledger) -> None:
        self.blobs = 0
        self._walker = walker
        self._ledger = ledger
        self._places: set[int] = set()
        self._scope = b""  # names are a function's own

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
        walker, found = self._walker, _Operation()
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
        self._record(found)

    def _argument(self, start: int, end: int, values: list[_Value]) -> list[int]:
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

    def _named_type(self, start: int, end: int) -> tuple[int, _Value]:
        name, value = 0, _Value()
        for key, at, length in self._walker.fields(start, end):
            if key == FIRST:
                name = self._key(at, length)
            elif key == SECOND:
                self._type(at, at + length, value)
        return name, value

    def _value(self, start: int, end: int) -> _Value:
        found = _Value()
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

    def _type(self, start: int, end: int, value: _Value) -> None:
        """A ValueType; only tensors are of interest."""
        for key, at, length in self._walker.fields(start, end):
            if key != FIRST:
                continue
            for field_key, place, size in self._walker.fields(at, at + length):
                if field_key == DATA_TYPE:
                    value.dtype = TYPES.get(place, "" if place < 10 else f"type {place}")
                elif field_key == THIRD:
                    value.dimensions.append(self._dimension(place, place + size, value))

    def _dimension(self, start: int, end: int, value: _Value) -> int:
        for key, at, length in self._walker.fields(start, end):
            if key == FIRST:
                return next((size for inner, size, _ in self._walker.fields(at, at + length) if inner == SIZE), 0)
        value.known = False
        return 1

    def _record(self, operation: _Operation) -> None:
        ledger, kind = self._ledger, operation.kind
        if kind == CONSTANT:
            value = operation.attributes.get(b"val")
            key = operation.outputs[0][0] if operation.outputs else 0
            if value is not None and value.stored:
                self._store(key, value)
            ledger.fixed.add(key)
        elif kind.startswith(COMPRESSED):
            bookkeeping = [key for names in operation.inputs.values() for key in names]
            ledger.quantised("s" * len(bookkeeping), bookkeeping, Packing())
            for key, value in operation.outputs[-1:]:  # of two, the first is the mask
                value.immediate = True
                parts = [*operation.attributes.values(), *operation.values]
                self._store(key, value, values=sum(prod(part.dimensions) for part in parts if part.stored))
        else:
            for value in operation.values:
                if value.stored:
                    self._store(0, value)
            self._use(operation)

    def _use(self, operation: _Operation) -> None:
        """Uses with a scale, by operations of the graph."""
        ledger, inputs = self._ledger, operation.inputs
        outputs = [key for key, _ in operation.outputs]
        if operation.kind in QUANTISED:
            for name, keys in inputs.items():
                role = "w" if name == QUANTISED[operation.kind] else ("-" if name == b"input" else "s")
                ledger.quantised(role * len(keys), keys, Packing())
        elif operation.kind in MOVES:
            ledger.moved(outputs, inputs.get(MOVES[operation.kind], []))
        elif operation.kind == "mul" and inputs.get(b"x") and inputs.get(b"y"):
            ledger.product(inputs[b"x"][0], inputs[b"y"][0])
        elif operation.kind == "sub" and inputs.get(b"x") and inputs.get(b"y") and outputs:
            ledger.difference(outputs[0], inputs[b"x"][0], inputs[b"y"][0])
        elif operation.kind == "batch_norm":
            ledger.statistics.update(key for name in (b"mean", b"variance") for key in inputs.get(name, []))

    def _store(self, key: int, value: _Value, values: int | None = None) -> None:
        if value.place is not None:
            self.blobs += 1
            place = hash(value.place)
            if place in self._places:
                return  # another name for the same elements
            self._places.add(place)
        elements = 1
        for dimension in value.dimensions:
            elements *= dimension
            if elements >= MAX_ELEMENTS:
                raise MalformedFile(self._walker.source.name, "a constant's dimensions multiply to 2^63 or more")
        if not value.known:
            self._ledger.unbounded = True
            self._ledger.note("shape-unknown", "a constant has a dimension without a size")
            return
        values = elements if values is None else values  # a compressed weight is stored in parts
        self._ledger.stored.append(Stored(key, 0, value.dtype, elements, values, rank=len(value.dimensions)))
