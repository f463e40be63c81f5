"""Estimates put together from what an estimator saw: the last step that all formats share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from estimators import packing
from estimators.bounds import Interval
from estimators.interface import Basis, ByteReader, Estimate, Evidence, Finding, Hints
from estimators.packed import quantization

MAX_ELEMENTS = 2**63  # of one tensor: every framework indexes with signed 64-bit numbers
_SHARD = re.compile(r"\d-of-0*(?:[2-9]|1\d)")  # in the name of a file that is one of several


def tally_for(file: str, hints: Hints) -> packing.Tally:
    """An empty tally for the tensors of one file, which knows how the model's integer weights are packed."""
    return packing.Tally(quantization.read(hints.quantization), shard=bool(_SHARD.search(file)))


def of_tally(
    source: ByteReader,
    basis: Basis,
    tally: packing.Tally,
    *,
    findings: Sequence[Finding] = (),
    note: str = "",
    unseen: Interval | None = None,
    partial: bool = False,
) -> Estimate:
    """The estimate for a file whose tensors were added to a tally.

    Args:
        source: the file, for its name and what it cost.
        basis: where the number comes from.
        tally: the tensors.
        findings: oddities that leave the count as it is.
        note: one sentence for the evidence, or empty.
        unseen: parameters of the part that was not read; None where every tensor was seen.
        partial: reading stopped early on purpose (`Hints.enough`).
    """
    count = tally.finish()
    return of_sum(
        source,
        basis,
        count.interval,
        point=count.point,
        stored=count.stored_elements,
        buffers=count.buffers,
        unseen=unseen,
        findings=(*findings, *count.findings),
        note=note,
        partial=partial,
    )


def of_sum(
    source: ByteReader,
    basis: Basis,
    interval: Interval,
    *,
    point: int,
    stored: int,
    buffers: int,
    unseen: Interval | None,
    findings: Sequence[Finding] = (),
    note: str = "",
    partial: bool = False,
) -> Estimate:
    """The estimate for what was seen of a file and what was not: exact only where nothing is open or unseen."""
    seen = unseen is None
    whole = interval if unseen is None else interval + unseen
    return of_interval(
        source,
        basis,
        whole,
        point=point if seen else None,
        stored=stored if seen else None,
        buffers=buffers if seen else None,
        exact=seen and whole.low == whole.high,
        findings=findings,
        note=note,
        partial=partial,
    )


def of_count(
    source: ByteReader,
    basis: Basis,
    count: int,
    *,
    stored: int,
    buffers: int | None = None,
    findings: Sequence[Finding] = (),
    note: str = "",
) -> Estimate:
    """The estimate for a file whose header leaves one answer."""
    interval = Interval(count, count)
    return of_interval(
        source,
        basis,
        interval,
        point=count,
        stored=stored,
        buffers=buffers,
        exact=True,
        findings=findings,
        note=note,
    )


def of_interval(
    source: ByteReader,
    basis: Basis,
    interval: Interval,
    *,
    point: int | None = None,
    stored: int | None = None,
    buffers: int | None = None,
    exact: bool = False,
    findings: Sequence[Finding] = (),
    note: str = "",
    partial: bool = False,
) -> Estimate:
    """The estimate for a file, with one row of evidence that says what the look cost; see `Estimate` for the rest."""
    evidence = Evidence(
        basis,
        source.name,
        interval.low,
        point,
        interval.high,
        requests=source.requests,
        bytes_read=source.bytes_read,
        note=note,
    )
    return Estimate(
        low=interval.low,
        high=interval.high,
        point=point,
        basis=basis,
        exact=exact,
        stored_elements=stored,
        buffers=buffers,
        evidence=(evidence,),
        findings=tuple(findings),
        partial=partial,
    )
