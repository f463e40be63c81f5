"""Kaldi: kinds of matrices, what lies between them, and sizes that lie."""

from __future__ import annotations

import struct
import time

import pytest

from estimators.errors import MalformedFile
from estimators.formats import kaldi
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader

START = b"\0B<Nnet3> "


def numbered(token: bytes, *sizes: int) -> bytes:
    return token + b" " + b"".join(b"\4" + struct.pack("<i", size) for size in sizes)


def compressed(token: bytes, rows: int, columns: int) -> bytes:
    return token + b" " + struct.pack("<2f2i", 0, 1, rows, columns)


def read(data: bytes, enough: int | None = None) -> Estimate:
    assert kaldi.matches(data[:16], "final.mdl")
    return kaldi.estimate(CountingReader(data, "final.mdl"), Hints(enough=enough))


@pytest.mark.parametrize(
    ("header", "data_bytes", "low", "high"),
    [
        (numbered(b"FM", 30, 40), 4800, 1200, 1200),
        (numbered(b"DM", 30, 40), 9600, 1200, 1200),
        (numbered(b"FV", 300), 1200, 0, 300),
        (numbered(b"DP", 10), 440, 55, 55),
        (compressed(b"CM", 30, 40), 1520, 1200, 1200),
        (compressed(b"CM2", 30, 40), 2400, 1200, 1200),
        (compressed(b"CM3", 30, 40), 1200, 1200, 1200),
    ],
)
@pytest.mark.parametrize("fill", [b"\0", b"\4"])
@pytest.mark.parametrize("between", [0, 32_760, 100_000])
def test_kinds_of_matrices(header: bytes, data_bytes: int, low: int, high: int, fill: bytes, between: int) -> None:
    estimate = read(START + b"t" * between + header + fill * data_bytes + b"</Nnet3> ")
    assert (estimate.low, estimate.high, estimate.exact) == (low, high + len(START) + between + 9, False)


def test_enough_ends_the_reading() -> None:
    one = numbered(b"FM", 500, 1000) + bytes(2_000_000)
    estimate = read(START + one * 6, enough=1_000_000)
    assert (estimate.low, estimate.partial) == (1_500_000, True)
    assert (estimate.high or 0) >= 3_000_000


@pytest.mark.parametrize("sizes", [(-3, 4), (2**30, 2**30), (30, -1)])
def test_sizes_that_lie_are_no_matrix(sizes: tuple[int, int]) -> None:
    data = START + numbered(b"FM", *sizes) + bytes(100) + numbered(b"FM", 2, 3) + bytes(24)
    estimate = read(data)
    assert estimate.low == 6
    assert (estimate.high or 0) <= len(data)


def test_other_bytes_are_not_of_this_format() -> None:
    assert not kaldi.matches(b"\0B", "final.mdl")
    with pytest.raises(MalformedFile):
        kaldi.estimate(CountingReader(b"\0Bsomething", "final.mdl"), Hints())
    with pytest.raises(MalformedFile):
        kaldi.estimate(CountingReader(START + bytes(99), "final.mdl", size=None), Hints())


def test_headers_without_end_cost_little() -> None:
    begin = time.perf_counter()
    estimate = read(START + numbered(b"FM", 2**31 - 1, 2**31 - 1) * 800_000)
    assert estimate.low == 0
    assert time.perf_counter() - begin < 1
