"""What a pickle describes, as a graph of small nodes: nothing in it was imported, called or built.

Scalars are Python's own (`None`, bool, int, float, str, bytes), tuples and lists too. Dictionaries, sets, globals,
calls and the rest are the classes below. A dictionary keeps its keys and values in a flat list, because keys that a
file chooses may be unhashable, or chosen so that hashing them takes quadratic time.

Nodes may contain each other or themselves, and nest as deeply as the file likes: walk them with `walk`, never by
recursion, and never compare containers with `==`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

Node: TypeAlias = Any
"""None, bool, int, float, str, bytes, tuple, list, or one of the classes below."""

# Calls that only make an instance of their first argument: protocols 0 and 1 have no opcode for it.
_MAKERS = frozenset({"_reconstructor", "__newobj__", "__newobj_ex__"})
_MAKER_MODULES = frozenset({"copy_reg", "copyreg"})


class Global:
    """A class or function by its name; one node for all its uses."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    @property
    def path(self) -> str:
        """Module and name, joined by a dot."""
        return f"{self.module}.{self.name}"

    def __repr__(self) -> str:
        return f"Global({self.path})"


class Call:
    """An object made by a call: REDUCE, NEWOBJ, INST, OBJ, and what BUILD, APPENDS and SETITEMS put into it.

    Attributes:
        function: what is called, usually a `Global`; for instances made through `copyreg`, their class.
        arguments: usually a tuple.
        keywords: a `Dict`, or None.
        state: argument of the last BUILD; None where there was none.
        items: what was appended, as to a list; None where nothing was.
        pairs: what was set, keys and values in turns, as to a dictionary; None where nothing was.
    """

    __slots__ = ("arguments", "function", "items", "keywords", "pairs", "state")

    def __init__(self, function: Node, arguments: Node, keywords: Node = None) -> None:
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.state: Node = None
        self.items: list[Node] | None = None
        self.pairs: list[Node] | None = None

    @property
    def path(self) -> str:
        """Full name of what is called; empty where that is no `Global`."""
        return self.function.path if isinstance(self.function, Global) else ""


class Dict:
    """A dictionary: `flat` holds keys and values in turns, in the order they were set (later ones win)."""

    __slots__ = ("flat",)

    def __init__(self, flat: list[Node] | None = None) -> None:
        self.flat: list[Node] = [] if flat is None else flat


class Set:
    """A set or frozenset."""

    __slots__ = ("items",)

    def __init__(self, items: list[Node] | None = None) -> None:
        self.items: list[Node] = [] if items is None else items


class PersistentId:
    """An object that lies outside of the pickle, such as a storage of PyTorch's."""

    __slots__ = ("value",)

    def __init__(self, value: Node) -> None:
        self.value = value


class Payload:
    """A value that was stepped over because of its length.

    Attributes:
        kind: `bytes`, `bytearray`, `str` or `int`; `buffer` for one that lies outside of the pickle (PEP 574).
        offset: of its first byte in the file; -1 for a buffer.
        length: bytes in the file; -1 for a buffer. Of a `str` in the text protocol with its escapes.
        head: its first bytes, as far as they had been read anyway.
    """

    __slots__ = ("head", "kind", "length", "offset")

    def __init__(self, kind: str, offset: int, length: int, head: bytes = b"") -> None:
        self.head = head
        self.kind = kind
        self.offset = offset
        self.length = length


class Extension:
    """A global by its code in the extension registry, which only the writer knows."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


def called(function: Node, arguments: Node) -> Call:
    """The node for a call; calls of `copyreg` that make an instance are given as calls of its class."""
    if (
        isinstance(function, Global)
        and function.name in _MAKERS
        and function.module in _MAKER_MODULES
        and isinstance(arguments, tuple)
        and arguments
    ):
        return Call(arguments[0], () if function.name == "_reconstructor" else arguments[1:])
    return Call(function, arguments)


def pairs_of(node: Node) -> Iterator[tuple[Node, Node]]:
    """Keys and values of a dictionary, or of what behaves as one (OrderedDict, defaultdict and kin)."""
    flat = node.flat if isinstance(node, Dict) else node.pairs if isinstance(node, Call) else None
    if flat:
        yield from zip(flat[::2], flat[1::2], strict=False)


def get(node: Node, key: str) -> Node:
    """The value of a text key in a dictionary; None where it is missing, or `node` is no dictionary."""
    found = None
    for name, value in pairs_of(node):
        if isinstance(name, str) and name == key:
            found = value
    return found


def children(node: Node) -> list[Node]:
    """The nodes that a node holds directly; functions and scalars have none."""
    if isinstance(node, tuple | list):
        return list(node)
    if isinstance(node, Dict):
        return node.flat
    if isinstance(node, Set):
        return node.items
    if isinstance(node, Call):
        own = [node.arguments, node.keywords, node.state, node.function]
        return own + (node.items or []) + (node.pairs or [])
    return [node.value] if isinstance(node, PersistentId) else []


def walk(root: Node) -> Iterator[Node]:
    """Every container, call, persistent identifier and payload that can be reached, each once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is None or isinstance(node, str | int | float | bytes) or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        waiting.extend(reversed(children(node)))
