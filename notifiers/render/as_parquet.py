"""The table of models as Parquet, as a stream of bytes: typed columns that say what they mean, in bounded row groups.

The only place that writes with pyarrow. Texts stay as they are (nothing here runs them), except that half a surrogate
pair, which is no Unicode text, becomes U+FFFD; a number that is not finite becomes null, as it is empty in CSV. Nothing
of the hour of writing goes into the file: the same run exported twice gives the same bytes.
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from notifiers.columns import Batch, Column, columns
from notifiers.fields import FieldType
from notifiers.render.safe import encodable

ROWS_PER_GROUP = 50_000  # what readers share out among their threads, and what is held while it is written
BYTES_PER_GROUP = 64 * 1024 * 1024  # of Arrow's arrays; long texts end a row group earlier
COMPRESSION = "zstd"

ARROW = {
    FieldType.TEXT: pa.string(),
    FieldType.LIST: pa.list_(pa.field("element", pa.string(), nullable=False)),
    FieldType.INTEGER: pa.int64(),
    FieldType.NUMBER: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.MOMENT: pa.timestamp("us", tz="UTC"),
}


def schema(regulations: Sequence[str], about: Mapping[str, str]) -> Any:
    """The Arrow schema with its metadata.

    Args:
        regulations: ids whose verdicts are columns.
        about: what the table is of, by dotted name, for the file's metadata.
    """
    wanted = columns(regulations)
    fields = [
        pa.field(column.name, ARROW[column.type], nullable=column.nullable, metadata=_meaning(column))
        for column in wanted
    ]
    dictionary = {column.name: {"type": column.type, **_meaning(column)} for column in wanted}
    return pa.schema(fields, metadata={**about, "hubscope.fields": json.dumps(dictionary, ensure_ascii=False)})


def chunks(batches: Iterable[Batch], regulations: Sequence[str], about: Mapping[str, str]) -> Iterator[bytes]:
    """The file piece by piece; reads `batches` as it goes and holds one row group."""
    sink = _Sink()
    form = schema(regulations, about)
    with parquet.ParquetWriter(
        sink, form, compression=COMPRESSION, use_dictionary=_dictionaries(columns(regulations))
    ) as writer:
        for group in _groups(batches, form):
            writer.write_table(group, row_group_size=group.num_rows)
            yield sink.taken()
    yield sink.taken()


def _meaning(column: Column) -> dict[str, str]:
    field = column.field
    return {"label": field.label, "unit": field.unit, "description": field.definition}


def _dictionaries(wanted: Iterable[Column]) -> list[str]:
    """Paths, as Parquet writes them, of the columns that have few different values."""
    below = {FieldType.LIST: ".list.element"}
    return [column.name + below.get(column.type, "") for column in wanted if column.field.categorical]


def _groups(batches: Iterable[Batch], form: Any) -> Iterator[Any]:
    """Batches put together to tables, each of which becomes one row group."""
    held: list[Any] = []
    rows = size = 0
    for batch in batches:
        record = pa.RecordBatch.from_arrays([_array(batch[field.name], field.type) for field in form], schema=form)
        if held and (rows + record.num_rows > ROWS_PER_GROUP or size + record.nbytes > BYTES_PER_GROUP):
            yield pa.Table.from_batches(held)
            held, rows, size = [], 0, 0
        held.append(record)
        rows, size = rows + record.num_rows, size + record.nbytes
    if held:
        yield pa.Table.from_batches(held)


def _array(values: Sequence[Any], kind: Any) -> Any:
    try:
        array = pa.array(values, kind)
    except UnicodeEncodeError:
        array = pa.array([_encodable(value) for value in values], kind)
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(array), array, pa.scalar(None, kind))
    return array


def _encodable(value: str | tuple[str, ...] | None) -> str | list[str] | None:
    if value is None:
        return None
    return encodable(value) if isinstance(value, str) else [encodable(item) for item in value]


class _Sink(io.RawIOBase):
    """Where the writer writes: keeps the bytes until they are taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._place = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._place += len(self._parts[-1])
        return len(self._parts[-1])

    def taken(self) -> bytes:
        """What was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
