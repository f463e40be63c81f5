"""How many models of a run are of each kind: counted once by what they share, told of in any regulation's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection, func, select

from estimators.interface import Basis
from scanner.catalogue.core import JUDGEMENT, PROFILE
from scanner.catalogue.records import AnyRow
from scanner.catalogue.selects import AsOf
from scanner.catalogue.tables import Run
from scanner.scope import Distribution, VerdictStatus

OUT = str(VerdictStatus.OUT_OF_SCOPE)


@dataclass(frozen=True, slots=True)
class Group:
    """How many models, and how many downloads, share a verdict and everything else the totals tell apart."""

    status: VerdictStatus
    ignoring: VerdictStatus
    distribution: Distribution
    no_weights: bool
    gated: str | None
    adapter: bool
    models: int
    downloads: int


@dataclass(frozen=True, slots=True)
class UnreadTexts:
    """Models of a regulation's answer that may be in scope although texts of theirs were not read.

    Attributes:
        suggested: nobody has tried, although something suggests a limit.
        others: nobody has tried, and nothing suggests one.
        partly: a scan has tried, and something stayed unread (behind a gate, elsewhere, the base model's).
    """

    suggested: int = 0
    others: int = 0
    partly: int = 0

    @property
    def untried(self) -> int:
        """All whose texts no scan has come to."""
        return self.suggested + self.others


@dataclass(frozen=True, slots=True)
class _Cell:
    """Models that share a profile, a judgement, and whether a scan has tried to read their texts."""

    profile: AnyRow
    judgement: int | None
    untried: bool
    models: int
    downloads: int


@dataclass(frozen=True)
class Counted:
    """All models of a run by what they share: a few hundred cells, whatever the number of models."""

    cells: Sequence[_Cell]
    judgements: Sequence[AnyRow]

    @classmethod
    def of(cls, connection: Connection, run: Run) -> Counted:
        """The models of a run, counted in one pass."""
        then = AsOf(connection, run)
        rows = then.rows.c
        keys = (rows.profile, rows.judgement, rows.texts_looked.is_(None).label("untried"))
        statement = then.models(*keys, func.count(), func.sum(rows.downloads)).group_by(*keys)
        profiles = {row.id: row for row in connection.execute(select(PROFILE))}
        cells = [
            _Cell(profiles[profile], judgement, bool(untried), models, int(downloads))
            for profile, judgement, untried, models, downloads in connection.execute(statement)
        ]
        used = {cell.judgement for cell in cells}
        return cls(cells, [row for row in connection.execute(select(JUDGEMENT)) if row.id in used])

    @cached_property
    def models(self) -> int:
        """How many there are, judged or not."""
        return sum(cell.models for cell in self.cells)

    @cached_property
    def with_findings(self) -> int:
        """How many of them have findings."""
        return sum(cell.models for cell in self.cells if cell.profile.findings)

    def groups(self, regulation: str) -> list[Group]:
        """The totals of a regulation, split by everything that reports tell apart."""
        return [
            Group(
                VerdictStatus(ruling.status),
                VerdictStatus(ruling.status_ignoring_declarations),
                Distribution(cell.profile.distribution),
                cell.profile.basis == Basis.NO_WEIGHTS,
                cell.profile.gated,
                cell.profile.adapter,
                cell.models,
                cell.downloads,
            )
            for cell, ruling in self._judged(regulation)
        ]

    def reasons(self, regulation: str) -> list[tuple[VerdictStatus, tuple[str, ...], str | None, int]]:
        """How many models share a verdict, its reasons and its next step; the most common first."""
        counts: Counter[tuple[str, str, str | None]] = Counter()
        for cell, ruling in self._judged(regulation):
            counts[ruling.status, ruling.reasons, ruling.next_step] += cell.models
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0][0], item[0][1], item[0][2] or ""))
        return [
            (VerdictStatus(status), tuple(codes.split(",")), step, count) for (status, codes, step), count in ranked
        ]

    def unread_texts(self, regulation: str) -> UnreadTexts:
        """How many models may be in scope although texts of theirs were not read, and whether a scan has tried."""
        suggested = others = partly = 0
        for cell, ruling in self._judged(regulation):
            codes = ruling.reasons.split(",")
            if ruling.status == OUT or not {"restriction-unverified", "card-not-read"}.intersection(codes):
                continue
            if not cell.untried:
                partly += cell.models
            elif "restriction-unverified" in codes:
                suggested += cell.models
            else:
                others += cell.models
        return UnreadTexts(suggested, others, partly)

    def exempted(self, regulation: str) -> int:
        """How many models a declaration takes out of scope."""
        return sum(
            cell.models
            for cell, ruling in self._judged(regulation)
            if ruling.status == OUT and ruling.status_ignoring_declarations != OUT
        )

    def _judged(self, regulation: str) -> Iterator[tuple[_Cell, AnyRow]]:
        rulings = {row.id: row for row in self.judgements if row.regulation == regulation}
        for cell in self.cells:
            if cell.judgement in rulings:
                yield cell, rulings[cell.judgement]
