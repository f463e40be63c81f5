"""Checks of the Hub: its token, its address, the quota left. And of the clock, by the Hub's and by Slack's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scanner.doctor.interface import Finding, Gathered, fail, ok, warn
from scanner.doctor.settings import next_due
from scanner.errors import HubscopeError, IncompleteError, SourceError
from scanner.sources.http import API, RESOLVERS
from scanner.sources.probe import HubState, TokenState

if TYPE_CHECKING:
    from config.jobs import JobSettings
    from config.settings import Settings
    from scanner.doctor.gather import SlackState
    from scanner.doctor.interface import Surroundings

LITTLE_LEFT = 0.1  # of a window's requests
CLOCK_WARN_SECONDS = 30.0  # several times what two answers of a slow server may differ by
CLOCK_FAIL_SECONDS = 300.0  # above a lease's 180, and near the 900 by which lost messages are looked for further back
SLOW_SECONDS = 5.0  # for one row

SET_CLOCK = "let the system keep the time (timedatectl set-ntp true)"
ENDPOINT_FIRST = "mend what `endpoint` says first"


def token(around: Surroundings) -> Iterator[Finding]:
    """The Hub knows the token, and it may do no more than it has to."""
    hub, where, renew = _answers(around), around.token_source, _renew(around)
    if not where:
        yield warn("none is set, and the quota without one is shared by all at this address", renew)
    elif hub.offline:
        yield warn(f"the token ({where}) was not tried, since HF_HUB_OFFLINE is set", ENDPOINT_FIRST)
    elif hub.token is TokenState.REFUSED:
        yield fail(f"{hub.token_detail} ({where})", f"{renew}, or unset it to go on without one")
    elif hub.account is None:
        yield warn(f"whether the token ({where}) is valid could not be found out: {hub.token_detail}", ENDPOINT_FIRST)
    elif hub.account.may_write:
        found = f"the token of {hub.account.name} ({where}) may write, though reading is all that it is needed for"
        yield warn(found, renew)
    else:
        role = f", role {hub.account.role}" if hub.account.role else ""
        yield ok(f"the token of {hub.account.name} ({where}) is valid{role}")


def endpoint(around: Surroundings) -> Iterator[Finding]:
    """The address is that of a Hub that answers."""
    hub, address = _answers(around), around.settings.hf_endpoint
    if hub.offline:
        yield fail("HF_HUB_OFFLINE is set, so no Hub is asked", "unset HF_HUB_OFFLINE")
    elif isinstance(hub.listing, HubscopeError):
        yield _no_listing(around, hub.listing)
    elif hub.listing is None or not hub.listing.rows:
        yield warn(f"{address} answers like a Hub, but lists no model", "set HF_ENDPOINT to the Hub that is meant")
    elif hub.seconds > SLOW_SECONDS:
        found = f"{address} answers like a Hub, but took {hub.seconds:.1f} s for one row of its listing"
        yield warn(found, "look at the network and proxies between here and there; a scan will take long")
    else:
        secure = "over https" if address.startswith("https:") else "on this machine"
        yield ok(f"{address} answers like a Hub, {secure}, in {hub.seconds * 1000:.0f} ms")


def quota(around: Surroundings) -> Iterator[Finding]:
    """Requests are left in this window."""
    hub = _answers(around)
    told = [hub.quotas[bucket] for bucket in (API, RESOLVERS) if bucket in hub.quotas]
    if not told:
        if hub.answered:
            yield ok(f"this Hub names no quota{_needed(around)}")
        else:
            yield warn("the Hub gave no answer that tells of a quota", ENDPOINT_FIRST)
        return
    parts = [
        f"{one.remaining:,}{f' of {one.limit:,}' if one.limit else ''} {one.resource_type} requests are left"
        f" for {one.reset_in_seconds:,} s"
        for one in told
    ]
    found = ", ".join(parts) + _needed(around)
    if any(one.remaining < LITTLE_LEFT * (one.limit or 1) for one in told):
        wait = max(one.reset_in_seconds for one in told)
        more = "" if hub.token is TokenState.ACCEPTED else ", and set HF_TOKEN, with which more are allowed"
        yield warn(found, f"wait {wait:,} s until the Hub allows new ones; a scan waits by itself{more}")
        return
    yield ok(found)


def clock(around: Surroundings) -> Iterator[Finding]:
    """Leases, looking up what was sent, and cron rely on this machine's clock."""
    told: list[tuple[str, float]] = []
    for name, facts in (("the Hub's", around.hub), ("Slack's", around.slack)):
        ahead = _ahead(facts)
        if ahead is not None:
            told.append((name, ahead))
    if not told:
        yield warn("no answer named the time, so the clock could not be compared", ENDPOINT_FIRST)
        return
    found = "this machine's clock is " + " and ".join(f"{_by(ahead)} {name}" for name, ahead in told)
    worst = max(abs(ahead) for _, ahead in told)
    if worst > CLOCK_FAIL_SECONDS:
        yield fail(found, SET_CLOCK)
    elif worst > CLOCK_WARN_SECONDS:
        yield warn(found, SET_CLOCK)
    else:
        yield ok(found)


def _answers(around: Surroundings) -> HubState:
    """What the Hub told; that it told nothing in time is its answer too."""
    assert around.hub is not None  # noqa: S101 - these checks are carried out only where it was asked
    try:
        return around.hub.get()
    except IncompleteError as error:
        return HubState(token_detail=str(error), listing=error)


def _ahead(facts: Gathered[HubState] | Gathered[SlackState] | None) -> float | None:
    try:
        return None if facts is None else facts.get().ahead
    except HubscopeError:  # the other one may have answered
        return None


def _by(ahead: float) -> str:
    """How far a clock is ahead, in words that go before whose clock it is compared with."""
    seconds = round(abs(ahead))
    if seconds <= 1:
        return "equal to"
    return f"{seconds:,} s {'ahead of' if ahead > 0 else 'behind'}"


def _renew(around: Surroundings) -> str:
    return f"make a read token at {around.settings.hf_endpoint}/settings/tokens and set HF_TOKEN to it"


def _no_listing(around: Surroundings, error: HubscopeError) -> Finding:
    address = around.settings.hf_endpoint
    if isinstance(error, SourceError) and error.code == "rate-limited":
        return warn(f"{address} is there, but takes no more requests for now: {error}", "wait; a scan waits by itself")
    return fail(
        f"{address} does not answer like a Hub: {error}",
        "look at HF_ENDPOINT, the network, and the proxy (HTTPS_PROXY, NO_PROXY)",
    )


def _needed(around: Surroundings) -> str:
    """What the next job asks for at least, where that is known."""
    due = [(moment, job) for job in around.settings.jobs if (moment := next_due(job, around.settings, around.now()))]
    if not due:
        return ""
    job = min(due, key=lambda one: one[0])[1]
    pages = least_requests(job, around.settings)
    return "" if pages is None else f"; {job.name}, which is due next, needs at least {pages:,} of them"


def least_requests(job: JobSettings, settings: Settings) -> int | None:
    """Requests of a job's listing and names; None where the listing is as long as the Hub makes it."""
    named = len(settings.watch) if job.watch else 0
    sizes = [size for size in (job.top, job.limit) if size is not None]
    if not sizes:
        return named if named and not (job.all or job.author or job.search or job.filters) else None
    return named + math.ceil(min(sizes) / settings.scan.page_size)
