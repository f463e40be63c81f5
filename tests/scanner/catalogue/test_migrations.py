"""Opening a catalogue: the migrations make the tables, and whatever cannot be opened is one sentence."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
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

from estimators.interface import Basis, Estimate, Evidence, Finding
from scanner.catalogue import database
from scanner.catalogue.coding import key_bytes
from scanner.catalogue.core import BLOB, RUN, table
from scanner.catalogue.database import HEAD, open_database
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Store
from scanner.catalogue.tables import Run
from scanner.errors import UsageError
from scanner.restrictions.interface import Declaration, Kind
from scanner.scope import VerdictStatus

OUT = VerdictStatus.OUT_OF_SCOPE
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
    options = {"compare_type": True, "compare_server_default": True, "include_object": declared}
    with engine.connect() as connection:
        return [*compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata)]


def declared(_: object, name: str | None, *__: object) -> bool:
    """Everything but the index that a catalogue gets once it holds names."""
    return name != "ix_model_name"


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


def made(connection: Connection, revision: str) -> MetaData:
    """The tables of an older version, empty."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    tables = MetaData()
    tables.reflect(connection)
    return tables


def index_names(engine: Engine) -> set[str | None]:
    return {index["name"] for index in inspect(engine).get_indexes("model")}


def test_a_catalogue_of_the_first_version_keeps_its_rows(empty_address: str) -> None:
    with bare(empty_address) as connection:
        tables = made(connection, "0001")
        for name, row in ROWS.items():
            connection.execute(tables.tables[name].insert(), row)
        kept = {name: tables.tables[name] for name in ("run", "problem")}
        before = {name: connection.execute(select(rows)).mappings().one() for name, rows in kept.items()}
    engine = open_database(empty_address, create=False)
    assert differences(engine) == []
    assert index_names(engine) == {"ix_model_name"}
    with engine.connect() as connection:
        after = {name: connection.execute(select(rows)).mappings().one() for name, rows in kept.items()}
        assert connection.execute(select(RUN.c.base, RUN.c.texts_read)).one() == (None, 0)
    assert after == before
    (assessment,) = Reader(engine).assessments(Reader(engine).run(None))
    assert (assessment.key, assessment.name, assessment.downloads) == ("a", "owner/a", 2**40)
    assert assessment.created_at == MOMENT.replace(tzinfo=UTC)
    assert assessment.estimate == Estimate(
        5, 2**63 - 1, 5, Basis.COMBINED, exact=True, components={"unet": 5}, findings=(Finding("x", "不"),)
    )
    assert assessment.restrictions.items == (
        Declaration(Kind.LICENCE_GRANT, ("CN",), (), True, "LICENSE", None, None, "不適用", "zh"),
    )
    assert [(v.status, v.reasons) for v in assessment.verdicts] == [(OUT, ("below-threshold",))]
    engine.dispose()


KEYS = {"hub": "65f0a1b2c3d4e5f6a7b8c9d0", "short": "a", "twelve": "elevenchars", "odd": "Schlüssel 'x'", "only": "z"}
"""Keys of every shape: the Hub's, one of a byte, one that comes out as long as the Hub's, one beyond ASCII."""
ODD_RULE = "xx-2027"  # no rule that is shipped: its threshold, 123,457, is in its margins alone


