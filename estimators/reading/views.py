"""Ways to look at a file: by pages read ahead, a part of it as a file of its own, as a Python file object.

Formats that scatter their headers (ONNX, TFLite, HDF5) are read through `Pages`: every read that misses brings a
growing piece along, so that a scattered header costs few ranges.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from estimators.errors import ReadFailed
from estimators.reading.through import Costs, Through

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from estimators.interface import ByteReader

BLOCK_BYTES = 32 * 1024  # readers count their costs in blocks of this size
WHOLE_BYTES = 4 * 1024 * 1024  # a file of scattered headers that is no longer comes in one range
FIRST_PIECE_BYTES = 128 * 1024
LARGEST_PIECE_BYTES = 1024 * 1024
KEPT_BYTES = 8 * 1024 * 1024  # of pages in memory; the oldest are forgotten


class Pages(Through):
    """A `ByteReader` that keeps what it has read, in whole blocks, and reads ahead where it misses.

    Args:
        reader: the file.
        ahead: bytes that the first miss brings along; doubles with every further miss.
        most: bytes that any miss brings along at most.
        kept: bytes that stay in memory; longer reads pass through.
    """

    def __init__(
        self,
        reader: ByteReader,
        ahead: int = FIRST_PIECE_BYTES,
        most: int = LARGEST_PIECE_BYTES,
        kept: int = KEPT_BYTES,
    ) -> None:
        super().__init__(reader)
        self._ahead = ahead
        self._most = most
        self._most_kept = kept
        self._kept: dict[int, bytes] = {}

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`; reads of more than is kept pass through and are not kept."""
        size = self.size
        if size is not None:
            length = min(length, size - offset)
        if length <= 0 or offset < 0:
            return b""
        if length > self._most_kept:
            return self._reader.read(offset, length)
        parts = []
        first, last = offset // BLOCK_BYTES, (offset + length - 1) // BLOCK_BYTES
        number = first
        while number <= last:
            block = self._kept.get(number)
            if block is None:
                self._fetch(number, last)
                block = self._kept.get(number, b"")
            begin = offset - number * BLOCK_BYTES if number == first else 0
            parts.append(block[begin : offset + length - number * BLOCK_BYTES])
            if len(block) < BLOCK_BYTES:
                break  # the file ends here
            number += 1
        return b"".join(parts)

    def holds(self, offset: int) -> bool:
        """Whether a read of the byte at `offset` costs nothing."""
        return offset // BLOCK_BYTES in self._kept

    def _fetch(self, first: int, last: int) -> None:
        """Read from block `first` on, to `last` or further ahead, but not into blocks that are kept."""
        stop = max(last + 1, first + max(self._ahead // BLOCK_BYTES, 1))
        stop = next((number for number in range(first + 1, stop) if number in self._kept), stop)
        self._ahead = min(self._ahead * 2, self._most)
        start = first * BLOCK_BYTES
        length = (stop - first) * BLOCK_BYTES
        data = memoryview(self._reader.read(start, length if self.size is None else min(length, self.size - start)))
        for at in range(0, len(data), BLOCK_BYTES):
            self._kept[first + at // BLOCK_BYTES] = bytes(data[at : at + BLOCK_BYTES])
        wanted = range(first, last + 1)
        spare = len(self._kept) - self._most_kept // BLOCK_BYTES - len(wanted)
        for number in [number for number in self._kept if number not in wanted][: max(spare, 0)]:
            del self._kept[number]


class Part(Costs):
    """A range of a file as a file of its own, such as a stored member of an archive.

    Args:
        reader: the file that holds it.
        name: what messages call it.
        offset: where it begins, in bytes.
        size: its bytes; checked by whoever makes it.
    """

    def __init__(self, reader: ByteReader, name: str, offset: int, size: int) -> None:
        super().__init__(reader)
        self.name = name
        self.size: int | None = size
        self.offset = offset
        self._size = size

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`."""
        length = min(length, self._size - offset)
        if length <= 0 or offset < 0:
            return b""
        return self._reader.read(self.offset + offset, length)


class FileView(io.RawIOBase):
    """A reader as a seekable Python file object, for libraries that want one.

    Raises:
        ReadFailed: the file's size is unknown, so that its end cannot be found.
    """

    def __init__(self, reader: ByteReader) -> None:
        super().__init__()
        if reader.size is None:
            raise ReadFailed(reader.name, "its size is unknown, and this format is read from its end")
        self._reader = reader
        self._end = reader.size
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; as io.RawIOBase.seek."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        if base + offset < 0:
            raise ValueError(f"a seek to {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Buffer) -> int:
        """Fill a buffer; as io.RawIOBase.readinto."""
        view = memoryview(buffer).cast("B")
        data = self._reader.read(self._at, len(view)) if self._at < self._end else b""
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """As io.RawIOBase.read, but never short before the end of the file."""
        wanted = self._end - self._at if size is None or size < 0 else size
        data = self._reader.read(self._at, wanted) if wanted > 0 and self._at < self._end else b""
        self._at += len(data)
        return data
