"""Names that a text gives to places."""

import pytest

from config.phrases import Grammar
from config.phrases.notation import INSIDE, WORLD_EXCEPT
from scanner.restrictions.markup.passages import read_passages
from scanner.restrictions.names import find_mentions
from scanner.restrictions.prose.definitions import Terms, read_definitions, without_overlap
from scanner.restrictions.prose.readings import resolve
from scanner.restrictions.prose.rows import Named, Place, make_row
from tests.scanner.restrictions.grammars import SMALL, small

CHINA = Place(("CN",), INSIDE, origin=(0, 9))


def defined(text: str, grammar: Grammar | None = None) -> dict[str, Place]:
    grammar = grammar or small()
    named = [Named(one.start, one.end, Place(one.codes, INSIDE, one.bare)) for one in find_mentions(text)]
    return dict(read_definitions(text, make_row(text, named, grammar), grammar, (5, 50)))


def test_a_name_in_quotes_stands_for_what_is_said_of_it() -> None:
    both = Place(("CN", "JP"), INSIDE, origin=(5, 50))
    assert defined('"Closed Area" means China and Japan') == {"Closed Area": both}
    assert defined('"Territory" means worldwide, excluding China')["Territory"].form == WORLD_EXCEPT
    assert defined('"Territory" is nice in China') == {}
    assert defined('"territory" means China') == {}  # any sentence may say so


@pytest.mark.parametrize("use", ["the Closed Areas are", "a Closed Area.", "(Closed Area)"])
def test_a_name_is_found_in_singular_and_plural_as_it_is_written(use: str) -> None:
    terms = Terms.of({"Closed Area": CHINA})
    assert [place for _, _, place in terms.find(use)] == [CHINA]


@pytest.mark.parametrize("use", ["a closed area", "Closed Areal", "UnClosed Area"])
def test_other_words_are_not_the_name(use: str) -> None:
    assert list(Terms.of({"Closed Area": CHINA}).find(use)) == []


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("Ausgeschlossene Person", "Ausgeschlossenen Personen"),
        ("Juridictions exclues", "Juridiction exclue"),
        ("Kraje Wyłączone", "Krajach Wyłączonych"),
    ],
)
def test_a_name_is_found_in_other_endings(name: str, use: str) -> None:
    assert [place for _, _, place in Terms.of({name: CHINA}).find(f"x {use}, y")] == [CHINA]


def test_a_name_made_to_have_many_endings_ends() -> None:
    name = "Abcd" + "en" * 31 + "q Area"
    assert list(Terms.of({name: CHINA}).find(name)) == [(0, len(name), CHINA)]
    assert list(Terms.of({"Abcd": CHINA}).find("Abcd" + "en" * 2000 + "_")) == []


def test_those_who_are_spoken_to_are_no_place() -> None:
    grammar = small(words={**SMALL["words"], "YOU": ["you", "licensee"]})
    assert defined('"You" means China', grammar) == {}
    assert list(defined('"Closed Area" means China', grammar)) == ["Closed Area"]


def test_names_without_spaces_are_found_within_words() -> None:
    assert [span[:2] for span in Terms.of({"许可地域": CHINA}).find("在许可地域内")] == [(1, 5)]


def test_of_names_that_overlap_the_longer_counts() -> None:
    short, long = Named(4, 9, CHINA), Named(0, 9, CHINA)
    assert without_overlap([short, long, Named(9, 12, CHINA)]) == [long, Named(9, 12, CHINA)]


def test_a_definition_may_rest_on_another_wherever_it_stands() -> None:
    text = (
        '"Territory" means worldwide, excluding the Closed Countries.\n\n'
        "Nothing here.\n\n"
        '"Closed Countries" means China and Japan.\n'
    )
    terms = resolve(list(read_passages(text))).terms
    assert terms.places["Closed Countries"].codes == ("CN", "JP")
    assert terms.places["Territory"].codes == ("CN", "JP")
    assert terms.places["Territory"].form == WORLD_EXCEPT
    start, end = terms.places["Territory"].origin or (0, 0)
    assert text[start:end] == '"Closed Countries" means China and Japan.'


def test_definitions_that_name_each_other_end() -> None:
    text = '"A Area" means the B Area. "B Area" means the A Area. "C Area" means China.'
    assert set(resolve(list(read_passages(text))).terms.places) == {"C Area", "C Areas"}
