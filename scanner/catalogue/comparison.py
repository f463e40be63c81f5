"""What differs between two runs: rows that hold as of the later one, beside those that held as of the earlier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Subquery, and_, func, select

from scanner.catalogue.core import (
    JUDGEMENT,
    PAST_JUDGEMENT,
    PROFILE,
    as_of,
    chunks,
    declarations_of,
    known_as_of,
)
from scanner.catalogue.records import AnyRow
from scanner.catalogue.selects import AsOf, id_of, judgements, scan_of
from scanner.catalogue.tables import Run

ROWS_AT_ONCE = 500
NO_JUDGEMENT = 0  # no judgement has this number


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


def changed_observations(engine: Engine, before: Run, after: Run) -> Iterator[Pair]:
    """Models of which something that matters changed between two runs, most downloaded first."""
    with engine.connect() as connection, engine.connect() as other:
        then, earlier = AsOf(connection, after), known_as_of(other, id_of(before))
        statement = then.models(*pair_columns(then.rows)).join(PROFILE, PROFILE.c.id == then.rows.c.profile)
        for rows in _streamed(connection, then, statement.where(then.rows.c.since_run > before.id)):
            for pair in pairs_of(other, earlier, rows):
                if pair.before is not None:
                    yield pair


def pair_columns(rows: Subquery) -> list[ColumnElement[Any]]:
    """What a statement selects for `pairs_of`, beside a model's profile."""
    known = rows.c
    return [
        known.model_key,
        known.since_run,
        known.downloads,
        known.name,
        PROFILE.c.distribution,
        PROFILE.c.gated,
        known.low,
        known.point,
        known.high,
    ]


def pairs_of(connection: Connection, earlier: Subquery, rows: Sequence[AnyRow]) -> Iterator[Pair]:
    """Rows of `pair_columns` beside what was known earlier of the same models, with the declarations of both.

    Args:
        connection: not the one that the rows are streamed over.
        earlier: `core.known_as_of` the earlier run.
        rows: as of the later run.
    """
    statement = select(*pair_columns(earlier)).join(PROFILE, PROFILE.c.id == earlier.c.profile)
    old: dict[str, AnyRow] = {}
    for chunk in chunks([row.model_key for row in rows]):
        found = connection.execute(statement.where(earlier.c.model_key.in_(chunk)))
        old.update({row.model_key: row for row in found})
    places = [(row.model_key, row.since_run) for row in (*old.values(), *rows)]
    declared: Mapping[tuple[str, int], Sequence[AnyRow]] = declarations_of(connection, places)
    for row in rows:
        was = old.get(row.model_key)
        yield Pair(
            row.model_key,
            row.downloads,
            None if was is None else _seen(was),
            _seen(row),
            () if was is None else declared.get((was.model_key, was.since_run), ()),
            declared.get((row.model_key, row.since_run), ()),
        )


def changed_verdicts(engine: Engine, before: Run, after: Run, regulation: str) -> Iterator[Moved]:
    """Models whose status by a regulation changed between two runs, most downloaded first."""
    old = JUDGEMENT.alias("old")
    with engine.connect() as connection:
        then = AsOf(connection, after)
        columns = (then.rows.c.name, then.rows.c.downloads, old.c.status, JUDGEMENT.c.status, JUDGEMENT.c.reasons)
        statement = (
            then.models(*columns)
            # A judgement that came later has taken the place of a past one, where there was any.
            .join(PAST_JUDGEMENT, and_(PAST_JUDGEMENT.c.model_key == then.rows.c.model_key, _past(before)))
            .join(old, and_(old.c.id == PAST_JUDGEMENT.c.judgement, old.c.regulation == regulation))
            .join(JUDGEMENT, and_(JUDGEMENT.c.id == then.rows.c.judgement, JUDGEMENT.c.regulation == regulation))
            .where(then.rows.c.judged_since > before.id, JUDGEMENT.c.status != old.c.status)
        )
        for rows in _streamed(connection, then, statement):
            for name, downloads, was, now, reasons in rows:
                yield Moved(name, downloads, was, now, tuple(reasons.split(",")))


