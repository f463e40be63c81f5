"""Settings of the service: when which scan runs, as tables [schedule] and [[jobs]]."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, model_validator

from config.cron import parse
from config.errors import Told
from config.mistakes import key
from config.tables import Table
from config.timezones import ALLOWED as TIMEZONE_ALLOWED
from config.timezones import check_timezone
from config.values import Flag, Name, Number, Text, TextList, Whole, once_each

MAX_TOP = 1_000_000  # as many as `scan --top` takes
NAME_ALLOWED = "lower-case words joined by hyphens, such as weekly or new-models, of at most 40 characters"
SELECTORS = ("all", "top", "watch", "author", "search", "filters")


def _check_cron(text: str) -> str:
    return parse(text).text


TimeZone: TypeAlias = Annotated[str, BeforeValidator(check_timezone)]
CronText: TypeAlias = Annotated[str, AfterValidator(_check_cron)]


class ScheduleSettings(Table):
    """What holds for all jobs."""

    timezone: TimeZone = key("UTC", "time zone in which the jobs' hours are meant", TIMEZONE_ALLOWED)
    alarm_after_hours: Number = key(
        6.0, "hours that a job may be late before an alarm", "a number of hours above 0, at most 720", gt=0, le=720
    )


class JobSettings(Table):
    """A scan that comes by itself, and whether its report goes out. Its selectors are those of `hubscope scan`."""

    name: Name = key(..., "what the job is called", NAME_ALLOWED, example="weekly")
    cron: CronText = key(
        ...,
        "when it runs",
        "a crontab expression such as 0 7 * * 1 (Mondays at seven), or @daily",
        example="0 7 * * 1",
    )
    timezone: TimeZone | None = key(
        None, "time zone of this job, else that of [schedule]", TIMEZONE_ALLOWED, example="Europe/Berlin"
    )
    all: Flag = key(False, "whether every public model is scanned", "true or false")
    sweep: Flag = key(
        False, "whether all of them are listed, also where listing what changed would do", "true or false"
    )
    top: Whole | None = key(
        None,
        "how many of the most downloaded models are scanned",
        f"a whole number from 1 to {MAX_TOP}",
        ge=1,
        le=MAX_TOP,
        example=10_000,
    )
    watch: Flag = key(False, "whether the models of the watch list are scanned", "true or false")
    author: Text | None = key(None, "owner whose models are scanned", "the name of one owner", example="my-org")
    search: Text | None = key(None, "what the names of the models hold", "a text", example="llama")
    filters: TextList = key((), "tags that all the models carry", "a list of tags", example=["text-generation"])
    limit: Whole | None = key(
        None, "models of the listing at most", "a whole number above 0", ge=1, le=2**63 - 1, example=1_000
    )
    deep: Literal["auto", "never", "always"] | None = key(
        None,
        "when to read headers beyond the listing, else as [scan] says",
        '"auto", "never" or "always"',
        example="auto",
    )
    max_requests: Whole | None = key(
        None,
        "requests after which one scan stops, to be gone on with by the next",
        "a whole number above 0",
        ge=1,
        le=2**63 - 1,
        example=5_000,
    )
    notify: Flag = key(True, "whether its report goes out", "true or false")

    @model_validator(mode="after")
    def _selects(self) -> JobSettings:
        if not any(getattr(self, name) for name in SELECTORS):
            raise Told(f"nothing to scan is named; it must have at least one of {', '.join(SELECTORS)}")
        return self


def _some(jobs: tuple[JobSettings, ...]) -> tuple[JobSettings, ...]:
    """Refuse an empty list (which a length limit of pydantic would also say of a list whose items are wrong)."""
    if not jobs:
        raise ValueError("at least one")
    return jobs


Jobs: TypeAlias = Annotated[tuple[JobSettings, ...], AfterValidator(_some), AfterValidator(once_each)]

WEEKLY = JobSettings(name="weekly", cron="0 7 * * 1", top=10_000)
"""The job where none is set, so that a token and a channel are all that a team needs."""
