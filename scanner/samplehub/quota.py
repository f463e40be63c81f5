"""Fixed-window quotas by bucket and caller, and the two headers that report them."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ANONYMOUS = {"api": 500, "resolvers": 3000, "pages": 100}
WITH_TOKEN = {"api": 1000, "resolvers": 5000, "pages": 200}
WINDOW_SECONDS = 300


class Standing(NamedTuple):
    """Where a caller stands in one bucket after a request."""

    bucket: str
    allowed: bool
    remaining: int
    reset_seconds: int
    limit: int
    window_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy`."""
        return {
            "RateLimit": f'"{self.bucket}";r={self.remaining};t={self.reset_seconds}',
            "RateLimit-Policy": f'"fixed window";"{self.bucket}";q={self.limit};w={self.window_seconds}',
        }


class Quotas:
    """Counts requests. A window opens with the caller's first request in a bucket and lasts `window_seconds`."""

    def __init__(
        self,
        anonymous: Mapping[str, int],
        with_token: Mapping[str, int],
        window_seconds: int,
        clock: Callable[[], float],
    ) -> None:
        self._limits = {False: {**ANONYMOUS, **anonymous}, True: {**WITH_TOKEN, **with_token}}
        self._window = window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._spent: dict[tuple[str, str], tuple[float, int]] = {}

    def spend(self, bucket: str, caller: str, *, has_token: bool) -> Standing:
        """Count one request of a caller (an address or a token)."""
        limit, now = self._limits[has_token][bucket], self._clock()
        with self._lock:
            start, used = self._spent.get((bucket, caller), (now, 0))
            if not start <= now < start + self._window:
                start, used = now, 0
            used += 1
            self._spent[bucket, caller] = start, used
        reset = max(math.ceil(start + self._window - now), 0)
        return Standing(bucket, used <= limit, max(limit - used, 0), reset, limit, self._window)

    def reset(self) -> None:
        """Forget every window, as if the time had passed."""
        with self._lock:
            self._spent.clear()
