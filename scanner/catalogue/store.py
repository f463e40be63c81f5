"""Write a run into the catalogue: page by page, each in one transaction with the place to go on from.

One writer at a time (see `database.only_writer`), so ids of observations are given out here. Bulk writes are Core
statements over the same tables that sqlmodel declares; nothing here builds an object per row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import Connection, Engine, Table, bindparam, delete, func, insert, literal, select, tuple_, update
from sqlmodel import Session, SQLModel
from sqlmodel import select as select_objects

from scanner.catalogue import records
from scanner.catalogue.records import AnyRow, Values
from scanner.catalogue.tables import (
    Blob,
    DeclarationRow,
    Model,
    Observation,
    PendingRead,
    Problem,
    Run,
    VerdictRow,
)

if TYPE_CHECKING:
    from estimators.interface import Estimate
    from scanner.assessment import Assessment
    from scanner.counting import Learned

T = TypeVar("T")

CHUNK = 500  # keys in one IN (...), well below what any database takes


def table(model: type[SQLModel]) -> Table:
    """The Core table of a sqlmodel class."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]  # declared by the table=True metaclass


RUN, MODEL, OBSERVATION = table(Run), table(Model), table(Observation)
DECLARATION, VERDICT, PENDING = table(DeclarationRow), table(VerdictRow), table(PendingRead)
BLOB, PROBLEM = table(Blob), table(Problem)

CURRENT = (
    MODEL.c.sha.label("model_sha"),
    MODEL.c.source,
    MODEL.c.created_at,
    MODEL.c.last_modified,
    MODEL.c.downloads,
    MODEL.c.likes,
    MODEL.c.first_run,
    MODEL.c.last_run,
    *OBSERVATION.c,
)
"""What `records.assessment_of` takes: an observation beside its model's figures."""


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # stopped from outside; `scan` goes on with it
    INCOMPLETE = "incomplete"  # ended with requests unanswered or a budget spent
    ABANDONED = "abandoned"  # too old to go on with, or followed by a run that started over


