"""Keep to a server's request quota by what its own `RateLimit` headers say.

The Hub counts requests in fixed windows, one bucket for the API and one for file reads, and says in every answer how
many are left and when the window ends. One gate a bucket is shared by all workers: when a bucket is spent, all wait for
its reset, and they are let go one by one, so that they do not run into the next wall together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Sleep = Callable[[float], None]
Clock = Callable[[], float]

RESET_MARGIN_SECONDS = 1.0  # `t` is whole seconds, rounded down: one more makes sure the window has turned


@dataclass
class _Bucket:
    remaining: int | None = None
    limit: int | None = None
    resets_at: float = 0.0


@dataclass
class Gate:
    """Lets requests through as the server's quota allows; safe for many threads.

    Attributes:
        max_wait_seconds: a wait longer than this is not kept; `wait_needed` tells the caller, who gives up instead.
        headroom: requests of each window left unused, for others who share the token or the address.
    """

    max_wait_seconds: float = 330.0
    headroom: int = 0
    clock: Clock = time.monotonic
    sleep: Sleep = time.sleep
    used: dict[str, int] = field(default_factory=dict)
    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, bucket: str) -> float:
        """Wait until a request of `bucket` may be sent, and book it; returns the seconds waited."""
        waited = 0.0
        while True:
            with self._lock:
                state = self._buckets.setdefault(bucket, _Bucket())
                now = self.clock()
                if state.remaining is not None and now >= state.resets_at:
                    state.remaining = state.limit  # a new window: full again, as far as we know
                if state.remaining is None or state.remaining > self.headroom:
                    if state.remaining is not None:
                        state.remaining -= 1
                    self.used[bucket] = self.used.get(bucket, 0) + 1
                    return waited
                pause = min(max(state.resets_at - now, 0.0), self.max_wait_seconds)
            self.sleep(pause)
            waited += pause
            if waited >= self.max_wait_seconds:
                with self._lock:
                    state.remaining = None  # the clock and the server disagree; the server's answer will tell

    def learn(self, bucket: str, remaining: int, reset_in_seconds: float, limit: int | None) -> None:
        """Take note of what an answer said of its bucket."""
        with self._lock:
            state = self._buckets.setdefault(bucket, _Bucket())
            resets_at = self.clock() + reset_in_seconds + RESET_MARGIN_SECONDS
            same_window = abs(resets_at - state.resets_at) < 2 * RESET_MARGIN_SECONDS
            # Answers overtake each other: within one window only the lowest figure is news.
            if state.remaining is not None and same_window:
                remaining = min(remaining, state.remaining)
            state.remaining, state.resets_at = remaining, resets_at
            state.limit = limit if limit is not None else state.limit

    def left(self) -> Mapping[str, int]:
        """Requests left in each bucket's window, as last told."""
        with self._lock:
            return {name: state.remaining for name, state in self._buckets.items() if state.remaining is not None}
