"""Walk protobuf messages in a file field by field, without reading the payloads that nobody asks for.

Spec: protobuf.dev, "Encoding" (base-128 varints, tags, wire types 0 to 5, packed fields, groups).

Written by hand, not with the protobuf library: that one wants the whole message in memory, and here nearly all of a
message is tensor data to step over. A schema is what the caller looks for:

    for tag, value, length in walker.fields(start, end): ...

gives every field of the message at `start..end` in its order, and the caller compares `tag` with constants made by
`tag(number, wire type)`, so that a known number with another wire type is an unknown field, as in every parser.

* VARINT, FIXED32, FIXED64: `value` is the number, unsigned (`signed` gives an int64); `length` is 0.
* LENGTH: `value` is the offset of the payload in the file and `length` its bytes. It is a string or bytes
  (`walker.text`, `walker.bytes_of`), packed numbers (`walker.varints`), or a message (`walker.fields(value, value +
  length)`, while or after its siblings are walked). What is not asked for is not read, but for what was read ahead.
* Groups are stepped over.

Ranges: reading on where the last range ended, or a little behind, reads twice as much each time; after a long jump in a
large file it begins small again. Memory: one range. Every fault is a MalformedFile that names the byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.reading.front import FRONT_BYTES, FrontReader, front_reader
from estimators.reading.views import BLOCK_BYTES, WHOLE_BYTES

if TYPE_CHECKING:
    from estimators.interface import ByteReader

VARINT, FIXED64, LENGTH, GROUP, END_GROUP, FIXED32 = range(6)
MAX_VARINT_BYTES = 10  # 64 bits of 7 a byte
MAX_TAG = 2**32  # a tag is a 32-bit varint: field numbers have 29 bits
MAX_NESTING = 100  # messages in messages: the default of the protobuf libraries
MAX_FIELDS = 1_200_000  # walked in one file, in a second or two; graphs of language models have 100,000
MAX_TEXT_BYTES = 64 * 1024  # of a name or a list of dimensions
FIRST_RANGE_BYTES = 64 * 1024  # after a jump: one header, and whatever small ones follow
LARGEST_RANGE_BYTES = 4 * 1024 * 1024
NEAR_BYTES = 256 * 1024  # a gap up to this is no jump: reading over it costs less than another range
_HEAD_BYTES = 2 * MAX_VARINT_BYTES  # of a field: its tag, and its number or length

Field: TypeAlias = tuple[int, int, int]
"""Tag, value or offset of the payload, length of the payload."""


class TooManyFields(BudgetExceeded):
    """A message is walked no further: it has more than MAX_FIELDS fields."""


def tag(number: int, wire: int) -> int:
    """The tag of a field: its number and wire type in one."""
    return number << 3 | wire


def signed(value: int) -> int:
    """A varint as int64, int32 or enum: negative numbers are stored in two's complement of 64 bits."""
    return value - 2**64 if value >= 2**63 else value


