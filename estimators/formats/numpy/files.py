"""Count parameters in NumPy files: `.npy`, and `.npz` (also as MLX, T5X, Big Vision, Marian and SciPy write it).

Spec: numpy/lib/_format_impl.py for `.npy` (npy.py); numpy/lib/_npyio_impl.py for `.npz`, a zip of them.

Reads the header of every array and never its elements; an array of Python objects is a pickle behind its header. A
member's header lies in front of its elements, so an archive costs its directory and the first bytes of each member:
neighbours come in one range, deflated members are unpacked as far as their header. Where a bound is enough, the largest
members are looked at first, with whatever else belongs to the same layer. Sizes are checked against the directory, and
a deflated member's size against what deflate can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.formats.nested import Nested
from estimators.formats.numpy.members import HEAD_BYTES, array_members, heads, is_array, name_of
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.packing import Tensor, split_name
from estimators.reading import npy, zips
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.views import WHOLE_BYTES

if TYPE_CHECKING:
    from estimators.reading.zips import Member

MAX_ARRAYS = 1_000  # in one .npy: `numpy.save` may be called again and again on one file
MOST_SPARE_BYTES = 64 * 1024  # behind the last array that leave the count as it is
EMPTY_ARCHIVE = b"PK\5\6"
# Top-level folders of a checkpoint (T5X, Big Vision) that hold no weights, where another one is called `params`.
STATE_FOLDERS = frozenset({"opt", "opt_state", "optimizer", "extra"})
# Members of a sparse matrix as scipy.sparse.save_npz writes it: its dense shape is an array of its own.
SPARSE_MEMBERS = frozenset({"data", "shape", "format"})
SPARSE_SHAPE_BYTES = 64 * 8  # at most


def matches_array(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as an array."""
    return front.startswith(npy.MAGIC)


