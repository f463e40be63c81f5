"""The README's commands are the ones that CI runs, and what it says of the command line is so."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from config.settings import load
from scanner.cli import app
from scanner.samplehub import SampleHub
from tests.slackserver import SlackServer

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVICE = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
PACKAGES = ("scanner", "estimators", "notifiers", "config")
COMMANDS = [str(command.name) for command in app.registered_commands]


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
    text = re.sub(r"<!-- command.*?```\n", "", README, flags=re.DOTALL) + SERVICE
    named = set(re.findall(r"`?(--[a-z][a-z-]+)", text)) - {"--editable", "--constraint"}
    helps = "".join(CliRunner().invoke(app, [name, "--help"]).output for name in COMMANDS)
    for option in named:
        assert option in helps, option


def test_every_command_is_in_the_readme_or_the_page_on_the_service() -> None:
    for command in COMMANDS:
        assert re.search(rf"\bhubscope {command}\b", README + SERVICE), command


def test_the_settings_that_the_page_on_the_service_shows_can_be_loaded(tmp_path: Path) -> None:
    shown = re.findall(r"```toml\n(.*?)```", SERVICE, re.DOTALL)
    assert shown
    path = tmp_path / "hubscope.toml"
    path.write_text("\n".join(shown), encoding="utf-8")
    settings = load(path, {})
    assert [job.name for job in settings.jobs] == ["weekly", "changes", "sweep"]
    assert [one.name for one in settings.subscriptions] == ["aurora"]


def test_the_app_s_manifest_asks_for_the_scopes_that_are_explained() -> None:
    match = re.search(r"```json\n(.*?)```", SERVICE, re.DOTALL)
    assert match
    scopes = set(json.loads(match[1])["oauth_config"]["scopes"]["bot"])
    explained = set(re.findall(r"`([a-z]+:[a-z]+)`", SERVICE))
    assert scopes == explained


def test_from_init_to_a_delivered_message_by_the_readme_alone(tmp_path: Path) -> None:
    """The block's own lines, run by a shell; only addresses, token and channel are this test's."""
    lines = block("service").splitlines()
    once = [line for line in lines if line.split("#")[0].strip() != "hubscope schedule"]
    assert len(once) == len(lines) - 1
    with SampleHub() as hub, SlackServer() as slack:
        text = "\n".join(once).replace("xoxb-...", slack.token).replace("#hub-watch", "#general")
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "HF_ENDPOINT": hub.endpoint,
            "HUBSCOPE_SLACK__BASE_URL": slack.base_url,
        }
        text = text.replace("hf_...", "hf_sample_token")
        done = subprocess.run(
            ["bash", "-eu", "-c", text], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (head,) = slack.messages("C0GENERAL")
        assert "in scope" in head["text"]
        assert slack.messages("C0GENERAL", thread=head["ts"])
    assert list((tmp_path / "reports").glob("*.html"))


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


def brought(requirement: Requirement) -> Iterator[Requirement]:
    """What a distribution needs here, with the extras that are asked of it."""
    for part in map(Requirement, requires(requirement.name) or ()):
        if part.marker is None or any(part.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
            yield part


def test_every_dependency_is_used_and_all_that_it_brings_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    sources = [path.read_text(encoding="utf-8") for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", "\n".join(sources), flags=re.MULTILINE))
    modules = {"pyyaml": "yaml"}
    unused = {part.name for part in wanted if modules.get(part.name, part.name.replace("-", "_")) not in imported}
    assert unused == {"tzdata", "psycopg"}  # zoneinfo and SQLAlchemy look them up by name

    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(line.partition("==")[0]) for line in lines if "==" in line}
    seen: set[str] = set()
    while wanted:
        part = wanted.pop()
        if str(part) not in seen:
            seen.add(str(part))
            assert canonicalize_name(part.name) in pinned
            wanted += brought(part)
