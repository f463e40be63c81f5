"""A block of prose: its words as they are read, each with its place in the file.

Marks that only dress words (emphasis, tags, links' addresses) are taken off, entities are what they stand for, and
wrapped lines are joined, so that patterns see sentences.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from enum import Enum
from html import unescape
from typing import TYPE_CHECKING

from scanner.restrictions.markup.characters import INVISIBLE, plain_character

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CJK = r"\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"  # scripts written without spaces
_MARK = re.compile(
    r"!\[[^\[\]\n]{0,2000}+\](?:\([^()\n]{0,1000}+\)|\[[^\[\]\n]{0,300}+\])"  # images
    r"|\]\([^()\s]{0,1000}+[ \t]++"  # a link's address and title
    r"(?:\"[^\"\n]{0,1000}+\"|'[^'\n]{0,1000}+'|\([^()\n]{0,1000}+\))[ \t]*+\)"
    r"|\]\([^()\s]{0,1000}+[^()\n]{0,200}+\)"  # a link's address, with the bracket before it
    r"|\[\^[^\[\]\s]{1,20}+\]"  # notes
    r"|<(?:https?|mailto):[^<>\s]{0,1000}+>"
    r"|</?[a-zA-Z][^<>]{0,600}+>"
    rf"|{INVISIBLE}+"
    r"|`+|\*+|(?<![^\W_])_+|_+(?![^\W_])"
    r"|\\(?=[^\w ]|$)"
    r"|\[(?=[^\[\]\n]{0,300}+\]\()"  # a link's opening bracket
    r"|&#?[a-zA-Z0-9]{1,31};"
    r"|[^\S ]+| {2,}"
    rf"|(?<=[{_CJK}])\s+(?=[{_CJK}])"
)
_MARKS = re.compile(rf"[*_`<\[\]!\\&{INVISIBLE}\t]")
_PARTED = re.compile(rf"[{_CJK}]\s")
_TAG = re.compile(r"</?([a-zA-Z]{1,20})")
_INLINE_TAG = re.compile(
    r"a|abbr|b|bdi|bdo|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|small|span|strong|time|tt|u|var|wbr",
    re.IGNORECASE,
)
_RUNS_ON = re.compile(rf"[{_CJK}]")
_LAST_WORD = re.compile(r"([^\W\d_]+)-$")
_NEXT_WORD = re.compile(r"[^\W\d_]+")
_KEEPS_HYPHEN_WORDS = (
    "non re pre post co anti self semi multi cross inter open closed third first end state fine geo on off up so well"
    " in de extra opt built ready long short high low large small user"
)
_KEEPS_HYPHEN = frozenset(_KEEPS_HYPHEN_WORDS.split())
_JOINS_WORDS = frozenset(["and", "or", "und", "oder", "bzw", "et", "ou", "y", "o", "e"])


class Form(Enum):
    """What a block is in its text."""

    TEXT = "text"
    HEADING = "heading"
    ITEM = "item"
    CELL = "cell"


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, heading or table cell as running prose.

    Attributes:
        text: the prose.
        starts: where in `text` each piece begins.
        origins: where in the file that piece begins; `~place` where all of the piece stands at one place.
        form: what it is.
        depth: level of a heading, indentation of an item, column of a cell.
        marker: what numbers or marks an item, by its kind; for a cell "header" or "".
        row: number of a cell's row.
        lines: where in `text` its lines end, where they are few.
    """

    text: str
    starts: tuple[int, ...]
    origins: tuple[int, ...]
    form: Form = Form.TEXT
    depth: int = 0
    marker: str = ""
    row: int = 0
    lines: tuple[int, ...] = ()

    def origin(self, position: int) -> int:
        """Return where in the file a character of the prose stands."""
        piece = bisect_right(self.starts, position) - 1
        origin = self.origins[piece]
        return ~origin if origin < 0 else origin + position - self.starts[piece]

    def part(self, start: int, end: int) -> Block:
        """Return some of its characters."""
        if start <= 0 and end >= len(self.text):
            return self
        first, last = bisect_right(self.starts, start) - 1, bisect_right(self.starts, max(end - 1, start))
        starts = tuple(max(one - start, 0) for one in self.starts[first:last])
        origins = list(self.origins[first:last])
        if origins[0] >= 0:
            origins[0] += start - self.starts[first]
        return replace(self, text=self.text[start:end], starts=starts, origins=tuple(origins), lines=())

    def deep(self, depth: int) -> Block:
        """Return it at another depth."""
        return replace(self, depth=depth)

    def at(self, place: int) -> Block:
        """Return the same words, all of them standing at one place of the file."""
        return replace(self, starts=(0,), origins=(~place,), lines=())


def join(parts: Sequence[Block | str]) -> Block:
    """Write blocks and words of ours as one; words of ours stand where the part before them ends."""
    texts: list[str] = []
    starts: list[int] = []
    origins: list[int] = []
    length = 0
    for part in parts:
        if isinstance(part, str):
            last = origins[-1] if origins else ~0
            origins.append(last if last < 0 else ~(last + length - starts[-1] - 1))
            starts.append(length)
            texts.append(part)
            length += len(part)
        else:
            starts += [length + start for start in part.starts]
            origins += part.origins
            texts.append(part.text)
            length += len(part.text)
    return Block("".join(texts), tuple(starts), tuple(origins))


