"""Read pickles without running them: opcodes of protocols 0 to 5, interpreted symbolically.

Spec: CPython, Lib/pickletools.py (every opcode and its stack effect) and Lib/pickle.py; PEP 3154 (protocol 4), PEP 574
(protocol 5). Our own interpreter, because the standard library's imports and calls what the file names, and because
the point is not to read the payload: texts and bytes longer than `KEPT_BYTES` are stepped over by their length.

Public interface
    `load(stream)` interprets one pickle and gives a `Pickle`: its value as a graph of nodes (pickle_nodes.py: `Global`,
    `Call`, `Dict`, `Set`, `PersistentId`, `Payload`, `Extension`, and Python's own scalars, tuples and lists), its
    protocol, and `end`, the offset behind STOP. The stream stands there, so that another `load(stream)` reads the next
    pickle of the same file.
    `PickleStream(reader, offset)` is the file, read forward piece by piece (pickle_stream.py), with `position`,
    `take(count)` and `skip(count)`.
    `after_build=` is called as `after_build(node, stream)` behind every BUILD, with the object that was built; it may
    take or skip bytes that lie there and are no opcodes (joblib writes an array's bytes behind its wrapper).
    `after_call=` is called as `after_call(node)` for every object made by a call, before anything is put into it; it
    may raise to stop early.
    `Interpreter` is the same in two steps: where `run()` stops with BudgetExceeded, `interpreter.roots()` still gives
    everything read so far, for a lower bound, and `stream.position` tells how far that was.
    `begins_pickle(front)` says whether bytes look like a pickle at all.
    pickle_nodes.py also has `pairs_of`, `get`, `children` and `walk`.

Raises only MalformedFile (no valid pickle), BudgetExceeded (more than the caps below) and what the reader raises.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from estimators.errors import BudgetExceeded
from estimators.reading.pickle_machine import Machine
from estimators.reading.pickle_nodes import Call, Dict, Extension, Node, PersistentId, Set
from estimators.reading.pickle_stream import PickleStream
from estimators.reading.pickle_values import HIGHEST_PROTOCOL, KEPT_BYTES, quoted_text, unicode_text

__all__ = ["KEPT_BYTES", "Interpreter", "Pickle", "PickleStream", "begins_pickle", "load"]

MAX_OPCODES = 3_000_000  # 1 s; a checkpoint needs about 40 for each tensor
MAX_MEMORY_BYTES = 40 * 1024 * 1024  # of nodes, estimated opcode by opcode
MAX_STACK = 500_000  # items

Handler = Callable[[Machine], None]

_UINT8, _UINT16, _INT32 = struct.Struct("B"), struct.Struct("<H"), struct.Struct("<i")
_UINT32, _UINT64 = struct.Struct("<I"), struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Pickle:
    """One pickle that was read to its end.

    Attributes:
        value: the object it describes.
        protocol: as it says at its front; 0 where it does not.
        start: offset of its first byte.
        end: offset behind its STOP.
    """

    value: Node
    protocol: int
    start: int
    end: int


def begins_pickle(front: bytes) -> bool:
    """Whether bytes begin like a pickle of protocol 2 or later, which all of today's writers use."""
    return len(front) > 2 and front[0] == 0x80 and 2 <= front[1] <= HIGHEST_PROTOCOL and front[2] in OPCODES


def load(
    stream: PickleStream,
    *,
    after_build: Callable[[Node, PickleStream], None] | None = None,
    after_call: Callable[[Call], None] | None = None,
) -> Pickle:
    """Interpret one pickle; see the module's text.

    Raises:
        MalformedFile: it breaks off, or is none.
        BudgetExceeded: it is larger than the caps allow.
    """
    return Interpreter(stream, after_build=after_build, after_call=after_call).run()


class Interpreter(Machine):
    """The machine with the loop that feeds it opcodes."""

    def run(self) -> Pickle:
        """Interpret the pickle to its STOP."""
        stream = self.stream
        start = stream.position
        for _ in range(MAX_OPCODES):
            if stream.at >= len(stream.window):
                stream.fill(1)
            code = stream.window[stream.at]
            stream.at += 1
            known = OPCODES.get(code)
            if known is None:
                raise self.fault(f"byte {code:#04x} at {stream.position - 1} is no opcode")
            handler, cost = known
            handler(self)
            self.memory += cost
            if self.memory > MAX_MEMORY_BYTES or len(self.stack) > MAX_STACK:
                raise BudgetExceeded(stream.file, f"the pickle holds too many objects by byte {stream.position}")
            if self.stopped:
                return Pickle(self.pop(), self.protocol, start, stream.position)
        raise BudgetExceeded(stream.file, f"the pickle has more than {MAX_OPCODES} opcodes")


def _with(form: struct.Struct, then: Callable[[Machine, int], None]) -> Handler:
    """An opcode that is followed by a number."""
    return lambda machine: then(machine, machine.stream.number(form))


def _push(value: Node) -> Handler:
    return lambda machine: machine.stack.append(value)


def _make(make: Callable[[], Node]) -> Handler:
    return lambda machine: machine.stack.append(make())


