"""Types of settings: what is taken for a number, a list, a date, an address or a secret, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, SecretStr

from config.endpoint import check_endpoint
from config.errors import Told

# Lengths are checked apart: a class of Unicode that is repeated by number takes tens of milliseconds to compile.
MODEL_ID = r"^[\w.-]+(?:/[\w.-]+)?$"  # legacy ids have no owner
OWNER = r"^[\w.-]+$"
LONGEST_PART = 96  # characters of an owner's name, and of a model's behind it
NAME = r"^[a-z0-9]+(?:-[a-z0-9]+)*$"


def _not_bool(value: object) -> object:
    if isinstance(value, bool):  # pydantic would take true for 1
        raise ValueError("a number")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _as_flag(value: object) -> object:
    """Take true and false, and their words, which are all that an environment variable can hold."""
    words = {"true": True, "false": False}
    flag = words.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise ValueError("true or false")  # noqa: TRY004 - pydantic collects ValueError only
    return flag


def as_list(value: object) -> object:
    """Take "a, b" for a list: an environment variable cannot hold one otherwise."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _as_date(value: object) -> object:
    """Refuse what pydantic would take for a date: numbers as seconds, and times of day."""
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise ValueError("a date")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _of_short_parts(value: str) -> str:
    if any(len(part) > LONGEST_PART for part in value.split("/")):
        raise ValueError("a model id")
    return value


def _as_token(value: object) -> object:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError("a token")
    return value


def _is_database_url(value: str) -> str:
    if not urlsplit(value).scheme or ":" not in value:
        raise ValueError("a database URL")
    return value


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Tables = TypeVar("_Tables", bound=Sequence[_Named])


def once_each(tables: _Tables) -> _Tables:
    """Return the tables; raise Told for the first whose name another one before it has."""
    seen: set[str] = set()
    for number, table in enumerate(tables):
        if table.name in seen:
            raise Told(
                f"'{table.name}' is the name of another one too; each must have a name of its own", number, "name"
            )
        seen.add(table.name)
    return tables


def hide_password(url: str) -> str:
    """Show a URL with `***` in place of its password, and without query values, which may hold one too."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = (parts.username or "") if parts.password is None else f"{parts.username or ''}:***"
    netloc = f"{user}@{host}" if "@" in parts.netloc else host
    shown = urlunsplit((parts.scheme, netloc, parts.path, "***" if parts.query else "", ""))
    return f"{parts.scheme}://{parts.path}" if not netloc and "//" in url else shown


Whole: TypeAlias = Annotated[int, BeforeValidator(_not_bool)]
Number: TypeAlias = Annotated[float, BeforeValidator(_not_bool)]
Flag: TypeAlias = Annotated[bool, BeforeValidator(_as_flag)]
Name: TypeAlias = Annotated[str, Field(pattern=NAME, max_length=40)]
Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
TextList: TypeAlias = Annotated[tuple[Text, ...], BeforeValidator(as_list)]
Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(as_list)]
ModelId: TypeAlias = Annotated[str, Field(pattern=MODEL_ID), AfterValidator(_of_short_parts)]
ModelIds: TypeAlias = Annotated[tuple[ModelId, ...], BeforeValidator(as_list)]
Owner: TypeAlias = Annotated[str, Field(pattern=OWNER, max_length=LONGEST_PART)]
Day: TypeAlias = Annotated[date, BeforeValidator(_as_date)]
Endpoint: TypeAlias = Annotated[str, BeforeValidator(check_endpoint)]
Token: TypeAlias = Annotated[SecretStr, BeforeValidator(_as_token)]
DatabaseUrl: TypeAlias = Annotated[str, AfterValidator(_is_database_url), PlainSerializer(hide_password)]
