"""What changed between two runs, in the words of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from notifiers.report import Change, ChangeGroup, ChangeKind
from scanner.scope import Distribution, VerdictStatus, strict_threshold

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.catalogue.queries import Pair, Reader
    from scanner.catalogue.records import AnyRow
    from scanner.catalogue.tables import Run

Found = tuple[ChangeKind, Change]


def describe_changes(reader: Reader, before: Run, after: Run, regulation: Regulation, named: int) -> list[ChangeGroup]:
    """The changes by kind, most downloaded models first, each kind with at most `named` of them."""
    observations = reader.changed_observations(before, after)
    rows = [row for pair in observations for row in (pair.before.id, pair.after.id)]
    declared = reader.declarations(rows)
    threshold = strict_threshold(regulation)
    found: list[Found] = []
    names: dict[str, str] = {}
    for pair in observations:
        names[pair.key] = pair.after.name
        found += _observed(pair, declared, threshold)
    found += _judged(reader, before, after, regulation, names)
    return list(_grouped(found, _new(reader, before, after, named), named))


def _observed(pair: Pair, declared: Mapping[int, Sequence[AnyRow]], threshold: int) -> Iterator[Found]:
    """Changes of the model itself."""
    old, new = pair.before, pair.after

    def change(before: str | int | None, after: str | int | None) -> Change:
        return Change(new.name, before, after, "", pair.downloads)

    if {_side(old, threshold), _side(new, threshold)} == {True, False}:
        yield ChangeKind.CROSSED_THRESHOLD, change(_count(old), _count(new))
    had, has = _limits(declared.get(old.id, ())), _limits(declared.get(new.id, ()))
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


def _judged(
    reader: Reader, before: Run, after: Run, regulation: Regulation, names: Mapping[str, str]
) -> Iterator[Found]:
    """Changes of the verdict."""
    pairs = reader.changed_verdicts(before, after, regulation.id)
    missing = [pair.key for pair in pairs if pair.key not in names]
    names = {**names, **reader.names(missing)}
    for pair in pairs:
        old, new = VerdictStatus(pair.before.status), VerdictStatus(pair.after.status)
        kind = _kind(old, new)
        if kind is not None:
            cause = pair.after.reasons.split(",")[0]
            yield kind, Change(names.get(pair.key, pair.key), str(old), str(new), cause, pair.downloads)


def _kind(old: VerdictStatus, new: VerdictStatus) -> ChangeKind | None:
    if old is new:
        return None
    if new is VerdictStatus.IN_SCOPE:
        return ChangeKind.ENTERED_SCOPE
    if new is VerdictStatus.UNDECIDED:
        return ChangeKind.BECAME_UNDECIDED
    return ChangeKind.LEFT_SCOPE if old is VerdictStatus.IN_SCOPE else ChangeKind.SETTLED


def _new(reader: Reader, before: Run, after: Run, named: int) -> ChangeGroup | None:
    rows, total = reader.new_models(before, after, named)
    if not total:
        return None
    return ChangeGroup(ChangeKind.NEW, total, tuple(Change(row.name, downloads=row.downloads) for row in rows))


def _grouped(found: Sequence[Found], new: ChangeGroup | None, named: int) -> Iterator[ChangeGroup]:
    for kind in ChangeKind:
        changes = [change for k, change in found if k is kind]
        if changes:
            changes.sort(key=lambda c: (-(c.downloads or 0), c.model))
            yield ChangeGroup(kind, len(changes), tuple(changes[:named]))
        elif kind is ChangeKind.NEW and new is not None:
            yield new


def _side(row: AnyRow, threshold: int) -> bool | None:
    if row.low > threshold:
        return True
    return False if row.high is not None and row.high <= threshold else None


def _count(row: AnyRow) -> int:
    point: int | None = row.point
    return point if point is not None else int(row.low)


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
