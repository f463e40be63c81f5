"""Parts of diffusion pipelines, by the class that `_class_name` names: main layers only, so intervals and no point.

Layers as in diffusers' `models/unets`, `models/autoencoders`, `models/controlnets` and `models/transformers`.
"""

from __future__ import annotations

from estimators.architectures.interface import Config, Sum, Undescribed, about

MAX_STAGES = 12  # resolutions of a U-Net: networks in use have three to six
FACTOR = 4  # either side: conditioning, temporal layers, other feed-forward networks


def component(config: Config) -> Sum:
    """A U-Net, an autoencoder, a control network or a transformer."""
    name = config.text("_class_name")
    if "transformer" in name or name.startswith("dit"):
        return transformer(config)
    if config.raw("block_out_channels") is None:
        raise Undescribed(f"{name} is not known")
    if "autoencoder" in name or "vq" in name:
        return autoencoder(config)
    if "unet" in name or "controlnet" in name:
        return unet(config)
    raise Undescribed(f"{name} is not known")


def transformer(config: Config) -> Sum:
    """Blocks with modulation (18 squares of the width), twice where text and image have weights of their own."""
    head_dim = config.main("attention_head_dim", default=64)
    heads = config.main("num_attention_heads", default=16)
    layers = config.layers("num_layers", default=24)
    single = config.size("num_single_layers", default=0, least=0, most=10_000)
    width = heads * head_dim
    double = any(config.has(name) for name in ("pooled_projection_dim", "num_single_layers", "joint_attention_dim"))
    joint = config.size("joint_attention_dim", "caption_projection_dim", default=width) * width
    return about((layers * (36 if double else 18) + single * 15 + 4) * width * width + joint, FACTOR)


def unet(config: Config) -> Sum:
    """Residual blocks down and up, with cross attention where a block's type names it."""
    channels = _channels(config)
    depths = _each(config, "layers_per_block", len(channels), 2)
    attention = _each(config, "transformer_layers_per_block", len(channels), 1)
    context = max(config.sizes("cross_attention_dim", default=(channels[-1],)))
    kinds = config.words("down_block_types")
    half = 4 * channels[0] * channels[0] * 5
    ahead = channels[0]
    for stage, (width, depth) in enumerate(zip(channels, depths, strict=True)):
        attending = stage < len(kinds) and "attn" in kinds[stage]
        block = 4 * channels[0] * width + 18 * width * width
        looking = 2 * width * width + attention[stage] * (18 * width * width + 2 * width * context)
        half += depth * (block + looking * attending) + 10 * ahead * width + 9 * width * width
        ahead = width
    middle = 40 * ahead * ahead + attention[-1] * (18 * ahead * ahead + 2 * ahead * context)
    # The way up has one block more in each stage, and its blocks take in what the way down kept.
    up = 0 if "controlnet" in config.text("_class_name") else 9 * half // 4
    return about(half + middle + up, FACTOR)


def autoencoder(config: Config) -> Sum:
    """Residual blocks down and up; decoders have one block more in each stage."""
    channels = _channels(config)
    depths = _each(config, "layers_per_block", len(channels), 1)
    half, ahead = 36 * channels[-1] * channels[-1], channels[0]
    for width, depth in zip(channels, depths, strict=True):
        half += depth * 18 * width * width + 10 * ahead * width + 9 * width * width
        ahead = width
    return about(9 * half // 4, FACTOR)


def _channels(config: Config) -> tuple[int, ...]:
    """Widths of the resolutions."""
    config.main("in_channels", "latent_channels", default=4)
    channels = config.sizes("block_out_channels")
    if len(channels) > MAX_STAGES:
        raise Undescribed("too many resolutions")
    return channels


def _each(config: Config, field: str, stages: int, default: int) -> tuple[int, ...]:
    """A number for each stage, which may be given once for all; nested lists are taken as none."""
    try:
        values = config.sizes(field, default=(default,), least=0)
    except Undescribed:
        values = (default,)
    if max(values) > 1000:
        raise Undescribed(f"{field} is no depth")
    return values if len(values) == stages else (max(values),) * stages
