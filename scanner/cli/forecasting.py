"""`hubscope scan --plan`: what a scan would cost, as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from scanner.cli.summary import rendered
from scanner.cli.watching import duration
from scanner.forecast import API, RESOLVERS

if TYPE_CHECKING:
    from scanner.forecast import Forecast


def shown(forecast: Forecast, selection: str, quota_of: str) -> str:
    """A forecast as text.

    Args:
        forecast: what it will cost.
        selection: the selection in words.
        quota_of: whose quota was reckoned with.
    """
    table = Table(title=Text(f"{selection}: what it would cost"), title_justify="left", title_style="bold")
    table.add_column("Phase")
    for name in ("Models", "API requests", "File requests", "Time by quota"):
        table.add_column(name, justify="right")
    for phase in forecast.phases:
        cells = (f"{phase.requests.get(bucket, 0):,}" for bucket in (API, RESOLVERS))
        table.add_row(phase.name, f"{phase.models:,}", *cells, duration(phase.seconds))
    table.add_section()
    total = forecast.requests
    table.add_row("all", "", f"{total[API]:,}", f"{total[RESOLVERS]:,}", duration(forecast.seconds))
    quotas = " and ".join(f"{number:,} {bucket}" for bucket, number in forecast.quotas.items())
    notes = [f"  {phase.name}: {phase.models:,} models: {phase.why}" for phase in forecast.phases]
    return (
        rendered(table)
        + "\n".join(notes)
        + f"\nQuota: {quotas} requests in 300 s ({quota_of}). Both buckets are used at once, so the busier one\n"
        "decides; answers that take their time come on top. Nothing was asked for.\n"
    )
