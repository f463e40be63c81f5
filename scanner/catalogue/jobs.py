"""What the scheduler keeps: its jobs, the times at which they were due, and what became of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from sqlmodel import select as select_objects

from scanner.catalogue.core import DELIVERY, DIGEST, JOB, OCCURRENCE, RUN
from scanner.catalogue.database import writing
from scanner.catalogue.records import printable
from scanner.catalogue.store import FINISHED, RunState
from scanner.catalogue.tables import Occurrence, Run


class OccurrenceState(StrEnum):
    """What became of a time at which a job was due."""

    RUNNING = "running"  # also what a killed process leaves behind
    FAILED = "failed"  # will be tried again
    DONE = "done"  # scanned, and what is to be told lies in the outbox
    SUPERSEDED = "superseded"  # never came to an end before the next one was due


OPEN = (OccurrenceState.RUNNING, OccurrenceState.FAILED)


@dataclass
class Jobs:
    """Jobs and their occurrences in one catalogue."""

    engine: Engine
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def register(self, name: str, cron: str, timezone: str) -> datetime:
        """Note a job of the settings; returns the moment after which what is due is its.

        A job that is new, or is due at other times than before, starts now: it has not missed anything.
        """
        with self.engine.connect() as connection:
            since = _since(connection, name, cron, timezone)
        if since is not None:
            return since
        values = {"cron": cron, "timezone": timezone, "since": self.now()}
        try:
            with writing(self.engine).begin() as connection:
                since = _since(connection, name, cron, timezone)  # another process may have been faster
                if since is not None:
                    return since
                if not connection.execute(update(JOB).where(JOB.c.name == name).values(**values)).rowcount:
                    connection.execute(insert(JOB).values(name=name, **values))
        except IntegrityError:  # two processes wrote its first row at the same moment
            pass
        return self.register(name, cron, timezone)

    def known(self, name: str) -> datetime | None:
        """Since when a job is known; None where the scheduler never met it."""
        with self.engine.connect() as connection:
            found: datetime | None = connection.execute(select(JOB.c.since).where(JOB.c.name == name)).scalar()
            return found

    def latest(self, name: str) -> Occurrence | None:
        """The occurrence that was due last."""
        return self._first(name)

    def unfinished(self, name: str) -> Occurrence | None:
        """The occurrence that is under way, was broken off, or waits for its next try."""
        return self._first(name, OCCURRENCE.c.state.in_(OPEN))

    def begin(self, name: str, due_at: datetime) -> Occurrence:
        """Begin, or begin again, with an occurrence; earlier ones that never ended are given up for it."""
        with Session(writing(self.engine), expire_on_commit=False) as session:
            of_job = (OCCURRENCE.c.job == name, OCCURRENCE.c.state.in_(OPEN), OCCURRENCE.c.due_at != due_at)
            superseded = {"state": OccurrenceState.SUPERSEDED, "finished_at": self.now(), "next_try_at": None}
            session.execute(update(OCCURRENCE).where(*of_job).values(**superseded))
            statement = select_objects(Occurrence).where(OCCURRENCE.c.job == name, OCCURRENCE.c.due_at == due_at)
            found = session.exec(statement).first() or Occurrence(job=name, due_at=due_at, state="", attempts=0)
            found.state, found.next_try_at = OccurrenceState.RUNNING, None
            found.attempts += 1
            found.started_at = found.started_at or self.now()
            session.add(found)
            session.commit()
        return found

    def end(self, occurrence: Occurrence, detail: str = "") -> None:
        """Note that an occurrence that was begun is done; `detail` says what was not as it should be."""
        self._write(occurrence, state=OccurrenceState.DONE, finished_at=self.now(), next_try_at=None, detail=detail)

    def fail(self, occurrence: Occurrence, detail: str, next_try_at: datetime) -> None:
        """Note that an occurrence that was begun failed and will be tried again."""
        self._write(occurrence, state=OccurrenceState.FAILED, next_try_at=next_try_at, detail=detail)

    def run_of(self, occurrence: Occurrence) -> Run | None:
        """The scan that was made for an occurrence, the newest where it took several."""
        statement = (
            select_objects(Run)
            .where(RUN.c.occurrence == occurrence.id, RUN.c.state != str(RunState.ABANDONED))
            .order_by(RUN.c.id.desc())
            .limit(1)
        )
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(statement).first()

    def last_done(self, name: str) -> Occurrence | None:
        """The last occurrence that was done, whether or not everything that it had to tell was delivered yet."""
        return self._first(name, OCCURRENCE.c.state == str(OccurrenceState.DONE))

    def last_success(self, name: str) -> Occurrence | None:
        """The last occurrence that was done and of which nothing is left to be delivered."""
        waiting = (
            select(DELIVERY.c.id)
            .join(DIGEST, DIGEST.c.id == DELIVERY.c.digest_id)
            .join(RUN, RUN.c.id == DIGEST.c.run_id)
            .where(RUN.c.occurrence == OCCURRENCE.c.id, DELIVERY.c.state.in_(("waiting", "sending")))
        )
        return self._first(name, OCCURRENCE.c.state == str(OccurrenceState.DONE), ~waiting.exists())

    def last_scan(self) -> datetime | None:
        """When the last scan came to its end, whoever started it."""
        statement = select(func.max(RUN.c.finished_at)).where(RUN.c.state.in_(FINISHED), RUN.c.deep != "rescope")
        with self.engine.connect() as connection:
            found: datetime | None = connection.execute(statement).scalar()
            return found

    def _first(self, name: str, *conditions: object) -> Occurrence | None:
        statement = (
            select_objects(Occurrence)
            .where(OCCURRENCE.c.job == name, *conditions)  # type: ignore[arg-type]  # Core conditions
            .order_by(OCCURRENCE.c.due_at.desc())
            .limit(1)
        )
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(statement).first()

    def _write(self, occurrence: Occurrence, **values: object) -> None:
        """Set columns of an occurrence, unless somebody else has begun with it again or given it up since."""
        if "detail" in values:
            values["detail"] = printable(str(values["detail"]))
        for name, value in values.items():
            setattr(occurrence, name, value)
        ours = (OCCURRENCE.c.id == occurrence.id, OCCURRENCE.c.attempts == occurrence.attempts)
        with writing(self.engine).begin() as connection:
            still = (*ours, OCCURRENCE.c.state == str(OccurrenceState.RUNNING))
            connection.execute(update(OCCURRENCE).where(*still).values(**values))


def _since(connection: Connection, name: str, cron: str, timezone: str) -> datetime | None:
    """Since when a job is known as it is; None where it is not, or was due at other times."""
    same = (JOB.c.name == name, JOB.c.cron == cron, JOB.c.timezone == timezone)
    found: datetime | None = connection.execute(select(JOB.c.since).where(*same)).scalar()
    return found
