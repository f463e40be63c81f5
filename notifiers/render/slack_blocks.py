"""Slack's markup and Block Kit's limits: lines of a document as blocks that Slack accepts whatever is in them.

https://docs.slack.dev/messaging/formatting-message-text and https://docs.slack.dev/reference/block-kit/blocks. Three
characters are escaped; words that Slack would act on (emphasis, emoji, mentions) stand in code spans, since nothing
inside of those takes effect. Lengths are UTF-16 units of the escaped text, the strictest way to count. The limit on
all blocks together is not documented: people found it at about 13,200 characters of JSON (slackapi/bolt-js 2509).
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from notifiers.interface import Block
from notifiers.render.document import Kind, Line, Piece, checked_url
from notifiers.render.safe import quotation, visible

MOST_BLOCKS = 48  # Slack takes 50; two stay free for a note
MOST_JSON = 11_000  # characters of all blocks as JSON with every other letter as \uXXXX; the rest is for a note
MOST_SECTION = 2_800  # Slack takes 3,000
MOST_HEADER = 150
MOST_TEXT = 1_000  # of the message's own text, which notifications show; Slack takes 40,000

_ACTIVE_PATTERN = re.compile(r"[*_~`@>]|://|:[^\s:]+:")  # emphasis, code, quotes; addresses; emoji
_EDGE_PATTERN = re.compile(r"^\s+|\s+$")
_UNDERSCORE_PATTERN = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")  # only such ones can mean emphasis
_CUT = "…"
_WIDEST = 7  # units that one character can take: `&amp;`


def length(text: str) -> int:
    """UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def weight(blocks: Sequence[Block]) -> int:
    """Characters of blocks as JSON, the way that takes the most."""
    return len(json.dumps(list(blocks)))


def escape(text: str) -> str:
    """The three characters that are Slack's own, as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(line: Line, limit: int = MOST_SECTION) -> str:
    """A line in Slack's markup, at most `limit` units long; a cut never goes through an entity, a link or a span."""
    shown, room = "", limit
    for piece in line:
        text = _shown(piece)
        if length(text) > room:
            return shown + _shortened(piece, room)
        shown, room = shown + text, room - length(text)
    return shown


def bare(text: str, limit: int) -> str:
    """A string without any markup, escaped, at most `limit` units long."""
    return _longest(lambda size: escape(quotation(text, size)), min(limit, len(text)), limit)


def header(text: str) -> Block:
    """A title."""
    return {"type": "header", "text": {"type": "plain_text", "text": bare(text, MOST_HEADER) or _CUT, "emoji": False}}


def section(text: str) -> Block:
    """Text that is Slack's markup already."""
    return {"type": "section", "text": _mrkdwn_object(text)}


def context(text: str) -> Block:
    """A line of small print that is Slack's markup already."""
    return {"type": "context", "elements": [_mrkdwn_object(text)]}


def place(where: str, label: str, limit: int) -> str:
    """Where something lies: linked if it is a plain web address, else its words as code."""
    url = escape(checked_url(where))
    link = f"<{url}|{label}>"
    if url and length(link) <= limit:
        return link
    return mrkdwn((Piece(Kind.CODE, visible(where, limit)),), limit)


def _mrkdwn_object(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _shown(piece: Piece) -> str:
    match piece.kind:
        case Kind.PLAIN:
            return escape(piece.text)
        case Kind.WORDS:
            return _prose(piece.text)
        case Kind.CODE:
            if piece.url and not _UNDERSCORE_PATTERN.search(piece.text):
                return f"<{escape(piece.url)}|{escape(piece.text)}>"
            return _code_span(piece.text)


def _prose(text: str) -> str:
    """A sentence as a sentence, with every word that Slack would act on in a code span."""
    words = (_code_span(word) if _ACTIVE_PATTERN.search(word) else escape(word) for word in text.split(" "))
    return " ".join(words)


def _code_span(text: str) -> str:
    """`text` as code; a backtick, which would end it, becomes a letter that looks like one."""
    if not text:
        return ""
    inside = _EDGE_PATTERN.sub(lambda edge: "␠" * len(edge.group()), text.replace("`", "ˋ"))
    return f"`{escape(inside)}`"


def _shortened(piece: Piece, room: int) -> str:
    """The most of a piece that fits; a link that does not fit is no link."""
    unlinked = replace(piece, url="")
    return _longest(lambda size: _shown(replace(unlinked, text=visible(piece.text, size))), len(piece.text), room)


def _longest(show: Callable[[int], str], size: int, room: int) -> str:
    """A text shown at ever smaller sizes until it fits; nothing where not even one character does."""
    while size > 0:
        shown = show(size)
        if length(shown) <= room:
            return shown
        size -= max(1, (length(shown) - room) // _WIDEST)
    return ""
