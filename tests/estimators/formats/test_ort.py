"""ONNX Runtime's format: the golden file, and tables that lie."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from estimators.errors import EstimatorError
from estimators.formats.onnx import ort
from estimators.interface import Hints
from tests.builders import CountingReader

DYNAMIC = Path(__file__).parents[2] / "golden" / "formats" / "onnx_runtime" / "dynamic.ort"


def test_scales_do_not_count() -> None:
    outcome = ort.estimate(CountingReader(DYNAMIC.read_bytes(), "m.ort"), Hints())
    assert (outcome.point, outcome.exact, outcome.basis) == (136, True, "onnx-graph")


def test_matches_by_its_identifier() -> None:
    assert ort.matches(DYNAMIC.read_bytes(), "x")
    assert not ort.matches(b"\0\0\0\0TFL3", "x.ort")


@pytest.mark.parametrize("place", range(0, 400, 4))
def test_wrong_numbers_never_count_more_than_the_file_holds(place: int) -> None:
    data = bytearray(DYNAMIC.read_bytes())
    for value in (0, 4, 0x7FFFFFFF, 0xFFFFFFFF):
        struct.pack_into("<I", data, place, value)
        reader = CountingReader(bytes(data), "m.ort")
        try:
            low = ort.estimate(reader, Hints()).low
        except EstimatorError:
            low = 0
        assert low <= 8 * len(data)
        assert reader.bytes_read <= len(data) + 32 * 1024
