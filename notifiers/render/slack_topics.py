"""What stands in the thread below a digest: changes, undecided, declarations, the most downloaded, problems."""

from notifiers.render import words as w
from notifiers.render.compose_models import change_cells
from notifiers.render.document import Kind, Line, Piece, code, codes, model, plain, words
from notifiers.render.safe import quotation
from notifiers.render.slack_pages import Topic
from notifiers.report import Change, ChangeKind, ExcludedModel, Problem, RegulationReport, Report, UndecidedGroup
from notifiers.rows import ModelRow

MOST_EXAMPLES = 3  # models named beside a reason for being undecided
MOST_QUOTE = 400  # characters
_TITLE_LENGTH = 60


def topics(report: Report) -> list[Topic]:
    """Everything for the thread, in reading order; topics without lines are left out."""
    several = len(report.regulations) > 1
    found: list[Topic] = []
    for regulation in report.regulations:
        title = short(regulation.title, _TITLE_LENGTH) or code(regulation.id)
        before = title + plain(": ") if several else ()
        found += [Topic(before + plain(heading), lines) for heading, lines in _of_regulation(report, regulation)]
    problems = tuple(map(_problem, report.problems)) + _note(len(report.problems), report.problems_total)
    found.append(Topic(plain("Problems"), problems))
    return [topic for topic in found if topic.lines]


def change_line(kind: ChangeKind, change: Change, endpoint: str, *, with_values: bool = True) -> Line:
    """One change on one line: what happened to which model, from what to what, downloads, why."""
    label, name, before, after, downloads = change_cells(kind, change, endpoint)
    line = label + plain(": ") + name
    if with_values and not (change.before is None and change.after is None):
        line += plain(" ") + before + plain(" → ") + after
    if change.downloads is not None:
        line += plain(", ") + downloads + plain(" download" if change.downloads == 1 else " downloads")
    if change.cause.strip():
        line += plain(" (") + words(change.cause) + plain(")")
    return line


def row_line(row: ModelRow, endpoint: str) -> Line:
    """One model on one line: name, parameters, downloads."""
    downloads = f"{w.integer(row.downloads)} download{'' if row.downloads == 1 else 's'}"
    counted = "" if row.basis == "no-weights" else " parameters"
    return model(row.model, page(row, endpoint)) + plain(f", {w.parameters(row)}{counted}, {downloads}")


def page(row: ModelRow, endpoint: str) -> str:
    """Where the model's page would be; nowhere for models of another hub or ones that are gone."""
    return "" if row.source != "huggingface" or row.disabled or row.private else endpoint


def short(text: str, limit: int) -> Line:
    """A sentence from outside, cut to so many characters."""
    shown = quotation(text, limit)
    return (Piece(Kind.WORDS, shown),) if shown else ()


def gone(regulation: RegulationReport) -> frozenset[str]:
    """Models whose pages are gone, so that nothing links to them."""
    groups = regulation.changes.groups if regulation.changes else ()
    return frozenset(
        change.model for group in groups if group.kind is ChangeKind.NOT_DISTRIBUTED for change in group.models
    )


def _of_regulation(report: Report, regulation: RegulationReport) -> list[tuple[str, tuple[Line, ...]]]:
    endpoint = report.run.endpoint
    excluded = tuple(_excluded(item, endpoint) for item in regulation.excluded)
    top = tuple(row_line(row, endpoint) for row in regulation.top_in_scope)
    return [
        ("What changed, model by model", _changes(regulation, endpoint)),
        ("Undecided, and what would settle it", tuple(_undecided(group, endpoint) for group in regulation.undecided)),
        ("Out of scope by declaration", excluded + _note(len(excluded), regulation.excluded_total)),
        ("Most downloaded in scope", top + _note(len(top), regulation.honouring.in_scope)),
        ("Assumptions", tuple(words(assumption) for assumption in regulation.assumptions if assumption.strip())),
    ]


def _changes(regulation: RegulationReport, endpoint: str) -> tuple[Line, ...]:
    groups = regulation.changes.groups if regulation.changes else ()
    without_page = gone(regulation)
    lines: list[Line] = []
    for group in groups:
        lines += [
            change_line(group.kind, change, "" if change.model in without_page else endpoint) for change in group.models
        ]
    return tuple(lines) + _note(len(lines), sum(group.count for group in groups))


def _undecided(group: UndecidedGroup, endpoint: str) -> Line:
    line = code(group.reason) + plain(f" ({w.models(group.count)})")
    if group.meaning.strip():
        line += plain(": ") + short(group.meaning, MOST_QUOTE)
    line += plain(" – next step: ") + (short(group.next_step, MOST_QUOTE) or plain("nothing more can be read"))
    for number, row in enumerate(group.models[:MOST_EXAMPLES]):
        line += plain(", " if number else " – for example ") + model(row.model, page(row, endpoint))
    return line


def _excluded(item: ExcludedModel, endpoint: str) -> Line:
    line = model(item.row.model, page(item.row, endpoint))
    if item.excluded:
        line += plain(" excludes ") + codes(item.excluded)
    if item.limited_to:
        line += plain(", limited to " if item.excluded else " is limited to ") + codes(item.limited_to)
    line += plain(": “") + (short(item.quote, MOST_QUOTE) or plain(w.UNKNOWN)) + plain("” (")
    line += code(item.kind) + plain(" in ") + code(item.file)
    if item.inherited_from:
        line += plain(", inherited from ") + model(item.inherited_from, page(item.row, endpoint))
    return line + plain(")")


def _problem(problem: Problem) -> Line:
    times = f", {problem.count:,} times" if problem.count > 1 else ""
    line = code(problem.subject) + plain(" – ") + code(problem.code) + plain(times)
    return line + plain(": ") + short(problem.message, MOST_QUOTE) if problem.message.strip() else line


def _note(shown: int, total: int) -> tuple[Line, ...]:
    """A line that says how much of a list is here; none where it is whole or there is none of it."""
    note = w.shown_of(shown, total)
    return (plain(f"{note}; the rest lies in the full report"),) if shown and note else ()
