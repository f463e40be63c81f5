"""Count parameters in MNN networks (`.mnn`), whose weights may lie in a `.mnn.weight` beside them.

Spec: alibaba/MNN, schema/default/*.fbs (a FlatBuffer without an identifier): MNN.fbs for the graph, CaffeOp.fbs for the
operators that hold weights, Tensor.fbs for constants.

Reads the operators' tables and the counts of their vectors, never the vectors. A convolution whose weights are
compressed or lie elsewhere is counted by its shape. What neither states, and operators that the schema did not have
when this was written, make it an interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from estimators import results
from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading.flatbuffer import Flatbuffer
from estimators.reading.front import FrontReader, front_reader

MAX_OPERATORS = 100_000  # with subgraphs and commands of loops; networks in use have up to 10,000
MAX_DIMENSIONS = 64
MAX_NESTING = 8  # loops in loops
FLOATS = frozenset({1, 2, 14, 19})  # element types: float, double, bfloat16, half
HALF_BYTES = 3  # kind of a compressed buffer that holds halves
DEPTHWISE = frozenset({13, 18, 515})  # operators whose kernels have one input channel each

# Numbers of fields in the schema.
NET_OPERATORS, NET_SUBGRAPHS, SUBGRAPH_OPERATORS = 3, 10, 4
OP_KIND, OP_PARAMETER, OP_TYPE = 1, 2, 5
LOOP_COMMANDS, COMMAND_OP = (6, 7), 0
KNOWN_KINDS = 96  # members of the union of parameters in schema of 2023; later ones may hold anything
OPAQUE_KINDS = frozenset({30, 78})  # plug-ins and custom operators


def matches(front: bytes, name: str) -> bool:
    """Whether a file is named `.mnn` and begins with a root table's plausible place."""
    return name.endswith(".mnn") and 0 < int.from_bytes(front[:4], "little") < 2**16 and len(front) >= 8


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one MNN network.

    Args:
        reader: the file; whole where it is small, else its tables.
        hints: `enough` ends the reading early.

    Raises:
        MalformedFile: a table or vector lies outside the file, or states an impossible size.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    if not matches(source.read(0, 16), "x.mnn"):
        raise MalformedFile(source.name, "does not begin with the place of a root table")
    net = _Net(Flatbuffer(source), hints)
    seen_all = net.read()
    interval = Interval(net.low, net.high)
    if not seen_all:
        size = source.size
        # Weights may lie in another file, whose size is not known here.
        high = None if size is None or net.external else net.low + size * PARAMETERS_PER_BYTE_AT_MOST
        interval = Interval(net.low, high)
    exact = seen_all and interval.low == interval.high
    return results.of_interval(
        source,
        Basis.MNN_BUFFERS,
        interval,
        point=interval.low if exact else None,
        exact=exact,
        findings=net.findings(source),
        note="" if seen_all else "operators after the first ones were not read",
        partial=not seen_all,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Weights of one operator."""

    low: int
    high: int | None


class _Net:
    """Adds up the operators of a network and of its subgraphs."""

    def __init__(self, buffer: Flatbuffer, hints: Hints) -> None:
        self._buffer = buffer
        self._enough = hints.enough
        self._operators = 0
        self._unknown: dict[int, None] = {}
        self.low = 0
        self.high: int | None = 0
        self.external = False

    def read(self) -> bool:
        """Read all operators; False where enough was certain before the last."""
        buffer = self._buffer
        net = buffer.root()
        operators = self._tables(net, NET_OPERATORS, "operators")
        for subgraph in self._tables(net, NET_SUBGRAPHS, "subgraphs"):
            operators += self._tables(subgraph, SUBGRAPH_OPERATORS, "operators of a subgraph")
        for number, operator in enumerate(operators):
            self._add(operator, 0)
            if self._enough is not None and self.low > self._enough and number + 1 < len(operators):
                return False
        return True

    def _tables(self, table: int, field: int, what: str) -> list[int]:
        """A vector of tables; all of them together are limited, since many vectors may be one."""
        found = self._buffer.tables(table, field, MAX_OPERATORS - self._operators, what)
        self._operators += len(found)
        return found

    def _add(self, operator: int, depth: int) -> None:
        if depth > MAX_NESTING:
            raise MalformedFile(self._buffer.name, f"loops are nested deeper than {MAX_NESTING}")
        kind = self._buffer.byte(self._buffer.field(operator, OP_KIND))
        parameter = self._buffer.table(operator, OP_PARAMETER, "an operator's parameter") if kind else 0
        if not parameter:
            return
        if kind > KNOWN_KINDS or kind in OPAQUE_KINDS:
            self._unknown[kind] = None
            self.high = None
        elif kind == LOOP:
            for field in LOOP_COMMANDS:
                for command in self._tables(parameter, field, "commands of a loop"):
                    inner = self._buffer.table(command, COMMAND_OP, "a command's operator")
                    if inner:
                        self._add(inner, depth + 1)
        elif kind in WEIGHTS:
            one = _Parameter(self._buffer, operator, parameter)
            self.external = self.external or bool(EXTERNAL.get(kind) and one.external(EXTERNAL[kind]))
            self._take(WEIGHTS[kind](one))

    def _take(self, found: _Found) -> None:
        if found.low >= results.MAX_ELEMENTS or (found.high or 0) < found.low:
            raise MalformedFile(self._buffer.name, f"an operator has {found.low} weights")
        self.low += found.low
        self.high = None if self.high is None or found.high is None else self.high + found.high

    def findings(self, source: FrontReader) -> tuple[Finding, ...]:
        """What was not certain."""
        if not self._unknown:
            return ()
        kinds = ", ".join(map(str, sorted(self._unknown)[:5]))
        return (
            Finding("unknown-layers", f"{source.name}: operators with parameters of kinds {kinds}, not in the schema"),
        )


@dataclass(frozen=True, slots=True)
class _Parameter:
    """The parameter of an operator, which may hold weights."""

    buffer: Flatbuffer
    operator: int
    place: int

    def floats(self, *fields: int) -> int:
        """Items of vectors of floats."""
        return sum(self.buffer.count(self.place, field, "a vector of weights") for field in fields)

    def number(self, field: int, default: int = 0) -> int:
        """A 32-bit field; sizes are never negative."""
        return self.buffer.uint32(self.buffer.field(self.place, field), default)

    def external(self, field: int) -> tuple[int, ...]:
        """Place and sizes, in bytes, of data in the file of weights."""
        return tuple(self.buffer.numbers(self.place, field, "q", MAX_DIMENSIONS, "a place in the file of weights"))

    def inner(self, field: int) -> _Parameter | None:
        """A table in a field."""
        place = self.buffer.table(self.place, field, "a table of an operator")
        return _Parameter(self.buffer, self.operator, place) if place else None


def _exactly(count: int) -> _Found:
    return _Found(count, count)


def _vectors(*fields: int, external: int | None = None) -> Callable[[_Parameter], _Found]:
    """Operators whose weights are vectors of floats, here or in the file of weights."""

    def count(parameter: _Parameter) -> _Found:
        found = parameter.floats(*fields)
        if not found and external is not None:
            found = sum(size // 4 for size in parameter.external(external)[1:])
        return _exactly(found)

    return count


def _blobs(*fields: int) -> Callable[[_Parameter], _Found]:
    def count(parameter: _Parameter) -> _Found:
        inner = (parameter.inner(field) for field in fields)
        return _exactly(sum(_elements(blob) for blob in inner if blob is not None))

    return count


def _elements(blob: _Parameter) -> int:
    """Elements of a constant of a floating type."""
    if blob.number(2, 1) not in FLOATS:
        return 0
    stored = blob.floats(7)
    if stored:
        return stored
    dims = blob.buffer.numbers(blob.place, 0, "i", MAX_DIMENSIONS, "dimensions of a constant")
    held = blob.floats(3, 4) or sum(blob.external(9)[1:])  # bytes
    return min(math.prod(dims), held) if held and min(dims, default=1) >= 0 else 0


def _convolution(parameter: _Parameter) -> _Found:
    """A convolution or matrix product: weights and bias as vectors, compressed, in eight bits, or in another file."""
    bias = parameter.floats(2)
    weights = parameter.floats(1)
    external = parameter.external(6)
    packed, symmetric, sparse = parameter.inner(3), parameter.inner(4), parameter.inner(5)
    if symmetric is not None and not bias:
        bias = symmetric.floats(1)
    if external and not bias:
        bias = external[2] // 4 if len(external) > 2 else 0
    if weights and sparse is None:
        return _exactly(weights + bias)
    shaped = _by_shape(parameter)
    if packed is None and symmetric is not None:
        weights = symmetric.floats(0) or shaped
        return _exactly(weights + bias)
    if packed is None and external:
        weights = external[1] // 4 if len(external) > 1 and external[1] > 0 else shaped
        return _exactly(weights + bias)
    held = packed.floats(0) if packed is not None else weights * 4
    held = held or (max(external[1], 0) if len(external) > 1 else 0)
    stated = packed.number(12) if packed is not None else 0
    if packed is not None and packed.number(2) == HALF_BYTES and held:
        return _exactly(held // 2 + bias)
    weights = shaped or stated
    if weights and (weights <= held * PARAMETERS_PER_BYTE_AT_MOST or sparse is not None):
        return _exactly(weights + bias)
    return _Found(bias, bias + held * PARAMETERS_PER_BYTE_AT_MOST)


def _by_shape(parameter: _Parameter) -> int:
    """Weights that a convolution's shape tells of; 0 where it does not."""
    common = parameter.inner(0)
    if common is None:
        return 0
    area = common.number(2, 1) * common.number(3, 1)
    group, outputs, inputs = max(common.number(9, 1), 1), common.number(10), common.number(11)
    kind = parameter.buffer.uint32(parameter.buffer.field(parameter.operator, OP_TYPE))
    if kind in DEPTHWISE:
        return area * outputs
    return area * outputs * (inputs // group)


def _inner_product(parameter: _Parameter) -> _Found:
    bias, weights = parameter.floats(4), parameter.floats(3)
    return _exactly((weights or parameter.number(2)) + bias)


def _constant(parameter: _Parameter) -> _Found:
    return _exactly(_elements(parameter))


def _quantised_convolution(parameter: _Parameter) -> _Found:
    return _exactly(parameter.floats(0, 3))


LOOP = 92
EXTERNAL = {7: 9, 9: 6, 58: 3, 80: 3, 88: 5}  # kind to the field that says where in the file of weights its data lies
# Kind of an operator's parameter to how it counts; all others below `KNOWN_KINDS` hold no weights.
WEIGHTS: Mapping[int, Callable[[_Parameter], _Found]] = {
    5: _vectors(1, 2, 3, 4),  # BatchNorm; the fields after these are made from them
    7: _constant,
    9: _convolution,
    20: _inner_product,
    24: _blobs(3, 4, 5),  # LSTM
    25: _vectors(3, 4),  # MatMul
    27: _vectors(3),  # Normalize
    32: _vectors(1),  # PRelu
    58: _vectors(1, 2, external=3),  # Scale
    67: _quantised_convolution,
    72: _blobs(*range(4, 14)),  # RNN
    80: _vectors(1, 2, external=3),  # Convolution3D
    88: _vectors(2, 3, external=5),  # LayerNorm
}
