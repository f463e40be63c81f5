"""A crowd of made models: the same from the same seed, listed in order, and true to what its files hold."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import math
import pickletools
import signal
import struct
import subprocess
import sys
import tracemalloc
import urllib.error
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyfive
import pytest
from huggingface_hub import HfApi
from safetensors import safe_open

from scanner.samplehub import SampleHub
from scanner.samplehub.__main__ import arguments_of, crowd_of, faults_of
from scanner.samplehub.crowd import MIXES, Crowd, Settings, parse_mix
from scanner.samplehub.crowd.contents import Files
from scanner.samplehub.crowd.models import Model, Models
from scanner.samplehub.crowd.orders import ORDERS
from scanner.samplehub.crowd.rows import FIELDS as FIELD_VALUES
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.wire.fields import collect
from tests.scanner.helpers import restore_library

FEW = Settings(models=3000, seed=11, gated=0, disabled=0)
CHANGED = replace(FEW, week=3, changed=0.2)
MANY = Settings(models=3_000_000, seed=5)
FIELDS = list(FIELD_VALUES)
TORCH_FLOAT = b"FloatStorage"


@pytest.fixture(scope="module")
def hub() -> Iterator[SampleHub]:
    with SampleHub(crowd=Crowd(FEW), quotas={"api": 10**9, "resolvers": 10**9}) as running:
        yield running


def rows_of(crowd: Crowd, sort: str = "createdAt", **more: Any) -> list[dict[str, Any]]:
    return [row.fields(FIELDS) for row in crowd.listing(sort, None, **{"descending": True} | more)]


# --- seeds and settings


def test_the_same_seed_gives_the_same_crowd() -> None:
    settings = replace(FEW, models=400, heavy_tail=0.02)
    first, again, other = (Crowd(s) for s in (settings, settings, replace(settings, seed=12)))
    assert rows_of(first) == rows_of(again)
    assert [*first.truth()] == [*again.truth()]
    assert rows_of(first) != rows_of(other)


def test_a_model_is_made_the_same_whoever_was_made_before() -> None:
    models = Models(MANY)
    backwards = [models.at(number) for number in range(2_000_100, 2_000_000, -1)]
    assert backwards[::-1] == [Models(MANY).at(number) for number in range(2_000_001, 2_000_101)]


@pytest.mark.parametrize("name", MIXES)
def test_kinds_come_in_the_shares_of_the_mix(name: str) -> None:
    models = Models(replace(MANY, mix=MIXES[name]))
    kinds = Counter(models.at(number * 373).kind for number in range(8000))
    for kind, share in MIXES[name].items():
        assert abs(kinds[kind] / 8000 - share) < 4 * math.sqrt(share / 8000), kind


def test_other_shares_hold() -> None:
    settings = replace(MANY, heavy_tail=0.1, gated=0.2, disabled=0.1, wrong=0.3, near=0.5, graphs=0.5, copies=0.3)
    some = [Models(settings).at(number * 991) for number in range(3000)]
    near = [m for m in some if m.kind == "safetensors" and abs(m.weights.count - 10**6) <= 30_000]
    assert {m.weights.count > 10**6 for m in near} == {True, False}
    assert {10**6, 10**6 + 1} <= {m.weights.count for m in near}
    assert len(near) > 300
    declared = Counter(m.declared for m in some if m.kind == "safetensors")
    assert 0.2 < (declared["packed"] + declared["overridden"]) / declared.total() < 0.4
    assert min(declared["packed"], declared["overridden"]) > 100
    assert 0.07 < sum(bool(m.heavy) for m in some) / 3000 < 0.13
    assert 0.15 < sum(m.gated is not False for m in some) / 3000 < 0.25
    assert 0.07 < sum(m.disabled for m in some) / 3000 < 0.13
    other = Counter(m.weights.form for m in some if m.kind == "other")
    assert 0.4 < (other["onnx"] + other["keras"]) / other.total() < 0.6
    copied = [m for m in some if m.weights.content != f"{m.number}.0"]
    assert 0.1 < len(copied) / len([m for m in some if m.kind in ("safetensors", "bin")]) < 0.35


def test_rows_are_of_the_usual_length_with_a_heavy_tail() -> None:
    lengths = [len(msgspec.json.encode(row)) for row in rows_of(Crowd(replace(FEW, heavy_tail=0.02)))]
    assert 700 < sorted(lengths)[1500] < 1300
    heavy = [length for length in lengths if length > 100_000]
    assert 30 < len(heavy) < 100
    assert any(180_000 < length < 230_000 for length in heavy)  # a card
    assert any(length > 300_000 for length in heavy)  # ten thousand siblings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("safetensors=0.5", "sum to 0.5"),
        ("safetensors=0.5,pickles=0.5", "no such kind: pickles"),
        ("safetensors=1.5,none=-0.5", "is no share"),
        ("safetensors", "could not convert"),
    ],
)
def test_a_mix_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(models=10, mix=parse_mix(text))


def test_the_command_line_reaches_the_settings() -> None:
    arguments = arguments_of(["--population=7", "--seed=2", "--mix=bin=0.25,none=0.75", "--week=1", "--heavy-tail=0.5"])
    crowd = crowd_of(arguments)
    assert crowd is not None
    assert crowd.settings == Settings(models=7, seed=2, mix={"bin": 0.25, "none": 0.75}, week=1, heavy_tail=0.5)
    assert crowd_of(arguments_of([])) is None


# --- orders


@pytest.mark.parametrize(
    "settings", [FEW, CHANGED, replace(FEW, models=1), replace(CHANGED, models=2)], ids=["few", "changed", "one", "two"]
)
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ORDERS)
def test_a_listing_is_complete_and_in_order(sort: str, descending: bool, settings: Settings) -> None:
    crowd = Crowd(settings)
    rows = rows_of(crowd, sort, descending=descending)
    there = {model.key for model in crowd.models.all()}
    assert len(rows) == len(there)
    assert {row["_id"] for row in rows} == there
    by_id = sorted(rows, key=lambda row: str(row["_id"]))
    assert rows == sorted(by_id, key=lambda row: row[sort], reverse=descending)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ORDERS)
def test_a_listing_goes_on_behind_any_row(sort: str, descending: bool) -> None:
    crowd = Crowd(replace(CHANGED, models=500))
    keys = [row._id for row in crowd.listing(sort, None, descending=descending)]
    for place in range(0, len(keys), 17):
        rest = [row._id for row in crowd.listing(sort, keys[place], descending=descending)]
        assert rest == keys[place + 1 :]


def test_creation_has_ties_at_the_floor_and_ids_in_order() -> None:
    rows = rows_of(Crowd(FEW), descending=False)
    created = Counter(row["createdAt"] for row in rows)
    assert created["2022-03-02T23:29:04.000Z"] == 36
    assert rows == sorted(rows, key=lambda row: str(row["_id"]))
    assert all(row["lastModified"] <= "2026-11-16" for row in rows)
    assert rows[-1]["createdAt"] > "2026-11-01"


def test_downloads_follow_a_power_law() -> None:
    values = sorted((row["downloads"] for row in rows_of(Crowd(FEW))), reverse=True)
    assert 0.35 < values.count(0) / len(values) < 0.45
    assert sum(values[:30]) > sum(values[30:])


def test_the_last_pages_of_three_million_are_made_without_the_others() -> None:
    crowd = Crowd(MANY)
    oldest, middle = crowd.models.key(0), crowd.models.key(1_500_000)
    crowd.models.downloads.at(0)
    tracemalloc.start()
    for sort in ORDERS:
        for last in (middle, oldest):
            for row in _some(crowd.listing(sort, last, descending=True), 50):
                row.fields(FIELDS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20


def _some(rows: Iterator[Any], count: int) -> list[Any]:
    return [row for row, _ in zip(rows, range(count), strict=False)]


# --- weeks


def test_a_week_changes_what_it_says() -> None:
    before, after = (Crowd(replace(CHANGED, week=week)) for week in (0, 1))
    old = {row["_id"]: row for row in rows_of(before)}
    new = {row["_id"]: row for row in rows_of(after)}
    (week,) = after.models.calendar.weeks
    assert len(set(new) - set(old)) == week.born == 120
    assert len(set(old) - set(new)) == week.deleted == 30
    kept = [key for key in old if key in new]
    renamed = [key for key in kept if old[key]["id"] != new[key]["id"]]
    assert len(renamed) == week.renamed == 30
    committed = [key for key in kept if old[key]["sha"] != new[key]["sha"]]
    assert len(committed) == week.committed == 420
    assert all(new[key]["lastModified"] > "2026-11-16" for key in committed)
    assert all(
        old[key][name] == new[key][name]
        for key in kept
        if key not in {*renamed, *committed}
        for name in ("id", "sha", "lastModified", "createdAt", "tags", "siblings")
    )
    taken = {row["id"] for key, row in old.items() if key not in new} & {row["id"] for row in new.values()}
    assert len(taken) == 3  # names of deleted models that new ones have taken
    for name in taken:
        found = after.get(name)
        assert found is not None
        assert found._id not in old


def test_most_commits_leave_the_weights_alone() -> None:
    before, after = (Crowd(replace(CHANGED, week=week)) for week in (0, 1))
    kept = grown = other = 0
    for model in after.models.all():
        if model.fate.committed_in:
            was = before.models.at(model.number)
            weights = _digests(before.models, was)
            same = weights == _digests(after.models, model)
            assert same == (was.weights == model.weights) or not weights
            kept += same
            other += not same
            grown += was.weights.count != model.weights.count
    assert kept > 3 * other > 0
    assert 0 < grown < other


def _digests(models: Models, model: Model) -> dict[str, str]:
    files = Files(models, model)
    return {path: files[path].sha256 for path in files if path.endswith((".safetensors", "model.bin"))}


def test_an_older_revision_and_an_older_name_still_lead_there() -> None:
    before, after = (Crowd(replace(CHANGED, week=week)) for week in (0, 3))
    seen = 0
    for model in after.models.all():
        if model.fate.committed_in and model.former:
            repository = after.find(model.first_name)
            assert repository is not None
            assert repository.id == model.name != model.first_name
            was = before.find(model.first_name)
            assert was is not None
            commit = repository.commit_of(was.sha)
            assert commit is not None
            assert {path: commit.files[path].size for path in commit.files} == {p: was.files[p].size for p in was.files}
            seen += 1
    assert seen > 10


# --- rows and repositories


def test_a_row_says_what_its_repository_says() -> None:
    crowd = Crowd(replace(CHANGED, heavy_tail=0.01, gated=0.1, disabled=0.1, wrong=0.2))
    with SampleHub(crowd=crowd) as hub:
        for row in _some(crowd.listing("createdAt", None, descending=True), 900):
            repository = crowd.repository(row)
            assert row.fields(FIELDS) == collect(hub.state, repository, FIELDS)
            assert repository.truth == row.model.truth


def test_bases_are_older_and_mostly_few() -> None:
    crowd = Crowd(FEW)
    based = [model for model in crowd.models.all() if model.base is not None]
    assert all(model.base is not None and model.base < model.number for model in based)
    assert {model.relation for model in based} == {"adapter", "quantized", "finetune"}
    kinds = Counter(crowd.models.at(model.base or 0).kind for model in based)
    assert kinds["safetensors"] > 0.9 * kinds.total()
    children = Counter(model.base for model in based)
    assert sum(count for _, count in children.most_common(len(children) // 10)) > 0.3 * len(based)


def test_every_name_leads_to_its_model_and_no_other_does() -> None:
    crowd = Crowd(CHANGED)
    names = [model.name for model in crowd.models.all()]
    assert len(set(names)) == len(names)
    for name in names:
        found = crowd.get(name)
        assert found is not None
        assert found.id == name
        assert crowd.find(name + "x") is None
        assert crowd.find("x" + name) is None
    assert crowd.find("a/b") is crowd.find("a/b-aaaaa") is crowd.find("") is None
    assert all(crowd.models.of_key(key) is None for key in ("", "x" * 24, "0" * 24, "f" * 24))


# --- files against the truth


def models_of(form: str, count: int, most: int = 10**12, kind: str = "") -> list[tuple[Models, Model]]:
    """The first models of a form."""
    models = Models(replace(FEW, models=100_000, graphs=0.5, wrong=0.2))
    found = (
        model
        for model in models.all()
        if model.weights.form == form and model.weights.count <= most and kind in ("", model.kind)
    )
    return [(models, model) for model, _ in zip(found, range(count), strict=False)]


def header(blob: Blob) -> dict[str, Any]:
    (length,) = struct.unpack("<Q", blob.read(0, 8))
    entries: dict[str, Any] = json.loads(blob.read(8, 8 + length))
    entries.pop("__metadata__", None)
    assert blob.size == 8 + length + max(entry["data_offsets"][1] for entry in entries.values())
    return entries


def elements(entries: dict[str, Any], *dtypes: str) -> int:
    return sum(math.prod(entry["shape"]) for entry in entries.values() if not dtypes or entry["dtype"] in dtypes)


def final(files: Files, suffix: str) -> list[str]:
    """Files with an ending outside checkpoint folders."""
    return [path for path in files if path.endswith(suffix) and not path.startswith("checkpoint-")]


@pytest.mark.parametrize("form", ["decoder", "encoder", "vision", "pipeline"])
def test_safetensors_headers_hold_the_truth_and_what_is_declared(form: str) -> None:
    for models, model in models_of(form, 40, kind="safetensors"):
        files = Files(models, model)
        entries: dict[str, Any] = {}
        for path in final(files, ".safetensors"):
            entries |= {f"{path}/{name}": entry for name, entry in header(files[path]).items()}
        assert elements(entries, "BF16", "F16", "F32") == model.truth
        block = Crowd(models.settings).find(model.name)
        assert block is not None
        assert block.declared is not None
        assert sum(block.declared["parameters"].values()) == elements(entries)
        assert (block.declared["total"] == elements(entries)) == (model.declared == "right")
        if model.declared == "overridden":
            index = json.loads(files["model.safetensors.index.json"].read(0, 1 << 24))
            assert index["metadata"]["total_parameters"] == block.declared["total"]


@pytest.mark.parametrize(("form", "dtype"), [("gptq", "I32"), ("mlx", "U32")])
def test_packed_weights_are_declared_as_they_are_stored(form: str, dtype: str) -> None:
    for models, model in models_of(form, 15):
        files = Files(models, model)
        entries: dict[str, Any] = {}
        for path in final(files, ".safetensors"):
            entries |= header(files[path])
        repository = Crowd(models.settings).find(model.name)
        assert repository is not None
        assert repository.declared is not None
        assert repository.declared["total"] == elements(entries)
        assert repository.declared["parameters"][dtype] == elements(entries, dtype)
        assert "quantization_config" in (repository.config or {})
        words = [name for name in entries if name.endswith("qweight" if form == "gptq" else "proj.weight")]
        plain = [
            name for name in entries if name not in words and not name.endswith(("scales", "biases", "zeros", "g_idx"))
        ]
        stored = sum(8 * math.prod(entries[name]["shape"]) for name in words)
        assert stored + sum(math.prod(entries[name]["shape"]) for name in plain) == model.truth


def test_the_safetensors_library_reads_an_adapter(tmp_path: Path) -> None:
    for models, model in models_of("lora", 25, most=300_000):
        files = Files(models, model)
        for path in final(files, "adapter_model.safetensors"):
            place = tmp_path / "adapter.safetensors"
            place.write_bytes(files[path].read(0, files[path].size))
            with safe_open(place, "numpy") as opened:
                assert sum(math.prod(opened.get_slice(name).get_shape()) for name in opened.keys()) == model.truth  # noqa: SIM118


@pytest.mark.parametrize(("form", "kind", "suffix"), [("decoder", "bin", ".bin"), ("pth", "other", "")])
def test_torch_zips_hold_the_truth(form: str, kind: str, suffix: str) -> None:
    for models, model in models_of(form, 15, most=3_000_000, kind=kind):
        files = Files(models, model)
        path = next(path for path in files if path.endswith(suffix or (".pth", ".pt", ".ckpt")))
        with zipfile.ZipFile(io.BytesIO(files[path].read(0, files[path].size))) as archive:
            assert archive.testzip() is None
            data = [info for info in archive.infolist() if "/data/" in info.filename]
            stream = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
        width = 4 if TORCH_FLOAT in stream else 2
        assert sum(info.file_size for info in data) == width * (model.truth or 0)
        assert sum(op.name == "BINPERSID" for op, _, _ in pickletools.genops(stream)) == len(data)


def test_some_torch_zips_have_their_pickle_at_the_end() -> None:
    places = Counter[bool]()
    for models, model in models_of("pth", 60, most=1_000_000):
        files = Files(models, model)
        path = next(path for path in files if path.endswith((".pth", ".pt", ".ckpt")))
        with zipfile.ZipFile(io.BytesIO(files[path].read(0, files[path].size))) as archive:
            places[archive.namelist()[0].endswith("data.pkl")] += 1
    assert places[True] > 5 * places[False] > 0


def test_gguf_headers_hold_the_truth() -> None:
    kinds = Counter[str]()
    for models, model in models_of("gguf", 30):
        files = Files(models, model)
        weights = [path for path in files if path.endswith(".gguf")]
        first = weights[0].rpartition("-00001-of")[0] or weights[0]
        counts = [_gguf(files[path]) for path in weights if path.startswith(first)]
        assert sum(counts) == model.truth
        kinds[f"{len(counts) > 1}"] += 1
    assert kinds["False"] > 10


def _gguf(blob: Blob) -> int:
    """Elements of a GGUF file's tensors, read from its front by the book."""
    front = blob.read(0, 8 << 20)
    magic, version, tensors, keys = struct.unpack_from("<4sIQQ", front)
    assert (magic, version) == (b"GGUF", 3)
    at = 24

    def text() -> str:
        nonlocal at
        (length,) = struct.unpack_from("<Q", front, at)
        at += 8 + length
        return front[at - length : at].decode()

    for _ in range(keys):
        text()
        (kind,) = struct.unpack_from("<I", front, at)
        at += 4
        if kind == 8:
            text()
        elif kind == 9:
            element, length = struct.unpack_from("<IQ", front, at)
            assert element == 8
            at += 12
            for _ in range(length):
                text()
        else:
            at += {4: 4, 6: 4, 7: 1}[kind]
    total = 0
    for _ in range(tensors):
        text()
        (rank,) = struct.unpack_from("<I", front, at)
        total += math.prod(struct.unpack_from(f"<{rank}Q", front, at + 4))
        at += 4 + 8 * rank + 12
    return total


