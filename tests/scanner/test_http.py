"""What a request becomes, whatever the server answers: the whole table, and the ways of real sockets."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest
import responses
from huggingface_hub import constants as hf_constants

from scanner.errors import BudgetSpent, Cancelled, HubscopeError, Refused, SourceError, Unanswered, UsageError
from scanner.samplehub import TOKEN, Blob, Fault, Repository, SampleHub
from scanner.sources import http, replies
from scanner.sources.http import API, RESOLVERS, HubClient
from scanner.sources.replies import Unusable, read_capped
from tests.bridge import bridged_session
from tests.scanner.helpers import HUB, Clock, Script, answer, make_client, restore_library, script

PATH = "/api/models/acme/rocket"
SECRET = "hf_" + "x" * 34
PATIENT = 300.0  # seconds without a byte: no machine is so busy that a time-out comes before what is tested


@pytest.fixture(autouse=True)
def _library_as_it_was() -> Iterator[None]:
    yield
    restore_library()


def body_of(response: httpx2.Response) -> bytes:
    return read_capped(response, 1 << 20)


def get(client: HubClient, path: str = PATH, **more: Any) -> bytes:
    return client.ask(path, bucket=API, consume=body_of, **more)


# The table: every status x error code x rate-limit words ---------------------------------------------------------

RETRIED = {
    408: "server-error",
    425: "server-error",
    429: "rate-limited",
    500: "server-error",
    502: "server-error",
    503: "server-error",
    504: "server-error",
    # Neither an error nor an answer to a plain question:
    206: "bad-answer",
    301: "bad-answer",
    302: "bad-answer",
    307: "bad-answer",
    308: "bad-answer",
}
PLAIN = {
    400: "bad-request",
    401: "not-found",
    403: "forbidden",
    404: "not-found",
    410: "not-found",
    416: "bad-answer",
    451: "disabled",
}
"""Codes of the final statuses where no header tells more."""
STATUSES = (200, *RETRIED, *PLAIN)

ERRORS: dict[str, tuple[dict[str, str], str | None]] = {
    "none": ({}, None),
    "repo": ({"X-Error-Code": "RepoNotFound"}, "not-found"),
    "gated": ({"X-Error-Code": "GatedRepo"}, "gated"),
    "revision": ({"X-Error-Code": "RevisionNotFound"}, "revision-not-found"),
    "entry": ({"X-Error-Code": "EntryNotFound"}, "file-not-found"),
    "unknown": ({"X-Error-Code": "Whatever"}, None),
    "disabled": ({"X-Error-Message": "Access to this resource is disabled."}, "disabled"),
    "token": ({"X-Error-Message": "Invalid credentials in Authorization header"}, None),
}
"""Headers, and the code they stand for whatever the final status is."""

SOON = "in a minute"
RATES: dict[str, tuple[dict[str, str], float | str | None]] = {
    "absent": ({}, None),
    "left": ({"RateLimit": '"api";r=9;t=40', "RateLimit-Policy": '"fixed window";"api";q=10;w=300'}, None),
    "spent": ({"RateLimit": '"api";r=0;t=20', "RateLimit-Policy": '"fixed window";"api";q=10;w=300'}, 21),
    "spent, no policy": ({"RateLimit": '"api";r=0;t=20'}, 21),
    "spent for a day": ({"RateLimit": '"api";r=0;t=86400'}, "never"),
    "garbage": ({"RateLimit": "api: none left"}, None),
    "figures without end": ({"RateLimit": f'"api";r=0;t={"9" * 5000}'}, None),
    "nobody's figures": ({"RateLimit": f'"api";r=0;t={"9" * 400}'}, None),
    "seconds": ({"Retry-After": "30"}, 30),
    "spent and seconds": ({"RateLimit": '"api";r=0;t=20', "Retry-After": "3"}, 21),
    "left and seconds": ({"RateLimit": '"api";r=9;t=40', "Retry-After": "12"}, 12),
    "date": ({"Retry-After": SOON}, 60),
    "date gone by": ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, None),
    "date of no calendar": ({"Retry-After": "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"}, None),
    "a day": ({"Retry-After": "86400"}, "never"),
    "digits without end": ({"Retry-After": "9" * 5000}, "never"),
    "zero": ({"Retry-After": "0"}, None),
    "negative": ({"Retry-After": "-5"}, None),
    "words": ({"Retry-After": "soon"}, None),
}
"""Headers, and the seconds between two tries: a number, None for the usual pause, or "never" for no second try."""
RETRIES = 1
USUAL = (0.375, 0.625)  # seconds, shortest and longest, before the second try


def rate_headers(name: str) -> dict[str, str]:
    headers = RATES[name][0]
    if headers.get("Retry-After") == SOON:
        return {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=60.5), usegmt=True)}
    return headers


def check_waits(marks: list[float], clock: Clock, rate: str) -> None:
    """An answer that may be asked for again: as many tries, and as long waits, as the server's words allow."""
    pause = RATES[rate][1]
    if pause == "never":
        assert len(marks) == 1, rate
        assert sum(clock.slept) < USUAL[1], rate
        return
    assert len(marks) == RETRIES + 1, rate
    waited = marks[1] - marks[0]
    assert (USUAL[0] <= waited <= USUAL[1]) if pause is None else waited == pytest.approx(pause, abs=1.01), rate


