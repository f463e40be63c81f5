"""A compressed file as the bytes it holds, unpacked piece by piece and read forward only.

Spec: RFC 1950 (zlib), RFC 1952 (gzip), the formats of bzip2 and xz, as joblib/compressor.py writes them; joblib before
0.10 put a text `ZF` and the unpacked size in front of zlib. LZ4 has no decoder in the standard library.

Memory stays bounded by what is kept behind the reading position, time by the bytes unpacked.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.reading.through import Costs

if TYPE_CHECKING:
    from estimators.interface import ByteReader

PACKED_PIECE_BYTES = 128 * 1024  # of the first range; each further one is twice as long
LARGEST_PIECE_BYTES = 2 * 1024 * 1024
UNPACKED_PIECE_BYTES = 1024 * 1024
MAX_PACKED_BYTES = 64 * 1024 * 1024
KEPT_BYTES = 2 * 1024 * 1024  # behind the position, for a reader that steps back
XZ_MEMORY_BYTES = 40 * 1024 * 1024  # of the decoder's dictionary; level 6, the default, needs 9 MiB
OLD_HEADER_BYTES = 21  # `ZF` and a hexadecimal number of 19 characters

# Bytes that may be unpacked in the two seconds an answer may take.
FAST_BYTES = 384 * 1024 * 1024
SLOW_BYTES = 32 * 1024 * 1024


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


class _Zlib:
    """zlib's decoder behind the interface that those of bzip2 and xz have."""

    def __init__(self, wbits: int) -> None:
        self._decoder = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, max(max_length, 0))


def _xz(form: int) -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(form, memlimit=XZ_MEMORY_BYTES)


# Magic bytes, where the stream begins behind them, its decoder, and the bytes that may be unpacked.
_FORMS: tuple[tuple[bytes, int, Callable[[], _Decoder], int], ...] = (
    (b"ZF0x", OLD_HEADER_BYTES, lambda: _Zlib(15), FAST_BYTES),
    (b"\x78\x01", 0, lambda: _Zlib(15), FAST_BYTES),
    (b"\x78\x5e", 0, lambda: _Zlib(15), FAST_BYTES),
    (b"\x78\x9c", 0, lambda: _Zlib(15), FAST_BYTES),
    (b"\x78\xda", 0, lambda: _Zlib(15), FAST_BYTES),
    (b"\x1f\x8b\x08", 0, lambda: _Zlib(31), FAST_BYTES),
    (b"BZh", 0, bz2.BZ2Decompressor, SLOW_BYTES),
    (b"\xfd7zXZ\0", 0, lambda: _xz(lzma.FORMAT_XZ), SLOW_BYTES),
    (b"\x5d\0\0", 0, lambda: _xz(lzma.FORMAT_ALONE), SLOW_BYTES),
)
LZ4 = b"\x04\x22\x4d\x18"


def is_compressed(front: bytes) -> bool:
    """Whether bytes begin as one of these formats, LZ4 included."""
    return front.startswith((LZ4, *(magic for magic, *_ in _FORMS)))


class Unpacked(Costs):
    """The bytes inside of a compressed file.

    Args:
        reader: the file.
        front: its first bytes.

    Raises:
        BudgetExceeded: nothing here unpacks its format.
    """

    def __init__(self, reader: ByteReader, front: bytes) -> None:
        super().__init__(reader)
        self.name = reader.name
        self.size: int | None = None
        form = next((form for form in _FORMS if front.startswith(form[0])), None)
        if form is None:
            raise BudgetExceeded(self.name, "is compressed by LZ4, which is not unpacked")
        _, self._packed_at, make, self._most = form
        self._decoder = make()
        self._piece = PACKED_PIECE_BYTES
        self._kept = bytearray()
        self._start = 0  # of what is kept, in the unpacked bytes

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`; what lies more than `KEPT_BYTES` behind the position is gone.

        Raises:
            MalformedFile: the stream is broken.
            BudgetExceeded: it is longer than is unpacked.
        """
        end = offset + length
        if offset < self._start:
            raise BudgetExceeded(self.name, f"byte {offset} was unpacked and forgotten")
        while self._start + len(self._kept) < end and not self._decoder.eof:
            spare = min(offset - self._start, len(self._kept)) - KEPT_BYTES
            if spare > KEPT_BYTES:
                del self._kept[:spare]
                self._start += spare
            if not self._unpack():
                break
        return bytes(self._kept[offset - self._start : end - self._start])

    def _unpack(self) -> bool:
        """One piece more; whether there was one."""
        packed = b""
        if getattr(self._decoder, "needs_input", True):
            packed = self._next_packed()
            if not packed:
                return False
        try:
            piece = self._decoder.decompress(packed, UNPACKED_PIECE_BYTES)
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError) as exc:
            if "emory" in str(exc):
                raise BudgetExceeded(self.name, f"needs more memory to unpack than {XZ_MEMORY_BYTES} bytes") from exc
            raise MalformedFile(self.name, f"cannot be unpacked: {exc}") from exc
        self._kept += piece
        if self._start + len(self._kept) > self._most:
            raise BudgetExceeded(self.name, f"holds more than the {self._most} bytes that are unpacked")
        return True

    def _next_packed(self) -> bytes:
        size = self._reader.size
        length = self._piece if size is None else min(self._piece, size - self._packed_at)
        if length <= 0:
            return b""
        if self._packed_at + length > MAX_PACKED_BYTES:
            raise BudgetExceeded(self.name, f"is longer than the {MAX_PACKED_BYTES} bytes that are unpacked")
        data = self._reader.read(self._packed_at, length)
        self._packed_at += len(data)
        self._piece = min(2 * self._piece, LARGEST_PIECE_BYTES)
        return data
