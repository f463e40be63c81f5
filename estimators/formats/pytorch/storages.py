"""Storages of PyTorch, as a pickle names them, and the element types.

Spec: pytorch, torch/serialization.py `persistent_id` (how a storage is named), torch/storage.py (storages that are
pickled by themselves), c10/core/ScalarType.h (element types).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from estimators.errors import MalformedFile
from estimators.reading.pickle_nodes import Call, Global, Node, Payload, PersistentId, get, walk
from estimators.results import MAX_ELEMENTS

# Packed integers with the scale beside them, inside the tensor: a type that packing.py counts as one weight an element.
QUANTISED = "F8_E4M3"

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
    check_size(file, "elements of a storage", elements)
    offset, whole = 0, elements * width
    if view and isinstance(view[0], tuple) and len(view[0]) == 3:  # (key, offset, size) in another storage
        check_size(file, "offset of a storage", view[0][1])
        check_size(file, "elements of a storage", view[0][2])
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


def check_size(file: str, what: str, value: Node) -> None:
    """Raise if a number is no size."""
    if not isinstance(value, int) or not 0 <= value < MAX_ELEMENTS:
        raise MalformedFile(file, f"{what}: no size between 0 and 2^63")


def storage_bytes(file: str, value: Node) -> dict[str, int]:
    """Every storage that the pickle names, those of trainer state included: key to bytes in the file."""
    found: dict[str, int] = {}
    for node in walk(value):
        storage = storage_of(file, node) if isinstance(node, PersistentId) else None
        if storage is not None and not storage.absent:
            found[storage.key] = max(found.get(storage.key, 0), storage.whole)
    return found
