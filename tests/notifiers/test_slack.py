import json
import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifiers.errors import NotLookedUp, Postponed, Rejected, SendError, Uncertain
from notifiers.interface import Receipt, SlackMessage
from notifiers.slack import ChannelInfo, SlackBot
from notifiers.slack_errors import ADVICE, AUTHENTICATION, LATER, UNSURE, from_answer, seconds
from tests.slackserver import SlackServer

MESSAGE = SlackMessage(
    "Digest", ({"type": "section", "text": {"type": "mrkdwn", "text": "*Digest* of the week", "verbatim": True}},)
)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    """What the bot slept."""
    return []


@pytest.fixture
def bot(slack: SlackServer, waits: list[float]) -> SlackBot:
    return SlackBot(slack.token, slack.base_url, timeout=5, sleep=waits.append)


def since(server: SlackServer) -> datetime:
    return datetime.fromtimestamp(server.workspace.clock(), UTC)


# posting


def test_a_message_arrives_with_its_delivery(slack: SlackServer, bot: SlackBot) -> None:
    receipt = bot.post("#general", MESSAGE, delivery="d-1")
    (message,) = slack.messages("C0GENERAL")
    assert receipt == Receipt("C0GENERAL", message["ts"])
    assert message["text"] == "Digest"
    assert message["blocks"] == [dict(MESSAGE.blocks[0])]
    assert message["metadata"] == {"event_type": "hubscope_delivery", "event_payload": {"delivery": "d-1"}}


def test_nothing_in_a_message_is_unfurled_parsed_or_linked(slack: SlackServer, bot: SlackBot) -> None:
    bot.post("C0GENERAL", MESSAGE, delivery="d")
    (call,) = slack.calls("chat.postMessage")
    asked = {key: call.arguments[key] for key in ("unfurl_links", "unfurl_media", "parse", "link_names")}
    assert asked == {"unfurl_links": False, "unfurl_media": False, "parse": "none", "link_names": False}


def test_a_reply_lies_in_its_thread(slack: SlackServer, bot: SlackBot) -> None:
    head = bot.post("C0GENERAL", MESSAGE, delivery="d-1")
    reply = bot.post(head.channel, MESSAGE, delivery="d-2", thread=head.ts)
    assert [message["ts"] for message in slack.messages("C0GENERAL")] == [head.ts]
    assert [message["ts"] for message in slack.messages("C0GENERAL", thread=head.ts)] == [reply.ts]


def test_a_person_is_reached_in_their_own_conversation(slack: SlackServer, bot: SlackBot) -> None:
    receipt = bot.post("U0ALICE", MESSAGE, delivery="d")
    assert receipt.channel == "D0ALICE"
    assert len(slack.messages("D0ALICE")) == 1


# what needs mending


def _revoke(slack: SlackServer) -> None:
    slack.revoke_token()


def _unknown_token(slack: SlackServer) -> None:
    slack.workspace.tokens.clear()


def _no_scope(slack: SlackServer) -> None:
    slack.remove_scopes("chat:write")


def _delete(slack: SlackServer) -> None:
    slack.delete("C0GENERAL")


def _archive(slack: SlackServer) -> None:
    slack.archive("C0GENERAL")


def _leave(slack: SlackServer) -> None:
    slack.workspace.channels["C0GENERAL"].member = False


def _restrict(slack: SlackServer) -> None:
    slack.workspace.channels["C0GENERAL"].refuses = "restricted_action"


def _novel(slack: SlackServer) -> None:
    slack.workspace.channels["C0GENERAL"].refuses = "a_code_of_next_year"


@pytest.mark.parametrize(
    ("mishap", "code", "said"),
    [
        (_revoke, "token_revoked", "SLACK_BOT_TOKEN"),
        (_unknown_token, "invalid_auth", "SLACK_BOT_TOKEN"),
        (_no_scope, "missing_scope", "needed: chat:write; provided: channels:history"),
        (_delete, "channel_not_found", "check its name or id"),
        (_archive, "is_archived", "restore it or set another"),
        (_leave, "not_in_channel", "/invite"),
        (_restrict, "restricted_action", "administrator"),
        (_novel, "a_code_of_next_year", "refused chat.postMessage: a_code_of_next_year"),
    ],
)
def test_what_a_person_must_mend_is_rejected_with_advice(
    slack: SlackServer, bot: SlackBot, waits: list[float], mishap: Any, code: str, said: str
) -> None:
    mishap(slack)
    with pytest.raises(Rejected) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == code
    assert said in str(caught.value)
    assert len(slack.calls("chat.postMessage")) == 1
    assert waits == []


