"""Count parameters in archives: zip, tar, and tars or single files inside gzip, bzip2 or xz.

Spec: see zips.py, tars.py and packed_streams.py. What NeMo (`.nemo`: a tar, packed or not), TorchServe (`.mar`: a zip)
and authors of repositories put into one file is a repository of its own: its file list is sorted by `roles.py`, the
plan says which members to read, each is read by the estimator of its own format, and the counts are combined. An
archive of images has no weights.

Members of zips and tars are ranges of the file. Packed streams are unpacked from the front, members are kept as far as
they matter, and what lies behind the caps is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from time import thread_time

from estimators.bounds import NOTHING_KNOWN, PARAMETERS_PER_BYTE_AT_MOST, ZERO, Interval, interval_of
from estimators.errors import BudgetExceeded, MalformedFile, ReadFailed
from estimators.filetypes import OTHER_ENDINGS, Role, classify
from estimators.interface import Basis, ByteReader, Estimate, Evidence, Hints, Unestimated
from estimators.reading import packed_streams, tars, zips
from estimators.reading.front import front_reader
from estimators.reading.views import Pages, Part
from estimators.results import of_interval

MAX_DEPTH = 3  # archives in archives
# Members that are read, by how deep the archive lies: what authors make has few weight files.
READS_BY_DEPTH = (48, 8, 3)
MAX_WEIGHTY = 2_000  # members that may hold weights; more are a collection of models, or of data
MAX_COMPARISONS = 6_000  # reads times such members: each read is planned over all of them
# Of the processor, over all members: each of them may take as long as a file by itself. Real archives take a tenth.
MOST_SECONDS = 0.8
MAX_LISTED = 16_000  # members whose names are sorted; pictures and the like do not count here
PAGE_BYTES, LARGEST_PAGE_BYTES = 128 * 1024, 512 * 1024
MOST_DEFLATED = 1032  # bytes that one byte of deflate yields at most
# Packed bytes of a stream that are read: the first where a bound may do.
MOST_PACKED_BYTES, MOST_PACKED_EXACT_BYTES = 4 * 1024 * 1024, 32 * 1024 * 1024
KEPT_WHOLE_BYTES = 4 * 1024 * 1024  # of a member of a stream; of a larger one only the front is kept
KEPT_FRONT_BYTES = 1024 * 1024
KEPT_BYTES = 24 * 1024 * 1024  # of all members
TAR_END_BYTES = 10_240 + 1_024  # two empty blocks, and what fills up the last record
_WEIGHTY = frozenset({Role.WEIGHTS, Role.ADAPTER, Role.ARCHIVE, Role.UNKNOWN})
_NOTHING = tuple(" ".join((OTHER_ENDINGS[Role.MEDIA], OTHER_ENDINGS[Role.CODE])).split())


def matches_zip(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with a zip's member, or is an empty zip."""
    return front.startswith((zips.MAGIC, b"PK\5\6"))


