"""Count parameters in MLC LLM's models by their manifest (`ndarray-cache.json`, newer `tensor-cache.json`).

Spec: mlc-ai/mlc-llm, python/mlc_llm/interface/convert_weight.py and quantization/group_quantization.py; apache/tvm,
python/tvm/contrib/tvmjs.py (`dump_ndarray_cache`). The shards beside it (`params_shard_0.bin`) hold numbers without any
header.

The manifest is read whole: names, shapes and element types of all tensors, and in its metadata the bits per parameter,
from which the number of parameters before quantising follows. It is exact where the shapes bear that number out. Packed
weights (`q_weight`) hold as many values a word as the bits say; their scales do not count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import msgspec

from estimators import results
from estimators.bounds import Interval
from estimators.dtypes import Kind, kind_of
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading.front import FrontReader, front_reader

MAX_MANIFEST_BYTES = 4 * 1024 * 1024  # the largest have 1 MiB; numbers in shapes take ten times their bytes
MAX_TENSORS = 200_000
MAX_DIMENSIONS = 16
MOST_VALUES = 32  # of a word whose name does not tell what it packs: releases of 2023 numbered their tensors
BITS = (4, 3, 8, 2)  # of a packed weight, the likeliest first
LEAST_ROUNDING = 0.99  # bits per parameter may have been rounded
LARGEST_PADDING = 1.05  # rows of three-bit weights are padded to whole words and groups
_START = re.compile(rb'\s*\{\s*"metadata"\s*:\s*\{[^{}]{0,2000}"Param(?:Size|Bytes)"')
_DTYPE = re.compile(r"(float|bfloat|int|uint)(\d{1,3})\Z")
_DTYPE_LETTERS = {"float": "F", "bfloat": "BF", "int": "I", "uint": "U"}
PACKED = ("q_weight", "qweight")
BOOKKEEPING = ("q_scale", "scales", "qzeros", "q_zeros", "q_zero", "g_idx", "q_bias")


class _Tensor(msgspec.Struct, gc=False):
    name: str
    shape: list[int]
    dtype: str


class _Shard(msgspec.Struct, gc=False):
    records: list[_Tensor]


class _Metadata(msgspec.Struct, gc=False):
    parameter_bytes: float = msgspec.field(name="ParamBytes", default=0.0)
    bits: float = msgspec.field(name="BitsPerParam", default=0.0)


class _Manifest(msgspec.Struct, gc=False):
    records: list[_Shard]
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


_DECODER = msgspec.json.Decoder(_Manifest)


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as a manifest, or has its name and begins as JSON."""
    if name in ("ndarray-cache.json", "tensor-cache.json"):
        return front.lstrip()[:1] == b"{"
    return _START.match(front) is not None


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- one range tells everything
    """Count the parameters of one model by its manifest.

    Args:
        reader: the manifest, read whole.
        hints: unused.

    Raises:
        MalformedFile: the file is no manifest, or states impossible shapes.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    manifest = _manifest(source)
    plain = packed_words = unnamed = stored = 0
    values_by_bits = dict.fromkeys(BITS, 0)
    for tensor in _tensors(source.name, manifest):
        elements = math.prod(tensor.shape)
        stored += elements
        dtype = _dtype_of(tensor.dtype)
        ending = tensor.name.rpartition(".")[2]
        if ending in PACKED and kind_of(dtype) is Kind.INTEGER:
            packed_words += elements
            width = int(dtype[1:])
            for bits in BITS:
                values_by_bits[bits] += elements * max(width // bits, 1)
        elif ending not in BOOKKEEPING and kind_of(dtype) is Kind.FLOAT:
            plain += elements
        elif kind_of(dtype) is Kind.INTEGER and len(tensor.shape) > 1:
            unnamed += elements
    if unnamed:
        return _between(source, Interval(unnamed, plain + unnamed * MOST_VALUES), plain + unnamed * 8, stored)
    if not packed_words:
        return _exactly(source, plain, stored)
    stated = _stated(manifest.metadata)
    by_shapes = [plain + values for values in values_by_bits.values()]
    if stated is None:
        return _between(source, Interval(min(by_shapes), max(by_shapes)), by_shapes[0], stored)
    if stated in by_shapes:
        return _exactly(source, stated, stored)
    near = [count for count in by_shapes if stated * LEAST_ROUNDING <= count <= stated * LARGEST_PADDING]
    likely = near or by_shapes
    return _between(source, Interval(min(stated, *likely), max(stated, *likely)), stated, stored)


def _manifest(source: FrontReader) -> _Manifest:
    size = MAX_MANIFEST_BYTES if source.size is None else source.size
    if size > MAX_MANIFEST_BYTES:
        raise MalformedFile(source.name, f"has {size} bytes; a manifest of at most {MAX_MANIFEST_BYTES} is read")
    try:
        return _DECODER.decode(source.read(0, max(size, 1)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise MalformedFile(source.name, f"is not a manifest of tensors: {str(exc)[:200]}") from exc


def _tensors(file: str, manifest: _Manifest) -> Iterator[_Tensor]:
    """All tensors, their shapes checked."""
    count = 0
    for shard in manifest.records:
        count += len(shard.records)
        if count > MAX_TENSORS:
            raise MalformedFile(file, f"lists more than {MAX_TENSORS} tensors")
        for tensor in shard.records:
            few = len(tensor.shape) <= MAX_DIMENSIONS
            if not few or min(tensor.shape, default=0) < 0 or math.prod(tensor.shape) >= results.MAX_ELEMENTS:
                raise MalformedFile(file, f"tensor {tensor.name[:80]!r} has shape {tensor.shape[:MAX_DIMENSIONS]}")
            yield tensor


def _dtype_of(text: str) -> str:
    """An element type by safetensors' name."""
    match = _DTYPE.match(text)
    if match:
        return _DTYPE_LETTERS[match[1]] + match[2]
    return "F8_E4M3" if "e4m3" in text else "F8_E5M2" if "e5m2" in text else text[:40]


def _stated(metadata: _Metadata) -> int | None:
    """The parameters that the metadata tell of: bytes times eight through bits per parameter."""
    if not (0 < metadata.parameter_bytes < 2**60 and 0 < metadata.bits <= 64):
        return None
    return round(metadata.parameter_bytes * 8 / metadata.bits)


def _exactly(source: FrontReader, count: int, stored: int) -> Estimate:
    return results.of_count(source, Basis.RAW_VALUES, count, stored=stored)


def _between(source: FrontReader, interval: Interval, point: int, stored: int) -> Estimate:
    message = f"{source.name}: packed weights stand for {interval.low} to {interval.high} parameters"
    finding = Finding("packing-unknown", message)
    return results.of_interval(source, Basis.RAW_VALUES, interval, point=point, stored=stored, findings=(finding,))
