"""Look at the files of one model that the listing did not settle: weights for the count, texts for declared limits.

Runs in a worker and touches no state of the scan: what is to be done comes in as a `Task` (from the catalogue, so that
another process can do it), what came of it goes back as a `Look`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from scanner.assessment import Assessment
from scanner.catalogue.store import Conditions
from scanner.counting import Counted, ReadOnce, Remembered, Told, count, read_once
from scanner.errors import BudgetSpent, SourceError
from scanner.facts import ModelFacts
from scanner.scope import strict_threshold
from scanner.task import Task
from scanner.textread import PASSING, TextReader, Texts

if TYPE_CHECKING:
    from config.regulation import Regulation
    from config.tables import ScanSettings
    from scanner.sources.huggingface import HuggingFace

Deep: TypeAlias = Literal["auto", "never", "always"]

REQUESTS_PER_MODEL = 20  # what a model with card, licence files and a base model may take


@dataclass(frozen=True, slots=True)
class Options:
    """How to scan.

    Attributes:
        deep: read weight files where the listing leaves a verdict open ("auto"), never, or always.
        resume: go on with an unfinished run of the same selection.
        full: list everything, and look again also at models whose revision has not changed.
        sweep: list everything, also where listing what changed since the last sweep would do.
        workers: files read at once.
        resume_hours: how old an unfinished run may be to be gone on with.
        max_missing: share of requests that may stay unanswered in a complete run.
        max_loss: share of known models that a listing may lose, or list without what they had.
        sweep_days: how old a whole listing may be for a scan of everything to list only what changed since.
        read_budget: bytes of one file that may be read.
        text_cap: bytes of one card or licence file that are read.
        texts_per_run: models whose card and licence files may be read, where something suggests a limit.
        texts_by_rank: further models of which they may be read, most downloaded first.
    """

    deep: Deep = "auto"
    resume: bool = True
    full: bool = False
    sweep: bool = False
    workers: int = 8
    resume_hours: float = 48.0
    max_missing: float = 0.001
    max_loss: float = 0.2
    sweep_days: float = 28.0
    read_budget: int = 160 * 1024 * 1024
    text_cap: int = 1024 * 1024
    texts_per_run: int = 200
    texts_by_rank: int = 500

    @classmethod
    def of(cls, scan: ScanSettings, **more: Any) -> Options:
        """The settings' options, with what a command or a job sets on top."""
        return cls(
            **{
                "deep": scan.deep,
                "workers": scan.workers,
                "resume_hours": scan.resume_hours,
                "max_missing": scan.max_missing,
                "max_loss": scan.max_loss,
                "sweep_days": scan.sweep_days,
                "read_budget": scan.read_budget_bytes,
                "text_cap": scan.text_cap_bytes,
                "texts_per_run": scan.texts_per_run,
                "texts_by_rank": scan.texts_by_rank,
                **more,
            }
        )


@dataclass(frozen=True, slots=True)
class Look:
    """What looking at one model gave.

    Attributes:
        task: what was to be done.
        assessment: the model as it stands now.
        counted: the count, where it was to be done.
        failures: (file, code, message) of what could not be read.
        texts_read: card and licence files were tried.
        passing_failure: a failure that trying again later may mend.
        stopped: the request budget ran out behind the count.
    """

    task: Task
    assessment: Assessment
    counted: Counted | None
    failures: Sequence[tuple[str, str, str]]
    texts_read: bool
    passing_failure: bool
    stopped: BudgetSpent | None

    @property
    def looked(self) -> Conditions:
        """Under which conditions files were looked at."""
        wanted = self.task.wanted
        return Conditions(wanted.count if self.counted else None, wanted.texts if self.texts_read else None)


@dataclass(frozen=True, slots=True)
class DeepReader:
    """Looks at models one by one; safe for many threads.

    Attributes:
        once: what headers were found to hold in this run, so that copies wait for the first one to be read.
    """

    source: HuggingFace
    texts: TextReader
    remembered: Remembered
    regulations: Sequence[Regulation]
    options: Options
    now: Callable[[], datetime]
    once: ReadOnce = field(default_factory=read_once)

    def look(self, task: Task, *, texts: bool) -> Look:
        """Look at the files of one model.

        Args:
            task: what is to be done.
            texts: read card and licence files too, where the task asks for them.

        Raises:
            BudgetSpent, Cancelled: nothing came of it that is worth keeping.
        """
        facts, assessment = task.facts, task.assessment
        counted = self._count(facts) if task.work.count else None
        failures = list(counted.failures) if counted else []
        stopped: BudgetSpent | None = None
        if counted is not None:
            assessment = replace(assessment, estimate=counted.estimate, observed_at=self.now())
        if texts:
            try:
                restrictions, missed = self.texts.read(self._with_texts(facts))
                failures += missed
                if not any(code in PASSING for _, code, _ in missed):
                    assessment = replace(assessment, restrictions=restrictions, observed_at=self.now())
            except SourceError as error:
                failures.append(("", error.code, str(error)))
            except BudgetSpent as error:
                if counted is None:
                    raise
                stopped, texts = error, False  # the count is worth keeping
        passing = any(code in PASSING for _, code, _ in failures)
        return Look(task, assessment.judged(self.regulations), counted, failures, texts, passing, stopped)

    def _with_texts(self, facts: ModelFacts) -> ModelFacts:
        """A model with all that reading its texts needs: its page, unless that would tell only what its card does.

        The page names the content of licence files, most of which are known, and shows the card's metadata, which
        cannot be read behind a gate.
        """
        if facts.files is None or facts.gated or Texts.of(facts).licences:
            return self.source.model(facts.name, facts.sha)
        return facts

    def _count(self, facts: ModelFacts) -> Counted:
        revision = facts.sha or "main"
        return count(
            facts,
            lambda path: self.source.file(facts.name, revision, path, budget=self.options.read_budget),
            thresholds=[strict_threshold(regulation) for regulation in self.regulations],
            exact=self.options.deep == "always",
            remembered=(lambda _: None) if self.options.full else self.remembered,
            refresh=lambda: self.source.model(facts.name, revision),
            closed=bool(facts.gated) and self.source.client.token is None,
            once=self.once,
            at_once=lambda index: self._at_once(facts, index),
        )

    def _at_once(self, facts: ModelFacts, index: str) -> Told | None:
        """The headers of all shards; None where they are not to be had, or are of another revision than the listing's.

        They are of the main branch as it is: where it is the same after them as in the listing, it was in between.
        """
        from scanner.sources.shard_headers import shard_headers

        try:
            headers = shard_headers(self.source.client, facts.name, index)
            page = self.source.model(facts.name)
        except SourceError:
            return None  # then by ranges, which tell what is wrong
        return Told(headers, page) if page.sha is not None and page.sha == facts.sha else None
