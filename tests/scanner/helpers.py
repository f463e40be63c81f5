"""What the tests of requests, files and rows share: a clock that costs no time, clients, and a scripted server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from huggingface_hub import close_session, set_client_factory
from huggingface_hub.utils._http import default_client_factory, hf_request_event_hook

from scanner.quota import Gate
from scanner.sources.http import HubClient, Limits

HUB = "https://hub.test"
CDN = "https://cdn.test"


class Clock(threading.Event):
    """A `cancelled` event whose waits are noted and pass at once, and the time that they would have taken."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.slept: list[float] = []
        self.cancel_at: int | None = None  # the wait, from 1, in which somebody cancels

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.slept.append(timeout)
        if len(self.slept) == self.cancel_at:
            self.set()
        self.now += timeout
        return self.is_set()

    def time(self) -> float:
        return self.now


def make_client(endpoint: str, clock: Clock | None = None, *, token: str | None = None, **more: Any) -> HubClient:
    """A client that never really sleeps; limits by their names."""
    clock = clock or Clock()
    factory = {"session_factory": more.pop("session_factory")} if "session_factory" in more else {}
    limits = Limits(**{"max_retries": 2, "read_timeout": 5.0, "connect_timeout": 2.0, **more})
    return HubClient(endpoint, token, "0.test", limits, Gate(clock=clock.time), clock, **factory)


def restore_library() -> None:
    """Give huggingface_hub its own sessions back."""
    close_session()
    set_client_factory(default_client_factory)


@dataclass
class Body(httpx2.SyncByteStream):
    """A body in chunks, which notes how much of it was read and whether it was closed."""

    chunks: list[bytes | Exception]
    read: int = 0
    closed: bool = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.read += len(chunk)
            yield chunk

    def close(self) -> None:
        self.closed = True


@dataclass
class Script:
    """A server of one function; every body that it sends must be closed in the end."""

    answer: Callable[[httpx2.Request], httpx2.Response | Exception]
    requests: list[httpx2.Request] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)

    def __call__(self, limits: Limits) -> httpx2.Client:
        """The session factory."""
        return httpx2.Client(
            transport=httpx2.MockTransport(self._handle),
            event_hooks={"request": [hf_request_event_hook]},
            timeout=limits.timeout,
            trust_env=False,
        )

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer.stream, httpx2.SyncByteStream)
        body = answer.stream if isinstance(answer.stream, Body) else Body([answer.read()])
        self.bodies.append(body)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=body)

    def client(self, clock: Clock | None = None, *, endpoint: str = HUB, **more: Any) -> HubClient:
        return make_client(endpoint, clock, session_factory=self, **more)

    @property
    def all_closed(self) -> bool:
        return all(body.closed for body in self.bodies)


def answer(status: int, headers: dict[str, str] | None = None, body: bytes | list[Any] = b"") -> httpx2.Response:
    """An answer whose headers are as given, whatever the body is."""
    chunks = body if isinstance(body, list) else [body]
    return httpx2.Response(status, headers=headers or {}, stream=Body(chunks))


def script(*answers: httpx2.Response | Exception) -> Script:
    """A server that gives these answers in turn, and the last one for ever."""
    left = list(answers)

    def next_answer(_: httpx2.Request) -> httpx2.Response | Exception:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            return found
        assert isinstance(found.stream, Body)
        return httpx2.Response(found.status_code, headers=found.headers, stream=Body(list(found.stream.chunks)))

    return Script(next_answer)
