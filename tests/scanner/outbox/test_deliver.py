"""Emptying the outbox: each delivery arrives once, whatever breaks between sending it and noting that it was sent."""

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from notifiers.errors import NotLookedUp, Postponed, Rejected, SendError, Uncertain
from notifiers.render.as_slack import REPEAT
from notifiers.slack import SlackBot
from notifiers.webhook import SlackWebhook
from scanner.catalogue.outbox import REPEAT as REPEATED
from scanner.catalogue.outbox import DeliveryState, Outbox, Parcel
from scanner.catalogue.store import Store
from scanner.catalogue.tables import Delivery, Digest
from scanner.outbox.channels import (
    LEFTOVERS_LAST,
    MOST_UPLOADS,
    Channel,
    FileChannel,
    Receipt,
    SlackChannel,
    WebhookChannel,
)
from scanner.outbox.deliver import (
    ALARMS_LAST,
    FIRST_WAIT,
    LONGEST_WAIT,
    NO_THREAD,
    OF_THE_MESSAGE,
    PAUSES_SECONDS,
    STOPPED,
    Deliverer,
    Outcome,
)
from tests.scanner.making import MOMENT, begin, end
from tests.slackserver import SlackServer

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=7)


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
    finds: list[Exception] = field(default_factory=list)
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


def next_try(outbox: Outbox, number: str) -> datetime:
    found = stored(outbox, number).not_before
    assert found is not None
    return found


def sent(outcome: Outcome) -> list[str]:
    return [one.id for one in outcome.sent]


def undelivered(outcome: Outcome) -> list[tuple[str, str]]:
    return [(one.delivery.id, one.why) for one in outcome.undelivered]


def passes_until(outbox: Outbox, channels: Callable[[], Any], clock: Clock, moment: datetime) -> None:
    """A pass, of a new process, whenever something is due, up to a moment."""
    while clock.moment < moment:
        deliverer(outbox, channels()).run()
        tries = [one.not_before for one in outbox.unsent() if one.not_before is not None]
        clock.moment = min([next_one for next_one in tries if next_one > clock.moment], default=moment)
        clock.moment = min(clock.moment, moment)


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
    assert (found.state, found.attempts, found.detail) == ("sending", 2, str(error)), "looking is a try"
    clock.moment += HOUR
    place.finds = []
    assert [one.id for one in deliverer(outbox, place).run().sent] == ["a"]
    assert place.arrived == [("a", False)]


@pytest.mark.parametrize("error", [POSTPONED, REJECTED, KeyError("ts")])
def test_what_can_never_be_looked_up_is_looked_up_ever_more_rarely(
    outbox: Outbox, place: Place, clock: Clock, error: Exception
) -> None:
    put(outbox, "a")
    outbox.begin(stored(outbox, "a"))
    waits = []
    for _ in range(8):
        place.finds = [error] * (len(PAUSES_SECONDS) + 1)
        deliverer(outbox, place).run()
        waits.append((next_try(outbox, "a") - clock.moment) / FIRST_WAIT)
        clock.moment = next_try(outbox, "a")
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert (stored(outbox, "a").state, stored(outbox, "a").tried_at) == ("sending", MOMENT)
    place.finds = []
    assert sent(deliverer(outbox, place).run()) == ["a"]


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
        mistake = KeyError("ts")
        place.sends = [Step(mistake, arrives=False)]
        outcome = deliverer(outbox, place).run()
        assert [(one.delivery.id, one.why, one.fault) for one in outcome.undelivered] == [
            ("mistake", "KeyError: 'ts'", mistake),
            ("reply", NO_THREAD, None),
        ]
        assert [number for number, _ in place.arrived] == ["b"]
        found = stored(outbox, "mistake")
        assert (found.state, found.attempts, found.detail) == ("sending", tries, "KeyError: 'ts'")
        assert found.not_before == clock.moment + tries * FIRST_WAIT
        assert not found.stops_place
        assert deliverer(outbox, place).run() == Outcome(), "it is not tried every minute"
        clock.moment += HOUR
    assert sent(deliverer(outbox, place).run()) == ["mistake", "reply"]


