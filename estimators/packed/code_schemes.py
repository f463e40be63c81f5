"""How many weights packed tensors stand for whose elements are codes or tiles: one element, several weights at once.

ExLlama's EXL2 and EXL3, AQLM, VPTQ, QuIP#, HIGGS, Marlin and its 2:4 sparse form. Each rule answers only for its own
scheme, and says where shapes leave several answers.
"""

from __future__ import annotations

from collections.abc import Callable

from estimators.dtypes import is_float, most_weights_per_element
from estimators.packed.layers import Layer, Weights, anything, between, exactly, of_bits

TILE = 256  # weights in a tile of EXL3: 16 x 16
META_WEIGHTS = 16  # a 16-bit element of 2:4 metadata holds two bits for each of 8 kept weights, of 16


def _exllama(layer: Layer) -> Weights | None:
    """EXL2 mixes bits in one tensor, but keeps the input permutation; EXL3 stores tiles of 16 x 16 weights."""
    shape = layer.weight.shape
    if layer.scheme == "exl2" and len(shape) == 2:
        order = layer.first(".q_invperm", ".q_perm")
        return exactly(order.elements * shape[1]) if order is not None else None
    if layer.scheme == "exl3" and len(shape) == 3:
        return exactly(shape[0] * shape[1] * TILE)
    return None


def _aqlm(layer: Layer) -> Weights | None:
    """AQLM: a code for each group of weights; the codebooks' last two dimensions are the group's."""
    books = layer.first(".codebooks")
    if layer.scheme != "aqlm" or books is None or len(books.shape) != 4 or len(layer.weight.shape) != 3:
        return None
    return exactly(layer.weight.shape[0] * layer.weight.shape[1] * books.shape[2] * books.shape[3])


def _vptq(layer: Layer) -> Weights | None:
    """VPTQ: an index for each vector of weights; the settings state the layer's dimensions."""
    if layer.scheme != "vptq":
        return None
    size = layer.settings.size_of(layer.stem)
    if size is not None:
        return exactly(size)
    elements, width = layer.weight.elements, most_weights_per_element(layer.weight.dtype)
    # Vectors have up to 32 weights; unpacked indices have 16 bits, packed ones share elements of 32.
    return between(layer.weight, (elements, elements * max(width, 32)), elements)


def _quip(layer: Layer) -> Weights | None:
    """QuIP#: a code for eight weights or more; the signs of inputs and outputs are kept, one each."""
    inputs, outputs = layer.first(".SU"), layer.first(".SV")
    if layer.scheme != "quip" or inputs is None or outputs is None:
        return None
    count = inputs.elements * outputs.elements
    most = layer.weight.elements * most_weights_per_element(layer.weight.dtype)
    fits = layer.weight.elements and layer.weight.elements <= count <= most and count % layer.weight.elements == 0
    return exactly(count) if fits else None


def _higgs(layer: Layer) -> Weights | None:
    """HIGGS: bits by the length of the lookup table."""
    table = layer.first(".tables")
    if layer.scheme or table is None or is_float(layer.weight.dtype):
        return None
    bits = table.elements.bit_length() - 1
    count = of_bits(layer.weight, bits) if table.elements == 1 << bits else None
    return anything(layer.weight) if count is None else exactly(count)


def _marlin(layer: Layer) -> Weights | None:
    """Marlin: 4-bit values; the 2:4 sparse form stores half of them, and counts by its dense shape."""
    if layer.scheme not in ("marlin", "marlin24"):
        return None
    count = of_bits(layer.weight, 4)
    return None if count is None else exactly(count * (2 if layer.scheme == "marlin24" else 1))


def _two_of_four(layer: Layer) -> Weights | None:
    """compressed-tensors `marlin-24`: metadata for each kept weight tells the dense count."""
    meta = layer.first(".meta", ".B_meta")
    if layer.scheme != "weight_packed" or meta is None or ".scale_packed" not in layer.others or meta.dtype != "I16":
        return None
    return exactly(meta.elements * META_WEIGHTS)


RULES: tuple[Callable[[Layer], Weights | None], ...] = (
    _exllama, _aqlm, _vptq, _quip, _higgs, _marlin, _two_of_four,
)  # fmt: skip
"""In the order in which they are asked."""
