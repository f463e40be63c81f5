"""Split a card into its YAML front matter and its body, without trusting the YAML.

The front matter is built from the parser's events, not by a loader: no tag constructs anything, no alias multiplies,
and scalars follow YAML 1.2's core schema as the Hub's own parser does (`NO` is Norway's code, not false). Each value
keeps its place in the file, so that a declaration in metadata can be quoted with offsets.
Spec: https://yaml.org/spec/1.2.2/ (chapter 10.3, core schema).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scanner.restrictions.markup.texts import TextFile

MAX_CHARACTERS = 256 * 1024  # of front matter; the longest met, with evaluation results, have about 40 kB
MAX_DEPTH = 32
MAX_EVENTS = 100_000
MAX_ALIASES = 16  # nobody needs more in a card, and so few cannot multiply into much

Path: TypeAlias = tuple[str | int, ...]
Span: TypeAlias = tuple[int, int]

_OPENING = re.compile(r"\ufeff?\s{0,64}---[ \t]*\r?\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE)
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: Mapping[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The metadata at the head of a card.

    Attributes:
        text: the whole card, in which offsets count.
        data: its values; None where there is no front matter or it cannot be read.
        body_start: offset of the first character of the body.
        keys: for each path, where its key and value stand together.
        values: for each path, where its value stands.
        names: for each path that ends in a key, where the key by itself stands.
        links: for each path whose value is an alias, the path of what it stands for.
        error: why the front matter could not be read; None where it could, or where there is none.
        duplicates: keys given twice, of which the last counts.
    """

    text: str
    data: dict[str, Any] | None
    body_start: int = 0
    keys: Mapping[Path, Span] = field(default_factory=dict)
    values: Mapping[Path, Span] = field(default_factory=dict)
    names: Mapping[Path, Span] = field(default_factory=dict)
    links: Mapping[Path, Path] = field(default_factory=dict)
    error: str | None = None
    duplicates: tuple[str, ...] = ()

    def quote(self, path: Path) -> tuple[str, int, int] | None:
        """Return key and value as they stand in the file, with their offsets."""
        return self._slice(self.keys.get(path) or self.keys.get(self._followed(path)))

    def name(self, path: Path) -> tuple[str, int, int] | None:
        """Return a key by itself as it stands in the file, with its offsets."""
        return self._slice(self.names.get(path) or self.names.get(self._followed(path)))

    def value(self, path: Path) -> tuple[str, int, int] | None:
        """Return a value as it stands in the file, with its offsets; an alias stands where it was written out."""
        return self._slice(self.values.get(self._followed(path)))

    def _followed(self, path: Path) -> Path:
        """Follow the aliases on the way to a value."""
        for _ in range(MAX_ALIASES):
            length = next((length for length in range(1, len(path) + 1) if path[:length] in self.links), 0)
            if not length:
                break
            path = self.links[path[:length]] + path[length:]
        return path

    def _slice(self, span: Span | None) -> tuple[str, int, int] | None:
        if span is None:
            return None
        raw = self.text[span[0] : span[1]]
        quote = raw.rstrip()
        return (quote, span[0], span[0] + len(quote)) if quote else None


class _Refused(Exception):
    """The front matter goes beyond what a card may hold."""


def split_card(card: TextFile) -> FrontMatter:
    """Split a card; front matter that cannot be read is a value with its error, never an exception."""
    opening = _OPENING.match(card.text)
    if opening is None:
        return FrontMatter(card.text, None)
    closing = _CLOSING.search(card.text, opening.end())
    if closing is None:
        # Not closed: the Hub shows it all as text, and so do we.
        return FrontMatter(card.text, None, error="the front matter is not closed")
    source, body = card.text[opening.end() : closing.start()], closing.end()
    if len(source) > MAX_CHARACTERS:
        return FrontMatter(card.text, None, body, error=f"the front matter is longer than {MAX_CHARACTERS} characters")
    builder = _Builder(source, opening.end())
    try:
        data = builder.build()
    except _Refused as exc:
        return FrontMatter(card.text, None, body, error=str(exc))
    except (yaml.YAMLError, UnicodeError) as exc:
        problem = getattr(exc, "problem", None) or type(exc).__name__
        return FrontMatter(card.text, None, body, error=f"the front matter is not valid YAML ({problem})")
    if not isinstance(data, dict):
        return FrontMatter(card.text, None, body, error=None if data is None else "the front matter is not a table")
    duplicates = tuple(dict.fromkeys(builder.duplicates))
    return FrontMatter(
        card.text, data, body, builder.keys, builder.values, builder.names, builder.links, duplicates=duplicates
    )


class _Builder:
    """Builds plain values from YAML events, with limits, and notes where each stands."""

    def __init__(self, source: str, base: int) -> None:
        self.base = base
        self.source = source
        self.keys: dict[Path, Span] = {}
        self.values: dict[Path, Span] = {}
        self.names: dict[Path, Span] = {}
        self.links: dict[Path, Path] = {}
        self.duplicates: list[str] = []
        self._anchors: dict[str, tuple[Any, Path]] = {}
        self._aliases = 0
        self._count = 0

    def build(self) -> Any:
        # The C parser counts a character outside the basic plane as one, as Python does.
        self._events: Iterator[Any] = iter(yaml.parse(self.source, Loader=yaml.CSafeLoader))
        for event in self._events:
            if isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
                continue
            return None if isinstance(event, yaml.StreamEndEvent) else self._node(event, (), 0)
        return None

    def _next(self) -> Any:
        self._count += 1
        if self._count > MAX_EVENTS:
            raise _Refused(f"the front matter holds more than {MAX_EVENTS} values")
        return next(self._events)

    def _node(self, event: Any, path: Path, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _Refused(f"the front matter is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        start, end = _bounds(event)
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event.value) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value, end = self._sequence(path, depth)
        else:
            value, end = self._mapping(path, depth)
        self.values[path] = (self.base + start, self.base + end)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, path)
        return value

    def _alias(self, event: Any, path: Path) -> Any:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise _Refused(f"the front matter holds more than {MAX_ALIASES} aliases")
        start, end = _bounds(event)
        self.values[path] = (self.base + start, self.base + end)
        value, origin = self._anchors.get(event.anchor, (None, None))
        if origin is not None:
            self.links[path] = origin
        return value

    def _sequence(self, path: Path, depth: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items)), depth + 1))
        return items, _bounds(event)[1]

    def _mapping(self, path: Path, depth: int) -> tuple[dict[str, Any], int]:
        table: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            start, stop = _bounds(event)
            if isinstance(event, yaml.ScalarEvent):
                name = event.value
                if event.anchor is not None:
                    self._anchors[event.anchor] = (name, path)
            elif isinstance(event, yaml.AliasEvent):
                name = str(self._alias(event, (*path, "?")))
            else:  # a list or a table as a key: read past it, under a name that means nothing
                self._node(event, (*path, "?"), depth + 1)
                name = "?"
            if name in table:
                self.duplicates.append(name)
            inner = (*path, name)
            self.names[inner] = (self.base + start, self.base + stop)
            table[name] = self._node(self._next(), inner, depth + 1)
            end = self.values.get(inner, (0, self.base + start))[1]
            self.keys[inner] = (self.base + start, end)
        return table, _bounds(event)[1]


def _bounds(event: yaml.Event) -> Span:
    """Return where an event's words begin and end; the parser always says so for its own events."""
    start, end = event.start_mark, event.end_mark
    return (start.index if start else 0, end.index if end else 0)


def _scalar(text: str) -> Any:
    """Read a plain scalar by the core schema; numbers too long to matter stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
