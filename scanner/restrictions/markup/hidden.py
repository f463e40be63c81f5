"""What of a text a reader does not see, or sees as an example: taken out, with everything else left in its place.

HTML comments, code fences, elements such as <pre> and <script>, struck-out words. Spec:
https://spec.commonmark.org/0.31.2/ and GitHub's ~~ extension, as far as needed. One search from beginning to end;
nothing is searched twice, so that a text of nothing but openings costs no more than its length.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from scanner.restrictions.markup.characters import INVISIBLE
from scanner.restrictions.markup.tags import UNSEEN, Tags, is_unseen, opening_or_closing

_OPENING = re.compile(
    r"(?:\\[\\<`~\[])++"
    rf"|<(?:!--|\?|!\[CDATA\[|![a-zA-Z]|(?i:(?:{UNSEEN})(?=[\s>/])|[a-z][a-z0-9-]{{0,30}}+(?=\s)))"
    r"|`++|~~++|\[(?=[^\[\]\n^][^\[\]\n]{0,300}+\]:)"
)
_ELEMENT = re.compile(rf"<(?i:{UNSEEN})(?=[\s>/])")
_NAME = re.compile(r"<([a-zA-Z][a-zA-Z0-9-]*)")
_COMMENT_END = re.compile(r"--!?>")
_EMPTY_COMMENT = re.compile(r"<!--(?:-?>)")
_PARAGRAPH_END = re.compile(r"\n(?=[ \t>]*+(?:\n|\Z|```|~~~|#{1,6}[ \t]|[-*+][ \t]|[0-9]{1,3}[.)][ \t]))")
_TICKS = re.compile(r"`++")
_LONGEST_TICKS = 80
_LINE_START = re.compile(r"[ \t]{0,3}(?:>[ \t]{0,3}|(?:[-*+]|[0-9]{1,3}[.)])[ \t]{1,4}){0,9}")
_DEFINITION = re.compile(
    r"\[[^\[\]\n]{1,300}+\]:[ \t]*+(?:\n[ \t]*+)?(?:<[^<>\n]*+>|[^\s<]\S*+)"
    r"(?:(?:[ \t]++|[ \t]*+\n[ \t]*+)(?:"
    r"\"(?:[^\"\\\n]|\\.|\n(?![ \t]*\n))*+\"|'(?:[^'\\\n]|\\.|\n(?![ \t]*\n))*+'"
    r"|\((?:[^()\\\n]|\\.|\n(?![ \t]*\n))*+\)))?+[ \t]*+(?=\n|\Z)"
)
_ABOVE_DEFINITION = re.compile(r"(?:^|\n)(?:[ \t>]*|[ \t]{0,3}#{1,6}[ \t][^\n]*)\n[ \t>]{0,9}\Z|\A[ \t>]{0,9}\Z")
_BEFORE_FENCE = re.compile(r"[ \t>]{0,40}(?:(?:[-*+]|[0-9]{1,3}[.)])[ \t]{1,4})?")
_AFTER_FENCE = re.compile(r"`{3,}+[^`\n]*+(?:\n|\Z)|~{3,}+[^~\n]*+(?:\n|\Z)")
_MARKERS = re.compile(r"`++|~++")
_REST = re.compile(r"[ \t]*+(?:\n|\Z)")
_STRUCK = re.compile(
    r"~~(?![~\s])(?:[^~\n\\`]|\\.|\\|(?>`[^`\n]{0,200}+`|`)|~(?!~)|\n(?![ \t]*\n)){1,2000}+(?<!\s)~~(?!~)"
)
_QUOTE_ENDS = re.compile(r"\n(?![ \t]{0,3}>)")
_ITEM = re.compile(r"[ \t]{0,20}(?:[-*+]|[0-9]{1,3}[.)])[ \t]{1,4}")
_ANY_ITEM = re.compile(r"(?:[-*+]|[0-9][.)])[ \t]")
_FAR_ABOVE = 240  # characters, in which the beginning of an item is looked for
_LONGEST_PREFIX = 60
_SHORTEST_UNDERLINE = 4
_NEARLY = 3
_FEW_LINES = 3  # that a comment without an end may hide
_FEW_CHARACTERS = 600
_LONG_TAG = 500


def hide(text: str, *, fences: bool) -> str:
    """Return a text of the same length in which hidden parts are INVISIBLE.

    Args:
        text: the folded text.
        fences: hide code; without it, only the marks around code are hidden, as a licence may stand in a fence.
    """
    return _Hiding(text, fences=fences).run()


class _Ends:
    """Finds ends of comments; where there is none is looked for once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._none: dict[str, tuple[int, int]] = {}

    def get(self, mark: str, start: int, stop: int) -> int:
        """Return where the first mark ends between two places; 0 where there is none."""
        begin, end = self._none.get(mark, (0, 0))
        if begin <= start and stop <= end:
            return 0
        found = _COMMENT_END.search(self._text, start, stop) if mark == "-->" else None
        place = found.end() if found else self._text.find(mark, start, stop) + 1 if mark == ">" else 0
        if not place:
            self._none[mark] = (start, stop)
        return place


