"""Read the models of a sample, and keep in the catalogue what that tells.

Of each model its page is asked for (one request of the API, with file sizes and digests), then the headers of its
weight files as a scan reads them; a file whose digest is known costs nothing. Nothing is known of a model's files
beforehand. Results are stored as they come, as those of a scan's deep reads are. All that a survey knows of requests
and of writing stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from scanner.assess import from_facts
from scanner.catalogue.frame import texts_pending
from scanner.catalogue.store import Batch, Conditions, Store
from scanner.counting import Counted, count
from scanner.deepread import Options
from scanner.errors import BudgetSpent, IncompleteError, SourceError
from scanner.prices import counts_as_download
from scanner.scope import strict_threshold
from scanner.survey.population import Pattern, value_of
from scanner.task import note_down
from scanner.textread import PASSING

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.assessment import Assessment
    from scanner.catalogue.tables import Run
    from scanner.facts import ModelFacts
    from scanner.sources.huggingface import HuggingFace

REPLACED = "replaced"
"""Code of a model whose name belongs to another repository now."""

UNDECIDED = "undecided"
"""Code of a model that was read and is undecided all the same."""


@dataclass(frozen=True, slots=True)
class Read:
    """What reading one model gave.

    Attributes:
        key, name: of the model.
        pattern: its verdicts, as in the frame.
        code: why a verdict is not known; empty where all are.
        weights: digests of the weight files that its count rests on.
    """

    key: str
    name: str
    pattern: Pattern
    code: str
    weights: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Looked:
    """A read with what is to be stored of it."""

    read: Read
    assessment: Assessment | None = None
    counted: Counted | None = None
    facts: ModelFacts | None = None
    failures: Sequence[tuple[str, str, str]] = ()

    @property
    def passing(self) -> bool:
        """Another try may do better."""
        return any(code in PASSING for _, code, _ in self.failures)


@dataclass
class SampleReader:
    """Reads the models of a sample by a few workers at once, until all are read or the budget is spent.

    Attributes:
        run: the run that is surveyed.
        latest: nothing was stored after it, so that verdicts can be stored under it; headers are remembered anyway.
    """

    source: HuggingFace
    store: Store
    run: Run
    latest: bool
    regulations: Sequence[Regulation]
    options: Options
    now: Callable[[], datetime]
    watch: Callable[[int, int], None] = lambda _done, _sent: None
    _done: int = field(init=False, default=0)
    _before: Mapping[str, Any] = field(init=False, default_factory=dict)
    _footprint: int = field(init=False, default=0)
    _bytes: int = field(init=False, default=0)
    _reads: int = field(init=False, default=0)

    def read_sample(self, models: Sequence[tuple[str, str]]) -> Iterator[Read]:
        """Read models, given by key and name, in this order; those that the budget did not suffice for are left out.

        Raises:
            IncompleteError: the Hub has not answered anything.
            Cancelled: the person asked to stop; what was read is stored.
        """
        run = self.run
        names = ("asked", "unanswered", "deep_reads", "bytes_read", "footprint")
        self._before = {"requests": dict(run.requests), **{name: getattr(run, name) for name in names}}
        waiting, workers, spent = iter(models), self.options.workers, False
        with ThreadPoolExecutor(workers, thread_name_prefix="survey") as pool:
            running: set[Future[_Looked | None]] = set()
            try:
                while True:
                    some = [] if spent else list(islice(waiting, 2 * workers - len(running)))
                    running.update(pool.submit(self._look, *model) for model in some)
                    if not running:
                        return
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    looked = [found for future in finished if (found := future.result()) is not None]
                    spent |= len(looked) < len(finished)
                    self._store(looked)
                    yield from (one.read for one in looked)
                    self._done += len(looked)
                    self.watch(self._done, self.source.client.sent)
                    self._require_an_answer(looked)
            except BaseException:
                self.source.client.cancelled.set()  # a worker that waits for the quota need not wait any more
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _require_an_answer(self, looked: Sequence[_Looked]) -> None:
        if looked and not self.source.client.heard:
            raise IncompleteError(
                f"{self.source.client.endpoint} has not answered anything: {looked[0].failures[0][2]}"
            )

    # One model ---------------------------------------------------------------------------------------------------

    def _look(self, key: str, name: str) -> _Looked | None:
        """Read one model; None where the budget is spent before its end."""
        try:
            facts = self.source.model(name)
            if facts.key != key:
                message = "its name belongs to another repository now"
                return _Looked(self._unread(key, name, REPLACED), failures=[("", REPLACED, message)])
            return self._counted(facts)
        except SourceError as error:
            return _Looked(self._unread(key, name, error.code), failures=[("", error.code, str(error))])
        except BudgetSpent:
            return None

    def _unread(self, key: str, name: str, code: str) -> Read:
        return Read(key, name, (None,) * (2 * len(self.regulations)), code)

    def _counted(self, facts: ModelFacts) -> _Looked:
        revision = facts.sha or "main"
        counted = count(
            facts,
            lambda path: self.source.file(facts.name, revision, path, budget=self.options.read_budget),
            thresholds=self._thresholds,
            remembered=self.store.remembered,
        )
        assessment = from_facts(facts, counted, self.now())
        known = self.store.known([facts.key]).get(facts.key)
        if known is not None:
            before = known.assessment()
            if known.sha == facts.sha and before.gated == facts.gated:
                assessment = replace(assessment, restrictions=before.restrictions)  # texts may have been read
        assessment = assessment.judged(self.regulations)
        pattern = tuple(
            value_of(str(status))
            for verdict in assessment.verdicts
            for status in (verdict.status, verdict.status_ignoring_declarations)
        )
        open_ = None in pattern
        code = (counted.failures[0][1] if counted.failures else UNDECIDED) if open_ else ""
        digests = (found.digest for found in counted.found.values() if found.estimate is not None)
        read = Read(facts.key, facts.name, pattern, code, frozenset(d for d in digests if d is not None))
        return _Looked(read, assessment, counted, facts, counted.failures)

    @property
    def _thresholds(self) -> list[int]:
        return [strict_threshold(regulation) for regulation in self.regulations]

    # Storing -----------------------------------------------------------------------------------------------------

    def _store(self, looked: Sequence[_Looked]) -> None:
        """Store what came of some reads, in one transaction."""
        batch = Batch()
        texts = texts_pending(self.store.engine, [one.read.key for one in looked])
        for one in looked:
            if one.counted is not None:
                batch.learned += one.counted.learned
                self._reads += 1
                self._bytes += sum(evidence.bytes_read for evidence in one.counted.estimate.evidence)
                self._footprint += sum(counts_as_download(path) for path in one.counted.opened)
            batch.problems += [(f"{one.read.name}/{file}".rstrip("/"), code, said) for file, code, said in one.failures]
            if self.latest and not one.passing and one.assessment is not None and one.facts is not None:
                self._keep(one.assessment, one.facts, batch, texts=one.read.key in texts)
        batch.run = self._counters()
        self.store.save(self._run_id, batch)

    def _keep(self, assessment: Assessment, facts: ModelFacts, batch: Batch, *, texts: bool) -> None:
        """Note a model's new verdicts, and that its count need not be looked at again."""
        marks = Conditions.of(facts.sha, facts.gated, self._thresholds, exact=False)
        batch.judged.append(assessment)
        batch.looked.append((facts.key, Conditions(count=marks.count)))
        if texts:  # of what the scan left to be read, this is still to be
            batch.pending.append(
                note_down(facts.key, facts.downloads, facts, Conditions(texts=marks.texts), listed=None)
            )
        else:
            batch.done.append(facts.key)

    @property
    def _run_id(self) -> int:
        assert self.run.id is not None  # noqa: S101 - every stored run has one
        return self.run.id

    def _counters(self) -> dict[str, Any]:
        """Columns of the run that grow with the survey's requests."""
        before, client = self._before, self.source.client
        buckets = {*before["requests"], *client.requests}
        return {
            "requests": {b: before["requests"].get(b, 0) + client.requests.get(b, 0) for b in sorted(buckets)},
            "asked": before["asked"] + client.asked,
            "unanswered": before["unanswered"] + client.unanswered,
            "deep_reads": before["deep_reads"] + self._reads,
            "bytes_read": before["bytes_read"] + self._bytes,
            "footprint": before["footprint"] + self._footprint,
        }
