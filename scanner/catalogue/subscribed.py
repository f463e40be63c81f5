"""What changed of some models between two runs, whichever runs saw them: what subscriptions rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, false, func, or_, select, union

from scanner.catalogue.comparison import SEEN, Seen
from scanner.catalogue.core import MODEL, OBSERVATION, VERDICT, as_of, chunks, declarations_of
from scanner.catalogue.records import AnyRow

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Changed:
    """One model of which something changed.

    Attributes:
        key: the model.
        downloads: its downloads now.
        before: what was known of it as of the earlier run; None where nothing was.
        after: what is known as of the later one.
        declared_before, declared_after: its declaration rows.
        verdicts_before, verdicts_after: its verdict rows, by regulation.
    """

    key: str
    downloads: int
    before: Seen | None
    after: Seen
    declared_before: Sequence[AnyRow]
    declared_after: Sequence[AnyRow]
    verdicts_before: Mapping[str, AnyRow]
    verdicts_after: Mapping[str, AnyRow]


def changed_of(
    engine: Engine, since: int, until: int, *, owners: Sequence[str], models: Sequence[str]
) -> Iterator[Changed]:
    """Models of some owners, or of some names, of which something changed between two runs, by name.

    A model that was renamed stays the one that was named; one that an owner gave away is told of once more.
    """
    old, new = OBSERVATION.alias("old"), OBSERVATION.alias("new")
    columns = [MODEL.c.key, MODEL.c.downloads, old.c.id, *(old.c[n] for n in SEEN), new.c.id, *(new.c[n] for n in SEEN)]
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
        select(*columns)
        .select_from(tables)
        .where(MODEL.c.key.in_(select(moved.c.model_key)), _is_theirs(old, new, owners, models))
        .order_by(new.c.name, MODEL.c.key)
    )
    width = 1 + len(SEEN)
    with engine.connect() as connection, engine.connect() as other:
        streamed = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement).partitions()
        for rows in streamed:
            ids = [number for row in rows for number in (row[2], row[2 + width]) if number is not None]
            declared = declarations_of(other, ids)
            keys = [row[0] for row in rows]
            before, after = (_verdicts(other, keys, run) for run in (since, until))
            for row in rows:
                key, downloads, *both = row
                was, now = both[:width], both[width:]
                yield Changed(
                    key,
                    downloads,
                    None if was[0] is None else Seen(*was[1:]),
                    Seen(*now[1:]),
                    declared.get(was[0], ()),
                    declared.get(now[0], ()),
                    before.get(key, {}),
                    after.get(key, {}),
                )


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
