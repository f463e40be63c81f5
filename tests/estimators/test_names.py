"""Sizes in names: what is one, what is not, and that the interval holds what the model truly has."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.interface import Basis
from estimators.names import from_name

# Published models by name, and what they hold in millions (their cards, technical reports, or weight files).
PUBLISHED: tuple[tuple[str, float], ...] = (
    ("meta-llama/Llama-2-7b-chat-hf", 6738), ("meta-llama/Llama-2-13b-hf", 13016), ("meta-llama/Llama-2-70b", 68977),
    ("meta-llama/Meta-Llama-3-8B-Instruct", 8030), ("meta-llama/Llama-3.1-405B", 405_853),
    ("meta-llama/Llama-3.2-1B", 1236), ("meta-llama/Llama-3.2-3B-Instruct", 3213),
    ("meta-llama/Llama-3.2-11B-Vision", 10_670), ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 108_642),
    ("meta-llama/Llama-4-Maverick-17B-128E", 401_583), ("huggyllama/llama-65b", 65_286),
    ("codellama/CodeLlama-34b-hf", 33_744), ("TinyLlama/TinyLlama-1.1B-Chat-v1.0", 1100),
    ("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", 1100), ("JackFram/llama-68m", 68),
    ("JackFram/llama-160m", 162), ("princeton-nlp/Sheared-LLaMA-1.3B", 1345),
    ("openlm-research/open_llama_3b_v2", 3426), ("llama-moe/LLaMA-MoE-v1-3_5B-4_16", 6740),
    ("karpathy/tinyllamas/stories15M.pt", 15.2), ("mistralai/Mistral-7B-v0.1", 7242),
    ("mistralai/Mixtral-8x7B-Instruct-v0.1", 46_703), ("mistralai/Mixtral-8x22B-v0.1", 140_621),
    ("mistralai/Mistral-Nemo-12B", 12_248), ("mistralai/Ministral-8B-Instruct-2410", 8020),
    ("mistralai/Mistral-Small-24B-Base-2501", 23_572), ("mistralai/Codestral-22B-v0.1", 22_247),
    ("mistralai/Pixtral-12B-2409", 12_680), ("mistralai/Voxtral-Mini-3B-2507", 4676),
    ("mlabonne/Beyonder-4x7B-v2", 24_154), ("cloudyu/Mixtral_7Bx2_MoE", 12_879),
    ("HuggingFaceH4/zephyr-7b-beta", 7242), ("intfloat/e5-mistral-7b-instruct", 7111), ("Qwen/Qwen-1_8B", 1837),
    ("Qwen/Qwen1.5-0.5B", 464), ("Qwen/Qwen1.5-MoE-A2.7B", 14_316), ("Qwen/Qwen2-0.5B-Instruct", 494),
    ("Qwen/Qwen2-57B-A14B", 57_409), ("Qwen/Qwen2.5-1.5B", 1544), ("Qwen/Qwen2.5-7B-Instruct-1M", 7616),
    ("Qwen/Qwen2.5-72B", 72_706), ("Qwen/Qwen2.5-VL-3B-Instruct", 3755), ("Qwen/Qwen2.5-VL-7B-Instruct", 8292),
    ("Qwen/Qwen2.5-Omni-7B", 10_732), ("Qwen/Qwen2.5-Omni-3B", 5540), ("Qwen/Qwen2-VL-2B-Instruct", 2209),
    ("Qwen/Qwen3-0.6B", 752), ("Qwen/Qwen3-1.7B", 2032), ("Qwen/Qwen3-4B", 4022),
    ("Qwen/Qwen3-30B-A3B-Instruct-2507", 30_532), ("Qwen/Qwen3-235B-A22B", 235_094),
    ("Qwen/Qwen3-Coder-480B-A35B-Instruct", 480_155), ("Qwen/Qwen3-Next-80B-A3B-Instruct", 81_325),
    ("Qwen/Qwen3-Embedding-0.6B", 596), ("Qwen/Qwen2.5-Coder-32B-Instruct-GGUF", 32_764),
    ("qwen2.5-1.5b-instruct-q4_k_m.gguf", 1777), ("Qwen2.5-0.5B.Q8_0.gguf", 630), ("Qwen/QwQ-32B-AWQ", 32_764),
    ("google/gemma-2b", 2506), ("google/gemma-7b-it", 8538), ("google/gemma-2-2b-it", 2614),
    ("google/gemma-2-9b", 9242), ("google/gemma-2-27b-it", 27_227), ("google/gemma-3-270m", 268),
    ("google/gemma-3-1b-it", 1000), ("google/gemma-3-4b-it", 4300), ("google/gemma-3-12b-it", 12_187),
    ("google/gemma-3n-E2B-it", 5440), ("google/gemma-3n-E4B-it", 7850), ("google/recurrentgemma-2b", 2683),
    ("google/paligemma-3b-pt-224", 2923), ("google/codegemma-7b", 8538), ("google-t5/t5-3b", 2852),
    ("google-t5/t5-11b", 11_307), ("microsoft/Phi-3.5-MoE-instruct", 41_873), ("microsoft/phi-1_5", 1418),
    ("microsoft/Phi-3-mini-128k-instruct", 3821), ("microsoft/bitnet-b1.58-2B-4T", 2412),
    ("1bitLLM/bitnet_b1_58-3B", 3325), ("microsoft/VibeVoice-1.5B", 2704),
    ("microsoft/Multilingual-MiniLM-L12-H384", 117.7), ("microsoft/MiniLM-L12-H384-uncased", 33.4),
    ("nreimers/mMiniLMv2-L6-H384-distilled-from-XLMR-Large", 107), ("google/bert_uncased_L-2_H-128_A-2", 4.39),
    ("google/bert_uncased_L-8_H-512_A-8", 41.4), ("google/bert_uncased_L-12_H-768_A-12", 109.5),
    ("nreimers/MiniLM-L6-H384-uncased", 22.7), ("huawei-noah/TinyBERT_General_4L_312D", 14.35),
    ("huawei-noah/TinyBERT_General_6L_768D", 66.96), ("sentence-transformers/all-MiniLM-L6-v2", 22.7),
    ("deepseek-ai/deepseek-moe-16b-base", 16_376), ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", 1777),
    ("deepseek-ai/deepseek-coder-1.3b-instruct", 1346), ("deepseek-ai/deepseek-vl-1.3b-chat", 1975),
    ("deepseek-ai/Janus-Pro-1B", 2089), ("deepseek-ai/Janus-1.3B", 2089),
    ("deepseek-ai/deepseek-llm-67b-chat", 67_425), ("01-ai/Yi-6B", 6061), ("01-ai/Yi-34B-200K", 34_389),
    ("01-ai/Yi-1.5-9B", 8829), ("baichuan-inc/Baichuan2-13B-Chat", 13_897), ("internlm/internlm2-1_8b", 1889),
    ("internlm/internlm2_5-7b-chat", 7738), ("THUDM/chatglm2-6b", 6244), ("THUDM/glm-4-9b-chat", 9400),
    ("openbmb/MiniCPM-2B-sft-bf16", 2725), ("openbmb/MiniCPM-1B-sft-bf16", 1360), ("OpenGVLab/InternVL2-1B", 938),
    ("OpenGVLab/InternVL2_5-8B", 8075), ("OpenGVLab/InternViT-300M-448px", 304),
    ("OpenGVLab/InternViT-6B-448px-V1-5", 5540), ("tencent/Hunyuan-A13B-Instruct", 80_393),
    ("baidu/ERNIE-4.5-0.3B-PT", 361), ("baidu/ERNIE-4.5-21B-A3B-PT", 21_825), ("openai/gpt-oss-20b", 20_915),
    ("openai/gpt-oss-120b", 116_829), ("EleutherAI/pythia-14m", 14.1), ("EleutherAI/pythia-70m-deduped", 70.4),
    ("EleutherAI/pythia-160m", 162), ("EleutherAI/pythia-410m", 405), ("EleutherAI/pythia-1.4b", 1415),
    ("EleutherAI/pythia-6.9b", 6857), ("EleutherAI/gpt-neo-125m", 125), ("EleutherAI/gpt-neo-1.3B", 1316),
    ("EleutherAI/gpt-j-6b", 6051), ("EleutherAI/gpt-neox-20b", 20_555), ("facebook/opt-125m", 125),
    ("facebook/opt-350m", 331), ("facebook/opt-66b", 65_719), ("facebook/galactica-6.7b", 6658),
    ("facebook/xglm-564M", 564), ("facebook/incoder-1B", 1312), ("facebook/nllb-200-distilled-600M", 615),
    ("facebook/nllb-200-3.3B", 3345), ("facebook/nllb-moe-54b", 54_500), ("facebook/m2m100_418M", 484),
    ("facebook/m2m100_1.2B", 1239), ("facebook/wav2vec2-xls-r-300m", 315), ("facebook/wav2vec2-xls-r-2b", 2159),
    ("facebook/mms-1b-all", 965), ("facebook/esm2_t6_8M_UR50D", 7.8), ("facebook/esm2_t12_35M_UR50D", 33.9),
    ("facebook/esm2_t33_650M_UR50D", 652), ("facebook/esm2_t48_15B_UR50D", 15_134), ("facebook/MobileLLM-125M", 125),
    ("bigscience/bloom-560m", 559), ("bigscience/bloom-1b1", 1065), ("bigscience/bloom-1b7", 1722),
    ("bigscience/bloomz-7b1-mt", 7069), ("tiiuae/falcon-7b", 7217), ("tiiuae/falcon-180B", 179_522),
    ("tiiuae/falcon-mamba-7b", 7273), ("mosaicml/mpt-7b-8k", 6649), ("databricks/dolly-v2-3b", 2775),
    ("stabilityai/stablelm-2-1_6b", 1645), ("stabilityai/stablelm-zephyr-3b", 2795),
    ("stabilityai/stablelm-base-alpha-7b", 7869), ("cerebras/Cerebras-GPT-111M", 111),
    ("Salesforce/codegen-350M-mono", 357), ("bigcode/starcoder2-3b", 3030), ("bigcode/starcoderbase-1b", 1137),
    ("state-spaces/mamba-130m-hf", 129), ("state-spaces/mamba2-780m", 780), ("BlinkDL/rwkv-4-169m-pile", 169),
    ("allenai/OLMo-1B-hf", 1177), ("allenai/OLMo-2-0425-1B", 1485), ("allenai/OLMoE-1B-7B-0924", 6919),
    ("ibm-granite/granite-3.0-1b-a400m-instruct", 1335), ("ibm-granite/granite-embedding-30m-english", 30.3),
    ("HuggingFaceTB/SmolLM-135M", 135), ("HuggingFaceTB/SmolLM2-360M-Instruct", 362),
    ("HuggingFaceTB/SmolLM2-1.7B", 1711), ("HuggingFaceTB/SmolVLM-256M-Instruct", 256),
    ("HuggingFaceTB/SmolVLM2-2.2B-Instruct", 2246), ("roneneldan/TinyStories-8M", 19.7),
    ("roneneldan/TinyStories-28M", 51.4), ("roneneldan/TinyStories-33M", 68.5), ("MBZUAI/LaMini-Flan-T5-77M", 77),
    ("minishlab/potion-base-8M", 7.56), ("llava-hf/llava-1.5-7b-hf", 7063),
    ("llava-hf/llava-onevision-qwen2-0.5b-ov-hf", 894), ("HuggingFaceM4/idefics2-8b", 8403),
    ("Salesforce/blip2-opt-2.7b", 3745), ("adept/fuyu-8b", 9408), ("adept/persimmon-8b-base", 9400),
    ("hexgrad/Kokoro-82M", 82), ("nari-labs/Dia-1.6B", 1611), ("sesame/csm-1b", 1632),
    ("canopylabs/orpheus-3b-0.1-ft", 3301), ("SparkAudio/Spark-TTS-0.5B", 1000), ("nvidia/canary-1b", 1000),
    ("nvidia/parakeet-tdt-0.6b-v2", 618), ("nvidia/parakeet-tdt_ctc-110m", 114), ("nvidia/Minitron-4B-Base", 4190),
    ("nvidia/Nemotron-4-340B-Base", 341_000), ("m-a-p/MERT-v1-330M", 315), ("NovaSearch/stella_en_400M_v5", 435),
    ("Alibaba-NLP/gte-Qwen2-1.5B-instruct", 1776), ("BAAI/EVA-CLIP-8B", 8100),
    ("Wan-AI/Wan2.1-T2V-1.3B-Diffusers", 7200), ("Wan-AI/Wan2.1-T2V-14B", 20_100), ("zai-org/CogVideoX-2b", 6700),
    ("Efficient-Large-Model/Sana_1600M_1024px_diffusers", 4500),
    ("InstaDeepAI/nucleotide-transformer-v2-50m-multi-species", 55.9), ("zhihan1996/DNABERT-2-117M", 117),
    ("tloen/alpaca-lora-7b", 16.8), ("yuhuili/EAGLE-LLaMA3-Instruct-8B", 250), ("BlinkDL/rwkv-4-pile-1b5", 1515),
    ("databricks/dbrx-instruct", 131_597), ("ai21labs/Jamba-v0.1", 51_570),
    ("moonshotai/Kimi-K2-Instruct", 1_026_000), ("yujiepan/llama-3-tiny-random-8b", 2.1),
    ("Salesforce/xgen-7b-8k-base", 6900), ("apple/OpenELM-270M", 272), ("apple/aimv2-3B-patch14-224", 2720),
    ("h2oai/h2o-danube3-500m-chat", 514), ("xai-org/grok-1", 314_000),
)  # fmt: skip
SAY_NOTHING = (
    "sentence-transformers/all-MiniLM-L6-v2", "bert-base-uncased", "microsoft/phi-1_5", "openai/whisper-large-v3",
    "Qwen/Qwen1.5-MoE-A2.7B", "tencent/Hunyuan-A13B-Instruct", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    "timm/vit_base_patch16_clip_224.laion400m_e32", "user/ppo-LunarLander-v2-10M_steps", "user/sac-Hopper-1M",
    "user/gpt2-finetuned-500steps", "google/vit-base-patch16-224", "user/model-224px", "model.Q4_K_M.gguf",
    "user/foo-4bit", "user/foo-128k", "user/foo-2024-05-13", "user/bar-v1.5", "inclusionAI/Ling-1T", "user/foo-3T",
    "user/gpt2-1B-tokens", "user/t5-small-1M-reviews", "user/ft-10M", "user/laion-400M-clip",
    "yujiepan/llama-3-tiny-random-8b", "", "/", "7", "B", "user/cc12m-clip", "user/a-0B", "BAAI/bge-m3", "user/w4a16",
    "user/exl2-6.0bpw", "user/babylm-100M",
)  # fmt: skip


def test_the_table_is_large_enough_and_has_no_twins() -> None:
    names = [name for name, _ in PUBLISHED]
    assert len(names) == len(set(names)) >= 150


@pytest.mark.parametrize(("name", "millions"), PUBLISHED)
def test_the_interval_holds_what_the_model_has(name: str, millions: float) -> None:
    estimate = from_name(name)
    if estimate is None:
        return
    assert estimate.high is not None
    assert estimate.low <= millions * 1e6 <= estimate.high
    assert not estimate.exact
    assert estimate.basis is Basis.MODEL_NAME
    assert estimate.point is None or estimate.low <= estimate.point <= estimate.high


def test_most_names_with_a_size_yield_one() -> None:
    said = [name for name, _ in PUBLISHED if from_name(name) is not None]
    assert len(said) > 0.92 * len(PUBLISHED)


@pytest.mark.parametrize("name", SAY_NOTHING)
def test_names_that_say_nothing_yield_nothing(name: str) -> None:
    assert from_name(name) is None


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("Qwen3-30B-A3B", 30_000_000_000), ("Qwen2.5-7B-Instruct-1M", 7_000_000_000), ("bloom-7b1", 7_100_000_000),
        ("model-0p5b", 500_000_000), ("smol-0.5b-4bit", 500_000_000), ("gemma-3n-E4B", 4_000_000_000),
        ("bitnet-b1.58-2B-4T", 2_000_000_000), ("OLMoE-1B-7B", None), ("distilled-135M-from-7B", None),
    ],
)  # fmt: skip
def test_the_point_is_the_size_where_there_is_one(name: str, point: int | None) -> None:
    estimate = from_name(name)
    assert estimate is not None
    assert estimate.point == point


@pytest.mark.parametrize("name", ["foo-lora-7b", "eagle3-llama-8b", "mmproj-12B", "qwen-7B-4-layers"])
def test_a_part_of_the_named_model_has_no_lower_bound(name: str) -> None:
    estimate = from_name(name)
    assert estimate is not None
    assert estimate.low == 0


@given(st.text(max_size=300))
def test_any_text_is_answered(text: str) -> None:
    estimate = from_name(text)
    if estimate is not None:
        assert estimate.high is not None
        assert 0 <= estimate.low <= estimate.high


def test_anything_but_text_says_nothing() -> None:
    values: tuple[Any, ...] = (None, 7, ["7B"], b"7B", {})
    assert [from_name(value) for value in values] == [None] * len(values)


def test_long_names_take_no_time() -> None:
    start = time.perf_counter()
    for name in ("7B-" * 100_000, "1" * 300_000, "8x" * 100_000, "L-" * 100_000, "_1_6b" * 50_000):
        from_name(name)
    assert time.perf_counter() - start < 0.5
