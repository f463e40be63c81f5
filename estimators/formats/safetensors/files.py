"""Count parameters in safetensors files.

Spec: huggingface/safetensors, README.md "Format"; reference reader safetensors/src/tensor.rs.

Reads the header, and of the tensors at most the few integers that say how others are packed: eight bytes of length
(little endian), then a JSON object of tensor name to dtype, shape and data offsets. Faults that leave the count in
doubt (overlaps, sizes that do not fit, a file that ends too early) are errors as in the reference reader; holes and
trailing bytes, which it refuses too, are findings here, since a file that needs a repair still holds its weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from estimators import packing, results
from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import BudgetExceeded, MalformedFile
from estimators.formats.safetensors import values as safetensors_values
from estimators.formats.safetensors.layout import Entry, Layout, quoted
from estimators.formats.safetensors.values import Metadata, Small, is_small
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FrontReader, front_reader

LENGTH_BYTES = 8  # the header's length comes first
MAX_HEADER_BYTES = 100_000_000  # the reference reader refuses longer headers too
WHOLE_HEADER_BYTES = (
    8 * 1024 * 1024
)  # longer headers are parsed piece by piece: parsed JSON takes 3 to 4 times its text
PIECE_BYTES = 2 * 1024 * 1024  # of a long header, per range
LOOK_AGAIN = 4096  # tensors of a long header, before asking again whether those seen are enough
MAX_NESTED = 500_000  # objects and lists in a header where a name is looked for that occurs twice
MAX_METADATA = 100_000  # texts in it; kohya writes a hundred
MOST_SPARE_BYTES = 64 * 1024  # that belong to no tensor and are no more than padding
METADATA_KEY = "__metadata__"
LFS_POINTER = b"version https://git-lfs"


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENTRY = msgspec.json.Decoder(Entry)
_METADATA = msgspec.json.Decoder(dict[str, str] | None)
_JSON_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as safetensors do: a length, then a JSON object."""
    length = int.from_bytes(front[:LENGTH_BYTES], "little")
    return front[8:10] in (b'{"', b"{}", b"{ ", b"{\n") and 2 <= length <= MAX_HEADER_BYTES


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one safetensors file.

    Args:
        reader: the file; its first 128 KiB are read at once, the rest of the header only where it is longer.
        hints: the model's quantisation settings, which tell how integer weights are packed.

    Raises:
        MalformedFile: the header contradicts the format, itself, or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    layout = Layout(source.name)
    tally = results.tally_for(source.name, hints)
    length = _header_length(source)
    metadata = Metadata()
    small: list[Small] = []
    for number, (name, entry) in enumerate(_entries(source, length, metadata)):
        if number % LOOK_AGAIN == LOOK_AGAIN - 1 and _is_enough(tally, hints, length):
            return _partly(source, tally, length)
        tensor = metadata.describe(layout.check(name, entry))
        tally.add(tensor)
        if is_small(tensor) and len(small) < safetensors_values.MAX_SMALL_TENSORS:
            small.append(Small(entry.data_offsets[0], tensor))
    findings = layout.finish(None if source.size is None else source.size - LENGTH_BYTES - length)
    if small and _is_worth_more(tally, hints):
        start, exact = LENGTH_BYTES + length, hints.enough is None
        with suppress(BudgetExceeded):  # then the interval has to do
            tally.learn(safetensors_values.read_values(source, start, small, exact=exact))
    # Another file may follow the first in as many bytes, and some programs would read that one.
    unseen = Interval(0, PARAMETERS_PER_BYTE_AT_MOST * layout.spare) if layout.spare > MOST_SPARE_BYTES else None
    return results.of_tally(source, Basis.SAFETENSORS_HEADER, tally, unseen=unseen, findings=findings)


def _is_enough(tally: packing.Tally, hints: Hints, length: int) -> bool:
    """Whether the rest of a header that is read piece by piece could tell nothing that is asked for."""
    return length > WHOLE_HEADER_BYTES and hints.enough is not None and tally.certain > hints.enough


def _partly(source: FrontReader, tally: packing.Tally, length: int) -> Estimate:
    """The estimate by the first pieces of a long header."""
    tally.shard = True  # what a name refers to may lie in the rest
    size = source.size
    rest = Interval(0, None if size is None else PARAMETERS_PER_BYTE_AT_MOST * max(0, size - LENGTH_BYTES - length))
    note = "the first pieces of the header are enough"
    return results.of_tally(source, Basis.SAFETENSORS_HEADER, tally, unseen=rest, note=note, partial=True)


def _is_worth_more(tally: packing.Tally, hints: Hints) -> bool:
    """Whether the shapes alone leave several answers, and not all of them are enough."""
    interval = tally.finish().interval
    return interval.low != interval.high and (hints.enough is None or interval.low <= hints.enough)


