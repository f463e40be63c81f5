"""The sample Hub, and the real client pointed at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from huggingface_hub import HfApi, close_session, get_session, set_client_factory
from huggingface_hub import constants as hf_constants
from huggingface_hub.utils import _http as hf_http

from scanner.samplehub import SampleHub

Get = Callable[..., httpx2.Response]
ApiFor = Callable[..., HfApi]


def plain_client() -> httpx2.Client:
    """The client's own factory with a timeout, so that a hanging test fails."""
    hooks = {"request": [hf_http.hf_request_event_hook]}
    return httpx2.Client(event_hooks=hooks, follow_redirects=True, timeout=20, trust_env=False)


@pytest.fixture(autouse=True)
def real_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A fresh session of huggingface_hub, no token from outside, no Xet, and sleeps that are noted, not slept."""
    slept: list[float] = []
    monkeypatch.setattr(hf_constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(hf_constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    monkeypatch.setattr(hf_http, "time", SimpleNamespace(sleep=slept.append))
    set_client_factory(plain_client)
    yield slept
    close_session()
    set_client_factory(hf_http.default_client_factory)


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[SampleHub]:
    """The built-in population with quotas that no test exhausts; for tests that change nothing."""
    with SampleHub(quotas={"api": 10**6, "resolvers": 10**6, "pages": 10**6}) as hub:
        yield hub


@pytest.fixture
def hub(shared_hub: SampleHub) -> Iterator[SampleHub]:
    """The same with an empty log and no faults."""
    shared_hub.requests.clear()
    yield shared_hub
    shared_hub.clear_faults()
    shared_hub.state.granted.clear()


@pytest.fixture
def api_for() -> ApiFor:
    """The real client for a Hub, anonymous unless a token is given."""

    def make(hub: SampleHub, token: str | bool = False) -> HfApi:
        return HfApi(endpoint=hub.endpoint, token=token, library_name="conformance", library_version="1.0")

    return make


@pytest.fixture
def api(hub: SampleHub, api_for: ApiFor) -> HfApi:
    """The real client, anonymous."""
    return api_for(hub)


@pytest.fixture
def get(hub: SampleHub) -> Get:
    """A request of the client's own session that follows no redirect; paths are the Hub's, addresses go as they are."""

    def send(path: str, params: Any = None, method: str = "GET", **headers: str) -> httpx2.Response:
        url = path if path.startswith("http") else hub.endpoint + path
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return get_session().request(method, url, params=params, headers=named, follow_redirects=False)

    return send
