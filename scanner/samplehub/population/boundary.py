"""Models at, just above and just below 1,000,000 parameters, and some whose declared numbers are on the wrong side."""

from __future__ import annotations

from typing import Any

from scanner.samplehub.files import safetensors
from scanner.samplehub.files.tensors import Tensor, Tensors, floating, stored
from scanner.samplehub.population import shapes
from scanner.samplehub.population.making import as_json, body, declared, text_model
from scanner.samplehub.repository import CREATED_FLOOR, Repository

MILLION = 1_000_000


def build() -> list[Repository]:
    """All of this module's repositories."""
    return [*_exact(), *_misdeclared()]


def of_size(count: int) -> Tensors:
    """A small network with exactly so many parameters."""
    tensors = shapes.perceptron(256, 1024, 512, 100)
    return tensors | {"head.bias_table": Tensor("F32", (count - stored(tensors),))}


def _small(name: str, note: str, truth: int, tensors: Tensors, **more: Any) -> Repository:
    return Repository(
        id=name,
        note=note,
        truth=truth,
        files={"config.json": as_json({"model_type": "perceptron"}), "model.safetensors": safetensors.write(tensors)},
        card={"license": "mit", "tags": ["tabular"]},
        body=body(name.partition("/")[2], "A small network."),
        **more,
    )


def _exact() -> list[Repository]:
    sizes = ((MILLION + 1, "over", 340), (MILLION, "even", 122), (MILLION - 1, "under", 45))
    return [
        _small(
            f"evenkeel/threshold-{name}-{'listed' if shown else 'bare'}",
            f"exactly {count:,} parameters, {'declared in' if shown else 'absent from'} the listing",
            count,
            of_size(count),
            declared=declared(of_size(count)) if shown else None,
            created_at=CREATED_FLOOR,
            downloads=downloads if shown else 0,
            last_modified="2025-03-03T12:00:00.000Z",
        )
        for count, name, downloads in sizes
        for shown in (True, False)
    ]


def _misdeclared() -> list[Repository]:
    quiet = shapes.perceptron(512, 800, 256)
    counted = shapes.perceptron(400, 1000, 450) | {"hash_table": Tensor("I64", (300, 1000))}
    packed = shapes.gptq(
        shapes.llama(hidden=256, layers=4, intermediate=768, kv=256, vocab=512, dtype="F16", tied=True)
    )
    packed_config = text_model(
        "LlamaForCausalLM",
        "llama",
        hidden_size=256,
        num_hidden_layers=4,
        intermediate_size=768,
        vocab_size=512,
        quantization_config={"bits": 4, "group_size": 128, "quant_method": "gptq"},
    )
    plain = shapes.llama(hidden=256, layers=4, intermediate=768, kv=256, vocab=512, tied=True)
    return [
        _small(
            "driftwood/tabnet-census",
            "the declared total (1,900,000) is above the threshold, the sum and the truth below",
            stored(quiet),
            quiet,
            declared=declared(quiet, 1_900_000),
            created_at="2026-06-01T07:07:07.000Z",
            downloads=19,
        ),
        _small(
            "driftwood/click-hasher",
            "stored elements above the threshold only by an I64 table that is no weight",
            floating(counted),
            counted,
            declared=declared(counted),
            created_at="2026-06-02T07:07:07.000Z",
            downloads=8,
        ),
        Repository(
            id="driftwood/pocket-llama-GPTQ",
            note="packed: the declared sum is below the threshold, the weights it stands for above",
            truth=stored(plain),
            files={"config.json": as_json(packed_config), "model.safetensors": safetensors.write(packed)},
            card={"license": "mit", "tags": ["gptq", "4-bit"], "pipeline_tag": "text-generation"},
            body=body("Pocket llama", "For microcontrollers."),
            declared=declared(packed),
            config={
                "model_type": "llama",
                "architectures": ["LlamaForCausalLM"],
                "quantization_config": {"bits": 4, "quant_method": "gptq"},
            },
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at="2026-06-03T07:07:07.000Z",
            downloads=230,
        ),
        _small(
            "driftwood/sensor-fusion-s",
            "the listing's sum is below the threshold and its total above by a stale index",
            floating(of_size(1_250_000)),
            of_size(1_250_000),
            declared={"parameters": {"F32": 812_544}, "total": 1_250_000},
            created_at="2026-06-04T07:07:07.000Z",
            downloads=3,
        ),
    ]
