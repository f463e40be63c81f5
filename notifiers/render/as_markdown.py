"""A report as GitHub Flavored Markdown that also reads well as plain text."""

from collections.abc import Iterable, Sequence

from notifiers.render import words as w
from notifiers.render.compose import compose
from notifiers.render.document import (
    Block,
    Bullets,
    Document,
    Facts,
    Headline,
    Kind,
    Line,
    Paragraph,
    Piece,
    Quotations,
    Section,
    Table,
    plain,
)
from notifiers.render.markdown_escape import code_span, prose
from notifiers.report import Report


def render(report: Report) -> str:
    """The report as Markdown."""
    return write(compose(report))


def write(document: Document) -> str:
    """A document as Markdown."""
    lines = [f"# {document.title}", "", document.subtitle]
    for warning in document.warnings:
        lines += ["", f"> **Note:** {_line(warning)}"]
    for section in document.sections:
        lines += _section(section)
    return "\n".join([*lines, "", "---", "", _line(document.footer), ""])


def _section(section: Section) -> list[str]:
    lines = ["", f"{'#' * section.level} {_line(section.title)}"]
    for block in section.blocks:
        lines += ["", *_block(block)]
    return lines


def _block(block: Block) -> list[str]:
    match block:
        case Paragraph(line, tone):
            return [_line(line) if tone == "plain" else f"> {_line(line)}"]
        case Bullets(items):
            return [f"- {_line(item)}" for item in items]
        case Facts(items):
            return [f"- **{label}:** {_line(line)}" for label, line in items]
        case Table():
            return _captioned(block)
        case Quotations():
            return _quotations(block)
        case Headline():
            return _headline(block)


def _headline(headline: Headline) -> list[str]:
    counts = " · ".join(f"**{w.integer(line.count)} {line.label.lower()}**" for line in headline.lines)
    opening = f"{counts} of {w.models(headline.models)}"
    rows: list[tuple[str, ...]] = []
    for line in headline.lines:
        why = ", ".join(f"{_line(code)} {w.integer(count)}" for code, count in line.why)
        rows.append(
            (
                f"**{line.label}**",
                f"**{w.integer(line.count)}**",
                line.share,
                line.downloads_share,
                w.integer(line.ignoring),
                *([line.difference] if headline.compared_with else []),
                why or w.UNKNOWN,
            )
        )
        rows += [
            (
                f"… {label}",
                w.integer(honouring),
                w.percent(honouring, headline.models),
                "",
                w.integer(ignoring),
                *([""] if headline.compared_with else []),
                "",
            )
            for label, honouring, ignoring in line.parts
        ]
    since = [f"Since {headline.compared_with}"] if headline.compared_with else []
    columns = ["Verdict", "Models", "Share", "Of downloads", "Declarations ignored", *since, "Chiefly because"]
    return [opening, "", *_table(columns, rows, range(1, len(columns) - 1))]


def _captioned(table: Table) -> list[str]:
    note = f" ({table.note})" if table.note else ""
    cells = [[_line(cell) for cell in row] for row in table.rows]
    return [f"**{table.caption}**{note}", "", *_table(table.columns, cells, table.numeric)]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int]) -> list[str]:
    right = set(numeric)
    rule = ["---:" if index in right else "---" for index in range(len(columns))]
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]


def _quotations(quotations: Quotations) -> list[str]:
    lines: list[str] = []
    for item in quotations.items:
        lines += [f"- {_line(item.head)}", f"  - {code_span(item.text, table=False)}", f"  - {_line(item.where)}"]
    return [*lines, "", f"{quotations.note[:1].upper()}{quotations.note[1:]}."] if quotations.note else lines


def _line(line: Line) -> str:
    return "".join(_piece(piece) for piece in line or plain(w.UNKNOWN))


def _piece(piece: Piece) -> str:
    if piece.kind is Kind.PLAIN:
        return piece.text
    if piece.kind is Kind.CODE:
        return code_span(piece.text, table=True)
    return f"[{prose(piece.text)}](<{piece.url}>)" if piece.url else prose(piece.text)
