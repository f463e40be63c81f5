"""NumPy arrays in pickles: types and shapes as numpy writes them, and shapes that cannot be."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from estimators.errors import MalformedFile
from estimators.formats.pickled.arrays import OBJECTS, RECORDS, TEXTS, Array, array_of
from estimators.reading.pickle_nodes import Call, Node, walk
from estimators.reading.pickles import PickleStream, load
from tests.builders import CountingReader

LARGE = 3000  # elements whose bytes are stepped over
ARRAYS: dict[str, tuple[Any, str, tuple[int, ...]]] = {
    "a float": (np.zeros((2, 3), np.float32), "F32", (2, 3)),
    "half": (np.zeros(5, np.float16), "F16", (5,)),
    "big endian": (np.zeros(5, ">f8"), "F64", (5,)),
    "complex": (np.zeros(5, np.complex64), "C64", (5,)),
    "integers": (np.zeros((4, 1), np.int64), "I64", (4, 1)),
    "booleans": (np.zeros(4, np.bool_), "BOOL", (4,)),
    "a number": (np.array(1.5), "F64", ()),
    "nothing": (np.zeros((0, 7)), "F64", (0, 7)),
    "in Fortran's order": (np.asfortranarray(np.zeros((3, 4))), "F64", (3, 4)),
    "large": (np.zeros((LARGE, 2), np.float32), "F32", (LARGE, 2)),
    "texts": (np.array(["a", "bc"]), TEXTS, (2,)),
    "objects": (np.array([{}, None], dtype=object), OBJECTS, (2,)),
    "records": (np.zeros(3, dtype=[("left", "<i8"), ("value", "<f8")]), RECORDS, (3,)),
    "a subclass": (np.ma.masked_array(np.zeros(3)), "F64", (3,)),
}


def arrays(raw: bytes) -> list[Array]:
    root: Node = load(PickleStream(CountingReader(raw, "a.pkl"))).value
    nodes = [node for node in walk(root) if isinstance(node, Call)]
    return [found for node in nodes if (found := array_of("a.pkl", node)) is not None]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("case", ARRAYS)
def test_types_and_shapes(case: str, protocol: int) -> None:
    array, dtype, shape = ARRAYS[case]
    found, *_ = arrays(pickle.dumps({"weights": array}, protocol))
    assert (found.dtype, found.shape, found.elements) == (dtype, shape, array.size)
    if dtype == RECORDS:
        assert found.fields == {"left": "I64", "value": "F64"}
    if dtype == OBJECTS:
        assert len(found.items) == 2


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("shape", [(2**40, 2**40), (-1,), ("x",), (10**6,), 5, (1,) * 70])
def test_shapes_that_cannot_be(shape: Any, protocol: int) -> None:
    class Lying:
        def __reduce__(self) -> Any:
            maker = np.zeros(1).__reduce__()[0]
            return maker, (np.ndarray, (0,), b"b"), (1, shape, np.dtype("f8"), False, bytes(24))

    raw = pickle.dumps(Lying(), protocol)
    if protocol == 2 and shape == (10**6,):
        return  # the bytes are a text there, whose length says little
    with pytest.raises(MalformedFile, match=r"^a\.pkl: "):
        arrays(raw)


def test_types_inside_types_end() -> None:
    kind: np.dtype[Any] = np.dtype("f8")
    for _ in range(50):
        kind = np.dtype([("inner", kind)])
    found, *_ = arrays(pickle.dumps(np.zeros(2, kind)))
    assert found.dtype == RECORDS
