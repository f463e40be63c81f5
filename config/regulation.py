"""One regulation: threshold, territory, availability, exemptions and clocks, as a file says them."""

from __future__ import annotations

import calendar
import difflib
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from config.datafile import read_data
from config.errors import ConfigError
from config.mistakes import key

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

ID = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"
TERRITORY = r"^[A-Z]{2}$"
MONTHS_IN_QUARTER = 3
MONTHS_IN_YEAR = 12

Day: TypeAlias = date  # inside a class with a field `date`, the plain name would mean the field
ExemptingKind: TypeAlias = Literal["licence-grant", "gating", "card-statement"]


class _Part(BaseModel):
    """A table of a regulation file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Threshold(_Part):
    """How many parameters bring a model in."""

    parameters: int = key(..., "the number that decides", "a whole number above 0", gt=0)
    comparison: Literal["more-than", "at-least"] = key("more-than", "how to compare", '"more-than" or "at-least"')


class Availability(_Part):
    """Whether a platform is one that the regulation reaches."""

    met: bool | None = key(None, "whether the leg is met; left out where unknown", "true or false")
    assumed: bool = key(True, "whether that is an assumption", "true or false")
    of_territory: bool = key(False, "whether the platform is one of the territory", "true or false")
    why: str = key(..., "the reason, as reports show it", "a sentence", min_length=1)
    source: str = key(..., "whose word it is", "a sentence", min_length=1)
    date: Day = key(..., "when that was noted", "a date such as 2026-11-22")


class Clocks(_Part):
    """Deadlines that follow from the announcement."""

    in_force_days: int = key(..., "days from announcement to force", "a whole number of days from 0 up", ge=0)
    incident_hours: int | None = key(None, "hours to report an incident", "a whole number of hours above 0", gt=0)
    compliance_reports: Literal["quarterly", "yearly"] | None = key(
        None, "how often compliance is reported", '"quarterly" or "yearly"'
    )
    clocks_note: str = key("", "how the clocks were read", "a sentence")


class OpenQuestion(_Part):
    """What the sources leave open."""

    question: str = key(..., "the question", "a sentence", min_length=1)
    date: Day = key(..., "when that was noted", "a date such as 2026-11-22")


class Source(_Part):
    """Where the regulation is described."""

    what: str = key(..., "the document", "a sentence", min_length=1)
    says: str = key(..., "what it says", "a text", min_length=1)
    note: str = key("", "how far it goes", "a sentence")
    date: Day = key(..., "its date, or when it was seen", "a date such as 2026-11-22")


class Regulation(_Part):
    """A regulation as its file gives it. Frozen."""

    id: str = key(..., "short name", "lower-case words joined by hyphens, such as cn-2026", pattern=ID)
    title: str = key(..., "name in reports", "a text", min_length=1)
    territory: str = key(..., "whose rule it is", "an ISO 3166-1 alpha-2 code such as CN", pattern=TERRITORY)
    territory_name: str = key(..., "the territory in words", "a text", min_length=1)
    provenance: str = key(..., "how well it is attested; every report shows it", "a sentence", min_length=1)
    official_text: bool = key(False, "whether an official text was seen", "true or false")
    declaration_effect: Literal["out_of_scope", "none"] = key(
        "out_of_scope", "what an excluding declaration does", '"out_of_scope" or "none"'
    )
    declaration_note: str = key("", "whose reading that is", "a sentence")
    exempting_kinds: tuple[ExemptingKind, ...] = key(
        ("licence-grant", "gating", "card-statement"),
        "kinds of declaration that exempt",
        'a list of "licence-grant", "gating" and "card-statement"; an embargo never exempts',
        strict=False,  # TOML has lists, and this is a tuple
    )
    adapter: Literal["own", "with-base"] = key("own", "how an adapter counts", '"own" or "with-base"')
    gated: Literal["distributed", "not-distributed"] = key(
        "distributed", "whether a gated repository distributes", '"distributed" or "not-distributed"'
    )
    threshold: Threshold = key(..., "how many parameters", "a table [threshold]")
    availability: dict[Literal["huggingface", "modelscope", "local"], Availability] = key(
        ...,
        "which platforms it reaches",
        "tables [availability.huggingface], [availability.modelscope] and [availability.local]",
    )
    clocks: Clocks = key(..., "deadlines", "a table [clocks]")
    open_questions: tuple[OpenQuestion, ...] = key((), "what is open", "tables [[open_questions]]", strict=False)
    sources: tuple[Source, ...] = key(
        ..., "where it is described", "at least one table [[sources]]", min_length=1, strict=False
    )

    def in_force_on(self, announced: date) -> date:
        """Return the day from which the regulation holds."""
        return announced + timedelta(days=self.clocks.in_force_days)

    def compliance_reports_due(self, announced: date, after: date, count: int = 4) -> tuple[date, ...]:
        """Return the next days on which a reporting period ends, once the regulation is in force.

        Args:
            announced: day of the announcement.
            after: only days later than this one.
            count: how many.
        """
        months = {"quarterly": MONTHS_IN_QUARTER, "yearly": MONTHS_IN_YEAR}.get(self.clocks.compliance_reports or "")
        if months is None:
            return ()
        start = max(self.in_force_on(announced), after + timedelta(days=1))
        month = -(-start.month // months) * months
        due = (_month_end(start.year, month + step * months) for step in range(count))
        return tuple(due)


def _month_end(year: int, month: int) -> date:
    year, month = year + (month - 1) // MONTHS_IN_YEAR, (month - 1) % MONTHS_IN_YEAR + 1
    return date(year, month, calendar.monthrange(year, month)[1])


def available() -> tuple[str, ...]:
    """List the ids of the regulations that ship with hubscope."""
    names = (entry.name for entry in files("config.regulations").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def load_regulation(id_or_path: str | Path) -> Regulation:
    """Load a regulation by the id of one that ships, or from a file of one's own.

    Raises:
        ConfigError: no such id, or every mistake of the file, one a line.
    """
    name = str(id_or_path)
    if isinstance(id_or_path, Path) or name.endswith(".toml"):
        return _read(Path(id_or_path), name)
    known = available()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ConfigError(
            f"{name!r} is not a regulation known here{hint}; allowed are {', '.join(known)} or a path to a .toml file."
        )
    return _read(files("config.regulations") / f"{name}.toml", f"regulations/{name}.toml")


def _read(path: Path | Traversable, name: str) -> Regulation:
    return read_data(path, name, Regulation)[0]
