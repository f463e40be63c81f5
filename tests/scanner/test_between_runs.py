"""What other runs, rescopes, tokens and changes between two scans of everything leave behind: nothing that is wrong.

Each story ends with the same question, what the last scan says of one model. Whether that scan listed everything or
only what changed is its own affair.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Engine, update

import scanner.listing
import scanner.run
from config.regulation import Regulation
from scanner.assessment import Assessment
from scanner.catalogue.core import RUN
from scanner.catalogue.store import RunState, Store
from scanner.deepread import DeepReader, Look, Options
from scanner.errors import Cancelled
from scanner.listing import ListingSide
from scanner.progress import Progress
from scanner.rescope import rescope
from scanner.samplehub import TOKEN, Blob, Fault, Repository, SampleHub, Tensor
from scanner.samplehub.files import safetensors
from scanner.scope import Distribution, VerdictStatus
from scanner.selection import ChangedPart, Selection
from scanner.sources.huggingface import Page
from scanner.sources.rows import decode_page
from scanner.task import Task
from tests.scanner.conftest import MOMENT, Bench
from tests.scanner.helpers import make_client
from tests.scanner.making import regulation as changed_regulation

ALL = Selection(everything=True, page_size=2)  # the pages of the most used models do not show all of them
PART = Selection(author="zz")
DAY = timedelta(days=1)
LONG_AGO = "2024-01-01T00:00:00.000Z"
NAME = "zz/model"
MOST_MISSING = Options(max_missing=1.0)
IN, OPEN = VerdictStatus.IN_SCOPE, VerdictStatus.UNDECIDED
PATIENCE = 60.0  # seconds until something must have happened


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    return sqlite_engine


@pytest.fixture
def hub() -> Iterator[SampleHub]:
    with SampleHub(repositories=[]) as empty:
        yield empty


@pytest.fixture(autouse=True)
def small_sweeps_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listing changes is worth while for a small Hub, too."""
    monkeypatch.setattr(scanner.run, "WORTH_KEEPING", 10)


