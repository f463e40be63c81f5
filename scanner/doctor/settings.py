"""Checks of the settings: where they come from, when jobs are due, whether their time zones can be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from config.cron import parse
from config.environment import CONFIG_VARIABLE
from config.regulation import load_regulation
from config.settings import DEFAULT_FILE
from scanner.doctor.interface import Finding, ok
from scanner.schedule.clock import ClockTrigger

if TYPE_CHECKING:
    from datetime import datetime

    from config.jobs import JobSettings
    from config.settings import Settings
    from scanner.doctor.interface import Surroundings


def source(config: Path | None, environ: Mapping[str, str]) -> str:
    """Where `config.settings.load` finds the settings.

    Args:
        config: `--config`.
        environ: the environment.
    """
    if config is not None:
        return f"{config} (--config)"
    if named := environ.get(CONFIG_VARIABLE):
        return f"{named} ({CONFIG_VARIABLE})"
    return str(DEFAULT_FILE.resolve()) if DEFAULT_FILE.exists() else ""


def loaded(around: Surroundings) -> Iterator[Finding]:
    """Settings and regulations were read."""
    regulations = ", ".join(load_regulation(entry).id for entry in around.settings.regulations)
    if around.source:
        yield ok(f"settings come from {around.source}; regulations: {regulations}")
        return
    yield ok(f"there is no settings file, so the defaults hold; regulations: {regulations}")


def jobs(around: Surroundings) -> Iterator[Finding]:
    """When each job is due next; one that never is was refused with the settings."""
    moments = [(job.name, next_due(job, around.settings, around.now())) for job in around.settings.jobs]
    due = [f"{name} {moment:%a %Y-%m-%d %H:%M %Z}" for name, moment in moments if moment is not None]
    yield ok(f"next due: {', '.join(due)}")


def time_zones(around: Surroundings) -> Iterator[Finding]:
    """Every zone that is used can be loaded.

    Raises:
        ZoneInfoNotFoundError: the system has none, and neither is the package tzdata there.
    """
    settings = around.settings
    names = dict.fromkeys([settings.schedule.timezone, *(job.timezone for job in settings.jobs if job.timezone)])
    for name in names:
        ZoneInfo(name)  # what is wrong in the settings was told when they were read; the defaults were not tried
    yield ok(f"{', '.join(names)} can be loaded")


def next_due(job: JobSettings, settings: Settings, moment: datetime) -> datetime | None:
    """When a job is due next, in its own time zone; None where the calendar ends before."""
    zone = ZoneInfo(job.timezone or settings.schedule.timezone)
    return ClockTrigger(parse(job.cron), zone).after(moment)
