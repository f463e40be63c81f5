"""Which models a scan covers, as a chain of steps that can be gone on with from a stored place.

A place ("cursor") is a short text: the number of the part, a bar, and the part's own place in it (the path of a
listing's next page, or how many names of a list are done).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from scanner.errors import Refused, Unanswered, UsageError
from scanner.sources.huggingface import HuggingFace, Listing, Page
from scanner.sources.rows import BadRow

if TYPE_CHECKING:
    from scanner.facts import ModelFacts

NAMES_PER_STEP = 20
SEED_PAGES = 10  # pages by downloads of a sweep
SEED_EVERY = 10  # pages by creation before each of them
ENDED = "-"  # the place of a listing that has come to its end
NAMES_SHOWN = 5  # of a list of models, in its words
OF_ONE_MODEL = frozenset({"server-error", "bad-answer"})
"""Codes of failures that the next model need not share: an endless one must not keep the others from being scanned."""

MAX_TOP = 1_000_000


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for on the command line.

    Attributes:
        everything: `--all`.
        top: `--top N`, by downloads.
        names: models by name (`--watch`, `--models-file`).
        author, search, filters: constraints of a listing.
        limit: at most this many models of the listing.
        page_size: rows asked for at once.
        snapshot: `--snapshot`: the files in few words.
    """

    everything: bool = False
    top: int | None = None
    names: tuple[str, ...] = ()
    author: str | None = None
    search: str | None = None
    filters: tuple[str, ...] = ()
    limit: int | None = None
    page_size: int = 1000
    snapshot: str = ""

    def __post_init__(self) -> None:
        if self.top is not None and not 0 < self.top <= MAX_TOP:
            raise UsageError(f"--top {self.top}: a number from 1 to {MAX_TOP:,} is wanted")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit}: a number above 0 is wanted")
        if not (self.lists or self.names or self.snapshot):
            raise UsageError(
                "say what to scan: --all, --top N, --author A, --filter TAG, --search S, --watch, --models-file F or "
                "--snapshot F"
            )
        if self.snapshot and (self.lists or self.names):
            raise UsageError("--snapshot stands alone: all its rows are taken, or the first ones (--limit N)")

    @property
    def lists(self) -> bool:
        """Whether a listing is asked for, beside or instead of names."""
        return self.everything or self.top is not None or bool(self.author or self.search or self.filters)

    @property
    def sweep(self) -> bool:
        """Whether all there is gets listed, so that what is not shown is gone."""
        return self.everything and not (self.author or self.search or self.filters or self.limit or self.top)

    @property
    def whole(self) -> bool:
        """Whether the listing shows all that it is about, so that a model that is missing from it is gone."""
        return self.lists and self.top is None and self.limit is None

    def words(self) -> str:
        """The selection in canonical words; two scans with equal words cover the same."""
        words = ["--all"] if self.everything else []
        words += [f"--top {self.top}"] if self.top is not None else []
        for option in ("author", "search"):
            value = getattr(self, option)
            words += [f"--{option} {value}"] if value else []
        words += [f"--filter {tag}" for tag in sorted(set(self.filters))]
        words += [f"--snapshot {self.snapshot}"] if self.snapshot else []
        words += [f"--limit {self.limit}"] if self.limit is not None else []
        if self.names:
            shown = " ".join(self.names[:NAMES_SHOWN])
            if len(self.names) > NAMES_SHOWN:
                digest = hashlib.blake2b("\n".join(self.names).encode("utf-8", "replace"), digest_size=4)
                shown += f" … (list {digest.hexdigest()})"
            words.append(f"models ({len(self.names)}): {shown}")
        return " ".join(words)

    def listing(self, sort: str | None = None) -> Listing:
        """The listing part.

        Args:
            sort: in this order; by default the one that suits the selection.
        """
        size = min(self.page_size, self._listed or self.page_size)
        sort = sort or ("downloads" if self.top is not None else "createdAt")
        return Listing(self.author or None, self.search or None, self.filters, sort, size)

    @property
    def cap(self) -> int | None:
        """How many models are wanted in all: those of the listing behind those that were named."""
        return None if self._listed is None else self._listed + len(self.names)

    @property
    def _listed(self) -> int | None:
        """How many models of the listing are wanted."""
        return min((n for n in (self.top, self.limit) if n is not None), default=None)


class Part(Protocol):
    """One part of a selection."""

    def first(self) -> str:
        """The place of the first step."""
        ...

    def step(self, place: str) -> Page:
        """The models at a place, and the next place."""
        ...


