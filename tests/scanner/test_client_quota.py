"""The client and the quota, over sockets: what a refusal does to everybody, and what nobody may see."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scanner.errors import Unanswered
from scanner.quota import Gate
from scanner.samplehub import Fault, Repository, SampleHub
from scanner.sources.http import API, RESOLVERS, HubClient, Limits
from scanner.sources.replies import read_capped
from tests.scanner.helpers import Clock, answer, make_client, restore_library, script

PATH = "/api/models/acme/rocket"


@pytest.fixture(autouse=True)
def _library_as_it_was() -> Iterator[None]:
    yield
    restore_library()


def get(client: HubClient, bucket: str = API) -> bytes:
    return client.ask(PATH, bucket=bucket, consume=lambda response: read_capped(response, 1 << 20))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"api";r=0;t=40', "Retry-After": "7"}, 41),
        ({"RateLimit": '"api";r=9;t=40', "Retry-After": "7"}, 7),
        ({"Retry-After": "7"}, 7),
        ({"RateLimit": '"api";r=9;t=40'}, 0.375),  # a refusal with something left is not about the quota
        ({}, 0.375),
    ],
)
def test_a_refusal_closes_its_bucket_to_every_worker(headers: dict[str, str], seconds: float) -> None:
    clock = Clock()
    client = script(answer(429, headers), answer(200, body=b"x")).client(clock, max_retries=0)
    with pytest.raises(Unanswered):
        get(client)
    before = clock.now
    get(client, RESOLVERS)
    assert clock.now == before
    get(client)  # another worker's
    assert clock.now >= before + seconds
    assert clock.now <= before + seconds + 1


def test_the_bucket_that_a_refusal_names_is_the_one_that_closes() -> None:
    clock = Clock()
    client = script(answer(429, {"RateLimit": '"pages";r=0;t=40'}), answer(200)).client(clock, max_retries=0)
    with pytest.raises(Unanswered):
        get(client)
    assert client.gate.standings()["pages"].remaining == 0
    assert client.gate.standings()["pages"].reset_seconds == 41


def test_refusals_without_a_time_are_asked_after_ever_more_seldom() -> None:
    clock = Clock()
    client = script(answer(429)).client(clock, max_retries=0)
    waits = []
    for _ in range(5):
        before = clock.now
        with pytest.raises(Unanswered):
            get(client)
        waits.append(clock.now - before)
    assert waits[0] == 0
    assert all(0.75 * base <= wait <= 1.25 * base for wait, base in zip(waits[1:], (0.5, 1, 2, 4), strict=True))


def test_a_storm_of_refusals_passes_with_few_requests() -> None:
    """Sixteen workers, and a server that refuses the first five requests with a second's wait each."""
    fault = Fault(kind="status", status=429, retry_after="1", rate_limit="", times=5)
    with SampleHub([Repository(id="acme/rocket")], faults=[fault]) as hub:
        client = make_client(hub.endpoint, max_retries=20)
        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(lambda _: get(client), range(64)))
        assert len(hub.requests) == 64 + 5
        assert (client.asked, client.unanswered) == (64, 0)


def test_cancelling_ends_the_waits_of_all_workers_at_the_gate() -> None:
    client = HubClient("https://hub.test", None, "0.test", Limits(), Gate(), session_factory=script(answer(200)))
    client.gate.learn(API, 1000, 290, 1000, 300)
    client.gate.used[API] = 1000
    client.gate._buckets[API].opened_at = client.gate.clock() - 10  # a later window than the first
    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(get, client) for _ in range(64)]
        threading.Timer(0.1, client.cancelled.set).start()
        errors = [type(job.exception(60)).__name__ for job in jobs]
    assert set(errors) <= {"NoneType", "Cancelled"}
    assert errors.count("Cancelled") >= 60
    assert client.gate._buckets[API].waiting == []


def test_a_server_that_names_no_quota_is_not_paced() -> None:
    clock = Clock()
    client = script(answer(200, body=b"x")).client(clock)
    for _ in range(3000):
        get(client)
    assert clock.slept == []


def test_five_windows_over_a_socket_are_used_without_a_refusal() -> None:
    """In the time of the test, which the server keeps too."""
    clock = Clock()
    with SampleHub([Repository(id="acme/rocket")], quotas={"api": 100}, window_seconds=60) as hub:
        hub.state.clock = hub.quotas._clock = clock.time
        client = make_client(hub.endpoint, clock)
        for _ in range(500):
            get(client)
        assert {request.status for request in hub.requests} == {200}
        assert clock.now - 1000 <= 5 * 62
