"""What a job of the settings scans, and how, in the words of a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from config.cron import parse
from scanner.deepread import Options
from scanner.schedule.clock import ClockTrigger
from scanner.selection import Selection

if TYPE_CHECKING:
    from config.jobs import JobSettings
    from config.settings import Settings

BUDGET_RESUME_HOURS = 24.0 * 400  # longer than between any two runs of a job that comes once a year


def times_of(job: JobSettings, settings: Settings) -> tuple[str, str, str]:
    """Name, meaning of the cron expression, time zone: what a job is known by; another one starts anew."""
    return job.name, parse(job.cron).meaning, job.timezone or settings.schedule.timezone


def trigger_of(job: JobSettings, settings: Settings) -> ClockTrigger:
    """When a job is due."""
    return ClockTrigger(parse(job.cron), ZoneInfo(times_of(job, settings)[-1]))


def options_of(job: JobSettings, settings: Settings) -> Options:
    """How a job scans. One with a budget goes on, however long ago it was due last, until all is read."""
    more: dict[str, Any] = {"deep": job.deep} if job.deep else {}
    if job.max_requests is not None:
        more["resume_hours"] = max(settings.scan.resume_hours, BUDGET_RESUME_HOURS)
    return Options.of(settings.scan, sweep=job.sweep, **more)


def follower_of(settings: Settings) -> Callable[[str], bool] | None:
    """Whether some subscription is about a model of that name; None where there are none."""
    models = {name.lower() for subscription in settings.subscriptions for name in subscription.models}
    owners = {owner.lower() for subscription in settings.subscriptions for owner in subscription.owners}
    if not models and not owners:
        return None
    return lambda name: name.lower() in models or name.lower().partition("/")[0] in owners


def selection_of(job: JobSettings, settings: Settings) -> Selection:
    """What a job scans, as the command line would say it."""
    return Selection(
        everything=job.all,
        top=job.top,
        names=settings.watch if job.watch else (),
        author=job.author,
        search=job.search,
        filters=job.filters,
        limit=job.limit,
        page_size=settings.scan.page_size,
    )
