"""What the scheduler keeps: its jobs, the times at which they were due, and what became of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from sqlmodel import select as select_objects

from scanner.catalogue.core import DELIVERY, DIGEST, JOB, OCCURRENCE, RUN
from scanner.catalogue.database import writing
from scanner.catalogue.outbox import DeliveryState
from scanner.catalogue.records import printable
from scanner.catalogue.store import FINISHED, RESCOPE, RunState
from scanner.catalogue.tables import Occurrence, Run


class OccurrenceState(StrEnum):
    """What became of a time at which a job was due."""

    RUNNING = "running"  # also what a killed process leaves behind
    FAILED = "failed"  # will be tried again
    WAITING = "waiting"  # nothing failed: it was stopped, or somebody else scans; will be tried again
    DONE = "done"  # scanned, and what is to be told lies in the outbox
    SUPERSEDED = "superseded"  # never came to an end before the next one was due


CLOCK_TOLERANCE = timedelta(minutes=10)  # how far clocks may differ, or be set back, without a doubt
OPEN = (OccurrenceState.RUNNING, OccurrenceState.FAILED, OccurrenceState.WAITING)


@dataclass
class Jobs:
    """Jobs and their occurrences in one catalogue."""

    engine: Engine
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def register(self, name: str, cron: str, timezone: str) -> datetime:
        """Note a job of the settings; returns the moment after which what is due is its.

        A job that is new, or is due at other times than before, starts now: it has not missed anything.
        """
        since = self.known(name, cron, timezone)
        if since is not None:
            return since
        ahead = (JOB.c.name == name, JOB.c.cron == cron, JOB.c.timezone == timezone, JOB.c.since > self._horizon)
        moment = self.now()
        try:
            with writing(self.engine).begin() as connection:
                # A row that is there all the same is another process's of this moment, or of a clock that was ahead.
                if not connection.execute(update(JOB).where(*ahead).values(since=moment)).rowcount:
                    connection.execute(insert(JOB).values(name=name, cron=cron, timezone=timezone, since=moment))
        except IntegrityError:  # two processes wrote its first row at the same moment
            return self.register(name, cron, timezone)
        return moment

    def known(self, name: str, cron: str, timezone: str) -> datetime | None:
        """Since when a job with these times is known; None where no scheduler ever met it."""
        same = (JOB.c.name == name, JOB.c.cron == cron, JOB.c.timezone == timezone, JOB.c.since <= self._horizon)
        with self.engine.connect() as connection:
            found: datetime | None = connection.execute(select(JOB.c.since).where(*same)).scalar()
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

    def fail(self, occurrence: Occurrence, detail: str, next_try_at: datetime, *, counts: bool = True) -> None:
        """Note that an occurrence that was begun failed and will be tried again.

        Args:
            occurrence: from `begin`.
            detail: one sentence.
            next_try_at: when.
            counts: False where nothing failed: it was stopped, or had to wait for somebody.
        """
        tries = occurrence.attempts if counts else occurrence.attempts - 1
        state = OccurrenceState.FAILED if counts else OccurrenceState.WAITING
        self._write(occurrence, state=state, next_try_at=next_try_at, detail=detail, attempts=tries)

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
        """The last occurrence that was done and of which everything was delivered."""
        waiting = (
            select(DELIVERY.c.id)
            .join(DIGEST, DIGEST.c.id == DELIVERY.c.digest_id)
            .join(RUN, RUN.c.id == DIGEST.c.run_id)
            .where(RUN.c.occurrence == OCCURRENCE.c.id, DELIVERY.c.state != str(DeliveryState.SENT))
        )
        return self._first(name, OCCURRENCE.c.state == str(OccurrenceState.DONE), ~waiting.exists())

    def told_by_hand(self, selection: str | None = None) -> datetime | None:
        """When the last scan (of a selection) ended that a person made, and of which everything was delivered."""
        waiting = select(DELIVERY.c.id).where(
            DELIVERY.c.digest_id == DIGEST.c.id, DELIVERY.c.state != str(DeliveryState.SENT)
        )
        statement = (
            select(func.max(RUN.c.finished_at))
            .join(DIGEST, DIGEST.c.run_id == RUN.c.id)
            .where(RUN.c.occurrence.is_(None), RUN.c.finished_at <= self._horizon, ~waiting.exists())
        )
        if selection is not None:
            statement = statement.where(RUN.c.selection == selection)
        with self.engine.connect() as connection:
            found: datetime | None = connection.execute(statement).scalar()
            return found

    def last_scan(self) -> datetime | None:
        """When the last scan came to its end, whoever started it."""
        statement = select(func.max(RUN.c.finished_at)).where(RUN.c.state.in_(FINISHED), RUN.c.deep != RESCOPE)
        with self.engine.connect() as connection:
            found: datetime | None = connection.execute(statement).scalar()
            return found

    @property
    def _horizon(self) -> datetime:
        """Whatever is later than this was written by a clock that was ahead, and says nothing."""
        return self.now() + CLOCK_TOLERANCE

    def _first(self, name: str, *conditions: ColumnElement[bool]) -> Occurrence | None:
        statement = (
            select_objects(Occurrence)
            .where(OCCURRENCE.c.job == name, OCCURRENCE.c.due_at <= self._horizon, *conditions)
            .order_by(OCCURRENCE.c.due_at.desc())
            .limit(1)
        )
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(statement).first()

    def _write(self, occurrence: Occurrence, **values: object) -> None:
        """Set columns of an occurrence, unless somebody else has begun with it again or given it up since."""
        if "detail" in values:
            values["detail"] = printable(str(values["detail"]))
        ours = (OCCURRENCE.c.id == occurrence.id, OCCURRENCE.c.attempts == occurrence.attempts)
        for name, value in values.items():
            setattr(occurrence, name, value)
        with writing(self.engine).begin() as connection:
            still = (*ours, OCCURRENCE.c.state == str(OccurrenceState.RUNNING))
            connection.execute(update(OCCURRENCE).where(*still).values(**values))
