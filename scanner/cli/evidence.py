"""A count and declared limits with what they rest on, line by line: every look with its cost, every limit's words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from estimators.interface import Basis
from notifiers.render.safe import visible
from scanner.restrictions.interface import Kind
from scanner.scope import describe_interval

if TYPE_CHECKING:
    from estimators.interface import Estimate, Evidence
    from scanner.assessment import Assessment
    from scanner.restrictions.interface import Declaration, Restrictions

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


def declared(restrictions: Restrictions, most: int | None = None, told: Collection[str] = frozenset()) -> Iterator[str]:
    """What declares limits, each with its words and where they stand; then what else there is to know of them.

    Args:
        restrictions: what was read.
        most: declarations that are shown; None shows all.
        told: messages that are shown elsewhere, as errors.
    """
    for item in restrictions.items[:most]:
        yield f"{item.kind}: {named_places(item)}{_marks(item)}"
        where = visible(item.file) + (f" at {item.start}" if item.start is not None else "")
        yield f'  {where} [{item.language}]: "{visible(" ".join(item.quote.split()))}"'
    if most is not None and len(restrictions.items) > most:
        yield f"{len(restrictions.items) - most} more declarations (--format json lists them)"
    for finding in restrictions.findings:
        if finding.message not in told:
            yield f"! {finding.code}: {visible(finding.message)}"


def named_places(item: Declaration) -> str:
    """The territories of a declaration, and what it says of them."""
    if item.kind is Kind.EMBARGO:
        return f"names {', '.join(item.excluded)}; never exempts"
    what = [f"excludes {', '.join(item.excluded)}"] if item.excluded else []
    what += [f"limited to {', '.join(item.limited_to)}"] if item.limited_to else []
    return " and ".join(what) or "no territory named"


def _marks(item: Declaration) -> str:
    inactive = "" if item.active else ", inactive: it takes effect once the repository is gated"
    inherited = f", inherited from {visible(item.inherited_from)}" if item.inherited_from else ""
    return f"{inactive}{inherited}{f', {BY_NAME}' if item.by_name else ''}"
