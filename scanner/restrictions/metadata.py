"""Read declared limits from a repository's metadata: card data, gating fields and tags.

`region:us` and `region:eu` are storage tags and never read. A country field asks, it does not exclude. What is only
parsed has no place in a file; where the card itself was read, quotes carry their offsets in its front matter.
Facts about keys: hub documentation, models-gated.md and model-cards.md.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.licences import load_licences
from scanner.restrictions.interface import UNDETERMINED, Declaration, Gated, Kind
from scanner.restrictions.keys import KeyReading, read_key
from scanner.restrictions.licence_names import NamedLicence, Suggestion, name_licence
from scanner.restrictions.mentions import names_territory
from scanner.restrictions.text import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.licences import Licences
    from scanner.restrictions.frontmatter import FrontMatter, Path


CARD = "README.md"
MAX_TEXT = 64 * 1024  # characters of a prompt; longer ones repeat themselves or are made to
MAX_FIELDS = 200
MAX_KEYS = 2000
MAX_QUOTE = 300
_LOOKS_LIMITING = re.compile(
    r"\b(?:countr(?:y|ies)|regions?|territor(?:y|ies)|jurisdictions?)\b|地区|地區|国家|國家|境内|境內|境外|地域",
    re.IGNORECASE,
)
_LIMITING_WORD = re.compile(
    r"\b(?:not|restrict\w*|prohibit\w*|exclud\w*|only|outside|except)\b|不|仅|僅|禁|限", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class MetadataReading:
    """What metadata says.

    Attributes:
        declarations: limits that metadata declares by itself.
        by_name: limits known from the licence's name; a licence text that was read wins over them.
        open_names: licences that it names and that are known to limit no territory, where it names no other.
        country_asked: the gate asks for a country, which is no limit.
        suggests: reasons why a limit may stand in texts not read.
    """

    declarations: tuple[Declaration, ...] = ()
    by_name: tuple[NamedLicence, ...] = ()
    country_asked: bool = False
    suggests: tuple[Suggestion, ...] = ()
    open_names: tuple[str, ...] = ()


def read_metadata(
    card_data: Mapping[str, Any] | None,
    gated: Gated,
    tags: Sequence[str] = (),
    *,
    licences: Licences | None = None,
    front: FrontMatter | None = None,
) -> MetadataReading:
    """Read card data, gate and tags of one repository. Any JSON value may stand anywhere.

    Args:
        card_data: the front matter as the Hub parsed it; None where it was not given.
        gated: the repository's gate; limits that stand in the gate's words are active only behind one.
        tags: the repository's tags; only `license:` is read, and only without card data.
        licences: what licences' names say; the table that ships with hubscope by default.
        front: the card's own front matter, for offsets; it also stands in for missing card data.
    """
    data = card_data if isinstance(card_data, dict) else (front.data if front else None)
    reader = _Reader(data or {}, gated, front, licences or load_licences())
    reader.read_gate()
    reader.read_keys()
    reader.read_licence([] if data is not None else _licence_tags(tags))
    if data is None and gated:
        reader.suggest("the repository is gated, and the words of its gate were not seen")
    return reader.result()


def _licence_tags(tags: Sequence[str]) -> list[str]:
    prefix = "license:"
    return [tag.removeprefix(prefix) for tag in tags if isinstance(tag, str) and tag.startswith(prefix)]


class _Reader:
    """Goes through one card's data."""

    def __init__(self, data: Mapping[str, Any], gated: Gated, front: FrontMatter | None, licences: Licences) -> None:
        self.data = data
        self.active = bool(gated)
        self.front = front
        self.licences = licences
        self.declarations: list[Declaration] = []
        self.by_name: list[NamedLicence] = []
        self.open_names: tuple[str, ...] = ()
        self.country_asked = False
        self.suggestions: dict[Suggestion, None] = {}

    def result(self) -> MetadataReading:
        return MetadataReading(
            tuple(self.declarations), tuple(self.by_name), self.country_asked, tuple(self.suggestions), self.open_names
        )

    def suggest(self, reason: str) -> None:
        self.suggestions[Suggestion(reason)] = None

    # --- the gate ---------------------------------------------------------------------------------------------------

    def read_gate(self) -> None:
        switch = self.data.get("extra_gated_eu_disallowed")
        if switch is True or switch in ("true", "True"):  # in quotes it means the same
            self._declare(Kind.GATING, ("extra_gated_eu_disallowed",), excluded=("EU",), active=self.active)
        for name in ("extra_gated_prompt", "extra_gated_heading", "extra_gated_description"):
            self._read_words((name,), self.data.get(name), name)
        fields = self.data.get("extra_gated_fields")
        if isinstance(fields, dict):
            for label, field in list(fields.items())[:MAX_FIELDS]:
                self._read_field(str(label), field)

    def _read_field(self, label: str, field: Any) -> None:
        path = ("extra_gated_fields", label)
        kind = field.get("type") if isinstance(field, dict) else field
        options = field.get("options") if isinstance(field, dict) else None
        if kind in ("country", "ip_location") or label.strip().casefold() in ("country", "国家", "國家", "国家/地区"):
            self.country_asked = True
            return
        self._read_words(path, label, "a field of the gate", whole_key=True)
        for number, option in enumerate(options[:MAX_FIELDS] if isinstance(options, list) else ()):
            text = option.get("label") if isinstance(option, dict) else option
            self._read_words((*path, "options", number), text, "an option of the gate", mentions_suggest=False)

    def _read_words(
        self, path: Path, value: Any, what: str, *, whole_key: bool = False, mentions_suggest: bool = True
    ) -> None:
        """Read a text of the gate with the patterns for prose, in the card itself where it was read."""
        if not isinstance(value, str) or not value.strip():
            return
        place = None
        if self.front is not None:
            place = self.front.quote(path) if whole_key else self.front.value(path)
        if place is not None and self.front is not None:
            found = read_text(self.front.text, CARD, Kind.GATING, start=place[1], end=place[2], active=self.active)
        else:
            found = tuple(
                _without_place(one) for one in read_text(value[:MAX_TEXT], CARD, Kind.GATING, active=self.active)
            )
        self.declarations += found
        limiting = _LIMITING_WORD.search(value[:MAX_TEXT]) is not None
        named = _LOOKS_LIMITING.search(value[:MAX_TEXT]) or names_territory(value[:MAX_TEXT])
        if not found and mentions_suggest and limiting and named:
            self.suggest(f"{what} speaks of territories in words that were not understood")

    # --- home-made keys ---------------------------------------------------------------------------------------------

    def read_keys(self) -> None:
        for name, value in list(self.data.items())[:MAX_KEYS]:
            if not isinstance(name, str) or name.startswith("extra_gated_"):
                continue
            reading = read_key(name, value)
            if reading is None:
                continue
            self._declare_key(name, reading)
            if not reading.complete and not self._read_key_as_prose(name, value):
                self.suggest(f"the key {name[:60]} looks like a limit and was not understood")

    def _declare_key(self, name: str, reading: KeyReading) -> None:
        if reading.excluded:
            self._declare(Kind.CARD_STATEMENT, (name,), excluded=reading.excluded)
        if reading.limited_to:
            self._declare(Kind.CARD_STATEMENT, (name,), limited_to=reading.limited_to)

    def _read_key_as_prose(self, name: str, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        place = self.front.value((name,)) if self.front else None
        if place is not None and self.front is not None:
            found = read_text(self.front.text, CARD, Kind.CARD_STATEMENT, start=place[1], end=place[2])
        else:
            found = tuple(_without_place(one) for one in read_text(value[:MAX_TEXT], CARD, Kind.CARD_STATEMENT))
        self.declarations += found
        return bool(found)

    # --- the licence ------------------------------------------------------------------------------------------------

    def read_licence(self, tagged: Sequence[str]) -> None:
        found = name_licence(self.data, tagged, self.licences)
        self.open_names = found.open_names
        for suggestion in found.suggests:
            self.suggestions[suggestion] = None
        if found.limited is not None:
            row = found.limited
            quote, start, end = self._located(found.path, found.given)
            declaration = Declaration(
                Kind.LICENCE_GRANT, row.excluded, row.limited_to, True, CARD, start, end, quote, UNDETERMINED
            )
            self.by_name.append(NamedLicence(declaration, row.title, row.stands_in))

    # --- declarations -----------------------------------------------------------------------------------------------

    def _declare(
        self,
        kind: Kind,
        path: Path,
        *,
        excluded: tuple[str, ...] = (),
        limited_to: tuple[str, ...] = (),
        active: bool = True,
    ) -> None:
        place = self.front.quote(path) if self.front else None
        quote, start, end = place or (_as_written(path, self.data), None, None)
        self.declarations.append(Declaration(kind, excluded, limited_to, active, CARD, start, end, quote, UNDETERMINED))

    def _located(self, path: Path, given: str) -> tuple[str, int | None, int | None]:
        place = self.front.value(path) if self.front else None
        return place or (given[:MAX_QUOTE], None, None)


def _without_place(declaration: Declaration) -> Declaration:
    """Take the offsets off: they count characters of the parsed value, not of the file."""
    return Declaration(
        declaration.kind,
        declaration.excluded,
        declaration.limited_to,
        declaration.active,
        declaration.file,
        None,
        None,
        declaration.quote,
        declaration.language,
    )


def _as_written(path: Path, data: Mapping[str, Any]) -> str:
    """Write a key and its value as a card might; the card itself was not read."""
    value = data.get(str(path[0]))
    try:
        written = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        written = "..."
    return f"{path[0]}: {written}"[:MAX_QUOTE]
