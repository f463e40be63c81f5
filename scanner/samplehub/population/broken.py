"""Repositories without a model, malformed listing rows, broken files and hostile names."""

from __future__ import annotations

import json
import struct
from typing import Any

from scanner.samplehub.files import safetensors
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import Tensor, stored
from scanner.samplehub.population.boundary import of_size
from scanner.samplehub.population.making import as_json, body, declared, distinct, llama_config, shown
from scanner.samplehub.population.transformers import AURORA_1B
from scanner.samplehub.repository import CREATED_FLOOR, Repository


def build() -> list[Repository]:
    """All of this module's repositories."""
    return [*_without_a_model(), *map(distinct, _rows()), *_files(), distinct(_hostile_names())]


def _without_a_model() -> list[Repository]:
    config = llama_config(**AURORA_1B)
    rows = {f"data/{number // 100:02}/{number:04}.txt": Blob.of(f"line {number}\n") for number in range(1100)}
    return [
        Repository(
            id="novaquill/my-awesome-model",
            note="an empty repository: nothing but .gitattributes",
            created_at="2026-10-10T10:00:00.000Z",
            downloads=0,
        ),
        Repository(
            id="novaquill/aurora-from-scratch",
            note="a configuration and no weights",
            files={"config.json": as_json(config)},
            card={"license": "mit"},
            body=body("Soon", "Weights will follow."),
            config=shown(config),
            library_name="transformers",
            created_at="2026-10-11T10:00:00.000Z",
            downloads=2,
        ),
        Repository(
            id="paperclip-ir/abstracts-dump",
            note="data files only, 1,100 of them: more than a page of the tree",
            files=rows | {"index.csv": Blob.of("id,path\n0,data/00/0000.txt\n")},
            card={"license": "cc0-1.0"},
            body=body("A dump", "Uploaded as a model by mistake."),
            created_at=CREATED_FLOOR,
            downloads=11,
        ),
    ]


def _rows() -> list[Repository]:
    tensors = of_size(2_400_000)
    made = []
    for name, note, changes in (
        ("rowan-archive/missing-id", "its listing row has no id", {"row_drops": ("id",)}),
        (
            "rowan-archive/numeric-date",
            "its listing row gives createdAt as a number",
            {"row_changes": {"createdAt": 1772439872}},
        ),
        (
            "rowan-archive/block-without-total",
            "its listing row has a safetensors block without total",
            {"row_changes": {"safetensors": {"parameters": {"F32": 2_400_000}}}},
        ),
    ):
        more: dict[str, Any] = dict(changes)
        made.append(
            Repository(
                id=name,
                note=note,
                truth=2_400_000,
                files={"model.safetensors": safetensors.write(tensors)},
                declared=declared(tensors),
                card={"license": "mit"},
                body=body(name, "An old upload."),
                created_at="2024-12-24T18:00:00.000Z",
                downloads=5,
                **more,
            )
        )
    return made


def _files() -> list[Repository]:
    good = safetensors.header({"weight": Tensor("F32", (2000, 1000)), "bias": Tensor("F32", (1000,))}, {"format": "pt"})
    end = 2_001_000 * 4
    overlap = json.loads(json.dumps(good))
    overlap["weight"]["data_offsets"] = [0, 8_000_000]
    overlap["bias"]["data_offsets"] = [7_998_000, 8_002_000]
    beyond = json.loads(json.dumps(good))
    beyond["weight"]["data_offsets"] = [4_000, 4_000_000_000]
    huge = {"weight": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4096]}}
    broken = {
        "truncated-header": (
            Blob(512, ((0, struct.pack("<Q", 9_000) + json.dumps(good).encode()),)),
            "the file ends inside its header",
        ),
        "overlapping-offsets": (safetensors.from_header(overlap, end), "two tensors share bytes"),
        "header-of-8-exbibytes": (
            Blob(8192, ((0, struct.pack("<Q", 2**63) + b'{"a":'),)),
            "the header's length is 2^63",
        ),
        "not-json": (safetensors.from_header(b"{'weight': <torch.Tensor>}", 4096), "the header is not JSON"),
        "shape-overflow": (safetensors.from_header(huge, 4096), "the product of a shape is 2^80"),
        "offsets-beyond-file": (safetensors.from_header(beyond, end), "a tensor ends behind the end of the file"),
    }
    return [
        Repository(
            id=f"scrapyard/{name}",
            note=f"a broken safetensors file: {note}",
            files={"model.safetensors": blob},
            card={"license": "mit"},
            body=body(name, "Upload was interrupted."),
            created_at="2026-09-01T00:00:00.000Z",
            downloads=0,
        )
        for name, (blob, note) in broken.items()
    ]


def _hostile_names() -> Repository:
    tensors = of_size(1_500_000)
    return Repository(
        id="scrapyard/strange-names",
        note="file names with .., right-to-left marks, control characters, markup and a formula",
        truth=stored(tensors),
        files={
            "model.safetensors": safetensors.write(tensors),
            "../../../outside.json": Blob.of("{}"),
            "..weights/..hidden.txt": Blob.of("dots\n"),
            "\u202egnp.exe\u202c.txt": Blob.of("reversed\n"),
            "a\tb\nc.txt": Blob.of("control characters\n"),
            "<img src=x onerror=alert(1)>.md": Blob.of("markup\n"),
            "=HYPERLINK(1).csv": Blob.of("formula\n"),
            "100% ready?#1.txt": Blob.of("needs encoding\n"),
        },
        declared=declared(tensors),
        card={"license": "mit", "tags": ["<b>bold</b>", "=1+1"]},
        body=body("Strange names", "Nothing here is to be trusted: [link](javascript:alert(1))."),
        created_at="2026-09-02T00:00:00.000Z",
        downloads=1,
    )
