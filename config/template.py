"""A commented settings file, made from the settings themselves, so that it never says anything else than they do."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel

from config.environment import ENVIRONMENT_ONLY
from config.mistakes import model_in
from config.settings import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

WIDTH = 100  # columns of a remark, so that it fits beside an open folder tree

TO_LOOK_AT = frozenset({("schedule", "timezone")})
"""Keys that stand without a comment mark, beside those of the default job: right for some, wrong for many."""

_HEAD = (
    "Settings of hubscope, as `hubscope init` writes them.",
    "",
    "What a team sets: the channel in [slack], the time zone in [schedule], and when which [[jobs]] run. All else may "
    "stay as it is. A key behind a # shows its default, or an example where it has none; take the # away to set it.",
    "",
    "An environment variable wins over this file: HUBSCOPE_SLACK__CHANNEL over the channel in [slack], and so on. "
    "These come from the environment only, and never stand in a file:",
)


def commented_settings() -> str:
    """The text of a settings file with every key: its meaning, what it may hold, and its default or an example.

    It loads as it is, and sets nothing but the defaults; it also loads when the `#` before every key and table is taken
    away. A `#` before a key has no blank behind it; one before a remark has.
    """
    tables = [name for name, field in Settings.model_fields.items() if _is_table(field)]
    tables.sort(key=lambda name: get_origin(Settings.model_fields[name].annotation) is dict)  # free keys come last
    lines = [*_head(), *_keys(Settings, (), [name for name in Settings.model_fields if name not in tables])]
    for name in tables:
        lines += ["", "", *_table(name, Settings.model_fields[name])]
    return "\n".join(lines) + "\n"


def _head() -> Iterator[str]:
    for paragraph in _HEAD:
        yield from _remark(paragraph)
    for path, variable in ENVIRONMENT_ONLY.items():
        model = Settings if len(path) == 1 else model_in(Settings.model_fields[path[0]].annotation)
        assert model is not None  # noqa: S101 - a key in a table lies in a model
        yield f"#   {variable:<{max(map(len, ENVIRONMENT_ONLY.values()))}}  {model.model_fields[path[-1]].description}"


def _is_table(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is dict or model_in(field.annotation) is not None


def _table(name: str, field: FieldInfo) -> Iterator[str]:
    model = model_in(field.annotation)
    if model is None:
        yield from _remark(f"{_sentence(field)}.")
        yield f"[{name}]"
        yield f"#{_assignment(*_extra(field, 'example'))}"
        return
    several = get_origin(field.annotation) is tuple
    yield from _remark(f"{inspect.getdoc(model)}{' May stand more than once.' if several else ''}")
    if not several:
        yield f"[{name}]"
        yield from _keys(model, (name,), model.model_fields)
        return
    shown = next(iter(field.default), None)  # the default item, whose keys are set
    yield f"[[{name}]]" if shown else f"#[[{name}]]"
    yield from _keys(model, (name,), model.model_fields, shown)


def _keys(
    model: type[BaseModel],
    table: tuple[str, ...],
    names: Sequence[str] | Mapping[str, Any],
    shown: BaseModel | None = None,
) -> Iterator[str]:
    """Yield each key with what it means; the keys that `shown` sets, and those to look at, without a comment mark."""
    for name in names:
        path = (*table, name)
        if path in ENVIRONMENT_ONLY:
            continue
        field = model.model_fields[name]
        is_set = shown is not None and name in shown.model_fields_set
        value = getattr(shown, name) if is_set else field.default
        no_value = value is None or value == () or (field.is_required() and not is_set)
        remark = f"{_sentence(field)}: {_extra(field, 'allowed')}."
        if no_value:
            remark += " Has to be set." if field.is_required() else " Not set by default; an example:"
        yield ""
        yield from _remark(remark)
        mark = "" if is_set or path in TO_LOOK_AT else "#"
        yield f"{mark}{_assignment(name, _extra(field, 'example') if no_value else value)}"


def _sentence(field: FieldInfo) -> str:
    meaning = field.description or ""
    return meaning[:1].upper() + meaning[1:]


def _extra(field: FieldInfo, name: str) -> Any:
    assert isinstance(field.json_schema_extra, dict)  # noqa: S101 - `key` declares every field
    return field.json_schema_extra[name]


def _remark(text: str) -> list[str]:
    return [f"# {line}".rstrip() for line in textwrap.wrap(text, WIDTH - 2, break_on_hyphens=False) or [""]]


def _assignment(name: str, value: object) -> str:
    return f"{name} = {_toml(value)}"


def _toml(value: object) -> str:
    """Write a value as TOML does."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return _toml(value.as_posix())
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)  # texts, numbers and flags look as they do in JSON
