"""NumPy files: headers of every version and type, archives by their members' first bytes, and hostile claims."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from estimators.errors import MalformedFile
from estimators.formats.numpy import files as numpy_files
from estimators.interface import Estimate, Hints
from estimators.reading import npy
from tests.builders import CountingReader


def header(text: str, version: int = 1) -> bytes:
    raw = text.encode()
    return npy.MAGIC + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(raw)) + raw


def array(descr: object, shape: object, data: int = 0, version: int = 1) -> bytes:
    return header(f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n", version) + bytes(data)


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members.items():
            with file.open(name + ".npy", "w", force_zip64=True) as member:
                member.write(data)
    return out.getvalue()


def read(data: bytes, size: int | None = -1, enough: int | None = None) -> Estimate:
    return numpy_files.estimate(CountingReader(data, "weights.npz", size=size), Hints(enough=enough))


def refused(data: bytes, size: int | None = -1) -> str:
    with pytest.raises(MalformedFile) as caught:
        read(data, size)
    return str(caught.value)


@pytest.mark.parametrize(
    ("descr", "itemsize", "counted"),
    [
        ("<f4", 4, 6),
        (">f8", 8, 6),
        ("<f2", 2, 6),
        ("<f16", 16, 6),
        ("<c8", 8, 6),
        ("<V2", 2, 6),  # bfloat16 of MLX and ml_dtypes
        ("|V1", 1, 6),  # their eight-bit floats
        ("<f1", 1, 6),
        ("<i8", 8, 0),
        ("|u1", 1, 0),
        ("|b1", 1, 0),
        ("<U5", 20, 0),
        ("|S3", 3, 0),
        ("<M8[ns]", 8, 0),
        ([("a", "<f4"), ("b", "<i4"), ("c", "<f8", (2,))], 24, 18),
        ([("a", "<f4"), ("", "|V4"), (("title", "b"), "<f8")], 16, 12),  # aligned, so padded
        ([("a", [("x", "<f4"), ("y", "<f4")])], 8, 12),
        ((("<f4", (3,))), 12, 18),
    ],
)
def test_types(descr: object, itemsize: int, counted: int) -> None:
    estimate = read(array(descr, (2, 3), 6 * itemsize))
    assert (estimate.low, estimate.high, estimate.exact) == (counted, counted, True)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize(("shape", "elements"), [((), 1), ((0, 3), 0), ((5,), 5), ((2, 3), 6)])
def test_versions_and_shapes(version: int, shape: tuple[int, ...], elements: int) -> None:
    assert read(array("<f4", shape, 4 * elements, version)).point == elements


def test_long_integers_of_python_2() -> None:
    assert read(header("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }") + bytes(24)).point == 6


def test_several_arrays_in_one_file() -> None:
    assert read(array("<f4", (3,), 12) + array("<f8", (2,), 16)).point == 5


def test_what_follows_the_last_array_is_told() -> None:
    estimate = read(array("<f4", (3,), 12) + b"end")
    assert estimate.point == 3
    assert [finding.code for finding in estimate.findings] == ["bytes-without-tensor"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (array("<f4", (3,), 11), "passes the file's end"),
        (array("<f4", (2**40, 2**40)), "2^63 elements"),
        (array("<f4", (-1,)), "dimension -1"),
        (array("<f4", ("3",), 12), "dimension"),
        (array("<f4", (3,) * 65), "64 dimensions"),
        (array("nonsense", (3,)), "element type"),
        (array("<f99999999999999", (3,)), "too long"),
        (header("{'descr': '<f4', 'shape': __import__('os').system('true')}"), "not a Python literal"),
        (header("{'descr': '<f4', 'shape': (" + "9" * 20_000 + ",)}"), "not a Python literal"),
        (header("(" * 5000), "not a Python literal"),
        (header("[1, 2]"), "not a dictionary"),
        (header("{'descr': '<f4'}"), "not a dictionary"),
        (npy.MAGIC + b"\x02\x00\xff\xff\xff\xff", "header length"),
        (npy.MAGIC + b"\x09\x00\x10\x00{}", "version of .npy is 9"),
        (npy.MAGIC, "magic"),
        (b"", "magic"),
    ],
)
def test_hostile_headers(data: bytes, message: str) -> None:
    assert message in refused(data)


def test_objects_are_read_as_the_pickle_they_are() -> None:
    models = {"w": np.zeros((3, 4)), "labels": ["a"]}
    raw = array("|O", ()) + pickle.dumps(np.array(models, object))
    assert read(raw).point == 12
    estimate = read(archive({"a": raw, "b": array("<f4", (2,), 8)}, zipfile.ZIP_DEFLATED))
    assert (estimate.point, estimate.exact) == (14, True)


MEMBERS = {f"layer.{number}.{name}": array("<f4", (4,), 16) for number in range(3) for name in ("weight", "bias")}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_of_both_methods(method: int) -> None:
    estimate = read(archive(MEMBERS, method))
    assert (estimate.point, estimate.exact) == (24, True)


def test_names_and_headers_longer_than_the_first_look() -> None:
    fields = [(f"column_{number:04}", "<f4") for number in range(300)]
    data = archive({"n" * 2000: array("<f4", (2,), 8), "wide": array(fields, (1,), 1200)}, zipfile.ZIP_DEFLATED)
    assert read(data).point == 302


def large(layers: int, dimension: int) -> CountingReader:
    """An archive whose elements are not held in memory: every layer's data are zeros past its header."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for number in range(layers):
            for name, shape in (("kernel", (dimension, dimension)), ("bias", (dimension,))):
                buffer = io.BytesIO()
                np.save(buffer, np.zeros(shape, np.float32))
                file.writestr(f"layer{number}/{name}.npy", buffer.getvalue())
    return CountingReader(out.getvalue(), "model.npz")


def test_small_neighbours_share_a_range() -> None:
    reader = large(60, 128)
    assert numpy_files.estimate(reader, Hints()).point == 60 * 128 * 129
    assert reader.requests <= 5


def test_a_large_archive_stops_early_where_a_bound_is_enough() -> None:
    exact, early = large(12, 600), large(12, 600)
    assert numpy_files.estimate(exact, Hints()).point == 12 * 600 * 601
    estimate = numpy_files.estimate(early, Hints(enough=1_000_000))
    assert estimate.low > 1_000_000
    assert estimate.high is not None
    assert estimate.high >= 12 * 600 * 601
    assert estimate.partial
    assert early.requests < exact.requests / 2


def test_a_bomb_claims_more_than_deflate_can_reach() -> None:
    data = bytearray(archive({"a": array("<f4", (2**28,))}, zipfile.ZIP_DEFLATED))
    directory = data.index(b"PK\1\2")
    data[directory + 24 : directory + 28] = struct.pack("<I", 2**30 + 100)
    assert "claims 1073741924 bytes" in refused(bytes(data))


def test_an_array_larger_than_its_member() -> None:
    assert "does not fit in its member" in refused(archive({"a": array("<f4", (10,), 12)}))


def test_members_that_share_their_bytes() -> None:
    data = archive({"a": array("<f4", (100,), 400), "b": array("<f4", (100,), 400)})
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    assert "overlaps another" in refused(data[: second + 42] + bytes(4) + data[second + 46 :])


def test_an_empty_archive_has_no_parameters() -> None:
    estimate = read(archive({}))
    assert (estimate.point, estimate.exact) == (0, True)
