"""Look at the files of pending models by a few workers at once, beside a listing that goes on.

What is to be read stands in the catalogue, most downloaded first; each result is stored as it comes, so that whatever
interrupts this costs the looks in hand and no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Self

from scanner.catalogue.store import Batch, Store, Work
from scanner.deepread import REQUESTS_PER_MODEL, DeepReader, Look, Options
from scanner.prices import counts_as_download
from scanner.scope import VerdictStatus
from scanner.task import Task, ranked_task, still_texts, take_up
from scanner.textread import BASE, TextReader

if TYPE_CHECKING:
    from types import TracebackType

    from scanner.intake import Intake
    from scanner.ledger import Ledger
    from scanner.sources.http import HubClient

TAKEN_AT_ONCE = 64  # works out of the catalogue
UNDER_WAY_EACH = 2  # looks begun or waiting for each worker: none is ever idle, and little is lost with them


@dataclass
class ReadingPool:
    """The looks of one run. A context manager: leaving it ends what is under way.

    Attributes:
        reader: looks at one model.
        texts: reads cards and licence files, and keeps what is worth remembering.
        store: where works come from and results go.
        ledger: the run's counters.
        intake: knows under which conditions models would be looked at now.
        client: is told when the looks are to end.
        options: how many, and how thoroughly.
        done: looks finished so far.
    """

    reader: DeepReader
    texts: TextReader
    store: Store
    ledger: Ledger
    intake: Intake
    client: HubClient
    options: Options
    done: int = 0
    running: dict[Future[Look], str] = field(default_factory=dict)
    _left: set[str] = field(default_factory=set)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _last: Work | None = None
    _ranked: Iterator[Task] | None = None

    def __post_init__(self) -> None:
        self.ledger.opened += self.store.open_counts(self.ledger.run_id)
        self._texts_left = self.options.texts_per_run - self.ledger.run.texts_read
        self._workers = self._count_workers()
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="read")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.client.cancelled.set()  # a worker that waits for the quota need not wait any more
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """Looks begun or about to begin."""
        return len(self.running)

    def listing_grew(self) -> None:
        """More models are pending than before, perhaps more downloaded ones: begin with the first again."""
        self._last = None

    def fill(self, *, listed: bool) -> None:
        """Begin further looks, as many as keep all workers busy.

        Args:
            listed: the listing has ended; only then is known which models may be in scope, so that the texts of the
                most downloaded ones are read.
        """
        wanted = UNDER_WAY_EACH * self._workers - len(self.running)
        if self.options.deep == "never" or wanted < self._workers // 2 + 1:
            return
        tasks = list(self._taken_up(list(islice(self._pending(), wanted))))
        if not tasks and listed and not self.running:
            if self._ranked is None:
                self._ranked = self._by_rank()
            tasks = [(task, True) for task in islice(self._ranked, wanted)]
        for task, texts in tasks:
            self.running[self._pool.submit(self.reader.look, task, texts=texts)] = task.work.key

    def collect(self, finished: Iterable[Future[Look]]) -> None:
        """Store what came of some looks; an error of one is raised after the others are safe."""
        looks: list[Look] = []
        errors: list[BaseException] = []
        for future in finished:
            key = self.running.pop(future)
            if (error := future.exception()) is not None:
                errors.append(error)
                continue
            look = future.result()
            looks.append(look)
            errors += [look.stopped] if look.stopped else []
            if look.passing_failure or (look.task.work.texts and not look.texts_read):
                self._left.add(key)  # for a later run
        if looks:
            self._store(looks)
        if errors:
            raise errors[0]

    # Works -------------------------------------------------------------------------------------------------------

    def _pending(self) -> Iterator[Work]:
        """What the listing left open, most downloaded first, without what is under way or left for a later run."""
        under_way = {*self.running.values()}
        while works := self.store.pending(
            self.ledger.run_id, TAKEN_AT_ONCE, after=self._last, texts=self._texts_left > 0
        ):
            for work in works:
                self._last = work
                if work.key not in under_way and work.key not in self._left:
                    yield work

    def _by_rank(self) -> Iterator[Task]:
        """Models of which nothing but their rank says that their texts should be read."""
        read = self.ledger.run.texts_ranked
        again = self.options.full
        # Where those that were read do not drop out, they are the first ones.
        limit = max(self.options.texts_by_rank - read, 0)
        keys = iter(self.store.unread(self.ledger.run_id, limit, again=again, skip=read if again else 0))
        while some := list(islice(keys, TAKEN_AT_ONCE)):
            known = self.store.known(some)
            for key in some:
                assessment, sha = known[key].assessment(), known[key].sha
                yield ranked_task(assessment, sha, self.intake.marks(sha, assessment.gated))

    def _taken_up(self, works: list[Work]) -> Iterator[tuple[Task, bool]]:
        """Each work with what the catalogue knows of its model, and whether texts may be read with it."""
        known = self.store.known([work.key for work in works])
        for work in works:
            texts = work.texts and self._texts_left > 0
            self._texts_left -= texts
            if work.count or texts:
                yield take_up(work, known[work.key].assessment()), texts
            else:
                self._left.add(work.key)

    def _count_workers(self) -> int:
        """As many as set, but no more than can each end a model within what is left of a request budget."""
        limit = self.client.limits.max_requests
        if limit is None:
            return self.options.workers
        return max(1, min(self.options.workers, (limit - self.client.sent) // REQUESTS_PER_MODEL))

    # Results -----------------------------------------------------------------------------------------------------

    def _store(self, looks: list[Look]) -> None:
        """Store what looks gave, but for those that were overtaken.

        While a look goes on, the listing may show the model anew, at another revision or behind another gate. Its new
        note stands; of the old look only what files held, by their digests, is true still.
        """
        batch, run = Batch(), self.ledger.run
        noted = self.store.noted([look.task.work.key for look in looks if not look.task.ranked])
        for look in looks:
            work = look.task.work
            if not look.task.ranked and noted.get(work.key) != (work.work, work.listed):
                batch.learned += look.counted.learned if look.counted is not None else []
                self._left.discard(work.key)
                self._last = None  # the new note may stand before the works that were passed over
                continue
            # A failure that may pass is no reason to forget what was known before.
            (batch.seen if look.passing_failure and look.task.kept else batch.judged).append(look.assessment)
            batch.problems += self._problems(look)
            if look.texts_read:
                run.texts_ranked += look.task.ranked
                run.texts_read += not look.task.ranked
            if look.counted is not None:
                batch.learned += look.counted.learned
                run.deep_reads += 1
                self.ledger.settled += 1
                self.ledger.unsettled += any(v.status is VerdictStatus.UNDECIDED for v in look.assessment.verdicts)
                run.bytes_read += sum(e.bytes_read for e in look.counted.estimate.evidence)
                run.footprint += sum(counts_as_download(path) for path in look.counted.opened)
            if look.passing_failure:
                continue  # stays pending: the next run tries again
            batch.looked.append((look.task.work.key, look.looked))
            if look.task.work.texts and not look.texts_read:
                batch.pending.append(still_texts(look.task))
            else:
                batch.done.append(look.task.work.key)
                if look.task.work.listed is not None:
                    batch.listed[look.task.work.key] = look.task.work.listed
        batch.texts, batch.texts_used = self.texts.taken()
        batch.run = self.ledger.columns()
        self.store.save(self.ledger.run_id, batch)
        self.done += len(looks)

    def _problems(self, look: Look) -> Iterator[tuple[str, str, str]]:
        """What could not be read of a model; of a base model, once for all its children."""
        for file, code, message in look.failures:
            if look.task.ranked and code == "gated":
                continue  # nothing went wrong: its verdict says that it is gated, and that its texts were not read
            if not file.startswith(BASE):
                yield f"{look.assessment.name}/{file}".rstrip("/"), code, message
            elif (file, code) not in self._told:
                self._told.add((file, code))
                yield file, code, message
