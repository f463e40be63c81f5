"""Emptying the outbox: each delivery arrives once, whatever breaks between sending it and noting that it was sent."""

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from notifiers.errors import NotLookedUp, Postponed, Rejected, SendError, Uncertain
from notifiers.render.as_slack import REPEAT
from notifiers.slack import SlackBot
from notifiers.webhook import SlackWebhook
from scanner.catalogue.outbox import DeliveryState, Outbox, Parcel
from scanner.catalogue.store import Store
from scanner.catalogue.tables import Delivery, Digest
from scanner.outbox.channels import Channel, FileChannel, Receipt, SlackChannel, WebhookChannel
from scanner.outbox.deliver import ALARMS_LAST, FIRST_WAIT, LONGEST_WAIT, NO_THREAD, PAUSES_SECONDS, STOPPED, Deliverer
from tests.scanner.making import MOMENT, begin, end
from tests.slackserver import SlackServer

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Clock:
    """A clock that stands still until it is put forward."""

    def __init__(self) -> None:
        self.moment = MOMENT

    def __call__(self) -> datetime:
        return self.moment


class Crash(BaseException):
    """The end of the process, as far as a test can have one and go on."""


@dataclass
class Step:
    """What one call of `send` comes to."""

    error: BaseException | None = None
    arrives: bool = True


@dataclass
class Place:
    """A channel that does what it is told, call by call, and afterwards what a channel should."""

    sends: list[Step] = field(default_factory=list)
    finds: list[SendError] = field(default_factory=list)
    looks: bool = True
    arrived: list[tuple[str, bool]] = field(default_factory=list)  # delivery, and whether it says it may be a repeat
    parents: dict[str, str | None] = field(default_factory=dict)
    looked: int = 0

    def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
        step = self.sends.pop(0) if self.sends else Step()
        if step.arrives:
            self.arrived.append((delivery.id, again))
            self.parents[delivery.id] = None if parent is None else f"{parent.id}: {parent.receipt}"
        if step.error is not None:
            raise step.error
        return {"place": len(self.arrived)}

    def find(self, delivery: Delivery, parent: Delivery | None) -> Receipt | None:
        self.looked += 1
        if self.finds:
            raise self.finds.pop(0)
        if not self.looks:
            raise NotLookedUp("no-history", "nobody can look")
        ids = [number for number, _ in self.arrived]
        return {"place": ids.index(delivery.id) + 1} if delivery.id in ids else None

    def show(self, delivery: Delivery) -> Mapping[str, Any]:
        return delivery.payload


POSTPONED = Postponed("no-connection", "no connection")
REJECTED = Rejected("token_revoked", "the token was revoked")
UNCERTAIN = Uncertain("http-500", "it answered HTTP 500")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(sqlite_engine: Engine, clock: Clock) -> Outbox:
    return Outbox(sqlite_engine, clock)


@pytest.fixture
def place() -> Place:
    return Place()


def deliverer(
    outbox: Outbox, channels: Mapping[str, Channel] | Channel, pauses: list[float] | None = None
) -> Deliverer:
    """A process that sends, as it is when it was just started."""
    found = channels if isinstance(channels, Mapping) else {"slack": channels}
    noted: list[float] = [] if pauses is None else pauses

    def pause(seconds: float) -> bool:
        noted.append(seconds)
        return False

    return Deliverer(outbox, found, outbox.now, pause)


def put(outbox: Outbox, *numbers: str, **more: Any) -> None:
    """Deliveries into the outbox; `head>detail` is one for the thread of another."""
    deliveries = []
    for position, name in enumerate(numbers):
        parent, _, number = name.rpartition(">")
        values: dict[str, Any] = {
            "audience": "team",
            "channel": "slack",
            "target": "C0DIGESTS",
            "subject": number,
            "payload": {"text": number, "blocks": []},
            "position": position,
            "parent": parent or None,
            "created_at": outbox.now(),
            **more,
        }
        deliveries.append(Delivery(id=number, state=DeliveryState.WAITING, **values))
    assert outbox.put(Parcel(deliveries=deliveries))


def stored(outbox: Outbox, number: str) -> Delivery:
    found = outbox.delivery(number)
    assert found is not None
    return found


def states(outbox: Outbox, *numbers: str) -> list[tuple[str, int]]:
    """State and number of tries."""
    return [(one.state, one.attempts) for one in (stored(outbox, number) for number in numbers)]


# One delivery --------------------------------------------------------------------------------------------------------


def test_what_is_due_is_sent_and_noted(outbox: Outbox, place: Place) -> None:
    put(outbox, "a")
    outcome = deliverer(outbox, place).run()
    assert [one.id for one in outcome.sent] == ["a"]
    assert (outcome.undelivered, outcome.dropped, place.looked) == ([], [], 0)
    found = stored(outbox, "a")
    assert (found.state, found.attempts, found.tried_at, found.sent_at) == ("sent", 1, MOMENT, MOMENT)
    assert (found.receipt, found.detail, found.not_before) == ({"place": 1}, "", None)
    assert deliverer(outbox, place).run(everything=True).sent == []
    assert place.arrived == [("a", False)]


ARRIVED = Step(UNCERTAIN)
LOST = Step(UNCERTAIN, arrives=False)
REFUSED = Step(POSTPONED, arrives=False)


