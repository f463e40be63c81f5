"""The command line over a catalogue on a server: all that a team sets is HUBSCOPE_DATABASE_URL."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from scanner.assessment import json_schema
from scanner.catalogue import database
from scanner.catalogue.database import only_writer
from scanner.cli import app
from scanner.samplehub import SampleHub
from tests.postgresql import Server

Run = Callable[..., Result]


@pytest.fixture
def run(
    hub: SampleHub, tmp_path: Path, postgresql: Server, postgresql_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """The command line in an empty folder, with the sample Hub as the Hub and a server's database as the catalogue."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HUBSCOPE_SCAN__MAX_RETRIES", "0")
    monkeypatch.setenv("HUBSCOPE_DATABASE_URL", postgresql_engine.url.render_as_string())
    opened: list[Engine] = []
    open_database = database.open_database

    def noted(*arguments: Any, **more: Any) -> Engine:
        opened.append(open_database(*arguments, **more))
        return opened[-1]

    monkeypatch.setattr(database, "open_database", noted)

    def invoke(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(words), env=environment)

    yield invoke
    for engine in opened:  # as the end of a process would
        engine.dispose()


def one_sentence(result: Result, *parts: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("hubscope: ")
    assert result.stderr.strip().count("\n") == 0, result.stderr
    for part in parts:
        assert part in result.stderr


def test_the_whole_job_over_a_server(run: Run, tmp_path: Path) -> None:
    one_sentence(run("report"), "the catalogue holds no run yet", "hubscope scan")
    scanned = run("scan", "--all")
    assert scanned.exit_code == 0, scanned.output
    assert "in scope" in scanned.stdout
    for form in ("markdown", "html", "json", "text"):
        result = run("report", "--format", form)
        assert result.exit_code == 0, result.output
        assert "uncorroborated" in result.stdout
    table = list(csv.DictReader(io.StringIO(run("export", "--format", "csv").stdout)))
    lines = [json.loads(line) for line in run("export", "--format", "jsonl").stdout.splitlines()]
    assert len(lines) > 40
    assert [row["model"] for row in table] == [item["model"] for item in lines]
    for item in lines:
        Draft202012Validator(dict(json_schema())).validate(item)
    explained = run("explain", "EvenKeel/threshold-over-bare", "--format", "json")
    assert json.loads(explained.stdout) in lines
    assert "IN SCOPE" in run("explain", "evenkeel/threshold-over-bare").stdout
    assert list(tmp_path.iterdir()) == [], "no file of another catalogue"


def test_both_databases_give_the_same_export(run: Run, tmp_path: Path) -> None:
    exports = []
    for url in ({}, {"HUBSCOPE_DATABASE_URL": f"sqlite:///{tmp_path / 'hubscope.db'}"}):
        assert run("scan", "--all", **url).exit_code == 0
        items = [json.loads(line) for line in run("export", "--format", "jsonl", **url).stdout.splitlines()]
        exports.append([{**item, "observed_at": None} for item in items])
    assert exports[0] == exports[1]


def test_a_second_scan_is_refused(run: Run, postgresql_engine: Engine) -> None:
    with only_writer(postgresql_engine):
        one_sentence(run("scan", "--all"), "another scan is writing")


def test_a_server_that_is_down_is_one_sentence_without_the_password(run: Run) -> None:
    for command in (("scan", "--all"), ("report",), ("export",), ("explain", "a/b")):
        result = run(*command, HUBSCOPE_DATABASE_URL="postgres://u:secret@127.0.0.1:9/d")
        one_sentence(result, "postgresql://u:***@127.0.0.1:9/d", "is the server running")
        assert "secret" not in result.output


def test_a_process_ends_without_a_word(run: Run, postgresql_engine: Engine) -> None:
    run("scan", "--author", "evenkeel")
    script = Path(sys.executable).with_name("hubscope")
    environment = {"HUBSCOPE_DATABASE_URL": postgresql_engine.url.render_as_string()}
    done = subprocess.run([script, "report"], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"uncorroborated" in done.stdout
