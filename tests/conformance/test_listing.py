"""GET /api/models. What each test shows is said in behaviours.toml, in the row of its name."""

from __future__ import annotations

import base64
import json
from itertools import islice
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import BadRequestError

from scanner.samplehub import Repository, SampleHub
from tests.conformance.conftest import ApiFor, Get

FLOOR = "2022-03-02T23:29:04.000Z"


def crawl(get: Get, params: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """All pages, following Link as it is."""
    pages, url, query = [], "/api/models", cast("Any", params)
    while url:
        response = get(url, query)
        assert response.status_code == 200, response.text
        pages.append(response.json())
        url, query = response.links.get("next", {}).get("url", ""), None
    return pages


def next_cursor(response: httpx2.Response) -> str:
    return parse_qs(urlsplit(response.links["next"]["url"]).query)["cursor"][0]


def test_list_limit_is_the_page_size(hub: SampleHub, get: Get) -> None:
    response = get("/api/models", {"limit": 7})
    assert len(response.json()) == 7
    assert response.links["next"]["url"].startswith(f"{hub.endpoint}/api/models?")


def test_list_limit_is_clamped(get: Get) -> None:
    with SampleHub([Repository(id=f"a/m{n:04}") for n in range(30)], page_size_ceiling=20) as hub:
        response = get(f"{hub.endpoint}/api/models", {"limit": 5000})
    assert response.status_code == 200
    assert len(response.json()) == 20


def test_list_last_page_has_no_link(hub: SampleHub, get: Get) -> None:
    count = len(hub.repositories)
    assert "link" in get("/api/models", {"limit": count - 1}).headers
    assert "link" not in get("/api/models", {"limit": count}).headers


def test_list_client_follows_every_page(api_for: ApiFor) -> None:
    names = {f"owner/model-{n:03}" for n in range(45)}
    with SampleHub([Repository(id=name) for name in names], page_size_ceiling=10) as hub:
        found = [model.id for model in api_for(hub).list_models(sort="created_at")]
        assert len([r for r in hub.requests if r.path == "/api/models"]) == 5
    assert len(found) == 45
    assert set(found) == names


def test_list_default_row(get: Get) -> None:
    row = next(r for r in get("/api/models").json() if r.get("id") == "lumenforge/aurora-7b-instruct")
    assert set(row) == {
        "_id", "id", "likes", "trendingScore", "private", "downloads", "tags", "pipeline_tag", "library_name",
        "createdAt", "modelId",
    }  # fmt: skip
    assert len(row["_id"]) == 24
    assert row["modelId"] == row["id"]
    assert row["private"] is False


def test_list_expand_is_strict(hub: SampleHub, get: Get) -> None:
    for row in get("/api/models", {"expand": ["downloads", "gated"]}).json():
        assert set(row) <= {"_id", "id", "downloads", "gated"}
        assert {"downloads", "gated"} <= set(row)
    assert get("/api/models", {"expand": "nonsense"}).status_code == 400


def test_list_expand_in_both_spellings(get: Get) -> None:
    plain = get("/api/models", [("expand", "sha"), ("expand", "tags")]).json()
    bracketed = get("/api/models", [("expand[]", "sha"), ("expand[]", "tags")]).json()
    assert plain == bracketed
    assert {"sha", "tags"} <= set(plain[0])


def test_list_expand_excludes_the_legacy_switches(api: HfApi, get: Get) -> None:
    for switch in ("full", "cardData", "config"):
        assert get("/api/models", {"expand": "sha", switch: "true"}).status_code == 400
    with pytest.raises(ValueError, match="expand"):
        next(iter(api.list_models(expand=["sha"], full=True)))


def test_list_full_has_siblings_but_no_safetensors(get: Get) -> None:
    rows = {row["id"]: row for row in get("/api/models", {"full": True, "cardData": True}).json() if "id" in row}
    row = rows["lumenforge/aurora-1.1b-base"]
    assert {"siblings", "cardData", "sha", "lastModified", "author", "gated", "disabled"} <= set(row)
    assert "safetensors" not in row
    assert "config" not in row
    assert "config" in next(r for r in get("/api/models", {"config": True}).json() if r.get("id") == row["id"])


def test_list_safetensors_only_where_there_are_some(get: Get) -> None:
    rows = {row["id"]: row for row in get("/api/models", {"expand": ["safetensors", "gguf"]}).json() if "id" in row}
    declared = rows["lumenforge/aurora-1.1b-base"]["safetensors"]
    assert declared == {"parameters": {"BF16": 1_100_048_384}, "total": 1_100_048_384}
    assert "gguf" not in rows["lumenforge/aurora-1.1b-base"]
    assert set(rows["evenkeel/threshold-over-bare"]) == {"_id", "id"}
    collection = rows["quietriver/aurora-7b-instruct-GGUF"]
    assert "safetensors" not in collection
    assert collection["gguf"]["total"] == 6_738_415_616
    assert collection["gguf"]["architecture"] == "llama"


def test_list_total_and_sum_disagree(api: HfApi) -> None:
    [model] = api.list_models(search="kestrel-7b", expand=["safetensors"])
    assert model.safetensors is not None
    assert model.safetensors.total == 333_312
    assert sum(model.safetensors.parameters.values()) == 7_615_616_512


def test_list_siblings_are_names_only(get: Get) -> None:
    for row in get("/api/models", {"expand": "siblings", "limit": 20}).json():
        assert all(set(sibling) == {"rfilename"} for sibling in row["siblings"])


def test_list_base_models_are_an_object(hub: SampleHub, api: HfApi) -> None:
    [model] = api.list_models(search="legal-lora", expand=["baseModels"])
    base = hub.get("lumenforge/aurora-7b-instruct")
    found = cast("Any", model.base_models)
    assert found == {"relation": "adapter", "models": [{"_id": base._id, "id": base.id}]}


def test_list_filters_are_joined_by_and(hub: SampleHub, api: HfApi) -> None:
    both = [model.id for model in api.list_models(filter=["safetensors", "license:mit"], author="brightmoor")]
    assert both == ["brightmoor/kestrel-7b"]
    assert hub.requests[-1].query.count("filter=") == 2
    assert not list(api.list_models(filter=["safetensors", "license:apache-2.0"], author="brightmoor"))


def test_list_other_filters(api: HfApi) -> None:
    assert {m.id for m in api.list_models(author="brightmoor")} == {"brightmoor/kestrel-7b"}
    assert all("aurora" in m.id.lower() for m in api.list_models(search="Aurora"))
    assert {m.pipeline_tag for m in api.list_models(pipeline_tag="fill-mask")} == {"fill-mask"}
    gated = {m.id for m in api.list_models(gated=True)}
    assert "dracosoft/draco-1b" in gated
    assert "brightmoor/kestrel-7b" not in gated


def test_list_num_parameters_uses_the_hubs_own_total(api: HfApi) -> None:
    large = {m.id for m in api.list_models(num_parameters="min:1B")}
    assert "lumenforge/aurora-7b-instruct" in large
    assert "brightmoor/kestrel-7b" not in large  # its declared total is wrong
    assert "harborlight/bert-large-am" not in large  # none is declared
    assert "brightmoor/kestrel-7b" in {m.id for m in api.list_models(num_parameters="min:0,max:1M")}


def test_list_sorts_by_trending_by_default(get: Get) -> None:
    scores = [row["trendingScore"] for row in get("/api/models").json()]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]


