"""Every field that is known about a model: one registry for the exports, the data dictionary and report tables.

A new field is one attribute of ModelRow and one entry here; the order here is the order of columns (columns.py).
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
    """Type of a field's values."""

    TEXT = "text"
    LIST = "list"  # texts, joined by one space in flat formats
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"  # true or false in flat formats
    MOMENT = "moment"  # ISO 8601 in UTC, to the second, in flat formats


PARQUET_TYPES = {
    FieldType.TEXT: "string",
    FieldType.LIST: "list<string>",
    FieldType.INTEGER: "int64",
    FieldType.NUMBER: "double",
    FieldType.BOOLEAN: "bool",
    FieldType.MOMENT: "timestamp[us, UTC]",
}
"""How each type is written to Parquet, in Arrow's words; render/as_parquet.py makes the types of them."""


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """One field: its name in exports, its heading in reports, what it means, and how to get it.

    Attributes:
        unit: what one is, for numbers; empty otherwise.
        nullable: it may be None: not known, or not applicable.
        categorical: few values come again and again, so that a dictionary of them saves space.
    """

    name: str
    label: str
    type: FieldType
    unit: str
    definition: str
    get: Callable[[T], Value]
    nullable: bool = False
    categorical: bool = False


_TEXT, _LIST, _INTEGER = FieldType.TEXT, FieldType.LIST, FieldType.INTEGER
_NUMBER, _BOOLEAN, _MOMENT = FieldType.NUMBER, FieldType.BOOLEAN, FieldType.MOMENT

MODEL_FIELDS: tuple[Field[ModelRow], ...] = (
    Field("model", "Model", _TEXT, "", "Id on its hub: owner/name, or name alone for the oldest.", lambda r: r.model),
    Field("source", "Hub", _TEXT, "", "The hub it was read from.", lambda r: r.source, categorical=True),
    Field(
        "revision",
        "Revision",
        _TEXT,
        "",
        "Commit the figures are about: 40 hexadecimal digits.",
        lambda r: r.revision,
        nullable=True,
    ),
    Field("observed_at", "Observed", _MOMENT, "UTC", "When it was last read.", lambda r: r.observed_at, nullable=True),
    Field(
        "downloads",
        "Downloads",
        _INTEGER,
        "downloads in 30 days",
        "The hub's own figure.",
        lambda r: r.downloads,
        nullable=True,
    ),
    Field("likes", "Likes", _INTEGER, "likes", "The hub's own figure.", lambda r: r.likes, nullable=True),
    Field(
        "created_at",
        "Created",
        _MOMENT,
        "UTC",
        "When the repository was created.",
        lambda r: r.created_at,
        nullable=True,
    ),
    Field(
        "last_modified",
        "Modified",
        _MOMENT,
        "UTC",
        "When the repository last changed.",
        lambda r: r.last_modified,
        nullable=True,
    ),
    Field(
        "gated",
        "Gated",
        _TEXT,
        "",
        "false, or the kind of gate before the files: auto (asked, then let in) or manual (let in by the owner).",
        lambda r: r.gated or "false",
        categorical=True,
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
    Field(
        "point",
        "Parameters",
        _INTEGER,
        "parameters",
        "The best single number, where known.",
        lambda r: r.point,
        nullable=True,
    ),
    Field(
        "high",
        "At most",
        _INTEGER,
        "parameters",
        "Upper bound; empty where there is none.",
        lambda r: r.high,
        nullable=True,
    ),
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
        categorical=True,
    ),
    Field(
        "stored_elements",
        "Stored elements",
        _INTEGER,
        "tensor elements",
        "Every stored tensor of that copy, packing not undone; comparable with the hub's own total.",
        lambda r: r.stored_elements,
        nullable=True,
    ),
    Field(
        "buffers",
        "Buffers",
        _INTEGER,
        "parameters",
        "Elements of recognised buffers such as BatchNorm statistics; included in the count.",
        lambda r: r.buffers,
        nullable=True,
    ),
    Field(
        "declared_total",
        "Declared total",
        _INTEGER,
        "tensor elements",
        "The total that the hub's listing states.",
        lambda r: r.declared_total,
        nullable=True,
    ),
    Field(
        "declared_sum",
        "Declared sum",
        _INTEGER,
        "tensor elements",
        "The sum over data types in the hub's listing; it may differ from the declared total.",
        lambda r: r.declared_sum,
        nullable=True,
    ),
    Field(
        "base_models",
        "Base models",
        _LIST,
        "",
        "Models it says it was made from.",
        lambda r: r.base_models,
        categorical=True,
    ),
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
        categorical=True,
    ),
    Field(
        "excluded",
        "Excluded",
        _LIST,
        "",
        "Territories that active declarations exclude.",
        lambda r: r.excluded,
        categorical=True,
    ),
    Field(
        "limited_to",
        "Limited to",
        _LIST,
        "",
        "Territories that active declarations limit use to.",
        lambda r: r.limited_to,
        categorical=True,
    ),
    Field("country_asked", "Country asked", _BOOLEAN, "", "The gate asks for a country.", lambda r: r.country_asked),
    Field(
        "license",
        "Licence",
        _TEXT,
        "",
        "The licence as the card's metadata names it.",
        lambda r: r.license,
        nullable=True,
        categorical=True,
    ),
)

