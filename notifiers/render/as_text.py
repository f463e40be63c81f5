"""A report for a terminal: plain text, at most 100 columns, no colours and no control characters."""

from collections.abc import Sequence

from rich.cells import cell_len

from notifiers.render import words as w
from notifiers.render.compose import compose
from notifiers.render.document import (
    Block,
    Bullets,
    Document,
    Facts,
    Headline,
    Line,
    Paragraph,
    Quotations,
    Section,
    Table,
    plain,
)
from notifiers.render.text_layout import grid, hanging, wrap
from notifiers.report import Report

WIDTH = 98
BAR_WIDTH = 40


def render(report: Report) -> str:
    """The report as plain text."""
    return write(compose(report))


def write(document: Document) -> str:
    """A document as plain text, lines free of trailing space."""
    lines = [document.title.upper(), document.subtitle]
    for warning in document.warnings:
        lines += ["", *hanging(f"! {_text(warning)}", WIDTH, 2)]
    for section in document.sections:
        lines += _section(section)
    lines += ["", "─" * WIDTH, _text(document.footer)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _section(section: Section) -> list[str]:
    title = _text(section.title)
    underline = "═" if section.level == 2 else "─"
    lines = ["", *wrap(title, WIDTH), underline * min(WIDTH, cell_len(title))]
    for index, block in enumerate(section.blocks):
        lines += [*([""] if index else []), *_block(block)]
    return lines


def _block(block: Block) -> list[str]:
    match block:
        case Paragraph(line, tone):
            return wrap(_text(line), WIDTH) if tone == "plain" else hanging(f"! {_text(line)}", WIDTH, 2)
        case Bullets(items):
            return [wrapped for item in items for wrapped in hanging(f"- {_text(item)}", WIDTH, 2)]
        case Facts(items):
            return _facts(items)
        case Table():
            note = f" ({block.note})" if block.note else ""
            cells = [[_text(cell) for cell in row] for row in block.rows]
            return [f"{block.caption}{note}", *grid(block.columns, cells, block.numeric, WIDTH)]
        case Quotations():
            return _quotations(block)
        case Headline():
            return _headline(block)


def _headline(headline: Headline) -> list[str]:
    """The verdicts as bars, then both totals, then what chiefly led to each verdict."""
    widest = max(len(w.integer(line.count)) for line in headline.lines)
    lines = []
    for line in headline.lines:
        filled = round(BAR_WIDTH * line.count / headline.models) if headline.models else 0
        bar = "█" * max(filled, 1 if line.count else 0)
        count = w.integer(line.count).rjust(widest)
        lines.append(f"{line.label:<13} {count}  {line.share:>6}  {bar.ljust(BAR_WIDTH, '·')}")
    columns = ["", "Models", "Of downloads", "Declarations ignored"]
    columns += [f"Since {headline.compared_with}"] if headline.compared_with else []
    rows: list[list[str]] = []
    for line in headline.lines:
        row = [line.label, w.integer(line.count), line.downloads_share, w.integer(line.ignoring)]
        rows.append([*row, *([line.difference] if headline.compared_with else [])])
        for label, honouring, ignoring in line.parts:
            part = [f"  {label}", w.integer(honouring), "", w.integer(ignoring)]
            rows.append([*part, *[""] * (len(columns) - len(part))])
    why = [
        (f"{line.label}, chiefly", plain(", ".join(f"{_text(code)} {w.integer(count)}" for code, count in line.why)))
        for line in headline.lines
        if line.why
    ]
    return [*lines, "", *grid(columns, rows, range(1, len(columns)), WIDTH), *(["", *_facts(why)] if why else [])]


def _facts(items: Sequence[tuple[str, Line]]) -> list[str]:
    width = max(len(label) for label, _ in items)
    return [
        wrapped
        for label, line in items
        for wrapped in hanging(f"{label.ljust(width)}  {_text(line)}", WIDTH, width + 2)
    ]


def _quotations(quotations: Quotations) -> list[str]:
    lines: list[str] = []
    for item in quotations.items:
        lines += [*hanging(f"- {_text(item.head)}", WIDTH, 2), *hanging(f"  “{item.text}”", WIDTH, 3)]
        lines += hanging(f"  {_text(item.where)}", WIDTH, 2)
    return [*lines, f"({quotations.note})"] if quotations.note else lines


def _text(line: Line) -> str:
    return "".join(
        f"{piece.text} <{piece.url}>" if piece.url and piece.kind == "words" else piece.text
        for piece in line or plain(w.UNKNOWN)
    )
