"""A sample Hub, a catalogue and a scan over them."""

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

MOMENT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


@pytest.fixture
def hub() -> Iterator[SampleHub]:
    with SampleHub() as sample:
        yield sample


@pytest.fixture
def regulation() -> Regulation:
    return load_regulation("cn-2026")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    database = open_database(f"sqlite:///{tmp_path / 'hubscope.db'}")
    yield database
    database.dispose()


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
