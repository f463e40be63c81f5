"""Where things stand: when each job last succeeded, what is stuck and since when."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scanner.catalogue.jobs import Jobs, OccurrenceState
from scanner.catalogue.leases import AT_WORK, DELIVERING, Held, Leases
from scanner.catalogue.outbox import Outbox
from scanner.errors import UsageError
from scanner.schedule.due import late_since
from scanner.schedule.job import selection_of, times_of, trigger_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.jobs import JobSettings
    from config.settings import Settings

UNITS = {"m": 1, "h": 60, "d": 1440, "w": 10_080}
OLDEST = timedelta(days=36_500)  # nothing is older, and a moment that much earlier still has a date
_AGE = re.compile(r"([1-9][0-9]{0,5})([mhdw])", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobStanding:
    """One job.

    Attributes:
        state: "never-run" (not due yet), "done", "running", "failed", "waiting" (it was stopped, or somebody else
            scans), "overdue" (due, and nothing is at it) or "undelivered" (done, and not all that it had to tell has
            arrived).
        known_since: when the scheduler first met it as it is now.
        last_success_at: when the last occurrence came to its end of which all was delivered, or the same scan by hand.
        last_due_at: when it was due last, as far as the scheduler came.
        next_due_at: when it is due next.
        stuck_since: since when it is due without being done, or told without having arrived.
        detail: one sentence why.
    """

    name: str
    cron: str
    timezone: str
    state: str
    known_since: datetime | None
    last_success_at: datetime | None
    last_due_at: datetime | None
    next_due_at: datetime | None
    next_try_at: datetime | None
    stuck_since: datetime | None
    attempts: int
    detail: str

    def stale(self, limit: datetime) -> str:
        """One sentence where it has not succeeded since a moment, though it was known before; else nothing."""
        if self.last_success_at is not None:
            return f"{self.name} last succeeded {_minute(self.last_success_at)}" * (self.last_success_at < limit)
        if self.known_since is None:
            return f"{self.name} was never met by a scheduler"
        return f"{self.name} never succeeded since {_minute(self.known_since)}" * (self.known_since < limit)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Deliveries to one place that have not arrived."""

    audience: str
    channel: str
    target: str
    count: int
    since: datetime
    next_try_at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything."""

    at: datetime
    last_scan_at: datetime | None
    last_told_at: datetime | None
    jobs: tuple[JobStanding, ...]
    waiting: tuple[Waiting, ...]
    at_work: tuple[Held, ...]

    def stale(self, age: timedelta, job: str | None = None) -> list[str]:
        """What did not succeed within an age, one sentence each; empty where all is well.

        A catalogue that no scheduler ever used is judged by the last scan of which everything arrived that it had to
        tell, or, where nothing was ever told, by its last finished scan.
        """
        limit = self.at - age
        if job is not None:
            return [sentence for one in self.jobs if one.name == job and (sentence := one.stale(limit))]
        told = [
            f"{one.count} {'delivery' if one.count == 1 else 'deliveries'} to {one.target} waiting since "
            + _minute(one.since)
            for one in self.waiting
            if one.since < limit
        ]
        if any(one.known_since is not None for one in self.jobs):
            return told + [sentence for one in self.jobs if (sentence := one.stale(limit))]
        if self.last_told_at is not None:
            return told + (
                [f"the last digest that arrived is of {_minute(self.last_told_at)}"] * (self.last_told_at < limit)
            )
        if self.last_scan_at is None:
            return [*told, "no scan was ever finished"]
        return told + ([f"the last scan was finished {_minute(self.last_scan_at)}"] * (self.last_scan_at < limit))


def standing(engine: Engine, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Standing:
    """Where things stand in a catalogue."""
    jobs, leases = Jobs(engine, now), Leases(engine, now)
    held = tuple(found for name in (AT_WORK, DELIVERING) if (found := leases.held(name)) is not None)
    return Standing(
        at=now(),
        last_scan_at=jobs.last_scan(),
        last_told_at=jobs.told_by_hand(),
        jobs=tuple(
            _job(job, settings, jobs, now(), at_work=any(h.name == AT_WORK for h in held)) for job in settings.jobs
        ),
        waiting=tuple(_waiting(Outbox(engine, now))),
        at_work=held,
    )


def _job(job: JobSettings, settings: Settings, jobs: Jobs, moment: datetime, *, at_work: bool) -> JobStanding:
    times = times_of(job, settings)
    zone, trigger = times[-1], trigger_of(job, settings)
    since, latest = jobs.known(*times), jobs.latest(job.name)
    done, success, unfinished = jobs.last_done(job.name), jobs.last_success(job.name), jobs.unfinished(job.name)
    by_hand = jobs.told_by_hand(selection_of(job, settings).words())  # somebody else's cron may do what the job would
    succeeded = max((m for m in (success.finished_at if success else None, by_hand) if m is not None), default=None)
    anchor = max((one for one in (since, by_hand) if one is not None), default=None) if since is not None else None
    stuck = late_since(trigger, anchor, done, unfinished, moment)
    state = "never-run" if latest is None else "done"
    if stuck is not None:
        state = "overdue" if unfinished is None else str(unfinished.state)
        state = "overdue" if state == OccurrenceState.RUNNING and not at_work else state
    elif done is not None and (success is None or success.id != done.id):
        state, stuck = "undelivered", done.finished_at
    return JobStanding(
        name=job.name,
        cron=job.cron,
        timezone=zone,
        state=state,
        known_since=since,
        last_success_at=succeeded,
        last_due_at=latest.due_at if latest else None,
        next_due_at=trigger.after(moment),
        next_try_at=unfinished.next_try_at if unfinished else None,
        stuck_since=stuck,
        attempts=unfinished.attempts if unfinished else 0,
        detail=(unfinished or latest).detail if (unfinished or latest) else "",  # type: ignore[union-attr]  # one is there
    )


def _waiting(outbox: Outbox) -> Sequence[Waiting]:
    found: dict[tuple[str, str, str], Waiting] = {}
    for delivery in outbox.unsent():
        target = str(delivery.target)
        if delivery.channel == "file":
            target = target.rpartition("/")[0] or target
        place = (delivery.audience, delivery.channel, target)
        one = found.get(place)
        tries = (delivery.not_before, one.next_try_at if one is not None else None)
        found[place] = Waiting(
            *place,
            count=1 if one is None else one.count + 1,
            since=delivery.created_at if one is None else one.since,
            next_try_at=min((moment for moment in tries if moment is not None), default=None),
            detail=(one.detail if one is not None else "") or delivery.detail,
        )
    return list(found.values())


def age(text: str) -> timedelta:
    """An age such as 8d, 36h, 90m or 2w.

    Raises:
        UsageError: it is none.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--fail-if-older-than {text[:40]}: a number and m, h, d or w is wanted, such as 8d or 36h")
    return min(timedelta(minutes=int(match[1]) * UNITS[match[2]]), OLDEST)


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M UTC}"
