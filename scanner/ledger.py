"""What a run has done so far: its counters, over all its stretches, as the catalogue keeps them with every write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.catalogue.tables import Run

COUNTED = (
    "listed", "skipped", "deep_reads", "texts_read", "texts_ranked", "bytes_read", "footprint",
)  # fmt: skip
"""Columns of a run that its own parts raise as they go; see tables.Run."""


class Asking(Protocol):
    """Whoever sends the requests of a run, and counts them."""

    requests: dict[str, int]
    asked: int
    unanswered: int


@dataclass
class Ledger:
    """The counters of one run.

    Attributes:
        run: its row; its own counters are raised in place.
        client: counts the requests of this stretch.
        opened: models noted to have their counts looked at, in this stretch or left by an earlier one.
        settled: of those, the ones looked at.
        unsettled: of those looked at, the ones that are undecided all the same.
    """

    run: Run
    client: Asking
    opened: int = 0
    settled: int = 0
    unsettled: int = 0
    _requests_before: dict[str, int] = field(init=False)
    _answers_before: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self._requests_before = dict(self.run.requests)
        self._answers_before = (self.run.asked, self.run.unanswered)

    @property
    def run_id(self) -> int:
        """The run's id in the catalogue."""
        assert self.run.id is not None  # noqa: S101 - the store gives every run an id
        return self.run.id

    @property
    def answers(self) -> tuple[int, int]:
        """Answers wanted, and those that never came."""
        asked, unanswered = self._answers_before
        return asked + self.client.asked, unanswered + self.client.unanswered

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests by bucket."""
        before, since = self._requests_before, self.client.requests.copy()
        return {bucket: before.get(bucket, 0) + since.get(bucket, 0) for bucket in sorted({*before, *since})}

    def columns(self) -> dict[str, Any]:
        """The columns of the run that grow with every request."""
        asked, unanswered = self.answers
        counted = {name: getattr(self.run, name) for name in COUNTED}
        return {**counted, "asked": asked, "unanswered": unanswered, "requests": dict(self.requests)}