def test_blocks_that_slack_refuses_are_rejected_with_its_words(bot: SlackBot) -> None:
    wrong = SlackMessage("x", ({"type": "section", "text": {"type": "mrkdwn", "text": "n" * 3_001}},))
    with pytest.raises(
        Rejected, match=r"invalid_blocks \(.*less than 3001 characters \[json-pointer:/blocks/0"
    ) as caught:
        bot.post("C0GENERAL", wrong, delivery="d")
    assert caught.value.code == "invalid_blocks"


def test_a_model_list_of_14_000_characters_in_one_message_is_rejected(bot: SlackBot) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "m" * 2_800}}
    with pytest.raises(Rejected, match="msg_blocks_too_long") as caught:
        bot.post("C0GENERAL", SlackMessage("x", (block,) * 5), delivery="d")
    assert caught.value.code == "msg_blocks_too_long"


@pytest.mark.parametrize("token", ["", "xoxb-line\nbreak", "xoxb-模型"])
def test_a_token_that_cannot_be_one_is_never_sent(slack: SlackServer, token: str) -> None:
    with pytest.raises(Rejected) as caught:
        SlackBot(token, slack.base_url).post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == "invalid_auth"
    assert not token or token not in str(caught.value)
    assert slack.requests == []


@pytest.mark.parametrize(
    "address", ["http://slack.example/api/", "ftp://127.0.0.1/", "slack.com/api", "https://", "http://["]
)
def test_a_token_goes_only_to_https_or_loopback(address: str) -> None:
    with pytest.raises(Rejected, match=r"slack\.base_url"):
        SlackBot("xoxb-1", address).post("C0GENERAL", MESSAGE, delivery="d")


# what passes


def test_a_rate_limit_is_waited_for_as_long_as_slack_says(
    slack: SlackServer, bot: SlackBot, waits: list[float]
) -> None:
    slack.faults.rate_limit(2, retry_after="7")
    bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert waits == [7, 7]
    assert slack.deliveries("C0GENERAL") == ["d"]


def test_a_long_rate_limit_is_handed_on(slack: SlackServer, bot: SlackBot, waits: list[float]) -> None:
    slack.faults.rate_limit(1, retry_after="3600")
    with pytest.raises(Postponed) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.retry_after == 3600
    assert waits == []


def test_all_waits_of_one_call_stay_within_its_patience(slack: SlackServer, waits: list[float]) -> None:
    bot = SlackBot(slack.token, slack.base_url, sleep=waits.append, max_wait_seconds=60)
    slack.faults.rate_limit(9, retry_after="25")
    with pytest.raises(Postponed):
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert waits == [25, 25]
    slack.faults.clear()
    bot.post("C0GENERAL", MESSAGE, delivery="d")  # the next call has its own


@pytest.mark.parametrize("header", ["soon", "-5", "nan", "inf", "", "9" * 400, None])
def test_a_malformed_wait_neither_crashes_nor_hangs(
    slack: SlackServer, bot: SlackBot, waits: list[float], header: str | None
) -> None:
    slack.faults.rate_limit(9, retry_after=header)
    with pytest.raises(Postponed) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert sum(waits) <= 60
    assert caught.value.retry_after is None
    assert slack.deliveries("C0GENERAL") == []


@pytest.mark.parametrize(("header", "found"), [("0", 0), ("1.5", 1.5), ("30", 30), ("1e12", 86_400), ("x", None)])
def test_waits_are_numbers_up_to_a_day(header: str, found: float | None) -> None:
    assert seconds(header) == found


@pytest.mark.parametrize("code", sorted(LATER))
def test_codes_that_pass_are_postponed(slack: SlackServer, bot: SlackBot, code: str) -> None:
    slack.faults.answer(json.dumps({"ok": False, "error": code}))
    with pytest.raises(Postponed) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == code


