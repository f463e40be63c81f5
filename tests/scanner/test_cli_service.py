"""`schedule --list`, `notify` and `status` on the command line: what they print, and how they leave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner, Result

from config.cron import parse
from scanner.catalogue.database import open_database
from scanner.catalogue.jobs import Jobs
from scanner.cli import app
from scanner.samplehub import SampleHub
from tests.slackserver import SlackServer

SETTINGS = """
[schedule]
timezone = "Europe/Berlin"

[[jobs]]
name = "weekly"
cron = "0 7 * * 1"
top = 10000

[[jobs]]
name = "often"
cron = "30 2 * * *"
timezone = "America/New_York"
author = "lumenforge"
"""


class Shell:
    """Runs commands in a folder with a Hub and a Slack."""

    def __init__(self, folder: Path, hub: SampleHub, slack: SlackServer) -> None:
        self.folder, self.hub, self.slack = folder, hub, slack
        self.environ = {
            "HF_ENDPOINT": hub.endpoint,
            "SLACK_BOT_TOKEN": slack.token,
            "HUBSCOPE_SLACK__BASE_URL": slack.base_url,
            "HUBSCOPE_SLACK__CHANNEL": "C0GENERAL",
        }

    def __call__(self, *arguments: str, code: int = 0, **environ: str) -> Result:
        result = CliRunner().invoke(app, list(arguments), env={**self.environ, **environ})
        assert result.exit_code == code, result.output
        return result

    def heads(self) -> list[str]:
        return [m["text"] for m in self.slack.messages("C0GENERAL") if "in scope" in m["text"]]


@pytest.fixture
def shell(tmp_path: Path, hub: SampleHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hubscope.toml").write_text(SETTINGS, encoding="utf-8")
    with SlackServer() as slack:
        yield Shell(tmp_path, hub, slack)


def test_the_next_five_runs_of_each_job_come_in_its_own_zone(shell: Shell) -> None:
    with time_machine.travel(datetime(2026, 10, 21, 12, tzinfo=UTC), tick=False):
        lines = shell("schedule", "--list").stdout.splitlines()
    assert lines == [
        "weekly  (0 7 * * 1, Europe/Berlin)  --top 10000",
        "  Mon 2026-10-26 07:00 +0100 Europe/Berlin",
        "  Mon 2026-11-02 07:00 +0100 Europe/Berlin",
        "  Mon 2026-11-09 07:00 +0100 Europe/Berlin",
        "  Mon 2026-11-16 07:00 +0100 Europe/Berlin",
        "  Mon 2026-11-23 07:00 +0100 Europe/Berlin",
        "often  (30 2 * * *, America/New_York)  --author lumenforge",
        "  Thu 2026-10-22 02:30 -0400 America/New_York",
        "  Fri 2026-10-23 02:30 -0400 America/New_York",
        "  Sat 2026-10-24 02:30 -0400 America/New_York",
        "  Sun 2026-10-25 02:30 -0400 America/New_York",
        "  Mon 2026-10-26 02:30 -0400 America/New_York",
    ]
    assert not (shell.folder / "hubscope.db").exists()


def test_a_scan_by_hand_is_told_once(shell: Shell) -> None:
    shell("scan", "--author", "lumenforge", "-q")
    assert shell("notify").stdout.count("sent: ") == 5
    assert shell("notify").stdout == "Nothing was due.\n"
    (head,) = shell.heads()
    assert head.startswith("Models in scope: `cn-2026`")


def test_dry_run_prints_the_very_calls_and_sends_nothing(shell: Shell) -> None:
    shell("scan", "--author", "lumenforge", "-q")
    shown = [json.loads(line) for line in shell("notify", "--dry-run").stdout.splitlines()]
    assert shell.slack.calls("chat.postMessage") == []
    assert list(shell.folder.glob("reports/*")) == []
    shell("notify")
    sent = [call.arguments for call in shell.slack.calls("chat.postMessage")]
    posts = [item for item in shown if item.get("call") == "chat.postMessage"]
    assert len(sent) == len(posts) > 1
    for item, arguments in zip(posts, sent, strict=True):
        assert item["arguments"]["text"] == arguments["text"]
        assert item["arguments"]["blocks"] == _parsed(arguments["blocks"])
        assert item["arguments"]["metadata"] == _parsed(arguments["metadata"])
        assert bool(arguments.get("thread_ts")) is bool(item.get("thread_of"))
    (attached,) = [item for item in shown if item.get("call") == "files.completeUploadExternal"]
    content = shell.slack.file(attached["arguments"]["filename"])
    assert content is not None
    assert content.decode() == attached["arguments"]["content"]
    (report,) = [item for item in shown if str(item.get("file", "")).endswith(".html")]
    assert Path(report["file"]).read_text(encoding="utf-8") == report["content"]


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def test_what_waits_can_be_given_up(shell: Shell) -> None:
    shell.slack.archive("C0GENERAL")
    shell("scan", "--author", "lumenforge", "-q")
    failed = shell("notify", code=3)
    assert "is_archived" in failed.stderr
    assert "sent: file " in failed.stdout
    waiting = [json.loads(line) for line in shell("notify", "--dry-run").stdout.splitlines()]
    assert len(waiting) == 3
    assert "exclude each other" in shell("notify", "--dry-run", "--drop", "all", code=2).stderr
    assert "no delivery of that id waits" in shell("notify", "--drop", "0", code=2).stderr
    assert shell("notify", "--drop", waiting[0]["delivery"]).stdout.count("dropped: ") == 3  # with its thread
    assert shell("notify").stdout == "Nothing was due.\n"


def test_a_token_without_a_channel_is_said(shell: Shell) -> None:
    said = shell("schedule", "--run-now", "often", HUBSCOPE_SLACK__CHANNEL="").stderr
    assert "WARNING SLACK_BOT_TOKEN is set and slack.channel is not: no digest goes to Slack" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("schedule", "--run-now", "daily"), "--run-now daily: no job is called so; there are weekly, often"),
        (("schedule", "--list", "--run-now", "often"), "--list and --run-now exclude each other"),
        (("status", "--job", "daily"), "--job daily: no job is called so; there are weekly, often"),
        (("status", "--fail-if-older-than", "-1d"), "a number and m, h, d or w is wanted"),
        (("status",), "there is no catalogue at"),
        (("notify",), "there is no catalogue at"),
    ],
)
def test_mistakes_are_one_sentence(shell: Shell, arguments: tuple[str, ...], sentence: str) -> None:
    result = shell(*arguments, code=2)
    assert sentence in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1


def test_status_says_what_succeeded_and_the_probe_what_did_not(shell: Shell) -> None:
    shell("schedule", "--run-now", "often")
    tree = json.loads(shell("status", "--format", "json").stdout)
    states = {job["name"]: job["state"] for job in tree["jobs"]}
    assert (tree["schema"], states) == ("hubscope.status/1", {"weekly": "never-run", "often": "done"})
    assert tree["waiting"] == []
    text = shell("status").stdout
    assert "often: done" in text
    assert "weekly: never run" in text
    shell("status", "--fail-if-older-than", "8d", "--job", "often")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=9)):
        stale = shell("status", "--fail-if-older-than", "8d", "--job", "often", code=3)
    assert "hubscope: too old: often last succeeded " in stale.stderr


def test_a_job_that_somebody_s_own_cron_does_by_hand_is_not_late(shell: Shell) -> None:
    """Once tried with --run-now, and since then done by `scan` and `notify`."""
    engine = open_database(f"sqlite:///{shell.folder / 'hubscope.db'}")
    Jobs(engine, lambda: datetime.now(UTC) - timedelta(days=30)).register(
        "often", parse("30 2 * * *").meaning, "America/New_York"
    )
    engine.dispose()
    late = json.loads(shell("status", "--format", "json").stdout)["jobs"][1]
    assert late["state"] == "overdue"
    assert late["stuck_since"] is not None
    shell("status", "--fail-if-older-than", "8d", "--job", "often", code=3)
    shell("scan", "--author", "lumenforge", "-q")
    shell("notify")
    shell("status", "--fail-if-older-than", "8d", "--job", "often")
    assert json.loads(shell("status", "--format", "json").stdout)["jobs"][1]["stuck_since"] is None


def test_where_nothing_is_scheduled_the_probe_asks_when_something_was_told_last(shell: Shell) -> None:
    """Somebody's own cron scans and tells; then only scans."""
    shell("scan", "--author", "lumenforge", "-q")
    shell("status", "--fail-if-older-than", "8d")  # nothing was ever told, so that the scan counts
    shell("notify")
    with time_machine.travel(datetime.now(UTC) + timedelta(days=9)):
        shell("scan", "--author", "lumenforge", "-q")
        stale = shell("status", "--fail-if-older-than", "8d", code=3)
        assert "hubscope: too old: the last digest that arrived is of " in stale.stderr
        shell("notify")
        shell("status", "--fail-if-older-than", "8d")


def test_an_export_of_a_scan_that_has_not_ended_says_so(shell: Shell) -> None:
    shell("scan", "--all", "--max-requests", "3", "-q", HUBSCOPE_SCAN__PAGE_SIZE="10", code=3)
    for arguments in (("export",), ("export", "--output", "models.csv"), ("report",)):
        assert "hubscope: run 1 is incomplete: " in shell(*arguments, code=3).stderr
