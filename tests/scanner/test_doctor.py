"""`hubscope doctor`: what can be wrong is found, said in one sentence with its fix, and nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner, Result

from config.cron import parse
from config.settings import load
from scanner.catalogue.database import HEAD, open_database
from scanner.catalogue.inspection import inspected
from scanner.catalogue.jobs import Jobs
from scanner.catalogue.leases import Leases
from scanner.catalogue.outbox import DeliveryState, Outbox, Parcel
from scanner.catalogue.store import Batch, Store
from scanner.catalogue.tables import Delivery
from scanner.cli import app, common
from scanner.cli import doctor as cli
from scanner.doctor import gather, packages
from scanner.doctor import hub as hub_checks
from scanner.doctor.gather import surroundings
from scanner.doctor.interface import Check, Finding, State, fail, ok
from scanner.doctor.registry import CHECKS, Diagnosis, diagnose
from scanner.errors import UsageError
from scanner.samplehub import Fault, SampleHub
from scanner.samplehub.hub import TOKEN
from scanner.sources.huggingface import Page
from scanner.sources.probe import Account, HubState, TokenState
from tests.postgresql import Server
from tests.scanner.making import begin, model
from tests.slackserver import SlackServer

SECRETS = (TOKEN, SlackServer.token, "hf_wrong", "sampleHookSecret", "guarded-secret")


@dataclass
class Report:
    """What the command said."""

    result: Result

    @property
    def checks(self) -> list[dict[str, Any]]:
        return json.loads(self.result.stdout)["checks"]  # type: ignore[no-any-return]  # JSON has no types

    def of(self, check: str) -> list[dict[str, Any]]:
        return [one for one in self.checks if one["check"] == check]

    def one(self, check: str, state: str, *parts: str) -> dict[str, Any]:
        """The one finding of a check, whose state and words are as they should be."""
        (found,) = self.of(check)
        assert found["state"] == state, found
        for part in parts:
            assert part in found["found"], found
        assert (found["fix"] is None) == (state == "ok"), found
        return found

    def fails(self) -> set[str]:
        return {one["check"] for one in self.checks if one["state"] == "fail"}


Run = Callable[..., Report]


@pytest.fixture(autouse=True)
def _nobody_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "logged_in_token", lambda: None)


@pytest.fixture
def run(hub: SampleHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in an empty folder, as JSON, with the sample Hub as the Hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)

    def invoke(*words: str, **environment: str) -> Report:
        report = Report(CliRunner().invoke(app, ["doctor", "--format", "json", *words], env=environment))
        assert report.result.exit_code in (0, 3), report.result.output
        assert report.result.exit_code == (3 if report.fails() else 0)
        assert not any(secret in report.result.output for secret in SECRETS)
        return report

    return invoke


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    """A Slack whose bot token is set, and which takes the digest."""
    with SlackServer() as server:
        monkeypatch.setenv("HUBSCOPE_SLACK__BASE_URL", server.base_url)
        monkeypatch.setenv("SLACK_BOT_TOKEN", server.token)
        monkeypatch.setenv("HUBSCOPE_SLACK__CHANNEL", "#digests")
        yield server


def settings_file(text: str) -> None:
    Path("hubscope.toml").write_text(text, encoding="utf-8")


# The whole -------------------------------------------------------------------------------------------------------


def test_where_all_is_well_everything_is_ok(run: Run, slack: SlackServer, tmp_path: Path) -> None:
    settings_file("[report]\nfolder = 'out'\n")
    open_database(f"sqlite:///{tmp_path / 'hubscope.db'}").dispose()
    report = run(HF_TOKEN=TOKEN)
    assert {one["state"] for one in report.checks} == {"ok"}, report.checks
    without = {"slack-webhook", "subscriptions"}
    assert [one["check"] for one in report.checks] == [check.name for check in CHECKS if check.name not in without]
    assert json.loads(report.result.stdout)["schema"] == "hubscope.doctor/1"


def test_on_a_new_machine_there_are_warnings_and_no_failure(run: Run) -> None:
    report = run()
    assert {one["check"] for one in report.checks if one["state"] == "warn"} == {"token", "slack"}
    assert report.result.exit_code == 0


def test_nothing_is_made_changed_or_posted(run: Run, slack: SlackServer, tmp_path: Path, migrated_file: Path) -> None:
    shutil.copy(migrated_file, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    run()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    asked = {request.method for request in slack.requests}
    assert asked == {"api.test", "auth.test", "conversations.list", "conversations.info", "conversations.history"}
    (tmp_path / "hubscope.db").unlink()
    run()
    assert list(tmp_path.iterdir()) == []


def test_offline_asks_neither_the_hub_nor_slack(run: Run, hub: SampleHub, slack: SlackServer) -> None:
    report = run("--offline", HF_TOKEN="hf_wrong")
    assert hub.requests == []
    assert slack.requests == []
    assert [one["check"] for one in report.checks] == [
        "settings",
        "packages",
        "time-zones",
        "jobs",
        "database",
        "schedule",
        "deliveries",
        "folders",
        "disk",
        "slack",
    ]


def test_as_text_each_fix_has_a_line_of_its_own(run: Run) -> None:
    result = CliRunner().invoke(app, ["doctor", "--offline"])
    lines = result.stdout.splitlines()
    assert lines[0].startswith("ok    settings       there is no settings file")
    position = next(index for index, line in enumerate(lines) if line.startswith("warn  slack "))
    assert lines[position + 1].startswith(" " * 21 + "fix: set SLACK_BOT_TOKEN")
    assert lines[-1] == "9 ok, 1 warn, 0 fail"
    assert "\x1b" not in result.stdout
    assert result.exit_code == 0


def test_text_shows_nothing_that_hides() -> None:
    (line,) = cli.as_text(Diagnosis("token", ok("owner \x1b[2J\u202e")), colour=False)
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    first, fix = cli.as_text(Diagnosis("token", fail("none", "set one")), colour=True)
    assert first.startswith("\x1b[31mfail  \x1b[0mtoken")
    assert fix == " " * 21 + "fix: set one"
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setenv("TERM", "xterm")
    assert cli._wants_colour()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not cli._wants_colour()


def test_settings_that_are_wrong_are_2(run: Run) -> None:
    settings_file("scan = 3\n")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("hubscope: hubscope.toml, line 1: scan ")


def test_a_check_that_breaks_down_is_a_failure_and_the_others_go_on(run: Run) -> None:
    def broken(_: object) -> Iterator[Finding]:
        yield ok("half")
        raise UsageError("it is broken; mend it")

    checks = [Check("one", broken, "?"), Check("two", lambda _: iter([ok("fine")]), "?")]
    with surroundings(load(environ={}), "", "0.test", offline=True) as around:
        found = list(diagnose(around, checks))
    assert found == [
        Diagnosis("one", ok("half")),
        Diagnosis("one", fail("it is broken", "mend it")),
        Diagnosis("two", ok("fine")),
    ]


def test_what_never_answers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, run: Run, slack: SlackServer, hub: SampleHub
) -> None:
    for name in ("HUB_SECONDS", "SLACK_SECONDS"):
        monkeypatch.setattr(gather, name, 0.2)
    slack.faults.stall(seconds=5)
    hub.inject(Fault(kind="stall", seconds=5, times=None))
    report = run(HF_TOKEN=TOKEN)
    assert report.fails() == {"endpoint", "slack-token"}
    report.one("endpoint", "fail", "the Hub gave no answer within 0.2 seconds")
    report.one("slack-token", "fail", "Slack gave no answer within 0.2 seconds")
    for check in ("token", "quota", "clock", "slack-scopes", "slack-channel"):
        report.one(check, "warn")


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) < cli.NAME_WIDTH


# Settings --------------------------------------------------------------------------------------------------------


def test_it_says_where_the_settings_come_from(run: Run, tmp_path: Path) -> None:
    run("--offline").one("settings", "ok", "no settings file", "cn-2026")
    settings_file("")
    run("--offline").one("settings", "ok", str(tmp_path / "hubscope.toml"))
    run("--offline", HUBSCOPE_CONFIG="hubscope.toml").one("settings", "ok", "hubscope.toml (HUBSCOPE_CONFIG)")
    run("--offline", "--config", "hubscope.toml", HUBSCOPE_CONFIG="x").one("settings", "ok", "hubscope.toml (--config)")


def test_it_says_when_each_job_is_due_in_its_own_zone(run: Run) -> None:
    settings_file(
        "[[jobs]]\nname = 'weekly'\ncron = '0 7 * * 1'\ntop = 5\ntimezone = 'Asia/Tokyo'\n"
        "[[jobs]]\nname = 'yearly'\ncron = '0 0 1 1 *'\nall = true\n"
    )
    report = run("--offline")
    report.one("jobs", "ok", "weekly Mon ", "07:00 JST", "yearly ", "-01-01 00:00 UTC")
    report.one("time-zones", "ok", "UTC, Asia/Tokyo")


def test_time_zones_that_are_nowhere_to_be_had_are_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {"tzdata", *(name for name in sys.modules if name.startswith("tzdata."))}:
        monkeypatch.setitem(sys.modules, name, None)
    zoneinfo.reset_tzpath([])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        found = run("--offline").one("time-zones", "fail", "UTC")
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()
    assert "tzdata" in found["fix"]


# The Hub ---------------------------------------------------------------------------------------------------------


def test_a_valid_token_is_named_by_its_owner(run: Run) -> None:
    run(HF_TOKEN=TOKEN).one("token", "ok", "sample-user", "HF_TOKEN", "role read")


def test_a_token_that_was_stored_is_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "logged_in_token", lambda: TOKEN)
    run().one("token", "ok", "what `hf auth login` stored")


def test_a_revoked_token_is_a_failure_of_its_own(run: Run, hub: SampleHub) -> None:
    report = run(HF_TOKEN="hf_wrong")
    found = report.one("token", "fail", "does not accept the token (HF_TOKEN)")
    assert f"{hub.endpoint}/settings/tokens" in found["fix"]
    assert report.fails() == {"token"}
    report.one("endpoint", "ok")


def test_a_token_with_a_space_is_a_failure(run: Run) -> None:
    run(HF_TOKEN="hf_wrong token").one("token", "fail", "characters that no token has")


def test_a_dead_endpoint_fails_once(run: Run) -> None:
    report = run(HF_ENDPOINT="http://127.0.0.1:9", HF_TOKEN=TOKEN)
    assert report.fails() == {"endpoint"}
    assert "HF_ENDPOINT" in report.one("endpoint", "fail", "http://127.0.0.1:9", "could not be reached")["fix"]
    for check in ("token", "quota", "clock"):
        assert "`endpoint`" in report.one(check, "warn")["fix"]


def test_a_server_that_is_no_hub_fails(run: Run, hub: SampleHub) -> None:
    hub.inject(Fault(kind="html", path="/api/", times=None))
    report = run(HF_TOKEN=TOKEN)
    report.one("endpoint", "fail", "does not answer like a Hub")
    report.one("token", "warn", "could not be found out")


def test_a_hub_without_models_is_a_warning(run: Run) -> None:
    with SampleHub([]) as empty:
        run(HF_ENDPOINT=empty.endpoint).one("endpoint", "warn", "lists no model")


def test_offline_mode_is_a_failure(run: Run, hub: SampleHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    report = run(HF_TOKEN=TOKEN)
    report.one("endpoint", "fail", "HF_HUB_OFFLINE")
    report.one("token", "warn", "HF_HUB_OFFLINE")
    assert hub.requests == []


def test_both_quotas_are_told_and_what_the_next_job_needs(run: Run, hub: SampleHub) -> None:
    found = run().one("quota", "ok", "499 of 500 api", "2,998 of 3,000 resolvers", "weekly")["found"]
    assert found.endswith("needs at least 10 of them")
    assert len(hub.requests) == 3  # the file's address redirects
    run(HF_TOKEN=TOKEN).one("quota", "ok", "998 of 1,000 api", "4,998 of 5,000 resolvers")


def test_little_quota_is_a_warning(run: Run) -> None:
    with SampleHub(quotas={"resolvers": 4}) as poor:
        run(HF_ENDPOINT=poor.endpoint).one("quota", "ok", "2 of 4 resolvers")
        found = run(HF_ENDPOINT=poor.endpoint).one("quota", "warn", "0 of 4 resolvers")
    assert "HF_TOKEN" in found["fix"]


def test_a_spent_quota_is_not_waited_for(run: Run) -> None:
    with SampleHub(quotas={"api": 0}) as spent:
        report = run(HF_ENDPOINT=spent.endpoint)
        assert len(spent.requests) == 1
    report.one("endpoint", "warn", "takes no more requests for now")
    report.one("quota", "warn", "0 api requests")


def test_a_hub_that_names_no_quota_is_fine(run: Run, hub: SampleHub) -> None:
    hub.inject(Fault(kind="status", status=200, rate_limit="", path="/api/whoami", times=None))
    hub.inject(Fault(kind="stall", seconds=0, rate_limit="", times=None))
    run().one("quota", "ok", "names no quota")


@pytest.mark.parametrize(
    ("job", "requests"),
    [
        ("top = 2500", 3),
        ("all = true", None),
        ("all = true\nlimit = 1001", 2),
        ("watch = true", 2),
        ("watch = true\nauthor = 'a'", None),
        ("watch = true\ntop = 1", 3),
    ],
)
def test_what_a_job_needs_at_least(tmp_path: Path, job: str, requests: int | None) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(f"watch = ['a/b', 'a/c']\n[[jobs]]\nname = 'one'\ncron = '@daily'\n{job}\n", encoding="utf-8")
    settings = load(path, environ={})
    assert hub_checks.least_requests(settings.jobs[0], settings) == requests


def test_a_token_that_may_write_is_more_than_is_needed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account("me", "write", may_write=True)
    state = HubState(token=TokenState.ACCEPTED, account=account, listing=Page([], [], None))
    monkeypatch.setattr(gather, "probe", lambda *_: state)
    found = run(HF_TOKEN=TOKEN).one("token", "warn", "the token of me (HF_TOKEN) may write")
    assert found["fix"].startswith("make a read token")


def test_a_slow_hub_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_checks, "SLOW_SECONDS", 0.0)
    run().one("endpoint", "warn", "answers like a Hub, but took")


# The clock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [
        (0, "ok", "equal to the Hub's"),
        (12, "ok", "12 s ahead of the Hub's"),
        (-40, "warn", "40 s behind the Hub's"),
        (4000, "fail", "4,000 s ahead of the Hub's"),
    ],
)
def test_a_clock_that_is_off_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, ahead: int, state: str, words: str
) -> None:
    def date(_: object) -> str:
        return format_datetime(datetime.now(UTC) - timedelta(seconds=ahead + 0.5), usegmt=True)

    monkeypatch.setattr("scanner.samplehub.server.Handler.date_time_string", date)
    found = run().one("clock", state)
    # A Date has whole seconds, so that a second more or less may be seen.
    near = [words.replace(f"{abs(ahead):,}", f"{abs(ahead) + by:,}") for by in (-1, 0, 1)]
    assert any(one in found["found"] for one in near), found


def test_slacks_clock_is_compared_too(run: Run, slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def date(_: object, timestamp: object = None) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    monkeypatch.setattr("tests.slackserver.server._Handler.date_time_string", date)
    found = run().one("clock", "fail", "equal to the Hub's", "behind Slack's")
    assert "timedatectl" in found["fix"]


# The database ----------------------------------------------------------------------------------------------------


def test_a_catalogue_of_this_version_is_ok(run: Run, sqlite_engine: Engine) -> None:
    report = run("--offline")
    report.one("database", "ok", "hubscope.db", "SQLite", f"revision {HEAD}")
    report.one("leases", "ok", "no process")
    report.one("schedule", "ok", "no scheduler has met the jobs yet")
    report.one("deliveries", "ok", "nothing waits")


def test_a_catalogue_that_is_not_there_needs_a_folder(run: Run, tmp_path: Path) -> None:
    run("--offline").one("database", "ok", "the first scan makes it")
    (tmp_path / "hubscope.db").touch()
    run("--offline").one("database", "ok", "the first scan makes it")
    report = run("--offline", HUBSCOPE_DATABASE_URL="sqlite:///nowhere/at/all.db")
    assert "mkdir -p" in report.one("database", "fail", "does not exist")["fix"]


def test_an_older_catalogue_is_left_as_it_is(run: Run, tmp_path: Path, migrated_file: Path) -> None:
    set_revision(Path(shutil.copy(migrated_file, tmp_path)), "0001")
    report = run("--offline")
    report.one("database", "ok", "revision 0001", f"brings it up to {HEAD}")
    report.one("schedule", "ok", "before the catalogue is brought up to date")
    with sqlite3.connect(tmp_path / "hubscope.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    connection.close()


@pytest.mark.parametrize("revision", ["9999", "abc"])
def test_a_newer_catalogue_is_a_failure(run: Run, tmp_path: Path, migrated_file: Path, revision: str) -> None:
    set_revision(Path(shutil.copy(migrated_file, tmp_path)), revision)
    report = run("--offline")
    found = report.one("database", "fail", "written by a newer hubscope")
    assert found["fix"].startswith("upgrade hubscope")
    assert report.fails() == {"database"}
    for check in ("schedule", "deliveries"):
        assert "`database`" in report.one(check, "warn")["fix"]


def set_revision(path: Path, revision: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def test_a_database_of_another_program_is_a_failure(run: Run, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "hubscope.db")
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.close()
    before = (tmp_path / "hubscope.db").read_bytes()
    found = run("--offline").one("database", "fail", "tables of another program (songs)")
    assert "a database of its own" in found["fix"]
    assert (tmp_path / "hubscope.db").read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be looked at" * 30, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_a_failure(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "hubscope.db").write_bytes(content)
    assert run("--offline").fails() == {"database"}


def test_a_folder_in_place_of_the_database_is_a_failure(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hubscope.db").mkdir()
    run("--offline").one("database", "fail", "unable to open")


def test_a_catalogue_with_nonsense_in_it_is_a_failure(run: Run, sqlite_engine: Engine, tmp_path: Path) -> None:
    with sqlite_engine.begin() as connection:
        known = ("weekly", parse("0 7 * * 1").meaning, "UTC", "1 day ago")
        connection.exec_driver_sql("INSERT INTO job VALUES (?, ?, ?, ?)", known)
    report = run("--offline")
    report.one("database", "fail", "cannot be read")
    report.one("schedule", "warn")


def test_a_database_url_of_another_kind_is_a_failure(run: Run) -> None:
    report = run("--offline", HUBSCOPE_DATABASE_URL="mysql://me:guarded-secret@db/x")
    report.one("database", "fail", "'mysql' cannot hold a catalogue")


def test_what_this_user_may_not_write_is_a_failure(
    run: Run, sqlite_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbidden = {str(tmp_path / "hubscope.db"), str(tmp_path / "locked")}
    access = os.access

    def only_some(path: Path, mode: int) -> bool:
        return str(path.absolute()) not in forbidden and access(path, mode)

    monkeypatch.setattr(os, "access", only_some)
    run("--offline").one("database", "fail", "hubscope.db cannot be written")
    (tmp_path / "locked").mkdir()
    places = {"HUBSCOPE_DATABASE_URL": "sqlite:///locked/hubscope.db", "HUBSCOPE_REPORT__FOLDER": "locked/a/b"}
    report = run("--offline", **places)
    report.one("database", "fail", "the folder", "cannot be written to")
    report.one("folders", "fail", f"{tmp_path / 'locked' / 'a' / 'b'} cannot be made", "locked cannot be written")


def test_a_catalogue_on_a_server_is_looked_at_without_its_password(
    run: Run, postgresql: Server, own_database: str
) -> None:
    address = postgresql.address(own_database)
    empty = run("--offline", HUBSCOPE_DATABASE_URL=address)
    empty.one("database", "ok", "PostgreSQL ", "psycopg ", "holds no catalogue yet")
    assert postgresql.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", own_database) == [(0,)]
    open_database(address).dispose()
    report = run("--offline", HUBSCOPE_DATABASE_URL=address)
    report.one("database", "ok", f"revision {HEAD}")
    report.one("deliveries", "ok", "nothing waits")
    postgresql.execute("UPDATE alembic_version SET version_num = '9999'", own_database)
    run("--offline", HUBSCOPE_DATABASE_URL=address).one("database", "fail", "newer hubscope")
    wrong = f"postgresql://guarded:guarded-secret@/{own_database}?host={postgresql.folder}"
    run("--offline", HUBSCOPE_DATABASE_URL=wrong).one("database", "fail", "cannot be read")


def test_nothing_can_be_written_while_looking(
    request: pytest.FixtureRequest, migrated_file: Path, tmp_path: Path
) -> None:
    path = shutil.copy(migrated_file, tmp_path)
    with inspected(f"sqlite:///{path}") as found:
        assert found.engine is not None
        with found.engine.connect() as connection, pytest.raises(DBAPIError, match="readonly"):
            connection.exec_driver_sql("DELETE FROM run")


def test_a_server_that_is_not_there_is_a_failure(run: Run) -> None:
    address = "postgresql://me:guarded-secret@127.0.0.1:9/x"
    found = run("--offline", HUBSCOPE_DATABASE_URL=address).one("database", "fail", "127.0.0.1")
    assert "is the server running" in found["fix"]


def test_who_is_at_work_is_told(run: Run, sqlite_engine: Engine) -> None:
    leases = Leases(sqlite_engine, holder="crawler-1:17 - - abcd")
    assert leases.take("jobs")
    assert leases.take("deliveries")
    run("--offline").one(
        "leases", "ok", "process 17 on crawler-1 has been scanning since", "process 17 on crawler-1 has been sending"
    )


@pytest.mark.parametrize(("days", "state"), [(0.01, "warn"), (3, "fail")])
def test_a_job_that_failed_is_told_with_its_reason(run: Run, sqlite_engine: Engine, days: float, state: str) -> None:
    settings_file("[[jobs]]\nname = 'yearly'\ncron = '0 0 1 1 *'\nall = true\n")
    due = datetime.now(UTC) - timedelta(days=days)
    jobs = Jobs(sqlite_engine, lambda: due - timedelta(minutes=1))
    jobs.register("yearly", parse("0 0 1 1 *").meaning, "UTC")
    jobs.fail(jobs.begin("yearly", due), "the disk was full", due + timedelta(minutes=1))
    found = run("--offline").one("schedule", state, f"yearly is failed since {due:%Y-%m-%d %H:%M}", "the disk was full")
    assert "hubscope schedule --run-now yearly" in found["fix"]


def test_a_job_that_nothing_is_at_is_overdue(run: Run, sqlite_engine: Engine) -> None:
    settings_file("[[jobs]]\nname = 'hourly'\ncron = '0 * * * *'\nall = true\n")
    Jobs(sqlite_engine, lambda: datetime.now(UTC) - timedelta(days=2)).register(
        "hourly", parse("0 * * * *").meaning, "UTC"
    )
    run("--offline").one("schedule", "fail", "hourly is overdue since")


def test_jobs_in_time_are_ok(run: Run, sqlite_engine: Engine) -> None:
    Jobs(sqlite_engine).register("weekly", parse("0 7 * * 1").meaning, "UTC")
    run("--offline").one("schedule", "ok", "no job is overdue")


@pytest.mark.parametrize(("hours", "state"), [(1, "warn"), (9, "fail")])
def test_what_waits_to_be_sent_is_told_with_its_reason(
    run: Run, sqlite_engine: Engine, hours: float, state: str
) -> None:
    since = datetime.now(UTC) - timedelta(hours=hours)
    outbox = Outbox(sqlite_engine)
    payload = {"text": "a", "blocks": []}
    delivery = Delivery(
        id="d1",
        audience="team",
        channel="slack",
        target="#digests",
        subject="a",
        payload=payload,
        state=DeliveryState.WAITING,
        created_at=since,
    )
    assert outbox.put(Parcel(deliveries=[delivery]))
    report = run("--offline")
    report.one("deliveries", state, "1 delivery to #digests (team) has waited since", f"{since:%Y-%m-%d %H:%M}")
    outbox.postpone(delivery, "channel_not_found", since, stops_place=True, begun=True)
    found = run("--offline").one("deliveries", state, ": channel_not_found")
    assert "mend" in found["fix"]


# Folders ---------------------------------------------------------------------------------------------------------


def test_folders_that_cannot_be_made_are_told_with_who_wants_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings_file(
        "[report]\nfolder = 'file/reports'\n"
        "[[subscriptions]]\nname = 'ours'\nowners = ['me']\nfolder = 'file'\n"
        "[[subscriptions]]\nname = 'theirs'\nowners = ['you']\nfolder = 'new/folder'\n"
    )
    reports = run("--offline").of("folders")
    assert [one["state"] for one in reports] == ["fail", "fail"]
    assert {one["fix"].partition("(")[2] for one in reports} == {"report.folder)", "subscription ours)"}
    assert not (tmp_path / "new").exists()


def test_where_no_files_are_written_no_folder_is_needed(run: Run) -> None:
    settings_file("[report]\nformats = []\ncsv = false\nfolder = '/proc/version/x'\n")
    run("--offline").one("folders", "ok", "no files are written")


def test_where_nothing_is_kept_here_no_room_is_needed(run: Run) -> None:
    settings_file("[report]\nformats = []\ncsv = false\n")
    address = "postgresql://me@127.0.0.1:9/x"
    run("--offline", HUBSCOPE_DATABASE_URL=address).one("disk", "ok", "nothing is kept on this machine")


@pytest.mark.parametrize(("free", "state"), [(2 * 10**9, "ok"), (5 * 10**8, "warn"), (10**7, "fail")])
def test_a_disk_that_fills_up_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    run("--offline").one("disk", state, f"{free / 1e9:.1f} GB are free")


# Slack -----------------------------------------------------------------------------------------------------------


def test_a_slack_that_is_set_up_is_ok(run: Run, slack: SlackServer) -> None:
    settings_file(
        "[slack]\nalarm_channel = 'C0GENERAL'\n"
        "[[subscriptions]]\nname = 'alice'\nowners = ['a']\nslack = 'U0ALICE'\n"
        "[[subscriptions]]\nname = 'bob'\nowners = ['b']\nslack = '#digests'\n"
    )
    report = run()
    report.one("slack", "ok", "#digests by bot token")
    report.one("slack-token", "ok", "hubscope in Sample team")
    report.one("slack-scopes", "ok", "chat:write")
    assert [one["found"] for one in report.of("slack-channel")] == [
        "the bot can post to #digests of slack.channel, subscription bob",
        "the bot can post to C0GENERAL (#general) of slack.alarm_channel",
        "the bot can post to U0ALICE of subscription alice",
    ]
    assert slack.calls("chat.postMessage") == []


def test_a_revoked_bot_token_is_a_failure(run: Run, slack: SlackServer) -> None:
    slack.revoke_token()
    report = run()
    found = report.one("slack-token", "fail", "token_revoked")
    assert "SLACK_BOT_TOKEN" in found["fix"]
    assert report.fails() == {"slack-token"}
    assert "`slack-token`" in report.one("slack-scopes", "warn")["fix"]
    assert "`slack-token`" in report.one("slack-channel", "warn")["fix"]


def test_a_slack_that_is_not_there_is_a_failure(run: Run, slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "SLACK_WAIT", 0.0)
    report = run(HUBSCOPE_SLACK__BASE_URL="http://127.0.0.1:9/api")
    report.one("slack-token", "fail", "no connection to 127.0.0.1:9")
    report.one("clock", "ok", "the Hub's")


@pytest.mark.parametrize(
    ("scope", "state", "word"),
    [
        ("chat:write", "fail", "nothing can be posted"),
        ("files:write", "warn", "no CSV"),
        ("groups:read", "warn", "no private channel"),
        ("channels:history", "warn", "comes again marked as a repeat"),
    ],
)
def test_a_missing_scope_is_told_with_what_it_is_for(
    run: Run, slack: SlackServer, scope: str, state: str, word: str
) -> None:
    slack.remove_scopes(scope)
    found = run().one("slack-scopes", state, f"the scope {scope} is missing", word)
    assert "install the app again" in found["fix"]


def test_without_the_scopes_to_look_a_channel_is_a_warning(run: Run, slack: SlackServer) -> None:
    slack.remove_scopes("channels:read", "groups:read")
    report = run()
    assert [one["state"] for one in report.of("slack-scopes")] == ["warn", "warn"]
    found = report.one("slack-channel", "warn", "could not be looked at", "missing_scope", "channels:read")
    assert "; add" not in found["found"]
    assert report.fails() == set()


def test_scopes_for_people_are_wanted_only_for_people(run: Run, slack: SlackServer) -> None:
    slack.remove_scopes("im:write", "im:history")
    run().one("slack-scopes", "ok")
    slack.add_scopes("im:write")
    run(HUBSCOPE_SLACK__CHANNEL="U0ALICE").one("slack-scopes", "warn", "the scope im:history is missing for U0ALICE")
    slack.remove_scopes("im:write")
    run(HUBSCOPE_SLACK__CHANNEL="U0ALICE").one("slack-scopes", "warn", "the scope im:write is missing")


def test_the_history_of_a_private_channel_is_a_scope_of_its_own(run: Run, slack: SlackServer) -> None:
    slack.remove_scopes("groups:history", "channels:history")
    found = run(HUBSCOPE_SLACK__CHANNEL="C0PRIVATE").one("slack-scopes", "warn", "C0PRIVATE (#private)")
    assert "channels:history or groups:history" in found["found"]
    slack.add_scopes("channels:history")
    run(HUBSCOPE_SLACK__CHANNEL="C0PRIVATE").one("slack-scopes", "warn", "the scope groups:history is missing")


def test_an_archived_channel_is_a_failure(run: Run, slack: SlackServer) -> None:
    slack.archive("C0DIGESTS")
    assert "restore it" in run().one("slack-channel", "fail", "#digests of slack.channel is archived")["fix"]


@pytest.mark.parametrize("channel", ["#digests", "C0DIGESTS"])
def test_a_deleted_channel_is_a_failure(run: Run, slack: SlackServer, channel: str) -> None:
    slack.delete("C0DIGESTS")
    report = run(HUBSCOPE_SLACK__CHANNEL=channel)
    found = report.one("slack-channel", "fail", f"{channel} of slack.channel is not there")
    assert "/invite" in found["fix"]


def test_a_channel_without_the_bot_is_a_failure_unless_it_may_post_anywhere(run: Run, slack: SlackServer) -> None:
    found = run(HUBSCOPE_SLACK__CHANNEL="#elsewhere").one("slack-channel", "fail", "the bot is not in #elsewhere")
    assert "/invite @hubscope in #elsewhere" in found["fix"]
    slack.add_scopes("chat:write.public")
    run(HUBSCOPE_SLACK__CHANNEL="#elsewhere").one("slack-channel", "warn", "attach no CSV")


def test_a_person_who_is_not_there_is_a_failure(run: Run, slack: SlackServer) -> None:
    run(HUBSCOPE_SLACK__CHANNEL="U0NOBODY").one("slack-channel", "fail", "U0NOBODY of slack.channel is not there")


@pytest.mark.parametrize(
    ("method", "state", "words"),
    [
        ("conversations.info", "fail", "Slack refused conversations.info: access_denied"),
        ("conversations.history", "warn", "cannot be read (access_denied): a message whose sending broke off"),
    ],
)
def test_what_slack_refuses_is_told_with_its_advice(
    run: Run, slack: SlackServer, method: str, state: str, words: str
) -> None:
    slack.faults.answer('{"ok": false, "error": "access_denied"}', method=method)
    assert run().one("slack-channel", state, words)["fix"] == "ask an administrator of the workspace"


def test_a_slack_that_takes_no_more_is_not_asked_on(run: Run, slack: SlackServer) -> None:
    slack.faults.rate_limit(9, retry_after="60", method="conversations.info")
    report = run(HUBSCOPE_SLACK__ALARM_CHANNEL="#general")
    first, second = report.of("slack-channel")
    assert "takes no more conversations.info for now" in first["found"]
    assert second["found"].startswith("#general could not be looked at")
    assert {first["state"], second["state"]} == {"warn"}
    assert len(slack.calls("conversations.info")) == 1


def test_a_token_without_a_channel_sends_no_digest(
    run: Run, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HUBSCOPE_SLACK__CHANNEL")
    report = run()
    assert "slack.channel" in report.one("slack", "warn", "no channel")["fix"]
    assert report.of("slack-channel") == []


def test_channels_without_a_token_are_a_failure(run: Run) -> None:
    settings_file("[slack]\nchannel = '#digests'\n[[subscriptions]]\nname = 'ours'\nowners = ['a']\nslack = '#ours'\n")
    found = run("--offline").of("slack")
    assert [one["found"] for one in found] == [
        "slack.channel goes to #digests, but no bot token is set",
        "subscription ours goes to #ours, but no bot token is set",
    ]
    assert {one["state"] for one in found} == {"fail"}


def test_a_subscription_with_only_a_webhook_is_a_failure(run: Run) -> None:
    settings_file("[slack]\nchannel = '#digests'\n[[subscriptions]]\nname = 'ours'\nowners = ['a']\nslack = '#ours'\n")
    hook = "https://hooks.slack.com/services/T0/B0/sampleHookSecret"
    report = run("--offline", SLACK_WEBHOOK_URL=hook)
    first, second = report.of("slack")
    assert first["found"] == "subscription ours goes to #ours, where a webhook cannot post"
    assert (first["state"], second["state"]) == ("fail", "ok")
    assert "not to #digests" in second["found"]
    report.one("slack-webhook", "ok", "hooks.slack.com", "only a message can show")


@pytest.mark.parametrize(
    ("address", "state"),
    [
        ("https://hooks.slack.com/services/T0/B0/sampleHookSecret", "ok"),
        ("http://127.0.0.1:9/services/T0/B0/sampleHookSecret", "ok"),
        ("https://hooks.slack.com/services/T0/sampleHookSecret", "fail"),
        ("https://hooks.slack.com/workflows/T0/A0/1/sampleHookSecret", "fail"),
        ("https://hooks.example.org/services/T0/B0/sampleHookSecret", "warn"),
    ],
)
def test_a_webhook_is_judged_by_its_form_alone(run: Run, address: str, state: str) -> None:
    found = run("--offline", SLACK_WEBHOOK_URL=address).one("slack-webhook", state)["found"]
    assert ("SLACK_WEBHOOK_URL" in found) == (state != "ok")


def test_a_webhook_beside_a_token_and_a_channel_is_not_used(run: Run, slack: SlackServer) -> None:
    run("--offline", SLACK_WEBHOOK_URL=slack.webhook_url).one("slack", "ok", "SLACK_WEBHOOK_URL is not used")


def test_a_person_s_token_is_a_warning(run: Run, slack: SlackServer) -> None:
    slack.faults.answer('{"ok": true, "team": "T", "user": "alice", "user_id": "U0ALICE"}', method="auth.test", times=9)
    report = run()
    report.one("slack-token", "warn", "the token is a person's (alice in T)")
    report.one("slack-scopes", "ok", "does not say")


# Packages --------------------------------------------------------------------------------------------------------


def test_the_versions_are_told(run: Run) -> None:
    version = metadata.version("slack-sdk")
    run("--offline").one("packages", "ok", f"hubscope {common.tool_version()}", "Python 3.", f"slack_sdk {version}")


def distribution(folder: Path, name: str, *files: str, **more: str) -> metadata.Distribution:
    """An installed distribution that ships these files."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files), encoding="utf-8")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    for other, text in more.items():
        (info / f"{other}.json").write_text(text, encoding="utf-8")
    return metadata.PathDistribution(info)


