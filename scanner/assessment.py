"""One model, judged: facts, count, restrictions and verdicts, and their JSON form (`hubscope.assessment/1`).

The JSON Schema ships beside this module as assessment.schema.json; a test holds `to_json` to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from estimators.interface import Basis, Estimate
from scanner.restrictions.interface import Gated, Restrictions, Status
from scanner.scope import Distribution, Subject, Verdict, VerdictStatus, decide

if TYPE_CHECKING:
    from config.regulation import Regulation

SCHEMA = "hubscope.assessment/1"
_COMMIT = re.compile(r"[0-9a-f]{40}")

ROOT = "."  # the component that lies in no folder of its own

NOTHING_KNOWN = Estimate(low=0, high=None, point=None, basis=Basis.NONE)
NOTHING_READ = Restrictions(status=Status.NOT_READ, read=())


@dataclass(frozen=True, slots=True)
class ReadError:
    """Something about a target that could not be read.

    Attributes:
        code: kebab-case.
        message: one sentence.
        file: path inside the repository, where the error is about one file.
    """

    code: str
    message: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class WithBase:
    """An adapter's count together with its base model's.

    Attributes:
        base: id of the base model.
        estimate: of both together; its low bound is the adapter's own where the base is unknown.
    """

    base: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Assessment:
    """One target with everything known of it.

    Attributes:
        key: the source's lasting id; empty for a target that could not be read.
        name: owner/name, or the path as it was given.
        revision: commit the count was read from.
        estimate: None where the target holds texts only (a card, a licence file).
    """

    key: str
    name: str
    source: str
    revision: str | None
    observed_at: datetime
    estimate: Estimate | None = NOTHING_KNOWN
    restrictions: Restrictions = NOTHING_READ
    gated: Gated = False
    distribution: Distribution = Distribution.PUBLIC
    adapter: bool = False
    base_model: str | None = None
    with_base: WithBase | None = None
    license: str | None = None
    declared_total: int | None = None
    declared_sum: int | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None
    downloads: int = 0
    likes: int = 0
    readable: bool = True
    verdicts: tuple[Verdict, ...] = ()
    errors: tuple[ReadError, ...] = ()

    def subject(self) -> Subject:
        """What a decision needs of it."""
        return Subject(
            estimate=self.estimate or NOTHING_KNOWN,
            restrictions=self.restrictions,
            platform=self.source,
            gated=self.gated,
            distribution=self.distribution,
            adapter=self.adapter,
            with_base=self.with_base.estimate if self.with_base else None,
            readable=self.readable,
        )

    def judged(self, regulations: Sequence[Regulation]) -> Assessment:
        """The same with a verdict for each regulation; none where there is nothing to count."""
        if self.estimate is None:
            return replace(self, verdicts=())
        subject = self.subject()
        return replace(self, verdicts=tuple(decide(regulation, subject) for regulation in regulations))

    @property
    def undecided(self) -> bool:
        """At least one regulation's verdict is open."""
        return any(v.status is VerdictStatus.UNDECIDED for v in self.verdicts)

    @property
    def in_scope(self) -> bool:
        """At least one regulation touches it."""
        return any(v.status is VerdictStatus.IN_SCOPE for v in self.verdicts)


def to_json(assessment: Assessment) -> dict[str, Any]:
    """The contract's object; every key is always there."""
    return {
        "schema": SCHEMA,
        "model": assessment.name,
        "source": assessment.source,
        "revision": assessment.revision if _is_commit(assessment.revision) else None,
        "observed_at": iso(assessment.observed_at),
        "parameters": None if assessment.estimate is None else _parameters(assessment.estimate, assessment),
        "restrictions": _restrictions(assessment.restrictions),
        "access": {
            "gated": assessment.gated,
            "disabled": assessment.distribution is Distribution.DISABLED,
            "country_asked": assessment.restrictions.country_asked,
        },
        "verdicts": [_verdict(verdict) for verdict in assessment.verdicts],
        "errors": [{"code": e.code, "message": e.message, "file": e.file} for e in assessment.errors],
    }


def dump(value: object) -> bytes:
    """JSON bytes; a lone surrogate that a hostile name carried in is replaced, never a reason to fail."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_printable(value))


@cache
def json_schema() -> Mapping[str, Any]:
    """The JSON Schema of one assessment."""
    text = files("scanner").joinpath("assessment.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = msgspec.json.decode(text)
    return schema


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _is_commit(revision: str | None) -> bool:
    """Whether this is a commit as the contract writes it; a server may call its revisions anything."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def _parameters(estimate: Estimate, assessment: Assessment) -> dict[str, Any]:
    base = assessment.with_base
    together = None
    if base is not None:
        e = base.estimate
        together = {"base": base.base, "low": e.low, "point": e.point, "high": e.high}
    return {
        "low": estimate.low,
        "point": estimate.point,
        "high": estimate.high,
        "exact": estimate.exact,
        "stored_elements": estimate.stored_elements,
        "buffers": estimate.buffers,
        "basis": str(estimate.basis),
        "components": {name or ROOT: count for name, count in estimate.components.items()},
        "with_base": together,
        "evidence": [{**asdict(evidence), "basis": str(evidence.basis)} for evidence in estimate.evidence],
        "findings": [{"code": finding.code, "message": finding.message} for finding in estimate.findings],
        "declared": {"total": assessment.declared_total, "sum": assessment.declared_sum},
    }


def _restrictions(restrictions: Restrictions) -> dict[str, Any]:
    return {
        "status": str(restrictions.status),
        "read": [str(place) for place in restrictions.read],
        "items": [
            {
                "kind": str(item.kind),
                "excluded": list(item.excluded),
                "limited_to": list(item.limited_to),
                "active": item.active,
                "file": item.file,
                "start": item.start,
                "end": item.end,
                "quote": item.quote,
                "language": item.language,
                "inherited_from": item.inherited_from,
                "by_name": item.by_name,
            }
            for item in restrictions.items
        ],
        "findings": [{"code": finding.code, "message": finding.message} for finding in restrictions.findings],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "regulation": verdict.regulation,
        "status": str(verdict.status),
        "status_ignoring_declarations": str(verdict.status_ignoring_declarations),
        "conditions": [asdict(condition) for condition in verdict.conditions],
        "reasons": list(verdict.reasons),
        "margin": verdict.margin,
        "next_step": verdict.next_step,
    }


def _printable(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_printable(item) for item in value]
    return value
