"""Between table rows and the words of the domain; the one place that knows both.

What stands in columns is not written twice: `detail` holds of an estimate what its columns do not tell, as arrays of
MessagePack without the names of fields, and so does the memory of files read.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import msgspec
from sqlalchemy import Row

from estimators.interface import Basis, Estimate, Evidence, Finding
from estimators.names import from_name
from scanner.assessment import Assessment
from scanner.catalogue.coding import seconds
from scanner.listed import Profile, Ruling
from scanner.restrictions.interface import FINDING_CODES, Declaration, Kind, Place, Restrictions, Status
from scanner.restrictions.interface import Finding as LimitFinding
from scanner.scope import Distribution, Verdict, VerdictStatus, margin_of

MAX_STORED = 2**63 - 1  # a database integer; a count beyond it is stored as this much, or as unbounded
MIN_STORED = -(2**63)

BASES = (
    Basis.NONE, Basis.NO_WEIGHTS, Basis.COMBINED, Basis.FILE_SIZE, Basis.HUB_SAFETENSORS, Basis.HUB_GGUF,
    Basis.SAFETENSORS_HEADER, Basis.GGUF_HEADER, Basis.GGML_HEADER, Basis.PYTORCH_PICKLE, Basis.PICKLE,
    Basis.ONNX_GRAPH, Basis.OPENVINO_GRAPH, Basis.COREML_GRAPH, Basis.CAFFE_GRAPH, Basis.HDF5_HEADER,
    Basis.TENSORFLOW_INDEX, Basis.TENSORFLOW_GRAPH, Basis.TFLITE_BUFFERS, Basis.TFJS_MANIFEST, Basis.NUMPY_HEADER,
    Basis.MSGPACK_KEYS, Basis.PADDLE_HEADER, Basis.MXNET_HEADER, Basis.CTRANSLATE2_HEADER, Basis.NCNN_PARAM,
    Basis.MNN_BUFFERS, Basis.DARKNET_HEADER, Basis.VECTORS_HEADER, Basis.TREES, Basis.RAW_VALUES,
    Basis.ARCHIVE_MEMBERS, Basis.CONFIG_ARITHMETIC, Basis.MODEL_NAME, Basis.CARD_TEXT,
)  # fmt: skip
"""Packed as its place in this list, so new ones go to its end."""

_PLACES = {basis: place for place, basis in enumerate(BASES)}
_DIGEST = re.compile(r"([0-9a-f]{64})(?::(.*))?", re.DOTALL)
_ZLIB = 0x78  # begins what zlib packed; an array of MessagePack as short as ours begins with 0x90 to 0x9f
_WORTH_PACKING = 100  # bytes; shorter ones come out longer
_EXACT, _PARTIAL = 1, 2
_EVIDENCE = (None, None, None, 0, 0, "")  # basis and span as of the whole; file, requests, bytes, note
_DETAIL: tuple[Any, ...] = ([], [], {})  # evidence, findings, components
_ESTIMATE: tuple[Any, ...] = (
    None,
    None,
    0,
    None,
    None,
    [],
    [],
    {},
)  # basis, span, flags, stored, buffers, and the same

Values: TypeAlias = dict[str, Any]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]
LISTED_NOTES = {
    Basis.HUB_SAFETENSORS: "declared in the listing",
    Basis.HUB_GGUF: "declared in the listing",
    Basis.NO_WEIGHTS: "no file is a weight file",
}
"""What a listing alone can settle, in words."""

AnyFinding: TypeAlias = Finding | LimitFinding


class Span(NamedTuple):
    """The numbers of an interval."""

    low: int
    point: int | None
    high: int | None


# Observations --------------------------------------------------------------------------------------------------------


def observed_columns(assessment: Assessment) -> Values:
    """The columns of an observation as the driver takes them, but for its run; `profile` is still one of `listed`."""
    estimate = _estimate(assessment)
    span = stored_span(estimate)
    return {
        "observed_at": seconds(assessment.observed_at),
        "name": printable(assessment.name),
        "sha": sha_bytes(assessment.revision),
        "profile": profile_of(assessment),
        "base_model": _maybe_printable(assessment.base_model),
        "license": _maybe_printable(assessment.license),
        "low": span.low,
        "point": span.point,
        "high": span.high,
        "stored_elements": _stored(estimate.stored_elements),
        "buffers": _stored(estimate.buffers),
        "declared_total": _stored(assessment.declared_total),
        "declared_sum": _stored(assessment.declared_sum),
        "detail": packed_detail(estimate, assessment.restrictions, assessment.name),
    }


def profile_of(assessment: Assessment) -> Profile:
    """What an assessment has in common with many."""
    estimate, restrictions = _estimate(assessment), assessment.restrictions
    return Profile(
        basis=str(estimate.basis),
        exact=estimate.exact and estimate.low <= MAX_STORED,
        distribution=str(assessment.distribution),
        gated=str(assessment.gated) if assessment.gated else None,
        adapter=assessment.adapter,
        restriction_status=str(restrictions.status),
        restriction_read=tuple(str(place) for place in restrictions.read),
        country_asked=restrictions.country_asked,
        findings=bool(estimate.findings or restrictions.findings),
    )


def what_matters(assessment: Assessment) -> tuple[object, ...]:
    """What makes an observation another one: not how or when it came about, and no figures that move all the time."""
    estimate, restrictions = _estimate(assessment), assessment.restrictions
    return (
        printable(assessment.name),
        profile_of(assessment),
        _maybe_printable(assessment.base_model),
        _maybe_printable(assessment.license),
        stored_span(estimate),
        _stored(estimate.stored_elements),
        _stored(estimate.buffers),
        _stored(assessment.declared_total),
        _stored(assessment.declared_sum),
        {printable(name): min(count, MAX_STORED) for name, count in estimate.components.items()},
        [(f.code, printable(f.message)) for f in _findings(estimate, restrictions)],
        [declaration_values(item) for item in restrictions.items],
    )


def what_mattered(values: Mapping[str, Any], profile: Profile, declarations: Sequence[AnyRow]) -> tuple[object, ...]:
    """The same of an observation that is stored; `values` are its columns as the driver gives them."""
    span = Span(values["low"], values["point"], values["high"])
    detail = unpacked_detail(values["detail"], Basis(profile.basis), span, values["name"])
    return (
        values["name"],
        profile,
        values["base_model"],
        values["license"],
        span,
        values["stored_elements"],
        values["buffers"],
        values["declared_total"],
        values["declared_sum"],
        detail.components,
        [(f.code, f.message) for f in detail.all_findings],
        [declaration_values(declaration_of(row)) for row in declarations],
    )


def stored_span(estimate: Estimate) -> Span:
    """An interval as the columns hold it."""
    return Span(min(estimate.low, MAX_STORED), _stored(estimate.point), _stored(estimate.high))


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


def assessment_of(row: AnyRow, declarations: Sequence[AnyRow], rulings: Sequence[AnyRow | Ruling]) -> Assessment:
    """A model as of some run; its verdicts carry no conditions, which `Assessment.judged` adds.

    Args:
        row: the columns of `core.CURRENT`.
        declarations: rows of the observation's declarations.
        rulings: the rows of its judgement.
    """
    basis = Basis(row.basis)
    detail = unpacked_detail(row.detail, basis, Span(row.low, row.point, row.high), row.name)
    return Assessment(
        key=row.model_key,
        name=row.name,
        source=row.source,
        revision=row.sha,
        observed_at=row.observed_at,
        estimate=Estimate(
            low=row.low,
            high=row.high,
            point=row.point,
            basis=basis,
            exact=row.exact,
            stored_elements=row.stored_elements,
            buffers=row.buffers,
            components=detail.components,
            evidence=detail.evidence,
            findings=detail.findings,
        ),
        restrictions=Restrictions(
            status=Status(row.restriction_status),
            read=tuple(Place(place) for place in row.restriction_read),
            items=tuple(declaration_of(declaration) for declaration in declarations),
            country_asked=row.country_asked,
            findings=detail.limit_findings,
        ),
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
        verdicts=tuple(verdict_of(ruling, row) for ruling in rulings),
    )


def declaration_of(row: AnyRow) -> Declaration:
    """A declaration row's declaration."""
    return Declaration(
        kind=Kind(row.kind),
        excluded=tuple(row.excluded),
        limited_to=tuple(row.limited_to),
        active=row.active,
        file=row.file,
        start=row.start,
        end=row.end,
        quote=row.quote,
        language=row.language,
        inherited_from=row.inherited_from,
    )


