"""A scan in which a twentieth of all answers goes wrong ends with the verdicts of one in which none does."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine

from config.regulation import Regulation
from scanner.catalogue.store import RunState
from scanner.deepread import Options
from scanner.samplehub import Fault, SampleHub
from scanner.selection import Selection
from tests.scanner.conftest import Bench
from tests.scanner.helpers import make_client, restore_library

ALL = Selection(everything=True, page_size=5)
KINDS: Mapping[str, dict[str, Any]] = {
    "errors": {"kind": "status", "status": 500},
    "gateways": {"kind": "status", "status": 504},
    "refusals": {"kind": "status", "status": 429, "retry_after": "1"},
    "resets": {"kind": "reset"},
    "resets in the middle": {"kind": "reset-mid-body"},
    "short bodies": {"kind": "cut"},
    "web pages": {"kind": "html"},
    "broken JSON": {"kind": "broken-json"},
    "compressed": {"kind": "gzip"},
    "ranges ignored": {"kind": "ignore-range"},
    "empty ranges": {"kind": "empty-206"},
    "rows twice": {"kind": "repeat-rows"},
    "old addresses": {"kind": "expired-link"},
    "silence": {"kind": "stall", "seconds": 0.6},
}


@pytest.fixture(autouse=True)
def library() -> Iterator[None]:
    yield
    restore_library()


@pytest.fixture
def bench(hub: SampleHub, sqlite_engine: Engine, regulation: Regulation) -> Bench:
    """Over one database: what is asked of the Hub is the same over any."""
    return Bench(hub, sqlite_engine, regulation)


def said(bench: Bench) -> dict[str, object]:
    """All that was decided."""
    return {
        name: (one.estimate and (one.estimate.low, one.estimate.high, one.estimate.point), one.verdicts)
        for name, one in bench.models().items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_twentieth_of_faults_changes_no_verdict(bench: Bench, kind: str) -> None:
    client = make_client(bench.hub.endpoint, max_retries=8, read_timeout=0.4)
    bench.scan(ALL, Options(workers=4), client=client)
    expected = said(bench)
    met = bench.hub.faults_met
    bench.hub.inject(Fault(rate=0.05, seed=7, **KINDS[kind]))
    again = make_client(bench.hub.endpoint, max_retries=8, read_timeout=0.4)
    outcome = bench.scan(ALL, Options(workers=4, full=True), client=again)
    assert (outcome.state, outcome.detail) == (RunState.COMPLETE, "")
    assert bench.hub.faults_met > met
    assert said(bench) == expected
