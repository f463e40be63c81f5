"""What a model's `quantization_config` says about bits and groups, read from whatever an author may have written there.

The block is free JSON: every value is checked, and what is not understood is ignored, never trusted.
Layouts: transformers' quantisation configs, compressed-tensors `config_groups`, MLX `quantization`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

# Keys under which writers store the bits of a weight, and the weights that share a scale.
_BITS_KEYS = ("bits", "w_bit", "num_bits", "nbits", "weight_bits")
_GROUP_KEYS = ("group_size", "q_group_size", "groupsize")
# Bits by the name of a type (quanto, torchao), and of methods that know only one number.
_BITS_BY_NAME = {"int8": 8, "int4": 4, "int2": 2, "float8": 8, "fp8": 8, "nf4": 4, "fp4": 4}
_BITS_BY_METHOD = {"bitnet": 2, "eetq": 8, "mxfp4": 4}
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
    """

    method: str = ""
    choices: tuple[Choice, ...] = ()
    overrides: Mapping[str, Choice] = field(default_factory=dict)

    def choices_for(self, stem: str) -> tuple[Choice, ...]:
        """What may hold for the layer with this name."""
        own = self.overrides.get(stem)
        return (own,) if own else self.choices

    def bits_for(self, stem: str) -> int | None:
        """Bits of the layer with this name, where all choices agree."""
        distinct = {bits for bits, _ in self.choices_for(stem)}
        return distinct.pop() if len(distinct) == 1 else None


def read(settings: Mapping[str, Any] | None) -> Quantization:
    """Read a `quantization_config` (or MLX `quantization`) block; nothing in it can make this raise."""
    if not isinstance(settings, Mapping) or not settings:
        return Quantization()
    named = settings.get("quant_method")
    method = named.lower() if isinstance(named, str) and named else "unnamed"
    choices = [_choice(block, method) for block in _blocks(settings)]
    overrides = {
        name: _choice(block, method)
        for name, block in islice(settings.items(), MAX_BLOCKS)
        if isinstance(name, str) and "." in name and isinstance(block, Mapping)
    }
    return Quantization(method, tuple(dict.fromkeys(choices)), overrides)


def _blocks(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The blocks that may state bits: the settings themselves, or those of each group (compressed-tensors, HQQ)."""
    groups = settings.get("config_groups")
    if isinstance(groups, Mapping):
        for group in islice(groups.values(), MAX_BLOCKS):
            weights = group.get("weights") if isinstance(group, Mapping) else None
            yield weights if isinstance(weights, Mapping) else {}
        return
    inner = settings.get("quant_config")
    inner = inner.get("weight_quant_params") if isinstance(inner, Mapping) else None
    yield inner if isinstance(inner, Mapping) else settings


def _choice(block: Mapping[str, Any], method: str) -> Choice:
    bits = _number(block, _BITS_KEYS) or _named_bits(block) or _BITS_BY_METHOD.get(method)
    return bits, _number(block, _GROUP_KEYS)


def _number(block: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    for key in keys:
        value = block.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31:
            return value
    return None


def _named_bits(block: Mapping[str, Any]) -> int | None:
    """Bits from a type's name, or from the flags that bitsandbytes uses."""
    for key in ("weights", "quant_type", "weight_dtype"):
        value = block.get(key)
        if isinstance(value, str) and value.lower() in _BITS_BY_NAME:
            return _BITS_BY_NAME[value.lower()]
    if block.get("load_in_4bit") is True:
        return 4
    return 8 if block.get("load_in_8bit") is True else None
