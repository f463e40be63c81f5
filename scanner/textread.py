"""Read the card and the licence files of repositories, and what their base models' licences say.

On the Hub, most licence files are copies of a few texts, and most models descend from a few others. A licence text is
known by the digest that the model's page gives for it, so it is asked for once, whoever has a copy; what a base model's
licence says is read once for all its children. Cards are each their own: they are not kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from scanner.contents import is_content
from scanner.errors import Refused, SourceError
from scanner.once import Once
from scanner.restrictions.interface import Place, Restrictions
from scanner.restrictions.reader import BaseModel, TextFile, decode, is_licence_file, read_repository

if TYPE_CHECKING:
    from scanner.facts import ModelFacts
    from scanner.sources.huggingface import HuggingFace

MAX_LICENCE_FILES = 12  # per repository; the ones nearest to its root
KEPT_TEXT_BYTES = 32 * 1024 * 1024  # of licence texts in memory, so that copies cost no look into the catalogue either
KEPT_BASES = 10_000
KEPT_PAGES = 4  # of base models: their licence and their count are asked for one after the other
TRIES_OF_A_BASE = 3  # a base model that does not answer is asked for so often in one run, not for each of its children
PASSING = frozenset({"unreachable", "server-error", "rate-limited", "bad-answer", "read-failed"})
"""Codes of failures that trying again later may mend."""

BASE = "base model "
"""Begins the place of a failure that is a base model's: it is the same one for all its children."""

Failure: TypeAlias = tuple[str, str, str]  # file, code, message


class TextSource(Protocol):
    """Reads a small file of one model."""

    def __call__(self, path: str, *, max_bytes: int) -> bytes:
        """The first bytes of the file.

        Raises:
            SourceError: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Base:
    """What is known of a base model.

    Attributes:
        model: what it declares; None where it could not be asked.
        whole: all its licence files were read.
        failures: what of it could not be read.
    """

    model: BaseModel | None
    whole: bool
    failures: tuple[Failure, ...] = ()


NO_BASE = Base(None, whole=True)


@dataclass(frozen=True, slots=True)
class Texts:
    """Which texts a repository has, by its file names."""

    card: str | None
    licences: Sequence[str]
    absent: tuple[Place, ...]

    @classmethod
    def of(cls, facts: ModelFacts) -> Texts:
        """The texts among a repository's files, those nearest to its root first."""
        paths = [entry.path for entry in facts.files or ()]
        card = next((path for path in paths if path.lower() == "readme.md"), None)
        licences = sorted((path for path in paths if is_licence_file(path)), key=lambda path: (path.count("/"), path))
        absent: list[Place] = []
        if facts.files is not None:
            absent += [Place.CARD] if card is None else []
            absent += [Place.LICENCE_FILES] if not licences else []
        absent += [Place.BASE_MODEL] if not facts.base_model else []
        return cls(card, licences, tuple(absent))


def read_texts(
    facts: ModelFacts, text: TextSource, text_cap: int, base: Base = NO_BASE, *, card: bool = True
) -> tuple[Restrictions, list[Failure]]:
    """Read a repository's own texts and join what they say with its metadata and its base model.

    Args:
        facts: the repository.
        text: reads its files.
        text_cap: bytes of one text that are read.
        base: what is known of its base model.
        card: whether the card is wanted, too.
    """
    texts = Texts.of(facts)
    failures: list[Failure] = []
    unread: set[Place] = set() if base.whole else {Place.BASE_MODEL}
    told: SourceError | None = None

    def read(path: str, place: Place) -> TextFile | None:
        nonlocal told
        try:
            data = text(path, max_bytes=text_cap + 1)
        except SourceError as error:
            if error is not told:  # one gate refuses all files
                failures.append((path, error.code, str(error)))
            told = error
            unread.add(place)
            return None
        file = decode(path, data, text_cap)
        if file.unreadable:
            failures.append((path, "text-unreadable", file.unreadable))
        return file

    readme = read(texts.card, Place.CARD) if texts.card and card else None
    licences = [file for path in texts.licences[:MAX_LICENCE_FILES] if (file := read(path, Place.LICENCE_FILES))]
    if len(texts.licences) > MAX_LICENCE_FILES:
        unread.add(Place.LICENCE_FILES)
    restrictions = read_repository(
        card_data=facts.card_data or ({} if readme is None else None),
        gated=facts.gated,
        tags=facts.tags,
        card=readme,
        licence_files=licences,
        base=base.model,
        absent=texts.absent,
        unread=unread,
    )
    return restrictions, failures


