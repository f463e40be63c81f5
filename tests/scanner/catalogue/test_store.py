"""Writing: a batch is all or nothing, and a row of history is added only where something that matters changed."""

import multiprocessing
import os
import re
import signal
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text
from sqlalchemy.exc import IntegrityError

from estimators.interface import Basis, Estimate, Evidence, Finding
from scanner.catalogue.core import (
    BLOB,
    DECLARATION,
    JUDGEMENT,
    MEMBER,
    MODEL,
    PAST_JUDGEMENT,
    PAST_OBSERVATION,
    PENDING,
    PROBLEM,
    PROFILE,
    RUN,
)
from scanner.catalogue.database import only_writer, open_database
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, RunState, Store, Work, resume_limit
from scanner.counting import Learned
from scanner.errors import UsageError
from scanner.restrictions.interface import LICENCE_DIFFERS, Kind, Place, Status
from scanner.restrictions.interface import Finding as LimitFinding
from scanner.scope import Distribution, VerdictStatus
from tests.scanner.making import CN, MOMENT, SHA, again, begin, counted, declared, end, model, regulation, restrictions

NEWER = "f" * 40


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def rows(engine: Engine, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    wanted = [table.c[name] for name in columns] if columns else [table]
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*wanted).order_by(*table.primary_key))]


def history(engine: Engine, what: str = "low") -> list[tuple[Any, ...]]:
    """What was and is known of models, and from when to when."""
    past = rows(engine, PAST_OBSERVATION, "model_key", "since_run", "until_run", what)
    return sorted([*past, *((k, s, None, w) for k, s, w in rows(engine, MODEL, "key", "since_run", what))], key=by_run)


def verdicts(engine: Engine, what: str = "status", regulation: str = CN.id) -> list[tuple[Any, ...]]:
    """The same of what a regulation said of them."""
    said = {row[0]: row[1] for row in rows(engine, JUDGEMENT, "id", what, "regulation") if row[2] == regulation}
    past = rows(engine, PAST_JUDGEMENT, "model_key", "since_run", "until_run", "judgement")
    now = ((key, since, None, number) for key, since, number in rows(engine, MODEL, "key", "judged_since", "judgement"))
    return sorted([(key, since, until, said[number]) for key, since, until, number in (*past, *now)], key=by_run)


def by_run(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]


def save(store: Store, run_id: int, *judged: Any, **batch: Any) -> None:
    store.save(run_id, Batch(judged=list(judged), **batch))


# All or nothing ------------------------------------------------------------------------------------------------------

TABLES = (MODEL, PROFILE, JUDGEMENT, DECLARATION, PENDING, BLOB, PROBLEM, MEMBER)
HISTORY = (PAST_OBSERVATION, PAST_JUDGEMENT)


def everything(engine: Engine) -> dict[str, Any]:
    return {table.name: rows(engine, table) for table in (*TABLES, *HISTORY, RUN)}


def full_batch(**run: Any) -> Batch:
    return Batch(
        judged=[model("a", 5, declared(["CN"])), model("b")],
        pending=[Work("a", 7, True, False, b"x")],
        learned=[Learned("d" * 64, 10, counted(3))],
        problems=[("b", "bad-row", "no id")],
        run={"cursor": "next", **run},
    )


