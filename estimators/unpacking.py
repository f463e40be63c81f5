"""How many weights one packed integer tensor stands for.

Each rule reads names, shapes, settings or stated shapes and gives an answer only where it is certain of its scheme; the
last resort is the interval from one weight an element to one weight a bit. Schemes of codebooks and tiles, whose
elements stand for several weights at once, are in `code_schemes.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from estimators import code_schemes
from estimators.dtypes import is_float, most_weights_per_element
from estimators.layers import Layer, Tensor, Weights, anything, between, exactly, of_bits, product, stated_shape
from estimators.quantization import Choice

__all__ = ["Layer", "Tensor", "Weights", "between", "exactly", "of_bits", "unpack"]

# Bits and group sizes that MLX offers.
MLX_BITS = (2, 3, 4, 5, 6, 8)
MLX_GROUPS = (16, 32, 64, 128)
# MLX's block floats have no biases: stored bits for each scale, and the bits of a weight (mxfp4, nvfp4, mxfp8).
MLX_FLOAT_BITS = {128: 4, 64: 4, 256: 8}
# Bits that GPTQ and AWQ writers offer.
QWEIGHT_BITS = (2, 3, 4, 5, 6, 8)
# Bytes for each 8-bit scale of block floats, and the bits of a weight: 32 weights share a scale (MX), or 16 (NVFP4).
BLOCK_FLOAT_BITS = {16: 4, 24: 6, 32: 8, 8: 4}
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
# Methods that pack plain `.weight` tensors of bytes; others store one value a byte whatever its bits.
BYTE_PACKING_METHODS = frozenset({"bitnet", "bitsandbytes", "mxfp4"})
UNPACKED_METHODS = frozenset({"compressed-tensors", "eetq"})
_SCALES = (
    "_scales",
    ".weight_scale",
    ".scales",
    ".scale",
    ".weight_scale_inv",
    "_scale",
    "_scale_inv",
    "_weight_scale",
)


def unpack(layer: Layer) -> Weights:
    """What a packed tensor stands for: the first rule that is certain of its scheme answers."""
    for rule in _RULES:
        weights = rule(layer)
        if weights is not None:
            return weights
    return anything(layer.weight)


def _bitsandbytes(layer: Layer) -> Weights | None:
    """Two 4-bit values a byte beside a `quant_state`, whatever the type; one 8-bit value a byte beside `SCB`."""
    if layer.first(".weight.quant_state", ".weight.quant_map"):
        return _counted(layer, 4)
    if layer.weight.dtype == "I8" and ".SCB" in layer.others:
        return exactly(layer.weight.elements)
    return None


def _stated(layer: Layer) -> Weights | None:
    """The unpacked shape, where the file states it and it was read."""
    shape = layer.first(".weight_shape", ".weight.shape") or (layer.others.get(".shape") if layer.scheme else None)
    count = stated_shape(layer.weight, shape)
    return None if count is None else exactly(count)


def _qweight(layer: Layer) -> Weights | None:
    """GPTQ and AWQ: zero points are packed like the weights, one for each scale, so the two tell the bits."""
    weight = layer.weight
    if layer.scheme != "qweight" or is_float(weight.dtype):
        return None
    if ".wscales" in layer.others:  # Nunchaku: nibbles in bytes or in 32-bit elements
        return _counted(layer, 4)
    if weight.dtype in ("I8", "U8") and _block_floats(layer) is not None:
        return _block_floats(layer)
    bits = _bits_by_zero_points(layer) or layer.settings.bits_for(layer.stem)
    count = of_bits(weight, bits) if bits else None
    if bits is None or count is None:
        return None
    inputs, per_element = layer.others.get(".g_idx"), most_weights_per_element(weight.dtype) // bits + 1
    if len(weight.shape) != 2:
        return exactly(count)
    if inputs is None:
        # In a shard the list may lie elsewhere; layouts that pack along the outputs have none, and no padding.
        padding = per_element * weight.shape[1] if layer.shard and _packs_inputs(layer) else 0
        return between(weight, (max(count - padding, 0), count), count)
    # The group of each input is listed, so that inputs which do not fill the last element are known.
    unpadded = inputs.elements * weight.shape[1]
    if unpadded >= count:
        return between(weight, (count, min(unpadded, _most(weight))), count)
    padding = count // weight.shape[1] - inputs.elements if weight.shape[1] else 0
    return exactly(unpadded) if padding < per_element else between(weight, (unpadded, count), unpadded)


def _packs_inputs(layer: Layer) -> bool:
    """Whether a weight may be packed along its inputs, as GPTQ does: it then has as many columns as scales have."""
    scales = layer.others.get(".scales")
    return layer.settings.method != "awq" and (scales is None or scales.shape[-1:] == layer.weight.shape[-1:])


def _most(tensor: Tensor) -> int:
    return tensor.elements * most_weights_per_element(tensor.dtype)


def _bits_by_zero_points(layer: Layer) -> int | None:
    scales, zeros = layer.first(".scales"), layer.first(".qzeros")
    if scales is None or zeros is None or not scales.elements or is_float(zeros.dtype):
        if zeros is not None and is_float(zeros.dtype) and layer.weight.dtype == "I16":
            return 4  # AWQ for matrix-vector products: unpacked zero points, four weights a 16-bit element
        return None
    bits, rest = divmod(most_weights_per_element(zeros.dtype) * zeros.elements, scales.elements)
    return bits if not rest and bits in QWEIGHT_BITS else None


def _block_floats(layer: Layer) -> Weights | None:
    """MXFP4, MXFP6, NVFP4: bytes, and one 8-bit scale for 32 or 16 values."""
    weight, scales = layer.weight, layer.first(*_SCALES)
    if weight.dtype not in ("I8", "U8") or scales is None or not scales.elements:
        return None
    if weight.dtype == "I8" and scales.dtype != "F8_E8M0":
        return None
    if scales.dtype != "U8" and not scales.dtype.startswith("F8_"):
        return None
    if layer.first(".weight_scale_2", ".weight_global_scale") is not None and scales.dtype == "F8_E4M3":
        return _counted(layer, 4)  # a scale of the scales: NVFP4, also where the scales are padded to tiles
    shared, rest = divmod(weight.elements, scales.elements)
    bits = None if rest else BLOCK_FLOAT_BITS.get(shared)
    return None if bits is None else _counted(layer, bits)


def _mlx(layer: Layer) -> Weights | None:
    """MLX: `bits * columns = 32 * stored columns`, and one scale for each group of columns."""
    weight, scales = layer.weight, layer.first(".scales")
    if weight.dtype != "U32" or scales is None or not scales.elements:
        return None
    if layer.first(".biases", ".qbiases") is None and scales.dtype == "U8":
        bits = MLX_FLOAT_BITS.get(32 * weight.elements // scales.elements)
        return _counted(layer, bits) if bits else None
    possible = []
    for bits in MLX_BITS:
        count = of_bits(weight, bits)
        if count is not None and count % scales.elements == 0 and count // scales.elements in MLX_GROUPS:
            possible.append((bits, count // scales.elements, count))
    told = layer.settings.choices_for(layer.stem)
    return _candidates(layer, possible, told, tuple(layer.settings.overrides.values()))


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


def _weight_packed(layer: Layer) -> Weights | None:
    """compressed-tensors: rows are padded to whole elements; a scale for each group tells where they end."""
    scale = layer.first(".weight_scale")
    if layer.scheme != "weight_packed" or scale is None or is_float(layer.weight.dtype):
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
    scale = layer.first(".scale")
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
    return _counted(layer, bits) if bits else between(layer.weight, (2 * elements, 4 * elements), 2 * elements)


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
        return _counted(layer, 4)
    zeros = layer.first("._weight_zero_point")
    if weight.dtype == "I8" and zeros is not None and zeros.dtype == "I8":
        return exactly(weight.elements)  # both as they are: int4 has zero points in the scale's float type
    return None


def _halved_rows(layer: Layer) -> Weights | None:
    """ModelOptimizer's int4: two rows of weights in one of bytes, and a scale row for each row of weights."""
    weight, scale = layer.weight, layer.first(".weight_scale", ".weights_scaling_factor")
    if weight.dtype not in ("I8", "U8") or scale is None or len(weight.shape) < 2 or len(scale.shape) < 2:
        return None
    rows, columns = weight.shape[-2:]
    if rows and scale.shape[-2] == 2 * rows and scale.shape[-1] and columns % scale.shape[-1] == 0:
        return _counted(layer, 4)
    return None


