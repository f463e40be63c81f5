"""Count parameters in GGUF files.

Spec: ggml-org/ggml, docs/gguf.md, versions 1 to 3; reference reader ggml/src/gguf.cpp.

Reads the fixed header, walks the key-value block (token lists make it long: ranges are foreseen by their lengths, and
arrays of fixed-size values are stepped over unread) and reads the tensor table; never tensor data. Quantised types
count by their dimensions, which GGUF states unpacked. A file without tensors (vocabulary only, the first of some
splits) holds 0 parameters.
"""

from __future__ import annotations

import struct

from estimators import results
from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.formats.ggml.gguf_table import BLOCKS, INTEGER_TYPES, MAX_ELEMENTS, MOST_SPARE_BYTES, Table, shown
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.cursor import MAX_VALUE_BYTES, Cursor
from estimators.reading.front import FrontReader, front_reader

__all__ = ["BLOCKS", "INTEGER_TYPES", "MAX_ELEMENTS", "estimate", "matches"]

MAGIC = b"GGUF"
VERSIONS = (1, 2, 3)
MAX_PAIRS = 100_000  # key-value pairs; real files have fewer than 100
MAX_TENSORS = 100_000  # real files have fewer than 3,000
MAX_NESTING = 4  # arrays in arrays; the reference reader allows one level
MAX_TYPE_BYTES = 64  # of a value of `general.type` that is looked at
DEFAULT_ALIGNMENT = 32

UINT16, UINT32, STRING, ARRAY = 2, 4, 8, 9
VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class _Facts:
    """The few key-values that matter here."""

    alignment = DEFAULT_ALIGNMENT
    kind = ""  # general.type: model, adapter, vocab, mmproj, imatrix, controlvector
    splits = 0


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the magic."""
    return front.startswith(MAGIC)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one GGUF file.

    Args:
        reader: the file; 128 KiB from the front, then ranges until the tensor table has been read.
        hints: whether a part of a long tensor table is enough.

    Raises:
        MalformedFile: the header contradicts the format, itself, or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    cursor = _start(source)
    tensors = cursor.length("tensor count", MAX_TENSORS)
    pairs = cursor.length("key-value count", MAX_PAIRS)
    facts = _walk_pairs(cursor, pairs)
    table = Table(cursor, tensors, facts.alignment)
    complete = table.read(hints.enough)
    if complete:
        table.check_extents(source.size)
    table.settle(complete=complete)
    if not complete:
        unread = None if source.size is None else PARAMETERS_PER_BYTE_AT_MOST * source.size
        return results.of_interval(
            source,
            Basis.GGUF_HEADER,
            Interval(table.parameters, None if unread is None else max(table.parameters, unread)),
            point=table.parameters,
            findings=table.findings(),
            note="the first rows of the tensor table are enough",
            partial=True,
        )
    # Another file may follow the first in as many bytes.
    unseen = PARAMETERS_PER_BYTE_AT_MOST * table.spare if table.spare > MOST_SPARE_BYTES else 0
    return results.of_interval(
        source,
        Basis.GGUF_HEADER,
        Interval(table.parameters, table.parameters + unseen),
        point=table.parameters,
        stored=None if unseen else table.stored,
        buffers=None if unseen else table.buffers,
        exact=not unseen,
        findings=table.findings(),
        note=_note(facts, tensors),
    )


def _note(facts: _Facts, tensors: int) -> str:
    if not tensors:
        return "no tensors: the first of several files" if facts.splits > 1 else "no tensors: vocabulary only"
    return "" if facts.kind in ("", "model") else f"general.type is {facts.kind}"


def _start(source: FrontReader) -> Cursor:
    """A cursor after the magic and the version, in the file's byte order."""
    head = source.read(0, 8)
    if head[:4] != MAGIC:
        raise MalformedFile(source.name, f"begins with {head[:4]!r}, not with {MAGIC!r}")
    if len(head) < 8:
        raise MalformedFile(source.name, f"has {len(head)} bytes; version and counts are missing")
    for order in "<>":
        (version,) = struct.unpack(order + "I", head[4:])
        if version in VERSIONS:
            # Version 1 wrote lengths, counts and dimensions in 32 bits.
            return Cursor(source, 8, order, wide_lengths=version > 1)
    (version,) = struct.unpack("<I", head[4:])
    raise MalformedFile(source.name, f"version is {version}; {VERSIONS} are known, in either byte order")


def _walk_pairs(cursor: Cursor, count: int) -> _Facts:
    """Step over all key-value pairs; returns those that matter."""
    facts = _Facts()
    for _ in range(count):
        key = cursor.name("a key")
        what = f"value of {shown(key)}"
        kind = cursor.uint32(f"type of {what}")
        if key == b"general.alignment" and kind == UINT32:
            facts.alignment = cursor.uint32(what)
            if not facts.alignment or facts.alignment & (facts.alignment - 1):
                raise MalformedFile(cursor.file, f"general.alignment is {facts.alignment}; a power of two is allowed")
        elif key == b"general.type" and kind == STRING:
            facts.kind = cursor.name(what)[:MAX_TYPE_BYTES].decode("utf-8", "replace")
        elif key == b"split.count" and kind == UINT16:
            facts.splits = cursor.uint16(what)
        else:
            _skip_value(cursor, kind, what, 0)
    return facts


def _skip_value(cursor: Cursor, kind: int, what: str, depth: int) -> None:
    """Step over one value of any type."""
    if kind in VALUE_BYTES:
        cursor.skip(VALUE_BYTES[kind], what)
    elif kind == STRING:
        cursor.skip_strings(1, what)
    elif kind == ARRAY:
        _skip_array(cursor, what, depth + 1)
    else:
        raise MalformedFile(cursor.file, f"{what} has type {kind}; 0 to 12 are known")


def _skip_array(cursor: Cursor, what: str, depth: int) -> None:
    if depth > MAX_NESTING:
        raise MalformedFile(cursor.file, f"{what} nests arrays deeper than {MAX_NESTING}")
    kind = cursor.uint32(f"element type of {what}")
    count = cursor.length(f"elements of {what}", MAX_VALUE_BYTES)
    if kind in VALUE_BYTES:
        cursor.skip(VALUE_BYTES[kind] * count, what)
    elif kind == STRING:
        cursor.skip_strings(count, what)
    else:
        if count > MAX_PAIRS:
            raise MalformedFile(cursor.file, f"{what} holds {count} arrays; at most {MAX_PAIRS} are allowed")
        for _ in range(count):
            _skip_value(cursor, kind, what, depth)
