"""What a subscriber is to be told after a run: changes of their own models since they were last told, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from notifiers.notice import Notice, NoticeChange
from notifiers.report import Change, ChangeKind, PreviousRun
from scanner.catalogue.subscribed import Changed, Earlier, changed_of
from scanner.changes import model_changes, side, verdict_change
from scanner.scope import Distribution, VerdictStatus, strict_threshold

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.audiences import Subscription
    from config.regulation import Regulation
    from scanner.catalogue.comparison import Pair
    from scanner.catalogue.tables import Run

OF_THE_MODEL = frozenset(
    {
        ChangeKind.DECLARATION_ADDED,
        ChangeKind.DECLARATION_REMOVED,
        ChangeKind.GATE_CHANGED,
        ChangeKind.NOT_DISTRIBUTED,
    }
)
"""Changes that are told once, whatever the regulations make of them."""


def notice_of(
    engine: Engine,
    subscription: Subscription,
    regulations: Sequence[Regulation],
    since: Run,
    run: Run,
    tool_version: str,
) -> Notice | None:
    """The message to a subscriber after a run; None where nothing of theirs changed since they were last told."""
    assert since.id is not None  # noqa: S101 - stored runs have ids
    assert run.id is not None  # noqa: S101
    earlier = Earlier(engine, since.id)
    found = [
        change
        for changed in changed_of(engine, since.id, run.id, owners=subscription.owners, models=subscription.models)
        for change in _told(changed, regulations, earlier)
    ]
    if not found:
        return None
    order = list(ChangeKind)
    found.sort(key=lambda c: (order.index(c.kind), -(c.change.downloads or 0), c.change.model, c.regulation or ""))
    return Notice(
        subscription=subscription.name,
        run_id=str(run.id),
        finished_at=run.finished_at or run.started_at,
        since=PreviousRun(str(since.id), since.finished_at or since.started_at),
        endpoint=run.endpoint,
        changes=tuple(found),
        provenance=tuple(f"{regulation.id}: {regulation.provenance}" for regulation in regulations),
        tool_version=tool_version,
    )


def _told(changed: Changed, regulations: Sequence[Regulation], earlier: Earlier) -> Iterator[NoticeChange]:
    """Changes of one model that its maintainer wants to hear of."""
    live = changed.pair.after.distribution == Distribution.PUBLIC
    for number, regulation in enumerate(regulations):
        threshold = strict_threshold(regulation)
        for kind, change in model_changes(_counted_before(changed.pair, threshold, earlier), threshold):
            if kind is ChangeKind.CROSSED_THRESHOLD:
                yield NoticeChange(kind, change, regulation.id, live)
            elif kind in OF_THE_MODEL and number == 0:
                yield NoticeChange(kind, change, None, live)
    for regulation in regulations:
        yield from _moved(changed, regulation.id, earlier, live=live)


def _counted_before(pair: Pair, threshold: int, earlier: Earlier) -> Pair:
    """The pair; a count before that left the side of the threshold open gives way to the last one that did not.

    The way from one side to the other may lead through a count that could be either.
    """
    old = pair.before
    if old is None or side(old, threshold) is not None or side(pair.after, threshold) is None:
        return pair
    last = earlier.beside(pair.key, threshold)
    if last is None:
        return pair
    return replace(pair, before=replace(old, low=last.low, point=last.point, high=last.high))


def _moved(changed: Changed, regulation: str, earlier: Earlier, *, live: bool) -> Iterator[NoticeChange]:
    """A verdict that entered or left scope, be it by way of one that was open."""
    pair, before, after = changed.pair, changed.verdicts_before.get(regulation), changed.verdicts_after.get(regulation)
    if after is None:
        return
    old = VerdictStatus(before.status) if before is not None else None
    new = VerdictStatus(after.status)
    reason = str(after.reasons).split(",")[0]
    if old is new or (reason == "not-distributed" and pair.before is not None):
        return  # what is gone is told by itself
    was = old or VerdictStatus.OUT_OF_SCOPE
    if (was, new) == (VerdictStatus.UNDECIDED, VerdictStatus.OUT_OF_SCOPE):
        was = VerdictStatus(earlier.decided(pair.key, regulation) or was)
    if VerdictStatus.IN_SCOPE not in (was, new):
        return
    change = Change(pair.after.name, str(old) if old else None, str(new), reason, pair.downloads)
    yield NoticeChange(verdict_change(was, new), change, regulation, live)
