"""Keep to a server's request quota by what its own `RateLimit` headers say, and spread the requests over its windows.

The Hub counts requests in fixed windows, one bucket for the API and one for file reads, and says in every answer how
many are left and when the window ends. One gate a bucket is shared by all workers, and plans with the requests that are
left and the time that is left: each request gets the next place of an even row, so that work neither runs into a wall
and waits for minutes, nor rushes off together after a reset. What workers did not use in time is spread over the rest
of the window; what others take of the same quota is missing from it, as the next answers tell.

Two exceptions make small work fast: the first requests of a process, and the first half of the first window it sees,
are let go at once. Whoever needs less never waits.

Before the first answer of a bucket one request goes ahead of the others, as there may be nothing left to use. After a
429 nobody is let through before the moment that the server named, and then again one goes ahead. A server that tells of
no quota is kept to none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Sleep = Callable[[float], None]
Clock = Callable[[], float]

RESET_MARGIN_SECONDS = 1.0  # `t` is whole seconds, rounded down: one more makes sure the window has turned
WINDOW_SECONDS = 300.0  # the Hub's window, where no answer has told another
FREE_REQUESTS = 50  # of a process, in each bucket, before any is held back to spread them: a check of a few models
FREE_SHARE = 0.5  # of the first window that a process sees, for the same reason
SCOUT_SECONDS = 2.0  # for which the others wait for the answer of the one that goes ahead
SCOUT_PAUSE_SECONDS = 0.02
LEAST_PAUSE_SECONDS = 0.001
EARLY_SHARE = 0.02  # of a window that is left at its end, so that what is planned for it gets there in it


class QuotaSpent(Exception):
    """The bucket is empty for longer than the gate is willing to wait.

    Attributes:
        seconds: until the server fills it again, by its own word.
    """

    def __init__(self, bucket: str, seconds: float) -> None:
        super().__init__(f"the quota `{bucket}` is spent for another {seconds:,.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a bucket stands.

    Attributes:
        remaining: requests left in this window, by the server's word and what was let through since.
        limit: requests of a whole window; None where the server has not told.
        window_seconds: length of a window.
        reset_seconds: until the next window, as soon as it is safe to begin with it.
    """

    remaining: int
    limit: int | None
    window_seconds: float
    reset_seconds: float


@dataclass
class _Bucket:
    """One bucket, as far as it is known.

    Attributes:
        told: the server has said something of it; before, there is nothing to keep to.
        limit: requests of a window, by the server's word.
        size: what this window held for all, by its limit or, where that is not told, by the first answer in it.
        sent: requests let through in this window.
        others: requests that others have surely taken of this window.
        resets_at: when the next window has surely begun.
        opened_at: when this window was taken for begun; None for the first, which was met half-way.
        next_at: the next place in the row of requests.
        closed_until: no request before, whatever is left.
        flying: requests let through that have no answer yet.
        alone: one request goes ahead, and the others wait for its answer.
        scout_at: when it was let through.
        waiting: those who wait for a place, in the order in which they came.
    """

    told: bool = False
    limit: int | None = None
    window_seconds: float = WINDOW_SECONDS
    size: int = 0
    sent: int = 0
    others: int = 0
    resets_at: float = 0.0
    opened_at: float | None = None
    next_at: float = 0.0
    closed_until: float = 0.0
    flying: int = 0
    alone: bool = True
    scout_at: float | None = None
    waiting: list[object] = field(default_factory=list)

    @property
    def remaining(self) -> int:
        """Requests left in this window."""
        return max(self.size - self.sent - self.others, 0)

    def open(self, now: float) -> None:
        """A new window has begun: full, as far as we know, and filled once only until an answer tells its end."""
        self.opened_at = self.next_at = now
        self.told = self.limit is not None
        # Requests on their way may be counted in the old window or in the new one.
        self.size, self.sent, self.others = self.limit or 0, self.flying, 0
        self.resets_at = now + self.window_seconds + RESET_MARGIN_SECONDS

    def count(self, remaining: int) -> None:
        """Take note of what an answer in this window says is left.

        Answers overtake each other, and none knows of the requests that are on their way: the server has counted at
        most those that were let through, so the rest of what is missing was taken by others.
        """
        if not self.told or (self.limit is not None and self.size != self.limit):
            self.size = self.limit if self.limit is not None else remaining + self.sent
        self.told = True
        self.others = max(self.others, self.size - remaining - self.sent)


