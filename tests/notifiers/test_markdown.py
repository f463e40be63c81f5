"""Markdown as a reader of Markdown sees it: markdown-it parses what we wrote, with tables and strike-through on."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from notifiers.render import as_markdown
from notifiers.render.markdown_escape import code_span, prose
from notifiers.render.safe import visible
from tests.notifiers.conftest import MakeReport

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
ALLOWED_INLINE = {"text", "code_inline", "softbreak"}

# Texts as renderers get them: what hides has been made visible before.
SEEN = st.text(st.characters(exclude_categories=()), min_size=1, max_size=60).map(visible)
SPITEFUL = st.text(st.sampled_from("ab1 `|\\[]()<>!*_~#@&;:/.-+=\"'{}$\n\twwwhttps"), min_size=1, max_size=60).map(
    visible
)

INJECTIONS = [
    "[text](https://evil.example)",
    "![image](https://evil.example/p.png)",
    "<script>alert(1)</script>",
    "<https://evil.example>",
    "https://evil.example/x",
    "www.evil.example",
    "evil.example",
    "someone@evil.example",
    "@everyone",
    "see #1 and owner/repo#2",
    "a | b",
    "a \\| b",
    "\\",
    "ends with \\",
    "`tick",
    "``two`` `one`",
    "```\nfence",
    "# heading\n\n- item",
    "---",
    "===",
    "- item",
    "+ item",
    "1. item",
    "1) item",
    "> quote",
    "**bold** __bold__ *it* _it_ ~~gone~~",
    "&lt;b&gt; &#64;all &commat;all",
    "[ref]: https://evil.example",
    "[ref][ref]",
    "<!-- comment",
    "$x$ and ==mark==",
    "| a | b |\n|---|---|\n| c | d |",
    " ",
    "    indented",
]


def inline(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type == "inline":
            yield from token.children or []


def outside_code(tokens: list[Token]) -> str:
    return "\n".join(token.content for token in inline(tokens) if token.type == "text")


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_code_span_is_its_text_and_nothing_else(text: str) -> None:
    check_code_span(visible(text))


@given(st.one_of(SEEN, SPITEFUL))
def test_any_code_span_is_its_text(text: str) -> None:
    check_code_span(text)


def check_code_span(text: str) -> None:
    children = list(inline(PARSER.parse(f"x {code_span(text, table=False)} y")))
    assert [child.type for child in children] == ["text", "code_inline", "text"]
    if text.strip(" "):
        assert children[1].content == text
    row = f"| a | b |\n| --- | --- |\n| {code_span(text, table=True)} | y |"
    cells = [token.content for token in PARSER.parse(row) if token.type == "inline"]
    assert len(cells) == 4
    assert cells[3] == "y"
    assert text.replace("|", "¦") in cells[2] or not text.strip(" ")


@pytest.mark.parametrize("text", INJECTIONS)
def test_prose_has_no_markup(text: str) -> None:
    check_prose(" ".join(visible(text).split(" ")).strip())


@given(st.one_of(SEEN, SPITEFUL).map(str.strip).filter(bool))
@settings(max_examples=400)
def test_any_prose_has_no_markup(text: str) -> None:
    check_prose(text)


def check_prose(text: str) -> None:
    for line in (prose(text), f"- {prose(text)}", f"> {prose(text)}"):
        tokens = PARSER.parse(line)
        assert {token.type for token in inline(tokens)} <= ALLOWED_INLINE, line
        assert not {token.type for token in tokens} & {
            "heading_open",
            "hr",
            "html_block",
            "fence",
            "code_block",
            "ordered_list_open",
        }
        shown = "".join(token.content for token in inline(tokens))
        assert shown.split() == text.replace("|", "¦").split()
    bare = outside_code(PARSER.parse(prose(text)))
    assert not re.search(
        r"(?i)[@<>\[\]*_~`|\\#$={}]|://|www\.|[a-z]\.[a-z]", re.sub(r"\b(?:e\.g|i\.e|a\.m|p\.m)\.", "", bare)
    )
    cells = [t for t in PARSER.parse(f"| a |\n| --- |\n| {prose(text)} |") if t.type == "td_open"]
    assert len(cells) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nothing to hide: 1,000 models (50%), and/or more.", "Nothing to hide: 1,000 models (50%), and/or more."),
        ("read model.safetensors, please", "read `model.safetensors`, please"),
        ("(see https://x.example)", "(see `https://x.example`)"),
        ("for @all", "for `@all`"),
        ("1. first", "`1`. first"),
        ("二〇二六年十一月，模型", "二〇二六年十一月，模型"),
    ],
)
def test_prose_stays_readable(text: str, shown: str) -> None:
    assert prose(text) == shown


@given(st.one_of(SEEN, SPITEFUL, st.sampled_from(INJECTIONS)).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_no_string_changes_the_shape_of_a_report(make_report: MakeReport, text: str) -> None:
    """Whatever the strings say, the page has the same tables and lists, no image, no HTML and no link of theirs."""
    tokens = PARSER.parse(as_markdown.render(make_report(text)))
    assert shape(tokens) == shape(PARSER.parse(as_markdown.render(make_report("name"))))
    kinds = {token.type for token in inline(tokens)}
    assert not kinds & {"image", "html_inline"}
    assert "html_block" not in {token.type for token in tokens}
    for token in inline(tokens):
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith("https://example.org/") or re.fullmatch(
                r"https?://[^\s<>]+", text
            )


def shape(tokens: list[Token]) -> list[str]:
    return [token.type for token in tokens if token.type != "inline"]
