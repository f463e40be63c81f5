"""Read crontab expressions: five fields, or a word such as @weekly.

The meaning is that of crontab(5) in Vixie cron and cronie (https://man7.org/linux/man-pages/man5/crontab.5.html): `0`
and `7` are Sunday, a field that starts with `*` restricts nothing, and a day has to fit either of day-of-month and
day-of-week where both are restricted. What other schedulers add (seconds, years, `?`, `L`, `W`, `#`) is refused, and so
is what crontab takes and reads as something else than it looks like (`*/90`).
"""

from __future__ import annotations

import difflib
import re
from calendar import monthrange
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from config.errors import CronError
from config.mistakes import show

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CHARACTERS = 1_000  # every minute, hour, day, month and weekday written out take fewer than half of it

LEAP_YEAR = 2000
SUNDAY, LATER_SUNDAY = 0, 7

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "@hourly": "0 * * * *",
        "@daily": "0 0 * * *",
        "@midnight": "0 0 * * *",
        "@weekly": "0 0 * * 0",
        "@monthly": "0 0 1 * *",
        "@yearly": "0 0 1 1 *",
        "@annually": "0 0 1 1 *",
    }
)

_ITEM = re.compile(r"([^-/]+)(?:-([^-/]+))?(?:/([^-/]+))?")
_BLANKS = re.compile(r"[ \t]+")

_FOREIGN = (
    (re.compile(r".*\?.*"), "`?` is no sign of crontab; write `*`"),
    (re.compile(r".*#.*"), "crontab cannot say which weekday of a month (`#`); name days of the month, or every week"),
    (re.compile(r".*~.*"), "a run has to be foreseeable, so that random times (`~`) are refused; write one number"),
    (re.compile(r"\d*w|lw"), "crontab has no nearest weekday (`W`); name a day of the month"),
    (
        re.compile(r"l(?:-\d+)?|(?:\d|[a-z]{3})l"),
        "crontab has no last day (`L`); name a day from 1 to 28, or every week",
    ),
    (re.compile(r"h(?:[/(].*)?"), "`H` is no sign of crontab; write one number"),
)
"""Signs of other schedulers, each with what it would need."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When a job comes, in the calendar and on the clock of its time zone.

    Attributes:
        text: the expression as it was written.
        minutes, hours, days, months: values that fit, rising.
        weekdays: those of 0 (Sunday) to 6 (Saturday), rising.
        day_restricted: the day of the month does not start with `*`.
        weekday_restricted: the day of the week does not start with `*`. Where both are restricted, a day need fit only
            one of them; otherwise both.
        wildcard_time: minute or hour start with `*`: the job follows the time that passes, also while clocks change,
            and not the hands of the clock.
    """

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    day_restricted: bool
    weekday_restricted: bool
    wildcard_time: bool

    @property
    def meaning(self) -> str:
        """The same text for every expression that means the same (`0 7 * * 1`, `0 7 * * mon`)."""
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        rules = (self.day_restricted and self.weekday_restricted, self.wildcard_time)
        return " ".join([*(",".join(map(str, values)) for values in fields), *(str(int(rule)) for rule in rules)])


