"""Model cards: YAML front matter from the same values that the API serves as `cardData`, then the body."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+ -]*[A-Za-z0-9]|[A-Za-z]")
RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return (
            value if PLAIN.fullmatch(value) and value.lower() not in RESERVED else json.dumps(value, ensure_ascii=False)
        )
    return json.dumps(value)


def _lines(value: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, item in value.items():
        label = f"{indent}{_scalar(key)}:"
        if isinstance(item, dict) and item:
            lines += [label, *_lines(item, indent + "  ")]
        elif isinstance(item, list) and item:
            lines.append(label)
            for entry in item:
                if isinstance(entry, dict) and entry:
                    first, *rest = _lines(entry, indent + "    ")
                    lines += [f"{indent}  - {first.strip()}", *rest]
                else:
                    lines.append(f"{indent}  - {_scalar(entry)}")
        elif isinstance(item, str) and "\n" in item:
            lines += [f"{label} |-", *(f"{indent}  {line}" for line in item.split("\n"))]
        else:
            lines.append(f"{label} {_scalar(item)}")
    return lines


def card(front: Mapping[str, Any] | None, body: str) -> str:
    """README.md: the front matter between its two rules, if there is any, and the body."""
    if not front:
        return body
    return "\n".join(["---", *_lines(front, ""), "---", "", body])
