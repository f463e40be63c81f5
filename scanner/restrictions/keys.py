"""Card keys by which people limit territories, and how their values are read.

The Hub has one key of its own (`extra_gated_eu_disallowed`); everything else is home-made: `restricted_regions: [CN]`,
`allowed_countries: "US, CA"`, `geo_restrictions: {excluded: [EU]}`. A key that looks like such a limit and cannot be
read is told as a suggestion, never guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from config.territories import Territories, load_territories

MAX_VALUES = 400  # more than there are territories
MAX_VALUE_LENGTH = 120  # characters of one value; a longer one is a sentence

_AREAS = (
    r"(?:geo(?:graph(?:y|ies|ic(?:al)?))?|regions?|countr(?:y|ies)|territor(?:y|ies)|jurisdictions?|locations?|areas?)"
)
_EXCLUDING = (
    r"(?:restricted|excluded?|exclusions?|prohibited|block(?:ed|list|ing)?|banned|bans?|disallowed|forbidden|unavailable|"
    r"denied|deny(?:list)?|not_(?:for|available|allowed|licensed|permitted|offered)(?:_in)?|unlicensed)"
)
_LIMITING = r"(?:allowed|allow(?:list)?|available|permitted|licensed|limited(?:_to)?|only(?:_in)?|restricted_to)"
_OPEN_ENDED = r"(?:restrictions?|limits?|limitations?|availability)"

_EXCLUDING_KEY = re.compile(rf"{_EXCLUDING}_{_AREAS}|{_AREAS}_(?:{_EXCLUDING})|geo_?block(?:ed|ing)?|{_EXCLUDING}")
_LIMITING_KEY = re.compile(rf"{_LIMITING}_{_AREAS}|{_AREAS}_(?:{_LIMITING})|{_LIMITING}")
_OPEN_ENDED_KEY = re.compile(rf"(?:{_AREAS}(?:al)?_?){_OPEN_ENDED}|{_OPEN_ENDED}_(?:by_)?{_AREAS}")
_AREA_IN_KEY = re.compile(rf"(?:^|_){_AREAS}(?:al)?(?:_|$)")
_LIMIT_IN_KEY = re.compile(rf"(?:^|_)(?:{_EXCLUDING}|{_LIMITING}|{_OPEN_ENDED}|not|only)(?:_|$)")
_GEO_KEY = re.compile(r"geo_?(?:block|fenc|restrict|limit)")
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")
_NOTHING = frozenset({"", "none", "no", "n/a", "na", "null", "false", "nil", "-", "worldwide", "global", "all", "any"})


@dataclass(frozen=True, slots=True)
class KeyReading:
    """What one home-made key says.

    Attributes:
        excluded: territories it excludes.
        limited_to: territories it limits use to.
        complete: False where part of the value could not be read.
    """

    excluded: tuple[str, ...] = ()
    limited_to: tuple[str, ...] = ()
    complete: bool = True


def read_key(name: str, value: Any) -> KeyReading | None:
    """Read a top-level key of a card; None where its name has nothing to do with territories."""
    name = _NOT_A_LETTER.sub("_", name.casefold()[:MAX_VALUE_LENGTH]).strip("_")
    if not _AREA_IN_KEY.search(name) and not _GEO_KEY.match(name):
        return None
    if _EXCLUDING_KEY.fullmatch(name):
        codes, complete = read_territories(value)
        return KeyReading(excluded=codes, complete=complete)
    if _LIMITING_KEY.fullmatch(name):
        codes, complete = read_territories(value)
        return KeyReading(limited_to=codes if complete else (), complete=complete)
    if _OPEN_ENDED_KEY.fullmatch(name) and isinstance(value, dict):
        return _read_table(value)
    if _OPEN_ENDED_KEY.fullmatch(name) or _LIMIT_IN_KEY.search(name):
        return None if _is_nothing(value) else KeyReading(complete=False)
    return None


def _read_table(table: dict[Any, Any]) -> KeyReading:
    """Read `{excluded: [...], allowed: [...]}`."""
    excluded: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()
    complete = True
    for key, value in list(table.items())[:MAX_VALUES]:
        name = _NOT_A_LETTER.sub("_", str(key).casefold()[:MAX_VALUE_LENGTH]).strip("_")
        codes, whole = read_territories(value)
        if _EXCLUDING_KEY.fullmatch(name):
            excluded += codes
        elif _LIMITING_KEY.fullmatch(name) and whole:
            limited += codes
        elif not _is_nothing(value):
            whole = False
        complete = complete and whole
    return KeyReading(tuple(dict.fromkeys(excluded)), tuple(dict.fromkeys(limited)), complete)


def read_territories(value: Any) -> tuple[tuple[str, ...], bool]:
    """Read codes and names from a list or a string; the second value says whether all of it was understood."""
    if _is_nothing(value):
        return (), True
    parts = value if isinstance(value, list) else re.split(r"[,;/|、,]", value) if isinstance(value, str) else None
    if parts is None or len(parts) > MAX_VALUES:
        return (), False
    territories = load_territories()
    codes: list[str] = []
    complete = True
    for part in parts:
        found = _one(part, territories)
        codes += found
        complete = complete and (bool(found) or _is_nothing(part))
    return tuple(dict.fromkeys(codes)), complete


def _one(part: Any, territories: Territories) -> tuple[str, ...]:
    if part is False:  # YAML 1.1 takes Norway's code for a Boolean
        return ("NO",)
    if not isinstance(part, str) or len(part) > MAX_VALUE_LENGTH:
        return ()
    return territories.read_code(part) or territories.read_name(part)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in _NOTHING
    return value is None or value is False or (isinstance(value, list | dict) and not value)
