"""Every setting, checked once, at load, and frozen: defaults < file < environment < command line."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict

from config.ambient import source_of_secrets
from config.audiences import ADDRESS_ALLOWED, SlackSettings, Subscriptions, WebhookUrl
from config.endpoint import ALLOWED as ENDPOINT_ALLOWED
from config.endpoint import DEFAULT_ENDPOINT
from config.environment import (
    CONFIG_VARIABLE,
    ECOSYSTEM,
    ENVIRONMENT_ONLY,
    MISPLACED,
    EnvironmentLayer,
    read_environment,
    variable,
)
from config.errors import ConfigError, Told
from config.jobs import WEEKLY, Jobs, ScheduleSettings
from config.mistakes import dotted, key, sentences
from config.regulation import load_regulation
from config.tables import ReportSettings, ScanSettings
from config.tomlfile import TomlFile, read_toml
from config.values import DatabaseUrl, Day, Endpoint, ModelIds, Texts, Token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_settings import PydanticBaseSettingsSource

    from config.keylines import KeyPath

DEFAULT_FILE = Path("hubscope.toml")
_WITHOUT_VARIABLE = ("announced", "jobs", "subscriptions")  # free keys, and lists of tables, which only a file can hold


class Settings(BaseSettings):
    """All settings. `Settings()` is the defaults; `load` reads file, environment and command line."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", case_sensitive=True, hide_input_in_errors=True)

    database_url: DatabaseUrl = key(
        "sqlite:///hubscope.db",
        "where the catalogue lies",
        "a SQLAlchemy URL such as sqlite:///hubscope.db",
        secret=True,
    )
    regulations: Texts = key(
        ("cn-2026",), "ids or files of the regulations", "a list of at least one regulation id or path", min_length=1
    )
    announced: dict[str, Day] = key(
        {},
        "day on which each regulation was announced, by its id",
        "a date such as 2026-10-01, under a regulation's id",
        example=("cn-2026", date(2026, 10, 1)),
    )
    watch: ModelIds = key((), "models to watch", 'a list of model ids, each "owner/name"', example=["my-org/my-model"])
    slack: SlackSettings = key(SlackSettings(), "Slack", "a table")
    schedule: ScheduleSettings = key(ScheduleSettings(), "what holds for all jobs", "a table")
    jobs: Jobs = key((WEEKLY,), "scans that come by themselves", "at least one table [[jobs]]")
    subscriptions: Subscriptions = key((), "who hears of their own models", "tables [[subscriptions]]")
    scan: ScanSettings = key(ScanSettings(), "how a scan asks and reads", "a table")
    report: ReportSettings = key(ReportSettings(), "file reports", "a table")
    hf_endpoint: Endpoint = key(
        DEFAULT_ENDPOINT, f"the Hub's address, else {DEFAULT_ENDPOINT}", ENDPOINT_ALLOWED, secret=True
    )
    hf_token: Token | None = key(
        None, "the Hub's access token; more requests are allowed with one", "printable ASCII characters", secret=True
    )
    slack_bot_token: Token | None = key(
        None, "Slack's bot token: a digest with a thread and a CSV", "printable ASCII characters", secret=True
    )
    slack_webhook_url: WebhookUrl | None = key(
        None, "Slack's incoming webhook, where there is no bot token", ADDRESS_ALLOWED, secret=True
    )

    @model_validator(mode="after")
    def _watched(self) -> Settings:
        for number, job in enumerate(self.jobs):
            if job.watch and not self.watch:
                raise Told("true needs a watch list; add `watch = [...]` above the tables", "jobs", number, "watch")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the base class's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing by itself: `load` passes every layer explicitly, so that tests and messages know them."""
        return (init_settings,)


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read, merge, check and freeze the settings.

    Args:
        path: the settings file (`--config`); else HUBSCOPE_CONFIG, else hubscope.toml if the working directory has one.
        environ: the environment; the process's own by default.
        overrides: what the command line sets, nested as the file is; None means "not given".

    Raises:
        ConfigError: every mistake found, one a line.
    """
    environ = os.environ if environ is None else environ
    named = path or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    file = _read_file(named)
    layers = _Layers(_given(overrides or {}), read_environment(environ, known_variables()), file)
    try:
        # The synthesised signature of the class lacks the base class's own arguments.
        settings = Settings(_build_sources=(layers.sources(), {}))  # type: ignore[call-arg]
    except ValidationError as exc:
        # Not chained: pydantic's own message would repeat the input, which may be a secret.
        raise ConfigError("\n".join(sentences(exc, Settings, layers.place))) from None
    if named is None:
        _check_server(settings, layers, environ)
    _check_announced(settings, layers)
    return settings


def known_variables() -> list[str]:
    """List every HUBSCOPE_ variable that sets something, besides those of tables with free keys."""
    names: list[str] = []
    for name, info in Settings.model_fields.items():
        if name in ECOSYSTEM.values() or name in _WITHOUT_VARIABLE:
            continue
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            names += [variable((name, inner)) for inner in info.annotation.model_fields]
        else:
            names.append(variable((name,)))
    return names


class _Layers:
    """The three layers above the defaults, strongest first, and where each key was set."""

    def __init__(self, overrides: dict[str, Any], environment: EnvironmentLayer, file: TomlFile | None) -> None:
        self.overrides = overrides
        self.environment = environment
        self.file = file

    def sources(self) -> tuple[InitSettingsSource, ...]:
        file_values = self.file.values if self.file else {}
        values = (self.overrides, self.environment.values, file_values)
        return tuple(InitSettingsSource(Settings, layer) for layer in values)

    def is_of_the_file(self, path: KeyPath) -> bool:
        """Whether the file is what sets a key."""
        above = any(_stands(values, path) for values in (self.overrides, self.environment.values))
        return not above and self.file is not None and _stands(self.file.values, path)

    def place(self, path: KeyPath) -> str:
        if _holds(self.overrides, path):
            return "command line"
        for length in range(len(path), 0, -1):
            if name := self.environment.variables.get(path[:length]):
                return f"environment variable {name}"
        return self.file.place(path) if self.file else "settings"


def _read_file(path: Path | None) -> TomlFile | None:
    if path is None and not DEFAULT_FILE.exists():
        return None
    path = path or DEFAULT_FILE
    file = read_toml(path)
    _refuse_environment_only(file)
    if isinstance(listed := file.values.get("regulations"), list):
        file.values["regulations"] = [_beside(path, entry) for entry in listed]
    return file


def _refuse_environment_only(file: TomlFile) -> None:
    for path, name in (ENVIRONMENT_ONLY | MISPLACED).items():
        if _stands(file.values, path):
            raise ConfigError(
                f"{file.place(path)}: {dotted(path)} cannot stand in a file; set {name} in the environment."
            )


def _check_server(settings: Settings, layers: _Layers, environ: Mapping[str, str]) -> None:
    """Refuse a server that a file names which nobody named, where libpq would send it a secret of the environment."""
    path = ("database_url",)
    if not layers.is_of_the_file(path):
        return
    if found := source_of_secrets(settings.database_url, environ):
        raise ConfigError(
            f"{layers.place(path)}: database_url names a server that would be sent a secret from {found}, and nobody "
            f"named this file; set {variable(path)}, or name the file with --config, where that is meant."
        )


def _stands(table: Mapping[str, Any], path: KeyPath) -> bool:
    """Whether a table has a key; a value where a table should be has none."""
    inside: Any = table
    for part in path:
        if not isinstance(inside, dict) or part not in inside:
            return False
        inside = inside[part]
    return True


def _beside(file: Path, entry: object) -> object:
    """Read a regulation's path from the folder of the file that names it."""
    is_path = isinstance(entry, str) and entry.endswith(".toml")
    return str(file.parent / entry) if is_path else entry  # type: ignore[operator]  # is_path says it is a str


