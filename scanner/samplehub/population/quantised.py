"""Text models with packed weights: GPTQ, bitsandbytes, 8-bit and 4-bit floats."""

from __future__ import annotations

from scanner.samplehub.files import safetensors
from scanner.samplehub.files.tensors import stored
from scanner.samplehub.population import shapes
from scanner.samplehub.population.making import as_json, body, declared, llama_config, shown, tokenizer
from scanner.samplehub.population.transformers import AURORA_1B, AURORA_7B
from scanner.samplehub.repository import Repository


def build() -> list[Repository]:
    """All of this module's repositories."""
    small, large = shapes.llama(**AURORA_1B), shapes.llama(**AURORA_7B)
    gptq, nf4 = shapes.gptq(large), shapes.bitsandbytes(small)
    eight, four = shapes.fp8(small), shapes.fp4(small)
    quantization = {
        "gptq": {"bits": 4, "group_size": 128, "quant_method": "gptq", "desc_act": True, "sym": True},
        "nf4": {"load_in_4bit": True, "quant_method": "bitsandbytes", "bnb_4bit_quant_type": "nf4"},
        "fp8": {"quant_method": "fp8", "weight_block_size": [128, 128], "fmt": "e4m3"},
        "fp4": {"quant_method": "mxfp4"},
    }
    made = []
    for name, note, truth, tensors, method, sizes, downloads in (
        (
            "quietriver/aurora-7b-instruct-GPTQ",
            "eight weights an I32: the naive sum is about six times too small",
            stored(large),
            gptq,
            "gptq",
            AURORA_7B,
            18_410,
        ),
        (
            "nightquant/aurora-1.1b-base-bnb-4bit",
            "two weights a byte in U8 (bitsandbytes nf4)",
            stored(small),
            nf4,
            "nf4",
            AURORA_1B,
            2_907,
        ),
        (
            "nightquant/aurora-1.1b-base-FP8",
            "F8_E4M3 weights with inverse scales that are no parameters",
            stored(small),
            eight,
            "fp8",
            AURORA_1B,
            611,
        ),
        (
            "nightquant/aurora-1.1b-base-MXFP4",
            "the packed dtype F4 with F8_E8M0 scales",
            stored(small),
            four,
            "fp4",
            AURORA_1B,
            87,
        ),
    ):
        config = llama_config(**sizes, quantization_config=quantization[method])
        base = "lumenforge/aurora-7b-instruct" if sizes is AURORA_7B else "lumenforge/aurora-1.1b-base"
        made.append(
            Repository(
                id=name,
                note=note,
                truth=truth,
                files={"config.json": as_json(config), "model.safetensors": safetensors.write(tensors), **tokenizer()},
                card={"license": "apache-2.0", "base_model": base, "pipeline_tag": "text-generation", "tags": [method]},
                body=body(name.partition("/")[2], f"Quantised with {method} from {base}."),
                base_relation="quantized",
                declared=declared(tensors),
                config=shown(config),
                library_name="transformers",
                pipeline_tag="text-generation",
                created_at="2026-02-03T19:30:00.000Z",
                downloads=downloads,
                likes=downloads // 900,
            )
        )
    return made
