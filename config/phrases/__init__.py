"""Families of phrases that declare a limit: one file a language, and the patterns made of it.

Each file has `macros` (pieces of patterns, used in braces), `families` (what declares a limit) and `guards` (what takes
a sentence out of question). In a pattern, `{T}` is the mark that stands for a list of territories. Adding a language
is adding a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import ConfigError
from config.mistakes import key, sentences
from config.tomlfile import read_toml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Day: TypeAlias = date
Effect: TypeAlias = Literal["excluded", "limited_to", "embargo"]
Scope: TypeAlias = Literal["sentence", "block", "next-sentence"]
KindName: TypeAlias = Literal["licence-grant", "card-statement", "gating"]

TERRITORY_MARK = "\ue000"  # stands for a list of territories; a private-use character that no text means anything by
MAX_EXPANSIONS = 8  # macros within macros
_MACRO = re.compile(r"\{([A-Z][A-Z_0-9]*)\}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Family(_Part):
    """Phrases with one effect."""

    id: str = key(..., "name of the family", "lower-case words joined by hyphens", pattern=r"^[a-z0-9-]+$")
    effect: Effect = key(..., "what it declares", '"excluded", "limited_to" or "embargo"')
    patterns: tuple[str, ...] = key(..., "the phrases", "a list of patterns with {T}", min_length=1)
    kinds: tuple[KindName, ...] = key((), "only in texts of this kind; none: in all", "a list of kinds")
    needs: tuple[str, ...] = key(
        (), "one of these must stand in the sentence; saves trying the rest", "a list of texts"
    )
    never: tuple[str, ...] = key((), "territories that such phrases name without meaning them", "a list of codes")
    source: str = key("", "where such phrases were met, if not as the file says", "a sentence")
    date: Day | None = key(None, "when, if not as the file says", "a date")


class Guard(_Part):
    """Words that take a sentence out of question."""

    id: str = key(..., "name of the guard", "lower-case words joined by hyphens", pattern=r"^[a-z0-9-]+$")
    against: tuple[Effect, ...] = key(..., "effects it stops", "a list of effects", min_length=1)
    patterns: tuple[str, ...] = key(..., "the words", "a list of patterns", min_length=1)
    kinds: tuple[KindName, ...] = key((), "only in texts of this kind; none: in all", "a list of kinds")
    scope: Scope = key("sentence", "where to look", '"sentence", "block" or "next-sentence"')


class _File(_Part):
    language: str = key(..., "BCP 47 tag", "a language tag", min_length=2)
    scripts: tuple[Literal["latin", "han", "kana", "hangul"], ...] = key(
        ..., "scripts of the sentences it is for", 'a list of "latin", "han", "kana" and "hangul"', min_length=1
    )
    source: str = key(..., "where such phrases were met", "a sentence", min_length=1)
    date: Day = key(..., "when", "a date")
    macros: dict[str, str] = key({}, "pieces of patterns", "a table of texts")
    families: tuple[Family, ...] = key(..., "what declares a limit", "tables [[families]]", min_length=1)
    guards: tuple[Guard, ...] = key((), "what does not", "tables [[guards]]")


@dataclass(frozen=True, slots=True)
class Rule:
    """A family or a guard with its patterns compiled into one a phrase."""

    id: str
    effects: tuple[Effect, ...]
    kinds: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    scope: Scope = "sentence"
    needs: tuple[str, ...] = ()
    never: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Phrases:
    """The rules of one language."""

    language: str
    scripts: frozenset[str]
    families: tuple[Rule, ...]
    guards: tuple[Rule, ...]
    needs: re.Pattern[str]  # a sentence without a match has nothing for any family


@lru_cache(maxsize=1)
def load_phrases() -> tuple[Phrases, ...]:
    """Load every language that ships with hubscope, once, in the order of their names."""
    entries = sorted(files("config.phrases").iterdir(), key=lambda entry: entry.name)
    return tuple(read_phrases(entry) for entry in entries if entry.name.endswith(".toml"))


def read_phrases(path: Traversable) -> Phrases:
    """Read one language's file and compile its patterns.

    Raises:
        ConfigError: every mistake of the file, one a line.
    """
    file = read_toml(path, f"phrases/{path.name}")
    try:
        data = _File.model_validate(file.values)
    except ValidationError as exc:
        raise ConfigError("\n".join(sentences(exc, _File, file.place))) from None
    families = []
    for number, family in enumerate(data.families):
        place = file.place(("families", number))
        patterns = tuple(_compile(text, data.macros, f"{place}: family {family.id}") for text in family.patterns)
        needs = tuple(word.casefold() for word in family.needs)
        never = frozenset(family.never)
        rule = Rule(family.id, (family.effect,), family.kinds, patterns, needs=needs, never=never)
        families.append(rule)
    guards = []
    for number, guard in enumerate(data.guards):
        place = file.place(("guards", number))
        patterns = tuple(_compile(text, data.macros, f"{place}: guard {guard.id}") for text in guard.patterns)
        guards.append(Rule(guard.id, guard.against, guard.kinds, patterns, guard.scope))
    return Phrases(data.language, frozenset(data.scripts), tuple(families), tuple(guards), _any_need(families))


def _any_need(families: list[Rule]) -> re.Pattern[str]:
    if not all(family.needs for family in families):
        return re.compile("")
    words = sorted({word for family in families for word in family.needs})
    return re.compile("|".join(map(re.escape, words)), re.IGNORECASE)


def _compile(text: str, macros: dict[str, str], place: str) -> re.Pattern[str]:
    expanded = text
    for _ in range(MAX_EXPANSIONS):
        if _MACRO.search(expanded) is None:
            break
        expanded = _MACRO.sub(lambda match: _piece(match[1], macros, place), expanded)
    try:
        return re.compile(expanded, re.IGNORECASE)
    except re.error as exc:
        raise ConfigError(f"{place}: {text!r} is not a valid pattern ({exc}).") from None


def _piece(name: str, macros: dict[str, str], place: str) -> str:
    if name == "T":
        return f"(?P<territories>{TERRITORY_MARK})"
    if name not in macros:
        raise ConfigError(f"{place}: {{{name}}} is not a macro of this file; known are T, {', '.join(sorted(macros))}.")
    return f"(?:{macros[name]})"
