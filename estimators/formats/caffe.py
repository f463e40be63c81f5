"""Count parameters in Caffe models (`.caffemodel`).

Spec: BVLC/caffe, src/caffe/proto/caffe.proto (NetParameter, LayerParameter, V1LayerParameter, V0LayerParameter,
BlobProto); NVIDIA's fork adds `raw_data`.

Walks the layers by our own protobuf walker (`protobuf.py` says why) and counts the stored values of each blob; they are
stepped over. Differences (`diff`) are a training run's, and do not count. BatchNorm's blobs are statistics.
"""

from __future__ import annotations

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.formats.graph_ledger import Ledger
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.protobuf import FIXED32, FIXED64, LENGTH, VARINT, TooManyFields, Walker, first_fields, tag

NET_NAME, OLD_LAYER, LAYER = tag(1, LENGTH), tag(2, LENGTH), tag(100, LENGTH)
# Fields of NetParameter: inputs and their dimensions, force_backward, state, debug_info, and those above.
NET_FIELDS = frozenset({
    NET_NAME, OLD_LAYER, LAYER, tag(3, LENGTH), tag(4, VARINT), tag(4, LENGTH), tag(5, VARINT), tag(6, LENGTH),
    tag(7, VARINT), tag(8, LENGTH),
})  # fmt: skip
TYPE, BLOBS = tag(2, LENGTH), tag(7, LENGTH)
OLD_BLOBS, OLDEST_LAYER, OLDEST_BLOBS = tag(6, LENGTH), tag(1, LENGTH), tag(50, LENGTH)
LAYER_FIELDS = frozenset(tag(number, LENGTH) for number in (1, 2, 3, 4, 6, 7, 8)) | {
    tag(10, VARINT), tag(5, LENGTH), tag(5, FIXED32), tag(11, VARINT), tag(11, LENGTH),
}  # fmt: skip
OLD_LAYER_FIELDS = frozenset(tag(number, LENGTH) for number in (1, 2, 3, 4, 6, 7, 8)) | {tag(5, VARINT)}
STATISTICS = "BatchNorm"

# Values of a blob: bytes of each where they are packed, and fields of single values.
PACKED = {tag(5, LENGTH): ("F32", 4), tag(8, LENGTH): ("F64", 8)}
SINGLE = {tag(5, FIXED32): "F32", tag(8, FIXED64): "F64"}
RAW_TYPE, RAW = tag(10, VARINT), tag(12, LENGTH)
RAW_TYPES = {0: ("F64", 8), 1: ("F32", 4), 2: ("F16", 2)}
NAMES = frozenset(range(32, 256)) - {127}  # bytes of a name; others begin a message


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as a NetParameter: a name, perhaps inputs, and layers with fields of their own."""
    fields = first_fields(front)
    if not fields or not NET_FIELDS.issuperset(key for key, *_ in fields):
        return False
    named = [(at, length) for key, at, length in fields if key == NET_NAME]
    if len(named) > 1 or any(not NAMES.issuperset(front[at : at + length]) for at, length in named):
        return False
    layer = next((field for field in fields if field[0] in (LAYER, OLD_LAYER)), None)
    if layer is None:
        return name.endswith(".caffemodel") and len(fields) > 1
    key, at, length = layer
    inside = first_fields(front[at : at + length], most=4)
    allowed = LAYER_FIELDS if key == LAYER else OLD_LAYER_FIELDS
    return bool(inside) and allowed.issuperset(field for field, *_ in inside)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one Caffe model.

    Args:
        reader: the file; small ones whole, of others the head of every blob.
        hints: `enough` ends the walk where the rest would cost more ranges.

    Raises:
        MalformedFile: the file is no Caffe model.
        ReadFailed, BudgetExceeded: from the reader.
    """
    net = _Net(Walker(reader))
    unseen, note = None, ""
    try:
        stopped = net.read(hints.enough)
        if stopped:
            unseen = Interval(0, (net.walker.end - stopped) * PARAMETERS_PER_BYTE_AT_MOST)
            note = f"read up to byte {stopped}, where more than enough was certain"
    except TooManyFields as exc:
        unseen, note = Interval(0, net.walker.end * PARAMETERS_PER_BYTE_AT_MOST), exc.message
        stopped = 0
    ledger = net.ledger
    return ledger.estimate(net.walker.source, Basis.CAFFE_GRAPH, unseen=unseen, note=note, partial=bool(stopped))


class _Net:
    """One walk through a net."""

    def __init__(self, walker: Walker) -> None:
        self.walker = walker
        self.ledger = Ledger()
        self._count = 0

    def read(self, enough: int | None) -> int:
        """Add every layer's blobs; the offset where the walk ended early, 0 where it did not."""
        layers = 0
        for key, at, length in self.walker.fields():
            if key == LAYER:
                self._layer(at, at + length, BLOBS)
            elif key == OLD_LAYER:
                self._layer(at, at + length, OLD_BLOBS)
            layers += key in (LAYER, OLD_LAYER)
            after = at + length
            if enough is not None and self._count > enough and not self.walker.holds(after):
                return after
        if not layers:
            raise MalformedFile(self.walker.source.name, "has no layers, which a Caffe model would have")
        return 0

    def _layer(self, start: int, end: int, blobs: int) -> None:
        kind = ""
        for key, at, length in self.walker.fields(start, end):
            if key == blobs:
                self._blob(at, at + length, statistics=kind == STATISTICS)
            elif key == TYPE and blobs == BLOBS:
                kind = self.walker.text(at, length, "type of a layer")
            elif key == OLDEST_LAYER and blobs == OLD_BLOBS:
                self._layer(at, at + length, OLDEST_BLOBS)

    def _blob(self, start: int, end: int, *, statistics: bool) -> None:
        raw = kind = 0
        found = {"F32": 0, "F64": 0}
        for key, at, length in self.walker.fields(start, end):
            if key in PACKED:
                dtype, size = PACKED[key]
                found[dtype] += length // size
            elif key in SINGLE:
                found[SINGLE[key]] += 1
            elif key == RAW:
                raw = length
            elif key == RAW_TYPE:
                kind = at
        for dtype, elements in found.items():
            self._count += elements
            self.ledger.add_floats(dtype, elements, buffer=statistics)
        if raw and kind in RAW_TYPES:
            dtype, size = RAW_TYPES[kind]
            self.ledger.add_floats(dtype, raw // size, buffer=statistics)
        elif raw:
            self.ledger.add_between(raw // 8, 8 * raw, raw)
            self.ledger.note(
                "unknown-dtype", f"{raw} bytes of values of type {kind}, which is not in the specification"
            )
