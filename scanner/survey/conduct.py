"""One survey, from a run's listing to shares with intervals.

The frame is read once into sums and arrays, divided into strata, and a sample is drawn. A second pass over it finds the
names of the models that were drawn; they are read until the budget is spent, and the shares are estimated from those
that were read before the first one of their stratum that was not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scanner.catalogue.frame import frame_rows, is_latest
from scanner.deepread import Options
from scanner.errors import UsageError
from scanner.scope import strict_threshold
from scanner.survey.estimates import Estimate, Share
from scanner.survey.population import Denominator, Population, build, random_number
from scanner.survey.reading import Read, SampleReader
from scanner.survey.results import Answered, Sample, shares, undecided
from scanner.survey.sampling import Drawn, draw
from scanner.survey.strata import Design, make_design

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.regulation import Regulation
    from scanner.catalogue.frame import FrameRow
    from scanner.catalogue.store import Store
    from scanner.catalogue.tables import Run
    from scanner.sources.huggingface import HuggingFace

REQUESTS_PER_MODEL = 2.2
"""What a model costs for planning: its page, and mostly one file. Reading goes on until the budget is spent."""


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one question.

    Attributes:
        regulation: its id.
        honoured: declared limits take effect as the regulation says; otherwise they are ignored.
        shares: in scope, by denominator; None where there is nothing to be a share of.
        undecided: the share that stays undecided when everything is read that can be.
    """

    regulation: str
    honoured: bool
    shares: Mapping[Denominator, Estimate | None]
    undecided: Mapping[Denominator, Share | None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done.

    Attributes:
        population: the frame.
        design: its strata.
        drawn: the models that a budget could reach, in their order.
        budget: requests.
        expected: models that the budget is expected to suffice for.
    """

    population: Population
    design: Design
    drawn: Sequence[Drawn]
    budget: int
    expected: int


@dataclass(frozen=True, slots=True)
class Member:
    """One model of the sample.

    Attributes:
        counted: it is part of the estimate; otherwise one before it in its stratum was not reached.
    """

    drawn: Drawn
    read: Read
    counted: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """A finished survey, with all that citing it takes.

    Attributes:
        unreached: the budget did not suffice for every open model.
        identical: models of the sample whose weights are those of another one of it, by digest.
    """

    run: Run
    finished_at: datetime
    tool_version: str
    seed: int
    plan: Plan
    members: Sequence[Member]
    requests: Mapping[str, int]
    results: Sequence[Result]

    @property
    def counted(self) -> list[Member]:
        """The members that the estimates rest on."""
        return [member for member in self.members if member.counted]

    @property
    def unread(self) -> Counter[str]:
        """The members that have no answer, by reason."""
        return Counter(member.read.code for member in self.counted if member.read.code)

    @property
    def identical(self) -> int:
        """Members whose weights are, file by file, those of another member."""
        seen = Counter(member.read.weights for member in self.members if member.read.weights)
        return sum(count for count in seen.values() if count > 1)


@dataclass
class Surveyor:
    """Carries a survey out: make the plan, tell it to the person, then conduct.

    Attributes:
        budget: requests to the Hub, of both buckets together.
        seed: of the sample.
    """

    engine: Engine
    run: Run
    regulations: Sequence[Regulation]
    budget: int
    seed: int
    tool_version: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    watch: Callable[[int, int], None] = lambda _done, _sent: None
    _latest: bool = field(init=False, default=False)

    def plan(self) -> Plan:
        """Read the frame and draw the sample; nothing is asked and nothing stored.

        Raises:
            UsageError: the run did not list everything.
        """
        require_listing(self.run)
        self._latest = is_latest(self.engine, self.run)
        population = build(self._rows(), self._thresholds, self.seed)
        expected = min(max(int(self.budget / REQUESTS_PER_MODEL), 1), len(population.open))
        design = make_design(population, expected)
        return Plan(population, design, draw(population.open, design, self.budget), self.budget, expected)

    def conduct(self, plan: Plan, source: HuggingFace, store: Store, options: Options) -> Survey:
        """Read the sample and estimate.

        Args:
            plan: of this survey.
            source: a Hub whose budget of requests is that of the survey.
            store: the caller is its only writer.
            options: of reading.

        Raises:
            UsageError: the Hub is another one than the run's.
            IncompleteError: see `SampleReader.read_sample`.
        """
        if source.client.endpoint != self.run.endpoint:
            raise UsageError(
                f"run {self.run.id} listed {self.run.endpoint}, and the Hub to be asked is {source.client.endpoint}; "
                "set HF_ENDPOINT to the former, or scan the latter"
            )
        named = self._named(plan.drawn)
        reader = SampleReader(
            source, store, self.run, self._latest, self.regulations, options, self.now, watch=self.watch
        )
        drawn = {key: (one, name) for one in plan.drawn for key, name in (named[one.random],)}
        reads = {read.key: read for read in reader.read_sample([(key, name) for key, (_, name) in drawn.items()])}
        answered = [Answered(one, reads[key].pattern) for key, (one, _) in drawn.items() if key in reads]
        sample = Sample.of(plan.design, answered)
        kept = {one.drawn.random for one in sample.answered}
        members = [Member(one, reads[key], one.random in kept) for key, (one, _) in drawn.items() if key in reads]
        return Survey(
            self.run,
            self.now(),
            self.tool_version,
            self.seed,
            plan,
            members,
            dict(source.client.requests),
            list(self._results(plan.population, sample)),
        )

    def _results(self, population: Population, sample: Sample) -> Iterator[Result]:
        for number, regulation in enumerate(self.regulations):
            for honoured in (True, False):
                question = 2 * number + (not honoured)
                found = shares(population, sample, question), undecided(population, sample, question)
                yield Result(regulation.id, honoured, *found)

    def _named(self, drawn: Sequence[Drawn]) -> dict[int, tuple[str, str]]:
        """Key and name of the models drawn, by their random numbers."""
        wanted = {one.random for one in drawn}
        found: dict[int, tuple[str, str]] = {}
        if not wanted:
            return found
        for row in self._rows():
            number = random_number(self.seed, row.key)
            if number in wanted:
                found[number] = row.key, row.name
        return found

    def _rows(self) -> Iterator[FrameRow]:
        ids = [regulation.id for regulation in self.regulations]
        return frame_rows(self.engine, self.run, ids, self._thresholds, latest=self._latest)

    @property
    def _thresholds(self) -> list[int]:
        return [strict_threshold(regulation) for regulation in self.regulations]


def require_listing(run: Run) -> None:
    """Refuse a run that did not list everything: a share of a part says nothing of the whole.

    Raises:
        UsageError: it did not.
    """
    scan = "let `hubscope scan --all --deep never` come to its end, or name a run of it"
    if not run.sweep and run.base is None:
        raise UsageError(
            f"run {run.id} ({run.selection}) lists a part of the Hub, and a survey needs all of it; {scan}"
        )
    if not run.listing_done:
        raise UsageError(f"run {run.id} has not come to the end of its listing, which a survey needs; {scan}")


def windows(requests: int, quota: int) -> int:
    """Minutes that requests take by a quota for five minutes."""
    return 5 * math.ceil(requests / quota) if requests else 0
