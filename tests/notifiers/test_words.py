from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from notifiers.render import words as w
from notifiers.report import ChangeKind, RunState
from notifiers.rows import ModelRow, Verdict

START = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (ModelRow(model="m", low=1_000_001, point=1_000_001, high=1_000_001, exact=True), "1,000,001"),
        (ModelRow(model="m", low=7, point=7, high=7), "≈ 7"),
        (ModelRow(model="m", low=900_000, point=1_000_000, high=1_100_000), "≈ 1,000,000 (900,000 – 1,100,000)"),
        (ModelRow(model="m", low=999_999, high=1_000_001), "999,999 – 1,000,001"),
        (ModelRow(model="m", low=867_345_678, high=55_510_123_392), "867.3 M – 55.51 B"),
        (ModelRow(model="m", low=10**12, high=10**16), "1 T – 10,000 T"),
        (ModelRow(model="m", low=5), "≥ 5"),
        (ModelRow(model="m"), "unknown"),
        (ModelRow(model="m", basis="no-weights", high=0), "no weights"),
        (ModelRow(model="m", low=0, point=0, high=0, exact=True), "0"),
    ],
)
def test_parameters(row: ModelRow, text: str) -> None:
    assert w.parameters(row) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "–"),
        (0, 3, "0%"),
        (3, 3, "100%"),
        (1, 3_000_000, "<0.1%"),
        (2_999_999, 3_000_000, ">99.9%"),
        (1, 3, "33.3%"),
    ],
)
def test_percent(part: int, whole: int, text: str) -> None:
    assert w.percent(part, whole) == text


@pytest.mark.parametrize(
    ("now", "before", "text"), [(3, None, "–"), (3, 3, "±0"), (5_000, 3, "+4,997"), (1, 2_001, "−2,000")]
)
def test_difference(now: int, before: int | None, text: str) -> None:
    assert w.difference(now, before) == text


@pytest.mark.parametrize(
    ("factor", "text"),
    [(None, "–"), (1.0, "1×"), (1.000001, "1.000001×"), (0.5, "0.5×"), (22.7137, "22.7×"), (7615.6, "7,616×")],
)
def test_margin(factor: float | None, text: str) -> None:
    assert w.margin(factor) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (151_388_160, "151.4 MB"), (10**16, "10,000.0 TB")],
)
def test_size(count: int, text: str) -> None:
    assert w.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (849, "14 min 09 s"), (45_660, "12 h 41 min"), (-5, "0 s")]
)
def test_duration(seconds: int, text: str) -> None:
    assert w.duration(START, START + timedelta(seconds=seconds)) == text
    assert w.duration(START, None) == "–"


def test_moments_are_told_in_utc() -> None:
    assert w.moment(START.astimezone(timezone(timedelta(hours=8)))) == "2026-11-23 07:00 UTC"
    assert w.moment(None) == "–"
    assert w.day(date(2027, 1, 11)) == "2027-01-11"
    assert w.day(None) == "–"


def test_every_code_has_words() -> None:
    assert set(w.VERDICT_WORDS) == set(Verdict)
    assert set(w.CHANGE_WORDS) == set(ChangeKind)
    assert set(w.RUN_WARNINGS) == set(RunState)
    assert w.verdict("in_scope") == "In scope"
    assert w.verdict("public") is None


def test_counting_words() -> None:
    assert [w.models(n) for n in (0, 1, 3_000_000)] == ["0 models", "1 model", "3,000,000 models"]
    assert [w.shown_of(n, 3) for n in (3, 2)] == ["", "2 of 3 shown"]
