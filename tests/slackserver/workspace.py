"""What a workspace holds: tokens with their scopes, channels, people, messages, files, webhooks."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]

ALL_SCOPES = frozenset(
    {
        "chat:write",
        "files:write",
        "files:read",
        "channels:read",
        "channels:history",
        "groups:read",
        "groups:history",
        "im:read",
        "im:write",
        "im:history",
    }
)


@dataclass
class Channel:
    """A channel, or a conversation with a person.

    Attributes:
        member: whether the bot is in it.
        person: id of the person it is with; None for a channel.
        messages: oldest first, replies included.
        refuses: the error that posting gets there, such as "restricted_action"; None for none.
    """

    id: str
    name: str
    private: bool = False
    member: bool = True
    archived: bool = False
    person: str | None = None
    messages: list[Message] = field(default_factory=list)
    refuses: str | None = None

    @property
    def kind(self) -> str:
        """What scopes are named after: channels, groups or im."""
        if self.person is not None:
            return "im"
        return "groups" if self.private else "channels"


@dataclass
class File:
    """A file that is being uploaded or was."""

    id: str
    name: str
    length: int
    content: bytes | None = None
    title: str = ""


@dataclass
class Recorded:
    """One request that the server got.

    Attributes:
        method: of the Web API, "webhook" or "upload".
        arguments: decoded, whatever form they came in.
        fault: kind of the fault that happened to it; None for none.
        accepted: whether it was acted upon with success.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    arguments: Mapping[str, Any]
    body: bytes = b""
    status: int = 0
    answer: str = ""
    fault: str | None = None
    accepted: bool = False


class Workspace:
    """One workspace with one bot in it; everything is under `lock`.

    Attributes:
        clock: seconds since 1970, from which messages get their `ts`.
    """

    team, team_id = "Sample team", "T0SAMPLE"
    bot_name, bot_user, bot_id, app_id = "hubscope", "U0BOT", "B0BOT", "A0APP"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.tokens: dict[str, frozenset[str]] = {}
        self.revoked: set[str] = set()
        self.channels: dict[str, Channel] = {}
        self.people: set[str] = {"U0ALICE", "U0BOB"}
        self.files: dict[str, File] = {}
        self.hooks: dict[str, str] = {}
        self.requests: list[Recorded] = []
        self._numbers = itertools.count(1)
        self._last_ts = 0

    def add_channel(self, id: str, name: str, **state: Any) -> Channel:  # noqa: A002  # Slack's own word
        """A new channel."""
        with self.lock:
            self.channels[id] = Channel(id, name, **state)
            return self.channels[id]

    def conversation_with(self, person: str) -> Channel:
        """The bot's conversation with a person, opened if there is none."""
        with self.lock:
            for channel in self.channels.values():
                if channel.person == person:
                    return channel
            return self.add_channel(f"D{person[1:]}", "", private=True, person=person)

    def store(self, channel: Channel, message: Message) -> Message:
        """Put a message into a channel; it gets its `ts`, and the message it replies to counts it."""
        with self.lock:
            message = {"type": "message", **message, "ts": self._next_ts()}
            channel.messages.append(message)
            parent = self.message(channel, message.get("thread_ts"))
            if parent is not None:
                parent["thread_ts"] = parent["ts"]
                parent["reply_count"] = parent.get("reply_count", 0) + 1
            return message

    def message(self, channel: Channel, ts: object) -> Message | None:
        """The message of that `ts`, None where there is none."""
        return next((message for message in channel.messages if message["ts"] == ts), None)

    def new_file(self, name: str, length: int) -> File:
        """Room for a file that is to be uploaded."""
        with self.lock:
            file = File(f"F{next(self._numbers):04}", name, length)
            self.files[file.id] = file
            return file

    def _next_ts(self) -> str:
        """`ts` are unique in the workspace and rise, whatever the clock does."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06}"
