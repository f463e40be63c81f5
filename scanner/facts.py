"""What a source gathers about one model, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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
        card_told: the source tells all of the card's metadata, so that what it does not show is not there.
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
    card_told: bool = True
