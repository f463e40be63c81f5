"""What the datasets of an HDF5 file add up to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from estimators import results
from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, ZERO, Interval
from estimators.dtypes import Kind, kind_of
from estimators.errors import MalformedFile
from estimators.formats.hdf5.keras_variables import Variables
from estimators.formats.hdf5.messages import CHUNKED, CONTIGUOUS, NO_WEIGHTS, VIRTUAL, Dataset
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.packing import Tally, Tensor

MOST_DEFLATED = 1032  # bytes that one byte of deflate yields at most
MAX_VARIABLE_DIGITS = 5  # of the numbers that Keras 3 gives the variables of a layer
_STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var"}


def _plain_name(path: str) -> str:
    """A dataset's path without TensorFlow's `:0`, and with BatchNorm's statistics as everybody else calls them."""
    parent, slash, leaf = path.rpartition("/")
    leaf = leaf.removesuffix(":0")
    statistic = _STATISTICS.get(leaf)
    return f"{parent}.{statistic}" if statistic else f"{parent}{slash}{leaf}"


@dataclass(slots=True)
class Sum:
    """Counts datasets one by one.

    Attributes:
        name: of the file.
        size: its bytes.
        tally: of named tensors.
        variables: of Keras 3's layers.
        skipped: whether groups of trainer state were left out.
        note: why the rest was not read; empty where everything was.
        partial: whether reading stopped because enough was certain.
    """

    name: str
    size: int
    tally: Tally
    variables: Variables
    skipped: bool = False
    note: str = ""
    partial: bool = False
    _floats: int = 0  # elements of named float datasets
    _open: Interval = ZERO  # what datasets may hold besides what is certain
    _filtered: bool = False
    _findings: dict[str, Finding] = field(default_factory=dict)
    _extents: list[tuple[int, int]] = field(default_factory=list)

    @property
    def certain(self) -> int:
        """Parameters that are certain so far, as far as can be told before the end."""
        return self._floats + self.variables.certain

    def add(self, name: str, dataset: Dataset) -> None:
        """Count one dataset.

        Raises:
            MalformedFile: its data lies outside the file.
        """
        numbers, dtype = dataset.type.numbers, dataset.type.dtype
        if numbers is None or not dtype:
            if dataset.elements:
                most = None if numbers is None else dataset.elements * numbers
                self._doubt(name, most, "are records or of no fixed size")
            return
        elements = dataset.elements * numbers
        if elements and not self._is_stored(name, dataset, elements):
            if kind_of(dtype) is Kind.FLOAT and dtype != NO_WEIGHTS:
                self._doubt(name, elements, "are not stored in this file")
            return
        tensor = Tensor(_plain_name(name), dtype, dataset.shape, elements)
        layer, _, number = name.rpartition("/")
        if layer.endswith("vars") and number.isdecimal() and len(number) <= MAX_VARIABLE_DIGITS:
            self.variables.add(layer, int(number), tensor)
        else:
            self.tally.add(tensor)
            self._floats += elements if kind_of(dtype) is Kind.FLOAT else 0

    def _is_stored(self, name: str, dataset: Dataset, elements: int) -> bool:
        """Whether a dataset's elements can lie in this file; contiguous ones are noted, to see that none overlap."""
        wanted = elements * dataset.type.size // (dataset.type.numbers or 1)
        if dataset.external or dataset.layout == VIRTUAL:
            return False
        if dataset.layout == CHUNKED:
            self._filtered |= dataset.filtered
            return wanted <= self.size * (MOST_DEFLATED if dataset.filtered else 1)
        if dataset.layout == CONTIGUOUS:
            if dataset.address is None:
                return False
            if dataset.size < wanted or dataset.address + wanted > self.size:
                told = f"{dataset.size} bytes at {dataset.address} for {wanted} in a file of {self.size}"
                raise MalformedFile(self.name, f"object {name[:100]!r}: {told}")
            self._extents.append((dataset.address, wanted))
        return True

    def _doubt(self, name: str, most: int | None, why: str) -> None:
        self._open += Interval(0, most)
        told = f"{name[:80]!r}: up to {'any number of' if most is None else most} elements {why}"
        self._findings.setdefault(why, Finding("uncertain-elements", told))

    def check_extents(self) -> None:
        """See that no two datasets share bytes.

        Raises:
            MalformedFile: they do.
        """
        covered = 0
        for begin, length in sorted(self._extents):
            if begin < covered:
                raise MalformedFile(self.name, f"datasets overlap at byte {begin}")
            covered = begin + length

    def give_up(self, why: str) -> None:
        """Leave the rest unseen."""
        self.note = why
        self._open += Interval(0, None)

    def stop(self) -> None:
        """Leave the rest unread, because enough is certain."""
        self.partial = True
        self.note = "stopped when enough was certain"
        spare = self.size - sum(length for _, length in self._extents)
        self._open += Interval(0, None if self._filtered else max(spare, 0) * PARAMETERS_PER_BYTE_AT_MOST)

    def finish(self, source: ByteReader) -> Estimate:
        """The estimate of what was seen, and a bound for the rest.

        Args:
            source: the file in the repository, for its name and what it cost.
        """
        packed, why = self.variables.settle(self.tally, whole=not self.note)
        if why:
            self._findings.setdefault(why, Finding("packing-unknown", why))
        unseen = self._open + packed
        outcome = results.of_tally(
            source,
            Basis.HDF5_HEADER,
            self.tally,
            findings=tuple(self._findings.values()),
            note=self.note or ("optimizer state is left out" if self.skipped else ""),
            unseen=None if unseen == ZERO else unseen,
            partial=self.partial,
        )
        return replace(outcome, stored_elements=None) if self.skipped else outcome


def sum_for(name: str, size: int, hints: Hints, *, int8: bool) -> Sum:
    """An empty sum for one file; see `hdf5.estimate_part`."""
    return Sum(name, size, results.tally_for(name, hints), Variables(int8=int8))
