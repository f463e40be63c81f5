"""How long one answer may take, and who may end the wait for it, down to every read of a socket.

The library's time-out is for one read: a server that sends a byte a second, in its headers or in its body, compressed
or not, keeps it quiet for ever. Here a watch is kept over a whole answer, in the thread that waits for it: the answer
must come in at a least rate once it has had some time to begin, and ends at a last moment in any case. A read also
looks up every now and then whether somebody has given it up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

ANSWER_SECONDS = 900.0  # of one answer, however fast it comes
START_SECONDS = 45.0  # in which nothing need have come; a read time-out may end it before
BYTES_A_SECOND = 8 * 1024  # least rate after that: a fifth of a telephone line of the nineties
LOOKS_UP_SECONDS = 0.25  # how long a read takes to notice that it was given up


class Watch:
    """One answer that is waited for."""

    __slots__ = ("_bytes", "_given_up", "_started")

    def __init__(self, given_up: Callable[[], None]) -> None:
        """Begin to wait.

        Args:
            given_up: raises what ends the wait, once nobody wants the answer any more.
        """
        self._given_up = given_up
        self.begin()

    def begin(self) -> None:
        """Nothing has come so far."""
        self._started, self._bytes = time.monotonic(), 0

    def left(self) -> float:
        """Seconds until the next look; raises where the wait is over.

        Raises:
            httpcore2.ReadTimeout: the answer took too long, or came in drops.
        """
        self._given_up()
        passed = time.monotonic() - self._started
        if passed > ANSWER_SECONDS:
            raise httpcore2.ReadTimeout(f"still sending after {ANSWER_SECONDS:,.1f} s")
        if passed > START_SECONDS and self._bytes < (passed - START_SECONDS) * BYTES_A_SECOND:
            raise httpcore2.ReadTimeout(f"sent {self._bytes:,} bytes in {passed:,.1f} s")
        return LOOKS_UP_SECONDS

    def came(self, count: int) -> None:
        """Take note of bytes, whatever they are."""
        self._bytes += count


class _Watched(threading.local):
    watch: Watch | None = None


_watched = _Watched()


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Keep a watch over every read of this thread."""
    before, _watched.watch = _watched.watch, watch
    try:
        yield
    finally:
        _watched.watch = before


def begin() -> None:
    """The wait for an answer begins now: what came before it, such as a wait for the quota, was none of its time."""
    if _watched.watch is not None:
        _watched.watch.begin()


class _Stream(httpcore2.NetworkStream):
    """A connection whose reads obey the watch of the thread that reads."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        watch = _watched.watch
        if watch is None:
            return self._inner.read(max_bytes, timeout)
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            pause = watch.left()
            left = pause if end is None else min(pause, max(end - time.monotonic(), 0.001))
            try:
                data = self._inner.read(max_bytes, left)
            except httpcore2.ReadTimeout:
                if end is not None and time.monotonic() >= end:
                    raise
                continue
            watch.came(len(data))
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(*args, **more))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore2.NetworkBackend):
    """Makes connections of that kind."""

    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_tcp(*args, **more))

    def connect_unix_socket(self, *args: Any, **more: Any) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(*args, **more))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


def patient(session: httpx2.Client) -> httpx2.Client:
    """The session, with every connection that it makes under watch."""
    # The library lets nobody choose the network below a transport, and proxies of the environment have transports of
    # their own. tests/scanner/test_patience.py fails where these names are others in a later release.
    for transport in (session._transport, *session._mounts.values()):
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend)
    return session