def matches_archive(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as a zip whose first member is an array."""
    return is_array(zips.first_name(front))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one `.npy` or `.npz` file.

    Args:
        reader: the file.
        hints: the model's quantisation settings (MLX), and how many parameters are enough.

    Raises:
        MalformedFile: the bytes are neither, or contradict the format or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    if source.front().startswith((zips.MAGIC, EMPTY_ARCHIVE)):
        return _of_archive(source, hints)
    return _of_arrays(source, hints)


def _of_arrays(source: FrontReader, hints: Hints) -> Estimate:
    """The arrays of a `.npy` file: one, or several where `numpy.save` was called several times."""
    found = Nested(source, hints)
    size = source.size
    at = number = 0
    while True:
        header = _header_at(source, at)
        name = f"array.{number}" if number else "array"
        if header.holds_objects:
            found.add_pickle(source, name, at + header.length)
            break
        end = at + header.length + header.data_bytes
        if size is not None and end > size:
            raise MalformedFile(
                source.name,
                f"array {header.shape} of {header.data_bytes} bytes at {at} passes the file's end at {size}",
            )
        add_fields(found, name, header)
        at, number = end, number + 1
        if size is None or at >= size:
            break
        if number >= MAX_ARRAYS:
            found.unseen += Interval(0, (size - at) * PARAMETERS_PER_BYTE_AT_MOST)
            break
        if source.read(at, len(npy.MAGIC)) != npy.MAGIC:
            what = f"{source.name}: {size - at} bytes follow the last array"
            found.findings.append(Finding("bytes-without-tensor", what))
            if size - at > MOST_SPARE_BYTES:  # which may be another model
                found.unseen += Interval(0, (size - at) * PARAMETERS_PER_BYTE_AT_MOST)
            break
    return found.estimate(Basis.NUMPY_HEADER)


def _header_at(source: ByteReader, at: int) -> npy.Header:
    length = npy.header_length(source.name, source.read(at, npy.FIXED_BYTES + 2))
    return npy.parse_header(source.name, source.read(at, length))


def add_fields(found: Nested, name: str, header: npy.Header) -> None:
    """Add an array; bytes without a meaning widen the interval."""
    for field in header.fields:
        elements = header.elements * field.values
        dtype = field.dtype
        if dtype == npy.OPAQUE:
            dtype = npy.NEVER_COUNTED
            if not field.name.endswith(npy.PADDING):
                found.unseen += Interval(0, elements * field.itemsize * PARAMETERS_PER_BYTE_AT_MOST)
        label = f"{name}.{field.name}" if field.name else name
        found.add(Tensor(label, dtype, header.shape + field.shape, elements))


def _of_archive(source: FrontReader, hints: Hints) -> Estimate:
    """The arrays of an `.npz`."""
    archive = _Archive(source, hints)
    if hints.enough is not None and source.size is not None and source.size > WHOLE_BYTES:
        early = archive.early(hints.enough)
        if early is not None:
            return early
    return archive.estimate(archive.members)


class _Archive:
    """An `.npz`: its members, and the headers of those that were looked at."""

    def __init__(self, source: FrontReader, hints: Hints) -> None:
        self.members = array_members(source)
        self._source = source
        self._hints = hints
        self._headers: dict[str, npy.Header] = {}
        names = {name_of(member) for member in self.members}
        self._folders = STATE_FOLDERS if any(name.startswith("params/") for name in names) else frozenset()
        self._sparse = names >= SPARSE_MEMBERS

    def early(self, enough: int) -> Estimate | None:
        """A bound by the layers with the largest members; None where they do not prove that there are enough."""
        layers: dict[str, list[Member]] = {}
        for member in self.members:
            layers.setdefault(split_name(name_of(member))[0], []).append(member)
        last_read = len(self._source.front()) - HEAD_BYTES
        free = {stem for stem, layer in layers.items() if all(member.at <= last_read for member in layer)}
        stems = sorted(layers, key=lambda stem: (stem not in free, -sum(member.size for member in layers[stem])))
        count = max(len(free), 1)
        while count < len(stems) and not self._sparse:
            found = self.estimate([member for stem in stems[:count] for member in layers[stem]])
            if found.low > enough:
                return found
            count *= 2
        return None

    def estimate(self, chosen: Sequence[Member]) -> Estimate:
        """The sum over some members, with what the others may hold."""
        found = Nested(self._source, self._hints)
        arrays = [member for member in chosen if is_array(member.name)]
        missing = [member for member in arrays if member.name not in self._headers]
        for member, header in heads(self._source, missing):
            self._headers[member.name] = self._checked(member, header)
        for member in arrays:
            self._add(found, member, self._headers[member.name])
        left = sum(member.size for member in self.members) - sum(member.size for member in arrays)
        found.unseen += Interval(0, left * PARAMETERS_PER_BYTE_AT_MOST)
        return found.estimate(Basis.NUMPY_HEADER, partial=len(chosen) < len(self.members))

    def _checked(self, member: Member, header: npy.Header) -> npy.Header:
        if not header.holds_objects and header.length + header.data_bytes > member.size:
            raise MalformedFile(
                self._source.name,
                f"array {name_of(member)[:80]!r} of {header.data_bytes} bytes does not fit in its member of "
                f"{member.size}",
            )
        return header

    def _add(self, found: Nested, member: Member, header: npy.Header) -> None:
        name = name_of(member)
        if header.holds_objects:
            found.add_pickle(zips.open_member(self._source, member), name, header.length)
            return
        if self._sparse and name == "data":
            header = npy.Header(self._dense_shape(), header.fields, header.length)
        add_fields(found, f"opt_state/{name}" if name.partition("/")[0] in self._folders else name, header)

    def _dense_shape(self) -> tuple[int, ...]:
        """The shape that a sparse matrix has unpacked: the values of its array `shape`."""
        member = next(member for member in self.members if name_of(member) == "shape")
        header = self._headers[member.name]
        width = header.fields[0].itemsize
        values = zips.open_member(self._source, member).read(header.length, min(header.data_bytes, SPARSE_SHAPE_BYTES))
        if not width or len(values) != header.data_bytes:
            raise MalformedFile(self._source.name, f"shape of a sparse matrix has {header.data_bytes} bytes")
        numbers = [
            int.from_bytes(values[at : at + width], "little", signed=True) for at in range(0, len(values), width)
        ]
        return npy.shape_of(self._source.name, numbers)
