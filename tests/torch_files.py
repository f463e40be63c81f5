"""Writes PyTorch's files without PyTorch: pickles put together opcode by opcode, in zips or in the legacy stream."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

ITEM_BYTES = {"Float": 4, "Half": 2, "Double": 8, "Long": 8, "Byte": 1, "Char": 1, "Int": 4, "Bool": 1, "QInt8": 1}
MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    raw = value.to_bytes(max(1, (value.bit_length() + 8) // 8), "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def sizes(values: Sequence[int]) -> bytes:
    return tuple_of(*map(number, values))


def dictionary(pairs: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs.items()) + b"u"


def list_of(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def name(path: str) -> bytes:
    module, _, last = path.rpartition(".")
    return b"c" + module.encode() + b"\n" + last.encode() + b"\n"


def call(path: str, *arguments: bytes) -> bytes:
    return name(path) + tuple_of(*arguments) + b"R"


def instance(path: str, state: bytes) -> bytes:
    return name(path) + b")\x81" + state + b"b"


def storage(key: str, elements: int, kind: str = "Float", location: str = "cpu") -> bytes:
    parts = (text("storage"), name(f"torch.{kind}Storage"), text(key), text(location), number(elements))
    return tuple_of(*parts) + b"Q"


def contiguous(shape: Sequence[int]) -> list[int]:
    strides: list[int] = []
    step = 1
    for dimension in reversed(shape):
        strides.insert(0, step)
        step *= dimension
    return strides


def tensor(
    key: str,
    shape: Sequence[int],
    kind: str = "Float",
    *,
    held: int | None = None,
    offset: int = 0,
    strides: Sequence[int] | None = None,
    location: str = "cpu",
) -> bytes:
    elements = 1
    for dimension in shape:
        elements *= dimension
    where = storage(key, elements if held is None else held, kind, location)
    steps = sizes(contiguous(shape) if strides is None else strides)
    rest = (b"\x89", call("collections.OrderedDict"))
    return call("torch._utils._rebuild_tensor_v2", where, number(offset), sizes(shape), steps, *rest)


def module(
    parameters: Mapping[str, bytes] | None = None,
    modules: Mapping[str, bytes] | None = None,
    buffers: Mapping[str, bytes] | None = None,
    **attributes: bytes,
) -> bytes:
    parts = {"_parameters": parameters or {}, "_buffers": buffers or {}, "_modules": modules or {}}
    state = {key: dictionary(value) for key, value in parts.items()} | attributes
    return instance("__main__.Net", dictionary(state))


def pickled(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


def zipped(value: bytes, storages: Mapping[str, int], *, first: Sequence[str] = (), compress: bool = False) -> bytes:
    """A zip as `torch.save` writes it; `storages` gives the bytes of each."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        for member in first:
            archive.writestr(f"model/{member}", b"x" * 10)
        archive.writestr("model/data.pkl", pickled(value))
        for key, length in storages.items():
            archive.writestr(f"model/data/{key}", bytes(length))
        archive.writestr("model/version", b"3\n")
    return out.getvalue()


def legacy(value: bytes, storages: Mapping[str, int], *, item: int = 4) -> bytes:
    """The stream of pickles and storages from before zips."""
    keys = pickled(list_of(*map(text, storages)))
    data = b"".join(struct.pack("<Q", length // item) + bytes(length) for length in storages.values())
    return MAGIC + pickled(value) + keys + data
