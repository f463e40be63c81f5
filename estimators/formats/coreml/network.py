"""Weights in the layers of Core ML's neural networks.

Spec: apple/coremltools, mlmodel/format/NeuralNetwork.proto.

A weight is stored as 32-bit or 16-bit floats, as bytes, or packed in 1 to 8 bits with a scale or a lookup table; the
layer's dimensions tell how many of the last byte's bits are weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from estimators.formats.graph_ledger import Ledger
from estimators.reading.protobuf import FIXED32, LENGTH, VARINT, tag

if TYPE_CHECKING:
    from estimators.reading.protobuf import Walker

LAYERS, PREPROCESSING = 1, 2

# A layer's messages down to its weights; "weight" stands for a WeightParams, "network" for a NeuralNetwork.
WEIGHT, NETWORK = "weight", "network"
_ACTIVATION = {25: {1: WEIGHT}, 71: {1: WEIGHT, 2: WEIGHT}}  # PReLU, parametric softplus
_GATES = dict.fromkeys((30, 31, 32, 50, 51, 52, 70, 71, 72), WEIGHT)
_LSTM = dict.fromkeys((1, 2, 3, 4, 20, 21, 22, 23, 40, 41, 42, 43, 60, 61, 62), WEIGHT)
LAYER: Mapping[int, Any] = {
    100: {90: WEIGHT, 91: WEIGHT},  # convolution
    130: _ACTIVATION,
    140: {20: WEIGHT, 21: WEIGHT},  # inner product
    150: {20: WEIGHT, 21: WEIGHT},  # embedding
    160: dict.fromkeys((15, 16, 17, 18), WEIGHT),  # batch normalisation
    245: {2: WEIGHT, 5: WEIGHT},  # scale
    250: {2: WEIGHT},  # bias
    290: {2: WEIGHT},  # constant
    400: {10: _ACTIVATION, 30: WEIGHT, 31: WEIGHT, 32: WEIGHT},  # simple recurrent
    410: {10: _ACTIVATION, **_GATES},  # GRU
    420: {10: _ACTIVATION, 20: _LSTM},
    430: {10: _ACTIVATION, 11: _ACTIVATION, 20: _LSTM},
    500: {20: WEIGHT},  # custom
    605: {1: NETWORK, 2: NETWORK},  # branch
    615: {3: NETWORK, 4: NETWORK},  # loop
    1040: {20: WEIGHT, 21: WEIGHT},  # embedding of any rank
    1045: {8: WEIGHT, 9: WEIGHT},  # batched product
    1070: {2: WEIGHT},  # constant of any rank
    1350: {3: WEIGHT, 4: WEIGHT},  # layer normalisation
    1471: {60: WEIGHT, 61: WEIGHT},  # convolution in three dimensions
}
STATISTICS = (160, (17, 18))  # mean and variance of a batch normalisation
# Numbers of a layer whose product is the elements of its weight; in a deconvolution, too.
DIMENSIONS: Mapping[int, tuple[int, ...]] = {
    100: (1, 2, 20), 140: (1, 2), 150: (1, 2), 1040: (1, 2), 1045: (5, 6), 1471: (1, 2, 20, 21, 22),
}  # fmt: skip
GROUPS = 10  # a convolution's; in a deconvolution the output channels are stored divided by it

FLOATS, FLOAT, HALVES = tag(1, LENGTH), tag(1, FIXED32), tag(2, LENGTH)
RAW, BYTES, QUANTIZATION, BITS = tag(30, LENGTH), tag(31, LENGTH), tag(40, LENGTH), tag(1, VARINT)


@dataclass(slots=True)
class _Weight:
    """One WeightParams: elements that are sure, or bytes and bits of packed ones."""

    floats: int = 0
    halves: int = 0
    raw: int = 0
    whole_bytes: int = 0
    bits: int = 0
    numbers: Mapping[int, list[int]] = field(default_factory=dict)


class NetworkReader:
    """Adds the weights of networks to a ledger, until more than `enough` are certain."""

    def __init__(self, walker: Walker, ledger: Ledger, enough: int | None) -> None:
        self._walker = walker
        self._ledger = ledger
        self._enough = enough
        self._sure = 0

    def read(self, start: int, end: int) -> int:
        """One NeuralNetwork message; the offset where the walk ended early, 0 where it did not."""
        for key, at, length in self._walker.fields(start, end):
            if key == tag(LAYERS, LENGTH):
                self._layer(at, at + length)
                after = at + length
                if self._enough is not None and self._sure > self._enough and not self._walker.holds(after):
                    return after
            elif key == tag(PREPROCESSING, LENGTH) and length > 1024:
                self._ledger.high += length  # a mean image, which may be called a weight
                self._ledger.note("mean-image", f"{length} bytes of a mean image may be parameters")
        return 0

    def _layer(self, start: int, end: int) -> None:
        for key, at, length in self._walker.fields(start, end):
            kind = key >> 3
            if key & 7 == LENGTH and kind in LAYER:
                self._parameters(kind, LAYER[kind], at, at + length)

    def _parameters(self, kind: int, schema: Mapping[int, Any], start: int, end: int) -> None:
        """A message with weights in it, at any depth."""
        numbers: dict[int, list[int]] = {}
        weights: list[tuple[int, _Weight]] = []
        for key, at, length in self._walker.fields(start, end):
            inside = schema.get(key >> 3)
            if key & 7 == VARINT:
                numbers.setdefault(key >> 3, []).append(at)
            elif key & 7 == LENGTH and inside == WEIGHT:
                weights.append((key >> 3, self._weight(at, at + length)))
            elif key & 7 == LENGTH and inside == NETWORK:
                self.read(at, at + length)
            elif key & 7 == LENGTH and inside is not None:
                self._parameters(0, inside, at, at + length)
            elif key & 7 == LENGTH and kind in DIMENSIONS and key >> 3 in DIMENSIONS[kind]:
                numbers.setdefault(key >> 3, []).extend(self._walker.varints(at, length, "dimensions of a layer"))
        first = min((place for place, _ in weights), default=0)
        for place, weight in weights:
            self._add(
                weight,
                _expected(kind, numbers) if place == first else (),
                buffer=kind == STATISTICS[0] and place in STATISTICS[1],
            )

    def _weight(self, start: int, end: int) -> _Weight:
        found = _Weight()
        for key, at, length in self._walker.fields(start, end):
            if key in (FLOATS, FLOAT):
                found.floats += length // 4 if key == FLOATS else 1
            elif key == HALVES:
                found.halves += length // 2
            elif key == RAW:
                found.raw += length
            elif key == BYTES:
                found.whole_bytes += length
            elif key == QUANTIZATION:
                inner = self._walker.fields(at, at + length)
                found.bits = next((value for field, value, _ in inner if field == BITS), found.bits)
        return found

    def _add(self, weight: _Weight, expected: tuple[int, ...], *, buffer: bool) -> None:
        ledger = self._ledger
        ledger.add_floats("F32", weight.floats, buffer=buffer)
        ledger.add_floats("F16", weight.halves, buffer=buffer)
        ledger.add_between(weight.whole_bytes, weight.whole_bytes, weight.whole_bytes)
        self._sure += weight.floats + weight.halves + weight.whole_bytes
        if not weight.raw:
            return
        if not 0 < weight.bits <= 8:
            ledger.note("packing-unknown", f"{weight.raw} bytes of weights in {weight.bits} bits")
            ledger.add_between(weight.raw // 4, 8 * weight.raw, weight.raw)
            return
        most = 8 * weight.raw // weight.bits
        least = 8 * (weight.raw - 1) // weight.bits + 1
        fitting = next((count for count in expected if least <= count <= most), 0)
        if fitting:
            least = most = fitting
        elif least < most:
            ledger.note("packing-unknown", f"the last of {weight.raw} bytes may hold padding")
        ledger.add_between(least, most, weight.raw)
        self._sure += least


def _expected(kind: int, numbers: Mapping[int, list[int]]) -> tuple[int, ...]:
    """Elements that a layer's weight may have by its dimensions."""
    if kind not in DIMENSIONS:
        return ()
    whole = prod(prod(numbers.get(place, [0])) for place in DIMENSIONS[kind])
    groups = numbers.get(GROUPS, [1])[0]
    return (whole, whole // groups) if groups else (whole,)
