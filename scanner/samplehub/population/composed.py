"""Models of several parts: adapters, diffusion pipelines, sentence encoders."""

from __future__ import annotations

from typing import Any

from scanner.samplehub.files import safetensors, torch
from scanner.samplehub.files.tensors import Tensor, Tensors, floating, merged, prefixed, recast, stored
from scanner.samplehub.population import shapes
from scanner.samplehub.population.making import as_json, body, declared, shown, text_model, tokenizer
from scanner.samplehub.population.transformers import AURORA_1B, AURORA_7B
from scanner.samplehub.repository import Repository


def build() -> list[Repository]:
    """All of this module's repositories."""
    return [*_adapters(), *_pipelines(), *_sentences()]


def _adapters() -> list[Repository]:
    large = shapes.lora(shapes.llama(**AURORA_7B), rank=16, targets=("q_proj", "v_proj", "k_proj", "o_proj"))
    small = shapes.lora(shapes.llama(**AURORA_1B), rank=4, targets=("q_proj",))
    made = []
    for name, base, tensors, rank, note, downloads in (
        (
            "ravenscroft/aurora-7b-legal-lora",
            "lumenforge/aurora-7b-instruct",
            large,
            16,
            "a LoRA adapter above the threshold on its own",
            655,
        ),
        (
            "ravenscroft/aurora-1.1b-haiku-lora",
            "lumenforge/aurora-1.1b-base",
            small,
            4,
            "a LoRA adapter below the threshold whose base is above",
            33,
        ),
    ):
        targets = ["q_proj"] if rank == 4 else ["q_proj", "k_proj", "v_proj", "o_proj"]
        made.append(
            Repository(
                id=name,
                note=note,
                truth=stored(tensors),
                files={
                    "adapter_model.safetensors": safetensors.write(tensors),
                    "adapter_config.json": as_json(
                        {
                            "base_model_name_or_path": base,
                            "peft_type": "LORA",
                            "r": rank,
                            "lora_alpha": 2 * rank,
                            "target_modules": targets,
                            "task_type": "CAUSAL_LM",
                            "bias": "none",
                        }
                    ),
                    "training_args.bin": torch.write({"seed": Tensor("I64", (1,))}),
                },
                card={
                    "license": "apache-2.0",
                    "base_model": base,
                    "library_name": "peft",
                    "tags": ["lora", "generated_from_trainer"],
                },
                body=body(name.partition("/")[2], f"An adapter for {base}."),
                base_relation="adapter",
                library_name="peft",
                pipeline_tag="text-generation",
                downloads=downloads,
                created_at="2026-01-20T22:11:00.000Z",
            )
        )
    return made


