"""Settings: order of precedence, the environment's names, secrets, and that a result cannot be changed."""

import json
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from config.endpoint import check_endpoint
from config.errors import ConfigError
from config.settings import Settings, known_variables, load
from config.values import hide_password

TOKEN = "hf_AVerySecretToken"  # not a real one
SLACK_TOKEN = "xoxb-AVerySecretToken"  # nor this
WEBHOOK = "https://hooks.slack.com/services/T0/B0/AVerySecretPath"  # nor this


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str, name: str = "hubscope.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_without_anything_the_defaults_hold() -> None:
    assert load(environ={}) == Settings()
    found = Settings()
    assert found.database_url == "sqlite:///hubscope.db"
    assert found.regulations == ("cn-2026",)
    assert found.hf_endpoint == "https://huggingface.co"
    assert found.hf_token is None
    assert (found.scan.page_size, found.scan.workers, found.scan.max_retries) == (1000, 8, 5)
    assert (found.scan.resume_hours, found.scan.max_missing, found.scan.deep) == (48, 0.001, "auto")
    assert (found.schedule.timezone, found.schedule.alarm_after_hours) == ("UTC", 6)
    assert (found.slack.channel, found.slack.alarm_channel, found.slack.csv_models) == (None, None, 10_000)
    assert found.slack.base_url == "https://slack.com/api/"
    assert (found.slack_bot_token, found.slack_webhook_url) == (None, None)
    assert (found.report.formats, found.report.csv, found.report.url) == (("html",), True, None)
    assert found.subscriptions == ()


def test_without_jobs_the_most_downloaded_models_are_scanned_on_mondays() -> None:
    (job,) = Settings().jobs
    assert (job.name, job.cron, job.top, job.notify) == ("weekly", "0 7 * * 1", 10_000, True)
    assert (job.all, job.watch, job.author, job.search, job.filters, job.limit) == (False, False, None, None, (), None)
    assert (job.timezone, job.deep, job.max_requests) == (None, None, None)


def test_file_environment_and_command_line_each_win_over_what_is_below(folder: Path) -> None:
    write(folder, "[scan]\nworkers = 2\npage_size = 20\nmax_retries = 0\n")
    environ = {"HUBSCOPE_SCAN__WORKERS": "3", "HUBSCOPE_SCAN__PAGE_SIZE": "30"}
    found = load(environ=environ, overrides={"scan": {"workers": 4, "deep": None}}).scan
    assert (found.workers, found.page_size, found.max_retries, found.deep) == (4, 30, 0, "auto")


def test_the_file_is_named_by_path_then_by_the_environment_then_by_the_folder(folder: Path) -> None:
    write(folder, "scan.workers = 1\n")
    by_environment = write(folder, "scan.workers = 2\n", "environment.toml")
    by_path = write(folder, "scan.workers = 3\n", "path.toml")
    environ = {"HUBSCOPE_CONFIG": str(by_environment)}
    assert load(environ={}).scan.workers == 1
    assert load(environ=environ).scan.workers == 2
    assert load(by_path, environ).scan.workers == 3


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSCOPE_SCAN__WORKERS", "7")
    assert load().scan.workers == 7


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(environ={"HUBSCOPE_SCAN__WORKERS": "", "HF_TOKEN": "", "HF_ENDPOINT": ""}) == Settings()


def test_lists_and_dates_come_from_the_environment_too() -> None:
    environ = {"HUBSCOPE_WATCH": "a/b, c/d", "HUBSCOPE_ANNOUNCED__CN_2026": "2026-10-01"}
    found = load(environ=environ)
    assert found.watch == ("a/b", "c/d")
    assert found.announced == {"cn-2026": date(2026, 10, 1)}


def test_every_setting_but_the_ecosystem_s_has_a_variable() -> None:
    names = known_variables()
    assert {"HUBSCOPE_DATABASE_URL", "HUBSCOPE_SCAN__DEEP", "HUBSCOPE_REPORT__FOLDER"} <= set(names)
    assert {"HUBSCOPE_SLACK__CHANNEL", "HUBSCOPE_SLACK__BASE_URL", "HUBSCOPE_SCHEDULE__TIMEZONE"} <= set(names)
    assert not any("HF_" in name or "TOKEN" in name or "WEBHOOK" in name for name in names)
    assert not {"HUBSCOPE_JOBS", "HUBSCOPE_SUBSCRIPTIONS", "HUBSCOPE_ANNOUNCED"} & set(names)


