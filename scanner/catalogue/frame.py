"""The models of a run as light rows, for a survey: streamed, a thousand in memory at a time.

All that a survey knows of the catalogue's tables stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Engine, and_, extract, func, select

from scanner.catalogue.core import MODEL, OBSERVATION, PENDING, RUN, VERDICT, as_of, chunks
from scanner.catalogue.selects import id_of, models_of
from scanner.catalogue.store import Conditions
from scanner.scope import Distribution, VerdictStatus

if TYPE_CHECKING:
    from scanner.catalogue.tables import Run
    from scanner.restrictions.interface import Gated

ROWS_AT_ONCE = 1000

Statuses = tuple[tuple[str | None, str | None], ...]
"""A regulation's answer honouring declarations and ignoring them, for each regulation; None where it was not judged."""


class FrameRow(NamedTuple):
    """One model of the frame, as its run knew it.

    Attributes:
        key: the id that renames do not change.
        downloads: of the last 30 days, as last listed.
        year: of creation.
        basis: where its count comes from.
        base_model: name of the model that it is derived from.
        relation: how ("quantized", "finetune", ...); None where the catalogue does not say.
        point: the best number of parameters, however weak.
        public: anybody can get it.
        looked: its weight files have been looked at as they are, so that another look finds nothing new.
        statuses: the verdicts.
    """

    key: str
    name: str
    downloads: int
    year: int | None
    basis: str
    adapter: bool
    base_model: str | None
    relation: str | None
    point: int | None
    public: bool
    looked: bool
    statuses: Statuses


def frame_rows(
    engine: Engine, run: Run, regulations: Sequence[str], thresholds: Sequence[int], *, latest: bool
) -> Iterator[FrameRow]:
    """Every model of a run, in no particular order.

    Args:
        engine: the catalogue.
        run: whose models.
        regulations: ids of those whose verdicts are wanted.
        thresholds: for which weight files would be looked at.
        latest: nothing was stored after the run; otherwise what was looked at may have been looked at later.
    """
    verdicts = [VERDICT.alias(f"verdict_{number}") for number in range(len(regulations))]
    answers = [column for rows in verdicts for column in (rows.c.status, rows.c.status_ignoring_declarations)]
    statement = models_of(
        run,
        MODEL.c.key,
        OBSERVATION.c.name,
        MODEL.c.downloads,
        extract("year", MODEL.c.created_at),
        OBSERVATION.c.basis,
        OBSERVATION.c.adapter,
        OBSERVATION.c.base_model,
        OBSERVATION.c.point,
        OBSERVATION.c.distribution,
        MODEL.c.sha,
        OBSERVATION.c.gated,
        MODEL.c.count_looked,
        *answers,
    )
    for regulation, rows in zip(regulations, verdicts, strict=True):
        held = and_(rows.c.model_key == MODEL.c.key, rows.c.regulation == regulation, as_of(rows, id_of(run)))
        statement = statement.join(rows, held, isouter=True)
    undecided = str(VerdictStatus.UNDECIDED)
    with engine.connect() as connection:
        for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement):
            key, name, downloads, year, basis, adapter, base, point, distribution, sha, gated, mark, *given = row
            statuses = tuple(zip(given[::2], given[1::2], strict=True))
            looked = False
            if latest and mark is not None and undecided in given:
                looked = mark in _marks(sha, gated, thresholds)
            public = distribution == Distribution.PUBLIC
            year = None if year is None else int(year)
            yield FrameRow(
                key, name, downloads, year, basis, bool(adapter), base, None, point, public, looked, statuses
            )


def texts_pending(engine: Engine, keys: Sequence[str]) -> set[str]:
    """Those of some models whose card and licence files are still to be read."""
    found: set[str] = set()
    with engine.connect() as connection:
        for chunk in chunks(keys):
            statement = select(PENDING.c.model_key).where(PENDING.c.model_key.in_(chunk), PENDING.c.texts)
            found.update(connection.execute(statement).scalars())
    return found


def is_latest(engine: Engine, run: Run) -> bool:
    """Whether no other run was begun after this one."""
    with engine.connect() as connection:
        return bool(connection.execute(select(func.max(RUN.c.id))).scalar() == run.id)


def _marks(sha: str | None, gated: str | None, thresholds: Sequence[int]) -> set[str | None]:
    """Marks of looks that another one would only repeat."""
    access: Gated = "auto" if gated == "auto" else "manual" if gated == "manual" else False
    return {Conditions.of(sha, access, thresholds, exact=exact).count for exact in (False, True)}