def matches_tar(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with a tar header."""
    return tars.is_tar(front)


def matches_packed(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as gzip, bzip2 or xz."""
    return packed_streams.is_packed(front)


@dataclass(frozen=True, slots=True)
class _Member:
    """One file of an archive, and how to open it."""

    path: str
    size: int
    open: Callable[[], ByteReader]


@dataclass(slots=True)
class _Listing:
    """What an archive holds.

    Attributes:
        members: by path; the last of a name counts, as when it is unpacked.
        passed: files that no weights can be in, by their endings.
        whole: whether every member was seen.
        rest: what members may hold that were not.
        found: estimates of members that were read while the archive was listed.
        enough: whether one of those already is enough.
    """

    members: dict[str, _Member] = field(default_factory=dict)
    passed: int = 0
    whole: bool = True
    rest: Interval = NOTHING_KNOWN
    found: dict[str, Estimate | Unestimated] = field(default_factory=dict)
    enough: bool = False

    def take(self, members: Iterable[_Member]) -> None:
        """Note members, up to the cap."""
        for member in members:
            if member.path.lower().endswith(_NOTHING):
                self.passed += 1
            elif len(self.members) < MAX_LISTED:
                self.members[member.path] = member
            else:
                self.whole = False


def estimate_zip(reader: ByteReader, hints: Hints) -> Estimate:
    """Count what a zip holds: its directory at the end of the file, and then the members that matter.

    Raises:
        MalformedFile: the directory is broken.
        ReadFailed, BudgetExceeded: from the reader.
    """
    pages = _pages(reader)
    listing = _Listing()
    listing.take(_zip_members(pages))
    return _combined(pages, listing, hints)


def _zip_members(pages: Pages) -> Iterator[_Member]:
    members = zips.members_of(pages)
    if all(member.at for member in members) and pages.read(0, len(zips.MAGIC)) == zips.MAGIC:
        raise MalformedFile(pages.name, "begins with a zip member that its directory does not know: it was cut short")
    for member in members:
        if member.size > MOST_DEFLATED * member.packed + 1024 and member.method in (zips.STORED, zips.DEFLATED):
            raise MalformedFile(
                pages.name, f"{member.name[:80]!r} claims {member.size} bytes out of {member.packed}; deflate cannot"
            )
        path = member.name.replace("\\", "/").lstrip("/")
        yield _Member(path, member.size, lambda member=member: zips.open_member(pages, member))  # type: ignore[misc]


def estimate_tar(reader: ByteReader, hints: Hints) -> Estimate:
    """Count what a tar holds: its headers, which lie between the members, and then the members that matter.

    Raises:
        MalformedFile: the first header is broken.
        ReadFailed, BudgetExceeded: from the reader.
    """
    pages = _pages(reader)
    listing = _Listing()
    try:
        listing.take(
            _Member(name, size, lambda name=name, at=at, size=size: Part(pages, f"{pages.name}!{name}", at, size))  # type: ignore[misc]
            for name, at, size in tars.members_of(pages)
        )
    except MalformedFile:
        if not listing.members and not listing.passed:
            raise
        listing.whole = False  # cut short: what came before still counts
    return _combined(pages, listing, hints)


def estimate_packed(reader: ByteReader, hints: Hints) -> Estimate:
    """Count what a packed tar, or a single packed file, holds, as far as its front tells.

    Raises:
        MalformedFile: the stream is broken before anything was found.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    most = MOST_PACKED_BYTES if hints.enough is not None else MOST_PACKED_EXACT_BYTES
    stream = packed_streams.Unpacked(source, source.name, most)
    if tars.is_tar(stream.read(0, tars.BLOCK)):
        return _combined(source, _list_stream(stream, hints), hints)
    return _single(source, stream, hints)


def _list_stream(stream: packed_streams.Unpacked, hints: Hints) -> _Listing:
    """The members of a packed tar, with what is kept of each; the walk ends at a cap, or at a member that is enough."""
    listing = _Listing()
    kept = 0
    try:
        for name, at, size in tars.members_of(stream):
            room = min(size if size <= KEPT_WHOLE_BYTES else KEPT_FRONT_BYTES, KEPT_BYTES - kept)
            role = classify(name)
            data = _read_on(stream, at, room) if role not in (Role.MEDIA, Role.CODE, Role.DOCS) else b""
            kept += len(data)
            member = _Member(name, size, lambda name=name, size=size, data=data: _Kept(stream, name, size, data))  # type: ignore[misc]
            listing.take([member])
            left = stream.left_behind(at + -(-size // tars.BLOCK) * tars.BLOCK) if size > KEPT_WHOLE_BYTES else None
            if left is not None and left <= TAR_END_BYTES:
                # That was the last: the rest is the empty end, which could hide no more than a tiny file.
                listing.whole, listing.rest = False, Interval(0, left * PARAMETERS_PER_BYTE_AT_MOST)
                break
            if hints.enough is not None and role is Role.WEIGHTS and size > hints.enough:
                outcome = listing.found[name] = _estimate_member(member, hints)
                if isinstance(outcome, Estimate) and outcome.low > hints.enough:
                    listing.enough, listing.whole = True, False
                    break
    except (BudgetExceeded, MalformedFile):
        if not listing.members and not listing.passed:
            raise
        listing.whole = False
    return listing


def _read_on(stream: packed_streams.Unpacked, at: int, length: int) -> bytes:
    piece = packed_streams.PIECE_BYTES
    return b"".join(stream.read(begin, min(piece, at + length - begin)) for begin in range(at, at + length, piece))


class _Kept:
    """The front of a member of a stream, as a file of the member's size."""

    def __init__(self, stream: ByteReader, name: str, size: int, data: bytes) -> None:
        self.name = f"{stream.name}!{name}"
        self.size: int | None = size
        self._stream = stream
        self._data = data

    @property
    def requests(self) -> int:
        """Requests made so far, of the whole file."""
        return self._stream.requests

    @property
    def bytes_read(self) -> int:
        """Bytes asked so far, of the whole file."""
        return self._stream.bytes_read

    def read(self, offset: int, length: int) -> bytes:
        """See `ByteReader.read`.

        Raises:
            BudgetExceeded: it lies behind what was kept.
        """
        end = min(offset + length, self.size or 0)
        if end > len(self._data) and end > offset:
            raise BudgetExceeded(self.name, f"byte {end} lies behind the {len(self._data)} that are kept")
        return self._data[offset:end]


def _single(source: ByteReader, stream: packed_streams.Unpacked, hints: Hints) -> Estimate:
    """One packed file: counted where it is small, else unknown."""
    name = stream.name.rpartition(".")[0] or stream.name
    try:
        data = _read_on(stream, 0, KEPT_WHOLE_BYTES + 1)
    except BudgetExceeded:
        data = bytes(KEPT_WHOLE_BYTES + 1)
    if len(data) > KEPT_WHOLE_BYTES or hints.depth >= MAX_DEPTH:
        return of_interval(source, Basis.ARCHIVE_MEMBERS, NOTHING_KNOWN, note="one packed file, too large to unpack")
    listing = _Listing()
    inner = name.rpartition("/")[2] or "data"
    listing.take([_Member(inner, len(data), lambda: _Kept(stream, inner, len(data), data))])
    return _combined(source, listing, hints)


def _pages(reader: ByteReader) -> Pages:
    return Pages(front_reader(reader), PAGE_BYTES, LARGEST_PAGE_BYTES)


def _estimate_member(member: _Member, hints: Hints) -> Estimate | Unestimated:
    from estimators import registry  # late: the registry knows archives

    try:
        reader = member.open()
    except (ReadFailed, MalformedFile, BudgetExceeded) as exc:
        return Unestimated(member.path, exc.reason, str(exc))
    return registry.estimate_file(reader, replace(hints, depth=hints.depth + 1))


def _combined(source: ByteReader, listing: _Listing, hints: Hints) -> Estimate:
    """The members' counts as those of a repository."""
    from estimators.combine import combine
    from estimators.copies import FileFacts
    from estimators.plan import candidate_reads
    from estimators.roles import FileEntry, layout

    sorted_files = layout([FileEntry(member.path, member.size) for member in listing.members.values()])
    facts = {path: FileFacts(member.size, estimate=listing.found.get(path)) for path, member in listing.members.items()}
    weighty = sum(role in _WEIGHTY for role in sorted_files.roles.values())
    if weighty > MAX_WEIGHTY:
        return of_interval(
            source, Basis.ARCHIVE_MEMBERS, NOTHING_KNOWN, note=f"{weighty} files inside that may hold weights"
        )
    whole = combine(sorted_files, facts, ())
    reads = 0 if listing.enough or hints.depth >= MAX_DEPTH else READS_BY_DEPTH[hints.depth]
    reads = min(reads, MAX_COMPARISONS // max(weighty, 1))
    began = thread_time()
    for _ in range(reads):
        if thread_time() - began > MOST_SECONDS / (hints.depth + 1):
            break  # what is left is bounded by its size
        read = next(iter(candidate_reads(sorted_files, facts, (), (), exact=True)), None)
        if read is None or read.want != "header" or read.path not in listing.members:
            break
        member = listing.members[read.path]
        facts[read.path] = FileFacts(member.size, estimate=_estimate_member(member, hints))
        whole = combine(sorted_files, facts, ())
        if hints.enough is not None and whole.low > hints.enough:
            break
    return _as_one_file(source, listing, whole)


def _as_one_file(source: ByteReader, listing: _Listing, whole: Estimate) -> Estimate:
    """The estimate of a repository as that of the archive: what it cost is told once."""
    rest = ZERO if listing.whole else listing.rest
    interval = interval_of(whole) + rest
    count = len(listing.members) + listing.passed
    note = f"{'' if listing.whole else 'at least '}{count} file{'' if count == 1 else 's'} inside"
    if whole.basis is Basis.NO_WEIGHTS:
        note += ", no weights among them"
    exact = whole.exact and listing.whole
    first = Evidence(
        Basis.ARCHIVE_MEMBERS,
        source.name,
        interval.low,
        whole.point if listing.whole else None,
        interval.high,
        requests=source.requests,
        bytes_read=source.bytes_read,
        note=note,
    )
    inner = tuple(
        replace(row, requests=0, bytes_read=0, file=_inside(source.name, row.file))
        for row in whole.evidence
        if row.file is not None
    )
    return replace(
        whole,
        high=interval.high,
        point=first.point if listing.whole or interval.high is None else whole.point,
        basis=Basis.ARCHIVE_MEMBERS,
        exact=exact,
        stored_elements=whole.stored_elements if listing.whole else None,
        buffers=whole.buffers if listing.whole else None,
        evidence=(first, *inner),
        partial=whole.partial or listing.enough,
    )


def _inside(archive: str, path: str) -> str:
    return path if path.startswith(f"{archive}!") else f"{archive}!{path}"
