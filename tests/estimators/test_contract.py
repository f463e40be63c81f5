"""What every estimator promises, over golden files of every format: see tests/golden/formats/README.md.

A result or an Unestimated of the package's own reasons, whatever the bytes; the same answer wherever the reads are cut;
trailing bytes and cut files never give a wrong exact count; costs are counted, and stay inside the budget.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.interface import Estimate, Hints, Unestimated
from estimators.readers import READERS
from estimators.reading.front import FRONT_BYTES, FrontReader
from estimators.registry import estimate_file, reader_by_name, readers_by_bytes
from tests.builders import CountingReader

GOLDEN = Path(__file__).parent.parent / "golden" / "formats"
REASONS = {"malformed-file", "unknown-format", "read-budget", "read-failed"}
BUDGET = 64 * 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One golden file: `size` is the whole file's where only its front is kept (zeros follow)."""

    format: str
    path: Path
    name: str
    low: int
    high: int | None
    point: int | None
    exact: bool
    stored: int | None
    size: int
    hints: Hints

    @property
    def data(self) -> bytes:
        return self.path.read_bytes()

    def reader(self, budget: int | None = None) -> CountingReader:
        return CountingReader(self.data, self.name, size=self.size, budget=budget)


def cases() -> list[Case]:
    found = []
    for table in sorted(GOLDEN.glob("*/cases.json")):
        for file, row in json.loads(table.read_text(encoding="utf-8")).items():
            assert row["from"], f"{table}: {file} has no provenance"
            path = table.parent / file
            size = row.get("size", path.stat().st_size)
            ends = (row["point"], row["point"]) if row.get("exact") else (row["low"], row["high"])
            found.append(
                Case(
                    table.parent.name,
                    path,
                    row["name"],
                    *ends,
                    row.get("point"),
                    row.get("exact", False),
                    row.get("stored"),
                    size,
                    Hints(quantization=row.get("quantization")),
                )
            )
    return found


CASES = cases()
SMALL = [case for case in CASES if case.size <= 32 * 1024]
each = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}/{case.path.name}")
each_small = pytest.mark.parametrize("case", SMALL, ids=lambda case: f"{case.format}/{case.path.name}")


def checked(outcome: Estimate | Unestimated, case: Case) -> Estimate:
    assert isinstance(outcome, Estimate), outcome
    got = (outcome.low, outcome.high, outcome.point, outcome.exact)
    assert got == (case.low, case.high, case.point, case.exact)
    if case.stored is not None:
        assert outcome.stored_elements == case.stored
    return outcome


def test_every_format_has_a_golden_file() -> None:
    assert {reader.format.lower() for reader in READERS} <= {case.format.replace("_", " ") for case in CASES}


@each
def test_the_count_and_what_it_cost(case: Case) -> None:
    reader = case.reader()
    outcome = checked(estimate_file(reader, case.hints), case)
    (row, *_) = outcome.evidence
    assert row.file is not None
    assert row.file.startswith(case.name)
    assert (row.requests, row.bytes_read) == (reader.requests, reader.bytes_read)
    assert reader.bytes_read <= max(case.size + 32 * 1024, 128 * 1024)


@each
def test_a_bound_says_why_it_is_one(case: Case) -> None:
    outcome = estimate_file(case.reader(), case.hints)
    assert isinstance(outcome, Estimate)
    assert outcome.exact or outcome.findings or any(row.note for row in outcome.evidence)


@each
def test_wherever_the_reads_are_cut(case: Case) -> None:
    """The front that is kept ends anywhere in the header; which estimator reads the file is settled before."""
    whole = case.reader().read(0, FRONT_BYTES)
    estimator = next(iter([*readers_by_bytes(whole, case.name), reader_by_name(case.name)]))
    assert estimator is not None
    for front in (16, 100, 512, 4096, 65_536):
        checked(estimator.estimate(FrontReader(case.reader(), front), case.hints), case)


@each_small
def test_a_file_cut_short_is_never_counted_exactly_to_something_else(case: Case) -> None:
    data = case.data
    step = max(1, len(data) // 150)
    for length in range(0, len(data), step):
        outcome = estimate_file(CountingReader(data[:length], case.name), case.hints)
        if isinstance(outcome, Unestimated):
            assert outcome.reason in REASONS
            assert outcome.message.startswith(case.name)
        elif outcome.exact:
            # Only where what is missing held no tensor: padding, or a trailer that the count does not need.
            assert outcome.low == case.low, f"cut at {length} of {len(data)}"


@each_small
def test_trailing_bytes_do_not_make_it_another_count(case: Case) -> None:
    outcome = estimate_file(CountingReader(case.data + bytes(300), case.name), case.hints)
    if isinstance(outcome, Estimate):
        assert not outcome.exact or outcome.point == case.point
        assert case.high is None or outcome.low <= case.high
        assert outcome.high is None or outcome.high >= case.low


@each
def test_a_budget_of_nothing_is_an_answer(case: Case) -> None:
    outcome = estimate_file(case.reader(budget=4), case.hints)
    assert isinstance(outcome, Unestimated)
    assert (outcome.reason, outcome.requests) == ("read-budget", 0)


@each_small
@settings(max_examples=25)
@given(st.data())
def test_damaged_bytes_give_an_answer_within_the_budget(case: Case, data: st.DataObject) -> None:
    raw = bytearray(case.data)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        piece = data.draw(st.one_of(st.binary(min_size=1, max_size=9), st.sampled_from([b"\xff" * 8, bytes(8)])))
        raw[at : at + len(piece)] = piece
    reader = CountingReader(bytes(raw), case.name, budget=BUDGET)
    outcome = estimate_file(reader, case.hints)
    if isinstance(outcome, Unestimated):
        assert outcome.reason in REASONS
    else:
        assert outcome.low >= 0
        assert outcome.high is None or outcome.low <= outcome.high
        assert not outcome.exact or outcome.low == outcome.high == outcome.point


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from([name for reader in READERS for name in reader.names]), st.data())
def test_any_bytes_under_any_name(raw: bytes, name: str, data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([b"", *[case.data[:16] for case in SMALL]]))
    outcome = estimate_file(CountingReader(start + raw, name.replace("*", "x"), budget=BUDGET), Hints())
    assert isinstance(outcome, Estimate | Unestimated)
