"""Empty the outbox: every delivery once, whatever breaks in between.

A delivery is marked as being sent before it is. Where the answer never comes, or the process dies, the mark stays; the
next try looks the delivery's id up where it was sent to, and sends it again only if it is not there, or, where nobody
can tell, with a line that says so. What a person has to mend first waits, and is tried again by itself.

What stops a message may stop everything that goes to the same place (no connection, a revoked token, a deleted
channel): then the rest waits with it, and arrives in its order. Or it is the message's own (its content, a file, a
thread): then the rest goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from config.audiences import ALARM
from notifiers.errors import NotLookedUp, Postponed, Rejected, SendError, Uncertain
from scanner.catalogue.database import DATABASE_ERRORS
from scanner.catalogue.outbox import OUT_OF_DATE, DeliveryState, Outbox

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

OF_THE_MESSAGE = frozenset(
    {
        "invalid_arguments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "invalid_payload",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "not-rendered",
        "too_many_attachments",
    }
)
"""Codes of refusals that say nothing of the next message to the same place."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A delivery that was not made, and why.

    Attributes:
        fault: what a channel raised that no channel should; None as a rule.
    """

    delivery: Delivery
    why: str
    fault: Exception | None = None


@dataclass(slots=True)
class Outcome:
    """What one pass over the outbox came to; what was not due yet is not in it."""

    sent: list[Delivery] = field(default_factory=list)
    undelivered: list[Undelivered] = field(default_factory=list)
    dropped: list[Delivery] = field(default_factory=list)


@dataclass
class Deliverer:
    """Sends what is due. One at a time a catalogue: the caller holds the lease DELIVERING.

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
        """One pass over what is unsent, oldest first, parents before what belongs into their threads.

        Args:
            everything: also what waits for its next try.
        """
        outcome = Outcome()
        shut: dict[tuple[str, str], str] = {}  # where nothing more is tried in this pass, and why
        waiting: set[tuple[str, str]] = set()  # where something older stopped all, and its next try has not come
        later: set[str] = set()  # what is not due yet; what goes into its thread is not either
        stopped = False
        for delivery in self.outbox.unsent():
            if delivery.audience == ALARM and self.now() - delivery.created_at > ALARMS_LAST:
                if self.outbox.drop(delivery, OUT_OF_DATE):
                    outcome.dropped.append(delivery)
                continue
            place = (delivery.channel, delivery.target)
            if not everything and (delivery.parent in later or self._not_yet(delivery, waiting)):
                waiting |= {place} if delivery.stops_place else set()
                later.add(delivery.id)
                continue
            parent = self.outbox.delivery(delivery.parent) if delivery.parent else None
            why = (delivery.detail or STOPPED) if stopped else _hindrance(delivery, parent, shut)
            if why is not None:
                outcome.undelivered.append(Undelivered(delivery, why))
                continue
            stopped = self._take(delivery, parent, outcome)
            if delivery.state != DeliveryState.SENT and delivery.stops_place:
                shut[place] = delivery.detail
        return outcome

    def send_past_the_outbox(self, delivery: Delivery) -> SendError | None:
        """Send a line once where the outbox itself cannot be used; why not, where it did not arrive."""
        try:
            self.channels[delivery.channel].send(delivery, None, again=False)
        except SendError as error:
            return error
        return None

    def _not_yet(self, delivery: Delivery, waiting: Set[tuple[str, str]]) -> bool:
        """Whether a delivery waits for its next try, or for that of an older one that stopped all of its place."""
        own = delivery.not_before is not None and delivery.not_before > self.now()
        return own or (delivery.parent is None and (delivery.channel, delivery.target) in waiting)

    def _take(self, delivery: Delivery, parent: Delivery | None, outcome: Outcome) -> bool:
        """Try one delivery and note what came of it; whether the whole pass is to stop."""
        tries = delivery.attempts
        try:
            error, stopped = self._try(delivery, parent)
        except DATABASE_ERRORS:
            raise  # nothing could be noted of the others either
        except Exception as fault:  # noqa: BLE001 - a mistake of ours in one must not keep back the others; it is told
            self._postpone(delivery, fault, begun=delivery.attempts != tries)
            outcome.undelivered.append(Undelivered(delivery, delivery.detail, fault))
            return False
        if error is not None:
            outcome.undelivered.append(Undelivered(delivery, str(error)))
        elif delivery.state == DeliveryState.SENT:  # else another process is sending it
            outcome.sent.append(delivery)
        return stopped

    def _try(self, delivery: Delivery, parent: Delivery | None) -> tuple[SendError | None, bool]:
        """Try a delivery a few times; what stopped it in the end, and whether the whole pass is to stop."""
        channel = self.channels[delivery.channel]
        for pause in (*PAUSES_SECONDS, None):
            tries = delivery.attempts
            try:
                receipt = self._deliver(channel, delivery, parent)
            except SendError as error:
                failure = error
            else:
                if receipt is not None:
                    self.outbox.sent(delivery, receipt)
                return None, False
            begun = delivery.attempts != tries
            long = isinstance(failure, Postponed) and (failure.retry_after or 0) > max(PAUSES_SECONDS)
            if pause is None or long or self._is_blind(delivery, failure) or isinstance(failure, Rejected):
                break
            if stopped := self.pause(pause):
                self._postpone(delivery, failure, begun=begun)
                return failure, stopped
        self._postpone(delivery, failure, begun=begun)
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

    def _is_blind(self, delivery: Delivery, error: Exception) -> bool:
        """Whether nobody can tell if it arrived, so that every further try may be one more repeat."""
        return isinstance(error, Uncertain) and delivery.id in self._blind

    def _postpone(self, delivery: Delivery, error: Exception, *, begun: bool) -> None:
        tries = min(max(delivery.attempts - begun, 0), 10)
        wait = min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
        if self._is_blind(delivery, error):
            wait = min(FIRST_WAIT * 4**tries, LONGEST_BLIND_WAIT)
        if isinstance(error, Postponed) and error.retry_after is not None:
            wait = max(wait, timedelta(seconds=min(error.retry_after, timedelta(days=1).total_seconds())))
        why = str(error) if isinstance(error, SendError) else f"{type(error).__name__}: {error}"
        stops = _stops_place(delivery, error) and not self._is_blind(delivery, error)
        self.outbox.postpone(delivery, why, self.now() + wait, stops_place=stops, begun=begun)


def _stops_place(delivery: Delivery, error: Exception) -> bool:
    """Whether what stopped a delivery stops everything that goes to the same place."""
    if delivery.parent is not None or delivery.channel == "file" or not isinstance(error, SendError):
        return False
    return not (isinstance(error, Rejected) and error.code in OF_THE_MESSAGE)


def _hindrance(delivery: Delivery, parent: Delivery | None, shut: Mapping[tuple[str, str], str]) -> str | None:
    """Why a delivery is not tried now; None where nothing stands in its way."""
    if delivery.parent and (parent is None or parent.state != DeliveryState.SENT):
        return delivery.detail or NO_THREAD
    return shut.get((delivery.channel, delivery.target))
