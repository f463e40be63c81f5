"""What one page of a listing becomes: models as they are to be stored, and what is still to be looked at of them.

Three ways, the cheapest that does: a row that says what it said last time is only seen again; a new one of a kind that
is known takes what its kind says (quick.py); any other is counted, read for restrictions and judged on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from scanner.assess import count_open, from_facts, texts_open
from scanner.catalogue.coding import key_bytes
from scanner.catalogue.store import Batch, Conditions, Known, Standing, Store
from scanner.counting import count_listed
from scanner.deepread import Options
from scanner.facts import ModelFacts
from scanner.fingerprints import fingerprint, salt_of
from scanner.quick import QuickJudge
from scanner.restrictions.interface import Status
from scanner.scope import Distribution, VerdictStatus, strict_threshold
from scanner.sources.rows import Row, facts_of
from scanner.task import note_down

if TYPE_CHECKING:
    from config.regulation import Regulation
    from scanner.assessment import Assessment
    from scanner.guard import Guard
    from scanner.restrictions.interface import Gated

UNDECIDED = str(VerdictStatus.UNDECIDED)
GONE = {"not-found": Distribution.DELETED, "disabled": Distribution.DISABLED}
"""Answers that say of a known model that nobody gets it any more."""


@dataclass
class Intake:
    """Takes in what a source tells of models, for one run.

    Attributes:
        store: what is known already.
        regulations: the rules to apply.
        options: how thoroughly to look.
        tool_version: part of what makes an answer outdated.
        now: the clock.
        guard: told of what is listed no more of models that were known.
        named: whoever asks has a token, which may open gates.
        undecided: models taken in so far that are undecided, and of which nothing is noted that would settle them.
    """

    store: Store
    regulations: Sequence[Regulation]
    options: Options
    tool_version: str
    now: Callable[[], datetime]
    guard: Guard
    named: bool = False
    undecided: int = 0

    def __post_init__(self) -> None:
        self._thresholds = [strict_threshold(regulation) for regulation in self.regulations]
        self._exact = self.options.deep == "always"
        self._quick = QuickJudge(self.regulations, exact=self._exact, reads=self.options.deep != "never")
        self._salt = salt_of(self.regulations, self.tool_version, self.options.deep, named=self.named)

    def take(self, run_id: int, items: Sequence[Row | ModelFacts], batch: Batch) -> int:
        """Note in a batch what is to be stored of some models.

        Args:
            run_id: the run that sees them.
            items: each model once.
            batch: what will be written.

        Returns:
            How many of them this run had not seen before.
        """
        keys = [key_bytes(item.key) for item in items]
        standing = self.store.standing(keys)
        if standing:
            fresh = sum(1 for key in keys if (one := standing.get(key)) is None or one.last_run != run_id)
        else:
            fresh = len(keys)
        slow = [
            item
            for key, item in zip(keys, items, strict=True)
            if not isinstance(item, Row) or not self._take_quickly(key, item, standing.get(key), batch)
        ]
        known = self.store.known([item.key for item in slow]) if standing else {}
        for item in slow:
            self._take_slowly(item, known.get(item.key), batch)
        return fresh

    def _take_quickly(self, key: bytes, row: Row, before: Standing | None, batch: Batch) -> bool:
        """Whether a row needed no more than to be seen again, or could be judged by its kind."""
        if self.options.full:
            return False
        mark = fingerprint(row, self._salt)
        if before is not None:
            if before.listed != mark:
                return False
            batch.same.append((*row.figures, key))
            self.guard.unchanged(1)
            self.undecided += before.undecided
            return True
        judged = self._quick.take(row, key, mark)
        if judged is None:
            return False
        listed = judged.listed
        if judged.work is None and not judged.texts:
            batch.new.append(listed)
            self.undecided += any(ruling.status == UNDECIDED for ruling in listed.rulings)
            return True
        marks = self.marks(row.sha, judged.gated)
        wanted = Conditions(marks.count if judged.work else None, marks.texts if judged.texts else None)
        facts = facts_of(row) if judged.texts or judged.work is None else judged.work
        batch.new.append(listed._replace(listed=None))
        batch.pending.append(note_down(row.key, listed.downloads, facts, wanted, listed=mark))
        return True

    def _take_slowly(self, item: Row | ModelFacts, known: Known | None, batch: Batch) -> None:
        """Judge one listed model from what is at hand, and note what is still to be read of it.

        What an earlier look found stays as long as the listing alone would know less: the count until the new revision
        has been looked at, the declarations until its texts have been read. Where the texts declared nothing, a new
        revision is one whose texts nobody has read.
        """
        facts = facts_of(item) if isinstance(item, Row) else item
        mark = fingerprint(item, self._salt) if isinstance(item, Row) else None
        counted = count_listed(facts)
        fresh = from_facts(facts, counted, self.now())
        marks = self.marks(facts.sha, facts.gated)
        looked = Conditions() if known is None or self.options.full else known.looked
        same = known is not None and facts.sha is not None and known.sha == facts.sha and not self.options.full
        before = known.assessment() if known is not None else None
        if before is not None:
            self.guard.compare(before, facts, _declared_count(fresh))
            if same and _declared(before) == _declared(fresh):
                fresh = replace(fresh, estimate=before.estimate)
        fresh = fresh.judged(self.regulations)
        count_wanted = looked.count != marks.count and count_open(
            facts, counted, fresh, self.regulations, exact=self._exact
        )
        texts_wanted = looked.texts != marks.texts and texts_open(fresh, before)
        read_as_it_is = known is not None and known.looked.texts == marks.texts
        assessment = fresh
        if before is not None and before.gated == fresh.gated:
            unlearnt = texts_wanted and before.restrictions.status is not Status.NOT_READ
            read_as_it_is &= not self.options.full or fresh.restrictions.status is Status.NONE_IN_METADATA
            if unlearnt or read_as_it_is:
                assessment = replace(fresh, restrictions=before.restrictions).judged(self.regulations)
        if known is not None and known.looked.texts is not None and not read_as_it_is:
            batch.outdated.append(facts.key)
        never = self.options.deep == "never"
        kept = known is not None and not same and count_wanted and not never
        if (count_wanted or texts_wanted) and not never:
            wanted = Conditions(marks.count if count_wanted else None, marks.texts if texts_wanted else None)
            batch.pending.append(
                note_down(facts.key, facts.downloads, facts, wanted, listed=mark, kept=assessment if kept else None)
            )
        else:
            self.undecided += any(verdict.status is VerdictStatus.UNDECIDED for verdict in assessment.verdicts)
            batch.done.append(facts.key)
            if mark is not None:
                batch.listed[facts.key] = mark
        (batch.seen if kept else batch.judged).append(assessment)

    def take_gone(self, refused: Mapping[str, str], source: str, batch: Batch) -> None:
        """Note models asked for by name that nobody gets any more, and that are known from before.

        Args:
            refused: codes by name.
            source: where they were asked for.
            batch: what will be written.
        """
        gone = {name: code for name, code in refused.items() if code in GONE}
        keys = self.store.named(gone, source) if gone else {}
        known = self.store.known(keys.values())
        for name, key in keys.items():
            if key in known:
                self.end(known[key], gone[name], batch)

    def end(self, known: Known, code: str, batch: Batch) -> None:
        """Note that nobody gets a model any more."""
        before = replace(known.assessment(), observed_at=self.now(), distribution=GONE[code])
        batch.judged.append(before.judged(self.regulations))
        batch.done.append(before.key)

    def marks(self, sha: str | None, gated: Gated) -> Conditions:
        """Marks of the conditions under which files would be looked at now."""
        return Conditions.of(sha, gated, self._thresholds, exact=self._exact, named=self.named)


def _declared(assessment: Assessment) -> tuple[int | None, int | None]:
    return assessment.declared_total, assessment.declared_sum


def _declared_count(assessment: Assessment) -> int | None:
    return assessment.declared_sum if assessment.declared_sum is not None else assessment.declared_total
