"""Layers, constants and edges of an OpenVINO model, entered into a ledger as its XML elements come by.

Spec: see `openvino.py`; operation sets for the inputs of operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.formats.graph_ledger import Ledger, Packing, Stored
from estimators.results import MAX_ELEMENTS

# element_type of versions 10 and 11, precision of those before: our name, and bits of an element.
TYPES = {
    "f64": ("F64", 64), "f32": ("F32", 32), "f16": ("F16", 16), "bf16": ("BF16", 16), "f8e4m3": ("F8_E4M3", 8),
    "f8e5m2": ("F8_E5M2", 8), "f8e8m0": ("F8_E8M0", 8), "f4e2m1": ("F4", 4), "nf4": ("F4", 4), "boolean": ("BOOL", 8),
    "i64": ("I64", 64), "u64": ("U64", 64), "i32": ("I32", 32), "u32": ("U32", 32), "i16": ("I16", 16),
    "u16": ("U16", 16), "i8": ("I8", 8), "u8": ("U8", 8), "i4": ("I4", 4), "u4": ("U4", 4), "u2": ("U2", 2),
    "u3": ("U3", 3), "u6": ("U6", 6), "u1": ("U1", 1), "bin": ("U1", 1), "i2": ("I2", 2),
    "fp64": ("F64", 64), "fp32": ("F32", 32), "fp16": ("F16", 16), "bool": ("BOOL", 8),
}  # fmt: skip
STRING = "string"
MAX_PORTS = 64  # of inputs that are followed; only Concat has more
MAX_LAYERS = 80_000  # large language models have 10,000
MAX_DIGITS = 19  # of a 64-bit number

# Operations whose result holds values of their first input.
MOVES = frozenset({
    "Convert", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Gather", "StridedSlice", "Slice", "Concat", "Broadcast",
    "Split", "VariadicSplit", "Pad", "Tile", "ShuffleChannels", "ConvertLike",
})  # fmt: skip
# Inputs that are quantised weights if they are stored integers, and ranges and scales.
ROLES: Mapping[str, str] = {
    "FakeQuantize": "wssss", "FakeConvert": "wss", "MatMul": "ww", "Convolution": "ww", "GroupConvolution": "ww",
    "ConvolutionBackpropData": "ww", "GroupConvolutionBackpropData": "ww", "BinaryConvolution": "ww",
    "DeformableConvolution": "w-w", "FullyConnected": "ww",
}  # fmt: skip
FOLLOWED = frozenset({*MOVES, *ROLES, "Multiply", "Subtract", "BatchNormInference"})
CONSTANT = "Const"
BODIES = frozenset({"body", "then_body", "else_body", "net"})

# Blobs of layers of version 7 and before, by their element; others (scales of quantised layers) are bookkeeping.
OLD_BLOBS = frozenset({"weights", "biases", "custom"})
OLD_QUANTISED = frozenset({"weights", "biases"})


@dataclass(slots=True)
class _Layer:
    """The layer that is being read."""

    key: int
    kind: str
    precision: str
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Body:
    """A network or the body of an operation: layers have numbers of their own in it."""

    number: int
    followed: dict[int, str] = field(default_factory=dict)
    inputs: dict[int, dict[int, int]] = field(default_factory=dict)


class Network:
    """What a model's XML says of its tensors.

    Attributes:
        ledger: constants and their uses.
        layers: seen so far.
        certain: parameters that are sure so far: floats that turn out to be scales belong to as many weights or more.
    """

    def __init__(self, file: str) -> None:
        self.ledger = Ledger(scaled_rank=0, scaled_elements=1, scaled_bits=32)
        self.layers = 0
        self.certain = 0
        self._file = file
        self._bodies: list[_Body] = []
        self._numbers = 0
        self._layer: list[_Layer] = []
        self._places: dict[int, int] = {}
        self._precision = ""  # of a whole network, before version 5

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if name in BODIES:
            self._numbers += 1
            self._bodies.append(_Body(self._numbers))
            self._precision = attributes.get("precision", self._precision)
        elif name == "layer" and self._bodies:
            self._begin_layer(attributes)
        elif name == "edge" and self._bodies:
            self._edge(attributes)
        elif self._layer and name == "data" and self._layer[-1].kind == CONSTANT and not self._layer[-1].data:
            self._layer[-1].data = attributes
        elif self._layer and "offset" in attributes and "size" in attributes and name != "data":
            self._old_blob(name, attributes)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "layer" and self._layer:
            layer = self._layer.pop()
            if layer.kind == CONSTANT and "element_type" in layer.data:
                self._constant(layer)
        elif name in BODIES and self._bodies:
            self._close(self._bodies.pop())

    def _begin_layer(self, attributes: Mapping[str, str]) -> None:
        self.layers += 1
        if self.layers > MAX_LAYERS:
            raise BudgetExceeded(self._file, f"has more than {MAX_LAYERS} layers")
        kind, body = attributes.get("type", ""), self._bodies[-1]
        key = self._key(attributes.get("id", ""))
        if kind in FOLLOWED:
            body.followed[key] = kind
        precision = attributes.get("precision", self._precision)
        self._layer.append(_Layer(key, kind, precision))

    def _key(self, number: str) -> int:
        return hash((self._bodies[-1].number, number)) or 1

    def _edge(self, attributes: Mapping[str, str]) -> None:
        body = self._bodies[-1]
        to = self._key(attributes.get("to-layer", ""))
        if to in body.followed:
            ports = body.inputs.setdefault(to, {})
            port = self._number(attributes, "to-port")
            if len(ports) < MAX_PORTS:
                ports[port] = self._key(attributes.get("from-layer", ""))

    def _close(self, body: _Body) -> None:
        """Enter the uses of a body's constants; all its edges are known."""
        ledger = self.ledger
        for key, kind in body.followed.items():
            ports = body.inputs.get(key, {})
            inputs = [source for _, source in sorted(ports.items())]
            if kind in MOVES:
                ledger.moved((key,), inputs if kind == "Concat" else inputs[:1])
            elif kind == "Multiply" and len(inputs) > 1:
                ledger.product(inputs[0], inputs[1])
            elif kind == "Subtract" and len(inputs) > 1:
                ledger.difference(key, inputs[0], inputs[1])
            elif kind == "BatchNormInference":
                ledger.statistics.update(inputs[3:5])
            elif kind in ROLES:
                ledger.quantised(ROLES[kind], inputs, Packing())

    def _constant(self, layer: _Layer) -> None:
        kind = layer.data["element_type"].lower()
        if kind == STRING:
            return
        dtype, bits = TYPES.get(kind, (f"type {kind[:20]}", 1))
        shape = [part.strip() for part in layer.data.get("shape", "").split(",") if part.strip()]
        elements = 1
        for dimension in shape:
            elements *= self._parse(dimension, "shape")
            if elements >= MAX_ELEMENTS:
                raise MalformedFile(self._file, "a constant's shape multiplies to 2^63 elements or more")
        size = self._number(layer.data, "size")
        if 8 * size < elements * bits:
            raise MalformedFile(self._file, f"a constant of {elements} elements of {kind[:20]} has {size} bytes")
        self._store(layer.key, dtype, elements, len(shape), self._number(layer.data, "offset"))

    def _old_blob(self, name: str, attributes: Mapping[str, str]) -> None:
        """Weights inside a layer, in versions before 10: their bytes and type give the elements."""
        if name not in OLD_BLOBS:
            return
        layer = self._layer[-1]
        kind = attributes.get("precision", layer.precision).lower() or "fp32"
        dtype, bits = TYPES.get(kind, (f"type {kind[:20]}", 8))
        self._numbers += 1
        key = hash((-1, self._numbers))
        if name in OLD_QUANTISED:
            self.ledger.quantised("w", [key], Packing())
        size, offset = self._number(attributes, "size"), self._number(attributes, "offset")
        self._store(key, dtype, 8 * size // bits, 2, offset)

    def _store(self, key: int, dtype: str, elements: int, rank: int, offset: int) -> None:
        """One constant; those that share values are stored once."""
        if not elements:
            return
        first = self._places.setdefault(hash((offset, dtype, elements)), key)
        if first != key:
            self.ledger.twin(first, key)
            return
        self.ledger.add(Stored(key, 0, dtype, elements, elements, rank=rank))
        if dtype in ("F32", "F16", "BF16", "F64"):
            self.certain += elements

    def _number(self, attributes: Mapping[str, str], name: str) -> int:
        return self._parse(attributes.get(name, "0"), name)

    def _parse(self, text: str, name: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
            raise MalformedFile(self._file, f"{name} is {text[:30]!r}; a number of 0 or more is allowed")
        return int(text)
