"""The tables of the settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from config.endpoint import check_endpoint
from config.mistakes import key
from config.values import Flag, Number, Whole, as_list

ReportForm: TypeAlias = Literal["html", "markdown", "text", "json"]
Published: TypeAlias = Annotated[str, BeforeValidator(check_endpoint)]


def _each_once(forms: tuple[ReportForm, ...]) -> tuple[ReportForm, ...]:
    return tuple(dict.fromkeys(forms))


ReportForms: TypeAlias = Annotated[tuple[ReportForm, ...], BeforeValidator(as_list), AfterValidator(_each_once)]


class Table(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ScanSettings(Table):
    """How a scan asks, how long it waits, and how much it reads."""

    page_size: Whole = key(1000, "models per listing page", "a whole number from 1 to 1000", ge=1, le=1000)
    workers: Whole = key(8, "files read at a time", "a whole number from 1 to 64", ge=1, le=64)
    connect_timeout: Number = key(
        10.0, "seconds until a connection stands", "a number of seconds above 0, at most 600", gt=0, le=600
    )
    read_timeout: Number = key(30.0, "seconds without a byte", "a number of seconds above 0, at most 600", gt=0, le=600)
    max_retries: Whole = key(5, "further tries of a request", "a whole number from 0 to 20", ge=0, le=20)
    max_wait_seconds: Number = key(
        600.0, "longest wait that a server may ask for at a time", "a number of seconds from 1 to 86400", ge=1, le=86400
    )
    headroom: Number = key(
        0.0,
        "quota left unused in every window for others with the same token or address: below 1 a share, else requests",
        "a share from 0 to below 1, such as 0.1, or a number of requests up to 1000000",
        ge=0,
        le=1_000_000,
    )
    resume_hours: Number = key(
        48.0, "age up to which an interrupted scan goes on", "a number of hours from 0 to 720", ge=0, le=720
    )
    max_missing: Number = key(
        0.001, "share of requests that may stay unanswered", "a share from 0 to 1, such as 0.001", ge=0, le=1
    )
    max_loss: Number = key(
        0.2,
        "share of known models that a listing may lose, or list without what they had, before it is suspect",
        "a share from 0 to 1, such as 0.2",
        ge=0,
        le=1,
    )
    sweep_days: Number = key(
        28.0,
        "age of the last whole listing up to which a scan of everything lists only what changed since",
        "a number of days from 0 to 366",
        ge=0,
        le=366,
    )
    deep: Literal["auto", "never", "always"] = key(
        "auto", "when to read headers beyond the listing", '"auto", "never" or "always"'
    )
    read_budget_bytes: Whole = key(
        32 * 1024 * 1024,
        "bytes asked of one weight file at most",
        "a whole number of bytes from 65536 to 1073741824",
        ge=64 * 1024,
        le=1024**3,
    )
    text_cap_bytes: Whole = key(
        1024 * 1024,
        "bytes read of one card or licence file at most",
        "a whole number of bytes from 1024 to 16777216",
        ge=1024,
        le=16 * 1024 * 1024,
    )
    texts_per_run: Whole = key(
        200,
        "models whose card and licence files one scan reads, where something suggests a limit",
        "a whole number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    texts_by_rank: Whole = key(
        500,
        "further models that may be in scope whose card and licence files one scan reads, most downloaded first",
        "a whole number from 0 to 100000",
        ge=0,
        le=100_000,
    )


class ReportSettings(Table):
    """Which reports are written, where, and how many models they name."""

    folder: Path = key(Path("reports"), "folder of the file reports", "the path of a folder")
    named_models: Whole = key(25, "models a report names in full", "a whole number from 0 to 10000", ge=0, le=10_000)
    formats: ReportForms = key(
        ("html",), "formats of the file reports", 'a list of "html", "markdown", "text" or "json", or an empty one'
    )
    csv: Flag = key(True, "whether the models of a run are written beside its report", "true or false")
    url: Published | None = key(
        None,
        "address under which the folder is published, for links to reports",
        "an https:// address without user name, query or fragment (http:// only on loopback)",
        example="https://reports.example.org/hubscope",
    )
