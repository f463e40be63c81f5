"""`hubscope export`: one row per model."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, AnyStr

import typer

from scanner.cli import common
from scanner.errors import UsageError

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.catalogue.queries import Reader
    from scanner.catalogue.tables import Run

EXAMPLES = common.examples(
    "hubscope export --format csv --output models.csv",
    "hubscope export --format parquet --output models.parquet",
    "hubscope export --format jsonl | head -1",
)


class Form(StrEnum):
    """Formats of an export."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


@common.guarded
def command(
    form: Annotated[
        Form, typer.Option("--format", help="csv, parquet (typed columns), or jsonl with the objects of `check`.")
    ] = Form.CSV,
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
    if form is Form.PARQUET and output is None and sys.stdout.isatty():
        raise UsageError("a terminal cannot show Parquet; name a file (--output models.parquet) or send it into a pipe")
    _, regulations, reader, found = common.open_run(run, regulation, config)
    if form is Form.PARQUET:
        _put(parquet_chunks(reader, found, regulations), output, sys.stdout.buffer)
    else:
        lines = csv_lines(reader, found, regulations) if form is Form.CSV else json_lines(reader, found, regulations)
        _put(lines, output, sys.stdout)
    common.leave(*common.unended(found))


def _put(parts: Iterator[AnyStr], output: Path | None, stdout: IO[AnyStr]) -> None:
    """Send what comes to stdout, or whole into a file."""
    if output is None:
        stdout.writelines(parts)
        stdout.flush()
    else:
        from notifiers.files import write

        write(output, parts)


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


def parquet_chunks(reader: Reader, run: Run, regulations: Sequence[Regulation]) -> Iterator[bytes]:
    """The models of a run as the bytes of a Parquet file."""
    from scanner import digest

    return digest.parquet_chunks(reader, run, regulations, common.tool_version())
