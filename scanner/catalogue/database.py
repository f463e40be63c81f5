"""Open the catalogue's database: address, engine, migrations, one writer at a time.

Migrations are Alembic's, applied on start. Alembic itself is imported only where there is something to apply.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlmodel import create_engine

from scanner.errors import UsageError

HEAD = "0001"
"""The newest revision under migrations/versions; a test compares."""

BUSY_SECONDS = 30


def open_database(address: str, *, create: bool = True) -> Engine:
    """An engine on an up-to-date catalogue.

    Args:
        address: a SQLAlchemy URL.
        create: False where reading a catalogue that is not there is a mistake.

    Raises:
        UsageError: the address is unusable, the file cannot be written, or a newer hubscope wrote the database.
    """
    url = _parsed(address)
    path = _sqlite_path(url)
    if path is not None and not create and not path.exists():
        raise UsageError(f"there is no catalogue at {path}; run `hubscope scan` first, or name another (database_url)")
    if path is not None and path.parent != Path() and not path.parent.is_dir():
        raise UsageError(f"the catalogue {path} cannot be made: the folder {path.parent} does not exist")
    try:
        engine = create_engine(url)
        if url.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        _upgrade(engine, str(path or url.render_as_string(hide_password=True)))
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(f"database_url: no driver for {url.drivername!r} is installed ({error})") from error
    except DBAPIError as error:
        shown = path or url.render_as_string(hide_password=True)
        raise UsageError(f"the catalogue {shown} cannot be opened: {_reason(error)}") from error
    return engine


@contextmanager
def only_writer(engine: Engine) -> Iterator[None]:
    """Hold the right to scan into this catalogue; the system gives it back even after a SIGKILL.

    Raises:
        UsageError: another scan is at work.
    """
    path = _sqlite_path(engine.url)
    if path is None:
        with _postgres_lock(engine):
            yield
        return
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"another scan is writing to {path}; wait for it to end, or use another database") from error
    except OSError as error:
        raise UsageError(f"the catalogue {path} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


_ADVISORY_LOCK = 0x68756273  # "hubs"; any fixed number does


@contextmanager
def _postgres_lock(engine: Engine) -> Iterator[None]:
    with engine.connect() as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": _ADVISORY_LOCK}).scalar():
            raise UsageError("another scan is writing to this database; wait for it to end, or use another database")
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _ADVISORY_LOCK})


def _parsed(address: str) -> URL:
    try:
        return make_url(address)
    except (ArgumentError, ValueError) as error:
        raise UsageError("database_url is no SQLAlchemy URL; an example: sqlite:///hubscope.db") from error


def _sqlite_path(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    del record
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")  # with WAL: a power cut may cost the last page, never the file
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.close()


def _upgrade(engine: Engine, shown: str) -> None:
    revision = _revision(engine)
    if revision == HEAD:
        return
    # A quarter of a second to import, needed once a version.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError

    with as_file(files("scanner.catalogue").joinpath("migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        if revision is not None:
            try:
                known = ScriptDirectory.from_config(config).get_revision(revision)
            except CommandError:
                known = None
            if known is None:
                raise UsageError(
                    f"the catalogue {shown} was written by a newer hubscope (revision {revision}); "
                    "upgrade hubscope, or use another database"
                )
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(engine: Engine) -> str | None:
    """The revision of the database; None for an empty one.

    Raises:
        UsageError: it holds tables of something else.
    """
    tables = inspect(engine).get_table_names()
    if "alembic_version" not in tables:
        if tables:
            shown = ", ".join(sorted(tables)[:3])
            raise UsageError(f"the database holds tables of another program ({shown}); use a database of its own")
        return None
    with engine.connect() as connection:
        revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def _reason(error: DBAPIError) -> str:
    words = str(error.orig).strip().splitlines()
    return words[0][:200] if words else type(error.orig).__name__
