"""The data files: they load, every row has its source and date, and the rows agree with each other."""

from importlib.resources import files

from config.keylines import key_lines
from config.regulation import available
from config.tomlfile import parse_toml


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
