"""Count parameters in GGUF files.

Spec: ggml-org/ggml, docs/gguf.md, versions 1 to 3; reference reader ggml/src/gguf.cpp.

Reads the fixed header, walks the key-value block (token lists make it long: ranges grow as it goes, and arrays of
fixed-size values are stepped over unread) and reads the tensor table; never tensor data. Quantised types count by their
dimensions, which GGUF states unpacked. A file without tensors (vocabulary only) holds 0 parameters.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from estimators.cursor import MAX_VALUE_BYTES, Cursor
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Evidence, Finding, Hints
from estimators.reading import FrontReader, front_reader

MAGIC = b"GGUF"
VERSIONS = (1, 2, 3)
MAX_PAIRS = 100_000  # key-value pairs; real files have fewer than 100
MAX_TENSORS = 200_000  # real files have fewer than 3,000
MAX_NESTING = 4  # arrays in arrays; the reference reader allows one level
MAX_DIMENSIONS = 8  # the specification says 4, and that this may grow
MAX_ELEMENTS = 2**63  # dimensions are signed 64-bit numbers in the reference reader
DEFAULT_ALIGNMENT = 32

STRING, ARRAY = 8, 9
VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

# ggml types: elements in a block and bytes of a block.
BLOCKS: dict[int, tuple[int, int]] = {
    0: (1, 4), 1: (1, 2), 30: (1, 2), 28: (1, 8),  # F32, F16, BF16, F64
    2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),  # Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q8_1
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),  # Q2_K to Q8_K
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),  # IQ2_XXS to IQ3_S
    22: (256, 82), 23: (256, 136), 29: (256, 56),  # IQ2_S, IQ4_XS, IQ1_M
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),  # I8 to I64
    31: (32, 18), 32: (32, 18), 33: (32, 18),  # Q4_0 interleaved, withdrawn
    34: (256, 54), 35: (256, 66),  # TQ1_0, TQ2_0
    36: (32, 18), 37: (32, 18), 38: (32, 18),  # IQ4_NL interleaved, withdrawn
    39: (32, 17), 40: (64, 36), 41: (128, 18),  # MXFP4, NVFP4, Q1_0
}  # fmt: skip
# Plain integers never count, whatever the container.
INTEGER_TYPES = frozenset({24, 25, 26, 27})
# Calibration statistics for quantising: sums of squared activations and how many there were, for each weight.
IMPORTANCE_ENDINGS = (b".in_sum2", b".counts")
# Tensors that training does not change.
BUFFER_NAMES = frozenset({"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"})


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the magic."""
    return front.startswith(MAGIC)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- the type codes say how weights are packed
    """Count the parameters of one GGUF file.

    Args:
        reader: the file; 128 KiB from the front, then growing ranges until the tensor table has been read.
        hints: unused.

    Raises:
        MalformedFile: the header contradicts the format, itself, or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    cursor = _start(source)
    tensors = cursor.length("tensor count", MAX_TENSORS)
    pairs = cursor.length("key-value count", MAX_PAIRS)
    alignment = _walk_pairs(cursor, pairs)
    table = _Table(cursor, alignment)
    for _ in range(tensors):
        table.read_row()
    table.check_extents(source.size)
    evidence = Evidence(
        Basis.GGUF_HEADER,
        source.name,
        table.parameters,
        table.parameters,
        table.parameters,
        requests=source.requests,
        bytes_read=source.bytes_read,
        note="" if tensors else "no tensors: vocabulary only",
    )
    return Estimate(
        low=table.parameters,
        high=table.parameters,
        point=table.parameters,
        basis=Basis.GGUF_HEADER,
        exact=True,
        stored_elements=table.stored,
        buffers=table.buffers,
        evidence=(evidence,),
        findings=table.findings(),
    )


def _start(source: FrontReader) -> Cursor:
    """A cursor after the magic and the version, in the file's byte order."""
    head = source.read(0, 8)
    if head[:4] != MAGIC:
        raise MalformedFile(source.name, f"begins with {head[:4]!r}, not with {MAGIC!r}")
    if len(head) < 8:
        raise MalformedFile(source.name, f"has {len(head)} bytes; version and counts are missing")
    for order in "<>":
        (version,) = struct.unpack(order + "I", head[4:])
        if version in VERSIONS:
            # Version 1 wrote lengths, counts and dimensions in 32 bits.
            return Cursor(source, 8, order, wide_lengths=version > 1)
    (version,) = struct.unpack("<I", head[4:])
    raise MalformedFile(source.name, f"version is {version}; {VERSIONS} are known, in either byte order")


def _walk_pairs(cursor: Cursor, count: int) -> int:
    """Step over all key-value pairs; returns the alignment they state."""
    alignment = DEFAULT_ALIGNMENT
    for _ in range(count):
        key = cursor.name("a key")
        what = f"value of {_text(key)}"
        kind = cursor.uint32(f"type of {what}")
        if key == b"general.alignment" and kind == 4:
            alignment = cursor.uint32(what)
            if not alignment or alignment & (alignment - 1):
                raise MalformedFile(cursor.file, f"general.alignment is {alignment}; a power of two is allowed")
        else:
            _skip_value(cursor, kind, what, 0)
    return alignment


