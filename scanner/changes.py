"""What changed between two runs, in the words of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from notifiers.report import Change, ChangeGroup, ChangeKind
from scanner.catalogue.comparison import came, changed_observations, changed_verdicts, left_the_list, new_models
from scanner.scope import Distribution, VerdictStatus, strict_threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.regulation import Regulation
    from scanner.catalogue.comparison import Pair, Seen
    from scanner.catalogue.queries import Reader
    from scanner.catalogue.records import AnyRow
    from scanner.catalogue.tables import Run

Found = tuple[ChangeKind, Change]


def describe_changes(reader: Reader, before: Run, after: Run, regulation: Regulation, named: int) -> list[ChangeGroup]:
    """The changes by kind, most downloaded models first, each kind with at most `named` of them."""
    tally = Tally(named)
    for kind, change in changes_of_known(reader, before, after, regulation):
        tally.add(kind, change)
    rows, total = new_models(reader.engine, before, after, named)
    for row in rows:
        tally.add(ChangeKind.NEW, Change(row.name, downloads=row.downloads))
    tally.counts[ChangeKind.NEW] = total
    if before.series == after.series and not after.sweep and after.base is None:  # a sweep keeps what is gone
        rows, total = left_the_list(reader.engine, before, after, named)
        for row in rows:
            tally.add(ChangeKind.NO_LONGER_LISTED, Change(row.name, downloads=row.downloads))
        tally.counts[ChangeKind.NO_LONGER_LISTED] = total
    return list(tally.groups())


def every_change(reader: Reader, before: Run, after: Run, regulation: Regulation) -> Iterator[Found]:
    """All changes, of each kind the most downloaded models first; holds a few at a time.

    A new model comes with its verdict as `after`.
    """
    yield from changes_of_known(reader, before, after, regulation)
    for row in came(reader.engine, before, after, regulation.id):
        yield ChangeKind.NEW, Change(row.name, None, row.status, downloads=row.downloads)


def changes_of_known(reader: Reader, before: Run, after: Run, regulation: Regulation) -> Iterator[Found]:
    """What happened to models that were known before, of each kind the most downloaded first."""
    threshold = strict_threshold(regulation)
    for pair in changed_observations(reader.engine, before, after):
        yield from model_changes(pair, threshold)
    for moved in changed_verdicts(reader.engine, before, after, regulation.id):
        kind = verdict_change(VerdictStatus(moved.before), VerdictStatus(moved.after))
        if kind is ChangeKind.SETTLED and moved.reasons[0] == "not-distributed":
            continue  # gone, not settled; it has a group of its own
        yield kind, Change(moved.name, moved.before, moved.after, moved.reasons[0], moved.downloads)


class Tally:
    """How many changes there are of each kind, and the first few of each by downloads."""

    def __init__(self, named: int) -> None:
        self.counts: Counter[ChangeKind] = Counter()
        self._named = named
        self._first: dict[ChangeKind, list[Change]] = {kind: [] for kind in ChangeKind}

    def add(self, kind: ChangeKind, change: Change) -> None:
        """Count a change, and keep it where it may be one of the first."""
        self.counts[kind] += 1
        self._first[kind].append(change)
        if len(self._first[kind]) > 10 * self._named + 100:
            self._first[kind] = self._sorted(kind)

    def groups(self) -> Iterator[ChangeGroup]:
        """The kinds that occurred, in the order reports tell them."""
        for kind in ChangeKind:
            if self.counts[kind]:
                yield ChangeGroup(kind, self.counts[kind], tuple(self._sorted(kind)))

    def _sorted(self, kind: ChangeKind) -> list[Change]:
        return sorted(self._first[kind], key=lambda c: (-(c.downloads or 0), c.model))[: self._named]


def model_changes(pair: Pair, threshold: int) -> Iterator[Found]:
    """Changes of one model itself; a model of which nothing was known before has none.

    Args:
        pair: the model before and after.
        threshold: a count above it is on the other side.
    """
    old, new = pair.before, pair.after
    if old is None:
        return

    def change(before: str | int | None, after: str | int | None) -> Change:
        return Change(new.name, before, after, "", pair.downloads)

    if {side(old, threshold), side(new, threshold)} == {True, False}:
        yield ChangeKind.CROSSED_THRESHOLD, change(_count(old), _count(new))
    had, has = _limits(pair.declared_before), _limits(pair.declared_after)
    if has - had:
        yield ChangeKind.DECLARATION_ADDED, change(None, "; ".join(sorted(has - had)))
    if had - has:
        yield ChangeKind.DECLARATION_REMOVED, change("; ".join(sorted(had - has)), None)
    if old.gated != new.gated:
        yield ChangeKind.GATE_CHANGED, change(old.gated or "not gated", new.gated or "not gated")
    if old.distribution != new.distribution and new.distribution != Distribution.PUBLIC:
        yield ChangeKind.NOT_DISTRIBUTED, change(old.distribution, new.distribution)
    if old.name != new.name:
        yield ChangeKind.RENAMED, change(old.name, new.name)


def verdict_change(old: VerdictStatus, new: VerdictStatus) -> ChangeKind:
    """What a move from one verdict to another one is called."""
    if new is VerdictStatus.IN_SCOPE:
        return ChangeKind.ENTERED_SCOPE
    if new is VerdictStatus.UNDECIDED:
        return ChangeKind.BECAME_UNDECIDED
    return ChangeKind.LEFT_SCOPE if old is VerdictStatus.IN_SCOPE else ChangeKind.SETTLED


def side(row: Seen, threshold: int) -> bool | None:
    """Whether a count lies above a threshold; None where that is open."""
    if row.low > threshold:
        return True
    return False if row.high is not None and row.high <= threshold else None


def _count(row: Seen) -> int:
    return row.low if row.point is None else row.point


def _limits(declarations: Sequence[AnyRow]) -> set[str]:
    """Each declaration in short words; two with the same words are the same declaration."""
    limits = set()
    for row in declarations:
        parts = [f"excludes {', '.join(row.excluded)}"] if row.excluded else []
        parts += [f"limited to {', '.join(row.limited_to)}"] if row.limited_to else []
        inactive = "" if row.active else ", inactive"
        inherited = f", from {row.inherited_from}" if row.inherited_from else ""
        limits.add(f"{row.kind} {' and '.join(parts) or 'without a territory'}{inactive}{inherited}")
    return limits
