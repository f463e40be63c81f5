import json
import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notifiers.errors import Postponed, Rejected, SendError, Uncertain
from notifiers.interface import SlackMessage
from notifiers.webhook import SlackWebhook
from tests.slackserver import SlackServer

MESSAGE = SlackMessage("Digest", ({"type": "section", "text": {"type": "mrkdwn", "text": "text", "verbatim": True}},))
SECRET = "sampleHookSecret"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def hook(slack: SlackServer, waits: list[float]) -> SlackWebhook:
    return SlackWebhook(slack.webhook_url, timeout=5, sleep=waits.append)


def test_a_message_arrives_with_its_delivery(slack: SlackServer, hook: SlackWebhook) -> None:
    hook.post(MESSAGE, delivery="d-1")
    (message,) = slack.messages("C0GENERAL")
    assert message["text"] == "Digest"
    assert message["blocks"] == [dict(MESSAGE.blocks[0])]
    assert slack.deliveries("C0GENERAL") == ["d-1"]
    (call,) = slack.calls("webhook")
    assert call.arguments["unfurl_links"] is False
    assert call.arguments["unfurl_media"] is False


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("no_service", "no_service", "SLACK_WEBHOOK_URL"),
        ("invalid_payload", "invalid_payload", "dry-run"),
        ("Something else went wrong", "http-200", "answered HTTP 200 with Something else went wrong"),
        ("ok\nbut not really", "http-200", "with ok but not really"),
        ("\x1b[31m\u202e" + "x" * 9_000, "http-200", "‹U+202E›"),
    ],
)
def test_a_200_that_is_not_ok_is_a_failure(
    slack: SlackServer, hook: SlackWebhook, text: str, code: str, said: str
) -> None:
    slack.faults.answer(text)
    with pytest.raises(Rejected) as caught:
        hook.post(MESSAGE, delivery="d")
    assert caught.value.code == code
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["<html>proxy login</html>", ' {"ok": true}', "[]"])
def test_a_200_with_a_page_or_json_is_not_slack_s_and_uncertain(
    slack: SlackServer, hook: SlackWebhook, text: str
) -> None:
    """A relay that speaks like the Web API has posted the message; a proxy's page has not: nobody can tell."""
    slack.faults.answer(text)
    with pytest.raises(Uncertain, match="which Slack never says: a proxy"):
        hook.post(MESSAGE, delivery="d")


def test_a_200_that_says_nothing_is_uncertain(slack: SlackServer, hook: SlackWebhook) -> None:
    slack.faults.answer("")
    with pytest.raises(Uncertain):
        hook.post(MESSAGE, delivery="d")


def _gone(slack: SlackServer) -> None:
    slack.workspace.hooks.clear()


def _deleted(slack: SlackServer) -> None:
    slack.delete("C0GENERAL")


def _archived(slack: SlackServer) -> None:
    slack.archive("C0GENERAL")


def _restricted(slack: SlackServer) -> None:
    slack.workspace.channels["C0GENERAL"].refuses = "restricted_action"


@pytest.mark.parametrize(
    ("mishap", "code", "said"),
    [
        (_gone, "no_service", "make a new webhook"),
        (_deleted, "channel_not_found", "another channel"),
        (_archived, "channel_is_archived", "restore it"),
        (_restricted, "action_prohibited", "administrator"),
    ],
)
def test_what_a_person_must_mend_is_rejected_with_advice(
    slack: SlackServer, hook: SlackWebhook, mishap: Any, code: str, said: str
) -> None:
    mishap(slack)
    with pytest.raises(Rejected) as caught:
        hook.post(MESSAGE, delivery="d")
    assert caught.value.code == code
    assert said in str(caught.value)


def test_a_model_list_of_14_000_characters_in_one_message_is_rejected(hook: SlackWebhook) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "m" * 2_800}}
    with pytest.raises(Rejected) as caught:
        hook.post(SlackMessage("x", (block,) * 5), delivery="d")
    assert caught.value.code == "msg_blocks_too_long"


