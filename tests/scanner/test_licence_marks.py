"""What people see where a limit rests on a licence's name, and where a licence's text differs from it."""

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from safetensors.numpy import save_file
from sqlalchemy import Engine
from typer.testing import CliRunner

from scanner.assessment import json_schema, to_json
from scanner.catalogue.queries import Reader
from scanner.catalogue.store import Batch, Store
from scanner.cli import app
from scanner.cli.explain import explained
from scanner.restrictions.interface import LICENCE_DIFFERS, UNDETERMINED, Finding, Restrictions, Status
from tests.scanner.making import ALL, begin, counted, declared, model, regulation

BY_NAME = declared(["EU"], file="README.md", start=None, end=None, quote="orchard-licence", language=UNDETERMINED)
DIFFERS = Finding(LICENCE_DIFFERS, "the card names one thing, the text says another")
MARKED = Restrictions(Status.DECLARED, ALL, (BY_NAME,), findings=(DIFFERS,))
GERMAN = regulation(id="de-2026", territory="DE")
CARD = "---\nlicense: other\nlicense_name: tencent-hunyuan-community\n---\n# A model\n"


def folder(path: Path, **texts: str) -> str:
    path.mkdir()
    save_file({"weight": np.zeros((10,), dtype=np.float16)}, path / "model.safetensors")
    for name, text in {"README.md": CARD, **texts}.items():
        (path / name).write_text(text, encoding="utf-8")
    return str(path)


def test_an_explanation_marks_what_rests_on_a_name_and_tells_what_differs() -> None:
    text = "\n".join(explained(model("a", 2_000_000, restrictions=MARKED, rules=[GERMAN])))
    assert "excludes EU, by the licence's name alone, no text was read for it" in text
    assert f"! licence-differs: {DIFFERS.message}" in text
    assert "reasons      excluded-by-declaration, licence-by-name, licence-differs" in text


def test_a_declaration_that_was_read_bears_no_mark() -> None:
    text = "\n".join(explained(model("a", 2_000_000, declared(["EU"]), rules=[GERMAN])))
    assert "name alone" not in text


def test_the_answer_to_people_marks_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = CliRunner().invoke(app, ["check", folder(tmp_path / "named")]).stdout
    assert "excludes EU, GB, KR (licence-grant, by name)" in " ".join(named.split())
    differing = CliRunner().invoke(app, ["check", folder(tmp_path / "differing", LICENSE="Do as you like.\n")]).stdout
    assert "! licence-differs: the card names Tencent Hunyuan Community License Agreement" in differing


def test_the_object_carries_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = folder(tmp_path / "model", LICENSE="This licence does not apply in the European Union.\n")
    (item,) = json.loads(CliRunner().invoke(app, ["check", path, "--format", "json"]).stdout)
    Draft202012Validator(dict(json_schema())).validate(item)
    assert [finding["code"] for finding in item["restrictions"]["findings"]] == ["licence-differs"]
    assert [one["by_name"] for one in item["restrictions"]["items"]] == [False]


def test_objects_of_the_first_release_are_still_valid() -> None:
    item = to_json(model("a", 5, declared(["EU"])))
    del item["restrictions"]["findings"]
    del item["restrictions"]["items"][0]["by_name"]
    Draft202012Validator(dict(json_schema())).validate(item)


def test_the_catalogue_gives_both_back(engine: Engine) -> None:
    store = Store(engine)
    run_id = begin(store)
    store.save(run_id, Batch(judged=[model("a", counted(5), restrictions=MARKED)]))
    reader = Reader(engine)
    (found,) = reader.assessments(reader.run(run_id))
    assert found.restrictions == MARKED
    assert found.estimate is not None
    assert found.estimate.findings == ()
