"""Word vectors: which bytes are some, rows against the first line and the size, and counting no further than needed."""

from __future__ import annotations

import struct
import time

import pytest

from estimators.errors import MalformedFile
from estimators.formats import word_vectors
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader


def binary(words: int, dimension: int, *, newline: bool = False, first: float = 0.5) -> bytes:
    row = struct.pack(f"<{dimension}f", first, *[0.25] * (dimension - 1)) + (b"\n" if newline else b"")
    return b"%d %d\n" % (words, dimension) + b"".join(b"w%d " % number + row for number in range(words))


def text(words: int, dimension: int, head: bool = True) -> bytes:
    first = b"%d %d\n" % (words, dimension) if head else b""
    return first + b"".join(b"w%d" % number + b" -0.12345" * dimension + b"\n" for number in range(words))


def read(data: bytes, name: str = "x.vec", enough: int | None = None) -> tuple[Estimate, CountingReader]:
    reader = CountingReader(data, name)
    assert word_vectors.matches(data[: 128 * 1024], name)
    return word_vectors.estimate(reader, Hints(enough=enough)), reader


@pytest.mark.parametrize(
    "data",
    [
        binary(40, 30), binary(40, 30, newline=True), binary(1, 5), binary(2, 40_000), text(40, 30), text(1, 5),
        text(3, 20_000), text(40, 30).replace(b"\n", b" \n"), text(40, 30).replace(b"w7 ", b"New York 7 "),
    ],
)  # fmt: skip
def test_the_first_line_counts_where_rows_bear_it_out(data: bytes) -> None:
    words, dimension = map(int, data.split(b"\n")[0].split())
    estimate, reader = read(data, "x.bin" if b"\xe8>" in data or b"\0" in data else "x.vec")
    assert (estimate.point, estimate.exact) == (words * dimension, True)
    assert reader.requests == 1


def test_a_padding_token_of_zeros_is_a_word() -> None:
    rows = binary(2, 4, first=0.0)
    data = rows[:4] + b"<pad> " + bytes(16) + rows[4 + 3 + 16 :]
    assert word_vectors.matches(data, "x.bin")


def test_text_without_a_first_line_is_counted_by_its_lines() -> None:
    estimate, _ = read(text(500, 50, head=False), "glove.50d.txt")
    assert (estimate.point, estimate.exact) == (25_000, True)


def test_lines_are_counted_until_enough_is_certain() -> None:
    data = text(60_000, 50, head=False)
    estimate, reader = read(data, "glove.50d.txt", enough=1_000_000)
    assert estimate.side(1_000_000)
    assert estimate.partial
    assert estimate.low <= 3_000_000 <= (estimate.high or 0)
    assert reader.bytes_read < len(data) // 2


def test_a_first_line_that_lies_gives_an_interval() -> None:
    estimate, _ = read(b"90000 30\n" + text(40, 30, head=False))
    assert (estimate.low, estimate.high, estimate.exact) == (1200, 2_700_000, False)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "x.vec"),
        (b"12 3\nhello world this is text\nand more of it here\nand more\n", "x.txt"),
        (b"12 3\n" + bytes(400), "x.bin"),
        (b"10 4\n" + b"ab " + b"\xff" * 200, "x.bin"),
        (text(20, 40, head=False), "table.bin"),
        (b"1.0 2.0 3.0\n" * 50, "table.txt"),
        (b"\n".join(b" ".join(b"%d" % number for number in range(40)) for _ in range(9)), "table.txt"),
        (b"SQLite format 3\0" + bytes(100), "data.db"),
    ],
)
def test_other_bytes_are_not_vectors(data: bytes, name: str) -> None:
    assert not word_vectors.matches(data, name)


def test_binary_rows_must_fit_the_file() -> None:
    data = binary(40, 30).replace(b"40 30\n", b"9999 30\n")
    with pytest.raises(MalformedFile, match="do not fit"):
        word_vectors.estimate(CountingReader(data, "x.bin"), Hints())


def test_digits_without_end_are_no_number_and_cost_no_time() -> None:
    begin = time.perf_counter()
    assert not word_vectors.matches(b"3 20\nw " + b"1" * 130_000 + b"x", "x.vec")
    assert time.perf_counter() - begin < 1
