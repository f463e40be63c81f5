"""Opening a catalogue: the migrations make the tables, and whatever cannot be opened is one sentence."""

import multiprocessing
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect
from sqlmodel import SQLModel

from scanner.catalogue import database
from scanner.catalogue.core import table
from scanner.catalogue.database import HEAD, open_database
from scanner.catalogue.tables import Run
from scanner.errors import UsageError

SCRIPTS = str(files("scanner.catalogue").joinpath("migrations"))


def address(path: Path) -> str:
    return f"sqlite:///{path}"


def run_sql(path: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()


def names(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def refused(url: str, *, create: bool = True) -> str:
    with pytest.raises(UsageError) as caught:
        open_database(url, create=create)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    assert "Traceback" not in message
    return message


# The migrations ------------------------------------------------------------------------------------------------------


def test_a_migrated_database_is_as_the_tables_say(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
        assert context.get_current_revision() == HEAD


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


def test_a_migration_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hubscope.db"
    from alembic import op

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("pulled the plug")

    with monkeypatch.context() as patched:
        patched.setattr(op, "drop_table", breaks)
        patched.setattr(op, "batch_alter_table", breaks)  # after the first CREATE TABLEs
        with pytest.raises(RuntimeError, match="plug"):
            open_database(address(path))
    assert names(path) == set()
    open_database(address(path)).dispose()
    assert names(path) >= database.OURS


def opened(url: str, results: "multiprocessing.Queue[str]") -> None:
    try:
        open_database(url).dispose()
        results.put("opened")
    except BaseException as error:  # noqa: BLE001 - the parent looks at it
        results.put(repr(error))


def test_two_that_start_at_once_both_find_a_whole_catalogue(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[str] = context.Queue()
    url = address(tmp_path / "hubscope.db")
    processes = [context.Process(daemon=True, target=opened, args=(url, results)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == ["opened"] * 3
    for process in processes:
        process.join()


# How it is opened ----------------------------------------------------------------------------------------------------


def test_readers_go_on_while_a_scan_writes(engine: Engine) -> None:
    with engine.connect() as connection:
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
        connection.exec_driver_sql("CREATE TABLE half (a)")
        raise RuntimeError
    assert "half" not in inspect(engine).get_table_names()


# What cannot be opened -----------------------------------------------------------------------------------------------


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "hubscope.db"
    open_database(address(path)).dispose()
    for revision in ("0099", "later"):
        run_sql(path, "UPDATE alembic_version SET version_num = ?", values=(revision,))
        message = refused(address(path))
        assert f"written by a newer hubscope (revision {revision})" in message
        assert str(path) in message


def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "songs.db"
    run_sql(path, "CREATE TABLE songs (title)", "CREATE TABLE run (a)")
    before = path.read_bytes()
    assert "tables of another program (run, songs)" in refused(address(path))
    assert path.read_bytes() == before, "not even its journal mode"
    assert [p.name for p in tmp_path.iterdir()] == ["songs.db"]


def test_a_database_of_another_program_that_also_uses_alembic(tmp_path: Path) -> None:
    path = tmp_path / "songs.db"
    run_sql(
        path,
        "CREATE TABLE songs (title)",
        "CREATE TABLE alembic_version (version_num)",
        "INSERT INTO alembic_version VALUES ('0001')",
    )
    assert "tables of another program (songs)" in refused(address(path))


def test_a_catalogue_that_lost_its_version(tmp_path: Path) -> None:
    path = tmp_path / "hubscope.db"
    open_database(address(path)).dispose()
    run_sql(path, "DROP TABLE alembic_version")
    assert "does not say its version" in refused(address(path))


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
    assert names(path) >= database.OURS


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
