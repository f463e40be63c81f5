"""Any other network that names a width and a depth, and networks made of several: wide intervals.

From below, a layer of width w holds w^2 (a recurrent or convolutional mixer) and a feed-forward network. From above any
number in the configuration may be a width (of latents, states, kernels), any large one the rows of a table, and every
field that counts layers or experts counts some. What joins the parts of a composite is bounded by their widths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
NO_SIZES = frozenset({
    "id2label", "label2id", "task_specific_params", "quantization_config", "generation_config", "image_size",
    "rope_theta", "seed", "sampling_rate", "rotary_emb_base", "rope_scaling", "rope_parameters", "transformers_version",
})  # fmt: skip
MAX_EXPERTS = 10_000
MAX_NESTING = 2  # of configurations that are no part of their own
WIDEST = 65_536  # a number above is no width: the widest feed-forward networks in use have 53,248 units
MAX_PARTS = 8  # of one composite: those in use have four
SLACK = 4  # either side of the plain sum
SENSES_SLACK = 16  # upwards, for networks with such parts
UNKNOWN_PART = 7_000_000_000  # at most, where a part is there and says nothing: the largest vision tower has 6 billion
JOINT = 128  # squares of the largest width, at most, in what joins the parts

Reader = Callable[[Config], Sum]


def any_network(config: Config, read: Reader) -> Sum:
    """A network by its own width and depth, by its parts, or by both.

    Args:
        config: the configuration.
        read: how a part is added up (by its family, or by this function again).
    """
    sums, unknown, parts = [], 0, tuple(_parts(config))
    for part in parts:
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
    if not parts and not unknown:
        return sums[0]
    # Some writers leave out a part that was not trained, some classes the language model: one part is sure to be there.
    speaking = config.task in ("ForConditionalGeneration", "ForCausalLM")
    sure = (max if speaking else min)(part.certain for part in sums)
    seen = _Seen(widest=1)
    for described in (config, *parts):
        seen.take(described, MAX_NESTING)
    point = sum(part.point for part in sums)
    high = sum(part.high for part in sums) + JOINT * seen.widest**2 + unknown * UNKNOWN_PART
    return Sum(sure, point - sure, high - point)


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
    narrow = min(widths)
    least = min(depths) * narrow * (narrow + min(*inner, 4 * narrow)) // SLACK
    seen = _Seen(widest=max(*widths, *inner))
    seen.take(config, MAX_NESTING)
    layer = 8 * seen.widest**2 + 3 * max(experts, seen.experts) * seen.widest * max(inner)
    slack = SENSES_SLACK if any(config.has(name) for name in SENSES) else SLACK
    layers = max(*depths, seen.layers) + sum(deeper) + 2
    most = slack * ((2 * vocabulary + seen.rows) * seen.widest + layers * layer)
    least = min(least + vocabulary * narrow // SLACK, most)
    return Sum(least, 0, most - least)


@dataclass
class _Seen:
    """Every number of a configuration, by what it may mean at most."""

    widest: int
    heads: int = 1
    head_dim: int = 1
    layers: int = 0
    experts: int = 1
    rows: int = 0

    def take(self, config: Config, nesting: int) -> None:
        """Numbers, lists of numbers, and configurations that are no part of their own."""
        for name in config.names:
            if name in NO_SIZES or name.endswith(("token_id", "token_index", "_rate")):
                continue
            inside = config.part(name) if nesting else None
            if inside is not None and not _describes(inside):
                self.take(inside, nesting - 1)
                continue
            try:
                self._note(name, max(config.sizes(name, least=0)))
            except Undescribed:
                continue
        self.widest = max(self.widest, min(self.heads * self.head_dim, WIDEST))

    def _note(self, name: str, size: int) -> None:
        if "layers" in name or "blocks" in name or "depth" in name:
            self.layers += min(size, MAX_LAYERS)
        elif "experts" in name:
            self.experts = max(self.experts, min(size, MAX_EXPERTS))
        elif "vocab" in name or "embeddings" in name or "position" in name or size > WIDEST:
            self.rows += size
        else:
            self.widest = max(self.widest, size)
            if "head_dim" in name or "head_size" in name:
                self.head_dim = max(self.head_dim, size)
            elif "heads" in name:
                self.heads = max(self.heads, size)


def _parts(config: Config) -> Iterator[Config]:
    """Configurations inside this one that may describe a network."""
    found = 0
    for name in config.names:
        if found == MAX_PARTS:
            return
        if (name.endswith("_config") and name not in NO_PARTS) or name in PARTS:
            part = config.part(name)
            if part is not None and _describes(part):
                found += 1
                yield part


def _describes(part: Config) -> bool:
    """Whether a configuration inside another is about a network of its own."""
    return part.has("model_type") or any(part.has(width) for width in WIDTHS)
