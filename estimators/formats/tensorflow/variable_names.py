"""Which variables of a TensorFlow checkpoint are weights, by their names.

Object-based checkpoints (TensorFlow 2) name a variable by its path through the objects, and end in
`/.ATTRIBUTES/VARIABLE_VALUE` (tensorflow/core/protobuf/trackable_object_graph.proto); slots of old optimizers lie
under `/.OPTIMIZER_SLOT/`, those of newer ones under the optimizer itself. Name-based ones (TensorFlow 1) name a slot
as its variable, a slash, and the slot (tensorflow/python/training/slot_creator.py). Keras 3 puts the weights under the
optimizer, where a checkpoint holds both, since that path is the shorter one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_OBJECT_NAME = 64  # characters that are looked at
MAX_DEPTH = 16  # objects above an optimizer
VALUE_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"
SLOT_MARK = "/.OPTIMIZER_SLOT/"
METRICS = "keras_api/metrics/"
BUFFER_LEAVES = frozenset({"moving_mean", "moving_variance", "running_mean", "running_var"})
# What an optimizer object keeps beside its slots; each tells that the object before it is an optimizer.
_OPTIMIZER_SIGNS = ("iter", "_iterations", "iterations", "_learning_rate", "learning_rate", "_current_learning_rate")
_WEIGHTS_OF_OPTIMIZER = "_trainable_variables"  # references to the model's own
# Slots by their last part.
_SLOT = re.compile(
    r"(?:Adam\w*|LAMB\w*|Lamb\w*|Momentum|RMSProp|Adagrad\w*|Adadelta|Ftrl\w*|Adafactor\w*|NovoGrad|LARS\w*|SM3\w*)"
    r"(?:_\d+)?\Z|(?:adam|lamb|adamw)_[mv]\Z",
    re.ASCII,
)
_FUSED_SLOT = re.compile(r".*_slot_(?:m|v|vr|vc)\Z", re.DOTALL)  # Mesh TensorFlow (T5)
# Keras under TensorFlow 1: `training/Adam/<variable>/m`.
_SCOPE = re.compile(r"(?:\A|/)(?:Adam\w*|RMS[pP]rop|SGD|Nadam|Adagrad|Adadelta|Ftrl|LAMB|[oO]ptimizer)(?:_\d+)?/")
_SCOPED_SLOT = re.compile(r"(?:m|v|vhat|rms|mg|momentum|accumulator|accum_grad|accum_var|linear)(?:_\d+)?\Z")
_AVERAGE = re.compile(r"(.*)/(?:ExponentialMovingAverage|exponential_moving_average|ema|EMA)\Z", re.DOTALL)
_EMA_OBJECT = re.compile(r"(?:[^/]*_)?(?:ema|EMA)(?:_[^/]*)?")
# Counters and settings of the training, where they are scalars.
_SETTINGS = frozenset({
    "global_step", "beta1_power", "beta2_power", "learning_rate", "lr", "loss_scale", "save_counter", "step", "iter",
    "good_steps", "current_loss_scale", "decay", "epoch", "iterations", "momentum", "beta_1", "beta_2", "rho",
    "epsilon",
})  # fmt: skip
_COPIES = "_all_variables/"  # Keras 3 exports list every variable a second time


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, as a checkpoint lists it.

    Attributes:
        name: its key.
        dtype: as safetensors would call it.
        shape: of the whole variable, however it is partitioned.
        elements: of that shape.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    elements: int


def split(variables: Sequence[Variable]) -> tuple[list[Variable], int, int]:
    """The weights; and the elements of the trainer's state and of averages of other variables.

    Args:
        variables: floats and quantised integers of one checkpoint.
    """
    names = {variable.name: variable.elements for variable in variables}
    optimizers = _optimizers(names)
    plain = {_own_path(variable) for variable in variables if not _is_ema(variable)}
    weights: list[Variable] = []
    state = averages = 0
    for variable in variables:
        average = _AVERAGE.match(_plain(variable.name))
        if _is_state(variable, names, optimizers):
            state += variable.elements
        elif (average and average[1] in names) or (_is_ema(variable) and _own_path(variable) in plain):
            averages += variable.elements
        else:
            weights.append(variable)
    originals = _without_copies(weights)
    averages += sum(variable.elements for variable in weights) - sum(variable.elements for variable in originals)
    return originals, state, averages


def _is_ema(variable: Variable) -> bool:
    """Whether the first object of a variable's path is named as averages of another."""
    return bool(_EMA_OBJECT.fullmatch(variable.name.partition("/")[0][:MAX_OBJECT_NAME]))


def _own_path(variable: Variable) -> tuple[str, int]:
    """A variable's path inside its first object, and its size: what it has in common with its average."""
    return variable.name.partition("/")[2], variable.elements


def is_buffer(name: str) -> bool:
    """Whether a variable is BatchNorm's statistics."""
    return _plain(name).rpartition("/")[2] in BUFFER_LEAVES


def optimizer_marks(name: str) -> bool:
    """Whether a variable of any type tells that the object it belongs to is an optimizer."""
    return name.endswith(VALUE_ENDING) and _plain(name).rpartition("/")[2] in _OPTIMIZER_SIGNS


def _plain(name: str) -> str:
    return name.removesuffix(VALUE_ENDING)


def _optimizers(names: Iterable[str]) -> set[str]:
    """Paths of the optimizer objects, each with a slash at its end."""
    found = {"optimizer/"}
    for name in names:
        if optimizer_marks(name):
            found.add(_plain(name).rpartition("/")[0] + "/")
    found.discard("/")
    return found


def _is_state(variable: Variable, names: dict[str, int], optimizers: set[str]) -> bool:
    name = variable.name
    if SLOT_MARK in name or name.startswith(METRICS) or f"/{METRICS}" in name:
        return True
    plain = _plain(name)
    stem, _, leaf = plain.rpartition("/")
    if not variable.shape and leaf in _SETTINGS:
        return True
    if name.endswith(VALUE_ENDING):
        return any(_is_of_optimizer(plain, path, variable) for path in _prefixes(plain) if path in optimizers)
    if names.get(stem) == variable.elements and not _AVERAGE.match(plain):
        return True  # named below a variable of the same size: a slot
    return bool(
        _SLOT.match(leaf) or _FUSED_SLOT.match(leaf) or (_SCOPED_SLOT.match(leaf) and _SCOPE.search(f"{stem}/"))
    )


def _prefixes(path: str) -> Iterable[str]:
    at = -1
    for _ in range(MAX_DEPTH):
        at = path.find("/", at + 1)
        if at < 0:
            return
        yield path[: at + 1]


def _is_of_optimizer(plain: str, optimizer: str, variable: Variable) -> bool:
    own = plain.removeprefix(optimizer)
    if own.startswith(_WEIGHTS_OF_OPTIMIZER):
        return False
    return own.startswith("_") or not variable.shape or own.partition("/")[0] in _SETTINGS


def _without_copies(weights: list[Variable]) -> list[Variable]:
    """The weights without a second list of the same, where every entry of that has its like."""
    copies = [variable for variable in weights if variable.name.startswith(_COPIES)]
    others = [variable for variable in weights if not variable.name.startswith(_COPIES)]
    missing = Counter(variable.shape for variable in copies) - Counter(variable.shape for variable in others)
    return others if copies and not missing else weights
