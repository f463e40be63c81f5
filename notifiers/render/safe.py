"""What a string from a stranger must go through before a person sees it, whatever the format.

Characters that hide, reorder or forge text (control characters, bidirectional overrides, zero-width marks, tag
characters, lone surrogates) become visible as `‹U+202E›`; Unicode UTS #36 and UAX #9 describe what they can do.
Markup is each renderer's own business.
"""

import re

LIMIT_NAME = 120  # the Hub's ids have at most 96 characters; longer ones come from elsewhere
LIMIT_WORDS = 600  # a quote or a sentence longer than this is read at its source
_MAX_COMBINING = 3  # marks on one letter; Vietnamese and Hebrew need two or three, "zalgo" text has dozens

_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_COMBINING = "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_UNSEEN_PATTERN = re.compile(f"[{_UNSEEN}]")
_HEAP_PATTERN = re.compile(f"([{_COMBINING}]{{{_MAX_COMBINING}}})[{_COMBINING}]+")
_CUT_MARK_PATTERN = re.compile("‹[^›]{0,7}$")
_SURROGATE_PATTERN = re.compile("[\ud800-\udfff]")
_SHORT = {"\n": "⏎", "\t": "⇥"}


def visible(text: str, limit: int | None = None) -> str:
    """`text` on one line with nothing hidden in it, at most `limit` characters long (the last one is then …)."""
    if limit is not None:
        text = text[: limit + 1]
    shown = _HEAP_PATTERN.sub(r"\1…", _UNSEEN_PATTERN.sub(_mark, text))
    if limit is not None and len(shown) > limit:
        shown = _CUT_MARK_PATTERN.sub("", shown[: limit - 1]) + "…"
    return shown


def quotation(text: str, limit: int = LIMIT_WORDS) -> str:
    """Like `visible`, with each run of white space as one space: how a passage is quoted inside a sentence."""
    return visible(" ".join(text.split()), limit)


def encodable(text: str) -> str:
    """`text` as UTF-8 can hold it: lone surrogates become U+FFFD."""
    return _SURROGATE_PATTERN.sub("\ufffd", text)


def escape_unseen_json(text: str) -> str:
    r"""JSON text with every unseen character as `\uXXXX`; the value it stands for stays the same."""
    return _UNSEEN_PATTERN.sub(_json_escape, text)


def _mark(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character) or f"‹U+{ord(character):04X}›"


def _json_escape(match: re.Match[str]) -> str:
    character = match.group()
    if character < " ":
        return character  # inside strings the encoder escaped these; outside they are the line breaks
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
