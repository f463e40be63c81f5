"""Composing: who is to be told what of a run, and that it is told once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from config.regulation import Regulation
from config.settings import Settings
from notifiers.render.as_json import parse
from notifiers.report import ChangeKind, Report
from notifiers.slack import SlackBot
from scanner.assessment import Assessment
from scanner.catalogue.outbox import Outbox, Outdated, Parcel
from scanner.catalogue.queries import Reader
from scanner.catalogue.tables import Delivery, Run
from scanner.outbox.channels import Channel, FileChannel, SlackChannel
from scanner.outbox.compose import COMPOSED_ANEW, Composer, table_lines
from scanner.outbox.deliver import Deliverer
from scanner.samplehub import SampleHub, weeks
from scanner.selection import Selection
from tests.scanner.conftest import Bench
from tests.scanner.making import CN, MOMENT, model, regulation, scanned
from tests.slackserver import SlackServer

TOKEN, HOOK = "xoxb-sample", "https://hooks.slack.example/services/T/B/secret"
SMALL, LARGE = 500_000, 2_000_000
WEEK = timedelta(days=7)

ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
"""Of tests of what is composed, not of what is stored: one database does."""


class Team:
    """A team with its settings, and a catalogue."""

    def __init__(self, engine: Engine, folder: Path, **settings: Any) -> None:
        self.engine, self.folder = engine, folder
        self.moment = MOMENT
        self.outbox = Outbox(engine, self.now)
        self.set(**settings)

    def now(self) -> datetime:
        return self.moment

    def set(self, **settings: Any) -> None:
        """Change the settings; with nothing said, there is a folder for reports."""
        found = Settings(**{**settings, "report": {"folder": self.folder, **settings.get("report", {})}})
        self.composer = Composer(self.engine, found, [CN], "0.test", self.now)

    def run(self, *models: Assessment, **more: Any) -> Run:
        return Reader(self.engine).run(scanned(self.engine, *models, **more))

    def told(self, run: Run, job: str = "") -> list[Delivery]:
        """What a run puts into the outbox."""
        before = {one.id for one in self.outbox.unsent()}
        assert self.composer.tell(run, job)
        self.moment += WEEK
        return [one for one in self.outbox.unsent() if one.id not in before]

    def week(self, *models: Assessment, **more: Any) -> list[Delivery]:
        """What a run that is told puts into the outbox."""
        return self.told(self.run(*models, **more))

    def report(self, run: Run) -> Report:
        digest = self.outbox.digest_of(run.id or 0)
        assert digest is not None
        return parse(digest.report)


@pytest.fixture
def team(engine: Engine, tmp_path: Path) -> Team:
    return Team(engine, tmp_path / "reports")


def places(deliveries: list[Delivery]) -> list[tuple[str, str, str]]:
    """Audience, channel and target, a file by its ending."""

    def short(delivery: Delivery) -> str:
        return Path(delivery.target).suffix if delivery.channel == "file" else delivery.target

    return [(one.audience, one.channel, short(one)) for one in deliveries]


def by_audience(deliveries: list[Delivery], name: str) -> list[Delivery]:
    return [one for one in deliveries if one.audience == name]


# Who gets what -------------------------------------------------------------------------------------------------------

REPORT, TABLE = [("team", "file", ".html")], [("team", "file", ".csv")]
FILES = [*REPORT, *TABLE]
THREAD = [("team", "slack", "#digests")] * 3
CHANNEL = {"channel": "#digests"}


@ON_SQLITE
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, FILES, id="nothing set"),
        pytest.param({"slack_bot_token": TOKEN}, FILES, id="a token and no channel"),
        pytest.param(
            {"slack_bot_token": TOKEN, "slack": CHANNEL}, [*REPORT, *THREAD, *TABLE], id="a token and a channel"
        ),
        pytest.param(
            {"slack_bot_token": TOKEN, "slack_webhook_url": HOOK, "slack": CHANNEL},
            [*REPORT, *THREAD, *TABLE],
            id="everything",
        ),
        pytest.param({"slack": CHANNEL}, [*REPORT, *THREAD, *TABLE], id="a channel, and a token that is still missing"),
        pytest.param({"slack_webhook_url": HOOK}, [*REPORT, ("team", "webhook", "webhook"), *TABLE], id="a webhook"),
        pytest.param(
            {"slack_webhook_url": HOOK, "slack": CHANNEL},
            [*REPORT, ("team", "webhook", "webhook"), *TABLE],
            id="a webhook and a channel",
        ),
        pytest.param(
            {"slack_webhook_url": HOOK, "slack_bot_token": TOKEN},
            [*REPORT, ("team", "webhook", "webhook"), *TABLE],
            id="a webhook and a token without a channel",
        ),
        pytest.param({"report": {"formats": [], "csv": False}}, [], id="no files"),
        pytest.param(
            {"report": {"formats": ["markdown", "json", "text"]}},
            [("team", "file", ".md"), ("team", "file", ".json"), ("team", "file", ".txt"), ("team", "file", ".csv")],
            id="other files",
        ),
        pytest.param(
            {"slack_bot_token": TOKEN, "slack": {**CHANNEL, "csv_models": 0}},
            [*REPORT, *THREAD[:2], *TABLE],
            id="no table",
        ),
    ],
)
def test_the_team_is_told_where_the_settings_say(team: Team, settings: dict[str, Any], expected: list[Any]) -> None:
    team.set(**settings)
    deliveries = team.week(model("a", LARGE))
    assert places(deliveries) == expected
    assert {one.state for one in deliveries} <= {"waiting"}
    assert len({one.digest_id for one in deliveries}) <= 1


def test_a_run_without_models_has_no_table_for_slack(team: Team) -> None:
    team.set(slack_bot_token=TOKEN, slack=CHANNEL)
    deliveries = by_audience(team.week(), "team")
    assert not any("table" in one.payload for one in deliveries if one.channel == "slack")


def test_details_and_the_table_go_into_the_thread_of_the_head(team: Team) -> None:
    team.set(slack_bot_token=TOKEN, slack=CHANNEL)
    _, head, detail, table, _ = team.week(model("a", LARGE))
    assert head.parent is None
    assert detail.parent == table.parent == head.id
    assert head.position < detail.position < table.position
    assert str(table.payload["filename"]).startswith("hubscope-models-run-1-")
    assert table.payload["else"].endswith(".html")
    assert "CSV in the thread: all 1 models" in str(head.payload["blocks"])


def test_files_are_named_for_job_day_and_run_and_lie_where_the_settings_say(team: Team) -> None:
    html, table = team.told(team.run(model("a", LARGE)), "weekly")
    stem = team.folder / "hubscope-weekly-2026-11-23-run-1"
    assert (html.target, table.target) == (f"{stem}.html", f"{stem}-models.csv")
    html, _ = team.week(model("a", LARGE))
    assert html.target == str(team.folder / "hubscope-report-2026-11-23-run-2.html")


@ON_SQLITE
@pytest.mark.parametrize(
    ("report", "where"),
    [
        ({}, "hubscope-report-2026-11-23-run-1.html"),
        ({"formats": []}, "hubscope report --run 1"),
        (
            {"url": "https://reports.example.org/x/"},
            "https://reports.example.org/x/hubscope-report-2026-11-23-run-1.html",
        ),
    ],
)
def test_the_head_says_where_the_full_report_lies(team: Team, report: dict[str, Any], where: str) -> None:
    team.set(slack_bot_token=TOKEN, slack=CHANNEL, report=report)
    head = next(one for one in team.week(model("a", LARGE)) if one.channel == "slack")
    assert where in str(head.payload["blocks"])


def test_a_table_waits_as_a_few_words_and_is_made_when_it_is_sent(team: Team) -> None:
    team.set(slack_bot_token=TOKEN, slack={**CHANNEL, "csv_models": 2})
    models = [model(key, LARGE, downloads=n) for n, key in enumerate("abc")]
    deliveries = team.week(*models, model("d", SMALL, downloads=9))
    attached, file = (one.payload["table"] for one in deliveries if "table" in one.payload)
    assert file == {"run": 1, "regulations": ["cn-2026"], "limit": None, "note": "all 4 models"}
    assert attached["note"] == "the 2 most downloaded models in scope, of 4 models in all"
    assert [line.split(",")[0] for line in table_lines(team.engine, attached)] == ["model", "owner/c", "owner/b"]
    lines = [line.split(",")[0] for line in table_lines(team.engine, file)]
    assert lines[0] == "model"
    assert sorted(lines[1:]) == ["owner/a", "owner/b", "owner/c", "owner/d"]
    team.week(model("a", SMALL))
    assert len(list(table_lines(team.engine, file))) == 5, "as of its run, whatever was scanned since"


@ON_SQLITE
def test_a_long_table_keeps_nobody_waiting_however_long_it_takes_to_compose(team: Team) -> None:
    people = [{"name": "my-org", "owners": "owner", "slack": "#o", "folder": team.folder}]
    team.set(slack_bot_token=TOKEN, slack=CHANNEL, subscriptions=people)
    team.week(model("a", SMALL))

    def now() -> datetime:
        team.moment += timedelta(seconds=1)
        return team.moment

    team.composer.now = now
    assert places(team.week(model("a", LARGE))) == [
        ("my-org", "file", ".md"),
        *REPORT,
        ("my-org", "slack", "#o"),
        *THREAD,
        *TABLE,
    ]


@ON_SQLITE
def test_a_rule_that_nothing_was_judged_by_in_the_run_is_left_out(team: Team) -> None:
    """It was added to the settings after the scan; zeros would look like an answer."""
    added = regulation(id="added-2027")
    team.set(slack_bot_token=TOKEN, slack={**CHANNEL, "csv_models": 1})
    team.composer.regulations = [added, CN]
    run = team.run(model("a", LARGE), model("b", LARGE))
    deliveries = team.told(run)
    assert [one.id for one in team.report(run).regulations] == ["cn-2026"]
    assert not any("added-2027" in str(one.payload) for one in deliveries)
    attached, file = (
        list(table_lines(team.engine, one.payload["table"])) for one in deliveries if "table" in one.payload
    )
    assert len(attached) == 2, "the heading, and the most downloaded model by a rule that judged"
    assert len(file) == 3
    run = team.run(model("a", LARGE, rules=[added, CN]), model("b", LARGE))
    team.told(run)
    assert [one.id for one in team.report(run).regulations] == ["added-2027", "cn-2026"]


@ON_SQLITE
def test_a_run_that_no_rule_of_the_settings_judged_is_told_all_the_same(team: Team) -> None:
    team.set(slack_bot_token=TOKEN, slack={**CHANNEL, "csv_models": 1})
    team.composer.regulations = [regulation(id="added-2027")]
    run = team.run(model("a", LARGE), model("b", LARGE))
    deliveries = team.told(run)
    assert team.report(run).regulations == ()
    assert [one.channel for one in deliveries if "table" in one.payload] == ["slack", "file"]
    for one in deliveries:
        if "table" in one.payload:
            assert len(list(table_lines(team.engine, one.payload["table"]))) == 3


# Once ----------------------------------------------------------------------------------------------------------------


def test_a_run_that_is_composed_twice_is_told_once(team: Team) -> None:
    team.set(slack_bot_token=TOKEN, slack=CHANNEL, subscriptions=[{"name": "my-org", "owners": "owner", "slack": "#o"}])
    team.week(model("a", SMALL))
    run = team.run(model("a", LARGE))
    parcel = team.composer.parcel(run, "weekly")
    assert team.composer.tell(run, "weekly")
    before = [one.id for one in team.outbox.unsent()]
    team.moment += WEEK
    assert not team.composer.tell(run, "weekly")
    assert not team.composer.tell(run)
    assert not team.outbox.put(parcel), "composed before the first one was written"
    assert [one.id for one in team.outbox.unsent()] == before
    assert {one.id for one in parcel.deliveries} <= set(before), "ids come from the run"


def test_composing_writes_nothing_by_itself(team: Team) -> None:
    team.set(slack_bot_token=TOKEN, slack=CHANNEL, subscriptions=[{"name": "my-org", "owners": "owner", "slack": "#o"}])
    run = team.run(model("a", LARGE))

    def writes(_: Any, __: Any, statement: str, *___: Any) -> None:
        assert not statement.startswith(("INSERT", "UPDATE", "DELETE"))

    event.listen(team.engine, "before_cursor_execute", writes)
    assert team.composer.parcel(run).deliveries
    event.remove(team.engine, "before_cursor_execute", writes)


def test_ids_differ_from_run_to_run_and_from_place_to_place(team: Team) -> None:
    team.set(slack_bot_token=TOKEN, slack=CHANNEL)
    first, second = team.week(model("a", LARGE)), team.week(model("a", LARGE))
    ids = [one.id for one in (*first, *second)]
    assert len(set(ids)) == len(ids) == 10


# Since when ----------------------------------------------------------------------------------------------------------


def changes(report: Report) -> dict[ChangeKind, int]:
    found = report.regulations[0].changes
    return {} if found is None else {group.kind: group.count for group in found.groups}


def test_a_digest_tells_what_changed_since_the_last_one_that_was_told(team: Team) -> None:
    first = team.run(model("a", SMALL))
    team.told(first)
    assert team.report(first).previous_run is None
    never = team.run(model("a", LARGE))
    third = team.run(model("a", LARGE))
    team.told(third)
    report = team.report(third)
    assert report.previous_run is not None
    assert report.previous_run.id == str(first.id) != str(never.id)
    assert changes(report)[ChangeKind.ENTERED_SCOPE] == 1
    fourth = team.run(model("a", LARGE))
    team.told(fourth)
    assert changes(team.report(fourth)) == {}


def test_a_digest_is_compared_with_one_of_the_same_selection(team: Team) -> None:
    first = team.run(model("a", SMALL))
    team.told(first)
    team.told(team.run(model("a", LARGE), selection="--author owner"))
    third = team.run(model("a", LARGE))
    team.told(third)
    report = team.report(third)
    assert report.previous_run is not None
    assert report.previous_run.id == str(first.id)
    assert changes(report)[ChangeKind.ENTERED_SCOPE] == 1


# Subscribers ---------------------------------------------------------------------------------------------------------


def subscribed(**where: Any) -> dict[str, Any]:
    return {"subscriptions": [{"name": "my-org", "owners": ["owner"], **where}]}


@pytest.fixture
def subscribing(team: Team) -> Team:
    """A team with a subscriber who was told up to a first run, of a small model."""
    team.set(**subscribed(slack="#my-org"))
    team.week(model("a", SMALL))
    return team


@ON_SQLITE
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"slack": "#my-org"}, [("my-org", "slack", "#my-org")]),
        ({"slack": "U0ALICE"}, [("my-org", "slack", "U0ALICE")]),
        ({"folder": "theirs"}, [("my-org", "file", ".md")]),
        ({"slack": "#my-org", "folder": "theirs"}, [("my-org", "file", ".md"), ("my-org", "slack", "#my-org")]),
    ],
)
@pytest.mark.parametrize("more", [{}, {"slack_bot_token": TOKEN}, {"slack_webhook_url": HOOK}])
def test_a_subscriber_is_told_where_they_want(
    team: Team, where: dict[str, Any], expected: list[Any], more: dict[str, Any], tmp_path: Path
) -> None:
    """In Slack by the bot only; where there is no token, that waits for one."""
    where = {**where, **({"folder": tmp_path / where["folder"]} if "folder" in where else {})}
    team.set(**subscribed(**where), **more)
    assert by_audience(team.week(model("a", SMALL)), "my-org") == []
    notices = by_audience(team.week(model("a", LARGE)), "my-org")
    assert places(notices) == expected
    assert all(one.parent is None and one.digest_id is not None for one in notices)
    for one in notices:
        assert "owner/a" in str(one.payload)
        if one.channel == "file":
            assert one.target == str(tmp_path / "theirs" / "hubscope-changes-my-org-2026-11-23-run-2.md")


def test_a_subscriber_with_the_name_and_folder_of_a_job_gets_a_file_of_their_own(team: Team) -> None:
    team.set(report={"formats": ["markdown"]}, subscriptions=[{"name": "weekly", "owners": "o", "folder": team.folder}])
    team.told(team.run(model("a", SMALL, name="o/a")), "weekly")
    deliveries = team.told(team.run(model("a", LARGE, name="o/a")), "weekly")
    targets = [one.target for one in deliveries]
    assert len(set(targets)) == len(targets) == 3


def test_a_new_subscription_starts_silently(team: Team) -> None:
    team.week(model("a", SMALL))
    assert team.outbox.marks() == {}
    team.set(**subscribed(slack="#my-org"))
    assert by_audience(team.week(model("a", LARGE)), "my-org") == [], "of what was before it came, nothing is told"
    assert team.outbox.marks() == {"my-org": 2}
    (notice,) = by_audience(team.week(model("a", LARGE, gated="auto")), "my-org")
    assert notice.subject.startswith("1 change to models that `my-org` follows")


def test_nothing_is_told_where_nothing_changed(subscribing: Team) -> None:
    for _ in range(3):
        assert by_audience(subscribing.week(model("a", SMALL), model("b", LARGE, name="x/b")), "my-org") == []
    assert subscribing.outbox.marks() == {"my-org": 4}


def test_a_change_is_told_with_one_run_only(subscribing: Team) -> None:
    counts = [len(by_audience(subscribing.week(model("a", size)), "my-org")) for size in (LARGE, LARGE, SMALL, SMALL)]
    assert counts == [1, 0, 1, 0]


def test_a_change_that_was_seen_by_a_run_of_another_selection_is_told_with_that_run(subscribing: Team) -> None:
    deliveries = subscribing.week(model("a", LARGE), selection="--author owner")
    assert len(by_audience(deliveries, "my-org")) == 1
    assert by_audience(subscribing.week(model("a", LARGE)), "my-org") == []


def test_a_change_that_was_seen_by_a_run_that_nobody_told_is_told_with_the_next(subscribing: Team) -> None:
    subscribing.run(model("a", LARGE))
    subscribing.run(model("a", LARGE, gated="auto"))
    deliveries = subscribing.week(model("x", LARGE, name="other/x"), selection="--author other")
    (notice,) = by_audience(deliveries, "my-org")
    assert notice.subject.startswith("3 changes to models that `my-org` follows")


def test_subscribers_are_told_each_of_their_own(team: Team) -> None:
    people = [
        {"name": "one", "owners": ["one"], "slack": "#one"},
        {"name": "both", "owners": ["one", "two"], "slack": "#both"},
        {"name": "model", "models": ["two/b"], "slack": "#model"},
        {"name": "nobody", "owners": ["nobody"], "slack": "#nobody"},
    ]
    team.set(subscriptions=people)

    def models(size: int) -> list[Assessment]:
        return [model(key, size, name=name) for key, name in (("a", "one/a"), ("b", "two/b"), ("c", "two/c"))]

    team.week(*models(SMALL))
    told = {one.target: str(one.payload) for one in team.week(*models(LARGE)) if one.channel == "slack"}
    found = {place: {name for name in ("one/a", "two/b", "two/c") if name in said} for place, said in told.items()}
    assert found == {"#one": {"one/a"}, "#both": {"one/a", "two/b", "two/c"}, "#model": {"two/b"}}


def test_who_is_told_is_written_with_what_they_are_told(subscribing: Team) -> None:
    """A process that ends in between tells it next time, and once."""
    run = subscribing.run(model("a", LARGE))

    class Ended(Exception):
        pass

    def ends(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("UPDATE mark"):
            raise Ended

    event.listen(subscribing.engine, "after_cursor_execute", ends)
    with pytest.raises(Ended):
        subscribing.composer.tell(run)
    event.remove(subscribing.engine, "after_cursor_execute", ends)
    assert subscribing.outbox.marks() == {"my-org": 1}
    assert len(by_audience(subscribing.told(run), "my-org")) == 1
    assert subscribing.outbox.marks() == {"my-org": 2}


class Interrupted(Composer):
    """Composes, and before it writes another process tells of another run."""

    others: list[Run]

    def parcel(self, run: Run, job: str = "") -> Parcel:
        made = super().parcel(run, job)
        if self.others:
            assert Composer(self.engine, self.settings, self.regulations, "0.test", self.now).tell(self.others.pop(0))
        return made


def interrupted(team: Team, *others: Run) -> Composer:
    composer = Interrupted(team.engine, team.composer.settings, [CN], "0.test", team.now)
    composer.others = list(others)
    return composer


def told_of(deliveries: list[Delivery]) -> list[str]:
    """Which of the models a and b `my-org` hears of, in all messages together."""
    said = [str(one.payload) for one in by_audience(deliveries, "my-org")]
    return sorted(name for name in ("owner/a", "owner/b") for text in said if name in text)


@pytest.mark.parametrize("slow", [0, 1], ids=["the earlier run is slower", "the later run is slower"])
def test_of_two_runs_that_are_told_at_the_same_moment_a_subscriber_hears_once(team: Team, slow: int) -> None:
    team.set(**subscribed(slack="#my-org"))
    team.week(model("a", SMALL), model("b", SMALL))
    second, third = team.run(model("a", LARGE), model("b", SMALL)), team.run(model("a", LARGE), model("b", LARGE))
    slower, faster = (second, third) if slow == 0 else (third, second)
    assert interrupted(team, faster).tell(slower)
    assert told_of(team.outbox.unsent()) == ["owner/a", "owner/b"]
    assert team.outbox.marks() == {"my-org": 3}
    assert None not in (team.outbox.digest_of(2), team.outbox.digest_of(3))


@ON_SQLITE
@pytest.mark.parametrize(("slow", "heard"), [(0, []), (1, ["owner/b"])], ids=["earlier", "later"])
def test_of_two_runs_that_are_told_at_the_same_moment_a_new_subscriber_starts_with_the_first(
    team: Team, slow: int, heard: list[str]
) -> None:
    team.week(model("a", SMALL), model("b", SMALL))
    team.set(**subscribed(slack="#my-org"))
    second, third = team.run(model("a", LARGE), model("b", SMALL)), team.run(model("a", LARGE), model("b", LARGE))
    slower, faster = (second, third) if slow == 0 else (third, second)
    assert interrupted(team, faster).tell(slower)
    assert told_of(team.outbox.unsent()) == heard
    assert team.outbox.marks() == {"my-org": 3}


@ON_SQLITE
def test_a_run_that_is_told_after_a_later_one_moves_nobody_back(subscribing: Team) -> None:
    second, third = subscribing.run(model("a", LARGE)), subscribing.run(model("a", LARGE, gated="auto"))
    assert told_of(subscribing.told(third)) == ["owner/a"]
    assert told_of(subscribing.told(second)) == []
    assert subscribing.outbox.marks() == {"my-org": 3}
    assert told_of(subscribing.week(model("a", LARGE, gated="auto"))) == []


@ON_SQLITE
def test_a_run_that_comes_too_late_again_and_again_is_told_another_time(subscribing: Team) -> None:
    others = [subscribing.run(model("a", SMALL)) for _ in range(COMPOSED_ANEW + 1)]
    last = subscribing.run(model("a", LARGE))
    with pytest.raises(Outdated, match="nothing of this one was told yet"):
        interrupted(subscribing, *others).tell(last)
    assert subscribing.outbox.digest_of(last.id or 0) is None
    assert subscribing.outbox.marks() == {"my-org": others[-1].id}
    assert told_of(subscribing.told(last)) == ["owner/a"]


# Alarms --------------------------------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({}, None),
        ({"slack_bot_token": TOKEN}, None),
        ({"slack": CHANNEL}, ("alarm", "slack", "#digests")),
        ({"slack_bot_token": TOKEN, "slack": CHANNEL}, ("alarm", "slack", "#digests")),
        ({"slack_bot_token": TOKEN, "slack": {**CHANNEL, "alarm_channel": "#ops"}}, ("alarm", "slack", "#ops")),
        ({"slack_webhook_url": HOOK}, ("alarm", "webhook", "webhook")),
        ({"slack_webhook_url": HOOK, "slack": {"alarm_channel": "#ops"}}, ("alarm", "webhook", "webhook")),
        (
            {"slack_webhook_url": HOOK, "slack_bot_token": TOKEN, "slack": {"alarm_channel": "#ops"}},
            ("alarm", "slack", "#ops"),
        ),
    ],
)
def test_an_alarm_goes_to_the_team_once(
    team: Team, settings: dict[str, Any], place: tuple[str, str, str] | None
) -> None:
    team.set(**settings)
    assert team.composer.alarm("weekly overdue", "weekly is overdue.") is (place is not None)
    assert not team.composer.alarm("weekly overdue", "weekly is still overdue.")
    assert places(team.outbox.unsent()) == ([place] if place else [])
    assert [one.payload["text"] for one in team.outbox.unsent()] == (["weekly is overdue."] if place else [])


def test_an_alarm_about_something_else_is_another_one(team: Team) -> None:
    team.set(slack_webhook_url=HOOK)
    assert team.composer.alarm("weekly 1", "a & b")
    team.moment += timedelta(hours=1)
    assert team.composer.alarm("weekly 2", "b")
    assert [one.payload["text"] for one in team.outbox.unsent()] == ["a &amp; b", "b"]


@ON_SQLITE
def test_an_alarm_that_was_out_of_date_is_told_again_where_its_cause_lasts(team: Team) -> None:
    team.set(slack_webhook_url=HOOK)
    assert team.composer.alarm("weekly 1", "weekly is overdue.")
    team.moment += timedelta(days=3)
    assert [one.subject for one in Deliverer(team.outbox, {}, team.now).run().dropped] == ["weekly is overdue."]
    assert team.outbox.unsent() == []
    assert team.composer.alarm("weekly 1", "weekly is overdue.")
    assert [(one.subject, one.created_at) for one in team.outbox.unsent()] == [("weekly is overdue.", team.moment)]
    assert not team.composer.alarm("weekly 1", "weekly is overdue."), "it waits"


@ON_SQLITE
def test_an_alarm_that_was_given_up_by_hand_is_not_told_again(team: Team) -> None:
    team.set(slack_webhook_url=HOOK)
    assert team.composer.alarm("weekly 1", "weekly is overdue.")
    assert team.outbox.drop(team.outbox.unsent()[0], "given up by hand")
    assert not team.composer.alarm("weekly 1", "weekly is overdue.")
    assert team.outbox.unsent() == []


# The whole way -------------------------------------------------------------------------------------------------------

OWNERS = ["xinghe-lab", "lumenforge", "palisade", "evenkeel", "tinkersmith", "meadowlark-art", "hoshizora"]


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


def test_a_week_on_the_sample_hub_reaches_everyone_once(
    hub: SampleHub, engine: Engine, regulation: Regulation, slack: SlackServer, tmp_path: Path
) -> None:
    people = [
        *({"name": owner, "owners": [owner], "folder": tmp_path / owner} for owner in OWNERS),
        {"name": "alice", "owners": OWNERS, "slack": "U0ALICE"},
        {"name": "newcomer", "owners": ["brightmoor"], "folder": tmp_path / "brightmoor"},
        {"name": "quiet", "models": [weeks.README_ONLY, weeks.RENAMED[0]], "slack": "U0BOB"},
    ]
    team = Team(engine, tmp_path / "reports")
    team.set(slack_bot_token=slack.token, slack=CHANNEL, subscriptions=people)
    bench = Bench(hub, engine, regulation)

    def lines(table: Any) -> Any:
        return table_lines(engine, table)

    bot = SlackBot(slack.token, slack.base_url, timeout=5, sleep=lambda _: None)
    folders = {"team": tmp_path / "reports", **{owner: tmp_path / owner for owner in OWNERS}}
    folders["newcomer"] = tmp_path / "brightmoor"
    files = FileChannel(team.outbox.report, lines, folders)
    channels: dict[str, Channel] = {"file": files, "slack": SlackChannel(bot, lines)}
    deliverer = Deliverer(team.outbox, channels, team.now, lambda _: False)

    def monday() -> None:
        run = bench.scan(Selection(everything=True, page_size=50), moment=team.moment)
        assert team.composer.tell(bench.reader.run(run.run_id), "weekly")
        assert deliverer.run().undelivered == []
        assert team.outbox.unsent() == []
        hub.advance_week()
        team.moment += WEEK

    monday()
    assert slack.messages("C0DIGESTS")
    assert "D0ALICE" not in slack.workspace.channels
    monday()
    (notice,) = slack.messages("D0ALICE")
    monday()
    assert slack.messages("D0ALICE") == [notice], "the third week only moved the downloads"
    assert "D0BOB" not in slack.workspace.channels, "a card in other words, or another name, is no change"
    assert len(slack.messages("C0DIGESTS")) == 3

    said = {path.parent.name: path.read_text() for path in tmp_path.glob("*/hubscope-changes-*.md")}
    newcomer = said.pop("brightmoor")
    assert "brightmoor/kestrel-2b-mini" in newcomer
    assert weeks.README_ONLY not in newcomer
    assert set(said) == {"xinghe-lab", "lumenforge", "palisade", "evenkeel", "tinkersmith", "meadowlark-art"}
    blocks = str(notice["blocks"])
    for owner, name in (
        ("xinghe-lab", weeks.GATED),
        ("lumenforge", weeks.EXCLUDING),
        ("palisade", weeks.NO_LONGER_EXCLUDING),
        ("evenkeel", weeks.GROWN),
        ("tinkersmith", weeks.DELETED),
        ("meadowlark-art", weeks.DISABLED),
    ):
        assert name in said[owner]
        assert name in blocks
    reports = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert reports == [
        f"hubscope-weekly-{day}-run-{run}{ending}"
        for run, day in ((1, "2026-11-23"), (2, "2026-11-30"), (3, "2026-12-07"))
        for ending in ("-models.csv", ".html")
    ]


def test_marks_without_anything_to_tell_are_written(team: Team) -> None:
    assert team.outbox.put(Parcel(marks={"a": (None, team.run(model("a")).id or 0)}))
    assert team.outbox.marks() == {"a": 1}
