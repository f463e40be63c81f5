"""Read the catalogue: runs, models as of a run, counts, changes between two runs.

A model belongs to a run if it was known by then and was seen in it or later; a run that swept the whole source keeps
the models that are gone, so that they stay a line of their own in its totals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Engine, FromClause, Select, Text, and_, case, cast, func, or_, select
from sqlmodel import Session
from sqlmodel import select as select_objects

from scanner.catalogue import records
from scanner.catalogue.records import AnyRow
from scanner.catalogue.store import (
    CURRENT,
    MODEL,
    OBSERVATION,
    PROBLEM,
    RUN,
    VERDICT,
    RunState,
    chunks,
    declarations_of,
)
from scanner.catalogue.tables import Run
from scanner.errors import UsageError
from scanner.scope import Distribution, VerdictStatus

if TYPE_CHECKING:
    from scanner.assessment import Assessment

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Group:
    """How many models, and how many downloads, share a verdict and everything else the totals tell apart."""

    status: VerdictStatus
    ignoring: VerdictStatus
    distribution: Distribution
    no_weights: bool
    gated: str | None
    adapter: bool
    models: int
    downloads: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One model before and after."""

    key: str
    downloads: int
    before: AnyRow
    after: AnyRow


def as_of(rows: FromClause, run: int) -> ColumnElement[bool]:
    """Rows that hold as of a run."""
    return and_(rows.c.since_run <= run, or_(rows.c.until_run.is_(None), rows.c.until_run > run))


