"""Any other network that names a width and a depth, and networks made of several: wide intervals.

A layer of width w and inner width f holds between w^2 (a recurrent or convolutional mixer) and, with experts, as many
feed-forward networks as it has experts. What joins the parts of a composite is bounded by their widths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from estimators.architectures.interface import MAX_LAYERS, Config, Sum, Undescribed

WIDTHS = (
    "hidden_size", "d_model", "n_embd", "dim", "embed_dim", "model_dim", "embedding_size", "emb_dim", "width",
    "dim_model", "encoder_hidden_size", "encoder_embed_dim", "hidden_channels", "inner_dim", "d_latents",
)  # fmt: skip
DEPTHS = (
    "num_hidden_layers", "n_layer", "num_layers", "n_layers", "depth", "num_encoder_layers", "encoder_layers",
    "num_blocks", "layers",
)  # fmt: skip
SECOND_DEPTHS = ("num_decoder_layers", "decoder_layers", "decoder_num_hidden_layers", "num_global_layers")
INNER = (
    "intermediate_size", "ffn_dim", "d_ff", "n_inner", "encoder_ffn_dim", "decoder_ffn_dim", "ffn_hidden_size",
    "dim_feedforward", "feed_forward_size", "d_inner", "hidden_dim",
)  # fmt: skip
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts")
# Fields of networks with parts that no width describes: convolutions over images or sound, backbones, latents.
SENSES = (
    "image_size", "num_channels", "patch_size", "conv_dim", "num_mel_bins", "d_latents", "backbone", "audio_channels",
    "use_timm_backbone", "backbone_config", "sampling_rate",
)  # fmt: skip
PARTS = ("text_model", "vision_model", "encoder", "decoder", "text_encoder", "audio_encoder")  # beside `*_config`
NO_PARTS = frozenset({"quantization_config", "generation_config", "compression_config", "attn_config", "ffn_config"})
MAX_EXPERTS = 10_000
MAX_PARTS = 8  # of one composite: those in use have four
SLACK = 4  # either side of the plain sum
SENSES_SLACK = 16  # upwards, for networks with such parts
UNKNOWN_PART = 7_000_000_000  # at most, where a part is there and says nothing: the largest vision tower has 6 billion
JOINT = 64  # squares of the widest part, at most, in what joins the parts

Reader = Callable[[Config], Sum]


def any_network(config: Config, read: Reader) -> Sum:
    """A network by its own width and depth, by its parts, or by both.

    Args:
        config: the configuration.
        read: how a part is added up (by its family, or by this function again).
    """
    sums, unknown = [], 0
    for part in _parts(config):
        try:
            sums.append(read(part))
        except Undescribed:
            unknown += 1
    try:
        sums.append(flat(config))
    except Undescribed:
        if not sums:
            raise
    if any(config.text(name) or config.flag(name, default=False) for name in ("backbone", "use_timm_backbone")):
        unknown += 1
    if len(sums) == 1 and not unknown:
        return sums[0]
    # Some writers leave out a part that was not trained: only the largest is sure to be there.
    largest = max(sums, key=lambda part: part.certain)
    high = sum(part.high for part in sums) + JOINT * max(_widths(config)) ** 2 + unknown * UNKNOWN_PART
    return Sum(largest.certain, sum(part.point for part in sums) - largest.certain, 0) + Sum(
        possible=max(high - sum(part.point for part in sums), 0)
    )


def flat(config: Config) -> Sum:
    """Between a quarter of the plainest network of that width and depth, and four times the richest."""
    config.main(*WIDTHS)
    config.layers(*DEPTHS)
    widths = [config.size(name) for name in WIDTHS if config.has(name)]
    depths = [config.size(name, most=MAX_LAYERS, least=0) for name in DEPTHS if config.has(name)]
    deeper = [config.size(name, most=MAX_LAYERS, least=0) for name in SECOND_DEPTHS if config.has(name)]
    inner = [size for name in INNER if config.has(name) for size in config.sizes(name)] or [4 * max(widths)]
    vocabulary = config.size("vocab_size", "padded_vocab_size", "n_vocab", "vocabulary_size", default=0, least=0)
    experts = max((config.size(name, most=MAX_EXPERTS, least=0) for name in EXPERTS if config.has(name)), default=1)
    narrow, wide = min(widths), max(widths)
    least = min(depths) * narrow * (narrow + min(*inner, 4 * narrow)) // SLACK
    layer = 8 * wide * wide + 3 * max(experts, 1) * wide * max(inner)
    slack = SENSES_SLACK if any(config.has(name) for name in SENSES) else SLACK
    most = slack * (2 * vocabulary * wide + (max(depths) + sum(deeper) + 2) * layer)
    least = min(least + vocabulary * narrow // SLACK, most)
    return Sum(least, 0, most - least)


def _parts(config: Config) -> Iterator[Config]:
    """Configurations inside this one that may describe a network."""
    found = 0
    for name in config.names:
        if found == MAX_PARTS:
            return
        if (name.endswith("_config") and name not in NO_PARTS) or name in PARTS:
            part = config.part(name)
            if part is not None and (part.has("model_type") or any(part.has(width) for width in WIDTHS)):
                found += 1
                yield part


def _widths(config: Config) -> list[int]:
    """Every width, of the network itself and of its parts, that is a size."""
    found = [1]
    for part in (config, *_parts(config)):
        for name in WIDTHS:
            try:
                found.append(part.size(name, default=1))
            except Undescribed:
                continue
    return found
