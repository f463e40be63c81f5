"""Markdown, HTML and plain text to blocks of running prose, each character with its place in the file.

Lines become paragraphs, headings, list items and table cells by how they begin; what a reader does not see, or sees as
an example, is left out (see `hidden.py`), and so is what is no prose: code by indentation, BibTeX, JSON.
Spec: https://spec.commonmark.org/0.31.2/ and GitHub's tables, as far as needed; linear in length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scanner.restrictions.markup.blocks import Block, Form, write
from scanner.restrictions.markup.characters import INVISIBLE, fold
from scanner.restrictions.markup.hidden import hide

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Block", "Form", "read_blocks"]

TITLE_LEVEL = 8  # of a numbered line that stands above a licence's section
LONGEST_TITLE = 60  # characters
BOLD_LEVEL = 7  # of a line in bold, below all headings that have a level
MAX_COLUMNS = 512  # of a table; in a line of more bars, each piece is read alone
_TAB = 4
_SYLLABLE = "[가나다라마바사아자차카타파하アイウエオカキクケコロハニホヘト]"  # by which lists are lettered

# Lines that only go on with a paragraph, taken together.
_PLAIN = re.compile(
    r"(?: {0,3}(?:[A-Za-z](?:[a-z']++(?=[ ,\n])|(?=\n))|"
    rf"(?!{_SYLLABLE}[.)])[^\W\d_a-zA-Z\u0370-\u2e7f第附一二三四五六七八九十제])"
    r"[^\n|<:：]*+\n)++"
)
_LINE = re.compile(
    r"(?P<indent>[ \t]{0,80}+)(?:>[ \t]{0,8}+){0,8}+(?:\[![A-Za-z]{1,20}\][ \t]*+)?"
    r"(?:"
    rf"(?P<blank>[\s{INVISIBLE}]*+$)"
    r"|(?P<hash>\#{1,6}+(?:[ \t]++|$))"
    r"|(?P<rule>(?P<sign>[-=~^*_+#\"'.`:])[ \t]?(?P=sign)[ \t]?(?P=sign)(?:[ \t]*(?P=sign))*+[ \t]*+$|={2}[ \t]*$)"
    r"|(?P<box>:::.*+$|\.\. [a-z-]{1,30}::[ \t]*+|!!! ?[a-z]{1,20}[ \t]*+)"
    r"|(?P<item>"
    r"(?P<bullet>[-*+–—][ \t]++|[•‣◦▪▫●○■□◆◇►▶➤➔✦☐☑☒·・][ \t]*+)(?:\[[ xX]?\][ \t]++)?"
    r"|(?P<number>\(?[0-9]{1,3}[.)、](?=[\s\u2e80-\uffef])|[①-⑳])[ \t]*+"
    r"|(?P<part>(?:[0-9]{1,2}\.){1,4}[0-9]{1,2}[.)]?|§ ?[0-9]{1,3}[a-z]?)[ \t]++"
    r"|(?P<roman>\((?:i|ii|iii|iv|v|vi|vii|viii|ix|x|xi|xii|xiii|xiv|xv)\)|(?:ii|iii|iv|vi|vii|viii|ix)[.)])[ \t]++"
    r"|(?P<letter>\([a-z]\)|[a-z][.)](?=\s))[ \t]*+"
    r"|(?P<capital>\(?(?:[A-Z]|[IVX]{2,5})[.)])[ \t]++"
    r"|(?P<word>(?:Section|Article|Clause|SECTION|ARTICLE|Artikel|Abschnitt)[ \t](?:[0-9]{1,3}|[IVX]{1,5})"
    r"(?:[.:)-]{1,2}[ \t]*+|[ \t]++(?=[A-Z])|[ \t]*$))"
    r"|(?P<clause>第[〇零一二三四五六七八九十百0-9]{1,5}[条條章节節]|제 ?[0-9]{1,3} ?조)[ \t:]*+"
    r"|(?P<han>\(?[一二三四五六七八九十]{1,3}(?:[)、.]|(?=[ \t]+[^\W\d_a-zA-Z])))[ \t]*+"
    rf"|(?P<syllable>\(?{_SYLLABLE}(?:\)|\.(?=[ \t])))[ \t]*+)"
    r"|(?P<bold>\*\*[^*\n]{1,120}\*\*(?::|：)?[ \t]*+$|__[^_\n]{1,120}__:?[ \t]*+$)"
    r"|(?P<key>(?:\*\*[^*\n]{1,60}(?::\*\*|\*\*[ ]?:)|[A-Z][\w-]{1,20}(?: [\w-]{1,20}){0,2}:)[ \t])"
    r"|(?P<bibtex>@(?:[a-zA-Z]{3,20}[ \t]*\{[ \t]*[^\s,{}]{1,200}+[ \t]*,"
    r"|(?i:article|book|inproceedings|manual|misc|online|software|techreport)[ \t]*\{[ \t]*$))"
    r"|(?P<json>[\"'][\w .-]{1,60}[\"'][ \t]*:[ \t]*+(?:[\"'\[{0-9-]|true|false|null).*+$|[\[{}\]][\[{}\]]?,?[ \t]*+$)"
    r")?"
)
_SEPARATOR = re.compile(r"[ \t>]*+\|?[ \t]*:?-{1,}+:?[ \t]*(?:\|[ \t:-]*+)*$")
_BAR = re.compile(r"(?<!\\)\|")
_PIECE = re.compile(r"[^|\n]{5,}+")  # that may say something
_STRUCTURE = re.compile(
    r"<(/?)(h[1-6]|li|ul|ol|dl|dt|dd|p|div|table|tr|td|th|hr|section|blockquote|center|details|summary|figure|br)"
    r"(?=[\s/>])[^<>]{0,600}+>",
    re.IGNORECASE,
)
_CLOSING_HASHES = re.compile(r"(?:[ \t]+#+|[ \t]*\{#[^{}\n]{0,100}\})[ \t]*$")
_ENDS = frozenset(".!?。,;，；")
_STOPS = _ENDS | {":"}
_OF_KINDS = {"number", "part", "roman", "letter", "capital", "word", "clause", "han", "syllable"}


def read_blocks(text: str, *, start: int = 0, end: int | None = None, fences: bool = True) -> Iterator[Block]:
    """Yield the blocks of prose between two offsets.

    Args:
        text: the whole file.
        start: where to begin (behind the front matter).
        end: where to stop.
        fences: leave out what stands in code fences; a licence may be written inside one.
    """
    part = text if end is None and not start else text[start:end]
    yield from _Reading(hide(fold(part), fences=fences), start, fences=fences).blocks()


class _Reading:
    """Reads a text line by line; gathers the lines of the block that is open."""

    def __init__(self, text: str, offset: int, *, fences: bool) -> None:
        self._text = text
        self._offset = offset
        self._fences = fences
        self._done: list[Block] = []
        self._spans: list[tuple[int, int]] = []
        self._form, self._depth, self._marker = Form.TEXT, 0, ""
        self._row = 0
        self._list = -1  # indentation of the list that is open; -1 for none
        self._words = 0  # indentation of the words of its last item
        self._code = False  # the line before was indented code
        self._after_blank = True
        self._table = False
        self._lists = 0  # HTML lists that are open
        self._column = 0
        self._braces = 0  # of BibTeX that are open
        self._keyed = False  # the open block begins with a key

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks."""
        text, end, position = self._text, len(self._text), 0
        html, bars = "<" in text, "|" in text
        while position < end:
            if self._done:
                yield from self._done
                self._done.clear()
            if text[position] == "\n":
                self._blank()
                position += 1
                continue
            plain = _PLAIN.match(text, position) if not (self._braces or self._table) else None
            if plain is not None:
                if self._after_blank:
                    self._after_blank = False
                    if text[position] != " ":
                        self._list = -1
                    elif self._list >= 0 and self._form is Form.TEXT:
                        self._depth = 1  # goes on within an item
                self._spans.append((position, plain.end() - 1))
                position = plain.end()
                continue
            stop = text.find("\n", position)
            stop = end if stop < 0 else stop
            self._line(position, stop, html=html, bars=bars)
            position = stop + 1
        self._finish()
        yield from self._done

    def _blank(self) -> None:
        self._finish()
        self._after_blank, self._table, self._braces = True, False, 0

    def _line(self, start: int, stop: int, *, html: bool, bars: bool) -> None:
        text = self._text
        match = _LINE.match(text, start, stop)
        kind = match.lastgroup if match else None
        if match is None or kind == "blank":
            self._blank()
            return
        indent = match.end("indent") - start
        if indent and "\t" in match["indent"]:
            indent = len(match["indent"].expandtabs(_TAB))
        if self._no_prose(match, kind, indent, stop):
            self._after_blank = False
            return
        if bars and (kind == "indent" or self._table) and (cells := self._cells(match.end(), stop)) is not None:
            self._finish()
            self._row_of(cells, stop)
        elif bars and text.count("|", match.end(), stop) > MAX_COLUMNS:
            self._finish()
            for piece in _PIECE.finditer(text, match.end(), stop):
                self._spans.append(piece.span())
                self._finish()
        elif kind == "rule":
            self._underline(match)
        else:
            self._begin(match, kind, indent)
            self._content(match, kind, stop, html=html)
        self._after_blank = False

    def _no_prose(self, match: re.Match[str], kind: str | None, indent: int, stop: int) -> bool:
        """Tell whether a line is code by its indentation, BibTeX or JSON."""
        text = self._text
        if self._braces or (kind == "bibtex" and not self._spans):
            line = text[match.start() : stop]
            self._braces += line.count("{") - line.count("}")
            self._braces = max(self._braces, 0)
            return True
        if kind == "json":
            return True
        self._code = self._is_code(match, kind, indent)
        return self._code

    def _is_code(self, match: re.Match[str], kind: str | None, indent: int) -> bool:
        """Tell code by its indentation, which in a list counts from the words of the item."""
        in_list = self._list >= 0
        if not self._fences or self._spans or self._lists or indent < _TAB + (self._words if in_list else 0):
            return False
        if in_list and (kind == "item" or not (self._after_blank or self._code)):
            return False
        return self._text.find("<", match.end(), match.end() + 1) < 0

    def _begin(self, match: re.Match[str], kind: str | None, indent: int) -> None:
        """Close the open block where a line begins a new one."""
        if kind == "hash":
            self._finish()
            self._form, self._depth = Form.HEADING, len(match["hash"].rstrip())
        elif kind == "item" and self._is_item(match):
            self._finish()
            self._form, self._depth, self._marker = Form.ITEM, indent, _marker(match)
            self._list = indent
            marker = match.end() - match.end("indent")
            self._words = indent + (max(marker, _TAB) if "\t" in match[0] else marker)
        elif kind == "bold" and self._is_heading(match):
            self._finish()
            self._form, self._depth = Form.HEADING, BOLD_LEVEL
        elif kind == "key" and self._spans and (self._keyed or match["key"][0] == "*"):
            self._finish()
        if not self._spans:
            self._keyed = kind == "key"
            if self._after_blank and self._form is Form.TEXT:
                self._list = self._list if indent and self._list >= 0 else -1
                self._depth = indent

    def _is_item(self, match: re.Match[str]) -> bool:
        """Tell a numbered item from a line of a paragraph that begins with a number."""
        if match["part"] is None or not self._spans:
            return True
        before = self._text[max(self._spans[-1][1] - 3, 0) : self._spans[-1][1]].rstrip()
        return before[-1:] in _ENDS or before[-1:] in (":", "") or self._form is Form.ITEM

    def _is_heading(self, match: re.Match[str]) -> bool:
        words = match["bold"].strip(" \t*_")
        return not self._spans and words[-1:] not in _ENDS

    def _content(self, match: re.Match[str], kind: str | None, stop: int, *, html: bool) -> None:
        """Take what a line says, behind its marker."""
        text = self._text
        start = match.start(kind) if kind in ("bold", "key", "bibtex") else match.end()
        if kind == "hash" and (closing := _CLOSING_HASHES.search(text, max(start, stop - 120), stop)):
            stop = closing.start()
        if html and (self._lists or text.find("<", start, stop) >= 0):
            self._structure(start, stop)
        elif stop > start:
            self._spans.append((start, stop))
        if kind == "item" and (match["clause"] or match["word"]) and self._is_title(start, stop):
            self._form, self._depth = Form.HEADING, TITLE_LEVEL
        if self._form is Form.HEADING and kind in ("hash", "bold", "item"):
            self._finish()

    def _is_title(self, start: int, stop: int) -> bool:
        """Tell whether the words behind a section's number are its title, and the section begins below."""
        words = self._text[start:stop].strip()
        return 0 < len(words) <= (LONGEST_TITLE if words.isascii() else LONGEST_TITLE // 3) and words[-1] not in _STOPS

    def _underline(self, match: re.Match[str]) -> None:
        """Take a line of marks: what stands above it in one line is a heading, if the line is no mere rule."""
        if self._form is Form.TEXT and len(self._spans) == 1 and match["sign"] not in ("_", ".", ":", None):
            start, stop = self._spans[0]
            line = self._text[start:stop].strip()
            if "\n" not in line and len(line) <= 200 and (line[-1:] not in _ENDS or match["sign"] == "="):
                self._form, self._depth = Form.HEADING, 1 if match["sign"] == "=" else 2
        self._finish()

    def _structure(self, start: int, stop: int) -> None:
        """Take a line of HTML: tags of headings, items and cells part blocks."""
        position = start
        for tag in _STRUCTURE.finditer(self._text, start, stop):
            if tag.start() > position:
                self._spans.append((position, tag.start()))
            position = tag.end()
            name = tag[2].casefold()
            if name != "br":
                self._finish()
                self._tag(name, closes=bool(tag[1]))
        if stop > position:
            self._spans.append((position, stop))

    def _tag(self, name: str, *, closes: bool) -> None:
        if name in ("ul", "ol", "dl"):
            self._lists = max(self._lists + (-1 if closes else 1), 0)
        elif name == "tr" and not closes:
            self._row += 1
            self._column = 0
        elif closes and name not in ("p", "div"):
            self._form, self._marker = Form.TEXT, ""
        elif name[0] == "h" and name != "hr":
            self._form, self._depth = Form.HEADING, int(name[1])
        elif name in ("li", "dd"):
            self._form, self._depth, self._marker = Form.ITEM, _TAB * self._lists, name
        elif name in ("td", "th"):
            self._form, self._depth, self._marker = Form.CELL, self._column, "header" if name == "th" else ""
            self._column += 1

    def _cells(self, start: int, stop: int) -> list[tuple[int, int]] | None:
        """Return the cells of a table's row; None for any other line."""
        text = self._text
        outer = text.startswith("|", start)
        bar = start if outer else text.find("|", start, stop)
        if bar < 0 or not (outer or self._table or self._separated(stop)):
            return None
        bars = [match.start() for match in _BAR.finditer(text, start + outer, stop)]
        if len(bars) > MAX_COLUMNS:
            return None
        return list(zip([start + outer, *(one + 1 for one in bars)], [*bars, stop], strict=True))

    def _separated(self, stop: int) -> bool:
        """Tell whether the next line parts a table's header from its rows."""
        text = self._text
        following = text.find("\n", stop + 1)
        following = len(text) if following < 0 else following
        return stop + 1 < len(text) and _SEPARATOR.match(text, stop + 1, following) is not None

    def _row_of(self, cells: list[tuple[int, int]], stop: int) -> None:
        text = self._text
        if not text[cells[0][0] : stop].strip(" \t|:-"):
            self._table = True
            return
        header = not self._table and self._separated(stop)
        self._row += 1
        self._table = self._table or header
        for column, (start, end) in enumerate(cells):
            self._form, self._depth, self._marker = Form.CELL, column, "header" if header else ""
            if end > start:
                self._spans.append((start, end))
            self._finish()
        self._form, self._marker = Form.TEXT, ""

    def _finish(self) -> None:
        """Close the open block."""
        if not self._spans:
            return
        block = write(
            self._text, self._spans, self._offset, self._form, self._depth, self._marker,
            self._row if self._form is Form.CELL else 0,
        )  # fmt: skip
        self._spans = []
        if block is not None:
            self._form, self._depth, self._marker = Form.TEXT, 0, ""
            self._done.append(block)


def _marker(match: re.Match[str]) -> str:
    """Name the kind of an item's marker, so that items of one list are known."""
    for kind in ("bullet", *_OF_KINDS):
        if match[kind] is not None:
            if kind in ("bullet", "part"):
                return f"{kind}{match[kind].strip()[:1]}" if kind == "bullet" else f"part{match[kind].count('.')}"
            return f"{kind}(" if match[kind][0] == "(" else kind
    return ""
