"""Count parameters in fastText models: `.bin` and, quantised, `.ftz`.

Spec: facebookresearch/fastText, src/fasttext.cc (`saveModel`), src/args.cc, src/dictionary.cc, src/densematrix.cc,
src/quantmatrix.cc and src/productquantizer.cc; files begin with a magic number and version 11 or 12. The first
releases wrote neither, and are not told apart from other bytes.

Reads the settings and the size of the dictionary, then the header of each matrix. A dictionary of words, which may have
tens of megabytes, is walked only where the file's size does not tell where it ends: plain matrices have one row for
each word and bucket, so the input matrix begins at a known distance from the end, and its header there proves it. A
quantised matrix counts as the matrix it stands for; its codes, centroids and norms are bookkeeping.
"""

from __future__ import annotations

from dataclasses import dataclass

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.records import RecordCursor

MAGIC = 793_712_314
VERSIONS = (11, 12)
HEAD_BYTES = 8 + 12 * 4 + 8 + 3 * 4 + 2 * 8  # magic and version, settings, sizes of the dictionary
DENSE_HEAD_BYTES = 1 + 2 * 8  # whether it is quantised, rows, columns
ENTRY_TRAILER_BYTES = 8 + 1  # of a dictionary entry: how often it occurs, and whether it is a label
PRUNED_BYTES = 8  # an entry of the table of n-grams that were kept
CENTROIDS = 256  # of each part of a product quantiser
QUANTISER_HEAD_BYTES = 4 * 4
SUPERVISED = 3  # kind of model, whose output has a row for each label; others have one for each word
MAX_DIMENSION = 100_000  # columns; models in use have up to 1,000
MAX_ROWS = 2**31  # words and buckets are 32-bit numbers
MAX_WALKED_ENTRIES = 6_000_000  # of a dictionary: a second; the largest vocabularies have 2,500,000 words


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the magic number and a version."""
    return int.from_bytes(front[:4], "little") == MAGIC and int.from_bytes(front[4:8], "little") in VERSIONS


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one fastText model.

    Args:
        reader: the file; 128 KiB from the front and a block at each matrix, with the dictionary between where needed.
        hints: `enough` ends the reading after the input matrix.

    Raises:
        MalformedFile: the header contradicts the format, itself, or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    head = _head(source)
    cursor = _input_by_size(source, head)
    if cursor is None:
        if head.entries > MAX_WALKED_ENTRIES:
            told = f"a dictionary of {head.entries} entries; at most {MAX_WALKED_ENTRIES} are walked"
            raise MalformedFile(source.name, told)
        cursor = RecordCursor(source, HEAD_BYTES)
        cursor.skip_terminated(head.entries, ENTRY_TRAILER_BYTES, "the dictionary")
        cursor.skip_data(max(head.pruned, 0) * PRUNED_BYTES, "the table of kept n-grams")
    quantised = _flag(cursor, "whether the input is quantised")
    given = _matrix(cursor, head, "input", quantised=quantised)
    if hints.enough is not None and given.weights > hints.enough:
        return _partial(source, given, head)
    output = _matrix(cursor, head, "output", quantised=_flag(cursor, "whether the output is quantised") and quantised)
    if output.rows != head.output_rows:
        raise MalformedFile(source.name, f"output matrix has {output.rows} rows; {head.output_rows} are to be expected")
    if source.size is not None and cursor.position > source.size:
        raise MalformedFile(source.name, f"matrices end at byte {cursor.position} of a file of {source.size}")
    count = given.weights + output.weights
    return results.of_count(
        source,
        Basis.VECTORS_HEADER,
        count,
        stored=given.stored + output.stored,
        buffers=0,
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """Settings and sizes that tell the matrices' shapes.

    Attributes:
        columns: of both matrices.
        entries: of the dictionary, words and labels.
        words: of them, those that are no labels.
        buckets: rows that n-grams share.
        output_rows: rows of the output matrix.
        pruned: entries of the table of kept n-grams; -1 where nothing was pruned.
    """

    columns: int
    entries: int
    words: int
    buckets: int
    output_rows: int
    pruned: int


@dataclass(frozen=True, slots=True)
class _Matrix:
    rows: int
    weights: int
    stored: int


def _head(source: FrontReader) -> _Head:
    cursor = RecordCursor(source, 4)
    version = cursor.int32("version")
    if not matches(source.front(), source.name):
        raise MalformedFile(source.name, f"magic {source.front()[:4]!r} and version {version} are not fastText's")
    settings = [cursor.int32(f"setting {number}") for number in range(12)]
    cursor.skip(8, "sampling threshold")
    columns, kind, buckets = settings[0], settings[7], settings[8]
    entries, words, labels = (cursor.int32(f"number of {what}") for what in ("entries", "words", "labels"))
    cursor.int64("number of tokens")
    pruned = cursor.int64("number of kept n-grams")
    if not 0 < columns <= MAX_DIMENSION:
        raise MalformedFile(source.name, f"dimension is {columns}; 1 to {MAX_DIMENSION} are allowed")
    if min(entries, words, labels, buckets) < 0 or entries != words + labels:
        raise MalformedFile(source.name, f"{entries} entries, {words} words, {labels} labels and {buckets} buckets")
    if pruned > MAX_ROWS:
        raise MalformedFile(source.name, f"{pruned} kept n-grams; at most {MAX_ROWS} are allowed")
    rows = labels if kind == SUPERVISED else words
    return _Head(columns, entries, words, buckets, rows, pruned)


def _input_by_size(source: FrontReader, head: _Head) -> RecordCursor | None:
    """A cursor at the input matrix, if both are plain and it has one row for each word and bucket; None otherwise."""
    if source.size is None or head.pruned >= 0:
        return None
    rows = head.words + head.buckets
    end = source.size - 2 * DENSE_HEAD_BYTES - 4 * head.columns * (rows + head.output_rows)
    if end < HEAD_BYTES + head.entries * (1 + ENTRY_TRAILER_BYTES):
        return None
    cursor = RecordCursor(source, end)
    plain = not _flag(cursor, "whether the input is quantised")
    found = (cursor.int64("rows"), cursor.int64("columns"))
    cursor.move_to(end)
    return cursor if plain and found == (rows, head.columns) else None


def _flag(cursor: RecordCursor, what: str) -> bool:
    value = cursor.take(1, what)[0]
    if value > 1:
        raise MalformedFile(cursor.file, f"{what} is {value}; 0 or 1 is allowed")
    return value == 1


def _matrix(cursor: RecordCursor, head: _Head, what: str, *, quantised: bool) -> _Matrix:
    """Read a matrix's header after its flag, and step over its data."""
    normed = _flag(cursor, f"whether norms of the {what} matrix are quantised") if quantised else False
    rows, columns = cursor.int64(f"rows of the {what} matrix"), cursor.int64(f"columns of the {what} matrix")
    if not 0 <= rows <= MAX_ROWS or columns != head.columns:
        raise MalformedFile(
            cursor.file, f"{what} matrix has {rows} by {columns} elements; {head.columns} columns are due"
        )
    weights = rows * columns
    if not quantised:
        cursor.skip_data(4 * weights, f"{what} matrix")
        return _Matrix(rows, weights, weights)
    codes = cursor.int32(f"codes of the {what} matrix")
    if codes % max(rows, 1) or not 0 <= codes <= weights:
        raise MalformedFile(cursor.file, f"{what} matrix of {rows} by {columns} elements has {codes} codes")
    cursor.skip_data(codes, f"codes of the {what} matrix")
    stored = codes + _skip_quantiser(cursor, columns, what)
    if normed:
        cursor.skip_data(rows, f"norms of the {what} matrix")
        stored += rows + _skip_quantiser(cursor, 1, what)
    return _Matrix(rows, weights, stored)


def _skip_quantiser(cursor: RecordCursor, columns: int, what: str) -> int:
    """Step over a product quantiser for rows of `columns`; returns its centroids' elements."""
    stated = cursor.int32(f"dimension of the quantiser of the {what} matrix")
    if stated != columns:
        raise MalformedFile(cursor.file, f"quantiser of the {what} matrix is for {stated} columns, not {columns}")
    centroids = columns * CENTROIDS
    cursor.skip_data(QUANTISER_HEAD_BYTES - 4 + 4 * centroids, f"quantiser of the {what} matrix")
    return centroids


def _partial(source: FrontReader, given: _Matrix, head: _Head) -> Estimate:
    """The input matrix was enough; the output matrix has the rows that the head states."""
    count = given.weights + head.output_rows * head.columns
    note = "the header of the output matrix was not read"
    interval = Interval(given.weights, count)
    return results.of_interval(source, Basis.VECTORS_HEADER, interval, point=count, note=note, partial=True)
