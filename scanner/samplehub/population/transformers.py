"""Text, speech and image models in safetensors: single, sharded, with alternatives beside them."""

from __future__ import annotations

from typing import Any

from scanner.samplehub.files import safetensors, torch
from scanner.samplehub.files.blob import Blob
from scanner.samplehub.files.tensors import Tensor, floating, prefixed, recast, stored
from scanner.samplehub.population import shapes, texts
from scanner.samplehub.population.making import (
    as_json,
    body,
    declared,
    llama_config,
    shown,
    text_model,
    tokenizer,
    trainer_state,
)
from scanner.samplehub.repository import CREATED_FLOOR, Repository

AURORA_1B: dict[str, Any] = {"hidden": 2048, "layers": 22, "intermediate": 5632, "kv": 256, "vocab": 32000}
AURORA_7B: dict[str, Any] = {"hidden": 4096, "layers": 32, "intermediate": 11008, "kv": 4096, "vocab": 32000}
KESTREL_7B: dict[str, Any] = {
    "hidden": 3584,
    "layers": 28,
    "intermediate": 18944,
    "kv": 512,
    "vocab": 152064,
    "qkv_bias": True,
}


def build() -> list[Repository]:
    """All of this module's repositories."""
    return [*_decoders(), *_encoders(), *_in_other_languages()]


def _decoders() -> list[Repository]:
    small, large = shapes.llama(**AURORA_1B), shapes.llama(**AURORA_7B)
    small_config, large_config = llama_config(**AURORA_1B), llama_config(**AURORA_7B)
    kestrel, kestrel_config = shapes.llama(**KESTREL_7B), llama_config(**KESTREL_7B)
    return [
        Repository(
            id="lumenforge/aurora-1.1b-base",
            note="a single safetensors file, with the same weights once more as consolidated.00.pth",
            truth=stored(small),
            files={
                "config.json": as_json(small_config),
                "model.safetensors": safetensors.write(small),
                "consolidated.00.pth": torch.write(small, folder="consolidated.00"),
                **tokenizer(),
            },
            card={
                "license": "apache-2.0",
                "language": ["en"],
                "library_name": "transformers",
                "pipeline_tag": "text-generation",
            },
            body=body("Aurora 1.1B", "A small decoder trained on two trillion tokens of public text."),
            declared=declared(small),
            config=shown(small_config),
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at="2024-02-11T16:20:01.000Z",
            downloads=1_284_331,
            likes=812,
            trending_score=21,
            extra_tags=("llama", "conversational", "endpoints_compatible"),
        ),
        Repository(
            id="lumenforge/aurora-7b-instruct",
            note="sharded safetensors with an index",
            truth=stored(large),
            files={"config.json": as_json(large_config), **safetensors.shards(large, 3), **tokenizer()},
            card={
                "license": "apache-2.0",
                "language": ["en"],
                "base_model": "lumenforge/aurora-7b",
                "pipeline_tag": "text-generation",
            },
            body=body("Aurora 7B Instruct", "Tuned to follow instructions."),
            base_relation="finetune",
            declared=declared(large),
            config=shown(large_config),
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at="2024-05-30T08:00:12.000Z",
            downloads=942_118,
            likes=1604,
            trending_score=66,
            null_sizes=frozenset({"model-00002-of-00003.safetensors"}),
            extra_tags=("llama", "conversational", "endpoints_compatible"),
        ),
        Repository(
            id="brightmoor/kestrel-7b",
            note="the declared total (333,312) comes from the index and is wrong; the sum per dtype is right",
            truth=stored(kestrel),
            files={
                "config.json": as_json(kestrel_config),
                **safetensors.shards(kestrel, 4, index_metadata={"total_parameters": 333312}),
                **tokenizer(),
            },
            card={"license": "mit", "language": ["en", "de"], "pipeline_tag": "text-generation"},
            body=body("Kestrel 7B", "A decoder for technical writing."),
            declared=declared(kestrel, 333312),
            config=shown(kestrel_config),
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at="2026-04-19T11:45:30.000Z",
            downloads=48_220,
            likes=97,
            trending_score=9,
            extra_tags=("qwen2", "conversational"),
        ),
    ]


