"""One file a mistake, named for it: the message names file, line, key, value and what is allowed."""

from pathlib import Path

import pytest

from config.ambient import VARIABLES
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
    "wrong_cron": ["line 8", "jobs[2].cron: the hour of '0 61 * * *' is '61'", "0 to 23"],
    "cron_with_seconds": ["line 3", "jobs[1].cron: '0 0 7 * * 1' has 6 fields", "no seconds"],
    "cron_that_never_comes": ["line 3", "jobs[1].cron: '0 7 30 2 *' never comes"],
    "misspelt_key_of_a_job": ["line 9", "jobs[2].authr is not a known key", "did you mean jobs[2].author?"],
    "job_without_a_name": ["line 1", "jobs[1].name is missing", "lower-case words"],
    "job_without_a_time": ["line 1", "jobs[1].cron is missing", "a crontab expression such as 0 7 * * 1"],
    "job_that_scans_nothing": ["line 7", "jobs[2]: nothing to scan", "all, top, watch, author, search, filters"],
    "job_name_twice": ["line 7", "jobs[2].name: 'weekly'", "a name of its own"],
    "wrong_job_name": ["line 2", "jobs[1].name is 'Every Week'", "lower-case words joined by hyphens"],
    "number_for_a_flag": ["line 4", "jobs[1].all is 1", "true or false"],
    "top_of_nothing": ["line 4", "jobs[1].top is 0", "a whole number from 1 to 1000000"],
    "watch_without_a_list": ["line 9", "jobs[2].watch: true needs a watch list"],
    "no_jobs": ["line 1", "jobs is []", "at least one table [[jobs]]"],
    "one_bracket_for_two": ["line 1", "jobs is {'name': 'weekly'}", "[[jobs]]"],
    "misspelt_time_zone": ["line 2", "schedule.timezone: 'Europe/Berln'", "did you mean Europe/Berlin?"],
    "city_for_a_time_zone": ["line 9", "jobs[2].timezone: 'New York'", "did you mean America/New_York?"],
    "path_for_a_time_zone": [
        "line 2",
        "schedule.timezone: '../../etc/passwd' is no time zone",
        "Europe/Berlin, or UTC",
    ],
    "alarm_at_once": ["line 2", "schedule.alarm_after_hours is 0", "above 0"],
    "channel_with_capitals": ["line 2", "slack.alarm_channel is '#Model-Scope'", "such as #model-scope"],
    "token_for_a_channel": ["line 2", "slack.channel is (hidden)", "a channel such as"],
    "webhook_for_a_channel": ["line 2", "slack.channel is (hidden)", "a channel such as"],
    "slack_address_in_the_file": ["line 3", "slack.base_url", "set HUBSCOPE_SLACK__BASE_URL in the environment"],
    "slack_token_in_the_file": ["line 3", "slack.bot_token", "set SLACK_BOT_TOKEN in the environment"],
    "webhook_in_the_file": ["line 1", "slack_webhook_url", "set SLACK_WEBHOOK_URL in the environment"],
    "unknown_report_format": ["line 2", "report.formats[2] is 'pdf'", '"html", "markdown", "text" or "json"'],
    "password_in_a_report_address": ["line 2", "report.url is (hidden)", "an https:// address"],
    "subscription_about_nothing": ["line 1", "subscriptions[1]: no model is named", "owners or models"],
    "subscription_to_nowhere": ["line 6", "subscriptions[2]: it goes nowhere", "slack or folder"],
    "subscription_name_twice": ["line 7", "subscriptions[2].name: 'my-org'", "a name of its own"],
    "reserved_subscription_name": ["line 2", "subscriptions[1].name: 'team' is taken", "team and alarm"],
    "model_for_an_owner": ["line 3", "subscriptions[1].owners[1] is 'my-org/model'", "owners' names"],
    "wrong_model_of_a_subscription": ["line 8", "subscriptions[2].models[2] is 'not a name'", "owner/name"],
}
SERVER_OF_OTHERS = "server_in_a_file_that_nobody_named"  # a mistake only there


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
    assert {path.stem for path in DATA.iterdir()} == {*MISTAKES, SERVER_OF_OTHERS, "three_mistakes"}


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
        (
            {"HUBSCOPE_SLACK__CHANEL": "#x"},
            ["HUBSCOPE_SLACK__CHANEL is not a known", "did you mean HUBSCOPE_SLACK__CHANNEL?"],
        ),
        (
            {"HUBSCOPE_SLACK_BOT_TOKEN": "x"},
            ["HUBSCOPE_SLACK_BOT_TOKEN is not a known", "did you mean SLACK_BOT_TOKEN?"],
        ),
        ({"HUBSCOPE_SLACK__CHANNEL": "xoxb-1"}, ["environment variable HUBSCOPE_SLACK__CHANNEL", "is (hidden)"]),
        ({"HUBSCOPE_SLACK__CHANNEL": "#X"}, ["environment variable HUBSCOPE_SLACK__CHANNEL", "slack.channel is '#X'"]),
        ({"HUBSCOPE_SLACK__BASE_URL": "http://slack.example/api"}, ["HUBSCOPE_SLACK__BASE_URL", "is (hidden)"]),
        ({"SLACK_WEBHOOK_URL": "http://slack.example/x"}, ["environment variable SLACK_WEBHOOK_URL", "is (hidden)"]),
        ({"HUBSCOPE_SCHEDULE__TIMEZONE": "utc"}, ["HUBSCOPE_SCHEDULE__TIMEZONE", "did you mean UTC?"]),
        ({"HUBSCOPE_JOBS": "weekly"}, ["HUBSCOPE_JOBS is not a known"]),
        ({"HUBSCOPE_SUBSCRIPTIONS": "x"}, ["HUBSCOPE_SUBSCRIPTIONS is not a known"]),
        ({"HUBSCOPE_REPORT__CSV": "maybe"}, ["HUBSCOPE_REPORT__CSV", "report.csv is 'maybe'", "true or false"]),
        ({"HUBSCOPE_ANNOUNCED__CN_2027": "2026-01-01"}, ["HUBSCOPE_ANNOUNCED__CN_2027", "allowed are cn-2026"]),
        ({"HUBSCOPE_WATCH": "a b"}, ["HUBSCOPE_WATCH", "'a b'", "owner/name"]),
        ({"HUBSCOPE_WATCH": f"{'x' * 97}/a"}, ["HUBSCOPE_WATCH", "owner/name"]),
        ({"HUBSCOPE_WATCH": f"a/{'x' * 97}"}, ["HUBSCOPE_WATCH", "owner/name"]),
        ({"HUBSCOPE_SLACK__CHANNEL": f"#{'x' * 81}"}, ["HUBSCOPE_SLACK__CHANNEL", "a channel such as #model-scope"]),
        ({"HUBSCOPE_REGULATIONS": "cn-2062"}, ["HUBSCOPE_REGULATIONS", "'cn-2062'"]),
        ({"HUBSCOPE_CONFIG": "nowhere.toml"}, ["nowhere.toml cannot be read"]),
    ],
)
def test_the_environment_s_mistakes_name_their_variable(environ: dict[str, str], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ=environ)
    assert all(part in str(caught.value) for part in parts)