def check_outcome(status: int, error: str, outcome: Any) -> None:
    """The final word on an answer that is not asked for again."""
    if status == 200:
        assert outcome == b'{"error": "a sentence of the server"}'
    elif status == 401 and error == "token":
        assert isinstance(outcome, UsageError)
        assert "HF_TOKEN" in str(outcome)
    else:
        assert isinstance(outcome, Refused)
        assert outcome.code == (ERRORS[error][1] or PLAIN[status])


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_answer_is_told_apart(status: int, error: str) -> None:
    for rate in RATES:
        clock = Clock()
        marks: list[float] = []  # when each request came
        client = make_client(HUB, clock, token=SECRET, max_retries=RETRIES, session_factory=bridged_session)
        headers = ERRORS[error][0] | rate_headers(rate)

        def reply(
            _: Any, headers: dict[str, str] = headers, clock: Clock = clock, marks: list[float] = marks
        ) -> tuple[int, dict[str, str], bytes]:
            marks.append(clock.now)
            return status, headers, b'{"error": "a sentence of the server"}'

        with responses.RequestsMock() as wire:
            wire.add_callback("GET", HUB + PATH, callback=reply)
            try:
                outcome: Any = get(client)
            except HubscopeError as raised:
                outcome = raised
            assert all(call.request.headers["authorization"] == f"Bearer {SECRET}" for call in wire.calls)
        assert (client.asked, client.requests) == (1, {API: len(marks)})
        assert SECRET not in str(outcome)
        if isinstance(outcome, SourceError):
            assert "hub.test/api/models/acme/rocket" in str(outcome)
        if status not in RETRIED:
            check_outcome(status, error, outcome)
            assert (len(marks), clock.slept, client.unanswered) == (1, [], 0)
            continue
        assert isinstance(outcome, Unanswered), rate
        # A bucket that is spent for a day is noticed at the gate, before the second try.
        assert outcome.code == RETRIED[status] or (rate == "spent for a day" and outcome.code == "rate-limited"), rate
        assert client.unanswered == 1
        if RETRIED[status] == "bad-answer" and "Retry-After" in headers:
            continue  # no error, and so no wish to wait: see the next test
        check_waits(marks, clock, rate)


def test_a_redirect_to_nowhere_is_asked_for_again_but_waits_by_no_header() -> None:
    clock = Clock()
    client = script(answer(302, {"Retry-After": "30"})).client(clock)
    with pytest.raises(Unanswered, match="answered 302") as caught:
        get(client)
    assert caught.value.code == "bad-answer"
    assert sum(clock.slept) < 2


