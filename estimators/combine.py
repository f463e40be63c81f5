"""Many pieces of evidence to one interval for a repository.

Each component is counted from its best copy that was read; what was not read is bounded by its size. Components add up.
What the Hub declares is applied to the copy it describes and to no other. Other copies, and files that hold a whole
pipeline again, are cross-checks: they never add to the count, and where they contradict it the report says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from estimators.bounds import (
    BYTES_PER_PARAMETER_AT_MOST,
    NOTHING_KNOWN,
    ZERO,
    Interval,
    greatest,
    interval_of,
    size_interval,
)
from estimators.copies import (
    CopyCount,
    FileFacts,
    Report,
    count_copy,
    described_copies,
    differ,
    digests_of,
    shown,
    size_of,
    with_declared,
)
from estimators.filetypes import LARGEST_NAMED_BYTES, format_of
from estimators.interface import Basis, Estimate, Evidence
from estimators.roles import SMALL_UNKNOWN_BYTES, Component, Copy, FileEntry, Layout, Role, Tier
from estimators.shard_index import ShardIndex, coverage

__all__ = ["FileFacts", "add_up", "combine", "count_components", "large_unknown"]

# Exports of the same weights store tied tensors twice and leave buffers out: by no more than this factor either way.
EXPORT_SLACK = 2
# The rule for file sizes allows 32 bytes for a weight; without an optimizer it has eight at most.
WITHOUT_MOMENTS = 4
# What copies of tiny models hold besides weights, 1 MiB of graph and names, by the rule for file sizes.
CONTAINER_SLACK = 1024 * 1024 // BYTES_PER_PARAMETER_AT_MOST

# A file that nothing recognises counts as possible weights from this part of the recognised ones' bytes on; many
# repositories have smaller ones, which move no answer that matters.
UNKNOWN_SHARE = 10

# Adapters under the names that peft, diffusers, MLX and textual inversion give them.
_LIBRARY_ADAPTER = re.compile(r"adapter_model|adapters?\.|pytorch_lora_weights|pytorch_adapter|learned_embeds")

# Formats that also hold data: embeddings of texts, histories, features.
_FORMATS_OF_DATA = frozenset({"numpy", "numpy-zip", "pickle"})

Counted = tuple[Component, CopyCount]


def combine(
    layout: Layout,
    facts: Mapping[str, FileFacts],
    declared: Sequence[Estimate],
    *,
    weak: Sequence[Estimate] = (),
    description: bool = False,
) -> Estimate:
    """One estimate for a repository.

    Args:
        layout: its files, sorted.
        facts: what is known about files, by path; any may be missing.
        declared: what the listing says (`declared.py`); it narrows what sizes leave open.
        weak: what names say (`names.py`), the best first: shown where the interval is open, and a point where there is
            none; it never bounds anything.
        description: whether a configuration, adapter configuration or card describes a model, so that a repository
            without weight files does not count as empty.
    """
    report = Report()
    report.take(declared)
    if not layout.components:
        return _without_weights(layout, facts, declared, report, description=description)
    counts = count_components(layout, facts, declared, report)
    interval, point = add_up([(component, count.interval, count.point) for component, count in counts])
    for known in facts.values():
        if known.index is not None:
            _compare_with_index(known.index, layout, report)
    unsure = ", ".join(repr(component.name) for component, _ in counts if not component.certain)
    if unsure:
        report.find("parts-or-versions", f"parts of the model, or versions of it: {unsure[:200]}")
    before = interval
    interval, settled = _set_adapters_aside(interval, layout, facts, report)
    if interval != before:
        point = None  # what the model is, is open
    interval = _widen_for_unknown(interval, layout, facts, report)
    interval = _check_whole(layout, facts, interval, report)
    everything = [estimate for _, count in counts for estimate in count.estimates]
    if interval.low != interval.high:
        report.take(weak)
        point = point if point is not None else _point_of(weak, interval)
    read = all(count.read for _, count in counts)
    return Estimate(
        low=interval.low,
        high=interval.high,
        point=point if point is not None and point in interval else None,
        basis=_basis(counts),
        exact=settled and interval.low == interval.high == point and all(count.exact for _, count in counts),
        stored_elements=_total([estimate.stored_elements for estimate in everything]) if read else None,
        buffers=_total([estimate.buffers for estimate in everything]) if read else None,
        components={c.name: n.point for c, n in counts if n.point is not None} if len(counts) > 1 else {},
        evidence=tuple(report.evidence),
        findings=tuple(report.findings),
    )


def _compare_with_index(index: ShardIndex, layout: Layout, report: Report) -> None:
    """What an index of shards names and is not there, or the other way round."""
    found = coverage(index, layout.roles)
    if found.missing:
        report.find("index-names-missing-files", f"{index.path} names {len(found.missing)} files that are not there")
    if found.present and found.unnamed:
        told = ", ".join(found.unnamed[:3])
        report.find(
            "index-leaves-files-out", f"{index.path} does not name {len(found.unnamed)} files beside it: {told}"
        )


def _point_of(weak: Sequence[Estimate], interval: Interval) -> int | None:
    """The best number that names or cards offer inside the interval."""
    return next((e.point for e in weak if e.point is not None and e.point in interval), None)


def count_components(
    layout: Layout, facts: Mapping[str, FileFacts], declared: Sequence[Estimate], report: Report
) -> list[Counted]:
    """Every component with the count of its best copy; components of the same bytes are counted once."""
    described = described_copies(layout, declared)
    seen: dict[tuple[str, ...], str] = {}
    counts = []
    for component in layout.components:
        digests = digests_of(component.copies[0], facts)
        if digests and digests in seen:
            report.find("same-bytes", f"{component.name!r} has the same bytes as {seen[digests]!r}")
            continue
        seen[digests] = component.name
        counts.append((component, _count_component(component, facts, described, report)))
    return counts


def add_up(parts: Sequence[tuple[Component, Interval, int | None]]) -> tuple[Interval, int | None]:
    """Interval and point of a model.

    Certain components add up. Of the others the largest is held at least (it may be the model, with the rest as its
    versions), and all of them at most; no number between is better than another, so there is no point. Arrays and
    pickles beside files of a format that only holds models may be data: they prove nothing.
    """
    total = unsure = ZERO
    largest = 0
    models = any(not _may_be_data(component) for component, _, _ in parts)
    for component, interval, _ in parts:
        if component.certain:
            total += interval
        else:
            unsure += interval
            largest = largest if models and _may_be_data(component) else max(largest, interval.low)
    whole = Interval(max(total.low, largest), (total + unsure).high)
    if len(parts) == 1 or all(component.certain for component, _, _ in parts):
        return whole, _total([point for _, _, point in parts])
    return whole, whole.low if whole.low == whole.high else None


def _may_be_data(component: Component) -> bool:
    return component.copies[0].format.name in _FORMATS_OF_DATA


def _count_component(
    component: Component, facts: Mapping[str, FileFacts], described: Mapping[Copy, Sequence[Estimate]], report: Report
) -> CopyCount:
    """The count of a component's best copy, by another copy where that one was read, checked against the others."""
    counts = [
        (copy, with_declared(count_copy(copy, facts), described.get(copy, ()), report)) for copy in component.copies
    ]
    best, count = counts[0]
    report.take(count.estimates)
    for finding in count.findings:
        report.find(finding.code, finding.message)
    if not count.read and not described.get(best):
        others = [pair for pair in counts[1:] if pair[1].read] or [
            pair for pair in counts[1:] if described.get(pair[0])
        ]
        if others:
            report.take(others[0][1].estimates)
            count = _borrow(count, others[0][1], best, others[0][0], report)
    return _cross_check(best, count, counts[1:], report)


