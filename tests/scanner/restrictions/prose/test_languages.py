"""Which grammar a sentence gets."""

import pytest

from config.phrases import load_grammars
from scanner.restrictions.prose.languages import language_of, tag_of


def first(sentence: str, surroundings: str = "") -> str:
    return language_of(sentence, surroundings or sentence)[0].language


@pytest.mark.parametrize(
    ("sentence", "language"),
    [
        ("The model is not available in mainland China.", "en"),
        ("Das Modell darf in China nicht verwendet werden.", "de"),
        ("Le modèle n'est pas disponible en Chine.", "fr"),
        ("本模型不适用于中国大陆。", "zh"),
        ("本模型不適用於中國大陸。", "zh"),
        ("中国本土ではご利用いただけません。", "ja"),
        ("許諾地域:日本国", "ja"),
        ("中国本土:利用不可", "ja"),
        ("対象地域:中国以外", "ja"),
        ("許可範圍:中國大陸以外", "zh"),
        ("中国大陆不可用,香港可用", "zh"),
        ("중국 본토에서는 사용할 수 없습니다.", "ko"),
    ],
)
def test_a_sentence_gets_the_grammar_of_its_language(sentence: str, language: str) -> None:
    assert first(sentence) == language


def test_a_sentence_without_telling_words_takes_after_the_text_around_it() -> None:
    around = "Die Gewichte sind frei. Sie werden nicht verkauft und nur für die Forschung gegeben. Verboten: China"
    assert first("Verboten: China", around) == "de"


def test_where_nothing_tells_every_language_of_the_script_is_tried() -> None:
    latin = {one.language for one in load_grammars() if "latin" in one.scripts}
    assert {one.language for one in language_of("Xyz: China", "Xyz: China")} == latin


def test_a_chinese_quote_says_in_which_characters_it_is_written() -> None:
    (grammar,) = (one for one in load_grammars() if one.language == "zh")
    assert tag_of(grammar, "本模型不适用于中国大陆") == "zh-Hans"
    assert tag_of(grammar, "本模型權重不適用於中國大陸地區") == "zh-Hant"
