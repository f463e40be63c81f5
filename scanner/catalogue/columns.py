"""Every model of a run as plain columns: what an export of millions of rows is made from.

No object is made for a model. Numbers and texts come as the driver gives them; what many models share is looked up by
number, once a batch column; only models with declarations are looked at further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, select

from scanner.catalogue.coding import SOURCES, key_text
from scanner.catalogue.core import DECLARATION, JUDGEMENT, PROFILE, raw_pages
from scanner.catalogue.records import NO_WEIGHTS, AnyRow
from scanner.catalogue.selects import AsOf
from scanner.catalogue.tables import Run
from scanner.scope import Distribution, margin_of

COLUMN_ROWS = 10_000
MICROSECONDS = 1_000_000

STORED = (
    "model_key", "since_run", "profile", "judgement", "name", "source", "sha", "observed_at", "downloads", "likes",
    "created_at", "last_modified", "low", "point", "high", "stored_elements", "buffers", "declared_total",
    "declared_sum", "base_model", "license",
)  # fmt: skip
"""Columns that are selected, in this order."""

AS_STORED = (
    "downloads", "likes", "low", "point", "high", "stored_elements", "buffers", "declared_total", "declared_sum",
    "license",
)  # fmt: skip
"""Those of them that are a column of the export as they are."""

NO_LIMITS: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

Columns = dict[str, Sequence[Any]]


def columns_of(
    engine: Engine, run: Run, regulations: Sequence[str], rows_at_once: int
) -> Iterator[Mapping[str, Sequence[Any]]]:
    """Batches of columns by name, in the order of the models' keys.

    The names are those of the fields of exports (notifiers.fields): a model's own, and `REGULATION.field` for each
    regulation's verdict, all of which are None where the model was not judged by it. Moments are microseconds since
    1970, lists are tuples.

    Args:
        engine: the catalogue.
        run: as of which everything is told.
        regulations: whose verdicts are columns.
        rows_at_once: rows of a batch.
    """
    with engine.connect() as connection, engine.connect() as other:
        shared = _Shared.read(other, regulations)
        then = AsOf(connection, run)
        rows = then.rows.c
        statement = then.models(*(rows[name] for name in STORED)).order_by(then.key)
        for page in raw_pages(connection, statement, rows_at_once):
            yield shared.columns(dict(zip(STORED, zip(*page, strict=True), strict=True)), _limits(other, page))


class _Shared:
    """What models share, by its number, each attribute as a look-up of its own."""

    def __init__(self, profiles: Sequence[AnyRow], judgements: Sequence[AnyRow], regulations: Sequence[str]) -> None:
        def of_profile(value: Callable[[AnyRow], Any]) -> dict[int, Any]:
            return {row.id: value(row) for row in profiles}

        self._of_profile = {
            "gated": of_profile(lambda row: row.gated or "false"),
            "disabled": of_profile(lambda row: row.distribution == Distribution.DISABLED),
            "private": of_profile(lambda row: row.distribution == Distribution.PRIVATE),
            "exact": of_profile(lambda row: row.exact),
            "basis": of_profile(lambda row: row.basis),
            "adapter": of_profile(lambda row: row.adapter),
            "restriction_status": of_profile(lambda row: row.restriction_status),
            "country_asked": of_profile(lambda row: row.country_asked),
        }
        self._rulings = {name: {row.id: row for row in judgements if row.regulation == name} for name in regulations}

    @classmethod
    def read(cls, connection: Connection, regulations: Sequence[str]) -> _Shared:
        judged = select(JUDGEMENT).where(JUDGEMENT.c.regulation.in_(regulations))
        return cls(connection.execute(select(PROFILE)).all(), connection.execute(judged).all(), regulations)

    def columns(self, stored: Columns, limits: Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]]) -> Columns:
        profiles = stored["profile"]
        declared = [limits.get(place, NO_LIMITS) for place in range(len(profiles))] if limits else None
        none: Sequence[tuple[str, ...]] = ((),) * len(profiles)
        found: Columns = {
            "model": stored["name"],
            "source": [SOURCES[place] for place in stored["source"]],
            "revision": [sha if sha is None else sha.hex() for sha in stored["sha"]],
            **{name: _microseconds(stored[name]) for name in ("observed_at", "created_at", "last_modified")},
            **{name: stored[name] for name in AS_STORED},
            **{name: list(map(values.__getitem__, profiles)) for name, values in self._of_profile.items()},
            "base_models": [(name,) if name else () for name in stored["base_model"]],
            "excluded": none if declared is None else [excluded for excluded, _ in declared],
            "limited_to": none if declared is None else [limited_to for _, limited_to in declared],
        }
        for name, rulings in self._rulings.items():
            found.update({f"{name}.{field}": values for field, values in _verdicts(rulings, stored).items()})
        return found


def _verdicts(rulings: Mapping[int, AnyRow], stored: Columns) -> Columns:
    judgements = stored["judgement"]

    def of_ruling(value: Callable[[AnyRow], Any]) -> list[Any]:
        values = {number: value(row) for number, row in rulings.items()}
        return list(map(values.get, judgements))

    # What `margin_of` needs beside a model's numbers; None where there is no margin.
    bars = {
        number: None if NO_WEIGHTS in row.reasons.split(",") else (row.threshold, row.strict, row.own)
        for number, row in rulings.items()
    }
    spans = zip(map(bars.get, judgements), stored["low"], stored["point"], stored["high"], strict=True)
    return {
        "status": of_ruling(lambda row: row.status),
        "status_without_declarations": of_ruling(lambda row: row.status_ignoring_declarations),
        "reasons": of_ruling(lambda row: tuple(row.reasons.split(",")) if row.reasons else ()),
        "margin": [
            None if bar is None else margin_of(low, point, high, bar[0], bar[1], own=bar[2])
            for bar, low, point, high in spans
        ],
        "next_step": of_ruling(lambda row: row.next_step),
    }


def _microseconds(moments: Sequence[int | None]) -> list[int | None]:
    return [moment if moment is None else moment * MICROSECONDS for moment in moments]


def _limits(connection: Connection, page: Sequence[AnyRow]) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Territories that active declarations exclude and limit use to, by the place of a model in a page."""
    first, last = page[0][0], page[-1][0]
    between = DECLARATION.c.model_key.between(key_text(first), key_text(last))
    statement = select(DECLARATION).where(between, DECLARATION.c.active).order_by(DECLARATION.c.id)
    declared: dict[tuple[str, int], list[AnyRow]] = {}
    for row in connection.execute(statement):
        declared.setdefault((row.model_key, row.since_run), []).append(row)
    if not declared:
        return {}
    found = {}
    for place, row in enumerate(page):
        items = declared.get((key_text(row[0]), row[1]))
        if items is not None:
            excluded = dict.fromkeys(code for item in items for code in item.excluded)
            limited_to = dict.fromkeys(code for item in items for code in item.limited_to)
            found[place] = (tuple(excluded), tuple(limited_to))
    return found
