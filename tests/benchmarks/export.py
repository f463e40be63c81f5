"""What it costs to scan a snapshot, and to tell of the catalogue that this makes, in seconds and in peak memory.

A snapshot of made-up models (the planning mix of forms: half with a declared count, an eighth adapters, a tenth
without weights) is written as JSON Lines and scanned by `hubscope scan --snapshot`; `export` and `report` then run over
it. Each runs in a process of its own. The peer stands at the end: SQLite reading every row of the same catalogue once,
by which the others are divided, since seconds alone say as much of the machine as of the program.

    python tests/benchmarks/export.py [MODELS] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

MODELS = 100_000
SEED = 7
FORMS = ("safetensors", "gguf", "pytorch", "adapter", "other", "none")
SHARES = (48, 8, 14, 12, 8, 10)
FILES = {
    "safetensors": ("config.json", "model.safetensors", "tokenizer.json"),
    "gguf": ("model-Q4_K_M.gguf", "model-Q8_0.gguf"),
    "pytorch": ("config.json", "pytorch_model.bin", "vocab.txt"),
    "adapter": ("adapter_config.json", "adapter_model.safetensors"),
    "other": ("model.onnx", "model.h5"),
    "none": ("config.json",),
}
LICENCES = (None, "apache-2.0", "mit", "llama3", "openrail", "other")
HUBSCOPE = (sys.executable, "-P", "-m", "scanner")
COMMANDS: dict[str, Sequence[str]] = {
    "scan --snapshot": (*HUBSCOPE, "scan", "--snapshot", "models.jsonl", "--quiet"),
    "export --format parquet": (*HUBSCOPE, "export", "--format", "parquet", "--output", "models.parquet"),
    "export --format csv": (*HUBSCOPE, "export", "--format", "csv", "--output", "models.csv"),
    "report --format html": (*HUBSCOPE, "report", "--format", "html", "--output", "report.html"),
}
READS_ALL = """
import sqlite3
with sqlite3.connect("hubscope.db") as connection:
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            pass
"""
PEER = (sys.executable, "-c", READS_ALL)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took: seconds of a clock, seconds of CPU, and its largest resident memory in MiB."""

    seconds: float
    cpu: float
    peak: float


def rows(models: int) -> Iterator[dict[str, Any]]:
    """Models as the Hub lists them."""
    chance = random.Random(SEED)
    for number in range(models):
        (form,) = chance.choices(FORMS, SHARES)
        count = int(10 ** chance.uniform(4, 11))
        licence = chance.choice(LICENCES)
        row: dict[str, Any] = {
            "_id": f"{0x62200000 + number * 40:08x}{number:016x}",
            "id": f"owner-{number % 70_001}/model-{number}",
            "sha": chance.randbytes(20).hex(),
            "createdAt": "2024-05-30T08:00:12.000Z",
            "lastModified": "2025-05-30T08:00:12.000Z",
            "downloads": int(chance.paretovariate(0.6)) - 1,
            "likes": int(chance.paretovariate(1.2)) - 1,
            "gated": chance.choices((False, "auto", "manual"), (97, 2, 1))[0],
            "disabled": False,
            "private": False,
            "tags": [
                "transformers",
                "text-generation",
                "en",
                "region:us",
                *([f"license:{licence}"] if licence else []),
            ],
            "cardData": {"license": licence, "language": ["en"]} if licence else None,
            "siblings": [{"rfilename": name} for name in (".gitattributes", "README.md", *FILES[form])],
        }
        if "config.json" in FILES[form]:
            row["config"] = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
        if form == "safetensors":
            row["safetensors"] = {"parameters": {"BF16": count}, "total": count}
        elif form == "gguf":
            row["gguf"] = {"total": count}
        elif form == "adapter":
            row["baseModels"] = {
                "relation": "adapter",
                "models": [{"_id": "0" * 24, "id": f"owner-{number % 997}/base"}],
            }
        yield row


def write(models: int, path: Path) -> None:
    """The snapshot."""
    with path.open("wb") as stream:
        stream.writelines(msgspec.json.encode(row) + b"\n" for row in rows(models))


def measured(command: Sequence[str], folder: Path) -> Cost:
    """Carry a command out in a process of its own.

    Raises:
        RuntimeError: it left with another exit code than 0.
    """
    # The shell's own child is measured by a process in between, since a peak is that of all children together.
    between = (
        "import resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(done.returncode, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUBSCOPE_")}
    answer = subprocess.run(
        [sys.executable, "-c", between, *command], cwd=folder, env=environment, stdout=subprocess.PIPE, check=True
    )
    code, seconds, cpu, peak = answer.stdout.split()
    if int(code):
        raise RuntimeError(f"{' '.join(command)} left with {int(code)}")
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in kibibytes elsewhere
    return Cost(float(seconds), float(cpu), float(peak) / unit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="?", type=int, default=MODELS)
    parser.add_argument("--folder", type=Path, help="where to write; kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write(given.models, folder / "models.jsonl")
        costs = {name: measured(command, folder) for name, command in COMMANDS.items()}
        peer = measured(PEER, folder)
        sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.stat().st_size}
    print(f"{given.models:,} models")
    print(f"{'':26}{'seconds':>9}{'CPU':>9}{'of peer':>9}{'us/model':>10}{'peak MiB':>10}")
    for name, cost in {**costs, "SQLite reads every row": peer}.items():
        each = 1e6 * cost.cpu / given.models
        print(f"{name:26}{cost.seconds:9.1f}{cost.cpu:9.1f}{cost.cpu / peer.cpu:9.1f}{each:10.1f}{cost.peak:10.0f}")
    for name, size in sizes.items():
        print(f"{name:26}{size / given.models:9.0f} bytes a model")


if __name__ == "__main__":
    main()
