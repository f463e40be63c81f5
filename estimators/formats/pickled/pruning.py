"""An interpreter of pickles that forgets what holds no floating number: vocabularies, lists of words, integers.

A text model's vocabulary is a dictionary of a million words to integers, and its words lie in the memo as well. Nothing
of that is counted, so that it goes as soon as it is complete: a batch of 1000 keys and values at a time, as CPython's
pickler writes them.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import getrefcount

from estimators.reading.pickle_nodes import Call, Node
from estimators.reading.pickles import Interpreter, PickleStream

LEAST_ITEMS = 200  # of a batch that is looked at
TEXT_BYTES = 70  # of a text in memory, besides its characters, as pickles.py estimates it
INTEGER_BYTES = 30
SCALAR_BYTES = 300  # of an integer of NumPy's: a call, its arguments, and their bytes
LAST_REFERENCES = 3  # to an item that goes: the batch, the loop's variable, the call that counts
FORGOTTEN = ""  # stands in the memo for a text
_SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


class PruningInterpreter(Interpreter):
    """See the module's text."""

    def __init__(
        self,
        stream: PickleStream,
        *,
        after_build: Callable[[Node, PickleStream], None] | None = None,
        after_call: Callable[[Call], None] | None = None,
    ) -> None:
        super().__init__(stream, after_build=after_build, after_call=after_call)
        self._swept = 0  # entries of the memo that were looked at
        self._kinds: dict[int, Call] = {}

    def set_pairs(self, flat: list[Node]) -> None:
        """Set keys and values, or forget them."""
        if len(flat) >= 2 * LEAST_ITEMS and _are_texts(flat[::2]) and _are_integers(flat[1::2]):
            self.top()
            self._forget(flat)
        else:
            super().set_pairs(flat)

    def add(self, items: list[Node]) -> None:
        """Append items, or forget them."""
        if len(items) >= LEAST_ITEMS and (_are_texts(items) or _are_integers(items)):
            self.top()
            self._forget(items)
        else:
            super().add(items)

    def _forget(self, items: list[Node]) -> None:
        """Take items out of the memo, too; what refers to them later gets something of their kind."""
        gone: dict[int, Node] = {}
        for item in items:
            if isinstance(item, str):
                gone[id(item)] = FORGOTTEN
            elif isinstance(item, Call):
                shared = self._shared(item)
                for part, kept in zip(_parts(item), _parts(shared), strict=False):
                    gone[id(part)] = kept
        memo = self._memo
        for index in range(self._swept, len(memo)):
            if id(memo[index]) in gone:
                memo[index] = gone[id(memo[index])]
        self._swept = len(memo)
        for item in items:
            if getrefcount(item) == LAST_REFERENCES:  # whatever something else holds stays in memory
                self.memory -= _bytes_of(item)

    def _shared(self, scalar: Call) -> Call:
        """The one integer of NumPy's that stands for all of a type."""
        return self._kinds.setdefault(id(scalar.arguments[0]), scalar)


def _bytes_of(item: Node) -> int:
    """What an item was estimated to take."""
    if isinstance(item, str):
        return TEXT_BYTES + len(item)
    return SCALAR_BYTES if isinstance(item, Call) else INTEGER_BYTES


def _parts(scalar: Call) -> list[Node]:
    """A scalar, its arguments, its bytes, and what protocol 2 makes those of."""
    value = scalar.arguments[1]
    inner = (
        [value.arguments, *value.arguments] if isinstance(value, Call) and isinstance(value.arguments, tuple) else []
    )
    return [scalar, scalar.arguments, value, *inner[:2]]


def _are_texts(items: list[Node]) -> bool:
    return all(isinstance(item, str) for item in items)


def _are_integers(items: list[Node]) -> bool:
    return all(isinstance(item, int) or _is_scalar(item) for item in items)


def _is_scalar(node: Node) -> bool:
    """Whether a node is an integer of NumPy's; its first argument is its type."""
    if not isinstance(node, Call) or node.path not in _SCALARS:
        return False
    arguments = node.arguments
    if not isinstance(arguments, tuple) or len(arguments) != 2:
        return False
    value = arguments[1]
    if not isinstance(value, bytes) and not (isinstance(value, Call) and value.path == "_codecs.encode"):
        return False
    kind = arguments[0]
    named = kind.arguments[0] if isinstance(kind, Call) and isinstance(kind.arguments, tuple) and kind.arguments else ""
    return isinstance(named, str) and named.lstrip("<>|=")[:1] in ("i", "u")
