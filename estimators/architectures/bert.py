"""Encoders in the manner of BERT: embeddings of words, positions and kinds, layers, a pooler or a head.

Layers as in transformers' `modeling_<model_type>.py`. Which heads a checkpoint holds depends on the class: a pooler
with the bare network, a transform before the vocabulary for masked words, a dense layer or none before the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from estimators.architectures.interface import Config, Family, Sum, certain, optional
from estimators.architectures.layers import attention, conv, encoder_layer, gated_mlp, linear, mlp, norm

LABELLING = ("ForTokenClassification", "ForQuestionAnswering")
MASKING = ("ForMaskedLM", "ForPreTraining", "LMHeadModel", "ForCausalLM", "WithLMHead")
POOLED = ("ForSequenceClassification", "ForNextSentencePrediction", "ForMultipleChoice", "ForPreTraining")


@dataclass(frozen=True, slots=True)
class Traits:
    """What sets one encoder apart.

    Attributes:
        kinds: entries of the kind embeddings where `type_vocab_size` is missing.
        pooled: classes whose pooler is stored, beside the bare network.
        bare_pooler: whether the bare network has one.
        dense: classes with a dense layer before their labels.
    """

    kinds: int = 2
    pooled: tuple[str, ...] = POOLED
    bare_pooler: bool = True
    dense: tuple[str, ...] = ()


_DENSE = ("ForSequenceClassification", "ForPreTraining")
_BERT = Traits()
_ROBERTA = Traits(pooled=("ForMultipleChoice",), dense=_DENSE)
TRAITS = MappingProxyType({
    **dict.fromkeys(("bert", "megatron-bert", "ernie"), _BERT),
    "layoutlm": Traits(pooled=(*POOLED, *LABELLING, *MASKING)),
    **dict.fromkeys(
        ("roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "roberta-prelayernorm"), _ROBERTA
    ),
    "electra": Traits(pooled=(), bare_pooler=False, dense=(*_DENSE, "ForMultipleChoice")),
    "mpnet": Traits(kinds=0, pooled=("ForMultipleChoice",), dense=_DENSE),
    "distilbert": Traits(kinds=0, pooled=(), bare_pooler=False, dense=(*_DENSE, "ForMultipleChoice")),
    "deberta": Traits(kinds=0, pooled=("ForSequenceClassification", "ForMultipleChoice"), bare_pooler=False),
    "deberta-v2": Traits(kinds=0, pooled=("ForSequenceClassification", "ForMultipleChoice"), bare_pooler=False),
    "albert": Traits(pooled=POOLED),
    "modernbert": Traits(kinds=0, pooled=(), bare_pooler=False),
    "nomic_bert": Traits(pooled=("ForSequenceClassification",), bare_pooler=False),
})  # fmt: skip


def bert(config: Config) -> Sum:
    """BERT, RoBERTa and kin, ELECTRA, MPNet, LayoutLM."""
    kind = _kind(config)
    traits = TRAITS[kind]
    hidden, layers, inner = _body(config)
    narrow = config.size("embedding_size", default=128 if kind == "electra" else hidden)
    layer = encoder_layer(hidden, inner)
    if config.flag("add_cross_attention", default=False):
        layer += attention(hidden, hidden, hidden, bias=True) + norm(hidden) * (kind != "electra")
    extra = norm(hidden) * (kind == "roberta-prelayernorm")  # others that norm before a layer have one less elsewhere
    if kind == "mpnet":
        extra += config.size("relative_attention_num_buckets", default=32) * config.size(
            "num_attention_heads", default=12
        )
    if kind == "layoutlm":  # four coordinates of a box, in tables for both axes and both lengths
        extra += 4 * config.size("max_2d_position_embeddings", default=1024) * hidden
    if narrow != hidden:
        extra += linear(narrow, hidden)
    return (
        certain(_embeddings(config, narrow, traits.kinds) + layers * layer + extra)
        + _heads(config, traits, hidden, narrow)
        + Sum(possible=norm(hidden) + 2 * hidden)
    )


def distilbert(config: Config) -> Sum:
    """Half of BERT's layers under names of their own."""
    hidden = config.main("dim", "hidden_size", default=768)
    layers = config.layers("n_layers", "num_hidden_layers", default=6)
    inner = config.main("hidden_dim", "intermediate_size", default=3072)
    return certain(_embeddings(config, hidden, 0) + layers * encoder_layer(hidden, inner)) + _heads(
        config, TRAITS["distilbert"], hidden, hidden
    )


