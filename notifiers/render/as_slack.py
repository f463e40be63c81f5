"""A report for Slack: a head message that is read in ten seconds, and details for its thread. Pure.

Everything from outside goes through document.py's pieces and slack_blocks.py, which defuse it; the only links are to
models' pages on the hub that was listed, and to where the full report lies.
"""

from collections.abc import Iterator
from itertools import zip_longest

from notifiers.interface import Block, SlackDigest, SlackMessage
from notifiers.notice import Notice, NoticeChange
from notifiers.render import words as w
from notifiers.render.document import Line, code, plain, words
from notifiers.render.slack_blocks import (
    MOST_BLOCKS,
    MOST_JSON,
    MOST_SECTION,
    MOST_TEXT,
    context,
    header,
    length,
    mrkdwn,
    place,
    section,
    weight,
)
from notifiers.render.slack_pages import MOST_PAGES, Topic, new_page, pack
from notifiers.render.slack_topics import change_line, gone, row_line, short, topics
from notifiers.report import ChangeKind, RegulationReport, Report, RunState

TITLE = "Models in scope"
REPEAT = "This may be a repeat: hubscope could not tell whether it had arrived before."
MOST_NAMED = 5  # models in the head, all regulations together
SIZES = ((6, 300), (4, 200), (2, 100), (1, 50), (1, 20))
"""Regulations shown in the head, and characters of each string from outside: the first pair that fits is taken."""

NAMED_KINDS = (
    ChangeKind.ENTERED_SCOPE,
    ChangeKind.LEFT_SCOPE,
    ChangeKind.CROSSED_THRESHOLD,
    ChangeKind.DECLARATION_ADDED,
    ChangeKind.DECLARATION_REMOVED,
    ChangeKind.NOT_DISTRIBUTED,
)
"""Changes that the head names models of, most interesting first."""

_MOST_BLOCKS_EVER, _MOST_JSON_EVER, _MOST_TEXT_EVER = 50, 11_990, 4_000  # what Slack takes, for messages of any making
_PROVENANCE_LENGTH = 600  # units, under a notice


def digest(report: Report, *, where: str, title: str = "", csv_note: str = "") -> SlackDigest:
    """Head and details of one run.

    Args:
        report: what to tell.
        where: path or web address of the full report.
        title: what stands above; "Models in scope" where empty.
        csv_note: a sentence about the table beside it; or empty.
    """
    pages, left_off = pack(topics(report), new_page(), MOST_PAGES)
    pages = [page for page in pages if page.lines]
    details = []
    for number, page in enumerate(pages, start=1):
        rest = left_off if number == len(pages) else 0
        text = mrkdwn((short(title, 100) or plain(TITLE)) + plain(f", details {number} of {len(pages)}"), MOST_TEXT)
        details.append(SlackMessage(text, (*page.blocks(), *_rest(rest))))
    return SlackDigest(_head(report, where, title, csv_note), tuple(details))


def condensed(report: Report, *, where: str, title: str = "") -> SlackMessage:
    """One message for where there are no threads: the head, and as much of the details as fits."""
    head = _head(report, where, title, "")
    (page, *_), left_off = pack(topics(report), new_page(head.blocks), 1)
    return SlackMessage(head.text, (*head.blocks, *page.blocks(), *_rest(left_off)))


def notice(notice: Notice) -> SlackMessage:
    """What a subscriber is told: as many of the changes as fit, and how many more there are."""
    count = len(notice.changes)
    summary = plain(f"{count:,} change{'' if count == 1 else 's'} to models that ") + code(notice.subscription)
    summary += plain(f" follows, since {w.moment(notice.since.finished_at)}")
    provenance: Line = ()
    for sentence in notice.provenance:
        provenance += (plain(" · ") if provenance else ()) + words(sentence)
    small = plain("Run ") + code(notice.run_id) + plain(f", {w.moment(notice.finished_at)}. Not legal advice.")
    above = (header("Your models"), section(mrkdwn(summary)))
    below = (
        context(mrkdwn(plain("The rule: ") + (provenance or plain("provenance not stated")), _PROVENANCE_LENGTH)),
        context(mrkdwn(small)),
    )
    lines = tuple(_told(told, notice.endpoint) for told in notice.changes)
    (page, *_), left_off = pack([Topic(plain("What changed"), lines)], new_page((*above, *below)), 1)
    more = (section(f"and {left_off:,} more"),) if left_off else ()
    return SlackMessage(mrkdwn(summary, MOST_TEXT), (*above, *page.blocks(), *more, *below))


