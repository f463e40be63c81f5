"""HTML tags: where they end, and which elements no reader sees. Spec: https://html.spec.whatwg.org/multipage/syntax.html."""

from __future__ import annotations

import re
from functools import lru_cache

UNSEEN = "script|style|template|svg|pre|del|strike|s|title|textarea|noscript"
"""Elements whose content is not shown, shown as an example, or struck out."""

_MAY_BE_HIDDEN_NAMES = (
    "a abbr article aside b big blockquote button caption center cite code dd details dfn div dl dt em fieldset"
    " figcaption figure font footer form h1 h2 h3 h4 h5 h6 header i ins kbd label legend li main mark nav ol p pre q"
    " samp section small span strong sub summary sup table tbody td tfoot th thead tr tt u ul var"
)
_MAY_BE_HIDDEN = frozenset(_MAY_BE_HIDDEN_NAMES.split())
_INSIDE = re.compile(r"<[a-zA-Z][a-zA-Z0-9-]{0,30}+(?:[\s/](?:[^<>\"']|\"[^\"]*+\"|'[^']*+')*+)?")
_QUOTED = re.compile(r"\"[^\"]*+\"|'[^']*+'")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_HIDDEN = re.compile(r"[\s\"']hidden(?=[\s=/]|$)", re.IGNORECASE)
_STYLE = re.compile(r"\sstyle\s{0,9}=\s{0,9}(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++))", re.IGNORECASE)
_NOT_SHOWN = re.compile(
    r"(?<![\w-])(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}(?:hidden|collapse)"
    r"|font-size\s{0,9}:\s{0,9}0(?:\.0*+)?(?:[a-z]{1,4}|%)?\s{0,9}(?:[;!]|$))",
    re.IGNORECASE,
)
_PATIENCE = 4  # times the length of a text, within which the ends of its tags are looked for


class Tags:
    """Finds ends of tags in one text, in time that its length limits."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._patience = _PATIENCE * len(text) + 4096

    def end(self, start: int) -> int:
        """Return where the tag that begins somewhere ends; 0 where it is none."""
        if self._patience <= 0:
            return 0
        inside = _INSIDE.match(self._text, start)
        if inside is None:
            return 0
        self._patience -= inside.end() - start
        if not self._text.startswith(">", inside.end()) or _BLANK_LINE.search(self._text, start, inside.end()):
            return 0
        return inside.end() + 1


def is_unseen(tag: str, name: str) -> bool:
    """Tell whether a tag's attributes keep its element from being shown."""
    if name not in _MAY_BE_HIDDEN:
        return False
    if _HIDDEN.search(_QUOTED.sub('""', tag[1:-1])):
        return True
    style = _STYLE.search(tag)
    return style is not None and _NOT_SHOWN.search(style[1] or style[2] or style[3] or "") is not None


@lru_cache(maxsize=64)
def opening_or_closing(name: str) -> re.Pattern[str]:
    """Return what finds tags of one name, except in code within a line, with a group where they close."""
    return re.compile(rf"<(?<!`<)(?:(/){name}\s{{0,9}}>|{name}(?=[\s/>]))", re.IGNORECASE)