@dataclass
class Gate:
    """Lets requests through as the server's quota allows; safe for many threads.

    Attributes:
        max_wait_seconds: a wait for a new window that is longer than this is not begun; `admit` raises instead.
        headroom: what is left unused of each window, for others who share the token or the address: requests, or below
            1 a share of the window. Where it would be the whole quota, nothing is.
        used: requests let through, by bucket.
    """

    max_wait_seconds: float = 330.0
    headroom: float = 0.0
    clock: Clock = time.monotonic
    sleep: Sleep = time.sleep
    used: dict[str, int] = field(default_factory=dict)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, bucket: str) -> float:
        """Wait until a request of `bucket` may be sent, and book it; returns the seconds waited.

        Whoever is let through calls `landed` once the answer has begun, or will not come.

        Raises:
            QuotaSpent: the server says that the wait is longer than `max_wait_seconds`; nothing is booked.
        """
        with self._lock:
            state = self._buckets.setdefault(bucket, _Bucket())
            pause = self._book(bucket, state, None)
        if pause is None:
            return 0.0
        return self._wait(bucket, state, pause)

    def landed(self, bucket: str, *, refused: bool = False) -> None:
        """A request that was let through is on its way no more: it was answered, or refused, or it is lost."""
        with self._lock:
            state = self._buckets[bucket]
            state.flying -= 1
            state.alone, state.scout_at = refused, None

    def learn(
        self,
        bucket: str,
        remaining: int,
        reset_in_seconds: float,
        limit: int | None,
        window_seconds: float | None = None,
        sent_at: float | None = None,
    ) -> None:
        """Take note of what an answer said of its bucket, before it has `landed`.

        Args:
            bucket: by the server's name.
            remaining: requests left in the window.
            reset_in_seconds: until it ends.
            limit: requests of a whole window, where that is told.
            window_seconds: the length of a window, where that is told.
            sent_at: when the request was sent, by the gate's clock.
        """
        with self._lock:
            state = self._buckets.setdefault(bucket, _Bucket())
            if state.opened_at is not None and sent_at is not None and sent_at < state.opened_at:
                return  # a late answer that speaks of the window before
            if limit:  # a limit of none at all would close the gate for good
                state.limit = limit
            if window_seconds:
                state.window_seconds = window_seconds
            resets_at = self.clock() + reset_in_seconds + RESET_MARGIN_SECONDS
            if not state.told:
                state.resets_at = resets_at
            elif resets_at < state.resets_at + state.window_seconds / 2:
                # Whole seconds, and answers take their time: the earliest moment that any names is the nearest.
                state.resets_at = min(resets_at, state.resets_at)
            else:
                state.open(self.clock())
                state.resets_at = resets_at
            state.count(remaining)
            state.alone = False

    def close(self, bucket: str, seconds: float) -> None:
        """Let nobody through for so long: the server has refused a request of this bucket."""
        with self._lock:
            state = self._buckets.setdefault(bucket, _Bucket())
            state.closed_until = max(state.closed_until, self.clock() + seconds)
            state.alone = True

    def left(self) -> Mapping[str, int]:
        """Requests left in each bucket's window, as last told."""
        return {name: standing.remaining for name, standing in self.standings().items()}

    def standings(self) -> Mapping[str, Standing]:
        """Where each bucket stands that the server has told of."""
        with self._lock:
            now = self.clock()
            return {name: self._standing(state, now) for name, state in self._buckets.items() if state.told}

    def seconds_for(self, bucket: str, requests: int) -> float:
        """How long so many more requests of a bucket will take for the quota alone; 0 where no quota is known."""
        with self._lock:
            state = self._buckets.get(bucket)
            if state is None or not state.told:
                return 0.0
            now = self.clock()
            standing = self._standing(state, now)
            headroom = self._headroom(state)
            left, full = standing.remaining - headroom, (standing.limit or 0) - headroom
            if requests <= left:
                at_once = min(self._free(bucket, state), left)
                rest = max(left - at_once, 1)
                return max(standing.reset_seconds, 0.0) * max(requests - at_once, 0) / rest
            if full <= 0:  # of a window whose size nobody told
                return standing.reset_seconds
            return standing.reset_seconds + standing.window_seconds * (requests - max(left, 0)) / full

    def _wait(self, bucket: str, state: _Bucket, pause: float) -> float:
        """Stand in the row until a request is booked."""
        ticket = object()
        with self._lock:
            state.waiting.append(ticket)
        waited = 0.0
        try:
            while True:
                self.sleep(pause)
                waited += pause
                with self._lock:
                    again = self._book(bucket, state, ticket)
                if again is None:
                    return waited
                pause = again
        finally:
            with self._lock:
                state.waiting.remove(ticket)

    def _book(self, bucket: str, state: _Bucket, ticket: object | None) -> float | None:
        """Book a request and return None, or return the seconds until it is worth to ask again.

        Raises:
            QuotaSpent: see `admit`.
        """
        now = self.clock()
        if now < state.closed_until:
            return self._bearable(bucket, state.closed_until - now)
        if state.alone and state.scout_at is not None and now < state.scout_at + SCOUT_SECONDS:
            return SCOUT_PAUSE_SECONDS
        if state.resets_at and now >= state.resets_at:
            state.open(now)
        if state.told:
            if state.remaining <= self._headroom(state):
                return self._bearable(bucket, state.resets_at - now)
            if not self._free(bucket, state):
                step = self._step(state, now)
                if now < state.next_at:
                    ahead = state.waiting.index(ticket) if ticket in state.waiting else len(state.waiting)
                    return max(min(state.next_at - now + ahead * step, state.resets_at - now), LEAST_PAUSE_SECONDS)
                # A place that was missed by a little is made up for; a long silence is spread over what is left.
                state.next_at = max(state.next_at, now - step) + step
        if state.alone:
            state.scout_at = now
        state.sent += 1
        state.flying += 1
        self.used[bucket] = self.used.get(bucket, 0) + 1
        return None

    def _bearable(self, bucket: str, pause: float) -> float:
        if pause > self.max_wait_seconds:
            raise QuotaSpent(bucket, pause)
        return pause

    def _step(self, state: _Bucket, now: float) -> float:
        """Seconds from one request to the next, so that those that are left last until the window ends."""
        left = state.remaining - self._headroom(state)
        until = state.resets_at - RESET_MARGIN_SECONDS - EARLY_SHARE * state.window_seconds
        return max(until - now, 0.0) / max(left, 1)

    def _free(self, bucket: str, state: _Bucket) -> int:
        """Requests that are let go at once, as long as any are left."""
        first = FREE_REQUESTS - self.used.get(bucket, 0)
        if state.opened_at is None and state.limit is not None:
            first = max(first, state.remaining - self._headroom(state) - int(FREE_SHARE * state.limit))
        return max(first, 0)

    def _headroom(self, state: _Bucket) -> int:
        if self.headroom < 1:
            return int(self.headroom * (state.limit or 0))
        # Where the headroom is the whole quota there would be nothing left to work with.
        return int(self.headroom) if state.limit is None or state.limit > self.headroom else 0

    def _standing(self, state: _Bucket, now: float) -> Standing:
        turned = bool(state.resets_at) and now >= state.resets_at
        remaining = state.limit if turned and state.limit is not None else state.remaining
        seconds = state.window_seconds if turned else state.resets_at - now
        return Standing(remaining, state.limit, state.window_seconds, max(seconds, state.closed_until - now, 0.0))
