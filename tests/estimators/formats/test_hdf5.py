"""HDF5: every kind of dataset and link, costs of large files, and everything a hostile file may claim."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from estimators.errors import EstimatorError, MalformedFile
from estimators.formats.hdf5 import files as hdf5
from estimators.formats.hdf5 import messages as hdf5_messages
from estimators.formats.hdf5.headers import DATATYPE, Message
from estimators.interface import ByteReader, Estimate, Hints
from estimators.reading.front import FrontReader
from estimators.registry import estimate_file
from tests.builders import CountingReader

GOLDEN = Path(__file__).parents[2] / "golden" / "formats" / "hdf5"
F32 = struct.pack("<4BI", 0x11, 0x20, 31, 0, 4) + bytes.fromhex("00 00 20 00 17 08 00 17 7f 00 00 00")
I8 = struct.pack("<4BI", 0x10, 0x08, 0, 0, 1) + struct.pack("<HH", 0, 8)
MIB = 1024 * 1024
UNDEFINED = 2**64 - 1


def header(messages: Sequence[tuple[int, bytes]]) -> bytes:
    """A version 2 object header; pyfive does not compare checksums."""
    body = b"".join(struct.pack("<BHB", kind, len(data), 0) + data for kind, data in messages)
    return b"OHDR\x02\x02" + struct.pack("<I", len(body)) + body + bytes(4)


def dataset(shape: Sequence[int], address: int, kind: bytes = F32, size: int | None = None) -> bytes:
    width = struct.unpack_from("<I", kind, 4)[0]
    elements = 1
    for dimension in shape:
        elements *= dimension
    space = struct.pack(f"<4B{len(shape)}Q", 2, len(shape), 0, 1, *shape)
    layout = struct.pack("<BBQQ", 3, 1, address, elements * width if size is None else size)
    return header([(1, space), (3, kind), (8, layout)])


def group(links: Mapping[str, int]) -> bytes:
    rows = [
        (6, struct.pack("<BBB", 1, 0, len(name)) + name.encode() + struct.pack("<Q", at)) for name, at in links.items()
    ]
    return header(rows)


class Sparse(CountingReader):
    """A file whose objects lie where a case wants them; zeros between."""

    def __init__(self, objects: Mapping[int, bytes], size: int, root: int = 48, name: str = "model.h5") -> None:
        super().__init__(b"", name, size=size)
        head = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + struct.pack("<4QI", 0, UNDEFINED, size, root, 0)
        self.objects = {0: head, **objects}

    def read(self, offset: int, length: int) -> bytes:
        data = bytearray(super().read(offset, length))
        for at, raw in self.objects.items():
            begin, end = max(at, offset), min(at + len(raw), offset + len(data))
            if begin < end:
                data[begin - offset : end - offset] = raw[begin - at : end - at]
        return bytes(data)


def model(layers: int, each: int, *, gap: int, above: str = "") -> Sparse:
    """Layers of `each` floats, one every `gap` bytes from 16 KiB on, in one group."""
    names = {f"layer{number}": 16_384 + number * gap for number in range(layers)}
    objects = {at: dataset((each,), at + 1024) for at in names.values()}
    root = group({above: 2048}) if above else group(names)
    if above:
        objects[2048] = group(names)
    return Sparse({48: root, **objects}, 16_384 + layers * gap)


def read(source: ByteReader, enough: int | None = None) -> Estimate:
    return hdf5.estimate(source, Hints(enough=enough))


def test_a_large_dataset_settles_a_large_file_in_few_ranges() -> None:
    layers = {f"dense_{number}": 4096 + number * 500_000 for number in range(100)}
    layers["dense_100"] = 60 * MIB
    objects = {at: dataset((100_000,), at + 1024) for at in layers.values()}
    objects[60 * MIB] = dataset((2000, 1000), 60 * MIB + 1024)
    source = Sparse({48: group(layers), **objects}, 70 * MIB)
    estimate = read(source, enough=1_000_000)
    assert estimate.side(1_000_000) is True
    assert estimate.partial
    assert not estimate.exact
    assert source.requests <= 3
    assert estimate.high is not None
    assert estimate.high >= 12_000_000


def test_many_layers_are_settled_by_one_long_read() -> None:
    source = model(300, 60_000, gap=250_000)
    assert read(source, enough=1_000_000).side(1_000_000) is True
    assert source.requests <= 6
    assert source.bytes_read <= 8 * MIB


def test_long_reads_begin_where_layers_do_not_where_the_file_does() -> None:
    layers = {f"layer{number}": 30 * MIB + number * 100_000 for number in range(200)}
    objects = {at: dataset((20_000,), at + 1024) for at in layers.values()}
    objects |= {48: group({"optimizer": 2048, "layers": 29 * MIB}), 29 * MIB: group(layers)}
    source = Sparse(objects, 52 * MIB)
    assert read(source, enough=1_000_000).side(1_000_000) is True
    assert source.requests <= 7


def test_the_exact_count_of_a_large_file_reads_headers_only() -> None:
    source = model(50, 250_000, gap=2 * MIB)
    estimate = read(source)
    assert (estimate.point, estimate.exact) == (12_500_000, True)
    assert source.bytes_read <= 51 * 64 * 1024 + 128 * 1024


def test_a_file_of_a_few_megabytes_is_read_whole_before_it_is_read_in_pieces() -> None:
    source = model(60, 10_000, gap=200_000)
    estimate = read(source, enough=1_000_000)
    assert (estimate.point, estimate.exact) == (600_000, True)
    assert source.requests <= 5


@pytest.mark.parametrize(
    ("name", "counted"),
    [("optimizer_weights", False), ("optimizer", False), ("d_optimizer", False), ("metrics", False), ("layers", True)],
)
def test_state_of_the_trainer_is_not_entered(name: str, *, counted: bool) -> None:
    estimate = read(model(3, 10, gap=2048, above=name))
    assert (estimate.point, estimate.exact) == (30 if counted else 0, True)


@pytest.mark.parametrize("extra", [0, 1])
def test_one_million_is_outside(extra: int) -> None:
    objects = {4096: dataset((1000, 1000), 10_000), 5000: dataset((extra,), 4_100_000)}
    source = Sparse({48: group({"a": 4096, "b": 5000}), **objects}, 5 * MIB)
    assert read(source, enough=1_000_000).side(1_000_000) is bool(extra)


def test_the_same_object_counts_once_and_loops_end() -> None:
    objects = {48: group({"a": 4096, "b": 4096, "loop": 48}), 4096: dataset((7,), 8192)}
    assert read(Sparse(objects, 10_000)).point == 7


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (dataset((2**40, 2**40), 8192, size=8), "2^63"),
        (dataset((100_000,), 8192), "in a file"),
        (dataset((10,), 8192, size=39), "for 40"),
        (dataset((10,), UNDEFINED - 100), "in a file"),
        (header([(1, struct.pack("<4B", 9, 1, 0, 1)), (3, F32), (8, b"\3\1" + bytes(16))]), "dataspace has version 9"),
        (header([(1, struct.pack("<4B", 2, 200, 0, 1)), (3, F32), (8, b"\3\1" + bytes(16))]), "200 dimensions"),
        (header([(1, struct.pack("<4B", 2, 0, 0, 0)), (3, F32)]), "a layout are needed"),
        (header([(1, struct.pack("<4B", 2, 0, 0, 0)), (3, b"\x1f" + bytes(40)), (8, b"\3\1" + bytes(16))]), "datatype"),
        (b"JUNK" * 20, "begins with"),
    ],
)
def test_contradictions_are_refused_with_the_object(raw: bytes, what: str) -> None:
    with pytest.raises(MalformedFile, match="object 'bad'") as caught:
        read(Sparse({48: group({"bad": 4096}), 4096: raw}, 100_000))
    assert what in str(caught.value)


def test_overlapping_datasets_are_refused() -> None:
    objects = {48: group({"a": 4096, "b": 5000}), 4096: dataset((7,), 8192), 5000: dataset((7,), 8200)}
    with pytest.raises(MalformedFile, match="overlap"):
        read(Sparse(objects, 10_000))


def test_data_that_was_never_written_is_a_bound() -> None:
    estimate = read(Sparse({48: group({"a": 4096}), 4096: dataset((7, 100), UNDEFINED)}, 10_000))
    assert (estimate.low, estimate.high, estimate.exact) == (0, 700, False)


def test_truncated_files_and_odd_sizes() -> None:
    data = (GOLDEN / "legacy.h5").read_bytes()
    with pytest.raises(MalformedFile, match="superblock"):
        read(CountingReader(data[:-1], "model.h5"))
    assert read(CountingReader(data + bytes(100), "model.h5")).point == 52
    with pytest.raises(EstimatorError):
        read(CountingReader(data, "model.h5", size=None))


def test_batch_normalisation_is_given_apart() -> None:
    assert read(CountingReader((GOLDEN / "legacy.h5").read_bytes(), "model.h5")).buffers == 8


def test_a_dataset_of_bytes_beside_numbers_of_a_layer_is_an_interval() -> None:
    """Keras 3 numbers its variables: without the configuration a byte may be one weight or two."""
    variables = group({"0": 4096, "1": 4500})
    objects = {48: group({"layers": 1000}), 1000: group({"dense": 1500}), 1500: group({"vars": 2000}), 2000: variables}
    objects |= {4096: dataset((8, 4), 8192, I8), 4500: dataset((4,), 8300)}
    estimate = read(Sparse(objects, 10_000, name="x.weights.h5"))
    assert (estimate.low, estimate.high, estimate.exact) == (32, 68, False)


HOSTILE = {
    "endless continuation": header([(0x10, struct.pack("<QQ", 4096, 1000))] * 200),
    "wide group": group({f"g{number:05}": 4096 + number for number in range(60_000)}),
    "empty messages": header([(0, b"")] * 90_000),
    "deep": group({"g": 4096}),
    "dense links nowhere": header([(2, struct.pack("<BBQQ", 0, 0, 9000, 9500))]),
}


@pytest.mark.parametrize("enough", [None, 1_000_000])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_structures_end_soon_and_in_little_memory(name: str, enough: int | None) -> None:
    objects = {48: group({"x": 4096}), 4096: HOSTILE[name]}
    source = Sparse(objects, 3 * MIB)
    tracemalloc.start()
    try:
        outcome = estimate_file(source, Hints(enough=enough))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert outcome is not None
    assert peak < 64 * MIB


def test_groups_in_groups_have_an_end() -> None:
    objects = {48 + 100 * number: group({"g": 148 + 100 * number}) for number in range(200)}
    with pytest.raises(MalformedFile, match="deeper than 64"):
        read(Sparse(objects, 100_000))


@pytest.mark.parametrize(
    ("raw", "dtype", "numbers"),
    [
        (F32, "F32", 1),
        (I8, "I8", 1),
        (struct.pack("<4BI", 0x15, 0, 0, 0, 2) + bytes(8), "BF16", 1),  # Keras's bfloat16
        (struct.pack("<4BI", 0x13, 0, 0, 0, 9), "BOOL", 1),  # text
        (struct.pack("<4BI", 0x39, 1, 0, 0, 16) + F32, "BOOL", 1),  # text of any length
        (struct.pack("<4BI", 0x39, 0, 0, 0, 16) + F32, "", None),  # floats of any number
        (struct.pack("<4BI", 0x3A, 0, 0, 0, 24) + b"\2" + struct.pack("<II", 2, 3) + F32, "F32", 6),
        (struct.pack("<4BI", 0x36, 2, 0, 0, 8) + b"r\0\0" + F32 + b"i\0\4" + F32, "C64", 1),
        (struct.pack("<4BI", 0x36, 2, 0, 0, 8) + b"x\0\0" + F32 + b"y\0\4" + F32, "", 8),
    ],
)
def test_element_types(raw: bytes, dtype: str, numbers: int | None) -> None:
    message = Message(DATATYPE, 0, raw + bytes(40))
    found = hdf5_messages.type_of(message, lambda _: pytest.fail("nothing is shared"))
    assert (found.dtype, found.numbers) == (dtype, numbers)


def test_reads_behind_the_end_cost_nothing() -> None:
    source = CountingReader((GOLDEN / "legacy.h5").read_bytes(), "model.h5")
    assert read(FrontReader(source, MIB)).point == 52
    assert source.requests == 1
