"""The small Slack itself, asked without our client: what Slack's documentation says, it does."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.client import RemoteDisconnected
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from tests.slackserver import SlackServer, limits

OPENER = build_opener(ProxyHandler({}))
TEXT = {"type": "mrkdwn", "text": "x"}
PLAIN = {"type": "plain_text", "text": "x"}


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


def to(url: str, body: bytes, kind: str = "application/x-www-form-urlencoded") -> Request:
    assert url.startswith("http://127.0.0.1:")
    return Request(url, body, {"Content-Type": kind})  # noqa: S310  # see above


def ask(slack: SlackServer, method: str, *, token: str | None = None, **arguments: Any) -> dict[str, Any]:
    """One call as a form, as curl would send it."""
    form = {key: value if isinstance(value, str) else json.dumps(value) for key, value in arguments.items()}
    request = to(slack.base_url + method, urlencode(form).encode())
    request.add_header("Authorization", f"Bearer {slack.token if token is None else token}")
    with OPENER.open(request, timeout=5) as answer:
        return dict(json.load(answer))


def post(slack: SlackServer, **arguments: Any) -> dict[str, Any]:
    return ask(slack, "chat.postMessage", **{"channel": "C0GENERAL", "text": "hello"} | arguments)


def error_of(answer: dict[str, Any]) -> str:
    assert answer["ok"] is False
    return str(answer["error"])


def test_a_message_can_be_posted_and_read(slack: SlackServer) -> None:
    metadata = {"event_type": "e", "event_payload": {"a": 1}}
    posted = post(slack, metadata=metadata)
    (plain,) = ask(slack, "conversations.history", channel="C0GENERAL")["messages"]
    assert plain["ts"] == posted["ts"]
    assert "metadata" not in plain
    (full,) = ask(slack, "conversations.history", channel="C0GENERAL", include_all_metadata="1")["messages"]
    assert full["metadata"] == metadata


def test_json_is_taken_as_well_as_forms(slack: SlackServer) -> None:
    body = json.dumps({"channel": "C0GENERAL", "blocks": [{"type": "section", "text": TEXT}]}).encode()
    request = to(slack.base_url + "chat.postMessage", body, "application/json; charset=utf-8")
    request.add_header("Authorization", f"Bearer {slack.token}")
    with OPENER.open(request, timeout=5) as answer:
        assert json.load(answer)["ok"] is True
        assert "chat:write" in answer.headers["x-oauth-scopes"]


def test_time_stamps_are_unique_and_rise(slack: SlackServer) -> None:
    stamps = [post(slack)["ts"] for _ in range(5)]
    assert stamps == sorted(set(stamps))


def test_history_is_newest_first_in_pages_and_after_oldest(slack: SlackServer) -> None:
    stamps = [post(slack)["ts"] for _ in range(5)]
    first = ask(slack, "conversations.history", channel="C0GENERAL", limit="2")
    assert [message["ts"] for message in first["messages"]] == stamps[:2:-1]
    assert first["has_more"] is True
    cursor = first["response_metadata"]["next_cursor"]
    second = ask(slack, "conversations.history", channel="C0GENERAL", limit="2", cursor=cursor)
    assert [message["ts"] for message in second["messages"]] == [stamps[2], stamps[1]]
    later = ask(slack, "conversations.history", channel="C0GENERAL", oldest=stamps[2])
    assert [message["ts"] for message in later["messages"]] == [stamps[4], stamps[3]]
    assert error_of(ask(slack, "conversations.history", channel="C0GENERAL", cursor="x")) == "invalid_cursor"
    assert error_of(ask(slack, "conversations.history", channel="C0GENERAL", limit="1000")) == "invalid_limit"


def test_replies_are_in_their_thread(slack: SlackServer) -> None:
    head = post(slack)["ts"]
    replies = [post(slack, thread_ts=head)["ts"] for _ in range(2)]
    assert [message["ts"] for message in ask(slack, "conversations.history", channel="C0GENERAL")["messages"]] == [head]
    thread = ask(slack, "conversations.replies", channel="C0GENERAL", ts=head)["messages"]
    assert [message["ts"] for message in thread] == [head, *replies]
    assert thread[0]["reply_count"] == 2
    assert error_of(ask(slack, "conversations.replies", channel="C0GENERAL", ts="1.1")) == "thread_not_found"
    assert error_of(post(slack, thread_ts="1.1")) == "cannot_reply_to_message"


def test_tokens_are_looked_at(slack: SlackServer) -> None:
    assert error_of(ask(slack, "auth.test", token="")) == "not_authed"
    assert error_of(ask(slack, "auth.test", token="xoxb-other")) == "invalid_auth"
    slack.revoke_token()
    assert error_of(ask(slack, "auth.test")) == "token_revoked"
    slack.restore_token()
    assert ask(slack, "auth.test")["user_id"] == "U0BOT"
    assert error_of(ask(slack, "no.such.method")) == "unknown_method"


@pytest.mark.parametrize(
    ("scope", "method", "arguments"),
    [
        ("chat:write", "chat.postMessage", {"channel": "C0GENERAL", "text": "x"}),
        ("channels:history", "conversations.history", {"channel": "C0GENERAL"}),
        ("groups:history", "conversations.history", {"channel": "C0PRIVATE"}),
        ("channels:read", "conversations.list", {}),
        ("groups:read", "conversations.list", {"types": "public_channel,private_channel"}),
        ("channels:read", "conversations.info", {"channel": "C0GENERAL"}),
        ("im:write", "conversations.open", {"users": "U0ALICE"}),
        ("files:write", "files.getUploadURLExternal", {"filename": "a", "length": "1"}),
        ("files:write", "files.completeUploadExternal", {"files": []}),
    ],
)
def test_scopes_are_needed(slack: SlackServer, scope: str, method: str, arguments: dict[str, Any]) -> None:
    slack.remove_scopes(scope)
    answer = ask(slack, method, **arguments)
    assert error_of(answer) == "missing_scope"
    assert answer["needed"] == scope
    assert "im:history" in answer["provided"]
    slack.add_scopes(scope)
    assert ask(slack, method, **arguments).get("error") in {None, "invalid_arguments"}


def test_channels_by_name_id_and_person(slack: SlackServer) -> None:
    assert post(slack, channel="#general")["channel"] == "C0GENERAL"
    assert post(slack, channel="general")["channel"] == "C0GENERAL"
    assert post(slack, channel="U0ALICE")["channel"] == "D0ALICE"
    assert ask(slack, "conversations.open", users="U0ALICE")["channel"]["id"] == "D0ALICE"
    assert error_of(ask(slack, "conversations.open", users="U0NOBODY")) == "user_not_found"
    assert error_of(post(slack, channel="U0BOT")) == "cannot_dm_bot"
    assert error_of(post(slack, channel="#nowhere")) == "channel_not_found"
    assert error_of(post(slack, channel="C0ELSEWHERE")) == "not_in_channel"
    assert error_of(ask(slack, "conversations.history", channel="#general")) == "channel_not_found"  # ids only
    slack.archive("C0GENERAL")
    assert error_of(post(slack)) == "is_archived"
    slack.delete("C0GENERAL")
    assert error_of(post(slack)) == "channel_not_found"


def test_private_channels_are_there_for_members_only(slack: SlackServer) -> None:
    everywhere = {"types": "public_channel,private_channel"}
    names = {entry["name"] for entry in ask(slack, "conversations.list", **everywhere)["channels"]}
    assert names == {"general", "digests", "elsewhere", "private"}
    slack.workspace.channels["C0PRIVATE"].member = False
    names = {entry["name"] for entry in ask(slack, "conversations.list", **everywhere)["channels"]}
    assert names == {"general", "digests", "elsewhere"}
    assert error_of(ask(slack, "conversations.info", channel="C0PRIVATE")) == "channel_not_found"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_000, "verbatim": True}},
        {"type": "section", "text": {"type": "plain_text", "text": "x", "emoji": False}},
        {"type": "section", "fields": [TEXT] * 10},
        {"type": "header", "text": {"type": "plain_text", "text": "x" * 150}},
        {"type": "context", "elements": [TEXT] * 10},
        {"type": "divider"},
        {"type": "image"},
    ],
)
def test_blocks_within_the_limits_are_taken(slack: SlackServer, block: dict[str, Any]) -> None:
    assert post(slack, blocks=[block])["ok"] is True


@pytest.mark.parametrize(
    ("blocks", "complaint"),
    [
        ([{"type": "divider"}] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}], "3001 characters"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "😀" * 1_501}}], "3001 characters"),
        ([{"type": "section", "text": {"type": "mrkdwn", "text": ""}}], "more than 0 characters"),
        ([{"type": "section"}], "missing required field: text"),
        ([{"type": "section", "text": "x"}], "must be an object"),
        ([{"type": "section", "fields": [TEXT] * 11}], "1 to 10 items"),
        ([{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2_001}]}], "2001 characters"),
        ([{"type": "header", "text": TEXT}], "unsupported type: mrkdwn"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "151 characters"),
        ([{"type": "context", "elements": [TEXT] * 11}], "1 to 10 items"),
        ([{"type": "context", "elements": []}], "1 to 10 items"),
        ([{"type": "divider", "text": TEXT}], "additional property: text"),
        ([{"type": "section", "text": {**TEXT, "emoji": True}}], "additional property: emoji"),
        ([{"type": "section", "text": {**PLAIN, "verbatim": True}}], "additional property: verbatim"),
        ([{"type": "divider", "block_id": "x" * 256}], "256 characters"),
        ([{"type": "nonsense"}], "unsupported type: nonsense"),
        (["text"], "must be an object"),
    ],
)
def test_blocks_beyond_the_limits_are_refused(slack: SlackServer, blocks: list[Any], complaint: str) -> None:
    answer = post(slack, blocks=blocks)
    assert error_of(answer) == "invalid_blocks"
    assert complaint in answer["response_metadata"]["messages"][0]
    assert slack.messages("C0GENERAL") == []


def test_messages_beyond_the_limits_are_refused(slack: SlackServer) -> None:
    assert error_of(post(slack, text="")) == "no_text"
    assert error_of(post(slack, text="x" * 40_001)) == "msg_too_long"
    assert error_of(post(slack, blocks="{")) == "invalid_blocks_format"
    assert error_of(post(slack, blocks={"a": 1})) == "invalid_blocks_format"
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "m" * 2_800}}
    assert post(slack, blocks=[block] * 4)["ok"] is True
    assert error_of(post(slack, blocks=[block] * 5)) == "msg_blocks_too_long"
    assert error_of(post(slack, metadata="x")) == "invalid_metadata_format"
    assert error_of(post(slack, metadata={"event_type": "e"})) == "invalid_metadata_format"
    huge = {"event_type": "e", "event_payload": {"a": "x" * 9_000}}
    assert error_of(post(slack, metadata=huge)) == "metadata_too_large"


def test_one_message_a_second_if_wished() -> None:
    now = [1_800_000_000.0]
    with SlackServer(clock=lambda: now[0], one_message_a_second=True) as slack:
        assert post(slack)["ts"] == "1800000000.000000"
        with pytest.raises(HTTPError) as caught:
            post(slack)
        caught.value.close()
        assert caught.value.code == 429
        assert caught.value.headers["Retry-After"] == "1"
        now[0] += 1
        assert post(slack)["ok"] is True


def test_a_file_goes_up_in_three_steps(slack: SlackServer) -> None:
    place = ask(slack, "files.getUploadURLExternal", filename="a.csv", length="3")
    unfinished = ask(slack, "files.completeUploadExternal", files=[{"id": place["file_id"]}], channel_id="C0GENERAL")
    assert error_of(unfinished) == "file_not_found"
    with pytest.raises(HTTPError) as caught:
        OPENER.open(to(place["upload_url"], b"too long"), timeout=5)
    caught.value.close()
    with OPENER.open(to(place["upload_url"], b"abc"), timeout=5) as answer:
        assert answer.read() == b"OK - 3"
    assert slack.messages("C0GENERAL") == []
    ask(slack, "files.completeUploadExternal", files=[{"id": place["file_id"], "title": "T"}], channel_id="C0GENERAL")
    (message,) = slack.messages("C0GENERAL")
    assert message["files"] == [{"id": place["file_id"], "name": "a.csv", "title": "T", "size": 3}]
    assert slack.file("a.csv") == b"abc"
    assert slack.file("b.csv") is None


def hook(slack: SlackServer, body: bytes, path: str = "") -> tuple[int, str]:
    request = to(slack.webhook_url + path, body, "application/json")
    try:
        with OPENER.open(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_webhook_answers_in_words(slack: SlackServer) -> None:
    assert hook(slack, b'{"text": "hello"}') == (200, "ok")
    assert hook(slack, b"{") == (400, "invalid_payload")
    assert hook(slack, b'{"text": ""}') == (400, "no_text")
    assert hook(slack, b'{"blocks": [{"type": "x"}]}') == (400, "invalid_blocks")
    assert hook(slack, b'{"text": "hello"}', path="x") == (404, "no_service")
    slack.workspace.channels["C0GENERAL"].refuses = "restricted_action"
    assert hook(slack, b'{"text": "hello"}') == (403, "action_prohibited")
    slack.archive("C0GENERAL")
    assert hook(slack, b'{"text": "hello"}') == (410, "channel_is_archived")
    slack.delete("C0GENERAL")
    assert hook(slack, b'{"text": "hello"}') == (404, "channel_not_found")


def test_faults_happen_so_many_times_and_are_counted(slack: SlackServer) -> None:
    slack.faults.fail_before(2, status=502, method="chat.postMessage")
    slack.faults.fail_after(1)
    for expected in (502, 502, 500):
        with pytest.raises(HTTPError) as caught:
            post(slack)
        caught.value.close()
        assert caught.value.code == expected
    assert len(slack.messages("C0GENERAL")) == 1  # the last one was accepted
    assert post(slack)["ok"] is True
    assert slack.faults.hits == {"fail-before": 2, "fail-after": 1}
    assert [call.fault for call in slack.calls("chat.postMessage")] == [
        "fail-before",
        "fail-before",
        "fail-after",
        None,
    ]
    assert [call.accepted for call in slack.calls("chat.postMessage")] == [False, False, True, True]


def test_connections_can_be_cut_before_and_after(slack: SlackServer) -> None:
    slack.faults.cut_before(1)
    slack.faults.cut_after(1)
    for stored in (0, 1):
        with pytest.raises(RemoteDisconnected):
            post(slack)
        assert len(slack.messages("C0GENERAL")) == stored


def test_faults_for_one_method_spare_the_others(slack: SlackServer) -> None:
    slack.faults.garbage(1, method="auth.test")
    assert post(slack)["ok"] is True
    with pytest.raises(json.JSONDecodeError):
        ask(slack, "auth.test")
    slack.faults.rate_limit(5)
    slack.faults.clear()
    assert post(slack)["ok"] is True


def test_another_process_can_post(slack: SlackServer) -> None:
    program = (
        "import sys, urllib.request as r\n"
        "q = r.Request(sys.argv[1] + 'chat.postMessage', b'channel=C0GENERAL&text=hi')\n"
        "q.add_header('Authorization', 'Bearer ' + sys.argv[2])\n"
        "print(r.urlopen(q, timeout=5).status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, slack.base_url, slack.token],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "200\n"
    assert [message["text"] for message in slack.messages("C0GENERAL")] == ["hi"]


def test_the_server_needs_only_the_standard_library() -> None:
    program = "import sys; import tests.slackserver; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    foreign = set(loaded.stdout.split()) - set(sys.stdlib_module_names) - {"tests", "__main__"}
    assert {name for name in foreign if not name.startswith("_")} == set()


def test_lengths_count_like_javascript() -> None:
    assert limits.length("a😀") == 3
    assert limits.length("\ud83d") == 1
