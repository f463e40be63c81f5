"""Reading: the state as of any past run, totals, and what changed between two runs."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from estimators.interface import Basis, Finding
from notifiers.fields import MODEL_FIELDS, VERDICT_FIELDS, verdict_column
from notifiers.report import Change, ChangeKind
from scanner.assessment import Assessment
from scanner.catalogue.database import open_database
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, RunState, Store
from scanner.catalogue.tables import Run
from scanner.changes import describe_changes
from scanner.digest import model_row
from scanner.errors import UsageError
from scanner.restrictions.interface import Kind
from scanner.scope import Distribution, VerdictStatus
from tests.scanner.making import (
    CN,
    MOMENT,
    again,
    begin,
    counted,
    declared,
    end,
    model,
    regulation,
    restrictions,
    scanned,
)

IN, OUT, OPEN = VerdictStatus.IN_SCOPE, VerdictStatus.OUT_OF_SCOPE, VerdictStatus.UNDECIDED
THRESHOLD = 1_000_000


@pytest.fixture
def reader(engine: Engine) -> Reader:
    return Reader(engine)


def names(found: list[Assessment]) -> list[str]:
    return [assessment.name.removeprefix("owner/") for assessment in found]


def keys(reader: Reader, number: int) -> list[str]:
    return [assessment.key for assessment in reader.assessments(reader.run(number))]


def lows(reader: Reader, number: int) -> dict[str, int]:
    return {a.key: a.estimate.low for a in reader.assessments(reader.run(number)) if a.estimate is not None}


# Runs ----------------------------------------------------------------------------------------------------------------


def test_runs_by_number_and_the_latest(engine: Engine, reader: Reader) -> None:
    with pytest.raises(UsageError, match="no run yet"):
        reader.run(None)
    store = Store(engine)
    begin(store)
    begin(store)
    assert reader.run(None).id == 2
    assert reader.run(1).state == "abandoned"
    for number in (3, 10**30):
        with pytest.raises(UsageError, match="runs 1 to 2 are stored"):
            reader.run(number)
    store.write_run(2, state=str(RunState.ABANDONED))
    with pytest.raises(UsageError, match="broken off"):
        reader.run(None)


def test_the_previous_run_is_the_last_finished_one_of_the_same_selection(engine: Engine, reader: Reader) -> None:
    store = Store(engine)
    assert reader.previous(reader.run(scanned(engine))) is None  # 1
    scanned(engine, selection="--author a")  # 2
    end(store, begin(store), RunState.INCOMPLETE)  # 3
    end(store, begin(store), RunState.INTERRUPTED)  # 4, then abandoned
    scanned(engine, endpoint="https://other.example")  # 5
    assert previous(reader, scanned(engine)) == 3
    assert previous(reader, scanned(engine, selection="--author a")) == 2
    assert previous(reader, scanned(engine, selection="--author b")) == 7, "another selection is better than none"
    assert previous(reader, 5) is None


def previous(reader: Reader, number: int) -> int | None:
    run = reader.previous(reader.run(number))
    return None if run is None else run.id


def test_problems_and_endpoints(engine: Engine, reader: Reader) -> None:
    run_id = begin(Store(engine))
    Store(engine).save(run_id, Batch(problems=[(f"owner/{n}", "bad-row", "no id") for n in range(5)]))
    found, total = reader.problems(run_id, 2)
    assert ([p.subject for p in found], total) == (["owner/0", "owner/1"], 5)
    assert reader.problems(run_id + 1, 2) == ([], 0)
    assert reader.endpoints() == ["https://hub.example"]


# As of a run ---------------------------------------------------------------------------------------------------------


def test_the_state_as_of_any_past_run(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a", 5), model("b", 2_000_000))
    scanned(engine, model("a", 5), model("b", 3_000_000), model("c", 7))
    scanned(engine, model("a", 9_000_000), model("b", 3_000_000), model("c", 7, declared(["CN"])))
    assert lows(reader, 1) == {"a": 5, "b": 2_000_000}
    assert lows(reader, 2) == {"a": 5, "b": 3_000_000, "c": 7}
    assert lows(reader, 3) == {"a": 9_000_000, "b": 3_000_000, "c": 7}
    verdicts = [{a.key: a.verdicts[0].status for a in reader.assessments(reader.run(n))} for n in (1, 2, 3)]
    assert verdicts == [{"a": OUT, "b": IN}, {"a": OUT, "b": IN, "c": OUT}, {"a": IN, "b": IN, "c": OUT}]
    assert [reader.count(reader.run(n)) for n in (1, 2, 3)] == [2, 3, 3]
    assert [reader.born_in(reader.run(n)) for n in (1, 2, 3)] == [2, 1, 0]
    limits = [[len(a.restrictions.items) for a in reader.assessments(reader.run(n)) if a.key == "c"] for n in (2, 3)]
    assert limits == [[0], [1]]


def test_a_run_of_part_of_the_source_covers_what_it_saw_whatever_came_later(engine: Engine, reader: Reader) -> None:
    everything = [model(key) for key in "abcdef"]
    scanned(engine, *everything)  # 1
    scanned(engine, *everything[:2], selection="--author x")  # 2
    scanned(engine, *everything)  # 3
    scanned(engine, *everything[1:3], selection="--author x")  # 4: a left, c came
    scanned(engine, *everything[:1], selection="--top 1")  # 5
    scanned(engine, *everything[:2], selection="--author x")  # 6: a is back
    scanned(engine, *everything)  # 7
    covered = {number: "".join(keys(reader, number)) for number in range(1, 8)}
    assert covered == {1: "abcdef", 2: "ab", 3: "abcdef", 4: "bc", 5: "a", 6: "ab", 7: "abcdef"}


def test_a_run_that_broke_off_leaves_no_gap(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a"), selection="--author x")
    store = Store(engine)
    end(store, begin(store, "--author x"), RunState.INTERRUPTED)
    begin(store, "--author x")
    assert keys(reader, 3) == [], "nothing was seen yet"
    assert scanned(engine, model("a"), selection="--author x") == 4
    assert [keys(reader, n) for n in (1, 4)] == [["a"], ["a"]]


def test_a_sweep_keeps_what_is_gone_and_other_runs_do_not(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a"), model("b"))
    scanned(engine, model("a"), again(model("b"), distribution=Distribution.DELETED))
    scanned(engine, model("a"))
    scanned(engine, model("a"), selection="--top 1")
    assert [keys(reader, n) for n in (1, 2, 3, 4)] == [["a", "b"], ["a", "b"], ["a", "b"], ["a"]]


def test_a_model_that_a_sweep_neither_showed_nor_found_gone_is_not_counted(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a"), model("b"))
    scanned(engine, model("a"))
    assert keys(reader, 2) == ["a"]


def test_a_run_that_listed_changes_covers_what_it_and_its_sweep_saw(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("x"))  # 1: x is missed by every later sweep
    scanned(engine, *(model(key) for key in "abc"))  # 2
    scanned(engine, model("a", 5), model("d"), sweep=False, base=2)  # 3
    scanned(engine, model("b"), selection="--author x")  # 4
    scanned(engine, model("e"), sweep=False, base=2)  # 5
    scanned(engine, model("a", 5), again(model("b"), distribution=Distribution.DELETED), model("d"))  # 6
    scanned(engine, model("d", 5), sweep=False, base=6)  # 7
    covered = ["".join(keys(reader, number)) for number in range(1, 8)]
    assert covered == ["x", "abc", "abcd", "b", "abcde", "abd", "abd"]
    assert lows(reader, 2)["a"] == 2_000_000
    assert lows(reader, 3)["a"] == 5
    assert [sum(g.models for g in reader.groups(reader.run(n), "cn-2026")) for n in (3, 7)] == [4, 3]
    assert ChangeKind.NO_LONGER_LISTED not in changes(reader, 2, 3)


def test_what_a_suspect_run_wrote_appears_nowhere(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a"), model("b", 5, declared(["EU"])))
    store = Store(engine)
    run_id = begin(store)
    store.save(run_id, Batch(judged=[model("a", 5), model("b", 7), model("new")]))
    store.withdraw(run_id, detail="half of the models were not listed")
    assert reader.run(None).id == 1
    with pytest.raises(UsageError, match="run 2 is suspect, so nothing is told of it: half of the models were not"):
        reader.told(run_id)
    assert reader.told(None).id == reader.told(1).id == 1
    for number in (1, run_id):
        assert lows(reader, number) == {"a": 2_000_000, "b": 5}
        assert reader.find("owner/new", reader.run(number)) is None
        assert sum(group.models for group in reader.groups(reader.run(number), "cn-2026")) == 2
    scanned(engine, model("a"), model("b", 5, declared(["EU"])))
    assert previous(reader, 3) == 1
    assert changes(reader, 1, 3) == {}
    store.write_run(1, state=str(RunState.ABANDONED))
    store.write_run(3, state=str(RunState.SUSPECT))
    with pytest.raises(UsageError, match="broken off or is suspect"):
        reader.told(None)


def test_sweeps_of_two_endpoints_stay_apart_and_a_mirror_is_the_same(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a"), model("b"))
    scanned(engine, model("x"), endpoint="https://other.example")
    scanned(engine, model("a"), model("b"))
    scanned(engine, model("a"), model("b"), endpoint="https://mirror.example")
    assert [keys(reader, n) for n in (1, 2, 3, 4)] == [["a", "b"], ["x"], ["a", "b"], ["a", "b"]]


def test_pages_of_assessments_leave_nothing_out(
    engine: Engine, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.catalogue.queries.ROWS_AT_ONCE", 3)
    for count in (0, 2, 3, 4, 6):
        number = scanned(engine, *(model(f"k{n}") for n in range(count)), selection=f"--limit {count}")
        assert keys(reader, number) == [f"k{n}" for n in range(count)]


@pytest.mark.parametrize("number", [0, 2, -1, 2**31, 2**70, -(2**70)])
def test_a_run_of_any_number_is_there_or_not(engine: Engine, reader: Reader, number: int) -> None:
    scanned(engine)
    with pytest.raises(UsageError, match=f"there is no run {number}; runs 1 to 1"):
        reader.run(number)


def test_a_model_is_found_by_its_name(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a", name="Owner/Name"), model("b", name="x/y"))
    scanned(engine, model("a", name="owner/renamed"), model("b", name="x/y"))
    run = reader.run(2)

    def key(name: str, of: Run = run) -> str | None:
        found = reader.find(name, of)
        return None if found is None else found.key

    assert key("owner/renamed") == "a"
    assert key("OWNER/Renamed") == "a"
    assert key("none/such") is None
    assert key("no\x00ne/su\ud800ch") is None, "no text of any database"
    assert key("Owner/Name") is None
    assert key("Owner/Name", reader.run(1)) == "a", "as it was called then"
    assert key("owner/renamed", reader.run(1)) == "a"
    found = reader.find("owner/renamed", reader.run(1))
    assert found is not None
    assert found.name == "Owner/Name"


def test_a_name_that_was_given_away_means_the_one_that_is_there(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a", 5, name="o/n"))
    scanned(engine, model("a", 5, name="o/n", distribution=Distribution.DELETED), model("z", 6, name="o/n"))
    found = reader.find("o/n", reader.run(2))
    assert found is not None
    assert found.key == "z"
    older = reader.find("o/n", reader.run(1))
    assert older is not None
    assert older.key == "a"


# Columns -------------------------------------------------------------------------------------------------------------


def as_columns(reader: Reader, number: int, rules: list[str], at_once: int) -> tuple[dict[str, list[Any]], list[int]]:
    """All batches put together, and how many rows each has."""
    found: dict[str, list[Any]] = {}
    sizes = []
    for batch in reader.columns(reader.run(number), rules, at_once):
        sizes.append(len(batch["model"]))
        assert {len(values) for values in batch.values()} == {sizes[-1]}
        for name, values in batch.items():
            found.setdefault(name, []).extend(values)
    return found, sizes


def from_rows(reader: Reader, number: int, rules: list[str]) -> dict[str, list[Any]]:
    """The same from the registry of fields, by way of assessments."""
    rows = [model_row(assessment) for assessment in reader.assessments(reader.run(number))]
    found: dict[str, list[Any]] = {field.name: [field.get(row) for row in rows] for field in MODEL_FIELDS}
    for name in rules:
        verdicts = [row.verdict(name) for row in rows]
        for field in VERDICT_FIELDS:
            found[verdict_column(name, field.name)] = [v and field.get(v) for v in verdicts]
    return found


def plain(values: list[Any]) -> list[Any]:
    return [round(value.timestamp() * 1_000_000) if isinstance(value, datetime) else value for value in values]


def test_columns_are_what_assessments_say(engine: Engine, reader: Reader) -> None:
    other = regulation(id="other", threshold={"parameters": 10_000_000}, adapter="with-base")
    moments = {"created_at": MOMENT - timedelta(days=9), "last_modified": MOMENT - timedelta(days=1)}
    more: list[Assessment] = [
        model("both", 5_000_000, declared(["CN", "EU"]), declared(["EU"], ["US"]), rules=[CN, other], **moments),
        model("inactive", 5_000_000, declared(["CN"], active=False), rules=[other], license="mit"),
        model("private", 5, distribution=Distribution.PRIVATE, revision=None),
        model("off", 5, distribution=Distribution.DISABLED, declared_total=9, declared_sum=8),
        model("base unknown", 5, adapter=True, base_model="owner/in1", rules=[CN, other]),
        model("above anyway", 50_000_000, adapter=True, rules=[CN, other]),
        model("elsewhere", rules=[]),
    ]
    scanned(engine, *zoo(), *more)
    changed = [replace(m, name=f"{m.name}-2", likes=3).judged([other, CN]) for m in (*zoo(), *more)]
    scanned(engine, *changed)
    rules = ["cn-2026", "other", "of nobody"]
    for number in (1, 2):
        found, sizes = as_columns(reader, number, rules, 7)
        expected = from_rows(reader, number, rules)
        assert sizes == [7, 7, 4]
        assert {name: plain(values) for name, values in expected.items()} == found
    assert found["excluded"].count(("CN", "EU")) == 1
    assert list(reader.columns(reader.run(scanned(engine, selection="--author nobody")), rules)) == []


# Totals --------------------------------------------------------------------------------------------------------------


def zoo() -> list[Assessment]:
    return [
        model("in1", 2_000_000, downloads=5),
        model("in2", 1_000_001, downloads=50),
        model("in3", 70_000_000, downloads=1, gated="manual"),
        model("out", 1_000_000, downloads=7),
        model("open", counted(1, 10**7), downloads=3),
        model("open2", counted(1, None), downloads=30, restrictions=restrictions()),
        model("ex1", 5_000_000, declared(["CN"]), downloads=9),
        model("ex2", 5_000_000, declared(limited_to=["HK"]), downloads=90),
        model("gone", 5_000_000, distribution=Distribution.DELETED),
        model("empty", counted(0, basis=Basis.NO_WEIGHTS)),
        model("lora", 10_000, adapter=True, base_model="owner/in1"),
    ]


def test_groups_add_up(engine: Engine, reader: Reader) -> None:
    run = reader.run(scanned(engine, *zoo()))
    groups = reader.groups(run, "cn-2026")
    statuses: Counter[VerdictStatus] = Counter()
    ignoring: Counter[VerdictStatus] = Counter()
    for group in groups:
        statuses[group.status] += group.models
        ignoring[group.ignoring] += group.models
    assert statuses == {IN: 3, OUT: 6, OPEN: 2}
    assert ignoring == {IN: 5, OUT: 4, OPEN: 2}
    assert sum(g.models for g in groups) == reader.count(run) == 11
    assert sum(g.downloads for g in groups if g.status is IN) == 56
    assert [g.models for g in groups if g.gated == "manual"] == [1]
    assert [g.models for g in groups if g.no_weights] == [1]
    assert [g.models for g in groups if g.adapter] == [1]
    assert [g.models for g in groups if g.distribution is Distribution.DELETED] == [1]
    assert reader.groups(run, "other") == []


def test_reasons_are_counted_whole(engine: Engine, reader: Reader) -> None:
    run = reader.run(scanned(engine, *zoo()))
    found = {(status, codes): count for status, codes, _, count in reader.counted(run).reasons("cn-2026")}
    assert found[IN, ("above-threshold",)] == 2
    assert found[IN, ("above-threshold", "gated")] == 1
    assert found[OPEN, ("interval-straddles-threshold",)] == 2
    assert sum(found.values()) == 11


def test_lists_come_most_downloaded_first_and_capped(engine: Engine, reader: Reader) -> None:
    run = reader.run(scanned(engine, *zoo()))
    assert names(reader.top(run, "cn-2026", IN, 2)) == ["in2", "in1"]
    assert names(reader.exempted(run, "cn-2026", 1)) == ["ex2"]
    assert reader.counted(run).exempted("cn-2026") == 2
    (step,) = {step for status, _, step, _ in reader.counted(run).reasons("cn-2026") if status is OPEN}
    found = reader.undecided(run, "cn-2026", 5)
    assert {said: names(models) for said, models in found.items()} == {
        (("interval-straddles-threshold",), step): ["open2", "open"]
    }
    assert [names(models) for models in reader.undecided(run, "cn-2026", 1).values()] == [["open2"]]
    assert reader.undecided(run, "another", 5) == {}


def test_the_nearest_are_near_by_factor_on_either_side(engine: Engine, reader: Reader) -> None:
    counts = {"x2": 2_000_000, "half": 500_001, "above": 1_000_001, "at": 1_000_000, "zero": 0, "far": 9_000_000_000}
    gone = model("gone", 1_000_000, distribution=Distribution.DELETED)
    run = reader.run(scanned(engine, gone, *(model(key, n) for key, n in counts.items()), model("?", counted(1, None))))
    assert names(reader.nearest(run, "cn-2026", 9)) == ["at", "above", "half", "x2", "far"]
    assert names(reader.nearest(run, "cn-2026", 1)) == ["at"]


def test_adapters_that_their_base_would_bring_in(engine: Engine, reader: Reader) -> None:
    def adapter(key: str, base: str | None, low: int = 10, **more: Any) -> Assessment:
        return model(key, low, adapter=True, base_model=base, **more)

    bases = [
        model("large", 5_000_000),
        model("small", 100),
        model("unsure", counted(0, 10**9)),
        model("gone", 5_000_000, distribution=Distribution.DELETED),
        model("vast", 2**63 - 1),
    ]
    adapters = [
        adapter("flips", "owner/large"),
        adapter("flips, however large", "owner/vast"),
        adapter("stays", "owner/small"),
        adapter("sum", "owner/small", 999_950),
        adapter("open", "owner/unsure"),
        adapter("nameless", None),
        adapter("elsewhere", "owner/none"),
        adapter("of-a-gone-one", "owner/gone"),
        adapter("in anyway", "owner/none", 2_000_000),
        adapter("undistributed", "owner/large", distribution=Distribution.DISABLED),
        adapter("exempt", "owner/large", restrictions=restrictions(declared(["CN"]))),
    ]
    run = reader.run(scanned(engine, *bases, *adapters))
    assert reader.adapters(run, "cn-2026", THRESHOLD) == (3, 4)
    assert reader.adapters(reader.run(scanned(engine, selection="--author x")), "cn-2026", THRESHOLD) == (0, 0)


def test_a_base_of_a_name_that_two_had_counts_once(engine: Engine, reader: Reader) -> None:
    gone = model("old", 7, name="owner/base", distribution=Distribution.DELETED)
    base = model("new", 5_000_000, name="owner/base")
    run = reader.run(scanned(engine, gone, base, model("lora", 5, adapter=True, base_model="owner/base")))
    assert reader.adapters(run, "cn-2026", THRESHOLD) == (1, 0)


def test_findings_by_model(engine: Engine, reader: Reader) -> None:
    two = replace(counted(5), findings=(Finding("a", "first"), Finding("b", "second")))
    one = replace(counted(5), findings=(Finding("c", "third"),))
    run = reader.run(
        scanned(engine, model("few", one, downloads=1), model("many", two, downloads=9), model("none", 5, downloads=99))
    )
    assert [(name, finding["code"]) for name, finding in reader.findings(run, 5)] == [
        ("owner/many", "a"),
        ("owner/many", "b"),
        ("owner/few", "c"),
    ]
    assert reader.counted(run).with_findings == 2
    assert len(reader.findings(run, 1)) == 1


# Changes -------------------------------------------------------------------------------------------------------------

Changed = dict[ChangeKind, list[Change]]


def changes(reader: Reader, before: int, after: int, named: int = 10) -> Changed:
    groups = describe_changes(reader, reader.run(before), reader.run(after), CN, named)
    assert [g.kind for g in groups] == [k for k in ChangeKind if k in {g.kind for g in groups}], "in their order"
    assert all(g.count == len(g.models) for g in groups)
    return {group.kind: list(group.models) for group in groups}


MOVES: list[tuple[str, Assessment, Assessment, dict[ChangeKind, tuple[object, object]]]] = [
    ("nothing", model("a"), model("a", downloads=7), {}),
    (
        "entered by growing",
        model("a", 5),
        model("a", 2_000_000),
        {
            ChangeKind.ENTERED_SCOPE: ("out_of_scope", "in_scope"),
            ChangeKind.CROSSED_THRESHOLD: (5, 2_000_000),
        },
    ),
    (
        "left by a declaration",
        model("a"),
        model("a", 2_000_000, declared(["CN"])),
        {
            ChangeKind.LEFT_SCOPE: ("in_scope", "out_of_scope"),
            ChangeKind.DECLARATION_ADDED: (None, "licence-grant excludes CN"),
        },
    ),
    (
        "entered by dropping one",
        model("a", 2_000_000, declared(["CN", "EU"], ["US"])),
        model("a"),
        {
            ChangeKind.ENTERED_SCOPE: ("out_of_scope", "in_scope"),
            ChangeKind.DECLARATION_REMOVED: ("licence-grant excludes CN, EU and limited to US", None),
        },
    ),
    (
        "a declaration that moves to another kind",
        model("a", 5, declared(["EU"])),
        model("a", 5, declared(["EU"], kind=Kind.GATING, active=False, inherited_from="o/b")),
        {
            ChangeKind.DECLARATION_ADDED: (None, "gating excludes EU, inactive, from o/b"),
            ChangeKind.DECLARATION_REMOVED: ("licence-grant excludes EU", None),
        },
    ),
    ("a reworded one is the same", model("a", 5, declared(["EU"])), model("a", 5, declared(["EU"], quote="new")), {}),
    (
        "became undecided",
        model("a", 5),
        model("a", counted(5, None)),
        {ChangeKind.BECAME_UNDECIDED: ("out_of_scope", "undecided")},
    ),
    (
        "settled",
        model("a", counted(5, None)),
        model("a", 5),
        {ChangeKind.SETTLED: ("undecided", "out_of_scope")},
    ),
    ("gated", model("a", 5), model("a", 5, gated="auto"), {ChangeKind.GATE_CHANGED: ("not gated", "auto")}),
    ("opened", model("a", 5, gated="auto"), model("a", 5), {ChangeKind.GATE_CHANGED: ("auto", "not gated")}),
    (
        "deleted",
        model("a"),
        model("a", distribution=Distribution.DELETED),
        {
            ChangeKind.LEFT_SCOPE: ("in_scope", "out_of_scope"),
            ChangeKind.NOT_DISTRIBUTED: ("public", "deleted"),
        },
    ),
    (
        "back again",
        model("a", distribution=Distribution.DISABLED),
        model("a"),
        {ChangeKind.ENTERED_SCOPE: ("out_of_scope", "in_scope")},
    ),
    (
        "renamed",
        model("a", 5, name="old/name"),
        model("a", 5, name="new/name"),
        {ChangeKind.RENAMED: ("old/name", "new/name")},
    ),
]


@pytest.mark.parametrize(("before", "after", "expected"), [m[1:] for m in MOVES], ids=[m[0] for m in MOVES])
def test_what_changed_between_two_runs(
    engine: Engine,
    reader: Reader,
    before: Assessment,
    after: Assessment,
    expected: dict[ChangeKind, tuple[object, object]],
) -> None:
    still = model("still", 5)
    scanned(engine, before, still)
    scanned(engine, after, still)
    found = changes(reader, 1, 2)
    assert {kind: (c.before, c.after) for kind, (c,) in found.items()} == expected
    assert {c.model for group in found.values() for c in group} <= {after.name}
    assert changes(reader, 2, 2) == {}


def test_new_models_are_told_apart(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a"))
    scanned(engine, model("a"), model("b", downloads=4), model("c", downloads=40))
    assert changes(reader, 1, 2) == {
        ChangeKind.NEW: [Change("owner/c", downloads=40), Change("owner/b", downloads=4)],
    }


def test_changes_over_several_runs_are_the_net_difference(engine: Engine, reader: Reader) -> None:
    for parameters in (5, 2_000_000, 5):
        scanned(engine, model("a", parameters))
    assert set(changes(reader, 1, 2)) == {ChangeKind.ENTERED_SCOPE, ChangeKind.CROSSED_THRESHOLD}
    assert changes(reader, 1, 3) == {}
    assert set(changes(reader, 2, 3)) == {ChangeKind.LEFT_SCOPE, ChangeKind.CROSSED_THRESHOLD}


def test_the_cause_of_a_move_is_its_deciding_reason(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a"))
    scanned(engine, model("a", 2_000_000, declared(limited_to=["US"])))
    (change,) = changes(reader, 1, 2)[ChangeKind.LEFT_SCOPE]
    assert change.cause == "excluded-by-implication"


def test_a_verdict_moves_without_the_model_where_the_rule_changed(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a", 5))
    scanned(engine, model("a", 5, rules=[regulation(threshold={"parameters": 1})]))
    (change,) = changes(reader, 1, 2)[ChangeKind.ENTERED_SCOPE]
    assert (change.model, change.before, change.after) == ("owner/a", "out_of_scope", "in_scope")


def test_many_changes_are_counted_and_the_most_downloaded_named(engine: Engine, reader: Reader) -> None:
    scanned(engine, *(model(f"{n:04}", 5, downloads=n) for n in range(1_100)))
    scanned(engine, *(model(f"{n:04}", 2_000_000, downloads=n) for n in range(1_100)))
    groups = describe_changes(reader, reader.run(1), reader.run(2), CN, 3)
    assert [(g.kind, g.count) for g in groups] == [
        (ChangeKind.ENTERED_SCOPE, 1_100),
        (ChangeKind.CROSSED_THRESHOLD, 1_100),
    ]
    assert [c.downloads for c in groups[0].models] == [1_099, 1_098, 1_097]


def test_changes_of_a_selection_are_about_its_models(engine: Engine, reader: Reader) -> None:
    scanned(engine, model("a", 5), selection="--author x")
    scanned(engine, model("a", 5), model("b", 5))
    scanned(engine, model("a", 5), model("b", 2_000_000))
    scanned(engine, model("a", 2_000_000), selection="--author x")
    found = changes(reader, 1, 4)
    assert [c.model for c in found[ChangeKind.ENTERED_SCOPE]] == ["owner/a"]
    assert ChangeKind.NEW not in found


# Against a simpler telling of the same -------------------------------------------------------------------------------

LOOKS = st.dictionaries(
    st.sampled_from("abcd"),
    st.sampled_from([5, 1_000_000, 2_000_000, None]).map(lambda n: counted(0, None) if n is None else counted(n)),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["--all", "--author x", "--top 2"]), LOOKS, st.booleans()), max_size=7))
def test_any_history_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[str, dict[str, Any], bool]]
) -> None:
    """Every finished run of part of the source reads as what it saw; a sweep as what was known and seen later."""
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('any') / 'hubscope.db'}")
    reader = Reader(engine)
    seen: dict[int, dict[str, tuple[str, int]]] = {}
    for selection, looks, twice in runs:
        store = Store(engine)
        run_id = begin(store, selection)
        if twice:  # a first look that the second one corrects
            store.save(run_id, Batch(judged=[model(key, counted(3, 10**9)) for key in looks]))
        models = {key: model(key, estimate) for key, estimate in looks.items()}
        store.save(run_id, Batch(judged=list(models.values())))
        end(store, run_id)
        seen[run_id] = {k: (str(m.verdicts[0].status), m.estimate.low if m.estimate else 0) for k, m in models.items()}
    for number, expected in seen.items():
        run = reader.run(number)
        found = {
            a.key: (str(a.verdicts[0].status), a.estimate.low if a.estimate else 0) for a in reader.assessments(run)
        }
        if run.sweep:
            assert {key: found[key] for key in expected} == expected
            later = {key for n, looks in seen.items() if n >= number for key in looks}
            earlier = {key for n, looks in seen.items() if n <= number for key in looks}
            assert set(found) == later & earlier
        else:
            assert found == expected
        assert sum(g.models for g in reader.groups(run, "cn-2026")) == len(found)
    engine.dispose()


def test_rows_do_not_repeat_themselves(engine: Engine) -> None:
    """Neighbouring rows of history differ, and hold without a gap or an overlap."""
    for parameters in (5, 5, 2_000_000, 2_000_000, 5):
        scanned(engine, model("a", parameters, observed_at=MOMENT + timedelta(parameters % 7)))
    with engine.connect() as connection:
        past = connection.exec_driver_sql("SELECT since_run, until_run, low FROM past_observation ORDER BY 1").all()
        now = connection.exec_driver_sql("SELECT since_run, low FROM model").all()
    assert [tuple(row) for row in past] == [(1, 3, 5), (3, 5, 2_000_000)]
    assert [tuple(row) for row in now] == [(5, 5)]
