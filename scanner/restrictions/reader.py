"""All that one repository declares, from what was read of it: the one way in for the rest of the scanner.

Gather, then judge: metadata, card, licence files and the base model each yield declarations, and the status says how
much of all that was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from config.licences import load_licences
from scanner.restrictions.card.card_texts import CARD
from scanner.restrictions.card.frontmatter import FrontMatter, split_card
from scanner.restrictions.card.metadata import MetadataReading, read_metadata
from scanner.restrictions.interface import (
    ENCODING_GUESSED,
    LIMIT_SUGGESTED,
    Declaration,
    Finding,
    Gated,
    Kind,
    Place,
    Restrictions,
    Status,
)
from scanner.restrictions.licence.known import differences, read_texts, was_read
from scanner.restrictions.licence.licence_names import Suggestion
from scanner.restrictions.markup.texts import TextFile, decode, is_licence_file
from scanner.restrictions.prose.text import Prose, examine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from config.licences import Licences, Part
    from scanner.restrictions.licence.known import ReadText

NOTHING = Prose((), complete=True)

__all__ = ["BaseModel", "TextFile", "decode", "is_licence_file", "read_repository", "suggestions"]


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model that another one is derived from, and what it declares."""

    id: str
    restrictions: Restrictions


def read_repository(
    *,
    card_data: Mapping[str, Any] | None,
    gated: Gated,
    tags: Sequence[str] = (),
    card: TextFile | None = None,
    licence_files: Sequence[TextFile] = (),
    base: BaseModel | None = None,
    absent: Collection[Place] = (),
    unread: Collection[Place] = (),
) -> Restrictions:
    """Read every declared limit of a repository and say what was looked at.

    A place counts as read where its content is given, as absent where `absent` says so, and as unread otherwise.
    Without card data, the front matter of the card stands in for it.

    Args:
        card_data: the front matter as the Hub parsed it; None where it was not given (empty: there is none).
        gated: the repository's gate.
        tags: its tags.
        card: README.md, where it was read.
        licence_files: its licence-like files (see is_licence_file), where they were read.
        base: the base model, where what it declares is known. Only its licence grants pass on, marked with its id.
        absent: places known to hold nothing (no card, no licence file, no base model).
        unread: places of which something exists that was not read, although other parts may be given.
    """
    reading = _Reading.of(card_data, gated, tags, card, licence_files, load_licences())
    read = _places(card_data, card, licence_files, base, absent, {*unread, *reading.partly})
    own = reading.declarations()
    items = (*own, *(_inherited(base) if base else ()))
    unsettled = reading.open_suggestions(read)
    status = _status(own, read, unsettled)
    doubts = unsettled if status is Status.NOT_READ else ()
    findings = (*reading.findings(), *(Finding(LIMIT_SUGGESTED, one.reason) for one in doubts))
    return Restrictions(status, read, items, reading.metadata.country_asked, findings)


