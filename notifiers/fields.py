"""Every field that is known about a model: one registry for the CSV export, the data dictionary and report tables.

A new field is one attribute of ModelRow and one entry here; the order here is the order of columns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from notifiers.rows import ModelRow, RowVerdict

Value: TypeAlias = str | int | float | bool | datetime | tuple[str, ...] | None
T = TypeVar("T")


class FieldType(StrEnum):
    """Type of a field's values. Every field may be empty, which means not known or not applicable."""

    TEXT = "text"
    LIST = "list"  # texts, joined by one space in flat formats
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"  # true or false in flat formats
    MOMENT = "moment"  # ISO 8601 in UTC, to the second


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """One field: its name in exports, its heading in reports, what it means, and how to get it.

    Attributes:
        unit: what one is, for numbers; empty otherwise.
    """

    name: str
    label: str
    type: FieldType
    unit: str
    definition: str
    get: Callable[[T], Value]


_TEXT, _LIST, _INTEGER = FieldType.TEXT, FieldType.LIST, FieldType.INTEGER
_NUMBER, _BOOLEAN, _MOMENT = FieldType.NUMBER, FieldType.BOOLEAN, FieldType.MOMENT

MODEL_FIELDS: tuple[Field[ModelRow], ...] = (
    Field("model", "Model", _TEXT, "", "Id on its hub: owner/name, or name alone for the oldest.", lambda r: r.model),
    Field("source", "Hub", _TEXT, "", "The hub it was read from.", lambda r: r.source),
    Field(
        "revision",
        "Revision",
        _TEXT,
        "",
        "Commit the figures are about: 40 hexadecimal digits.",
        lambda r: r.revision,
    ),
    Field("observed_at", "Observed", _MOMENT, "UTC", "When it was last read.", lambda r: r.observed_at),
    Field("downloads", "Downloads", _INTEGER, "downloads in 30 days", "The hub's own figure.", lambda r: r.downloads),
    Field("likes", "Likes", _INTEGER, "likes", "The hub's own figure.", lambda r: r.likes),
    Field("created_at", "Created", _MOMENT, "UTC", "When the repository was created.", lambda r: r.created_at),
    Field("last_modified", "Modified", _MOMENT, "UTC", "When the repository last changed.", lambda r: r.last_modified),
    Field(
        "gated",
        "Gated",
        _TEXT,
        "",
        "false, or the kind of gate before the files: auto (asked, then let in) or manual (let in by the owner).",
        lambda r: r.gated or "false",
    ),
    Field("disabled", "Disabled", _BOOLEAN, "", "The hub has disabled the repository.", lambda r: r.disabled),
    Field("private", "Private", _BOOLEAN, "", "The repository is private.", lambda r: r.private),
    Field(
        "low",
        "At least",
        _INTEGER,
        "parameters",
        "Lower bound of the parameters: elements of the weight tensors that one copy of the model holds.",
        lambda r: r.low,
    ),
    Field("point", "Parameters", _INTEGER, "parameters", "The best single number, where known.", lambda r: r.point),
    Field("high", "At most", _INTEGER, "parameters", "Upper bound; empty where there is none.", lambda r: r.high),
    Field(
        "exact",
        "Exact",
        _BOOLEAN,
        "",
        "low, point and high are one number and every tensor was seen.",
        lambda r: r.exact,
    ),
    Field(
        "basis",
        "Basis",
        _TEXT,
        "",
        "Where the count comes from: safetensors-header, gguf-header, hub-safetensors, hub-gguf, file-size, …",
        lambda r: r.basis,
    ),
    Field(
        "stored_elements",
        "Stored elements",
        _INTEGER,
        "tensor elements",
        "Every stored tensor of that copy, packing not undone; comparable with the hub's own total.",
        lambda r: r.stored_elements,
    ),
    Field(
        "buffers",
        "Buffers",
        _INTEGER,
        "parameters",
        "Elements of recognised buffers such as BatchNorm statistics; included in the count.",
        lambda r: r.buffers,
    ),
    Field(
        "declared_total",
        "Declared total",
        _INTEGER,
        "tensor elements",
        "The total that the hub's listing states.",
        lambda r: r.declared_total,
    ),
    Field(
        "declared_sum",
        "Declared sum",
        _INTEGER,
        "tensor elements",
        "The sum over data types in the hub's listing; it may differ from the declared total.",
        lambda r: r.declared_sum,
    ),
    Field("base_models", "Base models", _LIST, "", "Models it says it was made from.", lambda r: r.base_models),
    Field(
        "adapter",
        "Adapter",
        _BOOLEAN,
        "",
        "It holds an adapter (LoRA and kin), counted without its base model.",
        lambda r: r.adapter,
    ),
    Field(
        "restriction_status",
        "Restrictions",
        _TEXT,
        "",
        "declared, declared-inactive, none-declared, none-in-metadata or not-read.",
        lambda r: r.restriction_status,
    ),
    Field("excluded", "Excluded", _LIST, "", "Territories that active declarations exclude.", lambda r: r.excluded),
    Field(
        "limited_to",
        "Limited to",
        _LIST,
        "",
        "Territories that active declarations limit use to.",
        lambda r: r.limited_to,
    ),
    Field("country_asked", "Country asked", _BOOLEAN, "", "The gate asks for a country.", lambda r: r.country_asked),
    Field("license", "Licence", _TEXT, "", "The licence as the card's metadata names it.", lambda r: r.license),
)

