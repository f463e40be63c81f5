"""One scan, from the first page to the last deep read.

The listing comes page by page. Each row is counted from what the listing itself declares, its metadata is read for
restrictions, and it is judged; the page is stored in one transaction together with the place of the next one.
Models that the listing did not settle are noted as pending in the same transaction. After the listing, a sweep asks
after the models that it did not show. Then the pending ones are looked at by a few workers, most downloaded first, and
after them the texts of the most downloaded ones of the rest. Each result is stored as it comes. Whatever interrupts
this, the next run of the same selection goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from estimators.plan import candidate_reads
from scanner.assess import from_facts
from scanner.assessment import Assessment
from scanner.catalogue.store import Batch, Conditions, Known, RunState, Store, Work, resume_limit
from scanner.catalogue.tables import Run
from scanner.counting import Counted, count_listed, declared_evidence
from scanner.deepread import (
    REQUESTS_PER_MODEL,
    DeepReader,
    Look,
    Options,
    ranked_work,
    still_texts,
    work_on,
)
from scanner.errors import BudgetSpent, Cancelled, IncompleteError, Refused, SourceError, Unanswered
from scanner.prices import counts_as_download
from scanner.restrictions.interface import UNDETERMINED, Status
from scanner.rules import gone_on, rules_of
from scanner.scope import Distribution, VerdictStatus, strict_threshold
from scanner.selection import Selection, Steps
from scanner.textread import BASE, TextReader

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.facts import ModelFacts
    from scanner.restrictions.interface import Gated
    from scanner.sources.huggingface import HuggingFace, Page

GOES_ON = "; the same command goes on here"
"""Ends the detail of a run that was interrupted, for whoever gave the command."""
ENOUGH_ROWS = 20  # fewer may all be odd
MOST_SKIPPED = 0.5  # share of unreadable rows beyond which it is not the rows that are wrong
MAX_LOOKED_THROUGH = 1_000_000  # of models that a listing showed before and shows no more
WORKS_AT_ONCE = 32  # taken out of the catalogue
MAX_ASKED_AFTER = 1000  # models that a sweep did not show and that are asked after one by one, in one run
CARRIED = (
    "started_at", "cursor", "cursor_at", "listing_done", "listed", "skipped", "deep_reads",
    "asked", "unanswered", "requests", "bytes_read", "footprint", "texts_read", "texts_ranked",
)  # fmt: skip
"""Columns of an unfinished run that the run which takes its place starts from."""

GONE = {"not-found": Distribution.DELETED, "disabled": Distribution.DISABLED}
"""Answers that say of a known model that nobody gets it any more."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a scan stands, for whoever watches."""

    phase: Literal["listing", "asking after", "reading"]
    listed: int
    done: int
    waiting: int


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


