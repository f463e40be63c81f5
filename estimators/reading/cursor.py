"""Walk binary headers value by value over ranged reads: growing ranges, unread skips, and a cap on everything.

For formats whose headers have no index (GGUF and its predecessors): what is needed lies behind lists of unknown length.
"""

from __future__ import annotations

import struct

from estimators.errors import MalformedFile
from estimators.reading.front import FRONT_BYTES, FrontReader

MAX_STRINGS = 5_000_000  # over all arrays: vocabulary and merges are below 1 million; bounds the walking time
MAX_NAME_BYTES = 65_535  # of a key, by the GGUF specification; tensor names are shorter still
MAX_VALUE_BYTES = 2**30  # of a string, and values of an array: the caps of the GGUF reference reader
MAX_WALKED_BYTES = 128 * 1024 * 1024  # of header in all, however it is made
LARGEST_RANGE_BYTES = 8 * 1024 * 1024  # ranges grow fourfold from the front's 128 KiB up to this
# What lists of strings need is foreseen by their length: tokens of real vocabularies have six to nine bytes, and what
# follows a list is small, so that a quarter more spares the next range.
USUAL_STRING_BYTES = 9
LONG_LIST = 1000  # strings
SPARE = 4  # a quarter


class Cursor:
    """Reads values one after the other, fetching ranges of growing size as it goes.

    Args:
        source: the file.
        offset: where to begin.
        order: byte order, `<` or `>`.
        wide_lengths: whether lengths and counts have 64 bits, not 32.
    """

    def __init__(self, source: FrontReader, offset: int, order: str, *, wide_lengths: bool) -> None:
        self.file = source.name
        self._source = source
        self._start = offset  # of the window in the file
        self._window = b""
        self._at = 0  # inside the window
        self._next_range = FRONT_BYTES - offset
        self._foreseen = 0
        self._walked = 0
        self._strings = 0
        self._length = struct.Struct(order + ("Q" if wide_lengths else "I"))
        self._uint16 = struct.Struct(order + "H")
        self._uint32 = struct.Struct(order + "I")
        self._uint64 = struct.Struct(order + "Q")

    @property
    def position(self) -> int:
        """Offset in the file of the next value."""
        return self._start + self._at

    @property
    def held(self) -> int:
        """Bytes from here on that cost no range."""
        return max(0, len(self._window) - self._at)

    def foresee(self, count: int) -> None:
        """Say how many bytes from here on will be wanted, so that the next range is neither short nor long."""
        self._foreseen = min(count + count // SPARE, LARGEST_RANGE_BYTES)

    def _need(self, count: int, what: str) -> None:
        """Have `count` bytes in the window from here on."""
        missing = self._at + count - len(self._window)
        if missing <= 0:
            return
        kept = self._window[self._at :]
        self._start, self._at = self._start + self._at, 0
        wanted = max(count - len(kept), self._foreseen or self._next_range)
        size = self._source.size
        if size is not None:
            wanted = max(min(wanted, size - self._start - len(kept)), 0)
            if wanted < count - len(kept):
                raise MalformedFile(self.file, f"{what} at byte {self._start}: the file ends inside it")
        self._walked += wanted
        if self._walked > MAX_WALKED_BYTES + LARGEST_RANGE_BYTES:
            raise MalformedFile(self.file, f"{what}: the header is longer than {MAX_WALKED_BYTES} bytes")
        if self._foreseen:
            self._foreseen = 0
            self._next_range = FRONT_BYTES
        else:
            self._next_range = min(4 * max(self._next_range, FRONT_BYTES), LARGEST_RANGE_BYTES)
        self._window = kept + self._source.read(self._start + len(kept), wanted)
        if len(self._window) < count:
            raise MalformedFile(self.file, f"{what} at byte {self._start}: the file ends inside it")

    def skip(self, count: int, what: str) -> None:
        """Step over `count` bytes, unread where they lie beyond the window."""
        target = self._at + count
        if target <= len(self._window):
            self._at = target
            return
        size = self._source.size
        if size is not None and self._start + target > size:
            raise MalformedFile(self.file, f"{what} ends at byte {self._start + target} of a file of {size}")
        self._start, self._at, self._window = self._start + target, 0, b""

    def _unpack(self, form: struct.Struct, what: str) -> int:
        self._need(form.size, what)
        (value,) = form.unpack_from(self._window, self._at)
        self._at += form.size
        return int(value)

    def uint16(self, what: str) -> int:
        """A 16-bit number."""
        return self._unpack(self._uint16, what)

    def uint32(self, what: str) -> int:
        """A 32-bit number."""
        return self._unpack(self._uint32, what)

    def uint64(self, what: str) -> int:
        """A 64-bit number."""
        return self._unpack(self._uint64, what)

    def length(self, what: str, most: int) -> int:
        """A length or count in the version's width, at most `most`."""
        value = self._unpack(self._length, what)
        if value > most:
            raise MalformedFile(self.file, f"{what} is {value}; at most {most} is allowed")
        return value

    def name(self, what: str) -> bytes:
        """A key or tensor name, as bytes."""
        count = self.length(f"length of {what}", MAX_NAME_BYTES)
        self._need(count, what)
        value = self._window[self._at : self._at + count]
        self._at += count
        return value

    def skip_strings(self, count: int, what: str) -> None:
        """Step over an array of strings: their lengths have to be walked."""
        self._strings += count
        if self._strings > MAX_STRINGS:
            raise MalformedFile(self.file, f"{what}: {self._strings} strings; at most {MAX_STRINGS} are allowed")
        unpack, width = self._length.unpack_from, self._length.size
        begin = self.position
        for number in range(count):
            if self._at + width > len(self._window):
                self._foresee_strings(number, count, begin)
                self._need(width, what)
            (length,) = unpack(self._window, self._at)
            after = self._at + width + length
            if after <= len(self._window):
                self._at = after
            else:
                self._at += width
                self._skip_value(length, what)

    def _foresee_strings(self, number: int, count: int, begin: int) -> None:
        """Foresee the rest of a long list by the mean length so far, which is small for the first of a vocabulary."""
        left = count - number
        if left < LONG_LIST:
            return
        mean = (self.position - begin) // number if number else 0
        self.foresee(left * max(mean, self._length.size + USUAL_STRING_BYTES) + FRONT_BYTES)

    def _skip_value(self, length: int, what: str) -> None:
        if length > MAX_VALUE_BYTES:
            raise MalformedFile(self.file, f"length of {what} is {length}; at most {MAX_VALUE_BYTES} is allowed")
        self.skip(length, what)
