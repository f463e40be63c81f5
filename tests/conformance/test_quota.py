"""Rate limits, retries and the client's own marks. What each test shows is said in behaviours.toml."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import http_backoff, parse_ratelimit_headers

from scanner.samplehub import TOKEN, Fault, Repository, SampleHub
from tests.conformance.conftest import ApiFor, Get

AURORA = "lumenforge/aurora-1.1b-base"


def test_quota_headers(get: Get) -> None:
    with SampleHub() as hub:
        for path, bucket, limit in (
            ("/api/models?limit=1", "api", 500), (f"/{AURORA}/resolve/main/config.json", "resolvers", 3000),
            (f"/{AURORA}/raw/main/README.md", "pages", 100), ("/api/models/no/body", "api", 500),
        ):  # fmt: skip
            response = get(hub.endpoint + path)
            info = parse_ratelimit_headers(response.headers)
            assert info is not None
            assert (info.resource_type, info.limit, info.window_seconds) == (bucket, limit, 300)
            assert 0 <= info.remaining < limit
            assert 0 < info.reset_in_seconds <= 300
            assert response.headers["ratelimit-policy"] == f'"fixed window";"{bucket}";q={limit};w=300'


def test_quota_exhausted(get: Get) -> None:
    now = [0.0]
    with SampleHub([], quotas={"api": 3}, clock=lambda: now[0]) as hub:
        url = f"{hub.endpoint}/api/models"
        remaining = []
        for _ in range(3):
            info = parse_ratelimit_headers(get(url).headers)
            assert info is not None
            remaining.append(info.remaining)
        assert remaining == [2, 1, 0]
        now[0] = 100.0
        refused = get(url)
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        assert refused.headers["ratelimit"] == '"api";r=0;t=200'
        assert get(f"{hub.endpoint}/x/y/resolve/main/z").status_code == 401  # another bucket
        now[0] = 300.0
        assert get(url).status_code == 200


def test_quota_by_caller(get: Get) -> None:
    with SampleHub([], quotas={"api": 2}, token_quotas={"api": 4}) as hub:
        url = f"{hub.endpoint}/api/models"
        assert [get(url).status_code for _ in range(3)] == [200, 200, 429]
        with_token = [get(url, Authorization=f"Bearer {TOKEN}").status_code for _ in range(5)]
        assert with_token == [200, 200, 200, 200, 429]


def test_quota_costs(hub: SampleHub, get: Get) -> None:
    def left(path: str, method: str = "GET") -> int:
        info = parse_ratelimit_headers(get(path, method=method).headers)
        assert info is not None
        assert info.resource_type == "resolvers"
        return info.remaining

    weights, config = f"/{AURORA}/resolve/main/model.safetensors", f"/{AURORA}/resolve/main/config.json"
    start = left(weights)
    assert left(weights, "HEAD") == start - 1
    assert left(config) == start - 2
    assert left(get(config).headers["location"]) == start - 4
    get(get(weights).headers["location"], Range="bytes=0-9")
    assert left(weights) == start - 6


def test_quota_client_waits_for_the_window(hub: SampleHub, api_for: ApiFor, real_client: list[float], get: Get) -> None:
    now = [0.0]
    with SampleHub([Repository(id="a/b")], quotas={"api": 1}, clock=lambda: now[0]) as small:
        get(f"{small.endpoint}/api/models")
        now[0] = 250.0
        with pytest.raises(HfHubHTTPError):
            http_backoff("GET", f"{small.endpoint}/api/models", max_retries=1)
        assert real_client == [51.0]
    real_client.clear()
    hub.inject(Fault(kind="status", status=429, retry_after="7", rate_limit=""))
    assert http_backoff("GET", f"{hub.endpoint}/api/models?limit=1").status_code == 200
    assert real_client == [8.0]


def test_quota_no_retry_outside_paginate(hub: SampleHub, api: HfApi, real_client: list[float]) -> None:
    hub.inject(Fault(kind="status", status=503, path="/api/models"))
    assert next(iter(api.list_models(limit=1))).id
    assert len(hub.requests) == 2
    assert len(real_client) == 1
    hub.clear_faults()
    hub.inject(Fault(kind="status", status=503, path=AURORA))
    with pytest.raises(HfHubHTTPError):
        api.model_info(AURORA)
    assert len(hub.requests) == 3


def test_client_headers(hub: SampleHub, api: HfApi) -> None:
    api.model_info(AURORA)
    headers = hub.requests[-1].headers
    assert re.match(r"conformance/1\.0; hf_hub/2\.\d+\.\d+; python/3\.\d+", headers["user-agent"])
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-trace-id"])
    assert "authorization" not in headers


def test_http_keep_alive(hub: SampleHub, get: Get) -> None:
    import http.client

    connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=10)
    sockets = set()
    for method, path in (
        ("GET", "/api/models?limit=2"), ("HEAD", "/api/models"), ("GET", "/api/models/no/body"),
        ("GET", f"/{AURORA}/resolve/main/model.safetensors"), ("GET", f"/api/models/{AURORA}"),
    ):  # fmt: skip
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        assert response.version == 11
        if method == "GET":
            assert len(body) == int(response.headers["Content-Length"])
        assert response.headers["X-Request-Id"]
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()
