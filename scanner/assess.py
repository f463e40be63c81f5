"""Assess one model: gather, count, read restrictions, judge. Used whole by `check`, and in parts by a scan.

What could not be read is recorded beside what could; only a repository that is not there at all ends the work on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from estimators.interface import Estimate, Finding
from estimators.plan import candidate_reads
from scanner.assessment import NOTHING_KNOWN, NOTHING_READ, Assessment, ReadError, WithBase
from scanner.counting import Counted, count, count_listed, declared_evidence
from scanner.errors import Refused, SourceError, Unanswered, UsageError
from scanner.restrictions.card.frontmatter import split_card
from scanner.restrictions.interface import UNDETERMINED, Place, Restrictions, Status
from scanner.restrictions.reader import decode, is_licence_file, read_repository
from scanner.scope import Distribution, Verdict, VerdictStatus, strict_threshold
from scanner.sources.local import LocalFolder
from scanner.textread import NO_BASE, Failure, TextReader, Texts, read_texts

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.facts import ModelFacts
    from scanner.sources.huggingface import HuggingFace
    from scanner.targets import Target

MAX_LOCAL_READS = 20_000  # of one folder: files at hand cost next to nothing
TEXT_SUFFIXES = frozenset({".md", ".txt", ".rst", ".markdown", ".html", ".htm"})


def from_facts(
    facts: ModelFacts, counted: Counted, moment: datetime, restrictions: Restrictions | None = None
) -> Assessment:
    """What the source's own metadata makes of a model: its count, and its restrictions by metadata alone.

    Args:
        facts: what the source told.
        counted: what that makes of the count.
        moment: when it did.
        restrictions: what `restrictions_listed` says, where somebody knows.
    """
    if restrictions is None:
        restrictions = restrictions_listed(facts)
    parameters = facts.safetensors_parameters
    return Assessment(
        key=facts.key,
        name=facts.name,
        source=facts.source,
        revision=facts.sha,
        observed_at=moment,
        estimate=counted.estimate,
        restrictions=restrictions,
        gated=facts.gated,
        distribution=facts.distribution,
        # Full weights beside an adapter make the repository a model, whatever it is derived from.
        adapter=counted.layout.adapter or (facts.adapter and not counted.layout.adapters),
        base_model=facts.base_model,
        license=facts.license,
        declared_total=facts.safetensors_total,
        declared_sum=None if parameters is None else _sum(parameters.values()),
        created_at=facts.created_at,
        last_modified=facts.last_modified,
        downloads=facts.downloads,
        likes=facts.likes,
    )


def restrictions_listed(facts: ModelFacts) -> Restrictions:
    """What the source's own metadata declares."""
    return read_repository(
        card_data=facts.card_data or {},
        gated=facts.gated,
        tags=facts.tags,
        absent=Texts.of(facts).absent,
        unread=() if facts.card_told else (Place.METADATA,),
    )


def count_open(
    facts: ModelFacts, counted: Counted, assessment: Assessment, regulations: Sequence[Regulation], *, exact: bool
) -> bool:
    """Whether looking at files could still move the count to a side (or make it exact, where that is wanted).

    Args:
        facts: what the source told.
        counted: what that makes of the count.
        assessment: the model, judged by the regulations.
        regulations: the rules that were applied.
        exact: every tensor is to be seen.
    """
    if facts.distribution is not Distribution.PUBLIC or facts.sha is None or not facts.files:
        return False
    if exact and assessment.estimate is not None and assessment.estimate.exact:
        return False
    if not exact and all(has_side(verdict) for verdict in assessment.verdicts):
        return False
    thresholds = [strict_threshold(regulation) for regulation in regulations]
    return bool(candidate_reads(counted.layout, counted.found, declared_evidence(facts), thresholds, exact=exact))


def has_side(verdict: Verdict) -> bool:
    """Whether the count is on one side of the threshold."""
    return next(one for one in verdict.conditions if one.leg == "parameters").met is not None


def texts_open(assessment: Assessment, before: Assessment | None) -> bool:
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


