"""One model as reports and exports show it.

Reports name a few of these; the CSV export streams all of them. What each field means is said once, in fields.py.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """What a regulation means for a model; the values are part of the JSON contract."""

    IN_SCOPE = "in_scope"
    OUT_OF_SCOPE = "out_of_scope"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """One regulation's verdict on one model; for the fields see VERDICT_FIELDS."""

    regulation: str
    status: Verdict
    status_without_declarations: Verdict
    reasons: tuple[str, ...] = ()
    margin: float | None = None
    next_step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model at one revision; for the fields see MODEL_FIELDS."""

    model: str
    source: str = "huggingface"
    revision: str | None = None
    observed_at: datetime | None = None
    downloads: int | None = None
    likes: int | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None
    gated: str | None = None  # None, "auto" or "manual"
    disabled: bool = False
    private: bool = False
    low: int = 0
    point: int | None = None
    high: int | None = None
    exact: bool = False
    basis: str = "none"
    stored_elements: int | None = None
    buffers: int | None = None
    declared_total: int | None = None
    declared_sum: int | None = None
    base_models: tuple[str, ...] = ()
    adapter: bool = False
    restriction_status: str = "none-in-metadata"
    excluded: tuple[str, ...] = ()
    limited_to: tuple[str, ...] = ()
    country_asked: bool = False
    license: str | None = None
    verdicts: tuple[RowVerdict, ...] = ()

    def verdict(self, regulation: str) -> RowVerdict | None:
        """The verdict of `regulation`, None where the model was not judged by it."""
        return next((verdict for verdict in self.verdicts if verdict.regulation == regulation), None)