def test_hdf5_files_hold_the_truth() -> None:
    for models, model in models_of("keras", 8, most=3_000_000):
        files = Files(models, model)
        path = next(path for path in files if path.endswith(".h5"))
        with pyfive.File(io.BytesIO(files[path].read(0, files[path].size))) as opened:
            assert _datasets(opened) == model.truth


def _datasets(group: Any) -> int:
    items: list[Any] = [group[name] for name in group]
    return sum(math.prod(item.shape) if hasattr(item, "shape") else _datasets(item) for item in items)


def test_pickles_and_agents_hold_the_truth() -> None:
    for models, model in models_of("sklearn", 5):
        files = Files(models, model)
        (path,) = (path for path in files if path.endswith((".pkl", ".joblib", ".pickle")))
        data = [
            argument
            for op, argument, _ in pickletools.genops(files[path].read(0, files[path].size))
            if op.name in ("BINBYTES", "SHORT_BINBYTES") and argument != b"b"
        ]
        assert sum(len(item or b"") for item in data) == 8 * (model.truth or 0)
    for models, model in models_of("rl", 5):
        files = Files(models, model)
        (path,) = (path for path in files if path.endswith(".zip"))
        with zipfile.ZipFile(io.BytesIO(files[path].read(0, files[path].size))) as agent:
            policy = zipfile.ZipFile(io.BytesIO(agent.read("policy.pth")))
        assert sum(i.file_size for i in policy.infolist() if "/data/" in i.filename) == 4 * (model.truth or 0)


