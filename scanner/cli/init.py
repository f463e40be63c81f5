"""`hubscope init`: write a commented settings file, and say what comes next."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli import common
from scanner.errors import UsageError

EXAMPLES = common.examples(
    "hubscope init",
    "hubscope init --output team.toml",
    "hubscope init --force",
)


@common.guarded
def command(
    output: Annotated[Path, typer.Option(help="The file to write.")] = Path("hubscope.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one already.")] = False,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Write a settings file with every setting, its meaning and its default, for a team to start from."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from config.template import commented_settings
    from notifiers.files import write

    if not force and (output.exists() or output.is_symlink()):
        raise UsageError(f"{output} exists already; name another file with --output, or replace it with --force")
    write(output, commented_settings())
    sys.stdout.write("".join(f"{line}\n" for line in _next_steps(output)))


def _next_steps(output: Path) -> list[str]:
    from config.settings import DEFAULT_FILE
    from notifiers.render.safe import visible

    name = visible(str(output))
    steps = [
        ("export HF_TOKEN=…", "a read token of the Hub: more requests are allowed with one"),
        ("export SLACK_BOT_TOKEN=…", f"and the channel as `channel` in {name}"),
        ("export SLACK_WEBHOOK_URL=…", "instead of those two, where there is no bot; its channel is its own"),
        ("hubscope doctor", "is all in order?"),
        ("hubscope schedule --run-now weekly", "scan, report and send once, now"),
        ("hubscope schedule", "keep running, and do so every week"),
    ]
    if output != DEFAULT_FILE:
        steps.insert(
            0, (f"export HUBSCOPE_CONFIG={visible(shlex.quote(str(output)))}", "since it has a name of its own")
        )
    width = max(len(step) for step, _ in steps)
    return [f"Wrote {name}. What comes next:", "", *(f"  {step:<{width}}  # {why}" for step, why in steps)]
