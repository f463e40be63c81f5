"""Requests to a Hub through huggingface_hub's own session, with the client's headers, errors and rate-limit words.

What the library leaves open is decided here: time-outs (its default is none), retries for every kind of request (its
metadata calls make none), a cap on waits that a server asks for, caps on the bytes and the duration of one answer,
redirects on the same origin only (for a file, one to another host is an answer: it carries size and digest), and the
token to no other host.
What a question may cost at most, with the settings' defaults (each is told as `Unanswered` with the code named, or as
`Refused` where it is final):

| what goes wrong | budget of one question | code |
|---|---|---|
| no connection | 6 tries of 10 s | `unreachable` |
| silence, before or in an answer | 6 tries of 30 s | `server-error` |
| a byte now and then, in headers, body or compression | 6 tries of `START_SECONDS` (45 s) | `server-error` |
| 408, 425, 5xx, a reset, a body cut short | 6 tries; 0.5 to 8 s between them, or as it asks | `server-error` |
| 429 | 6 tries; its bucket is closed to all until its reset, `Retry-After`, or 0.5 to 8 s | `rate-limited` |
| a wait of more than `max_wait_seconds` is asked for | not begun | `rate-limited` |
| HTML, bad JSON, a body that cannot be decompressed | 6 tries | `bad-answer` |
| an answer without end | 1 try, to the caller's bytes or `ANSWER_SECONDS` (900 s) | `bad-answer` |
| a redirect or a next page to another host | 1 try | `foreign-address` |

A page of the listing has 2 tries of a size, then half of it, down to 50 rows, where it has 6 tries; after 300 s no
further size is tried. One that passes 8 MB is halved at once, down to one row of up to 64 MB.
Sources: huggingface_hub 2.4 `utils/_http.py`; the Hub's rate-limits documentation (fixed 5-minute windows).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
from huggingface_hub import constants, get_token, set_client_factory
from huggingface_hub.errors import (
    OfflineModeIsEnabled,
)
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import (
    get_session,
    hf_request_event_hook,
)

from scanner.errors import BudgetSpent, Cancelled, Refused, Unanswered, UsageError
from scanner.quota import Gate, QuotaSpent
from scanner.sources.patience import Watch, begin, patient, watching
from scanner.sources.replies import (
    Retry,
    Unusable,
    as_retry,
    asked_wait,
    backoff,
    first_line,
    foreign,
    origin_of,
    rate_limit,
    read_capped,
    redirect_target,
    shown,
    translate,
    where,
    words_of,
)

# The library's list, with what proxies and CDNs in front of a Hub add to it (520 to 530 and kin).
RETRY_STATUSES = frozenset({408, 425, 429, *range(500, 600)} - {501, 505})
MAX_REDIRECTS = 5
ERROR_BODY_BYTES = 64 * 1024  # an error page longer than this is nobody's message
API, RESOLVERS = "api", "resolvers"  # the Hub's names of its quota buckets
ELSEWHERE = "elsewhere"  # our own name for requests that cost none of the Hub's quota

WHOLE: AbstractSet[int] = frozenset({200})
"""Statuses of an answer that is a document."""
PIECE: AbstractSet[int] = frozenset({200, 206, 416})
"""Statuses of an answer to a range of a file; 416 tells that nothing is there."""
REDIRECTS: AbstractSet[int] = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a client is.

    Attributes:
        connect_timeout: seconds.
        read_timeout: seconds without a byte.
        max_retries: tries after the first.
        max_wait_seconds: longest wait that a server may ask for; a longer one counts as no answer.
        max_requests: requests of the whole run, None without a limit.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    max_retries: int = 5
    max_wait_seconds: float = 330.0
    max_requests: int | None = None

    @property
    def timeout(self) -> httpx2.Timeout:
        """The same for the library."""
        return httpx2.Timeout(self.read_timeout, connect=self.connect_timeout)


T = TypeVar("T")
Consumer = Callable[[httpx2.Response], T]
Pairs = Sequence[tuple[str, str]]


def logged_in_token() -> str | None:
    """The token that `hf auth login` stored, unless the library's own switch forbids to use it unasked."""
    return None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()


