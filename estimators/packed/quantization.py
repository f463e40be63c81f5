"""What a model's `quantization_config` says about bits and groups, read from whatever an author may have written there.

The block is free JSON: every value is checked, and what is not understood is ignored, never trusted.
Layouts: transformers' quantisation configs, compressed-tensors `config_groups`, MLX `quantization`, GPTQModel
`dynamic`, AutoRound `extra_config`, Quark `global_quant_config`, torchao `quant_type`, VPTQ `config_for_layers`,
ModelOptimizer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

# Keys under which writers store the bits of a weight, and the weights that share a scale.
_BITS_KEYS = ("bits", "w_bit", "num_bits", "nbits", "weight_bits")
_GROUP_KEYS = ("group_size", "q_group_size", "groupsize")
# Keys whose value is the name of a type (quanto, torchao, Quark) or an algorithm (ModelOptimizer).
# Where configurations keep the block: transformers, MLX and ModelOpt, compressed-tensors before it was renamed.
_BLOCK_KEYS = ("quantization_config", "quantization", "compression_config")
_NAME_KEYS = ("weights", "quant_type", "weight_dtype", "dtype", "quant_algo", "_type")
# Bits by the name of a type, and of methods that know only one number.
_BITS_BY_NAME = {
    "int8": 8, "int4": 4, "int2": 2, "uint4": 4, "uint8": 8, "float8": 8, "fp8": 8, "fp8_e4m3": 8, "nf4": 4, "fp4": 4,
    "mxfp4": 4, "nvfp4": 4, "w4a16_awq": 4, "w4a8_awq": 4, "w8a8_sq_per_channel": 8, "int8_weight_only": 8,
    "int4_weight_only": 4, "int4weightonlyconfig": 4, "int8weightonlyconfig": 8,
    "int8dynamicactivationint8weightconfig": 8, "int8dynamicactivationint4weightconfig": 4,
}  # fmt: skip
_BITS_BY_METHOD = {
    "bitnet": 2, "eetq": 8, "mxfp4": 4, "nvfp4": 4, "fp8": 8, "fbgemm_fp8": 8, "ptpc_fp8": 8, "w8a8_fp8": 8,
    "w8a8_int8": 8, "blockwise_int8": 8, "experts_int8": 8, "tpu_int8": 8,
}  # fmt: skip
# Methods whose layouts are undone here, or whose tensors tell that they are packed. Any other may do as it likes.
KNOWN_METHODS = frozenset({
    *_BITS_BY_METHOD, "unnamed", "mlx", "gptq", "gptq_marlin", "gptq_v2", "marlin", "qqq", "moe_wna16", "awq",
    "awq_marlin", "w4a8_awq", "auto-round", "auto_round", "autoround", "intel/auto-round", "inc", "rtn",
    "bitsandbytes", "aqlm", "vptq", "quip", "quip_sharp", "quanto", "compressed-tensors", "compressed_tensors",
    "higgs", "fp_quant", "spqr", "torchao", "quark", "metal", "fouroversix", "sinq", "hqq", "modelopt",
    "modelopt_fp4", "modelopt_fp8", "petit_nvfp4", "exl2", "exl3", "ascend", "gguf", "gemma", "svdquant", "nunchaku",
})  # fmt: skip
# Keys that hold settings of single layers or groups of layers by name or pattern.
_TABLES = ("dynamic", "extra_config", "layer_quant_config", "quantized_layers", "quant_config", "config_for_layers")
# A layer's name in the configuration and in the file may differ by wrappers around the model.
_WRAPPERS = ("model.", "language_model.", "language_model.model.", "model.language_model.", "transformer.")
# Layers and groups with settings of their own that are looked at; a hostile block may hold any number.
MAX_BLOCKS = 10_000

Choice = tuple[int | None, int | None]
"""Bits and group size; None where unknown."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """The settings that matter for counting.

    Attributes:
        method: `quant_method`, lower case; `unnamed` for a block without one, empty without a block.
        choices: bits and group size of each group of layers; one where all layers are alike.
        overrides: the same for layers with settings of their own, by name.
        sizes: weights of layers whose dimensions are stated, by name (VPTQ).
        heads: first parts of the names in `overrides`; a file whose names begin otherwise may mean the same layers.
        leaves: choices of the overrides by the last part of their names.
        halved: packed weights are the kept half of 2:4 sparse ones (compressed-tensors `marlin-24`).
    """

    method: str = ""
    choices: tuple[Choice, ...] = ()
    overrides: Mapping[str, Choice] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    heads: frozenset[str] = frozenset()
    leaves: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    halved: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the method is one whose packed tensors are recognised."""
        return self.method in KNOWN_METHODS

    def choices_for(self, stem: str) -> tuple[Choice, ...]:
        """What may hold for the layer with this name."""
        known = not self.overrides
        for name in _spellings(stem):
            own = self.overrides.get(name)
            if own:
                return (own,)
            known = known or name.partition(".")[0] in self.heads
        # Where no name of the settings begins as this one does, they may be about other wrappers around the model.
        return self.choices if known else (*self.choices, *self.leaves.get(stem.rpartition(".")[2], ()))

    def bits_for(self, stem: str) -> int | None:
        """Bits of the layer with this name, where all choices agree."""
        distinct = {bits for bits, _ in self.choices_for(stem)}
        return distinct.pop() if len(distinct) == 1 else None

    def size_of(self, stem: str) -> int | None:
        """Weights of the layer with this name, where the settings state its dimensions."""
        return next((self.sizes[name] for name in _spellings(stem) if name in self.sizes), None)


