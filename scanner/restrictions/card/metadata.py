"""Read declared limits from a repository's metadata: card data, gating fields and tags.

`region:us` and `region:eu` are storage tags and never read. What is only parsed has no place in a file; where the card
itself was read, quotes carry their offsets in its front matter.
Facts about keys: hub documentation, models-gated.md and model-cards.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config.licences import load_licences
from scanner.restrictions.card.card_texts import CARD, CardTexts
from scanner.restrictions.card.gates import KEYS, GateReader
from scanner.restrictions.card.key_names import read_key_name
from scanner.restrictions.card.keys import KeyReading, read_keys, read_tag
from scanner.restrictions.interface import UNDETERMINED, Declaration, Gated, Kind
from scanner.restrictions.licence.licence_names import NamedLicence, Suggestion, name_licence
from scanner.restrictions.names import names_territory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from config.licences import Licences
    from scanner.restrictions.card.frontmatter import FrontMatter, Path


MAX_TAGS = 500
_LICENCE_KEYS = ("license", "license_name", "license_link")


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
        tags: the repository's tags; `license:` is read only without card data.
        licences: what licences' names say; the table that ships with hubscope by default.
        front: the card's own front matter, for offsets; it also stands in for missing card data.
    """
    data = card_data if isinstance(card_data, dict) else (front.data if front else None)
    reader = _Reader(data or {}, gated, front, licences or load_licences())
    reader.read_gate()
    reader.read_keys()
    reader.read_tags(tags)
    reader.read_duplicates()
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
        self.texts = CardTexts(data, front)
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
        gate = GateReader(self.texts, active=self.active)
        gate.read()
        self.declarations += gate.declarations
        self.country_asked = gate.country_asked
        for reason in gate.suggests:
            self.suggest(reason)

    # --- home-made keys and tags ------------------------------------------------------------------------------------

    def read_keys(self) -> None:
        for path, reading in read_keys(self.data):
            self._declare_key(path, reading)
            if not reading.complete and not self._read_as_prose(path, reading):
                self.suggest(f"the key {'.'.join(map(str, path))[:60]} looks like a limit and was not understood")

    def _declare_key(self, path: Path, reading: KeyReading) -> None:
        if reading.excluded:
            self.declarations.append(self.texts.declare(Kind.CARD_STATEMENT, path, excluded=reading.excluded))
        if reading.limited_to:
            self.declarations.append(self.texts.declare(Kind.CARD_STATEMENT, path, limited_to=reading.limited_to))
        if reading.embargo:
            self.declarations.append(self.texts.declare(Kind.EMBARGO, path, excluded=reading.embargo))

    def _read_as_prose(self, path: Path, reading: KeyReading) -> bool:
        """Read what is no list as sentences; return whether they say all that there is to say of territories."""
        told = untold = False
        for below in reading.prose:
            text = self.texts.at((*path, *below))
            found = self.texts.read((*path, *below), text, Kind.CARD_STATEMENT).declarations
            self.declarations += found
            told = told or bool(found)
            untold = untold or (not found and names_territory(text))
        return told and not untold

    def read_tags(self, tags: Sequence[str]) -> None:
        own = self.data.get("tags")
        given = own if isinstance(own, list) else [] if self.data else tags
        for number, tag in enumerate(given[:MAX_TAGS]):
            reading = read_tag(tag) if isinstance(tag, str) else None
            if reading is None or not reading.complete:
                continue
            quote, start, end = self.texts.locate(("tags", number), tag)
            for excluded, limited in ((reading.excluded, ()), ((), reading.limited_to)):
                if excluded or limited:
                    self.declarations.append(
                        Declaration(Kind.CARD_STATEMENT, excluded, limited, True, CARD, start, end, quote, UNDETERMINED)
                    )

    def read_duplicates(self) -> None:
        """Tell of keys given twice, of which one may be the limit that readers of the card see."""
        for name in self.front.duplicates if self.front and self.front.data is not None else ():
            if name in KEYS or name in _LICENCE_KEYS or ((key := read_key_name(name)) is not None and key.strong):
                self.suggest(f"the key {name[:60]} stands twice in the front matter, and only the last one was read")

    # --- the licence ------------------------------------------------------------------------------------------------

    def read_licence(self, tagged: Sequence[str]) -> None:
        found = name_licence(self.data, tagged, self.licences)
        self.open_names = found.open_names
        for suggestion in found.suggests:
            self.suggestions[suggestion] = None
        if found.limited is not None:
            row = found.limited
            quote, start, end = self.texts.locate(found.path, found.given)
            declaration = Declaration(
                Kind.LICENCE_GRANT, row.excluded, row.limited_to, True, CARD, start, end, quote, UNDETERMINED
            )
            self.by_name.append(NamedLicence(declaration, row.title, row.stands_in))
