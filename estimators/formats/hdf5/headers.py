"""Object headers of HDF5 files: the messages that say what an object is, with all others left behind.

Spec: HDF5 File Format Specification 3.0, IV.A.1 (object headers, versions 1 and 2), IV.A.2.q (continuation).

Not pyfive's reading of them: it keeps a dictionary for every message, which a header of a million empty ones turns into
a gigabyte, and refuses headers that state how many attributes they hold.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from estimators.formats.hdf5.guard import MAX_HEADER_BYTES, MAX_HEADER_READS, TooMuch

if TYPE_CHECKING:
    from estimators.formats.hdf5.guard import GuardedFile

DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT, FILTERS, SYMBOL_TABLE = 1, 2, 3, 6, 7, 8, 11, 17
CONTINUATION = 0x10
KEPT = frozenset({DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT, FILTERS, SYMBOL_TABLE})
MAX_MESSAGES = 100_000  # in one header; a group of the newer kind may list some thousand links there
MAX_PIECES = 256  # of one header
_FIRST = struct.Struct("<BBHIII")  # of version 1, padded to 16 bytes
_TIMES, _ATTRIBUTE_LIMITS, _ORDERED = 0x20, 0x10, 0x04  # flags of version 2


class MessageFault(ValueError):
    """A header contradicts the specification; the text names field and value."""


class Message(NamedTuple):
    """One message of a header.

    Attributes:
        kind: its type.
        flags: bit 1 says that the body only names where the message lies.
        body: its bytes.
    """

    kind: int
    flags: int
    body: bytes


def header_of(view: GuardedFile, address: int) -> tuple[list[Message], int]:
    """The messages that matter, and how many there are in all.

    Args:
        view: the file.
        address: of the object.

    Raises:
        MessageFault, struct.error: the header is broken.
        TooMuch: it has more messages than are followed.
    """
    view.begin(MAX_HEADER_READS, MAX_HEADER_BYTES)
    view.seek(address)
    head = view.read(32)  # the longest start of a header: signature, times, limits and a size
    if head.startswith(b"OHDR\2"):
        return _second(view, address, head)
    if head.startswith(b"\1"):
        size = _FIRST.unpack_from(head)[4]
        return _messages(view, [(address + 16, size)], struct.Struct("<HHB3x"), b"", 0)
    raise MessageFault(f"an object's header begins with {head[:5]!r}")


def _second(view: GuardedFile, address: int, head: bytes) -> tuple[list[Message], int]:
    flags = head[5]
    at = 6 + 16 * bool(flags & _TIMES) + 4 * bool(flags & _ATTRIBUTE_LIMITS)
    width = 1 << (flags & 3)
    size = int.from_bytes(head[at : at + width], "little")
    form = struct.Struct("<BHBH" if flags & _ORDERED else "<BHB")
    return _messages(view, [(address + at + width, size)], form, b"OCHK", 4)


def _messages(
    view: GuardedFile, pieces: list[tuple[int, int]], form: struct.Struct, signature: bytes, checksum: int
) -> tuple[list[Message], int]:
    """Messages of all pieces of a header.

    Args:
        view: the file.
        pieces: where the first begins, and its bytes; further ones are added as they are found.
        form: of a message's start: type, size, flags.
        signature: what further pieces begin with.
        checksum: bytes that they end with.
    """
    kept = []
    count = 0
    for number, (address, size) in enumerate(pieces):
        view.seek(address)
        data = view.read(size)
        if number and not data.startswith(signature):
            raise MessageFault(f"a piece of a header begins with {data[:4]!r} at byte {address}")
        at, end = (len(signature), len(data) - checksum) if number else (0, len(data))
        while at + form.size <= end:
            kind, length, flags = form.unpack_from(data, at)[:3]
            at += form.size
            count += 1
            if kind in KEPT:
                kept.append(Message(kind, flags, data[at : min(at + length, end)]))
            elif kind == CONTINUATION:
                pieces.append(struct.unpack_from("<QQ", data, at))
            at += length
        if count > MAX_MESSAGES or len(pieces) > MAX_PIECES:
            raise TooMuch
    return kept, count
