"""Walk a MessagePack document that holds arrays, and step over their elements unread.

Spec: msgpack/msgpack spec.md; arrays as flax/serialization.py writes them (extension types 1 and 3: shape, name of the
type, bytes) and as msgpack-numpy does (a map of `nd`, `type`, `kind`, `shape`, `data`).

Our own walker: msgspec and msgpack build every value, and so would read all of the weights.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol

from estimators.errors import MalformedFile
from estimators.reading import npy
from estimators.reading.front import FRONT_BYTES, FrontReader
from estimators.reading.records import RecordCursor
from estimators.reading.views import BLOCK_BYTES

MAX_VALUES = 400_000  # a second; the largest Flax models have a few thousand arrays
MAX_DEPTH = 64  # real documents nest about 12 deep
MAX_SMALL_BYTES = 64 * 1024  # of a text, or of bytes that are looked at
MAX_DIMENSIONS = 64
NEAR_BYTES = 256 * 1024  # arrays that are shorter are read over: a range of its own would cost as much
READ_OVER_BYTES = 8 * 1024 * 1024  # in all; beyond that, bytes cost more than ranges
LEAST_USEFUL_BYTES = 4 * 1024  # of a block, to be worth its own range
NDARRAY, SCALAR = 1, 3  # Flax's extension types; 2 is one complex number
SHIMS = "shims"  # of thinc: documents in the document
_ARRAY_KEYS = frozenset({"nd", "type", "kind", "shape", "data"})

_NUMBERS = {
    0xCA: struct.Struct(">f"), 0xCB: struct.Struct(">d"), 0xCC: struct.Struct(">B"), 0xCD: struct.Struct(">H"),
    0xCE: struct.Struct(">I"), 0xCF: struct.Struct(">Q"), 0xD0: struct.Struct(">b"), 0xD1: struct.Struct(">h"),
    0xD2: struct.Struct(">i"), 0xD3: struct.Struct(">q"),
}  # fmt: skip
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}  # code: bytes of the length
_BINS = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes that were stepped over."""

    offset: int
    length: int


class StoppedError(Exception):
    """The walk ended before the document: it holds more values than are walked, or nobody wants the rest."""


class Sink(Protocol):
    """What a walk tells of what it meets."""

    def array(self, path: list[str], field: npy.Field | None, shape: tuple[int, ...], length: int) -> None:
        """An array of `length` bytes; `field` is None where its type is unknown."""

    def blob(self, path: list[str], blob: Blob) -> None:
        """Bytes that are no array."""

    def text(self, path: list[str], text: str) -> None:
        """A text."""


class _Cursor(RecordCursor):
    """A cursor that reads as far as the next block's edge behind large arrays, and over small ones."""

    def __init__(self, source: FrontReader, offset: int) -> None:
        super().__init__(source, offset, ">")
        self.wanted = True
        if offset >= FRONT_BYTES:
            self._next_range = BLOCK_BYTES

    def _need(self, count: int, what: str) -> None:
        if not self.wanted and self._at + count > len(self._window):
            raise StoppedError
        super()._need(count, what)

    def byte(self) -> int:
        """One byte."""
        return self.take(1, "a value")[0]

    def big(self, width: int, what: str) -> int:
        """A big-endian number."""
        return int.from_bytes(self.take(width, what), "big")

    def peek(self, count: int, what: str) -> bytes:
        """The next bytes, which stay the next ones."""
        self._need(count, what)
        return self._window[self._at : self._at + count]

    def skip_data(self, count: int, what: str) -> None:
        """Step over elements."""
        before = self.position
        inside = self._at + count <= len(self._window)
        self.skip(count, what)
        if not inside and (self.position - before > NEAR_BYTES or self._walked > READ_OVER_BYTES):
            left = BLOCK_BYTES - self.position % BLOCK_BYTES
            self._next_range = left if left >= LEAST_USEFUL_BYTES else left + BLOCK_BYTES


