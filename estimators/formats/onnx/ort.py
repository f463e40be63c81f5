"""Count parameters in ONNX Runtime's own format (`.ort`).

Spec: microsoft/onnxruntime, onnxruntime/core/flatbuffers/schema/ort.fbs (a FlatBuffer with the identifier ORTM).

Walks the same graph as `onnx.py` by our own FlatBuffer reader (`flatbuffer.py` says why); what counts is decided by the
same rules. Nodes lie at the front, and the head of every tensor just before its values, which are stepped over.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.formats.graph_ledger import Ledger, Stored, Uses
from estimators.formats.onnx import operators as operators
from estimators.formats.onnx.nodes import Attribute, Node, record
from estimators.formats.onnx.tensors import MAX_DIMENSIONS, STRING, TYPES, stem_of
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.packing import is_buffer
from estimators.reading.flatbuffer import Flatbuffer, clusters
from estimators.reading.front import front_reader
from estimators.results import MAX_ELEMENTS

MAGIC = b"ORTM"
MAGIC_AT = 4
MAX_TENSORS = 100_000
MAX_NODES = 100_000  # in all graphs; language models have 10,000
MAX_INPUTS = 10_000  # of a node
MAX_NESTING = 30  # graphs in graphs
MAX_VALUES = 2**31  # of a list in an attribute

# Numbers of the fields that are looked at, by table.
SESSION_MODEL, MODEL_GRAPH = 1, 7
INITIALIZERS, NODES, SPARSE_INITIALIZERS = 0, 2, 7
DOMAIN, OPERATOR, INPUTS, OUTPUTS, ATTRIBUTES = 2, 5, 8, 9, 10
TENSOR_NAME, DIMS, DATA_TYPE, RAW, TEXTS, EXTERNAL = 0, 2, 3, 4, 5, 6
SPARSE_VALUES, SPARSE_DIMS = 0, 2
NAME, INTEGER, TEXT, TENSOR, SUBGRAPH, FLOATS, INTEGERS, TENSORS, SUBGRAPHS = 0, 4, 5, 6, 7, 8, 9, 11, 12


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file carries the identifier."""
    return front[MAGIC_AT : MAGIC_AT + len(MAGIC)] == MAGIC


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one model in ONNX Runtime's format.

    Args:
        reader: the file; small ones whole, of others the nodes and the head of every tensor.
        hints: `enough` ends the walk where the rest would cost more ranges.

    Raises:
        MalformedFile: a table lies outside of the file, or a tensor contradicts its values.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    session = _Session(Flatbuffer(source), hints.enough)
    session.read()
    unseen = None
    if session.unread > 0:
        size = source.size or 0
        unseen = Interval(0, None if session.external else size * PARAMETERS_PER_BYTE_AT_MOST)
    note = "" if unseen is None else f"{session.unread} tensors were not looked at: more than enough was certain"
    return session.ledger.estimate(source, Basis.ONNX_GRAPH, unseen=unseen, note=note, partial=unseen is not None)