@pytest.mark.parametrize(
    ("steps", "looks", "arrived", "tries"),
    [
        pytest.param([REFUSED], True, [False], 2, id="not accepted, then accepted"),
        pytest.param([REFUSED, REFUSED], True, [False], 3, id="not accepted twice"),
        pytest.param([ARRIVED], True, [False], 1, id="no answer, but it is there"),
        pytest.param([LOST], True, [False], 2, id="no answer, and it is not there"),
        pytest.param([LOST, ARRIVED], True, [False], 2, id="no answer twice, and it is there in the end"),
        pytest.param([LOST, REFUSED], True, [False], 3, id="no answer, not there, then not accepted"),
        pytest.param([ARRIVED], False, [False, True], 2, id="no answer, and nobody can look"),
        pytest.param([LOST], False, [True], 2, id="no answer, it is not there, but nobody can look"),
        pytest.param([LOST, REFUSED], False, [True], 3, id="nobody can look, then not accepted"),
        pytest.param([REFUSED, ARRIVED], False, [False, True], 3, id="not accepted, then no answer"),
    ],
)
def test_what_passes_by_itself_is_tried_again_in_the_same_pass(
    outbox: Outbox, place: Place, steps: list[Step], looks: bool, arrived: list[bool], tries: int
) -> None:
    put(outbox, "a")
    place.sends, place.looks, pauses = list(steps), looks, list[float]()
    outcome = deliverer(outbox, place, pauses).run()
    assert [one.id for one in outcome.sent] == ["a"]
    assert place.arrived == [("a", again) for again in arrived]
    assert states(outbox, "a") == [("sent", tries)]
    assert pauses == list(PAUSES_SECONDS[: len(steps)])
    assert stored(outbox, "a").detail == ""


@pytest.mark.parametrize(
    ("error", "arrives", "looks", "state", "arrived"),
    [
        pytest.param(POSTPONED, False, True, "waiting", [False], id="not accepted"),
        pytest.param(UNCERTAIN, False, True, "sending", [False], id="no answer, and it is not there"),
    ],
)
def test_what_does_not_pass_waits_for_the_next_pass(
    outbox: Outbox, place: Place, clock: Clock, error: SendError, arrives: bool, looks: bool, state: str, arrived: Any
) -> None:
    put(outbox, "a")
    tries = len(PAUSES_SECONDS) + 1
    place.looks, place.sends = looks, [Step(error, arrives)] * tries
    outcome = deliverer(outbox, place).run()
    assert [(one.delivery.id, one.why) for one in outcome.undelivered] == [("a", str(error))]
    found = stored(outbox, "a")
    assert (found.state, found.attempts, found.detail) == (state, tries, str(error))
    assert found.not_before == MOMENT + 2 ** (tries - 1) * FIRST_WAIT
    assert deliverer(outbox, place).run().undelivered == [], "it is not due"
    clock.moment = found.not_before
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["a"]
    assert place.arrived == [("a", again) for again in arrived]
    assert states(outbox, "a") == [("sent", tries + 1)]


def test_where_nobody_can_look_repeats_become_rare(outbox: Outbox, place: Place, clock: Clock) -> None:
    """A webhook that takes every message and answers an error: two tries at first, then after 4, 16, 64 minutes ..."""
    put(outbox, "a")
    place.looks, place.sends = False, [Step(UNCERTAIN, True)] * 20
    waits = []
    for _ in range(8):
        deliverer(outbox, place).run()
        found = stored(outbox, "a")
        assert found.not_before is not None
        waits.append((found.not_before - clock.moment) / FIRST_WAIT)
        clock.moment = found.not_before
    assert waits == [4, 16, 64, 256, 1024, 1440, 1440, 1440]
    assert [again for _, again in place.arrived] == [False, *[True] * 8]


def test_what_a_person_has_to_mend_is_not_tried_again_in_the_same_pass(
    outbox: Outbox, place: Place, clock: Clock
) -> None:
    put(outbox, "a")
    place.sends, pauses = [Step(REJECTED, arrives=False)], list[float]()
    outcome = deliverer(outbox, place, pauses).run()
    assert [one.why for one in outcome.undelivered] == [str(REJECTED)]
    assert pauses == []
    found = stored(outbox, "a")
    assert (found.state, found.attempts, found.detail) == ("waiting", 1, str(REJECTED))
    clock.moment += FIRST_WAIT
    deliverer(outbox, place).run()
    assert place.arrived == [("a", False)]
    assert place.looked == 0, "it was refused, so it cannot be there"


@pytest.mark.parametrize("asked", [60.0, 3600.0, 7 * 86400.0])
def test_a_service_that_asks_to_wait_is_waited_for_up_to_a_day(
    outbox: Outbox, place: Place, clock: Clock, asked: float
) -> None:
    put(outbox, "a")
    place.sends, pauses = [Step(Postponed("ratelimited", "too many", asked), arrives=False)], list[float]()
    deliverer(outbox, place, pauses).run()
    assert pauses == [], "a pass does not wait for so long"
    assert stored(outbox, "a").not_before == MOMENT + min(timedelta(seconds=asked), DAY)
    clock.moment += min(timedelta(seconds=asked), DAY) - timedelta(seconds=1)
    assert deliverer(outbox, place).run().sent == []
    clock.moment += timedelta(seconds=1)
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["a"]


