"""The Hub as a source: pages that resume, pages that are too much, models, texts."""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest

from scanner.errors import BudgetSpent, Refused, Unanswered
from scanner.samplehub import Blob, Fault, Repository, SampleHub
from scanner.sources import huggingface
from scanner.sources.huggingface import MIN_PAGE_SIZE, PAGES_UNTIL_LARGER, HuggingFace, Listing, Page
from scanner.sources.rows import EXPAND
from tests.scanner.helpers import HUB, Script, answer, make_client, restore_library, script

ROWS = b'[{"_id":"621ffdc036468d709f17434d","id":"acme/rocket"}]'


@pytest.fixture(autouse=True)
def _library_as_it_was() -> Iterator[None]:
    yield
    restore_library()


def repositories(count: int) -> list[Repository]:
    """Some, with ties in the time of creation."""
    return [
        Repository(id=f"acme/m{number:03}", created_at=f"2025-04-07T09:12:{number // 5:02}.000Z")
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[SampleHub]:
    with SampleHub(repositories(230), quotas={"api": 10**6, "resolvers": 10**6}) as hub:
        yield hub


@pytest.fixture
def hub(shared_hub: SampleHub) -> Iterator[SampleHub]:
    shared_hub.requests.clear()
    yield shared_hub
    shared_hub.clear_faults()


def source(hub: SampleHub, **more: Any) -> HuggingFace:
    return HuggingFace(make_client(hub.endpoint, **more))


def pages(sut: HuggingFace, cursor: str | None) -> Iterator[Page]:
    while cursor is not None:
        page = sut.page(cursor)
        yield page
        cursor = page.next


def names(found: list[Page]) -> list[str]:
    return [row.name for page in found for row in page.rows]


def limits(hub: SampleHub) -> list[int]:
    return [int(parse_qs(request.query)["limit"][0]) for request in hub.requests]


# Paging ----------------------------------------------------------------------------------------------------------


def test_every_model_comes_once_newest_first(hub: SampleHub) -> None:
    sut = source(hub)
    found = names(list(pages(sut, sut.first_page(Listing(page_size=50)))))
    assert len(found) == 230
    assert sorted(found) == sorted(repository.id for repository in hub.repositories)
    assert len(hub.requests) == 5
    assert all(parse_qs(request.query)["sort"] == ["createdAt"] for request in hub.requests)
    assert all(parse_qs(request.query)["expand"] == list(EXPAND) for request in hub.requests)


def test_a_cursor_is_good_in_another_process(hub: SampleHub) -> None:
    first = source(hub).page(source(hub).first_page(Listing(page_size=100)))
    assert first.next is not None
    assert first.next.startswith("/api/models?")
    rest = list(pages(source(hub), first.next))
    assert len(set(names([first, *rest]))) == 230


def test_the_words_of_a_listing(hub: SampleHub) -> None:
    listing = Listing(author="a&b", search="x y", filters=("license:mit", "日本"), sort="downloads", page_size=7)
    assert (
        source(hub)
        .first_page(listing)
        .startswith(
            "/api/models?limit=7&sort=downloads&author=a%26b&search=x+y"
            "&filter=license%3Amit&filter=%E6%97%A5%E6%9C%AC&expand=sha&"
        )
    )


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/api/models?cursor=x",
        "http://hub.test/api/models?cursor=x",
        "https://hub.test:444/api/models?cursor=x",
        "https://hub.test@evil.test/api/models?cursor=x",
        "//evil.test/api/models?cursor=x",
        "https://hub.test/api/datasets?cursor=x",
        "https://hub.test/evil/api/models?cursor=x",
        "https://hub.test/api/models/../datasets?cursor=x",
        "/logout?next=/api/models",
        "ftp://hub.test/api/models",
    ],
)
def test_a_next_page_elsewhere_is_refused(link: str) -> None:
    server = script(answer(200, {"Link": f'<{link}>; rel="next"'}, ROWS))
    client = server.client(token="hf_secret")
    with pytest.raises(Refused) as caught:
        HuggingFace(client).page("/api/models?limit=1000")
    assert caught.value.code == "foreign-address"
    assert len(server.requests) == 1
    assert server.all_closed


