"""Count parameters in Core ML models.

Spec: apple/coremltools, mlmodel/format/*.proto (Model, NeuralNetwork, MIL, GLM, SVM, TreeEnsemble, ...).

Walks the Model message by our own protobuf walker (`protobuf.py` says why): a neural network's layers
(`network.py`), an ML program's constants (`program.py`: their shapes stand here, their values in a
package's weight file), pipelines of models, linear models and support vectors. Trees, nearest neighbours and data that
only the operating system reads are bounded.
"""

from __future__ import annotations

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, Interval
from estimators.errors import MalformedFile
from estimators.formats.coreml.network import NetworkReader
from estimators.formats.coreml.program import ProgramReader
from estimators.formats.graph_ledger import Ledger
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.protobuf import FIXED64, LENGTH, VARINT, TooManyFields, Walker, first_fields, tag

MAX_SPECIFICATION_VERSION = 100  # 10 in 2026
VERSION, DESCRIPTION, IS_UPDATABLE = tag(1, VARINT), tag(2, LENGTH), tag(10, VARINT)

# The kinds of model, by the number of their field.
PIPELINES = {200: True, 201: True, 202: False}  # whether the pipeline lies inside another message
NETWORKS = frozenset({303, 403, 500})
PROGRAM = 502
LINEAR = frozenset({300, 400})
SUPPORT_VECTORS = frozenset({301, 401})
# Parts of pipelines without weights: encoders, scalers, selectors, networks of the operating system.
WITHOUT_WEIGHTS = frozenset({560, 600, 601, 602, 603, 604, 606, 607, 609, 610, 900, 2002, 2003, 2006})
LINKED = 556  # to another file
# Trees, Bayesian and nearest-neighbour models, recommenders, custom models, data without a public layout.
BOUNDED = frozenset({302, 304, 402, 404, 501, 555, 2000, 2001, 2004, 2005, 3000})
KINDS = frozenset({*PIPELINES, *NETWORKS, PROGRAM, *LINEAR, *SUPPORT_VECTORS, *WITHOUT_WEIGHTS, LINKED, *BOUNDED})

PIPELINE_MODEL = tag(1, LENGTH)
ROW, OFFSETS, OFFSET = tag(1, LENGTH), tag(2, LENGTH), tag(2, FIXED64)
DOUBLES, DOUBLE = tag(1, LENGTH), tag(1, FIXED64)
# Support vectors: fields of vectors and coefficients, in the regressor and the classifier; rho, probA and probB.
VECTORS = {301: (tag(2, LENGTH), tag(3, LENGTH), tag(4, LENGTH)), 401: (tag(3, LENGTH), tag(4, LENGTH), tag(5, LENGTH))}
INTERCEPTS = {301: {tag(5, FIXED64)}, 401: {tag(number, FIXED64) for number in (6, 7, 8)}}
PACKED_INTERCEPTS = {tag(number, LENGTH) for number in (6, 7, 8)}


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as a Model: a version, a description, then the one field that says its kind."""
    fields = first_fields(front, most=4)
    if not fields or fields[0][0] != VERSION or not 0 < fields[0][1] <= MAX_SPECIFICATION_VERSION:
        return False
    rest = [key for key, *_ in fields[1:] if key not in (DESCRIPTION, IS_UPDATABLE)]
    if not rest:  # a description longer than the front
        return name.endswith(".mlmodel") and len(fields) > 1
    return rest[0] & 7 == LENGTH and rest[0] >> 3 in KINDS


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one Core ML model (`.mlmodel`, or the program of a package).

    Args:
        reader: the file; small ones whole, of others the head of every weight.
        hints: `enough` ends the walk where the rest would cost more ranges.

    Raises:
        MalformedFile: the file is no Core ML model.
        ReadFailed, BudgetExceeded: from the reader.
    """
    model = _Model(Walker(reader), hints.enough)
    unseen = model.read()
    ledger = model.ledger
    return ledger.estimate(
        model.walker.source, Basis.COREML_GRAPH, unseen=unseen, note=model.note, partial=model.partial
    )