def _skip_value(cursor: Cursor, kind: int, what: str, depth: int) -> None:
    """Step over one value of any type."""
    if kind in VALUE_BYTES:
        cursor.skip(VALUE_BYTES[kind], what)
    elif kind == STRING:
        cursor.skip_strings(1, what)
    elif kind == ARRAY:
        _skip_array(cursor, what, depth + 1)
    else:
        raise MalformedFile(cursor.file, f"{what} has type {kind}; 0 to 12 are known")


def _skip_array(cursor: Cursor, what: str, depth: int) -> None:
    if depth > MAX_NESTING:
        raise MalformedFile(cursor.file, f"{what} nests arrays deeper than {MAX_NESTING}")
    kind = cursor.uint32(f"element type of {what}")
    count = cursor.length(f"elements of {what}", MAX_VALUE_BYTES)
    if kind in VALUE_BYTES:
        cursor.skip(VALUE_BYTES[kind] * count, what)
    elif kind == STRING:
        cursor.skip_strings(count, what)
    else:
        if count > MAX_PAIRS:
            raise MalformedFile(cursor.file, f"{what} holds {count} arrays; at most {MAX_PAIRS} are allowed")
        for _ in range(count):
            _skip_value(cursor, kind, what, depth)


@dataclass(frozen=True, slots=True)
class _Row:
    name: bytes
    kind: int
    elements: int
    offset: int
    size: int | None


class _Table:
    """The tensor table: counts as it reads, then checks the extents."""

    def __init__(self, cursor: Cursor, alignment: int) -> None:
        self._cursor = cursor
        self._alignment = alignment
        self._rows: dict[bytes, _Row] = {}
        self.parameters = 0
        self.stored = 0
        self.buffers = 0
        self._importance = 0

    def read_row(self) -> None:
        """Read the next tensor's row.

        Raises:
            MalformedFile: a value no tensor can have, or a name that occurred before.
        """
        cursor = self._cursor
        name = cursor.name("a tensor name")
        what = f"tensor {_text(name)}"
        if name in self._rows:
            raise MalformedFile(cursor.file, f"{what} occurs twice")
        dimensions = cursor.uint32(f"{what}: dimension count")
        if dimensions > MAX_DIMENSIONS:
            raise MalformedFile(
                cursor.file, f"{what} has {dimensions} dimensions; at most {MAX_DIMENSIONS} are allowed"
            )
        shape = [cursor.length(f"{what}: dimension", MAX_ELEMENTS - 1) for _ in range(dimensions)]
        elements = 1
        for dimension in shape:
            elements *= dimension
        if elements >= MAX_ELEMENTS:
            raise MalformedFile(cursor.file, f"{what} of shape {shape} has 2^63 elements or more")
        kind = cursor.uint32(f"{what}: type")
        offset = cursor.uint64(f"{what}: offset")
        self._rows[name] = _Row(name, kind, elements, offset, self._size(what, kind, shape, elements))
        self._count(name, kind, elements)

    def _size(self, what: str, kind: int, shape: list[int], elements: int) -> int | None:
        """Bytes of a tensor's data; None for a type that is not known."""
        if kind not in BLOCKS:
            return None
        block, size = BLOCKS[kind]
        row = shape[0] if shape else 1
        if row % block:
            raise MalformedFile(
                self._cursor.file, f"{what} has rows of {row} elements; type {kind} has blocks of {block}"
            )
        return elements // block * size

    def _count(self, name: bytes, kind: int, elements: int) -> None:
        self.stored += elements
        if kind in INTEGER_TYPES:
            return
        if name.endswith(IMPORTANCE_ENDINGS):
            self._importance += elements
            return
        self.parameters += elements
        if name.decode("utf-8", "replace") in BUFFER_NAMES:
            self.buffers += elements

    def check_extents(self, file_size: int | None) -> None:
        """Check that tensors neither overlap nor pass the end of the file.

        Args:
            file_size: bytes; None where unknown.

        Raises:
            MalformedFile: they do.
        """
        start = self._cursor.position
        start += -start % self._alignment
        covered = 0
        for row in sorted(self._rows.values(), key=lambda row: (row.offset, row.size or 0)):
            what = f"tensor {_text(row.name)}"
            if row.offset % self._alignment:
                raise MalformedFile(
                    self._cursor.file, f"{what} begins at {row.offset}, not a multiple of {self._alignment}"
                )
            if row.offset < covered:
                raise MalformedFile(self._cursor.file, f"{what} begins at {row.offset}, inside the tensor before it")
            covered = row.offset + (row.size or 0)
            if file_size is not None and row.elements and start + covered > file_size:
                raise MalformedFile(
                    self._cursor.file, f"{what} ends at byte {start + covered} of a file of {file_size} bytes"
                )

    def findings(self) -> tuple[Finding, ...]:
        """Oddities that leave the count as it is."""
        unknown = sorted({row.kind for row in self._rows.values() if row.size is None})
        found = []
        if unknown:
            names = ", ".join(map(str, unknown[:5]))
            found.append(Finding("unknown-dtype", f"{self._cursor.file}: ggml types not in the specification: {names}"))
        if self._importance:
            told = f"{self._cursor.file}: {self._importance} elements are an importance matrix, not weights"
            found.append(Finding("importance-matrix-left-out", told))
        return tuple(found)


def _text(name: bytes) -> str:
    return repr(name[:80].decode("utf-8", "replace"))