def _given(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Drop what the command line left open."""
    tables = {name: _given(value) if isinstance(value, dict) else value for name, value in overrides.items()}
    return {name: value for name, value in tables.items() if value is not None and value != {}}


def _holds(table: Mapping[str, Any], path: KeyPath) -> bool:
    inside: Any = table
    for part in path:
        if not isinstance(part, str) or not isinstance(inside, dict):
            break
        if part not in inside:
            return False
        inside = inside[part]
    return bool(path)


def _check_announced(settings: Settings, layers: _Layers) -> None:
    """Load each regulation once, so that a wrong one is told now, and refuse dates for ids that none has."""
    ids: set[str] = set()
    mistakes: list[str] = []
    for entry in settings.regulations:
        try:
            ids.add(load_regulation(entry).id)
        except ConfigError as exc:
            place = layers.place(("regulations",))
            mistakes += [f"{place}: regulations: {line}" for line in str(exc).splitlines()]
    if not mistakes:
        mistakes += _unknown_ids(settings, ids, layers)
    if mistakes:
        raise ConfigError("\n".join(mistakes))


def _unknown_ids(settings: Settings, ids: set[str], layers: _Layers) -> Iterator[str]:
    for name in settings.announced:
        if name not in ids:
            path = ("announced", name)
            allowed = ", ".join(sorted(ids))
            yield f"{layers.place(path)}: {dotted(path)} names no regulation in use; allowed are {allowed}."
