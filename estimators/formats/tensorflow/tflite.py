"""Count parameters in TensorFlow Lite (LiteRT) models.

Spec: tensorflow/lite/schema/schema.fbs (file identifier TFL3) and google-ai-edge/LiteRT,
tflite/converter/schema/schema.fbs, which adds buffers outside of the FlatBuffer, blockwise quantisation and types of 2
and 4 bits.

Reads the tables of tensors and of buffers, never the buffers themselves, with our own reader of tables: the generated
`tflite` classes need the whole file in memory. Where the tables lie among the buffers, tensors beside the largest gaps
come first, and `Hints.enough` ends the walk. A constant's buffer has a table of its own right before its bytes; in
that case the distance to the next table tells that the buffer is full, and the table need not be read.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import prod

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.tensorflow import tflite_compiled
from estimators.formats.tensorflow.tflite_compiled import SUBGRAPH_OPERATORS, lists_of
from estimators.formats.tensorflow.tflite_constants import FLOATS, Constant, Count
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.flatbuffer import Flatbuffer, Looks, clusters
from estimators.reading.front import front_reader

IDENTIFIER = b"TFL3"  # at byte 4
MAX_SUBGRAPHS = 10_000
MAX_TENSORS = 50_000  # over all subgraphs; language models with a dozen signatures have 30,000
MAX_BUFFERS = 100_000
MAX_DIMENSIONS = 32
TAIL_BYTES = 4_096  # behind the last table of a run: its name, shape and scales
# Bytes between a buffer's table and the next that its contents do not fill: references, count, alignment.
SLACK_BYTES = 64
SMALLEST_FILLED_BYTES = 256  # of a buffer that is known by such a distance
SCALE_WORD = "scale"  # in the name of what may turn out to be a scale
SCALE_ENDINGS = ("_quantized_scale", "_quantized_zp")  # of MediaPipe's language models, behind the weight's name

# Fields by number, as the schema orders them.
MODEL_SUBGRAPHS, MODEL_BUFFERS, MODEL_EXTERNAL = 2, 4, 9
SUBGRAPH_TENSORS = 0
TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANTIZATION = 0, 1, 2, 3, 4
TENSOR_SPARSITY, TENSOR_EXTERNAL = 6, 10
QUANTIZATION_SCALE, QUANTIZATION_DETAILS_TYPE, QUANTIZATION_DETAILS = 2, 4, 5
BLOCKWISE, BLOCKWISE_SCALES, BLOCKWISE_ZERO_POINTS = 2, 0, 1
BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE = 0, 1, 2
EXTERNAL_ID, EXTERNAL_LENGTH = 0, 3


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file has the schema's identifier."""
    return front[4:8] == IDENTIFIER


