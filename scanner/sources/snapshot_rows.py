"""Rows of a dump of Hub metadata, in whatever spelling it was written, as the rows that the Hub itself sends.

Dumps are made with many tools: names in the Hub's spelling or in snake_case, nested fields as such or as JSON in a
text, whole numbers that became floats because some were missing, members of a struct that are null because other rows
have them. All of that is undone here, so that one decoder (rows.py) reads listings and dumps alike.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from scanner.sources.rows import decode_row

if TYPE_CHECKING:
    from scanner.facts import ModelFacts


class Kind(StrEnum):
    """What the values of a column are; the words are those of the documentation."""

    TEXT = "text"
    COUNT = "whole number"
    FLAG = "boolean"
    GATE = "boolean or text"
    MOMENT = "timestamp, or ISO 8601 as text"
    NESTED = "nested, or JSON as text"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read.

    Attributes:
        name: the Hub's own.
        kind: what stands in it.
        what: what it is.
        without: what follows where a snapshot has no such column.
    """

    name: str
    kind: Kind
    what: str
    without: str

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names under which it is looked for, the Hub's own first."""
        snake = re.sub(r"(?<=[a-z])[A-Z]", lambda match: f"_{match[0].lower()}", self.name)
        return (self.name,) if snake == self.name else (self.name, snake)


ID, KEY, GATED, CARD, CONFIG = "id", "_id", "gated", "cardData", "config"
_OPEN = "counts that rest on it stay open"

COLUMNS = (
    Column(ID, Kind.TEXT, "owner/name", "a usage error: nothing can be read without it"),
    Column(KEY, Kind.TEXT, "the id that renames do not change", "one is made from `id`: a rename makes another model"),
    Column("sha", Kind.TEXT, "commit of the main branch", "the revision is unknown"),
    Column("createdAt", Kind.MOMENT, "when the repository was created", "unknown"),
    Column("lastModified", Kind.MOMENT, "when it last changed", "unknown"),
    Column("downloads", Kind.COUNT, "downloads of 30 days", "0"),
    Column("likes", Kind.COUNT, "likes", "0"),
    Column(
        GATED,
        Kind.GATE,
        "`false`, `auto` or `manual`, also as text",
        "no gate is known: limits that stand in the words of one are not read, and their status is `not-read`",
    ),
    Column("disabled", Kind.FLAG, "the Hub has disabled it", "it is distributed"),
    Column("private", Kind.FLAG, "it is private", "it is public"),
    Column("tags", Kind.NESTED, "list of texts", "licence, base model and adapters are known by card and files alone"),
    Column(CARD, Kind.NESTED, "the card's front matter", "restrictions are `not-read`"),
    Column("baseModels", Kind.NESTED, "relation and ids of base models", "known by card and tags alone"),
    Column(CONFIG, Kind.NESTED, "the Hub's part of config.json", "quantisation schemes are not known by it"),
    Column("safetensors", Kind.NESTED, "`total`, and `parameters` by data type", _OPEN),
    Column("gguf", Kind.NESTED, "`total` of parameters", _OPEN),
    Column(
        "siblings",
        Kind.NESTED,
        "list of `{rfilename, size, lfs}`, the name alone is enough; or a list of names",
        "no file is known: never without weights, and no count has an upper bound",
    ),
)
"""Every column that is read; others are passed over."""

SPELLINGS = {spelling: column for column in COLUMNS for spelling in column.spellings}

_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAW = msgspec.json.Decoder(msgspec.Raw)
_ANY = msgspec.json.Decoder()
_SURROGATE = re.compile("[\ud800-\udfff]")
_BY_NUMBERS = frozenset({"safetensors", "gguf"})  # a null in them is a number that only other rows have
_AS_TOLD = frozenset({Kind.TEXT, Kind.FLAG, Kind.MOMENT})  # kinds that are never spelled in another way in JSON
_NAMES = re.compile(rb'\s*\[\s*"')
_GATE_KEYS = "extra_gated_"
_ID_BYTES = 12


def told_by(names: Collection[str]) -> frozenset[str]:
    """The Hub's names of the columns that stand under these."""
    return frozenset(SPELLINGS[name].name for name in names if name in SPELLINGS)


def as_listed(values: Mapping[str, Any]) -> bytes:
    """One row as JSON, as the Hub's listing would have it.

    Args:
        values: by name in any spelling; plain values, or JSON that is not decoded yet.

    Raises:
        ValueError: text that is no JSON where some is wanted.
    """
    row: dict[str, Any] = {}
    for spelling, value in values.items():
        column = SPELLINGS.get(spelling)
        if column is None or (spelling != column.name and column.name in row):
            continue
        found = _told(column, bytes(value)) if isinstance(value, msgspec.Raw) else _as_the_hub(column, value)
        if found is not None:
            row[column.name] = found
    if KEY not in row:
        row[KEY] = key_of(row.get(ID))
    return msgspec.json.encode(row)


def facts_of(values: Mapping[str, Any], told: Collection[str]) -> ModelFacts:
    """One row as facts, which know what its snapshot cannot say: what is not told is open, never absent.

    Args:
        values: as `as_listed` takes them.
        told: the Hub's names of the columns that its snapshot has at all.

    Raises:
        ValueError: it has no usable id, a field of the wrong type, or text that is no JSON where some is wanted.
    """
    facts = decode_row(as_listed(values))
    return facts if told_as_listed(told) else _with_gaps(facts, told)


