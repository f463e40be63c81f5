"""Count parameters in word vectors: word2vec's binary and text layouts, GloVe's text, Magnitude.

Spec: tmikolov/word2vec, word2vec.c (`-binary`), and the reader in RaRe-Technologies/gensim, keyedvectors.py;
stanfordnlp/GloVe writes the text layout without the first line; plasticityai/magnitude keeps vectors in an SQLite file.

A first line "words dimension" is believed where the first rows and the file's size bear it out. Without one, the
dimension comes from the first rows and the rows are counted by their line ends, from the front until the count is past
`Hints.enough`; the rest is bounded by the shortest and longest line that a row can be. Magnitude files get bounds.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass

from estimators import results
from estimators.bounds import Interval, size_interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FRONT_BYTES, FrontReader, front_reader

MAX_DIMENSION = 100_000  # numbers of a row; vectors in use have up to 4,096
MAX_WORDS = 2**31
MAX_WORD_BYTES = 2_000  # of a word or phrase; readers allow more, writers truncate at 100 letters
CHECKED_ROWS = 3  # of binary vectors: enough that other bytes do not pass
FEWEST_ROWS = 3  # of text without a first line, and
FEWEST_NUMBERS = 16  # in each of them, so that a table of numbers is not taken for vectors
LONGEST_NUMBER = 32  # characters of a number and the space before it, more than any writer uses
LARGEST_VALUE = 1e6  # of a plausible weight
PIECE_BYTES = 4 * 1024 * 1024  # of text, per range
LONGEST_TEXT_BYTES = 1024**3  # that is counted to its end; longer text is bounded
SQLITE_MAGIC = b"SQLite format 3\0"
TEXT_NAME = re.compile(r".*\.(?:vec|txt|w2v|glove|vectors|model)\Z", re.DOTALL)
_HEADER = re.compile(rb"[ \t]*(\d{1,10})[ \t]+(\d{1,6})[ \t]*\r?\n")
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z|[+-]?(?:nan|inf)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the front of a file of vectors says.

    Attributes:
        binary: whether the rows are 32-bit floats.
        words: of the first line; None where there is no such line.
        dimension: numbers of a row.
        start: offset of the first row.
    """

    binary: bool
    words: int | None
    dimension: int
    start: int


def matches(front: bytes, name: str) -> bool:
    """Whether the front holds rows of vectors, or the name and the magic say Magnitude."""
    if front.startswith(SQLITE_MAGIC):
        return name.endswith(".magnitude")
    return _layout(front, name) is not None


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one file of word vectors.

    Args:
        reader: the file; its first 128 KiB, and the rest only of text without a first line.
        hints: `enough` ends the counting of lines.

    Raises:
        MalformedFile: the front holds no rows of vectors, or the first line contradicts them or the file's size.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    front = _head(source)
    if front.startswith(SQLITE_MAGIC):
        # Every number of a row is a column, for which SQLite stores a byte or more.
        bound = Interval(size_interval(source.size, compressed=True).low, source.size)
        note = "an SQLite file of vectors, bounded by its size"
        return results.of_interval(source, Basis.VECTORS_HEADER, bound, note=note)
    layout = _layout(front, source.name.lower())
    if layout is None:
        raise MalformedFile(source.name, "does not begin with rows of word vectors")
    if layout.words is not None and (layout.binary or _bears_out(source, layout)):
        return _by_first_line(source, layout, layout.words)
    return _by_lines(source, layout, hints)


def _head(source: FrontReader) -> bytes:
    """The first 128 KiB, however many of them were kept."""
    return source.read(0, FRONT_BYTES if source.size is None else max(min(FRONT_BYTES, source.size), 1))


def _layout(front: bytes, name: str) -> _Layout | None:
    """What the front says; None where it holds no vectors."""
    header = _HEADER.match(front)
    if header:
        words, dimension = int(header[1]), int(header[2])
        if not (0 < words <= MAX_WORDS and 0 < dimension <= MAX_DIMENSION):
            return None
        start = header.end()
        if _is_text(front, start, dimension, words):
            return _Layout(False, words, dimension, start)
        return _Layout(True, words, dimension, start) if _is_binary(front, start, dimension, words) else None
    if not TEXT_NAME.match(name):
        return None
    found = _text_dimension(front)
    return _Layout(False, None, found, 0) if found else None


def _is_text(front: bytes, start: int, dimension: int, words: int) -> bool:
    """Whether the first rows of text have a word and `dimension` numbers."""
    lines = _whole_lines(front, start)[: min(CHECKED_ROWS, words)]
    if not lines:  # one row is longer than the front
        begin = front[start:].split()
        return len(begin) > FEWEST_NUMBERS and all(map(_is_number, begin[1:-1]))
    return all(_numbers_of(line) >= dimension for line in lines)


