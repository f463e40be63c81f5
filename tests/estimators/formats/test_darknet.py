"""Darknet: two widths of the header, and what else may bear the name."""

from __future__ import annotations

import struct

import pytest

from estimators.errors import MalformedFile
from estimators.formats import darknet
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader


def read(data: bytes, name: str = "yolo.weights") -> Estimate:
    return darknet.estimate(CountingReader(data, name), Hints())


@pytest.mark.parametrize(("version", "seen"), [((0, 1, 0), "<I"), ((0, 2, 0), "<Q"), ((0, 2, 5), "<Q")])
@pytest.mark.parametrize("name", ["yolov3.weights", "yolov4.conv.137", "yolo.backup"])
def test_everything_after_the_header_counts(version: tuple[int, int, int], seen: str, name: str) -> None:
    data = struct.pack("<3i", *version) + struct.pack(seen, 64_000) + struct.pack("<9f", *[0.5] * 9)
    assert darknet.matches(data, name)
    estimate = read(data, name)
    assert (estimate.point, estimate.exact) == (9, True)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (struct.pack("<iiiQ9f", 0, 2, 0, 1, *[0.5] * 9), "model.bin"),
        (struct.pack("<iiiQ9f", 5, 2, 0, 1, *[0.5] * 9), "model.weights"),
        (struct.pack("<iiiQ9f", 0, 0, 0, 1, *[0.5] * 9), "model.weights"),
        (struct.pack("<iiiQ9f", 0, 2, 0, 1, *[float("nan")] * 9), "model.weights"),
        (b"PK\3\4" + bytes(60), "model.weights"),
        (b"", "model.weights"),
    ],
)
def test_other_files_are_not_taken_for_it(data: bytes, name: str) -> None:
    assert not darknet.matches(data, name)


def test_floats_must_be_whole() -> None:
    with pytest.raises(MalformedFile):
        read(struct.pack("<iiiQ9f", 0, 2, 0, 1, *[0.5] * 9)[:-1])
    with pytest.raises(MalformedFile):
        read(bytes(40))