class _Session:
    """One walk through a file.

    Attributes:
        ledger: what was found.
        unread: tensors that were left out on purpose.
        external: tensors whose values lie in another file.
    """

    def __init__(self, buffer: Flatbuffer, enough: int | None) -> None:
        self.ledger = Ledger()
        self.unread = 0
        self.external = 0
        self._buffer = buffer
        self._enough = enough
        self._nodes = 0
        self._sure = 0
        self._uses: Uses | None = None

    def read(self) -> None:
        """Walk the model's graph."""
        model = self._buffer.table(self._buffer.root(), SESSION_MODEL, "model")
        graph = self._buffer.table(model, MODEL_GRAPH, "graph") if model else 0
        if not graph:
            raise MalformedFile(self._buffer.name, "has no model with a graph")
        self._graph(graph, 0)

    def _graph(self, graph: int, depth: int) -> None:
        buffer = self._buffer
        if depth > MAX_NESTING:
            raise MalformedFile(buffer.name, f"nests more than {MAX_NESTING} graphs")
        for node in self._near(buffer.tables(graph, NODES, MAX_NODES, "nodes")):
            self._node(node, depth)
        if not depth:
            self._uses = self.ledger.uses()
        tensors = sorted(buffer.tables(graph, INITIALIZERS, MAX_TENSORS, "initializers"))
        ends = iter(clusters(tensors))
        last = -1
        for seen, place in enumerate(tensors):
            if place > last:
                first, last = next(ends)
                if self._enough is not None and self._sure > self._enough and not buffer.at_hand(first, last):
                    self.unread += len(tensors) - seen
                    return
                buffer.fetch(first, last)
            self._keep(self._tensor(place))
        for sparse in buffer.tables(graph, SPARSE_INITIALIZERS, MAX_TENSORS, "sparse_initializers"):
            dense = buffer.numbers(sparse, SPARSE_DIMS, "q", MAX_DIMENSIONS, "dims")
            self._keep(self._tensor(buffer.table(sparse, SPARSE_VALUES, "values"), dense))

    def _near(self, places: list[int]) -> list[int]:
        """Places in their order, after those that are near each other were read in one range each."""
        for first, last in clusters(places):
            if not self._buffer.at_hand(first, last):
                self._buffer.fetch(first, last)
        return places

    def _keep(self, stored: Stored | None) -> None:
        if stored is not None:
            self.ledger.add(stored)
            if self._uses is not None:
                self._sure += self.ledger.certain(stored, self._uses)

    def _node(self, place: int, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise MalformedFile(self._buffer.name, f"has more than {MAX_NODES} nodes")
        buffer = self._buffer
        node = Node(buffer.string(place, OPERATOR, "op_type"), buffer.string(place, DOMAIN, "domain"))
        attributes = buffer.tables(place, ATTRIBUTES, MAX_INPUTS, "attributes")
        node.attributes = [self._attribute(attribute, depth) for attribute in attributes]
        known = node.operator in operators.FOLLOWED or node.operator.endswith("uantizeLinear")
        if known or node.domain not in operators.STANDARD_DOMAINS:
            node.inputs = self._names(place, INPUTS)
            node.outputs = self._names(place, OUTPUTS)
        record(self.ledger, node)

    def _names(self, node: int, field: int) -> list[int]:
        """Hashes of a vector of strings; 0 for an empty one."""
        buffer = self._buffer
        vector = buffer.table(node, field, "names")
        distances = buffer.numbers(node, field, "I", MAX_INPUTS, "names")
        places = [vector + 4 + 4 * index + distance for index, distance in enumerate(distances)]
        # One after the other: each may be long.
        names = (buffer.read(place + 4, min(buffer.uint32(place), 65_535), "a name") for place in places)
        return [(hash(name) or 1) if name else 0 for name in names]

    def _attribute(self, place: int, depth: int) -> Attribute:
        buffer = self._buffer
        found = Attribute(buffer.string(place, NAME, "attribute").encode())
        integer = buffer.uint64(buffer.field(place, INTEGER))
        found.integer = integer - 2**64 if integer >= 2**63 else integer
        found.floats = buffer.count(place, FLOATS, "floats")
        found.integers = buffer.count(place, INTEGERS, "ints")
        found.longest_text = buffer.count(place, TEXT, "s")
        tensors = buffer.tables(place, TENSORS, MAX_TENSORS, "tensors")
        tensor, graph = buffer.table(place, TENSOR, "t"), buffer.table(place, SUBGRAPH, "g")
        stored = [self._tensor(one) for one in [*([tensor] if tensor else []), *tensors]]
        found.tensors = [one for one in stored if one is not None]
        for inner in [*([graph] if graph else []), *buffer.tables(place, SUBGRAPHS, MAX_INPUTS, "graphs")]:
            self._graph(inner, depth + 1)
        return found

    def _held(self, tensor: int) -> int:
        """Bytes of a tensor's values, which have to lie inside the file."""
        buffer = self._buffer
        vector = buffer.table(tensor, RAW, "raw_data")
        held = buffer.uint32(vector)
        if vector and buffer.size is not None and vector + 4 + held > buffer.size:
            raise MalformedFile(buffer.name, f"tensor at byte {tensor}: {held} bytes of values pass the file's end")
        return held

    def _tensor(self, place: int, dense: Sequence[int] | None = None) -> Stored | None:
        buffer = self._buffer
        kind = buffer.uint32(buffer.field(place, DATA_TYPE))
        if kind == STRING or not place:
            return None
        dims = buffer.numbers(place, DIMS, "q", MAX_DIMENSIONS, "dims")
        shape = dims if dense is None else dense
        for dimensions in (dims, shape):
            if min(dimensions, default=0) < 0 or prod(dimensions) >= MAX_ELEMENTS:
                raise MalformedFile(buffer.name, f"tensor at byte {place}: dims are negative, or 2^63 elements or more")
        elements = prod(dims)
        dtype, bits = TYPES.get(kind, (f"type {kind}", 1))
        held = self._held(place)
        external = bool(buffer.field(place, EXTERNAL)) and not held
        self.external += external
        if held and 8 * held < elements * bits:
            raise MalformedFile(buffer.name, f"tensor at byte {place}: {elements} elements in {held} bytes")
        name = buffer.string(place, TENSOR_NAME, "tensor name").encode()
        if elements and not held and not external:
            self.ledger.note("values-missing", f"tensors without values: {name[:80]!r} is the first")
        return Stored(
            key=hash(name) or 1,
            partner=stem_of(b"", name),
            dtype=dtype,
            elements=prod(shape),
            values=elements,
            present=bool(held or external or not elements),
            rank=len(shape),
            buffer=is_buffer(name.decode("utf-8", "replace"), shape),
        )
