"""A sentence as a row of symbols: its words by kind, its territories as places.

"in the European Union, the United Kingdom or South Korea" becomes IN PLACE, whichever territories a text names and
however it joins, excludes or turns them round; patterns then stay short (see `config/phrases/notation.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from config.phrases.notation import (
    ASK,
    BAR,
    BREAK,
    CLOSE,
    COLON,
    COMMA,
    DASH,
    DEMONYM,
    INSIDE,
    NAME,
    NOUN,
    OPEN,
    OUTSIDE,
    PEOPLE,
    PEOPLE_OUTSIDE,
    PLACES,
    QUOTE,
    WORD,
    WORLD_EXCEPT,
)
from config.territories import load_territories

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from config.phrases import Grammar
    from config.phrases import Place as PlaceRule

_SIGNS = {
    ",": COMMA, "、": COMMA, "，": COMMA, "/": COMMA, "&": COMMA, "·": COMMA, "・": COMMA, "+": COMMA, "،": COMMA,
    ";": BREAK, "。": BREAK, ":": COLON, "(": OPEN, "[": OPEN, "【": OPEN, ")": CLOSE, "]": CLOSE, "】": CLOSE,
    '"': QUOTE, "|": BAR, "?": ASK, "-": DASH, "؛": BREAK, "؟": ASK,
}  # fmt: skip
# What models are called, and few other things: Kestrel-7B, GPT-J, Umbel-Mini.
_NAME = re.compile(r"[A-Z][A-Za-z]*+(?:[-.]?[0-9][A-Za-z0-9]*+|-[A-Z][A-Za-z0-9]*+)(?:[-.][A-Za-z0-9]++)*+")
_LONGEST_NAME = 64  # letters
_NUMBERED = re.compile(r"[^0-9]*[0-9]")
# Short words that French and Italian write as one with the next: l'utilisation, n'est, dell'uso.
_ELIDED = re.compile(
    r"(?<![^\W_])(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quell|un|(?:d[ae]|a|ne|su)ll)'(?=[^\W\d_])", re.IGNORECASE
)
_AMENDING = frozenset({"except", "with"})
_ROUNDS = 2  # brackets behind one territory of a list leave a list that is joined in the second
_TURNED = {INSIDE: OUTSIDE, OUTSIDE: INSIDE, WORLD_EXCEPT: INSIDE, PEOPLE: PEOPLE_OUTSIDE, PEOPLE_OUTSIDE: PEOPLE}
_OF_PEOPLE = {
    INSIDE: PEOPLE, DEMONYM: PEOPLE, OUTSIDE: PEOPLE_OUTSIDE, WORLD_EXCEPT: PEOPLE_OUTSIDE,
    PEOPLE: PEOPLE, PEOPLE_OUTSIDE: PEOPLE_OUTSIDE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Territories as a text means them.

    Attributes:
        codes: the territories named.
        form: symbol of the place: inside them, outside them, everywhere but there, or people of either.
        bare: the name is also another word, and counts only beside a territory whose name is not.
        coded: the name is a code ("CN"); two of them in one list are no other words.
        origin: begin and end, in the file, of the definition by which the text means these; None where it names them.
    """

    codes: tuple[str, ...]
    form: str
    bare: bool = False
    coded: bool = False
    origin: tuple[int, int] | None = None

    def turned(self) -> Place:
        """Return the places that are not these."""
        return replace(self, form=_TURNED.get(self.form, self.form))


