"""The machine that pickle opcodes work on, with nodes (pickle_nodes.py) in place of objects."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from estimators.errors import BudgetExceeded
from estimators.reading.pickle_nodes import Call, Dict, Extension, Global, Node, PersistentId, Set, called
from estimators.reading.pickle_stream import PickleStream
from estimators.reading.pickle_values import Values

MAX_MARKS = 10_000  # open at once: as deep as CPython's pickler recurses, and more
MAX_MEMO = 2**32  # an index has 32 bits
MEMO_GAP = 16  # entries left out; Python 2 numbers them from 1
SPARSE_ENTRY_BYTES = 150  # of a memo that is not numbered in order

_UNSET = object()  # a memo entry that was left out


class Machine(Values):
    """Stack, marks and memo of the pickle machine, and a method for each thing that opcodes do.

    Args:
        stream: the bytes.
        after_build: see pickles.py.
        after_call: see pickles.py.
    """

    def __init__(
        self,
        stream: PickleStream,
        *,
        after_build: Callable[[Node, PickleStream], None] | None = None,
        after_call: Callable[[Call], None] | None = None,
    ) -> None:
        super().__init__(stream)
        self._after_build = after_build
        self._after_call = after_call
        self._marks = array("Q")
        self._fence = 0  # the stack below it belongs to an open mark
        self._memo: list[Node] = []
        self._sparse: dict[int, Node] = {}  # entries of a memo that is not numbered from 0 on
        self._globals: dict[tuple[str, str], Global] = {}
        self.stopped = False

    def roots(self) -> list[Node]:
        """Everything the machine holds: after a stop, whatever can be reached from here was read."""
        held = [*self.stack, *self._memo, *self._sparse.values()]
        return [node for node in held if node is not _UNSET]

    # The stack

    def pop(self) -> Node:
        """Take the top of the stack."""
        if len(self.stack) <= self._fence:
            raise self.fault(f"nothing is left on the stack at {self.stream.position}")
        return self.stack.pop()

    def top(self) -> Node:
        """The top of the stack."""
        if len(self.stack) <= self._fence:
            raise self.fault(f"nothing is left on the stack at {self.stream.position}")
        return self.stack[-1]

    def mark(self) -> None:
        """Open a mark."""
        if len(self._marks) >= MAX_MARKS:
            raise BudgetExceeded(self.stream.file, f"the pickle nests deeper than {MAX_MARKS}")
        self._marks.append(self._fence)
        self._fence = len(self.stack)

    def since_mark(self) -> list[Node]:
        """Take everything above the last mark, and the mark."""
        if not self._marks:
            raise self.fault(f"no mark is open at {self.stream.position}")
        items = self.stack[self._fence :]
        del self.stack[self._fence :]
        self._fence = self._marks.pop()
        return items

    def pop_any(self) -> None:
        """Drop the top of the stack, or the mark that is there."""
        if len(self.stack) > self._fence:
            self.stack.pop()
        else:
            self.since_mark()

    def pop_mark(self) -> None:
        """Drop everything since the mark."""
        self.since_mark()

    def dup(self) -> None:
        """Repeat the top."""
        self.stack.append(self.top())

    def stop(self) -> None:
        """End the pickle: its value is the top."""
        self.stopped = True

    # The memo

    def remember(self, index: int) -> None:
        """Put the top into the memo."""
        value = self.top()
        known = len(self._memo)
        if index == known:
            self._memo.append(value)
        elif 0 <= index < known:
            self._memo[index] = value
        elif known < index <= known + MEMO_GAP:
            self._memo += [_UNSET] * (index - known) + [value]
            self.memory += 8 * (index - known)
        elif 0 <= index < MAX_MEMO:
            self.memory += SPARSE_ENTRY_BYTES
            self._sparse[index] = value
        else:
            raise self.fault("a memo index is out of range")

    def recall(self, index: int) -> None:
        """Push what the memo holds."""
        if 0 <= index < len(self._memo) and self._memo[index] is not _UNSET:
            self.stack.append(self._memo[index])
        elif index in self._sparse:
            self.stack.append(self._sparse[index])
        else:
            raise self.fault(f"memo entry {index if index < MAX_MEMO else '2^32 or more'} was never set")

    def memoize(self) -> None:
        """Put the top into the memo's next entry."""
        self.remember(len(self._memo) + len(self._sparse))

    # Containers

    def take_tuple(self, count: int) -> None:
        """TUPLE1 to TUPLE3."""
        if len(self.stack) - self._fence < count:
            raise self.fault(f"nothing is left on the stack at {self.stream.position}")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(items)

    def add(self, items: list[Node]) -> None:
        """Append to what is on the top: a list, a set, or an object that behaves as one."""
        target = self.top()
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Set):
            target.items.extend(items)
        elif isinstance(target, Call):
            if target.items is None:
                target.items = items
            else:
                target.items.extend(items)
        else:
            raise self.fault(f"items are added to {_kind(target)} at {self.stream.position}")

    def set_pairs(self, flat: list[Node]) -> None:
        """Set keys and values in what is on the top: a dictionary, or an object that behaves as one."""
        target = self.top()
        if len(flat) % 2:
            raise self.fault(f"a key has no value at {self.stream.position}")
        if isinstance(target, Dict):
            target.flat.extend(flat)
        elif isinstance(target, Call):
            if target.pairs is None:
                target.pairs = flat
            else:
                target.pairs.extend(flat)
        else:
            raise self.fault(f"keys are set in {_kind(target)} at {self.stream.position}")

    def append(self) -> None:
        """APPEND."""
        item = self.pop()
        self.add([item])

    def set_item(self) -> None:
        """SETITEM."""
        value = self.pop()
        key = self.pop()
        self.set_pairs([key, value])

    # Globals and objects

    def push_global(self, module: str, name: str) -> None:
        """Push the one node of a global."""
        node = self._globals.get((module, name))
        if node is None:
            self.memory += 300 + 4 * (len(module) + len(name))
            node = self._globals[module, name] = Global(module, name)
        self.stack.append(node)

    def global_line(self) -> None:
        """GLOBAL."""
        module, name = self.stream.line(), self.stream.line()
        if module is None or name is None:
            raise self.fault(f"a name before {self.stream.position} is too long")
        self.push_global(module.decode("utf-8", "replace"), name.decode("utf-8", "replace"))

    def stack_global(self) -> None:
        """STACK_GLOBAL."""
        name, module = self.pop(), self.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise self.fault(f"a global at {self.stream.position} is named by {_kind(module)} and {_kind(name)}")
        self.push_global(module, name)

    def push_call(self, call: Call) -> None:
        """Push an object, and tell of it."""
        self.stack.append(call)
        if self._after_call is not None:
            self._after_call(call)

    def reduce(self) -> None:
        """REDUCE."""
        arguments, function = self.pop(), self.pop()
        self.push_call(called(function, arguments))

    def newobj(self) -> None:
        """NEWOBJ."""
        arguments, cls = self.pop(), self.pop()
        self.push_call(Call(cls, arguments))

    def newobj_ex(self) -> None:
        """NEWOBJ_EX."""
        keywords, arguments, cls = self.pop(), self.pop(), self.pop()
        self.push_call(Call(cls, arguments, keywords))

    def inst(self) -> None:
        """INST."""
        self.global_line()
        cls = self.stack.pop()
        self.push_call(Call(cls, tuple(self.since_mark())))

    def obj(self) -> None:
        """OBJ."""
        items = self.since_mark()
        if not items:
            raise self.fault(f"an object without a class at {self.stream.position}")
        self.push_call(Call(items[0], tuple(items[1:])))

    def build(self) -> None:
        """BUILD."""
        state = self.pop()
        target = self.top()
        if isinstance(target, Call):
            target.state = state
        elif not isinstance(target, Global | Extension | PersistentId):
            raise self.fault(f"a state is put into {_kind(target)} at {self.stream.position}")
        if self._after_build is not None:
            self._after_build(target, self.stream)

    def persistent_line(self) -> None:
        """PERSID."""
        self.text_line(lambda line: line.decode("ascii", "replace"))
        self.stack.append(PersistentId(self.pop()))


def _kind(node: Node) -> str:
    return type(node).__name__
