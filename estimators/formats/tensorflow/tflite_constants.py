"""Constants of TensorFlow Lite models: what counts, and for how many parameters.

Spec: tensorflow/lite/schema/schema.fbs, `TensorType`, `QuantizationParameters`, `SparsityParameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from estimators.interface import Finding

# TensorType: bits of an element.
FLOATS = {0: 32, 1: 16, 8: 64, 10: 64, 11: 128, 18: 16}  # float32, float16, complex64, float64, complex128, bfloat16
INTEGERS = {2: 32, 3: 8, 4: 64, 7: 16, 9: 8, 12: 64, 15: 32, 16: 16}
SUB_BYTES = {17: 4, 19: 2, 20: 4}  # int4, int2, uint4
OTHERS = {6: 8}  # bool
# Elements for each stored value of a sparse tensor: beyond that a shape is not believed.
DENSEST = 1_000


@dataclass(slots=True)
class Constant:
    """A tensor with contents.

    Attributes:
        name: as the model spells it.
        kind: its TensorType.
        elements: of its (dense) shape.
        scaled: whether it is quantised with a scale.
        sparse: whether zeros are left out of its buffer.
        bare: whether its shape may be its length in bytes: a vector in a model without operators.
    """

    name: str
    kind: int
    elements: int
    scaled: bool
    sparse: bool
    bare: bool = False

    @property
    def bits(self) -> int | None:
        """Bits of an element; None for types without a fixed size."""
        return next((table[self.kind] for table in (FLOATS, INTEGERS, SUB_BYTES, OTHERS) if self.kind in table), None)

    @property
    def is_weight(self) -> bool:
        """Whether it counts by itself: not an integer without a scale."""
        return self.kind in FLOATS or self.kind in SUB_BYTES or (self.kind in INTEGERS and self.scaled)


@dataclass(slots=True)
class Count:
    """Parameters so far."""

    low: int = 0
    point: int = 0
    high: int = 0
    stored: int = 0
    findings: dict[str, Finding] = field(default_factory=dict)

    def add(self, file: str, constant: Constant, length: int | None) -> None:
        """Count a constant with the bytes that its buffer has; None where they are not known."""
        bits = constant.bits
        self.stored += constant.elements
        if bits is None or not constant.is_weight:
            return
        low, point, high = _weights_of(constant, bits, length)
        if low != high:
            told = f"{file}: {constant.name[:80]!r} has {constant.elements} elements in a buffer of {length} bytes"
            self.findings.setdefault("size-differs", Finding("size-differs", told))
        self.low += low
        self.point += point
        self.high += high


def _weights_of(constant: Constant, bits: int, length: int | None) -> tuple[int, int, int]:
    """Least, likely and most parameters of a constant with a buffer of so many bytes."""
    elements = constant.elements
    if length is None or length == (elements * bits + 7) // 8:
        return elements, elements, elements
    held = 8 * length // bits
    if constant.sparse:
        if elements <= DENSEST * (held + 1):
            return elements, elements, elements
        return min(held, elements), elements, elements
    if constant.bare and length == elements:
        # MediaPipe's language models for GPUs: the shape is the length in bytes, and floats may have 16 bits.
        return held, held, 2 * held if constant.kind in FLOATS else held
    return min(elements, held), elements, max(elements, held)
