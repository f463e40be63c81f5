"""Requests to a Hub through huggingface_hub's own session, with the client's headers, errors and rate-limit words.

What the library leaves open is decided here: time-outs (its default is none), retries for every kind of request (its
metadata calls make none), a cap on waits that a server asks for, a cap on the bytes of one answer, redirects on the
same origin only (a 302 to another host is an answer: it carries size and digest), and the token to no other host.
Sources: huggingface_hub 2.4 `utils/_http.py`; the Hub's rate-limits documentation (fixed 5-minute windows).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import (
    get_session,
    hf_raise_for_status,
    hf_request_event_hook,
    parse_ratelimit_headers,
)

from scanner.errors import BudgetSpent, Cancelled, Refused, Unanswered, UsageError
from scanner.quota import Gate

RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # the library's shape, with a quicker first try
MAX_REDIRECTS = 5
ERROR_BODY_BYTES = 64 * 1024  # an error page longer than this is nobody's message
API, RESOLVERS = "api", "resolvers"  # the Hub's names of its quota buckets
INVALID_CREDENTIALS = "Invalid credentials in Authorization header"


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


class Unusable(Exception):
    """Raised by a consumer: the answer arrived but is not what was asked for; asked again like any other failure."""


class _Retry(Exception):
    """This attempt failed in a way that may pass."""

    def __init__(self, code: str, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.wait = wait  # seconds that the server asked for


T = TypeVar("T")
Consumer = Callable[[httpx2.Response], T]
Pairs = Sequence[tuple[str, str]]


@dataclass
class HubClient:
    """One endpoint, one token, one count of requests; shared by all workers of a run.

    Attributes:
        endpoint: base URL without a trailing slash.
        token: sent to the endpoint and to no other host; None is anonymous, whatever is logged in on this machine.
        library_version: for the user agent.
        limits: see Limits.
        gate: the quota, shared.
        cancelled: set from outside to make every wait end at once.
        heard: the server has answered something, whatever it was.
        asked: answers that were wanted (retries of one are one).
        unanswered: of those, the ones that never came.
        requests: requests sent, by bucket; those that follow a redirect away from the Hub are under "elsewhere".
    """

    endpoint: str
    token: str | None
    library_version: str
    limits: Limits = field(default_factory=Limits)
    gate: Gate = field(default_factory=Gate)
    cancelled: threading.Event = field(default_factory=threading.Event)
    heard: bool = False
    asked: int = 0
    unanswered: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.gate.max_wait_seconds = self.limits.max_wait_seconds
        self.gate.sleep = self._sleep
        timeout = httpx2.Timeout(self.limits.read_timeout, connect=self.limits.connect_timeout)
        set_client_factory(lambda: _make_session(timeout))
        self._headers = build_hf_headers(
            token=self.token or False, library_name="hubscope", library_version=self.library_version
        )
        self._origin = _origin(self.endpoint)

    @property
    def sent(self) -> int:
        """Requests sent to the Hub itself."""
        return sum(count for bucket, count in self.requests.items() if bucket != "elsewhere")

    def ask(
        self,
        path: str,
        *,
        bucket: str,
        consume: Consumer[T],
        params: Pairs = (),
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """GET a path (or a URL) of the endpoint and hand the answer to `consume`, with retries around both.

        Redirects on the same origin are followed; one to another host is handed over as the answer it is.

        Raises:
            Refused: the answer is final; see its codes.
            Unanswered: no usable answer after all retries.
            BudgetSpent: the run may make no more requests.
            UsageError: the token is not valid, or the client is offline by its own settings.
        """
        url = self.url(path)

        def attempt() -> T:
            response = self._send(url, bucket, params, headers or {})
            try:
                return consume(response)
            finally:
                response.close()

        return self._with_retries(attempt)

    def ask_elsewhere(self, url: str, *, headers: Mapping[str, str], consume: Consumer[T]) -> T:
        """GET an address outside the Hub that a redirect named: no token, no cookie, none of the Hub's quota.

        Raises:
            Refused: code `expired` where the signed address is no longer accepted, `range-outside-file` for a 416.
            Unanswered: no usable answer after all retries.
        """
        self._check_elsewhere(url)
        clean = {"user-agent": self._headers["user-agent"], "accept-encoding": "identity", **headers}

        def attempt() -> T:
            # A request of our own making, so that the session's cookies do not follow it either.
            response = self._exchange(httpx2.Request("GET", url, headers=clean), "elsewhere")
            try:
                if response.status_code in {200, 206}:
                    return consume(response)
                if response.status_code in {401, 403, 410}:
                    raise Refused("expired", "the signed address is no longer accepted")
                if response.status_code == 416:
                    raise Refused("range-outside-file", "the server says that the range lies outside the file")
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
        if _origin(url) != self._origin:
            raise Refused(
                "foreign-address", f"the server pointed to another host ({_shown(url)}), which is not followed"
            )
        return url

    def _with_retries(self, attempt: Callable[[], T]) -> T:
        with self._lock:
            self.asked += 1
        for tried in range(self.limits.max_retries + 1):
            try:
                return attempt()
            except (_Retry, Unusable, httpx2.HTTPError, httpx2.StreamError) as error:
                failure = error if isinstance(error, _Retry) else _as_retry(error)
            wait = failure.wait if failure.wait is not None else _backoff(tried)
            if tried == self.limits.max_retries or wait > self.limits.max_wait_seconds:
                break
            self._sleep(wait)
        with self._lock:
            self.unanswered += 1
        tries = f"{tried + 1} tries" if tried else "1 try"
        too_long = f"; it asks to wait {wait:,.0f} s" if wait > self.limits.max_wait_seconds else f" after {tries}"
        raise Unanswered(failure.code, f"{failure}{too_long}")

    def _send(self, url: str, bucket: str, params: Pairs, headers: Mapping[str, str]) -> httpx2.Response:
        """One request and its same-origin redirects; the answer is good, or an error is raised."""
        query: Pairs | None = params or None
        for _ in range(MAX_REDIRECTS + 1):
            request = get_session().build_request(
                "GET", url, params=list(query) if query else None, headers={**self._headers, **headers}
            )
            response = self._exchange(request, bucket)
            if response.status_code < 300:
                return response
            if not response.is_redirect:
                try:
                    raise self._error(response)
                finally:
                    response.close()
            target = urljoin(str(response.request.url), response.headers["location"])
            if _origin(target) != self._origin:
                return response
            response.close()
            url, query = target, None
        raise Refused("redirect-loop", f"{_shown(url)} redirects more than {MAX_REDIRECTS} times")

    def _exchange(self, request: httpx2.Request, bucket: str) -> httpx2.Response:
        if bucket != "elsewhere":
            self.gate.admit(bucket)
        with self._lock:
            limit = self.limits.max_requests
            if limit is not None and bucket != "elsewhere" and self.sent >= limit:
                raise BudgetSpent(f"the budget of {limit:,} requests is used up (--max-requests)")
            self.requests[bucket] = self.requests.get(bucket, 0) + 1
        try:
            response = get_session().send(request, stream=True, follow_redirects=False)
        except OfflineModeIsEnabled as error:
            raise UsageError("HF_HUB_OFFLINE is set, so no Hub can be asked; unset it to go on") from error
        self.heard = True
        info = parse_ratelimit_headers(response.headers) if bucket != "elsewhere" else None
        if info is not None:
            self.gate.learn(info.resource_type, info.remaining, info.reset_in_seconds, info.limit)
        return response

    def _error(self, response: httpx2.Response) -> Exception:
        """An error answer as the exception to raise."""
        try:
            body = read_capped(response, ERROR_BODY_BYTES)
        except (httpx2.HTTPError, Unusable):
            body = b""  # the status and the headers still tell
        if response.status_code in RETRY_STATUSES:
            code = "rate-limited" if response.status_code == 429 else "server-error"
            message = f"{_shown(str(response.request.url))} answered {response.status_code}"
            return _Retry(code, message, wait=_asked_wait(response))
        # hf_raise_for_status wants the body read; a fresh response gives it one without a private attribute.
        whole = httpx2.Response(
            response.status_code, headers=_without_coding(response.headers), content=body, request=response.request
        )
        return _translate(whole, anonymous=self.token is None)

    def _check_elsewhere(self, url: str) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and self._origin[0] == "http")
        if not secure or not parts.hostname:
            raise Refused("foreign-address", f"the server pointed to {_shown(url)}, which is no https address")

    def _sleep(self, seconds: float) -> None:
        if self.cancelled.wait(seconds):
            raise Cancelled("interrupted")


def read_capped(response: httpx2.Response, max_bytes: int) -> bytes:
    """The decoded body of a streamed response.

    Raises:
        Unusable: the body is longer than `max_bytes`; the rest is not read.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > max_bytes:
            raise Unusable(f"{_shown(str(response.request.url))} sent more than {max_bytes:,} bytes")
        parts.append(chunk)
    return b"".join(parts)


