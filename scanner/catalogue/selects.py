"""The statements that reading rests on: models as of a run, and their verdicts beside them.

A model belongs to a run of part of the source if runs of that selection saw it then (`Member`). It belongs to a sweep
of the whole source if it was known by then and was seen in it or later; a sweep also keeps the models that are gone, so
that they stay a line of their own in its totals. A rescope saw none itself: to it belong the models of the scan that it
followed.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select

from scanner.catalogue.core import MEMBER, MODEL, OBSERVATION, RUN, VERDICT, as_of
from scanner.catalogue.store import FINISHED, RESCOPE
from scanner.catalogue.tables import Run
from scanner.scope import Distribution


def id_of(run: Run) -> int:
    """The id of a stored run."""
    assert run.id is not None  # noqa: S101 - every stored run has one
    return run.id


def scan_of(run: Run) -> ColumnElement[int]:
    """The id of the scan whose models a run is about: its own, or that of the scan that a rescope followed."""
    if run.deep != RESCOPE:
        return literal(id_of(run))
    earlier = (RUN.c.series == run.series, RUN.c.id < id_of(run), RUN.c.state.in_(FINISHED), RUN.c.deep != RESCOPE)
    return select(func.max(RUN.c.id)).where(*earlier).correlate(None).scalar_subquery()


def models_of(run: Run, *columns: Any) -> Select[Any]:
    """Observations as of a run of the models that belong to it, beside the models."""
    number = scan_of(run)
    tables = MODEL.join(OBSERVATION, and_(OBSERVATION.c.model_key == MODEL.c.key, as_of(OBSERVATION, id_of(run))))
    if not run.sweep:
        covered = and_(
            MEMBER.c.model_key == MODEL.c.key,
            MEMBER.c.series == run.series,
            MEMBER.c.since_run <= number,
            MEMBER.c.last_run >= number,
        )
        return select(*columns).select_from(tables.join(MEMBER, covered))
    # A catalogue may hold models of several endpoints; a mirror's runs see the models of the Hub that it mirrors.
    runs = select(RUN.c.id).where(RUN.c.source == run.source, RUN.c.endpoint == run.endpoint)
    return (
        select(*columns)
        .select_from(tables)
        .where(
            MODEL.c.first_run <= number,
            or_(MODEL.c.last_run >= number, OBSERVATION.c.distribution == str(Distribution.DELETED)),
            or_(MODEL.c.last_run.in_(runs), MODEL.c.first_run.in_(runs)),
        )
    )


def judged_of(run: Run, regulation: str, *columns: Any) -> Select[Any]:
    """The same beside their verdicts by one regulation."""
    joined = and_(VERDICT.c.model_key == MODEL.c.key, VERDICT.c.regulation == regulation, as_of(VERDICT, id_of(run)))
    return models_of(run, *columns).join(VERDICT, joined)


def by_downloads(statement: Select[Any], limit: int) -> Select[Any]:
    """The first rows, most downloaded first."""
    return statement.order_by(MODEL.c.downloads.desc(), MODEL.c.key).limit(limit)