VERDICT_FIELDS: tuple[Field[RowVerdict], ...] = (
    Field("status", "Verdict", _TEXT, "", "in_scope, out_of_scope or undecided.", lambda v: v.status.value),
    Field(
        "status_without_declarations",
        "Verdict without declarations",
        _TEXT,
        "",
        "The verdict as if nothing had been declared.",
        lambda v: v.status_without_declarations.value,
    ),
    Field("reasons", "Reasons", _LIST, "", "Reason codes, the deciding one first.", lambda v: v.reasons),
    Field(
        "margin",
        "Margin",
        _NUMBER,
        "times the threshold",
        "Factor between the count and the threshold.",
        lambda v: v.margin,
    ),
    Field("next_step", "Next step", _TEXT, "", "What would settle or change the verdict.", lambda v: v.next_step),
)


def field(name: str) -> Field[ModelRow]:
    """The model field of that name.

    Raises:
        KeyError: there is none.
    """
    return _BY_NAME[name]


_BY_NAME = {entry.name: entry for entry in MODEL_FIELDS}


def verdict_column(regulation: str, name: str) -> str:
    """Column name of a verdict field: `cn-2026.status`."""
    return f"{regulation}.{name}"


def data_dictionary_markdown() -> str:
    """The data dictionary of the export, as a Markdown page."""
    return "\n".join(
        [
            "# Data dictionary",
            "",
            "Generated from `notifiers/fields.py`; one row per column of `hubscope export`. An empty value means: not",
            "known, or not applicable.",
            "",
            "## Of the model",
            "",
            *_dictionary_table([(entry.name, entry) for entry in MODEL_FIELDS]),
            "",
            "## Of each regulation's verdict on it",
            "",
            "The column names start with the id of the regulation, here `cn-2026`.",
            "",
            *_dictionary_table([(verdict_column("cn-2026", entry.name), entry) for entry in VERDICT_FIELDS]),
            "",
        ]
    )


def _dictionary_table(entries: Sequence[tuple[str, Field[ModelRow] | Field[RowVerdict]]]) -> list[str]:
    rows = [f"| `{name}` | {entry.type} | {entry.unit} | {entry.definition} |" for name, entry in entries]
    return ["| column | type | unit | meaning |", "| --- | --- | --- | --- |", *rows]
