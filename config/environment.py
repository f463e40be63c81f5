"""Settings from environment variables: HUBSCOPE_<KEY> with `__` between levels, and the ecosystem's own names."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from config.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from config.keylines import KeyPath

PREFIX = "HUBSCOPE_"
CONFIG_VARIABLE = "HUBSCOPE_CONFIG"
# The ecosystem's own variables, and the setting that each fills. None of them can stand in a file: a settings file lies
# in the working directory, which may be a downloaded model's folder, and must not say where a token is sent.
ECOSYSTEM = {
    "HF_TOKEN": "hf_token",
    "HF_ENDPOINT": "hf_endpoint",
    "SLACK_BOT_TOKEN": "slack_bot_token",
    "SLACK_WEBHOOK_URL": "slack_webhook_url",
}
# Variables of the contract whose settings come with a later version: taken as known, and not read yet.
LATER_PREFIXES = ("HUBSCOPE_MODELSCOPE__",)
# Tables whose keys are ids with hyphens, which no shell accepts in a variable's name.
_HYPHENATED_TABLES = frozenset({"announced"})


@dataclass(frozen=True, slots=True)
class EnvironmentLayer:
    """Settings found in the environment, and the variable each came from."""

    values: dict[str, Any] = field(default_factory=dict)
    variables: dict[KeyPath, str] = field(default_factory=dict)


def read_environment(environ: Mapping[str, str], known: Iterable[str]) -> EnvironmentLayer:
    """Collect settings from the environment; an empty variable counts as not set.

    Args:
        environ: the environment.
        known: every variable that means something, for the message on one that does not.

    Raises:
        ConfigError: variables begin like ours and are none of ours; all are named.
    """
    layer = EnvironmentLayer()
    accepted = tuple(known)
    unknown: list[str] = []
    for name, value in sorted(environ.items()):
        if name in ECOSYSTEM:
            _put(layer, (ECOSYSTEM[name],), name, value.strip())
        elif not name.startswith(PREFIX) or name == CONFIG_VARIABLE or name.startswith(LATER_PREFIXES):
            continue
        elif _is_known(name, accepted):
            _put(layer, _path(name), name, value.strip())
        else:
            unknown.append(_unknown(name, accepted))
    if unknown:
        raise ConfigError("\n".join(unknown))
    return layer


def variable(path: Iterable[str]) -> str:
    """Name the variable that sets a key: ("scan", "workers") is HUBSCOPE_SCAN__WORKERS."""
    return PREFIX + "__".join(path).upper()


ENVIRONMENT_ONLY: dict[tuple[str, ...], str] = {
    **{(setting,): name for name, setting in ECOSYSTEM.items()},
    ("slack", "base_url"): variable(("slack", "base_url")),
}
"""Settings that no file may hold, and the variable of each."""

MISPLACED = {
    ("slack", "token"): "SLACK_BOT_TOKEN",
    ("slack", "bot_token"): "SLACK_BOT_TOKEN",
    ("slack", "webhook_url"): "SLACK_WEBHOOK_URL",
}
"""Where people look for such settings in a file, although they have no place in one."""


def _path(name: str) -> tuple[str, ...]:
    parts = name.removeprefix(PREFIX).lower().split("__")
    if parts[0] in _HYPHENATED_TABLES:
        parts[1:] = [part.replace("_", "-") for part in parts[1:]]
    return tuple(parts)


def _is_known(name: str, accepted: tuple[str, ...]) -> bool:
    path = _path(name)
    return name in accepted or (len(path) == 2 and path[0] in _HYPHENATED_TABLES and bool(path[1]))


def _put(layer: EnvironmentLayer, path: tuple[str, ...], name: str, value: str) -> None:
    if not value:
        return
    table = layer.values
    for part in path[:-1]:
        table = table.setdefault(part, {})
    table[path[-1]] = value
    layer.variables[path] = name


def _unknown(name: str, accepted: tuple[str, ...]) -> str:
    bare = name.removeprefix(PREFIX)
    if bare in ECOSYSTEM:
        return f"environment: {name} is not a known variable (did you mean {bare}?)."
    near = difflib.get_close_matches(name, (*accepted, *ECOSYSTEM, CONFIG_VARIABLE), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"environment: {name} is not a known variable{hint}."
