"""Where things stand: what each job came to, what waits, and what has been so for too long."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from config.cron import parse
from config.settings import Settings
from scanner.catalogue.jobs import Jobs
from scanner.catalogue.leases import Leases
from scanner.catalogue.outbox import DeliveryState, Outbox, Parcel
from scanner.catalogue.store import Store
from scanner.catalogue.tables import Delivery, Digest, Occurrence
from scanner.errors import UsageError
from scanner.schedule.standing import JobStanding, Standing, Waiting, age, standing
from tests.scanner.making import begin, end

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
MONDAY = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
SATURDAY = MONDAY - 2 * DAY
WEEKLY = {"name": "weekly", "cron": "0 7 * * 1", "all": True}


def settings(*jobs: Any, **more: Any) -> Settings:
    values: dict[str, Any] = {"jobs": jobs, **more}
    return Settings(**values)


class Desk:
    """A catalogue as a scheduler leaves it, and a clock."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.moment = engine, SATURDAY
        self.settings = settings(WEEKLY)
        self.jobs, self.leases, self.outbox = Jobs(engine, self.now), Leases(engine, self.now), Outbox(engine, self.now)

    def now(self) -> datetime:
        return self.moment

    def met(self, name: str = "weekly", cron: str = "0 7 * * 1", timezone: str = "UTC") -> None:
        """The scheduler meets a job."""
        self.jobs.register(name, parse(cron).meaning, timezone)

    def carried_out(self, due_at: datetime, *, deliveries: int = 0, name: str = "weekly") -> Occurrence:
        """A job is carried out in an hour, and has something to tell."""
        self.moment = max(self.moment, due_at)
        occurrence = self.jobs.begin(name, due_at)
        store = Store(self.engine)
        run = end(store, begin(store, occurrence=occurrence.id))
        number = f"{name} {run}"
        digest = Digest(id=number, run_id=run, created_at=self.moment, report="{}")
        waiting = [delivery(f"{number} {n}", digest_id=number, created_at=self.moment) for n in range(deliveries)]
        assert self.outbox.put(Parcel(digest, waiting))
        self.moment += HOUR
        self.jobs.end(occurrence)
        return occurrence

    def look(self, at: datetime | None = None) -> Standing:
        self.moment = at or self.moment
        return standing(self.engine, self.settings, self.now)

    def job(self, at: datetime | None = None) -> JobStanding:
        (found,) = self.look(at).jobs
        return found


def delivery(number: str, **more: Any) -> Delivery:
    values: dict[str, Any] = {
        "audience": "team",
        "channel": "slack",
        "target": "#digests",
        "created_at": MONDAY,
        **more,
    }
    return Delivery(id=number, state=DeliveryState.WAITING, **values)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)


# One job -------------------------------------------------------------------------------------------------------------


def test_a_job_that_no_scheduler_met_has_missed_nothing(desk: Desk) -> None:
    found = desk.job(MONDAY + 5 * WEEK)
    assert (found.state, found.known_since, found.last_due_at, found.stuck_since) == ("never-run", None, None, None)
    assert found.next_due_at == MONDAY + 6 * WEEK


def test_a_job_that_is_not_due_yet_never_ran(desk: Desk) -> None:
    desk.met()
    found = desk.job(MONDAY - HOUR)
    assert (found.state, found.known_since, found.stuck_since) == ("never-run", SATURDAY, None)
    assert (found.last_success_at, found.last_due_at, found.next_due_at) == (None, None, MONDAY)
    assert (found.name, found.cron, found.timezone, found.attempts) == ("weekly", "0 7 * * 1", "UTC", 0)


def test_a_job_that_is_due_and_that_nobody_began_is_overdue(desk: Desk) -> None:
    desk.met()
    found = desk.job(MONDAY + HOUR)
    assert (found.state, found.stuck_since, found.last_due_at) == ("overdue", MONDAY, None)
    later = desk.job(MONDAY + 3 * WEEK)
    assert (later.state, later.stuck_since, later.next_due_at) == ("overdue", MONDAY, MONDAY + 4 * WEEK)


def test_a_job_that_somebody_is_at_is_running(desk: Desk) -> None:
    desk.met()
    desk.moment = MONDAY + HOUR
    desk.leases.take("jobs")
    desk.jobs.begin("weekly", MONDAY)
    found = desk.job()
    assert (found.state, found.last_due_at, found.stuck_since, found.attempts) == ("running", MONDAY, MONDAY, 1)


def test_a_job_that_was_broken_off_is_overdue(desk: Desk) -> None:
    desk.met()
    desk.moment = MONDAY
    desk.leases.take("jobs")
    desk.jobs.begin("weekly", MONDAY)
    found = desk.job(MONDAY + HOUR)  # the lease has ended
    assert (found.state, found.stuck_since, found.attempts) == ("overdue", MONDAY, 1)


