"""Named tensors as (dtype, shape), and how many of their elements are weights by the contract's definition."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Bits an element, by the names that safetensors headers use.
BITS = {
    "BOOL": 8, "F4": 4, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16,
    "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip
FLOATING = frozenset({"F4", "F8_E5M2", "F8_E4M3", "F16", "BF16", "F32", "F64", "C64"})


class Tensor(NamedTuple):
    """One stored tensor."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Product of the shape; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor's data."""
        return self.elements * BITS[self.dtype] // 8


Tensors = dict[str, Tensor]


def stored(tensors: Mapping[str, Tensor]) -> int:
    """Every stored element, whatever it is: what the Hub's own total would be."""
    return sum(tensor.elements for tensor in tensors.values())


def by_dtype(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """Stored elements per dtype, as in the listing's `safetensors.parameters`."""
    sums: dict[str, int] = {}
    for tensor in tensors.values():
        sums[tensor.dtype] = sums.get(tensor.dtype, 0) + tensor.elements
    return sums


def floating(tensors: Mapping[str, Tensor], *, without: str = r"(?!)") -> int:
    """Elements of the floating tensors, except those whose name matches `without` (scales and the like)."""
    return sum(t.elements for name, t in tensors.items() if t.dtype in FLOATING and not re.search(without, name))


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The same tensors under longer names."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def recast(tensors: Mapping[str, Tensor], dtype: str) -> Tensors:
    """The same tensors with every floating dtype replaced."""
    return {n: Tensor(dtype, t.shape) if t.dtype in FLOATING else t for n, t in tensors.items()}


def partition(tensors: Mapping[str, Tensor], parts: int) -> list[Tensors]:
    """The tensors in `parts` runs of about equal bytes, in their order; none is empty if there are enough tensors."""
    whole = sum(tensor.nbytes for tensor in tensors.values())
    groups: list[Tensors] = [{} for _ in range(parts)]
    done, at = 0, 0
    for number, (name, tensor) in enumerate(tensors.items()):
        due = done * parts // whole > at or len(tensors) - number < parts - at
        if due and groups[at] and at < parts - 1:
            at += 1
        groups[at][name] = tensor
        done += tensor.nbytes
    return groups


def merged(groups: Iterable[Mapping[str, Tensor]]) -> Tensors:
    """All tensors of several files."""
    return {name: tensor for group in groups for name, tensor in group.items()}