def test_a_next_page_on_another_host_over_sockets(hub: SampleHub) -> None:
    hub.inject(Fault(kind="foreign-cursor"))
    with pytest.raises(Refused, match=r"another host \(http://203.0.113.7/api/models\)"):
        source(hub).page("/api/models?limit=100")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (f'<{HUB}/api/models?limit=9&cursor=a%3D%3D>; rel="next"', "/api/models?limit=9&cursor=a%3D%3D"),
        ('</api/models?cursor=x>; rel="next"', "/api/models?cursor=x"),
        ('<?cursor=x>; rel="next"', "/api/models?cursor=x"),
        (f'<{HUB}/api/models?cursor=p>; rel="prev", <{HUB}/api/models?cursor=n>; rel="next"', "/api/models?cursor=n"),
        (f'<{HUB}/api/models?cursor=p>; rel="prev"', None),
        ("garbage", None),
        ("<", None),
        ("", None),
    ],
)
def test_links(link: str, expected: str | None) -> None:
    server = script(answer(200, {"Link": link}, ROWS))
    assert HuggingFace(server.client()).page("/api/models?limit=9").next == expected


@pytest.mark.parametrize(
    "link", ["<http://[::1>", "<https://hub.test:99999/api/models>", "</api/models?" + "a" * 70_000 + ">"]
)
def test_a_link_that_is_no_address(link: str) -> None:
    server = script(answer(200, {"Link": f'{link}; rel="next"'}, ROWS))
    with pytest.raises((Unanswered, Refused)):
        HuggingFace(server.client()).page("/api/models?limit=9")
    assert server.all_closed


def test_a_listing_that_stands_still_is_no_listing() -> None:
    server = script(answer(200, {"Link": '</api/models?limit=9&cursor=x>; rel="next"'}, ROWS))
    with pytest.raises(Refused, match="same page"):
        HuggingFace(server.client()).page("/api/models?limit=9&cursor=x")


