"""Write what changed, and only that: a row of history holds from one run to another.

Within one run the newest look replaces the one before. Where it comes out as things stood before the run, the older row
is opened again, so that a scan that found nothing new leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from scanner.catalogue import records
from scanner.catalogue.core import DECLARATION, MEMBER, OBSERVATION, VERDICT, chunks
from scanner.catalogue.records import AnyRow, Values

if TYPE_CHECKING:
    from scanner.assessment import Assessment

LOOK = ("sha", "observed_at", "evidence")  # how an observation came about: no part of what it says
SAID = ("status", "status_ignoring_declarations", "reasons")  # of a verdict; margins drift with every recount


@dataclass
class _Rows:
    """What one table's history takes in one transaction."""

    table: Table
    run_id: int
    new: list[Values] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    reopened: list[int] = field(default_factory=list)
    amended: list[Values] = field(default_factory=list)

    def add(self, key: str, values: Values) -> None:
        self.new.append({"model_key": key, "since_run": self.run_id, "until_run": None, **values})

    def amend(self, row: AnyRow, values: Values) -> None:
        if any(getattr(row, name) != value for name, value in values.items()):
            self.amended.append({"_id": row.id, **values})

    def write(self, connection: Connection) -> None:
        rows = self.table
        for chunk in chunks(self.dropped):
            connection.execute(delete(rows).where(rows.c.id.in_(chunk)))
        for numbers, until in ((self.closed, self.run_id), (self.reopened, None)):
            for chunk in chunks(numbers):
                connection.execute(update(rows).where(rows.c.id.in_(chunk)).values(until_run=until))
        if self.amended:
            connection.execute(update(rows).where(rows.c.id == bindparam("_id")), self.amended)
        if self.new:
            connection.execute(insert(rows), self.new)

    def replaced(self, connection: Connection, current: Iterable[AnyRow]) -> dict[object, AnyRow]:
        """The rows that this run closed before, by model and (of verdicts) regulation."""
        keys = list(dict.fromkeys(row.model_key for row in current if row.since_run == self.run_id))
        found = {}
        for chunk in chunks(keys):
            statement = select(self.table).where(
                self.table.c.model_key.in_(chunk), self.table.c.until_run == self.run_id
            )
            found.update({_place(row): row for row in connection.execute(statement)})
        return found


def write_observations(
    connection: Connection, run_id: int, judged: Sequence[Assessment], current: Mapping[str, AnyRow], next_id: int
) -> int:
    """Store new assessments.

    Args:
        connection: in a transaction.
        run_id: the run that made them.
        judged: one assessment a model.
        current: the current observation of each model that has one.
        next_id: ids of new rows count from here.

    Returns:
        The next id that is free.
    """
    rows = _Rows(OBSERVATION, run_id)
    replaced = rows.replaced(connection, current.values())
    declared: list[Values] = []
    for assessment in judged:
        values = records.observation_values(assessment)
        before = current.get(assessment.key)
        if before is not None and before.digest == values["digest"]:
            if before.since_run == run_id:
                rows.amend(before, {name: values[name] for name in LOOK})
            continue
        if before is not None and before.since_run == run_id:
            rows.dropped.append(before.id)
            earlier = replaced.get(_place(before))
            if earlier is not None and earlier.digest == values["digest"]:
                rows.reopened.append(earlier.id)
                continue
            number = before.id
        else:
            number, next_id = next_id, next_id + 1
            if before is not None:
                rows.closed.append(before.id)
        rows.add(assessment.key, {"id": number, **values})
        items = (records.declaration_values(item) for item in assessment.restrictions.items)
        declared += [{"observation_id": number, **item} for item in items]
    for chunk in chunks(rows.dropped):
        connection.execute(delete(DECLARATION).where(DECLARATION.c.observation_id.in_(chunk)))
    rows.write(connection)
    if declared:
        connection.execute(insert(DECLARATION), declared)
    return next_id


def write_verdicts(connection: Connection, run_id: int, judged: Sequence[Assessment]) -> None:
    """Store the verdicts of new assessments."""
    current: dict[object, AnyRow] = {}
    for chunk in chunks([a.key for a in judged]):
        statement = select(VERDICT).where(VERDICT.c.model_key.in_(chunk), VERDICT.c.until_run.is_(None))
        current.update({_place(row): row for row in connection.execute(statement)})
    rows = _Rows(VERDICT, run_id)
    replaced = rows.replaced(connection, current.values())
    for assessment in judged:
        for verdict in assessment.verdicts:
            values = records.verdict_values(verdict)
            place = (assessment.key, verdict.regulation)
            before, earlier = current.get(place), replaced.get(place)
            if before is None:
                rows.add(assessment.key, values)
            elif _says(before, values):
                rows.amend(before, values)
            elif before.since_run != run_id:
                rows.closed.append(before.id)
                rows.add(assessment.key, values)
            elif earlier is not None and _says(earlier, values):
                rows.dropped.append(before.id)
                rows.reopened.append(earlier.id)
                rows.amend(earlier, values)
            else:
                rows.amend(before, values)
    rows.write(connection)


def write_members(connection: Connection, run_id: int, series: int, finished: int, keys: Sequence[str]) -> None:
    """Note which models a run of part of the source covers.

    Args:
        connection: in a transaction.
        run_id: the run.
        series: the first run of the same selection.
        finished: the last run of the series that came to its end before this one, 0 where none did; a model that it
            did not see was not covered for a while.
        keys: the models seen.
    """
    new: list[Values] = []
    for chunk in chunks(keys):
        statement = select(MEMBER).where(MEMBER.c.series == series, MEMBER.c.model_key.in_(chunk))
        latest = {row.model_key: row for row in connection.execute(statement.order_by(MEMBER.c.since_run))}
        on = [key for key in chunk if key in latest and finished <= latest[key].last_run < run_id]
        fresh = [key for key in chunk if key not in latest or latest[key].last_run < finished]
        if on:
            seen = (MEMBER.c.series == series, MEMBER.c.model_key.in_(on), MEMBER.c.last_run >= finished)
            connection.execute(update(MEMBER).where(*seen).values(last_run=run_id))
        new += [{"series": series, "model_key": key, "since_run": run_id, "last_run": run_id} for key in fresh]
    if new:
        connection.execute(insert(MEMBER), new)


def _place(row: AnyRow) -> object:
    return (row.model_key, row.regulation) if "regulation" in row._fields else row.model_key


def _says(row: AnyRow, values: Values) -> bool:
    return all(getattr(row, name) == values[name] for name in SAID)
