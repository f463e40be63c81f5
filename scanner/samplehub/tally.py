"""Requests counted instead of remembered, for a Hub that is asked millions of times."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.samplehub.server import Recorded


class Tally:
    """Stands where the list of requests would, and keeps only how many there were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def append(self, recorded: Recorded) -> None:
        """Count one request by server, bucket and status."""
        with self._lock:
            self._counts[f"{recorded.server} {recorded.bucket or '-'} {recorded.status}"] += 1

    def take(self) -> dict[str, int]:
        """The counts since the last time; they start over."""
        with self._lock:
            counts, self._counts = dict(self._counts), Counter()
        return counts