def estimate(reader: ByteReader, hints: Hints, looks: Looks | None = None) -> Estimate:
    """Count the parameters of one TensorFlow Lite model.

    Args:
        reader: the file; whole where it has at most 4 MiB, else the ranges that hold its tables.
        hints: `enough` ends the walk over a large file.
        looks: shared by the models of one bundle.

    Raises:
        MalformedFile: the tables contradict the schema, each other, or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    model = Model(Flatbuffer(source, looks=looks), hints.enough)
    unseen = model.walk()
    count = model.count
    interval = Interval(count.low, count.high + unseen)
    exact = not unseen and count.low == count.high
    return results.of_interval(
        source,
        Basis.TFLITE_BUFFERS,
        interval,
        point=None if unseen else count.point,
        stored=None if unseen else count.stored,
        buffers=None if unseen else 0,
        exact=exact,
        findings=[*count.findings.values()],
        note=model.note,
        partial=model.stopped,
    )


class Model:
    """The walk over one model's tables."""

    def __init__(self, flat: Flatbuffer, enough: int | None) -> None:
        self.count = Count()
        self.stopped = False
        self.note = ""
        self._flat = flat
        self._enough = None if flat.size is not None and flat.at_hand(0, flat.size - 1) else enough
        self._root = flat.root()
        if not self._root:
            raise MalformedFile(flat.name, "has no root table")
        self._buffers = flat.tables(self._root, MODEL_BUFFERS, MAX_BUFFERS, "the list of buffers")
        self._subgraphs = self._unique(flat.tables(self._root, MODEL_SUBGRAPHS, MAX_SUBGRAPHS, "the list of subgraphs"))
        self._has_operators = any(flat.count(place, SUBGRAPH_OPERATORS, "operators") for place in self._subgraphs)
        self._constants: dict[tuple[str, int], Constant] = {}  # by buffer: ("buffer" or "external", index)
        self._bookkeeping: set[tuple[str, int]] = set()  # buffers of scales and zero points
        self._external = self._external_lengths()
        self._fresh: list[tuple[str, int]] = []  # constants since the last look at buffers
        self._settled: set[tuple[str, int]] = set()
        self._filled = 0  # bytes of the buffers that were counted
        self._begins: set[int] = set()  # of buffers' contents: two tables may name the same

    def _external_lengths(self) -> dict[int, int]:
        """Bytes of the buffers in other files, by their identifiers."""
        flat = self._flat
        places = flat.tables(self._root, MODEL_EXTERNAL, MAX_BUFFERS, "the list of external buffers")
        return {
            flat.uint32(flat.field(place, EXTERNAL_ID)): flat.uint64(flat.field(place, EXTERNAL_LENGTH))
            for place in places
        }

    @staticmethod
    def _unique(places: Sequence[int]) -> list[int]:
        return list(dict.fromkeys(places))

    def walk(self) -> int:
        """Count all constants; returns the parameters that may be in what was not read, at most."""
        groups = lists_of(self._flat, self._subgraphs, SUBGRAPH_TENSORS, MAX_TENSORS, "tensors")
        self._known = sorted({*self._buffers, *self._subgraphs, *(place for group in groups for place in group)})
        owners = {place: group for group in groups for place in group}
        runs = list(clusters(owners))
        if self._enough is not None and len(runs) > 1:
            runs.sort(key=self._gaps_around, reverse=True)
        places = sorted(owners)
        for first, last in runs:
            if self._has_enough() and not self._flat.at_hand(first, last):
                self.stopped = True
                continue
            self._flat.fetch(first, last + TAIL_BYTES)
            begin = bisect_right(places, first - 1)
            for place in places[begin : bisect_right(places, last)]:
                self._read_tensor(place, owners[place])
            if len(runs) > 1 and self._enough is not None:
                self._settle(early=True)
        self._settle(early=False)
        if self.stopped:
            return self._rest()
        most, self.note = tflite_compiled.most_parameters(self._flat, self._root, self._subgraphs, self._filled)
        return most

    def _gaps_around(self, run: tuple[int, int]) -> tuple[int, int]:
        """Bytes without tables on the larger side of a run of tables, and those before it.

        Writers put a tensor's table behind its buffer, or all tensors apart from all buffers.
        """
        first, last = run
        before = first - self._known[max(bisect_left(self._known, first) - 1, 0)]
        after = bisect_right(self._known, last + SLACK_BYTES)
        end = self._known[after] if after < len(self._known) else self._flat.size or last
        return max(before, end - last), before

    def _has_enough(self) -> bool:
        return self._enough is not None and self.count.low > self._enough

    def _rest(self) -> int:
        """Bound of what was not read, one parameter for each bit of the file that no counted buffer fills."""
        self.stopped = True
        self.note = f"reading stopped once more than {self._enough} parameters were certain"
        size = self._flat.size
        return 8 * max((2**32 if size is None else size) - self._filled, 1)

    def _read_tensor(self, place: int, group: list[int]) -> None:
        flat = self._flat
        external = flat.uint32(flat.field(place, TENSOR_EXTERNAL))
        buffer = flat.uint32(flat.field(place, TENSOR_BUFFER))
        key = ("external", external) if external else ("buffer", buffer)
        if not external and not 0 < buffer < len(self._buffers):
            if buffer:
                raise MalformedFile(flat.name, f"a tensor has buffer {buffer} of {len(self._buffers)}")
            return
        shape = flat.numbers(place, TENSOR_SHAPE, "i", MAX_DIMENSIONS, "a tensor's shape")
        name = flat.string(place, TENSOR_NAME, "a tensor's name")
        elements = 0 if 0 in shape else prod(max(dimension, 1) for dimension in shape)
        if elements >= results.MAX_ELEMENTS:
            raise MalformedFile(flat.name, f"tensor {name[:80]!r} of shape {list(shape)[:8]} has 2^63 elements or more")
        scaled = self._is_scaled(flat.table(place, TENSOR_QUANTIZATION, "a tensor's quantisation"), group)
        sparse = bool(flat.field(place, TENSOR_SPARSITY))
        bare = len(shape) == 1 and not self._has_operators
        constant = Constant(name, flat.byte(flat.field(place, TENSOR_TYPE)), elements, scaled, sparse, bare)
        known = self._constants.get(key)
        if known is None or (constant.is_weight, elements) > (known.is_weight, known.elements):
            self._constants[key] = constant
            self._fresh.append(key)

    def _is_scaled(self, quantization: int, group: list[int]) -> bool:
        """Whether a tensor's quantisation has a scale; scales that are tensors of their own are noted."""
        if not quantization:
            return False
        flat = self._flat
        if flat.count(quantization, QUANTIZATION_SCALE, "scales"):
            return True
        if flat.byte(flat.field(quantization, QUANTIZATION_DETAILS_TYPE)) != BLOCKWISE:
            return bool(flat.byte(flat.field(quantization, QUANTIZATION_DETAILS_TYPE)))
        details = flat.table(quantization, QUANTIZATION_DETAILS, "blockwise quantisation")
        for number in (BLOCKWISE_SCALES, BLOCKWISE_ZERO_POINTS):
            place = flat.field(details, number) if details else 0
            index = flat.uint32(place)
            if place and 0 <= index < len(group):
                self._bookkeeping.add(("buffer", flat.uint32(flat.field(group[index], TENSOR_BUFFER))))
        return True

    def _settle(self, *, early: bool) -> None:
        """Count the constants that are not counted yet; early, the newest of them that are certainly weights."""
        if not early:
            self._name_scales()
        keys, self._fresh = self._fresh if early else list(self._constants), []
        pending: dict[int, tuple[str, int]] = {}
        for key in keys:
            constant = self._constants[key]
            if key in self._settled or (early and (not constant.is_weight or SCALE_WORD in constant.name)):
                continue
            if key in self._bookkeeping:
                self._settled.add(key)
                self.count.stored += constant.elements
            elif key[0] == "external":
                self._settled.add(key)
                self.count.add(self._flat.name, constant, self._external.get(key[1], 0))
            else:
                pending[self._buffers[key[1]]] = key
        self._settle_buffers(pending, early=early)

    def _name_scales(self) -> None:
        """Weights whose scales are tensors of their own, told by their names."""
        weights = {constant.name: constant for constant in self._constants.values()}
        for key, constant in self._constants.items():
            for ending in SCALE_ENDINGS:
                weight = weights.get(constant.name.removesuffix(ending)) if constant.name.endswith(ending) else None
                if weight is not None and weight.kind not in FLOATS:
                    weight.scaled = True
                    self._bookkeeping.add(key)

    def _settle_buffers(self, pending: dict[int, tuple[str, int]], *, early: bool) -> None:
        """Count constants by their buffers' tables, those of the largest first where reading may stop."""
        quick = self._enough is not None
        unread = []
        for place, key in sorted(pending.items(), key=lambda item: -self._constants[item[1]].elements):
            if quick and self._is_filled(place, self._constants[key]):
                self._count(key, self._bytes_of(self._constants[key]))
            else:
                unread.append(place)
        runs = list(clusters(unread))
        if quick:
            runs.sort(key=self._gaps_around, reverse=True)
        places = sorted(unread)
        for first, last in runs[: 1 if early else None]:
            if self._has_enough() and not self._flat.at_hand(first, last + SLACK_BYTES):
                self.stopped = True
                continue
            self._flat.fetch(first, last)
            for place in places[bisect_right(places, first - 1) : bisect_right(places, last)]:
                begin, length = self._extent(place)
                if length and begin not in self._begins:
                    self._begins.add(begin)
                    self._count(pending[place], length)
                else:
                    self._settled.add(pending[place])

    @staticmethod
    def _bytes_of(constant: Constant) -> int:
        return (constant.elements * (constant.bits or 8) + 7) // 8

    def _is_filled(self, place: int, constant: Constant) -> bool:
        """Whether the distance from a buffer's table to the next table is just what the constant needs."""
        at = bisect_right(self._known, place)
        if at == len(self._known) or constant.sparse:
            return False
        needed = self._bytes_of(constant)
        return needed >= SMALLEST_FILLED_BYTES and 8 <= self._known[at] - place - needed <= SLACK_BYTES

    def _extent(self, place: int) -> tuple[int, int]:
        """Where the contents of a buffer begin, and how many bytes they have, by its table."""
        flat = self._flat
        length = flat.count(place, BUFFER_DATA, "a buffer")
        data = flat.table(place, BUFFER_DATA, "a buffer") + 4 if length else 0
        if not length:
            data = flat.uint64(flat.field(place, BUFFER_OFFSET))
            length = flat.uint64(flat.field(place, BUFFER_SIZE)) if data > 1 else 0  # 1 is the writer's placeholder
        if flat.size is not None and data + length > flat.size:
            raise MalformedFile(flat.name, f"a buffer of {length} bytes at {data} passes the end of the file")
        return data, length

    def _count(self, key: tuple[str, int], length: int | None) -> None:
        self._settled.add(key)
        self._filled += length or 0
        if self._flat.size is not None and self._filled > self._flat.size:
            raise MalformedFile(self._flat.name, f"has buffers of {self._filled} bytes in a file of {self._flat.size}")
        self.count.add(self._flat.name, self._constants[key], length)
