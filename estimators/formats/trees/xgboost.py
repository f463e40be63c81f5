"""Bound the parameters of XGBoost models: JSON, Universal Binary JSON and the binary layout before them.

Spec: dmlc/xgboost, doc/tutorials/saving_model.rst and doc/model.schema; ubjson.org, draft 12; for the binary layout
src/learner.cc and src/gbm/gbtree_model.h of release 1.7.

Trees get an interval (see `ensembles.py`): from their leaves, as `num_nodes` tells them, to all numbers. A linear
booster has weights in the ordinary sense, which are counted. No parser of whole documents: of a file of trees only the
sizes matter, and they stand beside fixed words.
"""

from __future__ import annotations

import re
import struct

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.trees import ensembles as boosting
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FRONT_BYTES, FrontReader, front_reader
from estimators.reading.views import WHOLE_BYTES

BINARY_MAGIC = b"binf"
BASE64_MAGIC = b"bs64\t"
LEARNER_BYTES = 136  # of settings at the front of the binary layout
TREES_BYTES = 160  # of settings of the trees; of a linear booster LEARNER_BYTES
TREE_HEAD_BYTES = 148
NODE_BYTES = 36  # a node of 20 and its statistics of 16
MAX_NAME_BYTES = 64  # of an objective or a booster
MAX_FEATURES = 2**31
MAX_WEIGHTS = 2**40

_JSON = re.compile(rb'\s*\{\s*(?:"version"\s*:\s*\[[\d,\s]*\]\s*,\s*)?"learner"\s*:\s*\{\s*"(?!generic_param)')
_UBJSON = re.compile(rb"\{L\0{7}\x07learne")
_NODES = re.compile(rb'num_(nodes|deleted)(?:"\s*:\s*"?|SL\0{7}.|[lIiUL])(\d{1,10})', re.DOTALL)
_ARRAY = re.compile(rb"\[(?:\$[dDlLIiU])?#L(.{8})", re.DOTALL)
_JSON_WEIGHTS = re.compile(rb'"weights"\s*:\s*\[')
_UBJSON_WEIGHTS = re.compile(rb"weights\[(?:\$[dD])?#L(.{8})", re.DOTALL)
_JSON_LINEAR = re.compile(rb'"name"\s*:\s*"gblinear"')
NUMBERS_OF_A_TREE = 8  # settings that a tree stores as text
SETTINGS = 64  # numbers of a model besides its trees, at most


def matches(front: bytes, name: str) -> bool:
    """Whether a file begins as one of XGBoost's layouts; without its magic, the binary one needs its name, too."""
    if front.startswith((BINARY_MAGIC, BASE64_MAGIC)) or _UBJSON.match(front) or _JSON.match(front):
        return True
    return ("xgb" in name or name.endswith((".bst", ".model"))) and _is_bare_binary(front)


