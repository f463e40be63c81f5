"""How many stored elements tensors reach that no earlier tensor reached: views, ties and overlaps counted once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from estimators.formats.pytorch.tensors import StoredTensor

MAX_RUNS = 300_000  # of all views of a file that are no single run of bytes, such as columns of a matrix


class Reach:
    """The bytes of every storage that were reached so far."""

    def __init__(self) -> None:
        self._covered: dict[str, tuple[list[int], list[int]]] = {}
        self._runs = 0

    def add(self, tensor: StoredTensor) -> tuple[int, int]:
        """Elements that this tensor reaches first, at least and at most."""
        storage = tensor.storage
        if storage is None or not tensor.elements:
            return tensor.elements, tensor.elements
        distinct, block, starts = _runs(tensor, MAX_RUNS - self._runs)
        begins, ends = self._covered.setdefault(storage.key, ([], []))
        doubled = tensor.elements // max(_product(tensor.shape), 1)  # two values in a byte
        if starts is None:  # too many runs to tell them apart
            return (0 if begins else distinct * doubled), distinct * doubled
        self._runs += len(starts) - 1
        added = sum(_cover(begins, ends, start, start + block * tensor.width) for start in starts)
        count = added // tensor.width * doubled
        return count, count


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for dimension in shape:
        product *= dimension
    return product


def _runs(tensor: StoredTensor, most: int) -> tuple[int, int, list[int] | None]:
    """Distinct elements, elements of one run, and where the runs begin in bytes; None where there are too many.

    Dimensions are joined from the innermost one outward as long as they leave no gap; the rest is enumerated.
    """
    steps = sorted(
        (stride, dimension)
        for dimension, stride in zip(tensor.shape, tensor.strides, strict=True)
        if dimension > 1 and stride  # a repeated dimension reaches the same elements
    )
    distinct = _product(tuple(dimension for _, dimension in steps))
    block = 1
    outer: list[tuple[int, int]] = []
    for stride, dimension in steps:
        if not outer and stride <= block:  # next to each other, or overlapping
            block = (dimension - 1) * stride + block
        else:
            outer.append((stride, dimension))
    if _product(tuple(dimension for _, dimension in outer)) > max(most, 1):
        return distinct, block, None
    starts = [tensor.begin]
    for stride, dimension in outer:
        starts = [start + step * stride * tensor.width for start in starts for step in range(dimension)]
    return distinct, block, starts


def _cover(begins: list[int], ends: list[int], begin: int, end: int) -> int:
    """Mark `begin..end` in sorted, disjoint runs; the bytes that were not marked before."""
    first = bisect_left(ends, begin)
    last = bisect_right(begins, end)
    before = sum(ends[i] - begins[i] for i in range(first, last))
    if first < last:
        begin, end = min(begin, begins[first]), max(end, ends[last - 1])
    begins[first:last], ends[first:last] = [begin], [end]
    return end - begin - before
