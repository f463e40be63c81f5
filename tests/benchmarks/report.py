"""What it costs to tell of many models: reports in every format, exports, status, explain and a comparison of two runs.

The models are made up here after the planning mix of forms (nearly half with a declared count, an eighth adapters of
some thousand base models, a tenth without weights), with downloads as uneven as the Hub's, and are written as a listing
writes them. A second run changes every hundredth, so that a report tells of changes and the first run is history.

Each command runs in a process of its own. Its seconds, its seconds of CPU and its peak memory are printed, and the CPU
as a ratio to that of a peer in the same run: SQLite's own driver reading every row of `model` once, in a process of its
own too.

    python tests/benchmarks/report.py [MODELS] [--verbose] [--keep FOLDER] [--long]

`--verbose` adds the seconds of each query of a report, `--long` the exports that make an object a model.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine, text

from config.regulation import load_regulation
from estimators.interface import Basis, Estimate
from scanner.assessment import Assessment
from scanner.catalogue.coding import key_bytes, key_text, seconds
from scanner.catalogue.comparison import changed_observations, changed_verdicts, in_both
from scanner.catalogue.database import open_database
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, RunState, Store
from scanner.catalogue.tables import Run
from scanner.digest import Digest
from scanner.listed import Listed, Profile, Ruling
from scanner.rules import rules_of
from scanner.scope import VerdictStatus, strict_threshold

MODELS = 300_000
AT_ONCE = 1_000
CHANGED = 100  # one of so many changes from the first run to the second
SEED = 7
MIB = 1024
REGULATION = load_regulation("cn-2026")
THRESHOLD = REGULATION.threshold.parameters
STRICT = strict_threshold(REGULATION)
BEGUN = datetime(2022, 3, 2, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
NAME = "base7/model"

REPORTS = tuple(("report", "--format", form) for form in ("html", "markdown", "json", "text"))
PARQUET = ("export", "--format", "parquet", "--output", "models.parquet")
OTHERS = (
    PARQUET,
    ("report", "--run", "1"),
    ("status",),
    ("explain", NAME),
    ("explain", NAME, "--run", "1"),
    ("diff", "1", "2"),
)
EXPORTS = (("export", "--format", "csv"), ("export", "--format", "jsonl"))
PEER = """
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute("SELECT * FROM model")
while rows.fetchmany(10_000):
    pass
