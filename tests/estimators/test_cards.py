"""Sizes in cards: the sentences and tables that say one, those that do not, and hostile texts."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.cards import MAX_CARD, from_card
from estimators.interface import Basis

ONE_SIZE = [
    ("The model has 22.7M parameters.", 22_700_000),
    ("number of parameters: 124,439,808", 124_439_808),
    ("Total parameters: 124 439 808", 124_439_808),
    ("It is small (0.3B params) and fast.", 300_000_000),
    ("参数量 7B", 7_000_000_000),
    ("参数规模为 70 亿", 7_000_000_000),
    ("70億パラメータのモデル", 7_000_000_000),
    ("a 1.3 billion parameter model", 1_300_000_000),
    ("A 7B-parameter model, trained on 2T tokens with 4M examples", 7_000_000_000),
    ("It has 7 billion trainable parameters.", 7_000_000_000),
    ("**Parameters:** ~1.1B", 1_100_000_000),
    ("- **Number of Paramaters (Non-Embedding)**: 0.36B", 360_000_000),
    ("| Params | 7B |\n", 7_000_000_000),
    ("| Attribute | Value |\n|---|---|\n| Parameters | 350M |\n| Layers | 24 |\n", 350_000_000),
    ("| Model | #Params | Layers |\n| --- | :-: | --- |\n| ours | 66M | 6 |\n", 66_000_000),
    ("Number of Parameters: 30.5B in total and 3.3B activated", 30_500_000_000),
    ("about 550k parameters", 550_000),
    ("The network has 8123 parameters and 12,345 parameters in all.", 12_345),
]
NO_SIZE = [
    "",
    "trained on 2T tokens with a batch of 4M",
    "parameters trained on 3T tokens",
    "The parameters were tuned with 10M examples.",
    "Hyperparameters: 10000000 steps",
    "parameter-efficient fine-tuning on 8 GPUs",
    "3.3B activated parameters",
    "Activated parameters: 3.3B",
    "generation parameters: temperature 0.7, top_k 50",
    "parameters: 2 epochs, batch 64",
    "---\nnote: 7B params\n---\nNothing here.",
    "```\nprint('7B parameters')\n```",
    "~~~\n7B parameters\n~~~\n",
    "The best model since 1998.",
    "10,000,000,000,000,000,000 parameters",
]


@pytest.mark.parametrize(("text", "size"), ONE_SIZE)
def test_one_size_is_the_point_of_an_interval(text: str, size: int) -> None:
    estimate = from_card(text)
    assert estimate is not None
    assert estimate.point == size
    assert estimate.high is not None
    assert estimate.low < size < estimate.high
    assert not estimate.exact
    assert estimate.basis is Basis.CARD_TEXT


@pytest.mark.parametrize("text", NO_SIZE)
def test_other_numbers_say_nothing(text: str) -> None:
    assert from_card(text) is None


@pytest.mark.parametrize(
    ("text", "smallest", "largest"),
    [
        (
            "| Model | Params | Layers |\n|---|---|---|\n| small | 125M | 12 |\n| large | 1.3B | 24 |\n",
            125_000_000,
            1_300_000_000,
        ),
        ("trainable params: 4,194,304 || all params: 3,504,607,232", 4_194_304, 3_504_607_232),
        ("Distilled from a 7B parameter teacher to 500M parameters.", 500_000_000, 7_000_000_000),
    ],
)
def test_several_sizes_are_spanned(text: str, smallest: int, largest: int) -> None:
    estimate = from_card(text)
    assert estimate is not None
    assert estimate.point is None
    assert estimate.high is not None
    assert estimate.low <= smallest < largest <= estimate.high


def test_only_the_beginning_of_a_card_is_read() -> None:
    assert from_card("x" * MAX_CARD + " 7B parameters") is None


HOSTILE = (
    "param" * 100_000, "7B " * 200_000, "|" * 500_000, "1," * 300_000 + "params", "param 1" * 100_000, " " * 500_000,
    "```" * 200_000, "| params | a | b |\n|---|---|---|\n" * 20_000, "---\n" * 100_000, "-" * 500_000,
    "**" * 300_000 + "params", "1 000" * 100_000 + " parameters", "params(((((((((((" * 30_000,
    "7 total " * 100_000 + "params", "參數" * 200_000,
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_take_no_time(text: str) -> None:
    start = time.perf_counter()
    from_card(text)
    assert time.perf_counter() - start < 1


@given(st.text(alphabet="0123456789.,|-\n kMB参数paramseter:*`#", max_size=400))
def test_any_text_is_answered(text: str) -> None:
    estimate = from_card(text)
    if estimate is not None:
        assert estimate.high is not None
        assert 0 <= estimate.low <= estimate.high


def test_anything_but_text_says_nothing() -> None:
    values: tuple[Any, ...] = (None, 7, ["7B parameters"], b"7B parameters", {})
    assert [from_card(value) for value in values] == [None] * len(values)
