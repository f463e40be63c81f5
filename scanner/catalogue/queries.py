"""Read the catalogue: runs, models as of a run, and how many there are of each kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Select, Text, and_, case, cast, func, or_, select
from sqlmodel import Session
from sqlmodel import select as select_objects

from estimators.interface import Basis
from scanner.catalogue import records
from scanner.catalogue.core import CURRENT, MODEL, OBSERVATION, PROBLEM, RUN, VERDICT, as_of, chunks, declarations_of
from scanner.catalogue.records import AnyRow
from scanner.catalogue.selects import by_downloads, id_of, judged_of, models_of
from scanner.catalogue.store import FINISHED, RESCOPE, RunState
from scanner.catalogue.tables import Run
from scanner.errors import UsageError
from scanner.scope import Distribution, VerdictStatus

if TYPE_CHECKING:
    from scanner.assessment import Assessment

ROWS_AT_ONCE = 1000
MAX_RUN = 2**31 - 1  # what the column holds


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
class UnreadTexts:
    """Models of a regulation's answer that may be in scope although texts of theirs were not read.

    Attributes:
        suggested: nobody has tried, although something suggests a limit.
        others: nobody has tried, and nothing suggests one.
        partly: a scan has tried, and something stayed unread (behind a gate, elsewhere, the base model's).
    """

    suggested: int = 0
    others: int = 0
    partly: int = 0

    @property
    def untried(self) -> int:
        """All whose texts no scan has come to."""
        return self.suggested + self.others


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
            statement = statement.where(RUN.c.id == (number if 0 <= number <= MAX_RUN else -1))
        else:
            statement = statement.where(RUN.c.state != str(RunState.ABANDONED)).order_by(RUN.c.id.desc()).limit(1)
        with Session(self.engine, expire_on_commit=False) as session:
            run = session.exec(statement).first()
            if run is None:
                known = session.execute(select(func.min(RUN.c.id), func.max(RUN.c.id))).one()
                if known[0] is None:
                    raise UsageError("the catalogue holds no run yet; run `hubscope scan` first")
                if number is None:
                    raise UsageError("every stored run was broken off; run `hubscope scan`, or name one of them")
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

    def judged_by(self, regulation: str, run: Run) -> bool:
        """Whether any model had a verdict by a regulation as of a run; True where none had any by any."""
        held = select(VERDICT.c.id).where(as_of(VERDICT, id_of(run))).limit(1)
        with self.engine.connect() as connection:
            if connection.execute(held.where(VERDICT.c.regulation == regulation)).first() is not None:
                return True
            return connection.execute(held).first() is None

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
            return int(connection.execute(models_of(run, func.count())).scalar_one())

    def born_in(self, run: Run) -> int:
        """How many models this run saw for the first time."""
        with self.engine.connect() as connection:
            return int(connection.execute(models_of(run, func.count()).where(MODEL.c.first_run == run.id)).scalar_one())

    def find(self, name: str, run: Run) -> Assessment | None:
        """One model by its name now or as of the run; in the Hub's spelling at once, in any case by a longer search."""
        name = records.printable(name)  # as names are stored; a database takes no other
        lowered = name.lower()
        searches = (
            MODEL.c.name == name,
            or_(func.lower(MODEL.c.name) == lowered, func.lower(OBSERVATION.c.name) == lowered),
        )
        gone = case((OBSERVATION.c.distribution == str(Distribution.DELETED), 1), else_=0)
        for search in searches:
            statement = (
                select(*CURRENT)
                .join(MODEL, MODEL.c.key == OBSERVATION.c.model_key)
                .where(search, MODEL.c.source == run.source, as_of(OBSERVATION, id_of(run)))
                .order_by(gone, MODEL.c.last_run.desc(), MODEL.c.key)  # a name may have been given away
                .limit(1)
            )
            if found := self._assessments(statement, run):
                return found[0]
        return None

    def assessments(self, run: Run) -> Iterator[Assessment]:
        """Every model of a run with its verdicts, by key; holds a thousand at a time."""
        last = ""
        while True:
            statement = models_of(run, *CURRENT).where(MODEL.c.key > last).order_by(MODEL.c.key).limit(ROWS_AT_ONCE)
            page = self._assessments(statement, run)
            yield from page
            if len(page) < ROWS_AT_ONCE:
                return
            last = page[-1].key

    def top(self, run: Run, regulation: str, status: VerdictStatus, limit: int) -> list[Assessment]:
        """Models of a verdict, most downloaded first."""
        statement = judged_of(run, regulation, *CURRENT).where(VERDICT.c.status == str(status))
        return self._assessments(by_downloads(statement, limit), run)

    def undecided(
        self, run: Run, regulation: str, reasons: Sequence[str], next_step: str | None, limit: int
    ) -> list[Assessment]:
        """Undecided models with exactly these reasons and this next step, most downloaded first."""
        statement = judged_of(run, regulation, *CURRENT).where(
            VERDICT.c.status == str(VerdictStatus.UNDECIDED),
            VERDICT.c.reasons == ",".join(reasons),
            VERDICT.c.next_step.is_not_distinct_from(next_step),
        )
        return self._assessments(by_downloads(statement, limit), run)

    def exempted(self, run: Run, regulation: str, limit: int) -> tuple[list[Assessment], int]:
        """Models that a declaration takes out of scope, most downloaded first, and how many there are."""
        changed = and_(
            VERDICT.c.status == str(VerdictStatus.OUT_OF_SCOPE),
            VERDICT.c.status_ignoring_declarations != str(VerdictStatus.OUT_OF_SCOPE),
        )
        statement = by_downloads(judged_of(run, regulation, *CURRENT).where(changed), limit)
        with self.engine.connect() as connection:
            total = connection.execute(judged_of(run, regulation, func.count()).where(changed)).scalar_one()
        return self._assessments(statement, run), total

    def nearest(self, run: Run, regulation: str, limit: int) -> list[Assessment]:
        """Distributed models whose count is closest to the threshold by factor, on either side."""
        margin = VERDICT.c.margin
        factor = case((margin >= 1, margin), else_=1 / margin)
        public = OBSERVATION.c.distribution == str(Distribution.PUBLIC)
        statement = judged_of(run, regulation, *CURRENT).where(margin > 0, public)
        return self._assessments(statement.order_by(factor, MODEL.c.key).limit(limit), run)

    def groups(self, run: Run, regulation: str) -> list[Group]:
        """The totals of a regulation, split by everything that reports tell apart."""
        keys = (
            VERDICT.c.status,
            VERDICT.c.status_ignoring_declarations,
            OBSERVATION.c.distribution,
            OBSERVATION.c.basis,
            OBSERVATION.c.gated,
            OBSERVATION.c.adapter,
        )
        statement = judged_of(run, regulation, *keys, func.count(), func.sum(MODEL.c.downloads)).group_by(*keys)
        with self.engine.connect() as connection:
            return [
                Group(
                    VerdictStatus(row[0]),
                    VerdictStatus(row[1]),
                    Distribution(row[2]),
                    row[3] == Basis.NO_WEIGHTS,
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
        statement = judged_of(run, regulation, *keys, func.count()).group_by(*keys)
        with self.engine.connect() as connection:
            rows = connection.execute(statement).all()
        # Sorted here: databases differ in the order of texts and in where nothing comes.
        rows = sorted(rows, key=lambda row: (-row[3], row[0], row[1], row[2] or ""))
        return [(VerdictStatus(row[0]), tuple(row[1].split(",")), row[2], row[3]) for row in rows]

    def unread_texts(self, run: Run, regulation: str) -> UnreadTexts:
        """How many models may be in scope although texts of theirs were not read, and whether a scan has tried."""
        suggested = VERDICT.c.reasons.like("%restriction-unverified%")
        untried = MODEL.c.texts_looked.is_(None)
        open_ = (
            VERDICT.c.status != str(VerdictStatus.OUT_OF_SCOPE),
            or_(suggested, VERDICT.c.reasons.like("%card-not-read%")),
        )
        counts = [
            func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
            for condition in (and_(untried, suggested), and_(untried, ~suggested), ~untried)
        ]
        with self.engine.connect() as connection:
            row = connection.execute(judged_of(run, regulation, *counts).where(*open_)).one()
        return UnreadTexts(*map(int, row))

    def adapters(self, run: Run, regulation: str, threshold: int) -> tuple[int, int]:
        """Of the adapters that only their own count keeps out: flips with the base, and those where that is open."""
        named = MODEL.alias("named")
        base = OBSERVATION.alias("base")

        def of_base(column: Any) -> Any:
            joined = named.join(base, and_(base.c.model_key == named.c.key, as_of(base, id_of(run))))
            wanted = (named.c.name == OBSERVATION.c.base_model, base.c.distribution != str(Distribution.DELETED))
            found = select(func.max(column)).select_from(joined).where(*wanted)
            return found.correlate(OBSERVATION).scalar_subquery()

        # What the base takes of the threshold, rather than a sum with it: a sum may be more than an integer holds.
        above = OBSERVATION.c.low > threshold - func.coalesce(of_base(base.c.low), 0)
        within = OBSERVATION.c.high <= threshold - of_base(base.c.high)
        statement = (
            judged_of(run, regulation, above.label("above"), within.label("within"))
            .where(OBSERVATION.c.adapter, OBSERVATION.c.low <= threshold)
            .where(OBSERVATION.c.distribution == str(Distribution.PUBLIC))
            .where(VERDICT.c.status != str(VerdictStatus.IN_SCOPE), VERDICT.c.reasons.not_like("%excluded-by-%"))
            .subquery()
        )
        flips = func.sum(case((statement.c.above, 1), else_=0))
        unknown = func.sum(case((or_(statement.c.above, statement.c.within), 0), else_=1))
        with self.engine.connect() as connection:
            row = connection.execute(select(flips, unknown)).one()
        return int(row[0] or 0), int(row[1] or 0)

    def findings(self, run: Run, limit: int) -> tuple[list[tuple[str, dict[str, str]]], int]:
        """Findings by model, the most downloaded first, and how many models have some."""
        some = cast(OBSERVATION.c.findings, Text) != "[]"
        statement = models_of(run, OBSERVATION.c.name, OBSERVATION.c.findings).where(some)
        with self.engine.connect() as connection:
            total = connection.execute(models_of(run, func.count()).where(some)).scalar_one()
            rows = connection.execute(by_downloads(statement, limit)).all()
        return [(row.name, finding) for row in rows for finding in row.findings][:limit], total

    def _assessments(self, statement: Select[Any], run: Run) -> list[Assessment]:
        with self.engine.connect() as connection:
            rows = connection.execute(statement).all()
            declared = declarations_of(connection, [row.id for row in rows])
            verdicts: dict[str, list[AnyRow]] = {}
            for chunk in chunks([row.model_key for row in rows]):
                judged = select(VERDICT).where(VERDICT.c.model_key.in_(chunk), as_of(VERDICT, id_of(run)))
                for verdict in connection.execute(judged.order_by(VERDICT.c.regulation)):
                    verdicts.setdefault(verdict.model_key, []).append(verdict)
        return [records.assessment_of(row, declared.get(row.id, ()), verdicts.get(row.model_key, ())) for row in rows]
