"""How many weights one packed integer tensor stands for.

Each rule reads names, shapes, settings or stated shapes and gives an answer only where it is certain of its scheme; the
last resort is the interval from one weight an element to one weight a bit. Schemes of codebooks and tiles, whose
elements stand for several weights at once, are in `code_schemes.py`, those of free groups in `grouped_schemes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from estimators.dtypes import is_float, most_weights_per_element
from estimators.packed import code_schemes, grouped_schemes
from estimators.packed.layers import Layer, Tensor, Weights, anything, between, counted, exactly, of_bits, stated_shape
from estimators.packed.quantization import Quantization

__all__ = ["Layer", "Tensor", "Weights", "between", "exactly", "of_bits", "unpack"]

# Bits that GPTQ and AWQ writers offer.
QWEIGHT_BITS = (2, 3, 4, 5, 6, 8)
# Bytes for each 8-bit scale of block floats, and the bits of a weight: 32 weights share a scale (MX), or 16 (NVFP4).
BLOCK_FLOAT_BITS = {16: 4, 24: 6, 32: 8, 8: 4}
# Methods that pack plain `.weight` tensors of bytes; others store one value a byte whatever its bits.
BYTE_PACKING_METHODS = frozenset({"bitnet", "bitsandbytes", "mxfp4"})
# Methods whose settings are believed about packed tensors of a name: a file may be of another method than the model's
# configuration, beside which it lies.
GPTQ_METHODS = frozenset({
    "gptq", "gptq_marlin", "gptq_v2", "marlin", "qqq", "moe_wna16", "awq", "awq_marlin", "w4a8_awq", "auto-round",
    "auto_round", "autoround", "intel/auto-round", "inc", "rtn", "fp_quant", "svdquant", "nunchaku",
})  # fmt: skip
METHODS_OF_SCHEMES: Mapping[str, frozenset[str]] = {
    "qweight": GPTQ_METHODS,
    "weight_packed": frozenset({"compressed-tensors", "compressed_tensors", "auto-round", "auto_round", "unnamed"}),
    "hqq": frozenset({"hqq", "sinq", "unnamed"}),
    "quanto": frozenset({"quanto", "unnamed"}),
    "torchao": frozenset({"torchao", "unnamed"}),
}
# Methods that name their packed tensors otherwise than `.weight`.
METHODS_OF_OTHER_NAMES = (GPTQ_METHODS - {"marlin"}) | {
    "hqq",
    "sinq",
    "quanto",
    "torchao",
    "aqlm",
    "exl2",
    "exl3",
}
UNPACKED_METHODS = frozenset({
    "compressed-tensors", "eetq", "w8a8_int8", "blockwise_int8", "experts_int8", "tpu_int8"
})  # fmt: skip
BITS_OF_ELEMENT = 32
_SCALES = (
    "_scales",
    ".weight_scale",
    ".scales",
    ".scale",
    ".weight_scale_inv",
    "_scale",
    "_scale_inv",
    "_weight_scale",
    ".weight_sf_rowmajor",
)


def unpack(layer: Layer) -> Weights:
    """What a packed tensor stands for: the first rule that is certain of its scheme answers."""
    layer = _believing(layer)
    for rule in _RULES:
        weights = rule(layer)
        if weights is not None:
            return weights
    return anything(layer.weight)


def _believing(layer: Layer) -> Layer:
    """The layer without the settings where they are of a method that does not store it so."""
    method = layer.settings.method
    if layer.scheme:
        foreign = method not in METHODS_OF_SCHEMES.get(layer.scheme, (method,))
    elif layer.weight.dtype == "U32":
        foreign = method not in grouped_schemes.MLX_METHODS
    else:
        foreign = method in METHODS_OF_OTHER_NAMES
    return replace(layer, settings=Quantization()) if foreign and method else layer


def _bitsandbytes(layer: Layer) -> Weights | None:
    """Two 4-bit values a byte beside a `quant_state`, whatever the type; one 8-bit value a byte beside `SCB`."""
    if layer.first(".weight.quant_state", ".weight.quant_map"):
        return counted(layer, 4)
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
        return counted(layer, 4)
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
        return counted(layer, 4)  # a scale of the scales: NVFP4, also where the scales are padded to tiles
    shared, rest = divmod(weight.elements, scales.elements)
    bits = None if rest else BLOCK_FLOAT_BITS.get(shared)
    return None if bits is None else counted(layer, bits)


def _weight_packed(layer: Layer) -> Weights | None:
    """compressed-tensors: rows are padded to whole elements; a scale for each group tells where they end."""
    scale = layer.first(".weight_scale")
    if layer.scheme != "weight_packed" or is_float(layer.weight.dtype):
        return None
    if scale is None:
        return _torn_from_scales(layer) if layer.shard else None
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


def _torn_from_scales(layer: Layer) -> Weights | None:
    """compressed-tensors, scales in another shard: a row of whole groups that fill their elements has no padding."""
    counts: list[int] = []
    for bits, group in layer.settings.choices_for(layer.stem):
        count = of_bits(layer.weight, bits) if bits and layer.weight.dtype == "I32" else None
        if bits is None or count is None or layer.settings.halved:
            return None
        whole = bool(group and group > 1 and group * bits % BITS_OF_ELEMENT == 0)
        counts += [count] if whole else [count - _padding(layer.weight, bits), count]
    return between(layer.weight, counts, max(counts)) if counts else None


def _padding(tensor: Tensor, bits: int) -> int:
    """Weights at most that fill up the last element of each row."""
    columns = tensor.shape[-1] if tensor.shape else 0
    rows = tensor.elements // columns if columns else 0
    return rows * (most_weights_per_element(tensor.dtype) // bits - 1)


def _halved_rows(layer: Layer) -> Weights | None:
    """ModelOptimizer's int4: two rows of weights in one of bytes, and a scale row for each row of weights."""
    weight, scale = layer.weight, layer.first(".weight_scale", ".weights_scaling_factor")
    if weight.dtype not in ("I8", "U8") or scale is None or len(weight.shape) < 2 or len(scale.shape) < 2:
        return None
    rows, columns = weight.shape[-2:]
    if rows and scale.shape[-2] == 2 * rows and scale.shape[-1] and columns % scale.shape[-1] == 0:
        return counted(layer, 4)
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
    if layer.weight.dtype == "I8" and method in UNPACKED_METHODS and not layer.scheme:
        return exactly(elements)
    count = of_bits(layer.weight, bits) if bits else None
    if bits is None or count is None or is_float(layer.weight.dtype):
        return None
    if layer.weight.dtype in ("I8", "U8"):
        if count == elements and method != "unnamed":
            return exactly(elements)
        if method in BYTE_PACKING_METHODS:
            return exactly(count)
    return between(layer.weight, (min(elements, count), count), count)


def _comfy(layer: Layer) -> Weights | None:
    """ComfyUI describes each layer; its integers of eight bits are stored one a byte."""
    return exactly(layer.weight.elements) if layer.weight.dtype == "I8" and ".comfy_quant" in layer.others else None


_RULES: tuple[Callable[[Layer], Weights | None], ...] = (
    _bitsandbytes, _stated, _qweight, *code_schemes.RULES, _halved, _block_floats, _weight_packed,
    *grouped_schemes.RULES, _halved_rows, _comfy, _by_group, _by_settings,
)  # fmt: skip
