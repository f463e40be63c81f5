"""Decoders in the manner of Llama: one table of what sets each apart, one sum for all.

Layers as in transformers' `modeling_<model_type>.py` (and, for internlm2, baichuan and kin, the code beside their
weights): embeddings, then in each layer grouped attention, a feed-forward network and norms, a last norm and the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from estimators.architectures.heads import language_head
from estimators.architectures.interface import Config, Family, Sum, certain
from estimators.architectures.layers import attention, gated_mlp, mlp, norm


@dataclass(frozen=True, slots=True)
class Traits:
    """What sets one decoder apart.

    Attributes:
        bias: field (or two, by version) that gives queries, keys and values a bias; `"always"` where they have one,
            empty where never.
        output_bias: the same for the output of attention.
        mlp_bias: the same for the feed-forward network.
        bias_default: what a missing field means.
        gated: whether the feed-forward network has a gate.
        norms: per layer.
        norm_bias: whether norms have a bias.
        last_norm: whether one follows the last layer.
        query_norm: `"head"` (as wide as a head), `"whole"` (as all heads), or empty.
        query_norm_field: field that switches it on; empty where it is always there.
        vocabulary: entries where the field is missing.
        heads: of queries where the field is missing.
        key_heads: heads of keys where the field is missing; None: as many as of queries.
        head_dim: width of a head where the field is missing; None: the width over the heads.
        tied: what a missing `tie_word_embeddings` means.
        head_bias: the same as `bias` for the head.
    """

    bias: str = ""
    output_bias: str = ""
    mlp_bias: str = ""
    bias_default: bool = False
    gated: bool = True
    norms: int = 2
    norm_bias: bool = False
    last_norm: bool = True
    query_norm: str = ""
    query_norm_field: str = ""
    vocabulary: int | None = None
    heads: int | None = None
    key_heads: int | None = None
    head_dim: int | None = None
    tied: bool = False
    head_bias: str = ""


def _attention_bias(**traits: object) -> Traits:
    """Traits of those whose `attention_bias` is about all four projections."""
    return Traits(bias="attention_bias", output_bias="attention_bias", **traits)  # type: ignore[arg-type]


_LLAMA = _attention_bias(mlp_bias="mlp_bias")
_MISTRAL = Traits(key_heads=8)
_USE_BIAS = Traits(bias="use_bias", output_bias="use_bias", mlp_bias="use_bias")
TRAITS = MappingProxyType({
    "llama": _LLAMA,
    "yi": _LLAMA,
    "aquila": _LLAMA,
    "baichuan": Traits(),
    "minicpm": _LLAMA,
    "internlm": Traits(bias="bias", output_bias="bias", bias_default=True),
    "internlm2": Traits(bias="bias", output_bias="bias"),
    "internlm3": Traits(bias="attention_bias|qkv_bias", output_bias="attention_bias|bias", mlp_bias="mlp_bias|bias"),
    "mistral": _MISTRAL,
    "ministral": _MISTRAL,
    "ministral3": _MISTRAL,
    "qwen2": Traits(bias="always"),
    "qwen2_vl_text": Traits(bias="always"),
    "qwen2_5_vl_text": Traits(bias="always"),
    "qwen3": _attention_bias(query_norm="head", head_dim=128),
    "qwen3_vl_text": _attention_bias(query_norm="head", head_dim=128),
    "gemma": _attention_bias(head_dim=256, tied=True),
    "gemma2": _attention_bias(head_dim=256, norms=4, tied=True),
    "vaultgemma": _attention_bias(head_dim=256, tied=True),
    # Published configurations of Gemma 3 leave out what is the class's default.
    "gemma3_text": _attention_bias(
        head_dim=256, norms=4, query_norm="head", tied=True, vocabulary=262_208, heads=8, key_heads=4
    ),
    "phi": Traits(
        bias="always", output_bias="always", mlp_bias="always", gated=False, norms=1, norm_bias=True,
        query_norm="head", query_norm_field="qk_layernorm", head_bias="always",
    ),
    "phi3": Traits(),
    "olmo": _attention_bias(norms=0, last_norm=False),
    "olmo2": _attention_bias(query_norm="whole"),
    "olmo3": _attention_bias(query_norm="whole"),
    "granite": _LLAMA,
    "cohere": _attention_bias(norms=1, query_norm="whole", query_norm_field="use_qk_norm", tied=True),
    "cohere2": _attention_bias(norms=1, tied=True),
    "stablelm": Traits(bias="use_qkv_bias", norm_bias=True, query_norm="whole", query_norm_field="qk_layernorm"),
    "starcoder2": Traits(
        bias="use_bias", output_bias="use_bias", mlp_bias="use_bias", bias_default=True, gated=False, norm_bias=True,
        tied=True,
    ),
    "smollm3": _LLAMA,
    "helium": Traits(bias="attention_bias", mlp_bias="mlp_bias"),
    "glm": Traits(bias="attention_bias", head_dim=128),
    "glm4": Traits(bias="attention_bias", head_dim=128, norms=4),
    "nemotron": _attention_bias(mlp_bias="mlp_bias", gated=False, norm_bias=True),
    "seed_oss": Traits(bias="attention_bias", output_bias="attention_out_bias", mlp_bias="mlp_bias"),
    "exaone": Traits(),
    "exaone4": Traits(query_norm="head"),
    "arcee": _attention_bias(mlp_bias="mlp_bias", gated=False),
    "hunyuan_v1_dense": _attention_bias(query_norm="head"),
    "ernie4_5": _USE_BIAS,
    "persimmon": Traits(
        bias="always", output_bias="always", mlp_bias="always", gated=False, norm_bias=True,
        query_norm="head", query_norm_field="qk_layernorm",
    ),
})  # fmt: skip


def family_of(kind: str) -> Family:
    """The sum for one of the decoders in the table."""
    traits = TRAITS[kind]
    return lambda config: decoder(config, traits)


def decoder(config: Config, traits: Traits) -> Sum:
    """Embeddings, layers, last norm and head."""
    hidden = config.main("hidden_size", default=4096)
    vocabulary = _known(config, "vocab_size", traits.vocabulary, 32_000)
    layers = config.layers("num_hidden_layers", "num_layers", default=32)
    inner = config.main("intermediate_size", default=11_008)
    bias = _switch(config, traits.mlp_bias, traits)
    feed_forward = (gated_mlp if traits.gated else mlp)(hidden, inner, bias=bias)
    norms = traits.norms
    if config.flag("use_parallel_residual", default=False):
        norms = 1  # StableLM's attention and feed-forward network share one
    layer = grouped_attention(config, traits) + feed_forward + norms * norm(hidden, bias=traits.norm_bias)
    last_norm = norm(hidden, bias=traits.norm_bias) * traits.last_norm
    return (
        certain(vocabulary * hidden + layers * layer + last_norm)
        + language_head(config, vocabulary, hidden, tied=traits.tied, bias=_switch(config, traits.head_bias, traits))
        + rotary_buffers(config, hidden, layers)
    )


def grouped_attention(config: Config, traits: Traits) -> int:
    """Queries, fewer keys and values, the output, and norms of queries and keys where there are some."""
    hidden = config.main("hidden_size", default=4096)
    heads = _known(config, "num_attention_heads", traits.heads, 32)
    key_heads = config.size("num_key_value_heads", default=traits.key_heads or heads)
    head_dim = config.size("head_dim", default=traits.head_dim or max(hidden // heads, 1))
    queries, keys = heads * head_dim, key_heads * head_dim
    norms = 0
    if traits.query_norm and (not traits.query_norm_field or config.flag(traits.query_norm_field, default=False)):
        widths = 2 * head_dim if traits.query_norm == "head" else queries + keys
        # Phi and Persimmon, whose other norms have a bias, give these one too; StableLM does not.
        norms = norm(widths, bias=traits.norm_bias and traits.query_norm == "head")
    return norms + attention(
        hidden,
        queries,
        keys,
        bias=_switch(config, traits.bias, traits),
        output_bias=_switch(config, traits.output_bias, traits),
    )


def _known(config: Config, field: str, default: int | None, common: int) -> int:
    """A size whose default is the kind's own, or else a guess."""
    return config.main(field, default=common) if default is None else config.size(field, default=default)


def rotary_buffers(config: Config, hidden: int, layers: int) -> Sum:
    """Frequencies of rotary positions, which older versions stored with every layer."""
    heads = config.size("num_attention_heads", default=1)
    width = max(config.size("head_dim", default=max(hidden // heads, 1)), 1)
    return Sum(possible=layers * width + 4 * width)


def _switch(config: Config, field: str, traits: Traits) -> bool:
    if field in ("", "always"):
        return field == "always"
    return any(config.flag(name, default=traits.bias_default) for name in field.split("|"))
