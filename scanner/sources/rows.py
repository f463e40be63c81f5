"""Rows of the Hub's listing and its model page, decoded one by one into facts.

The Hub's own client builds an object per row and ends the whole iteration at the first row it cannot build. Here a page
is split into raw rows first; each is decoded by type on its own, and a row that cannot be is a `BadRow` beside the
others. Only `_id` and `id` are required; an optional field of the wrong type that no decision rests on is not worth
losing a model for, so those fields are taken raw and looked at one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from estimators.roles import FileEntry
from scanner.facts import ModelFacts
from scanner.restrictions.interface import Gated
from scanner.scope import Distribution

MAX_ID_LENGTH = 256
MAX_COUNT = 2**63 - 1

EXPAND = (
    "sha",
    "createdAt",
    "lastModified",
    "downloads",
    "likes",
    "gated",
    "disabled",
    "private",
    "tags",
    "library_name",
    "cardData",
    "baseModels",
    "config",
    "safetensors",
    "gguf",
    "siblings",
)
"""The fields of the listing that the job needs; anything not named here is not sent."""


class _Row(msgspec.Struct):
    """One row; `Raw` fields may hold anything at all."""

    id: str
    key: str = msgspec.field(name="_id")
    sha: str | None = None
    created_at: datetime | None = msgspec.field(name="createdAt", default=None)
    last_modified: datetime | None = msgspec.field(name="lastModified", default=None)
    downloads: int | None = None
    likes: int | None = None
    gated: Gated | None = None
    disabled: bool | None = None
    private: bool | None = None
    tags: msgspec.Raw = msgspec.Raw(b"null")
    card_data: msgspec.Raw = msgspec.field(name="cardData", default=msgspec.Raw(b"null"))
    base_models: msgspec.Raw = msgspec.field(name="baseModels", default=msgspec.Raw(b"null"))
    config: msgspec.Raw = msgspec.Raw(b"null")
    safetensors: msgspec.Raw = msgspec.Raw(b"null")
    gguf: msgspec.Raw = msgspec.Raw(b"null")
    siblings: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be decoded.

    Attributes:
        subject: the model's id where one could be made out, else the row's place on its page.
        message: what is wrong with it, naming the field.
        code: kebab-case.
    """

    subject: str
    message: str
    code: str = "bad-row"


_PAGE = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(_Row)
_ANY = msgspec.json.Decoder()


def decode_page(body: bytes) -> tuple[list[ModelFacts], list[BadRow]]:
    """All rows of one page of the listing.

    Raises:
        ValueError: the body is not a JSON array at all.
    """
    good: list[ModelFacts] = []
    bad: list[BadRow] = []
    for number, raw in enumerate(_PAGE.decode(body), 1):
        try:
            good.append(decode_row(raw))
        except ValueError as error:
            bad.append(BadRow(_subject(raw, number), str(error)))
    return good, bad


def decode_row(raw: bytes | msgspec.Raw) -> ModelFacts:
    """One row of the listing, or the object of a model's own page.

    Raises:
        ValueError: (msgspec's errors are ValueErrors) the row has no usable id, or a field of the wrong type.
    """
    row = _ROW.decode(raw)
    if not 0 < len(row.id) <= MAX_ID_LENGTH or not 0 < len(row.key) <= 64 or not row.id.isprintable():
        raise ValueError(f"`id` or `_id` is empty, too long or unprintable: {row.id[:80]!r}, {row.key[:80]!r}")
    card = _mapping(row.card_data)
    tags = tuple(tag for tag in _sequence(row.tags) if isinstance(tag, str))
    config = _mapping(row.config)
    declared, gguf = _mapping(row.safetensors), _mapping(row.gguf)
    files, digests = _files(row.siblings)
    return ModelFacts(
        key=row.key,
        name=row.id,
        source="huggingface",
        sha=row.sha or None,
        created_at=row.created_at,
        last_modified=row.last_modified,
        downloads=_clamp(row.downloads),
        likes=_clamp(row.likes),
        gated=_gated(row.gated),
        distribution=_distribution(row),
        tags=tags,
        card_data=card,
        license=_license(card, tags),
        base_model=_base_model(_mapping(row.base_models), card, tags),
        safetensors_total=_natural((declared or {}).get("total")),
        safetensors_parameters=_as_mapping((declared or {}).get("parameters")),
        gguf_total=_natural((gguf or {}).get("total")),
        files=files,
        digests=digests,
        quantization=_as_mapping((config or {}).get("quantization_config")),
        described=any(key in (config or {}) for key in ("architectures", "model_type")),
    )


