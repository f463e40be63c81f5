"""The header of NumPy's `.npy` format: element type and shape of the array behind it.

Spec: NumPy enhancement proposal 1 and numpy/lib/_format_impl.py, versions 1.0 to 3.0.

The header is a Python literal. It is read by `ast.literal_eval`, as NumPy itself does it, which builds constants and
calls nothing; its length is capped first, since deep or long literals are costly. Types that NumPy has no name for
(`ml_dtypes`, MLX) are stored as opaque bytes: two bytes an element are bfloat16 there.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from estimators.errors import MalformedFile

MAGIC = b"\x93NUMPY"
FIXED_BYTES = 10  # magic, version and a 16-bit length; two more in versions 2 and 3
MAX_HEADER_BYTES = 66_000  # version 1 ends there; NumPy refuses more than 10,000 unless it trusts the file
MAX_DIMENSIONS = 64  # NumPy 2 allows 64
MAX_ELEMENTS = 2**63  # of one array; NumPy indexes with signed 64-bit numbers
MAX_FIELDS = 10_000  # of a structured type
MAX_NESTING = 16  # structured types in structured types
OBJECT = "OBJECT"  # an array of Python objects: what follows the header is a pickle
OPAQUE = "OPAQUE"  # bytes without a meaning
PADDING = "(padding)"  # name of what lies between the fields of a structure

_FORM = re.compile(r"[<>=|]?([?a-zA-Z])(\d*)(?:\[\w+\])?\Z", re.ASCII)
_LONG = re.compile(rb"(\d)L\b")  # Python 2 wrote its integers so
# Characters that name a type together with its size, by NumPy's array protocol, and those that imply the size.
_LETTERS = {"f": "F", "c": "C", "i": "I", "u": "U"}
_SIZED = {
    "?": ("BOOL", 1), "b": ("I8", 1), "B": ("U8", 1), "h": ("I16", 2), "H": ("U16", 2), "l": ("I64", 8),
    "L": ("U64", 8), "q": ("I64", 8), "Q": ("U64", 8), "e": ("F16", 2), "d": ("F64", 8), "g": ("F128", 16),
    "F": ("C64", 8), "D": ("C128", 16), "G": ("C256", 32),
}  # fmt: skip
NEVER_COUNTED = "BOOL"  # strings and dates are stored elements, and never parameters


class Field(NamedTuple):
    """One component of an element.

    Attributes:
        name: path of the field in a structured type; empty for a plain one.
        dtype: in the names of `dtypes.py`, or `OBJECT`, or `OPAQUE`.
        itemsize: bytes of one value.
        shape: of the values in one element; empty for one value.
    """

    name: str
    dtype: str
    itemsize: int
    shape: tuple[int, ...] = ()

    @property
    def values(self) -> int:
        """Values in one element."""
        return product(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """An array's description.

    Attributes:
        shape: dimensions.
        fields: components of an element, one for a plain type.
        length: bytes of the header, magic included; the data follows.
    """

    shape: tuple[int, ...]
    fields: tuple[Field, ...]
    length: int

    @property
    def elements(self) -> int:
        """Product of the dimensions."""
        return product(self.shape)

    @property
    def holds_objects(self) -> bool:
        """Whether a pickle follows instead of the elements."""
        return any(field.dtype == OBJECT for field in self.fields)

    @property
    def data_bytes(self) -> int:
        """Bytes of all elements."""
        return self.elements * sum(field.itemsize * field.values for field in self.fields)


def product(shape: Sequence[int]) -> int:
    """Elements of a shape, 1 for a scalar."""
    count = 1
    for dimension in shape:
        count *= dimension
    return count


def header_length(file: str, front: bytes) -> int:
    """Bytes of a header by its first `FIXED_BYTES + 2` bytes, magic included.

    Raises:
        MalformedFile: there is no such header, or it is too long.
    """
    if len(front) < FIXED_BYTES or not front.startswith(MAGIC):
        raise MalformedFile(file, f"begins with {front[:8]!r}, not with the magic of .npy")
    version = front[6]
    if version == 1:
        length = FIXED_BYTES + int.from_bytes(front[8:10], "little")
    elif version in (2, 3) and len(front) >= FIXED_BYTES + 2:
        length = FIXED_BYTES + 2 + int.from_bytes(front[8:12], "little")
    else:
        raise MalformedFile(file, f"version of .npy is {version}; 1, 2 and 3 are known")
    if length > MAX_HEADER_BYTES:
        raise MalformedFile(file, f"header length is {length}; at most {MAX_HEADER_BYTES} is allowed")
    return length


def parse_header(file: str, head: bytes) -> Header:
    """The header of an array, out of bytes that hold all of it.

    Raises:
        MalformedFile: it contradicts the format.
    """
    length = header_length(file, head)
    if len(head) < length:
        raise MalformedFile(file, f"header of {length} bytes ends after {len(head)}")
    text = head[FIXED_BYTES if head[6] == 1 else FIXED_BYTES + 2 : length]
    table = _literal(file, text)
    if not isinstance(table, dict) or not {"descr", "shape"} <= table.keys():
        raise MalformedFile(file, "header of .npy is not a dictionary with 'descr' and 'shape'")
    return Header(shape_of(file, table["shape"]), fields_of(file, table["descr"]), length)


def _literal(file: str, text: bytes) -> Any:
    for form in (text, _LONG.sub(rb"\1", text)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as odd escapes in names
                return ast.literal_eval(form.decode("utf-8", "replace").strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as exc:
            fault = exc
    raise MalformedFile(file, f"header of .npy is not a Python literal: {str(fault)[:200]}") from fault


def shape_of(file: str, value: object) -> tuple[int, ...]:
    """A shape, checked.

    Raises:
        MalformedFile: it is none, or has 2^63 elements or more.
    """
    if isinstance(value, int):
        value = (value,)
    if not isinstance(value, tuple | list) or len(value) > MAX_DIMENSIONS:
        raise MalformedFile(file, f"shape is {repr(value)[:80]}; at most {MAX_DIMENSIONS} dimensions are allowed")
    elements = 1
    for dimension in value:
        if not isinstance(dimension, int) or dimension < 0 or dimension >= MAX_ELEMENTS:
            raise MalformedFile(file, f"shape has the dimension {repr(dimension)[:40]}; 0 to 2^63 - 1 is allowed")
        elements *= dimension
        if elements >= MAX_ELEMENTS:
            raise MalformedFile(file, f"shape {repr(tuple(value))[:80]} has 2^63 elements or more")
    return tuple(value)


def fields_of(file: str, descr: object) -> tuple[Field, ...]:
    """The components of an element by its type's description (`dtype.descr`): a name, or a list of named fields.

    Raises:
        MalformedFile: it is no description.
    """
    fields: list[Field] = []
    for field in _walk(file, descr, "", (), 0):
        fields.append(field)
        if len(fields) > MAX_FIELDS:
            raise MalformedFile(file, f"element type has more than {MAX_FIELDS} fields")
    return tuple(fields)


def _walk(file: str, descr: object, name: str, shape: tuple[int, ...], depth: int) -> Iterator[Field]:
    if depth > MAX_NESTING:
        raise MalformedFile(file, f"element type is nested more than {MAX_NESTING} deep")
    if isinstance(descr, str):
        yield Field(name, *type_of(file, descr), shape)
    elif isinstance(descr, tuple) and len(descr) == 2:  # a type and the shape of its values
        yield from _walk(file, descr[0], name, shape + shape_of(file, descr[1]), depth + 1)
    elif isinstance(descr, list):
        for row in descr:
            if not isinstance(row, tuple) or len(row) not in (2, 3):
                raise MalformedFile(file, f"element type has the field {repr(row)[:80]}; (name, type) is allowed")
            label = row[0][-1] if isinstance(row[0], tuple) and row[0] else row[0]  # a title comes first
            inner = shape + shape_of(file, row[2]) if len(row) == 3 else shape
            label = str(label) or PADDING
            yield from _walk(file, row[1], f"{name}.{label}" if name else label, inner, depth + 1)
    else:
        raise MalformedFile(file, f"element type is {repr(descr)[:80]}")


def type_of(file: str, form: str) -> tuple[str, int]:
    """Name (as in `dtypes.py`) and bytes of an element type such as `<f4`.

    Raises:
        MalformedFile: it is no type.
    """
    match = _FORM.match(form)
    if match is None:
        raise MalformedFile(file, f"element type is {form[:40]!r}")
    letter, digits = match[1], match[2]
    if letter == "O":
        return OBJECT, 8
    if not digits and letter in _SIZED:
        return _SIZED[letter]
    if len(digits) > 12:
        raise MalformedFile(file, f"element type {form[:40]!r} is too long")
    size = int(digits or "0")
    if letter in _LETTERS and size:
        return f"{_LETTERS[letter]}{8 * size}", size
    if letter == "V":
        return {1: "F8_E4M3", 2: "BF16"}.get(size, OPAQUE), size
    return NEVER_COUNTED, 4 * size if letter == "U" else size


# Element types by the names that `dtype.name` gives, where the array protocol has none (ml_dtypes).
_NAMED = {
    "bfloat16": ("BF16", 2), "bool": ("BOOL", 1), "int4": ("I4", 1), "uint4": ("U4", 1), "int2": ("I2", 1),
    "uint2": ("U2", 1), "float4_e2m1fn": ("F4", 1), "float6_e2m3fn": ("F6_E2M3", 1), "float6_e3m2fn": ("F6_E3M2", 1),
    "float8_e8m0fnu": ("F8_E8M0", 1), "object": (OBJECT, 8),
}  # fmt: skip
_PLAIN = re.compile(r"(float|complex|u?int)(\d{1,3})\Z", re.ASCII)


def named_type(name: str) -> tuple[str, int] | None:
    """Name (as in `dtypes.py`) and bytes of an element type such as `float32`; None where it is none.

    Values of less than a byte take a whole one in memory, and so in files.
    """
    plain = _PLAIN.match(name)
    if name in _NAMED:
        return _NAMED[name]
    if plain and plain[2] in ("8", "16", "32", "64", "128", "256"):
        letter = {"float": "F", "complex": "C", "int": "I", "uint": "U"}[plain[1]]
        return f"{letter}{plain[2]}", int(plain[2]) // 8
    if name.startswith("float8_"):
        return f"F8_{name[7:].upper()}", 1
    return None
