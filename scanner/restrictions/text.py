"""Read declared limits in prose: cards, licences, use policies, and the words of a gate.

Each sentence that names a territory is tried against the families of phrases of its language; guards take sentences
out of question that speak of something else (governing law, mirrors, data, a limit that was lifted). Missing a limit
is better than inventing one: an invented limit would exempt a model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from config.phrases import Phrases, load_phrases
from scanner.restrictions.cleaning import Block, read_blocks
from scanner.restrictions.interface import Declaration, Kind
from scanner.restrictions.mentions import Marked, mark_territories, names_territory
from scanner.restrictions.sentences import chinese_tag, scripts_of, split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from config.phrases import Rule

MAX_DECLARATIONS = 100  # of one text; a text with more repeats itself, or is made to
# What is examined of one text: characters of sentences that name a territory, and as many again for each sentence. The
# longest licences met have 50,000; without a bound, a text made for it would cost seconds.
MAX_EXAMINED = 500_000
SENTENCE_COST = 40
MIN_SENTENCE = 6  # characters; the shortest limit, in Chinese, has more
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
class _Sentence:
    """A sentence with its surroundings."""

    text: str
    start: int  # in the block
    block: Block
    marked: Marked
    following: str = ""


@dataclass(frozen=True, slots=True)
class _Match:
    effect: str
    codes: tuple[str, ...]
    language: str
    span: tuple[int, int]  # in the sentence, before marking


def read_text(
    text: str,
    file: str,
    kind: Kind,
    language: str | None = None,
    *,
    start: int = 0,
    end: int | None = None,
    active: bool = True,
) -> tuple[Declaration, ...]:
    """Read the limits that a text declares, in its order.

    Args:
        text: the whole file as decoded; offsets of the declarations count its characters.
        file: its path, for the declarations.
        kind: what a limit in this text is; embargo clauses are of their own kind whatever the text.
        language: only this language's phrases; None for those that fit each sentence's script.
        start: where to begin, behind a card's front matter for instance.
        end: where to stop.
        active: whether what is declared has effect as the repository stands.
    """
    return examine(text, file, kind, language, start=start, end=end, active=active).declarations


def examine(
    text: str,
    file: str,
    kind: Kind,
    language: str | None = None,
    *,
    start: int = 0,
    end: int | None = None,
    active: bool = True,
) -> Prose:
    """Do what `read_text` does, and say whether the text was examined to its end."""
    phrases = [one for one in load_phrases() if language is None or one.language == language.partition("-")[0]]
    found: dict[tuple[int, int, Kind], Declaration] = {}
    examined = 0
    blocks = read_blocks(text, start=start, end=end, fences=kind is not Kind.LICENCE_GRANT)
    for sentence in _sentences(blocks):
        examined += SENTENCE_COST + len(sentence.text)
        if len(found) >= MAX_DECLARATIONS or examined > MAX_EXAMINED:
            return Prose(tuple(found.values()), complete=False)
        for declaration in _declarations(sentence, text, file, kind, phrases, active=active):
            found.setdefault((declaration.start or 0, declaration.end or 0, declaration.kind), declaration)
    return Prose(tuple(found.values()), complete=True)


def _sentences(blocks: Iterator[Block]) -> Iterator[_Sentence]:
    """Yield the sentences that name a territory, each with the sentence behind it."""
    waiting: _Sentence | None = None
    for block in blocks:
        named = names_territory(block.text)
        if waiting is None and not named:
            continue
        for begin, stop in split_sentences(block.text):
            text = block.text[begin:stop]
            if waiting is not None:
                yield replace(waiting, following=text)
                waiting = None
            marked = mark_territories(text) if named and stop - begin >= MIN_SENTENCE else None
            if marked is not None:
                waiting = _Sentence(text, begin, block, marked)
            elif not named:
                break
    if waiting is not None:
        yield waiting


def _declarations(
    sentence: _Sentence, text: str, file: str, kind: Kind, phrases: list[Phrases], *, active: bool
) -> Iterator[Declaration]:
    scripts = scripts_of(sentence.text)
    matches = [match for one in phrases if one.scripts & scripts for match in _matches(sentence, one, kind)]
    by_effect: dict[str, list[_Match]] = {}
    for match in matches:
        by_effect.setdefault(match.effect, []).append(match)
    if "excluded" in by_effect:  # "only outside X" may look like "only in X" to another pattern
        by_effect.pop("limited_to", None)
    for effect, group in by_effect.items():
        codes = tuple(dict.fromkeys(code for match in group for code in match.codes))
        start, end = _quoted(sentence, group)
        quote = text[start:end]
        language = chinese_tag(quote) if group[0].language == "zh" else group[0].language
        yield Declaration(
            kind=Kind.EMBARGO if effect == "embargo" else kind,
            excluded=() if effect == "limited_to" else codes,
            limited_to=codes if effect == "limited_to" else (),
            active=active,
            file=file,
            start=start,
            end=end,
            quote=quote,
            language=language,
        )


def _matches(sentence: _Sentence, phrases: Phrases, kind: Kind) -> Iterator[_Match]:
    if not phrases.needs.search(sentence.marked.text):
        return
    small = sentence.marked.text.casefold()
    for family in phrases.families:
        if not _is_for(family, kind) or (family.needs and not any(word in small for word in family.needs)):
            continue
        effect = family.effects[0]
        for pattern in family.patterns:
            for match in pattern.finditer(sentence.marked.text):
                if _guarded(sentence, phrases, effect, kind):
                    break
                named = sentence.marked.codes_at(match.start("territories"))
                codes = tuple(code for code in named if code not in family.never)
                if codes:
                    origin = sentence.marked.origin
                    yield _Match(effect, codes, phrases.language, (origin(match.start()), origin(match.end())))


def _guarded(sentence: _Sentence, phrases: Phrases, effect: str, kind: Kind) -> bool:
    return any(_stops(guard, sentence) for guard in phrases.guards if effect in guard.effects and _is_for(guard, kind))


def _is_for(rule: Rule, kind: Kind) -> bool:
    return not rule.kinds or kind in rule.kinds


def _stops(guard: Rule, sentence: _Sentence) -> bool:
    looked_at = {
        "sentence": sentence.marked.text,
        "block": sentence.block.text,
        "next-sentence": sentence.following,
    }[guard.scope]
    return any(pattern.search(looked_at) for pattern in guard.patterns)


def _quoted(sentence: _Sentence, matches: list[_Match]) -> tuple[int, int]:
    """Return where in the file the sentence stands, or, of a very long one, the words that matched."""
    begin, end = 0, len(sentence.text.rstrip())
    begin += len(sentence.text) - len(sentence.text.lstrip())
    if end - begin > MAX_QUOTE:
        begin = min(match.span[0] for match in matches)
        end = min(max(match.span[1] for match in matches), begin + MAX_QUOTE)
    block = sentence.block
    return block.origin(sentence.start + begin), block.origin(sentence.start + end - 1) + 1