# Verdicts ------------------------------------------------------------------------------------------------------------

SAID = ("status", "status_ignoring_declarations", "reasons")
"""What makes a verdict another one; margins drift with every recount, and a next step is a word of advice."""

NO_WEIGHTS, BASE_UNKNOWN = "no-weights", "adapter-base-unknown"


def ruling_of(verdict: Verdict) -> Ruling:
    """What a verdict has in common with many."""
    return Ruling(
        regulation=verdict.regulation,
        status=str(verdict.status),
        status_ignoring_declarations=str(verdict.status_ignoring_declarations),
        reasons=",".join(verdict.reasons),
        next_step=verdict.next_step,
        threshold=verdict.threshold,
        strict=verdict.strict,
        own=BASE_UNKNOWN not in verdict.reasons,
    )


def rulings_of(assessment: Assessment) -> tuple[Ruling, ...]:
    """The same of all verdicts of an assessment, in their order."""
    return tuple(map(ruling_of, assessment.verdicts))


def verdict_of(ruling: AnyRow | Ruling, row: AnyRow | Span) -> Verdict:
    """A verdict without its conditions.

    Args:
        ruling: a row of a judgement.
        row: whatever has the numbers of the model's interval.
    """
    reasons = tuple(ruling.reasons.split(",")) if ruling.reasons else ()
    return Verdict(
        regulation=ruling.regulation,
        status=VerdictStatus(ruling.status),
        status_ignoring_declarations=VerdictStatus(ruling.status_ignoring_declarations),
        conditions=(),
        reasons=reasons,
        margin=margin_of(
            row.low,
            row.point,
            row.high,
            ruling.threshold,
            ruling.strict,
            own=ruling.own,
            no_weights=NO_WEIGHTS in reasons,
        ),
        next_step=ruling.next_step,
        threshold=ruling.threshold,
        strict=ruling.strict,
    )


