"""`hubscope export`: one row per model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import common

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.catalogue.queries import Reader
    from scanner.catalogue.tables import Run

EXAMPLES = common.examples(
    "hubscope export --format csv --output models.csv",
    "hubscope export --format jsonl | head -1",
)


class Form(StrEnum):
    """Formats of an export."""

    CSV = "csv"
    JSONL = "jsonl"


@common.guarded
def command(
    form: Annotated[Form, typer.Option("--format", help="csv, or jsonl with the objects of `check`.")] = Form.CSV,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    run: common.RunOption = "latest",
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Write one row per model of a run, with every field (docs/fields.md) or as the objects of `check`."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    _, regulations, reader, found = common.open_run(run, regulation, config)
    lines = csv_lines(reader, found, regulations) if form is Form.CSV else json_lines(reader, found, regulations)
    if output is None:
        sys.stdout.writelines(lines)
    else:
        from notifiers.files import write

        write(output, lines)
    common.leave(*common.unended(found))


def csv_lines(reader: Reader, run: Run, regulations: Sequence[Regulation]) -> Iterator[str]:
    """The models of a run as the lines of a CSV file."""
    from scanner import digest

    return digest.csv_lines(reader.assessments(run), [r.id for r in regulations])


def json_lines(reader: Reader, run: Run, regulations: Sequence[Regulation]) -> Iterator[str]:
    """The models of a run as one JSON object a line."""
    from scanner.assessment import dump, to_json
    from scanner.cli.explain import with_conditions

    for assessment in reader.assessments(run):
        yield dump(to_json(with_conditions(assessment, regulations))).decode() + "\n"
