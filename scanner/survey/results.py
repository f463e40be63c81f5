"""From what the sample's models turned out to be, to every share that a survey gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scanner.survey.estimates import Estimate, Group, Share, estimate
from scanner.survey.population import DENOMINATORS, Denominator, Pattern, Population
from scanner.survey.sampling import Drawn
from scanner.survey.strata import Design


@dataclass(frozen=True, slots=True)
class Answered:
    """One model of the sample with what it turned out to be.

    Attributes:
        drawn: its place in the sample.
        pattern: its verdicts; None where they are undecided still, or it could not be read.
    """

    drawn: Drawn
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample that was read: of every stratum the first so many of its random order."""

    design: Design
    answered: Sequence[Answered]

    @classmethod
    def of(cls, design: Design, answered: Sequence[Answered]) -> Sample:
        """Keep of each stratum the models before the first one that was not reached: they were drawn by chance alone.

        What lies behind it was read because it came quickly, perhaps, which is no chance.
        """
        ranks: dict[int, set[int]] = {}
        for one in answered:
            ranks.setdefault(one.drawn.stratum, set()).add(one.drawn.rank)
        reached = {number: next(n for n in range(len(found) + 1) if n not in found) for number, found in ranks.items()}
        return cls(design, [one for one in answered if one.drawn.rank < reached[one.drawn.stratum]])


def shares(population: Population, sample: Sample, question: int) -> Mapping[Denominator, Estimate | None]:
    """The share in scope for each denominator.

    Args:
        population: the frame.
        sample: what was read.
        question: the place in a pattern: a regulation, declarations honoured or ignored.
    """
    by_stratum = _by_stratum(sample)
    found = {}
    for d, denominator in enumerate(DENOMINATORS):
        known = [sizes[d] for pattern, sizes in _known(population) if pattern[question]]
        shut = [sizes[d] for pattern, sizes in population.shut.items() if pattern[question] is None]
        groups = []
        for stratum, members in zip(sample.design.strata, by_stratum, strict=True):
            settled = stratum.pattern[question]
            if settled is not None:
                known.append(stratum.totals[d] if settled else 0)
                continue
            answers = [(one.drawn.sizes[d], one.pattern[question]) for one in members]
            groups.append(Group(stratum.models, stratum.totals[d], stratum.squares[d], answers, stratum.kin))
        found[denominator] = estimate(math.fsum(known), population.totals[d], groups, math.fsum(shut))
    return found


def undecided(population: Population, sample: Sample, question: int) -> Mapping[Denominator, Share | None]:
    """The share that is undecided when everything that can be read is read."""
    by_stratum = _by_stratum(sample)
    found = {}
    for d, denominator in enumerate(DENOMINATORS):
        known = [sizes[d] for pattern, sizes in population.shut.items() if pattern[question] is None]
        groups = []
        for stratum, members in zip(sample.design.strata, by_stratum, strict=True):
            if stratum.pattern[question] is None:
                answers: list[tuple[float, bool | None]] = [
                    (one.drawn.sizes[d], one.pattern[question] is None) for one in members
                ]
                groups.append(Group(stratum.models, stratum.totals[d], stratum.squares[d], answers, stratum.kin))
        result = estimate(math.fsum(known), population.totals[d], groups)
        found[denominator] = None if result is None else result.missing_at_random
    return found


def _known(population: Population) -> list[tuple[Pattern, tuple[float, float, float]]]:
    """Sums of the models whose verdicts are known, wherever they are kept."""
    return [*population.decided.items(), *population.shut.items()]


def _by_stratum(sample: Sample) -> list[list[Answered]]:
    found: list[list[Answered]] = [[] for _ in sample.design.strata]
    for one in sample.answered:
        found[one.drawn.stratum].append(one)
    return found
