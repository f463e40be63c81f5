"""Whether a listing can be believed: one that loses or empties much of what was known is not to be trusted.

A Hub that answers with half of its models, or without the field that says how many parameters each has, would make
three million verdicts move at once. Such a run is suspect: what it saw is kept apart and nothing is published of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.assessment import Assessment
    from scanner.facts import ModelFacts

ENOUGH = 20
"""Models that must have been known before: of fewer, some may well go at once."""
EARLY = 2_000
"""Models seen again after which a listing that empties them is stopped at once."""

SEEN = "seen"
FIELDS = {
    "count": "the declared number of parameters",
    "files": "the list of files",
    "revision": "the revision",
}
"""What a listing told of a model and may suddenly tell no more, in words."""


class Suspect(Exception):
    """A listing cannot be believed; the message says why."""


@dataclass
class Guard:
    """Counts what one listing no longer says of models that were known.

    Attributes:
        most: the share of them that may be lost or emptied.
        seen: models known before that were seen again.
        emptied: of those, how many lost what they had, by field.
    """

    most: float
    seen: int = 0
    emptied: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, most: float, doubts: Mapping[str, int] | None) -> Guard:
        """A guard that goes on with what an earlier stretch of the same listing has seen."""
        counted = Counter({name: number for name, number in (doubts or {}).items() if name in FIELDS})
        return cls(most, (doubts or {}).get(SEEN, 0), counted)

    def doubts(self) -> dict[str, int]:
        """What was seen so far, to be stored with the run."""
        return {SEEN: self.seen, **self.emptied}

    def unchanged(self, models: int) -> None:
        """So many models are as they were."""
        self.seen += models

    def compare(self, before: Assessment, now: ModelFacts, declared_now: int | None) -> None:
        """One model that was known, as it is listed now.

        Args:
            before: what was known of it.
            now: what the listing says.
            declared_now: the number of parameters that it declares.
        """
        self.seen += 1
        had_count = before.declared_sum is not None or before.declared_total is not None
        if had_count and declared_now is None:
            self.emptied["count"] += 1
        if before.revision is not None and now.sha is None:
            self.emptied["revision"] += 1
        if not now.files and before.estimate is not None and before.estimate.low > 0:
            self.emptied["files"] += 1

    def doubt(self, *, early: bool = False) -> str:
        """Why the listing is suspect so far; empty where it is not.

        Args:
            early: while it still goes on; then only what many models show counts.
        """
        if self.seen < (EARLY if early else ENOUGH):
            return ""
        name, emptied = max(self.emptied.items(), key=lambda item: item[1], default=("", 0))
        if emptied <= self.most * self.seen:
            return ""
        return (
            f"{emptied:,} of {self.seen:,} models that were known before are listed without {FIELDS[name]}, "
            f"which they had; more than {self.most:.0%} is no change of theirs"
        )

    def losses(self, known: int, lost: int) -> str:
        """Why a listing that shows so many models no more is suspect; empty where it is not.

        Args:
            known: models that it had to show.
            lost: of those, the ones it did not.
        """
        if known < ENOUGH or lost <= self.most * known:
            return ""
        return (
            f"{lost:,} of {known:,} models that were known before are listed no more; that is more than {self.most:.0%}"
        )
