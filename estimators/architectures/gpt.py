"""Decoders before Llama: GPT-2, GPT-Neo, GPT-NeoX, GPT-J, CodeGen, GPT-BigCode, OPT, BLOOM, Falcon, MPT, XGLM, BioGPT.

Layers as in transformers' `modeling_<model_type>.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.heads import language_head
from estimators.architectures.interface import Config, Family, Sum, certain, optional
from estimators.architectures.layers import attention, encoder_layer, linear, mlp, norm


def gpt2(config: Config) -> Sum:
    """GPT-2, the first GPT and GPT-BigCode; the masks that older versions stored with every layer are no weights."""
    hidden = config.main("n_embd", "hidden_size", default=768)
    layers = config.layers("n_layer", "num_hidden_layers", default=12)
    vocabulary = config.main("vocab_size", default=50_257)
    positions = config.size("n_positions", "n_ctx", default=1024)
    inner = config.size("n_inner", default=4 * hidden)
    heads = config.size("n_head", "num_attention_heads", default=12)
    kind = config.text("model_type")
    shared = kind == "gpt_bigcode" and config.flag("multi_query", default=True)
    keys = max(hidden // heads, 1) if shared else hidden
    layer = attention(hidden, hidden, keys, bias=True) + mlp(hidden, inner) + 2 * norm(hidden)
    if config.flag("add_cross_attention", default=False):
        layer += attention(hidden, hidden, hidden, bias=True) + norm(hidden)
    last_norm = 0 if kind == "openai-gpt" else norm(hidden)
    masks = layers * positions * positions  # stored as floats by the oldest versions
    return (
        certain((vocabulary + positions) * hidden + layers * layer + last_norm)
        + language_head(config, vocabulary, hidden, tied=True)
        + Sum(possible=masks + hidden * hidden)
    )


def gpt_neo(config: Config) -> Sum:
    """No biases on queries, keys and values."""
    hidden = config.main("hidden_size", default=2048)
    layers = config.layers("num_layers", "num_hidden_layers", default=24)
    vocabulary = config.main("vocab_size", default=50_257)
    positions = config.size("max_position_embeddings", default=2048)
    inner = config.size("intermediate_size", default=4 * hidden)
    layer = attention(hidden, hidden, hidden, bias=False, output_bias=True) + mlp(hidden, inner) + 2 * norm(hidden)
    return (
        certain((vocabulary + positions) * hidden + layers * layer + norm(hidden))
        + language_head(config, vocabulary, hidden, tied=True)
        + Sum(possible=layers * positions * positions)
    )


def gpt_neox(config: Config) -> Sum:
    """Rotary positions; the head is not tied."""
    hidden = config.main("hidden_size", default=6144)
    layers = config.layers("num_hidden_layers", default=44)
    vocabulary = config.main("vocab_size", default=50_432)
    inner = config.main("intermediate_size", default=24_576)
    bias = config.flag("attention_bias", default=True)
    positions = config.size("max_position_embeddings", default=2048)
    layer = attention(hidden, hidden, hidden, bias=bias) + mlp(hidden, inner) + 2 * norm(hidden)
    return (
        certain(vocabulary * hidden + layers * layer + norm(hidden))
        + language_head(config, vocabulary, hidden, tied=False)
        # Frequencies, and masks that the oldest versions stored.
        + Sum(possible=layers * (positions * positions + hidden))
    )


def gptj(config: Config) -> Sum:
    """GPT-J and CodeGen: one norm per layer, no biases in attention, a head with a bias."""
    hidden = config.main("n_embd", "hidden_size", default=4096)
    layers = config.layers("n_layer", "num_hidden_layers", default=28)
    vocabulary = config.main("vocab_size", default=50_400)
    positions = config.size("n_positions", default=2048)
    inner = config.size("n_inner", default=4 * hidden)
    layer = attention(hidden, hidden, hidden, bias=False) + mlp(hidden, inner) + norm(hidden)
    return (
        certain(vocabulary * hidden + layers * layer + norm(hidden))
        + language_head(config, vocabulary, hidden, tied=False, bias=True)
        + Sum(possible=layers * positions * (positions + hidden))
    )


def opt(config: Config) -> Sum:
    """Embeddings may be narrower than layers; the positions have two entries more than they say."""
    hidden = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=12)
    vocabulary = config.main("vocab_size", default=50_272)
    inner = config.main("ffn_dim", default=3072)
    narrow = config.size("word_embed_proj_dim", default=hidden)
    bias = config.flag("enable_bias", default=True)
    norms = config.flag("layer_norm_elementwise_affine", default=True)
    before = config.flag("do_layer_norm_before", default=True)
    last = before and norms and not config.flag("_remove_final_layer_norm", default=False)
    positions = config.size("max_position_embeddings", default=2048) + 2
    layer = attention(hidden, hidden, hidden, bias=bias) + mlp(hidden, inner, bias=bias) + 2 * norm(hidden) * norms
    projections = 2 * hidden * narrow if narrow != hidden else 0
    return certain(
        vocabulary * narrow + positions * hidden + projections + layers * layer + norm(hidden) * last
    ) + language_head(config, vocabulary, narrow, tied=True)


def bloom(config: Config) -> Sum:
    """Slopes instead of positions, and a norm after the embeddings."""
    hidden = config.main("hidden_size", "n_embed", default=1024)
    layers = config.layers("n_layer", "num_hidden_layers", default=24)
    vocabulary = config.main("vocab_size", default=250_880)
    layer = encoder_layer(hidden, 4 * hidden)
    return certain(vocabulary * hidden + 2 * norm(hidden) + layers * layer) + language_head(
        config, vocabulary, hidden, tied=True
    )


def falcon(config: Config) -> Sum:
    """One key for all heads, or groups in the newer design."""
    hidden = config.main("hidden_size", default=4544)
    layers = config.layers("num_hidden_layers", "n_layer", default=32)
    vocabulary = config.main("vocab_size", default=65_024)
    heads = config.main("num_attention_heads", "n_head", default=71)
    inner = config.size("ffn_hidden_size", default=4 * hidden)
    new = config.flag("new_decoder_architecture", default=False)
    if new:
        key_heads = config.size("num_kv_heads", "n_head_kv", default=heads)
    else:
        key_heads = 1 if config.flag("multi_query", default=True) else heads
    bias = config.flag("bias", default=False)
    parallel = config.flag("parallel_attn", default=True)
    norms = config.size("num_ln_in_parallel_attn", default=2) if new and parallel else 1 if parallel else 2
    keys = max(hidden // heads, 1) * key_heads
    layer = attention(hidden, hidden, keys, bias=bias) + mlp(hidden, inner, bias=bias) + norms * norm(hidden)
    return (
        certain(vocabulary * hidden + layers * layer + norm(hidden))
        + language_head(config, vocabulary, hidden, tied=True)
        + Sum(possible=layers * hidden)
    )


def mpt(config: Config) -> Sum:
    """No biases, unless the older code beside the weights says so."""
    hidden = config.main("d_model", default=2048)
    layers = config.layers("n_layers", default=24)
    vocabulary = config.main("vocab_size", default=50_368)
    inner = int(config.factor("expansion_ratio", 4.0) * hidden)
    positions = config.size("max_seq_len", default=2048)
    matrices = attention(hidden, hidden, hidden, bias=False) + mlp(hidden, inner, bias=False)
    biases = 7 * hidden + inner
    return (
        certain(vocabulary * hidden + layers * (matrices + 2 * hidden) + hidden)
        + language_head(config, vocabulary, hidden, tied=True)
        + Sum(possible=positions * hidden + layers * (biases + 2 * hidden) + hidden)
    )


def fairseq(config: Config) -> Sum:
    """XGLM, whose positions are computed, and BioGPT, whose are learnt."""
    learnt = config.text("model_type") == "biogpt"
    hidden = config.main("hidden_size", "d_model", default=1024)
    layers = config.layers("num_hidden_layers", "num_layers", default=24)
    vocabulary = config.main("vocab_size", default=42_384)
    inner = config.main("intermediate_size", "ffn_dim", default=4096)
    positions = (config.size("max_position_embeddings", default=1024) + 2) * hidden
    return (
        certain(vocabulary * hidden + positions * learnt + layers * encoder_layer(hidden, inner) + norm(hidden))
        + language_head(config, vocabulary, hidden, tied=True)
        + Sum(possible=positions * (not learnt))
    )


def qwen(config: Config) -> Sum:
    """The first Qwen: `intermediate_size` counts both halves of the gate."""
    hidden = config.main("hidden_size", default=4096)
    layers = config.layers("num_hidden_layers", default=32)
    vocabulary = config.main("vocab_size", default=151_936)
    heads = config.size("num_attention_heads", default=32)
    inner = config.main("intermediate_size", default=22_016) // 2
    width = config.size("kv_channels", default=max(hidden // heads, 1)) * heads
    bias = not config.flag("no_bias", default=True)
    layer = attention(hidden, width, width, bias=True, output_bias=bias) + 3 * hidden * inner + 2 * hidden
    return certain(vocabulary * hidden + layers * layer + hidden) + language_head(
        config, vocabulary, hidden, tied=False
    )


def chatglm(config: Config) -> Sum:
    """ChatGLM from its second version, by the code beside the weights; the first has `inner_hidden_size`."""
    hidden = config.main("hidden_size", default=4096)
    layers = config.layers("num_layers", default=28)
    vocabulary = config.main("padded_vocab_size", "vocab_size", default=65_024)
    heads = config.size("num_attention_heads", default=32)
    if config.has("inner_hidden_size"):
        layer = encoder_layer(hidden, config.size("inner_hidden_size"))
        return certain(vocabulary * hidden + layers * layer + norm(hidden)) + Sum(possible=vocabulary * hidden)
    queries = config.size("kv_channels", default=max(hidden // heads, 1)) * heads
    shared = config.flag("multi_query_attention", default=False)
    keys = queries // heads * config.size("multi_query_group_num", default=1) if shared else queries
    bias = config.flag("add_bias_linear", default=False)
    both = bias or config.flag("add_qkv_bias", default=False)
    inner = config.main("ffn_hidden_size", default=13_696)
    layer = attention(hidden, queries, keys, bias=both, output_bias=bias)
    layer += linear(hidden, 2 * inner, bias=bias) + linear(inner, hidden, bias=bias) + 2 * hidden
    # The class named is always `ChatGLMModel`, and holds the head.
    head = vocabulary * hidden
    return certain(head + layers * layer + hidden) + optional(head, expected=True) + Sum(possible=hidden * hidden)


FAMILIES: Mapping[str, Family] = MappingProxyType({
    **dict.fromkeys(("gpt2", "openai-gpt", "gpt_bigcode", "gpt-sw3"), gpt2),
    "gpt_neo": gpt_neo,
    "gpt_neox": gpt_neox,
    **dict.fromkeys(("gptj", "codegen"), gptj),
    "opt": opt,
    "bloom": bloom,
    **dict.fromkeys(("falcon", "refinedweb", "refinedwebmodel"), falcon),
    "mpt": mpt,
    **dict.fromkeys(("xglm", "biogpt"), fairseq),
    "qwen": qwen,
    "chatglm": chatglm,
})  # fmt: skip
