import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers.errors import BadReportError
from notifiers.render import as_json
from notifiers.render.safe import encodable, escape_unseen_json
from notifiers.report import Report
from notifiers.rows import ModelRow, RowVerdict, Verdict
from tests.notifiers.conftest import MakeReport

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANY_TEXT)
@settings(max_examples=60, deadline=None)
def test_a_report_comes_back_as_it_went(make_report: MakeReport, text: str) -> None:
    rendered = as_json.render(make_report(text))
    if encodable(text) == text:
        assert as_json.parse(rendered) == make_report(text)
    assert as_json.render(as_json.parse(rendered)) == rendered
    assert escape_unseen_json(rendered) == rendered


def test_schema_comes_first_and_moments_are_utc(make_report: MakeReport) -> None:
    tree = json.loads(as_json.render(make_report("x")))
    assert next(iter(tree.items())) == ("schema", "hubscope.report/1")
    assert tree["generated_at"] == "2026-11-23T07:00:00Z"
    assert tree["regulations"][0]["honouring"]["in_scope"] == 1


def test_order_of_mappings_does_not_show(make_report: MakeReport) -> None:
    report = make_report("x")
    one = replace(report, run=replace(report.run, requests={"api": 1, "pages": 2}))
    other = replace(report, run=replace(report.run, requests={"pages": 2, "api": 1}))
    assert as_json.render(one) == as_json.render(other)


def test_numbers_json_has_no_word_for_are_null() -> None:
    assert as_json.builtins(RowVerdict("r", Verdict.IN_SCOPE, Verdict.IN_SCOPE, (), float("inf"))) == {
        "regulation": "r",
        "status": "in_scope",
        "status_without_declarations": "in_scope",
        "reasons": [],
        "margin": None,
        "next_step": None,
    }


def test_a_naive_moment_of_a_row_is_utc() -> None:
    tree = as_json.builtins(ModelRow(model="m", created_at=datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None)))
    assert isinstance(tree, dict)
    assert tree["created_at"] == "2026-01-02T00:00:00Z"


def test_what_no_report_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="holds no bytes"):
        as_json.builtins(b"")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no report of hubscope"),
        ("{", "no report of hubscope"),
        (b"\xff\xfe", "no report of hubscope"),
        ("[]", "schema is None"),
        ('{"schema": "hubscope.report/2"}', "schema is 'hubscope.report/2'"),
        ('{"schema": "hubscope.report/1"}', "no report of hubscope"),
        ("[" * 100_000, "no report of hubscope"),
    ],
)
def test_anything_else_is_no_report(text: str | bytes, message: str) -> None:
    with pytest.raises(BadReportError, match=message):
        as_json.parse(text)


def test_totals_are_checked_when_read_again(make_report: MakeReport) -> None:
    rendered = as_json.render(make_report("x")).replace('"models": 1,', '"models": 2,')
    with pytest.raises(BadReportError, match="do not add up"):
        as_json.parse(rendered)


def test_a_later_field_does_not_disturb(make_report: MakeReport) -> None:
    tree = json.loads(as_json.render(make_report("x")))
    tree["later"] = 1
    assert isinstance(as_json.parse(json.dumps(tree)), Report)