def test_models_without_weights_have_none() -> None:
    for models, model in models_of("none", 30):
        assert model.truth is None
        assert not [path for path in Files(models, model) if path.endswith((".bin", ".safetensors", ".gguf", ".pth"))]


def test_equal_weights_have_equal_digests_and_bytes() -> None:
    models = Models(replace(FEW, copies=0.3))
    copies = [model for model in models.all() if model.weights.content != f"{model.number}.0"]
    for model in copies[:60]:
        original = models.at(int(model.weights.content.partition(".")[0]))
        assert original.weights == model.weights
        mine, theirs = Files(models, model), Files(models, original)
        shared = [p for p in final(mine, ("model.safetensors")) if p in theirs] + [
            p for p in final(mine, "pytorch_model.bin") if p in theirs
        ]
        for path in shared:
            assert mine[path].sha256 == theirs[path].sha256
            assert mine[path] == theirs[path]
    everybody = Counter(
        (digest, models.at(n).weights) for n in range(500) for digest in {*_digests(models, models.at(n)).values()}
    )
    assert len({digest for digest, _ in everybody}) == len(everybody)


# --- on the wire


def test_the_hubs_own_client_lists_everything(hub: SampleHub) -> None:
    api = HfApi(endpoint=hub.endpoint, token=False)
    hub.requests.clear()
    found = list(api.list_models(expand=["createdAt", "safetensors", "siblings", "cardData"], sort="created_at"))
    assert [request.query.count("cursor") for request in hub.requests] == [0, 1, 1]
    truth = {str(row["_id"]): row for row in hub.state.crowd.truth()} if hub.state.crowd else {}
    assert {info.id for info in found} == {row["id"] for row in truth.values()}
    moments = [info.created_at for info in found]
    assert None not in moments
    assert moments == sorted(moments, key=str, reverse=True)
    assert {info.id for info in api.list_models(author=found[0].author or found[0].id.split("/")[0])} <= {
        info.id for info in found
    }


