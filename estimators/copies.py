"""One copy of a component's weights: what its files, their sizes and the Hub's declarations allow it to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from estimators.bounds import NOTHING_KNOWN, ZERO, Interval, from_size, interval_of, size_interval
from estimators.filetypes import Trust, format_of, trust_of
from estimators.interface import Basis, Estimate, Evidence, Finding, Unestimated
from estimators.roles import Copy, FileEntry, Layout
from estimators.shard_index import ShardIndex

# A difference between two numbers that is worth a finding: one in a thousand.
WORTH_A_FINDING = 1000
MAX_FINDINGS = 100  # a repository of 10,000 odd files needs no 10,000 sentences
# Reasons for which a file may hold no weights at all, whatever its name says.
NOT_THE_FORMAT = frozenset({"malformed-file", "unknown-format"})

_ROOT_MODEL = re.compile(r"model(?:-\d+-of-\d+)?\.safetensors\Z")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known about one file besides its name.

    Attributes:
        size: bytes; None where unknown.
        digest: sha256 or git blob id; equal digests are the same bytes. None where unknown.
        estimate: the outcome of reading it; None where it was not tried.
        index: what it says of shards, where it is an index that was read.
    """

    size: int | None = None
    digest: str | None = None
    estimate: Estimate | Unestimated | None = None
    index: ShardIndex | None = None


@dataclass(frozen=True, slots=True)
class CopyCount:
    """One copy's count.

    Attributes:
        interval: parameters.
        point: best single number, or None.
        read: whether every file of a complete copy was read.
        exact: whether every tensor was seen and left one answer.
        estimates: of its files.
        findings: about this copy.
        narrowed_by: the declaration that narrowed what the sizes allow.
    """

    interval: Interval
    point: int | None
    read: bool
    exact: bool
    estimates: tuple[Estimate, ...]
    findings: tuple[Finding, ...] = ()
    narrowed_by: Basis | None = None


@dataclass(slots=True)
class Report:
    """Evidence and findings as they come, each once and in order."""

    evidence: dict[Evidence, None] = field(default_factory=dict)
    findings: dict[Finding, None] = field(default_factory=dict)

    def take(self, estimates: Iterable[Estimate]) -> None:
        """Note the evidence and findings of estimates."""
        for estimate in estimates:
            for row in estimate.evidence:
                if (
                    row.low or row.high is not None or row.requests
                ):  # a file of unknown size, not looked at, tells nothing
                    self.evidence.setdefault(row)
            for finding in estimate.findings:
                self.find(finding.code, finding.message)

    def find(self, code: str, message: str) -> None:
        """Note one finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.setdefault(Finding(code, message))


def shown(interval: Interval) -> str:
    """An interval for a sentence."""
    if interval.low == interval.high:
        return str(interval.low)
    return f"{interval.low}..{'' if interval.high is None else interval.high}"


def differ(first: int | None, second: int | None) -> bool:
    """Whether two known numbers differ by enough to be reported."""
    return first is not None and second is not None and abs(first - second) * WORTH_A_FINDING > max(first, second)


def size_of(entry: FileEntry, facts: Mapping[str, FileFacts]) -> int | None:
    """A file's size by what was learnt about it, else by the list."""
    known = facts.get(entry.path)
    return entry.size if known is None or known.size is None else known.size


def digests_of(copy: Copy, facts: Mapping[str, FileFacts]) -> tuple[str, ...]:
    """Digests of a copy's files, sorted; empty unless all are known."""
    digests = [known.digest for entry in copy.files if (known := facts.get(entry.path)) and known.digest]
    return tuple(sorted(digests)) if len(digests) == len(copy.files) else ()


def count_copy(copy: Copy, facts: Mapping[str, FileFacts]) -> CopyCount:
    """Add up a copy's files: what was read as read, the rest as its sizes bound it; its tables tell all of it."""
    told = _count_by_tables(copy, facts)
    return told if told is not None else _count_by_files(copy, facts)


def _count_by_tables(copy: Copy, facts: Mapping[str, FileFacts]) -> CopyCount | None:
    """The count that a copy's tables state, checked against what its files can hold; None where one was not read."""
    outcomes = [known.estimate if (known := facts.get(entry.path)) else None for entry in copy.tables]
    estimates = [outcome for outcome in outcomes if isinstance(outcome, Estimate)]
    if not copy.tables or len(estimates) < len(copy.tables):
        return None
    total = _sum(interval_of(estimate) for estimate in estimates)
    points = [estimate.point for estimate in estimates if estimate.point is not None]
    point = sum(points) if len(points) == len(estimates) else None
    possible = _possible(copy, facts)
    both = total.intersection(possible)
    findings: tuple[Finding, ...] = ()
    if both is None:
        told = f"{copy.tables[0].path} states {shown(total)} parameters, the files beside it allow {shown(possible)}"
        findings = (Finding("table-contradicts-size", told),)
        both, point = total.hull(possible), None
    exact = all(estimate.exact for estimate in estimates) and both.low == both.high
    point = point if point is not None and point in both else None
    return CopyCount(both, point, True, exact, tuple(estimates), findings)


