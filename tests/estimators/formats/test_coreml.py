"""Core ML models: packed weights, pipelines, linear models, and kinds that have no settled count."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from estimators.errors import MalformedFile
from estimators.formats.coreml import models as coreml
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader
from tests.protobuf_writer import blob, number, packed

MIB = 1024 * 1024


def model(kind: int, content: bytes) -> bytes:
    return number(1, 4) + blob(2, blob(1, blob(1, "x"))) + blob(kind, content)


def network(*layers: bytes) -> bytes:
    return b"".join(blob(1, layer) for layer in layers)


def quantised(count: int, bits: int) -> bytes:
    """A WeightParams of packed weights with a scale for each row."""
    scales = blob(1, struct.pack("<4f", *range(4)))
    return blob(30, bytes(-(-count * bits // 8))) + blob(40, number(1, bits) + blob(101, scales))


def inner_product(rows: int, columns: int, weight: bytes) -> bytes:
    return blob(140, number(1, rows) + number(2, columns) + blob(20, weight))


def doubles(count: int) -> bytes:
    return blob(1, bytes(8 * count))


def constant(name: str, shape: Sequence[int], dtype: int = 11, *, offset: int | None = None) -> bytes:
    """A `const` operation of a program; without an offset its value stands there."""
    dims = b"".join(blob(3, blob(1, number(1, size))) for size in shape)
    kind = blob(2, blob(1, number(1, dtype) + number(2, len(shape)) + dims))
    place = blob(3, blob(1, blob(1, b""))) if offset is None else blob(5, blob(1, "w.bin") + number(2, offset))
    return blob(1, "const") + blob(3, blob(1, name)) + blob(5, blob(1, "val") + blob(2, kind + place))


def operation(kind: str, inputs: dict[str, str], output: str = "y") -> bytes:
    bound = b"".join(blob(2, blob(1, key) + blob(2, blob(1, blob(1, name)))) for key, name in inputs.items())
    return blob(1, kind) + bound + blob(3, blob(1, output))


def program(*operations: bytes) -> bytes:
    block = b"".join(blob(3, one) for one in operations)
    return number(1, 1) + blob(2, blob(1, "main") + blob(2, blob(3, blob(1, "CoreML8") + blob(2, block))))


def counted(data: bytes, enough: int | None = None) -> Estimate:
    return coreml.estimate(CountingReader(data, "m.mlmodel"), Hints(enough=enough))


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(model(500, network(inner_product(9, 5, blob(1, bytes(180))))), 45, id="floats"),
        pytest.param(model(403, network(inner_product(9, 5, blob(2, bytes(90))))), 45, id="halves, classifier"),
        pytest.param(model(500, network(inner_product(9, 5, blob(31, bytes(45))))), 45, id="bytes"),
        pytest.param(model(500, network(inner_product(9, 5, quantised(45, 8)))), 45, id="eight bits"),
        pytest.param(model(500, network(inner_product(9, 5, quantised(45, 3)))), 45, id="three bits, by dimensions"),
        pytest.param(
            model(500, network(blob(605, blob(1, network(inner_product(2, 2, blob(1, bytes(16)))))))), 4, id="branch"
        ),
        pytest.param(model(500, network(blob(130, blob(25, blob(1, blob(1, bytes(12))))))), 3, id="PReLU"),
        pytest.param(
            model(
                202,
                blob(1, model(604, b"\x0a\x00")) + blob(1, model(500, network(blob(250, blob(2, blob(1, bytes(8))))))),
            ),
            2,
            id="pipeline",
        ),
        pytest.param(model(200, blob(1, blob(1, model(300, blob(1, doubles(7)) + blob(2, bytes(8)))))), 8, id="linear"),
        pytest.param(
            model(401, blob(4, blob(1, doubles(3)) * 2) + blob(5, doubles(2)) + blob(6, bytes(8))),
            9,
            id="support vectors",
        ),
        pytest.param(model(2002, b"\x0a\x00"), 0, id="of the operating system"),
        pytest.param(
            model(502, program(constant("a", [3, 4]), constant("b", []), constant("i", [9], 23))), 12, id="program"
        ),
        pytest.param(
            model(502, program(constant("a", [3, 4], offset=64), constant("b", [3, 4], offset=64))), 12, id="one place"
        ),
        pytest.param(
            model(
                502,
                program(
                    constant("w", [4, 4], 21),
                    constant("s", [4]),
                    operation("dequantize", {"input": "w", "scale": "s"}),
                ),
            ),
            16,
            id="dequantised",
        ),
    ],
)
def test_counts(data: bytes, count: int) -> None:
    assert coreml.matches(data, "x")
    outcome = counted(data)
    assert (outcome.low, outcome.high, outcome.point, outcome.exact) == (count, count, count, True)


@pytest.mark.parametrize(
    ("data", "low", "high"),
    [
        pytest.param(model(500, network(inner_product(0, 0, quantised(45, 3)))), 43, 45, id="bits without dimensions"),
        pytest.param(model(500, network(inner_product(9, 5, blob(30, bytes(40))))), 10, 320, id="no quantisation"),
        pytest.param(model(402, blob(1, bytes(98))), 0, 800, id="trees"),
        pytest.param(model(556, blob(1, b"")), 0, None, id="linked"),
    ],
)
def test_bounds(data: bytes, low: int, high: int | None) -> None:
    outcome = counted(data)
    assert (outcome.low, outcome.high, outcome.exact) == (low, high, False)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(number(1, 4) + blob(2, b""), id="no kind"),
        pytest.param(model(500, network(inner_product(9, 5, blob(1, bytes(180)))))[:-1], id="cut"),
        pytest.param(model(502, program(constant("a", [2**40, 2**40]))), id="overflow"),
        pytest.param(model(502, b"\xff"), id="no program"),
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"m\.mlmodel"):
        counted(data)


def test_a_large_network_is_left_early() -> None:
    layer = inner_product(1024, 1024, blob(1, bytes(4 * MIB)))
    data = model(500, network(*[layer] * 6))
    reader = CountingReader(data, "m.mlmodel")
    outcome = coreml.estimate(reader, Hints(enough=1_000_000))
    assert (outcome.low, outcome.partial, reader.requests) == (MIB, True, 1)
    assert (outcome.high or 0) >= 6 * MIB
    assert counted(data).point == 6 * MIB


@pytest.mark.parametrize(
    ("front", "name", "expected"),
    [
        (model(502, packed(1, [1])), "m", True),
        (number(1, 4) + b"\x12\xff\xff\xff\x0f", "m.mlmodel", True),
        (number(1, 4) + b"\x12\xff\xff\xff\x0f", "m.pb", False),
        (number(1, 8) + blob(2, "pytorch") + blob(7, b""), "m.mlmodel", False),
        (number(1, 1) + blob(2, b"meta graph"), "saved_model.pb", False),
        (b"", "m.mlmodel", False),
    ],
)
def test_matches(front: bytes, name: str, expected: bool) -> None:
    assert coreml.matches(front, name) is expected
