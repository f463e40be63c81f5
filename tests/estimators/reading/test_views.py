"""Pages, parts and file objects over a reader: the same bytes as the file, in few ranges."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.errors import ReadFailed
from estimators.reading.views import BLOCK_BYTES, KEPT_BYTES, FileView, Pages, Part
from tests.builders import CountingReader

DATA = random.Random(7).randbytes(20 * BLOCK_BYTES + 123)


@given(st.lists(st.tuples(st.integers(0, len(DATA) + 50), st.integers(0, 3 * BLOCK_BYTES)), max_size=12))
def test_pages_give_the_bytes_of_the_file(reads: list[tuple[int, int]]) -> None:
    pages = Pages(CountingReader(DATA), ahead=BLOCK_BYTES)
    for offset, length in reads:
        assert pages.read(offset, length) == DATA[offset : offset + length]


def test_pages_read_ahead_and_never_twice() -> None:
    reader = CountingReader(DATA)
    pages = Pages(reader)
    for offset in range(0, len(DATA), 1000):
        pages.read(offset, 1000)
    assert reader.requests == 3  # 128, 256, then the rest
    asked = sum(length for _, length in reader.ranges)
    assert asked <= len(DATA) + BLOCK_BYTES
    for offset in (0, len(DATA) - 5, 300_000):
        pages.read(offset, 5)
    assert reader.requests == 3


def test_pages_keep_no_more_than_they_may() -> None:
    size = 5 * KEPT_BYTES
    pages = Pages(CountingReader(b"", size=size))
    for offset in range(0, size, 100_000):
        pages.read(offset, 10)
    assert len(pages._kept) * BLOCK_BYTES <= KEPT_BYTES + 2 * 1024 * 1024
    assert len(pages.read(0, KEPT_BYTES + 1)) == KEPT_BYTES + 1


def test_pages_of_a_file_of_unknown_size() -> None:
    pages = Pages(CountingReader(DATA, size=None))
    assert pages.read(len(DATA) - 10, 100) == DATA[-10:]
    assert pages.read(len(DATA) + BLOCK_BYTES * 9, 100) == b""


def test_a_part_ends_where_it_says() -> None:
    reader = CountingReader(DATA)
    part = Part(reader, "a.zip!b", 1000, 50)
    assert part.read(0, 500) == DATA[1000:1050]
    assert part.read(40, 500) == DATA[1040:1050]
    assert (part.read(50, 1), part.read(-1, 1), part.size) == (b"", b"", 50)
    assert (part.requests, part.bytes_read) == (reader.requests, reader.bytes_read)


def test_a_file_object_is_one() -> None:
    view, peer = FileView(CountingReader(DATA)), io.BytesIO(DATA)
    for offset, whence in (
        (5, io.SEEK_SET),
        (3, io.SEEK_CUR),
        (-9, io.SEEK_END),
        (10**7, io.SEEK_SET),
        (0, io.SEEK_SET),
    ):
        assert view.seek(offset, whence) == peer.seek(offset, whence)
        assert view.read(4) == peer.read(4)
        assert view.tell() == peer.tell()
    assert view.read() == peer.read()
    view.seek(0)
    buffer = bytearray(8)
    assert (view.readinto(buffer), bytes(buffer)) == (8, DATA[:8])
    assert (view.readable(), view.seekable(), view.writable()) == (True, True, False)
    with pytest.raises(ValueError, match="seek"):
        view.seek(-1)
    with pytest.raises(ReadFailed):
        FileView(CountingReader(DATA, size=None))
