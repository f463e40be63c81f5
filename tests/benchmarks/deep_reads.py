"""What deep reads cost, beside `get_safetensors_metadata`: `python -P tests/benchmarks/deep_reads.py`.

A sample Hub in a process of its own serves a made population with its truth (`python -P -m scanner.samplehub`). All
units are those that the server charged, by bucket, as it tells on SIGUSR1; nothing is of our own bookkeeping. A model
belongs to the ledger if it is not gated or disabled, has a recognised weight file, and is not decided by the listing.

Prints:
 1. for each kind: models, units beyond the listing (mean, median, 99th percentile), undecided ones, wrong sides; then
    requests and bytes of all.
 2. texts apart: units for each card or licence file that was read.
 3. reads per second at 16 and 32 workers, behind a latency, and CPU a read, as ratios to the Hub's own client in a loop
    over the same models, server and run.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from huggingface_hub import HfApi, close_session, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from config.regulation import load_regulation
from scanner.assess import from_facts
from scanner.catalogue.store import Conditions
from scanner.counting import Counted, count_listed
from scanner.deepread import DeepReader, Look, Options
from scanner.facts import ModelFacts
from scanner.scope import Distribution, strict_threshold
from scanner.sources.http import HubClient, Limits
from scanner.sources.huggingface import HuggingFace, Listing
from scanner.sources.rows import facts_of
from scanner.task import Task, note_down, take_up
from scanner.textread import TextReader, Texts

REGULATION = load_regulation("cn-2026")
THRESHOLD = strict_threshold(REGULATION)
PEER_READS = 60  # the loop takes three requests a model, one after the other
WORKERS = (16, 32)
BUCKETS = ("api", "resolvers", "pages")


@dataclass
class Server:
    """A sample Hub in a process of its own."""

    process: subprocess.Popen[str]
    endpoint: str

    def take(self) -> Counter[str]:
        """Requests answered since the last time, by server, bucket and status."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGUSR1)
        return Counter(json.loads(self.process.stdout.readline()))

    def units(self) -> Counter[str]:
        """Charged requests since the last time, by bucket."""
        units: Counter[str] = Counter()
        for key, number in self.take().items():
            bucket = key.split()[1]
            if bucket in BUCKETS:
                units[bucket] += number
        return units


def command(options: argparse.Namespace, *more: str) -> list[str]:
    """The command line of the sample Hub."""
    crowd = ["--population", str(options.models), "--seed", str(options.seed), "--mix", options.mix]
    return [sys.executable, "-P", "-m", "scanner.samplehub", *crowd, "--graphs", str(options.graphs), *more]


@contextmanager
def serving(options: argparse.Namespace, latency: float = 0.0) -> Iterator[Server]:
    """The sample Hub, without a quota to run into."""
    line = command(options, "--no-quota", "--latency", str(latency))
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process, process.stdout.readline().strip())
        finally:
            process.terminate()


