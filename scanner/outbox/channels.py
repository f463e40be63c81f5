"""Where deliveries go: one small class a channel, all alike. A new one is a class and a line in `Deliverer`'s caller.

A channel sends a delivery, and may be able to tell whether one arrived before. Both raise `notifiers.errors.SendError`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from notifiers.errors import (
    BadReportError,
    NotLookedUp,
    Postponed,
    Rejected,
    SendError,
    Uncertain,
    UnknownFormatError,
    WriteError,
)
from notifiers.files import write
from notifiers.interface import SlackMessage
from notifiers.registry import renderer
from notifiers.render.as_json import parse
from notifiers.render.as_slack import REPEAT, line, repeat_note
from notifiers.slack import arguments_of
from notifiers.webhook import body_of
from scanner.catalogue.outbox import REPEAT as REPEATED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notifiers.slack import SlackBot
    from notifiers.webhook import SlackWebhook
    from scanner.catalogue.tables import Delivery

Receipt = Mapping[str, Any]
TableOf = Callable[[Mapping[str, Any]], "Iterable[str]"]
"""Makes the lines of a CSV file from what a delivery says of it."""

FILE_PREFIX = "hubscope-"
LEFTOVERS_LAST = timedelta(days=1)  # longer than any table takes to be written
CLOCK_MARGIN = timedelta(minutes=15)  # how far another clock may be off without a message being missed
NO_FILES = frozenset(
    {"missing_scope", "file_uploads_disabled", "file_upload_size_restricted", "not_allowed_token_type"}
)
"""Answers that say a table will never be attached here; the thread says so instead."""
MOST_UPLOADS = 9  # tries, over half an hour and more; then the thread says so too
NO_TOKEN = "SLACK_BOT_TOKEN is not set, so nothing can be posted to {target}; set it where hubscope runs"  # noqa: S105
NO_WEBHOOK = "SLACK_WEBHOOK_URL is not set any more; set it where hubscope runs"


class Channel(Protocol):
    """One way out."""

    def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
        """Send a delivery, into its parent's thread where it has one; returns where it lies.

        Args:
            delivery: what to send.
            parent: a delivery that was sent.
            again: it may have arrived before; the message says so.
        """
        ...

    def find(self, delivery: Delivery, parent: Delivery | None) -> Receipt | None:
        """Where a delivery that may have arrived lies; None where it certainly did not arrive.

        Raises:
            NotLookedUp: nobody can tell.
        """
        ...

    def show(self, delivery: Delivery) -> Mapping[str, Any]:
        """What `send` would send, word for word; sends nothing."""
        ...


@dataclass(frozen=True, slots=True)
class FileChannel:
    """Reports and tables into folders. Writing the same once more changes nothing, so nothing is looked up.

    Attributes:
        report: the report of a digest as JSON.
        table: makes a table's lines.
        folders: where the files of each audience go now. A catalogue may have been made by anybody, and must not say
            where on this machine something is written.
    """

    report: Callable[[str], str]
    table: TableOf
    folders: Mapping[str, Path]

    def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
        """Write the file; its folder is made where it is missing."""
        del parent, again
        path = self._path(delivery)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _tidy(path.parent)
        except OSError as error:
            raise Postponed("not-written", f"the folder {path.parent} cannot be made ({error.strerror})") from error
        try:
            write(path, self._content(delivery))
        except WriteError as error:
            raise Postponed("not-written", str(error)) from error
        except (BadReportError, UnknownFormatError) as error:
            raise Rejected("not-rendered", f"the file {path} cannot be made any more: {error}") from error
        return {"path": str(path)}

    def find(self, delivery: Delivery, parent: Delivery | None) -> Receipt | None:
        """Never there, as far as we care: it is written once more."""
        del delivery, parent
        return None

    def show(self, delivery: Delivery) -> Mapping[str, Any]:
        """The file with its content; of a table of the whole run, which may be as long as the Hub, what it holds."""
        table = delivery.payload.get("table")
        content = f"CSV, {table['note']}" if table else "".join(self._content(delivery))
        return {"file": str(self._path(delivery)), "content": content}

    def _path(self, delivery: Delivery) -> Path:
        """The file by its name, in the folder that the settings name today."""
        folder, name = self.folders.get(delivery.audience), Path(delivery.target).name
        if folder is None or not name.startswith(FILE_PREFIX):
            raise Rejected("no-folder", f"no folder of the settings is for {delivery.target}; give it up with --drop")
        return folder.resolve() / name

    def _content(self, delivery: Delivery) -> str | Iterable[str]:
        payload = delivery.payload
        if "table" in payload:
            return self.table(payload["table"])
        if "render" in payload:
            assert delivery.digest_id is not None  # noqa: S101 - a report is always a digest's
            return renderer(payload["render"]).render(parse(self.report(delivery.digest_id)))
        return str(payload["text"])


@dataclass(frozen=True, slots=True)
class SlackChannel:
    """Messages and tables by a bot's token; None where there is none.

    Attributes:
        known: the id of the channel in which the last message to a name or a person lay, so that looking there again
            needs no list of all channels.
    """

    bot: SlackBot | None
    table: TableOf
    known: Callable[[str], str | None] = lambda _: None

    def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
        """Post the message, or attach the table to the parent's thread."""
        bot = self._bot(delivery)
        channel, thread = _place(delivery, parent)
        again = _again(delivery, again=again)
        if "table" in delivery.payload:
            content = "".join(self.table(delivery.payload["table"])).encode()
            name = str(delivery.payload["filename"])
            comment = f"{REPEAT} {delivery.subject}" if again else delivery.subject
            try:
                bot.upload(channel, name, content, title=name, thread=thread, comment=comment)
            except (Postponed, Rejected, Uncertain) as error:
                if error.code not in NO_FILES and delivery.attempts < MOST_UPLOADS:
                    raise
                return _say_instead(bot, delivery, channel, thread, error, again=again)
            return {"channel": channel, "file": name}
        message = _message(delivery, again=again)
        return asdict(bot.post(channel, message, delivery=delivery.id, thread=thread))

    def find(self, delivery: Delivery, parent: Delivery | None) -> Receipt | None:
        """Look the delivery's id up in the channel's history."""
        bot = self._bot(delivery)
        channel, thread = _place(delivery, parent)
        channel = self.known(channel) or channel
        assert delivery.tried_at is not None  # noqa: S101 - only what was tried is looked for
        since = delivery.tried_at - CLOCK_MARGIN
        if "table" in delivery.payload:
            name = str(delivery.payload["filename"])
            if bot.find_file(channel, name, since=since, thread=thread):
                return {"channel": channel, "file": name}
            # Or the line that says why it could not be attached.
        found = bot.find(channel, delivery.id, since=since, thread=thread)
        return None if found is None else asdict(found)

    def show(self, delivery: Delivery) -> Mapping[str, Any]:
        """The call with its arguments; a thread's `ts` is known only once its head is posted."""
        if "table" in delivery.payload:
            arguments = {
                "channel": delivery.target,
                "filename": delivery.payload["filename"],
                "initial_comment": f"{REPEAT} {delivery.subject}" if _again(delivery) else delivery.subject,
                "content": "".join(self.table(delivery.payload["table"])),
            }
            return {"call": "files.completeUploadExternal", "arguments": arguments}
        arguments = arguments_of(delivery.target, _message(delivery, again=_again(delivery)), delivery=delivery.id)
        return {"call": "chat.postMessage", "arguments": arguments}

    def _bot(self, delivery: Delivery) -> SlackBot:
        if self.bot is None:
            raise Rejected("no-token", NO_TOKEN.format(target=delivery.target))
        return self.bot


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Messages by an incoming webhook, which tells nothing of what it posted; None where there is none."""

    webhook: SlackWebhook | None

    def send(self, delivery: Delivery, parent: Delivery | None, *, again: bool) -> Receipt:
        """Post the message."""
        del parent
        if self.webhook is None:
            raise Rejected("no-webhook", NO_WEBHOOK)
        self.webhook.post(_message(delivery, again=_again(delivery, again=again)), delivery=delivery.id)
        return {}

    def find(self, delivery: Delivery, parent: Delivery | None) -> Receipt | None:
        """Nobody can tell."""
        del delivery, parent
        raise NotLookedUp("no-history", "a webhook cannot look at what it posted")

    def show(self, delivery: Delivery) -> Mapping[str, Any]:
        """What the webhook would be given; its address is a secret."""
        message = _message(delivery, again=_again(delivery))
        return {"call": "incoming webhook", "arguments": body_of(message, delivery=delivery.id)}


def _tidy(folder: Path) -> None:
    """Remove what a process that was killed while it wrote left behind."""
    limit = time.time() - LEFTOVERS_LAST.total_seconds()
    for path in folder.glob(".hubscope-*.tmp"):
        with suppress(OSError):
            if path.lstat().st_mtime < limit:
                path.unlink()


def _place(delivery: Delivery, parent: Delivery | None) -> tuple[str, str | None]:
    """Channel and thread."""
    if parent is None:
        return delivery.target, None
    return str(parent.receipt["channel"]), str(parent.receipt["ts"])


def _again(delivery: Delivery, *, again: bool = False) -> bool:
    """Whether a message says that it may be a repeat: also where it may have arrived elsewhere."""
    return again or REPEATED in delivery.payload


def _say_instead(
    bot: SlackBot, delivery: Delivery, channel: str, thread: str | None, error: SendError, *, again: bool
) -> Receipt:
    """A line in the thread about a table that is not there, or of which nobody can tell."""
    unsure = isinstance(error, Uncertain)
    said = "may not have been attached" if unsure else "could not be attached"
    message = line(f"The table {said}: {error}. The full report: {delivery.payload['else']}")
    message = repeat_note(message) if again else message
    try:
        return asdict(bot.post(channel, message, delivery=delivery.id, thread=thread))
    except (Postponed, Rejected):
        if unsure:
            raise error from None  # that the line is not there says nothing of the table
        raise


def _message(delivery: Delivery, *, again: bool) -> SlackMessage:
    message = SlackMessage(delivery.payload["text"], tuple(delivery.payload["blocks"]))
    return repeat_note(message) if again else message
