"""Small reports and rows, made of whatever strings a test wants to try."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from notifiers.report import (
    Change,
    ChangeGroup,
    ChangeKind,
    Changes,
    Clock,
    ExcludedModel,
    Finding,
    PreviousRun,
    Problem,
    ReasonCount,
    RegulationReport,
    Report,
    Run,
    RunState,
    Source,
    Totals,
    UndecidedGroup,
)
from notifiers.rows import ModelRow, RowVerdict, Verdict

MakeReport = Callable[[str], Report]
MakeRow = Callable[[str], ModelRow]

WHEN = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def row_of(text: str) -> ModelRow:
    """A row in which every text is `text`."""
    return ModelRow(
        model=text,
        revision=text,
        observed_at=WHEN,
        basis=text,
        gated=text,
        base_models=(text,),
        restriction_status=text,
        excluded=(text,),
        limited_to=(text,),
        license=text,
        verdicts=(RowVerdict("r", Verdict.IN_SCOPE, Verdict.IN_SCOPE, (text,), 2.5, text),),
    )


def report_of(text: str) -> Report:
    """A report in which every text that could come from outside is `text`, in every place there is."""
    row = row_of(text)
    regulation = RegulationReport(
        id="r",
        title=text,
        threshold=1_000_000,
        territory=text,
        territory_name=text,
        provenance=text,
        honouring=Totals(models=1, in_scope=1),
        ignoring=Totals(models=1, in_scope=1),
        sources=(Source(text, text, text, text), Source(text, f"https://example.org/{text}")),
        assumptions=(text,),
        open_questions=(text,),
        clocks=(Clock(text, text),),
        reasons=(ReasonCount(Verdict.IN_SCOPE, text, text, 1),),
        changes=Changes(groups=(ChangeGroup(ChangeKind.RENAMED, 1, (Change(text, text, text, text),)),), note=text),
        top_in_scope=(row,),
        excluded=(ExcludedModel(row, text, (text, text), (text,), text, text, text, text),),
        excluded_total=1,
        nearest=(row,),
        undecided=(UndecidedGroup(text, text, text, 1, (row,)),),
    )
    return Report(
        tool_version=text,
        generated_at=WHEN,
        run=Run(
            id=text,
            started_at=WHEN,
            endpoint=text,
            source=text,
            selection=text,
            state=RunState.INCOMPLETE,
            state_detail=text,
            deep=text,
            requests={text: 1},
        ),
        regulations=(regulation,),
        previous_run=PreviousRun(text, WHEN),
        problems=(Problem(text, text, text),),
        problems_total=1,
        findings=(Finding(text, text, text),),
        findings_total=1,
    )


@pytest.fixture(scope="session")
def make_row() -> MakeRow:
    return row_of


@pytest.fixture(scope="session")
def make_report() -> MakeReport:
    return report_of
