"""Read declared limits in prose: cards, licences, use policies, and the words of a gate.

Each sentence that names a territory becomes a row of symbols (`rows.py`) by the grammar of its language; families of
patterns declare a limit, guards take sentences out of question that speak of something else (governing law, mirrors,
data, a limit that was lifted). Missing a limit is better than inventing one: an invented limit would exempt a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from config.phrases.notation import ASK, INSIDE, PEOPLE, QUOTE, WORLD_EXCEPT
from scanner.restrictions.interface import Declaration, Kind
from scanner.restrictions.markup.passages import read_passages
from scanner.restrictions.prose.context import title_words
from scanner.restrictions.prose.guards import Guards
from scanner.restrictions.prose.languages import is_japanese, tag_of
from scanner.restrictions.prose.readings import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from config.phrases import Family, Grammar
    from scanner.restrictions.prose.context import Sentence
    from scanner.restrictions.prose.readings import Reading
    from scanner.restrictions.prose.rows import Place, Row

MAX_DECLARATIONS = 100  # of one text; a text with more repeats itself, or is made to
MAX_PASSAGES = 30_000  # of one text; the longest cards have a few thousand
MAX_PLACES = 16  # of one sentence, after lists were joined; one with more lists something else, or is made to hurt
MAX_QUOTE = 1200  # characters; a longer sentence is quoted where the limit stands


@dataclass(frozen=True, slots=True)
class Prose:
    """The limits found in a text.

    Attributes:
        declarations: the limits, in the order of the text.
        complete: False where the text repeats territories beyond all measure and was left before its end.
    """

    declarations: tuple[Declaration, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Match:
    effect: str
    codes: tuple[str, ...]
    span: tuple[int, int]  # in the sentence
    answered: bool  # by the sentence behind it
    origin: tuple[int, int] | None  # of the definition that names the territories


def read_text(
    text: str, file: str, kind: Kind, *, start: int = 0, end: int | None = None, active: bool = True
) -> tuple[Declaration, ...]:
    """Read the limits that a text declares, in its order.

    Args:
        text: the whole file as decoded; offsets of the declarations count its characters.
        file: its path, for the declarations.
        kind: what a limit in this text is; embargo clauses are of their own kind whatever the text.
        start: where to begin, behind a card's front matter for instance.
        end: where to stop.
        active: whether what is declared has effect as the repository stands.
    """
    return examine(text, file, kind, start=start, end=end, active=active).declarations


def examine(text: str, file: str, kind: Kind, *, start: int = 0, end: int | None = None, active: bool = True) -> Prose:
    """Do what `read_text` does, and say whether the text was examined to its end."""
    beginning = islice(read_passages(text, start=start, end=end, fences=kind is not Kind.LICENCE_GRANT), MAX_PASSAGES)
    passages = list(beginning)
    readings = resolve(passages, title_words(passages), japanese=is_japanese(text))
    reader = _Reader(text, file, kind, active)
    for one in readings.readings:
        if len(reader.found) >= MAX_DECLARATIONS:
            return Prose(tuple(reader.found.values()), complete=False)
        reader.read(one)
    whole = readings.complete and not reader.crowded and len(passages) < MAX_PASSAGES
    return Prose(tuple(reader.found.values()), complete=whole)


class _Reader:
    """Reads the sentences of one text, one by one.

    Attributes:
        found: the declarations so far, one a quote.
        crowded: whether a sentence named more places than were looked at.
    """

    def __init__(self, text: str, file: str, kind: Kind, active: bool) -> None:
        self.found: dict[tuple[int, int, Kind], Declaration] = {}
        self.crowded = False
        self._text = text
        self._file = file
        self._kind = kind
        self._active = active
        self._around: dict[tuple[str, str], str] = {}

    def read(self, one: Reading) -> None:
        """Add what a sentence declares."""
        if len(one.row.places) > MAX_PLACES:
            self.crowded = True
            return
        guards = Guards(one.sentence, one.row, one.grammar, self._kind, self._around)
        for effect, matches in _by_effect(_matches(one.row, one.grammar, self._kind, guards)).items():
            self._keep(effect, matches, _quoted(one.sentence, matches), one.grammar)

    def _keep(self, effect: str, matches: Sequence[_Match], span: tuple[int, int], grammar: Grammar) -> None:
        """Keep one declaration a quote; a second one with more territories, by another passage over it, wins."""
        kind = Kind.EMBARGO if effect == "embargo" else self._kind
        codes = tuple(dict.fromkeys(code for match in matches for code in match.codes))
        quote = self._text[slice(*span)]
        known = self.found.get((*span, kind))
        if known is not None and len(known.excluded) + len(known.limited_to) >= len(codes):
            return
        self.found[*span, kind] = Declaration(
            kind=kind,
            excluded=() if effect == "limited_to" else codes,
            limited_to=codes if effect == "limited_to" else (),
            active=self._active,
            file=self._file,
            start=span[0],
            end=span[1],
            quote=quote,
            language=tag_of(grammar, quote),
        )


def _is_cited(symbols: str, span: tuple[int, int]) -> bool:
    """Tell whether a match stands between quotation marks: somebody else's words, or an example."""
    start, end = span
    return symbols.count(QUOTE, 0, start) % 2 == 1 and QUOTE not in symbols[start : end - 1]


