"""Since when a job is late: one table of what a catalogue may know of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from config.cron import parse
from scanner.catalogue.tables import Occurrence
from scanner.schedule.clock import ClockTrigger
from scanner.schedule.due import late_since

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
WEEKLY = ClockTrigger(parse("0 7 * * 1"), ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Case:
    """What is known at a moment, in weeks from a Monday at seven, when the job is due; and since when it is late."""

    known: float | None
    done: float | None
    unfinished: float | None
    now: float
    late: float | None


CASES = {
    "nothing known": Case(None, None, None, 5, None),
    "known, and not due yet": Case(-0.5, None, None, -0.1, None),
    "known, and due just now": Case(-0.5, None, None, 0, 0),
    "known at the very moment at which it is due": Case(0, None, None, 0.9, None),
    "missed once": Case(-0.5, None, None, 0.5, 0),
    "missed many times": Case(-0.5, None, None, 4.5, 0),
    "done, and nothing missed": Case(-0.5, 0, None, 0.9, None),
    "done, and missed once": Case(-0.5, 0, None, 1.5, 1),
    "done, and missed many times": Case(-0.5, 0, None, 9.5, 1),
    "begun for the first time": Case(-0.5, None, 0, 0.5, 0),
    "failing since": Case(-0.5, 0, 1, 1.5, 1),
    "failing for weeks, each given up for the next": Case(-0.5, 0, 3, 3.5, 1),
    "failing, and due again": Case(-0.5, 0, 1, 2.5, 1),
    "done after what is unfinished": Case(-0.5, 1, 0, 1.5, None),
    "done for the same moment as what is unfinished": Case(-0.5, 1, 1, 1.5, None),
    "done after what is unfinished, and due again": Case(-0.5, 1, 0, 2.5, 2),
    "run by hand before it was due": Case(0.1, 0.5, None, 0.9, None),
    "run by hand before it was due, and due since": Case(0.1, 0.5, None, 1.5, 1),
    "run by hand, which failed": Case(-0.5, 0, 0.5, 0.9, 0.5),
    "run by hand, which failed, and due since": Case(-0.5, 0, 0.5, 1.5, 0.5),
    "run by hand after one was missed": Case(-0.5, 0.5, None, 0.9, None),
    "run by hand, which failed after one was missed": Case(-0.5, None, 0.5, 0.9, 0),
    "met anew after it was done": Case(2.5, 0, None, 2.9, None),
    "met anew after it was done, and missed": Case(2.5, 0, None, 3.5, 3),
    "met anew while it fails": Case(2.5, 0, 2, 2.9, 2),
    "met anew, and unfinished from before it was done": Case(2.5, 2, 1, 2.9, None),
    "unknown with these times, and failing": Case(None, 0, 1, 5, 1),
    "unknown with these times, and done": Case(None, 0, None, 5, None),
}


def occurrence(weeks: float | None) -> Occurrence | None:
    return None if weeks is None else Occurrence(job="weekly", due_at=MONDAY + weeks * WEEK, state="", attempts=1)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_since_when_a_job_is_late(case: Case) -> None:
    known = None if case.known is None else MONDAY + case.known * WEEK
    found = late_since(WEEKLY, known, occurrence(case.done), occurrence(case.unfinished), MONDAY + case.now * WEEK)
    assert found == (None if case.late is None else MONDAY + case.late * WEEK)


def test_moments_are_in_utc_and_hours_those_of_the_zone() -> None:
    tokyo = ClockTrigger(parse("0 7 * * 1"), ZoneInfo("Asia/Tokyo"))
    found = late_since(tokyo, MONDAY - DAY, None, None, MONDAY)
    assert found == MONDAY - 9 * HOUR
    assert found.utcoffset() == timedelta()


def test_a_job_that_is_never_due_again_is_never_late() -> None:
    never = ClockTrigger(parse("0 7 29 2 1"), ZoneInfo("UTC"))
    assert late_since(never, datetime(9999, 12, 28, tzinfo=UTC), None, None, datetime(9999, 12, 30, tzinfo=UTC)) is None