def _by_group(layer: Layer) -> Weights | None:
    """Bits and group by the settings, confirmed by the number of scales."""
    scale = layer.first(".weight_scale", ".scales", ".scale", ".weights_scaling_factor", "_scale")
    if scale is None or not scale.elements:
        return None
    counts = {
        count
        for bits, group in layer.settings.choices_for(layer.stem)
        if bits and group and group > 1 and (count := of_bits(layer.weight, bits)) and scale.elements * group == count
    }
    return exactly(counts.pop()) if len(counts) == 1 else None


def _halved(layer: Layer) -> Weights | None:
    """The kept half of 2:4 sparse weights whose metadata lies in another shard."""
    bits = layer.settings.bits_for(layer.stem)
    count = of_bits(layer.weight, bits) if bits and layer.settings.halved and layer.scheme == "weight_packed" else None
    return None if count is None else exactly(2 * count)


def _by_settings(layer: Layer) -> Weights | None:
    """What the model's configuration says, where it names one number of bits for this layer."""
    bits = layer.settings.bits_for(layer.stem)
    method, elements = layer.settings.method, layer.weight.elements
    if layer.weight.dtype in ("I8", "U8") and method in UNPACKED_METHODS and not layer.scheme:
        return exactly(elements)
    count = of_bits(layer.weight, bits) if bits else None
    if bits is None or count is None or is_float(layer.weight.dtype):
        return None
    if layer.weight.dtype in ("I8", "U8"):
        if count == elements:
            return exactly(elements)
        if method in BYTE_PACKING_METHODS:
            return exactly(count)
    return between(layer.weight, (min(elements, count), count), count)


def _comfy(layer: Layer) -> Weights | None:
    """ComfyUI describes each layer; its integers of eight bits are stored one a byte."""
    return exactly(layer.weight.elements) if layer.weight.dtype == "I8" and ".comfy_quant" in layer.others else None


def _counted(layer: Layer, bits: int) -> Weights | None:
    count = of_bits(layer.weight, bits)
    return None if count is None else exactly(count)


_RULES = (
    _bitsandbytes, _stated, _qweight, *code_schemes.RULES, _halved, _block_floats, _mlx, _weight_packed, _hqq, _quanto,
    _torchao,
    _halved_rows, _comfy, _by_group, _by_settings,
)  # fmt: skip
