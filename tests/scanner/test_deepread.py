"""Deep reads over a socket: the same counts whatever goes wrong on the way, and no unit that could be spared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from estimators.roles import FileEntry
from scanner.counting import Counted, Told, count, count_listed, read_once
from scanner.errors import Refused
from scanner.facts import ModelFacts
from scanner.samplehub import Blob, Fault, Repository, SampleHub, Tensor
from scanner.samplehub.files import safetensors
from scanner.scope import Distribution
from scanner.sources.huggingface import HuggingFace, Listing
from scanner.sources.rows import Row, facts_of
from scanner.sources.shard_headers import shard_headers
from tests.scanner.helpers import make_client, restore_library

MILLION = 1_000_000
KINDS: Mapping[str, dict[str, Any]] = {
    "status-500": {"kind": "status", "status": 500},
    "status-503": {"kind": "status", "status": 503, "retry_after": "1"},
    "status-429": {"kind": "status", "status": 429},
    "reset": {"kind": "reset"},
    "reset-mid-body": {"kind": "reset-mid-body"},
    "stall": {"kind": "stall", "seconds": 0.4},
    "stall-mid-body": {"kind": "stall", "seconds": 0.4, "after_bytes": 100},
    "cut": {"kind": "cut"},
    "ignore-range": {"kind": "ignore-range"},
    "empty-206": {"kind": "empty-206"},
    "gzip": {"kind": "gzip"},
    "html": {"kind": "html"},
    "broken-json": {"kind": "broken-json"},
    "endless": {"kind": "endless"},
    "expired-link": {"kind": "expired-link"},
}
Answer = tuple[int, int | None, int | None, bool]


@pytest.fixture(autouse=True)
def _library_as_it_was() -> Iterator[None]:
    yield
    restore_library()


@pytest.fixture(scope="module")
def hub() -> Iterator[SampleHub]:
    with SampleHub(quotas={"api": 10**9, "resolvers": 10**9}) as running:
        yield running


@pytest.fixture(scope="module")
def models(hub: SampleHub) -> list[ModelFacts]:
    """The models that the listing leaves open, and whose files may be read."""
    source = HuggingFace(make_client(hub.endpoint))
    page = source.page(source.first_page(Listing()))
    rows = [facts_of(row) for row in page.rows if isinstance(row, Row)]
    restore_library()
    public = [facts for facts in rows if facts.distribution is Distribution.PUBLIC and facts.files and not facts.gated]
    return [facts for facts in public if count_listed(facts).estimate.side(MILLION) is None]


@pytest.fixture(scope="module")
def expected(hub: SampleHub, models: list[ModelFacts]) -> Mapping[bool, Mapping[str, Answer]]:
    """The counts on a day when nothing goes wrong, by whether all was to be counted."""
    found = {exact: answers(hub, models, exact=exact) for exact in (False, True)}
    restore_library()
    return found


def looked_at(facts: ModelFacts, *, exact: bool, source: HuggingFace, **more: Any) -> Counted:
    sha = facts.sha or "main"
    return count(
        facts,
        lambda path: source.file(facts.name, sha, path),
        thresholds=[MILLION],
        exact=exact,
        refresh=lambda: source.model(facts.name, sha),
        **more,
    )


def answers(hub: SampleHub, models: list[ModelFacts], *, exact: bool) -> Mapping[str, Answer]:
    source = HuggingFace(make_client(hub.endpoint, max_retries=6, read_timeout=0.2))
    once = read_once()
    estimates = {facts.name: looked_at(facts, exact=exact, source=source, once=once).estimate for facts in models}
    return {name: (one.low, one.high, one.point, one.exact) for name, one in estimates.items()}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_twentieth_of_faults_changes_no_count(
    hub: SampleHub, models: list[ModelFacts], expected: Mapping[bool, Mapping[str, Answer]], kind: str, exact: bool
) -> None:
    met = hub.faults_met
    for server, seed in (("hub", 1), ("cdn", 2)):
        path = "/resolve/" if server == "hub" else ""
        hub.inject(Fault(server=server, path=path, rate=0.05, seed=seed, **KINDS[kind]))  # type: ignore[arg-type]
    try:
        assert answers(hub, models, exact=exact) == expected[exact]
        assert hub.faults_met > met
    finally:
        hub.clear_faults()


def test_an_open_model_costs_about_one_unit(hub: SampleHub, models: list[ModelFacts]) -> None:
    hub.requests.clear()
    source = HuggingFace(make_client(hub.endpoint))
    for facts in models:
        looked_at(facts, exact=False, source=source)
    assert sum(request.bucket is not None for request in hub.requests) <= 1.15 * len(models)


def test_the_hub_tells_the_headers_of_all_shards_at_once(hub: SampleHub) -> None:
    tensors = {f"layer.{number}": Tensor("F32", (10, 5)) for number in range(6)}
    files = safetensors.shards(tensors, 6)
    hub.add(
        Repository(id="acme/sharded", files=files), Repository(id="acme/odd", files={"a.index.json": Blob.of("[]")})
    )
    source = HuggingFace(make_client(hub.endpoint))
    facts = source.model("acme/sharded")
    bare = replace(facts, files=tuple(FileEntry(entry.path) for entry in facts.files or ()), digests={})
    hub.requests.clear()

    def at_once(index: str) -> Told:
        return Told(shard_headers(source.client, facts.name, index), source.model(facts.name))

    work = looked_at(bare, exact=True, source=source, at_once=at_once)
    assert (work.estimate.point, work.estimate.exact, work.opened) == (300, True, [])
    assert {learned.digest.split(":")[0] for learned in work.learned} == {*facts.digests.values()}
    assert [request.bucket for request in hub.requests] == ["api", "api"]
    for model, index in (("acme/odd", "a.index.json"), ("acme/sharded", "no.index.json")):
        with pytest.raises(Refused):
            shard_headers(source.client, model, index)
    hub.remove("acme/sharded")
    hub.remove("acme/odd")
