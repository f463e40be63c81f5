"""Markdown and plain text to running prose, each character with its place in the file.

What a reader does not see, or sees as an example, is left out: HTML comments, code fences, struck-out words, images.
Marks that only dress words (emphasis, quote prefixes, tags, links' addresses) are taken off, and wrapped lines are
joined, so that patterns see sentences. Spec: https://spec.commonmark.org/0.31.2/, as far as needed; linear in length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMENT_OPEN, _COMMENT_CLOSE = "<!--", "-->"
_FENCE = re.compile(r" {0,3}(?:> {0,3}){0,8}(`{3,}|~{3,})")
_PREFIX = re.compile(r"[ \t\u3000]{0,40}(?:> ?[ \t]{0,8}){0,8}")
_BULLET = re.compile(r"(?:[-*+•‣·] |\(?(?:[0-9]{1,3}|[a-zA-Z]|[ivxIVX]{1,4})[.)]\s|第[一二三四五六七八九十0-9]{1,4}条)")
_HEADING = re.compile(r"#{1,6}\s|[=-]{3,}\s*$|\*{3,}\s*$")
_MARK = re.compile(
    r"!\[[^\[\]]{0,300}\]\([^()]{0,1000}\)"  # images
    r"|~~[^~]{1,300}~~"  # struck out
    r"|\]\([^()\s]{0,1000}[^()]{0,200}\)"  # a link's address, with the bracket before it
    r"|<(?:https?|mailto):[^<>\s]{0,1000}>"
    r"|</?[a-zA-Z][^<>]{0,300}>"
    r"|[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"  # invisible
    r"|`+|\*+|(?<![^\W_])_+|_+(?![^\W_])"
    r"|\\(?=[^\w\s])"
    r"|\[(?=[^\[\]]{0,300}\]\()"  # a link's opening bracket
    r"|&(?:nbsp|#160|#xa0);"
)
_TAG = re.compile(r"</?([a-zA-Z]{1,20})")
_INLINE_TAG = re.compile(r"a|abbr|b|code|del|em|font|i|ins|kbd|mark|s|small|span|strong|sub|sup|u", re.IGNORECASE)
_SPACES = re.compile(r"[\s\u00a0\u3000]+")
_JOINED = re.compile(r"[\u2e80-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")  # scripts written without spaces

# One character for one, so that places stay: quotation marks, dashes, full-width forms of ASCII.
_SAME_LENGTH = str.maketrans(
    {
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
        **dict.fromkeys("“”„‟«»「」『』", '"'),
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
    }
)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list item, heading or table cell as running prose.

    Attributes:
        text: the prose.
        starts: where in `text` each piece begins.
        origins: where in the file that piece begins.
    """

    text: str
    starts: tuple[int, ...]
    origins: tuple[int, ...]

    def origin(self, position: int) -> int:
        """Return where in the file a character of the prose stands."""
        piece = bisect_right(self.starts, position) - 1
        return self.origins[piece] + position - self.starts[piece]


class _Gathering:
    """Collects the pieces of one block."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.starts: list[int] = []
        self.origins: list[int] = []
        self.length = 0
        self.pending: int | None = None  # where white space stood that is not written yet

    def add(self, text: str, origin: int) -> None:
        if not text:
            return
        if self.pending is not None and self.length and not self._runs_on(text):
            self._put(" ", self.pending)
        self.pending = None
        self._put(text, origin)

    def space(self, origin: int) -> None:
        if self.pending is None:
            self.pending = origin

    def finish(self) -> Block:
        return Block("".join(self.parts), tuple(self.starts), tuple(self.origins))

    def _runs_on(self, text: str) -> bool:
        return bool(_JOINED.match(self.parts[-1][-1]) and _JOINED.match(text))

    def _put(self, text: str, origin: int) -> None:
        self.parts.append(text)
        self.starts.append(self.length)
        self.origins.append(origin)
        self.length += len(text)


def read_blocks(text: str, *, start: int = 0, end: int | None = None, fences: bool = True) -> Iterator[Block]:
    """Yield the blocks of prose between two offsets.

    Args:
        text: the whole file.
        start: where to begin (behind the front matter).
        end: where to stop.
        fences: leave out what stands in code fences; a licence may be written inside one.
    """
    gathering = _Gathering()
    for line_start, line in _visible_lines(text, start, len(text) if end is None else end, fences=fences):
        prefix = _PREFIX.match(line)
        content_start = prefix.end() if prefix else 0
        content = line[content_start:]
        blank = not content or content.isspace()
        heading = not blank and _HEADING.match(content) is not None
        if gathering.length and (blank or heading or _BULLET.match(content)):
            yield gathering.finish()
            gathering = _Gathering()
        if blank:
            continue
        for cell_start, cell in _cells(content):
            if cell_start and gathering.length:
                yield gathering.finish()
                gathering = _Gathering()
            _add_line(gathering, cell, line_start + content_start + cell_start)
        if heading and gathering.length:
            yield gathering.finish()
            gathering = _Gathering()
    if gathering.length:
        yield gathering.finish()


def _visible_lines(text: str, start: int, end: int, *, fences: bool) -> Iterator[tuple[int, str]]:
    """Yield lines with their offsets, without HTML comments and, if asked, without fenced code.

    Nothing is copied or searched twice, so that a line of a thousand comments costs no more than its length.
    """
    fence = ""
    position, stop = start, -1
    while position < end:
        if position > stop:
            stop = text.find("\n", position, end)
            stop = end if stop < 0 else stop
        marker = _FENCE.match(text, position, stop) if fences else None
        if fence:
            if marker and marker[1].startswith(fence) and not text[marker.end() : stop].strip(" \t\r`~"):
                fence = ""
        elif marker and text.find(marker[1][0], marker.end(), stop) < 0:
            fence = marker[1]
            yield position, ""
        elif (comment := text.find(_COMMENT_OPEN, position, stop)) >= 0:
            yield position, text[position:comment]
            close = text.find(_COMMENT_CLOSE, comment + len(_COMMENT_OPEN), end)
            position = end if close < 0 else close + len(_COMMENT_CLOSE)
            continue
        else:
            yield position, text[position:stop]
        position = stop + 1


def _cells(content: str) -> Iterator[tuple[int, str]]:
    """Yield the cells of a table row; any other line as it is."""
    if not content.startswith("|"):
        yield 0, content
        return
    position = 0
    for cell in content.split("|"):
        yield position, cell
        position += len(cell) + 1


def _add_line(gathering: _Gathering, line: str, origin: int) -> None:
    gathering.space(max(origin - 1, 0))
    line = line.translate(_SAME_LENGTH)
    heading = _HEADING.match(line)
    position = heading.end() if heading else 0
    for match in _MARK.finditer(line, position):
        _add_words(gathering, line, position, match.start(), origin)
        if match[0][0] == "&" or _parts_words(match[0]):
            gathering.space(origin + match.start())
        position = match.end()
    _add_words(gathering, line, position, len(line), origin)


def _parts_words(mark: str) -> bool:
    """Tell whether an HTML tag stands between words, as `<br>` and `</td>` do and `<b>` does not."""
    tag = _TAG.match(mark)
    return tag is not None and _INLINE_TAG.fullmatch(tag[1]) is None


def _add_words(gathering: _Gathering, line: str, start: int, end: int, origin: int) -> None:
    position = start
    for spaces in _SPACES.finditer(line, start, end):
        gathering.add(line[position : spaces.start()], origin + position)
        gathering.space(origin + spaces.start())
        position = spaces.end()
    gathering.add(line[position:end], origin + position)
