"""The part of a report that says how it was made: the run, its cost, findings and problems."""

from notifiers.render import words as w
from notifiers.render.document import Block, Facts, Line, Paragraph, Section, Table, code, model, plain, words
from notifiers.report import Report


def run_sections(report: Report) -> list[Section]:
    """How the run went; findings and problems only where there are some."""
    sections = [Section(plain("The run"), "run", 2, (Facts(_run_facts(report)),))]
    if report.findings:
        sections.append(Section(plain("Findings"), "findings", 3, _findings(report)))
    if report.problems:
        sections.append(Section(plain("Problems"), "problems", 3, _problems(report)))
    return sections


def _run_facts(report: Report) -> tuple[tuple[str, Line], ...]:
    run, previous = report.run, report.previous_run
    requests = sum(run.requests.values())
    buckets = ", ".join(f"{w.integer(count)} {bucket}" for bucket, count in sorted(run.requests.items()))
    before = f"{w.moment(previous.finished_at)}, run " if previous else "none"
    return (
        ("Run", code(run.id) + plain(f", {run.state.value}")),
        ("Hub", code(run.source) + plain(" at ") + code(run.endpoint)),
        ("Selection", code(run.selection) or plain(w.UNKNOWN)),
        ("Started", plain(f"{w.moment(run.started_at)}, took {w.duration(run.started_at, run.finished_at)}")),
        ("Previous run", plain(before) + (code(previous.id) if previous else ())),
        ("Models", plain(f"{w.integer(run.models_listed)} listed, {w.integer(run.rows_skipped)} rows unreadable")),
        (
            "Weight files",
            plain(f"read of {w.models(run.headers_read)} ({w.size(run.bytes_read)}), policy ") + code(run.deep),
        ),
        ("Requests", plain(w.integer(requests)) + (plain(" (") + words(buckets) + plain(")") if buckets else ())),
        (
            "Footprint",
            plain(f"{w.integer(run.counted_as_downloads)} reads that the hub counts as downloads"),
        ),
    )


def _findings(report: Report) -> tuple[Block, ...]:
    rows = tuple(
        (model(item.model, report.run.endpoint), code(item.code), words(item.message)) for item in report.findings
    )
    note = w.shown_of(len(rows), report.findings_total)
    intro = Paragraph(plain("Worth knowing, and no errors: the verdicts above took them into account."))
    return (intro, Table("What was found, by model", ("Model", "Finding", "What was found"), rows, frozenset(), note))


def _problems(report: Report) -> tuple[Block, ...]:
    rows = tuple(
        (code(item.subject), code(item.code), plain(w.integer(item.count)), words(item.message))
        for item in report.problems
    )
    note = w.shown_of(len(rows), report.problems_total)
    columns = ("Subject", "Problem", "Times", "What happened")
    return (Table("What could not be read or done", columns, rows, frozenset({2}), note),)
