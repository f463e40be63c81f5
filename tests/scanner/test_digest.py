"""A small catalogue to a Report: everything adds up, and everything that must be said is said."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from config.regulation import Regulation
from estimators.interface import Basis, Finding
from notifiers import report as r
from notifiers.registry import RENDERERS
from scanner.assessment import Assessment
from scanner.catalogue.counted import Group
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, RunState, Store
from scanner.digest import Digest, model_row, totals
from scanner.reasons import REASONS
from scanner.restrictions.interface import Kind
from scanner.scope import Distribution, VerdictStatus
from tests.scanner.making import CN, MOMENT, begin, counted, declared, end, model, regulation, restrictions, scanned

NOW = MOMENT + timedelta(hours=1)


def report(engine: Engine, number: int | None = None, rule: Regulation = CN, announced: date | None = None) -> r.Report:
    reader = Reader(engine)
    return Digest(reader, [(rule, announced)], "0.test", named=3).report(reader.run(number), NOW)


def first(engine: Engine, rule: Regulation = CN, announced: date | None = None) -> r.RegulationReport:
    return report(engine, None, rule, announced).regulations[0]


def zoo() -> list[Assessment]:
    quoted = declared(["CN"], quote="not for use in mainland China")
    return [
        *(model(f"in{n}", 2_000_000 + n, downloads=n) for n in range(5)),
        model("gated", 2_000_000, gated="manual"),
        model("auto", 5, gated="auto"),
        model("out", 1_000_000, downloads=100),
        model("open", counted(1, 10**7), downloads=30),
        model("unknown", replace(counted(0, None, basis=Basis.NONE), findings=(Finding("unknown-format", "a.xyz"),))),
        model("excluding", 5_000_000, quoted, downloads=9),
        model("small and excluding", 5, quoted),
        model("gone", 5_000_000, distribution=Distribution.DELETED),
        model("empty", counted(0, basis=Basis.NO_WEIGHTS)),
        model("lora", 10_000, adapter=True, base_model="owner/in1"),
        model("lora of nobody", 10_000, adapter=True),
    ]


def test_totals_add_up_and_both_are_there(engine: Engine) -> None:
    scanned(engine, *zoo())
    found = first(engine)
    assert found.honouring == r.Totals(16, 6, 8, 2, not_distributed=1, no_weights=1)
    assert found.ignoring == r.Totals(16, 7, 7, 2, not_distributed=1, no_weights=1)
    assert found.downloads == r.DownloadTotals(in_scope=10, out_of_scope=109, undecided=30)
    assert found.gated == r.GatedTotals(auto=1, manual=1, in_scope=1)
    assert found.adapters == r.AdapterTotals(models=2, would_flip=1, base_unknown=1)
    by_status = {s: sum(g.count for g in found.reasons if g.status == s) for s in ("in_scope", "undecided")}
    assert by_status == {"in_scope": 6 + 1, "undecided": 2 + 1}


def test_an_empty_run_is_a_report_too(engine: Engine) -> None:
    scanned(engine)
    found = report(engine)
    assert found.regulations[0].honouring == r.Totals()
    assert found.previous_run is None
    assert found.regulations[0].changes is None


def test_lists_are_capped_beside_their_full_count(engine: Engine) -> None:
    scanned(engine, *zoo(), *(model(f"ex{n}", 2_000_000, declared(["CN"])) for n in range(5)))
    found = first(engine)
    assert [row.model for row in found.top_in_scope] == ["owner/in4", "owner/in3", "owner/in2"]
    assert len(found.excluded) == 3
    assert found.excluded_total == 6
    excluded = found.excluded[0]
    assert (excluded.row.model, excluded.quote, excluded.kind) == (
        "owner/excluding",
        "not for use in mainland China",
        "licence-grant",
    )
    assert found.nearest[0].model == "owner/out"
    assert "owner/gone" not in {row.model for row in found.nearest}


def test_reasons_and_open_cases_say_what_they_mean(engine: Engine) -> None:
    scanned(engine, *zoo())
    found = first(engine)
    assert [row.status for row in found.reasons] == sorted(
        [row.status for row in found.reasons], key=["in_scope", "out_of_scope", "undecided"].index
    )
    assert all(row.meaning == REASONS[row.code] for row in found.reasons)
    groups = {group.reason: group for group in found.undecided}
    assert set(groups) == {"interval-straddles-threshold", "interval-straddles-threshold, unknown-format"}
    plain = groups["interval-straddles-threshold"]
    assert (plain.count, [m.model for m in plain.models]) == (1, ["owner/open"])
    assert "headers" in plain.next_step


def test_what_is_assumed_and_where_it_comes_from_travels_along(engine: Engine) -> None:
    scanned(engine, *zoo())
    found = first(engine)
    assert found.provenance == "reported by one news outlet, uncorroborated; not legal advice"
    said = " ".join(found.assumptions)
    assert "our reading, not the report's" in said
    assert "assumed to be on servers accessible from mainland China" in said
    assert "Adapters count by their own parameters" in said
    assert "still distributed" in said
    assert found.open_questions == tuple(q.question for q in CN.open_questions)
    assert [s.note for s in found.sources] == [s.note for s in CN.sources]
    assert (found.threshold, found.comparison, found.territory_name) == (1_000_000, "more-than", "mainland China")


def test_another_regulation_is_told_in_its_own_words(engine: Engine) -> None:
    rule = regulation(
        id="other",
        threshold={"parameters": 10, "comparison": "at-least"},
        declaration_effect="none",
        adapter="with-base",
        gated="not-distributed",
    )
    scanned(engine, *(m.judged([rule]) for m in zoo()))
    found = first(engine, rule)
    assert found.comparison == "at-least"
    said = " ".join(found.assumptions)
    assert "changes nothing" in said
    assert "not distributed" in said
    assert "theirs and their base model's" in said
    assert found.excluded_total == 0
    assert found.honouring == found.ignoring


def test_clocks_have_dates_once_the_announcement_is_known(engine: Engine) -> None:
    scanned(engine)
    without = {clock.label: clock for clock in first(engine).clocks}
    assert without["In force"].due is None
    assert "[announced] cn-2026" in without["In force"].when
    dated = {clock.label: clock.due for clock in first(engine, announced=date(2025, 1, 10)).clocks}
    assert dated["In force"] == date(2025, 3, 11)
    assert dated["Compliance report"] == date(2026, 12, 31), "the next one, not the first there ever was"
    assert dated["Incident report"] is None


def test_the_run_and_what_went_wrong(engine: Engine) -> None:
    store = Store(engine)
    run_id = begin(store, "--top 9", deep="never")
    problems = [(f"owner/{n}", "bad-row", "no id") for n in range(25)]
    counters = {"listed": 7, "skipped": 25, "deep_reads": 2, "requests": {"api": 3}, "bytes_read": 9, "footprint": 1}
    finding = replace(counted(5), findings=(Finding("copies-disagree", "1 and 2"),))
    store.save(run_id, Batch(judged=[model("a", finding)], problems=problems, run=counters))
    end(store, run_id, RunState.INCOMPLETE)
    found = report(engine)
    assert (found.run.selection, found.run.deep, found.run.state) == ("--top 9", "never", r.RunState.INCOMPLETE)
    assert (found.run.models_listed, found.run.rows_skipped, found.run.headers_read) == (7, 25, 2)
    assert (found.run.requests, found.run.bytes_read, found.run.counted_as_downloads) == ({"api": 3}, 9, 1)
    assert (len(found.problems), found.problems_total) == (20, 25)
    assert found.findings == (r.Finding("owner/a", "copies-disagree", "1 and 2"),)
    assert found.findings_total == 1
    for form in ("markdown", "html", "text"):
        assert "1 reads that the hub counts as downloads" in RENDERERS[form].render(found)
    assert '"counted_as_downloads": 1' in RENDERERS["json"].render(found)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (RunState.RUNNING, r.RunState.INTERRUPTED),
        (RunState.INTERRUPTED, r.RunState.INTERRUPTED),
        (RunState.ABANDONED, r.RunState.INTERRUPTED),
        (RunState.COMPLETE, r.RunState.COMPLETE),
    ],
)
def test_the_state_of_a_run(engine: Engine, state: RunState, told: r.RunState) -> None:
    store = Store(engine)
    run_id = end(store, begin(store), state)
    assert report(engine, run_id).run.state is told


def test_changes_since_the_run_before(engine: Engine) -> None:
    scanned(engine, model("a", 5), model("b"))
    scanned(engine, model("a", 2_000_000), model("b"), model("c"))
    found = report(engine)
    assert found.previous_run == r.PreviousRun("1", MOMENT)
    changes = found.regulations[0].changes
    assert changes is not None
    assert [(g.kind, g.count) for g in changes.groups] == [
        (r.ChangeKind.ENTERED_SCOPE, 1),
        (r.ChangeKind.CROSSED_THRESHOLD, 1),
        (r.ChangeKind.NEW, 1),
    ]
    assert changes.honouring_before == r.Totals(2, 1, 1, 0)
    assert changes.note == ""


def test_a_comparison_with_another_selection_says_so(engine: Engine) -> None:
    scanned(engine, model("a"))
    scanned(engine, model("a"), selection="--top 1")
    changes = first(engine).changes
    assert changes is not None
    assert "another selection (--all)" in changes.note


def test_an_older_run_is_told_as_it_was(engine: Engine) -> None:
    scanned(engine, model("a", 5))
    scanned(engine, model("a", 2_000_000))
    assert report(engine, 1).regulations[0].honouring == r.Totals(1, 0, 1, 0)
    assert report(engine, 2).regulations[0].honouring == r.Totals(1, 1, 0, 0)


def test_a_stored_exemption_that_the_data_no_longer_gives_does_not_break_the_report(engine: Engine) -> None:
    scanned(engine, model("a", 2_000_000, declared(["CN"])))
    found = first(engine, regulation(declaration_effect="none"))
    assert found.excluded == ()
    assert found.excluded_total == 1


def test_declared_parameters_without_a_weight_file_are_open_and_not_empty(engine: Engine) -> None:
    contradicted = replace(
        counted(0, None, basis=Basis.NO_WEIGHTS), findings=(Finding("declared-without-weights", "7 declared"),)
    )
    scanned(engine, model("a", contradicted))
    assert first(engine).honouring == r.Totals(1, 0, 0, 1)


def test_totals_of_groups_by_hand() -> None:
    out, inside = VerdictStatus.OUT_OF_SCOPE, VerdictStatus.IN_SCOPE
    groups = [
        Group(out, inside, Distribution.PUBLIC, False, None, False, 3, 9),
        Group(inside, inside, Distribution.PUBLIC, False, "auto", True, 2, 9),
        Group(out, out, Distribution.PRIVATE, True, None, False, 1, 9),
        Group(out, out, Distribution.PUBLIC, True, None, False, 4, 9),
    ]
    assert totals(groups, ignoring=False) == r.Totals(10, 2, 8, 0, not_distributed=1, no_weights=4)
    assert totals(groups, ignoring=True) == r.Totals(10, 5, 5, 0, not_distributed=1, no_weights=4)


def test_a_row_shows_what_active_declarations_say() -> None:
    row = model_row(
        model(
            "a",
            2_000_000,
            declared(["EU", "CN"]),
            declared(["EU", "KR"], ["US"], kind=Kind.CARD_STATEMENT),
            declared(["GB"], ["FR"], active=False),
            gated="auto",
            base_model="owner/base",
        )
    )
    assert (row.excluded, row.limited_to) == (("EU", "CN", "KR"), ("US",))
    assert (row.gated, row.base_models, row.disabled, row.private) == ("auto", ("owner/base",), False, False)
    verdict = row.verdict("cn-2026")
    assert verdict is not None
    assert (verdict.status, verdict.status_without_declarations) == ("out_of_scope", "in_scope")
    plain = model_row(model("a", 5, distribution=Distribution.DISABLED, restrictions=restrictions()))
    assert (plain.gated, plain.base_models, plain.disabled) == (None, (), True)


@pytest.mark.parametrize("form", RENDERERS)
def test_every_renderer_takes_it(engine: Engine, form: str) -> None:
    scanned(engine, *zoo())
    scanned(engine, *zoo()[1:], model("new"))
    assert RENDERERS[form].render(report(engine))
