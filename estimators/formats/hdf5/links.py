"""The members of an HDF5 group: names and addresses, from the three ways in which a group lists them.

Spec: HDF5 File Format Specification 3.0, III.A.1 and III.D (symbol tables), IV.A.2.g (link), IV.A.2.c (link info),
III.G (fractal heap). pyfive reads the trees and heaps; names are cut out here, where their length can be checked, and
links to other places are told apart from links that the file breaks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from estimators.formats.hdf5.guard import NotRead, TooMuch
from estimators.formats.hdf5.headers import LINK, LINK_INFO, SYMBOL_TABLE, Message, MessageFault
from estimators.formats.hdf5.messages import UNDEFINED

if TYPE_CHECKING:
    from estimators.formats.hdf5.guard import GuardedFile

MAX_NAME_BYTES = 1024
MAX_TREE_DEPTH = 8  # of a version 2 tree; four levels hold millions of links
MAX_LOOKUPS = 20_000_000  # records times blocks of a heap, which is searched block by block
HARD = 0
_SOFT_ENTRY = 2  # cache type of a symbol table entry


class Link(NamedTuple):
    """A member of a group.

    Attributes:
        name: as bytes.
        address: None where the link leads to a path or to another file.
    """

    name: bytes
    address: int | None


class Tables(NamedTuple):
    """The list of a group of the oldest kind: a tree of tables whose names lie in a heap.

    Its pieces may lie far from each other, for they are added while data is written.

    Attributes:
        tree: where the tree lies.
        heap: where the names lie.
    """

    tree: int
    heap: int


def links_of(view: GuardedFile, messages: Iterable[Message]) -> Iterator[Link | Tables]:
    """Every link of a group, or where its list lies, in any order.

    Args:
        view: the file.
        messages: of the group's header.
    """
    for kind, _, body in messages:
        if kind == SYMBOL_TABLE:
            yield Tables(*struct.unpack_from("<QQ", body))
        elif kind == LINK:
            yield _link(body)
        elif kind == LINK_INFO:
            flags = body[1]
            heap, tree = struct.unpack_from("<QQ", body, 2 + 8 * (flags & 1))
            if UNDEFINED not in (heap, tree):
                yield from _dense(view, heap, tree)


def addresses_of(view: GuardedFile, tables: Tables) -> tuple[list[int], bytes]:
    """Where the tables of a group lie, and their names."""
    from pyfive.btree import BTreeV1Groups
    from pyfive.misc_low_level import Heap

    return BTreeV1Groups(view, tables.tree).symbol_table_addresses(), Heap(view, tables.heap).data


def links_in(view: GuardedFile, address: int, names: bytes) -> Iterator[Link]:
    """The links of one table."""
    from pyfive.misc_low_level import SymbolTable

    for entry in SymbolTable(view, address).entries:
        start = entry["link_name_offset"]
        end = names.find(b"\0", start, start + MAX_NAME_BYTES + 1)
        if end < 0:
            raise MessageFault(f"a link's name at {start} of {len(names)} bytes has no end")
        soft = entry["cache_type"] == _SOFT_ENTRY
        yield Link(names[start:end], None if soft else entry["object_header_address"])


def _dense(view: GuardedFile, heap_address: int, tree_address: int) -> Iterator[Link]:
    """Links of a large group of the newer kind: a tree of names over a heap of link messages."""
    from pyfive.btree import BTreeV2GroupNames
    from pyfive.misc_low_level import FractalHeap

    view.seek(heap_address)
    if struct.unpack_from("<Q", view.read(30), 22)[0] != UNDEFINED:
        raise NotRead("links of more than 4,000 bytes")
    view.seek(tree_address)
    depth = struct.unpack_from("<H", view.read(16), 12)[0]
    if depth > MAX_TREE_DEPTH:
        raise MessageFault(f"a tree of links is {depth} levels deep; at most {MAX_TREE_DEPTH} are allowed")
    heap = FractalHeap(view, heap_address)
    records = list(BTreeV2GroupNames(view, tree_address).iter_records())
    if len(records) * len(heap.blocks) > MAX_LOOKUPS:
        raise TooMuch
    for record in records:
        message = heap.get_data(record["heapid"])
        if message is None:
            raise MessageFault("a link lies outside its heap")
        yield _link(message)


def _link(data: bytes) -> Link:
    """One link message."""
    version, flags = struct.unpack_from("<BB", data)
    if version != 1:
        raise MessageFault(f"link message has version {version}; 1 is known")
    at = 2
    kind = HARD
    if flags & 0x08:
        kind = struct.unpack_from("<B", data, at)[0]
        at += 1
    at += 8 * bool(flags & 0x04) + bool(flags & 0x10)  # creation order and character set
    width = 1 << (flags & 3)
    length = int.from_bytes(data[at : at + width], "little")
    at += width
    if length > MAX_NAME_BYTES:
        raise MessageFault(f"a link's name has {length} bytes; at most {MAX_NAME_BYTES} are read")
    name = data[at : at + length]
    return Link(name, struct.unpack_from("<Q", data, at + length)[0] if kind == HARD else None)
