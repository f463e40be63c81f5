"""The outbox: a parcel is written whole or not at all, once, and each delivery is begun by one process only."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import IntegrityError

from scanner.catalogue.core import DELIVERY, DIGEST, MARK
from scanner.catalogue.outbox import OUT_OF_DATE, REPEAT, DeliveryState, Outbox, Outdated, Parcel
from scanner.catalogue.store import RunState, Store
from scanner.catalogue.tables import Delivery, Digest, Run
from tests.scanner.making import MOMENT, begin, end

MINUTE = timedelta(minutes=1)
TABLES = (DIGEST, DELIVERY, MARK)
HOSTILE = "\x00 and \ud800 and 🐟 and <!channel>"


class Clock:
    """A clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.moment = MOMENT

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(engine: Engine, clock: Clock) -> Outbox:
    return Outbox(engine, clock)


def finished(outbox: Outbox, selection: str = "--all", state: RunState = RunState.COMPLETE) -> int:
    """A run that came to its end."""
    store = Store(outbox.engine)
    return end(store, begin(store, selection), state)


def digest(run_id: int, number: str = "d") -> Digest:
    return Digest(id=number, run_id=run_id, created_at=MOMENT, report="{}")


def delivery(number: str, **more: Any) -> Delivery:
    values: dict[str, Any] = {
        "audience": "team",
        "channel": "slack",
        "target": "#digests",
        "payload": {"text": number, "blocks": []},
        "state": DeliveryState.WAITING,
        "created_at": MOMENT,
        **more,
    }
    return Delivery(id=number, **values)


def parcel(run_id: int, before: int | None = None) -> Parcel:
    """One of everything."""
    deliveries = [delivery("head", digest_id="d"), delivery("detail", digest_id="d", parent="head", position=1)]
    return Parcel(digest(run_id), deliveries, {"my-org": (before, run_id)})


def contents(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in TABLES
        }


def stored(outbox: Outbox, number: str) -> Delivery:
    found = outbox.delivery(number)
    assert found is not None
    return found


@contextmanager
def told(engine: Engine, then: Any, when: str = "after_cursor_execute") -> Iterator[None]:
    """Calls `then` with each statement."""

    def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
        then(statement)

    event.listen(engine, when, heard)
    try:
        yield
    finally:
        event.remove(engine, when, heard)


# Filling it ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["INSERT INTO digest", "INSERT INTO delivery", "UPDATE mark", "INSERT INTO mark"])
def test_a_parcel_that_breaks_off_anywhere_leaves_nothing(outbox: Outbox, statement: str) -> None:
    earlier, run_id = finished(outbox), finished(outbox)
    outbox.put(Parcel(marks={"my-org": (None, earlier)}))
    before = contents(outbox.engine)
    whole = parcel(run_id, earlier)
    whole = Parcel(whole.digest, whole.deliveries, {**whole.marks, "new": (None, run_id)})

    def fails(found: str) -> None:
        if found.startswith(statement):
            raise RuntimeError(statement)

    with told(outbox.engine, fails), pytest.raises(RuntimeError, match=statement):
        outbox.put(whole)
    assert contents(outbox.engine) == before
    assert outbox.put(whole)
    assert {name: len(rows) for name, rows in contents(outbox.engine).items()} == {
        "digest": 1,
        "delivery": 2,
        "mark": 2,
    }


def test_a_parcel_that_the_database_refuses_leaves_nothing(outbox: Outbox) -> None:
    run_id = finished(outbox)
    before = contents(outbox.engine)
    whole = parcel(run_id)
    for wrong in (
        Parcel(digest(run_id + 1), whole.deliveries, whole.marks),
        Parcel(whole.digest, [*whole.deliveries, delivery("stray", digest_id="another")], whole.marks),
        Parcel(whole.digest, whole.deliveries, {"my-org": (None, run_id + 1)}),
        Parcel(whole.digest, [*whole.deliveries, delivery("head")], whole.marks),
    ):
        with pytest.raises(IntegrityError):
            outbox.put(wrong)
        assert contents(outbox.engine) == before


def test_what_was_put_twice_is_there_once(outbox: Outbox) -> None:
    run_id = finished(outbox)
    assert outbox.put(parcel(run_id))
    outbox.sent(stored(outbox, "head"), {"ts": "1"})
    before = contents(outbox.engine)
    assert not outbox.put(parcel(run_id))
    assert contents(outbox.engine) == before


