"""Ctrl-C, once: finish what is in hand and say how to go on. Twice: leave at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from scanner.cli.common import INTERRUPTED

FINISHING = "hubscope: finishing the page in hand; once more to leave at once"


@contextmanager
def stoppable(stopping: threading.Event) -> Iterator[None]:
    """Set an event at the first SIGINT and end the process at the second, while the block runs.

    Whatever is stored is stored in whole transactions, so leaving at once loses only what is in hand.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stopping.is_set():
            os._exit(INTERRUPTED)
        stopping.set()
        # Not through the buffer of sys.stderr: the signal may have come while it was written to.
        os.write(sys.stderr.fileno(), f"\n{FINISHING}\n".encode())

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
