"""`hubscope demo`: the whole job against the built-in sample Hub, into a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import common
from scanner.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from config.regulation import Regulation
    from notifiers.report import Report
    from scanner.run import Outcome
    from scanner.samplehub import SampleHub

EXAMPLES = common.examples(
    "hubscope demo",
    "hubscope demo --output /tmp/demo",
)

DATABASE = "hubscope.db"
WEEK = timedelta(days=7)


@common.guarded
def command(
    output: Annotated[Path, typer.Option(help="Folder for the reports and the database.")] = Path("hubscope-demo"),
    quiet: common.QuietOption = False,
    verbose: common.VerboseOption = False,
    log_format: common.LogFormatOption = common.LogFormat.TEXT,
) -> None:
    """Watch the whole job run on a sample Hub that speaks real HTTP: no account, no internet."""
    common.set_up_logging(quiet=quiet, verbose=verbose, log_format=log_format)
    from config.regulation import load_regulation
    from scanner.catalogue.queries import Reader
    from scanner.cli.summary import summary
    from scanner.samplehub import SampleHub

    database = _fresh_folder(output)
    regulation = load_regulation("cn-2026")
    now = datetime.now(UTC)
    say = sys.stdout.write
    with SampleHub() as hub:
        count = len(hub.repositories)
        say(f"A sample Hub with {count} repositories listens on {hub.endpoint}; nothing leaves this machine.\n\n")
        say("Week 1: first scan\n")
        first = _scan(database, hub, regulation, now - WEEK)
        say(summary(Reader(database), first.run_id, [regulation.id]))
        _write_reports(database, first, regulation, now - WEEK, output, "week-1")
        hub.advance_week()
        say("\nWeek 2: the Hub has moved on; second scan\n")
        second = _scan(database, hub, regulation, now)
        say(summary(Reader(database), second.run_id, [regulation.id]))
        report = _write_reports(database, second, regulation, now, output, "week-2")
    database.dispose()  # nothing of SQLite's own is left beside the file
    say("\nWhat changed in that week\n")
    say("".join(f"  {line}\n" for line in _changes(report)))
    say(f"\nIn {output}{_separator(output)}:\n")
    for path in sorted(output.iterdir()):
        say(f"  {path.name}\n")
    say(f"\nOpen {output / 'week-2.html'} in a browser; {output / 'week-2-slack.json'} is what Slack would get.\n")
    say("Or look at one model:\n")
    example = report.regulations[0].top_in_scope[:1]
    if example:
        say(f"  HUBSCOPE_DATABASE_URL=sqlite:///{output / DATABASE} hubscope explain {example[0].model}\n")
    codes = [common.INCOMPLETE for outcome in (first, second) if outcome.detail]
    common.leave(common.DONE, *codes)


def _fresh_folder(folder: Path) -> Engine:
    """A new catalogue in the folder; what an earlier demo left there is replaced, anything else is left alone."""
    from scanner.catalogue.database import open_database

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / DATABASE).exists():
            _refuse_foreign(folder)
        for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written ({error.strerror}); name another folder with --output"
        ) from error
    return open_database(f"sqlite:///{folder / DATABASE}")


def _refuse_foreign(folder: Path) -> None:
    """A catalogue of real scans is never thrown away for a demo."""
    from scanner.catalogue.database import open_database
    from scanner.catalogue.queries import Reader

    engine = open_database(f"sqlite:///{folder / DATABASE}")
    endpoints = Reader(engine).endpoints()
    engine.dispose()
    if any(not endpoint.startswith("http://127.0.0.1:") for endpoint in endpoints):
        raise UsageError(f"{folder / DATABASE} holds scans of a real Hub; name another folder with --output")


def _scan(database: Engine, hub: SampleHub, regulation: Regulation, moment: datetime) -> Outcome:
    from scanner.catalogue.database import only_writer
    from scanner.catalogue.store import Store
    from scanner.deepread import Options
    from scanner.run import Scan
    from scanner.selection import Selection
    from scanner.sources.http import HubClient
    from scanner.sources.huggingface import HuggingFace

    client = HubClient(hub.endpoint, None, common.tool_version())
    selection = Selection(everything=True, page_size=25)  # small pages, so that there is something to turn
    with only_writer(database):
        scan = Scan(
            HuggingFace(client),
            Store(database),
            selection,
            [regulation],
            Options(),
            common.tool_version(),
            now=lambda: moment,
        )
        return scan.execute()


def _write_reports(
    database: Engine, outcome: Outcome, regulation: Regulation, moment: datetime, folder: Path, stem: str
) -> Report:
    """The report of a run in every format, and its models as CSV and JSON lines."""
    from notifiers.files import write
    from notifiers.registry import RENDERERS
    from scanner.catalogue.queries import Reader
    from scanner.cli.export import csv_lines, json_lines
    from scanner.digest import Digest

    reader = Reader(database)
    run = reader.run(outcome.run_id)
    report = Digest(reader, [(regulation, None)], common.tool_version()).report(run, moment)
    for renderer in RENDERERS.values():
        write(folder / f"{stem}{renderer.suffix}", renderer.render(report))
    write(folder / f"{stem}-models.csv", csv_lines(reader, run, [regulation]))
    write(folder / f"{stem}-models.jsonl", json_lines(reader, run, [regulation]))
    write(folder / f"{stem}-slack.json", _slack_messages(report, f"{stem}.html"))
    return report


def _slack_messages(report: Report, where: str) -> str:
    """What a channel would get: the head message, then what goes into its thread."""
    import json

    from notifiers.render.as_slack import digest

    told = digest(report, where=where)
    messages = [{"text": message.text, "blocks": message.blocks} for message in (told.head, *told.details)]
    return json.dumps(messages, indent=2, ensure_ascii=False) + "\n"


def _changes(report: Report) -> Iterator[str]:
    from notifiers.render.safe import visible

    changes = report.regulations[0].changes
    for group in changes.groups if changes else ():
        names = ", ".join(visible(change.model) for change in group.models[:5])
        more = f" and {group.count - 5} more" if group.count > 5 else ""
        yield f"{group.kind.replace('-', ' '):<20} {group.count:>3}  {names}{more}"


def _separator(folder: Path) -> str:
    return "" if str(folder).endswith("/") else "/"
