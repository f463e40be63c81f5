"""The way through an HDF5 file: which object to look at next, so that few ranges are read.

Headers lie between the data, and a group's list lies in pieces all over the file. Objects whose bytes are in memory
come first, then the one that most bytes follow; or all of them by ascending addresses.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_right, insort
from typing import TYPE_CHECKING, NamedTuple

from estimators.errors import MalformedFile
from estimators.formats.hdf5.guard import MAX_HEADER_BYTES, MAX_HEADER_READS, GuardedFile, NotAtHand
from estimators.reading.views import BLOCK_BYTES, KEPT_BYTES, Pages, Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyfive.misc_low_level import SuperBlock

    from estimators.formats.hdf5.links import Tables
    from estimators.interface import ByteReader

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LAST_SIGNATURE_AT = 64 * 1024  # the signature lies at 0, or after a user block of 512 bytes times a power of two
PAGE_BYTES = 2 * BLOCK_BYTES  # of headers between data, which have few neighbours
RANGES_BEFORE_MUCH = 3  # for single headers; then much is read at once, and more after as many again
WHOLE_LATE_BYTES = 16 * 1024 * 1024  # a file no longer than this is then read whole
MUCH_BYTES = 6 * 1024 * 1024  # of a longer one each time: 1.5 million 32-bit weights with their headers
MAX_COMPARED = 1_000_000  # objects, while the next is sought: half a second; then all follow by their addresses
# How promising a layer without large weights is beside a dense layer, and a piece of a group's list: it may name what
# lies in memory, where much was read.
LIGHT, HEAVY = 0.1, 100
# Layers and variables that have few weights or none, by the names that Keras gives them.
_LIGHT_LAYER = re.compile(
    rb"(?i:activation|(?:leaky_|p_|thresholded_)?re_?lu|softmax|dropout|spatial_dropout|flatten|.*pool|.*padding|input|add|"
    rb"concat|reshape|multiply|.*norm|.*_(?:bn|ln|relu|pad|out|add)\Z|bias|gamma|beta|moving_|rescaling|"
    rb"random|permute|lambda|cropping|up_?sampling|dot|subtract|average|maximum)"
)


def signature_at(front: bytes) -> int | None:
    """Where the signature lies in a file's first bytes; None where it is not there."""
    at = 0
    while at <= LAST_SIGNATURE_AT and at < len(front):
        if front.startswith(SIGNATURE, at):
            return at
        at = at * 2 or 512
    return None


def pages_of(reader: ByteReader) -> Pages:
    """A file in small pages, for headers that lie between data."""
    return Pages(reader, PAGE_BYTES, PAGE_BYTES)


class Stretch(NamedTuple):
    """Where an HDF5 file lies inside another file.

    Attributes:
        file: the other file.
        pages: the same, by pages.
        start: its first byte in there.
        size: its bytes.
    """

    file: ByteReader
    pages: Pages
    start: int
    size: int


class Place(NamedTuple):
    """Where an object hangs, or a group whose list is still to be read.

    Attributes:
        path: names from the root on.
        depth: groups above it.
        tables: the group's list, where that is what lies there.
        names: the group's names, where one table of its list lies there.
    """

    path: bytes
    depth: int
    tables: Tables | None = None
    names: bytes | None = None


