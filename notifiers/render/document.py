"""What the human formats have in common: a report as titled sections of simple blocks.

compose.py makes a Document of a Report; markdown.py, html.py and text.py each write one down. A renderer only escapes
its own markup: every text in here already went through safe.visible, because pieces are made by the functions below.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from notifiers.render.safe import LIMIT_NAME, LIMIT_WORDS, quotation, visible
from notifiers.rows import Verdict

_URL_PATTERN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~/?#&=%+,;:@!$*-]*)?")
_LANGUAGE_PATTERN = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}")
_MODEL_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)?")


class Kind(StrEnum):
    """What a piece of text is, which decides how far a renderer may trust it."""

    PLAIN = "plain"  # our own words and numbers
    WORDS = "words"  # sentences from settings or about models; they may contain anything
    CODE = "code"  # names, codes and quotes from strangers


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of one kind; `url` is an address that was checked, or empty."""

    kind: Kind
    text: str
    url: str = ""


Line: TypeAlias = tuple[Piece, ...]


def plain(text: str) -> Line:
    """Our own words: no string from outside may be in them."""
    return (Piece(Kind.PLAIN, text),)


def words(text: str, url: str | None = None) -> Line:
    """A sentence that may hold strings from outside; linked where `url` is an ordinary web address."""
    shown = quotation(text, LIMIT_WORDS)
    return (Piece(Kind.WORDS, shown, checked_url(url)),) if shown else ()


def code(text: str, limit: int = LIMIT_NAME) -> Line:
    """A name or code from outside."""
    return (Piece(Kind.CODE, visible(text, limit)),) if text else ()


def codes(texts: tuple[str, ...]) -> Line:
    """Several codes, separated by spaces."""
    pieces: list[Piece] = []
    for text in texts:
        pieces += [*plain(" "), *code(text)] if pieces else code(text)
    return tuple(pieces)


def model(name: str, endpoint: str) -> Line:
    """A model's id, linked to its page where id and endpoint are of the ordinary kind."""
    linked = endpoint.startswith("https://") and len(name) <= LIMIT_NAME and _MODEL_PATTERN.fullmatch(name)
    url = checked_url(f"{endpoint.rstrip('/')}/{name}") if linked else ""
    return (Piece(Kind.CODE, visible(name, LIMIT_NAME), url),)


def checked_url(url: str | None) -> str:
    """`url` if it is a plain http(s) address of harmless characters, else nothing."""
    return url if url and _URL_PATTERN.fullmatch(url) else ""


def checked_language(tag: str) -> str:
    """`tag` if it is a language tag that names a language, else nothing."""
    return tag if _LANGUAGE_PATTERN.fullmatch(tag) and tag != "und" else ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; `tone` is "plain", "note" or "warning"."""

    line: Line
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of single lines."""

    items: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels, each with its value."""

    items: tuple[tuple[str, Line], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `numeric` holds the indices of right-aligned columns, `note` says what was left off."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Line, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Quotation:
    """A quoted passage: who says it, its language (a BCP 47 tag or empty), and where it stands."""

    head: Line
    text: str
    language: str
    where: Line


@dataclass(frozen=True, slots=True)
class Quotations:
    """Quoted passages one after another; `note` says what was left off."""

    items: tuple[Quotation, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """One verdict's line of the headline.

    Attributes:
        ignoring: the count as if nothing had been declared.
        share: of the models; downloads_share: of their downloads.
        difference: from the previous run.
        why: the commonest reason codes, each with its count.
        parts: labelled parts of the count that deserve a line of their own, honouring declarations and ignoring them.
    """

    verdict: Verdict
    label: str
    count: int
    ignoring: int
    share: str
    downloads_share: str
    difference: str
    why: tuple[tuple[Line, int], ...]
    parts: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Headline:
    """The three verdicts; renderers draw bars from the counts."""

    models: int
    lines: tuple[VerdictLine, ...]
    compared_with: str


Block: TypeAlias = Paragraph | Bullets | Facts | Table | Quotations | Headline


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part; `anchor` is unique in the document, `level` is 2 or 3."""

    title: Line
    anchor: str
    level: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report in reading order."""

    title: str
    subtitle: str
    warnings: tuple[Line, ...]
    sections: tuple[Section, ...]
    footer: Line
