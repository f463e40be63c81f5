"""Passages as a reader takes them in: each with its heading, lists behind what introduces them, tables by row.

What a grammar may count on, whatever the file's markup ("the lead" is what introduces a list: a sentence that ends in a
colon or in the middle, a heading, a line in bold, the item above a nested list; its last sentence is taken):

- A list of names only, or a paragraph of names: `lead: name, name, name` (COLON T, the list joined by COMMA).
- Items that are clauses: `lead item` without the colon, as in "You may not | use the model in China". Where an item may
  also be a sentence of its own (a capital letter, Chinese, ...) also `lead: item`, so that it begins behind COLON.
- Items below a heading: the item alone; one that does not end as a sentence also as `heading: item`.
- A short paragraph right below a heading: alone, and as `heading: paragraph`. Below a question: `question? answer`.
- A table's row: `header: cell | header: cell | header: cell`, as in AREA COLON T BAR PERMIT COLON NO; marks such as
  "yes", "✅", "❌" stay words. Two columns: also `cell: cell` (T COLON NO), and only so where there is no header or one
  that says nothing ("Key", "Value"). A row with long cells: each cell alone.
- A heading: alone.

Several passages over the same words have the same place in the file, so that they count as one declaration.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from scanner.restrictions.markup.blocks import Block, Form, join
from scanner.restrictions.markup.cleaning import TITLE_LEVEL, read_blocks
from scanner.restrictions.markup.lists import Lead, Lists, is_question, is_title, names_only, with_names_below
from scanner.restrictions.markup.tables import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_ANSWER = 600  # characters of a paragraph that is read behind a question
LONGEST_FRAGMENT = 80  # of one that is read behind a heading
MAX_HEADING = 300


@dataclass(frozen=True, slots=True)
class Passage:
    """Running prose with the heading it stands under.

    Attributes:
        block: the prose and its places in the file.
        heading: words of the nearest heading above; empty where there is none.
    """

    block: Block
    heading: str = ""

    @property
    def text(self) -> str:
        """The prose."""
        return self.block.text

    def origin(self, position: int) -> int:
        """Return where in the file a character of the prose stands."""
        return self.block.origin(position)


def read_passages(text: str, *, start: int = 0, end: int | None = None, fences: bool = True) -> Iterator[Passage]:
    """Yield the passages between two offsets.

    Args:
        text: the whole file.
        start: where to begin (behind the front matter).
        end: where to stop.
        fences: leave out what stands in code fences; a licence may be written inside one.
    """
    composing = _Composing()
    block = before = None
    for following in chain(read_blocks(text, start=start, end=end, fences=fences), (None,)):
        if block is not None:
            yield from composing.take(block, before, following)
            before = block
        block = following
    yield from composing.finish()


class _Composing:
    """Puts blocks together to passages."""

    def __init__(self) -> None:
        self._headings: list[Block] = []
        self._lists = Lists()
        self._rows = Rows()

    def take(self, block: Block, before: Block | None, following: Block | None) -> Iterator[Passage]:
        """Take the next block; yield the passages that are complete by it."""
        if block.form is Form.CELL:
            yield from self._passages(self._lists.finish())
            yield from self._passages(self._rows.take(block))
            return
        yield from self._passages(self._rows.finish())
        if block.form is Form.ITEM and is_title(block, before, following):
            yield from self._heading(block, TITLE_LEVEL)
        elif block.form is Form.ITEM:
            yield from self._passages(self._lists.take(block))
            if before is not None and before.form is Form.ITEM and _answers(block, before):
                yield from self._passages([join((before, " ", block))])
        elif block.form is Form.HEADING:
            yield from self._heading(block, block.depth)
        else:
            yield from self._paragraph(block, before)

    def finish(self) -> Iterator[Passage]:
        """Yield what is left at the end."""
        yield from self._passages(self._lists.finish())
        yield from self._passages(self._rows.finish())

    def _heading(self, block: Block, level: int) -> Iterator[Passage]:
        yield from self._passages(self._lists.finish())
        while self._headings and self._headings[-1].depth >= level:
            self._headings.pop()
        yield from self._passages([block])
        self._headings.append(block if block.depth == level else block.deep(level))
        self._lists.begin_section(block)

    def _paragraph(self, block: Block, before: Block | None) -> Iterator[Passage]:
        if block.depth and self._lists.open:  # a paragraph within an item
            yield from self._passages([block])
            return
        yield from self._passages(self._lists.finish())
        yield from self._passages(self._with_lead(block, before))
        self._lists.begin(block)

    def _with_lead(self, block: Block, before: Block | None) -> Iterator[Block]:
        """Read a paragraph behind what stands right above it."""
        if before is not None and _answers(block, before):
            yield join((before, " ", block))
        elif (names := names_only(block)) and (lead := self._lists.lead) is not None:
            yield lead.with_names(names)
        elif block.lines and (found := with_names_below(block)) is not None:
            yield found
        else:
            yield block
            heading = _above_fragment(block, before)
            if heading is not None:
                yield join((Lead(heading).body.at(block.origin(0)), ": ", block))

    def _passages(self, blocks: Iterator[Block] | list[Block]) -> Iterator[Passage]:
        heading = self._headings[-1].text[:MAX_HEADING] if self._headings else ""
        for block in blocks:
            yield Passage(block, heading)


def _answers(block: Block, before: Block) -> bool:
    return is_question(before) and len(block.text) <= LONGEST_ANSWER and not is_question(block)


def _above_fragment(block: Block, before: Block | None) -> Block | None:
    """Return the heading right above a paragraph that may need it to say something; a text's title is none."""
    if before is None or before.form is not Form.HEADING or before.depth == 1 or len(block.text) > LONGEST_FRAGMENT:
        return None
    return before
