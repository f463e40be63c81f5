"""`hubscope schedule`: APScheduler wakes the service when a job is due, and once a minute for all that may be late.

What is due is the service's to find out, from the catalogue; a wake-up that comes late, twice or never changes nothing
but the hour. Jobs are carried out in one thread; a second one sends what is due and watches over the first, so that a
scan that hangs cannot silence the alarm.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from scanner.catalogue.database import mark_of
from scanner.errors import IncompleteError

if TYPE_CHECKING:
    from scanner.schedule.service import Service

WATCH_SECONDS = 60
CLOCK_JUMP_SECONDS = 30  # more than a clock is corrected by, less than anybody waits for
SIGNALS = (signal.SIGTERM, signal.SIGINT)
DEFAULTS = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
"""Of every wake-up: several that were missed are one, and none is too late."""


class _Stop(BaseException):
    """Raised in the main thread by a signal: nothing but sleeping is ever going on there.

    Attributes:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run(service: Service, *, watch_seconds: float = WATCH_SECONDS) -> None:
    """Keep the service going until SIGTERM or SIGINT; a second one of them leaves at once.

    Raises:
        IncompleteError: the catalogue is not there any more.
        KeyboardInterrupt: it was SIGINT; the page in hand was finished all the same.
    """
    scheduler = new_scheduler()
    scheduler.add_listener(lambda event: _report(service, event), EVENT_JOB_ERROR)
    add_wake_ups(scheduler, service, watch_seconds)
    number: int = signal.SIGTERM
    try:
        with _signals():
            scheduler.start()
            _sleep_on(scheduler, service, watch_seconds)
    except _Stop as stop:
        number = stop.number
        service.log.info("stopping: the page in hand is finished")
    finally:
        service.please_stop()
        if scheduler.running:
            scheduler.shutdown(wait=True)
        service.log.info("stopped")
    if number == signal.SIGINT:
        raise KeyboardInterrupt


def _sleep_on(scheduler: BaseScheduler, service: Service, watch_seconds: float) -> NoReturn:
    """Sleep until a signal comes; where the clock was set meanwhile, the wake-ups are reckoned anew."""
    file = mark_of(service.engine)
    while True:
        wall, steady = datetime.now(UTC), time.monotonic()
        time.sleep(watch_seconds)
        if mark_of(service.engine) != file:
            raise IncompleteError("the catalogue was deleted or replaced while the scheduler ran; start it again")
        jump = (datetime.now(UTC) - wall).total_seconds() - (time.monotonic() - steady)
        if abs(jump) > CLOCK_JUMP_SECONDS:
            service.log.warning("the clock of this machine was set by %+.0f seconds", jump)
            scheduler.remove_all_jobs()
            add_wake_ups(scheduler, service, watch_seconds)


@contextmanager
def stopped_by_signals(service: Service) -> Iterator[None]:
    """While a job is carried out in the main thread: SIGTERM finishes the page in hand, and nothing more is begun."""

    def handle(number: int, frame: object) -> None:
        del number, frame
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        # From a thread of its own: the main thread may hold the very lock that setting an event takes.
        threading.Thread(target=service.please_stop, name="stop").start()

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def new_scheduler() -> BackgroundScheduler:
    """A scheduler with one thread for jobs and one that watches; not started."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what goes wrong is told by the listener below
    return BackgroundScheduler(
        executors={"jobs": ThreadPoolExecutor(1), "watch": ThreadPoolExecutor(1)}, timezone=UTC, job_defaults=DEFAULTS
    )


def add_wake_ups(scheduler: BaseScheduler, service: Service, watch_seconds: float) -> None:
    """Let a scheduler wake the service: when a job is due, and again and again for what is late."""
    for name, trigger in service.triggers.items():
        scheduler.add_job(service.run_due, trigger, id=f"job {name}", executor="jobs")
    every = {"trigger": "interval", "seconds": watch_seconds}
    scheduler.add_job(service.run_due, **every, id="late jobs", executor="jobs", next_run_time=datetime.now(UTC))
    scheduler.add_job(service.look_after, **every, id="watch", executor="watch")


def _report(service: Service, event: JobExecutionEvent) -> None:
    """A wake-up that failed: the database was locked or gone, the disk full. The next one tries again."""
    service.broken(event.exception)


@contextmanager
def _signals() -> Iterator[None]:
    """Turn the first signal into an exception in the main thread, and leave the next to the system."""

    def handle(number: int, frame: object) -> NoReturn:
        del frame
        for one in SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        raise _Stop(number)

    before = {one: signal.signal(one, handle) for one in SIGNALS}
    try:
        yield
    except _Stop:
        raise  # the system's own handling stays, for a second signal
    except BaseException:
        for one, handler in before.items():
            signal.signal(one, handler)
        raise
