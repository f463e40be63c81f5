"""A progress line on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from scanner.cli import common

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scanner.progress import Progress

EVERY_SECONDS = 0.2  # drawn at most so often
LOGGED_EVERY_SECONDS = 30.0  # with --verbose


class Watcher:
    """Draws where a scan stands; a context manager that clears the line at its end."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = sys.stderr.isatty() and not quiet
        self._drawn = self._logged = float("-inf")

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")

    def show(self, progress: Progress) -> None:
        """Draw where the scan stands, now and then."""
        now = time.monotonic()
        if self._shown and now - self._drawn >= EVERY_SECONDS:
            self._drawn = now
            sys.stderr.write(f"\r\x1b[K{line(progress)}")
            sys.stderr.flush()
        if now - self._logged >= LOGGED_EVERY_SECONDS:
            self._logged = now
            common.log.debug(line(progress))


def line(progress: Progress) -> str:
    """Where a scan stands, in one line."""
    return ", ".join(_parts(progress))


def _parts(progress: Progress) -> Iterator[str]:
    expected = f" of {progress.expected:,}" if progress.expected else ""
    yield f"{progress.phase}: {progress.listed:,}{expected} models"
    if (share := progress.decided_share) is not None:
        yield f"{share:.1%} decided"
    if progress.done or progress.waiting:
        yield f"{progress.done:,} looked at"
    left = " and ".join(f"{number:,} {bucket}" for bucket, number in sorted(progress.left.items()))
    yield f"{progress.requests:,} requests" + (f" ({left} left)" if left else "")
    if progress.seconds_left is not None:
        yield f"about {duration(progress.seconds_left)} to go"


def duration(seconds: float) -> str:
    """A span of time as people say it."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