def test_names_as_long_as_may_be() -> None:
    model, channel = f"{'x' * 96}/{'y' * 96}", f"#{'z' * 80}"
    settings = load(environ={"HUBSCOPE_WATCH": model, "HUBSCOPE_SLACK__CHANNEL": channel})
    assert settings.watch == (model,)
    assert settings.slack is not None
    assert settings.slack.channel == channel


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


@pytest.mark.parametrize("name", ["x" * 100_000, "\x00", "Europe", "zone.tab", "/etc/localtime", "Ünknown/Zone"])
def test_what_is_no_time_zone_is_refused_whatever_it_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"HUBSCOPE_SCHEDULE__TIMEZONE: schedule\.timezone: .* is no time zone"):
        load(environ={"HUBSCOPE_SCHEDULE__TIMEZONE": name})


def test_a_line_break_that_is_none_of_toml_does_not_shift_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "hubscope.toml"
    path.write_text("# one line\u2028still the same\nscan.workers = 0\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r", line 2: scan\.workers is 0"):
        load(path, {})


# A server in a file that nobody named --------------------------------------------------------------------------------


def found_in_the_folder(monkeypatch: pytest.MonkeyPatch, folder: Path, database_url: str | None = None) -> Path:
    """A settings file in the working directory."""
    path = folder / "hubscope.toml"
    mistake = (DATA / f"{SERVER_OF_OTHERS}.toml").read_text(encoding="utf-8")
    path.write_text(mistake if database_url is None else f'database_url = "{database_url}"\n', encoding="utf-8")
    monkeypatch.chdir(folder)
    return path


@pytest.mark.parametrize("name", VARIABLES)
def test_a_server_that_would_be_sent_a_password_of_the_environment_has_to_be_named_by_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = found_in_the_folder(monkeypatch, tmp_path)
    environ = {name: "secret"}
    with pytest.raises(ConfigError) as caught:
        load(environ=environ)
    message = str(caught.value)
    assert message.startswith("hubscope.toml, line 4: database_url ")
    for part in (f"from {name},", "set HUBSCOPE_DATABASE_URL", "--config"):
        assert part in message
    assert "\n" not in message
    assert message.endswith(".")
    assert "secret" not in message.replace("sent a secret from", "")
    assert "evil" not in message
    url = "postgresql://x@evil.example/hub"
    assert load(path, environ).database_url == url
    assert load(environ={**environ, "HUBSCOPE_CONFIG": str(path)}).database_url == url
    assert load(environ={**environ, "HUBSCOPE_DATABASE_URL": url}).database_url == url
    assert load(environ=environ, overrides={"database_url": url}).database_url == url
    assert load(environ={name: ""}).database_url == url


def test_a_file_of_passwords_in_the_home_folder_is_one_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found_in_the_folder(monkeypatch, tmp_path)
    (tmp_path / "home").mkdir()
    environ = {"HOME": str(tmp_path / "home")}
    load(environ=environ)
    (tmp_path / "home" / ".pgpass").write_text("*:*:*:*:secret", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a secret from ~/\.pgpass, and"):
        load(environ=environ)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://x@evil/hub",
        "postgresql+psycopg://evil",
        "postgresql:///hub?host=evil",
        "postgresql://x:@evil/hub",
        "postgresql://x/y:word@evil/hub",
        "postgresql://evil/hub?x=:word@y",
        "postgresql://x?password=word@evil/hub",
        "postgresql://x@evil/hub?password=word",
        "postgresql://x:word@evil/hub?password%3D''%20sslmode=prefer",
    ],
)
def test_what_is_no_password_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    found_in_the_folder(monkeypatch, tmp_path, url)
    with pytest.raises(ConfigError, match="a secret from PGPASSWORD, and"):
        load(environ={"PGPASSWORD": "mine"})


@pytest.mark.parametrize("login", ["x", "x:word"])
@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("passfile=/home/me/passwords", "passfile"),
        ("sslmode=prefer&service=production", "service"),
        ("s%65rvice=production", "service"),
        ("servicefile=x", "servicefile"),
        ("sslmode%3Dprefer+passfile+=/home/me/passwords", "passfile"),
        ("gssdelegation=1", "gssdelegation"),
    ],
)
def test_parameters_that_fetch_a_secret_have_to_be_named_by_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str, parameters: str, name: str
) -> None:
    path = found_in_the_folder(monkeypatch, tmp_path, f"postgresql://{login}@evil/hub?{parameters}")
    with pytest.raises(ConfigError, match=f"a secret from its parameter {name}, and"):
        load(environ={})
    load(path, {})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://x:word@db.example/hub",
        "postgres://x:w%40rd@db.example:5432/hub?sslmode=verify-full&sslpassword=word",
        "sqlite:///passwords.db",
    ],
)
def test_a_server_with_a_password_of_its_own_is_sent_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    found_in_the_folder(monkeypatch, tmp_path, url)
    assert load(environ=dict.fromkeys(VARIABLES, "mine")).database_url == url
