"""CPU of one deep read's requests, beside the client library: `python tests/benchmarks/file_requests.py`.

A sample Hub in a process of its own holds one model with a safetensors header of usual size. Each way is repeated in
this process, and its CPU seconds (not the server's) are printed beside `get_safetensors_metadata`, which asks two or
three times and parses the header: the redirect alone, which tells size and digest; redirect and first range; and these
with the header counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import struct
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

MODEL, FILE = "acme/rocket", "model.safetensors"
TENSORS = 200


def serve(pipe: Connection) -> None:
    """A sample Hub until it is told to end."""
    from scanner.samplehub import Blob, Repository, SampleHub

    size = 256 * 256 * 2
    header = {
        f"model.layers.{n}.weight": {"dtype": "BF16", "shape": [256, 256], "data_offsets": [n * size, (n + 1) * size]}
        for n in range(TENSORS)
    }
    head = json.dumps(header).encode()
    data = struct.pack("<Q", len(head)) + head + bytes(TENSORS * size)
    quotas = {"api": 10**9, "resolvers": 10**9}
    with SampleHub([Repository(id=MODEL, files={FILE: Blob.of(data)})], quotas=quotas) as hub:
        pipe.send(hub.endpoint)
        pipe.recv()


def microseconds(read: Callable[[], object], times: int) -> float:
    """CPU of one read in this process."""
    read()
    before = time.process_time()
    for _ in range(times):
        read()
    return (time.process_time() - before) / times * 1e6


def main() -> None:
    """Time all ways and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=500, help="repetitions of each way")
    arguments = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    endpoint = here.recv()
    os.environ["HF_ENDPOINT"] = endpoint

    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint, token=False)
    # Before our client is made, which gives the library sessions of its own kind.
    peer = microseconds(lambda: api.get_safetensors_metadata(MODEL), arguments.times)

    from estimators.interface import Hints
    from estimators.registry import estimate_file
    from scanner.ranges import RemoteFile
    from scanner.sources.http import HubClient

    client = HubClient(endpoint, None, "0.benchmark")

    def opened() -> RemoteFile:
        file = RemoteFile(client, MODEL, "main", FILE)
        file.open()
        return file

    ways: dict[str, Callable[[], object]] = {
        "redirect alone": opened,
        "redirect and range": lambda: opened().read(0, 64 * 1024),
        "counted": lambda: estimate_file(opened(), Hints()),
    }
    print(f"{'get_safetensors_metadata':26} {peer:7.0f} us of CPU")
    for name, way in ways.items():
        found = microseconds(way, arguments.times)
        print(f"{name:26} {found:7.0f} us of CPU, {found / peer:.2f} of it")
    here.send("enough")
    server.join()


if __name__ == "__main__":
    main()
