"""Interval arithmetic, and what a size alone allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.bounds import NOTHING_KNOWN, ZERO, Interval, from_size, size_interval
from estimators.interface import Basis

intervals = st.builds(
    lambda low, width: Interval(low, None if width is None else low + width),
    st.integers(0, 50),
    st.none() | st.integers(0, 50),
)
numbers = st.integers(0, 120)


@given(intervals, intervals, numbers, numbers)
def test_sums_hold_the_sum_of_whatever_the_parts_hold(first: Interval, second: Interval, one: int, two: int) -> None:
    if one in first and two in second:
        assert one + two in first + second
    assert first + ZERO == first


@given(intervals, intervals, numbers)
def test_intersections_and_hulls(first: Interval, second: Interval, number: int) -> None:
    both = first.intersection(second)
    assert (number in first and number in second) is (both is not None and number in both)
    if number in first or number in second:
        assert number in first.hull(second)
    assert first.intersection(NOTHING_KNOWN) == first
    assert first.hull(first) == first


@pytest.mark.parametrize(("low", "high"), [(-1, None), (3, 2), (-2, -1)])
def test_what_is_no_interval_is_refused(low: int, high: int | None) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        Interval(low, high)


@pytest.mark.parametrize(
    ("size", "compressed", "low", "high"),
    [
        (0, False, 0, 0),
        (0, True, 0, 0),
        (31, False, 0, 248),
        (32, False, 1, 256),
        (32_000_000, False, 1_000_000, 256_000_000),
        (32_000_032, True, 1_000_001, None),
        (125_000, False, 3906, 1_000_000),
        (125_001, False, 3906, 1_000_008),
        (None, False, 0, None),
        (-5, False, 0, None),
    ],
)
def test_bounds_by_size(size: int | None, compressed: bool, low: int, high: int | None) -> None:
    estimate = from_size("a.bin", size, compressed)
    assert (estimate.low, estimate.high, estimate.point, estimate.exact) == (low, high, None, False)
    assert estimate.basis is Basis.FILE_SIZE
    assert estimate.evidence[0].file == "a.bin"
    assert size_interval(size, compressed=compressed) == Interval(low, high)


@pytest.mark.parametrize(
    ("size", "compressed", "note"),
    [
        (1_000, False, "1,000 bytes: at least 1/8 byte, at most 32 bytes a parameter"),
        (1_000, True, "1,000 bytes: possibly compressed, at most 32 bytes a parameter"),
        (None, False, "size unknown"),
        (-5, False, "size unknown"),
    ],
)
def test_a_bound_by_size_tells_how_it_is_made(size: int | None, compressed: bool, note: str) -> None:
    (look,) = from_size("a.bin", size, compressed).evidence
    assert look.note == note


@pytest.mark.parametrize(("size", "side"), [(125_000, False), (125_001, None), (32_000_031, None), (32_000_032, True)])
def test_which_sizes_decide_alone(size: int, side: bool | None) -> None:
    assert from_size("a.bin", size, False).side(1_000_000) is side
