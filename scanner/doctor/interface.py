"""What a check is given, and what it says."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from scanner.errors import IncompleteError

if TYPE_CHECKING:
    from datetime import datetime
    from multiprocessing.pool import AsyncResult

    from config.settings import Settings
    from scanner.doctor.gather import CatalogueState, SlackState
    from scanner.sources.probe import HubState

T = TypeVar("T")


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found.

    Attributes:
        found: one sentence; never a secret.
        fix: what to do about it; empty where nothing is to be done.
    """

    state: State
    found: str
    fix: str = ""


def ok(found: str) -> Finding:
    """All is well."""
    return Finding(State.OK, found)


def warn(found: str, fix: str) -> Finding:
    """It works, but not as well as it could, or nobody could tell."""
    return Finding(State.WARN, found, fix)


def fail(found: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(State.FAIL, found, fix)


class Gathered(Generic[T]):
    """Facts that are being gathered in another thread, and are waited for until a moment."""

    def __init__(self, who: str, result: AsyncResult[T], seconds: float) -> None:
        self._who, self._result, self._seconds = who, result, seconds
        self._end = time.monotonic() + seconds

    def get(self) -> T:
        """The facts.

        Raises:
            IncompleteError: they did not come in time.
            Exception: what the gathering raised.
        """
        try:
            return self._result.get(max(self._end - time.monotonic(), 0.0))
        except multiprocessing.TimeoutError:
            raise IncompleteError(f"{self._who} gave no answer within {self._seconds:g} seconds") from None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that checks look at.

    Attributes:
        source: where the settings come from.
        version: of hubscope.
        token_source: what the Hub's token comes from; empty where there is none.
        hub, slack: None where they are not to be asked; `slack` also without a bot token.
    """

    settings: Settings
    source: str
    version: str
    now: Callable[[], datetime]
    token_source: str
    catalogue: Gathered[CatalogueState]
    hub: Gathered[HubState] | None
    slack: Gathered[SlackState] | None


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the registry.

    Attributes:
        run: yields what it finds; may raise what `registry.FAMILIES` names.
        fix: what to do where it raises.
        asks: it is about what the Hub or Slack answers.
    """

    name: str
    run: Callable[[Surroundings], Iterator[Finding]]
    fix: str
    asks: bool = False