def test_a_way_out_that_this_version_does_not_know_is_a_mistake_of_that_delivery_only(
    outbox: Outbox, place: Place, clock: Clock
) -> None:
    put(outbox, "odd", channel="pigeon")
    put(outbox, "b")
    outcome = deliverer(outbox, place).run()
    assert (sent(outcome), undelivered(outcome)) == (["b"], [("odd", "KeyError: 'pigeon'")])
    clock.moment += FIRST_WAIT
    deliverer(outbox, place).run()
    assert states(outbox, "odd") == [("waiting", 2)]
    assert next_try(outbox, "odd") == clock.moment + 2 * FIRST_WAIT


def test_a_line_can_be_sent_past_the_outbox(outbox: Outbox, place: Place) -> None:
    put(outbox, "waits")
    line = stored(outbox, "waits")
    assert deliverer(outbox, place).send_past_the_outbox(line) is None
    place.sends = [Step(REJECTED, arrives=False)]
    assert deliverer(outbox, place).send_past_the_outbox(line) is REJECTED
    assert place.arrived == [("waits", False)]
    assert states(outbox, "waits") == [("waiting", 0)]


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


OF_THE_PLACE = [
    POSTPONED,
    UNCERTAIN,
    Postponed("ratelimited", "too many", 30),
    REJECTED,
    Rejected("no-token", "there is none"),
    Rejected("something_new", "nobody knows this word"),
]


@pytest.mark.parametrize("error", OF_THE_PLACE, ids=lambda error: error.code)
def test_what_stops_a_place_stops_all_that_is_newer_until_it_is_mended(
    outbox: Outbox, place: Place, clock: Clock, error: SendError
) -> None:
    put(outbox, "first", "first>reply")
    refused = [Step(error, arrives=False)] * (len(PAUSES_SECONDS) + 1)
    place.sends = list(refused)
    deliverer(outbox, place).run()
    place.sends = []
    assert stored(outbox, "first").stops_place
    for number in range(3):
        clock.moment += timedelta(seconds=1)
        put(outbox, f"newer{number}", audience="alarm" if number == 1 else "team")
        assert deliverer(outbox, place).run() == Outcome(), "nothing of it is due"
    put(outbox, "elsewhere", target="C0GENERAL")
    assert sent(deliverer(outbox, place).run()) == ["elsewhere"]

    clock.moment = next_try(outbox, "first")
    place.sends = list(refused)
    outcome = deliverer(outbox, place).run()
    assert [number for number, why in undelivered(outcome) if why == str(error)] == [
        "first", "newer0", "newer1", "newer2",
    ]  # fmt: skip
    assert states(outbox, "reply", "newer0", "newer1", "newer2") == [("waiting", 0)] * 4

    place.sends = []
    clock.moment = next_try(outbox, "first")
    assert sent(deliverer(outbox, place).run()) == ["first", "reply", "newer0", "newer1", "newer2"]
    assert not stored(outbox, "first").stops_place


def test_what_is_wrong_with_one_message_stops_no_other(outbox: Outbox, place: Place, clock: Clock) -> None:
    own = {code: Step(Rejected(code, code), arrives=False) for code in sorted(OF_THE_MESSAGE)}
    own["mistake"] = Step(KeyError("ts"), arrives=False)
    put(outbox, *own, "beside")
    place.sends = list(own.values())
    assert sent(deliverer(outbox, place).run()) == ["beside"]
    put(outbox, "newer", position=100)
    put(outbox, "alarm", audience="alarm", position=101)
    assert sent(deliverer(outbox, place).run()) == ["newer", "alarm"]
    assert {attempts for _, attempts in states(outbox, *own)} == {1}, "each has its own next try"
    clock.moment += FIRST_WAIT
    assert sent(deliverer(outbox, place).run()) == [*own]


