"""Count parameters in CTranslate2 models (`model.bin`).

Spec: OpenNMT/CTranslate2, `ModelSpec._serialize` in python/ctranslate2/specs/model_spec.py and `Model::load` in
src/models/model.cc, binary versions 2 to 6: version, name and revision of the specification, then each variable with
name, dimensions, type, length and data, then aliases (names of variables that are there already).

Reads the head of each variable and steps over its data. Quantised weights are integers beside a variable of the same
name and `_scale`: one to an element, or eight 4-bit ones to a 32-bit integer (AWQ). Other integers are settings.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from estimators import results
from estimators.bounds import ZERO, Interval
from estimators.errors import MalformedFile
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading.front import front_reader
from estimators.reading.views import BLOCK_BYTES, WHOLE_BYTES, Pages

VERSIONS = range(2, 16)  # 6 is current; a later one that differs fails at its first variable
MAX_VARIABLES = 200_000  # the largest models have 3,000
MAX_NAME_BYTES = 1024
MAX_NAMES_BYTES = 16 * 1024 * 1024  # of all, which are kept
MAX_RANK = 8
# Types by the order of the library's enumeration: name and bytes.
TYPES = (("F32", 4), ("I8", 1), ("I16", 2), ("I32", 4), ("F16", 2), ("BF16", 2))
TYPES_BY_SIZE = {4: 0, 2: 2, 1: 1}  # of the versions that wrote an item's size instead
FIRST_WITH_TYPES = 4
AWQ_WEIGHTS = 8  # of four bits, in a 32-bit integer
MOST_WEIGHTS_PER_BYTE = 2
BOOKKEEPING = ("_scale", "_zero")
HEAD_BYTES = 2 * 1024  # of a variable, at most: its name, dimensions and lengths
# The front: version, and the name of the specification with its length before and a zero behind.
_FRONT = re.compile(
    rb"[\2-\17]\0\0\0([\4-\100])\0([A-Za-z][A-Za-z0-9_]*Spec|TransformerBase|TransformerBig)\0", re.DOTALL
)


class Variable(NamedTuple):
    """One stored variable.

    Attributes:
        name: with the scopes before it.
        dtype: in the names of `dtypes.py`.
        rank: number of dimensions.
        elements: their product.
    """

    name: str
    dtype: str
    rank: int
    elements: int


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins with a version and the name of a specification."""
    found = _FRONT.match(front)
    return found is not None and found[1][0] == len(found[2]) + 1


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Count the parameters of one CTranslate2 model.

    Args:
        reader: the file; read whole up to 4 MiB, else a block at each large variable.
        hints: once more than `hints.enough` parameters are certain, the rest is bounded.

    Raises:
        MalformedFile: a variable contradicts itself or the size of the file.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    size = source.size
    ahead = size if size is not None and size <= WHOLE_BYTES else BLOCK_BYTES
    walk = _Walk(Pages(source, ahead, ahead), size)
    count = _Count()
    unseen = None
    for _ in range(walk.start()):
        count.add(walk.variable())
        if hints.enough is not None and count.certain > hints.enough and size is not None:
            unseen = Interval(0, (size - walk.at) * MOST_WEIGHTS_PER_BYTE)
            break
    if unseen is not None and not unseen.high:
        unseen = None  # that was the last one
    counted, findings = count.finish(whole=unseen is None)
    interval = counted + (unseen or ZERO)
    exact = unseen is None and interval.low == interval.high
    return results.of_interval(
        source,
        Basis.CTRANSLATE2_HEADER,
        interval,
        point=interval.low if exact else None,
        stored=count.stored if unseen is None else None,
        buffers=0 if unseen is None else None,
        exact=exact,
        findings=findings,
        note="" if unseen is None else "stopped when enough was certain",
        partial=unseen is not None,
    )


