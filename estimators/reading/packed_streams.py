"""Compressed streams (gzip, bzip2, xz) as files that are unpacked from the front, with an end to it.

What is unpacked passes by: of each place only a window is kept, so that an archive is walked once, from its front.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING, Protocol

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.reading.through import Costs

if TYPE_CHECKING:
    from collections.abc import Callable

    from estimators.interface import ByteReader

MIB = 1024 * 1024
PIECE_BYTES = 256 * 1024  # unpacked at a time
FIRST_PACKED_BYTES, MOST_PACKED_BYTES = 128 * 1024, 1024 * 1024  # of a range: grows as the walk goes on
WINDOW_BYTES = 1 * MIB  # kept behind the newest byte
LZMA_MEMORY = 40 * MIB  # dictionaries of the usual levels have up to 8 MiB, of the highest 64


class _Decoder(Protocol):
    """What the decompressors of the standard library have in common."""

    @property
    def eof(self) -> bool: ...

    def unpack(self, data: bytes, most: int) -> bytes: ...


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def unpack(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, most)


class _Other:
    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def unpack(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(data, most)


# Magic bytes, decoder, and bytes that are unpacked at most: about a second each.
_KINDS: dict[bytes, tuple[Callable[[], _Decoder], int]] = {
    b"\x1f\x8b\x08": (_Gzip, 128 * MIB),
    b"BZh": (lambda: _Other(bz2.BZ2Decompressor()), 16 * MIB),
    b"\xfd7zXZ\0": (lambda: _Other(lzma.LZMADecompressor(lzma.FORMAT_XZ, LZMA_MEMORY)), 48 * MIB),
}
_FAULTS = (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError)


def is_packed(front: bytes) -> bool:
    """Whether a file begins as one of these streams."""
    return front.startswith(tuple(_KINDS))


class Unpacked(Costs):
    """The stream inside a file, readable forwards.

    Args:
        packed: the file.
        name: what messages call the stream.
        most_packed: bytes of the file that are read at most.

    Attributes:
        name: see above.
        size: None: nobody knows before the end.
    """

    size: int | None = None

    def __init__(self, packed: ByteReader, name: str, most_packed: int) -> None:
        self.name = name
        super().__init__(packed)
        self._most_packed = most_packed
        front = packed.read(0, 6)
        kind = next((kind for magic, kind in _KINDS.items() if front.startswith(magic)), None)
        if kind is None:
            raise MalformedFile(name, f"begins with {front!r}, which is no packed stream")
        make, self._most = kind
        self._decoder: _Decoder = make()
        self._ahead = FIRST_PACKED_BYTES
        self._taken = 0  # packed bytes
        self._window = bytearray()
        self._begin = 0  # offset of the window

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`; only forwards, but for what the window keeps.

        Raises:
            BudgetExceeded: it lies too far in, or behind.
            MalformedFile: the stream is broken.
        """
        if offset < self._begin:
            raise BudgetExceeded(self.name, f"byte {offset} of the unpacked stream was let go")
        while self._begin + len(self._window) < offset + length:
            if not self._unpack_more(offset):
                break
        start = offset - self._begin
        return bytes(self._window[start : start + length])

    def left_behind(self, offset: int) -> int | None:
        """Unpacked bytes behind `offset`, modulo 2^32, by the size at the end of a gzip file; None where none is."""
        size = self._reader.size
        if size is None or size < MIB or not self._reader.read(0, 2).startswith(b"\x1f\x8b"):
            return None
        stated = int.from_bytes(self._reader.read(size - 4, 4), "little")
        return (stated - offset) % 2**32

    def _unpack_more(self, wanted: int) -> bool:
        """Unpack another piece, and let go of what lies far before `wanted`."""
        if self._decoder.eof:
            return False
        end = self._begin + len(self._window)
        if end >= self._most:
            raise BudgetExceeded(self.name, f"more than {self._most} bytes are not unpacked")
        try:
            data = self._decoder.unpack(b"", PIECE_BYTES) if self._taken else b""
            if not data and not self._decoder.eof:
                data = self._decoder.unpack(self._next_packed(), PIECE_BYTES)
        except _FAULTS as exc:
            raise MalformedFile(self.name, f"cannot be unpacked: {exc}") from exc
        self._window += data
        spare = min(wanted, end + len(data)) - WINDOW_BYTES - self._begin
        if spare > WINDOW_BYTES:
            del self._window[:spare]
            self._begin += spare
        return True

    def _next_packed(self) -> bytes:
        if self._taken >= self._most_packed:
            raise BudgetExceeded(self.name, f"more than {self._most_packed} packed bytes are not read")
        data = self._reader.read(self._taken, min(self._ahead, self._most_packed - self._taken))
        self._ahead = min(self._ahead * 2, MOST_PACKED_BYTES)
        self._taken += len(data)
        if not data:
            raise MalformedFile(self.name, f"the stream ends after {self._taken} packed bytes, unfinished")
        return data
