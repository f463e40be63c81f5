import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifiers.fields import MODEL_FIELDS, VERDICT_FIELDS
from notifiers.render import as_csv
from notifiers.render.safe import visible
from notifiers.rows import ModelRow, RowVerdict, Verdict
from tests.notifiers.conftest import MakeRow

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
SPITEFUL = st.text(st.sampled_from("=+-@'\"; ,|\t\r\nab1＝“"), max_size=30)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("owner/name", "owner/name"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'⇥=1"),
        ("\r=1", "‹U+000D›=1"),
        ("  =1", "'  =1"),
        ('"=1', "'\"=1"),
        ("'=1", "''=1"),
        ("＝1", "'＝1"),
        ("a;=1", "a;'=1"),
        ("a; -b", "a;' -b"),
        ("it's fine", "it's fine"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("a,b", "a,b"),
        ("two\nlines", "two⏎lines"),
        ("pay\u202egpj", "pay‹U+202E›gpj"),
    ],
)
def test_texts_are_no_formulas(text: str, cell: str) -> None:
    assert as_csv.cell(text) == cell
    assert as_csv.unprotect(cell) == visible(text)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (-5, "-5"),
        (3_000_000_000_000, "3000000000000"),
        (-0.5, "-0.5"),
        (float("nan"), ""),
        (float("inf"), ""),
        (True, "true"),
        (False, "false"),
        (None, ""),
        ((), ""),
        (("EU", "GB"), "EU GB"),
        (datetime(2026, 11, 23, 15, tzinfo=timezone(timedelta(hours=8))), "2026-11-23T07:00:00Z"),
        (datetime(2026, 11, 23, 7, tzinfo=UTC), "2026-11-23T07:00:00Z"),
    ],
)
def test_other_values_are_raw(value: int | float | bool | datetime | tuple[str, ...] | None, cell: str) -> None:
    assert as_csv.cell(value) == cell


@given(st.one_of(ANY_TEXT, SPITEFUL))
def test_a_row_is_read_back_as_it_was(make_row: MakeRow, text: str) -> None:
    lines = list(as_csv.lines([make_row(text)], ["r"]))
    assert len(lines) == 2
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    head, row = read("".join(lines))
    cells = dict(zip(head, row, strict=True))
    for name in ("model", "license", "basis", "excluded", "r.reasons", "r.next_step"):
        assert as_csv.unprotect(cells[name]) == visible(text)
    assert cells["r.margin"] == "2.5"
    for cell in row:
        assert not cell.lstrip(" \"'“").startswith(("=", "+", "@")) or cell.lstrip().startswith("'")


def test_columns_come_from_the_registry() -> None:
    header = as_csv.header(["cn-2026", "eu"])
    assert header[: len(MODEL_FIELDS)] == tuple(field.name for field in MODEL_FIELDS)
    assert header[len(MODEL_FIELDS)] == "cn-2026.status"
    assert len(header) == len(MODEL_FIELDS) + 2 * len(VERDICT_FIELDS) == len(set(header))


def test_verdicts_stand_under_their_regulation() -> None:
    row = ModelRow(model="a/b", verdicts=(RowVerdict("eu", Verdict.UNDECIDED, Verdict.IN_SCOPE),))
    head, cells = read("".join(as_csv.lines([row], ["cn-2026", "eu"])))
    found = dict(zip(head, cells, strict=True))
    assert found["cn-2026.status"] == ""
    assert found["eu.status"] == "undecided"
    assert found["eu.status_without_declarations"] == "in_scope"


def test_rows_are_read_one_by_one(make_row: MakeRow) -> None:
    asked: list[int] = []

    def rows() -> Iterator[ModelRow]:
        for number in range(3):
            asked.append(number)
            yield replace(make_row("a/b"), downloads=number)

    lines = as_csv.lines(rows(), ["r"])
    assert next(lines).startswith("model,")
    assert asked == []
    next(lines)
    assert asked == [0]


def test_no_models_is_a_header(make_row: MakeRow) -> None:
    assert len(list(as_csv.lines([], ["r"]))) == 1