def _make_session(timeout: httpx2.Timeout) -> httpx2.Client:
    return httpx2.Client(
        event_hooks={"request": [hf_request_event_hook]},
        follow_redirects=False,
        timeout=timeout,
        limits=httpx2.Limits(max_connections=64, max_keepalive_connections=64),
    )


def _translate(response: httpx2.Response, *, anonymous: bool) -> Exception:
    """The final error of the library's `hf_raise_for_status` as ours."""
    what = _shown(str(response.request.url))
    message = response.headers.get("x-error-message", "")
    if response.status_code == 401 and INVALID_CREDENTIALS in message:
        return UsageError(
            "the server does not accept the token (HF_TOKEN); set a valid one, or unset it to go on anonymously"
        )
    try:
        hf_raise_for_status(response)
    except GatedRepoError:
        return Refused("gated", f"{what} is gated and this client has no access to its files")
    except DisabledRepoError:
        return Refused("disabled", f"{what} is disabled")
    except RevisionNotFoundError:
        return Refused("revision-not-found", f"{what}: there is no such revision")
    except RemoteEntryNotFoundError:
        return Refused("file-not-found", f"{what}: there is no such file")
    except RepositoryNotFoundError:
        return Refused("not-found", _missing(what, anonymous=anonymous))
    except HfHubHTTPError as error:
        # The library tells a missing repository from other 401s only on https addresses with a known path.
        if response.status_code in {401, 404}:
            return Refused("not-found", _missing(what, anonymous=anonymous))
        code = {400: "bad-request", 403: "forbidden", 410: "not-found", 451: "disabled"}.get(response.status_code)
        return Refused(code or "bad-answer", f"{what} answered {response.status_code} ({_first_line(error)})")
    return Refused("bad-answer", f"{what} answered {response.status_code}")


