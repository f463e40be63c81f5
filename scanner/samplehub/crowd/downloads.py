"""Downloads of the last month: most models have few, a few have millions, and the order needs no sorting.

Two fifths have none. How many have at least v falls with a power of v; below `HEAD_LEAST` each value's models are
spread evenly over the crowd (`draws.Spread`), so that they can be counted and numbered. The rest, the head, is ranked
by a shuffle. Models with equal downloads follow each other by `_id`, as in every listing of the Hub.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache

from scanner.samplehub.crowd.calendar import Calendar
from scanner.samplehub.crowd.draws import Shuffle, Spread

NONE_SHARE = 0.4
HEAD_LEAST = 16
TAIL_POWER, HEAD_POWER = 0.727, 1.15
WEEKLY_GROWTH = 0.02  # of the head's downloads
NEWCOMERS = 8  # a new model has fewer than this many


def _at_least(value: int) -> float:
    return (1 - NONE_SHARE) * value**-TAIL_POWER if value else 1.0


LEVELS = [Spread(round(10_000 * (1 - _at_least(value + 1) / _at_least(value))), 10_000) for value in range(HEAD_LEAST)]
"""For each value of the tail, which of the models that have at least as many have no more."""


class Downloads:
    """Values and ranks for every model of a crowd."""

    def __init__(self, calendar: Calendar) -> None:
        self._models, self._total = calendar.settings.models, calendar.total
        self._growth = 1 + WEEKLY_GROWTH * calendar.settings.week
        left, self._counts = self._models, []
        for level in LEVELS:
            self._counts.append(level.before(left))
            left -= self._counts[-1]
        self._head = left
        self._shuffle = Shuffle(max(left, 1), calendar.settings.seed * 64 + 63)
        self._starts: list[int] = []  # of each tail value's models in the listing
        place = left
        for value in reversed(range(HEAD_LEAST)):
            self._starts.insert(0, place)
            place += self._counts[value] + self._new_ones(value)
        self._block = lru_cache(maxsize=4)(self._sorted_block)

    def _new_ones(self, value: int) -> int:
        born = self._total - self._models
        return len(range(value, born, NEWCOMERS)) if value < NEWCOMERS else 0

    def _level(self, number: int) -> tuple[int, int]:
        """The tail value and the rank among its models; `HEAD_LEAST` and the number within the head."""
        for value, level in enumerate(LEVELS):
            before = level.before(number)
            if level.chosen(number):
                return value, before
            number -= before
        return HEAD_LEAST, number

    def of(self, number: int) -> int:
        """A model's downloads."""
        if number >= self._models:
            return (number - self._models) % NEWCOMERS
        value, rank = self._level(number)
        return value if value < HEAD_LEAST else self._value(self._shuffle.at(rank))

    def _value(self, rank: int) -> int:
        """What the model of this rank has; never less than `HEAD_LEAST`."""
        return int(HEAD_LEAST * (self._head / (rank + 1)) ** HEAD_POWER * self._growth)

    def at(self, place: int) -> int:
        """The model at a place of the listing by downloads, most first."""
        if place < self._head:
            low, high = self._bounds(place)
            return self._block(low, high)[place - low]
        value = next(value for value, start in enumerate(self._starts) if place >= start)
        rank = place - self._starts[value]
        if rank >= self._counts[value]:
            return self._models + value + NEWCOMERS * (rank - self._counts[value])
        number = LEVELS[value].nth(rank)
        return self._up(number, value)

    def place(self, number: int) -> int:
        """Where a model is in that listing."""
        if number >= self._models:
            value = (number - self._models) % NEWCOMERS
            return self._starts[value] + self._counts[value] + (number - self._models) // NEWCOMERS
        value, rank = self._level(number)
        if value < HEAD_LEAST:
            return self._starts[value] + rank
        low, high = self._bounds(self._shuffle.at(rank))
        return low + bisect_left(self._block(low, high), number)

    def equals(self, place: int) -> tuple[int, int]:
        """From where to where in the listing the downloads are the same as at this place."""
        if place < self._head:
            return self._bounds(place)
        value = next(value for value, start in enumerate(self._starts) if place >= start)
        return self._starts[value], self._starts[value] + self._counts[value] + self._new_ones(value)

    @staticmethod
    def _up(number: int, value: int) -> int:
        """The model that is this number of those that have at least `value` downloads."""
        for level in reversed(LEVELS[:value]):
            number = level.nth_other(number)
        return number

    def _bounds(self, rank: int) -> tuple[int, int]:
        """The ranks of the head that have as many downloads as this one."""
        value = self._value(rank)
        ranks = range(self._head)
        low = bisect_left(ranks, -value, key=lambda other: -self._value(other))
        return low, bisect_left(ranks, -value + 1, key=lambda other: -self._value(other))

    def _sorted_block(self, low: int, high: int) -> list[int]:
        return sorted(self._up(self._shuffle.inverse(rank), HEAD_LEAST) for rank in range(low, high))