def _subject(raw: msgspec.Raw, number: int) -> str:
    try:
        value = _ANY.decode(raw)
    except ValueError:
        value = None
    name = value.get("id") if isinstance(value, dict) else None
    return name[:MAX_ID_LENGTH] if isinstance(name, str) and name else f"row {number} of the page"


def _gated(value: Gated | None) -> Gated:
    if value is True:  # an older spelling of "auto"
        return "auto"
    return value or False


def _distribution(row: _Row) -> Distribution:
    if row.disabled:
        return Distribution.DISABLED
    return Distribution.PRIVATE if row.private else Distribution.PUBLIC


def _files(raw: msgspec.Raw) -> tuple[tuple[FileEntry, ...] | None, Mapping[str, str]]:
    """The siblings that have a name; sizes and digests where the answer has them (`blobs=true`)."""
    value = _ANY.decode(raw)
    if not isinstance(value, list):
        return None, {}
    files: list[FileEntry] = []
    digests: dict[str, str] = {}
    for item in value:
        path = item.get("rfilename") if isinstance(item, dict) else None
        if not isinstance(path, str) or not path:
            continue
        files.append(FileEntry(path, _natural(item.get("size"))))
        lfs = item.get("lfs")
        digest = lfs.get("sha256") if isinstance(lfs, dict) else None
        if isinstance(digest, str) and len(digest) == 64:
            digests[path] = digest
    return tuple(files), digests


def _license(card: Mapping[str, Any] | None, tags: Sequence[str]) -> str | None:
    """`license_name` where the licence is "other", else `license`, else the tag."""
    card = card or {}
    licence = card.get("license")
    if isinstance(licence, list) and licence:
        licence = licence[0]
    if licence == "other" and isinstance(card.get("license_name"), str):
        licence = card["license_name"]
    if not isinstance(licence, str):
        licence = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None)
    return licence[:200] if licence else None


def _base_model(base: Mapping[str, Any] | None, card: Mapping[str, Any] | None, tags: Sequence[str]) -> str | None:
    """The first base model: the Hub's own resolution first, then the card's words, then the tags."""
    models = (base or {}).get("models")
    first = models[0] if isinstance(models, list) and models else None
    name = first.get("id") if isinstance(first, dict) else None
    if not isinstance(name, str):
        name = (card or {}).get("base_model")
        if isinstance(name, list) and name:
            name = name[0]
    if not isinstance(name, str):
        tag = next((tag for tag in tags if tag.startswith("base_model:")), None)
        name = tag.rsplit(":", 1)[-1] if tag else None
    return name[:MAX_ID_LENGTH] if isinstance(name, str) and name else None


def _mapping(raw: msgspec.Raw) -> Mapping[str, Any] | None:
    return None if bytes(raw) == b"null" else _as_mapping(_ANY.decode(raw))


def _as_mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _sequence(raw: msgspec.Raw) -> Sequence[Any]:
    value = _ANY.decode(raw)
    return value if isinstance(value, list) else ()


def _natural(value: object) -> int | None:
    """A non-negative whole number that fits the catalogue; None for anything else a server may put there."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        return None
    return value


def _clamp(value: int | None) -> int:
    return min(max(value or 0, 0), MAX_COUNT)
