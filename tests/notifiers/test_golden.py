"""A Report in JSON beside the text each renderer gives.

`UPDATE_GOLDEN=1 pytest tests/notifiers/test_golden.py` writes the texts anew; read the difference before you commit it.
"""

import os
from pathlib import Path

import pytest

from notifiers.registry import RENDERERS
from notifiers.render import as_json

CASES = sorted(path.parent for path in Path(__file__).parents[1].glob("golden/reports/*/report.json"))
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


def test_there_are_cases() -> None:
    names = {case.name for case in CASES}
    assert {"full", "first-run", "no-models", "one-model", "three-million", "hostile"} <= names


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_renders_as_before(case: Path, name: str) -> None:
    report = as_json.parse((case / "report.json").read_bytes())
    renderer = RENDERERS[name]
    golden = case / f"report{renderer.suffix}"
    rendered = renderer.render(report)
    if UPDATE:
        golden.write_text(rendered, encoding="utf-8", newline="")
    assert rendered == golden.read_bytes().decode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("name", sorted(set(RENDERERS) - {"json"}))
def test_always_shows_provenance_assumptions_and_both_totals(case: Path, name: str) -> None:
    report = as_json.parse((case / "report.json").read_bytes())
    text = " ".join(RENDERERS[name].render(report).split())
    for regulation in report.regulations:
        assert "The rule:" in text
        assert "Assumptions and sources" in text
        assert f"{regulation.honouring.in_scope:,}" in text
        assert f"{regulation.ignoring.in_scope:,}" in text
        if case.name != "hostile":
            assert regulation.provenance in text


def test_first_run_says_so() -> None:
    case = next(case for case in CASES if case.name == "first-run")
    report = as_json.parse((case / "report.json").read_bytes())
    for name in sorted(set(RENDERERS) - {"json"}):
        assert "there is nothing to compare with" in " ".join(RENDERERS[name].render(report).split())