def test_a_wait_that_a_pass_can_spend_is_spent_in_it(outbox: Outbox, place: Place) -> None:
    put(outbox, "a")
    place.sends = [Step(Postponed("ratelimited", "too many", PAUSES_SECONDS[0]), arrives=False)]
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["a"]


def test_waits_grow_up_to_an_hour(outbox: Outbox, place: Place, clock: Clock) -> None:
    put(outbox, "a")
    waits = []
    for _ in range(9):
        place.sends = [Step(REJECTED, arrives=False)]
        deliverer(outbox, place).run()
        found = stored(outbox, "a")
        assert found.not_before is not None
        waits.append(found.not_before - clock.moment)
        clock.moment = found.not_before
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-3:] == [LONGEST_WAIT] * 3


def test_everything_is_tried_where_a_person_asks(outbox: Outbox, place: Place) -> None:
    put(outbox, "a")
    place.sends = [Step(REJECTED, arrives=False)]
    deliverer(outbox, place).run()
    assert deliverer(outbox, place).run().sent == []
    assert [one.id for one in deliverer(outbox, place).run(everything=True).sent] == ["a"]


@pytest.mark.parametrize("error", [POSTPONED, REJECTED])
def test_what_may_have_arrived_stays_so_while_nobody_can_ask(
    outbox: Outbox, place: Place, clock: Clock, error: SendError
) -> None:
    put(outbox, "a")
    place.sends, place.finds = [Step(UNCERTAIN)], [error] * 3
    outcome = deliverer(outbox, place).run()
    assert [one.why for one in outcome.undelivered] == [str(error)]
    found = stored(outbox, "a")
    assert (found.state, found.attempts, found.detail) == ("sending", 1, str(error)), "looking is no try"
    clock.moment += HOUR
    place.finds = []
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["a"]
    assert place.arrived == [("a", False)]


# The process ends ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrives", "looks", "arrived"),
    [
        pytest.param(False, True, [False], id="before it was sent"),
        pytest.param(True, True, [False], id="after it was sent"),
        pytest.param(False, False, [True], id="before it was sent, and nobody can look"),
        pytest.param(True, False, [False, True], id="after it was sent, and nobody can look"),
    ],
)
def test_a_process_that_ends_while_sending_is_followed_by_one_that_settles_it(
    outbox: Outbox, place: Place, arrives: bool, looks: bool, arrived: list[bool]
) -> None:
    put(outbox, "a", "a>b")
    place.sends, place.looks = [Step(Crash(), arrives)], looks
    with pytest.raises(Crash):
        deliverer(outbox, place).run()
    assert states(outbox, "a", "b") == [("sending", 1), ("waiting", 0)]
    outcome = deliverer(outbox, place).run()
    assert [one.id for one in outcome.sent] == ["a", "b"]
    assert place.arrived == [*(("a", again) for again in arrived), ("b", False)]
    assert [state for state, _ in states(outbox, "a", "b")] == ["sent", "sent"]