def make_session(limits: Limits) -> httpx2.Client:
    """A session with the library's own request hook (offline mode, request ids), and with time-outs."""
    return patient(
        httpx2.Client(
            event_hooks={"request": [hf_request_event_hook]},
            follow_redirects=False,
            timeout=limits.timeout,
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64),
        )
    )


@dataclass
class HubClient:
    """One endpoint, one token, one count of requests; shared by all workers of a run.

    Attributes:
        endpoint: base URL without a trailing slash.
        token: sent to the endpoint and to no other host; None is anonymous, whatever is logged in on this machine.
        library_version: for the user agent.
        limits: see Limits.
        gate: the quota, shared.
        cancelled: set from outside to make every wait end at once, and every request after it.
        session_factory: makes the session that huggingface_hub hands out from now on.
        heard: the server has answered something, whatever it was.
        asked: answers that were wanted (retries of one are one).
        unanswered: of those, the ones that never came.
        requests: requests sent, by bucket; those that follow a redirect away from the Hub are under "elsewhere".
    """

    endpoint: str
    token: str | None = field(repr=False)
    library_version: str
    limits: Limits = field(default_factory=Limits)
    gate: Gate = field(default_factory=Gate)
    cancelled: threading.Event = field(default_factory=threading.Event)
    session_factory: Callable[[Limits], httpx2.Client] = field(default=make_session, repr=False)
    heard: bool = False
    asked: int = 0
    unanswered: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    _refusals: dict[str, int] = field(default_factory=dict, repr=False)  # in succession, by bucket
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and " " not in self.token):
            raise UsageError("the token (HF_TOKEN) holds characters that no token has; set a valid one, or unset it")
        self.gate.max_wait_seconds = self.limits.max_wait_seconds
        self.gate.sleep = self._sleep
        limits, make = self.limits, self.session_factory
        set_client_factory(lambda: make(limits))
        headers = build_hf_headers(
            token=self.token or False, library_name="hubscope", library_version=self.library_version
        )
        self._agent = headers["user-agent"]
        self._always = {"accept": "*/*", "accept-encoding": "gzip, deflate", **headers}
        self._timeout = self.limits.timeout.as_dict()
        self._origin = origin_of(self.endpoint)

    @property
    def sent(self) -> int:
        """Requests sent to the Hub itself."""
        # A copy first: other workers may add a bucket meanwhile.
        return sum(count for bucket, count in self.requests.copy().items() if bucket != ELSEWHERE)

    def ask(
        self,
        path: str,
        *,
        bucket: str,
        consume: Consumer[T],
        params: Pairs = (),
        headers: Mapping[str, str] | None = None,
        accept: AbstractSet[int] = WHOLE,
        retries: int | None = None,
        stop_at: str | None = None,
    ) -> T:
        """GET a path (or a URL) of the endpoint and hand the answer to `consume`, with retries around both.

        Redirects on the same origin are followed. One to another host is handed over as the answer it is, where its
        status is in `accept`.

        Args:
            path: with its query, if it has one.
            bucket: the quota it is taken from.
            consume: makes the result of the answer; may raise `Unusable` to ask again.
            params: the query, in place of any in `path`.
            headers: besides those of every request.
            accept: statuses of an answer that `consume` understands.
            retries: tries after the first, where fewer are wanted than the limits allow.
            stop_at: what paths begin with that a redirect on the same origin is not followed to either.

        Raises:
            Refused: the answer is final; see its codes.
            Unanswered: no usable answer after all retries.
            BudgetSpent: the run may make no more requests.
            Cancelled: the client was cancelled.
            UsageError: the token is not valid, or the client is offline by its own settings.
        """
        url = self.url(path)

        def attempt() -> T:
            response = self._send(url, bucket, params, headers or {}, accept, stop_at)
            try:
                return consume(response)
            finally:
                response.close()

        return self._with_retries(attempt, retries)

    def ask_elsewhere(self, url: str, *, headers: Mapping[str, str], consume: Consumer[T]) -> T:
        """GET an address outside the Hub that a redirect named: no token, no cookie, none of the Hub's quota.

        A range that lies outside the file (416) is handed to `consume` too.

        Raises:
            Refused: code `expired` where the signed address is no longer accepted.
            Unanswered: no usable answer after all retries.
            Cancelled: the client was cancelled.
        """
        self._check_elsewhere(url)
        clean = {"user-agent": self._agent, "accept-encoding": "identity", **headers}

        def attempt() -> T:
            response = self._exchange(self._made(url, None, clean), ELSEWHERE)
            try:
                if response.status_code in PIECE:
                    return consume(response)
                # Stores tell an address that is out of date, changed or swept away in different words.
                if response.status_code in {400, 401, 403, 404, 410}:
                    raise Refused("expired", f"{where(response)} no longer accepts the signed address")
                raise self._error(response)
            finally:
                response.close()

        return self._with_retries(attempt)

    def forgive(self) -> None:
        """Take back one unanswered request, which the caller asks for again in another form."""
        with self._lock:
            self.unanswered -= 1
            self.asked -= 1

    def url(self, path: str) -> str:
        """A path of the endpoint as a URL; a URL is passed through where it is on the endpoint's own origin.

        Raises:
            Refused: code `foreign-address` where it leads to another origin.
        """
        url = path if "://" in path.split("?", 1)[0] else self.endpoint + path
        if origin_of(url) != self._origin:
            raise foreign(url)
        return url

    def _with_retries(self, attempt: Callable[[], T], retries: int | None = None) -> T:
        with self._lock:
            self.asked += 1
        tried = 0
        most = self.limits.max_retries if retries is None else min(retries, self.limits.max_retries)
        while True:
            try:
                with watching(Watch(self._go_on)):
                    return attempt()
            except (Retry, Unusable, httpx2.HTTPError, httpx2.StreamError) as error:
                failure = error if isinstance(error, Retry) else as_retry(error)
            # A server that asks for no time at all, or for a moment that is past, still gets the usual pause.
            wait = max(failure.wait or 0.0, min(backoff(tried), self.limits.max_wait_seconds))
            tried += 1
            if failure.final or tried > most or wait > self.limits.max_wait_seconds:
                break
            self._sleep(wait)
        with self._lock:
            self.unanswered += 1
        outcome = f"after {tried} tries" if tried > 1 else "and was not asked again"
        if wait > self.limits.max_wait_seconds:
            outcome = f"and asks to wait {wait:,.0f} s"
        raise Unanswered(failure.code, f"{failure}, {outcome}") from failure

    def _send(
        self,
        url: str,
        bucket: str,
        params: Pairs,
        headers: Mapping[str, str],
        accept: AbstractSet[int],
        stop_at: str | None,
    ) -> httpx2.Response:
        """One request and its same-origin redirects; the answer is one to accept, or an error is raised."""
        query: Pairs | None = params or None
        for _ in range(MAX_REDIRECTS + 1):
            request = self._request(url, query, headers)
            response = self._exchange(request, bucket)
            try:
                target = redirect_target(response)
                if target is None or origin_of(target) != self._origin or self._is_at(target, stop_at):
                    self._check(response, target, accept)
                    return response
            except BaseException:
                response.close()
                raise
            response.close()
            url, query = target, None
        raise Refused("redirect-loop", f"{shown(url)} redirects more than {MAX_REDIRECTS} times")

    def _is_at(self, target: str, start: str | None) -> bool:
        """Whether an address of the endpoint's origin has a path that begins so, behind the endpoint's own."""
        return start is not None and urlsplit(target).path.removeprefix(urlsplit(self.endpoint).path).startswith(start)

    def _check(self, response: httpx2.Response, target: str | None, accept: AbstractSet[int]) -> None:
        """Raise what the answer stands for, unless it is one to accept."""
        if response.status_code in accept and (target is not None) == response.is_redirect:
            return
        raise foreign(target) if target is not None else self._error(response)

    def _request(self, url: str, query: Pairs | None, headers: Mapping[str, str]) -> httpx2.Request:
        return self._made(url, query, {**self._always, **headers})

    def _made(self, url: str, query: Pairs | None, headers: Mapping[str, str]) -> httpx2.Request:
        """A request of our own making: the session's takes twice the time to merge what never changes, and its cookies.

        Raises:
            Refused: code `bad-request` where the address cannot be asked for.
        """
        try:
            params = tuple(query) if query else None
            return httpx2.Request(
                "GET", url, params=params, headers=dict(headers), extensions={"timeout": self._timeout}
            )
        except (httpx2.InvalidURL, ValueError) as error:
            raise Refused("bad-request", f"{shown(url)} cannot be asked for ({first_line(error)})") from error

    def _exchange(self, request: httpx2.Request, bucket: str) -> httpx2.Response:
        self._go_on()
        self._book(bucket)
        try:
            if bucket == ELSEWHERE:
                return self._over_the_wire(request)
            self.gate.admit(bucket)
        except QuotaSpent as error:
            self._book(bucket, -1)
            message = f"{shown(str(request.url))} was not asked for: {error}"
            raise Retry("rate-limited", message, wait=error.seconds) from error
        except (UsageError, Cancelled):
            self._book(bucket, -1)
            raise
        refused = False
        try:
            sent_at = self.gate.clock()
            response = self._over_the_wire(request)
            refused = response.status_code == 429
            self._learn(bucket, response, sent_at)
        except UsageError:
            self._book(bucket, -1)
            raise
        finally:
            self.gate.landed(bucket, refused=refused)
        return response

    def _over_the_wire(self, request: httpx2.Request) -> httpx2.Response:
        begin()
        try:
            response = self._session().send(request, stream=True, follow_redirects=False)
        except OfflineModeIsEnabled as error:
            raise UsageError("HF_HUB_OFFLINE is set, so no Hub can be asked; unset it to go on") from error
        self.heard = True
        return response

    def _learn(self, bucket: str, response: httpx2.Response, sent_at: float) -> None:
        """Take note of what an answer says of the quota; after a refusal nobody asks before the time that it names."""
        info = rate_limit(response.headers)
        if info is not None:
            self.gate.learn(
                info.resource_type, info.remaining, info.reset_in_seconds, info.limit, info.window_seconds, sent_at
            )
        if response.status_code == 429:
            seconds = asked_wait(response)
            with self._lock:
                refusals = self._refusals[bucket] = self._refusals.get(bucket, 0) + 1
            pause = max(seconds or 0.0, min(backoff(refusals - 1), self.limits.max_wait_seconds))
            for name in {bucket, bucket if info is None else info.resource_type}:
                self.gate.close(name, pause)
        elif self._refusals:
            with self._lock:
                self._refusals.pop(bucket, None)

    def _book(self, bucket: str, count: int = 1) -> None:
        """Count a request before it is sent, so that workers cannot pass the budget together."""
        with self._lock:
            limit = self.limits.max_requests
            if count > 0 and limit is not None and bucket != ELSEWHERE and self.sent >= limit:
                raise BudgetSpent(f"the budget of {limit:,} requests is used up (--max-requests)")
            self.requests[bucket] = self.requests.get(bucket, 0) + count

    def _session(self) -> httpx2.Client:
        try:
            return get_session()
        except (ValueError, OSError, ImportError, httpx2.InvalidURL) as error:
            raise UsageError(
                "no connection can be set up with the proxy and certificate settings of the environment"
                f" (HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE): {first_line(error)}"
            ) from error

    def _error(self, response: httpx2.Response) -> Exception:
        """An answer that is not to be accepted, as the exception to raise."""
        status = response.status_code
        if status in RETRY_STATUSES:
            code = "rate-limited" if status == 429 else "server-error"
            return Retry(code, f"{where(response)} answered {status}", wait=asked_wait(response))
        if status < 400:
            return Retry("bad-answer", f"{where(response)} answered {status}, which is no answer to this request")
        try:
            body = read_capped(response, ERROR_BODY_BYTES)
        except (httpx2.HTTPError, httpx2.StreamError, Unusable):
            body = b""  # the status and the headers still tell
        return translate(response, words_of(response.headers, body), anonymous=self.token is None)

    def _check_elsewhere(self, url: str) -> None:
        scheme, host, _ = origin_of(url)
        if not host or not (scheme == "https" or (scheme == "http" and self._origin[0] == "http")):
            raise Refused("foreign-address", f"the server pointed to {shown(url)}, which is no https address")

    def _go_on(self) -> None:
        """Raise where nobody waits for an answer any more."""
        if self.cancelled.is_set():
            raise Cancelled("interrupted")

    def _sleep(self, seconds: float) -> None:
        self.cancelled.wait(seconds)
        self._go_on()
