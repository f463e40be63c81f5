"""Safetensors files and their index.

Small files are written by the safetensors package; larger ones get the same header and no data in memory. A test holds
both to the same bytes.
"""

from __future__ import annotations

import ctypes
import json
import struct
from typing import TYPE_CHECKING, Any

from safetensors import TensorSpec, serialize

from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import BITS, Tensor, Tensors, partition

if TYPE_CHECKING:
    from collections.abc import Mapping

IN_MEMORY = 64 << 10  # bytes of tensor data up to which the safetensors package writes the file
# The package's names for the dtypes of headers; it orders tensors by dtype, in the reverse order of this table.
PACKAGE_NAMES = {
    "BOOL": "bool", "F4": "float4_e2m1fn_x2", "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu", "I16": "int16", "U16": "uint16", "F16": "float16",
    "BF16": "bfloat16", "I32": "int32", "U32": "uint32", "F32": "float32", "C64": "complex64", "F64": "float64",
    "I64": "int64", "U64": "uint64",
}  # fmt: skip
ORDER = {name: -rank for rank, name in enumerate(PACKAGE_NAMES)}


def write(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Blob:
    """A valid file holding these tensors, all zero."""
    metadata = {"format": "pt"} if metadata is None else metadata
    if sum(tensor.nbytes for tensor in tensors.values()) <= IN_MEMORY:
        return Blob.of(written_by_package(tensors, metadata))
    return sparse(tensors, metadata)


def written_by_package(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The file as the safetensors package writes it."""
    buffers, specs = [], {}
    for name, (dtype, shape) in tensors.items():
        nbytes = Tensor(dtype, shape).nbytes
        buffer = ctypes.create_string_buffer(max(nbytes, 1))
        buffers.append(buffer)
        # For the packed F4 the package takes the shape in bytes and doubles the last dimension.
        given = (*shape[:-1], shape[-1] // 2) if dtype == "F4" else shape
        specs[name] = TensorSpec(
            dtype=PACKAGE_NAMES[dtype], shape=given, data_ptr=ctypes.addressof(buffer), data_len=nbytes
        )
    return serialize(specs, dict(metadata) or None)


def header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Any]:
    """The JSON header: widest dtype first, then by name, without gaps."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name in sorted(tensors, key=lambda name: (ORDER[tensors[name].dtype], name)):
        tensor = tensors[name]
        end = offset + tensor.nbytes
        entries[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    return entries


def sparse(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Blob:
    """The same file with its data left to be made up on the fly."""
    data = sum(tensor.nbytes for tensor in tensors.values())
    return from_header(header(tensors, metadata), data)


def from_header(entries: Mapping[str, Any] | bytes, data_bytes: int) -> Blob:
    """A file with any header at all, valid or not, and so many bytes after it."""
    text = (
        entries
        if isinstance(entries, bytes)
        else json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    )
    text += b" " * (-len(text) % 8)
    front = struct.pack("<Q", len(text)) + text
    return Blob(len(front) + data_bytes, ((0, front),))


def shards(
    tensors: Mapping[str, Tensor], parts: int, *, stem: str = "model", index_metadata: Mapping[str, Any] | None = None
) -> dict[str, Blob]:
    """A sharded model: `stem`-0000i-of-0000n.safetensors and the index that maps tensors to them."""
    files: dict[str, Blob] = {}
    weight_map: dict[str, str] = {}
    for number, group in enumerate(partition(tensors, parts), start=1):
        name = f"{stem}-{number:05}-of-{parts:05}.safetensors"
        files[name] = write(group)
        weight_map |= dict.fromkeys(group, name.rpartition("/")[2])
    total = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": total} | dict(index_metadata or {}), "weight_map": weight_map}
    files[f"{stem}.safetensors.index.json"] = Blob.of(json.dumps(index, indent=2) + "\n")
    return files


def read_header(blob: Blob) -> dict[str, Any] | None:
    """The header of a file as the Hub's own metadata endpoint would report it; None when there is none."""
    if blob.size < 8:
        return None
    (length,) = struct.unpack("<Q", blob.read(0, 8))
    if length > min(blob.size, 25_000_000):
        return None
    try:
        entries = json.loads(blob.read(8, 8 + length))
    except ValueError:
        return None
    return entries if isinstance(entries, dict) else None


__all__ = ["BITS", "Tensor", "Tensors", "from_header", "header", "read_header", "shards", "sparse", "write"]
