"""Unpack a Snappy block.

Spec: google/snappy, format_description.txt: the unpacked length as a varint, then elements that are literals or copies
of what was unpacked before.

Written by hand: Python's library has no Snappy, and the tables that use it are small.
"""

from __future__ import annotations

MAX_UNPACKED_BYTES = 16 * 1024 * 1024  # of a block; writers close theirs at 256 KiB, longer only for a longer value
MAX_ELEMENTS = 1_000_000  # in a block: a second of walking


class SnappyError(ValueError):
    """The bytes are no Snappy block."""


def unpack(data: bytes, most: int | None = None) -> bytes:
    """The bytes of a block.

    Args:
        data: the packed block; may be cut short where `most` is given.
        most: stop after this many bytes; None unpacks all.

    Raises:
        SnappyError: the block is broken, or longer than `MAX_UNPACKED_BYTES`.
    """
    length, at = _length(data)
    if length > MAX_UNPACKED_BYTES:
        raise SnappyError(f"{length} bytes unpacked; at most {MAX_UNPACKED_BYTES} are allowed")
    wanted = length if most is None else min(length, most)
    out = bytearray()
    for _ in range(MAX_ELEMENTS):
        if len(out) >= wanted or at >= len(data):
            break
        kind = data[at] & 3
        at = _literal(data, at, out) if kind == 0 else _copy(data, at, kind, out, length)
    if len(out) < wanted or (most is None and len(out) != length):
        raise SnappyError(f"unpacks to {len(out)} bytes instead of {length}")
    return bytes(out)


def _length(data: bytes) -> tuple[int, int]:
    value = 0
    for at, byte in enumerate(data[:5]):
        value |= (byte & 127) << (7 * at)
        if byte < 128:
            return value, at + 1
    raise SnappyError("its length is no varint")


def _literal(data: bytes, at: int, out: bytearray) -> int:
    length = data[at] >> 2
    at += 1
    if length >= 60:
        extra = length - 59
        length = int.from_bytes(data[at : at + extra], "little")
        at += extra
    out += data[at : at + length + 1]
    return at + length + 1


def _copy(data: bytes, at: int, kind: int, out: bytearray, limit: int) -> int:
    tag = data[at]
    if kind == 1:
        length, width = 4 + (tag >> 2 & 7), 1
        offset = (tag >> 5) << 8 | int.from_bytes(data[at + 1 : at + 2], "little")
    else:
        length, width = 1 + (tag >> 2), 2 if kind == 2 else 4
        offset = int.from_bytes(data[at + 1 : at + 1 + width], "little")
    if not 0 < offset <= len(out) or len(out) + length > limit:
        raise SnappyError(f"copies {length} bytes from {offset} before byte {len(out)}")
    start = len(out) - offset
    piece = bytes(out[start : start + length])
    while len(piece) < length:  # the copy runs into itself: it repeats
        piece += piece
    out += piece[:length]
    return at + 1 + width