@pytest.mark.parametrize("error", [POSTPONED, UNCERTAIN, REJECTED])
def test_what_is_wrong_in_a_thread_stops_nothing_outside_of_it(
    outbox: Outbox, place: Place, clock: Clock, error: SendError
) -> None:
    put(outbox, "head", "head>table", "head>last")
    place.sends = [Step(), *[Step(error, arrives=False)] * (1 if error is REJECTED else 3)]
    assert sent(deliverer(outbox, place).run()) == ["head", "last"]
    assert not stored(outbox, "table").stops_place
    put(outbox, "newer", "newer>reply")
    put(outbox, "alarm", audience="alarm", position=2)
    assert sent(deliverer(outbox, place).run()) == ["newer", "reply", "alarm"]
    clock.moment = next_try(outbox, "table")
    assert sent(deliverer(outbox, place).run()) == ["table"]


def test_a_repeat_that_nobody_can_look_up_stops_no_other(outbox: Outbox, place: Place, clock: Clock) -> None:
    put(outbox, "first")
    place.looks, place.sends = False, [Step(UNCERTAIN)] * 2
    deliverer(outbox, place).run()
    assert place.arrived == [("first", False), ("first", True)]
    assert not stored(outbox, "first").stops_place
    put(outbox, "newer")
    assert sent(deliverer(outbox, place).run()) == ["newer"]
    clock.moment = next_try(outbox, "first")
    place.sends = [Step(POSTPONED, arrives=False)] * 3
    deliverer(outbox, place).run()
    assert stored(outbox, "first").stops_place, "a connection that is gone is the place's"
    assert stored(outbox, "first").state == "sending", "it may still have arrived"


def test_a_place_that_was_stopped_goes_on_where_what_stopped_it_is_given_up(outbox: Outbox, place: Place) -> None:
    put(outbox, "first", "second")
    place.sends = [Step(REJECTED, arrives=False)]
    deliverer(outbox, place).run()
    assert sent(deliverer(outbox, place).run()) == []
    assert outbox.drop(stored(outbox, "first"), "given up by hand")
    assert sent(deliverer(outbox, place).run()) == ["second"]


def test_a_wait_that_was_asked_for_is_kept_also_with_newer_ones_behind(
    outbox: Outbox, place: Place, clock: Clock
) -> None:
    put(outbox, "first")
    place.sends = [Step(Postponed("ratelimited", "too many", 7200), arrives=False)]
    for number in range(12):
        deliverer(outbox, place).run()
        clock.moment += 10 * MINUTE
        put(outbox, f"newer{number:02}")
        assert place.arrived == [], clock.moment
    outcome = deliverer(outbox, place).run()
    assert sent(outcome) == ["first", *(f"newer{number:02}" for number in range(12))]
    assert stored(outbox, "first").attempts == 2


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
    assert deliverer(outbox, place).run() == Outcome(), "replies, which were never tried, do not hurry their head"
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
    place.sends = [Step(REJECTED, arrives=False)] * 2
    assert deliverer(outbox, place).run().dropped == [], "two days are not more than two days"
    assert states(outbox, "younger") == [("waiting", 0)], "it waits behind the other one"
    clock.moment += 2 * HOUR
    outcome = deliverer(outbox, place).run()
    assert [one.id for one in outcome.dropped] == ["alarm"]
    assert [one.id for one in outcome.sent] == ["digest", "younger"]
    dropped = stored(outbox, "alarm")
    assert (dropped.state, dropped.detail) == ("dropped", "out of date before it could be sent")
    assert outbox.unsent() == []


# Files ---------------------------------------------------------------------------------------------------------------


def files(outbox: Outbox, folder: Path, **folders: Path) -> FileChannel:
    """The team's folder, and those of subscribers."""
    lines = ("model\n", "a/b\n")
    return FileChannel(
        outbox.report, lambda table: (f"{table['run']}: {line}" for line in lines), {"team": folder, **folders}
    )


