"""Pickle streams written opcode by opcode, so that no torch, numpy or scikit-learn is needed to write theirs."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scanner.samplehub.files.tensors import Tensor

STORAGES = {
    "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage", "F64": "DoubleStorage",
    "I64": "LongStorage", "I32": "IntStorage", "U8": "ByteStorage", "I8": "CharStorage", "BOOL": "BoolStorage",
}  # fmt: skip
NUMPY = {"F64": "f8", "F32": "f4", "I64": "i8", "I32": "i4"}


class View(NamedTuple):
    """A tensor as a view of a numbered storage: several tensors may reach the same one (tied weights)."""

    tensor: Tensor
    storage: str
    storage_elements: int


def text(value: str) -> bytes:
    """BINUNICODE."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    """BININT1, BININT or LONG1, as the pickler of protocol 2 would choose."""
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    """GLOBAL: what makes pickles dangerous to load."""
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*items: bytes) -> bytes:
    """MARK … TUPLE."""
    return b"(" + b"".join(items) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    """REDUCE: function(*arguments)."""
    return function + tuple_of(*arguments) + b"R"


def dictionary(items: Mapping[str, bytes], into: bytes = b"}") -> bytes:
    """SETITEMS of these items into an empty dict, or into what `into` makes."""
    return into + b"(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def stream(value: bytes) -> bytes:
    """PROTO 2 … STOP."""
    return b"\x80\x02" + value + b"."


ORDERED = call(name("collections", "OrderedDict"))


def torch_tensor(view: View, *, legacy: bool = False) -> bytes:
    """A call of torch._utils._rebuild_tensor_v2 on a persistent storage id."""
    tensor = view.tensor
    identity = [
        text("storage"), name("torch", STORAGES[tensor.dtype]), text(view.storage), text("cpu"),
        number(view.storage_elements),
    ]  # fmt: skip
    if legacy:
        identity.append(b"N")
    strides, step = [], 1
    for extent in reversed(tensor.shape):
        strides.append(step)
        step *= extent
    return call(
        name("torch._utils", "_rebuild_tensor_v2"), tuple_of(*identity) + b"Q", number(0),
        tuple_of(*map(number, tensor.shape)), tuple_of(*map(number, reversed(strides))), b"\x89", ORDERED,
    )  # fmt: skip


def state_dict(views: Mapping[str, View], *, legacy: bool = False) -> bytes:
    """An OrderedDict of tensors."""
    return dictionary({key: torch_tensor(view, legacy=legacy) for key, view in views.items()}, ORDERED)


def numpy_array(tensor: Tensor) -> bytes:
    """A numpy array of zeros, its data inside the pickle."""
    dtype = call(name("numpy", "dtype"), text(NUMPY[tensor.dtype]), b"\x89", b"\x88")
    dtype += tuple_of(number(3), text("<"), b"N", b"N", b"N", number(-1), number(-1), number(0)) + b"b"
    empty = call(
        name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), tuple_of(number(0)), _bytes(b"b")
    )
    shape = tuple_of(*map(number, tensor.shape))
    return empty + tuple_of(number(1), shape, dtype, b"\x89", _bytes(bytes(tensor.nbytes))) + b"b"


def _bytes(value: bytes) -> bytes:
    """SHORT_BINBYTES or BINBYTES (protocol 3 opcodes)."""
    return (b"C" + bytes([len(value)]) if len(value) < 256 else b"B" + struct.pack("<I", len(value))) + value


def instance(module: str, class_name: str, state: Mapping[str, bytes]) -> bytes:
    """An object made without its __init__, then given its attributes."""
    made = call(name("copyreg", "_reconstructor"), name(module, class_name), name("builtins", "object"), b"N")
    return made + dictionary(state) + b"b"


def list_of(items: Sequence[bytes]) -> bytes:
    """EMPTY_LIST … APPENDS."""
    return b"](" + b"".join(items) + b"e"