def third_version(tables: MetaData, connection: Connection) -> None:
    """Four runs of a whole listing, one of a part, and one that was broken off."""

    def add(table: str, /, **values: Any) -> None:
        connection.execute(tables.tables[table].insert(), values)

    for number in range(1, 7):
        part = {"series": 5, "selection": "--author a", "sweep": False} if number == 5 else {"series": 1}
        state = "interrupted" if number == 6 else "complete"
        add("run", **{**ROWS["run"], "id": number, "state": state, **part})
    seen = {"hub": (1, 4), "short": (1, 4), "twelve": (2, 4), "odd": (1, 4), "only": (5, 5)}
    for name, (first, last) in seen.items():
        values = {"key": KEYS[name], "name": f"owner/{name}", "first_run": first, "last_run": last}
        marks = {"sha": "ab" * 20, "count_looked": "01" * 8, "texts_looked": None, "last_modified": MOMENT}
        add("model", **{**ROWS["model"], **marks, **values})
    look = {"basis": "gguf-header", "file": "m.gguf", "low": 7, "point": 7, "high": 7, "requests": 2, "bytes_read": 9}
    observations: list[tuple[str, int, int | None, dict[str, Any]]] = [
        ("hub", 1, 2, {"low": 5, "point": 5, "high": 5, "name": "owner/before", "sha": "cd" * 20}),
        ("hub", 2, 4, {"low": 2_000_000, "point": 2_000_000, "high": 2_000_000}),
        (
            "hub",
            4,
            None,
            {"low": 7, "point": 7, "high": 7, "basis": "gguf-header", "evidence": [{**look, "note": "n"}]},
        ),
        ("short", 1, None, {"low": 10, "point": None, "high": None, "exact": False, "gated": "auto", "adapter": True}),
        ("twelve", 2, None, {"low": 3_000_000, "point": None, "high": 9_000_000, "exact": False}),
        ("odd", 1, 3, {"license": "mit", "base_model": "owner/base", "stored_elements": 1, "buffers": 0}),
        ("odd", 3, None, {"distribution": "deleted", "declared_total": 4, "declared_sum": 2**63 - 1}),
        ("only", 5, None, {}),
    ]
    for number, (name, since, until, values) in enumerate(observations, 1):
        plain = {**ROWS["observation"], "components": {}, "findings": [], "low": 5, "point": 5, "high": 5}
        place = {"id": number, "model_key": KEYS[name], "since_run": since, "until_run": until}
        add("observation", **{**plain, "name": f"owner/{name}", **place, **values})
    for number, (observation, quote) in enumerate([(1, "old"), (2, "new"), (2, "newer"), (7, "elsewhere")], 1):
        add("declaration", **{**ROWS["declaration"], "id": number, "observation_id": observation, "quote": quote})
    verdicts: list[tuple[str, str, int, int | None, str, str, float | None]] = [
        ("hub", "cn-2026", 1, 2, "out_of_scope", "not-above-threshold", 5e-06),
        ("hub", "cn-2026", 2, 4, "in_scope", "above-threshold", 2.0),
        ("hub", "cn-2026", 4, None, "out_of_scope", "not-above-threshold", 7e-06),
        ("hub", ODD_RULE, 1, 3, "out_of_scope", "not-above-threshold", 16.19997),
        ("hub", ODD_RULE, 4, None, "out_of_scope", "not-above-threshold", 5.669990e-05),
        ("short", "cn-2026", 1, None, "undecided", "interval-straddles-threshold,adapter-base-unknown", None),
        ("twelve", "cn-2026", 2, None, "in_scope", "above-threshold", 3.0),
        ("twelve", ODD_RULE, 3, None, "in_scope", "above-threshold", 24.29996),
        ("odd", "cn-2026", 1, 3, "out_of_scope", "not-above-threshold", 5e-06),
        ("odd", "cn-2026", 3, None, "out_of_scope", "not-distributed", 5e-06),
        ("only", "cn-2026", 5, None, "out_of_scope", "no-weights", None),
    ]
    for number, (name, rule, since, until, status, reasons, margin) in enumerate(verdicts, 1):
        place = {"id": number, "model_key": KEYS[name], "since_run": since, "until_run": until}
        said = {"regulation": rule, "status": status, "status_ignoring_declarations": status, "reasons": reasons}
        add("verdict", **place, **said, margin=margin, next_step="look" if status == "undecided" else None)
    add("member", series=5, model_key=KEYS["only"], since_run=5, last_run=5)
    add("pending_read", **{**ROWS["pending_read"], "model_key": KEYS["short"], "run_id": 6})
    estimate = {"low": 2**70, "high": None, "point": None, "basis": "gguf-header", "partial": True}
    add("blob", digest="e" * 64 + ":2:100", size=2**40, estimate=estimate)
    add("blob", digest="f" * 64 + ":2", size=1, estimate={"low": "many"})


