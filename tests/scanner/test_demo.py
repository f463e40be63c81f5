"""`hubscope demo`: the whole job, and reports worth showing."""

import csv
import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from scanner.assessment import json_schema
from scanner.cli import app


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "out"
    result = CliRunner().invoke(app, ["demo", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    return folder, result.stdout


def test_it_prints_totals_twice_and_what_changed(demo: tuple[Path, str]) -> None:
    _, output = demo
    assert output.count("out of scope") == 2
    changed = output.split("What changed in that week")[1]
    for words in ("entered scope", "left scope", "crossed threshold", "declaration added", "declaration removed"):
        assert words in changed
    for words in ("gate changed", "not distributed", "renamed", "new"):
        assert words in changed


def test_the_readme_shows_what_it_prints(demo: tuple[Path, str]) -> None:
    _, output = demo
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    shown = readme.split("<!-- output: demo -->\n```text\n")[1].split("```")[0]
    printed = output.split("\nIn ")[0]
    assert re.sub(r":\d+;", ":PORT;", shown).split() == re.sub(r":\d+;", ":PORT;", printed).split()


def test_reports_of_both_weeks_lie_there_in_every_format(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    names = {path.name for path in folder.iterdir()}
    endings = (".md", ".html", ".json", ".txt", "-models.csv", "-models.jsonl")
    assert names >= {f"week-{week}{ending}" for week in (1, 2) for ending in endings} | {"hubscope.db"}


def test_every_report_says_where_the_rule_comes_from(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    for ending in (".md", ".html", ".json", ".txt"):
        text = (folder / f"week-2{ending}").read_text(encoding="utf-8")
        assert "uncorroborated" in text
        assert "not legal advice" in text
        assert "our reading" in text


def test_formats_agree_and_the_objects_hold_to_the_schema(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    report = json.loads((folder / "week-2.json").read_text(encoding="utf-8"))
    totals = report["regulations"][0]["honouring"]
    with (folder / "week-2-models.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    lines = (folder / "week-2-models.jsonl").read_text(encoding="utf-8").splitlines()
    objects = [json.loads(line) for line in lines]
    assert len(table) == len(objects) == totals["models"] >= 40
    in_scope = sum(item["verdicts"][0]["status"] == "in_scope" for item in objects)
    assert in_scope == totals["in_scope"]
    validator = Draft202012Validator(dict(json_schema()))
    for item in objects:
        validator.validate(item)
        assert len(item["verdicts"][0]["conditions"]) == 3


def test_a_second_demo_replaces_the_first_and_a_real_catalogue_is_left_alone(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    again = CliRunner().invoke(app, ["demo", "--output", str(folder)])
    assert again.exit_code == 0
    from sqlalchemy import text

    from scanner.catalogue.database import open_database

    engine = open_database(f"sqlite:///{folder / 'hubscope.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE run SET endpoint = 'https://huggingface.co'"))
    engine.dispose()
    refused = CliRunner().invoke(app, ["demo", "--output", str(folder)])
    assert refused.exit_code == 2
    assert "holds scans of a real Hub" in refused.stderr


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = CliRunner().invoke(app, ["demo", "--output", str(tmp_path / "file" / "demo")])
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "--output" in result.stderr