def albert(config: Config) -> Sum:
    """One group of layers, used again and again."""
    hidden = config.main("hidden_size", default=4096)
    inner = config.main("intermediate_size", default=16_384)
    narrow = config.size("embedding_size", default=128)
    layers = config.size("num_hidden_groups", default=1) * config.size("inner_group_num", default=1)
    body = linear(narrow, hidden) + min(layers, 10_000) * encoder_layer(hidden, inner)
    return certain(_embeddings(config, narrow, 2) + body) + _heads(config, TRAITS["albert"], hidden, narrow)


def deberta(config: Config) -> Sum:
    """Relative positions beside words; the second version shares them with the projections of attention."""
    second = _kind(config) == "deberta-v2"
    hidden, layers, inner = _body(config)
    narrow = config.size("embedding_size", default=hidden)
    layer = encoder_layer(hidden, inner)
    if not second:
        layer -= hidden  # keys have no bias
    positions = config.flag("position_biased_input", default=True)
    extra = 0
    if config.flag("relative_attention", default=False):
        span, layer_extra, extra = _relative(config, hidden, second=second)
        layer += layer_extra
        extra += span * hidden
    if narrow != hidden:
        extra += narrow * hidden
    if second and config.has("conv_kernel_size"):
        window = config.size("conv_kernel_size", least=0)
        groups = config.size("conv_groups", default=1)
        extra += (conv(hidden, hidden, window, groups=groups) + norm(hidden)) * (window > 0)
    embeddings = _embeddings(config, narrow, 0, positions=positions) + norm(hidden) - norm(narrow)
    return certain(embeddings + layers * layer + extra) + _heads(config, TRAITS["deberta"], hidden, narrow)


def _relative(config: Config, hidden: int, *, second: bool) -> tuple[int, int, int]:
    """Relative positions: entries of the table, what each layer adds, what the encoder adds."""
    longest = config.size("max_position_embeddings", default=512)
    span = config.size("max_relative_positions", default=-1, least=-1)
    span = longest if span < 1 else span
    kinds = config.text("pos_att_type").split("|") if config.text("pos_att_type") else config.words("pos_att_type")
    to_keys, to_queries = "c2p" in kinds, "p2c" in kinds
    if not second:
        layer = hidden * hidden * to_keys + linear(hidden, hidden) * to_queries
        return 2 * span, layer, 0
    buckets = config.size("position_buckets", default=-1, least=-1)
    span = buckets if buckets > 0 else span
    shared = config.flag("share_att_key", default=False)
    layer = 0 if shared else linear(hidden, hidden) * (to_keys + to_queries)
    normed = "layer_norm" in config.text("norm_rel_ebd", "none")
    return 2 * span, layer, norm(hidden) * normed


def modernbert(config: Config) -> Sum:
    """No biases, gates, and no norm before the first layer's attention."""
    hidden = config.main("hidden_size", default=768)
    layers = config.layers("num_hidden_layers", default=22)
    inner = config.main("intermediate_size", default=1152)
    vocabulary = config.main("vocab_size", default=50_368)
    normed = norm(hidden, bias=config.flag("norm_bias", default=False))
    layer = attention(hidden, hidden, hidden, bias=config.flag("attention_bias", default=False))
    bias = config.flag("mlp_bias", default=False)
    layer += linear(hidden, 2 * inner, bias=bias) + linear(inner, hidden, bias=bias) + 2 * normed
    trunk = vocabulary * hidden + layers * layer + normed  # embeddings and end have a norm, the first layer one less
    head = linear(hidden, hidden, bias=config.flag("classifier_bias", default=False)) + normed
    labels = linear(hidden, 1 if config.task == "ForMultipleChoice" else config.labels)
    masking = config.task == "ForMaskedLM"
    tied = config.flag("tie_word_embeddings", default=True)
    return (
        certain(trunk)
        + optional(head, expected=bool(config.task))
        + optional(labels, expected=bool(config.task) and not masking)
        + optional(vocabulary * config.flag("decoder_bias", default=True), expected=masking)
        + optional(vocabulary * hidden, expected=masking and not tied)
        + Sum(possible=8 * hidden)
    )