def test_nothing_of_a_parcel_is_written_where_one_of_its_deliveries_is_there(outbox: Outbox) -> None:
    run_id = finished(outbox)
    assert outbox.put(Parcel(deliveries=[delivery("alarm", audience="alarm")]))
    before = contents(outbox.engine)
    assert not outbox.put(Parcel(digest(run_id), [delivery("new"), delivery("alarm")], {"my-org": (None, run_id)}))
    assert contents(outbox.engine) == before


def test_of_two_processes_that_put_the_same_at_the_same_moment_one_does(outbox: Outbox) -> None:
    """The other one commits after this one has looked; SQLite's own lock keeps it from that."""
    run_id = finished(outbox)
    other, done = Outbox(outbox.engine, outbox.now), list[bool]()

    def faster(statement: str) -> None:
        if statement.startswith("INSERT INTO digest") and not done:
            done.append(False)
            done.append(other.put(parcel(run_id)))

    if outbox.engine.dialect.name == "sqlite":
        assert other.put(parcel(run_id))
    with told(outbox.engine, faster, "before_cursor_execute"):
        assert not outbox.put(parcel(run_id))
    assert [row[0] for row in contents(outbox.engine)["delivery"]] == ["detail", "head"]
    assert outbox.marks() == {"my-org": run_id}


def test_marks_are_moved_on(outbox: Outbox) -> None:
    first, second = finished(outbox), finished(outbox)
    assert outbox.marks() == {}
    assert outbox.put(Parcel(marks={"a": (None, first), "b": (None, first)}))
    assert outbox.put(Parcel(marks={"b": (first, second), "c": (None, second)}))
    assert outbox.marks() == {"a": first, "b": second, "c": second}


@pytest.mark.parametrize(
    "before", [None, 1, 3], ids=["thought new", "thought to be told less", "thought to be told more"]
)
def test_nothing_is_written_where_another_process_moved_a_mark(outbox: Outbox, before: int | None) -> None:
    runs = [finished(outbox) for _ in range(4)]
    assert runs == [1, 2, 3, 4]
    outbox.put(Parcel(marks={"my-org": (None, 2), "other": (None, 2)}))
    there = contents(outbox.engine)
    made = parcel(4, before)
    with pytest.raises(Outdated):
        outbox.put(Parcel(made.digest, made.deliveries, {"other": (2, 4), **made.marks}))
    assert contents(outbox.engine) == there
    assert outbox.put(parcel(4, 2)), "composed anew"
    assert outbox.marks() == {"my-org": 4, "other": 2}


@pytest.mark.parametrize("before", [None, 1], ids=["new", "told before"])
def test_of_two_processes_that_tell_somebody_at_the_same_moment_one_composes_anew(
    outbox: Outbox, before: int | None
) -> None:
    """The other one commits after this one has looked; SQLite's own lock keeps it from that."""
    for _ in range(3):
        finished(outbox)
    if before is not None:
        outbox.put(Parcel(marks={"my-org": (None, before)}))
    other, done = Outbox(outbox.engine, outbox.now), list[bool]()
    theirs = Parcel(digest(3, "of the third"), [], {"my-org": (before, 3)})

    def faster(statement: str) -> None:
        if statement.startswith(("UPDATE mark", "INSERT INTO mark")) and not done:
            done.append(False)
            done.append(other.put(theirs))

    if outbox.engine.dialect.name == "sqlite":
        assert other.put(theirs)
        done.append(True)
    with told(outbox.engine, faster, "before_cursor_execute"), pytest.raises(Outdated):
        outbox.put(parcel(2, before))
    assert done[-1]
    assert outbox.marks() == {"my-org": 3}
    assert [row[0] for row in contents(outbox.engine)["digest"]] == ["of the third"]


def test_any_text_is_kept(outbox: Outbox) -> None:
    made = digest(finished(outbox))
    made.report = HOSTILE
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": HOSTILE}}]
    odd = delivery("odd", subject=HOSTILE, target=f"/reports/{HOSTILE}", payload={"text": HOSTILE, "blocks": blocks})
    assert outbox.put(Parcel(made, [odd]))
    found = stored(outbox, "odd")
    shown = "␀ and ? and 🐟 and <!channel>"
    assert (found.subject, found.target) == (shown, f"/reports/{shown}")
    assert outbox.report("d") == shown
    assert found.payload["text"] == HOSTILE, "JSON can say it; who sends it makes of it what the channel takes"
    assert found.payload["blocks"] == blocks
    outbox.postpone(found, HOSTILE, MOMENT, stops_place=False, begun=True)
    assert stored(outbox, "odd").detail == shown
    outbox.drop(found, HOSTILE)
    assert stored(outbox, "odd").detail == shown
    outbox.sent(found, {"path": HOSTILE})
    assert stored(outbox, "odd").receipt == {"path": HOSTILE}