@dataclass
class Checker:
    """Assesses targets one by one; keeps between them what base models' licences say, and that the Hub never answered.

    Attributes:
        regulations: the rules to apply.
        hub: where ids are looked up; None where only local targets come.
        exact: read on until every tensor was counted.
        read_budget: bytes of one file that may be read.
        text_cap: bytes of one text that are read.
        now: the clock.
    """

    regulations: Sequence[Regulation]
    hub: HuggingFace | None
    exact: bool = False
    read_budget: int = 160 * 1024 * 1024
    text_cap: int = 1024 * 1024
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _down: Unanswered | None = field(default=None, init=False)
    _reader: TextReader | None = field(default=None, init=False)

    def check(self, target: Target) -> Assessment:
        """Assess one target; what cannot be read is in its errors.

        Raises:
            UsageError, IncompleteError: nothing further can be asked at all.
        """
        if target.path is None:
            return self._hub_model(target)
        if target.path.is_dir() or not _is_text(target.path):
            return self._local_model(target, target.path)
        return self._local_text(target, target.path)

    # A Hub's model -----------------------------------------------------------------------------------------------

    def _hub_model(self, target: Target) -> Assessment:
        if self.hub is None:
            raise UsageError(f"{target.given}: no Hub to ask")
        if self._down is not None:
            return self._unreadable(target, self._down)
        try:
            facts = self.hub.model(target.name, target.revision)
        except (Refused, Unanswered) as error:
            if isinstance(error, Unanswered) and error.code == "unreachable" and not self.hub.client.heard:
                # The next targets need not wait for the same silence.
                self._down = Unanswered(error.code, f"{self.hub.client.endpoint} has not answered anything so far")
            return self._unreadable(target, error)
        if target.revision is not None:
            # What the Hub declares is about its main branch; another revision is counted from its files.
            facts = replace(facts, safetensors_total=None, safetensors_parameters=None, gguf_total=None)
        hub, revision = self.hub, facts.sha or target.revision or "main"
        readable = facts.distribution is Distribution.PUBLIC
        counted = count(
            facts,
            (lambda path: hub.file(facts.name, revision, path, budget=self.read_budget)) if readable else None,
            thresholds=[strict_threshold(regulation) for regulation in self.regulations],
            exact=self.exact,
            describe=True,
        )
        assessment = from_facts(facts, counted, self.now())
        failures = list(counted.failures)
        if readable:
            restrictions, missed = self._texts(hub).read(facts)
            assessment = replace(assessment, restrictions=restrictions)
            failures += missed
        if assessment.adapter and facts.base_model:
            assessment = replace(assessment, with_base=self._with_base(assessment, facts.base_model, failures))
        if facts.name.lower() != target.name.lower():
            assessment = _noted(assessment, Finding("renamed", f"{target.name} is now called {facts.name}"))
        errors = tuple(ReadError(code, message, file or None) for file, code, message in dict.fromkeys(failures))
        return replace(assessment, errors=errors).judged(self.regulations)

    def _texts(self, hub: HuggingFace) -> TextReader:
        """One for all targets, so that the base model of several is read once."""
        if self._reader is None:
            self._reader = TextReader(hub, self.text_cap)
        return self._reader

    def _unreadable(self, target: Target, error: SourceError) -> Assessment:
        """A target that the Hub does not show: disabled is known to be undistributed, anything else is unknown."""
        disabled = error.code == "disabled"
        assessment = Assessment(
            key="",
            name=target.name,
            source="huggingface",
            revision=None,
            observed_at=self.now(),
            estimate=NOTHING_KNOWN,
            restrictions=NOTHING_READ,
            distribution=Distribution.DISABLED if disabled else Distribution.PUBLIC,
            readable=disabled,
            errors=(ReadError(error.code, str(error)),),
        )
        return assessment.judged(self.regulations)

    def _with_base(self, assessment: Assessment, base: str, failures: list[Failure]) -> WithBase:
        """The adapter's count together with what the base model's page declares."""
        own = assessment.estimate or NOTHING_KNOWN
        together = Estimate(low=own.low, high=None, point=None, basis=own.basis)
        assert self.hub is not None  # noqa: S101 - a Hub's model came from one
        try:
            other = count_listed(self._texts(self.hub).page(base)).estimate
        except SourceError as error:
            failures.append((f"base model {base}", error.code, str(error)))
            return WithBase(base, together)
        high = None if own.high is None or other.high is None else own.high + other.high
        point = None if own.point is None or other.point is None else own.point + other.point
        return WithBase(base, replace(together, low=own.low + other.low, high=high, point=point))

    # On this machine ---------------------------------------------------------------------------------------------

    def _local_model(self, target: Target, path: Path) -> Assessment:
        folder = LocalFolder(path)
        facts = _with_card(folder.model(), folder, self.text_cap)
        counted = count(
            facts,
            lambda name: folder.file(name, budget=self.read_budget),
            thresholds=[strict_threshold(regulation) for regulation in self.regulations],
            exact=True,  # headers at hand cost next to nothing, and a broken file is told by them alone
            describe=True,
            most_reads=MAX_LOCAL_READS,
        )
        assessment = from_facts(facts, counted, self.now())
        if path.is_dir():
            # A folder may have a base model somewhere; without a Hub to ask, that place stays unread.
            restrictions, failures = read_texts(facts, folder.text, self.text_cap, NO_BASE)
        else:
            # One file says nothing of the texts that may lie beside it.
            restrictions, failures = read_repository(card_data={}, gated=False, tags=()), []
        errors = tuple(ReadError(code, message, file or None) for file, code, message in (*counted.failures, *failures))
        assessment = replace(assessment, name=target.given, restrictions=restrictions, errors=errors)
        if assessment.adapter and facts.base_model:
            own = assessment.estimate or NOTHING_KNOWN
            together = Estimate(low=own.low, high=None, point=None, basis=own.basis)
            assessment = replace(assessment, with_base=WithBase(facts.base_model, together))
        return assessment.judged(self.regulations)

    def _local_text(self, target: Target, path: Path) -> Assessment:
        """A card or a licence file: restrictions only."""
        folder = LocalFolder(path)
        empty = Assessment(
            key=f"local:{path}",
            name=target.given,
            source="local",
            revision=None,
            observed_at=self.now(),
            estimate=None,
        )
        try:
            file = decode(path.name, folder.text(path.name, max_bytes=self.text_cap + 1), self.text_cap)
        except SourceError as error:
            return replace(empty, readable=False, errors=(ReadError(error.code, str(error), path.name),))
        licence = is_licence_file(path.name)
        restrictions = read_repository(
            card_data={} if licence else None,
            gated=False,
            card=None if licence else file,
            licence_files=[file] if licence else [],
            absent={Place.CARD if licence else Place.LICENCE_FILES, Place.BASE_MODEL},  # of a target that is one file
        )
        unreadable = (ReadError("text-unreadable", file.unreadable, path.name),) if file.unreadable else ()
        return replace(empty, restrictions=restrictions, readable=not unreadable, errors=unreadable)


