"""From a sample to a share of the frame and its 95% interval. Pure.

The estimator is the separate ratio estimator (Cochran 1977, 6.10): in each stratum the share found among the sample,
by the size that is asked for, times the known sum of that size. With size 1 that is the stratified mean; with one over
the size of its class it is the generalised weight share estimator (Lavallee 2007), whose link weights the listing
gives; with downloads, a ratio whose denominator is known. A census gives the truth, with no width.

For strata of the same kin the interval is a score interval in the manner of Wilson's, with a variance that changes with
the share, and Student's t at Satterthwaite's degrees of freedom in place of z. In each stratum the variance is taken at
a share drawn towards that of its kin, since a few models that all agree do not show that everybody does. The intervals
of kin are put together by the distances of their ends (Zou and Donner 2008), so that what is near 0 may be off upwards
and what is near 1 downwards. docs/survey.md tells what was chosen among.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from scanner.survey.quantiles import t_quantile

LEVEL = 0.95
PRIOR = 2.0  # models that the whole sample's share counts for in each stratum
LEAST_ANSWERS = 10  # of kin, for an interval of their own
LEAST_FREEDOM = 1.0
FEW = 4.0  # models on one side, below which its share is told by Poisson's distribution
NORMAL = NormalDist().inv_cdf((1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True)
class Group:
    """A stratum as the estimator sees it, for one size and one question.

    Attributes:
        models: how many it holds.
        total: the sum of their sizes.
        squares: the sum of the squares of their sizes.
        sample: size and answer of each that was drawn; None where it could not be found out.
        kin: strata of the same kin are expected to be alike.
    """

    models: int
    total: float
    squares: float
    sample: Sequence[tuple[float, bool | None]]
    kin: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """A share between 0 and 1 with its interval; `low == high` where nothing was left to chance."""

    point: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of the whole frame.

    Attributes:
        missing_at_random: those that could not be found out are taken to be like the others of their stratum; None
            where nobody was found out at all.
        bounds: the point estimates with all of them out, and all of them in.
        worst: from the lower end of the interval with all of them out to the upper end with all of them in.
    """

    missing_at_random: Share | None
    bounds: tuple[float, float]
    worst: tuple[float, float]


def estimate(known: float, total: float, groups: Sequence[Group], shut: float = 0.0) -> Estimate | None:
    """Estimate a share.

    Args:
        known: sum of the sizes of those that are known to be in.
        total: sum of the sizes of the frame.
        groups: the strata.
        shut: sum of the sizes of those that are known not to be known.

    Returns:
        The estimate; None where there is nothing to be a share of.
    """
    if total <= 0:
        return None
    out, in_ = (_part([_filled(group, value=value) for group in groups]) for value in (False, True))
    assert out is not None  # noqa: S101 - where everybody has an answer, there is one
    assert in_ is not None  # noqa: S101 - likewise
    found = _part(groups, shut)

    def share(amount: float) -> float:
        return min(max((known + amount) / total, 0.0), 1.0)

    random = None if found is None else Share(*(share(amount) for amount in found))
    return Estimate(
        random,
        (share(out[0]), share(in_[0] + shut)),
        (share(out[1]), share(in_[2] + shut)),
    )


def _filled(group: Group, *, value: bool) -> Group:
    """A stratum with every missing answer set; one of which nobody was drawn is set as a whole."""
    sample = [(size, value if answer is None else answer) for size, answer in group.sample]
    if not sample and group.models:
        sample = [(group.total, value)]
        return Group(1, group.total, group.total**2, sample, group.kin)
    return replace(group, sample=sample)


@dataclass(frozen=True, slots=True)
class _Stratum:
    """What a stratum's answers come to."""

    kin: str
    total: float
    answers: int
    found: float  # of these, the sum of those that are in
    ratio: float | None
    effective: float  # models of equal size that they are worth
    rest: float  # sum of the sizes of those without an answer
    rest_squares: float


