"""One file a mistake, named for it: the message names file, line, key, value and what is allowed."""

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import load

DATA = Path(__file__).parent / "data" / "settings"

MISTAKES = {
    "value_out_of_range": ["line 2", "scan.workers is 0", "a whole number from 1 to 64"],
    "boolean_for_a_number": ["line 2", "scan.workers is True", "a whole number from 1 to 64"],
    "unknown_choice": ["line 2", "scan.deep is 'sometimes'", '"auto", "never" or "always"'],
    "misspelt_key": ["line 3", "scan.wokers is not a known key", "did you mean scan.workers?"],
    "unknown_key": ["line 1", "colour is not a known key", "database_url"],
    "misspelt_table": ["line 1", "scam is not a known key", "did you mean scan?"],
    "value_for_a_table": ["line 1", "scan is 5", "a table"],
    "syntax_error": ["line 2", "not valid TOML"],
    "key_twice": ["line 3", "not valid TOML"],
    "wrong_model_id": ["line 1", "watch[2] is 'not a name'", "owner/name"],
    "unknown_regulation": ["line 1", "cn-2062", "cn-2026", "did you mean cn-2026?"],
    "no_regulation": ["line 1", "regulations is []", "at least one"],
    "missing_regulation_file": ["line 1", "own.toml cannot be read", "No such file"],
    "wrong_date": ["line 2", "announced.cn-2026 is 'soon'", "a date such as 2026-10-01"],
    "number_for_a_date": ["line 2", "announced.cn-2026 is 1790000000", "a date such as"],
    "date_for_no_regulation": ["line 2", "announced.cn-2062", "allowed are cn-2026"],
    "wrong_database_url": ["line 1", "database_url is (hidden)", "a SQLAlchemy URL"],
    "token_in_the_file": ["line 1", "hf_token", "set HF_TOKEN in the environment"],
    "endpoint_in_the_file": ["line 1", "hf_endpoint", "set HF_ENDPOINT in the environment"],
    "not_utf8": ["line 1", "not UTF-8"],
    "share_above_one": ["line 2", "scan.max_missing is 1.5", "a share from 0 to 1"],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_that_says_it_all(name: str) -> None:
    path = DATA / f"{name}.toml"
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    assert message.endswith(".")
    for part in MISTAKES[name]:
        assert part in message
    assert "secret" not in message


def test_every_file_of_mistakes_is_tried() -> None:
    assert {path.stem for path in DATA.iterdir()} == {*MISTAKES, "three_mistakes"}


def test_several_mistakes_are_all_told_one_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load(DATA / "three_mistakes.toml", {})
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0].rpartition(" ")[2] for line in lines] == ["2", "3", "6"]


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        ({"HUBSCOPE_SCAN__WORKERS": "many"}, ["environment variable HUBSCOPE_SCAN__WORKERS", "'many'", "1 to 64"]),
        (
            {"HUBSCOPE_SCAN__WOKERS": "1"},
            ["HUBSCOPE_SCAN__WOKERS is not a known", "did you mean HUBSCOPE_SCAN__WORKERS"],
        ),
        ({"HUBSCOPE_HF_TOKEN": "x"}, ["HUBSCOPE_HF_TOKEN is not a known", "did you mean HF_TOKEN?"]),
        ({"HUBSCOPE_SCAN": "x"}, ["HUBSCOPE_SCAN is not a known"]),
        ({"HUBSCOPE_ANNOUNCED__CN_2027": "2026-01-01"}, ["HUBSCOPE_ANNOUNCED__CN_2027", "allowed are cn-2026"]),
        ({"HUBSCOPE_WATCH": "a b"}, ["HUBSCOPE_WATCH", "'a b'", "owner/name"]),
        ({"HUBSCOPE_REGULATIONS": "cn-2062"}, ["HUBSCOPE_REGULATIONS", "'cn-2062'"]),
        ({"HUBSCOPE_CONFIG": "nowhere.toml"}, ["nowhere.toml cannot be read"]),
    ],
)
def test_the_environment_s_mistakes_name_their_variable(environ: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ=environ)
    assert all(part in str(caught.value) for part in parts)


def test_the_command_line_s_mistakes_say_so() -> None:
    with pytest.raises(ConfigError, match=r"command line: scan\.workers is 0"):
        load(environ={"HUBSCOPE_SCAN__WORKERS": "3"}, overrides={"scan": {"workers": 0}})


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path, {})


def test_an_enormous_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.toml"
    path.write_bytes(b"#" * (5 * 1024 * 1024))
    with pytest.raises(ConfigError, match="larger than"):
        load(path, {})


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text("x = " + "[" * 100_000, encoding="utf-8")
    with pytest.raises(ConfigError):
        load(path, {})