def test_the_hubs_own_client_reads_pages_headers_and_small_files(
    hub: SampleHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_library()  # other tests have sessions of ours behind it
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    api = HfApi(endpoint=hub.endpoint, token=False)
    assert hub.state.crowd is not None
    whole = [row for row in hub.state.crowd.truth() if row["form"] in ("decoder", "encoder", "vision")]
    for row in [row for row in whole if row["kind"] == "safetensors"][:12]:
        name = str(row["id"])
        info = api.model_info(name, files_metadata=True)
        tree = {item.path: item.size for item in api.list_repo_tree(name, recursive=True) if hasattr(item, "size")}
        for file in info.siblings or []:
            assert tree[file.rfilename] == file.size is not None
            assert (file.lfs is not None) == file.rfilename.endswith((".safetensors", ".bin", ".pt", ".pth"))
        metadata = api.get_safetensors_metadata(name)
        counts = {dtype: count for dtype, count in metadata.parameter_count.items() if dtype != "I64"}
        assert sum(counts.values()) == row["truth"]


def test_ranges_of_a_weight_file_come_from_its_signed_address(hub: SampleHub) -> None:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    assert hub.state.crowd is not None
    row = next(row for row in hub.state.crowd.truth() if row["form"] == "decoder" and row["kind"] == "bin")
    repository = hub.get(str(row["id"]))
    path = next(path for path in repository.files if path.endswith(".bin") and "/" not in path and "args" not in path)
    opener = urllib.request.build_opener(Stay)
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(f"{hub.endpoint}/{row['id']}/resolve/main/{path}", timeout=10)
    with caught.value as answer:
        assert answer.code == 302
        blob = repository.files[path]
        assert answer.headers["X-Linked-Size"] == str(blob.size)
        assert answer.headers["X-Linked-ETag"] == f'"{blob.sha256}"'
        assert answer.headers["RateLimit"].startswith('"resolvers";r=')
        location = answer.headers["Location"]
    for start, stop in ((0, 4), (blob.size - 30, blob.size)):
        request = urllib.request.Request(location, headers={"Range": f"bytes={start}-{stop - 1}"})  # noqa: S310  loopback
        with opener.open(request, timeout=10) as answer:
            assert answer.status == 206
            assert answer.read() == blob.read(start, stop)


def test_the_process_says_what_it_was_asked() -> None:
    command = [sys.executable, "-P", "-m", "scanner.samplehub", "--population=300", "--no-quota", "--week=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            endpoint = process.stdout.readline().strip()
            api = HfApi(endpoint=endpoint, token=False)
            found = list(api.list_models(expand=["downloads"], sort="downloads"))
            assert found[0].downloads == max(info.downloads or 0 for info in found)
            api.model_info(found[0].id)
            list(api.list_repo_tree(found[0].id))
            process.send_signal(signal.SIGUSR1)
            asked = {"hub api listing 200": 1, "hub api page 200": 1, "hub api tree 200": 1}
            assert json.loads(process.stdout.readline()) == asked
        finally:
            process.terminate()
    assert process.returncode == 0


def test_the_process_tells_the_truth_and_leaves() -> None:
    command = [sys.executable, "-P", "-m", "scanner.samplehub", "--population=50", "--seed=4", "--truth"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert [json.loads(line) for line in said.splitlines()] == list(Crowd(Settings(models=50, seed=4)).truth())


def test_settings_that_make_no_sense_are_told_in_a_line() -> None:
    command = [sys.executable, "-P", "-m", "scanner.samplehub", "--population=5", "--mix=pickles=1", "--truth"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mix: no such kind: pickles (there are safetensors, ")


def test_faults_befall_the_share_that_was_asked_for() -> None:
    faults = faults_of(0.2, seed=3)
    with SampleHub(crowd=Crowd(replace(FEW, models=5)), faults=faults, quotas={"api": 10**6}) as hub:
        name = next(hub.state.crowd.models.all()).name if hub.state.crowd else ""
        for _ in range(400):
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                urllib.request.urlopen(f"{hub.endpoint}/api/models/{name}?expand=sha", timeout=10).read()  # noqa: S310
        met = Counter(request.fault for request in hub.requests)
        assert 40 < hub.faults_met < 120
        assert met["status"] > met["cut"] > 0
    assert faults_of(0, seed=3) == []


def test_a_week_passes_on_a_running_hub() -> None:
    with SampleHub(crowd=Crowd(replace(FEW, models=200, changed=0.2))) as hub:
        api = HfApi(endpoint=hub.endpoint, token=False)
        before = {info.id: info.sha for info in api.list_models(expand=["sha"])}
        assert hub.advance_week() == 1
        after = {info.id: info.sha for info in api.list_models(expand=["sha"], sort="last_modified")}
        assert len(before) == 200
        assert before.keys() != after.keys()
        assert any(before[name] != after[name] for name in before.keys() & after.keys())
