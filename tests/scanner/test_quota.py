"""The gate keeps to a server's windows, exactly, with any number of threads, and spreads the requests over them."""

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.quota import (
    FREE_REQUESTS,
    FREE_SHARE,
    RESET_MARGIN_SECONDS,
    SCOUT_SECONDS,
    WINDOW_SECONDS,
    Gate,
    QuotaSpent,
    Standing,
)
from tests.scanner.helpers import Clock
from tests.scanner.virtual import FixedWindows, VirtualTime


def gate(clock: Clock, **more: float) -> Gate:
    return Gate(clock=clock.time, sleep=clock.wait, **more)  # type: ignore[arg-type]  # what `wait` returns is unused


def pass_through(sut: Gate, bucket: str = "api") -> float:
    """A request whose answer comes at once and tells nothing."""
    waited = sut.admit(bucket)
    sut.landed(bucket)
    return waited


# What the server has said ----------------------------------------------------------------------------------------


def test_nothing_is_held_back_before_the_server_has_said_anything() -> None:
    clock = Clock()
    sut = gate(clock)
    assert sum(pass_through(sut) for _ in range(10_000)) == 0
    assert sut.used == {"api": 10_000}
    assert (sut.left(), sut.standings()) == ({}, {})
    assert sut.seconds_for("api", 10**6) == sut.seconds_for("resolvers", 1) == 0


def test_a_spent_bucket_waits_for_its_reset_and_one_second_more() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 2, 55, 500)
    assert [pass_through(sut) for _ in range(3)] == [0, 0, 55 + RESET_MARGIN_SECONDS]
    assert clock.slept == [56.0]
    assert sut.left() == {"api": 499}


def test_buckets_are_apart() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 55, 500)
    sut.close("papers", 70)
    assert pass_through(sut, "resolvers") == 0
    assert pass_through(sut) == 56
    assert pass_through(sut, "papers") == 14


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


def test_an_answer_of_the_window_before_says_nothing_of_this_one() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 1, 10, 500, 300)
    pass_through(sut)
    sent_at = clock.now
    pass_through(sut)  # waits, and opens a window
    sut.learn("api", 0, 0, 500, 300, sent_at)
    assert sut.left() == {"api": 499}


def test_what_was_booked_counts_against_an_answer_of_the_same_window() -> None:
    sut = gate(Clock())
    sut.learn("api", 10, 100, 500)
    for _ in range(4):
        sut.admit("api")
    sut.learn("api", 9, 100, 500)  # knows of the first request only
    assert sut.left() == {"api": 6}
    sut.learn("api", 3, 100, 500)  # somebody else has been there
    assert sut.left() == {"api": 3}


def test_a_request_on_its_way_may_be_counted_in_either_window() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 3, 10, 500, 300)
    for _ in range(3):
        sut.admit("api")
    assert pass_through(sut) == 11
    assert sut.left() == {"api": 500 - 3 - 1}


def test_a_new_window_is_filled_once_and_not_at_every_look() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, 5)
    waits = [pass_through(sut) for _ in range(11)]
    length = WINDOW_SECONDS + RESET_MARGIN_SECONDS
    assert waits == [11, 0, 0, 0, 0, length, 0, 0, 0, 0, length]


def test_the_length_of_the_window_is_the_servers() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, 1, window_seconds=60)
    assert [pass_through(sut) for _ in range(3)] == [11, 61, 61]


def test_a_bucket_whose_size_is_unknown_opens_after_its_reset() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, None)
    assert [pass_through(sut) for _ in range(3)] == [11, 0, 0]
    assert sut.seconds_for("api", 3) == 0


def test_a_bucket_of_none_at_all_does_not_close_for_good() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 0, 10, 0)
    assert pass_through(sut) == 11


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
    assert pass_through(sut) == 0
    sut.close("api", 61)
    with pytest.raises(QuotaSpent):
        sut.admit("api")


def test_a_refused_bucket_is_closed_to_all_until_its_moment() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 400, 200, 500)
    sut.close("api", 30)
    sut.close("api", 3)  # a shorter wish of a request that was on its way
    assert sut.admit("api") == 30
    assert sut.admit("api") >= SCOUT_SECONDS  # the first one goes ahead
    sut.landed("api")
    assert pass_through(sut) == 0


@pytest.mark.parametrize(("headroom", "limit", "left"), [(100, 500, 103), (0.2, 500, 103)])
def test_headroom_is_left_to_others(headroom: float, limit: int, left: int) -> None:
    clock = Clock()
    sut = gate(clock, headroom=headroom)
    sut.learn("api", left, 50, limit)
    assert [pass_through(sut) for _ in range(4)] == [0, 0, 0, 51]


