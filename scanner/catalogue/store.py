"""Write a run into the catalogue: page by page, each in one transaction with the place to go on from.

One writer at a time (see `database.only_writer`), so numbers of profiles and judgements are given out here (kinds.py).
What a page of the listing costs is a few statements that go straight to the driver, and no object a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlmodel import Session
from sqlmodel import select as select_objects

from scanner.catalogue import driver, records
from scanner.catalogue.bulk import (
    settle,
    write_blobs,
    write_looked,
    write_new,
    write_pending,
    write_problems,
    write_same,
)
from scanner.catalogue.coding import Key, key_bytes
from scanner.catalogue.core import (
    BLOB,
    CURRENT,
    CURRENT_ROWS,
    JUDGEMENT,
    MEMBER,
    MODEL,
    PENDING,
    PROFILE,
    RUN,
    chunks,
    declarations_of,
)
from scanner.catalogue.database import empty_log, writing
from scanner.catalogue.history import History, write_members
from scanner.catalogue.kinds import Kinds
from scanner.catalogue.licence_texts import drop_oldest_texts, find_text, write_texts
from scanner.catalogue.records import AnyRow, Values
from scanner.catalogue.tables import Run
from scanner.catalogue.withdrawing import withdraw
from scanner.verdict import Distribution, VerdictStatus

if TYPE_CHECKING:
    from estimators.interface import Estimate
    from scanner.assessment import Assessment
    from scanner.counting import Learned
    from scanner.listed import Listed
    from scanner.restrictions.interface import Gated


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # stopped from outside; `scan` goes on with it
    INCOMPLETE = "incomplete"  # ended with requests unanswered or a budget spent
    ABANDONED = "abandoned"  # too old to go on with, or followed by a run that started over
    SUSPECT = "suspect"  # ended, but what it said cannot be believed: it counts for nothing, and is kept apart


RESUMABLE = (RunState.RUNNING, RunState.INTERRUPTED)
FINISHED = (RunState.COMPLETE, RunState.INCOMPLETE)

NAMES = "CREATE INDEX IF NOT EXISTS ix_model_name ON model (name)"
"""Finds a model by its name. A catalogue gets it when its first run has ended: to fill it row by row costs more than
the rows themselves."""

GONE = str(Distribution.DELETED)
UNDECIDED = select(JUDGEMENT.c.id).where(JUDGEMENT.c.status == str(VerdictStatus.UNDECIDED))

RESCOPE = "rescope"
"""`Run.deep` of a run that saw no model and only judged anew what earlier ones had stored (rescoping.py)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which conditions files were looked at: equal marks, nothing new to be learnt from another look.

    Attributes:
        count: mark of revision, gate, thresholds and thoroughness for the weight files; None where not looked at.
        texts: mark of revision and gate for card and licence files.
    """

    count: str | None = None
    texts: str | None = None

    @classmethod
    def of(
        cls, sha: str | None, gated: Gated, thresholds: Sequence[int], *, exact: bool, named: bool = False
    ) -> Conditions:
        """The marks of these conditions.

        Args:
            sha: the revision.
            gated: its gate.
            thresholds: that the count is to be on one side of.
            exact: every tensor is to be seen.
            named: whoever asks has a token, which may open a gate.
        """
        access = (gated, "token") if gated and named else (gated,)
        return cls(_mark(sha, *access, sorted(thresholds), exact), _mark(sha, *access))


class Standing(NamedTuple):
    """What a page of the listing has to know of a model that the catalogue holds.

    Attributes:
        listed: fingerprint of what the listing said of it; None where it has to be looked at in any case.
        last_run: the run that saw it last.
        undecided: some regulation's answer is open.
    """

    listed: int | None
    last_run: int
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue holds of a model.

    Attributes:
        row: the current observation beside the model's own columns.
        sha: the repository's revision when it was last assessed.
        last_run: the run that saw it last.
        looked: under which conditions its files were last looked at.
    """

    row: AnyRow
    declarations: Sequence[AnyRow]
    sha: str | None
    last_run: int
    looked: Conditions

    def assessment(self) -> Assessment:
        """The model as last assessed, without verdicts."""
        return records.assessment_of(self.row, self.declarations, ())