@pytest.mark.parametrize("prefix", ["/hf", "/a/b"])
@pytest.mark.parametrize("knows", [True, False])
def test_an_endpoint_below_a_path(prefix: str, knows: bool) -> None:
    """A server behind a reverse proxy may or may not know of the path that it is published under."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        link = f"<{HUB}{prefix if knows else ''}/api/models?cursor=x>"
        return answer(200, {"Link": f'{link}; rel="next"'} if "cursor" not in str(request.url) else {}, ROWS)

    server = Script(handle)
    sut = HuggingFace(server.client(endpoint=f"{HUB}{prefix}"))
    assert len(list(pages(sut, sut.first_page(Listing())))) == 2
    assert [request.url.path for request in server.requests] == [f"{prefix}/api/models"] * 2


def test_rows_repeated_at_the_end_of_a_page_are_passed_on(hub: SampleHub) -> None:
    hub.inject(Fault(kind="repeat-rows"))
    assert len(source(hub).page("/api/models?limit=100").rows) == 125


def test_one_malformed_row_costs_only_itself() -> None:
    broken = Repository(id="acme/broken", row_changes={"createdAt": 7})
    with SampleHub([broken, *repositories(3)]) as hub:
        sut = source(hub)
        page = sut.page(sut.first_page(Listing()))
    assert len(page.rows) == 3
    assert [(bad.subject, bad.code) for bad in page.bad] == [("acme/broken", "bad-row")]
    assert "createdAt" in page.bad[0].message


# Pages that the server cannot make -------------------------------------------------------------------------------


def deep(hub: SampleHub, size: int) -> str:
    """A cursor in the middle of the listing."""
    cursor = source(hub).page(f"/api/models?sort=createdAt&limit={size}").next
    hub.requests.clear()
    assert cursor is not None
    return cursor


def cursor_of(request: Any) -> list[str]:
    return parse_qs(request.query)["cursor"]


def test_a_page_that_times_out_is_asked_for_in_halves_at_the_same_place(hub: SampleHub) -> None:
    cursor = deep(hub, 200)
    place = dict(parse_qsl(urlsplit(cursor).query))["cursor"]
    hub.inject(Fault(kind="status", status=504, path="limit=200", times=None))
    sut = source(hub, max_retries=1)
    page = sut.page(cursor)
    assert limits(hub) == [200, 200, 100]
    assert all(cursor_of(request) == [place] for request in hub.requests)
    assert len(page.rows) == 30
    assert (sut.client.asked, sut.client.unanswered) == (1, 0)


@pytest.mark.parametrize("kind", ["broken-json", "cut", "reset-mid-body", "html", "stall"])
def test_pages_broken_for_a_while_are_asked_for_again(hub: SampleHub, kind: Any) -> None:
    hub.inject(Fault(kind=kind, seconds=0.6))
    sut = source(hub, read_timeout=0.15)
    assert len(sut.page("/api/models?limit=200").rows) == 200
    assert set(limits(hub)) == {200}
    assert (sut.client.sent, sut.client.asked, sut.client.unanswered) == (2, 1, 0)


def test_a_server_that_is_too_slow_gets_smaller_questions(hub: SampleHub) -> None:
    hub.inject(Fault(kind="stall", seconds=0.6, path="limit=200", times=None))
    sut = source(hub, max_retries=0, read_timeout=0.15)
    assert len(sut.page("/api/models?limit=200").rows) == 100
    deadline = time.monotonic() + 10
    while 200 not in limits(hub) and time.monotonic() < deadline:
        time.sleep(0.02)  # what was given up is noted late, and is not for the next test


def test_a_listing_of_endless_pages_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "PAGE_BYTES", 1 << 18)
    monkeypatch.setattr(huggingface, "ROW_BYTES", 1 << 20)
    found: list[Page] = []
    # A Hub of its own: the shared one may still be noting requests that another test has given up.
    with SampleHub(repositories(20), faults=[Fault(kind="endless", times=None)]) as hub:
        sut = source(hub)
        with pytest.raises(Unanswered, match="more than 1,048,576 bytes") as caught:
            found.extend(pages(sut, "/api/models?sort=createdAt&limit=8"))
        sizes = limits(hub)
        assert all(request.bytes_sent < 16 << 20 for request in hub.requests)
    assert caught.value.code == "bad-answer"
    assert sizes[:5] == [8, 4, 2, 1, 1]  # no second try of the same size
    assert sizes.count(1) == huggingface.ROWS_LOST_IN_A_ROW + 1
    assert sut.client.unanswered == 1


def test_an_endless_answer_without_a_next_page_is_no_lost_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that knows no sizes would else end the listing, and all of its models would be gone."""
    monkeypatch.setattr(huggingface, "PAGE_BYTES", 999)
    monkeypatch.setattr(huggingface, "ROW_BYTES", 9_999)
    server = script(answer(200, body=[b"[", *[ROWS[1:-1] + b","] * 500]))
    with pytest.raises(Unanswered, match="more than 9,999 bytes"):
        HuggingFace(server.client()).page("/api/models?limit=1000")
    assert server.all_closed
    assert all(body.read < 11_000 for body in server.bodies)


def test_halving_ends(hub: SampleHub) -> None:
    hub.inject(Fault(kind="status", status=504, times=None))
    sut = source(hub, max_retries=0)
    with pytest.raises(Unanswered):
        sut.page("/api/models?limit=1000")
    assert limits(hub) == [1000, 500, 250, 125, 62]  # `max_retries` is less than a size may be tried
    assert (sut.client.asked, sut.client.unanswered) == (1, 1)
    for cursor in (f"/api/models?limit={2 * MIN_PAGE_SIZE - 1}", "/api/models", "/api/models?limit=many"):
        hub.requests.clear()
        with pytest.raises(Unanswered):
            sut.page(cursor)
        assert len(hub.requests) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (answer(429, {"Retry-After": "86400"}), Unanswered),
        (httpx2.ConnectError("refused"), Unanswered),
        (answer(400), Refused),
    ],
    ids=["429", "unreachable", "400"],
)
def test_what_a_smaller_page_would_not_mend_is_not_halved(reply: Any, error: type[Exception]) -> None:
    server = script(reply)
    with pytest.raises(error):
        HuggingFace(server.client(max_retries=0)).page("/api/models?limit=1000")
    assert len(server.requests) == 1


