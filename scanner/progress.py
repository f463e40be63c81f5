"""Where a scan stands: how far it is, what is decided, what it has asked, and when it may be expected to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.ledger import Ledger
    from scanner.listing import Phase
    from scanner.quota import Gate
    from scanner.reading import ReadingPool

ENOUGH_SECONDS = 5.0  # of work, before a rate says anything


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a scan stands, for whoever watches.

    Attributes:
        phase: what the listing's side of it is doing.
        listed: models listed.
        expected: models that will be listed, as far as that is known.
        undecided: of those listed, the ones whose count is still open, or stayed so.
        done: models looked at further.
        waiting: looks under way.
        requests: requests sent to the Hub.
        left: requests left in each window of the quota, by bucket.
        seconds_left: until the end at the pace so far; None where that is not known.
    """

    phase: Phase
    listed: int
    expected: int | None
    undecided: int
    done: int
    waiting: int
    requests: int
    left: Mapping[str, int]
    seconds_left: float | None

    @property
    def decided_share(self) -> float | None:
        """Share of the models listed that are decided; None before there is one."""
        return None if not self.listed else max(0.0, 1 - self.undecided / self.listed)


@dataclass
class Watch:
    """Makes the progress of one stretch of a run."""

    ledger: Ledger
    pool: ReadingPool
    expected: int | None
    gate: Gate
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _listed_before: int = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._listed_before = self.ledger.run.listed

    def now(self, phase: Phase) -> Progress:
        """The progress at this moment."""
        ledger = self.ledger
        elsewhere = ledger.requests.get("elsewhere", 0)
        return Progress(
            phase=phase,
            listed=ledger.run.listed,
            expected=self.expected,
            undecided=max(ledger.opened - ledger.settled, 0) + ledger.unsettled,
            done=self.pool.done,
            waiting=self.pool.waiting,
            requests=sum(ledger.requests.values()) - elsewhere,
            left=self.gate.left(),
            seconds_left=self._seconds_left(phase),
        )

    def _seconds_left(self, phase: Phase) -> float | None:
        """The longer of listing the rest and looking at what is open, each at its own pace so far."""
        ledger, elapsed = self.ledger, self.clock() - self._began
        if elapsed < ENOUGH_SECONDS:
            return None
        needed = []
        if phase == "listing":
            listed = ledger.run.listed - self._listed_before
            if self.expected is None or listed <= 0:
                return None
            needed.append(max(self.expected - ledger.run.listed, 0) * elapsed / listed)
        still_open = max(ledger.opened - ledger.settled, 0)
        if still_open:
            if ledger.settled <= 0:
                return None
            needed.append(still_open * elapsed / ledger.settled)
        return max(needed, default=0.0)