class _Hiding:
    def __init__(self, text: str, *, fences: bool) -> None:
        self._text = text
        self._fences = fences
        self._tags = Tags(text)
        self._ends = _Ends(text)
        self._unclosed: dict[str, int] = {}  # up to where elements of a name are known to have no end
        self._quote_end = 0  # of the quote that was looked at last
        self._paragraph_end = 0
        self._ticks: dict[int, list[int]] = {}  # where in the paragraph backticks stand, by their number
        self._closing_fence = -1  # in a licence, whose fences are read
        self._item_ends: dict[int, int] = {}
        self._definition_end = -1

    def run(self) -> str:
        text = self._text
        parts: list[str] = []
        position = searched = 0
        while (match := _OPENING.search(text, searched)) is not None:
            begin, end, searched = self._hidden(match)
            if end > begin:
                parts += (text[position:begin], INVISIBLE * (end - begin))
                position = end
        if not parts:
            return text
        parts.append(text[position:])
        return "".join(parts)

    def _hidden(self, match: re.Match[str]) -> tuple[int, int, int]:
        """Return begin and end of what is hidden (the same where nothing is), and where to go on."""
        mark, start = match[0], match.start()
        if mark[0] == "\\":
            return start, start, match.end()
        if mark[0] == "[":
            return self._definition(start)
        if mark == "<!--":
            return self._comment(start)
        if mark[:2] in ("<!", "<?"):
            close = self._ends.get(">", start, self._end_of_paragraph(start))
            return start, close or start, close or match.end()
        if mark[0] == "<":
            return self._element(match)
        if mark[0] == "`":
            return self._fence(match) or self._code_span(match)
        return self._fence(match) or self._struck(match)

    def _comment(self, start: int) -> tuple[int, int, int]:
        """A comment in a line has its end in the paragraph; one that begins a line may have it anywhere."""
        text = self._text
        if (empty := _EMPTY_COMMENT.match(text, start)) is not None:
            return start, empty.end(), empty.end()
        begins = self._begins_line(start)
        stop = len(text) if begins else self._end_of_paragraph(start)
        close = self._ends.get("-->", start + 4, stop)
        if not close and begins and stop - start < _FEW_CHARACTERS and text.count("\n", start, stop) <= _FEW_LINES:
            close = stop
        return start, close or start, close or start + 4

    def _begins_line(self, start: int) -> bool:
        line = self._text.rfind("\n", max(start - _LONGEST_PREFIX, 0), start) + 1
        if not line and start > _LONGEST_PREFIX:
            return False
        before = _LINE_START.match(self._text, line, start)
        return before is not None and before.end() == start

    def _end_of_paragraph(self, start: int) -> int:
        if start >= self._paragraph_end:
            end = _PARAGRAPH_END.search(self._text, start)
            self._paragraph_end = end.start() + 1 if end else len(self._text)
            self._ticks = {}
        return self._paragraph_end

    def _code_span(self, match: re.Match[str]) -> tuple[int, int, int]:
        """Go on behind code in a line, which is read, but hides nothing."""
        start, end = match.span()
        stop = self._end_of_paragraph(start)
        if not self._ticks:
            for run in _TICKS.finditer(self._text, start, stop):
                self._ticks.setdefault(run.end() - run.start(), []).append(run.start())
        places = self._ticks.get(end - start, [])
        behind = bisect_right(places, start)
        if end - start > _LONGEST_TICKS or behind == len(places):
            return start, start, end
        return start, start, places[behind] + end - start

    def _definition(self, start: int) -> tuple[int, int, int]:
        """What a link of another place refers to; it cannot stand within a paragraph."""
        text = self._text
        found = _DEFINITION.match(text, start)
        if found is not None and not self._may_define(start):
            found = None
        if found is None:
            return start, start, start + 1
        self._definition_end = found.end()
        return start, found.end(), found.end()

    def _may_define(self, start: int) -> bool:
        text = self._text
        if self._definition_end >= 0 and text[self._definition_end : start].strip(" \t>") == "\n":
            return True
        return self._begins_line(start) and _ABOVE_DEFINITION.search(text[max(start - 200, 0) : start]) is not None

    def _element(self, match: re.Match[str]) -> tuple[int, int, int]:
        text, start = self._text, match.start()
        name = _NAME.match(text, start)[1].casefold()  # type: ignore[index]
        end = self._tags.end(start)
        if not end:
            return start, start, match.end()
        tag = text[start:end]
        unseen = _ELEMENT.match(tag) is not None and (name != "pre" or self._fences)
        if not tag.endswith("/>") and (unseen or is_unseen(tag, name)):
            close = self._close(name, start, end, nested=not unseen)
            if close:
                return start, close, close
        if ">" in tag[:-1] or len(tag) > _LONG_TAG or "<" in tag[1:]:
            return start, end, end
        return start, start, end

    def _close(self, name: str, start: int, end: int, *, nested: bool) -> int:
        """Return where an element ends whose tag is given; 0 where it does not.

        What is struck out within a line ends in its paragraph: `<s>` is also what language models begin a text with.
        """
        struck = name in ("s", "strike", "del") and not self._begins_line(start)
        stop = self._end_of_paragraph(start) if struck else len(self._text)
        if stop <= self._unclosed.get(name, -1):
            return 0
        depth = 1
        for tag in opening_or_closing(name).finditer(self._text, end, stop):
            depth += -1 if tag[1] else int(nested)
            if not depth:
                return tag.end()
        self._unclosed[name] = stop
        return 0

    def _fence(self, match: re.Match[str]) -> tuple[int, int, int] | None:
        text, hit = self._text, match.start()
        if hit == self._closing_fence:
            return hit, match.end(), match.end()
        line = text.rfind("\n", max(hit - _LONGEST_PREFIX, 0), hit) + 1
        if not line and hit > _LONGEST_PREFIX:
            return None
        before = _BEFORE_FENCE.match(text, line, hit)
        opening = _AFTER_FENCE.match(text, hit)
        if opening is None or before is None or before.end() != hit or self._underlines(line, opening[0].rstrip()):
            return None
        marker = _MARKERS.match(text, hit)[0]  # type: ignore[index]
        stop = self._end_of_quote(hit) if ">" in before[0] else len(text)
        stop = min(stop, self._end_of_item(line, hit))
        closing, end = self._fence_end(marker, min(opening.end(), stop), stop)
        if self._fences:
            return hit, end, end
        marks = opening.end() - opening[0].endswith("\n")
        self._closing_fence = closing
        return hit, marks, max(marks, closing)  # nothing that is written in a fence hides anything

    def _underlines(self, line: int, marks: str) -> bool:
        """Tell whether a line of tildes is as long as the one above, which it then makes a heading."""
        if marks[0] != "~" or len(marks) < _SHORTEST_UNDERLINE or not line or marks.strip("~"):
            return False
        above = self._text.rfind("\n", max(line - 1 - len(marks) - _NEARLY, 0), line - 1) + 1
        return 0 < line - 1 - above - len(marks) + _NEARLY <= 2 * _NEARLY and self._text[above : line - 1].strip() != ""

    def _end_of_quote(self, hit: int) -> int:
        if hit >= self._quote_end:
            leaves = _QUOTE_ENDS.search(self._text, hit)
            self._quote_end = leaves.start() if leaves else len(self._text)
        return self._quote_end

    def _end_of_item(self, line: int, hit: int) -> int:
        """Return where the list item ends in which a fence stands: at a line that is indented less."""
        text = self._text
        indent = hit - line
        if not indent or ">" in text[line:hit]:
            return len(text)
        content = self._content_of_item(line, indent) if text[line:hit].isspace() else indent
        if not content:
            return len(text)
        if hit >= self._item_ends.get(content, 0):
            leaves = re.compile(rf"\n(?=[ \t]{{0,{content - 1}}}[^ \t\n])").search(text, hit)
            self._item_ends[content] = leaves.start() + 1 if leaves else len(text)
        return self._item_ends[content]

    def _content_of_item(self, line: int, indent: int) -> int:
        """Return where the words begin of the list item that a line goes on with; 0 where there is none."""
        least, begin = indent, max(line - _FAR_ABOVE, 0)
        if _ANY_ITEM.search(self._text, begin, line) is None:
            return 0
        for above in reversed(self._text[begin:line].split("\n")[:-1]):
            item = _ITEM.match(above)
            if item is not None and len(item[0].expandtabs(4)) <= least:
                return len(item[0].expandtabs(4))
            if above and not above.isspace():
                least = min(least, len(above) - len(above.lstrip()))
        return 0

    def _fence_end(self, marker: str, position: int, stop: int) -> tuple[int, int]:
        """Return begin and end of the marks that close a fence; the end of all where nothing closes it."""
        text = self._text
        while (hit := text.find(marker, position, stop)) >= 0:
            run = _MARKERS.match(text, hit, stop)
            position = run.end()  # type: ignore[union-attr]
            rest = _REST.match(text, position)
            line = text.rfind("\n", max(hit - _LONGEST_PREFIX, 0), hit) + 1
            if rest is not None and line and not text[line:hit].strip(" \t>"):
                return hit, position
        return stop, stop

    def _struck(self, match: re.Match[str]) -> tuple[int, int, int]:
        start = match.start()
        struck = _STRUCK.match(self._text, start) if match[0] == "~~" else None
        if struck is not None:
            return start, struck.end(), struck.end()
        return start, start, _MARKERS.match(self._text, start).end()  # type: ignore[union-attr]
