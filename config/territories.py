"""Territories: their codes, their groups, and codes and names as metadata writes them, from `territories.toml`."""

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
    from collections.abc import Iterable, Iterator, Mapping

Day: TypeAlias = date
Names: TypeAlias = dict[str, tuple[str, ...]]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Part):
    """A group of territories: its members, and whether a declaration names the group or them."""

    members: tuple[str, ...] = key(..., "codes of the members", "a list of codes", min_length=1)
    as_written: bool = key(..., "whether declarations carry the group's own name", "true or false")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class _Codes(_Part):
    alpha3: dict[str, str] = key(..., "two-letter code to three-letter code", "a table of codes")
    aliases: dict[str, str] = key(..., "code to two-letter code", "a table of codes")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class Language(_Part):
    """Names in one language that CLDR has not; `territories.toml` says what each table is for."""

    cldr: str = key(..., "CLDR's tag of the language", "a tag", min_length=2)
    names: Names = key({}, "code to names, in any case", "a table of lists of names")
    abbreviations: Names = key({}, "code to names, only in this case", "a table of lists of names")
    people: Names = key({}, "code to words for its people", "a table of lists of words")
    people_endings: tuple[str, ...] = key((), "endings that make a name one of people", "a list of endings")
    language_endings: tuple[str, ...] = key((), "endings that make a name one of a language", "a list of endings")
    language_beginnings: tuple[str, ...] = key((), "the same, before the name", "a list of beginnings")
    not_territories: tuple[str, ...] = key((), "names that contain a territory's and mean none", "a list of names")
    ambiguous: tuple[str, ...] = key((), "names that count only beside others", "a list of names")
    words: tuple[str, ...] = key((), "names that are words in small letters", "a list of names")
    unused: tuple[str, ...] = key((), "CLDR's names to leave out", "a list of names")
    endings: tuple[tuple[str, ...], ...] = key((), "inflection of one-word names", "a list of lists of endings")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")

    def keys(self) -> Iterator[str]:
        """Yield every code and group that this language has names for."""
        for table in (self.names, self.abbreviations, self.people):
            yield from table


class _File(_Part):
    groups: dict[str, Group] = key(..., "groups", "tables [groups.NAME]")
    codes: _Codes = key(..., "codes", "a table [codes]")
    languages: dict[str, Language] = key(..., "names", "tables [languages.TAG]")


@dataclass(frozen=True, slots=True)
class Territories:
    """All territories.

    Attributes:
        codes: every ISO 3166-1 alpha-2 code, and the groups that declarations may carry.
        groups: every group by name.
        languages: our own names by language tag.
        aliases: codes that people write for others.
    """

    codes: frozenset[str]
    groups: Mapping[str, Group]
    languages: Mapping[str, Language]
    aliases: Mapping[str, str]

    def expand(self, target: str) -> tuple[str, ...]:
        """Return the codes that a declaration carries for a table key: itself, or a group's members."""
        group = self.groups.get(target)
        return (target,) if group is None or group.as_written else group.members

    def contains(self, codes: Iterable[str], territory: str) -> bool:
        """Tell whether codes name a territory, themselves or by a group of which it is a member."""
        return any(code == territory or self._has_member(code, territory) for code in codes)

    def _has_member(self, code: str, territory: str) -> bool:
        return code in self.groups and territory in self.groups[code].members

    def read_code(self, value: str) -> tuple[str, ...]:
        """Read a code as people write it in metadata ("cn", "UK", "EU"); empty where it is none."""
        code = value.strip().upper()
        code = self.aliases.get(code, code)
        return (code,) if code in self.codes else ()

    def read_name(self, value: str) -> tuple[str, ...]:
        """Read a whole value that is a territory's name in any of the languages; empty where it is none."""
        from config.territory_names import read_name

        return read_name(value)


@lru_cache(maxsize=1)
def load_territories() -> Territories:
    """Load the table that ships with hubscope, once."""
    name = "territories.toml"
    data, _ = read_data(files("config") / name, name, _File)
    codes = {*data.codes.alpha3, *(name for name, group in data.groups.items() if group.as_written)}
    named = {code for language in data.languages.values() for code in language.keys()}  # noqa: SIM118 - no mapping
    if unknown := named - codes - set(data.groups):
        raise ConfigError(f"{name}: {', '.join(sorted(unknown))} is neither a two-letter code nor a group.")
    aliases = {longer: code for code, longer in data.codes.alpha3.items()} | data.codes.aliases
    return Territories(
        frozenset(codes), MappingProxyType(data.groups), MappingProxyType(data.languages), MappingProxyType(aliases)
    )
