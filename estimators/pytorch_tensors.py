"""Tensors of PyTorch inside a pickle, and the storages they reach into.

Spec: pytorch, torch/_utils.py (`_rebuild_*`: what a tensor's pickle calls), torch/_tensor.py `_reduce_ex_internal`
(which of them, with which arguments), torch/serialization.py `persistent_id` (how a storage is named),
torch/storage.py, c10/core/ScalarType.h (element types).

A tensor is a shape with strides over a storage; several may reach into one storage. Quantised tensors carry their
scales in their own arguments, sparse ones count by their dense shape, and wrapper subclasses (torchao's, for example)
state the shape that they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from estimators.errors import MalformedFile
from estimators.pickle_nodes import Call, Global, Node, Payload, PersistentId, get, walk
from estimators.pickled_arrays import array_of, elements_of
from estimators.results import MAX_ELEMENTS

# Packed integers with the scale beside them, inside the tensor: a type that packing.py counts as one weight an element.
QUANTISED = "F8_E4M3"
MAX_WRAPPINGS = 16  # of a tensor in calls that only mark it as a parameter or give it another type

# Element types by torch's names of dtypes: name in dtypes.py and bytes.
DTYPES: Mapping[str, tuple[str, int]] = {
    "float32": ("F32", 4), "float": ("F32", 4), "float64": ("F64", 8), "double": ("F64", 8), "float16": ("F16", 2),
    "half": ("F16", 2), "bfloat16": ("BF16", 2), "complex32": ("C32", 4), "chalf": ("C32", 4), "complex64": ("C64", 8),
    "cfloat": ("C64", 8), "complex128": ("C128", 16), "cdouble": ("C128", 16), "uint8": ("U8", 1), "int8": ("I8", 1),
    "int16": ("I16", 2), "short": ("I16", 2), "int32": ("I32", 4), "int": ("I32", 4), "int64": ("I64", 8),
    "long": ("I64", 8), "uint16": ("U16", 2), "uint32": ("U32", 4), "uint64": ("U64", 8), "bool": ("BOOL", 1),
    "float8_e4m3fn": ("F8_E4M3", 1), "float8_e5m2": ("F8_E5M2", 1), "float8_e4m3fnuz": ("F8_E4M3FNUZ", 1),
    "float8_e5m2fnuz": ("F8_E5M2FNUZ", 1), "float8_e8m0fnu": ("F8_E8M0", 1), "float4_e2m1fn_x2": ("F4", 1),
    "qint8": (QUANTISED, 1), "quint8": (QUANTISED, 1), "qint32": (QUANTISED, 4), "quint4x2": (QUANTISED, 1),
    "quint2x4": (QUANTISED, 1),
}  # fmt: skip
# Element types by the names of storage classes, without `Storage`.
STORAGES = {
    "Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64", "Int": "int32",
    "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool", "ComplexFloat": "complex64",
    "ComplexDouble": "complex128", "QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2",
    "QUInt2x4": "quint2x4",
}  # fmt: skip
UNTYPED = ("uint8", "U8", 1)  # storages that are only bytes: their tensors state the type
UNKNOWN = ("", "unknown", 1)
# The class of a storage that was saved as a file of its own inside the pickle.
_STORAGE_GLOBAL = re.compile(rb"ctorch(?:\.\w+)?\n(\w{1,20})Storage\n")


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of elements in the file.

    Attributes:
        key: what tells it from others; storages that are views of another have that one's.
        dtype: element type in the names of dtypes.py.
        width: bytes of an element.
        elements: how many.
        offset: bytes before it in the storage that it is a view of.
        whole: bytes of that storage, or of this one.
        absent: on torch's `meta` device: it has no bytes in the file.
    """

    key: str
    dtype: str
    width: int
    elements: int
    offset: int = 0
    whole: int = 0
    absent: bool = False


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