"""

FORMS = (  # share of the models, basis, exact, adapter
    (0.48, "hub-safetensors", True, False),
    (0.08, "hub-gguf", False, False),
    (0.14, "file-size", False, False),
    (0.12, "file-size", False, True),
    (0.08, "none", False, False),
    (0.10, "no-weights", True, False),
)
LICENCES = (None, None, "apache-2.0", "mit", "llama3", "openrail", "other")


def made(models: int) -> Iterator[Listed]:
    """Models in the order of a listing."""
    chance = random.Random(SEED)
    shares = [form[0] for form in FORMS]
    for number in range(models):
        _, basis, exact, adapter = chance.choices(FORMS, shares)[0]
        low, point, high = _counted(chance, basis)
        gated = "auto" if (dice := chance.random()) < 0.01 else "manual" if dice < 0.015 else None
        excluding = chance.random() < 0.001
        profile = Profile(
            basis,
            exact,
            "public",
            gated,
            adapter,
            "declared" if excluding else "none-in-metadata",
            ("metadata",),
            False,
        )
        created = seconds(BEGUN) + int(number / models * (seconds(NOW) - seconds(BEGUN)))
        base = f"base{int(3_000 * chance.random() ** 3)}/model" if adapter else None
        yield Listed(
            key=key_bytes(f"{created:08x}{number:016x}"),
            name=f"owner{number % 70_001}/a-model-of-some-{number}" if number % 40 or number > 120_000
            else f"base{number // 40}/model",
            source="huggingface",
            created_at=created,
            last_modified=created + 86_400,
            sha=chance.randbytes(20),
            downloads=int(chance.paretovariate(0.6)) - 1,
            likes=int(chance.paretovariate(1.2)) - 1,
            listed=chance.getrandbits(62),
            profile=profile,
            base_model=base,
            license=chance.choice(LICENCES),
            low=low,
            point=point,
            high=high,
            stored_elements=point,
            buffers=None,
            declared_total=point,
            declared_sum=point,
            rulings=(_ruling(basis, low, high, adapter=adapter, gated=gated is not None, excluding=excluding),),
        )  # fmt: skip


def _counted(chance: random.Random, basis: str) -> tuple[int, int | None, int | None]:
    count = int(10 ** chance.uniform(3, 11.5))
    if basis in ("hub-safetensors", "hub-gguf"):
        return count, count, count
    if basis == "file-size":
        return count // 4, None, count * 2
    return 0, None, (0 if basis == "no-weights" else None)


def _ruling(basis: str, low: int, high: int | None, *, adapter: bool, gated: bool, excluding: bool) -> Ruling:
    above = True if low > STRICT else False if high is not None and high <= STRICT else None
    words = {True: "above-threshold", False: "not-above-threshold", None: "interval-straddles-threshold"}[above]
    ignoring = {True: "in_scope", False: "out_of_scope", None: "undecided"}[above]
    codes = ["no-weights"] if basis == "no-weights" else [words]
    if excluding and above is not False:
        codes.insert(0, "excluded-by-declaration")
    if adapter:
        codes.append("adapter-own-count")
    if gated:
        codes.append("gated")
    status = "out_of_scope" if excluding else ignoring
    step = "read the headers of the weight files (hubscope check)" if status == "undecided" else None
    return Ruling(REGULATION.id, status, ignoring, ",".join(codes), step, THRESHOLD, STRICT, own=True)


def fill(engine: Engine, models: int) -> None:
    """Two runs: the second one finds a hundredth changed."""
    store = Store(engine)
    run_id = begin(store, models, NOW - timedelta(days=7))
    left = made(models)
    while some := list(islice(left, AT_ONCE)):
        store.save(run_id, Batch(new=some, moment=NOW - timedelta(days=7)))
    end(store, run_id)
    run_id = begin(store, models, NOW)
    # Made once more: what this process holds, the system counts as the least that any process it starts has held.
    left = made(models)
    while page := [one.key for one in islice(left, AT_ONCE)]:
        changed, same = page[::CHANGED], [key for place, key in enumerate(page) if place % CHANGED]
        judged = [grown(known.assessment()) for known in store.known(map(key_text, changed)).values()]
        store.save(run_id, Batch(same=[(place % 50, 1, key) for place, key in enumerate(same)], judged=judged))
    end(store, run_id)
    with engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def grown(assessment: Assessment) -> Assessment:
    """The model with a hundred times as many parameters."""
    assert assessment.estimate is not None
    count = max(assessment.estimate.low, 1) * 100
    estimate = Estimate(count, count, count, Basis.SAFETENSORS_HEADER, exact=True)
    return replace(assessment, estimate=estimate, observed_at=NOW).judged([REGULATION])


def begin(store: Store, models: int, moment: datetime) -> int:
    run = Run(
        started_at=moment,
        source="huggingface",
        endpoint="https://huggingface.co",
        selection="--all",
        deep="auto",
        tool_version="0.benchmark",
        state=str(RunState.RUNNING),
        sweep=True,
        listed=models,
        rules=dict(rules_of([REGULATION])),
    )
    number = store.begin(run).id
    assert number is not None
    return number


def end(store: Store, run_id: int) -> None:
    store.write_run(run_id, state=str(RunState.COMPLETE), finished_at=NOW, listing_done=True)
    store.ended()


class Cost(NamedTuple):
    """What a process took: seconds by the clock and of CPU, and its peak memory in MiB."""

    seconds: float
    busy: float
    peak: float
    code: int


def cost(words: Sequence[str], folder: Path) -> Cost:
    begun = time.perf_counter()
    child = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took = time.perf_counter() - begun
    return Cost(took, used.ru_utime + used.ru_stime, used.ru_maxrss / MIB, child.returncode)


def told(what: str, it: Cost, peer: Cost) -> None:
    failed = f"  exit {it.code}" if it.code else ""
    peak = f"{it.peak:5.0f} MiB" if it.peak else " " * 9
    print(
        f"{it.seconds:7.2f} s {it.busy:7.2f} s of CPU, {it.busy / peer.busy:5.1f} x {peak}  {what}{failed}", flush=True
    )


def queries(engine: Engine) -> Iterator[tuple[str, Callable[[], object]]]:
    """What a report and a comparison are made from, one by one."""
    reader, name = Reader(engine), REGULATION.id
    after, before = reader.run(2), reader.run(1)
    yield "counted", lambda: reader.counted(after)
    yield "counted, of the past", lambda: reader.counted(before)
    yield "top", lambda: reader.top(after, name, VerdictStatus.IN_SCOPE, 10)
    yield "exempted", lambda: reader.exempted(after, name, 10)
    yield "undecided", lambda: reader.undecided(after, name, 3)
    yield "nearest", lambda: reader.nearest(after, name, 8)
    yield "adapters", lambda: reader.adapters(after, name, STRICT)
    yield "findings", lambda: reader.findings(after, 20)
    yield "changed observations", lambda: sum(1 for _ in changed_observations(engine, before, after))
    yield "changed verdicts", lambda: sum(1 for _ in changed_verdicts(engine, before, after, name))
    yield "in both", lambda: in_both(engine, before, after)
    yield "any name", lambda: reader.find("nobody/nothing", after)
    yield "whole report", lambda: Digest(reader, [(REGULATION, None)], "0.benchmark").report(after, NOW)
    yield "columns", lambda: sum(len(batch["model"]) for batch in reader.columns(after, [name]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="?", type=int, default=MODELS)
    parser.add_argument("--verbose", action="store_true", help="also print the seconds of each query")
    parser.add_argument("--long", action="store_true", help="also export, as CSV and JSONL")
    parser.add_argument("--keep", type=Path, help="make the catalogue in this folder, or use the one that is there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        path = folder / "hubscope.db"
        there = path.exists()
        engine = open_database(f"sqlite:///{path}")
        begun = time.perf_counter()
        if not there:
            fill(engine, chosen.models)
        print(
            f"{chosen.models:,} models, {path.stat().st_size / chosen.models:.0f} bytes each, "
            f"two runs written in {time.perf_counter() - begun:.1f} s"
        )
        peer = cost([sys.executable, "-c", PEER, str(path)], folder)
        told("peer: every row of `model` read once by SQLite", peer, peer)
        for words in (*REPORTS, *OTHERS, *(EXPORTS if chosen.long else ())):
            told(f"hubscope {' '.join(words)}", cost([sys.executable, "-m", "scanner", *words], folder), peer)
        if chosen.verbose:
            for name, query in queries(engine):
                begun, used = time.perf_counter(), time.process_time()
                query()
                told(name, Cost(time.perf_counter() - begun, time.process_time() - used, 0, 0), peer)
        engine.dispose()


if __name__ == "__main__":
    main()
