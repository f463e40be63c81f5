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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from scanner.catalogue.core import LEASE
from scanner.catalogue.database import DATABASE_ERRORS, writing
from scanner.catalogue.records import AnyRow

AT_WORK, DELIVERING = "jobs", "deliveries"
"""Leases there are: one process scans at a time, and one sends."""

LEASE_SECONDS = 180.0
FARTHEST = 2  # times that long ahead an end may lie; one beyond was set by a clock that was wrong
RENEWALS = 4  # tries to renew a lease in its time; three may fail
UNKNOWN = "-"  # in a holder's words, for what the system does not tell


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
    """Leases in one catalogue, taken by this process; its threads share one of these.

    Attributes:
        holder: who takes them; this process, unless told otherwise.
        seconds: how long one lasts without being renewed.
    """

    engine: Engine
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    seconds: float = LEASE_SECONDS
    holder: str = ""
    _in_use: set[str] = field(init=False, repr=False, default_factory=set)
    _using: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.holder = self.holder or _holder()

    def held(self, name: str) -> Held | None:
        """Who holds a lease now; None where it is free."""
        with self.engine.connect() as connection:
            row = connection.execute(select(LEASE).where(LEASE.c.name == name)).first()
        return None if row is None or self._has_ended(row, self.now()) else Held(*row)

    @contextmanager
    def hold(self, name: str, lost: Callable[[], None] = lambda: None) -> Iterator[bool]:
        """Hold a lease while the block runs, renewed from a thread of its own.

        Args:
            name: which.
            lost: called, from that thread, where somebody else holds it now: this process was stopped for longer than
                the lease lasts, and what it does must end.

        Yields:
            False where somebody else holds it, be it another thread of this process.
        """
        with self._used(name) as free:
            if not free or not self.take(name):
                yield False
                return
            with self._kept(name, lost):
                yield True

    @contextmanager
    def _used(self, name: str) -> Iterator[bool]:
        """Whether no other thread is in a block of `hold`; by the catalogue alone, all threads are one holder."""
        with self._using:
            free = name not in self._in_use
            if free:
                self._in_use.add(name)
        try:
            yield free
        finally:
            if free:
                with self._using:
                    self._in_use.discard(name)

    @contextmanager
    def _kept(self, name: str, lost: Callable[[], None]) -> Iterator[None]:
        """Renew a lease while the block runs, then give it back."""
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(name, done, lost), name=f"lease {name}", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()
            with suppress(*DATABASE_ERRORS):  # what the block did is done; the lease ends by itself
                self.release(name)

    def take(self, name: str) -> bool:
        """Take a lease that is free, is ours, or has ended."""
        moment = self.now()
        values = {"holder": self.holder, "taken_at": moment, "until": moment + timedelta(seconds=self.seconds)}
        try:
            with writing(self.engine).begin() as connection:
                row = connection.execute(select(LEASE).where(LEASE.c.name == name).with_for_update()).first()
                if row is None:
                    connection.execute(insert(LEASE).values(name=name, **values))
                    return True
                if row.holder != self.holder and not self._has_ended(row, moment):
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

    def _has_ended(self, row: AnyRow, moment: datetime) -> bool:
        """Whether nobody holds a lease any more: its time is over, its holder is dead, or its end is no moment.

        Nobody who reads the right time puts the end further ahead than a lease lasts; twice that leaves room for clocks
        that differ. One set by a clock that was years ahead would otherwise keep everybody out for years.
        """
        left = (row.until - moment).total_seconds()
        return not 0 < left <= FARTHEST * self.seconds or _is_dead(row.holder)

    def _keep(self, name: str, done: threading.Event, lost: Callable[[], None]) -> None:
        while not done.wait(self.seconds / RENEWALS):
            try:
                if not self.renew(name):
                    lost()
                    return
            except DATABASE_ERRORS:
                continue  # a busy database; the next try may come through, and the lease outlasts a few


def _holder() -> str:
    """Who this process is: `host:number boot-and-namespace started random`."""
    place, started = _place(), _started(os.getpid())
    host = socket.gethostname().replace(" ", "-") or "localhost"
    return f"{host}:{os.getpid()} {place or UNKNOWN} {started or UNKNOWN} {secrets.token_hex(4)}"


def _is_dead(holder: str) -> bool:
    """Whether a holder is a process of this machine that is certainly gone."""
    parts = holder.split(" ")
    place = _place()
    if len(parts) != 4 or not place or parts[1] != place:
        return False
    number = parts[0].rpartition(":")[2]
    if not number.isdecimal() or parts[2] == UNKNOWN:
        return False
    started = _started(int(number))
    return started != parts[2] and started != UNKNOWN


def _place() -> str | None:
    """What tells this run of this machine, and this process namespace, from every other; None where nothing does."""
    try:
        if str(Path("/proc/self").readlink()) != str(os.getpid()):
            return None  # /proc counts the processes of another namespace
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return None


def _started(number: int) -> str | None:
    """When a process was started, in ticks since the machine was.

    None where no process of that number is alive; UNKNOWN where one is that does not show itself, such as another
    user's on a machine that hides those.
    """
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return UNKNOWN if _exists(number) else None
    fields = stat.rpartition(")")[2].split()  # from field 3 of proc(5) on, behind the name in brackets
    return None if fields[0] in "ZX" else fields[19]


def _exists(number: int) -> bool:
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it is there, and not ours to signal
    return True