def listing_of(count: int, refuse: Callable[[int, int], bool]) -> Script:
    """A listing of `count` models; `refuse(place, limit)` tells which pages time out."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        place, limit = (int(request.url.params.get(name, "0")) for name in ("cursor", "limit"))
        if refuse(place, limit):
            return answer(504)
        rows = [{"_id": f"{n:024x}", "id": f"acme/m{n}"} for n in range(place, min(place + limit, count))]
        link = {"Link": f'</api/models?limit={limit}&cursor={place + limit}>; rel="next"'}
        return answer(200, link if place + limit < count else {}, json.dumps(rows).encode())

    return Script(handle)


def asked(server: Script) -> list[int]:
    return [int(request.url.params["limit"]) for request in server.requests]


def test_pages_grow_again_after_an_outage() -> None:
    outage = [10]

    def refuse(_: int, __: int) -> bool:
        outage[0] -= 1
        return outage[0] >= 0

    server = listing_of(60_000, refuse)
    sut = HuggingFace(server.client(max_retries=2))
    found = names(list(pages(sut, "/api/models?limit=1000")))
    assert len(found) == len(set(found)) == 60_000
    sizes = asked(server)
    assert sizes[:11] == [1000, 1000, 500, 500, 250, 250, 125, 125, 62, 62, 62]
    assert sizes[-1] == 1000
    assert len(server.requests) < 140
    assert sut.client.unanswered == 0
    assert all("#" not in str(request.url) for request in server.requests)


def test_pages_grow_again_after_a_restart() -> None:
    outage = [True]
    server = listing_of(40_000, lambda _, limit: outage[0] and limit > 300)
    first = HuggingFace(server.client(max_retries=0)).page("/api/models?limit=1000")
    assert first.next == "/api/models?limit=250&cursor=250#1000"
    outage[0] = False
    rest = list(pages(HuggingFace(server.client()), first.next))
    assert asked(server)[-1] == 1000
    assert len(set(names([first, *rest]))) == 40_000


def test_pages_that_stay_too_large_are_seldom_tried() -> None:
    server = listing_of(30_000, lambda _, limit: limit > 500)
    sut = HuggingFace(server.client(max_retries=0))
    assert len(names(list(pages(sut, "/api/models?limit=1000")))) == 30_000
    sizes = asked(server)
    assert sizes.count(500) == 60
    assert sizes.count(1000) <= 1 + 60 // PAGES_UNTIL_LARGER


# Pages that are too long -----------------------------------------------------------------------------------------


def heavy(count: int, length: Callable[[int], int]) -> Script:
    """A listing of `count` models, the n-th of them with so many bytes of card data."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        place, limit = (int(request.url.params.get(name, "0")) for name in ("cursor", "limit"))
        rows = [row(n, length(n)) for n in range(place, min(place + limit, count))]
        body = [b"[", *(part for n, one in enumerate(rows) for part in (b"," * (n > 0), one)), b"]"]
        link = {"Link": f'</api/models?limit={limit}&cursor={place + limit}>; rel="next"'}
        return answer(200, link if place + limit < count else {}, body)

    return Script(handle)


def row(number: int, length: int) -> bytes:
    head = f'{{"_id":"{number:024x}","id":"acme/m{number}","cardData":{{"text":"'.encode()
    return head + b"x" * length + b'"}}'


def everything(server: Script) -> list[str]:
    sut = HuggingFace(server.client())
    found = names(list(pages(sut, "/api/models?limit=1000")))
    assert (sut.client.unanswered, server.all_closed) == (0, True)
    return found


def test_a_page_that_is_too_long_is_left_and_asked_for_in_pieces() -> None:
    server = heavy(3000, lambda n: 10_000 if 1000 <= n < 2000 else 10)
    assert len(set(everything(server))) == 3000
    assert asked(server) == [1000, 1000, 500, 500, 500, 1000]
    assert server.bodies[1].read < huggingface.PAGE_BYTES + 20_000


def test_pages_stay_small_while_the_rows_are_long() -> None:
    server = heavy(20_000, lambda n: 10_000 if n < 10_000 else 10)
    assert len(set(everything(server))) == 20_000
    sizes = asked(server)
    assert sizes[:21] == [1000] + [500] * 20
    assert sizes[21:] == [500] + [1000] * 10


@pytest.mark.parametrize("place", [0, 1, 499, 500, 999])
def test_a_row_longer_than_a_page_comes_alone_and_costs_its_own_page_only(place: int) -> None:
    server = heavy(3000, lambda n: 9 << 20 if n == 1000 + place else 10)
    assert len(set(everything(server))) == 3000
    sizes = asked(server)
    assert len(sizes) < 3 + 2 * 11
    assert sizes[-1] == 1000


