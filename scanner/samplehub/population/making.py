"""Small helpers for the population: cards, configurations, listing fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scanner.samplehub.files import torch
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import Tensor, by_dtype, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scanner.samplehub.repository import Repository


def as_json(value: Any) -> Blob:
    """A JSON file as the libraries write it."""
    return Blob.of(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def distinct(repository: Repository) -> Repository:
    """Weights of its own for a repository, so that equal shapes do not make equal digests."""
    weights = {
        path: blob.salted(f"{repository._id}/{path}")
        for path, blob in repository.files.items()
        if path.endswith((".safetensors", ".gguf"))
    }
    repository.rewrite(repository.files | weights)
    return repository


def declared(tensors: Mapping[str, Tensor], total: int | None = None) -> dict[str, Any]:
    """The listing's `safetensors`: elements by dtype, and a total that is their sum unless another is given."""
    return {"parameters": by_dtype(tensors), "total": stored(tensors) if total is None else total}


def body(title: str, *paragraphs: str) -> str:
    """A card's text."""
    return "\n\n".join([f"# {title}", *paragraphs]) + "\n"


def text_model(architecture: str, model_type: str, **more: Any) -> dict[str, Any]:
    """config.json of a transformers model."""
    return {"architectures": [architecture], "model_type": model_type, "transformers_version": "4.57.1", **more}


def shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the API shows of a config.json: no sizes."""
    kept = {
        key: config[key] for key in ("architectures", "model_type", "quantization_config", "auto_map") if key in config
    }
    return kept | {"tokenizer_config": {"eos_token": "</s>"}}


def llama_config(
    *,
    hidden: int,
    layers: int,
    intermediate: int,
    kv: int,
    vocab: int,
    dtype: str = "BF16",
    tied: bool = False,
    qkv_bias: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """config.json for `shapes.llama` of the same sizes."""
    heads = max(hidden // 128, 1)
    return text_model(
        "Qwen2ForCausalLM" if qkv_bias else "LlamaForCausalLM",
        "qwen2" if qkv_bias else "llama",
        hidden_size=hidden,
        num_hidden_layers=layers,
        intermediate_size=intermediate,
        num_attention_heads=heads,
        num_key_value_heads=max(kv * heads // hidden, 1),
        vocab_size=vocab,
        tie_word_embeddings=tied,
        torch_dtype={"BF16": "bfloat16", "F16": "float16", "F32": "float32"}[dtype],
        **more,
    )


def tokenizer() -> dict[str, Blob]:
    """The small files beside the weights of a text model."""
    return {
        "tokenizer_config.json": as_json({"model_max_length": 4096, "eos_token": "</s>", "padding_side": "left"}),
        "tokenizer.json": as_json(
            {"version": "1.0", "model": {"type": "BPE", "vocab": {"</s>": 0, "a": 1}, "merges": []}}
        ),
        "special_tokens_map.json": as_json({"eos_token": "</s>"}),
    }


def trainer_state(tensors: Mapping[str, Tensor], folder: str = "") -> dict[str, Blob]:
    """What a training run leaves beside the weights: two moments a weight, and small change; no model."""
    moments = {
        f"state.{number}.{name}": tensor
        for number, tensor in enumerate(tensors.values())
        for name in ("exp_avg", "exp_avg_sq")
    }
    return {
        f"{folder}optimizer.pt": torch.write(moments, folder="optimizer"),
        f"{folder}scheduler.pt": torch.write({"last_lr": Tensor("F64", (1,))}, folder="scheduler"),
        f"{folder}rng_state.pth": torch.write({"cpu": Tensor("U8", (5056,))}, folder="rng_state"),
        f"{folder}training_args.bin": torch.write({"seed": Tensor("I64", (1,))}, folder="training_args"),
        f"{folder}trainer_state.json": as_json({"epoch": 3.0, "global_step": 1500, "log_history": []}),
    }
