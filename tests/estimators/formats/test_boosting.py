"""Boosted trees: intervals from leaves to all numbers, linear boosters exactly, and how far long files are scanned."""

from __future__ import annotations

import json
import struct
import time

import pytest

from estimators.errors import MalformedFile
from estimators.formats.trees import catboost, lightgbm, xgboost
from estimators.formats.trees import ensembles as boosting
from estimators.interface import Basis, Estimate, Hints
from tests.builders import CountingReader


def xgboost_json(trees: int, nodes: int) -> bytes:
    tree = {
        "base_weights": [0.5] * nodes, "left_children": [-1] * nodes, "split_conditions": [0.25] * nodes,
        "tree_param": {"num_deleted": "0", "num_nodes": str(nodes)},
    }  # fmt: skip
    model = {"model": {"gbtree_model_param": {"num_trees": str(trees)}, "trees": [tree] * trees}, "name": "gbtree"}
    return json.dumps({"learner": {"attributes": {}, "gradient_booster": model}, "version": [3, 0, 0]}).encode()


def lightgbm_text(trees: int, leaves: int) -> bytes:
    tree = f"Tree=0\nnum_leaves={leaves}\nnum_cat=0\nleaf_value=" + " ".join(["0.5"] * leaves) + "\n\n"
    return ("tree\nversion=v4\nnum_class=1\nfeature_infos=[0:1]\n\n" + tree * trees).encode()


def bounds(estimate: Estimate) -> tuple[int, int | None]:
    assert (estimate.basis, estimate.point, estimate.exact) == (Basis.TREES, None, False)
    assert [finding.code for finding in estimate.findings] == [boosting.NO_SETTLED_MEANING]
    return estimate.low, estimate.high


@pytest.mark.parametrize("trees", [1, 30, 2000])
def test_xgboost_from_leaves_to_all_numbers(trees: int) -> None:
    data = xgboost_json(trees, 31)
    low, high = bounds(xgboost.estimate(CountingReader(data, "xgb.json"), Hints()))
    assert low == 16 * trees
    assert high is not None
    assert 3 * 31 * trees <= high < 5 * 31 * trees + 100


def test_lightgbm_from_leaves_to_all_numbers() -> None:
    low, high = bounds(lightgbm.estimate(CountingReader(lightgbm_text(50, 31), "lgb.txt"), Hints()))
    assert (low, high) == (31 * 50, 50 * (31 + 3) + 4)


def test_a_long_file_is_scanned_while_its_side_is_open() -> None:
    data = xgboost_json(20_000, 31)
    reader = CountingReader(data, "xgb.json")
    low, high = bounds(xgboost.estimate(reader, Hints(enough=1_000_000)))
    assert (low, reader.requests) == (320_000, 4)
    assert len(data) > 8 * 1024 * 1024
    few = CountingReader(data, "xgb.json")
    estimate = xgboost.estimate(few, Hints(enough=100_000_000))
    assert (few.requests, estimate.partial) == (1, True)
    assert estimate.high is not None
    assert estimate.high >= (high or 0)


def test_a_file_too_long_to_scan_is_bounded_by_its_size() -> None:
    data = lightgbm_text(1000, 31)
    reader = CountingReader(data, "lgb.txt", size=64 * 1024 * 1024)
    low, high = bounds(lightgbm.estimate(reader, Hints()))
    assert reader.requests == 1
    assert 0 < low < 31_000
    assert high is not None
    assert high > 30 * 1024 * 1024


def test_words_cut_by_a_piece_are_counted_once() -> None:
    data = lightgbm_text(400, 7)
    for front in range(60, 130):
        from estimators.reading.front import FrontReader

        estimate = lightgbm.estimate(FrontReader(CountingReader(data, "lgb.txt"), front), Hints())
        assert estimate.low == 2800


def test_a_linear_booster_is_counted() -> None:
    booster = {"model": {"weights": [0.5, 1.0, 2.0]}, "name": "gblinear"}
    data = json.dumps({"learner": {"attributes": {}, "gradient_booster": booster}}).encode()
    estimate = xgboost.estimate(CountingReader(data, "model.json"), Hints())
    assert (estimate.point, estimate.exact) == (3, True)


def test_the_binary_layout_without_its_magic_needs_a_name() -> None:
    settings = struct.pack("<fIiii", 0.5, 3, 0, 0, 0) + bytes(116)
    names = struct.pack("<Q", 10) + b"reg:linear" + struct.pack("<Q", 6) + b"gbtree"
    tree = struct.pack("<6i", 1, 5, 0, 2, 3, 0) + bytes(124) + bytes(5 * 36)
    data = settings + names + struct.pack("<i", 1) + bytes(156) + tree
    assert xgboost.matches(data, "xgb.model")
    assert not xgboost.matches(data, "weights.bin")
    low, high = bounds(xgboost.estimate(CountingReader(data, "xgb.model"), Hints()))
    assert (low, high) == (3, len(data) // 4)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b'{"learner":{"generic_param":{}}}', "config.json"),
        (b'{"nodes":[],"heads":[]}', "xgb.json"),
        (b"tree of life\n", "lgb.txt"),
        (b"CBM0", "model.cbm"),
        (bytes(300), "xgb.model"),
    ],
)
def test_other_bytes_are_no_trees(data: bytes, name: str) -> None:
    assert not any(module.matches(data, name) for module in (xgboost, lightgbm, catboost))


@pytest.mark.parametrize(
    "data",
    [
        b"binf" + b"\xff" * 300,
        b"binf" + struct.pack("<fIiii", 0.5, 3, 0, 0, 0) + bytes(116) + struct.pack("<Q", 2**60),
        b"{L" + (7).to_bytes(8, "big") + b"learner{gblinear weights[$d#L" + b"\xff" * 8,
    ],
)
def test_what_contradicts_itself_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        xgboost.estimate(CountingReader(data, "xgb.model"), Hints())


def test_catboost_states_no_more_leaf_values_than_fit() -> None:
    # Root table -> trees -> a vector of leaf values that claims 2^30 of them.
    root = struct.pack("<IHHHHi", 12, 8, 8, 0, 4, 8) + struct.pack("<I", 4)
    data = b"CBM1" + struct.pack("<I", 0) + root + bytes(64)
    with pytest.raises(MalformedFile):
        catboost.estimate(CountingReader(b"CBM1" + b"\xff" * 60, "model.cbm"), Hints())
    estimate = catboost.estimate(CountingReader(data, "model.cbm"), Hints())
    assert estimate.low == 0


def test_many_unclosed_lists_cost_no_time() -> None:
    data = b'{"learner":{"attributes":{},"name":"gblinear"' + b',"weights":[' * 300_000
    begin = time.perf_counter()
    xgboost.estimate(CountingReader(data, "xgb.json"), Hints())
    assert time.perf_counter() - begin < 1
