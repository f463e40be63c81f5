"""The numbers of a crowd's models in the order of a listing, from any row on; nothing is ever sorted as a whole.

By `createdAt` that is the number itself, by `downloads` a rank (`downloads.Downloads`). By `lastModified` it is a merge
of streams that each rise in time by themselves: models untouched since their first upload, two kinds of models touched
later, and the moments of each week. Rows with equal keys follow each other by `_id`, which rises with the number.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.samplehub.crowd.calendar import TOUCHED_LATER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scanner.samplehub.crowd.models import Models

CLASSES = 8  # models are untouched, or touched later, by their number modulo this


def by_creation(models: Models, after: int | None, *, descending: bool) -> Iterator[int]:
    """Numbers by `createdAt`, where all the old ones are equal."""
    old, total = models.calendar.old, models.total
    if not descending:
        yield from range(0 if after is None else after + 1, total)
        return
    if after is None or after >= old:
        yield from range((total if after is None else after) - 1, old - 1, -1)
        after = -1
    yield from range(after + 1, old)


def by_trend(models: Models, after: int | None, *, descending: bool) -> Iterator[int]:
    """Numbers by `trendingScore`: nobody has one, so they are all equal."""
    del descending
    yield from range(0 if after is None else after + 1, models.total)


def by_downloads(models: Models, after: int | None, *, descending: bool) -> Iterator[int]:
    """Numbers by downloads."""
    downloads, total = models.downloads, models.total
    if descending:
        start = 0 if after is None else downloads.place(after) + 1
        yield from map(downloads.at, range(start, total))
        return
    if after is None:
        place = total
    else:
        at = downloads.place(after)
        place, end = downloads.equals(at)
        yield from map(downloads.at, range(at + 1, end))
    while place > 0:
        low, high = downloads.equals(place - 1)
        yield from map(downloads.at, range(low, high))
        place = low


@dataclass(frozen=True)
class _Stream:
    """Models whose times rise with their place; a time that is no longer their last one passes them over."""

    length: int
    model_at: Callable[[int], int]
    time_at: Callable[[int], int]

    def entries(self, first: int | None, *, descending: bool) -> Iterator[tuple[int, int]]:
        """(time, number) from a time on, that time included; the time negative where the order is descending."""
        places = range(self.length)
        if descending:
            stop = self.length if first is None else bisect_right(places, first, key=self.time_at)
            for place in range(stop - 1, -1, -1):
                yield -self.time_at(place), self.model_at(place)
        else:
            start = 0 if first is None else bisect_left(places, first, key=self.time_at)
            for place in range(start, self.length):
                yield self.time_at(place), self.model_at(place)


def by_modification(models: Models, after: int | None, *, descending: bool) -> Iterator[int]:
    """Numbers by `lastModified`."""
    calendar = models.calendar
    first = None if after is None else calendar.fate(after).modified
    beyond = None if first is None or after is None else (-first if descending else first, after)
    streams = (stream.entries(first, descending=descending) for stream in _streams(models))
    for time, number in heapq.merge(*streams):
        if (beyond is None or (time, number) > beyond) and calendar.fate(number).modified == abs(time):
            yield number


def _streams(models: Models) -> list[_Stream]:
    calendar, count = models.calendar, models.settings.models
    untouched = [rest for rest in range(CLASSES) if rest not in TOUCHED_LATER]
    streams = []
    for group in (untouched, *([rest] for rest in TOUCHED_LATER)):
        length = sum(len(range(rest, count, CLASSES)) for rest in group)

        def model_at(place: int, group: list[int] = group) -> int:
            return place // len(group) * CLASSES + group[place % len(group)]

        def time_at(place: int, model_at: Callable[[int], int] = model_at) -> int:
            return calendar.first_modified(model_at(place))

        streams.append(_Stream(length, model_at, time_at))
    return streams + [_Stream(week.moments, week.model_at, week.time) for week in calendar.weeks]


ORDERS = {
    "createdAt": by_creation,
    "downloads": by_downloads,
    "lastModified": by_modification,
    "trendingScore": by_trend,
}
"""By the names of `sort`; by likes there is none."""
