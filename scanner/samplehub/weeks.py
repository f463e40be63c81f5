"""What happens on the sample Hub from week to week: the first week is scripted, later ones only move the downloads."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from scanner.samplehub.files import safetensors
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import stored
from scanner.samplehub.population import shapes, texts
from scanner.samplehub.population.boundary import of_size
from scanner.samplehub.population.making import as_json, body, declared, distinct, llama_config, shown
from scanner.samplehub.repository import Repository

if TYPE_CHECKING:
    from scanner.samplehub.state import State

DATE = "2026-11-{:02}T06:30:00.000Z"  # days of the first week: 16 to 22

RENAMED = ("hoshizora/kotori-350m", "hoshizora-lab/kotori-350m")
DELETED = "tinkersmith/mnist-cnn"
GATED = "xinghe-lab/mogu-1b-chat"
EXCLUDING = "lumenforge/aurora-1.1b-base"
NO_LONGER_EXCLUDING = "palisade/sentinel-lite"
GROWN = "evenkeel/threshold-under-listed"
README_ONLY = "brightmoor/kestrel-7b"
DISABLED = "meadowlark-art/inkwash-style"


def apply(state: State, week: int) -> None:
    """Apply one week; repositories that are not on this Hub are passed over."""
    if week == 1:
        for name, change in (
            (DELETED, _delete),
            (GATED, _gate),
            (EXCLUDING, _exclude),
            (NO_LONGER_EXCLUDING, _include),
            (GROWN, _grow),
            (README_ONLY, _reword),
            (DISABLED, _disable),
            (RENAMED[0], _rename),
        ):
            repository = state.get(name)
            if repository is not None:
                change(state, repository)
        if state.get(EXCLUDING) is not None:
            state.add(map(distinct, _newcomers()))
    for repository in state.everything():
        _move_downloads(repository, week)
    state.cards_changed()


def _move_downloads(repository: Repository, week: int) -> None:
    """Between -12% and +25%, the same in every run; small numbers change too."""
    draw = zlib.crc32(f"{repository._id} {week}".encode())
    change = repository.downloads * (draw % 37 - 12) // 100 + draw % 5 + 1
    repository.downloads += change or 1
    repository.downloads_all_time += repository.downloads // 4 + 1
    repository.trending_score = max(repository.trending_score + draw % 7 - 3, 0)
    repository.likes += draw % 3


def _delete(state: State, repository: Repository) -> None:
    state.remove(repository.id)


def _rename(state: State, repository: Repository) -> None:
    state.rename(repository.id, RENAMED[1])


def _gate(_: State, repository: Repository) -> None:
    repository.gated = "auto"
    repository.card = (repository.card or {}) | {"extra_gated_prompt": "请先登记。 Please register first."}
    repository.commit("Update README.md", DATE.format(17))


def _exclude(_: State, repository: Repository) -> None:
    repository.card = {**(repository.card or {}), "license": "other", "license_name": "aurora-license-2"}
    repository.body += "\nFrom version 2 of the licence on, see LICENSE.\n"
    text = texts.MAINLAND_EXCLUDED_LICENCE.format(name="AURORA", owner="Lumenforge", date="November 18, 2026")
    repository.commit("New licence", DATE.format(18), changed={"LICENSE": Blob.of(text)})


def _include(_: State, repository: Repository) -> None:
    repository.card = {key: value for key, value in (repository.card or {}).items() if key != "restricted_regions"}
    repository.body = repository.body.replace("Not for every region, see the metadata.", "Open to everyone.")
    repository.commit("Lift the restriction", DATE.format(18))


def _grow(_: State, repository: Repository) -> None:
    tensors = of_size(1_640_000)
    repository.truth, repository.declared = stored(tensors), declared(tensors)
    repository.commit(
        "Wider layers", DATE.format(19), changed={"model.safetensors": safetensors.write(tensors).salted("wider")}
    )


def _reword(_: State, repository: Repository) -> None:
    repository.body += "\nThanks to everyone who reported typos.\n"
    repository.commit("Fix typos in README.md", DATE.format(20))


def _disable(_: State, repository: Repository) -> None:
    repository.disabled = True


def _newcomers() -> list[Repository]:
    sizes: dict[str, Any] = {"hidden": 2048, "layers": 24, "intermediate": 5632, "kv": 512, "vocab": 65536}
    tensors, config = shapes.llama(**sizes), llama_config(**sizes)
    tiny = of_size(120_000)
    adapter = shapes.lora(tensors, rank=8, targets=("q_proj", "v_proj"))
    return [
        Repository(
            id="brightmoor/kestrel-2b-mini",
            note="new this week: above the threshold",
            truth=stored(tensors),
            files={"config.json": as_json(config), **safetensors.shards(tensors, 2)},
            card={"license": "mit", "language": ["en"], "pipeline_tag": "text-generation"},
            body=body("Kestrel 2B mini", "Smaller and newer."),
            declared=declared(tensors),
            config=shown(config),
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at=DATE.format(16),
            downloads=1_900,
            likes=55,
            trending_score=90,
        ),
        Repository(
            id="pixelgardener/sac-Pendulum-v1",
            note="new this week: far below the threshold",
            truth=stored(tiny),
            files={"model.safetensors": safetensors.write(tiny)},
            declared=declared(tiny),
            card={"license": "mit", "tags": ["deep-reinforcement-learning"]},
            body=body("SAC", "It balances."),
            pipeline_tag="reinforcement-learning",
            created_at=DATE.format(17),
            downloads=0,
        ),
        Repository(
            id="ravenscroft/kestrel-2b-mini-sql-lora",
            note="new this week: an adapter of a model that is new too",
            truth=stored(adapter),
            base_relation="adapter",
            library_name="peft",
            files={
                "adapter_model.safetensors": safetensors.write(adapter),
                "adapter_config.json": as_json(
                    {
                        "base_model_name_or_path": "brightmoor/kestrel-2b-mini",
                        "peft_type": "LORA",
                        "r": 8,
                        "target_modules": ["q_proj", "v_proj"],
                    }
                ),
            },
            card={
                "license": "mit",
                "base_model": "brightmoor/kestrel-2b-mini",
                "library_name": "peft",
                "tags": ["lora"],
            },
            body=body("SQL", "Writes SQL."),
            created_at=DATE.format(21),
            downloads=12,
        ),
    ]