@pytest.mark.parametrize("status", [507, 520, 524, 529, 599])
def test_what_proxies_answer_may_pass(status: int) -> None:
    server = script(answer(status), answer(200, body=b"ok"))
    assert get(server.client()) == b"ok"


@pytest.mark.parametrize("status", [402, 405, 409, 418, 431, 501, 505, 999])
def test_any_other_status_is_final(status: int) -> None:
    server = script(answer(status, {"X-Error-Message": "no such luck"}))
    client = server.client()
    with pytest.raises(Refused, match=rf"answered {status} \(no such luck\)") as caught:
        get(client)
    assert caught.value.code == "bad-answer"
    assert client.sent == 1


def test_an_anonymous_client_cannot_tell_missing_from_private() -> None:
    for status, token, hint in ((401, None, True), (404, None, True), (404, SECRET, False)):
        client = script(answer(status)).client(token=token)
        with pytest.raises(Refused) as caught:
            get(client)
        assert caught.value.code == "not-found"
        assert ("may be private" in str(caught.value)) is hint


def test_without_a_token_none_can_be_bad() -> None:
    client = script(answer(401, {"X-Error-Message": replies.INVALID_CREDENTIALS})).client()
    with pytest.raises(Refused):
        get(client)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": ["a", "b"]}',
        b'["a list"]',
        b'"text"',
        b"null",
        b"7",
        b'{"error": {"message": 1}, "errors": 5}',
        b'{"errors": [1, 2]}',
        b"\xff\xfe\x00 no text",
        b"[" * 60_000,
        b'{"error": "\\ud800"}',
        b'{"error": ' + b"9" * 6000 + b"}",
        b"<html>" * 20_000,
        b"",
    ],
    ids=range(13),
)
def test_no_error_body_is_stumbled_over(body: bytes) -> None:
    server = script(answer(404, {"content-type": "application/json"}, body))
    with pytest.raises(Refused) as caught:
        get(server.client())
    assert caught.value.code == "not-found"
    assert server.all_closed


def test_an_error_body_is_read_to_a_limit_and_a_broken_one_not_at_all() -> None:
    server = script(answer(418, body=[b"x" * 1024] * 10_000))
    with pytest.raises(Refused):
        get(server.client())
    assert server.bodies[0].read <= http.ERROR_BODY_BYTES + 1024
    server = script(answer(418, body=[b"x", httpx2.ReadError("reset")]))
    with pytest.raises(Refused, match="418"):
        get(server.client())


def test_what_the_server_says_is_quoted_in_one_printable_line() -> None:
    body = b'{"error": "first\\nsecond \\u001b[31mred \\u202eturned"}'
    with pytest.raises(Refused) as caught:
        get(script(answer(405, body=body)).client())
    assert str(caught.value) == f"{HUB}{PATH} answered 405 (first second \ufffd[31mred \ufffdturned)"


def test_messages_carry_neither_query_nor_credentials() -> None:
    server = script(answer(405))
    client = server.client(endpoint="https://user:word@hub.test", token=SECRET)
    with pytest.raises(Refused) as caught:
        get(client, f"{PATH}?cursor=abc&Signature=def")
    assert str(caught.value) == f"{HUB}{PATH} answered 405"
    assert SECRET not in repr(client)


def test_disabled_is_also_believed_of_a_body() -> None:
    with pytest.raises(Refused) as caught:
        get(script(answer(403, body=b'{"error":"Access to this resource is disabled."}')).client())
    assert caught.value.code == "disabled"


# Retries and their counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_one_question_is_asked_once_whatever_its_tries(retries: int) -> None:
    client = script(answer(503)).client(max_retries=retries)
    with pytest.raises(Unanswered) as caught:
        get(client)
    assert (client.sent, client.asked, client.unanswered) == (retries + 1, 1, 1)
    assert ("not asked again" if retries == 0 else f"after {retries + 1} tries") in str(caught.value)


