"""Where the characters of a YAML scalar's value stand in the file: folded, indented, quoted, with escapes.

White space is what YAML changes, so both are walked without it.
Spec: https://yaml.org/spec/1.2.2/ (chapters 5.7, 7.3 and 8.1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Span: TypeAlias = tuple[int, int]

_PROPERTIES = re.compile(r"(?:[&!][^\s]*\s+)*")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\r\n|[\s\S]))")
_SHORT = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_LAST = 0x10FFFF


def align(raw: str, value: str) -> list[Span] | None:
    """Find each character of a value in the text it was read from.

    Args:
        raw: the scalar as it stands in the file, with its marks.
        value: what it means.

    Returns:
        Where each character stands in `raw`, white space right behind what precedes it; None where they do not agree.
    """
    written = _written(raw)
    spans: list[Span] = []
    end = 0
    for character in value:
        if character.isspace():
            spans.append((end, end))
            continue
        found, start, end = next(written, ("", 0, 0))
        if found != character:
            return None
        spans.append((start, end))
    return spans if next(written, None) is None else None


def _written(raw: str) -> Iterator[tuple[str, int, int]]:
    """Yield the characters that a scalar means, without white space, with where they stand."""
    match = _PROPERTIES.match(raw)
    start = match.end() if match else 0
    mark = raw[start : start + 1]
    if mark == '"':
        yield from _double(raw, start + 1)
    elif mark == "'":
        yield from _single(raw, start + 1)
    else:
        if mark in ("|", ">"):
            start = raw.find("\n", start) + 1 or len(raw)
        yield from ((raw[at], at, at + 1) for at in range(start, len(raw)) if not raw[at].isspace())


def _single(raw: str, position: int) -> Iterator[tuple[str, int, int]]:
    while position < len(raw):
        length = 2 if raw.startswith("''", position) else 1
        if length == 1 and raw[position] == "'":
            return
        if not raw[position].isspace():
            yield raw[position], position, position + length
        position += length


def _double(raw: str, position: int) -> Iterator[tuple[str, int, int]]:
    while position < len(raw) and raw[position] != '"':
        match = _ESCAPE.match(raw, position)
        end = match.end() if match else position + 1
        character = _meant(match) if match else raw[position]
        if character and not character.isspace():
            yield character, position, end
        position = end


def _meant(match: re.Match[str]) -> str:
    """Return the character that an escape means; nothing for an escaped line break."""
    code = match[1] or match[2] or match[3]
    if code:
        return chr(min(int(code, 16), _LAST))
    return _SHORT.get(match[4], match[4])
