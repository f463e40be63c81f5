"""A count with what it rests on, line by line: every look, what it cost, and why a bound is only a bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from estimators.interface import Basis
from notifiers.render.safe import visible
from scanner.scope import describe_interval

if TYPE_CHECKING:
    from estimators.interface import Estimate, Evidence
    from scanner.assessment import Assessment

BY_NAME = "by the licence's name alone, no text was read for it"
DECLARED = (Basis.HUB_SAFETENSORS, Basis.HUB_GGUF)


def counted(assessment: Assessment, most: int | None = None) -> Iterator[str]:
    """The count of a model and the looks behind it.

    Args:
        assessment: of the model; nothing is said of texts alone.
        most: looks that are listed; None lists all.
    """
    estimate = assessment.estimate
    if estimate is None:
        return
    yield f"Parameters: {describe_interval(estimate)}, {_certainty(estimate)} (basis {estimate.basis})"
    if assessment.declared_total is not None or assessment.declared_sum is not None:
        total, per_dtype = (_number(n) for n in (assessment.declared_total, assessment.declared_sum))
        yield f"  the Hub declares a total of {total}, and {per_dtype} as the sum over dtypes"
    shown = estimate.evidence[:most]
    for number, look in enumerate(shown, 1):
        yield from _look(number, look)
    if left := estimate.evidence[len(shown) :]:
        cost = _cost(sum(look.requests for look in left), sum(look.bytes_read for look in left))
        yield f"  and {len(left):,} more{cost}; --format json lists all"
    for finding in estimate.findings:
        yield f"  ! {finding.code}: {visible(finding.message)}"
    if assessment.adapter:
        yield f"  an adapter of {visible(assessment.base_model or 'a base model that is not named')}"


def _certainty(estimate: Estimate) -> str:
    if estimate.exact:
        return "exact"
    if estimate.basis in DECLARED:
        return "as the Hub declares it"
    return "not every tensor seen" if estimate.low == estimate.high else "a bound"


def _look(number: int, look: Evidence) -> Iterator[str]:
    high = "unbounded" if look.high is None else f"{look.high:,}"
    span = f"{look.low:,}" if look.low == look.high else f"{look.low:,} to {high}"
    yield f"  {number}. {look.basis}  {visible(look.file or '')}  {span}{_cost(look.requests, look.bytes_read)}"
    if look.note:
        yield f"     {visible(look.note)}"


def _cost(requests: int, bytes_read: int) -> str:
    return f"  [{requests:,} request{'' if requests == 1 else 's'}, {bytes_read:,} bytes]" if requests else ""


def _number(value: int | None) -> str:
    return "nothing" if value is None else f"{value:,}"
