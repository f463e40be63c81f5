"""Open the catalogue's database: address, engine, migrations, one writer at a time.

Migrations are Alembic's, applied on start. Alembic itself is imported only where there is something to apply.
Nothing is changed in a database before it is known to be ours. What concerns a
server alone is in `postgresql`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlmodel import create_engine

from scanner.catalogue.postgresql import (
    ALONE,
    advisory_lock,
    check_server,
    lock_migrations,
    may_not,
    server_engine,
    what_failed,
    without_secrets,
)
from scanner.errors import CatalogueBusy, UsageError

log = logging.getLogger("hubscope")

HEAD = "0004"
"""The newest revision under migrations/versions; a test compares."""

DATABASE_ERRORS = (DBAPIError, NoConnectionFree, PendingRollbackError)
"""What a database raises that fails while it is used: a full disk, a lost connection and what follows on it."""

BUSY_SECONDS = 30
OURS = frozenset({"run", "model", "declaration", "blob"})  # tables that every version of the catalogue has
LOG_BYTES = 64 * 1024 * 1024  # what SQLite's log keeps on the disk once all of it is in the file
WRITING = "hubscope_writing"


def open_database(address: str, *, create: bool = True) -> Engine:
    """An engine on an up-to-date catalogue.

    Args:
        address: a SQLAlchemy URL; `postgres://`, as many hosts write it, means `postgresql://`.
        create: False where reading a catalogue that is not there is a mistake.

    Raises:
        UsageError: the address is unusable, the server cannot be reached or refuses, the file cannot be written, or a
            newer hubscope wrote the database.
    """
    url = parsed(address)
    path = sqlite_path(url)
    if path is not None and not create and not path.exists():
        raise _missing(str(path))
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"the catalogue {path} cannot be made: the folder {path.parent} does not exist")
    shown = str(path or without_secrets(url))
    try:
        engine = create_engine(url) if path is not None else server_engine(url)
    except (NoSuchModuleError, ImportError) as error:
        raise UsageError(f"database_url: no driver for {url.drivername!r} is installed ({error})") from error
    except (ArgumentError, TypeError, ValueError) as error:
        raise UsageError(f"database_url: {shown} cannot be used ({what_failed(error)})") from error
    if path is not None:
        _prepare_sqlite(engine)
    try:
        _upgrade(engine, shown, create=create)
    except DATABASE_ERRORS as error:
        engine.dispose()
        raise UsageError(f"the catalogue {shown} cannot be opened: {what_failed(error)}") from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def writing(engine: Engine, *, alone: bool = False) -> Engine:
    """The same engine for transactions that write.

    SQLite takes its lock at their start, and waits for it if need be: a transaction that reads first and writes later
    would fail at once where another one wrote in between. PostgreSQL waits for rows that others are changing and goes
    on with what they became, where a transaction that only reads keeps to what was there when it began.

    Args:
        engine: from `open_database`.
        alone: the transactions rest on the right that `only_writer` gives, and do not begin once it is lost.
    """
    options: dict[str, Any] = {WRITING: True, ALONE: alone}
    if engine.dialect.name == "postgresql":
        options["isolation_level"] = "READ COMMITTED"
    return engine.execution_options(**options)


@contextmanager
def only_writer(engine: Engine) -> Iterator[None]:
    """Hold the right to scan into this catalogue; the system gives it back even after a SIGKILL.

    On PostgreSQL it is an advisory lock of the schema, held by a connection of its own. Where that connection is lost
    (the server was restarted), transactions of `writing(engine, alone=True)` raise IncompleteError: another scan may
    have begun meanwhile.

    Raises:
        UsageError: another scan is at work.
    """
    path = sqlite_path(engine.url)
    if path is None:
        with advisory_lock(engine):
            yield
        return
    lock = FileLock(f"{path.resolve()}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CatalogueBusy(
            f"another scan is writing to {path}; wait for it to end, or use another database"
        ) from error
    except OSError as error:
        raise UsageError(f"the catalogue {path} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def empty_log(engine: Engine) -> None:
    """Take what SQLite has in its log into the file, as far as nobody reads there; it waits for no one."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout=0")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    finally:
        raw.close()


