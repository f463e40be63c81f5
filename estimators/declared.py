"""Evidence from the Hub's listing: the `safetensors` and `gguf` fields. Never exact, never trusted by one number.

The Hub's declared total has been overridden by what an index file claims, and has counted packed elements as weights;
the sum per dtype is a second number with faults of its own. Both are kept as evidence; where they disagree the interval
spans both, so that a pair that straddles a threshold decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from estimators.bounds import NOTHING_KNOWN, Interval
from estimators.dtypes import Kind, is_narrow_float, kind_of, most_weights_per_element
from estimators.interface import Basis, Estimate, Evidence, Finding

MAX_DECLARED = 2**63  # more elements than any file holds: such a claim is no number
MAX_DTYPES = 100  # names in the block; the specification knows 22
# Smallest groups in use are 16 weights, with at most two floats (scale and bias) for each group.
MOST_BOOKKEEPING_PER_WEIGHT = 8


def from_safetensors(total: Any, parameters: Any) -> Estimate:
    """What the listing's `safetensors` block says about the root `model.safetensors` (or its shards).

    Args:
        total: `safetensors.total`; anything but a non-negative integer is ignored with a finding.
        parameters: `safetensors.parameters`, elements per dtype; entries that are no counts are ignored likewise.
    """
    findings: list[Finding] = []
    declared = _checked(total, "safetensors.total", findings)
    counts = _counts(parameters, findings)
    if not counts:
        return _declared_only(declared, findings)
    by_dtype = _interval_of(counts)
    total_of_dtypes = sum(counts.values())
    floats = sum(count for dtype, count in counts.items() if kind_of(dtype) is Kind.FLOAT)
    # Where integers hold a part worth mentioning, the floats are what was left unpacked and no count of anything.
    point = floats if 100 * _integers(counts) <= total_of_dtypes else None
    evidence = [_row(by_dtype, point, "sum per dtype: " + _listed(counts))]
    interval = by_dtype
    if declared is not None:
        evidence.insert(0, _row(Interval(declared, declared), declared, "declared total"))
        if declared != total_of_dtypes:
            interval = by_dtype.hull(Interval(declared, declared))
            findings.append(
                Finding("declared-total-disagrees", f"declared total {declared}, sum per dtype {total_of_dtypes}")
            )
    if by_dtype.high != by_dtype.low and _packed(counts):
        findings.append(
            Finding("declared-packed", f"integer or 8-bit elements may be packed weights: {_listed(counts)}")
        )
    return Estimate(
        interval.low,
        interval.high,
        point if point is not None and point in interval else None,
        Basis.HUB_SAFETENSORS,
        stored_elements=None,
        evidence=tuple(evidence),
        findings=tuple(findings),
    )


def from_gguf(total: Any) -> Estimate:
    """What the listing's `gguf.total`, a count of parameters in one of the GGUF files, says."""
    findings: list[Finding] = []
    declared = _checked(total, "gguf.total", findings)
    interval = NOTHING_KNOWN if declared is None else Interval(declared, declared)
    evidence = (_row(interval, declared, "declared total", Basis.HUB_GGUF),)
    return Estimate(interval.low, interval.high, declared, Basis.HUB_GGUF, evidence=evidence, findings=tuple(findings))


def _declared_only(declared: int | None, findings: list[Finding]) -> Estimate:
    """A total without the sum that would back it: a point, and no bound."""
    evidence = () if declared is None else (_row(NOTHING_KNOWN, declared, "declared total, no sum per dtype"),)
    return Estimate(0, None, declared, Basis.HUB_SAFETENSORS, evidence=evidence, findings=tuple(findings))


def _row(interval: Interval, point: int | None, note: str, basis: Basis = Basis.HUB_SAFETENSORS) -> Evidence:
    return Evidence(basis, None, interval.low, point, interval.high, note=note)


def _checked(value: Any, field: str, findings: list[Finding]) -> int | None:
    """A count, or None with a finding where the field holds anything else."""
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_DECLARED:
        return value
    findings.append(
        Finding("declared-not-a-count", f"{field} is {_shown(value)}; an integer from 0 to 2^63 is allowed")
    )
    return None


def _counts(parameters: Any, findings: list[Finding]) -> dict[str, int]:
    """Elements per dtype, without the entries that are no counts."""
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        findings.append(
            Finding("declared-not-a-count", f"safetensors.parameters is {_shown(parameters)}, not an object")
        )
        return {}
    counts = {}
    for dtype, value in list(parameters.items())[:MAX_DTYPES]:
        count = _checked(value, f"safetensors.parameters[{_shown(dtype)}]", findings)
        if count is not None and isinstance(dtype, str):
            counts[dtype] = count
        elif count is None:
            return {}  # a sum without one of its parts bounds nothing
    return counts


def _interval_of(counts: Mapping[str, int]) -> Interval:
    """Parameters that tensors with these elements per dtype can stand for, whatever the packing."""
    floats = packed_most = narrow = narrow_most = 0
    for dtype, count in counts.items():
        kind = kind_of(dtype)
        if kind is Kind.FLOAT and not is_narrow_float(dtype):
            floats += count
        elif is_narrow_float(dtype) or kind is Kind.SUB_BYTE:
            narrow += count
            # Four-bit values are counted one by one, or two to a byte by writers that hide the pairs.
            narrow_most += 2 * count if dtype == "F4" else count
        elif kind in (Kind.INTEGER, Kind.UNKNOWN):
            packed_most += count * most_weights_per_element(dtype)
        elif kind is Kind.SCALE:
            packed_most += count  # counts at most where it is no scale
    bookkeeping = min(floats, -(-(packed_most + narrow_most) // MOST_BOOKKEEPING_PER_WEIGHT))
    return Interval(floats - bookkeeping + narrow, floats + narrow_most + packed_most)


def _integers(counts: Mapping[str, int]) -> int:
    """Elements that may each stand for several weights."""
    return sum(count for dtype, count in counts.items() if kind_of(dtype) in (Kind.INTEGER, Kind.UNKNOWN))


def _packed(counts: Mapping[str, int]) -> bool:
    """Whether types that may be packed hold more than a hundredth of all elements."""
    plain = sum(
        count
        for dtype, count in counts.items()
        if kind_of(dtype) is Kind.BOOLEAN or (kind_of(dtype) is Kind.FLOAT and not is_narrow_float(dtype))
    )
    return 100 * (sum(counts.values()) - plain) > sum(counts.values())


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{dtype[:20]} {count}" for dtype, count in list(counts.items())[:8])


def _shown(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**64:
        return "an integer past 2^64"
    return repr(value)[:60]
