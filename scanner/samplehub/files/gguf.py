"""GGUF files, version 3: the fixed header, the key-value block, the tensor table, and no tensor data in memory."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, NamedTuple

from scanner.samplehub.files.blob import Blob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALIGNMENT = 32
VERSION = 3
# name: (number in the file, elements a block, bytes a block)
TYPES = {
    "F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144),
    "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "BF16": (30, 1, 2),
}  # fmt: skip


class Encoded(bytes):
    """A value as it stands in the file, for long ones that many files share."""

    @classmethod
    def of(cls, value: Value) -> Encoded:
        """The type and the value."""
        return cls(_value(value))


Value = str | int | float | bool | list[str] | Encoded


class Quantised(NamedTuple):
    """One tensor of a GGUF file; the shape as a model's code would write it (the file has it reversed)."""

    kind: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Logical elements, which is what a parameter count counts."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        _, per_block, block_bytes = TYPES[self.kind]
        return self.elements // per_block * block_bytes


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Value) -> bytes:
    if isinstance(value, Encoded):
        return value
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))


def write(tensors: Mapping[str, Quantised], metadata: Mapping[str, Value]) -> Blob:
    """A valid file with these tensors and key-values."""
    front = b"GGUF" + struct.pack("<IQQ", VERSION, len(tensors), len(metadata))
    front += b"".join(_text(key) + _value(value) for key, value in metadata.items())
    offset, table = 0, []
    for name, tensor in tensors.items():
        dims = tensor.shape[::-1]
        table.append(_text(name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims))
        table.append(struct.pack("<IQ", TYPES[tensor.kind][0], offset))
        offset += tensor.nbytes + -tensor.nbytes % ALIGNMENT
    front += b"".join(table)
    front += bytes(-len(front) % ALIGNMENT)
    return Blob(len(front) + offset, ((0, front),))


def vocabulary(size: int) -> list[str]:
    """Tokens of realistic lengths, so that the key-value block is as long as real ones."""
    return [f"▁w{number:x}" if number % 3 else f"<0x{number:04X}>" for number in range(size)]


def splits(tensors: Mapping[str, Quantised], metadata: Mapping[str, Value], stem: str, parts: int) -> dict[str, Blob]:
    """The model in `parts` files, the first with the metadata, each with its split keys."""
    names: Sequence[str] = list(tensors)
    step = -(-len(names) // parts)
    files = {}
    for number in range(parts):
        keys: dict[str, Value] = dict(metadata) if number == 0 else {}
        keys |= {"split.no": number, "split.count": parts, "split.tensors.count": len(names)}
        group = {name: tensors[name] for name in names[number * step : (number + 1) * step]}
        files[f"{stem}-{number + 1:05}-of-{parts:05}.gguf"] = write(group, keys)
    return files