def _header_length(source: FrontReader) -> int:
    """The header's length in bytes, checked against the cap and the file."""
    front = source.read(0, LENGTH_BYTES + 1)
    if source.front().startswith(LFS_POINTER):
        raise MalformedFile(source.name, "is a git-lfs pointer, not the file it points to")
    if len(front) < LENGTH_BYTES:
        raise MalformedFile(source.name, f"has {len(front)} bytes; a header needs {LENGTH_BYTES} and more")
    length = int.from_bytes(front[:LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES:
        raise MalformedFile(source.name, f"header length is {length}; at most {MAX_HEADER_BYTES} is allowed")
    if source.size is not None and length > source.size - LENGTH_BYTES:
        raise MalformedFile(source.name, f"header length is {length}, but the file has {source.size} bytes")
    if front[LENGTH_BYTES:] != b"{":
        raise MalformedFile(source.name, f"header begins with {front[LENGTH_BYTES:]!r}, not with '{{'")
    return length


def _entries(source: FrontReader, length: int, metadata: Metadata) -> Iterator[tuple[str, Entry]]:
    """All tensors of the header, in its order; `metadata` is filled before them where it precedes them."""
    if length <= WHOLE_HEADER_BYTES:
        text = source.read_exactly(LENGTH_BYTES, length, "the header")
        entries = _decode(source.name, text)
        if text.count(b'"dtype"') != len(entries) - (METADATA_KEY in entries):
            _refuse_duplicates(source.name, text, entries.get(METADATA_KEY))
        yield from _typed(source.name, entries, metadata)
        return
    rest = b""
    opened, offset, end = False, LENGTH_BYTES, LENGTH_BYTES + length
    while offset < end:
        piece = source.read_exactly(offset, min(PIECE_BYTES, end - offset), "the header")
        offset += len(piece)
        text = rest + piece
        cut = _last_entry_end(text) if offset < end else len(text)
        if cut == 0 and len(text) > 2 * PIECE_BYTES:
            raise MalformedFile(source.name, f"one header entry is longer than {PIECE_BYTES} bytes")
        if cut:
            entries = _decode(source.name, _as_object(text[:cut], opened=opened, last=offset == end))
            yield from _typed(source.name, entries, metadata)
            opened = True
        rest = text[cut:]


def _decode(file: str, text: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _OBJECT.decode(text)
    except _JSON_FAULTS as exc:
        raise MalformedFile(file, f"header is not a JSON object of tensors: {_short(exc)}") from exc


def _typed(file: str, entries: dict[str, msgspec.Raw], metadata: Metadata) -> Iterator[tuple[str, Entry]]:
    """Each entry decoded on its own, so that a fault names its tensor."""
    for name, raw in entries.items():
        try:
            if name == METADATA_KEY:
                metadata.texts.update(_metadata(file, raw))
            else:
                yield name, _ENTRY.decode(raw)
        except _JSON_FAULTS as exc:
            raise MalformedFile(file, f"header entry {quoted(name)}: {_short(exc)}") from exc


def _metadata(file: str, raw: msgspec.Raw) -> dict[str, str]:
    """The header's metadata; a million of tiny texts would take fifteen times their bytes."""
    text = bytes(raw)
    quotes = text.count(b'"') - text.count(b'\\"')
    if quotes > 4 * MAX_METADATA:
        raise MalformedFile(file, f"header entry {METADATA_KEY!r} holds more than {MAX_METADATA} texts")
    return _METADATA.decode(raw) or {}


def _refuse_duplicates(file: str, text: bytes, metadata: msgspec.Raw | None) -> None:
    """Raise if a name occurs twice, which the specification forbids."""
    texts = b"" if metadata is None else bytes(metadata)
    nested = sum(text.count(mark) - texts.count(mark) for mark in (b"[", b"{"))
    if nested > MAX_NESTED:  # parsed, they would take 20 times their bytes
        raise MalformedFile(file, f"header holds {nested} objects and lists; at most {MAX_NESTED} are looked through")

    def checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise MalformedFile(file, f"header names {quoted(twice)} twice")
        return seen

    try:
        json.loads(text, object_pairs_hook=checked)
    except (ValueError, RecursionError) as exc:
        raise MalformedFile(file, f"header is not a JSON object of tensors: {_short(exc)}") from exc


def _last_entry_end(text: bytes) -> int:
    """Offset after the last entry that is complete in a piece of the header; 0 where there is none.

    A `}` ends an entry where it lies outside of a string: where an even number of quotes precedes it. With escapes in
    the piece, quotes are counted after dropping those.
    """
    plain = text.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in text else text
    cut = plain.rfind(b"}")
    while cut > 0 and plain.count(b'"', 0, cut) % 2:
        cut = plain.rfind(b"}", 0, cut)
    return cut + 1


def _as_object(text: bytes, *, opened: bool, last: bool) -> bytes:
    """A run of entries as a JSON object of its own."""
    body = text.lstrip() if opened else text
    if opened:
        body = b"{" + body[1:] if body.startswith(b",") else (b"{" + body if body.startswith(b"}") else b"!" + body)
    return body if last else body + b"}"


def _short(exc: Exception) -> str:
    return str(exc)[:200]
