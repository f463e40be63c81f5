"""Rows of the Hub's listing and its model page, decoded into typed rows and, where these do not do, into facts.

The Hub's own client builds an object per row and ends the whole iteration at the first row it cannot build. Here a page
is decoded by type as a whole; where that fails, row by row, and a row that cannot be decoded is a `BadRow` beside the
others. That holds for what an author can put into a card and a JSON parser refuses, too (half of a surrogate pair,
nesting without end): else one repository would hold up every scan at its page.

Only `_id` and `id` are required; an optional field of the wrong type that no decision rests on is not worth losing a
model for. Those fields, and all that are large, stay as they came: most rows are of a kind that is known
(`scanner/quick.py`), and `facts_of` decodes the rest of a row for the others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from estimators.packed.quantization import settings_of
from estimators.roles import FileEntry
from scanner.facts import ModelFacts
from scanner.restrictions.interface import Gated
from scanner.scope import Distribution

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
MAX_ID_LENGTH = 256
ADAPTER_CONFIG = "adapter_config.json"  # of PEFT
MAX_COUNT = 2**63 - 1
MAX_DEPTH = 100  # levels of a card or a configuration; the parser's own limit is where Python's stack ends

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
    "cardData",
    "baseModels",
    "config",
    "safetensors",
    "gguf",
    "siblings",
)
"""The fields of the listing that the job needs; anything not named here is not sent."""


class Row(msgspec.Struct, gc=False):
    """One row of a listing, as far as it is decoded; `Raw` fields may hold anything at all, and are sound JSON.

    Attributes:
        name: owner/name, as the Hub spells it now.
        key: the id that renames do not change.
    """

    name: str = msgspec.field(name="id")
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

    @property
    def figures(self) -> tuple[int, int]:
        """Downloads and likes, as facts have them: what moves without anything having changed."""
        return _clamp(self.downloads), _clamp(self.likes)


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


class NotJson(ValueError):
    """The bytes are no JSON value."""


_PAGE = msgspec.json.Decoder(list[Row])
_RAW_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_ROW = msgspec.json.Decoder(Row)
_ANY = msgspec.json.Decoder()


def decode_page(body: bytes) -> tuple[list[Row], list[BadRow]]:
    """All rows of one page of the listing; facts can be made of each that is no bad one.

    Raises:
        ValueError: the body is not a JSON array at all.
    """
    try:
        rows = _PAGE.decode(body)
        if not body.isascii():
            body.decode()
    except (ValueError, RecursionError):
        return _decode_singly(body)
    good: list[Row] = []
    bad: list[BadRow] = []
    for row in rows:
        try:
            _check(row)
        except ValueError as error:
            bad.append(BadRow(row.name[:MAX_ID_LENGTH] or f"row {len(good) + len(bad) + 1} of the page", str(error)))
        else:
            good.append(row)
    return good, bad


def _decode_singly(body: bytes) -> tuple[list[Row], list[BadRow]]:
    """The rows of a page of which one at least is odd."""
    good: list[Row] = []
    bad: list[BadRow] = []
    for number, raw in enumerate(_rows(body), 1):
        try:
            good.append(row_of(raw))
        except ValueError as error:
            bad.append(BadRow(subject_of(raw, number), str(error)))
    return good, bad


def decode_row(raw: bytes | msgspec.Raw) -> ModelFacts:
    """The object of a model's own page.

    Raises:
        NotJson: it cannot even be parsed.
        ValueError: (msgspec's errors are ValueErrors) the row has no usable id, or a field of the wrong type.
    """
    row = _decoded(raw)
    _check_names(row)
    return _sound_facts(row)


def row_of(raw: bytes | msgspec.Raw) -> Row:
    """One row by itself; raises what `decode_row` raises."""
    row = _decoded(raw)
    _check(row)
    return row


def _decoded(raw: bytes | msgspec.Raw) -> Row:
    """One row by itself, with replacement characters for what is no text.

    Raises:
        NotJson, ValueError: see `decode_row`.
    """
    text = bytes(raw)
    try:
        try:
            text.decode()
            return _ROW.decode(text)
        except msgspec.ValidationError:
            raise  # JSON, but of the wrong shape: nothing to repair
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _ROW.decode(_repaired(text))
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise NotJson(str(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be read") from error


_ALIKE = bytes.maketrans(b"123456789E{", b"000000000e[")
_LARGE_NUMBERS = (b"0e000", b"0e+000", b"0" * 300)
"""What numbers beyond all range look like, once all digits are zeros."""


def _check(row: Row) -> None:
    """Raise where no facts can be made of a row: they are made where it looks as if, and thrown away."""
    _check_names(row)
    text = b"".join(
        (row.card_data, row.config, row.safetensors, row.gguf, row.base_models, row.tags, row.siblings)
    ).translate(_ALIKE)
    if text.count(b"[") > MAX_DEPTH or any(number in text for number in _LARGE_NUMBERS):
        _sound_facts(row)


def _sound_facts(row: Row) -> ModelFacts:
    try:
        return facts_of(row)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise NotJson(str(error)) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be read") from error


def _rows(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    """The rows of a page, not decoded."""
    try:
        return _RAW_ROWS.decode(body)
    except (ValueError, RecursionError) as error:
        # The parser stops at the first row that it cannot skip; brackets and strings still tell the rows apart.
        rows = _split(body)
        if rows is None:
            raise NotJson(str(error)) from error
        return rows


_TOKEN = re.compile(rb"""[^"\[\]{},]+|"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]""", re.DOTALL)


def _split(body: bytes) -> list[bytes] | None:
    """The elements of a JSON array by brackets and strings alone; None where those do not match up."""
    body = body.strip()
    rows: list[bytes] = []
    depth = at = 0
    start = 1
    while at < len(body) and (match := _TOKEN.match(body, at)) is not None:
        token, at = body[match.start() : match.start() + 1], match.end()
        if token in b"]}":
            depth -= 1
        if depth == 0 and at == len(body) and token == b"]":
            rows.append(body[start : at - 1])
            return rows if len(rows) > 1 or rows[0].strip() else []
        if depth == 1 and token == b",":
            rows.append(body[start : at - 1])
            start = at
        if token in b"[{":
            depth += 1
        if depth < 1:
            return None
    return None


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def _repaired(raw: bytes) -> bytes:
    """JSON with replacement characters for halves of surrogate pairs and for bytes that are no UTF-8."""
    raw = raw.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], raw)


def facts_of(row: Row) -> ModelFacts:
    """All that a row tells, decoded.

    Raises:
        ValueError: a field cannot be; never for the rows of `decode_page`.
    """
    card = _mapping(row.card_data)
    tags = tuple(tag for tag in _sequence(row.tags) if isinstance(tag, str))
    config = _mapping(row.config)
    declared, gguf = _mapping(row.safetensors), _mapping(row.gguf)
    files, digests, blobs = _files(row.siblings)
    return ModelFacts(
        key=row.key,
        name=row.name,
        source="huggingface",
        sha=sha_of(row),
        created_at=moment_of(row.created_at),
        last_modified=moment_of(row.last_modified),
        downloads=_clamp(row.downloads),
        likes=_clamp(row.likes),
        gated=gate_of(row),
        distribution=_distribution(row),
        tags=tags,
        card_data=card,
        license=license_of(card, tags),
        base_model=base_model_of(_mapping(row.base_models), card, tags),
        adapter=is_adapter(_mapping(row.base_models), tags, files or ()),
        safetensors_total=natural((declared or {}).get("total")),
        safetensors_parameters=_as_mapping((declared or {}).get("parameters")),
        gguf_total=natural((gguf or {}).get("total")),
        files=files,
        digests=digests,
        blobs=blobs,
        quantization=settings_of(config or {}),
        described=any(key in (config or {}) for key in ("architectures", "model_type")),
    )


def sha_of(row: Row) -> str | None:
    """The revision that a row is about; None where it names none."""
    return row.sha if row.sha and _SHA.fullmatch(row.sha) else None


_PLAIN_NAMES = re.compile(r"[0-9a-f]{24} \w[\w.-]{0,100}(?:/\w[\w.-]{0,100})?", re.ASCII)


def _check_names(row: Row) -> None:
    """Raise where the ids are none: both end up in addresses, reports and the catalogue."""
    if _PLAIN_NAMES.fullmatch(f"{row.key} {row.name}"):
        return
    if not 0 < len(row.key) <= 64 or not row.key.isprintable():
        raise ValueError(f"`_id` is empty, too long or unprintable: {row.key[:80]!r}")
    parts = row.name.split("/")
    if len(row.name) > MAX_ID_LENGTH or not row.name.isprintable() or len(parts) > 2 or {"", ".", ".."} & {*parts}:
        raise ValueError(f"`id` is no name of a model: {row.name[:80]!r}")


_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LEADING_ID = re.compile(rb'\s*\{\s*(?:"_id"\s*:\s*"[0-9a-f]*"\s*,\s*)?"id"\s*:\s*"([\w./-]{1,256})"')


def subject_of(raw: bytes | msgspec.Raw, number: int) -> str:
    """The model that a row is about, by its id where one can be made out, else by its place on the page."""
    try:
        value = _ANY.decode(raw)
        name = value.get("id") if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        # The Hub puts the id first.
        match = _LEADING_ID.match(bytes(raw))
        name = match[1].decode("ascii", "replace") if match else None
    return name[:MAX_ID_LENGTH] if isinstance(name, str) and name else f"row {number} of the page"


def moment_of(value: datetime | None) -> datetime | None:
    """A time in UTC, whatever the offset it was written with; None where none was given, or it is outside all time."""
    if value is None:
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None


def seconds_of(moment: datetime | None) -> int | None:
    """The same as whole seconds since 1970."""
    if moment is not None and moment.tzinfo is UTC:
        return (moment - _EPOCH) // _SECOND
    moment = moment_of(moment)
    return None if moment is None else (moment - _EPOCH) // _SECOND


def gate_of(row: Row) -> Gated:
    """How access is granted."""
    if row.gated is True:  # an older spelling of "auto"
        return "auto"
    return row.gated or False


def _distribution(row: Row) -> Distribution:
    if row.disabled:
        return Distribution.DISABLED
    return Distribution.PRIVATE if row.private else Distribution.PUBLIC


def _files(
    raw: msgspec.Raw,
) -> tuple[tuple[FileEntry, ...] | None, Mapping[str, str], Mapping[str, str]]:
    """The siblings that have a name; sizes, sha256 and git's ids where the answer has them (`blobs=true`)."""
    value = _ANY.decode(raw)
    if not isinstance(value, list):
        return None, {}, {}
    files: list[FileEntry] = []
    digests: dict[str, str] = {}
    blobs: dict[str, str] = {}
    for item in value:
        path = item.get("rfilename") if isinstance(item, dict) else None
        if not isinstance(path, str) or not path:
            continue
        files.append(FileEntry(path, natural(item.get("size"))))
        lfs = item.get("lfs")
        digest = lfs.get("sha256") if isinstance(lfs, dict) else None
        if isinstance(digest, str) and len(digest) == 64 and _SHA.fullmatch(digest):
            digests[path] = digest
        blob = None if lfs else item.get("blobId")  # of a file in LFS it names the pointer
        if isinstance(blob, str) and len(blob) == 40 and _SHA.fullmatch(blob):
            blobs[path] = blob
    return tuple(files), digests, blobs


def license_of(card: Mapping[str, Any] | None, tags: Sequence[str]) -> str | None:
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


def base_model_of(base: Mapping[str, Any] | None, card: Mapping[str, Any] | None, tags: Sequence[str]) -> str | None:
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


def is_adapter(base: Mapping[str, Any] | None, tags: Sequence[str], files: Sequence[FileEntry]) -> bool:
    """Whether the Hub's own resolution, a tag or the adapter's configuration says so, whatever its files are called."""
    return (
        (base or {}).get("relation") == "adapter"
        or any(tag.startswith("base_model:adapter:") for tag in tags)
        or any(entry.path == ADAPTER_CONFIG for entry in files)
    )


def _mapping(raw: msgspec.Raw) -> Mapping[str, Any] | None:
    """An object of the row; None where it is something else.

    Raises:
        ValueError: it is nested so deeply that what comes after us might stumble over it.
    """
    text = bytes(raw)
    if text == b"null":
        return None
    value = _as_mapping(_ANY.decode(text))
    if value is not None and text.count(b"[") + text.count(b"{") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise ValueError(f"a field of it is nested more than {MAX_DEPTH} levels deep")
    return value


def _deeper(value: Mapping[str, Any], levels: int) -> bool:
    """Whether a JSON value has more levels than this."""
    level: list[dict[str, Any] | list[Any]] = [dict(value)]
    for _ in range(levels):
        inner = [part for outer in level for part in (outer.values() if isinstance(outer, dict) else outer)]
        level = [part for part in inner if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _as_mapping(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, dict) else None


def _sequence(raw: msgspec.Raw) -> Sequence[Any]:
    value = _ANY.decode(raw)
    return value if isinstance(value, list) else ()


def natural(value: object) -> int | None:
    """A non-negative whole number that fits the catalogue; None for anything else a server may put there."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        return None
    return value


def _clamp(value: int | None) -> int:
    return min(max(value or 0, 0), MAX_COUNT)
