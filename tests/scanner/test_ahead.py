"""Pages fetched ahead: in order, one at a time, errors where they belong, and nothing left behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import pytest

from scanner.errors import Cancelled, Refused
from scanner.samplehub import Fault, Repository, SampleHub
from scanner.sources.ahead import Ahead, Step
from scanner.sources.http import API, HubClient
from scanner.sources.huggingface import HuggingFace
from tests.scanner.helpers import make_client, restore_library

SOON = 10.0  # seconds after which a test has hung


@pytest.fixture(autouse=True)
def _library_as_it_was() -> Iterator[None]:
    yield
    restore_library()


@dataclass(frozen=True)
class Sheet:
    """A page of a listing that is numbers."""

    next: str | None


def no_bound(_: threading.Event) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass
class Book:
    """A listing of so many pages, which notes who fetches what."""

    count: int
    fails_at: int | None = None

    def __post_init__(self) -> None:
        self.fetched: list[tuple[str, bool]] = []
        self.came = threading.Condition()

    def fetch(self, place: str) -> Sheet:
        with self.came:
            self.fetched.append((place, threading.current_thread() is threading.main_thread()))
            self.came.notify_all()
        if int(place) == self.fails_at:
            raise Refused("gone", f"no page {place}")
        following = int(place) + 1
        return Sheet(str(following) if following < self.count else None)

    def wait_for(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.fetched) >= count, SOON)

    def pages(self, finish: Callable[[str, Sheet], Sheet] = lambda _, sheet: sheet, **more: int) -> Ahead[Sheet, Sheet]:
        return Ahead(self.fetch, finish, "0", no_bound, size=lambda _: 10, **more)


def test_every_page_comes_once_with_its_place_and_the_next() -> None:
    book = Book(4)
    with book.pages() as steps:
        found = list(steps)
    assert found == [Step(str(n), Sheet(following), following) for n, following in enumerate(["1", "2", "3", None])]
    assert [place for place, _ in book.fetched] == ["0", "1", "2", "3"]


def test_the_next_page_is_fetched_elsewhere_while_this_one_is_worked_on_and_no_other() -> None:
    book = Book(9)
    with book.pages() as steps:
        for number, _ in enumerate(steps, 1):
            book.wait_for(min(number + 1, 9))
            assert len(book.fetched) == min(number + 1, 9)
    assert [here for _, here in book.fetched] == [True] + [False] * 8


def test_pages_are_made_by_the_caller() -> None:
    threads = set()

    def finish(_: str, sheet: Sheet) -> Sheet:
        threads.add(threading.current_thread())
        return sheet

    with Book(3).pages(finish) as steps:
        assert len(list(steps)) == 3
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_error_comes_after_all_pages_before_it(place: int) -> None:
    with Book(5, fails_at=place).pages() as steps:
        found = iter(steps)
        assert [next(found).place for _ in range(place)] == [str(n) for n in range(place)]
        with pytest.raises(Refused, match=f"no page {place}"):
            next(found)


def test_a_page_that_is_asked_for_again_may_end_elsewhere() -> None:
    """What was fetched for the place that is not next any more is dropped."""
    book = Book(6)
    with book.pages(lambda place, sheet: Sheet("4") if place == "1" else sheet) as steps:
        assert [step.place for step in steps] == ["0", "1", "4", "5"]


def test_a_page_that_may_not_be_needed_is_not_fetched_ahead() -> None:
    book = Book(9)
    with book.pages(most=30) as steps:
        found = iter(steps)
        for _ in range(3):
            next(found)
    assert [place for place, _ in book.fetched] == ["0", "1", "2"]
    with Book(9).pages(most=30) as steps:  # rows that did not count make more pages necessary
        assert len(list(steps)) == 9


def test_leaving_early_leaves_no_thread_behind() -> None:
    with Book(9).pages() as steps:
        next(iter(steps))
    assert [thread for thread in threading.enumerate() if thread.name == "page-ahead"] == []
    assert list(steps) == []


# Of the Hub ------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub() -> Iterator[SampleHub]:
    made = [Repository(id=f"acme/m{number:02}") for number in range(30)]
    with SampleHub(made) as sample:
        yield sample


def test_a_listing(hub: SampleHub) -> None:
    source = HuggingFace(make_client(hub.endpoint))
    with source.pages("/api/models?sort=createdAt&limit=7") as steps:
        found = list(steps)
    assert len({row.key for step in found for row in step.page.rows}) == 30
    assert [step.next for step in found] == [*(step.place for step in found[1:]), None]
    assert len(hub.requests) == 5


def test_only_the_pages_that_are_wanted_are_asked_for(hub: SampleHub) -> None:
    source = HuggingFace(make_client(hub.endpoint))
    with source.pages("/api/models?sort=createdAt&limit=7", most=14) as steps:
        found = iter(steps)
        assert sum(len(next(found).page.rows) for _ in range(2)) == 14
    assert len(hub.requests) == 2


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_page_that_stalls_holds_nobody_up(hub: SampleHub, cancelled: bool) -> None:
    hub.inject(Fault(kind="stall", seconds=3600, first=2, times=None))
    client = make_client(hub.endpoint, read_timeout=3600)
    with HuggingFace(client).pages("/api/models?sort=createdAt&limit=7") as steps:
        found = iter(steps)
        next(found)
        if cancelled:
            threading.Timer(0.05, client.cancelled.set).start()
            with pytest.raises(Cancelled):
                next(found)
    assert [thread for thread in threading.enumerate() if thread.name == "page-ahead"] == []


def test_a_page_that_waits_for_the_quota_holds_nobody_up(hub: SampleHub) -> None:
    client = HubClient(hub.endpoint, None, "0.test")  # whose waits are real
    wait, reached = client.gate.sleep, threading.Event()

    def sleep(seconds: float) -> None:
        reached.set()
        wait(seconds)

    client.gate.sleep = sleep
    with HuggingFace(client).pages("/api/models?sort=createdAt&limit=7") as steps:
        client.gate.learn(API, 1, 300, 500)
        next(iter(steps))
        assert reached.wait(SOON)
    assert [thread for thread in threading.enumerate() if thread.name == "page-ahead"] == []