def test_no_connection_is_tried_again_and_then_postponed(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    bot = SlackBot("xoxb-1", f"http://127.0.0.1:{port}/api/", sleep=waits.append)
    with pytest.raises(Postponed, match="nothing was sent") as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == "no-connection"
    assert waits == [1, 2, 4]


def test_tls_that_fails_is_postponed(slack: SlackServer) -> None:
    bot = SlackBot("xoxb-1", slack.base_url.replace("http:", "https:"), max_wait_seconds=0)
    with pytest.raises(Postponed) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == "no-connection"


# what may have arrived


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_an_http_error_while_posting_is_uncertain_and_not_repeated(
    slack: SlackServer, bot: SlackBot, waits: list[float], status: int
) -> None:
    slack.faults.fail_after(9, status=status)
    with pytest.raises(Uncertain):
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert slack.deliveries("C0GENERAL") == ["d"]
    assert waits == []


def test_a_cut_connection_while_posting_is_uncertain_and_not_repeated(slack: SlackServer, bot: SlackBot) -> None:
    slack.faults.cut_after(9)
    with pytest.raises(Uncertain):
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert slack.deliveries("C0GENERAL") == ["d"]


def test_no_answer_in_time_is_uncertain(slack: SlackServer) -> None:
    slack.faults.stall(9)
    with pytest.raises(Uncertain, match="no answer"):
        SlackBot(slack.token, slack.base_url, timeout=0.2).post("C0GENERAL", MESSAGE, delivery="d")
    assert len(slack.calls("chat.postMessage")) == 1


@pytest.mark.parametrize("body", ["<html>", "", "[]", '"ok"', "{", "null", '{"ok": tru', "{" * 10_000, "[" * 100_000])
def test_an_answer_that_is_no_json_object_is_uncertain(slack: SlackServer, bot: SlackBot, body: str) -> None:
    slack.faults.garbage(1, body=body or " ")
    with pytest.raises(Uncertain) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == "no_json"


@pytest.mark.parametrize("code", sorted(UNSURE))
def test_errors_of_slacks_own_are_uncertain(slack: SlackServer, bot: SlackBot, code: str) -> None:
    slack.faults.answer(json.dumps({"ok": False, "error": code}))
    with pytest.raises(Uncertain) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == code


@pytest.mark.parametrize(
    "answer", [{"ok": True}, {"ok": True, "channel": "C0GENERAL"}, {"ok": True, "ts": 5, "channel": {}}]
)
def test_an_answer_without_receipt_is_uncertain(slack: SlackServer, bot: SlackBot, answer: dict[str, Any]) -> None:
    slack.faults.answer(json.dumps(answer))
    with pytest.raises(Uncertain) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == "no-receipt"


@pytest.mark.parametrize("status", [301, 302, 307, 403, 404, 407])
def test_something_that_is_not_slack_is_rejected_and_gets_the_token_once(
    slack: SlackServer, bot: SlackBot, status: int
) -> None:
    slack.faults.fail_before(9, status=status)
    with pytest.raises(Rejected, match="not Slack"):
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert len(slack.requests) == 1


def test_no_code_is_in_two_families() -> None:
    assert not LATER & UNSURE
    assert not (LATER | UNSURE) & set(ADVICE)
    assert set(ADVICE) >= AUTHENTICATION


def test_asking_never_leaves_anybody_uncertain() -> None:
    for status, data in ((500, {}), (200, {"error": "no_json"}), (200, {"error": "fatal_error"})):
        assert isinstance(from_answer("auth.test", status, data, None, posts=False), Postponed)
        assert isinstance(from_answer("chat.postMessage", status, data, None, posts=True), Uncertain)


# looking up


def test_a_message_is_found_by_its_delivery(slack: SlackServer, bot: SlackBot) -> None:
    start = since(slack)
    receipts = {name: bot.post("C0GENERAL", MESSAGE, delivery=name) for name in ("d-1", "d-2", "d-3")}
    for address in ("C0GENERAL", "#general", "general"):
        assert bot.find(address, "d-2", since=start) == receipts["d-2"]
    assert bot.find("C0GENERAL", "d-4", since=start) is None
    assert bot.find("C0DIGESTS", "d-2", since=start) is None


def test_a_reply_is_found_in_its_thread_only(slack: SlackServer, bot: SlackBot) -> None:
    start = since(slack)
    head = bot.post("C0GENERAL", MESSAGE, delivery="head")
    reply = bot.post("C0GENERAL", MESSAGE, delivery="reply", thread=head.ts)
    assert bot.find("C0GENERAL", "reply", since=start, thread=head.ts) == reply
    assert bot.find("C0GENERAL", "reply", since=start) is None


def test_private_channels_and_conversations_are_looked_up_too(slack: SlackServer, bot: SlackBot) -> None:
    start = since(slack)
    for address in ("#private", "U0BOB"):
        receipt = bot.post(address, MESSAGE, delivery=address)
        assert bot.find(address, address, since=start) == receipt


def test_the_message_of_a_failed_post_is_found(slack: SlackServer, bot: SlackBot) -> None:
    start = since(slack)
    slack.faults.fail_after(1, method="chat.postMessage")
    with pytest.raises(Uncertain):
        bot.post("#general", MESSAGE, delivery="d")
    found = bot.find("#general", "d", since=start)
    assert found == Receipt("C0GENERAL", slack.messages("C0GENERAL")[0]["ts"])


def test_only_the_metadata_of_deliveries_counts(slack: SlackServer, bot: SlackBot) -> None:
    start = since(slack)
    general = slack.workspace.channels["C0GENERAL"]
    ours = {"event_type": "hubscope_delivery", "event_payload": {"delivery": "d"}}
    for odd in (
        None,
        "text",
        {"event_type": "other", "event_payload": {"delivery": "d"}},
        {"event_type": "hubscope_delivery"},
    ):
        slack.workspace.store(general, {"text": "x", "user": "U0BOT", "metadata": odd})
    payloads: tuple[Any, ...] = (None, [], {"delivery": 5}, {"delivery": None})
    for payload in payloads:
        slack.workspace.store(general, {"text": "x", "user": "U0BOT", "metadata": {**ours, "event_payload": payload}})
    assert bot.find("C0GENERAL", "d", since=start) is None


def test_a_busy_channel_is_read_page_by_page(slack: SlackServer, bot: SlackBot) -> None:
    start = since(slack)
    receipt = bot.post("C0GENERAL", MESSAGE, delivery="d")
    for _ in range(450):
        slack.workspace.store(slack.workspace.channels["C0GENERAL"], {"text": "chat", "user": "U0ALICE"})
    assert bot.find("C0GENERAL", "d", since=start) == receipt
    assert len(slack.calls("conversations.history")) == 3


def test_too_busy_a_channel_cannot_be_looked_up(
    slack: SlackServer, bot: SlackBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifiers.slack.MOST_PAGES", 2)
    start = since(slack)
    bot.post("C0GENERAL", MESSAGE, delivery="d")
    for _ in range(450):
        slack.workspace.store(slack.workspace.channels["C0GENERAL"], {"text": "chat", "user": "U0ALICE"})
    with pytest.raises(NotLookedUp) as caught:
        bot.find("C0GENERAL", "d", since=start)
    assert caught.value.code == "too_many"
    assert len(slack.calls("conversations.history")) == 2


def test_what_was_posted_long_before_is_not_read(slack: SlackServer, bot: SlackBot) -> None:
    bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert bot.find("C0GENERAL", "d", since=since(slack) + timedelta(hours=1)) is None
    assert bot.find("C0GENERAL", "d", since=since(slack) + timedelta(minutes=5)) is not None  # clocks differ


@pytest.mark.parametrize(
    ("scope", "address", "thread"),
    [
        ("channels:history", "C0GENERAL", False),
        ("channels:history", "C0GENERAL", True),
        ("channels:read", "#general", False),
        ("groups:history", "#private", False),
        ("im:write", "U0ALICE", False),
        ("im:history", "U0ALICE", False),
    ],
)
def test_without_the_scope_it_cannot_be_looked_up(
    slack: SlackServer, bot: SlackBot, scope: str, address: str, thread: bool
) -> None:
    receipt = bot.post(address, MESSAGE, delivery="d")
    slack.remove_scopes(scope)
    with pytest.raises(NotLookedUp, match=scope) as caught:
        bot.find(address, "d", since=LONG_AGO, thread=receipt.ts if thread else None)
    assert caught.value.code == "missing_scope"


def test_public_channels_are_found_without_the_scope_for_private_ones(slack: SlackServer, bot: SlackBot) -> None:
    slack.remove_scopes("groups:read")
    receipt = bot.post("#general", MESSAGE, delivery="d")
    assert bot.find("#general", "d", since=LONG_AGO) == receipt
    with pytest.raises(NotLookedUp) as caught:
        bot.find("#private", "d", since=LONG_AGO)
    assert caught.value.code == "channel_not_found"


@pytest.mark.parametrize("address", ["C0NOWHERE", "#nowhere", "U0NOBODY", "", "C0ELSEWHERE"])
def test_a_place_that_cannot_be_read_cannot_be_looked_up(bot: SlackBot, address: str) -> None:
    with pytest.raises(NotLookedUp):
        bot.find(address, "d", since=LONG_AGO)


def test_a_revoked_token_is_rejected_when_looking_up_too(slack: SlackServer, bot: SlackBot) -> None:
    slack.revoke_token()
    with pytest.raises(Rejected) as caught:
        bot.find("#general", "d", since=LONG_AGO)
    assert caught.value.code == "token_revoked"


def test_asking_is_repeated_whatever_went_wrong(slack: SlackServer, bot: SlackBot, waits: list[float]) -> None:
    bot.post("C0GENERAL", MESSAGE, delivery="d")
    slack.faults.fail_before(1, method="conversations.history")
    slack.faults.cut_before(1, method="conversations.history")
    slack.faults.rate_limit(1, retry_after="9", method="conversations.history")
    assert bot.find("C0GENERAL", "d", since=LONG_AGO) is not None
    assert waits == [1, 2, 9]


@pytest.mark.parametrize("body", ["<html>", json.dumps({"ok": False, "error": "internal_error"})])
def test_asking_that_fails_is_postponed_not_uncertain(slack: SlackServer, bot: SlackBot, body: str) -> None:
    slack.faults.answer(body, 9, method="conversations.history")
    with pytest.raises(Postponed):
        bot.find("C0GENERAL", "d", since=LONG_AGO)


@pytest.mark.parametrize(
    "answer",
    [{"ok": True}, {"ok": True, "messages": None}, {"ok": True, "messages": ["x", None], "response_metadata": []}],
)
def test_odd_pages_hold_nothing(slack: SlackServer, bot: SlackBot, answer: dict[str, Any]) -> None:
    slack.faults.answer(json.dumps(answer), method="conversations.history")
    assert bot.find("C0GENERAL", "d", since=LONG_AGO) is None


# files


def test_a_file_is_attached_to_the_thread_and_found_by_its_name(slack: SlackServer, bot: SlackBot) -> None:
    head = bot.post("C0GENERAL", MESSAGE, delivery="d")
    name, content = "models-d.csv", b"model,verdict\r\n" + bytes(range(256))
    bot.upload("C0GENERAL", name, content, title="All <models>", thread=head.ts, comment="<!channel> *all*")
    assert slack.file(name) == content
    (message,) = slack.messages("C0GENERAL", thread=head.ts)
    assert message["files"][0]["title"] == "All <models>"
    assert message["text"] == "&lt;!channel&gt; *all*"
    assert bot.find_file("C0GENERAL", name, since=LONG_AGO, thread=head.ts) is True
    assert bot.find_file("C0GENERAL", "models-e.csv", since=LONG_AGO, thread=head.ts) is False


def test_a_file_without_thread_is_found_in_the_channel(slack: SlackServer, bot: SlackBot) -> None:
    bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)
    assert bot.find_file("C0GENERAL", "d.csv", since=LONG_AGO, thread=None) is True


def test_the_upload_address_never_gets_the_token(slack: SlackServer, bot: SlackBot) -> None:
    bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)
    (upload,) = slack.calls("upload")
    assert slack.token not in json.dumps(dict(upload.headers))