def nomic(config: Config) -> Sum:
    """Rotary positions and gates; the original code names the fields as GPT-2 does."""
    hidden = config.main("n_embd", "hidden_size", default=768)
    layers = config.layers("n_layer", "num_hidden_layers", default=12)
    inner = config.main("n_inner", "intermediate_size", default=3072)
    vocabulary = config.main("vocab_size", default=30_528)
    heads = config.main("n_head", "num_attention_heads", default=12)
    kinds = config.size("type_vocab_size", default=2, least=0)
    queries = heads * config.size("head_dim", default=max(hidden // heads, 1))
    attending = attention(hidden, queries, queries, bias=config.flag("qkv_proj_bias", default=False), output_bias=False)
    layer = attending + gated_mlp(hidden, inner) + 2 * norm(hidden)
    experts = config.size("num_experts", default=1, least=0, most=1000)
    positions = config.size("n_positions", "max_position_embeddings", default=2048, least=0) * hidden
    return (
        certain((vocabulary + kinds) * hidden + norm(hidden) + layers * layer)
        + _heads(config, TRAITS["nomic_bert"], hidden, hidden)
        # By the code beside the weights, feed-forward networks with biases, or several as experts.
        + Sum(possible=positions + layers * (experts * mlp(hidden, inner) + 8 * hidden))
    )


FAMILIES: Mapping[str, Family] = MappingProxyType({
    **dict.fromkeys(
        (
            "bert", "megatron-bert", "ernie", "layoutlm", "roberta", "xlm-roberta", "camembert", "xlm-roberta-xl",
            "roberta-prelayernorm", "electra", "mpnet",
        ),
        bert,
    ),
    "distilbert": distilbert,
    "albert": albert,
    **dict.fromkeys(("deberta", "deberta-v2"), deberta),
    "modernbert": modernbert,
    "nomic_bert": nomic,
})  # fmt: skip


def _kind(config: Config) -> str:
    """The model type; configurations without one name it by their class."""
    kind = config.text("model_type")
    if kind in TRAITS:
        return kind
    architecture = config.architecture.lower()
    known = ("xlmroberta", "roberta", "camembert", "electra", "mpnet", "layoutlm", "debertav2", "deberta")
    found = next((name for name in known if architecture.startswith(name)), "bert")
    return {"xlmroberta": "xlm-roberta", "debertav2": "deberta-v2"}.get(found, found)


def _body(config: Config) -> tuple[int, int, int]:
    """Width, layers and inner width."""
    return (
        config.main("hidden_size", default=768),
        config.layers("num_hidden_layers", default=12),
        config.main("intermediate_size", default=3072),
    )


def _embeddings(config: Config, width: int, kinds: int, *, positions: bool = True) -> int:
    """Words, positions and kinds, and the norm over their sum."""
    vocabulary = config.main("vocab_size", default=30_522)
    entries = vocabulary + config.size("type_vocab_size", default=kinds, least=0) * (kinds > 0 or _typed(config))
    if positions:
        entries += config.size("max_position_embeddings", default=512)
    return entries * width + norm(width)


def _typed(config: Config) -> bool:
    """Whether an encoder that has no kinds by default counts them where the field says so."""
    return _kind(config) in ("deberta", "deberta-v2")


def _heads(config: Config, traits: Traits, hidden: int, narrow: int) -> Sum:
    """The head of the class named, and what other classes would add."""
    task, vocabulary = config.task, config.main("vocab_size", default=30_522)
    width = config.size("pooler_hidden_size", default=hidden) if traits is TRAITS["deberta"] else hidden
    pooler = linear(width, width)
    pooled = task in traits.pooled or (traits.bare_pooler and not task)
    masked = task in MASKING and not (task == "ForPreTraining" and not traits.bare_pooler)
    transform = linear(hidden, narrow) + norm(narrow) + vocabulary
    again = _kind(config) not in ("electra", "distilbert")  # an untied head brings a bias of its own
    untied = vocabulary * narrow + vocabulary * again
    tied = config.flag("tie_word_embeddings", default=True)
    return (
        optional(pooler, expected=pooled)
        + optional(transform, expected=masked)
        + optional(untied, expected=masked and not tied)
        + optional(linear(hidden, hidden), expected=task in traits.dense)
        + _labels(config, hidden)
    )


def _labels(config: Config, hidden: int) -> Sum:
    """The matrix to the labels of the class named."""
    outputs = {
        "ForSequenceClassification": config.labels,
        "ForTokenClassification": config.labels,
        "ForQuestionAnswering": config.labels,
        "ForMultipleChoice": 1,
        "ForNextSentencePrediction": 2,
        "ForPreTraining": {"electra": 1, "albert": config.labels}.get(_kind(config), 2),
    }.get(config.task)
    return optional(linear(hidden, config.labels if outputs is None else outputs), expected=outputs is not None)
