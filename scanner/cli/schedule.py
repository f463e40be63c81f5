"""`hubscope schedule`: the daemon."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from scanner.cli import common
from scanner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.settings import Settings
    from scanner.schedule.service import Carried, Service

EXAMPLES = common.examples(
    "hubscope schedule --list",
    "hubscope schedule --run-now weekly",
    "hubscope schedule --log-format json",
)

SHOWN = 5


@common.guarded
def command(
    list_runs: Annotated[bool, typer.Option("--list", help="Show the next five runs of each job, and leave.")] = False,
    run_now: Annotated[
        str | None, typer.Option("--run-now", metavar="NAME", help="Carry one job out at once, and leave.")
    ] = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Keep the settings' jobs going: scan, report and tell when each is due, until SIGTERM."""
    signal.signal(signal.SIGTERM, _leave)  # until there is a page in hand
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    settings = common.load_settings(config)
    if list_runs and run_now is not None:
        raise UsageError("--list and --run-now exclude each other")
    if list_runs:
        sys.stdout.writelines(f"{line}\n" for line in upcoming(settings, datetime.now(UTC)))
        return
    known = [job.name for job in settings.jobs]
    if run_now is not None and run_now not in known:
        raise UsageError(f"--run-now {run_now}: no job is called so; there are {', '.join(known)}")
    regulations = common.load_regulations(settings, None)
    engine = common.open_catalogue(settings, create=True)

    from scanner.cli.service import make_service
    from scanner.schedule import daemon

    service = make_service(engine, settings, regulations)
    if run_now is None:
        for line in upcoming(settings, datetime.now(UTC), 1):
            common.log.info(line)
        daemon.run(service)
        return
    with daemon.stopped_by_signals(service):
        _run_now(service, run_now)


def _leave(number: int, frame: object) -> NoReturn:
    del number, frame
    raise SystemExit(common.DONE)


def upcoming(settings: Settings, moment: datetime, count: int = SHOWN) -> Iterator[str]:
    """The next runs of each job, in the job's own time zone."""
    from scanner.schedule.job import selection_of, times_of, trigger_of

    for job in settings.jobs:
        *_, zone = times_of(job, settings)
        yield f"{job.name}  ({job.cron}, {zone})  {selection_of(job, settings).words()}"
        for one in trigger_of(job, settings).upcoming(moment, count):
            yield f"  {one:%a %Y-%m-%d %H:%M %z} {zone}"


def _run_now(service: Service, name: str) -> None:
    from scanner.catalogue.queries import Reader
    from scanner.cli.summary import summary
    from scanner.schedule.service import Carried

    outcome = service.run_now(name)
    if not isinstance(outcome, Carried):
        common.fail(f"{outcome.who} is at work on this catalogue; {name} was not begun", common.INCOMPLETE)
    if outcome.run is not None and outcome.run.id is not None:
        sys.stdout.write(summary(Reader(service.engine), outcome.run.id, [r.id for r in service.regulations]))
    common.leave(*_codes(outcome))


def _codes(outcome: Carried) -> Iterator[int]:
    """Exit codes, each with its sentence on stderr."""
    from scanner.schedule.service import Ending

    if outcome.ending is Ending.STOPPED:
        return  # asked for; it goes on when it is started again
    if outcome.detail:
        typer.echo(f"hubscope: incomplete: {outcome.detail}", err=True)
        yield common.INCOMPLETE
    waiting = 0 if outcome.delivered is None else len(outcome.delivered.undelivered)
    if waiting:
        what = "1 delivery waits" if waiting == 1 else f"{waiting} deliveries wait"
        typer.echo(f"hubscope: {what}; `hubscope status` says why", err=True)
        yield common.INCOMPLETE
