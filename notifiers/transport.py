"""HTTP as Slack's clients need it: one request, one answer, and for failures whether anything was sent.

slack_sdk sends through `urllib.request.urlopen`. That follows redirects with the token in hand, takes the first proxy
variable for loopback addresses too, reads answers of any size, and calls a refused connection and one that was cut
after the message was sent by the same name. This opener does none of it; the SDK's clients are given it in slack.py
and webhook.py.
"""

import ssl
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from typing import cast
from urllib.error import URLError
from urllib.parse import urlsplit

from notifiers.render.safe import visible

MAX_ANSWER_BYTES = 16_000_000  # a page of 200 messages of 13,200 characters of blocks stays below; more is no answer
READ_BYTES = 65_536
_REASON_LENGTH = 200


class NotConnected(ConnectionError):
    """No connection came about, so nothing was sent."""


class NoAnswer(Exception):
    """The request was sent, wholly or in part, and no usable answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        headers: as they came; look-ups ignore case.
        body: decoded as UTF-8 whatever the server says; bytes that are none become U+FFFD.
    """

    status: int
    headers: Message
    body: str


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_allowed(url: str) -> bool:
    """Whether secrets may go there: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            return False
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))


class Transport:
    """Sends requests one at a time. Proxies come from the environment, and `NO_PROXY` and loopback need none.

    Attributes:
        timeout: seconds to wait for a connection and for each piece of an answer, and for the whole of its body.
        behind: how far the server's clock was behind this machine's by its last answer; nothing where it was ahead.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.behind = timedelta()

    def send(self, request: urllib.request.Request) -> Answer:
        """Send one request; every status is an answer, redirects too.

        Raises:
            NotConnected: nothing was sent.
            NoAnswer: something was sent.
        """
        try:
            response = cast(HTTPResponse, _opener(request.full_url).open(request, timeout=self.timeout))
            with response:
                self._compare_clocks(response.headers.get("Date"))
                return Answer(response.status, response.headers, self._body(response))
        except URLError as error:
            if isinstance(error.reason, NotConnected):
                raise error.reason from error
            raise NoAnswer(reason_of(error.reason)) from error
        except (OSError, HTTPException) as error:
            raise NoAnswer(reason_of(error)) from error

    def _compare_clocks(self, date: str | None) -> None:
        try:
            theirs = parsedate_to_datetime(date or "")
        except ValueError:
            return
        if theirs.tzinfo is not None:
            self.behind = max(datetime.now(UTC) - theirs, timedelta())

    def _body(self, response: HTTPResponse) -> str:
        deadline = time.monotonic() + self.timeout
        pieces: list[bytes] = []
        total = 0
        while piece := response.read1(READ_BYTES):
            pieces.append(piece)
            total += len(piece)
            if total > MAX_ANSWER_BYTES:
                raise NoAnswer(f"the answer is longer than {MAX_ANSWER_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise NoAnswer(f"the answer was not complete after {self.timeout:g} seconds")
        if response.length:
            raise NoAnswer("the answer ended early")
        return b"".join(pieces).decode("utf-8", "replace")


def reason_of(error: BaseException | str) -> str:
    """What a failure says of itself, on one line and short; its class where it says nothing."""
    text = error if isinstance(error, str) else str(error) or type(error).__name__
    return visible(text.strip(), _REASON_LENGTH)


def _opener(url: str) -> urllib.request.OpenerDirector:
    """An opener without redirects, cookies, passwords, files or FTP; for https certificates are checked."""
    opener = urllib.request.OpenerDirector()
    opener.add_handler(urllib.request.ProxyHandler({} if is_loopback(url) else None))
    opener.add_handler(_PlainHandler())
    opener.add_handler(_SecureHandler())
    return opener


class _PlainConnection(HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPException) as error:
            raise NotConnected(reason_of(error)) from error


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPException) as error:
            raise NotConnected(reason_of(error)) from error


class _PlainHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_PlainConnection, req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req, context=ssl.create_default_context())
