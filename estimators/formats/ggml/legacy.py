"""Count parameters in GGML files from before GGUF: whisper.cpp's, and those of 2023's language models.

Specs: see `legacy_layouts.py`. A magic number, settings, mostly a vocabulary, then the tensors, each with its own
header (dimensions, length of the name, type, shape, name) before its data, until the file ends.

Walks the vocabulary, then the headers, stepping over the data unread: one block for each tensor that is not small, or
until `Hints.enough` is certain. Sizes of quantised blocks changed twice without a change of type numbers; the version
says which to take, and the next header shows whether that was right. What no known layout explains gets a bound.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from estimators import packing, results
from estimators.bounds import Interval, size_interval
from estimators.dtypes import Kind, kind_of
from estimators.errors import MalformedFile
from estimators.formats.ggml.gguf import BLOCKS
from estimators.formats.ggml.legacy_layouts import (
    GGML,
    LAST_TENSOR,
    MAGICS,
    MOST_WEIGHTS_PER_BYTE,
    UNKNOWN,
    Layout,
    blocks_for,
    layouts_for,
    tensors_due,
)
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.records import RecordCursor

ALIGNMENT = 32  # bytes, of GGJT's tensor data
MAX_DIMENSIONS = 4
MAX_NAME_BYTES = 256
MAX_TENSORS = 20_000  # the largest models have fewer than 2,000
MAX_WORDS = 300_000  # bloom's vocabulary, the largest then, has 250,880
MAX_WORD_BYTES = 4_096
SCORE_BYTES = 4  # after each word of some vocabularies
SEARCHED_BYTES = 16 * 1024  # at the front of a file of an unknown layout, for its first tensor
MAX_SEARCHES = 32  # places that look like a tensor's header
MAX_FILTER_BYTES = 4 * 1024 * 1024  # of whisper's filter bank; 128 by 201 floats in the largest
BYTES_A_WORD = 12  # of a vocabulary, on average and rounded up: what is read ahead
DTYPES = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}
QUANTISED = "F32"  # a quantised tensor counts by its dimensions, as floats do

Blocks = Mapping[int, tuple[int, int]]


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with one of the magic numbers and, where it has one, a known version."""
    if front[:4] not in MAGICS or len(front) < 12:
        return False
    return any(True for _ in layouts_for(front[:4], int.from_bytes(front[4:8], "little")))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one GGML file.

    Args:
        reader: the file; its front, the rest of the vocabulary, then a block at each large tensor.
        hints: `enough` ends the walk early.

    Raises:
        MalformedFile: the file ends inside its tensors, or holds none of the known magic numbers.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    head = source.read(0, 12)
    if not matches(head, source.name):
        raise MalformedFile(source.name, f"begins with {head[:8]!r}, not with a known magic number and version")
    version = int.from_bytes(head[4:8], "little")
    known = False
    for layout in layouts_for(head[:4], version):
        start = _find_tensors(source, layout)
        if start is None:
            continue
        known = True
        for blocks in blocks_for(layout, start.settings):
            walk = _Walk(source, layout, blocks, hints)
            if walk.run(start):
                return walk.estimate()
    for start in () if known else _search(source, head[:4]):
        for blocks in blocks_for(UNKNOWN, start.settings):
            walk = _Walk(source, UNKNOWN, blocks, hints, whole=True)
            if walk.run(start):
                return walk.estimate()
    bound = size_interval(source.size, compressed=False)
    return results.of_interval(source, Basis.FILE_SIZE, bound, note="a GGML file of an unknown layout")


@dataclass(frozen=True, slots=True)
class _Start:
    """Where the tensors begin, the settings before them, and a cursor near there."""

    offset: int
    settings: tuple[int, ...]
    cursor: RecordCursor


@dataclass(frozen=True, slots=True)
class _Header:
    """What precedes a tensor's data."""

    name: str
    kind: int
    shape: tuple[int, ...]
    elements: int


def _find_tensors(source: FrontReader, layout: Layout) -> _Start | None:
    """Walk settings and vocabulary as a layout has them; None where they do not lead to a tensor or to the end."""
    at = 8 if layout.version else 4
    cursor = RecordCursor(source, at)
    try:
        settings = tuple(cursor.int32("a setting") for _ in range(layout.settings))
        if layout.words >= 0:
            cursor = _after_vocabulary(source, layout, cursor.position, settings)
        start = _Start(cursor.position, settings, cursor)
        if start.offset != source.size:
            _read_header(cursor)
    except MalformedFile:
        return None
    return start


def _after_vocabulary(source: FrontReader, layout: Layout, at: int, settings: tuple[int, ...]) -> RecordCursor:
    """A cursor behind the vocabulary, which is read in few pieces of about its size."""
    words = settings[layout.words]
    if not 0 < words <= MAX_WORDS:
        raise MalformedFile(source.name, f"vocabulary has {words} words; at most {MAX_WORDS} are allowed")
    cursor = RecordCursor(source, at, largest=words * BYTES_A_WORD)
    if layout.mel:
        filters, width = cursor.uint32("number of filters"), cursor.uint32("width of a filter")
        if filters * width * 4 > MAX_FILTER_BYTES:
            raise MalformedFile(source.name, f"filter bank is {filters} by {width}")
        cursor.skip(4 * filters * width, "the filter bank")
    if layout.counted:
        words = cursor.length("size of the vocabulary", words)
    cursor.skip_words(words, SCORE_BYTES * layout.scored, MAX_WORD_BYTES, "a word")
    return cursor


