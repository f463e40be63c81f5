"""Heads: what the class named in `architectures` puts on top of the bare network."""

from __future__ import annotations

from estimators.architectures.interface import Config, Sum, optional
from estimators.architectures.layers import linear

LANGUAGE_TASKS = frozenset({
    "ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForMaskedLM", "ForPreTraining", "WithLMHead",
    "WithLMHeadModel", "DoubleHeadsModel", "ForNextTokenPrediction",
})  # fmt: skip


def language_head(config: Config, vocabulary: int, width: int, *, tied: bool, bias: bool = False) -> Sum:
    """The matrix from the last layer to the vocabulary.

    A configuration without `architectures` is taken as a language model's. Tied to the embeddings the matrix adds
    nothing, except in copies that store it again.

    Args:
        config: the whole configuration.
        vocabulary: entries.
        width: of the last layer.
        tied: what the class takes where `tie_word_embeddings` is missing.
        bias: whether the matrix has one; it is stored even where the matrix is tied.
    """
    named = config.task in LANGUAGE_TASKS or not config.architecture
    tied = config.flag("tie_word_embeddings", default=tied)
    head = optional(vocabulary * width, expected=named and not tied)
    return head + optional(vocabulary * bias, expected=named) + classifier(config, width)


def classifier(config: Config, width: int, *, bias: bool = False) -> Sum:
    """A matrix from the last layer to the labels, as decoders have it.

    Args:
        config: the whole configuration.
        width: of the last layer.
        bias: whether the one for whole sequences has a bias.
    """
    if config.task == "ForSequenceClassification":
        return optional(linear(width, config.labels, bias=bias), expected=True)
    if config.task == "ForTokenClassification":
        return optional(linear(width, config.labels), expected=True)
    if config.task == "ForQuestionAnswering":
        return optional(linear(width, 2), expected=True)
    return optional(linear(width, config.labels), expected=False)
