"""Element types by the names that safetensors and the Hub's listing use, and what each can stand for.

Spec: huggingface/safetensors, `Dtype` in safetensors/src/tensor.rs. Other formats map their types to these names.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache


class Kind(Enum):
    """What an element of a type is, for counting."""

    FLOAT = "float"  # counts
    SCALE = "scale"  # an exponent without a mantissa: only ever the scale of something else
    SUB_BYTE = "sub-byte"  # an integer of less than a byte: a quantised weight by the contract
    INTEGER = "integer"  # counts only as a quantised weight
    BOOLEAN = "boolean"  # never counts
    UNKNOWN = "unknown"  # may be any of these


# Bits per element; None in `bits_of` for every other name.
BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip

_FLOAT_NAME = re.compile(r"(?:B?F|C)\d", re.ASCII)  # F16, BF16, C128, F8_E4M3FN, ...
_INTEGER_NAME = re.compile(r"[IU](\d+)\Z", re.ASCII)
_NARROW_FLOAT = re.compile(r"F[468](?:_|\Z)", re.ASCII)  # F4, F6_*, F8_*: in use only together with scales


def bits_of(dtype: str) -> int | None:
    """Bits per element; None for a type that the reference reader does not know."""
    return BITS.get(dtype)


@lru_cache(maxsize=256)  # asked for every tensor; a file has few types
def kind_of(dtype: str) -> Kind:
    """What an element of this type is; names outside the specification are judged by how they begin."""
    if dtype == "F8_E8M0":
        return Kind.SCALE
    if dtype == "BOOL":
        return Kind.BOOLEAN
    if _FLOAT_NAME.match(dtype):
        return Kind.FLOAT
    integer = _INTEGER_NAME.match(dtype)
    if integer:
        return Kind.SUB_BYTE if len(integer[1]) < 3 and int(integer[1]) < 8 else Kind.INTEGER
    return Kind.UNKNOWN


@lru_cache(maxsize=256)
def is_narrow_float(dtype: str) -> bool:
    """Whether the type is a float of at most eight bits, which quantised checkpoints store beside scales."""
    return bool(_NARROW_FLOAT.match(dtype)) and dtype != "F8_E8M0"


@lru_cache(maxsize=256)
def most_weights_per_element(dtype: str) -> int:
    """Upper bound of the weights that one stored element can stand for: one per bit."""
    known = BITS.get(dtype)
    if known is not None:
        return known
    integer = _INTEGER_NAME.match(dtype)
    return int(integer[1]) if integer and len(integer[1]) < 4 else 64


@lru_cache(maxsize=256)
def is_float(dtype: str) -> bool:
    """Whether the type is a float of any width."""
    return kind_of(dtype) is Kind.FLOAT
