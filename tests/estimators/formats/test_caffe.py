"""Caffe models: the three generations of layers, and what is no weight."""

from __future__ import annotations

import pytest

from estimators.errors import MalformedFile
from estimators.formats import caffe
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader
from tests.protobuf_writer import blob, fixed32, number, packed

MIB = 1024 * 1024


def values(count: int, *, field: int = 5, size: int = 4) -> bytes:
    return blob(7, packed(1, [count])) + blob(field, bytes(count * size))


def layer(kind: str, *blobs: bytes) -> bytes:
    return blob(100, blob(1, "layer") + blob(2, kind) + b"".join(blob(7, one) for one in blobs))


def net(*layers: bytes) -> bytes:
    return blob(1, "net") + blob(3, "data") + b"".join(layers)


def counted(data: bytes, enough: int | None = None) -> Estimate:
    return caffe.estimate(CountingReader(data, "m.caffemodel"), Hints(enough=enough))


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(net(layer("Convolution", values(30), values(5))), 35, id="blobs"),
        pytest.param(net(layer("ReLU"), layer("InnerProduct", values(6, field=8, size=8))), 6, id="doubles"),
        pytest.param(net(layer("InnerProduct", values(6) + blob(6, bytes(24)))), 6, id="differences"),
        pytest.param(net(layer("InnerProduct", fixed32(5, 1.0) * 3)), 3, id="not packed"),
        pytest.param(net(layer("InnerProduct", number(10, 2) + blob(12, bytes(18)))), 9, id="raw halves"),
        pytest.param(net(blob(2, blob(4, "old") + number(5, 4) + blob(6, values(8)))), 8, id="version 1"),
        pytest.param(
            net(blob(2, blob(1, blob(1, "older") + blob(2, "conv") + blob(50, values(7))))), 7, id="version 0"
        ),
    ],
)
def test_counts(data: bytes, count: int) -> None:
    assert caffe.matches(data, "x")
    outcome = counted(data)
    assert (outcome.low, outcome.high, outcome.point, outcome.stored_elements) == (count, count, count, count)
    assert outcome.exact


def test_statistics_are_given_apart() -> None:
    outcome = counted(net(layer("BatchNorm", values(4), values(4), values(1)), layer("Scale", values(4), values(4))))
    assert (outcome.point, outcome.buffers) == (17, 9)


def test_types_nobody_knows_are_bounded() -> None:
    outcome = counted(net(layer("InnerProduct", number(10, 9) + blob(12, bytes(16)))))
    assert (outcome.low, outcome.high, outcome.exact) == (2, 128, False)


@pytest.mark.parametrize("data", [net(), net(layer("ReLU"))[:-1], b"\xff\xff", b""])
def test_malformed(data: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"m\.caffemodel"):
        counted(data)


def test_a_large_net_is_left_early() -> None:
    data = net(*[layer("InnerProduct", values(2 * MIB))] * 4)
    reader = CountingReader(data, "m.caffemodel")
    outcome = caffe.estimate(reader, Hints(enough=1_000_000))
    assert (outcome.low, outcome.partial, reader.requests) == (2 * MIB, True, 1)
    assert counted(data).point == 8 * MIB


@pytest.mark.parametrize(
    ("front", "name", "expected"),
    [
        (layer("ReLU"), "x", True),
        (net(), "m.caffemodel", True),
        (net(), "m.pb", False),
        (blob(1, blob(1, "node") + blob(2, "Const")) + blob(2, b""), "frozen.pb", False),  # GraphDef with a library
        (blob(1, blob(1, b"")) + blob(4, number(1, 0)), "model.pdmodel", False),  # ProgramDesc
        (b"", "m.caffemodel", False),
    ],
)
def test_matches(front: bytes, name: str, expected: bool) -> None:
    assert caffe.matches(front, name) is expected
