"""From a cron expression and a time zone to moments: what crontab(5) says, also when clocks change.

APScheduler's own cron trigger matches the calendar. It numbers weekdays from Monday = 0, wants a day to match both day
fields at once, and fires twice where clocks go back; so it is given weekday names, one calendar for each day field
where crontab lets either match, and plain wall-clock time without a zone. Which moment a wall-clock time stands for is
decided here, after crontab's rule for clock changes (cron(8), Debian and cronie): a job at a fixed time runs once a
date, at the first of two equal times and right after a gap that swallows its time; a job with a wildcard in hour or
minute follows real time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from config.cron import Cron

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ONE_MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)
NEIGHBOURHOOD = timedelta(hours=26)  # a clock change this far away can still move a moment: 24 hours is the largest
FIRST_LOOK = timedelta(hours=1)


class ClockTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler carries no types
    """An APScheduler trigger for a cron expression in a time zone."""

    __slots__ = ("_calendars", "cron", "zone")

    def __init__(self, cron: Cron, zone: ZoneInfo) -> None:
        self.cron = cron
        self.zone = zone
        self._calendars = _calendars(cron)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The next moment, as APScheduler asks for it: after the previous one, or from now on.

        In UTC: two moments of one zone would be compared by the wall clock.
        """
        found = self.after(previous_fire_time or now - timedelta(microseconds=1))
        return None if found is None else found.astimezone(UTC)

    def after(self, moment: datetime) -> datetime | None:
        """The first moment later than this one, in the trigger's zone; None where the calendar ends."""
        change = self._change_around(moment)
        wall = moment.astimezone(self.zone).replace(tzinfo=None)
        found: datetime | None = None
        for label in self._labels(wall - change):
            if found is not None and label - 2 * change > found.astimezone(self.zone).replace(tzinfo=None):
                break
            later = [one for one in self._moments(label) if one > moment and (found is None or one < found)]
            found = min(later, default=found)
        return None if found is None else found.astimezone(self.zone)

    def upcoming(self, moment: datetime, count: int) -> list[datetime]:
        """The next moments after this one."""
        moments: list[datetime] = []
        while len(moments) < count and (following := self.after(moments[-1] if moments else moment)) is not None:
            moments.append(following)
        return moments

    def last(self, after: datetime, until: datetime) -> datetime | None:
        """The last moment later than `after`, and not later than `until`."""
        look = FIRST_LOOK
        while True:
            start = max(after, until - look)
            found: datetime | None = None
            while (following := self.after(found or start)) is not None and following <= until:
                found = following
            if found is not None or start <= after:
                return found
            look *= 4

    def _labels(self, start: datetime) -> Iterator[datetime]:
        """Wall-clock times that match, from `start` on."""
        moment = start
        while True:
            following = [
                found
                for calendar in self._calendars
                if (found := calendar.get_next_fire_time(None, moment.replace(tzinfo=UTC))) is not None
            ]
            if not following:
                return
            label = min(following).replace(tzinfo=None)
            yield label
            moment = label + ONE_MINUTE

    def _moments(self, label: datetime) -> Sequence[datetime]:
        """The moments, in UTC, that a wall-clock time stands for here."""
        first, second = (label.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        moments = [one.astimezone(UTC) for one in (first, second)]
        if first.utcoffset() == second.utcoffset():
            return moments[:1]
        if moments[0].astimezone(self.zone).replace(tzinfo=None) != label:  # swallowed by a gap
            gap = moments[0] - moments[1]
            return [] if self.cron.wildcard_time or gap >= ONE_DAY else [self._end_of_gap(moments[1], moments[0])]
        return moments if self.cron.wildcard_time else moments[:1]

    def _end_of_gap(self, before: datetime, after: datetime) -> datetime:
        """The moment at which the clock is put forward, between two moments around it."""
        offset = before.astimezone(self.zone).utcoffset()
        while after - before > timedelta(seconds=1):
            middle = before + (after - before) / 2
            middle = middle.replace(microsecond=0)
            if middle.astimezone(self.zone).utcoffset() == offset:
                before = middle
            else:
                after = middle
        return after

    def _change_around(self, moment: datetime) -> timedelta:
        """By how much the clock is changed near a moment."""
        offsets = [
            offset
            for distance in (-NEIGHBOURHOOD, timedelta(), NEIGHBOURHOOD)
            if (offset := (moment + distance).astimezone(self.zone).utcoffset()) is not None
        ]
        return max(offsets) - min(offsets)


def _calendars(cron: Cron) -> list[CronTrigger]:
    """Calendars of wall-clock time; a time that any of them matches is meant."""
    either = cron.day_restricted and cron.weekday_restricted
    days, weekdays = _listed(cron.days), ",".join(WEEKDAYS[day] for day in cron.weekdays)
    pairs = [(days, "*"), ("*", weekdays)] if either else [(days, weekdays)]
    return [
        CronTrigger(
            month=_listed(cron.months),
            day=day,
            day_of_week=weekday,
            hour=_listed(cron.hours),
            minute=_listed(cron.minutes),
            timezone=UTC,  # stands for no zone at all: wall-clock time as it is written
        )
        for day, weekday in pairs
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