def _with_card(facts: ModelFacts, folder: LocalFolder, text_cap: int) -> ModelFacts:
    """A folder's facts with what the Hub would take from its card: metadata, licence, base model, gate."""
    path = Texts.of(facts).card
    if path is None:
        return facts
    try:
        card = decode(path, folder.text(path, max_bytes=text_cap + 1), text_cap)
    except SourceError:
        return facts  # the reader of texts reports it
    data = split_card(card).data or {}
    base = data.get("base_model")
    base = base[0] if isinstance(base, list) and base else base
    licence = data.get("license")
    return replace(
        facts,
        card_data=data or None,
        license=licence if isinstance(licence, str) else None,
        base_model=base if isinstance(base, str) and base else facts.base_model,
    )


def _is_text(path: Path) -> bool:
    """Whether a file given by itself is a card or a licence rather than weights."""
    return path.suffix.lower() in TEXT_SUFFIXES or is_licence_file(path.name)


def _noted(assessment: Assessment, finding: Finding) -> Assessment:
    estimate = assessment.estimate or NOTHING_KNOWN
    return replace(assessment, estimate=replace(estimate, findings=(*estimate.findings, finding)))


def _sum(values: Iterable[object]) -> int | None:
    """The sum of elements per dtype; None where a server put something else there."""
    numbers = list(values)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
        return None
    return sum(n for n in numbers if isinstance(n, int))
