"""Count parameters in HDF5 files: Keras models and weights of every generation, and any other file of datasets.

Spec: HDF5 File Format Specification 3.0; for the layouts keras-team/keras, keras/src/legacy/saving/legacy_h5_format.py
(`model_weights`, `optimizer_weights`) and keras/src/saving/saving_lib.py (`layers/<name>/vars/<number>`,
`optimizer/vars`).

Parser: pyfive, for the superblock and the trees, heaps and tables of groups: it is pure Python, reads through any file
object and far fewer bytes than h5py. It trusts its file, so it reads through `GuardedFile`; object headers, links and
the walk over the groups are ours, for their limits and for the order of the reads. Dataset headers are read, never
data. Groups of optimizer state are not entered.

Headers lie between the data. Up to 4 MiB a file is read whole; of a larger one, the objects before the largest gaps
come first while a certain lower bound may settle the matter (`Hints.enough`), then everything by ascending addresses.
"""

from __future__ import annotations

import heapq
import re
import struct
from bisect import bisect_right, insort
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from estimators import results
from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, ZERO, Interval
from estimators.dtypes import Kind, kind_of
from estimators.errors import BudgetExceeded, MalformedFile, ReadFailed
from estimators.hdf5_guard import (
    MAX_HEADER_BYTES,
    MAX_HEADER_READS,
    MAX_LIST_BYTES,
    MAX_LIST_READS,
    GuardedFile,
    NotAtHand,
    TooMuch,
)
from estimators.hdf5_headers import DATASPACE, DATATYPE, Message, header_of
from estimators.hdf5_links import Link, Tables, addresses_of, links_in, links_of
from estimators.hdf5_messages import (
    CHUNKED,
    CONTIGUOUS,
    VIRTUAL,
    Dataset,
    ElementType,
    dataset_of,
    type_of,
)
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.keras_variables import Variables
from estimators.packing import Tensor
from estimators.reading import front_reader
from estimators.views import BLOCK_BYTES, KEPT_BYTES, Pages, Part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyfive.misc_low_level import SuperBlock

SIGNATURE = b"\x89HDF\r\n\x1a\n"
LAST_SIGNATURE_AT = 64 * 1024  # the signature lies at 0, or after a user block of 512 bytes times a power of two
MAX_OBJECTS = 60_000  # groups and datasets; the largest models have a few thousand
MAX_MESSAGES = 400_000  # of all headers
MAX_DEPTH = 64  # groups in groups
MAX_PATH_BYTES = 4096
MOST_DEFLATED = 1032  # bytes that one byte of deflate yields at most
PAGE_BYTES = 2 * BLOCK_BYTES  # of headers between data, which have few neighbours
LUCKY_OBJECTS = 2_000  # after which the search for a few large datasets ends
RANGES_BEFORE_MUCH = 3  # for single headers; then much is read at once
LIGHT = 0.1  # how promising a layer without large weights is, or a piece of a group's list, beside a dense layer
WHOLE_LATE_BYTES = 16 * 1024 * 1024  # a file no longer than this is then read whole
MUCH_BYTES = 6 * 1024 * 1024  # of a longer one: 1.5 million 32-bit weights with their headers

