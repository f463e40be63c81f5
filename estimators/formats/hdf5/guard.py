"""Limits around a parser that trusts its file: what it may read for one object, and for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.reading.views import FileView

if TYPE_CHECKING:
    from collections.abc import Callable

    from estimators.interface import ByteReader

MAX_HEADER_READS = 300  # for one object: real headers have fewer than 20 pieces
MAX_HEADER_BYTES = 4 * 1024 * 1024  # attributes have at most 64 KiB each
MAX_LIST_READS = 60_000  # for one group's list: 20,000 links at three reads each
MAX_LIST_BYTES = 8 * 1024 * 1024
MAX_READS = 300_000  # for all: 20,000 datasets, and about a second
MAX_BYTES = 128 * 1024 * 1024  # handed out in all; a header is handed out once


class TooMuch(Exception):
    """The file is larger in objects than is followed."""


class NotRead(Exception):
    """The file holds what the specification allows and is not read here: what was seen is a lower bound."""


class NotAtHand(Exception):
    """A read would cost a range, where only what is in memory was asked for."""


class GuardedFile(FileView):
    """A file object that stops a parser which a broken file sends round and round.

    Raises (from `read`):
        MalformedFile: one object asks for more than any has.
        TooMuch: all objects together do.
        NotAtHand: see `at_hand`.

    Attributes:
        at_hand: while set, reads are only made of bytes that it says are in memory.
    """

    at_hand: Callable[[int, int], bool] | None = None

    def __init__(self, reader: ByteReader, name: str) -> None:
        super().__init__(reader)
        self._name = name
        self._reads = self._bytes = 0
        self._reads_left, self._bytes_left = MAX_HEADER_READS, MAX_HEADER_BYTES

    def turn_to(self, reader: ByteReader) -> None:
        """Read on through another view of the same bytes."""
        self._reader = reader

    def begin(self, reads: int, size: int) -> None:
        """Another object, or list, which may take so many reads and bytes."""
        self._reads_left, self._bytes_left = reads, size

    def read(self, size: int | None = -1) -> bytes:
        """As FileView.read, within the limits."""
        wanted = self._bytes_left + 1 if size is None or size < 0 else size
        self._reads_left -= 1
        self._bytes_left -= wanted
        if self._reads_left < 0 or self._bytes_left < 0:
            raise MalformedFile(self._name, f"one object at byte {self.tell()} asks for {wanted} more bytes")
        if self.at_hand is not None and not self.at_hand(self.tell(), wanted):
            raise NotAtHand
        self._reads += 1
        self._bytes += wanted
        if self._reads > MAX_READS or self._bytes > MAX_BYTES:
            raise TooMuch
        return super().read(wanted)
