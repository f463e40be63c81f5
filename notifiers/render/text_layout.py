"""Paragraphs and tables in columns of a terminal, where Chinese characters take two. Nothing is ever cut off."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from rich.cells import cell_len

_GAP = "  "
_NARROWEST = 14  # cells a column of texts keeps, however tight it gets
_SPACE_PATTERN = re.compile(r"(?<=\s)(?=\S)")
_NAME_PATTERN = re.compile(r"(?<=[/_-])(?=[^\s/_-])")  # names too long for a line break behind these


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken inside a word only where there is no other way."""
    lines, line = [], ""
    for part in _parts(text, width):
        if line and cell_len((line + part).rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += part
    return [*lines, line.rstrip()]


def hanging(text: str, width: int, indent: int) -> list[str]:
    """A wrapped paragraph whose later lines are indented."""
    first, *rest = wrap(text, width)
    if not rest:
        return [first]
    later = wrap(text[len(first) :].lstrip(), width - indent)
    return [first, *(" " * indent + line for line in later)]


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Collection[int], width: int) -> list[str]:
    """A table: headings, a rule, rows; numeric columns are right-aligned and never broken."""
    body = list(rows)
    widths = _widths(columns, body, numeric, width - cell_len(_GAP) * (len(columns) - 1))
    lines = _row(columns, widths, numeric, bottom=True)
    lines.append("─" * (sum(widths) + cell_len(_GAP) * (len(widths) - 1)))
    for row in body:
        lines += _row(row, widths, numeric)
    return lines


def _parts(text: str, width: int) -> Iterator[str]:
    """Words with the space behind them; words too long for a line in pieces of names, and those, if need be, cut."""
    for word in _SPACE_PATTERN.split(text):
        if cell_len(word.rstrip()) <= width:
            yield word
            continue
        for part in _NAME_PATTERN.split(word):
            yield from _chop(part, width)


def _chop(text: str, width: int) -> Iterator[str]:
    piece, taken = "", 0
    for character in text:
        cells = cell_len(character)
        if piece and taken + cells > width and not character.isspace():
            yield piece
            piece, taken = "", 0
        piece, taken = piece + character, taken + cells
    yield piece


def _widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Collection[int], available: int
) -> list[int]:
    """What each column would like, then the widest column of texts gives way until the table fits."""
    headings = [max((cell_len(word) for word in heading.split()), default=0) for heading in columns]
    contents = [max((cell_len(row[index]) for row in rows), default=0) for index in range(len(columns))]
    widths = [max(pair) for pair in zip(headings, contents, strict=True)]
    floors = [
        wanted if index in numeric else min(wanted, max(heading, _NARROWEST))
        for index, (wanted, heading) in enumerate(zip(widths, headings, strict=True))
    ]
    while sum(widths) > available:
        index = max(range(len(widths)), key=lambda i: (widths[i] > floors[i], widths[i]))
        if widths[index] <= floors[index]:
            break
        widths[index] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int], numeric: Collection[int], *, bottom: bool = False) -> list[str]:
    wrapped = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(len(lines) for lines in wrapped)
    filled = [
        [""] * (height - len(lines)) + lines if bottom else lines + [""] * (height - len(lines)) for lines in wrapped
    ]
    return [
        _GAP.join(
            _pad(lines[line], widths[index], right=index in numeric) for index, lines in enumerate(filled)
        ).rstrip()
        for line in range(height)
    ]


def _pad(text: str, width: int, *, right: bool) -> str:
    padding = " " * max(0, width - cell_len(text))
    return padding + text if right else text + padding
