"""Count one model: carry out the reads that the estimators' plan offers, and combine what was found.

The plan is pure (estimators/plan.py) and says which reads can still tell; here they are priced, the file is opened, its
digest is looked up among the files read before, and its header is read. Reading stops as soon as the interval lies on
one side of every threshold, unless the full count is wanted.

Opening a file costs a unit of quota, and tells its size and digest. Where several sizes are wanted, or the files are
behind a gate, the model's page tells all of them for one unit; where the headers of many shards are, the Hub tells them
at once for two (`Told`). A header that another worker is reading just now is waited for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec

from estimators import declared as declarations
from estimators.combine import FileFacts, combine
from estimators.descriptions import describe_file
from estimators.errors import EstimatorError
from estimators.formats.safetensors.told import ToldHeader
from estimators.interface import Basis, ByteReader, Estimate, Evidence, Hints, Unestimated
from estimators.names import from_name
from estimators.plan import Read, candidate_reads
from estimators.registry import estimate_file
from estimators.roles import Copy, FileEntry, Layout, layout
from estimators.shard_index import MAX_INDEX_BYTES, is_index_of, read_index
from scanner.errors import Refused, SourceError
from scanner.once import Once
from scanner.prices import AT_ONCE, PAGE, price_of

if TYPE_CHECKING:
    from scanner.facts import ModelFacts
    from scanner.ranges import Stat

RULES = 2  # raised with every change of how headers are counted, so that remembered counts are made anew
# Parts that may still be read, for each read of a batch: of larger batches the last reads may turn out not to matter.
PARTS_FOR_A_BATCH = 100
MAX_READS_PER_MODEL = 400  # a sharded model of 200 files, each opened and read; more is a hostile file list
KEPT_OUTCOMES = 4096  # of headers read in this run: copies are often uploaded, and downloaded, together
REASONS_TO_KEEP = frozenset({"malformed-file", "unknown-format"})  # of the bytes, so of all their copies
REPOSITORY_REFUSED = frozenset({"gated", "disabled", "not-found", "revision-not-found"})  # one file tells it for all

Outcome: TypeAlias = Estimate | Unestimated
ReadOnce: TypeAlias = Once[str, Outcome]


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
class Told:
    """The headers of a sharded model as the Hub itself tells them, and the model's page, asked for after them.

    Attributes:
        headers: JSON by the path of the shard.
        page: with sizes and digests; of the revision that is counted.
    """

    headers: Mapping[str, bytes]
    page: ModelFacts


AtOnce = Callable[[str], Told | None]


def read_once() -> ReadOnce:
    """A memory that lets one worker read a header and the others wait for it."""
    return Once(KEPT_OUTCOMES)


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


def recount_listed(facts: ModelFacts, counted: Counted) -> Counted:
    """The same of a model with the same files under another name or declaration, which need not be sorted again.

    Args:
        facts: what the listing would say.
        counted: what `count_listed` made of the same files.
    """
    declared = declared_evidence(facts)
    if facts.files is None:
        return replace(counted, estimate=_without_file_list(declared))
    return replace(counted, estimate=_combined(facts, counted.layout, counted.found, declared))


def count(
    facts: ModelFacts,
    opener: Opener | None,
    *,
    thresholds: Sequence[int],
    exact: bool = False,
    remembered: Remembered = lambda _: None,
    refresh: Callable[[], ModelFacts] | None = None,
    closed: bool = False,
    once: ReadOnce | None = None,
    at_once: AtOnce | None = None,
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
        refresh: asks the source for all file sizes and digests, where that is cheaper than to open the files, or where
            they cannot be opened (gated); called at most once.
        closed: it is known that no file can be opened.
        once: headers that are read, or just being read, by other workers.
        at_once: asks for the headers of all shards that an index names, given its path; None where they are not to be
            had for the revision that is counted.
        describe: read the configuration or card of a model whose weights are not there; it decides no verdict.
        most_reads: files read at most.
    """
    enough = None if exact else max(thresholds, default=None)
    work = _Work(facts, opener, remembered, refresh, once or read_once(), at_once, enough)
    work.closed = closed
    declared = declared_evidence(facts)
    estimate: Estimate | None = None
    if opener is not None:
        left = most_reads
        while left > 0:
            offered = candidate_reads(work.layout, work.found, declared, thresholds, exact=exact, describe=describe)
            if work.asks_for_many(offered, exact=exact):
                continue
            reads = work.chosen(offered, exact=exact)[:left]
            left -= len(reads)
            done = [work.carry_out(read) for read in reads]
            if not any(done):
                break
            if not exact and not describe and any(read.want == "header" for read in reads):
                estimate = work.combined(declared)
                if work.is_enough(estimate, thresholds):
                    break  # as the plan would say
                estimate = None
    work.counted.found = work.found
    work.counted.estimate = estimate or work.combined(declared)
    return work.counted


def _combined(
    facts: ModelFacts, layout: Layout, found: Mapping[str, FileFacts], declared: Sequence[Estimate]
) -> Estimate:
    named = from_name(facts.name.rpartition("/")[2])
    return combine(layout, found, declared, weak=[named] if named else [], description=facts.described)


