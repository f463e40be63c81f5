"""The sample Hub: two servers on loopback, their repositories, their quotas and their faults."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scanner.samplehub import population, weeks
from scanner.samplehub.faults import FaultPlan
from scanner.samplehub.quota import WINDOW_SECONDS, Quotas
from scanner.samplehub.server import Recorded, Server
from scanner.samplehub.state import LINK_SECONDS, State
from scanner.samplehub.wire import access, cdn, routes
from scanner.samplehub.wire.messages import error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from scanner.samplehub.crowd import Crowd
    from scanner.samplehub.faults import Fault
    from scanner.samplehub.repository import Repository
    from scanner.samplehub.tally import Tally
    from scanner.samplehub.wire.messages import Request, Response

TOKEN = "hf_sample_token"  # noqa: S105  the sample Hub's only token, good nowhere else


class SampleHub:
    """A small Hub on 127.0.0.1, to be used as a context manager.

    Args:
        repositories: What is on it; None for the built-in population.
        token: The one token that is known; None if there is none.
        quotas: Requests a window without a token, by bucket.
        token_quotas: The same with the token.
        window_seconds: Length of a quota window.
        page_size_ceiling: The most rows of a page, whatever `limit` says.
        faults: What goes wrong, see `Fault`.
        clock: Seconds since the epoch, for quota windows and signed addresses.
        latency: Seconds before each answer.
        granted: Ids of gated and private repositories that the token may read.
        crowd: Millions of models instead of `repositories`.
        tally: Counts the requests, in place of remembering each of them in `requests`.
        link_seconds: How long a signed address is good.
        port: The Hub's port; 0 for any free one.

    Attributes:
        requests: Every request of both servers in the order of their answers, unless a tally counts them.
        week: How many weeks of changes have been applied.
    """

    def __init__(
        self,
        repositories: Iterable[Repository] | None = None,
        *,
        token: str | None = TOKEN,
        quotas: Mapping[str, int] | None = None,
        token_quotas: Mapping[str, int] | None = None,
        window_seconds: int = WINDOW_SECONDS,
        page_size_ceiling: int = 1000,
        faults: Iterable[Fault] = (),
        clock: Callable[[], float] = time.time,
        latency: float = 0.0,
        granted: Iterable[str] = (),
        crowd: Crowd | None = None,
        tally: Tally | None = None,
        link_seconds: float = LINK_SECONDS,
        port: int = 0,
    ) -> None:
        self.week = 0
        self.requests: list[Recorded] = []
        self.state = State(
            token=token,
            granted=set(granted),
            page_size_ceiling=page_size_ceiling,
            link_seconds=link_seconds,
            clock=clock,
            crowd=crowd,
        )
        if repositories is None:
            repositories = [] if crowd else population.build()
        elif crowd is not None:
            raise ValueError("a crowd is all there is: no repositories beside it")
        self.state.add(repositories)
        self._log = self.requests if tally is None else tally
        self.quotas = Quotas(quotas or {}, token_quotas or {}, window_seconds, clock)
        self._faults = FaultPlan()
        self._faults.add(faults)
        self._latency, self._port = latency, port
        self._servers: list[Server] = []

    @property
    def endpoint(self) -> str:
        """The Hub's address, for HF_ENDPOINT."""
        return self.state.endpoint

    @property
    def cdn_endpoint(self) -> str:
        """The address of the server that holds the large files."""
        return self.state.cdn_endpoint

    @property
    def repositories(self) -> list[Repository]:
        """The repositories that a listing shows now; see `private_repositories` for the others."""
        return self.state.listed()

    @property
    def private_repositories(self) -> list[Repository]:
        """The repositories that nobody sees without a grant."""
        return [repository for repository in self.state.everything() if repository.private]

    def get(self, name: str) -> Repository:
        """The repository that has this id now."""
        found = self.state.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def add(self, *repositories: Repository) -> None:
        """Put repositories on the Hub."""
        self.state.add(repositories)

    def remove(self, name: str) -> Repository:
        """Delete a repository."""
        return self.state.remove(name)

    def rename(self, name: str, new: str) -> None:
        """Move a repository to another id; the old one redirects from now on."""
        self.state.rename(name, new)

    def advance_week(self) -> int:
        """Apply the next week of changes: the first is scripted, later ones only move the downloads.

        Returns:
            The number of weeks applied so far.
        """
        with self.state.lock:
            self.week += 1
            if self.state.crowd is None:
                weeks.apply(self.state, self.week)
            else:
                self.state.crowd = self.state.crowd.at_week(self.state.crowd.settings.week + 1)
        return self.week

    def inject(self, *faults: Fault) -> None:
        """Let more go wrong from now on."""
        self._faults.add(faults)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    @property
    def faults_met(self) -> int:
        """How many requests were befallen by a fault so far."""
        return self._faults.befallen()

    def start(self) -> Self:
        """Start both servers."""
        for name, port, application in (("hub", self._port, self._hub), ("cdn", 0, self._cdn)):
            server = Server(name, ("127.0.0.1", port), application, self.state, self._faults, self._log, self._latency)
            self._servers.append(server)
        self.state.endpoint, self.state.cdn_endpoint = (server.endpoint for server in self._servers)
        for server in self._servers:
            server.start()
        return self

    def stop(self) -> None:
        """Stop both servers and close every connection."""
        while self._servers:
            self._servers.pop().stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _hub(self, request: Request, recorded: Recorded) -> Response:
        """The Hub's answer with its quota headers, or 429 once the quota is spent."""
        bucket = recorded.bucket = routes.bucket_of(request.path)
        has_token = access.has_valid_token(self.state, request)
        caller = f"token {request.token}" if has_token else request.address
        standing = self.quotas.spend(bucket, caller, has_token=has_token)
        if standing.allowed:
            response = routes.answer(self.state, request)
        else:
            response = error(429, "Too many requests: the quota of this window is spent.")
        response.headers |= standing.headers
        return response

    def _cdn(self, request: Request, recorded: Recorded) -> Response:
        """The CDN's answer; it belongs to no bucket."""
        recorded.bucket = None
        return cdn.answer(self.state, request)
