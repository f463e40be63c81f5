"""Characters of a YAML value and their places in the file, whatever the style of the scalar."""

import pytest
import yaml

from scanner.restrictions.card.scalars import align


@pytest.mark.parametrize(
    "raw",
    [
        "plain words",
        "plain words\n   over lines",
        "'it''s\n  single'",
        '"a \\"b\\" \\u4e2d\\x41\\U0001F600 \\t c\\\n   d\n\n  e"',
        ">-\n  folded\n  text\n\n  more",
        "|\n   kept\n     deeper\n\n   end\n",
        "| # a comment\n  text",
        "&anchor !tag 'x y'",
        "\U0001f600 模型 café",
    ],
)
def test_each_character_has_its_place(raw: str) -> None:
    value = str(yaml.safe_load(f"a: {raw.replace('!tag ', '')}\n")["a"])
    spans = align(raw, value)
    assert spans is not None
    for character, (start, end) in zip(value, spans, strict=True):
        assert character.isspace() or raw[start:end] == character or raw[start] in "\\'"


def test_white_space_stands_behind_what_precedes_it() -> None:
    assert align("a\n  b", "a b") == [(0, 1), (1, 1), (4, 5)]


@pytest.mark.parametrize(("raw", "value"), [("abc", "abd"), ("abc", "ab"), ("ab", "abc"), ("|", "x"), ("", "x")])
def test_what_does_not_agree_has_no_places(raw: str, value: str) -> None:
    assert align(raw, value) is None
