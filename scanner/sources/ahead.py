"""The pages of a listing, one fetched ahead of the one that is worked on.

Only the fetching is done ahead (one page, in a thread of its own): what comes of a page is made in the caller's thread,
so that pages cost their caller the longer of the two times and not the sum.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Generic, NamedTuple, Protocol, Self, TypeVar


class Linked(Protocol):
    """Something that names what follows it."""

    @property
    def next(self) -> str | None:
        """The place of what follows; None at the end."""
        ...


Raw = TypeVar("Raw", bound=Linked)
Made = TypeVar("Made", bound=Linked)


class Step(NamedTuple, Generic[Made]):
    """One page of a listing.

    Attributes:
        place: its own cursor.
        page: what is on it.
        next: the cursor of the page after it; None where it is the last.
    """

    place: str
    page: Made
    next: str | None


class _Task(Generic[Raw]):
    """One page that is being fetched in a thread."""

    def __init__(self, place: str, fetch: Callable[[str], Raw], bound: AbstractContextManager[None]) -> None:
        self.place = place
        self._fetch, self._bound = fetch, bound
        self._found: Raw | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="page-ahead", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._bound:
                self._found = self._fetch(self.place)
        except BaseException as error:  # noqa: BLE001 - raised again where the page is asked for
            self._error = error

    def result(self) -> Raw:
        """The page, or the error that it ended with."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._found is not None  # noqa: S101 - a fetch returns or raises
        return self._found

    def join(self) -> None:
        """Wait until nothing is done any more."""
        self._thread.join()


class Ahead(Generic[Raw, Made]):
    """Iterates over `Step`s; to be used in a `with` block, which ends the fetching however it is left.

    An error of a fetch is raised where its page would come, after all pages before it; a later iteration would begin at
    the first page again. A page is not fetched ahead where the rows that are wanted may have come with those before it.
    """

    def __init__(
        self,
        fetch: Callable[[str], Raw],
        finish: Callable[[str, Raw], Made],
        first: str,
        abandonable: Callable[[threading.Event], AbstractContextManager[None]],
        *,
        most: int | None = None,
        size: Callable[[str], int] = lambda _: 0,
    ) -> None:
        """Nothing is fetched before the first page is asked for.

        Args:
            fetch: gets the page of a place; called in another thread, one call at a time.
            finish: makes of it what the caller works with.
            first: the place of the first page.
            abandonable: makes the waits of a thread end once an event is set.
            most: rows that are wanted.
            size: rows that the page of a place has at most.
        """
        self._fetch, self._finish, self._first = fetch, finish, first
        self._abandonable, self._most, self._size = abandonable, most, size
        self._given_up = threading.Event()
        self._task: _Task[Raw] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Step[Made]]:
        place: str | None = self._first
        asked = 0
        while place is not None and not self._given_up.is_set():
            fetched = self._take(place)
            asked += self._size(place)
            if fetched.next is not None and (self._most is None or asked < self._most):
                self._task = _Task(fetched.next, self._fetch, self._abandonable(self._given_up))
            page = self._finish(place, fetched)
            yield Step(place, page, page.next)
            place = page.next

    def close(self) -> None:
        """Give up what is being fetched, and wait until its thread has ended."""
        self._given_up.set()
        task, self._task = self._task, None
        if task is not None:
            task.join()

    def _take(self, place: str) -> Raw:
        """The page of a place: from the thread where that is what it fetches."""
        task, self._task = self._task, None
        if task is not None and task.place == place:
            return task.result()
        if task is not None:  # the page before was asked for again, and ends elsewhere now
            task.join()
        return self._fetch(place)
