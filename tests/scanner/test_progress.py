"""Where a scan stands, in numbers and in one line."""

from typing import Any, cast

import pytest

from scanner.catalogue.tables import Run
from scanner.cli.watching import duration, line
from scanner.ledger import Ledger
from scanner.progress import Watch
from scanner.quota import Gate
from tests.scanner.making import MOMENT


class Asked:
    """A client's counters."""

    def __init__(self) -> None:
        self.requests = {"api": 3, "elsewhere": 9}
        self.asked = 3
        self.unanswered = 0


class Pool:
    """A pool's figures."""

    done, waiting = 4, 2


class Clock:
    """A clock that is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def made(expected: int | None) -> tuple[Watch, Ledger, Clock]:
    run = Run(
        started_at=MOMENT,
        source="huggingface",
        endpoint="",
        selection="",
        deep="auto",
        tool_version="",
        state="running",
    )
    clock, ledger = Clock(), Ledger(run, cast("Any", Asked()))
    return Watch(ledger, cast("Any", Pool()), expected, Gate(), clock), ledger, clock


def test_the_share_that_is_decided_is_what_no_look_has_to_settle() -> None:
    watch, ledger, _ = made(None)
    assert watch.now("listing").decided_share is None
    ledger.run.listed, ledger.opened, ledger.settled, ledger.unsettled = 1000, 340, 140, 5
    assert watch.now("listing").decided_share == pytest.approx(1 - 205 / 1000)


def test_the_end_is_where_the_slower_side_ends() -> None:
    watch, ledger, clock = made(1000)
    ledger.run.listed, ledger.opened, ledger.settled = 500, 200, 10
    assert watch.now("listing").seconds_left is None  # no time has passed
    clock.now += 10
    assert watch.now("listing").seconds_left == pytest.approx(190)
    ledger.settled = 200
    assert watch.now("listing").seconds_left == pytest.approx(10)
    assert watch.now("reading").seconds_left == 0


def test_without_a_rate_nothing_is_foretold() -> None:
    watch, ledger, clock = made(None)
    clock.now += 10
    ledger.run.listed = 10
    assert watch.now("listing").seconds_left is None
    ledger.opened = 5
    assert watch.now("reading").seconds_left is None


def test_requests_to_file_hosts_are_none_of_the_hub() -> None:
    watch, ledger, _ = made(2000)
    ledger.run.listed = 1000
    said = line(watch.now("listing"))
    assert said == "listing: 1,000 of 2,000 models, 100.0% decided, 4 looked at, 3 requests"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7200, "2 h 0 min"), (9000, "2 h 30 min")],
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert duration(seconds) == said