class Walker:
    """The messages of one file.

    Args:
        reader: the file; its front (see `FrontReader`) is used where it has been read.

    Attributes:
        source: the file with its front kept, for messages and costs.
        end: the file's size; 2^63 where it is unknown, and then the outermost message ends where the file does.
        walked: fields that were yielded or stepped over so far.
    """

    def __init__(self, reader: ByteReader) -> None:
        self.source: FrontReader = front_reader(reader)
        self.end = 2**63 if reader.size is None else reader.size
        self.walked = 0
        self._window = b""
        self._base = 0  # offset of the window in the file
        self._ahead = FRONT_BYTES
        # In a file that is not much larger than what would be read whole, ranges only grow.
        self._growing = self.end <= 4 * WHOLE_BYTES
        self._depth = 0

    def fields(self, start: int = 0, end: int | None = None) -> Iterator[Field]:
        """Every field of the message at `start..end`; the whole file by default.

        Raises:
            MalformedFile: the bytes are no message of that length.
            TooManyFields: see MAX_FIELDS.
            ReadFailed, BudgetExceeded: from the reader.
        """
        at, end = start, self.end if end is None else end
        self._depth += 1
        try:
            if self._depth > MAX_NESTING:
                raise self._fault(at, f"messages are nested more than {MAX_NESTING} deep")
            while at < end:
                window, place = self._window, at - self._base
                # Most tags and lengths have one byte, and are walked here rather than in a call for each of them.
                short = 0 <= place < len(window) - 1 and 7 < window[place] < 128 > window[place + 1]
                if short and not window[place] & 5:  # a varint or a length
                    key, value, after = window[place], window[place + 1], at + 2
                else:
                    key, value, after = self._head(at, end)
                    if not key:
                        return
                self.walked += 1
                if self.walked > MAX_FIELDS:
                    raise self._too_many(at)
                wire = key & 7
                at = after + value if wire == LENGTH else after
                if at > end:
                    raise self._fault(after, f"field {key >> 3} ends at byte {at}, but its message ends at {end}")
                if wire == LENGTH:
                    yield key, after, value
                elif wire == GROUP:
                    at = self._after_group(after, end, key >> 3)
                elif wire == END_GROUP:
                    raise self._fault(at, f"group {key >> 3} ends, but none is open")
                else:
                    yield key, value, 0
        finally:
            self._depth -= 1

    def bytes_of(self, at: int, length: int, what: str, most: int = MAX_TEXT_BYTES) -> bytes:
        """A payload.

        Raises:
            MalformedFile: it is longer than `most`, or the file ends inside it.
        """
        if length > most:
            raise self._fault(at, f"{what} has {length} bytes; at most {most} is allowed")
        if not self.holds(at, length):
            self._fetch(at, length)
        found = self._window[at - self._base : at - self._base + length]
        if len(found) < length:
            raise self._fault(at, f"{what}: the file ends inside it")
        return found

    def text(self, at: int, length: int, what: str) -> str:
        """A payload as text; bytes that are no UTF-8 are replaced."""
        return self.bytes_of(at, length, what).decode("utf-8", "replace")

    def varints(self, at: int, length: int, what: str) -> list[int]:
        """A payload of packed varints, unsigned."""
        data, numbers, place = self.bytes_of(at, length, what), [], 0
        while place < length:
            value, place = _varint(data, place)
            if place < 0:
                raise self._fault(at, f"{what} holds a number that does not end, or of more than 64 bits")
            numbers.append(value)
        return numbers

    def holds(self, at: int, count: int = _HEAD_BYTES) -> bool:
        """Whether these bytes can be looked at without another range."""
        return self._base <= at and at + count <= self._base + len(self._window)

    def _head(self, at: int, end: int) -> tuple[int, int, int]:
        """Tag, value or length, and the offset behind them; a tag of 0 where a file of unknown size ends."""
        window, place = self._window, at - self._base
        if place < 0 or place + _HEAD_BYTES > len(window):
            wanted = min(_HEAD_BYTES, end - at)
            if not self.holds(at, wanted):
                self._fetch(at, wanted)
                window, place = self._window, at - self._base
            if place >= len(window):
                if self.source.size is None and self._depth == 1:
                    return 0, 0, at
                raise self._fault(at, "the file ends inside a message")
        key = window[place]
        place += 1
        if key > 127:
            key, place = _varint(window, place - 1)
        if place < 0 or not 8 <= key < MAX_TAG:
            raise self._fault(at, "no field begins here")
        value, after = _value(window, place, key & 7)
        if after < 0 or after + self._base > end:
            raise self._fault(at, f"field {key >> 3} of wire type {key & 7} does not end inside its message")
        return key, value, after + self._base

    def _after_group(self, at: int, end: int, number: int) -> int:
        """Offset behind a group, and all the groups inside it."""
        opened = [number]
        while opened:
            if at >= end or len(opened) > MAX_NESTING:
                raise self._fault(at, f"group {number} does not end, or nests more than {MAX_NESTING} deep")
            key, value, at = self._head(at, end)
            self.walked += 1
            if self.walked > MAX_FIELDS:
                raise self._too_many(at)
            if key & 7 == LENGTH:
                at += value
            elif key & 7 == GROUP:
                opened.append(key >> 3)
            elif key & 7 == END_GROUP and opened.pop() != key >> 3:
                raise self._fault(at, f"group {key >> 3} ends inside another")
        return at

    def _fetch(self, at: int, count: int) -> None:
        """Make the window begin at `at` and hold `count` bytes, or what the file still has."""
        front = self.source.front()
        if at + count <= len(front) or len(front) == self.end:
            self._window, self._base = front, 0
            return
        near = self._base <= at <= self._base + len(self._window) + NEAR_BYTES
        grown = min(2 * self._ahead, LARGEST_RANGE_BYTES)
        self._ahead = grown if near or self._growing else FIRST_RANGE_BYTES
        stop = at + self._ahead
        stop = max(stop - stop % BLOCK_BYTES, at + count)
        stop = min(stop, max(self.end, at))
        self._window, self._base = self.source.read(at, stop - at) if stop > at else b"", at

    def _too_many(self, at: int) -> TooManyFields:
        return TooManyFields(self.source.name, f"has more than {MAX_FIELDS} fields; from byte {at} on none is walked")

    def _fault(self, at: int, what: str) -> MalformedFile:
        return MalformedFile(self.source.name, f"protobuf at byte {at}: {what}")


def first_fields(front: bytes, most: int = 32) -> list[Field]:
    """The first fields of a message whose front this is, with offsets into it; for telling formats apart.

    Ends before the first field that is not whole, but includes a payload whose head is: it may reach beyond the front.
    Empty where the bytes begin no message.
    """
    found: list[Field] = []
    at = 0
    while at < len(front) and len(found) < most:
        key, place = _varint(front, at)
        wire = key & 7
        if place < 0 or not 8 <= key < MAX_TAG or wire in (GROUP, END_GROUP, 6, 7):
            return found if place < 0 else []
        value, after = _value(front, place, wire)
        if after < 0:
            return found
        found.append((key, after, value) if wire == LENGTH else (key, value, 0))
        at = after + value if wire == LENGTH else after
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A varint and the place behind it; the place is -1 where it does not end, or passes 64 bits."""
    value = 0
    for shift, byte in enumerate(data[at : at + MAX_VARINT_BYTES]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return (value, at + shift + 1) if value < 2**64 else (0, -1)
    return 0, -1


def _value(data: bytes, at: int, wire: int) -> tuple[int, int]:
    """What follows a tag, and the place behind it; the place is -1 where it is not whole or of no wire type."""
    if wire in (VARINT, LENGTH):
        if at < len(data) and data[at] < 128:
            return data[at], at + 1
        return _varint(data, at)
    if wire in (GROUP, END_GROUP):
        return 0, at
    width = {FIXED32: 4, FIXED64: 8}.get(wire, len(data) + 1)
    return (int.from_bytes(data[at : at + width], "little"), at + width) if at + width <= len(data) else (0, -1)
