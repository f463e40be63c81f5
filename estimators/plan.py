"""The reads that can still move a model's interval to one side of every threshold.

Costs, cheapest first: a size (one redirect, not followed) and a header (the same redirect, and ranges behind it, which
cost nothing more on the Hub). A header read brings the size along; so a size that did not decide is followed by the
same file's header.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from estimators.bounds import Interval
from estimators.combine import add_up, combine, count_components, is_certain_adapter, large_unknown
from estimators.copies import CopyCount, FileFacts, Report, size_of
from estimators.filetypes import format_of
from estimators.interface import Estimate
from estimators.registry import reader_by_name
from estimators.roles import SMALL_UNKNOWN_BYTES, Component, Copy, FileEntry, Layout, Role
from estimators.shard_index import is_index

# Unrecognised files whose first bytes say nothing either; after as many the others are left, and the count open.
MAX_UNKNOWN_READS = 5

# Formats whose files have many names, all of which no reader lists (`lgbm.model`, `glove_50.txt`).
_TOLD_BY_BYTES = ("other", "boosting", "vectors")


@dataclass(frozen=True, slots=True)
class Read:
    """One read to make next.

    Attributes:
        path: the file.
        want: `size` (a redirect tells it), `header` (an estimator reads the file), `index` (of shards: the layout is
            made anew with what it says) or `description` (a configuration or card, read as weak evidence).
        within: what is known of the part so far; the outcome lies in there. None where nothing is.
    """

    path: str
    want: Literal["size", "header", "index", "description"]
    within: Interval | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class _Option:
    """A component, its count so far, and the read that would better it (None where nothing can)."""

    component: Component
    count: CopyCount
    read: Read | None


def candidate_reads(
    layout: Layout,
    facts: Mapping[str, FileFacts],
    declared: Sequence[Estimate],
    thresholds: Sequence[int],
    *,
    exact: bool,
    describe: bool = False,
) -> Sequence[Read]:
    """The reads that can still move the interval, at most one for each part, the most telling first.

    None where all thresholds are decided or nothing can help. The caller knows what reads cost: it makes the one it
    likes best (or all, where all have to be made in the end), puts the outcome into `facts` (a size, an estimate, or an
    Unestimated where it failed) and asks again; a file of which the facts say nothing new is offered again.

    Args:
        layout: the repository's files, sorted.
        facts: what is known so far.
        declared: what the listing says.
        thresholds: counts above which a regulation applies.
        exact: go on until the count is exact, or nothing more can be read.
        describe: without weights, read the configuration that describes a model; it decides no verdict.
    """
    now = combine(layout, facts, declared)
    undecided = [threshold for threshold in thresholds if now.side(threshold) is None]
    if layout.components and (exact or any(now.side(threshold) is False for threshold in thresholds)):
        unsized = _read_size_of_unknown(layout, facts)
        if unsized:
            return (unsized,)
    opened = layout.given or (describe and layout.no_weights)  # zero by names alone is not all that is asked
    if (now.exact and not opened) or not (exact or undecided or opened):
        return ()
    if not layout.components:
        given = next((Read(entry.path, "header") for entry in layout.given if _untried(entry, facts)), None)
        described = _read_description(layout, facts) if describe else None
        return _found(given or _read_unknown(layout.unsettled, facts) or described)
    options = [
        _Option(component, count, None if count.read else _read_in(component, facts, exact=exact))
        for component, count in count_components(layout, facts, declared, Report())
    ]
    # An index tells which files are one model; for a side, the size of a part usually does without it.
    index = _read_index(layout, facts)
    if index is not None and exact:
        return (index,)
    if not exact and not any(_can_decide(options, threshold) for threshold in undecided):
        return _found(index)
    promising = sorted((option for option in options if option.read), key=_urgency)
    if promising:
        return [replace(option.read, within=option.count.interval) for option in promising if option.read]
    if index is not None:
        return (index,)
    larger = _read_unknown(large_unknown(layout, facts), facts)
    return _found(larger or (_read_adapter(layout, facts) if exact else None))


def _found(read: Read | None) -> Sequence[Read]:
    return () if read is None else (read,)


def _can_decide(options: Sequence[_Option], threshold: int) -> bool:
    """Whether the best or the worst outcome of the reads would put the sum on one side."""
    above, below = [], []
    for option in options:
        low = high = option.count.interval
        if option.read:
            low = Interval(low.low, low.low)
            high = Interval(threshold + 1 if high.high is None else high.high, None)
        above.append((option.component, high, None))
        below.append((option.component, low, None))
    most = add_up(below)[0].high
    return add_up(above)[0].low > threshold or (most is not None and most <= threshold)


def _urgency(option: _Option) -> tuple[bool, bool, int]:
    """Certain parts first, then the widest interval; ties keep the layout's order."""
    interval = option.count.interval
    unbounded = interval.high is None
    return (not option.component.certain, not unbounded, -((interval.high or 0) - interval.low))