def test_a_job_that_was_stopped_or_waits_for_somebody_has_not_failed(desk: Desk) -> None:
    desk.met()
    desk.moment = MONDAY
    desk.jobs.fail(desk.jobs.begin("weekly", MONDAY), "another scan is writing", MONDAY + HOUR, counts=False)
    found = desk.job(MONDAY + HOUR / 2)
    assert (found.state, found.detail, found.next_try_at) == ("waiting", "another scan is writing", MONDAY + HOUR)
    assert (found.stuck_since, found.attempts) == (MONDAY, 0)


def test_a_job_of_other_times_than_the_scheduler_knows_was_never_met(desk: Desk) -> None:
    desk.met(cron="0 8 * * 1")
    found = desk.job(MONDAY + HOUR)
    assert (found.state, found.known_since, found.stuck_since) == ("never-run", None, None)


def test_what_a_clock_that_was_ahead_has_written_says_nothing(desk: Desk) -> None:
    desk.met()
    before = desk.job()
    desk.carried_out(MONDAY + 52 * WEEK)
    assert desk.job(SATURDAY) == before


def test_a_job_that_failed_says_why_and_when_it_is_tried_again(desk: Desk) -> None:
    desk.met()
    desk.moment = MONDAY
    desk.jobs.fail(desk.jobs.begin("weekly", MONDAY), "the Hub did not answer", MONDAY + HOUR)
    found = desk.job(MONDAY + HOUR / 2)
    assert (found.state, found.detail, found.next_try_at) == ("failed", "the Hub did not answer", MONDAY + HOUR)
    assert (found.stuck_since, found.attempts, found.last_success_at) == (MONDAY, 1, None)


def test_a_job_that_failed_for_weeks_is_stuck_since_the_first_time(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY)
    for week in (1, 2):
        desk.moment = MONDAY + week * WEEK
        desk.jobs.fail(desk.jobs.begin("weekly", desk.moment), "no connection", desk.moment + HOUR)
    found = desk.job(MONDAY + 2 * WEEK + HOUR)
    assert (found.state, found.stuck_since) == ("failed", MONDAY + WEEK)
    assert (found.last_success_at, found.last_due_at) == (MONDAY + HOUR, MONDAY + 2 * WEEK)


def test_a_job_that_was_carried_out_is_done_until_it_is_due_again(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY)
    found = desk.job(MONDAY + WEEK - HOUR)
    assert (found.state, found.stuck_since, found.detail) == ("done", None, "")
    assert (found.last_success_at, found.last_due_at) == (MONDAY + HOUR, MONDAY)
    assert found.next_due_at == MONDAY + WEEK
    found = desk.job(MONDAY + WEEK)
    assert (found.state, found.stuck_since) == ("overdue", MONDAY + WEEK)


def test_a_job_whose_news_have_not_arrived_is_undelivered(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY)
    desk.carried_out(MONDAY + WEEK, deliveries=1)
    found = desk.job()
    assert (found.state, found.stuck_since) == ("undelivered", MONDAY + WEEK + HOUR)
    assert (found.last_success_at, found.last_due_at) == (MONDAY + HOUR, MONDAY + WEEK)
    desk.outbox.sent(desk.outbox.unsent()[0], {})
    found = desk.job()
    assert (found.state, found.stuck_since, found.last_success_at) == ("done", None, MONDAY + WEEK + HOUR)


def test_being_due_counts_for_more_than_being_undelivered(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY, deliveries=1)
    assert desk.job(MONDAY + WEEK).state == "overdue"


def test_a_job_that_was_done_with_a_flaw_says_so(desk: Desk) -> None:
    desk.met()
    desk.moment = MONDAY
    desk.jobs.end(desk.jobs.begin("weekly", MONDAY), "3 requests were not answered")
    found = desk.job()
    assert (found.state, found.detail) == ("done", "3 requests were not answered")


def test_a_job_that_a_person_ran_in_between_is_due_as_ever(desk: Desk) -> None:
    desk.met()
    desk.carried_out(SATURDAY + HOUR)
    found = desk.job()
    assert (found.state, found.last_due_at, found.next_due_at) == ("done", SATURDAY + HOUR, MONDAY)


def test_hours_are_those_of_the_jobs_zone_and_moments_are_in_utc(desk: Desk) -> None:
    tokyo, berlin = {**WEEKLY, "timezone": "Asia/Tokyo"}, {**WEEKLY, "name": "other"}
    desk.settings = settings(tokyo, berlin, schedule={"timezone": "Europe/Berlin"})
    desk.met(timezone="Asia/Tokyo")
    first, second = desk.look(MONDAY - DAY).jobs
    assert (first.known_since, second.known_since) == (SATURDAY, None)
    assert (first.timezone, second.timezone) == ("Asia/Tokyo", "Europe/Berlin")
    assert (first.next_due_at, second.next_due_at) == (MONDAY - 9 * HOUR, MONDAY - HOUR)
    overdue = desk.look(MONDAY).jobs[0].stuck_since
    assert overdue == MONDAY - 9 * HOUR
    assert overdue.utcoffset() == timedelta()


