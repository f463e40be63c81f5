"""Count parameters in compiled Core ML programs by their text (`model.mil` in a `.mlmodelc` folder).

Spec: none is public; what compiled models hold is the textual form of the messages in apple/coremltools,
mlmodel/format/MIL.proto: one operation a line, with its type before its name and its arguments behind.

The text is walked as a stream, operation by operation, with regular expressions made for no more than is counted; the
rules are those of `operations.py`. Values lie in the weight file beside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from estimators.errors import BudgetExceeded, MalformedFile
from estimators.formats.coreml.operations import COMPRESSED, CONSTANT, Constants, Operation, Value
from estimators.formats.graph_ledger import Ledger
from estimators.interface import Basis, ByteReader, Estimate, Hints
from estimators.reading.front import FRONT_BYTES, FrontReader, front_reader

MAX_TEXT_BYTES = 128 * 1024 * 1024  # of the text; large language models have 5 MiB
MAX_OPERATION_BYTES = 8 * 1024 * 1024  # of one operation: values of more than ten elements lie elsewhere
MAX_OPERATIONS = 60_000  # walked in a second or so; language models have 20,000
LARGEST_RANGE_BYTES = 4 * 1024 * 1024
MAX_DIGITS = 19

TYPES = {
    "bool": "BOOL", "fp16": "F16", "fp32": "F32", "fp64": "F64", "bf16": "BF16", "int8": "I8", "int16": "I16",
    "int32": "I32", "int64": "I64", "int4": "I4", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "uint4": "U4", "uint2": "U2", "uint1": "U1", "uint6": "U6", "uint3": "U3", "fp8e4m3fn": "F8_E4M3",
    "fp8e5m2": "F8_E5M2", "string": "",
}  # fmt: skip

_BEGINNING = re.compile(rb"\A\s*program\(\d")
# Every repeat has an end, or begins only at the border of a word: texts are hostile, and long.
_FUNCTION = re.compile(r"\bfunc \w+")
# The last result of an operation, and the operation.
_OPERATION = re.compile(r"(?:tensor<(\w{1,40}), \[([^\][]{0,1000})\]> |\b)(\w++)\)? = (\w++)\(")
_NAMED = re.compile(r"\b(\w++) = ([A-Za-z_]\w*+)(?=[,)\]])")
_VALUE = re.compile(r"\b(\w++) = tensor<(\w{1,40}), \[([^\][]{0,1000})\]>\(")
_BLOB = re.compile(r'BLOBFILE\(path = [^"]{0,200}"([^"]{0,1000})"\)*+, offset = [^(]{0,200}\((\d{1,19})\)')


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as the text of a program."""
    return bool(_BEGINNING.match(front))


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- the text is small beside its weights
    """Count the parameters that a compiled program names.

    Args:
        reader: the text, read from front to end in growing ranges.
        hints: unused.

    Raises:
        MalformedFile: the text is no program.
        ReadFailed, BudgetExceeded: from the reader; or the text is too long.
    """
    source = front_reader(reader)
    ledger = Ledger()
    _read(source, ledger)
    return ledger.estimate(source, Basis.COREML_GRAPH)


def _read(source: FrontReader, ledger: Ledger) -> None:
    constants = Constants(source.name, ledger)
    operations = functions = 0
    closed = False
    for text in _statements(source):
        functions += len(_FUNCTION.findall(text)) if "func " in text else 0
        found = _OPERATION.search(text)
        if found is not None:
            operations += 1
            if operations > MAX_OPERATIONS:
                raise BudgetExceeded(source.name, f"has more than {MAX_OPERATIONS} operations")
            constants.record(_operation(text, found, functions))
        closed = text.rstrip().endswith("}")
    if not operations or not closed:
        raise MalformedFile(source.name, f"ends after {operations} operations, inside of the program")


def _statements(source: FrontReader) -> Iterator[str]:
    """The text between semicolons at the ends of lines."""
    rest = b""
    for piece in _pieces(source):
        *whole, rest = (rest + piece).split(b";\n")
        if len(rest) > MAX_OPERATION_BYTES:
            raise MalformedFile(source.name, f"an operation is longer than {MAX_OPERATION_BYTES} bytes")
        for statement in whole:
            yield statement.decode("latin-1")
    yield rest.decode("latin-1")


def _pieces(source: FrontReader) -> Iterator[bytes]:
    at, length = 0, FRONT_BYTES
    while at < MAX_TEXT_BYTES:
        data = source.front() if not at else source.read(at, length)
        if not data:
            return
        yield data
        at += len(data)
        length = min(2 * length, LARGEST_RANGE_BYTES)
        if source.size is not None and at >= source.size:
            return
    raise BudgetExceeded(source.name, f"is longer than {MAX_TEXT_BYTES} bytes")


def _operation(text: str, found: re.Match[str], function: int) -> Operation:
    """What matters of one operation."""
    dtype, dimensions, name, kind = found.groups()
    operation = Operation(kind)
    operation.outputs.append((_key(function, name), _type(dtype or "string", dimensions or "")))
    arguments = text[found.end() :]
    for argument, used in _NAMED.findall(arguments):
        operation.inputs[argument.encode()] = [_key(function, used)]
    if kind == CONSTANT or kind.startswith(COMPRESSED):
        for value in _VALUE.finditer(arguments):
            argument, dtype, dimensions = value.groups()
            stored = _type(dtype, dimensions)
            blob = _BLOB.match(arguments, value.end())
            stored.place = (blob[1].encode(), int(blob[2])) if blob else None
            stored.immediate = blob is None
            operation.attributes[argument.encode()] = stored
    return operation


def _key(function: int, name: str) -> int:
    return hash((function, name)) or 1


def _type(dtype: str, dimensions: str) -> Value:
    parts = [part.strip() for part in dimensions.split(",") if part.strip()]
    known = all(part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS for part in parts)
    return Value(TYPES.get(dtype, f"type {dtype[:20]}"), [int(part) for part in parts] if known else [1], known=known)
