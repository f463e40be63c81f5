"""What is decided, open and shut; classes of the same weights; cells."""

import random
from collections.abc import Iterable

import pytest

from scanner.catalogue.frame import FrameRow
from scanner.survey.cells import band_of, cell_of, format_of, size_class
from scanner.survey.lineage import copy_of
from scanner.survey.population import Population, build
from tests.scanner.survey.frames import IN, OUT, THRESHOLD, many, row


def built(rows: Iterable[FrameRow], seed: int = 1) -> Population:
    return build(rows, [THRESHOLD], seed)


def test_models_are_decided_open_or_shut() -> None:
    found = built(
        [
            row("a", IN, downloads=5),
            row("b", OUT, downloads=7),
            row("c", OUT, downloads=1),
            row("d", downloads=100),
            row("e", downloads=2, looked=True),
            row("f", ("out_of_scope", "undecided")),
            row("g", (None, None)),
            row("h", OUT, public=False, downloads=1000),
        ]
    )
    assert found.decided == {(True, True): (1, 1.0, 5), (False, False): (2, 2.0, 8)}
    assert found.shut == {(None, None): (1, 1.0, 2)}
    assert sorted(found.open.downloads) == [10, 10, 100]
    assert {pattern for pattern, _ in found.cells} == {(None, None), (False, None)}
    assert found.outside == 1
    assert found.totals == (7, 7.0, 135)


def test_an_empty_frame_and_a_frame_of_one() -> None:
    assert built([]).totals == (0, 0.0, 0)
    one = built([row("a")])
    assert (one.totals, len(one.open)) == ((1, 1.0, 10), 1)


def test_quantised_copies_are_of_the_class_of_their_base_through_any_number_of_steps() -> None:
    found = built(
        [
            row("base", IN, name="Owner/Base"),
            row("awq", IN, name="x/base-AWQ", base_model="owner/base"),
            row("gguf", IN, name="y/base-AWQ-GGUF", base_model="x/base-AWQ"),
            row("tune", IN, name="z/base-tuned", base_model="owner/base"),
            row("lora", IN, name="z/base-lora-4bit", base_model="owner/base", adapter=True),
        ]
    )
    assert found.totals[1] == pytest.approx(3.0)  # base with its copies, the fine-tune, the adapter


def test_copies_of_a_model_that_is_not_listed_are_one_class_and_circles_end() -> None:
    away = [row(f"q{i}", IN, name=f"x/m-{i}bit", base_model="gone/m") for i in range(2, 6)]
    assert built(away).totals[1] == pytest.approx(1.0)
    circle = [
        row("a", IN, name="x/a-gguf", base_model="x/b-gguf"),
        row("b", IN, name="x/b-gguf", base_model="x/a-gguf"),
        row("c", IN, name="x/c-gguf", base_model="x/c-gguf"),
    ]
    assert built(circle).totals[1] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("changes", "copy"),
    [
        ({"name": "x/Model-GGUF", "base_model": "o/m"}, True),
        ({"name": "x/model-7B-gptq-4bit", "base_model": "o/m"}, True),
        ({"name": "x/model-w4a16", "base_model": "o/m"}, True),
        ({"name": "x/model_Q4_K_M", "base_model": "o/m"}, True),
        ({"name": "x/model", "base_model": "o/m", "basis": "hub-gguf"}, True),
        ({"name": "x/model", "base_model": "o/m", "relation": "quantized"}, True),
        ({"name": "x/model-4bit", "base_model": "o/m", "relation": "finetune"}, False),
        ({"name": "x/model-4bit", "base_model": "o/m", "adapter": True}, False),
        ({"name": "x/model-GGUF"}, False),
        ({"name": "x/model-chat", "base_model": "o/m"}, False),
        ({"name": "awq/model", "base_model": "o/m"}, False),
        ({"name": "x/rabbits", "base_model": "o/m"}, False),
    ],
)
def test_what_is_taken_for_a_quantised_copy(changes: dict[str, object], copy: bool) -> None:
    assert (copy_of(row("a", **changes)) is not None) is copy


def test_cells() -> None:
    assert cell_of(row("a", downloads=31, year=None, point=3_000_000), [THRESHOLD]) == ("other", "above", 3, 2022)
    assert format_of(row("a", name="x/PPO-LunarLander")) == "reinforcement-learning"
    assert format_of(row("a", name="x/m-onnx")) == "onnx"
    assert format_of(row("a", adapter=True, name="x/m-gguf")) == "adapter"
    assert [size_class(p, [10, 20]) for p in (None, 0, 10, 15, 20, 21)] == [
        "unknown", "unknown", "below", "unknown", "unknown", "above",
    ]  # fmt: skip
    assert [band_of(n) for n in (0, 1, 3, 4, 9_999_999, 10_000_000, 10**12)] == [0, 1, 1, 2, 13, 14, 14]


def test_the_order_of_rows_makes_no_difference_to_sums() -> None:
    rows = list(many())
    random.Random(3).shuffle(rows)
    one, other = built(many()), built(rows)
    assert one.totals == other.totals
    assert one.decided == other.decided
    assert sorted(one.open.random) == sorted(other.open.random)
