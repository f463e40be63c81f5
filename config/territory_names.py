"""Every name of a territory by the script it is written in: CLDR's and, before them, our own.

A text is read only with the scripts it has, and a script's languages are loaded when a text first needs them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from config.cldr import cldr_names
from config.territories import Language, load_territories

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_VOWELS = frozenset("aeiouyąęóаеёиоуыэюяєіїйьъ")
_CONSONANT = "*"
_ENGLISH = "en"


class Script(Enum):
    """A script, with the languages of `territories.toml` that are written in it and a pattern that tells it."""

    LATIN = (("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "id", "vi"), "[A-Za-z]")
    CYRILLIC = (("ru", "uk"), "[\u0400-\u04ff]")
    ARABIC = (("ar",), "[\u0600-\u06ff]")
    HAN = (("zh-Hans", "zh-Hant", "ja"), "[\u3040-\u30ff\u3400-\u9fff]")
    HANGUL = (("ko",), "[\uac00-\ud7a3]")

    def __init__(self, languages: tuple[str, ...], characters: str) -> None:
        self.languages = languages
        self._characters = re.compile(characters)

    @property
    def spaced(self) -> bool:
        """Whether words stand apart, so that a name has to be whole words."""
        return self not in (Script.HAN, Script.HANGUL)

    def occurs(self, text: str) -> bool:
        """Tell whether a text has any of the script."""
        return self._characters.search(text) is not None


@dataclass(frozen=True, slots=True)
class Name:
    """What a name stands for.

    Attributes:
        codes: the territories; none where the name only contains a territory's.
        people: it means people or what is theirs ("Chinese").
        bare: it is another name or a word as well, and counts only beside others.
        word: in small letters it is a word, and bare.
        exact: the only way to write it; empty where any case will do.
    """

    codes: tuple[str, ...]
    people: bool = False
    bare: bool = False
    word: bool = False
    exact: str = ""


def fold(text: str) -> str:
    """Write a text in small letters and one kind of apostrophe, each character in its place."""
    return text.replace("İ", "i").replace("’", "'").replace("ʼ", "'").lower().replace("ё", "е")


@lru_cache(maxsize=len(Script))
def load_names(script: Script) -> Mapping[str, Name]:
    """Load the names of a script's languages, folded; where two languages share one, the first of them wins."""
    names: dict[str, Name] = {}
    languages = [load_territories().languages[tag] for tag in script.languages]
    for language in languages:
        for name, found in _own(language):
            names.setdefault(fold(name), found)
    for language in languages:
        for name, found in _of_cldr(language):
            names.setdefault(fold(name), found)
    for language in languages:
        for name in map(fold, language.ambiguous):
            if name in names:
                names[name] = replace(names[name], bare=True)
        for name in map(fold, language.words):
            if name in names:
                names[name] = replace(names[name], word=True)
        names.update((fold(name), Name(())) for name in language.not_territories)
    return names


def read_name(value: str) -> tuple[str, ...]:
    """Read a whole value that is a territory's name, in any case; empty where it is none."""
    wanted = fold(value.strip()).removeprefix("the ").strip()
    for script in Script:
        if script.occurs(wanted):
            found = load_names(script).get(wanted)
            if found and found.codes and not found.people:
                return found.codes
    return ()


def _own(language: Language) -> Iterator[tuple[str, Name]]:
    """Yield our own names of a language."""
    expand = load_territories().expand
    for code, names in language.names.items():
        for name in names:
            yield from _forms(name, expand(code), language)
    for code, names in language.abbreviations.items():
        yield from ((name, Name(expand(code), exact=name)) for name in names)
    for code, names in language.people.items():
        yield from ((name, Name(expand(code), people=True)) for name in names)


def _of_cldr(language: Language) -> Iterator[tuple[str, Name]]:
    """Yield CLDR's names of a language, with their inflected forms."""
    territories = load_territories()
    for name, code in cldr_names(language.cldr, territories.codes).items():
        codes = territories.expand(code)
        if name in language.unused:
            continue
        if name.isalpha() and name.isupper():  # КНДР
            yield name, Name(codes, exact=name)
            continue
        yield from _forms(name, codes, language)
        for form in inflected(name, language.endings):
            yield form, Name(codes, word=True)


def _forms(name: str, codes: tuple[str, ...], language: Language) -> Iterator[tuple[str, Name]]:
    """Yield a name, and what it becomes where people or languages stand beside it (中国人, 日本語, bahasa Inggris)."""
    yield name, Name(codes, word=language.cldr != _ENGLISH and name.isalpha() and name != name.lower())
    yield from ((name + ending, Name(codes, people=True)) for ending in language.people_endings)
    yield from ((name + ending, Name(())) for ending in language.language_endings)
    yield from ((beginning + name, Name(())) for beginning in language.language_beginnings)


def inflected(name: str, endings: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    """Yield the other cases of a one-word name: the first row whose ending it has says what takes its place."""
    if not name.isalpha():
        return
    for old, *new in endings:
        if old == _CONSONANT and name[-1].lower() not in _VOWELS:
            yield from (name + ending for ending in new)
            return
        if name.endswith(old) and old != _CONSONANT:
            yield from (name[: len(name) - len(old)] + ending for ending in new)
            return