def test_a_late_answer_is_an_answer() -> None:
    client = script(answer(503), answer(504), answer(200, body=b"ok")).client()
    assert get(client) == b"ok"
    assert (client.sent, client.asked, client.unanswered) == (3, 1, 0)


def test_forgiving_takes_back_question_and_miss() -> None:
    client = script(answer(503)).client()
    with pytest.raises(Unanswered):
        get(client)
    client.forgive()
    assert (client.asked, client.unanswered) == (0, 0)


def test_pauses_grow_and_differ_between_workers() -> None:
    firsts = set()
    for _ in range(5):
        clock = Clock()
        with pytest.raises(Unanswered):
            get(script(answer(503)).client(clock, max_retries=7))
        for pause, base in zip(clock.slept, (0.5, 1, 2, 4, 8, 8, 8), strict=True):
            assert 0.75 * base <= pause <= 1.25 * base
        firsts.add(clock.slept[0])
    assert len(firsts) > 1


def test_impatience_shortens_the_usual_pause_too() -> None:
    clock = Clock()
    with pytest.raises(Unanswered, match="after 6 tries"):
        get(script(answer(503)).client(clock, max_retries=5, max_wait_seconds=1.0))
    assert max(clock.slept) <= 1.0


def test_a_wait_that_is_just_bearable_is_kept() -> None:
    for asked, tries in (("60", 3), ("61", 1)):
        client = script(answer(429, {"Retry-After": asked})).client(max_wait_seconds=60.0)
        with pytest.raises(Unanswered):
            get(client)
        assert client.sent == tries


def test_the_budget_counts_every_request_and_every_redirect() -> None:
    def hub(request: httpx2.Request) -> httpx2.Response:
        return answer(307, {"Location": "/moved"}) if request.url.path == PATH else answer(503)

    server = Script(hub)
    client = server.client(max_requests=4, max_retries=5)
    with pytest.raises(BudgetSpent, match="budget of 4 requests"):
        get(client)
    assert client.sent == len(server.requests) == 4
    assert server.all_closed
    with pytest.raises(BudgetSpent):
        get(client)
    assert client.sent == 4


def test_a_spent_budget_does_not_wait_for_the_quota_first() -> None:
    clock = Clock()
    client = script(answer(200, {"RateLimit": '"api";r=0;t=200'})).client(clock, max_requests=1)
    get(client)
    with pytest.raises(BudgetSpent):
        get(client)
    assert clock.slept == []
    assert client.gate.used == {API: 1}


def test_a_request_that_the_gate_held_back_is_not_counted() -> None:
    client = script(answer(200, {"RateLimit": '"api";r=0;t=100000'})).client(max_requests=9)
    get(client)
    with pytest.raises(Unanswered, match=r"quota `api` is spent for another 100,001 s") as caught:
        get(client)
    assert caught.value.code == "rate-limited"
    assert (client.sent, client.asked, client.unanswered) == (1, 2, 1)


def test_the_quota_is_waited_for_before_the_request_that_would_break_it() -> None:
    with SampleHub([Repository(id="acme/rocket")], quotas={"api": 3}, window_seconds=300) as hub:
        clock = Clock()
        hub.state.clock = hub.quotas._clock = clock.time
        client = make_client(hub.endpoint, clock)
        for _ in range(10):
            get(client)
        assert [request.status for request in hub.requests] == [200] * 10
        assert len(clock.slept) == 3
        assert all(299 <= pause <= 302 for pause in clock.slept)


def test_workers_share_budget_counts_and_gate() -> None:
    with SampleHub([Repository(id="acme/rocket")]) as hub:
        client = make_client(hub.endpoint, max_requests=150)
        outcomes: list[str] = []

        def work() -> None:
            for _ in range(10):
                try:
                    get(client)
                    outcomes.append("answer")
                except BudgetSpent:
                    outcomes.append("spent")

        with ThreadPoolExecutor(24) as pool:
            for job in [pool.submit(work) for _ in range(24)]:
                job.result()
        assert outcomes.count("answer") == 150
        assert outcomes.count("spent") == 90
        assert len(hub.requests) == client.sent == client.gate.used[API] == 150
        assert (client.asked, client.unanswered) == (240, 0)
        assert client.gate.left()[API] == 500 - 150