def test_list_direction(get: Get) -> None:
    for sort, field in (("createdAt", "createdAt"), ("downloads", "downloads"), ("likes", "likes")):
        down = [str(row[field]).zfill(9) for row in get("/api/models", {"sort": sort}).json()]
        up = [str(row[field]).zfill(9) for row in get("/api/models", {"sort": sort, "direction": 1}).json()]
        down, up = ([value for value in values if value != "1772439872"] for values in (down, up))
        assert down == sorted(down, reverse=True)
        assert up == sorted(up)
    assert get("/api/models", {"sort": "nonsense"}).status_code == 400


def test_list_unknown_parameters_are_ignored(get: Get) -> None:
    assert get("/api/models", {"library": "timm"}).json() == get("/api/models").json()


def test_list_cursor_is_a_keyset(get: Get) -> None:
    response = get("/api/models", {"sort": "downloads", "limit": 3})
    last = response.json()[-1]
    decoded = json.loads(base64.b64decode(next_cursor(response)))
    assert decoded == {
        "$or": [
            {"downloads": last["downloads"], "_id": {"$gt": last["_id"]}},
            {"downloads": {"$lt": last["downloads"]}},
            {"downloads": None},
        ]
    }
    assert get("/api/models", {"cursor": "no cursor"}).status_code == 400


