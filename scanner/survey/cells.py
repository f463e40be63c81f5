"""What is known of an undecided model beforehand and may tell on which side it lies: the cells that strata are made of.

Nothing here need be right: a poor guess widens the interval and biases nothing, since within a stratum chance decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from estimators.interface import Basis

if TYPE_CHECKING:
    from scanner.catalogue.frame import FrameRow

Cell: TypeAlias = tuple[str, str, int, int]
"""Format, size class, band of downloads, year of creation."""

FORMATS = ("adapter", "safetensors", "gguf", "onnx", "reinforcement-learning", "described", "other")
ABOVE, BELOW, UNKNOWN = "above", "below", "unknown"
SIZE_CLASSES = (ABOVE, UNKNOWN, BELOW)
GUESSED_SHARE = {ABOVE: 0.95, UNKNOWN: 0.6, BELOW: 0.15}
"""Share in scope to be expected of a size class, for the allocation of the sample only."""

BANDS = (0, 1, 4, 10, 32, 100, 316, 1_000, 3_162, 10_000, 31_623, 100_000, 316_228, 1_000_000, 10_000_000)
"""Least downloads of each band; half a decade wide where most models are, so that within one they weigh alike."""

FIRST_YEAR = 2022  # the Hub gives older repositories this year of creation
_LEARNT_BY_REINFORCEMENT = re.compile(
    r"(?<![a-z0-9])(?:ppo|dqn|a2c|sac|td3|trpo|qrdqn|tqc|reinforce|q-learning)(?![a-z])"
)


def cell_of(row: FrameRow, thresholds: Sequence[int]) -> Cell:
    """The cell of a model."""
    return format_of(row), size_class(row.point, thresholds), band_of(row.downloads), max(row.year or 0, FIRST_YEAR)


def format_of(row: FrameRow) -> str:
    """Of what kind its weights seem to be, by where its count comes from and by its name."""
    if row.adapter:
        return "adapter"
    name = row.name.rpartition("/")[2].lower()
    if row.basis == Basis.HUB_GGUF or "gguf" in name:
        return "gguf"
    if row.basis == Basis.HUB_SAFETENSORS:
        return "safetensors"
    if "onnx" in name:
        return "onnx"
    if _LEARNT_BY_REINFORCEMENT.search(name):
        return "reinforcement-learning"
    return "described" if row.basis in (Basis.MODEL_NAME, Basis.CONFIG_ARITHMETIC) else "other"


def size_class(point: int | None, thresholds: Sequence[int]) -> str:
    """On which side of all thresholds the best number lies, however weak it is."""
    if not point:
        return UNKNOWN
    if point > max(thresholds):
        return ABOVE
    return BELOW if point <= min(thresholds) else UNKNOWN


def band_of(downloads: int) -> int:
    """The number of the band of downloads."""
    return next(number for number in range(len(BANDS) - 1, -1, -1) if downloads >= BANDS[number])
