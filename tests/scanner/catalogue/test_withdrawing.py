"""A run whose word cannot be believed: afterwards readers see what they saw before it, and its rows are kept apart."""

from typing import Any

import pytest
from sqlalchemy import Engine, select

from scanner.catalogue.coding import key_bytes
from scanner.catalogue.core import DECLARATION, MEMBER, MODEL, PAST_JUDGEMENT, PAST_OBSERVATION
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, Conditions, RunState, Store, Work
from scanner.scope import Distribution
from tests.scanner.making import MOMENT, begin, counted, declared, end, model

NEWER = "f" * 40


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def read(engine: Engine, number: int | None = None) -> list[Any]:
    reader = Reader(engine)
    return sorted(reader.assessments(reader.run(number)), key=lambda a: a.key)


def columns(engine: Engine, table: Any, *names: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(select(*(table.c[name] for name in names)))
        return sorted(map(tuple, rows))


def believed(store: Store, selection: str = "--all") -> int:
    """A run that saw four models."""
    run_id = begin(store, selection)
    models = [model("a", 5, declared(["CN"], quote="old")), model("b"), model("c"), model("d", counted(0, 10**9))]
    store.save(run_id, Batch(judged=models, listed=dict.fromkeys("abcd", 1)))
    return end(store, run_id)


def empties(store: Store, selection: str = "--all") -> int:
    """A run that sees everything otherwise, and a model that nobody else has seen."""
    run_id = begin(store, selection)
    models = [
        model("a", counted(0, 10**9), declared(["EU"], quote="new"), revision=NEWER, name="owner/renamed"),
        model("b", counted(0, 10**9)),
        model("d", 3_000_000),
        model("e", 7, declared(["KR"], quote="only here")),
    ]
    pending = [Work("b", 5, True, False, b"x"), Work("c", 5, True, False, b"x")]
    batch = Batch(judged=models, seen=[model("c")], pending=pending, listed=dict.fromkeys("abcde", 2))
    store.save(run_id, batch)
    again = [model("d", counted(0, 10**9)), model("b", counted(1, 10**9))]
    looked = [("b", Conditions("00" * 8, "11" * 8))]
    store.save(run_id, Batch(judged=again, looked=looked, listed=dict.fromkeys("bd", 3)))
    return run_id


@pytest.mark.parametrize("selection", ["--all", "--author a"])
def test_every_reader_sees_what_was_seen_before(engine: Engine, store: Store, selection: str) -> None:
    first = believed(store, selection)
    before, members = read(engine, first), columns(engine, MEMBER, *(column.name for column in MEMBER.c))
    second = empties(store, selection)
    assert read(engine, second) != before
    store.withdraw(second, detail="too much is gone", finished_at=MOMENT)
    assert read(engine, first) == before
    assert read(engine, None) == before
    assert columns(engine, MEMBER, *(column.name for column in MEMBER.c)) == members
    run = Reader(engine).run(second)
    assert (run.state, run.detail, run.finished_at) == (RunState.SUSPECT, "too much is gone", MOMENT)
    assert set(store.known("abcde")) == set("abcd"), "what only it has seen is not known"
    assert store.known(["a"])["a"].assessment().name == "owner/a"
    assert store.resumable(endpoint="https://hub.example", selection=selection, since=MOMENT) is None
    last = store.last_of_series(run)
    assert last is not None
    assert last.id == first


def test_what_it_wrote_is_kept_apart(engine: Engine, store: Store) -> None:
    believed(store)
    second = empties(store)
    store.withdraw(second, detail="x")
    held = columns(engine, PAST_OBSERVATION, "model_key", "since_run", "until_run", "name", "high")
    assert held == [
        ("a", second, second, "owner/renamed", 10**9),
        ("b", second, second, "owner/b", 10**9),
        ("e", second, second, "owner/e", 7),
    ]
    said = columns(engine, PAST_JUDGEMENT, "model_key", "since_run", "until_run")
    assert said == [(key, second, second) for key in "abe"]
    words = columns(engine, DECLARATION, "model_key", "since_run", "quote")
    assert words == [("a", 1, "old"), ("a", second, "new"), ("e", second, "only here")]


def test_the_next_run_decides_anew(engine: Engine, store: Store) -> None:
    believed(store)
    second = empties(store)
    store.withdraw(second, detail="x")
    standing = store.standing([key_bytes(key) for key in "abcde"])
    marks = {key: standing[key_bytes(key)].listed for key in "abcde"}
    assert set(marks.values()) == {None}
    assert store.known(["b"])["b"].looked == Conditions()
    assert store.pending(second, 9) == [], "what it noted rests on what it saw"
    third = begin(store)
    store.save(third, Batch(judged=[model("a", 6), model("b"), model("e", 8)]))
    end(store, third)
    assert columns(engine, MODEL, "key", "first_run", "since_run") == [
        ("a", 1, third),
        ("b", 1, 1),
        ("c", 1, 1),
        ("d", 1, 1),
        ("e", third, third),
    ]
    held = columns(engine, PAST_OBSERVATION, "model_key", "since_run", "until_run")
    assert held == [("a", 1, third), *((key, second, second) for key in "abe")]
    assert {a.key: a.estimate.low for a in read(engine, third)} == {"a": 6, "b": 2_000_000, "e": 8}


def test_a_first_run_that_cannot_be_believed_leaves_nothing_that_is_known(engine: Engine, store: Store) -> None:
    run_id = believed(store)
    store.withdraw(run_id, detail="x")
    assert store.known("abcd") == {}
    assert columns(engine, MODEL, "since_run", "judgement", "profile") == [(None, None, None)] * 4
    later = begin(store)
    assert store.unseen(later, "huggingface", 9) == []
    assert store.coverage(later, "huggingface") == (0, 0)


def test_history_before_it_stays(engine: Engine, store: Store) -> None:
    for parameters in (5, 6):
        run_id = begin(store)
        store.save(run_id, Batch(judged=[model("a", parameters)]))
        end(store, run_id)
    second = begin(store)
    store.save(second, Batch(judged=[model("a", 6, distribution=Distribution.DELETED)]))
    store.withdraw(second, detail="x")
    held = columns(engine, PAST_OBSERVATION, "model_key", "since_run", "until_run", "low")
    assert held == [("a", 1, 2, 5), ("a", 3, 3, 6)]
    assert columns(engine, MODEL, "since_run", "low") == [(2, 6)]
    assert columns(engine, PAST_JUDGEMENT, "since_run", "until_run") == [(3, 3)]
