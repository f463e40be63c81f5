"""What changed of some models between two runs, whichever runs saw them: what subscriptions rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, Subquery, Table, false, func, or_, select, text, true

from scanner.catalogue.comparison import Pair, Seen, pair_columns, pairs_of
from scanner.catalogue.core import (
    JUDGEMENT,
    MODEL,
    PAST_JUDGEMENT,
    PAST_OBSERVATION,
    PROFILE,
    as_of,
    chunks,
    judgements_of,
    known_as_of,
)
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
        found = [
            select(since.label("since"), JUDGEMENT.c.status)
            .join(JUDGEMENT, JUDGEMENT.c.id == judgement)
            .where(of == key, since <= self.run, held, JUDGEMENT.c.regulation == regulation)
            .where(JUDGEMENT.c.status != str(VerdictStatus.UNDECIDED))
            for of, judgement, since, held in (
                (MODEL.c.key, MODEL.c.judgement, MODEL.c.judged_since, true()),
                (
                    PAST_JUDGEMENT.c.model_key,
                    PAST_JUDGEMENT.c.judgement,
                    PAST_JUDGEMENT.c.since_run,
                    _held(PAST_JUDGEMENT),
                ),
            )
        ]
        row = self._last(found)
        return None if row is None else str(row.status)

    def beside(self, key: str, threshold: int) -> Seen | None:
        """A model's last observation whose count lay on one side of a threshold; None where none did."""
        found = [
            select(rows.c.since_run.label("since"), rows.c.name, PROFILE.c.distribution, PROFILE.c.gated)
            .add_columns(rows.c.low, rows.c.point, rows.c.high)
            .join(PROFILE, PROFILE.c.id == rows.c.profile)
            .where(of == key, rows.c.since_run <= self.run, held)
            .where(or_(rows.c.low > threshold, rows.c.high <= threshold))
            for rows, of, held in (
                (MODEL, MODEL.c.key, true()),
                (PAST_OBSERVATION, PAST_OBSERVATION.c.model_key, _held(PAST_OBSERVATION)),
            )
        ]
        row = self._last(found)
        return None if row is None else Seen(*row[1:])

    def _last(self, statements: Sequence[Select[Any]]) -> AnyRow | None:
        """The row of the latest run; what is known now is later than all that is past."""
        with self.engine.connect() as connection:
            rows = [
                row
                for statement in statements
                if (row := connection.execute(statement.order_by(text("since DESC")).limit(1)).first()) is not None
            ]
        return max(rows, key=lambda row: row.since, default=None)


def changed_of(
    engine: Engine, since: int, until: int, *, owners: Sequence[str], models: Sequence[str]
) -> Iterator[Changed]:
    """Models of some owners, or of some names, of which something changed between two runs, by name.

    A model that was renamed stays the one that was named; one that an owner gave away is told of once more.
    """
    with engine.connect() as connection, engine.connect() as other:
        new, old = known_as_of(connection, until), known_as_of(other, since)
        statement = (
            select(*pair_columns(new), new.c.judgement)
            .join(PROFILE, PROFILE.c.id == new.c.profile)
            .where(or_(new.c.since_run > since, new.c.judged_since > since), _is_theirs(new, since, owners, models))
            .order_by(new.c.name, new.c.model_key)
        )
        for rows in connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE}).partitions():
            judged = {row.model_key: row.judgement for row in rows}
            before = _verdicts(other, _judged(other, old, list(judged)))
            after = _verdicts(other, judged)
            for pair in pairs_of(other, old, rows):
                yield Changed(pair, before.get(pair.key, {}), after[pair.key])


def _is_theirs(new: Subquery, since: int, owners: Sequence[str], models: Sequence[str]) -> ColumnElement[bool]:
    """Whether a model is of these owners as of either run, or ever had one of these names."""
    past = PAST_OBSERVATION.c
    conditions: list[ColumnElement[bool]] = []
    for owner in owners:
        begins = f"{owner.lower()}/"
        gave_away = select(past.model_key).where(
            as_of(PAST_OBSERVATION, since), func.lower(past.name).startswith(begins, autoescape=True)
        )
        conditions += [func.lower(new.c.name).startswith(begins, autoescape=True), new.c.model_key.in_(gave_away)]
    for chunk in chunks([name.lower() for name in models]):
        now = select(MODEL.c.key).where(func.lower(MODEL.c.name).in_(chunk))
        ever = select(past.model_key).where(_held(PAST_OBSERVATION), func.lower(past.name).in_(chunk))
        conditions += [new.c.model_key.in_(now), new.c.model_key.in_(ever)]
    return or_(false(), *conditions)


def _held(rows: Table) -> ColumnElement[bool]:
    """Past rows that held in some run: those of a suspect run did not."""
    return rows.c.since_run < rows.c.until_run


def _judged(connection: Connection, known: Subquery, keys: Sequence[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for chunk in chunks(keys):
        statement = select(known.c.model_key, known.c.judgement).where(known.c.model_key.in_(chunk))
        found.update((row.model_key, row.judgement) for row in connection.execute(statement))
    return found


def _verdicts(connection: Connection, judged: Mapping[str, int | None]) -> dict[str, dict[str, AnyRow]]:
    rulings = judgements_of(connection, judged.values())
    return {key: {row.regulation: row for row in rulings.get(number, ())} for key, number in judged.items()}


def any_known(engine: Engine, *, owners: Sequence[str], models: Sequence[str]) -> bool:
    """Whether the catalogue holds any model of some owners, or of some names."""
    name = func.lower(MODEL.c.name)
    theirs = [name.startswith(f"{owner.lower()}/", autoescape=True) for owner in owners]
    theirs += [name.in_(chunk) for chunk in chunks([one.lower() for one in models])]
    known = select(MODEL.c.key).where(MODEL.c.since_run.is_not(None), or_(false(), *theirs))
    with engine.connect() as connection:
        return connection.execute(known.limit(1)).first() is not None
