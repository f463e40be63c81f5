"""A Report as a Document: what is said, in which order, with which columns. Layout is the renderers' business."""

from notifiers.render import words as w
from notifiers.render.compose_models import change_blocks, excluded, model_table, undecided_table
from notifiers.render.compose_run import run_sections
from notifiers.render.document import (
    Block,
    Bullets,
    Document,
    Facts,
    Headline,
    Line,
    Paragraph,
    Section,
    Table,
    VerdictLine,
    plain,
    words,
)
from notifiers.render.document import code as code_line
from notifiers.report import Clock, RegulationReport, Report, RunState, Source, Totals
from notifiers.rows import Verdict

MAX_WHY = 2  # reasons named beside a verdict in the headline; the whole table stands further down


def compose(report: Report) -> Document:
    """The whole report in reading order: headline, change, evidence, assumptions, then how it was made."""
    sections: list[Section] = []
    for position, regulation in enumerate(report.regulations, start=1):
        sections += _regulation_sections(report, regulation, f"r{position}")
    if not report.regulations:
        note = Paragraph(plain("No regulation is set, so nothing was decided."), "warning")
        sections.append(Section(plain("Verdicts"), "r0", 2, (note,)))
    sections += run_sections(report)
    return Document(
        title="Models in scope",
        subtitle=f"{w.moment(report.generated_at)} · {w.models(report.run.models_listed)} listed",
        warnings=_warnings(report),
        sections=tuple(sections),
        footer=words(f"Made by hubscope {report.tool_version} at {w.moment(report.generated_at)}. Not legal advice."),
    )


def _warnings(report: Report) -> tuple[Line, ...]:
    run = report.run
    lines: list[Line] = []
    if run.state is not RunState.COMPLETE:
        lines.append(plain(w.RUN_WARNINGS[run.state]) + plain(" ") * bool(run.state_detail) + words(run.state_detail))
    if run.rows_skipped:
        skipped = "1 row was" if run.rows_skipped == 1 else f"{run.rows_skipped:,} rows were"
        lines.append(plain(f"{skipped} unreadable and left out of every total; see Problems."))
    return tuple(lines)


def _regulation_sections(report: Report, regulation: RegulationReport, anchor: str) -> list[Section]:
    """Headline first, then what changed, then the lists a person acts on, then the ground it stands on."""
    endpoint = report.run.endpoint
    parts: list[tuple[str, str, tuple[Block, ...]]] = [
        ("changes", "What changed", change_blocks(report, regulation, endpoint)),
        ("undecided", "Undecided, and what would settle it", undecided_table(regulation, endpoint)),
        ("top", "Most downloaded in scope", _top(regulation, endpoint)),
        ("excluded", "Out of scope by declaration", excluded(regulation, endpoint)),
        ("nearest", "Nearest to the threshold", _nearest(regulation, endpoint)),
        ("reasons", "Reasons", _reasons(regulation)),
        ("ground", "Assumptions and sources", _ground(regulation)),
    ]
    first = Section(words(regulation.title), anchor, 2, _opening(report, regulation))
    return [first] + [Section(plain(title), f"{anchor}-{name}", 3, blocks) for name, title, blocks in parts if blocks]


def _opening(report: Report, regulation: RegulationReport) -> tuple[Block, ...]:
    than = "at least" if regulation.comparison == "at-least" else "more than"
    rule = (
        plain(f"Touches models with {than} {w.integer(regulation.threshold)} parameters that are available in ")
        + (words(regulation.territory_name) or plain("its territory"))
        + plain(" (")
        + code_line(regulation.territory)
        + plain(").")
    )
    provenance = plain("The rule: ") + (words(regulation.provenance) or plain("provenance not stated")) + plain(".")
    return (
        Paragraph(rule),
        _headline(report, regulation),
        Paragraph(provenance, "note"),
        Facts(_asides(regulation)),
    )


def _headline(report: Report, regulation: RegulationReport) -> Headline:
    changes = regulation.changes
    before = changes.honouring_before if changes else None
    previous = report.previous_run
    return Headline(
        models=regulation.honouring.models,
        lines=tuple(_verdict_line(regulation, verdict, before) for verdict in Verdict),
        compared_with=w.moment(previous.finished_at) if previous and before else "",
    )


