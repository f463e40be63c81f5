"""The models of a run as light rows, in each of the databases."""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Engine

from scanner.catalogue.frame import FrameRow, frame_rows, is_latest, texts_pending
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, Conditions, Store, Work
from scanner.scope import Distribution
from tests.scanner.making import CN, SHA, again, begin, counted, end, model, regulation, scanned

THRESHOLD = 1_000_000


def rows(engine: Engine, number: int, *regulations: str) -> dict[str, FrameRow]:
    run = Reader(engine).run(number)
    latest = is_latest(engine, run)
    found = list(frame_rows(engine, run, regulations or ("cn-2026",), [THRESHOLD], latest=latest))
    assert len({row.key for row in found}) == len(found)
    return {row.key: row for row in found}


def test_a_row_says_what_the_run_knew(engine: Engine) -> None:
    born = datetime(2023, 12, 31, 23, 59, tzinfo=UTC)
    straddling = counted(0, None, point=7_000_000)
    number = scanned(
        engine,
        model("a", straddling, created_at=born, downloads=2**40, base_model="o/base", adapter=True),
        model("b", 5, distribution=Distribution.DISABLED),
        model("c"),
    )
    found = rows(engine, number)
    assert found["a"] == FrameRow(
        "a", "owner/a", 2**40, 2023, "combined", True, "o/base", None, 7_000_000, True, False,
        (("undecided", "undecided"),),
    )  # fmt: skip
    assert not found["b"].public
    assert (found["c"].year, found["c"].statuses) == (None, (("in_scope", "in_scope"),))


def test_verdicts_of_several_regulations_come_in_their_order_and_none_where_there_is_none(engine: Engine) -> None:
    strict = regulation(id="other")
    number = scanned(engine, model("a", rules=[CN, strict]), model("b", 5))
    found = rows(engine, number, "other", "cn-2026")
    assert found["a"].statuses == (("in_scope", "in_scope"),) * 2
    assert found["b"].statuses == ((None, None), ("out_of_scope", "out_of_scope"))


def test_an_undecided_model_was_looked_at_if_it_was_under_these_conditions(engine: Engine) -> None:
    store = Store(engine)
    number = begin(store)
    open_ = [model(key, counted(0, None)) for key in ("seen", "exactly", "gated", "otherwise", "never")]
    mark = Conditions.of(SHA, False, [THRESHOLD], exact=False).count
    looked = [
        ("seen", Conditions(count=mark)),
        ("exactly", Conditions(count=Conditions.of(SHA, False, [THRESHOLD], exact=True).count)),
        ("gated", Conditions(count=Conditions.of(SHA, "auto", [THRESHOLD], exact=False).count)),
        ("otherwise", Conditions(count=Conditions.of(SHA, False, [5], exact=False).count)),
    ]
    open_[2] = again(open_[2], gated="auto")
    store.save(number, Batch(judged=open_, looked=looked))
    end(store, number)
    found = rows(engine, number)
    assert {key for key, row in found.items() if row.looked} == {"seen", "exactly", "gated"}
    later = scanned(engine, model("x"), selection="--author x")
    assert not any(row.looked for row in rows(engine, number).values())  # it may have been looked at since
    assert set(rows(engine, later)) == {"x"}


def test_a_run_keeps_its_rows_when_later_ones_learn_more(engine: Engine) -> None:
    before = model("a", counted(0, None))
    first = scanned(engine, before)
    second = scanned(engine, again(before, estimate=counted(5)))
    assert rows(engine, first)["a"].statuses == (("undecided", "undecided"),)
    assert rows(engine, second)["a"].statuses == (("out_of_scope", "out_of_scope"),)
    assert is_latest(engine, Reader(engine).run(second))
    assert not is_latest(engine, Reader(engine).run(first))


def test_whose_texts_are_still_to_be_read(engine: Engine) -> None:
    store = Store(engine)
    number = begin(store)
    work = Work("a", 1, True, True, b"")
    pending = [work, replace(work, key="b", texts=False)]
    store.save(number, Batch(judged=[model(key) for key in "abc"], pending=pending))
    assert texts_pending(engine, ["a", "b", "c"]) == {"a"}
    assert texts_pending(engine, []) == set()
