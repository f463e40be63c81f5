"""Declared faults: which requests go wrong, and how. The servers ask `FaultPlan.pick` before each answer."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal[
    "status",  # answer with `status` instead of doing the work
    "reset",  # reset the connection before any byte of the answer
    "reset-mid-body",  # reset it after `after_bytes` of the body
    "stall",  # wait `seconds` before the answer, or after `after_bytes` of the body if that is given
    "cut",  # announce the right Content-Length, send `after_bytes`, close
    "ignore-range",  # 200 and the whole file, whatever range was asked
    "empty-206",  # 206 with zero bytes
    "gzip",  # 200, compressed, chunked, without Content-Length, the range ignored; only if the client accepts gzip
    "html",  # 200 and a web page where JSON was asked
    "broken-json",  # JSON that stops in the middle
    "endless",  # a body that never ends
    "repeat-rows",  # the page's first rows once more at its end
    "foreign-cursor",  # the next link points to another host (`host`)
    "expired-link",  # a signed address that is already out of date
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One kind of fault and the requests it befalls.

    Attributes:
        server: "hub", "cdn" or "any".
        path: Regular expression searched in the path with its query.
        method: Only requests with this method.
        first: The first matching request that is befallen, from 1.
        times: How many in a row from there; None for all.
        rate: Instead of first/times, the share of matching requests, drawn with `seed`.
        status: For "status".
        retry_after: Value of a `Retry-After` header, for "status".
        rate_limit: Value put in place of the `RateLimit` header, "" to leave both headers out.
        error_code: Value of `X-Error-Code`, for "status".
    """

    kind: Kind
    server: Literal["hub", "cdn", "any"] = "any"
    path: str = ""
    method: str | None = None
    first: int = 1
    times: int | None = 1
    rate: float | None = None
    seed: int = 0
    status: int = 500
    retry_after: str | None = None
    rate_limit: str | None = None
    error_code: str | None = None
    seconds: float = 1.0
    after_bytes: int | None = None
    host: str = "http://203.0.113.7"


@dataclass
class _Counted:
    fault: Fault
    pattern: re.Pattern[str]
    draws: random.Random
    seen: int = 0
    befallen: int = 0

    def befalls(self, server: str, method: str, target: str) -> bool:
        """Count this request if it matches, and tell whether the fault strikes."""
        fault = self.fault
        if fault.server not in ("any", server) or fault.method not in (None, method) or not self.pattern.search(target):
            return False
        self.seen += 1
        if fault.rate is not None:
            strikes = self.draws.random() < fault.rate
        else:
            strikes = self.seen >= fault.first and (fault.times is None or self.seen < fault.first + fault.times)
        self.befallen += strikes
        return strikes


@dataclass
class FaultPlan:
    """The faults in force, with how often each was met."""

    _faults: list[_Counted] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, faults: Iterable[Fault]) -> None:
        """Put more faults in force, counting from now."""
        with self._lock:
            self._faults += [_Counted(f, re.compile(f.path), random.Random(f.seed)) for f in faults]  # noqa: S311  reproducible draws

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()

    def pick(self, server: str, method: str, target: str) -> Fault | None:
        """The first fault that strikes this request; every matching one counts it."""
        with self._lock:
            struck = [counted.fault for counted in self._faults if counted.befalls(server, method, target)]
        return struck[0] if struck else None

    def befallen(self) -> int:
        """How many requests were struck so far."""
        with self._lock:
            return sum(counted.befallen for counted in self._faults)
