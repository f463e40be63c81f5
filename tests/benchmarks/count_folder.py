"""Count every weight file under a folder and compare with the truth: `python tests/benchmarks/count_folder.py DIR`.

The truth stands in files called truth.jsonl, in DIR or in folders below it, one object a line:
`{"file": "path from that truth.jsonl", "parameters": 1234}`; a path that is a folder is counted as a repository.
Without any, all files under DIR are counted and nothing is compared.

Prints, for each format: files, exact ones, bounded ones, wrong sides of the threshold, intervals that miss the truth
and exact counts that are wrong; then what the exact count and what the side alone cost: bytes read of bytes present,
ranges (median, most) and seconds. Beside them, on the same files, `huggingface_hub.get_safetensors_metadata` against a
server on loopback, and the formats' own libraries where they are installed, which read whole files.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from estimators.interface import Estimate, Hints, Unestimated
from estimators.registry import estimate_file
from scanner.counting import Counted, count
from scanner.ranges import LocalFile
from scanner.sources.local import LocalFolder

BUDGET_BYTES = 2**40  # what a full count costs is to be seen, not capped


@dataclass(frozen=True)
class Subject:
    """A file, or a folder as a repository, with the true count where it is known."""

    path: Path
    format: str
    truth: int | None

    @property
    def size(self) -> int:
        files = self.path.rglob("*") if self.path.is_dir() else [self.path]
        return sum(file.stat().st_size for file in files if file.is_file())


@dataclass
class Cost:
    """What looking at one subject cost, and what came of it."""

    outcome: Estimate | Unestimated
    ranges: int
    bytes_read: int
    seconds: float


@dataclass
class Row:
    """One format's results."""

    subjects: list[Subject] = field(default_factory=list)
    full: list[Cost] = field(default_factory=list)
    side: list[Cost] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    hub_right: int = 0


def subjects(root: Path) -> Iterator[Subject]:
    """What is to be counted under a folder."""
    tables = sorted(root.rglob("truth.jsonl"))
    for table in tables:
        for line in table.read_text(encoding="utf-8").splitlines():
            row = json.loads(line) if line.strip() else {}
            path = table.parent / row.get("file", "?")
            if path.exists():
                yield Subject(path, row.get("format") or table.parent.name, row["parameters"])
            else:
                print(f"{path}: not there", file=sys.stderr)
    if not tables:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                yield Subject(path, path.suffix.lower() or path.name, None)


def look(subject: Subject, enough: int | None) -> Cost:
    """Count one subject: to the end, or until more than `enough` are certain."""
    begin = time.perf_counter()
    if subject.path.is_dir():
        counted = _count_folder(subject.path, enough)
        outcome: Estimate | Unestimated = counted.estimate
        rows = [row for row in counted.estimate.evidence if row.requests]
        ranges, asked = sum(row.requests for row in rows), sum(row.bytes_read for row in rows)
    else:
        file = LocalFile(subject.path, subject.path.name, budget=BUDGET_BYTES)
        # As `check` does: a config.json beside the file tells how its weights are packed.
        outcome = estimate_file(file, Hints(LocalFolder(subject.path).model().quantization, enough))
        ranges, asked = file.requests, file.bytes_read
    return Cost(outcome, ranges, asked, time.perf_counter() - begin)


def _count_folder(path: Path, enough: int | None) -> Counted:
    folder = LocalFolder(path)
    opener = partial(folder.file, budget=BUDGET_BYTES)
    return count(folder.model(), opener, thresholds=[] if enough is None else [enough], exact=enough is None)


# --- peers


