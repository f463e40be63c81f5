"""Checks of the file system: folders of reports, and room on the disks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.doctor.interface import Finding, fail, ok, warn
from scanner.errors import HubscopeError

if TYPE_CHECKING:
    from config.settings import Settings
    from scanner.doctor.interface import Surroundings

LITTLE_BYTES = 1_000_000_000  # what a catalogue of the whole Hub and a year of reports take
NO_BYTES = 100_000_000
MAKE_ROOM = "make room there, or name a place on another disk"


def folders(around: Surroundings) -> Iterator[Finding]:
    """Every folder that files go to is there or can be made, and can be written."""
    named = wanted(around.settings)
    if not named:
        yield ok("no files are written")
    bad = [finding for path, who in named.items() if (finding := _hindrance(path, who)) is not None]
    yield from bad
    if named and not bad:
        yield ok(f"{', '.join(str(path) for path in named)} can be written")


def disk(around: Surroundings) -> Iterator[Finding]:
    """Room is left for the catalogue and for reports."""
    paths = list(wanted(around.settings))
    try:
        database = around.catalogue.get().path
    except HubscopeError:  # `database` says it
        database = None
    if database is not None:
        paths.append(database.absolute().parent)
    free = [(shutil.disk_usage(nearest(path)).free, path) for path in paths]
    if not free:
        yield ok("nothing is kept on this machine")
        return
    least, path = min(free)
    found = f"{least / 1e9:,.1f} GB are free for {path}"
    if least < NO_BYTES:
        yield fail(found, MAKE_ROOM)
    elif least < LITTLE_BYTES:
        yield warn(found, MAKE_ROOM)
    else:
        yield ok(found)


def wanted(settings: Settings) -> dict[Path, str]:
    """Every folder that files go to, with the setting that names it."""
    report = settings.report
    named = [(report.folder, "report.folder")] if report.formats or report.csv else []
    named += [(one.folder, f"subscription {one.name}") for one in settings.subscriptions if one.folder is not None]
    return {path.resolve(): who for path, who in reversed(named)}


def nearest(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(place for place in (path, *path.parents) if place.exists())


def _hindrance(path: Path, who: str) -> Finding | None:
    place = nearest(path)
    another = f"name another folder ({who})"
    if not place.is_dir():
        return fail(f"{path} cannot be made or written: {place} is a file", another)
    if not os.access(place, os.W_OK | os.X_OK):
        what = "cannot be written" if place == path else f"cannot be made: {place} cannot be written"
        return fail(f"{path} {what}", f"let this user write to {place}, or {another}")
    return None
