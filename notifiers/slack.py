"""Slack through a bot token: posting once, finding out whether something was posted, attaching a file.

Web API: https://docs.slack.dev/reference/methods. Each message carries the id of its delivery as metadata of type
`hubscope_delivery`, so that a crash between sending and recording can be settled by looking it up in the channel.
Scopes: chat:write to post; files:write to attach; channels:history and groups:history (im:history for people) to look
up; channels:read and groups:read to find a channel by its name (im:write for people).
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from notifiers.errors import NotLookedUp, Postponed, Rejected, Uncertain
from notifiers.interface import Receipt, SlackMessage
from notifiers.render.safe import encodable, visible
from notifiers.slack_client import ApiClient, call
from notifiers.slack_errors import ADVICE, AUTHENTICATION, EVENT_TYPE, not_connected
from notifiers.slack_retries import Patience, for_asking, for_posting
from notifiers.transport import NoAnswer, NotConnected, Transport, is_allowed, is_loopback

BASE_URL = "https://slack.com/api/"
LOOK_BACK = timedelta(minutes=15)  # before the moment asked for: this machine's clock and Slack's may differ
PAGE_LENGTH = 200  # what Slack recommends at most
MOST_PAGES = 20  # of a channel's messages: 4,000 since the delivery began
LIST_LENGTH = 1_000  # the most conversations.list gives
MOST_LIST_PAGES = 20  # 20,000 channels

_CHANNEL_ID_PATTERN = re.compile(r"[CGD][A-Z0-9]+")
_USER_ID_PATTERN = re.compile(r"[UW][A-Z0-9]+")
_TOKEN_PATTERN = re.compile(r"[!-~]+")
_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token belongs to.

    Attributes:
        team: name of the workspace.
        user: name of the bot.
        user_id: its id (U…).
        bot_id: the app's id as a bot (B…); None for a person's token.
        scopes: what the token may do; None where Slack does not say.
        url: address of the workspace.
    """

    team: str
    user: str
    user_id: str
    bot_id: str | None
    scopes: frozenset[str] | None
    url: str


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A channel as the bot sees it.

    Attributes:
        name: without #; empty for a conversation with a person.
        is_member: whether the bot is in it.
    """

    id: str
    name: str
    is_member: bool
    is_archived: bool


class SlackBot:
    """One bot in one workspace; not for several threads at once.

    Args:
        token: the bot token; never shown.
        base_url: of the Web API; https, or http on this machine. Slack's own where None.
        timeout: seconds for a connection, and for an answer.
        sleep: how to wait, in seconds.
        max_wait_seconds: what one call may spend waiting for rate limits and between retries.
    """

    def __init__(
        self,
        token: str,
        base_url: str | None = None,
        *,
        timeout: float = 30,
        sleep: Callable[[float], object] = time.sleep,
        max_wait_seconds: float = 60,
    ) -> None:
        self._token_is_possible = bool(_TOKEN_PATTERN.fullmatch(token.strip()))
        self._base_url = (base_url or BASE_URL).rstrip("/") + "/"
        self._transport = Transport(timeout)
        self._patience = Patience(sleep, max_wait_seconds)
        self._poster = ApiClient(token, self._base_url, self._transport, for_posting(self._patience))
        self._asker = ApiClient(token, self._base_url, self._transport, for_asking(self._patience))
        self._identity: Identity | None = None

    def __repr__(self) -> str:
        return f"SlackBot({urlsplit(self._base_url).netloc!r})"

    def post(self, channel: str, message: SlackMessage, *, delivery: str, thread: str | None = None) -> Receipt:
        """Post one message.

        Args:
            channel: id (C…, G…, D…), name (#general), or id of a person (U…).
            message: text and blocks.
            delivery: id of the delivery, for `find`.
            thread: `ts` of the message to reply to.

        Raises:
            Rejected: until somebody mends something; the message says what.
            Postponed: not posted.
            Uncertain: perhaps posted.
        """
        answer = self._call(
            "chat.postMessage",
            lambda client: client.chat_postMessage(**arguments_of(channel, message, delivery=delivery, thread=thread)),
            posts=True,
        )
        receipt = Receipt(_text(answer, "channel"), _text(answer, "ts"))
        if not receipt.channel or not receipt.ts:
            raise Uncertain("no-receipt", "Slack took the message and did not say where it lies")
        return receipt

    def find(self, channel: str, delivery: str, *, since: datetime, thread: str | None = None) -> Receipt | None:
        """The message that `delivery` was posted as; None if there is none.

        Args:
            channel: as for `post`.
            delivery: id given to `post`.
            since: aware; when it was posted at the earliest.
            thread: `ts` of the message it replied to, if it did.

        Raises:
            NotLookedUp: a scope is missing, the channel cannot be found, or there are too many messages to look at.
            Rejected: the token is not accepted for anything.
            Postponed: Slack does not answer now.
        """
        with _looking_up(delivery):
            place = self._channel_id(channel)
            for message in self._messages(place, since, thread):
                if _delivery_of(message) == delivery:
                    return Receipt(place, str(message.get("ts", "")))
        return None

    def upload(
        self, channel_id: str, filename: str, content: bytes, *, title: str, thread: str | None, comment: str = ""
    ) -> None:
        """Attach a file to a channel or thread.

        These are the steps of the SDK's `files_upload_v2`, one by one: only after the last is anything visible, so only
        its failures are Uncertain; and the upload goes nowhere but to an https address.

        Args:
            channel_id: id of a channel (C…, G…, D…), as in a Receipt.
            filename: should hold the delivery's id, for `find_file`.
            content: the file.
            title: what is shown as its name.
            thread: `ts` of the message to reply to.
            comment: what to say beside it, as plain text; or nothing.

        Raises:
            Rejected: until somebody mends something; the message says what.
            Postponed: not attached.
            Uncertain: perhaps attached.
        """
        place = self._call(
            "files.getUploadURLExternal",
            lambda client: client.files_getUploadURLExternal(filename=encodable(filename), length=len(content)),
            posts=False,
        )
        self._send_content(_text(place, "upload_url"), content)
        self._call(
            "files.completeUploadExternal",
            lambda client: client.files_completeUploadExternal(
                files=[{"id": _text(place, "file_id"), "title": encodable(title)}],
                channel_id=encodable(channel_id),
                thread_ts=thread,
                initial_comment=_escaped(comment) or None,
            ),
            posts=True,
        )

    def find_file(self, channel_id: str, filename: str, *, since: datetime, thread: str | None) -> bool:
        """Whether a file of that name was attached; Slack may take some seconds to show one that was.

        Raises:
            NotLookedUp, Rejected, Postponed: as `find`.
        """
        with _looking_up(filename):
            return any(
                isinstance(file, dict) and file.get("name") == filename
                for message in self._messages(channel_id, since, thread)
                for file in _list(message.get("files"))
            )

    def identity(self) -> Identity:
        """Whom the token belongs to and what it may do.

        Raises:
            Rejected: the token is not accepted.
            Postponed: Slack does not answer now.
        """
        answer = self._call("auth.test", lambda client: client.auth_test(), posts=False)
        header = answer.headers.get("x-oauth-scopes")
        scopes = None if header is None else frozenset(filter(None, (scope.strip() for scope in header.split(","))))
        self._identity = Identity(
            team=visible(_text(answer, "team"), _NAME_LENGTH),
            user=visible(_text(answer, "user"), _NAME_LENGTH),
            user_id=_text(answer, "user_id"),
            bot_id=_text(answer, "bot_id") or None,
            scopes=scopes,
            url=visible(_text(answer, "url"), _NAME_LENGTH),
        )
        return self._identity

    def channel_info(self, channel: str) -> ChannelInfo:
        """What the bot can see of a channel, by id, name or id of a person.

        Raises:
            Rejected: there is no such channel, or a scope is missing (`missing_scope`).
            Postponed: Slack does not answer now.
        """
        place = self._channel_id(channel)
        answer = self._call("conversations.info", lambda client: client.conversations_info(channel=place), posts=False)
        found = answer.get("channel")
        data: Mapping[str, Any] = found if isinstance(found, dict) else {}
        return ChannelInfo(
            id=place,
            name=visible(str(data.get("name") or ""), _NAME_LENGTH),
            is_member=bool(data.get("is_member") or data.get("is_im")),
            is_archived=bool(data.get("is_archived")),
        )

    def _call(self, method: str, send: Callable[[WebClient], SlackResponse], *, posts: bool) -> SlackResponse:
        if not self._token_is_possible:  # also because http.client would show it in its complaint
            raise Rejected("invalid_auth", f"the Slack token cannot be one; {ADVICE['invalid_auth']}")
        if not is_allowed(self._base_url):
            raise Rejected(
                "bad-address", "the Web API's address must be https, or http on this machine (slack.base_url)"
            )
        self._patience.renew()
        client = self._poster if posts else self._asker
        return call(method, lambda: send(client), base_url=self._base_url, posts=posts)

    def _send_content(self, url: str, content: bytes) -> None:
        """Send a file to where the server said. The address is a secret of its own; the token does not go there."""
        if not is_allowed(url) or (is_loopback(url) and not is_loopback(self._base_url)):
            raise Rejected("bad-upload-address", "Slack named an address for the upload that is not https")
        request = Request(url, content, {"Content-Type": "application/octet-stream"}, method="POST")  # noqa: S310  # see above
        try:
            answer = self._transport.send(request)
        except NotConnected as error:
            raise not_connected(urlsplit(url).netloc, str(error)) from error
        except NoAnswer as error:
            raise Postponed("no-answer", f"the upload got no answer ({error}); nothing was attached") from error
        if answer.status == 200:
            return
        sentence = f"the upload was answered with HTTP {answer.status}; nothing was attached"
        if answer.status >= 500 or answer.status in {408, 429}:
            raise Postponed(f"http-{answer.status}", sentence)
        raise Rejected(f"http-{answer.status}", sentence)

    def _messages(self, channel_id: str, since: datetime, thread: str | None) -> Iterator[Mapping[str, Any]]:
        """The messages of a channel, or of one thread, since a little before a moment.

        The moment is this machine's, the messages' are Slack's: where Slack's clock is behind, so is the moment. Whose
        messages they are is not asked: a delivery's id is known to nobody before it is posted.
        """
        if self._identity is None:
            self.identity()  # the first answer tells how far Slack's clock is behind
        oldest = f"{(since - self._transport.behind - LOOK_BACK).timestamp():.6f}"

        def page(client: WebClient, cursor: str | None) -> SlackResponse:
            if thread is None:
                return client.conversations_history(
                    channel=channel_id, oldest=oldest, limit=PAGE_LENGTH, cursor=cursor, include_all_metadata=True
                )
            return client.conversations_replies(
                channel=channel_id,
                ts=thread,
                oldest=oldest,
                limit=PAGE_LENGTH,
                cursor=cursor,
                include_all_metadata=True,
            )

        method = "conversations.history" if thread is None else "conversations.replies"
        yield from self._paged(method, page, "messages", MOST_PAGES)

    def _paged(
        self, method: str, page: Callable[..., SlackResponse], key: str, most_pages: int
    ) -> Iterator[Mapping[str, Any]]:
        """Every entry of a method that answers in pages.

        Raises:
            NotLookedUp: there are more pages than `most_pages`.
        """
        cursor: str | None = None
        for _ in range(most_pages):
            answer = self._call(method, partial(page, cursor=cursor), posts=False)
            yield from (entry for entry in _list(answer.get(key)) if isinstance(entry, dict))
            cursor = _next_cursor(answer)
            if not cursor:
                return
        raise NotLookedUp(
            "too_many", f"{method} gave {most_pages} pages and has more: what is looked for may lie beyond"
        )

    def _channel_id(self, channel: str) -> str:
        """The id of a channel given by id, name or person.

        Raises:
            Rejected: as `channel_info`.
        """
        if _CHANNEL_ID_PATTERN.fullmatch(channel):
            return channel
        if _USER_ID_PATTERN.fullmatch(channel):
            answer = self._call(
                "conversations.open", lambda client: client.conversations_open(users=channel), posts=False
            )
            opened = answer.get("channel")
            return str(opened.get("id", "")) if isinstance(opened, dict) else ""
        name = channel.removeprefix("#")
        try:
            found = self._channel_called(name, "public_channel,private_channel")
        except Rejected as error:
            if error.code != "missing_scope":
                raise
            found = self._channel_called(name, "public_channel")  # groups:read may be what is missing
        if not found:
            shown = visible(name, _NAME_LENGTH)
            raise Rejected("channel_not_found", f"no channel is called {shown!r}; {ADVICE['channel_not_found']}")
        return found

    def _channel_called(self, name: str, types: str) -> str:
        def page(client: WebClient, cursor: str | None) -> SlackResponse:
            return client.conversations_list(types=types, limit=LIST_LENGTH, cursor=cursor)

        channels = self._paged("conversations.list", page, "channels", MOST_LIST_PAGES)
        return next((str(entry.get("id", "")) for entry in channels if entry.get("name") == name), "")


def arguments_of(channel: str, message: SlackMessage, *, delivery: str, thread: str | None = None) -> dict[str, Any]:
    """What `chat.postMessage` is called with: nothing is expanded, linked or mentioned that the blocks do not say."""
    return {
        "channel": encodable(channel),
        "text": message.text,
        "blocks": [dict(block) for block in message.blocks],
        "thread_ts": thread,
        "metadata": {"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery}},
        "unfurl_links": False,
        "unfurl_media": False,
        "parse": "none",
        "link_names": False,
    }


@contextmanager
def _looking_up(what: str) -> Iterator[None]:
    """Refusals that are about looking, not about the token, mean that nobody can tell."""
    try:
        yield
    except Rejected as error:
        if error.code in AUTHENTICATION:
            raise
        shown = visible(what, _NAME_LENGTH)
        raise NotLookedUp(error.code, f"whether {shown} arrived before cannot be looked up: {error}") from error


def _delivery_of(message: Mapping[str, Any]) -> str | None:
    """The delivery that a message carries as metadata of ours."""
    metadata = message.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    delivery = payload.get("delivery") if isinstance(payload, dict) else None
    return delivery if isinstance(delivery, str) else None


def _next_cursor(answer: SlackResponse) -> str:
    metadata = answer.get("response_metadata")
    return str(metadata.get("next_cursor") or "") if isinstance(metadata, dict) else ""


def _text(answer: SlackResponse, key: str) -> str:
    value = answer.get(key)
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _escaped(text: str) -> str:
    """Plain text as Slack takes it: three characters are its own."""
    shown = visible(text)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