# What was told -------------------------------------------------------------------------------------------------------


def test_the_digest_of_a_run_is_found(outbox: Outbox) -> None:
    first, second = finished(outbox), finished(outbox)
    outbox.put(Parcel(digest(first)))
    found = outbox.digest_of(first)
    assert found is not None
    assert (found.id, found.report) == ("d", "{}")
    assert outbox.digest_of(second) is None


def run_of(outbox: Outbox, number: int) -> Run:
    with outbox.engine.connect() as connection:
        row = connection.execute(select(Run.__table__).where(Run.__table__.c.id == number)).one()  # type: ignore[attr-defined]  # a table class
    return Run(**row._mapping)


def test_the_last_told_run_is_of_the_same_selection_where_there_is_one_and_earlier(outbox: Outbox) -> None:
    first, second, other, never, last = (
        finished(outbox, selection) for selection in ("--all", "--all", "--top 5", "--all", "--all")
    )
    for number in (first, second, other, last):
        outbox.put(Parcel(digest(number, f"of {number}")))
    assert outbox.last_told(run_of(outbox, first)) is None
    for number in (never, last, other):
        found = outbox.last_told(run_of(outbox, number))
        assert found is not None
        assert found.id == second


def test_what_a_digest_that_was_given_up_had_to_say_belongs_into_the_next(outbox: Outbox) -> None:
    first, lost, now = (finished(outbox) for _ in range(3))
    outbox.put(Parcel(digest(first, "arrived")))
    outbox.put(Parcel(digest(lost, "lost"), [delivery("head", digest_id="lost")]))
    found = outbox.last_told(run_of(outbox, now))
    assert found is not None
    assert found.id == lost  # it waits, and will arrive
    outbox.drop(stored(outbox, "head"), "given up by hand")
    found = outbox.last_told(run_of(outbox, now))
    assert found is not None
    assert found.id == first


def untold(outbox: Outbox) -> int | None:
    found = outbox.untold()
    return None if found is None else found.id


def test_the_latest_finished_run_is_untold_until_it_is_told(outbox: Outbox) -> None:
    assert untold(outbox) is None
    first = finished(outbox)
    second = finished(outbox, state=RunState.INCOMPLETE)
    begin(Store(outbox.engine), "--top 5")
    assert untold(outbox) == second
    outbox.put(Parcel(digest(second)))
    assert untold(outbox) is None, f"run {first} is older, and its news are in the later digest"
    third = finished(outbox)
    assert untold(outbox) == third


def test_what_the_scheduler_made_is_never_untold(outbox: Outbox) -> None:
    """It tells of it itself, or its settings say that nobody is to be told (notify = false)."""
    store = Store(outbox.engine)
    end(store, begin(store, occurrence=1))
    assert untold(outbox) is None
    by_hand = finished(outbox)
    quiet = end(store, begin(store, occurrence=2))
    assert untold(outbox) == by_hand
    outbox.put(Parcel(digest(quiet)))
    assert untold(outbox) is None, "something later was told"


# Emptying it ---------------------------------------------------------------------------------------------------------


def test_what_is_unsent_comes_oldest_first_and_heads_before_their_threads(outbox: Outbox) -> None:
    for number in ("d1", "d2"):
        outbox.put(Parcel(digest(finished(outbox), number)))
    later = MOMENT + MINUTE
    deliveries = [
        delivery("z", digest_id="d1", position=2, parent="y"),
        delivery("y", digest_id="d1", position=1),
        delivery("x", digest_id="d1", position=10, parent="y"),
        delivery("b", digest_id="d2", created_at=later, position=1),
        delivery("a", digest_id="d2", created_at=later, position=2, parent="b"),
        delivery("alarm", audience="alarm", created_at=MOMENT - MINUTE),
    ]
    outbox.put(Parcel(deliveries=deliveries))
    assert [one.id for one in outbox.unsent()] == ["alarm", "y", "z", "x", "b", "a"]