def put_file(outbox: Outbox, number: str, path: Path | str, payload: Mapping[str, Any] | None = None) -> None:
    put(outbox, number, channel="file", target=str(path), payload=dict(payload or {"text": "# Report\n"}))


def test_files_are_written_into_folders_that_are_made(outbox: Outbox, tmp_path: Path) -> None:
    text, table = tmp_path / "a" / "reports" / "hubscope-notice.md", tmp_path / "a" / "reports" / "hubscope-models.csv"
    put_file(outbox, "text", text)
    put_file(outbox, "table", table, {"table": {"run": 7}})
    outcome = deliverer(outbox, {"file": files(outbox, text.parent)}).run()
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

    path = tmp_path / "hubscope-notice.md"
    put_file(outbox, "text", path)
    channel = files(outbox, tmp_path)
    with pytest.raises(Crash):
        deliverer(outbox, {"file": Ends(channel.report, channel.table, channel.folders)}).run()
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

    path = tmp_path / "hubscope-report.md"
    path.write_text("last week's")
    put_file(outbox, "text", path)
    put(outbox, "message")
    with monkeypatch.context() as patch:
        patch.setattr("notifiers.files.os.fsync", full)
        outcome = deliverer(outbox, {"file": files(outbox, tmp_path), "slack": Place()}).run()
    assert [one.id for one in outcome.sent] == ["message"]
    found = stored(outbox, "text")
    assert found.state == "waiting"
    assert found.detail == f"cannot write {str(path)!r}: the disk is full: free some space or choose another folder"
    assert path.read_text() == "last week's"
    clock.moment += HOUR
    deliverer(outbox, {"file": files(outbox, tmp_path)}).run()
    assert path.read_text() == "# Report\n"
    assert stored(outbox, "text").detail == ""


