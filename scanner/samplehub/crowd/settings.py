"""What a crowd is made from: how many models, of which kinds, and how often something unusual."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("safetensors", "gguf", "bin", "adapter", "other", "none")
PLANNING = dict(zip(KINDS, (0.48, 0.08, 0.14, 0.12, 0.08, 0.10), strict=True))
"""No census of the Hub is known: the mix that plans are made with (estimate of November 2026)."""

PESSIMISTIC = dict(zip(KINDS, (0.21, 0.04, 0.31, 0.19, 0.13, 0.12), strict=True))
"""A Hub where the listing declares a count for one model in four."""

MIXES: Mapping[str, Mapping[str, float]] = {"planning": PLANNING, "pessimistic": PESSIMISTIC}
MOST_MODELS = 1 << 23  # names and ids have room for twice as many; the rest is for those that later weeks add


def parse_mix(text: str) -> Mapping[str, float]:
    """`planning`, `pessimistic`, or shares like `safetensors=0.25,bin=0.3,none=0.45` that sum to one.

    Raises:
        ValueError: a kind that does not exist, a share that is none, or another sum.
    """
    if text in MIXES:
        return MIXES[text]
    shares: dict[str, float] = {}
    for part in text.split(","):
        kind, _, share = part.partition("=")
        shares[kind.strip()] = float(share)
    return shares


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a crowd is a function of.

    Attributes:
        models: How many there are before any week has passed.
        seed: Other seeds give other crowds of the same kind.
        mix: Share of each kind, summing to one.
        heavy_tail: Share of rows with 200 kB of card data or 10,000 siblings, half of each.
        graphs: Share of ONNX and HDF5 among the models of kind "other", whose headers are scattered.
        wrong: Share of models with a safetensors block whose declared total is not their count: half of them an
            index that overrides it, half packed weights counted as they are stored.
        near: Share of models within three percent of the threshold of 1,000,000.
        copies: Share of safetensors and .bin models whose weights are those of an older model, byte by byte.
        gated: Share of models whose files nobody may read without asking.
        disabled: Share of models that the Hub has disabled.
        week: How many weeks of changes have passed.
        changed: Share of models that something happens to in one week, see `calendar.Week`.
    """

    models: int
    seed: int = 0
    mix: Mapping[str, float] = field(default_factory=lambda: PLANNING)
    heavy_tail: float = 0.0
    graphs: float = 0.25
    wrong: float = 0.04
    near: float = 0.03
    copies: float = 0.05
    gated: float = 0.02
    disabled: float = 0.001
    week: int = 0
    changed: float = 0.01

    def __post_init__(self) -> None:
        if not 1 <= self.models <= MOST_MODELS:
            raise ValueError(f"models: {self.models} is not within 1 and {MOST_MODELS}")
        if not 0 <= self.seed < 1 << 64 or not 0 <= self.week <= 52:
            raise ValueError("seed must fit 64 bits, and week lie within 0 and 52")
        if unknown := set(self.mix) - set(KINDS):
            raise ValueError(f"mix: no such kind: {', '.join(sorted(unknown))} (there are {', '.join(KINDS)})")
        shares = ("heavy_tail", "graphs", "wrong", "near", "copies", "gated", "disabled", "changed")
        named = {name: getattr(self, name) for name in shares} | {f"mix {kind}": v for kind, v in self.mix.items()}
        for name, share in named.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: {share} is no share")
        if not math.isclose(sum(self.mix.values()), 1, abs_tol=1e-6):
            raise ValueError(f"mix: the shares sum to {sum(self.mix.values()):g}, not to 1")

    def thresholds(self) -> list[int]:
        """Upper ends of each kind's part of a 32-bit draw, in the order of `KINDS`."""
        return [round(share * (1 << 32)) for share in accumulate(self.mix.get(kind, 0.0) for kind in KINDS)]
