"""Statements that go straight to the driver, for what is done to a million rows: their texts are made once.

They are written with a `?` for each value, as SQLite takes them; a server's driver wants `%s`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection

from scanner.catalogue.core import MODEL, PAST_JUDGEMENT, PAST_OBSERVATION

KEYS_AT_ONCE = 1000  # of one SELECT; SQLite takes 32,766 values

MODEL_COLUMNS = tuple(column.name for column in MODEL.c)
OBSERVED = tuple(c.name for c in PAST_OBSERVATION.c if c.name not in ("model_key", "since_run", "until_run"))
"""Columns of what is known of a model, now and before."""


@cache
def _marks(count: int) -> str:
    return ", ".join("?" * count)


def run_many(connection: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Carry a statement out for each row; nothing for none."""
    values = list(rows)
    if values:
        connection.exec_driver_sql(_written_for(connection.dialect.name, statement), values)


def select_by_key(
    connection: Connection, table: str, columns: Sequence[str], keys: Sequence[bytes], more: str = "", key: str = "key"
) -> Iterable[Any]:
    """The rows of some keys.

    Args:
        connection: to the database.
        table: where they lie.
        columns: what to read of them.
        keys: as stored.
        more: further conditions, without values of others.
        key: the column that holds the key.
    """
    server = connection.dialect.name == "postgresql"
    for start in range(0, len(keys), KEYS_AT_ONCE):
        chunk = tuple(keys[start : start + KEYS_AT_ONCE])
        among = f"{key} = ANY(%s){more}" if server else f"{key} IN ({_marks(len(chunk))}){more}"
        values = (list(chunk),) if server else chunk
        result = connection.exec_driver_sql(_select(table, tuple(columns), among), values)
        yield from result.cursor.fetchall()  # plain tuples: a million of them need no names
        result.close()


def insert_text(table: str, columns: Sequence[str]) -> str:
    """An INSERT of whole rows."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({_marks(len(columns))})"  # noqa: S608 - our own names


def replace_text(table: str, columns: Sequence[str], key: str) -> str:
    """An INSERT of whole rows that overwrites the row of the same key."""
    others = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    return f"{insert_text(table, columns)} ON CONFLICT ({key}) DO UPDATE SET {others}"


def delete_text(table: str, *columns: str) -> str:
    """A DELETE of the row that has these values."""
    return f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in columns)}"  # noqa: S608 - our own names


PUT_MODEL = replace_text("model", MODEL_COLUMNS, "key")
ADD_PAST_OBSERVATION = insert_text("past_observation", ("model_key", "since_run", "until_run", *OBSERVED))
ADD_PAST_JUDGEMENT = insert_text("past_judgement", tuple(column.name for column in PAST_JUDGEMENT.c))


@cache
def _written_for(dialect: str, statement: str) -> str:
    return statement.replace("?", "%s") if dialect == "postgresql" else statement


@cache
def _select(table: str, columns: tuple[str, ...], where: str) -> str:
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {where}"  # noqa: S608 - our own names
