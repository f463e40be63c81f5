"""The words for packed layers: a stored tensor, the layer it belongs to, the weights it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from estimators.bounds import Interval
from estimators.dtypes import most_weights_per_element
from estimators.packed.quantization import Quantization


class Tensor(NamedTuple):
    """One stored tensor.

    Attributes:
        name: as the file spells it.
        dtype: in the names of `dtypes.py`.
        shape: stored dimensions, packing not undone.
        elements: product of the dimensions.
        values: what a small tensor of integers holds, or the unpacked shape by the file's metadata; None where unread.
        subclass: name of the tensor class that the file's metadata states (torchao), or empty.
    """

    name: str
    dtype: str
    shape: Sequence[int]
    elements: int
    values: tuple[int, ...] | None = None
    subclass: str = ""


@dataclass(frozen=True, slots=True)
class Weights:
    """What one tensor stands for; `why` says what is uncertain, and is empty where nothing is."""

    interval: Interval
    point: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """A packed weight with its bookkeeping.

    Attributes:
        stem: the layer's name.
        scheme: the writer that names weights so (`layer_names.WEIGHT_ENDINGS`), or empty.
        weight: the packed tensor.
        others: the layer's bookkeeping, by ending of its name.
        settings: what the model's configuration says.
        shard: of several: bookkeeping that is not here may lie in another.
    """

    stem: str
    scheme: str
    weight: Tensor
    others: Mapping[str, Tensor]
    settings: Quantization
    shard: bool = False

    def first(self, *endings: str) -> Tensor | None:
        """The first bookkeeping tensor with one of these endings."""
        return next((self.others[ending] for ending in endings if ending in self.others), None)

    def told(self, ending: str) -> int | None:
        """The number that a small bookkeeping tensor holds; None where it is absent or unread."""
        tensor = self.others.get(ending)
        return tensor.values[0] if tensor is not None and tensor.values else None


def exactly(count: int) -> Weights:
    """One answer."""
    return Weights(Interval(count, count), count)


def between(tensor: Tensor, counts: Sequence[int], point: int) -> Weights:
    """One of several answers, or anything between them."""
    low, high = min(counts), max(counts)
    if low == high:
        return exactly(low)
    return Weights(Interval(low, high), point, f"{tensor.name}: {tensor.dtype} may stand for {low} to {high} weights")


def anything(tensor: Tensor) -> Weights:
    """From one weight an element to one weight a bit: what holds of every packing."""
    most = tensor.elements * most_weights_per_element(tensor.dtype)
    return between(tensor, (tensor.elements, most), tensor.elements)


def of_bits(tensor: Tensor, bits: int) -> int | None:
    """Weights in a tensor packed without gaps; None where the bits do not fill its elements."""
    width = most_weights_per_element(tensor.dtype)
    if not 0 < bits <= width:
        return None
    count, rest = divmod(tensor.elements * width, bits)
    return None if rest else count


def counted(layer: Layer, bits: int) -> Weights | None:
    """The layer's weight, packed without gaps; None where the bits do not fill its elements."""
    count = of_bits(layer.weight, bits)
    return None if count is None else exactly(count)


def product(shape: Sequence[int]) -> int:
    """Elements of a shape."""
    count = 1
    for dimension in shape:
        count *= dimension
    return count


def stated_shape(tensor: Tensor, shape: Tensor | None) -> int | None:
    """Weights by the unpacked shape that the file stores beside a packed tensor, if its bits can hold them."""
    if shape is None or not shape.values or min(shape.values) < 0:
        return None
    count = product(shape.values)
    # Packing fills whole elements: at least one bit a weight, and no more elements than weights and their padding.
    most = tensor.elements * most_weights_per_element(tensor.dtype)
    return count if 0 < count <= most else None
