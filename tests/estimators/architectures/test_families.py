"""Every family against what transformers builds: tests/golden/configs/cases.json, made by make.py beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from estimators.architectures.registry import BY_CLASS, FAMILIES, POINTLESS
from estimators.described import from_config

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[2] / "golden/configs/cases.json").read_text(encoding="utf-8")
)


def name_of(case: dict[str, Any]) -> str:
    return f"{case['config']['model_type']}-{case['config']['architectures'][0]}"


def expects_a_point(case: dict[str, Any]) -> bool:
    kind = case["config"]["model_type"]
    return kind in FAMILIES and kind not in POINTLESS


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_interval_holds_every_way_of_storing_the_model(case: dict[str, Any]) -> None:
    estimate = from_config(case["config"])
    assert estimate is not None
    assert estimate.high is not None
    assert estimate.low <= case["parameters"] <= case["with_buffers"] <= case["with_duplicates"] <= estimate.high
    assert not estimate.exact


@pytest.mark.parametrize("case", [case for case in CASES if expects_a_point(case)], ids=name_of)
def test_the_point_is_what_the_class_stores(case: dict[str, Any]) -> None:
    estimate = from_config(case["config"])
    assert estimate is not None
    assert estimate.point == case["with_buffers"]


@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if expects_a_point(case) and case["parameters"] > 10_000_000 and "MAE" not in name_of(case)
    ],
    ids=name_of,
)
def test_a_family_of_a_usual_size_stays_within_three_times_the_truth(case: dict[str, Any]) -> None:
    estimate = from_config(case["config"])
    assert estimate is not None
    assert case["with_buffers"] <= 3 * estimate.low
    assert (estimate.high or 0) <= 3 * case["with_duplicates"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_another_head_stays_inside_the_interval(case: dict[str, Any]) -> None:
    """A configuration whose `architectures` was lost describes the same files."""
    fields = {name: value for name, value in case["config"].items() if name != "architectures"}
    estimate = from_config(fields)
    assert estimate is not None
    assert estimate.high is not None
    assert estimate.low <= case["parameters"] <= estimate.high


def test_about_thirty_families_have_a_sum_of_their_own() -> None:
    kinds = {case["config"]["model_type"] for case in CASES}
    assert len(kinds & set(FAMILIES)) > 80
    assert set(BY_CLASS.values()) <= set(FAMILIES)


@pytest.mark.parametrize("kind", FAMILIES)
def test_every_family_refuses_nonsense_and_needs_sizes(kind: str) -> None:
    assert from_config({"model_type": kind}) is None
    absurd: tuple[Any, ...] = (-1, 0, "a", 1e30, [], {}, [[]], float("nan"), True)
    for nonsense in absurd:
        names = ("hidden_size", "d_model", "n_embd", "dim", "num_hidden_layers", "vocab_size", "embed_dim", "depths")
        assert from_config({"model_type": kind, **dict.fromkeys(names, nonsense)}) is None
