"""Sweeps of everything: what the next one lists, and one that cannot be believed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

import scanner.run
from scanner.catalogue.core import RUN
from scanner.catalogue.store import RunState, Store
from scanner.deepread import Options
from scanner.samplehub import Fault
from scanner.selection import Selection
from tests.scanner.conftest import MOMENT, Bench

ALL = Selection(everything=True, page_size=20)
WEEK = timedelta(days=7)


@pytest.fixture
def small_sweeps_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing changes is worth while for the sample Hub, too."""
    monkeypatch.setattr(scanner.run, "WORTH_KEEPING", 10)


def asked(bench: Bench, what: str) -> int:
    """Pages of a listing that were asked for since the requests were cleared."""
    return sum(f"sort={what}" in one.query for one in bench.hub.requests if one.path == "/api/models")


def swept_before_the_week(bench: Bench) -> None:
    """A whole scan, and then a week in which the Hub changes."""
    first = bench.scan(ALL)
    before = min(one.last_modified for one in bench.models().values() if one.last_modified is not None)
    bench.hub.advance_week()
    changed = [r for r in bench.hub.repositories if r.last_modified > "2026-11-16"]
    assert 0 < len(changed) < len(bench.hub.repositories) / 2
    assert before.year < 2026
    with bench.engine.begin() as connection:  # the Hub's clock is this machine's, and its weeks are not of today
        moment = datetime(2026, 11, 16, 6, tzinfo=UTC)
        connection.execute(update(RUN).where(RUN.c.id == first.run_id).values(watermark=moment))
    bench.hub.requests.clear()


@pytest.mark.usefixtures("small_sweeps_count")
def test_the_next_sweep_lists_what_changed_and_says_the_same_of_it(bench: Bench) -> None:
    swept_before_the_week(bench)
    outcome = bench.scan(ALL, moment=MOMENT + WEEK)
    run = Store(bench.engine).run(outcome.run_id)
    assert (outcome.state, run.sweep, run.base) == (RunState.COMPLETE, False, 1)
    assert asked(bench, "createdAt") == 0
    assert asked(bench, "lastModified") == 2  # the second one lies behind the moment
    listed = {one.key: one for one in bench.models().values()}
    whole = bench.scan(ALL, Options(sweep=True), moment=MOMENT + 2 * WEEK)
    assert Store(bench.engine).run(whole.run_id).sweep
    now = {one.key: one for one in bench.models().values()}
    gone = {key for key, one in now.items() if one.distribution != listed[key].distribution}
    assert gone  # only a whole listing tells
    assert now.keys() == listed.keys()
    for key in now.keys() - gone:
        assert (now[key].estimate, now[key].verdicts) == (listed[key].estimate, listed[key].verdicts)


@pytest.mark.usefixtures("small_sweeps_count")
@pytest.mark.parametrize(
    "change",
    [
        lambda: {"options": Options(full=True)},
        lambda: {"options": Options(sweep=True)},
        lambda: {"options": Options(sweep_days=6)},
        lambda: {"options": Options(deep="always")},
        lambda: {"selection": Selection(everything=True, author="lumenforge", page_size=20)},
    ],
    ids=["full", "sweep", "old", "deeper", "another selection"],
)
def test_everything_is_listed_where_changes_would_not_do(bench: Bench, change: Callable[[], dict]) -> None:  # type: ignore[type-arg]
    swept_before_the_week(bench)
    bench.scan(**{"selection": ALL, **change()}, moment=MOMENT + WEEK)
    assert asked(bench, "lastModified") == 0
    assert asked(bench, "createdAt") > 0


def test_a_small_sweep_is_listed_whole_each_time(bench: Bench) -> None:
    swept_before_the_week(bench)
    bench.scan(ALL, moment=MOMENT + WEEK)
    assert asked(bench, "lastModified") == 0


@pytest.mark.usefixtures("small_sweeps_count")
def test_what_a_sweep_left_to_be_read_is_read_by_the_next(bench: Bench) -> None:
    bench.hub.inject(Fault(kind="status", status=503, path="/resolve/", times=None))
    bench.scan(ALL, Options(max_missing=1.0))
    bench.hub.clear_faults()
    left = Store(bench.engine).open_counts(1)
    assert left > 5
    with bench.engine.begin() as connection:
        connection.execute(update(RUN).values(state="complete"))
    outcome = bench.scan(ALL, moment=MOMENT + WEEK)
    store = Store(bench.engine)
    assert store.run(outcome.run_id).base == 1
    assert store.open_counts(outcome.run_id) == 0
    undecided = [name for name, one in bench.models().items() if one.verdicts[0].status == "undecided"]
    assert len(undecided) == 3  # broken on purpose


def states(bench: Bench) -> dict[str, object]:
    """What readers see of each model."""
    return {name: (one.estimate, one.verdicts) for name, one in bench.models().items()}


def test_a_listing_without_the_counts_that_were_there_is_suspect(bench: Bench) -> None:
    bench.scan(ALL)
    before = states(bench)
    drops = {r.id: r.row_drops for r in bench.hub.repositories}
    for repository in bench.hub.repositories:
        repository.row_drops = (*repository.row_drops, "safetensors")
    outcome = bench.scan(ALL, moment=MOMENT + WEEK)
    assert outcome.state is RunState.SUSPECT
    assert "declared number of parameters" in outcome.detail
    assert "--max-loss" in outcome.detail
    assert states(bench) == before
    for repository in bench.hub.repositories:
        repository.row_drops = drops[repository.id]
    again = bench.scan(ALL, moment=MOMENT + 2 * WEEK)
    assert (again.state, again.detail) == (RunState.COMPLETE, "")
    assert states(bench) == before


def test_a_listing_that_lost_half_of_the_models_is_suspect_unless_that_is_allowed(bench: Bench) -> None:
    bench.scan(ALL)
    before = states(bench)
    removed = [bench.hub.remove(r.id) for r in bench.hub.repositories[::2]]
    outcome = bench.scan(ALL, moment=MOMENT + WEEK)
    assert outcome.state is RunState.SUSPECT
    assert "are listed no more" in outcome.detail
    assert states(bench) == before
    allowed = bench.scan(ALL, Options(max_loss=1.0), moment=MOMENT + 2 * WEEK)
    assert allowed.state is RunState.COMPLETE
    gone = {name for name, one in bench.models().items() if one.distribution == "deleted"}
    readable = {repository.id for repository in removed} & before.keys()  # some rows make no sense, on purpose
    assert gone == readable
