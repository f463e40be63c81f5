"""A text's sentences as rows, with the names that the text gives to places resolved.

A definition may rest on another one, wherever it stands, so rows are made again as long as new names are found; a text
without definitions, as nearly all are, is gone through once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.restrictions.prose.context import sentences_in
from scanner.restrictions.prose.definitions import MAX_TERMS, NO_TERMS, ROUNDS, Terms, read_definitions
from scanner.restrictions.prose.languages import language_of
from scanner.restrictions.prose.named import find_named
from scanner.restrictions.prose.rows import Place, Row, make_row

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from config.phrases import Grammar
    from scanner.restrictions.markup.passages import Passage
    from scanner.restrictions.prose.context import Sentence

# What is examined of one text: characters of sentences that name a territory, and as many again for each sentence, once
# a grammar. The longest licences met have 50,000; without a bound, a text made for it would cost seconds.
MAX_EXAMINED = 100_000
SENTENCE_COST = 60
_ASKED = ("?", "\uff1f", "\u061f")  # Latin, full-width and Arabic question marks: a name alone may answer
_SAYS_NOTHING = re.compile(r"[\s\d!-/:-@\[-`{-~]*")  # ASCII signs and digits


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence as a row, by one of the grammars that fit it."""

    sentence: Sentence
    grammar: Grammar
    row: Row


@dataclass(frozen=True, slots=True)
class Readings:
    """All sentences of a text that name a place.

    Attributes:
        readings: the sentences in their order, each once a grammar that fits it.
        terms: the names that the text gives to places.
        complete: False where the text goes on behind what was examined.
    """

    readings: tuple[Reading, ...]
    terms: Terms
    complete: bool


def resolve(passages: Sequence[Passage], titles: Collection[str] = (), *, japanese: bool = False) -> Readings:
    """Make rows of a text's sentences, its own names of places included.

    Args:
        passages: the text.
        titles: words in small letters that name the model, by the title of the text.
        japanese: whether the whole text is Japanese.
    """
    places: dict[str, Place] = {}
    made = _make(passages, NO_TERMS, titles, japanese=japanese)
    for _ in range(ROUNDS):
        known = len(places)
        for one in made.readings:
            for name, place in read_definitions(one.sentence.text, one.row, one.grammar, one.sentence.whole()):
                if len(places) < MAX_TERMS:
                    places.setdefault(name, place)
        if len(places) == known:
            break
        made = _make(passages, Terms.of(places), titles, japanese=japanese)
    return made


def _make(passages: Sequence[Passage], terms: Terms, titles: Collection[str], *, japanese: bool) -> Readings:
    readings: list[Reading] = []
    examined = 0
    for sentence in sentences_in(passages, terms):
        if _only_names(sentence) and not sentence.before.rstrip().endswith(_ASKED):
            continue
        for grammar in language_of(sentence.text, sentence.passage.text, japanese=japanese):
            examined += SENTENCE_COST + sentence.end - sentence.start
            if examined > MAX_EXAMINED:
                return Readings(tuple(readings), terms, complete=False)
            row = make_row(sentence.text, find_named(sentence, grammar, terms), grammar, titles)
            readings.append(Reading(sentence, grammar, row))
    return Readings(tuple(readings), terms, complete=True)


def _only_names(sentence: Sentence) -> bool:
    """Tell whether a sentence says nothing beside names, as the cells of tables and the items of lists do."""
    text, position = sentence.text, 0
    for one in sentence.mentions:
        if _SAYS_NOTHING.fullmatch(text, position, one.start) is None:
            return False
        position = one.end
    return _SAYS_NOTHING.fullmatch(text, position) is not None
