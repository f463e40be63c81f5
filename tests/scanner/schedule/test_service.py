"""One job after another over a clock that the test sets: what fails is told, tried again, and done in the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

from config.settings import Settings
from scanner.catalogue.core import DELIVERY, DIGEST, RUN
from scanner.catalogue.database import only_writer
from scanner.catalogue.jobs import OccurrenceState
from scanner.catalogue.leases import Leases
from scanner.catalogue.store import RunState
from scanner.samplehub import Fault, SampleHub
from scanner.schedule.service import AT_WORK, Carried, Ending, Service
from tests.scanner.schedule.worker import service_at, settings_for
from tests.slackserver import SlackServer

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 7, tzinfo=BERLIN)
CHANNEL = "C0DIGESTS"


class Bench:
    """A service with its Hub and Slack, and a clock."""

    def __init__(self, hub: SampleHub, slack: SlackServer, folder: Path) -> None:
        self.hub, self.slack, self.folder = hub, slack, folder
        self.moment = SATURDAY
        self.settings = self.set_up()
        self.service = self.fresh()
        assert self.service.run_due() == []

    def set_up(self, environ: dict[str, str] | None = None, **overrides: Any) -> Settings:
        all_of_it = {
            "SLACK_BOT_TOKEN": self.slack.token,
            "HUBSCOPE_SLACK__BASE_URL": self.slack.base_url,
            "HUBSCOPE_SLACK__CHANNEL": CHANNEL,
            "HUBSCOPE_SCHEDULE__TIMEZONE": "Europe/Berlin",
            "HUBSCOPE_REPORT__FOLDER": str(self.folder / "reports"),
            "HUBSCOPE_SCAN__MAX_RETRIES": "0",
            **(environ or {}),
        }
        return settings_for(f"sqlite:///{self.folder / 'hubscope.db'}", self.hub.endpoint, all_of_it, **overrides)

    def fresh(self, **overrides: Any) -> Service:
        """Another process, as it were."""
        if overrides:
            self.settings = self.set_up(**overrides)
        self.service = service_at(self.settings, lambda: self.moment)
        return self.service

    def at(self, moment: datetime) -> None:
        self.moment = moment.astimezone(UTC)

    def later(self, **time: float) -> None:
        self.moment += timedelta(**time)

    def wake(self) -> list[Carried]:
        carried = self.service.run_due()
        self.service.look_after()
        return carried

    def texts(self, channel: str = CHANNEL) -> list[str]:
        return [str(message["text"]) for message in self.slack.messages(channel)]

    def state(self, job: str = "weekly") -> str:
        latest = self.service.jobs.latest(job)
        return "" if latest is None else latest.state

    def rows(self, *columns: Any) -> list[Any]:
        with self.service.engine.connect() as connection:
            return list(connection.execute(select(*columns)))


@pytest.fixture
def bench(hub: SampleHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    made: list[Bench] = []
    with SlackServer(clock=lambda: made[0].moment.timestamp() if made else SATURDAY.timestamp()) as slack:
        made.append(Bench(hub, slack, tmp_path))
        yield made[0]
        made[0].service.engine.dispose()


def test_nothing_is_due_before_its_time_and_nothing_twice(bench: Bench) -> None:
    bench.at(MONDAY - timedelta(seconds=1))
    assert bench.wake() == []
    bench.at(MONDAY)
    (carried,) = bench.wake()
    assert (carried.job, carried.ending, carried.due_at) == ("weekly", Ending.DONE, MONDAY.astimezone(UTC))
    bench.later(minutes=1)
    assert bench.wake() == []
    assert len([text for text in bench.texts() if "in scope" in text]) == 1
    assert bench.state() == OccurrenceState.DONE


def test_a_hub_that_is_down_is_told_once_tried_again_and_the_digest_comes_in_the_end(bench: Bench) -> None:
    bench.hub.inject(Fault(kind="status", status=503, times=None))
    bench.at(MONDAY)
    for minutes in (1, 5, 15, 20):
        carried = bench.wake()
        assert [one.ending for one in carried] == [Ending.FAILED]
        assert bench.wake() == []  # not before its next try
        bench.later(minutes=minutes)
    assert bench.state() == OccurrenceState.FAILED
    (alarm,) = bench.texts()
    assert alarm.startswith("weekly, due Mon 2026-11-23 07:00 CET, failed: ")
    assert "503" in alarm
    assert "Tried again Mon 2026-11-23 07:01 CET." in alarm
    bench.hub.clear_faults()
    bench.later(hours=1)
    (done,) = bench.wake()
    assert done.ending is Ending.DONE
    assert len(bench.texts()) == 2
    assert bench.state() == OccurrenceState.DONE


def test_a_job_that_stays_undone_is_told_as_overdue_once(bench: Bench) -> None:
    bench.hub.inject(Fault(kind="status", status=503, times=None))
    bench.at(MONDAY)
    for _ in range(12):
        bench.wake()
        bench.later(hours=1)
    failed, overdue = bench.texts()
    assert "failed" in failed
    assert overdue.startswith("weekly is overdue: it was due Mon 2026-11-23 07:00 CET and is not done: ")


def test_a_job_that_fails_until_the_next_is_due_is_given_up_for_it(bench: Bench) -> None:
    bench.hub.inject(Fault(kind="status", status=503, times=None))
    bench.at(MONDAY)
    bench.wake()
    bench.hub.clear_faults()
    bench.at(MONDAY + timedelta(weeks=1))
    (carried,) = bench.wake()
    assert carried.due_at == (MONDAY + timedelta(weeks=1)).astimezone(UTC)
    bench.later(hours=12)
    assert bench.wake() == []
    assert len([text for text in bench.texts() if "in scope" in text]) == 1


def test_a_person_who_is_scanning_is_waited_for_without_an_alarm(bench: Bench) -> None:
    bench.at(MONDAY)
    with only_writer(bench.service.engine):
        (carried,) = bench.wake()
        assert carried.ending is Ending.FAILED
        assert "another scan is writing" in carried.detail
    assert bench.texts() == []
    bench.later(minutes=1)
    assert [one.ending for one in bench.wake()] == [Ending.DONE]


def test_a_full_disk_is_survived_and_nothing_is_lost(bench: Bench) -> None:
    """SQLite's own "database or disk is full", in the middle of a scan."""
    bench.at(MONDAY)
    engine = bench.service.engine

    def small(connection: Any, record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 6}")

    event.listen(engine, "connect", small)
    engine.dispose()  # new connections have no room
    try:
        bench.service.run_due()  # notes the failure, or has no room even for that, and then the daemon logs it
    except DBAPIError as error:
        failed = str(error)
    else:
        latest = bench.service.jobs.latest("weekly")
        failed = latest.detail if latest is not None else ""
    assert "full" in failed
    assert not any("in scope" in text for text in bench.texts())
    event.remove(engine, "connect", small)
    engine.dispose()
    bench.later(minutes=2)
    bench.fresh()
    assert [one.ending for one in bench.wake()] == [Ending.DONE]
    assert len([text for text in bench.texts() if "in scope" in text]) == 1


