"""What the formats of PaddlePaddle have in common: its element types, and the sum over variables.

Spec: PaddlePaddle/Paddle, paddle/fluid/framework/framework.proto (`VarType.Type`), paddle/common and
paddle/fluid/pir/serialize_deserialize (types of `inference.json`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from estimators import packing, results
from estimators.bounds import Interval
from estimators.dtypes import Kind, kind_of
from estimators.errors import MalformedFile

MAX_DIMENSIONS = 64
# VarType.Type: element types, with their bytes.
DTYPES = {
    0: "BOOL", 1: "I16", 2: "I32", 3: "I64", 4: "F16", 5: "F32", 6: "F64", 19: "U64", 20: "U8", 21: "I8", 22: "BF16",
    23: "C64", 24: "C128", 32: "F8_E4M3", 33: "F8_E5M2",
}  # fmt: skip
ELEMENT_BYTES = {
    "BOOL": 1, "I16": 2, "I32": 4, "I64": 8, "F16": 2, "F32": 4, "F64": 8, "U64": 8, "U8": 1, "I8": 1, "BF16": 2,
    "C64": 8, "C128": 16, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
# The second part of a program's persistable variables while it trains: moments, powers and rates.
_TRAINER_STATE = re.compile(
    r".*_(?:moment\d?(?:_max)?|beta[12]_pow_acc|velocity|inf_norm|mean_square|mean_grad|momentum|avg_squared_\w+|squared|"
    r"linear|fp32_master|master_weight)_\d+\Z|learning_rate_\d+\Z|@LR_\w+@|.*loss_scaling_\d+\Z|.*num_(?:good|bad)_steps_\d+\Z",
    re.DOTALL,
)
_BUFFER = re.compile(r".*(?:\._mean|\._variance|batch_norm\w*\.w_[12])\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Variable:
    """One stored variable; its name is empty where the format has none."""

    name: str
    dtype: str
    elements: int


@dataclass(slots=True)
class Sums:
    """Elements of one file's variables.

    Attributes:
        floats: that count.
        integers: of a byte: weights, if they are quantised.
        stored: of all types.
        buffers: BatchNorm's statistics, which are included.
        state: of the training, which does not count.
    """

    floats: int = 0
    integers: int = 0
    stored: int = 0
    buffers: int = 0
    state: int = 0

    def add(self, variable: Variable) -> None:
        """Count one variable."""
        self.stored += variable.elements
        if _TRAINER_STATE.match(variable.name):
            self.state += variable.elements
        elif kind_of(variable.dtype) is Kind.FLOAT:
            self.floats += variable.elements
            self.buffers += variable.elements if is_buffer(variable.name) else 0
        elif variable.dtype == "I8":
            self.integers += variable.elements

    def interval(self, *, quantised: bool | None) -> Interval:
        """The count, where integers of a byte are quantised weights, are not, or (None) may be."""
        low = self.floats + (self.integers if quantised else 0)
        return Interval(low, self.floats + (self.integers if quantised is not False else 0))


def is_buffer(name: str) -> bool:
    """Whether a variable is BatchNorm's statistics."""
    return bool(_BUFFER.match(name)) or packing.is_buffer(name, ())


def elements_of(file: str, name: str, shape: Sequence[int]) -> int:
    """Elements of a shape.

    Raises:
        MalformedFile: no stored tensor can have it.
    """
    elements = 1
    for dimension in shape:
        if dimension < 0:
            raise MalformedFile(file, f"variable {name[:80]!r} has the dimension {dimension}")
        elements *= dimension
        if elements >= results.MAX_ELEMENTS:
            raise MalformedFile(file, f"variable {name[:80]!r} has 2^63 elements or more")
    if len(shape) > MAX_DIMENSIONS:
        raise MalformedFile(file, f"variable {name[:80]!r} has {len(shape)} dimensions")
    return elements
