"""Turn pydantic's findings into sentences that name place, key, value and what is allowed."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, Field, SecretStr

from config.errors import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import ValidationError

    from config.keylines import KeyPath

MAX_SHOWN = 60  # characters of a wrong value; enough to recognise it
HIDDEN = "(hidden)"
_SECRET = re.compile(r"xox\w-|xapp-|hf_\w|hooks\.slack\.com|://[^/\s]*@")
"""What tokens, webhook addresses and addresses with a password look like, wherever they were put by mistake."""


def key(
    default: Any, meaning: str, allowed: str, *, secret: bool = False, example: object = None, **limits: Any
) -> Any:
    """Declare a settings field with its meaning and, in words, what it may hold.

    Args:
        default: the value without any setting; `...` where there is none.
        meaning: one line for the commented settings file.
        allowed: completes the sentence "... must be ...".
        secret: the value is never shown, not even when it is wrong.
        example: what the commented settings file shows where the default is nothing.
        **limits: pydantic's own constraints (ge, le, pattern ...).
    """
    extra: dict[str, Any] = {"allowed": allowed, "secret": secret, "example": example}
    return Field(default, description=meaning, json_schema_extra=extra, repr=not secret, **limits)


def sentences(error: ValidationError, model: type[BaseModel], place: Callable[[KeyPath], str]) -> list[str]:
    """Say each mistake of a validation in one sentence, in the order found, without repeats.

    Args:
        error: what pydantic found.
        model: the model that was validated.
        place: names where a key was set ("hubscope.toml, line 3").
    """
    said: dict[str, None] = {}
    for finding in error.errors(include_url=False, include_context=True):
        told = finding.get("ctx", {}).get("error")
        path = (*finding["loc"], *(told.keys if isinstance(told, Told) else ()))
        said[_sentence(path, finding, model, place(path))] = None
    return list(said)


def _sentence(path: KeyPath, finding: Any, model: type[BaseModel], place: str) -> str:
    name = dotted(path)
    if finding["type"] == "extra_forbidden":
        return f"{place}: {name} is not a known key{_hint(path, model)}."
    if finding["type"] == "missing":
        return f"{place}: {name} is missing; it must be {_allowed(path, model)}."
    told = finding.get("ctx", {}).get("error")
    if isinstance(told, Told):
        return f"{place}: {name}: {str(told).removesuffix('.')}."
    shown = HIDDEN if _is_secret(path, model) else show(finding["input"])
    return f"{place}: {name} is {shown}, but must be {_allowed(path, model) or finding['msg']}."


def dotted(path: KeyPath) -> str:
    """Write a key path as TOML does; a position in a list is counted from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def show(value: object) -> str:
    """Show a wrong value shortly and on one line."""
    if isinstance(value, SecretStr):
        return HIDDEN
    text = repr(value) if isinstance(value, str | int | float | list | tuple | dict) else str(value)
    if _SECRET.search(text):
        return HIDDEN
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _hint(path: KeyPath, model: type[BaseModel]) -> str:
    known = _fields_beside(path, model)
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f" (did you mean {dotted((*path[:-1], near[0]))}?)"
    return f" (known here: {', '.join(sorted(known))})" if known else ""


def _fields_beside(path: KeyPath, model: type[BaseModel]) -> list[str]:
    inside: type[BaseModel] | None = model
    for part in path[:-1]:
        if isinstance(part, str) and inside is not None and part in inside.model_fields:
            inside = model_in(inside.model_fields[part].annotation)
    return list(inside.model_fields) if inside else []


def _field_extras(path: KeyPath, model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """Yield what the fields along a path say of themselves, from the outermost inward."""
    inside: type[BaseModel] | None = model
    for part in path:
        if not isinstance(part, str) or inside is None or part not in inside.model_fields:
            continue  # an index of a list, or a key of a table with free keys
        field = inside.model_fields[part]
        if isinstance(field.json_schema_extra, dict):
            yield field.json_schema_extra
        inside = model_in(field.annotation)


def _allowed(path: KeyPath, model: type[BaseModel]) -> str:
    allowed = ""
    for extra in _field_extras(path, model):
        allowed = str(extra.get("allowed", allowed))
    return allowed


def _is_secret(path: KeyPath, model: type[BaseModel]) -> bool:
    return any(extra.get("secret") for extra in _field_extras(path, model))


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model that a field holds: directly, optional, or as items of a list or a table."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if found := model_in(argument):
            return found
    return None
