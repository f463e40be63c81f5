"""`hubscope init`: a settings file that loads, never over another one unasked, and what comes next."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.settings import DEFAULT_FILE, Settings, load
from scanner.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, ["init", *words])


def refused(result: Result, *parts: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("hubscope: ")
    assert result.stderr.strip().count("\n") == 0
    for part in parts:
        assert part in result.stderr


def test_it_writes_settings_that_load_and_change_nothing(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    assert result.stderr == ""
    assert load(environ={}) == Settings()
    assert DEFAULT_FILE.read_text(encoding="utf-8").startswith("# Settings of hubscope")


def test_it_says_what_comes_next(run: Run) -> None:
    lines = run().stdout.splitlines()
    assert lines[0] == "Wrote hubscope.toml. What comes next:"
    for step in (
        "export HF_TOKEN=",
        "export SLACK_BOT_TOKEN=",
        "export SLACK_WEBHOOK_URL=",
        "hubscope doctor",
        "hubscope schedule --run-now weekly",
        "hubscope schedule  ",
    ):
        assert any(line.startswith(f"  {step}") for line in lines), step
    assert not any("HUBSCOPE_CONFIG" in line for line in lines)


def test_the_job_that_it_says_to_run_is_in_the_file(run: Run) -> None:
    run()
    assert "weekly" in [job.name for job in load(environ={}).jobs]


def test_a_file_of_another_name_has_to_be_named_to_the_others(run: Run) -> None:
    result = run("--output", "my team.toml")
    assert result.exit_code == 0
    assert "  export HUBSCOPE_CONFIG='my team.toml'" in result.stdout
    assert load(environ={"HUBSCOPE_CONFIG": "my team.toml"}) == Settings()


def test_a_file_that_is_there_stays_as_it_is(run: Run) -> None:
    DEFAULT_FILE.write_text("watch = []\n", encoding="utf-8")
    refused(run(), "hubscope.toml exists already", "--output", "--force")
    assert DEFAULT_FILE.read_text(encoding="utf-8") == "watch = []\n"
    assert run("--force").exit_code == 0
    assert "[[jobs]]" in DEFAULT_FILE.read_text(encoding="utf-8")


def test_a_link_that_leads_nowhere_is_a_file_that_is_there(run: Run, tmp_path: Path) -> None:
    DEFAULT_FILE.symlink_to(tmp_path / "elsewhere.toml")
    refused(run(), "exists already")
    assert not (tmp_path / "elsewhere.toml").exists()


@pytest.mark.parametrize(
    ("output", "part"),
    [("nowhere/hubscope.toml", "its folder does not exist"), (".", "it is a folder"), ("x" * 300, "too long")],
)
def test_what_cannot_be_written_is_said_and_leaves_nothing_behind(run: Run, output: str, part: str) -> None:
    refused(run("--output", output, "--force"), part)
    assert list(Path.cwd().iterdir()) == []


def test_settings_that_are_wrong_do_not_keep_it_from_writing_new_ones(run: Run) -> None:
    DEFAULT_FILE.write_text("not TOML", encoding="utf-8")
    assert run("--force").exit_code == 0
    assert load(environ={}) == Settings()
