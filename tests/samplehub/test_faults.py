"""Each fault as it arrives at a client."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from scanner.samplehub import Blob, Fault, Repository, SampleHub


@pytest.fixture
def hub() -> Iterator[SampleHub]:
    repositories = [
        Repository(id=f"o/m{n}", files={"a.json": Blob.of('{"n": 1}' * 4), "w.bin": Blob.of(bytes(5000))})
        for n in range(8)
    ]
    with SampleHub(repositories) as started:
        yield started


class Answer:
    """Status, headers and body of one request on a connection of its own."""

    def __init__(self, url: str, most: int = -1, **headers: str) -> None:
        parts = urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.netloc, timeout=5)
        try:
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            self.connection.request("GET", f"{parts.path}?{parts.query}", headers=named)
            self.response = self.connection.getresponse()
            self.status, self.headers = self.response.status, self.response.headers
            self.body = self.response.read() if most < 0 else self.response.read(most)
        finally:
            self.connection.close()


def listing(hub: SampleHub) -> str:
    return f"{hub.endpoint}/api/models?sort=createdAt&limit=4"


def signed(hub: SampleHub) -> str:
    return str(Answer(f"{hub.endpoint}/o/m1/resolve/main/w.bin").headers["Location"])


def test_status(hub: SampleHub) -> None:
    hub.inject(
        Fault(kind="status", status=503), Fault(kind="status", status=429, retry_after="9", rate_limit='"api";r=3;t=1')
    )
    first = Answer(listing(hub))
    assert (first.status, "Retry-After" in first.headers, "RateLimit" in first.headers) == (503, False, True)
    hub.clear_faults()
    hub.inject(Fault(kind="status", status=429, retry_after="9", rate_limit='"api";r=3;t=1'))
    second = Answer(listing(hub))
    assert (second.status, second.headers["Retry-After"], second.headers["RateLimit"]) == (429, "9", '"api";r=3;t=1')
    hub.inject(Fault(kind="status", status=502, rate_limit=""))
    third = Answer(listing(hub))
    assert (third.status, third.headers["RateLimit"], third.headers["RateLimit-Policy"]) == (502, None, None)
    assert Answer(listing(hub)).status == 200


def test_first_and_times(hub: SampleHub) -> None:
    hub.inject(Fault(kind="status", status=500, path="/api/models\\?", first=2, times=2))
    assert [Answer(listing(hub)).status for _ in range(5)] == [200, 500, 500, 200, 200]
    assert hub.faults_met == 2


def test_rate_is_reproducible(hub: SampleHub) -> None:
    runs = []
    for _ in range(2):
        hub.clear_faults()
        hub.inject(Fault(kind="status", status=500, rate=0.3, seed=7))
        runs.append([Answer(listing(hub)).status for _ in range(30)])
    assert runs[0] == runs[1]
    assert 3 <= runs[0].count(500) <= 20


def test_method_and_server(hub: SampleHub) -> None:
    hub.inject(Fault(kind="status", method="HEAD", times=None), Fault(kind="status", server="cdn", times=None))
    assert Answer(listing(hub)).status == 200
    assert Answer(signed(hub)).status == 500


def test_reset(hub: SampleHub) -> None:
    hub.inject(Fault(kind="reset"))
    with pytest.raises(ConnectionError):
        Answer(listing(hub))
    assert Answer(listing(hub)).status == 200
    assert [r.fault for r in hub.requests] == ["reset", None]


def test_reset_mid_body(hub: SampleHub) -> None:
    hub.inject(Fault(kind="reset-mid-body", server="cdn", after_bytes=100))
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        Answer(signed(hub))


def test_cut(hub: SampleHub) -> None:
    hub.inject(Fault(kind="cut", server="cdn", after_bytes=1234))
    with pytest.raises(http.client.IncompleteRead) as caught:
        Answer(signed(hub))
    assert len(caught.value.partial) == 1234
    assert hub.requests[-1].bytes_sent == 1234


def test_stall(hub: SampleHub) -> None:
    hub.inject(Fault(kind="stall", seconds=0.2), Fault(kind="stall", server="cdn", seconds=0.2, after_bytes=10))
    start = time.perf_counter()
    assert Answer(listing(hub)).status == 200
    assert len(Answer(signed(hub)).body) == 5000
    assert time.perf_counter() - start > 0.4


def test_stopping_does_not_wait_for_a_stall() -> None:
    start = time.perf_counter()
    with SampleHub([]) as hub:
        hub.inject(Fault(kind="stall", seconds=60))
        connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=5)
        connection.request("GET", "/api/models")
        time.sleep(0.05)
    connection.close()
    assert time.perf_counter() - start < 3


def test_bodies_that_are_not_what_was_asked(hub: SampleHub) -> None:
    hub.inject(Fault(kind="html"))
    page = Answer(listing(hub))
    assert page.headers["Content-Type"].startswith("text/html")
    hub.inject(Fault(kind="broken-json"))
    with pytest.raises(json.JSONDecodeError):
        json.loads(Answer(listing(hub)).body)
    hub.inject(Fault(kind="repeat-rows"))
    rows = [row["id"] for row in json.loads(Answer(listing(hub)).body)]
    assert len(rows) == 5
    assert rows[-1] == rows[0]
    hub.inject(Fault(kind="foreign-cursor", host="http://192.0.2.1"))
    assert Answer(listing(hub)).headers["Link"].startswith("<http://192.0.2.1/api/models?")


def test_endless(hub: SampleHub) -> None:
    hub.inject(Fault(kind="endless"))
    body = Answer(listing(hub), most=300_000).body
    assert len(body) == 300_000
    assert body.startswith(b"[{")


def test_ranges(hub: SampleHub) -> None:
    address = signed(hub)
    hub.inject(Fault(kind="ignore-range", server="cdn"), Fault(kind="empty-206", server="cdn", first=2))
    whole = Answer(address, Range="bytes=0-9")
    assert (whole.status, len(whole.body)) == (200, 5000)
    empty = Answer(address, Range="bytes=0-9")
    assert (empty.status, empty.body, empty.headers["Content-Length"]) == (206, b"", "0")
    assert Answer(address, Range="bytes=0-9").body == bytes(10)


def test_expired_link(hub: SampleHub) -> None:
    hub.inject(Fault(kind="expired-link", path="resolve"))
    assert Answer(signed(hub)).status == 403
    assert Answer(signed(hub)).status == 200
