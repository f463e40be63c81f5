"""Tensors of ONNX files: their dimensions, and whether the file holds the values they claim.

Spec: onnx/onnx, onnx/onnx.proto, TensorProto and SparseTensorProto; docs/ExternalData.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from estimators.errors import MalformedFile
from estimators.formats.graph_ledger import Ledger, Stored
from estimators.packing import is_buffer
from estimators.reading.protobuf import FIXED32, FIXED64, LENGTH, VARINT, TooManyFields, signed, tag
from estimators.results import MAX_ELEMENTS

if TYPE_CHECKING:
    from estimators.reading.protobuf import Walker

MAX_TENSORS = 100_000  # read in one file, in a second; language models have 2,000
MAX_DIMENSIONS = 256  # numpy stops at 64
EXTERNAL = 1  # data_location
STRING = 8

# data_type: our name, bits of an element.
TYPES = {
    1: ("F32", 32), 2: ("U8", 8), 3: ("I8", 8), 4: ("U16", 16), 5: ("I16", 16), 6: ("I32", 32), 7: ("I64", 64),
    9: ("BOOL", 8), 10: ("F16", 16), 11: ("F64", 64), 12: ("U32", 32), 13: ("U64", 64), 14: ("C64", 64),
    15: ("C128", 128), 16: ("BF16", 16), 17: ("F8_E4M3", 8), 18: ("F8_E4M3FNUZ", 8), 19: ("F8_E5M2", 8),
    20: ("F8_E5M2FNUZ", 8), 21: ("U4", 4), 22: ("I4", 4), 23: ("F4", 4), 24: ("F8_E8M0", 8), 25: ("U2", 2),
    26: ("I2", 2), 27: ("F6_E2M3", 6), 28: ("F6_E3M2", 6),
}  # fmt: skip

DIMENSION, DIMENSIONS, DATA_TYPE = tag(1, VARINT), tag(1, LENGTH), tag(2, VARINT)
NAME, RAW, EXTERNAL_ENTRY, LOCATION = tag(8, LENGTH), tag(9, LENGTH), tag(13, LENGTH), tag(14, VARINT)
# Typed storage: bytes of a packed value at least, and of one that is not packed.
PACKED = {tag(4, LENGTH): 4, tag(5, LENGTH): 1, tag(7, LENGTH): 1, tag(10, LENGTH): 8, tag(11, LENGTH): 1}
UNPACKED = frozenset({tag(4, FIXED32), tag(5, VARINT), tag(7, VARINT), tag(10, FIXED64), tag(11, VARINT)})
ENTRY_KEY, ENTRY_VALUE = tag(1, LENGTH), tag(2, LENGTH)
SPARSE_VALUES, SPARSE_DIMENSION, SPARSE_DIMENSIONS = tag(1, LENGTH), tag(3, VARINT), tag(3, LENGTH)
# What ONNX Runtime's quantiser calls the weight, its scale and its zero point.
QUANTISED_ENDING, BOOKKEEPING_ENDINGS = b"_quantized", (b"_scale", b"_zero_point")


@dataclass(slots=True)
class _Fields:
    """The fields of one TensorProto that matter."""

    name: bytes = b""
    kind: int = 0
    dimensions: list[int] = field(default_factory=list)
    raw: int = 0
    entries: int = 0  # of typed storage, at most
    external: bool = False
    place: tuple[bytes, ...] = ()


class TensorReader:
    """Reads the heads of tensors.

    Attributes:
        external: how many have their values in another file.
    """

    def __init__(self, walker: Walker, ledger: Ledger) -> None:
        self.external = 0
        self._walker = walker
        self._ledger = ledger
        self._places: set[int] = set()
        self._read = 0

    def read(self, start: int, end: int, *, sparse: bool, scope: bytes) -> Stored | None:
        """The tensor at `start..end`; None for text, and for values that another tensor has stored already.

        Raises:
            MalformedFile: its dimensions are none, or its values are fewer than they say.
        """
        self._read += 1
        if self._read > MAX_TENSORS:
            raise TooManyFields(self._walker.source.name, f"has more than {MAX_TENSORS} tensors")
        dense: list[int] | None = None
        if sparse:
            fields, dense = self._sparse(start, end)
        else:
            fields = self._fields(start, end)
        if fields.kind == STRING:
            return None
        elements = self._elements(fields, fields.dimensions)
        dtype, bits = TYPES.get(fields.kind, (f"type {fields.kind}", 1))
        present = self._has_values(fields, elements, bits)
        if fields.external and not self._is_new(fields, elements):
            return None
        name = fields.name
        shape = fields.dimensions if dense is None else dense
        return Stored(
            key=hash(scope + name) or 1,
            partner=stem_of(scope, name),
            dtype=dtype,
            elements=elements if dense is None else self._elements(fields, dense),
            values=elements,
            present=present,
            rank=len(shape),
            buffer=is_buffer(name.decode("utf-8", "replace"), shape),
        )

    def _sparse(self, start: int, end: int) -> tuple[_Fields, list[int]]:
        fields, dimensions = _Fields(), list[int]()
        for key, at, length in self._walker.fields(start, end):
            if key == SPARSE_VALUES:
                fields = self._fields(at, at + length)
            elif key == SPARSE_DIMENSION:
                dimensions.append(signed(at))
            elif key == SPARSE_DIMENSIONS:
                dimensions += map(signed, self._walker.varints(at, length, "dims of a sparse tensor"))
        return fields, dimensions

    def _fields(self, start: int, end: int) -> _Fields:
        walker, found = self._walker, _Fields()
        for key, at, length in walker.fields(start, end):
            if key == DIMENSION:
                found.dimensions.append(signed(at))
            elif key == DIMENSIONS:
                found.dimensions += map(signed, walker.varints(at, length, "dims"))
            elif key == DATA_TYPE:
                found.kind = at
            elif key == NAME:
                found.name = walker.bytes_of(at, length, "tensor name")
            elif key == RAW:
                found.raw = length
            elif key in PACKED:
                found.entries += length // PACKED[key]
            elif key in UNPACKED:
                found.entries += 1
            elif key == EXTERNAL_ENTRY:
                found.place += self._entry(at, at + length)
            elif key == LOCATION:
                found.external = at == EXTERNAL
        return found

    def _entry(self, start: int, end: int) -> tuple[bytes, ...]:
        """Key and value of what says where values lie; none where it says nothing of the place."""
        texts = {key: self._walker.bytes_of(at, length, "external_data")
                 for key, at, length in self._walker.fields(start, end) if key in (ENTRY_KEY, ENTRY_VALUE)}  # fmt: skip
        name = texts.get(ENTRY_KEY, b"")
        return (name, texts.get(ENTRY_VALUE, b"")) if name in (b"location", b"offset") else ()

    def _elements(self, fields: _Fields, dimensions: list[int]) -> int:
        elements = 1
        if len(dimensions) > MAX_DIMENSIONS:
            raise self._fault(fields, f"has {len(dimensions)} dimensions; at most {MAX_DIMENSIONS} are allowed")
        for dimension in dimensions:
            if dimension < 0:
                raise self._fault(fields, f"dims hold {dimension}; 0 or more is allowed")
            elements *= dimension
            if elements >= MAX_ELEMENTS:
                raise self._fault(fields, "dims multiply to 2^63 elements or more")
        return elements

    def _has_values(self, fields: _Fields, elements: int, bits: int) -> bool:
        """Whether the values are there: False where there are none at all, an error where there are too few."""
        if fields.external or not elements:
            return True
        if not fields.raw and not fields.entries:
            self._ledger.note("values-missing", f"tensors without values: {_quoted(fields.name)} is the first")
            return False
        entries = fields.entries // 2 if fields.kind in (14, 15) else fields.entries * max(8 // bits, 1)
        if 8 * fields.raw // bits < elements and entries < elements:
            held = f"{fields.raw} bytes" if fields.raw else f"{fields.entries} values"
            raise self._fault(fields, f"dims say {elements} elements, but it holds {held}")
        return True

    def _is_new(self, fields: _Fields, elements: int) -> bool:
        """Whether no other tensor has these values in the other file."""
        self.external += 1
        place = hash((fields.place, elements))
        new = not fields.place or place not in self._places
        self._places.add(place)
        return new

    def _fault(self, fields: _Fields, what: str) -> MalformedFile:
        return MalformedFile(self._walker.source.name, f"tensor {_quoted(fields.name)}: {what}")


def stem_of(scope: bytes, name: bytes) -> int:
    """Hash of the quantised weight that a tensor would be the scale or zero point of, by its name; 0 for none."""
    stem = next((name[: -len(end)] for end in BOOKKEEPING_ENDINGS if name.endswith(end)), b"")
    return hash(scope + stem + QUANTISED_ENDING) if stem else 0


def _quoted(name: bytes) -> str:
    return repr(name[:80].decode("utf-8", "replace"))