def _read_header(cursor: RecordCursor, *, least: int = 1) -> _Header:
    """The next tensor's header, of `least` dimensions at least: none has a single number, as whisper.cpp's VAD has one.

    Raises:
        MalformedFile: the bytes are no such header.
    """
    where = f"tensor at byte {cursor.position}"
    dimensions, length = cursor.uint32(f"{where}: dimensions"), cursor.uint32(f"{where}: length of its name")
    kind = cursor.uint32(f"{where}: type")
    if not (least <= dimensions <= MAX_DIMENSIONS and 0 < length <= MAX_NAME_BYTES):
        raise MalformedFile(cursor.file, f"{where} has {dimensions} dimensions and a name of {length} bytes")
    shape = tuple(cursor.uint32(f"{where}: dimension") for _ in range(dimensions))
    name = cursor.take(length, f"{where}: name")
    elements = math.prod(shape)
    if not (name.isascii() and name.decode("ascii").isprintable()) or not 0 < elements < results.MAX_ELEMENTS:
        raise MalformedFile(cursor.file, f"{where} is named {name[:80]!r} and has shape {list(shape)}")
    return _Header(name.decode("ascii"), kind, shape, elements)


def _search(source: FrontReader, magic: bytes) -> Iterator[_Start]:
    """Places near the front where a tensor's header may stand, for programs whose settings are not known here.

    A walk from such a place tells whether it does: one tensor follows another up to the last byte.
    """
    if magic != GGML or source.size is None:
        return
    front = source.read(0, min(SEARCHED_BYTES, source.size))
    found = 0
    for at in range(4, len(front) - 16):
        dimensions, length, kind = struct.unpack_from("<3I", front, at)
        if not (0 < dimensions <= MAX_DIMENSIONS and 0 < length <= MAX_NAME_BYTES and kind in BLOCKS):
            continue
        cursor = RecordCursor(source, at)
        try:
            _read_header(cursor)
        except MalformedFile:
            continue
        yield _Start(at, (), cursor)
        found += 1
        if found == MAX_SEARCHES:
            return


class _Walk:
    """One walk over the tensors, with one table of block sizes.

    Args:
        source: the file.
        layout: of the file.
        blocks: elements and bytes of each type's blocks.
        hints: `enough` ends the walk early.
        whole: whether only the end of the file proves that there are tensors, so that nothing ends the walk early.
    """

    def __init__(
        self, source: FrontReader, layout: Layout, blocks: Blocks, hints: Hints, *, whole: bool = False
    ) -> None:
        self._source = source
        self._layout = layout
        self._blocks = blocks
        self._enough = None if whole else hints.enough
        self._tally = results.tally_for(source.name, hints)
        self._tensors = 0
        self._certain = 0
        self._first = self._last = ""
        self._left: int | None = 0

    def run(self, start: _Start) -> bool:
        """Walk until the end of the file, or until enough is certain; False where a header is not one."""
        cursor = start.cursor
        cursor.move_to(start.offset)
        try:
            while not self._at_end(cursor):
                self._read_tensor(cursor)
                if self._tensors > MAX_TENSORS:
                    return False
                if self._enough is not None and self._certain > self._enough and self._tensors > 1:
                    self._left = None if self._source.size is None else self._source.size - cursor.position
                    return True
        except MalformedFile:
            return False
        return self._is_complete(start)

    def _at_end(self, cursor: RecordCursor) -> bool:
        if self._source.size is not None:
            return cursor.position >= self._source.size
        return not self._source.read(cursor.position, 1)

    def _read_tensor(self, cursor: RecordCursor) -> None:
        header = _read_header(cursor, least=0)
        if header.kind not in self._blocks:
            raise MalformedFile(cursor.file, f"tensor {header.name!r} has type {header.kind}, which is not known")
        block, size = self._blocks[header.kind]
        row = header.shape[0] if header.shape else 1
        if row % block:
            raise MalformedFile(cursor.file, f"tensor {header.name!r} has rows of {row} elements")
        if self._layout.aligned:
            cursor.skip(-cursor.position % ALIGNMENT, "padding")
        cursor.skip_data(header.elements // block * size, f"tensor {header.name!r}")
        dtype = QUANTISED if self._layout.rwkv else DTYPES.get(header.kind, QUANTISED)
        self._tally.add(packing.Tensor(header.name, dtype, header.shape, header.elements))
        self._tensors += 1
        self._certain += header.elements if kind_of(dtype) is Kind.FLOAT else 0
        self._first, self._last = self._first or header.name, header.name

    def _is_complete(self, start: _Start) -> bool:
        """Whether the file has all tensors that its settings tell of, where they tell; a vocabulary may stand alone."""
        if not self._tensors:
            return self._layout.words >= 0
        due = tensors_due(self._layout, start.settings, self._first)
        return self._tensors >= due and self._last == LAST_TENSOR.get(self._layout.name, self._last)

    def estimate(self) -> Estimate:
        """The estimate after a walk that held."""
        unseen = None
        note = "" if self._tensors else "no tensors: vocabulary only"
        if self._left != 0:
            unseen = Interval(0, None if self._left is None else self._left * MOST_WEIGHTS_PER_BYTE)
            note = f"{self._tensors} tensors were seen, the rest is bounded by its size"
        return results.of_tally(
            self._source, Basis.GGML_HEADER, self._tally, unseen=unseen, note=note, partial=unseen is not None
        )