def what_is_said(rulings: Mapping[str, Ruling]) -> dict[str, tuple[object, ...]]:
    """What makes a judgement another one, by regulation."""
    return {name: tuple(getattr(ruling, part) for part in SAID) for name, ruling in rulings.items()}


# Details -------------------------------------------------------------------------------------------------------------


class Detail(NamedTuple):
    """What an observation knows beside its columns."""

    evidence: tuple[Evidence, ...]
    findings: tuple[Finding, ...] = ()
    limit_findings: tuple[LimitFinding, ...] = ()
    components: Mapping[str, int] = {}

    @property
    def all_findings(self) -> list[AnyFinding]:
        """Those of the count, then those of the declarations."""
        return [*self.findings, *self.limit_findings]


def packed_detail(estimate: Estimate, restrictions: Restrictions, name: str) -> bytes | None:
    """What the columns do not tell; None where that is nothing, as of a model that only the listing told of.

    Args:
        estimate: of the model.
        restrictions: likewise; of these the findings.
        name: the model's.
    """
    findings = _findings(estimate, restrictions)
    components = {printable(name): min(count, MAX_STORED) for name, count in estimate.components.items()}
    return detail_of(packed_looks(estimate, name), findings, components)


def packed_looks(estimate: Estimate, name: str) -> list[list[Any]] | None:
    """What an estimate rests on, for `detail_of`; None where the columns tell as much."""
    span = stored_span(estimate)
    if _is_as_listed(estimate, span, name):
        return None
    return [_packed_evidence(row, estimate.basis, span) for row in estimate.evidence]


