"""Judge what is stored by the rules as they are now, without asking any hub.

Facts stay as they are; only verdicts are made anew, of every model of the catalogue. What earlier scans did not read,
because the rules of their time did not need it, stays unread: an interval on both sides of a new threshold gives an
undecided verdict, texts that nobody read exempt nothing, and the next scan reads both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from estimators.interface import Basis
from notifiers.report import Change, ChangeGroup, Totals
from scanner.catalogue.counted import Group
from scanner.catalogue.queries import Reader
from scanner.catalogue.rescoping import Rescoping, Stored, reading, rewriting
from scanner.catalogue.store import Conditions
from scanner.changes import Tally, verdict_change
from scanner.digest import totals
from scanner.rules import changed, rules_of
from scanner.scope import Distribution, Verdict, VerdictStatus, strict_threshold

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.regulation import Regulation
    from scanner.assessment import Assessment
    from scanner.catalogue.tables import Run

READ_ON = "let the next scan look at its files for this threshold (hubscope scan)"
"""Next step of a count that was read only as far as other thresholds needed."""

STRADDLES = "interval-straddles-threshold"

Place: TypeAlias = tuple[VerdictStatus, VerdictStatus, Distribution, bool]
"""What totals tell apart: verdict, verdict without declarations, distribution, no weights."""


@dataclass(frozen=True, slots=True)
class BothTotals:
    """Models by verdict, declarations honoured and ignored."""

    honouring: Totals
    ignoring: Totals


@dataclass(frozen=True, slots=True)
class Moves:
    """What judging anew does to one regulation's verdicts, of the models of the run that is followed.

    Attributes:
        regulation: its id.
        rule_changed: its data differ from those that run was judged by; None where the run does not say.
        before, after: the totals; `before` is None where no model had a verdict by it.
        first: models that get their first verdict by it, by status.
        groups: models whose status changes, by kind.
        reworded: models whose status stays, while reasons or the answer without declarations change.
        elsewhere: models outside of that run whose verdict, or the reasons of it, change or come first.
    """

    regulation: str
    rule_changed: bool | None
    before: BothTotals | None
    after: BothTotals
    first: dict[VerdictStatus, int]
    groups: tuple[ChangeGroup, ...]
    reworded: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        followed: the run whose models the totals are about.
        run_id: the run that holds the new verdicts; None where nothing changed or nothing was to be written.
        changes: whether any verdict says something new, wherever it stands.
        regulations: in their order.
        closed: regulations that are not applied any more, with the number of their verdicts that end.
    """

    followed: Run
    run_id: int | None
    changes: bool
    regulations: tuple[Moves, ...]
    closed: dict[str, int]


