"""The README's commands are the ones that CI runs, and what it says of the command line is so."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scanner.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(marker: str) -> str:
    match = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert match, marker
    return match[1]


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_each_command_is_one_line_with_its_own_environment_and_pinned_versions(name: str) -> None:
    command = block(f"command: {name}").strip()
    assert "\n" not in command
    assert "-m venv .venv" in command
    assert "--constraint constraints.txt" in command


def test_ci_runs_the_test_command_word_for_word() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- command: tests -->" in script
    assert "README.md" in script


@pytest.mark.parametrize("command", sorted({m[1] for m in re.finditer(r"^hubscope (\w+)", block("use"), re.MULTILINE)}))
def test_every_command_that_the_readme_shows_exists_with_examples(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Examples" in result.output


def test_options_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"`?(--[a-z][a-z-]+)", re.sub(r"<!-- command.*?```\n", "", README, flags=re.DOTALL)))
    named -= {"--editable", "--constraint", "--quiet"}
    helps = "".join(CliRunner().invoke(app, [name, "--help"]).output for name in ("check", "scan", "report", "export"))
    for option in named:
        assert option in helps, option


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links_lead_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_shown_output_of_the_demo_has_its_headline() -> None:
    shown = block("output: demo")
    assert "in scope" in shown
    assert "What changed in that week" in shown


def test_constraints_name_exact_versions_and_no_host() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 20
    assert all(re.fullmatch(r"[\w.-]+==[\w.+-]+", pin) for pin in pins)
