"""Model info, trees and paths. What each test shows is said in behaviours.toml, in the row of its name."""

from __future__ import annotations

import hashlib
from typing import Any, cast
from urllib.parse import unquote

import pytest
from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile, RepoFolder

from scanner.samplehub import Blob, Repository, SampleHub
from tests.conformance.conftest import ApiFor, Get

AURORA = "lumenforge/aurora-1.1b-base"
SHARDED = "lumenforge/aurora-7b-instruct"
PIPELINE = "meadowlark-art/meadowlark-v1-5"


def test_info_rich_default(api: HfApi) -> None:
    info = api.model_info(AURORA)
    assert info.id == AURORA
    assert info.sha is not None
    assert len(info.sha) == 40
    assert info.safetensors is not None
    assert info.config is not None
    assert info.config["model_type"] == "llama"
    assert info.card_data is not None
    assert info.card_data.license == "apache-2.0"
    assert info.siblings is not None
    assert info.used_storage is not None
    assert api.model_info("soloist/aurora-1.1b-base-Q4_K_M-GGUF").gguf is not None


def test_info_blobs(hub: SampleHub, api: HfApi) -> None:
    files = {file.rfilename: file for file in api.model_info(AURORA, files_metadata=True).siblings or []}
    weights, config = files["model.safetensors"], files["config.json"]
    blob = hub.get(AURORA).files["model.safetensors"]
    assert weights.lfs is not None
    assert (weights.size, weights.lfs.sha256, weights.lfs.size) == (blob.size, blob.sha256, blob.size)
    assert weights.lfs.pointer_size == len(blob.pointer)
    assert config.lfs is None
    assert config.blob_id == hub.get(AURORA).files["config.json"].git_oid
    assert all(file.size is None for file in api.model_info(AURORA).siblings or [])


def test_info_security_status(api: HfApi) -> None:
    status = api.model_info(AURORA, securityStatus=True).security_repo_status
    assert status == {"scansDone": True, "filesWithIssues": []}


def test_info_expand_is_exclusive(api: HfApi, get: Get) -> None:
    row = get(f"/api/models/{AURORA}", {"expand": ["gated", "downloads"]}).json()
    assert set(row) == {"_id", "id", "gated", "downloads"}
    assert get(f"/api/models/{AURORA}", {"expand": "gated", "blobs": "true"}).status_code == 400
    with pytest.raises(ValueError, match="expand"):
        api.model_info(AURORA, expand=["gated"], files_metadata=True)


def test_info_revision_in_one_segment(api_for: ApiFor) -> None:
    repository = Repository(id="owner/model", files={"config.json": Blob.of("{}")})
    first = repository.sha
    second = repository.commit("Add a file", "2026-01-01T00:00:00.000Z", changed={"b.txt": Blob.of("b")})
    repository.refs["refs/pr/1"] = first
    with SampleHub([repository]) as hub:
        api = api_for(hub)
        assert api.model_info("owner/model", revision="refs/pr/1").sha == first
        assert hub.requests[-1].path.endswith("/revision/refs%2Fpr%2F1")
        assert api.model_info("owner/model", revision=first).sha == first
        assert api.model_info("owner/model").sha == second
        names = [file.rfilename for file in api.model_info("owner/model", revision="refs/pr/1").siblings or []]
    assert "b.txt" not in names


def test_info_weak_etag(get: Get) -> None:
    response = get(f"/api/models/{AURORA}")
    etag = response.headers["etag"]
    assert etag.startswith(f'W/"{len(response.content):x}-')
    assert "cache-control" not in response.headers
    again = get(f"/api/models/{AURORA}", If_None_Match=etag)
    assert again.status_code == 304
    assert not again.content
    assert "ratelimit" in again.headers


def test_info_all_shard_headers_at_once(hub: SampleHub, api: HfApi) -> None:
    metadata = api.get_sharded_safetensors_metadata(SHARDED)
    assert sum(metadata.parameter_count.values()) == 6_738_415_616
    assert len(metadata.files_metadata) == 3
    assert metadata.metadata is not None
    assert "total_size" in metadata.metadata
    assert [(r.server, r.bucket) for r in hub.requests] == [("hub", "api")]


