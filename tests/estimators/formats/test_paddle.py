"""PaddlePaddle: streams, programs and parameters; hostile bytes. Golden files are in tests/golden/formats."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from estimators.errors import MalformedFile
from estimators.formats.paddle import params as paddle_params
from estimators.formats.paddle import program as paddle_program
from estimators.formats.paddle import stream as paddle_stream
from estimators.interface import Estimate, Hints
from estimators.registry import estimate_file, readers_by_bytes
from tests.builders import CountingReader, elements
from tests.protobuf_writer import message

FLOAT, INT8, INT64 = 5, 21, 3
BYTES = {FLOAT: 4, INT8: 1, INT64: 8}


def description(dtype: int, shape: Sequence[int]) -> bytes:
    return message((1, dtype), *[(2, size) for size in shape])


def tensor(dtype: int, shape: Sequence[int], *, data: bool = True) -> bytes:
    head = description(dtype, shape)
    return struct.pack("<IQIi", 0, 0, 0, len(head)) + head + bytes(elements(shape) * BYTES[dtype] if data else 0)


def variable(name: str, dtype: int, shape: Sequence[int], *, persistable: bool = True) -> bytes:
    kind = message((1, 7), (3, message((1, description(dtype, shape)), (2, 0))))
    return message((1, name.encode()), (2, kind), (3, int(persistable)))


def program(variables: Sequence[bytes], operators: Sequence[str] = ()) -> bytes:
    parts: list[tuple[int, int | bytes]] = [(1, 0), (2, -1), *[(3, row) for row in variables]]
    return message((1, message(*parts, *[(4, message((3, name.encode()))) for name in operators])))


def counted(data: bytes, name: str, enough: int | None = None) -> Estimate:
    found = estimate_file(CountingReader(data, name), Hints(enough=enough))
    assert isinstance(found, Estimate), found
    return found


def test_a_stream_is_walked_by_its_heads() -> None:
    data = tensor(FLOAT, (16,)) + tensor(INT64, (3,)) + tensor(FLOAT, (100, 500)) + tensor(FLOAT, ())
    found = counted(data, "inference.pdiparams")
    assert (found.point, found.exact, found.stored_elements) == (50_017, True, 50_020)


def test_integers_of_a_byte_in_a_stream_may_be_weights() -> None:
    found = counted(tensor(FLOAT, (4,)) + tensor(INT8, (10, 4)), "inference.pdiparams")
    assert (found.low, found.high, found.exact) == (4, 44, False)


def test_a_long_stream_is_left_once_enough_is_certain() -> None:
    data = b"".join(tensor(FLOAT, (1000, 500)) for _ in range(20))
    reader = CountingReader(data, "inference.pdiparams")
    found = paddle_stream.estimate(reader, Hints(enough=900_000))
    assert found.low == 1_000_000
    assert found.partial
    assert found.high is not None
    assert found.high >= 10_000_000
    assert reader.requests <= 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        tensor(FLOAT, (16,))[:-1],
        tensor(FLOAT, (2**40, 2**40), data=False),
        tensor(FLOAT, (-1,), data=False),
        tensor(FLOAT, (16,)) + b"\1" * 40,
        struct.pack("<IQIi", 0, 2**60, 0, 4) + bytes(40),
        struct.pack("<IQQ", 0, 1, 2**63) + bytes(40),
        struct.pack("<IQIi", 0, 0, 0, -1) + bytes(40),
        tensor(7, (3,), data=False),
    ],
)
def test_hostile_streams(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        paddle_stream.estimate(CountingReader(data, "x.pdiparams"), Hints())


@pytest.mark.parametrize(
    ("variables", "operators", "low", "high"),
    [
        ([variable("w", FLOAT, (3, 4)), variable("out", FLOAT, (-1, 4), persistable=False)], ["mul"], 12, 12),
        ([variable("w", FLOAT, (3,)), variable("w", FLOAT, (3,))], [], 3, 3),
        ([variable("w", INT8, (6, 4)), variable("s", FLOAT, (6,))], ["matmul"], 6, 6),
        ([variable("w", INT8, (6, 4)), variable("s", FLOAT, (6,))], ["dequantize_linear"], 30, 30),
        ([variable("w", INT8, (6, 4))], ["weight_only_linear"], 24, 48),
        ([variable("fc_0.w_0", FLOAT, (5,)), variable("fc_0.w_0_moment1_0", FLOAT, (5,))], ["adam"], 5, 5),
        ([variable("fc_0.w_0", FLOAT, (5,)), variable("learning_rate_0", FLOAT, (1,))], [], 5, 5),
    ],
)
def test_programs(variables: Sequence[bytes], operators: Sequence[str], low: int, high: int) -> None:
    found = counted(program(variables, operators), "inference.pdmodel")
    assert (found.low, found.high, found.exact) == (low, high, low == high)


def pir(parameters: Mapping[str, tuple[str, Sequence[int]]], others: Sequence[str] = ()) -> str:
    ops: list[dict[str, Any]] = []
    for name, (dtype, shape) in parameters.items():
        kind = {"#": "0.t_dtensor", "D": [{"#": f"0.t_{dtype}"}, list(shape), "NCHW", [], 0]}
        ops.append({"#": "p", "A": [0, 1, 1, name], "DA": [], "O": {"%": 1, "TT": kind}, "QA": []})
    ops += [{"#": name, "A": [], "I": [], "O": []} for name in others]
    regions = [{"#": "region_0", "blocks": [{"#": "block_0", "args": [], "ops": ops}]}]
    head = {"magic": "pir", "trainable": True, "version": 4}
    return json.dumps({"base_code": head, "program": {"regions": regions}}, separators=(",", ":"))


def test_a_program_of_paddle_3() -> None:
    text = pir({"w": ("bf16", (3, 4)), "n": ("i64", (2,)), "q": ("i8", (5,))}, ["1.dequantize_linear"])
    found = counted(text.encode(), "inference.json")
    assert (found.point, found.exact, found.stored_elements) == (17, True, 19)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        program([variable("w", FLOAT, (2**40, 2**40))]),
        program([variable("w", FLOAT, (-1, 4))]),
        pir({"w": ("f32", (-3,))}).encode(),
        pir({"w": ("f32", (2**62, 2**62))}).encode(),
        pir({"w": ("f32", (3,))}).encode()[:-9],
        b'{"base_code":{"magic":"pir"},"program":{"regions":' + b"[" * 9000,
        b'{"base_code":{"magic":"pir"},"program":{"regions":[' + b'{"blocks":[]},' * 400_001 + b"]}}",
    ],
)
def test_hostile_programs(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        paddle_program.estimate(CountingReader(data, "inference.json"), Hints())


def test_parameters_with_and_without_names() -> None:
    arrays = {
        "fc.weight": ("fc_0.w_0", np.zeros((4, 3), np.float32)),
        "fc.bias": np.zeros(3, np.uint16),  # bfloat16
        "step": np.zeros(2, np.int64),
        "StructuredToParameterName@@": {"fc.weight": "fc_0.w_0"},
        "optimizer": {"moment": np.zeros(9, np.float32)},
    }
    for protocol in (2, 4):
        assert counted(pickle.dumps(arrays, protocol), "model_state.pdparams").point == 15


def test_a_large_file_of_parameters_is_left_early() -> None:
    arrays = {f"layer{number}.weight": np.zeros((500, 400), np.float32) for number in range(30)}
    reader = CountingReader(pickle.dumps(arrays, 2), "model_state.pdparams")
    found = paddle_params.estimate(reader, Hints(enough=300_000))
    assert found.low > 300_000
    assert found.partial
    assert found.high is not None
    assert found.high >= 6_000_000
    assert reader.requests <= 5


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (pickle.dumps({}, 2), "model.pdparams", "Paddle parameters"),
        (pickle.dumps({}, 2), "model.pdopt", None),
        (tensor(FLOAT, (3,)), "conv1_weights", "Paddle inference"),
        (program([variable("w", FLOAT, (3,))]), "__model__", "Paddle program"),
        (pir({}).encode(), "inference.json", "Paddle program"),
    ],
)
def test_which_bytes_are_of_paddle(data: bytes, name: str, expected: str | None) -> None:
    found = [reader.format for reader in readers_by_bytes(data, name) if reader.format.startswith("Paddle")]
    assert found == ([expected] if expected else [])
