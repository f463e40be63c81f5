"""The parts of a report that name models. Their columns come from the registry in notifiers/fields.py."""

from collections.abc import Callable

from notifiers.fields import VERDICT_FIELDS, field
from notifiers.render import words as w
from notifiers.render.document import (
    Block,
    Line,
    Paragraph,
    Quotation,
    Quotations,
    Table,
    checked_language,
    code,
    codes,
    model,
    plain,
    words,
)
from notifiers.render.safe import quotation
from notifiers.report import Change, ChangeGroup, ChangeKind, ExcludedModel, RegulationReport, Report, UndecidedGroup
from notifiers.rows import ModelRow

MARGIN = next(entry for entry in VERDICT_FIELDS if entry.name == "margin")
MAX_EXAMPLES = 3  # models named beside a reason for being undecided

Column = tuple[str, bool, Callable[[ModelRow], Line]]
"""Heading, whether it is right-aligned, and the cell."""


def model_table(
    caption: str,
    regulation: RegulationReport,
    rows: tuple[ModelRow, ...],
    endpoint: str,
    note: str,
    *,
    with_verdict: bool = False,
) -> Table:
    """A table of models as this regulation sees them."""
    columns = _columns(regulation.id, endpoint, with_verdict=with_verdict)
    return Table(
        caption=caption,
        columns=tuple(heading for heading, _, _ in columns),
        rows=tuple(tuple(cell(row) for _, _, cell in columns) for row in rows),
        numeric=frozenset(index for index, (_, right, _) in enumerate(columns) if right),
        note=note,
    )


def _columns(regulation: str, endpoint: str, *, with_verdict: bool) -> list[Column]:
    def reasons(row: ModelRow) -> Line:
        verdict = row.verdict(regulation)
        return codes(verdict.reasons) if verdict else plain(w.UNKNOWN)

    def status(row: ModelRow) -> Line:
        verdict = row.verdict(regulation)
        return plain(w.VERDICT_WORDS[verdict.status] if verdict else w.UNKNOWN)

    def margin(row: ModelRow) -> Line:
        verdict = row.verdict(regulation)
        return plain(w.margin(verdict.margin if verdict else None))

    columns: list[Column] = [
        (field("model").label, False, lambda row: model(row.model, _pages(row, endpoint))),
        (field("point").label, True, lambda row: plain(w.parameters(row))),
        (MARGIN.label, True, margin),
        (field("downloads").label, True, lambda row: plain(w.integer(row.downloads))),
    ]
    if with_verdict:
        return [*columns, ("Verdict", False, status), (field("basis").label, False, lambda row: code(row.basis))]
    return [*columns, ("Reasons", False, reasons)]


def undecided_table(regulation: RegulationReport, endpoint: str) -> tuple[Block, ...]:
    """Undecided models by what would settle them; nothing where all are decided."""
    if not regulation.undecided:
        return ()
    rows = tuple(_undecided_row(group, endpoint) for group in regulation.undecided)
    columns = ("Why", "Models", "Next step", "For example")
    return (Table("Undecided, by reason", columns, rows, frozenset({1})),)


def _undecided_row(group: UndecidedGroup, endpoint: str) -> tuple[Line, ...]:
    why = code(group.reason) + (plain(": ") + words(group.meaning) if group.meaning.strip() else ())
    examples: Line = ()
    for row in group.models[:MAX_EXAMPLES]:
        examples += (plain(", ") if examples else ()) + model(row.model, _pages(row, endpoint))
    next_step = words(group.next_step) or plain("nothing more can be read")
    return (why, plain(w.integer(group.count)), next_step, examples or plain(w.UNKNOWN))


def excluded(regulation: RegulationReport, endpoint: str) -> tuple[Block, ...]:
    """Models that are outside because of what they declare, each with its words."""
    if not regulation.excluded:
        return ()
    intro = "Outside only because of these words; whether they have that effect is a reading, not a fact."
    quotations = tuple(_quotation(item, endpoint) for item in regulation.excluded)
    note = w.shown_of(len(quotations), regulation.excluded_total)
    return (Paragraph(plain(intro)), Quotations(quotations, note))


def _quotation(item: ExcludedModel, endpoint: str) -> Quotation:
    head = model(item.row.model, _pages(item.row, endpoint))
    if item.excluded:
        head += plain(" excludes ") + codes(item.excluded)
    if item.limited_to:
        head += plain(", limited to " if item.excluded else " is limited to ") + codes(item.limited_to)
    head += plain(f" ({w.parameters(item.row)} parameters)")
    where = code(item.kind) + plain(" in ") + code(item.file)
    language = checked_language(item.language)
    if language:
        where += plain(", language ") + code(language)
    if item.inherited_from:
        where += plain(", inherited from ") + model(item.inherited_from, _pages(item.row, endpoint))
    return Quotation(head, quotation(item.quote) or w.UNKNOWN, language, where)


def change_blocks(report: Report, regulation: RegulationReport, endpoint: str) -> tuple[Block, ...]:
    """What moved since the previous run: how often, then who."""
    changes = regulation.changes
    if changes is None:
        return (Paragraph(plain("This is the first run with this regulation: there is nothing to compare with.")),)
    previous = report.previous_run
    since = f" since {w.moment(previous.finished_at)}" if previous else ""
    note = (Paragraph(words(changes.note), "note"),) if changes.note.strip() else ()
    groups = [group for group in changes.groups if group.count]
    if not groups:
        return (*note, Paragraph(plain(f"Nothing changed{since}.")))
    summary = " · ".join(f"{w.CHANGE_WORDS[group.kind]}: {w.integer(group.count)}" for group in groups)
    opening = Paragraph(plain(f"{summary}{since}."))
    named = [(group, item) for group in groups for item in group.models]
    if not named:
        return (*note, opening)
    return (*note, opening, _change_table(named, sum(group.count for group in groups), endpoint))


def _change_table(named: list[tuple[ChangeGroup, Change]], total: int, endpoint: str) -> Table:
    with_cause = any(item.cause.strip() for _, item in named)
    columns = ("Change", "Model", "Before", "Now", field("downloads").label, *(["Why"] if with_cause else []))
    rows = tuple(_change_row(group.kind, item, endpoint, with_cause=with_cause) for group, item in named)
    caption = "Changes, model by model"
    return Table(caption, columns, rows, frozenset({columns.index("Downloads")}), w.shown_of(len(named), total))


def _change_row(kind: ChangeKind, item: Change, endpoint: str, *, with_cause: bool) -> tuple[Line, ...]:
    cells = change_cells(kind, item, endpoint)
    return (*cells, words(item.cause)) if with_cause else cells


def change_cells(kind: ChangeKind, item: Change, endpoint: str) -> tuple[Line, ...]:
    """One change as cells: what, which model, before, now, downloads."""
    live = "" if kind is ChangeKind.NOT_DISTRIBUTED else endpoint  # no links to pages that are gone
    name, downloads = model(item.model, live), plain(w.integer(item.downloads))
    return (plain(w.CHANGE_WORDS[kind]), name, _value(item.before), _value(item.after), downloads)


def _value(value: str | int | None) -> Line:
    if value is None:
        return plain(w.UNKNOWN)
    if isinstance(value, int):
        return plain(w.integer(value))
    in_words = w.verdict(value)
    return plain(in_words) if in_words else code(value)


def _pages(row: ModelRow, endpoint: str) -> str:
    """Where the model's page would be; nowhere for models of another hub or ones that are gone."""
    return "" if row.source != "huggingface" or row.disabled or row.private else endpoint
