"""`hubscope diff`: what changed between two runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import common
from scanner.cli.scan import FailOn
from scanner.errors import UsageError

if TYPE_CHECKING:
    from notifiers.report import ChangeKind
    from scanner.catalogue.queries import Reader
    from scanner.catalogue.tables import Run
    from scanner.difference import Compared

EXAMPLES = common.examples(
    "hubscope diff",
    "hubscope diff 3 5 --format markdown --output changes.md",
    "hubscope diff --fail-on in_scope --format json",
)

NAMED = 25  # models that each kind names in the forms for people


class Form(StrEnum):
    """Formats of a comparison."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@common.guarded
def command(
    run_a: Annotated[
        str | None, typer.Argument(help="The earlier run; by itself, the run to compare with the one before it.")
    ] = None,
    run_b: Annotated[str | None, typer.Argument(help="The later run.")] = None,
    form: Annotated[Form, typer.Option("--format", help="Form of the comparison.")] = Form.TEXT,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help=f"Models named of each kind, the most downloaded first (default: all in JSON, else {NAMED}).",
            metavar="N",
            min=0,
        ),
    ] = None,
    fail_on: Annotated[
        list[FailOn] | None,
        typer.Option(help="Leave with 1 where a model entered scope, or a new one came; may be repeated."),
    ] = None,
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Show what changed between two runs: totals, and every model that moved.

    Without arguments it compares the latest finished run with the one that its report compares with.
    """
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from scanner.catalogue.queries import Reader
    from scanner.cli.diff_forms import json_parts, markdown_parts, text_parts
    from scanner.difference import Difference

    settings = common.load_settings(config)
    regulations = common.load_regulations(settings, regulation)
    reader = Reader(common.open_catalogue(settings, create=False))
    before, after = chosen(reader, run_a, run_b)
    common.require_judged(reader, regulations, before, after)
    difference = Difference(reader, before, after)
    seen = _Seen()
    if form is Form.JSON:
        parts = json_parts(difference, regulations, limit, seen.note)
    else:
        named = NAMED if limit is None else limit
        parts = (text_parts if form is Form.TEXT else markdown_parts)(difference, regulations, named, seen.note)
    if output is None:
        sys.stdout.writelines(parts)
    else:
        from notifiers.files import write

        write(output, parts)
    codes = [common.FOUND for kind in fail_on or () if seen.hit(kind)]
    for sentence in difference.unended():
        typer.echo(f"hubscope: {sentence}", err=True)
        codes.append(common.INCOMPLETE)
    common.leave(*codes)


def chosen(reader: Reader, run_a: str | None, run_b: str | None) -> tuple[Run, Run]:
    """The two runs that are meant.

    Raises:
        UsageError: one is not there or suspect, there is none to compare with, or the later one was named first.
    """
    if run_a is None or run_b is None:
        after = reader.finished() if run_a is None else reader.told(common.run_id(run_a, ""))
        before = reader.previous(after)
        if before is None:
            raise UsageError(f"run {after.id} has no finished run over its endpoint before it to be compared with")
        return before, after
    before, after = (reader.told(common.run_id(value, "")) for value in (run_a, run_b))
    if (before.id or 0) > (after.id or 0):
        raise UsageError(
            f"run {before.id} is later than run {after.id}; name the earlier one first: diff {after.id} {before.id}"
        )
    return before, after


class _Seen:
    """What came up, for `--fail-on`."""

    def __init__(self) -> None:
        self._hits: set[FailOn] = set()

    def note(self, compared: Compared, kinds: Sequence[ChangeKind]) -> None:
        from notifiers.report import ChangeKind
        from scanner.difference import entered

        if entered(compared.first, kinds):
            self._hits.add(FailOn.IN_SCOPE)
        if ChangeKind.NEW in kinds:
            self._hits.add(FailOn.NEW)

    def hit(self, kind: FailOn) -> bool:
        return kind in self._hits
