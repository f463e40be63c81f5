"""The listing's side of a scan: one step fetched ahead of what is stored, then the models that it did not show.

Every step is stored in one transaction together with the place of the next one, so whatever interrupts it costs at most
the step in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from scanner.catalogue.store import Batch, Store
from scanner.errors import Refused, SourceError, Unanswered
from scanner.guard import Guard, Suspect
from scanner.intake import GONE, Intake

if TYPE_CHECKING:
    from scanner.facts import ModelFacts
    from scanner.ledger import Ledger
    from scanner.selection import Selection, Steps
    from scanner.sources.huggingface import HuggingFace, Page

MAX_LOOKED_THROUGH = 1_000_000  # of models that a listing showed before and shows no more
ASKED_AFTER = 1000  # of models that a sweep did not show, asked after one by one before the rest is taken for gone, too
ASKED_AT_ONCE = 20  # of them, between two writes
TAKEN_AT_ONCE = 500  # of the rest, in one write

Phase: TypeAlias = Literal["listing", "asking after", "reading"]
Unseen: TypeAlias = tuple[str, str]
"""Key and name of a model that a listing did not show."""
Answers: TypeAlias = "list[tuple[Unseen, ModelFacts | SourceError]]"


@dataclass
class ListingSide:
    """Lists, stores, and asks after what was not listed.

    Attributes:
        steps: the pages, one after the other.
        lister: fetches, one step at a time.
        follows: whether somebody wants to hear of the model of that name, also where a listing shows it no more.
        coming: the step that is being fetched; None where nothing is left to do.
        phase: what it is doing.
    """

    source: HuggingFace
    store: Store
    selection: Selection
    steps: Steps
    ledger: Ledger
    intake: Intake
    guard: Guard
    lister: ThreadPoolExecutor
    now: Callable[[], datetime]
    follows: Callable[[str], bool] | None = None
    coming: Future[Page] | Future[Answers] | None = None
    phase: Phase = "listing"
    _page: Future[Page] | None = None
    _answers: Future[Answers] | None = None
    _to_ask: list[Unseen] = field(default_factory=list)
    _there: int = 0
    _unanswered: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Begin where the run stands.

        Raises:
            Suspect: what was listed so far cannot be believed.
        """
        run = self.ledger.run
        if run.listing_done:
            self.phase = "reading"
        elif run.cursor is not None:
            self._fetch(run.cursor)
        else:
            self._listing_ended()

    def take(self) -> None:
        """Store the step that has come, while the next one is fetched.

        Raises:
            Suspect: the listing cannot be believed.
            SourceError, IncompleteError: the step did not come.
        """
        page, answers, self.coming, self._page, self._answers = self._page, self._answers, None, None, None
        if page is not None:
            self._take_page(page.result())
        elif answers is not None:
            self._take_answers(answers.result())

    # Pages -------------------------------------------------------------------------------------------------------

    def _fetch(self, place: str) -> None:
        self.coming = self._page = self.lister.submit(self.steps.step, place)

    def _take_page(self, page: Page) -> None:
        place = page.next if not self._cap_reached(page) else None
        if place is not None:
            self._fetch(place)
        self._store_page(page, place)
        if doubt := self.guard.doubt(early=place is not None):
            raise Suspect(doubt)
        if place is None:
            self._listing_ended()

    def _store_page(self, page: Page, place: str | None) -> None:
        run, cap = self.ledger.run, self.selection.cap
        rows = {row.key: row for row in page.rows}  # a row that is repeated on its page counts once
        if cap is not None:
            rows = dict(list(rows.items())[: max(cap - run.listed, 0)])
        batch = Batch(moment=self.now())
        before = self.intake.undecided
        # Rows that moved between pages while the listing went on were counted when they first came.
        run.listed += self.intake.take(self.ledger.run_id, list(rows.values()), batch)
        run.skipped += len(page.bad)
        batch.problems += [(bad.subject, bad.code, bad.message) for bad in page.bad]
        self.intake.take_gone({bad.subject: bad.code for bad in page.bad}, self.source.name, batch)
        run.watermark = run.watermark or page.moment or self.now()
        batch.run = {
            "cursor": place,
            "cursor_at": self.now(),
            "watermark": run.watermark,
            "doubts": self.guard.doubts(),
            "listing_done": place is None and not self._asks,
            **self.ledger.columns(),
        }
        self.store.save(self.ledger.run_id, batch)
        self.ledger.opened += sum(work.count for work in batch.pending)
        self.ledger.unsettled += self.intake.undecided - before

    def _cap_reached(self, page: Page) -> bool:
        cap = self.selection.cap
        return cap is not None and self.ledger.run.listed + len(page.rows) >= cap

    # What was not listed -----------------------------------------------------------------------------------------

    @property
    def _asks(self) -> bool:
        """Whether models that the listing did not show are asked after."""
        if self.ledger.run.base is not None:
            return False  # it lists what changed
        return self.selection.whole or self.follows is not None

    def _listing_ended(self) -> None:
        self._to_ask = self._unseen() if self._asks else []
        self.phase = "asking after" if self._to_ask else "reading"
        if self._to_ask:
            self._ask_next()
        elif self._asks:
            self._end()

    def _unseen(self) -> list[Unseen]:
        """Models to ask after by name: one that a whole listing did not show is gone, or has slipped through.

        A listing of the most used ones leaves out what is used less; there only the models that are followed matter.
        """
        run_id, source = self.ledger.run_id, self.source.name
        if self.selection.whole:
            if doubt := self.guard.losses(*self.store.coverage(run_id, source)):
                raise Suspect(doubt)
            return self.store.unseen(run_id, source, ASKED_AFTER)
        follows = self.follows or (lambda _: False)
        return [one for one in self.store.unseen(run_id, source, MAX_LOOKED_THROUGH) if follows(one[1])]

    def _go_on_asking(self) -> None:
        """Once all that were asked after are gone, the others that the listing did not show are, too; else ask on."""
        if not self.selection.whole:
            return
        found, self._there = self._there, 0
        if found:
            self._to_ask = self._not_asked(ASKED_AFTER)
            return
        while some := self._not_asked(TAKEN_AT_ONCE):
            known = self.store.known([key for key, _ in some])
            batch = Batch(moment=self.now())
            for key, _ in some:
                self.intake.end(known[key], "not-found", batch)
            self.store.save(self.ledger.run_id, batch)

    def _not_asked(self, most: int) -> list[Unseen]:
        """Models that neither the listing nor an answer has told of."""
        found = self.store.unseen(self.ledger.run_id, self.source.name, most + len(self._unanswered))
        return [one for one in found if one[0] not in self._unanswered][:most]

    def _ask_next(self) -> None:
        models, self._to_ask = self._to_ask[:ASKED_AT_ONCE], self._to_ask[ASKED_AT_ONCE:]
        self.coming = self._answers = self.lister.submit(self._ask, models)

    def _ask(self, models: Sequence[Unseen]) -> Answers:
        answers: Answers = []
        for one in models:
            try:
                answers.append((one, self.source.model(one[1])))
            except (Refused, Unanswered) as error:
                answers.append((one, error))
        return answers

    def _take_answers(self, answers: Answers) -> None:
        if self._to_ask:
            self._ask_next()
        self._store_answers(answers)
        if self.coming is None:
            self._go_on_asking()
            if self._to_ask:
                self._ask_next()
            else:
                self._end()

    def _end(self) -> None:
        self.phase = "reading"
        self.store.save(self.ledger.run_id, Batch(run={"listing_done": True, **self.ledger.columns()}))

    def _store_answers(self, answers: Answers) -> None:
        known = self.store.known([key for (key, _), _ in answers])
        batch = Batch(moment=self.now())
        for (key, name), answer in answers:
            if isinstance(answer, SourceError):
                if answer.code in GONE:
                    self.intake.end(known[key], answer.code, batch)
                else:
                    batch.problems.append((name, answer.code, str(answer)))
                    self._unanswered.add(key)
            elif answer.key == key:
                self._there += 1
                self.intake.take(self.ledger.run_id, [answer], batch)
            else:  # the name was given to another repository, which the listing shows by itself
                self.intake.end(known[key], "not-found", batch)
        batch.run = self.ledger.columns()
        self.store.save(self.ledger.run_id, batch)
