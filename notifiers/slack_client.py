"""slack_sdk's clients over our own transport, without their logging, and with their failures told apart.

The SDK logs whole requests and answers at debug level, and a proxy's address with its password. Its clients get a
logger that nothing listens to; what matters is in the errors.
"""

import json
import logging
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.web import SlackResponse
from slack_sdk.webhook import WebhookClient, WebhookResponse

from notifiers.slack_errors import NO_JSON, from_answer, no_answer, not_connected, seconds
from notifiers.transport import NoAnswer, NotConnected, Transport

_NOT_JSON = json.dumps({"ok": False, "error": NO_JSON})
_UNHEARD = logging.Logger("slack_sdk, unheard", logging.CRITICAL + 1)


class ApiClient(WebClient):
    """The Web API's client. Each call's answer is a JSON object, whatever the server sent."""

    def __init__(self, token: str, base_url: str, transport: Transport, handlers: list[RetryHandler]) -> None:
        super().__init__(token=token, base_url=base_url, logger=_UNHEARD, retry_handlers=handlers)
        self._transport = transport

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:  # noqa: ARG002  # the request knows it
        answer = self._transport.send(req)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return {"status": answer.status, "headers": headers, "body": _json_object(answer.body)}


class HookClient(WebhookClient):
    """The client of incoming webhooks."""

    def __init__(self, url: str, transport: Transport, handlers: list[RetryHandler]) -> None:
        super().__init__(url, logger=_UNHEARD, retry_handlers=handlers)
        self._transport = transport

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        answer = self._transport.send(req)
        if answer.status != 200:  # as urllib tells the SDK, so that its retry handlers are asked
            del answer.headers["Content-Type"]  # the body is decoded already, and is UTF-8 again below
            raise HTTPError("the webhook", answer.status, "", answer.headers, BytesIO(answer.body.encode()))
        return WebhookResponse(url=url, status_code=answer.status, body=answer.body, headers={})


def call(method: str, send: Callable[[], SlackResponse], *, base_url: str, posts: bool) -> SlackResponse:
    """The successful answer of one call.

    Args:
        method: of the Web API, such as "chat.postMessage"; for messages.
        send: makes the call.
        base_url: where it goes; for messages.
        posts: whether it makes something visible; where it only asks, no failure is Uncertain.

    Raises:
        SendError: Rejected, Postponed or Uncertain.
    """
    try:
        return send()
    except SlackApiError as error:
        answer: SlackResponse = error.response
        data = answer.data if isinstance(answer.data, dict) else {}
        wait = seconds(answer.headers.get("retry-after"))
        raise from_answer(method, answer.status_code, data, wait, posts=posts) from error
    except NotConnected as error:
        raise not_connected(urlsplit(base_url).netloc, str(error)) from error
    except NoAnswer as error:
        raise no_answer(method, str(error), posts=posts) from error


def _json_object(body: str) -> str:
    """`body` if it is a JSON object, else one that says that it was none."""
    try:
        return body.strip() if isinstance(json.loads(body), dict) else _NOT_JSON
    except (ValueError, RecursionError):
        return _NOT_JSON
