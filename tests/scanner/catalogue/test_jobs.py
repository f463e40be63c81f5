"""What the scheduler keeps: since when a job is known, what became of each time it was due, and when it succeeded."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from scanner.catalogue.core import JOB, OCCURRENCE
from scanner.catalogue.jobs import CLOCK_TOLERANCE, Jobs, OccurrenceState
from scanner.catalogue.outbox import DeliveryState, Outbox, Parcel
from scanner.catalogue.store import RunState, Store
from scanner.catalogue.tables import Delivery, Digest, Occurrence
from tests.scanner.making import MOMENT, begin, end

HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
MOMENTLY = timedelta(microseconds=1)
CRON = ("0 7 * * 1", "Europe/Berlin")


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
def jobs(engine: Engine, clock: Clock) -> Jobs:
    return Jobs(engine, clock)


@pytest.fixture
def weekly(jobs: Jobs) -> Jobs:
    jobs.register("weekly", *CRON)
    return jobs


def states(jobs: Jobs) -> list[tuple[datetime, str]]:
    with jobs.engine.connect() as connection:
        statement = select(OCCURRENCE.c.due_at, OCCURRENCE.c.state).order_by(OCCURRENCE.c.due_at)
        return [(row.due_at, row.state) for row in connection.execute(statement)]


# Jobs ----------------------------------------------------------------------------------------------------------------


def test_a_new_job_is_known_from_now_on(jobs: Jobs) -> None:
    assert jobs.known("weekly", *CRON) is None
    assert jobs.register("weekly", *CRON) == MOMENT
    assert jobs.known("weekly", *CRON) == MOMENT
    assert jobs.known("daily", *CRON) is None


def test_a_job_that_is_as_it_was_stays_known_since_then(weekly: Jobs, clock: Clock) -> None:
    clock.moment += WEEK
    assert weekly.register("weekly", *CRON) == MOMENT
    assert weekly.known("weekly", *CRON) == MOMENT


@pytest.mark.parametrize("changed", [("0 8 * * 1", "Europe/Berlin"), ("0 7 * * 1", "UTC")])
def test_a_job_that_is_due_at_other_times_starts_anew(weekly: Jobs, clock: Clock, changed: tuple[str, str]) -> None:
    assert weekly.known("weekly", *changed) is None
    clock.moment += WEEK
    assert weekly.register("weekly", *changed) == MOMENT + WEEK
    clock.moment += WEEK
    assert weekly.register("weekly", *changed) == MOMENT + WEEK


def test_two_schedulers_with_different_settings_do_not_reset_each_other(engine: Engine, clock: Clock) -> None:
    """They share a catalogue, and each one looks at its jobs once a minute."""
    other = ("0 8 * * 1", "Europe/Berlin")
    ours, theirs = Jobs(engine, clock), Jobs(engine, clock)
    assert ours.register("weekly", *CRON) == MOMENT
    clock.moment += HOUR
    assert theirs.register("weekly", *other) == MOMENT + HOUR
    for _ in range(3):
        clock.moment += HOUR
        assert ours.register("weekly", *CRON) == ours.known("weekly", *CRON) == MOMENT
        assert theirs.register("weekly", *other) == theirs.known("weekly", *other) == MOMENT + HOUR


def test_two_schedulers_that_meet_a_job_at_the_same_moment_agree(engine: Engine, clock: Clock) -> None:
    """The second one has looked, and writes the row while the first is about to, or right after it."""
    first, second = Jobs(engine, clock), Jobs(engine, lambda: MOMENT + HOUR / 60)
    entered: list[datetime] = []
    looked = threading.Event()

    def faster(*arguments: object) -> None:
        if str(arguments[2]).startswith("SELECT job") and entered:
            looked.set()
        if str(arguments[2]).startswith("UPDATE job") and not entered:  # no row was there
            entered.append(MOMENT)
            if engine.dialect.name == "sqlite":  # has one writer at a time: the other one waits
                other = threading.Thread(target=second.register, args=("weekly", *CRON))
                others.append(other)
                other.start()
                assert looked.wait(10)
            else:
                entered.append(second.register("weekly", *CRON))

    others: list[threading.Thread] = []
    event.listen(engine, "after_cursor_execute", faster)
    since = first.register("weekly", *CRON)
    event.remove(engine, "after_cursor_execute", faster)
    for other in others:
        other.join()
    assert since == first.known("weekly", *CRON) == second.register("weekly", *CRON)
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(JOB)).scalar() == 1


def test_looking_at_a_job_that_did_not_change_waits_for_no_writer(weekly: Jobs) -> None:
    store = Store(weekly.engine)
    with store.engine.execution_options(hubscope_writing=True).begin() as connection:
        connection.execute(JOB.update().values(since=MOMENT - WEEK))  # not committed; others see what was there before
        assert weekly.register("weekly", *CRON) == MOMENT
        connection.rollback()


# Occurrences ---------------------------------------------------------------------------------------------------------


def test_an_occurrence_from_its_begin_to_its_end(weekly: Jobs, clock: Clock) -> None:
    assert weekly.latest("weekly") is weekly.unfinished("weekly") is weekly.last_done("weekly") is None
    begun = weekly.begin("weekly", MOMENT)
    assert (begun.state, begun.attempts, begun.started_at, begun.finished_at) == ("running", 1, MOMENT, None)
    assert weekly.unfinished("weekly") == weekly.latest("weekly") == begun
    clock.moment += HOUR
    weekly.end(begun, "3 requests were not answered")
    assert weekly.unfinished("weekly") is None
    done = weekly.latest("weekly")
    assert done == weekly.last_done("weekly") == begun
    assert done is not None
    assert (done.state, done.finished_at, done.detail) == ("done", MOMENT + HOUR, "3 requests were not answered")


def test_a_failed_occurrence_is_begun_again_as_the_same_one(weekly: Jobs, clock: Clock) -> None:
    first = weekly.begin("weekly", MOMENT)
    weekly.fail(first, "the Hub did not answer", MOMENT + HOUR)
    failed = weekly.unfinished("weekly")
    assert failed is not None
    assert (failed.state, failed.next_try_at, failed.detail) == ("failed", MOMENT + HOUR, "the Hub did not answer")
    clock.moment += HOUR
    second = weekly.begin("weekly", MOMENT)
    assert (second.id, second.state, second.attempts, second.next_try_at) == (first.id, "running", 2, None)
    assert second.started_at == MOMENT, "it began with its first try"
    weekly.end(second)
    assert states(weekly) == [(MOMENT, "done")]
    done = weekly.latest("weekly")
    assert done is not None
    assert done.detail == "", "what went wrong before is no news any more"


def test_an_occurrence_that_was_killed_is_begun_again_as_the_same_one(weekly: Jobs) -> None:
    killed = weekly.begin("weekly", MOMENT)
    again = weekly.begin("weekly", MOMENT)
    assert (again.id, again.attempts) == (killed.id, 2)
    assert states(weekly) == [(MOMENT, "running")]


def test_what_never_came_to_an_end_is_given_up_for_the_next(weekly: Jobs, clock: Clock) -> None:
    weekly.end(weekly.begin("weekly", MOMENT - WEEK))
    weekly.fail(weekly.begin("weekly", MOMENT), "no connection", MOMENT + HOUR)
    clock.moment += WEEK
    begun = weekly.begin("weekly", MOMENT + WEEK)
    assert states(weekly) == [(MOMENT - WEEK, "done"), (MOMENT, "superseded"), (MOMENT + WEEK, "running")]
    assert weekly.unfinished("weekly") == begun
    with weekly.engine.connect() as connection:
        given_up = connection.execute(select(OCCURRENCE).where(OCCURRENCE.c.state == "superseded")).one()
    assert (given_up.finished_at, given_up.next_try_at, given_up.detail) == (MOMENT + WEEK, None, "no connection")


def test_beginning_with_one_job_leaves_the_others_alone(weekly: Jobs) -> None:
    weekly.register("daily", "@daily", "UTC")
    daily = weekly.begin("daily", MOMENT)
    weekly.begin("weekly", MOMENT + HOUR)
    assert weekly.unfinished("daily") == daily


def test_a_process_that_slept_through_the_end_of_its_lease_does_not_undo_what_the_next_one_did(weekly: Jobs) -> None:
    asleep = weekly.begin("weekly", MOMENT)
    meanwhile = weekly.begin("weekly", MOMENT)
    weekly.fail(asleep, "stopped from outside", MOMENT)
    assert states(weekly) == [(MOMENT, "running")]
    weekly.end(meanwhile)
    weekly.fail(asleep, "stopped from outside", MOMENT)
    assert states(weekly) == [(MOMENT, "done")]
    superseded = weekly.begin("weekly", MOMENT + WEEK)
    waiting = weekly.begin("weekly", MOMENT + 2 * WEEK)
    weekly.fail(superseded, "stopped from outside", MOMENT)
    assert states(weekly)[1:] == [(MOMENT + WEEK, "superseded"), (MOMENT + 2 * WEEK, "running")]
    weekly.fail(waiting, "stopped from outside", MOMENT, counts=False)
    weekly.begin("weekly", MOMENT + 3 * WEEK)
    assert states(weekly)[2:] == [(MOMENT + 2 * WEEK, "superseded"), (MOMENT + 3 * WEEK, "running")]


def test_what_was_no_failure_is_no_try(weekly: Jobs) -> None:
    """A job that is stopped and started a hundred times has not failed once."""
    for _ in range(3):
        occurrence = weekly.begin("weekly", MOMENT)
        assert occurrence.attempts == 1
        weekly.fail(occurrence, "stopped from outside", MOMENT, counts=False)
        assert states(weekly) == [(MOMENT, "waiting")]
        assert weekly.unfinished("weekly") == occurrence
    weekly.fail(weekly.begin("weekly", MOMENT), "no connection", MOMENT + HOUR)
    failed = weekly.unfinished("weekly")
    assert failed is not None
    assert (failed.state, failed.attempts, failed.detail) == ("failed", 1, "no connection")
    assert weekly.begin("weekly", MOMENT).attempts == 2


def test_a_process_that_slept_does_not_undo_a_try_that_did_not_count(weekly: Jobs) -> None:
    asleep = weekly.begin("weekly", MOMENT)
    weekly.fail(weekly.begin("weekly", MOMENT), "stopped", MOMENT + HOUR, counts=False)
    weekly.end(asleep)
    assert states(weekly) == [(MOMENT, "waiting")]
    again = weekly.begin("weekly", MOMENT)
    weekly.end(asleep)
    assert states(weekly) == [(MOMENT, "running")]
    weekly.end(again)
    assert states(weekly) == [(MOMENT, "done")]


def test_any_detail_can_be_noted(weekly: Jobs) -> None:
    weekly.fail(weekly.begin("weekly", MOMENT), "a name of \x00 and \ud800", MOMENT)
    failed = weekly.unfinished("weekly")
    assert failed is not None
    assert failed.detail == "a name of ␀ and ?"
    weekly.end(weekly.begin("weekly", MOMENT), "\x00")
    assert states(weekly) == [(MOMENT, "done")]


# A clock that was ahead ----------------------------------------------------------------------------------------------


def test_a_job_that_was_met_by_a_clock_that_was_ahead_starts_when_it_is_met_again(
    jobs: Jobs, engine: Engine, clock: Clock
) -> None:
    Jobs(engine, lambda: MOMENT + WEEK).register("weekly", *CRON)
    assert jobs.known("weekly", *CRON) is None
    assert jobs.register("weekly", *CRON) == jobs.known("weekly", *CRON) == MOMENT
    clock.moment += 2 * WEEK
    assert jobs.register("weekly", *CRON) == MOMENT, "the row of that clock is gone"


@pytest.mark.parametrize("ahead", [CLOCK_TOLERANCE, CLOCK_TOLERANCE + MOMENTLY])
def test_clocks_may_differ_by_ten_minutes(jobs: Jobs, engine: Engine, ahead: timedelta) -> None:
    other = Jobs(engine, lambda: MOMENT + ahead)
    other.register("weekly", *CRON)
    other.end(other.begin("weekly", MOMENT + ahead))
    believed = ahead <= CLOCK_TOLERANCE
    assert jobs.known("weekly", *CRON) == (MOMENT + ahead if believed else None)
    assert (jobs.latest("weekly") is not None) is believed


def test_what_a_clock_that_was_ahead_has_done_or_left_says_nothing(weekly: Jobs, engine: Engine) -> None:
    done = weekly.begin("weekly", MOMENT - WEEK)
    weekly.end(done)
    ahead = Jobs(engine, lambda: MOMENT + 52 * WEEK)
    ahead.end(ahead.begin("weekly", MOMENT + 51 * WEEK))
    ahead.fail(ahead.begin("weekly", MOMENT + 52 * WEEK), "no connection", MOMENT + 53 * WEEK)
    assert weekly.latest("weekly") == weekly.last_done("weekly") == weekly.last_success("weekly") == done
    assert weekly.unfinished("weekly") is None
    now = weekly.begin("weekly", MOMENT)
    assert weekly.latest("weekly") == weekly.unfinished("weekly") == now
    assert states(weekly)[-1] == (MOMENT + 52 * WEEK, "superseded"), "it will not go on when its time comes"


# Their scans ---------------------------------------------------------------------------------------------------------


def scan(jobs: Jobs, occurrence: Occurrence, state: RunState = RunState.COMPLETE, selection: str = "--all") -> int:
    store = Store(jobs.engine)
    return end(store, begin(store, selection, occurrence=occurrence.id), state)


def test_the_scan_of_an_occurrence_is_its_own(weekly: Jobs) -> None:
    first = weekly.begin("weekly", MOMENT)
    assert weekly.run_of(first) is None
    run = scan(weekly, first)
    end(Store(weekly.engine), begin(Store(weekly.engine)))  # somebody's own scan
    weekly.end(first)
    second = weekly.begin("weekly", MOMENT + WEEK)
    assert weekly.run_of(second) is None
    found = weekly.run_of(first)
    assert found is not None
    assert found.id == run


def test_of_several_scans_the_newest_counts(weekly: Jobs) -> None:
    occurrence = weekly.begin("weekly", MOMENT)
    scan(weekly, occurrence, RunState.INTERRUPTED)
    newest = scan(weekly, occurrence, RunState.INCOMPLETE)
    found = weekly.run_of(occurrence)
    assert found is not None
    assert (found.id, found.state) == (newest, "incomplete")


def test_a_scan_that_was_given_up_does_not_count(weekly: Jobs) -> None:
    occurrence = weekly.begin("weekly", MOMENT)
    scan(weekly, occurrence, RunState.ABANDONED)
    assert weekly.run_of(occurrence) is None
    older = scan(weekly, occurrence, RunState.INTERRUPTED, "--top 5")
    scan(weekly, occurrence, RunState.ABANDONED)
    found = weekly.run_of(occurrence)
    assert found is not None
    assert found.id == older


def test_the_last_scan_is_the_last_that_came_to_its_end(jobs: Jobs) -> None:
    assert jobs.last_scan() is None
    store = Store(jobs.engine)
    begin(store, "--top 1")
    assert jobs.last_scan() is None
    end(store, begin(store))
    assert jobs.last_scan() == MOMENT
    later = begin(store, "--top 2", deep="rescope")
    store.write_run(later, state=str(RunState.COMPLETE), finished_at=MOMENT + HOUR)
    assert jobs.last_scan() == MOMENT, "a rescope saw no model"


# Success -------------------------------------------------------------------------------------------------------------


def tell(jobs: Jobs, occurrence: Occurrence, *ids: str, audience: str = "team") -> list[Delivery]:
    """A digest of a scan for an occurrence, and its deliveries."""
    digest = Digest(id=f"digest of {ids}", run_id=scan(jobs, occurrence), created_at=MOMENT, report="{}")
    deliveries = [
        Delivery(
            id=number,
            digest_id=digest.id,
            audience=audience,
            channel="slack",
            target="#digests",
            state=DeliveryState.WAITING,
            created_at=MOMENT,
        )
        for number in ids
    ]
    assert Outbox(jobs.engine, jobs.now).put(Parcel(digest, deliveries))
    return deliveries


def test_a_job_succeeded_once_all_it_had_to_tell_was_delivered(weekly: Jobs) -> None:
    occurrence, outbox = weekly.begin("weekly", MOMENT), Outbox(weekly.engine, weekly.now)
    head, detail = tell(weekly, occurrence, "a", "b")
    assert weekly.last_success("weekly") is None
    weekly.end(occurrence)
    assert weekly.last_success("weekly") is None
    assert weekly.last_done("weekly") == occurrence
    outbox.begin(head)
    assert weekly.last_success("weekly") is None, "one that may have arrived is not known to have"
    outbox.sent(head, {})
    assert weekly.last_success("weekly") is None
    outbox.begin(detail)
    outbox.sent(detail, {})
    assert weekly.last_success("weekly") == occurrence


def test_a_job_whose_news_were_given_up_did_not_succeed(weekly: Jobs) -> None:
    occurrence, outbox = weekly.begin("weekly", MOMENT), Outbox(weekly.engine, weekly.now)
    (head,) = tell(weekly, occurrence, "a")
    weekly.end(occurrence)
    assert outbox.drop(head, "given up by hand")
    assert weekly.last_done("weekly") == occurrence
    assert weekly.last_success("weekly") is None


def test_a_scan_that_a_person_made_and_told_of_is_found_by_its_selection(jobs: Jobs, clock: Clock) -> None:
    store, outbox = Store(jobs.engine), Outbox(jobs.engine, clock)

    def told(selection: str, number: str, **more: Any) -> Delivery:
        run = begin(store, selection, **more)
        store.write_run(run, state=str(RunState.COMPLETE), finished_at=clock.moment)
        delivery = Delivery(
            id=f"of {number}",
            digest_id=number,
            audience="team",
            channel="slack",
            target="#digests",
            state=DeliveryState.WAITING,
            created_at=clock.moment,
        )
        assert outbox.put(Parcel(Digest(id=number, run_id=run, created_at=clock.moment, report="{}"), [delivery]))
        return delivery

    end(store, begin(store))
    assert jobs.told_by_hand("--all") is None, "nobody was told of it"
    first = told("--all", "first")
    assert jobs.told_by_hand("--all") is None, "it has not arrived"
    outbox.sent(first, {})
    assert jobs.told_by_hand("--all") == MOMENT
    assert jobs.told_by_hand("--top 5") is None
    clock.moment += HOUR
    outbox.drop(told("--all", "given up"), "given up by hand")
    outbox.sent(told("--all", "a job's", occurrence=1), {})
    assert jobs.told_by_hand("--all") == MOMENT
    outbox.sent(told("--all", "second"), {})
    assert jobs.told_by_hand("--all") == MOMENT + HOUR
    clock.moment -= HOUR
    assert jobs.told_by_hand("--all") == MOMENT, "the other one was made by a clock that was ahead"


def test_a_job_that_tells_nobody_succeeds_with_its_scan(weekly: Jobs) -> None:
    occurrence = weekly.begin("weekly", MOMENT)
    scan(weekly, occurrence)
    weekly.end(occurrence)
    assert weekly.last_success("weekly") == occurrence


def test_what_is_not_delivered_does_not_undo_an_earlier_success(weekly: Jobs, clock: Clock) -> None:
    first = weekly.begin("weekly", MOMENT)
    weekly.end(first)
    clock.moment += WEEK
    second = weekly.begin("weekly", MOMENT + WEEK)
    tell(weekly, second, "a")
    weekly.end(second)
    assert weekly.last_success("weekly") == first
    assert weekly.last_done("weekly") == second
    clock.moment += WEEK
    third = weekly.begin("weekly", MOMENT + 2 * WEEK)
    weekly.end(third)
    assert weekly.last_success("weekly") == third, "what an earlier one has to tell is that one's own"


def test_an_occurrence_that_failed_or_was_given_up_is_no_success(weekly: Jobs, clock: Clock) -> None:
    weekly.fail(weekly.begin("weekly", MOMENT), "no", MOMENT)
    assert weekly.last_success("weekly") is None
    clock.moment += WEEK
    weekly.begin("weekly", MOMENT + WEEK)
    assert weekly.last_success("weekly") is None
    assert [state for _, state in states(weekly)] == [OccurrenceState.SUPERSEDED, OccurrenceState.RUNNING]


def test_the_deliveries_of_one_job_are_not_anothers(weekly: Jobs) -> None:
    weekly.register("daily", "@daily", "UTC")
    daily, occurrence = weekly.begin("daily", MOMENT), weekly.begin("weekly", MOMENT)
    tell(weekly, daily, "a")
    weekly.end(daily)
    weekly.end(occurrence)
    assert weekly.last_success("weekly") == occurrence
    assert weekly.last_success("daily") is None
