"""fastText: both layouts of a matrix, where the input matrix begins, and headers that contradict themselves."""

from __future__ import annotations

import struct

import pytest

from estimators.errors import MalformedFile
from estimators.formats import fasttext
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader

COLUMNS = 4


def head(words: int, labels: int, buckets: int, *, kind: int = 3, pruned: int = -1, version: int = 12) -> bytes:
    settings = [COLUMNS, 5, 5, 1, 5, 2, 1, kind, buckets, 0, 0, 100]
    sizes = struct.pack("<3i2q", words + labels, words, labels, 999, pruned)
    return struct.pack("<14id", fasttext.MAGIC, version, *settings, 1e-4) + sizes


def dictionary(entries: int, length: int = 6) -> bytes:
    return b"".join(b"w" * length + b"\0" + bytes(9) for _ in range(entries))


def dense(rows: int) -> bytes:
    return struct.pack("<?2q", False, rows, COLUMNS) + bytes(4 * rows * COLUMNS)


def quantised(rows: int, *, norms: bool) -> bytes:
    def quantiser(columns: int) -> bytes:
        return struct.pack("<4i", columns, 1, columns, columns) + bytes(1024 * columns)

    codes = struct.pack("<??2qi", True, norms, rows, COLUMNS, 2 * rows) + bytes(2 * rows) + quantiser(COLUMNS)
    return codes + (bytes(rows) + quantiser(1) if norms else b"")


def read(data: bytes, enough: int | None = None, size: int | None = -1) -> tuple[Estimate, CountingReader]:
    reader = CountingReader(data, "model.bin", size=size)
    return fasttext.estimate(reader, Hints(enough=enough)), reader


@pytest.mark.parametrize("version", [11, 12])
@pytest.mark.parametrize(("kind", "outputs"), [(1, 5), (2, 5), (3, 2)])
def test_rows_of_the_output_are_labels_or_words(version: int, kind: int, outputs: int) -> None:
    data = head(5, 2, 10, kind=kind, version=version) + dictionary(7) + dense(15) + dense(outputs)
    estimate, _ = read(data)
    assert (estimate.point, estimate.exact) == (COLUMNS * (15 + outputs), True)
    assert estimate.stored_elements == estimate.point


def test_a_long_dictionary_is_stepped_over_where_the_size_tells_its_end() -> None:
    data = head(100_000, 0, 10, kind=1) + dictionary(100_000) + dense(100_010) + dense(100_000)
    estimate, reader = read(data)
    assert estimate.point == COLUMNS * 200_010
    assert reader.requests == 3
    assert reader.bytes_read < 300_000


def test_trailing_bytes_make_the_dictionary_be_walked() -> None:
    data = head(20_000, 0, 10, kind=1) + dictionary(20_000) + dense(20_010) + dense(20_000) + b"more"
    estimate, reader = read(data)
    assert (estimate.point, estimate.exact) == (COLUMNS * 40_010, True)
    assert reader.requests == 3


@pytest.mark.parametrize("norms", [False, True])
def test_a_quantised_matrix_counts_as_what_it_stands_for(norms: bool) -> None:
    data = head(5, 2, 10, pruned=3) + dictionary(7) + bytes(24) + quantised(8, norms=norms) + dense(2)
    estimate, _ = read(data)
    assert (estimate.point, estimate.exact) == (COLUMNS * 10, True)
    assert estimate.stored_elements == 16 + 1024 + 8 + (8 + 256 if norms else 0)


def test_enough_after_the_input_matrix() -> None:
    data = head(5, 2, 10) + dictionary(7) + dense(15) + dense(2)
    estimate, _ = read(data, enough=59)
    assert (estimate.low, estimate.high, estimate.exact, estimate.partial) == (60, 68, False, True)


@pytest.mark.parametrize(
    "data",
    [
        head(5, 2, 10)[:70],
        head(5, 2, -1) + dictionary(7) + dense(15) + dense(2),
        head(5, 2, 10) + dictionary(7) + dense(15),
        head(5, 2, 10) + dictionary(7) + dense(15) + dense(3),
        head(5, 2, 10) + b"w" * 100_000,
        head(2_000_000_000, 0, 0) + bytes(200),
        head(5, 2, 10) + dictionary(7) + struct.pack("<?2q", False, -1, COLUMNS) + bytes(100),
        head(5, 2, 10) + dictionary(7) + struct.pack("<?2q", False, 2**30, COLUMNS) + bytes(100),
        head(5, 2, 10, pruned=2**60) + dictionary(7) + bytes(100),
    ],
)
def test_what_contradicts_itself_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        read(data)


def test_other_bytes_are_not_of_this_format() -> None:
    assert not fasttext.matches(b"", "model.bin")
    assert not fasttext.matches(struct.pack("<2i", fasttext.MAGIC, 13), "model.bin")
