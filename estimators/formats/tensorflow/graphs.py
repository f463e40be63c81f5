"""Count parameters in the constants of TensorFlow graphs: frozen `.pb` files, and `saved_model.pb`.

Spec: tensorflow/core/framework: graph.proto, node_def.proto, function.proto, attr_value.proto, tensor.proto;
tensorflow/core/protobuf: saved_model.proto, meta_graph.proto. Fields are written in the order of their numbers, so
that a tensor's type and shape precede its contents, which are stepped over.

A Const node counts when its value has more than 64 elements of a floating or quantised type, also inside the library's
functions. In a SavedModel traced functions may repeat each other's constants; then those are a bound. Of the graphs of
a SavedModel, which are the same model for several uses, the largest counts; its variables are listed in
`variables/variables.index`. Walked with our own reader of protobuf, since the point is not to read the contents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod

from estimators import results
from estimators.bounds import Interval
from estimators.dtypes import Kind, kind_of
from estimators.errors import MalformedFile
from estimators.formats.tensorflow.index import DTYPES, ELEMENT_BYTES
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.protobuf import LENGTH, VARINT, Walker, first_fields, signed, tag

SMALLEST_COUNTED = 65  # elements; smaller constants are settings of the graph, by the definition of what counts
MAX_DIMENSIONS = 254  # as in the reference reader
MAX_OPERATOR_BYTES = 256  # of an operator's name
MAX_NAME_BYTES = 512  # of a constant's name; longer ones are cut
MAX_SEEN = 20_000  # constants of functions that are told apart

NODE, LIBRARY = tag(1, LENGTH), tag(2, LENGTH)  # of GraphDef
FUNCTION, FUNCTION_NODE = tag(1, LENGTH), tag(3, LENGTH)
NODE_NAME, NODE_OPERATOR, NODE_ATTRIBUTE = tag(1, LENGTH), tag(2, LENGTH), tag(5, LENGTH)
ATTRIBUTE_KEY, ATTRIBUTE_VALUE, VALUE_TENSOR = tag(1, LENGTH), tag(2, LENGTH), tag(8, LENGTH)
TENSOR_DTYPE, TENSOR_SHAPE, TENSOR_CONTENT = tag(1, VARINT), tag(2, LENGTH), tag(4, LENGTH)
SHAPE_DIM, DIM_SIZE = tag(2, LENGTH), tag(1, VARINT)
SAVED_VERSION, SAVED_META_GRAPH, META_GRAPH_DEF = tag(1, VARINT), tag(2, LENGTH), tag(2, LENGTH)

_OPERATOR = re.compile(rb"(?:[A-Za-z_]\w*>)?_?[A-Z]\w*\Z", re.ASCII)


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as a graph or as a SavedModel; a `.meta` file is the graph of a checkpoint."""
    if name.endswith(".meta"):
        return False
    fields = first_fields(front, 2)
    if not fields:
        return False
    key, at, length = fields[0]
    if key == NODE:
        return _begins_node(front[at : at + length])
    return _begins_saved_model(front, name)


def _begins_node(data: bytes) -> bool:
    """Whether a message is a node: a name, then an operator."""
    inner = first_fields(data, 2)
    if len(inner) < 2 or [field[0] for field in inner] != [NODE_NAME, NODE_OPERATOR]:
        return False
    _, at, length = inner[1]
    return bool(_OPERATOR.match(data[at : at + length]))