def write(
    text: str, spans: Iterable[tuple[int, int]], offset: int, form: Form, depth: int, marker: str, row: int
) -> Block | None:
    """Read the words of some spans of a text as one block; None where there are none.

    Args:
        text: the folded text without hidden parts.
        spans: begin and end of the lines, or of several lines together.
        offset: where in the file the text begins.
        form: what the block is.
        depth: its depth.
        marker: its marker.
        row: its row.
    """
    writing = _Writing(offset)
    for start, end in spans:
        if writing.length:
            writing.line_end(start)
        lines = text[start:end]
        if _is_dressed(lines):
            writing.add_dressed(text, start, end)
        else:
            writing.add_lines(lines, start)
    if not writing.length:
        return None
    return Block(
        "".join(writing.parts), tuple(writing.starts), tuple(writing.origins), form, depth, marker, row,
        tuple(writing.lines),
    )  # fmt: skip


def _is_dressed(lines: str) -> bool:
    """Tell whether lines hold more than words, one space between them."""
    if _MARKS.search(lines) or "  " in lines:
        return True
    if "\n" in lines and (" \n" in lines or "\n " in lines or "-\n" in lines):
        return True
    return not lines.isascii() and _PARTED.search(lines) is not None


class _Writing:
    """Collects the pieces of one block."""

    def __init__(self, offset: int) -> None:
        self.parts: list[str] = []
        self.starts: list[int] = []
        self.origins: list[int] = []
        self.lines: list[int] = []
        self.length = 0
        self._offset = offset
        self._pending: int | None = None  # where white space stood that is not written yet
        self._wrapped = False  # and that it was the end of a line

    def add_lines(self, lines: str, origin: int) -> None:
        """Add whole lines that hold nothing but words."""
        words = lines.strip()
        if not words:
            return
        self._add(words.replace("\n", " "), origin + len(lines) - len(lines.lstrip()))
        if "\n" in words and len(words) < _FEW:
            base, position = self.length - len(words), words.find("\n")
            while position >= 0:
                self.lines.append(base + position)
                position = words.find("\n", position + 1)

    def add_dressed(self, text: str, start: int, end: int) -> None:
        """Add lines with marks that are taken off."""
        position = start
        for match in _MARK.finditer(text, start, end):
            self._words(text, position, match.start())
            position = match.end()
            mark = match[0]
            if mark[0] == "&":
                self._entity(mark, match.start())
            elif mark.isspace():
                self.line_end(match.start()) if "\n" in mark else self._space(match.start())
            elif _parts_words(mark):
                self._space(match.start())
        self._words(text, position, end)

    def line_end(self, origin: int) -> None:
        """Note that the line has ended."""
        self._space(max(origin - 1, 0))
        self._wrapped = True

    def _words(self, text: str, start: int, end: int) -> None:
        words = text[start:end]
        if not words:
            return
        bare = words.strip(" ")
        if not bare:
            self._space(start)
            return
        if words[0] == " ":
            self._space(start)
        self._add(bare, start + len(words) - len(words.lstrip(" ")))
        if words[-1] == " ":
            self._space(end - 1)

    def _entity(self, entity: str, start: int) -> None:
        plain = unescape(entity)
        if len(plain) == 1:
            plain = plain_character(plain)
        if plain.isspace():
            self._space(start)
        elif plain != INVISIBLE:
            self._add(plain, start, fixed=plain != entity)

    def _space(self, origin: int) -> None:
        if self._pending is None:
            self._pending = origin

    def _add(self, words: str, origin: int, *, fixed: bool = False) -> None:
        if self._pending is not None and self.length:
            self._between(words)
        self._pending, self._wrapped = None, False
        place = origin + self._offset
        self._put(words, ~place if fixed else place)

    def _between(self, words: str) -> None:
        """Write the space before some words, unless they run on."""
        last = self.parts[-1]
        if self._wrapped:
            if len(self.lines) < _FEW:
                self.lines.append(self.length)
            if last[-1] == "-" and len(last) > 1 and last[-2].isalpha() and words[0].isalpha():
                self._hyphen(last, words)
                return
        if not (_RUNS_ON.match(last[-1]) and _RUNS_ON.match(words)):
            self._put(" ", ~((self._pending or 0) + self._offset))

    def _hyphen(self, last: str, words: str) -> None:
        """Join a word that the end of a line has parted, and keep the hyphen of one that has its own."""
        before, after = _LAST_WORD.search(last, max(len(last) - 40, 0)), _NEXT_WORD.match(words)
        if before is None or after is None:
            return
        if after[0].casefold() in _JOINS_WORDS:
            self._put(" ", ~((self._pending or 0) + self._offset))
        elif after[0][0].islower() and not _has_hyphen(last, before):
            self.parts[-1] = last[:-1]
            self.length -= 1

    def _put(self, text: str, origin: int) -> None:
        self.parts.append(text)
        self.starts.append(self.length)
        self.origins.append(origin)
        self.length += len(text)


_FEW = 4000  # lines of a block, and characters in which they are looked for


def _has_hyphen(words: str, last: re.Match[str]) -> bool:
    """Tell whether the hyphen behind some words is their own: "state-of-", "non-"."""
    return last[1].casefold() in _KEEPS_HYPHEN or words[: last.start()].endswith("-")


def _parts_words(mark: str) -> bool:
    """Tell whether an HTML tag stands between words, as `<br>` and `</td>` do and `<b>` does not."""
    tag = _TAG.match(mark)
    return tag is not None and _INLINE_TAG.fullmatch(tag[1]) is None
