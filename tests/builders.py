"""Tiny valid headers per format, so that a test case can be read, and readers that count what they are asked for."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from estimators.errors import BudgetExceeded

BLOCK = 32 * 1024  # bytes_read counts whole blocks, as HTTP readers do

SAFETENSORS_BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip

Spec = Mapping[str, tuple[str, Sequence[int]]]  # tensor name -> (dtype, shape)


class CountingReader:
    """Bytes in memory behind the ByteReader protocol; remembers every range, and can pretend to be a larger file."""

    def __init__(
        self,
        data: bytes,
        name: str = "model.safetensors",
        *,
        size: int | None = -1,
        budget: int | None = None,
        step: int | None = None,
    ) -> None:
        self._data = data
        self._name = name
        self._size = len(data) if size == -1 else size
        self._budget = budget
        self._step = step
        self.ranges: list[tuple[int, int]] = []
        self._blocks: set[int] = set()

    @property
    def name(self) -> str:
        return self._name

    @property
    def size(self) -> int | None:
        return self._size

    @property
    def requests(self) -> int:
        return len(self.ranges)

    @property
    def bytes_read(self) -> int:
        return len(self._blocks) * BLOCK

    def read(self, offset: int, length: int) -> bytes:
        assert offset >= 0, offset
        assert length > 0, length
        asked = sum(taken for _, taken in self.ranges) + length
        if self._budget is not None and asked > self._budget:
            raise BudgetExceeded(self._name, f"{asked} bytes asked, {self._budget} allowed")
        self.ranges.append((offset, length))
        self._blocks.update(range(offset // BLOCK, (offset + length - 1) // BLOCK + 1))
        if self._size is not None and self._size > len(self._data):
            end = min(offset + length, self._size)
            held = self._data[offset:end]
            return held + bytes(max(0, end - max(offset, len(self._data))))
        return self._data[offset : offset + length]


def elements(shape: Sequence[int]) -> int:
    """Elements of a shape, 1 for a scalar."""
    count = 1
    for dimension in shape:
        count *= dimension
    return count


def safetensors_table(tensors: Spec) -> dict[str, Any]:
    """The JSON header of tensors laid out one after the other."""
    table: dict[str, Any] = {}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        end = offset + elements(shape) * SAFETENSORS_BITS[dtype] // 8
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    return table


def safetensors_raw(header: Any, data_bytes: int = 0, *, length: int | None = None) -> bytes:
    """Length, JSON header (any object, or bytes as they are) and `data_bytes` zeros."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + bytes(data_bytes)


def safetensors_size(tensors: Spec) -> int:
    """Bytes of tensor data."""
    return sum(elements(shape) * SAFETENSORS_BITS[dtype] // 8 for dtype, shape in tensors.values())


def safetensors_file(tensors: Spec, metadata: Mapping[str, str] | None = None) -> bytes:
    """A whole, valid safetensors file with zeros for data."""
    table = safetensors_table(tensors)
    header = {"__metadata__": dict(metadata), **table} if metadata is not None else table
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return safetensors_raw(raw, safetensors_size(tensors))


def safetensors_reader(tensors: Spec, name: str = "model.safetensors") -> CountingReader:
    """A reader over a file of the right size whose tensor data is never held in memory."""
    head = safetensors_raw(safetensors_table(tensors))
    return CountingReader(head, name, size=len(head) + safetensors_size(tensors))


GGUF_UINT32, GGUF_STRING, GGUF_ARRAY, GGUF_UINT64 = 4, 8, 9, 10
GGUF_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
GGML_BLOCKS = {0: (1, 4), 1: (1, 2), 2: (32, 18), 8: (32, 34), 12: (256, 144), 26: (1, 4), 30: (1, 2), 39: (32, 17)}


class GgufWriter:
    """Writes GGUF headers of versions 1 to 3 in both byte orders, and wrong ones on request."""

    def __init__(self, version: int = 3, order: str = "<") -> None:
        self.version, self.order = version, order

    def number(self, code: str, value: int) -> bytes:
        return struct.pack(self.order + code, value)

    def length(self, value: int) -> bytes:
        return self.number("I" if self.version == 1 else "Q", value)

    def string(self, text: str | bytes) -> bytes:
        raw = text.encode() if isinstance(text, str) else text
        return self.length(len(raw)) + raw

    def uint32(self, key: str, value: int) -> bytes:
        return self.string(key) + self.number("I", GGUF_UINT32) + self.number("I", value)

    def text(self, key: str, value: str) -> bytes:
        return self.string(key) + self.number("I", GGUF_STRING) + self.string(value)

    def array(self, key: str, kind: int, items: Sequence[Any]) -> bytes:
        head = self.string(key) + self.number("I", GGUF_ARRAY) + self.number("I", kind) + self.length(len(items))
        if kind == GGUF_STRING:
            return head + b"".join(self.string(item) for item in items)
        return head + bytes(GGUF_BYTES[kind] * len(items))

    def header(self, tensors: int, pairs: Sequence[bytes]) -> bytes:
        return (
            b"GGUF" + self.number("I", self.version) + self.length(tensors) + self.length(len(pairs)) + b"".join(pairs)
        )

    def tensor(self, name: str, kind: int, shape: Sequence[int], offset: int) -> bytes:
        dims = b"".join(self.length(dimension) for dimension in shape)
        return (
            self.string(name) + self.number("I", len(shape)) + dims + self.number("I", kind) + self.number("Q", offset)
        )

    def file(
        self,
        tensors: Iterable[tuple[str, int, Sequence[int]]],
        pairs: Sequence[bytes] = (),
        alignment: int = 32,
        *,
        data: bool = True,
    ) -> bytes:
        """A whole file; tensors are (name, ggml type, dims)."""
        rows, offset = [], 0
        for name, kind, shape in tensors:
            rows.append(self.tensor(name, kind, shape, offset))
            block, size = GGML_BLOCKS.get(kind, (1, 4))
            offset += elements(shape) // block * size
            offset += -offset % alignment
        head = self.header(len(rows), pairs) + b"".join(rows)
        return head + bytes(-len(head) % alignment + offset) if data else head