def _borrow(count: CopyCount, other: CopyCount, best: Copy, copy: Copy, report: Report) -> CopyCount:
    """The preferred copy's count by another copy's: the same weights, stored a little differently."""
    claim = other.interval
    if best.format.tier is not copy.format.tier:
        claim = Interval(claim.low // EXPORT_SLACK, None if claim.high is None else claim.high * EXPORT_SLACK)
    # Of a file that was not read, a part of the size may be graph and names.
    possible = Interval(max(0, count.interval.low - CONTAINER_SLACK), count.interval.high)
    both = claim.intersection(possible)
    if both is None:
        report.find(
            "copies-disagree",
            f"{copy.files[0].path} holds {shown(other.interval)} parameters,"
            f" {best.files[0].path} {shown(count.interval)}",
        )
        return replace(count, interval=count.interval.hull(claim))
    return replace(count, interval=both, point=other.point if other.point is not None and other.point in both else None)


def _cross_check(best: Copy, count: CopyCount, others: Sequence[tuple[Copy, CopyCount]], report: Report) -> CopyCount:
    """Compare with the other copies; one that is too large to be a copy widens the interval."""
    for copy, other in others:
        told = f"{best.files[0].path} holds {shown(count.interval)} parameters, {copy.files[0].path}"
        far_more = _is_far_more(other.interval.low, count.interval.high) or _is_large_export(copy, other, count)
        if count.read and other.read and differ(count.point, other.point):
            report.find("copies-disagree", f"{told} {shown(other.interval)}")
        elif far_more:
            report.find("copies-disagree", f"{told} at least {other.interval.low}")
        else:
            continue
        if far_more:
            wider = Interval(count.interval.low, greatest(count.interval.high, other.interval.high))
            count = replace(count, interval=wider, exact=False)
    return count


def _is_far_more(low: int, high: int | None) -> bool:
    """Whether a copy of at least `low` parameters cannot be one of weights of at most `high`."""
    return high is not None and low > EXPORT_SLACK * high + CONTAINER_SLACK


def _is_large_export(copy: Copy, other: CopyCount, count: CopyCount) -> bool:
    """Whether an export that was not read is too large for a copy's weights: no optimizer's moments lie in it."""
    sized = not other.read and other.narrowed_by is None  # what is declared about it says nothing of its size
    if not sized or copy.format.tier is not Tier.EXPORT or count.interval.high is None:
        return False
    return other.interval.low > (EXPORT_SLACK * count.interval.high) // WITHOUT_MOMENTS + CONTAINER_SLACK


def _set_adapters_aside(
    interval: Interval, layout: Layout, facts: Mapping[str, FileFacts], report: Report
) -> tuple[Interval, bool]:
    """The interval beside adapters, and whether they are settled: adapters are smaller than what they adapt.

    What is named as an adapter and is larger than the rest is a merged model, or the model itself: it may count.
    """
    if not layout.adapters:
        return interval, True
    settled = True
    widened = interval
    weights = _total([size_of(entry, facts) for part in layout.components for entry in part.copies[0].files])
    for copy in layout.adapters:
        count = count_copy(copy, facts)
        size = _total([size_of(entry, facts) for entry in copy.files])
        larger = size is not None and weights is not None and size > weights
        if count.read:
            larger = count.interval.low > interval.low
        if larger or (interval.high is not None and count.interval.low > interval.high):
            report.take(count.estimates)
            report.find(
                "adapter-larger-than-weights",
                f"{copy.files[0].path}, an adapter by its name, is larger than the other weights",
            )
            widened += Interval(0, count.interval.high)
        elif size is None and not count.read and not is_certain_adapter(copy):
            settled = False
    if widened == interval:
        report.find(
            "adapter-beside-weights", f"{layout.adapters[0].files[0].path} is set aside: full weights are present"
        )
    return widened, settled


def is_certain_adapter(copy: Copy) -> bool:
    """Whether a library names its adapters so; `merged_lora` holds a word that full weights may carry, too."""
    return bool(_LIBRARY_ADAPTER.match(copy.files[0].path.rpartition("/")[2].lower()))


def large_unknown(layout: Layout, facts: Mapping[str, FileFacts]) -> list[FileEntry]:
    """Unrecognised files so large beside the recognised weights that they may hold a part of the model that matters."""
    if not layout.unsettled and not layout.named:
        return []
    files = (entry for part in layout.components for copy in part.copies for entry in copy.files)
    recognised = sum(size_of(entry, facts) or 0 for entry in files)
    smallest = dict.fromkeys(layout.unsettled, max(recognised // UNKNOWN_SHARE, SMALL_UNKNOWN_BYTES))
    smallest |= dict.fromkeys(layout.named, max(recognised, LARGEST_NAMED_BYTES))
    return [entry for entry, most in smallest.items() if (size_of(entry, facts) or 0) > most]


def _widen_for_unknown(interval: Interval, layout: Layout, facts: Mapping[str, FileFacts], report: Report) -> Interval:
    """What unrecognised files may add: what they were found to hold, or anything."""
    for entry in large_unknown(layout, facts):
        known = facts.get(entry.path)
        if known is not None and isinstance(known.estimate, Estimate):
            report.take([known.estimate])
            interval += Interval(0, known.estimate.high)
            if known.estimate.high != 0:
                report.find("weights-under-another-name", f"{entry.path} holds {shown(interval_of(known.estimate))}")
        else:
            size = size_of(entry, facts)
            report.find("unknown-format", f"{entry.path} of {size} bytes is not recognised and may hold weights, too")
            interval += Interval(0, size_interval(size, compressed=format_of(entry.path).compressed).high)
    return interval


def _check_whole(layout: Layout, facts: Mapping[str, FileFacts], interval: Interval, report: Report) -> Interval:
    """A single file beside a pipeline's folders holds all of it again or a part; one that holds far more widens."""
    for copy in layout.whole:
        whole = count_copy(copy, facts).interval
        if _is_far_more(whole.low, interval.high):
            report.find(
                "copies-disagree",
                f"{copy.files[0].path} holds {shown(whole)} parameters, the folders {shown(interval)}",
            )
            interval = Interval(interval.low, greatest(interval.high, whole.high))
    return interval


def _without_weights(
    layout: Layout,
    facts: Mapping[str, FileFacts],
    declared: Sequence[Estimate],
    report: Report,
    *,
    description: bool,
) -> Estimate:
    """A repository in which no file is recognised as weights by its name."""
    total, point, exact, unsettled = _count_unknown(layout, facts, report)
    claimed = any(estimate.low or estimate.point for estimate in declared)
    if claimed:
        report.find("declared-without-weights", "the Hub declares parameters, but no file is a weight file")
    if unsettled or claimed:
        return _collected(Interval(total.low, None), None, Basis.NONE, report)
    if total != ZERO:
        return _collected(total, point, _basis_of_unknown(layout, facts), report, exact=exact)
    described = _described(layout, facts)
    if described is not None:
        report.take([described])
        return _collected(interval_of(described), described.point, Basis.NO_WEIGHTS, report)
    if description:
        report.evidence[_row("no file is a weight file; a configuration describes a model", None)] = None
        return _collected(NOTHING_KNOWN, None, Basis.NO_WEIGHTS, report)
    report.evidence[_row("no file is a weight file", 0)] = None
    return _collected(ZERO, 0, Basis.NO_WEIGHTS, report, exact=True)


def _row(note: str, count: int | None) -> Evidence:
    return Evidence(Basis.NO_WEIGHTS, None, 0, count, count, note=note)


def _count_unknown(
    layout: Layout, facts: Mapping[str, FileFacts], report: Report
) -> tuple[Interval, int | None, bool, bool]:
    """What files of unknown names hold: interval, point, whether it is exact, and whether one may hold anything."""
    total, points, exact, unsettled = ZERO, 0, True, False
    for entry in dict.fromkeys((*layout.given, *layout.unknown, *layout.unsettled, *_large_named(layout, facts))):
        known = facts.get(entry.path)
        size = size_of(entry, facts)
        if known and isinstance(known.estimate, Estimate):  # its bytes told what its name did not
            report.take([known.estimate])
            total += interval_of(known.estimate)
            points += known.estimate.point or 0
            exact = exact and known.estimate.exact
        elif _is_recognised(entry, layout):
            continue
        elif size is None or size > SMALL_UNKNOWN_BYTES:
            unsettled = True
            length = "of unknown size" if size is None else f"of {size} bytes"
            why = "is too large for what its name says" if entry in layout.named else "is not recognised"
            report.find("unknown-format", f"{entry.path} {length} {why}")
    return total, points if exact else None, exact, unsettled


def _is_recognised(entry: FileEntry, layout: Layout) -> bool:
    """Whether a file that was opened all the same is what its name says, as its bytes say nothing else."""
    return entry in layout.given and layout.roles[entry.path] is not Role.UNKNOWN


def _large_named(layout: Layout, facts: Mapping[str, FileFacts]) -> list[FileEntry]:
    return [entry for entry in layout.named if (size_of(entry, facts) or 0) > LARGEST_NAMED_BYTES]


def _basis_of_unknown(layout: Layout, facts: Mapping[str, FileFacts]) -> Basis:
    found = [known.estimate for entry in (*layout.given, *layout.unknown) if (known := facts.get(entry.path))]
    bases = {estimate.basis for estimate in found if isinstance(estimate, Estimate) and estimate.high != 0}
    return bases.pop() if len(bases) == 1 else Basis.COMBINED


def _described(layout: Layout, facts: Mapping[str, FileFacts]) -> Estimate | None:
    """What a configuration or card says about a model whose weights are not here."""
    found = (known.estimate for entry in layout.descriptions if (known := facts.get(entry.path)))
    return next((estimate for estimate in found if isinstance(estimate, Estimate)), None)


def _collected(interval: Interval, point: int | None, basis: Basis, report: Report, *, exact: bool = False) -> Estimate:
    """An estimate with all evidence so far, for a repository without recognised weights."""
    if not report.evidence:
        row = Evidence(basis, None, interval.low, point, interval.high, note="no weights were recognised")
        report.evidence[row] = None
    nothing = exact and interval == ZERO
    return Estimate(
        interval.low,
        interval.high,
        point if point is not None and point in interval else None,
        basis,
        exact=exact and interval.low == interval.high,
        stored_elements=0 if nothing else None,
        buffers=0 if nothing else None,
        evidence=tuple(report.evidence),
        findings=tuple(report.findings),
    )


def _basis(counts: Sequence[Counted]) -> Basis:
    """The common basis of all pieces; a declaration's where it narrows files that were not read."""
    bases: set[Basis] = set()
    for _, count in counts:
        bases |= {count.narrowed_by} if count.narrowed_by else {estimate.basis for estimate in count.estimates}
    return bases.pop() if len(bases) == 1 else Basis.COMBINED


def _total(numbers: Sequence[int | None]) -> int | None:
    """Sum of numbers; None unless all are known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None
