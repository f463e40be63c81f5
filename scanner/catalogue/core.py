"""The tables as SQLAlchemy Core sees them, and what every statement over them shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar, cast

from sqlalchemy import ColumnElement, Connection, FromClause, Table, and_, or_, select
from sqlmodel import SQLModel

from scanner.catalogue.records import AnyRow
from scanner.catalogue.tables import (
    Blob,
    DeclarationRow,
    Delivery,
    Digest,
    Job,
    Judgement,
    Lease,
    LicenceText,
    Mark,
    Member,
    Model,
    Occurrence,
    PastJudgement,
    PastObservation,
    PendingRead,
    Problem,
    Profile,
    Run,
)

T = TypeVar("T")

CHUNK = 500  # keys in one IN (...), well below what any database takes


def table(model: type[SQLModel]) -> Table:
    """The Core table of a sqlmodel class."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]  # declared by the table=True metaclass


RUN, MODEL, MEMBER = table(Run), table(Model), table(Member)
PROFILE, JUDGEMENT = table(Profile), table(Judgement)
PAST_OBSERVATION, PAST_JUDGEMENT = table(PastObservation), table(PastJudgement)
DECLARATION, PENDING = table(DeclarationRow), table(PendingRead)
BLOB, PROBLEM, LICENCE_TEXT = table(Blob), table(Problem), table(LicenceText)
JOB, OCCURRENCE, LEASE = table(Job), table(Occurrence), table(Lease)
DIGEST, DELIVERY, MARK = table(Digest), table(Delivery), table(Mark)

CURRENT = (
    MODEL.c.key.label("model_key"),
    *(column for column in MODEL.c if column.name not in ("key", "profile", "judgement")),
    *(column for column in PROFILE.c if column.name != "id"),
)
"""What `records.assessment_of` takes: a model's row beside its profile (`CURRENTLY` joins them)."""

CURRENTLY = MODEL.join(PROFILE, PROFILE.c.id == MODEL.c.profile)
"""What is known now; a model that only a suspect run has seen may stand here too (`since_run` is null)."""


def as_of(rows: FromClause, run: int) -> ColumnElement[bool]:
    """Rows that hold as of a run."""
    return and_(rows.c.since_run <= run, or_(rows.c.until_run.is_(None), rows.c.until_run > run))


def declarations_of(connection: Connection, observations: Sequence[int]) -> dict[int, list[AnyRow]]:
    """The declaration rows of some observations, by observation."""
    found: dict[int, list[AnyRow]] = {}
    for chunk in chunks(observations):
        statement = select(DECLARATION).where(DECLARATION.c.observation_id.in_(chunk)).order_by(DECLARATION.c.id)
        for row in connection.execute(statement):
            found.setdefault(row.observation_id, []).append(row)
    return found


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces that one statement takes."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
