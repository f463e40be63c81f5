"""Configurations as people write them: complete, partial, absurd; adapters with and without their base."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.described import MAX_PARAMETERS, from_adapter_config, from_config
from estimators.interface import Basis, Estimate

GPT2 = {
    "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 768, "n_layer": 12, "n_head": 12,
    "n_positions": 1024, "vocab_size": 50257,
}  # fmt: skip
LLAMA_7B = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 11008,
    "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32, "vocab_size": 32000,
    "tie_word_embeddings": False,
}  # fmt: skip
VISION = {
    "model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
    "num_attention_heads": 16, "image_size": 336, "patch_size": 14,
}  # fmt: skip
# Published models: what their configuration says, and what they hold.
PUBLISHED: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("gpt2", GPT2, 124_439_808),
    ("llama-2-7b", LLAMA_7B, 6_738_415_616),
    (
        "bert-base-uncased, older than model_type",
        {
            "architectures": ["BertForMaskedLM"], "hidden_size": 768, "intermediate_size": 3072, "vocab_size": 30522,
            "num_attention_heads": 12, "num_hidden_layers": 12, "max_position_embeddings": 512, "type_vocab_size": 2,
        },
        109_514_298,
    ),
    (
        "mixtral-8x7b",
        {
            "model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "hidden_size": 4096,
            "intermediate_size": 14336, "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 8,
            "num_local_experts": 8, "vocab_size": 32000, "tie_word_embeddings": False,
        },
        46_702_792_704,
    ),
    (
        "t5-small",
        {
            "model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "d_model": 512, "d_ff": 2048,
            "d_kv": 64, "num_heads": 8, "num_layers": 6, "vocab_size": 32128, "relative_attention_num_buckets": 32,
        },
        60_506_624,
    ),
    (
        "whisper-tiny",
        {
            "model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "d_model": 384,
            "encoder_layers": 4, "decoder_layers": 4, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536,
            "vocab_size": 51865, "num_mel_bins": 80, "max_source_positions": 1500, "max_target_positions": 448,
        },
        37_760_640,
    ),
)  # fmt: skip
# Networks without a sum of their own, and parts of pipelines: only the interval is claimed.
INTERVALS: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("llava-1.5-7b", {"model_type": "llava", "text_config": LLAMA_7B, "vision_config": VISION}, 7_063_427_072),
    (
        "llava whose text configuration leaves out the defaults",
        {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064}, "vision_config": VISION},
        7_063_427_072,
    ),
    (
        "llava by the code of its authors",
        {**LLAMA_7B, "model_type": "llava_llama", "mm_vision_tower": "clip", "mm_hidden_size": 1024},
        7_062_902_784,
    ),
    (
        "chatglm2-6b",
        {
            "model_type": "chatglm", "architectures": ["ChatGLMModel"], "add_qkv_bias": True, "hidden_size": 4096,
            "ffn_hidden_size": 13696, "kv_channels": 128, "multi_query_attention": True, "multi_query_group_num": 2,
            "num_attention_heads": 32, "num_layers": 28, "padded_vocab_size": 65024,
        },
        6_243_584_000,
    ),
    (
        "gemma-3-4b, as published",
        {
            "model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"],
            "text_config": {
                "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34,
            },
            "vision_config": {
                "model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304,
                "num_hidden_layers": 27, "num_attention_heads": 16, "image_size": 896, "patch_size": 14,
                "vision_use_head": False,
            },
        },
        4_300_079_472,
    ),
    (
        "unet of stable-diffusion-v1-5",
        {
            "_class_name": "UNet2DConditionModel", "block_out_channels": [320, 640, 1280, 1280], "in_channels": 4,
            "layers_per_block": 2, "cross_attention_dim": 768,
            "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        },
        859_520_964,
    ),
    (
        "unet of stable-diffusion-xl",
        {
            "_class_name": "UNet2DConditionModel", "block_out_channels": [320, 640, 1280], "in_channels": 4,
            "layers_per_block": 2, "cross_attention_dim": 2048, "transformer_layers_per_block": [1, 2, 10],
            "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        },
        2_567_463_684,
    ),
    (
        "autoencoder of stable-diffusion",
        {
            "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "in_channels": 3,
            "layers_per_block": 2, "latent_channels": 4,
        },
        83_653_863,
    ),
    (
        "transformer of flux-1-dev",
        {
            "_class_name": "FluxTransformer2DModel", "attention_head_dim": 128, "num_attention_heads": 24,
            "num_layers": 19, "num_single_layers": 38, "joint_attention_dim": 4096, "pooled_projection_dim": 768,
        },
        11_901_408_320,
    ),
    (
        "transformer of stable-diffusion-3-medium",
        {
            "_class_name": "SD3Transformer2DModel", "attention_head_dim": 64, "num_attention_heads": 24,
            "num_layers": 24, "joint_attention_dim": 4096, "caption_projection_dim": 1536,
            "pooled_projection_dim": 2048,
        },
        2_084_951_104,
    ),
    ("an unknown network", {"model_type": "new", "hidden_size": 512, "num_hidden_layers": 8}, 25_000_000),
    ("one of timm", {"architecture": "resnet50", "num_classes": 1000, "num_features": 2048}, 25_557_032),
    ("a dense module", {"in_features": 768, "out_features": 128, "bias": True}, 98_432),
)  # fmt: skip
LORA = {"peft_type": "LORA", "r": 16, "target_modules": ["q_proj", "v_proj"]}


def bounds(estimate: Estimate | None) -> tuple[int, int]:
    assert estimate is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


@pytest.mark.parametrize(("config", "truth"), [row[1:] for row in PUBLISHED], ids=[row[0] for row in PUBLISHED])
def test_published_models(config: dict[str, Any], truth: int) -> None:
    estimate = from_config(config, file="sub/config.json")
    assert estimate is not None
    assert estimate.point == truth
    assert (estimate.basis, estimate.exact) == (Basis.CONFIG_ARITHMETIC, False)
    assert [row.file for row in estimate.evidence] == ["sub/config.json"]


@pytest.mark.parametrize(("config", "truth"), [row[1:] for row in INTERVALS], ids=[row[0] for row in INTERVALS])
def test_intervals_where_no_point_is_claimed(config: dict[str, Any], truth: int) -> None:
    low, high = bounds(from_config(config))
    assert low <= truth <= high


def test_tied_embeddings_stored_twice_and_masks_stored_as_floats_are_inside() -> None:
    low, high = bounds(from_config(GPT2))
    assert low <= 124_439_808 - 768 * 1024
    assert high >= 124_439_808 + 50257 * 768 + 12 * 1024 * 1024


def test_a_stub_that_only_names_a_type_describes_nothing() -> None:
    """Repositories of quantised files carry such stubs so that their downloads are counted."""
    assert from_config({"model_type": "mistral"}) is None
    assert from_config({"architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"}) is None


def test_missing_sizes_of_the_first_order_widen_and_give_no_point() -> None:
    estimate = from_config({name: value for name, value in LLAMA_7B.items() if name != "vocab_size"})
    assert estimate is not None
    assert estimate.point is None
    assert estimate.low * 8 <= 6_738_415_616 <= (estimate.high or 0) // 8


ABSURD: tuple[Any, ...] = (
    -1, 0, 1e30, float("nan"), float("inf"), "4096", [4096], {"size": 4096}, None, True, 2**70, 10**4000, [[[]]],
)  # fmt: skip


@pytest.mark.parametrize("config", [GPT2, LLAMA_7B, *(row[1] for row in INTERVALS)], ids=str)
@pytest.mark.parametrize("value", ABSURD, ids=repr)
def test_absurd_values_are_no_exception(config: dict[str, Any], value: Any) -> None:
    for name in config:
        estimate = from_config({**config, name: value})
        if estimate is not None:
            assert 0 <= estimate.low <= (estimate.high or 0) <= MAX_PARAMETERS


def test_everything_absurd_at_once_describes_nothing() -> None:
    for value in ABSURD:
        assert from_config(dict.fromkeys(LLAMA_7B, value)) is None


def test_what_is_no_mapping_describes_nothing() -> None:
    values: tuple[Any, ...] = (None, [], "config", 7)
    assert [from_config(value) for value in values] == [None] * len(values)
    assert [from_adapter_config(value, None) for value in values] == [None] * len(values)


def test_nesting_and_length_are_bounded() -> None:
    nested: dict[str, Any] = dict(LLAMA_7B)
    for _ in range(200):
        nested = {"model_type": "llava", "text_config": nested, "vision_config": nested, "audio_config": nested}
    wide = {f"x{number}_config": dict(LLAMA_7B) for number in range(20_000)} | {"hidden_size": 8, "num_layers": 2}
    long = {"model_type": "new", "hidden_size": 8, "num_layers": 2, "ffn_dim": [9] * 1_000_000}
    start = time.perf_counter()
    for config in (nested, wide, long):
        from_config(config)
    assert time.perf_counter() - start < 2


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(sorted(LLAMA_7B)), inner, max_size=6),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted(LLAMA_7B | VISION | LORA | {"text_config": 0})), _JSON, max_size=12))
def test_any_mapping_is_answered(config: dict[str, Any]) -> None:
    for estimate in (from_config(config), from_adapter_config(config, config)):
        if estimate is not None:
            assert estimate.low >= 0
            assert estimate.high is None or estimate.low <= estimate.high


def test_an_adapter_adds_its_rank_times_the_widths() -> None:
    estimate = from_adapter_config(LORA, LLAMA_7B)
    assert estimate is not None
    assert estimate.point == 32 * 2 * 16 * (4096 + 4096)
    low, high = bounds(estimate)
    assert low < estimate.point < high


@pytest.mark.parametrize(
    ("adapter", "truth"),
    [
        ({**LORA, "target_modules": "all-linear"}, 32 * 16 * (4 * 8192 + 3 * 15104)),
        ({**LORA, "target_modules": ["model.layers.0.self_attn.q_proj"], "layers_to_transform": [0]}, 16 * 8192),
        ({**LORA, "rank_pattern": {"q_proj": 64}}, 32 * (64 + 16) * 8192),
        ({**LORA, "use_dora": True}, 32 * 2 * (16 * 8192 + 4096)),
        ({**LORA, "modules_to_save": ["lm_head", "embed_tokens"]}, 32 * 2 * 16 * 8192 + 2 * 32000 * 4096),
        ({**LORA, "target_modules": ["q_proj", "lm_head"]}, 32 * 16 * 8192 + 16 * (4096 + 32000)),
        ({"peft_type": "VERA", "r": 256, "target_modules": ["q_proj"]}, 32 * (256 + 4096)),
    ],
)
def test_adapters_of_many_kinds_are_inside(adapter: dict[str, Any], truth: int) -> None:
    low, high = bounds(from_adapter_config(adapter, LLAMA_7B))
    assert low <= truth <= high


@pytest.mark.parametrize(
    ("adapter", "truth"),
    [
        ({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 20, "token_dim": 4096, "num_layers": 32}, 20 * 4096),
        (
            {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 20, "token_dim": 1024, "num_layers": 24},
            20 * 2 * 24 * 1024,
        ),
    ],
)
def test_learnt_prompts_need_no_base(adapter: dict[str, Any], truth: int) -> None:
    low, high = bounds(from_adapter_config(adapter, None))
    assert low <= truth <= high


def test_an_adapter_without_its_base_has_no_upper_bound_and_a_note() -> None:
    estimate = from_adapter_config(LORA, None)
    assert estimate is not None
    assert (estimate.low, estimate.point, estimate.high) == (0, None, None)
    assert "base" in estimate.evidence[0].note


def test_what_is_no_adapter_describes_nothing() -> None:
    assert from_adapter_config({}, LLAMA_7B) is None
    assert from_adapter_config({"peft_type": "LORA", "r": "sixteen"}, LLAMA_7B) is None
    assert from_adapter_config({"peft_type": "NEW", "r": 4}, LLAMA_7B) is None


def test_estimates_can_be_written_as_json() -> None:
    estimate = from_config(LLAMA_7B)
    assert estimate is not None
    assert json.dumps([estimate.low, estimate.point, estimate.high])
