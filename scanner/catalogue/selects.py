"""The statements that reading rests on: models as of a run, and how they were judged then.

A model belongs to a run of part of the source if runs of that selection saw it then (`Member`). It belongs to a sweep
of the whole source if it was known by then and was seen in it or later; a sweep also keeps the models that are gone, so
that they stay a line of their own in its totals. A run that listed only what changed since a sweep covers what the two
of them saw. A rescope saw none itself: to it belong the models of the scan that it followed.

What many models share stands in `profile` and `judgement`, tables of a few hundred rows. So a condition on it is a list
of the numbers that meet it (`profiles`, `judgements`), and no row of millions is joined to anything.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, func, literal, or_, select, true

from scanner.catalogue.core import JUDGEMENT, MEMBER, PROFILE, RUN, known_as_of
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


def profiles(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Numbers of the profiles that meet conditions."""
    return select(PROFILE.c.id).where(*conditions)


def judgements(regulation: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Numbers of the judgements whose answer by a regulation meets conditions."""
    return select(JUDGEMENT.c.id).where(JUDGEMENT.c.regulation == regulation, *conditions)


GONE = PROFILE.c.distribution == str(Distribution.DELETED)
PUBLIC = PROFILE.c.distribution == str(Distribution.PUBLIC)


class AsOf:
    """The models of one run, as they were known then.

    Attributes:
        rows: every model that was known then, with the columns of `core.known_as_of`, whether of the run or not.
    """

    def __init__(self, connection: Connection, run: Run, name: str = "known") -> None:
        self.rows: Subquery = known_as_of(connection, id_of(run), name)
        self._run = run

    @property
    def _by_member(self) -> bool:
        return not self._run.sweep and self._run.base is None

    @property
    def key(self) -> ColumnElement[str]:
        """The key of the run's models, by which `models` can go through all of them in order and in pieces."""
        return MEMBER.c.model_key if self._by_member else self.rows.c.model_key  # whichever leads the look-up

    def models(self, *columns: Any) -> Select[Any]:
        """Columns of the models that belong to the run."""
        rows, run, number = self.rows, self._run, scan_of(self._run)
        if self._by_member:
            covered = and_(
                MEMBER.c.model_key == rows.c.model_key,
                MEMBER.c.series == run.series,
                MEMBER.c.since_run <= number,
                MEMBER.c.last_run >= number,
            )
            return select(*columns).select_from(rows.join(MEMBER, covered))
        # A catalogue may hold models of several endpoints; a mirror's runs see the models of the Hub that it mirrors.
        runs = select(RUN.c.id).where(RUN.c.source == run.source, RUN.c.endpoint == run.endpoint)
        seen = rows.c.last_run >= (number if run.base is None else run.base)
        return (
            select(*columns)
            .select_from(rows)
            .where(
                rows.c.first_run <= number,
                or_(seen, rows.c.profile.in_(profiles(GONE))),
                or_(rows.c.last_run.in_(runs), rows.c.first_run.in_(runs)),
            )
        )

    def whole(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        """The same with everything that is known of each: what `records.assessment_of` takes."""
        return self._with_profiles(self.models(*self.rows.c), *conditions)

    def any_whole(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        """The same of every model that was known then, whether it belongs to the run or not."""
        return self._with_profiles(select(*self.rows.c), *conditions)

    def _with_profiles(self, statement: Select[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        shared = [column for column in PROFILE.c if column is not PROFILE.c.id]
        joined = statement.join(PROFILE, PROFILE.c.id == self.rows.c.profile)
        return joined.add_columns(*shared).where(true(), *conditions)

    def most_downloaded(self, statement: Select[Any], limit: int) -> Select[Any]:
        """The first rows, most downloaded first."""
        return statement.order_by(*self.by_downloads).limit(limit)

    @property
    def by_downloads(self) -> tuple[ColumnElement[Any], ...]:
        """The order of lists: most downloaded first."""
        return self.rows.c.downloads.desc(), self.rows.c.model_key