def test_a_budget_of_requests_ends_a_job_with_a_digest_that_says_so(bench: Bench) -> None:
    job = {"name": "weekly", "cron": "0 7 * * 1", "top": 10_000, "max_requests": 6}
    bench.fresh(jobs=[job])
    bench.at(MONDAY)
    (carried,) = bench.wake()
    assert carried.ending is Ending.DONE
    assert carried.run is not None
    assert carried.run.state == RunState.INCOMPLETE
    assert "the job's 6 requests were spent" in carried.detail
    head = bench.slack.messages(CHANNEL)[0]
    assert "incomplete" in str(head["blocks"])
    bench.at(MONDAY + timedelta(weeks=1))
    assert [one.ending for one in bench.wake()] == [Ending.DONE]
    assert len([text for text in bench.texts() if "in scope" in text]) == 2


def test_a_job_that_is_not_to_be_told_is_not(bench: Bench) -> None:
    bench.fresh(jobs=[{"name": "weekly", "cron": "0 7 * * 1", "top": 10_000, "notify": False}])
    bench.at(MONDAY)
    assert [one.ending for one in bench.wake()] == [Ending.DONE]
    assert bench.texts() == []
    assert bench.rows(DIGEST.c.id) == []


def test_jobs_are_done_in_the_order_they_were_due(bench: Bench) -> None:
    jobs = [
        {"name": "second", "cron": "30 6 * * 1", "author": "lumenforge"},
        {"name": "first", "cron": "0 6 * * 1", "author": "palisade"},
    ]
    bench.fresh(jobs=jobs)
    bench.wake()
    bench.at(MONDAY)
    assert [one.job for one in bench.wake()] == ["first", "second"]


