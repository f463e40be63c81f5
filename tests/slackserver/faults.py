"""What can go wrong between a client and Slack, each a number of times, and how often it did."""

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What goes wrong, and whether the request was acted upon before."""

    RATE_LIMIT = "rate-limit"  # 429, nothing is done
    FAIL_BEFORE = "fail-before"  # an HTTP error, nothing is done
    FAIL_AFTER = "fail-after"  # it is done, and the answer is an HTTP error
    CUT_BEFORE = "cut-before"  # the connection ends without an answer, nothing is done
    CUT_AFTER = "cut-after"  # it is done, and the connection ends without an answer
    STALL = "stall"  # no answer for some seconds, then the connection ends; nothing is done
    GARBAGE = "garbage"  # it is done, and the answer is a text that is no JSON
    ANSWER = "answer"  # an answer of the test's own, nothing is done


AFTER = frozenset({Kind.FAIL_AFTER, Kind.CUT_AFTER, Kind.GARBAGE})


@dataclass
class Fault:
    """One fault that is still to happen.

    Attributes:
        method: of the Web API, "webhook" or "upload"; None for any.
        times: how often it still happens.
        retry_after: the header's text; None for no such header.
        status, body: of the answer.
        seconds: how long to stall.
    """

    kind: Kind
    method: str | None = None
    times: int = 1
    retry_after: str | None = None
    status: int = 500
    body: str = ""
    seconds: float = 0

    @property
    def after(self) -> bool:
        """Whether the request is acted upon all the same."""
        return self.kind in AFTER


class Faults:
    """Faults in the order they were asked for; `hits` counts the ones that happened, by kind."""

    def __init__(self) -> None:
        self.hits: Counter[Kind] = Counter()
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def rate_limit(self, times: int = 1, *, retry_after: str | None = "1", method: str | None = None) -> None:
        """Answer 429 with that header."""
        self._add(Fault(Kind.RATE_LIMIT, method, times, retry_after=retry_after, status=429))

    def fail_before(self, times: int = 1, *, status: int = 503, body: str = "", method: str | None = None) -> None:
        """Answer an HTTP error and do nothing."""
        self._add(Fault(Kind.FAIL_BEFORE, method, times, status=status, body=body))

    def fail_after(self, times: int = 1, *, status: int = 500, body: str = "", method: str | None = None) -> None:
        """Do it, and answer an HTTP error."""
        self._add(Fault(Kind.FAIL_AFTER, method, times, status=status, body=body))

    def cut_before(self, times: int = 1, *, method: str | None = None) -> None:
        """End the connection and do nothing."""
        self._add(Fault(Kind.CUT_BEFORE, method, times))

    def cut_after(self, times: int = 1, *, method: str | None = None) -> None:
        """Do it, and end the connection without an answer."""
        self._add(Fault(Kind.CUT_AFTER, method, times))

    def stall(self, times: int = 1, *, seconds: float = 30, method: str | None = None) -> None:
        """Say nothing for that long, or until the server stops, then end the connection; do nothing."""
        self._add(Fault(Kind.STALL, method, times, seconds=seconds))

    def garbage(self, times: int = 1, *, body: str = "<html>", status: int = 200, method: str | None = None) -> None:
        """Do it, and answer a text that is no JSON."""
        self._add(Fault(Kind.GARBAGE, method, times, body=body, status=status))

    def answer(self, body: str, times: int = 1, *, status: int = 200, method: str | None = None) -> None:
        """Answer that text and do nothing: `{"ok": false, "error": "internal_error"}`, or a webhook's error text."""
        self._add(Fault(Kind.ANSWER, method, times, body=body, status=status))

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str) -> Fault | None:
        """The fault that happens to this request, counted."""
        with self._lock:
            for fault in self._waiting:
                if fault.times > 0 and fault.method in {None, method}:
                    fault.times -= 1
                    self.hits[fault.kind] += 1
                    return fault
        return None

    def _add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)
