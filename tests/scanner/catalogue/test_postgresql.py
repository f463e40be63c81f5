"""What only a server can do: refuse, be restarted, hold several catalogues, let some users only read."""

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text

from scanner.catalogue.core import BLOB, MODEL
from scanner.catalogue.database import DATABASE_ERRORS, only_writer, open_database, writing
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, RunState, Store
from scanner.errors import IncompleteError, UsageError
from scanner.progress import Progress
from scanner.samplehub import SampleHub
from tests.postgresql import Server
from tests.scanner.conftest import Bench
from tests.scanner.making import begin, end, model, scanned


@contextmanager
def opened(url: str, **how: Any) -> Iterator[Engine]:
    engine = open_database(url, **how)
    try:
        yield engine
    finally:
        engine.dispose()


def refused(url: str, **how: Any) -> str:
    with pytest.raises(UsageError) as caught:
        open_database(url, **how)
    message = str(caught.value)
    assert "\n" not in message
    assert "secret" not in message
    return message


@pytest.fixture
def user(postgresql: Server, own_database: str) -> Iterator[str]:
    """A user of the server who owns nothing."""
    postgresql.execute("CREATE ROLE plain LOGIN")
    yield "plain"
    postgresql.execute("DROP OWNED BY plain CASCADE", own_database)
    postgresql.drop(own_database)
    postgresql.execute("DROP ROLE plain")


@pytest.fixture
def guarded(postgresql: Server) -> Iterator[str]:
    """A user who needs a password."""
    postgresql.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
    yield "guarded"
    postgresql.execute("DROP ROLE guarded")


