"""MessagePack documents: Flax's arrays and msgpack-numpy's, what is left out, ranges, and hostile documents."""

from __future__ import annotations

import struct
import time
import tracemalloc
from typing import Any

import msgspec
import numpy as np
import pytest

from estimators.errors import EstimatorError, MalformedFile
from estimators.formats import flax_msgpack
from estimators.interface import Estimate, Hints
from estimators.reading import msgpack_walk
from tests.builders import CountingReader

pack = msgspec.msgpack.encode


def leaf(shape: tuple[int, ...], dtype: str = "float32", data: int | None = None, code: int = 1) -> msgspec.msgpack.Ext:
    count = int(np.prod(shape)) * (2 if "16" in dtype else 4) if data is None else data
    return msgspec.msgpack.Ext(code, pack([list(shape), dtype, bytes(count)]))


def array(shape: tuple[int, ...], form: str = "<f4") -> dict[str, Any]:
    data = bytes(int(np.prod(shape)) * np.dtype(form).itemsize)
    return {"nd": True, "type": form, "kind": b"", "shape": list(shape), "data": data}


def read(document: Any, enough: int | None = None) -> Estimate:
    data = document if isinstance(document, bytes) else pack(document)
    return flax_msgpack.estimate(CountingReader(data, "flax_model.msgpack"), Hints(enough=enough))


@pytest.mark.parametrize(
    ("document", "parameters"),
    [
        ({"params": {"dense": {"kernel": leaf((3, 4)), "bias": leaf((4,), "bfloat16")}}}, 16),
        ({"params": {"w": leaf((3, 4))}, "step": leaf((), "int32")}, 12),
        ({"params": {"w": leaf((3,))}, "opt_state": {"0": {"mu": {"w": leaf((3,))}}}}, 3),
        ({"state": {"params": {"w": leaf((3,))}, "opt_state": {"0": {"mu": {"w": leaf((3,))}}}}}, 3),
        ({"target": {"w": leaf((3,))}, "state": {"param_states": {"w": leaf((3,))}}}, 3),
        ({"optimizer": {"target": {"w": leaf((3,))}, "state": {"param_states": {"w": leaf((3,))}}}}, 3),
        ({"params": {"w": leaf((3,))}, "ema_params": {"w": leaf((3,))}}, 3),
        (
            {"w": {"__msgpack_chunked_array__": True, "shape": {"0": 5}, "chunks": {"0": leaf((3,)), "1": leaf((2,))}}},
            5,
        ),
        ({"scale": leaf((), "float32", code=3)}, 1),
        ([{"w": leaf((3,))}, [leaf((2,))]], 5),
        ({"nodes": [], "attrs": [{"x": array((9,))}], "params": [{"W": array((2, 3)), "b": None}], "shims": [[]]}, 6),
        ({"params": [{"ids": array((4,), "<i8")}]}, 0),
        ({"words": {"the": 1, "of": 2}, "names": ["a", "b"]}, 0),
    ],
)
def test_documents(document: Any, parameters: int) -> None:
    estimate = read(document)
    assert (estimate.low, estimate.high, estimate.exact) == (parameters, parameters, True)


def test_statistics_of_batch_normalisation_are_buffers() -> None:
    estimate = read({"params": {"w": leaf((3,))}, "batch_stats": {"n": {"mean": leaf((4,)), "var": leaf((4,))}}})
    assert (estimate.point, estimate.buffers) == (11, 8)


def test_bytes_without_a_meaning_are_a_bound() -> None:
    assert read({"model": bytes(70_000)}).high == 560_000
    assert read({"model": bytes(100)}).exact
    assert read({"a": leaf((3,), "float13", 12)}).high == 96


def test_arrays_that_lie_elsewhere_are_told() -> None:
    estimate = read({"params": {"w": "PLACEHOLDER://params.w", "b": leaf((3,))}})
    assert (estimate.low, estimate.high) == (3, None)
    assert estimate.evidence[0].note


def layers(count: int, dimension: int) -> CountingReader:
    document = {"params": {f"layer{number}": leaf((dimension, dimension)) for number in range(count)}}
    return CountingReader(pack(document), "flax_model.msgpack")


def test_large_arrays_are_stepped_over_and_the_walk_stops_where_it_may() -> None:
    exact, early = layers(10, 512), layers(10, 512)
    assert flax_msgpack.estimate(exact, Hints()).point == 10 * 512 * 512
    assert exact.bytes_read < 1_500_000
    estimate = flax_msgpack.estimate(early, Hints(enough=1_000_000))
    assert estimate.low > 1_000_000
    assert estimate.partial
    assert early.requests < exact.requests


def test_what_needs_no_further_range_is_counted_to_the_end() -> None:
    estimate = read({"params": {"w": leaf((30, 40)), "b": leaf((40,))}}, enough=100)
    assert (estimate.point, estimate.exact, estimate.partial) == (1240, True, False)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "the file ends"),
        (b"\x81\xa1w\xc9\xff\xff\xff\xff\x01\x93\x91\x03\xa7float32\xc6\xff\xff\xff\xf0", "elements"),
        ({"w": leaf((2**40, 2**40), data=4)}, "2^63 elements"),
        ({"w": leaf((-3,), data=4)}, "dimension -3"),
        ({"w": leaf((3,), data=8)}, "has 8 bytes"),
        ({"w": msgspec.msgpack.Ext(1, b"\x01")}, "no list of shape"),
        ({"w": {"nd": True, "type": "<f4", "shape": [3]}}, "without data"),
        (b"\x91" * 1000, "nest deeper than 64"),
        (b"\xc1", "begins no value"),
        (b"\xdf\xff\xff\xff\xff", "the file ends"),
    ],
)
def test_hostile_documents(document: Any, message: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        read(document)
    assert message in str(caught.value)


def test_endless_values_end_in_a_bound() -> None:
    count = msgpack_walk.MAX_VALUES + 100_000
    data = b"\xdd" + struct.pack(">I", count) + b"\x01" * count
    tracemalloc.start()
    began = time.process_time()
    try:
        estimate = read(data)
    except EstimatorError:  # pragma: no cover
        pytest.fail("a long list is no error")
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (estimate.low, estimate.exact) == (0, False)
    assert peak < 32 * 1024 * 1024
    assert time.process_time() - began < 20  # under tracemalloc; two seconds without
