"""PyTorch checkpoints: the zip format of torch 1.6 and later, and the older run of pickles.

The zip is laid out as torch's own writer does: every entry stored, its data on a 64-byte boundary. Storages are zeros
that are not held in memory, so their checksums are computed from the length alone.
"""

from __future__ import annotations

import pickle
import struct
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from scanner.samplehub.files import pickles
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.pickles import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.samplehub.files.tensors import Tensor

BOUNDARY = 64  # torch aligns each entry's data so that it can be mapped
DOS_DATE = 0x21  # 1980-01-01, as torch writes
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def views(tensors: Mapping[str, Tensor], tied: Mapping[str, str] | None = None) -> dict[str, View]:
    """Each tensor on a storage of its own, except the `tied` names, which reach another tensor's storage."""
    result: dict[str, View] = {}
    for key, tensor in tensors.items():
        result[key] = View(tensor, str(len(result)), tensor.elements)
    for key, owner in (tied or {}).items():
        result[key] = result[owner]
    return result


def _storages(state: Mapping[str, View]) -> dict[str, int]:
    return {view.storage: view.tensor.nbytes for view in state.values()}


@lru_cache(maxsize=1024)
def crc32_of_zeros(length: int) -> int:
    """CRC-32 of `length` zero bytes, in time that grows with the logarithm of the length."""
    register, doubling = 0xFFFFFFFF, 0
    while length >> doubling:
        if length >> doubling & 1:
            register = _times(_zeros(doubling), register)
        doubling += 1
    return register ^ 0xFFFFFFFF


@lru_cache(maxsize=64)
def _zeros(doubling: int) -> list[int]:
    """What 2**doubling zero bytes do to the register, as a matrix over GF(2) by columns (zlib's crc32_combine)."""
    if doubling:
        matrix, squarings = _zeros(doubling - 1), 1
    else:
        matrix, squarings = [0xEDB88320, *(1 << bit for bit in range(31))], 3  # one zero bit, then eight of them
    for _ in range(squarings):
        matrix = [_times(matrix, column) for column in matrix]
    return matrix


def _times(matrix: list[int], vector: int) -> int:
    total, row = 0, 0
    while vector:
        if vector & 1:
            total ^= matrix[row]
        vector >>= 1
        row += 1
    return total


def write(
    tensors: Mapping[str, Tensor],
    *,
    tied: Mapping[str, str] | None = None,
    folder: str = "archive",
    pickle_last: bool = False,
) -> Blob:
    """A state dict as `torch.save` writes it; below 4 GiB, since no zip64 records are written."""
    state = views(tensors, tied)
    return archive(pickles.stream(pickles.state_dict(state)), _storages(state), folder, pickle_last=pickle_last)


def archive(data_pickle: bytes, storages: Mapping[str, int], folder: str, *, pickle_last: bool = False) -> Blob:
    """The zip around any pickle and its storages (name to bytes); some tools put the pickle behind them."""
    entries: list[tuple[str, bytes | int]] = [
        ("data.pkl", data_pickle),
        (".format_version", b"1"),
        ("byteorder", b"little"),
    ]
    entries += [(f"data/{key}", nbytes) for key, nbytes in storages.items()]
    if pickle_last:
        entries.append(entries.pop(0))
    entries += [("version", b"3\n"), (".data/serialization_id", b"0" * 40)]
    pieces: list[tuple[int, bytes]] = []
    central, position = b"", 0
    for entry, content in entries:
        path = f"{folder}/{entry}".encode()
        size = content if isinstance(content, int) else len(content)
        crc = crc32_of_zeros(content) if isinstance(content, int) else zlib.crc32(content)
        padding = -(position + 30 + len(path) + 4) % BOUNDARY
        extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        common = struct.pack("<HHHHHIIIHH", 0, 0x800, 0, 0, DOS_DATE, crc, size, size, len(path), len(extra))
        local = b"PK\x03\x04" + common + path + extra
        pieces.append((position, local if isinstance(content, int) else local + content))
        central += b"PK\x01\x02" + struct.pack("<H", 0) + common[:-2] + struct.pack("<HHHHII", 0, 0, 0, 0, 0, position)
        central += path
        position += len(local) + size
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(central), position, 0)
    pieces.append((position, central + end))
    return Blob(position + len(central) + len(end), tuple(pieces))


def write_legacy(tensors: Mapping[str, Tensor]) -> Blob:
    """A state dict as torch before 1.6 wrote it: five pickles, then each storage behind its length."""
    state = views(tensors)
    sizes = {"short": 2, "int": 4, "long": 4}
    system = {"protocol_version": LEGACY_PROTOCOL, "little_endian": True, "type_sizes": sizes}
    front = b"".join(pickle.dumps(value, 2) for value in (LEGACY_MAGIC, LEGACY_PROTOCOL, system))
    front += pickles.stream(pickles.state_dict(state, legacy=True))
    front += pickle.dumps(sorted(_storages(state)), 2)
    pieces, position = [(0, front)], len(front)
    by_storage = {view.storage: view for view in state.values()}
    for key in sorted(by_storage):
        pieces.append((position, struct.pack("<q", by_storage[key].storage_elements)))
        position += 8 + by_storage[key].tensor.nbytes
    return Blob(position, tuple(pieces))
