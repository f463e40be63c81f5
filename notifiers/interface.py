"""What a renderer is: a pure function with a name for its files; and what travels to Slack."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from notifiers.report import Report

Render: TypeAlias = Callable[[Report], str]


@dataclass(frozen=True, slots=True)
class Renderer:
    """One format of a report.

    Attributes:
        render: the whole report as one text; never writes, never asks anything of the world.
        suffix: the usual ending of its files, with the dot.
        media_type: as HTTP would say it.
    """

    render: Render
    suffix: str
    media_type: str


Block: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """One message as Slack's `chat.postMessage` takes it.

    Attributes:
        text: what notifications and screen readers show; escaped like everything else.
        blocks: Block Kit blocks, within Slack's limits.
    """

    text: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class SlackDigest:
    """A digest as a head message, and what goes into its thread."""

    head: SlackMessage
    details: tuple[SlackMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a Slack message lies.

    Attributes:
        channel: Slack's id of the channel (C…, G… or D…), whatever name it was sent to.
        ts: the message's time stamp, which is its id there.
    """

    channel: str
    ts: str
