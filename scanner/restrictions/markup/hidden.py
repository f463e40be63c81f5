"""What of a text a reader does not see, or sees as an example: taken out, with everything else left in its place.

HTML comments, code fences, elements such as <pre> and <script>, struck-out words. Spec:
https://spec.commonmark.org/0.31.2/ and GitHub's ~~ extension, as far as needed. One search from beginning to end;
nothing is searched twice, so that a text of nothing but openings costs no more than its length.
"""

from __future__ import annotations

import re
from functools import lru_cache

from scanner.restrictions.markup.characters import INVISIBLE

_OPENING = re.compile(r"<(?:!--|(?i:script|style|template|svg|pre|code|del|s|strike)(?=[\s>/])[^<>]{0,300}>)|```|~~")
_NAME = re.compile(r"<([a-zA-Z]+)")
_BEFORE_FENCE = re.compile(r"[ \t>]{0,40}(?:(?:[-*+]|[0-9]{1,3}[.)])[ \t]{1,4})?")
_AFTER_FENCE = re.compile(r"`{3,}+[^`\n]*+(?:\n|\Z)|~{3,}+[^~\n]*+(?:\n|\Z)")
_MARKERS = re.compile(r"`++|~++")
_REST = re.compile(r"[ \t]*+(?:\n|\Z)")
_STRUCK = re.compile(r"~~(?!~)(?:[^~\n]|~(?!~)|\n(?!\s*\n)){1,2000}?~~(?!~)")
_QUOTE_ENDS = re.compile(r"\n(?![ \t]{0,3}>)")
_LONGEST_PREFIX = 60
_SHORTEST_UNDERLINE = 4
_NEARLY = 3


def hide(text: str, *, fences: bool) -> str:
    """Return a text of the same length in which hidden parts are INVISIBLE.

    Args:
        text: the folded text.
        fences: hide code; without it, only the marks around code are hidden, as a licence may stand in a fence.
    """
    return _Hiding(text, fences=fences).run()


class _Hiding:
    def __init__(self, text: str, *, fences: bool) -> None:
        self._text = text
        self._fences = fences
        self._unclosed: set[str] = set()
        self._quote_end = 0  # of the quote that was looked at last

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
        mark = match[0]
        if mark == "<!--":
            close = self._text.find("-->", match.end())
            end = len(self._text) if close < 0 else close + 3
            return match.start(), end, end
        if mark[0] == "<":
            return self._element(match)
        return self._fence(match) or self._struck(match)

    def _element(self, match: re.Match[str]) -> tuple[int, int, int]:
        start, end = match.span()
        name = _NAME.match(match[0])[1].casefold()  # type: ignore[index]
        if name in self._unclosed or match[0].endswith("/>") or (name in ("pre", "code") and not self._fences):
            return start, start, end
        close = _closing(name).search(self._text, end)
        if close is None:
            self._unclosed.add(name)
            return start, start, end
        if name == "code" and self._text.find("\n", end, close.start()) < 0:
            return start, start, close.end()  # words in a line
        return start, close.end(), close.end()

    def _fence(self, match: re.Match[str]) -> tuple[int, int, int] | None:
        text, hit = self._text, match.start()
        line = text.rfind("\n", max(hit - _LONGEST_PREFIX, 0), hit) + 1
        if not line and hit > _LONGEST_PREFIX:
            return None
        before = _BEFORE_FENCE.match(text, line, hit)
        opening = _AFTER_FENCE.match(text, hit)
        if opening is None or before is None or before.end() != hit or self._underlines(line, opening[0].rstrip()):
            return None
        if not self._fences:
            end = opening.end() - opening[0].endswith("\n")
            return hit, end, end
        marker = _MARKERS.match(text, hit)[0]  # type: ignore[index]
        stop = self._end_of_quote(hit) if ">" in before[0] else len(text)
        end = self._fence_end(marker, min(opening.end(), stop), stop)
        return hit, end, end

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

    def _fence_end(self, marker: str, position: int, stop: int) -> int:
        text = self._text
        while (hit := text.find(marker, position, stop)) >= 0:
            run = _MARKERS.match(text, hit, stop)
            position = run.end()  # type: ignore[union-attr]
            rest = _REST.match(text, position)
            line = text.rfind("\n", max(hit - _LONGEST_PREFIX, 0), hit) + 1
            if rest is not None and line and not text[line:hit].strip(" \t>"):
                return position
        return stop

    def _struck(self, match: re.Match[str]) -> tuple[int, int, int]:
        start = match.start()
        struck = _STRUCK.match(self._text, start) if match[0] == "~~" else None
        if struck is not None:
            return start, struck.end(), struck.end()
        return start, start, _MARKERS.match(self._text, start).end()  # type: ignore[union-attr]


@lru_cache(maxsize=16)
def _closing(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{name}\s{{0,9}}>", re.IGNORECASE)
