"""The commented settings file: it loads as it is and with every key, and it knows every setting."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from config.environment import ENVIRONMENT_ONLY
from config.mistakes import model_in
from config.settings import Settings, load
from config.template import WIDTH, commented_settings

BEFORE_A_KEY = re.compile(r"^#(?=[a-z\[])", re.MULTILINE)


@pytest.fixture
def as_written(tmp_path: Path) -> Path:
    path = tmp_path / "as-written.toml"
    path.write_text(commented_settings(), encoding="utf-8")
    return path


@pytest.fixture
def uncommented(tmp_path: Path) -> Path:
    path = tmp_path / "uncommented.toml"
    path.write_text(BEFORE_A_KEY.sub("", commented_settings()), encoding="utf-8")
    return path


def keys(model: type[BaseModel], *table: str) -> set[tuple[str, ...]]:
    """Every key of the settings, those of tables by their table's name."""
    found: set[tuple[str, ...]] = set()
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        found |= keys(inner, *table, name) if inner else {(*table, name)}
    return found


def test_as_it_is_written_it_sets_the_defaults(as_written: Path) -> None:
    assert load(as_written, {}) == Settings()


def test_it_loads_without_the_comment_marks_too(uncommented: Path) -> None:
    found = load(uncommented, {})
    assert found.slack.channel == "#model-scope"
    assert found.watch
    assert found.announced
    assert [job.name for job in found.jobs] == ["weekly"]
    (subscription,) = found.subscriptions
    assert subscription.owners
    assert subscription.models


def test_every_setting_is_there_but_for_those_of_the_environment(uncommented: Path) -> None:
    written = tomllib.loads(uncommented.read_text(encoding="utf-8"))
    found: set[tuple[str, ...]] = set()
    for name, value in written.items():
        table = value[0] if isinstance(value, list) and isinstance(value[0], dict) else value
        found |= {(name, inner) for inner in table} if isinstance(table, dict) and name != "announced" else {(name,)}
    assert found == keys(Settings) - set(ENVIRONMENT_ONLY)


def test_what_a_commented_key_shows_is_its_default_where_it_has_one(uncommented: Path) -> None:
    defaults, shown = Settings(), load(uncommented, {})
    for name in ("scan", "report", "schedule", "slack"):
        table = getattr(defaults, name)
        for key in type(table).model_fields:
            default = getattr(table, key)
            assert default is None or getattr(getattr(shown, name), key) == default, f"{name}.{key}"


def test_only_what_a_new_user_looks_at_stands_without_a_comment_mark(as_written: Path) -> None:
    written = tomllib.loads(as_written.read_text(encoding="utf-8"))
    assert {name: value for name, value in written.items() if value} == {
        "schedule": {"timezone": "UTC"},
        "jobs": [{"name": "weekly", "cron": "0 7 * * 1", "top": 10_000}],
    }


def test_it_names_what_comes_from_the_environment_only_and_holds_no_value_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ENVIRONMENT_ONLY.values():
        monkeypatch.setenv(variable, "https://example.org/AVerySecretToken")
    text = commented_settings()
    assert all(f"#   {variable} " in text for variable in ENVIRONMENT_ONLY.values())
    assert "AVerySecret" not in text
    assert "hf_" not in text
    assert "xox" not in text


def test_its_remarks_are_short_lines_that_end_as_sentences() -> None:
    text = commented_settings()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert all(line == line.rstrip() for line in text.splitlines())
    blocks = re.findall(r"((?:^# .*\n)+)^#?[\w\[]", text, flags=re.MULTILINE)
    assert len(blocks) > len(keys(Settings)) - len(ENVIRONMENT_ONLY)
    assert all(block.rstrip().endswith((".", "an example:")) for block in blocks)
