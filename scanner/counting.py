"""Count one model: carry out the reads that the estimators' plan offers, and combine what was found.

The plan is pure (estimators/plan.py) and says which reads can still tell; here they are priced, the file is opened, its
digest is looked up among the files read before, and its header is read. Reading stops as soon as the interval lies on
one side of every threshold, unless the full count is wanted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from estimators import declared as declarations
from estimators.combine import FileFacts, combine
from estimators.descriptions import describe_file
from estimators.errors import EstimatorError
from estimators.interface import Basis, ByteReader, Estimate, Evidence, Hints, Unestimated
from estimators.names import from_name
from estimators.plan import Read, candidate_reads
from estimators.registry import estimate_file
from estimators.roles import FileEntry, Layout, layout
from estimators.shard_index import MAX_INDEX_BYTES, read_index
from scanner.errors import Refused, SourceError
from scanner.prices import price_of

if TYPE_CHECKING:
    from scanner.facts import ModelFacts
    from scanner.ranges import Stat

RULES = 2  # raised with every change of how headers are counted, so that remembered counts are made anew
# Parts that may still be read, for each read of a batch: of larger batches the last reads may turn out not to matter.
PARTS_FOR_A_BATCH = 100
MAX_READS_PER_MODEL = 400  # a sharded model of 200 files, each opened and read; more is a hostile file list


class OpenableFile(ByteReader, Protocol):
    """A `ByteReader` that tells size and digest when it is opened."""

    def open(self) -> Stat:
        """Open the file.

        Raises:
            SourceError: it cannot be opened.
        """
        ...


Opener = Callable[[str], OpenableFile]
Remembered = Callable[[str], Estimate | None]


@dataclass(frozen=True, slots=True)
class Learned:
    """A header that was read for the first time, worth remembering.

    Attributes:
        digest: key of the memory (`memory_key`).
        size: bytes of the file.
        estimate: what it holds.
    """

    digest: str
    size: int
    estimate: Estimate


@dataclass(slots=True)
class Counted:
    """What counting one model gave.

    Attributes:
        estimate: the interval with its evidence.
        layout: the roles of the files.
        found: what is known of each file.
        learned: headers worth remembering.
        failures: reads without an answer after all retries, or refused; (file, code, message).
        opened: files asked for.
    """

    estimate: Estimate
    layout: Layout
    found: Mapping[str, FileFacts] = field(default_factory=dict)
    learned: list[Learned] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)


def declared_evidence(facts: ModelFacts) -> list[Estimate]:
    """What the source's own fields declare about the count."""
    evidence: list[Estimate] = []
    if facts.safetensors_parameters is not None or facts.safetensors_total is not None:
        evidence.append(declarations.from_safetensors(facts.safetensors_total, facts.safetensors_parameters))
    if facts.gguf_total is not None:
        evidence.append(declarations.from_gguf(facts.gguf_total))
    return evidence


def count_listed(facts: ModelFacts) -> Counted:
    """The interval from what the listing says, without any read."""
    return count(facts, None, thresholds=())


def count(
    facts: ModelFacts,
    opener: Opener | None,
    *,
    thresholds: Sequence[int],
    exact: bool = False,
    remembered: Remembered = lambda _: None,
    refresh: Callable[[], ModelFacts] | None = None,
    describe: bool = False,
    most_reads: int = MAX_READS_PER_MODEL,
) -> Counted:
    """Count one model.

    Args:
        facts: what the source told; its files may lack sizes.
        opener: opens a file of the model; None where nothing may be read.
        thresholds: reading stops when the interval lies on one side of each of them.
        exact: read on until every tensor was seen.
        remembered: the estimate of a file by its digest, where it was read before.
        refresh: asks the source for the file sizes, where files cannot be opened (gated); called at most once.
        describe: read the configuration or card of a model whose weights are not there; it decides no verdict.
        most_reads: files read at most.
    """
    enough = None if exact else max(thresholds, default=None)
    work = _Work(facts, opener, remembered, refresh, enough)
    declared = declared_evidence(facts)
    if opener is not None:
        left = most_reads
        while left > 0:
            offered = candidate_reads(work.layout, work.found, declared, thresholds, exact=exact, describe=describe)
            reads = work.chosen(offered, exact=exact)[:left]
            left -= len(reads)
            done = [work.carry_out(read) for read in reads]
            if not any(done):
                break
    work.counted.found = work.found
    if facts.files is None:
        work.counted.estimate = _without_file_list(declared)
    else:
        named = from_name(facts.name.rpartition("/")[2])
        work.counted.estimate = combine(
            work.layout, work.found, declared, weak=[named] if named else [], description=facts.described
        )
    return work.counted


def _without_file_list(declared: Sequence[Estimate]) -> Estimate:
    """Where the source named no files at all, a declaration bounds from below; there may be more than it is about."""
    best = max(declared, key=lambda estimate: estimate.low, default=_UNKNOWN)
    return replace(best, high=None, exact=False)


