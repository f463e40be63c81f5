"""Count parameters in the oldest files of `torch.save` (before 0.1.10), which are tars.

Spec: pytorch, torch/serialization.py `legacy_load`: members `sys_info`, `pickle`, `tensors`
and `storages`. `pickle` is the object, whose tensors are persistent identifiers;
`tensors` is a number, then for each tensor a pickle of (key, storage's key, type), its dimensions (32 bits, and 32 of
padding), sizes, strides and offset (64 bits each, little endian); `storages` likewise a pickle of (key, location, type)
before eight bytes with the elements, and the elements.

`pickle` and `tensors` come first and are read; `storages` only has to be large enough.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from estimators.errors import MalformedFile, beyond_doubt
from estimators.formats.pickled.arrays import MAX_DIMENSIONS, elements_of
from estimators.formats.pytorch.checkpoints import Count
from estimators.formats.pytorch.storages import DTYPES, STORAGES, Storage
from estimators.formats.pytorch.tensors import StoredTensor
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.pickles import PickleStream, load
from estimators.reading.views import Pages, Part

if TYPE_CHECKING:
    from estimators.interface import ByteReader, Estimate, Hints
    from estimators.reading.pickle_nodes import Node

BLOCK_BYTES = 512
MAX_MEMBERS = 16  # of a tar that has four
MAX_TENSORS = 200_000
_MAGIC_AT, _MAGIC = 257, b"ustar"
_FIRST = b"sys_info\0"


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file is a tar that begins with PyTorch's first member."""
    return front.startswith(_FIRST) and front.startswith(_MAGIC, _MAGIC_AT)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one tar of PyTorch's.

    Raises:
        MalformedFile: a member is missing or broken, or the storages are too small.
        ReadFailed, BudgetExceeded: from the reader, or a pickle beyond the caps.
    """
    with beyond_doubt():
        return _estimate(front_reader(reader), hints)


def _estimate(source: FrontReader, hints: Hints) -> Estimate:
    members = _members(Pages(source))
    for needed in ("pickle", "tensors", "storages"):
        if needed not in members:
            raise MalformedFile(source.name, f"tar has no member {needed!r}")
    count = Count(source.name, hints)
    tensors = _tensors(members["tensors"])
    _check_storages(tensors, members["storages"])
    count.add(load(PickleStream(members["pickle"])).value, outside=tensors)
    return count.estimate(source)


def _check_storages(tensors: Mapping[str, StoredTensor], part: Part) -> None:
    """Raise if the storages are smaller than what tensors reach of them."""
    needed: dict[str, int] = {}
    for tensor in tensors.values():
        distinct = 1
        for dimension, stride in zip(tensor.shape, tensor.strides, strict=True):
            distinct *= dimension if stride or not dimension else 1
        key = tensor.storage.key if tensor.storage else ""
        needed[key] = max(needed.get(key, 0), distinct * tensor.width)
    if sum(needed.values()) > (part.size or 0):
        raise MalformedFile(part.name, f"has {part.size} bytes; tensors reach {sum(needed.values())}")


def _members(source: ByteReader) -> dict[str, Part]:
    """The members by name; a tar has no directory, so headers are followed."""
    found: dict[str, Part] = {}
    at = 0
    for _ in range(MAX_MEMBERS):
        header = source.read(at, BLOCK_BYTES)
        if len(header) < BLOCK_BYTES or not header.startswith(_MAGIC, _MAGIC_AT):
            break
        name = header[:100].rstrip(b"\0").decode("ascii", "replace")
        try:
            size = int(header[124:136].strip(b" \0") or b"0", 8)
        except ValueError as exc:
            raise MalformedFile(source.name, f"tar member {name!r} has no size") from exc
        at += BLOCK_BYTES
        if size < 0 or (source.size is not None and at + size > source.size):
            raise MalformedFile(source.name, f"tar member {name!r} of {size} bytes passes the end of the file")
        found[name] = Part(source, f"{source.name}!{name}", at, size)
        at += -(-size // BLOCK_BYTES) * BLOCK_BYTES
    return found


def _tensors(part: Part) -> dict[str, StoredTensor]:
    stream = PickleStream(part)
    count = load(stream).value
    if not isinstance(count, int) or not 0 <= count <= MAX_TENSORS:
        raise MalformedFile(part.name, f"number of tensors is no size up to {MAX_TENSORS}")
    found = {}
    for _ in range(count):
        key, storage, kind = _described(part.name, load(stream).value)
        dimensions, _ = struct.unpack("<ii", stream.take(8))
        if not 0 <= dimensions <= MAX_DIMENSIONS:
            raise MalformedFile(part.name, f"tensor of {dimensions} dimensions; at most {MAX_DIMENSIONS} are allowed")
        size = struct.unpack(f"<{dimensions}q", stream.take(8 * dimensions))
        strides = struct.unpack(f"<{dimensions}q", stream.take(8 * dimensions))
        (offset,) = struct.unpack("<q", stream.take(8))
        if offset < 0 or any(stride < 0 for stride in strides):
            raise MalformedFile(part.name, "tensor with a negative stride or offset")
        dtype, width = DTYPES[STORAGES.get(kind.removesuffix("Tensor"), "uint8")]
        elements = elements_of(part.name, size)
        where = Storage(storage, dtype, width, elements)
        found[key] = StoredTensor(dtype, size, elements, where, offset * width, width, strides)
    return found


def _described(file: str, node: Node) -> tuple[str, str, str]:
    """Key of a tensor, key of its storage, and the name of its type."""
    if not isinstance(node, tuple) or len(node) != 3 or not all(isinstance(key, int | str) for key in node[:2]):
        raise MalformedFile(file, "a tensor's description is no triple of keys and a type")
    return str(node[0]), str(node[1]), getattr(node[2], "name", "")
