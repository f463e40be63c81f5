"""Read the catalogue: runs, models as of a run, and how many there are of each kind."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Engine, Float, Select, Subquery, case, cast, func, or_, select
from sqlmodel import Session
from sqlmodel import select as select_objects

from scanner.catalogue import records
from scanner.catalogue.coding import key_text
from scanner.catalogue.columns import COLUMN_ROWS, columns_of
from scanner.catalogue.core import (
    JUDGEMENT,
    MODEL,
    PROBLEM,
    PROFILE,
    RUN,
    chunks,
    declarations_of,
    judgements_of,
    raw_rows,
)
from scanner.catalogue.counted import Counted, Group
from scanner.catalogue.records import AnyRow
from scanner.catalogue.selects import GONE, PUBLIC, AsOf, judgements, profiles
from scanner.catalogue.store import FINISHED, RESCOPE, RunState
from scanner.catalogue.tables import Run
from scanner.errors import UsageError
from scanner.scope import VerdictStatus

if TYPE_CHECKING:
    from scanner.assessment import Assessment

ROWS_AT_ONCE = 1000
MAX_RUN = 2**31 - 1  # what the column holds
PASSED_OVER = (str(RunState.ABANDONED), str(RunState.SUSPECT))


class Reader:
    """The read side of the catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # Runs --------------------------------------------------------------------------------------------------------

    def run(self, number: int | None) -> Run:
        """A run by its id, or the latest that was neither broken off nor found suspect.

        Raises:
            UsageError: there is no such run.
        """
        statement = select_objects(Run)
        if number is not None:
            statement = statement.where(RUN.c.id == (number if 0 <= number <= MAX_RUN else -1))
        else:
            statement = statement.where(RUN.c.state.not_in(PASSED_OVER)).order_by(RUN.c.id.desc()).limit(1)
        with Session(self.engine, expire_on_commit=False) as session:
            run = session.exec(statement).first()
            if run is None:
                known = session.execute(select(func.min(RUN.c.id), func.max(RUN.c.id))).one()
                if known[0] is None:
                    raise UsageError("the catalogue holds no run yet; run `hubscope scan` first")
                if number is None:
                    raise UsageError(
                        "every stored run was broken off or is suspect; run `hubscope scan`, or name one of them"
                    )
                raise UsageError(f"there is no run {number}; runs {known[0]} to {known[1]} are stored")
            return run

    def finished(self) -> Run:
        """The latest run that came to its end.

        Raises:
            UsageError: there is none.
        """
        statement = select_objects(Run).where(RUN.c.state.in_(FINISHED)).order_by(RUN.c.id.desc()).limit(1)
        with Session(self.engine, expire_on_commit=False) as session:
            run = session.exec(statement).first()
        if run is None:
            raise UsageError("the catalogue holds no finished run yet; let a `hubscope scan` come to its end first")
        return run

    def told(self, number: int | None) -> Run:
        """A run that may be told of: by its id, or the latest.

        Raises:
            UsageError: there is no such run, or it is suspect.
        """
        run = self.run(number)
        if run.state == RunState.SUSPECT:
            raise UsageError(f"run {run.id} is suspect, so nothing is told of it: {run.detail}")
        return run

    def judged_by(self, regulation: str, run: Run) -> bool:
        """Whether any model had a verdict by a regulation as of a run; True where none had any by any."""
        with self.engine.connect() as connection:
            rows = AsOf(connection, run).rows
            held = select(rows.c.model_key).limit(1)
            if connection.execute(held.where(rows.c.judgement.in_(judgements(regulation)))).first() is not None:
                return True
            return connection.execute(held.where(rows.c.judgement.is_not(None))).first() is None

    def endpoints(self) -> list[str]:
        """Every endpoint that was ever scanned into this catalogue."""
        with self.engine.connect() as connection:
            return list(connection.execute(select(RUN.c.endpoint).distinct()).scalars())

    def previous(self, run: Run) -> Run | None:
        """The last finished run over this endpoint before this one, of the same selection where there is one.

        A rescope that came while this run was interrupted is passed over: what the run saw before it would look as if
        it had been known already.
        """
        same = case((RUN.c.series == run.series, 0), else_=1)
        statement = (
            select_objects(Run)
            .where(
                RUN.c.id < run.id,
                RUN.c.source == run.source,
                RUN.c.endpoint == run.endpoint,
                RUN.c.state.in_(FINISHED),
                or_(RUN.c.deep != RESCOPE, RUN.c.finished_at <= run.started_at),
            )
            .order_by(same, RUN.c.id.desc())
            .limit(1)
        )
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(statement).first()

    def problems(self, run_id: int, limit: int) -> tuple[list[AnyRow], int]:
        """The first problems of a run, and how many there are."""
        statement = select(PROBLEM).where(PROBLEM.c.run_id == run_id).order_by(PROBLEM.c.id).limit(limit)
        total = select(func.count()).select_from(PROBLEM).where(PROBLEM.c.run_id == run_id)
        with self.engine.connect() as connection:
            return list(connection.execute(statement)), connection.execute(total).scalar_one()

    # Models as of a run ------------------------------------------------------------------------------------------

    def count(self, run: Run) -> int:
        """How many models belong to a run."""
        with self.engine.connect() as connection:
            return int(connection.execute(AsOf(connection, run).models(func.count())).scalar_one())

    def born_in(self, run: Run) -> int:
        """How many models this run saw for the first time."""
        with self.engine.connect() as connection:
            then = AsOf(connection, run)
            statement = then.models(func.count()).where(then.rows.c.first_run == run.id)
            return int(connection.execute(statement).scalar_one())

    def find(self, name: str, run: Run) -> Assessment | None:
        """One model by its name now or as of the run; in the Hub's spelling at once, in any case by a longer search."""
        name = records.printable(name)  # as names are stored; a database takes no other
        lowered = name.lower()
        with self.engine.connect() as connection:
            then = AsOf(connection, run)
            rows = then.rows.c
            called_now, in_any_case = MODEL.c.name == name, func.lower(MODEL.c.name) == lowered
            for named in (
                rows.model_key.in_(select(MODEL.c.key).where(called_now)),
                or_(rows.model_key.in_(select(MODEL.c.key).where(in_any_case)), func.lower(rows.name) == lowered),
            ):
                statement = (
                    then.any_whole(named, rows.source == run.source)
                    .order_by(case((GONE, 1), else_=0), rows.last_run.desc(), rows.model_key)  # it may be given away
                    .limit(1)
                )
                if found := _assessments(connection, statement):
                    return found[0]
        return None

    def assessments(self, run: Run) -> Iterator[Assessment]:
        """Every model of a run with its verdicts, by key; holds a thousand at a time."""
        last = ""
        while True:
            with self.engine.connect() as connection:
                then = AsOf(connection, run)
                page = _assessments(connection, then.whole(then.key > last).order_by(then.key).limit(ROWS_AT_ONCE))
            yield from page
            if len(page) < ROWS_AT_ONCE:
                return
            last = page[-1].key

    def columns(
        self, run: Run, regulations: Sequence[str], rows_at_once: int = COLUMN_ROWS
    ) -> Iterator[Mapping[str, Sequence[Any]]]:
        """Every model of a run column by column, by key: see `columns.columns_of`."""
        return columns_of(self.engine, run, regulations, rows_at_once)

    def top(self, run: Run, regulation: str, status: VerdictStatus, limit: int) -> list[Assessment]:
        """Models of a verdict, most downloaded first."""
        return self._first(run, judgements(regulation, JUDGEMENT.c.status == str(status)), limit)

    def undecided(
        self, run: Run, regulation: str, limit: int
    ) -> dict[tuple[tuple[str, ...], str | None], list[Assessment]]:
        """The most downloaded undecided models of each combination of reasons and next step; found in one pass."""
        open_ = judgements(regulation, JUDGEMENT.c.status == str(VerdictStatus.UNDECIDED))
        with self.engine.connect() as connection:
            then = AsOf(connection, run)
            rows = then.rows.c
            rulings = connection.execute(select(JUDGEMENT).where(JUDGEMENT.c.regulation == regulation))
            said = {row.id: (tuple(row.reasons.split(",")), row.next_step) for row in rulings}
            statement = then.models(rows.judgement, rows.downloads, rows.model_key).where(rows.judgement.in_(open_))
            first: dict[tuple[tuple[str, ...], str | None], list[tuple[int, bytes]]] = {}
            for judgement, downloads, key in raw_rows(connection, statement):
                ranked = first.setdefault(said[judgement], [])
                if len(ranked) < limit or (-downloads, key) < ranked[-1]:
                    insort(ranked, (-downloads, key))
                    del ranked[limit:]
            keys = [key_text(key) for ranked in first.values() for _, key in ranked]
            found = {a.key: a for a in _of_keys(connection, then, keys)}
        return {these: [found[key_text(key)] for _, key in ranked] for these, ranked in first.items()}

    def exempted(self, run: Run, regulation: str, limit: int) -> list[Assessment]:
        """Models that a declaration takes out of scope, most downloaded first."""
        out = str(VerdictStatus.OUT_OF_SCOPE)
        changed = (JUDGEMENT.c.status == out, JUDGEMENT.c.status_ignoring_declarations != out)
        return self._first(run, judgements(regulation, *changed), limit)

    def nearest(self, run: Run, regulation: str, limit: int) -> list[Assessment]:
        """Distributed models whose count is closest to the threshold by factor, on either side."""
        with self.engine.connect() as connection:
            then = AsOf(connection, run)
            kind = (JUDGEMENT.c.threshold, JUDGEMENT.c.strict, JUDGEMENT.c.own)
            kinds = connection.execute(select(*kind).where(JUDGEMENT.c.regulation == regulation).distinct()).all()
            near: list[tuple[float, str]] = []
            for threshold, strict, own in kinds:
                alike = (kind[0] == threshold, kind[1] == strict, kind[2].is_(own))
                counted = JUDGEMENT.c.reasons.not_like(f"%{records.NO_WEIGHTS}%")
                factor = _factor(then.rows, threshold, strict, own=own)
                statement = (
                    then.models(factor, then.rows.c.model_key)
                    .where(
                        factor.is_not(None),
                        then.rows.c.judgement.in_(judgements(regulation, *alike, counted)),
                        then.rows.c.profile.in_(profiles(PUBLIC)),
                    )
                    .order_by(factor, then.rows.c.model_key)
                    .limit(limit)
                )
                near += [(row[0], row[1]) for row in connection.execute(statement)]
            keys = [key for _, key in sorted(near)[:limit]]
            found = {a.key: a for a in _of_keys(connection, then, keys)}
        return [found[key] for key in keys]

    def counted(self, run: Run) -> Counted:
        """The models of a run by what they share, for any regulation; one pass over all of them."""
        with self.engine.connect() as connection:
            return Counted.of(connection, run)

    def groups(self, run: Run, regulation: str) -> list[Group]:
        """The totals of a regulation, split by everything that reports tell apart."""
        return self.counted(run).groups(regulation)

    def adapters(self, run: Run, regulation: str, threshold: int) -> tuple[int, int]:
        """Of the adapters that only their own count keeps out: flips with the base, and those where that is open."""
        kept_out = judgements(
            regulation,
            JUDGEMENT.c.status != str(VerdictStatus.IN_SCOPE),
            JUDGEMENT.c.reasons.not_like("%excluded-by-%"),
        )
        flips = unknown = 0
        with self.engine.connect() as connection:
            then = AsOf(connection, run, "adapter")
            rows = then.rows.c
            ours = (
                rows.low <= threshold,
                rows.judgement.in_(kept_out),
                rows.profile.in_(profiles(PUBLIC, PROFILE.c.adapter)),
            )
            bases = _bases(connection, AsOf(connection, run), then.models(rows.base_model).where(*ours))
            statement = then.models(rows.base_model, rows.low, rows.high).where(*ours)
            for name, low, high in raw_rows(connection, statement):
                base_low, base_high = bases.get(name, (0, None))
                above = low + base_low > threshold
                within = high is not None and base_high is not None and high + base_high <= threshold
                flips += above
                unknown += not (above or within)
        return flips, unknown

    def findings(self, run: Run, limit: int) -> list[tuple[str, dict[str, str]]]:
        """Findings by model, the most downloaded first."""
        with self.engine.connect() as connection:
            then = AsOf(connection, run)
            some = then.rows.c.profile.in_(profiles(PROFILE.c.findings))
            models = _assessments(connection, then.most_downloaded(then.whole(some), limit))
        return [(model.name, finding) for model in models for finding in _findings(model)][:limit]

    def _first(self, run: Run, judged: Select[Any], limit: int) -> list[Assessment]:
        """The most downloaded models of some judgements."""
        with self.engine.connect() as connection:
            then = AsOf(connection, run)
            statement = then.whole(then.rows.c.judgement.in_(judged))
            return _assessments(connection, then.most_downloaded(statement, limit))


