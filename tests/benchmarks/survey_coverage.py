"""How often a survey's 95% intervals hold the truth: `python -m tests.benchmarks.survey_coverage`.

Made-up frames whose truth is known (heavy-tailed downloads, classes of quantised copies, rare kinds, shares near 0 and
1, models that cannot be read) are surveyed 1,000 times each with different seeds, through the very code of `hubscope
survey` but for the catalogue and the requests. Printed are, for each denominator, the share of replications whose
interval holds the truth, and the mean width of the interval; of the frames where models stay unread not at random, the
same for the interval of the worst case.

    --replications N    instead of 1,000
    --models N          in each frame, instead of 40,000
    --frame-seed N      other frames of the same kinds
    --only FRAME        one of them
"""

from __future__ import annotations

import argparse
import sys
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from scanner.catalogue.frame import FrameRow
from scanner.survey.estimates import Estimate
from scanner.survey.population import DENOMINATORS, Population, build
from scanner.survey.results import Answered, Sample, shares
from scanner.survey.sampling import draw
from scanner.survey.strata import make_design

THRESHOLD = 1_000_000
BUDGETS = (200, 2000)
REQUESTS_PER_MODEL = 2.2  # a page and mostly one file
OPEN, IN, OUT = ("undecided", "undecided"), ("in_scope", "in_scope"), ("out_of_scope", "out_of_scope")
TARGET = 0.93


@dataclass(frozen=True)
class Kind:
    """A kind of model in a made-up frame.

    Attributes:
        part: of the frame.
        open: share of them that the listing leaves undecided.
        in_scope: share of the open ones that are in scope, given their downloads.
        point: the number that their names give, None for none.
        missing: share of the open ones that cannot be read, given whether they are in scope.
    """

    part: float
    open: float
    in_scope: Callable[[np.ndarray], np.ndarray]
    basis: str = "none"
    point: int | None = None
    name: str = "model"
    adapter: bool = False
    copies: float = 0.0
    missing: tuple[float, float] = (0.0, 0.0)