def test_what_a_process_that_was_killed_left_behind_is_removed_after_a_day(outbox: Outbox, tmp_path: Path) -> None:
    now = datetime.now(UTC).timestamp()  # the file system's clock, as it is
    ages = {".hubscope-0a.tmp": 1, ".hubscope-0b.tmp": -60, ".hubscope-0c.txt": 1, "mine.tmp": 1, "hubscope-x.tmp": 1}
    for name, older in ages.items():
        path = tmp_path / "reports" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        modified = now - LEFTOVERS_LAST.total_seconds() - older
        os.utime(path, (modified, modified))
    (tmp_path / "reports" / ".hubscope-folder.tmp").mkdir()
    os.utime(tmp_path / "reports" / ".hubscope-folder.tmp", (0, 0))
    put_file(outbox, "text", tmp_path / "reports" / "hubscope-notice.md")
    assert sent(deliverer(outbox, {"file": files(outbox, tmp_path / "reports")}).run()) == ["text"]
    left = {path.name for path in (tmp_path / "reports").iterdir()}
    assert left == {*ages, "hubscope-notice.md", ".hubscope-folder.tmp"} - {".hubscope-0a.tmp"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_is_full_is_a_full_disk(outbox: Outbox, tmp_path: Path) -> None:
    full = tmp_path / "hubscope-full"
    full.symlink_to("/dev/full")
    put_file(outbox, "text", full)
    put_file(outbox, "table", full, {"table": {"run": 7}})
    outcome = deliverer(outbox, {"file": files(outbox, tmp_path)}).run()
    assert {one.delivery.id for one in outcome.undelivered} == {"text", "table"}
    assert all("the disk is full" in one.why for one in outcome.undelivered)
    assert states(outbox, "text", "table") == [("waiting", 3)] * 2, "each was tried for itself"


def test_a_folder_that_cannot_be_made_is_waited_for(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where the folder should be")
    channel = files(outbox, tmp_path / "reports" / "deep")
    put_file(outbox, "text", tmp_path / "reports" / "deep" / "hubscope-notice.md")
    outcome = deliverer(outbox, {"file": channel}).run()
    assert [one.why for one in outcome.undelivered] == [
        f"the folder {tmp_path / 'reports' / 'deep'} cannot be made (Not a directory)"
    ]
    (tmp_path / "reports").unlink()
    assert [one.id for one in deliverer(outbox, {"file": channel}).run(everything=True).sent] == ["text"]


def test_a_file_goes_into_the_folder_that_the_settings_name_today(outbox: Outbox, tmp_path: Path) -> None:
    """What waited goes where its audience wants it now; a catalogue from elsewhere does not say where that is."""
    put_file(outbox, "ours", "/nowhere/at/all/hubscope-report.md")
    put(outbox, "theirs", channel="file", target="/else/hubscope-notice.md", audience="my-org", payload={"text": "n"})
    channel = files(outbox, tmp_path / "ours", **{"my-org": tmp_path / "theirs"})
    shown = [channel.show(stored(outbox, number))["file"] for number in ("ours", "theirs")]
    assert sent(deliverer(outbox, {"file": channel}).run()) == ["theirs", "ours"]
    written = [tmp_path / "ours" / "hubscope-report.md", tmp_path / "theirs" / "hubscope-notice.md"]
    assert [path.read_text() for path in written] == ["# Report\n", "n"]
    assert shown == [str(path) for path in written]


@pytest.mark.parametrize(
    ("audience", "target"),
    [
        ("nobody", "/reports/hubscope-report.md"),
        ("team", "/etc/passwd"),
        ("team", "/reports/hubscope-report.md/.."),
        ("team", "/reports/.bashrc"),
    ],
)
def test_a_file_that_no_folder_is_for_waits_and_stops_no_other(
    outbox: Outbox, tmp_path: Path, audience: str, target: str
) -> None:
    put(outbox, "odd", channel="file", target=target, audience=audience)
    put_file(outbox, "text", tmp_path / "reports" / "hubscope-notice.md")
    outcome = deliverer(outbox, {"file": files(outbox, tmp_path / "reports")}).run()
    assert sent(outcome) == ["text"]
    assert undelivered(outcome) == [("odd", f"no folder of the settings is for {target}; give it up with --drop")]
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["hubscope-notice.md"]


def test_a_report_that_cannot_be_read_any_more_blocks_nothing(outbox: Outbox, tmp_path: Path) -> None:
    store = Store(outbox.engine)
    odd = Digest(id="odd", run_id=end(store, begin(store)), created_at=MOMENT, report='{"schema": "another/9"}')
    assert outbox.put(Parcel(odd))
    put(
        outbox,
        "odd",
        channel="file",
        target=str(tmp_path / "hubscope-a.html"),
        digest_id="odd",
        payload={"render": "html"},
    )
    put(
        outbox,
        "form",
        channel="file",
        target=str(tmp_path / "hubscope-b.doc"),
        digest_id="odd",
        payload={"render": "doc"},
    )
    put_file(outbox, "text", tmp_path / "hubscope-c.md")
    outcome = deliverer(outbox, {"file": files(outbox, tmp_path)}).run()
    assert [one.id for one in outcome.sent] == ["text"]
    why = {one.delivery.id: one.why for one in outcome.undelivered}
    assert "the report's schema is 'another/9'" in why["odd"]
    assert "no report format is called 'doc'" in why["form"]
    assert states(outbox, "odd", "form") == [("waiting", 1)] * 2


def test_a_file_is_shown_with_its_content_and_a_table_with_what_it_holds(outbox: Outbox, tmp_path: Path) -> None:
    put_file(outbox, "text", tmp_path / "hubscope-a.md")
    put_file(outbox, "table", tmp_path / "hubscope-b.csv", {"table": {"run": 7, "note": "all 3,000,000 models"}})
    shown = [files(outbox, tmp_path).show(stored(outbox, number)) for number in ("text", "table")]
    assert shown == [
        {"file": str(tmp_path / "hubscope-a.md"), "content": "# Report\n"},
        {"file": str(tmp_path / "hubscope-b.csv"), "content": "CSV, all 3,000,000 models"},
    ]
    assert list(tmp_path.glob("hubscope-*")) == [], "nothing is written"


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
    head = stored(outbox, "w1")
    assert head.detail.startswith("Slack refused chat.postMessage: token_revoked; set SLACK_BOT_TOKEN")
    assert head.stops_place
    assert states(outbox, "w1-1", "w2", "w2-csv", "w3") == [("waiting", 0)] * 4
    put_digest(outbox, "w4")
    clock.moment += MINUTE
    put(outbox, "alarm", audience="alarm")
    deliverer(outbox, by_bot(slack)).run()
    slack.restore_token()
    assert sent(deliverer(outbox, by_bot(slack)).run()) == [], "the oldest has its next try in an hour"
    clock.moment += LONGEST_WAIT
    deliverer(outbox, by_bot(slack)).run()
    assert digests(slack) == [*(whole(week) for week in ("w1", "w2", "w3", "w4")), ("alarm", [])]
    assert settled(outbox)


def test_slack_that_asks_for_a_day_is_left_alone_for_a_day_whatever_is_put_behind(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    put_digest(outbox, "w1")
    slack.faults.rate_limit(retry_after="86400", method="chat.postMessage")
    for number in range(4):
        deliverer(outbox, by_bot(slack)).run()
        clock.moment += DAY / 4
        put(outbox, f"alarm{number}", audience="alarm")
    assert len(slack.calls("chat.postMessage")) == 1
    deliverer(outbox, by_bot(slack)).run()
    assert digests(slack) == [whole("w1"), *((f"alarm{number}", []) for number in range(4))]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (
            "files.getUploadURLExternal",
            "could not be attached: Slack answered files.getUploadURLExternal with HTTP 503",
        ),
        ("upload", "could not be attached: the upload was answered with HTTP 503"),
        (
            "files.completeUploadExternal",
            "may not have been attached: Slack answered files.completeUploadExternal with",
        ),
    ],
)
def test_uploads_that_fail_for_weeks_keep_nothing_else_waiting(
    outbox: Outbox, slack: SlackServer, clock: Clock, method: str, said: str
) -> None:
    """The table itself is tried for half an hour and more, then the thread says where the report lies."""
    slack.faults.fail_before(10_000, method=method)
    weeks = ["w1", "w2", "w3", "w4", "w5"]
    for week in weeks:
        begun = clock.moment
        put_digest(outbox, week)
        deliverer(outbox, by_bot(slack)).run()
        assert [one.id for one in outbox.unsent()] == [f"{week}-csv"]
        clock.moment += MINUTE
        put(outbox, f"alarm of {week}", audience="alarm")
        assert sent(deliverer(outbox, by_bot(slack)).run()) == [f"alarm of {week}"]
        passes_until(outbox, lambda: by_bot(slack), clock, begun + WEEK)
        assert settled(outbox)
        table = stored(outbox, f"{week}-csv")
        assert table.attempts == MOST_UPLOADS
        assert table.sent_at is not None
        assert HOUR / 2 < table.sent_at - begun < HOUR
    told = digests(slack)
    assert [head for head, _ in told] == [name for week in weeks for name in (week, f"alarm of {week}")]
    for (head, thread), week in zip(told[::2], weeks, strict=True):
        assert (head, thread[:2]) == (week, [f"{week}-1", f"{week}-2"])
        (line,) = thread[2:]
        assert line.startswith(f"The table {said}")
        assert line.endswith("The full report: /reports/r.html")


def test_a_table_that_may_be_there_stays_so_where_the_line_about_it_is_not_taken(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    put_digest(outbox, "w1")
    deliverer(outbox, by_bot(slack)).run()
    (table, head) = (stored(outbox, number) for number in ("w1-csv", "w1"))
    table.attempts = MOST_UPLOADS
    slack.faults.fail_before(method="files.completeUploadExternal")
    slack.faults.answer('{"ok": false, "error": "is_archived"}', method="chat.postMessage")
    with pytest.raises(Uncertain, match="completeUploadExternal"):
        by_bot(slack).send(table, head, again=False)


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


def test_what_may_have_arrived_where_the_channel_was_says_so_in_the_new_one(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    put_digest(outbox, "w1")
    outbox.begin(stored(outbox, "w1"))  # and the process ended
    slack.delete("C0DIGESTS")
    deliverer(outbox, by_bot(slack)).run()
    assert stored(outbox, "w1").state == "sending"
    outbox.retarget("team", "slack", "#general")
    shown = by_bot(slack).show(stored(outbox, "w1"))
    deliverer(outbox, by_bot(slack)).run()
    (head,) = slack.messages("C0GENERAL")
    assert head["text"] == shown["arguments"]["text"] == f"{REPEAT} w1"
    thread = [one["text"] for one in slack.messages("C0GENERAL", thread=head["ts"])]
    assert thread == ["w1-1", "w1-2", "CSV: all 1 models"], "of these it is known that they did not"


def test_what_is_shown_is_what_is_sent(outbox: Outbox, slack: SlackServer, clock: Clock) -> None:
    put_digest(outbox, "w1")
    head, table = (by_bot(slack).show(stored(outbox, number)) for number in ("w1", "w1-csv"))
    assert slack.requests == [], "nothing is sent by it"
    deliverer(outbox, by_bot(slack)).run()
    assert head["call"] == "chat.postMessage"
    assert head["arguments"]["metadata"]["event_payload"] == {"delivery": "w1"}
    called = slack.calls("chat.postMessage")[0].arguments
    assert {name: called[name] for name in ("channel", "text")} == {"channel": "C0DIGESTS", "text": "w1"}
    assert {name: head["arguments"][name] for name in ("channel", "text")} == {"channel": "C0DIGESTS", "text": "w1"}
    assert table == {
        "call": "files.completeUploadExternal",
        "arguments": {
            "channel": "C0DIGESTS",
            "filename": "w1.csv",
            "initial_comment": "CSV: all 1 models",
            "content": "model\na/b\n",
        },
    }
    assert slack.calls("files.completeUploadExternal")[0].arguments["initial_comment"] == "CSV: all 1 models"
    moved = stored(outbox, "w1-csv")
    moved.payload = {**moved.payload, REPEATED: True}
    assert by_bot(slack).show(moved)["arguments"]["initial_comment"] == f"{REPEAT} CSV: all 1 models"


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


def test_a_webhook_that_takes_all_and_answers_an_error_gets_a_handful_of_copies_a_day(
    outbox: Outbox, slack: SlackServer, clock: Clock
) -> None:
    slack.faults.fail_after(10_000, method="webhook")
    for number in range(4):
        put_condensed(outbox, f"w{number}")
        passes_until(outbox, lambda: by_webhook(slack), clock, MOMENT + (number + 1) * DAY / 4)
    copies = [text.removeprefix(f"{REPEAT} ") for text in texts(slack)]
    assert {number: copies.count(f"w{number}") for number in range(4)} == {0: 7, 1: 6, 2: 6, 3: 6}
    assert [text for text in texts(slack) if REPEAT not in text] == ["w0", "w1", "w2", "w3"], "each at once"
    slack.faults.clear()
    passes_until(outbox, lambda: by_webhook(slack), clock, clock.moment + DAY)
    assert settled(outbox)


def test_a_webhook_shows_what_it_would_be_given(outbox: Outbox, slack: SlackServer) -> None:
    put_condensed(outbox, "w1")
    shown = by_webhook(slack)["webhook"].show(stored(outbox, "w1"))
    assert slack.requests == []
    assert shown["call"] == "incoming webhook"
    assert slack.webhook_url not in str(shown), "its address is a secret"
    deliverer(outbox, by_webhook(slack)).run()
    assert slack.calls("webhook")[0].arguments == shown["arguments"]
    moved = stored(outbox, "w1")
    moved.payload = {**moved.payload, REPEATED: True}
    assert by_webhook(slack)["webhook"].show(moved)["arguments"]["text"] == f"{REPEAT} w1"


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
