"""Decoders with mixtures of experts: every expert counts, not only those that one token meets.

Layers as in transformers' `modeling_<model_type>.py`: a decoder whose feed-forward network is, in all layers or
in some, a router and many experts, sometimes beside experts that every token meets.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.heads import language_head
from estimators.architectures.interface import Config, Family, Sum, certain, optional
from estimators.architectures.layers import gated_mlp, linear, norm
from estimators.architectures.llama import Traits, grouped_attention, rotary_buffers

MAX_EXPERTS = 10_000  # of one layer: the largest in use have a few hundred
MAX_EXTRA_LAYERS = 8  # that predict further tokens: DeepSeek has one


def mixtral(config: Config) -> Sum:
    """Every layer a mixture: Mixtral, PhiMoE, OLMoE, GraniteMoE."""
    kind = config.text("model_type")
    traits = _ALIKE.get(kind, _ALIKE["mixtral"])
    hidden = config.main("hidden_size", default=4096)
    block = _routed(config, hidden, config.main("intermediate_size", default=14_336), "num_local_experts")
    if config.has("shared_intermediate_size"):
        block += gated_mlp(hidden, config.size("shared_intermediate_size", least=0))
    return _whole(config, traits, grouped_attention(config, traits), sparse=block)


def qwen_moe(config: Config) -> Sum:
    """Mixtures in every nth layer, in Qwen2-MoE beside an expert that every token meets."""
    traits = _ALIKE["qwen3_moe" if config.text("model_type").startswith("qwen3") else "qwen2_moe"]
    hidden = config.main("hidden_size", default=2048)
    layers = config.layers("num_hidden_layers", default=24)
    step = config.size("decoder_sparse_step", default=1)
    dense = set(config.sizes("mlp_only_layers", least=0)) if config.raw("mlp_only_layers") else set()
    sparse = [layer for layer in range(layers) if layer not in dense and (layer + 1) % step == 0]
    block = _routed(config, hidden, config.main("moe_intermediate_size", default=768), "num_experts")
    if config.has("shared_expert_intermediate_size"):
        block += gated_mlp(hidden, config.size("shared_expert_intermediate_size")) + hidden
    return _whole(
        config,
        traits,
        grouped_attention(config, traits),
        sparse=block,
        dense=gated_mlp(hidden, config.size("intermediate_size", default=5632)),
        sparse_layers=len(sparse),
    )


def gpt_oss(config: Config) -> Sum:
    """Biases everywhere, and for each head of attention a sink."""
    traits = Traits(bias="attention_bias", output_bias="attention_bias", bias_default=True, head_dim=64, key_heads=8)
    hidden = config.main("hidden_size", default=2880)
    inner = config.main("intermediate_size", default=2880)
    experts = _experts(config, "num_local_experts", "num_experts")
    block = linear(hidden, experts) + experts * gated_mlp(hidden, inner, bias=True)
    layer = grouped_attention(config, traits) + config.size("num_attention_heads", default=64)
    return _whole(config, traits, layer, sparse=block)


def deepseek(config: Config) -> Sum:
    """Latent attention (or grouped), dense layers first, then mixtures with shared experts: DeepSeek, GLM, Kimi.

    Checkpoints may carry layers that predict further tokens; the class leaves them out.
    """
    kind = config.text("model_type")
    traits = _ALIKE.get(kind, Traits())
    hidden = config.main("hidden_size", default=4096)
    layers = config.layers("num_hidden_layers", default=32)
    latent = config.has("kv_lora_rank")
    layer = latent_attention(config, hidden) if latent else grouped_attention(config, traits)
    dense_layers = min(config.size("first_k_dense_replace", default=0, least=0), layers)
    step = config.size("moe_layer_freq", default=1)
    sparse = sum(1 for number in range(dense_layers, layers) if number % step == 0)
    experts = _experts(config, "n_routed_experts")
    inner = config.main("moe_intermediate_size", default=1407)
    correction = 0 if kind in ("deepseek", "deepseek_v2") else experts  # an offset for each expert's score
    block = _routed(config, hidden, inner, "n_routed_experts") + correction
    shared = config.size("n_shared_experts", default=0, least=0, most=MAX_EXPERTS)
    block += gated_mlp(hidden, inner * shared)
    extra = config.size("num_nextn_predict_layers", default=0, least=0, most=MAX_EXTRA_LAYERS)
    vocabulary = config.main("vocab_size", default=102_400)
    further = layer + block + 5 * hidden + 2 * hidden * hidden + 2 * vocabulary * hidden
    return _whole(
        config,
        traits,
        layer,
        sparse=block,
        dense=gated_mlp(hidden, config.size("intermediate_size", default=11_008)),
        sparse_layers=sparse,
    ) + Sum(possible=extra * further)


def latent_attention(config: Config, hidden: int) -> int:
    """Queries, and keys with values, through a narrow layer: `q_lora_rank` and `kv_lora_rank`."""
    heads = config.main("num_attention_heads", default=32)
    rotary = config.size("qk_rope_head_dim", default=64)
    head = config.size("qk_nope_head_dim", default=128) + rotary
    value = config.size("v_head_dim", default=128)
    rank = config.size("kv_lora_rank", default=512)
    bias = config.flag("attention_bias", default=False)
    if config.has("q_lora_rank"):
        narrow = config.size("q_lora_rank")
        queries = linear(hidden, narrow, bias=bias) + narrow + linear(narrow, heads * head, bias=False)
    else:
        queries = linear(hidden, heads * head, bias=False)
    keys = linear(hidden, rank + rotary, bias=bias) + rank + linear(rank, heads * (head - rotary + value), bias=False)
    return queries + keys + linear(heads * value, hidden, bias=bias)


def ernie(config: Config) -> Sum:
    """Mixtures between a first and a last layer, in every nth."""
    traits = Traits(bias="use_bias", output_bias="use_bias", tied=True, head_bias="use_bias")
    hidden = config.main("hidden_size", default=2560)
    layers = config.layers("num_hidden_layers", default=28)
    first = config.size("moe_layer_start_index", default=1, least=0)
    end = config.size("moe_layer_end_index", default=layers - 1, least=-1)
    last = layers - 1 if end == -1 else end
    step = config.size("moe_layer_interval", default=1)
    sparse = sum(1 for layer in range(layers) if (layer + 1) % step == 0 and first <= layer <= last)
    inner = config.main("moe_intermediate_size", default=1536)
    bias = config.flag("use_bias", default=False)
    experts = _experts(config, "moe_num_experts")
    shared = config.size("moe_num_shared_experts", default=0, least=0, most=MAX_EXPERTS)
    block = hidden * experts + experts + experts * gated_mlp(hidden, inner)
    block += gated_mlp(hidden, inner * shared, bias=bias) if shared else 0
    return _whole(
        config,
        traits,
        grouped_attention(config, traits),
        sparse=block,
        dense=gated_mlp(hidden, config.size("intermediate_size", default=12_288), bias=bias),
        sparse_layers=sparse,
    )


def llama4(config: Config) -> Sum:
    """Mixtures in every nth layer, each beside an expert that every token meets."""
    traits = Traits(bias="attention_bias", output_bias="attention_bias", key_heads=8, head_dim=128)
    hidden = config.main("hidden_size", default=5120)
    layers = config.layers("num_hidden_layers", default=48)
    inner = config.main("intermediate_size", default=8192)
    step = config.size("interleave_moe_layer_step", default=1)
    sparse = len(config.sizes("moe_layers", least=0)) if config.raw("moe_layers") else layers // step
    block = _routed(config, hidden, inner, "num_local_experts") + gated_mlp(hidden, inner)
    return _whole(
        config,
        traits,
        grouped_attention(config, traits),
        sparse=block,
        dense=gated_mlp(hidden, config.size("intermediate_size_mlp", default=16_384)),
        sparse_layers=sparse,
    )


def dbrx(config: Config) -> Sum:
    """Sizes of attention and of experts in configurations of their own."""
    hidden = config.main("d_model", default=2048)
    layers = config.layers("n_layers", default=24)
    vocabulary = config.main("vocab_size", default=32_000)
    heads = config.size("n_heads", default=16)
    attention, feed_forward = config.part("attn_config"), config.part("ffn_config")
    key_heads = attention.size("kv_n_heads", default=1) if attention else 1
    inner = feed_forward.size("ffn_hidden_size", default=3584) if feed_forward else 3584
    experts = feed_forward.size("moe_num_experts", default=4, most=MAX_EXPERTS) if feed_forward else 4
    keys = hidden // heads * key_heads
    layer = hidden * (hidden + 2 * keys) + hidden * hidden + 2 * hidden
    layer += hidden * experts + experts * gated_mlp(hidden, inner)
    return certain(vocabulary * hidden + layers * layer + hidden) + language_head(
        config, vocabulary, hidden, tied=False
    )


_ALIKE: Mapping[str, Traits] = MappingProxyType({
    "mixtral": Traits(key_heads=8),
    "minimax_m2": Traits(query_norm="whole"),
    "phimoe": Traits(
        bias="attention_bias", output_bias="attention_bias", norm_bias=True, key_heads=8, head_bias="lm_head_bias"
    ),
    "olmoe": Traits(bias="attention_bias", output_bias="attention_bias", query_norm="whole"),
    "granitemoe": Traits(bias="attention_bias", output_bias="attention_bias"),
    "granitemoeshared": Traits(bias="attention_bias", output_bias="attention_bias"),
    "qwen2_moe": Traits(bias="qkv_bias", bias_default=True),
    "qwen3_moe": Traits(bias="attention_bias", output_bias="attention_bias", query_norm="head", key_heads=4),
    "glm4_moe": Traits(bias="attention_bias", query_norm="head", query_norm_field="use_qk_norm"),
})  # fmt: skip

FAMILIES: Mapping[str, Family] = MappingProxyType({
    **dict.fromkeys(("mixtral", "phimoe", "olmoe", "granitemoe", "granitemoeshared"), mixtral),
    **dict.fromkeys(("qwen2_moe", "qwen3_moe", "qwen3_vl_moe_text", "qwen3_omni_moe_text"), qwen_moe),
    **dict.fromkeys(("deepseek", "deepseek_v2", "deepseek_v3", "kimi_k2", "glm4_moe"), deepseek),
    "gpt_oss": gpt_oss,
    "ernie4_5_moe": ernie,
    "llama4_text": llama4,
    "dbrx": dbrx,
})  # fmt: skip


def _whole(
    config: Config, traits: Traits, attention: int, *, sparse: int, dense: int = 0, sparse_layers: int | None = None
) -> Sum:
    """Embeddings, layers with a mixture and layers without, last norm and head."""
    hidden = config.main("hidden_size", default=4096)
    layers = config.layers("num_hidden_layers", default=32)
    vocabulary = config.main("vocab_size", default=32_000)
    mixtures = layers if sparse_layers is None else min(sparse_layers, layers)
    norms = 2 * norm(hidden, bias=traits.norm_bias)
    trunk = vocabulary * hidden + layers * (attention + norms) + mixtures * sparse + (layers - mixtures) * dense
    head_bias = config.flag(traits.head_bias, default=False)
    return (
        certain(trunk + norm(hidden, bias=traits.norm_bias))
        + language_head(config, vocabulary, hidden, tied=traits.tied, bias=head_bias)
        + rotary_buffers(config, hidden, layers)
        + optional(2 * mixtures * MAX_EXPERTS, expected=False)  # balances of experts, kept by some trainers
    )


def _routed(config: Config, hidden: int, inner: int, field: str) -> int:
    """A router and its experts."""
    experts = _experts(config, field, "num_local_experts", "num_experts", "n_routed_experts")
    return experts * (hidden + gated_mlp(hidden, inner))


def _experts(config: Config, *fields: str) -> int:
    return config.main(*fields, default=8, most=MAX_EXPERTS)