def _read_in(component: Component, facts: Mapping[str, FileFacts], *, exact: bool) -> Read | None:
    """The next read in a component; None where its count cannot get better."""
    reads = (read for copy in _worth_reading(component, facts) for read in _reads_of(copy, facts, exact=exact))
    return next(reads, None)


def _worth_reading(component: Component, facts: Mapping[str, FileFacts]) -> Iterator[Copy]:
    """The best copy that can be read exactly, then the best copy for its sizes."""
    for copy in component.copies:
        told = bool(copy.tables) and not any(_failed(entry.path, facts) for entry in copy.tables)
        if told or (copy.complete and all(_readable(entry.path, facts) for entry in copy.files)):
            yield copy
            break
    yield component.copies[0]


def _reads_of(copy: Copy, facts: Mapping[str, FileFacts], *, exact: bool) -> Iterator[Read]:
    """The reads that a copy still allows, in order: the first file's size, then its header, then the next file's.

    The tables of a copy tell all of it once the sizes of its files have not decided.
    """
    told = [entry for entry in copy.tables if not _failed(entry.path, facts)]
    if copy.tables and len(told) == len(copy.tables):
        if not exact:
            yield from (Read(entry.path, "size") for entry in copy.files if _untried(entry, facts, size=True))
        yield from (Read(entry.path, "header") for entry in told if _untried(entry, facts))
        return
    for entry in copy.files:
        if not _untried(entry, facts):
            continue
        readable = _is_opened(entry.path)
        if size_of(entry, facts) is None and not (exact and readable):
            yield Read(entry.path, "size")
        elif readable:
            yield Read(entry.path, "header")


def _untried(entry: FileEntry, facts: Mapping[str, FileFacts], *, size: bool = False) -> bool:
    """Whether a file was not read yet; with `size`, whether its size is not known either."""
    known = facts.get(entry.path)
    return (known is None or known.estimate is None) and not (size and size_of(entry, facts) is not None)


def _readable(path: str, facts: Mapping[str, FileFacts]) -> bool:
    return _is_opened(path) and not _failed(path, facts)


def _is_opened(path: str) -> bool:
    """Whether a weight file is worth opening: an estimator knows its name, or its name tells no format.

    What lies in partitions of an optimizer's states is not told by their tensors, only by their sizes.
    """
    name = format_of(path).name
    return name != "partitions" and (reader_by_name(path) is not None or name in _TOLD_BY_BYTES)


def _failed(path: str, facts: Mapping[str, FileFacts]) -> bool:
    known = facts.get(path)
    return known is not None and known.estimate is not None and not isinstance(known.estimate, Estimate)


def _read_adapter(layout: Layout, facts: Mapping[str, FileFacts]) -> Read | None:
    """A file set aside as an adapter by a word in its name: its size tells whether it is one."""
    for copy in layout.adapters:
        for entry in copy.files:
            if _untried(entry, facts, size=True) and not is_certain_adapter(copy):
                return Read(entry.path, "size")
    return None


def _read_unknown(entries: Sequence[FileEntry], facts: Mapping[str, FileFacts]) -> Read | None:
    """Files whose names say nothing, the largest first: their sizes, and their first bytes where they are large."""
    if sum(_failed(entry.path, facts) for entry in entries) >= MAX_UNKNOWN_READS:
        return None
    for entry in sorted(entries, key=lambda entry: -(size_of(entry, facts) or 0)):
        if not _untried(entry, facts):
            continue
        size = size_of(entry, facts)
        if size is None:
            return Read(entry.path, "size")
        if size > SMALL_UNKNOWN_BYTES:
            return Read(entry.path, "header")
    return None


def _read_index(layout: Layout, facts: Mapping[str, FileFacts]) -> Read | None:
    """An index of shards, where names leave open whether files beside it are parts of one model."""
    doubtful = [part for part in layout.components if not part.certain or not part.copies[0].complete]
    folders = {path.rpartition("/")[0] for part in doubtful for copy in part.copies for path in copy.paths}
    for path, role in layout.roles.items():
        if role is Role.INDEX and is_index(path) and path.rpartition("/")[0] in folders:
            known = facts.get(path, FileFacts())
            if known.index is None and known.estimate is None:
                return Read(path, "index")
    return None


def _read_size_of_unknown(layout: Layout, facts: Mapping[str, FileFacts]) -> Read | None:
    """Before a model is below a threshold or exact: an unrecognised file beside its weights may be larger than they."""
    first = layout.unsettled[:MAX_UNKNOWN_READS]
    return next((Read(entry.path, "size") for entry in first if _untried(entry, facts, size=True)), None)


def _read_description(layout: Layout, facts: Mapping[str, FileFacts]) -> Read | None:
    """The configuration or card of a model whose weights are not there; the first that describes one is enough."""
    for entry in layout.descriptions:
        if _untried(entry, facts):
            return Read(entry.path, "description")
        if not _failed(entry.path, facts):
            return None
    return None
