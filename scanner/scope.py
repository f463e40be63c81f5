"""Decide, for one model and one regulation, whether the regulation touches it. Pure: facts in, verdict out.

A model is in scope when its parameters are above the threshold, it is available in the territory, and no exemption
applies. Each of the three is a leg that may be true, false or unknown; the verdict lists all three, so that a person
sees which one decided. The cases are those of the contract's table, and `REASONS` is the one list of reason codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from estimators.interface import Basis, Estimate
from scanner.restrictions.interface import Declaration, Gated, Kind, Restrictions, Status

if TYPE_CHECKING:
    from config.regulation import Availability, Regulation


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


REASONS: Mapping[str, str] = {
    "above-threshold": "The whole interval of the parameter count lies above the threshold.",
    "not-above-threshold": "The whole interval lies at or below the threshold; exactly the threshold is outside.",
    "interval-straddles-threshold": "The interval holds counts on both sides of the threshold.",
    "decided-by-size": "The sizes of the weight files alone put the whole interval on one side.",
    "no-weights": "Every file of the repository is recognised as something other than weights.",
    "unknown-format": "A file that may hold weights is in a format that could not be recognised.",
    "not-distributed": "The repository is disabled, deleted or private, so nobody can get the weights.",
    "availability-unknown": "The regulation's data does not say whether this platform reaches its territory.",
    "not-available": "The regulation does not count this platform as available in its territory.",
    "excluded-by-declaration": "An active declaration excludes the regulation's territory.",
    "excluded-by-implication": "An active declaration limits use to places that leave the territory out.",
    "declaration-not-honoured": "A declaration excludes the territory, and the regulation's data gives it no effect.",
    "declaration-inactive": "A declaration stands in the repository but has no effect as the repository is set up.",
    "embargo-does-not-exempt": "Export-control or sanction clauses name the territory; they are no exemption.",
    "inherited-does-not-exempt": "The base model's declaration excludes the territory; it is not the model's own.",
    "limited-to-territory": "The declaration limits use to the territory itself.",
    "card-not-read": "Only metadata was read for declarations; it suggests no limit.",
    "restriction-unverified": "Something suggests a limit that could not be read; the model stays in scope.",
    "twin-on-platform": "The same weights lie on a platform of the territory, which voids the exemption.",
    "twin-likely": "Weights that look the same lie on a platform of the territory; not confirmed by digest.",
    "adapter-own-count": "An adapter, decided by its own parameters without those of its base model.",
    "adapter-with-base": "An adapter, decided by its parameters together with those of its base model.",
    "gated": "Access is gated; by the regulation's data gated weights are still distributed or not.",
    "unreadable": "Nothing about the model could be read.",
}
"""Every reason code with its meaning; the page docs/reasons.md is made from this."""


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

    leg: Literal["parameters", "availability", "exemption"]
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
    """

    regulation: str
    status: VerdictStatus
    status_ignoring_declarations: VerdictStatus
    conditions: tuple[Condition, ...]
    reasons: tuple[str, ...]
    margin: float | None
    next_step: str | None


def decide(regulation: Regulation, subject: Subject) -> Verdict:
    """Apply one regulation to one model."""
    estimate, adapter_reasons = _counted(regulation, subject)
    parameters, parameter_reasons = _parameters_leg(regulation, estimate, readable=subject.readable)
    availability, availability_reasons = _availability_leg(regulation, subject)
    exemption, exemption_reasons = _exemption_leg(regulation, subject)

    applies = exemption.met is True
    unsettled = applies and subject.twin is Twin.LIKELY
    ignoring = _join(parameters.met, availability.met, exempt=False, unsettled=False)
    status = _join(parameters.met, availability.met, exempt=applies, unsettled=unsettled)

    gate = ("gated",) if subject.gated else ()
    reasons = _order(
        status,
        parameters.met,
        availability.met,
        parameter_reasons,
        availability_reasons,
        exemption_reasons,
        (*adapter_reasons, *gate),
    )
    return Verdict(
        regulation=regulation.id,
        status=status,
        status_ignoring_declarations=ignoring,
        conditions=(parameters, availability, exemption),
        reasons=reasons,
        margin=_margin(estimate, regulation.threshold.parameters, strict_threshold(regulation)),
        next_step=_next_step(status, parameters.met, subject, reasons),
    )


