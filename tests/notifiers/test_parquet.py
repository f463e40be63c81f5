import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from notifiers.columns import Batch, columns
from notifiers.fields import PARQUET_TYPES, FieldType
from notifiers.render import as_parquet
from notifiers.render.safe import encodable
from notifiers.rows import ModelRow, RowVerdict, Verdict
from tests.notifiers.batching import batches
from tests.notifiers.conftest import MakeRow

ABOUT = {"hubscope.version": "0.test", "hubscope.run": "7"}
HUGE = 2**63 - 1


def written(rows: Iterable[ModelRow], regulations: tuple[str, ...] = ("r",), size: int = 10_000) -> Any:
    data = b"".join(as_parquet.chunks(batches(rows, regulations, size), regulations, ABOUT))
    return parquet.ParquetFile(io.BytesIO(data))


def test_types_are_those_of_the_dictionary() -> None:
    assert set(as_parquet.ARROW) == set(FieldType) == set(PARQUET_TYPES)
    plain = {kind: str(arrow) for kind, arrow in as_parquet.ARROW.items()}
    plain[FieldType.LIST] = plain[FieldType.LIST].replace("element: string not null", "string")
    plain[FieldType.MOMENT] = plain[FieldType.MOMENT].replace("tz=", "")
    assert plain == PARQUET_TYPES


def test_every_column_says_what_it_means(make_row: MakeRow) -> None:
    form = written([make_row("x")], ("r", "q")).schema_arrow
    told = json.loads(form.metadata[b"hubscope.fields"])
    assert form.metadata[b"hubscope.run"] == b"7"
    assert form.names == list(told) == [column.name for column in columns(["r", "q"])]
    for column, field in zip(columns(["r", "q"]), form, strict=True):
        meaning = {key.decode(): value.decode() for key, value in field.metadata.items()}
        assert meaning == {
            "label": column.field.label,
            "unit": column.field.unit,
            "description": column.field.definition,
        }
        assert told[column.name] == {"type": column.type, **meaning}
        assert field.nullable == column.nullable


def test_values_come_back_as_they_were(make_row: MakeRow) -> None:
    odd = ModelRow(
        model="owner/=cmd|'x'",
        low=HUGE,
        point=HUGE,
        high=None,
        observed_at=datetime(2026, 11, 23, 15, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8))),
        created_at=datetime(2022, 3, 2, 23, 29, 4),  # noqa: DTZ001 - as a database without zones gives it
        excluded=("EU", "GB"),
        verdicts=(RowVerdict("r", Verdict.UNDECIDED, Verdict.IN_SCOPE, (), float("inf")),),
    )
    first, second = written([make_row("two\nlines"), odd]).read().to_pylist()
    assert first["model"] == "two\nlines"
    assert first["r.margin"] == 2.5
    assert second["model"] == "owner/=cmd|'x'"
    assert (second["low"], second["point"], second["high"]) == (HUGE, HUGE, None)
    assert second["observed_at"] == datetime(2026, 11, 23, 7, 0, 0, 123456, tzinfo=UTC)
    assert second["created_at"] == datetime(2022, 3, 2, 23, 29, 4, tzinfo=UTC)
    assert second["excluded"] == ["EU", "GB"]
    assert second["limited_to"] == []
    assert second["r.reasons"] == []
    assert second["r.margin"] is None
    assert second["disabled"] is False


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_is_kept(make_row: MakeRow, text: str) -> None:
    (row,) = written([make_row(text)]).read().to_pylist()
    assert row["model"] == row["license"] == row["r.next_step"] == encodable(text)
    assert row["excluded"] == row["r.reasons"] == [encodable(text)]


def test_microseconds_will_do_for_a_moment(make_row: MakeRow) -> None:
    (batch,) = batches([make_row("x")], [])
    moment = 1_700_000_000_123_456
    data = b"".join(as_parquet.chunks([{**batch, "observed_at": [moment]}], [], ABOUT))
    (found,) = parquet.read_table(io.BytesIO(data))["observed_at"].to_pylist()
    assert found == datetime.fromtimestamp(moment // 1_000_000, UTC).replace(microsecond=123456)


def test_a_model_that_was_not_judged_has_no_verdict() -> None:
    (row,) = written([ModelRow(model="a/b")]).read().to_pylist()
    assert {row[name] for name in row if name.startswith("r.")} == {None}


def test_nothing_may_be_missing_where_the_dictionary_says_so(make_row: MakeRow) -> None:
    (batch,) = batches([make_row("x")], [])
    with pytest.raises(pa.ArrowException, match="null"):
        list(as_parquet.chunks([{**batch, "low": [None]}], [], ABOUT))


def test_row_groups_are_bounded_and_written_as_they_fill(make_row: MakeRow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_parquet, "ROWS_PER_GROUP", 100)
    asked: list[int] = []

    def some() -> Iterator[Batch]:
        for batch in batches((replace(make_row("x"), downloads=n) for n in range(250)), ["r"], 50):
            asked.append(len(batch["model"]))
            yield batch

    parts = as_parquet.chunks(some(), ["r"], ABOUT)
    first = next(parts)
    assert len(asked) == 3  # the third batch does not fit any more
    file = parquet.ParquetFile(io.BytesIO(first + b"".join(parts)))
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    assert [group.num_rows for group in groups] == [100, 100, 50]
    assert file.read()["downloads"].to_pylist() == list(range(250))


def test_long_texts_end_a_row_group_earlier(make_row: MakeRow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(as_parquet, "BYTES_PER_GROUP", 100_000)
    file = written((make_row("x" * 1000) for _ in range(100)), size=5)
    assert file.num_row_groups > 5
    assert file.metadata.num_rows == 100


def test_few_values_go_into_a_dictionary_and_all_is_compressed(make_row: MakeRow) -> None:
    group = written([make_row("x")]).metadata.row_group(0)
    chunks = {chunk.path_in_schema: chunk for chunk in map(group.column, range(group.num_columns))}
    assert {chunk.compression for chunk in chunks.values()} == {"ZSTD"}
    for column in columns(["r"]):
        path = column.name + (".list.element" if column.type is FieldType.LIST else "")
        assert ("RLE_DICTIONARY" in chunks[path].encodings) == column.field.categorical


def test_the_same_rows_make_the_same_bytes(make_row: MakeRow) -> None:
    once, twice = (b"".join(as_parquet.chunks(batches([make_row("x")], ["r"]), ["r"], ABOUT)) for _ in range(2))
    assert once == twice


def test_no_models_are_a_file_with_columns() -> None:
    file = written([])
    assert file.metadata.num_rows == 0
    assert file.schema_arrow.names[0] == "model"
