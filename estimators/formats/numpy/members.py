"""The `.npy` members of a zip, with the headers of their arrays from as few ranges as can be.

Spec: PKWARE APPNOTE.TXT 6.3.10, section 4.3.7 (local header); the directory is read by `zips`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.reading import npy, zips
from estimators.reading.zips import Member

if TYPE_CHECKING:
    from estimators.interface import ByteReader

ENDING = ".npy"
HEAD_BYTES = 1024  # of a member: local header, name and array header of all but structured arrays
GAP_BYTES = 128 * 1024  # between two members' heads; a range of its own costs as much as so many bytes
LARGEST_PIECE_BYTES = 2 * 1024 * 1024  # of one range over neighbouring members
DEFLATE_RATIO = 1032  # bytes unpacked from one: the most that deflate reaches
DEFLATE_SPARE_BYTES = 1024  # blocks of a few bytes do not reach it

_LOCAL = struct.Struct("<4s5H3I2H")


def is_array(name: str) -> bool:
    """Whether a member's name is an array's."""
    return name.endswith(ENDING)


def name_of(member: Member) -> str:
    """The array's name."""
    return member.name.removesuffix(ENDING)


def array_members(source: ByteReader) -> list[Member]:
    """All members of a zip, in the file's order, checked against each other.

    Raises:
        MalformedFile: there is no directory, members overlap, or one claims more than it can hold.
        ReadFailed, BudgetExceeded: from the reader.
    """
    members = sorted(zips.members_of(source), key=lambda member: member.at)
    end = 0
    for member in members:
        if member.at < end:
            raise MalformedFile(source.name, f"zip member {member.name[:80]!r} at {member.at} overlaps another")
        end = member.at + _LOCAL.size + member.packed
        ratio = DEFLATE_RATIO if member.method == zips.DEFLATED else 1
        if member.method in (zips.STORED, zips.DEFLATED) and (
            member.size > member.packed * ratio + (DEFLATE_SPARE_BYTES if ratio > 1 else 0)
        ):
            raise MalformedFile(
                source.name, f"zip member {member.name[:80]!r} claims {member.size} bytes out of {member.packed}"
            )
    return members


def heads(source: ByteReader, members: Sequence[Member]) -> Iterator[tuple[Member, npy.Header]]:
    """The array header of each member; neighbours are read in one range.

    Raises:
        MalformedFile: a member is no array, or cannot be unpacked.
        ReadFailed, BudgetExceeded: from the reader.
    """
    for run in _runs(sorted(members, key=lambda member: member.at)):
        start, end = run[0].at, run[-1].at + HEAD_BYTES
        piece = source.read(start, end - start)
        for member in run:
            yield member, _header(source, member, piece[member.at - start : member.at - start + HEAD_BYTES])


def _runs(members: Sequence[Member]) -> Iterator[list[Member]]:
    """Members whose heads lie close enough for one range."""
    run: list[Member] = []
    for member in members:
        near = run and member.at - run[-1].at <= GAP_BYTES and member.at - run[0].at <= LARGEST_PIECE_BYTES
        if run and not near:
            yield run
            run = []
        run.append(member)
    if run:
        yield run


def _header(source: ByteReader, member: Member, head: bytes) -> npy.Header:
    name = f"{source.name}!{member.name[:80]}"
    start = _data_start(name, head)
    begin = b""
    if member.method == zips.STORED and not member.encrypted:
        begin = head[start : start + member.packed]
    elif member.method == zips.DEFLATED and not member.encrypted:
        try:
            begin = zlib.decompressobj(-15).decompress(head[start : start + member.packed], npy.MAX_HEADER_BYTES)
        except zlib.error as exc:
            raise MalformedFile(name, f"cannot be unpacked: {exc}") from exc
    if len(begin) < npy.FIXED_BYTES + 2 or len(begin) < npy.header_length(name, begin):
        opened = zips.open_member(source, member)  # a long name, or the long header of a structured type
        length = npy.header_length(name, opened.read(0, npy.FIXED_BYTES + 2))
        begin = opened.read(0, length)
    return npy.parse_header(name, begin)


def _data_start(name: str, head: bytes) -> int:
    if len(head) < _LOCAL.size or not head.startswith(zips.MAGIC):
        raise MalformedFile(name, "no zip member begins where the directory says")
    *_, name_length, extra_length = _LOCAL.unpack_from(head)
    return int(_LOCAL.size + name_length + extra_length)