def _pipelines() -> list[Repository]:
    parts: dict[str, tuple[str, Tensors]] = {
        "unet": (
            "diffusion_pytorch_model",
            shapes.convolutions(4, 320, 640, 1280, 1280, 640, 320, 4, batch_norm=False),
        ),
        "vae": (
            "diffusion_pytorch_model",
            shapes.convolutions(3, 128, 256, 512, 8, batch_norm=False, prefix="encoder."),
        ),
        "text_encoder": ("model", shapes.bert(hidden=768, layers=12, vocab=49408, positions=77, prefix="text_model.")),
        "safety_checker": (
            "model",
            shapes.bert(hidden=1024, layers=2, vocab=1000, position_ids=False, prefix="vision_model."),
        ),
    }
    files: dict[str, Any] = {
        "model_index.json": as_json(
            {
                "_class_name": "StableDiffusionPipeline",
                "_diffusers_version": "0.36.0",
                "unet": ["diffusers", "UNet2DConditionModel"],
                "vae": ["diffusers", "AutoencoderKL"],
                "text_encoder": ["transformers", "CLIPTextModel"],
                "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
                "scheduler": ["diffusers", "DDIMScheduler"],
            }
        ),
        "scheduler/scheduler_config.json": as_json({"_class_name": "DDIMScheduler", "num_train_timesteps": 1000}),
    }
    for folder, (stem, tensors) in parts.items():
        half = recast(tensors, "F16")
        files[f"{folder}/{stem}.safetensors"] = safetensors.write(tensors)
        files[f"{folder}/{stem}.fp16.safetensors"] = safetensors.write(half)
        bin_stem = "pytorch_model" if stem == "model" else stem
        files[f"{folder}/{bin_stem}.bin"] = torch.write(tensors, folder=bin_stem)
        files[f"{folder}/config.json"] = as_json({"_class_name": folder})
    whole = merged(
        prefixed(f"{folder}.", tensors) for folder, (_, tensors) in parts.items() if folder != "safety_checker"
    )
    ema = {f"model_ema.{name}": tensor for name, tensor in whole.items() if name.startswith("unet.")}
    files["meadowlark-v1-5.safetensors"] = safetensors.write(whole)
    files["meadowlark-v1-5-pruned.ckpt"] = torch.write(whole | ema)
    single = shapes.convolutions(4, 256, 512, 512, 256, 4, batch_norm=False, prefix="model.diffusion_model.")
    return [
        Repository(
            id="meadowlark-art/meadowlark-v1-5",
            note="a diffusers pipeline in folders, with fp16 variants, .bin copies, a single file and one with EMA",
            truth=sum(floating(tensors) for _, tensors in parts.values()),
            files=files,
            card={"license": "creativeml-openrail-m", "pipeline_tag": "text-to-image", "tags": ["stable-diffusion"]},
            body=body("Meadowlark 1.5", "Draws meadows."),
            library_name="diffusers",
            pipeline_tag="text-to-image",
            created_at="2023-01-30T12:00:00.000Z",
            last_modified="2024-06-01T00:00:00.000Z",
            downloads=618_400,
            likes=1_177,
            trending_score=8,
            extra_tags=("diffusers:StableDiffusionPipeline",),
        ),
        Repository(
            id="meadowlark-art/inkwash-style",
            note="a single-file diffusion checkpoint with a free name",
            truth=stored(single),
            files={"inkWash_v30.safetensors": safetensors.write(recast(single, "F16"))},
            card={
                "license": "other",
                "license_name": "bespoke-lora-trained-license",
                "tags": ["stable-diffusion", "checkpoint"],
            },
            body=body("Ink wash", "Merges are fine with credit."),
            library_name="diffusers",
            pipeline_tag="text-to-image",
            created_at="2024-03-17T03:00:00.000Z",
            downloads=2_660,
            likes=9,
        ),
    ]


def _sentences() -> list[Repository]:
    encoder = shapes.bert(hidden=384, layers=6, vocab=30522, position_ids=True, prefix="")
    dense = {"linear.weight": Tensor("F32", (256, 384)), "linear.bias": Tensor("F32", (256,))}
    config = text_model("BertModel", "bert", hidden_size=384, num_hidden_layers=6, vocab_size=30522)
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
    ]
    return [
        Repository(
            id="paperclip-ir/minilm-l6-abstracts",
            note="sentence-transformers: an encoder and a dense module in a folder, added up",
            truth=floating(encoder) + stored(dense),
            files={
                "config.json": as_json(config),
                "model.safetensors": safetensors.write(encoder),
                "pytorch_model.bin": torch.write(encoder, folder="pytorch_model"),
                "modules.json": as_json(modules),
                "1_Pooling/config.json": as_json({"pooling_mode_mean_tokens": True}),
                "2_Dense/config.json": as_json({"in_features": 384, "out_features": 256}),
                "2_Dense/model.safetensors": safetensors.write(dense),
                **tokenizer(),
            },
            card={
                "license": "apache-2.0",
                "language": "en",
                "pipeline_tag": "sentence-similarity",
                "tags": ["sentence-transformers", "feature-extraction"],
            },
            body=body("MiniLM for abstracts", "Maps abstracts to 256 numbers."),
            declared=declared(encoder),
            config=shown(config),
            library_name="sentence-transformers",
            pipeline_tag="sentence-similarity",
            created_at="2022-08-30T19:19:19.000Z",
            last_modified="2025-03-06T13:37:44.000Z",
            downloads=8_412_009,
            likes=512,
            trending_score=30,
        ),
    ]
