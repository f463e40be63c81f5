"""Writes protobuf messages field by field, so that a test can make a model file without its schema."""

from __future__ import annotations

import struct
from collections.abc import Iterable


def varint(value: int) -> bytes:
    """A number as base-128 varint; negative ones in two's complement."""
    value %= 2**64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A varint field."""
    return varint(field << 3) + varint(value)


def blob(field: int, payload: bytes | str) -> bytes:
    """A field of a string, bytes or a message."""
    raw = payload.encode() if isinstance(payload, str) else payload
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def packed(field: int, values: Iterable[int]) -> bytes:
    """A field of packed varints."""
    return blob(field, b"".join(map(varint, values)))


def fixed32(field: int, value: float) -> bytes:
    """A float field."""
    return varint(field << 3 | 5) + struct.pack("<f", value)


def message(*fields: tuple[int, int | bytes]) -> bytes:
    """A message of varints and payloads, in the order given."""
    return b"".join(number(at, value) if isinstance(value, int) else blob(at, value) for at, value in fields)