# Addresses and refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_way_to_write_the_address_opens_the_same(postgresql: Server, migrated_database: str, scheme: str) -> None:
    with opened(postgresql.address(migrated_database, scheme=scheme)) as engine:
        assert (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg")


def test_the_server_knows_who_is_connected(postgresql: Server, postgresql_engine: Engine) -> None:
    asked = text("SELECT current_setting('application_name'), current_setting('client_encoding')")
    with postgresql_engine.connect() as connection:
        assert tuple(connection.execute(asked).one()) == ("hubscope", "UTF8")
    address = postgresql_engine.url.update_query_dict({"application_name": "mine", "connect_timeout": "3"})
    with opened(address.render_as_string(hide_password=False)) as engine, engine.connect() as connection:
        assert connection.execute(asked).one()[0] == "mine"


def test_a_server_that_is_down() -> None:
    message = refused("postgresql://u:secret@127.0.0.1:9/catalogue")
    assert "postgresql://u:***@127.0.0.1:9/catalogue cannot be opened" in message
    assert "is the server running" in message
    assert "is the server running" in refused("postgresql://u:secret@/catalogue?host=/none&sslpassword=secret")


def test_a_server_that_does_not_answer() -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        message = refused(f"postgresql://u:secret@127.0.0.1:{silent.getsockname()[1]}/d?connect_timeout=2")
    assert "is the server running" in message


def test_a_wrong_password(postgresql: Server, migrated_database: str, guarded: str) -> None:
    address = postgresql.address(migrated_database, f"{guarded}:secret")
    assert "password authentication failed" in refused(address)
    assert "password authentication failed" in refused(
        f"{postgresql.address(migrated_database, guarded)}&password=secret"
    )
    assert "no password supplied" in refused(postgresql.address(migrated_database, guarded))


def test_a_database_or_a_user_that_is_not_there(postgresql: Server, migrated_database: str) -> None:
    assert 'database "nowhere" does not exist; make it on the server' in refused(postgresql.address("nowhere"))
    assert 'role "nobody" does not exist' in refused(postgresql.address(migrated_database, "nobody"))


def test_a_parameter_that_there_is_not(postgresql: Server, migrated_database: str) -> None:
    assert 'invalid connection option "colour"' in refused(f"{postgresql.address(migrated_database)}&colour=blue")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_text(postgresql: Server, encoding: str) -> None:
    name = postgresql.new_database("template0", f"ENCODING '{encoding}'")
    assert f"stores text as {encoding}" in refused(postgresql.address(name))
    postgresql.drop(name)


def test_no_catalogue_where_one_is_to_be_read(postgresql: Server, own_database: str) -> None:
    message = refused(postgresql.address(own_database), create=False)
    assert "there is no catalogue at" in message
    assert "run `hubscope scan` first" in message
    assert postgresql.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", own_database) == [(0,)]


# Users who may not everything ----------------------------------------------------------------------------------------


def test_who_may_only_read_can_read(postgresql: Server, own_database: str, user: str) -> None:
    with opened(postgresql.address(own_database)) as engine:
        scanned(engine, model("a"))
    assert "permission denied" in refused(postgresql.address(own_database, user), create=False)
    postgresql.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", own_database)
    with opened(postgresql.address(own_database, user), create=False) as engine:
        reader = Reader(engine)
        assert [a.name for a in reader.assessments(reader.run(None))] == ["owner/a"]
        with pytest.raises(DATABASE_ERRORS, match="permission denied"):
            begin(Store(engine))


def test_who_may_not_make_tables_is_told_what_to_do(postgresql: Server, own_database: str, user: str) -> None:
    message = refused(postgresql.address(own_database, user))
    assert "cannot be made by this user: permission denied" in message
    assert "open it once as a user who may make and alter tables" in message


def test_who_may_not_alter_tables_is_told_what_to_do(postgresql: Server, own_database: str, user: str) -> None:
    open_database(postgresql.address(own_database)).dispose()
    postgresql.execute("UPDATE alembic_version SET version_num = '0001'", own_database)
    postgresql.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", own_database)
    message = refused(postgresql.address(own_database, user), create=False)
    assert "cannot be brought up to date (from revision 0001 to" in message
    assert "must be owner" in message


# Schemas -------------------------------------------------------------------------------------------------------------


def in_schema(postgresql: Server, database: str, schema: str) -> str:
    return f"{postgresql.address(database)}&options=-csearch_path%3D{schema}"


def test_each_schema_holds_a_catalogue_and_has_its_own_writer(postgresql: Server, own_database: str) -> None:
    for schema in ("north", '"South"'):
        postgresql.execute(f"CREATE SCHEMA {schema}", own_database)
    with (
        opened(in_schema(postgresql, own_database, "north")) as north,
        opened(in_schema(postgresql, own_database, "%22South%22")) as south,
    ):
        with only_writer(north), only_writer(south):
            scanned(north, model("a"))
            scanned(south, model("b"), model("c"))
        with only_writer(south), pytest.raises(UsageError, match="another scan"), only_writer(south):
            pass
        assert [Reader(engine).count(Reader(engine).run(None)) for engine in (north, south)] == [1, 2]
    assert postgresql.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", own_database) == [(0,)]


def test_a_schema_that_is_not_there(postgresql: Server, own_database: str) -> None:
    assert "no schema of its search_path (nowhere)" in refused(in_schema(postgresql, own_database, "nowhere"))


# A server that goes away ---------------------------------------------------------------------------------------------


def test_a_restarted_server_is_found_again(postgresql: Server, postgresql_engine: Engine) -> None:
    scanned(postgresql_engine, model("a"))
    postgresql.restart()
    reader = Reader(postgresql_engine)
    assert reader.count(reader.run(None)) == 1
    assert scanned(postgresql_engine, model("b")) == 2


def end_others(engine: Engine) -> None:
    """End every other connection to the database, as an administrator or a restart would."""
    ending = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
    with engine.connect() as connection:
        connection.execute(text(f"{ending} AND pid <> pg_backend_pid()"))


def test_a_lost_connection_is_an_error_that_commands_know(postgresql: Server, postgresql_engine: Engine) -> None:
    with opened(postgresql_engine.url.render_as_string()) as other, postgresql_engine.connect() as connection:
        connection.execute(select(func.count()).select_from(MODEL))
        end_others(other)
        for _ in range(2):  # the loss, and what follows on it
            with pytest.raises(DATABASE_ERRORS):
                connection.execute(select(func.count()).select_from(MODEL))
    with postgresql_engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(MODEL)).scalar() == 0


