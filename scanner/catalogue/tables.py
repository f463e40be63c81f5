"""The tables of the catalogue.

What is known of a model now stands in its one row of `model`: a Hub of three million models fits into a file of half a
gigabyte, and a page of the listing is one bulk insert. What a few hundred models share word for word (where a count
comes from, what was read, a verdict with its reasons) stands once, in `profile` and `judgement`, and rows name it by
number.

History is kept by validity: what is known now holds since run `since_run`; what was known before holds from run
`since_run` up to, not including, run `until_run`, in `past_observation` and `past_judgement`. A row is added there only
when something that matters changed, so the state as of any past run is one query away, and a week without changes costs
no rows. Where both numbers are the same the row holds in no run at all: a run that was found suspect keeps its data so.
Downloads and likes move all the time and are overwritten in place.

The three tables that grow with the Hub have no foreign keys: checking them costs as much as writing the rows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import JSON
from sqlmodel import Field, SQLModel

from scanner.catalogue.coding import Hex, Key, Moment, Source

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, stored without its zone (SQLite has none)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else value.replace(tzinfo=UTC)


def _count(*, nullable: bool = True) -> Column[int]:
    """A column for parameter counts and bytes, which pass 2^31 as a matter of course."""
    return Column(BigInteger, nullable=nullable)


def _counter() -> Column[int]:
    """A column that counts, added to a table that had rows."""
    return Column(Integer, nullable=False, server_default="0")


class Run(SQLModel, table=True):
    """One scan, from its first page to its last deep read; an interrupted one is continued under the same id."""

    __tablename__: ClassVar[str] = "run"

    id: int | None = Field(default=None, primary_key=True)
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    source: str
    endpoint: str
    selection: str = Field(sa_column=Column(Text, nullable=False))  # canonical words of the selectors
    series: int = Field(default=0, index=True)  # the first run of the same selection over the same endpoint
    deep: str  # how much was read: "auto", "never", "always"
    tool_version: str
    state: str = Field(index=True)  # RunState
    detail: str = ""  # one sentence where the run is not complete
    cursor: str | None = Field(default=None, sa_column=Column(Text))  # path and query of the next page
    cursor_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    listing_done: bool = False
    sweep: bool = False  # the listing covered the whole source, so what it did not show is gone
    base: int | None = None  # of a run that listed what changed since: the sweep whose coverage it brings up to date
    watermark: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))  # the Hub's time at its first page:
    # what changed later, a run that lists changes has to show
    named: bool | None = None  # whether there was a token, which may open gates; None where that was not noted
    doubts: dict[str, int] | None = Field(default=None, sa_column=Column(JSON))  # what its listing no longer says of
    # models that were known (guard.Guard)
    listed: int = 0
    skipped: int = 0
    deep_reads: int = 0
    asked: int = 0  # pages, models and files asked for
    unanswered: int = 0  # of those, still without an answer after all retries
    requests: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    bytes_read: int = Field(default=0, sa_column=_count(nullable=False))
    footprint: int = 0  # reads that the Hub counts as downloads of the model
    occurrence: int | None = Field(default=None, index=True)  # the scheduled occurrence it was made for (no foreign
    # key: SQLite could add one only by copying the table, to which others refer)
    rules: dict[str, str] | None = Field(default=None, sa_column=Column(JSON))  # digest of each regulation applied
    texts_read: int = Field(default=0, sa_column=_counter())  # models whose texts were read as something suggested it
    texts_ranked: int = Field(default=0, sa_column=_counter())  # further ones, by download rank


class Model(SQLModel, table=True):
    """One repository, by the id that renames do not change, with what is known of it now."""

    __tablename__: ClassVar[str] = "model"
    __table_args__ = ({"sqlite_with_rowid": False},)

    key: str = Field(sa_column=Column(Key, primary_key=True))  # the Hub's `_id`
    name: str = Field(sa_column=Column(Text, nullable=False))  # owner/name, as last seen
    source: str = Field(sa_column=Column(Source, nullable=False))
    created_at: datetime | None = Field(default=None, sa_column=Column(Moment))
    last_modified: datetime | None = Field(default=None, sa_column=Column(Moment))
    sha: str | None = Field(default=None, sa_column=Column(Hex))  # the revision last assessed
    downloads: int = Field(default=0, sa_column=_count(nullable=False))
    likes: int = Field(default=0, sa_column=_count(nullable=False))
    first_run: int
    last_run: int  # the last run that saw it
    listed: int | None = Field(default=None, sa_column=_count())  # fingerprint of what the listing said of it, but for
    # its figures, and of the rules that were applied: where it is the same, nothing has to be decided anew
    count_looked: str | None = Field(default=None, sa_column=Column(Hex))  # under which conditions its weight files
    # were last looked at (store.Conditions)
    texts_looked: str | None = Field(default=None, sa_column=Column(Hex))  # the same for its card and licence files
    # What is known of it; None in `since_run` where only a suspect run has seen it.
    since_run: int | None = None
    observed_at: datetime | None = Field(default=None, sa_column=Column(Moment))
    profile: int | None = None  # of Profile
    base_model: str | None = Field(default=None, sa_column=Column(Text))
    license: str | None = Field(default=None, sa_column=Column(Text))
    low: int = Field(default=0, sa_column=_count(nullable=False))
    point: int | None = Field(default=None, sa_column=_count())
    high: int | None = Field(default=None, sa_column=_count())
    stored_elements: int | None = Field(default=None, sa_column=_count())
    buffers: int | None = Field(default=None, sa_column=_count())
    declared_total: int | None = Field(default=None, sa_column=_count())
    declared_sum: int | None = Field(default=None, sa_column=_count())
    detail: bytes | None = Field(default=None, sa_column=Column(LargeBinary))  # components, evidence and findings where
    # they say more than the columns (records.packed_detail)
    judgement: int | None = None  # of Judgement
    judged_since: int | None = None


class Profile(SQLModel, table=True):
    """What many observations have in common, word for word."""

    __tablename__: ClassVar[str] = "profile"

    id: int | None = Field(default=None, primary_key=True)
    basis: str
    exact: bool
    distribution: str
    gated: str | None = None  # None, "auto" or "manual"
    adapter: bool
    restriction_status: str
    restriction_read: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    country_asked: bool = False
    findings: bool = False  # there are some, in the details


class Judgement(SQLModel, table=True):
    """One regulation's answer with its reasons, as many models share it; a row for each regulation of a judgement."""

    __tablename__: ClassVar[str] = "judgement"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    regulation: str = Field(sa_column=Column(Text, primary_key=True))
    status: str
    status_ignoring_declarations: str
    reasons: str = Field(sa_column=Column(Text, nullable=False))  # codes, comma-separated, the deciding one first
    next_step: str | None = Field(default=None, sa_column=Column(Text))
    threshold: int = Field(sa_column=_count(nullable=False))  # parameters, as the regulation writes it
    strict: int = Field(sa_column=_count(nullable=False))  # what a count must pass (scope.strict_threshold)
    own: bool = Field(sa_column=Column(Boolean, nullable=False))  # the interval judged is the model's own, not one
    # with a base model whose count is unknown: margins follow from it (scope.margin_of)


