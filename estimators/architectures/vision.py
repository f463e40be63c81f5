"""Vision: ViT, DeiT, BEiT, MAE, YOLOS, DINOv2, Swin, ConvNeXt, ResNet, SegFormer, DETR.

Layers as in transformers' `modeling_<model_type>.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.interface import Config, Family, Sum, Undescribed, about, certain, optional
from estimators.architectures.layers import batch_norm, conv, decoder_layer, encoder_layer, linear, mlp, norm

MAX_STAGES = 12  # stages of a hierarchy: networks in use have four or five
LARGEST_BACKBONE = 300_000_000  # of a detector: Swin large and ConvNeXt large have 200 million


def patches(config: Config, image: int, patch: int) -> int:
    """Patches of an image, each a token."""
    high, wide = config.pair("image_size", image)
    tall, broad = config.pair("patch_size", patch)
    return (high // tall) * (wide // broad)


def vit(config: Config) -> Sum:
    """Patches and a token for the whole (DeiT has two, YOLOS one for each object), layers, and a pooler or a head."""
    kind = config.text("model_type", "vit")
    hidden, layers, inner = _body(config)
    patch = config.pair("patch_size", 16)
    channels = config.size("num_channels", default=3)
    bias = config.flag("qkv_bias", default=True)
    objects = config.size("num_detection_tokens", default=100) if kind == "yolos" else 0
    tokens = (2 if kind == "deit" else 1) + objects
    layer = encoder_layer(hidden, inner) - 3 * hidden * (not bias)
    positions = (patches(config, 224, 16) + tokens) * hidden
    trunk = conv(channels, hidden, *patch) + tokens * hidden + positions + layers * layer + norm(hidden)
    if kind == "yolos" and config.flag("use_mid_position_embeddings", default=True):
        trunk += (layers - 1) * positions
    masked = config.task == "ForMaskedImageModeling"
    stride = config.size("encoder_stride", default=16)
    pooler = linear(hidden, config.size("pooler_output_size", default=hidden)) * (kind != "vit_msn")
    labels = linear(hidden, config.labels) * (2 if "WithTeacher" in config.architecture else 1)
    detecting = config.task == "ForObjectDetection"
    boxes = 4 * linear(hidden, hidden) + linear(hidden, config.labels + 1) + linear(hidden, 4)
    return (
        certain(trunk)
        + optional(pooler, expected=config.bare or not config.architecture)
        + optional(labels, expected="ForImageClassification" in config.task)
        + optional(hidden + conv(hidden, stride * stride * channels, 1), expected=masked)
        + optional(boxes, expected=detecting)
    )


def mae(config: Config) -> Sum:
    """A vision transformer, and for its training a narrower decoder."""
    hidden, layers, inner = _body(config)
    patch = config.pair("patch_size", 16)
    channels = config.size("num_channels", default=3)
    tokens = patches(config, 224, 16) + 1
    unbiased = 3 * (not config.flag("qkv_bias", default=True))
    layer = encoder_layer(hidden, inner) - unbiased * hidden
    trunk = conv(channels, hidden, *patch) + (tokens + 1) * hidden + layers * layer
    width = config.size("decoder_hidden_size", default=512)
    depth = config.size("decoder_num_hidden_layers", default=8, most=10_000)
    decoder = linear(hidden, width) + (tokens + 1) * width
    inner = config.size("decoder_intermediate_size", default=2048)
    decoder += depth * (encoder_layer(width, inner) - unbiased * width) + norm(width)
    decoder += linear(width, patch[0] * patch[1] * channels)
    return (
        certain(trunk + norm(hidden))
        + optional(decoder, expected=config.task == "ForPreTraining")
        + optional(linear(hidden, config.labels), expected=config.task == "ForImageClassification")
    )


def beit(config: Config) -> Sum:
    """Relative positions in every layer or shared, scales for each layer; keys have no bias."""
    hidden, layers, inner = _body(config)
    patch = config.pair("patch_size", 16)
    grid_high, grid_wide = (side // size for side, size in zip(config.pair("image_size", 224), patch, strict=True))
    heads = config.size("num_attention_heads", default=12)
    table = ((2 * grid_high - 1) * (2 * grid_wide - 1) + 3) * heads
    scale = config.raw("layer_scale_init_value")
    scaled = scale is None or (isinstance(scale, int | float) and scale > 0)
    layer = encoder_layer(hidden, inner) - hidden + 2 * hidden * scaled
    layer += table * config.flag("use_relative_position_bias", default=False)
    trunk = conv(config.size("num_channels", default=3), hidden, *patch) + hidden + layers * layer
    trunk += table * config.flag("use_shared_relative_position_bias", default=False)
    trunk += (grid_high * grid_wide + 1) * hidden * config.flag("use_absolute_position_embeddings", default=False)
    trunk += hidden * config.flag("use_mask_token", default=False)
    segmenting = config.task == "ForSemanticSegmentation"
    words = config.size("vocab_size", default=8192)
    return (
        certain(trunk)
        + optional(norm(hidden), expected=not config.architecture.endswith("Backbone"))
        + optional(linear(hidden, config.labels), expected=config.task == "ForImageClassification")
        + optional(linear(hidden, words) + hidden, expected=config.task == "ForMaskedImageModeling")
        + optional(60 * hidden * hidden, expected=segmenting)  # pyramid and heads of UPerNet
    )


def dinov2(config: Config) -> Sum:
    """Scales for each layer, a token for masked patches, and in some registers."""
    hidden = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=12)
    inner = int(hidden * config.factor("mlp_ratio", 4))
    patch = config.pair("patch_size", 14)
    registers = config.size("num_register_tokens", default=4) if "registers" in config.text("model_type") else 0
    if config.flag("use_swiglu_ffn", default=False):
        inner = (inner * 2 // 3 + 7) // 8 * 8
        layer = encoder_layer(hidden, 1) - mlp(hidden, 1) + linear(hidden, 2 * inner) + linear(inner, hidden)
    else:
        layer = encoder_layer(hidden, inner)
    layer += 2 * hidden - 3 * hidden * (not config.flag("qkv_bias", default=True))
    tokens = patches(config, 224, 14) + 2 + registers
    return (
        certain(conv(config.size("num_channels", default=3), hidden, *patch) + tokens * hidden)
        + certain(layers * layer + norm(hidden))
        + optional(hidden, expected=config.flag("use_mask_token", default=True))
        + optional(linear(2 * hidden, config.labels), expected=config.task == "ForImageClassification")
    )


def swin(config: Config) -> Sum:
    """Windows with relative positions, in stages that halve the image and double the width."""
    width = config.main("embed_dim", default=96)
    depths = config.sizes("depths", default=(2, 2, 6, 2))
    heads = config.sizes("num_heads", default=(3, 6, 12, 24))
    if len(depths) != len(heads) or len(depths) > MAX_STAGES or max(depths) > 1000:
        raise Undescribed("depths and num_heads differ in length")
    window = config.pair("window_size", 7)
    ratio = config.factor("mlp_ratio", 4)
    bias = config.flag("qkv_bias", default=True)
    second = config.text("model_type") == "swinv2"
    channels = config.size("num_channels", default=3)
    total = conv(channels, width, *config.pair("patch_size", 4)) + norm(width)
    total += (patches(config, 224, 4) + second) * width * config.flag("use_absolute_embeddings", default=False)
    coordinates = (2 * window[0] - 1) * (2 * window[1] - 1)
    hidden = width
    for stage, (depth, head) in enumerate(zip(depths, heads, strict=True)):
        hidden = width * 2**stage
        layer = encoder_layer(hidden, int(ratio * hidden)) - 3 * hidden * (not bias)
        # The second version computes its table by a small network, scales each head, and gives keys no bias.
        layer += (linear(2, 512) + 512 * head + head - hidden * bias) if second else coordinates * head
        total += depth * layer
        if stage < len(depths) - 1:
            total += 8 * hidden * hidden + norm(2 * hidden if second else 4 * hidden)
    masked = config.task == "ForMaskedImageModeling"
    stride = config.size("encoder_stride", default=32)
    return (
        certain(total)
        + optional(norm(hidden), expected=not config.architecture.endswith("Backbone"))
        + optional(linear(hidden, config.labels), expected=config.task == "ForImageClassification")
        + optional(conv(hidden, stride * stride * channels, 1) + width, expected=masked)
        + Sum(possible=sum(depths) * 2 * coordinates + 4 * norm(hidden))
    )


def convnext(config: Config) -> Sum:
    """Wide convolutions one channel at a time, then a feed-forward network."""
    widths, depths = _stages(config, (96, 192, 384, 768), (3, 3, 9, 3))
    second = config.text("model_type") == "convnextv2"
    patch = config.size("patch_size", default=4)
    scale = config.raw("layer_scale_init_value")
    scaled = not second and (scale is None or (isinstance(scale, int | float) and scale > 0))
    total = conv(config.size("num_channels", default=3), widths[0], patch, patch) + norm(widths[0])
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        layer = conv(width, width, 7, 7, groups=width) + norm(width) + mlp(width, 4 * width)
        layer += width * scaled + 8 * width * second
        total += depth * layer
        if stage:
            total += norm(widths[stage - 1]) + conv(widths[stage - 1], width, 2, 2)
    return certain(total + norm(widths[-1])) + optional(
        linear(widths[-1], config.labels), expected=config.task == "ForImageClassification"
    )


def resnet(config: Config) -> Sum:
    """Convolutions with batch norms, whose statistics count where they are stored."""
    widths, depths = _stages(config, (256, 512, 1024, 2048), (3, 4, 6, 3))
    narrow = config.text("layer_type", "bottleneck") == "bottleneck"
    ahead = config.size("embedding_size", default=64)
    total = _normed(config.size("num_channels", default=3), ahead, 7)
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        halved = stage > 0 or config.flag("downsample_in_first_stage", default=False)
        if ahead != width or halved:
            total += _normed(ahead, width, 1)
        for _ in range(depth):
            total += _residual(ahead, width, narrow=narrow)
            ahead = width
    return total + optional(linear(widths[-1], config.labels), expected=config.task == "ForImageClassification")


def _residual(ahead: int, width: int, *, narrow: bool) -> Sum:
    """One block: two convolutions, or three with a bottleneck."""
    if not narrow:
        return _normed(ahead, width, 3) + _normed(width, width, 3)
    inner = max(width // 4, 1)
    return _normed(ahead, inner, 1) + _normed(inner, inner, 3) + _normed(inner, width, 1)


def segformer(config: Config) -> Sum:
    """Four stages of attention over a coarser grid, and a light decoder for segmentation."""
    widths, depths = _stages(config, (32, 64, 160, 256), (2, 2, 2, 2))
    stages = len(widths)
    ratios = config.sizes("sr_ratios", default=(8, 4, 2, 1))
    kernels = config.sizes("patch_sizes", default=(7, 3, 3, 3))
    inner = config.sizes("mlp_ratios", default=(4, 4, 4, 4))
    if not len(ratios) == len(kernels) == len(inner) == stages:
        raise Undescribed("stages differ in length")
    total, ahead = 0, config.size("num_channels", default=3)
    for width, depth, ratio, kernel, times in zip(widths, depths, ratios, kernels, inner, strict=True):
        layer = encoder_layer(width, times * width) + conv(times * width, times * width, 3, 3, groups=times * width)
        if ratio > 1:
            layer += conv(width, width, ratio, ratio) + norm(width)
        total += conv(ahead, width, kernel, kernel) + norm(width) + depth * layer + norm(width)
        ahead = width
    middle = config.size("decoder_hidden_size", default=256)
    head = sum(linear(width, middle) for width in widths) + middle * middle * stages + batch_norm(middle)
    head += linear(middle, config.labels)
    return (
        certain(total)
        + optional(head, expected=config.task == "ForSemanticSegmentation")
        + optional(linear(widths[-1], config.labels), expected=config.task == "ForImageClassification")
    )


def detr(config: Config) -> Sum:
    """Encoder and decoder over a backbone that the configuration may only name."""
    width = config.main("d_model", default=256)
    encoder = config.layers("encoder_layers", default=6) * encoder_layer(
        width, config.main("encoder_ffn_dim", default=2048)
    )
    decoder = config.layers("decoder_layers", default=6) * decoder_layer(
        width, config.main("decoder_ffn_dim", default=2048)
    )
    queries = config.size("num_queries", default=100) * width
    return (
        certain(encoder + decoder + queries)
        + about(25_000_000, 10)
        + Sum(possible=LARGEST_BACKBONE + 40 * width * width)
    )


FAMILIES: Mapping[str, Family] = MappingProxyType({
    **dict.fromkeys(("vit", "deit", "yolos", "vit_msn"), vit),
    "vit_mae": mae,
    "beit": beit,
    **dict.fromkeys(("dinov2", "dinov2_with_registers"), dinov2),
    **dict.fromkeys(("swin", "swinv2"), swin),
    **dict.fromkeys(("convnext", "convnextv2"), convnext),
    "resnet": resnet,
    "segformer": segformer,
    **dict.fromkeys(("detr", "table-transformer", "conditional_detr"), detr),
})  # fmt: skip
FAMILIES_WITHOUT_POINT = frozenset({"detr", "table-transformer", "conditional_detr"})


def _body(config: Config) -> tuple[int, int, int]:
    """Width, layers and inner width."""
    return (
        config.main("hidden_size", default=768),
        config.layers("num_hidden_layers", default=12),
        config.main("intermediate_size", default=3072),
    )


def _stages(
    config: Config, widths: tuple[int, ...], depths: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Widths and depths of a hierarchy, which must be as many."""
    if not config.has("hidden_sizes"):
        raise Undescribed("no hidden_sizes")
    config.main("num_channels", default=3)
    wide = config.sizes("hidden_sizes", default=widths)
    deep = config.sizes("depths", default=depths)
    if len(wide) != len(deep) or len(wide) > MAX_STAGES or max(deep) > 1000:
        raise Undescribed("hidden_sizes and depths differ in length")
    return wide, deep


def _normed(inputs: int, outputs: int, kernel: int) -> Sum:
    """A convolution without bias, and its batch norm; exports fold the statistics into it."""
    matrix = conv(inputs, outputs, kernel, kernel, bias=False)
    return certain(matrix) + optional(batch_norm(outputs), expected=True)
