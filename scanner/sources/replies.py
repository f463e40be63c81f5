"""What a Hub's answers mean: bodies within caps, redirects, waits that were asked for, errors as ours.

Nothing here makes a request.

Sources: huggingface_hub 2.4 `utils/_http.py` for the order in which error answers are told apart; RFC 9110 for
`Retry-After`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2
import msgspec
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._http import RateLimitInfo, hf_raise_for_status, parse_ratelimit_headers

from scanner.errors import Refused, UsageError

BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # the library's shape, with a quicker first try
BEGINNING_BYTES = 1024  # of an answer that is too long, to tell what it was about
INVALID_CREDENTIALS = "Invalid credentials in Authorization header"
DISABLED = "Access to this resource is disabled"


class Unusable(Exception):
    """Raised by a consumer: the answer arrived but is not what was asked for; asked again like any other failure."""


class Oversized(Unusable):
    """The answer is longer than anything that was asked for may be; it would be so the next time too.

    Attributes:
        begins: how it begins.
    """

    def __init__(self, message: str, begins: bytes = b"") -> None:
        super().__init__(message)
        self.begins = begins


class Retry(Exception):
    """This attempt failed in a way that may pass."""

    def __init__(self, code: str, message: str, *, wait: float | None = None, final: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.wait = wait  # seconds that the server asked for
        self.final = final  # another try now would only repeat it


def redirect_target(response: httpx2.Response) -> str | None:
    """Where a redirect leads, as an absolute address; None where the answer is none.

    Raises:
        Unusable: the address cannot be understood.
    """
    if not response.has_redirect_location:
        return None
    if response.next_request is not None:  # the session has worked it out: signed addresses are long to parse
        return str(response.next_request.url)
    try:
        return str(response.request.url.join(response.headers["location"]))
    except (httpx2.InvalidURL, ValueError) as error:
        raise Unusable(f"{where(response)} redirects to an address that is none") from error


def body_chunks(response: httpx2.Response) -> Iterator[bytes]:
    """The decoded body of a streamed response, as it comes; its pace is watched below (`patience`)."""
    return response.iter_bytes()


def read_capped(response: httpx2.Response, max_bytes: int) -> bytes:
    """The decoded body of a streamed response.

    Raises:
        Oversized: the body is longer than `max_bytes`; the rest is not read.
    """
    parts: list[bytes] = []
    size = 0
    for chunk in body_chunks(response):
        size += len(chunk)
        if size > max_bytes:
            begins = b"".join([*parts, chunk])[:BEGINNING_BYTES]
            raise Oversized(f"{where(response)} sent more than {max_bytes:,} bytes", begins)
        parts.append(chunk)
    return b"".join(parts)


def translate(response: httpx2.Response, words: str, *, anonymous: bool) -> Exception:
    """The final error of the library's `hf_raise_for_status` as ours."""
    status, what = response.status_code, where(response)
    if status == 401 and INVALID_CREDENTIALS in words and not anonymous:
        return UsageError(
            "the server does not accept the token (HF_TOKEN); set a valid one, or unset it to go on anonymously"
        )
    if DISABLED in words:
        return Refused("disabled", f"{what} is disabled")
    # A response without the body: the library tells the errors apart by status and headers, and looks into the body
    # only for words to show, where JSON of an unexpected shape makes it stumble.
    bare = httpx2.Response(status, headers=without_body(response.headers), content=b"", request=response.request)
    said = f" ({words})" if words else ""
    try:
        hf_raise_for_status(bare)
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
    except HfHubHTTPError:
        # The library tells a missing repository from other 401s only on https addresses with a known path.
        if status in {401, 404}:
            return Refused("not-found", _missing(what, anonymous=anonymous))
        code = {400: "bad-request", 403: "forbidden", 410: "not-found", 451: "disabled"}.get(status)
        return Refused(code or "bad-answer", f"{what} answered {status}{said}")
    return Refused("bad-answer", f"{what} answered {status}{said}")


def _missing(what: str, *, anonymous: bool) -> str:
    hint = "; it may be private: without a token the two look alike" if anonymous else ""
    return f"{what} does not exist on this Hub{hint}"


