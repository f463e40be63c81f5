"""Keep to a server's request quota by what its own `RateLimit` headers say.

The Hub counts requests in fixed windows, one bucket for the API and one for file reads, and says in every answer how
many are left and when the window ends. One gate a bucket is shared by all workers: when a bucket is spent, all wait for
its reset, and as many are let go as the new window holds, so that they do not run into the next wall together.
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


class QuotaSpent(Exception):
    """The bucket is empty for longer than the gate is willing to wait.

    Attributes:
        seconds: until the server fills it again, by its own word.
    """

    def __init__(self, bucket: str, seconds: float) -> None:
        super().__init__(f"the quota `{bucket}` is spent for another {seconds:,.0f} s")
        self.seconds = seconds


@dataclass
class _Bucket:
    remaining: int | None = None  # None: not told yet, so nothing to keep to
    limit: int | None = None
    window_seconds: float = WINDOW_SECONDS
    resets_at: float = 0.0


@dataclass
class Gate:
    """Lets requests through as the server's quota allows; safe for many threads.

    Attributes:
        max_wait_seconds: a wait longer than this is not begun; `admit` raises instead.
        headroom: requests of each window left unused, for others who share the token or the address.
        used: requests let through, by bucket.
    """

    max_wait_seconds: float = 330.0
    headroom: int = 0
    clock: Clock = time.monotonic
    sleep: Sleep = time.sleep
    used: dict[str, int] = field(default_factory=dict)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, bucket: str) -> float:
        """Wait until a request of `bucket` may be sent, and book it; returns the seconds waited.

        Raises:
            QuotaSpent: the server says that the wait is longer than `max_wait_seconds`; nothing is booked.
        """
        waited = 0.0
        while (pause := self._book(bucket)) is not None:
            if pause > self.max_wait_seconds:
                raise QuotaSpent(bucket, pause)
            self.sleep(pause)
            waited += pause
        return waited

    def learn(
        self,
        bucket: str,
        remaining: int,
        reset_in_seconds: float,
        limit: int | None,
        window_seconds: float | None = None,
    ) -> None:
        """Take note of what an answer said of its bucket."""
        with self._lock:
            state = self._buckets.setdefault(bucket, _Bucket())
            resets_at = self.clock() + reset_in_seconds + RESET_MARGIN_SECONDS
            same_window = abs(resets_at - state.resets_at) <= 2 * RESET_MARGIN_SECONDS
            # Answers overtake each other: within one window only the lowest figure is news.
            if state.remaining is not None and same_window:
                remaining = min(remaining, state.remaining)
            state.remaining, state.resets_at = remaining, resets_at
            if limit:  # a limit of none at all would close the gate for good
                state.limit = limit
            if window_seconds:
                state.window_seconds = window_seconds

    def left(self) -> Mapping[str, int]:
        """Requests left in each bucket's window, as last told."""
        with self._lock:
            return {name: state.remaining for name, state in self._buckets.items() if state.remaining is not None}

    def _book(self, bucket: str) -> float | None:
        """Book a request and return None, or return the seconds until the bucket is filled again."""
        with self._lock:
            state = self._buckets.setdefault(bucket, _Bucket())
            now = self.clock()
            if state.remaining is not None and now >= state.resets_at:
                # A new window: full again, as far as we know, and filled once only until an answer tells its end.
                state.remaining, state.resets_at = state.limit, now + state.window_seconds
            if state.remaining is not None:
                # Where the headroom is the whole quota there would be nothing left to work with.
                headroom = self.headroom if state.limit is None or state.limit > self.headroom else 0
                if state.remaining <= headroom:
                    return state.resets_at - now
                state.remaining -= 1
            self.used[bucket] = self.used.get(bucket, 0) + 1
            return None