def _part(groups: Sequence[Group], shut: float = 0.0) -> tuple[float, float, float] | None:
    """The sum of the sizes of those that are in, with its interval; None where there is no answer to go by."""
    strata = [_stratum(group) for group in groups if group.total > 0]
    if shut > 0:
        strata.append(_Stratum("", shut, 0, 0.0, None, 0.0, shut, 0.0))
    told = [s for s in strata if s.ratio is not None]
    covered = math.fsum(s.total for s in told)
    if covered <= 0:
        return None if strata else (0.0, 0.0, 0.0)
    pooled = math.fsum(s.total * (s.ratio or 0.0) for s in told) / covered
    likely = _Likely(told, pooled)
    families = _families(strata)
    errors = [_Error.of(family, likely) for family in families]
    variance, squares = (math.fsum(getattr(error, name) for error in errors) for name in ("variance", "squares"))
    freedom = max(variance**2 / squares, LEAST_FREEDOM) if squares > 0 else LEAST_FREEDOM
    amounts = [math.fsum(s.total * (pooled if s.ratio is None else s.ratio) for s in family) for family in families]
    ends = [error.interval(amount, freedom) for error, amount in zip(errors, amounts, strict=True)]
    point = math.fsum(amounts)
    below = math.sqrt(math.fsum((amount - low) ** 2 for amount, (low, _) in zip(amounts, ends, strict=True)))
    above = math.sqrt(math.fsum((high - amount) ** 2 for amount, (_, high) in zip(amounts, ends, strict=True)))
    seen, rest = math.fsum(s.found for s in strata), math.fsum(s.rest for s in strata)
    return point, max(point - below, min(seen, point)), min(point + above, max(seen + rest, point))


def _families(strata: Sequence[_Stratum]) -> list[list[_Stratum]]:
    """Strata by kin; those of kin with few answers together."""
    by_kin: dict[str, list[_Stratum]] = {}
    for s in strata:
        by_kin.setdefault(s.kin, []).append(s)
    large = [kin for kin in sorted(by_kin) if sum(s.answers for s in by_kin[kin]) >= LEAST_ANSWERS]
    small = [s for kin in sorted(by_kin) if kin not in large for s in by_kin[kin]]
    return [*(by_kin[kin] for kin in large), *([small] if small else [])]


@dataclass(frozen=True, slots=True)
class _Hits:
    """How much of the rest of some strata is on one side, and how many models of the sample say so.

    Attributes:
        amount: the estimate.
        number: models of equal weight that it is worth.
    """

    amount: float
    number: float

    @classmethod
    def of(cls, strata: Sequence[_Stratum], *, value: bool) -> _Hits:
        """Those in, or those out."""
        amount = squares = 0.0
        for s in strata:
            if s.ratio is not None:
                part = s.rest * (s.ratio if value else 1.0 - s.ratio)
                amount += part
                squares += part * s.rest / max(s.effective, 1.0)
        return cls(amount, amount**2 / squares if squares > 0 else 0.0)

    def at_least(self) -> float:
        """Its lower limit where it rests on a few models, as of a Poisson variable; infinite where on none, or on more.

        A score interval holds too little below one to three hits (Brown, Cai and DasGupta 2001, section 4.1). The
        limit is that of a gamma variable with the same mean and variance (Fay and Feuer 1997), by Wilson and Hilferty.
        """
        if not 0 < self.number < FEW:
            return math.inf
        ninth = 1.0 / (9.0 * self.number)
        return self.amount * max(1.0 - ninth - NORMAL * math.sqrt(ninth), 0.0) ** 3


