"""Threads in a time of their own: one runs at a time, and the clock moves on when all of them sleep."""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class VirtualTime:
    """A clock and a sleep for threads that are run with it; the order in which they wake is always the same."""

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start
        self._queue: list[tuple[float, int, threading.Event]] = []
        self._count = 0
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []

    def time(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let the others run until so much time has passed."""
        mine = self._enter(self.now + seconds)
        self._next()
        mine.wait()

    def run(self, *jobs: Callable[[], None]) -> None:
        """Run each job in a thread of its own, until all have ended; raises what one of them raised."""
        threads = [threading.Thread(target=self._job, args=(job, self._enter(self.now)), daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        self._next()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _job(self, job: Callable[[], None], begin: threading.Event) -> None:
        begin.wait()
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised in `run`
            self._errors.append(error)
        self._next()

    def _enter(self, moment: float) -> threading.Event:
        wake = threading.Event()
        with self._lock:
            self._count += 1
            heapq.heappush(self._queue, (moment, self._count, wake))
        return wake

    def _next(self) -> None:
        """Wake the thread whose time comes first."""
        with self._lock:
            if not self._queue:
                return
            moment, _, wake = heapq.heappop(self._queue)
            self.now = max(self.now, moment)
        wake.set()


@dataclass
class FixedWindows:
    """The quota of a server, one bucket of it.

    Attributes:
        limit: requests of a window.
        seconds: length of a window.
        aligned: windows follow each other by the clock; else one opens with the first request after the last one.
        round_up: how the seconds until the reset are made whole.
        counted: moments at which a request was counted and allowed.
        refused: moments at which one was refused.
    """

    clock: Callable[[], float]
    limit: int = 1000
    seconds: int = 300
    aligned: bool = False
    round_up: bool = True
    counted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    windows: dict[float, int] = field(default_factory=dict)
    _start: float = -math.inf

    def spend(self, *, ours: bool = True) -> tuple[bool, int, int]:
        """Count a request: whether it is allowed, how many are left, and the seconds until the reset."""
        now = self.clock()
        if not self._start <= now < self._start + self.seconds:
            self._start = now // self.seconds * self.seconds if self.aligned else now
            self.windows[self._start] = 0
        used = self.windows[self._start] = self.windows[self._start] + 1
        allowed = used <= self.limit
        if ours:
            (self.counted if allowed else self.refused).append(now)
        until = self._start + self.seconds - now
        return allowed, max(self.limit - used, 0), math.ceil(until) if self.round_up else math.floor(until)
