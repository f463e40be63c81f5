"""The service: whatever is due now is done, one job at a time, and whatever went wrong is told and tried again.

Nothing here keeps time. Each call looks at the catalogue's own record of what was due and what became of it, so it does
not matter who calls, how often, or what was killed in between: a job that was missed while the machine was off is
caught up once, one that was broken off goes on, and one that is done is left alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from scanner.catalogue.database import DATABASE_ERRORS, only_writer
from scanner.catalogue.jobs import Jobs, OccurrenceState
from scanner.catalogue.leases import AT_WORK, DELIVERING, Held, Leases
from scanner.catalogue.postgresql import what_failed
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import FINISHED, RunState, Store
from scanner.errors import BudgetSpent, Cancelled, CatalogueBusy, HubscopeError, IncompleteError
from scanner.outbox.compose import Composer
from scanner.progress import Progress
from scanner.run import GOES_ON, Scan
from scanner.schedule.due import late_since
from scanner.schedule.job import follower_of, options_of, selection_of, times_of, trigger_of

if TYPE_CHECKING:
    import logging

    from sqlalchemy import Engine

    from config.jobs import JobSettings
    from config.regulation import Regulation
    from config.settings import Settings
    from scanner.catalogue.tables import Occurrence, Run
    from scanner.outbox.deliver import Deliverer, Outcome
    from scanner.sources.huggingface import HuggingFace

WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360))
"""Between the tries of one occurrence; the last for all further ones, until the next is due."""

BUSY_WAIT = timedelta(minutes=1)
SHORT_OUTAGE = timedelta(seconds=90)  # of the catalogue, which is logged and no more


class Ending(StrEnum):
    """How carrying a job out ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of one occurrence of a job.

    Attributes:
        detail: one sentence where not all went well.
        delivered: what came of sending what was due; None where another process was at it, or nothing was tried.
    """

    job: str
    due_at: datetime
    ending: Ending
    detail: str = ""
    run: Run | None = None
    delivered: Outcome | None = None


@dataclass
class Service:
    """Carries out what is due.

    Attributes:
        open_hub: a source with at most so many requests, None without a limit; a new one for every scan.
        deliverer: empties the outbox.
        log: told of everything that a person may want to know later.
        stop: set from outside; the page in hand is finished, and nothing new is begun.
    """

    engine: Engine
    settings: Settings
    regulations: Sequence[Regulation]
    open_hub: Callable[[int | None], HuggingFace]
    deliverer: Deliverer
    tool_version: str
    log: logging.Logger
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    watch: Callable[[Progress], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    _hub: HuggingFace | None = field(init=False, default=None)
    _lost: threading.Event = field(init=False, default_factory=threading.Event)
    _broken_since: datetime | None = field(init=False, default=None)
    _told: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.engine, self.now)
        self.leases = Leases(self.engine, self.now)
        self.composer = Composer(self.engine, self.settings, self.regulations, self.tool_version, self.now)
        self.triggers = {job.name: trigger_of(job, self.settings) for job in self.settings.jobs}

    def please_stop(self) -> None:
        """Finish the page in hand and begin nothing new; safe to call from any thread."""
        self.stop.set()
        self._cancel()

    def _cancel(self) -> None:
        hub = self._hub
        if hub is not None:
            hub.client.cancelled.set()

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Hold the right to scan.

        Where another process takes it, because this one stood still for longer than the lease lasts, the job in hand is
        the other's from then on.
        """

        def lost() -> None:
            self.log.error("another process took over: this one stood still for too long")
            self._lost.set()
            self._cancel()

        self._lost.clear()
        with self.leases.hold(AT_WORK, lost=lost) as held:
            yield held

    @property
    def _interrupted(self) -> bool:
        return self.stop.is_set() or self._lost.is_set()

    # What is due -------------------------------------------------------------------------------------------------

    def run_due(self) -> list[Carried]:
        """Carry out every job that is due, one after the other; nothing where another process is at it."""
        carried: list[Carried] = []
        if self._first_due() is None:
            return carried
        with self._alone() as held:
            while held and not self._interrupted and (due := self._first_due()) is not None:
                carried.append(self._carry_out(*due))
        return carried

    def run_now(self, name: str) -> Carried | Held:
        """Carry one job out at once, whenever it is due; who is at work instead, where somebody is.

        Raises:
            KeyError: there is no such job.
        """
        job = next((job for job in self.settings.jobs if job.name == name), None)
        if job is None:
            raise KeyError(name)
        self._register(job)
        with self._alone() as held:
            if not held:
                return self._who(AT_WORK)
            return self._carry_out(job, self._due(job) or self.now())

    def _first_due(self) -> tuple[JobSettings, datetime] | None:
        due = [(moment, job) for job in self.settings.jobs if (moment := self._due(job)) is not None]
        if not due:
            return None
        moment, job = min(due, key=lambda one: one[0])
        return job, moment

    def _due(self, job: JobSettings) -> datetime | None:
        """The moment for which a job is to be carried out now; None where nothing is due.

        Of several that were missed only the last is caught up. One that was broken off goes on at once, one that failed
        when its next try has come, and either is given up for the next.
        """
        since = self._register(job)
        latest = self.jobs.latest(job.name)
        anchor = since if latest is None else max(since, latest.due_at)
        missed = self.triggers[job.name].last(anchor, self.now())
        if missed is not None:
            return missed.astimezone(UTC)
        unfinished = self.jobs.unfinished(job.name)
        if unfinished is None or (unfinished.next_try_at is not None and unfinished.next_try_at > self.now()):
            return None
        return unfinished.due_at

    def _register(self, job: JobSettings) -> datetime:
        return self.jobs.register(*times_of(job, self.settings))

    def _who(self, lease: str) -> Held:
        held = self.leases.held(lease)
        return held or Held(lease, "another:process", self.now(), self.now())

    # Carrying it out ---------------------------------------------------------------------------------------------

    def _carry_out(self, job: JobSettings, due_at: datetime) -> Carried:
        """Scan, compose, send: each step is skipped where an earlier try, killed or not, has done it."""
        occurrence = self.jobs.begin(job.name, due_at)
        self.log.info("job %s, due %s: try %d", job.name, _iso(due_at), occurrence.attempts)
        try:
            run = self._scanned(job, occurrence)
            if job.notify:
                self.composer.tell(run, job.name)
        except Cancelled:
            return self._stopped(occurrence)
        except KeyboardInterrupt:
            self._stopped(occurrence)
            raise
        except CatalogueBusy as error:
            return self._busy(occurrence, error)
        except Exception as error:  # noqa: BLE001 - whatever happened is noted, told and tried again; it stops nothing else
            return self._failed(occurrence, error)
        self.jobs.end(occurrence, run.detail)
        self.log.info("job %s, due %s: done, run %d", job.name, _iso(due_at), run.id)
        return Carried(job.name, due_at, Ending.DONE, run.detail, run, self._deliver())

    def _scanned(self, job: JobSettings, occurrence: Occurrence) -> Run:
        """The finished scan for an occurrence: the one there is, or a new one.

        Raises:
            IncompleteError: it could not be finished now.
        """
        run = self.jobs.run_of(occurrence)
        if run is not None and run.state in FINISHED:
            return run
        self._hub = self.open_hub(job.max_requests)
        try:
            if self._interrupted:
                raise Cancelled("interrupted")
            with only_writer(self.engine):
                scan = Scan(
                    self._hub,
                    Store(self.engine),
                    selection_of(job, self.settings),
                    self.regulations,
                    options_of(job, self.settings),
                    self.tool_version,
                    now=self.now,
                    watch=self.watch,
                    occurrence=occurrence.id,
                    follows=follower_of(self.settings),
                )
                outcome = scan.execute()
                if outcome.budget_spent:
                    raise BudgetSpent(f"its {job.max_requests:,} requests were spent before all was read")
                if outcome.state is RunState.INTERRUPTED:
                    raise IncompleteError(outcome.detail.removesuffix(GOES_ON))
                if outcome.state is RunState.SUSPECT:
                    raise IncompleteError(outcome.detail)
        finally:
            self._hub = None
        return Reader(self.engine).run(outcome.run_id)

    def _next_try(self, occurrence: Occurrence, error: Exception) -> datetime:
        """When to try again; what a budget left over is for the next time the job is due."""
        if (
            isinstance(error, BudgetSpent)
            and (following := self.triggers[occurrence.job].after(self.now())) is not None
        ):
            return following.astimezone(UTC)
        return self.now() + WAITS[min(occurrence.attempts, len(WAITS)) - 1]

    def _stopped(self, occurrence: Occurrence) -> Carried:
        detail = "stopped from outside; goes on when the scheduler does"
        if not self._lost.is_set():
            self.jobs.fail(occurrence, detail, self.now(), counts=False)
        self.log.info("job %s, due %s: %s", occurrence.job, _iso(occurrence.due_at), detail)
        return Carried(occurrence.job, occurrence.due_at, Ending.STOPPED, detail)

    def _busy(self, occurrence: Occurrence, error: CatalogueBusy) -> Carried:
        """A person is scanning into this catalogue: no failure, and soon over."""
        self.jobs.fail(occurrence, str(error), self.now() + BUSY_WAIT, counts=False)
        self.log.warning("job %s, due %s: waits: %s", occurrence.job, _iso(occurrence.due_at), error)
        return Carried(occurrence.job, occurrence.due_at, Ending.FAILED, str(error))

    def _failed(self, occurrence: Occurrence, error: Exception) -> Carried:
        known = isinstance(error, (HubscopeError, *DATABASE_ERRORS))
        told = str(error) if isinstance(error, HubscopeError) else f"{type(error).__name__}: {error}"
        if isinstance(error, DATABASE_ERRORS):
            told = f"the catalogue failed: {what_failed(error)}"
        detail = told.strip().splitlines()[0][:500] if told.strip() else type(error).__name__
        again = self._next_try(occurrence, error)
        self.log.error(
            "job %s, due %s: failed, tried again %s: %s", occurrence.job, _iso(occurrence.due_at), _iso(again), detail,
            exc_info=None if known else error,
        )  # fmt: skip
        self.jobs.fail(occurrence, detail, again)
        due, tried = self._local(occurrence.job, occurrence.due_at), self._local(occurrence.job, again)
        text = f"{occurrence.job}, due {due}, failed: {detail}. Next try {tried}."
        if isinstance(error, BudgetSpent):
            text = f"{occurrence.job}, due {due}, is not done: {detail}. It goes on {tried}."
        self._alarm(occurrence.job, occurrence.due_at, "failed", text)
        return Carried(occurrence.job, occurrence.due_at, Ending.FAILED, detail, None, self._deliver())

    # Telling -----------------------------------------------------------------------------------------------------

    def deliver(self, *, everything: bool = False) -> Outcome | None:
        """Send what is due from the outbox; None where another process is at it."""
        with self.leases.hold(DELIVERING) as held:
            if not held:
                return None
            for audience, target in self.composer.slack_targets().items():
                self.deliverer.outbox.retarget(audience, "slack", target)
            return self.deliverer.run(everything=everything)

    def _deliver(self) -> Outcome | None:
        """The same, with a line in the log for each."""
        outcome = self.deliver()
        for delivery in outcome.sent if outcome is not None else ():
            self.log.info("sent: %s to %s", delivery.subject, delivery.target)
        for item in outcome.undelivered if outcome is not None else ():
            subject, target = item.delivery.subject, item.delivery.target
            self.log.warning("not sent: %s to %s: %s", subject, target, item.why, exc_info=item.fault)
        return outcome

    def look_after(self) -> None:
        """Tell of jobs that are overdue, and send what is due."""
        limit = timedelta(hours=self.settings.schedule.alarm_after_hours)
        for job in self.settings.jobs:
            overdue, occurrence = self.overdue(job), self.jobs.unfinished(job.name)
            if overdue is None or self.now() - overdue < limit:
                continue
            if occurrence is not None and (self._just_begun(occurrence, limit) or self._put_off(occurrence)):
                continue
            why = f": {occurrence.detail}" if occurrence is not None and occurrence.detail else ""
            text = f"{job.name} is overdue: it was due {self._local(job.name, overdue)} and is not done{why}."
            self._alarm(job.name, overdue, "overdue", text)
        self._deliver()
        self._broken_since = None

    def broken(self, error: Exception) -> None:
        """Tell that the catalogue itself fails: straight to the team, since the outbox lies in it; once a day."""
        reason = what_failed(error) if isinstance(error, DATABASE_ERRORS) else f"{type(error).__name__}: {error}"
        text = f"hubscope cannot use its catalogue, so that no job can run: {reason}"
        self.log.error(text)
        self._broken_since = self._broken_since or self.now()
        if self.now() - self._broken_since < SHORT_OUTAGE:
            return  # a server that is being restarted is nobody's business
        today = f"{self.now():%Y-%m-%d}"
        delivery = self.composer.alarm_delivery(f"catalogue {today}", text)
        if delivery is None or today in self._told:
            return
        self._told.add(today)
        refused = self.deliverer.send_past_the_outbox(delivery)
        if refused is not None:
            self.log.warning("not sent: %s to %s: %s", delivery.subject, delivery.target, refused)

    def overdue(self, job: JobSettings) -> datetime | None:
        """Since when a job is due without being done; None where it is not."""
        jobs, name = self.jobs, job.name
        known, trigger = jobs.known(*times_of(job, self.settings)), self.triggers[name]
        return late_since(trigger, known, jobs.last_done(name), jobs.unfinished(name), self.now())

    def _just_begun(self, occurrence: Occurrence, limit: timedelta) -> bool:
        """Whether an occurrence is late, and being caught up."""
        running = occurrence.state == OccurrenceState.RUNNING
        return running and occurrence.started_at is not None and self.now() - occurrence.started_at < limit

    def _put_off(self, occurrence: Occurrence) -> bool:
        """Whether an occurrence waits for the next time its job is due, which was told when it failed."""
        return occurrence.next_try_at is not None and occurrence.next_try_at > self.now() + WAITS[-1]

    def _alarm(self, job: str, due_at: datetime, kind: str, text: str) -> None:
        """One line to the team and into the log, once for each kind of trouble with an occurrence."""
        known = next(self.jobs.known(*times_of(one, self.settings)) for one in self.settings.jobs if one.name == job)
        key = f"{job} {known.isoformat() if known else ''} {due_at.isoformat()} {kind}"
        self.composer.alarm(key, text)
        if key not in self._told:
            self._told.add(key)
            self.log.error(text)

    def _local(self, job: str, moment: datetime) -> str:
        return f"{moment.astimezone(self.triggers[job].zone):%a %Y-%m-%d %H:%M %Z}"


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