def _by_effect(matches: Iterable[_Match]) -> dict[str, list[_Match]]:
    """Group what was found in a sentence; what it excludes it does not limit to."""
    groups: dict[str, list[_Match]] = {}
    for match in matches:
        groups.setdefault(match.effect, []).append(match)
    excluded = {code for match in groups.get("excluded", ()) for code in match.codes}
    if any(excluded & set(match.codes) for match in groups.get("limited_to", ())):
        groups.pop("limited_to")
    return groups


def _matches(row: Row, grammar: Grammar, kind: Kind, guards: Guards) -> Iterator[_Match]:
    if not row.places:
        return
    for family in grammar.families:
        if family.kinds and kind not in family.kinds:
            continue
        if family.answer is not None and (ASK not in row.symbols or not guards.answered(family.answer)):
            continue
        if family.question is not None and not guards.asked(family.question):
            continue
        for pattern in family.patterns:
            for match in pattern.finditer(row.symbols):
                if kind is Kind.CARD_STATEMENT and _is_cited(row.symbols, match.span()):
                    continue
                if family.answer is None and ASK in row.symbols[match.end() - 1 :]:
                    continue  # a question by itself declares nothing
                for effect, place in _effects(family, row, match.span()):
                    codes = tuple(code for code in place.codes if code not in family.never)
                    if codes and not guards.stop(effect, match.span()):
                        yield _Match(effect, codes, row.span(match), family.answer is not None, place.origin)


def _effects(family: Family, row: Row, span: tuple[int, int]) -> Iterator[tuple[str, Place]]:
    """Yield what a match declares of each place in it: outside turns "excluded" and "limited to" round."""
    for place in row.places_in(*span):
        inside = place.form in (INSIDE, PEOPLE)
        if family.effect == "embargo":
            if inside:
                yield "embargo", place
        elif family.effect == "granted":
            if place.form == WORLD_EXCEPT:
                yield "excluded", place
            elif place.origin is not None and place.form == INSIDE:
                yield "limited_to", place  # a grant for the territory that the text has defined
        else:
            turned = "limited_to" if family.effect == "excluded" else "excluded"
            yield family.effect if inside else turned, place


def _quoted(sentence: Sentence, matches: Sequence[_Match]) -> tuple[int, int]:
    """Return what to quote: the sentence, the definition that names the territories, or, of a long one, its words."""
    origin = next((match.origin for match in matches if match.origin), None)
    if origin is not None:
        return origin[0], min(origin[1], origin[0] + MAX_QUOTE)
    start, end = sentence.whole()
    if any(match.answered for match in matches) and end < sentence.after_end < start + MAX_QUOTE:
        end = sentence.after_end
    if end - start > MAX_QUOTE:
        begin = min(match.span[0] for match in matches)
        stop = min(max(match.span[1] for match in matches), begin + MAX_QUOTE)
        start, end = sentence.origin(begin, stop)
    return start, min(end, start + MAX_QUOTE)
