"""The models of a run as light rows, for a survey: streamed, ten thousand in memory at a time.

All that a survey knows of the catalogue's tables stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, Engine, func, select

from scanner.catalogue.coding import key_text
from scanner.catalogue.core import JUDGEMENT, PENDING, PROFILE, RUN, chunks, raw_rows
from scanner.catalogue.selects import AsOf
from scanner.catalogue.store import Conditions
from scanner.scope import Distribution, VerdictStatus

if TYPE_CHECKING:
    from scanner.catalogue.tables import Run
    from scanner.restrictions.interface import Gated

UNDECIDED = str(VerdictStatus.UNDECIDED)

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
    with engine.connect() as connection:
        held = AsOf(connection, run)
        profiles = {row.id: row for row in connection.execute(select(PROFILE))}
        answers = _answers(connection, regulations)
        columns = (
            "model_key", "name", "downloads", "created_at", "profile", "base_model", "point", "sha", "count_looked",
            "judgement",
        )  # fmt: skip
        statement = held.models(*(held.rows.c[name] for name in columns))
        for key, name, downloads, created, number, base, point, sha, mark, judgement in raw_rows(connection, statement):
            profile = profiles[number]
            statuses = answers.get(judgement, ((None, None),) * len(regulations))
            looked = False
            if latest and mark is not None and any(UNDECIDED in pair for pair in statuses):
                marks = _marks(None if sha is None else bytes(sha).hex(), profile.gated, thresholds)
                looked = bytes(mark).hex() in marks
            yield FrameRow(
                key_text(key),
                name,
                downloads,
                None if created is None else _year(created),
                profile.basis,
                bool(profile.adapter),
                base,
                None,
                point,
                profile.distribution == Distribution.PUBLIC,
                looked,
                statuses,
            )


def _answers(connection: Connection, regulations: Sequence[str]) -> dict[int, Statuses]:
    """The answers of every judgement there is, a few hundred, in the order of the regulations."""
    found: dict[int, dict[str, tuple[str, str]]] = {}
    for row in connection.execute(select(JUDGEMENT)):
        found.setdefault(row.id, {})[row.regulation] = (row.status, row.status_ignoring_declarations)
    return {
        number: tuple(given.get(regulation, (None, None)) for regulation in regulations)
        for number, given in found.items()
    }


@lru_cache(maxsize=100_000)
def _year(seconds: int) -> int:
    """The year of a moment as stored."""
    return datetime.fromtimestamp(seconds, UTC).year


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
    return {
        Conditions.of(sha, access, thresholds, exact=exact, named=named).count
        for exact in (False, True)
        for named in (False, True)
    }
