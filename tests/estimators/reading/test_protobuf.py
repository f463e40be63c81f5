"""The protobuf walker: every wire type, cheap skips, and bytes that are no protobuf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimators.errors import EstimatorError, MalformedFile
from estimators.reading.protobuf import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    TooManyFields,
    Walker,
    first_fields,
    signed,
    tag,
)
from tests.builders import CountingReader
from tests.protobuf_writer import blob, number, varint

MIB = 1024 * 1024


def walked(data: bytes, **options: int | None) -> list[tuple[int, int, int]]:
    return list(Walker(CountingReader(data, "m.onnx", **options)).fields())


def test_every_wire_type() -> None:
    data = number(1, 300) + blob(2, b"abc") + b"\x1d\1\0\0\0" + b"\x21\2\0\0\0\0\0\0\0" + number(5, -1)
    assert walked(data) == [
        (tag(1, VARINT), 300, 0),
        (tag(2, LENGTH), 5, 3),
        (tag(3, FIXED32), 1, 0),
        (tag(4, FIXED64), 2, 0),
        (tag(5, VARINT), 2**64 - 1, 0),
    ]
    assert signed(2**64 - 1) == -1
    assert signed(7) == 7


def test_groups_are_stepped_over() -> None:
    group = b"\x0b" + number(2, 1) + b"\x1b" + blob(4, b"xy") + b"\x1c" + b"\x0c"
    assert walked(group + number(9, 4)) == [(tag(9, VARINT), 4, 0)]


def test_messages_in_messages_strings_and_packed_numbers() -> None:
    inner = blob(1, b"na\xffme") + blob(2, varint(5) + varint(70_000))
    walker = Walker(CountingReader(blob(3, inner) + number(4, 1)))
    fields = walker.fields()
    _, at, length = next(fields)
    (_, name, name_length), (_, dims, dims_length) = walker.fields(at, at + length)
    assert walker.text(name, name_length, "name") == "na\ufffdme"
    assert walker.varints(dims, dims_length, "dims") == [5, 70_000]
    assert next(fields) == (tag(4, VARINT), 1, 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x08", "inside"),
        (b"\x08" + b"\xff" * 11, "does not end"),
        (b"\x0a\x05abc", "ends at byte 7, but its message ends at 5"),
        (b"\x00\x01", "no field begins"),
        (b"\x02\x01x", "no field begins"),
        (b"\x0e\x01", "wire type 6"),
        (b"\x0c", "none is open"),
        (b"\x0b\x08\x01", "group 1 does not end"),
        (b"\x0b\x14\x0c", "ends inside another"),
        (b"\x0d\x01\x02", "does not end"),
        (b"\xff\xff\xff\xff\xff\x01\x01", "no field begins"),
        (b"\x0b" * 200, "nests more than"),
    ],
)
def test_what_is_no_message(data: bytes, said: str) -> None:
    with pytest.raises(MalformedFile, match=said):
        walked(data)


def test_a_value_does_not_reach_beyond_its_message() -> None:
    walker = Walker(CountingReader(blob(1, b"\x08") + number(2, 1)))
    _, at, length = next(walker.fields())
    with pytest.raises(MalformedFile, match="ends at byte"):
        list(walker.fields(at, at + length))


def test_nesting_and_numbers_of_fields_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    walker = Walker(CountingReader(number(1, 1) * 50))

    def down(levels: int) -> None:
        for _ in walker.fields():
            down(levels + 1)

    with pytest.raises(MalformedFile, match="nested more than 100"):
        down(0)
    monkeypatch.setattr("estimators.reading.protobuf.MAX_FIELDS", 49)
    with pytest.raises(TooManyFields):
        list(Walker(CountingReader(number(1, 1) * 50)).fields())
    with pytest.raises(TooManyFields):
        list(Walker(CountingReader(b"\x0b" + number(1, 1) * 50 + b"\x0c")).fields())


def test_payloads_are_not_read() -> None:
    big = b"".join(blob(1, bytes(8 * MIB)) for _ in range(3)) + number(2, 1)
    reader = CountingReader(big)
    assert len(list(Walker(reader).fields())) == 4
    assert reader.requests == 4
    assert reader.bytes_read < 512 * 1024


def test_small_gaps_are_read_over() -> None:
    reader = CountingReader(b"".join(blob(1, bytes(20_000)) for _ in range(400)))
    assert len(list(Walker(reader).fields())) == 400
    assert reader.requests <= 7


def test_a_file_of_unknown_size_ends_where_it_ends() -> None:
    assert walked(number(1, 2) + blob(2, b"x"), size=None) == [(tag(1, VARINT), 2, 0), (tag(2, LENGTH), 4, 1)]


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (number(1, 8) + blob(2, b"pytorch") + blob(7, bytes(10)), [(8, 8, 0), (18, 4, 7), (58, 13, 10)]),
        (number(1, 8) + b"\x3a\x80\x80\x04", [(8, 8, 0), (58, 6, 65_536)]),
        (number(1, 8) + b"\x3a\x80", [(8, 8, 0)]),
        (number(1, 8) + b"\x00", []),
        (b"\x80\x05\x95", []),
        (b"PK\3\4", []),
        (b"", []),
    ],
)
def test_first_fields(data: bytes, fields: list[tuple[int, int, int]]) -> None:
    assert first_fields(data) == fields


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    walker = Walker(CountingReader(data))
    try:
        for key, at, length in walker.fields():
            if key & 7 == LENGTH:
                walker.text(at, length, "x")
                list(walker.fields(at, at + length))
    except EstimatorError:
        pass
    first_fields(data)
