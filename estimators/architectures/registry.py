"""Which family adds up which configuration: by `model_type`, else by the class that `architectures` names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from estimators.architectures import bart, bert, clip, experts, gpt, llama, sound, speech, state_space, t5, vision
from estimators.architectures.interface import Config, Family

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        **{kind: llama.family_of(kind) for kind in llama.TRAITS},
        **experts.FAMILIES,
        **gpt.FAMILIES,
        **state_space.FAMILIES,
        **bert.FAMILIES,
        **t5.FAMILIES,
        **bart.FAMILIES,
        **speech.FAMILIES,
        **vision.FAMILIES,
        **clip.FAMILIES,
        **sound.FAMILIES,
    }
)
"""Model type, lower case, to the sum of its layers."""

POINTLESS = vision.FAMILIES_WITHOUT_POINT | frozenset(sound.FAMILIES) | {"rwkv5", "rwkv6"}
"""Model types whose sum is of the main layers only."""

SPOKEN: Mapping[str, str] = MappingProxyType({
    "llava_llama": "llama", "llava_mistral": "mistral", "llava_qwen": "qwen2", "llava_gemma": "gemma",
    "llava_phi": "phi", "qwen2_vl": "qwen2", "qwen2_5_vl": "qwen2", "bunny-llama": "llama", "bunny-qwen2": "qwen2",
})  # fmt: skip
"""Composites that keep the fields of their language model beside those of the rest, to that language model."""

# Classes in configurations that are older than `model_type`; where one begins another, the longer stands first.
BY_CLASS: Mapping[str, str] = MappingProxyType({
    "XLMRoberta": "xlm-roberta", "Roberta": "roberta", "Camembert": "camembert", "DistilBert": "distilbert",
    "Albert": "albert", "Electra": "electra", "DebertaV2": "deberta-v2", "Deberta": "deberta", "MPNet": "mpnet",
    "ModernBert": "modernbert", "Bert": "bert", "GPT2": "gpt2", "OpenAIGPT": "openai-gpt", "GPTNeoX": "gpt_neox",
    "GPTNeo": "gpt_neo", "GPTJ": "gptj", "GPTBigCode": "gpt_bigcode", "CodeGen": "codegen", "OPT": "opt",
    "Bloom": "bloom", "Falcon": "falcon", "RW": "falcon", "Llama": "llama", "LLaMA": "llama", "Mistral": "mistral",
    "Mixtral": "mixtral", "Qwen2Moe": "qwen2_moe", "Qwen2": "qwen2", "Qwen3Moe": "qwen3_moe", "Qwen3": "qwen3",
    "Gemma2": "gemma2", "Gemma": "gemma", "Phi3": "phi3", "Phi": "phi", "DeepseekV3": "deepseek_v3",
    "DeepseekV2": "deepseek_v2", "MambaForCausalLM": "mamba", "MambaLMHeadModel": "mamba",
})  # fmt: skip
_CLASS = re.compile(r"([A-Z]\w*?)(?:For[A-Z]\w*|LMHeadModel|WithLMHead(?:Model)?|DoubleHeadsModel|Model)\Z")


def family_for(config: Config) -> Family | None:
    """The family of a configuration, or None where no table names it."""
    kind = config.text("model_type")
    if kind:
        return FAMILIES.get(kind)
    found = _CLASS.match(config.architecture)
    return FAMILIES.get(BY_CLASS.get(found.group(1), "")) if found else None