def test_in_one_digest_what_takes_long_comes_last_whoever_it_is_for(outbox: Outbox) -> None:
    outbox.put(Parcel(digest(finished(outbox))))
    deliveries = [
        delivery("table", digest_id="d", position=10_000),
        delivery("head", digest_id="d", position=100),
        delivery("report", digest_id="d", position=0),
        delivery("to-z", digest_id="d", position=1, audience="z-org"),
        delivery("to-a", digest_id="d", position=1, audience="a-org"),
        delivery("another", digest_id="d", position=1, audience="a-org"),
    ]
    outbox.put(Parcel(deliveries=deliveries))
    assert [one.id for one in outbox.unsent()] == ["report", "another", "to-a", "to-z", "head", "table"]


def test_what_may_have_arrived_is_unsent_and_what_was_sent_or_dropped_is_not(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery(number) for number in ("waiting", "sending", "sent", "dropped")]))
    outbox.begin(stored(outbox, "sending"))
    outbox.sent(stored(outbox, "sent"), {})
    outbox.drop(stored(outbox, "dropped"), "too old")
    assert [one.id for one in outbox.unsent()] == ["sending", "waiting"]


def test_a_delivery_from_begin_to_sent(outbox: Outbox, clock: Clock) -> None:
    outbox.put(Parcel(deliveries=[delivery("a")]))
    ours = stored(outbox, "a")
    assert outbox.begin(ours)
    found = stored(outbox, "a")
    assert (found.state, found.attempts, found.tried_at, found.sent_at) == ("sending", 1, MOMENT, None)
    clock.moment += MINUTE
    outbox.postpone(ours, "no answer", MOMENT + 2 * MINUTE, stops_place=True, begun=True)
    found = stored(outbox, "a")
    assert (found.state, found.not_before, found.detail) == ("sending", MOMENT + 2 * MINUTE, "no answer")
    assert (found.attempts, found.stops_place) == (1, True)
    assert outbox.begin(ours)
    assert stored(outbox, "a").tried_at == MOMENT, "it may be there since the first try"
    outbox.sent(ours, {"channel": "C1", "ts": "1.5"})
    found = stored(outbox, "a")
    assert (found.state, found.attempts, found.sent_at) == ("sent", 2, MOMENT + MINUTE)
    assert (found.receipt, found.detail, found.not_before) == ({"channel": "C1", "ts": "1.5"}, "", None)
    assert not found.stops_place


def test_a_try_that_came_to_no_sending_counts_all_the_same(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery("a")]))
    ours = stored(outbox, "a")
    for tries in (1, 2):
        outbox.postpone(ours, "it could not be looked up", MOMENT, stops_place=False, begun=False)
        assert ours.attempts == stored(outbox, "a").attempts == tries
    assert (stored(outbox, "a").state, stored(outbox, "a").tried_at) == ("waiting", None)
    assert outbox.begin(ours), "it is still this process's"


def test_of_two_processes_that_begin_a_delivery_one_does(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery("a")]))
    ours, theirs = stored(outbox, "a"), stored(outbox, "a")
    assert outbox.begin(ours)
    assert not outbox.begin(theirs)
    assert stored(outbox, "a").attempts == 1


def test_what_is_sent_or_dropped_is_not_begun_again(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery("a"), delivery("b")]))
    late = [stored(outbox, number) for number in ("a", "b")]
    outbox.sent(stored(outbox, "a"), {})
    outbox.drop(stored(outbox, "b"), "too old")
    assert [outbox.begin(one) for one in late] == [False, False]
    assert [stored(outbox, number).state for number in ("a", "b")] == ["sent", "dropped"]


def test_a_process_that_slept_does_not_undo_what_another_one_sent(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery("a"), delivery("b")]))
    for number in ("a", "b"):
        asleep = stored(outbox, number)
        outbox.begin(asleep)
        awake = stored(outbox, number)
        outbox.begin(awake)
        outbox.sent(awake, {"ts": "1"})
        if number == "a":
            outbox.postpone(asleep, "no answer", MOMENT, stops_place=True, begun=True)
        else:
            assert not outbox.drop(asleep, "too old")
        assert stored(outbox, number) == awake