class Route:
    """Objects that are still to be visited, each once.

    Attributes:
        file: for the parsers; within the limits of `GuardedFile`.
    """

    def __init__(self, name: str, stretch: Stretch) -> None:
        """Find the superblock, move to its base address, and expect the root group.

        Raises:
            MalformedFile: there is no superblock, or the file ends before the end that it states.
        """
        self._name = name
        self._stretch = stretch
        self._much_from: int | None = 0  # much may be read from here on; None where nothing is left to be
        self._much_after = stretch.file.requests + RANGES_BEFORE_MUCH
        self._places: dict[int, Place] = {}  # of what is still to visit, by address
        self._far: set[int] = set()  # objects that cost a range although their first byte does not
        self._known: list[int] = []  # addresses, sorted: what lies between two is data
        self._ascending: list[int] = []  # a heap
        self._seen: set[int] = set()
        self._compared = 0
        self._open()

    def __bool__(self) -> bool:
        return bool(self._places)

    @property
    def size(self) -> int:
        """Bytes of the HDF5 file, from its base address on."""
        return self._stretch.size

    def _open(self) -> None:
        pages, start, size = self._stretch[1:]
        at = 0
        while at <= LAST_SIGNATURE_AT and pages.read(start + at, len(SIGNATURE)) != SIGNATURE:
            at = at * 2 or 512
        if at > LAST_SIGNATURE_AT:
            raise MalformedFile(self._name, f"no HDF5 signature at byte 0, 512, 1024 ... {LAST_SIGNATURE_AT}")
        block = self._superblock(start, size, at)
        base, end = block._contents["base_address"], block._contents["end_of_file_address"]
        if base > at or end > size:
            raise MalformedFile(self._name, f"ends at byte {size}, but its superblock at {at} says {end}")
        if base:
            start, size = start + base, size - base
            block = self._superblock(start, size, at - base)
        self._stretch = self._stretch._replace(start=start, size=size)
        self.expect(block.offset_to_dataobjects, Place(b"", 0))

    def _superblock(self, start: int, size: int, at: int) -> SuperBlock:
        """The superblock at `at` of the file that begins at `start`; reads go there from now on."""
        from pyfive.misc_low_level import SuperBlock

        self.file = GuardedFile(Part(self._stretch.pages, self._name, start, size), self._name)
        self.file.begin(MAX_HEADER_READS, MAX_HEADER_BYTES)
        return SuperBlock(self.file, at)

    def expect(self, address: int, place: Place) -> None:
        """An object to visit, unless another link led to it before."""
        if address in self._seen:
            return
        self._seen.add(address)
        self._places[address] = place
        insort(self._known, address)
        heapq.heappush(self._ascending, address)

    def mark(self, address: int) -> None:
        """Note where something lies that is not visited."""
        insort(self._known, address)

    def step(self, visit: Callable[[int, Place], None], *, seeking: bool) -> None:
        """Visit one object.

        Args:
            visit: looks at the object.
            seeking: go to where most is to be found; else by ascending addresses.
        """
        if self._much_from is not None and self._stretch.file.requests >= self._much_after:
            self._read_much(seeking=seeking)
        seeking = seeking and self._compared < MAX_COMPARED
        if seeking and self._visit_at_hand(visit):
            return
        address = self._most_promising() if seeking else self._lowest()
        visit(address, self._places.pop(address))

    def _read_much(self, *, seeking: bool) -> None:
        """After many single headers, read a small file whole, and of a larger one so much that it may be enough."""
        file, _, start, size = self._stretch
        begin = min((address for address in self._places if address >= (self._much_from or 0)), default=size)
        self._much_from = None
        if size <= WHOLE_LATE_BYTES:
            begin, length = 0, size + BLOCK_BYTES  # the file may begin inside a block
        elif seeking and begin < size:
            length = MUCH_BYTES
            self._much_from = begin + MUCH_BYTES
        else:
            return
        pages = Pages(file, length, PAGE_BYTES, kept=length + KEPT_BYTES)
        pages.read(start + begin, 1)  # and what the first read brings along
        self._much_after = file.requests + RANGES_BEFORE_MUCH
        self._far.clear()
        self._stretch = self._stretch._replace(pages=pages)
        self.file.turn_to(Part(pages, self._name, start, size))

    def _visit_at_hand(self, visit: Callable[[int, Place], None]) -> bool:
        """Visit an object that costs no range to look at, if there is one."""
        near = (address for address in self._places if address not in self._far and self._is_held(address, 1))
        address = next(near, None)
        self._compared += len(self._places) if address is None else 1 + len(self._far)
        if address is None:
            return False
        self.file.at_hand = self._is_held
        try:
            visit(address, self._places[address])
            del self._places[address]
        except NotAtHand:
            self._far.add(address)
        finally:
            self.file.at_hand = None
        return True

    def _is_held(self, offset: int, length: int) -> bool:
        begin = self._stretch.start + offset
        return all(
            self._stretch.pages.holds(at) for at in (*range(begin, begin + length, BLOCK_BYTES), begin + length - 1)
        )

    def _lowest(self) -> int:
        while True:
            address = heapq.heappop(self._ascending)
            if address in self._places:
                return address

    def _most_promising(self) -> int:
        """The object that most bytes follow: most likely it is, or leads to, the largest dataset."""
        known, size = self._known, self._stretch.size
        self._compared += 4 * len(self._places)  # a dearer comparison

        def promise(item: tuple[int, Place]) -> float:
            address, place = item
            after = bisect_right(known, address)
            gap = (known[after] if after < len(known) else size) - address
            name = place.path.rpartition(b"/")[2]
            if place.names is not None:
                return gap * (LIGHT if self._much_from == 0 else HEAVY)
            return gap * (LIGHT if _LIGHT_LAYER.match(name) else 1)

        return max(self._places.items(), key=promise)[0]
