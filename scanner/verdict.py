"""What a decision is made from, and what comes out: the words that scope, catalogue and reports share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from estimators.interface import Estimate
from scanner.restrictions.interface import Gated, Restrictions

LegName: TypeAlias = Literal["parameters", "availability", "exemption"]


class VerdictStatus(StrEnum):
    """The three answers."""

    IN_SCOPE = "in_scope"
    OUT_OF_SCOPE = "out_of_scope"
    UNDECIDED = "undecided"


class Distribution(StrEnum):
    """Whether anybody can get the weights."""

    PUBLIC = "public"
    DISABLED = "disabled"
    DELETED = "deleted"
    PRIVATE = "private"


class Twin(StrEnum):
    """Whether the same weights also lie on a platform of the territory."""

    NONE = "none"
    LIKELY = "likely"  # by name or size only
    CONFIRMED = "confirmed"  # by digest


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of one model, as far as a decision needs it.

    Attributes:
        estimate: the model's own parameters.
        restrictions: declared limits.
        platform: where it is hosted ("huggingface", "modelscope", "local").
        gated: False, "auto" or "manual".
        distribution: whether anybody can get the weights.
        adapter: True for LoRA and kin.
        with_base: the count together with the base model, for an adapter whose base is known.
        twin: whether the same weights lie on a platform of the territory.
        readable: False where nothing about the model could be read.
    """

    estimate: Estimate
    restrictions: Restrictions
    platform: str = "huggingface"
    gated: Gated = False
    distribution: Distribution = Distribution.PUBLIC
    adapter: bool = False
    with_base: Estimate | None = None
    twin: Twin = Twin.NONE
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Condition:
    """One leg of a verdict.

    `met` of the leg "exemption" says that an exemption applies, which takes the model out.
    """

    leg: LegName
    met: bool | None
    assumed: bool
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a regulation means for a model.

    Attributes:
        regulation: id of the regulation.
        status: the answer, declarations honoured as the regulation says.
        status_ignoring_declarations: the answer if no declaration had any effect.
        conditions: the three legs.
        reasons: codes of `REASONS`, the deciding one first.
        margin: parameters divided by the threshold; None where no number is known.
        next_step: what would change or settle the verdict; None where nothing is open.
        threshold: parameters, as the regulation writes it.
        strict: what a count must pass (scope.strict_threshold).
    """

    regulation: str
    status: VerdictStatus
    status_ignoring_declarations: VerdictStatus
    conditions: tuple[Condition, ...]
    reasons: tuple[str, ...]
    margin: float | None
    next_step: str | None
    threshold: int
    strict: int


Leg: TypeAlias = tuple[Condition, tuple[str, ...]]
"""One condition and the reason codes that it gives rise to."""
