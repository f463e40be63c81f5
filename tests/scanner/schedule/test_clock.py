"""When jobs are due: crontab's meaning over a year, both clock changes included, and APScheduler driven by it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
import time_machine
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from config.cron import Cron, parse
from scanner.schedule.clock import ClockTrigger

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def moments(expression: str, zone: ZoneInfo, start: datetime = NEW_YEAR, length: timedelta = YEAR) -> list[datetime]:
    trigger = ClockTrigger(parse(expression), zone)
    found: list[datetime] = []
    while (following := trigger.after(found[-1] if found else start)) is not None and following <= start + length:
        found.append(following)
    return found


def gaps(found: list[datetime]) -> set[timedelta]:
    """Real time between one and the next (two moments of one zone would be subtracted by the wall clock)."""
    passed = [one.astimezone(UTC) for one in found]
    return {later - earlier for earlier, later in pairwise(passed)}


@pytest.mark.parametrize(
    ("weekday", "name"),
    [("0", "Sun"), ("1", "Mon"), ("2", "Tue"), ("3", "Wed"), ("4", "Thu"), ("5", "Fri"), ("6", "Sat"), ("7", "Sun")],
)
def test_weekdays_are_crontab_s(weekday: str, name: str) -> None:
    found = moments(f"0 7 * * {weekday}", BERLIN)
    assert {f"{one:%a %H:%M}" for one in found} == {f"{name} 07:00"}
    assert len(found) == (53 if name == "Thu" else 52)  # 2026 begins on a Thursday


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Africa/Casablanca"]
)
@pytest.mark.parametrize("expression", ["30 2 * * *", "30 1 * * *", "0 2 * * *", "59 2 * * *", "0 3 * * *"])
def test_a_daily_job_comes_once_a_local_date(zone: str, expression: str) -> None:
    found = moments(expression, ZoneInfo(zone))
    dates = Counter(one.date() for one in found)
    assert set(dates.values()) == {1}
    assert len(dates) == 365
    assert all(gap > timedelta() for gap in gaps(found))


def test_a_time_that_the_spring_skips_comes_right_after_the_gap() -> None:
    found = {one.date(): one for one in moments("30 2 * * *", BERLIN)}
    assert found[date(2026, 3, 29)].isoformat() == "2026-03-29T03:00:00+02:00"


def test_a_time_that_the_autumn_repeats_comes_the_first_time() -> None:
    found = {one.date(): one for one in moments("30 2 * * *", BERLIN)}
    assert found[date(2026, 10, 25)].isoformat() == "2026-10-25T02:30:00+02:00"


def test_two_times_in_one_gap_are_one_run() -> None:
    start = datetime(2026, 3, 28, 23, tzinfo=UTC)
    found = moments("0,15,30 2,3 * * *", BERLIN, start, timedelta(hours=4))
    assert [f"{one:%H:%M}" for one in found] == ["03:00", "03:15", "03:30"]


def test_a_wildcard_follows_real_time_through_both_changes() -> None:
    for start in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        found = moments("*/20 * * * *", BERLIN, start, timedelta(hours=8))
        assert gaps(found) == {timedelta(minutes=20)}
        assert len(found) == 24


def test_a_day_that_a_zone_left_out_has_no_run() -> None:
    start = datetime(2011, 12, 28, tzinfo=UTC)
    found = moments("0 7 * * *", ZoneInfo("Pacific/Apia"), start, timedelta(days=4))
    assert [one.date().isoformat() for one in found] == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]


def test_either_day_field_is_enough_where_both_restrict() -> None:
    found = moments("0 7 13 * 5", BERLIN)
    assert all(one.day == 13 or one.weekday() == 4 for one in found)
    assert {one.weekday() for one in found} == set(range(7))
    assert len(found) == 52 + 12 - 3  # three of the thirteenths are Fridays


def test_both_day_fields_must_match_where_one_starts_with_a_star() -> None:
    found = moments("0 7 */2 * 1", BERLIN)
    assert found
    assert all(one.day % 2 == 1 and one.weekday() == 0 for one in found)


def test_the_last_moment_is_found_however_long_ago() -> None:
    trigger = ClockTrigger(parse("0 7 * * 1"), BERLIN)
    until = datetime(2026, 11, 25, tzinfo=UTC)
    for since in (until - timedelta(days=3), until - timedelta(days=3000)):
        found = trigger.last(since, until)
        assert found is not None
        assert found.isoformat() == "2026-11-23T07:00:00+01:00"
    assert trigger.last(until - timedelta(hours=3), until) is None
    assert trigger.last(datetime(2026, 11, 23, 6, tzinfo=UTC), until) is None  # that very moment does not count again


def test_a_moment_itself_is_not_after_itself() -> None:
    trigger = ClockTrigger(parse("0 7 * * *"), BERLIN)
    seven = datetime(2026, 5, 5, 7, tzinfo=BERLIN)
    assert trigger.after(seven) == seven + timedelta(days=1)
    assert trigger.get_next_fire_time(None, seven) == seven
    assert trigger.get_next_fire_time(seven, seven) == seven + timedelta(days=1)


# Against the rule, spelt out minute by minute -----------------------------------------------------------------------


class Minute(NamedTuple):
    """One minute of real time.

    Attributes:
        moment: when it is.
        wall: what the clock on the wall shows.
        skipped: what the wall clock did not show since the minute before.
        again: the wall clock showed the same before.
    """

    moment: datetime
    wall: datetime
    skipped: tuple[datetime, ...]
    again: bool


@cache
def minutes_of(zone: ZoneInfo, start: datetime, hours: int) -> list[Minute]:
    """Walk real time, and look at the wall clock."""
    found: list[Minute] = []
    seen: set[datetime] = set()
    for passed in range(hours * 60):
        moment = start + timedelta(minutes=passed)
        wall = moment.astimezone(zone).replace(tzinfo=None)
        jump = (wall - found[-1].wall) // timedelta(minutes=1) if found else 1
        skipped = tuple(found[-1].wall + timedelta(minutes=n) for n in range(1, jump))
        found.append(Minute(moment, wall, skipped, wall in seen))
        seen.add(wall)
    return found


def by_hand(cron: Cron, minutes: list[Minute]) -> list[datetime]:
    """Every moment by cron(8)'s rule: a wildcard follows real time, a fixed time is one of the wall clock, once."""
    found: list[datetime] = []
    for minute in minutes:
        walls = [minute.wall] if cron.wildcard_time or not minute.again else []
        if not cron.wildcard_time:
            walls += minute.skipped
        if any(matches(cron, wall) for wall in walls):
            found.append(minute.moment)
    return found


