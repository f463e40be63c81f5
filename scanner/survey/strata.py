"""Strata of the open models: the heaviest by downloads all taken, the others by cell, small cells joined.

Cells are joined along a tree, always neighbours, from its leaves on until every stratum may expect a handful of models
in the sample. The tree divides by the verdicts that are known, then, of models that matter by their number, by format,
size class, band of downloads and year; of those that matter by their downloads, by the band first, since downloads
spread over seven powers of ten. What cannot be joined any further stays small. Models with different known verdicts are
never joined, so that a verdict that is known is not estimated. The planned number in each stratum goes by what it adds
to the variance of the three shares.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from scanner.survey.cells import BANDS, FORMATS, GUESSED_SHARE, SIZE_CLASSES, Cell
from scanner.survey.population import DENOMINATORS, Open, Pattern, Population, Sizes

CERTAIN_SHARE = 0.3  # of the sample, at most, for models taken for their downloads
LEAST_EXPECTED = 6.0  # models of the sample in a stratum, unless there is nothing to join it with
LEAST_TAKEN = 2  # below, no variance can be told


@dataclass(frozen=True, slots=True)
class Stratum:
    """A class of open models within which chance alone decides who is drawn.

    Attributes:
        label: what they have in common, for people.
        kin: what they have in common with those strata that are expected to be like them: format and size class.
        pattern: the verdicts that are known of them.
        models: how many there are.
        totals: sums of the three sizes.
        squares: sums of their squares.
        certain: taken whole for their downloads.
        planned: how many the plan takes.
    """

    label: str
    kin: str
    pattern: Pattern
    models: int
    totals: Sizes
    squares: tuple[float, float, float]
    certain: bool = False
    planned: int = 0


@dataclass(frozen=True, slots=True)
class Design:
    """All strata, and which model lies in which.

    Attributes:
        strata: in a fixed order.
        cut: downloads from which on a model is taken for certain; None where none is.
    """

    strata: Sequence[Stratum]
    cut: int | None
    _of_cell: Sequence[int]
    _certain: Sequence[int]

    def stratum_of(self, opened: Open, row: int) -> int:
        """The number of the stratum of an open model."""
        cell = opened.cell[row]
        return (
            self._certain[cell] if self.cut is not None and opened.downloads[row] >= self.cut else self._of_cell[cell]
        )


@dataclass
class _Cell:
    """Sums over one cell, or over several that were joined."""

    numbers: list[int]
    keys: list[Cell]
    models: int = 0
    totals: tuple[float, float, float] = (0.0, 0.0, 0.0)
    squares: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spread: tuple[float, float, float] = (0.0, 0.0, 0.0)  # what it adds to the error of each share, per sampled model
    weight: float = 0.0


def make_design(population: Population, sample: int) -> Design:
    """Divide the open models.

    Args:
        population: the frame.
        sample: models that the sample is expected to hold.
    """
    opened = population.open
    cut = certainty_cut(opened.downloads, int(CERTAIN_SHARE * sample))
    heavy, light = _gathered(population, cut)
    certain = sum(cell.models for cell in heavy.values())
    left = max(sample - certain, 1)
    _weigh(light.values())
    least = LEAST_EXPECTED / left
    bands = _heavy_bands(light.values())
    strata: list[Stratum] = []
    of_cell, of_certain = [-1] * len(population.cells), [-1] * len(population.cells)
    patterns = sorted({pattern for pattern, _ in population.cells}, key=repr)
    for pattern in patterns:
        here = [number for number, (found, _) in enumerate(population.cells) if found == pattern]
        taken = [heavy[number] for number in here if number in heavy]
        if taken:
            joined = _joined(taken)
            for number in here:
                of_certain[number] = len(strata)
            strata.append(_stratum((f"{cut:,} downloads or more", ""), pattern, joined, certain=True))
        others = [light[number] for number in here if number in light]
        few = [cell for cell in others if cell.keys[0][2] in bands]
        many = [cell for cell in others if cell.keys[0][2] not in bands]
        for cell in (*_collapsed(few, _BY_DOWNLOADS, least), *_collapsed(many, _BY_NUMBER, least)):
            for number in cell.numbers:
                of_cell[number] = len(strata)
            strata.append(_stratum(_label(cell.keys), pattern, cell, weight=cell.weight))
    return Design(_allocated(strata, left), cut, of_cell, of_certain)


def certainty_cut(downloads: Sequence[int], most: int) -> int | None:
    """Downloads from which on a model is sure to be taken: where its part of them is more than its share of a sample.

    Args:
        downloads: of every open model.
        most: how many may be taken; models with equal downloads are taken together or not at all.
    """
    largest = heapq.nlargest(most + 1, downloads)
    left = sum(downloads)
    cut: int | None = None
    for number, value in enumerate(largest[:most]):
        # So many models are still to be chosen; with chances by size, this one's would be 1 or more.
        if value == 0 or value * (most - number) < left:
            break
        left -= value
        if number + 1 == len(largest) or largest[number + 1] != value:
            cut = value
    return cut


def _gathered(population: Population, cut: int | None) -> tuple[dict[int, _Cell], dict[int, _Cell]]:
    """Sums of the heaviest models and of the others, by cell."""
    opened = population.open
    found: tuple[dict[int, _Tally], dict[int, _Tally]] = ({}, {})
    for cell, copies, downloads in zip(opened.cell, opened.copies, opened.downloads, strict=True):
        side = found[0] if cut is not None and downloads >= cut else found[1]
        tally = side.get(cell)
        if tally is None:
            tally = side[cell] = _Tally()
        tally.models += 1
        tally.downloads += downloads
        tally.squares += downloads * downloads
        tally.copies[copies] = tally.copies.get(copies, 0) + 1
    heavy, light = (
        {number: tally.cell(number, population.cells[number][1]) for number, tally in sorted(side.items())}
        for side in found
    )
    return heavy, light


class _Tally:
    """Sums as they grow, in whole numbers, so that the order of rows makes no difference."""

    __slots__ = ("copies", "downloads", "models", "squares")

    def __init__(self) -> None:
        self.models = self.downloads = self.squares = 0
        self.copies: dict[int, int] = {}

    def cell(self, number: int, key: Cell) -> _Cell:
        by_copies = sorted(self.copies.items())
        weights = sum(count / copies for copies, count in by_copies)
        squares = sum(count / copies**2 for copies, count in by_copies)
        guess = GUESSED_SHARE[key[1]]
        deviation = math.sqrt(guess * (1 - guess))
        totals = (float(self.models), weights, float(self.downloads))
        second = (float(self.models), squares, float(self.squares))
        spread = tuple(deviation * math.sqrt(self.models * one) for one in second)
        return _Cell([number], [key], self.models, totals, second, (spread[0], spread[1], spread[2]))


def _weigh(cells: Iterable[_Cell]) -> None:
    """Set the share of the sample that each cell should have: a compromise between the three denominators."""
    cells = list(cells)
    sums = [math.fsum(cell.spread[d] for cell in cells) for d in range(len(DENOMINATORS))]
    raw = [
        math.sqrt(math.fsum((s / whole) ** 2 for s, whole in zip(cell.spread, sums, strict=True) if whole))
        for cell in cells
    ]
    whole = math.fsum(raw)
    for cell, weight in zip(cells, raw, strict=True):
        cell.weight = weight / whole


def _collapsed(cells: Sequence[_Cell], order: Order, least: float) -> list[_Cell]:
    """Cells joined until each weighs enough; where they all do not, one."""
    if len(cells) < 2 or math.fsum(cell.weight for cell in cells) < least:
        return [_joined(cells)] if cells else []
    if not order:
        return [_joined(cells)]
    branches: dict[int, list[_Cell]] = {}
    for cell in cells:
        branches.setdefault(order[0](cell.keys[0]), []).append(cell)
    done: list[_Cell] = []
    small: list[_Cell] = []  # wait for their neighbours
    for _, branch in sorted(branches.items()):
        for part in _collapsed(branch, order[1:], least):
            small.append(part)
            if math.fsum(one.weight for one in small) >= least:
                done.append(_joined(small))
                small = []
    if small:
        done[-1] = _joined([done[-1], *small])
    return done


Order: TypeAlias = tuple[Callable[[Cell], int], ...]

_BY_NUMBER: Order = (
    lambda key: FORMATS.index(key[0]),
    lambda key: SIZE_CLASSES.index(key[1]),
    lambda key: key[2],
    lambda key: key[3],
)
_BY_DOWNLOADS: Order = (_BY_NUMBER[2], _BY_NUMBER[0], _BY_NUMBER[1], _BY_NUMBER[3])
"""The order of neighbours at each level of the tree."""


def _heavy_bands(cells: Iterable[_Cell]) -> set[int]:
    """The bands whose models matter more by their downloads than by their number."""
    spreads: dict[int, list[float]] = {}
    for cell in cells:
        sums = spreads.setdefault(cell.keys[0][2], [0.0, 0.0])
        sums[0] += cell.spread[0]
        sums[1] += cell.spread[2]
    number, downloads = (math.fsum(sums[d] for sums in spreads.values()) for d in range(2))
    return {band for band, sums in spreads.items() if sums[1] * number > sums[0] * downloads}


def _joined(cells: Sequence[_Cell]) -> _Cell:
    """Several cells as one."""
    if len(cells) == 1:
        return cells[0]

    def added(name: str) -> tuple[float, float, float]:
        first, second, third = (math.fsum(getattr(cell, name)[d] for cell in cells) for d in range(3))
        return first, second, third

    return _Cell(
        [number for cell in cells for number in cell.numbers],
        [key for cell in cells for key in cell.keys],
        sum(cell.models for cell in cells),
        added("totals"),
        added("squares"),
        added("spread"),
        math.fsum(cell.weight for cell in cells),
    )


def _stratum(
    label: tuple[str, str], pattern: Pattern, cell: _Cell, *, weight: float = 0.0, certain: bool = False
) -> Stratum:
    totals = (cell.models, cell.totals[1], round(cell.totals[2]))
    stratum = Stratum(*label, pattern, cell.models, totals, cell.squares, certain)
    # Until it is allocated, the planned number carries the weight.
    return replace(stratum, planned=cell.models if certain else round(weight * 1e9))


def _allocated(strata: Sequence[Stratum], sample: int) -> list[Stratum]:
    """Set how many are taken of each: by weight, at least two, and at most all."""
    light = [number for number, stratum in enumerate(strata) if not stratum.certain]
    weights = {number: max(strata[number].planned, 1) for number in light}
    planned = {number: min(LEAST_TAKEN, strata[number].models) for number in light}
    open_ = set(light)
    left = sample
    while open_:
        whole = sum(weights[number] for number in open_)
        full = {n for n in open_ if left * weights[n] / whole >= strata[n].models}
        if not full:
            for number in open_:
                planned[number] = max(planned[number], round(left * weights[number] / whole))
            break
        for number in full:
            planned[number] = strata[number].models
        left = max(left - sum(strata[number].models for number in full), 0)
        open_ -= full
    return [
        stratum if stratum.certain else replace(stratum, planned=min(planned[number], stratum.models))
        for number, stratum in enumerate(strata)
    ]


def _label(keys: Sequence[Cell]) -> tuple[str, str]:
    """What cells have in common, in words, for each of their four marks; and for the first two of them only."""
    formats = [name for name in FORMATS if any(key[0] == name for key in keys)]
    sizes = [name for name in SIZE_CLASSES if any(key[1] == name for key in keys)]
    bands = [key[2] for key in keys]
    years = [key[3] for key in keys]
    last = max(bands) + 1
    least = f"{BANDS[min(bands)]:,}"
    most = f"{BANDS[last] - 1:,}" if last < len(BANDS) else ""
    downloads = f"{least} to {most} downloads" if most and most != least else f"{least} downloads"
    if not most:
        downloads = f"{least} downloads or more"
    when = f"{min(years)}" if min(years) == max(years) else f"{min(years)} to {max(years)}"
    shown = "any format" if len(formats) == len(FORMATS) else ", ".join(formats)
    guessed = "any size" if len(sizes) == len(SIZE_CLASSES) else "size " + " or ".join(sizes)
    kin = f"{shown}; {guessed}"
    return f"{kin}; {downloads}; {when}", kin