@pytest.mark.parametrize(
    "address", ["http://files.example/u", "file:///etc/passwd", "", "ftp://127.0.0.1/x", "http://[::bad"]
)
def test_a_file_goes_only_to_a_safe_address(slack: SlackServer, bot: SlackBot, address: str) -> None:
    answer = {"ok": True, "upload_url": address, "file_id": "F1"}
    slack.faults.answer(json.dumps(answer), method="files.getUploadURLExternal")
    with pytest.raises(Rejected, match="not https"):
        bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)
    assert slack.calls("files.completeUploadExternal") == []


def test_a_server_elsewhere_cannot_name_a_loopback_address(slack: SlackServer) -> None:
    bot = SlackBot("xoxb-1")
    with pytest.raises(Rejected, match="not https"):
        bot._send_content(f"{slack.address}/upload/v1/F1", b"x")


@pytest.mark.parametrize("kind", ["rate_limit", "fail_before", "cut_before", "cut_after"])
def test_an_upload_that_breaks_is_postponed(slack: SlackServer, bot: SlackBot, kind: str) -> None:
    getattr(slack.faults, kind)(1, method="upload")
    with pytest.raises(Postponed):
        bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)
    assert slack.messages("C0GENERAL") == []


def test_an_upload_to_where_nobody_listens_is_postponed(slack: SlackServer, bot: SlackBot) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/u"
    answer = {"ok": True, "upload_url": address, "file_id": "F1"}
    slack.faults.answer(json.dumps(answer), method="files.getUploadURLExternal")
    with pytest.raises(Postponed, match="nothing was sent"):
        bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)


