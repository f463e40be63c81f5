"""Every check, in the order in which they are told, and how they are carried out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfoNotFoundError

from config.errors import ConfigError
from notifiers.errors import NotifierError
from scanner.catalogue.database import DATABASE_ERRORS
from scanner.doctor import database, folders, hub, packages, settings, slack
from scanner.doctor.interface import Check, Finding, State, fail
from scanner.errors import HubscopeError

if TYPE_CHECKING:
    from scanner.doctor.interface import Surroundings

FAMILIES: tuple[type[Exception], ...] = (
    HubscopeError,
    ConfigError,
    NotifierError,
    OSError,
    ZoneInfoNotFoundError,
    *DATABASE_ERRORS,
)
"""What a check may raise: a failure in one sentence. Anything else is a mistake of ours."""

LATER = "look at the network, and try again"
PLACE = "correct database_url, or put the right database in its place"

CHECKS: Sequence[Check] = (
    Check("settings", settings.loaded, "correct the settings"),
    Check("packages", packages.packages, packages.OWN_ENVIRONMENT),
    Check("time-zones", settings.time_zones, "install the package tzdata beside hubscope"),
    Check("jobs", settings.jobs, "correct the jobs in the settings"),
    Check("token", hub.token, LATER, asks=True),
    Check("endpoint", hub.endpoint, LATER, asks=True),
    Check("quota", hub.quota, LATER, asks=True),
    Check("clock", hub.clock, LATER, asks=True),
    Check("database", database.database, PLACE),
    Check("leases", database.at_work, PLACE),
    Check("schedule", database.schedule, PLACE),
    Check("deliveries", database.deliveries, PLACE),
    Check("subscriptions", database.subscriptions, PLACE),
    Check("folders", folders.folders, "name folders that can be written"),
    Check("disk", folders.disk, "look at the disk"),
    Check("slack", slack.ways, slack.SET_UP),
    Check("slack-webhook", slack.webhook, slack.SET_UP),
    Check("slack-token", slack.token, LATER, asks=True),
    Check("slack-scopes", slack.scopes, LATER, asks=True),
    Check("slack-channel", slack.channels, LATER, asks=True),
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a check of that name found; one check may find several things."""

    check: str
    finding: Finding

    @property
    def failed(self) -> bool:
        """Whether something does not work."""
        return self.finding.state is State.FAIL


def diagnose(around: Surroundings, checks: Iterable[Check] = CHECKS) -> Iterator[Diagnosis]:
    """Carry out the checks, each as it comes; those about the Hub or Slack only where it was asked."""
    for check in checks:
        if check.asks and around.hub is None:
            continue
        for finding in _findings(check, around):
            yield Diagnosis(check.name, finding)


def _findings(check: Check, around: Surroundings) -> Iterator[Finding]:
    try:
        yield from check.run(around)
    except FAMILIES as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        found, _, advice = first.partition("; ")  # our sentences say what to do behind a semicolon
        yield fail(found, advice or check.fix)
