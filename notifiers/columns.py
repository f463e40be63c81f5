"""The table of models column by column, in batches: what a columnar export is made from.

`columns` says which there are and of what type. A batch holds the same number of values for each of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from notifiers.fields import MODEL_FIELDS, VERDICT_FIELDS, Field, FieldType, Value, verdict_column
from notifiers.rows import ModelRow, RowVerdict

Batch: TypeAlias = Mapping[str, Sequence[Value]]
"""Values by the name of their column, all equally many; a moment may be whole microseconds since 1970 as well."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export.

    Attributes:
        name: as it stands at the head of the column.
        field: what its values are.
        regulation: whose verdict it is about; None for a column of the model itself.
    """

    name: str
    field: Field[ModelRow] | Field[RowVerdict]
    regulation: str | None = None

    @property
    def type(self) -> FieldType:
        """Type of its values."""
        return self.field.type

    @property
    def nullable(self) -> bool:
        """Whether None may stand in it; in a verdict's it stands where the model was not judged by the regulation."""
        return self.field.nullable or self.regulation is not None


def columns(regulations: Sequence[str]) -> tuple[Column, ...]:
    """All columns in their order: the model's fields, then each regulation's."""
    of_models = (Column(entry.name, entry) for entry in MODEL_FIELDS)
    of_verdicts = (
        Column(verdict_column(regulation, entry.name), entry, regulation)
        for regulation in regulations
        for entry in VERDICT_FIELDS
    )
    return (*of_models, *of_verdicts)
