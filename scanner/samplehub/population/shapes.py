"""Tensor lists of real architectures, at any size."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from scanner.samplehub.files.gguf import Quantised
from scanner.samplehub.files.tensors import FLOATING, Tensor, Tensors

if TYPE_CHECKING:
    from collections.abc import Mapping


def llama(
    *,
    hidden: int,
    layers: int,
    intermediate: int,
    kv: int,
    vocab: int,
    dtype: str = "BF16",
    tied: bool = False,
    qkv_bias: bool = False,
) -> Tensors:
    """A decoder with gated feed-forward blocks and grouped key-value heads; no head of its own if `tied`."""
    sizes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (vocab, hidden)}
    for layer in range(layers):
        base = f"model.layers.{layer}."
        sizes |= {
            base + "input_layernorm.weight": (hidden,),
            base + "mlp.down_proj.weight": (hidden, intermediate),
            base + "mlp.gate_proj.weight": (intermediate, hidden),
            base + "mlp.up_proj.weight": (intermediate, hidden),
            base + "post_attention_layernorm.weight": (hidden,),
            base + "self_attn.k_proj.weight": (kv, hidden),
            base + "self_attn.o_proj.weight": (hidden, hidden),
            base + "self_attn.q_proj.weight": (hidden, hidden),
            base + "self_attn.v_proj.weight": (kv, hidden),
        }
        if qkv_bias:
            sizes |= {base + f"self_attn.{name}_proj.bias": (hidden if name == "q" else kv,) for name in "qkv"}
    sizes["model.norm.weight"] = (hidden,)
    if not tied:
        sizes["lm_head.weight"] = (vocab, hidden)
    return {name: Tensor(dtype, shape) for name, shape in sizes.items()}


def bert(
    *,
    hidden: int,
    layers: int,
    vocab: int,
    positions: int = 512,
    dtype: str = "F32",
    position_ids: bool = True,
    prefix: str = "bert.",
) -> Tensors:
    """An encoder; older checkpoints also hold the position ids, which are integers and no weights."""
    four = 4 * hidden
    sizes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (vocab, hidden),
        "embeddings.position_embeddings.weight": (positions, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    for layer in range(layers):
        base = f"encoder.layer.{layer}."
        for part, shape in (
            ("attention.self.query", (hidden, hidden)),
            ("attention.self.key", (hidden, hidden)),
            ("attention.self.value", (hidden, hidden)),
            ("attention.output.dense", (hidden, hidden)),
            ("attention.output.LayerNorm", (hidden,)),
            ("intermediate.dense", (four, hidden)),
            ("output.dense", (hidden, four)),
            ("output.LayerNorm", (hidden,)),
        ):
            sizes[base + part + ".weight"] = shape
            sizes[base + part + ".bias"] = shape[:1]
    sizes |= {"pooler.dense.weight": (hidden, hidden), "pooler.dense.bias": (hidden,)}
    tensors = {prefix + name: Tensor(dtype, shape) for name, shape in sizes.items()}
    if position_ids:
        tensors[prefix + "embeddings.position_ids"] = Tensor("I64", (1, positions))
    return tensors


def perceptron(*widths: int, dtype: str = "F32", prefix: str = "layers.") -> Tensors:
    """Linear layers in a row."""
    tensors: Tensors = {}
    for number, (wide, narrow) in enumerate(pairwise(widths)):
        tensors[f"{prefix}{number}.weight"] = Tensor(dtype, (narrow, wide))
        tensors[f"{prefix}{number}.bias"] = Tensor(dtype, (narrow,))
    return tensors


def convolutions(*channels: int, batch_norm: bool = True, dtype: str = "F32", prefix: str = "features.") -> Tensors:
    """3x3 convolutions, each with its BatchNorm: weights, running statistics, and a step counter that is no weight."""
    tensors: Tensors = {}
    for number, (inner, outer) in enumerate(pairwise(channels)):
        tensors[f"{prefix}{number}.conv.weight"] = Tensor(dtype, (outer, inner, 3, 3))
        if batch_norm:
            for name in ("weight", "bias", "running_mean", "running_var"):
                tensors[f"{prefix}{number}.bn.{name}"] = Tensor(dtype, (outer,))
            tensors[f"{prefix}{number}.bn.num_batches_tracked"] = Tensor("I64", ())
        else:
            tensors[f"{prefix}{number}.conv.bias"] = Tensor(dtype, (outer,))
    return tensors


def linear_names(tensors: Mapping[str, Tensor]) -> list[str]:
    """The projections inside the layers, which are what quantisation packs."""
    return [name for name in tensors if name.endswith("_proj.weight") and ".layers." in name]


def gptq(tensors: Mapping[str, Tensor], *, bits: int = 4, group: int = 128) -> Tensors:
    """The same model, its projections packed: eight 4-bit weights an I32, with scales, zero points and group index."""
    packed: Tensors = {}
    per_word = 32 // bits
    projections = set(linear_names(tensors))
    for name, tensor in tensors.items():
        if name not in projections:
            packed[name] = Tensor("F16", tensor.shape) if tensor.dtype in FLOATING else tensor
            continue
        outer, inner = tensor.shape
        base = name.removesuffix("weight")
        packed[base + "qweight"] = Tensor("I32", (inner // per_word, outer))
        packed[base + "qzeros"] = Tensor("I32", (inner // group, outer // per_word))
        packed[base + "scales"] = Tensor("F16", (inner // group, outer))
        packed[base + "g_idx"] = Tensor("I32", (inner,))
    return packed


def mlx(tensors: Mapping[str, Tensor], *, bits: int = 4, group: int = 64) -> Tensors:
    """The same model with its projections packed along rows into U32, a scale and a bias a group."""
    packed: Tensors = {}
    projections = set(linear_names(tensors))
    for name, tensor in tensors.items():
        packed[name] = tensor
        if name in projections:
            outer, inner = tensor.shape
            base = name.removesuffix("weight")
            packed[name] = Tensor("U32", (outer, inner * bits // 32))
            packed[base + "scales"] = packed[base + "biases"] = Tensor("F16", (outer, inner // group))
    return packed


def bitsandbytes(tensors: Mapping[str, Tensor], *, block: int = 64) -> Tensors:
    """The same model with its projections in 4 bits as bytes, each with its quantisation state."""
    packed: Tensors = {}
    projections = set(linear_names(tensors))
    for name, tensor in tensors.items():
        packed[name] = tensor
        if name in projections:
            packed[name] = Tensor("U8", (tensor.elements // 2, 1))
            packed[name + ".absmax"] = Tensor("F32", (tensor.elements // block,))
            packed[name + ".quant_map"] = Tensor("F32", (16,))
            packed[name + ".quant_state.bitsandbytes__nf4"] = Tensor("U8", (76,))
    return packed


def fp8(tensors: Mapping[str, Tensor], *, block: int = 128) -> Tensors:
    """The same model with its projections in 8-bit floats and one inverse scale a block of them."""
    packed: Tensors = {}
    projections = set(linear_names(tensors))
    for name, tensor in tensors.items():
        packed[name] = tensor
        if name in projections:
            outer, inner = tensor.shape
            packed[name] = Tensor("F8_E4M3", tensor.shape)
            packed[name + "_scale_inv"] = Tensor("F32", (-(-outer // block), -(-inner // block)))
    return packed


def fp4(tensors: Mapping[str, Tensor], *, group: int = 32) -> Tensors:
    """The same model with its projections in 4-bit floats and one exponent a group of them."""
    packed: Tensors = {}
    projections = set(linear_names(tensors))
    for name, tensor in tensors.items():
        packed[name] = tensor
        if name in projections:
            outer, inner = tensor.shape
            packed[name] = Tensor("F4", tensor.shape)
            packed[name + "_scale"] = Tensor("F8_E8M0", (outer, inner // group))
    return packed


def lora(tensors: Mapping[str, Tensor], *, rank: int, targets: tuple[str, ...], dtype: str = "F32") -> Tensors:
    """Two thin matrices for each targeted projection."""
    adapter: Tensors = {}
    for name in linear_names(tensors):
        module = name.removesuffix(".weight")
        if module.rpartition(".")[2] in targets:
            outer, inner = tensors[name].shape
            adapter[f"base_model.model.{module}.lora_A.weight"] = Tensor(dtype, (rank, inner))
            adapter[f"base_model.model.{module}.lora_B.weight"] = Tensor(dtype, (outer, rank))
    return adapter


GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.down_proj": "ffn_down",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "self_attn.k_proj": "attn_k",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_proj": "attn_q",
    "self_attn.v_proj": "attn_v",
}


def as_gguf(tensors: Mapping[str, Tensor], kind: str) -> dict[str, Quantised]:
    """The same model under llama.cpp's names: matrices in `kind`, vectors in F32."""
    converted = {}
    for name, tensor in tensors.items():
        parts = name.split(".")
        if "layers" in parts:
            at = parts.index("layers")
            new = f"blk.{parts[at + 1]}.{GGUF_NAMES['.'.join(parts[at + 2 : -1])]}.{parts[-1]}"
        else:
            new = f"{GGUF_NAMES['.'.join(parts[:-1])]}.{parts[-1]}"
        converted[new] = Quantised(kind if len(tensor.shape) > 1 else "F32", tensor.shape)
    return converted
