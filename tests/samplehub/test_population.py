"""The built-in population: its breadth, its truths counted again from the files, and its cost."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import time
from typing import Any

import pytest
import yaml

from scanner.samplehub import Repository, SampleHub
from scanner.samplehub import population as populations
from scanner.samplehub.files.blob import Blob
from tests.samplehub.test_files import read_gguf

FLOATS = {"F4", "F8_E5M2", "F8_E4M3", "F16", "BF16", "F32", "F64", "C64"}


@pytest.fixture(scope="module")
def population() -> dict[str, Repository]:
    return {repository.id: repository for repository in populations.build()}


def header(blob: Blob) -> dict[str, Any]:
    (length,) = struct.unpack("<Q", blob.read(0, 8))
    entries = json.loads(blob.read(8, 8 + length))
    entries.pop("__metadata__", None)
    return dict(entries)


def elements(shape: list[int]) -> int:
    product = 1
    for extent in shape:
        product *= extent
    return product


def weights_in(blob: Blob) -> int:
    """Floating elements of a safetensors file."""
    return sum(elements(t["shape"]) for t in header(blob).values() if t["dtype"] in FLOATS)


def test_breadth(population: dict[str, Repository]) -> None:
    assert len(population) >= 40
    assert len({repository._id for repository in population.values()}) == len(population)
    suffixes = {path.rpartition(".")[2] for repository in population.values() for path in repository.files}
    assert {"safetensors", "gguf", "bin", "pt", "pth", "ckpt", "onnx", "zip", "pkl", "xmodel"} <= suffixes
    assert {repository.gated for repository in population.values()} == {False, "auto", "manual"}
    assert sum(repository.disabled for repository in population.values()) == 1
    assert all("region:us" in repository.tags for repository in population.values())
    assert all(repository.note for repository in population.values())
    assert min(r.downloads for r in population.values()) == 0
    assert max(r.downloads for r in population.values()) > 1_000_000


def test_weights_of_different_repositories_differ(population: dict[str, Repository]) -> None:
    seen: dict[str, str] = {}
    for repository in population.values():
        for path, blob in repository.files.items():
            if path.endswith((".safetensors", ".gguf")):
                assert seen.setdefault(blob.sha256, repository.id) == repository.id


def test_truth_of_plain_safetensors(population: dict[str, Repository]) -> None:
    """One root file or its shards, nothing packed: the floating elements are the truth."""
    checked = 0
    for repository in population.values():
        packed = "quantization_config" in (repository.config or {}) or "quantised" in repository.note
        parts = [b for p, b in repository.files.items() if "/" not in p and p.endswith(".safetensors")]
        broken = repository.id.startswith("scrapyard/") and repository.truth is None
        whole = "modules.json" not in repository.files and "model_index.json" not in repository.files
        if parts and whole and not packed and not broken:
            assert sum(map(weights_in, parts)) == repository.truth, repository.id
            checked += 1
    assert checked >= 30


def test_truth_of_packed_models(population: dict[str, Repository]) -> None:
    base = population["lumenforge/aurora-7b-instruct"].truth
    blob = population["quietriver/aurora-7b-instruct-GPTQ"].files["model.safetensors"]
    count = 0
    for name, tensor in header(blob).items():
        if name.endswith(".qweight"):
            count += elements(tensor["shape"]) * 8
        elif not name.endswith((".qzeros", ".scales", ".g_idx")):
            count += elements(tensor["shape"])
    assert count == base
    small = population["lumenforge/aurora-1.1b-base"].truth
    for kind, skipped, per_byte in (
        ("bnb-4bit", (".absmax", ".quant_map", "__nf4"), 2), ("FP8", ("_scale_inv",), 1), ("MXFP4", ("_scale",), 1),
    ):  # fmt: skip
        blob = population[f"nightquant/aurora-1.1b-base-{kind}"].files["model.safetensors"]
        kept = {name: tensor for name, tensor in header(blob).items() if not name.endswith(skipped)}
        count = sum(elements(t["shape"]) * (per_byte if t["dtype"] == "U8" else 1) for t in kept.values())
        assert count == small, kind


def test_truth_of_gguf(population: dict[str, Repository]) -> None:
    def count(*blobs: Blob) -> int:
        return sum(elements(list(shape)) for blob in blobs for shape, _, _ in read_gguf(blob)[1].values())

    checked = 0
    for repository in population.values():
        files = {path: blob for path, blob in repository.files.items() if path.endswith(".gguf")}
        if files and ("split" in repository.note or "mmproj" in "".join(files)):
            assert count(*files.values()) == repository.truth
        elif files:
            assert {count(blob) for blob in files.values()} == {repository.truth}
        checked += bool(files)
    assert checked == 5


def test_truth_at_the_threshold(population: dict[str, Repository]) -> None:
    for name, truth in (("over", 1_000_001), ("even", 1_000_000), ("under", 999_999)):
        for shown in ("listed", "bare"):
            repository = population[f"evenkeel/threshold-{name}-{shown}"]
            assert repository.truth == truth == weights_in(repository.files["model.safetensors"])
            assert (repository.declared is not None) is (shown == "listed")


def test_declared_numbers(population: dict[str, Repository]) -> None:
    wrong = population["brightmoor/kestrel-7b"].declared
    assert wrong == {"parameters": {"BF16": 7_615_616_512}, "total": 333_312}
    index = population["brightmoor/kestrel-7b"].files["model.safetensors.index.json"]
    assert json.loads(index.read(0, index.size))["metadata"]["total_parameters"] == 333_312
    odd = {
        r.id
        for r in population.values()
        if r.declared and sum(r.declared["parameters"].values()) != r.declared["total"]
    }
    assert odd == {"brightmoor/kestrel-7b", "driftwood/tabnet-census", "driftwood/sensor-fusion-s"}


def test_cards_are_what_the_api_says(population: dict[str, Repository]) -> None:
    for repository in population.values():
        if repository.card is not None:
            readme = repository.files["README.md"]
            _, front, body = readme.read(0, readme.size).decode().split("---\n", 2)
            assert yaml.safe_load(front) == repository.card, repository.id
            assert body.strip() == repository.body.strip()
    assert len(json.dumps(population["metricmill/many-to-many-translator"].card)) > 200_000


def test_broken_files_are_broken(population: dict[str, Repository]) -> None:
    package = pytest.importorskip("safetensors")
    names = [name for name, r in population.items() if name.startswith("scrapyard/") and r.truth is None]
    assert len(names) == 6
    for name in names:
        blob = population[name].files["model.safetensors"]
        with pytest.raises(package.SafetensorError):
            package.deserialize(blob.read(0, min(blob.size, 9_000_000)))


def test_start_is_fast_and_small() -> None:
    start = time.perf_counter()
    with SampleHub() as hub:
        assert time.perf_counter() - start < 0.5
        held = sum(len(piece) for r in hub.repositories for b in r.files.values() for _, piece in b.pieces)
        nominal = sum(blob.size for r in hub.repositories for blob in r.files.values())
    assert held < 20_000_000
    assert nominal > 100_000_000_000


def test_nothing_else_of_hubscope_is_imported() -> None:
    script = (
        "import sys, scanner.samplehub, scanner.samplehub.__main__\n"
        "found = {m.partition('.')[0] for m in sys.modules}\n"
        "ours = found & {'estimators', 'config', 'notifiers', 'huggingface_hub', 'httpx2', 'yaml'}\n"
        "inner = [m for m in sys.modules if m.startswith('scanner.') and not m.startswith('scanner.samplehub')]\n"
        "assert not ours and not inner, (ours, inner)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
