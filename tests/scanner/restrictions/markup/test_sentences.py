"""Running prose to sentences."""

import pytest

from scanner.restrictions.markup.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[begin:end].strip() for begin, end in split_sentences(text)]


@pytest.mark.parametrize(
    "parts",
    [
        ["It is closed in the U.S. Virgin Islands.", "Next."],
        ["It is closed in the U.S.", "The rest is open."],
        ["See No. 5 and Art. 3.", "Next."],
        ["May I?", "No.", "Sorry."],
        ["使えますか?", "A. いいえ。", "残念です。"],
        ["A licence of Foo Inc. China ends.", "Next."],
        ["P.R.C. Law applies.", "Next."],
        ["Ab dem 3. März gilt das, z. B. Hongkong.", "Danach auch."],
        ["Closed in: 1. China 2. Russia 3. Iran.", "Next."],
        ["Version 2.", "The model works."],
        ["Closed (see above. Also there) in Iran.", "Next."],
        ["Wait...", "The model is here."],
        ["¿Se puede?", "¡Claro!"],
        ["본 모델은 사용할 수 없습니다.", "단, 예외가 있어요.", "다음 문장입니다."],
        ["模型不得使用!", "请注意。", "谢谢"],
        ["Region: A. | Open: no. | Why: law"],
        ["no full stop at the end"],
    ],
)
def test_a_text_is_split_where_sentences_end(parts: list[str]) -> None:
    assert sentences(" ".join(parts)) == parts


def test_sentences_cover_the_text_without_gaps() -> None:
    text = "One. Two! 三。Four? (Five. Six.) etc. Seven"
    spans = list(split_sentences(text))
    assert [span[0] for span in spans] == [0, *(span[1] for span in spans[:-1])]
    assert spans[-1][1] == len(text)


@pytest.mark.parametrize("unit", [".", "!", ". ", "(. A", "1. ", "U.S. T", '." ', "。", "; "])
def test_a_text_of_nothing_but_ends_is_read(unit: str) -> None:
    text = unit * 20_000
    assert sum(end - begin for begin, end in split_sentences(text)) == len(text)
