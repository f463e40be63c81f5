"""What is to be told: digests and their deliveries, written in one transaction, sent later, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, case, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from sqlmodel import select as select_objects

from scanner.catalogue.core import DELIVERY, DIGEST, MARK, RUN, chunks
from scanner.catalogue.database import writing
from scanner.catalogue.records import printable
from scanner.catalogue.store import FINISHED
from scanner.catalogue.tables import Delivery, Digest, Run
from scanner.errors import IncompleteError


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"  # not sent
    SENDING = "sending"  # may have arrived: the process ended, or the answer never came, while it was being sent
    SENT = "sent"
    DROPPED = "dropped"  # out of date before it could be sent (alarms only)


OUT_OF_DATE = "out of date before it could be sent"
"""Why an alarm was dropped; one that was given up by hand says something else."""
REPEAT = "may_repeat"
"""Key of a payload that may have arrived elsewhere."""
UNSENT = (DeliveryState.WAITING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one transaction puts into the outbox.

    Attributes:
        digest: the report, once a run; None for what rests on no run.
        deliveries: the messages and files.
        marks: up to which run each subscription was told before (None: never), and is with this.
    """

    digest: Digest | None = None
    deliveries: Sequence[Delivery] = ()
    marks: Mapping[str, tuple[int | None, int]] = field(default_factory=dict)


class Outdated(IncompleteError):
    """A parcel rests on marks that another process has moved since; it has to be composed anew."""

    def __init__(self) -> None:
        super().__init__("others told subscribers of another run at the same moment; nothing of this one was told yet")


