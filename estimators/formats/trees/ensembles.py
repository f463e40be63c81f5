"""What the readers of boosted trees share (XGBoost, LightGBM, CatBoost): an interval, and the scan that finds it.

"Parameter" has no settled meaning for trees. Some count the values of the leaves, some thresholds and leaves, some
every stored number; the interval goes from the first to the last, and no point is named.
"""

from __future__ import annotations

from typing import Protocol

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, Estimate, Finding, Hints
from estimators.reading.front import FrontReader

PIECE_BYTES = 4 * 1024 * 1024  # per range of a scan
SCANNED_BYTES = 32 * 1024 * 1024  # a longer file is bounded by its front and its size
OVERLAP_BYTES = 64  # of one piece that are looked at again with the next, so that no word is cut
NO_SETTLED_MEANING = "no-settled-meaning"


class TreeCounter(Protocol):
    """Counts leaves and numbers in the pieces of a file, in order."""

    leaves: int
    numbers: int

    def feed(self, piece: bytes, seen: int) -> None:
        """Count in a piece whose first `seen` bytes were fed before."""
        ...


def of_scan(source: FrontReader, head: bytes, hints: Hints, counter: TreeCounter, numbers_per_byte: float) -> Estimate:
    """The interval for a file of trees: scanned while its side is open and it is not too long.

    Args:
        source: the file.
        head: its first bytes, as many as are at hand.
        hints: `enough` is the count whose side decides.
        counter: of the format.
        numbers_per_byte: the most numbers that unread bytes can hold, per byte.
    """
    size = source.size
    if size is None:
        raise MalformedFile(source.name, "its size is unknown, so that its trees cannot be bounded")
    piece = head
    counter.feed(piece, 0)
    at = len(piece)
    interval = _interval(counter, size - at, numbers_per_byte)
    while at < size <= SCANNED_BYTES and _is_open(interval, hints.enough):
        kept = piece[-OVERLAP_BYTES:]
        read = source.read(at, min(PIECE_BYTES, size - at))
        if not read:
            raise MalformedFile(source.name, f"ends at byte {at} of {size}")
        piece = kept + read
        counter.feed(piece, len(kept))
        at += len(read)
        interval = _interval(counter, size - at, numbers_per_byte)
    return of_trees(source, interval, partial=at < size <= SCANNED_BYTES)


def _interval(counter: TreeCounter, left: int, numbers_per_byte: float) -> Interval:
    high = counter.numbers + int(left * numbers_per_byte) + (left > 0)
    return Interval(min(counter.leaves, high), high)


def _is_open(interval: Interval, enough: int | None) -> bool:
    return enough is None or (interval.low <= enough and (interval.high is None or interval.high > enough))


def of_trees(source: FrontReader, interval: Interval, *, partial: bool = False) -> Estimate:
    """The estimate for trees, from the values of their leaves to all numbers they store."""
    message = (
        f"{source.name}: trees have no parameters in a settled sense; {interval.low} is a lower bound of their leaf "
        f"values, {interval.high} an upper bound of all numbers stored"
    )
    return results.of_interval(
        source,
        Basis.TREES,
        interval,
        findings=(Finding(NO_SETTLED_MEANING, message),),
        note="from the values of the leaves to every stored number",
        partial=partial,
    )
