"""Tensors of PyTorch inside a pickle, and the storages they reach into.

Spec: pytorch, torch/_utils.py (`_rebuild_*`: what a tensor's pickle calls), torch/_tensor.py `_reduce_ex_internal`
(which of them, with which arguments).

A tensor is a shape with strides over a storage; several may reach into one storage. Quantised tensors carry their
scales in their own arguments, sparse ones count by their dense shape, and wrapper subclasses (torchao's, for example)
state the shape that they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from estimators.errors import MalformedFile
from estimators.formats.pickled.arrays import array_of, elements_of
from estimators.formats.pytorch.storages import QUANTISED, Storage, check_size, dtype_of, storage_of
from estimators.reading.pickle_nodes import Call, Global, Node, get

MAX_WRAPPINGS = 16  # of a tensor in calls that only mark it as a parameter or give it another type


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor.

    Attributes:
        dtype: in the names of dtypes.py.
        shape: dimensions.
        elements: weights it stands for, views not undone.
        storage: where its elements lie; None where they are not reached by strides (sparse, NumPy, wrappers).
        begin: bytes before its first element in the storage `storage.key`.
        width: bytes of an element.
        strides: elements between neighbours, by dimension.
        absent: its elements are not in the file.
    """

    dtype: str
    shape: tuple[int, ...]
    elements: int
    storage: Storage | None = None
    begin: int = 0
    width: int = 1
    strides: tuple[int, ...] = ()
    absent: bool = False


def tensor_of(file: str, node: Call) -> StoredTensor | None:
    """The tensor that a call makes; None where it makes something else.

    Raises:
        MalformedFile: it is one, but its shape or offset is impossible.
    """
    for _ in range(MAX_WRAPPINGS):
        rebuild = _REBUILDS.get(node.path)
        if rebuild is None or not isinstance(node.arguments, tuple):
            return None
        try:
            found = rebuild(file, node)
        except (ValueError, TypeError, IndexError, AttributeError) as exc:
            raise MalformedFile(file, f"arguments of {node.path} are not a tensor's") from exc
        if not isinstance(found, Call):
            return found
        node = found
    return None


def _plain(file: str, node: Call) -> StoredTensor | None:
    """`(storage, offset, size, strides, ...)`; the third version has the dtype after two more, over bytes."""
    storage, offset, size, strides = node.arguments[:4]
    where = storage_of(file, storage)
    if where is None:
        return None
    dtype, width = where.dtype, where.width
    if node.path.endswith("_v3"):
        dtype, width = dtype_of(node.arguments[6]) or (dtype, width)
    size = size_of(size)
    elements = elements_of(file, size)
    check_size(file, "offset of a tensor", offset)
    if not isinstance(strides, tuple) or len(strides) != len(size):
        raise ValueError("strides")
    for stride in strides:
        check_size(file, "stride of a tensor", stride)
    begin = offset * width
    last = sum((dimension - 1) * stride for dimension, stride in zip(size, strides, strict=True))
    if elements and not where.absent and begin + (last + 1) * _least_width(dtype, width) > where.elements * where.width:
        raise MalformedFile(file, f"a tensor of {elements} elements reaches past its storage of {where.elements}")
    count = 2 * elements if dtype == "F4" else elements  # two to a byte, and the shape counts bytes
    return StoredTensor(
        dtype, tuple(size), count, where, where.offset + begin, width, tuple(strides), absent=where.absent
    )


def _least_width(dtype: str, width: int) -> int:
    """Bytes an element takes at least: quantised types pack up to four into a byte, and then shapes count values."""
    return 0 if dtype == QUANTISED and width == 1 else width


def size_of(size: Node) -> tuple[int, ...]:
    """A torch.Size, as the tuple it is written as."""
    if isinstance(size, Call) and isinstance(size.arguments, tuple) and len(size.arguments) == 1:
        size = size.arguments[0]
    if isinstance(size, list):
        size = tuple(size)
    if not isinstance(size, tuple):
        raise TypeError("size")
    return size


def _first(file: str, node: Call) -> Call | StoredTensor | None:  # noqa: ARG001 -- one signature for all
    """A tensor that is only given another type: its first argument."""
    return node.arguments[0] if isinstance(node.arguments[0], Call) else None


def _with_state(file: str, node: Call) -> Call | StoredTensor | None:
    """A parameter with attributes: bitsandbytes keeps there what its packed bytes stand for."""
    data, state = node.arguments[0], node.arguments[3] if len(node.arguments) > 3 else None
    quantised = get(state, "quant_state")
    if isinstance(quantised, Call):
        size = size_of(get(quantised.state, "shape"))
        return StoredTensor(QUANTISED, size, elements_of(file, size))
    if get(state, "has_fp16_weights") is False and isinstance(data, Call) and _REBUILDS.get(data.path) is _plain:
        tensor = _plain(file, data)
        return replace(tensor, dtype=QUANTISED) if tensor is not None and tensor.dtype == "I8" else tensor
    return _first(file, node)


