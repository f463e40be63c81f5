"""Count parameters in ONNX models.

Spec: onnx/onnx, onnx/onnx.proto (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, SparseTensorProto),
docs/ExternalData.md; operators of quantised numbers: `operators.py`.

Walks the graph by our own protobuf walker: dimensions are read, values are stepped over (`protobuf.py` says why). Nodes
come before the stored tensors, so that a tensor's use is known when it is met: integers count as quantised weights
where an operator uses them with a scale, and scales and zero points do not count. Stored tensors are initialisers and
Constant nodes of more than 64 elements, in every graph of the file but those that describe training.
"""

from __future__ import annotations

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.formats.graph_ledger import Ledger, Stored, Uses
from estimators.formats.onnx import operators as operators
from estimators.formats.onnx.nodes import Attribute, Node, record
from estimators.formats.onnx.tensors import TensorReader
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.protobuf import LENGTH, VARINT, TooManyFields, Walker, first_fields, signed, tag

MAX_IR_VERSION = 100  # 13 in 2026
SMALL_ATTRIBUTE_BYTES = 32  # no attribute of this size holds a graph or a tensor of more than 64 elements

MAX_NODES = 120_000  # in all graphs, in a second or two; language models have 10,000

# Messages and their fields.
IR_VERSION, GRAPH, OPSET, FUNCTION = tag(1, VARINT), tag(7, LENGTH), tag(8, LENGTH), tag(25, LENGTH)
MODEL_FIELDS = frozenset({
    IR_VERSION, GRAPH, OPSET, FUNCTION, tag(5, VARINT),
    *(tag(number, LENGTH) for number in (2, 3, 4, 6, 14, 20, 26)),
})  # fmt: skip
GRAPH_FIELDS = frozenset(tag(number, LENGTH) for number in (1, 2, 5, 10, 11, 12, 13, 14, 15, 16))
NODE, INITIALIZER, SPARSE_INITIALIZER = tag(1, LENGTH), tag(5, LENGTH), tag(15, LENGTH)
FUNCTION_NODE = tag(7, LENGTH)
INPUT, OUTPUT, OPERATOR, ATTRIBUTE, DOMAIN = (tag(number, LENGTH) for number in (1, 2, 4, 5, 7))
NAME, INTEGER, TEXT, TENSOR, SUBGRAPH = tag(1, LENGTH), tag(3, VARINT), tag(4, LENGTH), tag(5, LENGTH), tag(6, LENGTH)
FLOATS, FLOAT, INTEGERS, TEXTS = tag(7, LENGTH), tag(7, 5), tag(8, LENGTH), tag(9, LENGTH)
INTEGERS_UNPACKED = tag(8, VARINT)
TENSORS, SUBGRAPHS, SPARSE, SPARSES = (tag(number, LENGTH) for number in (10, 11, 22, 23))


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as a ModelProto: the format has no magic, but its first fields are like no other's."""
    fields = first_fields(front)
    if not fields or fields[0][0] not in (IR_VERSION, GRAPH) or not MODEL_FIELDS.issuperset(key for key, *_ in fields):
        return False
    if fields[0][0] == IR_VERSION and not 0 < fields[0][1] <= MAX_IR_VERSION:
        return False
    graph = next(((at, length) for key, at, length in fields if key == GRAPH), None)
    if graph is None or fields[0][0] != IR_VERSION:
        return name.endswith(".onnx") and len(fields) > 1  # a long description, or fields in another order
    inside = first_fields(front[graph[0] : graph[0] + graph[1]], most=4)
    return bool(inside or not graph[1]) and GRAPH_FIELDS.issuperset(key for key, *_ in inside)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one ONNX model.

    Args:
        reader: the file; small ones whole, of others the nodes and the head of every stored tensor.
        hints: `enough` ends the walk where the rest would cost more ranges.

    Raises:
        MalformedFile: the file is no ONNX model, or its tensors contradict their values.
        ReadFailed, BudgetExceeded: from the reader.
    """
    model = _Model(Walker(reader), hints.enough)
    unseen = model.read()
    ledger = model.ledger
    return ledger.estimate(model.walker.source, Basis.ONNX_GRAPH, unseen=unseen, note=model.note, partial=model.partial)


class _Model:
    """One walk through a model file.

    Attributes:
        walker: the file.
        ledger: what was found.
        partial: whether the walk ended early on purpose.
        note: for the evidence.
    """

    def __init__(self, walker: Walker, enough: int | None) -> None:
        self.walker = walker
        self.ledger = Ledger()
        self.partial = False
        self.note = ""
        self._tensors = TensorReader(walker, self.ledger)
        self._enough = enough
        self._scope = b""  # of names: a function's are its own
        self._sure = 0
        self._nodes = 0
        self._uses: Uses | None = None

    def read(self) -> Interval | None:
        """Walk the file; what was not seen can hold the interval that is returned, None where all was seen."""
        walker = self.walker
        graphs = opsets = functions = version = 0
        after = 0
        try:
            for key, at, length in walker.fields():
                if key == GRAPH:
                    graphs += 1
                    stopped = self._graph(at, at + length)
                    if stopped:
                        return self._rest(stopped)
                elif key == FUNCTION:
                    functions += 1
                    self._function(at, at + length, functions)
                version, opsets = (at if key == IR_VERSION else version), opsets + (key == OPSET)
                after = at + length if key & 7 == LENGTH else after
        except TooManyFields as exc:
            self.note = exc.message
            return Interval(0, None if self._tensors.external else walker.end * PARAMETERS_PER_BYTE_AT_MOST)
        except MalformedFile:
            if not (graphs and opsets and after) or self._is_torn(after):
                raise
            self.ledger.note("bytes-without-tensor", f"{walker.end - after} bytes follow the model")
        if not graphs:
            raise MalformedFile(walker.source.name, "has no graph, which field 7 of an ONNX model would be")
        if not opsets and version > 2:  # the version that brought them
            self.note = "the model names no operator set: it may have been cut short"
            return Interval(0, 0)
        return None

    def _is_torn(self, at: int) -> bool:
        """Whether what begins at `at` is a field of the model: then the file ends inside it, or it is damaged."""
        head = self.walker.source.read(at, 2)
        return not head or (head[0] & 127 | (head[1] << 7 if head[0] > 127 and len(head) > 1 else 0)) in MODEL_FIELDS

    def _rest(self, at: int) -> Interval:
        """What the part that was not read can hold."""
        self.partial = True
        self.note = f"read up to byte {at}, where more than enough was certain"
        return Interval(0, None if self._tensors.external else (self.walker.end - at) * PARAMETERS_PER_BYTE_AT_MOST)

    def _graph(self, start: int, end: int, *, outermost: bool = True) -> int:
        """One graph; the offset where the walk ended early, 0 where it did not."""
        nodes = 0
        for key, at, length in self.walker.fields(start, end):
            if key == NODE:
                nodes += 1
                self._node(at, at + length)
                if outermost and self._is_done(at + length):
                    return at + length
            elif key in (INITIALIZER, SPARSE_INITIALIZER):
                stored = self._tensors.read(at, at + length, sparse=key == SPARSE_INITIALIZER, scope=self._scope)
                if stored is not None:
                    self.ledger.add(stored)
                    self._add_certain(stored, nodes)
                    if outermost and self._is_done(at + length):
                        return at + length
        return 0

    def _add_certain(self, stored: Stored, nodes: int) -> None:
        """Add what is certain of an initialiser; behind the nodes, all uses are known."""
        if self._enough is None or not nodes:
            return
        if self._uses is None:
            uses = self._uses = self.ledger.uses()
            self._sure = sum(self.ledger.certain(tensor, uses) for tensor in self.ledger.stored)
        else:
            self._sure += self.ledger.certain(stored, self._uses)

    def _is_done(self, after: int) -> bool:
        """Whether more than enough is certain, and going on would cost a range."""
        return self._enough is not None and self._sure > self._enough and not self.walker.holds(after)

    def _function(self, start: int, end: int, number: int) -> None:
        """A function that the file defines: its nodes may hold constants."""
        self._scope = b"%d/" % number
        for key, at, length in self.walker.fields(start, end):
            if key == FUNCTION_NODE:
                self._node(at, at + length)
        self._scope = b""

    def _key(self, at: int, length: int) -> int:
        return hash(self._scope + self.walker.bytes_of(at, length, "name")) or 1 if length else 0

    def _node(self, start: int, end: int) -> None:
        walker = self.walker
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise TooManyFields(walker.source.name, f"has more than {MAX_NODES} nodes; no more are walked")
        node = Node()
        for key, at, length in walker.fields(start, end):
            if key == INPUT:
                node.inputs.append(self._key(at, length))
            elif key == OUTPUT:
                node.outputs.append(self._key(at, length))
            elif key == OPERATOR:
                node.operator = walker.text(at, length, "operator")
            elif key == DOMAIN:
                node.domain = walker.text(at, length, "domain")
            elif key == ATTRIBUTE:
                small = length <= SMALL_ATTRIBUTE_BYTES and node.operator not in operators.SMALL_MATTERS
                if not small:
                    node.attributes.append(self._attribute(at, at + length))
        self._sure += record(self.ledger, node)

    def _attribute(self, start: int, end: int) -> Attribute:
        walker = self.walker
        found = Attribute()
        for key, at, length in walker.fields(start, end):
            if key == NAME:
                found.name = walker.bytes_of(at, length, "attribute name")
            elif key == INTEGER:
                found.integer = signed(at)
            elif key in (SUBGRAPH, SUBGRAPHS):
                self._graph(at, at + length, outermost=False)
            elif key in (TENSOR, TENSORS, SPARSE, SPARSES):
                stored = self._tensors.read(at, at + length, sparse=key in (SPARSE, SPARSES), scope=self._scope)
                found.tensors += [stored] if stored is not None else []
            elif key in (FLOATS, FLOAT):
                found.floats += length // 4 if key == FLOATS else 1
            elif key in (INTEGERS, INTEGERS_UNPACKED):
                found.integers += length if key == INTEGERS else 1
            elif key in (TEXT, TEXTS):
                found.longest_text = max(found.longest_text, length)
        return found