def _missing(what: str, *, anonymous: bool) -> str:
    hint = "; it may be private: without a token the two look alike" if anonymous else ""
    return f"{what} does not exist on this Hub{hint}"


def _as_retry(error: Exception) -> _Retry:
    if isinstance(error, Unusable):
        return _Retry("bad-answer", str(error))
    request = getattr(error, "_request", None)
    where = _shown(str(request.url)) if request is not None else "the server"
    detail = _first_line(error) or type(error).__name__
    return _Retry("unreachable", f"{where} could not be reached ({detail})")


def _asked_wait(response: httpx2.Response) -> float | None:
    """Seconds the server asks to wait: its `RateLimit` where the bucket is empty, else `Retry-After`, else None."""
    info = parse_ratelimit_headers(response.headers)
    if response.status_code == 429 and info is not None and info.remaining == 0:
        return info.reset_in_seconds + 1.0
    value = response.headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def _backoff(tried: int) -> float:
    base = BACKOFF_SECONDS[min(tried, len(BACKOFF_SECONDS) - 1)]
    return base * random.uniform(0.75, 1.25)  # noqa: S311 - spreads workers out; no secret


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return ("", "", None)
    return (parts.scheme, (parts.hostname or "").lower(), port)


def _shown(url: str) -> str:
    """An address for messages: no query, which may carry a signature or a cursor, and no credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an unusable address"
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"[:300]


def _without_coding(headers: httpx2.Headers) -> httpx2.Headers:
    """Headers for a body that is decoded already."""
    return httpx2.Headers([(k, v) for k, v in headers.multi_items() if k not in _BODY_HEADERS])


_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else ""