@dataclass(frozen=True, slots=True)
class Named:
    """A place where a text names it."""

    start: int
    end: int
    place: Place


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence by symbols.

    Attributes:
        symbols: one character a token.
        spans: begin and end of each token in the sentence.
        places: token to place.
    """

    symbols: str
    spans: tuple[tuple[int, int], ...]
    places: dict[int, Place]

    def span(self, match: re.Match[str]) -> tuple[int, int]:
        """Return begin and end, in the sentence, of the tokens that a pattern has matched."""
        if match.start() == match.end():
            return 0, 0
        return self.spans[match.start()][0], self.spans[match.end() - 1][1]

    def places_in(self, start: int, end: int) -> Iterator[Place]:
        """Yield the places of some tokens, in order."""
        for token in range(start, end):
            if token in self.places and self.symbols[token] in PLACES:
                yield self.places[token]


def make_row(text: str, named: Sequence[Named], grammar: Grammar, titles: Collection[str] = ()) -> Row:
    """Turn a sentence to symbols, and join its territories to places.

    Args:
        text: the sentence.
        named: where it names places.
        grammar: its language.
        titles: words in small letters that name the model, by the title of the text.
    """
    row = _tokens(_ELIDED.sub(lambda match: f"{match[0][:-1]} ", text), named, grammar, titles)
    for _ in range(_ROUNDS):
        before = row.symbols
        for rule in grammar.places:
            row = _apply(rule, row)
        if row.symbols == before:
            break
    return _without_bare(row)


def _tokens(text: str, named: Sequence[Named], grammar: Grammar, titles: Collection[str]) -> Row:
    symbols: list[str] = []
    spans: list[tuple[int, int]] = []
    places: dict[int, Place] = {}
    position = 0
    for one in (*named, None):
        for symbol, span in _words(text, position, len(text) if one is None else one.start, grammar, titles):
            symbols.append(symbol)
            spans.append(span)
        if one is not None:
            places[len(symbols)] = one.place
            symbols.append(one.place.form)
            spans.append((one.start, one.end))
            position = one.end
    return Row("".join(symbols), tuple(spans), places)


def _words(
    text: str, start: int, end: int, grammar: Grammar, titles: Collection[str]
) -> Iterator[tuple[str, tuple[int, int]]]:
    first = len(text) - len(text.lstrip())
    for match in grammar.lexicon.pattern.finditer(text, start, end):
        if match.lastgroup == "entry":
            symbol = grammar.lexicon.symbol(match[0])
        elif match.lastgroup == "word":
            symbol = NAME if _names_model(match[0], grammar, titles) else WORD
            if symbol == WORD and grammar.capital_nouns and match[0][0].isupper():
                symbol = grammar.lexicon.head(match[0], grammar.heads)
                symbol = WORD if symbol == NOUN and match.start() == first else symbol
        else:
            symbol = _SIGNS.get(match[0], "")
            if symbol == DASH and not _stands_apart(text, match.start()):
                continue
        if symbol:
            yield symbol, match.span()


def _names_model(word: str, grammar: Grammar, titles: Collection[str]) -> bool:
    """Tell whether a word is what a model is called; "Handy-App" is not, in a language with nouns like that."""
    if word.casefold() in titles:
        return True
    return (
        len(word) <= _LONGEST_NAME
        and _NAME.fullmatch(word) is not None
        and (not grammar.capital_nouns or _NUMBERED.match(word) is not None)
    )


def _stands_apart(text: str, position: int) -> bool:
    return text[position - 1 : position].isspace() or text[position + 1 : position + 2].isspace()


def _apply(rule: PlaceRule, row: Row) -> Row:
    for pattern in rule.patterns:
        if row.places and pattern.search(row.symbols) is not None:
            row = _amended(rule, pattern, row) if rule.becomes in _AMENDING else _rewrite(rule, pattern, row)
    return row


def _amended(rule: PlaceRule, pattern: re.Pattern[str], row: Row) -> Row:
    """Take the other places of each match out of its first one or into it, and leave the words between."""
    symbols = list(row.symbols)
    places = dict(row.places)
    for match in pattern.finditer(row.symbols):
        tokens = [token for token in range(*match.span()) if token in places]
        if not tokens:
            continue
        first, *others = tokens
        codes = places[first].codes
        named = [code for token in others for code in places.pop(token).codes]
        codes = without(codes, named) if rule.becomes == "except" else tuple(dict.fromkeys((*codes, *named)))
        places[first] = replace(places[first], codes=codes)
        for token in others:
            symbols[token] = WORD
    return Row("".join(symbols), row.spans, places)


def _rewrite(rule: PlaceRule, pattern: re.Pattern[str], row: Row) -> Row:
    """Put one place for each match of a pattern."""
    matches = [match for match in pattern.finditer(row.symbols) if match.end() > match.start()]
    if not matches:
        return row
    symbols: list[str] = []
    spans: list[tuple[int, int]] = []
    places: dict[int, Place] = {}

    def keep(start: int, end: int) -> None:
        for token in range(start, end):
            if token in row.places:
                places[len(spans)] = row.places[token]
            spans.append(row.spans[token])
        symbols.append(row.symbols[start:end])

    position = 0
    for match in matches:
        keep(position, match.start())
        position = match.end()
        here = [row.places[token] for token in range(*match.span()) if token in row.places]
        place = _combined(rule.becomes, here)
        if place is not None:
            places[len(spans)] = place
        symbols.append(WORD if place is None else place.form)
        spans.append(row.span(match))
    keep(position, len(row.symbols))
    return Row("".join(symbols), tuple(spans), places)


def _combined(becomes: str, here: Sequence[Place]) -> Place | None:
    if not here or becomes == "nothing":
        return None
    first, *others = here
    if becomes == "union":
        codes = tuple(dict.fromkeys(code for place in here for code in place.codes))
        codes_only = len(codes) > 1 and all(place.coded for place in here)
        bare = all(place.bare for place in here) and not codes_only
        return replace(first, codes=codes, bare=bare, origin=_origin(here))
    if becomes == "minus":
        return replace(first, codes=without(first.codes, [code for place in others for code in place.codes]))
    if becomes == "outside":
        return first.turned()
    if becomes == "world-except":
        return replace(first, form=WORLD_EXCEPT)
    if becomes == "people":
        return replace(first, form=_OF_PEOPLE[first.form])
    return replace(first, bare=all(place.bare for place in here))  # "CN (China)" is China


def _origin(here: Sequence[Place]) -> tuple[int, int] | None:
    return next((place.origin for place in here if place.origin), None)


def without(codes: Sequence[str], taken: Sequence[str]) -> tuple[str, ...]:
    """Take territories out of a list; a group that holds one of them is written as its other members."""
    groups = load_territories().groups
    kept: list[str] = []
    for code in codes:
        members = groups[code].members if code in groups else ()
        if any(one in members for one in taken):
            kept += [one for one in members if one not in taken]
        elif code not in taken:
            kept.append(code)
    return tuple(dict.fromkeys(kept))


def _without_bare(row: Row) -> Row:
    """Take names for words that stand alone and may be ones, and lists of which nothing is left."""
    dropped = [token for token, place in row.places.items() if place.bare or not place.codes]
    if not dropped:
        return row
    symbols = list(row.symbols)
    for token in dropped:
        symbols[token] = WORD
    places = {token: place for token, place in row.places.items() if token not in dropped}
    return Row("".join(symbols), row.spans, places)
