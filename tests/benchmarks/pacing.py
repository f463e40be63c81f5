"""How well the quota is used, and how often it is run into: `python tests/benchmarks/pacing.py`.

A sample Hub in a process of its own has short windows (6 s; 60 API and 300 file requests each, 50 ms away). Workers
with work without end ask it for five windows and a little: first ours, then as many threads with the client library's
own `http_backoff`, which runs into the wall and waits there.

Prints, for each bucket and window by the server's own account: requests answered, as a share of the window's quota;
refusals (429); and what the fullest tenth of a window holds, after the first window (a tenth would be even).
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NamedTuple

WINDOWS = 5
LATENCY_SECONDS = 0.05
BUCKETS = {"api": "/api/models/acme/rocket", "resolvers": "/acme/rocket/resolve/main/model.bin"}


class Asked(NamedTuple):
    """One request as the server counted it."""

    moment: float
    bucket: str
    window: float
    allowed: bool


@dataclass
class Account:
    """What the server noted of one client."""

    asked: list[Asked] = field(default_factory=list)

    def print(self, name: str, limits: dict[str, int], seconds: int) -> None:
        """A line for each bucket."""
        for bucket, limit in limits.items():
            by_window: dict[float, list[float]] = defaultdict(list)
            for one in self.asked:
                if one.bucket == bucket and one.allowed:
                    by_window[one.window].append(one.moment - one.window)
            shares = [len(moments) / limit for moments in list(by_window.values())[:WINDOWS]]
            refused = sum(1 for one in self.asked if one.bucket == bucket and not one.allowed)
            fullest = max(
                max(sum(1 for m in moments if n <= 10 * m / seconds < n + 1) for n in range(10)) / len(moments)
                for moments in list(by_window.values())[1:WINDOWS]
            )
            told = " ".join(f"{share:6.1%}" for share in shares)
            print(f"{name:16} {bucket:10} {told}   {refused:5} refused   fullest tenth {fullest:4.0%}")


def serve(pipe: Connection, limits: dict[str, int], seconds: int) -> None:
    """A sample Hub that notes what it counts, until it is told to hand that over."""
    from scanner.samplehub import Blob, Repository, SampleHub
    from scanner.samplehub.quota import Quotas, Standing

    asked: list[Asked] = []

    class Noting(Quotas):
        def spend(self, bucket: str, caller: str, *, has_token: bool) -> Standing:
            standing = super().spend(bucket, caller, has_token=has_token)
            start, _ = self._spent[bucket, caller]
            asked.append(Asked(time.time(), bucket, start, standing.allowed))
            return standing

    made = Repository(id="acme/rocket", files={"model.bin": Blob.of(bytes(1000))})
    hub = SampleHub([made], window_seconds=seconds, latency=LATENCY_SECONDS)
    hub.quotas = Noting(limits, {}, seconds, time.time)
    with hub:
        pipe.send(hub.endpoint)
        pipe.recv()
        pipe.send(asked)


def ours(endpoint: str, workers: int, until: float) -> None:
    """Workers of one client, half of them for each bucket."""
    from scanner.errors import Cancelled
    from scanner.sources.http import PIECE, REDIRECTS, HubClient

    client = HubClient(endpoint, None, "0.benchmark")

    def work(bucket: str, path: str) -> None:
        try:
            while True:
                client.ask(path, bucket=bucket, accept=PIECE | REDIRECTS, consume=lambda _: None)
        except Cancelled:
            return

    at_the_end = threading.Timer(until - time.monotonic(), client.cancelled.set)
    at_the_end.start()
    run(work, workers)


def library(endpoint: str, workers: int, until: float) -> None:
    """The client library's own retries in as many threads."""
    from huggingface_hub.utils._http import http_backoff

    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)  # it tells of every wall that it meets

    def work(_: str, path: str) -> None:
        while time.monotonic() < until:
            http_backoff("GET", endpoint + path, follow_redirects=False, max_retries=100)

    run(work, workers)


def run(work: Callable[[str, str], None], workers: int) -> None:
    """As many threads, half of them for each bucket."""
    threads = [
        threading.Thread(target=work, args=(bucket, path))
        for bucket, path in BUCKETS.items()
        for _ in range(workers // 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def account(client: Callable[[str, int, float], None], arguments: argparse.Namespace) -> Account:
    """What the server noted of one client over five windows and a little."""
    limits = {"api": arguments.api, "resolvers": arguments.resolvers}
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(there, limits, arguments.seconds), daemon=True
    )
    server.start()
    endpoint = here.recv()
    client(endpoint, arguments.workers, time.monotonic() + WINDOWS * (arguments.seconds + 1.5))
    here.send("enough")
    noted = Account(here.recv())
    server.join()
    return noted


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=6, help="length of a window")
    parser.add_argument("--api", type=int, default=60, help="API requests a window")
    parser.add_argument("--resolvers", type=int, default=300, help="file requests a window")
    parser.add_argument("--workers", type=int, default=16, help="threads, half of them for each bucket")
    arguments = parser.parse_args()
    limits = {"api": arguments.api, "resolvers": arguments.resolvers}
    account(ours, arguments).print("hubscope", limits, arguments.seconds)
    account(library, arguments).print("http_backoff", limits, arguments.seconds)


if __name__ == "__main__":
    main()
