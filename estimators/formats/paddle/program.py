"""Count parameters by PaddlePaddle's programs: `.pdmodel` (or `__model__`), and the `.json` of Paddle 3.

Spec: PaddlePaddle/Paddle, paddle/fluid/framework/framework.proto: a ProgramDesc holds blocks of variables and
operators; the persistable variables are the parameters. paddle/fluid/pir/serialize_deserialize: a JSON object whose
`base_code` has the magic `pir`; an operation `p` is a parameter, with its name and type.

Reads the variables, and of the operators only their types, with our own reader of protobuf, which steps over the rest;
JSON by msgspec, whole up to 16 MiB. The values are in the `.pdiparams` beside the program, or in files of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from estimators import results
from estimators.bounds import Interval
from estimators.errors import MalformedFile
from estimators.formats.paddle.tensors import DTYPES, Sums, Variable, elements_of
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading.front import FrontReader, front_reader
from estimators.reading.protobuf import LENGTH, VARINT, Walker, first_fields, signed, tag

MAX_JSON_BYTES = 16 * 1024 * 1024  # held at once; programs of language models have up to 10 MB
MAX_JSON_OBJECTS = 400_000  # in it: an operation has about 20, and only its own is kept
MAX_VARIABLES = 100_000
MAX_OPERATOR_BYTES = 256  # of an operator's type; longer ones are no known operators
LOOK_BYTES = 512  # from the front, in which a JSON program states its magic
LOD_TENSOR, SELECTED_ROWS = 7, 8  # VarType.Type of what holds values

BLOCK = tag(1, LENGTH)  # of ProgramDesc
BLOCK_INDEX, BLOCK_PARENT, BLOCK_VARIABLE, BLOCK_OPERATOR = (
    tag(1, VARINT),
    tag(2, VARINT),
    tag(3, LENGTH),
    tag(4, LENGTH),
)
VARIABLE_NAME, VARIABLE_TYPE, VARIABLE_PERSISTABLE = tag(1, LENGTH), tag(2, LENGTH), tag(3, VARINT)
TYPE_KIND, TYPE_ROWS, TYPE_TENSOR = tag(1, VARINT), tag(2, LENGTH), tag(3, LENGTH)
TENSOR_DESCRIPTION = tag(1, LENGTH)  # of LoDTensorDesc
DESCRIPTION_DTYPE, DESCRIPTION_DIM, DESCRIPTION_DIMS = tag(1, VARINT), tag(2, VARINT), tag(2, LENGTH)
OPERATOR_TYPE = tag(3, LENGTH)

# Operators that read weights of a byte: PaddleSlim's and the inference engine's.
_QUANTISED = re.compile(r"quantize|dequant|weight_only|llm_int8")
_PIR = re.compile(rb'\s*\{\s*"base_code"\s*:\s*\{[^{}]{0,200}"magic"\s*:\s*"pir"', re.DOTALL)
PARAMETERS = frozenset({"p", "0.parameter", "builtin.parameter"})  # kinds of operations that are parameters
PIR_DTYPES = {
    "f16": "F16", "f32": "F32", "f64": "F64", "bf16": "BF16", "i8": "I8", "ui8": "U8", "i16": "I16", "i32": "I32",
    "i64": "I64", "bool": "BOOL", "c64": "C64", "c128": "C128", "f8e4m3fn": "F8_E4M3", "f8e5m2": "F8_E5M2",
}  # fmt: skip


class _Operation(msgspec.Struct, gc=False):
    kind: str = msgspec.field(name="#")
    attributes: msgspec.Raw = msgspec.field(name="A", default=msgspec.Raw(b"[]"))
    output: msgspec.Raw = msgspec.field(name="O", default=msgspec.Raw(b"[]"))


class _Block(msgspec.Struct, gc=False):
    ops: list[_Operation]


class _Region(msgspec.Struct, gc=False):
    blocks: list[_Block]


class _Program(msgspec.Struct, gc=False):
    regions: list[_Region]


class _Pir(msgspec.Struct, gc=False):
    program: _Program


class _Type(msgspec.Struct, gc=False):
    parts: list[msgspec.Raw] = msgspec.field(name="D")


class _Output(msgspec.Struct, gc=False):
    type: _Type = msgspec.field(name="TT")


class _Kind(msgspec.Struct, gc=False):
    kind: str = msgspec.field(name="#")


_DECODE_PIR = msgspec.json.Decoder(_Pir)
_DECODE_OUTPUT = msgspec.json.Decoder(_Output)
_DECODE_KIND = msgspec.json.Decoder(_Kind)
_DECODE_SHAPE = msgspec.json.Decoder(list[int])
_DECODE_ANY = msgspec.json.Decoder(list[object])
_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)


def matches(front: bytes, name: str) -> bool:  # noqa: ARG001 -- the bytes suffice
    """Whether a file begins as a program, of either kind."""
    if _PIR.match(front):
        return True
    fields = first_fields(front, 1)
    if not fields or fields[0][0] != BLOCK:
        return False
    _, at, length = fields[0]
    inner = first_fields(front[at : at + length], 3)
    # A block's index is 0, and its parent -1 in ten bytes.
    return (
        len(inner) == 3 and inner[0] == (BLOCK_INDEX, 0, 0) and inner[1][0] == BLOCK_PARENT and signed(inner[1][1]) < 1
    )


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- types are stated
    """Count the persistable variables of one program.

    Args:
        reader: the file.
        hints: unused.

    Raises:
        MalformedFile: it is no program, or a variable's shape is impossible.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    pir = bool(_PIR.match(source.read(0, LOOK_BYTES)))
    sums, program = Sums(), _Seen()
    for variable in _of_json(source, program) if pir else _of_blocks(Walker(source), program):
        sums.add(variable)
    interval = sums.interval(quantised=program.quantised)
    if program.packed:  # two weights of four bits may lie in an integer
        interval = interval + Interval(0, sums.integers)
    findings = []
    if sums.state:
        told = f"{source.name}: {sums.state} elements of trainer state do not count"
        findings.append(Finding("trainer-state-left-out", told))
    return results.of_interval(
        source,
        Basis.PADDLE_HEADER,
        interval,
        point=sums.interval(quantised=program.quantised).high,
        stored=sums.stored,
        buffers=sums.buffers,
        exact=interval.low == interval.high,
        findings=findings,
        note=f"{program.variables} variables of a program; their values are in other files",
    )


