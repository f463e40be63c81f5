"""What is known of the Hub before anything is asked of it, from `hub.toml`."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from config.datafile import read_data
from config.mistakes import key

Day: TypeAlias = date

WINDOW_SECONDS = 300
"""Length of the Hub's quota windows."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = key(..., "whose figure it is", "a sentence", min_length=1)
    date: Day = key(..., "as of when", "a date")


class Size(_Part):
    """How much there is."""

    models: int = key(..., "public models", "a whole number above 0", gt=0)


class Requests(_Part):
    """What a scan asks for each model."""

    models_per_page: int = key(..., "models on a page of the listing", "a whole number above 0", gt=0)
    undecided: float = key(..., "share of models whose count the listing leaves open", "a share", ge=0, le=1)
    units_per_count: float = key(..., "file requests to settle a count", "a number", ge=1)
    suggested: float = key(..., "share of models whose texts may declare a limit", "a share", ge=0, le=1)
    units_per_text: float = key(..., "requests for the texts of a model", "a number", ge=1)


class Quota(_Part):
    """Requests in a window, by bucket."""

    api: int = key(..., "for listings and pages of models", "a whole number above 0", gt=0)
    resolvers: int = key(..., "for files", "a whole number above 0", gt=0)


class Quotas(BaseModel):
    """Of a caller without a token, and of one with a free account's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anonymous: Quota = key(..., "without a token", "a table [quotas.anonymous]")
    token: Quota = key(..., "with one", "a table [quotas.token]")


class HubFigures(BaseModel):
    """All of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Size = key(..., "how much there is", "a table [size]")
    requests: Requests = key(..., "what a scan asks", "a table [requests]")
    quotas: Quotas = key(..., "what may be asked", "a table [quotas]")


@lru_cache(maxsize=1)
def load_hub_figures() -> HubFigures:
    """The figures that ship with hubscope.

    Raises:
        ConfigError: the file holds something else.
    """
    figures, _ = read_data(files("config").joinpath("hub.toml"), "hub.toml", HubFigures)
    return figures
