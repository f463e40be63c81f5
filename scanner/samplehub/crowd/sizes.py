"""Networks with an exact number of parameters: their dimensions, and their stored elements by dtype, by arithmetic.

A family of sizes takes most of the parameters, an embedding most of the rest, and one bias what is left. `tensors`
builds them; `by_dtype` says what they add up to without building them, since every row of a listing declares it.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

from scanner.samplehub.files.tensors import Tensor, Tensors, prefixed, stored
from scanner.samplehub.population import shapes

if TYPE_CHECKING:
    from scanner.samplehub.crowd.models import Weights

LAYERS = ((10**5, 1), (10**6, 2), (10**7, 4), (10**8, 8), (10**9, 16), (10**10, 32), (10**11, 64))
MOST_LAYERS = 96
POSITIONS = 512
GPTQ_GROUP, MLX_GROUP = 128, 64
PER_WORD = 8  # 4-bit weights in 32 bits


class Decoder(NamedTuple):
    """Dimensions of a decoder; its feed-forward blocks are three times as wide, its key-value heads a quarter."""

    hidden: int
    layers: int
    vocab: int
    rest: int

    @property
    def projections(self) -> int:
        """Weights that quantisation packs: 11.5 squares of the width a layer."""
        return self.layers * 23 * self.hidden * self.hidden // 2


def _layers(count: int) -> int:
    return next((layers for below, layers in LAYERS if count < below), MOST_LAYERS)


def _multiple(value: int, packed: bool) -> int:
    step = 128 if packed else 256 if value >= 1024 else 64 if value >= 128 else 8
    return max(value // step * step, step)


def decoder(count: int, *, packed: bool = False) -> Decoder:
    """A decoder of exactly so many parameters, its head tied to its embedding."""
    layers = _layers(count)
    hidden = _multiple(isqrt(count * 17 * 2 // (20 * 23 * layers)), packed)
    while layers > 1 and _decoder_body(hidden, layers) > count:
        layers //= 2
    left = count - _decoder_body(hidden, layers)
    return Decoder(hidden, layers, left // hidden, left % hidden)


def _decoder_body(hidden: int, layers: int) -> int:
    return layers * (23 * hidden * hidden // 2 + 2 * hidden) + hidden


def decoder_tensors(count: int, dtype: str, *, packed: bool = False) -> Tensors:
    """The same as tensors."""
    hidden, layers, vocab, rest = decoder(count, packed=packed)
    tensors = shapes.llama(
        hidden=hidden, layers=layers, intermediate=3 * hidden, kv=hidden // 4, vocab=vocab, dtype=dtype, tied=True
    )
    return tensors | ({"lm_head.bias": Tensor(dtype, (rest,))} if rest else {})


def encoder_tensors(count: int, *, position_ids: bool) -> Tensors:
    """An encoder of exactly so many parameters, position ids not counted."""
    layers = _layers(count)
    hidden = _multiple(isqrt(count * 7 // (10 * 12 * layers)), packed=False)
    while True:
        tensors = shapes.bert(hidden=hidden, layers=layers, vocab=0, positions=POSITIONS, position_ids=False)
        left = count - stored(tensors)
        if left >= hidden or (hidden == 8 and layers == 1):
            break
        layers, hidden = (layers // 2, hidden) if layers > 1 else (1, hidden // 2)
    tensors = shapes.bert(
        hidden=hidden, layers=layers, vocab=left // hidden, positions=POSITIONS, position_ids=position_ids
    )
    return tensors | ({"classifier.bias": Tensor("F32", (left % hidden,))} if left % hidden else {})


def vision_tensors(count: int) -> Tensors:
    """A plain network of exactly so many parameters."""
    width = max(isqrt(count // 6), 4)
    tensors = shapes.perceptron(width, 2 * width, width, min(width, 10), prefix="blocks.")
    tensors["head.proj"] = Tensor("F32", (count - stored(tensors),))
    return tensors


def has_position_ids(weights: Weights) -> bool:
    """Older encoders store them."""
    return weights.draw & 7 == 0


def components(weights: Weights) -> dict[str, Tensors]:
    """The networks of an image pipeline."""
    vae, text = weights.count // 12, weights.count // 8
    return {
        "unet": decoder_tensors(weights.count - vae - text, weights.dtype),
        "vae": vision_tensors(vae),
        "text_encoder": prefixed("text_model.", vision_tensors(text)),
    }


def tensors(weights: Weights) -> Tensors:
    """What is stored in a safetensors or PyTorch file."""
    form, count = weights.form, weights.count
    if form == "encoder":
        return encoder_tensors(count, position_ids=has_position_ids(weights))
    if form in ("gptq", "mlx"):
        plain = decoder_tensors(count, "F16", packed=True)
        return shapes.gptq(plain) if form == "gptq" else shapes.mlx(plain)
    if form == "lora":
        return lora_tensors(count)
    return decoder_tensors(count, weights.dtype) if form == "decoder" else vision_tensors(count)


def lora_tensors(count: int) -> Tensors:
    """Pairs of thin matrices; what is left is the magnitude of one of them."""
    layers = min(_layers(count), 32)
    rank = 8
    width = max(count // (layers * 2 * 2 * rank), 1)
    found: Tensors = {}
    for layer in range(layers):
        for name in ("q_proj", "v_proj"):
            base = f"base_model.model.model.layers.{layer}.self_attn.{name}."
            found[base + "lora_A.weight"] = Tensor("F32", (rank, width))
            found[base + "lora_B.weight"] = Tensor("F32", (width, rank))
    left = count - stored(found)
    while left < 0:  # too few for a pair in every layer
        left += found.popitem()[1].elements
    return found | ({"base_model.model.lm_head.lora_magnitude_vector.weight": Tensor("F32", (left,))} if left else {})


def by_dtype(weights: Weights) -> dict[str, int]:
    """Stored elements of `tensors`, or of all `components`, by dtype."""
    form, count = weights.form, weights.count
    if form == "encoder" and has_position_ids(weights):
        return {"I64": POSITIONS, "F32": count}
    if form == "pipeline":
        others = count // 12 + count // 8
        return {"F32": count} if weights.dtype == "F32" else {weights.dtype: count - others, "F32": others}
    if form not in ("gptq", "mlx"):
        return {weights.dtype: count}
    dims = decoder(count, packed=True)
    packed = dims.projections
    if form == "gptq":
        words = packed // PER_WORD + packed // (GPTQ_GROUP * PER_WORD) + dims.layers * 9 * dims.hidden
        return {"I32": words, "F16": count - packed + packed // GPTQ_GROUP}
    return {"U32": packed // PER_WORD, "F16": count - packed + 2 * (packed // MLX_GROUP)}
