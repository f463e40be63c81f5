"""Read a TOML file into the model that says what it may hold, with every mistake told by its line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from config.errors import ConfigError
from config.mistakes import sentences
from config.tomlfile import read_toml

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

Table = TypeVar("Table", bound=BaseModel)
Placing: TypeAlias = Callable[[tuple[str | int, ...]], str]
"""Names the place of a key in a file."""


def read_data(path: Path | Traversable, name: str, model: type[Table]) -> tuple[Table, Placing]:
    """Read a file; the second value names the place of a key in it.

    Args:
        path: the file.
        name: how messages call it.
        model: what it may hold.

    Raises:
        ConfigError: every mistake of the file, one a line.
    """
    file = read_toml(path, name)
    try:
        return model.model_validate(file.values), file.place
    except ValidationError as exc:
        raise ConfigError("\n".join(sentences(exc, model, file.place))) from None
