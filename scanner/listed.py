"""A listed model, decided from its row alone: what the catalogue stores of it, without an object per part.

Most rows of a listing are one of a few hundred kinds (the same sorts of files, a declared count that nothing
contradicts, no word of a limit): all that such a row says is which kind it is, and its numbers. What a kind says stands
in one `Profile` and in one `Ruling` a regulation, made once by the same functions that judge every other model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Profile:
    """What many observations have in common.

    Attributes:
        basis: where the count comes from (estimators.interface.Basis).
        exact: every tensor was seen.
        distribution: scanner.scope.Distribution.
        gated: None, "auto" or "manual".
        adapter: it is an adapter, counted without its base model.
        restriction_status: scanner.restrictions.interface.Status.
        restriction_read: the places of declarations that were read.
        country_asked: the gate asks for a country.
        findings: there are some; they stand in the details of each observation.
    """

    basis: str
    exact: bool
    distribution: str
    gated: str | None
    adapter: bool
    restriction_status: str
    restriction_read: tuple[str, ...]
    country_asked: bool
    findings: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """One regulation's answer as many models share it; its margin follows from a model's own numbers.

    Attributes:
        regulation: id.
        status, status_ignoring_declarations: scanner.verdict.VerdictStatus.
        reasons: codes, comma-separated, the deciding one first.
        next_step: what would settle or change it.
        threshold: parameters, as the regulation writes it.
        strict: what a count must pass (scope.strict_threshold).
        own: the interval judged is the model's own, not one with a base model whose count is unknown.
    """

    regulation: str
    status: str
    status_ignoring_declarations: str
    reasons: str
    next_step: str | None
    threshold: int
    strict: int
    own: bool


class Listed(NamedTuple):
    """One model as its listing row decides it; the order is that of the columns of a bulk insert.

    Attributes:
        key: as `catalogue.coding.key_bytes` writes it.
        created_at, last_modified: seconds since 1970, UTC.
        sha: bytes of the revision.
        listed: fingerprint of the row and of the rules applied; None where files are still to be looked at.
        low, point, high: parameters.
        rulings: one a regulation, in the order of the scan's regulations.
        detail: what the columns do not tell (catalogue.records.packed_detail); None where that is nothing.
    """

    key: bytes
    name: str
    source: str
    created_at: int | None
    last_modified: int | None
    sha: bytes | None
    downloads: int
    likes: int
    listed: int | None
    profile: Profile
    base_model: str | None
    license: str | None
    low: int
    point: int | None
    high: int | None
    stored_elements: int | None
    buffers: int | None
    declared_total: int | None
    declared_sum: int | None
    rulings: tuple[Ruling, ...]
    detail: bytes | None = None
