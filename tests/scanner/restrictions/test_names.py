"""Names of territories in prose: found in every language, the longest first, and not where they mean none."""

from dataclasses import astuple

import pytest

from scanner.restrictions.names import Mention, find_mentions, names_territory


def shown(text: str) -> list[str]:
    """Each mention as "name=CODES", with "people" and "bare" behind."""
    return [
        f"{text[one.start : one.end]}={'+'.join(one.codes)}{' people' * one.people}{' bare' * one.bare}"
        for one in find_mentions(text)
    ]


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("not in China, Macao SAR or Hong Kong SAR, China", ["China=CN", "Macao SAR=MO", "Hong Kong SAR, China=HK"]),
        ("P.R. China, the P.R.C. and the PRC.", ["P.R. China=CN", "P.R.C.=CN", "PRC=CN"]),
        ("U.S., U.S.A. or U.S.-based", ["U.S.=US", "U.S.A.=US", "U.S.=US"]),
        ("Myanmar (Burma) or Côte d'Ivoire", ["Myanmar (Burma)=MM", "Côte d'Ivoire=CI"]),
        ("Papua New Guinea and Guinea-Bissau", ["Papua New Guinea=PG", "Guinea-Bissau=GW"]),
        ("in Greater China", ["Greater China=CN+HK+MO+TW"]),
        ("EEA/EU/UK", ["EEA=EEA", "EU=EU", "UK=GB"]),
        ("in der Schweiz und Österreich", ["Schweiz=CH", "Österreich=AT"]),
        ("außerhalb Deutschlands", ["Deutschlands=DE"]),
        ("en Chine continentale et aux Etats-Unis", ["Chine continentale=CN", "Etats-Unis=US"]),
        ("en México y EE. UU.", ["México=MX", "EE. UU.=US"]),
        ("nos Estados Unidos e no Japão", ["Estados Unidos=US", "Japão=JP"]),
        ("in Cina e nel Regno Unito", ["Cina=CN", "Regno Unito=GB"]),
        ("w Chinach i w Rosji", ["Chinach=CN", "Rosji=RU"]),
        ("в материковом Китае, России и США", ["материковом Китае=CN", "России=RU", "США=US"]),
        ("Соединённые Штаты", ["Соединённые Штаты=US"]),
        ("у Китаї та Україні", ["Китаї=CN", "Україні=UA"]),
        ("niet in China of Duitsland", ["China=CN", "Duitsland=DE"]),
        ("tại Trung Quốc đại lục và Nhật Bản", ["Trung Quốc đại lục=CN", "Nhật Bản=JP"]),
        ("Çin'de, İngiltere ve ABD", ["Çin=CN", "İngiltere=GB", "ABD=US"]),
        ("di Tiongkok daratan dan Amerika Serikat", ["Tiongkok daratan=CN", "Amerika Serikat=US"]),
        ("في الصين والولايات المتحدة", ["الصين=CN", "الولايات المتحدة=US"]),
        ("中国大陆、香港和印度尼西亚", ["中国大陆=CN", "香港=HK", "印度尼西亚=ID"]),
        ("中國大陸及港澳台地區", ["中國大陸=CN", "港澳台地區=HK+MO+TW"]),
        ("中国本土とインドネシア", ["中国本土=CN", "インドネシア=ID"]),
        ("중국 본토와 대만에서는", ["중국 본토=CN", "대만=TW"]),
    ],
)
def test_names_are_found_in_every_language_and_the_longest_wins(text: str, mentions: list[str]) -> None:
    assert shown(text) == mentions


@pytest.mark.parametrize("compound", ["China-based", "EU-wide", "non-EU", "US-based", "China's", "(China)", "China."])
def test_a_name_is_found_in_a_compound(compound: str) -> None:
    assert len(find_mentions(compound)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Tell us about it, in no way as it is.",
        "the South China Sea, China Mobile, New Jersey and the Republic of China",
        "University of Science and Technology of China",
        "Michael Jordan at Georgia Tech",
        "中国人民大学 发展中国家 上海地区 日本語",
        "アメリカン タイプ 中国語",
        "중국어 인공지능이란 대만족",
        "en-US, zh-CN and pt-BR",
        "bahasa Inggris dan tiếng Trung Quốc",
        "то же самое",
        "spoken in US-ASCII",
        "china_2020 and us_china",
        "Chinatown Indiana",
        "",
    ],
)
def test_what_only_looks_like_a_name_is_left_out(text: str) -> None:
    assert shown(text) == []
    assert not names_territory(text)


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("for Chinese users", ["Chinese=CN people"]),
        ("les utilisateurs chinois", ["chinois=CN people"]),
        ("chinesische Nutzer", ["chinesische=CN people"]),
        ("中国人は", ["中国人=CN people"]),
        ("중국인은", ["중국인=CN people"]),
        ("中国公民", ["中国公民=CN people"]),
        ("the Chinese mainland", ["Chinese mainland=CN"]),
    ],
)
def test_words_for_people_are_told_from_names(text: str, mentions: list[str]) -> None:
    assert shown(text) == mentions


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Georgia and Jordan", ["Georgia=GE bare", "Jordan=JO bare"]),
        ("Turkey, not turkey", ["Turkey=TR", "turkey=TR bare"]),
        ("china and China", ["china=CN", "China=CN"]),
        ("à la Réunion, une réunion", ["la Réunion=RE", "réunion=RE bare"]),
        ("CONTACT US", ["US=US bare"]),
        ("IN THE US", ["US=US"]),
        ("CN, TW", ["CN=CN bare", "TW=TW bare"]),
        ("in Indien, indien nodig", ["Indien=IN", "indien=IN bare"]),
        ("Norwegen und Island", ["Norwegen=NO", "Island=IS bare"]),
        ("Того и того", ["Того=TG bare"]),
        ("이란 및 수단", ["이란=IR", "수단=SD bare"]),
        ("en la RPC y RPC", ["la RPC=CN", "RPC=CN bare"]),
        ("马里和多哥", ["马里=ML bare", "多哥=TG bare"]),
    ],
)
def test_a_name_that_is_a_word_as_well_is_bare(text: str, mentions: list[str]) -> None:
    assert shown(text) == mentions


def test_abbreviations_count_only_as_written() -> None:
    assert shown("US, us, EU, eu, Uk") == ["US=US", "EU=EU"]


def test_an_arabic_mention_begins_behind_the_particle() -> None:
    text = "والصين للصين"
    assert shown(text) == ["الصين=CN", "لصين=CN"]


def test_mentions_of_several_scripts_come_in_order_and_do_not_overlap() -> None:
    assert shown("中国、EU加盟国、France、Китай") == ["中国=CN", "EU加盟国=EU", "France=FR", "Китай=CN"]


def test_a_mention_says_where_it_stands() -> None:
    assert [astuple(one) for one in find_mentions("in France.")] == [(3, 9, ("FR",), False, False)]
    assert find_mentions("in France.") == [Mention(3, 9, ("FR",))]


def test_each_character_keeps_its_place_where_small_letters_are_longer() -> None:
    text = "İİİ İran"
    assert shown(text) == ["İran=IR"]


def test_a_name_that_the_text_breaks_off_is_the_shorter_one() -> None:
    assert shown("中国大") == ["中国=CN"]
    assert shown("Hong Kong Special") == ["Hong Kong=HK"]


def test_any_mention_counts_for_a_quick_answer() -> None:
    assert names_territory("only in Chile")
    assert names_territory("中国大陆")
