"""Count parameters in PaddlePaddle's `.pdiparams` files, and in variables saved to files of their own.

Spec: PaddlePaddle/Paddle, paddle/fluid/framework/lod_tensor.cc and tensor_util.cc (`SerializeToStream`,
`TensorToStream`): tensors one after the other, each with a version, its levels of sequence offsets, a version, a
TensorDesc of protobuf with its length before it, and the values. Names stand in the program beside the file.

Reads the heads, and steps over the values.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.paddle.tensors import DTYPES, ELEMENT_BYTES, Sums, Variable, elements_of
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.protobuf import LENGTH, VARINT, first_fields, signed, tag

MAX_LEVELS = 8  # of sequence offsets; parameters have none, and their data one or two
MAX_DESCRIPTION_BYTES = 4_096  # type and dimensions
MAX_TENSORS = 100_000
PIECE_BYTES = 64 * 1024  # read where a tensor begins: its head, and small ones behind it
# In a file of middling size most tensors are small, and a longer piece holds many of them.
MIDDLING_BYTES = 32 * 1024 * 1024
MIDDLING_PIECES = 12

DESCRIPTION_DTYPE, DESCRIPTION_DIM, DESCRIPTION_DIMS = tag(1, VARINT), tag(2, VARINT), tag(2, LENGTH)
# A stream's first bytes: no version but 0 was ever written, and parameters have no levels.
_STREAM = re.compile(rb"\0{16}[\x02-\xff][\0-\x0f]\0\0\x08[\0-\x21]", re.DOTALL)


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as a tensor of a stream."""
    return bool(_STREAM.match(front))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the tensors of a `.pdiparams` file, or of a variable's own file.

    Args:
        reader: the file; one range where it is small, else one for each large tensor.
        hints: `enough` ends the walk.

    Raises:
        MalformedFile: a head contradicts the format or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    sums = Sums()
    heads = _Heads(source)
    position, rest, tensors = 0, 0, 0
    while source.size is None or position < source.size:
        if hints.enough is not None and sums.floats > hints.enough and source.size is not None:
            rest = 8 * (source.size - position)
            break
        if tensors >= MAX_TENSORS:
            raise MalformedFile(source.name, f"holds more than {MAX_TENSORS} tensors")
        if source.size is None and not source.read(position, 1):
            break
        variable, position = heads.next(position)
        sums.add(variable)
        tensors += 1
    if not tensors:
        raise MalformedFile(source.name, "holds no tensor")
    interval = sums.interval(quantised=None) + Interval(0, rest)
    return results.of_interval(
        source,
        Basis.PADDLE_HEADER,
        interval,
        point=None if rest else interval.high,
        stored=None if rest else sums.stored,
        exact=not rest and interval.low == interval.high,
        findings=_findings(source.name, sums),
        note=f"{tensors} tensors without names" + (f"; stopped at byte {position}" if rest else ""),
        partial=bool(rest),
    )


def _findings(file: str, sums: Sums) -> list[Finding]:
    if not sums.integers:
        return []
    told = f"{file}: {sums.integers} integers of a byte may be quantised weights; their scales are not named here"
    return [Finding("packing-unknown", told)]


class _Heads:
    """The heads of tensors, read in pieces of a file."""

    def __init__(self, source: FrontReader) -> None:
        self._source = source
        self._piece = source.front()
        self._at = 0  # of the piece in the file
        middling = source.size is not None and source.size <= MIDDLING_BYTES
        self._length = max(PIECE_BYTES, (source.size or 0) // MIDDLING_PIECES) if middling else PIECE_BYTES

    def next(self, position: int) -> tuple[Variable, int]:
        """The tensor at an offset, and where the next begins.

        Raises:
            MalformedFile: no tensor begins there, or it passes the end of the file.
        """
        source = self._source
        what = f"the tensor at byte {position}"
        version, levels = struct.unpack("<IQ", self._take(position, 12, what))
        at = position + 12
        if version or levels > MAX_LEVELS:
            raise MalformedFile(source.name, f"{what} has the version {version} and {levels} levels")
        for _ in range(levels):
            (length,) = struct.unpack("<Q", self._take(at, 8, what))
            at += 8 + length
        version, length = struct.unpack("<II", self._take(at, 8, what))
        if version or not 2 <= length <= MAX_DESCRIPTION_BYTES:
            raise MalformedFile(source.name, f"{what} has the inner version {version}, a description of {length} bytes")
        dtype, shape = _described(source.name, self._take(at + 8, length, what), what)
        elements = elements_of(source.name, what, shape)
        after = at + 8 + length + elements * ELEMENT_BYTES[dtype]
        if source.size is not None and after > source.size:
            raise MalformedFile(source.name, f"{what} ends at byte {after} of a file of {source.size}")
        return Variable("", dtype, elements), after

    def _take(self, at: int, length: int, what: str) -> bytes:
        if not self._at <= at <= at + length <= self._at + len(self._piece):
            size = self._source.size
            wanted = self._length if size is None else min(self._length, size - at)
            if wanted < length:
                raise MalformedFile(self._source.name, f"{what}: the file ends inside its head")
            self._piece, self._at = self._source.read(at, wanted), at
        data = self._piece[at - self._at : at - self._at + length]
        if len(data) < length:
            raise MalformedFile(self._source.name, f"{what}: the file ends inside its head")
        return data


def _described(file: str, raw: bytes, what: str) -> tuple[str, list[int]]:
    """Type and dimensions of a TensorDesc."""
    dtype, shape = -1, []
    for key, number, length in first_fields(raw, len(raw)):
        if key == DESCRIPTION_DTYPE:
            dtype = number
        elif key == DESCRIPTION_DIM:
            shape.append(signed(number))
        elif key == DESCRIPTION_DIMS:
            shape += [signed(value) for value in _packed(raw[number : number + length])]
    if dtype not in DTYPES:
        raise MalformedFile(file, f"{what} has the element type {dtype}, which is not known")
    return DTYPES[dtype], shape


def _packed(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
