"""Numbers that a pickle holds: arrays with what they are for, and tables in dictionaries and lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from estimators.dtypes import Kind, kind_of
from estimators.formats.pickled import model_words
from estimators.formats.pickled.arrays import OBJECTS, OTHER, RECORDS, TEXTS, Array
from estimators.formats.pickled.model_words import Sort
from estimators.packing import Tensor
from estimators.reading import npy
from estimators.reading.pickle_nodes import Call, Node

MAX_NAME_PARTS = 40  # of an array's name; what is deeper has the name of what it lies in
SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")

Path = tuple[Any, str] | None
"""An attribute's name behind that of what it lies in."""


@dataclass
class Found:
    """An array, or a run of numbers: what it is for, and what it is called."""

    sort: Sort
    path: Path
    array: Array
    sparse: int | None = None  # elements of the matrix that these are the stored ones of


def numbers_in(node: Node) -> int:
    """Numbers in a value of a table: itself, or a row of them; 0 where it is anything else, or only integers."""
    if isinstance(node, float):
        return 1
    if isinstance(node, Call) and node.path in SCALARS:
        return 1
    if not isinstance(node, list | tuple) or not node:
        return 0
    if not all(isinstance(item, int | float) and not isinstance(item, bool) for item in node):
        return 0
    return len(node) if any(isinstance(item, float) for item in node) else 0


def tensors_of(found: Found) -> Iterator[Tensor]:
    """What an array adds to a tally: itself, or the fields of its structure."""
    array, name = found.array, model_words.name_of(parts_of(found.path))
    if array.dtype == RECORDS:
        for label, dtype in array.fields.items():
            yield Tensor(f"{name}.{label}", _counted(dtype), array.shape, array.elements)
    else:
        yield Tensor(name, _counted(array.dtype), array.shape, array.elements)


def _counted(dtype: str) -> str:
    """The type's name in dtypes.py; texts and objects are stored, and never count."""
    return npy.NEVER_COUNTED if dtype in (OBJECTS, OTHER, TEXTS, RECORDS) else dtype


def is_float(dtype: str) -> bool:
    """Whether elements of a type count."""
    return kind_of(dtype) is Kind.FLOAT


def parts_of(path: Path) -> list[str]:
    """The names on the way to an array, outermost first."""
    parts: list[str] = []
    while path is not None and len(parts) < MAX_NAME_PARTS:
        path, name = path
        if name:
            parts.append(name[:200])
    return parts[::-1]
