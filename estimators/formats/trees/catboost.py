"""Bound the parameters of CatBoost models (`.cbm`).

Spec: catboost/catboost, catboost/libs/model/flatbuffers/model.fbs: the magic "CBM1", the length of the core, and the
core as a FlatBuffer, followed by tables of categorical statistics.

Trees get an interval (see `ensembles.py`): from their leaf values, whose number the core states, to all numbers.
"""

from __future__ import annotations

from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.trees import ensembles as boosting
from estimators.interface import ByteReader, Estimate, Hints
from estimators.reading.flatbuffer import Flatbuffer
from estimators.reading.front import front_reader

MAGIC = b"CBM1"
CORE_AT = 8
# Numbers of fields in the schema.
MODEL_TREES = 1
LEAF_VALUES, LEAF_WEIGHTS = 8, 9
DOUBLE_BYTES = 8  # of a leaf's value, and of its weight
NARROWEST_BYTES = 2  # of any other number: steps between nodes have 16 bits


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the magic."""
    return front.startswith(MAGIC)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- two ranges tell all there is
    """Bound the parameters of one CatBoost model.

    Args:
        reader: the file: its first 128 KiB and a block for what lies elsewhere.
        hints: unused.

    Raises:
        MalformedFile: the core contradicts the format or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    if not matches(source.front(), source.name):
        raise MalformedFile(source.name, f"begins with {source.front()[:4]!r}, not with {MAGIC!r}")
    if source.size is None:
        raise MalformedFile(source.name, "its size is unknown, so that its trees cannot be bounded")
    core = Flatbuffer(source, CORE_AT)
    trees = core.table(core.root(), MODEL_TREES, "the trees")
    values = core.count(trees, LEAF_VALUES, "leaf values") if trees else 0
    weights = core.count(trees, LEAF_WEIGHTS, "leaf weights") if trees else 0
    doubles = values + weights
    if doubles * DOUBLE_BYTES > source.size:
        raise MalformedFile(source.name, f"states {values} leaf values and {weights} weights in {source.size} bytes")
    high = doubles + (source.size - doubles * DOUBLE_BYTES) // NARROWEST_BYTES
    return boosting.of_trees(source, Interval(values, high))
