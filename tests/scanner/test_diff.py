"""Two runs compared: which two, every change by kind, what limits the comparison, and what a script can build on."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from config.regulation import Regulation
from scanner.assessment import Assessment
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, RunState, Store
from scanner.cli import app, common, diff_forms
from scanner.digest import Digest
from scanner.rescope import rescope
from scanner.rules import rules_of
from scanner.scope import Distribution
from tests.scanner.conftest import Bench
from tests.scanner.making import CN, MOMENT, begin, counted, declared, end, model, regulation, scanned

Command = Callable[..., Result]
HOSTILE = "owner/\u202e<!channel>|`x`\n@all"


@pytest.fixture
def diff(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(common, "open_catalogue", lambda settings, *, create: engine)
    return lambda *words: CliRunner().invoke(app, ["diff", *words])


def compared(diff: Command, *words: str, code: int = 0) -> dict[str, Any]:
    result = diff(*words, "--format", "json")
    assert result.exit_code == code, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def pair(found: dict[str, Any]) -> tuple[int, int]:
    return found["before"]["id"], found["after"]["id"]


def kinds(found: dict[str, Any]) -> dict[str, list[str]]:
    (rule,) = found["regulations"]
    for group in rule["changes"]:
        assert group["count"] == len(group["models"])
    return {group["kind"]: [change["model"] for change in group["models"]] for group in rule["changes"]}


def week_one() -> list[Assessment]:
    return [
        model("grows", 5, downloads=3),
        model("closes", 2_000_000, downloads=2),
        model("opens", 2_000_000, declared(["CN"]), downloads=1),
        model("goes", 2_000_000),
        model("unclear", counted(5)),
        model("clear", counted(5, 10**7)),
        model("same", 7),
    ]


def week_two() -> list[Assessment]:
    return [
        model("grows", 3_000_000, downloads=3),
        model("closes", 2_000_000, declared(["CN"]), gated="auto", downloads=2),
        model("opens", 2_000_000, downloads=1),
        model("goes", 2_000_000, distribution=Distribution.DELETED),
        model("unclear", counted(5, 10**7)),
        model("clear", counted(5), name="owner/renamed"),
        model("same", 7),
        model("new", 5_000_000),
    ]


# Which two -----------------------------------------------------------------------------------------------------------


def test_by_default_the_latest_finished_run_and_the_one_its_report_compares_with(engine: Engine, diff: Command) -> None:
    scanned(engine, model("a"))
    scanned(engine, model("a"), selection="--top 1")
    scanned(engine, model("a"))
    begin(Store(engine))
    assert pair(compared(diff)) == (1, 3)
    assert pair(compared(diff, "2")) == (1, 2)
    assert pair(compared(diff, "2", "3")) == (2, 3)
    assert pair(compared(diff, "3", "latest", code=3)) == (3, 4)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "run 1 has no finished run over its endpoint before it"),
        (("1",), "run 1 has no finished run over its endpoint before it"),
        (("1", "7"), "there is no run 7"),
        (("one",), "one: a run's number or `latest` is wanted"),
        (("--regulation", "nowhere.toml"), "nowhere.toml"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_sentence(
    engine: Engine, diff: Command, words: tuple[str, ...], told: str
) -> None:
    scanned(engine, model("a"))
    result = diff(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_any_finished_run(engine: Engine, diff: Command) -> None:
    begin(Store(engine))
    result = diff()
    assert result.exit_code == 2
    assert "no finished run yet" in result.stderr


def test_the_later_run_first_is_a_mistake_that_is_told_with_its_mending(engine: Engine, diff: Command) -> None:
    scanned(engine, model("a"))
    scanned(engine, model("a"))
    result = diff("2", "1")
    assert result.exit_code == 2
    assert "name the earlier one first: diff 1 2" in result.stderr


def test_a_run_with_itself(engine: Engine, diff: Command) -> None:
    scanned(engine, *week_one())
    found = compared(diff, "1", "1")
    assert found["notes"] == ["both are the same run, so nothing can differ"]
    assert kinds(found) == {}
    assert "No model changed." in diff("1", "1").stdout


# What is told --------------------------------------------------------------------------------------------------------


def test_every_change_is_there_by_kind_and_most_downloaded_first(engine: Engine, diff: Command) -> None:
    scanned(engine, *week_one())
    scanned(engine, *week_two())
    found = compared(diff)
    assert found["schema"] == "hubscope.diff/1"
    assert kinds(found) == {
        "entered-scope": ["owner/grows", "owner/opens"],
        "left-scope": ["owner/closes", "owner/goes"],
        "became-undecided": ["owner/unclear"],
        "settled": ["owner/renamed"],
        "crossed-threshold": ["owner/grows"],
        "declaration-added": ["owner/closes"],
        "declaration-removed": ["owner/opens"],
        "gate-changed": ["owner/closes"],
        "not-distributed": ["owner/goes"],
        "renamed": ["owner/renamed"],
        "new": ["owner/new"],
    }
    (rule,) = found["regulations"]
    entered = rule["changes"][0]["models"][0]
    assert entered == {
        "model": "owner/grows",
        "before": "out_of_scope",
        "after": "in_scope",
        "cause": "above-threshold",
        "downloads": 3,
    }
    assert rule["changes"][-1]["models"][0]["after"] == "in_scope"


def test_totals_are_there_for_both_runs_with_and_without_declarations(engine: Engine, diff: Command) -> None:
    scanned(engine, *week_one(), rules=rules_of([CN]))
    scanned(engine, *week_two(), rules=rules_of([CN]))
    found = compared(diff)
    (rule,) = found["regulations"]
    in_scope = {
        (when, how): rule[when][how]["in_scope"] for when in ("before", "after") for how in ("honouring", "ignoring")
    }
    assert in_scope == {
        ("before", "honouring"): 2,
        ("before", "ignoring"): 3,
        ("after", "honouring"): 3,
        ("after", "ignoring"): 4,
    }
    assert (rule["id"], rule["threshold"], rule["rule_changed"]) == ("cn-2026", 1_000_000, False)
    assert rule["first_judged"] == {"in_scope": 1, "out_of_scope": 0, "undecided": 0}
    assert found["models"] == {"before": 7, "after": 8, "only_before": 0, "only_after": 1}
    assert (found["before"]["selection"], found["after"]["state"]) == ("--all", "complete")


def test_the_forms_for_people_say_the_same(engine: Engine, diff: Command) -> None:
    scanned(engine, *week_one())
    scanned(engine, *week_two())
    text, markdown = diff().stdout, diff("--format", "markdown").stdout
    for words in ("Entered scope: 2", "Crossed the threshold: 1", "Renamed: 1", "New models: 1"):
        assert words in text
        assert f"### {words}\n" in markdown
    assert "  owner/grows: out of scope -> in scope (above-threshold)\n" in text
    assert "- `owner/grows`: out of scope → in scope (above-threshold)\n" in markdown
    assert "  owner/grows: 5 -> 3,000,000\n" in text
    assert "  owner/closes: licence-grant excludes CN\n" in text
    assert "  owner/new: in scope\n" in text
    assert "| In scope | 2 | 3 | +1 | 3 | 4 | +1 |\n" in markdown
    assert "7 models before and 8 after; 0 only before, 1 only after." in text
    assert "Judged for the first time: 1 in scope, 0 out of scope, 0 undecided." in text


def test_people_get_twenty_five_of_a_kind_and_scripts_all(engine: Engine, diff: Command) -> None:
    scanned(engine, *(model(f"m{n:02}", 5, downloads=n) for n in range(30)))
    scanned(engine, *(model(f"m{n:02}", 5_000_000, downloads=n) for n in range(30)))
    assert kinds(compared(diff))["entered-scope"] == [f"owner/m{n:02}" for n in reversed(range(30))]
    text = diff().stdout
    assert text.count("-> in scope") == 25
    assert text.count("… and 5 more") == 2, "the same models crossed the threshold"
    assert diff("--format", "markdown").stdout.count("- … and 5 more") == 2
    assert diff("--limit", "30").stdout.count("-> in scope") == 30
    capped = compared(diff, "--limit", "1")["regulations"][0]["changes"][0]
    assert (capped["count"], [m["model"] for m in capped["models"]]) == (30, ["owner/m29"])
    assert compared(diff, "--limit", "0")["regulations"][0]["changes"][0]["models"] == []


def test_what_does_not_fit_into_memory_comes_out_the_same(
    engine: Engine, diff: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned(engine, *week_one(), model("odd", 5, name=HOSTILE))
    scanned(engine, *week_two(), model("odd", 2_000_000, name=HOSTILE))
    forms = ("json", "text", "markdown")
    whole = [diff("--format", form).stdout for form in forms]
    monkeypatch.setattr(diff_forms, "IN_MEMORY", 1)
    assert [diff("--format", form).stdout for form in forms] == whole


def test_a_file_holds_what_stdout_would(engine: Engine, diff: Command, tmp_path: Path) -> None:
    scanned(engine, *week_one())
    scanned(engine, *week_two())
    for form in ("json", "text", "markdown"):
        result = diff("--format", form, "--output", "out")
        assert (result.exit_code, result.stdout) == (0, "")
        assert (tmp_path / "out").read_text(encoding="utf-8") == diff("--format", form).stdout
    assert diff("--output", "nowhere/out").exit_code == 2


def test_names_from_strangers_do_no_harm(engine: Engine, diff: Command) -> None:
    scanned(engine, model("odd", 5, name=HOSTILE))
    scanned(engine, model("odd", 2_000_000, name=HOSTILE), model("odder", 5, name="owner/\U000e0041"))
    assert kinds(compared(diff))["entered-scope"] == [HOSTILE]
    assert "  owner/‹U+202E›<!channel>|`x`⏎@all: out of scope -> in scope" in diff().stdout
    assert "- ``owner/‹U+202E›<!channel>|`x`⏎@all``: out of scope" in diff("--format", "markdown").stdout
    assert "owner/‹U+E0041›" in diff().stdout
    assert "\u202e" not in diff("--format", "json").stdout


# What limits the comparison ------------------------------------------------------------------------------------------


def test_other_selections_endpoints_and_platforms_are_noted_and_not_refused(engine: Engine, diff: Command) -> None:
    scanned(engine, model("a"))
    scanned(engine, model("a"), selection="--top 1")
    scanned(engine, model("b"), endpoint="https://mirror.example")
    scanned(engine, model("c", source="modelscope"), source="modelscope")
    (note,) = compared(diff, "1", "2")["notes"]
    assert "different selections (--all, --top 1)" in note
    found = compared(diff, "1", "3")
    assert "different endpoints (https://hub.example, https://mirror.example)" in found["notes"][0]
    assert found["models"] == {"before": 1, "after": 1, "only_before": 1, "only_after": 1}
    assert "different platforms (huggingface, modelscope)" in compared(diff, "1", "4")["notes"][0]
    assert "Note: the runs are of different platforms" in diff("1", "4").stdout
    assert "> **Note:** the runs are of different platforms" in diff("1", "4", "--format", "markdown").stdout


def test_a_changed_rule_is_noted(engine: Engine, diff: Command) -> None:
    scanned(engine, *week_one(), rules=rules_of([CN]))
    rule = regulation(threshold={"parameters": 10**8, "comparison": "more-than"})
    rescope(engine, [rule], "0.test", now=lambda: MOMENT)
    found = compared(diff)
    (judged,) = found["regulations"]
    assert judged["rule_changed"] is True
    assert "the rule cn-2026 was changed between these runs" in judged["notes"][0]
    assert found["notes"] == ["run 2 is a rescope: it asked no hub and judged the models of the scan before it anew"]
    assert "Note: the rule cn-2026 was changed" in diff().stdout
    assert "> **Note:** the rule cn-2026 was changed" in diff("--format", "markdown").stdout
    assert set(kinds(found)) == {"left-scope", "settled"}, "and nothing else, such as counts on another side"


def test_the_report_notes_a_changed_rule_too(engine: Engine) -> None:
    scanned(engine, model("a"), rules=rules_of([CN]))
    scanned(engine, model("a"), selection="--top 1", rules={"cn-2026": "another digest"})
    reader = Reader(engine)
    changes = Digest(reader, [(CN, None)], "0.test").report(reader.run(None), MOMENT).regulations[0].changes
    assert changes is not None
    assert "the rule cn-2026 was changed" in changes.note
    assert "another selection (--all)" in changes.note


def test_a_rule_that_only_the_later_run_knows(engine: Engine, diff: Command, rule: Regulation, tmp_path: Path) -> None:
    scanned(engine, *week_one(), rules=rules_of([CN]))
    scanned(engine, *(a.judged([CN, rule]) for a in week_one()), rules=rules_of([CN, rule]))
    (found,) = compared(diff, "--regulation", "rule.toml")["regulations"]
    assert found["notes"] == ["the earlier run was not judged by new-rule"]
    assert (found["before"]["honouring"]["models"], found["after"]["honouring"]["models"]) == (0, 7)
    assert sum(found["first_judged"].values()) == 7
    refused = diff("1", "1", "--regulation", "rule.toml")
    assert refused.exit_code == 2
    assert "as of run 1" in refused.stderr


@pytest.fixture
def rule(tmp_path: Path) -> Regulation:
    file = Path(__file__).resolve().parents[2] / "config/regulations/cn-2026.toml"
    text = file.read_text(encoding="utf-8").replace('id = "cn-2026"', 'id = "new-rule"')
    (tmp_path / "rule.toml").write_text(text, encoding="utf-8")
    return regulation(id="new-rule")


@pytest.mark.parametrize(
    ("state", "detail", "told"),
    [
        (RunState.INTERRUPTED, "stopped from outside", "run 2 is incomplete: stopped from outside"),
        (RunState.RUNNING, "", "run 2 is incomplete: it has not ended; the same scan goes on"),
        (RunState.ABANDONED, "", "run 2 is incomplete: it was broken off"),
    ],
)
def test_a_run_that_has_not_ended_is_3_and_everything_is_told(
    engine: Engine, diff: Command, state: RunState, detail: str, told: str
) -> None:
    scanned(engine, model("a", 5))
    store = Store(engine)
    run_id = begin(store)
    store.save(run_id, Batch(judged=[model("a", 5_000_000)]))
    store.write_run(run_id, state=str(state), detail=detail)
    result = diff("1", "2", "--fail-on", "in_scope")
    assert result.exit_code == 3
    assert told in result.stderr
    assert "Entered scope: 1" in result.stdout


def test_an_incomplete_run_is_noted(engine: Engine, diff: Command) -> None:
    scanned(engine, model("a"))
    store = Store(engine)
    run_id = begin(store)
    store.save(run_id, Batch(judged=[model("a")]))
    store.write_run(run_id, detail="9 of 10 requests stayed unanswered")
    end(store, run_id, RunState.INCOMPLETE)
    assert compared(diff)["notes"] == ["run 2 is incomplete: 9 of 10 requests stayed unanswered"]


# Exit codes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "in_scope", "new"),
    [
        ([model("a", 5)], 0, 0),
        ([model("a", 5_000_000)], 1, 0),
        ([model("a", 5), model("b", 5)], 0, 1),
        ([model("a", 5), model("b", 5_000_000)], 1, 1),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_fail_on(engine: Engine, diff: Command, later: list[Assessment], in_scope: int, new: int, form: str) -> None:
    scanned(engine, model("a", 5))
    scanned(engine, *later)
    assert diff("--format", form).exit_code == 0
    assert diff("--format", form, "--fail-on", "in_scope", "--limit", "0").exit_code == in_scope
    assert diff("--format", form, "--fail-on", "new").exit_code == new
    assert diff("--format", form, "--fail-on", "new", "--fail-on", "in_scope").exit_code == max(in_scope, new)


def test_over_the_sample_hub(bench: Bench, diff: Command) -> None:
    bench.scan()
    bench.hub.advance_week()
    bench.scan(moment=MOMENT + timedelta(days=7))
    found = compared(diff)
    assert kinds(found)["renamed"] == ["hoshizora-lab/kotori-350m"]
    (rule,) = found["regulations"]
    reader = Reader(bench.engine)
    report = Digest(reader, [(bench.regulation, None)], "0.test").report(reader.run(None), MOMENT)
    changes = report.regulations[0].changes
    assert changes is not None
    assert {g["kind"]: g["count"] for g in rule["changes"]} == {str(g.kind): g.count for g in changes.groups}
    assert rule["after"]["honouring"]["in_scope"] == report.regulations[0].honouring.in_scope
