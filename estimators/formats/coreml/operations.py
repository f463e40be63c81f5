"""Operations of Core ML's ML programs, as they enter a ledger: constants, and uses of them with a scale.

Spec: apple/coremltools, coremltools/converters/mil/mil/ops/defs (`const`, `constexpr_*`, `dequantize`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.formats.graph_ledger import Packing, Stored
from estimators.results import MAX_ELEMENTS

if TYPE_CHECKING:
    from estimators.formats.graph_ledger import Ledger

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


@dataclass(slots=True)
class Value:
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
class Operation:
    """One Operation; names are hashes."""

    kind: str = ""
    inputs: dict[bytes, list[int]] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)  # that stand in the inputs themselves
    outputs: list[tuple[int, Value]] = field(default_factory=list)
    attributes: dict[bytes, Value] = field(default_factory=dict)


class Constants:
    """Adds constants to a ledger.

    Attributes:
        blobs: those whose values lie in another file.
    """

    def __init__(self, file: str, ledger: Ledger) -> None:
        self.blobs = 0
        self._file = file
        self._ledger = ledger
        self._places: set[int] = set()

    def record(self, operation: Operation) -> None:
        """Enter an operation's uses of constants, and the constant that it is."""
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
                places = tuple(part.place for part in parts if part.place is not None)
                value.place = (b"parts", hash(places)) if places else None  # functions share compressed weights
                self._store(key, value, values=sum(prod(part.dimensions) for part in parts if part.stored))
        else:
            for value in operation.values:
                if value.stored:
                    self._store(0, value)
            self._use(operation)

    def _use(self, operation: Operation) -> None:
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

    def _store(self, key: int, value: Value, values: int | None = None) -> None:
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
                raise MalformedFile(self._file, "a constant's dimensions multiply to 2^63 or more")
        if not value.known:
            self._ledger.unbounded = True
            self._ledger.note("shape-unknown", "a constant has a dimension without a size")
            return
        values = elements if values is None else values  # a compressed weight is stored in parts
        self._ledger.add(Stored(key, 0, value.dtype, elements, values, rank=len(value.dimensions)))
