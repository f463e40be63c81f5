"""Compiled Core ML programs: their text, and weight files without any."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from estimators.errors import MalformedFile
from estimators.formats.coreml import blobs as coreml_blobs
from estimators.formats.coreml import compiled as coreml_text
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader

GOLDEN = Path(__file__).parents[2] / "golden" / "formats" / "core_ml_compiled" / "version-1.3.mil"
MIB = 1024 * 1024


def program(*operations: str, function: str = "main") -> str:
    return (
        f"    func {function}<ios18>(tensor<fp16, [1, 4]> x) {{\n" + ";\n".join([*operations, "    } -> (y)"]) + ";\n"
    )


def text(*functions: str) -> bytes:
    return ("program(1.3)\n[buildInfo = dict<string, string>({})]\n{\n" + "".join(functions) + "}\n").encode()


def blob(shape: str, kind: str, offset: int) -> str:
    place = f'path = string("@model_path/weights/weight.bin"), offset = uint64({offset})'
    return f"tensor<{kind}, [{shape}]>(BLOBFILE({place}))"


def constant(name: str, shape: str, kind: str = "fp16", offset: int = 64) -> str:
    return f'tensor<{kind}, [{shape}]> {name} = const()[name = string("{name}"), val = {blob(shape, kind, offset)}]'


def counted(data: bytes) -> Estimate:
    return coreml_text.estimate(CountingReader(data, "model.mil"), Hints())


PALETTE = (
    "tensor<fp16, [9, 4]> w = constexpr_lut_to_dense()"
    f"[indices = {blob('18', 'uint8', 64)}, lut = {blob('16', 'fp16', 128)}]"
)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(text(program(constant("w", "8, 4"), constant("b", "8", offset=256))), 40, id="constants"),
        pytest.param(
            text(program(constant("w", "8, 4")), program(constant("v", "8, 4"), function="f")), 32, id="shared"
        ),
        pytest.param(text(program(constant("i", "9", "int32"))), 0, id="integers"),
        pytest.param(text(program('fp16 e = const()[name = string("e"), val = fp16(0x1p-3)]')), 0, id="settings"),
        pytest.param(text(program(PALETTE), program(PALETTE, function="f")), 36, id="one palette for two functions"),
        pytest.param(
            text(
                program(
                    constant("q", "8, 4", "int8"),
                    constant("s", "8", offset=256),
                    'tensor<fp16, [8, 4]> d = dequantize(axis = a, input = q, scale = s)[name = string("d")]',
                )
            ),
            32,
            id="dequantised",
        ),
    ],
)
def test_texts(data: bytes, count: int) -> None:
    assert coreml_text.matches(data, "model.mil")
    outcome = counted(data)
    assert (outcome.low, outcome.high, outcome.point, outcome.exact) == (count, count, count, True)


@pytest.mark.parametrize(
    "data", [b"", b"program(1.0)\n{\n}\n", GOLDEN.read_bytes()[:-3], text(program(constant("w", f"{2**62}, 4")))]
)
def test_texts_that_are_none(data: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"model\.mil"):
        counted(data)


def weights(*values: tuple[int, int]) -> bytes:
    """A weight file of (type, bytes)."""
    out = bytearray(struct.pack("<II", len(values), 2).ljust(64, b"\0"))
    for kind, size in values:
        out += struct.pack("<IIQQ", 0xDEADBEEF, kind, size, len(out) + 64).ljust(64, b"\0") + bytes(size)
        out += bytes(-len(out) % 64)
    return bytes(out)


@pytest.mark.parametrize(
    ("data", "low", "high"),
    [
        (weights((1, 200), (2, 400)), 200, 100_200),
        (weights((1, 200), (14, 80)), 100, 100_100),
        (weights((1, 20), (4, 1000)), 500, 108_010),
    ],
)
def test_weight_files(data: bytes, low: int, high: int) -> None:
    assert coreml_blobs.matches(data, "weight.bin")
    outcome = coreml_blobs.estimate(CountingReader(data, "weight.bin"), Hints())
    assert (outcome.low, outcome.high, outcome.exact) == (low, high, False)


def test_a_large_weight_file_is_left_early() -> None:
    data = weights((2, 8 * MIB), (2, 8 * MIB))
    reader = CountingReader(data, "weight.bin")
    outcome = coreml_blobs.estimate(reader, Hints(enough=1_000_000))
    assert (outcome.low, outcome.partial, reader.requests) == (2 * MIB, True, 1)
    assert (outcome.high or 0) >= 4 * MIB


@pytest.mark.parametrize("data", [weights((1, 200))[:-100], weights((1, 64)) + b"", weights((1, 64))[:70]])
def test_weight_files_that_are_cut(data: bytes) -> None:
    broken = struct.pack("<I", 3) + data[4:]
    with pytest.raises(MalformedFile, match=r"weight\.bin"):
        coreml_blobs.estimate(CountingReader(broken, "weight.bin"), Hints())
