"""Where a sentence names a place: by a territory's name, by a name that the text has defined, or by a word for home."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from config.phrases import load_grammars
from config.phrases.notation import DEMONYM, INSIDE, OUTSIDE
from scanner.restrictions.names import names_territory
from scanner.restrictions.prose.definitions import without_overlap
from scanner.restrictions.prose.rows import Named, Place

if TYPE_CHECKING:
    from config.phrases import Grammar, Home
    from scanner.restrictions.prose.context import Sentence
    from scanner.restrictions.prose.definitions import Terms

LONGEST_CODE = 3  # letters of an ISO 3166-1 code


def may_name(text: str, terms: Terms) -> bool:
    """Tell whether a text names a place at all."""
    return names_territory(text) or means_place(text, terms)


def means_place(text: str, terms: Terms) -> bool:
    """Tell whether a text names a place otherwise than by a territory's name: by a defined name or a word for home."""
    if terms.pattern is not None and terms.pattern.search(text):
        return True
    return _any_home().search(text) is not None


def find_named(sentence: Sentence, grammar: Grammar, terms: Terms) -> list[Named]:
    """Find the places of a sentence, in order."""
    text = sentence.text
    named = [
        Named(
            one.start,
            one.end,
            Place(one.codes, DEMONYM if one.people else INSIDE, one.bare, _is_code(text[one.start : one.end])),
        )
        for one in sentence.mentions
    ]
    whole = sentence.whole() if terms.pattern is not None else (0, 0)
    for start, end, place in terms.find(text):
        if place.origin != whole:  # a name in its own definition is only a name
            named.append(Named(start, end, place))
    if grammar.home is not None:
        named += _at_home(text, grammar.home, {one.end for one in named})
    return without_overlap(named)


def _is_code(name: str) -> bool:
    return len(name) <= LONGEST_CODE and name.isascii() and name.isupper()


def _at_home(text: str, home: Home, ends: set[int]) -> list[Named]:
    """Find words for home that no name stands before ("X境内" is in X), and that do not mean both sides (国内外)."""
    return [
        Named(match.start(), match.end(), Place((home.code,), INSIDE if match[0] in home.inside else OUTSIDE))
        for match in _home(home.inside, home.outside).finditer(text)
        if match.start() not in ends
    ]


@lru_cache(maxsize=16)
def _home(inside: tuple[str, ...], outside: tuple[str, ...]) -> re.Pattern[str]:
    words = sorted((*inside, *outside), key=len, reverse=True)
    return re.compile(rf"(?:{'|'.join(map(re.escape, words))})(?![外외])" if words else "(?!)")


@lru_cache(maxsize=1)
def _any_home() -> re.Pattern[str]:
    words = {word for one in load_grammars() if one.home for word in (*one.home.inside, *one.home.outside)}
    return re.compile("|".join(map(re.escape, sorted(words))) or "(?!)")
