"""Look at a catalogue's database without changing anything: nothing is made, nothing is brought up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool
from sqlmodel import create_engine

from scanner.catalogue import database
from scanner.catalogue.database import DATABASE_ERRORS, HEAD
from scanner.catalogue.postgresql import check_server, server_engine, what_failed, without_secrets
from scanner.errors import UsageError


@dataclass(frozen=True, slots=True)
class Inspected:
    """A database as it is found.

    Attributes:
        shown: its address, or its path, without any secret.
        path: of an SQLite file; None for a server.
        product: what holds it, with its version.
        driver: what speaks to it, with its version.
        revision: of the tables; None where there are none yet.
        engine: to read from, where the tables are those of this version; good as long as the look lasts.
    """

    shown: str
    path: Path | None
    product: str
    driver: str
    revision: str | None
    engine: Engine | None

    @property
    def is_current(self) -> bool:
        """Whether this version can read it as it is."""
        return self.revision == HEAD


@contextmanager
def inspected(address: str) -> Iterator[Inspected]:
    """A look at a database.

    Args:
        address: as for `database.open_database`.

    Raises:
        UsageError: it cannot be reached or read, holds something else, or is a newer hubscope's.
    """
    url = database.parsed(address)
    path = database.sqlite_path(url)
    shown = str(path or without_secrets(url))
    try:
        if path is not None and not path.exists():
            yield Inspected(shown, path, *_versions(url), None, None)
            return
        engine = _server(url) if path is None else _file(path)
    except (NoSuchModuleError, ImportError) as error:
        raise UsageError(f"no driver for {url.drivername!r} is installed ({error})") from error
    except (ArgumentError, TypeError, ValueError) as error:
        raise UsageError(f"{shown} cannot be used ({what_failed(error)})") from error
    try:
        yield _looked_at(engine, url, path, shown)
    finally:
        engine.dispose()


def _looked_at(engine: Engine, url: URL, path: Path | None, shown: str) -> Inspected:
    product, driver = _versions(url)
    try:
        with engine.connect() as connection:
            if path is None:
                check_server(connection, shown)
                product = f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar()}"
            revision = database.revision_of(connection, shown)
    except DATABASE_ERRORS as error:
        raise UsageError(f"the catalogue {shown} cannot be read: {what_failed(error)}") from error
    if revision is not None and not (revision.isdigit() and int(revision) <= int(HEAD)):
        raise database.newer(shown, revision)
    return Inspected(shown, path, product, driver, revision, engine if revision == HEAD else None)


def _versions(url: URL) -> tuple[str, str]:
    """What holds the catalogue, as far as it is known without asking, and what speaks to it."""
    sqlalchemy = f"SQLAlchemy {metadata.version('sqlalchemy')}"
    if url.get_backend_name() == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}", sqlalchemy
    return "PostgreSQL", f"psycopg {metadata.version('psycopg')}, {sqlalchemy}"


def _server(url: URL) -> Engine:
    return server_engine(url).execution_options(postgresql_readonly=True)


def _file(path: Path) -> Engine:
    """An engine on a file that is there.

    Opened to be read and written, though nothing is written: a reader that may not write leaves the files behind that
    SQLite keeps beside its own while it is read.
    """
    address = f"{path.resolve().as_uri()}?mode=rw"
    # NullPool: the file is let go with each connection.
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)

    def connected(connection: sqlite3.Connection, record: object) -> None:
        del record
        connection.execute("PRAGMA busy_timeout=5000")  # milliseconds; somebody waits for the answer
        connection.execute("PRAGMA query_only=ON")

    event.listen(engine, "connect", connected)
    return engine
