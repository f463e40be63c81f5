"""A simulated month of the service: kills at every seam, a Slack that fails, and each week's digest arrives once."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.settings import Settings
from scanner.catalogue.database import open_database
from scanner.catalogue.jobs import Jobs, OccurrenceState
from scanner.catalogue.outbox import Outbox
from scanner.samplehub import SampleHub
from tests.scanner.schedule.worker import POINTS, Kill, service_at, settings_for, work
from tests.slackserver import SlackServer

BERLIN = ZoneInfo("Europe/Berlin")
CHANNEL = "C0DIGESTS"
SUNDAY = datetime(2026, 10, 18, 12, tzinfo=UTC)  # the clocks go back on the 25th
MONDAYS = [datetime(2026, 10, 19, 7, tzinfo=BERLIN) + timedelta(weeks=week) for week in range(5)]
ARMED = multiprocessing.get_context("forkserver")
ARMED.set_forkserver_preload(["tests.scanner.schedule.worker"])


@dataclass
class World:
    """A Hub, a Slack, a catalogue, and a clock that all of them share."""

    hub: SampleHub
    slack: SlackServer
    settings: Settings
    moment: datetime
    killed: list[Kill] = field(default_factory=list)

    def wake(self, kill: Kill | None = None) -> None:
        """One process that does what is due now, and may be killed over it."""
        process = ARMED.Process(target=work, args=(self.settings, self.moment, kill))
        process.start()
        process.join(120)
        assert process.exitcode in {0, -signal.SIGKILL}, f"{kill}: exit code {process.exitcode}"
        if process.exitcode == -signal.SIGKILL:
            assert kill is not None
            self.killed.append(kill)

    def at(self, moment: datetime) -> None:
        self.moment = moment.astimezone(UTC)

    def later(self, **time: float) -> None:
        self.moment += timedelta(**time)

    def heads(self, channel: str = CHANNEL) -> list[dict[str, Any]]:
        return [m for m in self.slack.messages(channel) if "in scope" in m["text"]]

    def check_once(self) -> None:
        """No delivery is in the channel twice, and what belongs into a thread is in the thread of its head."""
        deliveries = self.slack.deliveries(CHANNEL)
        assert len(deliveries) == len(set(deliveries)), "something was posted twice"
        assert not any("repeat" in str(message) for message in self.slack.messages(CHANNEL))
        for head in self.heads():
            replies = self.slack.messages(CHANNEL, thread=head["ts"])
            names = [file["name"] for reply in replies for file in reply.get("files", [])]
            assert len(names) == 1, f"{head['text']}: {names}"
            assert any(reply.get("metadata") for reply in replies)

    def unsent(self) -> int:
        engine = open_database(self.settings.database_url)
        count = len(Outbox(engine).unsent())
        engine.dispose()
        return count


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.chdir(tmp_path)
    made: list[World] = []
    with SampleHub() as hub, SlackServer(clock=lambda: made[0].moment.timestamp()) as slack:
        environ = {
            "SLACK_BOT_TOKEN": slack.token,
            "HUBSCOPE_SLACK__BASE_URL": slack.base_url,
            "HUBSCOPE_SLACK__CHANNEL": CHANNEL,
            "HUBSCOPE_SCHEDULE__TIMEZONE": "Europe/Berlin",
            "HUBSCOPE_REPORT__FOLDER": str(tmp_path / "reports"),
        }
        settings = settings_for(f"sqlite:///{tmp_path / 'hubscope.db'}", hub.endpoint, environ)
        made.append(World(hub, slack, settings, SUNDAY))
        made[0].wake()  # the scheduler meets its job; nothing is due before Monday
        assert not slack.messages(CHANNEL)
        yield made[0]


def first_week(world: World) -> None:
    """Killed before and after every step, restarted each time."""
    for point in POINTS:
        if point != "post by webhook":
            world.wake(Kill(point, "before"))
            world.wake(Kill(point, "after"))
    assert len(world.killed) == 2 * (len(POINTS) - 1), world.killed


def second_week(world: World) -> None:
    """Slack takes a message and answers an error, cuts the line, answers nonsense, refuses for a while."""
    world.slack.faults.fail_after(1, method="chat.postMessage")
    world.slack.faults.cut_after(1, method="chat.postMessage")
    world.slack.faults.fail_before(2, status=503)
    world.slack.faults.garbage(1, method="chat.postMessage")
    world.slack.faults.rate_limit(2, retry_after="0")
    world.slack.faults.fail_after(1, method="files.completeUploadExternal")
    for minutes in (1, 1, 2, 4, 10, 30, 60, 120):
        world.wake()
        world.later(minutes=minutes)


def third_week(world: World) -> None:
    """The machine is off until Wednesday: what was missed is caught up once."""
    world.at(MONDAYS[2] + timedelta(days=2, hours=3))


def fourth_week(world: World) -> None:
    """The token is revoked on Monday and renewed on Thursday: the digest waits."""
    world.slack.revoke_token()
    for _ in range(6):
        world.wake()
        world.later(hours=5)
    assert len(world.heads()) == 3
    assert world.unsent() > 1
    world.slack.restore_token()
    world.later(hours=40)


def fifth_week(world: World) -> None:
    """Killed right between sending and recording, over and over, by the head, the details and the file."""
    for _ in range(3):
        world.wake(Kill("post", "after"))
        world.wake(Kill("record as sent", "before"))
    world.wake(Kill("post", "after", 2))


WEEKS: list[Callable[[World], None]] = [first_week, second_week, third_week, fourth_week, fifth_week]


def test_over_a_month_of_kills_and_failures_each_week_s_digest_arrives_exactly_once(world: World) -> None:
    for week, (monday, happens) in enumerate(zip(MONDAYS, WEEKS, strict=True), start=1):
        world.at(monday)
        happens(world)
        world.wake()
        world.later(hours=2)
        world.wake()
        assert len(world.heads()) == week, [head["text"] for head in world.slack.messages(CHANNEL)]
        world.check_once()
        assert world.unsent() == 0
        world.hub.advance_week()
        for day in range(1, 4):  # wake-ups of days on which nothing is due
            world.at(max(monday + timedelta(days=3 + day), world.moment))
            world.wake()
        assert len(world.heads()) == week
    reports = sorted(path.name for path in Path(world.settings.report.folder).iterdir())
    assert len(reports) == 2 * len(WEEKS), reports  # a report and a table a week, and nothing half-written
    engine = open_database(world.settings.database_url)
    jobs = Jobs(engine)
    latest = jobs.latest("weekly")
    assert latest is not None
    assert (latest.state, latest.due_at) == (OccurrenceState.DONE, MONDAYS[-1].astimezone(UTC))
    engine.dispose()


@pytest.mark.parametrize("when", ["before", "after"])
def test_without_a_look_at_the_history_a_repeat_says_that_it_may_be_one(world: World, when: Any) -> None:
    world.slack.remove_scopes("channels:history")
    world.at(MONDAYS[0])
    world.wake(Kill("post", when))
    world.later(minutes=5)
    world.wake()
    heads = world.heads()
    assert len(heads) == (2 if when == "after" else 1)
    assert "repeat" in str(heads[-1]["blocks"])
    assert world.unsent() == 0


def test_by_webhook_each_week_arrives_and_a_repeat_says_so(world: World) -> None:
    environ = {"SLACK_WEBHOOK_URL": world.slack.webhook_url, "HUBSCOPE_SCHEDULE__TIMEZONE": "Europe/Berlin"}
    world.settings = settings_for(world.settings.database_url, world.hub.endpoint, environ)
    world.at(MONDAYS[0])
    world.wake(Kill("post by webhook", "after"))
    world.later(minutes=5)
    world.wake()
    heads = world.heads("C0GENERAL")
    assert len(heads) == 2
    assert "repeat" not in str(heads[0]["blocks"])
    assert "repeat" in str(heads[1]["blocks"])
    world.later(minutes=5)
    world.wake()
    assert len(world.heads("C0GENERAL")) == 2


def test_two_processes_at_once_do_a_job_once(world: World) -> None:
    world.at(MONDAYS[0])
    both = [ARMED.Process(target=work, args=(world.settings, world.moment, None)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(world.heads()) == 1
    world.check_once()


def test_a_job_that_was_missed_many_times_is_caught_up_once(world: World) -> None:
    world.at(MONDAYS[4] + timedelta(days=1))
    world.wake()
    world.later(hours=1)
    world.wake()
    assert len(world.heads()) == 1
    service = service_at(world.settings, lambda: world.moment)
    latest = service.jobs.latest("weekly")
    assert latest is not None
    assert latest.due_at == MONDAYS[4].astimezone(UTC)
    service.engine.dispose()
