"""Markdown, HTML and plain text to blocks: what is read, what is not, and where it stands."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.restrictions.markup.cleaning import Block, Form, read_blocks


def texts(text: str, *, fences: bool = True) -> list[str]:
    return [block.text for block in read_blocks(text, fences=fences)]


def forms(text: str) -> list[tuple[Form, str]]:
    return [(block.form, block.text) for block in read_blocks(text)]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("not in *mainland*\n**China**", "not in mainland China"),
        ("not in [China](https://example.org/a)", "not in China"),
        ("not in <b>China</b><br>at all", "not in China at all"),
        ("not&nbsp;in &#20013;&#x56fd; &amp; more", "not in 中国 & more"),
        ("not in main-\nland", "not in mainland"),
        ("it is geo-\nblocked", "it is geo-blocked"),
        ("Vertriebs-\nund Nutzungsrecht", "Vertriebs- und Nutzungsrecht"),
        ("不适用于\n中国 大陆", "不适用于中国大陆"),
        ("> not\n> in China", "not in China"),
        ("not in\r\nChina\r\n", "not in China"),
        ("not in China[^1]", "not in China"),
        ("not in Chi\u200bn\u00ada", "not in China"),
        ("not\u00a0in\u3000China", "not in China"),
        ("𝗻𝗼𝘁 𝗶𝗻 Ｃｈｉｎａ", "not in China"),
        ("not in \u0421hina", "not in China"),
        ("not in \u13dfhina", "not in China"),
        ("not in Chi<wbr>na", "not in China"),
        ("not in [China](a.html 'at all (ever)')", "not in China"),
        ("only in the \u0415\u0415\u0410 now", "only in the EEA now"),
        ("Нельзя использовать с API в Китае", "Нельзя использовать с API в Китае"),
        ("re\u0301publique", "r\u00e9publique"),
        ("not in China¹", "not in China"),
        ("it is n\u0336o\u0336t\u0336 open", "it is open"),
        ("“quoted” – ‘words’", "\"quoted\" - 'words'"),
        ("（中国）：不可", "(中国):不可"),
    ],
)
def test_dress_is_taken_off(text: str, read: str) -> None:
    assert texts(text) == [read]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- not\n\nin China -->",
        "```\nnot in China\n```",
        "> ```\n> not in China\n> ```",
        "- ```\n  not in China\n  ```",
        "~~~text\nnot in China\n~~~",
        "```\nnot closed",
        "<pre>not in\n\nChina</pre>",
        "<script>not in China</script>",
        "<style>\nnot in China\n</style>",
        "~~not in\nChina~~",
        "<del>not in China</del>",
        "<s>not in China</s>",
        "![not in China](a.png)",
        "![not in China][a]",
        f"![not in China {'a' * 600}](a.png)",
        "@misc{\n  key, title = {Not in China}\n}",
        "@misc{key,\n  title = {Not in China}\n}",
        '{\n  "not_in": "China",\n}',
        "    not in China",
        "---",
    ],
)
def test_what_is_no_prose_is_left_out(text: str) -> None:
    assert texts(f"before\n\n{text}\n") == ["before"]


@pytest.mark.parametrize(
    "text",
    [
        "<details>\nnot in China\n</details>",
        "`not in China`",
        "<code>not in China</code>",
        "> not in China",
        "<s not in China",
        "@team {hello\nnot in China",
        "[a](b 'c') not in China",
    ],
)
def test_what_a_reader_sees_is_read(text: str) -> None:
    assert any("not in China" in one for one in texts(text))


@pytest.mark.parametrize("item", ["- a", "* a", "1. a", "  - a", "-\ta"])
def test_code_may_be_indented_in_a_list(item: str) -> None:
    assert texts(f"{item}\n\n          not\n          in China\n\n    seen") == ["a", "seen"]


@pytest.mark.parametrize("text", ["- a\n\n    not in China", "- a\n      not in China", "- a\n\n      - not in China"])
def test_what_goes_on_with_an_item_is_no_code(text: str) -> None:
    assert "not in China" in " ".join(texts(text))


def test_a_row_of_many_cells_says_something() -> None:
    assert "not in China" in texts("| a " * 70 + "| not in China |\n|" + "---|" * 71)
    assert "not in China" in texts("| a " * 700 + "| not in China |")


def test_a_licence_may_stand_in_a_fence() -> None:
    assert texts("```text\nnot in China\n```\n", fences=False) == ["not in China"]


def test_a_licence_may_be_indented() -> None:
    assert texts("      not in China\n", fences=False) == ["not in China"]


@pytest.mark.parametrize(
    "text",
    [
        "## Not here ##\nbelow",
        "Not here\n========\nbelow",
        "Not here\n--------\n\nbelow",
        "Not here\n~~~~~~~~\n\nbelow",
        "<h3>Not here</h3>\n<p>below</p>",
        "**Not here**\n\nbelow",
    ],
)
def test_headings_are_known_in_every_notation(text: str) -> None:
    assert forms(text) == [(Form.HEADING, "Not here"), (Form.TEXT, "below")]


@pytest.mark.parametrize(
    "text",
    [
        "- one\n- two",
        "* one\n\n* two",
        "+ one\n+ two",
        "1. one\n2. two",
        "(a) one\n(b) two",
        "1.1 one\n1.2 two",
        "• one\n• two",
        "- [ ] one\n- [x] two",
        "<ul><li>one</li><li>two</li></ul>",
        "<ul>\n<li>one\n<li>two\n</ul>",
        "一、one\n二、two",
        "가. one\n나. two",
        "(ア)one\n(イ)two",
        "・one\n・two",
    ],
)
def test_items_are_known_in_every_notation(text: str) -> None:
    assert [text for _, text in forms(text)] == ["one", "two"]


def test_a_bare_chinese_numeral_marks_an_item_of_chinese_characters() -> None:
    assert [text for _, text in forms("一 中国\n二 日本")] == ["中国", "日本"]


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "a | b\n--- | ---\n1 | 2",
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>",
    ],
)
def test_cells_are_known_with_their_header(text: str) -> None:
    cells = [(block.text, block.depth, block.marker) for block in read_blocks(text) if block.form is Form.CELL]
    assert cells == [("a", 0, "header"), ("b", 1, "header"), ("1", 0, ""), ("2", 1, "")]


def test_lines_with_keys_are_blocks_of_their_own() -> None:
    assert texts("Input: text\nTerritory: not in China\nSupport: none") == [
        "Input: text",
        "Territory: not in China",
        "Support: none",
    ]


MARKS = st.sampled_from(
    ["China ", "a", "\n", "\n\n", "- ", "# ", "|", "---", "**", "`", "```\n", "~~", "<li>", "<td>", "<!--",
     "-->", "> ", "&amp;", "\u200b", "中", "。", "\u0421hina ", "\r\n", "-\n", "e\u0301",
     "[x](y)", ": ", "1. ", "\t", "    ", "@a{", "<s>"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(MARKS, max_size=40).map("".join) | st.text(max_size=200))
def test_each_piece_stands_where_its_origin_says(text: str) -> None:
    for block in read_blocks(text):
        assert block.text.strip()
        assert len(block.starts) == len(block.origins)
        for position in range(len(block.text)):
            place = block.origin(position)
            assert 0 <= place < len(text)
            if block.text[position].isascii() and block.text[position].isalpha() and text[place].isascii():
                assert text[place] in (block.text[position], "&")


@pytest.mark.parametrize(
    "unit", ["|", "> ", "<s>", "```\n", "~~", "[", "![", "- a\n", "<!--", "@a{\n", "a-\n", "&amp;", "\\"]
)
def test_a_text_of_nothing_but_marks_yields_no_more_than_it_holds(unit: str) -> None:
    text = unit * 5_000
    assert sum(len(block.text) for block in read_blocks(text)) <= len(text)


def test_a_part_of_a_block_keeps_its_places() -> None:
    (block,) = read_blocks("not in *mainland* China")
    part: Block = block.part(4, len(block.text))
    assert part.text == "in mainland China"
    assert [part.origin(0), part.origin(3), part.origin(12)] == [4, 8, 18]
