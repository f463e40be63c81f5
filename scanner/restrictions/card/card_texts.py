"""Texts in a card's metadata, read as prose, and where they stand in the card.

Values are read as YAML means them; what is found is then looked up in the file, so that quotes are the file's own
words. Where the card was not read, or says another thing than the metadata at hand, declarations have no place.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scanner.restrictions.card.scalars import align
from scanner.restrictions.interface import UNDETERMINED, Declaration, Kind
from scanner.restrictions.prose.text import Prose, examine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.restrictions.card.frontmatter import FrontMatter, Path

CARD = "README.md"
MAX_TEXT = 64 * 1024  # characters of a text; longer ones repeat themselves or are made to
MAX_QUOTE = 300


class CardTexts:
    """The metadata of one card, with its front matter where that was read."""

    def __init__(self, data: Mapping[str, Any], front: FrontMatter | None) -> None:
        self.data = data
        self.front = front

    def at(self, path: Path) -> str:
        """Return the text at a path; nothing where something else stands there."""
        value = _at(self.data, path)
        return value if isinstance(value, str) else ""

    def read(self, path: Path, text: str, kind: Kind, *, active: bool = True, name: bool = False) -> Prose:
        """Read a text for the limits it declares.

        Args:
            path: where it stands.
            text: the text.
            kind: what a limit in it is.
            active: whether what is declared has effect.
            name: the text is the last key of the path, and no value.
        """
        prose = examine(text[:MAX_TEXT], CARD, kind, active=active)
        place = self._place(path, text, name=name) if prose.declarations else None
        spans = align(place[0], text) if place else None
        found = tuple(self._moved(one, place, spans) for one in prose.declarations)
        return Prose(found, prose.complete and len(text) <= MAX_TEXT)

    def declare(
        self,
        kind: Kind,
        path: Path,
        *,
        excluded: tuple[str, ...] = (),
        limited_to: tuple[str, ...] = (),
        active: bool = True,
    ) -> Declaration:
        """Make a declaration that a key and its value are, quoted as they stand in the card."""
        quote, start, end = self.locate(path, _as_written(path, _at(self.data, path)))
        return Declaration(kind, excluded, limited_to, active, CARD, start, end, quote, UNDETERMINED)

    def locate(self, path: Path, given: str) -> tuple[str, int | None, int | None]:
        """Return a key and its value as they stand in the card, with their offsets; `given` where it was not read."""
        place = None
        if self.front is not None and self._agrees(path):
            place = self.front.quote(path) or self.front.value(path)
        return place or (given[:MAX_QUOTE], None, None)

    def _place(self, path: Path, text: str, *, name: bool) -> tuple[str, int, int] | None:
        if self.front is None or not self._agrees(path):
            return None
        if name:
            return self.front.name(path)
        return self.front.value(path) if _at(self.data, path) == text else None

    def _agrees(self, path: Path) -> bool:
        """Tell whether the card that was read says at a place what the metadata says."""
        if self.front is None or self.front.data is None:
            return False
        return self.front.data is self.data or _same(_at(self.front.data, path), _at(self.data, path))

    def _moved(
        self, found: Declaration, place: tuple[str, int, int] | None, spans: list[tuple[int, int]] | None
    ) -> Declaration:
        """Place a declaration in the card: its own words, or all of the scalar where they cannot be told apart."""
        if place is None or self.front is None or found.start is None or found.end is None:
            return replace(found, start=None, end=None)
        start, end = place[1], place[2]
        if spans:
            inner = spans[found.start : found.end]
            start, end = place[1] + inner[0][0], place[1] + inner[-1][1]
        return replace(found, start=start, end=end, quote=self.front.text[start:end])


def _at(data: Any, path: Path) -> Any:
    """Return the value at a path; None where there is none."""
    for part in path:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _same(one: Any, other: Any) -> bool:
    """Compare two values; those nested beyond all measure are not the same."""
    try:
        return bool(one == other)
    except RecursionError:
        return False


def _as_written(path: Path, value: Any) -> str:
    """Write a key and its value as a card might; the card itself was not read."""
    try:
        written = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        written = "..."
    name = ".".join(str(part) for part in path)
    return f"{name}: {written}"[:MAX_QUOTE]
