"""Tables for people: the totals of a run, and the answers of `check`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from notifiers.render.safe import visible
from scanner.cli.evidence import DECLARED, counted, declared, named_places
from scanner.scope import VerdictStatus, describe_interval

if TYPE_CHECKING:
    from notifiers.report import Totals
    from scanner.assessment import Assessment
    from scanner.catalogue.counted import Counted
    from scanner.catalogue.queries import Reader
    from scanner.catalogue.tables import Run

PLAIN_WIDTH = 120  # where the output is no terminal
LOOKS_SHOWN = 8  # of a model of many shards
DECLARATIONS_SHOWN = 6  # of a model whose texts say the same again and again

STYLES = {
    VerdictStatus.IN_SCOPE: "bold red",
    VerdictStatus.OUT_OF_SCOPE: "green",
    VerdictStatus.UNDECIDED: "yellow",
}
WORDS = {
    VerdictStatus.IN_SCOPE: "in scope",
    VerdictStatus.OUT_OF_SCOPE: "out of scope",
    VerdictStatus.UNDECIDED: "undecided",
}


def summary(reader: Reader, run_id: int, regulations: Sequence[str]) -> str:
    """The totals of a run, one table a regulation."""
    from scanner.digest import totals

    run = reader.run(run_id)
    models = reader.counted(run)
    parts = []
    for name in regulations:
        groups = models.groups(name)
        honouring, ignoring = totals(groups, ignoring=False), totals(groups, ignoring=True)
        about = run.selection + (f" (what changed since run {run.base})" if run.base is not None else "")
        table = Table(title=f"{name}: run {run.id}, {about}", title_justify="left", title_style="bold")
        table.add_column("Verdict")
        table.add_column("Models", justify="right")
        table.add_column("Declarations ignored", justify="right")
        for status in VerdictStatus:
            row = (f"{getattr(honouring, status):,}", f"{getattr(ignoring, status):,}")
            table.add_row(Text(WORDS[status], style=STYLES[status]), *row)
            if status is VerdictStatus.OUT_OF_SCOPE:
                table.add_row(
                    "  of these not distributed", f"{honouring.not_distributed:,}", f"{ignoring.not_distributed:,}"
                )
                table.add_row("  of these without weights", f"{honouring.no_weights:,}", f"{ignoring.no_weights:,}")
        table.add_section()
        table.add_row("all", f"{honouring.models:,}", f"{ignoring.models:,}")
        parts.append(rendered(table))
    elsewhere = run.requests.get("elsewhere", 0)
    asked = sum(run.requests.values()) - elsewhere
    parts.append(
        f"{run.listed:,} models listed, {run.skipped:,} rows skipped, {run.deep_reads:,} models read further, "
        f"{asked:,} requests to the Hub and {elsewhere:,} to its file hosts\n"
    )
    parts += [f"{line}\n" for line in _texts(models, run, regulations)]
    return "".join(parts)


def _texts(models: Counted, run: Run, regulations: Sequence[str]) -> Iterator[str]:
    """What was read of cards and licence files, and what was not."""
    yield (
        f"Cards and licence files: read for {run.texts_read:,} {_models(run.texts_read)} where something suggests "
        f"a limit, and for {run.texts_ranked:,} others by downloads"
    )
    budgets = "one scan reads `texts_per_run` and `texts_by_rank`, the next goes on"
    why = "this scan read none (deep = never)" if run.deep == "never" else budgets
    for name in regulations:
        unread = models.unread_texts(name)
        if unread.untried:
            yield (
                f"  {name}: {unread.untried:,} more may be in scope, {unread.suggested:,} of them where something "
                f"suggests a limit; {why}"
            )
        if unread.partly:
            yield f"  {name}: {unread.partly:,} may be in scope of which not all could be read"


def difference_table(
    title: str, honouring: tuple[Totals | None, Totals], ignoring: tuple[Totals | None, Totals]
) -> str:
    """Totals before and after, declarations honoured and ignored; None where there was nothing before."""
    from notifiers.render.words import difference, integer

    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.add_column("Verdict")
    for name in ("Before", "After", "Difference", "Ignoring declarations, before", "After", "Difference"):
        table.add_column(name, justify="right")

    def cells(column: str) -> Iterator[str]:
        for before, after in (honouring, ignoring):
            was, now = None if before is None else getattr(before, column), getattr(after, column)
            yield from (integer(was), integer(now), difference(now, was))

    for status in VerdictStatus:
        table.add_row(Text(WORDS[status], style=STYLES[status]), *cells(str(status)))
        if status is VerdictStatus.OUT_OF_SCOPE:
            table.add_row("  of these not distributed", *cells("not_distributed"))
            table.add_row("  of these without weights", *cells("no_weights"))
    table.add_section()
    table.add_row("all", *cells("models"))
    return rendered(table)


def _models(number: int) -> str:
    return "model" if number == 1 else "models"


def answers(assessments: Sequence[Assessment]) -> str:
    """The answers of `check`: a table with a line for each target and regulation, and below it why."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Target", overflow="fold")
    table.add_column("Parameters", justify="right")
    table.add_column("Restrictions", overflow="fold")
    table.add_column("Regulation")
    table.add_column("Verdict")
    for assessment in assessments:
        cells = (Text(visible(assessment.name)), parameters(assessment), Text(limits(assessment)))
        if not assessment.verdicts:
            table.add_row(*cells, "-", "-" if assessment.readable else Text("unreadable", style="yellow"))
        for number, verdict in enumerate(assessment.verdicts):
            text = Text(WORDS[verdict.status], style=STYLES[verdict.status])
            table.add_row(*(cells if number == 0 else ("", "", "")), verdict.regulation, text)
    return rendered(table) + "".join(f"\n{line}" for a in assessments for line in _why(a)) + "\n"