def test_a_job_whose_hours_were_changed_has_missed_nothing(bench: Bench) -> None:
    bench.at(MONDAY + timedelta(days=1))
    bench.fresh(jobs=[{"name": "weekly", "cron": "0 6 * * *", "top": 10_000}])
    assert bench.wake() == []
    bench.later(days=1)
    assert len(bench.wake()) == 1


def test_what_waits_goes_to_the_channel_that_is_set_now(bench: Bench) -> None:
    bench.slack.delete(CHANNEL)
    bench.at(MONDAY)
    bench.wake()
    assert any("channel_not_found" in row.detail for row in bench.rows(DELIVERY.c.detail))
    bench.fresh(environ={"HUBSCOPE_SLACK__CHANNEL": "C0GENERAL"})
    bench.later(hours=2)
    bench.wake()
    assert len([text for text in bench.texts("C0GENERAL") if "in scope" in text]) == 1
    assert {row.state for row in bench.rows(DELIVERY.c.state)} == {"sent"}


def test_a_bot_that_may_attach_no_files_says_so_in_the_thread(bench: Bench) -> None:
    bench.slack.remove_scopes("files:write")
    bench.at(MONDAY)
    bench.wake()
    head = bench.slack.messages(CHANNEL)[0]
    replies = [str(reply["text"]) for reply in bench.slack.messages(CHANNEL, thread=head["ts"])]
    assert any("could not be attached" in text and "files:write" in text for text in replies)
    assert {row.state for row in bench.rows(DELIVERY.c.state)} == {"sent"}


def test_a_process_that_stood_still_for_too_long_leaves_the_job_to_the_one_that_took_over(bench: Bench) -> None:
    """Suspended in the middle of a scan; another process takes the lease, and its work is not touched."""
    bench.at(MONDAY)
    bench.service.leases.seconds = 0.2
    other = Leases(bench.service.engine, lambda: bench.moment + timedelta(hours=1), holder="elsewhere:1 - - x")
    bench.hub.inject(Fault(kind="stall", path=r"^/api/models\?", seconds=0.6, times=None))
    taken: list[bool] = []
    bench.service.watch = lambda _: taken.append(other.take(AT_WORK)) if not taken else None
    carried = bench.service.run_due()
    assert taken == [True]
    assert [one.ending for one in carried] == [Ending.STOPPED]
    assert bench.state() == OccurrenceState.RUNNING  # it is the other's now
    assert not bench.service.stop.is_set()
    assert bench.service.leases.held(AT_WORK) is not None
    other.release(AT_WORK)
    bench.hub.clear_faults()
    assert [one.ending for one in bench.service.run_due()] == [Ending.DONE]


def test_run_now_says_who_is_at_work(bench: Bench) -> None:
    other = Leases(bench.service.engine, lambda: bench.moment, holder="crawler-1:17 - - x")
    assert other.take(AT_WORK)
    found = bench.service.run_now("weekly")
    assert not isinstance(found, Carried)
    assert found.who == "process 17 on crawler-1"


def test_run_now_counts_as_the_job_s_last(bench: Bench) -> None:
    carried = bench.service.run_now("weekly")
    assert isinstance(carried, Carried)
    assert carried.ending is Ending.DONE
    success = bench.service.jobs.last_success("weekly")
    assert success is not None
    assert success.due_at == SATURDAY
    assert bench.rows(RUN.c.occurrence) == [(success.id,)]
    with pytest.raises(KeyError):
        bench.service.run_now("daily")


def test_without_a_way_out_the_log_still_says_what_failed(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.fresh(environ={"SLACK_BOT_TOKEN": "", "HUBSCOPE_SLACK__CHANNEL": ""})
    bench.service.log.propagate = True
    bench.hub.inject(Fault(kind="status", status=503, times=None))
    bench.at(MONDAY)
    bench.wake()
    bench.later(hours=7)
    bench.wake()
    said = [record.getMessage() for record in caplog.records]
    assert any("failed" in line for line in said)
    assert any("overdue" in line for line in said)
