"""Ctrl-C in a scan: once, the page in hand is finished and the next scan goes on; twice, it leaves at once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from scanner.catalogue.database import open_database
from scanner.catalogue.queries import Reader
from scanner.samplehub import Fault, SampleHub

PATIENCE = 60.0  # seconds until something must have happened


def scanning(hub: SampleHub, folder: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HUBSCOPE_SCAN__PAGE_SIZE": "10", "HF_TOKEN": ""}
    words = [sys.executable, "-P", "-m", "scanner", "scan", "--all", "--deep", "never"]
    return subprocess.Popen(
        words, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def listings(hub: SampleHub) -> int:
    return sum(one.path == "/api/models" for one in hub.requests)


def test_once_finishes_what_is_in_hand_and_says_how_to_go_on(hub: SampleHub, tmp_path: Path) -> None:
    hub.inject(Fault(kind="stall", path="/api/models", seconds=0.3, times=None))
    with scanning(hub, tmp_path) as process:
        until(lambda: listings(hub) >= 2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "finishing the page in hand" in errors
    assert "the same command goes on" in errors
    database = open_database(f"sqlite:///{tmp_path / 'hubscope.db'}")
    run = Reader(database).run(None)
    database.dispose()
    assert (run.state, run.listed > 0, run.cursor is not None) == ("interrupted", True, True)
    hub.clear_faults()
    hub.requests.clear()
    with scanning(hub, tmp_path) as process:
        output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "cursor=" in hub.requests[0].query
    assert "run 1, --all" in output


def test_a_page_that_does_not_come_is_not_waited_for(hub: SampleHub, tmp_path: Path) -> None:
    hub.inject(Fault(kind="stall", path="cursor=", seconds=600.0, times=None))
    with scanning(hub, tmp_path) as process:
        until(lambda: listings(hub) >= 1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "goes on" in errors


def test_twice_leaves_at_once(tmp_path: Path) -> None:
    """The handler alone: whatever the process is busy with, the second signal ends it."""
    program = (
        "import threading, time\n"
        "from scanner.cli.interrupts import stoppable\n"
        "with stoppable(threading.Event()):\n"
        "    print('ready', flush=True)\n"
        "    while True: time.sleep(0.05)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "\n"
        assert "once more" in process.stderr.readline()
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE)
    assert process.returncode == 130
