"""Read a TOML file so that a mistake in it can be told by file and line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.errors import ConfigError
from config.keylines import key_lines

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from config.keylines import KeyPath

MAX_BYTES = 4 * 1024 * 1024  # our largest data file is far below; a file beyond this is a mistake in the path
_POSITION = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class TomlFile:
    """The values of a file and where they stand.

    Attributes:
        name: how messages call the file.
        values: the parsed table.
        text: what was parsed.
    """

    name: str
    values: dict[str, Any]
    text: str

    @cached_property
    def lines(self) -> dict[KeyPath, int]:
        """The line of each key path; looked for once somebody asks, as most files have no mistake."""
        return key_lines(self.text)

    def place(self, path: KeyPath) -> str:
        """Name file and line of a key, or of the nearest table around it that has a line."""
        for length in range(len(path), 0, -1):
            if line := self.lines.get(path[:length]):
                return f"{self.name}, line {line}"
        return self.name


def read_toml(path: Path | Traversable, name: str | None = None) -> TomlFile:
    """Read and parse a file; raise ConfigError, in one sentence, where that is impossible."""
    label = name or str(path)
    if isinstance(path, Path) and path.exists() and not (path.is_file() or path.is_dir()):
        raise ConfigError(f"{label} is no regular file, which a settings file has to be.")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{label} cannot be read: {exc.strerror or exc}.") from exc
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{label} is larger than {MAX_BYTES} bytes, which no settings file is.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{label}, line {line}: not UTF-8 text, which TOML has to be.") from exc
    return parse_toml(text, label)


def parse_toml(text: str, name: str) -> TomlFile:
    """Parse a text; raise ConfigError with the line of a syntax error."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(_syntax_error(text, name, str(exc))) from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply to be a settings file.") from None
    return TomlFile(name, values, text)


def _syntax_error(text: str, name: str, message: str) -> str:
    position = _POSITION.search(message)
    line = int(position[1]) if position and position[1] else text.rstrip("\n").count("\n") + 1
    reason = _POSITION.sub("", message)
    return f"{name}, line {line}: not valid TOML ({reason[:1].lower()}{reason[1:]})."