def test_list_cursor_breaks_ties_by_id(hub: SampleHub, get: Get) -> None:
    floor = [repository for repository in hub.repositories if repository.created_at == FLOOR]
    assert len(floor) > 5
    for direction in (1, -1):
        pages = crawl(get, {"sort": "createdAt", "direction": direction, "limit": 2})
        ids = [row["_id"] for page in pages for row in page]
        assert len(ids) == len(hub.repositories)
        assert set(ids) == {repository._id for repository in hub.repositories}


def test_list_cursor_outlives_the_server(hub: SampleHub, get: Get) -> None:
    first = get("/api/models", {"sort": "createdAt", "limit": 10})
    expected = get(first.links["next"]["url"]).json()
    with SampleHub() as other:
        params = {"sort": "createdAt", "limit": 10, "cursor": next_cursor(first)}
        assert get(f"{other.endpoint}/api/models", params).json() == expected


def test_list_mutable_sort_key_skips_rows(get: Get) -> None:
    def make() -> list[Repository]:
        return [
            Repository(id=f"o/m{n}", trending_score=100 - n, created_at=f"2025-01-{n + 1:02}T00:00:00.000Z")
            for n in range(9)
        ]

    for sort, safe in (("trendingScore", False), ("createdAt", True)):
        with SampleHub(make()) as hub:
            first = get(f"{hub.endpoint}/api/models", {"sort": sort, "limit": 3})
            hub.get("o/m5").trending_score = 1000  # rises past the rows that were read
            second = get(first.links["next"]["url"].replace("limit=3", "limit=100"))
        found = {row["id"] for row in first.json() + second.json()}
        assert ("o/m5" in found) is safe


def test_list_skip(get: Get) -> None:
    everything = [row["_id"] for row in get("/api/models", {"sort": "createdAt"}).json()]
    assert [row["_id"] for row in get("/api/models", {"sort": "createdAt", "skip": 10}).json()] == everything[10:]
    pages = crawl(get, {"sort": "createdAt", "skip": 10, "limit": 20})
    assert [row["_id"] for page in pages for row in page] == everything[10:]


def test_list_malformed_row_ends_the_clients_generator(hub: SampleHub, api_for: ApiFor) -> None:
    cases: dict[str, tuple[type[Exception], list[Any]]] = {
        "rowan-archive/missing-id": (KeyError, ["sha"]),
        "rowan-archive/numeric-date": (Exception, ["createdAt"]),
        "rowan-archive/block-without-total": (KeyError, ["safetensors"]),
    }
    for name, (kind, expand) in cases.items():
        good = [Repository(id=f"good/model-{n}") for n in range(3)]
        with SampleHub([*good, hub.get(name)]) as other:
            models = api_for(other).list_models(expand=expand, sort="created_at")
            assert islice(models, 1)
            with pytest.raises(kind):
                list(models)


def test_list_region_us_is_everywhere(get: Get) -> None:
    rows = get("/api/models", {"expand": "tags"}).json()
    assert len(rows) >= 40
    assert all("region:us" in row["tags"] for row in rows)


def test_list_usage_of_storage_counts_history(api: HfApi) -> None:
    info = api.model_info("lumenforge/aurora-1.1b-base", expand=["usedStorage"])
    files = api.model_info("lumenforge/aurora-1.1b-base", files_metadata=True).siblings or []
    assert info.used_storage is not None
    assert info.used_storage >= sum(file.size or 0 for file in files if file.lfs)
    with pytest.raises(BadRequestError):
        api.model_info("lumenforge/aurora-1.1b-base", expand=cast("Any", ["nonsense"]))
