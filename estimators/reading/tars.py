"""The members of a tar archive: walked from header to header, without the data between.

Spec: POSIX.1-2017, pax (ustar and extended headers); GNU tar manual, "Basic Tar Format" (long names, base-256 numbers).
Not the standard library's tarfile: it reads extended headers of any length, and a member is wanted as a range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from estimators.errors import MalformedFile
from estimators.interface import ByteReader

BLOCK = 512
MAX_MEMBERS = 30_000
MAX_EXTENDED_BYTES = 64 * 1024  # of a long name, or of a pax header
_MAGIC_AT = slice(257, 262)
_FILES = (b"0", b"\0", b"7")
_LONG_NAME, _PAX, _SPARSE = b"L", b"x", b"S"
_WITH_DATA = (*_FILES, _LONG_NAME, b"K", _PAX, b"g", _SPARSE)
_PAX_FIELD = re.compile(rb"(?<!\d)\d{1,9} (path|size)=([^\n]*)\n")


class Member(NamedTuple):
    """One file of the archive.

    Attributes:
        name: its path, without `./` or a slash before it.
        offset: where its data begins.
        size: bytes.
    """

    name: str
    offset: int
    size: int


def is_tar(front: bytes) -> bool:
    """Whether a file begins with a tar header, by its checksum."""
    return len(front) >= BLOCK and (front[_MAGIC_AT] == b"ustar" or bool(front[0])) and _is_header(front[:BLOCK])


def _is_header(block: bytes) -> bool:
    stated = _number(block[148:156])
    if stated is None or len(block) < BLOCK:
        return False
    return stated == sum(block[:148]) + 8 * 32 + sum(block[156:])


def members_of(source: ByteReader) -> Iterator[Member]:
    """The files of an archive, in order; links, folders and devices are left out.

    Raises:
        MalformedFile: a header is broken, or the file ends inside a member.
        ReadFailed, BudgetExceeded: from the reader.
    """
    at = 0
    name, size = b"", None
    for _ in range(MAX_MEMBERS):
        block = source.read(at, BLOCK)
        if len(block) == BLOCK and not block.strip(b"\0"):
            return
        if not _is_header(block):
            what = "ends without an empty block" if not block else "has no tar header"
            raise MalformedFile(source.name, f"{what} at byte {at}")
        kind = block[156:157]
        length = size if size is not None else _number(block[124:136])
        if length is None or length < 0:
            raise MalformedFile(source.name, f"tar member at byte {at} has the size {block[124:136]!r}")
        length = length if kind in _WITH_DATA else 0
        at += BLOCK
        if source.size is not None and at + length > source.size:
            raise MalformedFile(source.name, f"tar member of {length} bytes at {at} passes the file's end")
        if kind in (_LONG_NAME, _PAX):
            text = source.read(at, min(length, MAX_EXTENDED_BYTES))
            name, size = (text.rstrip(b"\0"), size) if kind == _LONG_NAME else _extended(text, name)
        elif kind in (*_FILES, _SPARSE):
            path = _plain(name or _ustar_name(block))
            if not path.endswith("/"):
                yield Member(path, at, length)
            name, size = b"", None
        at += -(-length // BLOCK) * BLOCK
    raise MalformedFile(source.name, f"has more than {MAX_MEMBERS} tar members")


def _number(field: bytes) -> int | None:
    """Octal digits, or a number of base 256 where the first bit is set."""
    if field[:1] >= b"\x80":
        return int.from_bytes(field, "big") & (1 << (8 * len(field) - 1)) - 1
    digits = field.strip(b" \0")
    if not digits:
        return 0
    return int(digits, 8) if re.fullmatch(rb"[0-7]+", digits) else None


def _extended(text: bytes, name: bytes) -> tuple[bytes, int | None]:
    """Name and size of the next member as a pax header states them."""
    fields = dict(_PAX_FIELD.findall(text))
    size = fields.get(b"size", b"")
    return fields.get(b"path", name), int(size) if size.isdigit() and len(size) < 20 else None


def _ustar_name(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0] if block[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _plain(name: bytes) -> str:
    path = name.decode("utf-8", "replace").lstrip("/")
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path