def test_a_rate_limit_is_waited_for(slack: SlackServer, hook: SlackWebhook, waits: list[float]) -> None:
    slack.faults.rate_limit(2, retry_after="3")
    hook.post(MESSAGE, delivery="d")
    assert waits == [3, 3]
    assert slack.deliveries("C0GENERAL") == ["d"]


@pytest.mark.parametrize(("header", "wait"), [("3600", 3600), ("soon", None), (None, None), ("-1", None)])
def test_a_rate_limit_that_lasts_is_postponed(
    slack: SlackServer, hook: SlackWebhook, waits: list[float], header: str | None, wait: float | None
) -> None:
    slack.faults.rate_limit(9, retry_after=header)
    with pytest.raises(Postponed) as caught:
        hook.post(MESSAGE, delivery="d")
    assert caught.value.retry_after == wait
    assert sum(waits) <= 60


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_an_http_error_is_uncertain_and_not_repeated(slack: SlackServer, hook: SlackWebhook, status: int) -> None:
    slack.faults.fail_after(9, status=status)
    with pytest.raises(Uncertain):
        hook.post(MESSAGE, delivery="d")
    assert slack.deliveries("C0GENERAL") == ["d"]


def test_a_cut_connection_is_uncertain_and_not_repeated(slack: SlackServer, hook: SlackWebhook) -> None:
    slack.faults.cut_after(9)
    with pytest.raises(Uncertain):
        hook.post(MESSAGE, delivery="d")
    assert slack.deliveries("C0GENERAL") == ["d"]


def test_no_answer_in_time_is_uncertain(slack: SlackServer) -> None:
    slack.faults.stall(9)
    with pytest.raises(Uncertain, match="no answer"):
        SlackWebhook(slack.webhook_url, timeout=0.2).post(MESSAGE, delivery="d")


def test_no_connection_is_tried_again_and_then_postponed(waits: list[float]) -> None:
    with SlackServer() as stopped:
        url = stopped.webhook_url
    with pytest.raises(Postponed) as caught:
        SlackWebhook(url, sleep=waits.append).post(MESSAGE, delivery="d")
    assert caught.value.code == "no-connection"
    assert waits == [1, 2, 4]
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.slack.com/services/x",
        "http://hooks.slack.com/x",
        "https://a b/x",
        "https://h/\n",
        "https://[",
        "file:///x",
    ],
)
def test_an_address_that_cannot_be_one_is_rejected_unseen(url: str) -> None:
    hook = SlackWebhook(f"{url}{SECRET}")
    with pytest.raises(Rejected) as caught:
        hook.post(MESSAGE, delivery="d")
    assert caught.value.code == "bad-address"
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(hook)


def test_the_address_is_never_shown(slack: SlackServer, hook: SlackWebhook, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("slack_sdk").setLevel(logging.DEBUG)
    shown = [repr(hook)]
    hook.post(MESSAGE, delivery="a-delivery")
    mishaps: tuple[Callable[[], object], ...] = (
        lambda: slack.faults.fail_after(1),
        lambda: slack.faults.cut_after(1),
        lambda: slack.faults.rate_limit(9),
        slack.workspace.hooks.clear,
    )
    for mishap in mishaps:
        slack.faults.clear()
        mishap()
        with pytest.raises(SendError) as caught:
            hook.post(MESSAGE, delivery="a-delivery")
        shown += [*traceback.format_exception(caught.value), repr(caught.value)]
    shown.append(caplog.text)
    assert not any(SECRET in text for text in shown)
    assert "a-delivery" not in caplog.text
    assert repr(hook) == "SlackWebhook('127.0.0.1')"


def test_a_redirect_is_not_followed(slack: SlackServer, hook: SlackWebhook) -> None:
    slack.faults.answer("", status=302)
    with pytest.raises(Rejected, match="HTTP 302"):
        hook.post(MESSAGE, delivery="d")
    assert len(slack.requests) == 1
    assert json.loads(slack.requests[0].body)["text"] == "Digest"
