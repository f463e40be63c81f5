"""The directory of a zip file, and its members as files of their own.

Spec: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end,
zip64 included), 4.5.3 (zip64 extra field).

Not the standard library's zipfile: it reads the whole directory a hostile file claims to have before anything can be
checked, and a stored member is wanted as a range of the file, which it does not offer.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.reading.through import Costs
from estimators.reading.views import Part

if TYPE_CHECKING:
    from estimators.interface import ByteReader

MAGIC = b"PK\3\4"
TAIL_BYTES = 64 * 1024  # of the first look at the end: the end record and the directory of most files
MAX_COMMENT_BYTES = 65_535  # behind the end record, by the specification
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024  # 100,000 members; files of weights have a few thousand
MAX_MEMBERS = 100_000
MAX_INFLATED_BYTES = 16 * 1024 * 1024  # of a compressed member that is held in memory
PACKED_PIECE_BYTES = 256 * 1024
STORED, DEFLATED = 0, 8
ENCRYPTED = 0x1  # general purpose bit 0

_END = struct.Struct("<4s4H2IH")
_END64_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a zip, as its directory describes it.

    Attributes:
        name: path inside the zip.
        method: 0 stored, 8 deflated; others are not opened.
        packed: bytes in the zip.
        size: bytes unpacked, as claimed.
        at: offset of its local header in the file.
        encrypted: needs a password.
    """

    name: str
    method: int
    packed: int
    size: int
    at: int
    encrypted: bool = False


def first_name(front: bytes) -> str:
    """Name of a zip's first member, out of the file's first bytes; empty where they are no zip's."""
    if len(front) < _LOCAL.size or not front.startswith(MAGIC):
        return ""
    length = _LOCAL.unpack_from(front)[9]
    return front[_LOCAL.size : _LOCAL.size + length].decode("utf-8", "replace")


def members_of(source: ByteReader) -> list[Member]:
    """The members by the central directory, in its order; folders are left out.

    Raises:
        MalformedFile: there is no directory, or it contradicts the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    size = source.size
    if not size:
        raise MalformedFile(source.name, "is a zip of unknown size: its directory lies at the end")
    tail_at = max(0, size - TAIL_BYTES)
    tail = source.read(tail_at, size - tail_at)
    if _find_end(tail) is None and tail_at:
        tail_at = max(0, size - MAX_COMMENT_BYTES - _END.size - _END64_LOCATOR.size)
        tail = source.read(tail_at, size - tail_at)
    end = _find_end(tail)
    if end is None:
        raise MalformedFile(source.name, "has no zip directory: it is no zip, or was cut short")
    *_, count, length, start, _ = _END.unpack_from(tail, end)
    base = tail_at + end - length - start  # bytes before the zip, in a self-extracting file
    count, length, start, base = _zip64_end(source, tail, tail_at, end, (count, length, start, base))
    if count > MAX_MEMBERS or length > MAX_DIRECTORY_BYTES:
        raise MalformedFile(source.name, f"zip directory has {count} members in {length} bytes; that is too many")
    begin = start + base
    if base < 0 or begin + length > size:
        raise MalformedFile(source.name, f"zip directory at {start} of {length} bytes lies outside the file of {size}")
    if begin >= tail_at:
        return _parse(source.name, tail[begin - tail_at : begin - tail_at + length], count, base, size)
    return _parse(source.name, source.read(begin, length), count, base, size)


def _find_end(tail: bytes) -> int | None:
    """Offset of the end record in the file's last bytes: its comment has to reach to the end of the file."""
    at = len(tail) - _END.size
    while (at := tail.rfind(b"PK\5\6", 0, at + 4)) >= 0:
        if at + _END.size <= len(tail) and at + _END.size + _END.unpack_from(tail, at)[7] <= len(tail):
            return at
        at -= 1
        if at < 0:
            break
    return None