class _Model:
    """One walk through a model file; attributes as in `onnx.py`."""

    def __init__(self, walker: Walker, enough: int | None) -> None:
        self.walker = walker
        self.ledger = Ledger()
        self.partial = False
        self.note = ""
        self._network = NetworkReader(walker, self.ledger, enough)
        self._program = ProgramReader(walker, self.ledger)

    def read(self) -> Interval | None:
        """Walk the file; what was not seen can hold the interval that is returned, None where all was seen."""
        walker = self.walker
        try:
            kinds, stopped = self._model(0, walker.end)
        except TooManyFields as exc:
            self.note = exc.message
            return Interval(0, None if self._program.blobs else walker.end * PARAMETERS_PER_BYTE_AT_MOST)
        if not kinds:
            raise MalformedFile(walker.source.name, "has no model of a kind that Core ML's Model message knows")
        if not stopped:
            return None
        self.partial = True
        self.note = f"read up to byte {stopped}, where more than enough was certain"
        return Interval(0, (walker.end - stopped) * PARAMETERS_PER_BYTE_AT_MOST)

    def _model(self, start: int, end: int) -> tuple[int, int]:
        """One Model message: how many fields name a kind, and the offset where the walk ended early or 0."""
        kinds = 0
        for key, at, length in self.walker.fields(start, end):
            kind = key >> 3
            if key & 7 != LENGTH or kind not in KINDS:
                continue
            kinds += 1
            stopped = self._of_kind(kind, at, at + length)
            if stopped:
                return kinds, stopped
        return kinds, 0

    def _of_kind(self, kind: int, start: int, end: int) -> int:
        ledger = self.ledger
        if kind in NETWORKS:
            return self._network.read(start, end)
        if kind == PROGRAM:
            self._program.read(start, end)
        elif kind in PIPELINES:
            return self._pipeline(start, end, inside=PIPELINES[kind])
        elif kind in LINEAR:
            self._linear(start, end)
        elif kind in SUPPORT_VECTORS:
            self._support_vectors(kind, start, end)
        elif kind == LINKED:
            ledger.unbounded = True
            ledger.note("linked-model", "the model's weights lie in a file that it links to")
        elif kind in BOUNDED:
            ledger.high += (end - start) * PARAMETERS_PER_BYTE_AT_MOST
            ledger.note(
                "no-settled-count", f"models of kind {kind} (trees, neighbours, opaque data) are bounded by size"
            )
        return 0

    def _pipeline(self, start: int, end: int, *, inside: bool) -> int:
        for key, at, length in self.walker.fields(start, end):
            if key == PIPELINE_MODEL:
                stopped = self._pipeline(at, at + length, inside=False) if inside else self._model(at, at + length)[1]
                if stopped:
                    return stopped
        return 0

    def _linear(self, start: int, end: int) -> None:
        """Rows of doubles, and an offset for each."""
        for key, at, length in self.walker.fields(start, end):
            if key == ROW:
                self.ledger.add_floats("F64", self._doubles(at, at + length))
            elif key in (OFFSET, OFFSETS):
                self.ledger.add_floats("F64", length // 8 if key == OFFSETS else 1)

    def _support_vectors(self, kind: int, start: int, end: int) -> None:
        sparse, dense, coefficients = VECTORS[kind]
        for key, at, length in self.walker.fields(start, end):
            if key == coefficients:
                self.ledger.add_floats("F64", self._doubles(at, at + length))
            elif key == dense:
                rows = [(place, size) for field, place, size in self.walker.fields(at, at + length) if field == ROW]
                self.ledger.add_floats("F64", sum(self._doubles(place, place + size) for place, size in rows))
            elif key == sparse:
                self.ledger.high += length * PARAMETERS_PER_BYTE_AT_MOST
                self.ledger.note("no-settled-count", "sparse support vectors are bounded by size")
            elif key in INTERCEPTS[kind] or key in PACKED_INTERCEPTS:
                self.ledger.add_floats("F64", 1 if key in INTERCEPTS[kind] else length // 8)

    def _doubles(self, start: int, end: int) -> int:
        """Doubles of a message that holds nothing else, packed or not."""
        fields = self.walker.fields(start, end)
        return sum(length // 8 if key == DOUBLES else 1 for key, _, length in fields if key in (DOUBLES, DOUBLE))
