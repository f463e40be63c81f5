"""Decide, for one model and one regulation, whether the regulation touches it. Pure: facts in, verdict out.

A model is in scope when its parameters are above the threshold, it is available in the territory, and no exemption
applies. Each of the three is a leg that may be true, false or unknown; the verdict lists all three, so that a person
sees which one decided. The cases are those of the contract's table; what a reason code means stands in reasons.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from estimators.interface import Basis, Estimate
from scanner.exemption import EXEMPTING, exempting_declaration, exemption_leg, texts_read
from scanner.reasons import REASONS
from scanner.restrictions.interface import Place
from scanner.verdict import Condition, Distribution, Leg, LegName, Subject, Twin, Verdict, VerdictStatus

if TYPE_CHECKING:
    from config.regulation import Availability, Regulation

__all__ = [
    "EXEMPTING",
    "REASONS",
    "Condition",
    "Distribution",
    "Subject",
    "Twin",
    "Verdict",
    "VerdictStatus",
    "availability_of",
    "decide",
    "describe_interval",
    "exempting_declaration",
    "holds_no_weights",
    "margin_of",
    "strict_threshold",
]


def decide(regulation: Regulation, subject: Subject) -> Verdict:
    """Apply one regulation to one model."""
    if not subject.readable:
        return _unreadable(regulation)
    estimate, adapter_reasons = _counted(regulation, subject)
    threshold, strict = regulation.threshold.parameters, strict_threshold(regulation)
    parameters, parameter_reasons = _parameters_leg(regulation, estimate)
    availability, availability_reasons = _availability_leg(regulation, subject)
    exemption, exemption_reasons = exemption_leg(regulation, subject)

    ignoring = _join(parameters.met, availability.met, exempt=False)
    # What could not be read exempts nothing; only an exemption that may be void leaves the answer open.
    exempt = None if "twin-likely" in exemption_reasons else exemption.met is True
    status = _join(parameters.met, availability.met, exempt=exempt)

    gate = ("gated",) if subject.gated else ()
    order = _order(status, parameters.met, availability.met)
    groups = {
        "parameters": parameter_reasons,
        "availability": availability_reasons,
        "exemption": _told(status, exemption_reasons),
    }
    reasons = tuple(dict.fromkeys((*(code for leg in order for code in groups[leg]), *adapter_reasons, *gate)))
    return Verdict(
        regulation=regulation.id,
        status=status,
        status_ignoring_declarations=ignoring,
        conditions=(parameters, availability, exemption),
        reasons=reasons,
        margin=margin_of(
            estimate.low, estimate.point, estimate.high, threshold, strict, no_weights=holds_no_weights(estimate)
        ),
        next_step=_next_step(status, subject, reasons),
        threshold=threshold,
        strict=strict,
    )


def _unreadable(regulation: Regulation) -> Verdict:
    why = "nothing about the model could be read"
    return Verdict(
        regulation=regulation.id,
        status=VerdictStatus.UNDECIDED,
        status_ignoring_declarations=VerdictStatus.UNDECIDED,
        conditions=(_leg("parameters", None, why), _leg("availability", None, why), _leg("exemption", None, why)),
        reasons=("unreadable",),
        margin=None,
        next_step="see what went wrong (errors); check the name, or try again later or with a token that has access",
        threshold=regulation.threshold.parameters,
        strict=strict_threshold(regulation),
    )


def _join(above: bool | None, available: bool | None, *, exempt: bool | None) -> VerdictStatus:
    """Three-valued "above and available and not exempt"; one false leg decides whatever the others are."""
    if above is False or available is False or exempt is True:
        return VerdictStatus.OUT_OF_SCOPE
    if above is None or available is None or exempt is None:
        return VerdictStatus.UNDECIDED
    return VerdictStatus.IN_SCOPE


def _counted(regulation: Regulation, subject: Subject) -> tuple[Estimate, tuple[str, ...]]:
    """The interval the regulation looks at: an adapter's own, or with its base."""
    if not subject.adapter:
        return subject.estimate, ()
    if regulation.adapter == "own":
        return subject.estimate, ("adapter-own-count",)
    if subject.with_base is not None:
        return subject.with_base, ("adapter-with-base",)
    # The base adds to the adapter's own count, by how much is open: the own count may bring it in, never leave it out.
    own = subject.estimate
    return replace(own, high=None, point=None, exact=False), ("adapter-base-unknown",)


def _parameters_leg(regulation: Regulation, estimate: Estimate) -> Leg:
    if holds_no_weights(estimate):
        return _leg("parameters", False, "the repository holds no weights"), ("no-weights",)
    met = estimate.side(strict_threshold(regulation))
    span = describe_interval(estimate)
    wanted = f"{regulation.threshold.comparison.replace('-', ' ')} {regulation.threshold.parameters:,}"
    if met is None:
        unknown = ("unknown-format",) if any(f.code == "unknown-format" for f in estimate.findings) else ()
        why = f"{span}: on both sides of {regulation.threshold.parameters:,}"
        return _leg("parameters", None, why), ("interval-straddles-threshold", *unknown)
    by_size = ("decided-by-size",) if estimate.basis is Basis.FILE_SIZE else ()
    if met:
        return _leg("parameters", True, f"{span}: {wanted}"), ("above-threshold", *by_size)
    return _leg("parameters", False, f"{span}: not {wanted}"), ("not-above-threshold", *by_size)


