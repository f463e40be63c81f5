"""What all commands share: options, settings, logging, errors as one sentence, exit codes."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, ParamSpec

import click
import typer

from scanner.errors import HubscopeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from config.regulation import Regulation
    from config.settings import Settings
    from scanner.catalogue.queries import Reader
    from scanner.catalogue.tables import Run
    from scanner.sources.huggingface import HuggingFace

P = ParamSpec("P")

DONE, FOUND, USAGE, INCOMPLETE, INTERRUPTED, READER_GONE = 0, 1, 2, 3, 130, 141
SEVERITY = (DONE, FOUND, INCOMPLETE, USAGE)
"""Exit codes from the mildest: where several apply, the last of them wins."""


class LogFormat(StrEnum):
    """How log lines on stderr look."""

    TEXT = "text"
    JSON = "json"


ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (default: hubscope.toml here, or HUBSCOPE_CONFIG).")
]
RegulationOption = Annotated[
    list[str] | None,
    typer.Option("--regulation", help="Id or file of a regulation; may be repeated (default: the settings')."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors on stderr.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="More of what is going on, on stderr.")]
LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="Form of the log lines on stderr.")]
RunOption = Annotated[str, typer.Option("--run", metavar="ID|latest", help="Which run.")]

log = logging.getLogger("hubscope")


def examples(*lines: str) -> str:
    """The foot of a command's help, an example a line (a blank line keeps them apart where help is wrapped)."""
    return "Examples:\n\n" + "\n\n".join(lines)


def tool_version() -> str:
    """The installed version of hubscope."""
    try:
        return metadata.version("hubscope")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hubscope {tool_version()}")
        raise typer.Exit