def suggestions(card_data: Mapping[str, Any] | None, gated: Gated, tags: Sequence[str] = ()) -> tuple[str, ...]:
    """Say why texts of a repository are worth reading, from its metadata alone; empty where nothing says so."""
    reading = read_metadata(card_data, gated, tags)
    named = (f"licence {one.title} is known to limit territories" for one in reading.by_name)
    return (*(one.reason for one in reading.suggests), *named)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The parts of one repository, read."""

    metadata: MetadataReading
    card_path: str
    card: tuple[Declaration, ...]
    licences: tuple[Declaration, ...]
    licence_texts: tuple[ReadText, ...]
    partly: frozenset[Place]
    suggests: tuple[Suggestion, ...]
    guesses: tuple[Finding, ...]
    known: Licences

    @classmethod
    def of(
        cls,
        card_data: Mapping[str, Any] | None,
        gated: Gated,
        tags: Sequence[str],
        card: TextFile | None,
        licence_files: Sequence[TextFile],
        known: Licences,
    ) -> _Reading:
        front = split_card(card) if card else None
        metadata = read_metadata(card_data, _gate(gated, card_data, front), tags, licences=known, front=front)
        in_card = examine(card.text, CARD, Kind.CARD_STATEMENT, start=front.body_start) if card and front else NOTHING
        in_licences = [examine(one.text, one.path, Kind.LICENCE_GRANT) for one in licence_files]
        trouble = _Trouble()
        if card:
            trouble.look_at(card, Place.CARD, in_card)
        for one, prose in zip(licence_files, in_licences, strict=True):
            trouble.look_at(one, Place.LICENCE_FILES, prose)
        if front and front.error and card_data is None:
            trouble.suggestions.append(Suggestion(front.error))
        return cls(
            metadata,
            card.path if card else CARD,
            in_card.declarations,
            tuple(declaration for prose in in_licences for declaration in prose.declarations),
            read_texts(licence_files, in_licences, known),
            frozenset(trouble.partly),
            tuple(trouble.suggestions),
            tuple(trouble.guesses),
            known,
        )

    def declarations(self) -> tuple[Declaration, ...]:
        """Join all places; a licence's text wins over its name."""
        named = (one.declaration for one in self.metadata.by_name if not self._was_read(one.stands_in))
        in_card = (*self.metadata.declarations, *named, *self.card)
        return (*(replace(one, file=self.card_path) for one in in_card), *self.licences)

    def findings(self) -> tuple[Finding, ...]:
        """Say which encodings were guessed, and where the licence's text, if all read, differs from its name."""
        if Place.LICENCE_FILES in self.partly:
            return self.guesses
        return (*self.guesses, *differences(self.licence_texts, self.metadata, self.known))

    def open_suggestions(self, read: Collection[Place]) -> tuple[Suggestion, ...]:
        """Return the suggestions that nothing read has settled.

        Where the licence's own text is not among the files, it stands elsewhere, unread.
        """
        return tuple(
            one
            for one in (*self.metadata.suggests, *self.suggests)
            if one.settled_by not in read or (one.settled_by is Place.LICENCE_FILES and not self._was_read(one.text))
        )

    def _was_read(self, part: Part) -> bool:
        return Place.LICENCE_FILES not in self.partly and was_read(self.licence_texts, part, self.known)


def _gate(gated: Gated, card_data: Mapping[str, Any] | None, front: FrontMatter | None) -> Gated:
    """Take a local card's own `gated` key where no server says what the gate is."""
    if gated or card_data is not None or front is None or front.data is None:
        return gated
    own = front.data.get("gated")
    return "auto" if own in ("auto", True) else "manual" if own == "manual" else False


class _Trouble:
    """Collects what of the given texts could not be read to the end."""

    def __init__(self) -> None:
        self.partly: set[Place] = set()
        self.suggestions: list[Suggestion] = []
        self.guesses: list[Finding] = []

    def look_at(self, file: TextFile, place: Place, prose: Prose) -> None:
        if file.guessed and not file.unreadable:
            message = f"{file.path} is not UTF-8; it was read as {file.encoding}, by the letters that this gives"
            self.guesses.append(Finding(ENCODING_GUESSED, message))
        if file.unreadable:
            self.suggestions.append(Suggestion(file.unreadable))
        elif not prose.complete:
            self.suggestions.append(Suggestion(f"{file.path} names more territories than a text that means them"))
        else:
            return
        self.partly.add(place)


def _places(
    card_data: Mapping[str, Any] | None,
    card: TextFile | None,
    licence_files: Sequence[TextFile],
    base: BaseModel | None,
    absent: Collection[Place],
    unread: Collection[Place],
) -> tuple[Place, ...]:
    given = {
        Place.METADATA: card_data is not None or card is not None,
        Place.CARD: card is not None,
        Place.LICENCE_FILES: bool(licence_files),
        Place.BASE_MODEL: base is not None,
    }
    return tuple(place for place in Place if (given[place] or place in absent) and place not in unread)


def _inherited(base: BaseModel) -> Iterable[Declaration]:
    """Pass on a parent's licence grants; a card's statement or a gate is only the parent's own."""
    for item in base.restrictions.items:
        if item.kind is Kind.LICENCE_GRANT:
            yield replace(item, inherited_from=item.inherited_from or base.id)


def _status(own: Sequence[Declaration], read: Collection[Place], unsettled: Sequence[Suggestion]) -> Status:
    """Say what is known; what is inherited shows among the items and is not the model's own declaration."""
    if any(item.active for item in own):
        return Status.DECLARED
    if own:
        return Status.DECLARED_INACTIVE
    if unsettled:
        return Status.NOT_READ
    if set(read) == set(Place):
        return Status.NONE_DECLARED
    return Status.NONE_IN_METADATA if Place.METADATA in read else Status.NOT_READ