def test_tree_pages_of_a_thousand(hub: SampleHub, api: HfApi, get: Get) -> None:
    name = "paperclip-ir/abstracts-dump"
    first = get(f"/api/models/{name}/tree/main", {"recursive": True})
    assert len(first.json()) == 1000
    assert "next" in first.links
    hub.requests.clear()
    files = [row for row in api.list_repo_tree(name, recursive=True) if isinstance(row, RepoFile)]
    assert len(files) == len(hub.get(name).files) > 1000
    assert len(hub.requests) == 2


def test_tree_expanded_pages_of_fifty(hub: SampleHub, api: HfApi, get: Get) -> None:
    name = "paperclip-ir/abstracts-dump"
    assert len(get(f"/api/models/{name}/tree/main", {"recursive": True, "expand": True}).json()) == 50
    rows = list(api.list_repo_tree(SHARDED, expand=True))
    weights = next(row for row in rows if isinstance(row, RepoFile) and row.path == "model-00001-of-00003.safetensors")
    assert weights.last_commit is not None
    assert weights.last_commit.oid == hub.get(SHARDED).sha
    assert weights.security is not None
    assert weights.security.safe


def test_tree_folders(api: HfApi, get: Get) -> None:
    rows = get(f"/api/models/{PIPELINE}/tree/main").json()
    unet = next(row for row in rows if row["path"] == "unet")
    assert (unet["type"], unet["size"]) == ("directory", 0)
    assert not any("/" in row["path"] for row in rows)
    inside = list(api.list_repo_tree(PIPELINE, "unet"))
    assert {"unet/config.json", "unet/diffusion_pytorch_model.fp16.safetensors"} <= {row.path for row in inside}
    everything = list(api.list_repo_tree(PIPELINE, recursive=True))
    assert {row.path for row in everything if isinstance(row, RepoFolder)} >= {
        "unet",
        "vae",
        "text_encoder",
        "scheduler",
    }
    assert get(f"/api/models/{PIPELINE}/tree/main/no-such-folder").status_code == 404


def git_oid(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def test_tree_digests(hub: SampleHub, get: Get) -> None:
    rows = {row["path"]: row for row in get(f"/api/models/{AURORA}/tree/main").json()}
    weights, config = rows["model.safetensors"], rows["config.json"]
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{weights['lfs']['oid']}\nsize {weights['size']}\n"
    )
    assert weights["oid"] == git_oid(pointer.encode())
    assert weights["lfs"] == {
        "oid": hub.get(AURORA).files["model.safetensors"].sha256, "size": weights["size"], "pointerSize": len(pointer),
    }  # fmt: skip
    assert len(weights["xetHash"]) == 64
    content = get(f"/api/resolve-cache/models/{AURORA}/{hub.get(AURORA).sha}/config.json").content
    assert config["oid"] == git_oid(content)
    assert "lfs" not in config


def test_tree_size_may_be_null(api: HfApi) -> None:
    path = "model-00002-of-00003.safetensors"
    rows = {row.path: row for row in api.list_repo_tree(SHARDED) if isinstance(row, RepoFile)}
    assert cast("Any", rows[path].size) is None
    files = {file.rfilename: file for file in api.model_info(SHARDED, files_metadata=True).siblings or []}
    assert files[path].size is None
    assert files[path].lfs is not None


def test_tree_hostile_names(api: HfApi, get: Get) -> None:
    name = "scrapyard/strange-names"
    names = {row.path for row in api.list_repo_tree(name, recursive=True)}
    assert {"../../../outside.json", "\u202egnp.exe\u202c.txt", "a\tb\nc.txt", "100% ready?#1.txt"} <= names
    for path in ("100% ready?#1.txt", "a\tb\nc.txt", "\u202egnp.exe\u202c.txt", "=HYPERLINK(1).csv"):
        location = get(f"/{name}/resolve/main/" + "".join(f"%{byte:02X}" for byte in path.encode())).headers["location"]
        assert unquote(location.partition("?")[0]).endswith("/" + path)
        assert get(location).status_code == 200


def test_paths_info_leaves_out_missing_paths(hub: SampleHub, api: HfApi) -> None:
    rows = api.get_paths_info(PIPELINE, ["unet", "model_index.json", "no-such-file"], expand=True)
    assert [(type(row), row.path) for row in rows] == [(RepoFolder, "unet"), (RepoFile, "model_index.json")]
    assert isinstance(rows[1], RepoFile)
    assert rows[1].last_commit is not None
    assert hub.requests[-1].method == "POST"
