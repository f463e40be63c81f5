"""Speech: Whisper, wav2vec 2.0 and kin (HuBERT, WavLM, data2vec, UniSpeech), Speech2Text, the spectrogram transformer.

Layers as in transformers' `modeling_<model_type>.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.interface import MAX_LAYERS, Config, Family, Sum, Undescribed, certain, optional
from estimators.architectures.layers import conv, decoder_layer, encoder_layer, linear, norm


def whisper(config: Config) -> Sum:
    """Two convolutions and layers over sound, layers over text; keys have no bias."""
    width = config.main("d_model", default=384)
    vocabulary = config.main("vocab_size", default=51_865)
    mels = config.size("num_mel_bins", default=80)
    layers = config.layers("encoder_layers", default=4)
    encoder = (
        conv(mels, width, 3)
        + conv(width, width, 3)
        + config.size("max_source_positions", default=1500) * width
        + layers * (encoder_layer(width, config.main("encoder_ffn_dim", default=1536)) - width)
        + norm(width)
    )
    decoder = (
        (vocabulary + config.size("max_target_positions", default=448)) * width
        + config.layers("decoder_layers", default=4)
        * (decoder_layer(width, config.main("decoder_ffn_dim", default=1536)) - 2 * width)
        + norm(width)
    )
    labelling = config.task == "ForAudioClassification"
    inner = config.size("classifier_proj_size", default=256)
    weighted = config.flag("use_weighted_layer_sum", default=False)
    tied = config.flag("tie_word_embeddings", default=True)
    alone = config.task == "ForCausalLM"
    classifier = linear(width, inner) + linear(inner, config.labels) + (layers + 1) * weighted
    return (
        (optional(encoder, expected=False) if alone else certain(encoder))
        + (certain(decoder) if config.architecture and not labelling else optional(decoder, expected=not labelling))
        + optional(vocabulary * width, expected=not tied and bool(config.task) and not labelling)
        + optional(classifier, expected=labelling)
    )


def speech_to_text(config: Config) -> Sum:
    """Convolutions that halve time, then encoder and decoder with computed positions."""
    width = config.main("d_model", default=256)
    vocabulary = config.main("vocab_size", default=10_000)
    inputs = config.size("input_feat_per_channel", default=80) * config.size("input_channels", default=1)
    channels = config.size("conv_channels", default=1024)
    kernels = config.sizes("conv_kernel_sizes", default=(5, 5))
    convolutions, ahead = 0, inputs
    for number, kernel in enumerate(kernels):
        last = number == len(kernels) - 1
        convolutions += conv(ahead, 2 * width if last else channels, kernel)
        ahead = channels // 2
    encoder = config.layers("encoder_layers", default=12) * encoder_layer(
        width, config.main("encoder_ffn_dim", default=2048)
    )
    decoder = config.layers("decoder_layers", default=6) * decoder_layer(
        width, config.main("decoder_ffn_dim", default=2048)
    )
    positions = config.size("max_source_positions", default=6000) + config.size("max_target_positions", default=1024)
    named = bool(config.task) and not config.flag("tie_word_embeddings", default=True)
    return (
        certain(convolutions + encoder + decoder + vocabulary * width + 2 * norm(width))
        + optional(vocabulary * width, expected=named)
        + Sum(possible=(positions + 8) * width)
    )


def wav2vec(config: Config) -> Sum:
    """Convolutions over the wave, a wide convolution for positions, layers, and a head or the quantiser of training."""
    kind = config.text("model_type")
    width = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=12)
    inner = config.main("intermediate_size", default=3072)
    channels = config.sizes("conv_dim", default=(512,) * 7)
    kernels = config.sizes("conv_kernel", default=(10, 3, 3, 3, 3, 2, 2))
    if len(channels) != len(kernels):
        raise Undescribed("conv_dim and conv_kernel differ in length")
    layer = encoder_layer(width, inner)
    if config.has("adapter_attn_dim"):
        narrow = config.size("adapter_attn_dim")
        layer += norm(width) + linear(width, narrow) + linear(narrow, width)
    trunk = _waves(config, kind, channels, kernels) + _positions(config, kind, width) + layers * layer + width
    trunk += linear(channels[-1], width) + norm(channels[-1]) * config.flag("feat_proj_layer_norm", default=True)
    trunk += norm(width) * (kind != "data2vec-audio" or config.flag("do_stable_layer_norm", default=False) or True)
    if kind == "wavlm":  # a gate in every layer, and relative positions in one table
        heads = config.size("num_attention_heads", default=12)
        trunk += layers * (heads + linear(width // heads, 8)) + config.size("num_buckets", default=320) * heads
    adapter = _adapter(config, width) if config.flag("add_adapter", default=False) else 0
    return certain(trunk + adapter - width) + optional(width, expected=_masks(config)) + _heads(config, width, layers)


def _masks(config: Config) -> bool:
    """Whether the vector that stands in for masked sound is kept."""
    return config.factor("mask_time_prob", 0.05) > 0 if config.raw("mask_time_prob") else _drawn(config)


def _drawn(config: Config) -> bool:
    """A missing probability is the default, a zero none; the other probability counts as well."""
    feature = config.raw("mask_feature_prob")
    return not config.has("mask_time_prob") or bool(feature)


def _waves(config: Config, kind: str, channels: tuple[int, ...], kernels: tuple[int, ...]) -> int:
    """Convolutions over the wave: a norm after the first, or after each."""
    bias = config.flag("conv_bias", default=False)
    everywhere = config.text("feat_extract_norm", "group") == "layer" or kind == "data2vec-audio"
    total, ahead = 0, 1
    for number, (width, kernel) in enumerate(zip(channels, kernels, strict=True)):
        total += conv(ahead, width, kernel, bias=bias) + norm(width) * (everywhere or number == 0)
        ahead = width
    return total


def _positions(config: Config, kind: str, width: int) -> int:
    """A convolution in groups, its weight kept as direction and length; data2vec has several plain ones."""
    kernel = config.size("num_conv_pos_embeddings", default=128)
    groups = config.size("num_conv_pos_embedding_groups", default=16)
    if kind == "data2vec-audio":
        times = config.size("num_conv_pos_embeddings", default=5)
        window = config.size("conv_pos_kernel_size", default=19)
        return min(times, MAX_LAYERS) * conv(width, width, window, groups=groups)
    if config.flag("conv_pos_batch_norm", default=False):
        return conv(width, width, kernel, groups=groups) + 4 * width
    return conv(width, width, kernel, groups=groups) + kernel


def _adapter(config: Config, width: int) -> int:
    """Convolutions that shorten the sequence after the last layer."""
    after = config.size("output_hidden_size", default=width)
    projection = linear(width, after) + norm(after) if after != width else 0
    kernel = config.size("adapter_kernel_size", default=3)
    return projection + config.size("num_adapter_layers", default=3, most=100) * conv(after, 2 * after, kernel)


def _heads(config: Config, width: int, layers: int) -> Sum:
    """Letters, labels, or the quantiser that only training needs."""
    task = config.task
    after = config.size("output_hidden_size", default=width) if config.flag("add_adapter", default=False) else width
    vocabulary = config.size("vocab_size", default=32)
    inner = config.size("classifier_proj_size", default=256)
    weighted = (layers + 1) * config.flag("use_weighted_layer_sum", default=False)
    codes = config.size("num_codevectors_per_group", default=320)
    groups = config.size("num_codevector_groups", default=2)
    code, projected = config.size("codevector_dim", default=256), config.size("proj_codevector_dim", default=256)
    channels = config.sizes("conv_dim", default=(512,))
    quantiser = codes * code + linear(channels[-1], groups * codes)
    quantiser += linear(width, projected) + linear(code, projected)
    whole = task == "ForSequenceClassification"
    return (
        optional(linear(after, vocabulary), expected=task == "ForCTC")
        + optional(quantiser, expected=task == "ForPreTraining")
        + optional(linear(width, inner) + linear(inner, config.labels) + weighted, expected=whole)
        + optional(linear(width, config.labels) + weighted, expected=task == "ForAudioFrameClassification")
        + optional(_speakers(config, width) + weighted, expected=task == "ForXVector")
    )


def _speakers(config: Config, width: int) -> int:
    """Layers over time and two projections, for voices."""
    widths = config.sizes("tdnn_dim", default=(512, 512, 512, 512, 1500))
    kernels = config.sizes("tdnn_kernel", default=(5, 3, 3, 1, 1))
    if len(widths) != len(kernels):
        raise Undescribed("tdnn_dim and tdnn_kernel differ in length")
    total, ahead = linear(width, widths[0]), widths[0]
    for wide, kernel in zip(widths, kernels, strict=True):
        total += linear(ahead * kernel, wide)
        ahead = wide
    out = config.size("xvector_output_dim", default=512)
    return total + linear(2 * widths[-1], out) + linear(out, out) + out * config.labels


def spectrogram(config: Config) -> Sum:
    """A vision transformer over a spectrogram, with two tokens before the patches."""
    hidden = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=12)
    inner = config.main("intermediate_size", default=3072)
    patch = config.size("patch_size", default=16)
    high = (config.size("num_mel_bins", default=128) - patch) // config.size("frequency_stride", default=10) + 1
    wide = (config.size("max_length", default=1024) - patch) // config.size("time_stride", default=10) + 1
    if high < 1 or wide < 1:
        raise Undescribed("the spectrogram is smaller than a patch")
    layer = encoder_layer(hidden, inner) - 3 * hidden * (not config.flag("qkv_bias", default=True))
    labels = norm(hidden) + linear(hidden, config.labels)
    return certain(
        conv(1, hidden, patch, patch) + (high * wide + 4) * hidden + layers * layer + norm(hidden)
    ) + optional(labels, expected=bool(config.task))


FAMILIES: Mapping[str, Family] = MappingProxyType({
    "whisper": whisper,
    "speech_to_text": speech_to_text,
    **dict.fromkeys(("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "data2vec-audio"), wav2vec),
    "audio-spectrogram-transformer": spectrogram,
})  # fmt: skip