def rescope(
    engine: Engine,
    regulations: Sequence[Regulation],
    tool_version: str,
    *,
    only_these: bool = False,
    dry_run: bool = False,
    named: int = 3,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    watch: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Judge every stored model anew and store what changes as a run of its own.

    Args:
        engine: the catalogue; unless `dry_run`, the caller is its only writer.
        regulations: the rules.
        tool_version: of hubscope.
        only_these: leave the verdicts of other regulations alone; they end otherwise.
        dry_run: look what would change, and write nothing.
        named: models that each kind of change names.
        now: the clock.
        watch: told how many models have been judged.

    Raises:
        UsageError: no scan has come to its end yet.
    """
    followed = Reader(engine).finished()
    now_rules = rules_of(regulations)
    kept = dict(followed.rules or {}) if only_these else {}
    tallies = {regulation.id: _Tallied(regulation.id, Tally(named)) for regulation in regulations}
    judging = _Judging(regulations, tallies, only_these)
    run_id = None
    if dry_run:
        with reading(engine, followed) as work:
            judging.go_through(work, watch)
    else:
        with rewriting(engine, followed, now, tool_version, {**kept, **now_rules}) as work:
            judging.go_through(work, watch, write=True)
            if judging.closed:
                work.close_others(list(tallies))
        run_id = work.run_id
    return Outcome(
        followed,
        run_id,
        judging.changes,
        tuple(t.moves(changed(followed.rules, now_rules, t.regulation)) for t in tallies.values()),
        dict(sorted(judging.closed.items())),
    )


@dataclass
class _Judging:
    """One pass over the catalogue."""

    regulations: Sequence[Regulation]
    tallies: dict[str, _Tallied]
    only_these: bool
    closed: Counter[str] = field(default_factory=Counter)
    _new: int = 0

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self._new > 0 or bool(self.closed)

    def go_through(self, work: Rescoping, watch: Callable[[int], None], *, write: bool = False) -> None:
        done = 0
        for page in work.pages():
            new = [assessment for stored in page if (assessment := self._judge(stored)) is not None]
            if new and write:
                work.write(new)
            self._new += len(new)
            done += len(page)
            watch(done)

    def _judge(self, stored: Stored) -> Assessment | None:
        """The model with those verdicts that say something new; None where none does."""
        held = {verdict.regulation: verdict for verdict in stored.assessment.verdicts}
        if not self.only_these:
            self.closed.update(name for name in held if name not in self.tallies)
        new = []
        for verdict in stored.assessment.judged(self.regulations).verdicts:
            before = held.get(verdict.regulation)
            after = self._with_next_step(verdict, before, stored)
            self.tallies[verdict.regulation].add(stored, before, after)
            if before is None or before != replace(after, conditions=()):
                new.append(after)
        return replace(stored.assessment, verdicts=tuple(new)) if new else None

    def _with_next_step(self, verdict: Verdict, before: Verdict | None, stored: Stored) -> Verdict:
        """A count that was not read for these thresholds is settled by a scan before anybody need be asked."""
        if verdict.status is not VerdictStatus.UNDECIDED or STRADDLES not in verdict.reasons:
            return verdict
        straddled = before is not None and STRADDLES in before.reasons and before.next_step != READ_ON
        model = stored.assessment
        if straddled or model.gated or model.distribution is not Distribution.PUBLIC or self._looked_at(stored):
            return verdict
        return replace(verdict, next_step=READ_ON)

    def _looked_at(self, stored: Stored) -> bool:
        """Whether its weight files were looked at for the thresholds of now."""
        thresholds = [strict_threshold(regulation) for regulation in self.regulations]
        where = (stored.sha, stored.assessment.gated, thresholds)
        return stored.looked.count in {Conditions.of(*where, exact=exact).count for exact in (False, True)}


@dataclass
class _Tallied:
    """What becomes of one regulation's verdicts, counted as it goes."""

    regulation: str
    moved: Tally
    first: Counter[VerdictStatus] = field(default_factory=Counter)
    reworded: int = 0
    elsewhere: int = 0
    _before: Counter[Place] = field(default_factory=Counter)
    _after: Counter[Place] = field(default_factory=Counter)

    def add(self, stored: Stored, before: Verdict | None, after: Verdict) -> None:
        """Count one model."""
        model = stored.assessment
        if not stored.of_the_run:
            self.elsewhere += before is None or _said(before) != _said(after)
            return
        self._after[_place(model, after)] += 1
        if before is None:
            self.first[after.status] += 1
            return
        self._before[_place(model, before)] += 1
        if before.status is not after.status:
            change = Change(model.name, str(before.status), str(after.status), after.reasons[0], model.downloads)
            self.moved.add(verdict_change(before.status, after.status), change)
        elif _said(before) != _said(after):
            self.reworded += 1

    def moves(self, rule_changed: bool | None) -> Moves:
        """All of it."""
        return Moves(
            self.regulation,
            rule_changed,
            _totals(self._before) if self._before else None,
            _totals(self._after),
            {status: self.first[status] for status in VerdictStatus},
            tuple(self.moved.groups()),
            self.reworded,
            self.elsewhere,
        )


def _said(verdict: Verdict) -> tuple[VerdictStatus, VerdictStatus, tuple[str, ...]]:
    """What makes a verdict another one; margins and next steps do not."""
    return verdict.status, verdict.status_ignoring_declarations, verdict.reasons


def _place(model: Assessment, verdict: Verdict) -> Place:
    empty = model.estimate is not None and model.estimate.basis is Basis.NO_WEIGHTS
    return verdict.status, verdict.status_ignoring_declarations, model.distribution, empty


def _totals(counts: Counter[Place]) -> BothTotals:
    groups = [Group(*place, None, False, count, 0) for place, count in counts.items()]
    return BothTotals(totals(groups, ignoring=False), totals(groups, ignoring=True))
