"""Numbers, dates and codes in words, the same in every human format."""

from datetime import UTC, date, datetime

from notifiers.report import ChangeKind, RunState
from notifiers.rows import ModelRow, Verdict

UNKNOWN = "–"
WRITTEN_OUT = 10_000_000  # bounds below it are written digit by digit: there a single parameter may decide

VERDICT_WORDS = {
    Verdict.IN_SCOPE: "In scope",
    Verdict.OUT_OF_SCOPE: "Out of scope",
    Verdict.UNDECIDED: "Undecided",
}

CHANGE_WORDS = {
    ChangeKind.ENTERED_SCOPE: "Entered scope",
    ChangeKind.LEFT_SCOPE: "Left scope",
    ChangeKind.BECAME_UNDECIDED: "Became undecided",
    ChangeKind.SETTLED: "Settled",
    ChangeKind.CROSSED_THRESHOLD: "Crossed the threshold",
    ChangeKind.DECLARATION_ADDED: "Declaration added",
    ChangeKind.DECLARATION_REMOVED: "Declaration removed",
    ChangeKind.GATE_CHANGED: "Gate changed",
    ChangeKind.NOT_DISTRIBUTED: "Deleted, disabled or made private",
    ChangeKind.NO_LONGER_LISTED: "No longer listed",
    ChangeKind.RENAMED: "Renamed",
    ChangeKind.NEW: "New models",
}

RUN_WARNINGS = {
    RunState.COMPLETE: "",
    RunState.INTERRUPTED: "This run was interrupted; the figures cover what had been read by then.",
    RunState.INCOMPLETE: "This run is incomplete; some of what it asked for went unanswered.",
}


def integer(number: int | None) -> str:
    """1,234,567; a dash where unknown."""
    return UNKNOWN if number is None else f"{number:,}"


def difference(now: int, before: int | None) -> str:
    """+12, −3 or ±0; a dash where there is nothing to compare with."""
    if before is None:
        return UNKNOWN
    change = now - before
    if change == 0:
        return "±0"
    return f"+{change:,}" if change > 0 else f"−{-change:,}"


def percent(part: int, whole: int) -> str:
    """12.3%; never 0.0% for something nor 100.0% for less than everything."""
    if whole == 0:
        return UNKNOWN
    if part in {0, whole}:
        return "0%" if part == 0 else "100%"
    share = 100 * part / whole
    if share < 0.1:
        return "<0.1%"
    return ">99.9%" if share > 99.9 else f"{share:.1f}%"


def models(count: int) -> str:
    """`1 model`, `2 models`."""
    return f"{count:,} model" if count == 1 else f"{count:,} models"


def parameters(row: ModelRow) -> str:
    """The count as an interval or a number: a guess never looks exact."""
    if row.basis == "no-weights":
        return "no weights"
    if row.exact and row.point is not None:
        return f"{row.point:,}"
    bounds = f"≥ {_bound(row.low)}" if row.high is None else f"{_bound(row.low)} – {_bound(row.high)}"
    if row.point is not None:
        return f"≈ {row.point:,}" if row.low == row.high else f"≈ {row.point:,} ({bounds})"
    return "unknown" if row.low == 0 and row.high is None else bounds


def _bound(number: int) -> str:
    """An end of an interval: 867.3 M, 55.51 B."""
    if number < WRITTEN_OUT:
        return f"{number:,}"
    for size_of_unit, unit in ((10**12, "T"), (10**9, "B")):
        if number >= size_of_unit:
            return f"{float(f'{number / size_of_unit:.4g}'):,g} {unit}"
    return f"{number / 10**6:.4g} M"


def margin(factor: float | None) -> str:
    """How many times the threshold: 7,000×, 12.5× or 1.000001×."""
    if factor is None:
        return UNKNOWN
    if factor >= 100:
        return f"{factor:,.0f}×"
    return f"{factor:.7g}×" if 0.99 < factor < 1.01 else f"{factor:.3g}×"


def moment(value: datetime | None) -> str:
    """2026-11-22 07:00 UTC."""
    return UNKNOWN if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def day(value: date | None) -> str:
    """2026-11-22."""
    return UNKNOWN if value is None else value.isoformat()


def size(count: int) -> str:
    """Bytes in decimal units: 4.1 MB."""
    amount, units = float(count), ("bytes", "kB", "MB", "GB", "TB")
    for unit in units:
        if amount < 1000 or unit == units[-1]:
            return f"{count:,} bytes" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    raise AssertionError("the last unit takes everything")


def duration(start: datetime, end: datetime | None) -> str:
    """`2 h 05 min`, `3 min 20 s` or `12 s`; a dash where the end is unknown."""
    if end is None:
        return UNKNOWN
    seconds = max(0, round((end - start).total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"


def verdict(code: str) -> str | None:
    """A verdict code in words; None for any other text."""
    return next((words for status, words in VERDICT_WORDS.items() if status.value == code), None)


def shown_of(shown: int, total: int) -> str:
    """`10 of 1,234 shown` where a list is capped; empty where it is whole."""
    return f"{shown:,} of {total:,} shown" if shown < total else ""
