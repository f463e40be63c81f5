"""Write cases.json: configurations and what transformers builds from them.

    python tests/golden/configs/make.py

Needs torch (2.13.0) and transformers (5.24.0); the tests need neither. Models are built on the meta device, which
allocates nothing. Each family is built from its defaults and from small random sizes, as the bare network and with its
heads; of each configuration only the fields that say something about sizes are kept.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

CASES = 3  # of one model type: the defaults, and random sizes
DECODERS = (
    "llama mistral ministral qwen2 qwen3 gemma gemma2 gemma3_text phi phi3 olmo olmo2 granite cohere cohere2 stablelm "
    "starcoder2 smollm3 glm glm4 nemotron seed_oss exaone4 arcee hunyuan_v1_dense ernie4_5 persimmon mixtral phimoe "
    "olmoe granitemoe qwen2_moe qwen3_moe deepseek_v2 deepseek_v3 glm4_moe gpt_oss ernie4_5_moe gpt2 gpt_bigcode "
    "gpt_neo gpt_neox gptj codegen opt bloom falcon mpt xglm biogpt mamba mamba2 jamba rwkv recurrent_gemma"
)
ENCODERS = (
    "bert roberta xlm-roberta camembert electra mpnet distilbert albert deberta deberta-v2 modernbert nomic_bert "
    "t5 mt5 umt5 bart mbart pegasus marian m2m_100 blenderbot"
)
SENSES = (
    "whisper speech_to_text wav2vec2 hubert wavlm audio-spectrogram-transformer vit deit beit vit_mae dinov2 swin "
    "swinv2 convnext convnextv2 resnet segformer clip clip_text_model siglip"
)
# Sums of the main layers, networks of several parts, networks without a family: an interval and no point.
WITHOUT_POINT = "vits encodec llava paligemma qwen2_5_vl reformer longformer xlnet qwen3_next perceiver"
FAMILIES = f"{DECODERS} {ENCODERS} {SENSES} {WITHOUT_POINT}".split()
HEADS = (
    "ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForConditionalGeneration", "MTModel", "ForSequenceClassification",
    "ForTokenClassification", "ForQuestionAnswering", "ForPreTraining", "ForCTC", "ForImageClassification",
    "ForAudioClassification", "ForSemanticSegmentation", "ForMultipleChoice",
)  # fmt: skip
WIDTHS = ("hidden_size", "d_model", "n_embd", "dim")
HEAD_COUNTS = (
    "num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads",
)  # fmt: skip
DEPTHS = (
    "num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers", "num_decoder_layers",
)  # fmt: skip
INNER = (
    "intermediate_size", "ffn_dim", "hidden_dim", "n_inner", "moe_intermediate_size", "encoder_ffn_dim", "d_kv",
    "d_ff", "shared_expert_intermediate_size", "decoder_ffn_dim",
)  # fmt: skip
EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
SWITCHES = (
    "attention_bias", "mlp_bias", "use_bias", "use_qk_norm", "qk_layernorm", "use_qkv_bias", "tie_word_embeddings",
    "use_parallel_residual", "enable_bias", "attention_out_bias", "parallel_attn", "new_decoder_architecture",
    "multi_query", "norm_bias", "classifier_bias", "decoder_bias", "do_layer_norm_before", "use_swiglu_ffn",
    "use_relative_position_bias", "use_absolute_embeddings",
)  # fmt: skip
LISTS_OF_LAYERS = ("layer_types", "mlp_layer_types", "attention_types", "attention_layers")
NO_SIZES = (
    "dropout", "_drop", "_id", "initializer", "eps", "rope", "loss", "temperature", "coef", "cache", "scal", "window",
    "mask_", "beam", "chunk", "layerdrop", "pdrop", "init_std", "is_decoder", "is_encoder_decoder", "apply_",
    "infinity", "pretraining_tp", "conv_stride", "out_indices", "gated_act", "max_distance", "output_",
    "vocab_size_per", "aux", "sampling", "norm_type", "trim", "num_negatives", "dilation", "min_masks", "use_mambapy",
    "reshape", "return_", "theta", "cost", "summary", "router", "topk", "top_k", "per_tok", "version",
)  # fmt: skip
WORDS = (
    "feed_forward_proj", "layer_type", "pos_att_type", "norm_rel_ebd", "time_step_rank", "mamba_dt_rank", "model_type",
    "feat_extract_norm", "block_types", "share_att_key", "position_buckets",
)  # fmt: skip


def resized(kind: str, chance: random.Random) -> dict[str, Any]:
    """The configuration of a type with random small sizes."""
    fields = CONFIG_MAPPING[kind]().to_dict()
    heads, head_dim = chance.choice((2, 4, 8)), chance.choice((8, 16, 32))
    _set(fields, WIDTHS, lambda: heads * head_dim)
    _set(fields, HEAD_COUNTS, lambda: heads)
    _set(fields, ("num_key_value_heads", "num_kv_heads"), lambda: chance.choice((1, 2, heads)))
    _set(fields, ("head_dim",), lambda: head_dim)
    fields |= {name: heads for name in ("num_key_value_heads",) if fields.get(name, 0) is None}
    fields |= {name: head_dim for name in ("head_dim",) if fields.get(name, 0) is None}
    if kind == "mamba2":
        fields["num_heads"] = 2 * heads
    _set(fields, DEPTHS, lambda: chance.choice((1, 2, 3, 4)))
    _set(fields, INNER, lambda: chance.choice((32, 64, 96)))
    _set(fields, EXPERTS, lambda: chance.choice((4, 8)))
    _set(fields, ("num_experts_per_tok",), lambda: 2)
    _set(fields, ("vocab_size",), lambda: chance.choice((100, 1000, 3000)))
    _set(fields, ("max_position_embeddings", "n_positions", "image_size"), lambda: chance.choice((64, 128)))
    _set(fields, ("decoder_vocab_size",), lambda: fields["vocab_size"])
    _set(fields, ("pooler_output_size", "pooler_hidden_size"), lambda: heads * head_dim)
    for name in SWITCHES:
        if isinstance(fields.get(name), bool):
            fields[name] = chance.choice((True, False))
    for name in [name for name in fields if name in LISTS_OF_LAYERS or name.startswith(("out_", "_out_", "stage_"))]:
        del fields[name]
    if kind == "gpt_neo":
        fields["attention_types"] = [[["global"], fields["num_layers"]]]
    _resize_stages(fields, chance)
    for name, value in fields.items():
        if name.endswith("_token_id") and isinstance(value, int):
            fields[name] = 0
        elif name in ("text_config", "vision_config") and kind in ("clip", "siglip"):
            value.update(hidden_size=heads * head_dim, num_attention_heads=heads, num_hidden_layers=2, image_size=64)
            value.update(intermediate_size=96, projection_size=heads * head_dim, patch_size=16, vocab_size=500)
            value.update({key: 0 for key in value if key.endswith("_token_id")})
    return fields


def _set(fields: dict[str, Any], names: tuple[str, ...], value: Any) -> None:
    for name in names:
        if isinstance(fields.get(name), int) and not isinstance(fields[name], bool):
            fields[name] = value()


def _resize_stages(fields: dict[str, Any], chance: random.Random) -> None:
    """Networks in stages: widths that double, and some layers in each."""
    if "depths" not in fields:
        return
    width = chance.choice((8, 16, 32))
    fields["depths"] = [chance.choice((1, 2, 3)) for _ in range(4)]
    if "hidden_sizes" in fields:
        fields["hidden_sizes"] = [width, 2 * width, 4 * width, 8 * width]
    if "embed_dim" in fields:
        fields.update(embed_dim=32, num_heads=[1, 2, 4, 8], window_size=4)
        fields.pop("hidden_size", None)
    if "num_attention_heads" in fields:
        fields["num_attention_heads"] = [1, 2, 4, 8]


def classes(kind: str) -> list[str]:
    """The bare network, and its classes with heads."""
    bare = modeling_auto.MODEL_MAPPING_NAMES.get(kind, "")
    bare = bare if isinstance(bare, str) else bare[0]
    stem = bare.removesuffix("Model")
    return [name for name in (bare, *(stem + head for head in HEADS)) if hasattr(transformers, name)]


def measured(config: Any, name: str) -> dict[str, int]:
    """Distinct parameters; with the floating buffers that are stored; with tied duplicates and all buffers."""
    with torch.device("meta"):
        model = getattr(transformers, name)(config)
    stored = {key: value for key, value in model.state_dict(keep_vars=True).items() if value.is_floating_point()}
    unstored = [buffer for key, buffer in model.named_buffers() if buffer.is_floating_point() and key not in stored]
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "with_buffers": sum(value.numel() for value in {id(value): value for value in stored.values()}.values()),
        "with_duplicates": sum(value.numel() for value in (*stored.values(), *unstored)),
    }


def trimmed(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that say something about sizes."""
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict) and (name.endswith("_config") or name in ("encoder", "decoder", "text_encoder")):
            kept[name] = trimmed(value)
        elif name in WORDS or name in ("mask_time_prob", "mask_feature_prob", "expand", "layer_scale_init_value"):
            kept[name] = value
        elif any(part in name for part in NO_SIZES) and name not in ("window_size", "num_hidden_groups"):
            continue
        elif isinstance(value, bool | int | float) or (isinstance(value, list) and all(type(v) is int for v in value)):
            kept[name] = value
    return kept


