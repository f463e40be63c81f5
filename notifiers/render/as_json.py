r"""A report as JSON, and back: the whole of it, raw and deterministic, in the order of the dataclasses.

Moments are ISO 8601 in UTC, unknown values null. Characters that hide or reorder text are written as `\uXXXX`, which
is the same value; a lone surrogate, which no JSON reader must accept, becomes U+FFFD.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import TypeAlias

import msgspec

from notifiers.errors import BadReportError
from notifiers.render.safe import encodable, escape_unseen_json
from notifiers.report import SCHEMA, Report

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


def render(report: Report) -> str:
    """The report as JSON text; `schema` comes first, so that a reader knows at once what it has."""
    tree = builtins(report)
    assert isinstance(tree, dict)  # noqa: S101 - for the type checker: a dataclass becomes a dict
    ordered = {"schema": tree.pop("schema"), **tree}
    return escape_unseen_json(json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def parse(text: str | bytes) -> Report:
    """A report that `render` wrote.

    Raises:
        BadReportError: it is something else, or of another schema.
    """
    try:
        tree = msgspec.json.decode(text)
        schema = tree.get("schema") if isinstance(tree, dict) else None
        if schema != SCHEMA:
            raise BadReportError(f"the report's schema is {schema!r}; this version reads {SCHEMA!r}")
        return msgspec.convert(tree, Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise BadReportError(f"this is no report of hubscope: {exc}") from exc


def builtins(value: object) -> Json:
    """Dataclasses and what they hold as plain JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: builtins(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {encodable(str(key)): builtins(value[key]) for key in sorted(value)}
    if isinstance(value, tuple | list):
        return [builtins(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> Json:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return encodable(str(value))
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a report holds no {type(value).__name__}")


def moment(value: datetime) -> str:
    """2026-11-22T07:00:00Z; a naive moment is taken as UTC, since a row may come from a database without zones."""
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