@pytest.mark.parametrize("name", ["HUBSCOPE_MODELSCOPE__ENDPOINT", "HF_HOME", "HUBSCOPES"])
def test_variables_of_later_versions_and_of_others_are_left_alone(name: str) -> None:
    assert load(environ={name: "x"}) == Settings()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().database_url = "sqlite://"
    with pytest.raises(ValidationError):
        Settings().scan.workers = 3
    with pytest.raises(ValidationError):
        Settings().jobs[0].cron = "@daily"


def test_jobs_of_the_file_stand_in_for_the_default_one(folder: Path) -> None:
    write(
        folder,
        """
watch = ["my-org/model"]

[schedule]
timezone = "Europe/Berlin"

[[jobs]]
name = "nightly"
cron = " 30 2 * * mon-fri "
timezone = "America/New_York"
all = true
deep = "never"
max_requests = 5000
notify = false

[[jobs]]
name = "own-2"
cron = "@daily"
watch = true
author = "my-org"
search = "llama"
filters = ["text-generation", "en"]
top = 50
limit = 20
""",
    )
    nightly, own = load(environ={}).jobs
    assert (nightly.name, nightly.cron, nightly.timezone) == ("nightly", "30 2 * * mon-fri", "America/New_York")
    assert (nightly.all, nightly.deep, nightly.max_requests, nightly.notify) == (True, "never", 5000, False)
    assert (own.name, own.cron, own.timezone, own.watch, own.all) == ("own-2", "@daily", None, True, False)
    assert (own.author, own.search, own.filters) == ("my-org", "llama", ("text-generation", "en"))
    assert (own.top, own.limit, own.notify) == (50, 20, True)


def test_subscriptions_name_owners_or_models_and_where_to(folder: Path) -> None:
    write(
        folder,
        """
subscriptions = [
  { name = "my-org", owners = ["my-org"], slack = "U024BE7LH" },
  { name = "both", owners = ["a", "b"], models = ["c/d", "legacy"], slack = "#both", folder = "reports/both" },
]
""",
    )
    mine, both = load(environ={}).subscriptions
    assert (mine.name, mine.owners, mine.models, mine.slack, mine.folder) == (
        "my-org",
        ("my-org",),
        (),
        "U024BE7LH",
        None,
    )
    assert (both.owners, both.models, both.slack) == (("a", "b"), ("c/d", "legacy"), "#both")
    assert both.folder == Path("reports/both")


@pytest.mark.parametrize(
    "channel", ["#general", "#model_scope-2", "#été", "#모델", "C024BE91L", "GABCDEFGH1", "D0123456789"]
)
def test_channels_by_name_and_by_id(channel: str) -> None:
    assert load(environ={"HUBSCOPE_SLACK__CHANNEL": channel}).slack.channel == channel


def test_a_channel_s_name_may_come_without_its_sign() -> None:
    assert load(environ={"HUBSCOPE_SLACK__CHANNEL": "general"}).slack.channel == "#general"


@pytest.mark.parametrize(
    "channel", ["#", "#two words", "#General", "#a.b", "@someone", "General", "C1", "xoxb-1-abc", "#x\\n"]
)
def test_what_is_no_channel(channel: str, folder: Path) -> None:
    write(folder, f'slack.channel = "{channel}"')
    with pytest.raises(ConfigError, match=r"slack\.channel is "):
        load(environ={})


@pytest.mark.parametrize("given", ["http://127.0.0.1:5/api", "http://127.0.0.1:5/api/", "http://127.0.0.1:5/api//"])
def test_slack_s_address_ends_with_one_slash(given: str) -> None:
    assert load(environ={"HUBSCOPE_SLACK__BASE_URL": given}).slack.base_url == "http://127.0.0.1:5/api/"


def test_slack_s_secrets_come_from_the_environment() -> None:
    found = load(environ={"SLACK_BOT_TOKEN": SLACK_TOKEN, "SLACK_WEBHOOK_URL": WEBHOOK})
    assert found.slack_bot_token is not None
    assert found.slack_bot_token.get_secret_value() == SLACK_TOKEN
    assert found.slack_webhook_url is not None
    assert found.slack_webhook_url.get_secret_value() == WEBHOOK


def test_flags_and_formats_come_from_the_environment_too() -> None:
    environ = {
        "HUBSCOPE_REPORT__CSV": "False",
        "HUBSCOPE_REPORT__FORMATS": "html, json,html",
        "HUBSCOPE_REPORT__URL": "https://reports.example.org/hubscope/",
    }
    report = load(environ=environ).report
    assert (report.csv, report.formats, report.url) == (False, ("html", "json"), "https://reports.example.org/hubscope")