@dataclass(slots=True)
class _Seen:
    """What a walk over a program saw beside the variables.

    Attributes:
        variables: how many.
        quantised: whether an operator reads integers as weights.
        packed: whether it may find two of them in each.
    """

    variables: int = 0
    quantised: bool = False
    packed: bool = False

    def operator(self, name: str) -> None:
        """Note an operator by its type."""
        self.quantised = self.quantised or bool(_QUANTISED.search(name))
        self.packed = self.packed or "weight_only" in name

    def variable(self, file: str) -> None:
        """Note a variable.

        Raises:
            MalformedFile: there are too many.
        """
        self.variables += 1
        if self.variables > MAX_VARIABLES:
            raise MalformedFile(file, f"has more than {MAX_VARIABLES} variables")


def _of_blocks(walker: Walker, program: _Seen) -> Iterator[Variable]:
    """The persistable variables of a ProgramDesc, each name once."""
    seen: set[int] = set()
    blocks = 0
    for key, at, length in walker.fields():
        if key != BLOCK:
            continue
        blocks += 1
        for part, begin, size in walker.fields(at, at + length):
            if part == BLOCK_OPERATOR:
                program.operator(_operator(walker, begin, begin + size))
            elif part == BLOCK_VARIABLE:
                variable = _variable(walker, begin, begin + size)
                if variable is not None and hash(variable.name) not in seen:
                    seen.add(hash(variable.name))
                    program.variable(walker.source.name)
                    yield variable
    if not blocks:
        raise MalformedFile(walker.source.name, "holds no block of a program")


