"""Check the name of a time zone against the IANA database (of the system, else of the tzdata package)."""

from __future__ import annotations

import difflib
from zoneinfo import ZoneInfo, available_timezones

from config.errors import Told
from config.mistakes import show

ALLOWED = "an IANA time zone such as Europe/Berlin, or UTC"
MAX_CHARACTERS = 64  # the longest name of the database has 32


def check_timezone(name: object) -> str:
    """Return the name; raise Told, with the nearest zone's name, where no zone has it."""
    if not isinstance(name, str) or not 0 < len(name) <= MAX_CHARACTERS:
        raise Told(f"{show(name)} is no time zone; it must be {ALLOWED}")
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # no such file, a path that leaves the database, a folder of it
        near = _nearest(name)
        hint = f" (did you mean {near}?)" if near else ""
        raise Told(f"{show(name)} is no time zone{hint}; it must be {ALLOWED}") from None
    return name


def _nearest(name: str) -> str | None:
    """The zone that was meant: one that ends so ("New York"), or one spelt nearly so."""
    wanted = name.strip().replace(" ", "_").casefold()
    zones = {zone.casefold(): zone for zone in sorted(available_timezones())}
    if wanted in zones:
        return zones[wanted]
    for small, zone in zones.items():
        if small.rpartition("/")[2] == wanted:
            return zone
    near = difflib.get_close_matches(wanted, zones, n=1)
    return zones[near[0]] if near else None
