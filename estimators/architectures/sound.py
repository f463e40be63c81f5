"""Sound out of tokens and back: VITS (and MMS voices) and EnCodec, by their main layers only.

Layers as in transformers' `modeling_vits.py` and `modeling_encodec.py`; small ones are left to the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.interface import Config, Family, Sum, Undescribed, about
from estimators.architectures.layers import conv

MAX_STAGES = 12  # upsampling stages: networks in use have four to six


def vits(config: Config) -> Sum:
    """Text encoder, flows, encoder of spectrograms, durations, and a decoder that upsamples."""
    hidden = config.main("hidden_size", default=192)
    layers = config.layers("num_hidden_layers", default=6)
    kernel = config.size("ffn_kernel_size", default=3, most=1000)
    text = layers * (4 * hidden * hidden + 2 * hidden * config.main("ffn_dim", default=768) * kernel)
    text += config.size("vocab_size", default=38) * hidden
    window = config.size("wavenet_kernel_size", default=5, most=1000)
    wave = 2 * hidden * hidden * (window + 1)
    flows = config.size("prior_encoder_num_flows", default=4, most=1000)
    waves = flows * config.size("prior_encoder_num_wavenet_layers", default=4, most=1000)
    waves += config.size("posterior_encoder_num_wavenet_layers", default=16, most=1000)
    channels = config.size("upsample_initial_channel", default=512)
    kernels = config.sizes("upsample_kernel_sizes", default=(16, 16, 4, 4))
    residual = sum(config.sizes("resblock_kernel_sizes", default=(3, 7, 11)))
    if len(kernels) > MAX_STAGES:
        raise Undescribed("too many stages")
    decoder = 7 * hidden * channels
    for size in kernels:
        decoder += channels * channels // 2 * size + 6 * (channels // 2) ** 2 * residual
        channels = max(channels // 2, 1)
    voices = config.size("num_speakers", default=1) * config.size("speaker_embedding_size", default=0, least=0)
    return about(text + waves * wave + decoder + 40 * hidden * hidden + voices, 3)


def encodec(config: Config) -> Sum:
    """Convolutions down and up again, two recurrent layers on either side, and tables of codes."""
    hidden = config.main("hidden_size", default=128)
    filters = config.main("num_filters", default=32)
    ratios = config.sizes("upsampling_ratios", default=(8, 5, 4, 2))
    if len(ratios) > MAX_STAGES:
        raise Undescribed("too many stages")
    kernel = config.size("residual_kernel_size", default=3, most=1000)
    blocks = config.size("num_residual_layers", default=1, most=100)
    half, width = 0, filters
    for ratio in reversed(ratios):
        half += blocks * (width * width // 2 * (kernel + 1) + width * width) + conv(width, 2 * width, 2 * ratio)
        width *= 2
    half += width * hidden * config.size("last_kernel_size", default=7, most=1000)
    half += config.size("num_lstm_layers", default=2, least=0, most=100) * 8 * width * width
    tables = 32 * config.size("codebook_size", default=1024) * hidden
    return about(2 * half + tables, 4)


FAMILIES: Mapping[str, Family] = MappingProxyType({"vits": vits, "encodec": encodec})
