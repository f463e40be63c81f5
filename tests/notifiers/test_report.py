from dataclasses import replace
from datetime import UTC, datetime

import pytest

from notifiers.errors import UnknownFormatError
from notifiers.registry import RENDERERS, renderer
from notifiers.report import PreviousRun, Run, Totals
from tests.notifiers.conftest import MakeReport

NAIVE = datetime(2026, 11, 23, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    "counts",
    [
        {"models": 3, "in_scope": 1},
        {"models": 1, "in_scope": 1, "not_distributed": 1},
        {"models": 1, "out_of_scope": 1, "no_weights": 2},
    ],
)
def test_totals_that_do_not_add_up_are_refused(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"add up|parts of"):
        Totals(**counts)


def test_both_totals_are_about_the_same_models(make_report: MakeReport) -> None:
    with pytest.raises(ValueError, match="the same models"):
        replace(make_report("x").regulations[0], ignoring=Totals())


def test_naive_moments_are_refused(make_report: MakeReport) -> None:
    with pytest.raises(ValueError, match="started_at must be an aware datetime"):
        Run(id="1", started_at=NAIVE)
    with pytest.raises(ValueError, match="finished_at"):
        PreviousRun("1", NAIVE)
    with pytest.raises(ValueError, match="generated_at"):
        replace(make_report("x"), generated_at=NAIVE)


def test_an_unknown_format_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownFormatError, match="'pdf'; there are markdown, html, json, text"):
        renderer("pdf")


@pytest.mark.parametrize("name", RENDERERS)
def test_a_report_without_regulations_says_so(make_report: MakeReport, name: str) -> None:
    rendered = renderer(name).render(replace(make_report("x"), regulations=()))
    assert "No regulation is set" in rendered or name == "json"
    assert rendered.endswith("\n")