RESUMABLE = (RunState.RUNNING, RunState.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue holds of a model.

    Attributes:
        row: the current observation beside the model's own columns.
        sha: the repository's revision when it was last assessed.
        last_run: the run that saw it last.
        count_pending, texts_pending: files that an earlier run was to look at and did not.
    """

    row: AnyRow
    declarations: Sequence[AnyRow]
    sha: str | None
    last_run: int
    count_pending: bool
    texts_pending: bool

    def assessment(self) -> Assessment:
        """The model as last assessed, without verdicts."""
        return records.assessment_of(self.row, self.declarations, ())


@dataclass(frozen=True, slots=True)
class Work:
    """A model whose files are to be looked at."""

    key: str
    downloads: int
    count: bool
    texts: bool
    work: Mapping[str, Any]


@dataclass(slots=True)
class Batch:
    """What one transaction writes.

    Attributes:
        judged: models with a new assessment.
        seen: models that were seen but keep the assessment they have; their figures are brought up to date.
        pending: models whose files are to be looked at, which replaces what was noted of them before.
        done: keys whose files have been looked at.
        learned: headers worth remembering.
        problems: (subject, code, message).
        run: columns of the run to set (cursor, counters).
    """

    judged: list[Assessment] = field(default_factory=list)
    seen: list[Assessment] = field(default_factory=list)
    pending: list[Work] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    run: Values = field(default_factory=dict)


class Store:
    """The write side of the catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with engine.connect() as connection:
            self._next_observation = (connection.execute(select(func.max(OBSERVATION.c.id))).scalar() or 0) + 1

    # Runs --------------------------------------------------------------------------------------------------------

    def resumable(self, *, endpoint: str, selection: str, since: datetime) -> Run | None:
        """The newest unfinished run of the same selection, where its last page is young enough to go on from."""
        with Session(self.engine) as session:
            statement = (
                select_objects(Run)
                .where(RUN.c.endpoint == endpoint, RUN.c.selection == selection, RUN.c.state.in_(RESUMABLE))
                .order_by(RUN.c.id.desc())
                .limit(1)
            )
            run = session.exec(statement).first()
            if run is None or (run.cursor_at or run.started_at) < since:
                return None
            return run

    def begin(self, run: Run) -> Run:
        """Store a new run; unfinished ones before it are not gone on with any more."""
        with Session(self.engine, expire_on_commit=False) as session:
            session.execute(update(RUN).where(RUN.c.state.in_(RESUMABLE)).values(state=RunState.ABANDONED))
            session.add(run)
            session.commit()
        return run

    def write_run(self, run_id: int, **values: Any) -> None:
        """Set columns of a run."""
        with self.engine.begin() as connection:
            connection.execute(update(RUN).where(RUN.c.id == run_id).values(**values))

    # Reading back while writing ----------------------------------------------------------------------------------

    def known(self, keys: Iterable[str]) -> dict[str, Known]:
        """What is current of these models; those never seen are absent."""
        found: dict[str, Known] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(keys)):
                joined = MODEL.join(
                    OBSERVATION, (OBSERVATION.c.model_key == MODEL.c.key) & OBSERVATION.c.until_run.is_(None)
                ).outerjoin(PENDING, PENDING.c.model_key == MODEL.c.key)
                statement = select(*CURRENT, PENDING.c.count, PENDING.c.texts).select_from(joined)
                rows = connection.execute(statement.where(MODEL.c.key.in_(chunk))).all()
                declared = declarations_of(connection, [row.id for row in rows])
                for row in rows:
                    found[row.model_key] = Known(
                        row, declared.get(row.id, ()), row.model_sha, row.last_run, bool(row.count), bool(row.texts)
                    )
        return found

    def remembered(self, digest: str) -> Estimate | None:
        """What a file of this digest held, where one was read before."""
        with self.engine.connect() as connection:
            values = connection.execute(select(BLOB.c.estimate).where(BLOB.c.digest == digest)).scalar()
        if values is None:
            return None
        try:
            return records.estimate_from(values)
        except ValueError:
            return None  # written by a version that knew other fields: read it again

    def pending(self, run_id: int, limit: int, *, after: Work | None = None) -> list[Work]:
        """Models of this run whose files are still to be looked at, the most downloaded first.

        Args:
            run_id: the run.
            limit: at most this many.
            after: the last one that was returned before; those up to it are passed over.
        """
        statement = (
            select(PENDING.c.model_key, PENDING.c.downloads, PENDING.c.count, PENDING.c.texts, PENDING.c.work)
            .where(PENDING.c.run_id == run_id)
            .order_by(PENDING.c.downloads.desc(), PENDING.c.model_key)
            .limit(limit)
        )
        if after is not None:
            rank = tuple_(-PENDING.c.downloads, PENDING.c.model_key)
            statement = statement.where(rank > tuple_(literal(-after.downloads), literal(after.key)))
        with self.engine.connect() as connection:
            rows = connection.execute(statement).all()
        return [Work(*row) for row in rows]

    def unseen(self, run_id: int, source: str) -> Iterator[tuple[str, str]]:
        """Key and name of every model that a sweep did not show although it was there before."""
        statement = (
            select(MODEL.c.key, MODEL.c.name)
            .join(OBSERVATION, (OBSERVATION.c.model_key == MODEL.c.key) & OBSERVATION.c.until_run.is_(None))
            .where(MODEL.c.last_run < run_id, MODEL.c.source == source, OBSERVATION.c.distribution != "deleted")
            .order_by(MODEL.c.key)
        )
        with self.engine.connect() as connection:
            rows = connection.execute(statement).all()
        yield from ((row.key, row.name) for row in rows)

    # Writing -----------------------------------------------------------------------------------------------------

    def save(self, run_id: int, batch: Batch) -> None:
        """Write a batch in one transaction: all of it, or nothing."""
        known = self.known(a.key for a in (*batch.judged, *batch.seen))
        with self.engine.begin() as connection:
            self._models(connection, run_id, batch, known)
            self._observations(connection, run_id, batch.judged, known)
            self._verdicts(connection, run_id, batch.judged)
            _pending(connection, run_id, batch)
            _blobs(connection, batch.learned)
            if batch.problems:
                rows = [
                    {"run_id": run_id, "subject": records.printable(s), "code": c, "message": records.printable(m)}
                    for s, c, m in batch.problems
                ]
                connection.execute(insert(PROBLEM), rows)
            if batch.run:
                connection.execute(update(RUN).where(RUN.c.id == run_id).values(**batch.run))

    def _models(self, connection: Connection, run_id: int, batch: Batch, known: Mapping[str, Known]) -> None:
        new: list[Values] = []
        moved: list[Values] = []
        for assessment, sha in [(a, a.revision) for a in batch.judged] + [(a, None) for a in batch.seen]:
            before = known.get(assessment.key)
            values = {
                "name": records.printable(assessment.name),
                "last_modified": assessment.last_modified,
                "downloads": assessment.downloads,
                "likes": assessment.likes,
                "last_run": run_id,
            }
            if before is None:
                created = {"source": assessment.source, "created_at": assessment.created_at, "first_run": run_id}
                new.append({"key": assessment.key, "sha": sha, **created, **values})
            else:
                moved.append({"_key": assessment.key, "sha": sha or before.sha, **values})
        if new:
            connection.execute(insert(MODEL), new)
        if moved:
            names = [name for name in moved[0] if name != "_key"]
            statement = update(MODEL).where(MODEL.c.key == bindparam("_key"))
            connection.execute(statement.values({name: bindparam(name) for name in names}), moved)

    def _observations(
        self, connection: Connection, run_id: int, judged: Sequence[Assessment], known: Mapping[str, Known]
    ) -> None:
        """One row where something that matters changed; within one run the newest look replaces the one before."""
        rows: list[Values] = []
        declared: list[Values] = []
        closed: list[Values] = []
        replaced: list[int] = []
        for assessment in judged:
            values = records.observation_values(assessment)
            before = known[assessment.key].row if assessment.key in known else None
            if before is not None and before.digest == values["digest"]:
                continue
            number = self._next_observation
            if before is not None and before.since_run == run_id:
                number = before.id
                replaced.append(number)
            else:
                self._next_observation += 1
                if before is not None:
                    closed.append({"_id": before.id, "until_run": run_id})
            rows.append({"id": number, "model_key": assessment.key, "since_run": run_id, "until_run": None, **values})
            items = (records.declaration_values(item) for item in assessment.restrictions.items)
            declared += [{"observation_id": number, **item} for item in items]
        for chunk in chunks(replaced):
            connection.execute(delete(DECLARATION).where(DECLARATION.c.observation_id.in_(chunk)))
            connection.execute(delete(OBSERVATION).where(OBSERVATION.c.id.in_(chunk)))
        _close(connection, OBSERVATION, closed)
        if rows:
            connection.execute(insert(OBSERVATION), rows)
        if declared:
            connection.execute(insert(DECLARATION), declared)

    def _verdicts(self, connection: Connection, run_id: int, judged: Sequence[Assessment]) -> None:
        current: dict[tuple[str, str], AnyRow] = {}
        for chunk in chunks([a.key for a in judged]):
            statement = select(VERDICT).where(VERDICT.c.model_key.in_(chunk), VERDICT.c.until_run.is_(None))
            current.update({(row.model_key, row.regulation): row for row in connection.execute(statement)})
        rows: list[Values] = []
        closed: list[Values] = []
        amended: list[Values] = []
        for assessment in judged:
            for verdict in assessment.verdicts:
                values = records.verdict_values(verdict)
                before = current.get((assessment.key, verdict.regulation))
                if before is None:
                    rows.append({"model_key": assessment.key, "since_run": run_id, "until_run": None, **values})
                elif before.since_run == run_id or _same_verdict(before, values):
                    if any(getattr(before, name) != value for name, value in values.items()):
                        amended.append({"_id": before.id, **values})
                else:
                    closed.append({"_id": before.id, "until_run": run_id})
                    rows.append({"model_key": assessment.key, "since_run": run_id, "until_run": None, **values})
        _close(connection, VERDICT, closed)
        if amended:
            names = [name for name in amended[0] if name != "_id"]
            amend = update(VERDICT).where(VERDICT.c.id == bindparam("_id"))
            connection.execute(amend.values({name: bindparam(name) for name in names}), amended)
        if rows:
            connection.execute(insert(VERDICT), rows)


