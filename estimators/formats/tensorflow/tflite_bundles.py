"""Count parameters in bundles of TensorFlow Lite models: MediaPipe's `.task` and LiteRT-LM's `.litertlm`.

Spec: MediaPipe, tasks/python/metadata/metadata_writers/model_asset_bundle_utils.py: a `.task` is a zip of stored
models, in which a member may be a bundle again. google-ai-edge/LiteRT-LM, schema/core/litertlm_header_schema.fbs: the
magic LITERTLM, the version, at byte 24 the header's end, at byte 32 the header, a FlatBuffer that lists sections with
their types.

Reads the directory, and of every model what `tflite` reads of it. The models of a bundle work together and are added
up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.tensorflow import tflite
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading import zips
from estimators.reading.flatbuffer import Flatbuffer, Looks
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.views import Part

MAGIC = b"LITERTLM"
HEADER_END_AT, HEADER_AT = 24, 32  # bytes
MAX_HEADER_BYTES = 16 * 1024 * 1024
MAX_SECTIONS = 4_096
MAX_DEPTH = 4  # bundles in bundles; a gesture recogniser has two levels
MAX_MEMBERS = 256  # that are opened; real bundles have fewer than 20
SMALLEST_MODEL_BYTES = 256  # smaller members hold settings and labels
MODEL_NAMES = (".tflite", ".task")
MODEL_PREFIX = "TF_LITE_"  # of members in bundles of language models

METADATA_SECTIONS, SECTION_OBJECTS = 1, 0
OBJECT_BEGIN, OBJECT_END, OBJECT_TYPE = 1, 2, 3
# AnySectionDataType. The weights of a separate section are counted by the model that refers to them.
GENERIC_DATA, MODEL = 1, 3


def matches(front: bytes, name: str) -> bool:
    """Whether a file is a LiteRT-LM file, or a zip named or filled as a bundle."""
    if front.startswith(MAGIC):
        return True
    first = zips.first_name(front)
    return bool(first) and (name.endswith(".task") or first.endswith(MODEL_NAMES) or first.startswith(MODEL_PREFIX))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of all models in one bundle.

    Args:
        reader: the file; a small one is best read whole.
        hints: `enough` ends the walk.

    Raises:
        MalformedFile: the directory or one of the models contradicts its format.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    if len(source.front()) == source.size:  # all of it is here: nothing is saved by stopping
        hints = replace(hints, enough=None)
    total = _Total(hints)
    _add_bundle(total, source, source, 0)
    exact = total.low == total.high and not total.partial and not total.opaque
    return results.of_interval(
        source,
        Basis.TFLITE_BUFFERS,
        Interval(total.low, total.high),
        point=total.point if not total.partial and not total.opaque else None,
        stored=total.stored if exact else None,
        buffers=0 if exact else None,
        exact=exact,
        findings=[*total.findings.values()],
        note=f"{total.models} models in a bundle" + ("; reading stopped early" if total.partial else ""),
        partial=total.partial,
    )


@dataclass(slots=True)
class _Total:
    """Sums over the models of a bundle."""

    hints: Hints
    low: int = 0
    point: int = 0
    high: int = 0
    stored: int = 0
    models: int = 0
    members: int = 0
    partial: bool = False
    opaque: bool = False  # something may hold weights in an unknown way
    findings: dict[str, Finding] = field(default_factory=dict)
    looks: Looks = field(default_factory=Looks)

    def has_enough(self) -> bool:
        """Whether more would not be told from less."""
        return self.hints.enough is not None and self.low > self.hints.enough

    def bound(self, member: ByteReader) -> None:
        """Take a member for what its bytes can hold, unread."""
        self.partial = True
        self.high += 8 * (member.size or 2**32)

    def add(self, model: ByteReader) -> None:
        """Count one model."""
        self.models += 1
        enough = self.hints.enough
        found = tflite.estimate(
            model, replace(self.hints, enough=None if enough is None else max(enough - self.low, 0)), self.looks
        )
        self.low += found.low
        self.high += found.low if found.high is None else found.high
        self.point += found.low if found.point is None else found.point
        self.stored += found.stored_elements or 0
        self.partial |= found.partial
        self.opaque |= not found.exact and found.point is None
        self.findings |= {finding.code: finding for finding in found.findings}


def _add_bundle(total: _Total, source: FrontReader, part: ByteReader, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedFile(source.name, f"has bundles in bundles deeper than {MAX_DEPTH}")
    members = _sections(total, part) if part.read(0, len(MAGIC)) == MAGIC else _members(part)
    for member in members:
        total.members += 1
        if total.members > MAX_MEMBERS:
            raise MalformedFile(source.name, f"has more than {MAX_MEMBERS} members")
        if total.has_enough():
            total.bound(member)
            continue
        front = member.read(0, 8)
        if front[4:8] == tflite.IDENTIFIER:
            total.add(member)
        elif front.startswith((zips.MAGIC, MAGIC)):
            _add_bundle(total, source, member, depth + 1)


def _members(part: ByteReader) -> Iterator[ByteReader]:
    """Members of a zip that may be models, the largest first."""
    listed = zips.members_of(part)
    if listed and min(member.at for member in listed) > 0:  # the directory of a bundle inside this one
        raise MalformedFile(
            part.name, f"its directory leaves out the first {listed[0].at} bytes: the file was cut short"
        )
    members = [member for member in listed if member.size >= SMALLEST_MODEL_BYTES]
    for member in sorted(members, key=lambda member: -member.size):
        # Its header, and the start of the model, in one range.
        rest = Part(part, part.name, member.at, (part.size or 0) - member.at)
        yield zips.open_member(FrontReader(rest), replace(member, at=0))


def _sections(total: _Total, part: ByteReader) -> Iterator[ByteReader]:
    """Sections of a LiteRT-LM file that are models; other data is noted."""
    end = int.from_bytes(part.read(HEADER_END_AT, 8), "little")
    if not HEADER_AT < end <= HEADER_AT + MAX_HEADER_BYTES or (part.size is not None and end > part.size):
        raise MalformedFile(part.name, f"its header ends at byte {end} of {part.size}")
    flat = Flatbuffer(Part(part, part.name, HEADER_AT, end - HEADER_AT))
    metadata = flat.table(flat.root(), METADATA_SECTIONS, "the list of sections")
    objects = flat.tables(metadata, SECTION_OBJECTS, MAX_SECTIONS, "the list of sections") if metadata else []
    for number, place in enumerate(objects):
        begin = flat.uint64(flat.field(place, OBJECT_BEGIN))
        stop = flat.uint64(flat.field(place, OBJECT_END))
        kind = flat.byte(flat.field(place, OBJECT_TYPE))
        if begin > stop or (part.size is not None and stop > part.size):
            raise MalformedFile(part.name, f"section {number} is at {begin} to {stop} of {part.size} bytes")
        if kind == MODEL:
            yield Part(part, f"{part.name}!section-{number}", begin, stop - begin)
        elif kind == GENERIC_DATA:
            total.high += 8 * (stop - begin)
            total.opaque = True
