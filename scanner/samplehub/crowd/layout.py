"""Which files a model of a crowd has, each with its role; cheap, since every row of a listing names them.

A role is a word and, where a file is one of several, its place: `safetensors 2 3` is the second of three shards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.samplehub.crowd.models import bytes_of, shards

if TYPE_CHECKING:
    from collections.abc import Callable

    from scanner.samplehub.crowd.models import Model

Files = list[tuple[str, str]]
SHARD_BYTES, LARGE_SHARD_BYTES = 5e9, 5e10  # of transformers, before and since its version 5
LARGE_BYTES = 1e11  # models above this have the larger shards
ZIP_BYTES = 1e9
GGUF_BYTES = 2e11
HEAVY_FILES = 10_000

TOKENIZER: Files = [
    ("special_tokens_map.json", "json"), ("tokenizer.json", "tokenizer"), ("tokenizer_config.json", "json"),
]  # fmt: skip
WORDPIECE: Files = [*TOKENIZER, ("vocab.txt", "text")]
SENTENCEPIECE: Files = [*TOKENIZER, ("tokenizer.model", "text")]
SENTENCES: Files = [
    ("1_Pooling/config.json", "json"), ("config_sentence_transformers.json", "json"), ("modules.json", "json"),
    ("sentence_bert_config.json", "json"),
]  # fmt: skip
PIPELINE: Files = [
    ("feature_extractor/preprocessor_config.json", "json"), ("model_index.json", "json"),
    ("scheduler/scheduler_config.json", "json"), ("text_encoder/config.json", "json"),
    ("text_encoder/model.safetensors", "component text_encoder"), ("tokenizer/merges.txt", "text"),
    ("tokenizer/tokenizer_config.json", "json"), ("tokenizer/vocab.json", "json"), ("unet/config.json", "json"),
    ("unet/diffusion_pytorch_model.safetensors", "component unet"), ("vae/config.json", "json"),
    ("vae/diffusion_pytorch_model.safetensors", "component vae"),
]  # fmt: skip
RUN: Files = [
    ("all_results.json", "json"), ("eval_results.json", "json"), ("train_results.json", "json"),
    ("trainer_state.json", "json"), ("training_args.bin", "arguments"),
]  # fmt: skip
QUANTS = ("Q4_K_M", "Q8_0", "Q5_K_M", "Q6_K", "Q4_0", "F16")


def layout(model: Model) -> Files:
    """Paths and roles of all files but `.gitattributes`, in no particular order."""
    files = BY_FORM[model.weights.form](model)
    if model.draws[0] > 6_000 or model.heavy == "card":
        files.append(("README.md", "card"))
    if model.draws[1] < 4_000:
        files.append(("LICENSE", "licence"))
    if model.heavy == "files":
        files += [(f"runs/sample_{number:05}/step_{number * 7 % 1000}.json", "json") for number in range(HEAVY_FILES)]
    return files


def _sharded(model: Model, stem: str, suffix: str, role: str, most_bytes: float) -> Files:
    """The weights in one file, or in shards with their index."""
    parts = shards(model.weights, most_bytes)
    if parts == 1 and model.declared != "overridden":
        return [(f"{stem}.{suffix}", f"{role} 1 1")]
    files = [(f"{stem}-{n:05}-of-{parts:05}.{suffix}", f"{role} {n} {parts}") for n in range(1, parts + 1)]
    return [*files, (f"{stem}.{suffix}.index.json", f"index {role} {parts}")]


def _shard_bytes(model: Model) -> float:
    return SHARD_BYTES if bytes_of(model.weights) < LARGE_BYTES else LARGE_SHARD_BYTES


def _weights(model: Model) -> Files:
    if model.kind == "bin":
        return _sharded(model, "pytorch_model", "bin", "zip", ZIP_BYTES)
    files = _sharded(model, "model", "safetensors", "safetensors", _shard_bytes(model))
    if model.draws[2] < 4_000 and model.weights.form != "gptq" and model.weights.count < 10**9:
        files += [("pytorch_model.bin", "zip 1 1")]  # the older copy of the same
    return files


def _trained(model: Model, saved: Files) -> Files:
    """What a training run leaves beside the weights; sometimes a checkpoint with the same files once more."""
    files: Files = []
    if model.draws[3] < 14_000:
        files += RUN
        stamp = 1_700_000_000 + model.draws[4] * 900
        files.append((f"runs/{model.draws[5]:x}/events.out.tfevents.{stamp}.host.{model.draws[4] % 9000}.0", "events"))
    if model.draws[3] < 2_500 and model.weights.count < 10**9:
        folder = f"checkpoint-{500 * (1 + model.draws[4] % 8)}/"
        files += [(folder + path, role) for path, role in saved]
        files += [
            (folder + "optimizer.pt", "optimizer"),
            (folder + "rng_state.pth", "arguments"), (folder + "scheduler.pt", "arguments"),
            (folder + "trainer_state.json", "json"), (folder + "training_args.bin", "arguments"),
        ]  # fmt: skip
    return files


def _decoder(model: Model) -> Files:
    saved: Files = [("config.json", "config"), *_weights(model)]
    tokenizer = SENTENCEPIECE if model.draws[6] & 1 else TOKENIZER
    return [("generation_config.json", "json"), *tokenizer, *saved, *_trained(model, saved)]


def _encoder(model: Model) -> Files:
    extra = SENTENCES if model.draws[6] & 3 == 0 else []
    saved: Files = [("config.json", "config"), *_weights(model)]
    return [*WORDPIECE, *extra, *saved, *_trained(model, saved)]


def _vision(model: Model) -> Files:
    saved: Files = [("config.json", "config"), *_weights(model)]
    return [("preprocessor_config.json", "json"), *saved, *_trained(model, saved)]


def _pipeline(model: Model) -> Files:
    samples: Files = [(f"images/sample_{number}.png", "picture") for number in range(model.draws[6] & 3)]
    return PIPELINE + samples


def _packed(model: Model) -> Files:
    settings: Files = [("quantize_config.json", "json")] if model.weights.form == "gptq" else []
    weights = _sharded(model, "model", "safetensors", "safetensors", _shard_bytes(model))
    return [("config.json", "config"), *TOKENIZER, *settings, *weights]


def _gguf(model: Model) -> Files:
    draw, parts = model.draws[6], shards(model.weights, GGUF_BYTES)
    kinds = QUANTS[draw & 1 : (draw & 1) + 1 + (draw >> 1) % 5]
    stem = model.stem if draw >> 4 & 1 else model.stem.lower()
    files: Files = [("config.json", "config")] if draw >> 5 & 1 else []
    for kind in kinds:
        if parts == 1:
            files.append(
                (f"{stem}.{kind}.gguf" if draw >> 6 & 1 else f"{stem}-{kind.lower()}.gguf", f"gguf {kind} 1 1")
            )
        else:
            files += [
                (f"{kind}/{stem}-{kind}-{n:05}-of-{parts:05}.gguf", f"gguf {kind} {n} {parts}")
                for n in range(1, parts + 1)
            ]
    return files + ([(f"{stem}.imatrix", "text")] if draw >> 7 & 7 == 0 else [])


def _lora(model: Model) -> Files:
    binary = model.draws[6] & 7 == 0
    weights = ("adapter_model.bin", "zip 1 1") if binary else ("adapter_model.safetensors", "safetensors 1 1")
    saved: Files = [("adapter_config.json", "adapter"), weights]
    return [*saved, *(TOKENIZER if model.draws[6] & 8 else []), *_trained(model, saved)]


def _pth(model: Model) -> Files:
    names = ("model.pth", f"{model.stem}.pth", "best.pt", "last.ckpt", "G_2333.pth", "weights/yolo_best.pt")
    return [(names[model.draws[6] % len(names)], "zip 1 1"), ("config.yaml", "text")]


def _onnx(model: Model) -> Files:
    names = ("model.onnx", "onnx/model.onnx", f"{model.stem}.onnx")
    return [(names[model.draws[6] % 3], "onnx"), ("config.json", "config"), *(WORDPIECE if model.draws[6] & 8 else [])]


def _keras(model: Model) -> Files:
    if model.draws[6] & 1:
        return [("tf_model.h5", "hdf5"), ("config.json", "config"), *WORDPIECE]
    return [("model.h5", "hdf5"), ("labels.txt", "text")]


def _rl(model: Model) -> Files:
    name = model.stem
    unpacked: Files = [
        (f"{name}/_stable_baselines3_version", "text"), (f"{name}/data", "json"),
        (f"{name}/policy.optimizer.pth", "optimizer"), (f"{name}/policy.pth", "zip 1 1"),
        (f"{name}/pytorch_variables.pth", "arguments"), (f"{name}/system_info.txt", "text"),
    ]  # fmt: skip
    return [
        (f"{name}.zip", "agent"),
        ("config.json", "json"),
        ("replay.mp4", "picture"),
        ("results.json", "json"),
        *unpacked,
    ]


def _sklearn(model: Model) -> Files:
    name = ("model.pkl", "sklearn_model.joblib", "classifier.pickle")[model.draws[6] % 3]
    return [(name, "pickle"), ("config.json", "json")]


def _none(model: Model) -> Files:
    choice = model.draws[6] % 4
    if choice == 0:
        return [("config.json", "config"), *TOKENIZER]
    if choice == 1:
        return [("app.py", "text"), ("requirements.txt", "text")]
    return []


BY_FORM: dict[str, Callable[[Model], Files]] = {
    "decoder": _decoder, "encoder": _encoder, "vision": _vision, "pipeline": _pipeline, "gptq": _packed,
    "mlx": _packed, "gguf": _gguf, "lora": _lora, "pth": _pth, "onnx": _onnx, "keras": _keras, "rl": _rl,
    "sklearn": _sklearn, "none": _none,
}  # fmt: skip
