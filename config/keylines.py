"""Find the line on which each key of a TOML file stands.

`tomllib` yields values without positions, and a person who mistyped a key wants the line. This walks a text that
`tomllib` has accepted already, so it only needs to be right about valid TOML; where it is not, the message has no line.
Spec: TOML 1.0, https://toml.io/en/v1.0.0 (tables, arrays of tables, dotted keys, multi-line values).
"""

from __future__ import annotations

import re
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_SPLIT = re.compile(_PART)
_DELIMITER = re.compile(r'"""|\'\'\'|"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*|[\[\]{}]')


def key_lines(text: str) -> dict[KeyPath, int]:
    """Map every key path of a valid TOML text to its line, counted from 1; arrays of tables carry their index."""
    found: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    state = _Value()
    for number, line in enumerate(text.split("\n"), start=1):
        if state.open:
            state.read(line)
            continue
        if header := _HEADER.match(line):
            table = _enter(_parts(header[2]), array=header[1] == "[[", counts=counts)
            found.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            found.setdefault((*table, *_parts(assignment[1])), number)
            state.read(line[assignment.end() :])
    return found


def _parts(dotted: str) -> KeyPath:
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in _SPLIT.findall(dotted))


def _enter(name: KeyPath, *, array: bool, counts: dict[KeyPath, int]) -> KeyPath:
    """Return the path that a table header opens, with the indices of the arrays of tables it lies in."""
    path: KeyPath = ()
    for depth, part in enumerate(name, start=1):
        path = (*path, part)
        last = depth == len(name)
        if last and array:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


class _Value:
    """Follows a value over lines: open brackets, and a string with three quotes."""

    def __init__(self) -> None:
        self.depth = 0
        self.quotes = ""

    @property
    def open(self) -> bool:
        return bool(self.depth or self.quotes)

    def read(self, line: str) -> None:
        position = 0
        while position < len(line):
            if self.quotes:
                end = line.find(self.quotes, position)
                if end < 0:
                    return
                position, self.quotes = end + 3, ""
                continue
            match = _DELIMITER.search(line, position)
            if match is None:
                return
            position = match.end()
            self._take(match[0])

    def _take(self, mark: str) -> None:
        if mark in ('"""', "'''"):
            self.quotes = mark
        elif mark in "[{":
            self.depth += 1
        elif mark in "]}":
            self.depth = max(0, self.depth - 1)
