"""When a call to Slack is repeated at once: slack_sdk's retry handlers, with waits that end.

The SDK's own handlers sleep as long as a server says, with no limit, and take any connection error for one that may
be repeated. A message whose answer was lost may have been posted, so only callers that merely ask use all of these.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from notifiers.slack_errors import seconds
from notifiers.transport import NoAnswer, NotConnected

MAX_RETRIES = 3  # of one call, whatever the causes
FIRST_WAIT = 1.0  # seconds, where the server names none; doubled each time

Outcome: TypeAlias = HttpResponse | Exception | None


class Patience:
    """Seconds that one call may still spend waiting; shared by its handlers, renewed before each call."""

    def __init__(self, sleep: Callable[[float], object], max_wait_seconds: float) -> None:
        self._sleep, self._max = sleep, max_wait_seconds
        self._left = max_wait_seconds

    def renew(self) -> None:
        """A new call begins."""
        self._left = self._max

    def allows(self, wait: float) -> bool:
        """Whether that many seconds are left."""
        return wait <= self._left

    def spend(self, wait: float) -> None:
        """Wait."""
        self._left -= wait
        self._sleep(wait)


class PatientHandler(RetryHandler, ABC):
    """Base: says which failures it is for, and how long to wait before the next attempt."""

    def __init__(self, patience: Patience) -> None:
        super().__init__(max_retry_count=MAX_RETRIES)
        self._patience = patience

    @abstractmethod
    def wait_before(self, attempt: int, outcome: Outcome) -> float | None:
        """Seconds before the next attempt; None where there shall be none."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,  # noqa: ARG002  # part of the SDK's interface
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        wait = self.wait_before(state.current_attempt, response or error)
        return wait is not None and self._patience.allows(wait)

    def prepare_for_next_attempt(
        self,
        *,
        state: RetryState,
        request: HttpRequest,  # noqa: ARG002  # part of the SDK's interface
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        """Wait, then ask for the next attempt."""
        self._patience.spend(self.wait_before(state.current_attempt, response or error) or 0)
        state.next_attempt_requested = True
        state.increment_current_attempt()


class RateLimits(PatientHandler):
    """HTTP 429: the server's own number of seconds."""

    def wait_before(self, attempt: int, outcome: Outcome) -> float | None:
        """The server's number, where it names a sensible one; else a second, then twice as long each time."""
        if not isinstance(outcome, HttpResponse) or outcome.status_code != 429:
            return None
        wanted = seconds(retry_after(outcome))
        return _backoff(attempt) if wanted is None else wanted


class NoConnections(PatientHandler):
    """Connections that never came about, so that nothing was sent."""

    def wait_before(self, attempt: int, outcome: Outcome) -> float | None:
        """A second, then twice as long each time."""
        return _backoff(attempt) if isinstance(outcome, NotConnected) else None


class ServerErrors(PatientHandler):
    """HTTP 5xx; only for calls that change nothing."""

    def wait_before(self, attempt: int, outcome: Outcome) -> float | None:
        """A second, then twice as long each time."""
        return _backoff(attempt) if isinstance(outcome, HttpResponse) and outcome.status_code >= 500 else None


class LostConnections(PatientHandler):
    """Connections that broke before the answer was whole; only for calls that change nothing."""

    def wait_before(self, attempt: int, outcome: Outcome) -> float | None:
        """A second, then twice as long each time."""
        return _backoff(attempt) if isinstance(outcome, NoAnswer) else None


def _backoff(attempt: int) -> float:
    return FIRST_WAIT * (1 << attempt)


def for_posting(patience: Patience) -> list[RetryHandler]:
    """Handlers for calls that make something visible: only what certainly left nothing behind is repeated."""
    return [RateLimits(patience), NoConnections(patience)]


def for_asking(patience: Patience) -> list[RetryHandler]:
    """Handlers for calls that change nothing."""
    return [*for_posting(patience), ServerErrors(patience), LostConnections(patience)]


def retry_after(response: HttpResponse) -> str | None:
    """The Retry-After header of an answer as the SDK hands it on."""
    for name, values in response.headers.items():
        if name.lower() == "retry-after" and values:
            return str(values[0] if isinstance(values, list) else values)
    return None
