"""Text and images side by side: CLIP, SigLIP, and their towers alone.

Layers as in transformers' `modeling_clip.py` and `modeling_siglip.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.interface import Config, Family, Sum, Undescribed, certain, optional
from estimators.architectures.layers import attention, conv, encoder_layer, linear, mlp, norm
from estimators.architectures.vision import patches


def clip(config: Config) -> Sum:
    """Both towers, a projection of each, and a temperature."""
    text, vision = config.part("text_config"), config.part("vision_config")
    if text is None or vision is None:
        raise Undescribed("CLIP without its towers")
    shared = config.size("projection_dim", default=512)
    from_image = vision.size("hidden_size", default=768) * shared
    from_text = text.size("hidden_size", default=512) * shared
    alone = config.task == "ForImageClassification"
    return (
        _both(config, _text_tower(text), _vision_tower(vision), alone=alone)
        + optional(from_image + from_text + 1, expected=not alone)
        + optional(linear(vision.size("hidden_size", default=768), config.labels), expected=alone)
    )


def clip_text(config: Config) -> Sum:
    """The text tower, as diffusion pipelines use it."""
    projection = config.size("hidden_size", default=512) * config.size("projection_dim", default=512)
    return _text_tower(config) + optional(projection, expected=config.task.endswith("WithProjection"))


def clip_vision(config: Config) -> Sum:
    """The image tower."""
    projection = config.size("hidden_size", default=768) * config.size("projection_dim", default=512)
    return (
        _vision_tower(config)
        + optional(projection, expected=config.task.endswith("WithProjection"))
        + Sum(possible=linear(config.size("hidden_size", default=768), config.labels))
    )


def _both(config: Config, text: Sum, vision: Sum, *, alone: bool) -> Sum:
    """Both towers where the class says so; one of them may stand alone under the configuration of both."""
    if config.architecture in ("CLIPModel", "SiglipModel"):
        return text + vision
    if alone:
        return vision + Sum(possible=text.high)
    least = min(text.certain, vision.certain)
    whole = text + vision
    return Sum(least, whole.point - least, whole.possible)


def _text_tower(config: Config) -> Sum:
    hidden = config.main("hidden_size", default=512)
    layers = config.layers("num_hidden_layers", default=12)
    inner = config.main("intermediate_size", default=2048)
    entries = config.size("vocab_size", default=49_408) + config.size("max_position_embeddings", default=77)
    return certain(entries * hidden + layers * encoder_layer(hidden, inner) + norm(hidden))


def _vision_tower(config: Config) -> Sum:
    hidden = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=12)
    inner = config.main("intermediate_size", default=3072)
    patch = config.pair("patch_size", 32)
    tokens = patches(config, 224, 32) + 2
    first = conv(config.size("num_channels", default=3), hidden, *patch, bias=False)
    return certain(first + tokens * hidden + layers * encoder_layer(hidden, inner) + 2 * norm(hidden))


def siglip(config: Config) -> Sum:
    """Both towers, each with a head, a temperature and an offset."""
    text, vision = config.part("text_config"), config.part("vision_config")
    if text is None or vision is None:
        raise Undescribed("SigLIP without its towers")
    hidden = vision.size("hidden_size", default=768)
    alone = config.task == "ForImageClassification"
    seeing = _siglip_tower(vision, pooled=vision.flag("vision_use_head", default=True))
    return (
        _both(config, siglip_text(text), seeing, alone=alone)
        + optional(2, expected=not alone)
        + optional(linear(hidden, config.labels), expected=alone)
    )


def siglip_text(config: Config) -> Sum:
    """Words, layers, and a projection."""
    hidden = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=12)
    inner = config.main("intermediate_size", default=3072)
    entries = config.size("vocab_size", default=32_000) + config.size("max_position_embeddings", default=64)
    out = config.size("projection_size", default=hidden)
    return certain(entries * hidden + layers * encoder_layer(hidden, inner) + norm(hidden) + linear(hidden, out))


def siglip_vision(config: Config) -> Sum:
    """Patches, layers, and attention that pools them."""
    return _siglip_tower(config, pooled=config.flag("vision_use_head", default=True)) + Sum(
        possible=linear(config.size("hidden_size", default=768), config.labels)
    )


def _siglip_tower(config: Config, *, pooled: bool) -> Sum:
    hidden = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=12)
    inner = config.main("intermediate_size", default=3072)
    patch = config.pair("patch_size", 16)
    first = conv(config.size("num_channels", default=3), hidden, *patch)
    head = hidden + attention(hidden, hidden, hidden, bias=True) + norm(hidden) + mlp(hidden, inner)
    total = first + patches(config, 224, 16) * hidden + layers * encoder_layer(hidden, inner) + norm(hidden)
    return certain(total) + optional(head, expected=pooled)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "clip": clip,
        "clip_text_model": clip_text,
        "clip_vision_model": clip_vision,
        "siglip": siglip,
        "siglip_text_model": siglip_text,
        "siglip_vision_model": siglip_vision,
    }
)
