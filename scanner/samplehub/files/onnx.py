"""ONNX files: a protobuf written by hand one node a weight, and initialisers with raw data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.samplehub.files.blob import Blob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.samplehub.files.tensors import Tensor

TYPES = {"F32": 1, "U8": 2, "I8": 3, "I32": 6, "I64": 7, "BOOL": 9, "F16": 10, "F64": 11}


def varint(value: int) -> bytes:
    """Base-128, low groups first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field: int, value: int) -> bytes:
    """A varint field."""
    return varint(field << 3) + varint(value)


def block(field: int, content: bytes | str) -> bytes:
    """A length-delimited field."""
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(data)) + data


def write(tensors: Mapping[str, Tensor], *, producer: str = "pytorch") -> Blob:
    """A graph of Gemm nodes in a row, one for each initialiser; their data is not held in memory."""
    nodes = b""
    for number, key in enumerate(tensors):
        node = block(1, f"x{number}") + block(1, key) + block(2, f"x{number + 1}") + block(4, "Gemm")
        nodes += block(1, node)
    parts: list[bytes | int] = [nodes + block(2, "torch_jit")]  # bytes, or how many zeros
    for key, tensor in tensors.items():
        dims = b"".join(integer(1, extent) for extent in tensor.shape)
        front = dims + integer(2, TYPES[tensor.dtype]) + block(8, key) + varint(9 << 3 | 2) + varint(tensor.nbytes)
        parts += [varint(5 << 3 | 2) + varint(len(front) + tensor.nbytes) + front, tensor.nbytes]
    parts.append(block(11, block(1, "x0")) + block(12, block(1, f"x{len(tensors)}")))
    length = sum(part if isinstance(part, int) else len(part) for part in parts)
    parts.insert(0, integer(1, 8) + block(2, producer) + block(3, "2.1.0") + varint(7 << 3 | 2) + varint(length))
    parts.append(block(8, block(1, "") + integer(2, 17)))
    pieces: list[tuple[int, bytes]] = []
    position = 0
    for part in parts:
        if isinstance(part, bytes):
            pieces.append((position, part))
        position += part if isinstance(part, int) else len(part)
    return Blob(position, tuple(pieces))
