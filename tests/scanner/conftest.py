"""A sample Hub, a catalogue and a scan over them."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from config.regulation import Regulation, load_regulation
from scanner.assessment import Assessment
from scanner.catalogue.database import open_database
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Store
from scanner.deepread import Options
from scanner.run import Outcome, Scan
from scanner.samplehub import SampleHub
from scanner.scope import VerdictStatus
from scanner.selection import Selection
from scanner.sources.http import HubClient, Limits
from scanner.sources.huggingface import HuggingFace
from tests.postgresql import Server

MOMENT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture
def hub() -> Iterator[SampleHub]:
    with SampleHub() as sample:
        yield sample


@pytest.fixture
def regulation() -> Regulation:
    return load_regulation("cn-2026")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "hubscope.db"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture(scope="session")
def migrated_database(postgresql: Server) -> str:
    name = postgresql.new_database()
    open_database(postgresql.address(name)).dispose()
    return name


@pytest.fixture
def sqlite_engine(migrated_file: Path, tmp_path: Path) -> Iterator[Engine]:
    """An empty catalogue in a file, `hubscope.db` in the test's folder."""
    shutil.copy(migrated_file, tmp_path)
    database = open_database(f"sqlite:///{tmp_path / migrated_file.name}")
    yield database
    database.dispose()


@pytest.fixture
def postgresql_engine(postgresql: Server, migrated_database: str) -> Iterator[Engine]:
    """An empty catalogue on a server; a test that alters its tables takes a `new_database` instead."""
    database = open_database(postgresql.address(migrated_database))
    yield database
    database.dispose()
    postgresql.empty(migrated_database)


@pytest.fixture
def own_database(postgresql: Server) -> Iterator[str]:
    """The name of a database with nothing in it."""
    name = postgresql.new_database()
    yield name
    postgresql.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where there is no catalogue yet, in each of the databases that can hold one."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hubscope.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.address(request.getfixturevalue("own_database"))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """An empty catalogue, in each of the databases that can hold one."""
    found: Engine = request.getfixturevalue(f"{request.param}_engine")
    return found


@dataclass
class Bench:
    """Scans the sample Hub into a catalogue."""

    hub: SampleHub
    engine: Engine
    regulation: Regulation

    def client(self, **limits: Any) -> HubClient:
        return HubClient(self.hub.endpoint, None, "0.test", Limits(**{"max_retries": 1, **limits}))

    def scan(
        self,
        selection: Selection | None = None,
        options: Options | None = None,
        *,
        client: HubClient | None = None,
        moment: datetime = MOMENT,
        **more: Any,
    ) -> Outcome:
        return Scan(
            HuggingFace(client or self.client()),
            Store(self.engine),
            selection or Selection(everything=True, page_size=20),
            [self.regulation],
            options or Options(),
            "0.test",
            now=lambda: moment,
            **more,
        ).execute()

    @property
    def reader(self) -> Reader:
        return Reader(self.engine)

    def models(self) -> dict[str, Assessment]:
        """Every model of the latest run, by name."""
        return {a.name: a for a in self.reader.assessments(self.reader.run(None))}

    def status(self, name: str) -> VerdictStatus:
        return self.models()[name].verdicts[0].status


@pytest.fixture
def bench(hub: SampleHub, engine: Engine, regulation: Regulation) -> Bench:
    return Bench(hub, engine, regulation)
