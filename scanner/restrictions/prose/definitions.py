"""Names that a text gives to places: "Territory" means worldwide, excluding X.

A definition may rest on another one, so they are read in rounds until nothing new is found. Each name remembers where
its territories stand, so that a limit which only says "outside the Territory" is quoted where a reader finds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from config.phrases.notation import PLACES, QUOTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from config.phrases import Grammar
    from scanner.restrictions.prose.rows import Named, Place, Row

MAX_TERMS = 50  # a text that defines more places does not mean them
MAX_NAME = 80  # characters
ROUNDS = 3  # definitions within definitions
_SHORTEST_STEM = 4  # letters; shorter words keep their form
_MOST_ENDINGS = 6
_LONGEST_ENDING = 12  # letters behind a stem, whatever endings they are
# German, Romance, Polish and Russian; longer ones first.
_ENDINGS = (*["en", "er", "es", "em", "ch", "ze"], *"eaionrsmuyąęаеиойуыьюямхв")


@dataclass(frozen=True, slots=True)
class Terms:
    """Names defined so far, and the pattern that finds them."""

    places: Mapping[str, Place]
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, places: Mapping[str, Place]) -> Terms:
        """Make the pattern of some names; they count as they are written, in singular and plural."""
        if not places:
            return cls({}, None)
        forms = {form: place for name, place in places.items() for form in _forms(name)}
        forms |= {_stem(form): place for form, place in forms.items()}
        spaced = sorted((form for form in forms if form[-1] < "\u2e80"), key=len, reverse=True)
        dense = sorted((form for form in forms if form[-1] >= "\u2e80"), key=len, reverse=True)
        parts = [rf"(?<!\w)(?:{'|'.join(map(_inflected, spaced))})(?!\w)"] if spaced else []
        parts += ["|".join(map(re.escape, dense))] if dense else []
        return cls(forms, re.compile("|".join(parts)))

    def find(self, text: str) -> Iterator[tuple[int, int, Place]]:
        """Yield each use of a name: begin, end and place."""
        if self.pattern is not None:
            for match in self.pattern.finditer(text):
                place = self.places.get(match[0]) or self.places.get(_stem(match[0]))
                if place is not None:
                    yield match.start(), match.end(), place


NO_TERMS = Terms({}, None)


def read_definitions(text: str, row: Row, grammar: Grammar, origin: tuple[int, int]) -> Iterator[tuple[str, Place]]:
    """Yield the names that a sentence gives, each with its place.

    Args:
        text: the sentence.
        row: the sentence as symbols.
        grammar: its language.
        origin: where it stands in the file.
    """
    for rule in grammar.definitions:
        for pattern in rule.patterns:
            for match in pattern.finditer(row.symbols):
                begin, end = match.span("name")
                place = _value(row, match, begin, end)
                if place is None or end <= begin:
                    continue
                name = text[row.spans[begin][0] : row.spans[end - 1][1]].strip("\"' ")
                if _addresses(row.symbols[begin:end], grammar):
                    continue
                quoted = row.symbols[begin] == QUOTE and '"' not in name and " " in name
                if 1 < len(name) <= MAX_NAME and (quoted or _is_a_name(name)):
                    yield name, place if place.origin else replace(place, origin=origin)


def _addresses(symbols: str, grammar: Grammar) -> bool:
    """Tell whether a name is one for those who are spoken to, as "You" and "Licensee" are: it is no place."""
    return set(symbols) <= {QUOTE, grammar.lexicon.symbols.get("YOU", QUOTE)}


def _is_a_name(name: str) -> bool:
    """Tell a name from words that any sentence may hold: it has a capital, or is of a script without them."""
    return '"' not in name and (name != name.lower() or not name.isascii())


def _value(row: Row, match: re.Match[str], name_start: int, name_end: int) -> Place | None:
    for token in range(*match.span()):
        if not name_start <= token < name_end and row.symbols[token] in PLACES:
            return row.places[token]
    return None


def _forms(name: str) -> Iterator[str]:
    yield name
    if name.endswith("ies"):
        yield f"{name[:-3]}y"
    elif name.endswith("y"):
        yield f"{name[:-1]}ies"
    elif name.endswith("s"):
        yield name[:-1]
    elif name[-1].isascii():
        yield f"{name}s"


def _stem(name: str) -> str:
    """Take the endings off its words: "Ausgeschlossenen Personen" is the plural of "Ausgeschlossene Person"."""
    return " ".join(map(_stem_of_word, name.split()))


def _stem_of_word(word: str) -> str:
    for _ in range(_MOST_ENDINGS):
        ending = next((one for one in _ENDINGS if word.endswith(one)), "")
        if not ending or len(word) - len(ending) < _SHORTEST_STEM:
            break
        word = word.removesuffix(ending)
    return word


def _inflected(form: str) -> str:
    """Write a pattern of a name's words with whatever endings; whether they are endings is looked at behind it."""
    words = [
        re.escape(word) + (rf"\w{{0,{_LONGEST_ENDING}}}+" if len(word) >= _SHORTEST_STEM else "")
        for word in form.split()
    ]
    return r"\s".join(words)


def without_overlap(named: list[Named]) -> list[Named]:
    """Keep, of names that overlap, the one that begins first, and of two the longer."""
    kept: list[Named] = []
    for one in sorted(named, key=lambda one: (one.start, -one.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept
