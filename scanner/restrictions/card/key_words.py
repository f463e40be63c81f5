"""The words of values in cards' metadata: yes and no, nothing and everywhere, and the patterns made of them.

The words are those of `limit_keys.toml`; texts are folded before they are compared.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from config.limit_keys import load_limit_keys
from config.territory_names import fold

MAX_NAME = 120  # characters of one name with what stands around it

_FLAG = re.compile("([\U0001f1e6-\U0001f1ff])([\U0001f1e6-\U0001f1ff])")
_FLAG_LETTERS = 0x1F1E6
_SIGNS = r"[,;/|、，；／・·\n]|\s[-–—]\s|:\s"
_NO_LETTER_BEFORE, _NO_LETTER_BEHIND = r"(?<![^\W_\u2e80-\uffef])", r"(?![^\W_\u2e80-\uffef])"


def is_nothing(value: Any) -> bool:
    """Tell whether a value says that there is none."""
    if isinstance(value, str):
        return is_word(value, "nothing") or not value.strip()
    return value is None or value is False or (isinstance(value, list | dict) and not value)


def is_none(value: Any) -> bool:
    """Tell whether a whole value is a word for no; in capitals it is Norway's code."""
    return isinstance(value, str) and is_word(value, "no") and value.strip() != "NO"


def is_world(value: Any) -> bool:
    """Tell whether a value is a word for every territory, by itself or in a list."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    return isinstance(value, str) and is_word(clean(value[:MAX_NAME]), "world")


def read_answer(value: Any) -> bool | None:
    """Read a yes or a no; None where it is neither."""
    if isinstance(value, bool):
        return value
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str) or len(text) > MAX_NAME:
        return None
    if is_word(text, "yes"):
        return True
    return False if is_word(text, "no") else None


def says_no(text: str) -> bool:
    """Tell whether a text, or what stands in brackets or behind a mark in it, is a word for no."""
    parts = re.split(r"[()\[\]:：,，]|\s[-–—]\s|—", clean(text)[:MAX_NAME])
    return any(is_word(part, "no") for part in parts[1:])


def clean(text: str) -> str:
    """Write full-width forms, flags and white space in one way."""
    text = _FLAG.sub(lambda match: f" {_letter(match[1])}{_letter(match[2])} ", text)
    return re.sub(r"[^\S\n]+", " ", unicodedata.normalize("NFKC", text)).strip()


def _letter(flag: str) -> str:
    return chr(ord("A") + ord(flag) - _FLAG_LETTERS)


def is_word(text: str, kind: str) -> bool:
    """Tell whether a text is a word of a kind."""
    return len(text) <= MAX_NAME and fold(text.strip().strip("。.!")) in _words(kind)


@lru_cache(maxsize=32)
def _words(kind: str) -> frozenset[str]:
    return frozenset(map(fold, getattr(load_limit_keys().values, kind)))


def _any(*kinds: str, signs: bool = True) -> str:
    """Write the words of some kinds as alternatives, the longest first; those in letters stand apart from others."""
    groups: dict[tuple[bool, bool], list[str]] = {}
    words = sorted({fold(word) for kind in kinds for word in _words(kind)}, key=lambda word: (-len(word), word))
    for word in words:
        if not signs and not any(map(str.isalnum, word)):
            continue
        groups.setdefault((_is_letter(word[0]), _is_letter(word[-1])), []).append(re.escape(word))
    return "(?:" + "|".join(_group(*apart, found) for apart, found in groups.items()) + ")"


def _group(before: bool, behind: bool, words: list[str]) -> str:
    joined = f"(?:{'|'.join(words)})"
    return (_NO_LETTER_BEFORE if before else "") + joined + (_NO_LETTER_BEHIND if behind else "")


def _is_letter(character: str) -> bool:
    return character.isalnum() and character < "\u2e80"


@lru_cache(maxsize=1)
def forms() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Return the forms of a whole value, and what each makes of the list in it."""
    world, between = rf"(?:(?P<world>{_any('world')})[\s,(\[:–—の的-]*)?", r"(?:territories|countries|regions)\b\s*"
    excepting, after = _any("excepting"), _any("except_after")
    rest, end = r"(?P<rest>[^\n]{1,400}?)", rf"[)\]\s.]*(?:の|的)?\s*(?P<world_behind>{_any('world')})?"
    forms = (
        (
            rf"{world}(?:{between})?{excepting}[\s:]*{rest}(?:\s*{_any('except_after', 'outside_after')})?{end}",
            "except",
        ),
        (rf"{world}{rest}\s*{after}{end}", "except"),
        (rf"{_any('outside')}\s*{rest}", "outside"),
        (rf"{rest}\s*{_any('outside_after')}{end}", "outside"),
        (rf"{_any('only')}\s*:?\s*{rest}", "only"),
        (rf"{rest}\s*{_any('only_after')}", "only"),
    )
    return tuple((re.compile(form), reading) for form, reading in forms)


@lru_cache(maxsize=1)
def reduced() -> re.Pattern[str]:
    """Return the form of territories without some of them."""
    excepting, after = _any("excepting", signs=False), _any("except_after", "outside_after")
    return re.compile(
        rf"(?P<all>[^()\n]{{1,200}}?)\s*[(,]?\s*(?:{excepting}\s*(?P<but>[^()\n]{{1,200}}?)(?:\s*{after})?)[)\s.]*"
    )


@lru_cache(maxsize=1)
def separators() -> re.Pattern[str]:
    """Return the pattern of what stands between names."""
    return re.compile(rf"{_SIGNS}|\s*{_any('joiners')}\s*")


@lru_cache(maxsize=1)
def negated() -> re.Pattern[str]:
    """Return the form of a name with a negation before it."""
    return re.compile(rf"(?:{_any('negation')}[\s-]?|-)(?P<rest>.+)")


@lru_cache(maxsize=1)
def surrounded() -> re.Pattern[str]:
    """Return the form of a name with words around it that are no part of it."""
    return re.compile(rf"(?:{_any('people')}\s*)?(?P<rest>.+?)(?:\s*{_any('people_after')})?")
