"""What is still to be done for a model, as the catalogue keeps it until somebody does it.

A task holds what the listing told and the catalogue does not: the files. What is known of the model comes from the
catalogue when the task is taken up, except where that still shows an earlier revision until the new one has been looked
at; then the task brings the new assessment along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from scanner.assessment import Assessment
from scanner.catalogue.store import Conditions, Work
from scanner.facts import ModelFacts
from scanner.payload import pack, unpack


class _Note(msgspec.Struct, array_like=True, frozen=True):
    """What `Work.work` holds, in msgpack."""

    facts: bytes
    count: str | None
    texts: str | None
    kept: dict[str, Any] | None = None


for _type in (ModelFacts, Assessment, _Note):
    msgspec.msgpack.Decoder(_type)  # see records: workers may not be the first to convert to a type, all at once


@dataclass(frozen=True, slots=True)
class Task:
    """A model whose files are to be looked at now.

    Attributes:
        work: as it stands in the catalogue.
        facts: what the source told.
        assessment: the model as it stands, which the look may change.
        wanted: marks of what is to be looked at; None for what is not.
        kept: the catalogue keeps what it knew before until this is done.
        ranked: nothing suggested to read its texts but how often it is downloaded.
    """

    work: Work
    facts: ModelFacts
    assessment: Assessment
    wanted: Conditions
    kept: bool = False
    ranked: bool = False


def note_down(
    key: str,
    downloads: int,
    facts: ModelFacts | bytes,
    wanted: Conditions,
    *,
    listed: int | None,
    kept: Assessment | None = None,
) -> Work:
    """Note down what is to be done for a model, with all that doing it needs.

    Args:
        key: the model's.
        downloads: its rank.
        facts: what the listing told, as it is or packed (payload.py).
        wanted: marks of what is to be looked at; None for what is not.
        listed: the fingerprint of its row, which it gets once all is looked at.
        kept: the new assessment, where the catalogue keeps what it knew before until this is done.
    """
    packed = facts if isinstance(facts, bytes) else pack(facts, whole=wanted.texts is not None)
    builtins = None if kept is None else msgspec.to_builtins(replace(kept, verdicts=()))
    note = msgspec.msgpack.encode(_Note(packed, wanted.count, wanted.texts, builtins))
    return Work(key, downloads, wanted.count is not None, wanted.texts is not None, note, listed)


def take_up(work: Work, known: Assessment) -> Task:
    """The task of a work.

    Args:
        work: as it stands in the catalogue.
        known: what the catalogue knows of the model.
    """
    note = msgspec.msgpack.decode(work.work, type=_Note)
    assessment = known if note.kept is None else msgspec.convert(note.kept, Assessment)
    facts = unpack(note.facts, key=work.key, source=known.source, downloads=work.downloads)
    if note.kept is None:
        assessment = replace(assessment, verdicts=())
    return Task(work, facts, assessment, Conditions(note.count, note.texts), kept=note.kept is not None)


def ranked_task(known: Assessment, sha: str | None, wanted: Conditions) -> Task:
    """The task of reading a model's texts although nothing suggests it.

    Args:
        known: the model as the catalogue knows it.
        sha: the revision at which it was last seen.
        wanted: marks of what would be looked at.
    """
    work = Work(known.key, known.downloads, False, True, b"", None)
    facts = ModelFacts(known.key, known.name, known.source, sha)
    return Task(work, facts, replace(known, verdicts=()), Conditions(texts=wanted.texts), ranked=True)


def still_texts(task: Task) -> Work:
    """What is left to do where the count is done, and stored, and the texts are for a later run."""
    note = msgspec.msgpack.encode(_Note(pack(task.facts, whole=True), task.wanted.count, task.wanted.texts))
    return replace(task.work, count=False, work=note)
