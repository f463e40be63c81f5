"""Territories and their names: codes and groups agree, and CLDR's names come as prose writes them."""

import subprocess
import sys

import pytest
from babel.core import get_global

from config.cldr import cldr_names, spellings
from config.territories import load_territories
from config.territory_names import Script, fold, inflected, load_names


def test_every_code_has_the_three_letters_that_cldr_gives_it() -> None:
    territories = load_territories()
    assert len(territories.codes - {"EU", "EEA"}) == 249
    longer = {code: short for code, short in territories.aliases.items() if len(code) == 3 and code != "PRC"}
    assert len(longer) == 249
    known = get_global("territory_aliases")
    assert all(known[code] == [short] for code, short in longer.items())


def test_groups_have_their_members() -> None:
    groups = load_territories().groups
    assert len(groups["EU"].members) == 27
    assert set(groups["EEA"].members) == {*groups["EU"].members, "IS", "LI", "NO"}


def test_every_language_of_the_file_belongs_to_one_script() -> None:
    tags = [tag for script in Script for tag in script.languages]
    assert sorted(tags) == sorted(load_territories().languages)


@pytest.mark.parametrize("tag", sorted(load_territories().languages))
def test_every_territory_has_a_name_in_every_language(tag: str) -> None:
    territories = load_territories()
    language = territories.languages[tag]
    named = {*cldr_names(language.cldr, territories.codes).values(), *language.names, *language.abbreviations}
    assert territories.codes <= named | {"EEA"}


@pytest.mark.parametrize("script", list(Script))
def test_no_name_means_one_thing_in_one_language_and_another_in_another(script: Script) -> None:
    territories = load_territories()
    seen: dict[str, set[str]] = {}
    for tag in script.languages:
        language = territories.languages[tag]
        for name, code in cldr_names(language.cldr, territories.codes).items():
            if name not in language.unused:
                seen.setdefault(fold(name), set()).add(code)
    assert {name: codes for name, codes in seen.items() if len(codes) > 1} == {}


@pytest.mark.parametrize("script", list(Script))
def test_what_is_said_of_names_is_said_of_names_that_exist(script: Script) -> None:
    names = load_names(script)
    languages = [load_territories().languages[tag] for tag in script.languages]
    said = {name for language in languages for name in (*language.ambiguous, *language.words)}
    assert {name for name in said if fold(name) not in names} == set()
    unused = {(language.cldr, name) for language in languages for name in language.unused}
    assert {(tag, name) for tag, name in unused if name not in cldr_names(tag, load_territories().codes)} == set()


@pytest.mark.parametrize(
    ("name", "tag", "others"),
    [
        ("Myanmar (Burma)", "en", {"Myanmar"}),
        ("Cocos (Keeling) Islands", "en", {"Cocos Islands"}),
        ("Antigua & Barbuda", "en", {"Antigua and Barbuda"}),
        ("St. Kitts & Nevis", "en", {"Saint Kitts and Nevis", "St Kitts & Nevis"}),
        ("Congo - Kinshasa", "en", {"Congo-Kinshasa"}),
        ("México", "es", {"Mexico"}),
        ("Österreich", "de", {"Oesterreich"}),
        ("ミャンマー (ビルマ)", "ja", {"ミャンマー", "ミャンマー(ビルマ)"}),
        ("о-ва Кука", "ru", {"острова Кука"}),
    ],
)
def test_a_name_of_cldr_is_spelt_as_prose_spells_it(name: str, tag: str, others: set[str]) -> None:
    assert {name, *others} <= spellings(name, tag)


@pytest.mark.parametrize(("name", "tag"), [("Irã", "pt"), ("Łotwa", "pl"), ("Áo", "vi")])
def test_a_name_that_would_become_another_word_keeps_its_accents(name: str, tag: str) -> None:
    assert spellings(name, tag) == {name}


def test_a_spelling_that_two_territories_share_names_none() -> None:
    names = cldr_names("zh", ("CD", "CG"))
    assert set(names.values()) == {"CD", "CG"}
    assert "刚果" not in names


@pytest.mark.parametrize(
    ("name", "tag", "form"),
    [("Россия", "ru", "России"), ("Китай", "ru", "Китае"), ("Иран", "ru", "Ирана"), ("Rosja", "pl", "Rosji")],
)
def test_one_word_names_are_inflected(name: str, tag: str, form: str) -> None:
    assert form in inflected(name, load_territories().languages[tag].endings)


def test_a_name_of_several_words_is_not_inflected() -> None:
    assert list(inflected("Шри-Ланка", load_territories().languages["ru"].endings)) == []


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("China", ("CN",)),
        ("mainland China", ("CN",)),
        ("中国大陆", ("CN",)),
        ("中國大陸", ("CN",)),
        ("중국 본토", ("CN",)),
        ("Festlandchina", ("CN",)),
        ("материковый Китай", ("CN",)),
        ("الصين", ("CN",)),
        ("Hong Kong", ("HK",)),
        ("Hong Kong SAR China", ("HK",)),
        ("Macau", ("MO",)),
        ("Taiwan", ("TW",)),
        ("Greater China", ("CN", "HK", "MO", "TW")),
        ("港澳台", ("HK", "MO", "TW")),
        ("South Korea", ("KR",)),
        ("Republic of Korea", ("KR",)),
        ("North Korea", ("KP",)),
        ("DPRK", ("KP",)),
        ("the United Kingdom", ("GB",)),
        ("European Union", ("EU",)),
        ("Chine", ("CN",)),
        ("Côte d’Ivoire", ("CI",)),
        ("Georgia", ("GE",)),
        ("Chinese", ()),
        ("South China Sea", ()),
        ("Atlantis", ()),
        ("", ()),
    ],
)
def test_names_stand_for_their_codes(name: str, codes: tuple[str, ...]) -> None:
    assert load_territories().read_name(name) == codes


@pytest.mark.parametrize(
    ("code", "codes"),
    [("cn", ("CN",)), (" UK ", ("GB",)), ("usa", ("US",)), ("eu", ("EU",)), ("BRA", ("BR",)), ("XX", ()), ("XKK", ())],
)
def test_codes_are_read_as_people_write_them(code: str, codes: tuple[str, ...]) -> None:
    assert load_territories().read_code(code) == codes


def test_a_group_contains_its_members_and_nothing_else() -> None:
    territories = load_territories()
    assert territories.contains(["EU"], "DE")
    assert not territories.contains(["EU"], "GB")
    assert not territories.contains(["CN"], "HK")
    assert territories.contains(["HK"], "HK")


def test_groups_and_aliases_name_codes_that_exist() -> None:
    territories = load_territories()
    for group in territories.groups.values():
        assert set(group.members) <= territories.codes
    assert set(territories.aliases.values()) <= territories.codes


def test_nothing_of_cldr_is_loaded_for_codes_and_groups() -> None:
    lines = (
        "import sys",
        "import scanner.cli",
        "from config.territories import load_territories",
        "load_territories().contains(['EU'], 'DE')",
        "load_territories().read_code('DEU')",
        "sys.exit('babel' in sys.modules)",
    )
    assert subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False).returncode == 0
