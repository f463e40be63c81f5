"""Front matter: values as the Hub has them, places in the file, and every trick refused as a value."""

import pytest

from scanner.restrictions.frontmatter import MAX_ALIASES, MAX_DEPTH, split_card
from scanner.restrictions.texts import TextFile


def split(text: str):  # type: ignore[no-untyped-def]  # the type is that of split_card
    return split_card(TextFile("README.md", text))


def test_values_follow_the_core_schema() -> None:
    front = split("---\na: NO\nb: yes\nc: true\nd: 12\ne: 1.5\nf: ~\ng: '5'\nh: 2024-01-01\nr: [CN, NO]\n---\nbody")
    assert front.data == {
        "a": "NO", "b": "yes", "c": True, "d": 12, "e": 1.5, "f": None, "g": "5", "h": "2024-01-01", "r": ["CN", "NO"],
    }  # fmt: skip
    assert front.error is None


def test_places_count_the_characters_of_the_file() -> None:
    text = "---\ntitle: 模型 \U0001f600\nrestricted_regions: [CN, RU]\n---\n# 本文\n"
    front = split(text)
    quote, start, end = front.quote(("restricted_regions",))
    assert quote == text[start:end] == "restricted_regions: [CN, RU]"
    assert text[front.body_start :].strip() == "# 本文"


def test_a_folded_text_keeps_its_place() -> None:
    text = "---\nextra_gated_prompt: >-\n  Not for\n  Japan.\nx: 1\n---\n"
    quote, start, end = split(text).value(("extra_gated_prompt",))
    assert text[start:end] == quote
    assert quote.endswith("Japan.")


@pytest.mark.parametrize("text", ["", "no front matter", "--- \nnot at a line of its own", "text\n---\na: 1\n---\n"])
def test_a_card_without_front_matter_is_all_body(text: str) -> None:
    assert split(text).data is None
    assert split(text).body_start == 0


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("a: [1, 2", "not valid YAML"),
        ("a: b: c", "not valid YAML"),
        ("- 1\n- 2", "not a table"),
        ("just words", "not a table"),
        ("a: " + "[" * (MAX_DEPTH + 5) + "]" * (MAX_DEPTH + 5), "nested more than"),
        ("a: " + "[" * 100_000, ""),
        ("a: &x 1\nb: [" + "*x, " * (MAX_ALIASES + 1) + "]", "aliases"),
        ("x: [" + "1," * 120_000 + "]", "values"),
        ("x: " + "a" * 300_000, "longer than"),
        ("a: \x00", "not valid YAML"),
    ],
)
def test_front_matter_that_cannot_be_read_is_a_value_with_its_reason(source: str, problem: str) -> None:
    front = split(f"---\n{source}\n---\nbody")
    assert front.data is None
    assert problem in front.error


def test_front_matter_that_is_not_closed_is_text() -> None:
    assert split("---\na: 1\nbody").error == "the front matter is not closed"


@pytest.mark.parametrize(
    "source", ["a: !!python/object/apply:os.system ['true']", "a: !!python/name:os.system", "a: !unknown x"]
)
def test_tags_construct_nothing(source: str) -> None:
    data = split(f"---\n{source}\n---\n").data
    assert data is not None
    assert isinstance(data["a"], str | list)


def test_a_key_given_twice_is_told_and_the_last_counts() -> None:
    front = split("---\nlicense: mit\nlicense: other\n---\n")
    assert front.data == {"license": "other"}
    assert front.duplicates == ("license",)


def test_an_alias_of_what_is_not_there_is_nothing() -> None:
    assert split("---\na: &x [1]\nb: *x\n---\n").data == {"a": [1], "b": [1]}


def test_a_key_that_is_a_list_is_read_past() -> None:
    assert split("---\n? [a, b]\n: 1\nc: 2\n---\n").data == {"?": 1, "c": 2}
