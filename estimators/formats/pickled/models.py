"""Count what a pickle describes, by the classes and attributes on the way to each array (model_words.py).

Everything is visited at most once for each sort of numbers, so that shared arrays count once and time stays linear.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from estimators.bounds import PARAMETERS_PER_BYTE_AT_MOST, ZERO, Interval
from estimators.formats.pickled import model_words
from estimators.formats.pickled.arrays import RECORDS, Array, array_of
from estimators.formats.pickled.figures import SCALARS, Found, Path, is_float, numbers_in, parts_of, tensors_of
from estimators.formats.pickled.model_words import Sort, sort_of_attribute, sort_of_class
from estimators.interface import Finding
from estimators.reading import npy
from estimators.reading.pickle_nodes import Call, Dict, Node, Payload, PersistentId, Set, get, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from estimators.formats.nested import Nested
    from estimators.interface import Basis, Estimate

NO_SETTLED_MEANING = "no-settled-meaning"
UNREMARKABLE_BYTES = 64 * 1024  # of bytes that no class explains; smaller ones are settings
LEAST_HEAD_BYTES = 64  # of long bytes, among which a character that no text has is to be expected
MOST_ATTRIBUTES = 200  # of an object that are looked at by name; a hostile file shares one dictionary among thousands
LEAST_GRID = 2  # rows of equally many numbers that make a table
BATCH = 1000  # items of a list that wait to be visited
LEAST_RUN = 16  # numbers in a list that may be more than settings
_TABLE_NAME = re.compile(r"(?i)(?:\A|_)q(?:\Z|[_-])|q.?(?:table|values?)|table|weight|bias|theta")
_JAX_ARRAYS = ("jax._src.array._reconstruct_array", "jax._src.device_array.reconstruct_device_array")
_ENCODED = "_codecs.encode"  # how protocols 0 to 2 write bytes
_BYTES = ("builtins.bytearray", "__builtin__.bytearray", _ENCODED)
# Python 2's bytes, which were its texts: control characters, as they are or escaped by the text protocol.
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a]|\\x[01][0-9a-f]|\\u00[01][0-9a-f]")
_XGBOOST_SETTINGS = b"CONFIG-offset:"
_XGBOOST_MODEL = b"\x05Model"


@dataclass(slots=True)
class _Rest:
    """What is still to be visited of a long list."""

    items: Any
    stop: int


@dataclass
class Models:
    """Adds up the numbers that nodes hold.

    Args:
        file: for messages.
        found: the tally.
        wrapped: the array that a node of joblib's stands for.
    """

    file: str
    found: Nested
    wrapped: Callable[[Node], Array | None]
    compressed: bool = False
    tree_leaves: int = 0
    tree_numbers: int = 0
    open_numbers: int = 0
    _seen: dict[int, Sort] = field(default_factory=dict)
    _rows: dict[int, int] = field(default_factory=dict)
    _tables: dict[int, int] = field(default_factory=dict)
    _arrays: dict[int, Found] = field(default_factory=dict)
    _waiting: list[tuple[Node, Sort, Path]] = field(default_factory=list)

    def describe(self) -> str:
        """One sentence on what has no settled meaning."""
        parts = []
        if self.tree_numbers:
            parts.append(f"{self.tree_leaves} leaves and {self.tree_numbers} numbers of trees")
        if self.open_numbers:
            parts.append(f"{self.open_numbers} numbers of training data, scores and kin")
        return " and ".join(parts) + " may or may not be called parameters"

    def add(self, root: Node, *, certain: bool = True) -> None:
        """Visit everything that can be reached from a node; `certain` unless what lies around it is unknown."""
        self._waiting.append((root, Sort.WEIGHTS if certain else Sort.OPEN, None))
        while self._waiting:
            node, sort, path = self._waiting.pop()
            if isinstance(node, _Rest):
                self._wait_for(node.items, node.stop, sort, path)
                continue
            if node is None or isinstance(node, bool | int | float | str | bytes):
                continue
            if self._seen.get(id(node), -1) >= sort:
                continue
            self._seen[id(node)] = sort
            self._visit(node, sort, path)

    def finish(self) -> None:
        """Give everything that was found to the tally."""
        for found in self._arrays.values():
            if found.sort is Sort.TREES:
                self._count_tree(found)
            elif found.sort is Sort.OPEN:
                self.open_numbers += sum(tensor.elements for tensor in tensors_of(found) if is_float(tensor.dtype))
            elif found.sort is Sort.WEIGHTS:
                self._count_weights(found)
        self.found.unseen += Interval(min(self.tree_leaves, self.tree_numbers), self.tree_numbers + self.open_numbers)

    def estimate(self, basis: Basis, *, unseen: Interval = ZERO, note: str = "", partial: bool = False) -> Estimate:
        """The sum of everything, with what has no settled meaning told."""
        if self.tree_numbers or self.open_numbers:
            self.found.findings.append(Finding(NO_SETTLED_MEANING, f"{self.file}: {self.describe()}"))
            note = note or self.describe()
        return self.found.estimate(basis, unseen=unseen, partial=partial, note=note)

    def _count_tree(self, found: Found) -> None:
        """Nodes of a binary tree: half of them, rounded up, are leaves; every field of a node is a number."""
        array = found.array
        fields = max(len(array.fields), 1)
        self.tree_numbers += array.elements * fields
        if array.dtype == RECORDS and found.path and found.path[1] == "nodes":
            self.tree_leaves += (array.elements + 1) // 2

    def _count_weights(self, found: Found) -> None:
        for tensor in tensors_of(found):
            self.found.add(tensor)
            if found.sparse is not None and is_float(tensor.dtype):
                self.found.unseen += Interval(0, max(found.sparse - tensor.elements, 0))

    def _visit(self, node: Node, sort: Sort, path: Path) -> None:
        array = self.wrapped(node) or array_of(self.file, node) or self._jax_array(node)
        if array is not None:
            self._keep(node, array, sort, path)
        elif isinstance(node, Call):
            self._visit_call(node, sort, path)
        elif isinstance(node, Dict):
            self._visit_pairs(node, sort, path)
        elif isinstance(node, tuple | list):
            self._visit_items(node, sort, path)
        elif isinstance(node, Set):
            self._visit_items(node.items, sort, path)
        elif isinstance(node, PersistentId):
            self._waiting.append((node.value, sort, path))
        elif isinstance(node, Payload):
            self._visit_payload(node, sort, path)

    def _keep(self, node: Node, array: Array, sort: Sort, path: Path, sparse: int | None = None) -> None:
        self._arrays[id(node)] = Found(sort, path, array, sparse)
        if array.items:
            self._waiting.append((array.items, sort, path))
        elif isinstance(node, Call) and isinstance(node.state, tuple):
            for part in node.state:  # its elements, which are nothing of their own
                if isinstance(part, Call | Payload):
                    self._seen[id(part)] = Sort.WEIGHTS

    def _jax_array(self, node: Node) -> Array | None:
        """An array of JAX: how NumPy makes it, with what arguments, and the state of that."""
        if not isinstance(node, Call) or node.path not in _JAX_ARRAYS:
            return None
        if not isinstance(node.arguments, tuple) or len(node.arguments) < 3:
            return None
        function, arguments, state = node.arguments[:3]
        made = Call(function, arguments)
        made.state = state
        return array_of(self.file, made)

    def _visit_call(self, node: Call, sort: Sort, path: Path) -> None:
        class_path = node.path
        if class_path in SCALARS:
            named = path[1] if path else ""
            if named in model_words.OPEN_SCALARS:
                self.open_numbers += 1
            elif named in model_words.WEIGHT_NAMES and sort is Sort.WEIGHTS:
                self._keep(node, Array("F64", (), 1, [], {}), sort, path)
            return
        if class_path == _ENCODED and sort is not Sort.STATE and isinstance(node.arguments, tuple):
            self._visit_encoded(node.arguments)
        sort = sort_of_class(class_path, sort)
        if model_words.is_sparse(class_path) and self._visit_sparse(node, sort, path):
            return
        booster = model_words.booster_file(class_path)
        if booster is not None and sort is not Sort.STATE:
            self._visit_booster(node, booster)
        state = node.state
        names = (key for key, _ in islice(pairs_of(state), MOST_ATTRIBUTES))
        if any(name in model_words.COEFFICIENTS for name in names if isinstance(name, str)):
            sort = min(sort, Sort.OPEN)  # what a linear model has besides is by-products, or not: nobody says
        if isinstance(state, tuple):  # attributes, and those of slots
            self._waiting.extend((part, sort, path) for part in state)
        else:
            self._waiting.append((state, sort, path))
        self._waiting.extend((part, sort, path) for part in (node.keywords, node.arguments))
        if node.items:
            self._visit_items(node.items, sort, path)
        if node.pairs:
            self._visit_pairs(node, sort, path)

    def _visit_encoded(self, arguments: tuple[Node, ...]) -> None:
        """Bytes, as a text and the name of its encoding."""
        for part in arguments:
            if isinstance(part, Payload):
                self._seen[id(part)] = Sort.WEIGHTS
                self._add_unknown(part.length)

    def _visit_pairs(self, node: Node, sort: Sort, path: Path) -> None:
        seen: set[int] = set()
        table = 0
        for key, value in pairs_of(node):
            name = key if isinstance(key, str) else None
            if name is None and sort is Sort.WEIGHTS:
                numbers = self._numbers_in(value)
                table += numbers if self._is_first(value, node, seen) else 0
                if numbers:
                    continue
            inner = sort if name is None else sort_of_attribute(name, sort)
            self._waiting.append((value, inner, (path, name or "")))
            if name is None:
                self._waiting.append((key, min(sort, Sort.OPEN), path))
        if table:  # of values by state, as tabular learning keeps them
            self._keep(node, Array("F64", (table,), table, [], {}), sort, path)

    def _visit_items(self, items: Any, sort: Sort, path: Path) -> None:
        if len(items) >= LEAST_GRID and sort is Sort.WEIGHTS:
            rows = [self._numbers_in(row) if isinstance(row, list | tuple) else 0 for row in items[:LEAST_GRID]]
            if rows[0] and rows[0] == rows[1]:
                seen: set[int] = set()
                count = sum(self._numbers_in(row) for row in items if self._is_first(row, items, seen))
                named = bool(_TABLE_NAME.search(path[1] if path else self.file))
                self._keep(items, Array("F64", (count,), count, [], {}), sort if named else Sort.OPEN, path)
                return
            if len(items) >= LEAST_RUN and all(isinstance(item, float) for item in items):
                self.open_numbers += len(items)
                return
        self._wait_for(items, len(items), sort, path)

    def _numbers_in(self, node: Node) -> int:
        """As `numbers_in`; a long row is looked at once, though a hostile file shares it among thousands of tables."""
        if not isinstance(node, list | tuple) or len(node) < LEAST_RUN:
            return numbers_in(node)
        if id(node) not in self._rows:
            self._rows[id(node)] = numbers_in(node)
        return self._rows[id(node)]

    def _is_first(self, row: Node, table: Node, seen: set[int]) -> bool:
        """Whether a row was met neither in this table nor, a long one, in another: what is stored once counts once."""
        if not isinstance(row, list | tuple):
            return True
        if id(row) in seen:
            return False
        seen.add(id(row))
        return len(row) < LEAST_RUN or self._tables.setdefault(id(row), id(table)) == id(table)

    def _wait_for(self, items: Any, stop: int, sort: Sort, path: Path) -> None:
        """Have the items before `stop` visited, the last of them first; a batch at a time, since paths take memory."""
        start = max(stop - BATCH, 0)
        if start:
            self._waiting.append((_Rest(items, start), sort, path))
        self._waiting.extend(
            (items[number], sort, (path, str(number)))
            for number in range(start, stop)
            if not (items[number] is None or isinstance(items[number], bool | int | float | str | bytes))
            and not (number > start and items[number] is items[number - 1])
        )

    def _visit_sparse(self, node: Call, sort: Sort, path: Path) -> bool:
        """A sparse matrix: between the elements that it stores and those that its shape has."""
        if not isinstance(node.state, Dict) or len(node.state.flat) > 2 * MOST_ATTRIBUTES:
            return False
        shape, data = get(node.state, "_shape") or get(node.state, "shape"), get(node.state, "data")
        array = self.wrapped(data) or array_of(self.file, data)
        if not isinstance(shape, tuple) or array is None:
            return False
        dense = npy.product(npy.shape_of(self.file, shape))
        if path and path[1] == model_words.DIAGONAL:
            dense = array.elements
        self._keep(data, array, sort, path, dense)
        return True

    def _visit_booster(self, node: Call, name: str) -> None:
        """A booster of XGBoost, LightGBM or CatBoost: its model is one value of its state."""
        waiting, looked = [node.state], 0
        while waiting and looked < 200:
            value = waiting.pop()
            looked += 1
            if isinstance(value, Payload):
                self._seen[id(value)] = Sort.WEIGHTS
                if value.kind == "str" and not name.endswith(".txt"):  # bytes, as protocol 2 writes them
                    self.found.unseen += Interval(0, value.length)
                else:
                    self._add_file(self._model_in(value, name), name, most_per_byte=1)
            elif isinstance(value, bytes | str):
                self.open_numbers += len(value)
            elif isinstance(value, Dict):
                waiting.extend(inner for _, inner in islice(pairs_of(value), MOST_ATTRIBUTES))
            elif isinstance(value, Call) and value.path in _BYTES:
                self._seen[id(value)] = Sort.WEIGHTS
                waiting.append(value.arguments)
            elif isinstance(value, tuple):
                waiting.extend(value[:MOST_ATTRIBUTES])

    def _model_in(self, value: Payload, name: str) -> Payload:
        """A booster's model without the settings that XGBoost writes with it, since 2.0 in front and before behind."""
        if self.compressed or not name.endswith(".ubj"):
            return value
        begin = self.found.begin(value.offset, value.length)
        if begin.startswith(_XGBOOST_SETTINGS):
            at = len(_XGBOOST_SETTINGS) + 8
            return Payload(value.kind, value.offset + at, value.length - at)
        at = begin.find(_XGBOOST_MODEL) + len(_XGBOOST_MODEL)
        if at < len(_XGBOOST_MODEL):
            return value
        return Payload(value.kind, value.offset + at, value.length - at)

    def _visit_payload(self, node: Payload, sort: Sort, path: Path) -> None:
        """Bytes that no array claims: a file of its own, or nobody knows."""
        if node.kind == "int" or sort is Sort.STATE or node.length < 0:
            return
        if node.kind == "str":
            if node.length > UNREMARKABLE_BYTES and not self._is_text(node):
                self._add_unknown(node.length)
            return
        name = ".".join(parts_of(path)) or "bytes"
        self._add_file(node, name, most_per_byte=PARAMETERS_PER_BYTE_AT_MOST)

    def _is_text(self, node: Payload) -> bool:
        head = node.head
        if len(head) < LEAST_HEAD_BYTES:  # it begins where a read had ended
            if self.compressed:
                return False
            head = self.found.begin(node.offset, node.length)
        return _NO_TEXT.search(head) is None

    def _add_unknown(self, length: int) -> None:
        if length > UNREMARKABLE_BYTES:
            self.found.unseen += Interval(0, length * PARAMETERS_PER_BYTE_AT_MOST)

    def _add_file(self, node: Payload, name: str, most_per_byte: int) -> None:
        known = most_per_byte == 1
        is_file = not self.compressed and self.found.add_file(name, node.offset, node.length, known=known)
        if not is_file and (known or node.length > UNREMARKABLE_BYTES):
            self.found.unseen += Interval(0, node.length * most_per_byte)
