"""Look at the files of one model that the listing did not settle: weights for the count, texts for declared limits.

Runs in a worker and touches no state of the scan: what is to be done comes in as `Work` (stored, so that another
process can do it), what came of it goes back as a `Look`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from scanner.assessment import Assessment
from scanner.catalogue.store import Conditions, Work
from scanner.counting import Counted, ReadOnce, Remembered, Told, count, read_once
from scanner.errors import BudgetSpent, SourceError
from scanner.facts import ModelFacts
from scanner.scope import strict_threshold
from scanner.textread import PASSING, TextReader, Texts

if TYPE_CHECKING:
    from config.regulation import Regulation
    from config.tables import ScanSettings
    from scanner.sources.huggingface import HuggingFace

for _type in (ModelFacts, Assessment):  # see records: workers may not be the first to convert to a type, all at once
    msgspec.json.Decoder(_type)

Deep: TypeAlias = Literal["auto", "never", "always"]

REQUESTS_PER_MODEL = 20  # what a model with card, licence files and a base model may take


@dataclass(frozen=True, slots=True)
class Options:
    """How to scan.

    Attributes:
        deep: read weight files where the listing leaves a verdict open ("auto"), never, or always.
        resume: go on with an unfinished run of the same selection.
        full: look again at models whose revision has not changed.
        workers: files read at once.
        resume_hours: how old an unfinished run may be to be gone on with.
        max_missing: share of requests that may stay unanswered in a complete run.
        read_budget: bytes of one file that may be read.
        text_cap: bytes of one card or licence file that are read.
        texts_per_run: models whose card and licence files may be read, where something suggests a limit.
        texts_by_rank: further models of which they may be read, most downloaded first.
    """

    deep: Deep = "auto"
    resume: bool = True
    full: bool = False
    workers: int = 8
    resume_hours: float = 48.0
    max_missing: float = 0.001
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
        work: what was to be done.
        assessment: the model as it stands now.
        counted: the count, where it was to be done.
        failures: (file, code, message) of what could not be read.
        texts_read: card and licence files were tried.
        passing_failure: a failure that trying again later may mend.
        stopped: the request budget ran out behind the count.
    """

    work: Work
    assessment: Assessment
    counted: Counted | None
    failures: Sequence[tuple[str, str, str]]
    texts_read: bool
    passing_failure: bool
    stopped: BudgetSpent | None

    @property
    def kept(self) -> bool:
        """What was known before the new revision still stands in the catalogue."""
        return bool(self.work.work["kept"])

    @property
    def ranked(self) -> bool:
        """Nothing suggested to read its texts but how often it is downloaded."""
        return bool(self.work.work.get("ranked"))

    @property
    def looked(self) -> Conditions:
        """Under which conditions files were looked at."""
        marks = self.work.work["looked"]
        return Conditions(marks["count"] if self.counted else None, marks["texts"] if self.texts_read else None)


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

    def look(self, work: Work, *, texts: bool) -> Look:
        """Look at the files of one model.

        Args:
            work: what is to be done.
            texts: read card and licence files too, where the work asks for them.

        Raises:
            BudgetSpent, Cancelled: nothing came of it that is worth keeping.
        """
        facts = msgspec.convert(work.work["facts"], ModelFacts)
        assessment = msgspec.convert(work.work["assessment"], Assessment)
        counted = self._count(facts) if work.count else None
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
        return Look(work, assessment.judged(self.regulations), counted, failures, texts, passing, stopped)

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


def work_on(facts: ModelFacts, assessment: Assessment, wanted: Conditions, *, kept: bool) -> Work:
    """Note down what is to be done for a model, with all that doing it needs.

    Args:
        facts: what the listing told.
        assessment: what it makes of the model.
        wanted: marks of what is to be looked at; None for what is not.
        kept: the catalogue keeps what it knew before until this is done.
    """
    values = {
        "facts": msgspec.to_builtins(replace(facts, card_data=None, tags=(), blobs={})),
        "assessment": msgspec.to_builtins(replace(assessment, verdicts=())),
        "looked": {"count": wanted.count, "texts": wanted.texts},
        "kept": kept,
    }
    return Work(facts.key, facts.downloads, wanted.count is not None, wanted.texts is not None, values)


def ranked_work(assessment: Assessment, sha: str | None, wanted: Conditions) -> Work:
    """Note down that a model's texts are to be read although nothing suggests it.

    Args:
        assessment: the model as the catalogue knows it.
        sha: the revision at which it was last seen.
        wanted: marks of what is to be looked at.
    """
    facts = ModelFacts(assessment.key, assessment.name, assessment.source, sha)
    work = work_on(facts, assessment, Conditions(texts=wanted.texts), kept=False)
    return replace(work, downloads=assessment.downloads, work={**work.work, "ranked": True})


def still_texts(look: Look) -> Work:
    """What is left to do where the count is done and the texts are for a later run."""
    assessment = msgspec.to_builtins(replace(look.assessment, verdicts=()))
    values = {**look.work.work, "assessment": assessment, "kept": False}
    return replace(look.work, count=False, work=values)