def _gather(make: Callable[[list[Node]], Node]) -> Handler:
    """An opcode that makes a container of everything since the mark."""
    return lambda machine: machine.stack.append(make(machine.since_mark()))


def _number(machine: Machine, value: int) -> None:
    machine.stack.append(value)


def _extension(machine: Machine, code: int) -> None:
    machine.stack.append(Extension(code))


def _nothing(machine: Machine, length: int = 0) -> None:
    """FRAME only says how far a writer buffered, and READONLY_BUFFER nothing that counts."""


def _one_byte(machine: Machine) -> int:
    """The byte behind the opcode: the most common argument of all, so without a call for it."""
    stream = machine.stream
    if stream.at >= len(stream.window):
        stream.fill(1)
    value = stream.window[stream.at]
    stream.at += 1
    return value


# Opcode to what it does, and the bytes that its result takes in memory (a stack entry is 10; texts add their length).
OPCODES: Mapping[int, tuple[Handler, int]] = {
    # scalars
    ord("N"): (_push(None), 10),
    0x88: (_push(value=True), 10),
    0x89: (_push(value=False), 10),
    ord("I"): (Machine.int_line, 60),
    ord("L"): (Machine.int_line, 300),
    ord("F"): (Machine.float_line, 40),
    ord("G"): (Machine.binfloat, 40),
    ord("J"): (_with(_INT32, _number), 40),
    ord("K"): (lambda machine: machine.stack.append(_one_byte(machine)), 10),
    ord("M"): (_with(_UINT16, _number), 40),
    0x8A: (_with(_UINT8, Machine.long), 60),
    0x8B: (_with(_INT32, Machine.long), 60),
    # texts and bytes
    ord("S"): (lambda machine: machine.text_line(quoted_text), 70),
    ord("V"): (lambda machine: machine.text_line(unicode_text), 70),
    ord("T"): (_with(_INT32, Machine.latin_text), 70),
    ord("U"): (_with(_UINT8, Machine.latin_text), 70),
    ord("X"): (_with(_UINT32, Machine.text), 70),
    0x8C: (lambda machine: machine.text(_one_byte(machine)), 70),
    0x8D: (_with(_UINT64, Machine.text), 70),
    ord("B"): (_with(_UINT32, Machine.binary), 70),
    ord("C"): (_with(_UINT8, Machine.binary), 70),
    0x8E: (_with(_UINT64, Machine.binary), 70),
    0x96: (_with(_UINT64, Machine.bytearray), 70),
    0x97: (Machine.buffer, 70),
    0x98: (_nothing, 10),
    # tuples, lists, dictionaries, sets
    ord(")"): (_push(()), 10),
    # A tuple is visited once or twice later, which takes more than itself.
    ord("t"): (_gather(tuple), 120),
    0x85: (lambda machine: machine.take_tuple(1), 120),
    0x86: (lambda machine: machine.take_tuple(2), 120),
    0x87: (lambda machine: machine.take_tuple(3), 120),
    ord("]"): (_make(list), 120),
    ord("l"): (_gather(list), 120),
    ord("}"): (_make(Dict), 190),
    ord("d"): (_gather(Dict), 190),
    0x8F: (_make(Set), 190),
    0x91: (_gather(Set), 190),
    ord("a"): (Machine.append, 100),
    ord("e"): (lambda machine: machine.add(machine.since_mark()), 100),
    0x90: (lambda machine: machine.add(machine.since_mark()), 100),
    ord("s"): (Machine.set_item, 110),
    ord("u"): (lambda machine: machine.set_pairs(machine.since_mark()), 100),
    # globals and objects
    ord("c"): (Machine.global_line, 10),
    0x93: (Machine.stack_global, 10),
    0x82: (_with(_UINT8, _extension), 60),
    0x83: (_with(_UINT16, _extension), 60),
    0x84: (_with(_INT32, _extension), 60),
    ord("R"): (Machine.reduce, 110),
    0x81: (Machine.newobj, 110),
    0x92: (Machine.newobj_ex, 110),
    ord("i"): (Machine.inst, 170),
    ord("o"): (Machine.obj, 170),
    ord("b"): (Machine.build, 10),
    ord("P"): (Machine.persistent_line, 130),
    ord("Q"): (lambda machine: machine.stack.append(PersistentId(machine.pop())), 60),
    # the stack and the memo
    ord("("): (Machine.mark, 10),
    ord("0"): (Machine.pop_any, 10),
    ord("1"): (Machine.pop_mark, 10),
    ord("2"): (Machine.dup, 10),
    ord("."): (Machine.stop, 0),
    ord("p"): (lambda machine: machine.remember(machine.text_number()), 10),
    ord("q"): (lambda machine: machine.remember(_one_byte(machine)), 10),
    ord("r"): (_with(_UINT32, Machine.remember), 10),
    0x94: (Machine.memoize, 10),
    ord("g"): (lambda machine: machine.recall(machine.text_number()), 10),
    ord("h"): (lambda machine: machine.recall(_one_byte(machine)), 10),
    ord("j"): (_with(_UINT32, Machine.recall), 10),
    # the stream
    0x80: (Machine.set_protocol, 0),
    0x95: (_with(_UINT64, _nothing), 0),
}