def line(text: str) -> SlackMessage:
    """One sentence, such as an alarm."""
    shown = mrkdwn(words(text) or plain(w.UNKNOWN), MOST_SECTION)
    return SlackMessage(mrkdwn(words(text) or plain(w.UNKNOWN), MOST_TEXT), (section(shown),))


def repeat_note(message: SlackMessage) -> SlackMessage:
    """The same message, which says that it may have arrived before."""
    blocks = [context(REPEAT), *message.blocks][:_MOST_BLOCKS_EVER]
    while weight(blocks) > _MOST_JSON_EVER and len(blocks) > 1:
        blocks.pop()
    text = f"{REPEAT} {message.text}"
    return SlackMessage(text if length(text) <= _MOST_TEXT_EVER else REPEAT, tuple(blocks))


def _head(report: Report, where: str, title: str, csv_note: str) -> SlackMessage:
    """The head at the first size that Slack takes."""
    for most, size in SIZES:
        blocks = _head_blocks(report, where, title, csv_note, most, size)
        if _fits(blocks):
            break
    return SlackMessage(_head_text(report, title), tuple(blocks))


def _fits(blocks: list[Block]) -> bool:
    sections = (block["text"]["text"] for block in blocks if block["type"] == "section")
    return (
        len(blocks) <= MOST_BLOCKS
        and weight(blocks) <= MOST_JSON
        and all(length(text) <= MOST_SECTION for text in sections)
    )


def _head_text(report: Report, title: str) -> str:
    """What a notification shows: the counts alone."""
    text: Line = plain("⚠ Incomplete. ") if report.run.state is not RunState.COMPLETE else ()
    text += short(title, 100) or plain(TITLE)
    for number, regulation in enumerate(report.regulations[: SIZES[0][0]]):
        totals = regulation.honouring
        text += plain("; " if number else ": ") + code(regulation.id)
        text += plain(f" {_counted(regulation, 'in_scope')} in scope, {w.integer(totals.undecided)} undecided")
    return mrkdwn(text, MOST_TEXT)


def _head_blocks(report: Report, where: str, title: str, csv_note: str, most: int, size: int) -> list[Block]:
    blocks: list[Block] = []
    warning = _warning(report, size)
    if warning:
        blocks.append(section(mrkdwn(warning)))
    blocks.append(header(title if title.strip() else TITLE))
    shown = report.regulations[:most]
    named = _named(report, shown)
    for position, regulation in enumerate(shown):
        blocks.append(section("\n".join(_told_of(report, regulation, named[position], size))))
    if not report.regulations:
        blocks.append(section("No regulation is set, so nothing was decided."))
    elif len(shown) < len(report.regulations):
        blocks.append(section(f"{len(report.regulations) - len(shown):,} more regulations stand in the full report."))
    lies = [f"*Full report:* {place(where, 'open', size * 4)}"] if where.strip() else []
    lies += [mrkdwn(short(csv_note, size))] if csv_note.strip() else []
    if lies:
        blocks.append(section("\n".join(lies)))
    rules = dict.fromkeys(short(regulation.provenance, size) for regulation in shown)
    blocks += [
        context(mrkdwn(plain("The rule: ") + (rule or plain("provenance not stated")) + plain("."))) for rule in rules
    ]
    run = report.run
    skipped = f" and {run.rows_skipped:,} unreadable" if run.rows_skipped else ""
    when = w.moment(run.finished_at or report.generated_at)
    listed = f"{run.state.value}, {w.models(run.models_listed)} listed{skipped}, {when}."
    covered = plain(" (") + code(run.selection, size) + plain("), ") if run.selection.strip() else plain(", ")
    said = all("legal advice" in regulation.provenance.lower() for regulation in shown)
    listed += "" if said and shown else " Not legal advice."
    blocks.append(context(mrkdwn(plain("Run ") + code(run.id, size) + covered + plain(listed))))
    return blocks


