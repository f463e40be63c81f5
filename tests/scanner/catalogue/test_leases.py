"""Leases: one holder at a time, until it gives the lease back, lets it end, or is seen to be dead."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from scanner.catalogue.database import open_database
from scanner.catalogue.leases import RENEWALS, Held, Leases
from tests.scanner.making import MOMENT

FAR_AWAY = "elsewhere:17 another-boot/1 5 abcd"
SOON = 0.2  # seconds that a lease lasts where a test waits for its renewal


class Clock:
    """A clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.moment = MOMENT

    def __call__(self) -> datetime:
        return self.moment

    def wait(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ours(engine: Engine, clock: Clock) -> Leases:
    return Leases(engine, clock)


@pytest.fixture
def theirs(engine: Engine, clock: Clock) -> Leases:
    return Leases(engine, clock, holder=FAR_AWAY)


def test_a_lease_that_nobody_took_is_free(ours: Leases) -> None:
    assert ours.held("jobs") is None
    assert not ours.renew("jobs")
    ours.release("jobs")
    assert ours.held("jobs") is None


def test_a_lease_is_taken_and_given_back(ours: Leases, theirs: Leases, clock: Clock) -> None:
    assert ours.take("jobs")
    assert ours.held("jobs") == Held("jobs", ours.holder, MOMENT, MOMENT + timedelta(seconds=ours.seconds))
    clock.wait(10)
    assert not theirs.take("jobs")
    assert theirs.held("jobs") == ours.held("jobs")
    ours.release("jobs")
    assert ours.held("jobs") is None
    assert theirs.take("jobs")


def test_leases_of_two_names_have_nothing_to_do_with_each_other(ours: Leases, theirs: Leases) -> None:
    assert ours.take("jobs")
    assert theirs.take("deliveries")
    ours.release("jobs")
    assert theirs.held("deliveries") is not None


def test_a_lease_ends_at_its_moment_and_is_then_anybodys(ours: Leases, theirs: Leases, clock: Clock) -> None:
    ours.take("jobs")
    clock.wait(ours.seconds - 1)
    assert not theirs.take("jobs")
    clock.wait(1)
    assert ours.held("jobs") is None
    assert theirs.take("jobs")
    found = ours.held("jobs")
    assert found is not None
    assert (found.holder, found.taken_at) == (FAR_AWAY, clock())


def test_a_lease_that_is_renewed_lasts_from_then_on(ours: Leases, theirs: Leases, clock: Clock) -> None:
    ours.take("jobs")
    clock.wait(ours.seconds - 1)
    assert ours.renew("jobs")
    clock.wait(ours.seconds - 1)
    assert not theirs.take("jobs")
    found = ours.held("jobs")
    assert found is not None
    assert found.taken_at == MOMENT, "renewing does not make it younger"


def test_a_lease_that_ended_is_renewed_as_long_as_nobody_took_it(ours: Leases, theirs: Leases, clock: Clock) -> None:
    ours.take("jobs")
    clock.wait(2 * ours.seconds)
    assert ours.renew("jobs")
    assert not theirs.take("jobs")


def test_an_end_farther_ahead_than_a_lease_lasts_twice_is_none(ours: Leases, theirs: Leases, clock: Clock) -> None:
    right = clock.moment
    clock.wait(ours.seconds)
    theirs.take("jobs")  # by a clock that is three minutes ahead
    theirs.take("deliveries")
    clock.moment = right
    assert ours.held("jobs") is not None
    assert not ours.take("jobs")
    clock.moment = right - timedelta(seconds=1)
    assert ours.held("jobs") is None
    assert ours.take("jobs")
    assert not theirs.renew("jobs"), "who was at work by the wrong clock is told"
    assert theirs.renew("deliveries"), "or puts the end right"
    assert not ours.take("deliveries")


def test_nobody_renews_or_gives_back_what_another_holds(ours: Leases, theirs: Leases, clock: Clock) -> None:
    ours.take("jobs")
    clock.wait(2 * ours.seconds)
    theirs.take("jobs")
    before = theirs.held("jobs")
    assert not ours.renew("jobs")
    ours.release("jobs")
    assert theirs.held("jobs") == before is not None


def test_a_holder_takes_again_what_it_left_behind(ours: Leases, clock: Clock) -> None:
    ours.take("jobs")
    clock.wait(5)
    assert ours.take("jobs")
    found = ours.held("jobs")
    assert found is not None
    assert found.taken_at == clock()


def test_every_set_of_leases_is_another_holder(engine: Engine, ours: Leases) -> None:
    second = Leases(engine, ours.now)
    assert ours.take("jobs")
    assert not second.take("jobs")


def test_a_holder_is_named_in_words(ours: Leases, theirs: Leases) -> None:
    theirs.take("jobs")
    ours.take("deliveries")
    found = [theirs.held(name) for name in ("jobs", "deliveries")]
    assert found[0] is not None
    assert found[0].who == "process 17 on elsewhere"
    assert found[1] is not None
    assert found[1].who.startswith(f"process {os.getpid()} on ")


# While a block runs --------------------------------------------------------------------------------------------------


def test_a_lease_is_held_while_the_block_runs(ours: Leases, theirs: Leases) -> None:
    with ours.hold("jobs") as held:
        assert held
        with theirs.hold("jobs") as also:
            assert not also
        assert ours.held("jobs") is not None, "who did not get it does not give it back"
    assert ours.held("jobs") is None


def test_a_lease_is_given_back_where_the_block_fails(ours: Leases, theirs: Leases) -> None:
    with pytest.raises(ZeroDivisionError), ours.hold("jobs"):
        raise ZeroDivisionError
    with theirs.hold("jobs") as held:
        assert held


def test_two_threads_of_one_process_do_not_hold_it_at_once(ours: Leases) -> None:
    found: list[bool] = []

    def other_thread() -> None:
        with ours.hold("deliveries") as held:
            found.append(held)

    def in_another_thread() -> bool:
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        return found.pop()

    with ours.hold("deliveries"):
        assert not in_another_thread()
        assert ours.held("deliveries") is not None, "the thread that came second gave back what the first one holds"
    assert in_another_thread()


def test_what_threads_have_in_use_changes_under_their_lock_only(ours: Leases) -> None:
    class Watched(set[str]):
        def add(self, name: str) -> None:
            assert ours._using.locked()
            super().add(name)

        def discard(self, name: object) -> None:
            assert ours._using.locked()
            super().discard(name)

    ours._in_use = Watched()
    with ours.hold("jobs"), ours.hold("jobs") as second:
        assert not second
        assert ours._in_use == {"jobs"}
    assert ours._in_use == set()


def test_a_thread_that_outlasts_its_lease_still_keeps_out_the_others(ours: Leases, clock: Clock) -> None:
    with ours.hold("deliveries"):
        clock.wait(2 * ours.seconds)
        with ours.hold("deliveries") as held:
            assert not held


def test_a_lease_is_renewed_while_the_block_runs(engine: Engine) -> None:
    renewed = threading.Semaphore(0)
    ours = Leases(engine, seconds=SOON)
    with _told(engine, "UPDATE lease", renewed.release), ours.hold("jobs") as held:
        assert held
        for _ in range(2 * RENEWALS):  # for twice as long as it lasts by itself
            assert renewed.acquire(timeout=30)
        assert not Leases(engine, holder=FAR_AWAY).take("jobs")


def test_the_holder_is_told_that_somebody_else_took_it(engine: Engine, clock: Clock) -> None:
    ours, theirs = Leases(engine, clock, seconds=SOON), Leases(engine, clock, holder=FAR_AWAY)
    lost = threading.Event()
    with ours.hold("jobs", lost.set):
        while not theirs.take("jobs"):
            clock.wait(1)  # as if this process had been stopped meanwhile; it may still renew in between
        assert lost.wait(30)
    found = theirs.held("jobs")
    assert found is not None, "it is not given back, since it is another's"
    assert found.holder == FAR_AWAY


@pytest.mark.parametrize("error", [OperationalError("UPDATE", {}, Exception("database is locked")), NoConnectionFree()])
def test_renewal_survives_a_database_that_is_busy_once(engine: Engine, error: Exception) -> None:
    failing, renewed = [error], threading.Semaphore(0)

    def busy_once() -> None:
        if failing:
            raise failing.pop()
        renewed.release()

    lost = threading.Event()
    with _told(engine, "UPDATE lease", busy_once), Leases(engine, seconds=SOON).hold("jobs", lost.set):
        for _ in range(RENEWALS):
            assert renewed.acquire(timeout=30)
        assert not Leases(engine, holder=FAR_AWAY).take("jobs")
    assert not failing
    assert not lost.is_set()


def test_a_lease_that_cannot_be_given_back_does_not_undo_what_was_done(ours: Leases, clock: Clock) -> None:
    def gone() -> None:
        raise OperationalError("DELETE", {}, Exception("the server closed the connection"))

    with _told(ours.engine, "DELETE FROM lease", gone), ours.hold("jobs") as held:
        assert held
    with ours.hold("jobs") as held:
        assert held, "this process may go on by itself; others after the lease ended"


@contextmanager
def _told(engine: Engine, beginning: str, then: Any) -> Iterator[None]:
    """Calls `then` before each statement that begins so."""

    def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(beginning):
            then()

    event.listen(engine, "before_cursor_execute", heard)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", heard)


# Who is dead ---------------------------------------------------------------------------------------------------------


def holds_forever(url: str, holding: Any) -> None:
    assert Leases(open_database(url), Clock()).take("jobs")
    holding.set()
    threading.Event().wait()


@pytest.fixture
def holder(engine: Engine) -> Iterator[Any]:
    """A process that holds the lease "jobs"."""
    context = multiprocessing.get_context("spawn")
    holding = context.Event()
    url = engine.url.render_as_string(hide_password=False)
    process = context.Process(daemon=True, target=holds_forever, args=(url, holding))
    process.start()
    assert holding.wait(60)
    yield process
    process.kill()
    process.join()


def killed(process: Any) -> None:
    """A process that ended just now, and of which its parent was not told yet."""
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def words_of(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT holder FROM lease")).scalar_one()).split(" ")


def test_a_process_of_this_machine_that_was_killed_is_known_to_be_dead_at_once(ours: Leases, holder: Any) -> None:
    found = ours.held("jobs")
    assert found is not None
    assert found.who.startswith(f"process {holder.pid} on ")
    assert not ours.take("jobs")
    killed(holder)
    assert ours.held("jobs") is None, "it has ended, although its parent did not ask yet how"
    holder.join()
    assert ours.held("jobs") is None
    assert ours.take("jobs")


@pytest.mark.parametrize(
    ("word", "change"),
    [
        pytest.param(1, lambda place: f"other-boot/{place.split('/')[1]}", id="another machine"),
        pytest.param(1, lambda place: f"{place.split('/')[0]}/1", id="another process namespace"),
        pytest.param(1, lambda place: "-", id="a place that did not tell"),
        pytest.param(2, lambda started: "-", id="a start that was not told"),
    ],
)
def test_whoever_cannot_be_seen_from_here_holds_it_to_its_end(
    ours: Leases, holder: Any, clock: Clock, word: int, change: Any
) -> None:
    killed(holder)
    words = words_of(ours.engine)
    words[word] = change(words[word])
    with ours.engine.begin() as connection:
        connection.execute(text("UPDATE lease SET holder = :holder"), {"holder": " ".join(words)})
    clock.wait(ours.seconds - 1)
    assert ours.held("jobs") is not None
    assert not ours.take("jobs")
    clock.wait(1)
    assert ours.take("jobs")


def test_a_number_that_was_given_to_another_process_is_not_the_holder(ours: Leases) -> None:
    words = ours.holder.split(" ")
    words[2] = str(int(words[2]) - 1)
    earlier = Leases(ours.engine, ours.now, holder=" ".join(words))
    assert earlier.take("jobs")
    assert ours.take("jobs")


def test_a_living_process_that_this_user_may_not_see_is_not_dead(
    ours: Leases, holder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_text = Path.read_text

    def hidden(path: Any, *arguments: Any, **more: Any) -> str:
        if str(path) == f"/proc/{holder.pid}/stat":
            raise FileNotFoundError(str(path))
        return read_text(path, *arguments, **more)

    monkeypatch.setattr(Path, "read_text", hidden)
    assert ours.held("jobs") is not None
    holder.kill()
    holder.join()
    assert ours.held("jobs") is None


# Two processes -------------------------------------------------------------------------------------------------------

ROUNDS = 40


def takes_all(url: str, both: Any, results: Any) -> None:
    leases = Leases(open_database(url))
    taken = []
    for number in range(ROUNDS):
        both.wait(60)
        taken.append(leases.take(f"round {number}"))
    results.put(taken)
    both.wait(60)  # a process that ended would be taken for dead


def test_of_two_processes_that_want_the_first_row_one_gets_it(engine: Engine) -> None:
    context = multiprocessing.get_context("spawn")
    both, results = context.Barrier(2), context.Queue()
    url = engine.url.render_as_string(hide_password=False)
    processes = [context.Process(daemon=True, target=takes_all, args=(url, both, results)) for _ in range(2)]
    for process in processes:
        process.start()
    first, second = (results.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert [one + other for one, other in zip(first, second, strict=True)] == [1] * ROUNDS
