"""Bound the parameters of LightGBM models, which are text.

Spec: lightgbm-org/LightGBM, src/boosting/gbdt_model_text.cpp (`SaveModelToString`) and src/io/tree.cpp (`ToString`).

Trees get an interval (see `ensembles.py`): from their leaves, as `num_leaves` tells them, to all numbers.
"""

from __future__ import annotations

import re

from estimators.errors import MalformedFile
from estimators.formats.trees import ensembles as boosting
from estimators.interface import ByteReader, Estimate, Hints
from estimators.reading.front import front_reader

_START = re.compile(rb"tree\r?\n(?:version=v\d+|num_class=\d+)\r?\n")
_LEAVES = re.compile(rb"num_leaves=(\d{1,10})\r?\n")


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as LightGBM's text."""
    return _START.match(front) is not None


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Bound the parameters of one LightGBM model.

    Args:
        reader: the file: whole up to 4 MiB, up to 32 MiB while its side is open, else its front.
        hints: `enough` is the count whose side decides.

    Raises:
        MalformedFile: the file does not begin as LightGBM's text.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    if not _START.match(source.front()):
        raise MalformedFile(source.name, f"begins with {source.front()[:12]!r}, not with 'tree'")
    return boosting.of_scan(source, source.front(), hints, _Counter(), 0.5)


class _Counter:
    """Numbers follow a space, an equals sign or, in the ranges of features, a colon."""

    def __init__(self) -> None:
        self.leaves = 0
        self.numbers = 0

    def feed(self, piece: bytes, seen: int) -> None:
        """See `boosting.TreeCounter`."""
        self.leaves += sum(int(match[1]) for match in _LEAVES.finditer(piece) if match.end() > seen)
        self.numbers += sum(piece.count(sign, seen) for sign in (b" ", b"=", b":"))