def detail_of(
    looks: list[list[Any]] | None, findings: Sequence[AnyFinding], components: Mapping[str, int] = MappingProxyType({})
) -> bytes | None:
    """Details from their parts; None where they say nothing that the columns do not."""
    if looks is None and not findings and not components:
        return None
    return _packed(_trimmed([looks, _packed_findings(findings), dict(components)], _DETAIL))


def unpacked_detail(packed: bytes | None, basis: Basis, span: Span, name: str) -> Detail:
    """The details of an observation whose columns say this."""
    if packed is None:
        return Detail(_as_listed(basis, span, name))
    evidence, findings, components = _filled(_unpacked(packed), _DETAIL)
    as_listed = evidence is None
    return Detail(
        _as_listed(basis, span, name) if as_listed else tuple(_evidence(values, basis, span) for values in evidence),
        tuple(Finding(*f) for f in findings if f[0] not in FINDING_CODES),
        tuple(LimitFinding(*f) for f in findings if f[0] in FINDING_CODES),
        components,
    )


def blob_key(digest: str) -> bytes:
    """The key of a remembered file as stored: the 32 bytes of its digest, and behind them what else it rests on."""
    found = _DIGEST.fullmatch(digest)
    if found is None:  # no digest of the Hub's: as long as none of them is
        return hashlib.blake2b(digest.encode("utf-8", "surrogatepass"), digest_size=31).digest()
    return bytes.fromhex(found[1]) + (found[2] or "").encode("utf-8", "surrogatepass")


def packed_estimate(estimate: Estimate) -> bytes:
    """An estimate for the memory of files read."""
    span = Span(estimate.low, estimate.point, estimate.high)
    values = [
        _PLACES[estimate.basis],
        _packed_span(span),
        estimate.exact * _EXACT + estimate.partial * _PARTIAL,
        _number(estimate.stored_elements),
        _number(estimate.buffers),
        [_packed_evidence(row, estimate.basis, span) for row in estimate.evidence],
        _packed_findings(estimate.findings),
        {printable(name): _number(count) for name, count in estimate.components.items()},
    ]
    return _packed(_trimmed(values, _ESTIMATE))


def unpacked_estimate(packed: bytes) -> Estimate:
    """The inverse of `packed_estimate`.

    Raises:
        ValueError: the bytes are not of this version.
    """
    try:
        values = _filled(_unpacked(packed), _ESTIMATE)
        place, packed_span, flags, stored, buffers, evidence, findings, components = values
        basis, span = BASES[place], _span(packed_span)
        return Estimate(
            low=span.low,
            high=span.high,
            point=span.point,
            basis=basis,
            exact=bool(flags & _EXACT),
            stored_elements=_read_number(stored),
            buffers=_read_number(buffers),
            components={name: int(count) for name, count in components.items()},
            evidence=tuple(_evidence(row, basis, span) for row in evidence),
            findings=tuple(Finding(*finding) for finding in findings),
            partial=bool(flags & _PARTIAL),
        )
    except (ValueError, TypeError, IndexError, AttributeError, zlib.error) as error:
        raise ValueError(f"no estimate of this version: {error}") from error


def _packed(values: list[Any]) -> bytes:
    """An array of MessagePack, through zlib where that is shorter."""
    packed = msgspec.msgpack.encode(values)
    if len(packed) < _WORTH_PACKING:
        return packed
    shorter = zlib.compress(packed)
    return shorter if len(shorter) < len(packed) else packed


def _unpacked(packed: bytes) -> Any:
    return msgspec.msgpack.decode(zlib.decompress(packed) if packed[:1] == bytes([_ZLIB]) else packed)


