"""What is to be told: digests and their deliveries, written in one transaction, sent later, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from sqlmodel import select as select_objects

from scanner.catalogue.core import DELIVERY, DIGEST, MARK, RUN, chunks
from scanner.catalogue.database import writing
from scanner.catalogue.records import printable
from scanner.catalogue.store import FINISHED
from scanner.catalogue.tables import Delivery, Digest, Run


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"  # not sent
    SENDING = "sending"  # may have arrived: the process ended, or the answer never came, while it was being sent
    SENT = "sent"
    DROPPED = "dropped"  # out of date before it could be sent (alarms only)


UNSENT = (DeliveryState.WAITING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one transaction puts into the outbox.

    Attributes:
        digest: the report, once a run; None for what rests on no run.
        deliveries: the messages and files.
        marks: up to which run each subscription is told with this.
    """

    digest: Digest | None = None
    deliveries: Sequence[Delivery] = ()
    marks: Mapping[str, int] = field(default_factory=dict)


@dataclass
class Outbox:
    """The outbox of one catalogue."""

    engine: Engine
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    # Filling it --------------------------------------------------------------------------------------------------

    def put(self, parcel: Parcel) -> bool:
        """Write a parcel: all of it, or nothing where its digest, or one of its deliveries, is there already."""
        try:
            return self._put(parcel)
        except IntegrityError:
            with self.engine.connect() as connection:
                if not _is_there(connection, parcel):
                    raise
            return False  # another process wrote the same at the same moment

    def _put(self, parcel: Parcel) -> bool:
        with writing(self.engine).begin() as connection:
            if _is_there(connection, parcel):
                return False
            digests = [] if parcel.digest is None else [parcel.digest]
            if digests:
                connection.execute(insert(DIGEST), [_values(digest) for digest in digests])
            if parcel.deliveries:
                connection.execute(insert(DELIVERY), [_values(delivery) for delivery in parcel.deliveries])
            for subscription, run_id in parcel.marks.items():
                mine = MARK.c.subscription == subscription
                if not connection.execute(update(MARK).where(mine).values(run_id=run_id)).rowcount:
                    connection.execute(insert(MARK).values(subscription=subscription, run_id=run_id))
        return True

    def digest_of(self, run_id: int) -> Digest | None:
        """The digest of a run; None where it was not made yet."""
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(select_objects(Digest).where(DIGEST.c.run_id == run_id)).first()

    def last_told(self, run: Run) -> Run | None:
        """The run of the same selection that was told last before this one."""
        statement = (
            select_objects(Run)
            .join(Digest, DIGEST.c.run_id == RUN.c.id)
            .where(RUN.c.series == run.series, RUN.c.id < run.id)
            .order_by(RUN.c.id.desc())
            .limit(1)
        )
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(statement).first()

    def untold(self) -> Run | None:
        """The latest finished run, where it was not told yet."""
        statement = select_objects(Run).where(RUN.c.state.in_(FINISHED)).order_by(RUN.c.id.desc()).limit(1)
        with Session(self.engine, expire_on_commit=False) as session:
            run = session.exec(statement).first()
        return None if run is None or run.id is None or self.digest_of(run.id) is not None else run

    def marks(self) -> dict[str, int]:
        """Up to which run each subscription has been told."""
        with self.engine.connect() as connection:
            return {row.subscription: row.run_id for row in connection.execute(select(MARK))}

    # Emptying it -------------------------------------------------------------------------------------------------

    def unsent(self) -> list[Delivery]:
        """What is not sent, oldest first, parents before what goes into their threads."""
        order = (
            DELIVERY.c.created_at,
            DELIVERY.c.digest_id.nulls_first(),
            DELIVERY.c.audience,
            DELIVERY.c.position,
            DELIVERY.c.id,
        )
        statement = select_objects(Delivery).where(DELIVERY.c.state.in_(UNSENT)).order_by(*order)
        with Session(self.engine, expire_on_commit=False) as session:
            return list(session.exec(statement))

    def delivery(self, number: str) -> Delivery | None:
        """One delivery by its id."""
        with Session(self.engine, expire_on_commit=False) as session:
            return session.get(Delivery, number)

    def lay_in(self, channel: str, target: str) -> str | None:
        """The id of the place in which the last message to a target lay, by the service's own word."""
        statement = (
            select(DELIVERY.c.receipt)
            .where(DELIVERY.c.channel == channel, DELIVERY.c.target == target, DELIVERY.c.state == DeliveryState.SENT)
            .order_by(DELIVERY.c.sent_at.desc())
            .limit(1)
        )
        with self.engine.connect() as connection:
            receipt = connection.execute(statement).scalar() or {}
        return receipt.get("channel")

    def report(self, digest_id: str) -> str:
        """The report that a digest holds, as JSON."""
        with self.engine.connect() as connection:
            return str(connection.execute(select(DIGEST.c.report).where(DIGEST.c.id == digest_id)).scalar_one())

    def retarget(self, audience: str, channel: str, target: str) -> None:
        """Let what waits for an audience go elsewhere from now on; what goes into a thread stays with its head."""
        heads = DELIVERY.alias("heads")
        sent = select(heads.c.id).where(heads.c.id == DELIVERY.c.parent, heads.c.state == str(DeliveryState.SENT))
        waiting = (
            DELIVERY.c.audience == audience,
            DELIVERY.c.channel == channel,
            DELIVERY.c.state.in_(UNSENT),
            DELIVERY.c.target != target,
            ~sent.exists(),
        )
        anew = {"target": target, "state": DeliveryState.WAITING, "tried_at": None, "not_before": None}
        with self.engine.connect() as connection:
            if connection.execute(select(DELIVERY.c.id).where(*waiting).limit(1)).first() is None:
                return
        with writing(self.engine).begin() as connection:
            connection.execute(update(DELIVERY).where(*waiting).values(**anew))

    def begin(self, delivery: Delivery) -> bool:
        """Note that a delivery is being sent, before it is; False where another process was faster."""
        tried = delivery.attempts
        delivery.attempts, delivery.state = tried + 1, DeliveryState.SENDING
        values = {"state": DeliveryState.SENDING, "attempts": tried + 1}
        if delivery.tried_at is None:
            values["tried_at"] = delivery.tried_at = self.now()
        mine = (DELIVERY.c.id == delivery.id, DELIVERY.c.state.in_(UNSENT), DELIVERY.c.attempts == tried)
        with writing(self.engine).begin() as connection:
            return bool(connection.execute(update(DELIVERY).where(*mine).values(**values)).rowcount)

    def sent(self, delivery: Delivery, receipt: Mapping[str, Any]) -> None:
        """Note that a delivery arrived, and where it lies."""
        values = {"sent_at": self.now(), "receipt": dict(receipt), "not_before": None, "detail": ""}
        self._note(delivery, state=DeliveryState.SENT, **values)

    def postpone(self, delivery: Delivery, detail: str, not_before: datetime, state: DeliveryState) -> None:
        """Note why a delivery was not made, and when to try again; not where another process went on with it."""
        values = {"detail": printable(detail), "not_before": not_before}
        self._note(delivery, *_untouched(delivery), state=state, **values)

    def drop(self, delivery: Delivery, detail: str) -> None:
        """Give a delivery up that is out of date; not where another process went on with it."""
        self._note(
            delivery, *_untouched(delivery), state=DeliveryState.DROPPED, detail=printable(detail), not_before=None
        )

    def _note(self, delivery: Delivery, *conditions: ColumnElement[bool], **values: Any) -> None:
        for name, value in values.items():
            setattr(delivery, name, value)
        with writing(self.engine).begin() as connection:
            connection.execute(update(DELIVERY).where(DELIVERY.c.id == delivery.id, *conditions).values(**values))


def _untouched(delivery: Delivery) -> tuple[ColumnElement[bool], ...]:
    """It stands as this process left it: since then nobody has begun to send it, or has sent it."""
    return DELIVERY.c.state.in_(UNSENT), DELIVERY.c.attempts == delivery.attempts


def _is_there(connection: Connection, parcel: Parcel) -> bool:
    digests = [] if parcel.digest is None else [parcel.digest]
    return _exists(connection, DIGEST, digests) or _exists(connection, DELIVERY, parcel.deliveries)


def _exists(connection: Connection, table: Any, rows: Sequence[Digest | Delivery]) -> bool:
    return any(
        connection.execute(select(table.c.id).where(table.c.id.in_([row.id for row in chunk])).limit(1)).first()
        for chunk in chunks(rows)
    )


def _values(row: Digest | Delivery) -> dict[str, Any]:
    return {name: printable(value) if isinstance(value, str) else value for name, value in row.model_dump().items()}
