"""The gate keeps to a server's windows, exactly, with any number of threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.quota import RESET_MARGIN_SECONDS, WINDOW_SECONDS, Gate, QuotaSpent
from tests.scanner.helpers import Clock


def gate(clock: Clock, **more: float) -> Gate:
    return Gate(clock=clock.time, sleep=clock.wait, **more)  # type: ignore[arg-type]  # what `wait` returns is unused


def test_nothing_is_held_back_before_the_server_has_said_anything() -> None:
    clock = Clock()
    sut = gate(clock)
    assert sum(sut.admit("api") for _ in range(10_000)) == 0
    assert sut.used == {"api": 10_000}
    assert sut.left() == {}


def test_a_spent_bucket_waits_for_its_reset_and_one_second_more() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 2, 55, 500)
    assert [sut.admit("api") for _ in range(3)] == [0, 0, 55 + RESET_MARGIN_SECONDS]
    assert clock.slept == [56.0]
    assert sut.left() == {"api": 499}


def test_buckets_are_apart() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 55, 500)
    assert sut.admit("resolvers") == 0
    assert sut.admit("api") == 56


def test_an_overtaken_answer_does_not_raise_the_figure() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 3, 100, 500)
    clock.now += 1
    sut.learn("api", 7, 99, 500)  # sent before the other one
    assert sut.left() == {"api": 3}
    clock.now += 99
    sut.learn("api", 499, 300, 500)  # another window
    assert sut.left() == {"api": 499}


def test_what_was_booked_counts_against_an_answer_of_the_same_window() -> None:
    sut = gate(Clock())
    sut.learn("api", 10, 100, 500)
    for _ in range(4):
        sut.admit("api")
    sut.learn("api", 9, 100, 500)  # knows of the first request only
    assert sut.left() == {"api": 6}


def test_a_new_window_is_filled_once_and_not_at_every_look() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, 5)
    waits = [sut.admit("api") for _ in range(11)]
    assert waits == [11, 0, 0, 0, 0, WINDOW_SECONDS, 0, 0, 0, 0, WINDOW_SECONDS]


def test_the_length_of_the_window_is_the_servers() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, 1, window_seconds=60)
    assert [sut.admit("api") for _ in range(3)] == [11, 60, 60]


def test_a_bucket_whose_size_is_unknown_opens_after_its_reset() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, None)
    assert [sut.admit("api") for _ in range(3)] == [11, 0, 0]


def test_a_bucket_of_none_at_all_does_not_close_for_good() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, 0)
    assert sut.admit("api") == 11


def test_a_wait_beyond_patience_is_not_begun() -> None:
    clock = Clock()
    sut = gate(clock, max_wait_seconds=60)
    sut.learn("api", 0, 86_400, 500)
    with pytest.raises(QuotaSpent, match=r"`api` is spent for another 86,401 s") as caught:
        sut.admit("api")
    assert caught.value.seconds == 86_401
    assert clock.slept == []
    assert sut.used == {}
    clock.now += 86_401
    assert sut.admit("api") == 0


def test_headroom_is_left_to_others() -> None:
    clock = Clock()
    sut = gate(clock, headroom=100)
    sut.learn("api", 103, 50, 500)
    assert [sut.admit("api") for _ in range(4)] == [0, 0, 0, 51]


def test_a_headroom_of_the_whole_quota_leaves_no_work_and_is_not_kept() -> None:
    clock = Clock()
    sut = gate(clock, headroom=500)
    sut.learn("api", 2, 50, 500)
    assert [sut.admit("api") for _ in range(3)] == [0, 0, 51]


def test_an_interrupted_wait_books_nothing() -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    sut = Gate(clock=lambda: 0.0, sleep=interrupt)
    sut.learn("api", 0, 10, 5)
    with pytest.raises(KeyboardInterrupt):
        sut.admit("api")
    assert sut.used == {}


@pytest.mark.parametrize("remaining", [0, 1, 7, 250])
def test_many_threads_get_exactly_what_a_window_holds(remaining: int) -> None:
    opened = threading.Event()
    waiting = threading.Semaphore(0)
    now = [0.0]

    def sleep(_: float) -> None:
        waiting.release()
        assert opened.wait(10)

    sut = Gate(clock=lambda: now[0], sleep=sleep)
    sut.learn("api", remaining, 20, 400)
    admitted: list[float] = []
    with ThreadPoolExecutor(32) as pool:
        jobs = [pool.submit(lambda: admitted.append(sut.admit("api"))) for _ in range(400)]
        for _ in range(32):
            assert waiting.acquire(timeout=10)  # every thread has run into the wall
        assert len(admitted) == remaining
        now[0] = 21.0
        opened.set()
        for job in jobs:
            job.result()
    assert sut.used == {"api": 400}
    assert sut.left() == {"api": remaining}


@given(
    quota=st.integers(1, 6),
    window=st.integers(5, 60),
    steps=st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=40),
)
def test_against_an_honest_server_no_request_is_refused(
    quota: int, window: int, steps: list[tuple[float, bool]]
) -> None:
    """The server opens a window with the first request after the last one ended, as the Hub's documentation says."""
    clock = Clock()
    sut = gate(clock)
    start, used = -1000.0, 0
    for pause, told in steps:
        clock.now += pause
        sut.admit("api")
        if not start <= clock.now < start + window:
            start, used = clock.now, 0
        used += 1
        assert used <= quota
        if told or used == 1:
            sut.learn("api", quota - used, int(start + window - clock.now), quota, window)
