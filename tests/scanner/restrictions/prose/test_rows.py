"""Sentences as rows: how territories become places, whatever a text does with them."""

import pytest

from config.phrases.notation import DEMONYM, INSIDE, OUTSIDE, PEOPLE, PEOPLE_OUTSIDE, WORLD_EXCEPT
from scanner.restrictions.markup.passages import read_passages
from scanner.restrictions.names import find_mentions
from scanner.restrictions.prose.context import sentences_in
from scanner.restrictions.prose.definitions import NO_TERMS
from scanner.restrictions.prose.named import find_named
from scanner.restrictions.prose.rows import Named, Place, Row, make_row, without
from tests.scanner.restrictions.grammars import small

GRAMMAR = small()


def rowed(text: str, titles: frozenset[str] = frozenset()) -> Row:
    named = [
        Named(one.start, one.end, Place(one.codes, DEMONYM if one.people else INSIDE, one.bare))
        for one in find_mentions(text)
    ]
    return make_row(text, named, GRAMMAR, titles)


def places(text: str) -> list[tuple[str, str]]:
    return [(" ".join(place.codes), place.form) for _, place in sorted(rowed(text).places.items())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not in China", [("CN", INSIDE)]),
        ("in France, Spain and the European Union", [("FR ES EU", INSIDE)]),
        ("in China (including Hong Kong)", [("CN HK", INSIDE)]),
        ("in the European Union (excluding Germany), Japan and Chile", [(None, INSIDE)]),
        ("outside China", [("CN", OUTSIDE)]),
        ("outside the EU and Japan", [("EU JP", OUTSIDE)]),
        ("worldwide, except China and Japan", [("CN JP", WORLD_EXCEPT)]),
        ("outside worldwide except China", [("CN", INSIDE)]),  # what is not everywhere-but-there is there
        ("residents of China", [("CN", PEOPLE)]),
        ("Chinese users", [("CN", PEOPLE)]),
        ("users outside China", [("CN", PEOPLE_OUTSIDE)]),
        ("under China law", []),
        ("for Japan; not in China", [("JP", INSIDE), ("CN", INSIDE)]),
    ],
)
def test_what_a_text_does_with_territories_becomes_places(text: str, expected: list[tuple[str | None, str]]) -> None:
    found = places(text)
    assert [form for _, form in found] == [form for _, form in expected]
    assert all(codes in (None, got) for (got, _), (codes, _) in zip(found, expected, strict=True))


def test_a_member_taken_out_of_a_group_leaves_the_others() -> None:
    (place,) = rowed("the European Union (excluding Germany) and Japan").places.values()
    assert "DE" not in place.codes
    assert {"FR", "JP"} <= set(place.codes)
    assert len(place.codes) == 27


@pytest.mark.parametrize(
    ("codes", "taken", "left"),
    [
        (("CN", "HK"), ("HK",), ("CN",)),
        (("CN",), ("HK",), ("CN",)),
        (("CN",), ("CN",), ()),
        (("EU", "JP"), ("JP",), ("EU",)),
    ],
)
def test_taking_out_what_is_not_there_changes_nothing(
    codes: tuple[str, ...], taken: tuple[str, ...], left: tuple[str, ...]
) -> None:
    assert without(codes, taken) == left


def test_a_name_that_is_also_a_word_counts_only_beside_another() -> None:
    assert places("in Georgia") == []
    assert places("in Armenia and Georgia") == [("AM GE", INSIDE)]


@pytest.mark.parametrize(("becomes", "codes"), [("except", ("CN",)), ("with", ("CN", "HK"))])
def test_words_behind_a_sentence_take_from_its_place_or_add_to_it(becomes: str, codes: tuple[str, ...]) -> None:
    rule = {"id": "behind", "becomes": becomes, "patterns": ["T USE OPEN (BUT|WITH) T CLOSE", "USE"]}
    named = [Named(3, 8, Place(("CN",), INSIDE)), Named(24, 33, Place(("HK",), INSIDE))]
    row = make_row("in China use (excluding Hong Kong)", named, small(places=[rule]))
    assert [place.codes for place in row.places.values()] == [codes]
    assert row.symbols.count(INSIDE) == 1


def test_two_codes_of_a_list_are_no_other_words() -> None:
    text = "not licensed for CN, RU"
    (sentence,) = sentences_in(list(read_passages(text)), NO_TERMS)
    row = make_row(text, find_named(sentence, GRAMMAR, NO_TERMS), GRAMMAR)
    assert [place.codes for place in row.places.values()] == [("CN", "RU")]


def test_spans_stand_where_the_words_do() -> None:
    text = "do not use it in France, Spain and Italy today"
    row = rowed(text)
    token = row.symbols.index(INSIDE)
    assert text[slice(*row.spans[token])] == "France, Spain and Italy"
    assert len(row.symbols) == len(row.spans)


def test_the_name_of_a_model_is_told_by_its_form_or_by_the_title() -> None:
    names = GRAMMAR.lexicon.names
    assert "NAME" in names(rowed("Kestrel-7B is out").symbols)
    assert "NAME" not in names(rowed("Kestrel is out").symbols)
    assert "NAME" in names(rowed("Kestrel is out", frozenset({"kestrel"})).symbols)


def test_where_nouns_have_capitals_an_unknown_one_is_told_from_other_words() -> None:
    grammar = small(capital_nouns=True, heads=["PERSON"])
    read = make_row("Fine Printer of Guest-Users, not X9 nor Handy-App", [], grammar)
    assert grammar.lexicon.names(read.symbols).split() == [
        "WORD", "NOUN", "IN", "PERSON", "COMMA", "NOT", "NAME", "WORD", "NOUN",
    ]  # fmt: skip


def test_signs_become_symbols_and_hyphens_within_words_do_not() -> None:
    assert GRAMMAR.lexicon.names(rowed('a-b, (c) - d; "e": f|g?').symbols).split() == [
        "WORD", "COMMA", "OPEN", "WORD", "CLOSE", "DASH", "WORD", "BREAK", "QUOTE", "WORD", "QUOTE", "COLON", "WORD",
        "BAR", "WORD", "ASK",
    ]  # fmt: skip
