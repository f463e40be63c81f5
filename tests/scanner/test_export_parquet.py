"""A Parquet export of the sample Hub's catalogue, read back by the tools that it is made for."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from sqlalchemy import Engine

from config.regulation import Regulation
from estimators.interface import Basis
from notifiers.columns import Batch, columns
from notifiers.fields import FieldType, Value
from scanner import digest
from scanner.catalogue.queries import Reader
from scanner.deepread import Options
from scanner.scope import Distribution
from tests.scanner.conftest import Bench
from tests.scanner.making import counted, declared, model, regulation, restrictions, scanned

HUGE = 2**63 - 1
OTHER = "eu-test"

Table = list[dict[str, Any]]


def wanted(reader: Reader, regulations: Sequence[str]) -> Table:
    """Every value of every row, straight from the registry, as plain Python has it."""
    table: Table = []
    for row in map(digest.model_row, reader.assessments(reader.run(None))):
        values: dict[str, Value] = {}
        for column in columns(regulations):
            subject: Any = row if column.regulation is None else row.verdict(column.regulation)
            values[column.name] = None if subject is None else column.field.get(subject)
        table.append({name: list(value) if isinstance(value, tuple) else value for name, value in values.items()})
    return table


def rows_of(batches: Iterator[Batch]) -> Table:
    """Batches of columns as rows, in plain Python: what holds a faster way of making batches to the slow one."""
    table: Table = []
    for batch in batches:
        assert len({len(values) for values in batch.values()}) == 1
        for values in zip(*batch.values(), strict=True):
            row = dict(zip(batch, values, strict=True))
            table.append({name: list(value) if isinstance(value, tuple) else value for name, value in row.items()})
    return table


def in_words(table: Table, regulations: Sequence[str]) -> Table:
    """Moments as moments, whichever way they came."""
    moments = {column.name for column in columns(regulations) if column.type is FieldType.MOMENT}
    for row in table:
        for name in moments:
            if isinstance(row[name], int):
                row[name] = datetime.fromtimestamp(row[name] / 1_000_000, UTC)
    return table


def odd_models(engine: Engine, rules: list[Regulation]) -> None:
    """A catalogue of models that the sample Hub has none of."""
    scanned(
        engine,
        model("huge", counted(HUGE, HUGE, HUGE), rules=rules, declared_total=HUGE, declared_sum=HUGE),
        model("open", counted(0, None, None, Basis.FILE_SIZE), rules=rules, license="=1+1", base_model="a/b"),
        model("limited", 2_000_000, declared(["EU", "GB"]), declared(limited_to=["HK"]), rules=rules, gated="manual"),
        model("implied", 5, declared(["CN"], active=False), rules=rules, distribution=Distribution.DISABLED),
        model("bare", rules=rules, revision=None, adapter=True, distribution=Distribution.PRIVATE),
        model("asked", rules=rules[:1], restrictions=restrictions(), likes=3, downloads=4, gated="auto"),
    )


@pytest.mark.parametrize("regulations", [["cn-2026"], ["cn-2026", OTHER], ["nobody-2020", "cn-2026"], []])
def test_batches_hold_what_the_rows_hold(engine: Engine, regulations: list[str]) -> None:
    odd_models(engine, [regulation(), regulation(id=OTHER)])
    reader = Reader(engine)
    found = rows_of(digest.column_batches(reader, reader.run(None), regulations))
    assert in_words(found, regulations) == wanted(reader, regulations)
    assert len(found) == 6


def test_batches_hold_what_the_rows_of_the_sample_hub_hold(bench: Bench) -> None:
    bench.scan(options=Options(texts_per_run=0))
    found = rows_of(digest.column_batches(bench.reader, bench.reader.run(None), ["cn-2026"]))
    assert in_words(found, ["cn-2026"]) == wanted(bench.reader, ["cn-2026"])
    assert len(found) == bench.reader.count(bench.reader.run(None))


def duckdb_rows(path: Path) -> Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        read = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [one[0] for one in read.description or ()]
        return [dict(zip(names, values, strict=True)) for values in read.fetchall()]


def polars_rows(path: Path) -> Table:
    return pl.read_parquet(path).to_dicts()


def pandas_rows(path: Path) -> Table:
    table = pd.read_parquet(path, dtype_backend="pyarrow")
    return [{str(name): _plain(value) for name, value in row.items()} for row in table.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if hasattr(value, "tolist") and not isinstance(value, bool):
        value = value.tolist()
    return None if not isinstance(value, list) and pd.isna(value) else value


TYPES = {
    FieldType.TEXT: ("VARCHAR", pl.String()),
    FieldType.LIST: ("VARCHAR[]", pl.List(pl.String())),
    FieldType.INTEGER: ("BIGINT", pl.Int64()),
    FieldType.NUMBER: ("DOUBLE", pl.Float64()),
    FieldType.BOOLEAN: ("BOOLEAN", pl.Boolean()),
    FieldType.MOMENT: ("TIMESTAMP WITH TIME ZONE", pl.Datetime("us", "UTC")),
}


@pytest.fixture(scope="module")
def rules() -> list[Regulation]:
    return [regulation(), regulation(id=OTHER)]


@pytest.mark.parametrize("read", [duckdb_rows, polars_rows, pandas_rows])
@pytest.mark.parametrize("catalogue", ["sample-hub", "odd"])
def test_every_value_is_read_back(
    sqlite_engine: Engine,
    request: pytest.FixtureRequest,
    rules: list[Regulation],
    tmp_path: Path,
    catalogue: str,
    read: Callable[[Path], Table],
) -> None:
    if catalogue == "odd":
        odd_models(sqlite_engine, rules)
    else:
        Bench(request.getfixturevalue("hub"), sqlite_engine, rules[0]).scan(options=Options(texts_per_run=0))
    reader = Reader(sqlite_engine)
    path = tmp_path / "models.parquet"
    path.write_bytes(b"".join(digest.parquet_chunks(reader, reader.run(None), rules, "0.test")))
    names = [one.id for one in rules]
    expected = wanted(reader, names)
    assert expected
    for found, row in zip(read(path), expected, strict=True):
        assert found == row
        assert {name: type(value) for name, value in found.items()} == {
            name: _type(value) for name, value in row.items()
        }


def _type(value: Any) -> type:
    return datetime if isinstance(value, datetime) else type(value)


def test_readers_see_the_types_of_the_dictionary(
    sqlite_engine: Engine, rules: list[Regulation], tmp_path: Path
) -> None:
    odd_models(sqlite_engine, rules)
    reader = Reader(sqlite_engine)
    path = tmp_path / "models.parquet"
    path.write_bytes(b"".join(digest.parquet_chunks(reader, reader.run(None), rules, "0.test")))
    with duckdb.connect() as connection:
        in_duckdb = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        told = connection.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(path)]).fetchall()
    in_polars = pl.read_parquet_schema(path)
    expected = columns([one.id for one in rules])
    assert [(row[0], row[1]) for row in in_duckdb] == [(column.name, TYPES[column.type][0]) for column in expected]
    assert dict(in_polars) == {column.name: TYPES[column.type][1] for column in expected}
    metadata = {bytes(key).decode(): bytes(value).decode("utf-8", "replace") for key, value in told}
    assert metadata["hubscope.version"] == "0.test"
    assert metadata["hubscope.run"] == "1"
    assert metadata["hubscope.run.finished_at"] == "2026-11-23T07:00:00Z"
    assert '"cn-2026"' in metadata["hubscope.regulations"]
    assert '"cn-2026.margin"' in metadata["hubscope.fields"]
