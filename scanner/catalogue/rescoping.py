"""Judge anew what is stored: every current observation, its verdicts, and the run under which new verdicts stand.

Everything is one transaction: whatever ends it before its time leaves the old verdicts, all of them. The run itself
sees no model. Which models belong to it follows from the scan that it followed (`selects.scan_of`), so later scans go
on as if it had not been: no model looks newly seen or missed, and no unfinished scan is given up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
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
    """One transaction over everything that is stored.

    Attributes:
        run_id: the new run; None as long as nothing was written, since a run that changed nothing is none.
    """

    def __init__(self, connection: Connection, run: Run) -> None:
        self.run_id: int | None = None
        self._connection = connection
        self._run = run

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
                belonging = models_of(self._run, MODEL.c.key).where(MODEL.c.key.in_(chunk))
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
        write_verdicts(self._connection, self._begun(), judged)

    def close_others(self, regulations: Collection[str]) -> None:
        """Let the verdicts of all other regulations end with the run."""
        others = (VERDICT.c.until_run.is_(None), VERDICT.c.regulation.not_in(regulations))
        self._connection.execute(update(VERDICT).where(*others).values(until_run=self._begun()))

    def finish(self, moment: datetime) -> None:
        """Note when it was done, where anything was."""
        if self.run_id is not None:
            self._connection.execute(update(RUN).where(RUN.c.id == self.run_id).values(finished_at=moment))

    def _begun(self) -> int:
        if self.run_id is None:
            values = self._run.model_dump(exclude={"id"})
            self.run_id = self._connection.execute(insert(RUN).values(values).returning(RUN.c.id)).scalar_one()
        return self.run_id


@contextmanager
def reading(engine: Engine, followed: Run) -> Iterator[Rescoping]:
    """Look at everything as it stands, and write nothing."""
    isolated = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**isolated) as connection:
        yield Rescoping(connection, _following(connection, followed))


@contextmanager
def rewriting(
    engine: Engine, followed: Run, now: Callable[[], datetime], tool_version: str, rules: Rules
) -> Iterator[Rescoping]:
    """Judge everything anew in one transaction; any error undoes all of it.

    Args:
        engine: the database; the caller is the only writer.
        followed: the run whose models the new one is about.
        now: the clock.
        tool_version: of hubscope.
        rules: by which the verdicts are made.
    """
    with writing(engine, alone=True).begin() as connection:
        made = {"started_at": now(), "tool_version": tool_version, "rules": dict(rules)}
        work = Rescoping(connection, _following(connection, followed, **made))
        yield work
        work.finish(now())


def _following(connection: Connection, followed: Run, **values: Any) -> Run:
    """The run as it will be; its id is not yet its own, only later than all others."""
    taken: dict[str, Any] = {name: getattr(followed, name) for name in FOLLOWED}
    latest = connection.execute(select(func.max(RUN.c.id))).scalar_one()
    return Run(**{**taken, "id": latest + 1, "deep": RESCOPE, "listing_done": True, **values})
