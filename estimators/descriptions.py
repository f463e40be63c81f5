"""The files at a repository's root that describe a model in numbers, whether or not its weights are there.

They are JSON and prose that anybody may have written: read up to a cap, believed as weak evidence only (`described.py`,
`cards.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from estimators.cards import from_card
from estimators.described import from_adapter_config, from_config
from estimators.errors import EstimatorError
from estimators.interface import ByteReader, Estimate, Unestimated

MAX_BYTES = 1024 * 1024  # the largest configurations have 200 kB, for mappings of labels

DESCRIPTIONS: Mapping[str, Callable[[bytes], Estimate | None]] = {
    "config.json": lambda text: from_config(_mapping(text)),
    "adapter_config.json": lambda text: from_adapter_config(_mapping(text), None),
    "readme.md": lambda text: from_card(text.decode("utf-8", "replace")),
}
"""What reads a description, by the lower-cased name of the file, the more telling first."""


def describe_file(reader: ByteReader) -> Estimate | Unestimated:
    """The interval that a configuration or card describes, or why it describes none."""
    file = reader.name
    try:
        length = MAX_BYTES + 1 if reader.size is None else min(reader.size, MAX_BYTES + 1)
        text = reader.read(0, length) if length else b""
        if len(text) > MAX_BYTES:
            return _none(reader, "malformed-file", f"has more than {MAX_BYTES} bytes; no description has")
        found = DESCRIPTIONS[file.rpartition("/")[2].lower()](text)
    except EstimatorError as exc:
        return _none(reader, exc.reason, exc.message)
    except (ValueError, RecursionError) as exc:
        return _none(reader, "malformed-file", f"is no JSON: {str(exc)[:100]}")
    if found is None:
        return _none(reader, "unknown-format", "describes no model that is known")
    rows = (replace(row, file=file, requests=reader.requests, bytes_read=reader.bytes_read) for row in found.evidence)
    return replace(found, evidence=tuple(rows))


def _mapping(text: bytes) -> Mapping[str, Any]:
    value = json.loads(text)
    return value if isinstance(value, dict) else {}


def _none(reader: ByteReader, reason: str, message: str) -> Unestimated:
    return Unestimated(reader.name, reason, f"{reader.name}: {message}", reader.requests, reader.bytes_read)