def holds_no_weights(estimate: Estimate) -> bool:
    """Whether there is nothing to count, also where a configuration describes a model.

    Where the Hub declares parameters although no file is a weight file, one of the two is wrong, so that stays open.
    """
    contradicted = any(finding.code == "declared-without-weights" for finding in estimate.findings)
    return estimate.basis is Basis.NO_WEIGHTS and not contradicted


def _availability_leg(regulation: Regulation, subject: Subject) -> Leg:
    if subject.distribution is not Distribution.PUBLIC:
        return _leg("availability", False, f"the repository is {subject.distribution}"), ("not-distributed",)
    if subject.gated and regulation.gated == "not-distributed":
        why = "access is gated, which the regulation's data does not count as distribution"
        return _leg("availability", False, why), ("not-available",)
    platform = availability_of(regulation, subject.platform)
    if platform is None:
        why = f"the regulation's data says nothing of {subject.platform}"
        return _leg("availability", None, why), ("availability-unknown",)
    reasons = {True: (), False: ("not-available",), None: ("availability-unknown",)}[platform.met]
    return Condition("availability", platform.met, platform.assumed, f"{platform.why} ({platform.source})"), reasons


def availability_of(regulation: Regulation, platform: str) -> Availability | None:
    """What the regulation's data says of a platform; None where it says nothing."""
    return next((leg for name, leg in regulation.availability.items() if name == platform), None)


def _order(status: VerdictStatus, above: bool | None, available: bool | None) -> tuple[LegName, ...]:
    """The legs, the one that decided first."""
    if available is False:
        return ("availability", "parameters", "exemption")
    if above is False or status is VerdictStatus.IN_SCOPE:
        return ("parameters", "availability", "exemption")
    if status is VerdictStatus.OUT_OF_SCOPE or (above and available):
        return ("exemption", "parameters", "availability")
    return ("parameters", "availability", "exemption") if above is None else ("availability", "parameters", "exemption")


def _told(status: VerdictStatus, exemption: tuple[str, ...]) -> tuple[str, ...]:
    """What was not read about declarations matters only where the model is not out anyway."""
    if status is not VerdictStatus.OUT_OF_SCOPE:
        return exemption
    return tuple(code for code in exemption if code not in ("card-not-read", "restriction-unverified"))


def _next_step(status: VerdictStatus, subject: Subject, reasons: tuple[str, ...]) -> str | None:
    """The first of what would settle or change the answer."""
    if status is VerdictStatus.OUT_OF_SCOPE:
        return None
    texts = "read the card and the licence files (hubscope check)"
    if subject.platform == "local":
        texts = "check the folder of the file, so that its card and licence files are read"
        if set(subject.restrictions.read) - {Place.METADATA}:  # it is a folder
            texts = "look at the texts that could not be read, and at what suggests a limit"
    steps = {
        "adapter-base-unknown": "count the base model, or ask the author what it is",
        "unknown-format": "look at the files of unknown format, or ask the author for the parameter count",
        "interval-straddles-threshold": _way_to_count(subject),
        "availability-unknown": f"say in the regulation's data whether {subject.platform} reaches the territory",
        "twin-likely": "compare the digests of the weights on the platform of the territory",
        "restriction-unverified": texts,
        "card-not-read": ("look at what the base model declares" if texts_read(subject.restrictions) else texts),
        "declaration-inactive": "the declaration takes effect once the repository is set up for it, as by a gate",
    }
    if "interval-straddles-threshold" not in reasons:
        steps.pop("adapter-base-unknown")
    return next((step for code, step in steps.items() if code in reasons), None)


def _way_to_count(subject: Subject) -> str:
    """How an interval on both sides of the threshold can be narrowed: by a read that was not made, or by asking."""
    if subject.gated:
        return "read the weight files with a token that has access, or ask the author for the parameter count"
    looks = subject.estimate.evidence
    declared_only = not any(look.requests or look.basis is Basis.FILE_SIZE for look in looks)
    if declared_only and subject.platform == "local":
        return "make the weight files readable for this account"
    if declared_only and subject.estimate.basis is not Basis.NONE:
        return "read the headers of the weight files (hubscope check)"
    if any(look.requests and look.basis is not Basis.FILE_SIZE for look in looks):
        return "ask the author for the parameter count; what the files say of their tensors leaves it open"
    return "ask the author for the parameter count; of these files only the sizes are known"


def margin_of(
    low: int,
    point: int | None,
    high: int | None,
    threshold: int,
    strict: int,
    *,
    own: bool = True,
    no_weights: bool = False,
) -> float | None:
    """Parameters over threshold by the best number at hand, to seven significant digits.

    Without a point it is the end of the interval that is nearer to the threshold, so that it never promises too much.
    Seven digits tell 1,000,001 from 1,000,000.

    Args:
        low: the model's interval, its lower end.
        point: its best number.
        high: its upper end; None where it has none.
        threshold: parameters, as the regulation writes it.
        strict: what a count must pass (`strict_threshold`).
        own: this is the interval that was judged; else only its low end holds, as of an adapter whose base is unknown.
        no_weights: there is nothing to count (`holds_no_weights`).
    """
    if no_weights:
        return None
    number = point if own else None
    if number is None:
        number = low if low > strict else high if own and high is not None and high <= strict else None
    if number is None:
        return None
    try:
        return float(f"{number / threshold:.7g}")
    except OverflowError:  # only a hostile declaration is as large as that
        return None


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


def _leg(leg: LegName, met: bool | None, why: str) -> Condition:
    return Condition(leg, met, False, why)
