"""MXNet: every version of an array, sparse ones, early stops, and lists that contradict themselves."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod

import pytest

from estimators.errors import MalformedFile
from estimators.formats import mxnet
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
SIZES = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8, 12: 2}


def array(shape: Sequence[int], code: int = 0, version: int = V2) -> bytes:
    head = struct.pack("<I", version) + (bytes(4) if version in (V2, V3) else b"")
    data = struct.pack("<3i", 1, 0, code) + bytes(prod(shape) * SIZES[code])
    return head + struct.pack(f"<i{len(shape)}q", len(shape), *shape) + (data if shape or version == V3 else b"")


def file(arrays: Sequence[bytes], names: Sequence[str] | None = None) -> bytes:
    texts = (
        [f"arg:a{number}".encode() for number in range(len(arrays))] if names is None else [n.encode() for n in names]
    )
    tail = struct.pack("<Q", len(texts)) + b"".join(struct.pack("<Q", len(text)) + text for text in texts)
    return struct.pack("<3Q", 0x112, 0, len(arrays)) + b"".join(arrays) + tail


def read(data: bytes, enough: int | None = None) -> Estimate:
    assert mxnet.matches(data[:16], "net-0000.params")
    return mxnet.estimate(CountingReader(data, "net-0000.params"), Hints(enough=enough))


@pytest.mark.parametrize("version", [V1, V2, V3])
@pytest.mark.parametrize(("code", "counts"), [(0, True), (1, True), (2, True), (12, True), (4, False), (6, False)])
def test_floats_count_in_every_version(version: int, code: int, counts: bool) -> None:
    estimate = read(file([array((3, 4), code, version), array((5,), 0, version)]))
    assert (estimate.point, estimate.stored_elements, estimate.exact) == (5 + 12 * counts, 17, True)


def test_scalars_and_arrays_without_a_shape() -> None:
    assert read(file([array((), version=V3), array((), version=V2), array((2,))])).point == 3


def test_lists_may_have_no_names() -> None:
    assert read(file([array((3,))], names=[])).point == 3


def test_quantised_weights_count_and_their_ranges_do_not() -> None:
    names = ["arg:w_quantize", "arg:w_quantize_min", "arg:w_quantize_max", "arg:step"]
    estimate = read(file([array((6, 8), 5), array((1,)), array((1,)), array((3,), 5)], names))
    assert (estimate.point, estimate.exact) == (48, True)


def test_a_sparse_array_counts_by_its_dense_shape() -> None:
    rows = struct.pack("<Ii", V2, 1) + struct.pack("<i2q", 2, 2, 4) + struct.pack("<i2q", 2, 100, 4)
    rows += struct.pack("<3i", 1, 0, 0) + struct.pack("<iiq", 6, 1, 2) + bytes(2 * 4 * 4) + bytes(2 * 8)
    assert read(file([rows, array((5,))])).point == 405


def test_enough_ends_the_walk() -> None:
    data = file([array((1000, 300)) for _ in range(9)])
    estimate = read(data, enough=1_000_000)
    assert (estimate.low, estimate.exact, estimate.partial) == (1_200_000, False, True)
    assert (estimate.high or 0) >= 2_700_000


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<3Q", 0x112, 0, 2**40),
        struct.pack("<3Q", 0x112, 0, 1),
        file([array((3,))[:-2]]),
        file([array((3,))], names=["a", "b"]),
        struct.pack("<3Q", 0x112, 0, 1) + struct.pack("<Iii2q", V2, 0, 2, -1, 5) + bytes(60),
        struct.pack("<3Q", 0x112, 0, 1) + struct.pack("<Iii2q", V2, 0, 2, 2**40, 2**40) + bytes(60),
        struct.pack("<3Q", 0x112, 0, 1) + struct.pack("<Iiiq", V2, 7, 1, 3) + bytes(60),
        struct.pack("<3Q", 0x112, 0, 1) + struct.pack("<I", 99) + bytes(600),
        struct.pack("<3Q", 0x112, 0, 1) + struct.pack("<Iiiq3i", V2, 0, 1, 3, 1, 0, 77) + bytes(60),
    ],
)
def test_what_contradicts_itself_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedFile):
        read(data)
