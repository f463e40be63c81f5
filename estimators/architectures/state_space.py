"""Recurrent decoders: Mamba, Mamba 2, Falcon Mamba, Jamba (beside attention and experts), RWKV, RecurrentGemma.

Layers as in transformers' `modeling_<model_type>.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.heads import language_head
from estimators.architectures.interface import Config, Family, Sum, certain
from estimators.architectures.layers import attention, conv, gated_mlp, linear, norm


def mamba(config: Config) -> Sum:
    """Mamba and Falcon Mamba; also configurations of the original code, which say `d_model` and `n_layer`."""
    hidden = config.main("hidden_size", "d_model", default=768)
    layers = config.layers("num_hidden_layers", "n_layer", default=32)
    vocabulary = config.main("vocab_size", default=50_280)
    inner = config.size("intermediate_size", default=config.size("expand", default=2) * hidden)
    mixer = selective_scan(
        hidden,
        inner,
        state=config.size("state_size", default=16),
        rank=_rank(config, "time_step_rank", hidden),
        kernel=config.size("conv_kernel", default=4),
        bias=config.flag("use_bias", default=False),
        conv_bias=config.flag("use_conv_bias", default=True),
    )
    padded = -(-vocabulary // 8) * 8  # the original code rounds the vocabulary up
    return (
        certain(vocabulary * hidden + layers * (mixer + hidden) + hidden)
        + language_head(config, vocabulary, hidden, tied=True)
        + Sum(possible=2 * (padded - vocabulary) * hidden + layers * 3 * inner)
    )


def selective_scan(hidden: int, inner: int, *, state: int, rank: int, kernel: int, bias: bool, conv_bias: bool) -> int:
    """Mamba's mixer: in, convolution, the step and the two projections of the state, out."""
    return (
        linear(hidden, 2 * inner, bias=bias)
        + conv(inner, inner, kernel, bias=conv_bias, groups=inner)
        + linear(inner, rank + 2 * state, bias=False)
        + linear(rank, inner)
        + inner * state
        + inner
        + linear(inner, hidden, bias=bias)
    )


