"""One scan, from the first page to the last look into a file.

The listing comes page by page, the next one fetched while this one is taken in (intake.py): counted from what the
listing itself declares, read for restrictions by its metadata, judged, and stored in one transaction together with the
place of the next page. Models that it did not settle are noted as pending in the same transaction, and a few workers
look at them meanwhile (reading.py), on their own quota, most downloaded first. After the listing, a sweep asks after
the models that it did not show. After the pending ones come the texts of the most downloaded ones of the rest. Each
result is stored as it comes. Whatever interrupts this, the next run of the same selection goes on there.

A sweep that is to be repeated lists only what changed since the one before, as long as that one is young (`base`). A
listing that loses or empties much of what was known is suspect (guard.py): what it saw is kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

from scanner.catalogue.store import RunState, Store, resume_limit
from scanner.catalogue.tables import Run
from scanner.deepread import DeepReader, Options
from scanner.errors import BudgetSpent, Cancelled, IncompleteError, SourceError
from scanner.guard import Guard, Suspect
from scanner.intake import Intake
from scanner.ledger import Ledger
from scanner.listing import ListingSide
from scanner.progress import Progress, Watch
from scanner.reading import ReadingPool
from scanner.rules import gone_on, rules_of
from scanner.selection import Selection, Steps
from scanner.textread import TextReader

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.sources.huggingface import HuggingFace

GOES_ON = "; the same command goes on here"
"""Ends the detail of a run that was interrupted, for whoever gave the command."""
ENOUGH_ROWS = 20  # fewer may all be odd
MOST_SKIPPED = 0.5  # share of unreadable rows beyond which it is not the rows that are wrong
OVERLAP = timedelta(hours=1)  # listed again by a run that lists changes: clocks differ, and pages take their time
WORTH_KEEPING = 20_000  # models of a sweep from which on it is cheaper to list changes: twenty requests
TICK_SECONDS = 0.5  # until a wait looks whether it is to stop
ALIKE = ("rules", "deep", "tool_version", "named")
"""Columns in which all runs since a sweep must be alike: then what did not change is as the next run would find it."""
CARRIED = (
    "started_at", "cursor", "cursor_at", "listing_done", "listed", "skipped", "deep_reads", "asked", "unanswered",
    "requests", "bytes_read", "footprint", "texts_read", "texts_ranked", "sweep", "base", "watermark", "doubts",
)  # fmt: skip
"""Columns of an unfinished run that the run which takes its place starts from."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scan ended.

    Attributes:
        run_id: the run's id in the catalogue.
        state: how it ended.
        detail: one sentence where it is not complete.
        resumed: it went on with an earlier, unfinished one.
        budget_spent: it stopped because it might make no more requests.
    """

    run_id: int
    state: RunState
    detail: str
    resumed: bool
    budget_spent: bool = False


def new_run(
    source: str,
    endpoint: str,
    selection: Selection,
    regulations: Sequence[Regulation],
    options: Options,
    tool_version: str,
    moment: datetime,
    *,
    named: bool,
) -> Run:
    """A run of its own, before its first step; `named` says that there is a token."""
    return Run(
        started_at=moment,
        source=source,
        endpoint=endpoint,
        selection=selection.words(),
        deep=options.deep,
        tool_version=tool_version,
        state=RunState.RUNNING,
        cursor_at=moment,
        sweep=selection.sweep,
        named=named,
        rules=rules_of(regulations),
    )


def sweep_before(store: Store, fresh: Run, options: Options) -> Run | None:
    """The last run of the same sweep, where listing what changed since brings all of it up to date.

    Args:
        store: the catalogue.
        fresh: the run that is to be begun.
        options: how it is to be carried out.
    """
    last = store.last_of_series(fresh) if fresh.sweep and not (options.full or options.sweep) else None
    if last is None or last.id is None or last.watermark is None:
        return None
    sweep = last if last.base is None else store.run(last.base)
    young = fresh.started_at - sweep.started_at < timedelta(days=options.sweep_days)
    whole = sweep.state == RunState.COMPLETE and sweep.sweep and sweep.listed >= WORTH_KEEPING
    # Whatever else was run meanwhile, of whichever models, must have left them as this run would.
    runs = [sweep, *store.runs_since(sweep.id or last.id)]
    alike = all(getattr(run, name) == getattr(fresh, name) for run in runs for name in ALIKE)
    believed = all(run.state != RunState.SUSPECT for run in runs)
    return last if young and whole and alike and believed else None


@dataclass
class Scan:
    """One run over one source. Create it, then call `execute`.

    Attributes:
        watch: told where the scan stands.
        occurrence: the occurrence of a scheduled job that it is for; a run that is gone on with is for the later one.
        follows: whether somebody wants to hear of the model of that name, also where a listing shows it no more.
        stopping: set from outside to end the scan behind what is in hand.
    """

    source: HuggingFace
    store: Store
    selection: Selection
    regulations: Sequence[Regulation]
    options: Options
    tool_version: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    watch: Callable[[Progress], None] = lambda _: None
    occurrence: int | None = None
    follows: Callable[[str], bool] | None = None
    stopping: Event = field(default_factory=Event)
    _run: Run = field(init=False)
    _ledger: Ledger = field(init=False)
    _guard: Guard = field(init=False)
    _intake: Intake = field(init=False)
    _resumed: bool = field(init=False, default=False)

    def execute(self) -> Outcome:
        """Carry the scan out as far as it goes; what was done is stored in any case."""
        self._begin()
        try:
            self._carry_out()
        except (Cancelled, KeyboardInterrupt):
            self._end(RunState.INTERRUPTED, f"stopped from outside{GOES_ON}")
            raise
        except Suspect as doubt:
            return self._withdraw(str(doubt))
        except (BudgetSpent, SourceError, IncompleteError) as error:
            outcome = self._end(RunState.INTERRUPTED, f"{error}{GOES_ON}")
            return replace(outcome, budget_spent=isinstance(error, BudgetSpent))
        return self._finish()

    # Beginning and end -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        moment, endpoint = self.now(), self.source.client.endpoint
        fresh = new_run(
            self.source.name, endpoint, self.selection, self.regulations, self.options, self.tool_version, moment,
            named=self.source.client.token is not None,
        )  # fmt: skip
        fresh.occurrence = self.occurrence
        since = resume_limit(moment, self.options.resume_hours)
        unfinished = self.store.resumable(endpoint=endpoint, selection=fresh.selection, since=since)
        # Of another thoroughness other models are open.
        lasting = unfinished is not None and unfinished.deep == self.options.deep
        if unfinished is None or not self.options.resume or not lasting:
            self._start(fresh)
        else:
            self._go_on(unfinished, fresh)
        self._ledger = Ledger(self._run, self.source.client)
        self._guard = Guard.of(self.options.max_loss, self._run.doubts)
        named = self.source.client.token is not None
        self._intake = Intake(
            self.store, self.regulations, self.options, self.tool_version, self.now, self._guard, named
        )

    def _start(self, fresh: Run) -> None:
        """Begin a run of its own; one that lists changes, where an earlier sweep allows it."""
        base = sweep_before(self.store, fresh, self.options)
        if base is not None:
            fresh.sweep, fresh.base = False, base.base or base.id
        fresh.cursor = self._steps(base).first()
        self._run = self.store.begin(fresh, after=base)

    def _go_on(self, unfinished: Run, fresh: Run) -> None:
        self._resumed = True
        fresh.rules = gone_on(self.store.rules_since(unfinished), fresh.rules or {})
        self._run = unfinished
        if not self.store.is_latest(unfinished):
            for column in CARRIED:
                setattr(fresh, column, getattr(unfinished, column))
            self._run = self.store.begin(fresh, instead_of=unfinished)
        stretch = {"deep": self.options.deep, "rules": fresh.rules, "detail": "", "occurrence": self.occurrence}
        self.store.write_run(self._id, state=str(RunState.RUNNING), **stretch)

    def _finish(self) -> Outcome:
        self.store.drop_oldest_texts()
        if doubt := self._doubt():
            return self._end(RunState.INCOMPLETE, doubt)
        asked, unanswered = self._ledger.answers
        if unanswered > self.options.max_missing * asked:
            detail = f"{unanswered:,} of {asked:,} requests stayed unanswered after all retries"
            return self._end(RunState.INCOMPLETE, detail)
        return self._end(RunState.COMPLETE, "")

    def _doubt(self) -> str:
        """Why a listing cannot be believed: it shows nothing of what was there, or most of it cannot be read."""
        listed, skipped = self._run.listed, self._run.skipped
        if listed + skipped >= ENOUGH_ROWS and skipped > MOST_SKIPPED * (listed + skipped):
            return f"{skipped:,} of {listed + skipped:,} rows could not be read, as if the Hub had changed what it says"
        before = self.store.listed_before(self._id) if self.selection.lists and not self.selection.whole else 0
        if not listed and before:  # of a whole listing, each model was asked after
            return f"the listing was empty, where it had {before:,} models before"
        return ""

    def _end(self, state: RunState, detail: str) -> Outcome:
        finished = None if state is RunState.INTERRUPTED else self.now()
        columns = self._ledger.columns()
        self.store.write_run(self._id, state=str(state), finished_at=finished, detail=detail, **columns)
        self.store.ended()
        return Outcome(self._id, state, detail, self._resumed)

    def _withdraw(self, doubt: str) -> Outcome:
        detail = f"suspect: {doubt}; what it saw is kept apart. If it is so, allow it (--max-loss)"
        ended = {"state": str(RunState.SUSPECT), "finished_at": self.now(), "detail": detail}
        self.store.withdraw(self._id, **ended, **self._ledger.columns())
        return Outcome(self._id, RunState.SUSPECT, detail, self._resumed)

    @property
    def _id(self) -> int:
        assert self._run.id is not None  # noqa: S101 - the store gives every run an id
        return self._run.id

    def _steps(self, base: Run | None = None) -> Steps:
        since = None if base is None or base.watermark is None else base.watermark - OVERLAP
        return Steps.of(self.selection, self.source, since)

    # Both sides at once ------------------------------------------------------------------------------------------

    def _carry_out(self) -> None:
        """List and look, until neither has anything left to do."""
        client, options = self.source.client, self.options
        texts = TextReader(self.source, options.text_cap, self.store.remembered_text)
        reader = DeepReader(self.source, texts, self.store.remembered, self.regulations, options, self.now)
        lister = ThreadPoolExecutor(1, thread_name_prefix="list")
        with ReadingPool(reader, texts, self.store, self._ledger, self._intake, client, options) as pool:
            try:
                self._take_turns(self._listing(lister), pool)
            finally:
                lister.shutdown(wait=False, cancel_futures=True)

    def _take_turns(self, listing: ListingSide, pool: ReadingPool) -> None:
        """Store whatever comes first, a step of the listing or a look, and see to it that both go on."""
        # Where there is a budget of requests, it is for the listing first.
        at_once = self.source.client.limits.max_requests is None
        progress = Watch(self._ledger, pool, self._expected(), self.source.client.gate)
        listing.start()
        while True:
            if listing.coming is None or at_once:
                pool.fill(listed=listing.coming is None)
            coming: list[Future[Any]] = [] if listing.coming is None else [listing.coming]
            if not coming and not pool.running:
                return
            done, _ = wait([*coming, *pool.running], TICK_SECONDS, FIRST_COMPLETED)
            if not done.isdisjoint(coming):
                listing.take()
                pool.listing_grew()
            pool.collect([future for future in pool.running if future in done])
            if done:
                self.watch(progress.now(listing.phase))
            self._check_stopping()

    def _check_stopping(self) -> None:
        if self.stopping.is_set():
            raise Cancelled("interrupted")

    def _listing(self, lister: ThreadPoolExecutor) -> ListingSide:
        before = None if self._run.base is None else self.store.before(self._run)
        return ListingSide(
            self.source, self.store, self.selection, self._steps(before), self._ledger, self._intake, self._guard,
            lister, self.now, self.follows,
        )  # fmt: skip

    def _expected(self) -> int | None:
        """How many models will be listed, as far as that is known beforehand."""
        if self.selection.cap is not None:
            return self.selection.cap
        return None if self._run.base is not None else self.store.listed_before(self._id) or None
