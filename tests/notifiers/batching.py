"""Rows as batches of columns, one value at a time: what faster ways of making batches are held to."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from notifiers.columns import Batch
from notifiers.fields import MODEL_FIELDS, VERDICT_FIELDS, Value, verdict_column
from notifiers.rows import ModelRow


def batches(rows: Iterable[ModelRow], regulations: Sequence[str], size: int = 10_000) -> Iterator[Batch]:
    """Rows as batches of columns; reads `rows` as it goes and holds `size` of them."""
    left = iter(rows)
    while some := list(islice(left, size)):
        batch: dict[str, Sequence[Value]] = {entry.name: [entry.get(row) for row in some] for entry in MODEL_FIELDS}
        for regulation in regulations:
            verdicts = [row.verdict(regulation) for row in some]
            for field in VERDICT_FIELDS:
                batch[verdict_column(regulation, field.name)] = [None if v is None else field.get(v) for v in verdicts]
        yield batch