def test_a_distribution_that_ships_one_of_our_names_is_a_failure(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path / "site", "Stranger", "config/__init__.py", "notifiers.py", "stranger/scanner.py")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = run("--offline").one("packages", "fail", "Stranger installs config and notifiers too")
    assert found["fix"].startswith("uninstall Stranger here, or install hubscope into an environment of its own")


@pytest.mark.parametrize(
    ("files", "clash"),
    [
        (["config/__init__.py"], ["config"]),
        (["config/data.txt"], ["config"]),
        (["config.py"], ["config"]),
        ([f"scanner{EXTENSION_SUFFIXES[0]}"], ["scanner"]),
        (["config.json", "config-1.0/x.py", "configs/x.py", "other/config.py", "../../bin/scanner"], []),
    ],
)
def test_what_counts_as_shipping_a_name(tmp_path: Path, files: list[str], clash: list[str]) -> None:
    found = packages.intruders([distribution(tmp_path, "other", *files)])
    assert found == ({"other": clash} if clash else {})


def test_a_package_from_elsewhere_is_a_failure(tmp_path: Path) -> None:
    origins = {**packages.origins(), "config": tmp_path, "notifiers": None}
    found = list(packages._strangers(origins, {}))
    assert [one.state for one in found] == [State.FAIL, State.FAIL]
    assert "notifiers comes from nowhere" in found[0].found
    assert f"config comes from {tmp_path}" in found[1].found


