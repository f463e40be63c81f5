"""Files: redirects, ranges, the CDN. What each test shows is said in behaviours.toml, in the row of its name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

from scanner.samplehub import TOKEN, Fault, SampleHub
from tests.conformance.conftest import ApiFor, Get

AURORA = "lumenforge/aurora-1.1b-base"
WEIGHTS = f"/{AURORA}/resolve/main/model.safetensors"
CONFIG = f"/{AURORA}/resolve/main/config.json"


def test_file_lfs_is_302_to_the_cdn(hub: SampleHub, get: Get) -> None:
    response = get(WEIGHTS)
    repository = hub.get(AURORA)
    blob = repository.files["model.safetensors"]
    assert response.status_code == 302
    assert response.headers["location"].startswith(f"{hub.cdn_endpoint}/xet-bridge-us/")
    assert response.headers["x-repo-commit"] == repository.sha
    assert response.headers["x-linked-size"] == str(blob.size)
    assert response.headers["x-linked-etag"] == f'"{blob.sha256}"'
    assert response.headers["x-xet-hash"] == blob.xet_hash
    assert response.headers["accept-ranges"] == "bytes"
    assert "/xet-read-token/" in response.links["xet-auth"]["url"]
    assert "xet-reconstruction-info" in response.links
    assert response.text.startswith("Found. Redirecting to ")


def test_file_small_is_307_to_the_cache(hub: SampleHub, get: Get) -> None:
    response = get(CONFIG)
    repository = hub.get(AURORA)
    assert response.status_code == 307
    location = response.headers["location"]
    assert location.startswith(f"/api/resolve-cache/models/{AURORA}/{repository.sha}/config.json?")
    assert "etag=" in location
    content = get(location)
    assert content.status_code == 200
    assert content.headers["etag"] == f'"{repository.files["config.json"].git_oid}"'
    assert content.headers["x-repo-commit"] == repository.sha
    assert content.json()["model_type"] == "llama"


def test_file_head(hub: SampleHub, get: Get) -> None:
    for path in (WEIGHTS, CONFIG, f"/api/models/{AURORA}", "/api/models"):
        head, full = get(path, method="HEAD"), get(path)
        assert head.status_code == full.status_code
        assert not head.content
        assert head.headers.get("content-length") == full.headers.get("content-length")
    hub.requests.clear()
    metadata = get_hf_file_metadata(hf_hub_url(AURORA, "model.safetensors", endpoint=hub.endpoint))
    assert metadata.size == hub.get(AURORA).files["model.safetensors"].size
    assert metadata.etag == hub.get(AURORA).files["model.safetensors"].sha256
    assert metadata.commit_hash == hub.get(AURORA).sha
    assert [(r.method, r.server, r.status) for r in hub.requests] == [("HEAD", "hub", 302)]
    hub.requests.clear()
    small = get_hf_file_metadata(hf_hub_url(AURORA, "config.json", endpoint=hub.endpoint))
    assert small.size == hub.get(AURORA).files["config.json"].size
    assert small.etag == hub.get(AURORA).files["config.json"].git_oid
    assert [(r.method, r.status) for r in hub.requests] == [("HEAD", 307), ("HEAD", 200)]


def test_file_download_of_a_small_file(hub: SampleHub, api: HfApi, tmp_path: Path) -> None:
    path = api.hf_hub_download(AURORA, "config.json", cache_dir=tmp_path)
    assert json.loads(Path(path).read_text())["model_type"] == "llama"
    assert all(r.headers.get("x-hf-download-counter") == "1" for r in hub.requests)
    path = api.hf_hub_download("winecellar/cultivar-logreg", "model.pkl", cache_dir=tmp_path)
    blob = hub.get("winecellar/cultivar-logreg").files["model.pkl"]
    assert Path(path).read_bytes() == blob.read(0, blob.size)


def test_file_authorization_stays_on_the_hub(hub: SampleHub, api_for: ApiFor, tmp_path: Path) -> None:
    hub.state.granted.add("clinicbench/ecg-gated-small")
    api = api_for(hub, TOKEN)
    api.parse_safetensors_file_metadata(AURORA, "model.safetensors")
    api.hf_hub_download("clinicbench/ecg-gated-small", "model.safetensors", cache_dir=tmp_path)
    on_hub = [r for r in hub.requests if r.server == "hub"]
    on_cdn = [r for r in hub.requests if r.server == "cdn"]
    assert on_hub
    assert len(on_cdn) >= 2
    assert all(r.headers.get("authorization") == f"Bearer {TOKEN}" for r in on_hub)
    assert not any("authorization" in r.headers for r in on_cdn)


def test_file_safetensors_header_by_the_client(hub: SampleHub, api: HfApi) -> None:
    metadata = api.parse_safetensors_file_metadata(AURORA, "model.safetensors")
    assert metadata.parameter_count == {"BF16": 1_100_048_384}
    assert [r.headers["range"] for r in hub.requests if r.server == "cdn"] == ["bytes=0-100000"]
    assert sum(r.bytes_sent for r in hub.requests if r.server == "cdn") == 100_001
    for name in ("not-json", "header-of-8-exbibytes", "truncated-header"):
        with pytest.raises(SafetensorsParsingError):
            api.parse_safetensors_file_metadata(f"scrapyard/{name}", "model.safetensors")
    for name in ("shape-overflow", "overlapping-offsets", "offsets-beyond-file"):  # it validates nothing
        assert api.parse_safetensors_file_metadata(f"scrapyard/{name}", "model.safetensors").parameter_count
    hub.requests.clear()
    long = api.parse_safetensors_file_metadata("quietriver/aurora-7b-instruct-GPTQ", "model.safetensors")
    assert "I32" in long.parameter_count
    first, second = (r.headers["range"] for r in hub.requests if r.server == "cdn")
    assert first == "bytes=0-100000"
    assert re.fullmatch(r"bytes=8-\d{6}", second)


def test_file_safetensors_repository_by_the_client(api: HfApi) -> None:
    single = api.get_safetensors_metadata("evenkeel/threshold-over-bare")
    assert single.parameter_count == {"F32": 1_000_001}
    for name in ("ravenscroft/aurora-7b-legal-lora", "meadowlark-art/meadowlark-v1-5", "harborlight/bert-large-am"):
        with pytest.raises(NotASafetensorsRepoError):
            api.get_safetensors_metadata(name)


def signed(get: Get, path: str = WEIGHTS) -> str:
    return str(get(path).headers["location"])


def test_file_range(hub: SampleHub, get: Get) -> None:
    size, address = hub.get(AURORA).files["model.safetensors"].size, signed(get)
    part = get(address, Range="bytes=0-7")
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 0-7/{size}"
    assert 0 < int.from_bytes(part.content, "little") < 100_000
    end = get(address, Range="bytes=-5")
    assert (end.status_code, end.headers["content-range"]) == (206, f"bytes {size - 5}-{size - 1}/{size}")
    over = get(address, Range=f"bytes={size - 2}-{size + 100}")
    assert over.headers["content-range"] == f"bytes {size - 2}-{size - 1}/{size}"
    small = get(get(CONFIG).headers["location"], Range="bytes=1-4", Accept_Encoding="identity")
    assert small.status_code == 206
    assert len(small.content) == 4


def test_file_range_past_the_end(hub: SampleHub, get: Get) -> None:
    size, address = hub.get(AURORA).files["model.safetensors"].size, signed(get)
    response = get(address, Range=f"bytes={size}-{size + 10}")
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{size}"


def test_file_several_ranges(get: Get) -> None:
    address = signed(get)
    response = get(address, Range="bytes=0-7, 16-23")
    assert response.status_code == 206
    assert response.headers["content-type"].startswith("multipart/byteranges; boundary=")
    assert len(re.findall(rb"Content-Range: bytes (0-7|16-23)/", response.content)) == 2
    with get_session().stream("GET", address, headers={"Range": "lines=1-2"}) as ignored:
        assert ignored.status_code == 200


def test_file_empty_206(hub: SampleHub, get: Get) -> None:
    address = signed(get)
    hub.inject(Fault(kind="empty-206", server="cdn"))
    response = get(address, Range="bytes=0-99")
    assert (response.status_code, response.content) == (206, b"")
    assert len(get(address, Range="bytes=0-99").content) == 100


def test_file_gzip_ignores_the_range(hub: SampleHub, get: Get) -> None:
    address = get(CONFIG).headers["location"]
    hub.inject(Fault(kind="gzip", path="resolve-cache", times=None))
    response = get(address, Range="bytes=0-3", Accept_Encoding="gzip, deflate")
    assert response.status_code == 200
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in response.headers
    assert response.json()["model_type"] == "llama"
    assert get(address, Range="bytes=0-3", Accept_Encoding="identity").status_code == 206


def test_file_range_ignored(hub: SampleHub, api: HfApi, get: Get) -> None:
    blob = hub.get("evenkeel/threshold-over-bare").files["model.safetensors"]
    hub.inject(Fault(kind="ignore-range", server="cdn"))
    api.parse_safetensors_file_metadata("evenkeel/threshold-over-bare", "model.safetensors")
    sent = next(r for r in hub.requests if r.server == "cdn")
    assert sent.headers["range"] == "bytes=0-100000"
    assert (sent.status, sent.bytes_sent) == (200, blob.size)
    hub.inject(Fault(kind="ignore-range", server="cdn"))
    address = signed(get)
    with get_session().stream("GET", address, headers={"Range": "bytes=0-9"}) as response:  # gigabytes: cut off
        assert response.status_code == 200
        assert len(next(response.iter_raw(1000))) == 1000


def test_file_signed_address_expires(get: Get) -> None:
    now = [1_000_000.0]
    with SampleHub(clock=lambda: now[0], link_seconds=60) as hub:
        address = signed(get, hub.endpoint + WEIGHTS)
        assert get(address, Range="bytes=0-7").status_code == 206
        assert get(address.replace("Expires=1000060", "Expires=2000000"), Range="bytes=0-7").status_code == 403
        assert get(address.partition("?")[0], Range="bytes=0-7").status_code == 403
        now[0] += 61
        assert get(address, Range="bytes=0-7").status_code == 403
        assert get(signed(get, hub.endpoint + WEIGHTS), Range="bytes=0-7").status_code == 206


def test_file_one_302_then_many_ranges(hub: SampleHub, get: Get) -> None:
    address = signed(get)
    for start in range(5):
        assert "ratelimit" not in get(address, Range=f"bytes={start}-{start + 9}").headers
    assert urlsplit(address).port != urlsplit(hub.endpoint).port
    assert [r.bucket for r in hub.requests] == ["resolvers", None, None, None, None, None]
