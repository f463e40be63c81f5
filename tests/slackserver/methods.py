"""The Web API's methods, each a function of workspace, scopes and arguments; errors have Slack's own codes.

One docs page each: https://docs.slack.dev/reference/methods/<method>.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.slackserver import limits
from tests.slackserver.workspace import Channel, File, Message, Workspace

Arguments = Mapping[str, Any]


class Refused(Exception):
    """An answer with `ok: false`; `details` go beside the error code."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code, self.details = code, details


@dataclass(frozen=True)
class Caller:
    """Who calls: the workspace, what the token may do, and the server's own address."""

    workspace: Workspace
    scopes: frozenset[str]
    address: str

    def need(self, *scopes: str) -> None:
        """Refuse a token that has none of these scopes."""
        if not self.scopes & set(scopes):
            raise Refused("missing_scope", needed=",".join(scopes), provided=",".join(sorted(self.scopes)))

    def channel(self, id: object) -> Channel:  # noqa: A002  # Slack's own word
        """A channel by id; private ones are there only for members."""
        channel = self.workspace.channels.get(str(id))
        if channel is None or (channel.private and not channel.member):
            raise Refused("channel_not_found")
        return channel


def auth_test(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """auth.test: needs no scope."""
    workspace = caller.workspace
    return {
        "url": "https://sample-team.slack.com/",
        "team": workspace.team,
        "user": workspace.bot_name,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }


def post_message(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """chat.postMessage: channels by id or name, people by id."""
    caller.need("chat:write")
    workspace = caller.workspace
    channel = _addressed(caller, str(arguments.get("channel", "")))
    if channel.archived:
        raise Refused("is_archived")
    if not channel.member and "chat:write.public" not in caller.scopes:
        raise Refused("not_in_channel")
    if channel.refuses:
        raise Refused(channel.refuses)
    message = checked_message(arguments)
    thread = arguments.get("thread_ts")
    if thread is not None and workspace.message(channel, thread) is None:
        raise Refused("cannot_reply_to_message")
    metadata = _checked_metadata(arguments.get("metadata"))
    message |= {
        "user": workspace.bot_user,
        "bot_id": workspace.bot_id,
        "app_id": workspace.app_id,
        "team": workspace.team_id,
        **({"thread_ts": thread} if thread is not None else {}),
        **({"metadata": metadata} if metadata else {}),
    }
    stored = workspace.store(channel, message)
    return {"channel": channel.id, "ts": stored["ts"], "message": stored}


def checked_message(arguments: Arguments) -> Message:
    """Text and blocks of a message, within the limits; for webhooks too."""
    text = arguments.get("text") or ""
    blocks = _decoded(arguments.get("blocks"), "invalid_blocks_format")
    if not text and not blocks and not arguments.get("attachments"):
        raise Refused("no_text")
    if limits.length(str(text)) > limits.MOST_TEXT:
        raise Refused("msg_too_long")
    if not blocks:
        return {"text": text}
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    complaints = limits.complaints(blocks)
    if complaints:
        raise Refused("invalid_blocks", errors=complaints, response_metadata={"messages": complaints})
    if limits.blocks_json_length(blocks) > limits.MOST_BLOCKS_JSON:
        raise Refused("msg_blocks_too_long")
    return {"text": text, "blocks": blocks}


def history(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """conversations.history: newest first, without replies."""
    channel = _readable(caller, arguments)
    messages = [message for message in reversed(channel.messages) if _is_in_channel(message)]
    return _page_of_messages(_within(messages, arguments), arguments, default=100, most=999)


def replies(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """conversations.replies: the message itself, then its replies, oldest first."""
    channel = _readable(caller, arguments)
    ts = arguments.get("ts")
    parent = caller.workspace.message(channel, ts)
    if parent is None:
        raise Refused("thread_not_found")
    under = [message for message in channel.messages if message.get("thread_ts") == ts and message is not parent]
    return _page_of_messages([parent, *_within(under, arguments)], arguments, default=1000, most=1000)


def list_channels(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """conversations.list: a scope for each type asked for."""
    types = str(arguments.get("types", "public_channel")).split(",")
    kinds = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
    if not set(types) <= set(kinds):
        raise Refused("invalid_types")
    for kind in types:
        caller.need(f"{kinds[kind]}:read")
    wanted = {kinds[kind] for kind in types}
    skips_archived = _is_true(arguments.get("exclude_archived"))
    channels = [
        _described(channel)
        for channel in caller.workspace.channels.values()
        if channel.kind in wanted
        and (channel.member or not channel.private)
        and not (skips_archived and channel.archived)
    ]
    page, cursor = _page(channels, arguments, default=100, most=1000)
    return {"channels": page, "response_metadata": {"next_cursor": cursor}}


def info(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """conversations.info."""
    channel = caller.channel(arguments.get("channel"))
    caller.need(f"{channel.kind}:read")
    return {"channel": _described(channel)}


def open_conversation(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """conversations.open, with one person."""
    caller.need("im:write")
    person = str(arguments.get("users", ""))
    if person == caller.workspace.bot_user:
        raise Refused("cannot_dm_bot")
    if person not in caller.workspace.people:
        raise Refused("user_not_found")
    return {"channel": {"id": caller.workspace.conversation_with(person).id}}


def get_upload_url(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """files.getUploadURLExternal."""
    caller.need("files:write")
    name, size = str(arguments.get("filename") or ""), _number(arguments.get("length"), 0)
    if not name or size <= 0:
        raise Refused("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field"]})
    file = caller.workspace.new_file(name, size)
    return {"upload_url": f"{caller.address}/upload/v1/{file.id}", "file_id": file.id}


def complete_upload(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """files.completeUploadExternal: shares the files in one message."""
    caller.need("files:write")
    wanted = _decoded(arguments.get("files"), "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise Refused("invalid_arguments")
    files = [_uploaded(caller.workspace, entry) for entry in wanted]
    if arguments.get("channel_id"):
        channel = caller.channel(arguments["channel_id"])
        if channel.archived or not channel.member:
            raise Refused("is_archived" if channel.archived else "not_in_channel")
        thread = arguments.get("thread_ts")
        shared = [{"id": file.id, "name": file.name, "title": file.title, "size": file.length} for file in files]
        message = {"text": arguments.get("initial_comment", ""), "files": shared, "upload": True}
        message |= {"user": caller.workspace.bot_user, "bot_id": caller.workspace.bot_id}
        caller.workspace.store(channel, message | ({"thread_ts": thread} if thread is not None else {}))
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def unknown_method(caller: Caller, arguments: Arguments) -> dict[str, Any]:
    """What every other name is answered with."""
    raise Refused("unknown_method")


METHODS: Mapping[str, Callable[[Caller, Arguments], dict[str, Any]]] = {
    "auth.test": auth_test,
    "chat.postMessage": post_message,
    "conversations.history": history,
    "conversations.replies": replies,
    "conversations.list": list_channels,
    "conversations.info": info,
    "conversations.open": open_conversation,
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
}


def _addressed(caller: Caller, address: str) -> Channel:
    """A channel as chat.postMessage takes it."""
    workspace = caller.workspace
    if address == workspace.bot_user:
        raise Refused("cannot_dm_bot")
    if address in workspace.people:
        return workspace.conversation_with(address)
    name = address.removeprefix("#")
    for channel in workspace.channels.values():
        if channel.name == name and channel.name and (channel.member or not channel.private):
            return channel
    return caller.channel(address)


def _readable(caller: Caller, arguments: Arguments) -> Channel:
    channel = caller.channel(arguments.get("channel"))
    caller.need(f"{channel.kind}:history")
    if not channel.member:
        raise Refused("not_in_channel")
    return channel


def _is_in_channel(message: Message) -> bool:
    """Replies are in their thread only."""
    return message.get("thread_ts") in {None, message["ts"]}


def _within(messages: list[Message], arguments: Arguments) -> list[Message]:
    oldest, latest = str(arguments.get("oldest") or "0"), str(arguments.get("latest") or "99999999999")
    inclusive = _is_true(arguments.get("inclusive"))

    def inside(message: Message) -> bool:
        ts = float(message["ts"])
        return float(oldest) <= ts <= float(latest) if inclusive else float(oldest) < ts < float(latest)

    return [message for message in messages if inside(message)]


def _page_of_messages(messages: list[Message], arguments: Arguments, *, default: int, most: int) -> dict[str, Any]:
    page, cursor = _page(messages, arguments, default=default, most=most)
    if not _is_true(arguments.get("include_all_metadata")):
        page = [{key: value for key, value in message.items() if key != "metadata"} for message in page]
    return {"messages": page, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def _page(entries: list[Any], arguments: Arguments, *, default: int, most: int) -> tuple[list[Any], str]:
    """One page and the cursor of the next; the cursor is opaque to clients."""
    limit = _number(arguments.get("limit"), default)
    if not 1 <= limit <= most:
        raise Refused("invalid_limit")
    cursor = str(arguments.get("cursor") or "next:0")
    if not cursor.startswith("next:") or not cursor[5:].isdigit():
        raise Refused("invalid_cursor")
    start = int(cursor[5:])
    end = start + limit
    return entries[start:end], f"next:{end}" if end < len(entries) else ""


def _described(channel: Channel) -> dict[str, Any]:
    if channel.person is not None:
        return {"id": channel.id, "is_im": True, "user": channel.person, "is_archived": channel.archived}
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.private,
        "is_group": channel.private,
        "is_im": False,
        "is_private": channel.private,
        "is_member": channel.member,
        "is_archived": channel.archived,
    }


def _uploaded(workspace: Workspace, entry: object) -> File:
    file = workspace.files.get(str(entry.get("id"))) if isinstance(entry, dict) else None
    if file is None or file.content is None:
        raise Refused("file_not_found")
    assert isinstance(entry, dict)
    file.title = str(entry.get("title") or file.name)
    return file


def _checked_metadata(value: object) -> dict[str, Any] | None:
    metadata = _decoded(value, "invalid_metadata_format")
    if metadata is None:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str):
        raise Refused("invalid_metadata_format")
    if len(json.dumps(metadata)) > limits.MOST_METADATA_JSON:
        raise Refused("metadata_too_large")
    return metadata


def _decoded(value: object, error: str) -> object:
    """Forms carry lists and objects as JSON."""
    if not isinstance(value, str) or not value:
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise Refused(error) from None


def _is_true(value: object) -> bool:
    return str(value) in {"1", "true", "True"}


def _number(value: object, default: int) -> int:
    try:
        return default if value is None or value == "" else int(str(value))
    except ValueError:
        return -1