def _verdict_line(regulation: RegulationReport, verdict: Verdict, before: Totals | None) -> VerdictLine:
    honouring, ignoring, downloads = regulation.honouring, regulation.ignoring, regulation.downloads
    count = getattr(honouring, verdict.value)
    reasons = sorted((r for r in regulation.reasons if r.status is verdict), key=lambda r: (-r.count, r.code))
    parts: list[tuple[str, int, int]] = []
    if verdict is Verdict.OUT_OF_SCOPE:
        parts = [
            ("deleted, disabled or private", honouring.not_distributed, ignoring.not_distributed),
            ("without weights", honouring.no_weights, ignoring.no_weights),
        ]
    return VerdictLine(
        verdict=verdict,
        label=w.VERDICT_WORDS[verdict],
        count=count,
        ignoring=getattr(ignoring, verdict.value),
        share=w.percent(count, honouring.models),
        downloads_share=w.percent(
            getattr(downloads, verdict.value), downloads.in_scope + downloads.out_of_scope + downloads.undecided
        ),
        difference=w.difference(count, getattr(before, verdict.value) if before else None),
        why=tuple((code_line(reason.code), reason.count) for reason in reasons[:MAX_WHY]),
        parts=tuple(parts),
    )


def _asides(regulation: RegulationReport) -> tuple[tuple[str, Line], ...]:
    honouring, ignoring = regulation.honouring, regulation.ignoring
    gated, adapters = regulation.gated, regulation.adapters
    would_enter = ignoring.in_scope - honouring.in_scope
    return (
        (
            "Declarations",
            plain(
                f"{w.integer(honouring.in_scope)} in scope with declarations honoured, {w.integer(ignoring.in_scope)} "
                f"without: {w.models(would_enter)} outside only because of what {'it' if would_enter == 1 else 'they'} "
                f"declare{'s' if would_enter == 1 else ''}"
            ),
        ),
        (
            "Gated",
            plain(
                f"{w.models(gated.auto + gated.manual)} ({w.integer(gated.auto)} automatic, "
                f"{w.integer(gated.manual)} by hand), {w.integer(gated.in_scope)} in scope"
            ),
        ),
        (
            "Adapters",
            plain(
                f"{w.models(adapters.models)}, counted without their base; {w.integer(adapters.would_flip)} would "
                f"change with it, {w.integer(adapters.base_unknown)} with an unknown base"
            ),
        ),
    )


def _top(regulation: RegulationReport, endpoint: str) -> tuple[Block, ...]:
    if not regulation.top_in_scope:
        return ()
    note = w.shown_of(len(regulation.top_in_scope), regulation.honouring.in_scope)
    return (model_table("In scope, by downloads", regulation, regulation.top_in_scope, endpoint, note),)


def _nearest(regulation: RegulationReport, endpoint: str) -> tuple[Block, ...]:
    if not regulation.nearest:
        return ()
    caption = f"Counts closest to {w.integer(regulation.threshold)}, on either side"
    return (model_table(caption, regulation, regulation.nearest, endpoint, "", with_verdict=True),)


def _reasons(regulation: RegulationReport) -> tuple[Block, ...]:
    if not regulation.reasons:
        return ()
    rows = tuple(
        (
            plain(w.VERDICT_WORDS[reason.status]),
            code_line(reason.code),
            plain(w.integer(reason.count)),
            words(reason.meaning),
        )
        for reason in regulation.reasons
    )
    columns = ("Verdict", "Reason", "Models", "Meaning")
    return (Table("Reason codes; a model may carry several", columns, rows, frozenset({2})),)


def _ground(regulation: RegulationReport) -> tuple[Block, ...]:
    assumed = regulation.assumptions or ("None stated.",)
    blocks: list[Block] = [Bullets(tuple(words(assumption) for assumption in assumed))]
    if regulation.clocks:
        rows = tuple(_clock_row(clock) for clock in regulation.clocks)
        blocks.append(Table("Clocks", ("Duty", "When", "Date"), rows))
    if regulation.open_questions:
        blocks += [Paragraph(plain("Left open by the sources:"))]
        blocks += [Bullets(tuple(words(question) for question in regulation.open_questions))]
    sources = tuple(_source(source) for source in regulation.sources) or (plain("None stated."),)
    return (*blocks, Paragraph(plain("Where the rule is reported:")), Bullets(sources))


def _clock_row(clock: Clock) -> tuple[Line, ...]:
    return (words(clock.label), words(clock.when), plain(w.day(clock.due)))


def _source(source: Source) -> Line:
    line = words(source.text, source.url) or plain(w.UNKNOWN)
    if source.date.strip():
        line += plain(" (") + words(source.date) + plain(")")
    return line + plain(": ") + words(source.note) if source.note.strip() else line
