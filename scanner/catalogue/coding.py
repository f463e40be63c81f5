"""How the catalogue writes what it holds millions of: ids, digests and moments in as few bytes as they have.

Statements through SQLAlchemy use the column types; bulk writes that go straight to the driver use the functions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, SmallInteger, TypeDecorator

OBJECT_ID_BYTES = 12  # of a document of MongoDB, as the Hub's `_id` is: its time first, so in the order of creation
_OTHER = b"\x00"  # begins a key that is no such id; printable keys hold no such byte

SOURCES = ("huggingface", "modelscope", "local")
"""Where models come from; a row holds the place in this list, so new ones go to its end."""


def key_bytes(key: str) -> bytes:
    """A model's key as stored: twelve bytes for an id of 24 hexadecimal digits, else its text behind a zero byte."""
    if len(key) == 2 * OBJECT_ID_BYTES:
        try:
            packed = bytes.fromhex(key)
        except ValueError:
            packed = b""
        if packed.hex() == key:
            return packed
    text = _OTHER + key.encode("utf-8", "surrogatepass")
    return text + _OTHER if len(text) == OBJECT_ID_BYTES else text


def key_text(packed: bytes) -> str:
    """The inverse of `key_bytes`."""
    packed = bytes(packed)
    if len(packed) == OBJECT_ID_BYTES:
        return packed.hex()
    return packed.strip(_OTHER).decode("utf-8", "surrogatepass")


def seconds(moment: datetime) -> int:
    """A moment as stored: whole seconds since 1970 in UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // 1)


class Key(TypeDecorator[str]):
    """A model's key."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:  # noqa: ARG002, D102
        return None if value is None else key_bytes(value)

    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:  # noqa: ARG002, D102
        return None if value is None else key_text(value)


class Hex(TypeDecorator[str]):
    """Hexadecimal digits, an even number of them, in small letters."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:  # noqa: ARG002, D102
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:  # noqa: ARG002, D102
        return None if value is None else bytes(value).hex()


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC, to the second."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002, D102
        return None if value is None else seconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else datetime.fromtimestamp(value, UTC)


class Source(TypeDecorator[str]):
    """Where a model comes from."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> int | None:  # noqa: ARG002, D102
        return None if value is None else SOURCES.index(value)

    def process_result_value(self, value: int | None, dialect: Any) -> str | None:  # noqa: ARG002, D102
        return None if value is None else SOURCES[value]
