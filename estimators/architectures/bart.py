"""Encoder and decoder in the manner of BART: BART, mBART, PLBart, Blenderbot, Pegasus, Marian, M2M100 and NLLB.

Layers as in transformers' `modeling_<model_type>.py`. Embeddings are shared; the positions are learnt, or computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from estimators.architectures.interface import Config, Family, Sum, certain, optional
from estimators.architectures.layers import decoder_layer, encoder_layer, linear, norm


@dataclass(frozen=True, slots=True)
class Traits:
    """What sets one of them apart.

    Attributes:
        learnt: whether positions are learnt.
        offset: entries of the position tables beyond `max_position_embeddings`.
        stored: whether computed positions are stored as a parameter.
        embedding_norm: whether a norm follows the embeddings.
        last_norm: whether one follows the last layer.
        logits_bias: whether the head keeps a bias.
    """

    learnt: bool = False
    offset: int = 0
    stored: bool = False
    embedding_norm: bool = False
    last_norm: bool = True
    logits_bias: bool = True


TRAITS: Mapping[str, Traits] = MappingProxyType(
    {
        "bart": Traits(learnt=True, offset=2, embedding_norm=True, last_norm=False),
        "plbart": Traits(learnt=True, offset=2, embedding_norm=True, last_norm=False),
        "mbart": Traits(learnt=True, offset=2, embedding_norm=True),
        "blenderbot": Traits(learnt=True),
        "blenderbot-small": Traits(learnt=True, embedding_norm=True, last_norm=False),
        "pegasus": Traits(stored=True),
        "marian": Traits(stored=True, last_norm=False),
        "m2m_100": Traits(logits_bias=False),
    }
)


def bart(config: Config) -> Sum:
    """Shared embeddings, positions, layers of both sides, head."""
    traits = TRAITS[config.text("model_type", "bart")]
    width = config.main("d_model", default=1024)
    vocabulary = config.main("vocab_size", default=50_265)
    positions = (config.size("max_position_embeddings", default=1024) + traits.offset) * width
    norms = norm(width) * (traits.embedding_norm + traits.last_norm)
    encoder = config.layers("encoder_layers", default=12) * encoder_layer(
        width, config.main("encoder_ffn_dim", default=4096)
    )
    decoder = config.layers("decoder_layers", default=12) * decoder_layer(
        width, config.main("decoder_ffn_dim", default=4096)
    )
    kept = positions if traits.learnt or traits.stored else 0
    apart = not config.flag("share_encoder_decoder_embeddings", default=True)
    entries = config.size("decoder_vocab_size", default=vocabulary)
    second = entries * width * apart
    unshared = 3 * (entries != vocabulary) * entries * (width + 1)  # where the two disagree without being apart
    generating = config.task == "ForConditionalGeneration" or "MT" in config.architecture or not config.architecture
    alone = config.task == "ForCausalLM"  # a decoder without its encoder
    tied = config.flag("tie_word_embeddings", default=True)
    return (
        certain(vocabulary * width * (not apart) + decoder + kept + norms)
        + optional(vocabulary * width * apart + encoder + kept + norms, expected=not alone)
        + optional(second, expected=apart)
        + optional(vocabulary * width, expected=(generating or alone) and not tied)
        + optional(vocabulary * traits.logits_bias, expected=generating)
        + _labels(config, width)
        # Copies of the embeddings in encoder and decoder, and computed positions.
        + optional(2 * vocabulary * width, expected=not tied and not alone and not apart)
        + Sum(possible=2 * positions + unshared)
    )


def _labels(config: Config, width: int) -> Sum:
    """A dense layer and labels for whole sequences, labels alone for spans."""
    whole, spans = config.task == "ForSequenceClassification", config.task == "ForQuestionAnswering"
    labels = 2 if spans else config.labels
    return optional(linear(width, width), expected=whole) + optional(linear(width, labels), expected=whole or spans)


FAMILIES: Mapping[str, Family] = MappingProxyType(dict.fromkeys(TRAITS, bart))