def matches(cron: Cron, wall: datetime) -> bool:
    day, weekday = wall.day in cron.days, wall.isoweekday() % 7 in cron.weekdays
    either = cron.day_restricted and cron.weekday_restricted
    rest = wall.month in cron.months and wall.hour in cron.hours and wall.minute in cron.minutes
    return rest and ((day or weekday) if either else (day and weekday))


HOURS = 10
CHANGES = [  # zones, and four or five hours before they put their clocks forward or back
    ("Europe/Berlin", datetime(2026, 3, 28, 20, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 24, 20, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 2, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 10, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 10, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 3, 28, 20, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 10, 24, 20, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 18, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 16, tzinfo=UTC)),
]


SINCE = [0, 230, 290, 350]  # minutes, from where on moments are followed: before, at and after the change
MOST = 24  # moments followed; of a job that comes every minute, those of ten hours take seconds


@settings(max_examples=120)
@given(
    change=st.sampled_from(CHANGES),
    since=st.sampled_from(SINCE),
    minute=st.sampled_from(["0", "*/7", "*", "5,35", "10-40/10", "59"]),
    hour=st.sampled_from(["*", "0", "1", "2", "3", "*/2", "0-4", "1,2,3", "23"]),
    day=st.sampled_from(["*", "29", "25", "1-28", "*/2"]),
    weekday=st.sampled_from(["*", "0", "7", "1-5", "6", "5-7"]),
)
def test_moments_are_those_of_the_rule(
    change: tuple[str, datetime], since: int, minute: str, hour: str, day: str, weekday: str
) -> None:
    zone, start = ZoneInfo(change[0]), change[1]
    cron = parse(f"{minute} {hour} {day} * {weekday}")
    trigger = ClockTrigger(cron, zone)
    moment = start + timedelta(minutes=since - 1)
    expected = [one for one in by_hand(cron, minutes_of(zone, start, HOURS)) if one > moment][:MOST]
    found: list[datetime] = []
    while len(found) < MOST and (following := trigger.after(moment)) is not None:
        if following >= start + timedelta(hours=HOURS):
            break
        found.append(following.astimezone(UTC))
        moment = following
    assert found == expected


# APScheduler, a year in a second ------------------------------------------------------------------------------------


class Stepping(BaseScheduler):  # type: ignore[misc]  # APScheduler carries no types
    """A scheduler that moves a frozen clock to the next wake-up instead of waiting for it."""

    def __init__(self, clock: Any) -> None:
        super().__init__(timezone=UTC)
        self.clock = clock
        self.add_executor(DebugExecutor())

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)

    def wakeup(self) -> None:
        pass

    def run_until(self, end: datetime) -> None:
        while datetime.now(UTC) < end:
            wait = self._process_jobs()
            assert wait is not None
            self.clock.shift(timedelta(seconds=wait))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_apscheduler_runs_a_job_once_a_date_over_a_year_of_frozen_clock(zone: str) -> None:
    ran: list[datetime] = []
    with time_machine.travel(NEW_YEAR, tick=False) as clock:
        scheduler = Stepping(clock)
        trigger = ClockTrigger(parse("30 2 * * *"), ZoneInfo(zone))
        scheduler.add_job(lambda: ran.append(datetime.now(ZoneInfo(zone))), trigger)
        scheduler.start()
        scheduler.run_until(NEW_YEAR + YEAR)
        scheduler.shutdown()
    dates = Counter(one.date() for one in ran)
    assert set(dates.values()) == {1}
    assert len(dates) == 365
    assert sum(f"{one:%H:%M}" != "02:30" for one in ran) == 1  # the one in spring