def test_a_row_that_nobody_can_read_is_lost_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "ROW_BYTES", 9 << 20)
    server = heavy(2500, lambda n: 40 << 20 if n == 1234 else 10)
    sut = HuggingFace(server.client())
    found = list(pages(sut, "/api/models?limit=1000"))
    assert len(set(names(found))) == 2499
    assert [(bad.subject, bad.code) for page in found for bad in page.bad] == [("acme/m1234", "bad-row")]
    assert max(body.read for body in server.bodies) < 50 << 20
    assert (sut.client.unanswered, server.all_closed) == (0, True)


def test_a_heavy_tail_costs_few_requests_more() -> None:
    """One row in a hundred carries 200 kB."""
    draws = random.Random(6)
    lengths = [200_000 if draws.random() < 0.01 else 800 for _ in range(60_000)]
    server = heavy(60_000, lambda n: lengths[n])
    assert len(set(everything(server))) == 60_000
    assert len(server.requests) <= 1.1 * 60


def test_json_that_only_looks_like_it_is_asked_for_again(hub: SampleHub) -> None:
    server = script(answer(200, body=b"[{]"), answer(200, body=b"[}]"), answer(200, body=ROWS))
    sut = HuggingFace(server.client())
    assert len(sut.page("/api/models?limit=1000").rows) == 1
    assert (len(server.requests), sut.client.unanswered) == (3, 0)
    with pytest.raises(Unanswered, match="unusable JSON"):
        HuggingFace(script(answer(200, body=b"[{]")).client()).page("/api/models?limit=1000")


# Models ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def population() -> Iterator[SampleHub]:
    made = [
        Repository(id="acme/rocket", files={"a.bin": Blob.of(b"x" * 99)}, former_ids=("old/rocket", "rocket")),
        Repository(id="acme/disabled", disabled=True),
        Repository(id="acme/private", private=True),
        Repository(id="acme/gated", gated="manual", files={"a.bin": Blob.of(b"x"), "README.md": Blob.of("card")}),
        Repository(id="acme/texts", files={"README.md": Blob.of("card " * 100_000), "LICENSE": Blob.of("")}),
    ]
    with SampleHub(made, quotas={"api": 10**6, "resolvers": 10**6}) as hub:
        yield hub
        hub.clear_faults()


@pytest.mark.parametrize("name", ["acme/rocket", "old/rocket", "rocket"])
def test_a_model_with_sizes_and_digests_by_any_of_its_names(population: SampleHub, name: str) -> None:
    found = source(population).model(name)
    assert found.name == "acme/rocket"
    assert found.files is not None
    assert {entry.path: entry.size for entry in found.files}["a.bin"] == 99
    assert found.digests["a.bin"] == population.get("acme/rocket").files["a.bin"].sha256
    assert source(population).model(name, found.sha).sha == found.sha


@pytest.mark.parametrize(
    ("name", "revision", "code"),
    [
        ("acme/none", None, "not-found"),
        ("acme/private", None, "not-found"),
        ("acme/disabled", None, "disabled"),
        ("acme/rocket", "nowhere", "revision-not-found"),
        ("acme/rocket", "..", "revision-not-found"),
    ],
)
def test_models_that_are_not_to_be_had(population: SampleHub, name: str, revision: str | None, code: str) -> None:
    sut = source(population)
    with pytest.raises(Refused) as caught:
        sut.model(name, revision)
    assert caught.value.code == code
    assert (sut.client.asked, sut.client.unanswered) == (1, 0)


@pytest.mark.parametrize("name", ["", "/", "acme/", "/rocket", "acme//rocket"])
def test_a_name_that_is_none_is_not_asked_for(name: str) -> None:
    server = script(answer(200, body=ROWS))
    with pytest.raises(Refused) as caught:
        HuggingFace(server.client()).model(name)
    assert caught.value.code == "not-found"
    assert server.requests == []


