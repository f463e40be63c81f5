"""What the benchmarks of declared restrictions share: reading one repository's texts, sets of codes, rates.

The interval is Wilson's score interval (E. B. Wilson, Probable Inference, JASA 22, 1927), which stays inside 0 and 1
and tells something where nothing was hit: 0 of 2,000 is "at most 0.19 %", not "none".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config.territories import load_territories
from scanner.restrictions.interface import Declaration, Gated, Kind, Restrictions
from scanner.restrictions.reader import TextFile, is_licence_file, read_repository

MAINLAND_CHINA = "CN"
Z_95 = 1.959963984540054  # two-sided 95 % of the normal distribution


@dataclass(frozen=True, slots=True)
class Rate:
    """Some of many. Without any trial the value is not a number, which no floor lets pass."""

    hits: int = 0
    trials: int = 0

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.hits + other.hits, self.trials + other.trials)

    @property
    def value(self) -> float:
        return self.hits / self.trials if self.trials else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval at 95 %."""
        if not self.trials:
            return 0.0, 1.0
        share, spread = self.hits / self.trials, Z_95**2 / self.trials
        middle = share + spread / 2
        half = math.sqrt(spread * (share * (1 - share) + spread / 4))
        low = (middle - half) / (1 + spread) if self.hits else 0.0
        high = (middle + half) / (1 + spread) if self.hits < self.trials else 1.0
        return low, high

    def __str__(self) -> str:
        if not self.trials:
            return "none to judge"
        low, high = self.interval
        return f"{self.value:7.2%} ({self.hits} of {self.trials}; {low:.2%} to {high:.2%})"


NO_TRIALS = Rate()


def read_texts(files: Mapping[str, str], gated: Gated = False) -> Restrictions:
    """Read a repository of which only texts are given: README.md as its card, licence-like files as such.

    Front matter stands in for the card data, and other files are left alone, as in `hubscope check` of a folder.
    """
    card = TextFile("README.md", files["README.md"]) if "README.md" in files else None
    licences = [TextFile(path, text) for path, text in files.items() if is_licence_file(path)]
    return read_repository(card_data=None, gated=gated, card=card, licence_files=licences)


def limits(restrictions: Restrictions) -> list[Declaration]:
    """Return the declarations that limit the repository itself: active, its own, no embargo."""
    return [
        one for one in restrictions.items if one.active and one.kind is not Kind.EMBARGO and one.inherited_from is None
    ]


def members(codes: Iterable[str]) -> frozenset[str]:
    """Spell out the Union, so that its name and the list of all its members are the same set."""
    union = load_territories().groups["EU"].members
    return frozenset(code for one in codes for code in (union if one == "EU" else (one,)))


def shown(codes: Iterable[str]) -> str:
    """Codes for a person to read, with the Union by its name."""
    union = frozenset(load_territories().groups["EU"].members)
    spelled = members(codes)
    if union <= spelled:
        spelled = (spelled - union) | {"EU"}
    return " ".join(sorted(spelled)) or "-"
