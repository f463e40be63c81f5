"""MLC manifests: what the metadata and the shapes say of packed weights, and where they disagree."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from estimators.bundles import FileEntry
from estimators.errors import MalformedFile
from estimators.formats import mlc
from estimators.interface import Estimate, Hints
from estimators.tables import tables_of
from tests.builders import CountingReader

NORM = ("norm.weight", [64], "float32")


def manifest(*tensors: tuple[str, Sequence[int], str], size: float = 0, bits: float = 0) -> bytes:
    records = [{"name": name, "shape": list(shape), "dtype": dtype} for name, shape, dtype in tensors]
    metadata = {"ParamSize": len(records), "ParamBytes": size, "BitsPerParam": bits}
    return json.dumps({"metadata": metadata, "records": [{"dataPath": "x.bin", "records": records}]}).encode()


def packed(rows: int, words: int) -> list[tuple[str, Sequence[int], str]]:
    return [("a.q_weight", [rows, words], "uint32"), ("a.q_scale", [rows, words // 4], "float16")]


def read(data: bytes) -> Estimate:
    assert mlc.matches(data, "ndarray-cache.json")
    return mlc.estimate(CountingReader(data, "ndarray-cache.json"), Hints())


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "e4m3_float8"])
def test_plain_floats_count(dtype: str) -> None:
    estimate = read(manifest(("w", [3, 4], dtype), ("ids", [9], "int32")))
    assert (estimate.point, estimate.stored_elements, estimate.exact) == (12, 21, True)


@pytest.mark.parametrize(("values", "exact"), [(8, True), (10, True), (4, True), (9, False)])
def test_metadata_tell_the_bits_where_shapes_bear_them_out(values: int, exact: bool) -> None:
    count = 64 * 40 * values + 64
    estimate = read(manifest(*packed(64, 40), NORM, size=10_000.0, bits=10_000 * 8 / count))
    assert estimate.exact is exact
    assert estimate.low <= count <= (estimate.high or 0)


def test_narrow_floats_are_not_packed() -> None:
    tensors: list[tuple[str, Sequence[int], str]] = [
        ("a.q_weight", [64, 40], "e4m3_float8"),
        ("a.q_scale", [1], "float32"),
    ]
    assert read(manifest(*tensors)).point == 2560


def test_padded_rows_and_rounded_metadata_give_a_narrow_interval() -> None:
    padded = 64 * 412 * 10 + 64
    count = 64 * 4096 + 64  # of 4,120 stored
    estimate = read(manifest(*packed(64, 412), NORM, size=1e5, bits=1e5 * 8 / count))
    assert (estimate.low, estimate.point, estimate.high) == (count, count, padded)


def test_numbered_tensors_of_integers_may_pack_anything() -> None:
    estimate = read(manifest(("param_0", [64, 40], "uint32"), ("param_1", [64, 10], "float16")))
    assert (estimate.low, estimate.point, estimate.high) == (2560, 2560 * 8 + 640, 2560 * 32 + 640)


def test_without_metadata_every_packing_is_possible() -> None:
    estimate = read(manifest(*packed(64, 40), NORM))
    assert (estimate.low, estimate.point, estimate.high) == (2560 * 4 + 64, 2560 * 8 + 64, 2560 * 16 + 64)


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"records": 3}',
        manifest(("a", [-1, 3], "float32")),
        manifest(("a", [2**40, 2**40], "float32")),
        manifest(("a", [1] * 100, "float32")),
        b"[" * 100_000,
    ],
)
def test_what_contradicts_itself_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        mlc.estimate(CountingReader(data, "ndarray-cache.json"), Hints())


def test_the_manifest_is_the_table_of_the_shards() -> None:
    entries = {path: FileEntry(path, 1) for path in ("q4/params_shard_0.bin", "q4/ndarray-cache.json")}
    assert [entry.path for entry in tables_of("q4/params_shard_0.bin", "mlc", entries)] == ["q4/ndarray-cache.json"]