def as_read(engine: Engine, number: int) -> dict[str, Any]:
    """What a reader sees as of a run: numbers, words, and verdicts with their margins."""
    run = Reader(engine).run(number)
    return {
        a.name.removeprefix("owner/"): (
            a.estimate.low if a.estimate else None,
            [item.quote for item in a.restrictions.items],
            [(v.regulation, str(v.status), v.reasons[0], v.margin) for v in a.verdicts],
        )
        for a in Reader(engine).assessments(run)
    }


def test_a_catalogue_of_the_third_version_is_taken_over(empty_address: str) -> None:
    with bare(empty_address) as connection:
        third_version(made(connection, "0003"), connection)
    engine = open_database(empty_address, create=False)
    assert differences(engine) == []
    below, gone, base = "not-above-threshold", "not-distributed", "interval-straddles-threshold"
    short: tuple[Any, ...] = (10, [], [("cn-2026", "undecided", base, None)])
    before: tuple[Any, ...] = (5, [], [("cn-2026", "out_of_scope", below, 5e-06)])
    deleted = (5, ["elsewhere"], [("cn-2026", "out_of_scope", gone, 5e-06)])
    scope = [("cn-2026", "in_scope", "above-threshold", 3.0), (ODD_RULE, "in_scope", "above-threshold", 24.29996)]
    old_rule, first = (ODD_RULE, "out_of_scope", below, 4.049993e-05), ("cn-2026", "out_of_scope", below, 5e-06)
    assert as_read(engine, 1) == {"before": (5, ["old"], [first, old_rule]), "short": short, "odd": before}
    second = ("cn-2026", "in_scope", "above-threshold", 2.0)
    assert as_read(engine, 2) == {
        "hub": (2_000_000, ["new", "newer"], [second, (ODD_RULE, "out_of_scope", below, 16.19997)]),
        "short": short,
        "twelve": (3_000_000, [], scope[:1]),
        "odd": before,
    }
    assert as_read(engine, 3)["hub"] == (2_000_000, ["new", "newer"], [second])
    third = [("cn-2026", "out_of_scope", below, 7e-06), (ODD_RULE, "out_of_scope", below, 5.66999e-05)]
    assert as_read(engine, 4) == {
        "hub": (7, [], third),
        "short": short,
        "twelve": (3_000_000, [], scope),
        "odd": deleted,
    }
    assert as_read(engine, 5) == {"only": (5, [], [("cn-2026", "out_of_scope", "no-weights", None)])}
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA freelist_count").scalar() == 0, "no larger than what it holds"
    store = Store(engine)
    known = store.known(KEYS.values())
    assert set(known) == set(KEYS.values())
    look = Evidence(Basis.GGUF_HEADER, "m.gguf", 7, 7, 7, 2, 9, "n")
    hub = known[KEYS["hub"]].assessment()
    assert hub.estimate is not None
    assert (hub.estimate.evidence, hub.revision, known[KEYS["hub"]].looked.count) == ((look,), "ab" * 20, "01" * 8)
    short_now, odd = known[KEYS["short"]].assessment(), known[KEYS["odd"]].assessment()
    assert (short_now.gated, short_now.adapter) == ("auto", True)
    assert (odd.declared_total, odd.declared_sum) == (4, 2**63 - 1)
    assert store.standing([key_bytes(key) for key in KEYS.values()]).keys() == {key_bytes(k) for k in KEYS.values()}
    assert Reader(engine).run(6).state == "abandoned", "what it had noted cannot be gone on with"
    assert store.pending(6, 9) == []
    partly = store.remembered("e" * 64 + ":2:100")
    assert partly == Estimate(2**70, None, None, Basis.GGUF_HEADER, partial=True)
    assert store.remembered("f" * 64 + ":2") is None
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
            writer.execute(BLOB.insert(), {"digest": b"a", "size": 1, "estimate": b""})
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