def _safetensors(path: Path) -> int:
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        return sum(_product(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118


def _gguf(path: Path) -> int:
    from gguf import GGUFReader  # type: ignore[import-not-found,unused-ignore]

    return sum(int(tensor.n_elements) for tensor in GGUFReader(path).tensors)


def _torch(path: Path) -> int:
    import torch  # type: ignore[import-not-found,unused-ignore]

    found = torch.load(path, map_location="meta", weights_only=True)
    return sum(value.numel() for value in found.values() if hasattr(value, "numel"))


def _onnx(path: Path) -> int:
    import onnx  # type: ignore[import-not-found,unused-ignore]

    graph = onnx.load(path, load_external_data=False).graph
    return sum(_product(list(tensor.dims)) for tensor in graph.initializer)


def _h5py(path: Path) -> int:
    import h5py  # type: ignore[import-not-found,import-untyped,unused-ignore]

    shapes: list[Sequence[int]] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: shapes.append(item.shape) if hasattr(item, "shape") else None)
    return sum(map(_product, shapes))


PEERS: dict[str, Callable[[Path], int]] = {
    ".safetensors": _safetensors,
    ".gguf": _gguf,
    ".pt": _torch, ".pth": _torch, ".bin": _torch, ".ckpt": _torch,
    ".onnx": _onnx,
    ".h5": _h5py, ".hdf5": _h5py,
}  # fmt: skip


def _product(shape: Sequence[int]) -> int:
    product = 1
    for dimension in shape:
        product *= dimension
    return product


def own_library(subject: Subject) -> float | None:
    """Seconds that the format's own library takes to tell the elements; None where it is not here or fails."""
    peer = PEERS.get(subject.path.suffix.lower())
    if peer is None or subject.path.is_dir():
        return None
    begin = time.perf_counter()
    try:
        peer(subject.path)
    except Exception:  # noqa: BLE001 - another's library over any file
        return None
    return time.perf_counter() - begin


class _Files(BaseHTTPRequestHandler):
    """Just enough of a Hub: `/bench/<number>/resolve/main/<name>`, with ranges."""

    subjects: Sequence[Subject] = ()
    protocol_version = "HTTP/1.1"

    def _path(self) -> Path | None:
        parts = self.path.split("?")[0].split("/", 5)
        if len(parts) < 6 or not parts[2].isdigit():
            return None
        subject = self.subjects[int(parts[2])]
        path = subject.path / parts[5] if subject.path.is_dir() else subject.path
        return path if path.is_file() and (subject.path.is_dir() or path.name == parts[5]) else None

    def _answer(self, *, body: bool) -> None:
        path = self._path()
        if path is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        size = path.stat().st_size
        begin, end, status = 0, size - 1, 200
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes="):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, end, status = int(first), min(int(last or end), end), 206
        self.send_response(status)
        self.send_header("Content-Length", str(max(end - begin + 1, 0)))
        self.send_header("Content-Range", f"bytes {begin}-{end}/{size}")
        self.send_header("ETag", '"0"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        if body:
            with path.open("rb") as file:
                file.seek(begin)
                self.wfile.write(file.read(end - begin + 1))

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def hub_right(found: Sequence[Subject]) -> list[bool]:
    """For each subject, whether `get_safetensors_metadata` gives the true count."""
    from huggingface_hub import HfApi

    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Files,), {"subjects": found}))
    Thread(target=server.serve_forever, daemon=True).start()
    api = HfApi(endpoint=f"http://127.0.0.1:{server.server_port}", token=False)
    right = []
    for number, subject in enumerate(found):
        try:
            metadata = api.get_safetensors_metadata(f"bench/{number}")
            right.append(sum(metadata.parameter_count.values()) == subject.truth)
        except Exception:  # noqa: BLE001 - any failure is no answer
            right.append(False)
    server.shutdown()
    return right


# --- the table


def measure(found: Sequence[Subject], threshold: int, *, hub: bool) -> dict[str, Row]:
    """All subjects, by format."""
    rows: dict[str, Row] = defaultdict(Row)
    right = hub_right(found) if hub else [False] * len(found)
    for subject, by_hub in zip(found, right, strict=True):
        row = rows[subject.format]
        row.subjects.append(subject)
        row.full.append(look(subject, None))
        row.side.append(look(subject, threshold))
        row.hub_right += by_hub
        seconds = own_library(subject)
        if seconds is not None:
            row.peer.append(seconds)
    return rows