@dataclass(frozen=True, slots=True)
class ListedPart:
    """Models as the Hub lists them."""

    source: HuggingFace
    listing: Listing

    def first(self) -> str:
        """See Part."""
        return self.source.first_page(self.listing)

    def step(self, place: str) -> Page:
        """See Part."""
        return self.source.page(place)


@dataclass(frozen=True, slots=True)
class SweepPart:
    """Everything, by creation, with the first pages by downloads in between.

    The order of creation is the one in which rows do not move. The pages by downloads come early so that what is used
    most is decided first; one after every tenth page, so that they cost a small listing next to nothing.
    """

    source: HuggingFace
    listing: Listing
    most_used: Listing

    def first(self) -> str:
        """See Part."""
        return f"0 {self.source.first_page(self.listing)} {self.source.first_page(self.most_used)}"

    def step(self, place: str) -> Page:
        """See Part."""
        number, main, seed = place.split(" ")
        done = int(number)
        turn, rest = divmod(done, SEED_EVERY + 1)
        if rest == SEED_EVERY and turn < SEED_PAGES and seed != ENDED:
            page = self.source.page(seed)
            return page.followed_by(f"{done + 1} {main} {page.next or ENDED}")
        page = self.source.page(main)
        return page.followed_by(None if page.next is None else f"{done + 1} {page.next} {seed}")


@dataclass(frozen=True, slots=True)
class ChangedPart:
    """What changed since a moment, the newest first; ends with the page that lies behind it.

    A server that sorts otherwise is listed to its end, unless a whole page of it happens to lie there.
    """

    source: HuggingFace
    listing: Listing
    since: datetime

    def first(self) -> str:
        """See Part."""
        return self.source.first_page(self.listing)

    def step(self, place: str) -> Page:
        """See Part."""
        page = self.source.page(place)
        newest = max((moment for row in page.rows if (moment := row.last_modified) is not None), default=None)
        return page.followed_by(None) if newest is not None and newest < self.since else page


@dataclass(frozen=True, slots=True)
class MostUsedPart:
    """The first pages by downloads, whose figures move although nothing in them changed."""

    source: HuggingFace
    listing: Listing

    def first(self) -> str:
        """See Part."""
        return f"0 {self.source.first_page(self.listing)}"

    def step(self, place: str) -> Page:
        """See Part."""
        number, cursor = place.split(" ")
        page = self.source.page(cursor)
        last = page.next is None or int(number) + 1 >= SEED_PAGES
        return page.followed_by(None if last else f"{int(number) + 1} {page.next}")


@dataclass(frozen=True, slots=True)
class NamedPart:
    """Models asked for one by one; one that is gone, disabled or cannot be told is a problem beside the others."""

    source: HuggingFace
    names: Sequence[str]

    def first(self) -> str:
        """See Part."""
        return "0"

    def step(self, place: str) -> Page:
        """See Part."""
        start = int(place)
        end = min(start + NAMES_PER_STEP, len(self.names))
        rows: list[ModelFacts] = []
        refused: list[BadRow] = []
        for name in self.names[start:end]:
            try:
                rows.append(self.source.model(name))
            except Refused as error:
                refused.append(BadRow(name, str(error), error.code))
            except Unanswered as error:
                if error.code not in OF_ONE_MODEL:
                    raise
                refused.append(BadRow(name, str(error), error.code))
        return Page(rows, refused, str(end) if end < len(self.names) else None)


@dataclass(frozen=True, slots=True)
class Steps:
    """The parts of a selection, one after the other."""

    parts: Sequence[Part]

    @classmethod
    def of(cls, selection: Selection, source: HuggingFace, since: datetime | None = None) -> Steps:
        """The steps of a selection over a source.

        Args:
            selection: what is asked for.
            source: who is asked.
            since: of everything, only what changed since this moment, and what is used most.
        """
        parts: list[Part] = []
        if selection.names:
            parts.append(NamedPart(source, selection.names))
        most_used = selection.listing("downloads")
        if selection.sweep and since is not None:
            parts += [ChangedPart(source, selection.listing("lastModified"), since), MostUsedPart(source, most_used)]
        elif selection.sweep:
            parts.append(SweepPart(source, selection.listing(), most_used))
        elif selection.lists or selection.snapshot:
            parts.append(ListedPart(source, selection.listing()))
        return cls(parts)

    def first(self) -> str:
        """The very first place."""
        return f"0|{self.parts[0].first()}"

    def step(self, place: str) -> Page:
        """The models at a place; the next place may lie in the next part."""
        number, _, inner = place.partition("|")
        index = int(number)
        page = self.parts[index].step(inner)
        if page.next is not None:
            return page.followed_by(f"{index}|{page.next}")
        if index + 1 < len(self.parts):
            return page.followed_by(f"{index + 1}|{self.parts[index + 1].first()}")
        return page
