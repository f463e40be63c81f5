"""Known licences: the rows agree with each other, and are found by name, link and title of a text."""

import re
from importlib.resources import files

import pytest

from config.licence_titles import MAX_BEFORE, Title, title_lines
from config.licences import LimitedLicence, OpenLicence, UnsureLicence, load_licences, normalise
from config.territories import load_territories
from config.tomlfile import read_toml

FAMILY = "TENCENT HUNYUAN COMMUNITY LICENSE AGREEMENT"


def row_of(text: str) -> tuple[str, tuple[str, ...]]:
    found = load_licences().find_by_text(text)
    assert isinstance(found, LimitedLicence | OpenLicence)
    return found.title, found.excluded


def test_every_row_has_its_source_and_its_date() -> None:
    licences = load_licences()
    rows = {id(one.licence): one.licence for one in licences.titles}
    assert all(len(row.source) > 20 and row.date.year >= 2026 for row in rows.values())


def test_no_licence_is_both_open_and_limited() -> None:
    licences = load_licences()
    assert not licences.open.keys() & licences.by_name.keys()
    assert not licences.open.keys() & licences.unsure.keys()
    assert not licences.by_name.keys() & licences.unsure.keys()


def test_every_limit_names_territories_that_exist() -> None:
    for row in load_licences().limited:
        assert {*row.excluded, *row.limited_to}
        assert {*row.excluded, *row.limited_to} <= load_territories().codes


def test_no_title_is_written_twice() -> None:
    values = read_toml(files("config") / "licences.toml").values
    rows = [row for table in values.values() for row in table]
    titles = [head for row in rows for head in (*row.get("heads", ()), *row.get("policy_heads", ()))]
    assert len(titles) == len(set(titles))


def test_titles_are_names_and_no_sentences_of_a_licence() -> None:
    values = read_toml(files("config") / "licences.toml").values
    for row in (row for table in values.values() for row in table):
        for head in (*row.get("heads", ()), *row.get("policy_heads", ())):
            assert all(len(line.split()) <= 12 for line in head.split(" / "))


@pytest.mark.parametrize(
    ("name", "same"), [("Apache-2.0", "apache-2.0"), (" My  Licence (v2) ", "my-licence-v2"), ("", "")]
)
def test_names_are_compared_without_dress(name: str, same: str) -> None:
    assert normalise(name) == same


@pytest.mark.parametrize(
    ("name", "excluded"),
    [
        ("tencent-hunyuan-community", ("EU", "GB", "KR")),
        ("Tencent Hunyuan Community License Agreement", ("EU", "GB", "KR")),
        ("tencent-hunyuanworld-1.0-community", ("EU", "GB", "KR")),
        ("tencent-hy-motion-1.0-community", ("EU", "GB", "KR")),
        ("minimax-h3-community-license-agreement", ("EU", "GB", "KR", "US")),
        ("llama4", ("EU",)),
    ],
)
def test_a_limit_is_found_by_the_licence_s_name(name: str, excluded: tuple[str, ...]) -> None:
    found = load_licences().find_limited(name)
    assert found is not None
    assert found.excluded == excluded


@pytest.mark.parametrize("name", ["mit", "llama3.3", "other", "orchard", "tencent-hunyuan-a13b"])
def test_other_names_stand_for_no_limit(name: str) -> None:
    assert load_licences().find_limited(name) is None


@pytest.mark.parametrize(
    ("link", "kind"),
    [
        ("https://huggingface.co/MiniMaxAI/MiniMax-H3/blob/main/LICENSE", LimitedLicence),
        ("https://huggingface.co/MiniMaxAI/MiniMax-H3-Image/blob/main/LICENSE", UnsureLicence),
        ("https://www.llama.com/llama3_2/license/", UnsureLicence),
        ("https://github.com/Tencent/HunyuanDiT/blob/main/LICENSE.txt", UnsureLicence),
        ("LICENSE", type(None)),
        ("", type(None)),
    ],
)
def test_a_link_leads_to_one_text(link: str, kind: type) -> None:
    assert isinstance(load_licences().find_link(link), kind)


@pytest.mark.parametrize(
    ("second_line", "excluded"),
    [
        ("Tencent Hunyuan Release Date: 2024/5/14", ()),
        ("Tencent Hunyuan DiT Release Date: 14 May 2024", ("EU",)),
        ("Tencent HunyuanVideo Release Date: December 3, 2024", ("EU", "GB", "KR")),
    ],
)
def test_versions_of_one_licence_differ_by_their_release(second_line: str, excluded: tuple[str, ...]) -> None:
    assert row_of(f"{FAMILY}\n{second_line}\nOur own words follow.\n")[1] == excluded


@pytest.mark.parametrize(
    "text",
    [
        "Llama 4 Community License Agreement\n\nOurs.",
        "# **LLAMA 4 COMMUNITY LICENSE AGREEMENT**\n",
        "\n\n----\nCopyright (c) Orchard\n\n  llama-4 community license agreement  \n====\n",
        "<h1>LLAMA 4 COMMUNITY LICENSE AGREEMENT</h1>",
        "ＬＬＡＭＡ 4 COMMUNITY LICENSE AGREEMENT\r\nOurs.",
    ],
)
def test_a_title_is_recognised_in_any_dress(text: str) -> None:
    found = load_licences().recognise(text)
    assert found is not None
    assert (found.licence.title[:7], found.part) == ("Llama 4", "licence")


def test_a_use_policy_is_told_from_its_licence() -> None:
    found = load_licences().recognise("Llama 4 Acceptable Use Policy\n\nBe kind.")
    assert found is not None
    assert found.part == "use-policy"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ORCHARD LICENCE\nVersion 1",
        f"The model is licensed under the {FAMILY}, see there.",
        "Apache License",
        "Apache License\n" + "word " * 60 + "\nVersion 2.0, January 2004",
        "word \n" * MAX_BEFORE + FAMILY,
        "\x00" * 5000,
    ],
)
def test_a_text_that_only_mentions_a_licence_is_not_recognised(text: str) -> None:
    assert load_licences().find_by_text(text) is None


def test_the_first_title_of_a_text_counts() -> None:
    text = "License Terms of SongGeneration:\n----\nOurs.\n\nMIT License\n\nTheirs."
    assert row_of(text)[0] == "License Terms of SongGeneration"


def test_a_use_policy_is_found_behind_a_licence() -> None:
    licences = load_licences()
    text = "Orchard\n" + "A sentence of ours.\n" * 2000
    assert not licences.holds_policy(text)
    assert licences.holds_policy(text + "## Llama 4 Acceptable Use Policy\n")


def test_a_star_stands_for_words_within_a_line() -> None:
    title = Title.of("orchard * licence / version 2")
    assert title_lines("Orchard Apple & Pear Licence\n\nVersion 2\n").find(title) == 0
    assert title_lines("Orchard\nApple Licence\nVersion 2\n").find(title) is None


def test_titles_have_patterns_without_unbounded_repetition() -> None:
    for one in load_licences().titles:
        for pattern in one.title.patterns:
            assert not re.search(r"[*+]|\{\d+,\}", pattern.pattern.replace("\\+", ""))
