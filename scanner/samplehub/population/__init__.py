"""The built-in population: repositories of every kind met in the wild, all with invented owners and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.samplehub.population import (
    boundary,
    broken,
    checkpoints,
    composed,
    ggufs,
    quantised,
    restricted,
    transformers,
)
from scanner.samplehub.population.making import distinct

if TYPE_CHECKING:
    from scanner.samplehub.repository import Repository


def build() -> list[Repository]:
    """All repositories, made anew."""
    modules = (transformers, quantised, boundary, ggufs, checkpoints, composed, restricted)
    sound = [repository for module in modules for repository in module.build()]
    return [*map(distinct, sound), *broken.build()]
