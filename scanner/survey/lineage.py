"""Which repositories hold the same weights, as far as a listing tells: a model and its quantised copies.

A *distinct weight* is a class of repositories: a repository that is a quantised copy of another belongs to the class of
that one, copies of copies included; every other repository (a fine-tune, a merge, an adapter, too) is a class of its
own. Copies of a model that is not in the frame make a class without it.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Mapping
from typing import TYPE_CHECKING

from estimators.interface import Basis

if TYPE_CHECKING:
    from scanner.catalogue.frame import FrameRow

QUANTIZED = "quantized"
"""The Hub's word for the relation."""

_QUANTISED_NAME = re.compile(
    r"(?<![a-z0-9])(?:gguf|ggml|gptq|awq|exl2|exl3|bnb|hqq|eetq|aqlm|mlx|imatrix|i1|int[48]|fp8|nf4|mxfp4|nvfp4"
    r"|[2-8](?:[._-]?0)?[._-]?bits?|[2-8]bpw|w\d{1,2}a\d{1,2}|q[2-8](?:_[k0-9](?:_[sml])?)?|quanti[sz]ed|autoround)"
    r"(?![a-z0-9])"
)
"""Words by which conversions are named, where the listing's relation is not known."""


def copy_of(row: FrameRow) -> str | None:
    """The name of the model that a repository is a quantised copy of; None where it is none."""
    if row.base_model is None or row.adapter:
        return None
    if row.relation is not None:
        return row.base_model if row.relation == QUANTIZED else None
    last = row.name.rpartition("/")[2].lower()
    named = row.basis == Basis.HUB_GGUF or _QUANTISED_NAME.search(last) is not None
    return row.base_model if named else None


def name_hash(name: str) -> int:
    """A name, in any case, as a number of 64 bits."""
    return int.from_bytes(hashlib.blake2b(name.lower().encode("utf-8", "replace"), digest_size=8).digest())


class Lineage:
    """Classes of repositories, built up row by row; 8 bytes a row and as much again for copies.

    A row's class is named by the hash of its root; `size` tells how many rows share it.
    """

    def __init__(self) -> None:
        self._base = array("Q")  # by row: the hash of what it is a copy of, else its own
        self._copies, self._copied = array("Q"), array("Q")
        self._sizes: dict[int, int] = {}
        self._parents: dict[int, int] = {}

    def add(self, name: str, base: str | None) -> None:
        """Take in the next row.

        Args:
            name: of the repository.
            base: what it is a copy of.
        """
        own = name_hash(name)
        if base is None:
            self._base.append(own)
            return
        copied = name_hash(base)
        self._base.append(copied)
        self._copies.append(own)
        self._copied.append(copied)
        self._sizes[copied] = 0

    def close(self) -> None:
        """All rows have been added: count."""
        sizes = self._sizes
        for own, copied in zip(self._copies, self._copied, strict=True):
            if own in sizes and own != copied:  # a copy that has copies of its own
                self._parents[own] = copied
        self._copies, self._copied = array("Q"), array("Q")
        for parent in list(self._parents):
            self._parents[parent] = _root(parent, self._parents)
        for base in self._base:
            if base in sizes:
                sizes[self._parents.get(base, base)] += 1

    def size(self, row: int) -> int:
        """How many rows hold the weights of a row, itself included."""
        base = self._base[row]
        return self._sizes.get(self._parents.get(base, base), 1)


def _root(start: int, parents: Mapping[int, int]) -> int:
    """Where a chain of copies ends; of a circle, its least member."""
    seen: list[int] = [start]
    while (following := parents.get(seen[-1])) is not None:
        if following in seen:
            return min(seen[seen.index(following) :])
        seen.append(following)
    return seen[-1]
