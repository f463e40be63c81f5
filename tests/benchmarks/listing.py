"""What listing, deciding and storing a Hub costs, beside the Hub's own client that only lists it.

    python tests/benchmarks/listing.py --models 200000
    python tests/benchmarks/listing.py --models 50000 --rescan
    python tests/benchmarks/listing.py --memory 100000 1000000 3000000 --heavy-tail 0.001

A crowd (`scanner/samplehub/crowd`) is served by a process of its own, without quotas. Each measured run is a fresh
process: the peer iterates `HfApi.list_models(expand=the fields that a scan asks for, sort="created_at")` and keeps
nothing; hubscope runs `scan --all` into a new SQLite file. CPU is user and system time of the whole process, imports
included; the slope is what one more model costs, from two sizes. Memory is the highest resident set (VmHWM where the
system tells, else the maximum of getrusage). Seconds of a machine say little: the ratios within one run are the result.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scanner.sources.rows import EXPAND

ROOT = Path(__file__).resolve().parents[2]
PEER = """
import sys
from huggingface_hub import HfApi
rows = HfApi(endpoint=sys.argv[1], token=False).list_models(expand=sys.argv[2].split(","), sort="created_at")
print(sum(1 for _ in rows))
"""
POLL_SECONDS = 0.02
START_SECONDS = 60
SMALLER = 4  # the slope is taken from the population and one of this part of it
MIB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    cpu: float
    wall: float
    peak_bytes: int
    output: str
    status: int


@dataclass(frozen=True)
class Scan:
    """One run of hubscope: its cost, its requests by what they asked for, and the size of its catalogue after it."""

    cost: Cost
    requests: dict[str, int]
    catalogue_bytes: int


class Server:
    """The sample Hub as a process; the same port may be used for a later week."""

    def __init__(self, process: subprocess.Popen[str], endpoint: str) -> None:
        self.process, self.endpoint = process, endpoint

    def requests(self) -> dict[str, int]:
        """Requests since the last time, by what they asked for; hops to the CDN and refusals by a quota apart."""
        self.process.send_signal(signal.SIGUSR1)
        counts: dict[str, int] = {}
        for key, count in json.loads(_line(self.process)).items():
            server, _, asked_for, status = key.split(" ")
            name = "CDN" if server == "cdn" else asked_for
            counts[name] = counts.get(name, 0) + count
            if int(status) == 429:
                counts["429"] = counts.get("429", 0) + count
        return counts


def _line(process: subprocess.Popen[str]) -> str:
    """One line of a process that is waited for, but not for ever."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], START_SECONDS)[0]:
        raise TimeoutError("the sample Hub says nothing")
    line = process.stdout.readline()
    if not line:
        raise ChildProcessError(f"the sample Hub has left with {process.wait()}")
    return line


@contextmanager
def serve(options: argparse.Namespace, models: int, *, week: int = 0, port: int = 0) -> Iterator[Server]:
    """A crowd of so many models."""
    command = [
        *(sys.executable, "-P", "-m", "scanner.samplehub", "--no-quota", f"--population={models}", f"--week={week}"),
        *(f"--seed={options.seed}", f"--mix={options.mix}", f"--heavy-tail={options.heavy_tail}", f"--port={port}"),
        *(f"--changed={options.changed}", f"--latency={options.latency}"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment())
    try:
        yield Server(process, _line(process).strip())
    finally:
        process.terminate()
        process.wait()


def _environment(**more: str) -> dict[str, str]:
    """This checkout's packages, and no settings or tokens of whoever runs this."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HUBSCOPE_", "HF_")) and "proxy" not in k.lower()}
    return kept | {"PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_TELEMETRY": "1", "NO_COLOR": "1"} | more


def run(command: Sequence[str], folder: Path, **environment: str) -> Cost:
    """Run a process to its end and see what it takes."""
    begin, peak = time.monotonic(), 0
    with (folder / "output.txt").open("w+") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, env=_environment(**environment)
        )
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, _high_water(process.pid))
            time.sleep(POLL_SECONDS)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    peak = peak or usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begin, peak, said, process.returncode)


def _high_water(pid: int) -> int:
    """VmHWM in bytes; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def peer(server: Server, folder: Path, models: int) -> Cost:
    """The Hub's own client, which only lists."""
    cost = run([sys.executable, "-P", "-c", PEER, server.endpoint, ",".join(EXPAND)], folder)
    if cost.output.split()[-1:] != [str(models)]:
        raise SystemExit(f"the peer listed something else than {models} models:\n{cost.output}")
    server.requests()
    return cost


def scan(server: Server, folder: Path, deep: str) -> Scan:
    """One `hubscope scan --all` into the folder's catalogue."""
    command = [sys.executable, "-P", "-m", "scanner", "scan", "--all", "--deep", deep]
    database = folder / "hubscope.db"
    cost = run(command, folder, HF_ENDPOINT=server.endpoint, HUBSCOPE_DATABASE_URL=f"sqlite:///{database}")
    if cost.status not in (0, 1, 3):
        raise SystemExit(f"hubscope left with {cost.status}:\n{cost.output}")
    return Scan(cost, server.requests(), sum(path.stat().st_size for path in folder.glob("hubscope.db*")))


def _requests(done: Scan) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(done.requests.items())) or "none"