class TextReader:
    """Reads texts of Hub models for one run; safe for many threads.

    Args:
        source: the Hub.
        text_cap: bytes of one text that are read.
        remembered: a licence text of an earlier run, by its digest.
    """

    def __init__(
        self, source: HuggingFace, text_cap: int, remembered: Callable[[str], bytes | None] = lambda _: None
    ) -> None:
        self._source = source
        self._text_cap = text_cap
        self._remembered = remembered
        self._contents: Once[str, bytes] = Once(KEPT_TEXT_BYTES, len)
        self._bases: Once[str, Base] = Once(KEPT_BASES)
        self._pages: Once[str, ModelFacts] = Once(KEPT_PAGES)
        self._base_tries: dict[str, int] = {}
        self._learned: dict[str, bytes] = {}
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def read(self, facts: ModelFacts) -> tuple[Restrictions, list[Failure]]:
        """All that a model declares, from its card, its licence files and its base model's licence.

        Args:
            facts: the model's own page, with digests of its files.
        """
        base = self._base(facts.base_model) if facts.base_model else NO_BASE
        restrictions, failures = read_texts(facts, self._texts_of(facts), self._text_cap, base)
        return restrictions, [*base.failures, *failures]

    def page(self, name: str) -> ModelFacts:
        """A base model's page.

        Raises:
            SourceError: see `HuggingFace.model`.
        """
        return self._pages.get(name, lambda: (self._source.model(name), True))

    def taken(self) -> tuple[Mapping[str, bytes], set[str]]:
        """Licence texts, by digest, that the Hub sent since the last call, and the digests of all that were of use."""
        with self._lock:
            taken = self._learned, self._used
            self._learned, self._used = {}, set()
        return taken

    # Texts -------------------------------------------------------------------------------------------------------

    def _texts_of(self, facts: ModelFacts) -> TextSource:
        """Reads the files of one model; after the gate has refused one, only what is known without asking."""
        closed: Refused | None = None

        def fetch(path: str, max_bytes: int) -> bytes:
            nonlocal closed
            if closed is not None:
                raise closed
            try:
                return self._source.text(
                    facts.name, facts.sha or "main", path, max_bytes=max_bytes, in_git=path not in facts.digests
                )
            except Refused as error:
                closed = error if error.code == "gated" else None
                raise

        def text(path: str, *, max_bytes: int) -> bytes:
            digest = facts.digests.get(path) or facts.blobs.get(path)
            if digest is None or not is_licence_file(path):
                return fetch(path, max_bytes)
            return self._contents.get(digest, lambda: self._content(digest, max_bytes, lambda: fetch(path, max_bytes)))

        return text

    def _content(self, digest: str, max_bytes: int, fetch: Callable[[], bytes]) -> tuple[bytes, bool]:
        """A licence text, and whether it may stand for all its copies."""
        content = self._remembered(digest)
        if content is not None:
            self._note(digest, None)
            return content[:max_bytes], True
        content = fetch()
        if len(content) == max_bytes:
            return content, True  # goes on behind the cap: its copies are cut off at the same place
        known = is_content(digest, content)  # a name that does not fit is no name for it
        if known:
            self._note(digest, content)
        return content, known

    def _note(self, digest: str, content: bytes | None) -> None:
        with self._lock:
            self._used.add(digest)
            if content is not None:
                self._learned[digest] = content

    # Base models -------------------------------------------------------------------------------------------------

    def _base(self, name: str) -> Base:
        return self._bases.get(name, lambda: self._asked(name))

    def _asked(self, name: str) -> tuple[Base, bool]:
        """What a base model's licence says, and whether that stands for this run; its own base is not asked after.

        Its card is not read: what a card says is about its own repository (see `read_repository`).
        """
        try:
            facts = replace(self.page(name), base_model=None)
        except SourceError as error:
            base = Base(None, whole=False, failures=((f"{BASE}{name}", error.code, str(error)),))
        else:
            restrictions, failures = read_texts(facts, self._texts_of(facts), self._text_cap, card=False)
            whole = Place.LICENCE_FILES in restrictions.read
            told = tuple((f"{BASE}{name}/{path}", code, message) for path, code, message in failures)
            base = Base(BaseModel(name, restrictions), whole, told)
        if not any(code in PASSING for _, code, _ in base.failures):
            return base, True
        with self._lock:
            self._base_tries[name] = self._base_tries.get(name, 0) + 1
            return base, self._base_tries[name] >= TRIES_OF_A_BASE
