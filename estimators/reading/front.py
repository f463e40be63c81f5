"""Reading the front of a file once and the rest only when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.reading.through import Through

if TYPE_CHECKING:
    from estimators.interface import ByteReader

# Bytes of the first range: 97% of safetensors headers fit, and a CDN answers this as fast as one byte.
FRONT_BYTES = 128 * 1024


class FrontReader(Through):
    """A ByteReader that keeps the file's first block, so that looking at the magic bytes costs no extra range."""

    def __init__(self, reader: ByteReader, front_bytes: int = FRONT_BYTES) -> None:
        super().__init__(reader)
        self._front_bytes = front_bytes
        self._front: bytes | None = None

    def front(self) -> bytes:
        """The first block of the file, read at most once; shorter only where the file is."""
        if self._front is None:
            size = self._reader.size
            length = self._front_bytes if size is None else min(self._front_bytes, max(size, 0))
            self._front = self._reader.read(0, length) if length else b""
        return self._front

    def read(self, offset: int, length: int) -> bytes:
        """Bytes `offset .. offset+length`, from the kept block where that holds them all."""
        if self.size is not None:
            length = max(min(length, self.size - offset), 0)  # what lies behind the end costs no range
        front = self.front() if offset < self._front_bytes else b""
        kept = front[offset : offset + length]
        if len(kept) == length or (front and len(front) < self._front_bytes):
            return kept
        start = offset + len(kept)
        return kept + self._reader.read(start, length - len(kept))

    def read_exactly(self, offset: int, length: int, what: str) -> bytes:
        """`read`, for bytes that the format promises.

        Raises:
            MalformedFile: the file ends before them.
        """
        data = self.read(offset, length)
        if len(data) < length:
            raise MalformedFile(
                self.name, f"{what} needs {length} bytes at {offset}, but the file ends after {len(data)} of them"
            )
        return data[:length]


def front_reader(reader: ByteReader) -> FrontReader:
    """`reader` with its front kept, wrapped at most once."""
    return reader if isinstance(reader, FrontReader) else FrontReader(reader)