def show(name: str, cost: Cost, models: int) -> None:
    """One line a process."""
    print(
        f"{name:28} {models:>9,} models  {cost.cpu:8.2f} s CPU  {cost.cpu / models * 1e6:7.1f} us a model"
        f"  {cost.wall:7.1f} s wall  {cost.peak_bytes / MIB:6.1f} MiB",
        flush=True,
    )


def compare(options: argparse.Namespace) -> None:
    """Both at two sizes: the ratio, the slope, the requests, the catalogue."""
    sizes = [max(options.models // SMALLER, 1), options.models]
    ours, theirs = [], []
    for models in sizes:
        with serve(options, models) as server, tempfile.TemporaryDirectory() as name:
            theirs.append(peer(server, Path(name), models))
            show("HfApi.list_models", theirs[-1], models)
            done = scan(server, Path(name), options.deep)
            ours.append(done.cost)
            show(f"hubscope scan --deep {options.deep}", done.cost, models)
            if options.rescan and models == options.models:
                rescan(options, server, Path(name), done)
    ratio = ours[-1].cpu / theirs[-1].cpu
    print(f"\nCPU, hubscope over the peer, imports included   {ratio:6.2f}   (target: at most 0.7)")
    if sizes[0] < sizes[1]:
        step = sizes[1] - sizes[0]
        slopes = [(both[1].cpu - both[0].cpu) / step * 1e6 for both in (ours, theirs)]
        print(
            f"the same of one more model                      {slopes[0] / slopes[1]:6.2f}   (aim: 0.5;"
            f" {slopes[0]:.1f} over {slopes[1]:.1f} us)"
        )
    asked = done.requests.get("listing", 0) / options.models * 1000
    print(f"listing requests for 1,000 models               {asked:7.3f}   (target: at most 1.1; {_requests(done)})")
    kept = done.catalogue_bytes / options.models
    print(f"catalogue, bytes a model                         {kept:6.0f}   (target: at most 300, 600 with deep reads)")


def rescan(options: argparse.Namespace, server: Server, folder: Path, first: Scan) -> None:
    """The same models once more, and then a week later."""
    again = scan(server, folder, options.deep)
    show("again, nothing changed", again.cost, options.models)
    more = again.catalogue_bytes - first.catalogue_bytes
    print(f"  bytes a model more: {more / options.models:.1f} (target: at most 20); requests: {_requests(again)}")
    port = int(server.endpoint.rpartition(":")[2])
    server.process.terminate()
    server.process.wait()
    with serve(options, options.models, week=1, port=port) as later:
        week = scan(later, folder, options.deep)
    show(f"a week later, {options.changed:.1%} changed", week.cost, options.models)
    more = week.catalogue_bytes - again.catalogue_bytes
    files = [done.requests.get("file", 0) for done in (first, week)]
    share = f"{files[1] / files[0]:.1%} of the first scan's" if files[0] else "of none in the first scan"
    print(f"  bytes a model more: {more / options.models:.1f}; requests: {_requests(week)}; files: {files[1]}, {share}")


def memory(options: argparse.Namespace) -> None:
    """How the highest resident set grows with the number of models."""
    peaks = []
    for models in options.memory:
        with serve(options, models) as server, tempfile.TemporaryDirectory() as name:
            done = scan(server, Path(name), options.deep)
        show(f"hubscope scan --deep {options.deep}", done.cost, models)
        peaks.append(done.cost.peak_bytes)
    print(
        f"\nhighest resident set                {max(peaks) / MIB:6.1f} MiB (target: at most 250), "
        f"{max(peaks) / min(peaks) - 1:.1%} between the smallest and the largest (target: at most 5%)"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mix", default="planning", help="planning, pessimistic, or KIND=SHARE,… of the sample Hub")
    parser.add_argument("--heavy-tail", type=float, default=0.0, help="share of rows with huge cards or file lists")
    parser.add_argument("--deep", choices=("never", "auto"), default="never", help="whether weight files are read")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that the Hub takes before each answer")
    parser.add_argument("--rescan", action="store_true", help="scan again: unchanged, and a week later")
    parser.add_argument("--changed", type=float, default=0.01, help="share of models that the week changes")
    parser.add_argument("--memory", type=int, nargs="+", metavar="N", help="only the memory at these numbers of models")
    options = parser.parse_args(arguments)
    if options.memory:
        memory(options)
    else:
        compare(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
