"""What changed of some models between two runs, whichever runs saw them: what subscriptions rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, false, func, or_, select, union

from scanner.catalogue.comparison import SEEN, Pair, Seen, pair_columns, pairs_of
from scanner.catalogue.core import MODEL, OBSERVATION, VERDICT, as_of, chunks
from scanner.catalogue.records import AnyRow
from scanner.scope import VerdictStatus

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Changed:
    """One model of which something changed, with its verdict rows before and after, by regulation."""

    pair: Pair
    verdicts_before: Mapping[str, AnyRow]
    verdicts_after: Mapping[str, AnyRow]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was known last, as of a run, of single models that were uncertain by then."""

    engine: Engine
    run: int

    def decided(self, key: str, regulation: str) -> str | None:
        """The status of a model's last verdict by a regulation that was a decision; None where none was."""
        open_ = str(VerdictStatus.UNDECIDED)
        found = (VERDICT.c.model_key == key, VERDICT.c.regulation == regulation, VERDICT.c.status != open_)
        row = self._last(VERDICT, [VERDICT.c.status], *found)
        return None if row is None else str(row.status)

    def beside(self, key: str, threshold: int) -> Seen | None:
        """A model's last observation whose count lay on one side of a threshold; None where none did."""
        low, high = OBSERVATION.c.low, OBSERVATION.c.high
        found = (OBSERVATION.c.model_key == key, or_(low > threshold, high <= threshold))
        row = self._last(OBSERVATION, [OBSERVATION.c[name] for name in SEEN], *found)
        return None if row is None else Seen(*row)

    def _last(self, rows: Table, columns: Sequence[Any], *found: ColumnElement[bool]) -> AnyRow | None:
        statement = select(*columns).where(rows.c.since_run <= self.run, *found).order_by(rows.c.since_run.desc())
        with self.engine.connect() as connection:
            return connection.execute(statement.limit(1)).first()


def changed_of(
    engine: Engine, since: int, until: int, *, owners: Sequence[str], models: Sequence[str]
) -> Iterator[Changed]:
    """Models of some owners, or of some names, of which something changed between two runs, by name.

    A model that was renamed stays the one that was named; one that an owner gave away is told of once more.
    """
    old, new = OBSERVATION.alias("old"), OBSERVATION.alias("new")
    tables = MODEL.join(new, and_(new.c.model_key == MODEL.c.key, as_of(new, until))).outerjoin(
        old, and_(old.c.model_key == MODEL.c.key, as_of(old, since))
    )
    moved = union(
        *(
            select(rows.c.model_key).where(rows.c.since_run > since, rows.c.since_run <= until)
            for rows in (OBSERVATION, VERDICT)
        )
    ).subquery()
    statement = (
        select(*pair_columns(old, new))
        .select_from(tables)
        .where(MODEL.c.key.in_(select(moved.c.model_key)), _is_theirs(old, new, owners, models))
        .order_by(new.c.name, MODEL.c.key)
    )
    with engine.connect() as connection, engine.connect() as other:
        streamed = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement).partitions()
        for rows in streamed:
            keys = [row[0] for row in rows]
            before, after = (_verdicts(other, keys, run) for run in (since, until))
            for pair in pairs_of(other, rows):
                yield Changed(pair, before.get(pair.key, {}), after.get(pair.key, {}))


def _is_theirs(old: Any, new: Any, owners: Sequence[str], models: Sequence[str]) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [
        func.lower(rows.c.name).startswith(f"{owner.lower()}/", autoescape=True)
        for owner in owners
        for rows in (old, new)
    ]
    ever = OBSERVATION.alias("ever")
    for chunk in chunks([name.lower() for name in models]):
        named = select(ever.c.id).where(ever.c.model_key == MODEL.c.key, func.lower(ever.c.name).in_(chunk))
        conditions.append(named.exists())
    return or_(false(), *conditions)


def _verdicts(connection: Connection, keys: Sequence[str], run: int) -> dict[str, dict[str, AnyRow]]:
    found: dict[str, dict[str, AnyRow]] = {}
    for chunk in chunks(keys):
        statement = select(VERDICT).where(VERDICT.c.model_key.in_(chunk), as_of(VERDICT, run))
        for row in connection.execute(statement):
            found.setdefault(row.model_key, {})[row.regulation] = row
    return found


def any_known(engine: Engine, *, owners: Sequence[str], models: Sequence[str]) -> bool:
    """Whether the catalogue holds any model of some owners, or of some names."""
    name = func.lower(MODEL.c.name)
    theirs = [name.startswith(f"{owner.lower()}/", autoescape=True) for owner in owners]
    theirs += [name.in_(chunk) for chunk in chunks([one.lower() for one in models])]
    with engine.connect() as connection:
        return connection.execute(select(MODEL.c.key).where(or_(false(), *theirs)).limit(1)).first() is not None