def test_cancelling_ends_the_wait_and_every_request_after_it() -> None:
    clock = Clock()
    clock.cancel_at = 1
    server = script(answer(503))
    client = server.client(clock)
    with pytest.raises(Cancelled):
        get(client)
    with pytest.raises(Cancelled):
        get(client)
    assert len(server.requests) == client.sent == 1


def test_cancelling_at_the_gate_counts_no_request() -> None:
    clock = Clock()
    client = script(answer(200, {"RateLimit": '"api";r=0;t=100'})).client(clock)
    get(client)
    clock.cancel_at = 1
    with pytest.raises(Cancelled):
        get(client)
    assert client.sent == 1


def test_cancelling_wakes_a_real_wait() -> None:
    client = HubClient(HUB, None, "0.test", http.Limits(max_wait_seconds=600), session_factory=script(answer(503)))
    client.gate.learn(API, 0, 500, 500)
    threading.Timer(0.05, client.cancelled.set).start()
    with pytest.raises(Cancelled):
        get(client)


def test_a_consumer_may_ask_again() -> None:
    calls = []

    def consume(response: httpx2.Response) -> str:
        calls.append(read_capped(response, 10))
        if len(calls) < 3:
            raise Unusable("not yet")
        return "done"

    client = script(answer(200, body=b"x")).client()
    assert client.ask(PATH, bucket=API, consume=consume) == "done"
    assert (client.sent, client.unanswered) == (3, 0)


def test_a_consumers_own_error_is_passed_on_and_the_answer_closed() -> None:
    server = script(answer(200, body=b"x"))

    def consume(_: httpx2.Response) -> str:
        raise ZeroDivisionError

    client = server.client()
    with pytest.raises(ZeroDivisionError):
        client.ask(PATH, bucket=API, consume=consume)
    assert server.all_closed
    assert client.sent == 1


# Bodies ----------------------------------------------------------------------------------------------------------


def test_a_body_that_is_too_long_is_left_and_not_asked_for_again() -> None:
    server = script(answer(200, body=[b"x" * 65_536] * 100))
    client = server.client()
    with pytest.raises(Unanswered, match="more than 1,048,576 bytes, and was not asked again") as caught:
        get(client)
    assert caught.value.code == "bad-answer"
    assert server.bodies[0].read == 17 * 65_536
    assert len(server.requests) == 1
    assert server.all_closed


def test_a_body_of_exactly_the_limit_is_not_too_long() -> None:
    assert len(get(script(answer(200, body=b"x" * (1 << 20))).client())) == 1 << 20


