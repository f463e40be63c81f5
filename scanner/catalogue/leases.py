"""Leases: the right to do what only one process may do at a time, across machines, given back by itself.

A lease names its holder and ends at a moment; the holder renews it while at work. A process that is killed leaves one
behind that nobody may take before its end, unless the holder can be seen to be dead: a process of this very machine
(same boot, same process namespace) whose number is no longer that of a process started when it was.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from scanner.catalogue.core import LEASE
from scanner.catalogue.database import writing

LEASE_SECONDS = 180.0
RENEWALS = 4  # tries to renew a lease in its time; three may fail


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a lease, since when, and until when it is theirs."""

    name: str
    holder: str
    taken_at: datetime
    until: datetime

    @property
    def who(self) -> str:
        """The holder in words: `process 17 on crawler-1`."""
        host, _, number = self.holder.split(" ")[0].rpartition(":")
        return f"process {number} on {host}"


@dataclass
class Leases:
    """Leases in one catalogue, taken by this process.

    Attributes:
        holder: who takes them; this process, unless told otherwise.
        seconds: how long one lasts without being renewed.
    """

    engine: Engine
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seconds: float = LEASE_SECONDS
    holder: str = ""

    def __post_init__(self) -> None:
        self.holder = self.holder or _holder()

    def held(self, name: str) -> Held | None:
        """Who holds a lease now; None where it is free."""
        with self.engine.connect() as connection:
            row = connection.execute(select(LEASE).where(LEASE.c.name == name)).first()
        return None if row is None or row.until <= self.now() or _is_dead(row.holder) else Held(*row)

    @contextmanager
    def hold(self, name: str, lost: Callable[[], None] = lambda: None) -> Iterator[bool]:
        """Hold a lease while the block runs, renewed from a thread of its own.

        Args:
            name: which.
            lost: called, from that thread, where somebody else holds it now: this process was stopped for longer than
                the lease lasts, and what it does must end.

        Yields:
            False where somebody else holds it.
        """
        if not self.take(name):
            yield False
            return
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(name, done, lost), name=f"lease {name}", daemon=True)
        keeper.start()
        try:
            yield True
        finally:
            done.set()
            keeper.join()
            self.release(name)

    def take(self, name: str) -> bool:
        """Take a lease that is free, has ended, or whose holder is dead."""
        moment = self.now()
        values = {"holder": self.holder, "taken_at": moment, "until": moment + timedelta(seconds=self.seconds)}
        try:
            with writing(self.engine).begin() as connection:
                row = connection.execute(select(LEASE).where(LEASE.c.name == name).with_for_update()).first()
                if row is None:
                    connection.execute(insert(LEASE).values(name=name, **values))
                    return True
                if row.until > moment and row.holder != self.holder and not _is_dead(row.holder):
                    return False
                connection.execute(update(LEASE).where(LEASE.c.name == name).values(**values))
                return True
        except IntegrityError:  # two processes wrote its first row at the same moment
            return False

    def renew(self, name: str) -> bool:
        """Keep a lease for longer; False where it is no longer ours."""
        mine = (LEASE.c.name == name, LEASE.c.holder == self.holder)
        until = self.now() + timedelta(seconds=self.seconds)
        with writing(self.engine).begin() as connection:
            return bool(connection.execute(update(LEASE).where(*mine).values(until=until)).rowcount)

    def release(self, name: str) -> None:
        """Give a lease back."""
        with writing(self.engine).begin() as connection:
            connection.execute(delete(LEASE).where(LEASE.c.name == name, LEASE.c.holder == self.holder))

    def _keep(self, name: str, done: threading.Event, lost: Callable[[], None]) -> None:
        while not done.wait(self.seconds / RENEWALS):
            try:
                if not self.renew(name):
                    lost()
                    return
            except DBAPIError:
                continue  # a busy database; the next try may come through, and the lease outlasts a few


def _holder() -> str:
    """Who this process is: `host:number boot-and-namespace started random`."""
    place, started = _place(), _started(os.getpid())
    host = socket.gethostname().replace(" ", "-") or "localhost"
    return f"{host}:{os.getpid()} {place or '-'} {started or '-'} {secrets.token_hex(4)}"


def _is_dead(holder: str) -> bool:
    """Whether a holder is a process of this machine that is certainly gone."""
    parts = holder.split(" ")
    place = _place()
    if len(parts) != 4 or not place or parts[1] != place:
        return False
    number = parts[0].rpartition(":")[2]
    return number.isdigit() and _started(int(number)) != parts[2]


def _place() -> str | None:
    """What tells this run of this machine, and this process namespace, from every other; None where nothing does."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return None


def _started(number: int) -> str | None:
    """When a process was started, in ticks since the machine was; None where none of that number is alive."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # from field 3 of proc(5) on, behind the name in brackets
    return None if fields[0] in "ZX" else fields[19]