def foreign(url: str) -> Refused:
    """The refusal of an address on another host."""
    return Refused("foreign-address", f"the server pointed to another host ({shown(url)}), which is not followed")


def as_retry(error: Exception) -> Retry:
    """A failure of the connection or of the answer as one that may pass."""
    if isinstance(error, Unusable):
        return Retry("bad-answer", str(error), final=isinstance(error, Oversized))
    try:
        source = shown(str(error.request.url)) if isinstance(error, httpx2.HTTPError) else "the server"
    except RuntimeError:  # the library did not note the request
        source = "the server"
    detail = f"({first_line(error) or type(error).__name__})"
    if isinstance(error, httpx2.DecodingError):
        return Retry("bad-answer", f"{source} sent a body that cannot be decompressed {detail}")
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
        return Retry("unreachable", f"{source} could not be reached {detail}")
    # Connected, and then silence or a broken connection: a page that is too much for the server looks like this.
    return Retry("server-error", f"{source} did not answer, or not in full {detail}")


def rate_limit(headers: httpx2.Headers) -> RateLimitInfo | None:
    """The library's reading of the `RateLimit` headers; None where the figures are no figures."""
    told = headers.get("ratelimit")
    if told is None:
        return None
    try:
        # The library looks through all headers that it is given.
        info = parse_ratelimit_headers({"ratelimit": told, "ratelimit-policy": headers.get("ratelimit-policy", "")})
    except ValueError:  # more digits than Python converts
        return None
    if info is None or max(info.remaining, info.reset_in_seconds, info.limit or 0, info.window_seconds or 0) > _MOST:
        return None
    return info


_MOST = 10**9  # requests or seconds; nobody's quota


def asked_wait(response: httpx2.Response) -> float | None:
    """Seconds the server asks to wait: its `RateLimit` where the bucket is empty, else `Retry-After`, else None."""
    info = rate_limit(response.headers)
    if response.status_code == 429 and info is not None and info.remaining == 0:
        return info.reset_in_seconds + 1.0
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[-12:]), _MOST) if value[:-12].strip("0") == "" else _MOST)
    moment = _moment(value)
    return None if moment is None else max((moment - datetime.now(UTC)).total_seconds(), 0.0)


def sent_at(response: httpx2.Response) -> datetime | None:
    """When the server sent an answer, by its own clock; None where it does not say."""
    return _moment(response.headers.get("date", "").strip())


def _moment(value: str) -> datetime | None:
    """A date as HTTP writes it."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def backoff(tried: int) -> float:
    """Seconds to wait after so many tries where the server says nothing; spread, so that workers do not meet."""
    base = BACKOFF_SECONDS[min(tried, len(BACKOFF_SECONDS) - 1)]
    return base * random.uniform(0.75, 1.25)  # noqa: S311 - spreads workers out; no secret


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; equal origins are the same server."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return ("", "", None)
    return (parts.scheme, (parts.hostname or "").lower(), port)


def where(response: httpx2.Response) -> str:
    """The address that an answer came from, for messages."""
    return shown(str(response.request.url))


def shown(url: str) -> str:
    """An address for messages: no query, which may carry a signature or a cursor, and no credentials."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an unusable address"
    host = parts.hostname or ""
    return printable(f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}")[:300]


class _Said(msgspec.Struct):
    error: str | None = None


def words_of(headers: httpx2.Headers, body: bytes) -> str:
    """What the server says of an error, in its header or in its JSON; empty where it says nothing."""
    said = headers.get("x-error-message")
    if not said:
        try:
            said = msgspec.json.decode(body, type=_Said).error
        except (ValueError, RecursionError):
            said = None
    return printable(" ".join((said or "").split()))[:200]


def printable(text: str) -> str:
    """Text for a terminal: nothing of it moves the cursor or turns the line around."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def without_body(headers: httpx2.Headers) -> httpx2.Headers:
    """Headers for a body that has been decoded already."""
    return httpx2.Headers([(k, v) for k, v in headers.multi_items() if k not in _BODY_HEADERS])


_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def first_line(error: Exception) -> str:
    """The first line of an error's words, printable and short."""
    text = str(error).strip()
    return printable(text.splitlines()[0][:200]) if text else ""
