"""Count parameters in OpenVINO models by their `.xml`; the `.bin` beside it holds nothing but values.

Spec: openvinotoolkit/openvino, docs on "OpenVINO IR format" and operation sets; src/core/src/pass/serialize.cpp and the
IR frontend. Versions 10 and 11 hold Const layers with type, shape, offset and size; version 7 and those before hold
weights and biases inside their layers.

The text is read as a stream by the standard library's expat (OpenVINO's own reader wants all of it, and both files).
Document types are refused, so that no entity can be defined. Integers count where a Convert and a Multiply by a scale
(or a FakeQuantize, or a product of matrices) makes weights of them; scales, zero points and ranges do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn
from xml.parsers import expat

from estimators.bounds import NOTHING_KNOWN, Interval
from estimators.errors import BudgetExceeded, EstimatorError, MalformedFile
from estimators.formats.openvino.layers import Network
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FRONT_BYTES, FrontReader, front_reader

MAX_TEXT_BYTES = 256 * 1024 * 1024  # of the .xml; those of large language models have 10 MiB
MAX_ELEMENTS = 1_500_000  # XML elements, in a second or two; those models have 300,000
MAX_DEPTH = 100  # nested elements; a body inside a body takes 5 more
MAX_TOKEN_BYTES = 4 * 1024 * 1024  # without any element: no attribute is that long
LARGEST_RANGE_BYTES = 4 * 1024 * 1024
FEED_BYTES = 256 * 1024  # given to the parser at once

_BEGINNING = re.compile(
    # Possessive: a file of nothing but white space must not be tried in every way to divide it.
    rb"\A(?:\xef\xbb\xbf)?\s*+(?:<\?xml[^>]{0,200}\?>\s*+)?(?:<!--.{0,1000}?-->\s*+)?<net[\s>]",
    re.DOTALL,
)


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with the `net` element of the format."""
    return bool(_BEGINNING.match(front))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters that an `.xml` describes.

    Args:
        reader: the `.xml`, read from front to end in growing ranges.
        hints: `enough` ends the reading where the rest would cost more ranges.

    Raises:
        MalformedFile: the text is no such XML, or a constant contradicts itself.
        ReadFailed, BudgetExceeded: from the reader; or the text has too many elements.
    """
    source = front_reader(reader)
    text = _Text(source)
    unseen = text.read(hints.enough)
    network = text.network
    note = "" if unseen is None else "read up to where more than enough was certain"
    return network.ledger.estimate(source, Basis.OPENVINO_GRAPH, unseen=unseen, note=note, partial=unseen is not None)


class _Text:
    """The XML text, given to the parser piece by piece."""

    def __init__(self, source: FrontReader) -> None:
        self.network = Network(source.name)
        self._source = source
        self._depth = 0
        self._elements = 0
        self._since = 0  # bytes given since the last element
        self._fault: EstimatorError | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.EntityDeclHandler = self._refuse

    def read(self, enough: int | None) -> Interval | None:
        """Parse the text; what was not seen can hold the interval that is returned, None where all was seen."""
        try:
            for piece, last in self._pieces():
                self._since += len(piece)
                if self._since > MAX_TOKEN_BYTES:
                    raise MalformedFile(self._source.name, f"{MAX_TOKEN_BYTES} bytes hold no XML element")
                self._parser.Parse(piece, last)
                if self._fault is not None:
                    raise self._fault
                if enough is not None and self.network.certain > enough and not last:
                    return NOTHING_KNOWN
        except expat.ExpatError as exc:
            raise MalformedFile(self._source.name, f"is no XML: {exc}") from exc
        if not self.network.layers:
            raise MalformedFile(self._source.name, "has no layers, which an OpenVINO model would have")
        return None

    def _pieces(self) -> Iterator[tuple[bytes, bool]]:
        """The file in ranges that grow, each in pieces for the parser; the last piece is marked."""
        at, length = 0, FRONT_BYTES
        while at < MAX_TEXT_BYTES:
            data = self._source.front() if not at else self._source.read(at, length)
            at += len(data)
            ended = len(data) < length if self._source.size is None else at >= self._source.size or not data
            for place in range(0, len(data), FEED_BYTES):
                yield data[place : place + FEED_BYTES], False
            if ended:
                yield b"", True
                return
            length = min(2 * max(length, FRONT_BYTES), LARGEST_RANGE_BYTES)
        raise BudgetExceeded(self._source.name, f"is longer than {MAX_TEXT_BYTES} bytes")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._since = 0
        if self._fault is not None:
            return
        if self._depth > MAX_DEPTH:
            self._stop(MalformedFile(self._source.name, f"nests more than {MAX_DEPTH} XML elements"))
        if self._elements > MAX_ELEMENTS:
            self._stop(BudgetExceeded(self._source.name, f"has more than {MAX_ELEMENTS} XML elements"))
        try:
            self.network.start(name, attributes)
        except EstimatorError as exc:
            self._fault = exc

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._fault is not None:
            return
        try:
            self.network.end(name)
        except EstimatorError as exc:
            self._fault = exc

    def _stop(self, fault: EstimatorError) -> NoReturn:
        self._fault = fault
        raise fault

    def _refuse(self, *_: object) -> NoReturn:
        self._stop(MalformedFile(self._source.name, "declares a document type or an entity, which no model does"))
