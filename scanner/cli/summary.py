"""Tables for people: the totals of a run, and the answers of `check`."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from notifiers.render.safe import visible
from scanner.scope import VerdictStatus, describe_interval

if TYPE_CHECKING:
    from scanner.assessment import Assessment
    from scanner.catalogue.queries import Reader

PLAIN_WIDTH = 120  # where the output is no terminal

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
    parts = []
    for name in regulations:
        groups = reader.groups(run, name)
        honouring, ignoring = totals(groups, ignoring=False), totals(groups, ignoring=True)
        table = Table(title=f"{name}: run {run.id}, {run.selection}", title_justify="left", title_style="bold")
        table.add_column("Verdict")
        table.add_column("Models", justify="right")
        table.add_column("Declarations ignored", justify="right")
        for status in VerdictStatus:
            row = (f"{getattr(honouring, status):,}", f"{getattr(ignoring, status):,}")
            table.add_row(Text(WORDS[status], style=STYLES[status]), *row)
            if status is VerdictStatus.OUT_OF_SCOPE:
                table.add_row("  of these not distributed", f"{honouring.not_distributed:,}", f"{ignoring.not_distributed:,}")
                table.add_row("  of these without weights", f"{honouring.no_weights:,}", f"{ignoring.no_weights:,}")
        table.add_section()
        table.add_row("all", f"{honouring.models:,}", f"{ignoring.models:,}")
        parts.append(rendered(table))
    asked = sum(count for bucket, count in run.requests.items() if bucket != "elsewhere")
    parts.append(
        f"{run.listed:,} models listed, {run.skipped:,} rows skipped, {run.deep_reads:,} models read further, "
        f"{asked:,} requests to the Hub\n"
    )
    return "".join(parts)


def answers(assessments: Sequence[Assessment]) -> str:
    """The answers of `check`: a line a target and regulation, the reason below."""
    table = Table(show_lines=True)
    table.add_column("Target", overflow="fold")
    table.add_column("Parameters", justify="right")
    table.add_column("Restrictions", overflow="fold")
    table.add_column("Verdict")
    table.add_column("Why", overflow="fold", ratio=1)
    for assessment in assessments:
        for number, (verdict, why) in enumerate(_verdicts(assessment)):
            first = number == 0
            table.add_row(
                Text(visible(assessment.name)) if first else "",
                parameters(assessment) if first else "",
                Text(restrictions(assessment)) if first else "",
                verdict,
                Text(why),
            )
    return rendered(table)


def parameters(assessment: Assessment) -> str:
    """The count in one cell."""
    if assessment.estimate is None:
        return "-"
    estimate = assessment.estimate
    text = describe_interval(estimate)
    if not estimate.exact and estimate.low == estimate.high:
        text += " (declared)" if estimate.basis.startswith("hub-") else ""
    return f"{text}\n{estimate.basis}"


def restrictions(assessment: Assessment) -> str:
    """The declared limits in one cell."""
    lines = [str(assessment.restrictions.status)]
    for item in assessment.restrictions.items:
        what = [f"not {', '.join(item.excluded)}"] if item.excluded else []
        what += [f"only {', '.join(item.limited_to)}"] if item.limited_to else []
        lines.append(f"{item.kind}: {' and '.join(what) or 'no territory named'}{'' if item.active else ' (inactive)'}")
    return "\n".join(lines)


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


def _verdicts(assessment: Assessment) -> list[tuple[Text, str]]:
    errors = [f"{error.code}: {error.message}" for error in assessment.errors]
    if not assessment.verdicts:
        return [(Text("-"), "\n".join(visible(error) for error in errors))]
    rows = []
    for verdict in assessment.verdicts:
        lines = [", ".join(verdict.reasons)]
        lines += [c.why for c in verdict.conditions if c.leg == "parameters"]
        lines += [f"next: {verdict.next_step}"] if verdict.next_step else []
        lines += errors
        text = Text(WORDS[verdict.status], style=STYLES[verdict.status])
        text.append(f"\n{verdict.regulation}", style="dim")
        rows.append((text, "\n".join(visible(line) for line in lines)))
    return rows