def test_a_process_that_ends_before_it_noted_what_it_sent_is_followed_by_one_that_finds_it(
    outbox: Outbox, place: Place
) -> None:
    put(outbox, "a")

    def no_more(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("UPDATE delivery") and place.arrived:
            raise Crash

    event.listen(outbox.engine, "before_cursor_execute", no_more)
    with pytest.raises(Crash):
        deliverer(outbox, place).run()
    event.remove(outbox.engine, "before_cursor_execute", no_more)
    assert states(outbox, "a") == [("sending", 1)]
    deliverer(outbox, place).run()
    assert place.arrived == [("a", False)]
    assert (stored(outbox, "a").state, stored(outbox, "a").receipt) == ("sent", {"place": 1})


def test_a_process_that_ends_over_and_over_sends_nothing_twice(outbox: Outbox, place: Place, clock: Clock) -> None:
    put(outbox, "a")
    for arrives in (False, False, True):
        place.sends = [Step(Crash(), arrives)]
        with pytest.raises(Crash):
            deliverer(outbox, place).run()
        clock.moment += HOUR
    deliverer(outbox, place).run()
    assert place.arrived == [("a", False)]
    assert stored(outbox, "a").tried_at == MOMENT, "it is looked for since its first try"


def test_a_process_that_is_stopped_leaves_the_rest_for_later(outbox: Outbox, place: Place) -> None:
    put(outbox, "a")
    put(outbox, "b", target="C0GENERAL")
    place.sends = [Step(POSTPONED, arrives=False)]
    stopping = Deliverer(outbox, {"slack": place}, outbox.now, lambda _: True)
    outcome = stopping.run()
    assert [(one.delivery.id, one.why) for one in outcome.undelivered] == [("a", str(POSTPONED)), ("b", STOPPED)]
    assert states(outbox, "a", "b") == [("waiting", 1), ("waiting", 0)]
    assert [one.id for one in deliverer(outbox, place).run(everything=True).sent] == ["a", "b"]


def test_what_another_process_has_begun_is_left_to_it(outbox: Outbox) -> None:
    class Meanwhile(Place):
        """While it sends the one, another process begins with the other."""

        def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
            assert outbox.begin(stored(outbox, "b"))
            return super().send(delivery, parent, again=again)

    put(outbox, "a", "b")
    place = Meanwhile()
    outcome = deliverer(outbox, place).run()
    assert [one.id for one in outcome.sent] == ["a"], "what this process did not send it does not claim"
    assert place.arrived == [("a", False)]
    assert states(outbox, "b") == [("sending", 1)]


# Several deliveries --------------------------------------------------------------------------------------------------


def test_where_nothing_is_accepted_now_nothing_more_is_tried(outbox: Outbox, place: Place) -> None:
    put(outbox, "a", "b")
    put(outbox, "c", target="C0GENERAL")
    place.sends = [Step(Postponed("ratelimited", "too many", 3600), arrives=False)]
    outcome = deliverer(outbox, place).run()
    assert [(one.delivery.id, one.why) for one in outcome.undelivered] == [("a", "too many"), ("b", "too many")]
    assert [one.id for one in outcome.sent] == ["c"]
    assert states(outbox, "a", "b", "c") == [("waiting", 1), ("waiting", 0), ("sent", 1)]


def test_one_message_that_is_always_refused_does_not_block_the_others(
    outbox: Outbox, place: Place, clock: Clock
) -> None:
    put(outbox, "poison", "b")
    for _ in range(3):
        place.sends = [Step(Rejected("invalid_blocks", "never"), arrives=False)]
        deliverer(outbox, place).run()
        clock.moment += HOUR
    assert place.arrived == [("b", False)]
    assert states(outbox, "poison", "b") == [("waiting", 3), ("sent", 1)]
    assert stored(outbox, "poison").detail == "never"


def test_a_mistake_of_ours_in_one_delivery_keeps_back_none_of_the_others(
    outbox: Outbox, place: Place, clock: Clock
) -> None:
    put(outbox, "mistake", "mistake>reply", "b")
    for tries in (1, 2):
        place.sends = [Step(KeyError("ts"), arrives=False)]
        with pytest.raises(KeyError, match="ts"):
            deliverer(outbox, place).run()
        assert [number for number, _ in place.arrived] == ["b"]
        found = stored(outbox, "mistake")
        assert (found.state, found.attempts, found.detail) == ("sending", tries, "KeyError: 'ts'")
        assert found.not_before is not None
        assert found.not_before > clock.moment
        assert deliverer(outbox, place).run().undelivered == [], "it is not tried every minute"
        clock.moment += HOUR
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["mistake", "reply"]


def test_a_database_that_fails_ends_the_pass(outbox: Outbox, place: Place) -> None:
    put(outbox, "a", "b")
    failing = OperationalError("UPDATE", {}, Exception("disk I/O error"))

    def fails(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith("UPDATE delivery") and place.arrived:
            raise failing

    event.listen(outbox.engine, "before_cursor_execute", fails)
    with pytest.raises(OperationalError):
        deliverer(outbox, place).run()
    event.remove(outbox.engine, "before_cursor_execute", fails)
    assert place.arrived == [("a", False)], "what cannot be noted is not sent"
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["a", "b"]
    assert place.arrived == [("a", False), ("b", False)]


def test_what_waited_longer_still_arrives_first(outbox: Outbox, place: Place, clock: Clock) -> None:
    put(outbox, "first")
    for _ in range(8):
        place.sends = [Step(REJECTED, arrives=False)]
        deliverer(outbox, place).run(everything=True)
    put(outbox, "second", created_at=MOMENT + timedelta(seconds=1))
    place.sends = [Step(REJECTED, arrives=False)] * 2
    deliverer(outbox, place).run()
    first, second = stored(outbox, "first"), stored(outbox, "second")
    assert first.not_before is not None
    assert second.not_before is not None
    assert second.not_before < first.not_before
    clock.moment = second.not_before
    deliverer(outbox, place).run()
    assert place.arrived == [("first", False), ("second", False)]


def test_what_is_due_in_one_place_says_nothing_of_another(outbox: Outbox, place: Place) -> None:
    put(outbox, "waits")
    place.sends = [Step(REJECTED, arrives=False)]
    deliverer(outbox, place).run()
    put(outbox, "due", target="C0GENERAL")
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["due"]
    assert states(outbox, "waits") == [("waiting", 1)]


def test_replies_wait_for_their_head_and_get_its_receipt(outbox: Outbox, place: Place, clock: Clock) -> None:
    put(outbox, "head", "head>one", "head>two")
    place.sends = [Step(REJECTED, arrives=False)]
    outcome = deliverer(outbox, place).run()
    assert [(one.delivery.id, one.why) for one in outcome.undelivered] == [
        ("head", str(REJECTED)),
        ("one", NO_THREAD),
        ("two", NO_THREAD),
    ]
    assert states(outbox, "one", "two") == [("waiting", 0)] * 2
    assert deliverer(outbox, place).run().undelivered == [], "replies, which were never tried, do not hurry their head"
    clock.moment += FIRST_WAIT
    deliverer(outbox, place).run()
    assert [number for number, _ in place.arrived] == ["head", "one", "two"]
    assert place.parents == {"head": None, "one": "head: {'place': 1}", "two": "head: {'place': 1}"}


def test_a_reply_follows_its_head_in_a_later_pass(outbox: Outbox, place: Place, clock: Clock) -> None:
    put(outbox, "head", "head>one", "head>two")
    place.sends = [Step(), Step(REJECTED, arrives=False)]
    deliverer(outbox, place).run()
    assert [number for number, _ in place.arrived] == ["head", "two"]
    clock.moment += FIRST_WAIT
    deliverer(outbox, place).run()
    assert place.arrived[2:] == [("one", False)]
    assert place.parents["one"] == "head: {'place': 1}"


def test_a_reply_to_what_never_was_waits(outbox: Outbox, place: Place) -> None:
    put(outbox, "nobody>one")
    outcome = deliverer(outbox, place).run()
    assert [one.why for one in outcome.undelivered] == [NO_THREAD]
    assert place.arrived == []


def test_alarms_that_are_older_than_two_days_are_dropped(outbox: Outbox, place: Place, clock: Clock) -> None:
    put(outbox, "alarm", audience="alarm")
    put(outbox, "digest", target="C0GENERAL")
    place.sends = [Step(REJECTED, arrives=False)] * 2
    deliverer(outbox, place).run()
    clock.moment += ALARMS_LAST
    put(outbox, "younger", audience="alarm")
    place.sends = [Step(REJECTED, arrives=False)] * 3
    assert deliverer(outbox, place).run().dropped == [], "two days are not more than two days"
    clock.moment += timedelta(hours=2)
    outcome = deliverer(outbox, place).run()
    assert [one.id for one in outcome.dropped] == ["alarm"]
    assert [one.id for one in outcome.sent] == ["digest", "younger"]
    dropped = stored(outbox, "alarm")
    assert (dropped.state, dropped.detail) == ("dropped", "out of date before it could be sent")
    assert outbox.unsent() == []


# Files ---------------------------------------------------------------------------------------------------------------


def files(outbox: Outbox, lines: tuple[str, ...] = ("model\n", "a/b\n")) -> FileChannel:
    return FileChannel(outbox.report, lambda table: (f"{table['run']}: {line}" for line in lines))


def put_file(outbox: Outbox, number: str, path: Path | str, payload: Mapping[str, Any] | None = None) -> None:
    put(outbox, number, channel="file", target=str(path), payload=dict(payload or {"text": "# Report\n"}))


def test_files_are_written_into_folders_that_are_made(outbox: Outbox, tmp_path: Path) -> None:
    text, table = tmp_path / "reports" / "a" / "notice.md", tmp_path / "reports" / "models.csv"
    put_file(outbox, "text", text)
    put_file(outbox, "table", table, {"table": {"run": 7}})
    outcome = deliverer(outbox, {"file": files(outbox)}).run()
    assert [one.id for one in outcome.sent] == ["table", "text"]
    assert text.read_text() == "# Report\n"
    assert table.read_text() == "7: model\n7: a/b\n"
    assert stored(outbox, "text").receipt == {"path": str(text)}


def test_a_file_that_was_written_before_the_process_ended_is_the_same_afterwards(
    outbox: Outbox, tmp_path: Path
) -> None:
    class Ends(FileChannel):
        def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
            super().send(delivery, parent, again=again)
            raise Crash

    path = tmp_path / "notice.md"
    put_file(outbox, "text", path)
    channel = files(outbox)
    with pytest.raises(Crash):
        deliverer(outbox, {"file": Ends(channel.report, channel.table)}).run()
    before = path.stat()
    assert states(outbox, "text") == [("sending", 1)]
    deliverer(outbox, {"file": channel}).run()
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(tmp_path.glob("*.md")) == [path]
    assert states(outbox, "text") == [("sent", 2)]


def test_files_wait_for_room_on_the_disk(
    outbox: Outbox, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "report.md"
    path.write_text("last week's")
    put_file(outbox, "text", path)
    put(outbox, "message")
    with monkeypatch.context() as patch:
        patch.setattr("notifiers.files.os.fsync", full)
        outcome = deliverer(outbox, {"file": files(outbox), "slack": Place()}).run()
    assert [one.id for one in outcome.sent] == ["message"]
    found = stored(outbox, "text")
    assert found.state == "waiting"
    assert found.detail == f"cannot write {str(path)!r}: the disk is full: free some space or choose another folder"
    assert path.read_text() == "last week's"
    clock.moment += HOUR
    deliverer(outbox, {"file": files(outbox)}).run()
    assert path.read_text() == "# Report\n"
    assert stored(outbox, "text").detail == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_is_full_is_a_full_disk(outbox: Outbox) -> None:
    put_file(outbox, "text", "/dev/full")
    put_file(outbox, "table", "/dev/full", {"table": {"run": 7}})
    outcome = deliverer(outbox, {"file": files(outbox)}).run()
    assert {one.delivery.id for one in outcome.undelivered} == {"text", "table"}
    assert all("the disk is full" in one.why for one in outcome.undelivered)
    assert [state for state, _ in states(outbox, "text", "table")] == ["waiting", "waiting"]


def test_a_folder_that_cannot_be_made_is_waited_for(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    put_file(outbox, "text", tmp_path / "reports" / "deep" / "notice.md")
    outcome = deliverer(outbox, {"file": files(outbox)}).run()
    assert [one.why for one in outcome.undelivered] == [
        f"the folder {tmp_path / 'reports' / 'deep'} cannot be made (Not a directory)"
    ]
    (tmp_path / "reports").unlink()
    assert [one.id for one in deliverer(outbox, {"file": files(outbox)}).run(everything=True).sent] == ["text"]


def test_a_report_that_cannot_be_read_any_more_blocks_nothing(outbox: Outbox, tmp_path: Path) -> None:
    store = Store(outbox.engine)
    odd = Digest(id="odd", run_id=end(store, begin(store)), created_at=MOMENT, report='{"schema": "another/9"}')
    assert outbox.put(Parcel(odd))
    put(outbox, "odd", channel="file", target=str(tmp_path / "a.html"), digest_id="odd", payload={"render": "html"})
    put(outbox, "form", channel="file", target=str(tmp_path / "b.doc"), digest_id="odd", payload={"render": "doc"})
    put_file(outbox, "text", tmp_path / "c.md")
    outcome = deliverer(outbox, {"file": files(outbox)}).run()
    assert [one.id for one in outcome.sent] == ["text"]
    why = {one.delivery.id: one.why for one in outcome.undelivered}
    assert "the report's schema is 'another/9'" in why["odd"]
    assert "no report format is called 'doc'" in why["form"]
    assert states(outbox, "odd", "form") == [("waiting", 1)] * 2


# Slack, by a bot's token ---------------------------------------------------------------------------------------------


@pytest.fixture
def slack(clock: Clock) -> Iterator[SlackServer]:
    with SlackServer(clock=lambda: clock.moment.timestamp()) as server:
        yield server


def by_bot(slack: SlackServer) -> SlackChannel:
    """A bot in a process that was just started."""
    bot = SlackBot(slack.token, slack.base_url, timeout=5, sleep=lambda _: None)
    return SlackChannel(bot, lambda table: (f"{line}\n" for line in table["lines"]))


def put_digest(outbox: Outbox, name: str) -> None:
    """A head, two details and a table, as they are composed for a run."""
    table = {"table": {"lines": ["model", "a/b"]}, "filename": f"{name}.csv", "else": "/reports/r.html"}
    put(outbox, name, f"{name}>{name}-1", f"{name}>{name}-2")
    put(outbox, f"{name}>{name}-csv", payload=table, subject="CSV: all 1 models", position=999)


def digests(slack: SlackServer) -> list[tuple[str, list[str]]]:
    """The heads in the channel, each with its thread; a file by its name."""

    def shown(message: Mapping[str, Any]) -> str:
        found = message.get("files")
        return str(found[0]["name"] if found else message["text"])

    heads = slack.messages("C0DIGESTS")
    return [(shown(head), [shown(one) for one in slack.messages("C0DIGESTS", thread=head["ts"])]) for head in heads]


def whole(name: str) -> tuple[str, list[str]]:
    return name, [f"{name}-1", f"{name}-2", f"{name}.csv"]


def settled(outbox: Outbox) -> bool:
    return outbox.unsent() == []


def passes(outbox: Outbox, channels: Any, clock: Clock, most: int = 6) -> int:
    """Passes an hour apart, each of a new process, until nothing is left."""
    for number in range(most):
        if settled(outbox):
            return number
        deliverer(outbox, channels()).run()
        clock.moment += HOUR
    assert settled(outbox)
    return most


def test_a_digest_arrives_with_its_thread_and_one_table(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    put_digest(outbox, "w1")
    assert passes(outbox, lambda: by_bot(slack), clock) == 1
    assert digests(slack) == [whole("w1")]
    assert slack.deliveries("C0DIGESTS") == ["w1", "w1-1", "w1-2"]
    assert slack.file("w1.csv") == b"model\na/b\n"
    (head,) = slack.messages("C0DIGESTS")
    assert stored(outbox, "w1").receipt == {"channel": "C0DIGESTS", "ts": head["ts"]}
    assert stored(outbox, "w1-csv").receipt == {"channel": "C0DIGESTS", "file": "w1.csv"}


FAULTS = ["fail_before", "fail_after", "cut_before", "cut_after", "garbage", "rate_limit"]
STEPS = ["chat.postMessage", "files.getUploadURLExternal", "upload", "files.completeUploadExternal"]


@pytest.mark.parametrize("method", STEPS)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("times", [1, 2])
def test_whatever_slack_does_before_or_after_accepting_all_arrives_once(
    outbox: Outbox, slack: SlackServer, clock: Clock, method: str, fault: str, times: int
) -> None:
    put_digest(outbox, "w1")
    getattr(slack.faults, fault)(times, method=method)
    passes(outbox, lambda: by_bot(slack), clock)
    assert 1 <= sum(slack.faults.hits.values()) <= times, "what was accepted is not asked for a second time"
    assert digests(slack) == [whole("w1")]
    assert [stored(outbox, number).detail for number in ("w1", "w1-1", "w1-2", "w1-csv")] == [""] * 4


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("accepted", [True, False])
def test_a_process_that_ends_while_slack_is_asked_is_followed_by_one_that_looks(
    outbox: Outbox, slack: SlackServer, clock: Clock, number: int, accepted: bool
) -> None:
    """Killed in the first, second or fourth message: the head, a detail, the table."""

    class Ends(SlackChannel):
        def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
            if delivery.id != ("w1", "w1-2", "w1-csv")[number - 1]:
                return super().send(delivery, parent, again=again)
            if accepted:
                super().send(delivery, parent, again=again)
            raise Crash

    put_digest(outbox, "w1")
    channel = by_bot(slack)
    with pytest.raises(Crash):
        deliverer(outbox, Ends(channel.bot, channel.table)).run()
    clock.moment += HOUR
    assert passes(outbox, lambda: by_bot(slack), clock) == 1
    assert digests(slack) == [whole("w1")]
    assert not any(REPEAT in message["text"] for message in slack.workspace.channels["C0DIGESTS"].messages)


def test_without_the_scope_to_look_a_message_that_may_be_a_repeat_says_so(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    slack.remove_scopes("channels:history")
    put(outbox, "a")
    slack.faults.fail_after(method="chat.postMessage")
    passes(outbox, lambda: by_bot(slack), clock)
    assert [message["text"] for message in slack.messages("C0DIGESTS")] == ["a", f"{REPEAT} a"]
    assert slack.messages("C0DIGESTS")[1]["blocks"][0]["elements"][0]["text"] == REPEAT
    assert states(outbox, "a") == [("sent", 2)]


def test_without_the_scope_to_look_a_table_that_may_be_a_repeat_says_so(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    slack.remove_scopes("channels:history")
    put_digest(outbox, "w1")
    slack.faults.fail_after(method="files.completeUploadExternal")
    passes(outbox, lambda: by_bot(slack), clock)
    ((_, thread),) = digests(slack)
    assert thread == ["w1-1", "w1-2", "w1.csv", "w1.csv"]
    comments = [one["text"] for one in slack.workspace.channels["C0DIGESTS"].messages if one.get("files")]
    assert comments == ["CSV: all 1 models", f"{REPEAT} CSV: all 1 models"]


def test_slack_that_asks_for_an_hour_gets_an_hour(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    put_digest(outbox, "w1")
    slack.faults.rate_limit(retry_after="3600", method="chat.postMessage")
    outcome = deliverer(outbox, by_bot(slack)).run()
    assert len(slack.calls("chat.postMessage")) == 1, "nothing more is posted there"
    assert len(outcome.undelivered) == 4
    head = stored(outbox, "w1")
    assert (head.state, head.not_before) == ("waiting", MOMENT + HOUR)
    assert head.detail == "Slack takes no more chat.postMessage for now and asks to wait 3600 seconds"
    clock.moment += HOUR
    assert passes(outbox, lambda: by_bot(slack), clock) == 1
    assert digests(slack) == [whole("w1")]


def test_what_waited_for_a_token_arrives_in_its_order_once_there_is_one(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    slack.revoke_token()
    for week in ("w1", "w2", "w3"):
        put_digest(outbox, week)
        for _ in range(7):
            outcome = deliverer(outbox, by_bot(slack)).run()
            assert outcome.sent == []
            clock.moment += DAY
    assert stored(outbox, "w1").state == stored(outbox, "w3").state == "waiting"
    assert stored(outbox, "w1").detail.startswith("Slack refused chat.postMessage: token_revoked; set SLACK_BOT_TOKEN")
    assert states(outbox, "w1-1", "w2-csv") == [("waiting", 0)] * 2
    put_digest(outbox, "w4")
    deliverer(outbox, by_bot(slack)).run()
    slack.restore_token()
    clock.moment += FIRST_WAIT  # the last one is due again, and the others an hour later
    deliverer(outbox, by_bot(slack)).run()
    assert digests(slack) == [whole(week) for week in ("w1", "w2", "w3", "w4")]
    assert settled(outbox)


def test_a_digest_waits_for_a_channel_that_was_deleted(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    put_digest(outbox, "w1")
    put(outbox, "elsewhere", target="C0GENERAL")
    gone = slack.delete("C0DIGESTS")
    outcome = deliverer(outbox, by_bot(slack)).run()
    assert [one.id for one in outcome.sent] == ["elsewhere"]
    head = stored(outbox, "w1")
    assert (head.state, head.attempts) == ("waiting", 1)
    assert head.detail.startswith("Slack refused chat.postMessage: channel_not_found; there is no such channel")
    slack.workspace.channels[gone.id] = gone
    clock.moment += FIRST_WAIT
    passes(outbox, lambda: by_bot(slack), clock)
    assert digests(slack) == [whole("w1")]


def test_a_digest_whose_channel_is_gone_arrives_in_the_one_that_is_set_now(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    put_digest(outbox, "w1")
    slack.delete("C0DIGESTS")
    deliverer(outbox, by_bot(slack)).run()
    outbox.retarget("team", "slack", "#general")
    deliverer(outbox, by_bot(slack)).run()
    assert settled(outbox)
    (head,) = slack.messages("C0GENERAL")
    assert [one["text"] for one in slack.messages("C0GENERAL", thread=head["ts"])][:2] == ["w1-1", "w1-2"]


def test_a_message_that_slack_always_refuses_does_not_block_the_others(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    put(outbox, "poison", payload={"text": "poison", "blocks": [{"type": "sculpture"}]})
    put_digest(outbox, "w1")
    for _ in range(3):
        deliverer(outbox, by_bot(slack)).run()
        clock.moment += HOUR
    assert digests(slack) == [whole("w1")]
    poison = stored(outbox, "poison")
    assert (poison.state, poison.attempts) == ("waiting", 3)
    assert "unsupported type: sculpture" in poison.detail


def test_a_workspace_that_takes_no_files_is_told_where_the_table_lies(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    slack.remove_scopes("files:write")
    put_digest(outbox, "w1")
    assert passes(outbox, lambda: by_bot(slack), clock) == 1
    ((_, (*_, last)),) = digests(slack)
    assert last.startswith("The table could not be attached: Slack refused files.getUploadURLExternal: `missing_scope`")
    assert last.endswith("The full report: /reports/r.html")
    assert stored(outbox, "w1-csv").state == "sent"


def test_the_line_about_a_table_is_found_again(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    slack.remove_scopes("files:write")
    put_digest(outbox, "w1")
    for number in ("w1", "w1-1", "w1-2"):
        outbox.begin(one := stored(outbox, number))
        message = by_bot(slack).send(one, stored(outbox, "w1") if one.parent else None, again=False)
        outbox.sent(one, message)
    slack.faults.cut_after(method="chat.postMessage")
    passes(outbox, lambda: by_bot(slack), clock)
    ((_, thread),) = digests(slack)
    assert len(thread) == 3


def test_people_are_told_by_their_id(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    put(outbox, "a", audience="my-org", target="U0ALICE")
    slack.faults.fail_after(method="chat.postMessage")
    passes(outbox, lambda: by_bot(slack), clock)
    assert [message["text"] for message in slack.messages("D0ALICE")] == ["a"]


def test_without_a_token_everything_waits_and_says_so(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    put_digest(outbox, "w1")
    nobody = SlackChannel(None, by_bot(slack).table)
    outcome = deliverer(outbox, nobody).run()
    assert outcome.undelivered[0].why == (
        "SLACK_BOT_TOKEN is not set, so nothing can be posted to C0DIGESTS; set it where hubscope runs"
    )
    assert states(outbox, "w1") == [("waiting", 1)]
    clock.moment += HOUR
    passes(outbox, lambda: by_bot(slack), clock)
    assert digests(slack) == [whole("w1")]


# Slack, by a webhook -------------------------------------------------------------------------------------------------


def by_webhook(slack: SlackServer) -> Mapping[str, Channel]:
    hook = SlackWebhook(slack.webhook_url, timeout=5, sleep=lambda _: None)
    return {"webhook": WebhookChannel(hook)}


def put_condensed(outbox: Outbox, number: str) -> None:
    put(outbox, number, channel="webhook", target="webhook")


def texts(slack: SlackServer) -> list[str]:
    return [message["text"] for message in slack.messages("C0GENERAL")]


def test_a_webhook_posts_one_message(outbox: Outbox, slack: SlackServer) -> None:
    put_condensed(outbox, "w1")
    deliverer(outbox, by_webhook(slack)).run()
    assert texts(slack) == ["w1"]
    assert slack.deliveries("C0GENERAL") == ["w1"]
    assert (states(outbox, "w1"), stored(outbox, "w1").receipt) == ([("sent", 1)], {})


@pytest.mark.parametrize("text", ["no_service", "channel_is_archived", "something new"])
def test_a_webhook_that_answers_200_with_an_error_has_posted_nothing(
    outbox: Outbox, slack: SlackServer, clock: Clock, text: str
) -> None:
    put_condensed(outbox, "w1")
    slack.faults.answer(text, method="webhook")
    outcome = deliverer(outbox, by_webhook(slack)).run()
    assert f"the webhook at 127.0.0.1 answered HTTP 200 with {text}" in outcome.undelivered[0].why
    assert states(outbox, "w1") == [("waiting", 1)]
    assert texts(slack) == []
    clock.moment += FIRST_WAIT
    deliverer(outbox, by_webhook(slack)).run()
    assert texts(slack) == ["w1"]


@pytest.mark.parametrize("fault", ["fail_after", "cut_after"])
def test_a_webhook_that_may_have_posted_posts_once_more_and_says_so(
    outbox: Outbox, slack: SlackServer, clock: Clock, fault: str
) -> None:
    put_condensed(outbox, "w1")
    getattr(slack.faults, fault)(method="webhook")
    passes(outbox, lambda: by_webhook(slack), clock)
    assert texts(slack) == ["w1", f"{REPEAT} w1"]
    assert states(outbox, "w1") == [("sent", 2)]


@pytest.mark.parametrize("fault", ["rate_limit"])
def test_a_webhook_that_accepts_nothing_for_a_moment_posts_once(
    outbox: Outbox, slack: SlackServer, clock: Clock, fault: str
) -> None:
    put_condensed(outbox, "w1")
    getattr(slack.faults, fault)(method="webhook")
    passes(outbox, lambda: by_webhook(slack), clock)
    assert texts(slack) == ["w1"]


def test_a_webhook_that_is_not_set_any_more_is_waited_for(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    put_condensed(outbox, "w1")
    outcome = deliverer(outbox, {"webhook": WebhookChannel(None)}).run()
    assert outcome.undelivered[0].why == "SLACK_WEBHOOK_URL is not set any more; set it where hubscope runs"
    clock.moment += FIRST_WAIT
    passes(outbox, lambda: by_webhook(slack), clock)
    assert texts(slack) == ["w1"]


def test_a_process_that_ends_while_a_webhook_is_asked_leaves_a_message_that_says_it_may_be_a_repeat(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    put_condensed(outbox, "w1")
    outbox.begin(stored(outbox, "w1"))
    passes(outbox, lambda: by_webhook(slack), clock)
    assert texts(slack) == [f"{REPEAT} w1"]
