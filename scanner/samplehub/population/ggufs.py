"""GGUF repositories: one file, a collection of quantisations, a split model, two networks that work together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanner.samplehub.files import gguf
from scanner.samplehub.files.gguf import Quantised
from scanner.samplehub.files.tensors import stored
from scanner.samplehub.population import shapes
from scanner.samplehub.population.making import body
from scanner.samplehub.population.transformers import AURORA_1B, AURORA_7B
from scanner.samplehub.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.samplehub.files.blob import Blob

FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K": 15, "Q5_K": 17, "Q6_K": 18}
HERON_70B: dict[str, Any] = {"hidden": 8192, "layers": 80, "intermediate": 28672, "kv": 1024, "vocab": 128256}
OSPREY_2B: dict[str, Any] = {
    "hidden": 2048,
    "layers": 24,
    "intermediate": 8192,
    "kv": 512,
    "vocab": 49152,
    "tied": True,
}
STORIES: dict[str, Any] = {"hidden": 64, "layers": 5, "intermediate": 192, "kv": 32, "vocab": 512, "tied": True}


def build() -> list[Repository]:
    """All of this module's repositories."""
    large, small = shapes.llama(**AURORA_7B), shapes.llama(**AURORA_1B)
    heron, osprey, stories = (shapes.llama(**sizes) for sizes in (HERON_70B, OSPREY_2B, STORIES))
    vision = _vision()
    eyes = sum(tensor.elements for tensor in vision.values())
    kinds = {"Q4_0": "Q4_0", "Q5_K_M": "Q5_K", "Q6_K": "Q6_K", "Q8_0": "Q8_0", "F16": "F16"}
    return [
        _repository(
            "quietriver/aurora-7b-instruct-GGUF",
            "the same weights in five quantisations, counted once",
            stored(large),
            {
                f"aurora-7b-instruct.{name}.gguf": _model(large, kind, AURORA_7B, "Aurora 7B Instruct")
                for name, kind in kinds.items()
            },
            base="lumenforge/aurora-7b-instruct",
            downloads=402_871,
            likes=233,
            trending_score=14,
        ),
        _repository(
            "soloist/aurora-1.1b-base-Q4_K_M-GGUF",
            "one file, a vocabulary of 32,000 tokens in its header",
            stored(small),
            {"aurora-1.1b-base-q4_k_m.gguf": _model(small, "Q4_K", AURORA_1B, "Aurora 1.1B", vocabulary=32000)},
            base="lumenforge/aurora-1.1b-base",
            downloads=1_877,
        ),
        _repository(
            "quietriver/heron-70b-GGUF",
            "one model split over three files in a folder",
            stored(heron),
            {
                f"Q4_K_M/{name}": blob
                for name, blob in gguf.splits(
                    shapes.as_gguf(heron, "Q4_K"),
                    _metadata(HERON_70B, "Heron 70B", "Q4_K", 2000),
                    "heron-70b-Q4_K_M",
                    3,
                ).items()
            },
            base="heronworks/heron-70b",
            downloads=31_002,
            likes=88,
        ),
        _repository(
            "quietriver/osprey-vl-2b-GGUF",
            "a language model and its vision projector: two networks, added up",
            stored(osprey) + eyes,
            {
                "osprey-vl-2b-Q8_0.gguf": _model(osprey, "Q8_0", OSPREY_2B, "Osprey VL 2B"),
                "mmproj-osprey-vl-2b-f16.gguf": gguf.write(
                    vision,
                    {
                        "general.architecture": "clip",
                        "general.name": "Osprey VL",
                        "clip.has_vision_encoder": True,
                        "clip.vision.image_size": 448,
                    },
                ),
            },
            base="heronworks/osprey-vl-2b",
            downloads=9_407,
            likes=17,
            total=stored(osprey),
        ),
        _repository(
            "minifable/stories280K-gguf",
            "a GGUF model far below the threshold",
            stored(stories),
            {"stories280K.gguf": _model(stories, "F32", STORIES, "stories280K", vocabulary=512)},
            base=None,
            downloads=5_120,
            likes=12,
        ),
    ]


def _metadata(sizes: Mapping[str, Any], name: str, kind: str, vocabulary: int) -> dict[str, gguf.Value]:
    return {
        "general.architecture": "llama",
        "general.name": name,
        "general.file_type": FILE_TYPES.get(kind, 0),
        "general.quantization_version": 2,
        "llama.context_length": 8192,
        "llama.embedding_length": sizes["hidden"],
        "llama.block_count": sizes["layers"],
        "llama.feed_forward_length": sizes["intermediate"],
        "llama.vocab_size": sizes["vocab"],
        "llama.rope.freq_base": 500000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": gguf.vocabulary(vocabulary),
        "tokenizer.ggml.add_bos_token": True,
    }


def _model(tensors: Any, kind: str, sizes: Mapping[str, Any], name: str, *, vocabulary: int = 2000) -> Blob:
    return gguf.write(shapes.as_gguf(tensors, kind), _metadata(sizes, name, kind, vocabulary))


def _vision() -> dict[str, Quantised]:
    tensors = {
        "v.patch_embd.weight": Quantised("F16", (1024, 3, 14, 14)),
        "v.position_embd.weight": Quantised("F32", (1024, 1024)),
    }
    for layer in range(23):
        for part, shape in (
            ("attn_q", (1024, 1024)),
            ("attn_k", (1024, 1024)),
            ("attn_v", (1024, 1024)),
            ("attn_out", (1024, 1024)),
            ("ffn_up", (4096, 1024)),
            ("ffn_down", (1024, 4096)),
        ):
            tensors[f"v.blk.{layer}.{part}.weight"] = Quantised("F16", shape)
            tensors[f"v.blk.{layer}.{part}.bias"] = Quantised("F32", shape[:1])
    return tensors | {"mm.0.weight": Quantised("F16", (2048, 1024)), "mm.0.bias": Quantised("F32", (2048,))}


def _repository(
    name: str, note: str, truth: int, files: dict[str, Blob], *, base: str | None, total: int | None = None, **more: Any
) -> Repository:
    card: dict[str, Any] = {
        "license": "apache-2.0",
        "pipeline_tag": "text-generation",
        "quantized_by": name.partition("/")[0],
    }
    card |= {"base_model": base} if base else {}
    return Repository(
        id=name,
        note=note,
        truth=truth,
        files=files,
        card=card,
        body=body(name.partition("/")[2], "For llama.cpp. Pick the file that fits your memory."),
        gguf={"total": total or truth, "architecture": "llama", "context_length": 8192, "eos_token": "</s>"},
        base_relation="quantized" if base else None,
        library_name="gguf",
        pipeline_tag="text-generation",
        created_at="2025-10-30T10:10:10.000Z",
        **more,
    )
