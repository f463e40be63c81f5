"""What a licence's name says about geography, from `licences.toml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from config.errors import ConfigError
from config.mistakes import key, sentences
from config.tomlfile import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

Day: TypeAlias = date
MAX_NAME = 200  # characters; no licence has a longer name, and card data can hold any string
_SEPARATORS = re.compile(r"[^a-z0-9.+]+")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class OpenLicences(_Row):
    """Licences whose text limits no territory."""

    ids: tuple[str, ...] = key(..., "ids as the Hub has them", "a list of ids", min_length=1)


class LimitedLicence(_Row):
    """A licence known to limit territories."""

    id: str = key(..., "our name for it", "a text", min_length=1)
    title: str = key(..., "its own name", "a text", min_length=1)
    names: tuple[str, ...] = key(..., "names in card data", "a list of names")
    name_prefixes: tuple[str, ...] = key((), "beginnings of such names", "a list of names")
    links: tuple[str, ...] = key((), "parts of links to it", "a list of texts")
    excluded: tuple[str, ...] = key((), "territories it excludes", "a list of codes")
    limited_to: tuple[str, ...] = key((), "territories it is limited to", "a list of codes")
    stands_in: Literal["licence", "use-policy"] = key("licence", "which text holds it", '"licence" or "use-policy"')
    note: str = key("", "how far the name tells", "a sentence")


class UnsureLicence(_Row):
    """A licence that limits territories under conditions that its name does not tell."""

    id: str = key(..., "our name for it", "a text", min_length=1)
    names: tuple[str, ...] = key(..., "names in card data", "a list of names", min_length=1)
    why: str = key(..., "what it depends on", "a sentence", min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    open: tuple[OpenLicences, ...] = key(..., "no limits", "tables [[open]]")
    limited: tuple[LimitedLicence, ...] = key(..., "limits", "tables [[limited]]")
    unsure: tuple[UnsureLicence, ...] = key((), "limits under conditions", "tables [[unsure]]")


@dataclass(frozen=True, slots=True)
class Licences:
    """All rows, ready to be looked up by name."""

    open: frozenset[str]
    limited: tuple[LimitedLicence, ...]
    by_name: Mapping[str, LimitedLicence]
    unsure: Mapping[str, UnsureLicence]

    def find_limited(self, name: str, link: str = "") -> LimitedLicence | None:
        """Find a licence known to limit territories, by its name in card data or the link to it."""
        name = normalise(name)
        if row := self.by_name.get(name):
            return row
        for row in self.limited:
            if name.startswith(row.name_prefixes) or any(part in link for part in row.links):
                return row
        return None

    def is_open(self, name: str) -> bool:
        """Tell whether a licence is known to limit no territory."""
        return normalise(name) in self.open

    def find_unsure(self, name: str) -> UnsureLicence | None:
        """Find a licence that limits territories under conditions."""
        return self.unsure.get(normalise(name))


def normalise(name: str) -> str:
    """Bring a licence's name to the form in which names are compared: small letters, hyphens between words."""
    return _SEPARATORS.sub("-", name[:MAX_NAME].casefold()).strip("-")


@lru_cache(maxsize=1)
def load_licences() -> Licences:
    """Load the table that ships with hubscope, once."""
    name = "licences.toml"
    file = read_toml(files("config") / name, name)
    try:
        data = _File.model_validate(file.values)
    except ValidationError as exc:
        raise ConfigError("\n".join(sentences(exc, _File, file.place))) from None
    return Licences(
        frozenset(normalise(one) for row in data.open for one in row.ids),
        data.limited,
        MappingProxyType({normalise(one): row for row in data.limited for one in row.names}),
        MappingProxyType({normalise(one): row for row in data.unsure for one in row.names}),
    )
