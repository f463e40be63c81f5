"""What a source gathers about one model, before anybody judges it; and what of it a later look needs, packed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from estimators.roles import FileEntry
from scanner.restrictions.interface import Gated
from scanner.scope import Distribution


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """One repository at one revision, as its source tells it.

    Attributes:
        key: the id that renames do not change (the Hub's `_id`).
        name: owner/name, as the source spells it now.
        source: "huggingface", "modelscope" or "local".
        sha: the revision everything here is about; None where the source has none.
        adapter: the source says that it is an adapter of its base model (LoRA and kin).
        safetensors_total: the declared total of the listing's `safetensors` field, which may be wrong.
        safetensors_parameters: its elements by dtype, whose sum is a second, different number.
        gguf_total: the listing's `gguf.total`.
        files: every file, with sizes where the source told them; None where it told no files at all.
        digests: sha256 by path, for the files whose digest is known.
        blobs: git's id of the content by path, for the files that lie in git itself, where the source told it.
        quantization: `quantization_config` of the model's configuration.
        described: a configuration describes a model, whether or not weights are there.
        given: files that somebody named by themselves, to have their weights counted whatever their names say.
    """

    key: str
    name: str
    source: str
    sha: str | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None
    downloads: int = 0
    likes: int = 0
    gated: Gated = False
    distribution: Distribution = Distribution.PUBLIC
    tags: tuple[str, ...] = ()
    card_data: Mapping[str, Any] | None = None
    license: str | None = None
    base_model: str | None = None
    adapter: bool = False
    safetensors_total: int | None = None
    safetensors_parameters: Mapping[str, Any] | None = None
    gguf_total: int | None = None
    files: tuple[FileEntry, ...] | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    blobs: Mapping[str, str] = field(default_factory=dict)
    quantization: Mapping[str, Any] | None = None
    described: bool = False
    given: tuple[str, ...] = ()


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    """What a later look at a model's files needs and the catalogue does not hold; in msgpack, without field names."""

    sha: str | None
    adapter: bool
    described: bool
    safetensors_total: int | None
    safetensors_parameters: dict[str, Any] | None
    gguf_total: int | None
    paths: list[str] | None
    sizes: dict[str, int] | None = None
    digests: dict[str, str] | None = None
    quantization: dict[str, Any] | None = None


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(_Packed).decode
WORTH_SQUEEZING = 120  # bytes; below, a compressed copy is no shorter
_PLAIN, _SQUEEZED = b"p", b"z"


def pack(
    *,
    sha: str | None,
    adapter: bool,
    described: bool,
    safetensors_total: int | None,
    safetensors_parameters: Mapping[str, Any] | None,
    gguf_total: int | None,
    paths: list[str] | None,
    sizes: dict[str, int] | None = None,
    digests: Mapping[str, str] | None = None,
    quantization: Mapping[str, Any] | None = None,
) -> bytes:
    """What a later look at a model's files needs, in few bytes; see `ModelFacts` for each."""
    values = _Packed(
        sha,
        adapter,
        described,
        safetensors_total,
        None if safetensors_parameters is None else dict(safetensors_parameters),
        gguf_total,
        paths,
        sizes or None,
        dict(digests) if digests else None,
        None if quantization is None else dict(quantization),
    )
    plain = _ENCODE(values)
    squeezed = zlib.compress(plain, 6) if len(plain) > WORTH_SQUEEZING else plain
    return _SQUEEZED + squeezed if len(squeezed) < len(plain) else _PLAIN + plain


def pack_facts(facts: ModelFacts) -> bytes:
    """The same of facts at hand."""
    files = facts.files
    return pack(
        sha=facts.sha,
        adapter=facts.adapter,
        described=facts.described,
        safetensors_total=facts.safetensors_total,
        safetensors_parameters=facts.safetensors_parameters,
        gguf_total=facts.gguf_total,
        paths=None if files is None else [entry.path for entry in files],
        sizes={entry.path: entry.size for entry in files or () if entry.size is not None},
        digests=facts.digests,
        quantization=facts.quantization,
    )


def unpack_facts(packed: bytes, of: ModelFacts) -> ModelFacts:
    """The inverse of `pack` and `pack_facts`.

    Args:
        packed: what they gave.
        of: the model, as far as the catalogue holds it.
    """
    kind, rest = packed[:1], packed[1:]
    found = _DECODE(zlib.decompress(rest) if kind == _SQUEEZED else rest)
    sizes = found.sizes or {}
    return replace(
        of,
        sha=found.sha,
        adapter=found.adapter,
        described=found.described,
        safetensors_total=found.safetensors_total,
        safetensors_parameters=found.safetensors_parameters,
        gguf_total=found.gguf_total,
        files=None if found.paths is None else tuple(FileEntry(path, sizes.get(path)) for path in found.paths),
        digests=found.digests or {},
        quantization=found.quantization,
    )
