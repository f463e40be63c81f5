"""The grammars by which declared limits are read: one file a language. Adding a language is adding a file.

A file has `words` (kinds of words), `macros` (pieces of patterns), `places` (how territories join to lists, and what
turns them round), `definitions` (how a text gives a territory a name of its own), `families` (what declares a limit)
and `guards` (what takes a sentence out of question). See `notation.py` for how patterns are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from config.datafile import Placing, read_data
from config.mistakes import key
from config.phrases.notation import Lexicon, Notation, read_lexicon

if TYPE_CHECKING:
    import re
    from importlib.resources.abc import Traversable

Day: TypeAlias = date
Effect: TypeAlias = Literal["excluded", "limited_to", "granted", "embargo"]
Becomes: TypeAlias = Literal["union", "minus", "outside", "world-except", "people", "same", "nothing", "except", "with"]
Scope: TypeAlias = Literal["match", "clause", "sentence", "block", "heading", "next-sentence", "previous-sentence"]
Script: TypeAlias = Literal["latin", "han", "kana", "hangul", "cyrillic", "arabic"]
KindName: TypeAlias = Literal["licence-grant", "card-statement", "gating"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Home(_Part):
    """Words that mean a territory without naming it: 境内 in a Chinese text."""

    code: str = key(..., "the territory", "a code", pattern="^[A-Z]{2}$")
    inside: tuple[str, ...] = key((), "words for inside it", "a list of words")
    outside: tuple[str, ...] = key((), "words for outside it", "a list of words")


class _Placed(_Part):
    id: str = key(..., "its name", "lower-case words joined by hyphens", pattern=r"^[a-z0-9-]+$")
    patterns: tuple[str, ...] = key(..., "rows of kinds of words", "a list of patterns", min_length=1)


class PlaceRule(_Placed):
    """A row that becomes one place."""

    becomes: Becomes = key(..., "what the row becomes", "one of the words in docs/restrictions.md")


class DefinitionRule(_Placed):
    """A row that gives a place a name: `@( )` marks the name."""


class FamilyRule(_Placed):
    """Phrases with one effect."""

    effect: Effect = key(..., "what it declares", '"excluded", "limited_to", "granted" or "embargo"')
    kinds: tuple[KindName, ...] = key((), "only in texts of this kind; none: in all", "a list of kinds")
    answer: str = key("", "how the sentence behind a question must begin", "a pattern")
    question: str = key("", "what the sentence before must ask", "a pattern")
    never: tuple[str, ...] = key((), "territories that such phrases name without meaning them", "a list of codes")
    source: str = key("", "where such phrases were met, if not as the file says", "a sentence")
    date: Day | None = key(None, "when, if not as the file says", "a date")


class GuardRule(_Placed):
    """Words that take a sentence out of question."""

    against: tuple[Literal["excluded", "limited_to", "embargo"], ...] = key(
        ..., "effects it stops", "a list of effects", min_length=1
    )
    kinds: tuple[KindName, ...] = key((), "only in texts of this kind; none: in all", "a list of kinds")
    scope: Scope = key("sentence", "where to look", "one of the words in docs/restrictions.md")
    unless: bool = key(False, "stops where the words are missing", "true or false")


class GrammarFile(_Part):
    """What a file holds."""

    language: str = key(..., "BCP 47 tag", "a language tag", min_length=2)
    title: str = key(..., "the language's English name", "a name", min_length=2)
    scripts: tuple[Script, ...] = key(..., "scripts of its sentences", "a list of scripts", min_length=1)
    spaced: bool = key(..., "whether words stand apart", "true or false")
    capital_nouns: bool = key(False, "whether nouns are told by a capital", "true or false")
    heads: tuple[str, ...] = key((), "kinds that a compound noun takes from its last part", "a list of kinds")
    common: tuple[str, ...] = key((), "words by which a sentence is known to be in it", "a list of words")
    source: str = key(..., "where such phrases were met", "a sentence", min_length=1)
    date: Day = key(..., "when", "a date")
    home: Home | None = key(None, "words that mean a territory without naming it", "a table [home]")
    hard: tuple[str, ...] = key((), "kinds of words that `..` and `...` do not skip", "a list of kinds")
    blocking: tuple[str, ...] = key((), "kinds of words that `~` does not skip", "a list of kinds")
    words: dict[str, tuple[str, ...]] = key(..., "kinds of words", "a table of lists")
    macros: dict[str, str] = key({}, "pieces of patterns", "a table of patterns")
    places: tuple[PlaceRule, ...] = key((), "what becomes one place", "tables [[places]]")
    definitions: tuple[DefinitionRule, ...] = key((), "what gives a place a name", "tables [[definitions]]")
    families: tuple[FamilyRule, ...] = key(..., "what declares a limit", "tables [[families]]", min_length=1)
    guards: tuple[GuardRule, ...] = key((), "what does not", "tables [[guards]]")


@dataclass(frozen=True, slots=True)
class Place:
    """A place rule with its patterns compiled."""

    id: str
    becomes: Becomes
    patterns: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of phrases with its patterns compiled."""

    id: str
    effect: Effect
    kinds: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    answer: re.Pattern[str] | None
    question: re.Pattern[str] | None
    never: frozenset[str]


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard with its patterns compiled."""

    id: str
    against: tuple[str, ...]
    kinds: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    scope: Scope
    unless: bool


class Grammar:
    """One language. Its patterns are compiled when a sentence first asks for them: few texts need every language.

    Attributes:
        language: BCP 47 tag.
        scripts: scripts of its sentences.
        capital_nouns: whether nouns are told by a capital.
        common: words by which a sentence is known to be in it.
        home: words that mean a territory without naming it.
    """

    def __init__(self, data: GrammarFile, place: Placing) -> None:
        self.language = data.language
        self.scripts = frozenset(data.scripts)
        self.capital_nouns = data.capital_nouns
        self.common = frozenset(data.common)
        self.home = data.home
        self._data = data
        self._place = place

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words by kind."""
        return read_lexicon(self._data.words, spaced=self._data.spaced)

    @cached_property
    def heads(self) -> frozenset[str]:
        """The symbols that a compound noun may have from its last part."""
        return frozenset(self.lexicon.symbols[kind] for kind in self._data.heads)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """What becomes one place, in the order in which it is tried."""
        rules = self._data.places
        return tuple(Place(one.id, one.becomes, self._patterns("places", n, one)) for n, one in enumerate(rules))

    @cached_property
    def definitions(self) -> tuple[Place, ...]:
        """What gives a place a name."""
        rules = self._data.definitions
        return tuple(Place(one.id, "same", self._patterns("definitions", n, one)) for n, one in enumerate(rules))

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """What declares a limit."""
        return tuple(
            Family(
                one.id,
                one.effect,
                one.kinds,
                self._patterns("families", number, one),
                self._pattern("families", number, one, one.answer),
                self._pattern("families", number, one, one.question),
                frozenset(one.never),
            )
            for number, one in enumerate(self._data.families)
        )

    @cached_property
    def guards(self) -> tuple[Guard, ...]:
        """What takes a match out of question."""
        return tuple(
            Guard(one.id, one.against, one.kinds, self._patterns("guards", number, one), one.scope, one.unless)
            for number, one in enumerate(self._data.guards)
        )

    @cached_property
    def _notation(self) -> Notation:
        return Notation(self.lexicon.symbols, self._data.macros, self._data.hard, self._data.blocking)

    def _patterns(self, table: str, number: int, rule: _Placed) -> tuple[re.Pattern[str], ...]:
        where = f"{self._place((table, number))}: {rule.id}"
        return tuple(self._notation.compile(pattern, where) for pattern in rule.patterns)

    def _pattern(self, table: str, number: int, rule: _Placed, pattern: str) -> re.Pattern[str] | None:
        where = f"{self._place((table, number))}: {rule.id}"
        return self._notation.compile(pattern, where) if pattern else None


@lru_cache(maxsize=1)
def load_grammars() -> tuple[Grammar, ...]:
    """Load every language that ships with hubscope, once, in the order of their names."""
    return tuple(Grammar(*read_grammar(entry)) for entry in grammar_files())


def grammar_files() -> tuple[Traversable, ...]:
    """Return the languages' files in the order of their names."""
    entries = sorted(files("config.phrases").iterdir(), key=lambda entry: entry.name)
    return tuple(entry for entry in entries if entry.name.endswith(".toml"))


def read_grammar(path: Traversable) -> tuple[GrammarFile, Placing]:
    """Read one language's file; the second value names the place of a key in it.

    Raises:
        ConfigError: every mistake of the file, one a line.
    """
    return read_data(path, f"phrases/{path.name}", GrammarFile)


def compile_grammar(data: GrammarFile, place: Placing) -> Grammar:
    """Compile all of a language's patterns at once.

    Raises:
        ConfigError: a pattern uses a kind of word that is not there, or is none.
    """
    grammar = Grammar(data, place)
    _ = grammar.places, grammar.definitions, grammar.families, grammar.guards
    return grammar