def _findings(model: Assessment) -> Iterator[dict[str, str]]:
    for one in model.estimate.findings if model.estimate is not None else ():
        yield {"code": one.code, "message": one.message}
    for other in model.restrictions.findings:
        yield {"code": other.code, "message": other.message}


def _factor(rows: Subquery, threshold: int, strict: int, *, own: bool) -> ColumnElement[float]:
    """By which factor a model's count lies beside a threshold, never below 1; as `scope.margin_of` takes the count."""
    low, point, high = rows.c.low, rows.c.point, rows.c.high
    number = (
        case((point.is_not(None), point), (low > strict, low), (high <= strict, high))
        if own
        else case((low > strict, low))
    )
    margin = cast(number, Float) / threshold
    return case((margin >= 1, margin), (margin > 0, 1 / margin))


def _bases(connection: Connection, then: AsOf, names: Select[Any]) -> dict[str, tuple[int, int | None]]:
    """Least and most parameters of the models that have these names now and were not gone; of two, the larger."""
    rows = then.rows.c
    statement = (
        select(MODEL.c.name, func.max(rows.low), func.max(rows.high))
        .join(then.rows, rows.model_key == MODEL.c.key)
        .where(MODEL.c.name.in_(names), rows.profile.not_in(profiles(GONE)))
        .group_by(MODEL.c.name)
    )
    return {name: (low, high) for name, low, high in raw_rows(connection, statement)}


def _of_keys(connection: Connection, then: AsOf, keys: Sequence[str]) -> Iterator[Assessment]:
    for chunk in chunks(keys):
        yield from _assessments(connection, then.any_whole(then.rows.c.model_key.in_(chunk)))


def _assessments(connection: Connection, statement: Select[Any]) -> list[Assessment]:
    """The models of a statement (`AsOf.whole`), with their declarations and verdicts."""
    rows = connection.execute(statement).all()
    declared = declarations_of(connection, [(row.model_key, row.since_run) for row in rows])
    judged = judgements_of(connection, (row.judgement for row in rows))
    return [
        records.assessment_of(row, declared.get((row.model_key, row.since_run), ()), judged.get(row.judgement, ()))
        for row in rows
    ]
