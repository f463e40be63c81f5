"""Words by which card keys limit territories, and by which their values do, from `limit_keys.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from pydantic import BaseModel, ConfigDict

from config.datafile import read_data
from config.errors import ConfigError
from config.mistakes import key

if TYPE_CHECKING:
    from collections.abc import Mapping

Day: TypeAlias = date
Words: TypeAlias = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _words(meaning: str) -> Words:
    words: Words = key((), meaning, "a list of words")
    return words


class _KeyWords(_Part):
    area: Words = _words("where a limit holds")
    territory: Words = _words("where a licence holds")
    excluding: Words = _words("what makes a list one of places left out")
    allowing: Words = _words("what makes a list one of the only places")
    only: Words = _words("the same, also of a territory that the key names")
    reserved: Words = _words("the same, in keys without an area")
    embargo: Words = _words("what makes a list one of places under an embargo")
    restriction: Words = _words("nouns for a limit")
    availability: Words = _words("nouns for what is told place by place")
    open: Words = _words("such nouns that count only beside an area")
    geo: Words = _words("adjectives for areas")
    licence: Words = _words("what the limit is on")
    filler: Words = _words("words that say nothing")
    negation: Words = key((), "words that turn others round", "a list of words", alias="not")
    within: Words = key((), "words between a limit and its places", "a list of words", alias="in")
    subject: Words = _words("words for other matters")
    identity: Words = _words("keys that name a territory in a row")
    mode: Words = _words("keys that say what the list beside them is")
    default: Words = _words("keys for all other territories")
    exceptions: Words = _words("keys for what the default does not apply to")
    note: Words = _words("keys for readers")


class ValueWords(_Part):
    """Words in values; `limit_keys.toml` says what each list is for."""

    yes: Words = _words("it is allowed")
    no: Words = _words("it is not")
    nothing: Words = _words("there is no limit")
    world: Words = _words("every territory")
    excepting: Words = key((), "before what is left out", "a list of words", alias="except")
    except_after: Words = _words("behind what is left out")
    outside: Words = _words("before what one has to be outside of")
    outside_after: Words = _words("behind what one has to be outside of")
    negation: Words = _words("before a name")
    only: Words = _words("before the only ones")
    only_after: Words = _words("behind the only ones")
    joiners: Words = _words("between names")
    people: Words = _words("before a name, and no part of it")
    people_after: Words = _words("behind a name, and no part of it")


class _Language(_Part):
    keys: _KeyWords = key(..., "words in keys", "a table [languages.TAG.keys]")
    values: ValueWords = key(..., "words in values", "a table [languages.TAG.values]")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class _Never(_Part):
    keys: Words = key(..., "keys about something else", "a list of keys", min_length=1)
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class _File(_Part):
    never: _Never = key(..., "keys that are not looked into", "a table [never]")
    languages: dict[str, _Language] = key(..., "words by language", "tables [languages.TAG]")


@dataclass(frozen=True, slots=True)
class LimitKeys:
    """The words of all languages.

    Attributes:
        never: keys that are not looked into.
        kinds: kind of each word in keys, by the names of the file.
        values: the words in values.
    """

    never: frozenset[str]
    kinds: Mapping[str, str]
    values: ValueWords


@lru_cache(maxsize=1)
def load_limit_keys() -> LimitKeys:
    """Load the table that ships with hubscope, once."""
    name = "limit_keys.toml"
    data, _ = read_data(files("config") / name, name, _File)
    kinds: dict[str, str] = {}
    for tag, language in data.languages.items():
        for kind, words in language.keys.model_dump(by_alias=True).items():
            for word in words:
                if kinds.setdefault(word, kind) != kind:
                    raise ConfigError(f'{name}: "{word}" of {tag} is both {kinds[word]} and {kind}.')
    return LimitKeys(frozenset(data.never.keys), MappingProxyType(kinds), _joined(data))


def _joined(data: _File) -> ValueWords:
    """Join the words in values of all languages."""
    joined: dict[str, dict[str, None]] = {}
    for language in data.languages.values():
        for kind, words in language.values.model_dump(by_alias=True).items():
            joined.setdefault(kind, {}).update(dict.fromkeys(words))
    return ValueWords.model_validate({kind: tuple(words) for kind, words in joined.items()})
