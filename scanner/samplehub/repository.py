"""One repository of the sample Hub: its files at every revision, its card, and the facts that a listing row shows."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from scanner.samplehub.files.blob import Blob, in_lfs
from scanner.samplehub.files.text import card as card_text

if TYPE_CHECKING:
    from collections.abc import Mapping

CREATED_FLOOR = "2022-03-02T23:29:04.000Z"  # older repositories all carry this one
GITATTRIBUTES = "".join(
    f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n"
    for suffix in (".bin", ".gguf", ".onnx", ".pt", ".safetensors", ".zip")
)
FORMAT_TAGS = (
    (re.compile(r"\.safetensors$"), "safetensors"),
    (re.compile(r"\.gguf$"), "gguf"),
    (re.compile(r"\.onnx$"), "onnx"),
    (re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin$"), "pytorch"),
)


@dataclass(frozen=True)
class Commit:
    """The repository's files at one revision."""

    sha: str
    title: str
    date: str
    files: Mapping[str, Blob]


@dataclass(kw_only=True)
class Repository:
    """What the author and the Hub know of one model repository. Change fields freely; change files through `commit`.

    Attributes:
        truth: The true parameter count of one copy (None where there is no model, or where no file can tell).
        note: Why this repository is here, in one line.
        declared: The listing's `safetensors` field, None when the Hub shows none.
        card: The front matter; None for no README.md at all (unless `files` has one).
        row_changes: Values put over the listing row as the last step, to serve a malformed one.
        row_drops: Keys taken out of the listing row as the last step.
        former_ids: Earlier names, which redirect here: absolute where the old name had an owner, relative where not.
        null_sizes: Paths whose size the tree and `blobs=true` give as null.
        small_in_git: Paths kept out of LFS whatever their suffix.
    """

    id: str
    note: str = ""
    truth: int | None = None
    files: dict[str, Blob] = field(default_factory=dict)
    card: dict[str, Any] | None = None
    body: str = ""
    created_at: str = "2025-04-07T09:12:44.000Z"
    last_modified: str = ""
    downloads: int = 12
    downloads_all_time: int = 0
    likes: int = 0
    trending_score: int = 0
    library_name: str | None = None
    pipeline_tag: str | None = None
    extra_tags: tuple[str, ...] = ()
    config: dict[str, Any] | None = None
    declared: dict[str, Any] | None = None
    gguf: dict[str, Any] | None = None
    base_relation: str | None = None
    gated: Literal[False, "auto", "manual"] = False
    disabled: bool = False
    private: bool = False
    row_changes: dict[str, Any] = field(default_factory=dict)
    row_drops: tuple[str, ...] = ()
    former_ids: tuple[str, ...] = ()
    null_sizes: frozenset[str] = frozenset()
    small_in_git: frozenset[str] = frozenset()
    refs: dict[str, str] = field(default_factory=dict)
    history: dict[str, Commit] = field(default_factory=dict)
    _id: str = ""

    def __post_init__(self) -> None:
        self._id = self._id or object_id(self.id, self.created_at)
        self.last_modified = self.last_modified or self.created_at
        self.downloads_all_time = self.downloads_all_time or self.downloads * 7
        self.files = {".gitattributes": Blob.of(GITATTRIBUTES)} | self.files
        if self.card is not None and "README.md" not in self.files:
            self.files["README.md"] = Blob.of(card_text(self.card, self.body))
        if not self.history:
            self._record("initial commit", self.last_modified)

    @property
    def sha(self) -> str:
        """The head of main."""
        return self.refs["main"]

    @property
    def author(self) -> str:
        """The owner's name; a legacy repository without one has the Hub's own."""
        return self.id.partition("/")[0] if "/" in self.id else "huggingface"

    @property
    def used_storage(self) -> int:
        """Bytes of every file that any revision ever held, each content once."""
        seen = {
            blob.sha256: blob.size
            for commit in self.history.values()
            for path, blob in commit.files.items()
            if self.in_lfs(path)
        }
        return sum(seen.values())

    @property
    def tags(self) -> list[str]:
        """The tags that the Hub makes from files, card and storage region, in its order."""
        card = self.card or {}
        found = [self.library_name] if self.library_name else []
        found += [tag for name, tag in FORMAT_TAGS if tag not in found and any(map(name.search, self.files))]
        found += [self.pipeline_tag] if self.pipeline_tag else []
        found += [tag for tag in (*strings(card.get("tags")), *self.extra_tags) if tag not in found]
        found += strings(card.get("language"))
        found += [f"dataset:{name}" for name in strings(card.get("datasets"))]
        for base in strings(card.get("base_model")):
            found += [f"base_model:{base}"] + (
                [f"base_model:{self.base_relation}:{base}"] if self.base_relation else []
            )
        found += [f"license:{card['license']}"] if isinstance(card.get("license"), str) else []
        return [*dict.fromkeys(found), "region:us"]

    def in_lfs(self, path: str) -> bool:
        """Whether the file lies behind the CDN."""
        blob = self.blob(path)
        return path not in self.small_in_git and blob is not None and in_lfs(path, blob)

    def blob(self, path: str, sha: str | None = None) -> Blob | None:
        """A file at a revision (main's head if none is given); of any revision if it is no longer there."""
        if sha is not None:
            return self.history[sha].files.get(path)
        return self.files.get(path) or next(
            (commit.files[path] for commit in self.history.values() if path in commit.files), None
        )

    def commit_of(self, revision: str) -> Commit | None:
        """The commit that a branch, a tag or a full sha names."""
        return self.history.get(self.refs.get(revision, revision))

    def commit(
        self, title: str, date: str, *, changed: Mapping[str, Blob] | None = None, removed: tuple[str, ...] = ()
    ) -> str:
        """Record a new head of main; README.md is rewritten from `card` and `body` unless it is among the changes.

        Returns:
            The new sha.
        """
        files = {path: blob for path, blob in self.files.items() if path not in removed}
        if self.card is not None:
            files["README.md"] = Blob.of(card_text(self.card, self.body))
        self.files = files | dict(changed or {})
        self.last_modified = date
        return self._record(title, date)

    def rewrite(self, files: dict[str, Blob]) -> None:
        """Put other files in place of all history."""
        self.files = files
        self.history.clear()
        self._record("initial commit", self.last_modified)

    def _record(self, title: str, date: str) -> str:
        digest = hashlib.sha1(f"{self._id} {len(self.history)} {title}".encode(), usedforsecurity=False)
        for path in sorted(self.files):
            blob = self.files[path]
            digest.update(path.encode("utf-8", "surrogatepass") + b"\0" + blob.fingerprint)
        sha = digest.hexdigest()
        self.history[sha] = Commit(sha, title, date, dict(self.files))
        self.refs["main"] = sha
        return sha


def strings(value: object) -> list[str]:
    """A front matter value that may be one string or a list of them."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def object_id(name: str, created_at: str) -> str:
    """24 hex digits like the Hub's: sorted by time of creation first, made from the name after that."""
    stamp = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    seconds = int(datetime.fromisoformat(created_at).timestamp())
    return f"{seconds & 0xFFFFFFFF:08x}{stamp[:16]}"