def _warning(report: Report, size: int) -> Line:
    run = report.run
    text: Line = ()
    if run.state is not RunState.COMPLETE:
        text = plain(f"⚠ {w.RUN_WARNINGS[run.state]}")
        if run.state_detail.strip():
            text += plain(" ") + short(run.state_detail, size)
    return text


def _told_of(report: Report, regulation: RegulationReport, named: list[Line], size: int) -> list[str]:
    """One regulation in the head: its counts, what changed, who."""
    title = short(regulation.title, size) or code(regulation.id, size) or plain("Regulation")
    totals = regulation.honouring
    return [
        f"*{mrkdwn(title)}*",
        f"*{_counted(regulation, 'in_scope')} in scope* "
        f"· {w.integer(regulation.ignoring.in_scope)} without declarations",
        f"{_counted(regulation, 'out_of_scope')} out of scope · {_counted(regulation, 'undecided')} undecided "
        f"· {w.models(totals.models)}",
        *(mrkdwn(sentence) for sentence in _changed(report, regulation, size)),
        *(f"• {mrkdwn(name, size * 2)}" for name in named),
    ]


def _counted(regulation: RegulationReport, verdict: str) -> str:
    """A count, and how it differs from the previous run's where there is one."""
    now: int = getattr(regulation.honouring, verdict)
    before = regulation.changes.honouring_before if regulation.changes else None
    return f"{now:,}" if before is None else f"{now:,} ({w.difference(now, getattr(before, verdict))})"


def _changed(report: Report, regulation: RegulationReport, size: int) -> Iterator[Line]:
    changes, previous = regulation.changes, report.previous_run
    if changes is None:
        yield plain("This is the first run with this regulation: there is nothing to compare with.")
        return
    since = w.moment(previous.finished_at) if previous else "the previous run"
    groups = [group for group in changes.groups if group.count]
    counts = " · ".join(f"{w.CHANGE_WORDS[group.kind]}: {w.integer(group.count)}" for group in groups)
    yield plain(f"Since {since}: {counts or 'nothing changed'}")
    if changes.note.strip():
        yield short(changes.note, size)


def _named(report: Report, shown: tuple[RegulationReport, ...]) -> list[list[Line]]:
    """Which models the head names under each regulation: in turns, the most interesting kinds first."""
    chosen: list[list[tuple[int, Line]]] = [[] for _ in shown]
    turns = zip_longest(*(_candidates(report, regulation) for regulation in shown))
    in_turns = [(position, found) for turn in turns for position, found in enumerate(turn) if found is not None]
    for position, found in in_turns[:MOST_NAMED]:
        chosen[position].append(found)
    return [[name for _, name in sorted(found, key=lambda pair: pair[0])] for found in chosen]


def _candidates(report: Report, regulation: RegulationReport) -> list[tuple[int, Line]]:
    """Models worth naming, each once: the first of every kind, then the second of every kind, and so on.

    Each comes with the rank of its kind, by which those that are chosen are shown.
    """
    endpoint = report.run.endpoint
    if regulation.changes is None:
        return [(0, row_line(row, endpoint)) for row in regulation.top_in_scope]
    without_page = gone(regulation)
    groups = {group.kind: group.models for group in regulation.changes.groups}
    kinds = [groups.get(kind, ()) for kind in NAMED_KINDS]
    found: dict[str, tuple[int, Line]] = {}
    for turn in zip_longest(*kinds):
        for rank, change in enumerate(turn):
            if change is not None and change.model not in found:
                page = "" if change.model in without_page else endpoint
                found[change.model] = (rank, change_line(NAMED_KINDS[rank], change, page, with_values=False))
    return list(found.values())


def _told(told: NoticeChange, endpoint: str) -> Line:
    text = change_line(told.kind, told.change, endpoint if told.link_live else "")
    return text + plain(", by ") + code(told.regulation) if told.regulation else text


def _rest(left_off: int) -> tuple[Block, ...]:
    """What was left off, if anything was."""
    if not left_off:
        return ()
    lines = "1 more line lies" if left_off == 1 else f"{left_off:,} more lines lie"
    return (section(f"{lines} in the full report."),)
