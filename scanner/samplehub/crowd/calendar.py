"""When models of a crowd were made and changed, and what happens to them in a week.

Creation rises with a model's number, slowly at first. The oldest carry the Hub's floor as `createdAt`, all the same,
while their `_id` and `lastModified` are older and distinct. In a week something happens to a share of the models, a
fifth of which are new ones. The others are chosen by their place in that week's shuffle: the first sixteenth is
deleted, the next renamed, the rest gets a commit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from scanner.samplehub.crowd.draws import Shuffle, Spread
from scanner.samplehub.crowd.settings import Settings
from scanner.samplehub.repository import CREATED_FLOOR

FIRST = int(datetime(2019, 11, 4, tzinfo=UTC).timestamp())
FLOOR = int(datetime.fromisoformat(CREATED_FLOOR).timestamp())
NOW = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp())  # the end of week 0
WEEK_SECONDS = 7 * 86_400
OLD_SHARE = 0.012  # of the models were there before the floor
LAG_SECONDS = 240  # from a repository's creation to the end of its first upload
TOUCHED_LATER = {5: 0.45, 6: 0.9}  # number modulo 8: how far between its creation and now it was last changed


def stamp(seconds: int) -> str:
    """A time as the Hub writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:19] + ".000Z"


@dataclass(frozen=True)
class Week:
    """What happens between two Sundays.

    Attributes:
        number: From 1.
        first_new: The number of the first model that is born in it.
    """

    settings: Settings
    number: int
    first_new: int

    @cached_property
    def touched(self) -> int:
        """Models of before that something happens to: four fifths of the share, the last fifth being new."""
        return round(self.settings.models * self.settings.changed * 0.8)

    @cached_property
    def deleted(self) -> int:
        """The first places of the shuffle."""
        return self.touched // 16

    @cached_property
    def renamed(self) -> int:
        """The places after those."""
        return self.touched // 16

    @cached_property
    def committed(self) -> int:
        """The places after those: a new commit."""
        return self.touched - self.deleted - self.renamed

    @cached_property
    def born(self) -> int:
        """New models."""
        return round(self.settings.models * self.settings.changed * 0.2)

    @cached_property
    def shuffle(self) -> Shuffle:
        """A model's place; what happens to it follows from that."""
        return Shuffle(self.settings.models, self.settings.seed * 64 + self.number)

    @cached_property
    def commits(self) -> Spread:
        """Which moments of the week belong to births, the others to commits."""
        return Spread(self.born, max(self.born + self.committed, 1))

    @property
    def moments(self) -> int:
        """How many there are; each is some seconds after the one before."""
        return self.born + self.committed

    def time(self, moment: int) -> int:
        """Seconds since the epoch of a moment."""
        return NOW + (self.number - 1) * WEEK_SECONDS + (moment * WEEK_SECONDS + WEEK_SECONDS // 2) // self.moments

    def model_at(self, moment: int) -> int:
        """The model that is born or gets its commit then."""
        if self.commits.chosen(moment):
            return self.first_new + self.commits.before(moment)
        place = self.deleted + self.renamed + moment - self.commits.before(moment)
        return self.shuffle.inverse(place)

    def commit_time(self, place: int) -> int:
        """When the model of this place gets its commit."""
        return self.time(self.commits.nth_other(place - self.deleted - self.renamed))

    def birth_time(self, number: int) -> int:
        """When a model that is new in this week was made."""
        return self.time(self.commits.nth(number - self.first_new))


@dataclass(frozen=True, slots=True)
class Fate:
    """What the weeks up to now have done to a model.

    Attributes:
        deleted_in: The week in which it went, 0 if it is there.
        deleted_as: Its place among those that went in that week.
        renamed_in: The weeks in which it got another name.
        committed_in: The weeks in which it got a commit.
        modified: When the last commit was made, in seconds since the epoch.
    """

    deleted_in: int
    deleted_as: int
    renamed_in: tuple[int, ...]
    committed_in: tuple[int, ...]
    modified: int


class Calendar:
    """All times of a crowd."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.old = int(settings.models * OLD_SHARE)
        self.weeks: list[Week] = []
        self.total = settings.models
        for number in range(1, settings.week + 1):
            week = Week(settings, number, self.total)
            if week.moments > WEEK_SECONDS:
                raise ValueError(f"changed: {settings.changed} of {settings.models} are more than seconds in a week")
            self.weeks.append(week)
            self.total += week.born

    @property
    def now(self) -> int:
        """The end of the last week that has passed."""
        return NOW + self.settings.week * WEEK_SECONDS

    def born(self, number: int) -> int:
        """Seconds since the epoch; rises with the number."""
        if number >= self.settings.models:
            return self._week_of(number).birth_time(number)
        if number < self.old:
            return FIRST + (FLOOR - FIRST) * number // self.old
        share = (number - self.old) / (self.settings.models - self.old)
        # Growth that rises linearly: the number of models with the square of time.
        return FLOOR + 1 + int((NOW - 3600 - FLOOR) * math.sqrt(share * 1.05 + 0.0025) / 1.026)

    def first_modified(self, number: int, born: int | None = None) -> int:
        """The last commit before any of the weeks; when the model was born may be given."""
        born = self.born(number) if born is None else born
        if number >= self.settings.models:
            return born
        share = TOUCHED_LATER.get(number % 8)
        return born + LAG_SECONDS if share is None else born + int((NOW - born) * share)

    def _week_of(self, number: int) -> Week:
        return next(week for week in reversed(self.weeks) if number >= week.first_new)

    def fate(self, number: int, born: int | None = None) -> Fate:
        """What has happened to a model; when it was born may be given."""
        if not self.weeks or number >= self.settings.models:
            return Fate(0, 0, (), (), self.first_modified(number, born))
        renamed: list[int] = []
        committed: list[int] = []
        modified = 0
        for week in self.weeks:
            place = week.shuffle.at(number)
            if place < week.deleted:
                return Fate(week.number, place, tuple(renamed), tuple(committed), modified)
            if place < week.deleted + week.renamed:
                renamed.append(week.number)
            elif place < week.touched:
                committed.append(week.number)
                modified = week.commit_time(place)
        return Fate(0, 0, tuple(renamed), tuple(committed), modified or self.first_modified(number, born))
