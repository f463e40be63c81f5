"""Requests counted instead of remembered, for a Hub that is asked millions of times."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scanner.samplehub.server import Recorded


PARTS = ("tree", "paths-info", "safetensors-metadata")


def asked_for(path: str) -> str:
    """`listing`, `page` of a model or one of its parts, or `file`."""
    segments = path.strip("/").split("/")
    if segments[:2] != ["api", "models"]:
        return "file"
    if len(segments) == 2:
        return "listing"
    return next((part for part in PARTS if part in segments[3:5]), "page")


class Tally:
    """Stands where the list of requests would, and keeps only how many there were."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def append(self, recorded: Recorded) -> None:
        """Count one request by server, bucket, what it asked for, and status."""
        key = f"{recorded.server} {recorded.bucket or '-'} {asked_for(recorded.path)} {recorded.status}"
        with self._lock:
            self._counts[key] += 1

    def take(self) -> dict[str, int]:
        """The counts since the last time; they start over."""
        with self._lock:
            counts, self._counts = dict(self._counts), Counter()
        return counts
