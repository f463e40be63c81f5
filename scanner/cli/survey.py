"""`hubscope survey`: the share of models in scope with 95% intervals, from a listing and a sample."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import common

if TYPE_CHECKING:
    from scanner.survey.conduct import Survey

EXAMPLES = common.examples(
    "hubscope scan --all --deep never && hubscope survey",
    "hubscope survey --plan --budget 5000",
    "hubscope survey --seed 7 --format json --output survey.json",
)

MOST_REQUESTS = 10_000_000


class Form(StrEnum):
    """Formats of a survey."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@common.guarded
def command(
    budget: Annotated[
        int, typer.Option(help="Requests to the Hub at most.", metavar="REQUESTS", min=1, max=MOST_REQUESTS)
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Of the sample; the same seed draws the same models.", min=0)] = 1,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Say what it would read and cost, and stop before the first request.")
    ] = False,
    form: Annotated[Form, typer.Option("--format", help="Form of the survey.")] = Form.TEXT,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    run: common.RunOption = "latest",
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Estimate the share of models in scope: a run's complete listing, and a random sample of what it left open.

    Shares of repositories, of distinct weights and of downloads; what is read is kept for later scans.
    """
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    settings, regulations, reader, found = common.open_run(run, regulation, config)
    from scanner.catalogue.database import only_writer
    from scanner.catalogue.store import Store
    from scanner.cli.survey_forms import plan_lines
    from scanner.deepread import Options
    from scanner.survey.conduct import Surveyor

    with nullcontext() if plan_only else only_writer(reader.engine), _Watcher(quiet=quiet) as watcher:
        surveyor = Surveyor(reader.engine, found, regulations, budget, seed, common.tool_version(), watch=watcher.show)
        plan = surveyor.plan()
        lines = list(plan_lines(plan, found.id))
        if plan_only:
            common.write_output("\n".join(lines), output)
            return
        if not quiet:
            typer.echo("\n".join(lines), err=True)
        hub = common.open_hub(settings, max_requests=budget)
        survey = surveyor.conduct(plan, hub, Store(reader.engine), Options.of(settings.scan))
    common.write_output(_written(survey, form), output)
    asked, unanswered = hub.client.asked, hub.client.unanswered
    if unanswered > settings.scan.max_missing * asked:
        typer.echo(f"hubscope: incomplete: {unanswered:,} of {asked:,} requests stayed unanswered", err=True)
        common.leave(common.INCOMPLETE)


def _written(survey: Survey, form: Form) -> str:
    from notifiers.render.safe import escape_unseen_json
    from scanner.assessment import dump
    from scanner.cli import survey_forms
    from scanner.survey.document import to_json

    if form is Form.JSON:
        return escape_unseen_json(dump(to_json(survey)).decode())
    return survey_forms.text(survey) if form is Form.TEXT else survey_forms.markdown(survey)


class _Watcher:
    """A progress line on a terminal, and nothing elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = sys.stderr.isatty() and not quiet

    def __enter__(self) -> _Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")

    def show(self, done: int, sent: int) -> None:
        """Draw where the survey stands."""
        text = f"reading: {done:,} models, {sent:,} requests"
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
        common.log.debug(text)
