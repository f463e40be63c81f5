"""Adds up a file's tensors by the rules of "What is counted", shared by the formats.

Bookkeeping of quantised layers never counts; a packed weight counts as the weights it stands for (`unpacking.py`):
exactly where names, shapes and the model's `quantization_config` leave one answer, as an interval with a finding where
they leave several. Names are judged by `layer_names.py`.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from estimators.bounds import Interval
from estimators.dtypes import Kind, bits_of, is_narrow_float, kind_of, most_weights_per_element
from estimators.interface import Finding
from estimators.packed.layer_names import (
    BOOKKEEPING_ENDINGS,
    LOW_RANK_ENDINGS,
    SPARSE_ENDINGS,
    is_buffer,
    is_certain_average,
    is_trainer_state,
    plain_names_of_average,
    scheme_of,
    split_name,
    twin_key,
)
from estimators.packed.layers import Tensor
from estimators.packed.quantization import Quantization
from estimators.packed.settling import Column, Settling, Sum

__all__ = ["Count", "Tally", "Tensor", "is_buffer", "split_name"]

# Tensors that are kept for grouping; a file with more counts the rest by bounds, so that memory stays bounded.
MAX_GROUPED_TENSORS = 60_000
TOO_MANY = f"more than {MAX_GROUPED_TENSORS} tensors of quantised layers in one file"


@dataclass(frozen=True, slots=True)
class Count:
    """What a file's tensors add up to.

    Attributes:
        interval: parameters.
        point: the best single number.
        stored_elements: every element of every tensor, packing not undone.
        buffers: elements of recognised buffers, included in the count.
        findings: what was not certain.
    """

    interval: Interval
    point: int
    stored_elements: int
    buffers: int
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Tally:
    """Adds up tensors one by one; only those that may belong to a quantised layer are kept until `finish`."""

    quantization: Quantization
    shard: bool = False  # of several: what a name refers to may lie in another
    stored: int = 0
    _seen: Sum = field(default_factory=Sum)
    _groups: dict[str, dict[str, Tensor]] = field(default_factory=lambda: defaultdict(dict))
    _kept: int = 0
    _state: int = 0
    _plain_names: array[int] = field(default_factory=lambda: array("q"))
    _averaged: list[Tensor] = field(default_factory=list)
    # Float weights by the hash of their stem: elements and bits, for layers that turn out to pack values into them.
    _float_stems: array[int] = field(default_factory=lambda: array("q"))
    _float_sizes: array[int] = field(default_factory=lambda: array("q"))
    _float_bits: array[int] = field(default_factory=lambda: array("B"))
    _columns: list[Column] = field(default_factory=list)
    _all_float_bits: int = 0

    def add(self, tensor: Tensor) -> None:
        """Count one tensor, or keep it for its group."""
        self.stored += tensor.elements
        kind = kind_of(tensor.dtype)
        if kind is Kind.BOOLEAN:
            return
        name = tensor.name
        if is_trainer_state(name):
            self._state += tensor.elements
            return
        if kind is Kind.FLOAT:
            averaged = ("ema" in name or "EMA" in name) and plain_names_of_average(name)
            if averaged and len(self._averaged) < MAX_GROUPED_TENSORS:
                self._averaged.append(tensor)
                return
            self._plain_names.append(twin_key(name, tensor.elements))
        stem, ending = split_name(name)
        if kind is Kind.FLOAT and not is_narrow_float(tensor.dtype) and not _may_be_bookkeeping(ending):
            self._seen.floats(tensor)
            bits = bits_of(tensor.dtype) or 64
            self._all_float_bits += tensor.elements * bits
            column = len(tensor.shape) == 2 and tensor.shape[1] == 1
            if ending == ".weight" or column:
                self._float_stems.append(hash(stem))
                self._float_sizes.append(tensor.elements)
                self._float_bits.append(bits)
                if column and len(self._columns) < MAX_GROUPED_TENSORS:
                    self._columns.append(Column(stem, tensor.elements, bits))
        elif self._kept < MAX_GROUPED_TENSORS:
            self._kept += 1
            self._groups[stem][ending] = tensor
        else:
            self._seen.high += tensor.elements * (1 if kind is Kind.FLOAT else most_weights_per_element(tensor.dtype))
            self._seen.note("packing-unknown", TOO_MANY)

    @property
    def certain(self) -> int:
        """Parameters that are certain so far."""
        return self._seen.low

    def learn(self, tensors: Iterable[Tensor]) -> None:
        """Put tensors whose values were read in the place of those that were added without."""
        for tensor in tensors:
            stem, ending = split_name(tensor.name)
            if ending in self._groups.get(stem, ()):
                self._groups[stem][ending] = tensor

    def finish(self) -> Count:
        """Settle the kept groups and give the sum; the tally stays as it is, so that more may be added or learnt."""
        total = replace(self._seen, findings=dict(self._seen.findings))
        self._settle_averages(total)
        if self._state:
            total.note("trainer-state-left-out", f"{self._state} elements of optimizer state in the file do not count")
        Settling(
            total, self.quantization, self.shard, self._float_weights(), self._columns, self._all_float_bits
        ).settle(self._groups)
        if total.integers > total.high:
            total.note(
                "integers-not-counted",
                f"{total.integers} integer elements, used without any scale, are not counted as weights",
            )
        return Count(
            Interval(total.low, total.high), total.point, self.stored, total.buffers, tuple(total.findings.values())
        )

    def _settle_averages(self, total: Sum) -> None:
        """Averaged weights count once with their plain twins; where they have none, they may be a network of their own.

        The averages hold trained parameters only, so plain tensors may have none; an average without a plain twin is
        what tells another network.
        """
        if not self._averaged:
            return
        twins = set(self._plain_names)
        lone: list[Tensor] = []
        left_out = 0
        for tensor in self._averaged:
            names = plain_names_of_average(tensor.name)
            # A counter or the decay has one element, and no twin.
            if any(twin_key(name, tensor.elements) in twins for name in names):
                left_out += tensor.elements
            elif is_certain_average(tensor.name):
                lone.append(tensor)
            else:
                total.floats(tensor)
        unmatched = sum(tensor.elements for tensor in lone if tensor.elements > 1)
        everything = left_out + sum(tensor.elements for tensor in lone)
        if not unmatched:
            if everything:
                total.note("ema-left-out", f"{everything} elements are averages of other weights in the file")
        elif not self._plain_names and not self.shard:  # nothing but averages: they are the weights
            for tensor in lone:
                total.floats(tensor)
        else:
            total.point += unmatched
            total.high += everything
            total.note(
                "ema-uncertain",
                f"{unmatched} of {everything} elements named as averages have no plain twin in the file",
            )

    def _float_weights(self) -> Callable[[str], tuple[int, int] | None]:
        """Elements and bits of a layer's float weight by its stem; the table is made when it is first asked."""
        table: dict[int, tuple[int, int]] = {}

        def find(stem: str) -> tuple[int, int] | None:
            if not table:
                table.update(zip(self._float_stems, zip(self._float_sizes, self._float_bits, strict=True), strict=True))
            return table.get(hash(stem))

        return find


def _may_be_bookkeeping(ending: str) -> bool:
    """Whether a wide float of this name may be part of a quantised layer, and has to wait for the others."""
    if ending in BOOKKEEPING_ENDINGS or ending in SPARSE_ENDINGS or ending in LOW_RANK_ENDINGS:
        return True
    part = scheme_of(ending)
    return part.floats or part.paired
