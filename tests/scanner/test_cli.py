"""The command line: data on stdout, everything else on stderr, the contract's exit codes, one sentence for mistakes."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from pyarrow import parquet
from safetensors.numpy import save_file
from typer.testing import CliRunner, Result

from scanner.assessment import json_schema
from scanner.cli import app
from scanner.samplehub import SampleHub

Run = Callable[..., Result]


@pytest.fixture
def run(hub: SampleHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in an empty folder, with the sample Hub as the Hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HUBSCOPE_SCAN__MAX_RETRIES", "0")

    def invoke(*words: str, **environment: str) -> Result:
        return CliRunner().invoke(app, list(words), env=environment)

    return invoke


def model_folder(path: Path, elements: int) -> Path:
    path.mkdir()
    save_file({"weight": np.zeros((elements,), dtype=np.float16)}, path / "model.safetensors")
    (path / "README.md").write_text("---\nlicense: mit\n---\n# A model\n", encoding="utf-8")
    (path / "config.json").write_text('{"model_type": "tiny"}', encoding="utf-8")
    return path


def objects(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    for item in found:
        Draft202012Validator(dict(json_schema())).validate(item)
    return found


def one_sentence(result: Result, code: int, *parts: str) -> None:
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("hubscope: ")
    assert result.stderr.strip().count("\n") == 0, result.stderr
    assert "Traceback" not in result.output
    for part in parts:
        assert part in result.stderr


# check -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("elements", "status", "code"), [(1_000_000, "out_of_scope", 0), (1_000_001, "in_scope", 1)])
def test_a_million_is_outside_and_one_more_is_inside(
    run: Run, tmp_path: Path, elements: int, status: str, code: int
) -> None:
    model_folder(tmp_path / "model", elements)
    result = run("check", "./model", "--format", "json")
    assert result.exit_code == code
    (item,) = objects(result)
    assert item["verdicts"][0]["status"] == status
    assert item["parameters"]["point"] == elements
    assert item["parameters"]["exact"]
    assert item["restrictions"]["status"] == "none-declared"
    assert item["source"] == "local"


def test_answers_come_in_the_order_of_the_targets(run: Run, tmp_path: Path) -> None:
    model_folder(tmp_path / "model", 10)
    targets = ["evenkeel/threshold-over-bare", "./model", "nobody/nothing", "evenkeel/threshold-even-bare"]
    result = run("check", *targets, "--format", "json")
    assert result.exit_code == 3
    items = objects(result)
    assert [item["model"] for item in items] == targets
    assert [item["verdicts"][0]["status"] for item in items] == [
        "in_scope",
        "out_of_scope",
        "undecided",
        "out_of_scope",
    ]
    assert items[2]["errors"][0]["code"] == "not-found"
    lines = run("check", *targets, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["model"] for line in lines] == targets


def test_undecided_is_3_unless_allowed(run: Run) -> None:
    assert run("check", "obsidian-systems/glyphnet").exit_code == 3
    assert run("check", "obsidian-systems/glyphnet", "--allow-undecided").exit_code == 0
    assert run("check", "nobody/nothing", "--allow-undecided").exit_code == 3


def test_exact_reads_on(run: Run) -> None:
    (quick,) = objects(run("check", "brightmoor/kestrel-7b", "--format", "json"))
    (exact,) = objects(run("check", "brightmoor/kestrel-7b", "--format", "json", "--exact"))
    assert not quick["parameters"]["exact"]
    assert exact["parameters"]["exact"]
    assert exact["parameters"]["point"] == 7_615_616_512


def test_people_see_what_a_count_rests_on(run: Run, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", 10)
    for number in range(12):
        save_file({"weight": np.zeros((10,), dtype=np.float16)}, folder / f"part-{number}.safetensors")
    (tmp_path / "broken.bin").write_bytes(b"no pickle" * 100)
    (tmp_path / "empty.safetensors").touch()
    shown = " ".join(run("check", "./model/model.safetensors").stdout.split())
    assert "Parameters: 10, exact (basis safetensors-header)" in shown
    assert "1. safetensors-header model.safetensors 10 [1 request, " in shown
    many = run("check", "./model").stdout
    assert "9. " not in many
    assert "--format json lists all" in many
    broken = run("check", "broken.bin").stdout
    assert "a bound (basis file-size)" in broken
    assert broken.count("malformed-file") == 1
    assert "0 (bound)" in run("check", "empty.safetensors").stdout
    declared = run("check", "evenkeel/threshold-over-listed").stdout
    assert "(declared)" in declared
    assert "as the Hub declares it" in declared
    assert run("check", "nobody/nothing").stdout.count("nothing about the model could be read") == 1


def test_a_revision_is_checked_by_its_files(run: Run, hub: SampleHub) -> None:
    sha = hub.get("evenkeel/threshold-over-listed").sha
    (item,) = objects(run("check", f"evenkeel/threshold-over-listed@{sha}", "--format", "json"))
    assert item["revision"] == sha
    assert item["parameters"]["basis"] == "safetensors-header"
    (missing,) = objects(run("check", "evenkeel/threshold-over-listed@v9", "--format", "json"))
    assert missing["errors"][0]["code"] == "revision-not-found"


def test_texts_alone_have_no_count_and_no_verdict(run: Run, tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("You may not use this model in mainland China.\n", encoding="utf-8")
    result = run("check", "LICENSE", "--format", "json")
    assert result.exit_code == 0
    (item,) = objects(result)
    assert item["parameters"] is None
    assert item["verdicts"] == []
    (declared,) = item["restrictions"]["items"]
    assert (declared["kind"], declared["excluded"]) == ("licence-grant", ["CN"])
    text = (tmp_path / "LICENSE").read_text(encoding="utf-8")
    assert text[declared["start"] : declared["end"]] == declared["quote"]


def test_gated_disabled_and_renamed_are_answers(run: Run, hub: SampleHub) -> None:
    gated = next(r.id for r in hub.repositories if r.gated == "manual")
    (item,) = objects(run("check", gated, "--format", "json"))
    assert item["access"]["gated"] == "manual"
    assert "gated" in item["verdicts"][0]["reasons"]
    hub.rename("evenkeel/threshold-over-bare", "evenkeel/threshold-new-name")
    (item,) = objects(run("check", "evenkeel/threshold-over-bare", "--format", "json"))
    assert item["model"] == "evenkeel/threshold-new-name"
    assert "renamed" in [finding["code"] for finding in item["parameters"]["findings"]]
    disabled = next(r.id for r in hub.repositories if r.disabled)
    result = run("check", disabled, "--format", "json")
    assert result.exit_code == 0
    (item,) = objects(result)
    assert item["access"]["disabled"]
    assert item["verdicts"][0]["reasons"][0] == "not-distributed"


def test_nothing_of_the_folder_is_imported(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", 10)
    for name in ("config", "scanner", "json", "estimators", "notifiers", "typer", "sitecustomize"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    script = Path(sys.executable).with_name("hubscope")
    for command in ([str(script)], [sys.executable, "-P", "-m", "scanner"]):
        done = subprocess.run([*command, "check", "."], cwd=folder, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        assert "imported" not in done.stdout + done.stderr


# scan, report, export, explain -----------------------------------------------------------------------------------


def test_the_whole_job_by_hand(run: Run, tmp_path: Path) -> None:
    scanned = run("scan", "--author", "evenkeel")
    assert scanned.exit_code == 0
    assert "in scope" in scanned.stdout
    for form in ("markdown", "html", "json", "text"):
        result = run("report", "--format", form)
        assert result.exit_code == 0
        assert "uncorroborated" in result.stdout
    assert run("report", "--format", "html", "--output", "report.html").exit_code == 0
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    table = list(csv.DictReader(io.StringIO(run("export", "--format", "csv").stdout)))
    lines = [json.loads(line) for line in run("export", "--format", "jsonl").stdout.splitlines()]
    assert [row["model"] for row in table] == [item["model"] for item in lines]
    for item in lines:
        Draft202012Validator(dict(json_schema())).validate(item)
    explained = run("explain", "evenkeel/threshold-over-bare")
    assert explained.exit_code == 0
    assert "IN SCOPE" in explained.stdout
    assert "model.safetensors" in explained.stdout
    (item,) = [json.loads(run("explain", "EvenKeel/threshold-over-bare", "--format", "json").stdout)]
    assert item in lines


def test_fail_on_leaves_with_1(run: Run) -> None:
    assert run("scan", "--author", "evenkeel", "--fail-on", "in_scope").exit_code == 1
    assert run("scan", "--author", "evenkeel", "--fail-on", "new").exit_code == 0
    assert run("scan", "--author", "paperclip-ir", "--fail-on", "new").exit_code == 1


def test_a_budget_that_ran_out_is_3_and_the_report_says_so(run: Run) -> None:
    result = run("scan", "--all", "--max-requests", "3")
    assert result.exit_code == 3
    assert "--max-requests" in result.stderr
    report = run("report", "--format", "text")
    assert report.exit_code == 3
    assert "uncorroborated" in report.stdout
    assert run("scan", "--all").exit_code == 0
    assert run("report").exit_code == 0


def test_models_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text(
        "# mine\nevenkeel/threshold-over-bare\n\nnobody/nothing # gone\n", encoding="utf-8"
    )
    result = run("scan", "--models-file", "ids.txt")
    assert result.exit_code == 0
    assert "1 models listed, 1 rows skipped" in result.stdout


def test_json_logs_are_json(run: Run) -> None:
    result = run("scan", "--author", "evenkeel", "--verbose", "--log-format", "json")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert lines
    assert {"time", "level", "message"} <= set(lines[0])


def test_the_version_is_the_installed_one(run: Run) -> None:
    from importlib.metadata import version

    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"hubscope {version('hubscope')}\n")


def test_parquet_goes_into_a_pipe_and_into_a_file(run: Run, tmp_path: Path) -> None:
    run("scan", "--author", "evenkeel")
    piped = run("export", "--format", "parquet")
    assert piped.exit_code == 0
    (tmp_path / "models.parquet").write_bytes(b"what stood there before")
    assert run("export", "--format", "parquet", "--output", "models.parquet").stdout == ""
    assert (tmp_path / "models.parquet").read_bytes() == piped.stdout_bytes
    table = parquet.read_table(tmp_path / "models.parquet")
    rows = list(csv.DictReader(io.StringIO(run("export", "--format", "csv").stdout)))
    assert table.column_names == list(rows[0])
    assert table["model"].to_pylist() == [row["model"] for row in rows]
    one_sentence(run("export", "--format", "parquet", "--output", "none/models.parquet"), 2, "none")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX")
def test_no_terminal_is_filled_with_parquet(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    script = Path(sys.executable).with_name("hubscope")
    try:
        done = subprocess.run(
            [script, "export", "--format", "parquet"], cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 2
    assert done.stderr.startswith(b"hubscope: a terminal")
    assert b"--output" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_help_brings_in_no_library_that_only_some_commands_want() -> None:
    code = "import sys, scanner.cli; print(*{'pyarrow', 'sqlalchemy', 'httpx2', 'jinja2'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_pipe_is_written_to_and_never_replaced(run: Run, tmp_path: Path) -> None:
    run("scan", "--author", "evenkeel")
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", "pipe"], cwd=tmp_path, stdout=subprocess.PIPE) as reader:
        assert run("export", "--output", "pipe").exit_code == 0
        assert reader.communicate(timeout=20)[0].startswith(b"model,")
    assert (tmp_path / "pipe").is_fifo()


def test_one_weight_file_says_nothing_of_the_texts_beside_it(run: Run, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", 1_000_001)
    (folder / "LICENSE").write_text("You may not use this model in mainland China.\n", encoding="utf-8")
    (item,) = objects(run("check", "model/model.safetensors", "--format", "json"))
    assert item["restrictions"]["status"] == "none-in-metadata"
    assert "card-not-read" in item["verdicts"][0]["reasons"]


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16"])
def test_a_text_in_another_encoding_is_read_and_its_encoding_said(run: Run, tmp_path: Path, encoding: str) -> None:
    folder = model_folder(tmp_path / "model", 1_000_001)
    text = "本授權條款不適用於中國大陸。" if encoding == "big5" else "本许可证不适用于中国大陆。"
    (folder / "LICENSE").write_bytes(text.encode(encoding))
    (item,) = objects(run("check", "./model", "--format", "json"))
    assert [one["excluded"] for one in item["restrictions"]["items"]] == [["CN"]]
    codes = {one["code"] for one in item["restrictions"].get("findings", [])}
    assert ("encoding-guessed" in codes) is not encoding.startswith("utf")


@pytest.mark.parametrize("content", [bytes(range(128, 256)) * 8, b"\x1f\x8b\x08\x00" + bytes(100)])
def test_a_text_that_cannot_be_told_is_not_read(run: Run, tmp_path: Path, content: bytes) -> None:
    folder = model_folder(tmp_path / "model", 1_000_001)
    (folder / "LICENSE").write_bytes(content)
    (item,) = objects(run("check", "./model", "--format", "json"))
    assert item["restrictions"]["status"] == "not-read"
    assert "licence-files" not in item["restrictions"]["read"]
    assert [(error["code"], error["file"]) for error in item["errors"]] == [("text-unreadable", "LICENSE")]
    assert "restriction-unverified" in item["verdicts"][0]["reasons"]


def test_a_draft_says_why_a_limit_may_stand_and_what_was_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "draft.md").write_text("---\nlicense: other\n---\nA model.\n", encoding="utf-8")
    (tmp_path / "LICENSE").write_bytes(b"\x1f\x8b\x08\x00" + bytes(100))
    draft, licence = objects(run("check", "./draft.md", "./LICENSE", "--format", "json"))
    assert draft["restrictions"]["status"] == "not-read"
    assert [one["code"] for one in draft["restrictions"]["findings"]] == ["limit-suggested"]
    assert [error["code"] for error in licence["errors"]] == ["text-unreadable"]
    printed = run("check", "./LICENSE")
    assert printed.exit_code == 3
    assert printed.stdout.count("LICENSE is compressed (gzip) and was not read") == 1


def test_a_draft_that_says_nothing_of_territories_declares_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "draft.md").write_text("---\nlicense: mit\n---\nA model for all.\n", encoding="utf-8")
    (item,) = objects(run("check", "./draft.md", "--format", "json"))
    assert item["restrictions"]["status"] == "none-declared"


def test_a_limit_is_shown_with_its_words_file_and_place(run: Run, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", 1_000_001)
    (folder / "LICENSE").write_text("Free.\n\nNot for use in the European Union.\n", encoding="utf-8")
    (tmp_path / "draft.md").write_text("Not for use in mainland China.\n", encoding="utf-8")
    printed = run("check", "./model", "./draft.md").stdout
    assert 'LICENSE at 7 [en]: "Not for use in the European Union."' in printed
    assert 'draft.md at 0 [en]: "Not for use in mainland China."' in printed


# mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("check", "./nowhere"), ("./nowhere",)),
        (("check", "model.safetensors"), ("model.safetensors",)),
        (("check", "a/b/c"), ("a/b/c", "owner/name")),
        (("check", "bad name"), ("bad name",)),
        (("check", "owner/name@"), ("owner/name@",)),
        (("check", "owner/name", "--regulation", "xx-1999"), ("xx-1999", "cn-2026")),
        (("check", "owner/name", "--config", "none.toml"), ("none.toml",)),
        (("scan",), ("--all",)),
        (("scan", "--watch"), ("watch",)),
        (("scan", "--models-file", "none.txt"), ("none.txt",)),
        (("scan", "--top", "0"), ("--top",)),
        (("report",), ("hubscope.db", "hubscope scan")),
        (("report", "--run", "last"), ("last", "latest")),
        (("export",), ("hubscope.db",)),
        (("explain", "a/b"), ("hubscope.db",)),
    ],
)
def test_a_mistake_is_one_sentence_and_2(
    run: Run, tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    one_sentence(run(*words), 2, *parts)
    assert not list(tmp_path.iterdir())


def test_a_bad_token_is_said_and_never_shown(run: Run) -> None:
    result = run("check", "evenkeel/threshold-over-bare", HF_TOKEN="hf_wrong_secret")
    one_sentence(result, 2, "HF_TOKEN")
    assert "hf_wrong_secret" not in result.output
    one_sentence(run("scan", "--all", HF_TOKEN="hf_wrong_secret"), 2, "HF_TOKEN")


def test_an_unreachable_endpoint_is_3_and_every_target_has_its_object(run: Run) -> None:
    result = run("check", "a/b", "c/d", "--format", "json", HF_ENDPOINT="http://127.0.0.1:9")
    assert result.exit_code == 3
    assert [item["errors"][0]["code"] for item in objects(result)] == ["unreachable", "unreachable"]
    result = run("scan", "--all", HF_ENDPOINT="http://127.0.0.1:9")
    assert result.exit_code == 3
    assert "127.0.0.1:9" in result.stderr
    assert "Traceback" not in result.output


def test_an_endpoint_without_tls_elsewhere_is_refused(run: Run) -> None:
    one_sentence(run("check", "a/b", HF_ENDPOINT="http://hub.example"), 2, "HF_ENDPOINT")


def test_a_broken_settings_key_names_file_line_key_and_what_is_allowed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "hubscope.toml").write_text("[scan]\nworkers = 0\n", encoding="utf-8")
    one_sentence(run("scan", "--all"), 2, "hubscope.toml", "2", "workers", "0", "1 to 64")


def test_an_unwritable_output_is_one_sentence(run: Run, tmp_path: Path) -> None:
    run("scan", "--author", "evenkeel")
    one_sentence(run("report", "--output", "none/report.md"), 2, "none")
    one_sentence(run("export", "--output", "none/models.csv"), 2, "none")
    one_sentence(run("scan", "--all", HUBSCOPE_DATABASE_URL=f"sqlite:///{tmp_path}/none/h.db"), 2, "none")


def test_a_database_of_a_newer_version_is_left_alone(run: Run, tmp_path: Path) -> None:
    import sqlite3

    run("scan", "--author", "evenkeel")
    connection = sqlite3.connect(tmp_path / "hubscope.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    one_sentence(run("report"), 2, "newer", "9999")
    one_sentence(run("scan", "--all"), 2, "newer")


def test_a_model_that_is_not_stored_is_said(run: Run) -> None:
    run("scan", "--author", "evenkeel")
    one_sentence(run("explain", "nobody/nothing"), 2, "nobody/nothing", "hubscope check")
    one_sentence(run("report", "--run", "7"), 2, "7")


def test_nothing_is_told_of_a_suspect_run(run: Run, tmp_path: Path) -> None:
    from scanner.catalogue.database import open_database
    from scanner.catalogue.store import Batch, Store
    from tests.scanner.making import begin, model, scanned

    engine = open_database(f"sqlite:///{tmp_path / 'hubscope.db'}")
    scanned(engine, model("a"))
    store = Store(engine)
    suspect = begin(store)
    store.save(suspect, Batch(judged=[model("a", 5)]))
    store.withdraw(suspect, detail="half of what was known is not listed")
    engine.dispose()
    for command in (("report", "--run"), ("export", "--run"), ("explain", "owner/a", "--run"), ("diff", "1")):
        one_sentence(run(*command, str(suspect)), 2, f"run {suspect} is suspect", "half of what was known")
    shown = run("report", "--format", "json")
    assert shown.exit_code == 0, shown.output
    report = json.loads(shown.stdout)
    assert report["run"]["id"] == "1"
    assert report["regulations"][0]["honouring"]["in_scope"] == 1


def test_two_scans_cannot_run_over_each_other(run: Run, tmp_path: Path) -> None:
    from scanner.catalogue.database import only_writer, open_database

    engine = open_database(f"sqlite:///{tmp_path / 'hubscope.db'}")
    with only_writer(engine):
        one_sentence(run("scan", "--all"), 2, "another scan")
    engine.dispose()


def test_a_reader_that_has_enough_is_no_error(run: Run, tmp_path: Path, hub: SampleHub) -> None:
    run("scan", "--all")
    script = Path(sys.executable).with_name("hubscope")
    environment = {**os.environ, "HUBSCOPE_DATABASE_URL": f"sqlite:///{tmp_path / 'hubscope.db'}"}
    command = f"{script} export --format jsonl | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], env=environment, capture_output=True, check=False)
    assert done.returncode in {0, 141}, done.stderr  # 0 where all was written before the reader left
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


def test_an_output_that_cannot_be_written_is_not_done(run: Run, tmp_path: Path) -> None:
    model_folder(tmp_path / "model", 10)
    script = Path(sys.executable).with_name("hubscope")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([script, "check", "./model"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert done.stderr.decode().count("\n") == 1


def own_rule(path: Path, *changes: tuple[str, str]) -> Path:
    from importlib.resources import files

    text = files("config.regulations").joinpath("cn-2026.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    return path


def test_two_regulations_of_one_id_are_refused(run: Run, tmp_path: Path) -> None:
    own_rule(tmp_path / "same.toml", ("parameters = 1", "parameters = 2"))
    model_folder(tmp_path / "model", 10)
    one_sentence(run("check", "./model", "--regulation", "./same.toml", "--regulation", "cn-2026"), 2, "cn-2026")


def test_a_regulation_that_nothing_was_judged_by_has_no_report(run: Run, tmp_path: Path) -> None:
    own_rule(tmp_path / "mine.toml", ('id = "cn-2026"', 'id = "mine"'))
    run("scan", "--author", "evenkeel")
    for command in ("report", "export"):
        one_sentence(run(command, "--regulation", "./mine.toml"), 2, "mine", "hubscope rescope")


def test_settings_that_are_a_pipe_do_not_hang(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hubscope.toml")
    result = run("scan", "--all")
    assert result.exit_code == 2
    assert "hubscope.toml" in result.stderr
