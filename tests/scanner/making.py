"""Small assessments and catalogues, made by hand, so that a case can be read."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from config.regulation import Regulation, load_regulation
from estimators.interface import Basis, Estimate
from scanner.assessment import Assessment
from scanner.catalogue.store import Batch, RunState, Store
from scanner.catalogue.tables import Run
from scanner.restrictions.interface import Declaration, Kind, Place, Restrictions, Status

MOMENT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
CN = load_regulation("cn-2026")
ALL = tuple(Place)
SHA = "0123456789abcdef0123456789abcdef01234567"


def regulation(**changes: Any) -> Regulation:
    """The shipped regulation with some of its data changed."""
    return Regulation.model_validate({**CN.model_dump(), **changes})


def counted(low: int, high: int | None = -1, point: int | None = -1, basis: Basis = Basis.COMBINED) -> Estimate:
    """An interval; with one number only, that number exactly."""
    high = low if high == -1 else high
    point = (low if low == high else None) if point == -1 else point
    return Estimate(low, high, point, basis, exact=low == high)


def declared(
    excluded: Iterable[str] = (), limited_to: Iterable[str] = (), *, kind: Kind = Kind.LICENCE_GRANT, **more: Any
) -> Declaration:
    """A declaration in effect."""
    values: dict[str, Any] = {
        "active": True,
        "file": "LICENSE",
        "start": 10,
        "end": 20,
        "quote": "not there",
        "language": "en",
        **more,
    }
    return Declaration(kind, tuple(excluded), tuple(limited_to), **values)


def restrictions(*items: Declaration, status: Status | None = None, read: Iterable[Place] = ALL) -> Restrictions:
    """Restrictions with everything read."""
    active = any(item.active and item.inherited_from is None for item in items)
    found = Status.DECLARED if active else Status.DECLARED_INACTIVE if items else Status.NONE_DECLARED
    return Restrictions(status or found, tuple(read), items)


def model(key: str, parameters: Estimate | int = 2_000_000, *items: Declaration, **more: Any) -> Assessment:
    """A model of the Hub, judged by cn-2026 (or by `rules`)."""
    rules = more.pop("rules", [CN])
    estimate = parameters if isinstance(parameters, Estimate) else counted(parameters)
    values: dict[str, Any] = {
        "name": f"owner/{key}",
        "source": "huggingface",
        "revision": SHA,
        "observed_at": MOMENT,
        "restrictions": restrictions(*items),
        **more,
    }
    return Assessment(key=key, estimate=estimate, **values).judged(rules)


def begin(store: Store, selection: str = "--all", *, sweep: bool | None = None, **more: Any) -> int:
    """Start a run."""
    values: dict[str, Any] = {
        "started_at": MOMENT,
        "source": "huggingface",
        "endpoint": "https://hub.example",
        "selection": selection,
        "deep": "auto",
        "tool_version": "0.test",
        "state": str(RunState.RUNNING),
        "sweep": selection == "--all" if sweep is None else sweep,
        **more,
    }
    run = store.begin(Run(**values))
    assert run.id is not None
    return run.id


def end(store: Store, run_id: int, state: RunState = RunState.COMPLETE) -> int:
    """End a run."""
    store.write_run(run_id, state=str(state), finished_at=MOMENT, listing_done=True)
    return run_id


def scanned(engine: Engine, *models: Assessment, selection: str = "--all", **more: Any) -> int:
    """A whole run that saw these models and no others."""
    store = Store(engine)
    run_id = begin(store, selection, **more)
    store.save(run_id, Batch(judged=list(models)))
    return end(store, run_id)


def again(assessment: Assessment, *rules: Regulation, **changes: Any) -> Assessment:
    """The same model with something changed, judged anew."""
    return replace(assessment, **changes).judged(rules or [CN])
