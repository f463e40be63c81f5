import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from notifiers.render import as_json, as_text
from notifiers.render.text_layout import grid, hanging, wrap
from tests.notifiers.conftest import MakeReport

GOLDEN = Path(__file__).parents[1] / "golden" / "reports"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
WORDS = st.text(st.sampled_from("abc模型/-_ "), max_size=80)


@pytest.mark.parametrize("case", sorted(path.name for path in GOLDEN.iterdir()))
def test_fits_a_terminal(case: str) -> None:
    text = as_text.render(as_json.parse((GOLDEN / case / "report.json").read_bytes()))
    assert max(cell_len(line) for line in text.split("\n")) <= 100
    assert not [line for line in text.split("\n") if line != line.rstrip()]


@given(ANY_TEXT)
@settings(max_examples=60, deadline=None)
def test_nothing_steers_the_terminal(make_report: MakeReport, text: str) -> None:
    rendered = as_text.render(make_report(text))
    assert not [c for c in rendered if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} and c != "\n"]
    assert rendered.encode()


@given(WORDS, st.integers(2, 40))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(hanging(text, width + 5, 4)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("owner/a-long-name", 10, ["owner/a-", "long-name"]),
        ("unbreakable", 5, ["unbre", "akabl", "e"]),
        ("模型模型", 5, ["模型", "模型"]),
        ("", 5, [""]),
    ],
)
def test_wrap(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


def test_a_grid_keeps_numbers_whole_and_wraps_texts() -> None:
    assert grid(("Name", "Count"), [("a name that is rather long", "1,000,000"), ("b", "7")], {1}, 30) == [
        "Name                     Count",
        "─" * 30,
        "a name that is       1,000,000",
        "rather long",
        "b                            7",
    ]
