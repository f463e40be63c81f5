"""Slack through an incoming webhook: one message, no thread, no looking up afterwards.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. A webhook answers with a text: `ok`, or a
word for what was wrong. Its address is a secret, since whoever has it can post; only its host is ever shown.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from slack_sdk.webhook import WebhookResponse

from notifiers.errors import Postponed, Rejected, Uncertain
from notifiers.interface import SlackMessage
from notifiers.render.safe import quotation
from notifiers.slack_client import HookClient
from notifiers.slack_errors import EVENT_TYPE, not_connected, seconds
from notifiers.slack_retries import Patience, for_posting
from notifiers.transport import NoAnswer, NotConnected, Transport, is_allowed

_TEXT_LENGTH = 200
_NEW_HOOK = "make a new webhook on the app's page Incoming Webhooks and set SLACK_WEBHOOK_URL to it"
_OTHER_CHANNEL = "make a webhook for another channel and set SLACK_WEBHOOK_URL to it"
_OURS = "report this with the message as `hubscope notify --dry-run` shows it"

ADVICE: Mapping[str, str] = {
    "no_service": f"the webhook was turned off: {_NEW_HOOK}",
    "no_service_id": f"the address is not complete: {_NEW_HOOK}",
    "no_active_hooks": f"the webhook was turned off: {_NEW_HOOK}",
    "no_team": f"the workspace is gone: {_NEW_HOOK}",
    "team_disabled": f"the workspace is turned off: {_NEW_HOOK}",
    "invalid_token": f"the address is not valid: {_NEW_HOOK}",
    "channel_not_found": f"its channel is gone: {_OTHER_CHANNEL}",
    "channel_is_archived": f"its channel is archived: restore it, or {_OTHER_CHANNEL}",
    "user_not_found": f"its user is gone: {_NEW_HOOK}",
    "action_prohibited": "an administrator restricts who may post there: ask one",
    "posting_to_general_channel_denied": f"an administrator restricts who may post there: ask one, or {_OTHER_CHANNEL}",
    "invalid_payload": _OURS,
    "invalid_blocks": _OURS,
    "invalid_blocks_format": _OURS,
    "no_text": _OURS,
    "msg_too_long": _OURS,
    "msg_blocks_too_long": _OURS,
    "too_many_attachments": _OURS,
}
"""What a person has to do, by the webhook's word."""


class SlackWebhook:
    """One incoming webhook; not for several threads at once.

    Args:
        url: its address, a secret; https, or http on this machine.
        timeout: seconds for a connection, and for an answer.
        sleep: how to wait, in seconds.
        max_wait_seconds: what one call may spend waiting for rate limits and between retries.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30,
        sleep: Callable[[float], object] = time.sleep,
        max_wait_seconds: float = 60,
    ) -> None:
        self._url = url.strip()
        self._patience = Patience(sleep, max_wait_seconds)
        self._client = HookClient(self._url, Transport(timeout), for_posting(self._patience))

    def __repr__(self) -> str:
        return f"SlackWebhook({self._host!r})"

    def post(self, message: SlackMessage, *, delivery: str) -> None:
        """Post one message.

        Args:
            message: text and blocks.
            delivery: id of the delivery, which travels as metadata; a webhook cannot look it up.

        Raises:
            Rejected: until somebody mends something; the message says what.
            Postponed: not posted.
            Uncertain: perhaps posted.
        """
        if not is_allowed(self._url) or not self._url.isascii() or not self._url.isprintable() or " " in self._url:
            raise Rejected("bad-address", "the webhook's address must be an https URL (SLACK_WEBHOOK_URL)")
        self._patience.renew()
        try:
            answer = self._client.send(**body_of(message, delivery=delivery))
        except NotConnected as error:
            raise not_connected(self._host, str(error)) from error
        except NoAnswer as error:
            sentence = (
                f"the webhook at {self._host} gave no answer ({error}); the message may have arrived all the same"
            )
            raise Uncertain("no-answer", sentence) from error
        _judge(answer, self._host)

    @property
    def _host(self) -> str:
        """The part of the address that is no secret."""
        try:
            return quotation(urlsplit(self._url).hostname or "no host", _TEXT_LENGTH)
        except ValueError:
            return "no host"


_MARKUP = ("<", "{", "[")  # how a web page or JSON begins; Slack answers plain words: ok, no_service, invalid_payload


def body_of(message: SlackMessage, *, delivery: str) -> dict[str, Any]:
    """What a webhook is given: nothing is expanded that the blocks do not say."""
    return {
        "text": message.text,
        "blocks": [dict(block) for block in message.blocks],
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery}},
    }


def _judge(answer: WebhookResponse, host: str) -> None:
    """Nothing for `ok`; raises what any other answer stands for."""
    status, text = answer.status_code, quotation(answer.body, _TEXT_LENGTH)
    if status == 200 and answer.body.strip() == "ok":
        return
    if status == 200 and not text:
        sentence = f"the webhook at {host} answered nothing; the message may have arrived all the same"
        raise Uncertain("no-answer", sentence)
    if status == 200 and answer.body.lstrip()[:1] in _MARKUP:
        sentence = (
            f"the webhook at {host} answered {text}, which Slack never says: a proxy, or something else, is there"
        )
        raise Uncertain("no-slack", f"{sentence}; the message may have arrived all the same")
    said = text or "nothing"
    if status == 429:
        wait = seconds(next((value for name, value in answer.headers.items() if name.lower() == "retry-after"), None))
        raise Postponed("ratelimited", f"the webhook at {host} takes no more messages for now", wait)
    if status >= 500 or status == 408:
        sentence = (
            f"the webhook at {host} answered HTTP {status} with {said}; the message may have arrived all the same"
        )
        raise Uncertain(f"http-{status}", sentence)
    sentence = f"the webhook at {host} answered HTTP {status} with {said}"
    advice = ADVICE.get(text)
    raise Rejected(text if advice else f"http-{status}", f"{sentence}; {advice}" if advice else sentence)
