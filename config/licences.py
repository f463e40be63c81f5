"""What is known of licences by name, link or title, from `licences.toml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from config.datafile import read_data
from config.licence_titles import MAX_READ, Title, title_lines
from config.mistakes import key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Day: TypeAlias = date
Part: TypeAlias = Literal["licence", "use-policy"]
"""Which of a licence's texts: the licence itself, or the use policy that it makes part of itself."""

MAX_NAME = 200  # characters; no licence has a longer name, and card data can hold any string
MAX_LINK = 500  # characters of a link
_SEPARATORS = re.compile(r"[^a-z0-9.+]+")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    heads: tuple[str, ...] = key((), "titles of its text", "a list of titles")
    policy_heads: tuple[str, ...] = key((), "titles of its use policy", "a list of titles")
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when it was noted", "a date")


class OpenLicence(_Row):
    """A licence, or several that one source covers, whose text limits no territory."""

    title: str = key("", "its own name, where the row is about one", "a text")
    ids: tuple[str, ...] = key((), "names in card data", "a list of names")

    @property
    def excluded(self) -> tuple[str, ...]:
        """No territory."""
        return ()

    @property
    def limited_to(self) -> tuple[str, ...]:
        """No territory."""
        return ()


class LimitedLicence(_Row):
    """A licence known to limit territories."""

    id: str = key(..., "our name for it", "a text", min_length=1)
    title: str = key(..., "its own name", "a text", min_length=1)
    names: tuple[str, ...] = key((), "names in card data", "a list of names")
    name_prefixes: tuple[str, ...] = key((), "beginnings of such names", "a list of names")
    links: tuple[str, ...] = key((), "parts of links to it", "a list of texts")
    excluded: tuple[str, ...] = key((), "territories it excludes", "a list of codes")
    limited_to: tuple[str, ...] = key((), "territories it is limited to", "a list of codes")
    stands_in: Part = key("licence", "which text holds it", '"licence" or "use-policy"')
    note: str = key("", "how far the name tells", "a sentence")


class UnsureLicence(_Row):
    """A licence that limits territories under conditions that its name does not tell."""

    id: str = key(..., "our name for it", "a text", min_length=1)
    title: str = key(..., "its own name", "a text", min_length=1)
    names: tuple[str, ...] = key((), "names in card data", "a list of names")
    links: tuple[str, ...] = key((), "parts of links to it", "a list of texts")
    stands_in: Part = key("licence", "which text tells", '"licence" or "use-policy"')
    why: str = key(..., "what it depends on", "a sentence", min_length=1)


KnownLicence: TypeAlias = OpenLicence | LimitedLicence | UnsureLicence


class LicenceTable(BaseModel):
    """What the file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: tuple[OpenLicence, ...] = key(..., "no limits", "tables [[open]]")
    limited: tuple[LimitedLicence, ...] = key(..., "limits", "tables [[limited]]")
    unsure: tuple[UnsureLicence, ...] = key((), "limits under conditions", "tables [[unsure]]")


@dataclass(frozen=True, slots=True)
class Titled:
    """A title that a text may bear, and the licence it is the title of."""

    title: Title
    licence: KnownLicence
    part: Part


@dataclass(frozen=True, slots=True)
class Recognised:
    """A licence recognised by the title of a text, and which of its texts it is."""

    licence: KnownLicence
    part: Part


@dataclass(frozen=True, slots=True)
class Licences:
    """All rows, ready to be looked up by name, link or text."""

    open: Mapping[str, OpenLicence]
    limited: tuple[LimitedLicence, ...]
    by_name: Mapping[str, LimitedLicence]
    unsure: Mapping[str, UnsureLicence]
    by_link: tuple[tuple[str, LimitedLicence | UnsureLicence], ...]
    titles: tuple[Titled, ...]

    def find_limited(self, name: str) -> LimitedLicence | None:
        """Find a licence known to limit territories, by its name in card data."""
        name = normalise(name)
        if row := self.by_name.get(name):
            return row
        return next((row for row in self.limited if name.startswith(row.name_prefixes)), None)

    def find_open(self, name: str) -> OpenLicence | None:
        """Find a licence known to limit no territory."""
        return self.open.get(normalise(name))

    def find_unsure(self, name: str) -> UnsureLicence | None:
        """Find a licence that limits territories under conditions."""
        return self.unsure.get(normalise(name))

    def find_link(self, link: str) -> LimitedLicence | UnsureLicence | None:
        """Find the licence that a link leads to."""
        link = link[:MAX_LINK].casefold()
        return next((row for part, row in self.by_link if part in link), None)

    def find_by_text(self, text: str) -> KnownLicence | None:
        """Find a licence by the title at the beginning of its text."""
        found = self.recognise(text)
        return found.licence if found else None

    def recognise(self, text: str) -> Recognised | None:
        """Tell which licence or use policy a text is by its title; the first one counts, and the closest."""
        lines = title_lines(text)
        places = [(line, one) for one in self.titles if (line := lines.find(one.title)) is not None]
        if not places:
            return None
        _, best = min(places, key=lambda pair: (pair[0], -len(pair[1].title.patterns), pair[1].title.loose))
        return Recognised(best.licence, best.part)

    def holds_policy(self, text: str) -> bool:
        """Tell whether the title of a known use policy stands anywhere in a text; it may follow the licence."""
        lines = title_lines(text, MAX_READ)
        return any(one.part == "use-policy" and lines.find(one.title) is not None for one in self.titles)


def normalise(name: str) -> str:
    """Bring a licence's name to the form in which names are compared: small letters, hyphens between words."""
    return _SEPARATORS.sub("-", name[:MAX_NAME].casefold()).strip("-")


@lru_cache(maxsize=1)
def load_licences() -> Licences:
    """Load the table that ships with hubscope, once."""
    data = read_licence_table()
    linked: tuple[LimitedLicence | UnsureLicence, ...] = (*data.limited, *data.unsure)
    links = [(part.casefold(), row) for row in linked for part in row.links]
    rows: tuple[KnownLicence, ...] = (*data.open, *linked)
    return Licences(
        MappingProxyType({normalise(one): row for row in data.open for one in row.ids}),
        data.limited,
        MappingProxyType({normalise(one): row for row in data.limited for one in row.names}),
        MappingProxyType({normalise(one): row for row in data.unsure for one in row.names}),
        tuple(sorted(links, key=lambda pair: -len(pair[0]))),
        tuple(one for row in rows for one in _titled(row)),
    )


def read_licence_table() -> LicenceTable:
    """Read the rows of the table that ships with hubscope, in its order.

    Raises:
        ConfigError: every mistake of the file, one a line.
    """
    name = "licences.toml"
    return read_data(files("config") / name, name, LicenceTable)[0]


def _titled(row: KnownLicence) -> Iterator[Titled]:
    yield from (Titled(Title.of(head), row, "licence") for head in row.heads)
    yield from (Titled(Title.of(head), row, "use-policy") for head in row.policy_heads)