class Reader:
    """The read side of the catalogue."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # Runs --------------------------------------------------------------------------------------------------------

    def run(self, number: int | None) -> Run:
        """A run by its id, or the latest.

        Raises:
            UsageError: there is no such run.
        """
        statement = select_objects(Run)
        if number is not None:
            statement = statement.where(RUN.c.id == number)
        else:
            statement = statement.where(RUN.c.state != RunState.ABANDONED).order_by(RUN.c.id.desc()).limit(1)
        with Session(self.engine, expire_on_commit=False) as session:
            run = session.exec(statement).first()
            if run is None:
                known = session.execute(select(func.min(RUN.c.id), func.max(RUN.c.id))).one()
                if known[0] is None:
                    raise UsageError("the catalogue holds no run yet; run `hubscope scan` first")
                raise UsageError(f"there is no run {number}; runs {known[0]} to {known[1]} are stored")
            return run

    def endpoints(self) -> list[str]:
        """Every endpoint that was ever scanned into this catalogue."""
        with self.engine.connect() as connection:
            return list(connection.execute(select(RUN.c.endpoint).distinct()).scalars())

    def previous(self, run: Run) -> Run | None:
        """The last finished run before this one, of the same selection where there is one."""
        finished = (RunState.COMPLETE, RunState.INCOMPLETE)
        same = case((RUN.c.selection == run.selection, 0), else_=1)
        statement = (
            select_objects(Run)
            .where(RUN.c.id < run.id, RUN.c.source == run.source, RUN.c.state.in_(finished))
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
            return int(connection.execute(_models(run, func.count())).scalar_one())

    def born_in(self, run: Run) -> int:
        """How many models this run saw for the first time."""
        with self.engine.connect() as connection:
            return int(connection.execute(_models(run, func.count()).where(MODEL.c.first_run == run.id)).scalar_one())

    def find(self, name: str, run: Run) -> Assessment | None:
        """One model by its name, as of a run; names are compared without regard to case, as the Hub does."""
        statement = (
            select(*CURRENT)
            .join(MODEL, MODEL.c.key == OBSERVATION.c.model_key)
            .where(func.lower(MODEL.c.name) == name.lower(), as_of(OBSERVATION, _id(run)))
            .order_by(MODEL.c.last_run.desc())
            .limit(1)
        )
        found = list(self._assessments(statement, run))
        return found[0] if found else None

    def assessments(self, run: Run) -> Iterator[Assessment]:
        """Every model of a run with its verdicts, by key; holds a thousand at a time."""
        last = ""
        while True:
            statement = _models(run, *CURRENT).where(MODEL.c.key > last).order_by(MODEL.c.key).limit(ROWS_AT_ONCE)
            page = list(self._assessments(statement, run))
            yield from page
            if len(page) < ROWS_AT_ONCE:
                return
            last = page[-1].key

    def top(self, run: Run, regulation: str, status: VerdictStatus, limit: int) -> list[Assessment]:
        """Models of a verdict, most downloaded first."""
        statement = _judged(run, regulation, *CURRENT).where(VERDICT.c.status == status)
        return list(self._assessments(_by_downloads(statement, limit), run))

    def undecided(self, run: Run, regulation: str, reasons: str, limit: int) -> list[Assessment]:
        """Undecided models with exactly these reasons, most downloaded first."""
        statement = _judged(run, regulation, *CURRENT).where(
            VERDICT.c.status == VerdictStatus.UNDECIDED, VERDICT.c.reasons == reasons
        )
        return list(self._assessments(_by_downloads(statement, limit), run))

    def exempted(self, run: Run, regulation: str, limit: int) -> tuple[list[Assessment], int]:
        """Models that a declaration takes out of scope, most downloaded first, and how many there are."""
        changed = and_(
            VERDICT.c.status == VerdictStatus.OUT_OF_SCOPE,
            VERDICT.c.status_ignoring_declarations != VerdictStatus.OUT_OF_SCOPE,
        )
        statement = _by_downloads(_judged(run, regulation, *CURRENT).where(changed), limit)
        with self.engine.connect() as connection:
            total = connection.execute(_judged(run, regulation, func.count()).where(changed)).scalar_one()
        return list(self._assessments(statement, run)), total

    def nearest(self, run: Run, regulation: str, limit: int) -> list[Assessment]:
        """Models whose count is closest to the threshold by factor, on either side."""
        margin = VERDICT.c.margin
        factor = case((margin >= 1, margin), else_=1 / margin)
        statement = _judged(run, regulation, *CURRENT).where(margin > 0).order_by(factor, MODEL.c.key).limit(limit)
        return list(self._assessments(statement, run))

    def groups(self, run: Run, regulation: str) -> list[Group]:
        """The totals of a regulation, split by everything that reports tell apart."""
        no_weights = case((OBSERVATION.c.basis == "no-weights", 1), else_=0)
        keys = (
            VERDICT.c.status,
            VERDICT.c.status_ignoring_declarations,
            OBSERVATION.c.distribution,
            no_weights,
            OBSERVATION.c.gated,
            OBSERVATION.c.adapter,
        )
        statement = _judged(run, regulation, *keys, func.count(), func.sum(MODEL.c.downloads)).group_by(*keys)
        with self.engine.connect() as connection:
            return [
                Group(
                    VerdictStatus(row[0]),
                    VerdictStatus(row[1]),
                    Distribution(row[2]),
                    bool(row[3]),
                    row[4],
                    bool(row[5]),
                    row[6],
                    int(row[7] or 0),
                )
                for row in connection.execute(statement)
            ]

    def reasons(self, run: Run, regulation: str) -> list[tuple[VerdictStatus, tuple[str, ...], str | None, int]]:
        """How many models share a verdict, its reasons and its next step."""
        keys = (VERDICT.c.status, VERDICT.c.reasons, VERDICT.c.next_step)
        statement = _judged(run, regulation, *keys, func.count()).group_by(*keys).order_by(func.count().desc(), *keys)
        with self.engine.connect() as connection:
            return [(VerdictStatus(r[0]), tuple(r[1].split(",")), r[2], r[3]) for r in connection.execute(statement)]

    def adapters(self, run: Run, regulation: str, threshold: int) -> tuple[int, int]:
        """Of the adapters not above the threshold by their own count: flips with the base, and unknown bases."""
        base_model = MODEL.alias("base_model")
        base = OBSERVATION.alias("base")
        with_base = OBSERVATION.c.low + func.coalesce(base.c.low, 0)
        flips = case((and_(base.c.id.is_not(None), with_base > threshold), 1), else_=0)
        unknown = case((base.c.id.is_(None), 1), else_=0)
        statement = (
            _judged(run, regulation, func.sum(flips), func.sum(unknown))
            .outerjoin(base_model, base_model.c.name == OBSERVATION.c.base_model)
            .outerjoin(base, and_(base.c.model_key == base_model.c.key, as_of(base, _id(run))))
            .where(OBSERVATION.c.adapter, VERDICT.c.status != VerdictStatus.IN_SCOPE)
            .where(OBSERVATION.c.distribution == "public", OBSERVATION.c.low <= threshold)
        )
        with self.engine.connect() as connection:
            row = connection.execute(statement).one()
        return int(row[0] or 0), int(row[1] or 0)

    def findings(self, run: Run, limit: int) -> tuple[list[tuple[str, dict[str, str]]], int]:
        """Findings by model, the most downloaded first, and how many models have some."""
        some = cast(OBSERVATION.c.findings, Text) != "[]"
        statement = _models(run, OBSERVATION.c.name, OBSERVATION.c.findings).where(some)
        with self.engine.connect() as connection:
            total = connection.execute(_models(run, func.count()).where(some)).scalar_one()
            rows = connection.execute(_by_downloads(statement, limit)).all()
        return [(row.name, finding) for row in rows for finding in row.findings][:limit], total

    # Changes -----------------------------------------------------------------------------------------------------

    def changed_observations(self, before: Run, after: Run) -> list[Pair]:
        """Models of which something that matters changed between two runs."""
        return self._pairs(OBSERVATION, before, after, [])

    def changed_verdicts(self, before: Run, after: Run, regulation: str) -> list[Pair]:
        """Models whose verdict changed between two runs."""
        return self._pairs(VERDICT, before, after, [VERDICT.c.regulation == regulation])

    def new_models(self, before: Run, after: Run, limit: int) -> tuple[list[AnyRow], int]:
        """Models that came after one run and by the other, most downloaded first, and how many they are."""
        came = and_(MODEL.c.first_run > before.id, MODEL.c.first_run <= after.id)
        statement = _by_downloads(_models(after, MODEL.c.key, OBSERVATION.c.name, MODEL.c.downloads).where(came), limit)
        with self.engine.connect() as connection:
            total = connection.execute(_models(after, func.count()).where(came)).scalar_one()
            return list(connection.execute(statement)), total

    def names(self, keys: Sequence[str]) -> dict[str, str]:
        """The names of models by their keys."""
        names: dict[str, str] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(keys):
                rows = connection.execute(select(MODEL.c.key, MODEL.c.name).where(MODEL.c.key.in_(chunk)))
                names.update({row.key: row.name for row in rows})
        return names

    def declarations(self, observations: Sequence[int]) -> dict[int, list[AnyRow]]:
        """The declaration rows of some observations."""
        with self.engine.connect() as connection:
            return declarations_of(connection, observations)

    def _pairs(self, rows: Any, before: Run, after: Run, extra: list[ColumnElement[bool]]) -> list[Pair]:
        """Rows of a table that hold as of `after` and are newer than `before`, beside those they replaced."""
        newer = (
            _models(after, MODEL.c.key, MODEL.c.downloads, rows.c.id.label("row_id"))
            .where(rows.c.since_run > before.id, *extra)
            .order_by(MODEL.c.downloads.desc(), MODEL.c.key)
        )
        if rows is VERDICT:
            newer = newer.join(VERDICT, and_(VERDICT.c.model_key == MODEL.c.key, as_of(VERDICT, _id(after))))
        pairs: list[Pair] = []
        with self.engine.connect() as connection:
            for chunk in chunks(connection.execute(newer).all()):
                keys = [row.key for row in chunk]
                old = {
                    row.model_key: row
                    for row in connection.execute(
                        select(rows).where(rows.c.model_key.in_(keys), as_of(rows, _id(before)), *extra)
                    )
                }
                new = {
                    row.model_key: row
                    for row in connection.execute(select(rows).where(rows.c.id.in_([row.row_id for row in chunk])))
                }
                pairs += [Pair(r.key, r.downloads, old[r.key], new[r.key]) for r in chunk if r.key in old]
        return pairs

    def _assessments(self, statement: Select[Any], run: Run) -> Iterator[Assessment]:
        with self.engine.connect() as connection:
            rows = connection.execute(statement).all()
            declared = declarations_of(connection, [row.id for row in rows])
            verdicts: dict[str, list[AnyRow]] = {}
            for chunk in chunks([row.model_key for row in rows]):
                judged = select(VERDICT).where(VERDICT.c.model_key.in_(chunk), as_of(VERDICT, _id(run)))
                for verdict in connection.execute(judged.order_by(VERDICT.c.regulation)):
                    verdicts.setdefault(verdict.model_key, []).append(verdict)
        for row in rows:
            yield records.assessment_of(row, declared.get(row.id, ()), verdicts.get(row.model_key, ()))


def _id(run: Run) -> int:
    assert run.id is not None  # noqa: S101 - every stored run has one
    return run.id


def _models(run: Run, *columns: Any) -> Select[Any]:
    """Observations as of a run of the models that belong to it."""
    number = _id(run)
    member: ColumnElement[bool] = MODEL.c.last_run >= number
    if run.sweep:
        member = or_(member, OBSERVATION.c.distribution == Distribution.DELETED)
    return (
        select(*columns)
        .select_from(MODEL.join(OBSERVATION, OBSERVATION.c.model_key == MODEL.c.key))
        .where(as_of(OBSERVATION, number), MODEL.c.source == run.source, MODEL.c.first_run <= number, member)
    )


def _judged(run: Run, regulation: str, *columns: Any) -> Select[Any]:
    """The same beside their verdicts by one regulation."""
    joined = and_(VERDICT.c.model_key == MODEL.c.key, VERDICT.c.regulation == regulation, as_of(VERDICT, _id(run)))
    return _models(run, *columns).join(VERDICT, joined)


def _by_downloads(statement: Select[Any], limit: int) -> Select[Any]:
    return statement.order_by(MODEL.c.downloads.desc(), MODEL.c.key).limit(limit)
