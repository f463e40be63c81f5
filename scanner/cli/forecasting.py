"""`hubscope scan --plan`: what a scan would cost, as a table for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from config.hub import load_hub_figures
from scanner.catalogue.inspection import inspected
from scanner.catalogue.store import Store, resume_limit
from scanner.cli.common import tool_version
from scanner.cli.summary import rendered
from scanner.cli.watching import duration
from scanner.forecast import API, RESOLVERS, Before, Forecast, forecast
from scanner.run import new_run, sweep_before
from scanner.sources.http import logged_in_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.regulation import Regulation
    from config.settings import Settings
    from scanner.deepread import Options
    from scanner.selection import Selection

RATE_OVER = timedelta(days=30)  # before a run, in which the changes are counted that show how often models change


def planned(settings: Settings, selection: Selection, options: Options, regulations: Sequence[Regulation]) -> str:
    """What a scan would cost; nothing is asked for, and no catalogue is made or changed."""
    figures = load_hub_figures()
    named = _named(settings)
    quota = figures.quotas.token if named else figures.quotas.anonymous
    before = _before(settings, selection, options, regulations, figures.requests.undecided, figures.size.models)
    found = forecast(selection, options, {API: quota.api, RESOLVERS: quota.resolvers}, figures, before)
    whose = "a free account's token" if named else "no token"
    return shown(found, selection.words(), f"{whose}; {quota.source}")


def _named(settings: Settings) -> bool:
    """Whether there is a token."""
    return settings.hf_token is not None or logged_in_token() is not None


def _before(
    settings: Settings,
    selection: Selection,
    options: Options,
    regulations: Sequence[Regulation],
    undecided: float,
    size: int,
) -> Before | None:
    """What the last run of the same selection left behind, where there is one."""
    moment, named = datetime.now(UTC), _named(settings)
    fresh = new_run(
        "huggingface", settings.hf_endpoint, selection, regulations, options, tool_version(), moment, named=named
    )
    with inspected(settings.database_url) as found:
        if found.engine is None:
            return None
        store = Store(found.engine)
        last = store.last_of_series(fresh)
        since = resume_limit(moment, options.resume_hours)
        begun = store.resumable(endpoint=fresh.endpoint, selection=fresh.selection, since=since)
        latest = last or begun
        if latest is None or not selection.sweep:
            return None  # the catalogue knows other models, too
        models, changed = store.changed_since(latest, RATE_OVER)
        left, unread = store.still_open(latest)
        if options.full or options.deep == "always":
            left = models
        if begun is not None and options.resume and begun.deep == options.deep:
            known = max(models, size) if last is None and not begun.listing_done else models
            listed = known if begun.listing_done else begun.listed
            return Before(known, None, left + round((known - listed) * undecided), unread, listed)
        base = sweep_before(store, fresh, options)
        grown = round(changed * (moment - latest.started_at) / RATE_OVER)
        return Before(models, None if base is None else grown, left + round(grown * undecided), unread)


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
