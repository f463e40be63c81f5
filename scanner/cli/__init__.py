"""The command line: parse, load settings, call what does the work, print, return an exit code.

One module a command; each imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

import sys

import typer

from scanner.cli import (
    check,
    demo,
    diff,
    doctor,
    explain,
    export,
    init,
    notify,
    report,
    rescope,
    scan,
    schedule,
    status,
    survey,
)
from scanner.cli.common import version_option

EPILOG = (
    "Exit codes: 0 done; 1 a target is in scope (check), or what --fail-on names came up; 2 a usage or settings "
    "error; 3 incomplete; 130 interrupted. hubscope is not legal advice."
)

app = typer.Typer(
    name="hubscope",
    help="Which open models does a parameter-threshold regulation touch? Counts, reads restrictions, decides, reports.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(version_option)
app.command("check", epilog=check.EXAMPLES)(check.command)
app.command("scan", epilog=scan.EXAMPLES)(scan.command)
app.command("report", epilog=report.EXAMPLES)(report.command)
app.command("export", epilog=export.EXAMPLES)(export.command)
app.command("survey", epilog=survey.EXAMPLES)(survey.command)
app.command("explain", epilog=explain.EXAMPLES)(explain.command)
app.command("diff", epilog=diff.EXAMPLES)(diff.command)
app.command("rescope", epilog=rescope.EXAMPLES)(rescope.command)
app.command("notify", epilog=notify.EXAMPLES)(notify.command)
app.command("schedule", epilog=schedule.EXAMPLES)(schedule.command)
app.command("status", epilog=status.EXAMPLES)(status.command)
app.command("doctor", epilog=doctor.EXAMPLES)(doctor.command)
app.command("init", epilog=init.EXAMPLES)(init.command)
app.command("demo", epilog=demo.EXAMPLES)(demo.command)


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us
        raise SystemExit(2)
    for stream in (sys.stdout, sys.stderr):
        # Names of models hold anything; a terminal that cannot show them gets escapes, not a crash.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app()