VERDICT_FIELDS: tuple[Field[RowVerdict], ...] = (
    Field(
        "status",
        "Verdict",
        _TEXT,
        "",
        "in_scope, out_of_scope or undecided.",
        lambda v: v.status.value,
        categorical=True,
    ),
    Field(
        "status_without_declarations",
        "Verdict without declarations",
        _TEXT,
        "",
        "The verdict as if nothing had been declared.",
        lambda v: v.status_without_declarations.value,
        categorical=True,
    ),
    Field(
        "reasons", "Reasons", _LIST, "", "Reason codes, the deciding one first.", lambda v: v.reasons, categorical=True
    ),
    Field(
        "margin",
        "Margin",
        _NUMBER,
        "times the threshold",
        "Factor between the count and the threshold.",
        lambda v: v.margin,
        nullable=True,
    ),
    Field(
        "next_step",
        "Next step",
        _TEXT,
        "",
        "What would settle or change the verdict.",
        lambda v: v.next_step,
        nullable=True,
        categorical=True,
    ),
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
            "Generated from `notifiers/fields.py`; one row per column of `hubscope export`. An empty value (null in",
            "Parquet) means: not known, or not applicable. CSV joins lists by a space. pandas turns whole numbers with",
            'nulls among them into floats, unless it reads with `dtype_backend="pyarrow"`.',
            "",
            "A Parquet file carries label, unit and meaning of each column in the metadata of its field and, for",
            "readers that do not show those, as JSON in the metadata of the file: `hubscope.fields`. Beside it stand",
            "`hubscope.version`, `hubscope.regulations` (JSON) and what the run was: `hubscope.run` is its number;",
            "`hubscope.run.state`, `.started_at`, `.finished_at`, `.source`, `.endpoint` and `.selection` say more.",
            "",
            "## Of the model",
            "",
            *_dictionary_table([(entry.name, entry) for entry in MODEL_FIELDS]),
            "",
            "## Of each regulation's verdict on it",
            "",
            "The column names start with the id of the regulation, here `cn-2026`. All of them are empty for a model",
            "that was not judged by it.",
            "",
            *_dictionary_table([(verdict_column("cn-2026", entry.name), entry) for entry in VERDICT_FIELDS]),
            "",
        ]
    )


def _dictionary_table(entries: Sequence[tuple[str, Field[ModelRow] | Field[RowVerdict]]]) -> list[str]:
    rows = [
        f"| `{name}` | {entry.type} | {PARQUET_TYPES[entry.type]} | {'yes' if entry.nullable else ''} | {entry.unit} "
        f"| {entry.definition} |"
        for name, entry in entries
    ]
    head = ["column", "type", "in Parquet", "may be empty", "unit", "meaning"]
    return [f"| {' | '.join(head)} |", "| --- " * len(head) + "|", *rows]
