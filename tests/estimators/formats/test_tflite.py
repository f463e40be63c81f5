"""TensorFlow Lite: what counts, where the tables lie, and hostile tables. Golden files are in tests/golden/formats."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from estimators.errors import EstimatorError, MalformedFile
from estimators.formats.tensorflow import tflite, tflite_bundles
from estimators.interface import Estimate, Hints
from estimators.registry import estimate_file
from tests.builders import CountingReader

FLOAT32, INT32, INT8, INT4, BOOL = 0, 2, 9, 17, 6


@dataclass(frozen=True)
class Row:
    """One tensor of a model: its buffer has `size` bytes, or is that of the row `shares`."""

    name: str
    kind: int
    shape: tuple[int, ...]
    size: int
    scaled: bool = False
    shares: int | None = None


class Writer:
    """Writes FlatBuffers from front to back: tables first, what they refer to behind them."""

    def __init__(self) -> None:
        self.data = bytearray(struct.pack("<I4s", 0, b"TFL3"))

    def align(self) -> int:
        self.data += bytes(-len(self.data) % 4)
        return len(self.data)

    def refer(self, place: int, target: int) -> None:
        struct.pack_into("<I", self.data, place, target - place)

    def table(self, fields: Sequence[tuple[int, bytes]]) -> tuple[int, dict[int, int]]:
        """A table with fields by their numbers; returns its place, and those of the fields."""
        count = max((number for number, _ in fields), default=-1) + 1
        vtable = self.align()
        self.data += struct.pack(f"<{2 + count}H", 4 + 2 * count, 0, *[0] * count)
        table = self.align()
        self.data += struct.pack("<i", table - vtable)
        places = {}
        for number, value in fields:
            places[number] = len(self.data)
            struct.pack_into("<H", self.data, vtable + 4 + 2 * number, len(self.data) - table)
            self.data += value + bytes(-len(value) % 4)
        return table, places

    def vector(self, place: int, items: bytes, count: int) -> int:
        at = self.align()
        self.refer(place, at)
        self.data += struct.pack("<I", count) + items
        return at

    def tables(self, place: int, count: int) -> list[int]:
        """A vector of references; returns their places."""
        at = self.vector(place, bytes(4 * count), count)
        return [at + 4 + 4 * index for index in range(count)]


def model(rows: Sequence[Row], operators: int = 1) -> bytes:
    """A model with these tensors, each followed by its buffer, as converters leave them."""
    writer = Writer()
    reference = bytes(4)
    root, fields = writer.table([(0, struct.pack("<I", 3)), (2, reference), (4, reference)])
    writer.refer(0, root)
    (subgraph,) = writer.tables(fields[2], 1)
    buffers = writer.tables(fields[4], len(rows) + 1)
    place, inner = writer.table([(0, reference), (3, reference)])
    writer.refer(subgraph, place)
    tensors = writer.tables(inner[0], len(rows))
    for target in writer.tables(inner[3], operators):
        writer.refer(target, writer.table([])[0])
    writer.refer(buffers[0], writer.table([])[0])
    for index, row in enumerate(rows):
        owner = index if row.shares is None else row.shares
        values = [(0, reference), (1, bytes([row.kind])), (2, struct.pack("<I", owner + 1)), (3, reference)]
        place, at = writer.table([*values, (4, reference)] if row.scaled else values)
        writer.refer(tensors[index], place)
        writer.vector(at[0], struct.pack(f"<{len(row.shape)}i", *row.shape), len(row.shape))
        writer.vector(at[3], row.name.encode() + b"\0", len(row.name.encode()))
        if row.scaled:
            place, scale = writer.table([(2, reference)])
            writer.refer(at[4], place)
            writer.vector(scale[2], struct.pack("<f", 0.5), 1)
        place, data = writer.table([(0, reference)] if row.size else [])
        writer.refer(buffers[index + 1], place)
        if row.size:
            writer.vector(data[0], bytes(row.size), row.size)
    return bytes(writer.data)


def estimated(data: bytes, enough: int | None = None, name: str = "model.tflite") -> Estimate:
    found = estimate_file(CountingReader(data, name), Hints(enough=enough))
    assert isinstance(found, Estimate), found
    return found


@pytest.mark.parametrize(
    ("rows", "parameters"),
    [
        ([Row("w", FLOAT32, (3, 5), 60)], 15),
        ([Row("scalar", FLOAT32, (), 4)], 1),
        ([Row("activation", FLOAT32, (1, 9), 0)], 0),
        ([Row("shape", INT32, (4,), 16), Row("mask", BOOL, (8,), 8)], 0),
        ([Row("w", INT8, (6, 2), 12, scaled=True), Row("bias", INT32, (6,), 24, scaled=True)], 18),
        ([Row("table", INT8, (12,), 12)], 0),
        ([Row("w", INT4, (5, 3), 8)], 15),
        ([Row("w", FLOAT32, (4,), 16), Row("again", FLOAT32, (2, 2), 0, shares=0)], 4),
        ([Row("a.w", INT8, (7,), 7), Row("a.w_quantized_scale", FLOAT32, (7,), 28)], 7),
    ],
)
def test_what_counts(rows: Sequence[Row], parameters: int) -> None:
    found = estimated(model(rows))
    assert (found.low, found.point, found.high, found.exact) == (parameters, parameters, parameters, True)


def test_a_shape_that_the_buffer_contradicts_is_a_bound() -> None:
    found = estimated(model([Row("w", FLOAT32, (10,), 12)]))
    assert (found.low, found.high, found.exact) == (3, 10, False)
    assert [finding.code for finding in found.findings] == ["size-differs"]


def test_without_operators_a_shape_may_be_a_length() -> None:
    rows = [Row("a.w", INT4, (64,), 64), Row("norm", FLOAT32, (40,), 40)]
    found = estimated(model(rows, operators=0))
    assert (found.low, found.point, found.high) == (128 + 10, 128 + 10, 128 + 20)


@pytest.mark.parametrize(
    ("operator", "size", "most"),
    [("edgetpu-custom-op", 100_000, 100_000), ("other", 100_000, 800_000), ("Detection", 900, 0)],
)
def test_networks_compiled_for_a_device_are_bounded(operator: str, size: int, most: int) -> None:
    writer = Writer()
    root, fields = writer.table([(1, bytes(4)), (2, bytes(4)), (4, bytes(4))])
    writer.refer(0, root)
    (code,) = writer.tables(fields[1], 1)
    (subgraph,) = writer.tables(fields[2], 1)
    writer.tables(fields[4], 0)
    place, at = writer.table([(1, bytes(4))])
    writer.refer(code, place)
    writer.vector(at[1], operator.encode() + b"\0", len(operator))
    place, at = writer.table([(3, bytes(4))])
    writer.refer(subgraph, place)
    (only,) = writer.tables(at[3], 1)
    place, at = writer.table([(5, bytes(4))])
    writer.refer(only, place)
    writer.vector(at[5], bytes(size), size)
    found = estimated(bytes(writer.data))
    assert (found.low, found.high, found.exact) == (0, most, not most)


@pytest.mark.parametrize(("identifier", "size", "low"), [(7, 48, 12), (7, 24, 6), (8, 48, 0)])
def test_weights_in_another_file_count_by_their_length(identifier: int, size: int, low: int) -> None:
    writer = Writer()
    root, fields = writer.table([(2, bytes(4)), (4, bytes(4)), (9, bytes(4))])
    writer.refer(0, root)
    (subgraph,) = writer.tables(fields[2], 1)
    writer.tables(fields[4], 0)
    (external,) = writer.tables(fields[9], 1)
    length = struct.pack("<Q", size)
    writer.refer(external, writer.table([(0, struct.pack("<I", identifier)), (3, length)])[0])
    place, at = writer.table([(0, bytes(4))])
    writer.refer(subgraph, place)
    (only,) = writer.tables(at[0], 1)
    place, at = writer.table([(0, bytes(4)), (10, struct.pack("<I", 7))])
    writer.refer(only, place)
    writer.vector(at[0], struct.pack("<2i", 3, 4), 2)
    found = estimated(bytes(writer.data))
    assert (found.low, found.high, found.exact) == (low, 12, low == 12)


def test_a_large_file_is_certain_after_few_ranges() -> None:
    rows = [Row(f"layer{index}", FLOAT32, (300 + index, 500), 2000 * (300 + index)) for index in range(24)]
    data = model(rows)
    reader = CountingReader(data, "model.tflite")
    found = tflite.estimate(reader, Hints(enough=300_000))
    assert found.low > 300_000
    assert found.partial
    assert found.high is not None
    assert found.high >= sum(row.shape[0] * 500 for row in rows)
    assert reader.requests <= 5
    whole = CountingReader(data, "model.tflite")
    assert tflite.estimate(whole, Hints()).point == sum(row.shape[0] * 500 for row in rows)
    assert whole.bytes_read < len(data) // 5


HONEST = model([Row("w", FLOAT32, (1, 3, 5), 60)])


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (HONEST.replace(struct.pack("<Ii", 3, 1), struct.pack("<Ii", 2**31, 1)), "items"),
        (HONEST.replace(struct.pack("<iii", 1, 3, 5), struct.pack("<iii", *[2**31 - 1] * 3)), "2\\^63"),
        (b"\xff\xff\xff\x7f" + HONEST[4:], "lies outside"),
        (b"\0\0\0\0" + HONEST[4:], "no root"),
        (HONEST[:-64] + struct.pack("<I", 2**31) + HONEST[-60:], "passes the end"),
        (HONEST[:-60], "passes the end"),
    ],
)
def test_hostile_tables(data: bytes, told: str) -> None:
    with pytest.raises(MalformedFile, match=told):
        tflite.estimate(CountingReader(data, "model.tflite"), Hints())


def test_subgraphs_that_share_one_list_are_counted_before_they_are_walked() -> None:
    writer = Writer()
    root, fields = writer.table([(2, bytes(4)), (4, bytes(4))])
    writer.refer(0, root)
    subgraphs = writer.tables(fields[2], 9_000)
    writer.refer(fields[4], writer.align())
    writer.data += bytes(4)
    shared = writer.align()
    writer.data += struct.pack("<I", 60_000) + bytes(240_000)
    for target in subgraphs:
        place, at = writer.table([(0, bytes(4))])
        writer.refer(target, place)
        struct.pack_into("<I", writer.data, at[0], (shared - at[0]) % 2**32)
    began = time.monotonic()
    with pytest.raises(EstimatorError):
        tflite.estimate(CountingReader(bytes(writer.data), "model.tflite"), Hints())
    assert time.monotonic() - began < 2


def test_many_tensors_take_little_time_and_memory() -> None:
    data = model([Row("t", FLOAT32, (1,), 4)] * 5_000)
    tracemalloc.start()
    began = time.process_time()
    found = tflite.estimate(CountingReader(data, "model.tflite"), Hints())
    spent, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.point == 5_000
    assert peak < 64 * 1024 * 1024
    assert spent < 10  # tracing makes it several times slower


def test_a_bundle_in_itself_is_refused() -> None:
    header = b"LITERTLM" + struct.pack("<III4xQ", 1, 0, 0, 32)
    with pytest.raises(MalformedFile):
        tflite_bundles.estimate(CountingReader(header + bytes(64), "model.litertlm"), Hints())
