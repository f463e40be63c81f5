"""The tables of the catalogue.

History is kept by validity: an observation or a verdict row holds from run `since_run` up to, not including, run
`until_run` (None: still current). A row is added only when something that matters changed, so the state as of any past
run is one query away, and a week without changes costs no rows. Downloads and likes move all the time and are
overwritten in place on `Model`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
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
    """One repository, by the id that renames do not change."""

    __tablename__: ClassVar[str] = "model"

    key: str = Field(sa_column=Column(String(64), primary_key=True))  # the Hub's `_id`
    name: str = Field(sa_column=Column(Text, nullable=False, index=True))  # owner/name, as last seen
    source: str
    created_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    last_modified: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    sha: str | None = None
    downloads: int = Field(default=0, sa_column=_count(nullable=False))
    likes: int = Field(default=0, sa_column=_count(nullable=False))
    first_run: int = Field(foreign_key="run.id")
    last_run: int = Field(foreign_key="run.id")  # the last run that saw it
    count_looked: str | None = None  # under which conditions its weight files were last looked at (run.Conditions)
    texts_looked: str | None = None  # the same for its card and licence files


class Member(SQLModel, table=True):
    """A model that runs of one series saw without a gap, where their selection is not the whole source.

    A run of the series between `since_run` and `last_run` covers the model. A sweep of everything needs no such rows:
    it covers every model that was known by then and was seen in it or later.
    """

    __tablename__: ClassVar[str] = "member"

    series: int = Field(foreign_key="run.id", primary_key=True)
    model_key: str = Field(sa_column=Column(String(64), ForeignKey("model.key"), primary_key=True))
    since_run: int = Field(foreign_key="run.id", primary_key=True)
    last_run: int = Field(foreign_key="run.id")


class Observation(SQLModel, table=True):
    """What was known of a model from one run to another."""

    __tablename__: ClassVar[str] = "observation"
    __table_args__ = (Index("ix_observation_current", "model_key", "until_run"),)

    id: int | None = Field(default=None, primary_key=True)
    model_key: str = Field(foreign_key="model.key", max_length=64)
    since_run: int = Field(foreign_key="run.id", index=True)
    until_run: int | None = Field(default=None, foreign_key="run.id")
    observed_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    digest: str  # of everything below that matters: equal digests, no new row
    name: str = Field(sa_column=Column(Text, nullable=False))
    sha: str | None = None  # the revision the count was read from
    distribution: str
    gated: str | None = None  # None, "auto" or "manual"
    adapter: bool = False
    base_model: str | None = Field(default=None, sa_column=Column(Text))
    license: str | None = Field(default=None, sa_column=Column(Text))
    low: int = Field(default=0, sa_column=_count(nullable=False))
    point: int | None = Field(default=None, sa_column=_count())
    high: int | None = Field(default=None, sa_column=_count())
    exact: bool = False
    stored_elements: int | None = Field(default=None, sa_column=_count())
    buffers: int | None = Field(default=None, sa_column=_count())
    basis: str
    declared_total: int | None = Field(default=None, sa_column=_count())
    declared_sum: int | None = Field(default=None, sa_column=_count())
    components: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    findings: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    restriction_status: str
    restriction_read: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    country_asked: bool = False


class DeclarationRow(SQLModel, table=True):
    """One declared restriction of an observation, with its words."""

    __tablename__: ClassVar[str] = "declaration"

    id: int | None = Field(default=None, primary_key=True)
    observation_id: int = Field(
        sa_column=Column(ForeignKey("observation.id", ondelete="CASCADE"), nullable=False, index=True)
    )
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


class VerdictRow(SQLModel, table=True):
    """One regulation's answer for a model, from one run to another."""

    __tablename__: ClassVar[str] = "verdict"
    __table_args__ = (Index("ix_verdict_current", "model_key", "regulation", "until_run"),)

    id: int | None = Field(default=None, primary_key=True)
    model_key: str = Field(foreign_key="model.key", max_length=64)
    regulation: str
    since_run: int = Field(foreign_key="run.id", index=True)
    until_run: int | None = Field(default=None, foreign_key="run.id")
    status: str
    status_ignoring_declarations: str
    reasons: str = Field(sa_column=Column(Text, nullable=False))  # codes, comma-separated, the deciding one first
    margin: float | None = None
    next_step: str | None = Field(default=None, sa_column=Column(Text))


class PendingRead(SQLModel, table=True):
    """A model whose files have to be looked at; deleted when that is done, so an interrupted run goes on here."""

    __tablename__: ClassVar[str] = "pending_read"
    __table_args__ = (Index("ix_pending_read_order", "run_id", "downloads", "model_key"),)

    model_key: str = Field(sa_column=Column(String(64), ForeignKey("model.key"), primary_key=True))
    run_id: int = Field(foreign_key="run.id")
    downloads: int = Field(default=0, sa_column=_count(nullable=False))
    count: bool  # its weight files are to be looked at
    texts: bool  # its card and licence files are to be read
    work: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Blob(SQLModel, table=True):
    """What one weight file held, so that no file is read twice, wherever it lies.

    The key is the digest of its content, and of what else its count rests on (counting.memory_key).
    """

    __tablename__: ClassVar[str] = "blob"

    digest: str = Field(sa_column=Column(String(96), primary_key=True))
    size: int = Field(sa_column=_count(nullable=False))
    estimate: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


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