@pytest.fixture
def reads_wait_for_the_listing(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Once this is set, what is read meanwhile is handed over when the listing has ended, however fast it was read."""
    waiting, listed = Event(), Event()
    look, end = DeepReader.look, ListingSide._listing_ended

    def look_and_wait(reader: DeepReader, task: Task, *, texts: bool) -> Look:
        found = look(reader, task, texts=texts)
        assert not waiting.is_set() or listed.wait(PATIENCE)
        return found

    def end_and_tell(side: ListingSide) -> None:
        end(side)
        if waiting.is_set():
            listed.set()

    monkeypatch.setattr(DeepReader, "look", look_and_wait)
    monkeypatch.setattr(ListingSide, "_listing_ended", end_and_tell)
    return waiting


def repository(name: str = NAME, elements: int = 1_500_000, **more: Any) -> Repository:
    """A model with one tensor, of which the listing does not say how large it is."""
    values = {"card": {"license": "mit"}, "created_at": LONG_AGO, "last_modified": LONG_AGO, **more}
    return Repository(id=name, files={"model.safetensors": weights(elements)}, **values)


def weights(elements: int) -> Blob:
    return safetensors.write({"weight": Tensor("F16", (elements,))})


def declared(elements: int) -> dict[str, Any]:
    return {"parameters": {"F16": elements}, "total": elements}


def crowd(bench: Bench, models: int = 40) -> list[Repository]:
    """Many models that need no look, used more than the one in question and changed later."""
    some = [
        repository(
            f"fill/m{n}", declared=declared(10_000_000 + n), downloads=500, last_modified="2024-06-01T00:00:00.000Z"
        )
        for n in range(models)
    ]
    bench.hub.add(*some)
    return some


def sweep(bench: Bench, options: Options | None = None, days: int = 0, **more: Any) -> RunState:
    """A scan of everything so many days later, on a Hub whose clock says the same."""
    moment = MOMENT + days * DAY
    outcome = bench.scan(ALL, options, moment=moment, **more)
    with bench.engine.begin() as connection:  # the sample Hub's clock is this machine's
        connection.execute(update(RUN).where(RUN.c.id == outcome.run_id).values(watermark=moment))
    return outcome.state


def on_day(days: float) -> str:
    return (MOMENT + days * DAY).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def above(parameters: int) -> Regulation:
    return changed_regulation(threshold={"parameters": parameters, "comparison": "more-than"})


def judge_anew(bench: Bench, rule: Regulation, days: int = 1) -> None:
    rescope(bench.engine, [rule], "0.test", now=lambda: MOMENT + days * DAY)


def said(bench: Bench, name: str = NAME) -> Assessment:
    return bench.models()[name]


def low(bench: Bench) -> int | None:
    estimate = said(bench).estimate
    return None if estimate is None else estimate.low


def unreadable(bench: Bench) -> None:
    """From now on no file can be read."""
    bench.hub.inject(Fault(kind="status", server="hub", path="/resolve/", status=503, times=None))


def empty_rows(some: list[Repository]) -> None:
    """From now on the listing does not say of these how large they are."""
    for one in some:
        one.row_drops = ("safetensors",)


def full_rows(some: list[Repository]) -> None:
    for one in some:
        one.row_drops = ()


# Other rules between --------------------------------------------------------------------------------------------------


def test_a_part_scanned_by_another_threshold_is_judged_by_the_sweeps_own_again(bench: Bench) -> None:
    crowd(bench)
    bench.hub.add(repository(declared=declared(2_000_000)))
    own = bench.regulation
    sweep(bench)
    first = said(bench).verdicts
    assert first[0].status is IN
    bench.regulation = above(10**12)
    bench.scan(PART, moment=MOMENT + DAY)
    assert said(bench).verdicts[0].status is VerdictStatus.OUT_OF_SCOPE
    bench.regulation = own
    sweep(bench, days=2)
    assert said(bench).verdicts == first


@pytest.mark.parametrize("options", [None, Options(sweep=True)], ids=["as it comes", "whole"])
def test_a_sweep_undoes_a_rescope_by_another_threshold(bench: Bench, options: Options | None) -> None:
    crowd(bench)
    bench.hub.add(repository(declared=declared(2_000_000)))
    sweep(bench)
    first = said(bench).verdicts
    judge_anew(bench, above(10**12))
    assert said(bench).verdicts != first
    sweep(bench, options, days=2)
    assert said(bench).verdicts == first


@pytest.mark.parametrize("rule", [above(10**12), changed_regulation(id="other")], ids=["same rule", "another rule"])
def test_a_scan_of_a_part_undoes_a_rescope(bench: Bench, rule: Regulation) -> None:
    bench.hub.add(repository(declared=declared(2_000_000)))
    bench.scan(PART)
    first = said(bench).verdicts
    judge_anew(bench, rule)
    assert said(bench).verdicts != first
    bench.scan(PART, moment=MOMENT + 2 * DAY)
    own = [verdict for verdict in said(bench).verdicts if verdict.regulation == bench.regulation.id]
    assert own == list(first)


# What was left to be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["reads nothing", "fails to read"])
def test_what_a_sweep_left_is_read_by_the_next_although_a_part_was_scanned_between(bench: Bench, between: str) -> None:
    crowd(bench)
    bench.hub.add(repository())
    unreadable(bench)
    sweep(bench, MOST_MISSING)
    assert said(bench).verdicts[0].status is OPEN
    bench.scan(PART, Options(deep="never") if between == "reads nothing" else MOST_MISSING, moment=MOMENT + DAY)
    bench.hub.clear_faults()
    sweep(bench, days=2)
    assert (said(bench).verdicts[0].status, low(bench)) == (IN, 1_500_000)


def test_what_a_sweep_left_is_read_after_a_suspect_run_of_changes(bench: Bench) -> None:
    some = crowd(bench)[:30]
    bench.hub.add(repository())
    unreadable(bench)
    sweep(bench, MOST_MISSING)
    bench.hub.clear_faults()
    for one in some:
        one.commit("x", on_day(1), changed={"x.txt": Blob.of("a")})
    empty_rows(some)
    assert sweep(bench, days=1) is RunState.SUSPECT
    assert Store(bench.engine).run(2).base == 1
    full_rows(some)
    assert sweep(bench, days=2) is RunState.COMPLETE
    assert (said(bench).verdicts[0].status, low(bench)) == (IN, 1_500_000)


def test_what_a_suspect_sweep_noted_does_not_become_what_is_known(bench: Bench) -> None:
    some = crowd(bench)
    one = repository(downloads=1)
    bench.hub.add(one)
    sweep(bench)
    one.commit("x", LONG_AGO, changed={"model.safetensors": weights(1_600_000)})
    one.card = {"license": "bogus"}
    empty_rows(some)
    unreadable(bench)
    assert sweep(bench, Options(sweep=True), days=1) is RunState.SUSPECT
    assert said(bench).license == "mit"
    one.card = {"license": "mit"}
    full_rows(some)
    bench.hub.clear_faults()
    assert sweep(bench, days=2) is RunState.COMPLETE
    assert (said(bench).license, low(bench)) == ("mit", 1_600_000)


def test_a_gated_model_is_read_once_there_is_a_token(bench: Bench) -> None:
    crowd(bench)
    bench.hub.add(repository(gated="auto"))
    sweep(bench)
    assert said(bench).verdicts[0].status is OPEN
    bench.hub.state.granted.add(NAME)
    sweep(bench, days=1, client=make_client(bench.hub.endpoint, token=TOKEN))
    assert (said(bench).verdicts[0].status, low(bench)) == (IN, 1_500_000)


# Looks that the listing overtakes -------------------------------------------------------------------------------------


def test_a_look_at_an_old_revision_does_not_stand_for_the_one_listed_meanwhile(
    bench: Bench, reads_wait_for_the_listing: Event
) -> None:
    crowd(bench)
    bench.hub.add(repository())
    unreadable(bench)
    sweep(bench, MOST_MISSING)
    bench.hub.clear_faults()
    bench.hub.get(NAME).commit("x", on_day(0.5), changed={"model.safetensors": weights(600_000)})
    reads_wait_for_the_listing.set()
    sweep(bench, days=1)
    assert Store(bench.engine).run(2).base == 1
    assert (said(bench).revision, low(bench)) == (bench.hub.get(NAME).sha, 600_000)
    assert Store(bench.engine).open_counts(2) == 0


def test_a_look_noted_before_leaves_the_gate_and_the_licence_that_are_listed_meanwhile(
    bench: Bench, reads_wait_for_the_listing: Event
) -> None:
    crowd(bench)
    bench.hub.add(repository(downloads=5000))
    unreadable(bench)
    sweep(bench, MOST_MISSING)
    bench.hub.clear_faults()
    bench.hub.get(NAME).gated = "manual"
    bench.hub.get(NAME).card = {"license": "apache-2.0"}
    reads_wait_for_the_listing.set()
    sweep(bench, days=1)
    assert Store(bench.engine).run(2).base == 1
    assert (said(bench).gated, said(bench).license) == ("manual", "apache-2.0")


# Runs that are gone on with -------------------------------------------------------------------------------------------


def stop_at(listed: int, stopping: Event) -> Callable[[Progress], None]:
    """Stops a scan once it has listed so many models."""

    def watch(progress: Progress) -> None:
        if progress.listed >= listed:
            stopping.set()

    return watch


def cut_short(bench: Bench, listed: int, options: Options, days: int = 0) -> None:
    stopping = Event()
    with pytest.raises(Cancelled):
        bench.scan(ALL, options, watch=stop_at(listed, stopping), stopping=stopping, moment=MOMENT + days * DAY)


def test_a_listing_that_empties_everything_is_suspect_also_when_it_is_gone_on_with_at_its_end(bench: Bench) -> None:
    some = crowd(bench, 115)
    sweep(bench)
    before = {name: (one.estimate, one.verdicts) for name, one in bench.models().items()}
    empty_rows(some)
    listing = Options(sweep=True, deep="never")
    cut_short(bench, 100, listing, days=1)
    assert Store(bench.engine).run(2).listed == 100, "fewer are left than make a listing suspect"
    outcome = bench.scan(ALL, listing, moment=MOMENT + DAY)
    assert (outcome.resumed, outcome.state) == (True, RunState.SUSPECT)
    assert {name: (one.estimate, one.verdicts) for name, one in bench.models().items()} == before


def test_a_scan_that_is_to_read_everything_leaves_nothing_of_a_shallower_one_unread(bench: Bench) -> None:
    some = crowd(bench)
    cut_short(bench, 20, Options())
    for day in (0, 1):
        sweep(bench, Options(deep="always"), days=day)
        exact = [one.name for one in bench.models().values() if one.estimate is not None and one.estimate.exact]
        assert len(exact) == len(some)


# What is listed no more, and in which order the rest comes ------------------------------------------------------------


def asked_after(bench: Bench) -> int:
    """Models asked for one by one since the requests were cleared."""
    return sum(one.path.startswith("/api/models/fill/") for one in bench.hub.requests)


@pytest.mark.parametrize(("still_there", "asked"), [(False, 5), (True, 10)], ids=["all gone", "one still there"])
def test_a_sweep_ends_however_many_models_are_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, still_there: bool, asked: int
) -> None:
    monkeypatch.setattr(scanner.listing, "ASKED_AFTER", 5)
    first, *gone = sorted(crowd(bench, 80), key=lambda one: one._id)[:13]
    sweep(bench)
    for one in gone:
        bench.hub.remove(one.id)
    if still_there:
        first.row_drops = ("id", "modelId")
    bench.hub.requests.clear()
    assert sweep(bench, Options(sweep=True), days=28) is RunState.COMPLETE
    assert asked_after(bench) == asked
    deleted = {name for name, one in bench.models().items() if one.distribution is Distribution.DELETED}
    assert deleted == {one.id for one in gone}
    sweep(bench, days=35)
    assert Store(bench.engine).run(3).base == 2, "the sweep counts as whole"


class Disordered:
    """A source whose only page has a row that is older than the ones around it."""

    def __init__(self, *days: str) -> None:
        rows = [{"_id": f"{n:024x}", "id": f"a/b{n}", "lastModified": f"{day}T00:00:00Z"} for n, day in enumerate(days)]
        self.rows = decode_page(json.dumps(rows).encode())[0]

    def page(self, place: str) -> Page:
        return Page(self.rows, [], "next")


@pytest.mark.parametrize(
    ("days", "following"),
    [(("2026-11-20", "2022-01-01", "2026-11-19"), "next"), (("2026-10-31", "2022-01-01"), None)],
    ids=["one out of order", "all behind the moment"],
)
def test_a_row_out_of_order_does_not_end_the_list_of_changes(days: tuple[str, ...], following: str | None) -> None:
    source: Any = Disordered(*days)
    part = ChangedPart(source, ALL.listing("lastModified"), datetime(2026, 11, 1, tzinfo=UTC))
    assert part.step("here").next == following
