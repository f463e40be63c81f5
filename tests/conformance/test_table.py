"""Every row of the table has a test, and every test a row."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROWS = tomllib.loads((HERE / "behaviours.toml").read_text(encoding="utf-8"))["behaviour"]


def _tests() -> list[str]:
    names = []
    for path in sorted(HERE.glob("test_*.py")):
        if path.name != Path(__file__).name:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names += [
                node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            ]
    return names


def test_rows_and_tests_belong_together() -> None:
    assert sorted(_tests()) == sorted(f"test_{row['id']}" for row in ROWS)


def test_rows_are_complete() -> None:
    for row in ROWS:
        assert set(row) == {"id", "statement", "source"}, row
        assert re.match(r"hub-api §\d+", row["source"]), row
        assert re.search(r"\[.*[DCOI].*\]$", row["source"]), row
        assert row["statement"].endswith("."), row
