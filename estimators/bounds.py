"""Intervals: what a file's size alone allows, and how intervals combine.

The factors are the contract's ("What is counted", basis `file-size`); they are for files whose role is weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from estimators.interface import Basis, Estimate, Evidence

# Bytes a parameter takes at most: a 64-bit value with two optimizer moments is 24, rounded up to a power of two.
BYTES_PER_PARAMETER_AT_MOST = 32
# Parameters one byte holds at most: one bit each.
PARAMETERS_PER_BYTE_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """`low..high` in parameters; `high` None is unbounded. Always holds `0 <= low <= high`."""

    low: int
    high: int | None

    def __post_init__(self) -> None:
        if self.low < 0 or (self.high is not None and self.high < self.low):
            raise ValueError(f"not an interval: {self.low}..{self.high}")

    def __add__(self, other: Interval) -> Interval:
        high = None if self.high is None or other.high is None else self.high + other.high
        return Interval(self.low + other.low, high)

    def __contains__(self, number: int) -> bool:
        return self.low <= number and (self.high is None or number <= self.high)

    def intersection(self, other: Interval) -> Interval | None:
        """What both allow; None where they contradict each other."""
        low = max(self.low, other.low)
        high = least(self.high, other.high)
        return None if high is not None and high < low else Interval(low, high)

    def hull(self, other: Interval) -> Interval:
        """The smallest interval around both."""
        return Interval(min(self.low, other.low), greatest(self.high, other.high))


NOTHING_KNOWN = Interval(0, None)
ZERO = Interval(0, 0)


def least(first: int | None, second: int | None) -> int | None:
    """The smaller of two upper bounds, where None is unbounded."""
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)


def greatest(first: int | None, second: int | None) -> int | None:
    """The larger of two upper bounds, where None is unbounded."""
    return None if first is None or second is None else max(first, second)


def interval_of(estimate: Estimate) -> Interval:
    """The interval of an estimate, without the rest."""
    return Interval(estimate.low, estimate.high)


def size_interval(size: int | None, *, compressed: bool) -> Interval:
    """What `size` bytes of a weight file can hold.

    Args:
        size: bytes; None where unknown.
        compressed: whether the format may compress, so that no upper bound follows from the size.
    """
    if size is None or size < 0:
        return NOTHING_KNOWN
    high = None if compressed and size else size * PARAMETERS_PER_BYTE_AT_MOST
    return Interval(size // BYTES_PER_PARAMETER_AT_MOST, high)


def from_size(file: str, size: int | None, compressed: bool) -> Estimate:
    """Bound the parameters of one weight file by its size alone.

    Args:
        file: path inside the repository.
        size: bytes; None where unknown, which yields `0..`.
        compressed: whether the format may compress.
    """
    interval = size_interval(size, compressed=compressed)
    note = "size unknown"
    if size is not None and size >= 0:
        least = "possibly compressed" if compressed else f"at least 1/{PARAMETERS_PER_BYTE_AT_MOST} byte"
        note = f"{size:,} bytes: {least}, at most {BYTES_PER_PARAMETER_AT_MOST} bytes a parameter"
    evidence = Evidence(Basis.FILE_SIZE, file, interval.low, None, interval.high, note=note)
    return Estimate(interval.low, interval.high, None, Basis.FILE_SIZE, evidence=(evidence,))
