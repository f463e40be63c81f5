"""The tensors of a graph (ONNX, CoreML, OpenVINO) and how its operators use them: what counts, once all is known.

Names are kept as their hashes: large graphs have hundreds of thousands, and only equality matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from estimators import results
from estimators.bounds import Interval
from estimators.dtypes import Kind, is_narrow_float, kind_of, most_weights_per_element
from estimators.interface import Basis, ByteReader, Estimate, Finding

# Roles of an operator's inputs.
WEIGHT, BOOKKEEPING = "w", "s"
MAX_USES = 300_000  # names kept in all; a graph with more leaves the use of its integers open
MAX_STEPS = 64  # from an operator back to the stored tensor it uses, through operators that only move values
MAX_STORED = 120_000  # tensors that are kept, in 30 MiB; what a file has more is bounded
MAX_ALL_STEPS = 1_000_000  # a second's work; in a file made to cost more, the use of integers is left open
SMALL = 64  # elements; a Constant node with no more does not count, nor do stored integers matter
# Elements; scales and zero points of more than this, and more than their weights, are weights under another name.
LARGEST_BOOKKEEPING = 2**19


class Stored(NamedTuple):
    """One stored tensor.

    Attributes:
        key: hash of its name.
        partner: hash of the quantised weight that it would be the scale or zero point of, by its name; 0 for none.
        dtype: in the names of `dtypes.py`.
        elements: by its dimensions.
        values: elements that are stored; more than `elements` never, fewer for a sparse tensor.
        present: whether the values are there at all.
        rank: how many dimensions it has.
        buffer: recognised by name.
    """

    key: int
    partner: int
    dtype: str
    elements: int
    values: int
    present: bool = True
    rank: int = 2
    buffer: bool = False


class Packing(NamedTuple):
    """What a quantised weight stands for: `whole` weights (0: as many as its bits hold), `bits` each (0: unknown)."""

    whole: int = 0
    bits: int = 8


@dataclass(slots=True)
class Uses:
    """Stored tensors by their role, once names are followed back to them."""

    weights: dict[int, Packing]
    bookkeeping: set[int]
    foreign: set[int]


@dataclass(slots=True)
class Ledger:
    """Collects uses and tensors, in any order; `settle` adds them up.

    Attributes:
        scaled_rank, scaled_elements, scaled_bits: of stored integers, at least and at most, that a product with a scale
            makes weights of; indices and sizes are multiplied, too.
    """

    scaled_rank: int = 2
    scaled_elements: int = SMALL + 1
    scaled_bits: int = 16
    stored: list[Stored] = field(default_factory=list)
    low: int = 0
    point: int = 0
    high: int = 0
    buffers: int = 0
    packed: int = 0
    unbounded: bool = False
    findings: dict[str, Finding] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)  # small Constants
    statistics: set[int] = field(default_factory=set)
    _weights: dict[int, Packing] = field(default_factory=dict)
    _bookkeeping: set[int] = field(default_factory=set)
    _foreign: set[int] = field(default_factory=set)
    _sources: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _products: list[tuple[int, int]] = field(default_factory=list)
    _differences: list[tuple[int, int]] = field(default_factory=list)
    _dynamic: set[int] = field(default_factory=set)
    _twins: list[tuple[int, int]] = field(default_factory=list)
    _kept: int = 0
    _steps: int = 0

    @property
    def full(self) -> bool:
        """Whether uses went unrecorded."""
        return self._kept > MAX_USES

    def note(self, code: str, message: str) -> None:
        """One finding of each code: the first stands for its like."""
        self.findings.setdefault(code, Finding(code, message))

    def add(self, tensor: Stored) -> None:
        """One stored tensor; beyond MAX_STORED its use is left open."""
        if len(self.stored) < MAX_STORED:
            self.stored.append(tensor)
            return
        self.high += tensor.elements * most_weights_per_element(tensor.dtype)
        self.packed += tensor.values
        self.note("too-many-tensors", f"more than {MAX_STORED} tensors: the rest is bounded")

    def add_floats(self, dtype: str, elements: int, *, buffer: bool = False) -> None:
        """Weights that no operator can make anything else."""
        if elements:
            self.add(Stored(0, 0, dtype, elements, elements, buffer=buffer))

    def add_between(self, least: int, most: int, values: int) -> None:
        """Packed weights, in so many stored values."""
        self.packed += values
        self.low += least
        self.point += most
        self.high += most

    def quantised(self, roles: str, inputs: Sequence[int], packing: Packing) -> None:
        """Inputs of an operator of quantised numbers; 0 stands for an input left out."""
        for role, key in zip(roles, inputs, strict=False):
            if key and role == WEIGHT and self._keep():
                if packing.whole or key not in self._weights:
                    self._weights[key] = packing
            elif key and role == BOOKKEEPING and self._keep():
                self._bookkeeping.add(key)

    def foreign(self, inputs: Iterable[int]) -> None:
        """Inputs of an operator that nobody knows: it may unpack them."""
        for key in inputs:
            if key and self._keep():
                self._foreign.add(key)

    def moved(self, outputs: Iterable[int], inputs: Sequence[int]) -> None:
        """An operator whose results hold values of its inputs."""
        for key in outputs:
            if key and self._keep():
                self._sources[key] = tuple(inputs[:SMALL])

    def product(self, first: int, second: int) -> None:
        """A multiplication."""
        if self._keep():
            self._products.append((first, second))

    def difference(self, result: int, first: int, second: int) -> None:
        """A subtraction: of a zero point, perhaps."""
        if self._keep():
            self._differences.append((result, second))
            self.moved((result,), (first,))

    def twin(self, first: int, other: int) -> None:
        """Another name for a stored tensor's values."""
        if self._keep():
            self._twins.append((first, other))

    def dynamic_scale(self, key: int) -> None:
        """A scale that an operator computes."""
        self._dynamic.add(key)

    def _keep(self) -> bool:
        self._kept += 1
        return not self.full

    def _roots(self, key: int) -> list[int]:
        """The names that a name gets its values from, itself included."""
        found, at = [key], 0
        if self._steps > MAX_ALL_STEPS:
            self._kept = MAX_USES + 1
            return found
        while at < len(found) < MAX_STEPS:
            found += [source for source in self._sources.get(found[at], ()) if source and source not in found]
            at += 1
        self._steps += len(found)
        return found

    def uses(self) -> Uses:
        """Every stored tensor's role, as far as operators were recorded."""
        self._find_scaled_integers()
        weights: dict[int, Packing] = {}
        for key, packing in self._weights.items():
            for root in self._roots(key):
                if packing.whole or root not in weights:
                    weights[root] = packing
        for first, second in self._products:
            for one, other in ((first, second), (second, first)):
                if one in self._dynamic:
                    self._bookkeeping.add(other)
        bookkeeping = {root for key in self._bookkeeping for root in self._roots(key)}
        foreign = {root for key in self._foreign for root in self._roots(key)}
        # Values with two names are bookkeeping only where both of them are.
        bookkeeping -= {first for first, other in self._twins if other not in bookkeeping}
        weights |= {first: weights[other] for first, other in self._twins if other in weights and first not in weights}
        return Uses(weights, bookkeeping, foreign)

    def _find_scaled_integers(self) -> None:
        """Weights that standard operators unpack: Cast, perhaps Sub a zero point, Mul by a stored scale."""
        integers = {tensor.key for tensor in self.stored if self._is_scalable(tensor)}
        if not integers or not self._products:
            return
        known = {tensor.key for tensor in self.stored if kind_of(tensor.dtype) is Kind.FLOAT} | self.fixed
        for names in (integers, known):
            names.update([other for first, other in self._twins if first in names])
        offsets = dict(self._differences)
        for first, second in self._products:
            for one, other in ((first, second), (second, first)):
                roots = self._roots(one)
                found = integers.intersection(roots)
                if not found or known.isdisjoint(self._roots(other)):
                    continue
                self._weights.update(dict.fromkeys(found - self._weights.keys(), Packing()))
                self._bookkeeping.add(other)
                self._bookkeeping.update(offsets[root] for root in roots if root in offsets)

    def _is_scalable(self, tensor: Stored) -> bool:
        kind = kind_of(tensor.dtype)
        if kind is Kind.SUB_BYTE or is_narrow_float(tensor.dtype):
            return True
        if kind is not Kind.INTEGER or tensor.rank < self.scaled_rank or tensor.elements < self.scaled_elements:
            return False
        bits = most_weights_per_element(tensor.dtype)
        return bits <= 16 or (bits <= self.scaled_bits and tensor.elements > 1)

    def settle(self) -> None:
        """Add up the stored tensors by their uses."""
        uses = self.uses()
        left_out = quantised = 0
        for tensor in self.stored:
            kind = kind_of(tensor.dtype)
            if tensor.key in uses.bookkeeping or tensor.partner in uses.weights:
                left_out += tensor.elements if kind is Kind.FLOAT else 0
            elif kind is Kind.FLOAT:
                self._float(tensor)
            elif tensor.key in uses.weights or kind is Kind.SUB_BYTE:
                quantised += self._quantised(tensor, uses.weights.get(tensor.key, Packing()))
            elif kind is not Kind.BOOLEAN:
                self._other(tensor, kind, foreign=tensor.key in uses.foreign)
        if left_out > max(quantised, LARGEST_BOOKKEEPING):
            self.high += left_out
            self.note("bookkeeping-too-large", f"{left_out} floats are scales of {quantised} quantised weights")

    def certain(self, tensor: Stored, uses: Uses) -> int:
        """Parameters that a tensor adds whatever follows in the file."""
        if tensor.key in uses.bookkeeping or tensor.partner in uses.weights or not tensor.present:
            return 0
        kind = kind_of(tensor.dtype)
        if kind in (Kind.FLOAT, Kind.SUB_BYTE) or (kind is Kind.INTEGER and tensor.key in uses.weights):
            return _stands_for(tensor, uses.weights.get(tensor.key, Packing())).low
        return 0

    def _float(self, tensor: Stored) -> None:
        self._take(Interval(tensor.elements if tensor.present else 0, tensor.elements), tensor.elements)
        if tensor.buffer or tensor.key in self.statistics:
            self.buffers += tensor.elements

    def _quantised(self, tensor: Stored, packing: Packing) -> int:
        interval = _stands_for(tensor, packing)
        most = interval.high or 0
        if interval.low != most:
            self.note("packing-unknown", f"{tensor.dtype} of {tensor.elements} may stand for {interval.low} to {most}")
        self._take(interval if tensor.present else Interval(0, most), most)
        return most

    def _other(self, tensor: Stored, kind: Kind, *, foreign: bool) -> None:
        """Integers without a scale, and types that are not known."""
        most = tensor.elements * most_weights_per_element(tensor.dtype)
        if kind is Kind.UNKNOWN:
            self.note("unknown-dtype", f"{tensor.elements} elements are of {tensor.dtype}, not in the specification")
            self._take(Interval(0, most), tensor.elements)
        elif kind is Kind.SCALE:
            self._take(Interval(0, tensor.elements), 0)
        elif tensor.elements > SMALL and (foreign or self.full) and tensor.dtype not in ("I64", "U64"):
            # Integers of 64 bits are indices: no writer packs weights into them.
            why = "an operator that is not known" if foreign else "operators beyond those that were kept"
            self.note("use-unknown", f"{tensor.elements} integer elements are used by {why}")
            self._take(Interval(0, most), 0)

    def _take(self, interval: Interval, point: int) -> None:
        self.low += interval.low
        self.point += point
        self.high += interval.high or 0

    @property
    def stored_elements(self) -> int:
        """Every stored tensor's elements, packing not undone."""
        return self.packed + sum(tensor.values for tensor in self.stored)

    def interval(self) -> Interval:
        """What the tensors add up to."""
        return Interval(self.low, None if self.unbounded else self.high)

    def estimate(
        self,
        source: ByteReader,
        basis: Basis,
        *,
        unseen: Interval | None = None,
        note: str = "",
        partial: bool = False,
    ) -> Estimate:
        """Settle what was entered and give the file's estimate.

        Args:
            source: the file, for its name and what it cost.
            basis: where the number comes from.
            unseen: parameters of the part that was not read; None where every tensor was seen.
            note: one sentence for the evidence, or empty.
            partial: reading stopped early on purpose.
        """
        self.settle()
        return results.of_sum(
            source,
            basis,
            self.interval(),
            point=self.point,
            stored=self.stored_elements,
            buffers=self.buffers,
            unseen=unseen,
            findings=tuple(self.findings.values()),
            note=note,
            partial=partial,
        )


def _stands_for(tensor: Stored, packing: Packing) -> Interval:
    """The weights of one quantised tensor."""
    elements = tensor.elements
    narrow = tensor.dtype in ("U8", "I8")
    if not narrow or (packing.bits == 8 and not packing.whole):
        whole = packing.whole if packing.whole and kind_of(tensor.dtype) is Kind.SUB_BYTE else elements
        return Interval(min(whole, elements), min(whole, elements))
    if not 0 < packing.bits <= 8:
        return Interval(elements, 2 * elements)
    held = elements * 8 // packing.bits
    if not packing.whole:
        return Interval(held, held)
    if packing.whole > held:
        return Interval(min(elements, held), max(packing.whole, held))
    return Interval(packing.whole, packing.whole)
