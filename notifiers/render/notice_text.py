"""A notice to a subscriber as Markdown, for a folder: the same table of changes as in a report."""

from notifiers.notice import Notice, NoticeChange
from notifiers.render import as_markdown as markdown
from notifiers.render import words as w
from notifiers.render.compose_models import change_cells
from notifiers.render.document import Bullets, Document, Line, Paragraph, Section, Table, code, plain, words


def as_markdown(notice: Notice) -> str:
    """The whole notice."""
    return markdown.write(compose(notice))


def compose(notice: Notice) -> Document:
    """What is said, in which order."""
    count = len(notice.changes)
    opening = plain(f"{count:,} change{'' if count == 1 else 's'} to models that ") + code(notice.subscription)
    opening += (
        plain(f" follows, since {w.moment(notice.since.finished_at)} (run ") + code(notice.since.id) + plain(").")
    )
    columns = ("Change", "Model", "Before", "Now", "Downloads", "By", "Why")
    rows = tuple(_row(change, notice.endpoint) for change in notice.changes)
    blocks = (
        Paragraph(opening),
        Table("Changes, model by model", columns, rows, frozenset({4})),
        Paragraph(plain("How well the rules are attested:")),
        Bullets(tuple(words(sentence) for sentence in notice.provenance) or (plain("not stated"),)),
    )
    return Document(
        title="Your models",
        subtitle=f"{w.moment(notice.finished_at)} · run {notice.run_id}",
        warnings=(),
        sections=(Section(plain("What changed"), "changes", 2, blocks),),
        footer=words(f"Made by hubscope {notice.tool_version}. Not legal advice."),
    )


def _row(told: NoticeChange, endpoint: str) -> tuple[Line, ...]:
    cells = change_cells(told.kind, told.change, endpoint if told.link_live else "")
    by = code(told.regulation) if told.regulation else plain(w.UNKNOWN)
    return (*cells, by, words(told.change.cause) or plain(w.UNKNOWN))