def flat(share: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda downloads: np.full(len(downloads), share)


def rising(low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    """More often in scope the more they are downloaded."""
    return lambda downloads: low + (high - low) * np.clip(np.log10(downloads + 1.0) / 6.0, 0.0, 1.0)


FRAMES: Mapping[str, tuple[Kind, ...]] = {
    "mixed": (
        Kind(0.45, 0.05, rising(0.7, 0.98), "hub-safetensors", 7_000_000_000),
        Kind(0.20, 0.10, flat(0.98), "hub-gguf", name="model-gguf", copies=1.0),
        Kind(0.12, 1.00, rising(0.85, 0.4), adapter=True),
        Kind(0.13, 1.00, rising(0.5, 0.97)),
        Kind(0.06, 1.00, flat(0.9), "model-name", 1_500_000_000),
        Kind(0.04, 1.00, flat(0.04), name="ppo-cart"),
    ),
    "near 0 and 1": (
        Kind(0.30, 0.00, flat(1.0), "hub-safetensors", 7_000_000_000),
        Kind(0.30, 1.00, flat(0.995), "model-name", 7_000_000_000),
        Kind(0.30, 1.00, flat(0.004), name="sac-pendulum"),
        Kind(0.09, 1.00, rising(0.99, 0.9), name="model-awq", copies=0.9),
        Kind(0.01, 1.00, flat(0.5), name="model-onnx"),
    ),
    "almost none": (
        Kind(0.50, 0.00, flat(0.0), "no-weights"),
        Kind(0.50, 1.00, flat(0.01)),
    ),
    "half, by downloads": (
        Kind(0.40, 0.00, flat(1.0), "hub-safetensors"),
        Kind(0.30, 1.00, rising(0.05, 0.95)),
        Kind(0.30, 1.00, rising(0.95, 0.05), name="model-4bit", copies=0.8),
    ),
    "unread at random": (
        Kind(0.50, 0.00, flat(0.9), "hub-safetensors"),
        Kind(0.25, 1.00, flat(0.7), missing=(0.15, 0.15)),
        Kind(0.15, 1.00, flat(0.95), "model-name", 3_000_000_000, missing=(0.05, 0.05)),
        Kind(0.10, 1.00, flat(0.1), name="ppo-lunar", missing=(0.2, 0.2)),
    ),
    "unread by size": (
        Kind(0.50, 0.00, flat(0.9), "hub-safetensors"),
        Kind(0.30, 1.00, flat(0.7), missing=(0.02, 0.25)),
        Kind(0.20, 1.00, rising(0.3, 0.9), adapter=True, missing=(0.3, 0.01)),
    ),
}
AT_RANDOM = tuple(name for name in FRAMES if name != "unread by size")


@dataclass
class Made:
    """A made-up frame and its truth."""

    rows: list[FrameRow]
    value: np.ndarray
    missing: np.ndarray


def made(kinds: tuple[Kind, ...], models: int, seed: int) -> Made:
    """A frame of these kinds."""
    random = np.random.default_rng(seed)
    rows: list[FrameRow] = []
    values, missing = [], []
    for number, kind in enumerate(kinds):
        size = round(kind.part * models)
        downloads = np.minimum(np.floor(random.pareto(0.75, size) * 8.0), 3e7).astype(np.int64)
        chance = kind.in_scope(downloads)
        value = random.random(size) < chance
        opened = random.random(size) < kind.open
        lost = random.random(size) < np.where(value, kind.missing[1], kind.missing[0])
        copied = random.random(size) < kind.copies
        bases = np.minimum(random.zipf(1.7, size), 5000)
        years = random.integers(2022, 2027, size)
        for i in range(size):
            name = f"owner/{kind.name}-{number}-{i}"
            base = f"base/{bases[i]}" if copied[i] else None
            status = OPEN if opened[i] else IN if value[i] else OUT
            rows.append(
                FrameRow(
                    name, name, int(downloads[i]), int(years[i]), kind.basis, kind.adapter, base, None,
                    kind.point, True, False, (status,),
                )
            )  # fmt: skip
        values.append(value)
        missing.append(lost & opened)
    return Made(rows, np.concatenate(values), np.concatenate(missing))


def truth(population: Population, frame: Made) -> list[float]:
    """The three shares, by the sizes that the survey itself gives."""
    sums = [0.0, 0.0, 0.0]
    for pattern, sizes in population.decided.items():
        if pattern[0]:
            for d in range(3):
                sums[d] += sizes[d]
    opened = 0
    for row, value in zip(frame.rows, frame.value, strict=True):
        if row.statuses[0] != OPEN:
            continue
        if value:
            for d, size in enumerate(population.open.sizes(opened)):
                sums[d] += size
        opened += 1
    return [one / whole for one, whole in zip(sums, population.totals, strict=True)]


def replications(
    name: str, budget: int, first: int, last: int, models: int, frame_seed: int
) -> list[list[tuple[bool, bool, float, float]]]:
    """For each denominator and replication: whether each interval holds the truth, and how wide each is."""
    frame = made(FRAMES[name], models, frame_seed)
    population = build(frame.rows, [THRESHOLD], 0)
    real = truth(population, frame)
    design = make_design(population, int(budget / REQUESTS_PER_MODEL))
    opened = population.open
    is_open = np.array([row.statuses[0] == OPEN for row in frame.rows])
    value, missing = frame.value[is_open], frame.missing[is_open]
    found: list[list[tuple[bool, bool, float, float]]] = [[] for _ in DENOMINATORS]
    for seed in range(first, last):
        random = np.random.default_rng([seed, 7])
        numbers = random.integers(0, 2**63, len(opened), dtype=np.uint64)
        opened.random = array("Q", numbers.tobytes())
        row_of = {int(number): row for row, number in enumerate(numbers)}
        answered, spent = [], 0
        for drawn in draw(opened, design, budget):
            spent += 1 + int(random.geometric(1 / 1.2))
            if spent > budget:
                break
            row = row_of[drawn.random]
            answered.append(Answered(drawn, (None,) * 2 if missing[row] else (bool(value[row]),) * 2))
        result = shares(population, Sample(design, answered), 0)
        for d, denominator in enumerate(DENOMINATORS):
            estimate = result[denominator]
            assert estimate is not None
            found[d].append(judged(estimate, real[d]))
    return found


def judged(estimate: Estimate, real: float) -> tuple[bool, bool, float, float]:
    random = estimate.missing_at_random
    assert random is not None
    low, high = estimate.worst
    slack = 1e-12
    return (
        random.low - slack <= real <= random.high + slack,
        low - slack <= real <= high + slack,
        random.high - random.low,
        high - low,
    )


def pieces(count: int, workers: int) -> Iterator[tuple[int, int]]:
    size = -(-count // workers)
    yield from ((start, min(start + size, count)) for start in range(0, count, size))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--models", type=int, default=40_000)
    parser.add_argument("--frame-seed", type=int, default=6)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=FRAMES)
    chosen = parser.parse_args()
    started = time.perf_counter()
    print(f"{chosen.replications:,} replications of each, frames of {chosen.models:,} models; target {TARGET:.0%}")
    print(f"{'frame':20} {'budget':>6}  {'denominator':17} {'covered':>8} {'width':>7}   worst case: covered, width")
    missed = []
    with ProcessPoolExecutor(chosen.workers) as pool:
        for name in [chosen.only] if chosen.only else FRAMES:
            for budget in BUDGETS:
                jobs = [
                    pool.submit(replications, name, budget, first, last, chosen.models, chosen.frame_seed)
                    for first, last in pieces(chosen.replications, chosen.workers)
                ]
                done = [job.result() for job in jobs]
                for d, denominator in enumerate(DENOMINATORS):
                    table = np.array([row for part in done for row in part[d]], dtype=float)
                    covered, worst, width, worst_width = table.mean(axis=0)
                    print(
                        f"{name:20} {budget:6}  {denominator:17} {covered:8.1%} {width:7.4f}"
                        f"   {worst:7.1%} {worst_width:7.4f}",
                        flush=True,
                    )
                    target = covered if name in AT_RANDOM else worst
                    if target < TARGET:
                        missed.append(f"{name}, {budget}, {denominator}: {target:.1%}")
    print(f"{time.perf_counter() - started:.0f} s; below the target: {'; '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