def parameters(assessment: Assessment) -> str:
    """The count in one cell: an exact number as it is, anything else marked as what it is."""
    estimate = assessment.estimate
    if estimate is None:
        return "-"
    if estimate.low == estimate.high:
        known_by = "declared" if estimate.basis in DECLARED else "bound"
        return f"{estimate.low:,}" if estimate.exact else f"{estimate.low:,} ({known_by})"
    return describe_interval(estimate).replace(" to ", "\nto ")


def limits(assessment: Assessment) -> str:
    """The declared limits in one cell."""
    lines = [str(assessment.restrictions.status)]
    for item in assessment.restrictions.items:
        marks = (", by name" if item.by_name else "") + ("" if item.active else ", inactive")
        lines.append(f"{named_places(item)} ({item.kind}{marks})")
    return "\n".join(dict.fromkeys(lines))


def rendered(table: Table) -> str:
    """A table as text, in colour only on a terminal that wants it."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    buffer = io.StringIO()
    console = Console(
        file=buffer, force_terminal=colour, no_color=not colour, width=width, highlight=False, markup=False
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _why(assessment: Assessment) -> Iterator[str]:
    """What the answer rests on, and what would settle it."""
    yield visible(assessment.name)
    for verdict in assessment.verdicts:
        yield f"  {verdict.regulation}: {WORDS[verdict.status]}: {', '.join(verdict.reasons)}"
        deciding = [c.why for c in verdict.conditions if c.leg != "availability" or c.met is not True]
        yield from dict.fromkeys(f"    {visible(why)}" for why in deciding)
        if verdict.next_step:
            yield f"    next: {visible(verdict.next_step)}"
    errors = {error.message for error in assessment.errors}
    yield from (f"  {line}" for line in declared(assessment.restrictions, DECLARATIONS_SHOWN, errors))
    if assessment.readable:
        yield from (f"  {line}" for line in counted(assessment, LOOKS_SHOWN))
    told = (
        {(finding.code, finding.message) for finding in assessment.estimate.findings} if assessment.estimate else set()
    )
    for error in assessment.errors:
        if (error.code, error.message) not in told:
            yield f"  {error.code}: {visible(error.message)}"
    yield ""
