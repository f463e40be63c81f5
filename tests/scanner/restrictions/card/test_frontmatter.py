"""Front matter: values as the Hub has them, places in the file, and every trick refused as a value."""

import pytest

from scanner.restrictions.card.frontmatter import MAX_ALIASES, MAX_DEPTH, split_card
from scanner.restrictions.markup.texts import TextFile


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


@pytest.mark.parametrize(
    "text",
    [
        "---\r\nr: [CN]\r\n---\r\nbody",
        "\ufeff---\nr: [CN]\n---\nbody",
        "\n\n---\nr: [CN]\n---\nbody",
        "---\nr: [CN]\n...\nbody",
        "---  \nr: [CN]\n---\t\nbody",
        '---\n{"r": ["CN"]}\n---\nbody',
    ],
)
def test_forms_of_front_matter(text: str) -> None:
    front = split(text)
    assert (front.data, front.error) == ({"r": ["CN"]}, None)
    assert text[front.body_start :].strip() == "body"


@pytest.mark.parametrize(
    "text", ['{"restricted_regions": ["CN"]}\n', "```yaml\n---\nr: [CN]\n---\n```\n", "+++\nr = 1\n+++\n"]
)
def test_what_only_looks_like_front_matter_is_body(text: str) -> None:
    front = split(text)
    assert (front.data, front.error, front.body_start) == (None, None, 0)


def test_a_tab_that_indents_is_told() -> None:
    assert "not valid YAML" in split("---\na:\n\tb: 1\n---\n").error


def test_tables_that_name_each_other_cannot_multiply() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30))]
    assert "aliases" in split("---\n" + "\n".join(lines) + "\n---\n").error


def test_a_value_that_holds_itself_ends() -> None:
    assert split("---\na: &a [*a, 1]\n---\n").data == {"a": [None, 1]}


def test_an_alias_is_quoted_where_it_stands_and_read_where_it_was_written_out() -> None:
    text = "---\na: &x [one, {k: v}]\nb: *x\n---\n"
    front = split(text)
    assert front.quote(("b",)) == ("b: *x", text.index("b: *x"), text.index("b: *x") + 5)
    assert front.value(("b", 1, "k")) == ("v", text.index("v}"), text.index("v}") + 1)
    assert front.name(("b", 1, "k")) == ("k", text.index("k:"), text.index("k:") + 1)


def test_an_alias_may_be_a_key() -> None:
    assert split("---\na: &x license\n*x : mit\n---\n").data == {"a": "license", "license": "mit"}