def new_models(engine: Engine, before: Run, after: Run, limit: int) -> tuple[list[AnyRow], int]:
    """Models that came after one run and by the other, most downloaded first, and how many they are."""
    with engine.connect() as connection:
        then = AsOf(connection, after)
        return _first(connection, then, _since(then.rows, before, after), limit)


def came(engine: Engine, before: Run, after: Run, regulation: str) -> Iterator[AnyRow]:
    """The same models, all of them: name, downloads and the status of their verdict, None where they have none."""
    with engine.connect() as connection:
        then = AsOf(connection, after)
        rows = then.rows.c
        judged = and_(JUDGEMENT.c.id == rows.judgement, JUDGEMENT.c.regulation == regulation)
        statement = then.models(rows.name, rows.downloads, JUDGEMENT.c.status).outerjoin(JUDGEMENT, judged)
        for page in _streamed(connection, then, statement.where(_since(then.rows, before, after))):
            yield from page


def first_verdicts(engine: Engine, before: Run, after: Run, regulation: str) -> dict[str, int]:
    """How many models had no verdict by a regulation as of one run and have one as of the other, by its status."""
    with engine.connect() as connection:
        then = AsOf(connection, after)
        rows = then.rows.c
        past = and_(PAST_JUDGEMENT.c.model_key == rows.model_key, _past(before))
        statement = (
            then.models(JUDGEMENT.c.status, func.count())
            .join(JUDGEMENT, and_(JUDGEMENT.c.id == rows.judgement, JUDGEMENT.c.regulation == regulation))
            .outerjoin(PAST_JUDGEMENT, past)
            .where(
                rows.judged_since > before.id,
                func.coalesce(PAST_JUDGEMENT.c.judgement, NO_JUDGEMENT).not_in(judgements(regulation)),
            )
            .group_by(JUDGEMENT.c.status)
        )
        return {row[0]: row[1] for row in connection.execute(statement)}


def in_both(engine: Engine, run: Run, other: Run) -> int:
    """How many models belong to both of two runs."""
    with engine.connect() as connection:
        then = AsOf(connection, run)
        statement = then.models(func.count()).where(_belongs(connection, then.rows, other))
        return int(connection.execute(statement).scalar_one())


def left_the_list(engine: Engine, before: Run, after: Run, limit: int) -> tuple[list[AnyRow], int]:
    """Models of one run that another one does not cover, most downloaded first, and how many they are."""
    with engine.connect() as connection:
        then = AsOf(connection, before)
        return _first(connection, then, ~_belongs(connection, then.rows, after), limit)


def _first(connection: Connection, then: AsOf, condition: ColumnElement[bool], limit: int) -> tuple[list[AnyRow], int]:
    """Name and downloads of models that meet a condition, most downloaded first, and how many do."""
    statement = then.models(then.rows.c.name, then.rows.c.downloads).where(condition)
    rows = list(connection.execute(then.most_downloaded(statement, limit)))
    if len(rows) < limit:
        return rows, len(rows)
    return rows, int(connection.execute(then.models(func.count()).where(condition)).scalar_one())


def _seen(row: AnyRow) -> Seen:
    return Seen(row.name, row.distribution, row.gated, row.low, row.point, row.high)


def _past(run: Run) -> ColumnElement[bool]:
    """Past judgements that held as of a run."""
    return as_of(PAST_JUDGEMENT, id_of(run))


def _belongs(connection: Connection, rows: Subquery, run: Run) -> ColumnElement[bool]:
    """Whether a model belongs to another run; looked up model by model, since there may be millions of either."""
    there = AsOf(connection, run, "there")
    same = there.models(there.rows.c.model_key).where(there.rows.c.model_key == rows.c.model_key)
    return same.correlate(rows).exists()


def _since(rows: Subquery, before: Run, after: Run) -> ColumnElement[bool]:
    """Models that were first seen after one run and by the other."""
    return and_(rows.c.first_run > scan_of(before), rows.c.first_run <= after.id)


def _streamed(connection: Connection, then: AsOf, statement: Select[Any]) -> Iterator[Sequence[AnyRow]]:
    """The rows in pieces, most downloaded first, so that millions of changes need no more memory than a few."""
    ordered = statement.order_by(*then.by_downloads)
    yield from connection.execute(ordered, execution_options={"yield_per": ROWS_AT_ONCE}).partitions()
