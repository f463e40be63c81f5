"""Networks that are compiled for a device and lie, whole, in the options of one operator of a TensorFlow Lite model.

Spec: tensorflow/lite/schema/schema.fbs, `Operator.custom_options`; google-ai-edge/LiteRT, litert/core: the operator
DISPATCH_OP refers to code behind the FlatBuffer. What the compilers write is not public, so that its size is the bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from estimators.errors import MalformedFile
from estimators.reading.flatbuffer import Flatbuffer

MAX_OPERATORS = 50_000
MAX_CODES = 4_096
LARGEST_OPTIONS_BYTES = 64 * 1024  # of an operator's own options; more is a compiled network
DISPATCH = "DISPATCH_OP"  # LiteRT's operator for a compiled network, whose code lies behind the FlatBuffer
PER_BYTE = {"edgetpu-custom-op": 1}  # weights in a byte of options; the Edge TPU has none of less than a byte
MOST_PER_BYTE = 8

# Fields by number, as the schema orders them.
MODEL_CODES, CODE_CUSTOM, SUBGRAPH_OPERATORS = 1, 1, 3
OPERATOR_CODE, OPERATOR_OPTIONS, OPERATOR_LARGE_OPTIONS = 0, 5, 10


def lists_of(flat: Flatbuffer, subgraphs: Sequence[int], number: int, most: int, what: str) -> list[list[int]]:
    """The tensors or operators of all subgraphs.

    Raises:
        MalformedFile: they are too many; subgraphs may share one list, so that few bytes claim many items.
    """
    total = sum(flat.count(place, number, what) for place in subgraphs)
    if total > most:
        raise MalformedFile(flat.name, f"has {total} {what}; at most {most} are read")
    return [flat.tables(place, number, most, f"a subgraph's list of {what}") for place in subgraphs]


def most_parameters(flat: Flatbuffer, root: int, subgraphs: Sequence[int], filled: int) -> tuple[int, str]:
    """Parameters at most in compiled networks, and a note about them.

    Args:
        flat: the model.
        root: its root table.
        subgraphs: its subgraphs.
        filled: bytes of the buffers that were counted.
    """
    codes = flat.tables(root, MODEL_CODES, MAX_CODES, "the list of operator codes")
    custom = {
        index: flat.string(code, CODE_CUSTOM, "an operator's name")
        for index, code in enumerate(codes)
        if flat.field(code, CODE_CUSTOM)
    }
    if not custom:
        return 0, ""
    if DISPATCH in custom.values():
        unknown = max((flat.size or 2**32) - filled, 0)
        return MOST_PER_BYTE * unknown, "compiled for a device: what its code holds is bounded by the file's size"
    total = 0
    for operators in lists_of(flat, subgraphs, SUBGRAPH_OPERATORS, MAX_OPERATORS, "operators"):
        for place in operators:
            name = custom.get(flat.uint32(flat.field(place, OPERATOR_CODE)))
            if name is not None:
                total += _option_bytes(flat, place) * PER_BYTE.get(name, MOST_PER_BYTE)
    return total, "an operator is compiled for a device: what it holds is bounded by its size" if total else ""


def _option_bytes(flat: Flatbuffer, operator: int) -> int:
    length = flat.count(operator, OPERATOR_OPTIONS, "an operator's options")
    large = flat.uint64(flat.field(operator, OPERATOR_LARGE_OPTIONS))
    total = length + (large if flat.size is None else min(large, flat.size))
    return total if total > LARGEST_OPTIONS_BYTES else 0
