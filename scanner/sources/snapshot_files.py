"""The files of a snapshot, read row by row from any place in them: Parquet, and JSON Lines as such, in gzip or zstd.

Never more than a few megabytes of a file are held: Parquet comes in batches as small as its rows are large, a line of
JSON has a longest length. Which of the two a file is, its first bytes say.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol, TypeAlias, cast

import pyarrow as pa
from pyarrow import parquet

from scanner.errors import Unanswered, UsageError
from scanner.sources.snapshot_rows import SPELLINGS, parse_line, told_by

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".jsonl.zst", ".ndjson.zst")
"""What files of a folder are parts of a snapshot; a file that is named by itself may be called anything."""

MAX_LINE_BYTES = 64 * 1024 * 1024  # of one row; a card of this size is nobody's
BATCH_BYTES = 8 * 1024 * 1024  # of decoded Parquet held at once, by the average of its row group
MAX_BATCH_ROWS = 1000
BUFFER_BYTES = 1024 * 1024  # read at once of each column of a row group, which may be hundreds of megabytes
LINES_LOOKED_AT = 1000  # of JSON, to see which columns there are
LINE_BYTES_LOOKED_AT = 16 * 1024 * 1024

FRONT_BYTES = 4096  # in which a first row begins

_PARQUET, _GZIP, _ZSTD = b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
_DAMAGE = (pa.ArrowException, OSError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file: rows before it, and for text the bytes (unpacked) before it."""

    row: int = 0
    byte: int = 0


Values: TypeAlias = Mapping[str, Any]
Read: TypeAlias = tuple[Values | ValueError, int, Spot]
"""A row, or why it is none; its bytes, roughly; and the place behind it."""


class RowFile(Protocol):
    """One file of a snapshot."""

    @property
    def told(self) -> frozenset[str]:
        """The Hub's names of the columns that it has."""
        ...

    def rows(self, start: Spot) -> Iterator[Read]:
        """Its rows from a place on.

        Raises:
            Unanswered: code `cut-short`: the file ends where it should not, or is damaged.
        """
        ...


def open_rows(path: Path) -> RowFile:
    """A file of a snapshot by its first bytes.

    Raises:
        UsageError: it is neither Parquet nor JSON Lines, or has no ids.
        Unanswered: code `cut-short`.
    """
    with path.open("rb") as stream:
        front = stream.read(4)
    if front == _PARQUET:
        return _with_ids(path, ParquetRows(path))
    if path.name.endswith(".parquet"):
        raise UsageError(f"{path}: is no Parquet file")
    return _with_ids(path, JsonRows(path))


def _with_ids(path: Path, rows: RowFile) -> RowFile:
    if "id" not in rows.told:
        raise UsageError(f"{path}: has no column `id`; docs/snapshot.md lists the columns that are read")
    return rows


def _cut_short(path: Path, row: int, error: object) -> Unanswered:
    told = " ".join(str(error).split())[:200]
    return Unanswered("cut-short", f"{path.name} is cut short or damaged behind row {row:,} ({told})")


# Parquet -----------------------------------------------------------------------------------------------------------


class ParquetRows:
    """Rows of a Parquet file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _file(self) -> Any:
        try:
            return parquet.ParquetFile(self._path, buffer_size=BUFFER_BYTES, pre_buffer=False)
        except _DAMAGE as error:
            raise _cut_short(self._path, 0, error) from error

    @cached_property
    def told(self) -> frozenset[str]:
        """See RowFile."""
        return told_by(self._file.schema_arrow.names)

    def rows(self, start: Spot) -> Iterator[Read]:
        """See RowFile."""
        wanted = [name for name in self._file.schema_arrow.names if name in SPELLINGS]
        at = before = 0
        try:
            for number in range(self._file.num_row_groups):
                group = self._file.metadata.row_group(number)
                before, at = at, at + group.num_rows
                if at > start.row:
                    for read in self._of_group(number, group, wanted, Spot(before), start.row):
                        yield read
                        before = read[2].row
        except _DAMAGE as error:
            raise _cut_short(self._path, before, error) from error

    def _of_group(self, number: int, group: Any, wanted: list[str], first: Spot, start: int) -> Iterator[Read]:
        each = max(group.total_byte_size // max(group.num_rows, 1), 1)
        size = max(1, min(MAX_BATCH_ROWS, BATCH_BYTES // each))
        row = first.row
        for batch in self._file.iter_batches(size, row_groups=[number], columns=wanted, use_threads=False):
            skipped = min(max(start - row, 0), batch.num_rows)
            row += skipped
            part = batch.slice(skipped)
            columns = [_plain(column) for column in part.columns]
            each = part.nbytes // max(part.num_rows, 1)
            for values in zip(*columns, strict=True):
                row += 1
                yield dict(zip(part.schema.names, values, strict=True)), each, Spot(row)


def _plain(column: Any) -> list[Any]:
    """A column as Python's values; None where Python has no such value (the year 300,000, bytes that are no text)."""
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None)), safe=False)
    try:
        values: list[Any] = column.to_pylist(maps_as_pydicts="lossy")
    except (ValueError, OverflowError):
        return [_one(value) for value in column]
    return values


