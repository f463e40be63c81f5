"""How many weights packed tensors stand for in the layouts of HQQ, MLX, quanto, Gemma and torchao.

Bits and groups are told by the layer itself, by the settings, or by which of them fit the shapes; where several fit,
the answer is an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from estimators.dtypes import most_weights_per_element
from estimators.packed.layers import Layer, Weights, between, counted, exactly, of_bits, product
from estimators.packed.quantization import Choice

# Bits and group sizes that MLX offers.
MLX_METHODS = frozenset({"unnamed", "mlx", "metal"})
MLX_BITS = (2, 3, 4, 5, 6, 8)
MLX_GROUPS = (16, 32, 64, 128)
# MLX's block floats have no biases: stored bits for each scale, and the bits of a weight (mxfp4, nvfp4, mxfp8).
MLX_FLOAT_BITS = {128: 4, 64: 4, 256: 8}
# HQQ's groups, for files that do not state theirs.
HQQ_BITS = (1, 2, 3, 4, 8)
HQQ_GROUPS = (8, 16, 32, 64, 128, 256, 512, 1024)
HQQ_VALUES_PER_ELEMENT = {3: 10}  # of 32 bits; other bits fill bytes without gaps
# torchao's tensor classes: weights in a stored byte. Those of the second group store each value on its own.
TORCHAO_NIBBLES = frozenset({
    "Int4Tensor", "Int4PreshuffledTensor", "Int4TilePackedTo4dTensor", "Int4PlainInt32Tensor", "NVFP4Tensor",
    "Int4OpaqueTensor", "NF4Tensor",
})  # fmt: skip
TORCHAO_WHOLE = frozenset({"IntxUnpackedToInt8Tensor", "Int8Tensor", "Float8Tensor", "LinearActivationQuantizedTensor"})


def _mlx(layer: Layer) -> Weights | None:
    """MLX: `bits * columns = 32 * stored columns`, and one scale for each group of columns."""
    weight, scales = layer.weight, layer.first(".scales")
    if weight.dtype != "U32":
        return None
    if scales is None and layer.shard and not layer.scheme:  # they lie in another shard; rows have no padding
        told_bits = layer.settings.bits_for(layer.stem)
        return counted(layer, told_bits) if told_bits in MLX_BITS else None
    if scales is None or not scales.elements:
        return None
    if layer.first(".biases", ".qbiases") is None and scales.dtype == "U8":
        bits = MLX_FLOAT_BITS.get(32 * weight.elements // scales.elements)
        return counted(layer, bits) if bits else None
    possible = []
    for bits in MLX_BITS:
        count = of_bits(weight, bits)
        if count is not None and count % scales.elements == 0 and count // scales.elements in MLX_GROUPS:
            possible.append((bits, count // scales.elements, count))
    told = layer.settings.choices_for(layer.stem)
    return _candidates(layer, possible, told)


def _candidates(layer: Layer, possible: Sequence[tuple[int, int, int]], *told: Sequence[Choice]) -> Weights | None:
    """Of (bits, group, weights) that fit the shapes, those that the first fitting settings name; else all of them."""
    counts = [count for _, _, count in possible]
    for choices in told:
        fitting = [
            count
            for bits, group, count in possible
            if any(said_bits in (None, bits) and said_group in (None, group) for said_bits, said_group in choices)
        ]
        if fitting:
            counts = fitting
            break
    return between(layer.weight, counts, counts[len(counts) // 2]) if counts else None


def _hqq(layer: Layer) -> Weights | None:
    """HQQ: 3-bit values go ten to a 32-bit element, others fill bytes; a scale for each group confirms the count."""
    scale = layer.first(".scale", ".meta.scale")
    if layer.scheme != "hqq" or scale is None or not scale.elements:
        return None
    shared, wide = layer.told(".group_size"), most_weights_per_element(layer.weight.dtype)
    possible = []
    for bits in HQQ_BITS:
        for group in (shared,) if shared else HQQ_GROUPS:
            count, values = scale.elements * group, HQQ_VALUES_PER_ELEMENT.get(bits)
            # The last elements of a row may be filled up, so the room may be a little larger.
            room = layer.weight.elements * wide // (32 if values else bits) * (values or 1)
            if count <= room < count + max(count // 8, 10 * max(layer.weight.shape[-1:], default=1)) and (
                values or room == count
            ):
                possible.append((bits, group, count))
    bits_told = layer.told(".nbits") or layer.settings.bits_for(layer.stem)
    groups_told = {group for _, group in layer.settings.choices_for(layer.stem)} or {None}
    return _candidates(layer, possible, [(bits_told, group) for group in groups_told])


def _quanto(layer: Layer) -> Weights | None:
    """quanto: signed bytes hold one value each; below eight bits, values are packed into unsigned ones."""
    if layer.scheme != "quanto":
        return None
    if layer.weight.dtype == "I8":
        return exactly(layer.weight.elements)
    if layer.weight.dtype != "U8":
        return None
    bits, elements = layer.settings.bits_for(layer.stem), layer.weight.elements
    return counted(layer, bits) if bits else between(layer.weight, (2 * elements, 4 * elements), 2 * elements)


def _gemma(layer: Layer) -> Weights | None:
    """Gemma's own: signed bytes hold one value each, unsigned ones two of four bits or four of two."""
    if layer.scheme != "gemma" and layer.settings.method != "gemma":
        return None
    if layer.weight.dtype == "I8":
        return exactly(layer.weight.elements)
    told = {bits for bits, _ in layer.settings.choices_for(layer.stem) if bits in (2, 4)} or {2, 4}
    counts = [layer.weight.elements * 8 // bits for bits in sorted(told) if bits]
    return between(layer.weight, counts, counts[-1]) if layer.weight.dtype == "U8" else None


def _torchao(layer: Layer) -> Weights | None:
    """torchao: the file's metadata names the class of each tensor, and for padded layouts the shape."""
    weight = layer.weight
    if layer.scheme != "torchao":
        return None
    if weight.values and min(weight.values) >= 0 and weight.elements:
        count = product(weight.values)
        if weight.elements <= count <= weight.elements * most_weights_per_element(weight.dtype) or (
            count <= weight.elements and weight.subclass in TORCHAO_WHOLE
        ):
            return exactly(count)
    if weight.subclass in TORCHAO_WHOLE:
        return exactly(weight.elements)
    if weight.subclass in TORCHAO_NIBBLES:
        return counted(layer, 4)
    zeros = layer.first("._weight_zero_point")
    if weight.dtype == "I8" and zeros is not None and zeros.dtype == "I8":
        return exactly(weight.elements)  # both as they are: int4 has zero points in the scale's float type
    return None


RULES: tuple[Callable[[Layer], Weights | None], ...] = (_mlx, _hqq, _quanto, _gemma, _torchao)
"""In the order in which they are asked."""
