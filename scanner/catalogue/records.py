"""Between table rows and the words of the domain; the one place that knows both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import Row

from estimators.interface import Basis, Estimate, Evidence, Finding
from scanner.assessment import Assessment
from scanner.restrictions.interface import FINDING_CODES, Declaration, Kind, Place, Restrictions, Status
from scanner.restrictions.interface import Finding as LimitFinding
from scanner.scope import Distribution, Verdict, VerdictStatus

MAX_STORED = 2**63 - 1  # a database integer; a count beyond it is stored as this much, or as unbounded

msgspec.json.Decoder(Estimate)
"""Makes msgspec look at the type now: done by several threads at once, the first time, it can end the process."""

Values: TypeAlias = dict[str, Any]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def observation_values(assessment: Assessment) -> Values:
    """The columns of an observation but for id, model, run and moment; `digest` is of all that matters."""
    estimate = assessment.estimate
    assert estimate is not None  # noqa: S101 - only models are stored, never texts
    what_matters: Values = {
        "name": printable(assessment.name),
        "distribution": str(assessment.distribution),
        "gated": assessment.gated or None,
        "adapter": assessment.adapter,
        "base_model": _maybe_printable(assessment.base_model),
        "license": _maybe_printable(assessment.license),
        "low": min(estimate.low, MAX_STORED),
        "point": _stored(estimate.point),
        "high": _stored(estimate.high),
        "exact": estimate.exact and estimate.low <= MAX_STORED,
        "stored_elements": _stored(estimate.stored_elements),
        "buffers": _stored(estimate.buffers),
        "basis": str(estimate.basis),
        "declared_total": _stored(assessment.declared_total),
        "declared_sum": _stored(assessment.declared_sum),
        "components": {printable(k): min(v, MAX_STORED) for k, v in estimate.components.items()},
        "findings": [
            *({"code": f.code, "message": printable(f.message)} for f in estimate.findings),
            *({"code": f.code, "message": printable(f.message)} for f in assessment.restrictions.findings),
        ],
        "restriction_status": str(assessment.restrictions.status),
        "restriction_read": [str(place) for place in assessment.restrictions.read],
        "country_asked": assessment.restrictions.country_asked,
    }
    declarations = [declaration_values(item) for item in assessment.restrictions.items]
    canonical = msgspec.json.encode([what_matters, declarations], order="sorted")
    return {
        **what_matters,
        "sha": assessment.revision,
        "evidence": [_evidence_values(e) for e in estimate.evidence],
        "digest": hashlib.blake2b(canonical, digest_size=12).hexdigest(),
        "observed_at": assessment.observed_at,
    }


def declaration_values(item: Declaration) -> Values:
    """The columns of a declaration but for id and observation."""
    return {
        "kind": str(item.kind),
        "excluded": list(item.excluded),
        "limited_to": list(item.limited_to),
        "active": item.active,
        "file": printable(item.file),
        "start": item.start,
        "end": item.end,
        "quote": printable(item.quote),
        "language": item.language,
        "inherited_from": _maybe_printable(item.inherited_from),
    }


def verdict_values(verdict: Verdict) -> Values:
    """The columns of a verdict but for id, model and runs."""
    return {
        "regulation": verdict.regulation,
        "status": str(verdict.status),
        "status_ignoring_declarations": str(verdict.status_ignoring_declarations),
        "reasons": ",".join(verdict.reasons),
        "margin": verdict.margin,
        "next_step": verdict.next_step,
    }


def estimate_of(row: AnyRow) -> Estimate:
    """The estimate of an observation row."""
    return Estimate(
        low=row.low,
        high=row.high,
        point=row.point,
        basis=Basis(row.basis),
        exact=row.exact,
        stored_elements=row.stored_elements,
        buffers=row.buffers,
        components=row.components,
        evidence=tuple(_evidence(e) for e in row.evidence),
        findings=tuple(Finding(**f) for f in row.findings if f["code"] not in FINDING_CODES),
    )


def restrictions_of(row: AnyRow, declarations: Sequence[AnyRow]) -> Restrictions:
    """The restrictions of an observation row and its declaration rows."""
    return Restrictions(
        status=Status(row.restriction_status),
        read=tuple(Place(place) for place in row.restriction_read),
        items=tuple(
            Declaration(
                kind=Kind(d.kind),
                excluded=tuple(d.excluded),
                limited_to=tuple(d.limited_to),
                active=d.active,
                file=d.file,
                start=d.start,
                end=d.end,
                quote=d.quote,
                language=d.language,
                inherited_from=d.inherited_from,
            )
            for d in declarations
        ),
        country_asked=row.country_asked,
        findings=tuple(LimitFinding(**f) for f in row.findings if f["code"] in FINDING_CODES),
    )


def assessment_of(row: AnyRow, declarations: Sequence[AnyRow], verdicts: Sequence[AnyRow]) -> Assessment:
    """A model as of some run; its verdicts carry no conditions, which `Assessment.judged` adds."""
    return Assessment(
        key=row.model_key,
        name=row.name,
        source=row.source,
        revision=row.sha,
        observed_at=row.observed_at,
        estimate=estimate_of(row),
        restrictions=restrictions_of(row, declarations),
        gated=row.gated or False,
        distribution=Distribution(row.distribution),
        adapter=row.adapter,
        base_model=row.base_model,
        license=row.license,
        declared_total=row.declared_total,
        declared_sum=row.declared_sum,
        created_at=row.created_at,
        last_modified=row.last_modified,
        downloads=row.downloads,
        likes=row.likes,
        verdicts=tuple(verdict_of(v) for v in verdicts),
    )


def verdict_of(row: AnyRow) -> Verdict:
    """A verdict row without its conditions."""
    return Verdict(
        regulation=row.regulation,
        status=VerdictStatus(row.status),
        status_ignoring_declarations=VerdictStatus(row.status_ignoring_declarations),
        conditions=(),
        reasons=tuple(row.reasons.split(",")) if row.reasons else (),
        margin=row.margin,
        next_step=row.next_step,
    )


def estimate_values(estimate: Estimate) -> Values:
    """An estimate as JSON values, for the memory of files read."""
    values: Values = msgspec.to_builtins(estimate)
    return values


def estimate_from(values: Mapping[str, Any]) -> Estimate:
    """The inverse of `estimate_values`.

    Raises:
        ValueError: the values are not of this version.
    """
    return msgspec.convert(values, Estimate)


def printable(text: str) -> str:
    """Text that any database takes: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\N{SYMBOL FOR NULL}")


def storable(values: Mapping[str, Any]) -> Values:
    """Columns with every text made printable."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in values.items()}


def _maybe_printable(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _stored(value: int | None) -> int | None:
    """A count as stored; one that no database integer holds is unknown."""
    return value if value is not None and value <= MAX_STORED else None


def _evidence_values(evidence: Evidence) -> Values:
    values = asdict(evidence)
    values["basis"] = str(evidence.basis)
    values["file"] = _maybe_printable(evidence.file)
    values["note"] = printable(evidence.note)
    return values


def _evidence(values: Mapping[str, Any]) -> Evidence:
    return Evidence(**{**values, "basis": Basis(values["basis"])})
