"""Judge anew what is stored: all that is known now, its verdicts, and the run under which new verdicts stand.

Everything is one transaction: whatever ends it before its time leaves the old verdicts, all of them. The run itself
sees no model. Which models belong to it follows from the scan that it followed (`selects.scan_of`), so later scans go
on as if it had not been: no model looks newly seen or missed, and no unfinished scan is given up for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, case, func, insert, literal, select, update

from scanner.catalogue import records
from scanner.catalogue.coding import key_bytes
from scanner.catalogue.core import CURRENT, CURRENT_ROWS, MODEL, PAST_JUDGEMENT, RUN, chunks, declarations_of
from scanner.catalogue.database import writing
from scanner.catalogue.history import History
from scanner.catalogue.kinds import Kinds
from scanner.catalogue.selects import AsOf
from scanner.catalogue.store import RESCOPE, Conditions
from scanner.catalogue.tables import Run

if TYPE_CHECKING:
    from scanner.assessment import Assessment
    from scanner.listed import Ruling
    from scanner.rules import Rules

MODELS_AT_ONCE = 500

FOLLOWED = (
    "source",
    "endpoint",
    "selection",
    "series",
    "sweep",
    "base",
    "state",
    "detail",
    "listed",
    "asked",
    "unanswered",
)
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
        self._kinds = Kinds()

    def pages(self) -> Iterator[list[Stored]]:
        """Every model of the catalogue by key, some hundred at a time."""
        last = ""
        statement = select(*CURRENT).select_from(CURRENT_ROWS).order_by(MODEL.c.key).limit(MODELS_AT_ONCE)
        covered = AsOf(self._connection, self._run)
        while True:
            rows = self._connection.execute(statement.where(MODEL.c.key > last)).all()
            if not rows:
                return
            keys = [row.model_key for row in rows]
            declared = declarations_of(self._connection, [(row.model_key, row.since_run) for row in rows])
            ours: set[str] = set()
            for chunk in chunks(keys):
                belonging = covered.models(covered.rows.c.model_key).where(covered.rows.c.model_key.in_(chunk))
                ours.update(self._connection.execute(belonging).scalars())
            yield [
                Stored(
                    records.assessment_of(row, declared.get((row.model_key, row.since_run), ()), self._rulings(row)),
                    row.sha,
                    Conditions(row.count_looked, row.texts_looked),
                    row.model_key in ours,
                )
                for row in rows
            ]
            last = keys[-1]

    def _rulings(self, row: records.AnyRow) -> list[Ruling]:
        rulings = self._kinds.rulings(self._connection, row.judgement)
        return [rulings[name] for name in sorted(rulings)]

    def write(self, judged: Sequence[Assessment]) -> None:
        """Store new verdicts under the run."""
        keys = [key_bytes(assessment.key) for assessment in judged]
        history = History(self._connection, self._begun(), self._kinds, keys)
        for assessment in judged:
            history.judge(assessment)
        history.write()

    def close_others(self, regulations: Collection[str]) -> None:
        """Let the verdicts of all other regulations end with the run."""
        others: dict[int, int | None] = {}
        for number, rulings in self._kinds.judgements(self._connection).items():
            kept = [ruling for name, ruling in rulings.items() if name in regulations]
            if len(kept) < len(rulings):
                others[number] = self._kinds.judgement(self._connection, kept)
        if others:
            self._replace(self._begun(), others)

    def _replace(self, run_id: int, others: Mapping[int, int | None]) -> None:
        """Let all models of some judgements have other ones, or none, from this run on."""
        held = MODEL.c.judgement.in_(others)
        past = select(MODEL.c.key, MODEL.c.judged_since, literal(run_id), MODEL.c.judgement)
        columns = ["model_key", "since_run", "until_run", "judgement"]
        closed = past.where(held, MODEL.c.judged_since < run_id)
        self._connection.execute(insert(PAST_JUDGEMENT).from_select(columns, closed))
        kept = {number: after for number, after in others.items() if after is not None}
        values = {
            "judgement": case(kept, value=MODEL.c.judgement) if kept else None,
            "judged_since": case((MODEL.c.judgement.in_(kept), run_id)) if kept else None,
        }
        self._connection.execute(update(MODEL).where(held).values(values))

    def finish(self, moment: datetime) -> None:
        """Note when it was done, where anything was.

        By which rules a model is judged, its fingerprint says, and is not true any more: the next listing decides anew.
        """
        if self.run_id is not None:
            self._connection.execute(update(MODEL).where(MODEL.c.listed.is_not(None)).values(listed=None))
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
