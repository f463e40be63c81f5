"""Checks of the catalogue: its database, whether jobs and deliveries come to their end, and who is at work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scanner.catalogue.database import HEAD
from scanner.catalogue.leases import AT_WORK, DELIVERING
from scanner.doctor.interface import Finding, State, fail, ok, warn
from scanner.errors import HubscopeError

if TYPE_CHECKING:
    from pathlib import Path

    from scanner.doctor.interface import Surroundings
    from scanner.schedule.standing import JobStanding, Standing

WORDS = {AT_WORK: "scanning", DELIVERING: "sending"}
"""What the holder of a lease does."""
DATABASE_FIRST = "mend what `database` says first"
LATE = ("overdue", "failed", "waiting")
"""States of a job that was due and is not done."""


def database(around: Surroundings) -> Iterator[Finding]:
    """The catalogue can be used by this version."""
    found = around.catalogue.get()
    if found.path is not None and (hindrance := _hindrance(found.path)) is not None:
        yield hindrance
        return
    with_versions = f"{found.shown} ({found.product}, {found.driver})"
    if found.revision is None:
        yield ok(f"{with_versions} holds no catalogue yet; the first scan makes it")
    elif not found.is_current:
        yield ok(
            f"{with_versions} is of revision {found.revision}; the next command that opens it brings it up to {HEAD}"
        )
    elif found.unreadable:
        yield fail(f"{with_versions} cannot be read: {found.unreadable}", "put a backup in its place, or scan anew")
    else:
        yield ok(f"{with_versions} is of revision {found.revision}, which is this version's")


def at_work(around: Surroundings) -> Iterator[Finding]:
    """Who holds which lease; nothing where the catalogue cannot tell."""
    stands = _standing(around)
    if isinstance(stands, Finding):
        return
    held = [
        f"{one.who} has been {WORDS.get(one.name, one.name)} since {_minute(one.taken_at)}" for one in stands.at_work
    ]
    yield ok("; ".join(held) or "no process is scanning or sending")


def schedule(around: Surroundings) -> Iterator[Finding]:
    """Every job was done when it was due last."""
    stands = _standing(around)
    if isinstance(stands, Finding):
        yield stands
        return
    late = [_late(around, job) for job in stands.jobs if job.state in LATE]
    yield from late
    if not late:
        met = [job for job in stands.jobs if job.known_since is not None]
        yield ok("no job is overdue" if met else "no scheduler has met the jobs yet (`hubscope schedule`)")


def subscriptions(around: Surroundings) -> Iterator[Finding]:
    """Every subscription is about some model that was ever listed; nothing where there are none."""
    if isinstance(_standing(around), Finding) or not around.settings.subscriptions:
        return
    unheard = around.catalogue.get().unheard
    for name in unheard:
        yield warn(
            f"{name} is about no model that any scan has listed, so that it will hear nothing",
            "let a job list them (`author`, `all`, or `watch` with the models in the watch list), or correct the names",
        )
    if not unheard:
        yield ok("each is about models that were listed")


def deliveries(around: Surroundings) -> Iterator[Finding]:
    """Nothing waits to be sent."""
    stands = _standing(around)
    if isinstance(stands, Finding):
        yield stands
        return
    for one in stands.waiting:
        count = "1 delivery" if one.count == 1 else f"{one.count} deliveries"
        waits = "has" if one.count == 1 else "have"
        why = f": {one.detail}" if one.detail else ""
        found = f"{count} to {one.target} ({one.audience}) {waits} waited since {_minute(one.since)}{why}"
        fix = "mend what it says, then send at once with `hubscope notify`" if why else "send with `hubscope notify`"
        yield Finding(_by_age(around, one.since), found, fix)
    if not stands.waiting:
        yield ok("nothing waits to be sent")


def _hindrance(path: Path) -> Finding | None:
    """Why a catalogue in this file could not be written; None where it can be."""
    folder = path.absolute().parent
    if not folder.is_dir():
        return fail(
            f"the catalogue {path} cannot be made: the folder {folder} does not exist",
            f"make the folder (mkdir -p {folder}), or name another place (database_url)",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return fail(
            f"the folder {folder} of the catalogue cannot be written to",
            "let this user write there, or name another place (database_url)",
        )
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        return fail(
            f"the catalogue {path} cannot be written",
            "let this user read and write the file, or name another (database_url)",
        )
    return None


def _late(around: Surroundings, job: JobStanding) -> Finding:
    since = job.stuck_since or around.now()
    why = f": {job.detail}" if job.detail else ""
    found = f"{job.name} is {job.state} since {_minute(since)}{why}"
    if job.next_try_at is not None and job.state in {"failed", "waiting"}:
        found += f" (next try {_minute(job.next_try_at)})"
    fix = f"see that `hubscope schedule` is running, or carry it out with `hubscope schedule --run-now {job.name}`"
    return Finding(_by_age(around, since), found, fix)


def _by_age(around: Surroundings, since: datetime) -> State:
    """What is late for as long as the settings say for an alarm has failed."""
    limit = timedelta(hours=around.settings.schedule.alarm_after_hours)
    return State.FAIL if around.now() - since > limit else State.WARN


def _standing(around: Surroundings) -> Standing | Finding:
    """Where things stand, or why that cannot be seen."""
    try:
        found = around.catalogue.get()
    except HubscopeError:  # `database` says it
        return warn("cannot be seen, since the catalogue cannot be read", DATABASE_FIRST)
    if found.standing is not None:
        return found.standing
    if found.unreadable:
        return warn("cannot be seen, since the catalogue cannot be read", DATABASE_FIRST)
    if found.revision is None:
        return ok("there is no catalogue yet, and so nothing to be late")
    return ok("cannot be seen before the catalogue is brought up to date")


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M UTC}"
