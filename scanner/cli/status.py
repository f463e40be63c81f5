"""`hubscope status`: where things stand."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import common
from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.schedule.standing import JobStanding, Standing

EXAMPLES = common.examples(
    "hubscope status",
    "hubscope status --format json",
    "hubscope status --quiet --fail-if-older-than 8d || alert",
)

SCHEMA = "hubscope.status/1"


class Form(StrEnum):
    """Formats of the status."""

    TEXT = "text"
    JSON = "json"


@common.guarded
def command(
    form: Annotated[Form, typer.Option("--format", help="For people, or for programs.")] = Form.TEXT,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--fail-if-older-than",
            metavar="AGE",
            help="Leave with 3 where a job last succeeded longer ago, or a delivery has waited longer (8d, 36h, 2w).",
        ),
    ] = None,
    job: Annotated[str | None, typer.Option("--job", metavar="NAME", help="Judge the age of this job only.")] = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Show when each job last succeeded, what is stuck and since when."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from scanner.schedule.standing import age, standing

    limit = None if older_than is None else age(older_than)
    settings = common.load_settings(config)
    if job is not None and job not in [one.name for one in settings.jobs]:
        raise UsageError(f"--job {job}: no job is called so; there are {', '.join(j.name for j in settings.jobs)}")
    found = standing(common.open_catalogue(settings, create=False), settings)
    stale = [] if limit is None else found.stale(limit, job)
    if form is Form.JSON:
        from scanner.assessment import dump

        sys.stdout.write(dump({**as_json(found), "stale": stale}).decode() + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in as_text(found))
    for sentence in stale:
        typer.echo(f"hubscope: too old: {sentence}", err=True)
    if stale:
        common.leave(common.INCOMPLETE)


def as_json(found: Standing) -> dict[str, Any]:
    """The status as an object; moments in UTC, null where there is none."""
    from dataclasses import asdict

    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            from scanner.assessment import iso

            return iso(value)
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        return [plain(inner) for inner in value] if isinstance(value, tuple | list) else value

    tree: dict[str, Any] = plain(asdict(found))
    tree["at_work"] = [{"lease": h.name, "who": h.who, "since": plain(h.taken_at)} for h in found.at_work]
    return {"schema": SCHEMA, **tree}


def as_text(found: Standing) -> Iterator[str]:
    """The status for people."""
    from notifiers.render.safe import visible
    from scanner.catalogue.leases import AT_WORK, DELIVERING

    for job in found.jobs:
        yield from _job(job)
    if found.waiting:
        yield "Not delivered yet"
        for one in found.waiting:
            when = f", next try {_moment(one.next_try_at)}" if one.next_try_at else ""
            why = f": {visible(one.detail)}" if one.detail else ""
            yield f"  {one.count} to {visible(one.target)} ({one.audience}) since {_moment(one.since)}{when}{why}"
        yield "  (`hubscope notify` tries at once; `--dry-run` shows the ids, `--drop ID` gives one up)"
    for held in found.at_work:
        what = {AT_WORK: "scanning", DELIVERING: "sending"}[held.name]
        yield f"{held.who.capitalize()} is {what} since {_moment(held.taken_at)}"
    yield f"Last scan finished: {_moment(found.last_scan_at)}"


def _job(job: JobStanding) -> Iterator[str]:
    from notifiers.render.safe import visible

    since = f" since {_moment(job.stuck_since)}" if job.stuck_since else ""
    yield f"{job.name}: {job.state.replace('-', ' ')}{since}"
    yield f"  last success  {_moment(job.last_success_at)}"
    yield f"  next due      {_moment(job.next_due_at)} ({job.cron}, {job.timezone})"
    if job.next_try_at:
        yield f"  next try      {_moment(job.next_try_at)}, after {job.attempts} so far"
    if job.detail:
        yield f"  {visible(job.detail)}"


def _moment(value: datetime | None) -> str:
    return "never" if value is None else f"{value:%a %Y-%m-%d %H:%M %Z}"