# Groups of trainer state: Keras 2, Keras 3 (also `d_optimizer` and the like of models with several), metrics of Keras
# 2.13, Caffe's solver.
_TRAINER = re.compile(rb"(?:\w+_)?optimizers?(?:_\d+)?|optimizer_(?:weights|state)|metrics|compile_metrics", re.DOTALL)
# Layers and variables that have few weights or none, by the names that Keras gives them.
_LIGHT_LAYER = re.compile(
    rb"(?i:activation|(?:leaky_|p_|thresholded_)?re_?lu|softmax|dropout|spatial_dropout|flatten|.*pool|.*padding|input|add|"
    rb"concat|reshape|multiply|.*norm|.*_(?:bn|ln|relu|pad|out|add)\Z|bias|gamma|beta|moving_|rescaling|"
    rb"random|permute|lambda|cropping|up_?sampling|dot|subtract|average|maximum)"
)
_STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var"}
# What pyfive and the decoding of broken bytes raise.
_FAULTS = (
    struct.error, ValueError, LookupError, StopIteration, AssertionError, ArithmeticError, TypeError, AttributeError,
    RecursionError, MemoryError,
)  # fmt: skip


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether the signature lies at the front, or after a user block."""
    return _signature_at(front) is not None


def _signature_at(front: bytes) -> int | None:
    at = 0
    while at <= LAST_SIGNATURE_AT and at < len(front):
        if front.startswith(SIGNATURE, at):
            return at
        at = at * 2 or 512
    return None


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one HDF5 file.

    Args:
        reader: the file; read whole up to 4 MiB, else in pieces wherever headers lie.
        hints: once more than `hints.enough` parameters are certain, the rest of a larger file is bounded.

    Raises:
        MalformedFile: the file contradicts the format or itself.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    size = source.size
    if size is None:
        raise ReadFailed(source.name, "its size is unknown, and HDF5 is read from all over the file")
    return estimate_part(source, Stretch(source, pages_of(source), 0, size), hints)


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


def estimate_part(source: ByteReader, stretch: Stretch, hints: Hints, *, int8: bool = False) -> Estimate:
    """Count an HDF5 file that may be part of another.

    Args:
        source: the file in the repository.
        stretch: where the HDF5 file lies.
        hints: as for `estimate`.
        int8: whether quantised layers hold one weight a byte, by the model's configuration.

    Raises:
        MalformedFile, ReadFailed, BudgetExceeded: as for `estimate`.
    """
    from pyfive.core import InvalidHDF5File

    walk = _Walk(source.name, stretch, hints, int8=int8)
    try:
        walk.run()
    except NotImplementedError as exc:
        walk.give_up(f"holds what is not read: {str(exc)[:100]}")
    except TooMuch:
        walk.give_up(f"holds more objects than are followed ({MAX_OBJECTS})")
    except BudgetExceeded:
        if not walk.certain:
            raise
        walk.give_up("the rest lies beyond what may be read")
    except (*_FAULTS, InvalidHDF5File) as exc:
        raise MalformedFile(source.name, f"{walk.place}: {type(exc).__name__} {str(exc)[:160]}") from exc
    return walk.finish(source)


class _Place(NamedTuple):
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


def _plain_name(path: str) -> str:
    """A dataset's path, with Keras's names of BatchNorm statistics as everybody else calls them."""
    parent, _, leaf = path.rpartition("/")
    statistic = _STATISTICS.get(leaf.partition(":")[0])
    return f"{parent}.{statistic}" if statistic else path


class _Walk:
    """Visits objects by address, each once, and counts datasets as it goes.

    Attributes:
        place: the object at hand, for messages.
    """

    def __init__(self, name: str, stretch: Stretch, hints: Hints, *, int8: bool) -> None:
        self.place = "superblock"
        self._name = name
        self._stretch = stretch
        self._hints = hints
        self._tally = results.tally_for(name, hints)
        self._variables = Variables(int8=int8)
        self._floats = 0  # elements of named float datasets
        self._open = ZERO  # what datasets may hold besides what is certain
        self._findings: dict[str, Finding] = {}
        self._extents: list[tuple[int, int]] = []
        self._filtered = False
        self._partial = False
        self._note = ""
        self._skipped = False
        self._far: set[int] = set()  # objects that cost a range although their first byte does not
        self._objects = self._messages = 0
        self._paths: dict[int, _Place] = {}  # of what is still to visit, by address
        self._known: list[int] = []  # addresses, sorted: what lies between two is data
        self._heap: list[int] = []
        self._seen: set[int] = set()
        self._types: dict[int, ElementType] = {}

    @property
    def certain(self) -> int:
        """Parameters that are certain so far, as far as can be told before the end."""
        return self._floats + self._variables.certain

    def run(self) -> None:
        """Visit everything, or as much as is enough."""
        self._open_file()
        begun = self._stretch.file.requests
        scattered = True
        while self._paths:
            if scattered and self._stretch.file.requests - begun >= RANGES_BEFORE_MUCH:
                scattered = False
                self._read_much()
            lucky = self._hints.enough is not None and self._objects < LUCKY_OBJECTS
            if not (lucky and self._visit_at_hand()):
                address = self._most_promising() if lucky else self._lowest()
                self._visit(address, self._paths.pop(address))
            if self._paths and self._hints.enough is not None and self.certain > self._hints.enough:
                self._partial = True
                return
        self._check_extents()

    def _read_much(self) -> None:
        """After many single headers, read a small file whole, and of a larger one so much that it may be enough."""
        file, _, start, size = self._stretch
        if size <= WHOLE_LATE_BYTES:
            pages = Pages(file, size, size, kept=WHOLE_LATE_BYTES)
        elif self._hints.enough is not None:
            pages = Pages(file, PAGE_BYTES, PAGE_BYTES, kept=MUCH_BYTES + KEPT_BYTES)
        else:
            return
        pages.read(start, size if size <= WHOLE_LATE_BYTES else MUCH_BYTES)
        self._stretch = self._stretch._replace(pages=pages)
        self._file.turn_to(Part(pages, self._name, start, size))

    def _visit_at_hand(self) -> bool:
        """Visit an object that costs no range to look at, if there is one."""
        for address in self._paths:
            if address not in self._far and self._is_held(address, 1):
                break
        else:
            return False
        self._file.at_hand = self._is_held
        try:
            self._visit(address, self._paths[address])
            del self._paths[address]
        except NotAtHand:
            self._far.add(address)
        finally:
            self._file.at_hand = None
        return True

    def _is_held(self, offset: int, length: int) -> bool:
        begin = self._stretch.start + offset
        return all(
            self._stretch.pages.holds(at) for at in (*range(begin, begin + length, BLOCK_BYTES), begin + length - 1)
        )

    def _open_file(self) -> None:
        """Find the superblock, move to its base address, and have the root group visited."""
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
        self._expect(block.offset_to_dataobjects, _Place(b"", 0))

    def _superblock(self, start: int, size: int, at: int) -> SuperBlock:
        """The superblock at `at` of the file that begins at `start`; reads go there from now on."""
        from pyfive.misc_low_level import SuperBlock

        self._file = GuardedFile(Part(self._stretch.pages, self._name, start, size), self._name)
        self._file.begin(MAX_HEADER_READS, MAX_HEADER_BYTES)
        return SuperBlock(self._file, at)

    def _expect(self, address: int, place: _Place) -> None:
        if address in self._seen:
            return  # another link to the same object
        self._seen.add(address)
        self._paths[address] = place
        insort(self._known, address)
        heapq.heappush(self._heap, address)

    def _lowest(self) -> int:
        while True:
            address = heapq.heappop(self._heap)
            if address in self._paths:
                return address

    def _most_promising(self) -> int:
        """The object that most bytes follow: most likely it is, or leads to, the largest dataset."""
        known, size = self._known, self._stretch.size

        def promise(item: tuple[int, _Place]) -> float:
            address, place = item
            after = bisect_right(known, address)
            gap = (known[after] if after < len(known) else size) - address
            name = place.path.rpartition(b"/")[2]
            return gap * (LIGHT if place.names is not None or _LIGHT_LAYER.match(name) else 1)

        return max(self._paths.items(), key=promise)[0]

    def _visit(self, address: int, place: _Place) -> None:
        self.place = f"object {place.path[:100].decode('utf-8', 'replace')!r} at {address}"
        if place.names is not None:
            self._file.begin(MAX_LIST_READS, MAX_LIST_BYTES)
            self._follow(place, links_in(self._file, address, place.names))
            return
        if place.tables is not None:
            self._file.begin(MAX_LIST_READS, MAX_LIST_BYTES)
            tables, names = addresses_of(self._file, place.tables)
            for table in tables:
                self._expect(table, place._replace(names=names))
            return
        messages = self._header(address)
        kinds = {message.kind for message in messages}
        if DATASPACE in kinds:
            self._count(place.path, dataset_of(messages, self._committed))
        elif kinds != {DATATYPE}:
            self._file.begin(MAX_LIST_READS, MAX_LIST_BYTES)
            self._follow(place, links_of(self._file, messages))

    def _header(self, address: int) -> list[Message]:
        """The messages of an object's header."""
        messages, count = header_of(self._file, address)
        self._objects += 1
        self._messages += count
        if self._objects > MAX_OBJECTS or self._messages > MAX_MESSAGES:
            raise TooMuch
        return messages

    def _committed(self, address: int) -> ElementType:
        """The type of a datatype object, which many datasets may share."""
        if address not in self._types:
            message = next(message for message in self._header(address) if message.kind == DATATYPE)
            self._types[address] = ElementType("", None, 1)  # if it refers to itself
            self._types[address] = type_of(message, self._committed)
        return self._types[address]

    def _follow(self, place: _Place, links: Iterable[Link | Tables]) -> None:
        """Note what a group's links lead to."""
        for link in links:
            if isinstance(link, Tables):
                self._expect(link.tree, place._replace(tables=link))
            elif link.address is None:
                pass  # to a path, which is visited under its own name, or to another file
            elif _TRAINER.fullmatch(link.name):
                self._skipped = True
                insort(self._known, link.address)
            else:
                path = place.path + b"/" + link.name if place.path else link.name
                if place.depth >= MAX_DEPTH or len(path) > MAX_PATH_BYTES:
                    raise MalformedFile(self._name, f"{self.place} nests deeper than {MAX_DEPTH} groups")
                self._expect(link.address, _Place(path, place.depth + 1))

    def _count(self, path: bytes, dataset: Dataset) -> None:
        name = path.decode("utf-8", "replace")
        numbers = dataset.type.numbers
        if numbers is None or not dataset.type.dtype:
            if dataset.elements:
                self._doubt(
                    name, None if numbers is None else dataset.elements * numbers, "are records or of no fixed size"
                )
            return
        elements = dataset.elements * numbers
        if elements and not self._is_stored(dataset, elements):
            if dataset.type.dtype[0] in "FBC" and dataset.type.dtype != "BOOL":
                self._doubt(name, elements, "are not stored in this file")
            return
        tensor = Tensor(_plain_name(name), dataset.type.dtype, dataset.shape, elements)
        parent, _, number = name.rpartition("/")
        if parent.endswith("vars") and number.isdecimal() and len(number) < 6:
            self._variables.add(parent, int(number), tensor)
        else:
            self._tally.add(tensor)
            self._floats += elements if kind_of(tensor.dtype) is Kind.FLOAT else 0
        insort(self._known, dataset.address or 0)

    def _is_stored(self, dataset: Dataset, elements: int) -> bool:
        """Whether a dataset's elements can lie in this file; contiguous ones are noted, to see that none overlap."""
        size = self._stretch.size
        wanted = elements * dataset.type.size // (dataset.type.numbers or 1)
        if dataset.external or dataset.layout == VIRTUAL:
            return False
        if dataset.layout == CHUNKED:
            self._filtered |= dataset.filtered
            return wanted <= size * (MOST_DEFLATED if dataset.filtered else 1)
        if dataset.layout == CONTIGUOUS:
            if dataset.address is None:
                return False
            if dataset.size < wanted or dataset.address + wanted > size:
                told = f"{dataset.size} bytes at {dataset.address} for {wanted} in a file of {size}"
                raise MalformedFile(self._name, f"{self.place}: {told}")
            self._extents.append((dataset.address, wanted))
        return True

    def _doubt(self, name: str, most: int | None, why: str) -> None:
        self._open += Interval(0, most)
        told = f"{name[:80]!r}: up to {'any number of' if most is None else most} elements {why}"
        self._findings.setdefault(why, Finding("uncertain-elements", told))

    def _check_extents(self) -> None:
        covered = 0
        for begin, length in sorted(self._extents):
            if begin < covered:
                raise MalformedFile(self._name, f"datasets overlap at byte {begin}")
            covered = begin + length

    def give_up(self, why: str) -> None:
        """Leave the rest unseen."""
        self._note = why
        self._open += Interval(0, None)

    def finish(self, source: ByteReader) -> Estimate:
        """The estimate of what was seen, and a bound for the rest."""
        packed, why = self._variables.settle(self._tally, whole=not (self._partial or self._note))
        if why:
            self._findings.setdefault(why, Finding("packing-unknown", why))
        unseen = self._open + packed
        if self._partial:
            self._note = "stopped when enough was certain"
            spare = self._stretch.size - sum(length for _, length in self._extents)
            unseen += Interval(0, None if self._filtered else max(spare, 0) * PARAMETERS_PER_BYTE_AT_MOST)
        outcome = results.of_tally(
            source,
            Basis.HDF5_HEADER,
            self._tally,
            findings=tuple(self._findings.values()),
            note=self._note or ("optimizer state is left out" if self._skipped else ""),
            unseen=None if unseen == ZERO else unseen,
            partial=self._partial,
        )
        return replace(outcome, stored_elements=None) if self._skipped else outcome