def test_a_headroom_of_the_whole_quota_leaves_no_work_and_is_not_kept() -> None:
    clock = Clock()
    sut = gate(clock, headroom=500)
    sut.learn("api", 2, 50, 500)
    assert [pass_through(sut) for _ in range(3)] == [0, 0, 51]


def test_an_interrupted_wait_books_nothing_and_leaves_the_row() -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    clock = Clock()
    sut = Gate(clock=clock.time, sleep=interrupt)
    sut.learn("api", 0, 10, 5)
    with pytest.raises(KeyboardInterrupt):
        sut.admit("api")
    assert sut.used == {}
    assert sut._buckets["api"].waiting == []
    clock.now += 11
    assert pass_through(sut) == 0


def test_the_first_request_of_a_bucket_goes_ahead_and_an_answer_without_a_quota_frees_the_others() -> None:
    clock = Clock()
    sut = gate(clock)
    assert sut.admit("api") == 0
    assert sut.admit("resolvers") == 0
    assert sut.admit("api") >= SCOUT_SECONDS  # of somebody who is never answered
    sut.landed("resolvers")
    assert sum(sut.admit("resolvers") for _ in range(100)) == 0


# What is to be expected ------------------------------------------------------------------------------------------


def test_where_a_bucket_stands() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 480, 200, 500, 300)
    assert sut.standings() == {"api": Standing(480, 500, 300, 200 + RESET_MARGIN_SECONDS)}
    pass_through(sut)
    clock.now += 50
    assert sut.standings() == {"api": Standing(479, 500, 300, 151)}
    clock.now += 200
    assert sut.standings() == {"api": Standing(500, 500, 300, 300)}
    sut.close("api", 400)
    assert sut.standings()["api"].reset_seconds == 400


def test_how_long_a_number_of_requests_will_take() -> None:
    sut = gate(Clock())
    sut.learn("api", 1000, 299, 1000, 300)
    assert sut.seconds_for("api", 500) == 0  # half of the first window goes at once
    assert sut.seconds_for("api", 750) == 150
    assert sut.seconds_for("api", 1000) == 300
    assert sut.seconds_for("api", 3000) == 300 + 2 * 300
    sut.headroom = 0.5
    assert sut.seconds_for("api", 1500) == 300 + 2 * 300


# Spreading -------------------------------------------------------------------------------------------------------


def test_small_work_is_never_slowed_while_anything_is_left() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", FREE_REQUESTS, 250, 500)
    assert [pass_through(sut) for _ in range(FREE_REQUESTS)] == [0] * FREE_REQUESTS


def test_half_of_the_first_window_goes_at_once_and_the_rest_is_spread() -> None:
    clock = Clock()
    sut = gate(clock)
    sut.learn("api", 1000, 300, 1000, 300)
    waits = [pass_through(sut) for _ in range(1000)]
    at_once = int(FREE_SHARE * 1000)
    assert waits[: at_once + 2] == [0] * (at_once + 2)
    assert all(0 < wait < 1.0 for wait in waits[at_once + 2 :])
    assert sum(waits) == pytest.approx(300, abs=10)


class Crowd:
    """Workers without end, a server some way off, and nobody's patience tried."""

    def __init__(self, *, workers: int = 16, latency: float = 0.05, headroom: float = 0.0, **server: Any) -> None:
        self.time = VirtualTime()
        self.server = FixedWindows(self.time.time, **server)
        self.gate = Gate(clock=self.time.time, sleep=self.time.sleep, headroom=headroom)
        self.workers, self.latency = workers, latency
        self.draws = random.Random(6)
        self.until = self.time.now

    def ask(self) -> None:
        """One request and its answer."""
        self.gate.admit("api")
        sent_at = self.time.now
        there, back = (self.latency * self.draws.uniform(0.25, 0.75) for _ in range(2))
        self.time.sleep(there)
        allowed, remaining, until = self.server.spend()
        self.time.sleep(back)
        self.gate.learn("api", remaining, until, self.server.limit, self.server.seconds, sent_at)
        if not allowed:
            self.gate.close("api", until + 1.0)
        self.gate.landed("api", refused=not allowed)

    def work(self) -> None:
        while self.time.now < self.until:
            self.ask()

    def run(self, windows: float) -> None:
        self.until = self.time.now + windows * (self.server.seconds + 2 * RESET_MARGIN_SECONDS + self.latency)
        self.time.run(*[self.work] * self.workers)

    def whole_windows(self) -> dict[float, int]:
        """Requests of the windows that ended before the work did, and began with it."""
        ended = {start: used for start, used in self.server.windows.items() if start + self.server.seconds < self.until}
        return dict(itertools.islice(ended.items(), 1 if self.server.aligned else 0, None))