def test_a_body_that_cannot_be_decompressed_is_a_bad_answer() -> None:
    server = script(answer(200, {"Content-Encoding": "gzip"}, b"this is no gzip at all"))
    with pytest.raises(Unanswered) as caught:
        get(server.client())
    assert caught.value.code == "bad-answer"
    assert server.all_closed


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx2.ConnectError("refused"), "unreachable"),
        (httpx2.ConnectTimeout("slow"), "unreachable"),
        (httpx2.ProxyError("407"), "unreachable"),
        (httpx2.PoolTimeout("busy"), "unreachable"),
        (httpx2.ReadTimeout("slow"), "server-error"),
        (httpx2.ReadError("reset"), "server-error"),
        (httpx2.RemoteProtocolError("nonsense"), "server-error"),
        (httpx2.WriteError("reset"), "server-error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_no_answer_at_all(error: Exception, code: str) -> None:
    client = script(error).client()
    with pytest.raises(Unanswered, match=rf"{HUB}{PATH} .*\({error}\), after 3 tries") as caught:
        get(client)
    assert caught.value.code == code
    assert client.sent == 3
    assert not client.heard
    assert get(script(error, error, answer(200, body=b"ok")).client()) == b"ok"


# Redirects -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["/elsewhere?a=1", "elsewhere?a=1", f"{HUB}/api/models/acme/elsewhere?a=1", "?a=1"]
)
def test_redirects_on_the_same_origin_are_followed(status: int, location: str) -> None:
    server = script(answer(status, {"Location": location}, b"Redirecting"), answer(200, body=b"there"))
    client = server.client(token=SECRET)
    assert get(client, params=[("blobs", "true")]) == b"there"
    first, second = server.requests
    assert first.url.query == b"blobs=true"
    assert second.url.query == b"a=1"
    assert second.url.host == "hub.test"
    assert second.headers["authorization"] == f"Bearer {SECRET}"
    assert client.requests == {API: 2}
    assert server.all_closed


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.test/api/models/acme/rocket",
        "http://hub.test/api/models/acme/rocket",  # down to plain text
        "https://hub.test:8443/api/models/acme/rocket",
        "https://hub.test.evil.test/x",
        "https://hub.test@evil.test/x",
        "//evil.test/x",
        "ftp://hub.test/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_a_question_is_not_carried_to_another_origin(location: str) -> None:
    server = script(answer(302, {"Location": location}, b"Redirecting"))
    client = server.client(token=SECRET)
    with pytest.raises(Refused) as caught:
        get(client)
    assert caught.value.code == "foreign-address"
    assert len(server.requests) == 1
    assert server.all_closed


@pytest.mark.parametrize("location", ["http://[::1", "https://hub.test:99999/", "http://h\x7f/", "/" + "a" * 70_000])
def test_an_address_that_is_none_is_a_bad_answer(location: str) -> None:
    server = script(answer(302, {"Location": location}))
    with pytest.raises(SourceError) as caught:
        get(server.client())
    assert caught.value.code in {"bad-answer", "foreign-address"}
    assert server.all_closed


def test_the_default_port_is_the_same_origin() -> None:
    server = script(answer(302, {"Location": "https://HUB.test:443/x"}), answer(200, body=b"there"))
    assert get(server.client()) == b"there"


def test_a_redirect_to_another_host_is_an_answer_where_it_is_wanted() -> None:
    server = script(answer(302, {"Location": "https://cdn.test/x?sig=1"}))
    found = server.client().ask(
        PATH, bucket=RESOLVERS, consume=replies.redirect_target, accept=http.PIECE | http.REDIRECTS
    )
    assert found == "https://cdn.test/x?sig=1"
    assert len(server.requests) == 1


def test_redirects_in_a_circle_end() -> None:
    server = script(answer(307, {"Location": PATH}))
    client = server.client()
    with pytest.raises(Refused) as caught:
        get(client)
    assert caught.value.code == "redirect-loop"
    assert client.sent == http.MAX_REDIRECTS + 1
    assert server.all_closed


# Addresses, tokens, surroundings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "@evil.test/x",
        ".evil.test/x",
        ":8443/x",
        "https://evil.test/x",
        "http://hub.test/x",
        "//evil.test@x/",
        "\\@evil.test",
    ],
)
def test_no_path_leads_away_from_the_endpoint(path: str) -> None:
    server = script(answer(200))
    client = server.client(token=SECRET)
    try:
        get(client, path)
    except Refused:
        assert server.requests == []
    assert {request.url.host for request in server.requests} <= {"hub.test"}


def test_an_endpoint_below_a_path_keeps_it() -> None:
    server = script(answer(200, body=b"ok"))
    client = server.client(endpoint=f"{HUB}/hf")
    get(client, "/api/models?limit=3")
    get(client, f"{HUB}/hf/api/models")
    assert [str(request.url) for request in server.requests] == [f"{HUB}/hf/api/models?limit=3", f"{HUB}/hf/api/models"]


