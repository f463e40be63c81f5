"""Which models are drawn, and in which order they are read.

Every model has a permanent random number, a keyed hash of its key. Within a stratum models come by that number, so that
whoever is read first is a simple random sample, however the rows were stored and wherever reading stops. Between strata
the order is fixed beforehand: the heaviest first, then two of each stratum, then in proportion to the plan. A sample of
n models is the beginning of the sample of n + 1.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from scanner.survey.population import Open
from scanner.survey.strata import LEAST_TAKEN, Design, Stratum


@dataclass(frozen=True, slots=True)
class Drawn:
    """One model of the sample.

    Attributes:
        stratum: its number.
        rank: its place in the stratum's random order, from 0.
        random: its permanent random number.
        sizes: its three sizes.
    """

    stratum: int
    rank: int
    random: int
    sizes: tuple[float, float, float]


def reading_order(strata: Sequence[Stratum]) -> Iterator[tuple[int, int]]:
    """Stratum and rank of every open model, in the order in which they are read."""
    for number, stratum in enumerate(strata):
        if stratum.certain:
            yield from ((number, rank) for rank in range(stratum.models))
    rest = [(number, stratum) for number, stratum in enumerate(strata) if not stratum.certain]
    for rank in range(LEAST_TAKEN):
        yield from ((number, rank) for number, stratum in rest if rank < stratum.models)

    def by_plan(number: int, stratum: Stratum) -> Iterator[tuple[float, int, int]]:
        planned = max(stratum.planned, 1)
        return (((rank + 0.5) / planned, number, rank) for rank in range(LEAST_TAKEN, stratum.models))

    for _, number, rank in heapq.merge(*(by_plan(number, stratum) for number, stratum in rest)):
        yield number, rank


def draw(opened: Open, design: Design, most: int) -> list[Drawn]:
    """The first `most` models of the order."""
    order = list(islice(reading_order(design.strata), most))
    wanted = [0] * len(design.strata)
    for number, _ in order:
        wanted[number] += 1
    first: list[list[tuple[int, int]]] = [[] for _ in design.strata]  # heaps, the largest random number on top
    for row, random in enumerate(opened.random):
        number = design.stratum_of(opened, row)
        heap = first[number]
        if len(heap) < wanted[number]:
            heapq.heappush(heap, (-random, row))
        elif wanted[number] and -random > heap[0][0]:
            heapq.heapreplace(heap, (-random, row))
    ranked = [sorted(((-negative, row) for negative, row in heap)) for heap in first]
    found = []
    for number, rank in order:
        random, row = ranked[number][rank]
        found.append(Drawn(number, rank, random, opened.sizes(row)))
    return found