def complaints(subject: Subject, cost: Cost, threshold: int) -> Iterator[str]:
    """What is wrong with an answer, in words; nothing where nothing is."""
    outcome, truth = cost.outcome, subject.truth
    if isinstance(outcome, Unestimated):
        yield f"unestimated ({outcome.reason}): {outcome.message}"
        return
    if truth is None:
        return
    if not (outcome.low <= truth and (outcome.high is None or truth <= outcome.high)):
        kind = "WRONG EXACT" if outcome.exact else "interval misses"
        yield f"{kind}: {outcome.low}..{outcome.high}, truth {truth}"
    side = outcome.side(threshold)
    if side is not None and side != (truth > threshold):
        yield f"WRONG SIDE: {outcome.low}..{outcome.high}, truth {truth}"
    if not outcome.exact:
        yield f"bounded: {outcome.low}..{outcome.high} point {outcome.point}, truth {truth}"


def show(rows: dict[str, Row], threshold: int, *, verbose: bool) -> None:
    """The table, and every file with something to say about it."""
    head = f"{'format':16} {'files':>5} {'exact':>5} {'bound':>5} {'none':>4} {'wrong':>5} {'miss':>4} {'hub':>4}"
    print(f"{head}  {'full: read/present':>24} {'ranges':>9} {'s':>6}  {'side: ranges':>12} {'read':>7} {'own s':>6}")
    for name, row in sorted(rows.items()):
        _show_row(name, row, threshold)
    if verbose:
        for _, row in sorted(rows.items()):
            for subject, cost in zip(row.subjects, row.full, strict=True):
                for told in complaints(subject, cost, threshold):
                    print(f"{subject.path}: {told}")


def _show_row(name: str, row: Row, threshold: int) -> None:
    told = [list(complaints(s, c, threshold)) for s, c in zip(row.subjects, row.full, strict=True)]
    told_side = [list(complaints(s, c, threshold)) for s, c in zip(row.subjects, row.side, strict=True)]
    estimates = [cost.outcome for cost in row.full if isinstance(cost.outcome, Estimate)]
    exact = sum(outcome.exact for outcome in estimates)
    wrong = sum(any("WRONG SIDE" in line for line in lines) for lines in told + told_side)
    miss = sum(any(line.startswith(("WRONG EXACT", "interval")) for line in lines) for lines in told + told_side)
    present = sum(subject.size for subject in row.subjects)
    read = sum(cost.bytes_read for cost in row.full)
    ranges = [cost.ranges for cost in row.full]
    side_ranges = [cost.ranges for cost in row.side]
    spread = f"{statistics.median(ranges):.0f}..{max(ranges)}"
    side = f"{statistics.median(side_ranges):.0f}..{max(side_ranges)}"
    own = f"{sum(row.peer):6.2f}" if row.peer else "     -"
    print(
        f"{name[:16]:16} {len(row.subjects):5} {exact:5} {len(estimates) - exact:5} {len(told) - len(estimates):4}"
        f" {wrong:5} {miss:4} {row.hub_right:4}  {read / 1e6:9.1f} of {present / 1e6:8.1f} MB {spread:>9}"
        f" {sum(cost.seconds for cost in row.full):6.2f}  {side:>12}"
        f" {sum(cost.bytes_read for cost in row.side) / 1e6:7.1f} {own}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 where an answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threshold", type=int, default=1_000_000)
    parser.add_argument("--no-hub", action="store_true", help="leave out get_safetensors_metadata")
    parser.add_argument("--verbose", action="store_true", help="name every file that was not counted exactly and right")
    options = parser.parse_args(arguments)
    rows = measure(list(subjects(options.folder)), options.threshold, hub=not options.no_hub)
    show(rows, options.threshold, verbose=options.verbose)
    wrong = any(
        line.startswith(("WRONG", "interval"))
        for row in rows.values()
        for costs in (row.full, row.side)
        for subject, cost in zip(row.subjects, costs, strict=True)
        for line in complaints(subject, cost, options.threshold)
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
