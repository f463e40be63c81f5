"""A page of the listing: models that are new as the listing decides them, and those of which it says nothing new."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, inspect, select

from estimators.interface import Basis, Estimate, Evidence
from scanner.catalogue import bulk
from scanner.catalogue.coding import key_bytes
from scanner.catalogue.core import JUDGEMENT, MEMBER, MODEL, PENDING, PROFILE
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, Conditions, Standing, Store, Work
from scanner.catalogue.tables import Run
from scanner.listed import Listed, Profile, Ruling
from scanner.restrictions.interface import Place, Restrictions, Status
from scanner.scope import Distribution, VerdictStatus
from tests.scanner.making import MOMENT, SHA, begin, end, model

PLAIN = Profile("hub-safetensors", True, "public", None, False, "none-in-metadata", ("metadata",), False)
ABOVE = (Ruling("cn-2026", "in_scope", "in_scope", "above-threshold,card-not-read", "read", 10**6, 10**6, True),)
BELOW = (Ruling("cn-2026", "out_of_scope", "out_of_scope", "not-above-threshold", None, 10**6, 10**6, True),)
FIRST = "65f0a1b2c3d4e5f6a7b8c9d0"
MARK = 2**62


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


def listed(key: str = FIRST, parameters: int = 2_000_000, **more: Any) -> Listed:
    row = Listed(
        key=key_bytes(key),
        name=f"owner/{key}",
        source="huggingface",
        created_at=1_700_000_000,
        last_modified=None,
        sha=bytes.fromhex(SHA),
        downloads=5,
        likes=1,
        listed=MARK,
        profile=PLAIN,
        base_model=None,
        license="mit",
        low=parameters,
        point=parameters,
        high=parameters,
        stored_elements=None,
        buffers=None,
        declared_total=parameters,
        declared_sum=parameters,
        rulings=ABOVE if parameters > 10**6 else BELOW,
    )
    return row._replace(**more)


def save(store: Store, run_id: int, *new: Listed, **more: Any) -> None:
    store.save(run_id, Batch(new=list(new), moment=MOMENT, **more))


def column(engine: Engine, name: str, table: Any = MODEL) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(table.c[name]).order_by(*table.primary_key)).scalars())


def test_a_listed_model_is_known_like_any_other(store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, listed(base_model="owner/base"))
    known = store.known([FIRST])[FIRST]
    found = known.assessment()
    assert (found.name, found.source, found.revision) == (f"owner/{FIRST}", "huggingface", SHA)
    assert (found.observed_at, found.downloads, found.likes) == (MOMENT, 5, 1)
    assert (found.license, found.base_model, found.declared_total) == ("mit", "owner/base", 2_000_000)
    look = Evidence(Basis.HUB_SAFETENSORS, None, 2_000_000, 2_000_000, 2_000_000, note="declared in the listing")
    assert found.estimate == Estimate(
        2_000_000, 2_000_000, 2_000_000, Basis.HUB_SAFETENSORS, exact=True, evidence=(look,)
    )
    assert found.restrictions == Restrictions(Status.NONE_IN_METADATA, (Place.METADATA,))
    reader = Reader(store.engine)
    (read,) = reader.assessments(reader.run(run_id))
    assert [(v.status, v.margin, v.next_step) for v in read.verdicts] == [(VerdictStatus.IN_SCOPE, 2.0, "read")]


def test_the_columns_of_a_new_row_are_those_of_the_table() -> None:
    later = {"count_looked", "texts_looked", "detail"}  # what nobody has looked at
    assert {*bulk.NEW_COLUMNS, *bulk.RUN_COLUMNS, *later} == {c.name for c in MODEL.c}
    assert Listed._fields[:19] == bulk.NEW_COLUMNS[:19]


def test_how_models_stand(store: Store) -> None:
    first = begin(store)
    keys = [f"{number:024x}" for number in range(2_500)]
    save(store, first, *(listed(key) for key in keys))
    end(store, first)
    second = begin(store)
    store.save(second, Batch(same=[(9, 2, key_bytes(keys[0]))], judged=[model(keys[1])]))
    found = store.standing([key_bytes(key) for key in [*keys, "none"]])
    assert len(found) == 2_500
    assert found[key_bytes(keys[0])] == Standing(MARK, second)
    assert found[key_bytes(keys[1])] == Standing(None, second), "judged anew: the listing must say so again"
    assert found[key_bytes(keys[2])] == Standing(MARK, first)
    assert store.standing([]) == {}


def test_what_is_the_same_costs_no_row_and_moves_figures_alone(engine: Engine, store: Store) -> None:
    first = begin(store)
    save(store, first, listed(), listed("b", 5))
    end(store, first)
    before = store.known([FIRST])[FIRST].assessment()
    second = begin(store)
    store.save(second, Batch(same=[(2**40, 7, key_bytes(FIRST))]))
    after = store.known([FIRST])[FIRST].assessment()
    assert (after.downloads, after.likes) == (2**40, 7)
    assert after.estimate == before.estimate
    assert column(engine, "last_run") == [first, second]  # "b" is the shorter key
    assert column(engine, "since_run") == [first, first]


def test_kinds_are_stored_once(engine: Engine, store: Store) -> None:
    run_id = begin(store)
    alike = Profile("hub-safetensors", True, "public", None, False, "none-in-metadata", ("metadata",), False)
    save(store, run_id, listed("a"), listed("b", profile=alike), listed("c", 5))
    save(Store(engine), run_id, listed("d"), listed("e", profile=PLAIN, rulings=(*ABOVE, *BELOW)[:1]))
    assert len(column(engine, "id", PROFILE)) == 1
    assert len(column(engine, "id", JUDGEMENT)) == 2


def test_numbers_that_were_given_in_a_page_that_broke_off_are_given_again(engine: Engine, store: Store) -> None:
    run_id = begin(store)

    def fails(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("INSERT INTO model "):
            raise RuntimeError

    event.listen(engine, "after_cursor_execute", fails)
    with pytest.raises(RuntimeError):
        save(store, run_id, listed())
    event.remove(engine, "after_cursor_execute", fails)
    assert column(engine, "id", PROFILE) == []
    save(store, run_id, listed("b", 5), listed())
    reader = Reader(engine)
    found = {a.key: a.verdicts[0].status for a in reader.assessments(reader.run(run_id))}
    assert found == {FIRST: VerdictStatus.IN_SCOPE, "b": VerdictStatus.OUT_OF_SCOPE}


def test_of_a_row_that_is_repeated_the_later_one_counts(engine: Engine, store: Store) -> None:
    save(store, begin(store), listed("a", 5), listed("a", 6))
    assert column(engine, "low") == [6]


def test_names_that_no_database_takes_are_made_printable(engine: Engine, store: Store) -> None:
    bad = "a\ud800b\x00c"
    save(store, begin(store), listed("a", name=bad, license=bad, base_model=bad))
    for name in ("name", "license", "base_model"):
        assert column(engine, name) == ["a?b\N{SYMBOL FOR NULL}c"]


def test_a_look_that_comes_out_as_listed_is_no_change(engine: Engine, store: Store) -> None:
    save(store, end(store, begin(store)), listed())
    second = begin(store)
    known = store.known([FIRST])[FIRST].assessment()
    store.save(second, Batch(judged=[known]))
    assert column(engine, "since_run") == [1]


def test_a_part_covers_what_it_listed_however_it_was_taken(engine: Engine, store: Store) -> None:
    first = begin(store, "--author a")
    save(store, first, listed("a"), listed("b"), judged=[model("c")])
    end(store, first)
    second = begin(store, "--author a")
    store.save(second, Batch(same=[(1, 1, key_bytes("a"))], seen=[model("c")]))
    store.save(second, Batch(same=[(1, 1, key_bytes("a"))]))
    with engine.connect() as connection:
        found = connection.execute(select(MEMBER.c.model_key, MEMBER.c.since_run, MEMBER.c.last_run)).all()
    assert sorted(map(tuple, found)) == [("a", first, second), ("b", first, first), ("c", first, second)]
    end(store, second)
    third = begin(store, "--author a")
    store.save(third, Batch(same=[(1, 1, key_bytes("b"))]))
    assert [row[:3] for row in members(engine) if row[0] == "b"] == [("b", first, first), ("b", third, third)]


def members(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(select(MEMBER.c.model_key, MEMBER.c.since_run, MEMBER.c.last_run))
        return sorted(map(tuple, rows))


def test_a_sweep_and_what_brings_it_up_to_date_need_no_list_of_their_models(engine: Engine, store: Store) -> None:
    sweep = begin(store)
    save(store, sweep, listed("a"))
    end(store, sweep)
    changes = begin(store, sweep=False, base=sweep)
    save(store, changes, listed("b"), same=[(1, 1, key_bytes("a"))])
    assert members(engine) == []


# Fingerprints --------------------------------------------------------------------------------------------------------


def work(key: str, **more: Any) -> Work:
    return Work(key, 1, **{"count": True, "texts": False, "work": b"w", "listed": 77, **more})


def fingerprint(store: Store, key: str) -> int | None:
    return store.standing([key_bytes(key)])[key_bytes(key)].listed


LOOKED = Conditions("00" * 8, None)


def test_what_is_still_to_be_looked_at_gets_its_fingerprint_with_the_last_look(store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, listed("a", listed=None), listed("b", listed=None), pending=[work("a"), work("b", texts=True)])
    assert store.pending(run_id, 1)[0].listed == 77
    store.save(run_id, Batch(judged=[model("a"), model("b")], looked=[("a", LOOKED), ("b", LOOKED)], done=["a"],
                             pending=[work("b", count=False, texts=True)]))  # fmt: skip
    assert (fingerprint(store, "a"), fingerprint(store, "b")) == (77, None)
    store.save(run_id, Batch(judged=[model("b")], looked=[("b", Conditions(None, "11" * 8))], done=["b"]))
    assert fingerprint(store, "b") == 77


def test_a_look_that_failed_for_now_leaves_no_fingerprint(store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, listed("a", listed=None), pending=[work("a")])
    store.save(run_id, Batch(judged=[model("a")]))
    assert fingerprint(store, "a") is None


def test_a_look_that_nothing_in_the_listing_asked_for_leaves_the_fingerprint(store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, listed("a"))
    store.save(run_id, Batch(judged=[model("a")], looked=[("a", LOOKED)], done=["a"]))
    assert fingerprint(store, "a") == MARK


def test_a_judged_model_gets_the_fingerprint_that_is_given(store: Store) -> None:
    run_id = begin(store)
    save(store, run_id, listed("a"), listed("b"), listed("c"))
    given = {"a": -5, "c": 6}
    store.save(run_id, Batch(judged=[model("a"), model("b")], seen=[model("c")], listed=given))
    assert [fingerprint(store, key) for key in "abc"] == [-5, None, 6]


# Runs and what is pending --------------------------------------------------------------------------------------------


def test_a_run_that_lists_changes_reads_what_the_series_left(engine: Engine, store: Store) -> None:
    sweep = begin(store)
    save(store, sweep, listed("a", listed=None), pending=[work("a")])
    end(store, sweep)
    other = begin(store, "--author a")
    save(store, other, listed("b", listed=None), pending=[work("b")])
    end(store, other)
    last = store.run(sweep)
    changes = begin(store, sweep=False, base=sweep)
    assert [w.key for w in store.pending(changes, 9)] == []
    assert [w.key for w in store.pending(sweep, 9)] == ["a"]
    store.begin(Run(**store.run(changes).model_dump(exclude={"id"})), after=last)
    assert column(engine, "run_id", PENDING) == [changes + 1, changes + 1], "also what another selection left"


def test_the_runs_before_one(store: Store) -> None:
    sweep = end(store, begin(store))
    end(store, begin(store, "--author a"))
    changes = end(store, begin(store, sweep=False, base=sweep))
    end(store, begin(store, deep="rescope", series=1))
    now = store.run(begin(store))
    last, before = store.last_of_series(now), store.before(store.run(changes))
    assert last is not None
    assert before is not None
    assert (last.id, before.id) == (changes, sweep)
    assert store.before(store.run(sweep)) is None
    assert store.listed_before(now.id or 0) == store.run(sweep).listed


def test_works_whose_count_is_open_come_without_the_others(store: Store) -> None:
    run_id = begin(store)
    works = [work("a", count=False, texts=True), work("b", texts=True), work("c")]
    save(store, run_id, *(listed(w.key, listed=None) for w in works), pending=works)
    assert store.open_counts(run_id) == 2
    assert store.open_counts(run_id + 1) == 0
    (first,) = store.pending(run_id, 1, texts=False)
    (second,) = store.pending(run_id, 9, texts=False, after=first)
    assert {first.key, second.key} == {"b", "c"}
    assert len(store.pending(run_id, 9)) == 3


def test_how_much_of_what_was_known_is_covered(store: Store) -> None:
    gone = model("gone", distribution=Distribution.DELETED)
    first = begin(store)
    save(store, first, *(listed(key) for key in "abc"), judged=[gone])
    end(store, first)
    second = begin(store)
    save(store, second, listed("new"), same=[(1, 1, key_bytes("a"))], seen=[model("b", name="owner/b")])
    assert store.coverage(second, "huggingface") == (3, 1)
    assert store.unseen(second, "huggingface", 9) == [("c", "owner/c")]
    assert store.coverage(second, "modelscope") == (0, 0)


def test_names_get_their_index_when_the_first_run_has_ended(sqlite_engine: Engine) -> None:
    store = Store(sqlite_engine)
    run_id = begin(store)
    save(store, run_id, listed("a"))
    store.ended()
    assert inspect(sqlite_engine).get_indexes("model") == [], "it was only interrupted"
    end(store, run_id)
    for _ in range(2):
        store.ended()
        assert [index["name"] for index in inspect(sqlite_engine).get_indexes("model")] == ["ix_model_name"]
    log = Path(f"{sqlite_engine.url.database}-wal")
    assert log.stat().st_size == 0
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_the_log_does_not_grow_with_the_listing(sqlite_engine: Engine) -> None:
    store = Store(sqlite_engine)
    run_id = begin(store)
    log = Path(f"{sqlite_engine.url.database}-wal")
    largest = 0
    for page in range(60):
        keys = [f"{page * 1000 + number:024x}" for number in range(1000)]
        save(store, run_id, *(listed(key) for key in keys))
        largest = max(largest, log.stat().st_size)
    assert largest < 5_000_000 < Path(str(sqlite_engine.url.database)).stat().st_size
