"""Count parameters by the tables of TensorFlow checkpoints and SavedModels.

Spec: tensorflow/core/protobuf/tensor_bundle.proto: `<prefix>.index` (`variables/variables.index` in a SavedModel) maps
the name of each variable to its type, shape and place in `<prefix>.data-…`; the empty key holds the header. A
partitioned variable has one entry with its whole shape, and one for each slice under an encoded key that begins with a
zero byte. tensorflow/core/util/saved_tensor_slice.proto: a checkpoint of the first version is one table, where the
empty key lists all variables and the other keys hold their values.

Reads the table, never the values. Slots of optimizers, counters, metrics and averages are left out by their names
(`tensorflow_names`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import prod

from estimators import results
from estimators.dtypes import Kind, kind_of
from estimators.errors import MalformedFile
from estimators.formats.tensorflow import variable_names as tensorflow_names
from estimators.formats.tensorflow.variable_names import Variable
from estimators.interface import Basis, ByteReader, Estimate, Finding, Hints
from estimators.reading import snappy
from estimators.reading.front import front_reader
from estimators.reading.protobuf import LENGTH, VARINT, Field, first_fields, signed, tag
from estimators.reading.sstable import MAGIC, Table

MAX_DIMENSIONS = 254  # as in the reference reader
MAX_LISTED = 60_000  # variables in the first entry of an old checkpoint
MAX_FIELDS = 4_096  # of one entry; of a partitioned variable, one for each slice
MAX_ALL_DIMENSIONS = 300_000  # over all variables: a second; large models have 50,000

# DataType of tensorflow/core/framework/types.proto, as safetensors would call it.
DTYPES = {
    1: "F32", 2: "F64", 3: "I32", 4: "U8", 5: "I16", 6: "I8", 7: "STRING", 8: "C64", 9: "I64", 10: "BOOL",
    11: "QI8", 12: "QU8", 13: "QI32", 14: "BF16", 15: "QI16", 16: "QU16", 17: "U16", 18: "C128", 19: "F16",
    20: "RESOURCE", 21: "VARIANT", 22: "U32", 23: "U64", 24: "F8_E5M2", 25: "F8_E4M3", 26: "F8_E4M3FNUZ",
    27: "F8_E4M3B11FNUZ", 28: "F8_E5M2FNUZ", 29: "I4", 30: "U4", 31: "I2", 32: "U2",
}  # fmt: skip
ELEMENT_BYTES = {
    "F32": 4, "F64": 8, "I32": 4, "U8": 1, "I16": 2, "I8": 1, "C64": 8, "I64": 8, "BOOL": 1, "QI8": 1, "QU8": 1,
    "QI32": 4, "BF16": 2, "QI16": 2, "QU16": 2, "U16": 2, "C128": 16, "F16": 2, "U32": 4, "U64": 8,
}  # fmt: skip

ENTRY_DTYPE, ENTRY_SHAPE, ENTRY_SIZE, ENTRY_SLICES = tag(1, VARINT), tag(2, LENGTH), tag(5, VARINT), tag(7, LENGTH)
SHAPE_DIM, DIM_SIZE = tag(2, LENGTH), tag(1, VARINT)
SLICES_META, META_TENSOR = tag(1, LENGTH), tag(1, LENGTH)
LISTED_NAME, LISTED_SHAPE, LISTED_DTYPE = tag(1, LENGTH), tag(2, LENGTH), tag(3, VARINT)

# The first entry of a table: no shared bytes, an empty key, and the header with the version of its producer.
_BUNDLE = re.compile(rb"\0\0[\x02-\x40](?:\x08.)?(?:\x10.)?\x1a", re.DOTALL)
_OLD = re.compile(rb"\0\0[\x01-\xff]{1,5}\x0a", re.DOTALL)


def matches(front: bytes, name: str) -> bool:
    """Whether a file is a table of variables, by its first entry or, where all of it is here, its end."""
    if _BUNDLE.match(front) or (front.endswith(MAGIC) and len(front) >= 48):
        return True
    if "ckpt" not in name and "checkpoint" not in name:
        return False
    try:
        return bool(_OLD.match(snappy.unpack(front[:512], 16)))
    except snappy.SnappyError:
        return False


def estimate(reader: ByteReader, hints: Hints) -> Estimate:  # noqa: ARG001 -- types are stated, nothing is packed
    """Count the parameters that one table of variables lists.

    Args:
        reader: the `.index` file, or a checkpoint of the first version.
        hints: unused.

    Raises:
        MalformedFile: the table contradicts its format, or an entry its type and shape.
        ReadFailed, BudgetExceeded: from the reader.
    """
    source = front_reader(reader)
    variables = list(_variables(source.name, Table(source)))
    marks = [variable for variable in variables if tensorflow_names.optimizer_marks(variable.name)]
    candidates = [variable for variable in variables if _may_count(variable.dtype)]
    known = set(candidates)
    weights, state, averages = tensorflow_names.split([*candidates, *(mark for mark in marks if mark not in known)])
    weights = [variable for variable in weights if variable in known]
    counted = sum(variable.elements for variable in weights)
    return results.of_count(
        source,
        Basis.TENSORFLOW_INDEX,
        counted,
        stored=sum(variable.elements for variable in variables if variable.dtype in ELEMENT_BYTES),
        buffers=sum(variable.elements for variable in weights if tensorflow_names.is_buffer(variable.name)),
        findings=_findings(source.name, state, averages),
    )


def _findings(file: str, state: int, averages: int) -> Sequence[Finding]:
    found = []
    if state:
        found.append(Finding("trainer-state-left-out", f"{file}: {state} elements of trainer state do not count"))
    if averages:
        found.append(Finding("ema-left-out", f"{file}: {averages} elements are averages or copies of other variables"))
    return found


def _may_count(dtype: str) -> bool:
    return kind_of(dtype) in (Kind.FLOAT, Kind.SUB_BYTE) or dtype.startswith("Q")


def _variables(file: str, table: Table) -> Iterator[Variable]:
    """Every variable that the table lists."""
    listed = (variable for variables in _lists(file, table) for variable in variables)
    dimensions = 0
    for variable in listed:
        dimensions += len(variable.shape)
        if dimensions > MAX_ALL_DIMENSIONS:
            raise MalformedFile(file, f"its variables have more than {MAX_ALL_DIMENSIONS} dimensions")
        yield variable


def _lists(file: str, table: Table) -> Iterator[Iterable[Variable]]:
    for key, value in table.entries():
        if not key:
            listed = _listed(file, value)
            if listed is not None:
                yield listed
                return
        elif not key.startswith(b"\0"):  # slices lie under their variable's encoded name
            yield (_entry(file, key.decode("utf-8", "replace"), value),)


def _fields(file: str, data: bytes, what: str, most: int = MAX_FIELDS) -> list[Field]:
    """The fields of a message that is held as bytes."""
    fields = first_fields(data, most + 1)
    key, at, length = fields[-1] if fields else (VARINT, 0, 0)
    if len(fields) > most or (data and not fields) or (key & 7 == LENGTH and at + length > len(data)):
        raise MalformedFile(file, f"{what} is no message of at most {most} fields")
    return fields


def _entry(file: str, name: str, value: bytes) -> Variable:
    """A variable by its entry in the table."""
    what = f"the entry of {name[:80]!r}"
    dtype = size = 0
    shape: tuple[int, ...] = ()
    sliced = False
    for key, number, length in _fields(file, value, what):
        if key == ENTRY_DTYPE:
            dtype = number
        elif key == ENTRY_SHAPE:
            shape = _shape(file, value[number : number + length], what)
        elif key == ENTRY_SIZE:
            size = number
        sliced = sliced or key == ENTRY_SLICES
    made = _variable(file, name, dtype, shape)
    width = ELEMENT_BYTES.get(made.dtype)
    if width is not None and not sliced and made.elements * width != size:
        raise MalformedFile(file, f"{what}: {made.dtype} of shape {list(shape)[:8]} has {size} bytes")
    return made


def _listed(file: str, value: bytes) -> Iterator[Variable] | None:
    """The variables of an old checkpoint's first entry; None where the entry is the header of a newer table."""
    meta = [field for field in first_fields(value) if field[0] == SLICES_META]
    if not meta:
        return None
    _, at, length = meta[0]
    return _listed_in(file, value[at : at + length])