def test_requests_say_who_asks() -> None:
    server = script(answer(200))
    get(server.client())
    agent = server.requests[0].headers["user-agent"]
    assert agent.startswith("hubscope/0.test; hf_hub/")
    assert "authorization" not in server.requests[0].headers


def test_an_anonymous_client_ignores_the_tokens_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    server = script(answer(200))
    get(server.client())
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("token", ["hf_\u00e4", "hf x", "hf\n", "hf_\x00"])
def test_a_token_that_no_header_can_carry_is_a_usage_error(token: str) -> None:
    with pytest.raises(UsageError, match="HF_TOKEN") as caught:
        make_client(HUB, token=token)
    assert token not in str(caught.value)


def test_offline_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_constants, "is_offline_mode", lambda: True)
    client = script(answer(200)).client()
    with pytest.raises(UsageError, match="HF_HUB_OFFLINE"):
        get(client)
    assert client.sent == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTPS_PROXY", "nonsense://x"), ("ALL_PROXY", "http://[::1"), ("HTTPS_PROXY", "socks5://127.0.0.1:1")],
)
def test_a_proxy_that_is_none_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="HTTPS_PROXY"):
        get(make_client(HUB))


def test_a_proxy_is_used_and_one_that_is_not_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with SampleHub([Repository(id="acme/rocket")]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)
        with pytest.raises(Refused):
            get(make_client("http://hub.test"))
        assert proxy.requests[0].headers["host"] == "hub.test"
    with pytest.raises(Unanswered) as caught:  # nobody listens there any more
        get(make_client("http://hub.test"))
    assert caught.value.code == "unreachable"


def test_two_clients_keep_their_own_patience() -> None:
    """huggingface_hub has one session for all; time-outs belong to each request."""
    first_server = script(answer(200))
    first = first_server.client(read_timeout=1.5)
    second_server = script(answer(200))
    second_server.client(read_timeout=9.0)
    get(first)
    far(first)
    assert [request.extensions["timeout"]["read"] for request in second_server.requests] == [1.5, 1.5]


def test_the_token_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with SampleHub([Repository(id="acme/rocket")]) as hub:
        get(make_client(hub.endpoint, token=TOKEN))
    assert TOKEN not in caplog.text


# Elsewhere -------------------------------------------------------------------------------------------------------


def far(client: HubClient, url: str = "https://cdn.test/x?Signature=s") -> bytes:
    return client.ask_elsewhere(url, headers={"range": "bytes=0-9"}, consume=body_of)


def test_elsewhere_knows_neither_token_nor_cookie_nor_quota() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        return answer(200, {"Set-Cookie": "session=1; Domain=test", "RateLimit": '"api";r=0;t=9'}, b"x")

    server = Script(handle)
    client = server.client(token=SECRET, max_requests=1)
    get(client)
    assert far(client) == b"x"
    headers = server.requests[1].headers
    assert "authorization" not in headers
    assert "cookie" not in headers
    assert SECRET not in str(headers)
    assert headers["accept-encoding"] == "identity"
    assert headers["range"] == "bytes=0-9"
    assert headers["user-agent"].startswith("hubscope/")
    assert server.requests[1].extensions["timeout"]["read"] == 5.0
    assert client.requests == {API: 1, "elsewhere": 1}
    assert client.sent == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_signed_address_that_is_refused_is_expired(status: int) -> None:
    server = script(answer(status, body=b"<Error><Code>AccessDenied</Code></Error>"))
    client = server.client()
    with pytest.raises(Refused, match=r"https://cdn.test/x no longer accepts") as caught:
        far(client)
    assert caught.value.code == "expired"
    assert (len(server.requests), client.unanswered) == (1, 0)
    assert server.all_closed


def test_elsewhere_is_asked_again_like_the_hub() -> None:
    clock = Clock()
    server = script(answer(503, {"Retry-After": "7"}), httpx2.ReadError("reset"), answer(206, body=b"ok"))
    assert far(server.client(clock)) == b"ok"
    assert clock.slept[0] == 7