@dataclass(frozen=True, slots=True)
class _Field:
    """A field's name, its lowest and highest value, and the names of values, the first of which is `first_named`."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_named: int = 0

    @property
    def allowed(self) -> str:
        named = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return (
            f"`*`, numbers from {self.low} to {self.high}{named}, ranges, steps of `*` or a range, or a list of these"
        )


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


def parse(text: str) -> Cron:
    """Read an expression.

    Raises:
        CronError: it is none; one sentence that names the field, what was found and what is allowed.
    """
    if len(text) > MAX_CHARACTERS:
        raise CronError(
            f"a crontab expression of {len(text):,} characters is too long; at most {MAX_CHARACTERS:,} are allowed."
        )
    fields = _split(text)
    minutes, hours, days, months, weekdays = (_values(*pair, text) for pair in zip(_FIELDS, fields, strict=True))
    restricted = [not field.startswith("*") for field in fields]
    cron = Cron(
        text.strip(" \t"),
        minutes,
        hours,
        days,
        months,
        tuple(sorted({day % LATER_SUNDAY for day in weekdays})),
        day_restricted=restricted[2],
        weekday_restricted=restricted[4],
        wildcard_time=not (restricted[0] and restricted[1]),
    )
    _refuse_never(cron)
    return cron


def _split(text: str) -> list[str]:
    bare = text.strip(" \t")
    if bare.startswith("@"):
        bare = _spell_out(bare)
    fields = _BLANKS.split(bare) if bare else []
    if len(fields) == len(_FIELDS):
        return fields
    names = ", ".join(field.name for field in _FIELDS)
    more = "; crontab has no seconds and no years" if len(fields) > len(_FIELDS) else ""
    raise CronError(f"{show(text)} has {len(fields)} fields, but a crontab expression has five ({names}){more}.")


def _spell_out(word: str) -> str:
    lower = word.lower()
    if lower == "@reboot":
        raise CronError("'@reboot' names no time, so that no run could be missed or late; write when the job comes.")
    if lower in WORDS:
        return WORDS[lower]
    near = difflib.get_close_matches(lower, WORDS, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise CronError(f"{show(word)} is not a word of crontab{hint}; allowed are {', '.join(WORDS)}, or five fields.")


def _values(field: _Field, written: str, text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for item in written.split(","):
        try:
            found.update(_item(field, item))
        except ValueError as exc:
            what = f"is {show(item)}" if item == written else f"has {show(item)} in {show(written)}"
            raise CronError(f"the {field.name} of {show(text)} {what}, but {exc}.") from None
    return tuple(sorted(found))


def _item(field: _Field, item: str) -> range:
    """The values of one item of a list; a ValueError completes the sentence "... is ITEM, but ..."."""
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(_expected(field, item))
    first, last, step = match.groups()
    if first == "*" and last is None:
        low, high = field.low, field.high
    else:
        low = _value(field, first, item)
        high = _end(field, last, low, item) if last is not None else low
    if step is None:
        return range(low, high + 1)
    every = _step(field, step)
    if last is None and first != "*":
        raise ValueError(f"a step needs a range; write {low}-{field.high}/{every}")
    return range(low, high + 1, every)


def _value(field: _Field, part: str, item: str) -> int:
    name = part.lower()
    if name in field.names:
        return field.names.index(name) + field.first_named
    if not (part.isascii() and part.isdigit()) or not field.low <= int(part) <= field.high:
        raise ValueError(_expected(field, item))
    return int(part)


def _end(field: _Field, part: str, low: int, item: str) -> int:
    """The last value of a range; Sunday ends a week as well as it begins one, by its name."""
    high = _value(field, part, item)
    if high == SUNDAY and low > SUNDAY and part.lower() in field.names:
        return LATER_SUNDAY
    if high < low:
        start = 1 if field.names is _WEEKDAYS else field.low  # a range that ends with 7 has had its Sunday
        parts = [_range(low, field.high)] + ([_range(start, high)] if high >= start else [])
        raise ValueError(f"that range runs backwards; write {','.join(parts)}")
    return high


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _step(field: _Field, step: str) -> int:
    """Read a step; one longer than the field is refused: `*/90` would not mean "every 90 minutes"."""
    span = field.high - field.low
    if not (step.isascii() and step.isdigit()) or not 1 <= int(step) <= span:
        raise ValueError(f"the step must be a number from 1 to {span}")
    return int(step)


def _expected(field: _Field, item: str) -> str:
    """What the item should have been; signs of other schedulers get an answer of their own."""
    for pattern, answer in _FOREIGN:
        if pattern.fullmatch(item.lower()):
            return answer
    for name in field.names:
        if item.lower().startswith(name) and item.isalpha():
            return f"names have three letters; write {name}"
    return f"must be {field.allowed}"


def _refuse_never(cron: Cron) -> None:
    """Refuse the 30th of February and its like; every other day comes on every weekday within 400 years."""
    longest = max(monthrange(LEAP_YEAR, month)[1] for month in cron.months)
    if cron.day_restricted and not cron.weekday_restricted and min(cron.days) > longest:
        raise CronError(
            f"{show(cron.text)} never comes: its months have {longest} days at most, but it starts from day "
            f"{min(cron.days)}."
        )
