"""`hubscope scan`: crawl into the catalogue."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import common
from scanner.errors import Cancelled, UsageError

if TYPE_CHECKING:
    from scanner.run import Outcome
    from scanner.sources.snapshot import Snapshot

EXAMPLES = common.examples(
    "hubscope scan --top 10000",
    "hubscope scan --all --plan",
    "hubscope scan --author my-org",
    "hubscope scan --all --max-requests 5000",
    "hubscope scan --models-file ids.txt --deep always",
    "hubscope scan --snapshot models.parquet",
)


YOUNG_OBJECTS = 50_000  # as many are made, and not given back, before garbage is looked for


class DeepChoice(StrEnum):
    """When to look into weight files."""

    AUTO = "auto"
    NEVER = "never"
    ALWAYS = "always"


class FailOn(StrEnum):
    """What makes a scan leave with exit code 1."""

    IN_SCOPE = "in_scope"
    NEW = "new"


@common.guarded
def command(
    everything: Annotated[bool, typer.Option("--all", help="Every public model.")] = False,
    top: Annotated[int | None, typer.Option(help="The most downloaded N models.", metavar="N")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="The settings' watch list.")] = False,
    author: Annotated[str | None, typer.Option(help="Models of one owner.")] = None,
    tags: Annotated[list[str] | None, typer.Option("--filter", help="A tag; may be repeated, all must match.")] = None,
    search: Annotated[str | None, typer.Option(help="Models whose name holds this.")] = None,
    models_file: Annotated[
        Path | None, typer.Option(help="A file with one owner/name a line; # starts a comment.")
    ] = None,
    snapshot: Annotated[
        list[Path] | None,
        typer.Option(
            help="A dump of the Hub's metadata (Parquet, JSON Lines, a folder of such files) instead of the Hub; "
            "nothing is asked. May be repeated.",
            metavar="F",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most N models of the listing.", metavar="N")] = None,
    deep: Annotated[
        DeepChoice | None,
        typer.Option(help="Read weight files where the listing leaves a verdict open (auto), never, or always."),
    ] = None,
    max_requests: Annotated[
        int | None, typer.Option(help="Stop after N requests to the Hub; the next scan goes on.", metavar="N", min=1)
    ] = None,
    max_missing: Annotated[
        float | None, typer.Option(help="Share of requests that may stay unanswered.", min=0, max=1)
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(
            help="Share of known models that the listing may lose or empty before it is suspect.", min=0, max=1
        ),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what it would cost, and ask for nothing.")] = False,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with an unfinished scan.")] = True,
    full: Annotated[
        bool, typer.Option("--full", help="List everything, and look again also at what is unchanged.")
    ] = False,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option(help="Leave with 1 where this came up; may be repeated.")
    ] = None,
    regulation: common.RegulationOption = None,
    config: common.ConfigOption = None,
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Crawl the Hub into the catalogue: list, count, read restrictions, decide, store."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    if snapshot and deep not in {None, DeepChoice.NEVER}:
        raise UsageError(f"--deep {deep}: beside --snapshot nothing is read that is not in it")
    asked = {
        "deep": "never" if snapshot else deep.value if deep else None,
        "max_missing": max_missing,
        "max_loss": max_loss,
    }
    settings = common.load_settings(config, {"scan": {key: value for key, value in asked.items() if value is not None}})
    regulations = common.load_regulations(settings, regulation)

    from scanner.catalogue.database import only_writer
    from scanner.catalogue.store import RunState, Store
    from scanner.cli.interrupts import stoppable
    from scanner.cli.watching import Watcher
    from scanner.deepread import Options
    from scanner.run import GOES_ON, Scan
    from scanner.selection import Selection

    if watch and not settings.watch:
        raise UsageError("--watch: the settings name no models; add `watch = [...]` to hubscope.toml")
    files = _snapshot(snapshot, settings.scan.page_size) if snapshot else None
    names = [*(settings.watch if watch else ()), *(_names(models_file) if models_file else ())]
    selection = Selection(
        everything=everything,
        top=top,
        names=tuple(dict.fromkeys(names)),
        author=author,
        search=search,
        filters=tuple(tags or ()),
        limit=limit,
        page_size=settings.scan.page_size,
        snapshot=files.title if files else "",
    )
    if everything and top is not None:
        raise UsageError("--all and --top N: one of them, please; --all covers the most downloaded ones, too")
    options = Options.of(settings.scan, resume=resume, full=full)
    if plan and files is not None:
        raise UsageError("--plan: beside --snapshot nothing is asked for")
    if plan:
        from scanner.cli.forecasting import planned

        sys.stdout.write(planned(settings, selection, options, regulations))
        return
    engine = common.open_catalogue(settings, create=True)
    hub = files or common.open_hub(settings, max_requests=max_requests)
    with only_writer(engine), Watcher(quiet=quiet) as watcher:
        scan = Scan(hub, Store(engine), selection, regulations, options, common.tool_version(), watch=watcher.show)
        with stoppable(scan.stopping), _collecting_seldom():
            try:
                outcome = scan.execute()
            except Cancelled:
                common.fail(f"interrupted; what was done is stored{GOES_ON}", common.INTERRUPTED)
    from scanner.catalogue.queries import Reader
    from scanner.cli.summary import summary

    if outcome.state is RunState.SUSPECT:
        common.fail(outcome.detail, common.INCOMPLETE)
    sys.stdout.write(summary(Reader(engine), outcome.run_id, [r.id for r in regulations]))
    codes = [common.DONE, *_found(Reader(engine), outcome, [r.id for r in regulations], fail_on or [])]
    if outcome.detail:
        typer.echo(f"hubscope: incomplete: {outcome.detail}", err=True)
        codes.append(common.INCOMPLETE)
    common.leave(*codes)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Look for garbage in cycles every few pages only: rows make none, and what was imported lies there to the end."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _snapshot(paths: list[Path], page_size: int) -> Snapshot:
    """The files that stand in for the Hub; what they do not say is said."""
    from scanner.sources.snapshot import Snapshot

    found = Snapshot(paths, common.tool_version(), page_size)
    for gap in found.gaps:
        common.log.warning(gap)
    return found


def _names(path: Path) -> list[str]:
    """The model ids of a file.

    Raises:
        UsageError: it cannot be read, holds no id, or a line that is none.
    """
    from scanner.targets import hub_name

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"--models-file {path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--models-file {path}: is no UTF-8 text") from error
    names = []
    for number, line in enumerate(lines, 1):
        name = line.split("#", 1)[0].strip()
        if name and hub_name(name) is None:
            raise UsageError(f"--models-file {path}, line {number}: {name[:80]!r} is no model id (owner/name)")
        if name:
            names.append(name)
    if not names:
        raise UsageError(f"--models-file {path}: holds no model id")
    return names


def _found(reader: object, outcome: Outcome, regulations: list[str], wanted: list[FailOn]) -> list[int]:
    from scanner.catalogue.queries import Reader
    from scanner.scope import VerdictStatus

    assert isinstance(reader, Reader)  # noqa: S101 - for the type checker; imported late
    if not wanted:
        return []
    run = reader.run(outcome.run_id)
    in_scope = any(g.status is VerdictStatus.IN_SCOPE for name in regulations for g in reader.groups(run, name))
    hits = {FailOn.IN_SCOPE: in_scope, FailOn.NEW: FailOn.NEW in wanted and reader.born_in(run) > 0}
    return [common.FOUND for kind in wanted if hits[kind]]