class PastObservation(SQLModel, table=True):
    """What was known of a model from one run up to another."""

    __tablename__: ClassVar[str] = "past_observation"
    __table_args__ = (Index("ix_past_observation_until_run", "until_run"), {"sqlite_with_rowid": False})

    model_key: str = Field(sa_column=Column(Key, primary_key=True))
    since_run: int = Field(sa_column=Column(Integer, primary_key=True))
    until_run: int
    observed_at: datetime = Field(sa_column=Column(Moment, nullable=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    sha: str | None = Field(default=None, sa_column=Column(Hex))
    profile: int
    base_model: str | None = Field(default=None, sa_column=Column(Text))
    license: str | None = Field(default=None, sa_column=Column(Text))
    low: int = Field(default=0, sa_column=_count(nullable=False))
    point: int | None = Field(default=None, sa_column=_count())
    high: int | None = Field(default=None, sa_column=_count())
    stored_elements: int | None = Field(default=None, sa_column=_count())
    buffers: int | None = Field(default=None, sa_column=_count())
    declared_total: int | None = Field(default=None, sa_column=_count())
    declared_sum: int | None = Field(default=None, sa_column=_count())
    detail: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


class PastJudgement(SQLModel, table=True):
    """How a model was judged from one run up to another."""

    __tablename__: ClassVar[str] = "past_judgement"
    __table_args__ = (Index("ix_past_judgement_until_run", "until_run"), {"sqlite_with_rowid": False})

    model_key: str = Field(sa_column=Column(Key, primary_key=True))
    since_run: int = Field(sa_column=Column(Integer, primary_key=True))
    until_run: int
    judgement: int


class Member(SQLModel, table=True):
    """A model that runs of one series saw without a gap, where their selection is not the whole source.

    A run of the series between `since_run` and `last_run` covers the model. A sweep of everything needs no such rows:
    it covers every model that was known by then and was seen in it or later.
    """

    __tablename__: ClassVar[str] = "member"

    series: int = Field(foreign_key="run.id", primary_key=True)
    model_key: str = Field(sa_column=Column(Key, primary_key=True))
    since_run: int = Field(foreign_key="run.id", primary_key=True)
    last_run: int = Field(foreign_key="run.id")


class DeclarationRow(SQLModel, table=True):
    """One declared restriction of an observation, with its words."""

    __tablename__: ClassVar[str] = "declaration"

    __table_args__ = (Index("ix_declaration_model", "model_key", "since_run"),)

    id: int | None = Field(default=None, primary_key=True)
    model_key: str = Field(sa_column=Column(Key, nullable=False))
    since_run: int  # of the observation
    kind: str
    excluded: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    limited_to: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    active: bool
    file: str = Field(sa_column=Column(Text, nullable=False))
    start: int | None = None
    end: int | None = None
    quote: str = Field(sa_column=Column(Text, nullable=False))
    language: str
    inherited_from: str | None = Field(default=None, sa_column=Column(Text))


class PendingRead(SQLModel, table=True):
    """A model whose files have to be looked at; deleted when that is done, so an interrupted run goes on here."""

    __tablename__: ClassVar[str] = "pending_read"
    __table_args__ = (
        Index("ix_pending_read_order", "run_id", "downloads", "model_key"),
        Index("ix_pending_read_count", "run_id", "count", "downloads", "model_key"),
    )

    model_key: str = Field(sa_column=Column(Key, primary_key=True))
    run_id: int
    downloads: int = Field(default=0, sa_column=_count(nullable=False))
    count: bool  # its weight files are to be looked at
    texts: bool  # its card and licence files are to be read
    listed: int | None = Field(default=None, sa_column=_count())  # what becomes `Model.listed` once that is done
    work: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # packed by whoever reads it (deepread.py)


class Blob(SQLModel, table=True):
    """What one weight file held, so that no file is read twice, wherever it lies.

    The key is the digest of its content, and of what else its count rests on (counting.memory_key).
    """

    __tablename__: ClassVar[str] = "blob"

    digest: bytes = Field(sa_column=Column(LargeBinary(64), primary_key=True))  # records.blob_key
    size: int = Field(sa_column=_count(nullable=False))
    estimate: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # records.packed_estimate


class LicenceText(SQLModel, table=True):
    """The text of a licence file, by the digest that the Hub gives for it: a copy is never asked for again.

    Checked against that digest whenever it is used, so that a row that was damaged is as good as none.
    """

    __tablename__: ClassVar[str] = "licence_text"

    digest: str = Field(sa_column=Column(String(64), primary_key=True))  # git's blob id, or sha256 of a file in LFS
    packed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))  # zlib
    last_run: int = Field(foreign_key="run.id")  # the last run that had a use for it