def _encoders() -> list[Repository]:
    bert = shapes.bert(hidden=768, layers=12, vocab=28996)
    bert |= {"cls.predictions.bias": Tensor("F32", (28996,))}
    bert_config = text_model("BertForMaskedLM", "bert", hidden_size=768, num_hidden_layers=12, vocab_size=28996)
    mini = _small_gpt()
    mini_config = text_model("GPT2LMHeadModel", "gpt2", n_embd=256, n_layer=4, vocab_size=8000)
    leaves = shapes.convolutions(3, 64, 64, 128, 128, 256, 256, 512) | shapes.perceptron(512, 38, prefix="fc.")
    intent = shapes.bert(hidden=384, layers=6, vocab=12000, position_ids=False, prefix="wav2vec2.")
    intent_config = text_model("Wav2Vec2ForSequenceClassification", "wav2vec2", hidden_size=384)
    return [
        Repository(
            id="harborlight/bert-base-sw-cased",
            note="formerly a legacy id without owner; I64 position ids; the same weights once more as .bin",
            truth=floating(bert),
            former_ids=("bert-base-sw-cased",),
            files={
                "config.json": as_json(bert_config),
                "model.safetensors": safetensors.write(bert),
                "pytorch_model.bin": torch.write(bert, folder="pytorch_model"),
                **tokenizer(),
            },
            card={
                "license": "apache-2.0",
                "language": "sw",
                "pipeline_tag": "fill-mask",
                "datasets": ["harborlight/habari"],
            },
            body=body("BERT base, Swahili, cased", "Trained on news and parliament records."),
            declared=declared(bert),
            config=shown(bert_config),
            library_name="transformers",
            pipeline_tag="fill-mask",
            created_at=CREATED_FLOOR,
            last_modified="2024-02-19T11:06:12.000Z",
            downloads=3_901_772,
            likes=288,
            trending_score=4,
        ),
        Repository(
            id="saltmarsh/gpt-mini-yo",
            note="the tied head stored a second time, U8 attention masks, and a scalar buffer",
            truth=floating(mini),
            files={"config.json": as_json(mini_config), "model.safetensors": safetensors.write(mini), **tokenizer()},
            card={"license": "mit", "language": "yo", "pipeline_tag": "text-generation"},
            body=body("GPT mini, Yoruba", "A weekend project."),
            declared=declared(mini),
            config=shown(mini_config),
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at=CREATED_FLOOR,
            downloads=1_204,
            likes=6,
        ),
        Repository(
            id="fernvale/resnet-leafspots",
            note="BatchNorm statistics count, the I64 step counters do not; renamed from another owner",
            truth=floating(leaves),
            former_ids=("greenhouse-ai/resnet-leafspots",),
            files={
                "config.json": as_json({"architecture": "resnet18", "num_classes": 38}),
                "model.safetensors": safetensors.write(leaves),
            },
            card={"license": "cc-by-4.0", "library_name": "timm", "pipeline_tag": "image-classification"},
            body=body("Leaf spots", "38 diseases of crops."),
            declared=declared(leaves),
            library_name="timm",
            pipeline_tag="image-classification",
            created_at="2023-08-02T05:14:59.000Z",
            downloads=20_133,
            likes=31,
        ),
        Repository(
            id="ashgrove/wav-intent-small",
            note="optimizer state and two checkpoint folders beside the final weights",
            truth=stored(intent),
            files={
                "config.json": as_json(intent_config),
                "model.safetensors": safetensors.write(intent),
                **trainer_state(intent),
                **{f"checkpoint-{step}/model.safetensors": safetensors.write(intent) for step in (500, 1000)},
                **trainer_state(intent, "checkpoint-500/"),
                **trainer_state(intent, "checkpoint-1000/"),
            },
            card={"license": "apache-2.0", "tags": ["generated_from_trainer"], "pipeline_tag": "audio-classification"},
            body=body("wav-intent-small", "This card was made from the training run."),
            declared=declared(intent),
            config=shown(intent_config),
            library_name="transformers",
            pipeline_tag="audio-classification",
            created_at="2025-06-21T13:00:00.000Z",
            downloads=14,
        ),
    ]


