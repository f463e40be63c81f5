"""Scalars, texts and bytes of pickle opcodes: read, or stepped over where they are long."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable

from estimators.errors import MalformedFile
from estimators.reading.pickle_nodes import Node, Payload
from estimators.reading.pickle_stream import PickleStream

KEPT_BYTES = 4096  # of a text or bytes; longer ones are stepped over, and are nobody's name
HEAD_BYTES = 512  # of a value that is stepped over: tells the type of a storage of PyTorch's
MAX_INTEGER_BYTES = 255  # what LONG1 holds; 600 digits
HIGHEST_PROTOCOL = 5

_BYTE, _FLOAT = struct.Struct("B"), struct.Struct(">d")


class Values:
    """Reads values onto a stack.

    Args:
        stream: the bytes.

    Attributes:
        stack: what was pushed.
        memory: estimated bytes of all nodes that were ever made.
        protocol: as the pickle states it.
    """

    def __init__(self, stream: PickleStream) -> None:
        self.stream = stream
        self.stack: list[Node] = []
        self.memory = 0
        self.protocol = 0

    def fault(self, what: str) -> MalformedFile:
        """The error that says what is wrong with the pickle."""
        return MalformedFile(self.stream.file, f"pickle: {what}")

    def set_protocol(self) -> None:
        """PROTO."""
        self.protocol = self.stream.number(_BYTE)
        if self.protocol > HIGHEST_PROTOCOL:
            raise self.fault(f"protocol {self.protocol}; at most {HIGHEST_PROTOCOL} is known")

    def text_number(self) -> int:
        """The number in the next line."""
        number = integer_of(self.stream.line())
        if number is None:
            raise self.fault(f"no number in the line before {self.stream.position}")
        return number

    # Scalars

    def int_line(self) -> None:
        """INT and LONG."""
        line = self.stream.line()
        self.push_number({b"00": False, b"01": True}[line] if line in (b"00", b"01") else integer_of(line))

    def push_number(self, number: int | None) -> None:
        """Push an integer that was read as text."""
        # A line that is no number would not load; one that is too long is no size of anything.
        self.stack.append(Payload("int", self.stream.position, 0) if number is None else number)

    def float_line(self) -> None:
        """FLOAT."""
        line = self.stream.line()
        try:
            self.stack.append(float(line or b""))
        except ValueError as exc:
            raise self.fault(f"no number in the line before {self.stream.position}") from exc

    def long(self, length: int) -> None:
        """LONG1 and LONG4: two's complement."""
        if length < 0:
            raise self.fault(f"an integer of {length} bytes at {self.stream.position}")
        if length > MAX_INTEGER_BYTES:
            self.payload("int", length)
        else:
            self.memory += length
            self.stack.append(int.from_bytes(self.stream.take(length), "little", signed=True))

    def binfloat(self) -> None:
        """BINFLOAT."""
        (value,) = _FLOAT.unpack(self.stream.take(8))
        self.stack.append(value)

    # Texts and bytes

    def payload(self, kind: str, length: int) -> None:
        """Step over a long value."""
        head = self.stream.window[self.stream.at : self.stream.at + min(length, HEAD_BYTES)]
        self.memory += len(head)
        self.stack.append(Payload(kind, self.stream.position, length, head))
        self.stream.skip(length)

    def latin_text(self, length: int) -> None:
        """BINSTRING and SHORT_BINSTRING: Python 2's bytes, which were its texts."""
        self.text(length, "latin-1")

    def text(self, length: int, encoding: str = "utf-8") -> None:
        """A text of so many bytes."""
        if length < 0:
            raise self.fault(f"a text of {length} bytes at {self.stream.position}")
        if length > KEPT_BYTES:
            self.payload("str", length)
        else:
            self.push_text(self.stream.take(length).decode(encoding, "replace"))

    def push_text(self, text: str) -> None:
        """Push a text that was read."""
        self.memory += len(text) * (1 if text.isascii() else 4)
        self.stack.append(text)

    def bytearray(self, length: int) -> None:
        """BYTEARRAY8."""
        self.binary(length, "bytearray")

    def binary(self, length: int, kind: str = "bytes") -> None:
        """Bytes of a known number."""
        if length > KEPT_BYTES:
            self.payload(kind, length)
        else:
            self.memory += length
            self.stack.append(self.stream.take(length))

    def text_line(self, decode: Callable[[bytes], str]) -> None:
        """A text that ends with its line."""
        begin = self.stream.position
        head = self.stream.window[self.stream.at : self.stream.at + HEAD_BYTES]
        line = self.stream.line()
        if line is None or len(line) > KEPT_BYTES:
            self.memory += len(head)
            self.stack.append(Payload("str", begin, self.stream.position - 1 - begin, head))
            return
        try:
            self.push_text(decode(line))
        except ValueError as exc:
            raise self.fault(f"the text before {self.stream.position} has a broken escape") from exc

    def buffer(self) -> None:
        """NEXT_BUFFER: bytes outside of the pickle."""
        self.stack.append(Payload("buffer", -1, -1))


def integer_of(line: bytes | None) -> int | None:
    """The number in a line of the text protocols; None where there is none, or it is very long."""
    if line is None or len(line) > 2 * MAX_INTEGER_BYTES:
        return None
    try:
        return int(line.removesuffix(b"L"))
    except ValueError:
        return None


def quoted_text(line: bytes) -> str:
    """A text in quotes, as Python 2's repr wrote it."""
    raw = line.strip()
    if len(raw) < 2 or raw[0] != raw[-1] or raw[:1] not in (b"'", b'"'):
        raise ValueError("no quotes")
    raw = raw[1:-1]
    return (codecs.escape_decode(raw)[0] if b"\\" in raw else raw).decode("latin-1")


def unicode_text(line: bytes) -> str:
    """A text with the escapes of the text protocol."""
    return line.decode("raw-unicode-escape")
