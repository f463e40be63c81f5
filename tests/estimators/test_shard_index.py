"""Indexes of shards: what they name, what is there, and everything a hostile one may claim."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.errors import MalformedFile
from estimators.shard_index import MAX_INDEX_BYTES, MAX_NAMED_FILES, ShardIndex, coverage, is_index, read_index

MAP = {"a.weight": "model-00001-of-00002.safetensors", "b.weight": "model-00002-of-00002.safetensors"}


def index(body: Any, path: str = "model.safetensors.index.json") -> ShardIndex:
    return read_index(path, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_what_an_index_says() -> None:
    found = index({"metadata": {"total_size": 48, "total_parameters": 12}, "weight_map": MAP})
    assert found.files == tuple(MAP.values())
    assert (found.tensors, found.total_size, found.total_parameters, found.strange) == (2, 48, 12, ())


@pytest.mark.parametrize(
    ("metadata", "size"),
    [
        ({"total_size": 48.0}, 48),
        ({"total_size": "48"}, 48),
        ({"total_size": -1}, None),
        ({"total_size": 4.5}, None),
        ({"total_size": 10**30}, None),
        ({"total_size": [48]}, None),
        ({"total_size": None}, None),
        ({}, None),
        ([], None),
        (None, None),
        ("text", None),
    ],
)
def test_totals_are_claims_that_may_be_nonsense(metadata: Any, size: int | None) -> None:
    assert index({"metadata": metadata, "weight_map": MAP}).total_size == size


def test_metadata_and_a_byte_order_mark_are_optional() -> None:
    assert index(b"\xef\xbb\xbf" + json.dumps({"weight_map": MAP}).encode()).tensors == 2
    assert index({"weight_map": {}}).files == ()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("model-1.safetensors", "unet/model-1.safetensors"),
        ("./model-1.safetensors", "unet/model-1.safetensors"),
        ("parts/model-1.safetensors", "unet/parts/model-1.safetensors"),
        ("parts\\model-1.safetensors", "unet/parts/model-1.safetensors"),
        ("../model-1.safetensors", "model-1.safetensors"),
        ("../../model-1.safetensors", None),
        ("/etc/passwd", None),
        ("C:\\model.safetensors", None),
        ("https://elsewhere/model.safetensors", None),
        ("a\0b", None),
        ("", None),
        (".", "unet"),
        ("x" * 2000, None),
    ],
)
def test_names_are_paths_inside_the_repository(name: str, path: str | None) -> None:
    found = index({"weight_map": {"a": name}}, "unet/diffusion_pytorch_model.safetensors.index.json")
    assert found.files == (() if path is None else (path,))
    assert len(found.strange) == (path is None)


def test_what_is_missing_and_what_is_not_named() -> None:
    found = coverage(
        index({"weight_map": {f"x.{path}": f"m/{path}" for path in MAP.values()} | {"y": "m/gone.safetensors"}}),
        [*(f"m/{path}" for path in MAP.values()), "extra.safetensors", "m/other.safetensors", "model.bin"],
    )
    assert found.present == tuple(f"m/{path}" for path in MAP.values())
    assert (found.missing, found.complete) == (("m/gone.safetensors",), False)
    assert found.unnamed == ("extra.safetensors",)  # of the index's own folder and kind
    assert coverage(index({"weight_map": MAP}), MAP.values()).complete


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"null", b'{"weight_map": []}', b'{"weight_map": {"a": 1}}', b'{"weight_map": null}',
        b'{"weight_map": {"a": "b"}', b"\xff", b'{"weight_map":' + b"[" * 50_000, b'{"metadata": {}}',
    ],
)  # fmt: skip
def test_what_is_no_index_is_an_error(body: bytes) -> None:
    with pytest.raises(MalformedFile, match="is no index of shards"):
        index(body)


def test_too_many_files_and_too_many_bytes() -> None:
    with pytest.raises(MalformedFile, match="files; at most"):
        index({"weight_map": {str(number): f"{number}.bin" for number in range(MAX_NAMED_FILES + 1)}})
    with pytest.raises(MalformedFile, match="bytes; at most"):
        index(b" " * (MAX_INDEX_BYTES + 1))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("model.safetensors.index.json", True),
        ("unet/diffusion_pytorch_model.fp16.safetensors.index.json", True),
        ("pytorch_model.bin.index.json", True),
        ("flax_model.msgpack.index.json", True),
        ("index.json", False),
        ("tokenizer.json", False),
    ],
)
def test_names_of_indexes(path: str, expected: bool) -> None:
    assert is_index(path) is expected


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.dictionaries(st.text(max_size=9), st.text(max_size=9)).map(
    lambda table: json.dumps({"weight_map": table}).encode()
))  # fmt: skip
def test_any_bytes_are_an_index_or_an_error(body: bytes) -> None:
    with contextlib.suppress(MalformedFile):
        found = index(body)
        assert all(not path.startswith("/") and ".." not in path.split("/") for path in found.files)