def version_option(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Which open models does a parameter-threshold regulation touch? Counts, reads restrictions, decides, reports."""
    del version  # its callback has shown it


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the errors that a person can mend into one sentence on stderr and the contract's exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from config.errors import ConfigError
        from notifiers.errors import NotifierError

        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except HubscopeError as error:
            fail(str(error), error.exit_code)
        except ConfigError as error:
            fail(str(error), USAGE)
        except NotifierError as error:
            fail(str(error), USAGE)
        except KeyboardInterrupt:
            fail("interrupted", INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has enough; what was not said must not look like "done".
            _drop_output()
            raise typer.Exit(READER_GONE) from None
        except OSError as error:
            if error.filename is None:
                _drop_output()
                fail(f"the output could not be written: {error.strerror}", INCOMPLETE)
            fail(f"{error.filename}: {error.strerror}", USAGE)
        except _database_errors() as error:
            reason = "".join(str(getattr(error, "orig", error)).strip().splitlines()[:1])
            kept = "restore it from a copy" if "malformed" in reason else "what was stored before is kept"
            fail(f"the catalogue failed: {reason}; {kept}", INCOMPLETE)

    return run


def _drop_output() -> None:
    """Send what is left of stdout nowhere, so that the interpreter does not fail on it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _database_errors() -> tuple[type[Exception], ...]:
    """The errors of a database that fails while it is used; none where no database was opened."""
    if "sqlalchemy.exc" not in sys.modules:
        return ()
    from scanner.catalogue.database import DATABASE_ERRORS

    return DATABASE_ERRORS


def fail(message: str, code: int) -> NoReturn:
    """Say what is wrong on stderr and leave."""
    from notifiers.render.safe import visible

    for line in message.splitlines() or [""]:
        typer.echo(f"hubscope: {visible(line)}", err=True)  # it may quote what a stranger wrote
    raise typer.Exit(code)


def leave(*codes: int) -> None:
    """Leave with the code that wins among those that apply."""
    worst = max(codes, key=SEVERITY.index, default=DONE)
    if worst != DONE:
        raise typer.Exit(worst)


def set_up_logging(*, quiet: bool, verbose: bool, log_format: LogFormat) -> None:
    """Log lines go to stderr: warnings by default, everything when verbose, errors only when quiet."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _JsonLines() if log_format is LogFormat.JSON else logging.Formatter("%(levelname)s %(message)s")
    )
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.INFO
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False
    # The client's own warnings repeat what we report, and its debug lines show signed addresses.
    for name in ("httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        import msgspec

        from scanner.assessment import iso

        moment = iso(_moment(record.created))
        line = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "data", {}))
        return msgspec.json.encode(line).decode()


def _moment(seconds: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


def load_settings(config: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings, with what the command line sets on top."""
    from config.settings import load

    return load(config, overrides=overrides)


def load_regulations(settings: Settings, chosen: Sequence[str] | None) -> list[Regulation]:
    """The regulations to apply; each once."""
    from config.regulation import load_regulation

    found: dict[str, Regulation] = {}
    for name in chosen or settings.regulations:
        regulation = load_regulation(name)
        if found.setdefault(regulation.id, regulation) != regulation:
            raise UsageError(
                f"{name}: its id {regulation.id!r} is that of another regulation; give it an id of its own"
            )
    return list(found.values())


def open_catalogue(settings: Settings, *, create: bool) -> Engine:
    """The catalogue's database, until the command ends."""
    from scanner.catalogue.database import open_database

    engine = open_database(settings.database_url, create=create)
    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(engine.dispose)
    return engine


def open_hub(settings: Settings, *, max_requests: int | None = None) -> HuggingFace:
    """The Hub that the settings name, with their token and patience."""
    from scanner.quota import Gate
    from scanner.sources.http import HubClient, Limits, logged_in_token
    from scanner.sources.huggingface import HuggingFace

    scan = settings.scan
    limits = Limits(
        connect_timeout=scan.connect_timeout,
        read_timeout=scan.read_timeout,
        max_retries=scan.max_retries,
        max_wait_seconds=scan.max_wait_seconds,
        max_requests=max_requests,
    )
    token = settings.hf_token.get_secret_value() if settings.hf_token else logged_in_token()
    return HuggingFace(HubClient(settings.hf_endpoint, token, tool_version(), limits, Gate(headroom=scan.headroom)))


def open_run(
    wanted: str, chosen: Sequence[str] | None, config: Path | None
) -> tuple[Settings, list[Regulation], Reader, Run]:
    """Settings, regulations, the catalogue and one run of it, for the commands that only read.

    Args:
        wanted: `--run`.
        chosen: `--regulation`.
        config: `--config`.

    Raises:
        UsageError: there is no catalogue, no such run, a suspect one, or a regulation that nothing was judged by.
    """
    from scanner.catalogue.queries import Reader

    settings = load_settings(config)
    regulations = load_regulations(settings, chosen)
    number = run_id(wanted)
    reader = Reader(open_catalogue(settings, create=False))
    run = reader.told(number)
    require_judged(reader, regulations, run)
    return settings, regulations, reader, run


def require_judged(reader: Reader, regulations: Sequence[Regulation], *runs: Run) -> None:
    """Refuse to tell of a regulation that did not exist for these runs; zeros would look like an answer.

    Raises:
        UsageError: no model had a verdict by it as of any of the runs.
    """
    for regulation in regulations:
        if not any(reader.judged_by(regulation.id, run) for run in runs):
            shown = " or ".join(f"run {number}" for number in dict.fromkeys(run.id for run in runs))
            raise UsageError(
                f"no model was judged by {regulation.id!r} as of {shown}; judge what is stored by it first "
                "(hubscope rescope), or name another run"
            )


def unended(run: Run) -> Iterator[int]:
    """The exit code of a run that has not ended, with its sentence on stderr; nothing of one that has."""
    from scanner.catalogue.store import RESUMABLE

    if run.state in RESUMABLE:
        detail = run.detail or "it has not ended; the same scan goes on"
        typer.echo(f"hubscope: run {run.id} is incomplete: {detail}", err=True)
        yield INCOMPLETE


def write_output(text: str, output: Path | None) -> None:
    """Data goes to stdout, or whole into a file."""
    if output is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    from notifiers.files import write

    write(output, text)


def run_id(value: str, option: str = "--run ") -> int | None:
    """A run's id from the command line; None is the latest.

    Args:
        value: what was given.
        option: where it was given, with a space behind it; empty for an argument.

    Raises:
        UsageError: neither a number nor "latest".
    """
    if value == "latest":
        return None
    if value.isascii() and value.isdigit():
        return int(value)
    raise UsageError(f"{option}{value}: a run's number or `latest` is wanted")
