"""What of a job is late: the one place that says so, for the service, its alarms and the status. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.catalogue.tables import Occurrence
    from scanner.schedule.clock import ClockTrigger


def late_since(
    trigger: ClockTrigger,
    known_since: datetime | None,
    done: Occurrence | None,
    unfinished: Occurrence | None,
    now: datetime,
) -> datetime | None:
    """Since when a job is due without being done; None where it is not.

    Args:
        trigger: when the job is due.
        known_since: when a scheduler first met it as it is now; what was due before is none of its.
        done: its last occurrence that was done.
        unfinished: the one that is under way or waits for its next try.
        now: the moment.
    """
    anchors = [moment for moment in (known_since, done.due_at if done else None) if moment is not None]
    first = trigger.after(max(anchors)) if known_since is not None else None
    moments = (
        [unfinished.due_at] if unfinished is not None and (done is None or unfinished.due_at > done.due_at) else []
    )
    moments += [first.astimezone(UTC)] if first is not None and first <= now else []
    return min(moments, default=None)
