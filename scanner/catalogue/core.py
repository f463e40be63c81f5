"""The tables as SQLAlchemy Core sees them, and what every statement over them shares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Subquery,
    Table,
    TypeDecorator,
    and_,
    case,
    or_,
    select,
    type_coerce,
)
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
    *(column for column in MODEL.c if column is not MODEL.c.key),
    *(column for column in PROFILE.c if column is not PROFILE.c.id),
)
"""What `records.assessment_of` takes, of what is known now: to be selected from `CURRENT_ROWS`."""

CURRENT_ROWS = MODEL.join(PROFILE, PROFILE.c.id == MODEL.c.profile)
"""Every model of which something is known."""


def known_as_of(connection: Connection, run: int, name: str = "known") -> Subquery:
    """The rows of `model` as they were as of a run, the key named `model_key`; figures are those of now.

    Models of which nothing was known by then are not among them. Where nothing was replaced after the run, it is a
    plain look at `model`; otherwise each row that came later gives way to the past one that it replaced.
    """
    now, judged = MODEL.c.since_run <= run, MODEL.c.judged_since <= run
    past, ruled = PAST_OBSERVATION, PAST_JUDGEMENT
    tables: FromClause = MODEL
    held: ColumnElement[bool] = now
    values: dict[str, ColumnElement[Any]] = {
        "judgement": case((judged, MODEL.c.judgement)),
        "judged_since": case((judged, MODEL.c.judged_since)),
    }
    if _any_held(connection, past, run):
        tables = tables.outerjoin(past, and_(past.c.model_key == MODEL.c.key, as_of(past, run)))
        held = or_(now, past.c.since_run.is_not(None))
        then = [column for column in past.c if column.name in MODEL.c]
        values.update({column.name: case((now, MODEL.c[column.name]), else_=column) for column in then})
    if _any_held(connection, ruled, run):
        tables = tables.outerjoin(ruled, and_(ruled.c.model_key == MODEL.c.key, as_of(ruled, run)))
        values["judgement"] = case((judged, MODEL.c.judgement), else_=ruled.c.judgement)
        values["judged_since"] = case((judged, MODEL.c.judged_since), else_=ruled.c.since_run)
    columns = [
        MODEL.c.key.label("model_key"),
        *(values.get(column.name, column).label(column.name) for column in MODEL.c if column is not MODEL.c.key),
    ]
    return select(*columns).select_from(tables).where(held).subquery(name)


def as_of(rows: FromClause, run: int) -> ColumnElement[bool]:
    """Past rows that held as of a run."""
    return and_(rows.c.since_run <= run, rows.c.until_run > run)


def _any_held(connection: Connection, rows: Table, run: int) -> bool:
    """Whether any past row held as of a run."""
    return connection.execute(select(rows.c.model_key).where(as_of(rows, run)).limit(1)).first() is not None


def declarations_of(
    connection: Connection, observations: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], list[AnyRow]]:
    """The declaration rows of some observations, each named by its model's key and `since_run`."""
    wanted = set(observations)
    found: dict[tuple[str, int], list[AnyRow]] = {}
    for chunk in chunks(list(dict.fromkeys(key for key, _ in observations))):
        statement = select(DECLARATION).where(DECLARATION.c.model_key.in_(chunk)).order_by(DECLARATION.c.id)
        for row in connection.execute(statement):
            place = (row.model_key, row.since_run)
            if place in wanted:
                found.setdefault(place, []).append(row)
    return found


def judgements_of(connection: Connection, ids: Iterable[int | None]) -> dict[int | None, list[AnyRow]]:
    """The rows of some judgements, by regulation; those of no judgement are none."""
    found: dict[int | None, list[AnyRow]] = {}
    for chunk in chunks(list({number for number in ids if number is not None})):
        statement = select(JUDGEMENT).where(JUDGEMENT.c.id.in_(chunk)).order_by(JUDGEMENT.c.regulation)
        for row in connection.execute(statement):
            found.setdefault(row.id, []).append(row)
    return found


def raw_pages(connection: Connection, statement: Select[Any], at_once: int) -> Iterator[Sequence[AnyRow]]:
    """The rows of a statement with their columns as they are stored, so many at once: for millions of rows."""
    stored = [
        type_coerce(column, column.type.impl_instance) if isinstance(column.type, TypeDecorator) else column
        for column in statement.selected_columns
    ]
    statement = statement.with_only_columns(*stored, maintain_column_froms=True)
    yield from connection.execute(statement, execution_options={"yield_per": at_once}).partitions()


def raw_rows(connection: Connection, statement: Select[Any], at_once: int = 10_000) -> Iterator[AnyRow]:
    """The same one by one."""
    for rows in raw_pages(connection, statement, at_once):
        yield from rows


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces that one statement takes."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