def estimate(reader: ByteReader, hints: Hints) -> Estimate:
    """Bound the parameters of one XGBoost model; count those of a linear one.

    Args:
        reader: the file: whole up to 4 MiB, up to 32 MiB while its side is open, else its front.
        hints: `enough` is the count whose side decides.

    Raises:
        MalformedFile: the file is none of XGBoost's layouts, or contradicts its own size.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    front = _head(source)
    if _UBJSON.match(front):
        weights = _UBJSON_WEIGHTS.search(front) if b"gblinear" in front else None
        if weights:
            return _linear(source, int.from_bytes(weights[1], "big"))
        return boosting.of_scan(source, front, hints, _UbjsonCounter(source.size or 0), 1)
    if _JSON.match(front):
        listed = _listed_weights(front) if _JSON_LINEAR.search(front) else None
        if listed is not None:
            return _linear(source, listed.count(b",") + bool(listed.strip()))
        return boosting.of_scan(source, front, hints, _JsonCounter(), 0.5)
    if front.startswith(BINARY_MAGIC) or _is_bare_binary(front):
        return _binary(source, front, len(BINARY_MAGIC) if front.startswith(BINARY_MAGIC) else 0)
    if front.startswith(BASE64_MAGIC) and source.size is not None:
        return boosting.of_trees(source, Interval(0, source.size // 4))  # four characters hold three bytes
    raise MalformedFile(source.name, f"begins with {front[:12]!r}, not as an XGBoost model")


def _head(source: FrontReader) -> bytes:
    """The file where it is small, else its front."""
    small = source.size is not None and source.size <= WHOLE_BYTES
    return source.read(0, max((source.size or 0) if small else FRONT_BYTES, 1))


def _listed_weights(front: bytes) -> bytes | None:
    """The text of the list of weights; None where it is not all there."""
    begin = _JSON_WEIGHTS.search(front)
    end = front.find(b"]", begin.end()) if begin else -1
    return front[begin.end() : end] if begin and end >= 0 else None


class _Nodes:
    """Leaves by the trees' numbers of nodes: a binary tree of n nodes has (n + 1) / 2."""

    def __init__(self) -> None:
        self._trees = 0
        self._nodes = 0

    def feed(self, piece: bytes, seen: int) -> None:
        for match in _NODES.finditer(piece):
            if match.end() <= seen or (match.end() == len(piece) and not match[2]):
                continue
            if match[1] == b"nodes":
                self._trees += 1
                self._nodes += int(match[2])
            else:
                self._nodes -= int(match[2])

    @property
    def trees(self) -> int:
        """Trees seen so far."""
        return self._trees

    @property
    def leaves(self) -> int:
        """Their leaves."""
        return max((self._nodes + self._trees) // 2, 0)


class _JsonCounter:
    """Numbers in JSON are followed by a comma or end an array."""

    def __init__(self) -> None:
        self._nodes = _Nodes()
        self.leaves = 0
        self.numbers = 0

    def feed(self, piece: bytes, seen: int) -> None:
        """See `boosting.TreeCounter`."""
        self._nodes.feed(piece, seen)
        self.leaves = self._nodes.leaves
        self.numbers += piece.count(b",", seen) + piece.count(b"[", seen)


class _UbjsonCounter:
    """Numbers in Universal Binary JSON stand in arrays that state their length."""

    def __init__(self, size: int) -> None:
        self._nodes = _Nodes()
        self._size = size
        self.leaves = 0
        self.numbers = SETTINGS

    def feed(self, piece: bytes, seen: int) -> None:
        """See `boosting.TreeCounter`."""
        before = self._nodes.trees
        self._nodes.feed(piece, seen)
        self.leaves = self._nodes.leaves
        stated = (int.from_bytes(match[1], "big") for match in _ARRAY.finditer(piece) if match.end() > seen)
        self.numbers += sum(length for length in stated if length <= self._size)
        self.numbers += (self._nodes.trees - before) * NUMBERS_OF_A_TREE


def _linear(source: FrontReader, weights: int) -> Estimate:
    if weights > MAX_WEIGHTS or (source.size is not None and weights > source.size):
        raise MalformedFile(source.name, f"states {weights} weights in a file of {source.size} bytes")
    return results.of_count(
        source,
        Basis.TREES,
        weights,
        stored=weights,
        buffers=0,
        note="a linear booster",
    )


def _is_bare_binary(front: bytes) -> bool:
    """Whether a file begins with the settings of the binary layout and no magic, as releases before 0.5 wrote."""
    if len(front) < LEARNER_BYTES + 16 or front.startswith(BINARY_MAGIC):
        return False
    score, features, classes, attributes, metrics = struct.unpack_from("<fIiii", front)
    settings = abs(score) < 1e9 and 0 < features < MAX_FEATURES and 0 <= classes < 100_000
    flags = attributes in (0, 1) and metrics in (0, 1)
    length = int.from_bytes(front[LEARNER_BYTES : LEARNER_BYTES + 8], "little")
    return settings and flags and not any(front[32:LEARNER_BYTES]) and 0 < length <= MAX_NAME_BYTES


def _binary(source: FrontReader, front: bytes, start: int) -> Estimate:
    """The binary layout: trees in the front are walked, the rest is bounded by its size."""
    if source.size is None:
        raise MalformedFile(source.name, "its size is unknown, so that its trees cannot be bounded")
    at = start + LEARNER_BYTES
    booster = b""
    for _ in range(2):  # the objective, then the booster
        length = int.from_bytes(front[at : at + 8], "little")
        if not 0 < length <= MAX_NAME_BYTES or at + 8 + length > len(front):
            raise MalformedFile(source.name, f"name of {length} bytes at {at}; 1 to {MAX_NAME_BYTES} are allowed")
        booster = front[at + 8 : at + 8 + length]
        at += 8 + length
    if booster == b"gblinear":
        return _linear(source, int.from_bytes(front[at + LEARNER_BYTES : at + LEARNER_BYTES + 8], "little"))
    trees = int.from_bytes(front[at : at + 4], "little")
    leaves = _leaves_in_front(front, at + TREES_BYTES, trees)
    most = source.size // 4
    return boosting.of_trees(source, Interval(min(leaves, most), most))


def _leaves_in_front(front: bytes, at: int, trees: int) -> int:
    """Leaves of the trees that lie in the front as a whole; of trees with several values a leaf only the first."""
    leaves = 0
    for _ in range(trees):
        if at + TREE_HEAD_BYTES > len(front):
            break
        _, nodes, deleted, _, _, values = struct.unpack_from("<6i", front, at)
        at += TREE_HEAD_BYTES + NODE_BYTES * nodes
        if not 0 <= deleted < nodes or at > len(front):
            break
        leaves += (nodes - deleted + 1) // 2
        if values:
            break
    return leaves
