"""How many weights one packed integer tensor stands for.

Each rule below reads names, shapes or settings and gives an answer only where it is certain of its scheme; the last
resort is the interval from one weight an element to one weight a bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from estimators.bounds import Interval
from estimators.dtypes import most_weights_per_element
from estimators.quantization import Quantization

# Bits and group sizes that MLX offers.
MLX_BITS = (2, 3, 4, 5, 6, 8)
MLX_GROUPS = (16, 32, 64, 128)
# Bits that GPTQ and AWQ writers offer.
QWEIGHT_BITS = (2, 3, 4, 8)
# Methods that pack plain `.weight` tensors of bytes; others store one value a byte whatever its bits.
BYTE_PACKING_METHODS = frozenset({"bitnet", "bitsandbytes", "mxfp4", "modelopt"})
UNPACKED_METHODS = frozenset({"compressed-tensors", "eetq", "quanto"})


class Tensor(NamedTuple):
    """One stored tensor.

    Attributes:
        name: as the file spells it.
        dtype: in the names of `dtypes.py`.
        shape: stored dimensions, packing not undone.
        elements: product of the dimensions.
    """

    name: str
    dtype: str
    shape: Sequence[int]
    elements: int


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
        scheme: the writer that names weights so (`packing.WEIGHT_ENDINGS`), or empty.
        weight: the packed tensor.
        others: the layer's bookkeeping, by ending of its name.
        settings: what the model's configuration says.
    """

    stem: str
    scheme: str
    weight: Tensor
    others: Mapping[str, Tensor]
    settings: Quantization

    def first(self, *endings: str) -> Tensor | None:
        """The first bookkeeping tensor with one of these endings."""
        return next((self.others[ending] for ending in endings if ending in self.others), None)


def exactly(count: int) -> Weights:
    """One answer."""
    return Weights(Interval(count, count), count)


def between(tensor: Tensor, counts: Sequence[int], point: int) -> Weights:
    """One of several answers, or anything between them."""
    low, high = min(counts), max(counts)
    if low == high:
        return exactly(low)
    return Weights(Interval(low, high), point, f"{tensor.name}: {tensor.dtype} may stand for {low} to {high} weights")


def unpack(layer: Layer) -> Weights:
    """What a packed integer tensor stands for: the first rule that is certain of its scheme answers."""
    for rule in (_bitsandbytes, _qweight, _exllama, _aqlm, _four_bit_blocks, _mlx, _weight_packed, _hqq, _by_settings):
        weights = rule(layer)
        if weights is not None:
            return weights
    elements = layer.weight.elements
    return between(layer.weight, (elements, elements * most_weights_per_element(layer.weight.dtype)), elements)


def of_bits(tensor: Tensor, bits: int) -> int | None:
    """Weights in a tensor packed without gaps; None where the bits do not fill its elements."""
    width = most_weights_per_element(tensor.dtype)
    if not 0 < bits <= width:
        return None
    count, rest = divmod(tensor.elements * width, bits)
    return None if rest else count


def _bitsandbytes(layer: Layer) -> Weights | None:
    """Two 4-bit values a byte beside a `quant_state`; one 8-bit value a byte beside `SCB`."""
    if layer.weight.dtype == "U8" and layer.first(".weight.quant_state", ".weight.quant_map"):
        return exactly(2 * layer.weight.elements)
    if layer.weight.dtype == "I8" and ".SCB" in layer.others:
        return exactly(layer.weight.elements)
    return None


def _qweight(layer: Layer) -> Weights | None:
    """GPTQ and AWQ: zero points are packed like the weights, one for each scale, so the two tell the bits."""
    if layer.scheme != "qweight" or layer.weight.dtype != "I32":
        return None
    scales, zeros = layer.first(".scales"), layer.first(".qzeros")
    if scales is not None and zeros is not None and scales.elements and zeros.dtype == "I32":
        bits, rest = divmod(32 * zeros.elements, scales.elements)
        if not rest and bits in QWEIGHT_BITS:
            return _counted(layer, bits)
    bits_told = layer.settings.bits_for(layer.stem)
    return _counted(layer, bits_told) if bits_told else None


def _exllama(layer: Layer) -> Weights | None:
    """EXL2 mixes bits in one tensor, but keeps the input permutation; EXL3 stores tiles of 16 x 16 weights."""
    shape = layer.weight.shape
    if layer.scheme == "exl2" and len(shape) == 2:
        order = layer.first(".q_invperm", ".q_perm")
        return exactly(order.elements * shape[1]) if order is not None else None
    if layer.scheme == "exl3" and len(shape) == 3:
        return exactly(shape[0] * shape[1] * 256)
    return None


