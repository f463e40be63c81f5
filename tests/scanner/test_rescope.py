"""Judging stored facts anew: what moves, what must not, and that later scans go on as if nothing had been."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from typer.testing import CliRunner, Result

from config.regulation import Regulation
from estimators.interface import Basis
from notifiers.report import ChangeKind
from scanner.assessment import Assessment
from scanner.catalogue import rescoping
from scanner.catalogue.core import JUDGEMENT, MEMBER, MODEL, PAST_JUDGEMENT, PAST_OBSERVATION, PENDING, RUN
from scanner.catalogue.database import only_writer
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import RESCOPE, Batch, RunState, Store
from scanner.catalogue.tables import Run
from scanner.changes import describe_changes
from scanner.cli import app, common
from scanner.deepread import Options
from scanner.digest import Digest
from scanner.errors import UsageError
from scanner.rescope import READ_ON, Outcome, rescope
from scanner.restrictions.interface import Place, Status
from scanner.rules import rules_of
from scanner.samplehub import Blob, Repository, Tensor
from scanner.samplehub.files import safetensors
from scanner.scope import Distribution, VerdictStatus
from scanner.selection import Selection
from tests.scanner.conftest import MOMENT, Bench
from tests.scanner.making import CN, begin, counted, declared, end, model, regulation, restrictions, scanned

IN, OUT, OPEN = VerdictStatus.IN_SCOPE, VerdictStatus.OUT_OF_SCOPE, VerdictStatus.UNDECIDED
LATER = MOMENT + timedelta(hours=1)
NAME = "zz/model"


def above(parameters: int, **more: Any) -> Regulation:
    return regulation(threshold={"parameters": parameters, "comparison": "more-than"}, **more)


def redo(engine: Engine, *rules: Regulation, **more: Any) -> Outcome:
    return rescope(engine, rules or [CN], "0.test", now=lambda: LATER, **more)


def run_of(engine: Engine, number: int | None = None) -> Run:
    return Reader(engine).run(number)


def statuses(engine: Engine, number: int | None = None, rule: str = "cn-2026") -> dict[str, VerdictStatus]:
    reader = Reader(engine)
    return {
        a.key: verdict.status
        for a in reader.assessments(reader.run(number))
        for verdict in a.verdicts
        if verdict.regulation == rule
    }


def everything(engine: Engine) -> list[Any]:
    tables = (RUN, MODEL, MEMBER, PAST_OBSERVATION, PAST_JUDGEMENT, JUDGEMENT, PENDING)
    with engine.connect() as connection:
        return [connection.execute(select(t).order_by(*t.primary_key.columns)).all() for t in tables]


def told(engine: Engine, before: int, after: int, rule: Regulation) -> dict[ChangeKind, int]:
    reader = Reader(engine)
    groups = describe_changes(reader, reader.run(before), reader.run(after), rule, 5)
    return {group.kind: group.count for group in groups}


def zoo() -> list[Assessment]:
    quoted = declared(["CN"])
    return [
        model("big", 5_000_000, downloads=9),
        model("middling", 1_500_000, downloads=5),
        model("small", 500_000),
        model("open", counted(1, 10**7)),
        model("excluding", 5_000_000, quoted),
        model("gone", 5_000_000, distribution=Distribution.DELETED),
        model("empty", counted(0, basis=Basis.NO_WEIGHTS)),
        model("lora", 10_000, adapter=True, base_model="owner/big"),
        model("gated", 5_000_000, gated="manual"),
    ]


# What moves ----------------------------------------------------------------------------------------------------------


def test_the_same_rules_change_nothing_and_add_no_run(engine: Engine) -> None:
    scanned(engine, *zoo(), rules=rules_of([CN]))
    before = everything(engine)
    outcome = redo(engine)
    assert (outcome.run_id, outcome.changes) == (None, False)
    assert everything(engine) == before
    assert redo(engine, dry_run=True) == outcome


def test_another_threshold_moves_what_it_moves_and_the_past_stays_as_it_was(engine: Engine) -> None:
    scanned(engine, *zoo(), rules=rules_of([CN]))
    before = statuses(engine, 1)
    rule = above(2_000_000)
    outcome = redo(engine, rule)
    assert outcome.run_id == 2
    assert statuses(engine, 1) == before
    assert statuses(engine, 2) == {**before, "middling": OUT}
    assert told(engine, 1, 2, rule) == {ChangeKind.LEFT_SCOPE: 1}
    (moves,) = outcome.regulations
    assert moves.rule_changed
    assert [(g.kind, g.count, [c.model for c in g.models]) for g in moves.groups] == [
        (ChangeKind.LEFT_SCOPE, 1, ["owner/middling"])
    ]
    assert moves.before is not None
    assert moves.before.honouring.in_scope - moves.after.honouring.in_scope == 1


def test_the_run_says_what_it_is(engine: Engine) -> None:
    scanned(engine, *zoo(), rules=rules_of([CN]))
    Store(engine).write_run(1, listed=9, asked=7, requests={"api": 7}, bytes_read=5)
    rule = above(2_000_000)
    redo(engine, rule)
    run, followed = run_of(engine), run_of(engine, 1)
    assert (run.deep, run.state, run.rules) == (RESCOPE, "complete", rules_of([rule]))
    for name in ("source", "endpoint", "selection", "series", "sweep", "listed"):
        assert getattr(run, name) == getattr(followed, name)
    assert (run.started_at, run.finished_at) == (LATER, LATER)
    assert (run.requests, run.bytes_read, run.deep_reads, run.footprint, run.skipped) == ({}, 0, 0, 0, 0)
    assert Reader(engine).previous(run).id == 1  # type: ignore[union-attr]  # there is one


def test_a_new_rule_gives_every_model_its_first_verdict(engine: Engine) -> None:
    scanned(engine, *zoo(), rules=rules_of([CN]))
    rule = above(2_000_000, id="new-rule")
    assert not Reader(engine).judged_by("new-rule", run_of(engine, 1))
    outcome = redo(engine, rule, only_these=True)
    (moves,) = outcome.regulations
    assert (moves.before, moves.rule_changed, moves.groups) == (None, None, ())
    assert sum(moves.first.values()) == moves.after.honouring.models == 9
    assert statuses(engine, 2, "new-rule") == {a.key: a.judged([rule]).verdicts[0].status for a in zoo()}
    assert statuses(engine, 2) == statuses(engine, 1)
    assert run_of(engine).rules == rules_of([CN, rule])


def test_verdicts_of_a_rule_that_is_not_applied_any_more_end(engine: Engine) -> None:
    scanned(engine, *(a.judged([CN, above(5, id="old-rule")]) for a in zoo()))
    outcome = redo(engine)
    assert outcome.closed == {"old-rule": 9}
    assert statuses(engine, 1, "old-rule") != {}
    assert statuses(engine, 2, "old-rule") == {}
    assert statuses(engine, 2) == statuses(engine, 1)
    assert Reader(engine).judged_by("old-rule", run_of(engine, 1))
    assert not Reader(engine).judged_by("old-rule", run_of(engine, 2))
    assert redo(engine).run_id is None


def test_a_rule_by_itself_leaves_the_others_alone(engine: Engine) -> None:
    scanned(engine, *(a.judged([CN, above(5, id="old-rule")]) for a in zoo()))
    assert redo(engine, only_these=True).changes is False
    assert redo(engine, above(2_000_000), only_these=True).closed == {}
    assert statuses(engine, 2, "old-rule") == statuses(engine, 1, "old-rule")


def test_a_dry_run_says_the_same_and_writes_nothing(engine: Engine) -> None:
    scanned(engine, *zoo(), rules=rules_of([CN]))
    before = everything(engine)
    rules = [above(2_000_000), above(1, id="new-rule")]
    dry = redo(engine, *rules, dry_run=True)
    assert everything(engine) == before
    assert dry.run_id is None
    assert replace(redo(engine, *rules), run_id=None) == dry


def test_the_report_afterwards_shows_the_totals_that_were_told(engine: Engine) -> None:
    scanned(engine, *zoo(), rules=rules_of([CN]))
    rules = [above(2_000_000), regulation(id="strict", declaration_effect="none", gated="not-distributed")]
    outcome = redo(engine, *rules)
    reader = Reader(engine)
    report = Digest(reader, [(rule, None) for rule in rules], "0.test").report(reader.run(None), LATER)
    assert [(r.honouring, r.ignoring) for r in report.regulations] == [
        (m.after.honouring, m.after.ignoring) for m in outcome.regulations
    ]
    assert report.run.deep == RESCOPE
    changes = report.regulations[0].changes
    assert changes is not None
    assert "the rule cn-2026 was changed between these runs" in changes.note
    assert changes.honouring_before == outcome.regulations[0].before.honouring  # type: ignore[union-attr]  # judged


def test_each_platform_is_judged_by_its_own_leg(engine: Engine) -> None:
    there = model("there", 5_000_000, source="modelscope")
    scanned(engine, there, source="modelscope", endpoint="https://ms.example")
    scanned(engine, model("here", 5_000_000))
    values = CN.model_dump()["availability"]
    rule = regulation(availability={**values, "modelscope": {**values["modelscope"], "met": False}})
    outcome = redo(engine, rule)
    assert statuses(engine) == {"here": IN}
    assert outcome.regulations[0].elsewhere == 1
    with engine.connect() as connection:
        current = select(JUDGEMENT.c.reasons).join(MODEL, MODEL.c.judgement == JUDGEMENT.c.id)
        current = current.where(MODEL.c.key == "there")
        assert connection.execute(current).scalar_one().startswith("not-available")


def test_an_adapter_is_judged_by_what_is_stored_of_it(engine: Engine) -> None:
    scanned(engine, *zoo())
    redo(engine, regulation(adapter="with-base"))
    reader = Reader(engine)
    lora = reader.find("owner/lora", reader.run(None))
    assert lora is not None
    assert lora.verdicts[0].status is OPEN
    assert "adapter-base-unknown" in lora.verdicts[0].reasons


def test_other_reasons_and_margins_are_changes_too(engine: Engine) -> None:
    scanned(engine, *zoo())
    outcome = redo(engine, above(1_000_001))
    (moves,) = outcome.regulations
    assert (outcome.run_id, moves.groups, moves.reworded) == (2, (), 0)
    reader = Reader(engine)
    assert reader.find("owner/small", reader.run(None)).verdicts[0].margin == 0.4999995  # type: ignore[union-attr]
    again = redo(engine, regulation(threshold=above(1_000_001).threshold.model_dump(), declaration_effect="none"))
    (moves,) = again.regulations
    assert [(g.kind, g.count) for g in moves.groups] == [(ChangeKind.ENTERED_SCOPE, 1)]


def test_every_page_is_judged_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescoping, "MODELS_AT_ONCE", 2)
    scanned(engine, *zoo())
    seen: list[int] = []
    outcome = redo(engine, above(10**9), watch=seen.append)
    assert seen == [2, 4, 6, 8, 9]
    assert outcome.regulations[0].after.honouring.models == 9
    assert set(statuses(engine, 2).values()) == {OUT}


def test_whatever_ends_it_early_leaves_all_old_verdicts(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescoping, "MODELS_AT_ONCE", 2)
    scanned(engine, *zoo())
    before = everything(engine)

    def stop(done: int) -> None:
        if done > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        redo(engine, above(10**9), watch=stop)
    assert everything(engine) == before
    assert redo(engine, above(10**9)).changes


def test_without_a_finished_scan_there_is_nothing_to_judge(engine: Engine) -> None:
    with pytest.raises(UsageError, match="no finished run"):
        redo(engine)
    begin(Store(engine))
    with pytest.raises(UsageError, match="come to its end"):
        redo(engine, dry_run=True)


def test_what_an_incomplete_scan_did_not_read_stays_said(engine: Engine) -> None:
    store = Store(engine)
    run_id = begin(store)
    store.save(run_id, Batch(judged=zoo()))
    store.write_run(run_id, detail="5 of 10 requests stayed unanswered", asked=10, unanswered=5)
    end(store, run_id, RunState.INCOMPLETE)
    redo(engine, above(2_000_000))
    run = run_of(engine)
    assert (run.state, run.detail, run.asked, run.unanswered) == (
        "incomplete",
        "5 of 10 requests stayed unanswered",
        10,
        5,
    )


# What must go on as before -------------------------------------------------------------------------------------------

DAILY = "--watch"


def test_the_models_of_the_run_are_those_of_the_scan_it_followed(engine: Engine) -> None:
    scanned(engine, *zoo())
    scanned(engine, model("big"), model("watched"), selection=DAILY)
    outcome = redo(engine, above(10**9))
    assert set(statuses(engine)) == {"big", "watched"}
    assert outcome.regulations[0].after.honouring.models == 2
    assert outcome.regulations[0].elsewhere == 5, "small ones are out for the same reasons as before"
    redo(engine, above(5))
    assert set(statuses(engine)) == {"big", "watched"}, "also where a rescope follows a rescope"
    assert set(statuses(engine, 3)) == {"big", "watched"}


def test_a_sweep_and_a_watch_list_beside_each_other_keep_their_own_runs_to_compare_with(engine: Engine) -> None:
    scanned(engine, *zoo())
    scanned(engine, model("big"), selection=DAILY)
    redo(engine, above(2_000_000))
    scanned(engine, model("big"), selection=DAILY, started_at=LATER)
    scanned(engine, *zoo(), started_at=LATER)
    previous = {n: Reader(engine).previous(run_of(engine, n)) for n in (3, 4, 5)}
    assert {n: run.id for n, run in previous.items() if run is not None} == {3: 2, 4: 3, 5: 1}


@pytest.mark.parametrize("selection", ["--all", DAILY])
def test_a_later_scan_misses_what_is_gone_and_nothing_else(engine: Engine, selection: str) -> None:
    scanned(engine, model("a"), model("b"), selection=selection)
    redo(engine, above(10**9))
    store = Store(engine)
    run_id = begin(store, selection)
    store.save(run_id, Batch(judged=[model("a")]))
    assert store.unseen(run_id, "huggingface", 10) == [("b", "owner/b")]
    end(store, run_id)
    assert set(statuses(engine, 1)) == set(statuses(engine, 2)) == {"a", "b"}
    assert set(statuses(engine, 3)) == {"a"}
    left = {} if selection == "--all" else {ChangeKind.NO_LONGER_LISTED: 1}  # a sweep keeps what is gone
    assert told(engine, 2, 3, CN) == {ChangeKind.ENTERED_SCOPE: 1, **left}
    with engine.connect() as connection:
        gaps = connection.execute(select(MEMBER).where(MEMBER.c.model_key == "a")).all()
    assert len(gaps) == (0 if selection == "--all" else 1), "a rescope is no gap in what a selection covered"


def test_other_endpoints_keep_their_models(engine: Engine) -> None:
    scanned(engine, model("theirs"), endpoint="https://mirror.example")
    scanned(engine, model("ours"))
    outcome = redo(engine, above(10**9))
    assert set(statuses(engine)) == {"ours"}
    assert outcome.regulations[0].elsewhere == 1
    store = Store(engine)
    run_id = begin(store, endpoint="https://mirror.example")
    assert store.unseen(run_id, "huggingface", 10) == [("theirs", "owner/theirs")]


@pytest.mark.parametrize("selection", ["--all", DAILY])
def test_an_unfinished_scan_is_gone_on_with_and_what_it_saw_is_told_once(engine: Engine, selection: str) -> None:
    scanned(engine, model("a"), model("b"), selection=selection)
    store = Store(engine)
    begun = begin(store, selection, started_at=MOMENT + timedelta(minutes=5))
    store.save(begun, Batch(judged=[model("a", 5), model("new")]))
    store.write_run(begun, state=str(RunState.INTERRUPTED))
    redo(engine, above(2_000_000))
    assert set(statuses(engine)) == {"a", "b"}
    unfinished = store.resumable(endpoint="https://hub.example", selection=selection, since=MOMENT)
    assert unfinished is not None
    assert unfinished.id == begun
    assert not store.is_latest(unfinished)

    fresh = Run(**{**unfinished.model_dump(exclude={"id"}), "state": str(RunState.RUNNING)})
    resumed = Store(engine).begin(fresh, instead_of=unfinished)
    assert resumed.id is not None
    store = Store(engine)
    assert store.unseen(resumed.id, "huggingface", 10) == [("b", "owner/b")]
    store.save(resumed.id, Batch(judged=[model("b")]))
    end(store, resumed.id)
    assert set(statuses(engine)) == {"a", "b", "new"}
    previous = Reader(engine).previous(run_of(engine))
    assert previous is not None
    assert previous.id == 1, "compared with the rescope, what the first stretch saw would look known already"
    kinds = told(engine, 1, resumed.id, CN)
    assert (kinds[ChangeKind.NEW], kinds[ChangeKind.CROSSED_THRESHOLD]) == (1, 1)
    assert told(engine, 3, resumed.id, CN)[ChangeKind.NEW] == 1


def test_a_scan_gone_on_with_after_a_rescope_was_judged_by_the_rules_of_the_rescope(bench: Bench) -> None:
    bench.scan(Selection(author="evenkeel"))
    assert bench.scan(client=bench.client(max_requests=2)).state is RunState.INTERRUPTED
    bench.regulation = above(2_000_000)
    redo(bench.engine, bench.regulation)
    outcome = bench.scan(moment=MOMENT + timedelta(hours=2))
    assert (outcome.resumed, outcome.state) == (True, RunState.COMPLETE)
    assert bench.reader.run(outcome.run_id).rules == rules_of([bench.regulation])
    assert all(a.distribution is not Distribution.DELETED for a in bench.models().values())


# What stored facts cannot tell ---------------------------------------------------------------------------------------


def repository(elements: int, **more: Any) -> Repository:
    files = {"model.safetensors": safetensors.write({"weight": Tensor("F16", (elements,))})}
    return Repository(id=NAME, files=files, **{"card": {"license": "mit"}, **more})


def test_a_count_read_for_another_threshold_is_open_until_the_next_scan_reads_on(bench: Bench) -> None:
    bench.hub.add(repository(40_000_000))
    mine = Selection(author="zz")
    bench.scan(mine)
    assert bench.status(NAME) is IN
    bench.regulation = above(100_000_000)
    redo(bench.engine, bench.regulation)
    (verdict,) = bench.models()[NAME].verdicts
    assert (verdict.status, verdict.next_step) == (OPEN, READ_ON)
    assert redo(bench.engine, bench.regulation).run_id is None
    bench.scan(mine, moment=MOMENT + timedelta(days=7))
    (verdict,) = bench.models()[NAME].verdicts
    assert (verdict.status, verdict.next_step) == (OUT, None)


def test_a_gate_is_not_blamed_on_the_threshold(bench: Bench) -> None:
    bench.hub.add(repository(40_000_000, gated="manual"))
    bench.scan(Selection(author="zz"))
    redo(bench.engine, above(100_000_000))
    assert "token" in (bench.models()[NAME].verdicts[0].next_step or "")


def test_texts_that_nobody_read_exempt_nothing_until_the_next_scan_reads_them(bench: Bench) -> None:
    custom = {"license": "other", "license_name": "custom"}
    total = {"parameters": {"F16": 500_000}, "total": 500_000}
    bench.hub.add(repository(500_000, card=custom, declared=total))
    licence = Blob.of("This licence does not apply in mainland China.")
    bench.hub.get(NAME).commit("licence", "2026-11-01T00:00:00.000Z", changed={"LICENSE": licence})
    mine = Selection(author="zz")
    bench.scan(mine)
    assert bench.status(NAME) is OUT
    bench.regulation = above(100_000)
    redo(bench.engine, bench.regulation)
    (verdict,) = bench.models()[NAME].verdicts
    assert verdict.status is IN
    assert "restriction-unverified" in verdict.reasons
    assert "read the card" in (verdict.next_step or "")
    bench.scan(mine, moment=MOMENT + timedelta(days=7))
    assert bench.models()[NAME].verdicts[0].reasons[0] == "excluded-by-declaration"


def test_over_the_whole_sample_hub_the_same_rule_changes_nothing(bench: Bench) -> None:
    bench.scan()
    assert redo(bench.engine, bench.regulation).changes is False
    bench.hub.advance_week()
    bench.scan(moment=MOMENT + timedelta(days=7))
    assert redo(bench.engine, bench.regulation).changes is False


@pytest.mark.parametrize("threshold", [20_000, 100_000_000])
def test_what_a_rescope_decides_a_scan_by_the_same_rule_decides_too(bench: Bench, threshold: int) -> None:
    bench.scan()
    rule = above(threshold)
    redo(bench.engine, rule)
    stored = {a.key: a.verdicts[0].status_ignoring_declarations for a in bench.models().values()}
    bench.regulation = rule
    bench.scan(options=Options(full=True), moment=MOMENT + timedelta(days=7))
    scanned_anew = {a.key: a.verdicts[0].status_ignoring_declarations for a in bench.models().values()}
    assert stored.keys() == scanned_anew.keys()
    wrong = {key for key, status in stored.items() if status is not OPEN and status is not scanned_anew[key]}
    assert not wrong
    assert len(set(stored.values())) == 3


def test_unread_texts_of_a_stored_model_are_told_as_unread(engine: Engine) -> None:
    unread = restrictions(status=Status.NOT_READ, read=[Place.METADATA])
    scanned(engine, model("a", 500_000, restrictions=unread))
    redo(engine, above(1000))
    reader = Reader(engine)
    assert "restriction-unverified" in next(reader.assessments(reader.run(None))).verdicts[0].reasons


# The command ---------------------------------------------------------------------------------------------------------

Command = Callable[..., Result]


@pytest.fixture
def command(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(common, "open_catalogue", lambda settings, *, create: engine)
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def rule_file(tmp_path: Path) -> str:
    source = Path("config/regulations/cn-2026.toml")
    text = (Path(__file__).resolve().parents[2] / source).read_text(encoding="utf-8")
    text = text.replace('id = "cn-2026"', 'id = "new-rule"').replace("parameters = 1_000_000", "parameters = 2_000_000")
    (tmp_path / "rule.toml").write_text(text, encoding="utf-8")
    return "rule.toml"


def test_from_a_dry_run_to_a_report_by_a_new_rule(engine: Engine, command: Command, rule_file: str) -> None:
    scanned(engine, *zoo(), model("odd\u202e", 1_700_000), rules=rules_of([CN]))
    for words in (["report"], ["explain", "owner/big"], ["export"], ["diff", "1", "1"]):
        refused = command(*words, "--regulation", rule_file)
        assert refused.exit_code == 2
        assert "hubscope rescope" in refused.stderr
    dry = command("rescope", "--dry-run", "--regulation", rule_file)
    assert (dry.exit_code, dry.stderr) == (0, "")
    assert "Nothing was stored" in dry.stdout
    assert "Judged for the first time: 2 in scope, 7 out of scope, 1 undecided" in dry.stdout
    done = command("rescope", "--regulation", rule_file)
    assert done.exit_code == 0
    assert "Stored as run 2; `hubscope diff 1 2`" in done.stdout
    report = command("report", "--regulation", rule_file, "--format", "json")
    assert json.loads(report.stdout)["regulations"][0]["honouring"]["in_scope"] == 2
    assert "new-rule: OUT OF SCOPE" in command("explain", "owner/middling", "--regulation", rule_file).stdout
    assert command("report", "--run", "1", "--regulation", rule_file).exit_code == 2
    ended = command("rescope")
    assert "new-rule is not applied any more: the verdicts of 10 models end." in ended.stdout
    assert command("report", "--regulation", rule_file).exit_code == 2
    assert command("report", "--run", "2", "--regulation", rule_file).exit_code == 0
    assert "No verdict changes, so no run was added." in command("rescope").stdout


def test_as_json(engine: Engine, command: Command, rule_file: str) -> None:
    scanned(engine, *(a.judged([above(500_000, id="new-rule")]) for a in zoo()), rules={"new-rule": "another digest"})
    found = json.loads(command("rescope", "--regulation", rule_file, "--format", "json").stdout)
    assert {name: found[name] for name in ("schema", "dry_run", "run", "follows", "selection", "changes", "ended")} == {
        "schema": "hubscope.rescope/1",
        "dry_run": False,
        "run": 2,
        "follows": 1,
        "selection": "--all",
        "changes": True,
        "ended": [],
    }
    (moves,) = found["regulations"]
    assert (moves["id"], moves["rule_changed"], moves["elsewhere"]) == ("new-rule", True, 0)
    assert moves["before"]["honouring"]["in_scope"] - 1 == moves["after"]["honouring"]["in_scope"]
    (group,) = moves["moved"]
    assert (group["kind"], group["count"]) == ("left-scope", 1)
    assert group["models"][0] == {
        "model": "owner/middling",
        "before": "in_scope",
        "after": "out_of_scope",
        "cause": "not-above-threshold",
        "downloads": 5,
    }


def test_names_from_strangers_cannot_reorder_the_line(engine: Engine, command: Command, rule_file: str) -> None:
    rule = above(1_000_000, id="new-rule")
    scanned(engine, model("a", 1_700_000, name="owner/\u202eevil\nname").judged([rule]))
    out = command("rescope", "--dry-run", "--regulation", rule_file).stdout
    assert "Left scope: 1 (owner/‹U+202E›evil⏎name)" in out


def test_only_margins(engine: Engine, command: Command, rule_file: str) -> None:
    scanned(engine, model("a", 5_000_000).judged([above(3_000_000, id="new-rule")]))
    assert "Only margins or next steps change." in command("rescope", "--regulation", rule_file).stdout


def test_it_waits_for_no_scan_but_a_dry_run_may_look_on(engine: Engine, command: Command, rule_file: str) -> None:
    scanned(engine, *zoo())
    with only_writer(engine):
        refused = command("rescope", "--regulation", rule_file)
        assert refused.exit_code == 2
        assert "another scan is writing" in refused.stderr
        assert command("rescope", "--dry-run", "--regulation", rule_file).exit_code == 0
    assert run_of(engine).id == 1


def test_without_a_catalogue_it_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["rescope"])
    assert result.exit_code == 2
    assert "hubscope scan" in result.stderr
