"""What a scan covers, in words, and step by step from a stored place."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import Refused, Unanswered, UsageError
from scanner.facts import ModelFacts
from scanner.selection import NAMES_PER_STEP, NamedPart, Selection, Steps
from scanner.sources.huggingface import HuggingFace, Listing, Page


class FakeHub:
    """Pages of two models each; a name with a "!" raises the error after it."""

    def __init__(self, pages: int = 3) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def first_page(self, listing: Listing) -> str:
        return f"/api/models?sort={listing.sort}&limit={listing.page_size}&page=0"

    def page(self, place: str) -> Page:
        self.asked.append(place)
        head, number = place.rsplit("=", 1)
        rows = [facts(f"l/{number}-{n}") for n in range(2)]
        return Page(rows, [], f"{head}={int(number) + 1}" if int(number) + 1 < self.pages else None)

    def model(self, name: str) -> ModelFacts:
        self.asked.append(name)
        _, _, code = name.partition("!")
        if code in ("not-found", "disabled", "gated"):
            raise Refused(code, f"{name} is refused")
        if code:
            raise Unanswered(code, f"{name} is not answered")
        return facts(name)


def facts(name: str) -> ModelFacts:
    return ModelFacts(key=name, name=name, source="huggingface")


def steps(selection: Selection, hub: FakeHub) -> Steps:
    return Steps.of(selection, cast(HuggingFace, hub))


def walk(of: Steps, place: str | None) -> list[Page]:
    pages: list[Page] = []
    while place is not None:
        assert len(pages) < 100, "in circles"
        pages.append(of.step(place))
        place = pages[-1].next
    return pages


def names(pages: Sequence[Page]) -> list[str]:
    return [row.name for page in pages for row in page.rows]


# What is asked for ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({}, "say what to scan"),
        ({"limit": 5}, "say what to scan"),
        ({"author": ""}, "say what to scan"),
        ({"top": 0}, "--top 0"),
        ({"top": 10**9}, "--top 1000000000"),
        ({"everything": True, "limit": 0}, "--limit 0"),
        ({"everything": True, "limit": -1}, "--limit -1"),
    ],
)
def test_what_cannot_be_scanned(wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        Selection(**wanted)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"everything": True}, "--all"),
        ({"everything": True, "limit": 5}, "--all --limit 5"),
        ({"top": 3}, "--top 3"),
        ({"author": "a", "search": "s", "filters": ("x", "b", "x")}, "--author a --search s --filter b --filter x"),
        ({"names": ("o/a", "o/b")}, "models (2): o/a o/b"),
        ({"everything": True, "names": ("o/a",)}, "--all models (1): o/a"),
    ],
)
def test_a_selection_in_words(wanted: dict[str, Any], words: str) -> None:
    assert Selection(**wanted).words() == words


MODELS = st.lists(st.sampled_from([f"o/{n}" for n in range(12)]), min_size=1, max_size=9, unique=True).map(tuple)


@given(MODELS, MODELS)
def test_equal_words_are_equal_selections(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    words = [Selection(names=n).words() for n in (first, second)]
    assert (words[0] == words[1]) == (first == second)


@pytest.mark.parametrize(
    ("wanted", "sweep"),
    [
        ({"everything": True}, True),
        ({"everything": True, "names": ("o/a",)}, True),
        ({"everything": True, "limit": 5}, False),
        ({"everything": True, "top": 5}, False),
        ({"everything": True, "author": "a"}, False),
        ({"everything": True, "search": "a"}, False),
        ({"everything": True, "filters": ("a",)}, False),
        ({"names": ("o/a",)}, False),
        ({"top": 5}, False),
    ],
)
def test_only_everything_is_a_sweep(wanted: dict[str, Any], sweep: bool) -> None:
    assert Selection(**wanted).sweep is sweep


def test_the_listing_asks_for_no_more_than_is_wanted() -> None:
    assert Selection(everything=True).listing() == Listing(page_size=1000)
    assert Selection(top=30).listing() == Listing(sort="downloads", page_size=30)
    assert Selection(top=30, limit=20, names=("o/a",)).listing().page_size == 20
    assert Selection(author="a", search="s", filters=("x",), page_size=50).listing() == Listing(
        "a", "s", ("x",), "createdAt", 50
    )


def test_a_cap_leaves_room_for_the_named() -> None:
    assert Selection(everything=True).cap is None
    assert Selection(names=("o/a",)).cap is None
    assert Selection(top=30, limit=20).cap == 20
    assert Selection(top=30, names=("o/a", "o/b")).cap == 32


# Step by step --------------------------------------------------------------------------------------------------------


def test_a_listing_page_by_page() -> None:
    hub = FakeHub()
    of = steps(Selection(author="o"), hub)
    assert of.first() == "0|/api/models?sort=createdAt&limit=1000&page=0"
    assert names(walk(of, of.first())) == ["l/0-0", "l/0-1", "l/1-0", "l/1-1", "l/2-0", "l/2-1"]


def test_named_models_come_before_the_listing() -> None:
    hub = FakeHub(1)
    wanted = tuple(f"o/{n}" for n in range(NAMES_PER_STEP + 3))
    of = steps(Selection(names=wanted, top=5), hub)
    pages = walk(of, of.first())
    assert [len(page.rows) for page in pages] == [NAMES_PER_STEP, 3, 2]
    assert names(pages[:2]) == list(wanted)
    assert pages[1].next == "1|/api/models?sort=downloads&limit=5&page=0"


@given(st.integers(1, 45), st.integers(1, 4), st.data())
def test_any_stored_place_goes_on_where_it_stopped(count: int, pages: int, data: st.DataObject) -> None:
    selection = Selection(names=tuple(f"o/{n}" for n in range(count)), everything=True)
    whole = walk(steps(selection, FakeHub(pages)), steps(selection, FakeHub(pages)).first())
    cut = data.draw(st.integers(1, len(whole)))
    rest = walk(steps(selection, FakeHub(pages)), whole[cut - 1].next)
    assert names([*whole[:cut], *rest]) == names(whole)


def test_a_model_that_is_refused_is_a_problem_beside_the_others() -> None:
    hub = FakeHub()
    part = NamedPart(
        cast(HuggingFace, hub), ["o/a", "o/b!not-found", "o/c!disabled", "o/d!server-error", "o/e!bad-answer"]
    )
    page = part.step(part.first())
    assert names([page]) == ["o/a"]
    assert [(bad.subject, bad.code) for bad in page.bad] == [
        ("o/b!not-found", "not-found"),
        ("o/c!disabled", "disabled"),
        ("o/d!server-error", "server-error"),
        ("o/e!bad-answer", "bad-answer"),
    ]
    assert page.next is None


@pytest.mark.parametrize("code", ["unreachable", "rate-limited"])
def test_what_the_next_model_would_share_ends_the_step(code: str) -> None:
    hub = FakeHub()
    part = NamedPart(cast(HuggingFace, hub), ["o/a", f"o/b!{code}", "o/c"])
    with pytest.raises(Unanswered):
        part.step(part.first())
    assert "o/c" not in hub.asked


def places(steps: Steps) -> list[str]:
    """The places of a chain, from its first one on."""
    found = []
    place: str | None = steps.first()
    while place is not None:
        found.append(place)
        place = steps.step(place).next
    return found


def test_a_sweep_asks_for_a_page_by_downloads_after_every_tenth_page() -> None:
    hub = FakeHub(pages=35)
    places(Steps.of(Selection(everything=True), cast(HuggingFace, hub)))
    by_downloads = [number for number, asked in enumerate(hub.asked) if "sort=downloads" in asked]
    assert by_downloads == [10, 21, 32]
    assert len(hub.asked) == 35 + 3
    assert [asked.rsplit("=", 1)[1] for asked in hub.asked if "createdAt" in asked] == [str(n) for n in range(35)]


def test_a_sweep_takes_ten_pages_by_downloads_at_most_and_goes_on_without_more() -> None:
    hub = FakeHub(pages=150)
    places(Steps.of(Selection(everything=True), cast(HuggingFace, hub)))
    assert sum("sort=downloads" in asked for asked in hub.asked) == 10
    few = FakeHub(pages=3)
    places(Steps.of(Selection(everything=True), cast(HuggingFace, few)))
    assert len(few.asked) == 3


def test_changes_are_listed_down_to_the_page_that_reaches_behind_the_moment() -> None:
    since = datetime(2026, 1, 10, tzinfo=UTC)

    class Changing(FakeHub):
        def page(self, place: str) -> Page:
            page = super().page(place)
            day = since - timedelta(days=int(place.rsplit("=", 1)[1]) - 1)
            return replace(page, rows=[replace(row, last_modified=day) for row in page.rows])

    hub = Changing(pages=20)
    places(Steps.of(Selection(everything=True), cast(HuggingFace, hub), since))
    changed = [asked for asked in hub.asked if "sort=lastModified" in asked]
    assert [asked.rsplit("=", 1)[1] for asked in changed] == ["0", "1", "2"]
    assert sum("sort=downloads" in asked for asked in hub.asked) == 10