def test_an_upload_that_is_refused_is_rejected(slack: SlackServer, bot: SlackBot) -> None:
    slack.faults.fail_before(1, status=403, method="upload")
    with pytest.raises(Rejected, match="HTTP 403"):
        bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)


def test_a_file_that_may_have_been_shared_is_uncertain(slack: SlackServer, bot: SlackBot) -> None:
    slack.faults.fail_after(1, method="files.completeUploadExternal")
    with pytest.raises(Uncertain):
        bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)
    assert bot.find_file("C0GENERAL", "d.csv", since=LONG_AGO, thread=None) is True
    assert len(slack.calls("files.completeUploadExternal")) == 1


def test_attaching_a_file_needs_a_scope(slack: SlackServer, bot: SlackBot) -> None:
    slack.remove_scopes("files:write")
    with pytest.raises(Rejected, match="needed: files:write") as caught:
        bot.upload("C0GENERAL", "d.csv", b"x", title="d", thread=None)
    assert caught.value.code == "missing_scope"


def test_looking_for_a_file_needs_a_scope(slack: SlackServer, bot: SlackBot) -> None:
    slack.remove_scopes("channels:history")
    with pytest.raises(NotLookedUp, match="needed: channels:history"):
        bot.find_file("C0GENERAL", "d.csv", since=LONG_AGO, thread=None)


