"""Check, in the wheel's own environment, what `hubscope demo` left behind. Usage: check_wheel.py DEMO_FOLDER."""

import csv
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

folder = Path(sys.argv[1])
hubscope = Path(sys.executable).with_name("hubscope")
site = Path(sys.prefix).resolve()

for name in ("scanner", "estimators", "notifiers", "config"):
    spec = find_spec(name)
    assert spec is not None and spec.origin is not None, name
    assert Path(spec.origin).resolve().is_relative_to(site), f"{name} comes from {spec.origin}, not from the wheel"

report = json.loads((folder / "week-2.json").read_text(encoding="utf-8"))
totals = report["regulations"][0]["honouring"]
assert totals["models"] >= 40, totals
assert min(totals["in_scope"], totals["out_of_scope"], totals["undecided"]) > 0, totals
with (folder / "week-2-models.csv").open(encoding="utf-8", newline="") as file:
    assert len(list(csv.DictReader(file))) == totals["models"]
objects = [json.loads(line) for line in (folder / "week-2-models.jsonl").read_text(encoding="utf-8").splitlines()]
assert len(objects) == totals["models"]
assert all(item["schema"] == "hubscope.assessment/1" for item in objects)
for suffix in (".md", ".html", ".txt"):
    assert "uncorroborated" in (folder / f"week-2{suffix}").read_text(encoding="utf-8"), suffix

for arguments in (["init"], ["schedule", "--list"], ["doctor", "--offline"]):
    done = subprocess.run([hubscope, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
assert "weekly" in Path("hubscope.toml").read_text(encoding="utf-8")
Path("hubscope.toml").unlink()

model = Path("folder")
model.mkdir()
(model / "config.py").write_text("raise SystemExit('imported')", encoding="utf-8")
(model / "README.md").write_text("# A card\nThis model may not be used in mainland China.\n", encoding="utf-8")
done = subprocess.run([hubscope, "check", ".", "--format", "json"], cwd=model, capture_output=True, check=False)
assert done.returncode == 0, done
assert json.loads(done.stdout)[0]["restrictions"]["items"][0]["excluded"] == ["CN"], done.stdout
print(f"the wheel holds: {totals['models']} models in the demo's report, {totals['in_scope']} in scope")
