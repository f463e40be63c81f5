"""What a Hub tells of a token, of the quota and of the time, as real Hubs and strange servers answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from scanner.errors import Unanswered
from scanner.sources.http import Limits
from scanner.sources.probe import Account, HubState, TokenState, probe, seconds_ahead
from tests.scanner.helpers import CDN, HUB, Script, answer, restore_library

SOME = "hf_a"
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
NOON_TEXT = "Mon, 23 Nov 2026 12:00:00 GMT"
ROW = {"_id": "5f0c74a0a4d5e40001a1b2c3", "id": "owner/model"}


@pytest.fixture(autouse=True)
def _library() -> Iterator[None]:
    yield
    restore_library()


def whoami(role: str, **more: Any) -> bytes:
    return json.dumps({"type": "user", "name": "me", "auth": {"accessToken": {"role": role, **more}}}).encode()


def asked(server: Script, token: str | None = SOME) -> HubState:
    return probe(HUB, token, "0.test", Limits(max_retries=0, max_wait_seconds=1.0), server)


def hub(who: httpx2.Response) -> Script:
    """A Hub that answers so to whoami, lists one model, and redirects its files."""
    answers = {
        "/api/whoami-v2": lambda: answer(who.status_code, dict(who.headers), who.read()),
        "/api/models": lambda: answer(200, body=json.dumps([ROW]).encode()),
    }
    elsewhere = {"location": f"{CDN}/file", "ratelimit": '"resolvers";r=7;t=9'}
    return Script(lambda request: answers.get(request.url.path, lambda: answer(302, elsewhere))())


@pytest.mark.parametrize(
    ("body", "account"),
    [
        (whoami("read"), Account("me", "read", may_write=False)),
        (whoami("write"), Account("me", "write", may_write=True)),
        (
            whoami("fineGrained", fineGrained={"global": ["discussion.write"], "scoped": []}),
            Account("me", "fineGrained", may_write=False),
        ),
        (
            whoami("fineGrained", fineGrained={"scoped": [{"permissions": ["repo.content.read", "repo.write"]}]}),
            Account("me", "fineGrained", may_write=True),
        ),
        (b'{"type": "user", "name": "me"}', Account("me", "", may_write=False)),
        (b'{"name": "me", "auth": {"type": "oauth", "accessToken": null}}', Account("me", "", may_write=False)),
    ],
)
def test_the_role_of_a_token_is_told(body: bytes, account: Account) -> None:
    state = asked(hub(answer(200, body=body)))
    assert (state.token, state.account) == (TokenState.ACCEPTED, account)
    assert state.answered


@pytest.mark.parametrize(
    ("status", "body"), [(404, b""), (403, b""), (200, b"<html>"), (200, b'{"name": 3}'), (200, b"[]"), (503, b"")]
)
def test_a_server_that_says_nothing_of_tokens_leaves_it_open(status: int, body: bytes) -> None:
    server = hub(answer(status, body=body))
    state = asked(server)
    assert (state.token, state.account) == (TokenState.UNKNOWN, None)
    assert state.token_detail
    assert state.answered
    assert all(request.headers["authorization"] == "Bearer hf_a" for request in server.requests)
    assert server.all_closed


def test_a_refused_token_is_not_sent_again() -> None:
    server = hub(answer(401, body=b'{"error": "Invalid username or password."}'))
    state = asked(server)
    assert state.token is TokenState.REFUSED
    assert state.answered
    assert ["authorization" in request.headers for request in server.requests] == [True, False, False]


def test_without_a_token_nobody_asks_whose_it_is() -> None:
    server = hub(answer(200))
    assert asked(server, None).token is TokenState.NONE
    assert [request.url.path for request in server.requests] == ["/api/models", "/owner/model/resolve/main/README.md"]


def test_the_quota_of_files_is_told_by_a_redirect_that_is_not_followed() -> None:
    server = hub(answer(200, body=whoami("read")))
    assert asked(server).quotas["resolvers"].remaining == 7
    assert not any(str(request.url).startswith(CDN) for request in server.requests)


def test_what_an_error_says_of_quota_and_time_counts_too() -> None:
    headers = {"ratelimit": '"api";r=0;t=55', "date": NOON_TEXT}
    state = asked(Script(lambda _: answer(429, headers)))
    assert isinstance(state.listing, Unanswered)
    assert state.listing.code == "rate-limited"
    assert state.quotas["api"].remaining == 0
    assert state.ahead is not None


@pytest.mark.parametrize(
    ("date", "age", "ahead"),
    [
        (NOON_TEXT, None, 99.5),
        (NOON_TEXT, "60", 39.5),
        (NOON_TEXT, "a while", 99.5),
        ("Mon, 23 Nov 2026 12:00:00 -0000", None, 99.5),
        (None, None, None),
        ("noon", None, None),
        ("Mon, 23 Nov 99999999999 12:00:00 GMT", None, None),
    ],
)
def test_how_far_a_clock_is_ahead(date: str | None, age: str | None, ahead: float | None) -> None:
    assert seconds_ahead(date, NOON + timedelta(seconds=100), age) == ahead