# who and where


def test_identity_says_who_and_with_which_scopes(slack: SlackServer, bot: SlackBot) -> None:
    slack.remove_scopes("files:write")
    me = bot.identity()
    assert (me.team, me.user, me.user_id, me.bot_id) == ("Sample team", "hubscope", "U0BOT", "B0BOT")
    assert me.url == "https://sample-team.slack.com/"
    assert me.scopes is not None
    assert "chat:write" in me.scopes
    assert "files:write" not in me.scopes


def test_scopes_are_unknown_where_slack_does_not_say(slack: SlackServer, bot: SlackBot) -> None:
    slack.faults.answer(json.dumps({"ok": True, "team": "T", "user": "u"}), method="auth.test")
    me = bot.identity()
    assert me.scopes is None
    assert me.bot_id is None


def test_channels_are_described(slack: SlackServer, bot: SlackBot) -> None:
    slack.archive("C0DIGESTS")
    assert bot.channel_info("#digests") == ChannelInfo("C0DIGESTS", "digests", is_member=True, is_archived=True)
    assert bot.channel_info("C0ELSEWHERE") == ChannelInfo(
        "C0ELSEWHERE", "elsewhere", is_member=False, is_archived=False
    )
    assert bot.channel_info("U0ALICE") == ChannelInfo("D0ALICE", "", is_member=True, is_archived=False)


