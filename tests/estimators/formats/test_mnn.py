"""MNN: convolutions in all their forms, constants, loops and operators of newer schemas."""

from __future__ import annotations

import contextlib
import struct
from typing import TypeAlias

import pytest

from estimators.errors import MalformedFile
from estimators.formats import mnn
from estimators.interface import Estimate, Hints
from tests.builders import CountingReader

Value: TypeAlias = "bytes | list[Table] | Table | int"


class Table:
    """A FlatBuffer table: fields by number; bytes are a vector's items with their count before them."""

    def __init__(self, **fields: Value) -> None:
        self.fields = {int(name[1:]): value for name, value in fields.items()}


def vector(code: str, *items: float) -> bytes:
    return struct.pack(f"<I{len(items)}{code}", len(items), *items)


def floats(count: int) -> bytes:
    return vector("f", *[0.5] * count)


def integers(count: int) -> bytes:
    return vector("b", *[1] * count)


def written(root: Table) -> bytes:
    """A FlatBuffer with everything after what refers to it."""
    data = bytearray(4)

    def place(value: Value) -> int:
        if isinstance(value, Table):
            return table(value)
        at = len(data)
        if isinstance(value, list):
            data.extend(struct.pack("<I", len(value)) + bytes(4 * len(value)))
            for number, item in enumerate(value):
                slot = at + 4 + 4 * number
                struct.pack_into("<I", data, slot, table(item) - slot)
        elif isinstance(value, bytes):
            data.extend(value)
        return at

    def table(one: Table) -> int:
        count = max(one.fields, default=-1) + 1
        vtable = len(data)
        data.extend(struct.pack("<2H", 4 + 2 * count, 4 + 4 * count))
        data.extend(struct.pack(f"<{count}H", *(4 + 4 * n if n in one.fields else 0 for n in range(count))))
        at = len(data)
        data.extend(struct.pack("<i", at - vtable) + bytes(4 * count))
        for number, value in one.fields.items():
            slot = at + 4 + 4 * number
            if isinstance(value, int):
                struct.pack_into("<i", data, slot, value)
            else:
                struct.pack_into("<I", data, slot, place(value) - slot)
        return at

    struct.pack_into("<I", data, 0, table(root))
    return bytes(data)


def operator(kind: int, parameter: Table, type_: int = 12) -> Table:
    return Table(f1=kind, f2=parameter, f5=type_)


def read(*operators: Table, enough: int | None = None) -> Estimate:
    data = written(Table(f3=list(operators)))
    assert mnn.matches(data[:16], "model.mnn")
    return mnn.estimate(CountingReader(data, "model.mnn"), Hints(enough=enough))


COMMON = Table(f2=3, f3=3, f9=1, f10=8, f11=4)  # 3 by 3, 4 channels to 8: 288 weights


@pytest.mark.parametrize(
    ("parameter", "type_", "weights"),
    [
        (Table(f0=COMMON, f1=floats(288), f2=floats(8)), 12, 296),
        (Table(f0=COMMON, f2=floats(8), f3=Table(f0=integers(200), f1=floats(8))), 12, 296),
        (Table(f0=COMMON, f2=floats(8), f3=Table(f0=integers(576), f2=3)), 12, 296),
        (Table(f0=Table(f2=3, f3=3, f9=8, f10=8, f11=8), f2=floats(8), f3=Table(f0=integers(72))), 13, 80),
        (Table(f0=COMMON, f4=Table(f0=integers(288), f1=vector("i", *[0] * 8), f2=floats(8))), 513, 296),
        (Table(f0=COMMON, f6=vector("q", 0, 288 * 4, 32)), 12, 296),
        (Table(f0=COMMON, f3=Table(f2=1), f6=vector("q", 0, 150, 32, 64)), 12, 296),
    ],
)
def test_forms_of_a_convolution(parameter: Table, type_: int, weights: int) -> None:
    estimate = read(operator(9, parameter, type_))
    assert (estimate.low, estimate.high, estimate.exact) == (weights, weights, True)


def test_a_compressed_convolution_without_a_shape_is_bounded() -> None:
    estimate = read(operator(9, Table(f0=Table(f2=3, f3=3, f10=8), f2=floats(8), f3=Table(f0=integers(100)))))
    assert (estimate.low, estimate.high, estimate.exact) == (8, 808, False)


@pytest.mark.parametrize(
    ("kind", "parameter", "weights"),
    [
        (5, Table(f1=floats(4), f2=floats(4), f3=floats(4), f4=floats(4), f5=floats(4)), 16),
        (7, Table(f0=vector("i", 2, 3), f2=1, f7=floats(6)), 6),
        (7, Table(f0=vector("i", 2, 3), f2=3, f5=vector("i", *range(6))), 0),
        (7, Table(f0=vector("i", 2, 3), f2=19, f3=integers(12)), 6),
        (7, Table(f0=vector("i", 2, 3), f2=1, f9=vector("q", 64, 24)), 6),
        (20, Table(f3=floats(20), f4=floats(2)), 22),
        (24, Table(f3=Table(f7=floats(8)), f4=Table(f7=floats(4)), f5=Table(f7=floats(2))), 14),
        (32, Table(f1=floats(7)), 7),
        (58, Table(f1=floats(7), f2=floats(7)), 14),
        (88, Table(f2=floats(5), f3=floats(5)), 10),
        (88, Table(f5=vector("q", 0, 20, 20)), 10),
        (31, Table(f0=3), 0),
    ],
)
def test_other_operators(kind: int, parameter: Table, weights: int) -> None:
    estimate = read(operator(kind, parameter))
    assert (estimate.point, estimate.exact) == (weights, True)


def test_loops_and_subgraphs_are_walked() -> None:
    inner = operator(32, Table(f1=floats(7)))
    data = written(Table(f3=[operator(92, Table(f6=[Table(f0=inner)]))], f10=[Table(f4=[inner])]))
    assert mnn.estimate(CountingReader(data, "model.mnn"), Hints()).point == 14


def test_operators_of_newer_schemas_leave_the_upper_bound_open() -> None:
    estimate = read(operator(32, Table(f1=floats(7))), operator(120, Table(f0=1)))
    assert (estimate.low, estimate.high, estimate.exact) == (7, None, False)


def test_enough_ends_the_reading() -> None:
    estimate = read(*[operator(32, Table(f1=floats(7))) for _ in range(5)], enough=10)
    assert (estimate.low, estimate.partial, estimate.exact) == (14, True, False)
    assert (estimate.high or 0) >= 35


def test_places_outside_the_file_are_refused() -> None:
    data = written(Table(f3=[operator(32, Table(f1=floats(7)))]))
    for at in range(0, len(data) - 4, 2):
        damaged = data[:at] + b"\xff\xff\xff\x7f" + data[at + 4 :]
        with contextlib.suppress(MalformedFile):
            mnn.estimate(CountingReader(damaged, "model.mnn"), Hints())


def test_a_loop_of_itself_ends() -> None:
    data = bytearray(written(Table(f3=[operator(92, Table(f6=[Table(f0=Table(f1=92, f2=Table(f6=[])))]))])))
    with pytest.raises(MalformedFile):
        mnn.estimate(CountingReader(bytes(data[:-8]), "model.mnn"), Hints())