def test_names_and_revisions_are_quoted() -> None:
    server = script(answer(404))
    for name, revision in (("../x", None), ("a b/c?d#e", "refs/pr/1"), ("acme/..", "..")):
        with pytest.raises(Refused):
            HuggingFace(server.client()).model(name, revision)
    assert [request.url.raw_path.decode() for request in server.requests] == [
        "/api/models/%2E%2E/x?blobs=true",
        "/api/models/a%20b/c%3Fd%23e/revision/refs%2Fpr%2F1?blobs=true",
        "/api/models/acme/%2E%2E/revision/%2E%2E?blobs=true",
    ]


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'{"id":"a/b"}', b'{"_id":"x","id":"a/b","createdAt":7}', b"[" * 9999]
)
def test_a_model_page_of_another_shape_is_final(body: bytes) -> None:
    server = script(answer(200, body=body))
    client = server.client()
    with pytest.raises((Refused, Unanswered)) as caught:
        HuggingFace(client).model("acme/rocket")
    assert caught.value.code == "bad-row"
    assert (len(server.requests), client.unanswered) == (1, 0)


def test_a_model_page_cut_short_is_asked_for_again() -> None:
    server = script(answer(200, body=ROWS[1:20]), answer(200, body=ROWS[1:-1]))
    assert HuggingFace(server.client()).model("acme/rocket").name == "acme/rocket"
    with pytest.raises(Unanswered):
        HuggingFace(script(answer(200, body=b"<html>")).client()).model("acme/rocket")


# Texts -----------------------------------------------------------------------------------------------------------


def test_texts_are_read_to_a_limit(population: SampleHub) -> None:
    sut = source(population)
    assert sut.text("acme/texts", "main", "README.md", max_bytes=12) == b"card card ca"
    assert len(sut.text("acme/texts", "main", "README.md", max_bytes=300_001)) == 300_001
    assert len(sut.text("acme/texts", "main", "README.md", max_bytes=1 << 20)) == 500_000
    assert sut.text("acme/texts", "main", "LICENSE", max_bytes=99) == b""


def test_texts_that_are_not_to_be_had(population: SampleHub) -> None:
    sut = source(population)
    for model, path, code in (("acme/gated", "README.md", "gated"), ("acme/texts", "NOTICE", "file-not-found")):
        with pytest.raises(Refused) as caught:
            sut.text(model, "main", path, max_bytes=99)
        assert caught.value.code == code


def test_a_text_that_breaks_off_is_unanswered_and_no_error_of_a_reader() -> None:
    data = b"x" * 300_000
    first = answer(206, {"Content-Range": f"bytes 0-131071/{len(data)}"}, data[:131_072])
    sut = HuggingFace(script(first, answer(503)).client())
    with pytest.raises(Unanswered) as caught:
        sut.text("acme/texts", "main", "README.md", max_bytes=1 << 20)
    assert caught.value.code == "read-failed"


def test_the_budget_ends_a_text() -> None:
    sut = HuggingFace(script(answer(200)).client(max_requests=0))
    with pytest.raises(BudgetSpent):
        sut.text("acme/texts", "main", "README.md", max_bytes=1 << 20)


def charged(hub: SampleHub) -> int:
    """Units of the file quota since the last time."""
    count = sum(request.bucket == "resolvers" for request in hub.requests)
    hub.requests.clear()
    return count


def test_a_text_at_a_commit_costs_one_unit(population: SampleHub) -> None:
    sut, sha = source(population), population.get("acme/texts").sha
    charged(population)
    assert sut.text("acme/texts", sha, "LICENSE", max_bytes=99) == b""
    assert charged(population) == 1
    assert sut.text("acme/texts", "main", "README.md", max_bytes=4) == b"card"
    assert charged(population) == 2  # a branch may have moved: its address tells where to
    with pytest.raises(Refused):
        sut.text("acme/gated", population.get("acme/gated").sha, "README.md", max_bytes=99)
    assert charged(population) == 1


def test_texts_are_had_from_a_hub_without_that_cache_too(
    population: SampleHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface, "MISSES_IN_CACHE", 2)
    sut, repository = (
        source(population),
        population.get("acme/rocket"),
    )  # its files are large ones, which the cache has not
    charged(population)
    assert [sut.text("acme/rocket", repository.sha, "a.bin", max_bytes=3) for _ in range(4)] == [b"xxx"] * 4
    assert charged(population) == 2 + 2 + 1 + 1
    with pytest.raises(Refused) as caught:
        source(population).text("acme/texts", population.get("acme/texts").sha, "NOTICE", max_bytes=9)
    assert caught.value.code == "file-not-found"