def truths(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """What is true of every model, by its key."""
    told = subprocess.run(command(options, "--truth"), stdout=subprocess.PIPE, text=True, check=True)
    rows = map(json.loads, told.stdout.splitlines())
    return {row["_id"]: row for row in rows}


def listed(source: HuggingFace) -> Iterator[ModelFacts]:
    """Every row of the listing."""
    cursor: str | None = source.first_page(Listing())
    while cursor is not None:
        page = source.page(cursor)
        yield from (row if isinstance(row, ModelFacts) else facts_of(row) for row in page.rows)
        cursor = page.next


def work_of(facts: ModelFacts, counted: Counted, *, count: bool = True, texts: bool = False) -> Task:
    """The task that a scan would note down for a model, and take up."""
    assessment = from_facts(facts, counted, now()).judged([REGULATION])
    wanted = Conditions("c" if count else None, "t" if texts else None)
    return take_up(note_down(facts.key, facts.downloads, facts, wanted, listed=None), assessment)


def open_works(rows: Sequence[ModelFacts]) -> dict[str, Task]:
    """The work on each model that belongs to the ledger, by its key."""
    works = {}
    for facts in rows:
        counted = count_listed(facts)
        reachable = facts.distribution is Distribution.PUBLIC and not facts.gated and bool(facts.files)
        if reachable and counted.layout.components and counted.estimate.side(THRESHOLD) is None:
            works[facts.key] = work_of(facts, counted)
    return works


def reader(source: HuggingFace) -> DeepReader:
    """A reader that remembers nothing from before, of this run only."""
    return DeepReader(source, TextReader(source, 1024 * 1024), lambda _: None, [REGULATION], Options(), now)


def now() -> datetime:
    """The clock of all looks."""
    return datetime.now(UTC)


# --- units


@dataclass
class Ledger:
    """Models of one kind."""

    units: list[int] = field(default_factory=list)
    buckets: Counter[str] = field(default_factory=Counter)
    undecided: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    costly: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        """One row of the table."""
        mean, count = statistics.fmean(self.units), len(self.units)
        last = sorted(self.units)[min(count - 1, int(count * 0.99))]
        median = statistics.median(self.units)
        share = len(self.undecided) / count
        api = self.buckets["api"] / count
        return f"{name:34} {count:7,} {mean:6.3f} {api:6.3f} {median:6g} {last:4} {share:9.2%} {len(self.wrong):5}"


def kind_of(truth: dict[str, Any]) -> str:
    """Under which row of the table a model goes."""
    return f"{truth['kind']} {truth['form']}"


def measure_units(server: Server, options: argparse.Namespace) -> None:
    """Look at every model of the ledger, one by one, and print what the server charged for each kind."""
    truth = truths(options)
    source = HuggingFace(HubClient(server.endpoint, None, "bench", Limits(max_retries=1)))
    rows = list(listed(source))
    works = open_works(rows)
    listing = server.units()
    print(f"{len(rows):,} models listed for {listing.total():,} units; {len(works):,} in the ledger", flush=True)
    ledgers: dict[str, Ledger] = defaultdict(Ledger)
    sut, sent, received = reader(source), Counter[str](), 0
    for key, work in works.items():
        look = sut.look(work, texts=False)
        answered = server.take()
        sent += answered
        received += sum(row.bytes_read for row in look.assessment.estimate.evidence) if look.assessment.estimate else 0
        units = Counter({b: sum(n for k, n in answered.items() if k.split()[1] == b) for b in BUCKETS})
        for name in (kind_of(truth[key]), "ALL"):
            note(ledgers[name], look, units, truth[key])
    print(
        f"\n{'kind':34} {'models':>7} {'mean':>6} {'(api)':>6} {'median':>6} {'p99':>4} {'undecided':>9} {'wrong':>5}"
    )
    for name in sorted(ledgers, key=lambda name: (name == "ALL", name)):
        print(ledgers[name].line(name))
        for told in (ledgers[name].undecided + ledgers[name].costly)[: options.show]:
            print(f"    {told}")
    everyone = ledgers["ALL"]
    for told in everyone.wrong:
        print(f"WRONG SIDE: {told}")
    hops = sum(number for key, number in sent.items() if key.startswith("cdn "))
    print(f"requests: {sent.total() - hops:,} charged, {hops:,} to the CDN; {received / 1e6:,.1f} MB of headers read")


def note(ledger: Ledger, look: Look, units: Counter[str], truth: dict[str, Any]) -> None:
    """Enter one look."""
    assert look.counted is not None
    ledger.units.append(units.total())
    ledger.buckets += units
    estimate = look.counted.estimate
    side = estimate.side(THRESHOLD)
    told = f"{truth['id']} ({kind_of(truth)}): {estimate.low}..{estimate.high}, truth {truth['truth']}"
    told += f", {units.total()} units, {look.counted.opened[:4]} {look.failures[:2]}"
    if side is None:
        ledger.undecided.append(told)
    elif truth["truth"] is not None and side != (truth["truth"] > THRESHOLD):
        ledger.wrong.append(told)
    if units.total() > 1:
        ledger.costly.append(told)


def measure_texts(server: Server, options: argparse.Namespace) -> None:
    """Read the cards and licence files of a part of the models, and print what the server charged for a text."""
    source = HuggingFace(HubClient(server.endpoint, None, "bench", Limits(max_retries=1)))
    rows = [facts for facts in listed(source) if facts.files and not facts.gated][: options.texts]
    server.take()
    sut, texts = reader(source), 0
    for facts in rows:
        own = Texts.of(facts)
        texts += (own.card is not None) + len(own.licences)
        sut.look(work_of(facts, count_listed(facts), count=False, texts=True), texts=True)
    units = server.units()
    each = units.total() / texts if texts else 0.0
    print(
        f"\ntexts: {texts:,} of {len(rows):,} models for {dict(units)} units: {each:.2f} a text, base models included"
    )


# --- time


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds on the clock and of CPU that one read took."""

    wall: float
    cpu: float


def timed(reads: int, begin: tuple[float, float]) -> Pace:
    """What so many reads took since `begin`."""
    wall, cpu = begin
    return Pace((time.perf_counter() - wall) / reads, (time.process_time() - cpu) / reads)


def moment() -> tuple[float, float]:
    """Both clocks."""
    return time.perf_counter(), time.process_time()


def peer(endpoint: str, names: Sequence[str]) -> Pace:
    """`get_safetensors_metadata` in a loop."""
    close_session()
    set_client_factory(default_client_factory)  # not the one that our own client has put in its place
    api = HfApi(endpoint=endpoint, token=False)
    api.get_safetensors_metadata(names[0])  # imports and connections
    begin = moment()
    for name in names:
        api.get_safetensors_metadata(name)
    return timed(len(names), begin)


def measure_time(options: argparse.Namespace) -> None:
    """Read the headers of the same models as the peer, with several workers, and print the ratios."""
    with serving(options, options.latency) as server:
        source = HuggingFace(HubClient(server.endpoint, None, "bench", Limits(max_retries=1)))
        chosen = [facts for facts in listed(source) if _for_both(facts)]
        # Without what the listing declares, each has to be opened, and most of them read.
        bare = [undeclared(facts) for facts in chosen]
        works = [work_of(facts, count_listed(facts)) for facts in bare]
        theirs = peer(server.endpoint, [facts.name for facts in chosen[:PEER_READS]])
        close_session()
        source = HuggingFace(HubClient(server.endpoint, None, "bench", Limits(max_retries=1)))
        print(f"\n{options.latency * 1000:g} ms latency, {len(works):,} safetensors models; a read of the peer")
        print(f"  takes {theirs.wall * 1000:.1f} ms and {theirs.cpu * 1000:.2f} ms of CPU")
        for workers in WORKERS:
            ours = _with(workers, source, works)
            print(
                f"  {workers} workers: {1 / ours.wall:6.1f} reads/s, {theirs.wall / ours.wall:5.1f} times the peer;"
                f" {ours.cpu * 1000:.2f} ms of CPU a read, {ours.cpu / theirs.cpu:.2f} of the peer's",
                flush=True,
            )


def _for_both(facts: ModelFacts) -> bool:
    paths = {entry.path for entry in facts.files or ()}
    return "model.safetensors" in paths and not facts.gated and facts.distribution is Distribution.PUBLIC


def undeclared(facts: ModelFacts) -> ModelFacts:
    """A model as the listing shows one of which the Hub has not read the header."""
    return replace(facts, safetensors_total=None, safetensors_parameters=None)


def _with(workers: int, source: HuggingFace, works: Sequence[Task]) -> Pace:
    sut = reader(source)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda work: sut.look(work, texts=False), works[:workers]))  # imports and connections
        sut = reader(source)
        begin = moment()
        looks = list(pool.map(lambda work: sut.look(work, texts=False), works))
        return timed(len(looks), begin)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mix", default="planning", help="as of the sample Hub")
    parser.add_argument("--graphs", type=float, default=0.25, help="share of ONNX and HDF5 among other formats")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before each answer of the timed part")
    parser.add_argument("--texts", type=int, default=300, help="models whose texts are read; 0 for none")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="name N models of each kind that cost more")
    parser.add_argument("--only", choices=("units", "time"), help="leave out the other part")
    options = parser.parse_args(arguments)
    if options.only != "time":
        with serving(options) as server:
            measure_units(server, options)
            if options.texts:
                measure_texts(server, options)
    if options.only != "units":
        measure_time(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