def test_elsewhere_redirects_no_further() -> None:
    server = script(answer(302, {"Location": "https://third.test/"}))
    with pytest.raises(Unanswered):
        far(server.client())
    assert {request.url.host for request in server.requests} == {"cdn.test"}


@pytest.mark.parametrize(
    "url", ["http://cdn.test/x", "ftp://cdn.test/x", "file:///x", "cdn.test/x", "https://", "//x/y", "http://[::1"]
)
def test_elsewhere_is_https(url: str) -> None:
    server = script(answer(200))
    with pytest.raises(Refused) as caught:
        far(server.client(), url)
    assert caught.value.code == "foreign-address"
    assert server.requests == []


# Over real sockets -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared_hub() -> Iterator[SampleHub]:
    repository = Repository(id="acme/rocket", files={"model.bin": Blob.of(bytes(300_000))}, former_ids=("old/rocket",))
    with SampleHub([repository], quotas={"api": 10**6, "resolvers": 10**6}) as hub:
        yield hub


@pytest.fixture
def hub(shared_hub: SampleHub) -> Iterator[SampleHub]:
    shared_hub.requests.clear()
    yield shared_hub
    shared_hub.clear_faults()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(kind="reset", times=None), "server-error"),
        (Fault(kind="reset-mid-body", times=None), "server-error"),
        (Fault(kind="cut", times=None), "server-error"),
        (Fault(kind="stall", seconds=0.6, times=None), "server-error"),
        (Fault(kind="stall", seconds=0.6, after_bytes=5, times=None), "server-error"),
        (Fault(kind="endless", times=None), "bad-answer"),
        (Fault(kind="status", status=503, times=None), "server-error"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
def test_faults_of_the_wire(hub: SampleHub, fault: Fault, code: str) -> None:
    hub.inject(fault)
    client = make_client(hub.endpoint, read_timeout=0.15 if fault.kind == "stall" else PATIENT, max_retries=1)
    with pytest.raises(Unanswered) as caught:
        get(client)
    assert caught.value.code == code
    hub.clear_faults()
    assert b"acme/rocket" in get(client)  # the session is as good as before


@pytest.mark.parametrize("kind", ["reset", "reset-mid-body", "cut"])
def test_faults_that_pass(hub: SampleHub, kind: Any) -> None:
    hub.inject(Fault(kind=kind, times=2))
    client = make_client(hub.endpoint)
    assert b"acme/rocket" in get(client)
    assert (client.sent, client.asked, client.unanswered) == (3, 1, 0)


def test_an_endless_answer_is_cut_off() -> None:
    # A Hub of its own: the shared one may still be noting requests that another test has given up.
    with SampleHub([Repository(id="acme/rocket")], faults=[Fault(kind="endless", times=None)]) as hub:
        with pytest.raises(Unanswered, match="sent more than 1,048,576 bytes, and was not asked again"):
            get(make_client(hub.endpoint, read_timeout=PATIENT))
        # What fits into the buffers of two sockets besides what was read.
        assert hub.requests[0].bytes_sent < 16 << 20
        assert len(hub.requests) == 1


def test_renamed_and_missing(hub: SampleHub) -> None:
    client = make_client(hub.endpoint)
    assert b'"id":"acme/rocket"' in get(client, "/api/models/old/rocket").replace(b" ", b"")
    with pytest.raises(Refused) as caught:
        get(client, "/api/models/acme/none")
    assert caught.value.code == "not-found"


def test_a_bad_token_is_a_usage_error(hub: SampleHub) -> None:
    with pytest.raises(UsageError, match="HF_TOKEN"):
        get(make_client(hub.endpoint, token="hf_bad"))


def test_nobody_listens() -> None:
    with SampleHub([]) as hub:
        endpoint = hub.endpoint
    client = make_client(endpoint)
    with pytest.raises(Unanswered, match="could not be reached") as caught:
        get(client)
    assert caught.value.code == "unreachable"
    assert not client.heard
