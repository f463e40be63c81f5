"""A PostgreSQL server as the catalogue's database: how it is spoken to, and the lock of the one that scans.

Parameters are libpq's (PostgreSQL's manual, "Parameter Key Words"), codes the server's ("PostgreSQL Error Codes").
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlmodel import create_engine

from scanner.errors import CatalogueBusy, IncompleteError, UsageError

ALONE = "hubscope_alone"
"""The execution option of transactions that rest on the right to scan."""

OPTIONS: dict[str, Any] = {
    "connect_timeout": 10,  # seconds, for each address of the host
    "fallback_application_name": "hubscope",  # in pg_stat_activity, where neither address nor PGAPPNAME gives a name
    "client_encoding": "utf8",
    # A scan's lock is a connection that is silent for hours: routers forget such a one, and nobody notices a server
    # that vanished, unless the system asks now and then. Seconds, and how often.
    "keepalives_idle": 60,
    "keepalives_interval": 15,
    "keepalives_count": 4,
}
SECRETS = ("password", "sslpassword", "oauth_client_secret")  # parameters that an address may hold
MAY_NOT = frozenset({"42501", "25006"})  # insufficient_privilege, read_only_sql_transaction
ADVICE = {  # what libpq and the server say, and what to do; a server that speaks another language goes without
    "Connection refused": "is the server running, and does database_url name its host and port?",
    "No such file or directory": "is the server running, and does database_url name the folder of its socket?",
    "timeout expired": "is the server running, and does database_url name its host and port?",
    "failed to resolve host": "does database_url name the right host?",
    "password authentication failed": "correct user and password in database_url",
    "no password supplied": "give one in database_url or PGPASSWORD",
    "does not exist": "make it on the server, or correct database_url",
    "too many clients": "wait, or allow more connections on the server",
    "connection slots": "wait, or allow more connections on the server",
}
LOCK_NUMBER = 0x68756273  # "hubs", for advisory locks; any fixed number does
SCHEMA = "(SELECT oid::integer FROM pg_catalog.pg_namespace WHERE nspname = current_schema())"
LOCK = f":n, {SCHEMA}"  # two catalogues in two schemas of one database have a lock each
HELD = f"""
    SELECT count(*) FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND objsubid = 2
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND classid::bigint = :n AND objid::integer = {SCHEMA}
"""  # noqa: S608 - put together from constants


def server_engine(url: URL) -> Engine:
    """An engine for a server that may be restarted while a daemon goes on.

    A transaction that reads sees the catalogue as it was at its first statement (REPEATABLE READ), as in SQLite.
    """
    options = {name: value for name, value in OPTIONS.items() if name not in url.query}
    return create_engine(url, connect_args=options, pool_pre_ping=True, isolation_level="REPEATABLE READ")


def without_secrets(url: URL) -> str:
    """The address as it may be shown."""
    plain = url.difference_update_query(SECRETS).set(drivername=url.get_backend_name())
    return plain.render_as_string(hide_password=True)


def check_server(connection: Connection, shown: str) -> None:
    """Refuse a database that cannot hold every text, and one without a place for tables.

    Raises:
        UsageError: it is such a database.
    """
    asked = "SELECT current_schema(), current_setting('server_encoding'), current_setting('search_path')"
    schema, encoding, path = connection.execute(text(asked)).one()
    if encoding != "UTF8":
        raise UsageError(f"the database {shown} stores text as {encoding}; make one with the encoding UTF8")
    if schema is None:
        raise UsageError(f"{shown}: no schema of its search_path ({path}) is there for this user; make one")


def lock_migrations(connection: Connection) -> None:
    """Wait for others that migrate this schema; until the end of the transaction none begins."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"), {"n": LOCK_NUMBER + 1})


def may_not(error: DBAPIError) -> bool:
    """Whether the server refused because the user, or the server itself, only reads."""
    return getattr(error.orig, "sqlstate", None) in MAY_NOT


def what_failed(error: BaseException) -> str:
    """What a database said, in one line, with what to do about it where that is known."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    said = " ".join(lines[0].split())[:300].removeprefix("connection failed: ").removeprefix("connection is bad: ")
    advice = next((advice for words, advice in ADVICE.items() if words in said), None)
    return f"{said}; {advice}" if advice else said


@contextmanager
def advisory_lock(engine: Engine) -> Iterator[None]:
    """Hold the right to scan into the schema of this engine, by a connection of its own.

    Raises:
        UsageError: another connection holds it.
    """
    # Autocommit: a scan may take days, and an open transaction of that age would keep the server from tidying up.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text(f"SELECT pg_try_advisory_lock({LOCK})"), {"n": LOCK_NUMBER}).scalar():
            raise CatalogueBusy("another scan is writing to this database; wait for it to end, or use another database")
        at_work = threading.Lock()  # a connection serves one thread at a time

        def begun(other: Connection) -> None:
            if other.get_execution_options().get(ALONE, False):
                with at_work:
                    _still_held(connection)

        event.listen(engine, "begin", begun)
        try:
            yield
        finally:
            event.remove(engine, "begin", begun)
            if not connection.invalidated and not connection.closed:
                _give_back(connection)


def _still_held(connection: Connection) -> None:
    """Make sure that this very session holds the lock; a pooler may have changed it behind the connection.

    Raises:
        IncompleteError: the connection was lost, and the lock with it.
    """
    lost = IncompleteError("the database connection that keeps other scans out was lost; what was stored is kept")
    if connection.invalidated:
        raise lost
    try:
        held = connection.execute(text(HELD), {"n": LOCK_NUMBER}).scalar()
    except DBAPIError as error:
        raise lost from error
    if not held:
        raise lost


def _give_back(connection: Connection) -> None:
    try:
        connection.execute(text(f"SELECT pg_advisory_unlock({LOCK})"), {"n": LOCK_NUMBER})
    except DBAPIError:
        if not connection.invalidated:  # the lock ends with the connection; all that was written is committed
            raise
