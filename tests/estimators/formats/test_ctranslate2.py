"""CTranslate2 models: versions, quantised weights, costs, and what a hostile file may claim."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from estimators.errors import MalformedFile
from estimators.formats import ctranslate2
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader, elements

F32, I8, I16, I32, F16, BF16 = range(6)
WIDTHS = (4, 1, 2, 4, 2, 2)
Row = tuple[str, int, Sequence[int]]


def string(text: str) -> bytes:
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def variable(name: str, kind: int, shape: Sequence[int], version: int = 6) -> bytes:
    head = string(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape)
    count = elements(shape)
    if version < 4:
        return head + struct.pack("<BI", WIDTHS[kind], count)
    return head + struct.pack("<BI", kind, count * WIDTHS[kind])


def model(rows: Sequence[Row], version: int = 6, spec: str = "TransformerSpec", count: int | None = None) -> bytes:
    data = struct.pack("<I", version) + string(spec) + struct.pack("<II", 7, len(rows) if count is None else count)
    for name, kind, shape in rows:
        data += variable(name, kind, shape, version) + bytes(elements(shape) * WIDTHS[kind])
    return data + struct.pack("<I", 1) + string("alias") + string("other")


def read(data: bytes, enough: int | None = None) -> Estimate:
    assert ctranslate2.matches(data, "model.bin")
    return ctranslate2.estimate(CountingReader(data, "model.bin"), Hints(enough=enough))


@pytest.mark.parametrize("version", range(2, 7))
def test_every_version(version: int) -> None:
    rows = [("a/weight", F32, (3, 4)), ("a/bias", F32, (4,)), ("b/weight", I8, (2, 5)), ("b/weight_scale", F32, (2,))]
    estimate = read(model([*rows, ("heads", I8, ()), ("steps", I16, (3,))], version))
    assert (estimate.point, estimate.exact, estimate.stored_elements) == (26, True, 32)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("w", I16, (4, 4)), ("w_scale", F32, ())], 16),
        ([("w_scale", F32, (4,)), ("w", I8, (4, 4))], 16),  # in any order
        ([("w", I32, (8, 2)), ("w_scale", F16, (1, 16)), ("w_zero", I32, (1, 2))], 128),  # AWQ
        ([("alignment_heads", I16, (6, 2))], 0),
        ([("residual_scale", F32, (7,))], 7),  # the scale of nothing is a weight
        ([("w", BF16, (4, 4)), ("rotary_base", F32, ())], 17),
        ([], 0),
    ],
)
def test_what_counts(rows: Sequence[Row], expected: int) -> None:
    estimate = read(model(rows))
    assert (estimate.low, estimate.high, estimate.exact) == (expected, expected, True)


def test_enough_stops_and_bounds_the_rest() -> None:
    rows = [(f"layer_{number}/weight", F16, (1000, 300)) for number in range(20)]
    source = CountingReader(model(rows), "model.bin")
    estimate = ctranslate2.estimate(source, Hints(enough=1_000_000))
    assert (estimate.low, estimate.partial, estimate.exact) == (1_200_000, True, False)
    assert estimate.high is not None
    assert estimate.high >= 6_000_000
    assert source.requests <= 4
    assert read(model(rows)).point == 6_000_000


@pytest.mark.parametrize("extra", [0, 1])
def test_one_million_is_outside(extra: int) -> None:
    estimate = read(model([("a", F32, (1000, 1000)), ("b", F32, (extra,))]), enough=1_000_000)
    assert estimate.side(1_000_000) is bool(extra)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (model([("w", F32, (3, 4))])[:60], "passes|ends"),
        (model([("w", F32, (3, 4))], count=2), "ends|rank|type|is not"),
        (model([], count=2**31), "variables"),
        (model([], count=1), "ends|rank|type|is not"),
        (struct.pack("<I", 6) + string("TransformerSpec") + b"\1\0", "begins with"),
    ],
)
def test_contradictions_are_refused(data: bytes, what: str) -> None:
    with pytest.raises(MalformedFile, match=what):
        ctranslate2.estimate(CountingReader(data, "model.bin"), Hints())


def test_a_shape_that_is_not_its_bytes_is_refused() -> None:
    data = bytearray(model([("w", F32, (3, 4))]))
    at = data.find(struct.pack("<II", 3, 4))
    struct.pack_into("<II", data, at, 2**31, 2**31)
    with pytest.raises(MalformedFile, match="is not 48 bytes"):
        read(bytes(data))


@pytest.mark.parametrize(
    "front", [b"", b"\6\0\0\0", b"\x80\2}q\0", struct.pack("<IH", 6, 9) + b"NotASpec\0", bytes(64)]
)
def test_other_bytes_are_not_claimed(front: bytes) -> None:
    assert ctranslate2.matches(front + bytes(40), "model.bin") is (front[6:] == b"NotASpec\0")