def _is_binary(front: bytes, start: int, dimension: int, words: int) -> bool:
    """Whether the first rows have a word, a space and `dimension` plausible floats; a newline may end them."""
    at, some = start, False
    for row in range(min(CHECKED_ROWS, words)):
        while at < len(front) and front[at] == 0x0A:
            at += 1
        space = front.find(b" ", at, at + MAX_WORD_BYTES)
        held = (len(front) - space - 1) // 4
        if space <= at or held < min(dimension, 1):
            return some and row > 0 and at + MAX_WORD_BYTES > len(front)
        values = struct.unpack_from(f"<{min(held, dimension)}f", front, space + 1)
        if not all(math.isfinite(value) and abs(value) < LARGEST_VALUE for value in values):
            return False
        some = some or any(values)  # the vector of a padding token is zero
        at = space + 1 + 4 * dimension
    return some


def _whole_lines(front: bytes, start: int = 0) -> list[bytes]:
    """The lines of the front that end in it, or with the file."""
    lines = front[start : start + FRONT_BYTES].split(b"\n")
    if lines and (len(front) >= FRONT_BYTES or not lines[-1].strip()):
        lines.pop()
    return lines


def _is_number(field: bytes) -> bool:
    return len(field) < LONGEST_NUMBER and _NUMBER.match(field) is not None


def _numbers_of(line: bytes) -> int:
    """How many numbers end a line."""
    count = 0
    for field in reversed(line.split()[1:]):
        if not _is_number(field):
            break
        count += 1
    return count


def _text_dimension(front: bytes) -> int | None:
    """The numbers of each of the first rows, if they agree and some row begins with a word."""
    lines = _whole_lines(front)[:50]
    if len(lines) < FEWEST_ROWS:
        return None
    counts = {_numbers_of(line) for line in lines}
    dimension = min(counts)
    if dimension < FEWEST_NUMBERS or max(counts) > dimension + 3:  # a word may be followed by numbers of its own
        return None
    words = [line.split(None, 1)[0] for line in lines]
    return dimension if sum(not _is_number(word) for word in words) * 2 > len(words) else None


def _bears_out(source: FrontReader, layout: _Layout) -> bool:
    """Whether as many rows of text as the first line says can make up a file of this size."""
    if source.size is None or layout.words is None:
        return layout.words is not None
    front = _head(source)
    lines = _whole_lines(front, layout.start)
    if len(lines) <= layout.words and len(front) == source.size:
        return len(lines) == layout.words
    mean = sum(map(len, lines)) / len(lines) + 1 if lines else layout.dimension * 8
    return 0.5 < layout.words * mean / max(source.size - layout.start, 1) < 2


def _by_first_line(source: FrontReader, layout: _Layout, words: int) -> Estimate:
    """The first line's count, checked against the size where rows are binary."""
    count = words * layout.dimension
    if layout.binary and source.size is not None:
        least = layout.start + words * (4 * layout.dimension + 2)
        if not least <= source.size <= least + words * MAX_WORD_BYTES:
            said = f"first line says {words} words of {layout.dimension} numbers"
            raise MalformedFile(source.name, f"{said}, which do not fit a file of {source.size} bytes")
    return results.of_count(
        source,
        Basis.VECTORS_HEADER,
        count,
        stored=count,
        buffers=0,
    )


def _by_lines(source: FrontReader, layout: _Layout, hints: Hints) -> Estimate:
    """Count line ends until the file ends or enough is certain; then bound what is left."""
    size = source.size
    if size is None:
        raise MalformedFile(source.name, "its size is unknown, and its first line does not say how many rows there are")
    piece = _head(source)[layout.start :]
    at, rows, last = layout.start + len(piece), piece.count(b"\n"), piece[-1:]
    interval = _bounded(layout, rows, size - at)
    while at < min(size, LONGEST_TEXT_BYTES):
        if hints.enough is not None and interval.low > hints.enough:
            break
        piece = source.read(at, min(PIECE_BYTES, size - at))
        if not piece:
            raise MalformedFile(source.name, f"ends at byte {at} of {size}")
        at, rows, last = at + len(piece), rows + piece.count(b"\n"), piece[-1:]
        interval = _bounded(layout, rows, size - at)
    if at >= size:
        rows += last != b"\n"
        return _of_rows(source, layout, rows)
    point = round(rows * layout.dimension * size / at)
    return results.of_interval(
        source,
        Basis.VECTORS_HEADER,
        interval,
        point=min(max(point, interval.low), interval.high or 0),
        note=f"{rows} rows counted in the first {at} bytes, the rest bounded by its size",
        partial=at < LONGEST_TEXT_BYTES,
    )


def _bounded(layout: _Layout, rows: int, left: int) -> Interval:
    """Parameters of `rows` rows and of what `left` bytes of text can hold."""
    fewest = left // (layout.dimension * LONGEST_NUMBER + MAX_WORD_BYTES)
    most = left // (2 * layout.dimension + 2) + 1
    return Interval((rows + fewest) * layout.dimension, (rows + most) * layout.dimension)


def _of_rows(source: FrontReader, layout: _Layout, rows: int) -> Estimate:
    """The count of all lines; an interval where the first line says another, as in a file that was cut."""
    count = rows * layout.dimension
    stated = count if layout.words is None else layout.words * layout.dimension
    exact = stated == count
    return results.of_interval(
        source,
        Basis.VECTORS_HEADER,
        Interval(min(count, stated), max(count, stated)),
        point=count,
        stored=count if exact else None,
        buffers=0 if exact else None,
        exact=exact,
        note="" if exact else f"the first line says {layout.words} rows, the file has {rows}",
    )