def test_where_an_installation_lies_is_told_by_its_record(tmp_path: Path) -> None:
    plain = distribution(tmp_path / "a", "hubscope", "scanner/__init__.py", "config/__init__.py")
    assert packages.home(plain) == tmp_path / "a"
    told = json.dumps({"dir_info": {"editable": True}, "url": (tmp_path / "my tree").as_uri()})
    assert packages.home(distribution(tmp_path / "b", "hubscope", "x.pth", direct_url=told)) == tmp_path / "my tree"
    for odd in ("[]", "{", '{"url": "https://example.org"}'):
        assert packages.home(distribution(tmp_path / odd.replace("/", ""), "hubscope", direct_url=odd)) is None


def test_an_installation_without_a_record_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = distribution(tmp_path, "hubscope")
    monkeypatch.setattr(metadata, "distribution", lambda _: bare)
    (found,) = packages._strangers(packages.origins(), {})
    assert found.state is State.WARN
    assert "does not say which files" in found.found


def test_without_an_installation_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    (found,) = packages._strangers(packages.origins(), {})
    assert found.state is State.WARN
    assert "without being installed" in found.found


def test_a_subscription_about_nothing_that_was_listed_is_a_warning(run: Run, sqlite_engine: Engine) -> None:
    settings_file(
        "[[subscriptions]]\nname = 'mine'\nowners = ['Owner']\nfolder = 'out'\n"
        "[[subscriptions]]\nname = 'other'\nmodels = ['nobody/never']\nfolder = 'out'\n"
    )
    store = Store(sqlite_engine)
    store.save(begin(store), Batch(judged=[model("a")]))
    run("--offline").one("subscriptions", "warn", "other is about no model")
    settings_file("[[subscriptions]]\nname = 'mine'\nmodels = ['OWNER/A']\nfolder = 'out'\n")
    run("--offline").one("subscriptions", "ok")