def test_a_regulation_s_path_is_read_from_the_folder_of_the_file_that_names_it(folder: Path) -> None:
    (folder / "inner").mkdir()
    own = (Path(__file__).parents[2] / "config/regulations/cn-2026.toml").read_text(encoding="utf-8")
    write(folder / "inner", own.replace('id = "cn-2026"', 'id = "own-1"'), "own.toml")
    path = write(folder / "inner", 'regulations = ["own.toml"]\nannounced.own-1 = 2026-10-01\n')
    found = load(path, {})
    assert found.regulations == (str(folder / "inner" / "own.toml"),)
    assert found.announced == {"own-1": date(2026, 10, 1)}


def test_secrets_show_nowhere() -> None:
    url = "postgresql://team:pass-word@db.example/hub?sslpassword=pass-word"
    slack = {"SLACK_BOT_TOKEN": SLACK_TOKEN, "SLACK_WEBHOOK_URL": WEBHOOK}
    found = load(environ={"HF_TOKEN": f"  {TOKEN}\n", "HUBSCOPE_DATABASE_URL": url, **slack})
    assert found.hf_token is not None
    assert found.hf_token.get_secret_value() == TOKEN
    assert found.database_url == url
    shown = [repr(found), str(found), json.dumps(found.model_dump(mode="json")), str(found.model_dump())]
    shown += [found.model_dump_json(), hide_password(found.database_url)]
    assert not any("AVerySecret" in text or "pass-word" in text for text in shown)


@pytest.mark.parametrize(
    "environ",
    [
        {"HF_TOKEN": "hf_sécret"},
        {"HF_TOKEN": "two\nsecrets"},
        {"HUBSCOPE_DATABASE_URL": "secret"},
        {"HF_ENDPOINT": "https://user:secret@hub.example"},
        {"HF_TOKEN": "secret", "HUBSCOPE_SCAN__WORKERS": "0"},
        {"SLACK_BOT_TOKEN": "xoxb-sécret"},
        {"SLACK_BOT_TOKEN": "xoxb-secret", "HUBSCOPE_SLACK__CHANNEL": "xoxb-secret"},
        {"SLACK_WEBHOOK_URL": "http://hooks.example/secret"},
        {"SLACK_WEBHOOK_URL": "secret"},
        {"SLACK_WEBHOOK_URL": "https://secret:99999/"},
        {"HUBSCOPE_SLACK__CHANNEL": "https://hooks.slack.com/services/T0/B0/secret"},
        {"HUBSCOPE_SLACK__BASE_URL": "https://user:secret@slack.example/api"},
        {"HUBSCOPE_REPORT__URL": "https://user:secret@reports.example"},
    ],
)
def test_a_mistake_does_not_show_a_secret(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ=environ)
    assert "secret" not in str(caught.value)
    assert "sécret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///hubscope.db", "sqlite:///hubscope.db"),
        ("sqlite:////var/lib/hub.db", "sqlite:////var/lib/hub.db"),
        ("sqlite://", "sqlite://"),
        ("postgresql+psycopg://u:p@h:5432/d", "postgresql+psycopg://u:***@h:5432/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://h/d?password=p", "postgresql://h/d?***"),
    ],
)
def test_a_database_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert hide_password(url) == shown


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://hub.example/", "https://hub.example"),
        ("https://hub.example/prefix/", "https://hub.example/prefix"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1"),
        ("http://127.8.9.10", "http://127.8.9.10"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_endpoints_that_are_allowed(given: str, kept: str) -> None:
    assert check_endpoint(given) == kept
    assert load(environ={"HF_ENDPOINT": given}).hf_endpoint == kept


@pytest.mark.parametrize(
    "given",
    [
        "http://hub.example",
        "ftp://hub.example",
        "hub.example",
        "https://",
        "https://u:p@hub.example",
        "https://u@hub.example",
        "https://hub.example?x=1",
        "https://hub.example#x",
        "https://hub.example:99999",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://0.0.0.0",
        "https://hub example",
        "https://hub.example\\@evil",
        "//x",
        "x:y",
        "https://[::1",
        "http://10.0.0.1",
    ],
)
def test_endpoints_that_are_not(given: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_endpoint(given)
    with pytest.raises(ConfigError, match="HF_ENDPOINT"):
        load(environ={"HF_ENDPOINT": given})