class _Walk:
    """Steps from variable to variable.

    Attributes:
        at: offset of the next byte.
    """

    def __init__(self, pages: Pages, size: int | None) -> None:
        self.at = 0
        self._pages = pages
        self._size = size
        self._version = 0
        self._names = 0

    def start(self) -> int:
        """Read up to the first variable; returns how many there are."""
        head = self._pages.read(0, HEAD_BYTES)
        found = _FRONT.match(head)
        if found is None or len(head) < found.end() + 8:
            raise MalformedFile(self._pages.name, f"begins with {head[:24]!r}, not with a version and a specification")
        self._version = head[0]
        count: int = struct.unpack_from("<II", head, found.end())[1]
        if count > MAX_VARIABLES:
            raise MalformedFile(self._pages.name, f"has {count} variables; at most {MAX_VARIABLES} are allowed")
        self.at = found.end() + 8
        return count

    def variable(self) -> Variable:
        """Read the next variable's head and step over its data."""
        head = self._pages.read(self.at, HEAD_BYTES)
        try:
            (length,) = struct.unpack_from("<H", head)
            name = head[2 : 2 + length].rstrip(b"\0").decode("utf-8", "replace")
            rank = head[2 + length]
            end = 3 + length + 4 * rank
            if length > MAX_NAME_BYTES or rank > MAX_RANK:
                raise MalformedFile(self._pages.name, f"variable at {self.at}: name of {length} bytes, rank {rank}")
            shape = struct.unpack_from(f"<{rank}I", head, 3 + length)
            kind, count = struct.unpack_from("<BI", head, end)
        except (struct.error, IndexError) as exc:
            raise MalformedFile(self._pages.name, f"ends inside the variable at byte {self.at}") from exc
        self._names += length
        if self._names > MAX_NAMES_BYTES:
            raise MalformedFile(self._pages.name, f"names of variables have more than {MAX_NAMES_BYTES} bytes")
        found = self._checked(name, shape, kind, count)
        data = count if self._version >= FIRST_WITH_TYPES else count * kind
        self.at += end + 5 + data
        if self._size is not None and self.at > self._size:
            raise MalformedFile(
                self._pages.name, f"variable {name[:80]!r} ends at byte {self.at} of a file of {self._size}"
            )
        return found

    def _checked(self, name: str, shape: tuple[int, ...], kind: int, count: int) -> Variable:
        elements = 1
        for dimension in shape:
            elements *= dimension
        number = kind if self._version >= FIRST_WITH_TYPES else TYPES_BY_SIZE.get(kind, len(TYPES))
        if number >= len(TYPES):
            raise MalformedFile(self._pages.name, f"variable {name[:80]!r} has the type {kind}")
        dtype, width = TYPES[number]
        stated = count if self._version >= FIRST_WITH_TYPES else count * width
        if elements * width != stated:
            raise MalformedFile(
                self._pages.name, f"variable {name[:80]!r}: {dtype} of shape {list(shape)} is not {stated} bytes"
            )
        return Variable(name, dtype, len(shape), elements)


@dataclass(slots=True)
class _Count:
    """Adds variables up.

    Attributes:
        certain: elements that count whatever follows.
        stored: elements of all.
    """

    certain: int = 0
    stored: int = 0
    _integers: dict[str, Variable] = field(default_factory=dict)
    _scales: dict[str, Variable] = field(default_factory=dict)
    _quantised: set[str] = field(default_factory=set)

    def add(self, variable: Variable) -> None:
        """Count one variable, or keep it until its scale comes."""
        self.stored += variable.elements
        if variable.name.endswith(BOOKKEEPING):
            self._scales[variable.name] = variable
            weight = self._integers.pop(variable.name.removesuffix("_scale"), None)
            if weight is not None:
                self._take(weight)
        elif variable.dtype[0] != "I":
            self.certain += variable.elements
        elif variable.rank < 2:
            pass  # settings
        elif f"{variable.name}_scale" in self._scales:
            self._take(variable)
        else:
            self._integers[variable.name] = variable

    def _take(self, weight: Variable) -> None:
        self._quantised.add(weight.name)
        self.certain += _weights(weight)

    def finish(self, *, whole: bool) -> tuple[Interval, list[Finding]]:
        """What counts of what was seen.

        Args:
            whole: whether every variable was seen; else integers may still find their scales, and scales their weights.
        """
        waiting = sum(map(_weights, self._integers.values()))
        lone = sum(v.elements for name, v in self._scales.items() if not self._is_bookkeeping(name, v))
        if not whole:
            return Interval(self.certain, self.certain + waiting + lone), []
        findings = []
        if self._integers:
            told = f"{waiting} integer elements, used without any scale, are not counted as weights"
            findings.append(Finding("integers-not-counted", told))
        return Interval(self.certain + lone, self.certain + lone), findings

    def _is_bookkeeping(self, name: str, variable: Variable) -> bool:
        """Whether a variable belongs to a quantised weight, or is an integer; other floats are what they are."""
        return variable.dtype[0] == "I" or name.rpartition("_")[0] in self._quantised


def _weights(variable: Variable) -> int:
    return variable.elements * (AWQ_WEIGHTS if variable.dtype == "I32" else 1)
