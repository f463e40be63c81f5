"""From the values of pickles to an estimate: every tensor once, copies and trainer state left out.

What is left out and what adds up is decided in walk.py (trainer state) and copies.py (averages
and snapshots beside the weights). What many checkpoints hold beside their weights, and some would call weights, goes
into the upper bound only: plain attributes of modules, NumPy arrays beside tensors, vectors beside a state dict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from estimators import results
from estimators.bounds import Interval
from estimators.formats.pickled.arrays import OBJECTS, OTHER, RECORDS, TEXTS
from estimators.formats.pytorch import copies as checkpoint_copies
from estimators.formats.pytorch.reach import Reach
from estimators.formats.pytorch.storages import QUANTISED
from estimators.formats.pytorch.walk import Leaf, Walk
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.packing import Tally, Tensor

if TYPE_CHECKING:
    from estimators.formats.pytorch.tensors import StoredTensor
    from estimators.reading.pickle_nodes import Node

MOST_SHOWN = 5  # keys named in a finding
SMALLEST_CONSTANT = 65  # elements: values of graph constants up to 64 do not count, by the contract

# Where modules of torch.ao.nn.quantized keep a weight and its bias.
_PACKED = re.compile(r"\._packed_params(?:\.\w+)*\Z")


@dataclass(slots=True)
class Count:
    """Tensors added up.

    Attributes:
        file: for messages.
        hints: how integers are packed.
        tally: what counts.
        doubtful: what may count.
        findings: what was left out.
        unseen: parameters at most in what was not read.
    """

    file: str
    hints: Hints
    tally: Tally = field(init=False)
    doubtful: Tally = field(init=False)
    findings: list[Finding] = field(default_factory=list)
    unseen: int = 0
    _certain: bool = False

    def __post_init__(self) -> None:
        self.tally = results.tally_for(self.file, self.hints)
        self.doubtful = results.tally_for(self.file, self.hints)

    def add(self, value: Node, *, constants: bool = False, outside: Mapping[str, StoredTensor] | None = None) -> None:
        """Count everything in one pickle's value, whose storages have names of their own.

        Args:
            value: the object.
            constants: it holds the constants of a graph.
            outside: tensors that it only names, by their persistent identifiers.

        Raises:
            MalformedFile: a tensor is impossible.
        """
        walk = Walk(self.file, outside or {})
        found = checkpoint_copies.sort_out(list(walk.leaves(value)))
        self.findings += found.findings
        if walk.left_out:
            keys = ", ".join(key[:40] for key in list(walk.left_out)[:MOST_SHOWN])
            self.findings.append(Finding("trainer-state-left-out", f"what lies under {keys} does not count"))
        reach = Reach()
        variables = self._certain
        prefix = _main_prefix(found.kept)
        quantised = any(leaf.tensor.dtype == QUANTISED for leaf in found.kept)
        for leaf in found.kept:
            least, most = reach.add(leaf.tensor)
            name = _name(leaf, prefix)
            if constants and leaf.tensor.elements < SMALLEST_CONSTANT:
                if not variables:  # a frozen graph: these may be biases
                    self._take(self.doubtful, leaf, name, most)
                continue
            if quantised and leaf.tensor.elements == 1 and name.endswith((".scale", ".zero_point")):
                continue
            self._take(self.tally, leaf, name, 0 if leaf.tensor.absent else least)
            self._certain = self._certain or least > 0
            self._take(self.doubtful, leaf, name, most - (0 if leaf.tensor.absent else least))
        for leaf in found.doubtful:
            self._take(self.doubtful, leaf, _name(leaf, ()), reach.add(leaf.tensor)[1])

    def _take(self, tally: Tally, leaf: Leaf, name: str, elements: int) -> None:
        tensor = leaf.tensor
        if tensor.dtype == RECORDS:
            self._take_any(elements)
        elif elements and tensor.dtype not in (OBJECTS, TEXTS, OTHER):
            tally.add(Tensor(name, tensor.dtype, tensor.shape, elements))

    def _take_any(self, elements: int) -> None:
        """Structured arrays: nothing to weigh them by, so each element bounds one number."""
        self.doubtful.add(Tensor("records", "F64", (elements,), elements))

    def estimate(
        self, source: ByteReader, basis: Basis = Basis.PYTORCH_PICKLE, *, unseen: Interval | None = None, note: str = ""
    ) -> Estimate:
        """The estimate; `unseen` bounds what was not read."""
        count, doubtful = self.tally.finish(), self.doubtful.finish()
        if self.unseen:
            unseen = (unseen or Interval(0, 0)) + Interval(0, self.unseen)
        above = Interval(0, doubtful.interval.high)
        return results.of_sum(
            source,
            basis,
            count.interval + above,
            point=count.point,
            stored=count.stored_elements,
            buffers=count.buffers,
            unseen=unseen,
            findings=(*self.findings, *count.findings, *self._doubts(above.high or 0)),
            note=note,
        )

    def _doubts(self, most: int) -> Sequence[Finding]:
        if not most:
            return ()
        return (Finding("may-be-no-weights", f"{most:,} elements beside the weights may be no weights"),)


def _name(leaf: Leaf, prefix: tuple[str, ...]) -> str:
    """A tensor's name, as safetensors would have it."""
    path = leaf.path[len(prefix) :] if leaf.path[: len(prefix)] == prefix else leaf.path
    name = ".".join(path)
    if "._packed_params" in name:
        return _PACKED.sub(".weight" if leaf.tensor.dtype == QUANTISED else ".bias", name)
    return name


def _main_prefix(leaves: Sequence[Leaf]) -> tuple[str, ...]:
    """Keys around the largest state dict: its names should be those that it has by itself."""
    prefix: tuple[str, ...] = ()
    for level in range(checkpoint_copies.LEVELS):
        sizes: dict[str, int] = {}
        total = 0
        for leaf in leaves:
            if leaf.path[:level] == prefix:
                total += leaf.tensor.elements
                if len(leaf.path) > level + 1 and leaf.keys > level:
                    sizes[leaf.path[level]] = sizes.get(leaf.path[level], 0) + leaf.tensor.elements
        largest = max(sizes, key=sizes.__getitem__, default="")
        if not largest or 2 * sizes[largest] <= total:
            break
        prefix = (*prefix, largest)
    return prefix