def settings_of(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The block of a model's configuration that says how its weights are packed; None where there is none.

    Args:
        config: what `config.json` holds, or a file for the settings alone: AutoGPTQ's `quantize_config.json`, AutoAWQ's
            `quant_config.json`, ModelOpt's `hf_quant_config.json`.
    """
    inner = config.get("text_config")
    for owner in (config, inner if isinstance(inner, Mapping) else {}):
        for key in _BLOCK_KEYS:
            block = owner.get(key)
            if isinstance(block, Mapping) and block:
                return block
    if _number(config, (*_BITS_KEYS, "quantization_bit")):  # the file is the block, or ChatGLM's number of bits
        return {"bits": config["quantization_bit"]} if "quantization_bit" in config else config
    return None


def read(settings: Mapping[str, Any] | None) -> Quantization:
    """Read a `quantization_config` (or MLX `quantization`) block; nothing in it can make this raise."""
    if not isinstance(settings, Mapping) or not settings:
        return Quantization()
    named = settings.get("quant_method")
    method = named.lower() if isinstance(named, str) and named else "unnamed"
    choices = [_choice(block, method) for block in _blocks(settings)]
    overrides: dict[str, Choice] = {}
    sizes: dict[str, int] = {}
    for block in _patterns(settings):
        choices.append((_number(block, _BITS_KEYS) or choices[0][0], _number(block, _GROUP_KEYS) or choices[0][1]))
    for name, block in _layers(settings):
        choice, size = _choice(block, method), _size(block)
        if size is not None:
            sizes[name] = size
        elif _number(block, _BITS_KEYS) is None and _named_bits(block) is None:
            continue
        elif re.fullmatch(r"[\w.\-]+", name):
            overrides[name] = choice
        else:  # a pattern: it may hold for any layer
            choices.append((choice[0] or choices[0][0], choice[1] or choices[0][1]))
    halved = settings.get("format") == "marlin-24"
    leaves: dict[str, dict[Choice, None]] = {}
    for name, choice in overrides.items():
        leaves.setdefault(name.rpartition(".")[2], {})[choice] = None
    return Quantization(
        method,
        tuple(dict.fromkeys(choices)),
        overrides,
        sizes,
        heads=frozenset(name.partition(".")[0] for name in overrides),
        leaves={leaf: tuple(found) for leaf, found in leaves.items()},
        halved=halved,
    )


def _patterns(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Settings of layers whose names match patterns (Gemma)."""
    table = settings.get("module_quant_configs")
    if isinstance(table, Mapping):
        yield from (block for block in islice(table.values(), MAX_BLOCKS) if isinstance(block, Mapping))


def _spellings(stem: str) -> Iterator[str]:
    """The names under which the configuration may know a layer."""
    yield stem
    for wrapper in _WRAPPERS:
        if stem.startswith(wrapper):
            yield stem[len(wrapper) :]
        else:
            yield wrapper + stem


def _layers(settings: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Settings of single layers, by name: at the top (MLX), or in a table of the writer's own."""
    tables = [settings, *(table for key in _TABLES if isinstance(table := settings.get(key), Mapping))]
    for table in tables:
        for name, block in islice(table.items(), MAX_BLOCKS):
            if not isinstance(name, str) or not isinstance(block, Mapping) or name in _OTHER_BLOCKS:
                continue
            weight = block.get("weight")
            yield name, weight if isinstance(weight, Mapping) else block


_OTHER_BLOCKS = frozenset({
    *_TABLES, "module_quant_configs", "config_groups", "global_quant_config", "quant_type", "weight_quant_params",
    "scale_quant_params", "zero_quant_params", "meta", "sparsity_config", "kv_cache_scheme", "tensor_storage",
    "quantization",
})  # fmt: skip


def _blocks(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The blocks that may state bits: the settings themselves, or those of each group."""
    groups = settings.get("config_groups")
    if isinstance(groups, Mapping) and groups:
        for group in islice(groups.values(), MAX_BLOCKS):
            weights = group.get("weights") if isinstance(group, Mapping) else None
            yield weights if isinstance(weights, Mapping) else {}
        return
    for path in (("quant_config", "weight_quant_params"), ("global_quant_config", "weight"), ("quant_type", "default")):
        inner: Any = settings
        for key in path:
            inner = inner.get(key) if isinstance(inner, Mapping) else None
        if isinstance(inner, Mapping):
            yield inner
            return
    yield settings


def _choice(block: Mapping[str, Any], method: str) -> Choice:
    bits = _number(block, _BITS_KEYS) or _named_bits(block) or _BITS_BY_METHOD.get(method)
    return bits, _number(block, _GROUP_KEYS)


def _number(block: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        value = block.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
            return value
    return None


def _size(block: Mapping[str, Any]) -> int | None:
    rows, columns = _number(block, ("out_features",)), _number(block, ("in_features",))
    return rows * columns if rows and columns else None


def _named_bits(block: Mapping[str, Any]) -> int | None:
    """Bits from a type's name, or from the flags that bitsandbytes uses."""
    for key in _NAME_KEYS:
        value = block.get(key)
        if isinstance(value, str) and value.lower() in _BITS_BY_NAME:
            return _BITS_BY_NAME[value.lower()]
    if block.get("load_in_4bit") is True:
        return 4
    return 8 if block.get("load_in_8bit") is True else None
