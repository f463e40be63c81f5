"""Tables of a FlatBuffer, read one by one over ranged reads.

Spec: flatbuffers.dev, "FlatBuffer Internals". A table begins with the signed distance back to its vtable, which holds
the table's fields as 16-bit distances from the table's start (0: absent); references are unsigned 32-bit distances
from where they stand; a vector begins with its 32-bit count.

Not the flatbuffers library: it wants all of the bytes in memory, and trusts every distance in them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.reading.front import FrontReader
from estimators.reading.views import BLOCK_BYTES, KEPT_BYTES

if TYPE_CHECKING:
    from estimators.interface import ByteReader

# Bytes between two places that are still read in one range: a further range costs about as much time as these.
NEAR_BYTES = 128 * 1024
LONGEST_RANGE_BYTES = KEPT_BYTES // 2
MAX_FIELDS = 32  # of a table that are looked at; the schemas read here have fewer than 16
MAX_VTABLES = 20_000  # kept in memory; writers share them, and have a few dozen
MAX_STRING_BYTES = 256  # of a name; longer ones are cut
MAX_LOOKS = 1_000_000  # a second; models of 30,000 tensors take 600,000
BYTES_A_LOOK = 64  # of a text or vector

_UINT16, _INT32, _UINT32, _UINT64 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I"), struct.Struct("<Q")


class Looks:
    """How often tables may still be looked at: lists in lists may name one table again and again."""

    def __init__(self, most: int = MAX_LOOKS) -> None:
        self.left = most


class Flatbuffer:
    """A FlatBuffer at the start of a file. Places are offsets in the file, 0 for what is absent.

    Args:
        reader: the file.
        start: where the FlatBuffer begins, in bytes.
        looks: shared by the FlatBuffers of one bundle.
    """

    def __init__(self, reader: ByteReader, start: int = 0, looks: Looks | None = None) -> None:
        self.name = reader.name
        self.size = reader.size
        self._reader = reader
        self._start = start
        self._looks = looks or Looks()
        self._blocks: dict[int, bytes] = {}
        self._window = b""
        self._window_at = 0
        self._vtables: dict[int, tuple[int, ...]] = {}
        self._free_bytes = len(reader.front()) if isinstance(reader, FrontReader) else 0

    def root(self) -> int:
        """The root table."""
        return self.follow(self._start, "the root table")

    def field(self, table: int, number: int) -> int:
        """Place of a table's field by its number in the schema; 0 where the table leaves it out."""
        self._look(1)
        vtable = table - self._unpack(_INT32, table, "a table")
        fields = self._vtables.get(vtable)
        if fields is None:
            fields = self._read_vtable(vtable)
        distance = fields[number] if number < len(fields) else 0
        return table + distance if distance else 0

    def _look(self, often: int) -> None:
        self._looks.left -= often
        if self._looks.left < 0:
            raise MalformedFile(self.name, f"its tables would have to be looked at more than {MAX_LOOKS} times")

    def _read_vtable(self, vtable: int) -> tuple[int, ...]:
        if vtable < 0:
            raise MalformedFile(self.name, f"a vtable lies at byte {vtable}")
        count = min(max(self._unpack(_UINT16, vtable, "a vtable") // 2 - 2, 0), MAX_FIELDS)
        raw = self.read(vtable + 4, 2 * count, "a vtable")
        fields = struct.unpack(f"<{count}H", raw)
        if len(self._vtables) < MAX_VTABLES:
            self._vtables[vtable] = fields
        return fields

    def byte(self, place: int, default: int = 0) -> int:
        """An 8-bit field."""
        return self.read(place, 1, "a field")[0] if place else default

    def uint32(self, place: int, default: int = 0) -> int:
        """A 32-bit field."""
        return self._unpack(_UINT32, place, "a field") if place else default

    def uint64(self, place: int, default: int = 0) -> int:
        """A 64-bit field."""
        return self._unpack(_UINT64, place, "a field") if place else default

    def follow(self, place: int, what: str) -> int:
        """What the reference at a place refers to; 0 where the place is 0 or the reference is null."""
        distance = self._unpack(_UINT32, place, what) if place or what == "the root table" else 0
        return place + distance if distance else 0

    def table(self, table: int, number: int, what: str) -> int:
        """The table or vector in a table's field; 0 where absent."""
        place = self.field(table, number)
        return self.follow(place, what) if place else 0

    def count(self, table: int, number: int, what: str) -> int:
        """Items of the vector in a table's field; 0 where absent."""
        vector = self.table(table, number, what)
        return self._unpack(_UINT32, vector, what) if vector else 0

    def numbers(self, table: int, number: int, code: str, most: int, what: str) -> Sequence[int]:
        """The vector of numbers in a table's field.

        Args:
            table: the table.
            number: of the field.
            code: of one number, as `struct` names it.
            most: items allowed.
            what: for messages.
        """
        vector = self.table(table, number, what)
        if not vector:
            return ()
        count = self._unpack(_UINT32, vector, what)
        if count > most:
            raise MalformedFile(self.name, f"{what}: {count} items; at most {most} are allowed")
        self._look(count // 4)  # quick by themselves
        return struct.unpack(f"<{count}{code}", self.read(vector + 4, count * struct.calcsize("<" + code), what))

    def tables(self, table: int, number: int, most: int, what: str) -> list[int]:
        """Places of the tables in a vector of tables."""
        vector = self.table(table, number, what)
        distances = self.numbers(table, number, "I", most, what)
        return [vector + 4 + 4 * index + distance for index, distance in enumerate(distances)]

    def string(self, table: int, number: int, what: str) -> str:
        """The string in a table's field, cut at `MAX_STRING_BYTES`; empty where absent."""
        vector = self.table(table, number, what)
        if not vector:
            return ""
        length = min(self._unpack(_UINT32, vector, what), MAX_STRING_BYTES)
        return self.read(vector + 4, length, what).decode("utf-8", "replace")

    def _unpack(self, form: struct.Struct, place: int, what: str) -> int:
        at = place - self._window_at
        if 0 <= at <= len(self._window) - form.size:
            return int(form.unpack_from(self._window, at)[0])
        return int(form.unpack(self.read(place, form.size, what))[0])

    def read(self, place: int, length: int, what: str) -> bytes:
        """Bytes that the tables promise.

        Raises:
            MalformedFile: the file ends before them.
        """
        self._look(length // BYTES_A_LOOK)
        at = place - self._window_at
        if at >= 0 and at + length <= len(self._window):
            return self._window[at : at + length]
        if place < 0 or (self.size is not None and place + length > self.size):
            raise MalformedFile(self.name, f"{what} of {length} bytes at {place} lies outside the file of {self.size}")
        first, last = place // BLOCK_BYTES, max(place + length - 1, place) // BLOCK_BYTES
        if any(number not in self._blocks for number in range(first, last + 1)):
            self._fetch(first, last + 1)
        self._window_at = first * BLOCK_BYTES
        self._window = self._blocks[first]
        if last > first:
            self._window = b"".join(self._blocks[number] for number in range(first, last + 1))
        at = place - self._window_at
        if at + length > len(self._window):
            raise MalformedFile(self.name, f"{what} of {length} bytes at {place} passes the end of the file")
        return self._window[at : at + length]

    def at_hand(self, first: int, last: int) -> bool:
        """Whether the bytes from place `first` to `last` cost no further range."""
        if last < self._free_bytes:
            return True
        return all(number in self._blocks for number in range(first // BLOCK_BYTES, last // BLOCK_BYTES + 1))

    def fetch(self, first: int, last: int) -> None:
        """Have the bytes from place `first` to `last`, in one range if none of them is here."""
        self._fetch(first // BLOCK_BYTES, last // BLOCK_BYTES)

    def _fetch(self, first: int, last: int) -> None:
        wanted = range(first, last + 1)
        while first <= last and first in self._blocks:
            first += 1
        while last > first and last in self._blocks:
            last -= 1
        if first > last:
            return
        length = (last + 1 - first) * BLOCK_BYTES
        if self.size is not None:
            length = min(length, self.size - first * BLOCK_BYTES)
        data = self._reader.read(first * BLOCK_BYTES, length) if length > 0 else b""
        spare = len(self._blocks) + last + 1 - first - KEPT_BYTES // BLOCK_BYTES
        for number in [number for number in self._blocks if number not in wanted][: max(spare, 0)]:
            del self._blocks[number]
        for number in range(first, last + 1):
            at = (number - first) * BLOCK_BYTES
            self._blocks[number] = data[at : at + BLOCK_BYTES]


def clusters(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last place of every run of places that are near to each other, in order."""
    begin = end = -1
    for place in sorted(places):
        if begin >= 0 and place - end <= NEAR_BYTES and place - begin <= LONGEST_RANGE_BYTES:
            end = place
            continue
        if begin >= 0:
            yield begin, end
        begin = end = place
    if begin >= 0:
        yield begin, end
