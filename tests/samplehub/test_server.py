"""The servers as servers: many clients, stopping, running from a shell."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from scanner.samplehub import Blob, Repository, SampleHub
from scanner.samplehub.quota import Quotas
from scanner.samplehub.wire import ranges


def test_many_clients_at_once() -> None:
    repositories = [Repository(id=f"o/m{n:03}") for n in range(200)]
    with SampleHub(repositories, quotas={"api": 400}) as hub:

        def crawl(start: int) -> list[int]:
            connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=10)
            statuses = []
            for step in range(50):
                connection.request("GET", f"/api/models/o/m{(start * 50 + step) % 200:03}")
                response = connection.getresponse()
                body = json.loads(response.read())
                assert ("id" in body) is (response.status == 200)
                statuses.append(response.status)
            connection.close()
            return statuses

        with ThreadPoolExecutor(16) as pool:
            statuses = [status for one in pool.map(crawl, range(16)) for status in one]
        assert statuses.count(200) == 400  # exactly the quota, whatever the threads do
        assert statuses.count(429) == 400
        assert len(hub.requests) == 800


def test_stopping_ends_idle_connections_and_threads() -> None:
    before = threading.active_count()
    with SampleHub([]) as hub:
        idle = socket.create_connection(("127.0.0.1", urlsplit(hub.endpoint).port or 0))
        busy = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=5)
        busy.request("GET", "/api/models")
        assert busy.getresponse().read() == b"[]"
        address = ("127.0.0.1", urlsplit(hub.endpoint).port or 0)
    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address)
    idle.close()
    busy.close()


def test_requests_that_are_not_understood() -> None:
    with SampleHub([Repository(id="a/b")]) as hub:
        connection = http.client.HTTPConnection(urlsplit(hub.endpoint).netloc, timeout=5)
        for method, path, status in (
            ("DELETE", "/api/models/a/b", 405), ("GET", "/api/datasets", 404), ("GET", "/a/b", 200),
            ("GET", "/nothing", 404),
            ("GET", "/api/models?limit=x", 400), ("GET", "/api/models?limit=0", 400), ("GET", "/api/models/", 200),
            ("GET", "/a/b/resolve/main/", 404), ("GET", "/a/b/resolve", 200), ("GET", "/api/models/a/b/nonsense", 404),
            ("GET", "/api/resolve-cache/models/a", 404), ("GET", "//api/models", 200), ("GET", "/%zz/%00", 404),
        ):  # fmt: skip
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            assert response.status == status, (method, path)
        connection.request("POST", "/api/models/a/b/paths-info/main", body="paths=README.md")
        assert connection.getresponse().read() == b"[]"
        connection.putrequest("POST", "/api/models/a/b/paths-info/main")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        assert connection.getresponse().status == 411
        connection.close()


def test_whoami() -> None:
    with SampleHub([]) as hub:
        url = f"{hub.endpoint}/api/whoami-v2"
        request = urllib.request.Request(url, headers={"Authorization": "Bearer hf_sample_token"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310
            assert json.load(response)["name"] == "sample-user"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url, timeout=5)  # noqa: S310
        assert caught.value.code == 401
        caught.value.close()


def test_module_serves_until_a_signal_comes() -> None:
    command = [sys.executable, "-P", "-m", "scanner.samplehub", "--port", "0", "--weeks", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{endpoint}/api/models?search=sac-Pendulum", timeout=5) as response:  # noqa: S310
            assert [row["id"] for row in json.load(response)] == ["pixelgardener/sac-Pendulum-v1"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", [(0, 1)]), ("bytes=5-", [(5, 10)]), ("bytes=-3", [(7, 10)]), ("bytes=-30", [(0, 10)]),
        ("bytes=2-400", [(2, 10)]), ("bytes=10-", []), ("bytes=-0", []), ("bytes=0-1,4-5", [(0, 2), (4, 6)]),
        ("bytes=0-1,90-", [(0, 2)]), ("bytes=4-2", None), ("bytes=a-b", None), ("items=0-1", None), ("bytes=", None),
        ("bytes=" + ",".join(["0-0"] * 17), None),
    ],
)  # fmt: skip
def test_range_headers(header: str, expected: list[tuple[int, int]] | None) -> None:
    assert ranges.parse(header, 10) == expected


def test_empty_file_has_no_satisfiable_range() -> None:
    assert ranges.serve(Blob(0, ()), "bytes=0-10", {}).status == 416
    assert ranges.serve(Blob(0, ()), None, {}).status == 200


def test_windows_open_and_close() -> None:
    now = [1000.0]
    quotas = Quotas({"api": 2}, {}, 300, lambda: now[0])
    first = quotas.spend("api", "here", has_token=False)
    assert first.headers == {"RateLimit": '"api";r=1;t=300', "RateLimit-Policy": '"fixed window";"api";q=2;w=300'}
    now[0] = 1299.5
    assert quotas.spend("api", "here", has_token=False).reset_seconds == 1
    assert not quotas.spend("api", "here", has_token=False).allowed
    assert quotas.spend("api", "there", has_token=False).allowed
    now[0] = 1300.0
    assert quotas.spend("api", "here", has_token=False).remaining == 1
