"""`hubscope doctor`: is everything there that the service needs, and if not, what is to be done."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import common

if TYPE_CHECKING:
    from scanner.doctor.registry import Diagnosis

EXAMPLES = common.examples(
    "hubscope doctor",
    "hubscope doctor --offline",
    "hubscope doctor --format json",
)

SCHEMA = "hubscope.doctor/1"
COLOURS = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "fail": typer.colors.RED}
STATE_WIDTH, NAME_WIDTH = 6, 15


class Form(StrEnum):
    """Formats of the findings."""

    TEXT = "text"
    JSON = "json"


@common.guarded
def command(
    form: Annotated[Form, typer.Option("--format", help="For people, or for programs.")] = Form.TEXT,
    offline: Annotated[bool, typer.Option("--offline", help="Ask neither the Hub nor Slack.")] = False,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Check token, endpoint, quota, clock, database, Slack and packages; each ok, warn or fail, with its fix.

    Nothing is changed, made or posted. Leaves with 3 where something failed.
    """
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    settings = common.load_settings(config)
    from scanner.doctor.gather import surroundings
    from scanner.doctor.registry import diagnose
    from scanner.doctor.settings import source

    where = source(config, os.environ)
    found: list[Diagnosis] = []
    with surroundings(settings, where, common.tool_version(), offline=offline) as around:
        for diagnosis in diagnose(around):
            found.append(diagnosis)
            if form is Form.TEXT:
                sys.stdout.writelines(f"{line}\n" for line in as_text(diagnosis, colour=_wants_colour()))
                sys.stdout.flush()
    if form is Form.JSON:
        from scanner.assessment import dump

        sys.stdout.write(dump(as_json(found)).decode() + "\n")
    else:
        sys.stdout.write(f"{summary(found)}\n")
    if any(diagnosis.failed for diagnosis in found):
        common.leave(common.INCOMPLETE)


def as_json(found: Sequence[Diagnosis]) -> dict[str, Any]:
    """Every finding as an object; `fix` is null where nothing is to be done."""
    checks = [
        {
            "check": one.check,
            "state": str(one.finding.state),
            "found": one.finding.found,
            "fix": one.finding.fix or None,
        }
        for one in found
    ]
    return {"schema": SCHEMA, "checks": checks}


def as_text(one: Diagnosis, *, colour: bool) -> Iterator[str]:
    """A finding for people, and what to do about it on a line of its own."""
    from notifiers.render.safe import visible

    state = f"{one.finding.state:<{STATE_WIDTH}}"
    shown = typer.style(state, fg=COLOURS[str(one.finding.state)]) if colour else state
    yield f"{shown}{one.check:<{NAME_WIDTH}}{visible(one.finding.found)}"
    if one.finding.fix:
        yield f"{'':<{STATE_WIDTH + NAME_WIDTH}}fix: {visible(one.finding.fix)}"


def summary(found: Sequence[Diagnosis]) -> str:
    """How many of each."""
    counts = {state: sum(one.finding.state == state for one in found) for state in COLOURS}
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
