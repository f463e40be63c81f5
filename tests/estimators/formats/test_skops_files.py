"""skops files: the schema's objects count as a pickle's do, and hostile schemas get an answer."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from estimators.errors import EstimatorError, MalformedFile
from estimators.formats.pickled import skops as skops_files
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader


def thing(path: str, content: Any = None, **more: Any) -> dict[str, Any]:
    module, _, name = path.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": "ObjectNode", "content": content, **more}


def stored(number: int, path: str = "numpy.ndarray") -> dict[str, Any]:
    return thing(path, type="numpy", file=f"{number}.npy")


def attributes(**values: Any) -> dict[str, Any]:
    return thing("builtins.dict", values)


def archive(schema: Any, *arrays: Any, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for number, array in enumerate(arrays):
            buffer = io.BytesIO()
            np.save(buffer, array)
            file.writestr(f"{number}.npy", buffer.getvalue())
        file.writestr("schema.json", schema if isinstance(schema, str) else json.dumps(schema))
    return out.getvalue()


def read(data: bytes) -> Estimate:
    return skops_files.estimate(CountingReader(data, "model.skops"), Hints())


LINEAR = thing(
    "sklearn.linear_model._base.LinearRegression",
    attributes(coef_=stored(0), intercept_=stored(1, "numpy.float64"), positive=thing("builtins.str", "false")),
)
ARRAYS = (np.zeros((1, 5)), np.float64(1))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_linear_model_and_what_is_around_it(method: int) -> None:
    steps = thing("builtins.list", [thing("builtins.tuple", [thing("builtins.str", '"model"'), LINEAR])])
    pipeline = thing("sklearn.pipeline.Pipeline", attributes(steps=steps))
    estimate = read(archive(pipeline, *ARRAYS, method=method))
    assert (estimate.point, estimate.exact) == (6, True)


def test_an_array_that_two_attributes_share_counts_once() -> None:
    twice = attributes(mean_=stored(0), also=stored(0), names=thing("numpy.ndarray", [stored(1)], type="json"))
    assert read(archive(twice, np.zeros(5), np.zeros(3))).point == 8


def test_trees_and_neighbours_are_intervals() -> None:
    nodes = np.zeros(7, [("left", "<i8"), ("threshold", "<f8")])
    tree = thing("sklearn.tree._tree.Tree", attributes(nodes=stored(0), values=stored(1)))
    estimate = read(archive(tree, nodes, np.zeros((7, 1, 2))))
    assert (estimate.low, estimate.high) == (4, 28)
    model = thing("sklearn.neighbors._classification.KNeighborsClassifier", attributes(_fit_X=stored(0)))
    assert (read(archive(model, np.zeros((9, 2)))).low, read(archive(model, np.zeros((9, 2)))).high) == (0, 18)


def test_the_schema_may_be_too_long_to_parse() -> None:
    estimate = read(archive("[" + "0," * skops_files.MAX_SCHEMA_BYTES + "0]", np.zeros(5)))
    assert estimate.low == 0
    assert estimate.high is not None
    assert estimate.high > 5


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "{",
        "[" * 5000,
        '{"__class__": "a", "content": ' * 200 + "1" + "}" * 200,
        {"__class__": "ndarray", "file": "9.npy", "type": "numpy"},
        "[" + "[]," * 400_000 + "1]",
    ],
)
def test_hostile_schemas(schema: Any) -> None:
    with pytest.raises(EstimatorError) as caught:
        read(archive(schema))
    assert str(caught.value).startswith("model.skops")


def test_a_zip_without_a_schema() -> None:
    data = archive({}, np.zeros(3)).replace(b"schema.json", b"schemb.json")
    with pytest.raises(MalformedFile, match=r"without schema\.json"):
        read(data)
