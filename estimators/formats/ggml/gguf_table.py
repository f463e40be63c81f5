"""The tensor table of a GGUF file: what each tensor is, what it counts, and whether the file can hold it.

Spec: ggml-org/ggml, docs/gguf.md; type numbers by `enum ggml_type` in include/ggml.h, block sizes by ggml-common.h.
Forks of llama.cpp reuse numbers above 30 for types of their own (BitNet's I2_S is 36, Bonsai's Q1_0 is 40), which
count by their dimensions all the same: sizes of such types are believed only where the tensors' places agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from estimators.errors import MalformedFile
from estimators.interface import Finding
from estimators.reading.cursor import Cursor

MAX_DIMENSIONS = 8  # the specification says 4, and that this may grow
MAX_ELEMENTS = 2**63  # dimensions are signed 64-bit numbers in the reference reader
MAX_NAMES_BYTES = 8 * 1024 * 1024  # of all names, which are kept; the reference reader allows 63 bytes for each
USUAL_ROW_BYTES = 80  # of the table: a name of 30 bytes, two dimensions
BITS_PER_WEIGHT_AT_LEAST = 1
MOST_SPARE_BYTES = 64 * 1024  # of no tensor that leave the count as it is; more may be another model

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
    39: (32, 17), 40: (64, 36), 41: (128, 18), 42: (64, 18),  # MXFP4, NVFP4, Q1_0, Q2_0
}  # fmt: skip
# Numbers from here on mean other types in some forks.
FIRST_CONTESTED_TYPE = 31
FLOAT_TYPES = frozenset({0, 1, 28, 30})
# Plain integers never count, whatever the container.
INTEGER_TYPES = frozenset({24, 25, 26, 27})
# Calibration statistics for quantising: sums of squared activations and how many there were, for each weight.
IMPORTANCE_ENDINGS = (b".in_sum2", b".counts")
# Scales beside a quantised weight (NVFP4, BitNet), as `blk.0.ffn_up.scale` or `blk.0.ffn_up.weight.scale`.
SCALE_ENDINGS = (b".input_scale", b".scale")
# Tensors that training does not change.
BUFFER_NAMES = frozenset({b"rope_freqs.weight", b"rope_factors_long.weight", b"rope_factors_short.weight"})


@dataclass(frozen=True, slots=True)
class _Row:
    name: bytes
    kind: int
    elements: int
    offset: int
    size: int | None  # bytes; None where the type is unknown

    @property
    def least(self) -> int:
        """Bytes of the smallest type that could hold the tensor."""
        return -(-self.elements * BITS_PER_WEIGHT_AT_LEAST // 8)


class Table:
    """Rows as they are read; the sum is theirs once `settle` has looked at all of them.

    Args:
        cursor: at the first row.
        count: rows, as claimed.
        alignment: of the tensors' places.
    """

    def __init__(self, cursor: Cursor, count: int, alignment: int) -> None:
        self._cursor = cursor
        self._alignment = alignment
        self._count = count
        self._rows: dict[bytes, _Row] = {}
        self._strange: set[int] = set()
        self._names = 0
        self.parameters = 0
        self.stored = 0
        self.buffers = 0
        self.spare = 0  # bytes of no tensor and no padding, once extents were checked
        self._importance = 0
        self._scales = 0

    def read(self, enough: int | None) -> bool:
        """Read the rows; stops where more are certain than `enough` and the next ones would cost a range.

        Returns:
            Whether all rows were read.

        Raises:
            MalformedFile: a value no tensor can have, or a name that occurred before.
        """
        certain = 0  # scales are not told from weights yet; they are a small part, and matrices hold none
        for number in range(self._count):
            if self._cursor.held < 4 * USUAL_ROW_BYTES:
                if enough is not None and certain > enough:
                    return False
                self._cursor.foresee((self._count - number) * USUAL_ROW_BYTES)
            row = self._read_row()
            if row.kind not in INTEGER_TYPES and not row.name.endswith((*SCALE_ENDINGS, *IMPORTANCE_ENDINGS)):
                certain += row.elements
        return True

    def _read_row(self) -> _Row:
        cursor = self._cursor
        name = cursor.name("a tensor name")
        what = f"tensor {shown(name)}"
        self._names += len(name)
        if self._names > MAX_NAMES_BYTES:
            raise MalformedFile(cursor.file, f"names of tensors have more than {MAX_NAMES_BYTES} bytes")
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
        row = _Row(name, kind, elements, offset, self._size(what, kind, shape, elements))
        self._rows[name] = row
        return row

    def _size(self, what: str, kind: int, shape: list[int], elements: int) -> int | None:
        """Bytes of a tensor's data; None for a type that is not known."""
        if kind not in BLOCKS:
            return None
        block, size = BLOCKS[kind]
        row = shape[0] if shape else 1
        if row % block:
            if kind >= FIRST_CONTESTED_TYPE:
                self._strange.add(kind)
                return None
            raise MalformedFile(
                self._cursor.file, f"{what} has rows of {row} elements; type {kind} has blocks of {block}"
            )
        return elements // block * size

    def settle(self, *, complete: bool) -> None:
        """Count all rows, once it is known which lie beside which; of an incomplete table only what is certain."""
        for row in self._rows.values():
            self.stored += row.elements
            if row.kind in INTEGER_TYPES:
                continue
            if row.name.endswith(IMPORTANCE_ENDINGS):
                self._importance += row.elements
            elif self._is_scale(row) or (not complete and row.name.endswith(SCALE_ENDINGS)):
                self._scales += row.elements
            else:
                self.parameters += row.elements
                self.buffers += row.elements if row.name in BUFFER_NAMES else 0

    def _is_scale(self, row: _Row) -> bool:
        """Whether a tensor scales another one, which is quantised."""
        ending = next((end for end in SCALE_ENDINGS if row.name.endswith(end)), None)
        if ending is None or row.kind not in FLOAT_TYPES:
            return False
        stem = row.name[: -len(ending)]
        weight = self._rows.get(stem + b".weight") or self._rows.get(stem)
        return weight is not None and weight.kind not in FLOAT_TYPES and row.elements < weight.elements

    def check_extents(self, file_size: int | None) -> None:
        """Check that tensors neither overlap nor pass the end of the file.

        Args:
            file_size: bytes; None where unknown.

        Raises:
            MalformedFile: they do.
        """
        start = self._cursor.position
        start += -start % self._alignment
        rows = sorted(self._rows.values(), key=lambda row: (row.offset, row.size or 0))
        end = None if file_size is None else max(0, file_size - start)
        covered, measured = 0, True
        for number, row in enumerate(rows):
            following = rows[number + 1] if number + 1 < len(rows) else None
            what = f"tensor {shown(row.name)}"
            if row.offset % self._alignment:
                raise MalformedFile(
                    self._cursor.file, f"{what} begins at {row.offset}, not a multiple of {self._alignment}"
                )
            padded = covered + -covered % self._alignment
            self.spare += max(row.offset - padded, 0) if measured else 0
            if row.offset < covered:
                raise MalformedFile(self._cursor.file, f"{what} begins at {row.offset}, inside the tensor before it")
            covered = row.offset + self._extent(row, following, end)
            measured = row.size is not None and row.kind not in self._strange  # else its bytes may be more
            if end is not None and row.elements and covered > end:
                raise MalformedFile(
                    self._cursor.file, f"{what} ends at byte {start + covered} of a file of {file_size} bytes"
                )
        if end is not None and measured:
            self.spare += max(end - covered - -covered % self._alignment, 0)

    def _extent(self, row: _Row, following: _Row | None, end: int | None) -> int:
        """Bytes that a tensor takes: by its type, or for a fork's type what it takes at least."""
        if row.size is None or row.kind in self._strange:
            return row.least
        room = (following.offset if following is not None else end) if row.kind >= FIRST_CONTESTED_TYPE else None
        if room is None or row.offset + row.size <= room or (following is None and not self._strange):
            return row.size
        self._strange.add(row.kind)
        return row.least

    def findings(self) -> tuple[Finding, ...]:
        """Oddities that leave the count as it is."""
        file = self._cursor.file
        unknown = sorted({row.kind for row in self._rows.values() if row.size is None} | self._strange)
        found = []
        if unknown:
            names = ", ".join(map(str, unknown[:5]))
            found.append(Finding("unknown-dtype", f"{file}: ggml types not in the specification: {names}"))
        if self._importance:
            told = f"{file}: {self._importance} elements are an importance matrix, not weights"
            found.append(Finding("importance-matrix-left-out", told))
        if self._scales:
            found.append(Finding("scales-left-out", f"{file}: {self._scales} elements scale quantised weights"))
        if self.spare > MOST_SPARE_BYTES:
            found.append(Finding("bytes-without-tensor", f"{file}: {self.spare} bytes belong to no tensor"))
        return tuple(found)


def shown(name: bytes) -> str:
    """A name for a message."""
    return repr(name[:80].decode("utf-8", "replace"))
