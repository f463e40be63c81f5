"""`hubscope notify`: send what is due, to Slack and into files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from scanner.cli import common
from scanner.errors import UsageError

if TYPE_CHECKING:
    from scanner.catalogue.outbox import Outbox
    from scanner.catalogue.tables import Delivery, Run
    from scanner.outbox.deliver import Outcome
    from scanner.schedule.service import Service

EXAMPLES = common.examples(
    "hubscope notify",
    "hubscope notify --dry-run",
    "hubscope notify --drop all",
)


@common.guarded
def command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print exactly what would be sent, one JSON object a line; send nothing.")
    ] = False,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop",
            metavar="ID|all",
            help="Give up a delivery that waits, and its thread, by its whole id (--dry-run shows it), or all.",
        ),
    ] = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Tell of the latest finished scan where that was not done yet, and send all that waits; nothing twice."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    if drop and dry_run:
        raise UsageError("--drop and --dry-run exclude each other")
    settings = common.load_settings(config)
    regulations = common.load_regulations(settings, None)
    engine = common.open_catalogue(settings, create=False)

    from scanner.catalogue.leases import DELIVERING
    from scanner.catalogue.outbox import Outbox
    from scanner.cli.service import make_service

    service = make_service(engine, settings, regulations)
    outbox = Outbox(engine)
    if drop:
        with service.leases.hold(DELIVERING) as held:
            if not held:
                _busy(service)
            _drop(outbox, drop)
        return
    run = outbox.untold()
    if dry_run:
        sys.stdout.writelines(json.dumps(shown, ensure_ascii=False) + "\n" for shown in would_be_sent(service, run))
        return
    if run is not None:
        service.composer.tell(run)
    outcome = service.deliver(everything=True)
    if outcome is None:
        _busy(service)
    if not outcome.sent and not outcome.undelivered:
        sys.stdout.write("Nothing was due.\n")
    sys.stdout.writelines(f"sent: {_line(delivery)}\n" for delivery in outcome.sent)
    codes = [*told(outcome)]
    if run is not None and run.unanswered > settings.scan.max_missing * run.asked:
        typer.echo(f"hubscope: run {run.id}, which was told, is incomplete: {run.detail}", err=True)
        codes.append(common.INCOMPLETE)
    common.leave(*codes)


def _busy(service: Service) -> NoReturn:
    from scanner.catalogue.leases import DELIVERING

    held = service.leases.held(DELIVERING)
    who = held.who if held else "another process"
    common.fail(f"{who} is sending from this catalogue; nothing was done by this one", common.INCOMPLETE)


def _drop(outbox: Outbox, wanted: list[str]) -> None:
    """Give deliveries up.

    Raises:
        UsageError: none that waits has that id.
    """
    waiting = {delivery.id: delivery for delivery in outbox.unsent()}
    chosen = [*waiting] if "all" in wanted else [*dict.fromkeys(wanted)]
    for number in chosen:
        if number not in waiting:
            raise UsageError(
                f"--drop {number[:60]}: no delivery of that id waits; `hubscope notify --dry-run` shows them"
            )
    chosen += [number for number, one in waiting.items() if one.parent in chosen and number not in chosen]
    if not chosen:
        sys.stdout.write("Nothing waits.\n")
    for number in chosen:
        if outbox.drop(waiting[number], "given up by hand"):
            sys.stdout.write(f"dropped: {_line(waiting[number])}\n")


def told(outcome: Outcome) -> Iterator[int]:
    """The exit code of deliveries that failed, each with its sentence on stderr."""
    for item in outcome.undelivered:
        from notifiers.render.safe import visible

        typer.echo(f"hubscope: not sent: {_line(item.delivery)}: {visible(item.why)}", err=True)
        yield common.INCOMPLETE


def would_be_sent(service: Service, run: Run | None) -> Iterator[dict[str, Any]]:
    """Each delivery as it would go out: those that wait, then those of a run that was not told yet."""
    from config.audiences import ALARM
    from notifiers.errors import SendError
    from scanner.catalogue.outbox import DeliveryState, Outbox
    from scanner.cli.service import channels
    from scanner.outbox.deliver import ALARMS_LAST

    outbox = Outbox(service.engine)
    parcel = None if run is None else service.composer.parcel(run)
    digest = None if parcel is None else parcel.digest

    def report(number: str) -> str:
        return digest.report if digest is not None and digest.id == number else outbox.report(number)

    ways_out = channels(service.engine, service.settings, service.stop, report)
    targets, heads = service.composer.slack_targets(), dict[str, str]()
    for delivery in (*outbox.unsent(), *(parcel.deliveries if parcel is not None else ())):
        if delivery.audience == ALARM and service.now() - delivery.created_at > ALARMS_LAST:
            continue
        if delivery.channel == "slack" and (delivery.parent is None or delivery.parent in heads):
            delivery.target = targets.get(delivery.audience, delivery.target)
            heads[delivery.id] = delivery.target
        thread = {"thread_of": delivery.parent} if delivery.parent else {}
        where: dict[str, Any] = {
            "delivery": delivery.id,
            "audience": delivery.audience,
            "to": delivery.target,
            **thread,
        }
        where |= {"may_be_a_repeat": True} if delivery.state == DeliveryState.SENDING else {}
        try:
            yield {**where, **ways_out[delivery.channel].show(delivery)}
        except SendError as error:
            yield {**where, "cannot_be_sent": str(error)}


def _line(delivery: Delivery) -> str:
    from notifiers.render.safe import visible

    return f"{visible(delivery.subject, 100)} ({delivery.channel}: {visible(delivery.target)})"
