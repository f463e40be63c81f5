"""The scheduler in a process of its own, over a clock that the test sets, killed where the test says."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from config.regulation import load_regulation
from config.settings import Settings, load
from scanner.catalogue.database import open_database
from scanner.catalogue.jobs import Jobs
from scanner.catalogue.outbox import Outbox
from scanner.cli.service import make_service
from scanner.listing import ListingSide
from scanner.outbox.channels import FileChannel, SlackChannel, WebhookChannel
from scanner.outbox.compose import Composer
from scanner.run import Scan
from scanner.schedule.service import Service

When = Literal["before", "after"]

POINTS: dict[str, tuple[type, str]] = {
    "begin an occurrence": (Jobs, "begin"),
    "begin a run": (Scan, "_begin"),
    "store a page": (ListingSide, "_store_page"),
    "end a run": (Scan, "_end"),
    "compose": (Composer, "parcel"),
    "put into the outbox": (Outbox, "put"),
    "end an occurrence": (Jobs, "end"),
    "mark as being sent": (Outbox, "begin"),
    "write a file": (FileChannel, "send"),
    "post": (SlackChannel, "send"),
    "post by webhook": (WebhookChannel, "send"),
    "record as sent": (Outbox, "sent"),
}
"""Steps of a job, in their order; a process may be killed before and after each."""


@dataclass(frozen=True)
class Kill:
    """SIGKILL before or after the n-th time that something is done."""

    point: str
    when: When = "after"
    number: int = 1


def settings_for(database: str, hub: str, environ: dict[str, str], **overrides: Any) -> Settings:
    """Settings of a team that set a token and a channel, with small pages so that there are some to be killed in."""
    return load(
        None,
        {"HF_ENDPOINT": hub, "HUBSCOPE_DATABASE_URL": database, "HUBSCOPE_SCAN__PAGE_SIZE": "25", **environ},
        overrides,
    )


def service_at(settings: Settings, now: Callable[[], datetime]) -> Service:
    """The service, on that clock; waits between tries cost no time."""
    service = make_service(open_database(settings.database_url), settings, [load_regulation("cn-2026")])
    service.now = service.jobs.now = service.leases.now = service.composer.now = now
    service.deliverer.now = service.deliverer.outbox.now = now
    service.deliverer.pause = lambda _: False
    return service


def work(settings: Settings, moment: datetime, kill: Kill | None) -> None:
    """One wake-up: whatever is due at that moment. Run in a process of its own."""
    if kill is not None:
        _arm(kill)
    service = service_at(settings, lambda: moment)
    service.run_due()
    service.look_after()
    service.engine.dispose()


def _arm(kill: Kill) -> None:
    owner, name = POINTS[kill.point]
    original = getattr(owner, name)
    calls = 0

    def replaced(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == kill.number and kill.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if calls == kill.number and kill.when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, replaced)
