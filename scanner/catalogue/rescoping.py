"""Judge anew what is stored: every current observation, its verdicts, and the run under which new verdicts stand.

Everything is one transaction: whatever ends it before its time leaves the old verdicts, all of them. The run itself
sees no model. Which models belong to it follows from the scan that it followed (`selects.scan_of`), so later scans go
on as if it had not been: no model looks newly seen or missed, and no unfinished scan is given up for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from scanner.catalogue import records
from scanner.catalogue.core import CURRENT, MODEL, OBSERVATION, RUN, VERDICT, chunks, declarations_of
from scanner.catalogue.database import writing
from scanner.catalogue.history import write_verdicts
from scanner.catalogue.selects import models_of
from scanner.catalogue.store import RESCOPE, Conditions
from scanner.catalogue.tables import Run

if TYPE_CHECKING:
    from scanner.assessment import Assessment
    from scanner.rules import Rules

MODELS_AT_ONCE = 500

FOLLOWED = ("source", "endpoint", "selection", "series", "sweep", "state", "detail", "listed", "asked", "unanswered")
"""Columns that a rescope has from the run it follows: what it is about, and how complete the facts are."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One model as it stands.

    Attributes:
        assessment: its current observation with its current verdicts.
        sha: the revision it was last seen at.
        looked: under which conditions its files were last looked at.
        of_the_run: it belongs to the run that is followed.
    """

    assessment: Assessment
    sha: str | None
    looked: Conditions
    of_the_run: bool


class Rescoping:
    """One transaction over everything that is stored; use as `with rescoping(...) as work`."""

    def __init__(self, connection: Connection, run: Run) -> None:
        self._connection = connection
        self.run = run

    def pages(self) -> Iterator[list[Stored]]:
        """Every model of the catalogue by key, some hundred at a time."""
        last = ""
        joined = MODEL.join(OBSERVATION, (OBSERVATION.c.model_key == MODEL.c.key) & OBSERVATION.c.until_run.is_(None))
        statement = select(*CURRENT).select_from(joined).order_by(MODEL.c.key).limit(MODELS_AT_ONCE)
        while True:
            rows = self._connection.execute(statement.where(MODEL.c.key > last)).all()
            if not rows:
                return
            keys = [row.model_key for row in rows]
            declared = declarations_of(self._connection, [row.id for row in rows])
            verdicts: dict[str, list[records.AnyRow]] = {}
            ours: set[str] = set()
            for chunk in chunks(keys):
                current = select(VERDICT).where(VERDICT.c.model_key.in_(chunk), VERDICT.c.until_run.is_(None))
                for verdict in self._connection.execute(current.order_by(VERDICT.c.regulation)):
                    verdicts.setdefault(verdict.model_key, []).append(verdict)
                belonging = models_of(self.run, MODEL.c.key).where(MODEL.c.key.in_(chunk))
                ours.update(self._connection.execute(belonging).scalars())
            yield [
                Stored(
                    records.assessment_of(row, declared.get(row.id, ()), verdicts.get(row.model_key, ())),
                    row.model_sha,
                    Conditions(row.count_looked, row.texts_looked),
                    row.model_key in ours,
                )
                for row in rows
            ]
            last = keys[-1]

    def write(self, judged: Sequence[Assessment]) -> None:
        """Store new verdicts under the run."""
        assert self.run.id is not None  # noqa: S101 - given at the beginning
        write_verdicts(self._connection, self.run.id, judged)

    def close_others(self, regulations: Collection[str]) -> None:
        """Let the verdicts of all other regulations end with the run."""
        others = (VERDICT.c.until_run.is_(None), VERDICT.c.regulation.not_in(regulations))
        self._connection.execute(update(VERDICT).where(*others).values(until_run=self.run.id))


@contextmanager
def reading(engine: Engine, followed: Run) -> Iterator[Rescoping]:
    """Look at everything as it stands, and write nothing."""
    isolated = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**isolated) as connection:
        number = connection.execute(select(func.max(RUN.c.id))).scalar_one() + 1
        yield Rescoping(connection, _following(followed, id=number))


@contextmanager
def rewriting(engine: Engine, followed: Run, moment: datetime, tool_version: str, rules: Rules) -> Iterator[Rescoping]:
    """Judge everything anew in one transaction; any error undoes all of it.

    Args:
        engine: the database; the caller is the only writer.
        followed: the run whose models the new one is about.
        moment: when this is done.
        tool_version: of hubscope.
        rules: by which the verdicts are made.

    Raises:
        Unchanged: raise it inside to leave everything, and the list of runs, as it was.
    """
    with writing(engine).connect() as connection, connection.begin() as transaction:
        run = _following(followed, started_at=moment, finished_at=moment, tool_version=tool_version, rules=dict(rules))
        values = run.model_dump(exclude={"id"})
        (run.id,) = connection.execute(insert(RUN).values(values).returning(RUN.c.id)).one()
        try:
            yield Rescoping(connection, run)
        except Unchanged:
            transaction.rollback()


class Unchanged(Exception):
    """No verdict says anything new."""


def _following(followed: Run, **values: Any) -> Run:
    taken: dict[str, Any] = {name: getattr(followed, name) for name in FOLLOWED}
    return Run(**{**taken, "deep": RESCOPE, "listing_done": True, **values})