def _operator(walker: Walker, start: int, end: int) -> str:
    for key, at, length in walker.fields(start, end):
        if key == OPERATOR_TYPE:
            return walker.text(at, length, "an operator's type") if length <= MAX_OPERATOR_BYTES else ""
    return ""


def _variable(walker: Walker, start: int, end: int) -> Variable | None:
    """A variable; None where it is not persistable, or holds no values."""
    name, described, persistable = "", None, 0
    for key, at, length in walker.fields(start, end):
        if key == VARIABLE_NAME:
            name = walker.text(at, length, "a variable's name")
        elif key == VARIABLE_TYPE:
            described = _type(walker, at, at + length)
        elif key == VARIABLE_PERSISTABLE:
            persistable = at
    if not persistable or described is None:
        return None
    dtype, shape = described
    return Variable(name, DTYPES.get(dtype, f"type-{dtype}"), elements_of(walker.source.name, name, shape))


def _type(walker: Walker, start: int, end: int) -> tuple[int, list[int]] | None:
    """Element type and dimensions of a VarType; None for what holds no tensor."""
    kind = LOD_TENSOR
    for key, at, length in walker.fields(start, end):
        if key == TYPE_KIND:
            kind = at
        elif key == TYPE_ROWS and kind == SELECTED_ROWS:
            return _description(walker, at, at + length)
        elif key == TYPE_TENSOR and kind == LOD_TENSOR:
            for part, begin, size in walker.fields(at, at + length):
                if part == TENSOR_DESCRIPTION:
                    return _description(walker, begin, begin + size)
    return None


def _description(walker: Walker, start: int, end: int) -> tuple[int, list[int]]:
    dtype, shape = 0, []
    for key, at, length in walker.fields(start, end):
        if key == DESCRIPTION_DTYPE:
            dtype = at
        elif key == DESCRIPTION_DIM:
            shape.append(signed(at))
        elif key == DESCRIPTION_DIMS:
            shape += [signed(number) for number in walker.varints(at, length, "dimensions")]
    return dtype, shape


def _of_json(source: FrontReader, program: _Seen) -> Iterator[Variable]:
    """The parameters of a PIR program."""
    size = source.size
    if size is not None and size > MAX_JSON_BYTES:
        raise MalformedFile(source.name, f"is a program of {size} bytes; at most {MAX_JSON_BYTES} are parsed")
    text = source.read(0, MAX_JSON_BYTES if size is None else size)
    if text.count(b"{") > MAX_JSON_OBJECTS:
        raise MalformedFile(source.name, f"is a program of more than {MAX_JSON_OBJECTS} objects")
    try:
        for region in _DECODE_PIR.decode(text).program.regions:
            for block in region.blocks:
                for operation in block.ops:
                    program.operator(operation.kind)
                    if operation.kind in PARAMETERS:
                        program.variable(source.name)
                        yield _parameter(source.name, operation)
        program.packed = program.packed and b"int4" in text
    except _FAULTS as exc:
        raise MalformedFile(source.name, f"is no program: {str(exc)[:200]}") from exc


def _parameter(file: str, operation: _Operation) -> Variable:
    attributes = _DECODE_ANY.decode(operation.attributes)
    name = next((value for value in reversed(attributes) if isinstance(value, str)), "")
    parts = _DECODE_OUTPUT.decode(operation.output).type.parts
    if len(parts) < 2:
        raise MalformedFile(file, f"parameter {name[:80]!r} has no type and shape")
    kind = _DECODE_KIND.decode(parts[0]).kind.rpartition("t_")[2]
    return Variable(name, PIR_DTYPES.get(kind, f"type-{kind}"), elements_of(file, name, _DECODE_SHAPE.decode(parts[1])))
