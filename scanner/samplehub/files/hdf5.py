"""HDF5 files as h5py writes them by default: superblock version 0, groups as B-trees, each dataset's data in one piece.

Spec: HDF5 File Format Specification 3.0. Each dataset's header stands before its data, as in Keras files, so that a
reader of all shapes must go through the whole file. Only what weight files need: groups of floats, no filters.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from scanner.samplehub.files.blob import Blob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.samplehub.files.tensors import Tensor

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = b"\xff" * 8
LEAF_K, INTERNAL_K = 4, 16  # h5py's own; a node of symbols holds 2 * LEAF_K entries
SUPERBLOCK = 96
# IEEE floats, little-endian: class, sign, size; then offset, precision, where exponent and mantissa lie, bias.
FLOATS = {
    "F32": bytes([0x11, 0x20, 31, 0]) + struct.pack("<IHHBBBBI", 4, 0, 32, 23, 8, 0, 23, 127),
    "F16": bytes([0x11, 0x20, 15, 0]) + struct.pack("<IHHBBBBI", 2, 0, 16, 10, 5, 0, 10, 15),
    "F64": bytes([0x11, 0x20, 63, 0]) + struct.pack("<IHHBBBBI", 8, 0, 64, 52, 11, 0, 52, 1023),
}
Tree = dict[str, "Tree | Tensor"]


class _Writer:
    """Pieces in the order of the file; zeros of the data are only counted."""

    def __init__(self) -> None:
        self.position = SUPERBLOCK
        self.pieces: list[tuple[int, bytes]] = []

    def put(self, data: bytes) -> int:
        """Append, on an eight-byte boundary, and give the address."""
        self.position += -self.position % 8
        address = self.position
        self.pieces.append((address, data))
        self.position += len(data)
        return address

    def dataset(self, tensor: Tensor) -> int:
        """Header and data; the address of the header."""
        size = len(self._header(tensor, 0))
        start = self.position + -self.position % 8
        address = self.put(self._header(tensor, start + size))
        self.position += tensor.nbytes
        return address

    @staticmethod
    def _header(tensor: Tensor, data: int) -> bytes:
        rank = len(tensor.shape)
        space = struct.pack("<BBB5x", 1, rank, 0) + struct.pack(f"<{rank}Q", *tensor.shape)
        fill = struct.pack("<BBBB", 2, 2, 2, 0)
        place = struct.pack("<BBQQ", 3, 1, data, tensor.nbytes)
        return _object([(1, space), (3, FLOATS[tensor.dtype]), (5, fill), (8, place)])

    def group(self, tree: Mapping[str, Tree | Tensor]) -> tuple[int, int, int]:
        """Members first, then the names, the tree and the header; addresses of header, B-tree and heap."""
        names = sorted(tree)
        heap, offsets = bytearray(8), {}
        for name in names:
            offsets[name] = len(heap)
            data = name.encode() + b"\0"
            heap += data + bytes(-len(data) % 8)
        entries = []
        for name in names:
            member = tree[name]
            if isinstance(member, dict):
                header, btree, local = self.group(member)
                entries.append(struct.pack("<QQII", offsets[name], header, 1, 0) + struct.pack("<QQ", btree, local))
            else:
                entries.append(struct.pack("<QQII16x", offsets[name], self.dataset(member), 0, 0))
        segment = self.put(bytes(heap))
        local = self.put(b"HEAP" + struct.pack("<B3xQQQ", 0, len(heap), 1, segment))
        btree = self._btree(names, entries, offsets)
        return self.put(_object([(17, struct.pack("<QQ", btree, local))])), btree, local

    def _btree(self, names: list[str], entries: list[bytes], offsets: Mapping[str, int]) -> int:
        """Leaves of symbols, and as many levels of nodes over them as it takes."""
        full = 2 * LEAF_K
        level = 0
        children: list[tuple[int, int]] = []  # address, and the place of the last name below it
        for at in range(0, len(names), full):
            some = entries[at : at + full]
            symbols = b"SNOD" + struct.pack("<BBH", 1, 0, len(some)) + b"".join(some)
            address = self.put(symbols.ljust(8 + full * 40, b"\0"))
            children.append((address, offsets[names[min(at + full, len(names)) - 1]]))
        while True:
            nodes = [children[at : at + 2 * INTERNAL_K] for at in range(0, len(children), 2 * INTERNAL_K)] or [[]]
            above: list[tuple[int, int]] = []
            last = 0
            for node in nodes:
                body = struct.pack("<Q", last)
                for address, key in node:
                    body += struct.pack("<QQ", address, key)
                    last = key
                head = b"TREE" + struct.pack("<BBH", 0, level, len(node)) + UNDEFINED * 2
                size = 24 + 8 + 2 * INTERNAL_K * 16
                above.append((self.put((head + body).ljust(size, b"\0")), last))
            if len(above) == 1:
                return above[0][0]
            level, children = level + 1, above


def _object(messages: list[tuple[int, bytes]]) -> bytes:
    """A version 1 object header with its messages."""
    body = b""
    for kind, content in messages:
        padded = content + bytes(-len(content) % 8)
        body += struct.pack("<HHB3x", kind, len(padded), 0) + padded
    return struct.pack("<BxHII4x", 1, len(messages), 1, len(body)) + body


def write(tensors: Mapping[str, Tensor]) -> Blob:
    """A valid file with these datasets; slashes in their names make groups."""
    tree: Tree = {}
    for name, tensor in tensors.items():
        *folders, last = name.split("/")
        place = tree
        for folder in folders:
            inner = place.setdefault(folder, {})
            if not isinstance(inner, dict):  # a dataset of that name
                raise TypeError(f"{name}: {folder} is no group")
            place = inner
        place[last] = tensor
    writer = _Writer()
    header, btree, local = writer.group(tree)
    end = writer.position
    front = SIGNATURE + struct.pack("<8B", 0, 0, 0, 0, 0, 8, 8, 0) + struct.pack("<HHI", LEAF_K, INTERNAL_K, 0)
    front += struct.pack("<Q", 0) + UNDEFINED + struct.pack("<Q", end) + UNDEFINED
    front += struct.pack("<QQIIQQ", 0, header, 1, 0, btree, local)
    return Blob(end, ((0, front), *writer.pieces))