def storage_of(file: str, node: Node) -> Storage | None:
    """The storage that a node stands for; None where it is none.

    Raises:
        MalformedFile: its size is none.
    """
    if isinstance(node, Call):
        return _wrapped_storage(file, node)
    value = node.value if isinstance(node, PersistentId) else None
    if not isinstance(value, tuple) or len(value) < 5 or value[0] != "storage":
        return None
    _, kind, key, location, elements, *view = value
    _, dtype, width = _storage_type(kind)
    _check_size(file, "elements of a storage", elements)
    offset, whole = 0, elements * width
    if view and isinstance(view[0], tuple) and len(view[0]) == 3:  # (key, offset, size) in another storage
        _check_size(file, "offset of a storage", view[0][1])
        _check_size(file, "elements of a storage", view[0][2])
        offset, elements = view[0][1] * width, view[0][2]
    return Storage(_text(key), dtype, width, elements, offset, whole, absent=location == "meta")


def _wrapped_storage(file: str, node: Call) -> Storage | None:
    """A storage inside a call: bytes of a whole file of their own, or with its type beside it."""
    arguments = node.arguments if isinstance(node.arguments, tuple) else ()
    if node.path == "torch.storage._load_from_bytes" and arguments:
        data = arguments[0]
        held = data.length if isinstance(data, Payload) else len(data) if isinstance(data, bytes) else 0
        named = _STORAGE_GLOBAL.search(data.head if isinstance(data, Payload) else data if held else b"")
        _, dtype, width = _storage_type(Global("torch", named[1].decode("ascii"))) if named else UNKNOWN
        return Storage(f"bytes {id(node)}", dtype, width, max(held, 0) // width)
    if node.path in ("torch.storage.TypedStorage", "torch.storage._TypedStorage") and node.state is not None:
        inner = get(node.state, "_untyped_storage") or get(node.state, "_storage")
        storage = storage_of(file, inner) if isinstance(inner, PersistentId) else None
        typed = dtype_of(get(node.state, "dtype"))
        if storage and typed:
            return Storage(storage.key, *typed, storage.elements * storage.width // typed[1], storage.offset)
        return storage
    return None


def _storage_type(kind: Node) -> tuple[str, str, int]:
    name = kind.name.removesuffix("Storage") if isinstance(kind, Global) else ""
    known = STORAGES.get(name)
    return (known, *DTYPES[known]) if known else UNTYPED


def dtype_of(node: Node) -> tuple[str, int] | None:
    """A torch dtype by its global, or as the text that some writers leave."""
    name = node.name if isinstance(node, Global) and node.module == "torch" else node
    return DTYPES.get(name.removeprefix("torch.")) if isinstance(name, str) else None


def _text(key: Node) -> str:
    return key if isinstance(key, str) else str(key) if isinstance(key, int) else f"object {id(key)}"


def _check_size(file: str, what: str, value: Node) -> None:
    if not isinstance(value, int) or not 0 <= value < MAX_ELEMENTS:
        raise MalformedFile(file, f"{what}: no size between 0 and 2^63")


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
    _check_size(file, "offset of a tensor", offset)
    if not isinstance(strides, tuple) or len(strides) != len(size):
        raise ValueError("strides")
    for stride in strides:
        _check_size(file, "stride of a tensor", stride)
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
            _UTILS + "_rebuild_parameter_with_state",
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
    _UTILS + "_rebuild_nested_tensor": _nested,
    _UTILS + "_rebuild_meta_tensor_no_storage": _sized(0),
    _UTILS + "_rebuild_wrapper_subclass": _sized(1),
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch._tensor._rebuild_from_type": _from_type,
    "torch.tensor._rebuild_from_type": _from_type,
}


def storage_bytes(file: str, value: Node) -> dict[str, int]:
    """Every storage that the pickle names, those of trainer state included: key to bytes in the file."""
    found: dict[str, int] = {}
    for node in walk(value):
        storage = storage_of(file, node) if isinstance(node, PersistentId) else None
        if storage is not None and not storage.absent:
            found[storage.key] = max(found.get(storage.key, 0), storage.whole)
    return found