def _trimmed(values: list[Any], defaults: Sequence[Any]) -> list[Any]:
    """Values without those at their end that are as ever."""
    while values and values[-1] == defaults[len(values) - 1]:
        values.pop()
    return values


def _filled(values: list[Any], defaults: Sequence[Any]) -> list[Any]:
    """The inverse of `_trimmed`."""
    return [*values, *defaults[len(values) :]]


def _packed_evidence(row: Evidence, basis: Basis, whole: Span) -> list[Any]:
    """A look without what it shares with the whole: most files are the only one of their model."""
    span = Span(row.low, row.point, row.high)
    values = [
        None if row.basis is basis else _PLACES[row.basis],
        None if span == whole else _packed_span(span),
        _maybe_printable(row.file),
        row.requests,
        row.bytes_read,
        printable(row.note),
    ]
    return _trimmed(values, _EVIDENCE)


def _evidence(values: list[Any], basis: Basis, whole: Span) -> Evidence:
    place, packed, file, requests, bytes_read, note = _filled(values, _EVIDENCE)
    span = whole if packed is None else _span(packed)
    return Evidence(
        basis if place is None else BASES[place], file, span.low, span.point, span.high, requests, bytes_read, note
    )


def _packed_span(span: Span) -> Any:
    """One number where all three are the same."""
    if span.low == span.point == span.high:
        return _number(span.low)
    return [_number(number) for number in span]


def _span(packed: Any) -> Span:
    if isinstance(packed, list):
        low, point, high = (_read_number(number) for number in packed)
        return Span(low or 0, point, high)
    number = int(packed)
    return Span(number, number, number)


def _number(value: int | None) -> int | str | None:
    """A number as MessagePack takes it; larger ones, which only hostile files declare, in words."""
    return value if value is None or MIN_STORED <= value <= MAX_STORED else str(value)


def _read_number(packed: int | str | None) -> int | None:
    return None if packed is None else int(packed)


def _packed_findings(findings: Sequence[AnyFinding]) -> list[list[str]]:
    return [[finding.code, printable(finding.message)] for finding in findings]


def _findings(estimate: Estimate, restrictions: Restrictions) -> list[AnyFinding]:
    return [*estimate.findings, *restrictions.findings]


def _as_listed(basis: Basis, span: Span, name: str) -> tuple[Evidence, ...]:
    """The looks that stand for a listing's word: what it declares, or where that is open, what the name says."""
    if span.low == span.high:
        return (Evidence(basis, None, *span, note=LISTED_NOTES.get(basis, "")),)
    named = from_name(name.rpartition("/")[2])
    return () if named is None else named.evidence


def _is_as_listed(estimate: Estimate, span: Span, name: str) -> bool:
    """Whether those looks tell as much as the estimate's own."""
    declared = span.low == span.high and estimate.basis in LISTED_NOTES
    if declared and all(row.file is None and not row.requests and not row.bytes_read for row in estimate.evidence):
        return True
    return estimate.evidence == _as_listed(estimate.basis, span, name)


# Texts and numbers ---------------------------------------------------------------------------------------------------


def sha_bytes(revision: str | None) -> bytes | None:
    """A revision as stored; sources take care that it is hexadecimal."""
    return None if revision is None else bytes.fromhex(revision)


def printable(text: str) -> str:
    """Text that any database takes: no lone surrogates, no NUL."""
    if text.isprintable():
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\N{SYMBOL FOR NULL}")


def storable(values: Mapping[str, Any]) -> Values:
    """Columns with every text made printable."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in values.items()}


def _estimate(assessment: Assessment) -> Estimate:
    assert assessment.estimate is not None  # noqa: S101 - only models are stored, never texts
    return assessment.estimate


def _maybe_printable(text: str | None) -> str | None:
    return None if text is None else printable(text)


def _stored(value: int | None) -> int | None:
    """A count as stored; one that no database integer holds is unknown."""
    return value if value is not None and value <= MAX_STORED else None
