"""One job after another over a clock that the test sets: what fails is told, tried again, and done in the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import DBAPIError, OperationalError

from config.settings import Settings
from scanner.catalogue.core import DELIVERY, DIGEST, RUN
from scanner.catalogue.database import only_writer
from scanner.catalogue.jobs import OccurrenceState
from scanner.catalogue.leases import AT_WORK, Leases
from scanner.catalogue.outbox import Outbox
from scanner.catalogue.store import RunState
from scanner.samplehub import Fault, SampleHub
from scanner.schedule.service import Carried, Ending, Service
from scanner.schedule.standing import standing
from tests.scanner.schedule.worker import service_at, settings_for
from tests.slackserver import SlackServer

BERLIN = ZoneInfo("Europe/Berlin")
SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 7, tzinfo=BERLIN)
CHANNEL = "C0DIGESTS"


class Bench:
    """A service with its Hub and Slack, and a clock."""

    def __init__(self, hub: SampleHub, slack: SlackServer, folder: Path, address: str) -> None:
        self.hub, self.slack, self.folder, self.address = hub, slack, folder, address
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
        return settings_for(self.address, self.hub.endpoint, all_of_it, **overrides)

    def fresh(self, **overrides: Any) -> Service:
        """Another process, as it were."""
        if overrides:
            self.settings = self.set_up(**overrides)
        if hasattr(self, "service"):
            self.service.engine.dispose()
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
def bench(hub: SampleHub, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    made: list[Bench] = []
    address = engine.url.render_as_string(hide_password=False)
    with SlackServer(clock=lambda: made[0].moment.timestamp() if made else SATURDAY.timestamp()) as slack:
        made.append(Bench(hub, slack, tmp_path, address))
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
    assert "Next try Mon 2026-11-23 07:01 CET." in alarm
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
    if engine.dialect.name != "sqlite":
        pytest.skip("a server's disk is not ours to fill")

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


def test_a_budget_of_requests_is_gone_on_with_whenever_the_job_is_due_and_told_once_all_is_read(bench: Bench) -> None:
    bench.fresh(jobs=[{"name": "weekly", "cron": "0 7 * * 1", "top": 10_000, "max_requests": 25}])
    bench.wake()
    listed = []
    for week in range(20):
        bench.at(MONDAY + timedelta(weeks=week))
        (carried,) = bench.wake()
        bench.later(days=2)
        assert bench.wake() == []  # not before it is due again
        listed.append(bench.rows(RUN.c.listed)[-1][0])
        if carried.ending is Ending.DONE:
            break
        assert "its 25 requests were spent before all was read" in carried.detail
        assert bench.texts()[-1].endswith(f"It goes on {MONDAY + timedelta(weeks=week + 1):%a %Y-%m-%d %H:%M %Z}.")
    assert bench.state() == OccurrenceState.DONE
    assert week > 0
    assert listed == sorted(listed)
    assert len(bench.rows(RUN.c.id)) == 1  # one scan, over several weeks
    assert len([text for text in bench.texts() if "in scope" in text]) == 1


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
    later = timedelta(seconds=0.2)
    other = Leases(bench.service.engine, lambda: bench.moment + later, seconds=0.19, holder="elsewhere:1 - - x")
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


# Clocks, other machines, other hands -------------------------------------------------------------------------------


def test_a_clock_that_was_a_year_ahead_for_a_moment_silences_nothing(bench: Bench) -> None:
    bench.at(MONDAY + timedelta(days=365))
    assert len(bench.wake()) == 1
    for week in range(3):
        bench.at(MONDAY + timedelta(weeks=week))
        assert [one.due_at for one in bench.wake()] == [bench.moment]
    found = standing(bench.service.engine, bench.settings, lambda: bench.moment + timedelta(days=9))
    assert found.stale(timedelta(days=8)) == ["weekly last succeeded 2026-12-07 06:00 UTC"]


def test_two_machines_with_other_settings_both_do_what_theirs_say(bench: Bench) -> None:
    """The same job, seven in Berlin for one and seven in UTC for the other; neither keeps the other from it."""
    other = service_at(bench.set_up({"HUBSCOPE_SCHEDULE__TIMEZONE": "UTC"}), lambda: bench.moment)
    other.run_due()
    carried = []
    bench.at(MONDAY - timedelta(minutes=3))
    for _ in range(80):
        carried += [(one.due_at, one.ending) for service in (bench.service, other) for one in service.run_due()]
        bench.later(minutes=1)
    assert carried == [
        (MONDAY.astimezone(UTC), Ending.DONE),
        (MONDAY.astimezone(UTC) + timedelta(hours=1), Ending.DONE),
    ]
    other.engine.dispose()


def test_what_the_scheduler_scanned_is_not_told_by_hand(bench: Bench) -> None:
    """`notify` in a shell without the tokens, right after the scan, must not take the digest away."""
    bench.at(MONDAY)
    bench.service.composer.tell = lambda *_: (_ for _ in ()).throw(RuntimeError("killed"))  # type: ignore[method-assign]
    bench.service.run_due()
    outbox = Outbox(bench.service.engine, lambda: bench.moment)
    assert outbox.untold() is None
    bench.fresh()
    bench.later(minutes=2)
    bench.wake()
    assert len([text for text in bench.texts() if "in scope" in text]) == 1


def test_a_failure_that_outlasts_slack_s_own_is_told_when_slack_is_back(bench: Bench) -> None:
    bench.slack.revoke_token()
    bench.hub.inject(Fault(kind="status", status=503, times=None))
    bench.at(MONDAY)
    for _ in range(11):
        bench.wake()
        bench.later(hours=6)
    assert bench.texts() == []
    bench.slack.restore_token()
    for _ in range(3):
        bench.wake()
        bench.later(hours=6)
    overdue, failed = sorted(bench.texts())
    assert overdue.startswith("weekly is overdue")
    assert failed.startswith("weekly, due Mon 2026-11-23 07:00 CET, failed")


def test_a_catalogue_that_cannot_be_used_is_told_past_the_outbox_once_a_day(bench: Bench) -> None:
    bench.at(MONDAY)
    error = OperationalError("INSERT", {"secret": "parameters"}, sqlite3.OperationalError("disk I/O error"))
    for _ in range(5):
        bench.service.broken(error)
        bench.later(minutes=1)
    (text,) = bench.texts()
    assert text == "hubscope cannot use its catalogue, so that no job can run: disk I/O error"
    bench.later(days=1)
    bench.service.broken(error)
    assert len(bench.texts()) == 2
    bench.slack.revoke_token()
    bench.later(days=1)
    bench.service.broken(error)  # nobody hears it, and the daemon goes on


def test_waiting_for_a_person_s_scan_does_not_make_the_next_failure_wait_longer(bench: Bench) -> None:
    bench.at(MONDAY)
    with only_writer(bench.service.engine):
        for _ in range(30):
            bench.wake()
            bench.later(minutes=1)
    bench.hub.inject(Fault(kind="status", status=503, times=None))
    bench.wake()
    latest = bench.service.jobs.latest("weekly")
    assert latest is not None
    assert latest.next_try_at == bench.moment + timedelta(minutes=1)


# What a listing does not show --------------------------------------------------------------------------------------


def test_a_subscriber_hears_of_a_deleted_model_though_the_job_lists_only_the_most_used(bench: Bench) -> None:
    mine = {"name": "mine", "models": ["tinkersmith/mnist-cnn"], "slack": "C0GENERAL"}
    bench.fresh(subscriptions=[mine])
    bench.at(MONDAY)
    bench.wake()
    assert bench.texts("C0GENERAL") == []
    bench.hub.advance_week()
    bench.at(MONDAY + timedelta(weeks=1))
    bench.wake()
    (message,) = bench.slack.messages("C0GENERAL")
    assert "`tinkersmith/mnist-cnn`" in str(message["blocks"])
    assert "Deleted, disabled or made private" in str(message["blocks"])
    bench.at(MONDAY + timedelta(weeks=2))
    bench.wake()
    assert len(bench.texts("C0GENERAL")) == 1


def test_a_model_that_vanishes_from_the_list_of_the_most_used_is_named(bench: Bench) -> None:
    bench.at(MONDAY)
    bench.wake()
    bench.hub.get("dracosoft/draco-1b").private = True
    bench.at(MONDAY + timedelta(weeks=1))
    bench.wake()
    head = bench.slack.messages(CHANNEL)[-1]
    assert "No longer listed: 1" in str(head["blocks"])
    assert "nothing changed" not in str(head["blocks"])
    replies = bench.slack.messages(CHANNEL, thread=head["ts"])
    assert any("No longer listed: `dracosoft/draco-1b`" in str(reply.get("blocks")) for reply in replies)


@pytest.mark.parametrize("what", ["empty", "unreadable"])
def test_a_listing_that_cannot_be_believed_is_incomplete_and_the_head_says_so(bench: Bench, what: str) -> None:
    bench.at(MONDAY)
    bench.wake()
    for repository in list(bench.hub.repositories):
        if what == "empty":
            bench.hub.remove(repository.id)
        else:
            repository.row_changes = {"gated": "paid"}  # as if the Hub had changed what it says
    bench.at(MONDAY + timedelta(weeks=1))
    (carried,) = bench.wake()
    assert carried.run is not None
    assert carried.run.state == RunState.INCOMPLETE
    said = {"empty": "the listing was empty, where it had 71 models before", "unreadable": "rows could not be read"}
    assert said[what] in carried.detail
    head = bench.slack.messages(CHANNEL)[-1]
    assert said[what] in str(head["blocks"][0])
    assert head["text"].startswith("⚠ Incomplete.")
