"""What the sample Hub knows: its repositories, its settings, and the addresses that it has signed."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanner.samplehub.repository import strings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scanner.samplehub.crowd import Crowd
    from scanner.samplehub.files.blob import Blob
    from scanner.samplehub.repository import Repository

SIGNING_KEY = b"sample hub"  # guards nothing: the signature is there so that a changed address is refused
LINK_SECONDS = 3600


@dataclass
class State:
    """Shared by both servers; `lock` is held while an answer is worked out, not while it is sent.

    Where there is a `crowd`, its models are all there is.
    """

    endpoint: str = ""
    cdn_endpoint: str = ""
    token: str | None = None
    granted: set[str] = field(default_factory=set)
    page_size_ceiling: int = 1000
    link_seconds: float = LINK_SECONDS
    clock: Callable[[], float] = time.time
    crowd: Crowd | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    _repositories: dict[str, Repository] = field(default_factory=dict)
    _former: dict[str, Repository] = field(default_factory=dict)
    _children: Counter[str] | None = None
    _blobs: dict[str, Blob] = field(default_factory=dict)

    def add(self, repositories: Iterable[Repository]) -> None:
        """Put repositories on the Hub; an id that is taken is replaced."""
        with self.lock:
            for repository in repositories:
                self._repositories[repository.id] = repository
                self._former |= dict.fromkeys(repository.former_ids, repository)
            self.cards_changed()

    def remove(self, name: str) -> Repository:
        """Delete a repository."""
        with self.lock:
            repository = self._repositories.pop(name)
            self._former = {old: other for old, other in self._former.items() if other is not repository}
            self.cards_changed()
            return repository

    def rename(self, name: str, new: str) -> None:
        """Give a repository another id; the old one redirects."""
        with self.lock:
            repository = self._repositories.pop(name)
            repository.id, repository.former_ids = new, (*repository.former_ids, name)
            self.add([repository])

    def get(self, name: str) -> Repository | None:
        """The repository that has this id now."""
        return self.crowd.get(name) if self.crowd else self._repositories.get(name)

    def find(self, name: str) -> Repository | None:
        """The repository of this id, or the one that had it before."""
        if self.crowd:
            return self.crowd.find(name)
        return self._repositories.get(name) or self._former.get(name)

    def everything(self) -> list[Repository]:
        """All repositories, private ones included."""
        with self.lock:
            return list(self._repositories.values())

    def listed(self) -> list[Repository]:
        """The repositories that a listing shows."""
        return [repository for repository in self.everything() if not repository.private]

    def children_of(self, repository: Repository) -> int | None:
        """How many models name this one as their base; None in a crowd, where nobody can count them."""
        if self.crowd:
            return None
        if self._children is None:
            named = (base for other in self.listed() for base in strings((other.card or {}).get("base_model")))
            self._children = Counter(named)
        return self._children[repository.id]

    def cards_changed(self) -> None:
        """Count derived models anew at the next wish."""
        self._children = None

    def sign(self, repository: Repository, blob: Blob, path: str, *, expires: float | None = None) -> str:
        """An address on the CDN for a file's content, good until it expires."""
        target = f"/xet-bridge-us/{repository._id}/{blob.sha256}"
        if not self.crowd:  # which finds a file by its digest
            self._blobs[target] = blob
        until = int(self.clock() + self.link_seconds if expires is None else expires)
        name = "".join(ch if ch.isascii() and (ch.isalnum() or ch in "._-") else "_" for ch in path.rpartition("/")[2])
        query = f"response-content-disposition=inline%3B+filename%3D%22{name}%22&Expires={until}"
        return f"{self.cdn_endpoint}{target}?{query}&Signature={self.signature(target, query)}&Key-Pair-Id=SAMPLE"

    @staticmethod
    def signature(target: str, query: str) -> str:
        """What makes a signed address good."""
        return hmac.new(SIGNING_KEY, f"{target}?{query}".encode(), hashlib.sha256).hexdigest()

    def signed_blob(self, target: str) -> Blob | None:
        """The content behind a path that was signed at some time."""
        if self.crowd:
            key, _, digest = target.removeprefix("/xet-bridge-us/").partition("/")
            return self.crowd.blob(key, digest)
        return self._blobs.get(target)