def test_a_process_that_slept_does_not_undo_what_another_one_is_sending(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery("a")]))
    asleep = stored(outbox, "a")
    outbox.begin(stored(outbox, "a"))
    outbox.postpone(asleep, "not sent", MOMENT, stops_place=True, begun=False)
    assert stored(outbox, "a").state == "sending", "it may have arrived, which this one does not know"


# Out of date ---------------------------------------------------------------------------------------------------------


def test_what_was_dropped_for_its_age_can_wait_again(outbox: Outbox, clock: Clock) -> None:
    outbox.put(Parcel(deliveries=[delivery("alarm", audience="alarm")]))
    ours = stored(outbox, "alarm")
    outbox.begin(ours)
    outbox.postpone(ours, "token_revoked", MOMENT + MINUTE, stops_place=True, begun=True)
    assert not outbox.revive("alarm"), "it waits already"
    assert outbox.drop(ours, OUT_OF_DATE)
    clock.moment += timedelta(days=3)
    assert outbox.revive("alarm")
    (found,) = outbox.unsent()
    assert (found.state, found.created_at, found.attempts) == ("waiting", clock.moment, 0)
    assert (found.tried_at, found.not_before, found.detail, found.stops_place) == (None, None, "", False)
    assert not outbox.revive("alarm")


def test_what_was_given_up_by_hand_or_was_sent_does_not_come_back(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery("dropped"), delivery("sent")]))
    assert outbox.drop(stored(outbox, "dropped"), "given up by hand")
    outbox.sent(stored(outbox, "sent"), {})
    before = contents(outbox.engine)
    assert [outbox.revive(number) for number in ("dropped", "sent", "never there")] == [False] * 3
    assert contents(outbox.engine) == before


# Another place -------------------------------------------------------------------------------------------------------


def test_what_waits_goes_where_its_audience_is_told_now(outbox: Outbox) -> None:
    whole = [
        delivery("head"),
        delivery("detail", parent="head"),
        delivery("sent"),
        delivery("its-detail", parent="sent"),
        delivery("alarm", audience="alarm"),
        delivery("file", channel="file", target="/reports/x.html"),
    ]
    outbox.put(Parcel(deliveries=whole))
    outbox.begin(stored(outbox, "head"))
    outbox.postpone(stored(outbox, "head"), "no answer", MOMENT + MINUTE, stops_place=True, begun=True)
    outbox.sent(stored(outbox, "sent"), {"channel": "C1", "ts": "1"})
    outbox.retarget("team", "slack", "#new")
    targets = {one.id: stored(outbox, one.id).target for one in whole}
    assert targets == {
        "head": "#new",
        "detail": "#new",
        "sent": "#digests",
        "its-detail": "#digests",
        "alarm": "#digests",
        "file": "/reports/x.html",
    }
    head = stored(outbox, "head")
    assert (head.state, head.tried_at, head.not_before) == ("waiting", None, None), "it was never tried there"
    assert not head.stops_place, "what stopped the old place says nothing of the new one"
    assert head.payload == {"text": "head", "blocks": [], REPEAT: True}, "it may have arrived at the old place"
    assert stored(outbox, "detail").payload == {"text": "detail", "blocks": []}, "it was never tried anywhere"
    before = contents(outbox.engine)
    outbox.retarget("team", "slack", "#new")
    assert contents(outbox.engine) == before
    outbox.retarget("team", "slack", "#newer")
    assert REPEAT in stored(outbox, "head").payload, "and still may have"


def test_what_another_process_took_up_meanwhile_stays_where_it_is(outbox: Outbox) -> None:
    outbox.put(Parcel(deliveries=[delivery("a"), delivery("b"), delivery("c")]))
    outbox.begin(stored(outbox, "c"))
    begun = list[bool]()

    def faster(statement: str) -> None:
        if statement.startswith("SELECT delivery") and not begun:
            begun.append(False)
            begun.append(outbox.begin(stored(outbox, "a")) and outbox.begin(stored(outbox, "c")))

    with told(outbox.engine, faster):
        outbox.retarget("team", "slack", "#new")
    assert begun[-1]
    assert {one.id: (one.target, one.state) for one in outbox.unsent()} == {
        "a": ("#digests", "sending"),
        "b": ("#new", "waiting"),
        "c": ("#digests", "sending"),
    }


def test_a_delivery_that_is_not_there_is_none(outbox: Outbox) -> None:
    assert outbox.delivery("a") is None
