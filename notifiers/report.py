"""What a report holds: the contract that scanner fills in and every renderer reads.

Numbers are raw and texts are as they were found; renderers format the ones and defuse the others. Long lists arrive
capped, each beside its full count. Models appear as ModelRow (rows.py), so that a report and an export cannot disagree
on what a field means. All moments are aware and in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from notifiers.rows import ModelRow, Verdict

SCHEMA = "hubscope.report/1"


class RunState(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"  # stopped from outside; resumable
    INCOMPLETE = "incomplete"  # ended by itself with requests unanswered or a budget spent


class ChangeKind(StrEnum):
    """What can have happened to a model between two runs, in the order reports tell it."""

    ENTERED_SCOPE = "entered-scope"
    LEFT_SCOPE = "left-scope"
    BECAME_UNDECIDED = "became-undecided"
    SETTLED = "settled"
    CROSSED_THRESHOLD = "crossed-threshold"
    DECLARATION_ADDED = "declaration-added"
    DECLARATION_REMOVED = "declaration-removed"
    GATE_CHANGED = "gate-changed"
    NOT_DISTRIBUTED = "not-distributed"  # deleted, disabled or made private
    NO_LONGER_LISTED = "no-longer-listed"  # the list has an end: gone, or used less than others
    RENAMED = "renamed"
    NEW = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The run that the report is about.

    Attributes:
        id: the catalogue's own id.
        source: hub that was listed ("huggingface").
        endpoint: its address, without credentials.
        selection: the selectors as they were typed ("--all --limit 5000").
        state: how it ended.
        state_detail: one sentence why it is not complete; empty where it is.
        deep: the policy for reading weight files ("auto", "never", "always").
        models_listed: rows the hub listed and we could read.
        rows_skipped: rows that could not be read; each is in the report's problems.
        headers_read: models whose weight files were read, beyond the listing.
        requests: requests by the hub's rate-limit bucket ("api", "resolvers", "pages").
        bytes_read: bytes asked of weight files, in blocks.
        counted_as_downloads: reads that the hub counts in its models' download figures.
    """

    id: str
    started_at: datetime
    finished_at: datetime | None = None
    source: str = "huggingface"
    endpoint: str = "https://huggingface.co"
    selection: str = ""
    state: RunState = RunState.COMPLETE
    state_detail: str = ""
    deep: str = "auto"
    models_listed: int = 0
    rows_skipped: int = 0
    headers_read: int = 0
    requests: Mapping[str, int] = field(default_factory=dict)
    bytes_read: int = 0
    counted_as_downloads: int = 0

    def __post_init__(self) -> None:
        _require_aware("started_at", self.started_at)
        _require_aware("finished_at", self.finished_at)


@dataclass(frozen=True, slots=True)
class PreviousRun:
    """The run that changes are counted from."""

    id: str
    finished_at: datetime

    def __post_init__(self) -> None:
        _require_aware("finished_at", self.finished_at)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read or done.

    Attributes:
        subject: model, file or page.
        code: kebab-case.
        message: one sentence.
        count: how often it happened, where several are told as one.
    """

    subject: str
    code: str
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth knowing about a model that is no error, such as two totals that disagree."""

    model: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a regulation is reported.

    Attributes:
        text: title or outlet.
        url: address; None where there is none.
        date: when it was published or read, as the regulation's file writes it; empty if unknown.
        note: how far it goes ("second hand; no official text was seen"); or empty.
    """

    text: str
    url: str | None = None
    date: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """A duty with a date, or with the event that starts it.

    Attributes:
        label: the duty ("In force", "Incident report").
        when: the rule in words ("60 days after announcement").
        due: the date, where it can be told.
    """

    label: str
    when: str
    due: date | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Models by verdict.

    Attributes:
        models: all of them: in_scope + out_of_scope + undecided.
        not_distributed: deleted, disabled or private; part of out_of_scope.
        no_weights: repositories without weights; part of out_of_scope.
    """

    models: int = 0
    in_scope: int = 0
    out_of_scope: int = 0
    undecided: int = 0
    not_distributed: int = 0
    no_weights: int = 0

    def __post_init__(self) -> None:
        """Refuse totals that do not add up: better no report than one whose headline is wrong."""
        if self.in_scope + self.out_of_scope + self.undecided != self.models:
            raise ValueError(f"totals do not add up to {self.models} models: {self}")
        if max(self.not_distributed, self.no_weights) > self.out_of_scope:
            raise ValueError(f"not_distributed and no_weights are parts of out_of_scope: {self}")


