"""T5 and kin: no biases, relative positions in a small table, heads whose width (`d_kv`) is free.

Layers as in transformers' `modeling_t5.py`, `modeling_mt5.py` and `modeling_umt5.py` (UMT5 has a table in every layer).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures.interface import Config, Family, Sum, certain, optional
from estimators.architectures.layers import attention, gated_mlp, linear, mlp


def t5(config: Config) -> Sum:
    """Encoder and decoder, or the encoder alone where the class says so."""
    width = config.main("d_model", default=512)
    vocabulary = config.main("vocab_size", default=32_128)
    layers = config.layers("num_layers", default=6)
    decoding = config.size("num_decoder_layers", default=layers, most=10_000)
    heads = config.main("num_heads", default=8)
    inner = config.main("d_ff", default=2048)
    gated = config.text("feed_forward_proj", "relu").startswith("gated")
    feed_forward = (gated_mlp if gated else mlp)(width, inner, bias=False) + width
    inside = heads * config.size("d_kv", default=64)
    attending = attention(width, inside, inside, bias=False) + width
    table = config.size("relative_attention_num_buckets", default=32) * heads
    everywhere = config.text("model_type") == "umt5"
    encoder = layers * (attending + feed_forward) + table * (layers if everywhere else 1) + width
    decoder = decoding * (2 * attending + feed_forward) + table * (decoding if everywhere else 1) + width
    alone = "EncoderModel" in config.architecture or config.task == "ForTokenClassification"
    # T5 1.1 and mT5 say that their head is not tied; a configuration without a word on it is of the first T5.
    tied = config.flag("tie_word_embeddings", default=True)
    head = vocabulary * width
    generating = config.task in ("ForConditionalGeneration", "WithLMHeadModel") or not config.architecture
    return (
        certain(vocabulary * width + encoder)
        + optional(decoder, expected=not alone)
        + optional(head, expected=generating and not tied)
        + _labels(config, width)
        + Sum(possible=2 * head)  # copies of the embeddings in encoder and decoder
    )


def _labels(config: Config, width: int) -> Sum:
    """A dense layer and labels for whole sequences, labels alone for words and spans."""
    dense, labels = linear(width, width), linear(width, config.labels)
    whole = config.task == "ForSequenceClassification"
    words = config.task in ("ForTokenClassification", "ForQuestionAnswering")
    return optional(dense, expected=whole) + optional(labels, expected=whole or words)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "t5": t5,
        "mt5": t5,
        "umt5": t5,
    }
)
