"""Tensors and whole files inside of one file, added up: what documents and pickles hold beside their own arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimators import results
from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, ZERO, Interval, interval_of
from estimators.errors import BudgetExceeded
from estimators.interface import Estimate, Finding, Hints, Unestimated
from estimators.reading.front import FRONT_BYTES, FrontReader
from estimators.reading.views import WHOLE_BYTES, Part

if TYPE_CHECKING:
    from estimators.interface import Basis, ByteReader
    from estimators.packing import Tensor

LEAST_FILE_BYTES = 100
MAGIC_BYTES = 16
BEGIN_BYTES = 64 * 1024  # that are looked at where a model lies behind its settings
MAX_FILES = 64  # in one file
MAX_DEPTH = 4  # files in files in files
# Magic bytes of what may be a weight file: zips (PyTorch), pickles, HDF5, GGUF, arrays of NumPy, compressed pickles.
_MAGICS = (b"PK\3\4", b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5", b"\x89HDF", b"GGUF", b"\x93NUMPY", b"{L\0\0\0\0\0\0")


class Nested:
    """A tally, and the estimates of files inside of the file."""

    def __init__(self, source: FrontReader, hints: Hints) -> None:
        self.tally = results.tally_for(source.name, hints)
        self.unseen = ZERO
        self.findings: list[Finding] = []
        self._source = source
        self._hints = hints
        self._files: list[Estimate] = []
        self._elements = 0
        self._settled_at = 0
        self._looked = 0

    def add(self, tensor: Tensor) -> None:
        """Add one tensor."""
        self.tally.add(tensor)
        self._elements += tensor.elements

    def has_enough(self) -> bool:
        """Whether more parameters are certain than are asked for; settles the tally as rarely as can be."""
        enough = self._hints.enough
        if enough is None or self._elements <= max(enough, self._settled_at):
            return False
        self._settled_at = 2 * self._elements
        return self.tally.finish().interval.low + sum(file.low for file in self._files) > enough

    def add_file(self, name: str, offset: int, length: int, *, known: bool = False) -> bool:
        """Estimate a file inside of the file; whether it is one, by its first bytes or because its name is `known`."""
        from estimators import registry  # late: the registry knows whoever asks here

        if not known and not self._begins_file(offset, length):
            return False
        most = Interval(0, length * (1 if known else PARAMETERS_PER_BYTE_AT_MOST))  # what is known packs nothing
        if len(self._files) >= MAX_FILES or self._hints.depth >= MAX_DEPTH:
            self.unseen += most
            return True
        part = Part(self._source, f"{self._source.name}!{name[:200]}", offset, length)
        self.add_outcome(registry.estimate_file(part, self.deeper()), most)
        return True

    def add_pickle(self, holder: ByteReader, name: str, offset: int) -> None:
        """Estimate a pickle that reaches to the end of `holder`, which is this file or a member of it."""
        from estimators.formats.pickled import files as pickled  # late: it knows whoever asks here

        if holder.size is None or self._hints.depth >= MAX_DEPTH or len(self._files) >= MAX_FILES:
            self.unseen += Interval(0, None)
            return
        length = max(holder.size - offset, 0)
        whole = max(length, 1) if length <= WHOLE_BYTES else FRONT_BYTES  # its arrays are scattered
        part = FrontReader(Part(holder, f"{self._source.name}!{name[:200]}", offset, length), whole)
        outcome: Estimate | Unestimated
        try:
            outcome = pickled.estimate(part, self.deeper())
        except BudgetExceeded as exc:
            outcome = Unestimated(part.name, exc.reason, str(exc))
        self.add_outcome(outcome, Interval(0, length * PARAMETERS_PER_BYTE_AT_MOST))

    def deeper(self) -> Hints:
        """What is told to the estimator of a file inside of this one."""
        return Hints(self._hints.quantization, self._hints.enough, self._hints.depth + 1)

    def add_outcome(self, found: Estimate | Unestimated, most: Interval) -> None:
        """Add what a file inside of this one came to; `most` is what it can hold where nobody could tell."""
        if isinstance(found, Estimate):
            self._files.append(found)
            self._elements += found.low
            self.findings.extend(found.findings)
        else:
            self.unseen += most
            self.findings.append(Finding(found.reason, found.message))

    def begin(self, offset: int, length: int) -> bytes:
        """The first bytes of something inside of the file."""
        return self._source.read(offset, min(length, BEGIN_BYTES))

    def _begins_file(self, offset: int, length: int) -> bool:
        self._looked += 1
        if length < LEAST_FILE_BYTES or self._looked > MAX_FILES:
            return False
        return self._source.read(offset, MAGIC_BYTES).startswith(_MAGICS)

    def estimate(self, basis: Basis, *, unseen: Interval = ZERO, partial: bool = False, note: str = "") -> Estimate:
        """The sum of everything."""
        count = self.tally.finish()
        interval = count.interval + self.unseen + unseen
        point: int | None = count.point if self.unseen + unseen == ZERO else None
        stored: int | None = count.stored_elements if point is not None else None
        for file in self._files:
            interval += interval_of(file)
            point = None if point is None or file.point is None else point + file.point
            stored = None if stored is None or file.stored_elements is None else stored + file.stored_elements
        exact = point is not None and interval.low == interval.high == point and all(file.exact for file in self._files)
        if not note and self.unseen != ZERO and not self.findings:
            note = "data inside that was not opened may be weights"
        return results.of_interval(
            self._source,
            basis,
            interval,
            point=point,
            stored=stored,
            buffers=count.buffers + sum(file.buffers or 0 for file in self._files) if exact else None,
            exact=exact,
            findings=(*count.findings, *self.findings),
            note=note,
            partial=partial or any(file.partial for file in self._files),
        )
