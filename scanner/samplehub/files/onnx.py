"""ONNX files small enough to hold: a protobuf written by hand one node a weight, and initialisers with raw data."""

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
    """A graph of Gemm nodes in a row, one for each initialiser."""
    graph = b""
    for number, key in enumerate(tensors):
        node = block(1, f"x{number}") + block(1, key) + block(2, f"x{number + 1}") + block(4, "Gemm")
        graph += block(1, node)
    graph += block(2, "torch_jit")
    for key, tensor in tensors.items():
        dims = b"".join(integer(1, extent) for extent in tensor.shape)
        graph += block(5, dims + integer(2, TYPES[tensor.dtype]) + block(8, key) + block(9, bytes(tensor.nbytes)))
    graph += block(11, block(1, "x0")) + block(12, block(1, f"x{len(tensors)}"))
    return Blob.of(
        integer(1, 8)
        + block(2, producer)
        + block(3, "2.1.0")
        + block(7, graph)
        + block(8, block(1, "") + integer(2, 17))
    )
