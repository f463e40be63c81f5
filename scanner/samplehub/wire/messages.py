"""A request as the servers hand it to the routes, and the response the routes give back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.samplehub.files.blob import Blob


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case, `path` is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    address: str = "127.0.0.1"

    @property
    def segments(self) -> list[str]:
        """The path's parts, each decoded on its own, so that an encoded slash stays inside its part."""
        return [unquote(part) for part in self.path.split("/")[1:]]

    @cached_property
    def params(self) -> list[tuple[str, str]]:
        """The query's pairs in order."""
        return parse_qsl(self.query, keep_blank_values=True)

    @property
    def token(self) -> str | None:
        """The bearer token, if one was sent."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    def all(self, *names: str) -> list[str]:
        """Every value of a repeated parameter, under any of its spellings."""
        return [value for name, value in self.params if name in names]

    def one(self, name: str, default: str = "") -> str:
        """The last value of a parameter."""
        return ([default, *self.all(name)])[-1]

    def flag(self, name: str) -> bool:
        """Whether a switch is on, as JavaScript's and Python's clients write it."""
        return self.one(name).lower() in ("true", "1")


@dataclass
class Response:
    """An answer: a body in memory, or a range of a file that is made up while it is sent."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    file: Blob | None = None
    start: int = 0
    stop: int = 0

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.stop - self.start if self.file is not None else len(self.body)


class Refused(Exception):
    """The answer is an error: carried from wherever it was found out."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.response = error(status, message, code, **headers)


def as_json(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer; header names are given with underscores."""
    return encoded(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"), status, **headers
    )


def encoded(body: bytes, status: int = 200, **headers: str) -> Response:
    """The same of JSON that is there already."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, {"Content-Type": "application/json; charset=utf-8"} | named, body)


def error(status: int, message: str, code: str | None = None, **headers: str) -> Response:
    """An error as the Hub words it: in the body, and in two headers (the code only where it has one)."""
    response = as_json({"error": message}, status, **headers)
    response.headers["X-Error-Message"] = "".join(ch if " " <= ch <= "~" else "?" for ch in message)
    if code is not None:
        response.headers["X-Error-Code"] = code
    return response
