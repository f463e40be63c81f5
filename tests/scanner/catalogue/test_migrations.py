"""Opening a catalogue: the migrations make the tables, and whatever cannot be opened is one sentence."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, create_engine, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from scanner.catalogue import database
from scanner.catalogue.core import table
from scanner.catalogue.database import HEAD, open_database
from scanner.catalogue.queries import Reader
from scanner.catalogue.tables import Run
from scanner.errors import UsageError

SCRIPTS = str(files("scanner.catalogue").joinpath("migrations"))


def address(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def bare(url: str) -> Iterator[Connection]:
    """A transaction with nothing of ours about it."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def run_sql(url: str, *statements: str, **values: object) -> None:
    with bare(url) as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def names(url: str) -> set[str]:
    with bare(url) as connection:
        return set(inspect(connection).get_table_names())


def refused(url: str, *, create: bool = True) -> str:
    with pytest.raises(UsageError) as caught:
        open_database(url, create=create)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    assert "Traceback" not in message
    return message


# The migrations ------------------------------------------------------------------------------------------------------


def differences(engine: Engine) -> list[Any]:
    """In what the database is not as the tables say."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return [*compare_metadata(context, SQLModel.metadata)]


def test_a_migrated_database_is_as_the_tables_say(engine: Engine) -> None:
    assert differences(engine) == []
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD


MOMENT = datetime(2026, 11, 23, 7)  # noqa: DTZ001 - as stored
ROWS: dict[str, dict[str, Any]] = {
    "run": {
        "id": 3,
        "started_at": MOMENT,
        "source": "huggingface",
        "endpoint": "https://hub.example",
        "selection": "--all",
        "series": 3,
        "deep": "auto",
        "tool_version": "0.1.0",
        "state": "complete",
        "detail": "",
        "listing_done": True,
        "sweep": True,
        "listed": 1,
        "skipped": 0,
        "deep_reads": 0,
        "asked": 1,
        "unanswered": 0,
        "requests": {"api": 1},
        "bytes_read": 2**40,
        "footprint": 0,
    },
    "model": {
        "key": "a",
        "name": "owner/a",
        "source": "huggingface",
        "created_at": MOMENT,
        "downloads": 2**40,
        "likes": 0,
        "first_run": 3,
        "last_run": 3,
    },
    "observation": {
        "id": 7,
        "model_key": "a",
        "since_run": 3,
        "observed_at": MOMENT,
        "digest": "d",
        "name": "owner/a",
        "distribution": "public",
        "adapter": False,
        "low": 5,
        "point": 5,
        "high": 2**63 - 1,
        "exact": True,
        "basis": "combined",
        "components": {"unet": 5},
        "evidence": [],
        "findings": [{"code": "x", "message": "不"}],
        "restriction_status": "declared",
        "restriction_read": ["metadata"],
        "country_asked": False,
    },
    "declaration": {
        "id": 1,
        "observation_id": 7,
        "kind": "licence-grant",
        "excluded": ["CN"],
        "limited_to": [],
        "active": True,
        "file": "LICENSE",
        "quote": "不適用",
        "language": "zh",
    },
    "verdict": {
        "id": 1,
        "model_key": "a",
        "regulation": "cn-2026",
        "since_run": 3,
        "status": "out_of_scope",
        "status_ignoring_declarations": "out_of_scope",
        "reasons": "below-threshold",
        "margin": 0.5,
    },
    "member": {"series": 3, "model_key": "a", "since_run": 3, "last_run": 3},
    "pending_read": {"model_key": "a", "run_id": 3, "downloads": 1, "count": True, "texts": False, "work": {"x": 1}},
    "blob": {"digest": "e", "size": 2**40, "estimate": {"low": 1}},
    "problem": {"id": 1, "run_id": 3, "subject": "b", "code": "bad-row", "message": "no id"},
}
"""What the first version stored: a row of each of its tables, those that others refer to first."""


def stored(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """The rows of the tables that the first version had."""
    tables = MetaData()
    tables.reflect(connection)
    return {name: [dict(r) for r in connection.execute(select(tables.tables[name])).mappings()] for name in ROWS}


def test_a_catalogue_of_the_first_version_keeps_its_rows(empty_address: str) -> None:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    with bare(empty_address) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        tables = MetaData()
        tables.reflect(connection)
        for name, row in ROWS.items():
            connection.execute(tables.tables[name].insert(), row)
        before = stored(connection)
    assert all(before[name][0].items() >= row.items() for name, row in ROWS.items())
    engine = open_database(empty_address, create=False)
    with engine.connect() as connection:
        after = stored(connection)
    (run,) = after["run"]
    assert (run.pop("occurrence"), run.pop("rules")) == (None, None)
    assert (run.pop("texts_read"), run.pop("texts_ranked")) == (0, 0)
    assert after == before
    assert differences(engine) == []
    (assessment,) = Reader(engine).assessments(Reader(engine).run(None))
    assert (assessment.name, assessment.downloads, assessment.restrictions.items[0].quote) == (
        "owner/a",
        2**40,
        "不適用",
    )
    engine.dispose()


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_names_by_which_a_catalogue_is_known_are_tables_of_it(engine: Engine) -> None:
    assert set(inspect(engine).get_table_names()) >= database.OURS


def test_opening_again_changes_nothing_and_imports_no_alembic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hubscope.db"
    open_database(address(path)).dispose()
    before = path.read_bytes()
    monkeypatch.setitem(__import__("sys").modules, "alembic", None)  # importing it would fail
    open_database(address(path), create=False).dispose()
    assert path.read_bytes() == before


def test_a_migration_that_breaks_off_leaves_nothing(empty_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("pulled the plug")

    with monkeypatch.context() as patched:
        patched.setattr(op, "drop_table", breaks)
        patched.setattr(op, "batch_alter_table", breaks)  # after the first CREATE TABLEs
        with pytest.raises(RuntimeError, match="plug"):
            open_database(empty_address)
    assert names(empty_address) == set()
    open_database(empty_address).dispose()
    assert names(empty_address) >= database.OURS


def opened(url: str, results: "multiprocessing.Queue[str]") -> None:
    try:
        open_database(url).dispose()
        results.put("opened")
    except BaseException as error:  # noqa: BLE001 - the parent looks at it
        results.put(repr(error))


def test_two_that_start_at_once_both_find_a_whole_catalogue(empty_address: str) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(daemon=True, target=opened, args=(empty_address, results)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == ["opened"] * 3
    for process in processes:
        process.join()


# How it is opened ----------------------------------------------------------------------------------------------------


def test_readers_go_on_while_a_scan_writes(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_what_a_transaction_reads_does_not_change_while_it_lasts(engine: Engine) -> None:
    count = table(Run).select()
    with engine.connect() as reader:
        assert reader.execute(count).all() == []
        with database.writing(engine).begin() as writer:
            writer.exec_driver_sql("INSERT INTO blob VALUES ('a', 1, '{}')")
        assert reader.exec_driver_sql("SELECT count(*) FROM blob").scalar() == 0
    with engine.connect() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM blob").scalar() == 1


def test_making_tables_is_part_of_the_transaction(engine: Engine) -> None:
    with pytest.raises(RuntimeError), engine.begin() as connection:  # noqa: PT012 - the block is the transaction
        connection.exec_driver_sql("CREATE TABLE half (a integer)")
        raise RuntimeError
    assert "half" not in inspect(engine).get_table_names()


# What cannot be opened -----------------------------------------------------------------------------------------------


def test_a_database_of_a_newer_version(empty_address: str) -> None:
    open_database(empty_address).dispose()
    for revision in ("0099", "later"):
        run_sql(empty_address, "UPDATE alembic_version SET version_num = :revision", revision=revision)
        message = refused(empty_address)
        assert f"written by a newer hubscope (revision {revision})" in message
        assert str(make_url(empty_address).database) in message


def test_tables_of_another_program_are_left_alone(empty_address: str) -> None:
    run_sql(empty_address, "CREATE TABLE songs (title text)", "CREATE TABLE run (a text)")
    assert "tables of another program (run, songs)" in refused(empty_address)
    assert names(empty_address) == {"run", "songs"}


def test_a_file_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "songs.db"
    run_sql(address(path), "CREATE TABLE songs (title)", "CREATE TABLE run (a)")
    before = path.read_bytes()
    assert "tables of another program (run, songs)" in refused(address(path))
    assert path.read_bytes() == before, "not even its journal mode"
    assert [p.name for p in tmp_path.iterdir()] == ["songs.db"]


def test_a_database_of_another_program_that_also_uses_alembic(empty_address: str) -> None:
    run_sql(
        empty_address,
        "CREATE TABLE songs (title text)",
        "CREATE TABLE alembic_version (version_num text)",
        "INSERT INTO alembic_version VALUES ('0001')",
    )
    assert "tables of another program (songs)" in refused(empty_address)


def test_a_catalogue_that_lost_its_version(empty_address: str) -> None:
    open_database(empty_address).dispose()
    run_sql(empty_address, "DROP TABLE alembic_version")
    assert "does not say its version" in refused(empty_address)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "hubscope.db"
    path.write_bytes(b"not a database, but long enough to have a header of one" * 40)
    before = path.read_bytes()
    assert "file is not a database" in refused(address(path))
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "hubscope.db"
    path.touch()
    open_database(address(path)).dispose()
    assert names(address(path)) >= database.OURS


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none" / "hubscope.db"
    assert f"the folder {path.parent} does not exist" in refused(address(path))
    assert not path.parent.exists()


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "unable to open database file" in refused(address(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SQLite tells it; tests may run as a user whom no permission stops."""

    def connect(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", connect)
    monkeypatch.setattr("sqlite3.dbapi2.connect", connect)
    assert "cannot be opened: unable to open database file" in refused(address(tmp_path / "hubscope.db"))
    assert list(tmp_path.iterdir()) == []


def test_no_catalogue_where_one_is_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "hubscope.db"
    assert f"there is no catalogue at {path}; run `hubscope scan` first" in refused(address(path), create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "no SQLAlchemy URL"),
        ("hubscope.db", "no SQLAlchemy URL"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x.db?uri=true", "names no file"),
        ("mysql://host/db", "'mysql' cannot hold a catalogue"),
        ("nonsense://host/db", "'nonsense' cannot hold a catalogue"),
        ("postgresql+nodriver://host/db", "no driver for 'postgresql+nodriver'"),
        ("postgresql+asyncpg://u:secret@host/db", "no driver for 'postgresql+asyncpg'"),
        ("postgresql://u:secret@host:port/db", "no SQLAlchemy URL"),
    ],
)
def test_a_bad_address(url: str, words: str) -> None:
    message = refused(url)
    assert words in message
    assert "secret" not in message


def test_an_option_that_the_driver_does_not_take(tmp_path: Path) -> None:
    message = refused(f"{address(tmp_path / 'hubscope.db')}?timeout=soon")
    assert "cannot be used" in message
    assert "soon" in message
    assert list(tmp_path.iterdir()) == []
