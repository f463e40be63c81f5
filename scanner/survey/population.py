"""The frame of a survey in few bytes a model: what is decided as sums, what is open as arrays.

A model is *open* where a verdict that is asked for is undecided and its weight files have not been looked at. It is
*shut* where they have been and the verdict is undecided all the same: reading again would tell nothing. All others are
decided. Shares are of sums of a size: 1 for repositories, one over the size of its class for distinct weights (so that
each class counts once, whoever of it is drawn), and downloads.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from scanner.scope import VerdictStatus
from scanner.survey.cells import Cell, cell_of
from scanner.survey.lineage import Lineage, copy_of

if TYPE_CHECKING:
    from scanner.catalogue.frame import FrameRow, Statuses


class Denominator(StrEnum):
    """What a share is a share of."""

    REPOSITORIES = "repositories"
    WEIGHTS = "distinct_weights"
    DOWNLOADS = "downloads"


DENOMINATORS = tuple(Denominator)

Pattern: TypeAlias = tuple[bool | None, ...]
"""In scope or not, for each regulation honouring declarations and ignoring them, in turn; None where undecided."""

Sizes: TypeAlias = tuple[int, float, int]
"""Sums of the three sizes, in the order of `DENOMINATORS`."""

IN_SCOPE, OUT_OF_SCOPE = str(VerdictStatus.IN_SCOPE), str(VerdictStatus.OUT_OF_SCOPE)
NOTHING: Sizes = (0, 0.0, 0)


def random_number(seed: int, key: str) -> int:
    """The permanent random number of a model, 64 bits: the same whenever and beside whatever it is drawn."""
    secret = seed.to_bytes(16, "big", signed=True)
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8, key=secret).digest())


def pattern_of(statuses: Statuses) -> Pattern:
    """The verdicts of a model as truth values."""
    return tuple(value_of(status) for pair in statuses for status in pair)


def value_of(status: str | None) -> bool | None:
    """A verdict as a truth value; None where it is undecided, or was never made."""
    return True if status == IN_SCOPE else False if status == OUT_OF_SCOPE else None


@dataclass
class Open:
    """The open models, an entry each in every array."""

    cell: array[int] = field(default_factory=lambda: array("I"))
    downloads: array[int] = field(default_factory=lambda: array("Q"))
    copies: array[int] = field(default_factory=lambda: array("I"))  # size of its class
    random: array[int] = field(default_factory=lambda: array("Q"))

    def __len__(self) -> int:
        return len(self.cell)

    def sizes(self, row: int) -> tuple[float, float, float]:
        """The three sizes of one model."""
        return 1.0, 1.0 / self.copies[row], float(self.downloads[row])


@dataclass
class Population:
    """A frame.

    Attributes:
        decided: sums of the decided models, by pattern.
        shut: the same of the models that stay undecided although they have been looked at.
        open: the models to sample from.
        cells: what an entry of `open.cell` means: pattern and cell.
        outside: models of the run that nobody can get, which are no part of the frame.
        totals: sums over the whole frame.
    """

    decided: dict[Pattern, Sizes]
    shut: dict[Pattern, Sizes]
    open: Open
    cells: list[tuple[Pattern, Cell]]
    outside: int
    totals: Sizes


def build(rows: Iterable[FrameRow], thresholds: Sequence[int], seed: int) -> Population:
    """Take in a frame, in whatever order its rows come."""
    lineage, opened = Lineage(), Open()
    codes: dict[tuple[Pattern, Cell | str], int] = {}
    code, downloads = array("I"), array("Q")
    outside = 0
    for row in rows:
        if not row.public:
            outside += 1
            continue
        pattern = pattern_of(row.statuses)
        kind: Cell | str = "decided" if None not in pattern else "shut" if row.looked else cell_of(row, thresholds)
        number = codes.setdefault((pattern, kind), len(codes))
        code.append(number)
        downloads.append(row.downloads)
        lineage.add(row.name, copy_of(row))
        if isinstance(kind, tuple):
            opened.random.append(random_number(seed, row.key))
    lineage.close()
    kinds = list(codes)
    cells: list[tuple[Pattern, Cell]] = []
    cell_numbers: dict[int, int] = {}
    for number, (pattern, kind) in enumerate(kinds):
        if isinstance(kind, tuple):
            cell_numbers[number] = len(cells)
            cells.append((pattern, kind))
    models: list[Counter[int]] = [Counter() for _ in kinds]  # by size of their class
    sums = [0] * len(kinds)
    for row_number, number in enumerate(code):
        copies = lineage.size(row_number)
        models[number][copies] += 1
        sums[number] += downloads[row_number]
        if number in cell_numbers:
            opened.cell.append(cell_numbers[number])
            opened.downloads.append(downloads[row_number])
            opened.copies.append(copies)
    by_kind = [_sizes(by_copies, downloaded) for by_copies, downloaded in zip(models, sums, strict=True)]

    def named(name: str) -> dict[Pattern, Sizes]:
        return {pattern: by_kind[number] for number, (pattern, kind) in enumerate(kinds) if kind == name}

    whole: Counter[int] = Counter()
    for by_copies in models:
        whole.update(by_copies)
    return Population(named("decided"), named("shut"), opened, cells, outside, _sizes(whole, sum(sums)))


def _sizes(by_copies: Counter[int], downloads: int) -> Sizes:
    return by_copies.total(), _weights(by_copies), downloads


def _weights(by_copies: Counter[int]) -> float:
    """The number of distinct weights, summed so that the order of rows makes no difference."""
    return sum(count / copies for copies, count in sorted(by_copies.items()))
