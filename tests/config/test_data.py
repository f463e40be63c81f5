"""The data files: they load, every row has its source and date, and the rows agree with each other."""

import re
from importlib.resources import files

import pytest

from config.errors import ConfigError
from config.keylines import key_lines
from config.phrases import load_phrases, read_phrases
from config.regulation import available
from config.tomlfile import parse_toml


def test_families_have_names_of_their_own_and_their_language_s() -> None:
    ids = [rule.id for one in load_phrases() for rule in (*one.families, *one.guards)]
    assert len(ids) == len(set(ids))
    for one in load_phrases():
        assert all(rule.id.startswith(f"{one.language}-") for rule in (*one.families, *one.guards))
    assert {one.language for one in load_phrases()} >= {"en", "zh"}


def test_a_pattern_names_the_territories_exactly_once_and_repeats_within_bounds() -> None:
    for one in load_phrases():
        for family in one.families:
            for pattern in family.patterns:
                assert pattern.groupindex.keys() == {"territories"}
                assert not re.search(
                    r"(?<!\\)[*+](?!\])|\{\d+,\}", re.sub(r"\[[^\]]*\]\+|\\w\+|\W\+|\\w\*|\[-\* ]", "", pattern.pattern)
                )


class Fixed:
    """A file with fixed content, as importlib.resources would give it."""

    name = "xx.toml"

    def __init__(self, text: str) -> None:
        self.text = text

    def open(self, mode: str):  # type: ignore[no-untyped-def]
        import io

        return io.BytesIO(self.text.encode())


HEAD = 'language = "xx"\nscripts = ["latin"]\nsource = "s"\ndate = 2026-01-01\n'


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ('id = "xx-a"\neffect = "excluded"\npatterns = ["(" ]', "line 5: family xx-a: '\\('"),
        ('id = "xx-a"\neffect = "excluded"\npatterns = ["{NO} {T}"]', "is not a macro"),
        ('id = "xx-a"\neffect = "bad"\npatterns = ["{T}"]', "line 7: families\\[1\\].effect is 'bad'"),
        ('id = "XX"\neffect = "excluded"\npatterns = ["{T}"]', "lower-case words"),
    ],
)
def test_a_mistake_in_a_phrase_file_is_told_with_its_line(family: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_phrases(Fixed(f"{HEAD}[[families]]\n{family}\n"))  # type: ignore[arg-type]


def test_the_line_of_every_key_is_found() -> None:
    rows = ["a = 1", "[t]", "b.c = 2", "d = [", "  1, # ]", "  '}',", "]", "'e f' = '''", "x = 1", "'''"]
    rows += ["[[r]]", "g = {h = 1}", "[[r]]", "g = 2", "[r.s]", "k = 3"]
    text = "\n".join(rows)
    lines = key_lines(text)
    assert lines["a",] == 1
    assert lines["t", "b", "c"] == 3
    assert lines["t", "d"] == 4
    assert lines["t", "e f"] == 8
    assert ("t", "x") not in lines
    assert (lines["r", 0, "g"], lines["r", 1, "g"]) == (12, 14)
    assert lines["r", 1, "s", "k"] == 16
    assert parse_toml(text, "F").place(("r", 0, "g", "h")) == "F, line 12"


def test_data_files_ship_with_the_package() -> None:
    names = {entry.name for entry in files("config").iterdir()}
    assert {"territories.toml", "licences.toml"} <= names
    assert available()
