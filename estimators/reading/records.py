"""Walk headers that lie between the data they describe, one tensor after the other, without reading that data.

For formats whose tensors have no table (fastText, GGML before GGUF, MXNet): after data that was stepped over, the next
range is one block; while headers follow each other closely, ranges grow as `Cursor`'s do.
"""

from __future__ import annotations

import struct

from estimators.errors import MalformedFile
from estimators.reading.cursor import LARGEST_RANGE_BYTES, Cursor
from estimators.reading.front import FrontReader
from estimators.reading.views import BLOCK_BYTES

NEAR_BYTES = 256 * 1024  # of data between two headers that is read rather than stepped over by a further range
LARGEST_THROUGH_BYTES = 1024 * 1024  # of a range that reads through data


class RecordCursor(Cursor):
    """A `Cursor` over records with data between them.

    Args:
        source: the file.
        offset: where to begin.
        order: byte order, `<` or `>`.
        wide_lengths: whether lengths and counts have 64 bits, not 32.
        largest: bytes of the largest range.
    """

    def __init__(
        self,
        source: FrontReader,
        offset: int,
        order: str = "<",
        *,
        wide_lengths: bool = False,
        largest: int = LARGEST_RANGE_BYTES,
    ) -> None:
        super().__init__(source, offset, order, wide_lengths=wide_lengths)
        self._largest = max(largest, BLOCK_BYTES)
        self._next_range = max(self._next_range, BLOCK_BYTES)
        self._through = BLOCK_BYTES
        self._int32 = struct.Struct(order + "i")
        self._int64 = struct.Struct(order + "q")

    def _need(self, count: int, what: str) -> None:
        super()._need(count, what)
        self._next_range = min(self._next_range, self._largest)

    def move_to(self, offset: int) -> None:
        """Go on from an offset in the file, without reading again what is at hand."""
        at = offset - self._start
        if 0 <= at <= len(self._window):
            self._at = at
        else:
            self._start, self._at, self._window = offset, 0, b""
            self._next_range = BLOCK_BYTES

    def int32(self, what: str) -> int:
        """A signed 32-bit number."""
        return self._unpack(self._int32, what)

    def int64(self, what: str) -> int:
        """A signed 64-bit number."""
        return self._unpack(self._int64, what)

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes."""
        self._need(count, what)
        value = self._window[self._at : self._at + count]
        self._at += count
        return value

    def skip_data(self, count: int, what: str) -> None:
        """Step over a tensor's data.

        What follows is asked for a block at a time; where one tensor after the other is small, ranges grow and read
        through them, since a further range costs more than their bytes.

        Raises:
            MalformedFile: the file ends before the data does.
        """
        gap = self._at + count - len(self._window)
        self.skip(count, what)
        if gap > NEAR_BYTES:
            self._through = BLOCK_BYTES
        elif gap > 0:
            self._through = min(4 * self._through, LARGEST_THROUGH_BYTES)
        if gap > 0:
            self._next_range = self._through

    def skip_words(self, count: int, trailer: int, longest: int, what: str) -> None:
        """Step over `count` strings, each after its length and before `trailer` bytes.

        Raises:
            MalformedFile: a string is longer than `longest`, or the file ends inside one.
        """
        unpack, width = self._uint32.unpack_from, self._uint32.size
        for _ in range(count):
            if self._at + width > len(self._window):
                self._need(width, what)
            (length,) = unpack(self._window, self._at)
            if length > longest:
                raise MalformedFile(self.file, f"length of {what} is {length}; at most {longest} is allowed")
            self._at += width + length + trailer
            if self._at > len(self._window):
                beyond = self._at - len(self._window)
                self._at = len(self._window)
                self.skip(beyond, what)

    def skip_terminated(self, count: int, trailer: int, what: str) -> None:
        """Step over `count` entries of a NUL-terminated string and `trailer` bytes each.

        Raises:
            MalformedFile: an entry is longer than a block, or the file ends inside one.
        """
        for _ in range(count):
            end = self._window.find(b"\0", self._at)
            if end < 0 or end + 1 + trailer > len(self._window):
                end = self._find_end(trailer, what)
            self._at = end + 1 + trailer

    def _find_end(self, trailer: int, what: str) -> int:
        """The window's offset of the next NUL that has its trailer behind it, read further as needed."""
        wanted = 256
        while wanted <= BLOCK_BYTES:
            left = None if self._source.size is None else self._source.size - self.position
            self._need(wanted if left is None else max(min(wanted, left), 1), what)
            end = self._window.find(b"\0", self._at)
            if end >= 0 and end + 1 + trailer <= len(self._window):
                return end
            if left is not None and wanted >= left:
                raise MalformedFile(self.file, f"{what} at byte {self.position}: the file ends inside it")
            wanted *= 4
        raise MalformedFile(self.file, f"{what} at byte {self.position} is longer than {BLOCK_BYTES} bytes")