def test_a_scan_that_a_person_made_and_told_of_is_as_good_as_the_jobs_own(desk: Desk) -> None:
    """Somebody's own cron may run `hubscope scan` and `hubscope notify`."""
    desk.met()
    store = Store(desk.engine)
    run = begin(store)
    store.write_run(run, state="complete", finished_at=MONDAY + HOUR)
    assert desk.job(MONDAY + 2 * HOUR).state == "overdue"
    assert desk.outbox.put(Parcel(Digest(id="d", run_id=run, created_at=MONDAY + HOUR, report="{}")))
    found = desk.job()
    assert (found.state, found.stuck_since, found.last_success_at) == ("never-run", None, MONDAY + HOUR)
    assert desk.look(MONDAY + 6 * DAY).stale(8 * DAY) == []
    found = desk.job(MONDAY + WEEK)
    assert (found.state, found.stuck_since) == ("overdue", MONDAY + WEEK)


# What waits, and who is at work --------------------------------------------------------------------------------------


def test_what_waits_is_told_place_by_place(desk: Desk) -> None:
    deliveries = [
        delivery("a"),
        delivery("b", created_at=MONDAY + HOUR),
        delivery("c", target="#other", created_at=MONDAY + HOUR),
        delivery("d", audience="alarm", created_at=MONDAY + HOUR),
        delivery("e", channel="file", target="/reports/r.html"),
        delivery("f", channel="file", target="/reports/r.csv"),
        delivery("g", channel="file", target="/theirs/r.md", audience="my-org"),
        delivery("h", channel="webhook", target="webhook"),
        delivery("sent"),
    ]
    desk.outbox.put(Parcel(deliveries=deliveries))
    by_id = {one.id: one for one in desk.outbox.unsent()}
    desk.outbox.sent(by_id["sent"], {})
    desk.outbox.postpone(by_id["a"], "token_revoked", MONDAY + 3 * HOUR, stops_place=True, begun=True)
    assert desk.outbox.begin(by_id["b"])
    desk.outbox.postpone(by_id["b"], "another word", MONDAY + 2 * HOUR, stops_place=False, begun=True)
    desk.outbox.postpone(by_id["f"], "the disk is full", MONDAY + 2 * HOUR, stops_place=False, begun=True)
    assert sorted(desk.look().waiting, key=lambda one: (one.audience, one.channel, one.target)) == [
        Waiting("alarm", "slack", "#digests", 1, MONDAY + HOUR, None, ""),
        Waiting("my-org", "file", "/theirs", 1, MONDAY, None, ""),
        Waiting("team", "file", "/reports", 2, MONDAY, MONDAY + 2 * HOUR, "the disk is full"),
        Waiting("team", "slack", "#digests", 2, MONDAY, MONDAY + 2 * HOUR, "token_revoked"),
        Waiting("team", "slack", "#other", 1, MONDAY + HOUR, None, ""),
        Waiting("team", "webhook", "webhook", 1, MONDAY, None, ""),
    ]


def test_who_is_at_work_is_told(desk: Desk) -> None:
    assert desk.look().at_work == ()
    desk.leases.take("deliveries")
    desk.leases.take("jobs")
    desk.leases.take("something else")
    assert [held.name for held in desk.look().at_work] == ["jobs", "deliveries"]
    assert desk.look(SATURDAY + HOUR).at_work == ()


def test_an_empty_catalogue_has_nothing_to_tell(desk: Desk) -> None:
    found = desk.look()
    assert (found.at, found.last_scan_at, found.waiting, found.at_work) == (SATURDAY, None, (), ())
    assert [job.state for job in found.jobs] == ["never-run"]


# For too long --------------------------------------------------------------------------------------------------------


def test_a_job_is_too_old_by_its_last_success(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY)
    success = MONDAY + HOUR
    assert desk.look(success + 8 * DAY).stale(8 * DAY) == [], "eight days are not more than eight days"
    assert desk.look(success + 8 * DAY + timedelta(seconds=1)).stale(8 * DAY) == [
        "weekly last succeeded 2026-11-23 08:00 UTC"
    ]


def test_a_job_that_never_succeeded_is_too_old_by_when_it_was_met(desk: Desk) -> None:
    desk.met()
    assert desk.look(SATURDAY + 8 * DAY).stale(8 * DAY) == []
    assert desk.look(SATURDAY + 9 * DAY).stale(8 * DAY) == ["weekly never succeeded since 2026-11-21 07:00 UTC"]