def test_the_right_to_scan_ends_with_its_connection_and_the_scan_with_it(postgresql_engine: Engine) -> None:
    with opened(postgresql_engine.url.render_as_string()) as other:
        with only_writer(postgresql_engine):
            store = Store(postgresql_engine)
            run_id = begin(store)
            store.save(run_id, Batch(judged=[model("a")]))
            with pytest.raises(UsageError, match="another scan"), only_writer(other):
                pass
            end_others(other)
            with only_writer(other):
                for _ in range(2):
                    with pytest.raises(IncompleteError, match="keeps other scans out was lost"):
                        store.save(run_id, Batch(judged=[model("b")]))
                with writing(postgresql_engine).begin() as connection:  # what needs no such right goes on
                    connection.execute(BLOB.insert(), {"digest": b"d", "size": 1, "estimate": b""})
        end(store, run_id)  # without the right being asked for, a store writes as it always did
        assert Reader(other).count(Reader(other).run(run_id)) == 1


def test_a_session_that_no_longer_holds_the_right_ends_the_scan(postgresql_engine: Engine) -> None:
    """As where a pooler hands each transaction another session of the server."""
    sessions: list[Connection] = []

    def note(connection: Connection, _: Any, statement: str, *__: Any) -> None:
        sessions.extend([connection] if "pg_try_advisory_lock" in statement else [])

    event.listen(postgresql_engine, "after_cursor_execute", note)
    with only_writer(postgresql_engine):
        store = Store(postgresql_engine)
        run_id = begin(store)
        sessions[0].execute(text("SELECT pg_advisory_unlock_all()"))
        with pytest.raises(IncompleteError, match="keeps other scans out was lost"):
            store.save(run_id, Batch(judged=[model("a")]))
    assert Reader(postgresql_engine).count(Reader(postgresql_engine).run(run_id)) == 0


def test_a_scan_whose_server_is_restarted_stops_and_the_next_one_ends_it(
    postgresql: Server, postgresql_engine: Engine, hub: SampleHub, regulation: Any
) -> None:
    bench = Bench(hub, postgresql_engine, regulation)
    pages = 0

    def restart(progress: Progress) -> None:
        nonlocal pages
        pages += progress.phase == "listing"
        if pages == 2:
            pages += 1
            postgresql.restart()

    with pytest.raises(IncompleteError, match="keeps other scans out was lost"), only_writer(postgresql_engine):
        bench.scan(watch=restart)
    with only_writer(postgresql_engine):
        outcome = bench.scan()
    assert (outcome.resumed, outcome.state) == (True, RunState.COMPLETE)
    assert bench.reader.run(None).listed == len(bench.models())


# Several at once -----------------------------------------------------------------------------------------------------


def test_what_two_write_at_once_comes_one_after_the_other(postgresql_engine: Engine) -> None:
    more = BLOB.update().values(size=BLOB.c.size + 1)
    with writing(postgresql_engine).begin() as connection:
        connection.execute(BLOB.insert(), {"digest": b"d", "size": 1, "estimate": b""})

    def write() -> None:
        with writing(postgresql_engine).begin() as connection:
            connection.execute(select(BLOB)).all()
            connection.execute(more)

    waiting = text("SELECT count(*), pg_sleep(0.01) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    second = threading.Thread(target=write)
    with writing(postgresql_engine).begin() as connection:
        connection.execute(more)
        second.start()
        with postgresql_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watcher:
            while second.is_alive() and not watcher.execute(waiting).scalar():
                pass
    second.join()
    with postgresql_engine.connect() as connection:
        assert connection.execute(select(BLOB.c.size)).scalar() == 3


def holds(url: str, ready: Any) -> None:
    with opened(url) as engine, only_writer(engine):
        ready.set()
        threading.Event().wait(600)


def test_a_killed_scan_gives_the_right_back(postgresql_engine: Engine) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(daemon=True, target=holds, args=(postgresql_engine.url.render_as_string(), ready))
    process.start()
    assert ready.wait(60)
    with pytest.raises(UsageError, match="another scan is writing"), only_writer(postgresql_engine):
        pass
    process.kill()
    process.join()
    held = text("SELECT count(*), pg_sleep(0.01) FROM pg_locks WHERE locktype = 'advisory'")
    with postgresql_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(1_000):  # the server hears of it a moment later
            if not connection.execute(held).scalar():
                break
    with only_writer(postgresql_engine):
        pass
