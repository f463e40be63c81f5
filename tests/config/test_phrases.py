"""Grammars: the notation of their patterns, the lexicon, and what every language's file must hold to."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from config.phrases import compile_grammar, grammar_files, load_grammars, read_grammar
from config.phrases.notation import PLACES, Notation, read_lexicon

WORDS = {"USE": ["use", "put to use", "deploy*"], "NOT": ["not", "may not"], "MODEL": ["model"], "LAW": ["law"]}
LEXICON = read_lexicon(WORDS, spaced=True)
GRAMMARS = load_grammars()


def compiled(pattern: str, **macros: str) -> re.Pattern[str]:
    return Notation(LEXICON.symbols, macros, ["LAW"], ["LAW", "NOT"]).compile(pattern, "here")


def row(*names: str) -> str:
    return "".join(LEXICON.symbols[name] for name in names)


def kinds(text: str) -> list[str]:
    found = LEXICON.pattern.finditer(text)
    return [LEXICON.names(LEXICON.symbol(match[0])) for match in found if match.lastgroup == "entry"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("You may not use it", ["NOT", "USE"]),  # the longest entry wins
        ("PUT TO USE", ["USE"]),
        ("put to use not", ["USE", "NOT"]),
        ("deployments", ["USE"]),  # an ending
        ("user reuse models lawful", []),  # entries stand alone
        ("", []),
    ],
)
def test_the_lexicon_finds_whole_entries_in_any_case(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


def test_an_entry_of_two_kinds_is_of_the_first() -> None:
    lexicon = read_lexicon({"A": ["run"], "B": ["run"]}, spaced=True)
    assert lexicon.symbol("Run") == lexicon.symbols["A"]


@pytest.mark.parametrize("text", ["außer", "ausser", "AUSSER"])
def test_swiss_spelling_finds_an_entry_with_a_sharp_s(text: str) -> None:
    lexicon = read_lexicon({"BUT": ["außer"]}, spaced=True)
    found = lexicon.pattern.fullmatch(text)
    assert found is not None
    assert lexicon.symbol(found[0]) == lexicon.symbols["BUT"]


@pytest.mark.parametrize(
    ("noun", "kind"),
    [
        ("Ausgangslizenz", "LICENCE"),
        ("Handy-App", "SERVICE"),
        ("Schnappapp", "NOUN"),  # three letters stand for themselves only behind a hyphen
        ("Mietvertrag", "NOUN"),  # not of the kinds asked for
        ("Haus", "NOUN"),
    ],
)
def test_a_compound_noun_is_of_the_kind_of_its_last_part(noun: str, kind: str) -> None:
    lexicon = read_lexicon({"LICENCE": ["lizenz*"], "SERVICE": ["app"], "GRANT": ["vertrag"]}, spaced=True)
    wanted = {lexicon.symbols["LICENCE"], lexicon.symbols["SERVICE"]}
    assert lexicon.names(lexicon.head(noun, wanted)) == kind


def test_where_words_do_not_stand_apart_an_entry_is_found_anywhere() -> None:
    lexicon = read_lexicon({"USE": ["使用"], "NOT": ["不得"]}, spaced=False)
    assert [match[0] for match in lexicon.pattern.finditer("您不得使用本模型")] == [
        "您",
        "不得",
        "使用",
        "本",
        "模",
        "型",
    ]


@pytest.mark.parametrize(
    ("pattern", "names", "matches"),
    [
        ("NOT USE", ["NOT", "USE"], True),
        ("NOT USE", ["NOT", "MODEL", "USE"], False),
        ("NOT .. USE", ["NOT", "MODEL", "WORD", "USE"], True),
        ("NOT .. USE", ["NOT", *["WORD"] * 5, "USE"], False),
        ("NOT ... USE", ["NOT", *["WORD"] * 12, "USE"], True),
        ("NOT ... USE", ["NOT", *["WORD"] * 13, "USE"], False),
        ("NOT ... USE", ["NOT", "LAW", "USE"], False),  # hard
        ("NOT ... USE", ["NOT", "T", "USE"], False),
        ("NOT ... USE", ["NOT", "BREAK", "USE"], False),
        ("MODEL ... USE", ["MODEL", "NOT", "USE"], True),
        ("MODEL ~ USE", ["MODEL", "NOT", "USE"], False),  # blocking
        ("MODEL ~ USE", ["MODEL", *["WORD"] * 16, "USE"], True),
        ("NOT . USE", ["NOT", "LAW", "USE"], True),
        ("NOT !MODEL . USE", ["NOT", "MODEL", "USE"], False),
        ("NOT (MODEL|LAW)? USE", ["NOT", "LAW", "USE"], True),
        ("PLACE", ["O"], True),
        ("WHO", ["J"], True),
        ("BEGIN USE", ["NOT", "USE"], True),  # a macro
        ("^ NOT $", ["NOT"], True),
        ("NOT{2,3} USE", ["NOT", "NOT", "USE"], True),
    ],
)
def test_a_pattern_matches_rows_of_symbols(pattern: str, names: list[str], matches: bool) -> None:
    found = compiled(pattern, BEGIN="(NOT|LAW)").fullmatch(row(*names))
    assert (found is not None) is matches


def test_a_definition_marks_its_name() -> None:
    match = compiled("@(QUOTE . QUOTE) USE").match(row("QUOTE", "MODEL", "QUOTE", "USE"))
    assert match is not None
    assert match.span("name") == (0, 3)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("NOT USES", "USES is not a kind of word of this file; known are"),
        ("NOT (USE", "is not a valid pattern"),
        ("NOT, USE", "has ',' where a kind of word should stand"),
        ("NOT !(USE)", "has an exclamation mark that no kind of word follows"),
        ("LOOP", "macros within macros"),
    ],
)
def test_a_wrong_pattern_is_told_with_its_place(pattern: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        compiled(pattern, LOOP="LOOP")
    assert str(caught.value).startswith("here: ")


def test_all_languages_that_were_asked_for_are_there() -> None:
    assert {one.language for one in GRAMMARS} >= {"en", "zh", "ja", "ko", "fr", "de"}


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda one: one.language)
def test_every_grammar_declares_both_ways_and_has_guards(grammar: Any) -> None:
    for rules in (grammar.places, grammar.definitions, grammar.families, grammar.guards):
        ids = [rule.id for rule in rules]
        assert len(ids) == len(set(ids))
        assert all(rule.startswith(f"{grammar.language}-") for rule in ids)
    assert {family.effect for family in grammar.families} >= {"excluded", "limited_to", "granted", "embargo"}
    assert grammar.definitions
    assert {effect for guard in grammar.guards for effect in guard.against} >= {"excluded", "limited_to"}


@pytest.mark.parametrize("grammar", GRAMMARS, ids=lambda one: one.language)
def test_every_family_speaks_of_a_place(grammar: Any) -> None:
    for family in grammar.families:
        for pattern in family.patterns:
            assert PLACES & set(pattern.pattern), f"{family.id} names no place"


@pytest.mark.parametrize("path", grammar_files(), ids=lambda one: one.name)
def test_no_entry_stands_under_two_kinds(path: Path) -> None:
    kinds = tomllib.loads(path.read_text(encoding="utf-8"))["words"]
    first: dict[str, str] = {}
    for kind, entries in kinds.items():
        for entry in entries:
            first.setdefault(entry.casefold(), kind)
    lost = {
        f"{entry} ({kind})" for kind, entries in kinds.items() for entry in entries if first[entry.casefold()] != kind
    }
    assert lost == set()


def test_a_file_with_mistakes_names_each(tmp_path: Path) -> None:
    path = tmp_path / "xx.toml"
    path.write_text('language = "xx"\ntitle = "Ex"\nscripts = ["runes"]\nspaced = true\nsource = "s"\nsize = 3\n')
    with pytest.raises(ConfigError) as caught:
        read_grammar(path)
    assert "scripts" in str(caught.value)
    assert "size" in str(caught.value)
    assert "families" in str(caught.value)


def test_a_file_whose_pattern_is_wrong_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "xx.toml"
    path.write_text(
        'language = "xx"\ntitle = "Ex"\nscripts = ["latin"]\nspaced = true\nsource = "s"\ndate = 2026-11-26\n'
        '[words]\nNOT = ["not"]\n[[families]]\nid = "xx-a"\neffect = "excluded"\npatterns = ["NOTT T"]\n'
    )
    with pytest.raises(ConfigError, match=r"phrases/xx\.toml, line 9: xx-a: NOTT is not a kind of word"):
        compile_grammar(*read_grammar(path))