def test_a_job_that_fails_or_runs_for_too_long_is_too_old(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY)
    desk.moment = MONDAY + WEEK
    occurrence = desk.jobs.begin("weekly", MONDAY + WEEK)
    expected = ["weekly last succeeded 2026-11-23 08:00 UTC"]
    assert desk.look(MONDAY + 9 * DAY).stale(8 * DAY) == expected
    desk.jobs.fail(occurrence, "no", desk.moment)
    assert desk.look().stale(8 * DAY) == expected


def test_what_was_never_delivered_is_too_old_by_its_job_and_by_itself(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY, deliveries=2)
    assert desk.look(MONDAY + 2 * DAY).stale(3 * DAY) == ["weekly never succeeded since 2026-11-21 07:00 UTC"]
    assert desk.look(MONDAY + 4 * DAY).stale(3 * DAY) == [
        "2 deliveries to #digests waiting since 2026-11-23 07:00 UTC",
        "weekly never succeeded since 2026-11-21 07:00 UTC",
    ]
    assert desk.look().stale(3 * DAY, "weekly") == ["weekly never succeeded since 2026-11-21 07:00 UTC"]


def test_a_delivery_of_an_older_week_is_too_old_although_the_job_is_not(desk: Desk) -> None:
    desk.met()
    desk.carried_out(MONDAY, deliveries=1)
    desk.carried_out(MONDAY + WEEK)
    assert desk.look().stale(3 * DAY) == ["1 delivery to #digests waiting since 2026-11-23 07:00 UTC"]
    assert desk.look().stale(3 * DAY, "weekly") == []


def test_each_job_is_judged_and_one_can_be_asked_for(desk: Desk) -> None:
    desk.settings = settings(WEEKLY, {"name": "daily", "cron": "@daily", "top": 5})
    desk.met()
    desk.met("daily", "0 0 * * *")
    desk.carried_out(MONDAY - DAY, name="daily")
    desk.moment = MONDAY
    desk.carried_out(MONDAY)
    found = desk.look(MONDAY + DAY)
    assert found.stale(36 * HOUR) == ["daily last succeeded 2026-11-22 08:00 UTC"]
    assert found.stale(36 * HOUR, "weekly") == []
    assert found.stale(36 * HOUR, "daily") == ["daily last succeeded 2026-11-22 08:00 UTC"]
    assert found.stale(HOUR) == ["weekly last succeeded 2026-11-23 08:00 UTC", *found.stale(36 * HOUR)]


def test_a_job_that_the_scheduler_did_not_meet_yet_is_told_beside_those_it_met(desk: Desk) -> None:
    desk.settings = settings(WEEKLY, {"name": "daily", "cron": "@daily", "top": 5})
    desk.met()
    assert desk.look().stale(8 * DAY) == ["daily was never met by a scheduler"]


def test_a_catalogue_without_a_scheduler_is_judged_by_its_last_scan(desk: Desk) -> None:
    assert desk.look().stale(8 * DAY) == ["no scan was ever finished"]
    assert desk.look().stale(8 * DAY, "weekly") == ["weekly was never met by a scheduler"]
    store = Store(desk.engine)
    end(store, begin(store))  # at seven o'clock on that Monday
    assert desk.look(MONDAY + 8 * DAY).stale(8 * DAY) == []
    assert desk.look(MONDAY + 9 * DAY).stale(8 * DAY) == ["the last scan was finished 2026-11-23 07:00 UTC"]
    desk.outbox.put(Parcel(deliveries=[delivery("a")]))
    assert desk.look().stale(8 * DAY) == [
        "1 delivery to #digests waiting since 2026-11-23 07:00 UTC",
        "the last scan was finished 2026-11-23 07:00 UTC",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8d", 8 * DAY),
        ("36h", 36 * HOUR),
        ("90m", timedelta(minutes=90)),
        ("2w", 2 * WEEK),
        (" 1d ", DAY),
        ("999999m", timedelta(minutes=999_999)),
    ],
)
def test_ages(text: str, expected: timedelta) -> None:
    assert age(text) == expected


@pytest.mark.parametrize("text", ["999999w", "999999d"])
def test_an_age_before_all_dates_is_a_very_long_one(desk: Desk, text: str) -> None:
    desk.met()
    assert desk.look(SATURDAY + 1_000 * WEEK).stale(age(text)) == []


NO_AGES = [
    "",
    "8",
    "d",
    "8 d",
    "0d",
    "08d",
    "-1d",
    "+1d",
    "1.5h",
    "8D",
    "8days",
    "1d12h",
    "٣d",
    "8d\n1h",
    "1" * 7 + "m",
]


@pytest.mark.parametrize("text", NO_AGES)
def test_what_is_no_age(text: str) -> None:
    with pytest.raises(UsageError, match="a number and m, h, d or w is wanted, such as 8d or 36h"):
        age(text)