WAYS = [
    {},
    {"workers": 1, "latency": 0.05},
    {"workers": 64, "latency": 0.05},
    {"workers": 32, "latency": 2.0},
    {"aligned": True},
    {"aligned": True, "round_up": False},
    {"round_up": False},
    {"limit": 100},
    {"limit": 500, "workers": 8},
    {"limit": 5000, "workers": 32},
    {"limit": 7},
    {"seconds": 60, "limit": 200},
    {"seconds": 6, "limit": 60},
    {"seconds": 6, "limit": 300, "workers": 32, "round_up": False},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_window_is_used_and_none_is_passed(way: dict[str, Any]) -> None:
    crowd = Crowd(**way)
    crowd.run(5)
    assert crowd.server.refused == []
    windows = crowd.whole_windows()
    assert len(windows) >= 4
    assert min(windows.values()) >= 0.95 * crowd.server.limit


@pytest.mark.parametrize("way", WAYS[:10], ids=str)
def test_requests_are_spread_over_their_window(way: dict[str, Any]) -> None:
    crowd = Crowd(**way)
    crowd.run(4)
    seconds, limit = crowd.server.seconds, crowd.server.limit
    for start in list(crowd.whole_windows())[1:]:
        moments = [moment - start for moment in crowd.server.counted if start <= moment < start + seconds]
        tenths = [sum(1 for moment in moments if n <= 10 * moment / seconds < n + 1) for n in range(10)]
        assert max(tenths) <= 0.14 * limit + 2
        gaps = [after - before for before, after in itertools.pairwise(moments)]
        assert max(gaps) <= 3 * seconds / limit + 2 * crowd.latency


@pytest.mark.parametrize("headroom", [0.1, 100])
def test_headroom_is_kept_in_every_window(headroom: float) -> None:
    crowd = Crowd(headroom=headroom)
    crowd.run(4)
    assert set(crowd.whole_windows().values()) == {900}


def test_what_others_take_is_missing_and_the_rest_is_spread() -> None:
    crowd = Crowd(aligned=True)

    def other() -> None:
        while crowd.time.now < crowd.until:
            crowd.time.sleep(0.6)  # half of the quota, in their own time
            crowd.server.spend(ours=False)

    crowd.until = crowd.time.now + 5 * 300
    crowd.time.run(*[crowd.work] * 16, other)
    assert len(crowd.server.refused) <= 5  # both cannot know the very last of a window
    assert min(list(crowd.whole_windows().values())) >= 950


def test_a_pause_of_the_workers_is_made_up_for() -> None:
    crowd = Crowd(workers=4)
    crowd.until = crowd.time.now + 320
    crowd.time.run(*[crowd.work] * 4)  # beyond the first window
    start = list(crowd.server.windows)[-1]
    crowd.time.now = start + 150
    crowd.until = start + 300
    crowd.time.run(*[crowd.work] * 4)
    assert crowd.server.windows[start] >= 950
    assert crowd.server.refused == []


def test_after_a_refusal_nobody_asks_before_the_reset() -> None:
    """Somebody else has used up what the gate counts on."""
    crowd = Crowd(latency=0.2)
    crowd.until = crowd.time.now + 400

    def other() -> None:
        crowd.time.sleep(100)
        for _ in range(1000):
            crowd.server.spend(ours=False)

    crowd.time.run(*[crowd.work] * 16, other)
    first = crowd.server.refused[0]
    on_their_way = [moment for moment in crowd.server.refused[1:] if moment <= first + crowd.latency]
    assert len(crowd.server.refused) == 1 + len(on_their_way)
    reset = next(iter(crowd.server.windows)) + 300
    assert [moment for moment in crowd.server.counted if first < moment < reset] == []
    assert [moment for moment in crowd.server.counted if moment >= reset]


# Threads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("remaining", [0, 1, 7, FREE_REQUESTS])
def test_many_threads_get_exactly_what_a_window_holds(remaining: int) -> None:
    opened = threading.Event()
    waiting = threading.Semaphore(0)
    now = [0.0]

    def sleep(seconds: float) -> None:
        waiting.release()
        assert opened.wait(10)
        now[0] += seconds

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
    assert sut._buckets["api"].waiting == []


@given(
    quota=st.integers(1, 80),
    window=st.integers(5, 60),
    steps=st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=100),
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
            sut.learn("api", quota - used, int(start + window - clock.now), quota, window, clock.now)
        sut.landed("api")
