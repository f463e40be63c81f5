"""Rows of the catalogue to a `Report`: the one place where the two vocabularies meet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from notifiers import report as r
from notifiers.columns import Batch
from notifiers.render.as_csv import lines
from notifiers.render.as_json import moment
from notifiers.render.safe import encodable
from notifiers.rows import ModelRow, RowVerdict
from notifiers.rows import Verdict as RowStatus
from scanner.catalogue.counted import Counted, Group, UnreadTexts
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import RunState
from scanner.changes import describe_changes
from scanner.rules import rule_notes
from scanner.scope import (
    REASONS,
    Distribution,
    VerdictStatus,
    availability_of,
    exempting_declaration,
    strict_threshold,
)

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.assessment import Assessment
    from scanner.catalogue.tables import Run

NEAREST = 8
EXAMPLES_PER_REASON = 3
LISTED = 20  # problems and findings named; the rest are counted

STATES = {
    RunState.COMPLETE: r.RunState.COMPLETE,
    RunState.INCOMPLETE: r.RunState.INCOMPLETE,
}


@dataclass(frozen=True, slots=True)
class Digest:
    """Makes the report of a run.

    Attributes:
        reader: the catalogue.
        regulations: the ones to report, each with the day of its announcement where that is set.
        named: how many models a list names.
    """

    reader: Reader
    regulations: Sequence[tuple[Regulation, date | None]]
    tool_version: str
    named: int = 10

    def report(self, run: Run, now: datetime, since: Run | None = None) -> r.Report:
        """The report of a run, compared with an earlier one: `since`, or the finished one before it."""
        previous = since or self.reader.previous(run)
        problems, problems_total = self.reader.problems(run.id or 0, LISTED)
        counted = self.reader.counted(run)
        findings = self.reader.findings(run, LISTED) if counted.with_findings else []
        before = self.reader.counted(previous) if previous is not None and comparable(previous, run) else None
        return r.Report(
            tool_version=self.tool_version,
            generated_at=now,
            run=_run(run),
            previous_run=_previous(previous),
            regulations=tuple(
                self._regulation(run, counted, previous, before, *pair, now.date()) for pair in self.regulations
            ),
            problems=tuple(r.Problem(p.subject, p.code, p.message) for p in problems),
            problems_total=problems_total,
            findings=tuple(r.Finding(model, f["code"], f["message"]) for model, f in findings),
            findings_total=counted.with_findings,
        )

    def _regulation(
        self,
        run: Run,
        counted: Counted,
        previous: Run | None,
        before: Counted | None,
        regulation: Regulation,
        announced: date | None,
        today: date,
    ) -> r.RegulationReport:
        reader, name = self.reader, regulation.id
        groups = counted.groups(name)
        exempted_total = counted.exempted(name)
        exempted = reader.exempted(run, name, self.named) if exempted_total else []
        return r.RegulationReport(
            id=name,
            title=regulation.title,
            threshold=regulation.threshold.parameters,
            comparison=regulation.threshold.comparison,
            territory=regulation.territory,
            territory_name=regulation.territory_name,
            provenance=regulation.provenance,
            honouring=totals(groups, ignoring=False),
            ignoring=totals(groups, ignoring=True),
            sources=tuple(r.Source(f"{s.what} {s.says}", None, s.date.isoformat(), s.note) for s in regulation.sources),
            assumptions=(*_assumptions(regulation, run.source), *_unread(counted.unread_texts(name), run.deep)),
            open_questions=tuple(question.question for question in regulation.open_questions),
            clocks=tuple(_clocks(regulation, announced, today)),
            downloads=_downloads(groups),
            reasons=_reasons(counted, name),
            changes=None if previous is None else self._changes(run, previous, before, regulation),
            top_in_scope=_rows(reader.top(run, name, VerdictStatus.IN_SCOPE, self.named)),
            excluded=tuple(model for a in exempted if (model := _excluded(a, regulation)) is not None),
            excluded_total=exempted_total,
            nearest=_rows(reader.nearest(run, name, NEAREST)),
            undecided=self._undecided(run, counted, name),
            gated=_gated(groups),
            adapters=self._adapters(run, regulation, groups),
        )

    def _undecided(self, run: Run, counted: Counted, regulation: str) -> tuple[r.UndecidedGroup, ...]:
        examples = self.reader.undecided(run, regulation, EXAMPLES_PER_REASON)
        return tuple(
            r.UndecidedGroup(
                reason=", ".join(codes),
                meaning=REASONS.get(codes[0], ""),
                next_step=step or "",
                count=count,
                models=_rows(examples.get((codes, step), ())),
            )
            for status, codes, step, count in counted.reasons(regulation)
            if status is VerdictStatus.UNDECIDED
        )

    def _adapters(self, run: Run, regulation: Regulation, groups: Sequence[Group]) -> r.AdapterTotals:
        flips, unknown = self.reader.adapters(run, regulation.id, strict_threshold(regulation))
        return r.AdapterTotals(sum(g.models for g in groups if g.adapter), flips, unknown)

    def _changes(self, run: Run, previous: Run, counted: Counted | None, regulation: Regulation) -> r.Changes:
        groups = describe_changes(self.reader, previous, run, regulation, self.named)
        before = None if counted is None else counted.groups(regulation.id)
        notes = list(rule_notes(previous.rules, run.rules, regulation.id))
        if before is None:
            notes.append(
                f"the earlier run covered another selection ({previous.selection}), so the totals do not compare"
            )
        return r.Changes(
            groups=tuple(groups),
            honouring_before=None if before is None else totals(before, ignoring=False),
            ignoring_before=None if before is None else totals(before, ignoring=True),
            note="; ".join(notes),
        )


def comparable(before: Run, after: Run) -> bool:
    """Whether totals of two runs can stand beside each other."""
    return before.selection == after.selection


def csv_lines(assessments: Iterable[Assessment], regulations: Sequence[str]) -> Iterator[str]:
    """Models as the lines of a CSV file, the header first."""
    return iter(lines(map(model_row, assessments), regulations))


def parquet_chunks(reader: Reader, run: Run, regulations: Sequence[Regulation], tool_version: str) -> Iterator[bytes]:
    """Models of a run as the bytes of a Parquet file, piece by piece."""
    from notifiers.render.as_parquet import chunks

    names = [regulation.id for regulation in regulations]
    return chunks(column_batches(reader, run, names), names, about(run, regulations, tool_version))


def column_batches(reader: Reader, run: Run, regulations: Sequence[str]) -> Iterator[Batch]:
    """Models of a run as batches of columns, by key, as their rows say it."""
    return reader.columns(run, regulations)


def about(run: Run, regulations: Sequence[Regulation], tool_version: str) -> Mapping[str, str]:
    """What an export is of, for the metadata of its file; docs/fields.md lists the names."""
    judged_by = [
        {
            "id": regulation.id,
            "title": regulation.title,
            "threshold": regulation.threshold.parameters,
            "comparison": regulation.threshold.comparison,
            "territory": regulation.territory,
        }
        for regulation in regulations
    ]
    told = {
        "hubscope.version": tool_version,
        "hubscope.regulations": json.dumps(judged_by, ensure_ascii=False),
        "hubscope.run": str(run.id),
        "hubscope.run.state": run.state,
        "hubscope.run.started_at": moment(run.started_at),
        "hubscope.run.finished_at": "" if run.finished_at is None else moment(run.finished_at),
        "hubscope.run.source": run.source,
        "hubscope.run.endpoint": run.endpoint,
        "hubscope.run.selection": run.selection,
    }
    return {name: encodable(value) for name, value in told.items()}


def model_row(assessment: Assessment) -> ModelRow:
    """One model as reports and exports show it."""
    estimate = assessment.estimate
    assert estimate is not None  # noqa: S101 - only models are stored, never texts
    active = [item for item in assessment.restrictions.items if item.active]
    return ModelRow(
        model=assessment.name,
        source=assessment.source,
        revision=assessment.revision,
        observed_at=assessment.observed_at,
        downloads=assessment.downloads,
        likes=assessment.likes,
        created_at=assessment.created_at,
        last_modified=assessment.last_modified,
        gated=assessment.gated or None if isinstance(assessment.gated, str) else None,
        disabled=assessment.distribution is Distribution.DISABLED,
        private=assessment.distribution is Distribution.PRIVATE,
        low=estimate.low,
        point=estimate.point,
        high=estimate.high,
        exact=estimate.exact,
        basis=str(estimate.basis),
        stored_elements=estimate.stored_elements,
        buffers=estimate.buffers,
        declared_total=assessment.declared_total,
        declared_sum=assessment.declared_sum,
        base_models=(assessment.base_model,) if assessment.base_model else (),
        adapter=assessment.adapter,
        restriction_status=str(assessment.restrictions.status),
        excluded=tuple(dict.fromkeys(code for item in active for code in item.excluded)),
        limited_to=tuple(dict.fromkeys(code for item in active for code in item.limited_to)),
        country_asked=assessment.restrictions.country_asked,
        license=assessment.license,
        verdicts=tuple(
            RowVerdict(
                v.regulation,
                RowStatus(v.status),
                RowStatus(v.status_ignoring_declarations),
                v.reasons,
                v.margin,
                v.next_step,
            )
            for v in assessment.verdicts
        ),
    )


def totals(groups: Sequence[Group], *, ignoring: bool) -> r.Totals:
    """Models by verdict, with or without declarations."""
    counts: Counter[VerdictStatus] = Counter()
    for group in groups:
        counts[group.ignoring if ignoring else group.status] += group.models
    gone = sum(g.models for g in groups if g.distribution is not Distribution.PUBLIC)
    empty = sum(
        g.models
        for g in groups
        if g.no_weights
        and g.distribution is Distribution.PUBLIC
        # Where the Hub declares parameters all the same, the verdict is open.
        and (g.ignoring if ignoring else g.status) is VerdictStatus.OUT_OF_SCOPE
    )
    return r.Totals(
        models=sum(counts.values()),
        in_scope=counts[VerdictStatus.IN_SCOPE],
        out_of_scope=counts[VerdictStatus.OUT_OF_SCOPE],
        undecided=counts[VerdictStatus.UNDECIDED],
        not_distributed=gone,
        no_weights=empty,
    )


def _run(run: Run) -> r.Run:
    return r.Run(
        id=str(run.id),
        started_at=run.started_at,
        finished_at=run.finished_at,
        source=run.source,
        endpoint=run.endpoint,
        selection=run.selection + (f" (what changed since run {run.base})" if run.base is not None else ""),
        state=STATES.get(RunState(run.state), r.RunState.INTERRUPTED),
        state_detail=run.detail,
        deep=run.deep,
        models_listed=run.listed,
        rows_skipped=run.skipped,
        headers_read=run.deep_reads,
        requests=run.requests,
        bytes_read=run.bytes_read,
        counted_as_downloads=run.footprint,
    )


def _previous(run: Run | None) -> r.PreviousRun | None:
    return None if run is None else r.PreviousRun(str(run.id), run.finished_at or run.started_at)


def _rows(assessments: Sequence[Assessment]) -> tuple[ModelRow, ...]:
    return tuple(model_row(assessment) for assessment in assessments)


def _reasons(counted: Counted, regulation: str) -> tuple[r.ReasonCount, ...]:
    counts: Counter[tuple[VerdictStatus, str]] = Counter()
    for status, codes, _, count in counted.reasons(regulation):
        for code in codes:
            counts[status, code] += count
    order = list(VerdictStatus)
    ranked = sorted(counts.items(), key=lambda item: (order.index(item[0][0]), -item[1], item[0][1]))
    return tuple(
        r.ReasonCount(RowStatus(status), code, REASONS.get(code, ""), count) for (status, code), count in ranked
    )


def _downloads(groups: Sequence[Group]) -> r.DownloadTotals:
    counts: Counter[VerdictStatus] = Counter()
    for group in groups:
        counts[group.status] += group.downloads
    return r.DownloadTotals(
        counts[VerdictStatus.IN_SCOPE], counts[VerdictStatus.OUT_OF_SCOPE], counts[VerdictStatus.UNDECIDED]
    )


def _gated(groups: Sequence[Group]) -> r.GatedTotals:
    return r.GatedTotals(
        auto=sum(g.models for g in groups if g.gated == "auto"),
        manual=sum(g.models for g in groups if g.gated == "manual"),
        in_scope=sum(g.models for g in groups if g.gated and g.status is VerdictStatus.IN_SCOPE),
    )


def _excluded(assessment: Assessment, regulation: Regulation) -> r.ExcludedModel | None:
    """A model with the declaration that takes it out; None where the regulation's data has changed since it did."""
    found = exempting_declaration(regulation, assessment.restrictions)
    if found is None:
        return None
    item, _ = found
    return r.ExcludedModel(
        row=model_row(assessment),
        kind=str(item.kind),
        excluded=item.excluded,
        limited_to=item.limited_to,
        file=item.file,
        quote=item.quote,
        language=item.language,
        inherited_from=item.inherited_from,
    )


