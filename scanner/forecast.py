"""What a scan will cost in requests and time, before a byte is asked for. Pure.

The figures are the catalogue's own where an earlier run of the same selection left some, and else those of
`config/hub.toml`, each with its source. Listing and looking run beside each other, each on its own quota.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from config.hub import WINDOW_SECONDS
from scanner.selection import SEED_EVERY, SEED_PAGES

if TYPE_CHECKING:
    from config.hub import HubFigures
    from scanner.deepread import Options
    from scanner.selection import Selection

API, RESOLVERS = "api", "resolvers"


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier run of the same selection left behind.

    Attributes:
        models: how many it covers.
        changed: how many of them are to be expected as changed; None where all are listed again.
        open_counts: models whose files would be looked at, None where that is not known.
        unread: models that may be in scope and whose texts nobody has read, None where that is not known.
        listed: of the models, those that an unfinished run has listed already, with which the scan goes on.
    """

    models: int
    changed: int | None = None
    open_counts: int | None = None
    unread: int | None = None
    listed: int = 0


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of a scan.

    Attributes:
        name: what is done.
        models: how many it is about.
        requests: by bucket of the quota.
        seconds: at least, by the quota alone.
        why: what the figures rest on.
    """

    name: str
    models: int
    requests: Mapping[str, int]
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """The cost of a scan.

    Attributes:
        phases: its parts.
        seconds: all of it, by the quota alone: the busier bucket decides.
        quotas: requests in a window of 300 seconds that were reckoned with.
    """

    phases: Sequence[Phase]
    seconds: float
    quotas: Mapping[str, int]

    @property
    def requests(self) -> Mapping[str, int]:
        """All requests, by bucket."""
        return {b: sum(phase.requests.get(b, 0) for phase in self.phases) for b in (API, RESOLVERS)}


def forecast(
    selection: Selection, options: Options, quotas: Mapping[str, int], figures: HubFigures, before: Before | None
) -> Forecast:
    """Reckon what a scan will cost.

    Args:
        selection: what is to be scanned.
        options: how thoroughly.
        quotas: requests a window that may be made, by bucket.
        figures: what is known of the Hub.
        before: what an earlier run of the same selection left.
    """
    phases = tuple(_phases(selection, options, quotas, figures, before))
    total = {b: sum(phase.requests.get(b, 0) for phase in phases) for b in (API, RESOLVERS)}
    return Forecast(phases, _seconds(total, quotas), dict(quotas))


def _phases(
    selection: Selection, options: Options, quotas: Mapping[str, int], figures: HubFigures, before: Before | None
) -> Iterator[Phase]:
    costs = figures.requests
    listed, why = _listed(selection, figures, before)

    def phase(name: str, models: int, requests: Mapping[str, int], why: str) -> Phase:
        return Phase(name, models, requests, _seconds(requests, quotas), why)

    pages = ceil((listed - len(selection.names)) / min(selection.page_size, costs.models_per_page))
    seeds = min(SEED_PAGES, pages // SEED_EVERY) if selection.sweep else 0
    if before is not None and before.changed is not None:
        pages, seeds = pages + 1, SEED_PAGES  # the last page lies behind what changed
    yield phase("list", listed, {API: pages + seeds + len(selection.names)}, why)
    if options.deep == "never":
        return
    known = before is not None and before.open_counts is not None
    open_counts = before.open_counts if before is not None and before.open_counts is not None else 0
    if not known:
        open_counts = ceil(listed * (1.0 if options.deep == "always" else costs.undecided))
    counted = "left open by the run before" if known else f"{costs.undecided:.0%} of them ({costs.source})"
    yield phase("count", open_counts, {RESOLVERS: ceil(open_counts * costs.units_per_count)}, counted)
    unread = before.unread if before is not None and before.unread is not None else listed
    texts = min(ceil(unread * costs.suggested), options.texts_per_run)
    ranked = min(max(unread - texts, 0), options.texts_by_rank)
    # A model's own page names its texts and their digests; the rest are files.
    requests = {API: texts + ranked, RESOLVERS: ceil((texts + ranked) * max(costs.units_per_text - 1, 0))}
    yield phase("read texts", texts + ranked, requests, "texts_per_run and texts_by_rank of the settings at most")


def _listed(selection: Selection, figures: HubFigures, before: Before | None) -> tuple[int, str]:
    """How many models will be listed or asked for, and why so many are expected."""
    if selection.cap is not None:
        return selection.cap, "as asked for"
    if not selection.lists:
        return len(selection.names), "as named"
    if before is not None and before.changed is not None:
        return before.changed + len(selection.names), "changed since the last sweep, at the rate of the run before"
    if before is not None:
        rest = max(before.models - before.listed, 0)
        return rest, "left of an unfinished scan, which goes on" if before.listed else "as many as are known"
    if selection.sweep:
        return figures.size.models + len(selection.names), f"{figures.size.source}; {figures.size.date.isoformat()}"
    return figures.requests.models_per_page, "one page: how many there are, only the listing tells"


def _seconds(requests: Mapping[str, int], quotas: Mapping[str, int]) -> float:
    """How long requests take at least, each bucket on its own: what one window holds takes no wait."""
    needed = [max(number / quotas[bucket] - 1, 0) * WINDOW_SECONDS for bucket, number in requests.items() if number]
    return max(needed, default=0.0)