@dataclass(frozen=True, slots=True)
class _Error:
    """What chance may have done to the sum over strata of the same kin.

    Attributes:
        variance: of the sum.
        squares: of the strata's variances, each over its degrees of freedom.
        slope: by how much the variance grows with the sum.
        least, most: what the sum cannot be below or above, whatever the rest is.
        inside, outside: what the rest of those that are in, and of those that are out, is estimated from.
    """

    variance: float
    squares: float
    slope: float
    least: float
    most: float
    inside: _Hits
    outside: _Hits

    @classmethod
    def of(cls, strata: Sequence[_Stratum], likely: _Likely) -> _Error:
        """The error of these strata together."""
        variance = squares = skew = 0.0
        for s in strata:
            expected = likely.of(s)
            jump = s.rest / max(s.effective, 1.0)  # what one more of the sample adds to the rest
            # No error of the rest is larger than all of it.
            added = expected * (1 - expected) * min(s.rest * jump + s.rest_squares, s.rest**2)
            variance += added
            squares += added**2 / max(s.answers - 1.0, LEAST_FREEDOM)
            skew += added * (1 - 2 * expected) * jump
        seen, rest = math.fsum(s.found for s in strata), math.fsum(s.rest for s in strata)
        slope = skew / variance if variance > 0 else 0.0
        inside, outside = (_Hits.of(strata, value=value) for value in (True, False))
        return cls(variance, squares, slope, seen, seen + rest, inside, outside)

    def interval(self, point: float, freedom: float) -> tuple[float, float]:
        """The sum's interval by itself."""
        if self.variance <= 0:  # nothing was left to chance
            return point, point
        low, high = score_interval(point, self.variance, self.slope, freedom)
        low = min(low, self.least + self.inside.at_least())
        high = max(high, self.most - self.outside.at_least())
        return min(max(low, self.least), point), max(min(high, self.most), point)


def _stratum(group: Group) -> _Stratum:
    answers = [(size, answer) for size, answer in group.sample if answer is not None]
    seen = math.fsum(size for size, _ in answers)
    found = math.fsum(size for size, answer in answers if answer)
    squares = math.fsum(size * size for size, _ in answers)
    count = len(answers)
    if count == group.models:
        return _Stratum(group.kin, group.total, count, found, found / group.total, float(count), 0.0, 0.0)
    if seen > 0:
        ratio: float | None = found / seen
        effective = seen * seen / squares
    else:  # all of size nothing: they count alike
        ratio = sum(1 for _, answer in answers if answer) / count if answers else None
        effective = float(count)
    rest, rest_squares = max(group.total - seen, 0.0), max(group.squares - squares, 0.0)
    return _Stratum(group.kin, group.total, count, found, ratio, effective, rest, rest_squares)


class _Likely:
    """The share to be expected in a stratum: its own, drawn towards that of its kin, and that towards the whole's.

    A few models that all agree do not show that everybody in the stratum does.
    """

    def __init__(self, told: Sequence[_Stratum], pooled: float) -> None:
        answers = math.fsum(s.effective for s in told)
        self.overall = (pooled * answers + 0.5) / (answers + 1.0)
        self._kin: dict[str, float] = {}
        for kin in sorted({s.kin for s in told}):
            alike = [s for s in told if s.kin == kin]
            found = math.fsum(s.effective * (s.ratio or 0.0) for s in alike)
            number = math.fsum(s.effective for s in alike)
            self._kin[kin] = (found + PRIOR * self.overall) / (number + PRIOR)

    def of(self, stratum: _Stratum) -> float:
        """The share to be expected."""
        towards = self._kin.get(stratum.kin, self.overall)
        if stratum.ratio is None:
            return towards
        return (stratum.ratio * stratum.effective + towards * PRIOR) / (stratum.effective + PRIOR)


def score_interval(point: float, variance: float, slope: float, freedom: float) -> tuple[float, float]:
    """The values that lie within t standard errors of the point, where the variance grows with the value.

    Of a simple share p of n the variance p (1 - p) / n grows by (1 - 2 p) / n, and this is Wilson's interval but for a
    term of the order of 1 / n^2.

    Args:
        point: what was found.
        variance: at the point.
        slope: by how much the variance grows when the value does.
        freedom: of Student's t.
    """
    c = t_quantile((1 + LEVEL) / 2, round(freedom, 2)) ** 2
    shift = c * slope / 2
    half = math.sqrt(c * variance + shift * shift)
    return point + shift - half, point + shift + half
