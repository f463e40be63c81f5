"""What all tests share: no way out of this machine, no settings or tokens of whoever runs them, one server."""

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.postgresql import CannotStart, Server, start

# A change must not fail to land because of an example drawn by chance; everywhere else the draw is free.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but loopback fails the test."""
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "a local socket"
        if isinstance(address, tuple) and not str(host).startswith(LOOPBACK):
            raise AssertionError(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type]  # whatever the caller gave

    monkeypatch.setattr(socket.socket, "connect", only_loopback)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the tokens nor the settings of this machine reach a test."""
    for name in list(os.environ):
        if name.startswith(("HUBSCOPE_", "HF_", "SLACK_", "PG")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server; tests that want one are skipped where none can start, unless REQUIRE_POSTGRESQL=1."""
    try:
        server = start()
    except CannotStart as error:
        reason = f"no PostgreSQL server can be started here: {error}"
        if os.environ.get("REQUIRE_POSTGRESQL") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    yield server
    server.stop()
