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
    Lease,
    LicenceText,
    Mark,
    Member,
    Model,
    Observation,
    Occurrence,
    PendingRead,
    Problem,
    Run,
    VerdictRow,
)

T = TypeVar("T")

CHUNK = 500  # keys in one IN (...), well below what any database takes


def table(model: type[SQLModel]) -> Table:
    """The Core table of a sqlmodel class."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]  # declared by the table=True metaclass


RUN, MODEL, MEMBER, OBSERVATION = table(Run), table(Model), table(Member), table(Observation)
DECLARATION, VERDICT, PENDING = table(DeclarationRow), table(VerdictRow), table(PendingRead)
BLOB, PROBLEM, LICENCE_TEXT = table(Blob), table(Problem), table(LicenceText)
JOB, OCCURRENCE, LEASE = table(Job), table(Occurrence), table(Lease)
DIGEST, DELIVERY, MARK = table(Digest), table(Delivery), table(Mark)

CURRENT = (
    MODEL.c.sha.label("model_sha"),
    MODEL.c.source,
    MODEL.c.created_at,
    MODEL.c.last_modified,
    MODEL.c.downloads,
    MODEL.c.likes,
    MODEL.c.first_run,
    MODEL.c.last_run,
    MODEL.c.count_looked,
    MODEL.c.texts_looked,
    *OBSERVATION.c,
)
"""What `records.assessment_of` takes: an observation beside its model's figures."""


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