def _possible(copy: Copy, facts: Mapping[str, FileFacts]) -> Interval:
    """What the bytes beside a copy's tables can hold; anything where there are none, or where tables hold weights."""
    tables = {entry.path for entry in copy.tables}
    payload = [entry for entry in copy.files if entry.path not in tables]
    if not payload or len(payload) < len(copy.files) or not copy.complete:
        return NOTHING_KNOWN
    return _sum(size_interval(size_of(entry, facts), compressed=copy.format.compressed) for entry in payload)


def _sum(intervals: Iterable[Interval]) -> Interval:
    total = ZERO
    for interval in intervals:
        total += interval
    return total


def _count_by_files(copy: Copy, facts: Mapping[str, FileFacts]) -> CopyCount:
    estimates: list[Estimate] = []
    findings: list[Finding] = []
    total = ZERO
    own = frozenset(copy.files)
    for entry in dict.fromkeys((*copy.files, *copy.tables)):
        known = facts.get(entry.path)
        outcome = known.estimate if known else None
        if isinstance(outcome, Unestimated):
            findings.append(Finding(outcome.reason, outcome.message))
        if entry not in own:
            continue
        if not isinstance(outcome, Estimate):
            outcome = _bound(copy, entry, size_of(entry, facts), outcome)
        estimates.append(outcome)
        total += interval_of(outcome)
    read = copy.complete and all(estimate.basis is not Basis.FILE_SIZE for estimate in estimates)
    for entry in copy.data:
        total += Interval(0, size_interval(size_of(entry, facts), compressed=False).high)
    if not copy.complete:
        total = Interval(total.low, None)
        findings.append(Finding("incomplete-shards", f"{copy.files[0].path}: other shards are missing from the list"))
    points = [estimate.point for estimate in estimates if estimate.point is not None]
    point = sum(points) if read and len(points) == len(estimates) else None
    exact = read and all(estimate.exact for estimate in estimates) and not copy.replicated
    if copy.replicated:
        total = Interval(max(estimate.low for estimate in estimates), total.high)
    return CopyCount(total, point, read, exact, tuple(estimates), tuple(findings))


def _bound(copy: Copy, entry: FileEntry, size: int | None, failure: Unestimated | None) -> Estimate:
    """What a file's size allows; from 0 on where its bytes, or its name, may be about something else."""
    bound = from_size(entry.path, size, copy.format.compressed or format_of(entry.path).compressed)
    failed = failure is not None and failure.reason in NOT_THE_FORMAT
    if not failed and trust_of(entry.path) is not Trust.WORD:
        return bound
    requests, bytes_read = (failure.requests, failure.bytes_read) if failed and failure else (0, 0)
    rows = tuple(replace(row, low=0, requests=requests, bytes_read=bytes_read) for row in bound.evidence)
    return replace(bound, low=0, evidence=rows)


def described_copies(layout: Layout, declared: Sequence[Estimate]) -> dict[Copy, list[Estimate]]:
    """Which copies each declaration is about; a declaration that could be about several networks is about none.

    The `safetensors` block describes `model.safetensors` at the root or its shards, else the only safetensors copy;
    `gguf.total` describes one of the GGUF files, so it is used where all of them hold the same network.
    """
    described: dict[Copy, list[Estimate]] = {}
    for estimate in declared:
        for copy in _subjects(layout, estimate.basis):
            described.setdefault(copy, []).append(estimate)
    return described


def _subjects(layout: Layout, basis: Basis) -> list[Copy]:
    wanted = {Basis.HUB_SAFETENSORS: "safetensors", Basis.HUB_GGUF: "gguf"}.get(basis)
    found = [
        (component.name, copy)
        for component in layout.components
        for copy in component.copies
        if copy.format.name == wanted and copy.complete
    ]
    if wanted == "safetensors":
        at_root = [copy for _, copy in found if _ROOT_MODEL.match(copy.files[0].path)]
        return at_root[:1] or ([found[0][1]] if len(found) == 1 else [])
    networks = {name for name, _ in found if not name.endswith("mmproj")}
    return [copy for name, copy in found if name in networks] if len(networks) == 1 else []


def with_declared(count: CopyCount, declared: Sequence[Estimate], report: Report) -> CopyCount:
    """Narrow a copy that was not read by what is declared about it; compare where it was read."""
    for estimate in declared:
        if count.read:
            _compare(count, estimate, report)
        else:
            count = _narrow(count, estimate, report)
    return count


def _compare(count: CopyCount, declared: Estimate, report: Report) -> None:
    stored = sum(one.stored_elements or 0 for one in count.estimates)
    claims = [row.point for row in declared.evidence if row.point is not None]
    if any(differ(number, count.point) and differ(number, stored) for number in claims):
        told = ", ".join(map(str, claims))
        report.find("declared-disagrees", f"declared {told}; the headers hold {count.point} ({stored} elements stored)")


def _narrow(count: CopyCount, declared: Estimate, report: Report) -> CopyCount:
    claim = interval_of(declared)
    both = claim.intersection(count.interval)
    if both is None:
        report.find("declared-contradicts-size", f"declared {shown(claim)}, the files allow {shown(count.interval)}")
        both = claim.hull(count.interval)
    point = declared.point if declared.point is not None and declared.point in both else count.point
    narrowed = declared.basis if both != count.interval else count.narrowed_by
    return replace(count, interval=both, point=point, narrowed_by=narrowed)