@dataclass
class Outbox:
    """The outbox of one catalogue."""

    engine: Engine
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    # Filling it --------------------------------------------------------------------------------------------------

    def put(self, parcel: Parcel) -> bool:
        """Write a parcel: all of it, or nothing where its digest, or one of its deliveries, is there already.

        Raises:
            Outdated: and nothing is written.
        """
        try:
            return self._put(parcel)
        except IntegrityError:
            with self.engine.connect() as connection:
                if _is_there(connection, parcel):
                    return False  # another process wrote the same at the same moment
                if not _is_told(connection, parcel):
                    raise
            raise Outdated from None

    def _put(self, parcel: Parcel) -> bool:
        with writing(self.engine).begin() as connection:
            if _is_there(connection, parcel):
                return False
            digests = [] if parcel.digest is None else [parcel.digest]
            if digests:
                connection.execute(insert(DIGEST), [_values(digest) for digest in digests])
            if parcel.deliveries:
                connection.execute(insert(DELIVERY), [_values(delivery) for delivery in parcel.deliveries])
            for subscription, (before, after) in parcel.marks.items():
                if before is None:
                    connection.execute(insert(MARK).values(subscription=subscription, run_id=after))
                    continue
                mine = (MARK.c.subscription == subscription, MARK.c.run_id == before)
                if not connection.execute(update(MARK).where(*mine).values(run_id=after)).rowcount:
                    raise Outdated
        return True

    def revive(self, number: str) -> bool:
        """Let a delivery that was dropped for its age wait again: what it tells of lasts."""
        dropped = (DELIVERY.c.id == number, DELIVERY.c.state == DeliveryState.DROPPED, DELIVERY.c.detail == OUT_OF_DATE)
        anew = {"state": DeliveryState.WAITING, "created_at": self.now(), "attempts": 0, "tried_at": None, "detail": ""}
        anew["stops_place"] = False
        with self.engine.connect() as connection:
            if connection.execute(select(DELIVERY.c.id).where(*dropped)).first() is None:
                return False
        with writing(self.engine).begin() as connection:
            return bool(connection.execute(update(DELIVERY).where(*dropped).values(**anew)).rowcount)

    def digest_of(self, run_id: int) -> Digest | None:
        """The digest of a run; None where it was not made yet."""
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(select_objects(Digest).where(DIGEST.c.run_id == run_id)).first()

    def last_told(self, run: Run) -> Run | None:
        """The run that was told last before this one, of the same selection where there is one.

        A digest that was given up was not told: what it had to say belongs into the next.
        """
        given_up = select(DELIVERY.c.id).where(
            DELIVERY.c.digest_id == DIGEST.c.id, DELIVERY.c.state == str(DeliveryState.DROPPED)
        )
        same = case((RUN.c.series == run.series, 0), else_=1)
        statement = (
            select_objects(Run)
            .join(Digest, DIGEST.c.run_id == RUN.c.id)
            .where(RUN.c.source == run.source, RUN.c.endpoint == run.endpoint, RUN.c.id < run.id, ~given_up.exists())
            .order_by(same, RUN.c.id.desc())
            .limit(1)
        )
        with Session(self.engine, expire_on_commit=False) as session:
            return session.exec(statement).first()

    def untold(self) -> Run | None:
        """The latest finished run that a person made and nobody was told of; what the scheduler made, it tells itself.

        None where something later was told already.
        """
        with Session(self.engine, expire_on_commit=False) as session:
            told = session.execute(select(func.max(DIGEST.c.run_id))).scalar() or 0
            by_hand = (RUN.c.state.in_(FINISHED), RUN.c.occurrence.is_(None), RUN.c.id > told)
            statement = select_objects(Run).where(*by_hand).order_by(RUN.c.id.desc()).limit(1)
            return session.exec(statement).first()

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
            DELIVERY.c.position,
            DELIVERY.c.audience,
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
        """Let what waits for an audience go elsewhere from now on; what goes into a thread stays with its head.

        What may have arrived at the old place says at the new one that it may be a repeat.
        """
        with self.engine.connect() as connection:
            rows = connection.execute(self._elsewhere(audience, channel, target)).all()
        if not rows:
            return
        with writing(self.engine).begin() as connection:
            for row in rows:
                payload = {**row.payload, REPEAT: True} if row.state == DeliveryState.SENDING else row.payload
                anew = {"target": target, "payload": payload, "state": DeliveryState.WAITING}
                anew |= {"tried_at": None, "not_before": None, "stops_place": False}
                same = (DELIVERY.c.id == row.id, DELIVERY.c.state == row.state, DELIVERY.c.attempts == row.attempts)
                connection.execute(update(DELIVERY).where(*same).values(**anew))

    def _elsewhere(self, audience: str, channel: str, target: str) -> Select[Any]:
        heads = DELIVERY.alias("heads")
        sent = select(heads.c.id).where(heads.c.id == DELIVERY.c.parent, heads.c.state == str(DeliveryState.SENT))
        return select(DELIVERY).where(
            DELIVERY.c.audience == audience,
            DELIVERY.c.channel == channel,
            DELIVERY.c.state.in_(UNSENT),
            DELIVERY.c.target != target,
            ~sent.exists(),
        )

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
        values = {
            "sent_at": self.now(),
            "receipt": dict(receipt),
            "not_before": None,
            "detail": "",
            "stops_place": False,
        }
        self._note(delivery, state=DeliveryState.SENT, **values)

    def postpone(
        self, delivery: Delivery, detail: str, not_before: datetime, *, stops_place: bool, begun: bool
    ) -> None:
        """Note why a delivery was not made, and when to try again; not where another process went on with it.

        Args:
            delivery: with the state that it is left in.
            detail: one sentence.
            not_before: when.
            stops_place: what stopped it stops everything that goes there.
            begun: whether it came to `begin`; where it did not, this counts as a try of its own.
        """
        values = {"state": delivery.state, "detail": printable(detail), "not_before": not_before}
        tries = delivery.attempts if begun else delivery.attempts + 1
        self._note(delivery, *_untouched(delivery), stops_place=stops_place, attempts=tries, **values)

    def drop(self, delivery: Delivery, detail: str) -> bool:
        """Give a delivery up; False, and nothing is done, where another process went on with it."""
        values = {"state": DeliveryState.DROPPED, "detail": printable(detail), "not_before": None}
        return self._note(delivery, *_untouched(delivery), **values)

    def _note(self, delivery: Delivery, *conditions: ColumnElement[bool], **values: Any) -> bool:
        for name, value in values.items():
            setattr(delivery, name, value)
        mine = (DELIVERY.c.id == delivery.id, *conditions)
        with writing(self.engine).begin() as connection:
            return bool(connection.execute(update(DELIVERY).where(*mine).values(**values)).rowcount)


def _untouched(delivery: Delivery) -> tuple[ColumnElement[bool], ...]:
    """It stands as this process left it: since then nobody has begun to send it, or has sent it."""
    return DELIVERY.c.state.in_(UNSENT), DELIVERY.c.attempts == delivery.attempts


def _is_there(connection: Connection, parcel: Parcel) -> bool:
    digests = [] if parcel.digest is None else [parcel.digest]
    return _exists(connection, DIGEST, digests) or _exists(connection, DELIVERY, parcel.deliveries)


def _is_told(connection: Connection, parcel: Parcel) -> bool:
    """Whether somebody whom the parcel takes for new has been told of a run."""
    new = [subscription for subscription, (before, _) in parcel.marks.items() if before is None]
    return any(
        connection.execute(select(MARK.c.run_id).where(MARK.c.subscription.in_(chunk)).limit(1)).first()
        for chunk in chunks(new)
    )


def _exists(connection: Connection, table: Any, rows: Sequence[Digest | Delivery]) -> bool:
    return any(
        connection.execute(select(table.c.id).where(table.c.id.in_([row.id for row in chunk])).limit(1)).first()
        for chunk in chunks(rows)
    )


def _values(row: Digest | Delivery) -> dict[str, Any]:
    return {name: printable(value) if isinstance(value, str) else value for name, value in row.model_dump().items()}
