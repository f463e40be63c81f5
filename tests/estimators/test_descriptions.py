"""Configurations and cards as files: what they describe, and what is none."""

from __future__ import annotations

import json

import pytest

from estimators.descriptions import DESCRIPTIONS, MAX_BYTES, describe_file
from estimators.interface import Basis, Estimate, Unestimated
from tests.builders import CountingReader

BERT = {"model_type": "bert", "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 512, "vocab_size": 30522, "architectures": ["BertModel"]}  # fmt: skip


def described(name: str, text: bytes) -> Estimate | Unestimated:
    return describe_file(CountingReader(text, name))


def test_a_configuration() -> None:
    found = described("config.json", json.dumps(BERT).encode())
    assert isinstance(found, Estimate)
    assert found.basis is Basis.CONFIG_ARITHMETIC
    assert not found.exact
    assert found.point is not None
    assert found.low <= 4_385_920 <= (found.high or 0)  # google/bert_uncased_L-2_H-128_A-2 without its head
    (row,) = found.evidence
    assert (row.file, row.requests, row.bytes_read) == ("config.json", 1, 32 * 1024)


def test_a_card() -> None:
    found = described("README.md", "# Tiny\n\nA model with 22.7M parameters.\n".encode("utf-8-sig"))
    assert isinstance(found, Estimate)
    assert (found.basis, found.point) == (Basis.CARD_TEXT, 22_700_000)


def test_an_adapter_without_its_base() -> None:
    found = described("adapter_config.json", b'{"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"]}')
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == (0, None)


@pytest.mark.parametrize("name", DESCRIPTIONS)
@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"5", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000, b"x" * (MAX_BYTES + 5), b"null"]
)
def test_what_describes_nothing(name: str, text: bytes) -> None:
    found = described(name, text)
    assert isinstance(found, Unestimated)
    assert found.reason in ("malformed-file", "unknown-format")
    assert found.message.startswith(f"{name}: ")