def _without_file_list(declared: Sequence[Estimate]) -> Estimate:
    """Where the source named no files at all, a declaration bounds from below; there may be more than it is about."""
    best = max(declared, key=lambda estimate: estimate.low, default=_UNKNOWN)
    return replace(best, high=None, exact=False)


class _Work:
    """The state of counting one model.

    Attributes:
        closed: no file can be opened.
    """

    def __init__(
        self,
        facts: ModelFacts,
        opener: Opener | None,
        remembered: Remembered,
        refresh: Callable[[], ModelFacts] | None,
        once: ReadOnce,
        at_once: AtOnce | None,
        enough: int | None,
    ) -> None:
        self._facts = facts
        self._files, self._given = facts.files or (), facts.given
        self.layout = layout(self._files, self._given)
        self.found: dict[str, FileFacts] = _sizes(facts)
        self.counted = Counted(_UNKNOWN, self.layout)
        self.closed = False
        self._gated = bool(facts.gated)
        self._hints = Hints(quantization=facts.quantization, enough=enough)
        self._opener = opener
        self._remembered = remembered
        self._refresh = refresh
        self._once = once
        self._at_once = at_once
        self._handles: dict[str, OpenableFile] = {}
        self._done: set[Read] = set()
        self._refusal: SourceError | None = None

    def chosen(self, offered: Sequence[Read], *, exact: bool) -> Sequence[Read]:
        """The reads to make next: the cheapest of those offered, in their order; all where all have to be made."""
        if exact or len(offered) < 2:
            return offered
        most = max(1, len(offered) // PARTS_FOR_A_BATCH)
        return sorted(offered, key=lambda read: price_of(read.path, opened=read.path in self._handles))[:most]

    def combined(self, declared: Sequence[Estimate]) -> Estimate:
        """The interval by all that is known."""
        facts = self._facts
        if facts.files is None:
            return _without_file_list(declared)
        return _combined(facts, self.layout, self.found, declared)

    def is_enough(self, estimate: Estimate, thresholds: Sequence[int]) -> bool:
        """Whether a side of every threshold is known, and no other file can be in the way of it."""
        sides = [estimate.side(threshold) for threshold in thresholds]
        return None not in sides and not self._given and (all(sides) or not self.layout.unsettled)

    # One request for many files ----------------------------------------------------------------------------------

    def asks_for_many(self, offered: Sequence[Read], *, exact: bool) -> bool:
        """Ask for the page, or for all headers at once, where that is cheaper than the reads offered; False if not."""
        if not offered:
            return False
        if self._refresh is not None and self._page_is_cheaper(offered, exact=exact):
            return self._ask_page(offered[0].path)
        return self._at_once is not None and not self.closed and self._ask_at_once(offered, exact=exact)

    def _page_is_cheaper(self, offered: Sequence[Read], *, exact: bool) -> bool:
        if self.closed or self._gated:
            # Whoever may open the files needs no page to count them exactly.
            return (self.closed or not exact) and any(facts.size is None for facts in self.found.values())
        if exact or offered[0].want != "size":
            return False
        unsettled = {entry.path for entry in self.layout.unsettled}
        if offered[0].path in unsettled:
            return sum(self.found[path].size is None for path in unsettled) > PAGE
        # Of the first part the size comes with what else the file tells; and often it decides.
        unsized = sum(read.want == "size" and self.found[read.path].size is None for read in offered)
        return bool(self.counted.opened) and unsized > PAGE + 1

    def _ask_page(self, path: str) -> bool:
        """Take down the sizes and digests that stand on the model's page; False where it could not be had."""
        if self._refresh is None:
            return False
        refresh, self._refresh = self._refresh, None
        try:
            self._take(refresh())
        except SourceError as error:
            self.counted.failures.append((path, error.code, str(error)))
            return False
        return True

    def _take(self, page: ModelFacts) -> None:
        """Know the files by the model's page, and what was found out of them besides."""
        if page.files is None:
            return
        known = {path: facts for path, facts in self.found.items() if facts.size is not None}
        self.found = {**_sizes(page), **known}
        self._files = page.files
        self._sort()

    def _sort(self) -> None:
        """Sort the files anew by all that is known."""
        indexes = [facts.index for facts in self.found.values() if facts.index is not None]
        self.layout = self.counted.layout = layout(self._files, self._given, indexes)

    def _ask_at_once(self, offered: Sequence[Read], *, exact: bool) -> bool:
        """Take down the headers of all shards of a copy as the Hub tells them; False where none were to be had."""
        wanted = {read.path for read in offered if read.want in {"size", "header"}}
        for copy in (
            copy for part in self.layout.components for copy in part.copies if not wanted.isdisjoint(copy.paths)
        ):
            index = self._index_of(copy)
            if index is None or self._shards_to_read(copy, exact=exact) <= AT_ONCE:
                continue
            assert self._at_once is not None  # noqa: S101 - asked for by its caller
            ask, self._at_once = self._at_once, None  # what an index or the Hub got wrong once is not tried again
            told = ask(index)
            if told is None:
                return False
            self._take(told.page)
            outcomes = {path: self._told(path, told) for path in copy.paths}
            for path, outcome in outcomes.items():
                if outcome is not None and self.found[path].estimate is None:
                    self.found[path] = replace(self.found[path], estimate=outcome)
                    self._note(path, self.found[path].digest, outcome)
            return any(outcomes.values())
        return False

    def _index_of(self, copy: Copy) -> str | None:
        if copy.format.name != "safetensors" or len(copy.files) < 2:
            return None
        return next((path for path in self.layout.roles if is_index_of(path, copy.paths)), None)

    def _shards_to_read(self, copy: Copy, *, exact: bool) -> int:
        """How many shards would have to be opened; where a side is enough, if all hold what those read so far do."""
        read = [facts.estimate for path in copy.paths if (facts := self.found.get(path)) and facts.estimate]
        left = len(copy.files) - len(read)
        if exact or self._hints.enough is None:
            return left
        sure = sum(estimate.low for estimate in read if isinstance(estimate, Estimate))
        return min(left, (self._hints.enough - sure) * len(read) // sure + 1) if sure else 0

    def _told(self, path: str, told: Told) -> Estimate | None:
        """What a header that the Hub tells amounts to; None where it is not told, or not to be believed."""
        header, size = told.headers.get(path), self.found[path].size
        if header is None or size is None:
            return None
        try:
            outcome = estimate_file(ToldHeader(path, header, size), self._hints)
        except EstimatorError:
            return None
        return outcome if isinstance(outcome, Estimate) and outcome.exact else None

    # One read ----------------------------------------------------------------------------------------------------

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
            self.found[path] = replace(known, estimate=self._estimate(path, handle, known.digest))
            del self._handles[path]  # with the blocks it keeps: a model may have hundreds of shards
        return True

    def _estimate(self, path: str, handle: OpenableFile, digest: str | None) -> Outcome:
        """What a file holds: read, or as another worker reads the same bytes."""
        if digest is None:
            result = estimate_file(handle, self._hints)
            self._note(path, None, result)
            return result
        own = False

        def read() -> tuple[Outcome, bool]:
            nonlocal own
            own = True
            result = estimate_file(handle, self._hints)
            return result, isinstance(result, Estimate) or result.reason in REASONS_TO_KEEP

        result = self._once.get(memory_key(digest, self._hints, partial=self._hints.enough is not None), read)
        if not own:
            result = _elsewhere(result, path)
        self._note(path, digest if own else None, result)
        return result

    def _read_index(self, path: str, handle: OpenableFile) -> None:
        """Take down which files an index names, and sort the files anew."""
        known = self.found[path]
        try:
            index = read_index(path, handle.read(0, min(known.size or MAX_INDEX_BYTES + 1, MAX_INDEX_BYTES + 1)))
        except EstimatorError as error:
            self.found[path] = replace(known, estimate=Unestimated(path, error.reason, str(error)))
            return
        self.found[path] = replace(known, index=index)
        self._sort()

    def _note(self, path: str, digest: str | None, result: Outcome) -> None:
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
        if self.closed:
            self._leave(path)
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
        return None if estimate is None else replace(facts, estimate=_renamed(estimate, path))

    def _refused(self, path: str, error: SourceError, handle: OpenableFile) -> None:
        self.counted.failures.append((path, error.code, str(error)))
        if isinstance(error, Refused) and error.code in REPOSITORY_REFUSED:
            self.closed, self._refusal = True, error
            if error.code == "gated":
                # Files of a gated repository cannot be read, but their sizes stand on the model's page.
                self._ask_page(path)
            if (known := self._recall(path)) is not None:
                self.found[path] = known  # refused, but the same bytes were read elsewhere
                return
        before = self.found.get(path, FileFacts())
        miss = Unestimated(path, error.code, str(error), handle.requests, handle.bytes_read)
        self.found[path] = replace(before, estimate=miss)

    def _leave(self, path: str) -> None:
        """Note that a file is not opened, because none of the repository is; why is told once."""
        if self._refusal is None:
            self._refusal = Refused("gated", "the model is gated, and without a token that has access no file is read")
            self.counted.failures.append(("", self._refusal.code, str(self._refusal)))
        miss = Unestimated(path, self._refusal.code, str(self._refusal))
        self.found[path] = replace(self.found.get(path, FileFacts()), estimate=miss)


def _elsewhere(result: Outcome, path: str) -> Outcome:
    """What the same bytes were found to hold, as a file of this name."""
    if isinstance(result, Estimate):
        return _renamed(result, path)
    return replace(result, file=path, message=path + result.message.removeprefix(result.file), requests=0, bytes_read=0)


def _renamed(estimate: Estimate, path: str) -> Estimate:
    return replace(estimate, evidence=tuple(_moved(row, path) for row in estimate.evidence))


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