def _from_type(file: str, node: Call) -> Call | StoredTensor | None:
    """`(function, type, arguments, state)`: a subclass; a distributed tensor's own part is in its state."""
    function, kind, arguments = node.arguments[:3]
    state = node.arguments[3] if len(node.arguments) > 3 else None
    if isinstance(kind, Global) and kind.name in ("DTensor", "ShardedTensor"):
        local = get(state[0] if isinstance(state, tuple) and state else state, "_local_tensor")
        if isinstance(local, Call):
            return local
    inner = Call(function, arguments)
    return inner if inner.path in _REBUILDS else _first(file, Call(function, node.arguments[2:3]))


def _sized(position: int) -> Callable[[str, Call], StoredTensor | None]:
    """A tensor that states its dtype and size, beginning with the argument at `position`."""

    def rebuild(file: str, node: Call) -> StoredTensor | None:
        named = dtype_of(node.arguments[position])
        size = size_of(node.arguments[position + 1])
        if named is None or not all(isinstance(dimension, int) for dimension in size):
            return None
        absent = "meta" in node.path
        return StoredTensor(named[0], size, elements_of(file, size), absent=absent)

    return rebuild


def _sparse(file: str, node: Call) -> StoredTensor | None:
    """`(layout, (indices..., values, size, ...))`: the values give the type, and the size is the dense one."""
    parts = node.arguments[1]
    if not isinstance(parts, tuple):
        raise TypeError("parts")
    strided = [part for part in parts if isinstance(part, Call) and _REBUILDS.get(part.path) is _plain]
    tensors = [found for part in strided if (found := _plain(file, part))]
    sizes = [part for part in parts if isinstance(part, tuple | Call) and _is_size(part)]
    if not tensors or not sizes:
        return None
    size = size_of(sizes[-1])
    return StoredTensor(tensors[-1].dtype, size, elements_of(file, size))


def _is_size(node: Node) -> bool:
    if isinstance(node, Call):
        return node.path == "torch.Size"
    return all(isinstance(dimension, int) for dimension in node)


def _nested(file: str, node: Call) -> Call | StoredTensor | None:
    """`(buffer, sizes, strides, offsets)`: the buffer holds all elements."""
    return _first(file, node)


def _from_numpy(file: str, node: Call) -> StoredTensor | None:
    """`(array, dtype, ...)`, of devices whose tensors leave through NumPy."""
    array = array_of(file, node.arguments[0])
    if array is None:
        return _first(file, node)  # type: ignore[return-value]
    named = dtype_of(node.arguments[1])
    return StoredTensor(named[0] if named else array.dtype, array.shape, array.elements)


_UTILS = "torch._utils."
_REBUILDS: Mapping[str, Callable[[str, Call], Call | StoredTensor | None]] = {
    **dict.fromkeys(
        (
            _UTILS + "_rebuild_tensor",
            _UTILS + "_rebuild_tensor_v2",
            _UTILS + "_rebuild_tensor_v3",
            _UTILS + "_rebuild_qtensor",
        ),
        _plain,
    ),
    **dict.fromkeys(
        (
            _UTILS + "_rebuild_parameter",
            _UTILS + "_rebuild_device_tensor_from_cpu_tensor",
            "torch.nn.parameter.Parameter",
            "torch.nn.parameter.Buffer",
            "torch.autograd.variable.Variable",
            "torch.jit._pickle.build_tensor_from_id",
        ),
        _first,
    ),
    **dict.fromkeys(
        (
            _UTILS + "_rebuild_device_tensor_from_numpy",
            _UTILS + "_rebuild_xla_tensor",
            _UTILS + "_rebuild_hpu_tensor",
            _UTILS + "_rebuild_mlc_tensor",
            _UTILS + "_rebuild_ort_tensor",
        ),
        _from_numpy,
    ),
    **dict.fromkeys((_UTILS + "_rebuild_sparse_tensor", _UTILS + "_rebuild_sparse_csr_tensor"), _sparse),
    _UTILS + "_rebuild_parameter_with_state": _with_state,
    _UTILS + "_rebuild_nested_tensor": _nested,
    _UTILS + "_rebuild_meta_tensor_no_storage": _sized(0),
    _UTILS + "_rebuild_wrapper_subclass": _sized(1),
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch._tensor._rebuild_from_type": _from_type,
    "torch.tensor._rebuild_from_type": _from_type,
}
