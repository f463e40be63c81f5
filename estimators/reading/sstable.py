"""Entries of a sorted string table, the file that TensorFlow's checkpoints keep their directories in.

Spec: google/leveldb, doc/table_format.md; TensorFlow's copy is tensorflow/core/lib/io/format.cc. The last 48 bytes
name the index block; its values name the data blocks. In a block, every key states how many bytes it has in common
with the key before; behind the block stand a byte for its compression (0 none, 1 Snappy) and a checksum, which is not
verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.reading import snappy
from estimators.reading.views import Pages

if TYPE_CHECKING:
    from estimators.interface import ByteReader

MAGIC = bytes.fromhex("57fb808b247547db")  # 0xdb4775248b80fb57, little endian
FOOTER_BYTES = 48
TRAILER_BYTES = 5
MAX_BLOCK_BYTES = 16 * 1024 * 1024  # writers close theirs at 256 KiB, longer only for a longer value
MAX_UNPACKED_BYTES = 48 * 1024 * 1024  # over all blocks, however often one is named
MAX_SNAPPY_ELEMENTS = 4_000_000  # over all blocks: a second
MAX_ENTRIES = 100_000  # over all blocks; large models have 20,000
MAX_KEY_BYTES = 16 * 1024 * 1024  # over all keys: each may repeat most of the one before
RAW, SNAPPY = 0, 1


class Table:
    """One table.

    Args:
        reader: the file.

    Raises:
        MalformedFile: the file does not end as tables do.
    """

    def __init__(self, reader: ByteReader) -> None:
        if reader.size is None:
            raise MalformedFile(reader.name, "its size is unknown, and a table is read from its end")
        self.name = reader.name
        self.size = reader.size
        self._pages = Pages(reader)
        self._entries = 0
        self._unpacked = 0
        self._elements = 0
        self._key_bytes = 0
        footer = self._pages.read(max(self.size - FOOTER_BYTES, 0), FOOTER_BYTES)
        if not footer.endswith(MAGIC) or len(footer) < FOOTER_BYTES:
            raise MalformedFile(self.name, f"ends with {footer[-8:].hex()}, not with the magic number of a table")
        _, at = self._handle(footer, 0)
        self._index, _ = self._handle(footer, at)

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, in their order.

        Raises:
            MalformedFile: a block contradicts the format, or there are too many entries.
        """
        for _, value in self._block(*self._index):
            handle, _ = self._handle(value, 0)
            yield from self._block(*handle)

    def _handle(self, data: bytes, at: int) -> tuple[tuple[int, int], int]:
        offset, at = self._varint(data, at)
        length, at = self._varint(data, at)
        if length > MAX_BLOCK_BYTES or offset + length + TRAILER_BYTES > self.size:
            raise MalformedFile(self.name, f"has a block of {length} bytes at {offset}, in a file of {self.size}")
        return (offset, length), at

    def _varint(self, data: bytes, at: int) -> tuple[int, int]:
        value = shift = 0
        while at < len(data) and shift < 70:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
            shift += 7
        raise MalformedFile(self.name, "a number in a block does not end")

    def _block(self, offset: int, length: int) -> Iterator[tuple[bytes, bytes]]:
        raw = self._pages.read(offset, length + 1)
        if len(raw) <= length or raw[length] not in (RAW, SNAPPY):
            raise MalformedFile(self.name, f"the block at {offset} has no known compression, or the file ends in it")
        data = raw[:length]
        if raw[length] == SNAPPY:
            self._elements += min(length // 2, snappy.MAX_ELEMENTS)  # at most: each takes two bytes or more
            if self._elements > MAX_SNAPPY_ELEMENTS:
                raise MalformedFile(self.name, f"has blocks of more than {MAX_SNAPPY_ELEMENTS} pieces")
            try:
                data = snappy.unpack(data)
            except snappy.SnappyError as exc:
                raise MalformedFile(self.name, f"the block at {offset} cannot be unpacked: {exc}") from exc
        self._unpacked += len(data)
        if self._unpacked > MAX_UNPACKED_BYTES:
            raise MalformedFile(self.name, f"has blocks of more than {MAX_UNPACKED_BYTES} bytes")
        restarts = int.from_bytes(data[-4:], "little")
        end = len(data) - 4 - 4 * restarts
        if len(data) < 4 or end < 0:
            raise MalformedFile(self.name, f"the block at {offset} of {len(data)} bytes has {restarts} restarts")
        yield from self._walk(data, end, offset)

    def _walk(self, data: bytes, end: int, offset: int) -> Iterator[tuple[bytes, bytes]]:
        at, key = 0, b""
        while at < end:
            if at + 2 < end and data[at] < 128 > data[at + 1] and data[at + 2] < 128:  # nearly all
                shared, own, length = data[at], data[at + 1], data[at + 2]
                at += 3
            else:
                shared, at = self._varint(data, at)
                own, at = self._varint(data, at)
                length, at = self._varint(data, at)
            if shared > len(key) or at + own + length > end:
                raise MalformedFile(self.name, f"an entry of the block at {offset} passes its end")
            key = key[:shared] + data[at : at + own]
            at += own
            self._entries += 1
            self._key_bytes += len(key)
            if self._entries > MAX_ENTRIES or self._key_bytes > MAX_KEY_BYTES:
                raise MalformedFile(self.name, f"has more than {MAX_ENTRIES} entries, or {MAX_KEY_BYTES} bytes of keys")
            yield key, data[at : at + length]
            at += length
