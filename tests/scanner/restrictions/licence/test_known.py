"""Known licences against texts: which text counts, and where a difference is told. The texts are made up."""

from typing import Any

import pytest

from scanner.restrictions.interface import LICENCE_DIFFERS, Place, Restrictions, Status
from scanner.restrictions.licence.known import describe
from scanner.restrictions.reader import TextFile, read_repository

NAMED = {"license": "other", "license_name": "tencent-hunyuan-community"}
TITLE = "TENCENT HUNYUAN COMMUNITY LICENSE AGREEMENT\n\n"
THREE = "This licence does not apply in the European Union, the United Kingdom and South Korea.\n"
EU = "This licence does not apply in the European Union.\n"
NOTHING = "Do as you like.\n"


def read(data: dict[str, Any], *files: tuple[str, str]) -> Restrictions:
    texts = [TextFile(path, text) for path, text in files]
    return read_repository(
        card_data=data,
        gated=False,
        card=TextFile("README.md", "# Fine\n"),
        licence_files=texts,
        absent=[Place.BASE_MODEL] if texts else [Place.BASE_MODEL, Place.LICENCE_FILES],
    )


def told(found: Restrictions) -> list[str]:
    assert all(one.code == LICENCE_DIFFERS for one in found.findings)
    return [one.message for one in found.findings]


@pytest.mark.parametrize(
    ("data", "files"),
    [
        (NAMED, [("LICENSE", TITLE + THREE)]),
        (NAMED, []),
        ({"license": "mit"}, [("LICENSE", "MIT License\n\nDo as you like.")]),
        ({"license": "mit"}, [("NOTICE", "By us.")]),
        ({"license": "other"}, [("LICENSE", EU)]),
        ({"license": "llama4"}, [("LICENSE", "LLAMA 4 COMMUNITY LICENSE AGREEMENT\n\nA worldwide grant.")]),
        ({"license": "llama3.2"}, [("LICENSE", "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT\n"), ("USE_POLICY.md", EU)]),
        ({}, [("LICENSE", "You may not export the model to Cuba or Iran.")]),
    ],
)
def test_texts_that_say_what_is_known_are_no_finding(data: dict[str, Any], files: list[tuple[str, str]]) -> None:
    assert told(read(data, *files)) == []


@pytest.mark.parametrize(
    ("text", "said", "excluded"),
    [
        (NOTHING, "limits no territory", []),
        (EU, "excludes EU", [("EU",)]),
        ("The licence is granted for use in Japan only.\n", "limits use to JP", [()]),
    ],
)
def test_a_text_that_differs_from_the_licence_s_name_counts_and_is_told(
    text: str, said: str, excluded: list[tuple[str, ...]]
) -> None:
    found = read(NAMED, ("LICENSE", text))
    assert [one.excluded for one in found.items] == excluded
    assert told(found) == [
        "the card names Tencent Hunyuan Community License Agreement, known to exclude EU, GB and KR, "
        f"but LICENSE {said}; what was read counts"
    ]


def test_the_first_version_of_a_licence_differs_from_its_name() -> None:
    first = TITLE.strip() + "\nTencent Hunyuan Release Date: 2024/5/14\nA worldwide grant.\n"
    found = read(NAMED, ("LICENSE.txt", first))
    assert (found.status, found.items) == (Status.NONE_DECLARED, ())
    assert len(told(found)) == 1


def test_a_text_that_differs_from_its_title_is_told() -> None:
    found = read({"license": "other"}, ("LICENSE", TITLE + EU))
    assert told(found) == [
        "LICENSE has the title of Tencent Hunyuan Community License Agreement, known to exclude EU, GB and KR, "
        "but as it was read it excludes EU; what was read counts"
    ]


def test_one_difference_is_told_once() -> None:
    assert len(told(read(NAMED, ("LICENSE", TITLE + NOTHING)))) == 1


def test_an_open_licence_s_name_beside_a_text_with_a_limit_is_told() -> None:
    found = read({"license": "apache-2.0"}, ("LICENSE", "Apache License\nVersion 2.0, January 2004\n\n" + EU))
    assert [one.excluded for one in found.items] == [("EU",)]
    assert "known to limit no territory, but as it was read it excludes EU" in told(found)[0]
    (message,) = told(read({"license": "mit"}, ("LICENSE", EU)))
    assert message.startswith("the card names MIT License, known to limit no territory, but LICENSE excludes EU")


def test_a_text_counts_by_its_title_whatever_its_file_is_called() -> None:
    found = read(NAMED, ("NOTICE.txt", TITLE + EU))
    assert [(one.file, one.excluded) for one in found.items] == [("NOTICE.txt", ("EU",))]


def test_a_use_policy_inside_the_licence_s_file_is_a_use_policy() -> None:
    policy = "Llama 4 Acceptable Use Policy\n\n" + EU
    found = read({"license": "llama4"}, ("LICENSE", "LLAMA 4 COMMUNITY LICENSE AGREEMENT\n\nOurs.\n\n" + policy))
    assert [(one.file, one.by_name) for one in found.items] == [("LICENSE", False)]
    assert told(found) == []


def test_a_limit_that_may_stand_in_the_use_policy_is_open_until_that_was_read() -> None:
    licence = ("LICENSE", "LLAMA 3.2 COMMUNITY LICENSE AGREEMENT\n")
    assert read({"license": "llama3.2"}, licence).status is Status.NOT_READ
    policy = ("USE_POLICY.md", "Be kind.")
    assert read({"license": "llama3.2"}, licence, policy).status is Status.NONE_DECLARED


def test_a_text_not_read_to_its_end_is_compared_with_nothing() -> None:
    cut = TextFile("LICENSE", TITLE + NOTHING, truncated=True)
    found = read_repository(card_data=NAMED, gated=False, licence_files=[cut])
    assert found.findings == ()
    assert [one.by_name for one in found.items] == [True]


def test_a_declaration_that_rests_on_a_name_is_marked() -> None:
    (item,) = read(NAMED).items
    assert (item.by_name, item.quote) == (True, "tencent-hunyuan-community")
    (item,) = read({"license": "other"}, ("LICENSE", EU)).items
    assert not item.by_name


def test_a_link_decides_before_a_name() -> None:
    link = "https://github.com/Tencent/HunyuanDiT/blob/main/LICENSE.txt"
    found = read({**NAMED, "license_link": link})
    assert (found.status, found.items) == (Status.NOT_READ, ())


def test_a_link_alone_names_a_licence() -> None:
    link = "https://huggingface.co/MiniMaxAI/MiniMax-H3/blob/main/LICENSE"
    (item,) = read({"license": "other", "license_link": link}).items
    assert (item.excluded, item.quote, item.by_name) == (("EU", "GB", "KR", "US"), link, True)


def test_a_link_beside_an_open_licence_names_none() -> None:
    link = "https://huggingface.co/MiniMaxAI/MiniMax-H3/blob/main/LICENSE"
    assert read({"license": "mit", "license_link": link}).items == ()


@pytest.mark.parametrize(
    ("excluded", "limited_to", "words"),
    [
        ((), (), "limit no territory"),
        (("EU",), (), "exclude EU"),
        (("KR", "EU", "GB"), (), "exclude EU, GB and KR"),
        (("EU",), ("US",), "exclude EU and limit use to US"),
    ],
)
def test_limits_are_put_into_words(excluded: tuple[str, ...], limited_to: tuple[str, ...], words: str) -> None:
    assert describe((frozenset(excluded), frozenset(limited_to))) == words