def _listed_in(file: str, meta: bytes) -> Iterator[Variable]:
    for key, at, length in _fields(file, meta, "the list of variables", MAX_LISTED):
        if key != META_TENSOR:
            continue
        data = meta[at : at + length]
        name, dtype, shape = "", 0, b""
        for part, number, size in _fields(file, data, "a variable"):
            if part == LISTED_NAME:
                name = data[number : number + size].decode("utf-8", "replace")
            elif part == LISTED_SHAPE:
                shape = data[number : number + size]
            elif part == LISTED_DTYPE:
                dtype = number
        what = f"variable {name[:80]!r}"
        yield _variable(file, name, dtype, _shape(file, shape, what))


def _shape(file: str, data: bytes, what: str) -> tuple[int, ...]:
    """The dimensions of a TensorShapeProto."""
    shape = []
    for key, at, length in _fields(file, data, what):
        if key == SHAPE_DIM:
            inner = _fields(file, data[at : at + length], what)
            shape.append(signed(next((number for part, number, _ in inner if part == DIM_SIZE), 0)))
    if len(shape) > MAX_DIMENSIONS or any(dimension < 0 for dimension in shape):
        raise MalformedFile(file, f"{what} has the shape {shape[:8]}")
    return tuple(shape)


def _variable(file: str, name: str, dtype: int, shape: tuple[int, ...]) -> Variable:
    elements = prod(shape)
    if elements >= results.MAX_ELEMENTS:
        raise MalformedFile(file, f"variable {name[:80]!r} of shape {list(shape)[:8]} has 2^63 elements or more")
    dtype_name = DTYPES.get(dtype % 100, f"DT_{dtype}")  # 100 and more: references, in graphs of TensorFlow 1
    return Variable(name, dtype_name, shape, elements)