def _zip64_end(
    source: ByteReader, tail: bytes, tail_at: int, end: int, plain: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Members, bytes, offset and base by the zip64 end record; the plain ones where there is none.

    PyTorch writes one into every file, also where the plain numbers suffice.
    """
    locator = end - _END64_LOCATOR.size
    if locator < 0 or not tail.startswith(b"PK\6\7", locator):
        return plain
    _, _, at, _ = _END64_LOCATOR.unpack_from(tail, locator)
    # In a file with something before the zip the record lies where the locator ends, not where it says.
    for place in (tail_at + locator - _END64.size, at):
        if not 0 <= place <= tail_at + locator - _END64.size:
            continue
        inside = place - tail_at
        record = tail[inside : inside + _END64.size] if inside >= 0 else source.read(place, _END64.size)
        if record.startswith(b"PK\6\6") and len(record) == _END64.size:
            *_, count, length, start = _END64.unpack(record)
            return count, length, start, place - length - start
    if plain[0] == _FULL16 or _FULL32 in plain[1:3]:
        raise MalformedFile(source.name, f"zip64 end record at {at} is not there")
    return plain


def _parse(file: str, directory: bytes, count: int, base: int, size: int) -> list[Member]:
    members: list[Member] = []
    at = 0
    for number in range(count):
        if at + _CENTRAL.size > len(directory) or not directory.startswith(b"PK\1\2", at):
            raise MalformedFile(file, f"zip directory ends after {number} of {count} members")
        row = _CENTRAL.unpack_from(directory, at)
        flags, method = row[3], row[4]
        packed, unpacked, name_length, extra_length, comment_length, offset = *row[8:13], row[16]
        at += _CENTRAL.size
        name = directory[at : at + name_length].decode("utf-8", "replace")
        extra = directory[at + name_length : at + name_length + extra_length]
        at += name_length + extra_length + comment_length
        unpacked, packed, offset = _wide(extra, unpacked, packed, offset)
        if name.endswith("/"):
            continue
        if offset + base + packed > size:
            raise MalformedFile(file, f"zip member {name[:80]!r} of {packed} bytes at {offset} passes the file's end")
        members.append(Member(name, method, packed, unpacked, offset + base, bool(flags & ENCRYPTED)))
    return members


def _wide(extra: bytes, unpacked: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The numbers by the zip64 extra field, which holds those that are all ones in the record."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            words = [int.from_bytes(extra[i : i + 8], "little") for i in range(at + 4, min(at + 4 + length, 4096), 8)]
            values = [unpacked, packed, offset]
            for place, value in enumerate(values):
                if value == _FULL32 and words:
                    values[place] = words.pop(0)
            return values[0], values[1], values[2]
        at += 4 + length
    return unpacked, packed, offset


def open_member(source: ByteReader, member: Member) -> ByteReader:
    """A member as a file: a range of the zip where it is stored, unpacked as it is read where it is deflated.

    Raises:
        MalformedFile: its local header is not there, or it cannot be opened (encrypted, another method).
    """
    name = f"{source.name}!{member.name}"
    if member.encrypted or member.method not in (STORED, DEFLATED):
        why = "is encrypted" if member.encrypted else f"is compressed by method {member.method}"
        raise MalformedFile(name, f"{why}; only stored and deflated members are opened")
    header = source.read(member.at, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(MAGIC):
        raise MalformedFile(name, f"no zip member begins at byte {member.at}")
    _, *_, name_length, extra_length = _LOCAL.unpack(header)
    start = member.at + _LOCAL.size + name_length + extra_length
    if source.size is not None and start + member.packed > source.size:
        raise MalformedFile(name, f"{member.packed} bytes at {start} pass the end of the zip")
    packed = Part(source, name, start, member.packed)
    return packed if member.method == STORED else Inflated(packed, member.size)


class Inflated(Costs):
    """A deflated stream as a file: unpacked from its front as far as it is asked for, and held up to a cap.

    Args:
        packed: the compressed bytes.
        size: bytes unpacked, as claimed; None where unknown.
        wbits: of zlib: -15 for a zip member, 31 for gzip.
        most: bytes held at most.
    """

    def __init__(
        self, packed: ByteReader, size: int | None, *, wbits: int = -15, most: int = MAX_INFLATED_BYTES
    ) -> None:
        super().__init__(packed)
        self.name = packed.name
        self.size = size
        self._most = most
        self._decoder = zlib.decompressobj(wbits)
        self._held = bytearray()
        self._at = 0

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`.

        Raises:
            BudgetExceeded: it lies further in than is held in memory.
            MalformedFile: the stream is broken.
        """
        if length <= 0 or offset < 0:
            return b""
        if self.size is not None:
            length = min(length, max(0, self.size - offset))
        if offset + length > self._most:
            raise BudgetExceeded(self.name, f"byte {offset + length} lies beyond the {self._most} that are unpacked")
        while len(self._held) < offset + length and not self._decoder.eof:
            wanted = offset + length - len(self._held)
            pending = self._decoder.unconsumed_tail
            if not pending:
                pending = self._reader.read(self._at, PACKED_PIECE_BYTES)
                self._at += len(pending)
                if not pending:
                    break
            try:
                self._held += self._decoder.decompress(pending, max(wanted, PACKED_PIECE_BYTES))
            except zlib.error as exc:
                raise MalformedFile(self.name, f"cannot be unpacked: {exc}") from exc
        return bytes(self._held[offset : offset + length])
