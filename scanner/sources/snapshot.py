"""A dump of the Hub's metadata in place of the Hub: everything that can be known without any network.

It is listed as the Hub would be, page by page from a stored place. Whoever asks it for more than its rows (a model's
page, a file) is refused by its client, which has no way of asking anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from scanner.errors import Refused, Unanswered, UsageError
from scanner.sources.http import HubClient
from scanner.sources.huggingface import HuggingFace, Page
from scanner.sources.rows import BadRow, Row, row_of
from scanner.sources.snapshot_files import SUFFIXES, RowFile, Spot, open_rows
from scanner.sources.snapshot_rows import COLUMNS, as_listed, facts_of, subject_of, told_as_listed

if TYPE_CHECKING:
    from scanner.facts import ModelFacts
    from scanner.sources.snapshot_files import Read, Values

PAGE_BYTES = 8 * 1024 * 1024  # of rows in one page, as of the Hub's
DIGITS = 16  # of the digest that names the snapshot


@dataclass
class NoClient(HubClient):
    """Stands where a Hub's client stands, counts nothing and asks nobody."""

    def __post_init__(self) -> None:
        """Prepare no session."""

    def ask(self, path: str, **_: Any) -> NoReturn:
        """Refuse.

        Raises:
            Refused: always; code `not-in-snapshot`.
        """
        raise Refused("not-in-snapshot", f"{path[:200]} is not in the snapshot, and nobody else is asked")

    def ask_elsewhere(self, url: str, **_: Any) -> NoReturn:
        """Refuse; see `ask`."""
        self.ask(url)


class Snapshot(HuggingFace):
    """Facts from files, in the order of their rows.

    A place is written `file:row:byte`: how many files are done, and how much of the next one.
    """

    def __init__(self, paths: Sequence[Path], version: str, page_size: int = 1000) -> None:
        """Find the files.

        Args:
            paths: files, and folders with files.
            version: of hubscope.
            page_size: rows of a page at most.

        Raises:
            UsageError: there is none, or one cannot be read at all.
        """
        self.files = tuple(_Part(path) for path in _found(paths))
        self.page_size = page_size
        for file in self.files:
            file.look()
        super().__init__(NoClient(f"snapshot:{self.title} sha256:{self._digest()}", None, version))
        self._running: tuple[str, Iterator[Read]] | None = None

    @property
    def title(self) -> str:
        """Its files in few words."""
        first, others = self.files[0].path.name, len(self.files) - 1
        return first if not others else f"{first} and {others:,} more"

    @property
    def gaps(self) -> Sequence[str]:
        """What it does not say, a sentence a column."""
        seen = [(file.path.name, file.told) for file in self.files if file.told is not None]
        missing = [(column, [name for name, told in seen if column.name not in told]) for column in COLUMNS]
        return [
            f"{'the snapshot' if len(names) == len(seen) else names[0]} has no column `{column.name}`: {column.without}"
            for column, names in missing
            if names
        ]

    def first_page(self, listing: object = None) -> str:  # noqa: ARG002 - a snapshot has one listing only
        """The place of its first row."""
        return "0:0:0"

    def page(self, cursor: str) -> Page:
        """The rows at a place.

        Raises:
            Unanswered: code `cut-short`, where the file ends or is damaged right there.
        """
        number, row, byte = map(int, cursor.split(":"))
        file, behind = self.files[number], cursor
        rows: list[Row | ModelFacts] = []
        bad: list[BadRow] = []
        size = 0
        try:
            reads = self._from(cursor, file, Spot(row, byte))
            for values, length, spot in reads:
                try:
                    rows.append(_row(values, file))
                except ValueError as error:
                    bad.append(BadRow(_subject(values, f"row {spot.row:,} of {file.path.name}"), str(error)))
                behind, size = f"{number}:{spot.row}:{spot.byte}", size + length
                if len(rows) + len(bad) >= self.page_size or size >= PAGE_BYTES:
                    self._running = behind, reads
                    return Page(rows, bad, behind)
        except Unanswered:
            if rows or bad:
                return Page(rows, bad, behind)  # the next page will say it
            raise
        return Page(rows, bad, f"{number + 1}:0:0" if number + 1 < len(self.files) else None)

    def _from(self, cursor: str, file: _Part, spot: Spot) -> Iterator[Read]:
        """The rows from a place on: those that follow the last page, or read anew from there."""
        running, self._running = self._running, None
        if running is not None and running[0] == cursor:
            return running[1]
        return file.rows.rows(spot)

    def _digest(self) -> str:
        """What it holds, in few digits: of the digests of its files in their order."""
        whole = hashlib.sha256()
        for file in self.files:
            with file.path.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
        return whole.hexdigest()[:DIGITS]


@dataclass
class _Part:
    """One file; opened when it is wanted.

    Attributes:
        told: the Hub's names of its columns; None where it is cut short before it says so.
    """

    path: Path
    told: frozenset[str] | None = field(default=None, init=False)

    @cached_property
    def rows(self) -> RowFile:
        return open_rows(self.path)

    def look(self) -> None:
        """Take down which columns it has; one that is cut short is told of when its rows are wanted."""
        with suppress(Unanswered):
            self.told = self.rows.told


def _row(values: Values | ValueError, file: _Part) -> Row | ModelFacts:
    """A row as the Hub would list it; where the snapshot says less, the facts that know what it cannot say."""
    if isinstance(values, ValueError):
        raise values
    told = file.told or ()
    return row_of(as_listed(values)) if told_as_listed(told) else facts_of(values, told)


def _subject(values: Values | ValueError, place: str) -> str:
    return subject_of(values, place) if isinstance(values, Mapping) else place


def _found(paths: Sequence[Path]) -> Iterator[Path]:
    """Every file, those of a folder by name."""
    for path in paths:
        if path.is_dir():
            parts = sorted(part for part in path.iterdir() if part.is_file() and _is_part(part.name))
            if not parts:
                raise UsageError(f"--snapshot {path}: no file in it ends in {', '.join(SUFFIXES)}")
            yield from parts
        elif not path.exists():
            raise UsageError(f"--snapshot {path}: there is no such file")
        elif not path.is_file():
            raise UsageError(f"--snapshot {path}: is no file that can be read twice; store it first")
        else:
            yield path


def _is_part(name: str) -> bool:
    return name.endswith(SUFFIXES) and not name.startswith((".", "_"))
