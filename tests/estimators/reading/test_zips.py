"""Zip directories against the standard library's writer, and what hostile ones get."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile

import pytest

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.reading import zips
from estimators.reading.zips import Inflated, first_name, members_of, open_member
from tests.builders import CountingReader

CONTENT = {"archive/data.pkl": b"pickle" * 50, "archive/data/0": bytes(5000), "leer": b"", "ünïcode/名": b"x"}


def zipped(compression: int = zipfile.ZIP_STORED, comment: bytes = b"", *, force_zip64: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as file:
        file.mkdir("folder")
        for name, data in CONTENT.items():
            row = zipfile.ZipInfo(name)
            row.compress_type = compression
            with file.open(row, "w", force_zip64=force_zip64) as member:
                member.write(data)
        file.comment = comment
    return out.getvalue()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n" * 30])
@pytest.mark.parametrize("comment", [b"", b"said by PK\5\6 nobody" * 20])
@pytest.mark.parametrize("force_zip64", [False, True])
def test_members_as_the_standard_library_writes_them(
    compression: int, before: bytes, comment: bytes, force_zip64: bool
) -> None:
    source = CountingReader(before + zipped(compression, comment, force_zip64=force_zip64), "a.zip")
    members = members_of(source)
    assert [member.name for member in members] == list(CONTENT)
    for member in members:
        inner = open_member(source, member)
        assert inner.name == f"a.zip!{member.name}"
        assert inner.size == len(CONTENT[member.name])
        assert inner.read(0, 10_000) == CONTENT[member.name]
        assert inner.read(3, 4) == CONTENT[member.name][3:7]


def test_the_directory_of_a_large_file_is_one_read_from_its_end() -> None:
    data = zipped()
    gap = 50 * 1024 * 1024
    reader = CountingReader(data, "a.zip")
    size = len(data) + gap

    class Far(CountingReader):
        """The same zip, with its members far before the directory."""

        def read(self, offset: int, length: int) -> bytes:
            self.ranges.append((offset, length))
            return (bytes(min(length, max(0, gap - offset))) + data[max(0, offset - gap) :])[:length]

    far = Far(b"", "a.zip", size=size)
    assert [member.name for member in members_of(far)] == [member.name for member in members_of(reader)]
    assert far.ranges == [(size - zips.TAIL_BYTES, zips.TAIL_BYTES)]


def test_many_members_need_zip64() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for number in range(70_000):
            file.writestr(zipfile.ZipInfo(f"{number}"), b"")
    assert len(members_of(CountingReader(out.getvalue()))) == 70_000


def test_the_first_name() -> None:
    assert first_name(zipped()) == "folder/"
    assert first_name(b"PK\3\4") == first_name(b"") == first_name(b"GGUF" * 20) == ""


def end(count: int, length: int, offset: int, comment: int = 0) -> bytes:
    return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, length, offset, comment)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\3\4" * 100,
        zipped()[:-30],
        end(1, 0, 0),  # a member in no bytes
        end(3, 2**31, 0),  # a directory larger than the file
        end(2, 46, 2**31),  # beyond its end
        b"PK\1\2" + bytes(42) + end(9, 46, 0),  # fewer members than it says
        b"PK\1\2" + bytes(16) + b"\xff" * 8 + bytes(18) + end(1, 46, 0),  # a member longer than the file
        struct.pack("<4sIQI", b"PK\6\7", 0, 2**60, 1) + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF),
    ],
)
def test_directories_that_lie(data: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"^a\.zip: "):
        members_of(CountingReader(data, "a.zip"))
    with pytest.raises(MalformedFile):
        members_of(CountingReader(data, "a.zip", size=None))


def test_a_bomb_is_unpacked_only_as_far_as_it_is_asked_for() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file, file.open("zeros", "w") as member:
        for _ in range(300):
            member.write(bytes(1024 * 1024))
    source = CountingReader(out.getvalue(), "bomb.zip")
    (zeros,) = members_of(source)
    tracemalloc.start()
    inner = open_member(source, zeros)
    assert inner.read(0, 100) == bytes(100)
    with pytest.raises(BudgetExceeded):
        inner.read(200 * 1024 * 1024, 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 * 1024 * 1024


def test_members_that_cannot_be_opened() -> None:
    data = zipped()
    source = CountingReader(data, "a.zip")
    member = members_of(source)[0]
    for broken in (
        zips.Member("a", 0, 5, 5, at=1),
        zips.Member("a", 12, 5, 5, at=member.at),
        zips.Member("a", 0, 5, 5, at=member.at, encrypted=True),
        zips.Member("a", 0, 10**9, 10**9, at=member.at),
    ):
        with pytest.raises(MalformedFile, match=r"^a\.zip!a: "):
            open_member(source, broken)
    with pytest.raises(MalformedFile):
        Inflated(CountingReader(b"no deflated bytes", "x"), None).read(0, 10)
    assert Inflated(CountingReader(b"", "x"), 10).read(0, 10) == b""
