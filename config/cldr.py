"""Names of territories in one language, from the Unicode CLDR, with the spellings that prose has for them.

CLDR names a territory as a list of countries would: "Hong Kong SAR China", "Myanmar (Burma)", "Antigua & Barbuda".
Its spellings here are those that differ only in typography; everything else is in `territories.toml`.
Source: CLDR (https://cldr.unicode.org/) as Babel ships it; Babel leaves CLDR's short and variant forms out.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_PLAIN = 5
"""Characters of a name that people still write without its accents; shorter ones become other words (Irã, Omã)."""

_PLAIN_IN = frozenset({"en", "fr", "es", "pt", "it", "de"})  # elsewhere a letter without its mark is another letter
_CONJUNCTIONS = {"en": "and", "vi": "và", "id": "dan"}
_BRACKETS = re.compile(r" ?[(（][^()（）]*[)）] ?")
_SAINT = re.compile(r"\bSt\. ")
_ISLANDS = re.compile(r"\bо-в(а?)\b")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})


def cldr_names(tag: str, codes: Iterable[str]) -> dict[str, str]:
    """Return what CLDR calls territories, all spellings: name to code.

    Args:
        tag: CLDR's tag of the language ("zh_Hant").
        codes: the territories asked for.
    """
    from babel import localedata

    # A language's own file has all its names; without what it inherits, it loads in a third of the time.
    territories: dict[str, str] = localedata.load(tag, merge_inherited=False)["territories"]
    whole = {code: territories[code] for code in codes if code in territories}
    names: dict[str, str] = {name: code for code, name in whole.items()}
    shared: set[str] = set()
    for code, name in whole.items():
        for spelling in spellings(name, tag):
            if names.setdefault(spelling, code) != code and spelling not in whole.values():
                shared.add(spelling)  # "Virgin Islands", of which there are two
    return {name: code for name, code in names.items() if name not in shared}


def spellings(name: str, tag: str) -> set[str]:
    """Return a name of CLDR's as people write it, itself included."""
    found = {name.replace("（", "(").replace("）", ")")}
    if "(" in name or "（" in name:
        found.add(_BRACKETS.sub(" " if name[-1] not in ")）" else "", name).strip())
        found |= {part.replace(" (", "(") for part in found}
    if " & " in name and tag in _CONJUNCTIONS:
        found.add(name.replace("&", _CONJUNCTIONS[tag]))
    if " - " in name or " – " in name:
        found.add(name.replace(" - ", "-").replace(" – ", "-"))
    if "St. " in name:
        found |= {_SAINT.sub(word, part) for part in found for word in ("St ", "Saint ")}
    if "о-в" in name:
        found.add(_ISLANDS.sub(r"остров\1", name))
    if tag in _PLAIN_IN and not name.isascii() and len(name) >= MIN_PLAIN:
        found |= {without_marks(part, german=tag == "de") for part in found}
    return found


def without_marks(name: str, *, german: bool = False) -> str:
    """Write a name without accents; German spells its umlauts out instead."""
    if german:
        name = name.translate(_GERMAN)
    return "".join(letter for letter in unicodedata.normalize("NFD", name) if not unicodedata.combining(letter))