@pytest.mark.parametrize("address", ["#nowhere", "C0NOWHERE"])
def test_a_channel_that_is_not_there_is_rejected(bot: SlackBot, address: str) -> None:
    with pytest.raises(Rejected, match="/invite") as caught:
        bot.channel_info(address)
    assert caught.value.code == "channel_not_found"


def test_channels_are_listed_page_by_page(slack: SlackServer, bot: SlackBot) -> None:
    for number in range(1_500):
        slack.workspace.add_channel(f"C1{number:04}", f"channel-{number}")
    assert bot.channel_info("#channel-1499").id == "C11499"
    assert len(slack.calls("conversations.list")) == 2


# secrets and surroundings


def test_the_token_is_never_shown(slack: SlackServer, waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("slack_sdk").setLevel(logging.DEBUG)
    bot = SlackBot(slack.token, slack.base_url, sleep=waits.append)
    shown = [repr(bot), str(bot)]
    bot.post("C0GENERAL", MESSAGE, delivery="a-delivery")
    mishaps: tuple[Callable[[], object], ...] = (
        lambda: slack.faults.fail_after(1),
        lambda: slack.faults.cut_after(1),
        lambda: slack.faults.garbage(1),
        lambda: slack.faults.rate_limit(9),
        slack.revoke_token,
    )
    for mishap in mishaps:
        slack.faults.clear()
        mishap()
        with pytest.raises(SendError) as caught:
            bot.post("C0GENERAL", MESSAGE, delivery="a-delivery")
        shown += traceback.format_exception(caught.value)
        shown += [repr(caught.value), str(caught.value)]
    shown.append(caplog.text)
    assert not any(slack.token in text for text in shown)
    assert "a-delivery" not in caplog.text  # nor are bodies logged


def test_hostile_answers_are_shown_safely(slack: SlackServer, bot: SlackBot) -> None:
    hostile = {
        "ok": False,
        "error": "missing_scope",
        "needed": "a\x1b[31m\u202e\n" + "n" * 9_000,
        "provided": ["x"] * 999,
    }
    slack.faults.answer(json.dumps(hostile))
    with pytest.raises(Rejected) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    text = str(caught.value)
    assert len(text) < 1_000
    assert text.isprintable()
    slack.faults.answer(
        json.dumps({"ok": False, "error": "e\u202e" * 900, "response_metadata": {"messages": [{"a": "\n"}]}})
    )
    with pytest.raises(Rejected) as caught:
        bot.post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code.isprintable()
    assert len(str(caught.value)) < 1_000


def test_loopback_needs_no_proxy(slack: SlackServer, bot: SlackBot, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:9")
    bot.post("C0GENERAL", MESSAGE, delivery="d")
    SlackBot(slack.token, slack.base_url).post("C0GENERAL", MESSAGE, delivery="e")
    assert slack.deliveries("C0GENERAL") == ["d", "e"]


def test_a_proxy_that_refuses_is_postponed_and_its_password_not_shown(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", slack.address.replace("http://", "http://user:secret@"))
    with pytest.raises(Postponed, match="Tunnel connection failed") as caught:
        SlackBot("xoxb-1", max_wait_seconds=0).post("C0GENERAL", MESSAGE, delivery="d")
    assert caught.value.code == "no-connection"
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_a_clock_that_is_ahead_of_slack_s_hides_no_message() -> None:
    """By this machine's clock the message was tried ten days after it was posted by Slack's."""
    with SlackServer(clock=lambda: time.time() - timedelta(days=10).total_seconds()) as behind:
        tried = datetime.now(UTC)
        receipt = SlackBot(behind.token, behind.base_url).post("C0GENERAL", MESSAGE, delivery="d1")
        assert float(receipt.ts) < tried.timestamp() - timedelta(days=9).total_seconds()
        fresh = SlackBot(behind.token, behind.base_url)
        assert fresh.find("C0GENERAL", "d1", since=tried) == receipt
        assert fresh.find("C0GENERAL", "d2", since=tried) is None