def _begins_saved_model(front: bytes, name: str) -> bool:
    fields = first_fields(front, 2)
    if len(fields) < 2 or fields[0] != (SAVED_VERSION, 1, 0) or fields[1][0] != SAVED_META_GRAPH:
        return False
    _, at, length = fields[1]
    inner = first_fields(front[at : at + length], 1)
    return name == "saved_model.pb" or (bool(inner) and inner[0][0] == tag(1, LENGTH) and length > len(front) - at)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the constants of one graph.

    Args:
        reader: the file; the contents of tensors are stepped over.
        hints: `enough` ends the walk.

    Raises:
        MalformedFile: the file is no such message, or a tensor contradicts its shape.
        ReadFailed, BudgetExceeded: from the reader.
    """
    walker = Walker(reader)
    count = _Count(walker, hints.enough)
    saved = _begins_saved_model(walker.source.front(), walker.source.name.rpartition("/")[2].lower())
    rest = count.saved_model() if saved else count.graph(0, walker.end)
    best = count.best()
    if not rest and best.point == best.high and best.believed:
        best.low = best.high  # no function repeats a constant of another
    exact = not rest and best.low == best.high
    return results.of_interval(
        walker.source,
        Basis.TENSORFLOW_GRAPH,
        Interval(best.low, best.high + rest),
        point=None if rest else best.point,
        stored=None if rest else best.stored,
        buffers=None if rest else 0,
        exact=exact,
        note="constants of a SavedModel; its variables are listed apart" if saved else "constants of a frozen graph",
        partial=bool(rest),
    )


@dataclass(slots=True)
class _Sums:
    """Of one graph."""

    low: int = 0
    point: int = 0
    high: int = 0
    stored: int = 0
    nodes: int = 0
    believed: bool = True
    seen: set[tuple[str, int]] = field(default_factory=set)  # constants in functions of a SavedModel


class _Count:
    """The walk over the graphs of one file."""

    def __init__(self, walker: Walker, enough: int | None) -> None:
        self._walker = walker
        self._file = walker.source.name
        self._enough = enough
        self._now = _Sums()
        self._done: list[_Sums] = []
        self._saved = False
        self._traced = False  # inside a function of a SavedModel, whose constants other functions may repeat
        self._name = ""

    def best(self) -> _Sums:
        """The sums of the graph that holds most."""
        return max([*self._done, self._now], key=lambda sums: sums.high)

    def saved_model(self) -> int:
        """Walk every graph of a SavedModel; returns what the unread part can hold at most."""
        self._saved = True
        for key, at, length in self._walker.fields():
            if key != SAVED_META_GRAPH:
                continue
            for part, begin, size in self._walker.fields(at, at + length):
                if part == META_GRAPH_DEF:
                    rest = self.graph(begin, begin + size)
                    if rest:
                        return rest
            self._done.append(self._now)
            self._now = _Sums()
        return 0

    def graph(self, start: int, end: int) -> int:
        """Walk one graph; returns what the unread part of the file can hold at most."""
        walker = self._walker
        for key, at, length in walker.fields(start, end):
            if key not in (NODE, LIBRARY):
                continue
            if self._has_enough() and not walker.holds(at, length):
                return 8 * (self._size() - at)
            if key == NODE:
                self._node(at, at + length)
            elif key == LIBRARY:
                self._library(at, at + length)
        if not self._now.nodes and start == 0:
            raise MalformedFile(self._file, "holds no node of a TensorFlow graph")
        return 0

    def _size(self) -> int:
        size = self._walker.source.size
        return 2**31 if size is None else size  # protobuf messages have at most 2 GiB

    def _has_enough(self) -> bool:
        return self._enough is not None and self._now.low > self._enough

    def _library(self, start: int, end: int) -> None:
        walker = self._walker
        self._traced = self._saved
        for key, at, length in walker.fields(start, end):
            if key != FUNCTION:
                continue
            for part, begin, size in walker.fields(at, at + length):
                if part == FUNCTION_NODE:
                    self._node(begin, begin + size)
        self._traced = False

    def _node(self, start: int, end: int) -> None:
        """Count one node, if it is a constant."""
        self._now.nodes += 1
        walker = self._walker
        for key, at, length in walker.fields(start, end):
            if key == NODE_NAME and self._traced:
                self._name = walker.bytes_of(at, min(length, MAX_NAME_BYTES), "a name").decode("utf-8", "replace")
            elif key == NODE_OPERATOR:
                if length > MAX_OPERATOR_BYTES or walker.bytes_of(at, length, "an operator") != b"Const":
                    return
            elif key == NODE_ATTRIBUTE:
                self._attribute(at, at + length)

    def _attribute(self, start: int, end: int) -> None:
        walker = self._walker
        for key, at, length in walker.fields(start, end):
            if key == ATTRIBUTE_KEY and (length != 5 or walker.bytes_of(at, length, "an attribute") != b"value"):
                return
            if key == ATTRIBUTE_VALUE:
                for part, begin, size in walker.fields(at, at + length):
                    if part == VALUE_TENSOR:
                        self._tensor(begin, begin + size)

    def _tensor(self, start: int, end: int) -> None:
        """Count a constant's value by its type and shape."""
        dtype, elements, content = 0, 1, None
        for key, at, length in self._walker.fields(start, end):
            if key == TENSOR_DTYPE:
                dtype = at
            elif key == TENSOR_SHAPE:
                elements = self._elements(at, at + length)
            elif key == TENSOR_CONTENT:
                content = length
                break
            elif key > TENSOR_CONTENT:
                break
        name = DTYPES.get(dtype, "")
        width = ELEMENT_BYTES.get(name)
        if width is not None:
            self._now.stored += elements
        if elements < SMALLEST_COUNTED or not (kind_of(name) in (Kind.FLOAT, Kind.SUB_BYTE) or name.startswith("Q")):
            return
        if content and width and content != elements * width:
            told = f"a constant of {elements} elements of {name} has {content} bytes"
            raise MalformedFile(self._file, f"protobuf at byte {start}: {told}")
        # One value may stand for all elements. No shape is believed that the file could not hold.
        believed = bool(content) or elements <= 8 * self._size()
        self._now.high += elements
        self._now.believed &= believed
        if not self._traced:
            self._now.low += elements if believed else 0
            self._now.point += elements
        elif (self._name, elements) not in self._now.seen and len(self._now.seen) < MAX_SEEN:
            self._now.seen.add((self._name, elements))
            self._now.point += elements

    def _elements(self, start: int, end: int) -> int:
        shape: list[int] = []
        for key, at, length in self._walker.fields(start, end):
            if key == SHAPE_DIM:
                sizes = [number for part, number, _ in self._walker.fields(at, at + length) if part == DIM_SIZE]
                shape.append(signed(sizes[-1]) if sizes else 0)
        elements = prod(shape)
        if len(shape) > MAX_DIMENSIONS or min(shape, default=0) < 0 or elements >= results.MAX_ELEMENTS:
            raise MalformedFile(self._file, f"protobuf at byte {start}: a constant has the shape {shape[:8]}")
        return elements
