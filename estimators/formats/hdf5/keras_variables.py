"""Variables of Keras 3 layers, which are numbered and not named: which of them are scales of quantised weights.

Spec: keras-team/keras, `save_own_variables` and `_variable_serialization_spec` in keras/src/layers/core/dense.py,
einsum_dense.py and embedding.py: `vars/0` is the weight, then the bias where there is one, then what the quantisation
mode adds: one scale (int8, and int4 by channels, two weights a byte along the first axis), scale, zero points and
group indices (int4 by blocks, packed along the last axis), three scales with their histories (float8).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from estimators.bounds import ZERO, Interval
from estimators.dtypes import Kind, kind_of
from estimators.packing import Tally, Tensor

# The last variables of a float8 layer: scale and history of inputs, weight and gradients.
FLOAT8_EXTRAS = 6


@dataclass(slots=True)
class Variables:
    """Collects the variables of layers, and settles layer by layer.

    Attributes:
        int8: whether the model's configuration says that one byte is one weight.
        certain: elements of floats that are a layer's weight, and so no scales of another.
    """

    int8: bool = False
    certain: int = 0
    _layers: dict[str, dict[int, Tensor]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, layer: str, number: int, tensor: Tensor) -> None:
        """One variable of a layer."""
        self._layers[layer][number] = tensor
        if not number and kind_of(tensor.dtype) is Kind.FLOAT:
            self.certain += tensor.elements

    def settle(self, tally: Tally, *, whole: bool) -> tuple[Interval, str]:
        """Put every weight into the tally; returns what stays open, and the first layer of which that is so.

        Args:
            tally: takes the weights.
            whole: whether every variable of every layer was seen.
        """
        total, why = ZERO, ""
        for name, numbered in self._layers.items():
            if not whole:
                total += _settle_seen(numbered, tally)
                continue
            open_part = _settle_layer(numbered, tally, int8=self.int8)
            total += open_part
            why = why or (f"{name}: weights may be packed in bytes" if open_part.high else "")
        return total, why


def _is_integer(tensor: Tensor) -> bool:
    return tensor.dtype in ("I8", "U8")


def _settle_seen(numbered: Mapping[int, Tensor], tally: Tally) -> Interval:
    """A layer of which more variables may follow: its weight is certain, the others may be scales."""
    others = 0
    for number, tensor in numbered.items():
        if not number and kind_of(tensor.dtype) is Kind.FLOAT:
            tally.add(tensor)
        else:
            others += 2 * tensor.elements
    return Interval(0, others)


def _settle_layer(numbered: Mapping[int, Tensor], tally: Tally, *, int8: bool) -> Interval:
    ordered = [numbered[number] for number in sorted(numbered)]
    packed = [tensor for tensor in ordered if _is_integer(tensor) and len(tensor.shape) > 1]
    if not packed:
        weights = ordered[:-FLOAT8_EXTRAS] if _is_float8(ordered) else ordered
        for tensor in weights:
            tally.add(tensor)
        return ZERO
    return _settle_packed(ordered, packed, tally, int8=int8)


def _settle_packed(ordered: list[Tensor], packed: list[Tensor], tally: Tally, *, int8: bool) -> Interval:
    """A layer with bytes for weights: its open part, after what is certain went into the tally."""
    weight, floats = ordered[0], [tensor for tensor in ordered if not _is_integer(tensor)]
    count = None
    scales = 1
    if weight is packed[0] and len(packed) == 1 and int8 and floats:
        count = weight.elements
    elif weight is packed[0] and len(packed) == 2 and len(floats) >= 2 and packed[1].shape == floats[-2].shape:
        units = floats[-2].shape[-1]
        scales = 2  # and the group indices
        if weight.shape[-1] == (units + 1) // 2:
            count = weight.elements // weight.shape[-1] * units
    if count is None or len(floats) - scales > 1:
        stored = sum(tensor.elements for tensor in packed)
        return Interval(weight.elements if weight is packed[0] else 0, 2 * stored + sum(t.elements for t in floats))
    tally.add(weight._replace(dtype="I4", elements=count))  # a sub-byte name: weights, however many to a byte
    for tensor in floats[:-scales]:
        tally.add(tensor)
    tally.stored += weight.elements - count + sum(t.elements for t in (*packed[1:], *floats[-scales:]))
    return ZERO


def _is_float8(ordered: list[Tensor]) -> bool:
    """Whether a layer ends in three scales, each with its history of the same length."""
    extras = ordered[-FLOAT8_EXTRAS:]
    histories = {tuple(tensor.shape) for tensor in extras[1::2]}
    return (
        len(ordered) > FLOAT8_EXTRAS
        and all(not tensor.shape for tensor in extras[::2])
        and len(histories) == 1
        and len(next(iter(histories))) == 1
    )
