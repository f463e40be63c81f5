"""Limits in the words of a gate: its prompt, its fields, and the Hub's switch for the European Union.

A field that asks for a country is no limit: it asks. A box to be ticked is one where its label says what the person who
ticks it declares, and an option where it says that whoever chooses it is refused, or where there is no other.
Facts about keys: hub documentation, models-gated.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scanner.restrictions.card.key_names import names_area
from scanner.restrictions.card.key_values import read_places, read_territory
from scanner.restrictions.card.key_words import is_nothing, read_answer, says_no
from scanner.restrictions.interface import Kind
from scanner.restrictions.names import names_territory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scanner.restrictions.card.card_texts import CardTexts
    from scanner.restrictions.card.frontmatter import Path
    from scanner.restrictions.interface import Declaration

MAX_FIELDS = 200
MAX_LISTED = 1000  # options of one field; there are 250 countries
MAX_LOOKED_AT = 64 * 1024  # characters of a text in which words for a limit are looked for
MAX_OPTION = 300
MAX_OPTIONS = 300  # of all fields together, plain names not counted; nobody reads more before choosing
SWITCH = "extra_gated_eu_disallowed"
FIELDS = "extra_gated_fields"
TEXTS = ("extra_gated_prompt", "extra_gated_heading", "extra_gated_description", "extra_gated_button_content")
KEYS = frozenset({SWITCH, FIELDS, *TEXTS})
_ASKING = ("country", "ip_location")  # types of fields
_LOOKS_LIMITING = re.compile(
    r"\b(?:countr(?:y|ies)|regions?|territor(?:y|ies)|jurisdictions?)\b|地区|地區|国家|國家|境内|境內|境外|地域",
    re.IGNORECASE,
)
_LIMITING_WORD = re.compile(
    r"\b(?:not|restrict\w*|prohibit\w*|exclud\w*|only|outside|except)\b|不|仅|僅|禁|限", re.IGNORECASE
)
_WITH_REMARK = re.compile(r"(?P<places>.{1,120}?)\s*(?:[(\[（【].*|[:：].*|\s[-–—]\s.*|—.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Box:
    """What ticking a box declares of the one who ticks it."""

    found: tuple[Declaration, ...]
    own_place: bool  # where that person is, and no more


class GateReader:
    """Reads the gate of one card.

    Attributes:
        declarations: limits in its words.
        country_asked: it asks for a country.
        suggests: reasons why it may hold limits that were not understood.
    """

    def __init__(self, texts: CardTexts, *, active: bool) -> None:
        self.declarations: list[Declaration] = []
        self.country_asked = False
        self.suggests: list[str] = []
        self._texts = texts
        self._active = active
        self._options_left = MAX_OPTIONS

    def read(self) -> None:
        """Read all of it."""
        self._read_switch()
        for name in TEXTS:
            text = self._texts.data.get(name)
            if isinstance(text, str) and text.strip():
                self._keep(self._prose((name,), text, name), text, name)
        fields = self._texts.data.get(FIELDS)
        boxes: list[_Box] = []
        if isinstance(fields, dict) and len(fields) > MAX_FIELDS:
            self._suggest("the gate has more fields than are read")
        for label, field in list(fields.items())[:MAX_FIELDS] if isinstance(fields, dict) else ():
            if isinstance(label, str):
                boxes += self._read_field(label, field)
        self._take_boxes(boxes)

    def _read_switch(self) -> None:
        value = self._texts.data.get(SWITCH)
        answer = read_answer(value)
        if answer:
            self.declarations.append(self._texts.declare(Kind.GATING, (SWITCH,), excluded=("EU",), active=self._active))
        elif answer is None and not is_nothing(value):
            self._suggest(f"the key {SWITCH} is neither true nor false")

    # --- fields -----------------------------------------------------------------------------------------------------

    def _read_field(self, label: str, field: Any) -> list[_Box]:
        kind = field.get("type") if isinstance(field, dict) else field
        given = field.get("options") if isinstance(field, dict) else None
        options = given[:MAX_LISTED] if isinstance(given, list) else []
        path = (FIELDS, label)
        if kind in _ASKING or names_area(label) or _are_territories(options):
            self.country_asked = True
        found = self._prose(path, label, "a field of the gate", name=True)
        self._read_options((*path, "options"), options)
        if kind != "checkbox":
            self._keep(found, label, "a field of the gate")
            return []
        if not found:
            self._keep(found, label, "a field of the gate")
        return [_Box(found, self._is_own_place(path, label, found))] if found else []

    def _is_own_place(self, path: Path, label: str, found: Sequence[Declaration]) -> bool:
        """Tell whether a label only says where somebody is: outside a gate it would limit nothing."""
        return (
            all(one.limited_to for one in found)
            and not self._texts.read(path, label, Kind.CARD_STATEMENT, name=True).declarations
        )

    def _take_boxes(self, boxes: Sequence[_Box]) -> None:
        """Take what boxes declare; several for several places ("I am in Japan", "I am in France") only ask."""
        places = {one.limited_to for box in boxes if box.own_place for one in box.found}
        for box in boxes:
            if box.own_place and len(places) > 1:
                self.country_asked = True
            else:
                self.declarations += box.found

    def _read_options(self, path: Path, options: Sequence[Any]) -> None:
        """Read the options of a list to choose from."""
        own: list[tuple[Declaration, ...]] = []
        count = 0
        for number, option in enumerate(options):
            inner = (*path, number, "label") if isinstance(option, dict) else (*path, number)
            text = option.get("label") if isinstance(option, dict) else option
            if not isinstance(text, str) or not text.strip() or len(text) > MAX_OPTION:
                continue
            count += 1
            if read_territory(text):
                continue
            if not self._options_left:
                self._suggest("the gate has more options than are read")
                return
            self._options_left -= 1
            refused = self._refusal(inner, text)
            if refused:
                self.declarations += refused
                count -= 1
            elif found := self._prose(inner, text, "an option of the gate") or self._outside(inner, text):
                own.append(found)
        limits = {(one.excluded, one.limited_to) for found in own for one in found}
        if own and len(own) == count and len(limits) == 1:  # there is nothing else to choose
            self.declarations += [one for found in own for one in found]

    def _refusal(self, path: Path, text: str) -> tuple[Declaration, ...]:
        """Read an option that says that whoever chooses it is refused ("China (not eligible)")."""
        if not names_territory(text):
            return ()
        if found := self._texts.read(path, text, Kind.CARD_STATEMENT).declarations:
            return self._prose(path, text, "an option of the gate") or found
        match = _WITH_REMARK.fullmatch(text)
        if match is None:
            return ()
        found = self._prose(path, text, "an option of the gate")
        if found and not self._texts.read(path, match["places"], Kind.GATING).declarations:
            return tuple(one for one in found if one.excluded)
        places = read_places(match["places"])
        if not says_no(text) or not places.complete or not places.inside or places.outside or places.only:
            return ()
        return (self._texts.declare(Kind.GATING, path, excluded=places.inside, active=self._active),)

    def _outside(self, path: Path, text: str) -> tuple[Declaration, ...]:
        """Read an option that only says where one is not ("Outside of mainland China")."""
        places = read_places(text)
        if not places.complete or not places.outside or places.inside:
            return ()
        return (self._texts.declare(Kind.GATING, path, excluded=places.outside, active=self._active),)

    def _suggest(self, reason: str) -> None:
        if reason not in self.suggests:
            self.suggests.append(reason)

    # --- prose ------------------------------------------------------------------------------------------------------

    def _prose(self, path: Path, text: str, what: str, *, name: bool = False) -> tuple[Declaration, ...]:
        prose = self._texts.read(path, text, Kind.GATING, active=self._active, name=name)
        if not prose.complete:
            self._suggest(f"{what} is longer, or names more territories, than a text that is read")
        return prose.declarations

    def _keep(self, found: tuple[Declaration, ...], text: str, what: str) -> None:
        """Keep what was found; a text that speaks of territories and limits, and in which none was found, suggests."""
        self.declarations += found
        text = text[:MAX_LOOKED_AT]
        if not found and _LIMITING_WORD.search(text) and (_LOOKS_LIMITING.search(text) or names_territory(text)):
            self._suggest(f"{what} speaks of territories in words that were not understood")


def _are_territories(options: Sequence[Any]) -> bool:
    """Tell whether a list of options is one of countries."""
    labels = [option.get("label") if isinstance(option, dict) else option for option in options]
    return sum(bool(read_territory(label)) for label in labels if isinstance(label, str)) > 1