def mark_of(engine: Engine) -> tuple[int, int] | None:
    """What tells the file of an SQLite catalogue from another one of its name; None where it is gone, or a server."""
    path = sqlite_path(engine.url)
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def parsed(address: str) -> URL:
    """An address as SQLAlchemy takes it.

    Raises:
        UsageError: it is none, or of a database that cannot hold a catalogue.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise UsageError("database_url is no SQLAlchemy URL; an example: sqlite:///hubscope.db") from error
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise UsageError(f"database_url: {backend!r} cannot hold a catalogue; sqlite and postgresql can")
    if backend == "sqlite" and (url.database in (None, "", ":memory:") or str(url.database).startswith("file:")):
        raise UsageError("database_url names no file to keep the catalogue in; an example: sqlite:///hubscope.db")
    return url


def sqlite_path(url: URL) -> Path | None:
    """The file of an SQLite catalogue; None for a server."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def _missing(shown: str) -> UsageError:
    return UsageError(f"there is no catalogue at {shown}; run `hubscope scan` first, or name another (database_url)")


def _prepare_sqlite(engine: Engine) -> None:
    """Make SQLite's transactions whole.

    Python's driver begins one only before the first INSERT, UPDATE or DELETE, so that statements which make tables
    would take effect one by one, and what a transaction reads could change while it lasts.
    """

    def connected(connection: sqlite3.Connection, record: object) -> None:
        del record
        connection.isolation_level = None  # no BEGIN of the driver's own
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=NORMAL")  # with WAL: a power cut may cost the last page, never the file
        connection.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")

    def begun(connection: Connection) -> None:
        at_once = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if at_once else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


def _upgrade(engine: Engine, shown: str, *, create: bool) -> None:
    """Bring an older catalogue, or an empty database, up to date in one transaction."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            check_server(connection, shown)
        revision = revision_of(connection, shown)
    if revision == HEAD:
        return
    if engine.dialect.name == "sqlite":
        # Readers go on while a scan writes. The file remembers it; no transaction may be open when it is said.
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode=WAL")
        finally:
            raw.close()
    elif revision is None and not create:
        raise _missing(shown)
    try:
        _migrate(engine, shown)
    except DBAPIError as error:
        if not may_not(error):
            raise
        todo = "made" if revision is None else f"brought up to date (from revision {revision} to {HEAD})"
        raise UsageError(
            f"the catalogue {shown} cannot be {todo} by this user: {what_failed(error)}; "
            "open it once as a user who may make and alter tables there"
        ) from error


def _migrate(engine: Engine, shown: str) -> None:
    # A quarter of a second to import, needed once a version.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    with as_file(files("scanner.catalogue").joinpath("migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        with writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                lock_migrations(connection)
            revision = revision_of(connection, shown)  # another process may have been faster
            if revision is not None:
                try:
                    ScriptDirectory.from_config(config).get_revision(revision)
                except CommandError:
                    raise newer(shown, revision) from None
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    if revision is not None and revision != HEAD:
        log.info("the catalogue %s was brought from revision %s to %s", shown, revision, HEAD)
        _give_back_space(engine, shown)


def _give_back_space(engine: Engine, shown: str) -> None:
    """Make SQLite's file as small as what it holds: tables that were copied left their pages in it."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM")
    except sqlite3.OperationalError as error:  # somebody reads, or the disk is full: the pages are used again in time
        log.info("the catalogue %s keeps free pages: %s", shown, error)
    finally:
        raw.close()
    empty_log(engine)


def revision_of(connection: Connection, shown: str) -> str | None:
    """The revision of the database; None for an empty one.

    Raises:
        UsageError: it holds tables of something else, or a newer hubscope wrote it.
    """
    tables = set(inspect(connection).get_table_names())
    foreign = tables - {"alembic_version"}
    if foreign and not tables >= OURS:
        named = ", ".join(sorted(foreign)[:3])
        raise UsageError(f"{shown} holds tables of another program ({named}); use a database of its own")
    if "alembic_version" not in tables:
        if foreign:
            raise UsageError(f"{shown} looks like a catalogue but does not say its version; use another database")
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is not None and revision.isdigit() and int(revision) > int(HEAD):
        raise newer(shown, revision)
    return revision


def newer(shown: str, revision: str) -> UsageError:
    """What to raise of a catalogue that a newer hubscope wrote."""
    return UsageError(
        f"the catalogue {shown} was written by a newer hubscope (revision {revision}); "
        "upgrade hubscope, or use another database"
    )
