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

import re
import struct
from typing import TYPE_CHECKING

from estimators.errors import BudgetExceeded, MalformedFile, ReadFailed
from estimators.formats.hdf5.guard import MAX_LIST_BYTES, MAX_LIST_READS, NotRead, TooMuch
from estimators.formats.hdf5.headers import DATASPACE, DATATYPE, Message, header_of
from estimators.formats.hdf5.links import Link, Tables, addresses_of, links_in, links_of
from estimators.formats.hdf5.messages import ElementType, dataset_of, type_of
from estimators.formats.hdf5.route import Place, Route, Stretch, pages_of, signature_at
from estimators.formats.hdf5.total import Sum, sum_for
from estimators.interface import ByteReader, Estimate, Hints
from estimators.reading.front import front_reader

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_OBJECTS = 60_000  # groups and datasets; the largest models have a few thousand
MAX_MESSAGES = 400_000  # of all headers
MAX_DEPTH = 64  # groups in groups
MAX_PATH_BYTES = 4096
MAX_SOUGHT_OBJECTS = 2_000  # after which the search for a few large datasets ends

# Groups of trainer state: Keras 2, Keras 3 (also `d_optimizer` and the like of models with several), metrics of Keras
# 2.13, Caffe's solver.
_TRAINER = re.compile(rb"(?:\w+_)?optimizers?(?:_\d+)?|optimizer_(?:weights|state)|metrics|compile_metrics", re.DOTALL)
# What pyfive and the decoding of broken bytes raise.
_FAULTS = (
    struct.error, ValueError, LookupError, StopIteration, AssertionError, ArithmeticError, TypeError,
    RecursionError, MemoryError,
)  # fmt: skip


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether the signature lies at the front, or after a user block."""
    return signature_at(front) is not None


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

    walk: _Walk | None = None
    total = sum_for(source.name, stretch.size, hints, int8=int8)
    try:
        walk = _Walk(total, stretch)
        walk.run(hints.enough)
    except (NotRead, NotImplementedError) as exc:  # pyfive raises the second
        total.give_up(f"holds what is not read: {str(exc)[:100]}")
    except TooMuch:
        total.give_up(f"holds more objects than are followed ({MAX_OBJECTS})")
    except BudgetExceeded:
        if not total.certain:
            raise
        total.give_up("the rest lies beyond what may be read")
    except (*_FAULTS, InvalidHDF5File) as exc:
        place = "superblock" if walk is None else walk.place
        raise MalformedFile(source.name, f"{place}: {type(exc).__name__} {str(exc)[:160]}") from exc
    return total.finish(source)


class _Walk:
    """Visits objects, each once, and has datasets counted.

    Attributes:
        place: the object at hand, for messages.
    """

    def __init__(self, total: Sum, stretch: Stretch) -> None:
        self.place = "superblock"
        self._sum = total
        self._route = Route(total.name, stretch)
        total.size = self._route.size
        self._objects = self._messages = 0
        self._types: dict[int, ElementType] = {}

    def run(self, enough: int | None) -> None:
        """Visit everything, or as much as makes more than `enough` parameters certain."""
        while self._route:
            seeking = enough is not None and self._objects < MAX_SOUGHT_OBJECTS
            self._route.step(self._visit, seeking=seeking)
            if self._route and enough is not None and self._sum.certain > enough:
                self._sum.stop()
                break
        self._sum.check_extents()

    def _visit(self, address: int, place: Place) -> None:
        self.place = f"object {place.path[:100].decode('utf-8', 'replace')!r} at {address}"
        if place.names is not None:
            self._route.file.begin(MAX_LIST_READS, MAX_LIST_BYTES)
            self._follow(place, links_in(self._route.file, address, place.names))
            return
        if place.tables is not None:
            self._route.file.begin(MAX_LIST_READS, MAX_LIST_BYTES)
            tables, names = addresses_of(self._route.file, place.tables)
            for table in tables:
                self._route.expect(table, place._replace(names=names))
            return
        messages = self._header(address)
        kinds = {message.kind for message in messages}
        if DATASPACE in kinds:
            dataset = dataset_of(messages, self._committed)
            self._sum.add(place.path.decode("utf-8", "replace"), dataset)
            self._route.mark(dataset.address or 0)
        elif kinds != {DATATYPE}:
            self._route.file.begin(MAX_LIST_READS, MAX_LIST_BYTES)
            self._follow(place, links_of(self._route.file, messages))

    def _header(self, address: int) -> list[Message]:
        """The messages of an object's header."""
        messages, count = header_of(self._route.file, address)
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

    def _follow(self, place: Place, links: Iterable[Link | Tables]) -> None:
        """Note what a group's links lead to."""
        for link in links:
            if isinstance(link, Tables):
                self._route.expect(link.tree, place._replace(tables=link))
            elif link.address is None:
                pass  # to a path, which is visited under its own name, or to another file
            elif _TRAINER.fullmatch(link.name):
                self._sum.skipped = True
                self._route.mark(link.address)
            else:
                path = place.path + b"/" + link.name if place.path else link.name
                if place.depth >= MAX_DEPTH or len(path) > MAX_PATH_BYTES:
                    raise MalformedFile(self._sum.name, f"{self.place} nests deeper than {MAX_DEPTH} groups")
                self._route.expect(link.address, Place(path, place.depth + 1))
