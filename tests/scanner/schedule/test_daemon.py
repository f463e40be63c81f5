"""`hubscope schedule` as a process: it wakes by itself, SIGTERM finishes the page in hand and leaves with 0."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler
from sqlalchemy import Engine

from config.cron import parse
from scanner.catalogue.database import open_database
from scanner.catalogue.jobs import Jobs, OccurrenceState
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import RunState
from scanner.errors import IncompleteError, UsageError
from scanner.samplehub import Fault, SampleHub
from scanner.schedule import daemon
from scanner.schedule.daemon import DEFAULTS, add_wake_ups, new_scheduler
from tests.scanner.schedule.worker import service_at, settings_for
from tests.slackserver import SlackServer

SETTINGS = """
[[jobs]]
name = "often"
cron = "* * * * *"
all = true

[scan]
page_size = 20
workers = 2
"""
PATIENCE = 90  # seconds until something that is sure to happen has happened


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hubscope.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def start(folder: Path, hub: SampleHub, slack: SlackServer, *arguments: str) -> subprocess.Popen[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "HF_ENDPOINT": hub.endpoint,
        "SLACK_BOT_TOKEN": slack.token,
        "HUBSCOPE_SLACK__BASE_URL": slack.base_url,
        "HUBSCOPE_SLACK__CHANNEL": "C0GENERAL",
    }
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from scanner.cli import main; main()", "schedule", *arguments],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def stop(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return errors


def catalogue(folder: Path) -> Engine:
    return open_database(f"sqlite:///{folder / 'hubscope.db'}")


def missed(folder: Path, name: str = "often", cron: str = "* * * * *") -> None:
    """As if the scheduler had known the job, and then been off for a while."""
    engine = catalogue(folder)
    Jobs(engine, lambda: datetime(2026, 1, 1, tzinfo=UTC)).register(name, parse(cron).meaning, "UTC")
    engine.dispose()


def test_what_was_missed_is_caught_up_at_once_and_sigterm_leaves_with_0(
    folder: Path, hub: SampleHub, slack: SlackServer
) -> None:
    missed(folder)
    process = start(folder, hub, slack)
    until(lambda: bool(slack.messages("C0GENERAL")), process)
    errors = stop(process)
    assert "stopping" in errors
    assert errors.rstrip().endswith("stopped")


def test_sigterm_in_the_middle_of_a_scan_keeps_the_page_in_hand_and_the_next_start_goes_on(
    folder: Path, hub: SampleHub, slack: SlackServer
) -> None:
    missed(folder)

    def pages() -> int:
        return sum(request.path == "/api/models" for request in list(hub.requests))

    hub.inject(Fault(kind="stall", path=r"^/api/models\?", seconds=1.0, times=None))
    process = start(folder, hub, slack)
    until(lambda: pages() >= 2, process)
    stop(process)
    asked = pages()
    engine = catalogue(folder)
    run = Reader(engine).run(None)
    occurrence = Jobs(engine).unfinished("often")
    engine.dispose()
    assert run.state == RunState.INTERRUPTED
    assert run.listed > 0
    assert occurrence is not None
    assert occurrence.state == OccurrenceState.WAITING
    assert "stopped from outside" in occurrence.detail
    assert not slack.messages("C0GENERAL")

    hub.clear_faults()
    process = start(folder, hub, slack)
    until(lambda: bool(slack.messages("C0GENERAL")), process)
    stop(process)
    engine = catalogue(folder)
    again = Reader(engine).run(run.id)
    engine.dispose()
    assert again.state == RunState.COMPLETE
    assert pages() - asked < 8  # four pages in all, not all of them again


def test_sigint_finishes_the_page_in_hand_too_and_leaves_with_130(
    folder: Path, hub: SampleHub, slack: SlackServer
) -> None:
    missed(folder)
    process = start(folder, hub, slack)
    until(lambda: bool(slack.messages("C0GENERAL")), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors.rstrip().endswith("hubscope: interrupted")
    assert "stopped" in errors


def test_run_now_carries_a_job_out_and_leaves(folder: Path, hub: SampleHub, slack: SlackServer) -> None:
    process = start(folder, hub, slack, "--run-now", "often")
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert "in scope" in out
    assert len([m for m in slack.messages("C0GENERAL") if "in scope" in m["text"]]) == 1


def test_sigint_to_run_now_keeps_what_was_read_and_leaves_with_130(
    folder: Path, hub: SampleHub, slack: SlackServer
) -> None:
    hub.inject(Fault(kind="stall", path=r"^/api/models\?", seconds=1.0, times=None))
    process = start(folder, hub, slack, "--run-now", "often")
    until(lambda: sum(request.path == "/api/models" for request in list(hub.requests)) >= 2, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors.rstrip().endswith("hubscope: interrupted")
    engine = catalogue(folder)
    run, occurrence = Reader(engine).run(None), Jobs(engine).unfinished("often")
    engine.dispose()
    assert (run.state, run.listed > 0) == (RunState.INTERRUPTED, True)
    assert occurrence is not None
    assert occurrence.state == OccurrenceState.WAITING


def test_run_now_of_an_unknown_job_names_those_there_are(folder: Path, hub: SampleHub, slack: SlackServer) -> None:
    process = start(folder, hub, slack, "--run-now", "weekly")
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == UsageError.exit_code
    assert errors == "hubscope: --run-now weekly: no job is called so; there are often\n"


def test_run_now_that_cannot_be_told_leaves_with_3(folder: Path, hub: SampleHub, slack: SlackServer) -> None:
    slack.revoke_token()
    process = start(folder, hub, slack, "--run-now", "often")
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert "token_revoked" in errors or "token" in errors


# A clock that is set ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-3, 3])
def test_after_the_clock_was_set_the_wake_ups_are_reckoned_anew(
    sqlite_engine: Engine, hub: SampleHub, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    settings = settings_for(sqlite_engine.url.render_as_string(), hub.endpoint, {})
    service = service_at(settings, lambda: datetime.now(UTC))
    scheduler = new_scheduler()
    with time_machine.travel(datetime(2026, 11, 10, tzinfo=UTC), tick=False) as clock:
        add_wake_ups(scheduler, service, 60)
        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) > 1:
                raise daemon._Stop(signal.SIGTERM)
            clock.shift(timedelta(days=days))

        monkeypatch.setattr("scanner.schedule.daemon.time.sleep", sleep)
        with pytest.raises(daemon._Stop):
            daemon._sleep_on(scheduler, service, 60)
        late = next(job for job in scheduler.get_jobs() if job.id == "late jobs")
        assert late.next_run_time == datetime.now(UTC)
        assert len(scheduler.get_jobs()) == len(settings.jobs) + 2
    service.engine.dispose()


def test_a_catalogue_that_was_deleted_under_the_daemon_ends_it_with_a_sentence(
    folder: Path, hub: SampleHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(f"sqlite:///{folder / 'hubscope.db'}", hub.endpoint, {})
    service = service_at(settings, lambda: datetime.now(UTC))

    def sleep(_: float) -> None:
        (folder / "hubscope.db").rename(folder / "elsewhere.db")

    monkeypatch.setattr("scanner.schedule.daemon.time.sleep", sleep)
    with pytest.raises(IncompleteError, match="the catalogue was deleted or replaced while the scheduler ran"):
        daemon.run(service)
    assert service.stop.is_set()
    service.engine.dispose()


# A month of it ------------------------------------------------------------------------------------------------------


class Frozen(BaseScheduler):  # type: ignore[misc]  # APScheduler carries no types
    """A scheduler that moves a frozen clock to its next wake-up instead of waiting for it."""

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)

    def wakeup(self) -> None:
        pass


def test_the_daemon_s_own_wake_ups_over_a_month_of_frozen_clock_deliver_each_week_once(
    hub: SampleHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """October and November in Berlin, the clock change included; Slack fails now and then, the daemon is restarted."""
    monkeypatch.chdir(tmp_path)
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 4, 12, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock, SlackServer() as slack:
        environ = {
            "SLACK_BOT_TOKEN": slack.token,
            "HUBSCOPE_SLACK__BASE_URL": slack.base_url,
            "HUBSCOPE_SLACK__CHANNEL": "C0GENERAL",
            "HUBSCOPE_SCHEDULE__TIMEZONE": "Europe/Berlin",
            "HUBSCOPE_REPORT__FOLDER": str(tmp_path / "reports"),
        }
        settings = settings_for(f"sqlite:///{tmp_path / 'hubscope.db'}", hub.endpoint, environ)
        for week in range(4):
            service = service_at(settings, lambda: datetime.now(UTC))
            scheduler = Frozen(
                executors={"jobs": DebugExecutor(), "watch": DebugExecutor()}, timezone=UTC, job_defaults=DEFAULTS
            )
            add_wake_ups(scheduler, service, 2 * 3600)
            scheduler.start()
            slack.faults.fail_after(1 + week % 2, method="chat.postMessage")
            slack.faults.fail_before(week, status=502)
            end = start + timedelta(weeks=week + 1)
            while datetime.now(UTC) < end:
                wait = scheduler._process_jobs()
                clock.shift(min(timedelta(seconds=wait), end - datetime.now(UTC)))
            scheduler.shutdown()
            service.engine.dispose()
            heads = [m for m in slack.messages("C0GENERAL") if "in scope" in m["text"]]
            assert len(heads) == week + 1
            posted = datetime.fromtimestamp(float(heads[-1]["ts"]), berlin)
            assert f"{posted:%a %H}" == "Mon 07"
        deliveries = slack.deliveries("C0GENERAL")
        assert len(deliveries) == len(set(deliveries))
