"""What a scan will cost, reckoned before anything is asked."""

from typing import Any

import pytest

from config.hub import load_hub_figures
from scanner.deepread import Options
from scanner.forecast import Before, Forecast, forecast
from scanner.selection import Selection

FIGURES = load_hub_figures()
FREE = {"api": 1000, "resolvers": 5000}


def planned(selection: Selection, before: Before | None = None, **options: Any) -> Forecast:
    return forecast(selection, Options(**options), FREE, FIGURES, before)


def test_everything_is_listed_in_pages_of_a_thousand_with_ten_by_downloads() -> None:
    listing = planned(Selection(everything=True), deep="never").phases[0]
    assert listing.models == FIGURES.size.models
    assert listing.requests == {"api": FIGURES.size.models // 1000 + 10}
    assert listing.requests["api"] <= 1.1 * listing.models / 1000
    assert "2026" in listing.why


def test_never_reads_nothing() -> None:
    found = planned(Selection(top=50_000), deep="never")
    assert [phase.name for phase in found.phases] == ["list"]
    assert found.requests == {"api": 50, "resolvers": 0}


def test_what_an_earlier_run_left_takes_the_place_of_what_is_known_of_the_hub() -> None:
    before = Before(models=2000, open_counts=10, unread=100)
    list_, count, texts = planned(Selection(everything=True), before, texts_by_rank=50).phases
    assert (list_.models, list_.requests) == (2000, {"api": 2})
    assert (count.models, count.requests) == (10, {"resolvers": 14})
    assert texts.models == 3 + 50


def test_an_unfinished_scan_costs_what_is_left_of_it() -> None:
    before = Before(models=5000, open_counts=7, unread=0, listed=4000)
    list_, count, texts = planned(Selection(everything=True), before).phases
    assert (list_.models, list_.requests, "goes on" in list_.why) == (1000, {"api": 1}, True)
    assert (count.models, texts.models) == (7, 0)


def test_changes_cost_what_changed() -> None:
    before = Before(models=3_000_000, changed=30_000, open_counts=300)
    list_ = planned(Selection(everything=True), before).phases[0]
    assert (list_.models, list_.requests["api"]) == (30_000, 30 + 1 + 10)


def test_texts_keep_to_their_budgets() -> None:
    texts = planned(Selection(top=100_000), texts_per_run=7, texts_by_rank=5).phases[-1]
    assert texts.models == 12
    assert texts.requests["api"] == 12


def test_what_one_window_holds_takes_no_wait_and_the_busier_bucket_decides() -> None:
    small = planned(Selection(top=1000))
    assert small.seconds == 0
    large = planned(Selection(top=1_000_000), texts_per_run=0, texts_by_rank=0)
    counts = large.phases[1]
    assert large.seconds == counts.seconds == pytest.approx((counts.requests["resolvers"] / 5000 - 1) * 300)


def test_names_are_asked_for_one_by_one() -> None:
    listing = planned(Selection(names=("a/b", "c/d")), deep="never").phases[0]
    assert (listing.models, listing.requests) == (2, {"api": 2})


def test_always_looks_at_every_model() -> None:
    assert planned(Selection(top=1000), deep="always").phases[1].models == 1000


def test_every_figure_says_whose_it_is_and_as_of_when() -> None:
    parts = (FIGURES.size, FIGURES.requests, FIGURES.quotas.anonymous, FIGURES.quotas.token)
    assert all(part.source and part.date.year >= 2025 for part in parts)
