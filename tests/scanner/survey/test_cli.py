"""`hubscope survey` over the sample Hub on a socket."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from scanner.catalogue.database import open_database
from scanner.cli import app
from scanner.samplehub import Fault, SampleHub
from scanner.survey.document import json_schema

Run = Callable[..., Result]

JUDGED = "SELECT count(*) FROM model m JOIN judgement j ON j.id = m.judgement WHERE j.status = "
UNDECIDED, IN_SCOPE = f"{JUDGED}'undecided'", f"{JUDGED}'in_scope'"


@pytest.fixture
def run(hub: SampleHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in an empty folder, with the sample Hub as the Hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HUBSCOPE_SCAN__MAX_RETRIES", "0")

    def invoke(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(words), env=environment)

    return invoke


@pytest.fixture
def listed(run: Run) -> Run:
    """A catalogue that holds a complete listing and no deep read."""
    assert run("scan", "--all", HUBSCOPE_SCAN__DEEP="never").exit_code == 0
    return run


def surveyed(run: Run, *words: str) -> dict[str, Any]:
    result = run("survey", "--format", "json", *words)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    Draft202012Validator(dict(json_schema())).validate(found)
    return found


def answer(found: dict[str, Any], denominator: str, declarations: str = "honoured") -> dict[str, Any]:
    (one,) = (r for r in found["results"] if (r["denominator"], r["declarations"]) == (denominator, declarations))
    result: dict[str, Any] = one
    return result


def refused(result: Result, code: int, *parts: str) -> None:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("hubscope: ")
    assert "Traceback" not in result.output
    for part in parts:
        assert part in last


def database(query: str) -> list[tuple[Any, ...]]:
    engine = open_database("sqlite:///hubscope.db")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]
    finally:
        engine.dispose()


def test_a_census_says_what_a_whole_scan_says(listed: Run, hub: SampleHub) -> None:
    found = surveyed(listed)
    assert found["frame"]["models"] + found["frame"]["not_distributed"] == 71
    assert found["sample"]["models"] == found["frame"]["open"]["models"] == len(found["models"])
    # The sample held every open model, so nothing is left to chance but what nobody can read.
    (whole,) = database(IN_SCOPE)
    share = answer(found, "repositories")
    assert share["unread_out"] == share["worst_low"] == pytest.approx(whole[0] / found["frame"]["models"])
    assert share["unread_in"] == share["worst_high"]
    assert share["undecided"]["low"] == share["undecided"]["high"]
    assert sum(found["sample"]["unread"].values()) == 3
    ignored = answer(found, "repositories", "ignored")
    assert ignored["in_scope"]["point"] > share["in_scope"]["point"]
    truths = {repository.id: repository.truth for repository in hub.repositories}
    for model in found["models"]:
        truth, inside = truths[model["model"]], model["in_scope"]["cn-2026"]["ignored"]
        assert truth is None or inside is None or inside == (truth > 1_000_000), model


def test_what_was_read_is_kept_and_read_no_second_time(listed: Run, hub: SampleHub) -> None:
    first = surveyed(listed)
    unread = sum(first["sample"]["unread"].values())
    assert database(UNDECIDED) == [(unread,)]
    assert database("SELECT count(*) FROM blob")[0][0] > 0
    assert database("SELECT deep_reads FROM run") == [(first["sample"]["models"],)]
    assert database("SELECT count(*) FROM pending_read") == [(0,)]
    asked = len(hub.requests)
    second = surveyed(listed)
    assert len(hub.requests) == asked
    assert second["requests"] == {}
    assert second["frame"]["shut"]["models"] == unread
    assert answer(second, "repositories")["worst_low"] == pytest.approx(answer(first, "repositories")["worst_low"])


def test_the_budget_is_kept_and_what_it_did_not_reach_widens_the_interval(listed: Run, hub: SampleHub) -> None:
    before = len(hub.requests)
    found = surveyed(listed, "--budget", "30")
    sent = [one for one in hub.requests[before:] if one.server == "hub"]
    assert len(sent) == sum(n for bucket, n in found["requests"].items() if bucket != "elsewhere") == 30
    assert 0 < found["sample"]["models"] < found["frame"]["open"]["models"]
    share = answer(found, "repositories")["in_scope"]
    assert share["low"] < share["point"] < share["high"]
    ranks: dict[int, list[int]] = {}
    for model in found["models"]:
        if model["counted"]:
            ranks.setdefault(model["stratum"], []).append(model["rank"])
    for mine in ranks.values():
        assert sorted(mine) == list(range(len(mine)))


def test_a_budget_of_one_request_tells_next_to_nothing_and_says_so(listed: Run) -> None:
    found = surveyed(listed, "--budget", "1")
    assert sum(found["requests"].values()) == 1
    assert len(found["models"]) <= 1  # a page alone may decide, by the sizes of its files
    share = answer(found, "repositories")
    opened = found["frame"]["open"]["models"] - len(found["models"])
    assert share["worst_high"] - share["worst_low"] == pytest.approx(opened / found["frame"]["models"])
    assert share["in_scope"] is None or share["in_scope"]["high"] - share["in_scope"]["low"] > 0.4


def test_the_same_seed_draws_the_same_models(run: Run, tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate((5, 5, 6)):
        url = f"sqlite:///{tmp_path}/{number}.db"
        listing = run("scan", "--all", HUBSCOPE_SCAN__DEEP="never", HUBSCOPE_DATABASE_URL=url)
        assert listing.exit_code == 0
        words = ("survey", "--format", "json", "--budget", "30", "--seed", str(seed))
        result = run(*words, HUBSCOPE_DATABASE_URL=url, HUBSCOPE_SCAN__WORKERS="1")
        drawn.append([model["model"] for model in json.loads(result.stdout)["models"]])
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_the_plan_asks_nothing(listed: Run, hub: SampleHub) -> None:
    before = len(hub.requests)
    result = listed("survey", "--plan", "--budget", "500")
    assert result.exit_code == 0
    assert "31 of them open" in result.stdout
    assert "At most 500 requests" in result.stdout
    assert len(hub.requests) == before


def test_people_get_tables_and_a_paragraph_to_cite(listed: Run, hub: SampleHub, tmp_path: Path) -> None:
    result = listed("survey", "--seed", "11", "--budget", "40")
    assert result.exit_code == 0
    for part in ("declarations honoured", "of distinct weights", "seed 11", hub.endpoint, "The frame is the 70 public"):
        assert part in result.stdout
    assert "At most 40 requests" in result.stderr
    page = listed("survey", "--format", "markdown", "--output", str(tmp_path / "survey.md"), "--quiet")
    assert (page.exit_code, page.output) == (0, "")
    text = (tmp_path / "survey.md").read_text(encoding="utf-8")
    assert "## Strata" in text
    assert "## Methods" in text


def test_a_model_that_is_gone_or_refuses_is_told_and_counts_both_ways(listed: Run, hub: SampleHub) -> None:
    (key, name), *_ = database(
        "SELECT hex(m.key), m.name FROM model m JOIN judgement j ON j.id = m.judgement WHERE j.status = 'undecided'"
        " ORDER BY m.downloads DESC"
    )
    hub.remove(name)
    found = surveyed(listed)
    assert found["sample"]["unread"]["not-found"] == 1
    share = answer(found, "repositories")
    models = found["frame"]["models"]
    assert share["worst_high"] - share["worst_low"] == pytest.approx(4 / models)
    assert (key, "undecided") in database(
        "SELECT hex(m.key), j.status FROM model m JOIN judgement j ON j.id = m.judgement"
    )


def test_requests_without_an_answer_make_it_incomplete(listed: Run, hub: SampleHub) -> None:
    hub.inject(Fault(kind="status", status=500, path="/resolve/", times=3))
    result = listed("survey", "--format", "json")
    assert result.exit_code == 3
    assert "stayed unanswered" in result.stderr
    assert json.loads(result.stdout)["sample"]["unread"]["server-error"] >= 1
    again = surveyed(listed)  # those are still open, and are read now
    assert again["frame"]["open"]["models"] >= 1
    assert "server-error" not in again["sample"]["unread"]


def test_what_a_survey_cannot_do_is_said_in_one_sentence(run: Run, hub: SampleHub) -> None:
    refused(run("survey"), 2, "there is no catalogue")
    assert run("scan", "--author", "evenkeel").exit_code == 0
    refused(run("survey"), 2, "lists a part of the Hub", "hubscope scan --all")
    refused(run("survey", "--run", "99"), 2, "there is no run 99")
    assert run("survey", "--budget", "0").exit_code == 2
    assert run("scan", "--all", "--max-requests", "1", HUBSCOPE_SCAN__PAGE_SIZE="20").exit_code == 3
    refused(run("survey"), 2, "not come to the end of its listing")


def test_another_hub_than_the_one_listed_and_one_that_is_silent(listed: Run, hub: SampleHub) -> None:
    refused(listed("survey", HF_ENDPOINT="http://127.0.0.1:9"), 2, "set HF_ENDPOINT")
    hub.stop()
    refused(listed("survey", HUBSCOPE_SCAN__CONNECT_TIMEOUT="1"), 3, "has not answered anything")


def test_verdicts_are_stored_only_under_the_latest_run(listed: Run) -> None:
    assert listed("scan", "--author", "evenkeel", HUBSCOPE_SCAN__DEEP="never").exit_code == 0
    before = database(UNDECIDED)
    found = surveyed(listed, "--run", "1")
    assert found["run"]["id"] == 1
    assert database(UNDECIDED) == before
    assert database("SELECT count(*) FROM blob")[0][0] > 0


def test_a_finished_scan_with_deep_reads_leaves_nothing_to_sample(run: Run, hub: SampleHub) -> None:
    assert run("scan", "--all").exit_code == 0
    before = len(hub.requests)
    found = surveyed(run)
    assert len(hub.requests) == before
    assert found["frame"]["open"]["models"] == 0
    assert found["frame"]["shut"]["models"] == 3
    share = answer(found, "repositories")
    assert share["in_scope"] is None
    assert share["worst_high"] - share["worst_low"] == pytest.approx(3 / found["frame"]["models"])