@dataclass(frozen=True, slots=True)
class Work:
    """A model whose files are to be looked at.

    Attributes:
        key: of the model.
        downloads: as the listing tells them.
        count: its weight files are to be looked at.
        texts: its card and licence files are to be read.
        work: all that doing it needs, packed by whoever does it.
        listed: fingerprint that the model gets once that is done.
    """

    key: str
    downloads: int
    count: bool
    texts: bool
    work: bytes
    listed: int | None = None


@dataclass(slots=True)
class Batch:
    """What one transaction writes.

    Attributes:
        new: models that the catalogue does not hold, as the listing alone decides them.
        moment: when they were listed.
        same: downloads, likes and key (as stored) of models of which the listing says what it said before.
        judged: models with a new assessment.
        seen: models that were seen but keep the assessment they have; their name and figures are brought up to date.
        listed: fingerprints of judged models, by key; one without is decided anew whatever the next listing says. What
            was looked at keeps its own, or gets that of its work once all of it is done.
        pending: models whose files are to be looked at, which replaces what was noted of them before.
        done: keys whose files have been looked at, or need not be.
        looked: under which conditions files were looked at, by key.
        outdated: keys of models whose texts have changed since they were looked at.
        learned: headers worth remembering.
        texts: licence texts worth remembering, by digest.
        texts_used: digests of the licence texts that there was a use for.
        problems: (subject, code, message).
        run: columns of the run to set (cursor, counters).
    """

    new: list[Listed] = field(default_factory=list)
    moment: datetime | None = None
    same: list[tuple[int, int, bytes]] = field(default_factory=list)
    judged: list[Assessment] = field(default_factory=list)
    seen: list[Assessment] = field(default_factory=list)
    listed: dict[str, int] = field(default_factory=dict)
    pending: list[Work] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    looked: list[tuple[str, Conditions]] = field(default_factory=list)
    outdated: list[str] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    texts: Mapping[str, bytes] = field(default_factory=dict)
    texts_used: Collection[str] = ()
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    run: Values = field(default_factory=dict)


