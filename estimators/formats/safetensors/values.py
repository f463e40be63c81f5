"""What a safetensors file says of packed layers beyond its tensors' shapes: small tensors of integers, and metadata.

compressed-tensors and HQQ store the unpacked shape, the bits and the group of a layer as tensors of a few integers. The
writer sorts tensors by the width of their type, so that all of them lie together: one short range reads them, and it is
read only where the shapes leave more than one answer. torchao names each tensor's class, and for padded layouts its
shape, in the header's metadata; ComfyUI's converters keep the shape that a padded layer had.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from estimators.packed.layer_names import holds_values
from estimators.packed.layers import Tensor
from estimators.reading.front import FrontReader

# Bytes between two small tensors that are read along, rather than spending another range.
GAP_BYTES = 64 * 1024
# Ranges and bytes that the small tensors of one file may cost; where they lie scattered, the interval has to do.
MAX_RANGES = 3
MAX_RANGES_FOR_EXACT = 64
MAX_BYTES = 4 * 1024 * 1024
MAX_SMALL_TENSORS = 100_000
_CODES = {"I64": "q", "I32": "i", "I16": "h", "U8": "B", "I8": "b", "U64": "Q", "U32": "I"}
_TORCHAO_KEY = "tensor_names"
_COMFY_KEY = "_quantization_metadata"
_LARGEST_DIMENSION = 2**40
_WEIGHT_ENDING = ".weight"
_PACKED_ENDINGS = ("._weight_qdata", "._weight_packed_weights", "._weight_qdata_and_metadata")


class _Class(msgspec.Struct):
    """One tensor as torchao describes it."""

    type_: str = msgspec.field(name="_type", default="")
    data: Mapping[str, Any] | None = msgspec.field(name="_data", default=None)


class _ComfyLayer(msgspec.Struct):
    """One layer as ComfyUI's metadata describes it."""

    orig_shape: list[int] = []


class _Comfy(msgspec.Struct):
    """`_quantization_metadata` of ComfyUI's files."""

    layers: dict[str, _ComfyLayer] = {}


_CLASS = msgspec.json.Decoder(_Class)
_COMFY = msgspec.json.Decoder(_Comfy)
_JSON_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)


class Small(NamedTuple):
    """A tensor of a few integers, and where in the data it begins."""

    begin: int
    tensor: Tensor


class Metadata:
    """What the header's metadata says of single tensors; it is read as the header's first entry comes by."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._shapes: dict[str, tuple[int, ...]] | None = None

    def describe(self, tensor: Tensor) -> Tensor:
        """The tensor with what is said of it."""
        if not self.texts:
            return tensor
        if _TORCHAO_KEY in self.texts and tensor.name.endswith(_PACKED_ENDINGS):
            return self._of_torchao(tensor)
        if _COMFY_KEY in self.texts and tensor.name.endswith(_WEIGHT_ENDING):
            return tensor._replace(values=self._shapes_of_comfy().get(tensor.name.removesuffix(_WEIGHT_ENDING)))
        return tensor

    def _of_torchao(self, tensor: Tensor) -> Tensor:
        ending = next(end for end in _PACKED_ENDINGS if tensor.name.endswith(end))
        try:
            stated = _CLASS.decode(self.texts.get(f"{tensor.name.removesuffix(ending)}{_WEIGHT_ENDING}", ""))
        except _JSON_FAULTS:
            return tensor
        return tensor._replace(subclass=stated.type_[:80], values=_usable((stated.data or {}).get("shape")))

    def _shapes_of_comfy(self) -> dict[str, tuple[int, ...]]:
        if self._shapes is None:
            try:
                layers = _COMFY.decode(self.texts[_COMFY_KEY]).layers
            except _JSON_FAULTS:
                layers = {}
            usable = {name: _usable(layer.orig_shape) for name, layer in layers.items()}
            self._shapes = {name: shape for name, shape in usable.items() if shape is not None}
        return self._shapes


def _usable(shape: Any) -> tuple[int, ...] | None:
    """A stated shape, if it is one that a weight can have."""
    if not isinstance(shape, list) or not 0 < len(shape) <= 8:
        return None
    usable = all(type(size) is int and 0 < size < _LARGEST_DIMENSION for size in shape)
    return tuple(shape) if usable else None


def is_small(tensor: Tensor) -> bool:
    """Whether a tensor holds integers that say how a layer is packed."""
    return tensor.dtype in _CODES and holds_values(tensor.name, tensor.elements)


def read_values(source: FrontReader, start: int, small: Sequence[Small], *, exact: bool) -> Iterator[Tensor]:
    """The small tensors with their values, or none of them where they lie too far apart.

    Args:
        source: the file.
        start: offset of the data.
        small: at most MAX_SMALL_TENSORS of them.
        exact: whether the exact count is asked for, whatever it costs.
    """
    windows = list(_windows(small))
    spans = [_end(window[-1]) - window[0].begin for window in windows]
    if len(windows) > (MAX_RANGES_FOR_EXACT if exact else MAX_RANGES) or sum(spans) > MAX_BYTES:
        return
    for window, span in zip(windows, spans, strict=True):
        begin = window[0].begin
        data = source.read_exactly(start + begin, span, "tensors that describe packed layers")
        for at, tensor in window:
            form = f"<{tensor.elements}{_CODES[tensor.dtype]}"
            yield tensor._replace(values=struct.unpack_from(form, data, at - begin))


def _windows(small: Sequence[Small]) -> Iterator[list[Small]]:
    """Runs of small tensors with only short gaps between them, in the order of the file."""
    window: list[Small] = []
    for one in sorted(small, key=lambda one: one.begin):
        if window and one.begin - _end(window[-1]) > GAP_BYTES:
            yield window
            window = []
        window.append(one)
    if window:
        yield window


def _end(one: Small) -> int:
    return one.begin + one.tensor.elements * struct.calcsize(f"<{_CODES[one.tensor.dtype]}")