def told_as_listed(told: Collection[str]) -> bool:
    """Whether a snapshot has all columns without which a row means something else than in a listing."""
    return CARD in told and GATED in told and CONFIG in told


def parse_line(line: bytes) -> Mapping[str, msgspec.Raw]:
    """The members of one line of JSON, not decoded.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        return _LINE.decode(line)
    except (ValueError, RecursionError) as error:
        try:
            return _LINE.decode(_mended(line.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            raise ValueError(f"it is no JSON object ({error})") from error


def subject_of(values: Mapping[str, Any], place: str) -> str:
    """The model that a row is about, by its id where one can be made out, else by its place."""
    name = values.get(ID)
    if isinstance(name, msgspec.Raw):
        name = _ANY.decode(name)
    return name[:256] if isinstance(name, str) and name else place


def key_of(name: object) -> str:
    """A lasting key of a model whose `_id` is not known; the Hub tells no names apart by case."""
    text = _ANY.decode(name) if isinstance(name, msgspec.Raw) else name
    lowered = text.lower() if isinstance(text, str) else ""
    return "id:" + hashlib.blake2b(lowered.encode("utf-8", "replace"), digest_size=_ID_BYTES).hexdigest()


# One value ---------------------------------------------------------------------------------------------------------


def _told(column: Column, text: bytes) -> Any:
    """JSON as the Hub would send it; most is so already."""
    if text == b"null":
        return None
    if column.kind is Kind.NESTED:
        return _nested(column.name, _ANY.decode(text) if text.startswith(b'"') else msgspec.Raw(text))
    if column.kind in _AS_TOLD or text.isdigit():
        return msgspec.Raw(text)
    return _as_the_hub(column, _ANY.decode(text))


def _as_the_hub(column: Column, value: Any) -> Any:
    """A plain value as the Hub would send it; None where there is none."""
    if value is None:
        return None
    if column.kind is Kind.NESTED:
        return _nested(column.name, value)
    if column.kind is Kind.COUNT and isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    if column.kind is Kind.GATE and isinstance(value, str):
        return {"false": False, "true": True}.get(value.lower(), value.lower())
    if isinstance(value, datetime):
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value).isoformat()
    return value


def _nested(name: str, value: Any) -> msgspec.Raw | None:
    """A nested value as JSON, whichever of the ways a dump may hold it."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        value = _json(name, value)
    elif not isinstance(value, msgspec.Raw):
        value = msgspec.Raw(msgspec.json.encode(_pruned(value)))
    text = bytes(value or b"null")
    if text == b"null":
        return None
    if name in _BY_NUMBERS and b"null" in text:
        text = msgspec.json.encode(_pruned(_ANY.decode(text)))
    return _files(text) if name == "siblings" else msgspec.Raw(text)


def _json(name: str, text: str) -> msgspec.Raw | None:
    """JSON in a text. It is looked at whole, since a text that goes on behind its value could say more than that."""
    if not text.strip():
        return None
    try:
        return _RAW.decode(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        try:
            return _RAW.decode(_mended(text))
        except (ValueError, RecursionError):
            raise ValueError(f"`{name}` is a text that is no JSON ({error})") from error


def _mended(text: str) -> bytes:
    """JSON with U+FFFD for halves of surrogate pairs, and null for NaN, which Python writes for a missing number."""
    value = json.loads(text, parse_constant=lambda _: None)
    return _SURROGATE.sub("\ufffd", json.dumps(value, ensure_ascii=False)).encode()


def _files(text: bytes) -> msgspec.Raw:
    """A list of plain names as the Hub lists files."""
    if not _NAMES.match(text):
        return msgspec.Raw(text)
    names = _ANY.decode(text)
    return msgspec.Raw(msgspec.json.encode([{"rfilename": name} for name in names if isinstance(name, str)]))


def _pruned(value: Any) -> Any:
    """A value of a typed column without the members that only other rows have."""
    if isinstance(value, dict):
        return {str(key): _pruned(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_pruned(inner) for inner in value]
    if isinstance(value, float):
        return None if not math.isfinite(value) else int(value) if value.is_integer() else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


# What is not told ---------------------------------------------------------------------------------------------------


def _with_gaps(facts: ModelFacts, told: Collection[str]) -> ModelFacts:
    changes: dict[str, Any] = {}
    if CARD not in told:
        changes["card_told"] = False
    if GATED not in told and any(key.startswith(_GATE_KEYS) for key in facts.card_data or ()):
        card = {key: value for key, value in (facts.card_data or {}).items() if not key.startswith(_GATE_KEYS)}
        changes.update(card_data=card, card_told=False)
    if CONFIG not in told and any(entry.path == "config.json" for entry in facts.files or ()):
        changes["described"] = True
    return replace(facts, **changes) if changes else facts


# The page -----------------------------------------------------------------------------------------------------------


def columns_markdown() -> str:
    """The table of columns, for docs/snapshot.md."""
    rows = [
        f"| {' or '.join(f'`{spelling}`' for spelling in column.spellings)} | {column.kind} | {column.what} "
        f"| {column.without} |"
        for column in COLUMNS
    ]
    return "\n".join(
        ["| column | values | what it is | where a snapshot has no such column |", "| --- " * 4 + "|", *rows]
    )