def mamba2(config: Config) -> Sum:
    """Heads with one decay each, and groups of states."""
    hidden = config.main("hidden_size", "d_model", default=4096)
    layers = config.layers("num_hidden_layers", "n_layer", default=64)
    vocabulary = config.main("vocab_size", default=32_768)
    inner = int(config.factor("expand", 2.0) * hidden)
    heads = config.size("num_heads", default=max(inner // config.size("head_dim", default=64), 1))
    groups = config.size("n_groups", default=8)
    channels = inner + 2 * groups * config.size("state_size", default=128)
    bias = config.flag("use_bias", default=False)
    mixer = (
        linear(hidden, inner + channels + heads, bias=bias)
        + conv(channels, channels, config.size("conv_kernel", default=4),
               bias=config.flag("use_conv_bias", default=True), groups=channels)
        + 3 * heads
        + inner
        + linear(inner, hidden, bias=bias)
    )  # fmt: skip
    return certain(vocabulary * hidden + layers * (mixer + hidden) + hidden) + language_head(
        config, vocabulary, hidden, tied=False
    )


def jamba(config: Config) -> Sum:
    """Attention in every eighth layer, a state space in the others; experts in every second."""
    hidden = config.main("hidden_size", default=4096)
    layers = config.layers("num_hidden_layers", default=32)
    vocabulary = config.main("vocab_size", default=65_536)
    feed_forward = gated_mlp(hidden, config.main("intermediate_size", default=14_336))
    heads = config.size("num_attention_heads", default=32)
    keys = hidden // heads * config.size("num_key_value_heads", default=8)
    state = config.size("mamba_d_state", default=16)
    rank = _rank(config, "mamba_dt_rank", hidden)
    scan = selective_scan(
        hidden,
        config.size("mamba_expand", default=2) * hidden,
        state=state,
        rank=rank,
        kernel=config.size("mamba_d_conv", default=4),
        bias=config.flag("mamba_proj_bias", default=False),
        conv_bias=config.flag("mamba_conv_bias", default=True),
    )
    experts = config.size("num_experts", default=16, most=10_000)
    attending = _every(config, layers, "attn_layer", 8, 4)
    sparse = _every(config, layers, "expert_layer", 2, 1) if experts > 1 else 0
    return certain(
        vocabulary * hidden
        + attending * attention(hidden, hidden, keys, bias=False)
        + (layers - attending) * (scan + rank + 2 * state)
        + sparse * experts * (feed_forward + hidden)
        + (layers - sparse) * feed_forward
        + (2 * layers + 1) * hidden
    ) + language_head(config, vocabulary, hidden, tied=False)


def rwkv(config: Config) -> Sum:
    """RWKV 4; later versions, by the code beside their weights, hold somewhat more for each layer."""
    hidden = config.main("hidden_size", default=4096)
    layers = config.layers("num_hidden_layers", default=32)
    vocabulary = config.main("vocab_size", default=50_277)
    width = config.size("attention_hidden_size", default=hidden)
    inner = config.size("intermediate_size", default=4 * hidden)
    mixing = 4 * hidden * width + 2 * width + 3 * hidden
    channels = 2 * hidden * inner + hidden * hidden + 2 * hidden
    layer = mixing + channels + 2 * norm(hidden)
    newer = 0 if config.text("model_type") == "rwkv" else layers * (2 * hidden * hidden + 40 * hidden)
    return (
        certain(vocabulary * hidden + layers * layer + 2 * norm(hidden))
        + language_head(config, vocabulary, hidden, tied=False)
        + Sum(possible=newer)
    )


def recurrent_gemma(config: Config) -> Sum:
    """Two recurrent layers to one of attention."""
    hidden = config.main("hidden_size", default=2560)
    layers = config.layers("num_hidden_layers", default=26)
    vocabulary = config.main("vocab_size", default=256_000)
    heads = config.size("num_attention_heads", default=10)
    head_dim = config.size("head_dim", default=max(hidden // heads, 1))
    keys = head_dim * config.size("num_key_value_heads", default=heads)
    width = config.size("lru_width", default=hidden)
    inner = config.main("intermediate_size", default=7680) // 2
    kinds = config.words(
        "block_types",
    ) or ("recurrent", "recurrent", "attention")
    attending = sum(1 for layer in range(layers) if kinds[layer % len(kinds)] == "attention")
    gates = 2 * (width * width // heads + width)
    recurrence = 2 * linear(hidden, width) + linear(width, hidden) + width + gates
    recurrence += conv(width, width, config.size("conv1d_width", default=4), groups=width)
    bias = config.flag("attention_bias", default=False)
    looking = attention(hidden, heads * head_dim, keys, bias=bias, output_bias=True)
    layer = gated_mlp(hidden, inner, bias=True) + 2 * hidden
    return certain(
        vocabulary * hidden + layers * layer + attending * looking + (layers - attending) * recurrence + hidden
    ) + language_head(config, vocabulary, hidden, tied=True)


FAMILIES: Mapping[str, Family] = MappingProxyType({
    **dict.fromkeys(("mamba", "falcon_mamba"), mamba),
    "mamba2": mamba2,
    "jamba": jamba,
    **dict.fromkeys(("rwkv", "rwkv5", "rwkv6"), rwkv),
    "recurrent_gemma": recurrent_gemma,
})  # fmt: skip


def _rank(config: Config, field: str, hidden: int) -> int:
    """Width of the step's projection; `auto` is a sixteenth of the layer's."""
    return -(-hidden // 16) if config.text(field) == "auto" else config.size(field, default=-(-hidden // 16))


def _every(config: Config, layers: int, what: str, period: int, offset: int) -> int:
    """Layers of one kind, which `<what>_period` and `<what>_offset` name."""
    every = config.size(f"{what}_period", default=period)
    first = config.size(f"{what}_offset", default=offset, least=0)
    return sum(1 for layer in range(layers) if layer % every == first)