@dataclass(frozen=True, slots=True)
class DownloadTotals:
    """Downloads (the hub's figure for the last 30 days) of the models behind each verdict, declarations honoured."""

    in_scope: int = 0
    out_of_scope: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many models carry a reason code under a verdict; a model may carry several."""

    status: Verdict
    code: str
    meaning: str
    count: int


@dataclass(frozen=True, slots=True)
class UndecidedGroup:
    """Undecided models that share what would settle them, most downloaded examples first."""

    reason: str
    meaning: str
    next_step: str
    count: int
    models: tuple[ModelRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ExcludedModel:
    """A model that a declaration takes out of scope, with the words the reading rests on.

    Attributes:
        kind: licence-grant, card-statement or gating.
        excluded: territories the text excludes.
        limited_to: territories the text limits use to.
        file: file the quote stands in.
        quote: the words themselves.
        language: BCP 47 tag of the quote; "und" for keys and codes.
        inherited_from: base model whose declaration this is; None for the model's own.
    """

    row: ModelRow
    kind: str
    excluded: tuple[str, ...]
    limited_to: tuple[str, ...]
    file: str
    quote: str
    language: str
    inherited_from: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One model's change.

    Attributes:
        before: the earlier value (verdict, count, name, territories); None where there was none.
        after: the value now; None where there is none.
        cause: why, in words, if it is not plain from the two ("read more of the file", "rule changed"); or empty.
    """

    model: str
    before: str | int | None = None
    after: str | int | None = None
    cause: str = ""
    downloads: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """All changes of one kind: how many, and the first few by downloads."""

    kind: ChangeKind
    count: int
    models: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What moved since the previous run.

    Attributes:
        groups: one per kind that occurred, in the order of ChangeKind.
        honouring_before: the previous run's totals, for the differences beside the headline.
        ignoring_before: likewise, declarations ignored.
        note: what limits the comparison ("the earlier run listed other models"); or empty.
    """

    groups: tuple[ChangeGroup, ...] = ()
    honouring_before: Totals | None = None
    ignoring_before: Totals | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class AdapterTotals:
    """Adapters, judged by their own count.

    Attributes:
        models: repositories that hold an adapter.
        would_flip: how many would change verdict if the base model's parameters counted too.
        base_unknown: how many have no base model whose count is known.
    """

    models: int = 0
    would_flip: int = 0
    base_unknown: int = 0


@dataclass(frozen=True, slots=True)
class GatedTotals:
    """Gated models by the Hub's two kinds of gate, and how many of both are in scope."""

    auto: int = 0
    manual: int = 0
    in_scope: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegulationReport:
    """One regulation's part of the report.

    Attributes:
        threshold: parameters.
        comparison: "more-than" (strict: exactly the threshold is outside) or "at-least".
        territory: ISO 3166-1 alpha-2 code, or a group.
        territory_name: the same in words ("mainland China").
        provenance: how well the rule itself is attested, and that this is no legal advice; always shown.
        assumptions: what was taken as given, one sentence each; always shown.
        open_questions: what the sources leave open, one sentence each.
        honouring: totals where active declarations take a model out of scope.
        ignoring: totals as if nothing had been declared.
        reasons: one row per verdict and code.
        changes: None for the first run.
        top_in_scope: in-scope models by downloads, capped.
        excluded: models out of scope by declaration, by downloads, capped.
        excluded_total: all of them.
        nearest: models whose count is closest to the threshold, on either side, capped.
    """

    id: str
    title: str
    threshold: int
    territory: str
    territory_name: str
    provenance: str
    honouring: Totals
    ignoring: Totals
    comparison: str = "more-than"
    sources: tuple[Source, ...] = ()
    assumptions: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    clocks: tuple[Clock, ...] = ()
    downloads: DownloadTotals = field(default_factory=DownloadTotals)
    reasons: tuple[ReasonCount, ...] = ()
    changes: Changes | None = None
    top_in_scope: tuple[ModelRow, ...] = ()
    excluded: tuple[ExcludedModel, ...] = ()
    excluded_total: int = 0
    nearest: tuple[ModelRow, ...] = ()
    undecided: tuple[UndecidedGroup, ...] = ()
    gated: GatedTotals = field(default_factory=GatedTotals)
    adapters: AdapterTotals = field(default_factory=AdapterTotals)

    def __post_init__(self) -> None:
        if self.honouring.models != self.ignoring.models:
            raise ValueError(f"{self.id}: both totals must be about the same models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a digest of one run says; `problems` and `findings` are capped, their totals count all entries."""

    tool_version: str
    generated_at: datetime
    run: Run
    regulations: tuple[RegulationReport, ...]
    previous_run: PreviousRun | None = None
    problems: tuple[Problem, ...] = ()
    problems_total: int = 0
    findings: tuple[Finding, ...] = ()
    findings_total: int = 0
    schema: str = SCHEMA

    def __post_init__(self) -> None:
        _require_aware("generated_at", self.generated_at)


def _require_aware(name: str, moment: datetime | None) -> None:
    """Naive moments are refused: a reader elsewhere could not tell what they mean."""
    if moment is not None and moment.tzinfo is None:
        raise ValueError(f"{name} must be an aware datetime in UTC, not {moment!r}")
