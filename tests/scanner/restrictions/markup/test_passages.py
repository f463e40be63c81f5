"""Blocks to passages: headings, lists behind what introduces them, rows of tables."""

import pytest

from scanner.restrictions.markup.passages import Passage, read_passages


def passages(text: str) -> list[Passage]:
    return list(read_passages(text))


def texts(text: str) -> list[str]:
    return [passage.text for passage in passages(text)]


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("Not available in:\n\n- China\n- Russia", "Not available in: China, Russia"),
        ("Not in:\n- China\n\n- the European Union;\n\n- Russia.", "Not in: China, the European Union, Russia"),
        ("## Excluded territories\n\n* China\n* Russia", "Excluded territories: China, Russia"),
        ("**Excluded territories**\n\n1. China\n2. Russia", "Excluded territories: China, Russia"),
        ("Excluded\n--------\n\nChina, Russia", "Excluded: China, Russia"),
        ("Excluded\n~~~~~~~~\n\nChina\nRussia\nIran", "Excluded: China, Russia, Iran"),
        ("Not in:\nChina\nRussia", "Not in: China, Russia"),
        ("These countries are excluded.\n\n- China\n- Iran", "These countries are excluded: China, Iran"),
        ("<h2>Not in</h2><ul><li>China</li><li>Iran</li></ul>", "Not in: China, Iran"),
        ("<dl><dt>Not in</dt><dd>China</dd><dd>Iran</dd></dl>", "Not in: China, Iran"),
        ("不适用地区：\n\n1. 中国\n2. 日本", "不适用地区: 中国, 日本"),
        ("First sentence. Not in:\n- China", "Not in: China"),
        ("次に掲げる国では使えない。\n\n- 中国\n- 日本", "次に掲げる国では使えない。: 中国, 日本"),
        ("다음 국가에서는 쓸 수 없다.\n\n가. 중국\n나. 이란", "다음 국가에서는 쓸 수 없다: 중국, 이란"),
    ],
)
def test_names_stand_behind_what_introduces_them(text: str, passage: str) -> None:
    assert passage in texts(text)


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("You may not:\n\n- use the model in China;\n- sell it.", "You may not use the model in China;"),
        ("You may not\n(a) sell it; or\n(b) use it\n    in China.", "You may not use it in China."),
        ("2. Limits. You may not:\n2.1 use it in China;", "You may not use it in China;"),
        ("You may not:\n- use it:\n  - now in China\n- sell", "You may not use it now in China"),
        ("<p>You may not:</p><ul><li>use it in China</li></ul>", "You may not use it in China"),
        ("These rules hold:\n- No use in China.", "These rules hold: No use in China."),
        ("您不得：\n- 在中国使用；", "您不得 在中国使用;"),
        ("## Limits\n- no use in China", "Limits: no use in China"),
        ("## Open there?\n\nNo. Never.", "Open there? No. Never."),
        ("**Q:** Open there?\n**A:** No.", "Q: Open there? A: No."),
        ("## Territory\n\nWorldwide except China.", "Territory: Worldwide except China."),
        ("次の者は使えない。\n\n一 中国に住む者\n二 子ども", "次の者は使えない。: 中国に住む者"),
        ("다음의 자는 쓸 수 없다.\n\n1. 중국에 사는 자\n2. 아이", "다음의 자는 쓸 수 없다: 중국에 사는 자"),
    ],
)
def test_clauses_stand_behind_what_introduces_them(text: str, passage: str) -> None:
    assert passage in texts(text)


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("Q. Where may I use it?\nA. Not in China.", "Where may I use it? Not in China."),
        ("Q. どこで使えますか。\nA. 日本です。", "どこで使えますか。 日本です。"),
    ],
)
def test_an_answer_that_is_an_item_is_read_behind_its_question(text: str, passage: str) -> None:
    assert passage in texts(text)


def test_a_list_of_its_own_is_not_read_behind_an_earlier_lead() -> None:
    assert texts("You may not:\n- sell it.\n\nOther matters.\n\n- It runs in China.")[-1] == "It runs in China."


def test_an_item_that_is_a_sentence_stands_alone_below_a_heading() -> None:
    assert texts("# Notes\n- It is not open in China.") == ["Notes", "It is not open in China."]


@pytest.mark.parametrize(
    ("text", "passage"),
    [
        ("| Region | Open? |\n|---|---|\n| China | ❌ |", "Region: China | Open?: ❌"),
        ("| Region | Open? |\n|---|---|\n| China | closed |", "China: closed"),
        ("Region | Open | Why\n--- | --- | ---\nChina | no | law", "Region: China | Open: no | Why: law"),
        ("| Field | Value |\n|---|---|\n| Not open in | China |", "Not open in: China"),
        (
            "<table><tr><th>At</th><th>Open</th></tr>\n<tr><td>China</td>\n<td>no</td></tr></table>",
            "At: China | Open: no",
        ),
    ],
)
def test_a_row_is_read_with_its_headers(text: str, passage: str) -> None:
    assert passage in texts(text)


def test_a_yes_or_no_is_nothing_without_what_its_column_asks() -> None:
    assert "China: ❌" not in texts("| Country | Evaluated |\n|---|---|\n| China | ❌ |")
    assert "China: ❌" in texts("| Field | Value |\n|---|---|\n| China | ❌ |")


def test_a_row_far_below_its_header_stands_where_it_stands() -> None:
    text = "| Region | Open |\n|---|---|\n" + "| Japan | yes |\n" * 200 + "| China | no |\n"
    row = next(one for one in passages(text) if one.text == "Region: China | Open: no")
    assert text[row.origin(0) : row.origin(len(row.text) - 1) + 1] == "China | no"


def test_a_long_table_costs_no_more_than_its_cells_and_headers() -> None:
    rows = 10_000
    text = f"| {'Region ' * 12}| Open |\n|---|---|\n" + "| Japan | yes |\n" * rows
    assert sum(len(one.text) for one in passages(text)) < rows * 130


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("# A\n\n## B\n\ntext", "B"),
        ("A\n===\n\nB\n---\n\ntext", "B"),
        ("**B**\n\ntext", "B"),
        ("3. Territory\n\ntext", "Territory"),
        ("第三条 地域\n正文", "地域"),
        ("text", ""),
    ],
)
def test_a_passage_knows_its_heading(text: str, heading: str) -> None:
    assert passages(text)[-1].heading == heading


def test_a_heading_is_a_passage_under_the_one_above_its_level() -> None:
    assert [(one.text, one.heading) for one in passages("# A\n## B\n## C")] == [("A", ""), ("B", "A"), ("C", "A")]


def test_the_last_item_of_a_list_is_no_section_title() -> None:
    assert "Not in: China, Japan" in texts("Not in:\n\n1. China\n2. Japan\n\nOther places are fine.")


def test_a_composed_passage_begins_at_its_lead() -> None:
    text = "Intro. You may not:\n\n- use it in China.\n"
    passage = passages(text)[-1]
    assert text[passage.origin(0) : passage.origin(len(passage.text) - 1) + 1] == "You may not:\n\n- use it in China."


@pytest.mark.parametrize(
    "unit", ["a:\n- b\n", "- a:\n", "# a\n- b\n", "<li>a:", "(a) b:\n(i) c\n", "? a?\n\n", "a\n- China\n"]
)
def test_leads_do_not_pile_up(unit: str) -> None:
    text = unit * 3_000
    assert sum(len(one.text) for one in passages(text)) < 400 * 3_000 * 2