class Walker:
    """Walks one document.

    Args:
        source: the file.
        sink: hears of arrays and blobs.
    """

    def __init__(self, source: FrontReader, sink: Sink) -> None:
        self._cursor = _Cursor(source, 0)
        self._file = source.name
        self._sink = sink
        self._values = 0
        self._path: list[str] = []

    @property
    def position(self) -> int:
        """Offset of the next value."""
        return self._cursor.position

    def finish(self) -> None:
        """Walk on only as far as no further range is needed."""
        self._cursor.wanted = False

    def walk(self) -> None:
        """Walk the document at the front of the file.

        Raises:
            MalformedFile: it breaks off, or is none.
            StoppedError: it holds more than `MAX_VALUES`, or a range was needed after `finish`.
            ReadFailed, BudgetExceeded: from the reader.
        """
        self._value(0)

    def _fault(self, what: str) -> MalformedFile:
        return MalformedFile(self._file, f"{what} at byte {self._cursor.position}")

    def _value(self, depth: int) -> Scalar | bytes | Blob | list[int]:
        """Walk one value, and give it back where it is small: a scalar, bytes, or a list of numbers."""
        self._values += 1
        if self._values > MAX_VALUES:
            raise StoppedError
        if depth > MAX_DEPTH:
            raise self._fault(f"values nest deeper than {MAX_DEPTH}")
        code = self._cursor.byte()
        if code < 0x80 or code >= 0xE0:
            return code if code < 0x80 else code - 0x100
        if code < 0x90:
            self._map(code & 0x0F, depth)
            return None
        if code < 0xA0:
            return self._list(code & 0x0F, depth)
        if code < 0xC0:
            return self._text(code & 0x1F)
        return self._coded(code, depth)

    def _coded(self, code: int, depth: int) -> Scalar | bytes | Blob | list[int]:
        """A value whose first byte says only what it is."""
        cursor = self._cursor
        if code in _NUMBERS:
            form = _NUMBERS[code]
            (number,) = form.unpack(cursor.take(form.size, "a number"))
            return number  # type: ignore[no-any-return]
        if code in _TEXTS:
            return self._text(cursor.big(_TEXTS[code], "length of a text"))
        if code in _BINS:
            return self._binary(cursor.big(_BINS[code], "length of bytes"), depth)
        if code in _LISTS:
            return self._list(cursor.big(_LISTS[code], "length of a list"), depth)
        if code in _MAPS:
            self._map(cursor.big(_MAPS[code], "length of a map"), depth)
        elif code in _EXTENSIONS:
            self._extension(cursor.big(_EXTENSIONS[code], "length of an extension"))
        elif code in _FIXED_EXTENSIONS:
            self._extension(_FIXED_EXTENSIONS[code])
        elif code == 0xC1:
            raise self._fault("byte 0xc1 begins no value")
        return {0xC2: False, 0xC3: True}.get(code)

    def _text(self, length: int) -> Scalar:
        if length > MAX_SMALL_BYTES:
            self._cursor.skip_data(length, "a text")
            return None
        text = self._cursor.take(length, "a text").decode("utf-8", "replace")
        self._sink.text(self._path, text)
        return text

    def _binary(self, length: int, depth: int) -> bytes | Blob:
        """Bytes: a short text of older writers, or something that is looked into."""
        cursor = self._cursor
        if length <= 32:
            return cursor.take(length, "bytes")
        blob = Blob(cursor.position, length)
        begin = cursor.peek(min(length, 16), "bytes")
        if self._path[-1:] == ["data"]:
            cursor.skip_data(length, "elements")  # an array's, told of by its map
            return blob
        if self._path[:1] == [SHIMS] and 0x81 <= begin[0] <= 0x8F and 0xA1 <= begin[1] <= 0xBF:
            self._value(depth + 1)
            if cursor.position != blob.offset + length:
                raise self._fault(f"a document of {length} bytes at {blob.offset} ends")
            return blob
        self._sink.blob(self._path, blob)
        cursor.skip_data(length, "bytes")
        return blob

    def _list(self, length: int, depth: int) -> list[int] | None:
        """A list; given back where it is short and of numbers, as shapes are."""
        numbers: list[int] = []
        for number in range(length):
            self._path.append(str(number))
            value = self._value(depth + 1)
            self._path.pop()
            if isinstance(value, int) and len(numbers) == number < MAX_DIMENSIONS:
                numbers.append(value)
        return numbers if len(numbers) == length else None

    def _map(self, length: int, depth: int) -> None:
        array: dict[str, object] = {}
        for number in range(length):
            key = self._value(depth + 1)
            name = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
            self._path.append(name[:200])
            value = self._value(depth + 1)
            self._path.pop()
            if name in _ARRAY_KEYS and len(array) == number:
                array[name] = value
        if array.get("nd") is True:
            self._array_of_map(array)
        elif isinstance(blob := array.get("data"), Blob):
            self._sink.blob(self._path, blob)

    def _array_of_map(self, array: dict[str, object]) -> None:
        """An array as msgpack-numpy writes it."""
        form, shape, data = array.get("type"), array.get("shape"), array.get("data")
        if isinstance(form, bytes):
            form = form.decode("ascii", "replace")
        if isinstance(data, Blob):
            length = data.length
        elif isinstance(data, bytes | str):
            length = len(data)
        else:
            raise self._fault("an array without data ends")
        field = npy.Field("", *npy.type_of(self._file, form)) if isinstance(form, str) else None
        self._tell(field, npy.shape_of(self._file, shape), length)

    def _extension(self, length: int) -> None:
        """An extension value: an array of Flax's, or something that is stepped over."""
        cursor = self._cursor
        kind, start = cursor.byte(), cursor.position
        if kind not in (NDARRAY, SCALAR):
            cursor.skip_data(length, "an extension value")
            return
        if cursor.byte() != 0x93:
            raise self._fault("an array is no list of shape, type and bytes")
        shape = self._value(MAX_DEPTH - 1)
        name = self._value(MAX_DEPTH - 1)
        code = cursor.byte()
        if code in _BINS:
            count = cursor.big(_BINS[code], "length of elements")
        elif code in _TEXTS:  # written before MessagePack had bytes
            count = cursor.big(_TEXTS[code], "length of elements")
        elif 0xA0 <= code < 0xC0:
            count = code & 0x1F
        else:
            raise self._fault("an array without elements ends")
        if cursor.position + count != start + length:
            raise self._fault(f"an array of {length} bytes says that it has {count} bytes of elements")
        if isinstance(name, bytes):
            name = name.decode("ascii", "replace")
        named = npy.named_type(name) if isinstance(name, str) else None
        self._tell(npy.Field("", *named) if named else None, npy.shape_of(self._file, shape), count)
        cursor.skip_data(count, "elements")

    def _tell(self, field: npy.Field | None, shape: tuple[int, ...], length: int) -> None:
        if field is not None and npy.product(shape) * field.itemsize != length:
            raise self._fault(f"an array {shape} of {field.dtype} has {length} bytes")
        self._sink.array(self._path, field, shape, length)
