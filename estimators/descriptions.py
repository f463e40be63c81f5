"""The files at a repository's root that describe a model in numbers, whether or not its weights are there.

They are JSON that anybody may have written: read up to a cap, believed as weak evidence only (`described.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from estimators.described import from_adapter_config, from_config
from estimators.errors import EstimatorError
from estimators.interface import ByteReader, Estimate, Unestimated

MAX_CONFIG_BYTES = 1024 * 1024  # the largest configurations have 200 kB, for mappings of labels

DESCRIPTIONS: Mapping[str, Callable[[Mapping[str, Any]], Estimate | None]] = {
    "config.json": from_config,
    "adapter_config.json": lambda adapter: from_adapter_config(adapter, None),
}
"""What reads a description, by the name of the file, the more telling first."""


def describe_file(reader: ByteReader) -> Estimate | Unestimated:
    """The interval that a configuration describes, or why it describes none."""
    file = reader.name
    try:
        text = reader.read(0, MAX_CONFIG_BYTES + 1)
        if len(text) > MAX_CONFIG_BYTES:
            return _none(
                reader, "malformed-file", f"has more than {MAX_CONFIG_BYTES} bytes; no configuration is as long"
            )
        config = json.loads(text)
    except EstimatorError as exc:
        return _none(reader, exc.reason, exc.message)
    except (ValueError, RecursionError) as exc:
        return _none(reader, "malformed-file", f"is no JSON: {str(exc)[:100]}")
    found = DESCRIPTIONS[file.rpartition("/")[2]](config) if isinstance(config, dict) else None
    if found is None:
        return _none(reader, "unknown-format", "describes no model that is known")
    rows = tuple(
        replace(row, file=file, requests=reader.requests, bytes_read=reader.bytes_read) for row in found.evidence
    )
    return replace(found, evidence=rows)


def _none(reader: ByteReader, reason: str, message: str) -> Unestimated:
    return Unestimated(reader.name, reason, f"{reader.name}: {message}", reader.requests, reader.bytes_read)
