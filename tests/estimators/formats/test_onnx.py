"""ONNX graphs: where tensors lie, what operators make of them, and files that are not what they say."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import pytest

from estimators.errors import MalformedFile
from estimators.formats.onnx import models as onnx
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader, elements
from tests.protobuf_writer import blob, fixed32, number, packed

MIB = 1024 * 1024
F32, U8, I8, I32, I64, BOOL, F16, C64, U4, I4, F4, E8M0 = 1, 2, 3, 6, 7, 9, 10, 14, 21, 22, 23, 24
BITS = {F32: 32, U8: 8, I8: 8, I32: 32, I64: 64, BOOL: 8, F16: 16, C64: 64, U4: 4, I4: 4, F4: 4, E8M0: 8, 99: 8}


def tensor(name: str, shape: Sequence[int], kind: int = F32, *, data: bytes | None = None) -> bytes:
    """A TensorProto with raw data."""
    raw = bytes(-(-elements(shape) * BITS[kind] // 8)) if data is None else data
    return packed(1, shape) + number(2, kind) + blob(8, name) + blob(9, raw)


def external(name: str, shape: Sequence[int], offset: str = "0", kind: int = F32) -> bytes:
    entries = blob(13, blob(1, "location") + blob(2, "w.bin")) + blob(13, blob(1, "offset") + blob(2, offset))
    return packed(1, shape) + number(2, kind) + blob(8, name) + entries + number(14, 1)


def attribute(name: str, payload: bytes) -> bytes:
    return blob(5, blob(1, name) + payload)


def node(operator: str, inputs: Sequence[str], output: str = "y", attributes: bytes = b"", domain: str = "") -> bytes:
    names = b"".join(blob(1, name) for name in inputs)
    return blob(1, names + blob(2, output) + blob(4, operator) + attributes + (blob(7, domain) if domain else b""))


def constant(output: str, value: bytes) -> bytes:
    return node("Constant", [], output, attribute("value", blob(5, value)))


def graph(*parts: bytes, tensors: Sequence[bytes] = ()) -> bytes:
    return b"".join(parts) + blob(2, "g") + b"".join(blob(5, one) for one in tensors)


def model(content: bytes, after: bytes = b"") -> bytes:
    return number(1, 10) + blob(2, "test") + blob(7, content) + blob(8, number(2, 21)) + after


def counted(data: bytes, *, enough: int | None = None) -> Estimate:
    return onnx.estimate(CountingReader(data, "model.onnx"), Hints(enough=enough))


W, WS, WZ = tensor("w", [8, 4], I8), tensor("s", [4]), tensor("z", [4], I8)
PACKED = tensor("w", [40, 1, 16], U8)
DQ = node("DequantizeLinear", ["w", "s", "z"])
KN = attribute("K", number(3, 20)) + attribute("N", number(3, 40)) + attribute("bits", number(3, 4))
BLOCKS = [PACKED, tensor("s", [40]), tensor("z", [20], U8)]


@pytest.mark.parametrize(
    ("content", "count"),
    [
        pytest.param(graph(tensors=[tensor("a", [3, 4]), tensor("b", []), tensor("i", [9], I64)]), 13, id="floats"),
        pytest.param(
            graph(tensors=[tensor("a", [3], C64), tensor("b", [5], F4), tensor("c", [6], F16)]), 14, id="types"
        ),
        pytest.param(graph(tensors=[tensor("a", [2, 5], U4), tensor("m", [9], BOOL)]), 10, id="four-bit integers"),
        pytest.param(
            graph(tensors=[blob(9, bytes(24)) + number(1, 2) + number(1, 3) + number(2, F32)]), 6, id="raw first"
        ),
        pytest.param(graph(tensors=[packed(1, [2, 2]) + number(2, F32) + blob(4, bytes(16))]), 4, id="float_data"),
        pytest.param(graph(tensors=[packed(1, [2]) + number(2, F32) + fixed32(4, 1.0) * 2]), 2, id="not packed"),
        pytest.param(graph(tensors=[packed(1, [3]) + number(2, F16) + packed(5, [1, 2, 3])]), 3, id="int32_data"),
        pytest.param(graph(tensors=[packed(1, [0, 5]) + number(2, F32)]), 0, id="no elements"),
        pytest.param(graph(blob(15, blob(1, tensor("s", [2])) + packed(3, [10, 10]))), 100, id="sparse"),
        pytest.param(graph(constant("a", tensor("", [65])), constant("b", tensor("", [64]))), 65, id="constants"),
        pytest.param(
            graph(node("ConstantOfShape", ["s"], "c", attribute("value", blob(5, tensor("", [1]))))), 0, id="fill"
        ),
        pytest.param(
            graph(node("If", ["c"], "y", attribute("then_branch", blob(6, graph(tensors=[tensor("t", [7, 7])]))))),
            49,
            id="if",
        ),
        pytest.param(
            graph(tensors=[external("a", [1000, 1000]), external("b", [3], "4000000")]), 1_000_003, id="external"
        ),
        pytest.param(
            graph(tensors=[external("a", [50, 2]), external("tied", [50, 2])]), 100, id="one place, two names"
        ),
        pytest.param(graph(DQ, tensors=[W, WS, WZ]), 32, id="dequantised"),
        pytest.param(graph(tensors=[W, WS, WZ]) + DQ, 32, id="nodes after tensors"),
        pytest.param(
            graph(node("DequantizeLinear", ["b", "s"]), tensors=[tensor("b", [9], I32), tensor("s", [1])]), 9, id="bias"
        ),
        pytest.param(
            graph(node("Gather", ["w", "i"], "r"), node("DequantizeLinear", ["r", "s", "z"]), tensors=[W, WS, WZ]),
            32,
            id="gather",
        ),
        pytest.param(
            graph(node("DequantizeLinear", ["q", "t"], "s"), DQ, tensors=[W, tensor("q", [4], I8), tensor("t", [1])]),
            32,
            id="scales that are quantised",
        ),
        pytest.param(
            graph(
                node("DynamicQuantizeLinear", ["x"], "a", blob(2, "as")),
                node("MatMulInteger", ["a", "w", "az", "z"], "m"),
                node("Mul", ["as", "s"], "ss"),
                tensors=[W, WS, WZ],
            ),
            32,
            id="dynamic",
        ),
        pytest.param(
            graph(
                node("Mul", ["m", "w_scale"]),
                node("MatMulInteger", ["a", "w_quantized"], "m"),
                tensors=[tensor("w_quantized", [8, 4], I8), tensor("w_scale", [4]), tensor("lr_scale", [6])],
            ),
            38,
            id="scales by name",
        ),
        pytest.param(
            graph(node("Cast", ["w"], "f"), node("Mul", ["f", "s"]), tensors=[tensor("w", [20, 4], I8), WS]),
            80,
            id="cast",
        ),
        pytest.param(
            graph(node("Cast", ["w"], "f"), node("Mul", ["f", "x"]), tensors=[tensor("w", [20, 4], U8)]), 0, id="mask"
        ),
        pytest.param(graph(node("MatMulNBits", ["x", "w", "s", "z"], "y", KN), tensors=BLOCKS), 800, id="blocks"),
        pytest.param(
            graph(node("GatherBlockQuantized", ["w", "i", "s"], "y"), tensors=[PACKED, BLOCKS[1]]),
            1280,
            id="gather blocks",
        ),
        pytest.param(
            graph(
                node("QMoE", ["x", "r", "w", "s"], "y", attribute("expert_weight_bits", number(3, 8))),
                tensors=BLOCKS[:2],
            ),
            640,
            id="experts",
        ),
        pytest.param(
            graph(node("QLinearConcat", ["s", "z", "w", "s", "z"]), tensors=[W, WS, WZ]), 32, id="repeating inputs"
        ),
        pytest.param(
            graph(node("Foo", ["a", "i"], domain="mine"), tensors=[tensor("a", [3, 5]), tensor("i", [90], I64)]),
            15,
            id="floats of any operator, and indices",
        ),
        pytest.param(
            graph(node("ZipMap", ["p"], "y", attribute("classlabels_int64s", packed(8, range(100))), "ai.onnx.ml")),
            0,
            id="labels of classes",
        ),
        pytest.param(
            graph(node("Tokenizer", ["t"], "y", attribute("v", blob(4, bytes(99_999))), "ai.onnx.contrib")),
            0,
            id="text",
        ),
    ],
)
def test_counts(content: bytes, count: int) -> None:
    outcome = counted(model(content))
    assert (outcome.low, outcome.high, outcome.point, outcome.exact) == (count, count, count, True)


@pytest.mark.parametrize(
    ("data", "low", "high", "code"),
    [
        pytest.param(
            model(graph(node("Foo", ["w"], domain="mine"), tensors=[tensor("w", [9, 9], U8)])),
            0,
            648,
            "use-unknown",
            id="operator nobody knows",
        ),
        pytest.param(model(graph(tensors=[tensor("w", [8], 99)])), 0, 512, "unknown-dtype", id="type nobody knows"),
        pytest.param(model(graph(tensors=[packed(1, [8]) + number(2, F32)])), 0, 8, "values-missing", id="no values"),
        pytest.param(model(graph(node("EPContext", ["x"]))), 0, None, "compiled-network", id="network in another file"),
        pytest.param(
            model(graph(node("EPContext", ["x"], "y", attribute("c", blob(4, bytes(100_000)))))),
            0,
            800_000,
            "compiled-network",
            id="network in an attribute",
        ),
        pytest.param(
            model(
                graph(
                    node("LinearRegressor", ["x"], "y", attribute("coefficients", blob(7, bytes(400))), "ai.onnx.ml"),
                    tensors=[tensor("a", [5])],
                )
            ),
            5,
            105,
            "values-in-attributes",
            id="ml",
        ),
        pytest.param(
            model(graph(node("Scaler", ["x"], "y", attribute("offset", blob(7, bytes(8))), "ai.onnx.ml"))),
            0,
            2,
            "values-in-attributes",
            id="a small model",
        ),
        pytest.param(
            model(graph(node("MatMulFpQ4", ["x", "w"]), tensors=[tensor("w", [90], U8)])),
            90,
            180,
            "packing-unknown",
            id="blocks with scales inside",
        ),
    ],
)
def test_bounds(data: bytes, low: int, high: int | None, code: str) -> None:
    outcome = counted(data)
    assert (outcome.low, outcome.high, outcome.exact) == (low, high, False)
    assert code in {finding.code for finding in outcome.findings}


def test_functions_count_and_training_does_not() -> None:
    value = blob(5, blob(1, "value") + blob(5, tensor("", [90])))
    function = blob(25, blob(1, "f") + blob(7, blob(2, "c") + blob(4, "Constant") + value))
    training = blob(20, blob(1, graph(tensors=[tensor("t", [500])])))
    assert counted(model(graph(tensors=[tensor("a", [5])]), training + function)).point == 95


def test_buffers_are_given_apart() -> None:
    names = ["x", "g", "b", "m", "v"]
    content = graph(node("BatchNormalization", names), tensors=[tensor(name, [6]) for name in names[1:]])
    assert (counted(model(content)).point, counted(model(content)).buffers) == (24, 12)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(model(graph(tensors=[tensor("a", [9], data=bytes(35))])), id="fewer values than dims"),
        pytest.param(model(graph(tensors=[packed(1, [-1]) + number(2, 1)])), id="negative"),
        pytest.param(model(graph(tensors=[packed(1, [2**32, 2**32]) + number(2, 1)])), id="overflow"),
        pytest.param(model(graph(tensors=[packed(1, [1] * 300) + number(2, 1) + blob(9, bytes(4))])), id="dimensions"),
        pytest.param(number(1, 8) + blob(2, "x"), id="no graph"),
        pytest.param(model(graph(tensors=[tensor("a", [9])]))[:-1], id="cut in a field"),
        pytest.param(b"", id="empty"),
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(MalformedFile, match=r"model\.onnx"):
        counted(data)


def test_what_follows_the_model_is_a_finding() -> None:
    outcome = counted(model(graph(tensors=[tensor("a", [9])])) + bytes(40))
    assert (outcome.point, outcome.exact, outcome.findings[0].code) == (9, True, "bytes-without-tensor")
    cut = counted(number(1, 10) + blob(7, graph(tensors=[tensor("a", [9])])))
    assert (cut.low, cut.high, cut.exact) == (9, 9, False)


@pytest.mark.parametrize(
    ("front", "name", "expected"),
    [
        (model(graph(node("Relu", ["x"]))), "x.bin", True),
        (model(b""), "x", True),
        (number(1, 8) + blob(2, "pytorch") + b"\x3a\xff\xff\xff\x0f\x0a\x90\x01", "m", True),
        (number(1, 1) + blob(2, blob(1, b"serve") + blob(2, b"graph")), "saved_model.pb", False),  # SavedModel
        (number(1, 4) + blob(2, blob(1, b"in")) + blob(500, b"\x0a\x02"), "m.mlmodel", False),  # CoreML
        (blob(1, blob(1, "name") + blob(2, "Const")), "frozen.pb", False),  # GraphDef
        (number(1, 3) + number(2, 1) + blob(9, bytes(12)), "input_0.pb", False),  # TensorProto
        (number(1, 8) + blob(7, b"\xff\xff"), "m", False),
        (b"", "m.onnx", False),
        (b"version https://git-lfs", "m.onnx", False),
    ],
)
def test_matches(front: bytes, name: str, expected: bool) -> None:
    assert onnx.matches(front, name) is expected


def test_a_large_model_is_stepped_through_and_left_early() -> None:
    data = model(graph(DQ, tensors=[tensor(f"t{place}", [MIB, 2]) for place in range(5)]))
    reader = CountingReader(data, "model.onnx")
    assert onnx.estimate(reader, Hints()).point == 10 * MIB
    assert (reader.requests, reader.bytes_read < MIB) == (6, True)
    reader = CountingReader(data, "model.onnx")
    outcome = onnx.estimate(reader, Hints(enough=MIB))
    assert (outcome.low, outcome.partial, outcome.exact, reader.requests) == (2 * MIB, True, False, 1)
    assert outcome.high is not None
    assert 10 * MIB <= outcome.high <= 8 * len(data)


def test_many_nodes_take_little_memory_and_time() -> None:
    chain = b"".join(node("Identity", [f"n{at}"], f"n{at + 1}") + node("Mul", [f"n{at}", "s"]) for at in range(10_000))
    data = model(graph(chain, tensors=[tensor("n0", [90, 9], U8), tensor("s", [1])]))
    tracemalloc.start()
    outcome = counted(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome.low <= 810
    assert peak < 32 * MIB
