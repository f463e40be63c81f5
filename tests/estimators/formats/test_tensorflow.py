"""TensorFlow's tables of variables and graphs, and TensorFlow.js manifests: names, hostile bytes, costs."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
from collections.abc import Mapping, Sequence

import pytest

from estimators.errors import MalformedFile
from estimators.formats.tensorflow import graphs as tensorflow_graph
from estimators.formats.tensorflow import index as tensorflow_index
from estimators.formats.tensorflow import tfjs
from estimators.interface import Estimate, Hints
from estimators.reading import snappy
from estimators.reading.sstable import FOOTER_BYTES, MAGIC
from estimators.registry import readers_by_bytes
from tests.builders import CountingReader, elements
from tests.protobuf_writer import message, varint

FLOAT, INT64 = 1, 9
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def shape_of(shape: Sequence[int]) -> bytes:
    return message(*[(2, message((1, size))) for size in shape])


def block(entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in entries)
    return body + struct.pack("<II", 0, 1)


def table(entries: Sequence[tuple[bytes, bytes]], trailer: bytes = b"\0") -> bytes:
    data = block(entries)
    file = data + trailer + bytes(4)
    index = block([(b"z", varint(0) + varint(len(data)))])
    handle = varint(len(file)) + varint(len(index))
    file += index + bytes(5)
    footer = varint(0) + varint(0) + handle
    return file + footer + bytes(FOOTER_BYTES - 8 - len(footer)) + MAGIC


def checkpoint(variables: Mapping[str, Sequence[int]], dtype: int = FLOAT) -> bytes:
    entries = [(b"", message((1, 1), (3, message((1, 1)))))]
    for name in sorted(variables):
        size = elements(variables[name]) * (4 if dtype == FLOAT else 8)
        value = message((1, dtype), (2, shape_of(variables[name])), (5, size))
        entries.append((name.encode(), value))
    return table(entries)


def index_of(data: bytes, name: str = "model.ckpt.index") -> Estimate:
    return tensorflow_index.estimate(CountingReader(data, name), Hints())


@pytest.mark.parametrize(
    ("variables", "parameters"),
    [
        ({"w": (3, 4), "b": (4,)}, 16),
        ({"w": (3, 4), "w/Adam": (3, 4), "w/Adam_1": (3, 4), "beta1_power": ()}, 12),
        ({"w": (3, 4), "w/Momentum": (3, 4), "OptimizeLoss/w/RMSProp": (3, 4), "global_step": ()}, 12),
        ({"bert/kernel": (6,), "bert/kernel/adam_m": (6,), "bert/kernel/adam_v": (6,)}, 6),
        ({"t5/kernel": (6, 2), "t5/kernel_slot_vr": (6,), "t5/kernel_slot_vc": (2,)}, 12),
        ({"dense/kernel": (6,), "training/Adam/dense/kernel/m": (6,), "training/Adam/dense/kernel/vhat": (6,)}, 6),
        ({"w": (5,), "w/ExponentialMovingAverage": (5,)}, 5),
        ({"w/ExponentialMovingAverage": (5,)}, 5),  # nothing but averages: they are the weights
        ({f"net/w{VALUE}": (5,), f"ema_net/w{VALUE}": (5,)}, 5),
        ({f"net/w{VALUE}": (5,), f"ema_net/v{VALUE}": (5,)}, 10),
        ({"moving/m": (7,), "m/v": (3,)}, 10),
        ({"momentum": (9,), "decay": (2, 2)}, 13),  # settings are scalars
        ({f"net/w{VALUE}": (5,), f"net/w/.OPTIMIZER_SLOT/opt/m{VALUE}": (5,)}, 5),
        ({f"opt/_iterations{VALUE}": (), f"opt/_variables/1{VALUE}": (5,), f"net/w{VALUE}": (5,)}, 5),
        ({f"opt/iter{VALUE}": (), f"opt/_trainable_variables/0{VALUE}": (5,), f"opt/_momentums/0{VALUE}": (5,)}, 5),
        ({f"keras_api/metrics/0/total{VALUE}": (), f"variables/0{VALUE}": (4,)}, 4),
        ({f"_all_variables/0{VALUE}": (4,), f"variables/1{VALUE}": (4,)}, 4),
        ({f"_all_variables/0{VALUE}": (4,), f"variables/1{VALUE}": (3,)}, 7),  # not a copy
    ],
)
def test_slots_counters_and_copies_are_left_out(variables: Mapping[str, Sequence[int]], parameters: int) -> None:
    found = index_of(checkpoint(variables))
    assert (found.low, found.point, found.high, found.exact) == (parameters, parameters, parameters, True)
    assert found.stored_elements == sum(map(elements, variables.values()))


def test_integers_do_not_count_and_statistics_are_given_apart() -> None:
    assert index_of(checkpoint({"ids": (5,)}, INT64)).point == 0
    found = index_of(checkpoint({"bn/moving_mean": (4,), "bn/gamma": (4,)}))
    assert (found.point, found.buffers) == (8, 4)


def test_a_prefix_may_be_empty() -> None:
    assert index_of(checkpoint({"w": (3,)}), ".index").point == 3


def repeated_block() -> bytes:
    """An index that names one empty, well-packed block many times."""
    packed = varint(2**24) + b"\xfc" + struct.pack("<I", 2**24 - 1)[:4] + b"\0"
    file = packed + b"\1" + bytes(4)
    entries = [(b"%06d" % number, varint(0) + varint(len(packed))) for number in range(1000)]
    index = block(entries)
    footer = varint(0) + varint(0) + varint(len(file)) + varint(len(index))
    return file + index + bytes(5) + footer + bytes(FOOTER_BYTES - 8 - len(footer)) + MAGIC


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC * 6,
        bytes(100) + b"\xff" * 40 + MAGIC,
        table([(b"", b"\x08\x01"), (b"w", b"\xff" * 30)]),
        table([(b"", b"\x08\x01"), (b"w", message((1, FLOAT), (2, shape_of([2**62, 8])), (5, 4)))]),
        table([(b"", b"\x08\x01"), (b"w", message((1, FLOAT), (2, shape_of([3])), (5, 4)))]),
        table([(b"", b"\x08\x01")], trailer=b"\2"),
        repeated_block(),
    ],
)
def test_hostile_tables(data: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(MalformedFile):
        index_of(data)
    assert time.monotonic() - began < 2


def test_keys_that_grow_by_repetition_are_capped() -> None:
    body = varint(0) + varint(9000) + varint(0) + b"k" * 9000
    body += (varint(9000) + varint(1) + varint(0) + b"x") * 30_000
    data = body + struct.pack("<II", 0, 1)
    index = block([(b"z", varint(0) + varint(len(data)))])
    footer = varint(0) + varint(0) + varint(len(data) + 5) + varint(len(index))
    file = data + bytes(5) + index + bytes(5) + footer + bytes(FOOTER_BYTES - 8 - len(footer)) + MAGIC
    tracemalloc.start()
    with pytest.raises(MalformedFile):
        index_of(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("packed", "unpacked"),
    [
        (b"\x05\x10hello", b"hello"),
        (b"\x0a\x04ab" + b"\x11\x02", b"ababababab"),  # a copy that runs into itself
        (b"\x06\x08abc" + b"\x0a\x03\x00", b"abcabc"),
    ],
)
def test_snappy(packed: bytes, unpacked: bytes) -> None:
    assert snappy.unpack(packed) == unpacked


@pytest.mark.parametrize("packed", [b"", b"\xff" * 6, b"\x05\x10hel", b"\x05\x01\x09", b"\xff\xff\xff\xff\x0f"])
def test_broken_snappy(packed: bytes) -> None:
    with pytest.raises(snappy.SnappyError):
        snappy.unpack(packed)


def constant(name: str, shape: Sequence[int], dtype: int = FLOAT, content: int | None = None) -> bytes:
    size = elements(shape) * 4 if content is None else content
    tensor = message((1, dtype), (2, shape_of(shape)), (4, bytes(size)))
    value = message((1, b"value"), (2, message((8, tensor))))
    return message((1, name.encode()), (2, b"Const"), (5, value))


def graph(*nodes: bytes) -> bytes:
    return message(*[(1, node) for node in nodes])


def test_constants_of_more_than_64_elements_count() -> None:
    data = graph(constant("a", (8, 8)), constant("b", (65,)), constant("c", (100,), dtype=3))
    assert tensorflow_graph.estimate(CountingReader(data, "frozen.pb"), Hints()).point == 65


def test_a_graph_is_left_once_enough_is_certain() -> None:
    data = graph(*[constant(f"layer{number}", (1000, 300)) for number in range(12)])
    reader = CountingReader(data, "frozen.pb")
    found = tensorflow_graph.estimate(reader, Hints(enough=500_000))
    assert 500_000 < found.low < 3_600_000
    assert found.high is not None
    assert found.high >= 3_600_000
    assert found.partial
    assert reader.requests <= 4


def saved_model(nodes: Sequence[bytes], *functions: Sequence[bytes]) -> bytes:
    library = message(*[(1, message((1, b"f"), *[(3, node) for node in function])) for function in functions])
    graph_def = message(*[(1, node) for node in nodes], (2, library))
    return message((1, 1), (2, message((1, message((2, bytes(9)))), (2, graph_def))))


@pytest.mark.parametrize(
    ("functions", "low", "point", "high"),
    [
        ([], 70, 70, 70),
        ([[constant("a", (80,))], [constant("b", (80,))]], 230, 230, 230),
        ([[constant("a", (80,))], [constant("a", (80,))]], 70, 150, 230),  # two traces of one function
    ],
)
def test_functions_of_a_saved_model_may_repeat_constants(
    functions: Sequence[Sequence[bytes]], low: int, point: int, high: int
) -> None:
    data = saved_model([constant("captured", (70,))], *functions)
    found = tensorflow_graph.estimate(CountingReader(data, "saved_model.pb"), Hints())
    assert (found.low, found.point, found.high, found.exact) == (low, point, high, low == high)


def test_one_value_for_impossibly_many_elements_is_no_certain_count() -> None:
    found = tensorflow_graph.estimate(CountingReader(graph(constant("a", (2**61,), content=0)), "x.pb"), Hints())
    assert (found.low, found.high, found.exact) == (0, 2**61, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0a\x05",
        graph(constant("a", (2**62, 4), content=0)),
        graph(constant("a", (100,), content=7)),
        b"\x08\x01",
    ],
)
def test_hostile_graphs(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        tensorflow_graph.estimate(CountingReader(data, "x.pb"), Hints())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"format":"graph-model","modelTopology":{}', "TensorFlow.js"),
        ('[{"weights":[{"name":"a","shape":[1]}],"paths":["x-shard1"]}]', "TensorFlow.js"),
        ('{"class_name":"Sequential","config":{"layers":[]}}', None),
        ('{"learner":{"attributes":{},"gradient_booster":{}},"version":[2,0,0]}', "XGBoost"),
        ('{"model_type":"bert"}', None),
        ('[{"weights": 3}]', None),
    ],
)
def test_which_json_is_a_model(text: str, expected: str | None) -> None:
    found = next(readers_by_bytes(text.encode(), "model.json"), None)
    assert (found.format if found else None) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"modelTopology":{"class_name":"Sequential"}}',
        '[{"weights":[{"name":"a","shape":[-1],"dtype":"float32"}],"paths":[]}]',
        '[{"weights":[{"name":"a","shape":[9223372036854775807,3],"dtype":"float32"}],"paths":[]}]',
        '[{"weights":[{"name":"a","shape":[1' + "0" * 20_000 + '],"dtype":"float32"}],"paths":[]}]',
        '{"weightsManifest":' + "[" * 5000,
        '{"weightsManifest":[{"weights":[' + ",".join(['{"name":"","shape":[],"dtype":""}'] * 200_001) + "]}]}",
    ],
)
def test_hostile_manifests(text: str) -> None:
    with pytest.raises(MalformedFile):
        tfjs.estimate(CountingReader(text.encode(), "model.json"), Hints())


def test_of_a_long_model_only_the_end_is_read() -> None:
    weights = [{"name": "kernel", "shape": [100, 20], "dtype": "float32"}]
    manifest = json.dumps([{"paths": ["group1-shard1of1.bin"], "weights": weights}])
    text = (
        '{"modelTopology":{"x":"'
        + "y" * tfjs.MAX_WHOLE_BYTES
        + '"},"weightsManifest":'
        + manifest
        + ',"signature":{"a":[1]}}'
    )
    reader = CountingReader(text.encode(), "model.json")
    assert tfjs.estimate(reader, Hints()).point == 2000
    assert reader.requests == 2