def resume_limit(now: datetime, hours: float) -> datetime:
    """How old the last page of a run may be for it to be gone on with."""
    return now - timedelta(hours=hours)


def _same_verdict(before: AnyRow, values: Values) -> bool:
    """Whether nothing moved that history should keep; margins drift with every recount."""
    return all(getattr(before, name) == values[name] for name in ("status", "status_ignoring_declarations", "reasons"))


def _close(connection: Connection, rows: Table, closed: list[Values]) -> None:
    if closed:
        statement = update(rows).where(rows.c.id == bindparam("_id")).values(until_run=bindparam("until_run"))
        connection.execute(statement, closed)


def _pending(connection: Connection, run_id: int, batch: Batch) -> None:
    gone = [*batch.done, *(work.key for work in batch.pending)]
    for chunk in chunks(gone):
        connection.execute(delete(PENDING).where(PENDING.c.model_key.in_(chunk)))
    if batch.pending:
        rows = [
            {
                "model_key": w.key,
                "run_id": run_id,
                "downloads": w.downloads,
                "count": w.count,
                "texts": w.texts,
                "work": dict(w.work),
            }
            for w in batch.pending
        ]
        connection.execute(insert(PENDING), rows)


def _blobs(connection: Connection, learned: Sequence[Learned]) -> None:
    by_digest = {item.digest: item for item in learned}
    for chunk in chunks(list(by_digest)):
        connection.execute(delete(BLOB).where(BLOB.c.digest.in_(chunk)))
    if by_digest:
        rows = [
            {"digest": d, "size": item.size, "estimate": records.estimate_values(item.estimate)}
            for d, item in by_digest.items()
        ]
        connection.execute(insert(BLOB), rows)


def declarations_of(connection: Connection, observations: Sequence[int]) -> dict[int, list[AnyRow]]:
    """The declaration rows of some observations, by observation."""
    found: dict[int, list[AnyRow]] = {}
    for chunk in chunks(list(observations)):
        statement = select(DECLARATION).where(DECLARATION.c.observation_id.in_(chunk)).order_by(DECLARATION.c.id)
        for row in connection.execute(statement):
            found.setdefault(row.observation_id, []).append(row)
    return found


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """The items in pieces that one statement takes."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
