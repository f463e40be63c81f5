"""What a reading of restrictions yields; the field names are those of the JSON contract."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

Gated: TypeAlias = Literal["auto", "manual"] | bool
"""False, or how access is granted; True never occurs (the type is one that JSON decoders know)."""


UNDETERMINED = "und"
"""BCP 47: keys, codes and names are of no language."""

LICENCE_DIFFERS = "licence-differs"
ENCODING_GUESSED = "encoding-guessed"
LIMIT_SUGGESTED = "limit-suggested"  # why a limit may stand where it could not be read
FINDING_CODES = frozenset({LICENCE_DIFFERS, ENCODING_GUESSED, LIMIT_SUGGESTED})
"""Code of the finding that a licence's text says another thing than its name or title stands for."""


class Kind(StrEnum):
    """How binding a declaration is, and where it stands."""

    LICENCE_GRANT = "licence-grant"
    CARD_STATEMENT = "card-statement"
    GATING = "gating"
    EMBARGO = "embargo"  # export control and sanction clauses: listed, never exempting


class Status(StrEnum):
    """What is known about declarations, given what was read."""

    DECLARED = "declared"
    DECLARED_INACTIVE = "declared-inactive"
    NONE_DECLARED = "none-declared"  # all four places were read, or are absent
    NONE_IN_METADATA = "none-in-metadata"  # only metadata was read, and nothing there suggests a limit
    NOT_READ = "not-read"  # something that suggests a limit could not be read


class Place(StrEnum):
    """Where declarations stand; `Restrictions.read` lists the ones that were read or are known to be absent."""

    METADATA = "metadata"
    CARD = "card"
    LICENCE_FILES = "licence-files"
    BASE_MODEL = "base-model"


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared limit, with the words it rests on.

    Attributes:
        kind: see Kind.
        excluded: territories the text excludes (ISO 3166-1 alpha-2, and EU, EEA as groups, as the text writes them).
        limited_to: territories the text limits use to.
        active: False where the declaration has no effect as the repository stands (a gating key without a gate).
        file: file inside the repository ("README.md" for front matter).
        start: offset of the first character of `quote` in `file` as decoded; None where only parsed metadata was
            seen and not the text.
        end: offset behind its last character; None likewise.
        quote: the words themselves.
        language: BCP 47 tag of the quote; "und" for keys and codes.
        inherited_from: id of the base model whose declaration this is; None for the model's own.
    """

    kind: Kind
    excluded: tuple[str, ...]
    limited_to: tuple[str, ...]
    active: bool
    file: str
    start: int | None
    end: int | None
    quote: str
    language: str
    inherited_from: str | None = None

    @property
    def by_name(self) -> bool:
        """Whether it rests on a licence's name or link alone: a grant that no text was read for has no language."""
        return self.kind is Kind.LICENCE_GRANT and self.language == UNDETERMINED


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reader should know of the declarations although it is no error.

    Attributes:
        code: kebab-case.
        message: one sentence.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Restrictions:
    """All that was found in one repository, and what was looked at.

    Attributes:
        status: see Status.
        read: the places read or known to be absent, in the order of Place.
        items: the declarations.
        country_asked: the gate asks for a country (which is not by itself a restriction).
        findings: what else there is to know of them.
    """

    status: Status
    read: tuple[Place, ...]
    items: tuple[Declaration, ...] = ()
    country_asked: bool = False
    findings: tuple[Finding, ...] = ()