def _aqlm(layer: Layer) -> Weights | None:
    """AQLM: a code for each group of weights; the codebooks' last two dimensions are the group's."""
    books = layer.first(".codebooks")
    if layer.scheme != "aqlm" or books is None or len(books.shape) != 4 or len(layer.weight.shape) != 3:
        return None
    return exactly(layer.weight.shape[0] * layer.weight.shape[1] * books.shape[2] * books.shape[3])


def _four_bit_blocks(layer: Layer) -> Weights | None:
    """MXFP4 and NVFP4: two values a byte, one 8-bit scale for 32 or 16 of them."""
    scales = layer.first("_scales", ".weight_scale")
    if layer.weight.dtype != "U8" or scales is None or not (scales.dtype == "U8" or scales.dtype.startswith("F8_")):
        return None
    shared, rest = divmod(2 * layer.weight.elements, scales.elements) if scales.elements else (0, 1)
    return exactly(2 * layer.weight.elements) if not rest and shared in (16, 32) else None


def _mlx(layer: Layer) -> Weights | None:
    """MLX: `bits * columns = 32 * stored columns`, and one scale for each group of columns."""
    scales = layer.first(".scales")
    if layer.weight.dtype != "U32" or scales is None or not scales.elements:
        return None
    possible = []
    for bits in MLX_BITS:
        count = of_bits(layer.weight, bits)
        if count is not None and count % scales.elements == 0 and count // scales.elements in MLX_GROUPS:
            possible.append((bits, count // scales.elements, count))
    told = layer.settings.choices_for(layer.stem)
    fitting = [
        count
        for bits, group, count in possible
        if any(said_bits in (None, bits) and said_group in (None, group) for said_bits, said_group in told)
    ]
    counts = fitting or [count for _, _, count in possible]
    return between(layer.weight, counts, counts[len(counts) // 2]) if counts else None


def _weight_packed(layer: Layer) -> Weights | None:
    """compressed-tensors: rows are padded to whole elements; a scale for each group tells where they end."""
    scale = layer.first(".weight_scale")
    if layer.scheme != "weight_packed" or scale is None:
        return None
    grouped, padded = [], []
    for bits, group in layer.settings.choices_for(layer.stem):
        count = of_bits(layer.weight, bits) if bits else None
        if count is None or bits is None:
            continue
        if group and scale.elements * group == count:
            grouped.append(count)
        elif not group or scale.elements * group > count:
            padded.append(count - _padding(layer.weight, bits))
            padded.append(count)
    if grouped or padded:
        counts = grouped or padded
        return between(layer.weight, counts, max(counts))
    return None


def _padding(tensor: Tensor, bits: int) -> int:
    """Weights at most that fill up the last element of each row."""
    columns = tensor.shape[-1] if tensor.shape else 0
    rows = tensor.elements // columns if columns else 0
    return rows * (most_weights_per_element(tensor.dtype) // bits - 1)


def _hqq(layer: Layer) -> Weights | None:
    """HQQ: 3-bit values go ten to a 32-bit element, others fill bytes; a scale for each group confirms the count."""
    bits = layer.settings.bits_for(layer.stem)
    if layer.scheme != "hqq" or bits is None:
        return None
    scale = layer.first(".scale")
    groups = [group for _, group in layer.settings.choices_for(layer.stem) if group]
    if scale is not None and groups and bits == 3 and layer.weight.dtype == "I32":
        count = scale.elements * groups[0]
        return exactly(count) if count <= 10 * layer.weight.elements < count + 10 * count else None
    count_of_bits = of_bits(layer.weight, bits)
    if scale is None or count_of_bits is None or not groups or scale.elements * groups[0] != count_of_bits:
        return None
    return exactly(count_of_bits)


def _by_settings(layer: Layer) -> Weights | None:
    """What the model's configuration says, where it names one number of bits for this layer."""
    bits = layer.settings.bits_for(layer.stem)
    count = of_bits(layer.weight, bits) if bits else None
    if bits is None or count is None:
        return None
    method, elements = layer.settings.method, layer.weight.elements
    if layer.weight.dtype in ("I8", "U8"):
        if method in UNPACKED_METHODS or count == elements:
            return exactly(elements)
        if method in BYTE_PACKING_METHODS:
            return exactly(count)
    return between(layer.weight, (min(elements, count), count), count)


def _counted(layer: Layer, bits: int) -> Weights | None:
    count = of_bits(layer.weight, bits)
    return None if count is None else exactly(count)
