"""llama2.c: three layouts, grouped heads, and sizes that do not add up to the file."""

from __future__ import annotations

import struct

import pytest

from estimators.errors import MalformedFile
from estimators.formats import llama2c
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader

STORIES_15M = struct.pack("<7i", 288, 768, 6, 6, 6, 32_000, 256)


def read(data: bytes, size: int) -> Estimate:
    assert llama2c.matches(data, "stories15m.bin")
    return llama2c.estimate(CountingReader(data, "stories15M.bin", size=size), Hints())


def test_the_size_of_a_known_file() -> None:
    estimate = read(STORIES_15M + bytes(256), 60_816_028)
    assert (estimate.point, estimate.exact, estimate.buffers) == (15_204_000, True, 256 * 48)


def test_an_output_matrix_of_its_own_is_told_by_a_negative_vocabulary() -> None:
    head = struct.pack("<7i", 288, 768, 6, 6, 6, -32_000, 256)
    assert read(head + bytes(256), 60_816_028 + 4 * 288 * 32_000).point == 15_204_000 + 288 * 32_000


def test_grouped_heads() -> None:
    head = struct.pack("<7i", 64, 172, 5, 8, 4, 512, 512)
    count = 512 * 64 + 5 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 172) + 11 * 64 + 512 * 8
    assert read(head + bytes(256), 28 + 4 * count).point == count


@pytest.mark.parametrize("shared", [False, True])
def test_quantised(shared: bool) -> None:
    matrices = 6 * (4 * 288 * 288 + 3 * 288 * 768) + 288 * 32_000 * (2 - shared)
    head = b"24ka" + struct.pack("<i", 2) + STORIES_15M + struct.pack("<Bi", shared, 32)
    estimate = read(head + bytes(256), 256 + 4 * 13 * 288 + matrices + matrices // 32 * 4)
    assert (estimate.point, estimate.exact) == (matrices + 13 * 288, True)
    assert estimate.stored_elements == matrices + 13 * 288 + matrices // 32


@pytest.mark.parametrize("data", [STORIES_15M + bytes(400), b"24ka" + struct.pack("<i", 1) + bytes(300), b"24ka", b""])
def test_sizes_must_add_up_to_the_file(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        llama2c.estimate(CountingReader(data, "stories15M.bin"), Hints())


@pytest.mark.parametrize("numbers", [[0] * 7, [288, 768, 6, 7, 6, 100, 9], [2**30] * 7, [-1] * 7])
def test_other_numbers_are_no_model(numbers: list[int]) -> None:
    assert not llama2c.matches(struct.pack("<7i", *numbers) + bytes(100), "x.bin")
    assert not llama2c.matches(STORIES_15M + bytes(100), "x.dat")