@dataclass
class Scan:
    """One run over one source. Create it, then call `execute`.

    Attributes:
        watch: told where the scan stands.
        occurrence: the occurrence of a scheduled job that it is for; a run that is gone on with is for the later one.
        follows: whether somebody wants to hear of the model of that name, also where a listing shows it no more.
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
    _run: Run = field(init=False)
    _resumed: bool = field(init=False, default=False)
    _cut_off: bool = field(init=False, default=False)
    _requests_before: dict[str, int] = field(init=False, default_factory=dict)
    _answers_before: tuple[int, int] = field(init=False, default=(0, 0))
    _done: int = field(init=False, default=0)
    _told: set[tuple[str, str]] = field(init=False, default_factory=set)
    _texts: TextReader = field(init=False)

    def __post_init__(self) -> None:
        self._texts = TextReader(self.source, self.options.text_cap, self.store.remembered_text)

    def execute(self) -> Outcome:
        """Carry the scan out as far as it goes; what was done is stored in any case."""
        self._begin()
        try:
            if not self._run.listing_done:
                self._list()
                self._ask_after_the_unseen()
            self._read_pending()
        except (Cancelled, KeyboardInterrupt):
            self._end(RunState.INTERRUPTED, f"stopped from outside{GOES_ON}")
            raise
        except (BudgetSpent, SourceError, IncompleteError) as error:
            outcome = self._end(RunState.INTERRUPTED, f"{error}{GOES_ON}")
            return replace(outcome, budget_spent=isinstance(error, BudgetSpent))
        return self._finish()

    # Beginning and end -------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        moment = self.now()
        words, endpoint = self.selection.words(), self.source.client.endpoint
        fresh = Run(
            started_at=moment,
            source=self.source.name,
            endpoint=endpoint,
            selection=words,
            deep=self.options.deep,
            tool_version=self.tool_version,
            state=RunState.RUNNING,
            cursor=self._steps().first(),
            cursor_at=moment,
            sweep=self.selection.sweep,
            rules=rules_of(self.regulations),
            occurrence=self.occurrence,
        )
        since = resume_limit(moment, self.options.resume_hours)
        unfinished = self.store.resumable(endpoint=endpoint, selection=words, since=since)
        if unfinished is None or not self.options.resume:
            self._run = self.store.begin(fresh)
            return
        self._resumed = True
        self._requests_before = dict(unfinished.requests)
        self._answers_before = (unfinished.asked, unfinished.unanswered)
        self._run = unfinished
        fresh.rules = gone_on(self.store.rules_since(unfinished), fresh.rules or {})
        if not self.store.is_latest(unfinished):
            for column in CARRIED:
                setattr(fresh, column, getattr(unfinished, column))
            self._run = self.store.begin(fresh, instead_of=unfinished)
        stretch = {"deep": self.options.deep, "rules": fresh.rules, "detail": "", "occurrence": self.occurrence}
        self.store.write_run(self._id, state=str(RunState.RUNNING), **stretch)

    def _finish(self) -> Outcome:
        self.store.drop_oldest_texts()
        if self._cut_off:
            detail = f"more than {MAX_ASKED_AFTER:,} models known before were not listed; only so many were asked after"
            return self._end(RunState.INCOMPLETE, detail)
        if doubt := self._doubt():
            return self._end(RunState.INCOMPLETE, doubt)
        asked, unanswered = self._answers()
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
        self.store.write_run(self._id, state=str(state), finished_at=finished, detail=detail, **self._counters())
        return Outcome(self._id, state, detail, self._resumed)

    def _counters(self) -> dict[str, Any]:
        """Columns of the run that grow with every request."""
        before, since = self._requests_before, dict(self.source.client.requests)
        requests = {bucket: before.get(bucket, 0) + since.get(bucket, 0) for bucket in sorted({*before, *since})}
        asked, unanswered = self._answers()
        return {
            "asked": asked,
            "unanswered": unanswered,
            "listed": self._run.listed,
            "skipped": self._run.skipped,
            "deep_reads": self._run.deep_reads,
            "texts_read": self._run.texts_read,
            "texts_ranked": self._run.texts_ranked,
            "bytes_read": self._run.bytes_read,
            "footprint": self._run.footprint,
            "requests": requests,
        }

    def _answers(self) -> tuple[int, int]:
        """Answers wanted, and those that never came, over all stretches of the run."""
        client, (asked, unanswered) = self.source.client, self._answers_before
        return asked + client.asked, unanswered + client.unanswered

    @property
    def _id(self) -> int:
        assert self._run.id is not None  # noqa: S101 - the store gives every run an id
        return self._run.id

    def _steps(self) -> Steps:
        return Steps.of(self.selection, self.source)

    # The listing -------------------------------------------------------------------------------------------------

    def _list(self) -> None:
        steps, place = self._steps(), self._run.cursor
        while place is not None:
            page = steps.step(place)
            place = page.next if not self._cap_reached(page) else None
            self._store_page(page, place)
            self.watch(Progress("listing", self._run.listed, 0, 0))

    def _cap_reached(self, page: Page) -> bool:
        cap = self.selection.cap
        return cap is not None and self._run.listed + len(page.rows) >= cap

    def _store_page(self, page: Page, place: str | None) -> None:
        rows = {facts.key: facts for facts in page.rows}  # a row that is repeated on its page counts once
        cap = self.selection.cap
        if cap is not None:
            rows = dict(list(rows.items())[: max(cap - self._run.listed, 0)])
        known = self.store.known(rows)
        batch = Batch()
        for facts in rows.values():
            self._take(facts, known.get(facts.key), batch)
        # Rows that moved between pages while the listing went on were counted when they first came.
        self._run.listed += sum(1 for key in rows if key not in known or known[key].last_run != self._id)
        self._run.skipped += len(page.bad)
        batch.problems += [(bad.subject, bad.code, bad.message) for bad in page.bad]
        self._take_the_gone(page, batch)
        batch.run = {
            "cursor": place,
            "cursor_at": self.now(),
            "listing_done": place is None and not self.selection.whole and self.follows is None,
            **self._counters(),
        }
        self.store.save(self._id, batch)

    def _take_the_gone(self, page: Page, batch: Batch) -> None:
        """Models asked for by name that are gone or disabled now, and are known from before."""
        gone = {bad.subject: bad.code for bad in page.bad if bad.code in GONE}
        keys = self.store.named(gone, self.source.name) if gone else {}
        known = self.store.known(keys.values())
        for name, key in keys.items():
            if key in known:
                self._end_of(known[key], gone[name], batch)

    def _end_of(self, known: Known, code: str, batch: Batch) -> None:
        """Note that nobody gets a model any more."""
        before = replace(known.assessment(), observed_at=self.now(), distribution=GONE[code])
        batch.judged.append(before.judged(self.regulations))
        batch.done.append(before.key)

    def _take(self, facts: ModelFacts, known: Known | None, batch: Batch) -> None:
        """Judge one listed model from what is at hand, and note what is still to be read of it.

        What an earlier look found stays as long as the listing alone would know less: the count until the new revision
        has been looked at, the declarations until its texts have been read. Where the texts declared nothing, a new
        revision is one whose texts nobody has read.
        """
        counted = count_listed(facts)
        fresh = from_facts(facts, counted, self.now())
        marks = self._marks(facts.sha, facts.gated)
        looked = Conditions() if known is None or self.options.full else known.looked
        same = known is not None and facts.sha is not None and known.sha == facts.sha and not self.options.full
        before = known.assessment() if known is not None else None
        if before is not None and same and _declared(before) == _declared(fresh):
            fresh = replace(fresh, estimate=before.estimate)
        fresh = fresh.judged(self.regulations)
        count_wanted = looked.count != marks.count and self._count_open(facts, counted, fresh)
        texts_wanted = looked.texts != marks.texts and _texts_open(fresh, before)
        read_as_it_is = known is not None and known.looked.texts == marks.texts
        assessment = fresh
        if before is not None and before.gated == fresh.gated:
            unlearnt = texts_wanted and before.restrictions.status is not Status.NOT_READ
            read_as_it_is &= not self.options.full or fresh.restrictions.status is Status.NONE_IN_METADATA
            if unlearnt or read_as_it_is:
                assessment = replace(fresh, restrictions=before.restrictions).judged(self.regulations)
        if known is not None and known.looked.texts is not None and not read_as_it_is:
            batch.outdated.append(facts.key)
        kept = known is not None and not same and count_wanted and self.options.deep != "never"
        if count_wanted or texts_wanted:
            wanted = Conditions(marks.count if count_wanted else None, marks.texts if texts_wanted else None)
            batch.pending.append(work_on(facts, assessment, wanted, kept=kept))
        else:
            batch.done.append(facts.key)
        (batch.seen if kept else batch.judged).append(assessment)

    def _marks(self, sha: str | None, gated: Gated) -> Conditions:
        """Marks of the conditions under which files would be looked at now."""
        return Conditions.of(sha, gated, self._thresholds, exact=self.options.deep == "always")

    def _count_open(self, facts: ModelFacts, counted: Counted, assessment: Assessment) -> bool:
        """Whether looking at files could still move the count to a side (or make it exact, where that is wanted)."""
        if facts.distribution is not Distribution.PUBLIC or facts.sha is None or not facts.files:
            return False
        exact = self.options.deep == "always"
        if exact and assessment.estimate is not None and assessment.estimate.exact:
            return False
        if not exact and all(_settled_side(assessment, r) for r in self.regulations):
            return False
        declared = declared_evidence(facts)
        return bool(candidate_reads(counted.layout, counted.found, declared, self._thresholds, exact=exact))

    @property
    def _thresholds(self) -> list[int]:
        return [strict_threshold(regulation) for regulation in self.regulations]

    # What a sweep did not show -----------------------------------------------------------------------------------

    def _ask_after_the_unseen(self) -> None:
        """A model that a whole listing did not show is gone, or has slipped through: ask after each by name.

        A listing of the most used ones leaves out what is used less; there only the models that are followed matter.
        """
        if self.selection.whole:
            unseen = self.store.unseen(self._id, self.source.name, MAX_ASKED_AFTER + 1)
        elif self.follows is not None:
            found = self.store.unseen(self._id, self.source.name, MAX_LOOKED_THROUGH)
            unseen = [one for one in found if self.follows(one[1])][: MAX_ASKED_AFTER + 1]
        else:
            return
        for number, (key, name) in enumerate(unseen[:MAX_ASKED_AFTER], 1):
            batch = Batch(run=self._counters())
            self._ask_after(key, name, batch)
            self.store.save(self._id, batch)
            self.watch(Progress("asking after", self._run.listed, number, len(unseen) - number))
        self._cut_off = len(unseen) > MAX_ASKED_AFTER
        self.store.save(self._id, Batch(run={"listing_done": True, **self._counters()}))

    def _ask_after(self, key: str, name: str, batch: Batch) -> None:
        known = self.store.known([key])[key]
        try:
            facts = self.source.model(name)
        except (Refused, Unanswered) as error:
            if error.code in GONE:
                self._end_of(known, error.code, batch)
            else:
                batch.problems.append((name, error.code, str(error)))
            return
        if facts.key == key:
            self._take(facts, known, batch)
        else:  # the name was given to another repository, which the listing shows by itself
            self._end_of(known, "not-found", batch)

    # Deep reads --------------------------------------------------------------------------------------------------

    def _read_pending(self) -> None:
        if self.options.deep == "never":
            return
        self._look_at(self._pending())
        # Only now is known which models may be in scope.
        self._look_at(self._by_rank())

    def _pending(self) -> Iterator[tuple[Work, bool]]:
        """What the listing left open, most downloaded first, and whether texts may be read with it."""
        texts_left = self.options.texts_per_run - self._run.texts_read
        last: Work | None = None
        while works := self.store.pending(self._id, WORKS_AT_ONCE, after=last):
            for work in works:
                last = work
                texts = work.texts and texts_left > 0
                texts_left -= texts
                if work.count or texts:
                    yield work, texts

    def _by_rank(self) -> Iterator[tuple[Work, bool]]:
        """Models of which nothing but their rank says that their texts should be read."""
        read = self._run.texts_ranked
        left = max(self.options.texts_by_rank - read, 0)
        again = self.options.full
        # Where those that were read do not drop out, they are the first ones.
        keys = iter(self.store.unread(self._id, left, again=again, skip=read if again else 0))
        while some := list(islice(keys, WORKS_AT_ONCE)):
            known = self.store.known(some)
            for key in some:
                assessment, sha = known[key].assessment(), known[key].sha
                yield ranked_work(assessment, sha, self._marks(sha, assessment.gated)), True

    def _look_at(self, works: Iterator[tuple[Work, bool]]) -> None:
        look = DeepReader(
            self.source, self._texts, self.store.remembered, self.regulations, self.options, self.now
        ).look
        workers = self._workers()
        with ThreadPoolExecutor(workers, thread_name_prefix="read") as pool:
            running: set[Future[Look]] = set()
            try:
                while True:
                    some = list(islice(works, 4 * workers))
                    running.update(pool.submit(look, work, texts=texts) for work, texts in some)
                    if not running:
                        return
                    enough = 2 * workers if some else 0
                    while len(running) > enough:
                        finished, running = wait(running, return_when=FIRST_COMPLETED)
                        self._done += len(finished)
                        self._store_reads(finished)
                        self.watch(Progress("reading", self._run.listed, self._done, len(running)))
            except BaseException:
                self.source.client.cancelled.set()  # a worker that waits for the quota need not wait any more
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _workers(self) -> int:
        """As many as set, but no more than can each end a model within what is left of a request budget."""
        client = self.source.client
        if client.limits.max_requests is None:
            return self.options.workers
        left = client.limits.max_requests - client.sent
        return max(1, min(self.options.workers, left // REQUESTS_PER_MODEL))

    def _store_reads(self, finished: Iterable[Future[Look]]) -> None:
        """Store what came of some looks; an error of one is raised after the others are safe."""
        batch = Batch()
        errors: list[BaseException] = []
        for future in finished:
            if (error := future.exception()) is not None:
                errors.append(error)
                continue
            read = future.result()
            errors += [read.stopped] if read.stopped else []
            # A failure that may pass is no reason to forget what was known before.
            (batch.seen if read.passing_failure and read.kept else batch.judged).append(read.assessment)
            batch.problems += self._problems(read)
            if read.texts_read:
                self._run.texts_ranked += read.ranked
                self._run.texts_read += not read.ranked
            if read.counted is not None:
                batch.learned += read.counted.learned
                self._run.deep_reads += 1
                self._run.bytes_read += sum(e.bytes_read for e in read.counted.estimate.evidence)
                self._run.footprint += sum(counts_as_download(path) for path in read.counted.opened)
            if read.passing_failure:
                continue  # stays pending: the next run tries again
            batch.looked.append((read.work.key, read.looked))
            if read.work.texts and not read.texts_read:
                batch.pending.append(still_texts(read))
            else:
                batch.done.append(read.work.key)
        batch.texts, batch.texts_used = self._texts.taken()
        batch.run = self._counters()
        self.store.save(self._id, batch)
        if errors:
            raise errors[0]

    def _problems(self, read: Look) -> Iterator[tuple[str, str, str]]:
        """What could not be read of a model; of a base model, once for all its children."""
        for file, code, message in read.failures:
            if read.ranked and code == "gated":
                continue  # nothing went wrong: its verdict says that it is gated, and that its texts were not read
            if not file.startswith(BASE):
                yield f"{read.assessment.name}/{file}".rstrip("/"), code, message
            elif (file, code) not in self._told:
                self._told.add((file, code))
                yield file, code, message


def _declared(assessment: Assessment) -> tuple[int | None, int | None]:
    return assessment.declared_total, assessment.declared_sum


def _settled_side(assessment: Assessment, regulation: Regulation) -> bool:
    """Whether the count is on one side, or does not matter because the model is out anyway."""
    verdict = next(v for v in assessment.verdicts if v.regulation == regulation.id)
    parameters = next(c for c in verdict.conditions if c.leg == "parameters")
    return parameters.met is not None


def _texts_open(assessment: Assessment, before: Assessment | None) -> bool:
    """Whether card and licence files should be read: something suggests a limit, and without one it may be in scope.

    What its texts declared at an earlier revision suggests one, too, and so does a licence's name: its text may differ.
    """
    restrictions = assessment.restrictions
    by_name = any(item.by_name for item in restrictions.items)
    forgotten = restrictions.status is Status.NONE_IN_METADATA and before is not None and _declared_in_texts(before)
    return (restrictions.status is Status.NOT_READ or by_name or forgotten) and any(
        v.status_ignoring_declarations is not VerdictStatus.OUT_OF_SCOPE for v in assessment.verdicts
    )


def _declared_in_texts(assessment: Assessment) -> bool:
    """Whether a limit of its own was found in prose, which has a place and a language, rather than in metadata."""
    return any(
        item.inherited_from is None and item.start is not None and item.language != UNDETERMINED
        for item in assessment.restrictions.items
    )