class Store:
    """The write side of the catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = writing(engine, alone=True)
        self._covers: dict[int, tuple[int, int] | None] = {}
        self._kinds = Kinds()

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

    def rules_since(self, run: Run) -> dict[str, str] | None:
        """By which rules the models that an unfinished run judged are judged now; None where it does not say.

        A rescope after it has judged them again.
        """
        if run.rules is None:
            return None
        later = select(RUN.c.rules).where(RUN.c.deep == RESCOPE, RUN.c.id > run.id).order_by(RUN.c.id)
        rules = dict(run.rules)
        with self.engine.connect() as connection:
            for found in connection.execute(later).scalars():
                rules.update(found or {})
        return rules

    def is_latest(self, run: Run) -> bool:
        """Whether no other run was begun after this one."""
        with self.engine.connect() as connection:
            return connection.execute(select(func.max(RUN.c.id))).scalar() == run.id

    def run(self, run_id: int) -> Run:
        """A run that is stored."""
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(select_objects(Run).where(RUN.c.id == run_id)).one()

    def last_of_series(self, run: Run) -> Run | None:
        """The last finished scan of the same selection over the same endpoint as that of a run that is not begun."""
        return self._last_finished(
            RUN.c.source == run.source, RUN.c.endpoint == run.endpoint, RUN.c.selection == run.selection
        )

    def before(self, run: Run) -> Run | None:
        """The last finished scan of the same series before a run."""
        return self._last_finished(RUN.c.series == run.series, RUN.c.id < run.id)

    def changed_since(self, run: Run, span: timedelta) -> tuple[int, int]:
        """How many models are known of a run's source, and how many of them changed within a span before the run."""
        before = run.watermark or run.started_at
        recent = case((MODEL.c.last_modified >= before - span, 1), else_=0)
        statement = select(func.count(), func.coalesce(func.sum(recent), 0)).select_from(CURRENT_ROWS)
        with self.engine.connect() as connection:
            models, changed = connection.execute(statement.where(*_of_source(run))).one()
        return int(models), int(changed)

    def still_open(self, run: Run) -> tuple[int, int]:
        """Models of a run's source that are undecided and were not looked at, and those whose texts nobody has read.

        Of the latter the ones that may be in scope.
        """
        may_be = select(JUDGEMENT.c.id).where(JUDGEMENT.c.status_ignoring_declarations != "out_of_scope")
        counts = case((and_(MODEL.c.count_looked.is_(None), MODEL.c.judgement.in_(UNDECIDED)), 1), else_=0)
        texts = case((and_(MODEL.c.texts_looked.is_(None), MODEL.c.judgement.in_(may_be)), 1), else_=0)
        sums = [func.coalesce(func.sum(one), 0) for one in (counts, texts)]
        with self.engine.connect() as connection:
            found = connection.execute(select(*sums).select_from(CURRENT_ROWS).where(*_of_source(run))).one()
        return int(found[0]), int(found[1])

    def runs_since(self, run_id: int) -> list[Run]:
        """Every run that was begun after one, whatever it was about, the oldest first."""
        with Session(self.engine) as session:
            return list(session.exec(select_objects(Run).where(RUN.c.id > run_id).order_by(RUN.c.id)).all())

    def _last_finished(self, *conditions: ColumnElement[bool]) -> Run | None:
        statement = select_objects(Run).where(*conditions, RUN.c.state.in_(FINISHED), RUN.c.deep != RESCOPE)
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(statement.order_by(RUN.c.id.desc()).limit(1)).first()

    def begin(self, run: Run, *, instead_of: Run | None = None, after: Run | None = None) -> Run:
        """Store a new run; unfinished ones of the same selection are not gone on with any more.

        Args:
            run: the new run.
            instead_of: an unfinished run whose stretch it takes over: what that one saw counts as seen by this one, and
                what it left to be read is for this one to read. History runs by run ids, so a run that others have
                followed cannot be gone on with under its own.
            after: the scan whose coverage it brings up to date, where it will list only what changed: what the series
                left to be read is for this run to read, since its listing will not name those models again.
        """
        with Session(self._writing, expire_on_commit=False) as session:
            same = (RUN.c.source == run.source, RUN.c.endpoint == run.endpoint, RUN.c.selection == run.selection)
            session.execute(update(RUN).where(*same, RUN.c.state.in_(RESUMABLE)).values(state=RunState.ABANDONED))
            session.add(run)
            session.flush()
            run.series = session.execute(select(func.min(RUN.c.id)).where(*same)).scalar_one()
            if instead_of is not None:
                session.execute(update(PENDING).where(PENDING.c.run_id == instead_of.id).values(run_id=run.id))
                session.execute(update(MODEL).where(MODEL.c.last_run == instead_of.id).values(last_run=run.id))
                member = (MEMBER.c.series == run.series, MEMBER.c.last_run == instead_of.id)
                session.execute(update(MEMBER).where(*member).values(last_run=run.id))
            if after is not None:
                # Also what other selections noted of the same models, and did not come to read.
                earlier = select(RUN.c.id).where(RUN.c.endpoint == run.endpoint, RUN.c.id < run.id)
                session.execute(update(PENDING).where(PENDING.c.run_id.in_(earlier)).values(run_id=run.id))
            session.commit()
        return run

    def write_run(self, run_id: int, **values: Any) -> None:
        """Set columns of a run."""
        with self._writing.begin() as connection:
            connection.execute(update(RUN).where(RUN.c.id == run_id).values(**records.storable(values)))

    def withdraw(self, run_id: int, **values: Any) -> None:
        """End a run whose word cannot be believed: what it wrote is kept apart, and what stood before stands again.

        Args:
            run_id: the run.
            **values: columns of the run to set: its state, and why.
        """
        covers = self._covered_by(run_id)
        with self._writing.begin() as connection:
            withdraw(connection, run_id, covers)
            columns = {"state": str(RunState.SUSPECT), **records.storable(values)}
            connection.execute(update(RUN).where(RUN.c.id == run_id).values(**columns))

    def ended(self) -> None:
        """A run has ended: names get their index, and what the last transactions logged goes into the file."""
        over = select(RUN.c.id).where(RUN.c.state.in_((*FINISHED, RunState.SUSPECT))).limit(1)
        with self._writing.begin() as connection:
            if connection.execute(over).first() is not None:
                connection.execute(text(NAMES))
        empty_log(self.engine)

    # Reading back while writing ----------------------------------------------------------------------------------

    def standing(self, keys: Sequence[bytes]) -> dict[bytes, Standing]:
        """How models stand that a page shows, by their keys as stored; those never seen are absent."""
        with self.engine.connect() as connection:
            rows = driver.select_by_key(connection, "model", ("key", "listed", "last_run", "judgement"), keys)
            found = list(rows)
            open_ = set(connection.execute(UNDECIDED).scalars()) if found else set()
            return {key: Standing(listed, last, number in open_) for key, listed, last, number in found}

    def known(self, keys: Iterable[str]) -> dict[str, Known]:
        """What is known of these models; those of which nothing is are absent."""
        found: dict[str, Known] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(keys)):
                statement = select(*CURRENT).select_from(CURRENT_ROWS).where(MODEL.c.key.in_(chunk))
                rows = connection.execute(statement).all()
                declared = declarations_of(connection, [(row.model_key, row.since_run) for row in rows])
                for row in rows:
                    found[row.model_key] = Known(
                        row,
                        declared.get((row.model_key, row.since_run), ()),
                        row.sha,
                        row.last_run,
                        Conditions(row.count_looked, row.texts_looked),
                    )
        return found

    def named(self, names: Iterable[str], source: str) -> dict[str, str]:
        """The key of each model that was last seen under one of these names; those never seen are absent."""
        found: dict[str, str] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(names)):
                statement = select(MODEL.c.name, MODEL.c.key).where(MODEL.c.name.in_(chunk), MODEL.c.source == source)
                found.update({row.name: row.key for row in connection.execute(statement.order_by(MODEL.c.last_run))})
        return found

    def remembered(self, digest: str) -> Estimate | None:
        """What a file of this digest held, where one was read before."""
        with self.engine.connect() as connection:
            held = select(BLOB.c.estimate).where(BLOB.c.digest == records.blob_key(digest))
            packed = connection.execute(held).scalar()
        if packed is None:
            return None
        try:
            return records.unpacked_estimate(packed)
        except ValueError:
            return None  # written by a version that knew other fields: read it again

    def remembered_text(self, digest: str) -> bytes | None:
        """The licence text that a digest names, where one was read before."""
        with self.engine.connect() as connection:
            return find_text(connection, digest)

    def drop_oldest_texts(self) -> None:
        """Forget licence texts that were of no use for long, as far as there are too many."""
        with self._writing.begin() as connection:
            drop_oldest_texts(connection)

    def unread(self, run_id: int, limit: int, *, again: bool = False, skip: int = 0) -> list[str]:
        """Keys of models whose card and licence files nobody has read as they are now, the most downloaded first.

        Only those that may be in scope, and of which nothing suggests a limit; the others are pending.

        Args:
            run_id: the run that saw them.
            limit: at most this many.
            again: also those whose texts have been read.
            skip: pass over this many.
        """
        looked = MODEL.c.texts_looked.is_not(None)
        # Without a look, all places can only be read where there is no text.
        something = PROFILE.c.restriction_status != "none-declared"
        open_to = (JUDGEMENT.c.id == MODEL.c.judgement, JUDGEMENT.c.status_ignoring_declarations != "out_of_scope")
        statement = (
            select(MODEL.c.key)
            .select_from(CURRENT_ROWS)
            .where(
                MODEL.c.last_run == run_id,
                or_(looked, something) if again else and_(~looked, something),
                PROFILE.c.distribution == "public",
                PROFILE.c.restriction_status != "not-read",
                exists().where(*open_to),
                ~exists().where(PENDING.c.model_key == MODEL.c.key),
            )
            .order_by(MODEL.c.downloads.desc(), MODEL.c.key)
            .limit(limit)
            .offset(skip)
        )
        with self.engine.connect() as connection:
            return list(connection.execute(statement).scalars())

    def open_counts(self, run_id: int) -> int:
        """How many models of this run have weight files that are still to be looked at."""
        waiting = select(func.count()).where(PENDING.c.run_id == run_id, PENDING.c.count.is_(True))
        with self.engine.connect() as connection:
            return connection.execute(waiting).scalar_one()

    def noted(self, keys: Sequence[str]) -> dict[str, tuple[bytes, int | None]]:
        """What is noted of some models as still to be done, with the fingerprint that they get; others are absent."""
        found: dict[str, tuple[bytes, int | None]] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(keys):
                statement = select(PENDING.c.model_key, PENDING.c.work, PENDING.c.listed)
                for row in connection.execute(statement.where(PENDING.c.model_key.in_(chunk))):
                    found[row.model_key] = (bytes(row.work), row.listed)
        return found

    def pending(self, run_id: int, limit: int, *, after: Work | None = None, texts: bool = True) -> list[Work]:
        """Models of this run whose files are still to be looked at, the most downloaded first.

        Args:
            run_id: the run.
            limit: at most this many.
            after: the last one that was returned before; those up to it are passed over.
            texts: also those of which only texts are to be read.
        """
        statement = (
            select(
                PENDING.c.model_key,
                PENDING.c.downloads,
                PENDING.c.count,
                PENDING.c.texts,
                PENDING.c.work,
                PENDING.c.listed,
            )
            .where(PENDING.c.run_id == run_id)
            .order_by(PENDING.c.downloads.desc(), PENDING.c.model_key.desc())
            .limit(limit)
        )
        if not texts:
            statement = statement.where(PENDING.c.count.is_(True))
        if after is not None:
            rank = tuple_(PENDING.c.downloads, PENDING.c.model_key)
            statement = statement.where(rank < tuple_(literal(after.downloads, BigInteger), literal(after.key, Key())))
        with self.engine.connect() as connection:
            rows = connection.execute(statement).all()
        return [Work(*row) for row in rows]

    def listed_before(self, run_id: int) -> int:
        """How many models the last finished scan of the same selection listed; 0 where there was none.

        A scan that listed only what had changed does not say how many there are.
        """
        with self.engine.connect() as connection:
            series = select(RUN.c.series).where(RUN.c.id == run_id).scalar_subquery()
            same = (RUN.c.series == series, RUN.c.id < run_id, RUN.c.state.in_(FINISHED), RUN.c.deep != RESCOPE)
            statement = select(RUN.c.listed).where(*same, RUN.c.base.is_(None)).order_by(RUN.c.id.desc()).limit(1)
            return connection.execute(statement).scalar() or 0

    def unseen(self, run_id: int, source: str, limit: int) -> list[tuple[str, str]]:
        """Key and name of models that a listing did not show although it had to: at most `limit`, by key.

        A sweep has to show every model that its endpoint had before; a listing of a part, every model that the last
        finished run of the same selection covered.
        """
        statement = select(MODEL.c.key, MODEL.c.name).order_by(MODEL.c.key).limit(limit)
        with self.engine.connect() as connection:
            rows = connection.execute(self._not_shown(statement, run_id, source)).all()
        return [(row.key, row.name) for row in rows]

    def coverage(self, run_id: int, source: str) -> tuple[int, int]:
        """How many models known before a listing had to show (see `unseen`), and how many of them it did not."""
        held = (MODEL.c.last_run == run_id, MODEL.c.first_run != run_id, MODEL.c.source == source)
        shown = select(func.count()).select_from(CURRENT_ROWS).where(*held, PROFILE.c.distribution != GONE)
        with self.engine.connect() as connection:
            lost = connection.execute(self._not_shown(select(func.count()), run_id, source)).scalar_one()
            return connection.execute(shown).scalar_one() + lost, lost

    def _not_shown(self, statement: Select[Any], run_id: int, source: str) -> Select[Any]:
        """A statement about the models that a listing did not show although it had to."""
        held = (MODEL.c.last_run != run_id, MODEL.c.source == source, PROFILE.c.distribution != GONE)
        covers = self._covered_by(run_id)
        if covers is None:
            endpoint = select(RUN.c.endpoint).where(RUN.c.id == run_id).scalar_subquery()
            runs = select(RUN.c.id).where(RUN.c.endpoint == endpoint, RUN.c.id < run_id)
            shown = or_(MODEL.c.last_run.in_(runs), MODEL.c.first_run.in_(runs))
            return statement.select_from(CURRENT_ROWS).where(*held, shown)
        series, finished = covers
        covered = and_(MEMBER.c.model_key == MODEL.c.key, MEMBER.c.series == series, MEMBER.c.last_run == finished)
        return statement.select_from(CURRENT_ROWS.join(MEMBER, covered)).where(*held)

    # Writing -----------------------------------------------------------------------------------------------------

    def save(self, run_id: int, batch: Batch) -> None:
        """Write a batch in one transaction: all of it, or nothing."""
        covers = self._covered_by(run_id)
        try:
            with self._writing.begin() as connection:
                self._write(connection, run_id, batch, covers)
        except BaseException:
            self._kinds.undone()
            raise

    def _write(self, connection: Connection, run_id: int, batch: Batch, covers: tuple[int, int] | None) -> None:
        write_new(connection, run_id, batch.moment, batch.new, self._kinds)
        write_same(connection, run_id, batch.same)
        judged = {a.key: a for a in batch.judged}
        seen = {a.key: a for a in batch.seen if a.key not in judged}
        keys = [key_bytes(key) for key in (*judged, *seen)]
        if keys:
            history = History(connection, run_id, self._kinds, keys)
            looked = {key for key, _ in batch.looked}
            for key, assessment in judged.items():
                own = history.listed(key) if key in looked else None
                history.observe(assessment, listed=batch.listed.get(key, own))
            for key, assessment in seen.items():
                history.see(assessment, listed=batch.listed.get(key))
            history.write()
        if covers is not None:
            keys += [row.key for row in batch.new]
            keys += [key for _, _, key in batch.same]
            write_members(connection, run_id, *covers, keys)
        write_looked(connection, batch.looked, batch.outdated)
        settle(connection, [key for key, _ in batch.looked if key not in batch.listed], batch.pending, batch.done)
        write_pending(connection, run_id, batch.pending, batch.done)
        write_blobs(connection, batch.learned)
        write_texts(connection, run_id, batch.texts, batch.texts_used)
        write_problems(connection, run_id, batch.problems)
        if batch.run:
            connection.execute(update(RUN).where(RUN.c.id == run_id).values(**records.storable(batch.run)))

    def _covered_by(self, run_id: int) -> tuple[int, int] | None:
        """The series of a run and the last finished run of it; None for one that needs no list of its models.

        Such are a sweep, and a run that listed what changed since a sweep.
        """
        if run_id not in self._covers:
            with self.engine.connect() as connection:
                run = connection.execute(select(RUN.c.series, RUN.c.sweep, RUN.c.base).where(RUN.c.id == run_id)).one()
                # A rescope saw no model, so it leaves no gap either.
                before = (
                    RUN.c.series == run.series,
                    RUN.c.id < run_id,
                    RUN.c.state.in_(FINISHED),
                    RUN.c.deep != RESCOPE,
                )
                finished = connection.execute(select(func.max(RUN.c.id)).where(*before)).scalar() or 0
            self._covers[run_id] = None if run.sweep or run.base is not None else (run.series, finished)
        return self._covers[run_id]


def _of_source(run: Run) -> tuple[ColumnElement[bool], ...]:
    """Models of a run's source of which something is known, and which are there."""
    return MODEL.c.source == run.source, MODEL.c.since_run.is_not(None), PROFILE.c.distribution != GONE


def _mark(*conditions: object) -> str:
    return hashlib.blake2b(repr(conditions).encode(), digest_size=8).hexdigest()


def resume_limit(now: datetime, hours: float) -> datetime:
    """How old the last page of a run may be for it to be gone on with."""
    return now - timedelta(hours=hours)