def _one(value: Any) -> Any:
    try:
        return value.as_py(maps_as_pydicts="lossy")
    except (ValueError, OverflowError):
        return None


# JSON Lines --------------------------------------------------------------------------------------------------------


class JsonRows:
    """Rows of a file with one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def told(self) -> frozenset[str]:
        """See RowFile; the columns of its first rows, since a row leaves out what it has none of."""
        self._check_front()
        names: set[str] = set()
        size = 0
        try:
            for values, length, _ in islice(self.rows(Spot()), LINES_LOOKED_AT):
                if isinstance(values, Mapping):
                    names.update(values)
                size += length
                if size > LINE_BYTES_LOOKED_AT:
                    break
        except Unanswered:
            if not names:
                raise
        return told_by(names)

    def _check_front(self) -> None:
        try:
            with self._open() as stream:
                front = stream.read(FRONT_BYTES)
        except _DAMAGE as error:
            raise _cut_short(self._path, 0, error) from error
        if not front.removeprefix(_BOM).lstrip().startswith(b"{"):
            raise UsageError(f"{self._path}: is neither Parquet nor JSON Lines (one object a line)")

    def rows(self, start: Spot) -> Iterator[Read]:
        """See RowFile."""
        row, byte = start.row, start.byte
        try:
            with self._open() as stream:
                _skip(stream, byte)
                while line := stream.readline(MAX_LINE_BYTES + 1):
                    length, whole = len(line), line.endswith(b"\n")
                    if not whole and length > MAX_LINE_BYTES:
                        length += _skip_line(stream)
                        found: Values | ValueError | None = ValueError(f"it is longer than {MAX_LINE_BYTES:,} bytes")
                    else:
                        found = _object(line.removeprefix(_BOM) if byte == 0 else line)
                        if not whole and isinstance(found, ValueError):
                            raise EOFError("its last line ends within a value")
                    row, byte = row + 1, byte + length
                    if found is not None:
                        yield found, length, Spot(row, byte)
        except _DAMAGE as error:
            raise _cut_short(self._path, row, error) from error

    def _open(self) -> IO[bytes]:
        with self._path.open("rb") as stream:
            front = stream.read(4)
        if front.startswith(_GZIP):
            return cast("IO[bytes]", gzip.open(self._path, "rb"))
        if front == _ZSTD:
            packed: Any = pa.CompressedInputStream(pa.OSFile(str(self._path)), "zstd")
            return io.BufferedReader(packed, BUFFER_BYTES)
        return self._path.open("rb")


def _object(line: bytes) -> Values | ValueError | None:
    """The members of a line's object; None of an empty line."""
    if not line.strip():
        return None
    try:
        return parse_line(line)
    except ValueError as error:
        return error


def _skip(stream: IO[bytes], count: int) -> None:
    """Go to a place; in a packed stream by reading up to it."""
    if count and stream.seekable():
        stream.seek(count)
        return
    while count > 0:
        got = len(stream.read(min(count, BUFFER_BYTES)))
        if not got:
            raise EOFError("it is shorter than it was")
        count -= got


def _skip_line(stream: IO[bytes]) -> int:
    """Go behind the end of the line; how many bytes that was."""
    skipped = 0
    while part := stream.readline(BUFFER_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped
