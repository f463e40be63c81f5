"""Rows of tables as prose: each cell behind the header of its column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.restrictions.markup.blocks import Block, join

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_CELL = 300  # characters; a row with a longer one is layout, and each cell is read alone
LONGEST_HEADER = 80
LONGEST_ROW = 1000
NEAR = 1000  # characters between a header and a row that are still quoted together
_SAYS_NOTHING_WORDS = (
    "key value field property item setting attribute parameter name description details detail info information "
    "feature option 项目 项 内容 说明 属性 字段 值 項目 説明 항목 내용 값"
)
_SAYS_NOTHING = frozenset(_SAYS_NOTHING_WORDS.split())

_ANSWERS_WORDS = (
    "✅ ❌ ✗ ✘ ✓ ✔ ✖ 🚫 ⛔ x - — yes no y n ja nein oui non sí si no sim não sì tak nie да нет nee không có نعم لا "
    "是 否 有 无 無 はい いいえ 可 不可 예 아니요 네"
)
_ANSWERS = frozenset(_ANSWERS_WORDS.split())


class Rows:
    """Gathers the cells of a row, and remembers the headers of its table."""

    def __init__(self) -> None:
        self._cells: list[Block] = []
        self._headers: dict[int, Block] = {}

    def take(self, cell: Block) -> Iterator[Block]:
        """Take the next cell; yield the row that is complete by it."""
        if self._cells and cell.row != self._cells[-1].row:
            yield from self._row()
        self._cells.append(cell)

    def finish(self) -> Iterator[Block]:
        """Yield the last row of a table."""
        if self._cells:
            yield from self._row()
        self._headers = {}

    def _row(self) -> Iterator[Block]:
        cells, self._cells = self._cells, []
        if all(cell.marker == "header" for cell in cells):
            self._headers = {cell.depth: cell for cell in cells if len(cell.text) <= LONGEST_HEADER}
            yield from _plain(cells)
        elif any(len(cell.text) > LONGEST_CELL for cell in cells):
            yield from cells
        else:
            yield from self._prose(cells)

    def _prose(self, cells: list[Block]) -> Iterator[Block]:
        headers = [self._header(cell, cells) for cell in cells]
        length = sum(len(cell.text) for cell in cells) + sum(len(header.text) for header in headers if header)
        if length > LONGEST_ROW:
            yield from cells
            return
        if _says_nothing(headers):
            yield from _plain(cells)
            return
        parts: list[Block | str] = []
        for cell, header in zip(cells, headers, strict=True):
            if parts:
                parts.append(" | ")
            parts += (header, ": ", cell) if header else (cell,)
        yield join(parts)
        if len(cells) == 2 and not _answers_only(cells[1]):
            yield from _plain(cells)

    def _header(self, cell: Block, cells: list[Block]) -> Block | None:
        header = self._headers.get(cell.depth)
        if header is None:
            return None
        far = cells[-1].origin(len(cells[-1].text) - 1) - header.origin(0) > NEAR
        return header.at(cell.origin(0)) if far else header


def _answers_only(cell: Block) -> bool:
    """Tell whether a cell is only a yes or a no, which says nothing without what its column asks."""
    return cell.text.strip(" .").casefold() in _ANSWERS


def _says_nothing(headers: list[Block | None]) -> bool:
    return all(header is None or header.text.casefold() in _SAYS_NOTHING for header in headers)


def _plain(cells: list[Block]) -> Iterator[Block]:
    """Write cells without headers: two as what one says of the other."""
    parts: list[Block | str] = []
    for cell in cells:
        if parts:
            parts.append(": " if len(cells) == 2 else " | ")
        parts.append(cell)
    yield join(parts)
