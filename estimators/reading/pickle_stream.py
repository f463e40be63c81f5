"""The bytes of a pickle, read piece by piece, with long values stepped over unread."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.reading.front import FRONT_BYTES, FrontReader

if TYPE_CHECKING:
    from estimators.interface import ByteReader

SMALLEST_PIECE_BYTES = 64 * 1024  # of the first read; each further one is twice as long
STEPPED_PIECE_BYTES = 16 * 1024  # of the first read behind an unread value: the next such value is near
LARGEST_PIECE_BYTES = 1024 * 1024
# Where many values are stepped over that are no longer than this, as the arrays of a forest's trees, pieces grow, so
# that one read passes several; but not beyond so many bytes, which would be missing for what is not stepped over.
NEAR_BYTES = 128 * 1024
NEAR_STEPS = 4  # after which pieces are twice as long
MAX_READ_THROUGH_BYTES = 16 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024  # of the text protocol's names and numbers; longer lines are stepped over
MAX_READ_BYTES = 64 * 1024 * 1024  # of one pickle, payloads that are stepped over not included


class PickleStream:
    """A reader, read forward.

    Args:
        reader: the file; `offset` counts in it.
        offset: where to begin.
    """

    def __init__(self, reader: ByteReader, offset: int = 0) -> None:
        self.file = reader.name
        self._reader = reader
        self.window = b""
        self.at = 0  # inside the window
        self._start = offset  # of the window in the file
        # What a FrontReader keeps costs nothing to read; behind it pieces begin small, since most pickles end soon.
        kept = FRONT_BYTES - offset if isinstance(reader, FrontReader) else 0
        self._piece = kept if kept > 0 else SMALLEST_PIECE_BYTES
        self._next = 2 * SMALLEST_PIECE_BYTES
        self._read = 0
        self._near = 0  # values stepped over that were short

    @property
    def position(self) -> int:
        """Offset in the file of the next byte."""
        return self._start + self.at

    @property
    def size(self) -> int | None:
        """Bytes in the file; None where unknown."""
        return self._reader.size

    def fill(self, count: int) -> None:
        """Have `count` bytes in the window from here on.

        Raises:
            MalformedFile: the file ends before them.
        """
        missing = self.at + count - len(self.window)
        if missing <= 0:
            return
        if not self._more(missing):
            raise MalformedFile(self.file, f"the pickle breaks off: {count} bytes at {self.position} pass its end")

    def _more(self, wanted: int) -> bool:
        """Read on; whether at least `wanted` bytes came."""
        kept = self.window[self.at :]
        self._start, self.at = self._start + self.at, 0
        begin = self._start + len(kept)
        length = max(wanted, self._piece)
        if self.size is not None:
            length = min(length, self.size - begin)
        if length <= 0:
            self.window = kept
            return False
        self._read += length
        if self._read > MAX_READ_BYTES:
            raise BudgetExceeded(self.file, f"the pickle is longer than {MAX_READ_BYTES} bytes without its arrays")
        self._piece = min(self._next, LARGEST_PIECE_BYTES)
        self._next = 2 * self._piece
        data = self._reader.read(begin, length)
        self.window = kept + data
        return len(data) >= wanted

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.at + count
        if end > len(self.window):
            self.fill(count)
            end = self.at + count
        data = self.window[self.at : end]
        self.at = end
        return data

    def number(self, form: struct.Struct) -> int:
        """One number."""
        if self.at + form.size > len(self.window):
            self.fill(form.size)
        (value,) = form.unpack_from(self.window, self.at)
        self.at += form.size
        return int(value)

    def skip(self, count: int) -> None:
        """Step over `count` bytes, unread where they lie beyond the window.

        Raises:
            MalformedFile: the file ends before them.
        """
        target = self.at + count
        if target <= len(self.window):
            self.at = target
            return
        if self.size is not None and self._start + target > self.size:
            raise MalformedFile(
                self.file, f"the pickle breaks off: {count} bytes at {self.position} pass the end of the file"
            )
        near = target - len(self.window) <= NEAR_BYTES and self._read < MAX_READ_THROUGH_BYTES
        self._near = self._near + 1 if near else self._near // 2
        self._start, self.at, self.window = self._start + target, 0, b""
        self._piece = min(STEPPED_PIECE_BYTES << self._near // NEAR_STEPS, LARGEST_PIECE_BYTES)
        self._next = max(SMALLEST_PIECE_BYTES, self._piece)

    def line(self) -> bytes | None:
        """The rest of a line, without its end; None where it was too long, and was stepped over."""
        while (end := self.window.find(b"\n", self.at, self.at + MAX_LINE_BYTES + 1)) < 0:
            if len(self.window) - self.at > MAX_LINE_BYTES:
                self._skip_line()
                return None
            if not self._more(1):
                raise MalformedFile(self.file, f"the pickle breaks off inside the line at {self.position}")
        data = self.window[self.at : end]
        self.at = end + 1
        return data

    def _skip_line(self) -> None:
        while (end := self.window.find(b"\n", self.at)) < 0:
            self.at = len(self.window)
            if not self._more(1):
                raise MalformedFile(self.file, f"the pickle breaks off inside the line at {self.position}")
        self.at = end + 1
