"""What Slack's documentation allows in a message.

https://docs.slack.dev/reference/block-kit/blocks and .../composition-objects/text-object. Lengths are counted in
UTF-16 units, the strictest of the ways there are. The limit on all blocks together is not documented; people found it
at about 13,200 characters of JSON (slackapi/bolt-js issue 2509).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

MOST_BLOCKS = 50
MOST_BLOCKS_JSON = 13_200
MOST_TEXT = 40_000  # of the message's own text
MOST_SECTION_TEXT = 3_000
MOST_FIELDS = 10
MOST_FIELD_TEXT = 2_000
MOST_HEADER_TEXT = 150
MOST_CONTEXT_ELEMENTS = 10
MOST_CONTEXT_TEXT = 3_000
MOST_BLOCK_ID = 255
MOST_METADATA_JSON = 8_000

UNCHECKED = frozenset({"actions", "file", "image", "input", "markdown", "rich_text", "table", "video"})
"""Types of blocks that exist and whose content is not looked at here."""

Complaints = list[str]


def length(text: str) -> int:
    """UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def blocks_json_length(blocks: object) -> int:
    """Characters of the blocks as JSON; text beyond ASCII stands for itself."""
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))


def complaints(blocks: object) -> Complaints:
    """What is wrong with the blocks of a message, in the words of Slack's `response_metadata.messages`."""
    if not isinstance(blocks, list):
        return [_error("must be an array", "/blocks")]
    found: Complaints = []
    if len(blocks) > MOST_BLOCKS:
        found.append(_error(f"no more than {MOST_BLOCKS} items allowed", "/blocks"))
    for index, block in enumerate(blocks):
        at = f"/blocks/{index}"
        if not isinstance(block, dict):
            found.append(_error("must be an object", at))
            continue
        check = CHECKS.get(block.get("type", ""))
        if check is None and block.get("type") not in UNCHECKED:
            found.append(_error(f"unsupported type: {block.get('type')}", f"{at}/type"))
        elif check is not None:
            found += check(block, at)
        if length(str(block.get("block_id", ""))) > MOST_BLOCK_ID:
            found.append(_error(f"must be less than {MOST_BLOCK_ID + 1} characters", f"{at}/block_id"))
    return found


def _section(block: Mapping[str, Any], at: str) -> Complaints:
    found = _unknown(block, {"type", "block_id", "text", "fields", "accessory", "expand"}, at)
    if "text" not in block and "fields" not in block:
        found.append(_error("missing required field: text", at))
    if "text" in block:
        found += _text_object(block["text"], f"{at}/text", MOST_SECTION_TEXT)
    if "fields" in block:
        fields = block["fields"]
        if not isinstance(fields, list) or not 1 <= len(fields) <= MOST_FIELDS:
            found.append(_error(f"must have 1 to {MOST_FIELDS} items", f"{at}/fields"))
        else:
            for index, field in enumerate(fields):
                found += _text_object(field, f"{at}/fields/{index}", MOST_FIELD_TEXT)
    return found


def _header(block: Mapping[str, Any], at: str) -> Complaints:
    found = _unknown(block, {"type", "block_id", "text", "level"}, at)
    return found + _text_object(block.get("text"), f"{at}/text", MOST_HEADER_TEXT, plain_only=True)


def _context(block: Mapping[str, Any], at: str) -> Complaints:
    found = _unknown(block, {"type", "block_id", "elements"}, at)
    elements = block.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= MOST_CONTEXT_ELEMENTS:
        return [*found, _error(f"must have 1 to {MOST_CONTEXT_ELEMENTS} items", f"{at}/elements")]
    for index, element in enumerate(elements):
        if not (isinstance(element, dict) and element.get("type") == "image"):
            found += _text_object(element, f"{at}/elements/{index}", MOST_CONTEXT_TEXT)
    return found


def _divider(block: Mapping[str, Any], at: str) -> Complaints:
    return _unknown(block, {"type", "block_id"}, at)


CHECKS: Mapping[str, Callable[[Mapping[str, Any], str], Complaints]] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "divider": _divider,
}


def _text_object(value: object, at: str, most: int, *, plain_only: bool = False) -> Complaints:
    if not isinstance(value, dict):
        return [_error("must be an object", at)]
    kind, text = value.get("type"), value.get("text")
    if kind not in {"plain_text", "mrkdwn"} or (plain_only and kind != "plain_text"):
        return [_error(f"unsupported type: {kind}", f"{at}/type")]
    found = _unknown(value, {"type", "text", "emoji" if kind == "plain_text" else "verbatim"}, at)
    if not isinstance(text, str) or not text:
        return [*found, _error("must be more than 0 characters", f"{at}/text")]
    if length(text) > most:
        found.append(_error(f"must be less than {most + 1} characters", f"{at}/text"))
    return found


def _unknown(value: Mapping[str, Any], known: set[str], at: str) -> Complaints:
    return [_error(f"additional property: {name}", at) for name in value if name not in known]


def _error(what: str, at: str) -> str:
    return f"[ERROR] {what} [json-pointer:{at}]"
