"""The tensors of a checkpoint with the path of keys and attributes that leads to each, trainer state left out.

A checkpoint is whatever somebody saved: a state dict, dictionaries and lists of them, whole modules (their class is
only a name here; parameters, buffers and submodules are in their state), objects of any other class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from estimators.errors import BudgetExceeded
from estimators.formats.pickled.arrays import Array, array_of
from estimators.formats.pytorch.storages import storage_of
from estimators.formats.pytorch.tensors import StoredTensor, tensor_of
from estimators.reading.pickle_nodes import Call, Dict, Global, Node, PersistentId, Set, get, pairs_of

BATCH = 1000  # items of a list that wait to be looked at
MAX_WORK = 2_500_000  # items that objects hold, in a second; a hostile file shares one list among thousands
MOST_PARTS = 10  # of arguments or a state, which are looked into
MAX_DEPTH = 64  # keys of a path; deeper ones add nothing to a name

# Keys of what a training run keeps beside the weights.
TRAINER_KEYS = re.compile(
    r"(?:.*[._-])?(?:optim(?:s|izers?|isers?)?(?:[._-]?(?:states?|dict|[gd]|\d+|gen|disc))*|opt_states?|optim\w*_state\w*|"
    r"(?:lr_?)?sched(?:s|ulers?)?(?:[._-]?(?:states?|dict|[gd]|\d+|gen|disc))*|(?:grad_?|loss_?|amp_?)?scaler(?:_?states?)?"
    r"(?:_dict)?|amp(?:_state)?|native_amp_scaling_state|amp_scaling_state|(?:\w*_)?rng(?:_?states?)?(?:_\w+)?|"
    r"random_states?|callbacks?|loops|replay_?(?:buffer|memory)|hyper_?parameters|hparams|dls|data_?loaders?|"
    r"(?:train|val|valid|test)_?(?:loader|dataset|data|dl|ds)|lr_monitor|"
    r"sampler_?(?:state)?|message_hub|extra_state|task_state|mixedprecisionplugin|mixedprecision)"
)
_OPTIMIZER_MODULES = ("torch.optim.", "apex.optimizers.", "bitsandbytes.optim.", "torch.cuda.amp.", "torch.amp.")
_OPTIMIZER_CLASS = re.compile(r"(?:.*Optimizer|.*Scheduler|.*LR|Adam\w*|SGD|RMSprop|RAdam|Adafactor|Lion\w*|LAMB)\Z")
_MOMENTS = frozenset({"exp_avg", "exp_avg_sq", "momentum_buffer", "square_avg"})
_REGISTERED = frozenset({"_parameters", "_buffers", "_modules"})
# What a module keeps that is neither weights nor modules.
_HOOKS = re.compile(r"_\w*hooks\w*|_non_persistent_buffers_set|_is_full_backward_hook")
# Plain attributes of modules that hold no weights: what detectors compute from an image's size (ultralytics, YOLOv5 and
# kin), scales of bitsandbytes' layers, and the loss of a training run.
_COMPUTED = frozenset({
    "anchors", "strides", "stride", "grid", "anchor_grid", "shape", "quant_state", "state", "criterion", "loss_fn",
})  # fmt: skip


class Path(NamedTuple):
    """Where a node was found.

    Attributes:
        before: the path to what holds it.
        name: key or attribute.
        depth: how many names.
        keys: how many of them are keys of dictionaries and lists, before the first module.
        attribute: it lies in the attributes of an object that is no module.
    """

    before: Path | None
    name: str
    depth: int
    keys: int
    attribute: bool = False


ROOT = Path(None, "", 0, 0)


@dataclass(slots=True)
class _Rest:
    """What is still to be looked at of a long list."""

    items: Sequence[Node]
    start: int


class Leaf(NamedTuple):
    """One tensor.

    Attributes:
        path: keys and attributes that lead to it, the outermost first.
        keys: how many of these are keys of dictionaries and lists, before the first module.
        tensor: what is stored; NumPy arrays as tensors without a storage.
        doubt: it may be no weight, such as a plain attribute of a module.
        array: it is NumPy's.
        attribute: it lies in an object that is no module.
    """

    path: tuple[str, ...]
    keys: int
    tensor: StoredTensor
    doubt: bool = False
    array: bool = False
    attribute: bool = False


@dataclass(slots=True)
class Walk:
    """All tensors below one object, each node once.

    Attributes:
        file: for messages.
        outside: tensors that the pickle only names, by persistent identifier.
        left_out: keys of trainer state that was met.
    """

    file: str
    outside: Mapping[str, StoredTensor] = field(default_factory=dict)
    left_out: dict[str, None] = field(default_factory=dict)
    _work: int = 0
    _seen: set[int] = field(default_factory=set)
    _made: list[Node] = field(default_factory=list)  # kept, since nodes are told apart by identity
    _aside: list[tuple[Node, Path]] = field(default_factory=list)
    _later: list[tuple[Node, Path]] = field(default_factory=list)
    _waiting: list[tuple[Node, Path]] = field(default_factory=list)

    def leaves(self, root: Node) -> Iterator[Leaf]:
        """Certain ones first, so that what others share with them is theirs.

        Raises:
            MalformedFile: a tensor's shape is impossible.
        """
        self._waiting.append((root, ROOT))
        yield from self._drain(doubt=False, postpone=True)
        self._waiting, self._aside = self._aside, []
        yield from self._drain(doubt=False)
        self._waiting, self._later = self._later, []
        yield from self._drain(doubt=True)

    def _drain(self, *, doubt: bool, postpone: bool = False) -> Iterator[Leaf]:
        while self._waiting:
            node, path = self._waiting.pop()
            if isinstance(node, _Rest):
                self._waiting.extend(_batch(node.items, node.start, path))
                continue
            if node is None or isinstance(node, str | int | float | bytes | Global) or id(node) in self._seen:
                continue
            leaf = self._leaf(node)
            if leaf is not None and path.attribute and postpone:
                self._aside.append((node, path))
                continue
            self._seen.add(id(node))
            if leaf is not None:
                yield Leaf(_names(path), path.keys, leaf[0], doubt, leaf[1], path.attribute)
            else:
                self._waiting.extend(reversed(self._inside(node, path)))

    def _leaf(self, node: Node) -> tuple[StoredTensor, bool] | None:
        if isinstance(node, Call):
            self._spend(node)
            tensor = tensor_of(self.file, node)
            if tensor is not None:
                return tensor, False
            array = array_of(self.file, node)
            if array is not None and not array.items:
                return _of_array(array), True
        elif isinstance(node, PersistentId):
            known = self.outside.get(str(node.value)) if isinstance(node.value, int | str) else None
            if known is not None:
                return known, False
            storage = storage_of(self.file, node)
            if storage is not None:  # saved by itself
                shape, width = (storage.elements,), storage.width
                return StoredTensor(
                    storage.dtype, shape, storage.elements, storage, storage.offset, width, (1,), absent=storage.absent
                ), False
        return None

    def _spend(self, node: Call) -> None:
        """Note what looking at an object takes: all that it holds, though other objects may hold the same.

        Raises:
            BudgetExceeded: it was too much over all objects.
        """
        for part in (node.arguments, node.state):
            self._work += _length(part)
            if isinstance(part, tuple | list):
                self._work += sum(map(_length, part[:MOST_PARTS]))
        if self._work > MAX_WORK:
            raise BudgetExceeded(self.file, f"objects of the pickle share what has more than {MAX_WORK} items")

    def _inside(self, node: Node, path: Path) -> list[tuple[Node, Path]]:
        if isinstance(node, Dict):
            return self._mapping(node, path)
        if isinstance(node, tuple | list):
            return _batch(node, 0, path)[::-1]
        if isinstance(node, Set):
            return [(item, path) for item in node.items]
        return self._object(node, path) if isinstance(node, Call) else []

    def _mapping(self, node: Node, path: Path) -> list[tuple[Node, Path]]:
        keys = {key for key, _ in pairs_of(node) if isinstance(key, str) and len(key) < 20}
        of_optimizer = "state" in keys and keys & {"param_groups", "hypers"}  # its state dict, whatever it is called
        if of_optimizer or ("step" in keys and keys & _MOMENTS):  # or what it keeps of one parameter
            self.left_out.setdefault(path.name or "optimizer")
            return []
        if keys >= _REGISTERED:  # the attributes of a module, as StyleGAN's networks are kept
            return self._module(node, path)
        if {"W_q", "meta"} <= keys:
            return self._packed_by_hqq(node, path)
        inner = []
        for key, value in pairs_of(node):
            name = key if isinstance(key, str) else str(key) if isinstance(key, int) else "key"
            if TRAINER_KEYS.fullmatch(name.lower()[:100]) and not self._is_tensor(value):
                self.left_out.setdefault(name)
            else:
                inner.append((value, _below(path, name)))
        return inner

    def _packed_by_hqq(self, node: Node, path: Path) -> list[tuple[Node, Path]]:
        """A layer that HQQ packed: `meta` states the shape that `W_q` stands for, and holds scales and zero points."""
        shape = get(get(node, "meta"), "shape")
        stated = Call(Global("torch._utils", "_rebuild_wrapper_subclass"), (None, Global("torch", "qint8"), shape))
        packed = stated if shape is not None else get(node, "W_q")
        self._made.append(stated)
        others = [(key, value) for key, value in pairs_of(node) if isinstance(key, str) and key not in ("W_q", "meta")]
        return [(packed, _below(path, "weight")), *((value, _below(path, key)) for key, value in others)]

    def _is_tensor(self, node: Node) -> bool:
        if not isinstance(node, Call):
            return False
        self._spend(node)
        return tensor_of(self.file, node) is not None

    def _object(self, node: Call, path: Path) -> list[tuple[Node, Path]]:
        name = node.path
        if name.startswith(_OPTIMIZER_MODULES) or _OPTIMIZER_CLASS.match(name.rpartition(".")[2]):
            self.left_out.setdefault(name)
            return []
        array = array_of(self.file, node)
        if array is not None:  # of objects, which may be anything
            return [(item, path) for item in array.items]
        state = node.state
        parts = list(state) if isinstance(state, tuple) and len(state) == 2 else [state]  # and of `__slots__`
        attributes = parts[0]
        if any(key in ("_modules", "_parameters") for key, _ in pairs_of(attributes)):
            return self._module(attributes, path)
        inner = [(item, path) for item in (node.arguments, node.keywords)]
        inner += [(item, _below(path, str(index))) for index, item in enumerate(node.items or ())]
        if node.pairs:
            inner += self._mapping(node, path)
        inside = path._replace(attribute=True)
        return inner + [(part, inside) for part in parts]

    def _module(self, attributes: Node, path: Path) -> list[tuple[Node, Path]]:
        """A module: its parameters, buffers and submodules; what else it keeps is looked at last, with doubt."""
        inner: list[tuple[Node, Path]] = []
        others: list[tuple[str, Node]] = []
        for key, value in pairs_of(attributes):
            if not isinstance(key, str):
                continue
            if key in _REGISTERED:
                self._work += _length(value)
                named = ((name, item) for name, item in pairs_of(value) if isinstance(name, str))
                inner += [(item, _below(path, name, key=False)) for name, item in named]
            elif key == "_packed_params":  # weight and bias of a quantised layer
                inner.append((value, _below(path, key, key=False)))
            elif not _HOOKS.fullmatch(key[:100]) and key not in _COMPUTED:
                others.append((key, value))
        known = {place.name for _, place in inner}
        # `weight` is computed from `weight_g` and `weight_v`, or from `weight_orig`, where those are parameters.
        plain = [pair for pair in others if not known & {pair[0] + "_g", pair[0] + "_orig"}]
        self._later += [(value, _below(path, key, key=False)) for key, value in plain]
        return inner


def _of_array(array: Array) -> StoredTensor:
    return StoredTensor(array.dtype, array.shape, array.elements)


def _below(path: Path, name: str, *, key: bool = True) -> Path:
    """The path to something in what lies at `path`; `key` says whether it is held by a key or by a module."""
    if path.depth >= MAX_DEPTH:
        return path
    keys = path.keys + (key and path.keys == path.depth)
    return Path(path, name, path.depth + 1, keys, path.attribute and key)


def _length(node: Node) -> int:
    """Items of a container."""
    if isinstance(node, tuple | list):
        return len(node)
    if isinstance(node, Dict):
        return len(node.flat)
    return len(node.pairs or ()) if isinstance(node, Call) else 0


def _batch(items: Sequence[Node], start: int, path: Path) -> list[tuple[Node, Path]]:
    """The next items of a list, the last one first: a batch at a time, since paths take memory."""
    stop = min(start + BATCH, len(items))
    batch: list[tuple[Node, Path]] = [(_Rest(items, stop), path)] if stop < len(items) else []
    for index in range(stop - 1, start - 1, -1):
        item = items[index]
        if item is None or isinstance(item, str | int | float | bytes | Global):
            continue
        if index == start or item is not items[index - 1]:
            batch.append((item, _below(path, str(index))))
    return batch


def _names(path: Path) -> tuple[str, ...]:
    names = []
    while path.before is not None:
        names.append(path.name)
        path = path.before
    return tuple(reversed(names))
