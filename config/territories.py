"""Names of territories and what they stand for, from `territories.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import ConfigError
from config.mistakes import key, sentences
from config.tomlfile import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Day: TypeAlias = date
CODE_LENGTH = 2


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Part):
    """A group of territories: its members, and whether a declaration names the group or them."""

    members: tuple[str, ...] = key(..., "codes of the members", "a list of codes", min_length=1)
    as_written: bool = key(..., "whether declarations carry the group's own name", "true or false")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class _Codes(_Part):
    aliases: dict[str, str] = key(..., "code to code", "a table of codes")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class Language(_Part):
    """Names in one language."""

    names: dict[str, tuple[str, ...]] = key(..., "code to names, in any case", "a table of lists of names")
    abbreviations: dict[str, tuple[str, ...]] = key({}, "code to names, only in this case", "a table of lists")
    not_territories: tuple[str, ...] = key((), "names that contain a territory's and mean none", "a list of names")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class _File(_Part):
    groups: dict[str, Group] = key(..., "groups", "tables [groups.NAME]")
    codes: _Codes = key(..., "other codes", "a table [codes]")
    languages: dict[str, Language] = key(..., "names", "tables [languages.TAG]")


@dataclass(frozen=True, slots=True)
class Territories:
    """All names, ready to be looked up.

    Attributes:
        codes: every ISO 3166-1 alpha-2 code, and the groups that declarations may carry.
        groups: every group by name.
        languages: the names by language tag.
        aliases: codes that people write for others.
        by_name: what each name, in small letters, stands for.
    """

    codes: frozenset[str]
    groups: Mapping[str, Group]
    languages: Mapping[str, Language]
    aliases: Mapping[str, str]
    by_name: Mapping[str, tuple[str, ...]]

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
        wanted = value.strip().casefold().removeprefix("the ").strip()
        return self.by_name.get(wanted, ())


@lru_cache(maxsize=1)
def load_territories() -> Territories:
    """Load the table that ships with hubscope, once."""
    name = "territories.toml"
    file = read_toml(files("config") / name, name)
    try:
        data = _File.model_validate(file.values)
    except ValidationError as exc:
        raise ConfigError("\n".join(sentences(exc, _File, file.place))) from None
    named = {code for language in data.languages.values() for code in language.names}
    codes = {code for code in named if len(code) == CODE_LENGTH}
    codes |= {name for name, group in data.groups.items() if group.as_written}
    unknown = named - codes - set(data.groups)
    if unknown:
        raise ConfigError(f"{name}: {', '.join(sorted(unknown))} is neither a two-letter code nor a group.")
    return Territories(
        frozenset(codes),
        MappingProxyType(data.groups),
        MappingProxyType(data.languages),
        MappingProxyType(data.codes.aliases),
        MappingProxyType(_by_name(data)),
    )


def _by_name(data: _File) -> dict[str, tuple[str, ...]]:
    """Index every name, in small letters; where two languages share one, the first of the file wins."""
    index: dict[str, tuple[str, ...]] = {}
    for language in data.languages.values():
        for table in (language.names, language.abbreviations):
            for code, names in table.items():
                group = data.groups.get(code)
                codes = (code,) if group is None or group.as_written else group.members
                for name in names:
                    index.setdefault(name.casefold(), codes)
    return index
