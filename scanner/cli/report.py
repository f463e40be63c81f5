"""`hubscope report`: the digest of a run."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli import common

EXAMPLES = common.examples(
    "hubscope report",
    "hubscope report --format html --output report.html",
    "hubscope report --run 3",
)


class Form(StrEnum):
    """Formats of a report."""

    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"
    TEXT = "text"


@common.guarded
def command(
    form: Annotated[Form, typer.Option("--format", help="Form of the report.")] = Form.MARKDOWN,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    run: common.RunOption = "latest",
    max_missing: Annotated[
        float | None, typer.Option(help="Share of the run's requests that may have stayed unanswered.", min=0, max=1)
    ] = None,
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Write the digest of a run: in scope, out, undecided and why, and what changed."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from notifiers.registry import renderer
    from scanner.digest import Digest

    settings, regulations, reader, found = common.open_run(run, regulation, config)
    dated = [(regulation, settings.announced.get(regulation.id)) for regulation in regulations]
    digest = Digest(reader, dated, common.tool_version(), settings.report.named_models)
    report = digest.report(found, datetime.now(UTC))
    common.write_output(renderer(form).render(report), output)
    missing = settings.scan.max_missing if max_missing is None else max_missing
    codes = [*common.unended(found)]
    if not codes and found.unanswered > missing * found.asked:
        typer.echo(f"hubscope: run {found.id} is incomplete: {found.detail}", err=True)
        codes.append(common.INCOMPLETE)
    common.leave(*codes)
