"""Two runs beside each other: totals, what limits the comparison, and every change between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from notifiers.report import ChangeKind
from scanner.catalogue.comparison import first_verdicts, in_both
from scanner.catalogue.store import RESCOPE, RunState
from scanner.changes import Found, every_change
from scanner.digest import totals
from scanner.rules import changed, rule_notes
from scanner.scope import VerdictStatus

if TYPE_CHECKING:
    from config.regulation import Regulation
    from notifiers.report import Totals
    from scanner.catalogue.counted import Counted
    from scanner.catalogue.queries import Reader
    from scanner.catalogue.tables import Run

UNENDED = {
    RunState.RUNNING: "it has not ended; the same scan goes on",
    RunState.INTERRUPTED: "it has not ended; the same scan goes on",
    RunState.ABANDONED: "it was broken off and never came to its end",
}


@dataclass(frozen=True, slots=True)
class Covered:
    """How many models each run is about, and how many only one of them."""

    before: int
    after: int
    only_before: int
    only_after: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One regulation's verdicts in both runs.

    Attributes:
        rule_changed: whether its data differ; None where a run does not say by what it was judged.
        notes: what is to be said of the rule.
        first: models with a verdict in the later run that had none as of the earlier, by status.
    """

    regulation: Regulation
    rule_changed: bool | None
    notes: tuple[str, ...]
    honouring: tuple[Totals, Totals]
    ignoring: tuple[Totals, Totals]
    first: dict[VerdictStatus, int]


@dataclass(frozen=True)
class Difference:
    """Compares two runs of a catalogue, the earlier one first."""

    reader: Reader
    before: Run
    after: Run

    @cached_property
    def counted(self) -> tuple[Counted, Counted]:
        """The models of both runs, counted once for whatever is asked."""
        return self.reader.counted(self.before), self.reader.counted(self.after)

    def covered(self) -> Covered:
        """How many models each run is about."""
        before, after = (counted.models for counted in self.counted)
        both = in_both(self.reader.engine, self.before, self.after)
        return Covered(before, after, before - both, after - both)

    def of(self, regulation: Regulation) -> Compared:
        """One regulation's totals in both runs."""
        before, after = self.before, self.after
        groups = [counted.groups(regulation.id) for counted in self.counted]
        first = first_verdicts(self.reader.engine, before, after, regulation.id)
        return Compared(
            regulation,
            changed(before.rules, after.rules, regulation.id),
            tuple(rule_notes(before.rules, after.rules, regulation.id)),
            (totals(groups[0], ignoring=False), totals(groups[1], ignoring=False)),
            (totals(groups[0], ignoring=True), totals(groups[1], ignoring=True)),
            {status: first.get(status, 0) for status in VerdictStatus},
        )

    def changes(self, regulation: Regulation) -> Iterator[Found]:
        """Every change, of each kind the most downloaded models first; holds a few at a time."""
        return every_change(self.reader, self.before, self.after, regulation)

    def notes(self) -> Iterator[str]:
        """What limits the comparison, one sentence each."""
        before, after = self.before, self.after
        if before.id == after.id:
            yield "both are the same run, so nothing can differ"
        if before.source != after.source:
            yield f"the runs are of different platforms ({before.source}, {after.source}), so the totals do not compare"
        elif before.endpoint != after.endpoint:
            yield (
                f"the runs are of different endpoints ({before.endpoint}, {after.endpoint}), "
                "so the totals do not compare"
            )
        if before.selection != after.selection:
            yield (
                f"the runs covered different selections ({before.selection}, {after.selection}), "
                "so the totals do not compare"
            )
        for run in dict.fromkeys((before.id, after.id)):
            yield from _about(before if run == before.id else after)

    def unended(self) -> Iterator[str]:
        """What is to be said of each run that has not come to its end."""
        for run in (self.before, self.after) if self.before.id != self.after.id else (self.after,):
            if (why := UNENDED.get(RunState(run.state))) is not None:
                yield f"run {run.id} is incomplete: {run.detail or why}"


def entered(first: dict[VerdictStatus, int], kinds: Sequence[ChangeKind]) -> bool:
    """Whether any model is in scope that was not before, new ones included."""
    return first[VerdictStatus.IN_SCOPE] > 0 or ChangeKind.ENTERED_SCOPE in kinds


def _about(run: Run) -> Iterator[str]:
    if run.deep == RESCOPE:
        yield f"run {run.id} is a rescope: it asked no hub and judged the models of the scan before it anew"
    if run.state == RunState.INCOMPLETE:
        yield f"run {run.id} is incomplete{': ' if run.detail else ''}{run.detail}"