class _Work:
    """The state of counting one model."""

    def __init__(
        self,
        facts: ModelFacts,
        opener: Opener | None,
        remembered: Remembered,
        refresh: Callable[[], ModelFacts] | None,
        enough: int | None,
    ) -> None:
        self._files, self._given = facts.files or (), facts.given
        self.layout = layout(self._files, self._given)
        self.found: dict[str, FileFacts] = _sizes(facts)
        self.counted = Counted(_UNKNOWN, self.layout)
        self._hints = Hints(quantization=facts.quantization, enough=enough)
        self._opener = opener
        self._remembered = remembered
        self._refresh = refresh
        self._handles: dict[str, OpenableFile] = {}
        self._done: set[Read] = set()

    def chosen(self, offered: Sequence[Read], *, exact: bool) -> Sequence[Read]:
        """The reads to make next: the cheapest of those offered, in their order; all where all have to be made."""
        if exact:
            return offered
        most = max(1, len(offered) // PARTS_FOR_A_BATCH)
        return sorted(offered, key=lambda read: price_of(read.path, opened=read.path in self._handles))[:most]

    def carry_out(self, read: Read) -> bool:
        """Do one read; False where it was done before, so that a plan that asks in circles ends."""
        if read in self._done:
            return False
        self._done.add(read)
        path = read.path
        handle = self._open(path)
        if handle is None or read.want == "size":
            return True
        if read.want == "index":
            self._read_index(path, handle)
            return True
        known = self.found[path]
        if known.estimate is None:
            if read.want == "description":
                self.found[path] = replace(known, estimate=describe_file(handle))
                return True
            result = estimate_file(handle, self._hints)
            self.found[path] = replace(known, estimate=result)
            self._note(path, known.digest, result)
            del self._handles[path]  # with the blocks it keeps: a model may have hundreds of shards
        return True

    def _read_index(self, path: str, handle: OpenableFile) -> None:
        """Take down which files an index names, and sort the files anew."""
        known = self.found[path]
        try:
            index = read_index(path, handle.read(0, min(known.size or MAX_INDEX_BYTES + 1, MAX_INDEX_BYTES + 1)))
        except EstimatorError as error:
            self.found[path] = replace(known, estimate=Unestimated(path, error.reason, str(error)))
            return
        self.found[path] = replace(known, index=index)
        indexes = [facts.index for facts in self.found.values() if facts.index is not None]
        self.layout = self.counted.layout = layout(self._files, self._given, indexes)

    def _note(self, path: str, digest: str | None, result: Estimate | Unestimated) -> None:
        if isinstance(result, Unestimated):
            self.counted.failures.append((path, result.reason, result.message))
        elif digest is not None:
            key = memory_key(digest, self._hints, partial=result.partial)
            self.counted.learned.append(Learned(key, self.found[path].size or 0, result))

    def _open(self, path: str) -> OpenableFile | None:
        """Open a file and take down its size and digest; None where it cannot be, or need not be, read."""
        if path in self._handles:
            return self._handles[path]
        if (known := self._recall(path)) is not None:
            self.found[path] = known
            return None
        assert self._opener is not None  # noqa: S101 - carry_out is only called with one
        handle = self._opener(path)
        self.counted.opened.append(path)
        try:
            stat = handle.open()
        except SourceError as error:
            self._refused(path, error, handle)
            return None
        before = self.found.get(path, FileFacts())
        size = stat.size if stat.size is not None else before.size
        self.found[path] = replace(before, size=size, digest=stat.digest or before.digest)
        if (known := self._recall(path)) is not None:
            self.found[path] = known
            return None
        self._handles[path] = handle
        return handle

    def _recall(self, path: str) -> FileFacts | None:
        facts = self.found.get(path)
        if facts is None or facts.digest is None or facts.estimate is not None:
            return None
        estimate = self._remembered(memory_key(facts.digest, self._hints))
        if estimate is None and self._hints.enough is not None:
            estimate = self._remembered(memory_key(facts.digest, self._hints, partial=True))
        if estimate is None:
            return None
        renamed = tuple(_moved(row, path) for row in estimate.evidence)
        return replace(facts, estimate=replace(estimate, evidence=renamed))

    def _refused(self, path: str, error: SourceError, handle: OpenableFile) -> None:
        self.counted.failures.append((path, error.code, str(error)))
        if isinstance(error, Refused) and error.code == "gated" and self._refresh is not None:
            # Files of a gated repository cannot be read, but their sizes stand on the model's page.
            refresh, self._refresh = self._refresh, None
            try:
                self.found = {**_sizes(refresh()), **{p: f for p, f in self.found.items() if f.size is not None}}
                self.found = {name: self._recall(name) or facts for name, facts in self.found.items()}
            except SourceError as failure:
                self.counted.failures.append((path, failure.code, str(failure)))
        before = self.found.get(path, FileFacts())
        if isinstance(before.estimate, Estimate):
            return  # refused, but the same bytes were read elsewhere
        miss = Unestimated(path, error.code, str(error), handle.requests, handle.bytes_read)
        self.found[path] = replace(before, estimate=miss)


def _moved(row: Evidence, path: str) -> Evidence:
    """A remembered row for the file at hand, which cost nothing; inside an archive, members keep their names."""
    _, inside, member = (row.file or "").partition("!")
    return replace(row, file=path + inside + member, requests=0, bytes_read=0)


def memory_key(digest: str, hints: Hints, *, partial: bool = False) -> str:
    """The key under which a file's count is remembered: its content, and all else that the count rests on.

    The same bytes under another repository's quantisation settings may stand for another number of weights. A count
    that stopped once it had passed a threshold serves for that threshold only.
    """
    key = f"{digest}:{RULES}" + (f":{hints.enough}" if partial else "")
    if hints.quantization is None:
        return key
    settings = msgspec.json.encode(hints.quantization, order="deterministic")
    return f"{key}:{hashlib.blake2b(settings, digest_size=8).hexdigest()}"


def _sizes(facts: ModelFacts) -> dict[str, FileFacts]:
    entries: Sequence[FileEntry] = facts.files or ()
    digests: Mapping[str, str] = facts.digests
    return {entry.path: FileFacts(size=entry.size, digest=digests.get(entry.path)) for entry in entries}


_UNKNOWN = Estimate(low=0, high=None, point=None, basis=Basis.NONE)