def cases(kind: str) -> list[dict[str, Any]]:
    """Configurations of one type, each built as another of its classes."""
    chance = random.Random(kind)
    made: list[dict[str, Any]] = []
    for number in range(40):
        name = chance.choice(classes(kind)) if number else classes(kind)[0]
        try:
            fields = resized(kind, chance) if number else CONFIG_MAPPING[kind]().to_dict()
            labels = chance.choice((2, 2, 7))
            fields |= {"id2label": {i: f"L{i}" for i in range(labels)}, "label2id": {f"L{i}": i for i in range(labels)}}
            config = CONFIG_MAPPING[kind].from_dict(fields)
            counts = measured(config, name)
        except Exception as error:  # noqa: BLE001 -- some random sizes do not go together
            print(f"{kind} {name}: {type(error).__name__}")
            continue
        kept = trimmed(json.loads(json.dumps(config.to_diff_dict(), default=str)))
        kept |= {"model_type": kind, "architectures": [name]} | ({"num_labels": labels} if labels != 2 else {})
        made.append({"config": kept, **counts})
        if len(made) == CASES:
            break
    return made


def main() -> None:
    transformers.logging.set_verbosity_error()
    rows = [case for kind in FAMILIES for case in cases(kind)]
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    target = Path(__file__).parent / "cases.json"
    target.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(rows)} cases, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
