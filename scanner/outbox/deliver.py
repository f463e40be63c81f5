"""Empty the outbox: every delivery once, whatever breaks in between.

A delivery is marked as being sent before it is. Where the answer never comes, or the process dies, the mark stays; the
next try looks the delivery's id up where it was sent to, and sends it again only if it is not there, or, where nobody
can tell, with a line that says so. What a person has to mend first waits, and is tried again by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from notifiers.errors import NotLookedUp, Postponed, Rejected, SendError, Uncertain
from scanner.catalogue.database import DATABASE_ERRORS
from scanner.catalogue.outbox import DeliveryState, Outbox

if TYPE_CHECKING:
    from scanner.catalogue.tables import Delivery
    from scanner.outbox.channels import Channel, Receipt

PAUSES_SECONDS = (4.0, 20.0)  # between tries of one pass; a file that Slack took shows up some seconds later
FIRST_WAIT = timedelta(minutes=1)  # between passes: doubled with every try up to
LONGEST_WAIT = timedelta(hours=1)
LONGEST_BLIND_WAIT = timedelta(days=1)  # where nobody can tell what arrived: quadrupled with every try
STOPPED = "hubscope was stopped before it was tried"
NO_THREAD = "waits for the message whose thread it belongs into"
ALARMS_LAST = timedelta(days=2)  # an alarm older than this tells nobody anything


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A delivery that was not made, and why."""

    delivery: Delivery
    why: str


@dataclass(slots=True)
class Outcome:
    """What one pass over the outbox came to."""

    sent: list[Delivery] = field(default_factory=list)
    undelivered: list[Undelivered] = field(default_factory=list)
    dropped: list[Delivery] = field(default_factory=list)


@dataclass
class Deliverer:
    """Sends what is due. One at a time a catalogue: the caller holds the lease "deliveries".

    Attributes:
        channels: by the name that deliveries carry.
        pause: waits between tries; returns True where the work is to stop.
    """

    outbox: Outbox
    channels: Mapping[str, Channel]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], bool] = field(default_factory=lambda: threading.Event().wait)
    _blind: set[str] = field(init=False, default_factory=set)  # deliveries of which nobody could tell in this process

    def run(self, *, everything: bool = False) -> Outcome:
        """One pass: each unsent delivery is tried, parents before what belongs into their threads.

        Args:
            everything: also what waits for its next try.

        Raises:
            Exception: a channel raised what no channel should; the others were tried all the same, and it is tried
                again later.
        """
        outcome, faults = Outcome(), list[Exception]()
        shut: dict[tuple[str, str], str] = {}  # where nothing more is tried in this pass, and why
        stopped = False
        for delivery in self._due(everything=everything):
            if delivery.audience == "alarm" and self.now() - delivery.created_at > ALARMS_LAST:
                self.outbox.drop(delivery, "out of date before it could be sent")
                outcome.dropped.append(delivery)
                continue
            parent = self._parent(delivery)
            why = (delivery.detail or STOPPED) if stopped else _hindrance(delivery, parent, shut)
            if why is not None:
                outcome.undelivered.append(Undelivered(delivery, why))
                continue
            try:
                error, stopped = self._try(delivery, parent)
            except DATABASE_ERRORS:
                raise  # nothing could be noted of the others either
            except Exception as fault:  # noqa: BLE001 - a mistake of ours in one must not keep back the others; raised below
                self._postpone(delivery, fault)
                faults.append(fault)
                continue
            if error is not None:
                outcome.undelivered.append(Undelivered(delivery, str(error)))
                if delivery.channel != "file" and not isinstance(error, Rejected):
                    shut[_place(delivery)] = str(error)  # what is wrong with one message need not be so with the next
            elif delivery.state == DeliveryState.SENT:  # else another process is sending it
                outcome.sent.append(delivery)
        if faults:
            raise faults[0]
        return outcome

    def _due(self, *, everything: bool) -> list[Delivery]:
        """What this pass tries: where anything is due, all that is unsent, so that it arrives in its order."""
        unsent = self.outbox.unsent()
        if everything:
            return unsent
        moment, waiting = self.now(), {delivery.id for delivery in unsent}
        places = {
            _place(delivery)
            for delivery in unsent
            if delivery.parent not in waiting and (delivery.not_before is None or delivery.not_before <= moment)
        }
        return [delivery for delivery in unsent if _place(delivery) in places]

    def _parent(self, delivery: Delivery) -> Delivery | None:
        return self.outbox.delivery(delivery.parent) if delivery.parent else None

    def _try(self, delivery: Delivery, parent: Delivery | None) -> tuple[SendError | None, bool]:
        """Try a delivery a few times; what stopped it in the end, and whether the whole pass is to stop."""
        channel = self.channels[delivery.channel]
        for pause in (*PAUSES_SECONDS, None):
            try:
                receipt = self._deliver(channel, delivery, parent)
            except SendError as error:
                failure = error
            else:
                if receipt is not None:
                    self.outbox.sent(delivery, receipt)
                return None, False
            long = isinstance(failure, Postponed) and (failure.retry_after or 0) > max(PAUSES_SECONDS)
            blind = isinstance(failure, Uncertain) and delivery.id in self._blind  # every try may be one more repeat
            if pause is None or long or blind or isinstance(failure, Rejected):
                break
            if stopped := self.pause(pause):
                self._postpone(delivery, failure)
                return failure, stopped
        self._postpone(delivery, failure)
        return failure, False

    def _deliver(self, channel: Channel, delivery: Delivery, parent: Delivery | None) -> Receipt | None:
        """Send a delivery unless it arrived before; None where another process was faster."""
        again = False
        if delivery.state == DeliveryState.SENDING:
            try:
                receipt = channel.find(delivery, parent)
            except NotLookedUp:
                again = True
                self._blind.add(delivery.id)
            else:
                if receipt is not None:
                    return receipt
        if not self.outbox.begin(delivery):
            return None
        try:
            return channel.send(delivery, parent, again=again)
        except (Postponed, Rejected):
            if not again:  # certainly not there
                delivery.state = DeliveryState.WAITING
            raise

    def _postpone(self, delivery: Delivery, error: Exception) -> None:
        wait = min(FIRST_WAIT * 2 ** min(max(delivery.attempts - 1, 0), 10), LONGEST_WAIT)
        if isinstance(error, Uncertain) and delivery.id in self._blind:
            wait = min(FIRST_WAIT * 4 ** min(max(delivery.attempts - 1, 0), 10), LONGEST_BLIND_WAIT)
        if isinstance(error, Postponed) and error.retry_after is not None:
            wait = max(wait, timedelta(seconds=min(error.retry_after, timedelta(days=1).total_seconds())))
        why = str(error) if isinstance(error, SendError) else f"{type(error).__name__}: {error}"
        self.outbox.postpone(delivery, why, self.now() + wait, DeliveryState(delivery.state))


def _hindrance(delivery: Delivery, parent: Delivery | None, shut: Mapping[tuple[str, str], str]) -> str | None:
    """Why a delivery is not tried now; None where nothing stands in its way."""
    if delivery.parent and (parent is None or parent.state != DeliveryState.SENT):
        return delivery.detail or NO_THREAD
    return shut.get(_place(delivery))


def _place(delivery: Delivery) -> tuple[str, str]:
    return delivery.channel, delivery.target