@pytest.mark.parametrize("table", [*(t.name for t in TABLES), "run"])
def test_a_batch_that_breaks_off_anywhere_leaves_nothing(engine: Engine, store: Store, table: str) -> None:
    run_id = begin(store, "--author a")
    before = everything(engine)

    def fails(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith((f"INSERT INTO {table} ", f"UPDATE {table} ")):
            raise RuntimeError(table)

    event.listen(engine, "after_cursor_execute", fails)
    with pytest.raises(RuntimeError, match=table):
        store.save(run_id, full_batch())
    event.remove(engine, "after_cursor_execute", fails)
    assert everything(engine) == before
    store.save(run_id, full_batch())
    after = everything(engine)
    assert all(after[table.name] for table in TABLES)
    assert rows(engine, RUN, "cursor") == [("next",)]


def test_a_batch_that_the_database_refuses_leaves_nothing(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    before = everything(engine)
    with pytest.raises(IntegrityError):
        store.save(run_id, replace_pending(full_batch()))
    assert everything(engine) == before


def replace_pending(batch: Batch) -> Batch:
    """Work that says nothing."""
    nothing: Any = None
    batch.pending = [Work("a", 1, True, True, nothing)]
    return batch


def saves_forever(url: str, started: Any) -> None:
    engine = open_database(url)
    store = Store(engine)
    run_id = begin(store)
    for page in range(10_000):
        judged = [model(f"{page}-{number}", 5, declared(["CN"])) for number in range(50)]
        store.save(run_id, Batch(judged=judged, run={"cursor": str(page), "listed": 50 * (page + 1)}))
        started.set()


def test_a_kill_in_the_middle_leaves_whole_pages(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    url = f"sqlite:///{tmp_path / 'hubscope.db'}"
    process = context.Process(daemon=True, target=saves_forever, args=(url, started))
    process.start()
    assert started.wait(60)
    time.sleep(0.3)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with sqlite3.connect(tmp_path / "hubscope.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    engine = open_database(url)
    (listed,) = rows(engine, RUN, "listed")[0]
    for table in (MODEL, DECLARATION):
        assert len(rows(engine, table)) == listed > 0
    run = Store(engine).resumable(endpoint="https://hub.example", selection="--all", since=MOMENT)
    assert run is not None
    engine.dispose()


# History -------------------------------------------------------------------------------------------------------------


def test_a_run_without_changes_adds_no_row_and_brings_figures_up_to_date(engine: Engine, store: Store) -> None:
    save(store, end(store, begin(store)), model("a", downloads=5, likes=1))
    before = everything(engine)
    second = begin(store)
    later = MOMENT + timedelta(days=7)
    save(store, second, model("a", downloads=9, likes=2, revision=NEWER, observed_at=later, last_modified=later))
    after = everything(engine)
    for table in (*HISTORY, PROFILE, JUDGEMENT):
        assert after[table.name] == before[table.name]
    columns = ("downloads", "likes", "sha", "last_modified", "first_run", "last_run")
    assert rows(engine, MODEL, *columns) == [(9, 2, NEWER, later, 1, second)]


CHANGES: list[dict[str, Any]] = [
    {"estimate": counted(3_000_000)},
    {"estimate": counted(2_000_000, basis=Basis.SAFETENSORS_HEADER)},
    {"estimate": replace(counted(2_000_000), exact=False)},
    {"estimate": replace(counted(2_000_000), stored_elements=1)},
    {"estimate": replace(counted(2_000_000), buffers=1)},
    {"estimate": replace(counted(2_000_000), components={"unet": 1})},
    {"estimate": replace(counted(2_000_000), findings=(Finding("a", "b"),))},
    {"name": "owner/renamed"},
    {"distribution": Distribution.DISABLED},
    {"gated": "manual"},
    {"adapter": True},
    {"base_model": "owner/base"},
    {"license": "mit"},
    {"declared_total": 5},
    {"declared_sum": 5},
    {"restrictions": restrictions(declared(["CN"]))},
    {"restrictions": restrictions(status=Status.NONE_IN_METADATA)},
    {"restrictions": restrictions(read=[Place.METADATA])},
    {"restrictions": replace(restrictions(), country_asked=True)},
    {"restrictions": replace(restrictions(), findings=(LimitFinding(LICENCE_DIFFERS, "the text limits nothing"),))},
]


@pytest.mark.parametrize("change", CHANGES, ids=[next(iter(c)) for c in CHANGES])
def test_what_matters_gets_a_row(engine: Engine, store: Store, change: dict[str, Any]) -> None:
    first, second = model("a"), again(model("a"), **change)
    save(store, end(store, begin(store)), first)
    save(store, begin(store), second)
    assert [row[:3] for row in history(engine)] == [("a", 1, 2), ("a", 2, None)]


@pytest.mark.parametrize(
    "change",
    [
        {"revision": NEWER},
        {"downloads": 1},
        {"likes": 1},
        {"observed_at": MOMENT + timedelta(1)},
        {"last_modified": MOMENT},
        {"estimate": replace(counted(2_000_000), evidence=(Evidence(Basis.NONE, None, 0, None, None, requests=3),))},
    ],
)
def test_what_does_not_matter_gets_none(engine: Engine, store: Store, change: dict[str, Any]) -> None:
    save(store, end(store, begin(store)), model("a"))
    save(store, begin(store), again(model("a"), **change))
    assert history(engine) == [("a", 1, None, 2_000_000)]


def test_a_reworded_declaration_is_a_change_and_the_older_words_stay(engine: Engine, store: Store) -> None:
    save(store, end(store, begin(store)), model("a", 5, declared(["CN"], quote="old")))
    save(store, begin(store), model("a", 5, declared(["CN"], quote="new")))
    assert rows(engine, DECLARATION, "model_key", "since_run", "quote") == [("a", 1, "old"), ("a", 2, "new")]


def test_within_one_run_the_newest_look_replaces_the_one_before(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, model("a", counted(0, 10**9), declared(["EU"])))
    assert verdicts(engine) == [("a", run_id, None, "undecided")]
    save(store, run_id, model("a", 7, declared(["CN"])))
    assert history(engine) == [("a", run_id, None, 7)]
    assert verdicts(engine) == [("a", run_id, None, "out_of_scope")]
    assert rows(engine, DECLARATION, "excluded") == [(["CN"],)]


def test_within_one_run_a_second_look_of_the_same_outcome_tells_how_it_came_about(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, model("a", 7))
    look = Evidence(Basis.SAFETENSORS_HEADER, "model.safetensors", 7, 7, 7, 1, 32_768, "read")
    save(store, run_id, model("a", replace(counted(7), evidence=(look,)), revision=NEWER))
    assert history(engine) == [("a", run_id, None, 7)]
    found = store.known(["a"])["a"].assessment()
    assert found.estimate is not None
    assert (found.revision, found.estimate.evidence) == (NEWER, (look,))


def test_a_look_that_ends_where_things_stood_leaves_no_trace(engine: Engine, store: Store) -> None:
    settled = model("a", 7, declared(["CN"]))
    save(store, end(store, begin(store)), settled)
    before = everything(engine)
    kept = rows(engine, MODEL, *(column.name for column in MODEL.c if column.name not in ("last_run", "listed")))
    second = begin(store)
    save(store, second, model("a", counted(0, 10**9)))
    assert history(engine) == [("a", 1, second, 7), ("a", second, None, 0)]
    save(store, second, settled)
    after = everything(engine)
    columns = [column.name for column in MODEL.c if column.name not in ("last_run", "listed")]
    assert rows(engine, MODEL, *columns) == kept
    for name in ("past_observation", "past_judgement", "declaration"):
        assert after[name] == before[name]


def test_a_third_look_may_still_differ(engine: Engine, store: Store) -> None:
    save(store, end(store, begin(store)), model("a", 7))
    second = begin(store)
    for parameters in (counted(0, 10**9), counted(7), counted(8_000_000)):
        save(store, second, model("a", parameters))
    assert history(engine) == [("a", 1, second, 7), ("a", second, None, 8_000_000)]
    assert verdicts(engine) == [
        ("a", 1, second, "out_of_scope"),
        ("a", second, None, "in_scope"),
    ]


def test_the_history_of_verdicts(engine: Engine, store: Store) -> None:
    for parameters in (2_000_000, 3_000_000, 5, 5, 2_000_000):
        save(store, end(store, begin(store)), model("a", parameters))
    assert verdicts(engine) == [
        ("a", 1, 3, "in_scope"),
        ("a", 3, 5, "out_of_scope"),
        ("a", 5, None, "in_scope"),
    ]
    reader = Reader(engine)
    margins = [next(reader.assessments(reader.run(number))).verdicts[0].margin for number in range(1, 6)]
    assert margins == [2.0, 3.0, 5e-06, 5e-06, 2.0], "a margin follows the number"


def test_each_regulation_has_a_history_of_its_own(engine: Engine, store: Store) -> None:
    low = regulation(id="low", threshold={"parameters": 1})
    save(store, end(store, begin(store)), model("a", 7, rules=[CN, low]))
    save(store, end(store, begin(store)), model("a", 2_000_000, rules=[CN, low]))
    assert verdicts(engine) == [("a", 1, 2, "out_of_scope"), ("a", 2, None, "in_scope")]
    assert verdicts(engine, regulation="low") == [("a", 1, 2, "in_scope"), ("a", 2, None, "in_scope")]


def test_a_regulation_that_is_not_applied_for_once_keeps_its_answer(engine: Engine, store: Store) -> None:
    low = regulation(id="low", threshold={"parameters": 1})
    save(store, end(store, begin(store)), model("a", 7, rules=[CN, low]))
    save(store, end(store, begin(store)), model("a", 2_000_000, rules=[CN]))
    assert verdicts(engine, regulation="low") == [("a", 1, 2, "in_scope"), ("a", 2, None, "in_scope")]


def test_other_advice_is_no_other_verdict(engine: Engine, store: Store) -> None:
    save(store, end(store, begin(store)), model("a", counted(0, 10**9)))
    look = replace(counted(0, 10**9), evidence=(Evidence(Basis.GGUF_HEADER, "a", 0, None, 10**9, requests=1),))
    save(store, begin(store), model("a", look))
    assert [row[:3] for row in verdicts(engine)] == [("a", 1, None)]
    (steps,) = {row[3] for row in verdicts(engine, "next_step")}
    assert "what the files say of their tensors leaves it open" in steps


def test_numbers_of_profiles_and_judgements_go_on_after_a_restart(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, model("a"), model("b"))
    other = Store(engine)
    save(other, run_id, model("c", 5, license="x", gated="auto"))
    save(store, run_id, model("d", 5, license="x", adapter=True), model("e", 5, gated="auto"))
    found = {
        a.name: (a.gated, a.adapter, a.verdicts[0].status) for a in Reader(engine).assessments(Reader(engine).run(1))
    }
    assert found == {
        "owner/a": (False, False, VerdictStatus.IN_SCOPE),
        "owner/b": (False, False, VerdictStatus.IN_SCOPE),
        "owner/c": ("auto", False, VerdictStatus.OUT_OF_SCOPE),
        "owner/d": (False, True, VerdictStatus.OUT_OF_SCOPE),
        "owner/e": ("auto", False, VerdictStatus.OUT_OF_SCOPE),
    }
    assert [len(rows(engine, table)) for table in (PROFILE, JUDGEMENT)] == [3, 3]


def test_a_model_twice_in_a_batch_counts_once(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, model("a", 5), model("a", 6), seen=[model("a", 7)])
    assert history(engine) == [("a", run_id, None, 6)]


def test_seen_models_keep_their_assessment_and_their_revision(engine: Engine, store: Store) -> None:
    save(store, end(store, begin(store)), model("a", 5, downloads=1))
    second = begin(store)
    store.save(second, Batch(seen=[model("a", 9_000_000, downloads=3, revision=NEWER)]))
    assert history(engine) == [("a", 1, None, 5)]
    assert rows(engine, MODEL, "downloads", "sha", "last_run") == [(3, SHA, second)]


def test_a_renamed_model_had_its_old_name_before(engine: Engine, store: Store) -> None:
    save(store, end(store, begin(store)), model("a", 5, declared(["CN"])), model("b"))
    second = begin(store)
    seen = [model("a", 9_000_000, name="owner/new", revision=NEWER)]
    store.save(second, Batch(seen=seen, judged=[model("b", name="owner/other")]))
    store.save(second, Batch(seen=seen))
    assert history(engine, "name") == [
        ("a", 1, 2, "owner/a"),
        ("a", 2, None, "owner/new"),
        ("b", 1, 2, "owner/b"),
        ("b", 2, None, "owner/other"),
    ]
    assert [row[3] for row in history(engine) if row[0] == "a"] == [5, 5]
    assert rows(engine, DECLARATION, "model_key", "since_run") == [("a", 1), ("a", 2)], "its words stand on both sides"
    assert store.named(["owner/new", "owner/a"], "huggingface") == {"owner/new": "a"}


# What hostile repositories put in ------------------------------------------------------------------------------------


def test_texts_that_no_database_takes_are_made_printable(engine: Engine, store: Store) -> None:
    bad = "a\ud800b\x00c"
    hostile = model(
        "a",
        replace(
            counted(7),
            findings=(Finding("x", bad),),
            components={bad: 1},
            evidence=(Evidence(Basis.NONE, bad, 0, None, None, note=bad),),
        ),
        declared(["EU"], quote=bad, file=bad, inherited_from=bad),
        name=bad,
        license=bad,
        base_model=bad,
    )
    run_id = begin(store)
    save(store, run_id, hostile, problems=[(bad, "bad-row", bad)])
    store.write_run(run_id, detail=bad)
    good = "a?b\N{SYMBOL FOR NULL}c"
    assert rows(engine, MODEL, "name", "license", "base_model") == [(good, good, good)]
    assert rows(engine, DECLARATION, "quote", "file", "inherited_from") == [(good, good, good)]
    assert rows(engine, PROBLEM, "subject", "message") == [(good, good)]
    assert rows(engine, RUN, "detail") == [(good,)]
    save(store, begin(store), hostile)
    assert rows(engine, PAST_OBSERVATION) == [], "and compare equal next time"


def test_work_comes_back_whatever_it_is(store: Store) -> None:
    hostile = b"a\xed\xa0\x80b\x00c?%s:x\\'\""
    run_id = begin(store)
    save(store, run_id, model("a"), pending=[Work("a", 1, True, True, hostile)])
    assert [work.work for work in store.pending(run_id, 1)] == [hostile]


def test_counts_beyond_a_database_integer(engine: Engine, store: Store) -> None:
    huge = Estimate(
        10**30, 10**31, 10**30, Basis.COMBINED, exact=True, stored_elements=10**30, components={"a": 10**30}
    )
    save(store, begin(store), model("a", huge, declared_total=10**30, declared_sum=2**63 - 1))
    found = Store(engine).known(["a"])["a"].assessment()
    assert found.estimate is not None
    assert (found.estimate.low, found.estimate.point, found.estimate.high) == (2**63 - 1, None, None)
    assert not found.estimate.exact
    assert (found.declared_total, found.declared_sum) == (None, 2**63 - 1)


def test_an_assessment_comes_back_as_it_went_in(engine: Engine, store: Store) -> None:
    look = Evidence(Basis.FILE_SIZE, "a.bin", 1, None, 9, 2, 32_768, "by size")
    whole = model(
        "a",
        Estimate(7, 9, 8, Basis.COMBINED, False, 11, 3, {"unet": 8}, (look,), (Finding("copies-disagree", "1 and 2"),)),
        declared(["EU", "GB"], ["US"], kind=Kind.GATING, active=False, start=None, end=None, inherited_from="o/b"),
        declared(["KR"], quote="二"),
        gated="auto",
        adapter=True,
        base_model="owner/base",
        license="other",
        declared_total=12,
        declared_sum=13,
        created_at=MOMENT - timedelta(days=900),
        last_modified=MOMENT,
        downloads=2**40,
        likes=2**40,
    )
    save(store, begin(store), whole)
    assert store.known(["a"])["a"].assessment() == replace(whole, verdicts=())


# Runs ----------------------------------------------------------------------------------------------------------------


def resumable(store: Store, hours: float = 48, **more: Any) -> int | None:
    wanted = {"endpoint": "https://hub.example", "selection": "--all", "since": resume_limit(MOMENT, hours), **more}
    run = store.resumable(**wanted)
    return None if run is None else run.id


def test_an_unfinished_run_of_the_same_selection_is_gone_on_with(store: Store) -> None:
    assert resumable(store) is None
    run_id = begin(store, cursor="0|/api/models", cursor_at=MOMENT - timedelta(hours=47))
    assert resumable(store) == run_id
    assert resumable(store, 46) is None, "its last page is too old"
    assert resumable(store, selection="--top 5") is None
    assert resumable(store, endpoint="https://other.example") is None
    end(store, run_id, RunState.INTERRUPTED)
    assert resumable(store) == run_id
    end(store, run_id)
    assert resumable(store) is None


def test_the_last_page_counts_and_not_the_start(store: Store) -> None:
    run_id = begin(store, started_at=MOMENT - timedelta(days=9))
    assert resumable(store) is None
    store.save(run_id, Batch(run={"cursor": "x", "cursor_at": MOMENT}))
    assert resumable(store) == run_id


def test_a_new_run_abandons_unfinished_ones(engine: Engine, store: Store) -> None:
    begin(store)
    end(store, begin(store))
    begin(store, "--top 5")
    assert rows(engine, RUN, "state") == [("abandoned",), ("complete",), ("running",)]


def test_runs_of_one_selection_are_a_series(engine: Engine, store: Store) -> None:
    for selection in ("--all", "--top 5", "--all", "--top 5"):
        end(store, begin(store, selection))
    end(store, begin(store, "--all", endpoint="https://other.example"))
    assert rows(engine, RUN, "series") == [(1,), (2,), (1,), (2,), (5,)]


def test_the_key_behind_a_name(store: Store) -> None:
    gone = model("old", 5, name="owner/name", distribution=Distribution.DELETED)
    save(store, end(store, begin(store)), gone, model("b"))
    save(store, begin(store), model("new", 5, name="owner/name"))
    assert store.named(["owner/name", "owner/b", "owner/none"], "huggingface") == {
        "owner/name": "new",
        "owner/b": "b",
    }
    assert store.named(["owner/b"], "modelscope") == {}


# Pending reads and blobs ---------------------------------------------------------------------------------------------


def work(key: str, downloads: int, **more: Any) -> Work:
    return Work(key, downloads, **{"count": True, "texts": False, "work": key.encode(), **more})


def pending_keys(works: Sequence[Work]) -> list[str]:
    return [item.key for item in works]


def test_pending_reads_come_most_downloaded_first_and_go_on(store: Store) -> None:
    run_id = begin(store)
    downloads = {"a": 5, "b": 2**40, "c": 5, "d": 0, "e": 5}
    save(store, run_id, *(model(k) for k in downloads), pending=[work(k, n) for k, n in downloads.items()])
    everything_in_order = pending_keys(store.pending(run_id, 10))
    assert everything_in_order[0] == "b"
    assert sorted(everything_in_order[1:4]) == ["a", "c", "e"]
    assert everything_in_order[4] == "d"
    found: list[Work] = []
    for _ in range(4):
        found += store.pending(run_id, 2, after=found[-1] if found else None)
    assert pending_keys(found) == everything_in_order
    assert found[0] == work("b", 2**40)
    assert store.pending(run_id + 1, 10) == []


def test_pending_reads_are_replaced_and_done(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, model("a"), model("b"), pending=[work("a", 1), work("b", 1)])
    assert set(store.known(["a", "b", "c"])) == {"a", "b"}
    store.save(run_id, Batch(pending=[work("a", 1, count=False, texts=True)], done=["a", "b"]))
    assert [(w.key, w.count, w.texts) for w in store.pending(run_id, 9)] == [("a", False, True)]
    later = begin(store)
    store.save(later, Batch(pending=[work("a", 1), work("a", 2)]))
    assert store.pending(run_id, 9) == []
    assert rows(engine, PENDING, "run_id", "downloads") == [(later, 2)]


def test_known_tells_what_is_current(store: Store) -> None:
    end(store, begin(store))
    second = begin(store)
    save(store, second, model("a", 5, declared(["CN"])))
    known = store.known(["a"])["a"]
    assert (known.sha, known.last_run) == (SHA, second)
    assert known.assessment().restrictions.items == (declared(["CN"]),)
    assert store.known([]) == {}


def test_known_takes_more_keys_than_a_statement(store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, *(model(f"{n:05}", 5) for n in range(1_200)))
    assert len(store.known(f"{n:05}" for n in range(2_500))) == 1_200
    save(store, run_id, *(model(f"{n:05}", 6) for n in range(1_200)), done=[f"{n:05}" for n in range(1_200)])


def test_a_file_is_remembered_by_its_digest(engine: Engine, store: Store) -> None:
    look = Evidence(Basis.SAFETENSORS_HEADER, "a", 7, 7, 7, 1, 32_768, "x")
    estimate = Estimate(7, 7, 7, Basis.SAFETENSORS_HEADER, True, 8, 0, {"": 7}, (look,), (Finding("a", "b"),))
    run_id = begin(store)
    store.save(run_id, Batch(learned=[Learned("d" * 64, 99, counted(3)), Learned("d" * 64, 99, estimate)]))
    assert store.remembered("d" * 64) == estimate
    assert store.remembered("e" * 64) is None
    store.save(run_id, Batch(learned=[Learned("d" * 64, 99, counted(4))]))
    assert store.remembered("d" * 64) == counted(4)
    with engine.begin() as connection:
        connection.execute(BLOB.update().values(estimate=b"\x91\xa4many"))
    assert store.remembered("d" * 64) is None, "written by another version: read it again"


# What a sweep did not show -------------------------------------------------------------------------------------------


def test_the_unseen_are_those_that_this_endpoint_showed_before(store: Store) -> None:
    elsewhere = begin(store, endpoint="https://other.example")
    save(store, end(store, elsewhere), model("other"))
    gone = model("gone", distribution=Distribution.DELETED)
    save(store, end(store, begin(store)), model("a"), model("b"), gone, model("c", distribution=Distribution.DISABLED))
    run_id = begin(store)
    save(store, run_id, model("a"))
    assert store.unseen(run_id, "huggingface", 9) == [("b", "owner/b"), ("c", "owner/c")]
    assert store.unseen(run_id, "huggingface", 1) == [("b", "owner/b")]
    assert store.unseen(run_id, "modelscope", 9) == []


# One writer ----------------------------------------------------------------------------------------------------------


def holds(url: str, ready: Any) -> None:
    engine = open_database(url)
    with only_writer(engine):
        ready.set()
        time.sleep(600)


def test_a_second_scan_is_refused_and_a_kill_gives_the_right_back(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    path = tmp_path / "hubscope.db"
    engine = open_database(f"sqlite:///{path}")
    process = context.Process(daemon=True, target=holds, args=(f"sqlite:///{path}", ready))
    process.start()
    assert ready.wait(60)
    with pytest.raises(UsageError, match="another scan is writing") as caught, only_writer(engine):
        pass
    assert caught.value.exit_code == 2
    link = tmp_path / "link.db"
    link.symlink_to(path)
    linked = open_database(f"sqlite:///{link}")
    with pytest.raises(UsageError, match="another scan"), only_writer(linked):
        pass
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with only_writer(engine):
        pass
    linked.dispose()
    engine.dispose()


def test_the_right_is_given_back_after_an_error(engine: Engine) -> None:
    with pytest.raises(RuntimeError), only_writer(engine):
        raise RuntimeError
    with only_writer(engine), pytest.raises(UsageError, match="another scan"), only_writer(engine):
        pass


def test_a_reader_sees_whole_pages_while_a_scan_writes(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, model("a"))
    reader = Reader(engine)
    seen: list[int] = []

    def look(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("INSERT INTO model "):
            seen.append(reader.count(reader.run(run_id)))

    event.listen(engine, "after_cursor_execute", look)
    save(store, run_id, model("b"), model("c"))
    event.remove(engine, "after_cursor_execute", look)
    assert seen == [1]
    assert reader.count(reader.run(run_id)) == 3
    assert [a.verdicts[0].status for a in reader.assessments(reader.run(run_id))] == [VerdictStatus.IN_SCOPE] * 3


# How statements find their rows --------------------------------------------------------------------------------------


def test_writing_a_page_scans_no_table(engine: Engine, store: Store) -> None:
    """With three million models a scan of a table a page would never end."""
    run_id = begin(store, "--author a")
    page = full_batch()
    save(store, end(store, run_id), *page.judged, pending=page.pending)
    run_id = begin(store, "--author a")
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    event.listen(engine, "before_cursor_execute", note)
    replacing = Batch(
        judged=[model("a", 9_000_000, declared(["EU"])), model("b", 5)],
        done=["b"],
        pending=page.pending,
        learned=page.learned,
        problems=page.problems,
        run={"cursor": "x"},
    )
    store.save(run_id, replacing)
    store.save(run_id, full_batch())
    store.known(["a", "b"])
    store.pending(run_id, 5, after=work("a", 7))
    store.remembered("d" * 64)
    event.remove(engine, "before_cursor_execute", note)
    scans = []
    with engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith(("BEGIN", "PRAGMA")):
                continue
            sorts = "FROM pending_read" in statement  # a sort of what waits would cost as much at every step
            unwanted = ("SCAN", "SEQ SCAN", "TEMP B-TREE", "SORT") if sorts else ("SCAN", "SEQ SCAN")
            steps = plan(connection, statement, parameters)
            scans += [(step, statement) for step in steps if step.startswith(unwanted)]
    assert {statement.split()[0] for statement, _ in asked} >= {"SELECT", "INSERT", "UPDATE", "DELETE"}
    few = re.compile(r"(SEQ )?SCAN (ON )?(RUN|CONSTANT ROW)\b")
    assert [scan for scan in scans if not few.match(scan[0])] == []


def plan(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """The steps by which the database would carry a statement out."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [row.detail.upper().removeprefix("USE ") for row in rows]
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # which is faster in tables as small as these
    connection.exec_driver_sql("SET LOCAL enable_sort = off")
    rows = connection.exec_driver_sql(f"EXPLAIN (COSTS off) {statement}", parameters)
    return [row[0].upper().lstrip(" ->") for row in rows]


def test_the_tables_are_of_the_size_that_was_planned(engine: Engine, store: Store) -> None:
    """A model that does not change costs its rows once."""
    for _ in range(3):
        save(store, end(store, begin(store)), *(model(f"{n}", 5) for n in range(20)))
    with engine.connect() as connection:
        counts = {t.name: connection.execute(select(func.count()).select_from(t)).scalar() for t in (*TABLES, *HISTORY)}
        assert connection.execute(text("SELECT count(*) FROM run")).scalar() == 3
    assert {name: count for name, count in counts.items() if count} == {"model": 20, "profile": 1, "judgement": 1}
