"""What differs between two runs: rows that hold as of the later one, beside those that held as of the earlier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, FromClause, Select, and_, func

from scanner.catalogue.core import MODEL, OBSERVATION, VERDICT, as_of, declarations_of
from scanner.catalogue.records import AnyRow
from scanner.catalogue.selects import by_downloads, id_of, judged_of, models_of, scan_of
from scanner.catalogue.tables import Run

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pair:
    """One model before and after.

    Attributes:
        key: the model.
        downloads: its downloads now.
        before: what was known of it as of the earlier run; None where nothing was.
        after: what was known as of the later one.
        declared_before, declared_after: its declaration rows.
    """

    key: str
    downloads: int
    before: Seen | None
    after: Seen
    declared_before: Sequence[AnyRow]
    declared_after: Sequence[AnyRow]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a comparison looks at in an observation."""

    name: str
    distribution: str
    gated: str | None
    low: int
    point: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """One model whose verdict changed."""

    name: str
    downloads: int
    before: str
    after: str
    reasons: tuple[str, ...]


SEEN = ("name", "distribution", "gated", "low", "point", "high")


def changed_observations(engine: Engine, before: Run, after: Run) -> Iterator[Pair]:
    """Models of which something that matters changed between two runs, most downloaded first."""
    old = OBSERVATION.alias("old")
    statement = (
        models_of(after, *pair_columns(old, OBSERVATION))
        .join(old, and_(old.c.model_key == MODEL.c.key, as_of(old, id_of(before))))
        .where(OBSERVATION.c.since_run > before.id)
    )
    with engine.connect() as connection, engine.connect() as other:
        for rows in _streamed(connection, statement):
            yield from pairs_of(other, rows)


def pair_columns(old: FromClause, new: FromClause) -> list[ColumnElement[Any]]:
    """What a statement selects for `pairs_of`, of the observations before and after."""
    return [MODEL.c.key, MODEL.c.downloads, *(rows.c[name] for rows in (old, new) for name in ("id", *SEEN))]


def pairs_of(connection: Connection, rows: Sequence[AnyRow]) -> Iterator[Pair]:
    """Rows of `pair_columns` with their declarations, which are asked for at once."""
    width = 1 + len(SEEN)
    ids = [number for row in rows for number in (row[2], row[2 + width]) if number is not None]
    declared = declarations_of(connection, ids)
    for key, downloads, *both in rows:
        was, now = both[:width], both[width:]
        before = None if was[0] is None else Seen(*was[1:])
        yield Pair(key, downloads, before, Seen(*now[1:]), declared.get(was[0], ()), declared.get(now[0], ()))


def changed_verdicts(engine: Engine, before: Run, after: Run, regulation: str) -> Iterator[Moved]:
    """Models whose status by a regulation changed between two runs, most downloaded first."""
    old = VERDICT.alias("old")
    columns = (OBSERVATION.c.name, MODEL.c.downloads, old.c.status, VERDICT.c.status, VERDICT.c.reasons)
    statement = (
        judged_of(after, regulation, *columns)
        .join(old, _held(old, before, regulation))
        .where(VERDICT.c.since_run > before.id, VERDICT.c.status != old.c.status)
    )
    with engine.connect() as connection:
        for rows in _streamed(connection, statement):
            for name, downloads, was, now, reasons in rows:
                yield Moved(name, downloads, was, now, tuple(reasons.split(",")))


def new_models(engine: Engine, before: Run, after: Run, limit: int) -> tuple[list[AnyRow], int]:
    """Models that came after one run and by the other, most downloaded first, and how many they are."""
    since = _since(before, after)
    statement = by_downloads(models_of(after, OBSERVATION.c.name, MODEL.c.downloads).where(since), limit)
    with engine.connect() as connection:
        total = connection.execute(models_of(after, func.count()).where(since)).scalar_one()
        return list(connection.execute(statement)), total


def came(engine: Engine, before: Run, after: Run, regulation: str) -> Iterator[AnyRow]:
    """The same models, all of them: name, downloads and the status of their verdict, None where they have none."""
    held = _held(VERDICT, after, regulation)
    columns = (OBSERVATION.c.name, MODEL.c.downloads, VERDICT.c.status)
    statement = models_of(after, *columns).outerjoin(VERDICT, held).where(_since(before, after))
    with engine.connect() as connection:
        for rows in _streamed(connection, statement):
            yield from rows


def first_verdicts(engine: Engine, before: Run, after: Run, regulation: str) -> dict[str, int]:
    """How many models had no verdict by a regulation as of one run and have one as of the other, by its status."""
    old = VERDICT.alias("old")
    statement = (
        judged_of(after, regulation, VERDICT.c.status, func.count())
        .outerjoin(old, _held(old, before, regulation))
        .where(old.c.id.is_(None))
        .group_by(VERDICT.c.status)
    )
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(statement)}


def only_in(engine: Engine, run: Run, other: Run) -> int:
    """How many models belong to one run and not to another."""
    elsewhere = models_of(other, MODEL.c.key).correlate(None)
    with engine.connect() as connection:
        statement = models_of(run, func.count()).where(MODEL.c.key.not_in(elsewhere))
        return int(connection.execute(statement).scalar_one())


def left_the_list(engine: Engine, before: Run, after: Run, limit: int) -> tuple[list[AnyRow], int]:
    """Models of one run that another one does not cover, most downloaded first, and how many they are."""
    elsewhere = MODEL.c.key.not_in(models_of(after, MODEL.c.key).correlate(None))
    statement = by_downloads(models_of(before, OBSERVATION.c.name, MODEL.c.downloads).where(elsewhere), limit)
    with engine.connect() as connection:
        total = connection.execute(models_of(before, func.count()).where(elsewhere)).scalar_one()
        return list(connection.execute(statement)), int(total)


def _held(verdicts: FromClause, run: Run, regulation: str) -> ColumnElement[bool]:
    """A model's verdict by a regulation as of a run."""
    return and_(verdicts.c.model_key == MODEL.c.key, verdicts.c.regulation == regulation, as_of(verdicts, id_of(run)))


def _since(before: Run, after: Run) -> ColumnElement[bool]:
    """Models that were first seen after one run and by the other."""
    return and_(MODEL.c.first_run > scan_of(before), MODEL.c.first_run <= after.id)


def _streamed(connection: Any, statement: Select[Any]) -> Iterator[Sequence[AnyRow]]:
    """The rows in pieces, most downloaded first, so that millions of changes need no more memory than a few."""
    statement = statement.order_by(MODEL.c.downloads.desc(), MODEL.c.key)
    rows: Iterator[Sequence[AnyRow]] = (
        connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement).partitions()
    )
    return rows