def _join(above: bool | None, available: bool | None, *, exempt: bool, unsettled: bool) -> VerdictStatus:
    """Three-valued "above and available and not exempt"; one false leg decides whatever the others are."""
    if above is False or available is False or (exempt and not unsettled):
        return VerdictStatus.OUT_OF_SCOPE
    if above is None or available is None or unsettled:
        return VerdictStatus.UNDECIDED
    return VerdictStatus.IN_SCOPE


def _counted(regulation: Regulation, subject: Subject) -> tuple[Estimate, tuple[str, ...]]:
    """The interval the regulation looks at: an adapter's own, or with its base."""
    if not subject.adapter:
        return subject.estimate, ()
    if regulation.adapter == "with-base" and subject.with_base is not None:
        return subject.with_base, ("adapter-with-base",)
    return subject.estimate, ("adapter-own-count",)


def _parameters_leg(regulation: Regulation, estimate: Estimate, *, readable: bool) -> tuple[Condition, tuple[str, ...]]:
    threshold = strict_threshold(regulation)
    if not readable:
        return _leg("parameters", None, "nothing about the model could be read"), ("unreadable",)
    if estimate.basis is Basis.NO_WEIGHTS:
        return _leg("parameters", False, "the repository holds no weights"), ("no-weights",)
    by_size = ("decided-by-size",) if estimate.basis is Basis.FILE_SIZE else ()
    met = estimate.side(threshold)
    span = describe_interval(estimate)
    if met is True:
        return _leg("parameters", True, f"{span}: more than {threshold:,}"), ("above-threshold", *by_size)
    if met is False:
        return _leg("parameters", False, f"{span}: not more than {threshold:,}"), ("not-above-threshold", *by_size)
    unknown = tuple(f.code for f in estimate.findings if f.code == "unknown-format")[:1]
    return _leg("parameters", None, f"{span}: on both sides of {threshold:,}"), (
        "interval-straddles-threshold",
        *unknown,
    )


def _availability_leg(regulation: Regulation, subject: Subject) -> tuple[Condition, tuple[str, ...]]:
    if subject.distribution is not Distribution.PUBLIC:
        return _leg("availability", False, f"the repository is {subject.distribution}"), ("not-distributed",)
    if subject.gated and regulation.gated == "not-distributed":
        why = "access is gated, which the regulation's data does not count as distribution"
        return _leg("availability", False, why), ("not-available",)
    platform = availability_of(regulation, subject.platform)
    if platform is None:
        return _leg("availability", None, f"the regulation's data says nothing of {subject.platform}"), (
            "availability-unknown",
        )
    reasons = {True: (), False: ("not-available",), None: ("availability-unknown",)}[platform.met]
    return Condition("availability", platform.met, platform.assumed, f"{platform.why} ({platform.source})"), reasons


def availability_of(regulation: Regulation, platform: str) -> Availability | None:
    """What the regulation's data says of a platform; None where it says nothing."""
    return next((leg for name, leg in regulation.availability.items() if name == platform), None)


def _exemption_leg(regulation: Regulation, subject: Subject) -> tuple[Condition, tuple[str, ...]]:
    """Whether a declaration takes the model out, and everything about declarations worth saying."""
    items = subject.restrictions.items
    reasons = list(dict.fromkeys(reason for item in items if (reason := _effect(item, regulation)) is not None))
    effective = exempting_declaration(regulation, subject.restrictions)
    if effective is not None:
        item, reason = effective
        why = f'{item.kind} in {item.file}: "{_shorten(item.quote)}"'
        if subject.twin is Twin.CONFIRMED:
            return _leg("exemption", False, f"{why}; void, the weights lie on a platform of the territory"), (
                "twin-on-platform",
            )
        twin = ("twin-likely",) if subject.twin is Twin.LIKELY else ()
        return _leg("exemption", True, f"{why}; {regulation.declaration_note}"), (*twin, *_first(reason, reasons))
    if subject.restrictions.status is Status.NOT_READ:
        why = "something suggests a limit that could not be read"
        return _leg("exemption", None, why), (*reasons, "restriction-unverified")
    if subject.restrictions.status is Status.NONE_IN_METADATA:
        why = "metadata suggests no limit; card and licence files were not read"
        return Condition("exemption", False, True, why), (*reasons, "card-not-read")
    why = "no declaration excludes the territory" if not reasons else REASONS[reasons[0]]
    return _leg("exemption", False, why), tuple(reasons)