class Problem(SQLModel, table=True):
    """Something of a run that went wrong for one model, row or page; it cost only itself."""

    __tablename__: ClassVar[str] = "problem"

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", index=True)
    subject: str = Field(sa_column=Column(Text, nullable=False))
    code: str
    message: str = Field(sa_column=Column(Text, nullable=False))


class Job(SQLModel, table=True):
    """A job of the settings with its times; two schedulers with other settings each have their own."""

    __tablename__: ClassVar[str] = "job"

    name: str = Field(sa_column=Column(String(64), primary_key=True))
    cron: str = Field(sa_column=Column(String(1000), primary_key=True))
    timezone: str = Field(sa_column=Column(String(64), primary_key=True))
    since: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))  # what was due earlier is none of its


class Occurrence(SQLModel, table=True):
    """One time at which a job was due, and what became of it."""

    __tablename__: ClassVar[str] = "occurrence"
    __table_args__ = (Index("uq_occurrence_job", "job", "due_at", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    job: str = Field(sa_column=Column(String(64), nullable=False))  # its name
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    state: str = Field(index=True)  # jobs.OccurrenceState
    attempts: int = 0
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    next_try_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))  # one sentence where it did not go well


class Lease(SQLModel, table=True):
    """The right to do something that only one process may do at a time; it ends by itself."""

    __tablename__: ClassVar[str] = "lease"

    name: str = Field(sa_column=Column(String(64), primary_key=True))
    holder: str = Field(sa_column=Column(Text, nullable=False))
    taken_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Digest(SQLModel, table=True):
    """The report of a run as it was when it was made for sending."""

    __tablename__: ClassVar[str] = "digest"

    id: str = Field(sa_column=Column(String(64), primary_key=True))  # from the run or its occurrence: made once
    run_id: int = Field(foreign_key="run.id", index=True)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    report: str = Field(sa_column=Column(Text, nullable=False))  # as `hubscope report --format json` writes it


class Delivery(SQLModel, table=True):
    """One message or file for one place: written with what it tells, sent later, and once."""

    __tablename__: ClassVar[str] = "delivery"
    __table_args__ = (Index("ix_delivery_state", "state", "created_at"),)

    id: str = Field(sa_column=Column(String(64), primary_key=True))  # travels with the message
    digest_id: str | None = Field(default=None, sa_column=Column(String(64), ForeignKey("digest.id"), index=True))
    audience: str  # "team", "alarm", or a subscription's name
    channel: str  # "slack", "webhook" or "file": a class of scanner.outbox.channels
    target: str = Field(sa_column=Column(Text, nullable=False))  # a Slack channel or user, a path
    position: int = 0  # order within one digest and audience
    parent: str | None = Field(default=None, sa_column=Column(String(64)))  # the delivery whose thread it goes into
    subject: str = Field(default="", sa_column=Column(Text, nullable=False))  # one line that says what it is
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: str  # outbox.DeliveryState
    attempts: int = 0
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    not_before: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    stops_place: bool = False  # what stopped it stops everything that goes there: the rest waits for it
    tried_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    sent_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    receipt: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))  # where it lies now
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))  # why it is not sent yet


class Mark(SQLModel, table=True):
    """Up to which run a subscription has been told."""

    __tablename__: ClassVar[str] = "mark"

    subscription: str = Field(sa_column=Column(String(64), primary_key=True))
    run_id: int = Field(foreign_key="run.id")