def _small_gpt() -> dict[str, Tensor]:
    tensors = {
        "transformer.wte.weight": Tensor("F32", (8000, 256)),
        "transformer.wpe.weight": Tensor("F32", (512, 256)),
    }
    for layer in range(4):
        block = shapes.perceptron(256, 768, 256, 1024, 256, prefix="linear")
        tensors |= prefixed(f"transformer.h.{layer}.", block)
        tensors[f"transformer.h.{layer}.attn.bias"] = Tensor("U8", (1, 1, 512, 512))
        tensors[f"transformer.h.{layer}.attn.masked_bias"] = Tensor("F32", ())
    tensors["lm_head.weight"] = Tensor("F32", (8000, 256))
    return tensors


def _in_other_languages() -> list[Repository]:
    mogu = shapes.llama(hidden=1536, layers=36, intermediate=4096, kv=256, vocab=64000, tied=True)
    mogu_config = llama_config(hidden=1536, layers=36, intermediate=4096, kv=256, vocab=64000, tied=True)
    kotori = recast(shapes.llama(hidden=1024, layers=20, intermediate=2816, kv=1024, vocab=48000, tied=True), "F16")
    results = [
        {
            "task": {"type": "translation"},
            "dataset": {"name": f"pair-{n:04}", "type": "metricmill/pairs"},
            "metrics": [{"type": "bleu", "value": 20 + n % 30, "name": f"BLEU of pair {n:04}"}],
        }
        for n in range(1300)
    ]
    pair = shapes.bert(hidden=512, layers=6, vocab=60000, prefix="model.", position_ids=False)
    return [
        Repository(
            id="xinghe-lab/mogu-1b-chat",
            note="a card in Chinese without any restriction; head tied and stored once",
            truth=stored(mogu),
            files={"config.json": as_json(mogu_config), "model.safetensors": safetensors.write(mogu), **tokenizer()},
            card={"license": "apache-2.0", "language": ["zh", "en"], "pipeline_tag": "text-generation"},
            body=body("蘑菇 1B 对话模型", texts.CHINESE_BODY),
            declared=declared(mogu),
            config=shown(mogu_config),
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at="2025-11-08T02:31:00.000Z",
            downloads=77_045,
            likes=140,
            trending_score=12,
        ),
        Repository(
            id="hoshizora/kotori-350m",
            note="a card in Japanese without any restriction",
            truth=stored(kotori),
            files={
                "model.safetensors": safetensors.write(kotori),
                "LICENSE": Blob.of(texts.PLAIN_LICENCE.format(name="Kotori")),
            },
            card={"license": "cc-by-sa-4.0", "language": "ja", "pipeline_tag": "text-generation"},
            body=body("ことり 350M", texts.JAPANESE_BODY),
            declared=declared(kotori),
            library_name="transformers",
            pipeline_tag="text-generation",
            created_at="2025-01-15T06:22:47.000Z",
            downloads=5_514,
            likes=22,
        ),
        Repository(
            id="metricmill/many-to-many-translator",
            note="more than 200 kB of card data (1,300 evaluation results)",
            truth=stored(pair),
            files={"model.safetensors": safetensors.write(pair)},
            card={
                "license": "cc-by-nc-4.0",
                "language": ["en", "fr", "sw", "ta"],
                "pipeline_tag": "translation",
                "model-index": [{"name": "many-to-many", "results": results}],
            },
            body=body("Many to many", "Scores are in the metadata."),
            declared=declared(pair),
            library_name="transformers",
            pipeline_tag="translation",
            created_at="2024-09-09T09:09:09.000Z",
            downloads=903,
            likes=3,
        ),
    ]