def exempting_declaration(regulation: Regulation, restrictions: Restrictions) -> tuple[Declaration, str] | None:
    """The first declaration that takes a model out, with its reason code; None where there is none."""
    for item in restrictions.items:
        reason = _effect(item, regulation)
        if reason in _EXEMPTING:
            return item, reason
    return None


_EXEMPTING = ("excluded-by-declaration", "excluded-by-implication")


def _effect(item: Declaration, regulation: Regulation) -> str | None:
    """The reason code that one declaration adds, or None where it does not concern the territory."""
    territory = regulation.territory
    named = territory in item.excluded
    left_out = bool(item.limited_to) and territory not in item.limited_to
    if item.limited_to == (territory,) and not named and item.kind is not Kind.EMBARGO:
        return "limited-to-territory"
    if not (named or left_out):
        return None
    if item.kind is Kind.EMBARGO:
        return "embargo-does-not-exempt"
    if not item.active:
        return "declaration-inactive"
    if item.inherited_from is not None:
        return "inherited-does-not-exempt"
    if regulation.declaration_effect != "out_of_scope" or str(item.kind) not in regulation.exempting_kinds:
        return "declaration-not-honoured"
    return "excluded-by-declaration" if named else "excluded-by-implication"


def _order(
    status: VerdictStatus,
    above: bool | None,
    available: bool | None,
    parameters: tuple[str, ...],
    availability: tuple[str, ...],
    exemption: tuple[str, ...],
    rest: tuple[str, ...],
) -> tuple[str, ...]:
    """All reasons once, those of the leg that decided first."""
    if available is False:
        ordered = (availability, parameters, exemption)
    elif above is False or status is VerdictStatus.IN_SCOPE:
        ordered = (parameters, availability, exemption)
    else:
        exempt = any(reason in (*_EXEMPTING, "twin-likely") for reason in exemption)
        ordered = (exemption, parameters, availability) if exempt else (parameters, exemption, availability)
    # What was not read about declarations matters only where the model would otherwise be in scope.
    seen = dict.fromkeys(reason for group in (*ordered, rest) for reason in group)
    if status is VerdictStatus.OUT_OF_SCOPE:
        seen.pop("card-not-read", None)
        seen.pop("restriction-unverified", None)
    return tuple(seen)


def _next_step(status: VerdictStatus, above: bool | None, subject: Subject, reasons: tuple[str, ...]) -> str | None:
    if not subject.readable:
        return "check the name, or try again with a token that may read the repository"
    if status is VerdictStatus.UNDECIDED and above is None:
        if "unknown-format" in reasons:
            return "look at the files of unknown format, or ask the author for the parameter count"
        return "read the weight files' headers (--deep always), or ask the author for the parameter count"
    if "twin-likely" in reasons:
        return "compare the digests of the weights on the platform of the territory"
    if "restriction-unverified" in reasons or "card-not-read" in reasons:
        return "read the card and the licence files (hubscope check)"
    return None


def _margin(estimate: Estimate, threshold: int, strict: int) -> float | None:
    """Parameters over threshold by the best number at hand, to four significant digits.

    Without a point it is the end of the interval that is nearer to the threshold, so that it never promises too much.
    """
    side = estimate.side(strict)
    number = estimate.point
    if number is None and side is not None:
        number = estimate.low if side else estimate.high
    return None if number is None else float(f"{number / threshold:.4g}")


def strict_threshold(regulation: Regulation) -> int:
    """The number that a count must pass: "at least N" whole parameters is "more than N - 1"."""
    threshold = regulation.threshold
    return threshold.parameters if threshold.comparison == "more-than" else threshold.parameters - 1


def describe_interval(estimate: Estimate) -> str:
    """The interval in words: "1,000,001", "2,000 to 64,000", "at least 0"."""
    if estimate.high is None:
        return f"at least {estimate.low:,}"
    if estimate.low == estimate.high:
        return f"{estimate.low:,}"
    return f"{estimate.low:,} to {estimate.high:,}"


def _leg(leg: Literal["parameters", "availability", "exemption"], met: bool | None, why: str) -> Condition:
    return Condition(leg, met, False, why)


def _first(first: str, others: Iterable[str]) -> tuple[str, ...]:
    return (first, *(other for other in others if other != first))


def _shorten(text: str, limit: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