def _assumptions(regulation: Regulation, platform: str) -> Iterator[str]:
    availability = availability_of(regulation, platform)
    if availability is not None and availability.assumed:
        yield f"Assumed: {availability.why} ({availability.source}, {availability.date.isoformat()})"
    if regulation.declaration_note:
        effect = {
            "out_of_scope": "A declaration that excludes the territory takes a model out of scope",
            "none": "A declaration that excludes the territory changes nothing",
        }[regulation.declaration_effect]
        yield f"{effect}: {regulation.declaration_note}"
    adapters = {"own": "their own parameters, without their base model's", "with-base": "theirs and their base model's"}
    yield f"Adapters count by {adapters[regulation.adapter]}"
    gated = {"distributed": "still distributed", "not-distributed": "not distributed"}
    yield f"Gated weights count as {gated[regulation.gated]}"


def _unread(texts: UnreadTexts, deep: str) -> Iterator[str]:
    """What is taken for undeclared because nobody has read it, and why."""
    budgets = (
        "One scan reads so many (settings: [scan] texts_per_run and texts_by_rank), the most downloaded first, "
        "and the next goes on"
    )
    if texts.untried:
        yield (
            f"What nobody has read declares nothing: {texts.untried:,} of the models that may be in scope are judged "
            f"without their cards and licence files, {texts.suggested:,} of them although something suggests a limit. "
            + ("This scan read none (deep = never)" if deep == "never" else budgets)
        )
    if texts.partly:
        yield (
            f"Of {texts.partly:,} more, not every text could be read: it lies behind a gate or elsewhere, or it is the "
            "base model's"
        )


def _clocks(regulation: Regulation, announced: date | None, today: date) -> Iterator[r.Clock]:
    clocks = regulation.clocks
    due = regulation.in_force_on(announced) if announced else None
    unset = "" if announced else f"; the day of announcement is not set (settings: [announced] {regulation.id})"
    yield r.Clock("In force", f"{clocks.in_force_days} days after announcement{unset}", due)
    if clocks.incident_hours is not None:
        yield r.Clock("Incident report", f"within {clocks.incident_hours} hours")
    if clocks.compliance_reports is not None:
        period = {"quarterly": "each quarter", "yearly": "each year"}[clocks.compliance_reports]
        coming = regulation.compliance_reports_due(announced, today, 1) if announced else ()
        yield r.Clock("Compliance report", period, coming[0] if coming else None)
